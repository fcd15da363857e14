/* SPDX-License-Identifier: Apache-2.0 */
/* What an answer rests on: each kind of gap as a sentence, all of it as JSON, and the exit status. */
#include "aggregator/cli/coverage.h"
#include "command.h"
#include "fake_pavo.h"

static const char *const gap_cells[] = {
    "loss",    "inner", "10|TEN", "20|TWENTY", "1200|1,200", "packets", "the kernel's buffer",  /* */
    "loss",    "inner", NULL,     "20|TWENTY", "0",          "",        NULL,                   /* */
    "silent",  "outer", "10|TEN", "20|TWENTY", "0",          "",        "said nothing",         /* */
    "damaged", "",      "10|TEN", NULL,        NULL,         "",        "day 12: a bad column", /* */
    "limit",   "",      NULL,     NULL,        "0",          "",        "there is more",        /* */
    "state",   "",      NULL,     NULL,        "0",          "",        "intake is paused: disk full",
};
static const pavo_columns gaps = {FAKE_COLUMNS(fake_gap_columns), .rows = 6, .cells = gap_cells};
static const struct fake_column reach_columns[] = {{"sensor", NULL, PAVO_KIND_TEXT, NULL}};
static const pavo_columns reaches = {FAKE_COLUMNS(reach_columns), .rows = 1, .cells = (const char *const[]){"inner"}};

static const struct pavo_answer partial = {.coverage = PAVO_COVERAGE_PARTIAL,
                                           .gaps = &gaps,
                                           .reaches = &reaches,
                                           .command = "pavo find \"x\"",
                                           .oldest_ns = 1700000000000000001,
                                           .newest_ns = 1700000001000000000,
                                           .elapsed_ns = 5,
                                           .position = 9007199254740993};
static const struct pavo_answer whole = {.coverage = PAVO_COVERAGE_WHOLE};
static const struct pavo_answer none = {.coverage = PAVO_COVERAGE_NONE};

static int tell(struct cli *cli, int argc, char **argv)
{
    struct coverage coverage = {0};
    cli->utc = true;
    for (int i = 1; i < argc; i++)
        coverage_add(&coverage, cli,
                     strcmp(argv[i], "partial") == 0 ? &partial
                     : strcmp(argv[i], "none") == 0  ? &none
                                                     : &whole);
    coverage_note(&coverage, cli);
    coverage_print(&coverage, cli);
    int code = coverage_code(coverage.state, 1);
    coverage_free(&coverage);
    return code;
}

static int tell_json(struct cli *cli, int argc, char **argv)
{
    (void)cli;
    (void)argc;
    coverage_json(strcmp(argv[0], "partial") == 0 ? &partial : &none, 3);
    return 0;
}

static const char sentences[] = "pavo: not seen: sensor inner lost at most 1,200 packets between TEN and TWENTY: the "
                                "kernel's buffer\n"
                                "pavo: not seen: sensor inner lost something until TWENTY\n"
                                "pavo: not seen: sensor outer said nothing between TEN and TWENTY\n"
                                "pavo: not seen: day 12: a bad column since TEN\n"
                                "pavo: not seen: cut off: there is more\n"
                                "pavo: not seen: intake is paused: disk full\n";

static void test_sentences(void **state)
{
    (void)state;
    assert_int_equal(RUN(tell, "x", "partial"), CLI_INCOMPLETE);
    assert_string_equal(said, sentences);
    assert_memory_equal(printed, "Not seen:\n  sensor inner lost at most 1,200 packets", 51);
}

/* Answers shown together tell a gap once, and are as good as the worst of them. */
static void test_together(void **state)
{
    (void)state;
    assert_int_equal(RUN(tell, "x", "whole", "partial", "partial", "whole"), CLI_INCOMPLETE);
    assert_string_equal(said, sentences);
}

static void test_nothing_missing(void **state)
{
    (void)state;
    assert_int_equal(RUN(tell, "x", "whole"), CLI_ANSWERED);
    assert_string_equal(said, "");
    assert_string_equal(printed, "Not seen: nothing is known to be missing in that time.\n");
}

static void test_nothing_held(void **state)
{
    (void)state;
    assert_int_equal(RUN(tell, "x", "none"), CLI_INCOMPLETE);
    assert_string_equal(said, "pavo: not seen: that time; the store is empty\n");
}

static void test_json(void **state)
{
    (void)state;
    RUN(tell_json, "partial");
    const char begins[] = "{\"coverage\":{\"state\":\"partial\",\"rows\":3,\"command\":\"pavo find \\\"x\\\"\","
                          "\"oldest\":\"2023-11-14T22:13:20.000000001Z\",\"newest\":\"2023-11-14T22:13:21.000000000Z\","
                          "\"position\":\"9007199254740993\",\"elapsed\":5,\"gaps\":[{\"gap\":\"loss\",";
    assert_memory_equal(printed, begins, sizeof(begins) - 1);
    assert_non_null(strstr(printed, "],\"reaches\":[{\"sensor\":\"inner\"}]}}\n"));
    RUN(tell_json, "none");
    assert_string_equal(printed,
                        "{\"coverage\":{\"state\":\"none\",\"rows\":3,\"position\":0,\"elapsed\":0,\"gaps\":[],"
                        "\"reaches\":[]}}\n");
}

static void test_codes(void **state)
{
    (void)state;
    assert_int_equal(coverage_code(PAVO_COVERAGE_WHOLE, 1), CLI_ANSWERED);
    assert_int_equal(coverage_code(PAVO_COVERAGE_PARTIAL, 1), CLI_INCOMPLETE);
    assert_int_equal(coverage_code(PAVO_COVERAGE_PARTIAL, 0), CLI_NOTHING);
    assert_int_equal(coverage_code(PAVO_COVERAGE_NONE, 0), CLI_NOTHING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sentences),    cmocka_unit_test(test_together), cmocka_unit_test(test_nothing_missing),
        cmocka_unit_test(test_nothing_held), cmocka_unit_test(test_json),     cmocka_unit_test(test_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
