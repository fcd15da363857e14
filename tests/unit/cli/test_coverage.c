/* SPDX-License-Identifier: Apache-2.0 */
/* What an answer rests on: each kind of gap as a sentence, all of it as JSON, and the exit status. */
#include "aggregator/cli/coverage.h"
#include "command.h"
#include "common/clock.h"
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
static const struct pavo_answer elsewhere = {
    .coverage = PAVO_COVERAGE_NONE, .oldest_ns = 1700000000000000000, .newest_ns = 1700000001000000000};

static int tell(struct cli *cli, int argc, char **argv)
{
    struct coverage coverage = {0};
    cli->utc = true;
    for (int i = 1; i < argc; i++)
        coverage_add(&coverage, cli,
                     strcmp(argv[i], "partial") == 0     ? &partial
                     : strcmp(argv[i], "none") == 0      ? &none
                     : strcmp(argv[i], "elsewhere") == 0 ? &elsewhere
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
    assert_string_equal(said, "pavo: not seen: nothing of that time is in the store, which is empty\n");
    assert_int_equal(RUN(tell, "x", "elsewhere"), CLI_INCOMPLETE);
    assert_string_equal(said, "pavo: not seen: nothing of that time is in the store, which holds flows from "
                              "2023-11-14T22:13:20.000000Z to 2023-11-14T22:13:21.000000Z\n");
}

/* Adds who has not reported through argv[1] seconds ago (0: now), of argv[0] answers: one that is behind by so many
 * seconds each. */
static int tell_behind(struct cli *cli, int argc, char **argv)
{
    char cells[8][64];
    const char *texts[24];
    int64_t now = clock_wall_ns(), ago = strtoll(argv[0], NULL, 10);
    for (int i = 1; i < argc; i++) {
        int64_t through = now - strtoll(argv[i], NULL, 10) * NS_PER_S;
        snprintf(cells[i], sizeof(cells[i]), "%lld|T%s", (long long)through, argv[i]);
        texts[3 * (i - 1)] = (const char *[]){"a", "b", "c", "d", "e"}[i - 1];
        texts[3 * (i - 1) + 1] = "1";
        texts[3 * (i - 1) + 2] = strcmp(argv[i], "never") == 0 ? NULL : cells[i];
    }
    const pavo_columns page = {.columns = fake_reach_columns, .count = 3, .rows = (size_t)argc - 1, .cells = texts};
    const struct pavo_answer answer = {.coverage = PAVO_COVERAGE_WHOLE, .reaches = &page};
    struct coverage coverage = {0};
    coverage_add(&coverage, cli, &answer);
    coverage_behind(&coverage, cli, &answer, ago == 0 ? 0 : now - ago * NS_PER_S);
    coverage_note(&coverage, cli);
    coverage_print(&coverage, cli);
    int code = coverage_code(coverage.state, 1);
    coverage_free(&coverage);
    return code;
}

#define NOT_YET "; a connection still open or just over may not be there yet\n"

/* Who is behind is told, and is no gap. */
static void test_behind(void **state)
{
    (void)state;
    assert_int_equal(RUN(tell_behind, "0", "60", "never", "7200"), CLI_ANSWERED);
    assert_string_equal(printed, "Not seen:\n  a has reported what began before T60" NOT_YET
                                 "  b has not yet said through when it has reported" NOT_YET);
    assert_string_equal(said, "pavo: a has reported what began before T60, b has not yet said through when it has "
                              "reported" NOT_YET);
    RUN(tell_behind, "90", "60", "120");
    assert_string_equal(said, "pavo: b has reported what began before T120" NOT_YET);
    RUN(tell_behind, "90", "60", "70");
    assert_string_equal(said, "");
    assert_string_equal(printed, "Not seen: nothing is known to be missing in that time.\n");
    RUN(tell_behind, "0", "7200"); /* has ended, and has nothing more to say */
    assert_string_equal(said, "");
    RUN(tell_behind, "0", "1", "2", "3", "4", "5"); /* one note, whatever their number */
    assert_non_null(strstr(said, "before T3, and so on for 2 more" NOT_YET));
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
    assert_int_equal(coverage_code(PAVO_COVERAGE_WHOLE, 0), CLI_NOTHING);
    assert_int_equal(coverage_code(PAVO_COVERAGE_PARTIAL, 0), CLI_INCOMPLETE); /* it may be in what was not seen */
    assert_int_equal(coverage_code(PAVO_COVERAGE_NONE, 0), CLI_INCOMPLETE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sentences),    cmocka_unit_test(test_together), cmocka_unit_test(test_nothing_missing),
        cmocka_unit_test(test_nothing_held), cmocka_unit_test(test_json),     cmocka_unit_test(test_codes),
        cmocka_unit_test(test_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
