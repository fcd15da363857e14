/* SPDX-License-Identifier: Apache-2.0 */
/* Replies into pages and coverage. */
#include "common/libpavo/answer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Foreign text of ours. NULL: out of memory. */
static char *keep(const char *text)
{
    char *copy = strdup(text);
    if (copy != NULL)
        text_clean(copy);
    return copy;
}

enum result answer_begin(Pavo__Reply *reply, pavo_answer **ret_answer, struct error *err)
{
    pavo_answer *answer = calloc(1, sizeof(*answer));
    enum result result = RESULT_OK;
    if (answer == NULL)
        result = error_set(err, RESULT_FATAL, "out of memory");
    else if (reply->head == NULL)
        result = error_set(err, RESULT_REJECT, "an answer that does not say what columns it has");
    else
        result = shape_of_head(reply->head, &answer->shape, err);
    if (result == RESULT_OK) {
        answer->coverage = PAVO_COVERAGE_UNKNOWN;
        answer->command = keep(reply->head->command);
        answer->head = columns_new(answer->shape, NULL);
        if (answer->command == NULL || answer->head == NULL)
            result = error_set(err, RESULT_FATAL, "out of memory");
    }
    if (result != RESULT_OK) {
        pavo__reply__free_unpacked(reply, NULL);
        pavo_answer_destroy(&answer);
        return result;
    }
    answer->reply = reply;
    *ret_answer = answer;
    return RESULT_OK;
}

static void use_up(pavo_answer *answer)
{
    if (answer->reply != NULL)
        pavo__reply__free_unpacked(answer->reply, NULL);
    answer->reply = NULL;
}

void answer_take(pavo_answer *answer, Pavo__Reply *reply)
{
    use_up(answer);
    answer->reply = reply;
}

int answer_fail(pavo_answer *answer, const char *why)
{
    use_up(answer);
    answer->failed = answer->ended = true;
    error_set(&answer->error, RESULT_FATAL, "%s", why);
    text_clean(answer->error.text);
    return PAVO_FAILED;
}

/* The page of the reply, which is rid of it then: it is not held twice. */
static enum result read_page(pavo_answer *answer, Pavo__Reply *reply, struct error *err)
{
    struct records *records;
    enum result result = page_read(shape_page_kind(answer->shape), reply->page, &records, err);
    if (result != RESULT_OK)
        return result;
    answer->rows += records->rows;
    answer->page = columns_new(answer->shape, records);
    pavo__page__free_unpacked(reply->page, NULL);
    reply->page = NULL;
    return answer->page == NULL ? error_set(err, RESULT_FATAL, "out of memory") : RESULT_OK;
}

static enum result read_coverage(pavo_answer *answer, const Pavo__Coverage *c, struct error *err)
{
    if (c == NULL)
        return error_set(err, RESULT_REJECT, "the answer ended without saying what it rests on");
    if (c->rows != answer->rows)
        return error_set(err, RESULT_REJECT, "the answer has %" PRIu64 " rows, and %" PRIu64 " came", c->rows,
                         answer->rows);
    enum result result = coverage_gaps(c, &answer->gaps, err);
    if (result == RESULT_OK)
        result = coverage_reaches(c, &answer->reaches, err);
    if (result != RESULT_OK)
        return result;
    /* A state of a newer contract: something that we cannot name, so not the whole. */
    answer->coverage = c->state == PAVO__COVERAGE__STATE__WHOLE  ? PAVO_COVERAGE_WHOLE
                       : c->state == PAVO__COVERAGE__STATE__NONE ? PAVO_COVERAGE_NONE
                                                                 : PAVO_COVERAGE_PARTIAL;
    answer->oldest_ns = c->oldest_ns;
    answer->newest_ns = c->newest_ns;
    answer->position = c->position;
    answer->elapsed_ns = c->elapsed_ns;
    answer->covered = true;
    return RESULT_OK;
}

int answer_step(pavo_answer *answer, const pavo_columns **ret_page)
{
    struct error err = {""};
    Pavo__Reply *reply = answer->reply;
    pavo_columns_destroy(&answer->page);
    if (answer->failed)
        return PAVO_FAILED;
    if (answer->ended)
        return PAVO_END;
    if (reply == NULL)
        return PAVO_TIMEOUT;
    if (reply->error[0] != '\0') {
        error_set(&err, RESULT_FATAL, "%s", reply->error);
        return answer_fail(answer, err.text);
    }
    if (reply->page != NULL && reply->page->rows > 0) {
        if (read_page(answer, reply, &err) != RESULT_OK)
            return answer_fail(answer, err.text);
        *ret_page = answer->page;
        return PAVO_OK;
    }
    if (!reply->more) {
        if (read_coverage(answer, reply->coverage, &err) != RESULT_OK)
            return answer_fail(answer, err.text);
        answer->ended = true;
    }
    use_up(answer);
    return answer->ended ? PAVO_END : PAVO_TIMEOUT;
}

/* ---- what may be asked of it */

const char *pavo_answer_error(const pavo_answer *answer)
{
    return answer == NULL ? "there is no answer" : answer->failed ? answer->error.text : NULL;
}

const pavo_columns *pavo_answer_columns(const pavo_answer *answer)
{
    return answer == NULL ? NULL : answer->head;
}

const char *pavo_answer_command(const pavo_answer *answer)
{
    return answer == NULL ? NULL : answer->command;
}

int pavo_answer_coverage(const pavo_answer *answer)
{
    return answer == NULL ? PAVO_COVERAGE_UNKNOWN : (int)answer->coverage;
}

const pavo_columns *pavo_answer_gaps(const pavo_answer *answer)
{
    return answer == NULL || !answer->covered ? NULL : answer->gaps;
}

const pavo_columns *pavo_answer_reaches(const pavo_answer *answer)
{
    return answer == NULL || !answer->covered ? NULL : answer->reaches;
}

int pavo_answer_extent(const pavo_answer *answer, int64_t *oldest_ns, int64_t *newest_ns, uint64_t *position,
                       int64_t *elapsed_ns)
{
    if (answer == NULL || !answer->covered)
        return -1;
    if (oldest_ns != NULL)
        *oldest_ns = answer->oldest_ns;
    if (newest_ns != NULL)
        *newest_ns = answer->newest_ns;
    if (position != NULL)
        *position = answer->position;
    if (elapsed_ns != NULL)
        *elapsed_ns = answer->elapsed_ns;
    return 0;
}
