/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the filter language: who owns the nodes, what each word means, how a value is read.
 * Only common/filter and its tests include this. */
#ifndef PAVO_COMMON_FILTER_TREE_H
#define PAVO_COMMON_FILTER_TREE_H

#include "common/filter/filter.h"

/* `text` is the filter's own: the texts of its nodes are parts of it. NULL: out of memory. */
struct filter *filter_new(const struct record_kind *kind, const char *text);
/* A zeroed node that lives as long as the filter. NULL: FILTER_NODES_MAX reached, or out of memory. */
struct filter_node *filter_node_new(struct filter *filter);
/* A copy of a word of the filter's text that lives as long as it. NULL: more of them than the text has. */
const char *filter_text_keep(struct filter *filter, const char *word);
/* Takes a reference, which ends with the filter. False: it has FILTER_SETS_MAX. */
bool filter_set_keep(struct filter *filter, struct address_set *set);
void filter_root_set(struct filter *filter, const struct filter_node *root);

#define FILTER_MORE_MAX 4u

/* A field's guard; those that only ask the field itself are the same on either side of a pair. */
static inline enum field_guard filter_guard_of(const struct field *field)
{
    switch (field->guard) {
    case GUARD_SRC_NONE:
    case GUARD_DST_NONE:
        return GUARD_NONE;
    case GUARD_SRC_SET:
    case GUARD_DST_SET:
        return GUARD_SET;
    default:
        return field->guard;
    }
}

/* What a word speaks of. Most are a field of the kind (or the two sides of a pair), and all below follows from it. */
struct filter_word {
    const char *name; /* for sentences; lives as long as the kind */
    const struct field *info;
    unsigned field, twin; /* as in filter_node */
    /* Further fields that the word means when no side is said: a verdict's ends in the partner, the other ends of a
     * binding. Each has its own guard. */
    uint16_t more[FILTER_MORE_MAX];
    unsigned more_count;
    enum filter_value plain;  /* what the word means without src or dst: FIELD (either side), SUM, DURATION, RATE */
    unsigned over, over_twin; /* of a RATE, as in filter_node */
    uint64_t scale;
    /* How the text behind it is read; mostly info->kind. KIND_ADDRESS: an address or a network; KIND_OBSERVER: a
     * sensor's name; KIND_SHARE: per cent, of a field that has the odds. */
    enum field_kind unit;
    bool host;                          /* KIND_ADDRESS: an address alone */
    enum field_guard guard, twin_guard; /* when `field` and `twin` say something */
    unsigned shift;                     /* part of a field: (field & mask) == value << shift; = and != only */
    uint32_t mask;
    bool alone; /* may stand without a value: "is set", "is not zero" */
};

static inline bool filter_word_has_sides(const struct filter_word *word)
{
    return word->twin != word->field && word->plain != FILTER_VALUE_DURATION;
}

/* Has it an order, so that < and ranges mean something? */
bool filter_word_is_ordered(const struct filter_word *word);

/* False: the kind has no such word, and none of that name can be filtered on. With "src_x" or "dst_x" of a pair
 * ret_side is that side, otherwise FILTER_EITHER. */
bool filter_word_find(const struct record_kind *kind, const char *name, struct filter_word *ret_word,
                      enum filter_side *ret_side);

/* The word a mistyped one may have meant, or NULL. */
const char *filter_word_nearest(const struct record_kind *kind, const char *typed);

/* Why `name` is no word of this kind, in a sentence that has it as it was typed. */
void filter_word_refuse(const struct record_kind *kind, const char *name, const char *typed, char *ret_sentence,
                        size_t size);

/* "a" or "an", before the kind's name. */
const char *filter_article(const struct record_kind *kind);

/* What a text came to: value (with mask 0), or masked value; some are a range value..last. */
struct filter_operand {
    uint64_t value;
    uint64_t last; /* equal to value unless a range */
    uint64_t mask; /* for units that mean "has these bits" without an operator */
    bool any;      /* KIND_BITS: any of the bits of value, not all of them */
};

/* Is it a unit of a number, which should stand at it? */
bool filter_unit_known(const char *text);
/* Is it one of the names that a port may be written with? */
bool filter_service_known(const char *name);

/* RESULT_REJECT: `text` is none of the word's values; the sentence says what is. Not for KIND_ADDRESS, KIND_OBSERVER
 * and KIND_TEXT. */
MUST_CHECK enum result filter_value_parse(const struct filter_word *word, const char *text,
                                          struct filter_operand *ret_operand, struct error *err);

#endif
