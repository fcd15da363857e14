/* SPDX-License-Identifier: Apache-2.0 */
/* Received columns that do not fit together are refused with a sentence; what a newer contract added survives. */
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
#include "common/records/loss.h"
#include "common/records/verdict.h"
#include "common/records/wire.h"

/* ---- messages as they come: two rows of one observer, each test bends one thing */

static Pavo__Observer inner, *observers[1];

static int set_up(void **state)
{
    (void)state;
    pavo__observer__init(&inner);
    inner.sensor = "inner";
    inner.epoch = EPOCH_MAX;
    observers[0] = &inner;
    return 0;
}

static Pavo__FlowColumns flows(void)
{
    Pavo__FlowColumns message = PAVO__FLOW_COLUMNS__INIT;
    message.rows = 2;
    message.n_observers = 1;
    message.observers = observers;
    return message;
}

static Pavo__LossColumns losses(void)
{
    Pavo__LossColumns message = PAVO__LOSS_COLUMNS__INIT;
    message.rows = 2;
    message.n_observers = 1;
    message.observers = observers;
    return message;
}

static Pavo__AlertColumns alerts(void)
{
    Pavo__AlertColumns message = PAVO__ALERT_COLUMNS__INIT;
    message.rows = 2;
    message.n_observers = 1;
    message.observers = observers;
    return message;
}

static void assert_taken(enum record_kind_number kind, const ProtobufCMessage *message)
{
    struct records *records = NULL;
    struct error err = {""};
    if (wire_read(record_kinds[kind], message, &records, &err) != RESULT_OK)
        fail_msg("refused: %s", err.text);
    assert_int_equal(records->rows, 2);
    records_free(&records);
}

/* Refused with a sentence that has `word`, and without a result. */
static void assert_refused(enum record_kind_number kind, const ProtobufCMessage *message, const char *word)
{
    struct records *records = NULL;
    struct error err = {""};
    assert_int_equal(wire_read(record_kinds[kind], message, &records, &err), RESULT_REJECT);
    assert_null(records);
    if (strstr(err.text, word) == NULL)
        fail_msg("'%s' does not say '%s'", err.text, word);
}

/* ---- head */

static void zero_rows_are_refused(void **state)
{
    (void)state;
    Pavo__FlowColumns message = flows();
    message.rows = 0;
    assert_refused(RECORD_FLOW, &message.base, "0 rows");
}

static void too_many_rows_are_refused(void **state)
{
    (void)state;
    Pavo__FlowColumns message = flows();
    message.rows = RECORDS_ROWS_MAX + 1;
    assert_refused(RECORD_FLOW, &message.base, "65537 rows");
}

static void observers_are_measured(void **state)
{
    (void)state;
    static Pavo__Observer *many[RECORDS_OBSERVERS_MAX + 1];
    for (unsigned i = 0; i <= RECORDS_OBSERVERS_MAX; i++)
        many[i] = &inner;
    Pavo__FlowColumns message = flows();
    message.observers = many;
    message.n_observers = RECORDS_OBSERVERS_MAX;
    assert_taken(RECORD_FLOW, &message.base);
    message.n_observers = RECORDS_OBSERVERS_MAX + 1;
    assert_refused(RECORD_FLOW, &message.base, "1025 observers");
    message.n_observers = 0;
    assert_refused(RECORD_FLOW, &message.base, "no observer");
}

static void observers_names_are_checked(void **state)
{
    (void)state;
    static const char *const bad[] = {"", ".", ".hidden", "a b", "a/b/c", "/b", "a/", "a/.b", "größe", "a\nb"};
    static const char *const good[] = {"a", "inner-1_x.y", "edge/router1"};
    Pavo__FlowColumns message = flows();
    for (unsigned i = 0; i < sizeof(good) / sizeof(*good); i++) {
        inner.sensor = (char *)good[i];
        assert_taken(RECORD_FLOW, &message.base);
    }
    for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        inner.sensor = (char *)bad[i];
        assert_refused(RECORD_FLOW, &message.base, "observer 0");
    }
    char name[OBSERVER_NAME_MAX + 1];
    memset(name, 'a', sizeof(name));
    name[OBSERVER_NAME_MAX] = '\0';
    inner.sensor = name;
    assert_refused(RECORD_FLOW, &message.base, "observer 0");
    name[OBSERVER_NAME_MAX - 1] = '\0';
    assert_taken(RECORD_FLOW, &message.base);
}

static void epochs_above_2_to_the_53_are_refused(void **state)
{
    (void)state;
    Pavo__FlowColumns message = flows();
    assert_taken(RECORD_FLOW, &message.base);
    inner.epoch = EPOCH_MAX + 1;
    assert_refused(RECORD_FLOW, &message.base, "2^53");
}

/* What an observer cannot know may be a field of a newer contract: no reason to refuse it. */
static void unknown_numbers_beyond_the_mask_are_ignored(void **state)
{
    (void)state;
    uint32_t unknown[] = {58, 127, 128, UINT32_MAX};
    inner.unknown = unknown;
    inner.n_unknown = 4;
    Pavo__FlowColumns message = flows();
    struct records *records = NULL;
    struct error err;
    assert_int_equal(wire_read(record_kinds[RECORD_FLOW], &message.base, &records, &err), RESULT_OK);
    assert_true(records->observers[0].unknown[0] == 1ull << 58);
    assert_true(records->observers[0].unknown[1] == 1ull << 63);
    records_free(&records);
}

/* ---- columns */

static void columns_of_different_length_are_refused(void **state)
{
    (void)state;
    uint64_t values[3] = {1, 2, 3};
    Pavo__FlowColumns message = flows();
    message.flow = values;
    message.n_flow = 2;
    assert_taken(RECORD_FLOW, &message.base);
    message.n_flow = 1;
    assert_refused(RECORD_FLOW, &message.base, "flow has 1 values for 2 rows");
    message.n_flow = 3;
    assert_refused(RECORD_FLOW, &message.base, "flow has 3 values for 2 rows");
}

static void values_out_of_range_are_refused(void **state)
{
    (void)state;
    uint32_t ports[2] = {443, 65535}, protocols[2] = {6, 256};
    Pavo__FlowColumns message = flows();
    message.src_port = ports;
    message.n_src_port = 2;
    assert_taken(RECORD_FLOW, &message.base);
    ports[0] = 65536;
    assert_refused(RECORD_FLOW, &message.base, "src_port");
    ports[0] = 443;
    message.protocol = protocols;
    message.n_protocol = 2;
    assert_refused(RECORD_FLOW, &message.base, "protocol");
}

static void observers_that_are_not_there_are_refused(void **state)
{
    (void)state;
    uint32_t index[2] = {0, 1};
    Pavo__FlowColumns message = flows();
    message.observer = index;
    message.n_observer = 2;
    assert_refused(RECORD_FLOW, &message.base, "observer 1 of 1");
    index[1] = 0;
    assert_taken(RECORD_FLOW, &message.base);
}

static void observers_in_lists_are_checked_too(void **state)
{
    (void)state;
    uint32_t counts[2] = {0, 1}, index[1] = {1};
    Pavo__AlertColumns message = alerts();
    message.flows = counts;
    message.n_flows = 2;
    message.flow_observer = index;
    message.n_flow_observer = 1;
    assert_refused(RECORD_ALERT, &message.base, "observer 1 of 1");
    index[0] = 0;
    assert_taken(RECORD_ALERT, &message.base);
}

/* ---- lists */

static void lists_have_as_many_items_as_their_rows_say(void **state)
{
    (void)state;
    uint32_t counts[2] = {2, 1};
    uint64_t numbers[4] = {7, 8, 9, 10};
    Pavo__AlertColumns message = alerts();
    message.flows = counts;
    message.n_flows = 2;
    message.flow_number = numbers;
    message.n_flow_number = 3;
    assert_taken(RECORD_ALERT, &message.base);
    message.n_flow_number = 4;
    assert_refused(RECORD_ALERT, &message.base, "flow_number has 4 values for 3 items");
    message.n_flow_number = 2;
    assert_refused(RECORD_ALERT, &message.base, "flow_number has 2 values for 3 items");
    message.n_flow_number = 3;
    message.n_flows = 1;
    assert_refused(RECORD_ALERT, &message.base, "flows has 1 values for 2 rows");
    message.n_flows = 0; /* no list in any row, yet items */
    assert_refused(RECORD_ALERT, &message.base, "flow_number has 3 values for 0 items");
}

static void a_row_has_no_more_items_than_it_may(void **state)
{
    (void)state;
    static uint64_t numbers[ALERT_FLOWS_MAX + 1];
    uint32_t counts[2] = {ALERT_FLOWS_MAX, 0};
    Pavo__AlertColumns message = alerts();
    message.flows = counts;
    message.n_flows = 2;
    message.flow_number = numbers;
    message.n_flow_number = ALERT_FLOWS_MAX;
    assert_taken(RECORD_ALERT, &message.base);
    counts[0]++;
    message.n_flow_number++;
    assert_refused(RECORD_ALERT, &message.base, "flows");
}

/* Every row within its bound, all together beyond the batch's: refused before anything is allocated for them. */
static void a_batch_has_no_more_items_than_it_may(void **state)
{
    (void)state;
    unsigned rows = RECORDS_ITEMS_MAX / VERDICT_TERMS_MAX + 1;
    assert_true(rows <= RECORDS_ROWS_MAX);
    uint32_t *counts = malloc(rows * sizeof(*counts));
    assert_non_null(counts);
    for (unsigned i = 0; i < rows; i++)
        counts[i] = VERDICT_TERMS_MAX;
    Pavo__VerdictColumns message = PAVO__VERDICT_COLUMNS__INIT;
    message.rows = rows;
    message.n_observers = 1;
    message.observers = observers;
    message.terms = counts;
    message.n_terms = rows;
    assert_refused(RECORD_VERDICT, &message.base, "terms in a batch");
    free(counts);
}

/* ---- texts */

static void assert_text(const char *text, bool taken)
{
    char *texts[2] = {"fine", (char *)text};
    Pavo__LossColumns message = losses();
    message.reason = texts;
    message.n_reason = 2;
    if (taken)
        assert_taken(RECORD_LOSS, &message.base);
    else
        assert_refused(RECORD_LOSS, &message.base, "reason");
}

static void texts_are_valid_utf8(void **state)
{
    (void)state;
    static const char *const good[] = {
        "", "größer", "\xf0\x9f\xa6\x9a", "\xed\x9f\xbf", "\xee\x80\x80", "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {
        "\x80",             /* begins in the middle */
        "a\xc3",            /* ends in the middle */
        "\xc0\xaf",         /* '/' in two bytes */
        "\xe0\x9f\xbf",     /* in more bytes than needed */
        "\xf0\x8f\xbf\xbf", /* the same */
        "\xed\xa0\x80",     /* a surrogate */
        "\xf4\x90\x80\x80", /* above U+10FFFF */
        "\xff",
    };
    for (unsigned i = 0; i < sizeof(good) / sizeof(*good); i++)
        assert_text(good[i], true);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_text(bad[i], false);
}

static void control_and_direction_characters_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "a\nb",
        "\x1b[2J",
        "\x7f",
        "\xc2\x9b"
        "31m",      /* C0, DEL, C1 */
        "\xd8\x9c", /* Arabic letter mark */
        "\xe2\x80\x8e",
        "\xe2\x80\x8f", /* left-to-right and right-to-left mark */
        "\xe2\x80\xa8",
        "\xe2\x80\xa9", /* line and paragraph separator */
        "\xe2\x80\xaa",
        "\xe2\x80\xae", /* embeddings and overrides */
        "\xe2\x81\xa6",
        "\xe2\x81\xa9", /* isolates */
        "\xef\xbb\xbf", /* byte order mark */
    };
    for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_text(bad[i], false);
    assert_text("\xe2\x80\xa6 \xc2\xa0", true); /* an ellipsis, a space that does not break */
}

static void texts_are_measured(void **state)
{
    (void)state;
    char text[WIRE_TEXT_MAX + 2];
    memset(text, 'x', sizeof(text));
    text[WIRE_TEXT_MAX] = '\0';
    assert_text(text, true);
    text[WIRE_TEXT_MAX] = 'x';
    text[WIRE_TEXT_MAX + 1] = '\0';
    assert_text(text, false);
}

/* ---- what a newer contract added */

/* Of every kind: a column of field 500, packed, and a scalar of field 501 go in and come out with the records. */
static void unknown_fields_survive_reading_and_writing(void **state)
{
    (void)state;
    static const uint8_t extra[] = {0xa2, 0x1f, 0x03, 0x07, 0x08, 0x09, 0xa8, 0x1f, 0x2a};
    for (unsigned k = 0; k < RECORD_KIND_COUNT; k++) {
        const struct record_kind *kind = record_kinds[k];
        struct records *records = records_new(kind, 1), *back = NULL;
        struct observer observer = {.sensor = "inner", .epoch = 1};
        struct error err = {""};
        struct wire_view view;
        uint16_t index;
        uint8_t row[2048] = {0}, bytes[1024], again[1024];
        assert_true(kind->row_size <= sizeof(row));
        assert_int_equal(records_observer(records, &observer, &index), RESULT_OK);
        assert_int_equal(records_add(records, row), RESULT_OK);
        assert_int_equal(wire_view_init(&view, records, &err), RESULT_OK);
        assert_true(protobuf_c_message_get_packed_size(view.message) + sizeof(extra) <= sizeof(bytes));
        size_t length = protobuf_c_message_pack(view.message, bytes);
        wire_view_fini(&view);
        records_free(&records);
        memcpy(bytes + length, extra, sizeof(extra));
        length += sizeof(extra);

        ProtobufCMessage *message = protobuf_c_message_unpack(kind->message, NULL, length, bytes);
        assert_non_null(message);
        assert_int_equal(message->n_unknown_fields, 2);
        assert_int_equal(wire_read(kind, message, &back, &err), RESULT_OK);
        protobuf_c_message_free_unpacked(message, NULL); /* what was read is the records' own */
        assert_int_equal(wire_view_init(&view, back, &err), RESULT_OK);
        assert_int_equal(protobuf_c_message_get_packed_size(view.message), length);
        assert_int_equal(protobuf_c_message_pack(view.message, again), length);
        assert_memory_equal(again, bytes, length);
        wire_view_fini(&view);
        records_free(&back);
    }
}

/* They belong to all rows together: rows taken out of the records leave without them. */
static void unknown_fields_do_not_follow_single_rows(void **state)
{
    (void)state;
    ProtobufCMessageUnknownField extra = {
        .tag = 500, .wire_type = PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED, .len = 3, .data = (uint8_t[]){2, 7, 8}};
    Pavo__FlowColumns message = flows();
    message.base.n_unknown_fields = 1;
    message.base.unknown_fields = &extra;
    struct records *records = NULL;
    struct error err;
    assert_int_equal(wire_read(record_kinds[RECORD_FLOW], &message.base, &records, &err), RESULT_OK);
    assert_int_equal(records->unknown.count, 1);
    struct records *copy = records_copy(records, NULL, 1, 1);
    assert_non_null(copy);
    assert_int_equal(copy->unknown.count, 0);
    records_free(&copy);
    records_free(&records);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(zero_rows_are_refused),
        TEST(too_many_rows_are_refused),
        TEST(observers_are_measured),
        TEST(observers_names_are_checked),
        TEST(epochs_above_2_to_the_53_are_refused),
        TEST(unknown_numbers_beyond_the_mask_are_ignored),
        TEST(columns_of_different_length_are_refused),
        TEST(values_out_of_range_are_refused),
        TEST(observers_that_are_not_there_are_refused),
        TEST(observers_in_lists_are_checked_too),
        TEST(lists_have_as_many_items_as_their_rows_say),
        TEST(a_row_has_no_more_items_than_it_may),
        TEST(a_batch_has_no_more_items_than_it_may),
        TEST(texts_are_valid_utf8),
        TEST(control_and_direction_characters_are_refused),
        TEST(texts_are_measured),
        TEST(unknown_fields_survive_reading_and_writing),
        TEST(unknown_fields_do_not_follow_single_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
