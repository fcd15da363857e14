/* SPDX-License-Identifier: Apache-2.0 */
/* Flows: typed rows and columns of flow_table.h. The row is what the meter emits; the columns are what travels, what
 * the store takes and what filters run over. */
#ifndef PAVO_COMMON_RECORDS_FLOW_H
#define PAVO_COMMON_RECORDS_FLOW_H

#include "common/records/flow_table.h"
#include "common/records/records.h"

struct flow {
    FLOW_TABLE(RECORD_ROW_MEMBER)
};

/* Columns in the order of the fields, behind what all records have; the same object as its struct records. */
struct flow_batch {
    RECORDS_HEAD;
    FLOW_TABLE(RECORD_COLUMN_MEMBER)
};

/* The fields as numbers 0 .. FLOW_FIELD_COUNT-1, in the order of the table. */
enum flow_field {
#define X(number, name, type, kind, merge, guard, doc) FLOW_FIELD_##name,
    FLOW_TABLE(X)
#undef X
        FLOW_FIELD_COUNT
};

extern const struct field *const flow_fields; /* [FLOW_FIELD_COUNT], and the computed ones behind */

#define FLOW_BATCH_ROWS_MAX RECORDS_ROWS_MAX

/* A flow everywhere: the flow numbered so by one life of one sensor. */
struct flow_name {
    struct observer observer;
    uint64_t flow;
};

/* An end of a connection. */
struct endpoint {
    struct address address;
    uint16_t port; /* TCP, UDP ...; ICMP: identifier at the source, 0 at the destination */
};

/* ---- struct records with their columns in sight */

static inline struct records *flow_records(const struct flow_batch *batch)
{
    return (struct records *)batch;
}

static inline struct flow_batch *flow_batch_of(const struct records *records)
{
    return (struct flow_batch *)records;
}

/* As records_new, records_free, records_clear, records_observer. */
struct flow_batch *flow_batch_new(uint32_t capacity);
void flow_batch_destroy(struct flow_batch **batch);
void flow_batch_clear(struct flow_batch *batch);
MUST_CHECK enum result flow_batch_observer(struct flow_batch *batch, const struct observer *observer,
                                           uint16_t *ret_index);
/* As records_add and records_get, for the places where time counts. */
MUST_CHECK enum result flow_batch_add(struct flow_batch *batch, const struct flow *flow);
void flow_batch_get(const struct flow_batch *batch, uint32_t row, struct flow *ret_flow);

static inline void *flow_batch_column(const struct flow_batch *batch, enum flow_field field)
{
    return records_column(flow_records(batch), field);
}

static inline struct address flow_src(const struct flow *f)
{
    return (struct address){f->src_hi, f->src_lo};
}

static inline struct address flow_dst(const struct flow *f)
{
    return (struct address){f->dst_hi, f->dst_lo};
}

const char *flow_state_name(unsigned state);       /* "SF"; "?" when unknown */
const char *flow_end_reason_name(unsigned reason); /* "idle", "active" ... */

/* Words of the fields' values, by number; of bits, by bit. */
extern const char *const flow_state_words[FLOW_STATE_COUNT];
extern const char *const flow_end_reason_words[FLOW_END_COUNT];
extern const char *const flow_direction_words[FLOW_DIRECTION_COUNT];
extern const char *const flow_tunnel_words[FLOW_TUNNEL_COUNT];
extern const char *const flow_evidence_words[FLOW_EVIDENCE_COUNT];
extern const char *const flow_fragments_words[FLOW_FRAGMENTS_COUNT];

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
