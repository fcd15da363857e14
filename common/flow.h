/* SPDX-License-Identifier: Apache-2.0 */
/* A flow record as a row, and many of them as columns.
 *
 * Both are made from common/flow_fields.h. The row is what the meter emits and what a person reads;
 * the columns are what travels, what the store takes and what filters run over.
 * Threads: a batch belongs to one thread at a time; handing over the pointer hands over the batch. */
#ifndef PAVO_COMMON_FLOW_H
#define PAVO_COMMON_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/address.h"
#include "common/flow_fields.h"
#include "common/result.h"

/* C type of a field in the row, and of the column's values (few types, so that columns travel without copying). */
#define FLOW_ROW_U8      uint8_t
#define FLOW_ROW_U16     uint16_t
#define FLOW_ROW_U32     uint32_t
#define FLOW_ROW_U64     uint64_t
#define FLOW_ROW_F32     uint32_t
#define FLOW_ROW_F64     uint64_t
#define FLOW_ROW_TIME    int64_t
#define FLOW_COLUMN_U8   uint32_t
#define FLOW_COLUMN_U16  uint32_t
#define FLOW_COLUMN_U32  uint32_t
#define FLOW_COLUMN_U64  uint64_t
#define FLOW_COLUMN_F32  uint32_t
#define FLOW_COLUMN_F64  uint64_t
#define FLOW_COLUMN_TIME int64_t

struct flow {
#define X(number, name, kind, doc) FLOW_ROW_##kind name; /* doc */
    FLOW_FIELDS(X)
#undef X
};

/* The fields as numbers 0 .. FLOW_FIELD_COUNT-1, and as a table. */
enum flow_field {
#define X(number, name, kind, doc) FLOW_FIELD_##name,
    FLOW_FIELDS(X)
#undef X
        FLOW_FIELD_COUNT
};

enum flow_kind {
    FLOW_KIND_U8,
    FLOW_KIND_U16,
    FLOW_KIND_U32,
    FLOW_KIND_U64,
    FLOW_KIND_F32,
    FLOW_KIND_F64,
    FLOW_KIND_TIME
};

struct flow_field_info {
    const char *name;
    const char *doc;
    unsigned number; /* in proto FlowColumns */
    enum flow_kind kind;
    uint16_t offset; /* in struct flow */
    uint8_t size;    /* bytes there */
};

extern const struct flow_field_info flow_fields[FLOW_FIELD_COUNT];

/* Index of a field by name, or -1. */
int flow_field_by_name(const char *name);

/* Value of a field of a row; TIME as its bits. */
uint64_t flow_field_get(const struct flow *flow, enum flow_field field);

/* Who saw a flow: one life of one sensor. */
#define SENSOR_NAME_MAX 64 /* with the NUL; letters, digits, '-', '_', '.' */
struct observer {
    char sensor[SENSOR_NAME_MAX];
    uint64_t epoch;
};

/* A sensor's name must be 1 to 63 of A-Z a-z 0-9 - _ . and not begin with a dot. */
bool sensor_name_valid(const char *name);

/* Limits of one batch; a batch beyond them is rejected wherever it comes from. */
#define FLOW_BATCH_ROWS_MAX      65536u
#define FLOW_BATCH_OBSERVERS_MAX 1024u

struct flow_batch {
    uint32_t rows;
    uint32_t capacity;
    uint32_t observer_count;
    struct observer *observers; /* owned */
    void *memory;               /* owned: one block for all columns */
#define X(number, name, kind, doc) FLOW_COLUMN_##kind *name;
    FLOW_FIELDS(X)
#undef X
};

/* Columns for `capacity` rows (1 .. FLOW_BATCH_ROWS_MAX), all zero. NULL: out of memory or range. */
struct flow_batch *flow_batch_new(uint32_t capacity);
void flow_batch_destroy(struct flow_batch **batch);

/* Forgets rows and observers; keeps the memory. */
void flow_batch_clear(struct flow_batch *batch);

/* RESULT_FULL when capacity is reached; the batch is unchanged then. */
MUST_CHECK enum result flow_batch_add(struct flow_batch *batch, const struct flow *flow);

/* The index of an observer, added if new. RESULT_FULL at FLOW_BATCH_OBSERVERS_MAX. */
MUST_CHECK enum result flow_batch_observer(struct flow_batch *batch, const struct observer *observer,
                                           uint16_t *ret_index);

/* Row `row` (< rows) as a struct. */
void flow_batch_get(const struct flow_batch *batch, uint32_t row, struct flow *ret_flow);

/* Column of a field: uint32_t[] for U8..U32 and F32, uint64_t[] for U64 and F64, int64_t[] for TIME. */
void *flow_batch_column(const struct flow_batch *batch, enum flow_field field);

static inline bool flow_kind_is_wide(enum flow_kind kind)
{
    return kind == FLOW_KIND_U64 || kind == FLOW_KIND_F64 || kind == FLOW_KIND_TIME;
}

static inline struct address flow_src(const struct flow *f)
{
    return (struct address){f->src_hi, f->src_lo};
}

static inline struct address flow_dst(const struct flow *f)
{
    return (struct address){f->dst_hi, f->dst_lo};
}

const char *flow_state_name(unsigned state);         /* "SF"; "?" when unknown */
const char *flow_state_doc(unsigned state);          /* "normal establishment and end" */
int flow_state_by_name(const char *name);            /* -1 when unknown; case does not matter */
const char *flow_end_reason_name(unsigned reason);   /* "idle", "active" ... */
const char *flow_direction_name(unsigned direction); /* "handshake" ... */
const char *flow_tunnel_name(unsigned tunnel);       /* "vxlan" ...; "" for none */

/* History letters as Zeek's (s h a d f r c t w i q, upper case: src), `^` direction flipped; packed 5 bits
 * each from the low end, code 0 ends. At most FLOW_HISTORY_MAX letters. */
#define FLOW_HISTORY_MAX 12
uint64_t flow_history_add(uint64_t history, char letter);
const char *flow_history_text(uint64_t history, char text[static FLOW_HISTORY_MAX + 1]);

/* "tcp", "icmp6" ...; "arp" for 0 (flows below IP); the number for what has no name here. Returns a name or `text`. */
#define PROTOCOL_TEXT_MAX 11
const char *protocol_name(unsigned protocol, char text[static PROTOCOL_TEXT_MAX]);
int protocol_by_name(const char *name); /* -1: unknown */

/* "SAF"-like TCP flag letters in the order FSRPAUEC as Argus and nfdump print them; '.' for none. */
const char *tcp_flags_text(unsigned flags, char text[static 9]);

#endif
