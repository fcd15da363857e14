/* SPDX-License-Identifier: Apache-2.0 */
/* What comes out of the seal, checked: the whole path of foreign bytes behind it. */
#include <stdlib.h>
#include <string.h>

#include "aggregator/receive/receive.h"
#include "proto/codec.h"

void intake_batch_destroy(struct intake_batch **batch)
{
    if (*batch == NULL)
        return;
    flow_batch_destroy(&(*batch)->flows);
    if ((*batch)->message != NULL)
        pavo__batch__free_unpacked((*batch)->message, NULL);
    free(*batch);
    *batch = NULL;
}

uint64_t intake_batch_weight(const struct intake_batch *batch)
{
    uint64_t row = 0;
#define X(number, name, kind, doc) row += sizeof(FLOW_COLUMN_##kind);
    FLOW_FIELDS(X)
#undef X
    return sizeof(*batch) + 1024 + (batch->flows == NULL ? 0 : batch->flows->rows * row);
}

const char *receive_reason_name(enum receive_reason reason)
{
    static const char *const names[RECEIVE_REASON_COUNT] = {
#define X(name, text) text,
        RECEIVE_REASONS(X)
#undef X
    };
    return reason < RECEIVE_REASON_COUNT ? names[reason] : "?";
}

/* Texts go to people's terminals: bounded, and without control characters. */
static bool text_fits(char *text)
{
    size_t length = strnlen(text, RECEIVE_TEXT_MAX + 1);
    if (length > RECEIVE_TEXT_MAX)
        return false;
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            text[i] = '?';
    }
    return true;
}

static bool words_fit(const Pavo__Batch *m)
{
    if (m->n_losses > RECEIVE_LOSSES_MAX)
        return false;
    for (size_t i = 0; i < m->n_losses; i++) {
        const Pavo__Loss *loss = m->losses[i];
        if (!text_fits(loss->interface) || !text_fits(loss->reason) || loss->kind < 0 || loss->kind > UINT8_MAX ||
            loss->from_ns > INT64_MAX || loss->to_ns > INT64_MAX)
            return false;
    }
    const Pavo__SensorStatus *status = m->status;
    if (status == NULL)
        return true;
    if (status->n_interfaces > RECEIVE_INTERFACES_MAX || !text_fits(status->software) || status->time_ns > INT64_MAX)
        return false;
    for (size_t i = 0; i < status->n_interfaces; i++) {
        const Pavo__InterfaceStatus *interface = status->interfaces[i];
        if (!text_fits(interface->name) || !text_fits(interface->link_type) ||
            interface->n_dropped > RECEIVE_COUNTERS_MAX)
            return false;
        for (size_t c = 0; c < interface->n_dropped; c++) {
            if (!text_fits(interface->dropped[c]->name))
                return false;
        }
    }
    return true;
}

static enum result refuse(enum receive_reason reason, enum receive_reason *ret_reason, struct error *err,
                          const char *detail)
{
    *ret_reason = reason;
    return detail == NULL ? error_set(err, RESULT_REJECT, "%s", receive_reason_name(reason))
                          : error_set(err, RESULT_REJECT, "%s: %s", receive_reason_name(reason), detail);
}

static bool times_fit(const struct flow_batch *flows)
{
    for (uint32_t i = 0; i < flows->rows; i++) {
        if (flows->first_time[i] > RECEIVE_TIME_MAX || flows->first_time[i] < -RECEIVE_TIME_MAX ||
            flows->last_time[i] > RECEIVE_TIME_MAX || flows->last_time[i] < -RECEIVE_TIME_MAX)
            return false;
    }
    return true;
}

static enum result check(struct intake_batch *batch, enum receive_reason *ret_reason, struct error *err)
{
    Pavo__Batch *m = batch->message;
    if (m == NULL)
        return refuse(RECEIVE_CONTENT, ret_reason, err, NULL);
    if (strcmp(m->sensor, batch->observer.sensor) != 0 || m->epoch != batch->observer.epoch ||
        m->sequence != batch->sequence)
        return refuse(RECEIVE_INNER_NAME, ret_reason, err, NULL);
    if (!words_fit(m))
        return refuse(RECEIVE_WORDS, ret_reason, err, NULL);
    if (m->flows == NULL)
        return RESULT_OK;
    struct error why;
    if (flow_batch_from_message(m->flows, &batch->flows, &why) != RESULT_OK)
        return refuse(RECEIVE_COLUMNS, ret_reason, err, why.text);
    if (!times_fit(batch->flows))
        return refuse(RECEIVE_TIMES, ret_reason, err, NULL);
    /* A sensor speaks for this life of itself and nobody else. */
    for (uint32_t i = 0; i < batch->flows->observer_count; i++) {
        if (!observer_equal(&batch->flows->observers[i], &batch->observer))
            return refuse(RECEIVE_OBSERVER, ret_reason, err, batch->flows->observers[i].sensor);
    }
    pavo__flow_columns__free_unpacked(m->flows, NULL);
    m->flows = NULL;
    return RESULT_OK;
}

enum result receive_decode(const uint8_t *plain, size_t length, const struct observer *observer, uint64_t sequence,
                           struct intake_batch **ret_batch, enum receive_reason *ret_reason, struct error *err)
{
    struct intake_batch *batch = calloc(1, sizeof(*batch));
    if (batch == NULL)
        return refuse(RECEIVE_CONTENT, ret_reason, err, "out of memory");
    batch->observer = *observer;
    batch->sequence = sequence;
    batch->message = pavo__batch__unpack(NULL, length, plain);
    enum result r = check(batch, ret_reason, err);
    if (r == RESULT_OK)
        *ret_batch = batch;
    else
        intake_batch_destroy(&batch);
    return r;
}
