/* SPDX-License-Identifier: Apache-2.0 */
/* Filter trees as SQL conditions. */
#include "aggregator/store/sql.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* The bits of a prefix as a range of the half address they reach into. */
static void prefix_side(struct sql *sql, const char *side, const struct address_prefix *prefix)
{
    uint64_t hi = prefix->address.hi, lo = prefix->address.lo;
    unsigned length = prefix->length;
    if (length == 0)
        sql_add(sql, "TRUE");
    else if (length < 64)
        sql_add(sql, "(%s_hi BETWEEN %" PRIu64 " AND %" PRIu64 ")", side, hi, hi | UINT64_MAX >> length);
    else if (length == 64)
        sql_add(sql, "(%s_hi = %" PRIu64 ")", side, hi);
    else if (length < 128)
        sql_add(sql, "(%s_hi = %" PRIu64 " AND %s_lo BETWEEN %" PRIu64 " AND %" PRIu64 ")", side, hi, side, lo,
                lo | UINT64_MAX >> (length - 64));
    else
        sql_add(sql, "(%s_lo = %" PRIu64 " AND %s_hi = %" PRIu64 ")", side, lo, side, hi);
}

static void address_leaf(struct sql *sql, const struct filter_node *node, enum sql_arm arm)
{
    const struct address_prefix *prefix = &node->prefix;
    if (node->side == FILTER_SRC || arm == SQL_ARM_SRC) {
        prefix_side(sql, "src", prefix);
    } else if (node->side == FILTER_DST) {
        prefix_side(sql, "dst", prefix);
    } else {
        sql_add(sql, "(");
        prefix_side(sql, "dst", prefix);
        sql_add(sql, arm == SQL_ARM_DST_NOT_SRC ? " AND NOT " : node->side == FILTER_BOTH ? " AND " : " OR ");
        prefix_side(sql, "src", prefix);
        sql_add(sql, ")");
    }
}

/* A field as a number wide enough that nothing done with it overflows (DuckDB answers an overflow with an error). */
static void field_number(struct sql *sql, enum flow_field field)
{
    if (flow_fields[field].kind == FLOW_KIND_TIME)
        sql_add(sql, "epoch_ns(%s)", flow_fields[field].name);
    else
        sql_add(sql, "%s", flow_fields[field].name);
}

static void compare_field(struct sql *sql, const struct filter_node *node, enum flow_field field)
{
    static const char *const operators[] = {"=", "<>", "<", "<=", ">", ">="};
    if (node->op == FILTER_MASK) {
        sql_add(sql, "(%s::UBIGINT & %" PRIu64 "::UBIGINT) = %" PRIu64 "::UBIGINT", flow_fields[field].name, node->mask,
                node->value);
        return;
    }
    if (flow_fields[field].kind == FLOW_KIND_TIME)
        sql_add(sql, "%s %s make_timestamp_ns(%" PRId64 ")", flow_fields[field].name, operators[node->comparison],
                (int64_t)node->value);
    else
        sql_add(sql, "%s %s %" PRIu64, flow_fields[field].name, operators[node->comparison], node->value);
}

static void compare_leaf(struct sql *sql, const struct filter_node *node)
{
    static const char *const operators[] = {"=", "<>", "<", "<=", ">", ">="};
    if (node->op == FILTER_COMPARE && node->value_of == FILTER_VALUE_DURATION) {
        sql_add(sql, "(epoch_ns(last_time)::HUGEINT - epoch_ns(first_time)::HUGEINT %s %" PRIu64 ")",
                operators[node->comparison], node->value);
        return;
    }
    if (node->op == FILTER_COMPARE && node->value_of == FILTER_VALUE_SUM) {
        sql_add(sql, "(");
        field_number(sql, node->field);
        sql_add(sql, "::HUGEINT + ");
        field_number(sql, node->field + 1);
        sql_add(sql, "::HUGEINT %s %" PRIu64 ")", operators[node->comparison], node->value);
        return;
    }
    sql_add(sql, "(");
    if (!node->pair || node->side == FILTER_SRC) {
        compare_field(sql, node, node->field);
    } else if (node->side == FILTER_DST) {
        compare_field(sql, node, node->field + 1);
    } else {
        compare_field(sql, node, node->field);
        sql_add(sql, node->side == FILTER_BOTH ? " AND " : " OR ");
        compare_field(sql, node, node->field + 1);
    }
    sql_add(sql, ")");
}

static void sensor_leaf(struct sql *sql, const char *sensor, const struct sql_observers *observers)
{
    const char *separator = "observer IN (";
    for (size_t i = 0; i < observers->count; i++) {
        if (strcmp(observers->observers[i].sensor, sensor) != 0)
            continue;
        sql_add(sql, "%s%zu", separator, i);
        separator = ",";
    }
    sql_add(sql, separator[0] == ',' ? ")" : "FALSE");
}

void sql_filter(struct sql *sql, const struct filter_node *node, const struct filter_node *pinned, enum sql_arm arm,
                const struct sql_observers *observers)
{
    switch (node->op) {
    case FILTER_TRUE:
        sql_add(sql, "TRUE");
        break;
    case FILTER_AND: {
        /* A subtree may hang in several places: the pin holds only where sql_filter_pin found it. */
        bool left = pinned != NULL && sql_filter_pin(node->left) == pinned;
        sql_add(sql, "(");
        sql_filter(sql, node->left, left ? pinned : NULL, arm, observers);
        sql_add(sql, " AND ");
        sql_filter(sql, node->right, left ? NULL : pinned, arm, observers);
        sql_add(sql, ")");
        break;
    }
    case FILTER_OR:
        sql_add(sql, "(");
        sql_filter(sql, node->left, NULL, arm, observers);
        sql_add(sql, " OR ");
        sql_filter(sql, node->right, NULL, arm, observers);
        sql_add(sql, ")");
        break;
    case FILTER_NOT:
        sql_add(sql, "(NOT ");
        sql_filter(sql, node->left, NULL, arm, observers);
        sql_add(sql, ")");
        break;
    case FILTER_ADDRESS:
        address_leaf(sql, node, node == pinned ? arm : SQL_ARM_BOTH);
        break;
    case FILTER_COMPARE:
    case FILTER_MASK:
        compare_leaf(sql, node);
        break;
    case FILTER_SENSOR:
        sensor_leaf(sql, node->sensor, observers);
        break;
    }
}

const struct filter_node *sql_filter_pin(const struct filter_node *root)
{
    if (root->op == FILTER_ADDRESS && root->side == FILTER_EITHER && root->prefix.length > 0)
        return root;
    if (root->op != FILTER_AND) /* below OR and NOT an arm would not be a part of the whole */
        return NULL;
    const struct filter_node *found = sql_filter_pin(root->left);
    return found != NULL ? found : sql_filter_pin(root->right);
}

void sql_endpoint(struct sql *sql, const char *side, const struct link_endpoint *endpoint)
{
    sql_add(sql, "(%s_lo = %" PRIu64 " AND %s_hi = %" PRIu64, side, endpoint->address.lo, side, endpoint->address.hi);
    if (endpoint->port != 0)
        sql_add(sql, " AND %s_port = %u", side, endpoint->port);
    sql_add(sql, ")");
}

size_t sql_names(struct sql *sql, const char *observer_column, const char *flow_column, const struct flow_name *names,
                 size_t count, const struct sql_observers *observers)
{
    size_t covered = 0;
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
            covered++;
        }
        if (open)
            sql_add(sql, "))");
    }
    sql_add(sql, ")");
    return covered;
}
