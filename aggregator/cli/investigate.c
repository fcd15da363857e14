/* SPDX-License-Identifier: Apache-2.0 */
/* pavo investigate: the case of a host as a timeline, each sentence with the command that shows it again and what was
 * not seen of its time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/cli/cell.h"
#include "aggregator/cli/coverage.h"
#include "aggregator/cli/pager.h"
#include "aggregator/cli/print.h"
#include "aggregator/cli/question.h"

#define QUESTION  "investigate"
#define ROW_LINES 5 /* of a terminal, about: a sentence in two, its command, what was not seen, a blank */

enum { HOST, AROUND, BACK, ARGUMENTS };

struct timeline {
    struct ask ask;
    const struct argument *arguments;
    size_t found;
};

/* What a host did; a step that found nothing is told, and is nothing found. */
static bool is_finding(const pavo_columns *page, size_t row)
{
    return strcmp(cell_text(page, row, "step"), "nothing") != 0;
}

static void print_row(struct timeline *t, const pavo_columns *page, size_t row)
{
    bool whole = cell_text(page, row, "coverage")[0] == '\0';
    t->found += is_finding(page, row);
    print_row_sentence(t->ask.cli, page, row, 0, "{time} {answer}");
    printf("    $ %s\n", cell_text(page, row, "command")); /* in one line: it is to be copied */
    print_row_sentence(t->ask.cli, page, row, 4,
                       whole ? "Not seen of that time: nothing is known to be missing."
                             : "Not seen of that time: {coverage}");
    putchar('\n');
}

static int print_end(struct timeline *t)
{
    struct coverage coverage = {0};
    coverage_add(&coverage, t->ask.cli, t->ask.answer);
    coverage_behind(&coverage, t->ask.cli, t->ask.answer, question_end(t->arguments, ARGUMENTS));
    coverage_print(&coverage, t->ask.cli);
    coverage_free(&coverage);
    return coverage_code(pavo_answer_coverage(t->ask.answer), t->found);
}

static int print_people(struct timeline *t)
{
    const pavo_columns *page;
    bool any = ask_page(&t->ask, &page); /* which has them all: they are few */
    if (pager_begin(t->ask.cli, any ? ROW_LINES * pavo_columns_rows(page) : 0))
        progress_free(&t->ask.progress); /* the terminal is the pager's */
    for (; any; any = ask_page(&t->ask, &page)) {
        for (size_t row = 0; row < pavo_columns_rows(page); row++)
            print_row(t, page, row);
    }
    int code = t->ask.code >= 0 ? t->ask.code : print_end(t);
    pager_end();
    return code;
}

static int ask_for_people(struct cli *cli, struct argument *arguments)
{
    struct timeline t = {.arguments = arguments};
    if (!arguments_times(arguments, ARGUMENTS))
        return CLI_USAGE;
    int code = ask_open(cli, &t.ask);
    if (code >= 0)
        return code;
    code = ask_begin(&t.ask, QUESTION, arguments, ARGUMENTS);
    if (code < 0)
        code = print_people(&t);
    ask_close(&t.ask);
    return code;
}

static int run(struct cli *cli, struct argument *arguments, int argc, char **argv, int first)
{
    if (argc - first != 1)
        return cli_fail(CLI_USAGE, "one host was expected: pavo investigate 10.0.1.17 --around 20:36");
    arguments[HOST].value = strdup(argv[first]);
    if (arguments[HOST].value == NULL)
        return cli_fail(CLI_UNREACHABLE, "out of memory");
    if (!cli->json && !cli->csv)
        return ask_for_people(cli, arguments);
    return question_run(cli, &(struct question){QUESTION, arguments, ARGUMENTS, "nothing stands out", is_finding});
}

int cli_investigate(struct cli *cli, int argc, char **argv)
{
    struct argument arguments[ARGUMENTS] = {[HOST] = {.name = "host", .positional = true},
                                            [AROUND] = {.name = "around", .is_moment = true},
                                            [BACK] = {.name = "back"}};
    const struct option_spec specs[] = {
        {.name = "around",
         .letter = 't',
         .kind = OPTION_STRING,
         .target = &arguments[AROUND].value,
         .argument = "TIME",
         .group = "When",
         .help = "a moment within what it did, or up to an hour off, as a log or report has it: 20:36, "
                 "'2026-11-23 20:36:40', -15m (ago); local unless it says a zone. Default: the scan that is the most "
                 "unlikely in all that is looked at"},
        {.name = "back",
         .letter = 'b',
         .kind = OPTION_STRING,
         .target = &arguments[BACK].value,
         .argument = "TIME",
         .help = "how far back its past is read, and how far onwards. Default: 30d"},
        {0}};
    const struct options options = {
        .program = "pavo investigate",
        .usage = "[OPTION]... ADDR[:PORT]",
        .about =
            "Tells the case of a host that scans, as a timeline: when it began, and whether it had ever done so "
            "before; "
            "who came in before that, by how much that stands out (for the first time, after attempts that resemble "
            "each other, shortly before); what it fetched from peers that few here know; what the scan got into, "
            "behind "
            "a NAT as well; whom the same remote addresses were in touch with; what began there; and what it has "
            "called "
            "regularly since. Each sentence has the command that shows it again, and what was not seen of its time. It "
            "says before and after, never because. With a port, the sweep of that port. Exit status 1: nothing stands "
            "out, and nothing is known to be missing.",
        .examples = "pavo investigate 10.0.1.17\n"
                    "pavo investigate 10.0.1.17:22 --around '2026-11-23 20:36' --utc\n"
                    "pavo investigate 10.0.1.17 --json | jq -r '.command // empty'",
        .specs = specs,
    };
    int first, code = cli_options(cli, &options, argc, argv, &first);
    if (code < 0)
        code = run(cli, arguments, argc, argv, first);
    arguments_free(arguments, ARGUMENTS);
    return code;
}
