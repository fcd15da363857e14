/* SPDX-License-Identifier: Apache-2.0 */
/* Local time in the zone of the process (TZ, else the machine's) and in any other that tzdata has.
 *
 * A local time is seconds like those since 1970, of what clocks show as if they showed UTC. */
#ifndef PAVO_COMMON_ZONE_H
#define PAVO_COMMON_ZONE_H

#include <stdbool.h>
#include <stdint.h>

/* What clocks show at an instant, in seconds since 1970 both. */
int64_t zone_local(int64_t instant);

/* The instants at which clocks show `local`, the earlier first: one; two where clocks were set back; none where they
 * were set forward over it. */
unsigned zone_instants(int64_t local, int64_t ret_instants[static 2]);

/* Of a local time that clocks skip: the instant at which they do. */
int64_t zone_jump(int64_t local);

/* What clocks call the zone at an instant ("CET"), and how far they are from UTC, in seconds. */
#define ZONE_NAME_MAX 64
int zone_name(int64_t instant, char name[static ZONE_NAME_MAX]);

struct zone_before {
    char *tz; /* owned; NULL: there was none */
};

/* The zone `name` of tzdata ("Europe/Berlin") is the process's until zone_leave. It changes the environment: not while
 * another thread may look at local time. False: there is no such zone, and nothing has changed. */
bool zone_enter(const char *name, struct zone_before *ret_before);
void zone_leave(struct zone_before *before);

#endif
