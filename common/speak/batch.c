/* SPDX-License-Identifier: Apache-2.0 */
/* Batching records. */
#include "common/speak/batch.h"

#include <stdlib.h>
#include <string.h>

#include "common/records/flow.h"

struct batcher {
    struct batcher_options options;
    bool of_flows;
    struct records *records; /* NULL: to be made for the next record */
    int64_t first_at;        /* when the oldest record was first seen waiting; 0: not yet */
    struct batcher_lost lost;
};

enum result batcher_new(const struct batcher_options *options, struct batcher **ret_batcher, struct error *err)
{
    if (options->rows == 0 || options->rows > RECORDS_ROWS_MAX)
        return error_set(err, RESULT_REJECT, "a batch has between 1 and %u rows", RECORDS_ROWS_MAX);
    struct batcher *b = calloc(1, sizeof(*b));
    if (b == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    b->options = *options;
    b->of_flows = options->kind == record_kinds[RECORD_FLOW];
    *ret_batcher = b;
    return RESULT_OK;
}

void batcher_destroy(struct batcher **batcher)
{
    if (*batcher == NULL)
        return;
    records_free(&(*batcher)->records);
    free(*batcher);
    *batcher = NULL;
}

/* A batch with the speaker, which has index 0: rows come with that. */
static bool ready(struct batcher *b)
{
    uint16_t index;
    if (b->records == NULL)
        b->records = records_new(b->options.kind, b->options.rows);
    if (b->records == NULL)
        return false;
    return b->records->observer_count > 0 || records_observer(b->records, &b->options.observer, &index) == RESULT_OK;
}

enum result batcher_observer(struct batcher *batcher, const struct observer *observer, uint16_t *ret_index)
{
    return ready(batcher) ? records_observer(batcher->records, observer, ret_index) : RESULT_FULL;
}

static int64_t time_in(const struct batcher *b, const void *row, int field)
{
    int64_t time = 0;
    if (field >= 0)
        memcpy(&time, (const char *)row + b->options.kind->fields[field].offset, sizeof(time));
    return time;
}

static void lose(struct batcher *b, const void *row)
{
    struct batcher_lost *lost = &b->lost;
    int64_t first = time_in(b, row, b->options.kind->first_time), last = time_in(b, row, b->options.kind->last_time);
    if (lost->records == 0 || first < lost->from_time)
        lost->from_time = first;
    if (lost->records == 0 || last > lost->to_time)
        lost->to_time = last;
    lost->records++;
}

static void flush_if_full(struct batcher *b)
{
    if (b->records->rows == b->options.rows)
        batcher_flush(b);
}

void batcher_add(struct batcher *batcher, const void *row)
{
    struct batcher *b = batcher;
    enum result r = !ready(b)     ? RESULT_FULL
                    : b->of_flows ? flow_batch_add(flow_batch_of(b->records), row)
                                  : records_add(b->records, row);
    if (r != RESULT_OK)
        lose(b, row);
    else
        flush_if_full(b);
}

static enum result add_items(struct batcher *b, const struct batcher_list *lists)
{
    const struct record_kind *kind = b->options.kind;
    for (unsigned l = 0; l < kind->list_count; l++) {
        for (uint32_t i = 0; i < lists[l].count; i++) {
            const void *item = (const char *)lists[l].items + (size_t)i * kind->lists[l].size;
            if (records_add_item(b->records, l, item) != RESULT_OK)
                return RESULT_FULL;
        }
    }
    return RESULT_OK;
}

void batcher_add_lists(struct batcher *batcher, const void *row, const struct batcher_list *lists)
{
    struct batcher *b = batcher;
    if (!ready(b) || records_add(b->records, row) != RESULT_OK) {
        lose(b, row);
        return;
    }
    uint32_t items[RECORDS_LISTS_MAX];
    memcpy(items, b->records->items, sizeof(items));
    if (add_items(b, lists) != RESULT_OK) { /* a row is whole or none */
        b->records->rows--;
        memcpy(b->records->items, items, sizeof(items));
        lose(b, row);
    }
    flush_if_full(b);
}

void batcher_tick(struct batcher *batcher, int64_t now_ns)
{
    if (batcher_waiting(batcher) == 0)
        return;
    if (batcher->first_at == 0)
        batcher->first_at = now_ns;
    else if (now_ns - batcher->first_at >= batcher->options.age_ns)
        batcher_flush(batcher);
}

void batcher_flush(struct batcher *batcher)
{
    batcher->first_at = 0;
    if (batcher_waiting(batcher) == 0)
        return;
    batcher->options.submit(batcher->options.context, &batcher->records);
    if (batcher->records != NULL)
        records_clear(batcher->records);
}

uint32_t batcher_waiting(const struct batcher *batcher)
{
    return batcher->records == NULL ? 0 : batcher->records->rows;
}

struct batcher_lost batcher_lost(const struct batcher *batcher)
{
    return batcher->lost;
}
