/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes of a filter's tree, and the conditions under which a field says something. */
#include "common/filter_build.h"

struct filter_node *build_node(struct builder *b, enum filter_op op)
{
    struct filter_node *node = filter_node_new(b->filter);
    if (node == NULL)
        b->full = true;
    else
        node->op = op;
    return node;
}

const struct filter_node *build_join(struct builder *b, enum filter_op op, const struct filter_node *left,
                                     const struct filter_node *right)
{
    if (left == NULL || right == NULL)
        return NULL;
    struct filter_node *node = build_node(b, op);
    if (node != NULL) {
        node->left = left;
        node->right = right;
    }
    return node;
}

const struct filter_node *build_not(struct builder *b, const struct filter_node *inner)
{
    struct filter_node *node = inner == NULL ? NULL : build_node(b, FILTER_NOT);
    if (node != NULL)
        node->left = inner;
    return node;
}

const struct filter_node *build_compare(struct builder *b, enum flow_field field, bool pair, enum filter_side side,
                                        enum filter_comparison comparison, uint64_t value)
{
    struct filter_node *node = build_node(b, FILTER_COMPARE);
    if (node != NULL) {
        node->field = field;
        node->pair = pair;
        node->side = side;
        node->comparison = comparison;
        node->value = value;
    }
    return node;
}

const struct filter_node *build_mask(struct builder *b, enum flow_field field, bool pair, enum filter_side side,
                                     uint64_t mask, uint64_t value)
{
    struct filter_node *node = build_node(b, FILTER_MASK);
    if (node != NULL) {
        node->field = field;
        node->pair = pair;
        node->side = side;
        node->mask = mask;
        node->value = value;
    }
    return node;
}

const struct filter_node *build_prefix(struct builder *b, enum filter_side side, const struct address_prefix *prefix)
{
    struct filter_node *node = build_node(b, FILTER_ADDRESS);
    if (node != NULL) {
        node->side = side;
        node->prefix = *prefix;
    }
    return node;
}

const struct filter_node *build_protocol(struct builder *b, uint64_t number)
{
    return build_compare(b, FLOW_FIELD_protocol, false, FILTER_EITHER, FILTER_EQ, number);
}

/* One of some protocols, as a balanced tree. */
static const struct filter_node *protocol_of(struct builder *b, const uint8_t *numbers, unsigned count)
{
    if (count == 1)
        return build_protocol(b, numbers[0]);
    const struct filter_node *left = protocol_of(b, numbers, count / 2);
    return left == NULL ? NULL : build_join(b, FILTER_OR, left, protocol_of(b, numbers + count / 2, count - count / 2));
}

/* The test that stands beside a comparison when `word` may be unset; `side` is SRC or DST for guards that are about one
 * side. */
static const struct filter_node *guard_make(struct builder *b, const struct filter_word *word, enum filter_side side)
{
    static const uint8_t with_ports[] = {6, 17, 33, 132, 136}, icmp[] = {1, 58}, tcp[] = {6};
    switch (word->guard) {
    case FILTER_GUARD_SENT:
    case FILTER_GUARD_GAP:
        return build_compare(b, FLOW_FIELD_src_packets, true, side, FILTER_GT, word->guard == FILTER_GUARD_GAP);
    case FILTER_GUARD_TCP:
        return build_join(b, FILTER_AND, protocol_of(b, tcp, sizeof(tcp)),
                          build_compare(b, FLOW_FIELD_src_packets, true, side, FILTER_GT, 0));
    case FILTER_GUARD_EVIDENCE: {
        uint64_t bit = word->pair && side == FILTER_DST ? word->bit << 1 : word->bit;
        return build_mask(b, FLOW_FIELD_evidence, false, FILTER_EITHER, bit, bit);
    }
    case FILTER_GUARD_SET:
        return build_compare(b, word->field, word->pair, side, FILTER_NE, 0);
    case FILTER_GUARD_PORTS:
        return protocol_of(b, with_ports, sizeof(with_ports));
    case FILTER_GUARD_ICMP:
        return protocol_of(b, icmp, sizeof(icmp));
    case FILTER_GUARD_TUNNEL:
        return build_compare(b, FLOW_FIELD_tunnel, false, FILTER_EITHER, FILTER_NE, FLOW_TUNNEL_NONE);
    case FILTER_GUARD_ERROR:
        return build_compare(b, FLOW_FIELD_icmp_errors, false, FILTER_EITHER, FILTER_NE, 0);
    case FILTER_GUARD_NONE:
    case FILTER_GUARD_COUNT:
        break;
    }
    return NULL;
}

bool guard_is_sided(enum filter_guard guard)
{
    return guard == FILTER_GUARD_SENT || guard == FILTER_GUARD_GAP || guard == FILTER_GUARD_TCP ||
           guard == FILTER_GUARD_EVIDENCE || guard == FILTER_GUARD_SET;
}

const struct filter_node *build_guarded(struct builder *b, const struct filter_word *word, enum filter_side side,
                                        const struct filter_node *node)
{
    if (word->guard == FILTER_GUARD_NONE || node == NULL)
        return node;
    const struct filter_node *guard = guard_is_sided(word->guard) ? NULL : b->guards[word->guard];
    if (guard == NULL)
        guard = guard_make(b, word, side);
    if (!guard_is_sided(word->guard))
        b->guards[word->guard] = guard;
    return build_join(b, FILTER_AND, guard, node);
}

const struct filter_node *build_balanced(struct builder *b, enum filter_op op, const struct filter_node **list,
                                         unsigned count)
{
    if (count == 1)
        return list[0];
    const struct filter_node *left = build_balanced(b, op, list, count / 2);
    return left == NULL ? NULL : build_join(b, op, left, build_balanced(b, op, list + count / 2, count - count / 2));
}
