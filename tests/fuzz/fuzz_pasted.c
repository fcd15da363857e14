/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as a pasted report: it is refused with a sentence, or what is understood can be said, and is a time that
 * there is. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/pasted.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct when_here here = {.now_ns = 1795645000500000000};
    struct pasted pasted;
    struct error err = {""};
    char said[PASTED_TEXT_MAX];
    char *text = malloc(size + 1);
    if (text == NULL)
        return 0;
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    tzset();
    memcpy(text, data, size);
    text[size] = '\0';
    if (pasted_parse(text, &here, &pasted, &err) != RESULT_OK
            ? err.text[0] == '\0'
            : (pasted.timed && pasted.at.from_ns >= pasted.at.to_ns) || pasted_text(&pasted, said)[0] == '\0')
        abort();
    free(text);
    return 0;
}
