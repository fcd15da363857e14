/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes of a filter's tree, and the conditions under which a field says something. */
#include "common/filter/build.h"

#include <stdlib.h>

#include "common/records/verdict.h"

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

const struct filter_node *build_balanced(struct builder *b, enum filter_op op, const struct filter_node **list,
                                         unsigned count)
{
    if (count == 1)
        return list[0];
    const struct filter_node *left = build_balanced(b, op, list, count / 2);
    return left == NULL ? NULL : build_join(b, op, left, build_balanced(b, op, list + count / 2, count - count / 2));
}

struct filter_node *build_leaf(struct builder *b, enum filter_op op, struct place place,
                               enum filter_comparison comparison)
{
    struct filter_node *node = build_node(b, op);
    if (node != NULL) {
        node->field = place.field;
        node->twin = place.twin;
        node->side = place.side;
        node->comparison = comparison;
    }
    return node;
}

const struct filter_node *build_compare(struct builder *b, struct place place, enum filter_comparison comparison,
                                        uint64_t value)
{
    struct filter_node *node = build_leaf(b, FILTER_COMPARE, place, comparison);
    if (node != NULL)
        node->value = value;
    return node;
}

const struct filter_node *build_mask(struct builder *b, struct place place, enum filter_comparison comparison,
                                     uint64_t mask, uint64_t value)
{
    struct filter_node *node = build_leaf(b, FILTER_MASK, place, comparison);
    if (node != NULL) {
        node->mask = mask;
        node->value = value;
    }
    return node;
}

const struct filter_node *build_address(struct builder *b, struct place place, enum filter_comparison comparison,
                                        const struct address_prefix *prefix)
{
    struct filter_node *node = build_leaf(b, FILTER_ADDRESS, place, comparison);
    if (node != NULL)
        node->prefix = *prefix;
    return node;
}

const struct filter_node *build_known(struct builder *b, unsigned field)
{
    const struct record_kind *kind = filter_kind(b->filter);
    struct place place = {field, field, FILTER_EITHER};
    /* Only flows have observers that cannot know a field, and of a flow's only times are signed or computed ones texts.
     */
    if (!kind_is_flow(kind) || kind->fields[field].number == 0)
        return build_node(b, FILTER_TRUE);
    if (kind->fields[field].type != FIELD_TIME)
        return build_compare(b, place, FILTER_GE, 0);
    struct filter_node *node = build_leaf(b, FILTER_COMPARE, place, FILTER_EQ);
    if (node != NULL)
        node->value_of = FILTER_VALUE_DURATION; /* from the time to itself: none */
    return node;
}

/* ---- guards */

static struct place single(const struct builder *b, const char *name)
{
    int field = kind_field(filter_kind(b->filter), name);
    if (field < 0)
        abort(); /* a table has a guard that rests on a field it has not: the test of every field meets it */
    return (struct place){(unsigned)field, (unsigned)field, FILTER_EITHER};
}

static const struct filter_node *is_set(struct builder *b, const char *name)
{
    return build_compare(b, single(b, name), FILTER_NE, 0);
}

const struct filter_node *build_protocol(struct builder *b, uint64_t number)
{
    return build_compare(b, single(b, "protocol"), FILTER_EQ, number);
}

/* `name` is one of the numbers below `count` that `holds` of. */
static const struct filter_node *one_of(struct builder *b, const char *name, bool (*holds)(unsigned number),
                                        unsigned count)
{
    const struct filter_node *list[256];
    unsigned found = 0;
    for (unsigned number = 0; number < count; number++) {
        if (!holds(number))
            continue;
        list[found] = build_compare(b, single(b, name), FILTER_EQ, number);
        if (list[found++] == NULL)
            return NULL;
    }
    return build_balanced(b, FILTER_OR, list, found);
}

static bool is_icmp(unsigned protocol)
{
    return protocol == 1 || protocol == 58;
}

static bool has_ports_or_icmp(unsigned protocol)
{
    return protocol_has_ports(protocol) || is_icmp(protocol);
}

static const struct filter_node *sent(struct builder *b, bool dst, uint64_t more_than)
{
    return build_compare(b, single(b, dst ? "dst_packets" : "src_packets"), FILTER_GT, more_than);
}

/* What records_known asks for the guard, as a condition. */
static const struct filter_node *guard_make(struct builder *b, enum field_guard guard)
{
    switch (guard) {
    case GUARD_SRC_SENT:
    case GUARD_DST_SENT:
        return sent(b, guard == GUARD_DST_SENT, 0);
    case GUARD_SRC_GAP:
    case GUARD_DST_GAP:
        return sent(b, guard == GUARD_DST_GAP, 1);
    case GUARD_SRC_TCP:
    case GUARD_DST_TCP:
        return build_join(b, FILTER_AND, build_protocol(b, 6), sent(b, guard == GUARD_DST_TCP, 0));
    case GUARD_PORTS:
        return one_of(b, "protocol", protocol_has_ports, 256);
    case GUARD_PORTS_OR_ICMP:
        return one_of(b, "protocol", has_ports_or_icmp, 256);
    case GUARD_ICMP:
        return one_of(b, "protocol", is_icmp, 256);
    case GUARD_TUNNEL:
        return is_set(b, "tunnel");
    case GUARD_ERROR:
        return is_set(b, "icmp_errors");
    case GUARD_PEER:
        return build_join(b, FILTER_OR, is_set(b, "peer_hi"), is_set(b, "peer_lo"));
    case GUARD_LINKED:
        return one_of(b, "verdict", verdict_is_linked, VERDICT_COUNT);
    case GUARD_CLOCK:
        return is_set(b, "clock_known");
    default: { /* a bit of the evidence */
        uint64_t bit = 1ull << (guard - GUARD_SRC_ISN);
        return build_mask(b, single(b, "evidence"), FILTER_EQ, bit, bit);
    }
    }
}

const struct filter_node *build_set(struct builder *b, struct place place)
{
    if (filter_kind(b->filter)->fields[place.field].type != FIELD_TEXT)
        return build_compare(b, place, FILTER_NE, 0);
    struct filter_node *node = build_leaf(b, FILTER_TEXT, place, FILTER_NE);
    if (node != NULL)
        node->text = "";
    return node;
}

const struct filter_node *build_guarded(struct builder *b, enum field_guard guard, struct place place,
                                        const struct filter_node *node)
{
    if (guard == GUARD_NONE || node == NULL)
        return node;
    if (guard == GUARD_SET)
        return build_join(b, FILTER_AND, build_set(b, place), node);
    if (b->guards[guard] == NULL)
        b->guards[guard] = guard_make(b, guard);
    return build_join(b, FILTER_AND, b->guards[guard], node);
}
