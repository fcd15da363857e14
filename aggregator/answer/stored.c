/* SPDX-License-Identifier: Apache-2.0 */
/* Stored records of a kind, as they are. */
#include "aggregator/answer/stored.h"

uint64_t stored_limit(const struct work *work)
{
    uint64_t limit = work_argument(work, STORED_LIMIT)->number;
    return limit == 0 || limit > ANSWER_ROWS_MAX ? ANSWER_ROWS_MAX : limit;
}

struct store_query stored_query(struct work *work)
{
    work->coverage.from_ns = work_argument(work, STORED_FROM)->time;
    work->coverage.to_ns = work_argument(work, STORED_TO)->time;
    return (struct store_query){.kind = work->arguments.question->parameters[STORED_FILTER].kind,
                                .filter = work_argument(work, STORED_FILTER)->filter,
                                .from_ns = work->coverage.from_ns,
                                .to_ns = work->coverage.to_ns};
}

/* One row more than the limit is asked for: it tells that there are some. */
enum result stored_run(struct work *work, struct error *err)
{
    struct store_query query = stored_query(work);
    uint64_t limit = stored_limit(work), left = limit;
    struct records *records;
    query.limit = limit + 1;
    query.fields = work->fields;
    enum result r = store_find(work->reader, &query, err);
    while (r == RESULT_OK && (r = store_next(work->reader, &records, NULL, err)) == RESULT_OK) {
        uint32_t rows = records->rows < left ? records->rows : (uint32_t)left;
        if (rows < records->rows)
            coverage_cut(&work->coverage, limit);
        left -= rows;
        r = work_send(work, records, rows, err);
        records_free(&records);
    }
    return r == RESULT_END ? RESULT_OK : r;
}
