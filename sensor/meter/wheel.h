/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the meter: which entries to look at when, without a scan.
 *
 * Two wheels of slots, each slot a queue of entries in the order they were put there: one for flows only one side of
 * which has spoken, one for the others. A packet does not move its entry; when an entry's slot comes up, whoever owns
 * the wheel sees whether its time has really come, and puts it back otherwise. Times beyond the wheel's span are
 * looked at once a turn. */
#ifndef PAVO_SENSOR_METER_WHEEL_H
#define PAVO_SENSOR_METER_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/result.h"
#include "sensor/meter/entry.h"

enum { WHEEL_SLOTS = 1024, WHEEL_TICK_BITS = 27 }; /* 134 ms a slot, 137 s a turn */

enum wheel_number { WHEEL_UNANSWERED, WHEEL_ANSWERED, WHEEL_COUNT };

enum { WHEEL_NODES = WHEEL_COUNT * WHEEL_SLOTS }; /* the slots' own links */

struct wheel_link {
    uint32_t previous, next;
};

struct wheels {
    struct wheel_link *links; /* the slots' own come first, then one for each entry */
    uint64_t entries;
    uint64_t tick;                /* slots up to this one, not with it, have been handled */
    uint64_t lowest[WHEEL_COUNT]; /* no entry is in a slot before this one */
    bool started;
};

static inline uint64_t wheel_tick_of(int64_t time_ns)
{
    return time_ns < 0 ? 0 : (uint64_t)time_ns >> WHEEL_TICK_BITS;
}

static inline uint32_t wheel_slot_node(enum wheel_number wheel, uint64_t tick)
{
    return (uint32_t)(wheel * WHEEL_SLOTS + tick % WHEEL_SLOTS);
}

MUST_CHECK enum result wheels_init(struct wheels *w, uint32_t entries);
void wheels_fini(struct wheels *w);

/* Puts an entry, which is in no slot, where `deadline` falls. */
void wheel_put(struct wheels *w, enum wheel_number wheel, uint32_t entry, int64_t deadline);
void wheel_take(struct wheels *w, uint32_t entry);

/* First and last entry of a slot, or ENTRY_NONE. */
uint32_t wheel_first(const struct wheels *w, enum wheel_number wheel, uint64_t tick);
uint32_t wheel_last(const struct wheels *w, enum wheel_number wheel, uint64_t tick);

/* The entry behind `entry` in its slot, or ENTRY_NONE. */
static inline uint32_t wheel_after(const struct wheels *w, uint32_t entry)
{
    uint32_t next = w->links[WHEEL_NODES + entry].next;
    return next < WHEEL_NODES ? ENTRY_NONE : next - WHEEL_NODES;
}

/* Fetches what wheel_after needs to know what is behind `entry`. */
static inline void wheel_fetch(const struct wheels *w, uint32_t entry)
{
    __builtin_prefetch(&w->links[WHEEL_NODES + entry], 1);
}

/* The entry that has waited longest in this wheel, or ENTRY_NONE when it is empty. */
uint32_t wheel_oldest(struct wheels *w, enum wheel_number wheel);

/* Begins again at another time; every slot must be empty. */
void wheels_restart(struct wheels *w, int64_t now);

#endif
