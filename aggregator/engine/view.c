/* SPDX-License-Identifier: Apache-2.0 */
/* A view is a table function of its own, which makes the columns that a statement wants, and a CREATE VIEW over it. */
#include "aggregator/engine/view.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FUNCTION "pavo_view_"

/* What becomes of a field's values. */
enum form { FORM_BIGINT, FORM_BOOLEAN, FORM_DOUBLE, FORM_TIMESTAMP, FORM_VARCHAR };

static const struct {
    duckdb_type type;
    const char *word, *list_word;
} forms[] = {[FORM_BIGINT] = {DUCKDB_TYPE_BIGINT, "BIGINT", "BIGINT[]"},
             [FORM_BOOLEAN] = {DUCKDB_TYPE_BOOLEAN, "BOOLEAN", "BOOLEAN[]"},
             [FORM_DOUBLE] = {DUCKDB_TYPE_DOUBLE, "DOUBLE", "DOUBLE[]"},
             [FORM_TIMESTAMP] = {DUCKDB_TYPE_TIMESTAMP, "TIMESTAMP", "TIMESTAMP[]"},
             [FORM_VARCHAR] = {DUCKDB_TYPE_VARCHAR, "VARCHAR", "VARCHAR[]"}};

static enum form form_of(const struct field *field, bool epoch)
{
    switch (field->kind) {
    case KIND_OBSERVER:
        return epoch ? FORM_BIGINT : FORM_VARCHAR;
    case KIND_FLAG:
        return FORM_BOOLEAN;
    case KIND_ODDS:
    case KIND_SHARE:
    case KIND_REAL:
        return FORM_DOUBLE;
    case KIND_TIME:
        return FORM_TIMESTAMP;
    case KIND_ADDRESS:
    case KIND_TEXT:
    case KIND_MAC:
    case KIND_HEX:
    case KIND_TCP_FLAGS:
    case KIND_HISTORY:
    case KIND_WORD:
    case KIND_BITS:
        return FORM_VARCHAR;
    default:
        return FORM_BIGINT;
    }
}

unsigned view_columns(const struct record_kind *kind, struct view_column ret_columns[static VIEW_COLUMNS_MAX])
{
    unsigned count = 0;
    for (unsigned f = 0; f < kind->field_count; f++) {
        const struct field *field = &kind->fields[f];
        int stem = (int)(strlen(field->name) - strlen("observer"));
        if (field->kind == KIND_LOWER)
            continue;
        for (unsigned part = 0; part < (field->kind == KIND_OBSERVER ? 2u : 1u); part++) {
            struct view_column *column = &ret_columns[count++];
            *column = (struct view_column){.field = (uint16_t)f, .epoch = part == 1};
            if (field->kind == KIND_OBSERVER)
                snprintf(column->name, sizeof(column->name), "%.*s%s", stem, field->name,
                         part == 0 ? "sensor" : "epoch");
            else
                snprintf(column->name, sizeof(column->name), "%s", field->label);
        }
    }
    return count;
}

const char *view_column_type(const struct record_kind *kind, const struct view_column *column)
{
    const struct field *field = &kind->fields[column->field];
    enum form form = form_of(field, column->epoch);
    return field->list != 0 ? forms[form].list_word : forms[form].word;
}

/* ---- values */

static uint64_t number_at(const struct records *records, unsigned f, uint32_t i)
{
    const void *column = records_column(records, f);
    switch (records->kind->fields[f].type) {
    case FIELD_I32:
        return (uint64_t)(int64_t)((const int32_t *)column)[i];
    case FIELD_U64:
    case FIELD_F64:
    case FIELD_I64:
    case FIELD_TIME:
        return ((const uint64_t *)column)[i];
    default:
        return ((const uint32_t *)column)[i];
    }
}

static int64_t bigint(const struct field *field, uint64_t number)
{
    return number > INT64_MAX && !field_type_is_signed(field->type) ? INT64_MAX : (int64_t)number;
}

/* Rounded down, before 1970 too. */
static int64_t microseconds(int64_t ns)
{
    return ns / 1000 - (ns % 1000 < 0);
}

static double real(const struct field *field, uint64_t number)
{
    return field->kind == KIND_REAL ? real_of_bits(number) : (double)(int64_t)number / 1000;
}

static void write_text(duckdb_vector vector, idx_t at, const struct records *records, unsigned f, uint32_t i)
{
    char scratch[FIELD_TEXT_MAX], text[FIELD_TEXT_MAX];
    const struct field *field = &records->kind->fields[f];
    struct value value = records_value(records, i, f, scratch);
    const char *written = field_text(field, &value, STYLE_PLAIN, text);
    duckdb_vector_assign_string_element_len(vector, at, written, strlen(written));
}

/* Values first .. first + count - 1 (of a list, items) to where `at` is. */
static void write_values(duckdb_vector vector, idx_t at, const struct records *records, unsigned f, uint32_t first,
                         uint32_t count)
{
    const struct field *field = &records->kind->fields[f];
    void *to = duckdb_vector_get_data(vector);
    for (uint32_t n = 0, i = first; n < count; n++, i++) {
        switch (form_of(field, false)) {
        case FORM_BIGINT:
            ((int64_t *)to)[at + n] = bigint(field, number_at(records, f, i));
            break;
        case FORM_BOOLEAN:
            ((bool *)to)[at + n] = number_at(records, f, i) != 0;
            break;
        case FORM_DOUBLE:
            ((double *)to)[at + n] = real(field, number_at(records, f, i));
            break;
        case FORM_TIMESTAMP:
            ((int64_t *)to)[at + n] = microseconds((int64_t)number_at(records, f, i));
            break;
        case FORM_VARCHAR:
            write_text(vector, at + n, records, f, i);
            break;
        }
    }
}

static void write_list(duckdb_vector vector, const struct records *records, unsigned f)
{
    duckdb_list_entry *entries = duckdb_vector_get_data(vector);
    uint32_t first, items = records->items[records->kind->fields[f].list - 1];
    duckdb_list_vector_reserve(vector, items);
    duckdb_list_vector_set_size(vector, items);
    for (uint32_t row = 0; row < records->rows; row++) {
        uint32_t count = records_items(records, records->kind->fields[f].list - 1u, row, &first);
        entries[row] = (duckdb_list_entry){.offset = first, .length = count};
    }
    write_values(duckdb_list_vector_get_child(vector), 0, records, f, 0, items);
}

static void write_nulls(duckdb_vector vector, const struct records *records, unsigned f)
{
    uint8_t known[ENGINE_CHUNK_ROWS];
    if (records_known(records, f, 0, records->rows, known))
        return;
    duckdb_vector_ensure_validity_writable(vector);
    uint64_t *validity = duckdb_vector_get_validity(vector);
    for (uint32_t row = 0; row < records->rows; row++) {
        if (known[row] == 0)
            duckdb_validity_set_row_invalid(validity, row);
    }
}

/* ---- the table function */

struct scan {
    struct view *view;
    void *own;
    idx_t count;
    struct view_column columns[]; /* that the statement wants, in its order; field UINT16_MAX: it counts rows */
};

static void scan_bind(duckdb_bind_info info)
{
    struct view *view = duckdb_bind_get_extra_info(info);
    struct view_column columns[VIEW_COLUMNS_MAX];
    unsigned count = view_columns(view->kind, columns);
    for (unsigned i = 0; i < count; i++) {
        const struct field *field = &view->kind->fields[columns[i].field];
        duckdb_logical_type type = duckdb_create_logical_type(forms[form_of(field, columns[i].epoch)].type);
        duckdb_logical_type list = field->list != 0 ? duckdb_create_list_type(type) : NULL;
        duckdb_bind_add_result_column(info, columns[i].name, list != NULL ? list : type);
        duckdb_destroy_logical_type(&type);
        duckdb_destroy_logical_type(&list);
    }
}

static void scan_free(void *pointer)
{
    struct scan *scan = pointer;
    scan->view->end(scan->view, scan->own);
    free(scan);
}

static void scan_init(duckdb_init_info info)
{
    struct view *view = duckdb_init_get_extra_info(info);
    struct view_column columns[VIEW_COLUMNS_MAX];
    bool fields[RECORDS_FIELDS_MAX] = {false};
    unsigned all = view_columns(view->kind, columns);
    idx_t count = duckdb_init_get_column_count(info);
    struct scan *scan = calloc(1, sizeof(*scan) + (count + 1) * sizeof(scan->columns[0]));
    struct error err = {"out of memory"};
    if (scan == NULL) {
        duckdb_init_set_error(info, err.text);
        return;
    }
    scan->view = view;
    scan->count = count;
    fields[view->kind->first_time] = true; /* there is always one that tells how many rows there are */
    for (idx_t i = 0; i < count; i++) {
        idx_t column = duckdb_init_get_column_index(info, i);
        if (column >= all) {
            scan->columns[i].field = UINT16_MAX;
            continue;
        }
        scan->columns[i] = columns[column];
        fields[columns[column].field] = true;
        unsigned list = view->kind->fields[columns[column].field].list;
        if (list != 0)
            fields[view->kind->lists[list - 1].count] = true;
    }
    if (view->begin(view, fields, &scan->own, &err) != RESULT_OK) {
        duckdb_init_set_error(info, err.text);
        free(scan);
        return;
    }
    duckdb_init_set_max_threads(info, 1);
    duckdb_init_set_init_data(info, scan, scan_free);
}

static void write_column(duckdb_vector vector, const struct records *records, const struct view_column *column)
{
    int f = column->field == UINT16_MAX ? -1 : kind_field(records->kind, column->name);
    if (f < 0)
        return;
    if (records->kind->fields[f].list != 0) {
        write_list(vector, records, (unsigned)f);
        return;
    }
    write_values(vector, 0, records, (unsigned)f, 0, records->rows);
    write_nulls(vector, records, (unsigned)f);
}

static void scan_next(duckdb_function_info info, duckdb_data_chunk output)
{
    struct scan *scan = duckdb_function_get_init_data(info);
    const struct records *records;
    struct error err;
    enum result r = scan->view->next(scan->view, scan->own, &records, &err);
    if (r == RESULT_OK && records->rows > ENGINE_CHUNK_ROWS)
        r = error_set(&err, RESULT_REJECT, "%u rows at once", records->rows);
    if (r != RESULT_OK && r != RESULT_END)
        duckdb_function_set_error(info, err.text);
    if (r != RESULT_OK) {
        duckdb_data_chunk_set_size(output, 0);
        return;
    }
    for (idx_t i = 0; i < scan->count; i++)
        write_column(duckdb_data_chunk_get_vector(output, i), records, &scan->columns[i]);
    duckdb_data_chunk_set_size(output, records->rows);
}

enum result view_add(duckdb_connection connection, struct view *view, struct error *err)
{
    char name[64];
    snprintf(name, sizeof(name), FUNCTION "%s", view->kind->name);
    duckdb_table_function function = duckdb_create_table_function();
    duckdb_table_function_set_name(function, name);
    duckdb_table_function_set_extra_info(function, view, NULL);
    duckdb_table_function_set_bind(function, scan_bind);
    duckdb_table_function_set_init(function, scan_init);
    duckdb_table_function_set_function(function, scan_next);
    duckdb_table_function_supports_projection_pushdown(function, true);
    duckdb_state added = duckdb_register_table_function(connection, function);
    duckdb_destroy_table_function(&function);
    if (added != DuckDBSuccess)
        return error_set(err, RESULT_FATAL, "DuckDB does not take a table function");
    return db_run(connection, err, "CREATE VIEW \"%s\" AS SELECT * FROM %s()", view->kind->name, name);
}
