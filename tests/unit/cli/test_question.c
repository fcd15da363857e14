/* SPDX-License-Identifier: Apache-2.0 */
/* Any word that is no command is a question; pavo questions lists them. */
#include "aggregator/cli/question.h"
#include "command.h"
#include "common/clock.h"
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

    /* Nothing, of what was not all seen, is not nothing. */
    prepare((struct pavo_answer){
        .question = "verdicts", .pages = &no_rows, .page_count = 1, .coverage = PAVO_COVERAGE_NONE});
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(RUN(ask, "verdicts", (char *[]){"-u", "--csv", "--json"}[i]), CLI_INCOMPLETE);
}

static int64_t end_of(const char *to, const char *at, const char *slack)
{
    const struct argument arguments[] = {{.name = "to", .value = (char *)to},
                                         {.name = "at", .value = (char *)at},
                                         {.name = "slack", .value = (char *)slack}};
    return question_end(arguments, 3);
}

static void test_end(void **state)
{
    (void)state;
    assert_int_equal(end_of(NULL, NULL, "1m"), 0);
    assert_int_equal(end_of("1970-01-01T00:00:10Z", NULL, NULL), 10 * NS_PER_S);
    assert_int_equal(end_of(NULL, "1970-01-01T00:00:10.000000000Z", NULL), 15 * NS_PER_S + 1);
    assert_int_equal(end_of(NULL, "1970-01-01T00:00:10Z", "1m"), 71 * NS_PER_S);
    assert_int_equal(end_of(NULL, "1970-01-01T00:00Z", "1m"), 120 * NS_PER_S);
}

/* Who is behind is noted of flows, where nothing was found or the time was said; and not for JSON, which has it all. */
static void test_behind(void **state)
{
    (void)state;
    static const struct fake_column timed[] = {{"first_time", "TIME", PAVO_KIND_TIME, NULL}};
    const pavo_columns row = {FAKE_COLUMNS(timed), .rows = 1, .cells = (const char *const[]){"1|THEN"}},
                       nothing = {FAKE_COLUMNS(timed)};
    const pavo_columns reaches = {
        .columns = fake_reach_columns, .count = 3, .rows = 1, .cells = (const char *const[]){"inner", "1", NULL}};
    static const char note[] = "pavo: inner has not yet said through when it has reported; a connection still open or "
                               "just over may not be there yet\n";
    struct pavo_answer answer = {.question = "verdicts", .pages = &row, .page_count = 1, .reaches = &reaches};
    prepare(answer);
    assert_int_equal(RUN(ask, "verdicts"), CLI_ANSWERED);
    assert_string_equal(said, "");
    answer.question = "find";
    prepare(answer);
    assert_int_equal(RUN(cli_find, "find", "--to", "now"), CLI_ANSWERED);
    assert_string_equal(said, note);
    assert_int_equal(RUN(cli_find, "find", "--to", "now", "--csv"), CLI_ANSWERED);
    assert_string_equal(said, note);
    assert_int_equal(RUN(cli_find, "find", "--to", "now", "--json"), CLI_ANSWERED);
    assert_string_equal(said, "");
    answer.pages = &nothing;
    prepare(answer);
    assert_int_equal(RUN(cli_find, "find"), CLI_NOTHING);
    assert_memory_equal(said, note, sizeof(note) - 1);
    answer = (struct pavo_answer){.question = "verdicts", .pages = &no_rows, .page_count = 1, .reaches = &reaches};
    prepare(answer); /* rows that are of no time */
    assert_int_equal(RUN(ask, "verdicts"), CLI_NOTHING);
    assert_string_equal(said, "pavo: pavo verdicts found nothing\n");
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
                                 "  delegate     Begins a session.\n  replay       Messages.\n");
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
        cmocka_unit_test(test_questions),    cmocka_unit_test(test_end),
        cmocka_unit_test(test_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
