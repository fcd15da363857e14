/* SPDX-License-Identifier: Apache-2.0 */
/* Columns of answers as static tables: a row struct and its fields from one X table, as the kinds of record have them.
 *
 *   #define ROW(X) X(sensor, TEXT, TEXT, NONE, "SENSOR", "name") X(seen, U64, COUNT, NONE, "SEEN", "packets")
 *   struct row { ROW(ANSWER_ROW_MEMBER) };
 *   static struct field fields[] = {
 *   #define X(...) ANSWER_COLUMN(row, 0, __VA_ARGS__)
 *       ROW(X)
 *   #undef X
 *   };
 *
 * X(name, TYPE, KIND, GUARD, heading, doc): TYPE and KIND as in field.h (words: WORD or BITS), GUARD is NONE or SET;
 * heading NULL: shown only when asked for; doc NULL, and words: those that the kinds' field of this name has. A name
 * that is a word of C has '_' before it here, and not in the answer. */
#ifndef PAVO_AGGREGATOR_ANSWER_COLUMNS_H
#define PAVO_AGGREGATOR_ANSWER_COLUMNS_H

#include "common/records/records.h"

#define ANSWER_ROW_MEMBER(name, type, kind, guard, heading, doc) ROW_##type name;
#define ANSWER_ENUM_MEMBER(name, ...)                            COLUMN_##name,
#define ANSWER_COLUMN(row, list_, name_, type_, kind_, guard_, heading_, doc_)                                         \
    {.name = #name_,                                                                                                   \
     .label = #name_,                                                                                                  \
     .doc = doc_,                                                                                                      \
     .type = FIELD_##type_,                                                                                            \
     .kind = KIND_##kind_,                                                                                             \
     .guard = GUARD_##guard_,                                                                                          \
     .offset = offsetof(struct row, name_),                                                                            \
     .size = sizeof(((struct row *)0)->name_),                                                                         \
     .list = list_,                                                                                                    \
     .heading = heading_},

/* Columns as a kind of record, completed at the first call of answer_columns_kind. */
struct answer_columns {
    const char *name; /* of the question */
    struct field *fields;
    unsigned count;
    size_t row_size;
    const struct record_list *lists;
    unsigned list_count;
    const char *const *words; /* of its WORD columns; NULL: the kinds' */
    unsigned word_count;
    struct record_kind kind; /* made by answer_columns_kind */
};
/* Any thread. */
const struct record_kind *answer_columns_kind(struct answer_columns *columns);

/* A kind of record with headings: what its records are answered with as they are. Any thread. */
const struct record_kind *answer_columns_of(enum record_kind_number kind);

/* The field in place `i` of an answer. */
static inline const struct field *answer_column(const struct record_kind *kind, unsigned i)
{
    return &kind->fields[kind_in_place(kind, i)];
}

#endif
