/* SPDX-License-Identifier: Apache-2.0 */
/* pavo QUESTION: any question of the aggregator's, with its parameters as options; and pavo questions. */
#include "aggregator/cli/question.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/cli/catalogue.h"
#include "aggregator/cli/coverage.h"
#include "aggregator/cli/picture.h"
#include "aggregator/cli/print.h"
#include "common/clock.h"
#include "common/nearest.h"
#include "common/when.h"

#define SLACK_DEFAULT_NS (5 * NS_PER_S) /* the aggregator's, of the question "nat" */

/* ---------------------------------------------------------------- one question */

static const char *value_of(const struct argument *arguments, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(arguments[i].name, name) == 0)
            return arguments[i].value;
    }
    return NULL;
}

int64_t question_end(const struct argument *arguments, size_t count)
{
    const char *to = value_of(arguments, count, "to"), *at = value_of(arguments, count, "at"),
               *slack = value_of(arguments, count, "slack");
    int64_t slack_ns = SLACK_DEFAULT_NS;
    struct when when;
    if (to != NULL && when_parse(to, NULL, &when, NULL, NULL) == RESULT_OK)
        return when.from_ns;
    if (at == NULL || when_parse_span(at, NULL, &when, NULL, NULL) != RESULT_OK)
        return 0;
    if (slack != NULL && duration_parse(slack, &slack_ns, NULL) != RESULT_OK)
        return when.to_ns; /* the aggregator has refused it */
    return when.to_ns + slack_ns;
}

/* Adds who is behind where that matters: nothing was found, or the time was said. A question of flows, and of what
 * comes of them, has rows with a beginning. */
static void add_behind(struct coverage *coverage, const struct ask *ask, size_t found)
{
    int64_t end = question_end(ask->arguments, ask->argument_count);
    if (pavo_columns_field(pavo_answer_columns(ask->answer), "first_time") >= 0 && (found == 0 || end != 0))
        coverage_behind(coverage, ask->cli, ask->answer, end);
}

/* Tells the coverage. An exit code. */
static int conclude(const struct ask *ask, size_t found, const char *nothing)
{
    const struct cli *cli = ask->cli;
    if (cli->json) {
        coverage_json(ask->answer, ask->rows);
    } else {
        struct coverage coverage = {0};
        coverage_add(&coverage, cli, ask->answer);
        add_behind(&coverage, ask, found);
        coverage_note(&coverage, cli);
        coverage_free(&coverage);
        if (found == 0 && !cli->csv)
            cli_note("%s", nothing);
    }
    return coverage_code(pavo_answer_coverage(ask->answer), found);
}

static size_t count_found(const struct question *question, const pavo_columns *page)
{
    size_t rows = pavo_columns_rows(page), found = 0;
    for (size_t row = 0; question->counts != NULL && row < rows; row++)
        found += question->counts(page, row);
    return question->counts == NULL ? rows : found;
}

static int print_answer(struct ask *ask, const struct question *question)
{
    const pavo_columns *page;
    size_t found = 0;
    struct printer *printer = printer_new(ask->cli, pavo_answer_columns(ask->answer));
    if (printer == NULL)
        return CLI_UNREACHABLE;
    while (ask_page(ask, &page)) {
        printer_page(printer, page);
        found += count_found(question, page);
    }
    bool printed = printer_end(&printer); /* also what came before an answer broke off */
    if (ask->code >= 0)
        return ask->code;
    return printed ? conclude(ask, found, question->nothing) : CLI_UNREACHABLE;
}

/* A table has no place for more. */
static bool default_columns(const struct cli *cli, const struct question *question)
{
    for (size_t i = 0; i < question->count && !cli->json && !cli->csv; i++) {
        struct argument *argument = &question->arguments[i];
        if (strcmp(argument->name, "columns") != 0 || argument->value != NULL)
            continue;
        argument->value = strdup("shown");
        return argument->value != NULL;
    }
    return true;
}

int question_run(const struct cli *cli, const struct question *question)
{
    struct ask ask;
    if (!default_columns(cli, question))
        return cli_fail(CLI_UNREACHABLE, "out of memory");
    if (!arguments_times(question->arguments, question->count))
        return CLI_USAGE;
    int code = ask_open(cli, &ask);
    if (code >= 0)
        return code;
    code = ask_begin(&ask, question->name, question->arguments, question->count);
    if (code < 0)
        code = print_answer(&ask, question);
    ask_close(&ask);
    return code;
}

/* ---------------------------------------------------------------- which of them */

/* The connection's options, among others that are not known yet. An exit code or -1. */
static int read_common(struct cli *cli, int argc, char **argv)
{
    char **common = calloc((size_t)argc + 1, sizeof(*common));
    if (common == NULL)
        return cli_fail(CLI_UNREACHABLE, "out of memory");
    struct option_spec specs[CLI_COMMON_SPECS + PICTURE_SPECS + 1] = {0};
    struct picture_options of_picture = {0};
    const struct options options = {.program = "pavo", .specs = specs};
    size_t spec_count = cli_specs(cli, specs);
    if (strcmp(argv[0], PICTURE_QUESTION) == 0) {
        picture_specs(&of_picture, specs + spec_count);
        spec_count += PICTURE_SPECS;
    }
    int first, count = catalogue_common(specs, spec_count, argc, argv, common);
    int code = cli_parse(&options, count, common, &first);
    picture_options_free(&of_picture);
    free(common);
    return code;
}

static int read_catalogue(const struct cli *cli, struct catalogue *catalogue)
{
    struct ask ask;
    int code = ask_open(cli, &ask);
    if (code >= 0)
        return code;
    code = catalogue_read(&ask, catalogue);
    ask_close(&ask);
    return code;
}

/* What a person typed that is neither a command nor a question. */
static int unknown(const struct catalogue *catalogue, const char *word, const char *near)
{
    struct nearest nearest = {.word = word};
    if (near != NULL)
        nearest_try(&nearest, near);
    for (size_t i = 0; i < catalogue->count; i++)
        nearest_try(&nearest, catalogue->entries[i].question);
    if (nearest.name != NULL)
        return cli_fail(CLI_USAGE, "no command or question '%s'; did you mean '%s'?", word, nearest.name);
    return cli_fail(CLI_USAGE, "no command or question '%s'; pavo --help and pavo questions list them", word);
}

static int run_catalogued(struct cli *cli, const struct catalogue *catalogue, int argc, char **argv)
{
    struct catalogue_form form;
    struct picture_options of_picture = {0};
    bool drawn = strcmp(argv[0], PICTURE_QUESTION) == 0;
    char nothing[128];
    int first, code = catalogue_form_init(&form, catalogue, argv[0]);
    if (code < 0 && drawn)
        picture_specs(&of_picture, form.specs + form.count);
    if (code < 0)
        code = cli_options(cli, &form.options, argc, argv, &first);
    if (code < 0)
        code = catalogue_form_positional(&form, argc, argv, first);
    if (code < 0 && !catalogue_has_columns(catalogue, argv[0]))
        code = cli_fail(CLI_USAGE, "'%s' answers with messages for programs, not with rows; pavo watch follows them",
                        argv[0]);
    snprintf(nothing, sizeof(nothing), "pavo %.64s found nothing", argv[0]);
    const struct question question = {argv[0], form.arguments, form.count, nothing, NULL};
    if (code < 0 && drawn && !picture_is_of_rows(cli, &of_picture))
        code = picture_run(cli, &question, &of_picture);
    else if (code < 0)
        code = question_run(cli, &question);
    picture_options_free(&of_picture);
    catalogue_form_fini(&form);
    return code;
}

int cli_question(struct cli *cli, const char *near, int argc, char **argv)
{
    struct catalogue catalogue = {0};
    int code = read_common(cli, argc, argv);
    if (code < 0) {
        code = read_catalogue(cli, &catalogue);
        if (code >= 0 && near != NULL)
            cli_note("'%s' is no command of pavo's own: a question of the aggregator's, or did you mean '%s'?", argv[0],
                     near);
    }
    if (code < 0)
        code = catalogue_has(&catalogue, argv[0]) ? run_catalogued(cli, &catalogue, argc, argv)
                                                  : unknown(&catalogue, argv[0], near);
    catalogue_free(&catalogue);
    return code;
}

/* ---------------------------------------------------------------- pavo questions */

static int print_names(const struct cli *cli)
{
    struct catalogue catalogue = {0};
    int code = read_catalogue(cli, &catalogue);
    if (code < 0) {
        catalogue_print(&catalogue);
        code = catalogue.count == 0 ? CLI_NOTHING : CLI_ANSWERED;
    }
    catalogue_free(&catalogue);
    return code;
}

int cli_questions(struct cli *cli, int argc, char **argv)
{
    struct argument argument = {.name = "name", .positional = true};
    const struct options options = {
        .program = "pavo questions",
        .usage = "[OPTION]... [QUESTION]",
        .about = "Lists what the aggregator can be asked: `pavo QUESTION [--PARAMETER VALUE]...` asks it, and `pavo "
                 "QUESTION --help` explains it. With the name of one: its parameters and columns. --json and --csv "
                 "have all of all.",
        .examples = "pavo questions\n"
                    "pavo questions verdicts\n"
                    "pavo verdicts --from -1h --limit 20",
    };
    int first, code = cli_options(cli, &options, argc, argv, &first);
    if (code >= 0)
        return code;
    if (argc - first > 1)
        return cli_fail(CLI_USAGE, "one question at most: pavo questions verdicts");
    if (first == argc && !cli->json && !cli->csv)
        return print_names(cli);
    argument.value = first == argc ? NULL : strdup(argv[first]);
    code = question_run(cli, &(struct question){.name = "questions",
                                                .arguments = &argument,
                                                .count = 1,
                                                .nothing = "there is no such question; pavo questions lists them"});
    arguments_free(&argument, 1);
    return code;
}
