/* SPDX-License-Identifier: Apache-2.0 */
/* Every kind of record through rows, columns, copies, the wire and pages, filled from its own table. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/records/alert.h"
#include "common/records/flow.h"
#include "common/records/json.h"
#include "common/records/page.h"
#include "common/records/status.h"
#include "common/records/verdict.h"
#include "common/records/wire.h"

static uint64_t state = 88172645463325252u;

static uint64_t draw(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* A row (or item) with a random value in every member, within the member's range. */
static void fill(const struct record_kind *kind, unsigned list, void *row, unsigned observers)
{
    static const char *const texts[] = {"", "nat", "eth0", "größer", "a text of some length, with blanks"};
    for (unsigned f = 0; f < kind->stored_count; f++) {
        const struct field *field = &kind->fields[f];
        if (field->list != list)
            continue;
        char *at = (char *)row + field->offset;
        uint64_t value = draw() >> (draw() % 64);
        if (field->kind == KIND_OBSERVER)
            value %= observers;
        if (field->type == FIELD_TIME)
            value = 1764000000000000000u + value % 1000000007;
        if (field->type == FIELD_TEXT)
            *(const char **)at = texts[value % (sizeof(texts) / sizeof(*texts))];
        else
            memcpy(at, &value, field->size);
    }
}

static struct records *make(const struct record_kind *kind, uint32_t rows)
{
    _Alignas(16) char row[2048];
    struct records *records = records_new(kind, 1);
    assert_non_null(records);
    for (unsigned i = 0; i < 3; i++) {
        struct observer observer = {.epoch = epoch_new(1764000000000000000, i)};
        snprintf(observer.sensor, sizeof(observer.sensor), i == 2 ? "edge/router%u" : "sensor%u", i);
        uint16_t index;
        assert_int_equal(records_observer(records, &observer, &index), RESULT_OK);
        assert_int_equal(index, i);
    }
    assert_true(kind->row_size <= sizeof(row));
    for (uint32_t r = 0; r < rows; r++) {
        memset(row, 0, sizeof(row));
        fill(kind, 0, row, 3);
        assert_int_equal(records_append(&records, row), RESULT_OK);
        for (unsigned l = 0; l < kind->list_count; l++) {
            for (unsigned n = draw() % 5; n > 0; n--) {
                memset(row, 0, sizeof(row));
                fill(kind, l + 1, row, 3);
                assert_int_equal(records_add_item(records, l, row), RESULT_OK);
            }
        }
    }
    return records;
}

static void assert_same(const struct records *a, const struct records *b)
{
    assert_int_equal(a->rows, b->rows);
    for (unsigned l = 0; l < a->kind->list_count; l++)
        assert_int_equal(a->items[l], b->items[l]);
    for (unsigned f = 0; f < a->kind->stored_count; f++) {
        const struct field *field = &a->kind->fields[f];
        uint32_t count = field->list == 0 ? a->rows : a->items[field->list - 1];
        size_t size = field_type_is_wide(field->type) ? 8 : 4;
        const void *x = records_column(a, f), *y = records_column(b, f);
        if (field->type != FIELD_TEXT) {
            if (count > 0)
                assert_memory_equal(x, y, size * count);
            continue;
        }
        for (uint32_t i = 0; i < count; i++) {
            const char *s = ((char *const *)x)[i], *t = ((char *const *)y)[i];
            assert_string_equal(s == NULL ? "" : s, t == NULL ? "" : t);
        }
    }
}

static void every_kind_survives_the_wire(void **unused)
{
    (void)unused;
    for (unsigned k = 0; k < RECORD_KIND_COUNT; k++) {
        struct records *records = make(record_kinds[k], 37), *back = NULL;
        struct wire_view view;
        struct error err = {""};
        assert_int_equal(wire_view_init(&view, records, &err), RESULT_OK);
        size_t size = protobuf_c_message_get_packed_size(view.message);
        uint8_t *packed = malloc(size);
        assert_int_equal(protobuf_c_message_pack(view.message, packed), size);
        ProtobufCMessage *message = protobuf_c_message_unpack(record_kinds[k]->message, NULL, size, packed);
        assert_non_null(message);
        if (wire_read(record_kinds[k], message, &back, &err) != RESULT_OK)
            fail_msg("%s: %s", record_kinds[k]->name, err.text);
        assert_same(records, back);
        assert_int_equal(back->observer_count, 3);
        assert_string_equal(back->observers[2].sensor, "edge/router2");
        protobuf_c_message_free_unpacked(message, NULL);
        free(packed);
        wire_view_fini(&view);
        records_free(&back);
        records_free(&records);
    }
}

static void rows_come_back_as_they_went_in(void **unused)
{
    (void)unused;
    _Alignas(16) char in[2048], out[2048];
    for (unsigned k = 0; k < RECORD_KIND_COUNT; k++) {
        const struct record_kind *kind = record_kinds[k];
        struct records *records = make(kind, 1);
        memset(in, 0, sizeof(in));
        memset(out, 0, sizeof(out));
        fill(kind, 0, in, 3);
        assert_int_equal(records_append(&records, in), RESULT_OK);
        records_get(records, 1, out);
        for (unsigned f = 0; f < kind->stored_count; f++) {
            const struct field *field = &kind->fields[f];
            if (field->list != 0 || field->kind == KIND_LIST)
                continue;
            if (field->type == FIELD_TEXT)
                assert_string_equal(*(const char **)(in + field->offset), *(const char **)(out + field->offset));
            else
                assert_memory_equal(in + field->offset, out + field->offset, field->size);
        }
        records_free(&records);
    }
}

static void copies_and_joins_keep_rows_and_their_lists(void **unused)
{
    (void)unused;
    for (unsigned k = 0; k < RECORD_KIND_COUNT; k++) {
        struct records *records = make(record_kinds[k], 50);
        const uint32_t odd[] = {1, 3, 5, 49};
        struct records *first = records_copy(records, NULL, 0, 20), *rest = records_copy(records, NULL, 20, 30);
        struct records *picked = records_copy(records, odd, 0, 4);
        assert_int_equal(picked->rows, 4);
        assert_int_equal(records_join(&first, rest), RESULT_OK);
        assert_same(records, first);
        for (unsigned l = 0; l < record_kinds[k]->list_count; l++) {
            for (uint32_t i = 4; i-- > 0;) { /* backwards too */
                uint32_t a, b;
                assert_int_equal(records_items(picked, l, i, &a), records_items(records, l, odd[i], &b));
            }
        }
        records_free(&first);
        records_free(&rest);
        records_free(&picked);
        records_free(&records);
    }
}

struct look {
    const struct records *records;
    unsigned list;
    const uint32_t *firsts; /* by row, as walked before */
    uint64_t seed;
    bool failed;
};

static void *look_anywhere(void *argument)
{
    struct look *look = argument;
    for (unsigned i = 0; i < 20000 && !look->failed; i++) {
        uint32_t first, row;
        look->seed = look->seed * 6364136223846793005u + 1442695040888963407u;
        row = (uint32_t)(look->seed >> 33) % look->records->rows;
        uint32_t count = records_items(look->records, look->list, row, &first);
        look->failed = first != look->firsts[row] || first + count != look->firsts[row + 1];
    }
    return NULL;
}

/* Frozen: any row's items are where they were, for many threads at once; and a copy takes rows in any order. */
static void frozen_records_are_read_by_many(void **unused)
{
    (void)unused;
    enum { ROWS = 500, THREADS = 4 };
    for (unsigned k = 0; k < RECORD_KIND_COUNT; k++) {
        const struct record_kind *kind = record_kinds[k];
        struct records *records = make(kind, ROWS);
        static uint32_t firsts[RECORDS_LISTS_MAX][ROWS + 1];
        uint32_t backward[ROWS];
        for (uint32_t row = 0; row < ROWS; row++) {
            backward[row] = ROWS - 1 - row;
            for (unsigned l = 0; l < kind->list_count; l++)
                firsts[l][row + 1] = firsts[l][row] + records_items(records, l, row, &firsts[l][row]);
        }
        for (int twice = 0; twice < 2; twice++)
            assert_true(records_freeze(records));
        for (unsigned l = 0; l < kind->list_count; l++) {
            pthread_t threads[THREADS];
            struct look looks[THREADS];
            for (unsigned i = 0; i < THREADS; i++) {
                looks[i] = (struct look){records, l, firsts[l], i + 1, false};
                assert_int_equal(pthread_create(&threads[i], NULL, look_anywhere, &looks[i]), 0);
            }
            for (unsigned i = 0; i < THREADS; i++) {
                pthread_join(threads[i], NULL);
                assert_false(looks[i].failed);
            }
        }
        struct records *turned = records_copy(records, backward, 0, ROWS);
        struct records *again =
            turned != NULL && records_freeze(turned) ? records_copy(turned, backward, 0, ROWS) : NULL;
        assert_non_null(again);
        assert_same(records, again);
        records_free(&turned);
        records_free(&again);
        records_clear(records); /* begins anew, and is not frozen */
        assert_int_equal(records->rows, 0);
        records_free(&records);
    }
}

/* What a page brings back, by value and text, is what was sent. */
static void every_kind_survives_a_page(void **unused)
{
    (void)unused;
    for (unsigned k = 0; k < RECORD_KIND_COUNT; k++) {
        struct records *records = make(record_kinds[k], 23), *back = NULL;
        struct page_head head;
        struct page_view view;
        struct page_kind *kind = NULL;
        struct error err = {""};
        assert_int_equal(page_head_init(&head, record_kinds[k], "a question", "pavo a question", &err), RESULT_OK);
        if (page_kind_read(&head.message, &kind, &err) != RESULT_OK)
            fail_msg("%s: %s", record_kinds[k]->name, err.text);
        assert_int_equal(page_view_init(&view, records, 3, 20, &err), RESULT_OK);
        size_t size = pavo__page__get_packed_size(&view.message);
        uint8_t *packed = malloc(size);
        pavo__page__pack(&view.message, packed);
        Pavo__Page *page = pavo__page__unpack(NULL, size, packed);
        assert_non_null(page);
        if (page_read(kind, page, &back, &err) != RESULT_OK)
            fail_msg("%s: %s", record_kinds[k]->name, err.text);
        assert_int_equal(back->rows, 20);
        for (uint32_t row = 0; row < 20; row++) {
            struct json a = {0}, b = {0};
            json_add_members(&a, records, 3 + row);
            json_add_members(&b, back, row);
            assert_string_equal(a.text, b.text);
            json_fini(&a);
            json_fini(&b);
        }
        pavo__page__free_unpacked(page, NULL);
        free(packed);
        page_view_fini(&view);
        page_head_fini(&head);
        records_free(&back);
        page_kind_free(&kind);
        records_free(&records);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_back_as_they_went_in),
        cmocka_unit_test(every_kind_survives_the_wire),
        cmocka_unit_test(copies_and_joins_keep_rows_and_their_lists),
        cmocka_unit_test(frozen_records_are_read_by_many),
        cmocka_unit_test(every_kind_survives_a_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
