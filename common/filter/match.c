/* SPDX-License-Identifier: Apache-2.0 */
/* Running a filter over columns: a block of rows at a time, one byte a row, so that the loops vectorise and the
 * masks of the deepest tree stay in the first cache. */
#include <string.h>

#include "common/filter/filter.h"
#include "common/records/flow.h"

#define BLOCK 512u /* rows; FILTER_DEPTH_MAX masks of it are 32 kB of stack */

/* The rows being looked at. */
struct block {
    const struct records *records;
    uint32_t first, count;
    bool masked; /* an observer says that there are fields it cannot know */
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
DEFINE_COMPARE(i32, int32_t)
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

/* ---- what observers cannot know: only flows have such, and only those of exporters */

static bool is_unknown(const struct observer *observer, uint32_t number)
{
    return number < OBSERVER_UNKNOWN_MAX && (observer->unknown[number / 64] >> number % 64 & 1) != 0;
}

static bool observer_is_masked(const struct observer *observer)
{
    return (observer->unknown[0] | observer->unknown[1]) != 0;
}

static bool row_is_masked(const struct records *records, uint32_t row)
{
    if (!kind_is_flow(records->kind))
        return false;
    uint32_t observer = flow_batch_of(records)->observer[row];
    return observer < records->observer_count && observer_is_masked(&records->observers[observer]);
}

static bool any_is_masked(const struct records *records)
{
    bool any = false;
    for (uint32_t i = 0; kind_is_flow(records->kind) && i < records->observer_count; i++)
        any = any || observer_is_masked(&records->observers[i]);
    return any;
}

/* Rows whose observer cannot know the field do not match. */
static void mask_unknown(const struct block *b, unsigned field, uint8_t *mask)
{
    uint32_t number = b->records->kind->fields[field].number, asked = UINT32_MAX;
    const uint32_t *observers = flow_batch_of(b->records)->observer + b->first;
    uint8_t known = 1;
    for (uint32_t i = 0; i < b->count; i++) {
        if (observers[i] != asked) { /* rows of one observer stand together */
            asked = observers[i];
            known = asked >= b->records->observer_count || !is_unknown(&b->records->observers[asked], number);
        }
        mask[i] &= known;
    }
}

/* ---- leaves */

static void test_number(const struct filter_node *node, const struct block *b, unsigned field, uint8_t *mask)
{
    const void *column = records_column(b->records, field);
    enum field_type type = b->records->kind->fields[field].type;
    if (!field_type_is_wide(type)) {
        const uint32_t *at = (const uint32_t *)column + b->first;
        if (node->op == FILTER_MASK)
            mask_u32(at, b->count, (uint32_t)node->mask, (uint32_t)node->value, mask);
        else if (field_type_is_signed(type))
            compare_i32((const int32_t *)at, b->count, node->comparison, (int32_t)node->value, mask);
        else
            compare_u32(at, b->count, node->comparison, (uint32_t)node->value, mask);
    } else {
        const uint64_t *at = (const uint64_t *)column + b->first;
        if (node->op == FILTER_MASK)
            mask_u64(at, b->count, node->mask, node->value, mask);
        else if (field_type_is_signed(type))
            compare_i64((const int64_t *)at, b->count, node->comparison, (int64_t)node->value, mask);
        else
            compare_u64(at, b->count, node->comparison, node->value, mask);
    }
}

/* The lower half stands behind the upper. */
HOT static void test_address(const struct filter_node *node, const struct block *b, unsigned field,
                             uint8_t *restrict mask)
{
    const uint64_t *hi = (const uint64_t *)records_column(b->records, field) + b->first;
    const uint64_t *lo = (const uint64_t *)records_column(b->records, field + 1) + b->first;
    struct address wanted = node->prefix.address, fixed = address_prefix_mask(node->prefix.length);
    for (uint32_t i = 0; i < b->count; i++)
        mask[i] = (((hi[i] ^ wanted.hi) & fixed.hi) | ((lo[i] ^ wanted.lo) & fixed.lo)) == 0;
}

/* A computed text is made row by row; where it is none the row does not match, whatever is asked. */
static void test_computed(const struct filter_node *node, const struct block *b, unsigned field, uint8_t *mask)
{
    char text[FIELD_TEXT_MAX];
    uint64_t number;
    for (uint32_t i = 0; i < b->count; i++)
        mask[i] = b->records->kind->fields[field].derive(b->records, b->first + i, &number, text) &&
                  (strcmp(text, node->text) == 0) == (node->comparison == FILTER_EQ);
}

static void test_set(const struct filter_node *node, const struct block *b, unsigned field, uint8_t *mask)
{
    const uint64_t *hi = (const uint64_t *)records_column(b->records, field) + b->first;
    const uint64_t *lo = (const uint64_t *)records_column(b->records, field + 1) + b->first;
    for (uint32_t i = 0; i < b->count; i++)
        mask[i] = address_set_has(node->set, (struct address){hi[i], lo[i]});
}

static void test_text(const struct filter_node *node, const struct block *b, unsigned field, uint8_t *mask)
{
    char *const *texts = (char *const *)records_column(b->records, field) + b->first;
    for (uint32_t i = 0; i < b->count; i++)
        mask[i] = strcmp(texts[i] == NULL ? "" : texts[i], node->text) == 0;
}

static void test_sensor(const struct filter_node *node, const struct block *b, uint8_t *mask)
{
    const uint32_t *observers = (const uint32_t *)records_column(b->records, node->field) + b->first;
    uint32_t asked = UINT32_MAX;
    uint8_t same = 0;
    for (uint32_t i = 0; i < b->count; i++) {
        if (observers[i] != asked) { /* rows of one observer stand together */
            asked = observers[i];
            same = asked < b->records->observer_count && strcmp(b->records->observers[asked].sensor, node->text) == 0;
        }
        mask[i] = same;
    }
}

/* One field, or one side of a pair. */
static void test_field(const struct filter_node *node, const struct block *b, unsigned field, uint8_t *mask)
{
    if (field >= b->records->kind->stored_count) {
        test_computed(node, b, field, mask);
        return;
    }
    if (node->op == FILTER_ADDRESS)
        test_address(node, b, field, mask);
    else if (node->op == FILTER_SET)
        test_set(node, b, field, mask);
    else if (node->op == FILTER_TEXT)
        test_text(node, b, field, mask);
    else
        test_number(node, b, field, mask);
    if (node->op != FILTER_COMPARE && node->comparison == FILTER_NE)
        mask_not(mask, b->count);
    if (b->masked)
        mask_unknown(b, field, mask);
}

static void test_sides(const struct filter_node *node, const struct block *b, uint8_t *mask)
{
    uint8_t other[BLOCK];
    test_field(node, b, node->side == FILTER_DST ? node->twin : node->field, mask);
    if (node->twin == node->field || node->side == FILTER_SRC || node->side == FILTER_DST)
        return;
    test_field(node, b, node->twin, other);
    if (node->side == FILTER_BOTH)
        mask_and(mask, other, b->count);
    else
        mask_or(mask, other, b->count);
}

HOT static void test_sum(const struct filter_node *node, const struct block *b, uint8_t *mask)
{
    uint64_t sum[BLOCK];
    const void *src = records_column(b->records, node->field), *dst = records_column(b->records, node->twin);
    if (field_type_is_wide(b->records->kind->fields[node->field].type)) {
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
    const int64_t *first = (const int64_t *)records_column(b->records, node->field) + b->first;
    const int64_t *last = (const int64_t *)records_column(b->records, node->twin) + b->first;
    for (uint32_t i = 0; i < b->count; i++)
        duration[i] = (int64_t)((uint64_t)last[i] - (uint64_t)first[i]);
    compare_i64(duration, b->count, node->comparison, (int64_t)node->value, mask);
}

/* A field's value, whatever its width. */
static uint64_t number_at(const struct records *records, unsigned field, uint32_t row)
{
    const void *column = records_column(records, field);
    return field_type_is_wide(records->kind->fields[field].type) ? ((const uint64_t *)column)[row]
                                                                 : ((const uint32_t *)column)[row];
}

static bool compared(enum filter_comparison comparison, unsigned __int128 left, unsigned __int128 right)
{
    switch (comparison) {
    case FILTER_EQ:
        return left == right;
    case FILTER_NE:
        return left != right;
    case FILTER_LT:
        return left < right;
    case FILTER_LE:
        return left <= right;
    case FILTER_GT:
        return left > right;
    case FILTER_GE:
        return left >= right;
    }
    return false;
}

/* A sum of both fields, or one of them. */
static unsigned __int128 side_sum(const struct records *records, enum filter_side side, unsigned src, unsigned dst,
                                  uint32_t row)
{
    unsigned __int128 sum = side == FILTER_DST ? 0 : number_at(records, src, row);
    return side == FILTER_SRC ? sum : sum + number_at(records, dst, row);
}

static void test_rate(const struct filter_node *node, const struct block *b, uint8_t *mask)
{
    const struct records *records = b->records;
    bool times = records->kind->fields[node->over].type == FIELD_TIME;
    for (uint32_t i = 0; i < b->count; i++) {
        uint32_t row = b->first + i;
        int64_t span =
            times ? (int64_t)(number_at(records, node->over_twin, row) - number_at(records, node->over, row)) : 0;
        unsigned __int128 over = !times     ? side_sum(records, node->side, node->over, node->over_twin, row)
                                 : span > 0 ? (unsigned __int128)span
                                            : 0;
        mask[i] = over > 0 &&
                  compared(node->comparison, node->scale * side_sum(records, node->side, node->field, node->twin, row),
                           node->value * over);
    }
}

/* The fields that a rate rests on. */
static void mask_unknown_rate(const struct filter_node *node, const struct block *b, uint8_t *mask)
{
    bool times = b->records->kind->fields[node->over].type == FIELD_TIME;
    if (node->side != FILTER_DST)
        mask_unknown(b, node->field, mask);
    if (node->side != FILTER_SRC)
        mask_unknown(b, node->twin, mask);
    if (times || node->side != FILTER_DST)
        mask_unknown(b, node->over, mask);
    if (times || node->side != FILTER_SRC)
        mask_unknown(b, node->over_twin, mask);
}

/* Several fields made one number. */
static void test_whole(const struct filter_node *node, const struct block *b, uint8_t *mask)
{
    if (node->value_of == FILTER_VALUE_SUM)
        test_sum(node, b, mask);
    else if (node->value_of == FILTER_VALUE_RATE)
        test_rate(node, b, mask);
    else
        test_duration(node, b, mask);
    if (b->masked && node->value_of == FILTER_VALUE_RATE) {
        mask_unknown_rate(node, b, mask);
    } else if (b->masked) {
        mask_unknown(b, node->field, mask);
        mask_unknown(b, node->twin, mask);
    }
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
        if (node->value_of != FILTER_VALUE_FIELD) {
            test_whole(node, b, mask);
            break;
        }
        test_sides(node, b, mask);
        break;
    case FILTER_ADDRESS:
    case FILTER_MASK:
    case FILTER_SET:
    case FILTER_TEXT:
        test_sides(node, b, mask);
        break;
    }
}

bool filter_match(const struct filter *filter, const struct records *records, uint32_t row)
{
    uint8_t mask[BLOCK];
    struct block b = {.records = records, .first = row, .count = 1, .masked = row_is_masked(records, row)};
    evaluate(filter_root(filter), &b, mask);
    return mask[0];
}

uint32_t filter_select(const struct filter *filter, const struct records *records, uint32_t *ret_rows)
{
    uint8_t mask[BLOCK];
    uint32_t selected = 0;
    struct block b = {.records = records, .masked = any_is_masked(records)};
    for (; b.first < records->rows; b.first += BLOCK) {
        uint32_t left = records->rows - b.first;
        b.count = left < BLOCK ? left : BLOCK;
        evaluate(filter_root(filter), &b, mask);
        for (uint32_t i = 0; i < b.count; i++) {
            ret_rows[selected] = b.first + i; /* overwritten unless it counts; selected <= first + i: there is room */
            selected += mask[i];
        }
    }
    return selected;
}
