/* SPDX-License-Identifier: Apache-2.0 */
/* Batch <-> FlowColumns: columns are lent out, not copied; times become offsets. */
#include "proto/codec.h"

#include <stdlib.h>
#include <string.h>

/* Is every byte zero? Column memory is contiguous, so comparing it with itself one byte on does it. */
static bool all_zero(const void *bytes, size_t length)
{
    const char *p = bytes;
    return length == 0 || (p[0] == 0 && memcmp(p, p + 1, length - 1) == 0);
}

enum result flow_columns_view_init(struct flow_columns_view *view, const struct flow_batch *batch, struct error *err)
{
    enum { TIME_COLUMNS = 2 };
    size_t times_size = sizeof(int64_t) * batch->rows * TIME_COLUMNS;
    size_t observers_size = batch->observer_count * (sizeof(Pavo__Observer) + sizeof(Pavo__Observer *));
    uint8_t *scratch = malloc(times_size + observers_size + 1);
    if (scratch == NULL)
        return error_set(err, RESULT_FATAL, "out of memory encoding a batch of %u rows", batch->rows);

    Pavo__FlowColumns *m = &view->message;
    pavo__flow_columns__init(m);
    view->scratch = scratch;
    m->rows = batch->rows;
    m->base_ns = batch->rows == 0 ? 0 : batch->first_time[0];

    int64_t *times = (int64_t *)scratch;
#define BORROW(name, type)                                                                                             \
    if (!all_zero(batch->name, sizeof(*batch->name) * batch->rows)) {                                                  \
        m->name = (type *)batch->name;                                                                                 \
        m->n_##name = batch->rows;                                                                                     \
    }
#define BORROW_U8(name)  BORROW(name, uint32_t)
#define BORROW_U16(name) BORROW(name, uint32_t)
#define BORROW_U32(name) BORROW(name, uint32_t)
#define BORROW_F32(name) BORROW(name, uint32_t)
#define BORROW_U64(name) BORROW(name, uint64_t)
#define BORROW_F64(name) BORROW(name, uint64_t)
#define BORROW_TIME(name)                                                                                              \
    for (uint32_t i = 0; i < batch->rows; i++)                                                                         \
        times[i] = (int64_t)((uint64_t)batch->name[i] - (uint64_t)m->base_ns);                                         \
    m->name = times;                                                                                                   \
    m->n_##name = batch->rows;                                                                                         \
    times += batch->rows;
#define X(number, name, kind, doc) BORROW_##kind(name)
    FLOW_FIELDS(X)
#undef X

    Pavo__Observer **pointers = (Pavo__Observer **)(scratch + times_size);
    Pavo__Observer *observers = (Pavo__Observer *)(pointers + batch->observer_count);
    for (uint32_t i = 0; i < batch->observer_count; i++) {
        pavo__observer__init(&observers[i]);
        observers[i].sensor = batch->observers[i].sensor;
        observers[i].epoch = batch->observers[i].epoch;
        pointers[i] = &observers[i];
    }
    m->observers = pointers;
    m->n_observers = batch->observer_count;
    return RESULT_OK;
}

void flow_columns_view_fini(struct flow_columns_view *view)
{
    free(view->scratch);
    view->scratch = NULL;
}

static enum result check_column(const char *name, size_t values, uint32_t rows, struct error *err)
{
    if (values == 0 || values == rows)
        return RESULT_OK;
    return error_set(err, RESULT_REJECT, "column %s has %zu values for %u rows", name, values, rows);
}

static enum result check_range(const char *name, const uint32_t *values, size_t count, uint32_t most, struct error *err)
{
    uint32_t seen = 0;
    for (size_t i = 0; i < count; i++)
        seen |= values[i];
    if (seen <= most) /* `most` is 2^k-1, so the union is above it exactly if one value is */
        return RESULT_OK;
    return error_set(err, RESULT_REJECT, "column %s holds a value above %u", name, most);
}

static enum result check_message(const Pavo__FlowColumns *m, struct error *err)
{
    if (m->rows == 0 || m->rows > FLOW_BATCH_ROWS_MAX)
        return error_set(err, RESULT_REJECT, "%u rows in a batch, 1 to %u are allowed", m->rows, FLOW_BATCH_ROWS_MAX);
    if (m->n_observers > FLOW_BATCH_OBSERVERS_MAX)
        return error_set(err, RESULT_REJECT, "%zu observers in a batch, %u are allowed", m->n_observers,
                         FLOW_BATCH_OBSERVERS_MAX);
    for (size_t i = 0; i < m->n_observers; i++) {
        if (!sensor_name_valid(m->observers[i]->sensor))
            return error_set(err, RESULT_REJECT, "observer %zu has no valid sensor name", i);
    }
    enum result r = RESULT_OK;
#define RANGE_U8(name)   check_range(#name, m->name, m->n_##name, UINT8_MAX, err)
#define RANGE_U16(name)  check_range(#name, m->name, m->n_##name, UINT16_MAX, err)
#define RANGE_U32(name)  RESULT_OK
#define RANGE_U64(name)  RESULT_OK
#define RANGE_F32(name)  RESULT_OK
#define RANGE_F64(name)  RESULT_OK
#define RANGE_TIME(name) RESULT_OK
#define X(number, name, kind, doc)                                                                                     \
    if (r == RESULT_OK)                                                                                                \
        r = check_column(#name, m->n_##name, m->rows, err);                                                            \
    if (r == RESULT_OK)                                                                                                \
        r = RANGE_##kind(name);
    FLOW_FIELDS(X)
#undef X
    for (size_t i = 0; r == RESULT_OK && i < m->n_observer; i++) {
        if (m->observer[i] >= m->n_observers)
            r = error_set(err, RESULT_REJECT, "row %zu names observer %u of %zu", i, m->observer[i], m->n_observers);
    }
    if (r == RESULT_OK && m->n_observers == 0)
        r = error_set(err, RESULT_REJECT, "a batch of %u rows names no observer", m->rows);
    return r;
}

enum result flow_batch_from_message(const Pavo__FlowColumns *m, struct flow_batch **ret_batch, struct error *err)
{
    enum result r = check_message(m, err);
    if (r != RESULT_OK)
        return r;
    struct flow_batch *batch = flow_batch_new(m->rows);
    if (batch == NULL)
        return error_set(err, RESULT_FATAL, "out of memory decoding a batch of %u rows", m->rows);
    for (size_t i = 0; i < m->n_observers; i++) {
        struct observer observer = {.epoch = m->observers[i]->epoch};
        strncpy(observer.sensor, m->observers[i]->sensor, sizeof(observer.sensor) - 1);
        /* Appended as they come, never merged: the column's indices count on their places. */
        struct observer *grown = realloc(batch->observers, (i + 1) * sizeof(*grown));
        if (grown == NULL) {
            flow_batch_destroy(&batch);
            return error_set(err, RESULT_FATAL, "out of memory decoding observers");
        }
        batch->observers = grown;
        grown[i] = observer;
        batch->observer_count = (uint32_t)i + 1;
    }
    batch->rows = m->rows;
#define COPY(name)                                                                                                     \
    if (m->n_##name != 0)                                                                                              \
        memcpy(batch->name, m->name, sizeof(*batch->name) * m->rows);
#define COPY_U8(name)  COPY(name)
#define COPY_U16(name) COPY(name)
#define COPY_U32(name) COPY(name)
#define COPY_F32(name) COPY(name)
#define COPY_U64(name) COPY(name)
#define COPY_F64(name) COPY(name)
#define COPY_TIME(name)                                                                                                \
    for (uint32_t i = 0; i < m->rows; i++)                                                                             \
        batch->name[i] = (int64_t)((uint64_t)(m->n_##name == 0 ? 0 : m->name[i]) + (uint64_t)m->base_ns);
#define X(number, name, kind, doc) COPY_##kind(name)
    FLOW_FIELDS(X)
#undef X
    *ret_batch = batch;
    return RESULT_OK;
}
