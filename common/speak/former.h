/* SPDX-License-Identifier: Apache-2.0 */
/* An earlier life of who speaks, which ended before all its batches were acknowledged. They go out under their old
 * names; one that must be given up becomes a loss that this earlier life tells, so that the books of each life close by
 * themselves. Pure; one thread. */
#ifndef PAVO_COMMON_SPEAK_FORMER_H
#define PAVO_COMMON_SPEAK_FORMER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/keys.h"
#include "common/speak/held.h"
#include "common/speak/session.h"

struct former {
    uint64_t epoch;
    struct held *held; /* owned; without a limit of its own */
    bool changed;      /* a batch was given up for want of room since it was read */
};

/* NULL: out of memory. */
struct former *former_new(uint64_t epoch, struct session_pace pace);
void former_destroy(struct former **former);

/* Who tells of losses. */
struct former_speaker {
    const char *sensor;
    const uint8_t *seal_public; /* KEY_BYTES */
};

/* Destroys a batch taken out of it and holds in its place the loss of its records, and the losses it told of. The
 * loss's batch has a name that was set aside for it when the life ended: given up again in the next life, it is the
 * same batch, and committed once. RESULT_FATAL: out of memory; the batch is held again. */
MUST_CHECK enum result former_give_up(struct former *former, const struct former_speaker *speaker,
                                      struct held_batch **batch, enum loss_kind kind, const char *reason);

/* Gives up the oldest batches of the oldest of `formers` (in the order of their epochs) until all hold at most
 * `bytes_max`. Returns how many records were given up. */
uint64_t formers_trim(struct former *const formers[], size_t count, const struct former_speaker *speaker,
                      uint64_t bytes_max);

#endif
