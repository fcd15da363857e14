/* SPDX-License-Identifier: Apache-2.0 */
/* A filter for a kind that begins with the fields of another, in two: what the other can decide, and what is behind. */
#include "common/filter/tree.h"

enum { OF_PART = 1, OF_REST = 2, OF_BOTH = OF_PART | OF_REST };

struct split {
    const struct record_kind *whole, *part;
    struct filter *into; /* new nodes are its */
    bool mixed, full;
};

/* The number that the field has in the part. -1: it has no such field. What is computed stands behind all others. */
static int part_field(const struct split *s, unsigned f)
{
    if (f < s->part->stored_count)
        return (int)f;
    return s->whole->fields[f].derive == NULL ? -1 : kind_field(s->part, s->whole->fields[f].name);
}

static bool is_leaf(const struct filter_node *node)
{
    return node->op != FILTER_TRUE && node->op != FILTER_AND && node->op != FILTER_OR && node->op != FILTER_NOT;
}

static unsigned speaks_of(const struct split *s, const struct filter_node *node)
{
    if (node == NULL || node->op == FILTER_TRUE)
        return 0;
    if (!is_leaf(node))
        return speaks_of(s, node->left) | speaks_of(s, node->right);
    bool known = part_field(s, node->field) >= 0 && part_field(s, node->twin) >= 0;
    if (node->op == FILTER_COMPARE && node->value_of == FILTER_VALUE_RATE)
        known = known && part_field(s, node->over) >= 0 && part_field(s, node->over_twin) >= 0;
    return known ? OF_PART : OF_REST;
}

static const struct filter_node *copy_of(struct split *s, const struct filter_node *node,
                                         const struct filter_node *left, const struct filter_node *right)
{
    if (left == node->left && right == node->right)
        return node;
    struct filter_node *copy = filter_node_new(s->into);
    s->full = s->full || copy == NULL;
    if (copy == NULL)
        return node;
    *copy = *node;
    copy->left = left;
    copy->right = right;
    return copy;
}

/* What of it speaks of `which` alone, joined as it is. NULL: nothing, and so true. */
static const struct filter_node *take(struct split *s, const struct filter_node *node, unsigned which)
{
    if (node->op == FILTER_AND) {
        const struct filter_node *left = take(s, node->left, which), *right = take(s, node->right, which);
        return left == NULL ? right : right == NULL ? left : copy_of(s, node, left, right);
    }
    unsigned of = speaks_of(s, node);
    s->mixed = s->mixed || of == OF_BOTH;
    return of == which ? node : NULL;
}

/* With the numbers that fields have in the part. */
static const struct filter_node *renumbered(struct split *s, const struct filter_node *node)
{
    if (node == NULL || node->op == FILTER_TRUE)
        return node;
    if (!is_leaf(node))
        return copy_of(s, node, renumbered(s, node->left), renumbered(s, node->right));
    if (node->field < s->part->stored_count)
        return node;
    struct filter_node *copy = filter_node_new(s->into);
    s->full = s->full || copy == NULL;
    if (copy == NULL)
        return node;
    *copy = *node;
    copy->field = (unsigned)part_field(s, node->field);
    copy->twin = (unsigned)part_field(s, node->twin);
    return copy;
}

static struct filter *half(struct split *s, const struct filter *whole, unsigned which)
{
    s->into = filter_new(which == OF_PART ? s->part : s->whole, "");
    if (s->into == NULL)
        return NULL;
    const struct filter_node *root = take(s, filter_root(whole), which);
    if (root == NULL) {
        root = filter_node_new(s->into); /* zeroed: FILTER_TRUE */
        s->full = s->full || root == NULL;
    }
    if (which == OF_PART)
        root = renumbered(s, root);
    filter_root_set(s->into, root);
    return s->into;
}

enum result filter_split(const struct filter *whole, const struct record_kind *part, struct filter **ret_part,
                         struct filter **ret_rest, struct error *err)
{
    struct split s = {.whole = filter_kind(whole), .part = part};
    *ret_part = half(&s, whole, OF_PART);
    *ret_rest = *ret_part == NULL ? NULL : half(&s, whole, OF_REST);
    if (*ret_rest != NULL && !s.mixed && !s.full)
        return RESULT_OK;
    filter_destroy(ret_part);
    filter_destroy(ret_rest);
    if (s.mixed)
        return error_set(err, RESULT_REJECT,
                         "what became of a %s is asked behind `and`, not in one `or` or `not` with what was seen of it",
                         s.whole->name);
    return s.full ? error_set(err, RESULT_REJECT, "the filter is too long")
                  : error_set(err, RESULT_FATAL, "out of memory");
}

bool filter_is_true(const struct filter *filter)
{
    return filter_root(filter)->op == FILTER_TRUE;
}
