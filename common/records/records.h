/* SPDX-License-Identifier: Apache-2.0 */
/* Records of one kind as columns: what a batch carries, what the store takes, what is published and what an answer is
 * made of. A kind is a table of fields (KIND_table.h; an answer's columns make one too), and everything below works
 * for all of them.
 *
 * Typed access to a kind's rows and columns is in its own header (flow.h, verdict.h ...), made from the same table.
 * Threads: records belong to one thread at a time; handing over the pointer hands over the records.
 * Memory: a block for the columns with one value a row, which records_add fills up to `capacity`; lists grow. */
#ifndef PAVO_COMMON_RECORDS_RECORDS_H
#define PAVO_COMMON_RECORDS_RECORDS_H

#include <protobuf-c/protobuf-c.h>

#include "common/records/field.h"

/* Who saw something: one life of one sensor. */
#define SENSOR_NAME_MAX      64                 /* with the NUL; letters, digits, '-', '_', '.' */
#define OBSERVER_NAME_MAX    SENSOR_NAME_MAX    /* the same, or COLLECTOR/EXPORTER in as many bytes */
#define EPOCH_MAX            ((1ull << 53) - 1) /* what JSON's readers keep exactly */
#define EPOCH_RANDOM_BITS    19
#define OBSERVER_UNKNOWN_MAX 128u /* numbers of flow fields are below this */
struct observer {
    char sensor[OBSERVER_NAME_MAX];
    uint64_t epoch;
    uint64_t unknown[2]; /* bit n: the field with number n is one this observer cannot know (flows only) */
};

/* A sensor's name must be 1 to 63 of A-Z a-z 0-9 - _ . and not begin with a dot. An observer's may also be two such
 * names with one '/' between: what a collector calls an exporter. */
bool sensor_name_valid(const char *name);
bool observer_name_valid(const char *name);
/* By name and epoch; what it cannot know is a property, not a part of the name. */
bool observer_equal(const struct observer *a, const struct observer *b);

/* A new epoch: `now_ns` in seconds, and random bits behind it. Grows with time, is below 2^53, and two lives that begin
 * in one second (or under a clock that was set back) differ. */
uint64_t epoch_new(int64_t now_ns, uint32_t random);

/* Limits of what travels; beyond them it is rejected wherever it comes from. */
#define RECORDS_ROWS_MAX      65536u
#define RECORDS_OBSERVERS_MAX 1024u
#define RECORDS_LISTS_MAX     2u
#define RECORDS_FIELDS_MAX    128u       /* of any kind, computed ones included */
#define RECORDS_ITEMS_MAX     (1u << 20) /* of one list, over all rows */

struct record_list {
    const char *name;     /* of the field that has the number of items */
    const char *prefix;   /* what the names of the items' fields begin with; JSON leaves it out */
    uint16_t count;       /* the field that has the number */
    uint16_t first, last; /* the items' fields, last included */
    uint16_t items_max;   /* a row may have so many */
    uint16_t size;        /* of the item struct */
};

struct record_kind {
    const char *name; /* "flow": the topic, the table in the store, "event" in JSON */
    const struct field *fields;
    unsigned field_count;
    unsigned stored_count; /* those before the computed ones: the columns */
    uint16_t row_size;
    uint16_t number;                           /* of the field in Batch and Published; 0: an answer's */
    const ProtobufCMessageDescriptor *message; /* XColumns; NULL: an answer's */
    const struct record_list *lists;
    unsigned list_count;
    int first_time, last_time; /* fields that say when; -1: none */
    int observer;              /* the field that says who speaks; -1: none */
    const uint16_t *order;     /* the fields that answers have, in their order, each once; NULL: all, as they stand */
    unsigned order_count;
    /* Rows for which a guard holds, as bytes 0 or 1 for rows first .. first + count - 1. GUARD_NONE and GUARD_SET are
     * not asked. NULL: the kind uses no others. */
    void (*guard)(const struct records *records, enum field_guard guard, uint32_t first, uint32_t count, uint8_t *says);
};

/* What a message of a newer contract had that we do not know, as protobuf-c keeps it. */
struct unknown_fields {
    ProtobufCMessageUnknownField *fields; /* owned, with their data */
    unsigned count;
};

#define RECORDS_HEAD                                                                                                   \
    const struct record_kind *kind;                                                                                    \
    uint32_t rows;                                                                                                     \
    uint32_t capacity;                                                                                                 \
    uint32_t observer_count;                                                                                           \
    uint32_t items[RECORDS_LISTS_MAX]; /* of each list, over all rows */                                               \
    uint32_t item_capacity[RECORDS_LISTS_MAX];                                                                         \
    struct observer *observers;          /* owned */                                                                   \
    void *memory;                        /* owned: one block for all columns with a value a row */                     \
    struct text_block *texts;            /* owned: what TEXT columns point into */                                     \
    uint8_t **known;                     /* answers: by field, a byte a row; NULL: all are. Owned */                   \
    struct unknown_fields unknown;       /* passed on */                                                               \
    uint32_t *starts[RECORDS_LISTS_MAX]; /* frozen: where each row's items begin, and all end; owned */                \
    uint32_t walked_row[RECORDS_LISTS_MAX], walked_item[RECORDS_LISTS_MAX] /* where records_items was last */

struct records {
    RECORDS_HEAD;
    /* Behind it stand kind->stored_count pointers to columns, in the order of the fields; a kind's own header has them
     * as typed members. */
};

/* Columns for `capacity` rows (at least 1), all zero. NULL: out of memory, or 0. */
struct records *records_new(const struct record_kind *kind, uint32_t capacity);
void records_free(struct records **records);
/* Forgets rows, items, observers, texts, unknown fields; keeps the memory. */
void records_clear(struct records *records);

/* Column of a stored field: uint32_t[], uint64_t[], int32_t[], int64_t[] or char *[] by its type. */
static inline void *records_column(const struct records *records, unsigned field)
{
    return ((void *const *)(records + 1))[field];
}

/* A row struct of the kind; texts are copied, numbers of items are taken as 0. RESULT_FULL: capacity is reached, or out
 * of memory; unchanged then. */
MUST_CHECK enum result records_add(struct records *records, const void *row);
/* The same, growing first when it is full. */
MUST_CHECK enum result records_append(struct records **records, const void *row);
/* An item struct for the last row's list `list`. RESULT_FULL: the row has as many as it may, or out of memory. */
MUST_CHECK enum result records_add_item(struct records *records, unsigned list, const void *item);
void records_get(const struct records *records, uint32_t row, void *ret_row);

/* Where row's items stand in the columns of the list: *ret_first .. + the count returned. */
uint32_t records_items(const struct records *records, unsigned list, uint32_t row, uint32_t *ret_first);
/* From here on the records do not change, and any number of threads may read them at once (records_items otherwise
 * remembers where it was). False: out of memory. */
bool records_freeze(struct records *records);
/* Item `index` (as records_items counts) as a struct. */
void records_item_get(const struct records *records, unsigned list, uint32_t index, void *ret_item);

/* Room for so many items of each list, in records that have none: all zero, and counted as there. For those who write
 * columns as a whole. False: out of memory. */
bool records_make_items(struct records *records, const uint32_t items[static RECORDS_LISTS_MAX]);

/* The index of an observer, added if new (one of which other fields are unknown is another). RESULT_FULL at
 * RECORDS_OBSERVERS_MAX. */
MUST_CHECK enum result records_observer(struct records *records, const struct observer *observer, uint16_t *ret_index);

/* Rows of `from` (`rows` ascending, or NULL: first .. first + count - 1) as records of their own. NULL: out of memory.
 */
struct records *records_copy(const struct records *from, const uint32_t *rows, uint32_t first, uint32_t count);
/* Appends all of `more`, growing. RESULT_FULL: out of memory or RECORDS_OBSERVERS_MAX; what is there stays. */
MUST_CHECK enum result records_join(struct records **records, const struct records *more);

/* A text that lives as long as the records. NULL: out of memory. */
char *records_text(struct records *records, const char *text, size_t length);

/* Bytes that these records hold, nearly. */
size_t records_weight(const struct records *records);

/* ---- values */

/* Fields that answers have, and the one in place `i`. */
static inline unsigned kind_places(const struct record_kind *kind)
{
    return kind->order == NULL ? kind->field_count : kind->order_count;
}

static inline unsigned kind_in_place(const struct record_kind *kind, unsigned i)
{
    return kind->order == NULL ? i : kind->order[i];
}

/* Index of a field by name or label; -1. */
int kind_field(const struct record_kind *kind, const char *name);
/* Sets, of kind->stored_count fields, those that this one's value (and whether it is known) is read from. */
void kind_rests(const struct record_kind *kind, unsigned field, bool *fields);
const struct field *kind_field_by_number(const struct record_kind *kind, uint32_t number);

/* The value of any field, computed ones too (for those TEXT is written to `scratch`). Of a list's field: `row` is the
 * index of the item. */
struct value records_value(const struct records *records, uint32_t row, unsigned field, char scratch[FIELD_TEXT_MAX]);
/* Which rows know the field (guards, what observers cannot know, answers' own): bytes 0 or 1. Returns whether all do.
 */
bool records_known(const struct records *records, unsigned field, uint32_t first, uint32_t count, uint8_t *ret_known);
/* The same for one row and a field that is not computed. */
bool records_knows(const struct records *records, unsigned field, uint32_t row);
/* Sets a value of an answer unknown. RESULT_FULL: out of memory. */
MUST_CHECK enum result records_set_unknown(struct records *records, uint32_t row, unsigned field);

/* Earliest and latest time of the rows; with *ret_first > *ret_last there is none. */
void records_extent(const struct records *records, int64_t *ret_first, int64_t *ret_last);

/* ---- the kinds */

enum record_kind_number {
    RECORD_FLOW,
    RECORD_VERDICT,
    RECORD_BINDING,
    RECORD_LOSS,
    RECORD_STATUS,
    RECORD_ALERT,
    RECORD_KIND_COUNT,               /* of those that are said */
    RECORD_HOUR = RECORD_KIND_COUNT, /* what the store makes of flows */
    STORED_KIND_COUNT
};
extern const struct record_kind *const record_kinds[STORED_KIND_COUNT];
/* By name, of those that are said; NULL: none. */
const struct record_kind *record_kind_by_name(const char *name);
/* Its enum record_kind_number. */
enum record_kind_number record_kind_number(const struct record_kind *kind);
/* Are its fields a flow's, and perhaps more behind them? */
static inline bool kind_is_flow(const struct record_kind *kind)
{
    return kind->number == record_kinds[RECORD_FLOW]->number;
}
/* Is a record of it in the books of whoever makes it: made, then acknowledged, lost or held? Statuses and losses, which
 * tell of the books, are not; everything else is. */
bool record_kind_counts(const struct record_kind *kind);

/* ---- from a table to a kind: rows, columns, enumerators and the descriptions. T(X) is the table with
 *      X(number, name, TYPE, KIND, MERGE, GUARD, doc). */

#define RECORD_ROW_MEMBER(number, name, type, kind, merge, guard, doc)    ROW_##type name;
#define RECORD_COLUMN_MEMBER(number, name, type, kind, merge, guard, doc) COLUMN_##type *name;

#endif
