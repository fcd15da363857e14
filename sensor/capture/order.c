/* SPDX-License-Identifier: Apache-2.0 */
/* Packets of several interfaces, merged. */
#include "sensor/capture/order.h"

static bool is_empty(const struct order_queue *q)
{
    return q->next == q->count;
}

static size_t earliest(const struct order_queue *queues, size_t count)
{
    size_t first = count;
    for (size_t n = 0; n < count; n++) {
        if (is_empty(&queues[n]))
            continue;
        if (first == count ||
            queues[n].packets[queues[n].next].time_ns < queues[first].packets[queues[first].next].time_ns)
            first = n;
    }
    return first;
}

int64_t order_earliest(const struct order_queue *queues, size_t count)
{
    size_t first = earliest(queues, count);
    return first == count ? INT64_MAX : queues[first].packets[queues[first].next].time_ns;
}

/* Before this, whatever was to come is in the queues. */
static int64_t settled(const struct order_queue *queues, size_t count)
{
    int64_t ns = INT64_MAX;
    for (size_t n = 0; n < count; n++) {
        if (is_empty(&queues[n]) && queues[n].open && queues[n].settled_ns < ns)
            ns = queues[n].settled_ns;
    }
    return ns;
}

size_t order_take(struct order_queue *queues, size_t count, int64_t now_ns, struct packet packets[static CAPTURE_BATCH])
{
    size_t taken = 0;
    int64_t settled_ns = settled(queues, count);
    while (taken < CAPTURE_BATCH) {
        size_t first = earliest(queues, count);
        if (first == count)
            break;
        struct order_queue *q = &queues[first];
        int64_t time_ns = q->packets[q->next].time_ns;
        if (time_ns >= settled_ns && (time_ns <= now_ns || settled_ns == INT64_MIN))
            break;
        packets[taken++] = q->packets[q->next++];
        if (is_empty(q))
            settled_ns = settled(queues, count);
    }
    return taken;
}
