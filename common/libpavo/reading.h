/* SPDX-License-Identifier: Apache-2.0 */
/* One published message taken apart into events. Internal to libpavo; pure, one thread at a time. */
#ifndef PAVO_COMMON_LIBPAVO_READING_H
#define PAVO_COMMON_LIBPAVO_READING_H

#include "common/filter/filter.h"
#include "common/libpavo/columns.h"
#include "common/libpavo/event.h"

/* What a topic's messages are read with. */
struct topic {
    const struct record_kind *kind;
    struct shape *shape;   /* owned; NULL: the topic is not wanted */
    struct filter *filter; /* owned; NULL: every record */
};
/* `files`: the filter may name some. */
MUST_CHECK enum result topic_init(struct topic *topic, const struct record_kind *kind, const char *filter, bool files,
                                  struct error *err);
void topic_fini(struct topic *topic);

struct reading {
    const struct topic *topic; /* NULL: nothing is being read */
    uint64_t position, previous;
    uint32_t received;     /* records in the message */
    pavo_columns *columns; /* owned: those that were chosen; NULL: none */
    size_t next;           /* of them, the one to hand out next */
    uint8_t *raw;          /* owned */
    size_t raw_size;
};

/* Takes `bytes` (malloc'ed; freed here in any case). RESULT_REJECT: not a message that can be read, with a sentence. */
MUST_CHECK enum result reading_open(struct reading *reading, const struct topic *topic, uint8_t *bytes, size_t size,
                                    struct error *err);
/* The same from a message that has been unpacked already, and stays the caller's. */
MUST_CHECK enum result reading_open_message(struct reading *reading, const struct topic *topic,
                                            const Pavo__Published *message, struct error *err);
void reading_close(struct reading *reading);

/* The next event, into a cleared `event`. False: there are no more. */
bool reading_next(struct reading *reading, struct pavo_event *event);
bool reading_exhausted(const struct reading *reading);
/* The rest is not wanted one by one. */
void reading_skip(struct reading *reading);
size_t reading_chosen(const struct reading *reading);

#endif
