/* SPDX-License-Identifier: Apache-2.0 */
/* The statement that answers a query from one day file. */
#include <inttypes.h>
#include <stdlib.h>
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
    if (q->name_count > STORE_NAMES_MAX)
        return error_set(err, RESULT_REJECT, "%zu flows asked for by name, %u are allowed", q->name_count,
                         STORE_NAMES_MAX);
    return RESULT_OK;
}

bool select_is_whole(const struct store_reader *reader)
{
    const struct store_query *q = &reader->query;
    return q->by_position && reader->waiting[0] == '\0' && q->filter == NULL && q->endpoint == NULL &&
           q->from_ns == 0 && q->to_ns == 0 && q->protocol == 0 && q->name_count == 0 && q->limit == 0;
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
    if (q->after != 0)
        sql_add(sql, " AND position > %" PRIu64, q->after);
    if (q->through != 0)
        sql_add(sql, " AND position <= %" PRIu64, q->through);
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

/* One arm, or two where "either side" is asked for. By position the order of the rows must not be given up: one. */
static void add_arms(struct sql *sql, const struct store_query *q, const char *catalog,
                     const struct sql_observers *observers)
{
    const struct record_kind *kind = record_kinds[q->kind];
    const struct filter_node *pinned =
        q->filter == NULL || q->by_position || q->endpoint != NULL ? NULL : sql_filter_pin(filter_root(q->filter));
    bool two = (pinned != NULL || q->endpoint != NULL) && !q->by_position;
    for (unsigned arm = 0; arm < (two ? 2u : 1u); arm++) {
        sql_add(sql, "%sSELECT ", arm > 0 ? " UNION ALL " : "");
        schema_select(sql, kind);
        sql_add(sql, " FROM %s.\"%s\" WHERE ", catalog, kind->name);
        add_conditions(sql, q, observers);
        if (q->endpoint != NULL && two) {
            and_endpoint(sql, q->endpoint, arm);
        } else if (q->endpoint != NULL) {
            sql_add(sql, " AND (");
            sql_endpoint(sql, "src", q->endpoint);
            sql_add(sql, " OR ");
            sql_endpoint(sql, "dst", q->endpoint);
            sql_add(sql, ")");
        }
        if (q->filter != NULL) {
            sql_add(sql, " AND ");
            sql_filter(sql, q->filter, pinned, arm == 0 ? SQL_ARM_SRC : SQL_ARM_DST_NOT_SRC, observers);
        }
    }
}

void select_query(struct store_reader *reader, const char *catalog, const struct sql_observers *observers)
{
    const struct store_query *q = &reader->query;
    const struct record_kind *kind = record_kinds[q->kind];
    struct sql *sql = &reader->sql;
    bool sorted = !q->by_position && q->limit != 0 && q->limit <= STORE_SORTED_MAX;
    sql_add(sql, "SELECT * FROM (");
    add_arms(sql, q, catalog, observers);
    sql_add(sql, ")");
    if (sorted)
        sql_add(sql, " ORDER BY \"%s\" DESC", kind->fields[kind->first_time].name);
    if (q->limit != 0)
        sql_add(sql, " LIMIT %" PRIu64, reader->left);
}

/* ---- the correlator's new start */

/* The flows a file's verdicts at the boundary are about: as view, and as partner. By sensor and epoch: the next file
 * numbers observers anew. */
static void add_done(struct sql *sql, const char *catalog, const char *boundary, bool partner)
{
    static const char *const columns[2][2] = {{"observer", "flow"}, {"partner_observer", "partner_flow"}};
    sql_add(sql,
            "SELECT n.sensor, n.epoch, d.%s AS flow FROM %s.verdict d JOIN %s.observer n ON d.%s = n.id"
            " WHERE d.boundary = ",
            columns[partner][1], catalog, catalog, columns[partner][0]);
    sql_text(sql, boundary);
    if (partner)
        and_linked(sql);
}

void select_waiting(struct store_reader *reader, const char *catalog)
{
    struct sql *sql = &reader->sql;
    sql_add(sql, "SELECT f.* FROM (SELECT ");
    schema_select(sql, record_kinds[RECORD_FLOW]);
    sql_add(sql,
            " FROM %s.flow WHERE position >= coalesce((SELECT min(position) FROM %s.batch "
            "WHERE received >= make_timestamp_ns(%" PRId64 ")), 18446744073709551615)) f "
            "JOIN %s.observer o ON f.observer = o.id AND o.sensor IN (",
            catalog, catalog, reader->since_ns, catalog);
    sql_text(sql, reader->inside);
    sql_add(sql, ", ");
    sql_text(sql, reader->outside);
    sql_add(sql, ") ANTI JOIN (");
    const char *separator = "";
    for (size_t i = 0; i < reader->plan_count; i++) {
        const char *other = reader->plan[i].catalog;
        if (strcmp(other, catalog) < 0)
            continue; /* concluded only after the flow was committed */
        for (int partner = 0; partner < 2; partner++) {
            sql_add(sql, "%s", separator);
            add_done(sql, other, reader->waiting, partner != 0);
            separator = " UNION ALL ";
        }
    }
    sql_add(sql,
            ") done ON done.sensor = o.sensor AND done.epoch = o.epoch AND done.flow = f.flow ORDER BY f.position");
}
