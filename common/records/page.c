/* SPDX-License-Identifier: Apache-2.0 */
/* Records <-> heads and pages of an answer. */
#include "common/records/page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct page_memory {
    struct page_memory *next;
    uint64_t bytes[];
};

/* `count` zeroed things; NULL: out of memory. At least one byte, so that NULL means nothing else. */
static void *get(struct page_memory **memory, size_t count, size_t size)
{
    struct page_memory *block = calloc(1, sizeof(*block) + count * size + 8);
    if (block == NULL)
        return NULL;
    block->next = *memory;
    *memory = block;
    return block->bytes;
}

static void release(struct page_memory **memory)
{
    while (*memory != NULL) {
        struct page_memory *block = *memory;
        *memory = block->next;
        free(block);
    }
}

/* ---- out: the head */

/* Columns that a field comes to. */
static unsigned columns_of(const struct field *field)
{
    return field->kind == KIND_LOWER ? 0 : field->kind == KIND_OBSERVER ? 2 : 1;
}

static size_t column_count(const struct record_kind *kind)
{
    size_t count = 0;
    for (unsigned i = 0; i < kind_places(kind); i++)
        count += columns_of(&kind->fields[kind_in_place(kind, i)]);
    return count;
}

/* "partner_observer" with `end` "sensor" is "partner_sensor". */
static char *observer_name(struct page_memory **memory, const char *name, const char *end)
{
    size_t stem = strlen(name) - strlen("observer");
    char *made = get(memory, stem + strlen(end) + 1, 1);
    if (made != NULL) {
        memcpy(made, name, stem);
        strcpy(made + stem, end);
    }
    return made;
}

static void fill_column(Pavo__Column *column, const struct record_kind *kind, const struct field *field)
{
    column->name = (char *)field->label;
    column->type = field->type;
    column->kind = field->kind;
    column->heading = (char *)(field->heading == NULL ? "" : field->heading);
    column->help = (char *)(field->doc == NULL ? "" : field->doc);
    column->list = (char *)(field->list == 0 ? "" : kind->lists[field->list - 1].name);
    column->words = (char **)field->words;
    column->n_words = field->word_count;
}

enum result page_head_init(struct page_head *head, const struct record_kind *kind, const char *question,
                           const char *command, struct error *err)
{
    *head = (struct page_head){.message = PAVO__HEAD__INIT};
    size_t count = column_count(kind), at = 0;
    Pavo__Column *columns = get(&head->memory, count, sizeof(*columns));
    Pavo__Column **pointers = get(&head->memory, count, sizeof(*pointers));
    bool made = columns != NULL && pointers != NULL;
    for (unsigned i = 0; made && i < kind_places(kind); i++) {
        const struct field *field = &kind->fields[kind_in_place(kind, i)];
        for (unsigned k = 0; k < columns_of(field); k++, at++) {
            pavo__column__init(&columns[at]);
            fill_column(&columns[at], kind, field);
            pointers[at] = &columns[at];
            if (field->kind != KIND_OBSERVER)
                continue;
            columns[at].name = observer_name(&head->memory, field->name, k == 0 ? "sensor" : "epoch");
            columns[at].type = k == 0 ? FIELD_TEXT : FIELD_U64;
            columns[at].kind = k == 0 ? KIND_TEXT : KIND_EPOCH;
            columns[at].heading = (char *)(k == 0 && field->heading != NULL ? field->heading : "");
            made = made && columns[at].name != NULL;
        }
    }
    if (!made) {
        page_head_fini(head);
        return error_set(err, RESULT_FATAL, "out of memory");
    }
    head->message.question = (char *)question;
    head->message.command = (char *)command;
    head->message.columns = pointers;
    head->message.n_columns = count;
    return RESULT_OK;
}

void page_head_fini(struct page_head *head)
{
    release(&head->memory);
}

/* ---- out: pages */

/* The values of one field that a page has: rows, or items of a list. */
struct span {
    uint32_t first, count;
};

static struct span span_of(const struct records *records, const struct field *field, uint32_t first, uint32_t count)
{
    if (field->list == 0)
        return (struct span){first, count};
    uint32_t from, last_from, last = 0;
    if (count == 0)
        return (struct span){0, 0};
    (void)records_items(records, field->list - 1u, first, &from);
    last = records_items(records, field->list - 1u, first + count - 1, &last_from);
    return (struct span){from, last_from + last - from};
}

static bool lend_known(struct page_view *view, const struct records *records, unsigned f, struct span s,
                       Pavo__Values *values)
{
    uint8_t *bytes = get(&view->memory, s.count, 1);
    if (bytes == NULL)
        return false;
    if (records_known(records, f, s.first, s.count, bytes))
        return true;
    for (uint32_t i = 0; i < s.count; i++) { /* in place: the bit of i stands at or before the byte of i */
        uint8_t one = bytes[i];
        bytes[i] = 0;
        bytes[i / 8] |= (uint8_t)(one << i % 8);
    }
    values->known = (ProtobufCBinaryData){.len = (s.count + 7) / 8, .data = bytes};
    return true;
}

/* Texts as the different ones, and which each row has; a text like the one before it is not said again. */
static bool lend_texts(struct page_view *view, char *const *texts, uint32_t count, Pavo__Values *values)
{
    values->texts = get(&view->memory, count, sizeof(char *));
    values->u32 = get(&view->memory, count, sizeof(uint32_t));
    if (values->texts == NULL || values->u32 == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        char *text = texts[i] == NULL ? (char *)protobuf_c_empty_string : texts[i];
        if (values->n_texts == 0 || strcmp(values->texts[values->n_texts - 1], text) != 0)
            values->texts[values->n_texts++] = text;
        values->u32[i] = (uint32_t)values->n_texts - 1;
    }
    values->n_u32 = count;
    return true;
}

static bool lend_observers(struct page_view *view, const struct records *records, unsigned f, struct span s,
                           Pavo__Values *sensor, Pavo__Values *epoch)
{
    const uint32_t *index = (const uint32_t *)records_column(records, f) + s.first;
    sensor->texts = get(&view->memory, records->observer_count, sizeof(char *));
    epoch->u64 = get(&view->memory, s.count, sizeof(uint64_t));
    if (sensor->texts == NULL || epoch->u64 == NULL)
        return false;
    for (uint32_t i = 0; i < records->observer_count; i++)
        sensor->texts[i] = records->observers[i].sensor;
    sensor->n_texts = records->observer_count;
    sensor->u32 = (uint32_t *)index;
    sensor->n_u32 = epoch->n_u64 = s.count;
    for (uint32_t i = 0; i < s.count; i++)
        epoch->u64[i] = records->observers[index[i]].epoch;
    epoch->known = sensor->known;
    return true;
}

static bool lend_computed(struct page_view *view, const struct records *records, unsigned f, struct span s,
                          Pavo__Values *values)
{
    const struct field *field = &records->kind->fields[f];
    char text[FIELD_TEXT_MAX];
    if (field->type == FIELD_TEXT) {
        char **texts = get(&view->memory, s.count, sizeof(char *));
        for (uint32_t i = 0; texts != NULL && i < s.count; i++) {
            struct value value = records_value(records, s.first + i, f, text);
            texts[i] = value.known ? get(&view->memory, strlen(value.text) + 1, 1) : NULL;
            if (texts[i] != NULL)
                strcpy(texts[i], value.text);
        }
        return texts != NULL && lend_texts(view, texts, s.count, values);
    }
    uint64_t *numbers = get(&view->memory, s.count, sizeof(uint64_t));
    for (uint32_t i = 0; numbers != NULL && i < s.count; i++)
        numbers[i] = records_value(records, s.first + i, f, text).number;
    if (numbers == NULL)
        return false;
    if (field_type_is_signed(field->type)) {
        values->i64 = (int64_t *)numbers;
        values->n_i64 = s.count;
    } else if (field->type == FIELD_U64) {
        values->u64 = numbers;
        values->n_u64 = s.count;
    } else {
        values->u32 = (uint32_t *)numbers; /* narrowed in place, front to back */
        for (uint32_t i = 0; i < s.count; i++)
            values->u32[i] = (uint32_t)numbers[i];
        values->n_u32 = s.count;
    }
    return true;
}

static bool lend_address(struct page_view *view, const struct records *records, unsigned f, struct span s,
                         Pavo__Values *values)
{
    const uint64_t *hi = (const uint64_t *)records_column(records, f) + s.first;
    const uint64_t *lo = (const uint64_t *)records_column(records, f + 1) + s.first;
    values->f64 = get(&view->memory, 2 * (size_t)s.count, sizeof(uint64_t));
    if (values->f64 == NULL)
        return false;
    for (uint32_t i = 0; i < s.count; i++) {
        values->f64[2 * i] = hi[i];
        values->f64[2 * i + 1] = lo[i];
    }
    values->n_f64 = 2 * (size_t)s.count;
    return true;
}

static bool lend_column(struct page_view *view, const struct records *records, unsigned f, struct span s,
                        Pavo__Values *values)
{
    const struct field *field = &records->kind->fields[f];
    if (s.count == 0)
        return true;
    if (!lend_known(view, records, f, s, &values[0]))
        return false;
    if (field->derive != NULL)
        return lend_computed(view, records, f, s, values);
    if (field->kind == KIND_OBSERVER)
        return lend_observers(view, records, f, s, &values[0], &values[1]);
    if (field->kind == KIND_ADDRESS)
        return lend_address(view, records, f, s, values);
    char *column = records_column(records, f);
    switch (field->type) {
    case FIELD_TEXT:
        return lend_texts(view, (char **)column + s.first, s.count, values);
    case FIELD_U64:
        values->u64 = (uint64_t *)column + s.first;
        values->n_u64 = s.count;
        return true;
    case FIELD_F64:
        values->f64 = (uint64_t *)column + s.first;
        values->n_f64 = s.count;
        return true;
    case FIELD_I64:
    case FIELD_TIME:
        values->i64 = (int64_t *)column + s.first;
        values->n_i64 = s.count;
        return true;
    case FIELD_I32:
        values->i64 = get(&view->memory, s.count, sizeof(int64_t));
        for (uint32_t i = 0; values->i64 != NULL && i < s.count; i++)
            values->i64[i] = ((int32_t *)column)[s.first + i];
        values->n_i64 = s.count;
        return values->i64 != NULL;
    default:
        values->u32 = (uint32_t *)column + s.first;
        values->n_u32 = s.count;
        return true;
    }
}

enum result page_view_init(struct page_view *view, const struct records *records, uint32_t first, uint32_t count,
                           struct error *err)
{
    return page_view_init_as(view, records->kind, records, first, count, err);
}

enum result page_view_init_as(struct page_view *view, const struct record_kind *kind, const struct records *records,
                              uint32_t first, uint32_t count, struct error *err)
{
    *view = (struct page_view){.message = PAVO__PAGE__INIT};
    size_t columns = column_count(kind), at = 0;
    Pavo__Values *values = get(&view->memory, columns, sizeof(*values));
    Pavo__Values **pointers = get(&view->memory, columns, sizeof(*pointers));
    bool made = values != NULL && pointers != NULL;
    for (size_t c = 0; made && c < columns; c++) {
        pavo__values__init(&values[c]);
        pointers[c] = &values[c];
    }
    for (unsigned i = 0; made && i < kind_places(kind); i++) {
        unsigned f = kind_in_place(kind, i);
        const struct field *field = &records->kind->fields[f];
        if (columns_of(field) > 0)
            made = lend_column(view, records, f, span_of(records, field, first, count), &values[at]);
        at += columns_of(field);
    }
    if (!made) {
        page_view_fini(view);
        return error_set(err, RESULT_FATAL, "out of memory for %u rows of an answer", count);
    }
    view->message.rows = count;
    view->message.columns = pointers;
    view->message.n_columns = columns;
    return RESULT_OK;
}

void page_view_fini(struct page_view *view)
{
    release(&view->memory);
}

/* ---- in: the head */

static char *keep_text(struct page_memory **memory, const char *text)
{
    char *copy = get(memory, strlen(text) + 1, 1);
    if (copy != NULL) {
        strcpy(copy, text);
        text_clean(copy);
    }
    return copy;
}

static const char *const *keep_words(struct page_memory **memory, const Pavo__Column *column)
{
    char **words = get(memory, column->n_words + 1, sizeof(*words));
    for (size_t i = 0; words != NULL && i < column->n_words; i++) {
        words[i] = keep_text(memory, column->words[i]);
        if (words[i] == NULL)
            return NULL;
    }
    return (const char *const *)words;
}

static bool read_field(struct page_kind *k, const Pavo__Column *column, struct field *field)
{
    *field = (struct field){.name = keep_text(&k->memory, column->name),
                            .doc = keep_text(&k->memory, column->help),
                            .type = (enum field_type)column->type,
                            .kind = (enum field_kind)column->kind,
                            .heading = column->heading[0] == '\0' ? NULL : keep_text(&k->memory, column->heading),
                            .words = keep_words(&k->memory, column),
                            .word_count = (unsigned)column->n_words};
    field->label = field->name;
    return field->name != NULL && field->doc != NULL && field->words != NULL;
}

/* Lists: the columns that name one, which stand together, and the column that counts them. */
static bool read_lists(struct page_kind *k, struct field *fields, const Pavo__Head *head, const uint16_t *field_of)
{
    struct record_list *lists = get(&k->memory, RECORDS_LISTS_MAX, sizeof(*lists));
    unsigned count = 0;
    if (lists == NULL)
        return false;
    for (size_t c = 0; c < head->n_columns; c++) {
        const char *name = head->columns[c]->list;
        if (name[0] == '\0')
            continue;
        if (c == 0 || strcmp(head->columns[c - 1]->list, name) != 0) {
            if (count == RECORDS_LISTS_MAX)
                return false;
            size_t stem = strcspn(head->columns[c]->name, "_");
            char *prefix = get(&k->memory, stem + 2, 1);
            char *kept = keep_text(&k->memory, name);
            int counter = kind_field(&k->kind, name);
            if (prefix == NULL || kept == NULL || counter < 0 || fields[counter].kind != KIND_LIST ||
                field_type_is_wide(fields[counter].type))
                return false;
            memcpy(prefix, head->columns[c]->name, stem);
            prefix[stem] = '_';
            lists[count++] = (struct record_list){.name = kept,
                                                  .prefix = prefix,
                                                  .count = (uint16_t)counter,
                                                  .first = field_of[c],
                                                  .items_max = UINT16_MAX};
        }
        for (unsigned f = field_of[c]; f < k->kind.field_count && (f == field_of[c] || fields[f].kind == KIND_LOWER);
             f++) {
            fields[f].list = (uint8_t)count;
            lists[count - 1].last = (uint16_t)f;
        }
        if (strncmp(head->columns[c]->name, lists[count - 1].prefix, strlen(lists[count - 1].prefix)) != 0)
            lists[count - 1].prefix = "";
    }
    for (unsigned l = 0; l < count; l++) {
        if (fields[lists[l].count].list != 0) /* rows count items, items do not */
            return false;
    }
    k->kind.lists = lists;
    k->kind.list_count = count;
    return true;
}

/* Letters, digits and '_', as the tables have them: it becomes a key of JSON. */
static bool name_valid(const char *name)
{
    size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
    return length > 0 && name[length] == '\0';
}

static bool column_valid(const Pavo__Column *column)
{
    return column->type != 0 && column->type < FIELD_TYPE_END && column->kind != 0 && column->kind != KIND_OBSERVER &&
           column->kind != KIND_LOWER &&
           ((column->kind != KIND_ADDRESS && column->kind != KIND_REAL) || column->type == FIELD_F64) &&
           (column->kind == KIND_TEXT) == (column->type == FIELD_TEXT) &&
           (column->kind != KIND_BITS || column->n_words <= 64) && name_valid(column->name);
}

enum result page_kind_read(const Pavo__Head *head, struct page_kind **ret_kind, struct error *err)
{
    if (head->n_columns == 0 || head->n_columns > PAGE_COLUMNS_MAX)
        return error_set(err, RESULT_REJECT, "an answer with %zu columns; 1 to %u are taken", head->n_columns,
                         PAGE_COLUMNS_MAX);
    for (size_t c = 0; c < head->n_columns; c++) {
        const Pavo__Column *column = head->columns[c];
        if (!column_valid(column))
            return error_set(err, RESULT_REJECT, "column %zu of an answer cannot be: its type is %u, its kind %u", c,
                             column->type, column->kind);
    }
    struct page_kind *k = calloc(1, sizeof(*k));
    if (k == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    struct field *fields = get(&k->memory, 2 * head->n_columns, sizeof(*fields));
    uint16_t field_of[PAGE_COLUMNS_MAX];
    unsigned count = 0;
    bool made = fields != NULL;
    for (size_t c = 0; made && c < head->n_columns; c++) {
        field_of[c] = (uint16_t)count;
        made = read_field(k, head->columns[c], &fields[count++]);
        if (made && head->columns[c]->kind == KIND_ADDRESS) {
            fields[count] = fields[count - 1];
            fields[count].kind = KIND_LOWER;
            fields[count].name = fields[count].label = "";
            count++;
        }
    }
    k->kind = (struct record_kind){.name = made ? keep_text(&k->memory, head->question) : "",
                                   .fields = fields,
                                   .field_count = count,
                                   .stored_count = count,
                                   .first_time = -1,
                                   .last_time = -1,
                                   .observer = -1};
    made = made && k->kind.name != NULL;
    if (!made || !read_lists(k, fields, head, field_of)) {
        page_kind_free(&k);
        return made ? error_set(err, RESULT_REJECT, "an answer with lists that do not fit its columns")
                    : error_set(err, RESULT_FATAL, "out of memory");
    }
    for (unsigned f = 0; f < count; f++)
        fields[f].twin = (uint16_t)f;
    *ret_kind = k;
    return RESULT_OK;
}

void page_kind_free(struct page_kind **kind)
{
    if (*kind == NULL)
        return;
    release(&(*kind)->memory);
    free(*kind);
    *kind = NULL;
}

/* ---- in: pages */

static uint32_t places(const struct records *records, const struct field *field)
{
    return field->list == 0 ? records->rows : records->items[field->list - 1];
}

static bool read_texts(struct records *records, unsigned f, const Pavo__Values *values, uint32_t count)
{
    char **column = records_column(records, f);
    if (values->n_u32 == 0)
        return true;
    char **kept = calloc(values->n_texts + 1, sizeof(*kept));
    for (size_t i = 0; kept != NULL && i < values->n_texts; i++) {
        kept[i] = records_text(records, values->texts[i], strlen(values->texts[i]));
        if (kept[i] == NULL) {
            free(kept);
            return false;
        }
        text_clean(kept[i]);
    }
    for (uint32_t i = 0; kept != NULL && i < count; i++)
        column[i] = values->u32[i] < values->n_texts ? kept[values->u32[i]] : NULL;
    bool made = kept != NULL;
    free(kept);
    return made;
}

static void read_numbers(struct records *records, unsigned f, const Pavo__Values *values, uint32_t count)
{
    const struct field *field = &records->kind->fields[f];
    void *column = records_column(records, f);
    if (field->kind == KIND_ADDRESS) {
        uint64_t *hi = column, *lo = records_column(records, f + 1);
        for (uint32_t i = 0; values->n_f64 != 0 && i < count; i++) {
            hi[i] = values->f64[2 * i];
            lo[i] = values->f64[2 * i + 1];
        }
    } else if (field->type == FIELD_I32) {
        for (uint32_t i = 0; values->n_i64 != 0 && i < count; i++)
            ((int32_t *)column)[i] = (int32_t)values->i64[i];
    } else if (field->type == FIELD_U64 && values->n_u64 != 0) {
        memcpy(column, values->u64, sizeof(uint64_t) * count);
    } else if (field->type == FIELD_F64 && values->n_f64 != 0) {
        memcpy(column, values->f64, sizeof(uint64_t) * count);
    } else if ((field->type == FIELD_I64 || field->type == FIELD_TIME) && values->n_i64 != 0) {
        memcpy(column, values->i64, sizeof(int64_t) * count);
    } else if (!field_type_is_wide(field->type) && values->n_u32 != 0) {
        memcpy(column, values->u32, sizeof(uint32_t) * count);
    }
}

/* Has the column `count` values of its type, or none? */
static bool fits(const struct field *field, const Pavo__Values *values, uint32_t count)
{
    size_t wanted = field->kind == KIND_ADDRESS ? 2 * (size_t)count : count;
    size_t has = field->type == FIELD_U64            ? values->n_u64
                 : field->type == FIELD_F64          ? values->n_f64
                 : field_type_is_signed(field->type) ? values->n_i64
                                                     : values->n_u32;
    return (has == 0 || has == wanted) && (values->known.len == 0 || values->known.len == (count + 7u) / 8);
}

static bool read_known(struct records *records, unsigned f, const Pavo__Values *values, uint32_t count)
{
    if (values->known.len == 0)
        return true;
    if (records->known == NULL)
        records->known = calloc(records->kind->field_count, sizeof(*records->known));
    uint8_t *known = records->known == NULL ? NULL : malloc(count + 1u);
    for (uint32_t i = 0; known != NULL && i < count; i++)
        known[i] = values->known.data[i / 8] >> i % 8 & 1;
    if (known != NULL)
        records->known[f] = known;
    return known != NULL;
}

static bool make_items(struct records *records, unsigned l)
{
    const struct record_list *list = &records->kind->lists[l];
    const uint32_t *counts = records_column(records, list->count);
    uint64_t items = 0;
    for (uint32_t i = 0; i < records->rows; i++)
        items += counts[i];
    if (items > RECORDS_ITEMS_MAX)
        return false;
    for (unsigned f = list->first; f <= list->last; f++) {
        void **place = &((void **)(records + 1))[f];
        *place = calloc(items + 1, sizeof(uint64_t));
        if (*place == NULL)
            return false;
    }
    records->items[l] = records->item_capacity[l] = (uint32_t)items;
    return true;
}

enum result page_read(const struct page_kind *k, const Pavo__Page *page, struct records **ret_records,
                      struct error *err)
{
    const struct record_kind *kind = &k->kind;
    if (page->rows > RECORDS_ROWS_MAX)
        return error_set(err, RESULT_REJECT, "a page of %u rows; %u are taken", page->rows, RECORDS_ROWS_MAX);
    struct records *records = records_new(kind, page->rows == 0 ? 1 : page->rows);
    if (records == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    records->rows = page->rows;
    bool whole = true, made = true;
    /* Values with one a row first: they say how many items the lists have. */
    for (unsigned pass = 0; pass < 2 && whole && made; pass++) {
        for (unsigned l = 0; pass == 1 && made && l < kind->list_count; l++)
            whole = made && make_items(records, l);
        size_t c = 0;
        for (unsigned f = 0; f < kind->field_count && whole && made; f++) {
            const struct field *field = &kind->fields[f];
            if (field->kind == KIND_LOWER)
                continue;
            whole = c < page->n_columns;
            const Pavo__Values *values = whole ? page->columns[c++] : NULL;
            if (!whole || (field->list != 0) != (pass == 1))
                continue;
            uint32_t count = places(records, field);
            whole = fits(field, values, count);
            if (whole && field->type == FIELD_TEXT)
                made = read_texts(records, f, values, count);
            else if (whole)
                read_numbers(records, f, values, count);
            made = made && whole && read_known(records, f, values, count);
        }
    }
    if (whole && made) {
        *ret_records = records;
        return RESULT_OK;
    }
    records_free(&records);
    return whole ? error_set(err, RESULT_FATAL, "out of memory")
                 : error_set(err, RESULT_REJECT, "a page whose columns do not fit its head");
}
