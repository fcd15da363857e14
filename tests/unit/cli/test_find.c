/* SPDX-License-Identifier: Apache-2.0 */
/* pavo find and pavo links: what they ask. */
#include "command.h"
#include "fake_pavo.h"

static const struct fake_column columns[] = {{"boundary", "BOUNDARY", PAVO_KIND_TEXT, NULL}};
static const pavo_columns page = {FAKE_COLUMNS(columns), .rows = 1, .cells = (const char *const[]){"nat"}};
static const pavo_columns no_rows = {FAKE_COLUMNS(columns)};
static const struct pavo_answer answers[] = {{.question = "find", .pages = &no_rows, .page_count = 1},
                                             {.question = "links", .pages = &page, .page_count = 1}};

static void test_find(void **state)
{
    (void)state;
    fake_answers(answers, 2);
    assert_int_equal(RUN(cli_find, "find", "-n", "5", "host", "10.0.0.1", "--to", "@0"), CLI_NOTHING);
    assert_string_equal(fake_asked(),
                        "find to=1970-01-01T00:00:00.000000000Z limit=5 columns=shown filter=host 10.0.0.1");
    assert_string_equal(said, "pavo: no connection found\n");
    assert_int_equal(RUN(cli_find, "find"), CLI_NOTHING);
    assert_string_equal(fake_asked(), "find columns=shown");
    assert_int_equal(RUN(cli_find, "find", "--views", "tcp"), CLI_NOTHING);
    assert_string_equal(fake_asked(), "find columns=shown filter=tcp views=yes");
    assert_int_equal(RUN(cli_find, "find", "--views", "--records"), CLI_USAGE);
    assert_int_equal(RUN(cli_find, "find", "--form", "1"), CLI_USAGE);
    assert_non_null(strstr(said, "did you mean '--from'"));
}

static void test_links(void **state)
{
    (void)state;
    fake_answers(answers, 2);
    assert_int_equal(RUN(cli_links, "links", "tcp"), CLI_ANSWERED);
    assert_string_equal(fake_asked(), "links columns=shown filter=tcp");
    assert_string_equal(printed, "BOUNDARY\nnat\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_find), cmocka_unit_test(test_links)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
