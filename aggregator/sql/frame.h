/* SPDX-License-Identifier: Apache-2.0 */
/* What the aggregator and the process that runs a SELECT say to one another, over a pair of connected sockets.
 *
 * The aggregator asks (ASK). The process then asks for what the SELECT reads, scan by scan (SCAN, MORE, CLOSE), and
 * gets pages of records (PAGE), LAST or FAILED for each MORE; it answers with a HEAD, pages of rows (ROWS) and DONE, or
 * with REFUSED. Heads and pages are those of answers (pavo.proto). It speaks when it is spoken to, or asks; so there is
 * never more than one frame under way. What it says is foreign: it may be somebody's who found a way in.
 *
 * A frame: length of the body (4 bytes, little-endian), type (1 byte), body. One thread an end. */
#ifndef PAVO_AGGREGATOR_SQL_FRAME_H
#define PAVO_AGGREGATOR_SQL_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/records/records.h"
#include "common/result.h"

#define FRAME_MAX       (4u << 20) /* bytes of a body: a page, or a single row */
#define FRAME_SCANS_MAX 16u        /* open at once: places in a SELECT that read a view */
#define FRAME_FIELDS    (RECORDS_FIELDS_MAX / 8)

enum frame_type {
    FRAME_ASK = 1, /* bytes of memory (8 bytes), seconds of the processor (4), the SELECT */
    FRAME_PAGE,    /* a Page */
    FRAME_LAST,    /* nothing: the scan has no more */
    FRAME_FAILED,  /* a sentence: it cannot go on */
    FRAME_SCAN,    /* number of the scan (1 byte), of the kind of record (1), which fields (FRAME_FIELDS, a bit each) */
    FRAME_MORE,    /* number of the scan */
    FRAME_CLOSE,   /* the same; not answered */
    FRAME_HEAD,    /* a Head */
    FRAME_ROWS,    /* a Page */
    FRAME_DONE,    /* nothing */
    FRAME_REFUSED, /* 0, or 1: for want of memory (1 byte), a sentence */
};

struct frame {
    unsigned type;
    const uint8_t *body; /* borrowed until the link receives the next */
    size_t length;
};

struct frame_link {
    int socket;
    /* False ends a wait; asked now and then. NULL: the end waits as long as it takes, with read and write alone. */
    bool (*go_on)(void *context);
    void *context;
    uint8_t *buffer; /* owned */
    bool gone;       /* the other end is */
};
void frame_link_fini(struct frame_link *link);
/* RESULT_AGAIN: it may not go on, or out of memory. RESULT_FATAL: the other end is gone. */
MUST_CHECK enum result frame_send(struct frame_link *link, enum frame_type type, const void *body, size_t length,
                                  struct error *err);
/* RESULT_REJECT: no frame that can be. */
MUST_CHECK enum result frame_receive(struct frame_link *link, struct frame *ret_frame, struct error *err);

/* ---- what the process says, taken apart. Pure. */

struct frame_said {
    enum frame_type type;
    unsigned scan; /* SCAN, MORE, CLOSE */
    enum record_kind_number kind;
    bool fields[RECORDS_FIELDS_MAX]; /* SCAN: of the kind, one at least; of an address the upper half alone */
    bool memory;                     /* REFUSED */
    const uint8_t *bytes;            /* HEAD, ROWS, REFUSED: borrowed from the frame */
    size_t length;
};
MUST_CHECK enum result frame_said(const struct frame *frame, struct frame_said *ret_said, struct error *err);

/* SCAN's body. */
void frame_scan(unsigned scan, const struct record_kind *kind, const bool *fields,
                uint8_t ret_body[static 2 + FRAME_FIELDS]);

#endif
