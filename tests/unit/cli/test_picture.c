/* SPDX-License-Identifier: Apache-2.0 */
/* pavo series: rows or a picture, in the terminal or a file; what it asks for, and what it says. */
#include "command.h"
#include "common/clock.h"
#include "fake_pavo.h"

static const struct fake_column catalogue_columns[] = {
    {"question", NULL, PAVO_KIND_TEXT, NULL}, {"part", NULL, PAVO_KIND_WORD, NULL},
    {"name", NULL, PAVO_KIND_TEXT, NULL},     {"type", NULL, PAVO_KIND_TEXT, NULL},
    {"default", NULL, PAVO_KIND_TEXT, NULL},  {"positional", NULL, PAVO_KIND_FLAG, NULL},
    {"required", NULL, PAVO_KIND_FLAG, NULL}, {"help", NULL, PAVO_KIND_TEXT, NULL},
};
#define PARAMETER(name, type, otherwise, positional)                                                                   \
    "series", "parameter", name, type, otherwise, positional, "0", "help"
static const pavo_columns catalogue = {FAKE_COLUMNS(catalogue_columns), .rows = 8,
                                       .cells = (const char *const[]){"series",
                                                                      "question",
                                                                      "",
                                                                      NULL,
                                                                      NULL,
                                                                      NULL,
                                                                      NULL,
                                                                      "Series.",                                /* */
                                                                      PARAMETER("filter", "filter", NULL, "1"), /* */
                                                                      PARAMETER("from", "time", NULL, "0"),     /* */
                                                                      PARAMETER("to", "time", NULL, "0"),       /* */
                                                                      PARAMETER("step", "span", "1h", "0"),     /* */
                                                                      PARAMETER("by", "text", "sensor", "0"),   /* */
                                                                      PARAMETER("measure", "text", "bytes", "0"),
                                                                      "series",
                                                                      "column",
                                                                      "time",
                                                                      "time",
                                                                      NULL,
                                                                      NULL,
                                                                      NULL,
                                                                      "when"}};

static const struct fake_column columns[] = {{"time", "TIME", PAVO_KIND_TIME, NULL},
                                             {"sensor", "SENSOR", PAVO_KIND_TEXT, NULL},
                                             {"flows", "FLOWS", PAVO_KIND_COUNT, NULL},
                                             {"bytes", "BYTES", PAVO_KIND_BYTES, NULL}};
static const pavo_columns rows = {
    FAKE_COLUMNS(columns), .rows = 2,
    .cells = (const char *const[]){"1700006400000000000|THEN", "inner", "3", "1500|1.5 kB", /* */
                                   "1700010000000000000|LATER", "inner", "1", "700|700 B"}};
static const pavo_columns no_rows = {FAKE_COLUMNS(columns)};
static const struct fake_column life_columns[] = {{"sensor", NULL, PAVO_KIND_TEXT, NULL},
                                                  {"state", NULL, PAVO_KIND_WORD, NULL},
                                                  {"last_heard", NULL, PAVO_KIND_TIME, NULL},
                                                  {"started", NULL, PAVO_KIND_TIME, NULL}};
static const pavo_columns lives = {
    FAKE_COLUMNS(life_columns), .rows = 1,
    .cells = (const char *const[]){"inner", "ended", "1700020000000000000", "1700000000000000000"}};
static const pavo_columns lost = {FAKE_COLUMNS(fake_gap_columns), .rows = 1,
                                  .cells =
                                      (const char *const[]){"loss", "inner", "1700006500000000000|A",
                                                            "1700006600000000000|B", "41", "packets", "ring full"}};

static struct pavo_answer answers[] = {
    {.question = "questions", .pages = &catalogue, .page_count = 1},
    {.question = "series", .pages = &rows, .page_count = 1, .command = "pavo series --step 1h"},
    {.question = "sensors", .pages = &lives, .page_count = 1},
};

static void prepare(const pavo_columns *page, const pavo_columns *gaps)
{
    answers[1].pages = page;
    answers[1].gaps = gaps;
    answers[1].coverage = gaps == NULL ? PAVO_COVERAGE_WHOLE : PAVO_COVERAGE_PARTIAL;
    fake_answers(answers, 3);
}

static int ask(struct cli *cli, int argc, char **argv)
{
    return cli_question(cli, NULL, argc, argv);
}

/* The command, the coverage, the answer. */
static void test_terminal(void **state)
{
    (void)state;
    prepare(&rows, NULL);
    assert_int_equal(RUN(ask, "series", "-u"), CLI_ANSWERED);
    static const char begin[] = "$ pavo series --step 1h\nNot seen: nothing is known to be missing in that time.\n\n"
                                "bytes in each 1h, 2023-11-15 00:00 to 02:00 UTC\n";
    assert_memory_equal(printed, begin, sizeof(begin) - 1);
    assert_non_null(strstr(printed, "\ninner: 2.2 kB\n"));
    assert_string_equal(said, "");
    prepare(&rows, &lost);
    assert_int_equal(RUN(ask, "series", "-u", "--measure", "flows"), CLI_INCOMPLETE);
    assert_non_null(strstr(printed, "Not seen:\n  sensor inner lost at most 41 packets between A and B: ring full\n"));
    assert_non_null(strstr(printed, "\ninner: 4\n"));
    assert_non_null(strstr(printed, "something is missing"));
}

static void test_rows(void **state)
{
    (void)state;
    prepare(&rows, NULL);
    assert_int_equal(RUN(ask, "series", "--table"), CLI_ANSWERED);
    assert_memory_equal(printed, "TIME  SENSOR FLOWS  BYTES\nTHEN  inner ", 38);
    assert_int_equal(RUN(ask, "series", "--json"), CLI_ANSWERED);
    assert_memory_equal(printed, "{\"time\":", 8);
    /* what stands behind a flag of the command's own is read all the same */
    assert_int_equal(RUN(ask, "series", "--table", "-k", "other.key", "tcp"), CLI_ANSWERED);
    assert_string_equal(fake_asked(), "series filter=tcp");
}

static void test_nothing(void **state)
{
    (void)state;
    prepare(&no_rows, NULL);
    assert_int_equal(RUN(ask, "series", "-o", "nothing.svg"), CLI_NOTHING);
    assert_string_equal(said, "pavo: pavo series found nothing\n");
    assert_int_equal(access("nothing.svg", F_OK), -1);
    prepare(&no_rows, &lost);
    assert_int_equal(RUN(ask, "series"), CLI_INCOMPLETE);
    assert_memory_equal(said, "pavo: not seen: ", 16);
}

static void test_wrong(void **state)
{
    (void)state;
    prepare(&rows, NULL);
    assert_int_equal(RUN(ask, "series", "--measure", "sensor"), CLI_USAGE);
    assert_non_null(strstr(said, "'sensor' is no column of numbers"));
    assert_int_equal(RUN(ask, "series", "-o", "series.gif"), CLI_USAGE);
    assert_non_null(strstr(said, "neither .svg nor .png"));
    assert_int_equal(RUN(ask, "series", "-o", "series.svg", "--csv"), CLI_USAGE);
    assert_non_null(strstr(said, "choose one"));
    assert_int_equal(RUN(ask, "series", "-o", "/nowhere/series.svg"), CLI_USAGE);
    assert_non_null(strstr(said, "/nowhere/series.svg: No such file"));
}

/* PNG is another program's work: where it is not, that is said, and what to do. */
static void test_without_converter(void **state)
{
    (void)state;
    char *path = strdup(getenv("PATH"));
    prepare(&rows, NULL);
    setenv("PATH", "/nowhere", 1);
    assert_int_equal(RUN(ask, "series", "-o", "series.png"), CLI_USAGE);
    setenv("PATH", path, 1);
    free(path);
    assert_non_null(strstr(said, "librsvg2-bin"));
    assert_non_null(strstr(said, ".svg"));
}

static void test_file(void **state)
{
    (void)state;
    char path[] = "/tmp/pavo-test-picture-XXXXXX.svg", begin[64] = "";
    int file = mkstemps(path, 4);
    assert_true(file >= 0);
    prepare(&rows, &lost);
    assert_int_equal(RUN(ask, "series", "-o", path), CLI_INCOMPLETE);
    assert_string_equal(printed, "");
    assert_memory_equal(said, "pavo: not seen: ", 16);
    assert_true(read(file, begin, sizeof(begin) - 1) > 0);
    assert_memory_equal(begin, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg ", 44);
    close(file);
    unlink(path);
}

/* A step that suits the time asked about, unless one is given. */
static void test_step(void **state)
{
    (void)state;
    static const char *const steps[][3] = {{"2023-11-15T00:00Z", "2023-11-15T01:00Z", "30s"},
                                           {"2023-11-15T00:00Z", "2023-11-16T00:00Z", "10m"},
                                           {"2023-11-01T00:00Z", "2023-12-01T00:00Z", "6h"},
                                           {"2022-11-15T00:00Z", "2023-11-15T00:00Z", "1d"}};
    for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
        char expected[32];
        struct pavo_answer only[] = {answers[0], {.question = "series", .error = "asked", .parameter = NULL}};
        fake_answers(only, 2);
        (void)RUN(ask, "series", "--from", (char *)steps[i][0], "--to", (char *)steps[i][1]);
        snprintf(expected, sizeof(expected), " step=%s", steps[i][2]);
        assert_non_null(strstr(fake_asked(), expected));
    }
    prepare(&rows, NULL);
    assert_int_equal(RUN(ask, "series", "--from", "2023-11-15T00:00Z", "--to", "2023-11-15T02:00Z", "--step", "1h"),
                     CLI_ANSWERED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_terminal),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_without_converter),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
