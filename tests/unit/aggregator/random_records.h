/* SPDX-License-Identifier: Apache-2.0 */
/* Records of any kind by chance, with lists, texts and what a newer contract added; and whether two are the same. */
#ifndef PAVO_TESTS_AGGREGATOR_RANDOM_RECORDS_H
#define PAVO_TESTS_AGGREGATOR_RANDOM_RECORDS_H

#include "tests/unit/aggregator/support.h"

static uint64_t random_state = 20261126;

static inline uint64_t draw(void)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return random_state ^ random_state >> 29;
}

/* Any value of a field into the struct of a row or an item. Texts are around DuckDB's 12 bytes, beyond which it keeps
 * them elsewhere. */
static inline void put_random(char *row, const struct field *field, unsigned observers)
{
    static const char *const texts[] = {
        "", "x", "eth0'; --", "zwölf Bytes!", "dreizehn Byte", "a text of some length, \"quoted\""};
    uint64_t value = draw() % 3 == 0 ? draw() : draw() % 200;
    if (field->type == FIELD_TEXT) {
        const char *text = texts[draw() % (sizeof(texts) / sizeof(*texts))];
        memcpy(row + field->offset, &text, field->size);
        return;
    }
    if (field->kind == KIND_OBSERVER)
        value %= observers;
    if (field->kind == KIND_TIME)
        value = (uint64_t)TEST_NOW + draw() % (uint64_t)NS_PER_S;
    memcpy(row + field->offset, &value, field->size);
}

static inline void add_items(struct records *records, unsigned l, unsigned most)
{
    const struct record_list *list = &records->kind->lists[l];
    char item[256];
    assert_true(list->size <= sizeof(item));
    for (unsigned n = (unsigned)(draw() % (most + 1)); n > 0; n--) {
        for (unsigned f = list->first; f <= list->last; f++)
            put_random(item, &records->kind->fields[f], records->observer_count);
        assert_int_equal(records_add_item(records, l, item), RESULT_OK);
    }
}

static inline void add_observers(struct records *records)
{
    static const char *const names[3] = {"inner", "collector/exporter", "outer"};
    for (unsigned i = 0; i < 3; i++) {
        struct observer observer = test_observer(names[i], 7 + i);
        uint16_t index;
        assert_int_equal(records_observer(records, &observer, &index), RESULT_OK);
    }
}

static inline struct records *random_records(const struct record_kind *kind, uint32_t rows, unsigned items)
{
    struct records *records = records_new(kind, rows);
    char row[1024];
    assert_non_null(records);
    assert_true(kind->row_size <= sizeof(row));
    add_observers(records);
    for (uint32_t i = 0; i < rows; i++) {
        for (unsigned f = 0; f < kind->stored_count; f++) {
            if (kind->fields[f].list == 0)
                put_random(row, &kind->fields[f], records->observer_count);
        }
        assert_int_equal(records_add(records, row), RESULT_OK);
        for (unsigned l = 0; l < kind->list_count; l++)
            add_items(records, l, items);
    }
    return records;
}

/* A batch of inner's life 7 with records of every kind. */
static inline struct batch *random_batch(uint64_t sequence, uint32_t rows, unsigned items)
{
    struct batch *batch = test_batch("inner", sequence, TEST_NOW);
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++)
        batch->records[kind] = random_records(record_kinds[kind], rows, items);
    return batch;
}

/* ---- what a newer contract added */

static inline void add_unknown(struct records *records, uint32_t tag, ProtobufCWireType type, const void *data,
                               size_t length)
{
    struct unknown_fields *unknown = &records->unknown;
    unknown->fields = realloc(unknown->fields, (unknown->count + 1) * sizeof(*unknown->fields));
    ProtobufCMessageUnknownField *field = &unknown->fields[unknown->count++];
    *field = (ProtobufCMessageUnknownField){.tag = tag, .wire_type = type, .len = length, .data = malloc(length + 1)};
    memcpy(field->data, data, length);
}

/* One of each wire type. */
static inline void add_unknown_fields(struct records *records)
{
    static const uint8_t packed[] = {4, 0, 1, 0xff, 0x7f}, varint[] = {0x96, 0x01}, fixed[] = {0, 0, 0, 0, 1, 2, 3, 4};
    add_unknown(records, 1000, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED, packed, sizeof(packed));
    add_unknown(records, 1200, PROTOBUF_C_WIRE_TYPE_VARINT, varint, sizeof(varint));
    add_unknown(records, 1300, PROTOBUF_C_WIRE_TYPE_64BIT, fixed, sizeof(fixed));
    add_unknown(records, 1400, PROTOBUF_C_WIRE_TYPE_32BIT, fixed + 4, 4);
}

static inline void assert_same_unknown(const struct unknown_fields *a, const struct unknown_fields *b)
{
    assert_int_equal(a->count, b->count);
    for (unsigned i = 0; i < a->count; i++) {
        assert_int_equal(a->fields[i].tag, b->fields[i].tag);
        assert_int_equal(a->fields[i].wire_type, b->fields[i].wire_type);
        assert_int_equal(a->fields[i].len, b->fields[i].len);
        assert_memory_equal(a->fields[i].data, b->fields[i].data, a->fields[i].len);
    }
}

/* ---- comparing */

static inline void assert_same_value(const struct records *a, uint32_t i, const struct records *b, uint32_t j,
                                     unsigned f)
{
    const struct field *field = &a->kind->fields[f];
    const void *x = records_column(a, f), *y = records_column(b, f);
    if (field->type == FIELD_TEXT) {
        const char *s = ((char *const *)x)[i], *t = ((char *const *)y)[j];
        assert_string_equal(s == NULL ? "" : s, t == NULL ? "" : t);
    } else if (field_type_is_wide(field->type)) {
        assert_int_equal(((const uint64_t *)x)[i], ((const uint64_t *)y)[j]);
    } else if (field->kind == KIND_OBSERVER) {
        const struct observer *s = &a->observers[((const uint32_t *)x)[i]];
        const struct observer *t = &b->observers[((const uint32_t *)y)[j]];
        assert_true(observer_equal(s, t));
        assert_memory_equal(s->unknown, t->unknown, sizeof(s->unknown));
    } else {
        assert_int_equal(((const uint32_t *)x)[i], ((const uint32_t *)y)[j]);
    }
}

/* Row i of the one and row j of the other, with their lists. */
static inline void assert_same_row(const struct records *a, uint32_t i, const struct records *b, uint32_t j)
{
    assert_ptr_equal(a->kind, b->kind);
    for (unsigned f = 0; f < a->kind->stored_count; f++) {
        uint32_t first = i, other = j, count = 1;
        if (a->kind->fields[f].list != 0) {
            count = records_items(a, a->kind->fields[f].list - 1u, i, &first);
            assert_int_equal(records_items(b, a->kind->fields[f].list - 1u, j, &other), count);
        }
        for (uint32_t n = 0; n < count; n++)
            assert_same_value(a, first + n, b, other + n, f);
    }
}

static inline void assert_same_records(const struct records *a, const struct records *b)
{
    assert_ptr_equal(a->kind, b->kind);
    assert_int_equal(a->rows, b->rows);
    for (unsigned l = 0; l < a->kind->list_count; l++)
        assert_int_equal(a->items[l], b->items[l]);
    for (uint32_t row = 0; row < a->rows; row++)
        assert_same_row(a, row, b, row);
}

#endif
