/* SPDX-License-Identifier: Apache-2.0 */
/* A field of a record, as data: how its values are kept, what they are, how two records' values become one, and when
 * it says something at all. Every kind of record, and every answer to a question, is a list of these. Pure. */
#ifndef PAVO_COMMON_RECORDS_FIELD_H
#define PAVO_COMMON_RECORDS_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/address.h"
#include "common/result.h"

/* How values are kept. The numbers travel (Column.type): they are only added to. In a row the C type in the middle, in
 * a column the one on the right (few types, so that columns travel without copying). On the wire U8 to U64 are
 * varints, F32 and F64 fixed (as random as bits come), I32, I64 and TIME zigzag. */
#define FIELD_TYPES(X)                                                                                                 \
    X(U8, 1, uint8_t, uint32_t)                                                                                        \
    X(U16, 2, uint16_t, uint32_t)                                                                                      \
    X(U32, 3, uint32_t, uint32_t)                                                                                      \
    X(U64, 4, uint64_t, uint64_t)                                                                                      \
    X(F32, 5, uint32_t, uint32_t)                                                                                      \
    X(F64, 6, uint64_t, uint64_t)                                                                                      \
    X(I32, 7, int32_t, int32_t)                                                                                        \
    X(I64, 8, int64_t, int64_t)                                                                                        \
    X(TIME, 9, int64_t, int64_t) /* nanoseconds since 1970-01-01 UTC */                                                \
    X(TEXT, 10, const char *, char *)

enum field_type {
#define X(name, number, row, column) FIELD_##name = number,
    FIELD_TYPES(X)
#undef X
        FIELD_TYPE_END
};

/* The same as macros, for the tables: ROW_U8, COLUMN_U8 ... */
#define ROW_U8      uint8_t
#define ROW_U16     uint16_t
#define ROW_U32     uint32_t
#define ROW_U64     uint64_t
#define ROW_F32     uint32_t
#define ROW_F64     uint64_t
#define ROW_I32     int32_t
#define ROW_I64     int64_t
#define ROW_TIME    int64_t
#define ROW_TEXT    const char *
#define COLUMN_U8   uint32_t
#define COLUMN_U16  uint32_t
#define COLUMN_U32  uint32_t
#define COLUMN_U64  uint64_t
#define COLUMN_F32  uint32_t
#define COLUMN_F64  uint64_t
#define COLUMN_I32  int32_t
#define COLUMN_I64  int64_t
#define COLUMN_TIME int64_t
#define COLUMN_TEXT char *

/* What a value is, and so how it is written. The numbers travel (Column.kind): they are only added to. */
enum field_kind {
    KIND_NUMBER = 1,
    KIND_COUNT = 2,    /* of packets, records ...: 1,234 in tables */
    KIND_BYTES = 3,    /* 1.5 kB in tables */
    KIND_OBSERVER = 4, /* index of an observer; written as its sensor and epoch */
    KIND_ADDRESS = 5,  /* the upper half; the next field is the lower one, and the two are written as one */
    KIND_LOWER = 6,    /* the lower half: never written by itself */
    KIND_PORT = 7,
    KIND_PROTOCOL = 8,
    KIND_TIME = 9,
    KIND_NANOSECONDS = 10,  /* a span */
    KIND_MICROSECONDS = 11, /* a span */
    KIND_TEXT = 12,
    KIND_MAC = 13,
    KIND_HEX = 14,       /* 16 digits */
    KIND_TCP_FLAGS = 15, /* letters of FSRPAUEC */
    KIND_HISTORY = 16,   /* Zeek's letters, 5 bits each */
    KIND_FLAG = 17,      /* yes or no */
    KIND_WORD = 18,      /* one of `words`, by number */
    KIND_BITS = 19,      /* those of `words` whose bit is set */
    KIND_ODDS = 20,      /* log2 of the odds, in thousandths */
    KIND_SHARE = 21,     /* thousandths of one: 985 is 98.5 % */
    KIND_LIST = 22,      /* how many items the row has of the list behind it */
    KIND_EPOCH = 23,     /* of an observer, where answers write it beside its sensor */
    KIND_REAL = 24,      /* a finite real number: an F64 is its IEEE 754 bits */
};

/* How the reports of one flow (or two records of one thing) become one value. */
enum field_merge {
    MERGE_SAME,  /* part of the name: equal in all */
    MERGE_FIRST, /* the earliest report that says something */
    MERGE_LAST,  /* the latest report that says something */
    MERGE_SUM,
    MERGE_LEAST, /* over those that say something */
    MERGE_MOST,
    MERGE_UNION, /* of bits */
};

/* When a field says something; otherwise it is not known, which is not zero. Sides stand in pairs, src first. */
enum field_guard {
    GUARD_NONE, /* always */
    GUARD_SRC_NONE,
    GUARD_DST_NONE,
    GUARD_SET,     /* it is not zero */
    GUARD_SRC_SET, /* the same, of a pair */
    GUARD_DST_SET,
    GUARD_SRC_SENT, /* that side sent a packet in this record */
    GUARD_DST_SENT,
    GUARD_SRC_GAP, /* that side sent two */
    GUARD_DST_GAP,
    GUARD_SRC_TCP, /* protocol is TCP, and that side sent a packet */
    GUARD_DST_TCP,
    GUARD_PORTS,         /* the protocol has ports */
    GUARD_PORTS_OR_ICMP, /* or an ICMP identifier in their place */
    GUARD_ICMP,          /* protocol is ICMP or ICMPv6 */
    GUARD_TUNNEL,        /* the flow was found in a tunnel */
    GUARD_ERROR,         /* an ICMP error quoted the flow */
    GUARD_SRC_ISN,       /* these: the bit of `evidence` is set, bit n for GUARD_SRC_ISN + n */
    GUARD_DST_ISN,
    GUARD_SRC_TIMESTAMP,
    GUARD_DST_TIMESTAMP,
    GUARD_SRC_DIGEST,
    GUARD_DST_DIGEST,
    GUARD_SRC_IP_ID,
    GUARD_DST_IP_ID,
    GUARD_ICMP_SEQUENCE,
    GUARD_CLIENT_RTT,
    GUARD_SERVER_RTT,
    GUARD_PEER,   /* binding: the mapping is of one connection */
    GUARD_LINKED, /* verdict: the view has a partner */

    GUARD_CLOCK, /* status: the clock has been compared */
    GUARD_COUNT
};

struct records;

struct field {
    const char *name;  /* as in pavo.proto, the store and filters; of an ADDRESS with _hi */
    const char *label; /* as people and JSON have it: "src" for src_hi; otherwise the name */
    const char *doc;
    uint32_t number; /* in pavo.proto; 0: computed, or of an answer */
    enum field_type type;
    enum field_kind kind;
    enum field_merge merge;
    enum field_guard guard;
    uint16_t offset;     /* in the row struct (of a list's field: in the item) */
    uint8_t size;        /* bytes there */
    uint8_t list;        /* 0: one value a row; n: of the kind's list n - 1 */
    uint16_t twin;       /* of a pair: the other side's field; otherwise this one */
    const char *heading; /* in tables; NULL: shown only when asked for */
    const char *const *words;
    unsigned word_count;
    /* Computed from the row's other fields: never stored, never on the wire. NULL: stored. A TEXT is written to `text`
     * (FIELD_TEXT_MAX) and *ret_value is not used. False: not known. */
    bool (*derive)(const struct records *records, uint32_t row, uint64_t *ret_value, char *text);
};

/* What a value of any field comes to. */
struct value {
    bool known;
    uint64_t number;        /* numbers; I32, I64, TIME as their bits, extended */
    struct address address; /* KIND_ADDRESS */
    const char *text;       /* TEXT; borrowed from the records, or from `scratch` */
};

/* Longest text of a value that is no TEXT itself, and of a computed one. */
#define FIELD_TEXT_MAX 320

enum field_style {
    STYLE_PLAIN, /* for programs: exact, without units; times RFC 3339 in UTC, spans as whole nano- or microseconds */
    STYLE_TABLE, /* for people: local time, 1.5 kB, 25.8 ms */
    STYLE_UTC,   /* the same with times in UTC */
};

/* The value as text. Returns `text` or something that lives as long as the value. Unknown: "". */
const char *field_text(const struct field *field, const struct value *value, enum field_style style,
                       char text[static FIELD_TEXT_MAX]);

/* Is `type` kept as uint64_t, int64_t or a pointer, or in 32 bits? */
static inline bool field_type_is_wide(enum field_type type)
{
    return type == FIELD_U64 || type == FIELD_F64 || type == FIELD_I64 || type == FIELD_TIME || type == FIELD_TEXT;
}

static inline bool field_type_is_signed(enum field_type type)
{
    return type == FIELD_I32 || type == FIELD_I64 || type == FIELD_TIME;
}

/* Does it say something only under a condition of its row? */
static inline bool field_is_guarded(const struct field *field)
{
    return field->list == 0 && field->guard != GUARD_NONE && field->guard != GUARD_SRC_NONE &&
           field->guard != GUARD_DST_NONE;
}

/* The word by number; "unknown" beyond the table. */
const char *field_word(const struct field *field, uint64_t value);
/* Its number; case does not matter. -1: none. */
int field_word_find(const struct field *field, const char *word);

/* A KIND_REAL's value, and the bits of one. */
static inline double real_of_bits(uint64_t bits)
{
    double real;
    memcpy(&real, &bits, sizeof(real));
    return real;
}
static inline uint64_t real_to_bits(double real)
{
    uint64_t bits;
    memcpy(&bits, &real, sizeof(bits));
    return bits;
}

/* A probability in thousandths, rounded down, for log2 of odds in thousandths: 6640 is 990. */
unsigned odds_share(int32_t odds);
/* TCP, UDP, DCCP, SCTP, UDP-Lite. */
bool protocol_has_ports(unsigned protocol);

/* ---- texts of single values, for whoever has one in hand */

/* "1,234,567"; "900 B", "1.5 kB" (powers of 1000); "0.4 ms", "2.5 s", "3 h 04 min". */
#define SHOW_MAX 96
size_t number_text(uint64_t value, char text[static SHOW_MAX]); /* 1234567, and its length */
const char *show_count(uint64_t value, char text[static SHOW_MAX]);
const char *show_bytes(uint64_t bytes, char text[static SHOW_MAX]);
const char *show_span(int64_t ns, char text[static SHOW_MAX]);

/* Foreign text is shown only if it is valid UTF-8 without control and direction characters (invariant 9). */
bool text_is_clean(const char *text, size_t length);
/* Puts '?' in place of every byte that does not belong. */
void text_clean(char *text);

#endif
