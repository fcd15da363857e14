/* SPDX-License-Identifier: Apache-2.0 */
/* Heads and pages that an aggregator would not send: refused, never believed. What it does send: test_records.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/records/loss.h"
#include "common/records/page.h"

/* An answer with a number, an address, a text, and a list of one field. */
struct answer {
    Pavo__Column columns[5], *column_pointers[5];
    Pavo__Head head;
    Pavo__Values values[5], *value_pointers[5];
    Pavo__Page page;
    uint32_t numbers[2], counts[2], which[2];
    uint64_t halves[4], items[3];
    char *texts[2];
};

static void answer_init(struct answer *a)
{
    static const struct {
        const char *name, *list;
        uint32_t type, kind;
    } columns[5] = {{"number", "", FIELD_U32, KIND_NUMBER},
                    {"src", "", FIELD_F64, KIND_ADDRESS},
                    {"text", "", FIELD_TEXT, KIND_TEXT},
                    {"things", "", FIELD_U16, KIND_LIST},
                    {"thing_value", "things", FIELD_U64, KIND_COUNT}};
    *a = (struct answer){.numbers = {7, 8},
                         .counts = {2, 1},
                         .which = {1, 0},
                         .halves = {0, 0x0000ffff0a000001, 1, 2},
                         .items = {10, 20, 30},
                         .texts = {"one", "two"}};
    pavo__head__init(&a->head);
    pavo__page__init(&a->page);
    for (int i = 0; i < 5; i++) {
        pavo__column__init(&a->columns[i]);
        pavo__values__init(&a->values[i]);
        a->columns[i].name = (char *)columns[i].name;
        a->columns[i].list = (char *)columns[i].list;
        a->columns[i].type = columns[i].type;
        a->columns[i].kind = columns[i].kind;
        a->column_pointers[i] = &a->columns[i];
        a->value_pointers[i] = &a->values[i];
    }
    a->head.question = "q";
    a->head.columns = a->column_pointers;
    a->head.n_columns = a->page.n_columns = 5;
    a->page.columns = a->value_pointers;
    a->page.rows = 2;
    a->values[0].u32 = a->numbers, a->values[0].n_u32 = 2;
    a->values[1].f64 = a->halves, a->values[1].n_f64 = 4;
    a->values[2].u32 = a->which, a->values[2].n_u32 = 2;
    a->values[2].texts = a->texts, a->values[2].n_texts = 2;
    a->values[3].u32 = a->counts, a->values[3].n_u32 = 2;
    a->values[4].u64 = a->items, a->values[4].n_u64 = 3;
}

static void an_answer_is_read(void **state)
{
    (void)state;
    struct answer a;
    struct page_kind *kind;
    struct records *records;
    struct error err;
    char scratch[FIELD_TEXT_MAX];
    uint32_t first;
    uint8_t known = 0x2; /* of the first row nothing is known */
    answer_init(&a);
    a.values[0].known = (ProtobufCBinaryData){1, &known};
    assert_int_equal(page_kind_read(&a.head, &kind, &err), RESULT_OK);
    assert_int_equal(page_read(kind, &a.page, &records, &err), RESULT_OK);
    assert_false(records_value(records, 0, 0, scratch).known);
    assert_int_equal(records_value(records, 1, 0, scratch).number, 8);
    assert_int_equal(records_value(records, 1, 1, scratch).address.lo, 2);
    assert_string_equal(records_value(records, 0, (unsigned)kind_field(&kind->kind, "text"), scratch).text, "two");
    assert_int_equal(records_items(records, 0, 1, &first), 1);
    assert_int_equal(records_value(records, first, (unsigned)kind_field(&kind->kind, "thing_value"), scratch).number,
                     30);
    records_free(&records);
    page_kind_free(&kind);
}

static void assert_head_refused(struct answer *a)
{
    struct page_kind *kind = NULL;
    struct error err;
    assert_int_equal(page_kind_read(&a->head, &kind, &err), RESULT_REJECT);
    assert_null(kind);
}

static void heads_that_fit_nothing_are_refused(void **state)
{
    (void)state;
    struct answer a;
    answer_init(&a);
    a.head.n_columns = 0;
    assert_head_refused(&a);
    static const struct {
        int column;
        uint32_t type, kind;
    } wrong[] = {{0, 0, KIND_NUMBER},          {0, FIELD_TYPE_END, KIND_NUMBER}, {0, FIELD_U32, KIND_OBSERVER},
                 {0, FIELD_F64, KIND_LOWER},   {1, FIELD_U64, KIND_ADDRESS},     {2, FIELD_U64, KIND_TEXT},
                 {0, FIELD_TEXT, KIND_NUMBER}, {3, FIELD_U16, KIND_NUMBER},      {3, FIELD_U64, KIND_LIST}};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        answer_init(&a);
        a.columns[wrong[i].column].type = wrong[i].type;
        a.columns[wrong[i].column].kind = wrong[i].kind;
        assert_head_refused(&a);
    }
    answer_init(&a);
    a.columns[4].list = "nobody"; /* a list that nothing counts */
    assert_head_refused(&a);
}

/* A kind of value that is new is a number to this program. */
static void kinds_of_a_newer_contract_are_taken(void **state)
{
    (void)state;
    struct answer a;
    struct page_kind *kind;
    struct error err;
    answer_init(&a);
    a.columns[0].kind = 999;
    assert_int_equal(page_kind_read(&a.head, &kind, &err), RESULT_OK);
    page_kind_free(&kind);
}

static void pages_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    struct error err;
    for (int i = 0; i < 9; i++) {
        struct answer a;
        struct page_kind *kind;
        struct records *records = NULL;
        uint8_t known[2] = {0};
        answer_init(&a);
        assert_int_equal(page_kind_read(&a.head, &kind, &err), RESULT_OK);
        switch (i) {
        case 0:
            a.values[0].n_u32 = 1;
            break;
        case 1:
            a.values[1].n_f64 = 2;
            break;
        case 2:
            a.values[2].n_u32 = 1;
            break;
        case 3:
            a.counts[0] = 5; /* more items than there are */
            break;
        case 4:
            a.counts[0] = UINT32_MAX;
            break;
        case 5:
            a.page.n_columns = 4;
            break;
        case 6:
            a.page.rows = RECORDS_ROWS_MAX + 1;
            break;
        case 7:
            a.values[0].known = (ProtobufCBinaryData){2, known};
            break;
        case 8:
            a.page.rows = 3;
            break;
        }
        assert_int_equal(page_read(kind, &a.page, &records, &err), RESULT_REJECT);
        assert_null(records);
        page_kind_free(&kind);
    }
}

static void texts_of_a_page_are_cleaned_and_indices_beyond_them_are_empty(void **state)
{
    (void)state;
    struct answer a;
    struct page_kind *kind;
    struct records *records;
    struct error err;
    char scratch[FIELD_TEXT_MAX];
    answer_init(&a);
    a.texts[1] = "\x1b[2Jhello";
    a.which[1] = 77;
    assert_int_equal(page_kind_read(&a.head, &kind, &err), RESULT_OK);
    assert_int_equal(page_read(kind, &a.page, &records, &err), RESULT_OK);
    const unsigned text = (unsigned)kind_field(&kind->kind, "text");
    assert_string_equal(records_value(records, 0, text, scratch).text, "?[2Jhello");
    assert_string_equal(records_value(records, 1, text, scratch).text, "");
    records_free(&records);
    page_kind_free(&kind);
}

/* An answer may have the fields of a kind in an order of its own; the records need not know it. */
static void an_order_holds_for_head_and_pages(void **state)
{
    (void)state;
    struct record_kind backwards = *record_kinds[RECORD_LOSS];
    uint16_t order[LOSS_FIELD_COUNT];
    struct records *records = records_new(record_kinds[RECORD_LOSS], 4), *back;
    struct page_head head;
    struct page_view view;
    struct page_kind *kind;
    struct error err;
    char scratch[FIELD_TEXT_MAX];
    uint16_t index;
    assert_int_equal(backwards.field_count, LOSS_FIELD_COUNT);
    for (unsigned i = 0; i < LOSS_FIELD_COUNT; i++)
        order[i] = (uint16_t)(LOSS_FIELD_COUNT - 1 - i);
    backwards.order = order;
    backwards.order_count = LOSS_FIELD_COUNT;
    assert_int_equal(records_observer(records, &(struct observer){.sensor = "inner", .epoch = 7}, &index), RESULT_OK);
    assert_int_equal(records_add(records, &(struct loss){.observer = index, .count = 5, .reason = "full"}), RESULT_OK);
    assert_int_equal(page_head_init(&head, &backwards, "losses", "pavo losses", &err), RESULT_OK);
    assert_int_equal(page_view_init_as(&view, &backwards, records, 0, 1, &err), RESULT_OK);
    assert_string_equal(head.message.columns[0]->name, "sequence");
    assert_string_equal(head.message.columns[head.message.n_columns - 2]->name, "sensor");
    assert_int_equal(page_kind_read(&head.message, &kind, &err), RESULT_OK);
    assert_int_equal(page_read(kind, &view.message, &back, &err), RESULT_OK);
    assert_int_equal(records_value(back, 0, (unsigned)kind_field(&kind->kind, "count"), scratch).number, 5);
    assert_string_equal(records_value(back, 0, (unsigned)kind_field(&kind->kind, "reason"), scratch).text, "full");
    assert_string_equal(records_value(back, 0, (unsigned)kind_field(&kind->kind, "sensor"), scratch).text, "inner");
    records_free(&back);
    page_kind_free(&kind);
    page_view_fini(&view);
    page_head_fini(&head);
    records_free(&records);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_read),
        cmocka_unit_test(an_order_holds_for_head_and_pages),
        cmocka_unit_test(heads_that_fit_nothing_are_refused),
        cmocka_unit_test(kinds_of_a_newer_contract_are_taken),
        cmocka_unit_test(pages_that_do_not_fit_are_refused),
        cmocka_unit_test(texts_of_a_page_are_cleaned_and_indices_beyond_them_are_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
