/* SPDX-License-Identifier: Apache-2.0 */
/* Values as people read them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "aggregator/cli/cell.h"
#include "fake_pavo.h"

static const struct fake_column columns[] = {
    {"src", "SOURCE", PAVO_KIND_ADDRESS, NULL},
    {"dst", "DESTINATION", PAVO_KIND_ADDRESS, NULL},
    {"src_port", NULL, PAVO_KIND_PORT, NULL},
    {"bytes", "BYTES", PAVO_KIND_BYTES, NULL},
    {"verdicts", "VERDICTS", PAVO_KIND_LIST, NULL},
    {"verdicts_word", NULL, PAVO_KIND_WORD, "verdicts"},
    {"verdicts_count", NULL, PAVO_KIND_COUNT, "verdicts"},
};
static const char *const cells[] = {
    "10.0.0.1",    "192.0.2.1", "80", "1500|1.5 kB", "2", NULL, NULL, /* */
    "2001:db8::1", NULL,        "80", NULL,          "0", NULL, NULL, /* */
    "10.0.0.2",    NULL,        NULL, NULL,          "1", NULL, NULL,
};
static const char *const items[] = {
    NULL, NULL,    NULL, NULL, NULL, "blocked", "1200|1,200", NULL, NULL,      NULL, NULL,
    NULL, "local", "3",  NULL, NULL, NULL,      NULL,         NULL, "evicted", NULL,
};
static const pavo_columns page = {FAKE_COLUMNS(columns), .rows = 3, .cells = cells, .items = items};

static void expect(size_t row, const char *sentence, const char *expected)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    cell_sentence(stream, &page, row, false, sentence);
    assert_int_equal(fclose(stream), 0);
    assert_string_equal(text, expected);
    free(text);
}

static void test_ends(void **state)
{
    (void)state;
    expect(0, "{src} > {dst}", "10.0.0.1:80 > 192.0.2.1");
    expect(1, "{src} > {dst}", "[2001:db8::1]:80 > ?");
    expect(2, "{src}", "10.0.0.2"); /* without a port, as ICMP is */
    assert_int_equal(cell_port(&page, 0), 2);
    assert_int_equal(cell_port(&page, 1), -1);
    assert_int_equal(cell_port(&page, 3), -1);
}

/* ICMP's identifier is no port. */
static void test_ends_of_icmp(void **state)
{
    (void)state;
    static const struct fake_column ends[] = {{"protocol", NULL, PAVO_KIND_PROTOCOL, NULL},
                                              {"src", NULL, PAVO_KIND_ADDRESS, NULL},
                                              {"src_port", NULL, PAVO_KIND_PORT, NULL}};
    const pavo_columns rows = {FAKE_COLUMNS(ends), .rows = 4,
                               .cells = (const char *const[]){"58|icmp6", "fe80::1", "0", /* */
                                                              "1|icmp", "10.0.0.1", "0",  /* */
                                                              "1|icmp", "10.0.0.1", "77", /* */
                                                              "17|udp", "10.0.0.1", "0"}};
    static const char *const expected[] = {"fe80::1", "10.0.0.1", "10.0.0.1", "10.0.0.1:0"};
    for (size_t row = 0; row < 4; row++) {
        char *text = NULL;
        size_t size = 0;
        FILE *stream = open_memstream(&text, &size);
        assert_true(cell_put(stream, &rows, row, 1, false));
        assert_int_equal(fclose(stream), 0);
        assert_string_equal(text, expected[row]);
        free(text);
    }
}

static void test_lists(void **state)
{
    (void)state;
    expect(0, "{verdicts}", "blocked 1,200, local 3");
    expect(1, "{verdicts}", "?");
    expect(2, "{verdicts}", "evicted"); /* the count is not known */
    assert_true(cell_is_composed(&page, 4));
    assert_false(cell_is_composed(&page, 3));
}

static void test_sentences(void **state)
{
    (void)state;
    expect(0, "", "");
    expect(0, "no field", "no field");
    expect(0, "{bytes:8}|", "1.5 kB  |");
    expect(0, "{bytes:2}|", "1.5 kB|");
    expect(0, "{nothing}, {bytes", "?, 1.5 kB"); /* no such field; not closed */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_ends_of_icmp),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_sentences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
