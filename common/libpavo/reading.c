/* SPDX-License-Identifier: Apache-2.0 */
/* Published messages into events. */
#include "common/libpavo/reading.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/codec.h"

void event_clear(struct pavo_event *event)
{
    free(event->json);
    memset(event, 0, sizeof(*event));
}

static enum result choose_flows(struct reading *reading, const struct filter *filter, struct error *err)
{
    if (reading->message->flows == NULL)
        return RESULT_OK;
    enum result result = flow_batch_from_message(reading->message->flows, &reading->batch, err);
    if (result != RESULT_OK)
        return result;
    uint32_t rows = reading->batch->rows;
    reading->rows = malloc((rows + 1u) * sizeof(*reading->rows));
    if (reading->rows == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    if (filter != NULL) {
        reading->chosen = filter_select(filter, reading->batch, reading->rows);
        return RESULT_OK;
    }
    for (uint32_t row = 0; row < rows; row++)
        reading->rows[row] = row;
    reading->chosen = rows;
    return RESULT_OK;
}

enum result reading_open(struct reading *reading, unsigned topic, uint8_t *bytes, size_t size,
                         const struct filter *filter, struct error *err)
{
    struct reading r = {.topic = topic, .raw = bytes, .raw_size = size};
    enum result result = RESULT_OK;
    r.message = pavo__published__unpack(NULL, size, bytes);
    if (r.message == NULL)
        result = error_set(err, RESULT_REJECT, "a published message of %zu bytes cannot be read", size);
    else if (r.message->version != 1)
        result = error_set(err, RESULT_REJECT, "version %" PRIu32 " of published messages is not known here",
                           r.message->version);
    else
        result = choose_flows(&r, filter, err);
    if (result == RESULT_OK)
        *reading = r;
    else
        reading_close(&r);
    return result;
}

void reading_close(struct reading *reading)
{
    flow_batch_destroy(&reading->batch);
    free(reading->rows);
    if (reading->message != NULL)
        pavo__published__free_unpacked(reading->message, NULL);
    free(reading->raw);
    *reading = (struct reading){0};
}

/* Events in order: flows, links, losses, status, alerts. */
static size_t event_count(const struct reading *reading)
{
    const Pavo__Published *m = reading->message;
    return m == NULL ? 0 : reading->chosen + m->n_links + m->n_losses + (m->status != NULL) + m->n_alerts;
}

bool reading_exhausted(const struct reading *reading)
{
    return reading->next >= event_count(reading);
}

static void flow_event(const struct reading *reading, uint32_t row, struct pavo_event *event)
{
    event->kind = PAVO_EVENT_FLOW;
    flow_batch_get(reading->batch, row, &event->flow);
    event->observer =
        event->flow.observer < reading->batch->observer_count ? &reading->batch->observers[event->flow.observer] : NULL;
}

bool reading_next(struct reading *reading, struct pavo_event *event)
{
    if (reading_exhausted(reading))
        return false;
    const Pavo__Published *m = reading->message;
    size_t n = reading->next++;
    event->topic = reading->topic;
    event->position = m->position;
    event->raw = reading->raw;
    event->raw_size = reading->raw_size;
    event->speaker = m->observer;
    if (n < reading->chosen) {
        flow_event(reading, reading->rows[n], event);
        return true;
    }
    n -= reading->chosen;
    if (n < m->n_links) {
        event->kind = PAVO_EVENT_LINK;
        event->link = m->links[n];
        return true;
    }
    n -= m->n_links;
    if (n < m->n_losses) {
        event->kind = PAVO_EVENT_LOSS;
        event->loss = m->losses[n];
        return true;
    }
    n -= m->n_losses;
    if (n == 0 && m->status != NULL) {
        event->kind = PAVO_EVENT_STATUS;
        event->status = m->status;
        return true;
    }
    n -= m->status != NULL;
    event->kind = PAVO_EVENT_ALERT;
    event->alert = m->alerts[n];
    return true;
}
