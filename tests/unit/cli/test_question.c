/* SPDX-License-Identifier: Apache-2.0 */
/* Any word that is no command is a question; pavo questions lists them. */
#include "aggregator/cli/question.h"
#include "command.h"
#include "fake_catalogue.h"

static const struct fake_column columns[] = {{"boundary", "BOUNDARY", PAVO_KIND_TEXT, NULL}};
static const pavo_columns page = {FAKE_COLUMNS(columns), .rows = 1, .cells = (const char *const[]){"nat"}};
static const pavo_columns no_rows = {FAKE_COLUMNS(columns)};
static const pavo_columns cut = {
    FAKE_COLUMNS(fake_gap_columns), .rows = 1,
    .cells = (const char *const[]){"limit", "", NULL, NULL, "0", "", "there is more than the limit of 1 rows"}};

/* The catalogue, and one answer to `question`. */
static void prepare(struct pavo_answer answer)
{
    static struct pavo_answer answers[2];
    answers[0] = fake_catalogue;
    answers[1] = answer;
    fake_answers(answers, 2);
}

static int ask(struct cli *cli, int argc, char **argv)
{
    return cli_question(cli, NULL, argc, argv);
}

static int ask_near_find(struct cli *cli, int argc, char **argv)
{
    return cli_question(cli, "find", argc, argv);
}

static void test_any_question(void **state)
{
    (void)state;
    prepare((struct pavo_answer){.question = "verdicts", .pages = &page, .page_count = 1});
    assert_int_equal(RUN(ask, "verdicts", "verdict", "blocked", "--from", "@1700000000", "-k", "other.key"),
                     CLI_ANSWERED);
    assert_string_equal(printed, "BOUNDARY\nnat\n");
    assert_string_equal(said, "");
    assert_string_equal(fake_asked(), "verdicts filter=verdict blocked from=2023-11-14T22:13:20.000000000Z");
    assert_int_equal(RUN(ask, "verdicts", "--csv"), CLI_ANSWERED);
    assert_string_equal(printed, "boundary\r\nnat\r\n");
    assert_int_equal(RUN(ask, "verdicts", "--json"), CLI_ANSWERED);
    assert_string_equal(printed, "{\"boundary\":\"nat\"}\n{\"coverage\":{\"state\":\"whole\",\"rows\":1,\"position\":0,"
                                 "\"elapsed\":0,\"gaps\":[],\"reaches\":[]}}\n");
    assert_int_equal(RUN(ask, "replay"), CLI_USAGE); /* has no rows */
    assert_non_null(strstr(said, "pavo watch"));
    assert_int_equal(RUN(ask, "verdicts", "--from", "yesterday-ish"), CLI_USAGE);
    assert_non_null(strstr(said, "--from: "));
}

/* One meaning of exit statuses, and gaps told in every form. */
static void test_partial_and_nothing(void **state)
{
    (void)state;
    prepare((struct pavo_answer){
        .question = "verdicts", .pages = &page, .page_count = 1, .coverage = PAVO_COVERAGE_PARTIAL, .gaps = &cut});
    assert_int_equal(RUN(ask, "verdicts"), CLI_INCOMPLETE);
    assert_string_equal(said, "pavo: not seen: cut off: there is more than the limit of 1 rows\n");
    assert_int_equal(RUN(ask, "verdicts", "--csv"), CLI_INCOMPLETE);
    assert_string_equal(said, "pavo: not seen: cut off: there is more than the limit of 1 rows\n");
    assert_int_equal(RUN(ask, "verdicts", "--json"), CLI_INCOMPLETE);
    assert_string_equal(said, "");
    assert_non_null(strstr(printed, "\"state\":\"partial\""));

    prepare((struct pavo_answer){.question = "verdicts", .pages = &no_rows, .page_count = 1});
    assert_int_equal(RUN(ask, "verdicts"), CLI_NOTHING);
    assert_string_equal(said, "pavo: pavo verdicts found nothing\n");
    assert_int_equal(RUN(ask, "verdicts", "--csv"), CLI_NOTHING);
    assert_string_equal(printed, "boundary\r\n");
    assert_string_equal(said, "");
    assert_int_equal(RUN(ask, "verdicts", "--json"), CLI_NOTHING);
    assert_memory_equal(printed, "{\"coverage\":", 12);
}

/* What came before an answer broke off is printed. */
static void test_broken_off(void **state)
{
    (void)state;
    prepare((struct pavo_answer){.question = "verdicts", .pages = &page, .page_count = 1, .broken = "gone"});
    assert_int_equal(RUN(ask, "verdicts"), CLI_UNREACHABLE);
    assert_string_equal(printed, "BOUNDARY\nnat\n");
    assert_string_equal(said, "pavo: gone\n");
}

static void test_unknown(void **state)
{
    (void)state;
    prepare(fake_catalogue);
    assert_int_equal(RUN(ask, "verdict"), CLI_USAGE);
    assert_non_null(strstr(said, "did you mean 'verdicts'?"));
    assert_int_equal(RUN(ask_near_find, "fin"), CLI_USAGE);
    assert_non_null(strstr(said, "did you mean 'find'?"));
    assert_int_equal(RUN(ask, "zzz"), CLI_USAGE);
    assert_non_null(strstr(said, "pavo questions list them"));
    fake_answers(NULL, 0); /* nobody there */
    assert_int_equal(RUN(ask_near_find, "fin"), CLI_UNREACHABLE);
    assert_non_null(strstr(said, "did you mean 'find'?"));
}

static void test_questions(void **state)
{
    (void)state;
    prepare(fake_catalogue);
    assert_int_equal(RUN(cli_questions, "questions"), CLI_ANSWERED);
    assert_string_equal(printed, "  verdicts     What became of views.\n  boundaries   What each boundary waits for.\n"
                                 "  replay       Messages.\n");
    assert_int_equal(RUN(cli_questions, "questions", "verdicts"), CLI_ANSWERED);
    assert_string_equal(fake_asked(), "questions name=verdicts");
    assert_memory_equal(printed, "QUESTION ", 9);
    assert_int_equal(RUN(cli_questions, "questions", "--csv"), CLI_ANSWERED);
    assert_string_equal(fake_asked(), "questions");
    assert_int_equal(RUN(cli_questions, "questions", "a", "b"), CLI_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_question), cmocka_unit_test(test_partial_and_nothing),
        cmocka_unit_test(test_broken_off),   cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_questions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
