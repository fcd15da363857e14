/* SPDX-License-Identifier: Apache-2.0 */
/* What the answer door may send: any bytes as a Reply that begins an answer, and once more as one that goes on with it;
 * everything it comes to is asked for everything. */
#include <stdint.h>
#include <stdlib.h>

#include "common/libpavo/answer.h"
#include "tests/fuzz/ask_columns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Until the reply is used up, or the answer over. */
static void read_reply(pavo_answer *answer)
{
    const pavo_columns *page;
    int result;
    while ((result = answer_step(answer, &page)) == PAVO_OK)
        ask_columns(page);
    if ((result == PAVO_FAILED) != (pavo_answer_error(answer) != NULL))
        abort();
    if ((result == PAVO_END) != (pavo_answer_coverage(answer) != PAVO_COVERAGE_UNKNOWN))
        abort();
    ask_columns(pavo_answer_gaps(answer));
    ask_columns(pavo_answer_reaches(answer));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Pavo__Reply *first = pavo__reply__unpack(NULL, size, data), *second = pavo__reply__unpack(NULL, size, data);
    pavo_answer *answer;
    struct error err;
    if (first == NULL || second == NULL)
        return 0;
    if (answer_begin(first, &answer, &err) != RESULT_OK) {
        pavo__reply__free_unpacked(second, NULL);
        return 0;
    }
    ask_columns(pavo_answer_columns(answer));
    if (pavo_answer_command(answer) == NULL)
        abort();
    read_reply(answer);
    answer_take(answer, second);
    read_reply(answer);
    pavo_answer_destroy(&answer);
    return 0;
}
