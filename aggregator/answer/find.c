/* SPDX-License-Identifier: Apache-2.0 */
/* find: connections; or each of their views. */
#include "aggregator/answer/connections.h"
#include "aggregator/answer/stored.h"

enum { FIND_VIEWS = STORED_PARAMETER_COUNT, FIND_PARAMETER_COUNT };

static const struct parameter parameters[] = {
    STORED_PARAMETERS_OF(RECORD_FLOW, "connections"),
    [STORED_FILTER].kind_of = connection_columns,
    [FIND_VIEWS] = {.name = "views",
                    .type = PARAMETER_FLAG,
                    .help = "each view by itself: what one sensor saw of a connection, with what became of it",
                    .fallback = "no"},
};

/* Rounds of the newest records: in most the first has enough connections. */
#define ROUND_GROWTH 4u

static enum result take_all(struct connections *found, const struct store_query *query, uint64_t *ret_rows,
                            struct error *err)
{
    struct records *records;
    enum result r = store_find(found->work->reader, query, err);
    *ret_rows = 0;
    while (r == RESULT_OK && (r = store_next(found->work->reader, &records, NULL, err)) == RESULT_OK) {
        *ret_rows += records->rows;
        r = connections_take(found, records, err);
        records_free(&records);
    }
    if (r == RESULT_END && !found->more && !found->full)
        r = connections_end(found, err);
    return r == RESULT_OK ? RESULT_END : r;
}

/* The newest records, more of them each time, until they have as many connections as are wanted. Beyond that, and
 * without a limit, all as they stand. RESULT_END: done. */
static enum result find_all(struct connections *found, struct store_query *query, struct error *err)
{
    uint64_t rows;
    query->limit = found->limit + found->limit / 2 + CONNECTIONS_PAGE_MIN;
    found->again = found->limit <= STORE_SORTED_MAX;
    while (found->limit <= STORE_SORTED_MAX) {
        query->limit = query->limit < STORE_SORTED_MAX ? query->limit : STORE_SORTED_MAX;
        enum result r = take_all(found, query, &rows, err);
        if (r != RESULT_END || rows < query->limit || found->more || found->full)
            return r;
        if (query->limit == STORE_SORTED_MAX)
            break;
        query->limit *= ROUND_GROWTH;
    }
    query->limit = 0;
    return take_all(found, query, &rows, err);
}

static enum result find(struct work *work, const struct filter *seen, const struct filter *became, struct error *err)
{
    struct connections found;
    struct store_query query = stored_query(work);
    enum result r = connections_init(&found, work, work_argument(work, FIND_VIEWS)->number != 0,
                                     became == NULL || filter_is_true(became) ? NULL : became, stored_limit(work), err);
    query.filter = seen;
    query.fields = found.fields;
    if (r == RESULT_OK)
        r = find_all(&found, &query, err);
    if (found.more)
        stored_cut(work, found.limit);
    if (found.full)
        coverage_full(&work->coverage);
    connections_fini(&found);
    return r == RESULT_END ? stored_sensors(work, err) : r;
}

/* The store knows of flows what was seen; what became of them is looked at when it is found. */
static enum result run(struct work *work, struct error *err)
{
    const struct filter *filter = work_argument(work, STORED_FILTER)->filter;
    struct filter *seen = NULL, *became = NULL;
    enum result r = filter == NULL ? RESULT_OK : filter_split(filter, record_kinds[RECORD_FLOW], &seen, &became, err);
    if (r == RESULT_REJECT)
        return work_blame(work, STORED_FILTER, r);
    if (r == RESULT_OK)
        r = find(work, seen, became, err);
    filter_destroy(&seen);
    filter_destroy(&became);
    return r;
}

const struct question question_find = {
    .name = "find",
    .summary = "Connections that match a filter: whole, the views at both sides of a boundary as one row.",
    .parameters = parameters,
    .parameter_count = FIND_PARAMETER_COUNT,
    .basis = QUESTION_OF_TRAFFIC,
    .columns = connection_columns,
    .run = run};
