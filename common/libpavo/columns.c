/* SPDX-License-Identifier: Apache-2.0 */
/* pavo_columns: the fields of records of any kind, by number. */
#include "common/libpavo/columns.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* So many texts of one pavo_columns are valid at a time: several may stand in one printf. */
#define TEXTS 8u

/* One field as a program sees it. */
struct place {
    const struct field *field; /* its description */
    unsigned index;            /* of the records' field */
    enum { PLACE_VALUE, PLACE_SENSOR, PLACE_EPOCH } part;
};

struct shape {
    atomic_uint users;
    struct page_kind *described;    /* owned */
    const struct record_kind *kind; /* of the records: one that lives for ever, or the described one */
    unsigned count;
    struct place places[];
};

struct pavo_columns {
    struct shape *shape;     /* used */
    struct records *records; /* owned; NULL: no rows */
    void **made;             /* owned: by field, a column in another form than the records have it */
    uint8_t **known;         /* owned: by field, a byte a value */
    struct json json;
    unsigned turn; /* the text to write next */
    char texts[TEXTS][FIELD_TEXT_MAX];
};

/* ---- shapes */

static void place_fields(struct shape *shape)
{
    const struct record_kind *described = &shape->described->kind;
    unsigned at = 0;
    for (unsigned f = 0; f < shape->kind->field_count; f++) {
        enum field_kind kind = shape->kind->fields[f].kind;
        if (kind == KIND_LOWER)
            continue;
        for (unsigned part = 0; part < (kind == KIND_OBSERVER ? 2 : 1); part++) {
            while (described->fields[at].kind == KIND_LOWER)
                at++;
            shape->places[shape->count++] = (struct place){.field = &described->fields[at++],
                                                           .index = f,
                                                           .part = kind != KIND_OBSERVER ? PLACE_VALUE
                                                                   : part == 0           ? PLACE_SENSOR
                                                                                         : PLACE_EPOCH};
        }
    }
}

/* `kind` NULL: the described one is the records' too. */
static enum result shape_new(const struct record_kind *kind, const Pavo__Head *head, struct shape **ret_shape,
                             struct error *err)
{
    struct page_kind *described = NULL;
    enum result result = page_kind_read(head, &described, err);
    if (result != RESULT_OK)
        return result;
    struct shape *shape = calloc(1, sizeof(*shape) + described->kind.field_count * sizeof(*shape->places));
    if (shape == NULL) {
        page_kind_free(&described);
        return error_set(err, RESULT_FATAL, "out of memory");
    }
    atomic_init(&shape->users, 1);
    shape->described = described;
    shape->kind = kind == NULL ? &described->kind : kind;
    place_fields(shape);
    *ret_shape = shape;
    return RESULT_OK;
}

enum result shape_of_kind(const struct record_kind *kind, struct shape **ret_shape, struct error *err)
{
    struct page_head head;
    enum result result = page_head_init(&head, kind, kind->name, "", err);
    if (result == RESULT_OK) {
        result = shape_new(kind, &head.message, ret_shape, err);
        page_head_fini(&head);
    }
    return result;
}

enum result shape_of_head(const Pavo__Head *head, struct shape **ret_shape, struct error *err)
{
    return shape_new(NULL, head, ret_shape, err);
}

struct shape *shape_use(struct shape *shape)
{
    atomic_fetch_add(&shape->users, 1);
    return shape;
}

void shape_drop(struct shape **shape)
{
    if (*shape != NULL && atomic_fetch_sub(&(*shape)->users, 1) == 1) {
        page_kind_free(&(*shape)->described);
        free(*shape);
    }
    *shape = NULL;
}

const struct page_kind *shape_page_kind(const struct shape *shape)
{
    return shape->described;
}

/* ---- birth and death */

pavo_columns *columns_new(struct shape *shape, struct records *records)
{
    pavo_columns *columns = calloc(1, sizeof(*columns));
    if (columns == NULL) {
        records_free(&records);
        return NULL;
    }
    columns->shape = shape_use(shape);
    columns->records = records;
    return columns;
}

void pavo_columns_destroy(pavo_columns **columns)
{
    pavo_columns *c = columns == NULL ? NULL : *columns;
    if (c == NULL)
        return;
    for (unsigned i = 0; i < c->shape->count; i++) {
        if (c->made != NULL)
            free(c->made[i]);
        if (c->known != NULL)
            free(c->known[i]);
    }
    free(c->made);
    free(c->known);
    json_fini(&c->json);
    records_free(&c->records);
    shape_drop(&c->shape);
    free(c);
    *columns = NULL;
}

static pavo_columns *copy(const pavo_columns *columns, uint32_t first, uint32_t count)
{
    struct records *records = NULL;
    if (columns->records != NULL) {
        records = records_copy(columns->records, NULL, first, count);
        if (records == NULL)
            return NULL;
    }
    return columns_new(columns->shape, records);
}

pavo_columns *pavo_columns_copy(const pavo_columns *columns)
{
    return columns == NULL ? NULL : copy(columns, 0, (uint32_t)pavo_columns_rows(columns));
}

pavo_columns *columns_copy_row(const pavo_columns *columns, size_t row)
{
    return copy(columns, (uint32_t)row, 1);
}

const struct records *columns_records(const pavo_columns *columns)
{
    return columns->records;
}

/* ---- fields */

size_t pavo_columns_rows(const pavo_columns *columns)
{
    return columns == NULL || columns->records == NULL ? 0 : columns->records->rows;
}

int pavo_columns_count(const pavo_columns *columns)
{
    return columns == NULL ? 0 : (int)columns->shape->count;
}

int pavo_columns_field(const pavo_columns *columns, const char *name)
{
    for (int i = 0; name != NULL && i < pavo_columns_count(columns); i++) {
        if (strcmp(columns->shape->places[i].field->name, name) == 0)
            return i;
    }
    return -1;
}

static const struct place *place_of(const pavo_columns *columns, int field)
{
    return field < 0 || field >= pavo_columns_count(columns) ? NULL : &columns->shape->places[field];
}

const char *pavo_columns_name(const pavo_columns *columns, int field)
{
    const struct place *place = place_of(columns, field);
    return place == NULL ? NULL : place->field->name;
}

const char *pavo_columns_heading(const pavo_columns *columns, int field)
{
    const struct place *place = place_of(columns, field);
    return place == NULL ? NULL : place->field->heading;
}

const char *pavo_columns_help(const pavo_columns *columns, int field)
{
    const struct place *place = place_of(columns, field);
    return place == NULL ? NULL : place->field->doc;
}

const char *pavo_columns_list(const pavo_columns *columns, int field)
{
    const struct place *place = place_of(columns, field);
    return place == NULL || place->field->list == 0
               ? NULL
               : columns->shape->described->kind.lists[place->field->list - 1].name;
}

int pavo_columns_kind(const pavo_columns *columns, int field)
{
    const struct place *place = place_of(columns, field);
    return place == NULL ? 0 : (int)place->field->kind;
}

/* ---- values */

/* Values that the field has: rows, or items of its list. */
static uint32_t value_count(const pavo_columns *columns, const struct place *place)
{
    if (columns->records == NULL)
        return 0;
    return place->field->list == 0 ? columns->records->rows : columns->records->items[place->field->list - 1];
}

/* False: there is no such value, or it is not known. A computed text is written to `scratch`. */
static bool value_at(const pavo_columns *columns, size_t row, const struct place *place, struct value *ret_value,
                     char scratch[FIELD_TEXT_MAX])
{
    if (place == NULL || row >= value_count(columns, place))
        return false;
    struct value value = records_value(columns->records, (uint32_t)row, place->index, scratch);
    if (value.known && place->part == PLACE_EPOCH)
        value.number = columns->records->observers[value.number].epoch;
    *ret_value = value;
    return value.known;
}

static bool is_number(const struct place *place)
{
    return place != NULL && place->field->type != FIELD_TEXT && place->field->kind != KIND_ADDRESS &&
           place->field->kind != KIND_REAL;
}

int pavo_columns_number(const pavo_columns *columns, size_t row, int field, uint64_t *value)
{
    const struct place *place = place_of(columns, field);
    struct value v;
    char scratch[FIELD_TEXT_MAX];
    if (value == NULL || !is_number(place) || !value_at(columns, row, place, &v, scratch) ||
        (field_type_is_signed(place->field->type) && (int64_t)v.number < 0))
        return 0;
    *value = v.number;
    return 1;
}

int pavo_columns_signed(const pavo_columns *columns, size_t row, int field, int64_t *value)
{
    const struct place *place = place_of(columns, field);
    struct value v;
    char scratch[FIELD_TEXT_MAX];
    if (value == NULL || !is_number(place) || !value_at(columns, row, place, &v, scratch) ||
        (!field_type_is_signed(place->field->type) && v.number > INT64_MAX))
        return 0;
    *value = (int64_t)v.number;
    return 1;
}

int pavo_columns_real(const pavo_columns *columns, size_t row, int field, double *value)
{
    const struct place *place = place_of(columns, field);
    struct value v;
    char scratch[FIELD_TEXT_MAX];
    bool real = place != NULL && place->field->kind == KIND_REAL;
    if (value == NULL || !(real || is_number(place)) || !value_at(columns, row, place, &v, scratch))
        return 0;
    *value = real                                       ? real_of_bits(v.number)
             : field_type_is_signed(place->field->type) ? (double)(int64_t)v.number
                                                        : (double)v.number;
    return 1;
}

int pavo_columns_address(const pavo_columns *columns, size_t row, int field, uint8_t address[16])
{
    const struct place *place = place_of(columns, field);
    struct value v;
    char scratch[FIELD_TEXT_MAX];
    if (address == NULL || place == NULL || place->field->kind != KIND_ADDRESS ||
        !value_at(columns, row, place, &v, scratch))
        return 0;
    address_to_bytes(v.address, address);
    return 1;
}

static const char *text_at(const pavo_columns *columns, size_t row, int field, enum field_style style)
{
    pavo_columns *own = (pavo_columns *)columns; /* texts are kept with the columns, which the caller may not change */
    const struct place *place = place_of(columns, field);
    struct value value;
    if (place == NULL)
        return NULL;
    char *text = own->texts[own->turn];
    if (!value_at(columns, row, place, &value, text))
        return NULL;
    own->turn = (own->turn + 1) % TEXTS;
    return field_text(place->field, &value, style, text);
}

const char *pavo_columns_text(const pavo_columns *columns, size_t row, int field)
{
    return text_at(columns, row, field, STYLE_PLAIN);
}

const char *pavo_columns_show(const pavo_columns *columns, size_t row, int field, int utc)
{
    return text_at(columns, row, field, utc != 0 ? STYLE_UTC : STYLE_TABLE);
}

/* ---- lists */

/* The list that a field counts; -1: none. */
static int list_of(const pavo_columns *columns, int field)
{
    const struct place *place = place_of(columns, field);
    for (unsigned l = 0; place != NULL && place->field->kind == KIND_LIST && l < columns->shape->kind->list_count;
         l++) {
        if (columns->shape->kind->lists[l].count == place->index)
            return (int)l;
    }
    return -1;
}

size_t pavo_columns_items(const pavo_columns *columns, size_t row, int field)
{
    int list = list_of(columns, field);
    uint32_t first;
    return list < 0 || row >= pavo_columns_rows(columns)
               ? 0
               : records_items(columns->records, (unsigned)list, (uint32_t)row, &first);
}

size_t pavo_columns_item(const pavo_columns *columns, size_t row, int field, size_t item)
{
    if (item >= pavo_columns_items(columns, row, field))
        return SIZE_MAX;
    uint32_t first;
    (void)records_items(columns->records, (unsigned)list_of(columns, field), (uint32_t)row, &first);
    return first + item;
}

/* ---- a row as JSON */

const char *pavo_columns_json(const pavo_columns *columns, size_t row)
{
    pavo_columns *own = (pavo_columns *)columns;
    if (row >= pavo_columns_rows(columns))
        return NULL;
    json_clear(&own->json);
    json_add(&own->json, "{");
    json_add_members(&own->json, columns->records, (uint32_t)row);
    json_add(&own->json, "}");
    return own->json.failed ? NULL : own->json.text;
}

/* ---- whole columns */

enum form { FORM_NONE, FORM_U32, FORM_U64, FORM_I64 };

static enum form form_of(const struct place *place)
{
    if (!is_number(place))
        return FORM_NONE;
    if (field_type_is_signed(place->field->type))
        return FORM_I64;
    return field_type_is_wide(place->field->type) ? FORM_U64 : FORM_U32;
}

const uint8_t *pavo_columns_known(const pavo_columns *columns, int field)
{
    pavo_columns *own = (pavo_columns *)columns;
    const struct place *place = place_of(columns, field);
    uint32_t count = place == NULL ? 0 : value_count(columns, place);
    if (count == 0)
        return NULL;
    if (own->known == NULL)
        own->known = calloc(columns->shape->count, sizeof(*own->known));
    if (own->known != NULL && own->known[field] == NULL) {
        own->known[field] = malloc(count);
        if (own->known[field] != NULL)
            (void)records_known(columns->records, place->index, 0, count, own->known[field]);
    }
    return own->known == NULL ? NULL : own->known[field];
}

/* Can the records' own column be lent out: of that form, and 0 where it is not known? */
static bool is_ready(const pavo_columns *columns, const struct place *place, const uint8_t *known)
{
    return place->part == PLACE_VALUE && columns->shape->kind->fields[place->index].derive == NULL &&
           place->field->type != FIELD_I32 && memchr(known, 0, value_count(columns, place)) == NULL;
}

static void *make_column(const pavo_columns *columns, const struct place *place, enum form form)
{
    uint32_t count = value_count(columns, place);
    uint64_t *wide = calloc(count, sizeof(*wide));
    uint32_t *narrow = (uint32_t *)wide;
    for (uint32_t i = 0; wide != NULL && i < count; i++) {
        char scratch[FIELD_TEXT_MAX];
        struct value value;
        uint64_t number = value_at(columns, i, place, &value, scratch) ? value.number : 0;
        if (form == FORM_U32)
            narrow[i] = (uint32_t)number;
        else
            wide[i] = number;
    }
    return wide;
}

static const void *column_of(const pavo_columns *columns, int field, enum form form)
{
    pavo_columns *own = (pavo_columns *)columns;
    const struct place *place = place_of(columns, field);
    if (form_of(place) != form)
        return NULL;
    const uint8_t *known = pavo_columns_known(columns, field);
    if (known == NULL)
        return NULL;
    if (is_ready(columns, place, known))
        return records_column(columns->records, place->index);
    if (own->made == NULL)
        own->made = calloc(columns->shape->count, sizeof(*own->made));
    if (own->made != NULL && own->made[field] == NULL)
        own->made[field] = make_column(columns, place, form);
    return own->made == NULL ? NULL : own->made[field];
}

const uint32_t *pavo_columns_u32(const pavo_columns *columns, int field)
{
    return column_of(columns, field, FORM_U32);
}

const uint64_t *pavo_columns_u64(const pavo_columns *columns, int field)
{
    return column_of(columns, field, FORM_U64);
}

const int64_t *pavo_columns_i64(const pavo_columns *columns, int field)
{
    return column_of(columns, field, FORM_I64);
}
