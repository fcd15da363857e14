/* SPDX-License-Identifier: Apache-2.0 */
/* Records as DuckDB's vectors, and back, for any kind: values by field, the items of lists behind them. */
#include <stdlib.h>
#include <string.h>

#include "aggregator/engine/engine.h"

/* ---- writing */

/* The C API's own way copies a text's bytes; an empty one needs none. */
static void write_text(duckdb_vector vector, idx_t at, const char *text)
{
    if (text == NULL || text[0] == '\0')
        ((duckdb_string_t *)duckdb_vector_get_data(vector))[at] = (duckdb_string_t){0};
    else
        duckdb_vector_assign_string_element_len(vector, at, text, strlen(text));
}

/* Values from .. from + count - 1 of a field's column (of a list: these items), narrowed, into the vector from `at`
 * on. */
static void write_values(duckdb_vector vector, idx_t at, const struct records *records, unsigned f, uint32_t from,
                         uint32_t count, const uint32_t *numbers)
{
    const struct field *field = &records->kind->fields[f];
    const void *column = records_column(records, f);
    const uint32_t *words = (const uint32_t *)column + from;
    void *to = duckdb_vector_get_data(vector);
    if (field->type == FIELD_TEXT) {
        for (uint32_t i = 0; i < count; i++)
            write_text(vector, at + i, ((char *const *)column)[from + i]);
    } else if (field_type_is_wide(field->type)) {
        memcpy((uint64_t *)to + at, (const uint64_t *)column + from, count * sizeof(uint64_t));
    } else if (field->kind == KIND_OBSERVER) {
        for (uint32_t i = 0; i < count; i++)
            ((uint32_t *)to)[at + i] = numbers[words[i]];
    } else if (field->type == FIELD_U8) {
        uint8_t *narrow = (uint8_t *)to + at;
        for (uint32_t i = 0; i < count; i++)
            narrow[i] = (uint8_t)words[i];
    } else if (field->type == FIELD_U16) {
        uint16_t *narrow = (uint16_t *)to + at;
        for (uint32_t i = 0; i < count; i++)
            narrow[i] = (uint16_t)words[i];
    } else {
        memcpy((uint32_t *)to + at, words, count * sizeof(uint32_t));
    }
}

/* One value of each row, of rows that lie anywhere. */
static void gather_values(duckdb_vector vector, const struct engine_ref *refs, uint32_t count, unsigned f)
{
    const struct field *field = &refs[0].records->kind->fields[f];
    void *to = duckdb_vector_get_data(vector);
#define GATHER(TYPE, FROM, value)                                                                                      \
    for (uint32_t i = 0; i < count; i++) {                                                                             \
        FROM v = ((const FROM *)records_column(refs[i].records, f))[refs[i].row];                                      \
        ((TYPE *)to)[i] = (TYPE)(value);                                                                               \
    }
    if (field->type == FIELD_TEXT) {
        for (uint32_t i = 0; i < count; i++)
            write_text(vector, i, ((char *const *)records_column(refs[i].records, f))[refs[i].row]);
    } else if (field_type_is_wide(field->type)) {
        GATHER(uint64_t, uint64_t, v)
    } else if (field->kind == KIND_OBSERVER) {
        GATHER(uint32_t, uint32_t, refs[i].numbers[v])
    } else if (field->type == FIELD_U8) {
        GATHER(uint8_t, uint32_t, v)
    } else if (field->type == FIELD_U16) {
        GATHER(uint16_t, uint32_t, v)
    } else {
        GATHER(uint32_t, uint32_t, v)
    }
#undef GATHER
}

static struct engine_ref ref_of(const struct engine_rows *rows, uint32_t i)
{
    return rows->refs != NULL ? rows->refs[i] : (struct engine_ref){rows->records, rows->numbers, rows->from + i};
}

/* One field of a list's items. */
static void write_list(duckdb_vector vector, const struct engine_rows *rows, unsigned f)
{
    duckdb_list_entry *entries = duckdb_vector_get_data(vector);
    idx_t end = 0;
    duckdb_list_vector_set_size(vector, 0);
    for (uint32_t i = 0; i < rows->count; i++) {
        struct engine_ref ref = ref_of(rows, i);
        uint32_t first, count = records_items(ref.records, ref.records->kind->fields[f].list - 1u, ref.row, &first);
        entries[i] = (duckdb_list_entry){.offset = end, .length = count};
        if (count == 0)
            continue;
        duckdb_list_vector_reserve(vector, end + count);
        duckdb_list_vector_set_size(vector, end + count);
        write_values(duckdb_list_vector_get_child(vector), end, ref.records, f, first, count, ref.numbers);
        end += count;
    }
}

void chunk_write(duckdb_vector vector, const struct engine_rows *rows, unsigned f)
{
    const struct record_kind *kind = rows->refs != NULL ? rows->refs[0].records->kind : rows->records->kind;
    if (kind->fields[f].list != 0)
        write_list(vector, rows, f);
    else if (rows->refs != NULL)
        gather_values(vector, rows->refs, rows->count, f);
    else
        write_values(vector, 0, rows->records, f, rows->from, rows->count, rows->numbers);
}

static bool is_zero(const struct records *records, unsigned f, uint32_t row)
{
    const void *column = records_column(records, f);
    return field_type_is_wide(records->kind->fields[f].type) ? ((const uint64_t *)column)[row] == 0
                                                             : ((const uint32_t *)column)[row] == 0;
}

void chunk_write_nulls(duckdb_vector vector, const struct engine_rows *rows, unsigned f)
{
    const struct field *field = &ref_of(rows, 0).records->kind->fields[f];
    bool never_zero = field->guard == GUARD_SET || field->guard == GUARD_SRC_SET || field->guard == GUARD_DST_SET;
    uint64_t *validity = NULL;
    for (uint32_t i = 0; i < rows->count && schema_has_nulls(field); i++) {
        struct engine_ref ref = ref_of(rows, i);
        if (!is_zero(ref.records, f, ref.row) || (!never_zero && records_knows(ref.records, f, ref.row)))
            continue;
        if (validity == NULL) {
            duckdb_vector_ensure_validity_writable(vector);
            validity = duckdb_vector_get_validity(vector);
        }
        duckdb_validity_set_row_invalid(validity, i);
    }
}

uint32_t chunk_fits(const struct engine_rows *rows, const struct record_kind *kind)
{
    uint32_t items = 0;
    for (uint32_t i = 0; kind->list_count > 0 && i < rows->count; i++) {
        struct engine_ref ref = ref_of(rows, i);
        for (unsigned l = 0; l < kind->list_count; l++)
            items += ((const uint32_t *)records_column(ref.records, kind->lists[l].count))[ref.row];
        if (i > 0 && items > ENGINE_CHUNK_ITEMS)
            return i;
    }
    return rows->count;
}

/* ---- reading */

static bool read_texts(struct records *records, char **to, const duckdb_string_t *from, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        duckdb_string_t text = from[i];
        uint32_t length = duckdb_string_t_length(text);
        to[i] = length == 0 ? NULL : records_text(records, duckdb_string_t_data(&text), length);
        if (length != 0 && to[i] == NULL)
            return false;
    }
    return true;
}

/* `count` values of a vector from `from` on into places `at` .. of the field's column. Observers stay numbers of the
 * store. False: out of memory. */
static bool read_values(struct records *records, unsigned f, uint32_t at, const void *data, idx_t from, uint32_t count)
{
    const struct field *field = &records->kind->fields[f];
    void *column = records_column(records, f);
    uint32_t *words = (uint32_t *)column + at;
    if (field->type == FIELD_TEXT)
        return read_texts(records, (char **)column + at, (const duckdb_string_t *)data + from, count);
    if (field_type_is_wide(field->type)) {
        memcpy((uint64_t *)column + at, (const uint64_t *)data + from, count * sizeof(uint64_t));
    } else if (field->kind == KIND_OBSERVER || (field->type != FIELD_U8 && field->type != FIELD_U16)) {
        memcpy(words, (const uint32_t *)data + from, count * sizeof(uint32_t));
    } else if (field->type == FIELD_U8) {
        for (uint32_t i = 0; i < count; i++)
            words[i] = ((const uint8_t *)data)[from + i];
    } else {
        for (uint32_t i = 0; i < count; i++)
            words[i] = ((const uint16_t *)data)[from + i];
    }
    return true;
}

/* Rows written before the list had this field have shorter lists of it: what is missing stays zero. */
static bool read_list(struct records *records, unsigned f, duckdb_vector vector, idx_t from)
{
    unsigned list = records->kind->fields[f].list - 1u;
    const uint32_t *counts = records_column(records, records->kind->lists[list].count);
    const duckdb_list_entry *entries = duckdb_vector_get_data(vector);
    const void *data = duckdb_vector_get_data(duckdb_list_vector_get_child(vector));
    uint32_t at = 0;
    for (uint32_t i = 0; i < records->rows; i++) {
        duckdb_list_entry entry = entries[from + i];
        uint32_t count = entry.length < counts[i] ? (uint32_t)entry.length : counts[i];
        if (count > 0 && !read_values(records, f, at, data, entry.offset, count))
            return false;
        at += counts[i];
    }
    return true;
}

/* The store's numbers in a column become indices of the records' observers. */
static enum result translate(struct records *records, unsigned f, const struct sql_observers *observers,
                             struct error *err)
{
    unsigned list = records->kind->fields[f].list;
    uint32_t count = list == 0 ? records->rows : records->items[list - 1], last = UINT32_MAX;
    uint32_t *column = records_column(records, f);
    uint16_t index = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t id = column[i];
        if (id != last) {
            if (id >= observers->count)
                return error_set(err, RESULT_REJECT, "a %s in the store names an observer it does not know",
                                 records->kind->name);
            enum result r = records_observer(records, &observers->observers[id], &index);
            if (r != RESULT_OK)
                return error_set(err, RESULT_FULL, "more than %u observers, or out of memory", RECORDS_OBSERVERS_MAX);
            last = id;
        }
        column[i] = index;
    }
    return RESULT_OK;
}

static enum result make_room(struct records *records, struct error *err)
{
    uint32_t items[RECORDS_LISTS_MAX] = {0};
    for (unsigned l = 0; l < records->kind->list_count; l++) {
        const uint32_t *counts = records_column(records, records->kind->lists[l].count);
        uint64_t all = 0;
        for (uint32_t i = 0; i < records->rows; i++)
            all += counts[i];
        if (all > RECORDS_ITEMS_MAX)
            return error_set(err, RESULT_FULL, "more than %u %s", RECORDS_ITEMS_MAX, records->kind->lists[l].name);
        items[l] = (uint32_t)all;
    }
    return records_make_items(records, items) ? RESULT_OK : error_set(err, RESULT_AGAIN, "out of memory");
}

static bool is_among(const bool *fields, unsigned f)
{
    return fields == NULL || fields[f];
}

/* Lists behind the values that say how long they are. */
static enum result read_fields(const struct db_rows *rows, struct records *records, const bool *fields, idx_t from,
                               struct error *err)
{
    const struct record_kind *kind = records->kind;
    bool read = true;
    enum result r = RESULT_OK;
    for (unsigned pass = 0; pass < 2 && read && r == RESULT_OK; pass++) {
        idx_t column = 0;
        if (pass == 1)
            r = make_room(records, err);
        for (unsigned f = 0; f < kind->stored_count && read && r == RESULT_OK; f++) {
            if (!is_among(fields, f))
                continue;
            if (pass == 0 && kind->fields[f].list == 0)
                read = read_values(records, f, 0, db_column(rows, column), from, records->rows);
            else if (pass == 1 && kind->fields[f].list != 0)
                read = read_list(records, f, duckdb_data_chunk_get_vector(rows->chunk, column), from);
            column++;
        }
    }
    return read ? r : error_set(err, RESULT_AGAIN, "out of memory");
}

enum result chunk_read(const struct db_rows *rows, const struct record_kind *kind, const bool *fields,
                       const struct sql_observers *observers, idx_t from, uint32_t count, struct records **ret_records,
                       struct error *err)
{
    struct records *records = records_new(kind, count);
    if (records == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    records->rows = count;
    enum result r = read_fields(rows, records, fields, from, err);
    for (unsigned f = 0; f < kind->stored_count && r == RESULT_OK; f++) {
        if (kind->fields[f].kind == KIND_OBSERVER && is_among(fields, f))
            r = translate(records, f, observers, err);
    }
    if (r == RESULT_OK)
        *ret_records = records;
    else
        records_free(&records);
    return r;
}
