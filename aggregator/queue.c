/* SPDX-License-Identifier: Apache-2.0 */
/* A ring that grows up to the weight limit, and an eventfd that is readable while something is in it. */
#include "aggregator/queue.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct queue {
    pthread_mutex_t lock;
    int event;
    struct item {
        void *pointer;
        uint64_t weight;
    } * ring;
    size_t capacity, first, count;
    uint64_t weight, weight_max;
};

enum result queue_new(uint64_t weight_max, struct queue **ret_queue, struct error *err)
{
    struct queue *queue = calloc(1, sizeof(*queue));
    if (queue == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    queue->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (queue->event < 0) {
        free(queue);
        return error_set(err, RESULT_FATAL, "no event descriptor: %s", strerror(errno));
    }
    pthread_mutex_init(&queue->lock, NULL);
    queue->weight_max = weight_max;
    *ret_queue = queue;
    return RESULT_OK;
}

void queue_destroy(struct queue **queue)
{
    if (*queue == NULL)
        return;
    close((*queue)->event);
    pthread_mutex_destroy(&(*queue)->lock);
    free((*queue)->ring);
    free(*queue);
    *queue = NULL;
}

static bool full(const struct queue *queue, uint64_t weight)
{
    return queue->count > 0 && (queue->weight >= queue->weight_max || weight > queue->weight_max - queue->weight);
}

bool queue_is_full(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    bool is = full(queue, 1);
    pthread_mutex_unlock(&queue->lock);
    return is;
}

static bool grow(struct queue *queue)
{
    size_t capacity = queue->capacity == 0 ? 16 : queue->capacity * 2;
    struct item *ring = malloc(capacity * sizeof(*ring));
    if (ring == NULL)
        return false;
    for (size_t i = 0; i < queue->count; i++)
        ring[i] = queue->ring[(queue->first + i) % queue->capacity];
    free(queue->ring);
    queue->ring = ring;
    queue->capacity = capacity;
    queue->first = 0;
    return true;
}

void queue_wake(struct queue *queue)
{
    /* Fails only when the counter is at its end, and then it is readable already. */
    ssize_t ignored = write(queue->event, &(uint64_t){1}, sizeof(uint64_t));
    (void)ignored;
}

enum result queue_push(struct queue *queue, void *item, uint64_t weight)
{
    pthread_mutex_lock(&queue->lock);
    enum result r = full(queue, weight) || (queue->count == queue->capacity && !grow(queue)) ? RESULT_FULL : RESULT_OK;
    if (r == RESULT_OK) {
        queue->ring[(queue->first + queue->count++) % queue->capacity] = (struct item){item, weight};
        queue->weight += weight;
        queue_wake(queue);
    }
    pthread_mutex_unlock(&queue->lock);
    return r;
}

void *queue_pop(struct queue *queue)
{
    void *item = NULL;
    pthread_mutex_lock(&queue->lock);
    if (queue->count > 0) {
        item = queue->ring[queue->first].pointer;
        queue->weight -= queue->ring[queue->first].weight;
        queue->first = (queue->first + 1) % queue->capacity;
        queue->count--;
    }
    if (queue->count == 0) {
        uint64_t events;
        ssize_t ignored = read(queue->event, &events, sizeof(events)); /* empty already: fine */
        (void)ignored;
    }
    pthread_mutex_unlock(&queue->lock);
    return item;
}

void queue_wait(struct queue *queue, int64_t wait_ns)
{
    struct pollfd readable = {.fd = queue->event, .events = POLLIN};
    int64_t ms = (wait_ns + 999999) / 1000000;
    poll(&readable, 1, ms < 0 ? 0 : ms > 3600000 ? 3600000 : (int)ms);
}

int queue_descriptor(const struct queue *queue)
{
    return queue->event;
}
