/* SPDX-License-Identifier: Apache-2.0 */
/* pavo nat: who was behind an address and port, or where did it come out; and what was not seen. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/cli/cell.h"
#include "aggregator/cli/coverage.h"
#include "aggregator/cli/question.h"
#include "common/clock.h"
#include "common/when.h"

#define QUESTION      "nat"
#define SLACK_DEFAULT "5s" /* the aggregator's */

enum { END, AT, SLACK, PROTOCOL, LIMIT, ARGUMENTS };

struct nat {
    struct ask ask;
    const struct argument *arguments;
    size_t linked, unlinked; /* rows so far */
};

static bool is_linked(const pavo_columns *page, size_t row)
{
    return pavo_columns_text(page, row, pavo_columns_field(page, "partner_sensor")) != NULL;
}

/* ---------------------------------------------------------------- for people */

static void print_sentence(const struct nat *nat, const pavo_columns *page, size_t row, unsigned indent,
                           const char *sentence)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (stream == NULL)
        return;
    cell_sentence(stream, page, row, nat->ask.cli->utc, sentence);
    if (fclose(stream) == 0)
        cli_wrap(text, indent);
    free(text);
}

static void print_linked(const struct nat *nat, const pavo_columns *page, size_t row)
{
    print_sentence(nat, page, row, 0, "{first_time} {answer}");
    print_sentence(nat, page, row, 4,
                   "{protocol}, {state}, from {first_time} to {last_time}; {src_bytes} sent in {src_packets} packets, "
                   "{dst_bytes} received in {dst_packets}");
    print_sentence(nat, page, row, 4, "{evidence}");
    print_sentence(nat, page, row, 4,
                   "at boundary {boundary}: seen inside by {sensor} (flow {flow}), outside by {partner_sensor} (flow "
                   "{partner_flow}) with an offset of {offset}");
}

/* What there is instead of an answer. */
static void print_not_known(const struct nat *nat)
{
    const struct argument *a = nat->arguments;
    char from[TIME_TEXT_MAX], to[TIME_TEXT_MAX];
    struct when at;
    printf("Not known: no connection of %s", a[END].value);
    if (a[AT].value != NULL && when_parse_span(a[AT].value, NULL, &at, NULL, NULL) == RESULT_OK) {
        time_text(at.from_ns, nat->ask.cli->utc, from);
        if (at.to_ns - at.from_ns > NS_PER_S)
            printf(" from %s until %s", from, time_text(at.to_ns, nat->ask.cli->utc, to));
        else
            printf(" at %s", from);
        printf(" (%s around it)", a[SLACK].value == NULL ? SLACK_DEFAULT : a[SLACK].value);
    }
    printf(" is linked across a boundary%s.\n", nat->unlinked > 0 ? "" : ", and none was seen on one side either");
}

static void print_row(struct nat *nat, const pavo_columns *page, size_t row)
{
    if (is_linked(page, row)) {
        nat->linked++;
        print_linked(nat, page, row);
        return;
    }
    if (nat->unlinked++ == 0) {
        if (nat->linked == 0)
            print_not_known(nat);
        printf("\nSeen on one side only:\n");
    }
    print_sentence(nat, page, row, 2, "{first_time} {sensor}: {src} to {dst}, {protocol} {state} (flow {flow})");
    print_sentence(nat, page, row, 6, "{evidence}");
}

static void print_coverage(struct nat *nat)
{
    struct coverage coverage = {0};
    if (nat->linked + nat->unlinked == 0)
        print_not_known(nat);
    putchar('\n');
    coverage_add(&coverage, nat->ask.cli, nat->ask.answer);
    coverage_behind(&coverage, nat->ask.cli, nat->ask.answer, question_end(nat->arguments, ARGUMENTS));
    coverage_print(&coverage, nat->ask.cli);
    coverage_free(&coverage);
}

static int print_people(struct nat *nat)
{
    const pavo_columns *page;
    while (ask_page(&nat->ask, &page)) {
        for (size_t row = 0; row < pavo_columns_rows(page); row++)
            print_row(nat, page, row);
    }
    if (nat->ask.code >= 0)
        return nat->ask.code;
    print_coverage(nat);
    return coverage_code(pavo_answer_coverage(nat->ask.answer), nat->linked);
}

static int ask_for_people(struct cli *cli, struct argument *arguments)
{
    struct nat nat = {.arguments = arguments};
    if (!arguments_times(arguments, ARGUMENTS))
        return CLI_USAGE;
    int code = ask_open(cli, &nat.ask);
    if (code >= 0)
        return code;
    code = ask_begin(&nat.ask, QUESTION, arguments, ARGUMENTS);
    if (code < 0)
        code = print_people(&nat);
    ask_close(&nat.ask);
    return code;
}

/* ---------------------------------------------------------------- the command */

static int run(struct cli *cli, struct argument *arguments, int argc, char **argv, int first)
{
    if (argc - first != 1)
        return cli_fail(CLI_USAGE, "one address was expected: pavo nat 203.0.113.5:40312 --at 20:36:40");
    arguments[END].value = strdup(argv[first]);
    if (arguments[END].value == NULL)
        return cli_fail(CLI_UNREACHABLE, "out of memory");
    if (!cli->json && !cli->csv)
        return ask_for_people(cli, arguments);
    return question_run(cli, &(struct question){QUESTION, arguments, ARGUMENTS, "it is not known", is_linked});
}

int cli_nat(struct cli *cli, int argc, char **argv)
{
    struct argument arguments[ARGUMENTS] = {[END] = {.name = "end", .positional = true},
                                            [AT] = {.name = "at", .is_moment = true},
                                            [SLACK] = {.name = "slack"},
                                            [PROTOCOL] = {.name = "protocol"},
                                            [LIMIT] = {.name = "limit"}};
    const struct option_spec specs[] = {
        {.name = "at",
         .letter = 't',
         .kind = OPTION_STRING,
         .target = &arguments[AT].value,
         .argument = "TIME",
         .group = "When, and what",
         .help =
             "at that moment, as a log or report has it: 20:36, '2026-11-23 20:36:40', 'Nov 23 20:36:40', -15m (ago); "
             "local unless it says a zone. It is as long as it is written: 20:36 is a minute. Default: any time, "
             "the newest first"},
        {.name = "slack",
         .letter = 's',
         .kind = OPTION_STRING,
         .target = &arguments[SLACK].value,
         .argument = "TIME",
         .help = "how far before and after that moment a connection may lie. Default: " SLACK_DEFAULT},
        {.name = "protocol",
         .letter = 'p',
         .kind = OPTION_STRING,
         .target = &arguments[PROTOCOL].value,
         .argument = "P",
         .help = "tcp, udp, icmp ... or a number. Default: any"},
        {.name = "limit",
         .letter = 'n',
         .kind = OPTION_STRING,
         .target = &arguments[LIMIT].value,
         .argument = "N",
         .help = "at most N rows, the nearest to that moment. Default: 20"},
        {0}};
    const struct options options = {
        .program = "pavo nat",
        .usage = "[OPTION]... ADDR[:PORT]",
        .about =
            "Tells who was behind an address and port that a NAT gave out, or where an inside address came out; either "
            "direction across a boundary, sources and destinations. Each answer names the other end, how the two "
            "views of the connection were recognised as one, and how sure that is. Then it tells what was not seen: "
            "views without a partner, losses, silent sensors, and sensors that have yet to report. Exit status 1: it "
            "is not "
            "known, and nothing is known to be missing.",
        .examples = "pavo nat 203.0.113.5:40312 --at '2026-11-23 20:36:40'\n"
                    "pavo nat 10.0.1.17 --at -10m --slack 1m --protocol tcp\n"
                    "pavo nat '[2001:db8::17]:51544' --json",
        .specs = specs,
    };
    int first, code = cli_options(cli, &options, argc, argv, &first);
    if (code < 0)
        code = run(cli, arguments, argc, argv, first);
    arguments_free(arguments, ARGUMENTS);
    return code;
}
