/* SPDX-License-Identifier: Apache-2.0 */
/* Published messages taken apart: every kind, the filter, and what cannot be read. */
#include "common/libpavo/reading.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/records/wire.h"
#include "sample.h"

static struct topic topic_of(enum record_kind_number kind, const char *filter)
{
    struct topic topic;
    struct error err = {""};
    assert_int_equal(topic_init(&topic, record_kinds[kind], filter, false, &err), RESULT_OK);
    return topic;
}

/* The message of position 7 with these records, as bytes. */
static uint8_t *message_of(const struct records *records, uint32_t version, size_t *ret_size)
{
    Pavo__Published message = PAVO__PUBLISHED__INIT;
    struct wire_view view = {0};
    message.version = version;
    message.position = 7;
    message.previous = 5;
    if (records != NULL) {
        assert_int_equal(wire_view_init(&view, records, NULL), RESULT_OK);
        *wire_member(&message.base, records->kind) = view.message;
    }
    *ret_size = pavo__published__get_packed_size(&message);
    uint8_t *bytes = malloc(*ret_size + 1);
    assert_non_null(bytes);
    pavo__published__pack(&message, bytes);
    if (records != NULL)
        wire_view_fini(&view);
    return bytes;
}

static struct reading open_reading(const struct topic *topic, const struct records *records)
{
    struct reading reading;
    struct error err = {""};
    size_t size;
    uint8_t *bytes = message_of(records, 1, &size);
    assert_int_equal(reading_open(&reading, topic, bytes, size, &err), RESULT_OK);
    return reading;
}

static void test_every_kind(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++) {
        struct topic topic = topic_of(kind, NULL);
        struct records *records = sample_random(record_kinds[kind], 5, kind + 1);
        struct reading reading = open_reading(&topic, records);
        struct pavo_event event = {0};
        assert_int_equal(reading.position, 7);
        assert_int_equal(reading.previous, 5);
        assert_int_equal(reading.received, 5);
        for (unsigned i = 0; i < 5; i++) {
            size_t row;
            assert_true(reading_next(&reading, &event));
            assert_int_equal(pavo_event_kind(&event), PAVO_EVENT_FLOW + kind);
            assert_int_equal(pavo_event_topic(&event), 1u << kind);
            assert_int_equal(pavo_event_position(&event), 7);
            assert_ptr_equal(pavo_event_columns(&event, &row), reading.columns);
            assert_int_equal(row, i);
            assert_string_equal(pavo_event_sensor(&event), pavo_event_text(&event, "sensor"));
            char begin[64];
            snprintf(begin, sizeof(begin), "{\"event\":\"%s\",\"position\":7,\"", record_kinds[kind]->name);
            assert_memory_equal(pavo_event_json(&event), begin, strlen(begin));
            event_clear(&event);
        }
        assert_false(reading_next(&reading, &event));
        reading_close(&reading);
        records_free(&records);
        topic_fini(&topic);
    }
}

static void test_filter(void **state)
{
    (void)state;
    static const struct {
        const char *filter;
        unsigned chosen;
    } tries[] = {{"dst port 443", 1}, {"port 22 or port 443", 2}, {"udp", 0}, {"", 2}};
    struct records *records = sample_flows(5);
    for (unsigned i = 0; i < sizeof(tries) / sizeof(*tries); i++) {
        struct topic topic = topic_of(RECORD_FLOW, tries[i].filter);
        struct reading reading = open_reading(&topic, records);
        struct pavo_event event = {0};
        assert_int_equal(reading.received, 2);
        assert_int_equal(reading_chosen(&reading), tries[i].chosen);
        assert_int_equal(reading_exhausted(&reading), tries[i].chosen == 0);
        if (tries[i].chosen == 1) {
            assert_true(reading_next(&reading, &event));
            assert_string_equal(pavo_event_text(&event, "flow"), "51");
            event_clear(&event);
        }
        reading_close(&reading);
        topic_fini(&topic);
    }
    records_free(&records);
}

/* A verdict's terms go with it when others are filtered out. */
static void test_filter_keeps_lists(void **state)
{
    (void)state;
    struct topic topic = topic_of(RECORD_VERDICT, "verdict translated");
    struct records *records = sample_verdict(1, false), *more = sample_verdict(2, true);
    assert_int_equal(records_join(&records, more), RESULT_OK);
    struct reading reading = open_reading(&topic, records);
    struct pavo_event event = {0};
    assert_int_equal(reading_chosen(&reading), 1);
    assert_true(reading_next(&reading, &event));
    assert_string_equal(pavo_event_text(&event, "flow"), "2");
    assert_string_equal(pavo_event_text(&event, "terms"), "2");
    event_clear(&event);
    reading_close(&reading);
    records_free(&more);
    records_free(&records);
    topic_fini(&topic);
}

static void test_cannot_be_read(void **state)
{
    (void)state;
    struct topic topic = topic_of(RECORD_FLOW, NULL);
    struct records *records = sample_flows(5);
    struct reading reading;
    struct error err = {""};
    size_t size;
    uint8_t *bytes = message_of(records, 2, &size);
    assert_int_equal(reading_open(&reading, &topic, bytes, size, &err), RESULT_REJECT);
    assert_non_null(strstr(err.text, "version 2"));
    bytes = message_of(records, 1, &size);
    assert_int_equal(reading_open(&reading, &topic, bytes, size - 1, &err), RESULT_REJECT);
    assert_non_null(strstr(err.text, "cannot be read"));
    ((uint32_t *)records_column(records, 2))[1] = 9; /* an observer that is none */
    bytes = message_of(records, 1, &size);
    assert_int_equal(reading_open(&reading, &topic, bytes, size, &err), RESULT_REJECT);
    assert_non_null(strstr(err.text, "observer 9"));
    records_free(&records);
    topic_fini(&topic);
}

static void test_without_records(void **state)
{
    (void)state;
    struct topic topic = topic_of(RECORD_FLOW, NULL);
    struct reading reading = open_reading(&topic, NULL);
    assert_int_equal(reading.position, 7);
    assert_true(reading_exhausted(&reading));
    reading_close(&reading);
    struct records *records = sample_loss(); /* of another topic: not what was subscribed to */
    reading = open_reading(&topic, records);
    assert_true(reading_exhausted(&reading));
    reading_close(&reading);
    records_free(&records);
    topic_fini(&topic);
}

static void test_bad_filter(void **state)
{
    (void)state;
    struct topic topic;
    struct error err = {""};
    assert_int_equal(topic_init(&topic, record_kinds[RECORD_FLOW], "port eighty", false, &err), RESULT_REJECT);
    assert_non_null(strstr(err.text, "topic flow: "));
    assert_non_null(strstr(err.text, "eighty"));
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

/* A file is read where the options allow it, and nowhere else: a filter may be another's. */
static void test_files_of_a_filter(void **state)
{
    (void)state;
    char path[] = "/tmp/pavo-test-reading-XXXXXX", filter[128];
    struct topic topic;
    struct error err = {""};
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    close(descriptor);
    snprintf(filter, sizeof(filter), "tcp and dst in file %s", path);
    for (unsigned inside = 0; inside < 2; inside++) {
        write_text(path, inside ? "# a network\n2001:db8::/32\n" : "203.0.113.1\n");
        assert_int_equal(topic_init(&topic, record_kinds[RECORD_FLOW], filter, true, &err), RESULT_OK);
        struct records *records = sample_flows(5);
        struct reading reading = open_reading(&topic, records);
        assert_int_equal(reading_chosen(&reading), inside ? 2 : 0);
        reading_close(&reading);
        records_free(&records);
        topic_fini(&topic);
    }
    write_text(path, "2001:db8::9\nexample.org\n");
    assert_int_equal(topic_init(&topic, record_kinds[RECORD_FLOW], filter, true, &err), RESULT_REJECT);
    assert_non_null(strstr(err.text, path));
    assert_non_null(strstr(err.text, "line 2: 'example.org'"));
    assert_int_equal(topic_init(&topic, record_kinds[RECORD_FLOW], filter, false, &err), RESULT_REJECT);
    assert_non_null(strstr(err.text, "a file is read by who asks"));
    unlink(path);
    assert_int_equal(topic_init(&topic, record_kinds[RECORD_FLOW], filter, true, &err), RESULT_REJECT);
    assert_non_null(strstr(err.text, "No such file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind),         cmocka_unit_test(test_filter),
        cmocka_unit_test(test_filter_keeps_lists), cmocka_unit_test(test_cannot_be_read),
        cmocka_unit_test(test_without_records),    cmocka_unit_test(test_bad_filter),
        cmocka_unit_test(test_files_of_a_filter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
