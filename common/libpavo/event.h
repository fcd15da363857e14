/* SPDX-License-Identifier: Apache-2.0 */
/* Inside an event. Internal to libpavo. */
#ifndef PAVO_COMMON_LIBPAVO_EVENT_H
#define PAVO_COMMON_LIBPAVO_EVENT_H

#include "common/libpavo/columns.h"

#define GAP_REASON_MAX 256

struct pavo_event {
    enum pavo_event_kind kind; /* 0: none */
    unsigned topic;            /* its number */
    uint64_t position;

    /* NULL and 0 of a gap. Borrowed from the reading; of a copy, columns are its own and there is no message. */
    pavo_columns *columns;
    size_t row;
    const void *raw;
    size_t raw_size;
    bool is_copy;

    uint64_t gap_after; /* of a gap */
    char gap_reason[GAP_REASON_MAX];

    struct json json; /* made when asked for */
};

/* The kind of events a topic has. */
static inline enum pavo_event_kind event_kind_of(unsigned topic)
{
    return (enum pavo_event_kind)(PAVO_EVENT_FLOW + topic);
}

/* Forgets everything and frees what is the event's own. */
void event_clear(struct pavo_event *event);

#endif
