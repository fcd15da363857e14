/* SPDX-License-Identifier: Apache-2.0 */
/* Packets of several interfaces in the order of their time stamps.
 *
 * A tap gives each direction of a link to an interface of its own, and the kernel hands over what came on one in
 * blocks: read one after the other, answers come before their questions. So each interface has a queue, filled when it
 * is empty, and the earliest packet of all goes first, when nothing earlier can come. Pure; times are the wall clock's.
 */
#ifndef PAVO_SENSOR_CAPTURE_ORDER_H
#define PAVO_SENSOR_CAPTURE_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "sensor/capture/capture.h"

struct order_queue {
    struct packet packets[CAPTURE_BATCH];
    size_t count, next; /* so many are there, the first not yet taken */
    bool open;          /* more may come; false: the others do not wait for it */
    int64_t settled_ns; /* all from before this has come into the queue; INT64_MIN: it was filled, and there is more */
};

/* Takes up to CAPTURE_BATCH packets, until one could still be preceded by what an empty queue is yet to get. From after
 * `now_ns`, a time at which all queues were filled, packets are only if the clock was set back: they wait for nothing.
 */
size_t order_take(struct order_queue *queues, size_t count, int64_t now_ns,
                  struct packet packets[static CAPTURE_BATCH]);

/* The time of the earliest packet in the queues; INT64_MAX: there is none. */
int64_t order_earliest(const struct order_queue *queues, size_t count);

#endif
