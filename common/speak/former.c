/* SPDX-License-Identifier: Apache-2.0 */
/* Earlier lives. */
#include "common/speak/former.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/speak/encode.h"

struct former *former_new(uint64_t epoch, struct session_pace pace)
{
    struct former *former = calloc(1, sizeof(*former));
    struct held *held = held_new(UINT64_MAX, pace.resend_ns, pace.resend_max_ns);
    if (former == NULL || held == NULL) {
        free(former);
        held_destroy(&held);
        return NULL;
    }
    *former = (struct former){.epoch = epoch, .held = held};
    return former;
}

void former_destroy(struct former **former)
{
    if (*former == NULL)
        return;
    held_destroy(&(*former)->held);
    free(*former);
    *former = NULL;
}

/* What the batch told of, and its own records. */
static void losses_of(const struct held_batch *batch, enum loss_kind kind, const char *reason, struct losses *losses)
{
    struct pending_loss loss = {.loss = (uint8_t)kind,
                                .from_time = batch->from_time,
                                .to_time = batch->to_time,
                                .count = batch->records,
                                .sequence = batch->sequence};
    snprintf(loss.reason, sizeof(loss.reason), "%s", reason);
    losses_add_all(losses, batch->losses, batch->loss_count);
    if (batch->records > 0)
        losses_add(losses, &loss);
}

enum result former_give_up(struct former *former, const struct former_speaker *speaker, struct held_batch **batch,
                           enum loss_kind kind, const char *reason)
{
    struct held_batch *told = NULL;
    struct losses *losses = calloc(1, sizeof(*losses));
    enum result r = losses == NULL ? RESULT_FATAL : RESULT_OK;
    if (r == RESULT_OK)
        losses_of(*batch, kind, reason, losses);
    /* A status says nothing that is missed; a loss that is refused itself cannot be told. */
    if (r == RESULT_OK && losses->count > 0 && (*batch)->loss_sequence > 0) {
        const struct encode_name name = {speaker->sensor, former->epoch, (*batch)->loss_sequence};
        r = encode_batch(&name, NULL, 0, losses, speaker->seal_public, &told, NULL);
    }
    free(losses);
    if (r == RESULT_OK)
        held_batch_destroy(batch);
    else
        told = *batch;
    *batch = NULL;
    enum result added = told == NULL ? RESULT_OK : held_add(former->held, &told); /* which has no limit */
    return r == RESULT_OK ? added : RESULT_FATAL;
}

static uint64_t bytes_of(struct former *const formers[], size_t count)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += held_bytes(formers[i]->held);
    return bytes;
}

uint64_t formers_trim(struct former *const formers[], size_t count, const struct former_speaker *speaker,
                      uint64_t bytes_max)
{
    uint64_t records = 0;
    for (size_t i = 0; i < count;) {
        if (bytes_of(formers, count) <= bytes_max)
            break;
        struct held_batch *batch = held_give_up(formers[i]->held);
        if (batch == NULL) {
            i++;
            continue;
        }
        uint64_t given_up = batch->records;
        if (former_give_up(formers[i], speaker, &batch, LOSS_RECORDS_SPOOL,
                           "the buffer had no room for what an earlier life kept") != RESULT_OK)
            break;
        formers[i]->changed = true;
        records += given_up;
    }
    return records;
}
