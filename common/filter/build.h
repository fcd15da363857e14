/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the filter language: making nodes. Each returns NULL when one of its operands is NULL or the filter is full,
 * so that a parser may nest the calls and look once. */
#ifndef PAVO_COMMON_FILTER_BUILD_H
#define PAVO_COMMON_FILTER_BUILD_H

#include "common/filter/tree.h"

struct builder {
    struct filter *filter;
    bool full;                                     /* FILTER_NODES_MAX, or out of memory */
    const struct filter_node *guards[GUARD_COUNT]; /* those made so far, for every further use */
};

/* What a leaf is about: a field, or a pair of them and the side. */
struct place {
    unsigned field, twin;
    enum filter_side side; /* EITHER unless a pair */
};

struct filter_node *build_node(struct builder *b, enum filter_op op);
const struct filter_node *build_join(struct builder *b, enum filter_op op, const struct filter_node *left,
                                     const struct filter_node *right);
const struct filter_node *build_not(struct builder *b, const struct filter_node *inner);

/* A run of the same operator as a balanced tree, so that two hundred ports are eight levels and not two hundred. */
const struct filter_node *build_balanced(struct builder *b, enum filter_op op, const struct filter_node **list,
                                         unsigned count);

/* Leaves. The node of build_leaf has yet to get its value. */
struct filter_node *build_leaf(struct builder *b, enum filter_op op, struct place place,
                               enum filter_comparison comparison);
const struct filter_node *build_compare(struct builder *b, struct place place, enum filter_comparison comparison,
                                        uint64_t value);
const struct filter_node *build_mask(struct builder *b, struct place place, enum filter_comparison comparison,
                                     uint64_t mask, uint64_t value);
const struct filter_node *build_address(struct builder *b, struct place place, enum filter_comparison comparison,
                                        const struct address_prefix *prefix);
/* True wherever the field's observer can know it. */
const struct filter_node *build_known(struct builder *b, unsigned field);
/* It is not zero, or no empty text. */
const struct filter_node *build_set(struct builder *b, struct place place);
/* Of a kind that has a field `protocol`. */
const struct filter_node *build_protocol(struct builder *b, uint64_t number);

/* `node` behind the test that `guard` holds; `place` is what GUARD_SET asks. */
const struct filter_node *build_guarded(struct builder *b, enum field_guard guard, struct place place,
                                        const struct filter_node *node);

#endif
