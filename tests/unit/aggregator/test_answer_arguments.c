/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments: every type, what is refused and where, and the command line that asks the same. */
#include "tests/unit/aggregator/support.h"

#include "aggregator/answer/arguments.h"

static const char *const colours[] = {"red", "green", "blue"};
enum { TEXT, FILTER, TIME, SPAN, END, PROTOCOL, NUMBER, WORD };
static const struct parameter parameters[] = {
    [TEXT] = {.name = "text", .type = PARAMETER_TEXT},
    [FILTER] = {.name = "filter", .type = PARAMETER_FILTER, .kind = RECORD_FLOW, .positional = true},
    [TIME] = {.name = "time", .type = PARAMETER_TIME},
    [SPAN] = {.name = "span", .type = PARAMETER_SPAN, .fallback = "5s"},
    [END] = {.name = "end", .type = PARAMETER_END},
    [PROTOCOL] = {.name = "protocol", .type = PARAMETER_PROTOCOL},
    [NUMBER] = {.name = "number", .type = PARAMETER_NUMBER, .fallback = "7"},
    [WORD] = {.name = "word", .type = PARAMETER_WORD, .words = colours, .word_count = 3},
};
static const struct question ask = {.name = "ask", .parameters = parameters, .parameter_count = 8};

enum { FLAG, TOPIC, CHOICE, NEEDED, BEGIN, CEASE, MOMENT };
static const struct parameter others[] = {
    [FLAG] = {.name = "flag", .type = PARAMETER_FLAG},
    [TOPIC] = {.name = "topic", .type = PARAMETER_TOPIC},
    [CHOICE] = {.name = "choice", .type = PARAMETER_FILTER, .kind_from = "topic"},
    [NEEDED] = {.name = "needed", .type = PARAMETER_TEXT, .required = true, .help = "what is needed"},
    [BEGIN] = {.name = "begin", .type = PARAMETER_TIME},
    [CEASE] = {.name = "cease", .type = PARAMETER_TIME, .not_before = "begin"},
    [MOMENT] = {.name = "moment", .type = PARAMETER_MOMENT},
};
static const struct question other = {.name = "other", .parameters = others, .parameter_count = 7};
static const struct question bare = {.name = "bare"};

static struct error err;
static struct arguments arguments;
static struct argument_error where;

/* name, value, ..., NULL */
static enum result parse(const struct question *question, const char *const pairs[])
{
    Pavo__Argument texts[16], *pointers[16];
    size_t count = 0;
    for (; pairs[2 * count] != NULL; count++) {
        pavo__argument__init(&texts[count]);
        texts[count].name = (char *)pairs[2 * count];
        texts[count].value = (char *)pairs[2 * count + 1];
        pointers[count] = &texts[count];
    }
    where = (struct argument_error){"untouched", 99};
    return arguments_parse(question, pointers, count, NULL, 0, &arguments, &where, &err);
}

#define take(question, ...)   assert_ok(parse(question, (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL}), err)
#define refuse(question, ...) refuse_in(question, (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static void refuse_in(const struct question *question, const char *const pairs[])
{
    arguments = (struct arguments){.question = &bare};
    assert_int_equal(parse(question, pairs), RESULT_REJECT);
    assert_ptr_equal(arguments.question, &bare); /* untouched */
    assert_string_not_equal(where.parameter, "untouched");
}

static int64_t time_of(const char *text)
{
    take(&ask, "time", text);
    int64_t ns = arguments.values[TIME].time;
    arguments_fini(&arguments);
    return ns;
}

static void refuse_time(const char *text)
{
    refuse(&ask, "time", text);
    assert_string_equal(where.parameter, "time");
}

static void test_times(void **state)
{
    (void)state;
    assert_int_equal(time_of("2026-11-23T00:00:00Z"), TEST_NOW);
    assert_int_equal(time_of("2026-11-23T00:00:00.5Z"), TEST_NOW + NS_PER_S / 2);
    assert_int_equal(time_of("2026-11-23T00:00:00.123456789Z"), TEST_NOW + 123456789);
    assert_int_equal(time_of("2026-11-23T01:30:00+01:30"), TEST_NOW);
    assert_int_equal(time_of("2026-11-22T16:00:00.5-08:00"), TEST_NOW + NS_PER_S / 2);
    assert_int_equal(time_of("2026-11-23T01:30:00+0130"), TEST_NOW);
    assert_int_equal(time_of("23/Nov/2026:00:00:00 +0000"), TEST_NOW);
    assert_int_equal(time_of("Mon, 23 Nov 2026 00:00:00 GMT"), TEST_NOW);
    assert_int_equal(time_of("@1795392000"), TEST_NOW);
    assert_int_equal(time_of("1795392000000000000"), TEST_NOW);
    assert_int_equal(time_of("-1"), -1);
    assert_int_equal(time_of("4500000000000000000"), ARGUMENT_TIME_MAX);
    assert_int_equal(time_of("1970-01-01T00:00:00Z"), 1); /* 0 is "unbounded" */
    assert_int_equal(time_of("0"), 1);
    /* What depends on where or when somebody is. */
    refuse_time("2026-11-23T00:00:00");
    refuse_time("2026-11-23");
    refuse_time("20:36:40Z");
    refuse_time("now");
    refuse_time("-15m");
    refuse_time("");
    refuse_time("4500000000000000001");
    refuse_time("99999999999999999999");
    refuse_time("2026-11-23T00:00:00+1:30");
    refuse_time("2026-02-30T00:00:00Z");
    refuse_time("2026-11-23T00:00Z..2026-11-23T00:01Z");
    refuse_time("12x");
    refuse_time("-");
}

static void expect_moment(const char *text, int64_t length_ns)
{
    take(&other, "needed", "", "moment", text);
    assert_int_equal(arguments.values[MOMENT].time, TEST_NOW);
    assert_int_equal(arguments.values[MOMENT].time_end - TEST_NOW, length_ns);
}

static void test_moments_are_as_long_as_written(void **state)
{
    (void)state;
    expect_moment("2026-11-23T00:00Z", 60 * NS_PER_S);
    expect_moment("2026-11-23T00:00:00Z", NS_PER_S);
    expect_moment("2026-11-23 00:00:00.000 UTC", NS_PER_MS);
    expect_moment("2026-11-23T00:00Z..2026-11-23T00:04Z", 300 * NS_PER_S);
    expect_moment("1795392000000000000", 1);
    refuse(&other, "needed", "", "moment", "2026-11-23T00:00");
    refuse(&other, "needed", "", "moment", "4500000000000000001");
}

static void test_reversed_times_are_refused(void **state)
{
    (void)state;
    refuse(&other, "needed", "", "begin", "2026-11-23T00:00:01Z", "cease", "2026-11-23T00:00:00Z");
    assert_string_equal(where.parameter, "begin");
    assert_non_null(strstr(err.text, "--begin is after --cease"));
    take(&other, "needed", "", "begin", "2026-11-23T00:00:00Z", "cease", "2026-11-23T00:00:00Z"); /* alive then */
    take(&other, "needed", "", "cease", "-1");
}

static void test_ends_and_protocols(void **state)
{
    (void)state;
    take(&ask, "end", "203.0.113.5:40312", "protocol", "udp");
    assert_int_equal(arguments.values[END].end.address.lo, 0xffffcb007105u);
    assert_int_equal(arguments.values[END].end.port, 40312);
    assert_int_equal(arguments.values[PROTOCOL].number, 17);
    take(&ask, "end", "[2001:db8::17]:51544", "protocol", "255");
    assert_int_equal(arguments.values[END].end.port, 51544);
    assert_int_equal(arguments.values[PROTOCOL].number, 255);
    take(&ask, "end", "2001:db8::17");
    assert_int_equal(arguments.values[END].end.port, 0);
    refuse(&ask, "end", "example.org");
    refuse(&ask, "end", "203.0.113.5:65536");
    refuse(&ask, "end", "");
    refuse(&ask, "protocol", "0");
    refuse(&ask, "protocol", "256");
    refuse(&ask, "protocol", "arp"); /* has no ends */
    refuse(&ask, "protocol", "carrier pigeon");
}

static void test_numbers_spans_flags(void **state)
{
    (void)state;
    take(&ask, "number", "18446744073709551615", "span", "250ms");
    assert_true(arguments.values[NUMBER].number == UINT64_MAX);
    assert_int_equal(arguments.values[SPAN].time, 250 * NS_PER_MS);
    take(&ask);
    assert_int_equal(arguments.values[NUMBER].number, 7);
    assert_int_equal(arguments.values[SPAN].time, 5 * NS_PER_S);
    assert_false(arguments.values[NUMBER].given);
    assert_int_equal(arguments.values[TIME].time, 0);
    assert_null(arguments.values[TEXT].text);
    refuse(&ask, "number", "18446744073709551616");
    refuse(&ask, "number", "-1");
    refuse(&ask, "number", "1e3");
    refuse(&ask, "number", "");
    refuse(&ask, "span", "-5s");
    refuse(&ask, "span", "soon");
    take(&other, "needed", "", "flag", "yes");
    assert_int_equal(arguments.values[FLAG].number, 1);
    take(&other, "needed", "", "flag", "false");
    assert_int_equal(arguments.values[FLAG].number, 0);
    refuse(&other, "needed", "", "flag", "perhaps");
}

static void test_words(void **state)
{
    (void)state;
    take(&ask, "word", "blue");
    assert_int_equal(arguments.values[WORD].number, 2);
    refuse(&ask, "word", "gren");
    assert_non_null(strstr(err.text, "did you mean green?"));
    refuse(&ask, "word", "turquoise");
    assert_non_null(strstr(err.text, "red, green, blue"));
    take(&other, "needed", "", "topic", "loss");
    assert_int_equal(arguments.values[TOPIC].number, RECORD_LOSS);
    refuse(&other, "needed", "", "topic", "link");
    assert_non_null(strstr(err.text, "flow, verdict, binding, loss, status, alert"));
}

static void test_texts(void **state)
{
    (void)state;
    take(&ask, "text", "gr\xc3\xbc\xc3\x9f");
    assert_string_equal(arguments.values[TEXT].text, "gr\xc3\xbc\xc3\x9f");
    refuse(&ask, "text", "\033[2J");
    refuse(&ask, "text", "\xff");
    refuse(&ask, "text", "a\nb");
}

static void test_filters(void **state)
{
    (void)state;
    take(&ask, "filter", "tcp and src port 80");
    assert_ptr_equal(filter_kind(arguments.values[FILTER].filter), record_kinds[RECORD_FLOW]);
    arguments_fini(&arguments);
    assert_null(arguments.values[FILTER].filter);
    refuse(&ask, "filter", "tcp and nonsense!");
    assert_string_equal(where.parameter, "filter");
    assert_int_equal(where.offset, 8);
    /* Of the kind that another argument names, wherever it stands. */
    take(&other, "choice", "reason \"too slow\"", "needed", "", "topic", "loss");
    assert_ptr_equal(filter_kind(arguments.values[CHOICE].filter), record_kinds[RECORD_LOSS]);
    arguments_fini(&arguments);
    refuse(&other, "choice", "reason \"too slow\"", "needed", "", "topic", "flow");
    assert_string_equal(where.parameter, "choice");
}

static void test_which_arguments(void **state)
{
    (void)state;
    refuse(&ask, "tim", "1");
    assert_string_equal(where.parameter, "tim");
    assert_non_null(strstr(err.text, "did you mean 'time'?"));
    refuse(&ask, "elephant", "1");
    assert_non_null(strstr(err.text, "pavo questions ask"));
    refuse(&bare, "time", "1");
    assert_non_null(strstr(err.text, "no arguments"));
    refuse(&ask, "time", "1", "number", "1", "time", "1");
    assert_string_equal(where.parameter, "time");
    assert_non_null(strstr(err.text, "twice"));
    refuse(&other, "flag", "yes");
    assert_string_equal(where.parameter, "needed");
    assert_non_null(strstr(err.text, "what is needed"));
    take(&bare);
}

static void expect_command(const char *expected)
{
    struct json text = {0};
    arguments_command(&arguments, &text);
    assert_string_equal(text.text, expected);
    json_fini(&text);
    arguments_fini(&arguments);
}

static void test_commands(void **state)
{
    (void)state;
    take(&bare);
    expect_command("pavo bare");
    take(&ask, "filter", "tcp", "time", "1795392000000000000");
    expect_command("pavo ask --time 2026-11-23T00:00:00.000000000Z tcp");
    take(&other, "needed", "", "moment", "2026-11-23 01:00 +01:00");
    expect_command("pavo other --needed '' --moment 2026-11-23T00:00Z");
    take(&other, "needed", "", "moment", "2026-11-23T00:00Z..2026-11-24T00:00Z");
    expect_command("pavo other --needed '' --moment 2026-11-23T00:00Z..2026-11-24T00:00Z");
    take(&other, "needed", "it's");
    expect_command("pavo other --needed 'it'\\''s'");
    take(&ask, "filter", "(tcp) and src port 80", "number", "9");
    expect_command("pavo ask --number 9 '(tcp) and src port 80'");
    take(&ask, "text", "", "filter", "");
    expect_command("pavo ask --text '' ''");
    take(&ask, "text", "$(reboot) `x` \"y\" !");
    expect_command("pavo ask --text '$(reboot) `x` \"y\" !'");
    take(&ask, "end", "[2001:db8::1]:5");
    expect_command("pavo ask --end '[2001:db8::1]:5'");
    take(&ask, "filter", "tcp\nand\tudp");
    expect_command("pavo ask 'tcp?and?udp'");
}

/* A SELECT is one line, and means what it did. */
static void test_select(void **state)
{
    (void)state;
    static const struct parameter selects[] = {{.name = "select", .type = PARAMETER_SELECT, .positional = true}};
    static const struct question sql = {.name = "sql", .parameters = selects, .parameter_count = 1};
    static const struct {
        const char *text, *line;
    } texts[] = {{"", ""}, /* which protobuf-c has in memory that may not be written to */
                 {"SELECT 1", "SELECT 1"},
                 {"SELECT\n\t1 -- one\nFROM flow --", "SELECT  1  FROM flow "},
                 {"SELECT '--', \"--\" -- '\n, 1", "SELECT '--', \"--\"  , 1"},
                 {"SELECT 'it''s' -- \"", "SELECT 'it''s' "}};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        take(&sql, "select", texts[i].text);
        assert_string_equal(arguments.values[0].text, texts[i].line);
        arguments_fini(&arguments);
    }
    refuse(&sql, "select", "SELECT '\n'");
    refuse(&sql, "select", "SELECT \033");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_moments_are_as_long_as_written),
        cmocka_unit_test(test_reversed_times_are_refused),
        cmocka_unit_test(test_ends_and_protocols),
        cmocka_unit_test(test_numbers_spans_flags),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_which_arguments),
        cmocka_unit_test(test_commands),
        cmocka_unit_test(test_select),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
