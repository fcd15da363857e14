/* SPDX-License-Identifier: Apache-2.0 */
/* What all answers share: head, pages, end. */
#include "aggregator/answer/work.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/records/page.h"

static enum result out_of_memory(struct error *err)
{
    return error_set(err, RESULT_AGAIN, "out of memory");
}

enum result work_blame(struct work *work, unsigned parameter, enum result r)
{
    if (r != RESULT_OK)
        snprintf(work->error.parameter, sizeof(work->error.parameter), "%s",
                 work->arguments.question->parameters[parameter].name);
    return r;
}

enum result work_blame_at(struct work *work, unsigned parameter, size_t offset, enum result r, struct error *err)
{
    char sentence[sizeof(err->text)];
    if (r != RESULT_OK) {
        memcpy(sentence, err->text, sizeof(sentence));
        error_set(err, r, "%s: %.400s", work->arguments.question->parameters[parameter].name, sentence);
        work->error.offset = offset;
    }
    return work_blame(work, parameter, r);
}

/* ---- pages */

static enum result send_pages(struct work *work, const struct records *records, uint32_t rows, struct error *err)
{
    uint32_t most = WORK_PAGE_ROWS, at = 0;
    enum result r = RESULT_OK;
    while (at < rows && r == RESULT_OK) {
        struct page_view view;
        uint32_t count = rows - at < most ? rows - at : most;
        r = page_view_init_as(&view, work->columns, records, at, count, err);
        if (r != RESULT_OK)
            break;
        Pavo__Reply reply = PAVO__REPLY__INIT;
        reply.more = true;
        reply.page = &view.message;
        if (count > 1 && pavo__reply__get_packed_size(&reply) > ANSWER_REPLY_BYTES) {
            most = count / 2; /* and those behind them are not smaller */
        } else {
            r = work->reply(work->context, &reply);
            work->coverage.rows += count;
            at += count;
        }
        page_view_fini(&view);
    }
    return r;
}

static enum result flush(struct work *work, struct error *err)
{
    enum result r = work->page == NULL ? RESULT_OK : send_pages(work, work->page, work->page->rows, err);
    if (work->page != NULL)
        records_clear(work->page);
    return r;
}

enum result work_room(struct work *work, struct error *err)
{
    if (work->page == NULL)
        work->page = records_new(work->columns, WORK_PAGE_ROWS);
    if (work->page == NULL)
        return out_of_memory(err);
    return work->page->rows == WORK_PAGE_ROWS || work->page->observer_count + 2 > RECORDS_OBSERVERS_MAX
               ? flush(work, err)
               : RESULT_OK;
}

enum result work_add(struct work *work, const void *row, struct error *err)
{
    enum result r = work_room(work, err);
    return r == RESULT_OK && records_add(work->page, row) != RESULT_OK ? out_of_memory(err) : r;
}

enum result work_add_item(struct work *work, unsigned list, const void *item, struct error *err)
{
    return records_add_item(work->page, list, item) == RESULT_OK ? RESULT_OK : out_of_memory(err);
}

enum result work_unknown(struct work *work, unsigned column, struct error *err)
{
    return records_set_unknown(work->page, work->page->rows - 1, column) == RESULT_OK ? RESULT_OK : out_of_memory(err);
}

enum result work_send(struct work *work, const struct records *records, uint32_t rows, struct error *err)
{
    enum result r = flush(work, err);
    return r == RESULT_OK ? send_pages(work, records, rows, err) : r;
}

/* ---- the whole */

static enum result send_head(struct work *work, struct error *err)
{
    static const struct record_kind no_columns = {.name = "", .first_time = -1, .last_time = -1, .observer = -1};
    const struct question *question = work->arguments.question;
    struct json command = {0};
    struct page_head head;
    arguments_command(&work->arguments, &command);
    if (command.failed) {
        json_fini(&command);
        return out_of_memory(err);
    }
    enum result r =
        page_head_init(&head, work->columns == NULL ? &no_columns : work->columns, question->name, command.text, err);
    if (r == RESULT_OK) {
        Pavo__Reply reply = PAVO__REPLY__INIT;
        reply.more = true;
        reply.head = &head.message;
        r = work->reply(work->context, &reply);
        page_head_fini(&head);
    }
    json_fini(&command);
    return r;
}

/* A question's name, and who may ask it: a reader anything but what is a gateway's; a gateway for itself what is
 * anybody's or its own, and with a session of a reader what readers may. */
static enum result choose(const struct work *work, const struct question **ret_question, struct error *err)
{
    const char *nearest = NULL;
    const struct question *question = question_find_name(work->query->question, &nearest);
    bool gateway = work->asker->role == KEY_ROLE_GATEWAY, delegated = work->query->session.len > 0;
    if (question == NULL && nearest != NULL)
        return error_set(err, RESULT_REJECT, "there is no question '%.64s'; did you mean '%s'?", work->query->question,
                         nearest);
    if (question == NULL)
        return error_set(err, RESULT_REJECT,
                         "there is no question '%.64s'; the question 'questions' lists what can be asked",
                         work->query->question);
    if (question->access == QUESTION_GATEWAYS && !gateway)
        return error_set(err, RESULT_REJECT, "'%s' is for gateways, and this key is a reader's", question->name);
    if (question->access == QUESTION_GATEWAYS && delegated)
        return error_set(err, RESULT_REJECT, "'%s' is asked by a gateway for itself, without a session",
                         question->name);
    if (question->access == QUESTION_READERS && gateway && !delegated)
        return error_set(err, RESULT_REJECT,
                         "a gateway may not ask '%s' for itself: only in a session that a reader has delegated to it "
                         "(questions 'challenge' and 'delegate')",
                         question->name);
    *ret_question = question;
    return RESULT_OK;
}

static enum result check_session(const struct work *work, struct error *err)
{
    const ProtobufCBinaryData *session = &work->query->session;
    return session->len == 0
               ? RESULT_OK
               : sessions_check(work->sessions, work->asker, session->data, session->len, clock_monotonic_ns(), err);
}

/* Which columns are answered, and which fields they come from. */
static void choose_columns(struct work *work)
{
    const struct arguments *arguments = &work->arguments;
    work->columns = arguments->question->columns == NULL ? NULL : arguments->question->columns();
    if (work->columns == NULL || work->columns->number == 0)
        return;
    if (arguments->order_count > 0) {
        work->narrowed = *work->columns;
        work->narrowed.order = arguments->order;
        work->narrowed.order_count = arguments->order_count;
        work->columns = &work->narrowed;
    }
    memset(work->fields, 0, sizeof(work->fields));
    for (unsigned i = 0; i < kind_places(work->columns); i++)
        kind_rests(work->columns, kind_in_place(work->columns, i), work->fields);
}

/* With the sets that its filters name; the filters hold them from then on. */
static enum result read_arguments(struct work *work, const struct question *question, struct error *err)
{
    struct filter_set sets[FILTER_SETS_MAX];
    size_t count = 0;
    enum result r = enclosed_read(work->enclosed, &work->memory, sets, &count, err);
    if (r != RESULT_OK)
        return r;
    r = arguments_parse(question, work->query->arguments, work->query->n_arguments, sets, count, &work->arguments,
                        &work->error, err);
    enclosed_drop(sets, count);
    return r;
}

enum result work_answer(struct work *work, struct error *err)
{
    const struct question *question = NULL;
    if (work->query->version != 1)
        return error_set(err, RESULT_REJECT, "this aggregator answers queries of version 1, not %u",
                         work->query->version);
    enum result r = check_session(work, err);
    if (r == RESULT_OK)
        r = choose(work, &question, err);
    if (r == RESULT_OK)
        r = read_arguments(work, question, err);
    if (r != RESULT_OK)
        return r;
    choose_columns(work);
    coverage_begin(&work->coverage, work->options->store);
    if (question->begin != NULL)
        r = question->begin(work, err);
    if (r == RESULT_OK)
        r = send_head(work, err);
    if (r == RESULT_OK)
        r = question->run(work, err);
    if (r == RESULT_OK)
        r = flush(work, err);
    if (r == RESULT_OK)
        r = coverage_send(work, err);
    records_free(&work->page);
    if (question->end != NULL)
        question->end(work);
    coverage_fini(&work->coverage);
    arguments_fini(&work->arguments);
    return r;
}
