/* SPDX-License-Identifier: Apache-2.0 */
/* pavo nat: who was behind an address and port, or where did it come out; and what was not seen. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/cli/cell.h"
#include "aggregator/cli/coverage.h"
#include "aggregator/cli/nat.h"
#include "aggregator/cli/print.h"
#include "aggregator/cli/question.h"
#include "common/clock.h"
#include "common/when.h"

#define QUESTION "nat"

struct nat {
    struct ask ask;
    const struct argument *arguments;
    size_t linked, unlinked; /* rows so far */
    bool why;                /* the evidence's terms */
    bool report;             /* sentences for a report */
};

/* ---------------------------------------------------------------- for people */

static void print_linked(const struct nat *nat, const pavo_columns *page, size_t row)
{
    print_row_sentence(nat->ask.cli, page, row, 0, "{first_time} {answer}");
    print_row_sentence(
        nat->ask.cli, page, row, 4,
        "{protocol}, {state}, from {first_time} to {last_time}; {src_bytes} sent in {src_packets} packets, "
        "{dst_bytes} received in {dst_packets}");
    print_row_sentence(nat->ask.cli, page, row, 4, "{evidence}");
    print_row_sentence(
        nat->ask.cli, page, row, 4,
        "at boundary {boundary}: seen inside by {sensor} (flow {flow}), outside by {partner_sensor} (flow "
        "{partner_flow}) with an offset of {offset}");
}

/* What there is instead of an answer. */
static void print_not_known(const struct nat *nat)
{
    const struct argument *a = nat->arguments;
    char from[TIME_TEXT_MAX], to[TIME_TEXT_MAX];
    struct when at;
    printf("Not known: no connection of %s", a[NAT_END].value);
    if (a[NAT_AT].value != NULL && when_parse_span(a[NAT_AT].value, NULL, &at, NULL, NULL) == RESULT_OK) {
        time_text(at.from_ns, nat->ask.cli->utc, from);
        if (at.to_ns - at.from_ns > NS_PER_S)
            printf(" from %s until %s", from, time_text(at.to_ns, nat->ask.cli->utc, to));
        else
            printf(" at %s", from);
        printf(" (%s around it)", a[NAT_SLACK].value == NULL ? NAT_SLACK_DEFAULT : a[NAT_SLACK].value);
    }
    printf(" is linked across a boundary%s.\n", nat->unlinked > 0 ? "" : ", and none was seen on one side either");
}

static void print_row(struct nat *nat, const pavo_columns *page, size_t row)
{
    if (nat_is_linked(page, row)) {
        if (nat->report)
            nat_report(page, row, nat->linked > 0);
        else
            print_linked(nat, page, row);
        if (nat->why)
            nat_why(page, row);
        nat->linked++;
        return;
    }
    if (nat->unlinked++ == 0) {
        if (nat->linked == 0)
            print_not_known(nat);
        printf("\nSeen on one side only:\n");
    }
    print_row_sentence(nat->ask.cli, page, row, 2,
                       "{first_time} {sensor}: {src} to {dst}, {protocol} {state} (flow {flow})");
    print_row_sentence(nat->ask.cli, page, row, 6, "{evidence}");
}

/* What was not seen stands last, and is that of the answer, not of the neighbours'. */
static int print_end(struct nat *nat)
{
    struct coverage coverage = {0};
    int state = pavo_answer_coverage(nat->ask.answer);
    if (nat->linked + nat->unlinked == 0)
        print_not_known(nat);
    coverage_add(&coverage, nat->ask.cli, nat->ask.answer);
    coverage_behind(&coverage, nat->ask.cli, nat->ask.answer, question_end(nat->arguments, NAT_ARGUMENTS));
    int code = nat_neighbours(&nat->ask, nat->arguments);
    putchar('\n');
    coverage_print(&coverage, nat->ask.cli);
    coverage_free(&coverage);
    return code >= 0 ? code : coverage_code(state, nat->linked);
}

static int print_people(struct nat *nat)
{
    const pavo_columns *page;
    while (ask_page(&nat->ask, &page)) {
        for (size_t row = 0; row < pavo_columns_rows(page); row++)
            print_row(nat, page, row);
    }
    return nat->ask.code >= 0 ? nat->ask.code : print_end(nat);
}

static int ask_for_people(struct cli *cli, struct argument *arguments, bool why, bool report)
{
    struct nat nat = {.arguments = arguments, .why = why, .report = report};
    if (!arguments_times(arguments, NAT_ARGUMENTS))
        return CLI_USAGE;
    int code = ask_open(cli, &nat.ask);
    if (code >= 0)
        return code;
    code = ask_begin(&nat.ask, QUESTION, arguments, NAT_ARGUMENTS);
    if (code < 0)
        code = print_people(&nat);
    ask_close(&nat.ask);
    return code;
}

/* ---------------------------------------------------------------- the command */

struct forms {
    char *file; /* owned */
    bool why, report;
};

static int run(struct cli *cli, struct argument *arguments, const struct forms *forms, int argc, char **argv, int first)
{
    if ((forms->file != NULL) == (first < argc))
        return cli_fail(CLI_USAGE, "one address was expected, or pasted words, or --report FILE: pavo nat "
                                   "203.0.113.5:40312 --at 20:36:40");
    int code =
        forms->file != NULL ? nat_take_file(arguments, forms->file) : nat_take_words(arguments, argc, argv, first);
    if (code >= 0)
        return code;
    if (!cli->json && !cli->csv)
        return ask_for_people(cli, arguments, forms->why, forms->report);
    return question_run(cli, &(struct question){QUESTION, arguments, NAT_ARGUMENTS, "it is not known", nat_is_linked});
}

int cli_nat(struct cli *cli, int argc, char **argv)
{
    struct argument arguments[NAT_ARGUMENTS] = {[NAT_END] = {.name = "end", .positional = true},
                                                [NAT_AT] = {.name = "at", .is_moment = true},
                                                [NAT_SLACK] = {.name = "slack"},
                                                [NAT_PROTOCOL] = {.name = "protocol"},
                                                [NAT_LIMIT] = {.name = "limit"}};
    struct forms forms = {0};
    const struct option_spec specs[] = {
        {.name = "at",
         .letter = 't',
         .kind = OPTION_STRING,
         .target = &arguments[NAT_AT].value,
         .argument = "TIME",
         .group = "When, and what",
         .help =
             "at that moment, as a log or report has it: 20:36, '2026-11-23 20:36:40', 'Nov 23 20:36:40', -15m (ago); "
             "local unless it says a zone. It is as long as it is written: 20:36 is a minute. Default: any time, "
             "the newest first"},
        {.name = "slack",
         .letter = 's',
         .kind = OPTION_STRING,
         .target = &arguments[NAT_SLACK].value,
         .argument = "TIME",
         .help = "how far before and after that moment a connection may lie. Default: " NAT_SLACK_DEFAULT},
        {.name = "protocol",
         .letter = 'p',
         .kind = OPTION_STRING,
         .target = &arguments[NAT_PROTOCOL].value,
         .argument = "P",
         .help = "tcp, udp, icmp ... or a number. Default: any"},
        {.name = "limit",
         .letter = 'n',
         .kind = OPTION_STRING,
         .target = &arguments[NAT_LIMIT].value,
         .argument = "N",
         .help = "at most N rows, the nearest to that moment. Default: 20"},
        {.name = "report",
         .letter = 'r',
         .kind = OPTION_STRING,
         .target = &forms.file,
         .argument = "FILE",
         .help = "what was reported stands in FILE, a mail or lines of a log; -: on standard input. Options say more "
                 "than it does"},
        {.name = "why",
         .letter = 'w',
         .kind = OPTION_FLAG,
         .target = &forms.why,
         .group = "How it is said",
         .help = "the evidence's terms, a line each, as they add up to the odds"},
        {.name = "text",
         .kind = OPTION_FLAG,
         .target = &forms.report,
         .help = "as sentences for a report, in UTC: who, when and by which clock, how sure, and what was not seen"},
        {0}};
    const struct options options = {
        .program = "pavo nat",
        .usage = "[OPTION]... ADDR[:PORT] | WORDS...",
        .about =
            "Tells who was behind an address and port that a NAT gave out, or where an inside address came out; either "
            "direction across a boundary, sources and destinations. Each answer names the other end, how the two "
            "views of the connection were recognised as one, and how sure that is. Then it tells what was not seen: "
            "views without a partner, losses, silent sensors, and sensors that have yet to report. With a port and a "
            "moment "
            "also who had the same port before and after. In place of the address it takes the words of a report or "
            "log, "
            "and says what it understood. Exit status 1: it "
            "is not "
            "known, and nothing is known to be missing.",
        .examples = "pavo nat 203.0.113.5:40312 --at '2026-11-23 20:36:40'\n"
                    "pavo nat --text '203.0.113.5 port 40312 at 2026-11-23 20:36:40 +0100'\n"
                    "pavo nat --why --report mail.txt\n"
                    "pavo nat 10.0.1.17 --at -10m --slack 1m --protocol tcp\n"
                    "pavo nat '[2001:db8::17]:51544' --json",
        .specs = specs,
    };
    int first, code = cli_options(cli, &options, argc, argv, &first);
    if (code < 0)
        code = run(cli, arguments, &forms, argc, argv, first);
    arguments_free(arguments, NAT_ARGUMENTS);
    free(forms.file);
    return code;
}
