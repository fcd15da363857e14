/* SPDX-License-Identifier: Apache-2.0 */
/* Losses: added, merged when there are too many. */
#include "sensor/ship/losses.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* How much would be blurred if the two were told as one? */
enum likeness { ALIKE, OTHER_REASON, OTHER_INTERFACE, OTHER_KIND };

static enum likeness compare(const struct loss *a, const struct loss *b)
{
    if (a->kind != b->kind)
        return OTHER_KIND;
    if (strcmp(a->interface, b->interface) != 0)
        return OTHER_INTERFACE;
    return strcmp(a->reason, b->reason) == 0 ? ALIKE : OTHER_REASON;
}

static void merge(struct loss *into, const struct loss *from, enum likeness likeness)
{
    if (from->from_ns < into->from_ns)
        into->from_ns = from->from_ns;
    if (from->to_ns > into->to_ns)
        into->to_ns = from->to_ns;
    if (from->sequence > into->sequence)
        into->sequence = from->sequence;
    into->count += from->count;
    if (likeness >= OTHER_INTERFACE)
        into->interface[0] = '\0';
    if (likeness != ALIKE && strcmp(into->reason, from->reason) != 0)
        snprintf(into->reason, sizeof(into->reason), "several");
}

void losses_add(struct losses *losses, const struct loss *loss)
{
    if (losses->count < LOSSES_MAX) {
        losses->items[losses->count++] = *loss;
        return;
    }
    /* The latest of the most alike: neighbours in time, so that the span stays short. */
    size_t best = 0;
    enum likeness best_likeness = OTHER_KIND;
    for (size_t i = losses->count; i-- > 0 && best_likeness != ALIKE;) {
        enum likeness likeness = compare(&losses->items[i], loss);
        if (likeness < best_likeness) {
            best = i;
            best_likeness = likeness;
        }
    }
    if (best_likeness != OTHER_KIND) {
        merge(&losses->items[best], loss, best_likeness);
        return;
    }
    /* The first of its kind: there are fewer kinds than places, so two others share one. Make room. */
    for (size_t i = losses->count - 1; i > 0; i--) {
        for (size_t j = i; j-- > 0;) {
            enum likeness likeness = compare(&losses->items[i], &losses->items[j]);
            if (likeness == OTHER_KIND)
                continue;
            merge(&losses->items[j], &losses->items[i], likeness);
            losses->items[i] = *loss;
            return;
        }
    }
}

void losses_add_all(struct losses *losses, const struct loss *items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        losses_add(losses, &items[i]);
}

struct loss loss_from_message(const Pavo__Loss *m)
{
    /* A kind from a newer contract is kept as it is; only its number must be one of a few (see losses_add). */
    struct loss loss = {
        .kind = m->kind, .from_ns = m->from_ns, .to_ns = m->to_ns, .count = m->count, .sequence = m->sequence};
    snprintf(loss.interface, sizeof(loss.interface), "%s", m->interface);
    snprintf(loss.reason, sizeof(loss.reason), "%s", m->reason);
    return loss;
}

void loss_to_message(const struct loss *loss, Pavo__Loss *ret_message)
{
    pavo__loss__init(ret_message);
    ret_message->kind = loss->kind;
    ret_message->from_ns = loss->from_ns;
    ret_message->to_ns = loss->to_ns;
    ret_message->count = loss->count;
    ret_message->sequence = loss->sequence;
    ret_message->interface = (char *)loss->interface;
    ret_message->reason = (char *)loss->reason;
}
