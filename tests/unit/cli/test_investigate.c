/* SPDX-License-Identifier: Apache-2.0 */
/* pavo investigate: a timeline for people, rows for programs. */
#include "command.h"
#include "fake_pavo.h"

static const struct fake_column columns[] = {
    {"time", "TIME", PAVO_KIND_TIME, NULL},      {"step", "STEP", PAVO_KIND_WORD, NULL},
    {"answer", "FINDING", PAVO_KIND_TEXT, NULL}, {"command", NULL, PAVO_KIND_TEXT, NULL},
    {"coverage", NULL, PAVO_KIND_TEXT, NULL},
};
#define ONSET   "1|THEN", "onset", "X began to scan.", "pavo find 'host X'", ""
#define LOGIN   "2|LATER", "login", "Y came in.", "pavo find 'host Y'", "inner: lost"
#define NOTHING "3|NOW", "nothing", "Nothing stands out.", "pavo find 'host Z'", NULL
static const pavo_columns found = {FAKE_COLUMNS(columns), .rows = 2, .cells = (const char *const[]){ONSET, LOGIN}};
static const pavo_columns nothing = {FAKE_COLUMNS(columns), .rows = 1, .cells = (const char *const[]){NOTHING}};

static void prepare(const pavo_columns *page)
{
    static struct pavo_answer answer;
    answer = (struct pavo_answer){.question = "investigate", .pages = page, .page_count = 1};
    fake_answers(&answer, 1);
}

static void test_timeline(void **state)
{
    (void)state;
    prepare(&found);
    assert_int_equal(RUN(cli_investigate, "investigate", "X", "--around", "@1700000000", "-b", "7d"), CLI_ANSWERED);
    assert_string_equal(fake_asked(), "investigate host=X around=2023-11-14T22:13:20Z back=7d");
    assert_string_equal(printed, "THEN X began to scan.\n"
                                 "    $ pavo find 'host X'\n"
                                 "    Not seen of that time: nothing is known to be missing.\n"
                                 "\n"
                                 "LATER Y came in.\n"
                                 "    $ pavo find 'host Y'\n"
                                 "    Not seen of that time: inner: lost\n"
                                 "\n"
                                 "Not seen: nothing is known to be missing in that time.\n");
}

/* That a step found nothing is a row, and nothing found. */
static void test_nothing(void **state)
{
    (void)state;
    prepare(&nothing);
    assert_int_equal(RUN(cli_investigate, "investigate", "X"), CLI_NOTHING);
    assert_memory_equal(printed, "NOW Nothing stands out.\n    $ pavo find 'host Z'\n", 49);
    assert_int_equal(RUN(cli_investigate, "investigate", "X", "--json"), CLI_NOTHING);
    assert_int_equal(RUN(cli_investigate, "investigate", "X", "--csv"), CLI_NOTHING);
    prepare(&found);
    assert_int_equal(RUN(cli_investigate, "investigate", "X", "--json"), CLI_ANSWERED);
    assert_non_null(strstr(printed, "\"step\":\"login\""));
}

static void test_usage(void **state)
{
    (void)state;
    assert_int_equal(RUN(cli_investigate, "investigate"), CLI_USAGE);
    assert_non_null(strstr(said, "one host was expected"));
    assert_int_equal(RUN(cli_investigate, "investigate", "a", "b"), CLI_USAGE);
    assert_int_equal(RUN(cli_investigate, "investigate", "a", "--around", "soon"), CLI_USAGE);
    assert_non_null(strstr(said, "--around: "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timeline),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_usage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
