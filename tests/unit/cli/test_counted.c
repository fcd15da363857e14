/* SPDX-License-Identifier: Apache-2.0 */
/* Records counted by a key: both ends of a host, views apart, and what is beyond the bound. */
#include "aggregator/cli/counted.h"
#include "command.h"
#include "fake_pavo.h"

static const struct fake_column columns[] = {
    {"sensor", NULL, PAVO_KIND_TEXT, NULL},       {"protocol", NULL, PAVO_KIND_PROTOCOL, NULL},
    {"src", NULL, PAVO_KIND_ADDRESS, NULL},       {"dst", NULL, PAVO_KIND_ADDRESS, NULL},
    {"dst_port", NULL, PAVO_KIND_PORT, NULL},     {"report", NULL, PAVO_KIND_NUMBER, NULL},
    {"src_packets", NULL, PAVO_KIND_COUNT, NULL}, {"dst_packets", NULL, PAVO_KIND_COUNT, NULL},
    {"src_bytes", NULL, PAVO_KIND_BYTES, NULL},   {"dst_bytes", NULL, PAVO_KIND_BYTES, NULL},
};
static const pavo_columns flows = {
    FAKE_COLUMNS(columns), .rows = 4,
    .cells =
        (const char *const[]){"inner", "6|tcp",  "10.0.0.1",    "192.0.2.1", "80", "0", "3", "2", "300", "200", /* */
                              "inner", "6|tcp",  "10.0.0.1",    "192.0.2.1", "80", "1", "1", "0", "100", "0",   /* */
                              "outer", "6|tcp",  "203.0.113.1", "192.0.2.1", "80", "0", "3", "2", "300", "200",
                              "inner", "1|icmp", "192.0.2.1",   "10.0.0.1",  NULL, "0", "1", "1", "50",  "50"}};

static char *print(struct counted *counted, unsigned width, size_t rows)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    assert_true(counted_print(counted, stream, &(struct counted_room){.width = width, .rows = rows}));
    assert_int_equal(fclose(stream), 0);
    return text;
}

static char *count(const char *words, unsigned width, size_t rows)
{
    struct counted *counted;
    struct error err;
    assert_int_equal(counted_new(words, &counted, &err), RESULT_OK);
    for (size_t row = 0; row < flows.rows; row++)
        assert_true(counted_add(counted, &flows, row));
    assert_int_equal(counted_records(counted), 4);
    char *text = print(counted, width, rows);
    counted_clear(counted);
    assert_int_equal(counted_records(counted), 0);
    counted_free(&counted);
    return text;
}

static void test_keys(void **state)
{
    (void)state;
    char *text = count("host", 0, 10);
    assert_string_equal(text, "SENSOR HOST        FLOWS PACKETS BYTES\n"
                              "inner  10.0.0.1        2       8 700 B\n"
                              "inner  192.0.2.1       2       8 700 B\n"
                              "outer  192.0.2.1       1       5 500 B\n"
                              "outer  203.0.113.1     1       5 500 B\n");
    free(text);
    text = count("service", 0, 10);
    assert_string_equal(text, "SENSOR PROTO PORT FLOWS PACKETS BYTES\n"
                              "inner  tcp   80       1       6 600 B\n"
                              "outer  tcp   80       1       5 500 B\n"
                              "inner  icmp           1       2 100 B\n");
    free(text);
    text = count("sensor", 0, 1);
    assert_string_equal(text, "SENSOR FLOWS PACKETS BYTES\n"
                              "inner      2       8 700 B\n"
                              "and 1 more\n");
    free(text);
}

static void test_narrow(void **state)
{
    (void)state;
    char *text = count("pair,protocol", 40, 10);
    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1)
        assert_in_range(strcspn(line, "\n"), 1, 40);
    free(text);
}

/* More keys than there is room for are told, and what is counted goes on. */
static void test_bound(void **state)
{
    (void)state;
    struct counted *counted;
    struct error err;
    char address[32];
    const char *cells[] = {"inner", "6|tcp", address, "192.0.2.1", "80", "0", "1", "0", "100", "0"};
    const pavo_columns one = {FAKE_COLUMNS(columns), .rows = 1, .cells = cells};
    assert_int_equal(counted_new("src", &counted, &err), RESULT_OK);
    for (unsigned i = 0; i < COUNTED_KEYS_MAX + 3; i++) {
        snprintf(address, sizeof(address), "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
        assert_true(counted_add(counted, &one, 0));
    }
    snprintf(address, sizeof(address), "10.0.0.7");
    assert_true(counted_add(counted, &one, 0));
    char *text = print(counted, 0, 1);
    assert_string_equal(text, "SENSOR SOURCE   FLOWS PACKETS BYTES\n"
                              "inner  10.0.0.7     2       2 200 B\n"
                              "and 49999 more\n"
                              "3 records of keys beyond the first 50000 are not counted\n");
    free(text);
    counted_free(&counted);
}

static void test_wrong(void **state)
{
    (void)state;
    struct counted *counted;
    struct error err;
    assert_int_equal(counted_new("src,", &counted, &err), RESULT_REJECT);
    assert_int_equal(counted_new("", &counted, &err), RESULT_REJECT);
    assert_int_equal(counted_new("zzz", &counted, &err), RESULT_REJECT);
    assert_non_null(strstr(err.text, "but by sensor, protocol"));
    assert_int_equal(counted_new("src,src,src,src,src,src,src", &counted, &err), RESULT_REJECT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_keys), cmocka_unit_test(test_narrow),
                                       cmocka_unit_test(test_bound), cmocka_unit_test(test_wrong)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
