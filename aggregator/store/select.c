/* SPDX-License-Identifier: Apache-2.0 */
/* The statement that answers a query from one unit. */
#include <inttypes.h>
#include <string.h>

#include "aggregator/store/read.h"

enum result select_check(const struct store_query *q, struct error *err)
{
    const struct record_kind *kind = record_kinds[q->kind];
    if (q->filter != NULL && filter_kind(q->filter) != kind)
        return error_set(err, RESULT_REJECT, "a filter for a %s cannot choose a %s", filter_kind(q->filter)->name,
                         kind->name);
    if (q->kind != RECORD_FLOW && (q->endpoint != NULL || q->protocol != 0))
        return error_set(err, RESULT_REJECT, "only flows are found by an end or a protocol, not a %s", kind->name);
    if (q->kind != RECORD_FLOW && q->kind != RECORD_VERDICT && q->name_count > 0)
        return error_set(err, RESULT_REJECT, "only flows and verdicts are found by flow, not a %s", kind->name);
    if (q->by_position && q->kind >= RECORD_KIND_COUNT)
        return error_set(err, RESULT_REJECT, "a %s was never committed, and has no place in that order", kind->name);
    if (q->by_position && (q->endpoint != NULL || q->protocol != 0 || q->name_count != 0 || q->from_ns != 0 ||
                           q->to_ns != 0 || q->limit != 0))
        return error_set(err, RESULT_REJECT, "only a filter narrows what is read in the order committed");
    if (q->name_count > STORE_NAMES_MAX)
        return error_set(err, RESULT_REJECT, "%zu flows asked for by name, %u are allowed", q->name_count,
                         STORE_NAMES_MAX);
    return RESULT_OK;
}

/* What a list is read by. */
static void with_counts(const struct record_kind *kind, bool *fields)
{
    for (unsigned f = 0; f < kind->stored_count; f++) {
        if (fields[f] && kind->fields[f].list != 0)
            fields[kind->lists[kind->fields[f].list - 1].count] = true;
    }
}

void select_fields(struct store_reader *reader)
{
    static const unsigned of_endpoint[] = {FLOW_FIELD_src_hi, FLOW_FIELD_src_lo, FLOW_FIELD_src_port,
                                           FLOW_FIELD_dst_hi, FLOW_FIELD_dst_lo, FLOW_FIELD_dst_port};
    static const unsigned of_names[] = {VERDICT_FIELD_flow, VERDICT_FIELD_verdict, VERDICT_FIELD_partner_observer,
                                        VERDICT_FIELD_partner_flow};
    const struct store_query *q = &reader->query;
    const struct record_kind *kind = record_kinds[q->kind];
    for (unsigned f = 0; f < kind->stored_count; f++)
        reader->handed[f] = q->fields == NULL || q->fields[f];
    reader->handed[kind->observer] = reader->handed[kind->first_time] = true;
    with_counts(kind, reader->handed);
    memcpy(reader->read, reader->handed, sizeof(reader->read));
    reader->read[kind->last_time] = true;
    if (q->filter != NULL)
        sql_filter_fields(filter_root(q->filter), kind, reader->read);
    for (size_t i = 0; q->endpoint != NULL && i < sizeof(of_endpoint) / sizeof(*of_endpoint); i++)
        reader->read[of_endpoint[i]] = true;
    if (q->protocol != 0)
        reader->read[FLOW_FIELD_protocol] = true;
    if (q->name_count > 0 && q->kind == RECORD_FLOW)
        reader->read[FLOW_FIELD_flow] = true;
    for (size_t i = 0; q->name_count > 0 && q->kind == RECORD_VERDICT && i < sizeof(of_names) / sizeof(*of_names); i++)
        reader->read[of_names[i]] = true;
}

/* " AND linked", as verdict_is_linked has it: the partner's columns of others say nothing. */
static void and_linked(struct sql *sql)
{
    const char *separator = " AND verdict IN (";
    for (unsigned word = 0; word < VERDICT_COUNT; word++) {
        if (!verdict_is_linked(word))
            continue;
        sql_add(sql, "%s%u", separator, word);
        separator = ",";
    }
    sql_add(sql, ")");
}

static void and_names(struct sql *sql, const struct store_query *q, const struct sql_observers *observers)
{
    sql_add(sql, " AND (");
    sql_names(sql, "observer", "flow", q->names, q->name_count, observers);
    if (q->kind == RECORD_VERDICT) {
        sql_add(sql, " OR (");
        sql_names(sql, "partner_observer", "partner_flow", q->names, q->name_count, observers);
        and_linked(sql);
        sql_add(sql, ")");
    }
    sql_add(sql, ")");
}

/* The conditions of a query other than its filter and endpoint. */
static void add_conditions(struct sql *sql, const struct store_query *q, const struct sql_observers *observers)
{
    const struct record_kind *kind = record_kinds[q->kind];
    sql_add(sql, "TRUE");
    if (q->from_ns != 0)
        sql_add(sql, " AND \"%s\" >= make_timestamp_ns(%" PRId64 ")", kind->fields[kind->last_time].name, q->from_ns);
    if (q->to_ns != 0)
        sql_add(sql, " AND \"%s\" < make_timestamp_ns(%" PRId64 ")", kind->fields[kind->first_time].name, q->to_ns);
    if (q->protocol != 0)
        sql_add(sql, " AND protocol = %u", q->protocol);
    if (q->name_count > 0)
        and_names(sql, q, observers);
}

static void and_endpoint(struct sql *sql, const struct endpoint *endpoint, unsigned arm)
{
    sql_add(sql, " AND ");
    sql_endpoint(sql, arm == 0 ? "src" : "dst", endpoint);
    if (arm == 1) {
        sql_add(sql, " AND NOT ");
        sql_endpoint(sql, "src", endpoint);
    }
}

static const struct filter_node *pinned_of(const struct store_query *q)
{
    return q->filter == NULL || q->endpoint != NULL ? NULL : sql_filter_pin(filter_root(q->filter));
}

/* A leaf that everything the filter wants must meet, and that names one address of an end. */
static const struct filter_node *host_of(const struct filter_node *node)
{
    if (node->op == FILTER_ADDRESS)
        return node->comparison == FILTER_EQ && node->prefix.length == 128 &&
                       (node->field == FLOW_FIELD_src_hi || node->field == FLOW_FIELD_dst_hi)
                   ? node
                   : NULL;
    if (node->op != FILTER_AND)
        return NULL;
    const struct filter_node *left = host_of(node->left);
    return left != NULL ? left : host_of(node->right);
}

const struct address *select_addresses(const struct store_query *q, size_t *ret_count)
{
    const struct filter_node *node =
        q->kind != RECORD_FLOW || q->filter == NULL ? NULL : host_of(filter_root(q->filter));
    const struct address *one = q->endpoint != NULL ? &q->endpoint->address
                                : node != NULL      ? &node->prefix.address
                                                    : NULL;
    *ret_count = one != NULL ? 1 : q->address_count;
    return one != NULL ? one : q->addresses;
}

/* One arm, or two where "either side" is asked for: an OR over both would have every row group read. */
static void add_arms(struct store_reader *reader, const struct sql *from, const bool *missing)
{
    const struct store_query *q = &reader->query;
    const struct record_kind *kind = record_kinds[q->kind];
    const struct filter_node *pinned = pinned_of(q);
    struct sql *sql = &reader->sql;
    for (unsigned arm = 0; arm < (pinned != NULL || q->endpoint != NULL ? 2u : 1u); arm++) {
        sql_add(sql, "%sSELECT ", arm > 0 ? " UNION ALL " : "");
        schema_names(sql, kind, reader->handed);
        sql_add(sql, " FROM (SELECT ");
        schema_select(sql, kind, reader->read, missing);
        sql_add(sql, " FROM %s) WHERE ", from->failed || from->text == NULL ? "" : from->text);
        add_conditions(sql, q, &reader->observers);
        if (q->endpoint != NULL)
            and_endpoint(sql, q->endpoint, arm);
        if (q->filter != NULL) {
            sql_add(sql, " AND ");
            sql_filter(sql, q->filter, pinned,
                       pinned == NULL ? SQL_ARM_BOTH
                       : arm == 0     ? SQL_ARM_SRC
                                      : SQL_ARM_DST_NOT_SRC,
                       &reader->observers);
        }
    }
}

void select_query(struct store_reader *reader, const struct sql *from, const bool *missing)
{
    const struct store_query *q = &reader->query;
    const struct record_kind *kind = record_kinds[q->kind];
    struct sql *sql = &reader->sql;
    sql_add(sql, "SELECT * FROM (");
    add_arms(reader, from, missing);
    sql_add(sql, ")");
    if (q->limit != 0 && q->limit <= STORE_SORTED_MAX)
        sql_add(sql, " ORDER BY \"%s\" DESC", kind->fields[kind->first_time].name);
    if (q->limit != 0)
        sql_add(sql, " LIMIT %" PRIu64, reader->left);
    sql->failed = sql->failed || from->failed;
}
