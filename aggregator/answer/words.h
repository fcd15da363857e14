/* SPDX-License-Identifier: Apache-2.0 */
/* What fields are, in words: for the answers that describe answers. */
#ifndef PAVO_AGGREGATOR_ANSWER_WORDS_H
#define PAVO_AGGREGATOR_ANSWER_WORDS_H

#include "common/records/records.h"

const char *field_type_word(enum field_type type); /* "u8" ... "time", "text" */
const char *field_kind_word(enum field_kind kind); /* "count", "address" ... */
const char *field_merge_word(enum field_merge merge);

/* Words with a space between each, which no word has. Returns `text`. */
#define WORDS_TEXT_MAX 1024u
const char *words_text(const char *const *words, unsigned count, char text[static WORDS_TEXT_MAX]);

/* The columns that a field comes to in an answer (common/records/page.h): one; of an observer two; of the lower half of
 * an address none. Returns how many. */
struct column_text {
    char name[64];
    enum field_type type;
    enum field_kind kind;
};
unsigned field_columns(const struct field *field, struct column_text ret_columns[static 2]);

#endif
