/* SPDX-License-Identifier: Apache-2.0 */
/* Times made absolute, refusals explained where they lie, answers that break off. */
#include <time.h>

#include "aggregator/cli/ask.h"
#include "command.h"
#include "common/clock.h"
#include "common/when.h"
#include "fake_pavo.h"

static void expect_time(const char *typed, const char *expected)
{
    struct argument argument = {.name = "from", .value = strdup(typed), .is_time = true};
    assert_true(arguments_times(&argument, 1));
    assert_string_equal(argument.value, expected);
    arguments_free(&argument, 1);
}

static void test_times(void **state)
{
    (void)state;
    setenv("TZ", "CET-1", 1);
    tzset();
    expect_time("2026-11-23T20:36:40.5Z", "2026-11-23T20:36:40.500000000Z");
    expect_time("2026-11-23 20:36:40", "2026-11-23T19:36:40.000000000Z"); /* local */
    expect_time("@1700000000.123456789", "2023-11-14T22:13:20.123456789Z");
    struct argument ago = {.name = "from", .value = strdup("-2h"), .is_time = true};
    assert_true(arguments_times(&ago, 1));
    struct when when;
    assert_int_equal(when_parse(ago.value, NULL, &when, NULL, NULL), RESULT_OK);
    int64_t away = clock_wall_ns() - 7200 * NS_PER_S - when.from_ns;
    assert_true(away >= 0 && away < 60 * NS_PER_S);
    arguments_free(&ago, 1);
    struct argument filter = {.name = "filter", .value = strdup("-2h")}; /* no time */
    assert_true(arguments_times(&filter, 1));
    assert_string_equal(filter.value, "-2h");
    arguments_free(&filter, 1);
    char text[ASK_TIME_MAX];
    assert_string_equal(ask_time_text(-1, text), "1969-12-31T23:59:59.999999999Z");
}

static void expect_moment(const char *typed, const char *expected)
{
    struct argument argument = {.name = "at", .value = strdup(typed), .is_moment = true};
    assert_true(arguments_times(&argument, 1));
    assert_string_equal(argument.value, expected);
    arguments_free(&argument, 1);
}

/* All of what was written is sent, also what is no whole minute or hour elsewhere. */
static void test_moments(void **state)
{
    (void)state;
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    tzset();
    expect_moment("2026-11-23 20:36", "2026-11-23T19:36Z");
    expect_moment("2026-11-23 20:36:40", "2026-11-23T19:36:40Z");
    expect_moment("2026-11-23 20:36:40.5", "2026-11-23T19:36:40.5Z");
    expect_moment("2026-10-25", "2026-10-24T22:00Z..2026-10-25T22:59Z");
    expect_moment("2026-11-23T19:36Z..2026-11-23T19:40Z", "2026-11-23T19:36Z..2026-11-23T19:40Z");
}

static int times_of(struct cli *cli, int argc, char **argv)
{
    (void)cli;
    (void)argc;
    struct argument argument = {.name = "from", .value = strdup(argv[1]), .is_time = true};
    bool taken = arguments_times(&argument, 1);
    arguments_free(&argument, 1);
    return taken ? -1 : CLI_USAGE;
}

static void test_times_refused_where(void **state)
{
    (void)state;
    assert_int_equal(RUN(times_of, "times", "22:60:00"), CLI_USAGE);
    assert_string_equal(said,
                        "pavo: --from: '22:60:00': minutes go from 00 to 59, not 60\n  --from 22:60:00\n            "
                        "^\n");
    assert_int_equal(RUN(times_of, "times", "20:36..20:40"), CLI_USAGE);
    assert_non_null(strstr(said, "one moment"));
}

/* Asks `argv[0]` with a named and a positional argument; an exit code. */
static int ask_once(struct cli *cli, int argc, char **argv)
{
    struct ask ask;
    struct argument arguments[] = {{.name = "slack", .value = argv[1]},
                                   {.name = "filter", .value = argc > 2 ? argv[2] : NULL, .positional = true},
                                   {.name = "limit"}};
    assert_int_equal(ask_open(cli, &ask), -1);
    int code = ask_begin(&ask, argv[0], arguments, 3);
    const pavo_columns *page;
    while (code < 0 && ask_page(&ask, &page))
        continue;
    if (code < 0)
        code = ask.code < 0 ? (int)ask.rows : ask.code;
    ask_close(&ask);
    return code;
}

static const struct fake_column columns[] = {{"name", "NAME", PAVO_KIND_TEXT, NULL}};
static const pavo_columns pages[] = {
    {FAKE_COLUMNS(columns), .rows = 2, .cells = (const char *const[]){"a", "b"}},
    {FAKE_COLUMNS(columns), .rows = 5, .cells = (const char *const[]){"a", "b", "c", "d", "e"}},
};
static const struct pavo_answer answers[] = {
    {.question = "whole", .pages = pages, .page_count = 2},
    {.question = "broken", .pages = pages, .page_count = 1, .broken = "the aggregator went away"},
    {.question = "filter", .error = "'host' needs a value", .parameter = "filter", .offset = 5},
    {.question = "slack", .error = "'5x' is no duration", .parameter = "slack", .offset = 1},
    {.question = "beyond", .error = "no", .parameter = "slack", .offset = 99},
    {.question = "busy", .error = "too many questions"},
};

static void test_asked(void **state)
{
    (void)state;
    fake_answers(answers, sizeof(answers) / sizeof(*answers));
    assert_int_equal(RUN(ask_once, "whole", "5s", "host 10.0.0.1"), 7); /* rows */
    assert_string_equal(fake_asked(), "whole slack=5s filter=host 10.0.0.1");
    assert_int_equal(RUN(ask_once, "whole", "5s"), 7);
    assert_string_equal(fake_asked(), "whole slack=5s"); /* what is not given is left to the aggregator */
}

static void test_refused(void **state)
{
    (void)state;
    fake_answers(answers, sizeof(answers) / sizeof(*answers));
    assert_int_equal(RUN(ask_once, "filter", "5s", "host and tcp"), CLI_USAGE);
    assert_string_equal(said, "pavo: 'host' needs a value\n  host and tcp\n       ^\n");
    assert_int_equal(RUN(ask_once, "filter", "5s", "h\xc3\xb6st and tcp"), CLI_USAGE); /* a letter of two bytes */
    assert_non_null(strstr(said, "\n      ^\n"));
    assert_int_equal(RUN(ask_once, "slack", "5x"), CLI_USAGE);
    assert_string_equal(said, "pavo: '5x' is no duration\n  --slack 5x\n           ^\n");
    assert_int_equal(RUN(ask_once, "beyond", "5x"), CLI_USAGE);
    assert_string_equal(said, "pavo: no\n");
    assert_int_equal(RUN(ask_once, "busy", "5x"), CLI_UNREACHABLE);
    assert_string_equal(said, "pavo: too many questions\n");
}

static void test_broken_off(void **state)
{
    (void)state;
    fake_answers(answers, sizeof(answers) / sizeof(*answers));
    assert_int_equal(RUN(ask_once, "broken", "5s"), CLI_UNREACHABLE);
    assert_string_equal(said, "pavo: the aggregator went away\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times), cmocka_unit_test(test_moments), cmocka_unit_test(test_times_refused_where),
        cmocka_unit_test(test_asked), cmocka_unit_test(test_refused), cmocka_unit_test(test_broken_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
