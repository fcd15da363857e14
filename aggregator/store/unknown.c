/* SPDX-License-Identifier: Apache-2.0 */
/* What batches of a newer contract had beside the columns we know: given back with their records, to be passed on. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/store/read.h"

enum result unknown_open(struct store_reader *reader, const struct day_view *view, struct error *err)
{
    const struct store_query *q = &reader->query;
    if (reader->beside == NULL && duckdb_connect(reader->store->database, &reader->beside) != DuckDBSuccess)
        return error_set(err, RESULT_AGAIN, "DuckDB: no connection");
    struct sql sql = {0};
    sql_add(&sql, "SELECT position, tag, wire_type, data FROM %s.unknown WHERE kind = %u AND position > %" PRIu64,
            view->catalog, record_kinds[q->kind]->number, q->after);
    if (q->through != 0)
        sql_add(&sql, " AND position <= %" PRIu64, q->through);
    reader->unknown_at = 0;
    enum result r = db_rows_open(reader->beside, &sql, &reader->unknown, err);
    sql_fini(&sql);
    return r;
}

static bool add_field(struct unknown_fields *unknown, const struct db_rows *rows, idx_t row)
{
    ProtobufCMessageUnknownField *grown = realloc(unknown->fields, (unknown->count + 1) * sizeof(*grown));
    if (grown == NULL)
        return false;
    unknown->fields = grown;
    size_t length;
    const char *data = db_text(rows, 3, row, &length);
    uint8_t *copy = malloc(length + 1);
    if (copy == NULL)
        return false;
    memcpy(copy, data, length);
    grown[unknown->count++] = (ProtobufCMessageUnknownField){
        .tag = db_u32(rows, 1, row), .wire_type = (ProtobufCWireType)db_u8(rows, 2, row), .len = length, .data = copy};
    return true;
}

enum result unknown_take(struct store_reader *reader, uint64_t position, struct records *records, struct error *err)
{
    struct db_rows *rows = &reader->unknown;
    while (rows->open) {
        if (reader->unknown_at == rows->count) {
            enum result r = db_rows_next(rows, err);
            reader->unknown_at = 0;
            if (r == RESULT_END)
                db_rows_close(rows);
            else if (r != RESULT_OK)
                return r;
            continue;
        }
        uint64_t next = db_u64(rows, 0, reader->unknown_at);
        if (next > position)
            break;
        if (next == position && !add_field(&records->unknown, rows, reader->unknown_at))
            return error_set(err, RESULT_AGAIN, "out of memory");
        reader->unknown_at++;
    }
    return RESULT_OK;
}
