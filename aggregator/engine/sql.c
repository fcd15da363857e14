/* SPDX-License-Identifier: Apache-2.0 */
/* Filter trees as SQL conditions. */
#include "aggregator/engine/sql.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/engine/functions.h"

void sql_add(struct sql *sql, const char *format, ...)
{
    if (sql->failed)
        return;
    for (;;) {
        va_list arguments;
        va_start(arguments, format);
        size_t room = sql->capacity - sql->length;
        int wrote = vsnprintf(room == 0 ? NULL : sql->text + sql->length, room, format, arguments);
        va_end(arguments);
        if (wrote >= 0 && (size_t)wrote < room) {
            sql->length += (size_t)wrote;
            return;
        }
        size_t capacity = (sql->capacity + (size_t)(wrote < 0 ? 0 : wrote) + 1024) * 2;
        char *grown = wrote < 0 ? NULL : realloc(sql->text, capacity);
        if (grown == NULL) {
            sql->failed = true;
            return;
        }
        sql->text = grown;
        sql->capacity = capacity;
    }
}

void sql_clear(struct sql *sql)
{
    sql->length = 0;
    sql->failed = false;
    if (sql->text != NULL)
        sql->text[0] = '\0';
}

void sql_fini(struct sql *sql)
{
    free(sql->text);
    *sql = (struct sql){0};
}

void sql_text(struct sql *sql, const char *text)
{
    sql_add(sql, "'");
    for (;;) {
        int length = (int)strcspn(text, "'");
        sql_add(sql, "%.*s", length, text);
        if (text[length] == '\0')
            break;
        sql_add(sql, "''");
        text += length + 1;
    }
    sql_add(sql, "'");
}

/* ---- filters */

/* A filter as it is being written. */
struct writing {
    struct sql *sql;
    const struct record_kind *kind;
    const struct sql_observers *observers;
    const struct filter_node *pinned;
    enum sql_arm arm;
};

static const char *const operators[] = {"=", "<>", "<", "<=", ">", ">="};

static bool cannot_know(const struct observer *observer, uint32_t number)
{
    return number < OBSERVER_UNKNOWN_MAX && (observer->unknown[number / 64] >> number % 64 & 1) != 0;
}

/* " AND NOT (rows of observers that cannot know the field)". Neighbours in the file are mostly alike: as ranges. */
static void and_known(const struct writing *w, unsigned field)
{
    uint32_t number = w->kind->fields[field].number;
    const char *separator = " AND NOT (";
    if (w->kind != record_kinds[RECORD_FLOW])
        return;
    for (size_t i = 0; i < w->observers->count; i++) {
        size_t first = i;
        while (i < w->observers->count && cannot_know(&w->observers->observers[i], number))
            i++;
        if (i == first)
            continue;
        sql_add(w->sql, "%sobserver BETWEEN %zu AND %zu", separator, first, i - 1);
        separator = " OR ";
    }
    if (separator[1] == 'O')
        sql_add(w->sql, ")");
}

/* The bits of a prefix as a range of the half address they reach into. */
static void prefix_condition(struct sql *sql, const char *high, const char *low, const struct address_prefix *prefix)
{
    uint64_t hi = prefix->address.hi, lo = prefix->address.lo;
    unsigned length = prefix->length;
    if (length == 0)
        sql_add(sql, "TRUE");
    else if (length < 64)
        sql_add(sql, "(\"%s\" BETWEEN %" PRIu64 " AND %" PRIu64 ")", high, hi, hi | UINT64_MAX >> length);
    else if (length == 64)
        sql_add(sql, "(\"%s\" = %" PRIu64 ")", high, hi);
    else if (length < 128)
        sql_add(sql, "(\"%s\" = %" PRIu64 " AND \"%s\" BETWEEN %" PRIu64 " AND %" PRIu64 ")", high, hi, low, lo,
                lo | UINT64_MAX >> (length - 64));
    else
        sql_add(sql, "(\"%s\" = %" PRIu64 " AND \"%s\" = %" PRIu64 ")", low, lo, high, hi);
}

static void compare_number(struct sql *sql, const struct filter_node *node, const struct field *field)
{
    const char *how = operators[node->comparison];
    if (field->type == FIELD_TIME)
        sql_add(sql, "\"%s\" %s make_timestamp_ns(%" PRId64 ")", field->name, how, (int64_t)node->value);
    else if (field_type_is_signed(field->type))
        sql_add(sql, "\"%s\" %s %" PRId64, field->name, how, (int64_t)node->value);
    else
        sql_add(sql, "\"%s\" %s %" PRIu64, field->name, how, node->value);
}

/* One field of a leaf, in parentheses: false where its observer cannot know it. */
static void leaf_field(const struct writing *w, const struct filter_node *node, unsigned f)
{
    const struct field *field = &w->kind->fields[f];
    struct sql *sql = w->sql;
    sql_add(sql, "(");
    if (node->op == FILTER_ADDRESS) {
        sql_add(sql, "%s", node->comparison == FILTER_NE ? "NOT " : "");
        prefix_condition(sql, field->name, field[1].name, &node->prefix);
    } else if (node->op == FILTER_SET) {
        sql_add(sql, "%s", node->comparison == FILTER_NE ? "NOT " : "");
        function_in_set(sql, node->set, field->name, field[1].name);
    } else if (node->op == FILTER_MASK) {
        sql_add(sql, "(\"%s\"::UBIGINT & %" PRIu64 "::UBIGINT) %s %" PRIu64 "::UBIGINT", field->name, node->mask,
                operators[node->comparison], node->value);
    } else if (node->op == FILTER_TEXT && f >= w->kind->stored_count) {
        /* Computed: no row without one matches. */
        sql_add(sql, "coalesce(nullif(");
        function_community_id(sql);
        sql_add(sql, ", '') %s ", operators[node->comparison]);
        sql_text(sql, node->text);
        sql_add(sql, ", FALSE)");
    } else if (node->op == FILTER_TEXT) {
        sql_add(sql, "\"%s\" %s ", field->name, operators[node->comparison]);
        sql_text(sql, node->text);
    } else {
        compare_number(sql, node, field);
    }
    if (f < w->kind->stored_count)
        and_known(w, f);
    sql_add(sql, ")");
}

/* A field as a number wide enough that nothing done with it overflows (DuckDB answers an overflow with an error). */
static void wide_number(struct sql *sql, const struct field *field)
{
    sql_add(sql, field->type == FIELD_TIME ? "epoch_ns(\"%s\")::HUGEINT" : "\"%s\"::HUGEINT", field->name);
}

/* A sum of both fields, or the time between them. */
static void leaf_both(const struct writing *w, const struct filter_node *node)
{
    struct sql *sql = w->sql;
    sql_add(sql, "(");
    wide_number(sql, &w->kind->fields[node->twin]);
    sql_add(sql, node->value_of == FILTER_VALUE_SUM ? " + " : " - ");
    wide_number(sql, &w->kind->fields[node->field]);
    sql_add(sql, " %s %" PRId64, operators[node->comparison], (int64_t)node->value);
    and_known(w, node->field);
    and_known(w, node->twin);
    sql_add(sql, ")");
}

/* Of a rate: both sides' sum of a pair, or one side's. */
static void rate_part(const struct writing *w, enum filter_side side, unsigned src, unsigned dst)
{
    if (side != FILTER_DST)
        wide_number(w->sql, &w->kind->fields[src]);
    if (side == FILTER_EITHER)
        sql_add(w->sql, " + ");
    if (side != FILTER_SRC)
        wide_number(w->sql, &w->kind->fields[dst]);
}

static void rate_over(const struct writing *w, const struct filter_node *node)
{
    sql_add(w->sql, "(");
    if (w->kind->fields[node->over].type == FIELD_TIME) {
        wide_number(w->sql, &w->kind->fields[node->over_twin]);
        sql_add(w->sql, " - ");
        wide_number(w->sql, &w->kind->fields[node->over]);
    } else {
        rate_part(w, node->side, node->over, node->over_twin);
    }
    sql_add(w->sql, ")");
}

/* As products, which neither round nor divide by nothing. */
static void leaf_rate(const struct writing *w, const struct filter_node *node)
{
    struct sql *sql = w->sql;
    bool times = w->kind->fields[node->over].type == FIELD_TIME;
    sql_add(sql, "(");
    rate_over(w, node);
    sql_add(sql, " > 0 AND %" PRIu64 "::HUGEINT * (", node->scale);
    rate_part(w, node->side, node->field, node->twin);
    sql_add(sql, ") %s %" PRIu64 "::HUGEINT * ", operators[node->comparison], node->value);
    rate_over(w, node);
    if (node->side != FILTER_DST)
        and_known(w, node->field);
    if (node->side != FILTER_SRC)
        and_known(w, node->twin);
    if (times || node->side != FILTER_DST)
        and_known(w, node->over);
    if (times || node->side != FILTER_SRC)
        and_known(w, node->over_twin);
    sql_add(sql, ")");
}

static void leaf(const struct writing *w, const struct filter_node *node)
{
    enum sql_arm arm = node == w->pinned ? w->arm : SQL_ARM_BOTH;
    if (node->op == FILTER_COMPARE && node->value_of == FILTER_VALUE_RATE) {
        leaf_rate(w, node);
    } else if (node->op == FILTER_COMPARE && node->value_of != FILTER_VALUE_FIELD) {
        leaf_both(w, node);
    } else if (node->twin == node->field || node->side == FILTER_SRC || arm == SQL_ARM_SRC) {
        leaf_field(w, node, node->field);
    } else if (node->side == FILTER_DST) {
        leaf_field(w, node, node->twin);
    } else {
        sql_add(w->sql, "(");
        leaf_field(w, node, node->twin);
        sql_add(w->sql, arm == SQL_ARM_DST_NOT_SRC ? " AND NOT " : node->side == FILTER_BOTH ? " AND " : " OR ");
        leaf_field(w, node, node->field);
        sql_add(w->sql, ")");
    }
}

static void leaf_sensor(const struct writing *w, const struct filter_node *node)
{
    bool any = false;
    for (size_t i = 0; i < w->observers->count; i++) {
        if (strcmp(w->observers->observers[i].sensor, node->text) != 0)
            continue;
        if (any)
            sql_add(w->sql, ",%zu", i);
        else
            sql_add(w->sql, "\"%s\" IN (%zu", w->kind->fields[node->field].name, i);
        any = true;
    }
    sql_add(w->sql, any ? ")" : "FALSE");
}

static void write_node(const struct writing *w, const struct filter_node *node)
{
    struct writing left = *w, right = *w;
    switch (node->op) {
    case FILTER_TRUE:
        sql_add(w->sql, "TRUE");
        break;
    case FILTER_AND:
    case FILTER_OR: {
        /* A subtree may hang in several places: the pin holds only where sql_filter_pin found it. */
        bool pin_left = node->op == FILTER_AND && w->pinned != NULL && sql_filter_pin(node->left) == w->pinned;
        left.pinned = pin_left ? w->pinned : NULL;
        right.pinned = pin_left || node->op == FILTER_OR ? NULL : w->pinned;
        sql_add(w->sql, "(");
        write_node(&left, node->left);
        sql_add(w->sql, node->op == FILTER_AND ? " AND " : " OR ");
        write_node(&right, node->right);
        sql_add(w->sql, ")");
        break;
    }
    case FILTER_NOT:
        left.pinned = NULL;
        sql_add(w->sql, "(NOT ");
        write_node(&left, node->left);
        sql_add(w->sql, ")");
        break;
    case FILTER_ADDRESS:
    case FILTER_COMPARE:
    case FILTER_MASK:
    case FILTER_SET:
    case FILTER_TEXT:
        leaf(w, node);
        break;
    case FILTER_SENSOR:
        leaf_sensor(w, node);
        break;
    }
}

void sql_filter(struct sql *sql, const struct filter *filter, const struct filter_node *pinned, enum sql_arm arm,
                const struct sql_observers *observers)
{
    const struct writing w = {
        .sql = sql, .kind = filter_kind(filter), .observers = observers, .pinned = pinned, .arm = arm};
    write_node(&w, filter_root(filter));
}

static void take_field(const struct record_kind *kind, unsigned f, bool *fields)
{
    if (f >= kind->stored_count) {
        kind_rests(kind, f, fields);
        return;
    }
    fields[f] = true;
    if (kind->fields[f].kind == KIND_ADDRESS)
        fields[f + 1] = true;
}

void sql_filter_fields(const struct filter_node *node, const struct record_kind *kind, bool *fields)
{
    if (node->left != NULL)
        sql_filter_fields(node->left, kind, fields);
    if (node->right != NULL)
        sql_filter_fields(node->right, kind, fields);
    if (node->left != NULL || node->op == FILTER_TRUE)
        return;
    take_field(kind, node->field, fields);
    take_field(kind, node->twin, fields);
    if (node->value_of == FILTER_VALUE_RATE) {
        take_field(kind, node->over, fields);
        take_field(kind, node->over_twin, fields);
    }
    if (kind->observer >= 0)
        fields[kind->observer] = true; /* who cannot know it */
}

const struct filter_node *sql_filter_pin(const struct filter_node *root)
{
    if (root->op == FILTER_ADDRESS && root->side == FILTER_EITHER && root->twin != root->field &&
        root->comparison == FILTER_EQ && root->prefix.length > 0)
        return root;
    if (root->op != FILTER_AND) /* below OR and NOT an arm would not be a part of the whole */
        return NULL;
    const struct filter_node *found = sql_filter_pin(root->left);
    return found != NULL ? found : sql_filter_pin(root->right);
}

/* ---- ends and names */

void sql_endpoint(struct sql *sql, const char *side, const struct endpoint *endpoint)
{
    sql_add(sql, "(%s_lo = %" PRIu64 " AND %s_hi = %" PRIu64, side, endpoint->address.lo, side, endpoint->address.hi);
    if (endpoint->port != 0)
        sql_add(sql, " AND %s_port = %u", side, endpoint->port);
    sql_add(sql, ")");
}

void sql_names(struct sql *sql, const char *observer_column, const char *flow_column, const struct flow_name *names,
               size_t count, const struct sql_observers *observers)
{
    sql_add(sql, "(FALSE");
    for (size_t o = 0; o < observers->count; o++) {
        bool open = false;
        for (size_t i = 0; i < count; i++) {
            if (!observer_equal(&names[i].observer, &observers->observers[o]))
                continue;
            if (!open)
                sql_add(sql, " OR (%s = %zu AND %s IN (%" PRIu64, observer_column, o, flow_column, names[i].flow);
            else
                sql_add(sql, ",%" PRIu64, names[i].flow);
            open = true;
        }
        if (open)
            sql_add(sql, "))");
    }
    sql_add(sql, ")");
}
