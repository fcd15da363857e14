/* SPDX-License-Identifier: Apache-2.0 */
/* The records of a flow as one, as they come by in order. */
#include <stdlib.h>

#include "aggregator/segments/internal.h"
#include "common/records/flow.h"
#include "common/records/merge.h"

/* Flows that wait for more of their records: of one place in the order, by their observers' numbers. More of them (as
 * many sensors that saw flows of one number, at one host within one hour) go by unmerged. */
#define WAITING 32u

struct waiting {
    struct flow flow;
    struct observer observer;
    uint32_t number; /* of the observer in what is written */
};

struct fold {
    struct waiting waiting[WAITING];
    uint32_t count;
    struct order_key key;                    /* theirs */
    struct flow_batch *whole;                /* owned: those that are done; refs lead here */
    uint32_t numbers[RECORDS_OBSERVERS_MAX]; /* of its observers */
};

struct fold *fold_new(void)
{
    struct fold *fold = calloc(1, sizeof(*fold));
    if (fold != NULL && (fold->whole = flow_batch_new(ENGINE_CHUNK_ROWS)) == NULL) {
        free(fold);
        return NULL;
    }
    return fold;
}

void fold_free(struct fold *fold)
{
    if (fold != NULL)
        flow_batch_destroy(&fold->whole);
    free(fold);
}

void fold_clear(struct fold *fold)
{
    flow_batch_clear(fold->whole);
}

bool fold_waits(const struct fold *fold)
{
    return fold->count > 0;
}

bool fold_same(const struct fold *fold, const struct order_key *key)
{
    return fold->count > 0 && order_same_flow(&fold->key, key);
}

static bool same_ends(const struct flow *a, const struct flow *b)
{
    bool straight = a->src_hi == b->src_hi && a->src_lo == b->src_lo && a->src_port == b->src_port &&
                    a->dst_hi == b->dst_hi && a->dst_lo == b->dst_lo && a->dst_port == b->dst_port;
    bool turned = a->src_hi == b->dst_hi && a->src_lo == b->dst_lo && a->src_port == b->dst_port &&
                  a->dst_hi == b->src_hi && a->dst_lo == b->src_lo && a->dst_port == b->src_port;
    return straight || turned;
}

bool fold_take(struct fold *fold, const struct engine_ref *ref, const struct order_key *key)
{
    const struct flow_batch *batch = flow_batch_of(ref->records);
    struct flow flow;
    uint32_t number = ref->numbers[batch->observer[ref->row]], at = 0;
    flow_batch_get(batch, ref->row, &flow);
    while (at < fold->count && (fold->waiting[at].number != number || !same_ends(&fold->waiting[at].flow, &flow)))
        at++;
    if (at == WAITING)
        return false;
    if (at < fold->count) {
        flow_merge(&fold->waiting[at].flow, &flow);
        return true;
    }
    fold->key = *key;
    fold->waiting[fold->count++] = (struct waiting){flow, ref->records->observers[flow.observer], number};
    return true;
}

uint32_t fold_give(struct fold *fold, struct engine_ref *refs, uint32_t room)
{
    uint32_t given = 0;
    while (given < room && given < fold->count) {
        struct waiting *w = &fold->waiting[given];
        uint16_t index;
        if (flow_batch_observer(fold->whole, &w->observer, &index) != RESULT_OK)
            break;
        w->flow.observer = index;
        fold->numbers[index] = w->number;
        if (flow_batch_add(fold->whole, &w->flow) != RESULT_OK)
            break;
        refs[given++] = (struct engine_ref){flow_records(fold->whole), fold->numbers, fold->whole->rows - 1};
    }
    for (uint32_t i = given; i < fold->count; i++)
        fold->waiting[i - given] = fold->waiting[i];
    fold->count -= given;
    return given;
}
