/* SPDX-License-Identifier: Apache-2.0 */
/* pavo report day: what it asks, each section's command, coverage and answer, and a page that holds whatever names. */
#include "command.h"
#include "fake_pavo.h"

#define EVIL "</td><script>alert('\"&')</script>"

static const struct fake_column series_columns[] = {{"time", "TIME", PAVO_KIND_TIME, NULL},
                                                    {"sensor", "SENSOR", PAVO_KIND_TEXT, NULL},
                                                    {"bytes", "BYTES", PAVO_KIND_BYTES, NULL}};
static const pavo_columns series = {
    FAKE_COLUMNS(series_columns), .rows = 2,
    .cells = (const char *const[]){"1700006400000000000", "inner", "1500", "1700010000000000000", EVIL, "700"}};
static const struct fake_column top_columns[] = {{"sensor", "SENSOR", PAVO_KIND_TEXT, NULL},
                                                 {"bytes", "BYTES", PAVO_KIND_BYTES, NULL},
                                                 {"hidden", NULL, PAVO_KIND_TEXT, NULL}};
static const pavo_columns top = {FAKE_COLUMNS(top_columns), .rows = 2,
                                 .cells = (const char *const[]){"inner", "1500|1.5 kB", "x", EVIL, NULL, NULL}};
static const struct fake_column loss_columns[] = {{"from_time", "FROM", PAVO_KIND_TIME, NULL},
                                                  {"reason", "REASON", PAVO_KIND_TEXT, NULL}};
static const pavo_columns losses = {
    FAKE_COLUMNS(loss_columns), .rows = 2,
    .cells = (const char *const[]){"1700010000000000000|LATER", "second", "1700006400000000000|SOONER", "first"}};
static const struct fake_column sensor_columns[] = {{"sensor", "SENSOR", PAVO_KIND_TEXT, NULL},
                                                    {"state", "STATE", PAVO_KIND_WORD, NULL}};
static const pavo_columns sensors = {FAKE_COLUMNS(sensor_columns), .rows = 1,
                                     .cells = (const char *const[]){"inner", "connected"}};
static const struct fake_column boundary_columns[] = {{"boundary", "BOUNDARY", PAVO_KIND_TEXT, NULL}};
static const pavo_columns boundaries = {FAKE_COLUMNS(boundary_columns)};
static const pavo_columns gap = {FAKE_COLUMNS(fake_gap_columns), .rows = 1,
                                 .cells = (const char *const[]){"loss", EVIL, "1700006400000000000|A",
                                                                "1700006500000000000|B", "41", "packets", EVIL}};

static struct pavo_answer answers[] = {
    {.question = "series", .pages = &series, .page_count = 1, .command = "pavo series"},
    {.question = "top", .pages = &top, .page_count = 1, .command = "pavo top '<>'"},
    {.question = "new", .pages = &top, .page_count = 1, .command = "pavo new services"},
    {.question = "losses", .pages = &losses, .page_count = 1, .command = "pavo losses"},
    {.question = "sensors", .pages = &sensors, .page_count = 1, .command = "pavo sensors"},
    {.question = "boundaries", .pages = &boundaries, .page_count = 1, .command = "pavo boundaries"},
};

static void prepare(const pavo_columns *gaps)
{
    for (size_t i = 0; i < 2; i++) {
        answers[i].gaps = gaps;
        answers[i].coverage = gaps == NULL ? PAVO_COVERAGE_WHOLE : PAVO_COVERAGE_PARTIAL;
    }
    fake_answers(answers, 6);
}

static void test_terminal(void **state)
{
    (void)state;
    prepare(NULL);
    assert_int_equal(RUN(cli_report, "report", "day", "2023-11-15", "-u"), CLI_ANSWERED);
    assert_memory_equal(printed, "Report of 2023-11-15\n\nVolumes\n", 30);
    static const char talkers[] = "\nTop talkers\nHosts by bytes, whichever end they are.\n$ pavo top '<>'\n"
                                  "Not seen: nothing is known to be missing in that time.\n\nSENSOR ";
    assert_non_null(strstr(printed, talkers));
    assert_non_null(strstr(printed, "FROM   REASON\nSOONER first\nLATER  second\n"));
    assert_non_null(
        strstr(printed, "$ pavo boundaries\nNot seen: nothing is known to be missing in that time.\n\nNothing.\n"));
    assert_string_equal(said, "");
    prepare(&gap);
    assert_int_equal(RUN(cli_report, "report", "day", "2023-11-15"), CLI_INCOMPLETE);
    assert_non_null(strstr(printed, "Not seen:\n  sensor " EVIL " lost at most 41 packets between A and B"));
}

/* The last question asked with a filter is that for attempts; it has both filters. */
static void test_filter(void **state)
{
    (void)state;
    struct pavo_answer refused[6];
    memcpy(refused, answers, sizeof(answers));
    refused[2].error = "enough";
    prepare(NULL);
    fake_answers(refused, 2);
    assert_int_equal(RUN(cli_report, "report", "day", "2023-11-15", "-u", "host 10.0.0.1 or", "host 10.0.0.2"),
                     CLI_UNREACHABLE); /* nobody answers "sensors" here */
    refused[2] = answers[4];
    refused[3] = answers[2];
    fake_answers(refused, 4);
    assert_int_equal(RUN(cli_report, "report", "day", "2023-11-15", "-u", "host 10.0.0.1 or", "host 10.0.0.2"),
                     CLI_UNREACHABLE);
    assert_string_equal(fake_asked(), "losses from=2023-11-15T00:00:00.000000000Z to=2023-11-16T00:00:00.000000000Z "
                                      "limit=100");
    assert_memory_equal(printed, "Report of 2023-11-15, host 10.0.0.1 or host 10.0.0.2\n", 53);
    refused[1].error = "enough";
    fake_answers(refused, 3);
    assert_int_equal(RUN(cli_report, "report", "day", "2023-11-15", "-u", "tcp"), CLI_UNREACHABLE);
    assert_string_equal(fake_asked(),
                        "top from=2023-11-15T00:00:00.000000000Z to=2023-11-16T00:00:00.000000000Z by=host "
                        "limit=10 filter=tcp");
}

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = calloc(1, 65536);
    assert_non_null(file);
    assert_in_range(fread(text, 1, 65535, file), 1000, 65534);
    fclose(file);
    return text;
}

static void test_page(void **state)
{
    (void)state;
    char path[] = "/tmp/pavo-test-report-XXXXXX.html";
    close(mkstemps(path, 5));
    prepare(&gap);
    assert_int_equal(RUN(cli_report, "report", "day", "2023-11-15", "-u", "-o", path), CLI_INCOMPLETE);
    assert_string_equal(printed, "");
    char *page = read_file(path);
    unlink(path);
    assert_memory_equal(page, "<!DOCTYPE html>\n", 16);
    assert_null(strstr(page, "<script"));
    assert_non_null(strstr(page, "&lt;/td&gt;&lt;script&gt;alert(&#39;&quot;&amp;&#39;)&lt;/script&gt;"));
    assert_non_null(strstr(page, "<code>pavo top &#39;&lt;&gt;&#39;</code>"));
    assert_non_null(strstr(page, "<tr><td>inner</td><td class=\"num\">1.5 kB</td></tr>"));
    assert_non_null(strstr(page, "<tr><td>SOONER</td><td>first</td></tr>\n<tr><td>LATER</td>"));
    assert_non_null(strstr(page, "<div class=\"cov w\"><b>Partial</b>"));
    assert_non_null(strstr(page, "<rect class=\"pv-loss\""));
    assert_non_null(strstr(page, "prefers-color-scheme:dark"));
    assert_null(strstr(page, "http://") == NULL ? NULL
                                                : strstr(strstr(page, "http://") + 1, "http:")); /* the SVG's name */
    free(page);
}

static void test_wrong(void **state)
{
    (void)state;
    prepare(NULL);
    assert_int_equal(RUN(cli_report, "report"), CLI_USAGE);
    assert_int_equal(RUN(cli_report, "report", "week"), CLI_USAGE);
    assert_non_null(strstr(said, "a report is of a day"));
    assert_int_equal(RUN(cli_report, "report", "day", "10:00"), CLI_USAGE);
    assert_non_null(strstr(said, "'10:00' is no day"));
    assert_int_equal(RUN(cli_report, "report", "day", "host 10.0.0.1"), CLI_USAGE);
    assert_non_null(strstr(said, "a filter stands behind the day"));
    assert_int_equal(RUN(cli_report, "report", "day", "--json"), CLI_USAGE);
    assert_int_equal(RUN(cli_report, "report", "day", "-o", "/nowhere/x.html"), CLI_USAGE);
    assert_non_null(strstr(said, "/nowhere/x.html: No such file"));
    assert_int_equal(fake_asked_count() > 0, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_terminal), cmocka_unit_test(test_filter),
                                       cmocka_unit_test(test_page), cmocka_unit_test(test_wrong)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
