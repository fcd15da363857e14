/* SPDX-License-Identifier: Apache-2.0 */
/* A bounded queue of pointers from threads to a thread, with a file descriptor to poll.
 *
 * Each item has a weight (bytes, say); the queue is full when the weights would pass the limit. One item always fits an
 * empty queue. Any thread may push and pop. */
#ifndef PAVO_AGGREGATOR_QUEUE_H
#define PAVO_AGGREGATOR_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/result.h"

struct queue;

MUST_CHECK enum result queue_new(uint64_t weight_max, struct queue **ret_queue, struct error *err);
/* The queue must be empty. */
void queue_destroy(struct queue **queue);

/* RESULT_FULL: not taken. */
MUST_CHECK enum result queue_push(struct queue *queue, void *item, uint64_t weight);
bool queue_is_full(struct queue *queue);

/* Oldest item, or NULL at once when there is none. */
void *queue_pop(struct queue *queue);
/* Waits up to `wait_ns` (0: not at all) for an item or a queue_wake; does not take it. */
void queue_wait(struct queue *queue, int64_t wait_ns);
/* Ends the wait of who waits, or the next wait. */
void queue_wake(struct queue *queue);
/* Readable while there are items. */
int queue_descriptor(const struct queue *queue);

#endif
