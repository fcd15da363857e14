/* SPDX-License-Identifier: Apache-2.0 */
/* Held batches: a list in order, with sums. */
#include "common/speak/held.h"

#include <stdlib.h>

TAILQ_HEAD(held_list, held_batch);

struct held {
    struct held_list list;
    uint64_t bytes_max;
    int64_t resend_ns, resend_max_ns;
    uint64_t bytes;         /* of all */
    uint64_t limited_bytes; /* of those with records */
    uint64_t records;
    uint64_t count;
};

void held_batch_destroy(struct held_batch **batch)
{
    if (*batch == NULL)
        return;
    bytes_free(&(*batch)->frame);
    free((*batch)->losses);
    free(*batch);
    *batch = NULL;
}

static uint64_t cost(const struct held_batch *batch)
{
    return batch->frame.length + sizeof(*batch) + batch->loss_count * sizeof(*batch->losses);
}

struct held *held_new(uint64_t bytes_max, int64_t resend_ns, int64_t resend_max_ns)
{
    struct held *held = calloc(1, sizeof(*held));
    if (held == NULL)
        return NULL;
    TAILQ_INIT(&held->list);
    held->bytes_max = bytes_max;
    held->resend_ns = resend_ns;
    held->resend_max_ns = resend_max_ns;
    return held;
}

static void take_out(struct held *held, struct held_batch *batch)
{
    TAILQ_REMOVE(&held->list, batch, link);
    held->bytes -= cost(batch);
    held->limited_bytes -= batch->records > 0 ? cost(batch) : 0;
    held->records -= batch->records;
    held->count--;
}

void held_destroy(struct held **held)
{
    if (*held == NULL)
        return;
    for (struct held_batch *batch; (batch = TAILQ_FIRST(&(*held)->list)) != NULL;) {
        take_out(*held, batch);
        held_batch_destroy(&batch);
    }
    free(*held);
    *held = NULL;
}

enum result held_add(struct held *held, struct held_batch **batch)
{
    uint64_t limited = (*batch)->records > 0 ? cost(*batch) : 0;
    if (limited > held->bytes_max)
        return RESULT_REJECT;
    if (held->limited_bytes + limited > held->bytes_max)
        return RESULT_FULL;
    struct held_batch *before; /* nearly always the last */
    TAILQ_FOREACH_REVERSE(before, &held->list, held_list, link)
    {
        if (before->sequence < (*batch)->sequence)
            break;
    }
    if (before == NULL)
        TAILQ_INSERT_HEAD(&held->list, *batch, link);
    else
        TAILQ_INSERT_AFTER(&held->list, before, *batch, link);
    held->limited_bytes += limited;
    held->bytes += cost(*batch);
    held->records += (*batch)->records;
    held->count++;
    *batch = NULL;
    return RESULT_OK;
}

struct held_batch *held_remove(struct held *held, uint64_t sequence)
{
    struct held_batch *batch;
    TAILQ_FOREACH(batch, &held->list, link)
    { /* acknowledged ones stand among the first, within the credit */
        if (batch->sequence > sequence)
            return NULL;
        if (batch->sequence == sequence) {
            take_out(held, batch);
            return batch;
        }
    }
    return NULL;
}

struct held_batch *held_give_up(struct held *held)
{
    struct held_batch *batch, *victim = NULL;
    TAILQ_FOREACH(batch, &held->list, link)
    {
        if (batch->records == 0)
            continue; /* would make no room */
        if (victim == NULL)
            victim = batch;
        if (!batch->ever_sent) {
            victim = batch;
            break;
        }
    }
    if (victim != NULL)
        take_out(held, victim);
    return victim;
}

struct held_batch *held_supersede(struct held *held)
{
    struct held_batch *batch;
    TAILQ_FOREACH_REVERSE(batch, &held->list, held_list, link)
    {
        if (batch->ever_sent)
            return NULL; /* as are all before it */
        if (batch->records == 0) {
            take_out(held, batch);
            return batch;
        }
    }
    return NULL;
}

struct held_batch *held_next(struct held *held, uint32_t credit, int64_t now, int64_t *ret_due)
{
    struct held_batch *batch;
    int64_t due = INT64_MAX;
    TAILQ_FOREACH(batch, &held->list, link)
    {
        if (credit-- == 0)
            break;
        if (!batch->in_flight || batch->due_ns <= now)
            return batch;
        if (batch->due_ns < due)
            due = batch->due_ns;
    }
    *ret_due = due;
    return NULL;
}

void held_sent(const struct held *held, struct held_batch *batch, int64_t now)
{
    if (!batch->in_flight)
        batch->wait_ns = held->resend_ns;
    else if ((batch->wait_ns *= 2) > held->resend_max_ns)
        batch->wait_ns = held->resend_max_ns;
    batch->ever_sent = true;
    batch->in_flight = true;
    batch->due_ns = now + batch->wait_ns;
}

void held_connection_lost(struct held *held)
{
    struct held_batch *batch;
    TAILQ_FOREACH(batch, &held->list, link)
    batch->in_flight = false;
}

struct held_batch *held_after(const struct held *held, const struct held_batch *batch)
{
    return batch == NULL ? TAILQ_FIRST(&held->list) : TAILQ_NEXT(batch, link);
}

uint64_t held_records(const struct held *held)
{
    return held->records;
}

uint64_t held_count(const struct held *held)
{
    return held->count;
}

uint64_t held_bytes(const struct held *held)
{
    return held->bytes;
}
