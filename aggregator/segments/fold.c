/* SPDX-License-Identifier: Apache-2.0 */
/* The records of a flow as one, and the sums of an hour, as they come by in order. */
#include <stdlib.h>

#include "aggregator/segments/internal.h"
#include "common/records/flow.h"
#include "common/records/hour.h"
#include "common/records/merge.h"

/* Those that wait for more of their records: of one place in the order, by their observers' numbers. More of them (as
 * many sensors that saw flows of one number, at one host within one hour) go by unmerged. Of an hour there is one: its
 * place has the observer in it. */
#define WAITING 32u

union row {
    struct flow flow;
    struct hour hour;
};

struct waiting {
    union row row;
    struct observer observer;
    uint32_t number; /* of the observer in what is written */
};

struct fold {
    const struct record_kind *kind;
    struct waiting waiting[WAITING];
    uint32_t count;
    struct order_key key;                    /* theirs */
    struct records *whole;                   /* owned: those that are done; refs lead here */
    uint32_t numbers[RECORDS_OBSERVERS_MAX]; /* of its observers */
};

bool fold_folds(const struct record_kind *kind)
{
    return kind == record_kinds[RECORD_FLOW] || kind == record_kinds[RECORD_HOUR];
}

struct fold *fold_new(const struct record_kind *kind)
{
    struct fold *fold = calloc(1, sizeof(*fold));
    if (fold != NULL && (fold->whole = records_new(kind, ENGINE_CHUNK_ROWS)) == NULL) {
        free(fold);
        return NULL;
    }
    if (fold != NULL)
        fold->kind = kind;
    return fold;
}

void fold_free(struct fold *fold)
{
    if (fold != NULL)
        records_free(&fold->whole);
    free(fold);
}

void fold_clear(struct fold *fold)
{
    records_clear(fold->whole);
}

bool fold_waits(const struct fold *fold)
{
    return fold->count > 0;
}

bool fold_same(const struct fold *fold, const struct order_key *key)
{
    return fold->count > 0 && order_same(&fold->key, key);
}

static bool same_ends(const struct flow *a, const struct flow *b)
{
    bool straight = a->src_hi == b->src_hi && a->src_lo == b->src_lo && a->src_port == b->src_port &&
                    a->dst_hi == b->dst_hi && a->dst_lo == b->dst_lo && a->dst_port == b->dst_port;
    bool turned = a->src_hi == b->dst_hi && a->src_lo == b->dst_lo && a->src_port == b->dst_port &&
                  a->dst_hi == b->src_hi && a->dst_lo == b->src_lo && a->dst_port == b->src_port;
    return straight || turned;
}

/* Records of one flow, or of one hour, that stand at one place and are by one observer? */
static bool is_one(const struct fold *fold, const union row *a, const union row *b)
{
    return fold->kind == record_kinds[RECORD_HOUR] || same_ends(&a->flow, &b->flow);
}

static void join(const struct fold *fold, union row *whole, const union row *more)
{
    if (fold->kind == record_kinds[RECORD_HOUR])
        hour_merge(&whole->hour, &more->hour);
    else
        flow_merge(&whole->flow, &more->flow);
}

/* Who saw it, among its records' observers. */
static uint16_t *observer_of(const struct fold *fold, union row *row)
{
    return fold->kind == record_kinds[RECORD_HOUR] ? &row->hour.observer : &row->flow.observer;
}

bool fold_take(struct fold *fold, const struct engine_ref *ref, const struct order_key *key)
{
    union row row;
    uint32_t at = 0;
    records_get(ref->records, ref->row, &row);
    uint16_t observer = *observer_of(fold, &row);
    uint32_t number = ref->numbers[observer];
    while (at < fold->count && (fold->waiting[at].number != number || !is_one(fold, &fold->waiting[at].row, &row)))
        at++;
    if (at == WAITING)
        return false;
    if (at < fold->count) {
        join(fold, &fold->waiting[at].row, &row);
        return true;
    }
    fold->key = *key;
    fold->waiting[fold->count++] = (struct waiting){row, ref->records->observers[observer], number};
    return true;
}

uint32_t fold_give(struct fold *fold, struct engine_ref *refs, uint32_t room)
{
    uint32_t given = 0;
    while (given < room && given < fold->count) {
        struct waiting *w = &fold->waiting[given];
        uint16_t index;
        if (records_observer(fold->whole, &w->observer, &index) != RESULT_OK)
            break;
        *observer_of(fold, &w->row) = index;
        fold->numbers[index] = w->number;
        if (records_add(fold->whole, &w->row) != RESULT_OK)
            break;
        refs[given++] = (struct engine_ref){fold->whole, fold->numbers, fold->whole->rows - 1};
    }
    for (uint32_t i = given; i < fold->count; i++)
        fold->waiting[i - given] = fold->waiting[i];
    fold->count -= given;
    return given;
}
