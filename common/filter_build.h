/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the filter language: making nodes. Each returns NULL when one of its operands is NULL or the filter is full,
 * so that a parser may nest the calls and look once. */
#ifndef PAVO_COMMON_FILTER_BUILD_H
#define PAVO_COMMON_FILTER_BUILD_H

#include "common/filter_tree.h"

struct builder {
    struct filter *filter;
    bool full;                                            /* FILTER_NODES_MAX, or out of memory */
    const struct filter_node *guards[FILTER_GUARD_COUNT]; /* those that every use can share */
};

struct filter_node *build_node(struct builder *b, enum filter_op op);
const struct filter_node *build_join(struct builder *b, enum filter_op op, const struct filter_node *left,
                                     const struct filter_node *right);
const struct filter_node *build_not(struct builder *b, const struct filter_node *inner);

/* A run of the same operator as a balanced tree, so that two hundred ports are eight levels and not two hundred. */
const struct filter_node *build_balanced(struct builder *b, enum filter_op op, const struct filter_node **list,
                                         unsigned count);

const struct filter_node *build_compare(struct builder *b, enum flow_field field, bool pair, enum filter_side side,
                                        enum filter_comparison comparison, uint64_t value);
const struct filter_node *build_mask(struct builder *b, enum flow_field field, bool pair, enum filter_side side,
                                     uint64_t mask, uint64_t value);
const struct filter_node *build_prefix(struct builder *b, enum filter_side side, const struct address_prefix *prefix);
const struct filter_node *build_protocol(struct builder *b, uint64_t number);

/* `node` behind the test that `word` says something. Some tests are about one side: then `side` is SRC or DST. */
bool guard_is_sided(enum filter_guard guard);
const struct filter_node *build_guarded(struct builder *b, const struct filter_word *word, enum filter_side side,
                                        const struct filter_node *node);

#endif
