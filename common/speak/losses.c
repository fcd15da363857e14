/* SPDX-License-Identifier: Apache-2.0 */
/* Losses: added, merged when there are too many. */
#include "common/speak/losses.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* How much would be blurred if the two were told as one? */
enum likeness { ALIKE, OTHER_REASON, OTHER_INTERFACE, OTHER_KIND };

static enum likeness compare(const struct pending_loss *a, const struct pending_loss *b)
{
    if (a->loss != b->loss)
        return OTHER_KIND;
    if (strcmp(a->interface, b->interface) != 0)
        return OTHER_INTERFACE;
    return strcmp(a->reason, b->reason) == 0 ? ALIKE : OTHER_REASON;
}

static void merge(struct pending_loss *into, const struct pending_loss *from, enum likeness likeness)
{
    if (from->from_time < into->from_time)
        into->from_time = from->from_time;
    if (from->to_time > into->to_time)
        into->to_time = from->to_time;
    if (from->sequence > into->sequence)
        into->sequence = from->sequence;
    into->count += from->count;
    if (likeness >= OTHER_INTERFACE)
        into->interface[0] = '\0';
    if (likeness != ALIKE && strcmp(into->reason, from->reason) != 0)
        snprintf(into->reason, sizeof(into->reason), "several");
}

void losses_add(struct losses *losses, const struct pending_loss *loss)
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

void losses_add_all(struct losses *losses, const struct pending_loss *items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        losses_add(losses, &items[i]);
}

struct pending_loss loss_pending(const struct loss *record)
{
    struct pending_loss loss = {.loss = record->loss,
                                .from_time = record->from_time,
                                .to_time = record->to_time,
                                .count = record->count,
                                .sequence = record->sequence};
    snprintf(loss.interface, sizeof(loss.interface), "%s", record->interface == NULL ? "" : record->interface);
    snprintf(loss.reason, sizeof(loss.reason), "%s", record->reason == NULL ? "" : record->reason);
    return loss;
}

struct records *losses_records(const struct losses *losses, const struct observer *speaker)
{
    struct records *records =
        losses->count == 0 ? NULL : records_new(record_kinds[RECORD_LOSS], (uint32_t)losses->count);
    struct loss row = {0};
    enum result r = records == NULL ? RESULT_FULL : records_observer(records, speaker, &row.observer);
    for (size_t i = 0; i < losses->count && r == RESULT_OK; i++) {
        const struct pending_loss *loss = &losses->items[i];
        row.loss = loss->loss;
        row.from_time = loss->from_time;
        row.to_time = loss->to_time;
        row.count = loss->count;
        row.interface = loss->interface;
        row.reason = loss->reason;
        row.sequence = loss->sequence;
        r = records_add(records, &row);
    }
    if (r != RESULT_OK)
        records_free(&records);
    return records;
}
