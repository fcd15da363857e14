/* SPDX-License-Identifier: Apache-2.0 */
/* One published message taken apart into events. Internal to libpavo; pure, one thread at a time. */
#ifndef PAVO_COMMON_LIBPAVO_READING_H
#define PAVO_COMMON_LIBPAVO_READING_H

#include <stdbool.h>

#include "common/community_id.h"
#include "common/filter.h"
#include "common/libpavo/pavo.h"
#include "pavo.pb-c.h"

struct pavo_event {
    enum pavo_kind kind;
    unsigned topic;
    uint64_t position;
    const void *raw; /* the message, borrowed from the reading */
    size_t raw_size;

    /* By kind, borrowed from the reading. */
    struct flow flow;
    const struct observer *observer; /* flows */
    const Pavo__Observer *speaker;   /* losses and status; may be NULL */
    const Pavo__Link *link;
    const Pavo__Loss *loss;
    const Pavo__SensorStatus *status;
    const Pavo__Alert *alert;

    /* Gaps. */
    uint64_t gap_after;
    char gap_reason[256];

    /* Made when asked for. */
    char *json;
    char text[ADDRESS_TEXT_MAX];
    char community_id[COMMUNITY_ID_MAX];
};

/* Forgets everything and frees what was made when asked for. */
void event_clear(struct pavo_event *event);

struct reading {
    unsigned topic;
    uint8_t *raw; /* owned */
    size_t raw_size;
    Pavo__Published *message; /* owned; NULL: nothing is being read */
    struct flow_batch *batch; /* owned; NULL: no flows */
    uint32_t *rows;           /* owned: chosen by the filter */
    uint32_t chosen;
    size_t next; /* events handed out */
};

/* Takes `bytes` (malloc'ed; freed here in any case). `filter` NULL: every flow. RESULT_REJECT: not a message that
 * can be read, with a sentence. */
MUST_CHECK enum result reading_open(struct reading *reading, unsigned topic, uint8_t *bytes, size_t size,
                                    const struct filter *filter, struct error *err);
void reading_close(struct reading *reading);

/* The next event, into a cleared `event`. False: there are no more. */
bool reading_next(struct reading *reading, struct pavo_event *event);
bool reading_exhausted(const struct reading *reading);

#endif
