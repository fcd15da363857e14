/* SPDX-License-Identifier: Apache-2.0 */
/* Records as columns, for any kind. */
#include "common/records/records.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_BLOCK 4096u

/* Texts of the records, one behind the other. */
struct text_block {
    struct text_block *next;
    size_t used, size;
    char bytes[];
};

/* ---- names */

static bool name_valid(const char *name, size_t length)
{
    if (length == 0 || length >= SENSOR_NAME_MAX || name[0] == '.')
        return false;
    for (size_t i = 0; i < length; i++) {
        if (!isalnum((unsigned char)name[i]) && (name[i] == '\0' || strchr("-_.", name[i]) == NULL))
            return false;
    }
    return true;
}

bool sensor_name_valid(const char *name)
{
    return name_valid(name, strnlen(name, SENSOR_NAME_MAX));
}

bool observer_name_valid(const char *name)
{
    size_t length = strnlen(name, OBSERVER_NAME_MAX);
    const char *slash = memchr(name, '/', length);
    if (slash == NULL)
        return name_valid(name, length);
    return length < OBSERVER_NAME_MAX && name_valid(name, (size_t)(slash - name)) &&
           name_valid(slash + 1, length - (size_t)(slash + 1 - name));
}

bool observer_equal(const struct observer *a, const struct observer *b)
{
    return a->epoch == b->epoch && strcmp(a->sensor, b->sensor) == 0;
}

uint64_t epoch_new(int64_t now_ns, uint32_t random)
{
    uint64_t seconds = now_ns <= 0 ? 1 : (uint64_t)now_ns / 1000000000u;
    uint64_t epoch = seconds << EPOCH_RANDOM_BITS | (random & ((1u << EPOCH_RANDOM_BITS) - 1));
    return epoch & EPOCH_MAX;
}

/* ---- memory */

static size_t value_size(const struct field *field)
{
    return field_type_is_wide(field->type) ? sizeof(uint64_t) : sizeof(uint32_t);
}

static void **columns_of(struct records *records)
{
    return (void **)(records + 1);
}

/* Columns start on cache lines, each a line further than the power of two would have it: a row is written across all
 * columns, and starts that are equal modulo 4096 would share one cache set. */
static size_t column_span(const struct field *field, uint32_t capacity)
{
    return (value_size(field) * capacity + 63) / 64 * 64 + 64;
}

/* One block for the columns with a value a row; `columns` gets their places. NULL: out of memory. */
static void *block_new(const struct record_kind *kind, uint32_t capacity, void **columns)
{
    size_t size = 64;
    for (unsigned f = 0; f < kind->stored_count; f++)
        size += kind->fields[f].list == 0 ? column_span(&kind->fields[f], capacity) : 0;
    char *block = calloc(1, size);
    char *at = block;
    for (unsigned f = 0; block != NULL && f < kind->stored_count; f++) {
        if (kind->fields[f].list != 0)
            continue;
        columns[f] = at;
        at += column_span(&kind->fields[f], capacity);
    }
    return block;
}

struct records *records_new(const struct record_kind *kind, uint32_t capacity)
{
    struct records *records = capacity == 0 ? NULL : calloc(1, sizeof(*records) + kind->stored_count * sizeof(void *));
    if (records == NULL)
        return NULL;
    records->kind = kind;
    records->capacity = capacity;
    records->memory = block_new(kind, capacity, columns_of(records));
    if (records->memory == NULL) {
        free(records);
        return NULL;
    }
    return records;
}

static void unknown_fini(struct unknown_fields *unknown)
{
    for (unsigned i = 0; i < unknown->count; i++)
        free(unknown->fields[i].data);
    free(unknown->fields);
    *unknown = (struct unknown_fields){0};
}

static void texts_free(struct records *records)
{
    while (records->texts != NULL) {
        struct text_block *block = records->texts;
        records->texts = block->next;
        free(block);
    }
}

static void known_free(struct records *records)
{
    for (unsigned f = 0; records->known != NULL && f < records->kind->field_count; f++)
        free(records->known[f]);
    free(records->known);
    records->known = NULL;
}

static void thaw(struct records *records)
{
    for (unsigned l = 0; l < RECORDS_LISTS_MAX; l++) {
        free(records->starts[l]);
        records->starts[l] = NULL;
    }
}

void records_free(struct records **pointer)
{
    struct records *records = *pointer;
    if (records == NULL)
        return;
    for (unsigned f = 0; f < records->kind->stored_count; f++) {
        if (records->kind->fields[f].list != 0)
            free(columns_of(records)[f]);
    }
    thaw(records);
    texts_free(records);
    known_free(records);
    unknown_fini(&records->unknown);
    free(records->observers);
    free(records->memory);
    free(records);
    *pointer = NULL;
}

void records_clear(struct records *records)
{
    records->rows = 0;
    records->observer_count = 0;
    for (unsigned l = 0; l < RECORDS_LISTS_MAX; l++)
        records->items[l] = records->walked_row[l] = records->walked_item[l] = 0;
    thaw(records);
    texts_free(records);
    known_free(records);
    unknown_fini(&records->unknown);
}

char *records_text(struct records *records, const char *text, size_t length)
{
    struct text_block *block = records->texts;
    if (block == NULL || block->size - block->used < length + 1) {
        size_t size = length + 1 > TEXT_BLOCK ? length + 1 : TEXT_BLOCK;
        block = malloc(sizeof(*block) + size);
        if (block == NULL)
            return NULL;
        *block = (struct text_block){.next = records->texts, .size = size};
        records->texts = block;
    }
    char *copy = block->bytes + block->used;
    memcpy(copy, text, length);
    copy[length] = '\0';
    block->used += length + 1;
    return copy;
}

size_t records_weight(const struct records *records)
{
    size_t weight = sizeof(*records) + records->observer_count * sizeof(*records->observers);
    for (unsigned f = 0; f < records->kind->stored_count; f++) {
        const struct field *field = &records->kind->fields[f];
        weight += value_size(field) * (field->list == 0 ? records->rows : records->items[field->list - 1]);
    }
    for (const struct text_block *block = records->texts; block != NULL; block = block->next)
        weight += sizeof(*block) + block->size;
    for (unsigned i = 0; i < records->unknown.count; i++)
        weight += sizeof(records->unknown.fields[i]) + records->unknown.fields[i].len;
    return weight;
}

/* ---- rows */

static uint64_t load(const void *at, unsigned size)
{
    uint64_t wide;
    uint32_t word;
    uint16_t half;
    switch (size) {
    case 1:
        return *(const uint8_t *)at;
    case 2:
        return memcpy(&half, at, 2), half;
    case 4:
        return memcpy(&word, at, 4), word;
    default:
        return memcpy(&wide, at, 8), wide;
    }
}

static void store(void *at, unsigned size, uint64_t value)
{
    switch (size) {
    case 1:
        *(uint8_t *)at = (uint8_t)value;
        break;
    case 2:
        memcpy(at, &(uint16_t){(uint16_t)value}, 2);
        break;
    case 4:
        memcpy(at, &(uint32_t){(uint32_t)value}, 4);
        break;
    default:
        memcpy(at, &value, 8);
    }
}

/* The value of a row (or item) struct's member into place `index` of the column. */
static bool put(struct records *records, unsigned f, uint32_t index, const void *row)
{
    const struct field *field = &records->kind->fields[f];
    void *column = columns_of(records)[f];
    if (field->type == FIELD_TEXT) {
        const char *text = *(const char *const *)((const char *)row + field->offset);
        ((char **)column)[index] = text == NULL || text[0] == '\0' ? NULL : records_text(records, text, strlen(text));
        return text == NULL || text[0] == '\0' || ((char **)column)[index] != NULL;
    }
    uint64_t value = load((const char *)row + field->offset, field->size);
    if (field->kind == KIND_LIST)
        value = 0;
    if (field_type_is_wide(field->type))
        ((uint64_t *)column)[index] = value;
    else
        ((uint32_t *)column)[index] = (uint32_t)value;
    return true;
}

static void take(const struct records *records, unsigned f, uint32_t index, void *row)
{
    const struct field *field = &records->kind->fields[f];
    const void *column = records_column(records, f);
    void *at = (char *)row + field->offset;
    if (field->type == FIELD_TEXT) {
        const char *text = ((char *const *)column)[index];
        *(const char **)at = text == NULL ? "" : text;
    } else if (field_type_is_wide(field->type)) {
        store(at, field->size, ((const uint64_t *)column)[index]);
    } else {
        store(at, field->size, ((const uint32_t *)column)[index]);
    }
}

enum result records_add(struct records *records, const void *row)
{
    if (records->rows == records->capacity)
        return RESULT_FULL;
    for (unsigned f = 0; f < records->kind->stored_count; f++) {
        if (records->kind->fields[f].list == 0 && !put(records, f, records->rows, row))
            return RESULT_FULL;
    }
    records->rows++;
    return RESULT_OK;
}

/* What is not known of a field, for more values. */
static bool grow_known(struct records *records, unsigned f, uint32_t from, uint32_t capacity)
{
    if (records->known == NULL || records->known[f] == NULL)
        return true;
    uint8_t *grown = realloc(records->known[f], capacity);
    if (grown == NULL)
        return false;
    memset(grown + from, 1, capacity - from);
    records->known[f] = grown;
    return true;
}

/* Room for `more` rows. The object moves nowhere: its columns do. */
static bool grow(struct records *records, uint32_t more)
{
    if (records->capacity - records->rows >= more)
        return true;
    if (more > UINT32_MAX - records->rows)
        return false;
    uint64_t wanted = (uint64_t)records->capacity * 2;
    wanted = wanted < (uint64_t)records->rows + more ? (uint64_t)records->rows + more : wanted;
    uint32_t capacity = wanted > UINT32_MAX ? UINT32_MAX : (uint32_t)wanted;
    for (unsigned f = 0; f < records->kind->field_count; f++) {
        if (records->kind->fields[f].list == 0 && !grow_known(records, f, records->rows, capacity))
            return false;
    }
    void **columns = calloc(records->kind->stored_count, sizeof(*columns));
    void *block = columns == NULL ? NULL : block_new(records->kind, capacity, columns);
    for (unsigned f = 0; block != NULL && f < records->kind->stored_count; f++) {
        const struct field *field = &records->kind->fields[f];
        if (field->list != 0)
            continue;
        memcpy(columns[f], records_column(records, f), value_size(field) * records->rows);
        columns_of(records)[f] = columns[f];
    }
    free(columns);
    if (block == NULL)
        return false;
    free(records->memory);
    records->memory = block;
    records->capacity = capacity;
    return true;
}

enum result records_append(struct records **records, const void *row)
{
    return grow(*records, 1) ? records_add(*records, row) : RESULT_FULL;
}

void records_get(const struct records *records, uint32_t row, void *ret_row)
{
    for (unsigned f = 0; f < records->kind->stored_count; f++) {
        if (records->kind->fields[f].list == 0)
            take(records, f, row, ret_row);
    }
}

/* ---- lists */

static bool grow_items(struct records *records, unsigned list, uint32_t more)
{
    const struct record_list *l = &records->kind->lists[list];
    uint64_t wanted = (uint64_t)records->items[list] + more;
    if (wanted <= records->item_capacity[list])
        return true;
    uint64_t capacity = (uint64_t)records->item_capacity[list] * 2;
    capacity = capacity < wanted ? wanted : capacity;
    capacity = capacity < 16 ? 16 : capacity;
    if (capacity > UINT32_MAX)
        return false;
    for (unsigned f = l->first; f <= l->last; f++) {
        void *grown = realloc(columns_of(records)[f], capacity * value_size(&records->kind->fields[f]));
        if (grown == NULL)
            return false; /* those that have grown already are only larger than they need be */
        columns_of(records)[f] = grown;
        if (!grow_known(records, f, records->items[list], (uint32_t)capacity))
            return false;
    }
    records->item_capacity[list] = (uint32_t)capacity;
    return true;
}

enum result records_add_item(struct records *records, unsigned list, const void *item)
{
    const struct record_list *l = &records->kind->lists[list];
    if (records->rows == 0)
        return RESULT_FULL;
    uint32_t *counts = records_column(records, l->count);
    if (counts[records->rows - 1] == l->items_max || !grow_items(records, list, 1))
        return RESULT_FULL;
    for (unsigned f = l->first; f <= l->last; f++) {
        if (!put(records, f, records->items[list], item))
            return RESULT_FULL;
    }
    records->items[list]++;
    counts[records->rows - 1]++;
    return RESULT_OK;
}

uint32_t records_items(const struct records *records, unsigned list, uint32_t row, uint32_t *ret_first)
{
    struct records *own = (struct records *)records; /* remembers where it was: rows are mostly asked for in order */
    const uint32_t *counts = records_column(records, records->kind->lists[list].count);
    if (records->starts[list] != NULL) {
        *ret_first = records->starts[list][row];
        return counts[row];
    }
    uint32_t at = own->walked_row[list], first = own->walked_item[list];
    if (row < at)
        at = first = 0;
    for (; at < row; at++)
        first += counts[at];
    own->walked_row[list] = at;
    own->walked_item[list] = first;
    *ret_first = first;
    return counts[row];
}

bool records_freeze(struct records *records)
{
    for (unsigned l = 0; l < records->kind->list_count; l++) {
        const uint32_t *counts = records_column(records, records->kind->lists[l].count);
        uint32_t *starts =
            records->starts[l] != NULL ? records->starts[l] : malloc((records->rows + 1u) * sizeof(*starts));
        if (starts == NULL)
            return false;
        starts[0] = 0;
        for (uint32_t row = 0; row < records->rows; row++)
            starts[row + 1] = starts[row] + counts[row];
        records->starts[l] = starts;
    }
    return true;
}

void records_item_get(const struct records *records, unsigned list, uint32_t index, void *ret_item)
{
    const struct record_list *l = &records->kind->lists[list];
    for (unsigned f = l->first; f <= l->last; f++)
        take(records, f, index, ret_item);
}

bool records_make_items(struct records *records, const uint32_t items[static RECORDS_LISTS_MAX])
{
    for (unsigned l = 0; l < records->kind->list_count; l++) {
        const struct record_list *list = &records->kind->lists[l];
        for (unsigned f = list->first; f <= list->last && items[l] > 0; f++) {
            void *column = calloc(items[l], sizeof(uint64_t));
            if (column == NULL)
                return false;
            columns_of(records)[f] = column;
        }
        records->items[l] = records->item_capacity[l] = items[l];
    }
    return true;
}

/* ---- observers */

enum result records_observer(struct records *records, const struct observer *observer, uint16_t *ret_index)
{
    for (uint32_t i = records->observer_count; i-- > 0;) {
        const struct observer *known = &records->observers[i];
        if (observer_equal(known, observer) && known->unknown[0] == observer->unknown[0] &&
            known->unknown[1] == observer->unknown[1]) {
            *ret_index = (uint16_t)i;
            return RESULT_OK;
        }
    }
    if (records->observer_count == RECORDS_OBSERVERS_MAX)
        return RESULT_FULL;
    struct observer *grown = realloc(records->observers, (records->observer_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return RESULT_FULL;
    records->observers = grown;
    grown[records->observer_count] = *observer;
    *ret_index = (uint16_t)records->observer_count++;
    return RESULT_OK;
}

/* ---- copies */

/* Appends values `index[0 .. count)` (NULL: from `first` on) of a column behind the `at` that are there. */
static bool copy_values(struct records *to, unsigned f, uint32_t at, const struct records *from, const uint32_t *index,
                        uint32_t first, uint32_t count)
{
    const struct field *field = &to->kind->fields[f];
    const void *source = records_column(from, f);
    void *target = columns_of(to)[f];
    if (field->type == FIELD_TEXT) {
        for (uint32_t i = 0; i < count; i++) {
            const char *text = ((char *const *)source)[index == NULL ? first + i : index[i]];
            char *copy = text == NULL ? NULL : records_text(to, text, strlen(text));
            if (text != NULL && copy == NULL)
                return false;
            ((char **)target)[at + i] = copy;
        }
    } else if (index == NULL) {
        size_t size = value_size(field);
        if (count > 0)
            memcpy((char *)target + at * size, (const char *)source + first * size, count * size);
    } else if (field_type_is_wide(field->type)) {
        for (uint32_t i = 0; i < count; i++)
            ((uint64_t *)target)[at + i] = ((const uint64_t *)source)[index[i]];
    } else {
        for (uint32_t i = 0; i < count; i++)
            ((uint32_t *)target)[at + i] = ((const uint32_t *)source)[index[i]];
    }
    return true;
}

/* What is not known of those values, of an answer's. */
static bool copy_known(struct records *to, unsigned f, uint32_t at, const struct records *from, const uint32_t *index,
                       uint32_t first, uint32_t count)
{
    const uint8_t *known = from->known == NULL ? NULL : from->known[f];
    for (uint32_t i = 0; known != NULL && i < count; i++) {
        if (known[index == NULL ? first + i : index[i]] == 0 && records_set_unknown(to, at + i, f) != RESULT_OK)
            return false;
    }
    return true;
}

/* Appends rows of `from`; `observers` says which of `to` each of its observers is. */
static bool append_rows(struct records *to, const struct records *from, const uint32_t *rows, uint32_t first,
                        uint32_t count, const uint16_t *observers)
{
    const struct record_kind *kind = to->kind;
    uint32_t at = to->rows, items_at[RECORDS_LISTS_MAX];
    memcpy(items_at, to->items, sizeof(items_at));
    if (!grow(to, count))
        return false;
    for (unsigned f = 0; f < kind->stored_count; f++) {
        if (kind->fields[f].list == 0 &&
            (!copy_values(to, f, at, from, rows, first, count) || !copy_known(to, f, at, from, rows, first, count)))
            return false;
    }
    for (unsigned l = 0; l < kind->list_count; l++) {
        const struct record_list *list = &kind->lists[l];
        for (uint32_t i = 0; i < count; i++) {
            uint32_t items, start;
            items = records_items(from, l, rows == NULL ? first + i : rows[i], &start);
            if (!grow_items(to, l, items))
                return false;
            for (unsigned f = list->first; f <= list->last; f++) {
                if (!copy_values(to, f, to->items[l], from, NULL, start, items) ||
                    !copy_known(to, f, to->items[l], from, NULL, start, items))
                    return false;
            }
            to->items[l] += items;
        }
    }
    to->rows += count;
    for (unsigned f = 0; f < kind->stored_count; f++) {
        if (kind->fields[f].kind != KIND_OBSERVER)
            continue;
        unsigned list = kind->fields[f].list;
        uint32_t *column = records_column(to, f);
        for (uint32_t i = list == 0 ? at : items_at[list - 1]; i < (list == 0 ? to->rows : to->items[list - 1]); i++)
            column[i] = observers[column[i]];
    }
    return true;
}

enum result records_join(struct records **records, const struct records *more)
{
    uint16_t observers[RECORDS_OBSERVERS_MAX];
    struct records *to = *records;
    for (uint32_t i = 0; i < more->observer_count; i++) {
        if (records_observer(to, &more->observers[i], &observers[i]) != RESULT_OK)
            return RESULT_FULL;
    }
    uint32_t rows = to->rows, items[RECORDS_LISTS_MAX];
    memcpy(items, to->items, sizeof(items));
    if (append_rows(to, more, NULL, 0, more->rows, observers))
        return RESULT_OK;
    to->rows = rows;
    memcpy(to->items, items, sizeof(items));
    return RESULT_FULL;
}

struct records *records_copy(const struct records *from, const uint32_t *rows, uint32_t first, uint32_t count)
{
    uint16_t observers[RECORDS_OBSERVERS_MAX];
    struct records *copy = records_new(from->kind, count == 0 ? 1 : count);
    bool made = copy != NULL;
    for (uint32_t i = 0; made && i < from->observer_count; i++)
        made = records_observer(copy, &from->observers[i], &observers[i]) == RESULT_OK;
    made = made && append_rows(copy, from, rows, first, count, observers);
    if (!made)
        records_free(&copy);
    return copy;
}

/* ---- values */

int kind_field(const struct record_kind *kind, const char *name)
{
    for (unsigned f = 0; f < kind->field_count; f++) {
        if (strcmp(kind->fields[f].name, name) == 0 || strcmp(kind->fields[f].label, name) == 0)
            return (int)f;
    }
    return -1;
}

const struct field *kind_field_by_number(const struct record_kind *kind, uint32_t number)
{
    for (unsigned f = 0; f < kind->stored_count; f++) {
        if (kind->fields[f].number == number)
            return &kind->fields[f];
    }
    return NULL;
}

static void known_none_zero(const struct records *records, unsigned f, uint32_t first, uint32_t count, uint8_t *known)
{
    const struct field *field = &records->kind->fields[f];
    const void *column = records_column(records, f);
    for (uint32_t i = 0; i < count; i++)
        known[i] = field_type_is_wide(field->type) ? ((const uint64_t *)column)[first + i] != 0
                                                   : ((const uint32_t *)column)[first + i] != 0;
}

static bool observers_know(const struct records *records, const struct field *field)
{
    uint64_t any = 0;
    for (uint32_t i = 0; i < records->observer_count && field->number < OBSERVER_UNKNOWN_MAX; i++)
        any |= records->observers[i].unknown[field->number / 64] >> field->number % 64 & 1;
    return any == 0;
}

/* What observers cannot know: numbers of a flow's fields, so other kinds are not asked. */
static void mask_observers(const struct records *records, const struct field *field, uint32_t first, uint32_t count,
                           uint8_t *known)
{
    const uint32_t *observer = records_column(records, (unsigned)records->kind->observer);
    for (uint32_t i = 0; i < count; i++) {
        const struct observer *o = &records->observers[observer[first + i]];
        known[i] &= (uint8_t) ~(o->unknown[field->number / 64] >> field->number % 64 & 1);
    }
}

bool records_known(const struct records *records, unsigned f, uint32_t first, uint32_t count, uint8_t *ret_known)
{
    const struct record_kind *kind = records->kind;
    const struct field *field = &kind->fields[f];
    char text[FIELD_TEXT_MAX];
    bool all = false;
    if (records->known != NULL && records->known[f] != NULL) {
        memcpy(ret_known, records->known[f] + first, count);
    } else if (field->derive != NULL) {
        for (uint32_t i = 0; i < count; i++)
            ret_known[i] = field->derive(records, first + i, &(uint64_t){0}, text);
    } else if (!field_is_guarded(field)) {
        memset(ret_known, 1, count);
        all = true;
    } else if (field->guard == GUARD_SET || field->guard == GUARD_SRC_SET || field->guard == GUARD_DST_SET) {
        known_none_zero(records, f, first, count, ret_known);
    } else {
        kind->guard(records, field->guard, first, count, ret_known);
    }
    if (kind_is_flow(kind) && field->number != 0 && !observers_know(records, field)) {
        mask_observers(records, field, first, count, ret_known);
        all = false;
    }
    if (all)
        return true;
    uint8_t least = 1;
    for (uint32_t i = 0; i < count; i++)
        least &= ret_known[i];
    return least != 0;
}

bool records_knows(const struct records *records, unsigned f, uint32_t row)
{
    const struct record_kind *kind = records->kind;
    const struct field *field = &kind->fields[f];
    uint8_t known = 1;
    if (records->known != NULL && records->known[f] != NULL)
        known = records->known[f][row];
    else if (field->guard == GUARD_SET || field->guard == GUARD_SRC_SET || field->guard == GUARD_DST_SET)
        known_none_zero(records, f, row, 1, &known);
    else if (field_is_guarded(field))
        kind->guard(records, field->guard, row, 1, &known);
    if (kind_is_flow(kind) && field->number != 0)
        mask_observers(records, field, row, 1, &known);
    return known != 0;
}

enum result records_set_unknown(struct records *records, uint32_t row, unsigned f)
{
    if (records->known == NULL)
        records->known = calloc(records->kind->field_count, sizeof(*records->known));
    if (records->known == NULL)
        return RESULT_FULL;
    if (records->known[f] == NULL) {
        unsigned list = records->kind->fields[f].list;
        uint32_t capacity = list == 0 ? records->capacity : records->item_capacity[list - 1];
        records->known[f] = malloc(capacity);
        if (records->known[f] == NULL)
            return RESULT_FULL;
        memset(records->known[f], 1, capacity);
    }
    records->known[f][row] = 0;
    return RESULT_OK;
}

static uint64_t number_at(const struct records *records, unsigned f, uint32_t index)
{
    const void *column = records_column(records, f);
    switch (records->kind->fields[f].type) {
    case FIELD_I32:
        return (uint64_t)(int64_t)((const int32_t *)column)[index];
    case FIELD_U64:
    case FIELD_F64:
    case FIELD_I64:
    case FIELD_TIME:
        return ((const uint64_t *)column)[index];
    default:
        return ((const uint32_t *)column)[index];
    }
}

struct value records_value(const struct records *records, uint32_t row, unsigned f, char scratch[FIELD_TEXT_MAX])
{
    const struct field *field = &records->kind->fields[f];
    struct value value = {0};
    if (field->derive != NULL) {
        value.known = field->derive(records, row, &value.number, scratch);
        value.text = scratch;
        return value;
    }
    value.known = records_knows(records, f, row);
    if (field->type == FIELD_TEXT) {
        value.text = ((char *const *)records_column(records, f))[row];
        if (value.text == NULL)
            value.text = "";
        return value;
    }
    value.number = number_at(records, f, row);
    if (field->kind == KIND_ADDRESS)
        value.address = (struct address){value.number, number_at(records, f + 1, row)};
    if (field->kind == KIND_OBSERVER)
        value.text = records->observers[value.number].sensor;
    return value;
}

void records_extent(const struct records *records, int64_t *ret_first, int64_t *ret_last)
{
    int64_t first = INT64_MAX, last = INT64_MIN;
    int fields[2] = {records->kind->first_time, records->kind->last_time};
    for (int k = 0; k < 2 && fields[0] >= 0; k++) {
        const int64_t *times = records_column(records, (unsigned)fields[k]);
        for (uint32_t i = 0; i < records->rows; i++) {
            first = times[i] < first ? times[i] : first;
            last = times[i] > last ? times[i] : last;
        }
    }
    *ret_first = first;
    *ret_last = last;
}
