/* SPDX-License-Identifier: Apache-2.0 */
/* Running a filter over columns: a block of rows at a time, one byte a row, so that the loops vectorise and the
 * masks of the deepest tree stay in the first cache. */
#include <string.h>

#include "common/filter.h"

#define BLOCK 512u /* rows; FILTER_DEPTH_MAX masks of it are 32 kB of stack */

/* The rows being looked at. */
struct block {
    const struct flow_batch *batch;
    uint32_t first, count;
};

/* The loops are where the time goes. clang vectorises them at -O2, gcc 12 has to be asked. */
#ifdef __clang__
#define HOT
#else
#define HOT __attribute__((optimize("O3")))
#endif

#define COMPARE_LOOP(operator)                                                                                         \
    for (uint32_t i = 0; i < count; i++)                                                                               \
        mask[i] = column[i] operator value;                                                                            \
    break

#define DEFINE_COMPARE(suffix, type)                                                                                   \
    HOT static void compare_##suffix(const type *column, uint32_t count, enum filter_comparison comparison,            \
                                     type value, uint8_t *restrict mask)                                               \
    {                                                                                                                  \
        switch (comparison) {                                                                                          \
        case FILTER_EQ:                                                                                                \
            COMPARE_LOOP(==);                                                                                          \
        case FILTER_NE:                                                                                                \
            COMPARE_LOOP(!=);                                                                                          \
        case FILTER_LT:                                                                                                \
            COMPARE_LOOP(<);                                                                                           \
        case FILTER_LE:                                                                                                \
            COMPARE_LOOP(<=);                                                                                          \
        case FILTER_GT:                                                                                                \
            COMPARE_LOOP(>);                                                                                           \
        case FILTER_GE:                                                                                                \
            COMPARE_LOOP(>=);                                                                                          \
        }                                                                                                              \
    }
DEFINE_COMPARE(u32, uint32_t)
DEFINE_COMPARE(u64, uint64_t)
DEFINE_COMPARE(i64, int64_t)

HOT static void mask_u32(const uint32_t *column, uint32_t count, uint32_t bits, uint32_t value, uint8_t *restrict mask)
{
    for (uint32_t i = 0; i < count; i++)
        mask[i] = (column[i] & bits) == value;
}

HOT static void mask_u64(const uint64_t *column, uint32_t count, uint64_t bits, uint64_t value, uint8_t *restrict mask)
{
    for (uint32_t i = 0; i < count; i++)
        mask[i] = (column[i] & bits) == value;
}

HOT static void mask_and(uint8_t *restrict mask, const uint8_t *restrict other, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        mask[i] &= other[i];
}

HOT static void mask_or(uint8_t *restrict mask, const uint8_t *restrict other, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        mask[i] |= other[i];
}

HOT static void mask_not(uint8_t *mask, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        mask[i] ^= 1;
}

/* Are all rows of the mask `byte`? */
static bool mask_all(const uint8_t *mask, uint32_t count, uint8_t byte)
{
    return count == 0 || (mask[0] == byte && memcmp(mask, mask + 1, count - 1) == 0);
}

/* One column against the node's COMPARE or MASK. */
static void test_column(const struct filter_node *node, const struct block *b, enum flow_field field, uint8_t *mask)
{
    const void *column = flow_batch_column(b->batch, field);
    enum flow_kind kind = flow_fields[field].kind;
    if (!flow_kind_is_wide(kind)) {
        const uint32_t *at = (const uint32_t *)column + b->first;
        if (node->op == FILTER_MASK)
            mask_u32(at, b->count, (uint32_t)node->mask, (uint32_t)node->value, mask);
        else
            compare_u32(at, b->count, node->comparison, (uint32_t)node->value, mask);
    } else if (kind == FLOW_KIND_TIME && node->op == FILTER_COMPARE) {
        compare_i64((const int64_t *)column + b->first, b->count, node->comparison, (int64_t)node->value, mask);
    } else {
        const uint64_t *at = (const uint64_t *)column + b->first;
        if (node->op == FILTER_MASK)
            mask_u64(at, b->count, node->mask, node->value, mask);
        else
            compare_u64(at, b->count, node->comparison, node->value, mask);
    }
}

HOT static void test_address(const struct filter_node *node, const struct block *b, bool dst, uint8_t *restrict mask)
{
    const uint64_t *hi = (dst ? b->batch->dst_hi : b->batch->src_hi) + b->first;
    const uint64_t *lo = (dst ? b->batch->dst_lo : b->batch->src_lo) + b->first;
    struct address wanted = node->prefix.address, fixed = address_prefix_mask(node->prefix.length);
    for (uint32_t i = 0; i < b->count; i++)
        mask[i] = (((hi[i] ^ wanted.hi) & fixed.hi) | ((lo[i] ^ wanted.lo) & fixed.lo)) == 0;
}

HOT static void test_sum(const struct filter_node *node, const struct block *b, uint8_t *mask)
{
    uint64_t sum[BLOCK];
    const void *src = flow_batch_column(b->batch, node->field), *dst = flow_batch_column(b->batch, node->field + 1);
    if (flow_kind_is_wide(flow_fields[node->field].kind)) {
        const uint64_t *s = (const uint64_t *)src + b->first, *d = (const uint64_t *)dst + b->first;
        for (uint32_t i = 0; i < b->count; i++) {
            uint64_t total = s[i] + d[i];
            sum[i] = total < s[i] ? UINT64_MAX : total; /* saturates, beyond any value a filter can name */
        }
    } else {
        const uint32_t *s = (const uint32_t *)src + b->first, *d = (const uint32_t *)dst + b->first;
        for (uint32_t i = 0; i < b->count; i++)
            sum[i] = (uint64_t)s[i] + d[i];
    }
    compare_u64(sum, b->count, node->comparison, node->value, mask);
}

HOT static void test_duration(const struct filter_node *node, const struct block *b, uint8_t *mask)
{
    int64_t duration[BLOCK];
    const int64_t *first = b->batch->first_time + b->first, *last = b->batch->last_time + b->first;
    for (uint32_t i = 0; i < b->count; i++)
        duration[i] = (int64_t)((uint64_t)last[i] - (uint64_t)first[i]);
    compare_i64(duration, b->count, node->comparison, (int64_t)node->value, mask);
}

static void test_sensor(const struct filter_node *node, const struct block *b, uint8_t *mask)
{
    uint32_t asked = UINT32_MAX;
    uint8_t same = 0;
    for (uint32_t i = 0; i < b->count; i++) {
        uint32_t observer = b->batch->observer[b->first + i];
        if (observer != asked) { /* rows of one observer stand together */
            asked = observer;
            same =
                observer < b->batch->observer_count && strcmp(b->batch->observers[observer].sensor, node->sensor) == 0;
        }
        mask[i] = same;
    }
}

/* One side of a node that has sides. */
static void test_side(const struct filter_node *node, const struct block *b, bool dst, uint8_t *mask)
{
    if (node->op == FILTER_ADDRESS)
        test_address(node, b, dst, mask);
    else
        test_column(node, b, node->field + (dst ? 1 : 0), mask);
}

static void test_sides(const struct filter_node *node, const struct block *b, uint8_t *mask)
{
    uint8_t other[BLOCK];
    if (node->op != FILTER_ADDRESS && !node->pair) {
        test_column(node, b, node->field, mask);
        return;
    }
    test_side(node, b, node->side == FILTER_DST, mask);
    if (node->side == FILTER_SRC || node->side == FILTER_DST)
        return;
    test_side(node, b, true, other);
    if (node->side == FILTER_BOTH)
        mask_and(mask, other, b->count);
    else
        mask_or(mask, other, b->count);
}

static void evaluate(const struct filter_node *node, const struct block *b, uint8_t *mask)
{
    switch (node->op) {
    case FILTER_TRUE:
        memset(mask, 1, b->count);
        break;
    case FILTER_AND:
    case FILTER_OR: {
        uint8_t other[BLOCK];
        bool and = node->op == FILTER_AND;
        evaluate(node->left, b, mask);
        if (mask_all(mask, b->count, !and))
            break; /* the other side cannot change it */
        evaluate(node->right, b, other);
        if (and)
            mask_and(mask, other, b->count);
        else
            mask_or(mask, other, b->count);
        break;
    }
    case FILTER_NOT:
        evaluate(node->left, b, mask);
        mask_not(mask, b->count);
        break;
    case FILTER_SENSOR:
        test_sensor(node, b, mask);
        break;
    case FILTER_COMPARE:
        if (node->value_of == FILTER_VALUE_SUM) {
            test_sum(node, b, mask);
            break;
        }
        if (node->value_of == FILTER_VALUE_DURATION) {
            test_duration(node, b, mask);
            break;
        }
        test_sides(node, b, mask);
        break;
    case FILTER_ADDRESS:
    case FILTER_MASK:
        test_sides(node, b, mask);
        break;
    }
}

bool filter_match(const struct filter *filter, const struct flow_batch *batch, uint32_t row)
{
    uint8_t mask[BLOCK];
    evaluate(filter_root(filter), &(struct block){.batch = batch, .first = row, .count = 1}, mask);
    return mask[0];
}

uint32_t filter_select(const struct filter *filter, const struct flow_batch *batch, uint32_t *ret_rows)
{
    uint8_t mask[BLOCK];
    uint32_t selected = 0;
    for (uint32_t first = 0; first < batch->rows; first += BLOCK) {
        uint32_t left = batch->rows - first;
        struct block b = {.batch = batch, .first = first, .count = left < BLOCK ? left : BLOCK};
        evaluate(filter_root(filter), &b, mask);
        for (uint32_t i = 0; i < b.count; i++) {
            ret_rows[selected] = first + i; /* overwritten unless it counts; selected <= first + i, so there is room */
            selected += mask[i];
        }
    }
    return selected;
}
