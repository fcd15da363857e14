/* SPDX-License-Identifier: Apache-2.0 */
/* Losses waiting for a batch that tells of them. Bounded, and yet nothing is forgotten: when LOSSES_MAX wait,
 * the two nearest in kind become one with their counts summed and their times spanned. Pure; one thread. */
#ifndef PAVO_SENSOR_SHIP_LOSSES_H
#define PAVO_SENSOR_SHIP_LOSSES_H

#include <stddef.h>
#include <stdint.h>

#include "pavo.pb-c.h"

#define LOSSES_MAX         256u
#define LOSS_INTERFACE_MAX 64
#define LOSS_REASON_MAX    96

struct loss {
    Pavo__Loss__Kind kind;
    uint64_t from_ns, to_ns;
    uint64_t count;
    uint64_t sequence; /* the batch given up; merged: the latest; 0: it never had one */
    char interface[LOSS_INTERFACE_MAX];
    char reason[LOSS_REASON_MAX];
};

struct losses {
    struct loss items[LOSSES_MAX];
    size_t count;
};

void losses_add(struct losses *losses, const struct loss *loss);
void losses_add_all(struct losses *losses, const struct loss *items, size_t count);

/* From the message, cutting long texts, and into it; the message borrows from `loss`. */
struct loss loss_from_message(const Pavo__Loss *message);
void loss_to_message(const struct loss *loss, Pavo__Loss *ret_message);

#endif
