/* SPDX-License-Identifier: Apache-2.0 */
/* Cutting down a Parquet file's description. The structures are those of parquet.thrift (format 2.10): FileMetaData,
 * SchemaElement, RowGroup; what of them is not cut is copied as it stands. */
#include "aggregator/segments/footer.h"

#include <stdlib.h>

#include "common/cursor.h"

/* Thrift's compact protocol: types of values. */
enum { T_STOP, T_TRUE, T_FALSE, T_I8, T_I16, T_I32, T_I64, T_DOUBLE, T_BINARY, T_LIST, T_SET, T_MAP, T_STRUCT };
#define DEPTH_MAX 16u

struct cut {
    const struct footer_choice *choice;
    struct cursor in;
    const uint8_t *from; /* what is read from here on is not written yet */
    uint8_t *out;
    size_t length;
    uint64_t rows; /* of the row groups that stay */
};

/* ---- reading */

static int64_t read_number(struct cursor *in)
{
    uint64_t zigzag = cursor_varint(in);
    return (int64_t)(zigzag >> 1) ^ -(int64_t)(zigzag & 1);
}

/* False: the structure is over, or cannot be read. */
static bool next_field(struct cursor *in, int *id, uint8_t *type)
{
    uint8_t head = cursor_u8(in);
    *type = head & 0x0f;
    if (in->failed || *type == T_STOP)
        return false;
    *id = head >> 4 != 0 ? *id + (head >> 4) : (int)(int16_t)read_number(in);
    return true;
}

static uint64_t read_list(struct cursor *in, uint8_t *type)
{
    uint8_t head = cursor_u8(in);
    *type = head & 0x0f;
    return head >> 4 == 15 ? cursor_varint(in) : head >> 4;
}

static void skip(struct cursor *in, uint8_t type, unsigned depth);

static void skip_items(struct cursor *in, unsigned depth)
{
    uint8_t type;
    uint64_t count = read_list(in, &type);
    for (uint64_t i = 0; i < count && !in->failed; i++) {
        if (type == T_TRUE || type == T_FALSE) /* in a list a byte each */
            cursor_skip(in, 1);
        else
            skip(in, type, depth);
    }
}

static void skip(struct cursor *in, uint8_t type, unsigned depth)
{
    int id = 0;
    uint8_t inner;
    if (depth == DEPTH_MAX) {
        in->failed = true;
        return;
    }
    switch (type) {
    case T_TRUE:
    case T_FALSE:
        break;
    case T_I8:
        cursor_skip(in, 1);
        break;
    case T_I16:
    case T_I32:
    case T_I64:
        (void)cursor_varint(in);
        break;
    case T_DOUBLE:
        cursor_skip(in, 8);
        break;
    case T_BINARY:
        cursor_skip(in, cursor_varint(in));
        break;
    case T_LIST:
    case T_SET:
        skip_items(in, depth + 1);
        break;
    case T_STRUCT:
        while (next_field(in, &id, &inner))
            skip(in, inner, depth + 1);
        break;
    default: /* a footer has no maps */
        in->failed = true;
    }
}

/* ---- writing */

/* What was read so far and not written. Never longer than what it stands for, so there is room. */
static void keep_until(struct cut *c, const uint8_t *end)
{
    memcpy(c->out + c->length, c->from, (size_t)(end - c->from));
    c->length += (size_t)(end - c->from);
    c->from = end;
}

static void write_varint(struct cut *c, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        c->out[c->length++] = (uint8_t)(value | 0x80);
    c->out[c->length++] = (uint8_t)value;
}

/* A number that is not below zero nor above the one that is read in its place. */
static void replace_number(struct cut *c, uint64_t value)
{
    keep_until(c, c->in.at);
    int64_t old = read_number(&c->in);
    if (old < 0 || (uint64_t)old < value)
        c->in.failed = true;
    if (!c->in.failed)
        write_varint(c, value << 1);
    c->from = c->in.at;
}

/* A list's head, with no more items than it has. Returns how many it has. */
static uint64_t replace_list(struct cut *c, uint64_t items)
{
    uint8_t type;
    keep_until(c, c->in.at);
    uint64_t count = read_list(&c->in, &type);
    if (type != T_STRUCT || count < items || count > c->in.left)
        c->in.failed = true;
    c->from = c->in.at;
    if (c->in.failed)
        return 0;
    c->out[c->length++] = (uint8_t)((items < 15 ? items : 15) << 4 | T_STRUCT);
    if (items >= 15)
        write_varint(c, items);
    return count;
}

/* What comes next is not among what stays. */
static void drop(struct cut *c, uint8_t type)
{
    keep_until(c, c->in.at);
    skip(&c->in, type, 0);
    c->from = c->in.at;
}

static size_t count_wanted(const struct footer_choice *choice)
{
    size_t count = 0;
    for (size_t i = 0; i < choice->column_count; i++)
        count += choice->columns[i];
    return count;
}

/* ---- the schema: elements in order, each before its children */

static uint64_t read_children(struct cursor *in)
{
    int id = 0;
    uint8_t type;
    int64_t children = 0;
    while (next_field(in, &id, &type)) {
        if (id == 5 && type == T_I32)
            children = read_number(in);
        else
            skip(in, type, 0);
    }
    in->failed = in->failed || children < 0;
    return in->failed ? 0 : (uint64_t)children;
}

/* Passes over a column: itself and all below. Returns of how many elements it is; its leaves must be one. */
static uint64_t pass_column(struct cursor *in)
{
    uint64_t elements = 0, left = 1, leaves = 0;
    while (left > 0 && !in->failed) {
        uint64_t children = read_children(in);
        leaves += children == 0;
        left += children - 1;
        elements++;
        in->failed = in->failed || left > in->left || leaves > 1;
    }
    return elements;
}

static uint64_t count_elements(struct cut *c)
{
    struct cursor in = c->in;
    uint8_t type;
    uint64_t kept = 1;
    (void)read_list(&in, &type);
    in.failed = in.failed || type != T_STRUCT || read_children(&in) != c->choice->column_count;
    for (size_t i = 0; i < c->choice->column_count && !in.failed; i++) {
        uint64_t elements = pass_column(&in);
        kept += c->choice->columns[i] ? elements : 0;
    }
    c->in.failed = c->in.failed || in.failed;
    return kept;
}

static void cut_schema(struct cut *c)
{
    int id = 0;
    uint8_t type;
    uint64_t kept = count_elements(c), count = replace_list(c, kept), passed = 1;
    while (next_field(&c->in, &id, &type)) { /* the root's */
        if (id == 5 && type == T_I32)
            replace_number(c, count_wanted(c->choice));
        else
            skip(&c->in, type, 0);
    }
    for (size_t i = 0; i < c->choice->column_count && !c->in.failed; i++) {
        keep_until(c, c->in.at);
        passed += pass_column(&c->in);
        if (!c->choice->columns[i])
            c->from = c->in.at;
    }
    c->in.failed = c->in.failed || passed != count;
}

/* ---- row groups */

static void cut_columns(struct cut *c)
{
    uint64_t count = replace_list(c, count_wanted(c->choice));
    c->in.failed = c->in.failed || count != c->choice->column_count;
    for (uint64_t i = 0; i < count && !c->in.failed; i++) {
        if (c->choice->columns[i])
            skip(&c->in, T_STRUCT, 0);
        else
            drop(c, T_STRUCT);
    }
}

static void cut_group(struct cut *c)
{
    int id = 0;
    uint8_t type;
    while (next_field(&c->in, &id, &type)) {
        if (id == 1 && type == T_LIST)
            cut_columns(c);
        else if (id == 3 && type == T_I64)
            c->rows += (uint64_t)read_number(&c->in);
        else
            skip(&c->in, type, 0);
    }
}

static void cut_groups(struct cut *c)
{
    uint64_t count = replace_list(c, (uint64_t)__builtin_popcountll(c->choice->groups));
    c->in.failed = c->in.failed || count > 64 || (count < 64 && c->choice->groups >> count != 0);
    for (uint64_t g = 0; g < count && !c->in.failed; g++) {
        if ((c->choice->groups >> g & 1) != 0)
            cut_group(c);
        else
            drop(c, T_STRUCT);
    }
}

bool footer_cut(const uint8_t *footer, size_t length, const struct footer_choice *choice, uint8_t *ret_footer,
                size_t *ret_length)
{
    struct cut c = {.choice = choice, .in = cursor_make(footer, length), .from = footer, .out = ret_footer};
    int id = 0;
    uint8_t type;
    unsigned seen = 0;
    while (next_field(&c.in, &id, &type)) {
        if (id == 2 && type == T_LIST && seen++ == 0)
            cut_schema(&c);
        else if (id == 3 && type == T_I64 && seen++ == 1)
            replace_number(&c, choice->rows);
        else if (id == 4 && type == T_LIST && seen++ == 2)
            cut_groups(&c);
        else
            skip(&c.in, type, 0);
    }
    if (c.in.failed || seen != 3 || c.rows != choice->rows || c.in.left != 0)
        return false;
    keep_until(&c, c.in.at);
    *ret_length = c.length;
    return true;
}
