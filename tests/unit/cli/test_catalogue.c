/* SPDX-License-Identifier: Apache-2.0 */
/* Questions as the aggregator describes them: their options, and the connection's among them. */
#include "aggregator/cli/catalogue.h"
#include "command.h"
#include "fake_catalogue.h"

static struct catalogue catalogue;
static struct catalogue_form form;

static int read_it(struct cli *cli, int argc, char **argv)
{
    struct ask ask;
    (void)argc;
    (void)argv;
    assert_int_equal(ask_open(cli, &ask), -1);
    int code = catalogue_read(&ask, &catalogue);
    ask_close(&ask);
    return code;
}

static int setup(void **state)
{
    (void)state;
    fake_answers(&fake_catalogue, 1);
    return RUN(read_it, "x") != -1;
}

static int teardown(void **state)
{
    (void)state;
    catalogue_free(&catalogue);
    return 0;
}

static void test_read(void **state)
{
    (void)state;
    assert_string_equal(fake_asked(), "questions");
    assert_true(catalogue_has(&catalogue, "verdicts"));
    assert_false(catalogue_has(&catalogue, "verdict"));
    assert_false(catalogue_has(&catalogue, "limit")); /* a parameter */
}

/* The question's options, from what the aggregator says of them; argv[0] is the question. */
static int parse(struct cli *cli, int argc, char **argv)
{
    int first, code = catalogue_form_init(&form, &catalogue, argv[0]);
    if (code < 0)
        code = cli_options(cli, &form.options, argc, argv, &first);
    if (code < 0)
        code = catalogue_form_positional(&form, argc, argv, first);
    for (size_t i = 0; code < 0 && i < form.count; i++)
        printf("%s=%s%s\n", form.arguments[i].name, form.arguments[i].value == NULL ? "-" : form.arguments[i].value,
               form.arguments[i].is_time ? " (time)" : "");
    catalogue_form_fini(&form);
    return code;
}

static void test_form(void **state)
{
    (void)state;
    assert_int_equal(RUN(parse, "verdicts", "verdict", "--limit", "5", "blocked", "--from=-1h"), -1);
    assert_string_equal(printed, "filter=verdict blocked\nfrom=-1h (time)\nlimit=5\n");
    assert_int_equal(RUN(parse, "verdicts", "-n", "5", "-j", "-f", "20:36"), -1);
    assert_string_equal(printed, "filter=-\nfrom=20:36 (time)\nlimit=5\n");
    assert_int_equal(RUN(parse, "verdicts", "--filter", "tcp"), -1); /* the positional one by its name */
    assert_int_equal(RUN(parse, "verdicts", "--filter", "tcp", "udp"), CLI_USAGE);
    assert_int_equal(RUN(parse, "verdicts", "--limti", "5"), CLI_USAGE);
    assert_non_null(strstr(said, "did you mean '--limit'"));
    assert_int_equal(RUN(parse, "boundaries", "nat"), CLI_USAGE);
    assert_non_null(strstr(said, "pavo boundaries takes no argument"));
}

static void test_help(void **state)
{
    (void)state;
    assert_int_equal(RUN(parse, "verdicts", "--help"), CLI_ANSWERED);
    assert_non_null(strstr(printed, "Usage: pavo verdicts [OPTION]... [FILTER]\n"));
    assert_non_null(strstr(printed, "What became of views."));
    assert_non_null(strstr(printed, "--limit NUMBER"));
    assert_non_null(strstr(printed, "Default: 1000000"));
    assert_non_null(strstr(printed, "\n\nColumns:\nboundary (text): name of the boundary\n"));
    assert_non_null(strstr(printed, "--aggregator HOST[:PORT]"));
    assert_true(strstr(printed, "Columns:") > strstr(printed, "--limit")); /* parameters first */
    assert_int_equal(RUN(parse, "delegate", "--help"), CLI_ANSWERED);
    assert_non_null(strstr(printed, "Usage: pavo delegate [OPTION]... --reader TEXT CHALLENGE\n"));
    assert_non_null(strstr(printed, "--reader TEXT           required: the reader that signed\n"));
}

static void expect_common(const char *expected, int argc, char **argv)
{
    struct cli cli = {0};
    struct option_spec specs[CLI_COMMON_SPECS];
    char *words[16], text[256] = "";
    size_t count = cli_specs(&cli, specs);
    int used = catalogue_common(specs, count, argc, argv, words);
    for (int i = 0; i < used; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i == 0 ? "" : " ", words[i]);
    assert_string_equal(text, expected);
}
#define EXPECT_COMMON(expected, ...)                                                                                   \
    expect_common(expected, sizeof((char *[]){__VA_ARGS__}) / sizeof(char *), (char *[]){__VA_ARGS__})

static void test_common(void **state)
{
    (void)state;
    EXPECT_COMMON("q", "q");
    EXPECT_COMMON("q -a host --key k", "q", "--limit", "5", "-a", "host", "words", "--key", "k", "-j");
    EXPECT_COMMON("q --key=k -ahost", "q", "--key=k", "-ahost", "--limit=5");
    EXPECT_COMMON("q", "q", "--json", "--csv", "word", "-u");
    EXPECT_COMMON("q --key k", "q", "--json", "--key", "k"); /* a flag takes nothing */
    EXPECT_COMMON("q", "q", "--name", "--key");              /* a value that looks like an option */
    EXPECT_COMMON("q", "q", "--", "--key", "k");
    EXPECT_COMMON("q --key", "q", "--key"); /* its value is missing, and that is said later */
    EXPECT_COMMON("q", "q", "-", "-x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_read, setup, teardown),
        cmocka_unit_test_setup_teardown(test_form, setup, teardown),
        cmocka_unit_test_setup_teardown(test_help, setup, teardown),
        cmocka_unit_test(test_common),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
