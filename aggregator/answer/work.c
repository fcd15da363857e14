/* SPDX-License-Identifier: Apache-2.0 */
/* Find and Replay, and what all answers share. */
#include "aggregator/answer/work.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/filter.h"
#include "proto/codec.h"

#define WORDS_PAGE 4096u /* links, losses or statuses read at once for a replay */

Pavo__Reply work_reply(bool more)
{
    Pavo__Reply reply = PAVO__REPLY__INIT;
    reply.more = more;
    return reply;
}

enum result work_send_flows(struct work *work, const struct flow_batch *flows, struct error *err)
{
    struct flow_columns_view view;
    enum result r = flow_columns_view_init(&view, flows, err);
    if (r != RESULT_OK)
        return r;
    Pavo__Reply reply = work_reply(true);
    reply.flows = &view.message;
    r = work->reply(work->context, &reply);
    flow_columns_view_fini(&view);
    return r;
}

enum result work_send_links(struct work *work, const struct link *links, size_t count, struct error *err)
{
    if (count == 0)
        return RESULT_OK;
    struct publish_links messages;
    enum result r = publish_links_init(links, count, &messages, err);
    if (r != RESULT_OK)
        return r;
    Pavo__Reply reply = work_reply(true);
    reply.links = messages.pointers;
    reply.n_links = count;
    r = work->reply(work->context, &reply);
    publish_links_fini(&messages);
    return r;
}

enum result work_coverage(struct work *work, int64_t from_ns, int64_t to_ns, bool truncated, struct error *err)
{
    struct store_words losses = {0};
    char(*silent)[SENSOR_NAME_MAX] = NULL;
    size_t silent_count = 0;
    enum result r = store_losses(work->second, from_ns, to_ns, ANSWER_LOSSES_MAX, &losses, err);
    /* Of all time, nobody has been silent whom the store knows. */
    if (r == RESULT_OK && (from_ns != 0 || to_ns != 0))
        r = store_silent(work->second, from_ns, to_ns, &silent, &silent_count, err);
    Pavo__Loss **loss_messages = calloc(losses.count + 1, sizeof(*loss_messages));
    char **silent_names = calloc(silent_count + 1, sizeof(*silent_names));
    if (r == RESULT_OK && (loss_messages == NULL || silent_names == NULL))
        r = error_set(err, RESULT_AGAIN, "out of memory");
    if (r == RESULT_OK) {
        for (size_t i = 0; i < losses.count; i++)
            loss_messages[i] = losses.words[i].loss;
        for (size_t i = 0; i < silent_count; i++)
            silent_names[i] = silent[i];
        struct store_summary summary;
        store_summarise(work->options->store, &summary);
        Pavo__Coverage coverage = PAVO__COVERAGE__INIT;
        coverage.losses = loss_messages;
        coverage.n_losses = losses.count;
        coverage.silent = silent_names;
        coverage.n_silent = silent_count;
        coverage.truncated = truncated;
        coverage.scanned_from_ns = (uint64_t)summary.first_ns;
        coverage.scanned_to_ns = (uint64_t)summary.last_ns;
        coverage.elapsed_ns = (uint64_t)(clock_monotonic_ns() - work->started_ns);
        Pavo__Reply reply = work_reply(false);
        reply.coverage = &coverage;
        r = work->reply(work->context, &reply);
    }
    free(loss_messages);
    free(silent_names);
    free(silent);
    store_words_free(&losses);
    return r;
}

/* ---- find */

static enum result send_links_of(struct work *work, const struct flow_batch *flows, struct error *err)
{
    for (uint32_t from = 0; from < flows->rows; from += STORE_NAMES_MAX) {
        uint32_t count = flows->rows - from < STORE_NAMES_MAX ? flows->rows - from : STORE_NAMES_MAX;
        struct flow_name *names = calloc(count, sizeof(*names));
        if (names == NULL)
            return error_set(err, RESULT_AGAIN, "out of memory");
        for (uint32_t i = 0; i < count; i++)
            names[i] = (struct flow_name){flows->observers[flows->observer[from + i]], flows->flow[from + i]};
        struct store_links links = {0};
        enum result r = store_links_of(work->second, names, count, &links, err);
        free(names);
        if (r == RESULT_OK)
            r = work_send_links(work, links.links, links.count, err);
        store_links_free(&links);
        if (r != RESULT_OK)
            return r;
    }
    return RESULT_OK;
}

/* The rows beyond the limit are cut off; they were asked for to know that there are some. */
static enum result send_found(struct work *work, uint64_t limit, bool links, bool *ret_truncated, struct error *err)
{
    struct flow_batch *batch;
    uint64_t left = limit;
    enum result r;
    while ((r = store_next(work->reader, &batch, NULL, err)) == RESULT_OK) {
        if (batch->rows > left) {
            batch->rows = (uint32_t)left;
            *ret_truncated = true;
        }
        left -= batch->rows;
        if (batch->rows > 0)
            r = work_send_flows(work, batch, err);
        if (r == RESULT_OK && links && batch->rows > 0)
            r = send_links_of(work, batch, err);
        flow_batch_destroy(&batch);
        if (r != RESULT_OK)
            return r;
    }
    return r == RESULT_END ? RESULT_OK : r;
}

enum result work_find(struct work *work, size_t *ret_offset, struct error *err)
{
    const Pavo__Find *find = work->query->find;
    struct filter *filter = NULL;
    enum result r = filter_parse(find->filter, &filter, ret_offset, err);
    if (r != RESULT_OK)
        return r;
    uint64_t limit = find->limit == 0 || find->limit > ANSWER_ROWS_MAX ? ANSWER_ROWS_MAX : find->limit;
    const struct store_query query = {
        .filter = filter, .from_ns = find->from_ns, .to_ns = find->to_ns, .limit = limit + 1};
    bool truncated = false;
    r = store_find(work->reader, &query, err);
    if (r == RESULT_OK)
        r = send_found(work, limit, find->links, &truncated, err);
    if (r == RESULT_OK)
        r = work_coverage(work, find->from_ns, find->to_ns, truncated, err);
    filter_destroy(&filter);
    return r;
}

/* ---- replay */

static enum result send_published(struct work *work, Pavo__Published *published)
{
    Pavo__Reply reply = work_reply(true);
    published->version = 1;
    reply.published = published;
    return work->reply(work->context, &reply);
}

/* `previous` is what the reader has seen before: with a filter, the last message it was sent. */
static enum result replay_flows(struct work *work, uint64_t through, size_t *ret_offset, struct error *err)
{
    const Pavo__Replay *replay = work->query->replay;
    struct filter *filter = NULL;
    enum result r = filter_parse(replay->filter, &filter, ret_offset, err);
    if (r != RESULT_OK)
        return r;
    r = store_find(
        work->reader,
        &(struct store_query){.filter = filter, .after = replay->after, .through = through, .by_position = true}, err);
    struct flow_batch *batch;
    uint64_t previous = replay->after, position = 0;
    while (r == RESULT_OK && (r = store_next(work->reader, &batch, &position, err)) == RESULT_OK) {
        struct flow_columns_view view;
        r = flow_columns_view_init(&view, batch, err);
        if (r == RESULT_OK) {
            Pavo__Published published = PAVO__PUBLISHED__INIT;
            published.position = position;
            published.previous = previous;
            published.flows = &view.message;
            r = send_published(work, &published);
            flow_columns_view_fini(&view);
        }
        previous = position;
        flow_batch_destroy(&batch);
    }
    filter_destroy(&filter);
    return r == RESULT_END ? RESULT_OK : r;
}

/* One message for the links [from, to) of one position. */
static enum result send_links_at(struct work *work, const struct store_links *page, size_t from, size_t to,
                                 uint64_t previous, struct error *err)
{
    struct publish_links messages;
    enum result r = publish_links_init(page->links + from, to - from, &messages, err);
    if (r != RESULT_OK)
        return r;
    Pavo__Published published = PAVO__PUBLISHED__INIT;
    published.position = page->positions[from];
    published.previous = previous;
    published.links = messages.pointers;
    published.n_links = to - from;
    r = send_published(work, &published);
    publish_links_fini(&messages);
    return r;
}

static enum result replay_links(struct work *work, uint64_t through, struct error *err)
{
    uint64_t previous = work->query->replay->after;
    size_t limit = WORDS_PAGE;
    for (;;) {
        struct store_links page = {0};
        enum result r = store_links_after(work->reader, previous, through, limit, &page, err);
        size_t count = page.count;
        /* A position cut by the page's end comes whole with the next page; one that fills a page, with a larger one. */
        while (count > 0 && page.count == limit && page.positions[count - 1] == page.positions[page.count - 1])
            count--;
        for (size_t from = 0, to; r == RESULT_OK && from < count; from = to) {
            for (to = from; to < count && page.positions[to] == page.positions[from];)
                to++;
            r = send_links_at(work, &page, from, to, previous, err);
            previous = page.positions[from];
        }
        bool end = page.count < limit;
        limit = count == 0 ? limit * 2 : WORDS_PAGE;
        store_links_free(&page);
        if (r != RESULT_OK || end)
            return r;
    }
}

/* One message for the words [from, to) of one position. */
static enum result send_words(struct work *work, const struct store_words *page, size_t from, size_t to,
                              uint64_t previous, struct error *err)
{
    Pavo__Loss **losses = calloc(to - from, sizeof(*losses));
    if (losses == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    Pavo__Observer observer = PAVO__OBSERVER__INIT;
    observer.sensor = page->words[from].observer.sensor;
    observer.epoch = page->words[from].observer.epoch;
    Pavo__Published published = PAVO__PUBLISHED__INIT;
    published.position = page->words[from].position;
    published.previous = previous;
    published.observer = &observer;
    published.status = page->words[from].status;
    for (size_t i = from; i < to && page->words[i].loss != NULL; i++)
        losses[published.n_losses++] = page->words[i].loss;
    published.losses = losses;
    enum result r = send_published(work, &published);
    free(losses);
    return r;
}

static enum result replay_words(struct work *work, bool losses, uint64_t through, struct error *err)
{
    uint64_t previous = work->query->replay->after;
    for (;;) {
        /* A batch has at most RECEIVE_LOSSES_MAX losses: a page always holds one position whole. */
        struct store_words page = {0};
        const size_t limit = WORDS_PAGE + RECEIVE_LOSSES_MAX;
        enum result r = losses ? store_losses_after(work->reader, previous, through, limit, &page, err)
                               : store_statuses_after(work->reader, previous, through, limit, &page, err);
        size_t count = page.count;
        while (count > 0 && page.count == limit &&
               page.words[count - 1].position == page.words[page.count - 1].position)
            count--;
        for (size_t from = 0, to; r == RESULT_OK && from < count; from = to) {
            for (to = from; to < count && page.words[to].position == page.words[from].position;)
                to++;
            r = send_words(work, &page, from, to, previous, err);
            previous = page.words[from].position;
        }
        bool end = page.count < limit;
        store_words_free(&page);
        if (r != RESULT_OK || end)
            return r;
    }
}

enum result work_replay(struct work *work, size_t *ret_offset, struct error *err)
{
    const Pavo__Replay *replay = work->query->replay;
    struct store_summary summary;
    store_summarise(work->options->store, &summary);
    uint64_t through = replay->through == 0 || replay->through > summary.position ? summary.position : replay->through;
    enum result r;
    if (strcmp(replay->topic, "flow") == 0)
        r = replay_flows(work, through, ret_offset, err);
    else if (strcmp(replay->topic, "link") == 0)
        r = replay_links(work, through, err);
    else if (strcmp(replay->topic, "loss") == 0)
        r = replay_words(work, true, through, err);
    else if (strcmp(replay->topic, "status") == 0)
        r = replay_words(work, false, through, err);
    else
        return error_set(err, RESULT_REJECT, "no topic \"%.32s\": flow, link, loss and status can be replayed",
                         replay->topic);
    if (r != RESULT_OK)
        return r;
    Pavo__Intake intake = PAVO__INTAKE__INIT;
    intake.position = through;
    Pavo__Reply reply = work_reply(false);
    reply.intake = &intake;
    return work->reply(work->context, &reply);
}
