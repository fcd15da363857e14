/* SPDX-License-Identifier: Apache-2.0 */
/* Losses waiting for a batch that tells of them. Bounded, and yet nothing is forgotten: when LOSSES_MAX wait,
 * the two nearest in kind become one with their counts summed and their times spanned. Pure; one thread. */
#ifndef PAVO_COMMON_SPEAK_LOSSES_H
#define PAVO_COMMON_SPEAK_LOSSES_H

#include <stddef.h>
#include <stdint.h>

#include "common/records/loss.h"

#define LOSSES_MAX         256u
#define LOSS_INTERFACE_MAX 64
#define LOSS_REASON_MAX    96

/* A loss record that keeps its texts itself. Its observer is whoever speaks. */
struct pending_loss {
    uint8_t loss; /* enum loss_kind */
    int64_t from_time, to_time;
    uint64_t count;
    uint64_t sequence; /* the batch given up; merged: the latest; 0: it never had one */
    char interface[LOSS_INTERFACE_MAX];
    char reason[LOSS_REASON_MAX];
};

struct losses {
    struct pending_loss items[LOSSES_MAX];
    size_t count;
};

void losses_add(struct losses *losses, const struct pending_loss *loss);
void losses_add_all(struct losses *losses, const struct pending_loss *items, size_t count);

/* A record as one that waits, with long texts cut; its observer is left out. */
struct pending_loss loss_pending(const struct loss *record);

/* All of them as records of kind loss, said by `speaker`; the caller owns them. NULL: out of memory, or there are none.
 */
struct records *losses_records(const struct losses *losses, const struct observer *speaker);

#endif
