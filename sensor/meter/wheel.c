/* SPDX-License-Identifier: Apache-2.0 */
/* The timing wheels. */
#include "sensor/meter/wheel.h"

#include "sensor/meter/table.h"

enum result wheels_init(struct wheels *w, uint32_t entries)
{
    *w = (struct wheels){.entries = entries};
    w->links = table_memory((WHEEL_NODES + w->entries) * sizeof(*w->links));
    if (w->links == NULL)
        return RESULT_FATAL;
    for (uint32_t node = 0; node < WHEEL_NODES; node++)
        w->links[node] = (struct wheel_link){node, node};
    return RESULT_OK;
}

void wheels_fini(struct wheels *w)
{
    table_memory_free(w->links, (WHEEL_NODES + w->entries) * sizeof(*w->links));
    w->links = NULL;
}

void wheel_put(struct wheels *w, enum wheel_number wheel, uint32_t entry, int64_t deadline)
{
    uint64_t tick = wheel_tick_of(deadline);
    if (tick < w->tick)
        tick = w->tick;
    else if (tick > w->tick + WHEEL_SLOTS - 1)
        tick = w->tick + WHEEL_SLOTS - 1;
    if (tick < w->lowest[wheel])
        w->lowest[wheel] = tick;
    uint32_t slot = wheel_slot_node(wheel, tick), node = WHEEL_NODES + entry, last = w->links[slot].previous;
    w->links[node] = (struct wheel_link){.previous = last, .next = slot};
    w->links[last].next = node;
    w->links[slot].previous = node;
}

void wheel_take(struct wheels *w, uint32_t entry)
{
    struct wheel_link link = w->links[WHEEL_NODES + entry];
    w->links[link.previous].next = link.next;
    w->links[link.next].previous = link.previous;
}

uint32_t wheel_first(const struct wheels *w, enum wheel_number wheel, uint64_t tick)
{
    uint32_t slot = wheel_slot_node(wheel, tick), next = w->links[slot].next;
    return next == slot ? ENTRY_NONE : next - WHEEL_NODES;
}

uint32_t wheel_last(const struct wheels *w, enum wheel_number wheel, uint64_t tick)
{
    uint32_t slot = wheel_slot_node(wheel, tick), previous = w->links[slot].previous;
    return previous == slot ? ENTRY_NONE : previous - WHEEL_NODES;
}

uint32_t wheel_oldest(struct wheels *w, enum wheel_number wheel)
{
    uint64_t tick = w->lowest[wheel] > w->tick ? w->lowest[wheel] : w->tick;
    for (; tick < w->tick + WHEEL_SLOTS; tick++) {
        uint32_t first = wheel_first(w, wheel, tick);
        if (first != ENTRY_NONE) {
            w->lowest[wheel] = tick;
            return first;
        }
    }
    return ENTRY_NONE;
}

void wheels_restart(struct wheels *w, int64_t now)
{
    w->tick = wheel_tick_of(now);
    for (unsigned wheel = 0; wheel < WHEEL_COUNT; wheel++)
        w->lowest[wheel] = w->tick;
    w->started = true;
}
