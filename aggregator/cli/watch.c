/* SPDX-License-Identifier: Apache-2.0 */
/* pavo watch: what comes in, as it comes in. A subscriber like any other. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pavo.h>

#include "aggregator/cli/cell.h"
#include "aggregator/cli/print.h"
#include "aggregator/cli/topics.h"
#include "common/clock.h"

#define PATIENCE_MS 3000 /* before it is said that nothing comes because nobody is there */
#define STEP_MS     500

struct watch {
    struct cli *cli;
    bool from_start;
    uint64_t limit; /* 0: none */
    uint64_t printed;
    bool incomplete;
    bool complained;         /* that the connection does not stand */
    struct printer *printer; /* owned; of --csv, from the first row on */
};

/* ---------------------------------------------------------------- a line for each event */

/* For people. */
static const char *const sentences[] = {
    [PAVO_EVENT_FLOW] = "{first_time}  {sensor:8} {protocol:5} {src} > {dst}  {state}  {src_packets}/{dst_packets} "
                        "packets  {src_bytes} / {dst_bytes}",
    [PAVO_EVENT_VERDICT] = "{first_time}  verdict {boundary}: {sensor} {protocol} {src} > {dst}  {verdict}",
    [PAVO_EVENT_BINDING] = "{first_time}  binding {boundary}: {protocol} {inside} is {outside} until {last_time}, by "
                           "{witness} of {sensor}",
    [PAVO_EVENT_LOSS] = "loss {sensor}: {count} {loss} from {from_time} to {to_time}  {reason}",
    [PAVO_EVENT_STATUS] = "{time}  status {sensor}: {flows_active} flows active, records made {records_made}, "
                          "acknowledged {records_acknowledged}, lost {records_lost}, held {records_held}",
    [PAVO_EVENT_ALERT] = "{time}  alert {detector} ({severity}): {subject}: {text}",
};
#define LINKED "; outside {post_nat_src} > {post_nat_dst} by {partner_sensor}, {method}, odds {odds}"

static void print_sentence(const struct watch *watch, const pavo_event *event)
{
    size_t row = 0;
    unsigned kind = (unsigned)pavo_event_kind(event);
    const pavo_columns *columns = pavo_event_columns(event, &row);
    bool known = kind < sizeof(sentences) / sizeof(*sentences) && sentences[kind] != NULL;
    if (known)
        cell_sentence(stdout, columns, row, watch->cli->utc, sentences[kind]);
    else
        fputs(pavo_event_json(event), stdout); /* of a kind that came after this command */
    if (kind == PAVO_EVENT_VERDICT && pavo_event_text(event, "partner_sensor") != NULL)
        cell_sentence(stdout, columns, row, watch->cli->utc, LINKED);
    putchar('\n');
}

static void print_gap(const struct watch *watch, const pavo_event *event)
{
    const char *reason = pavo_event_gap_reason(event);
    if (watch->cli->json)
        puts(pavo_event_json(event));
    else
        cli_note("not seen: messages after %" PRIu64 " up to %" PRIu64 ", which could not be had again: %s",
                 pavo_event_gap_after(event), pavo_event_position(event), reason == NULL ? "no reason given" : reason);
}

static bool print_csv(struct watch *watch, const pavo_event *event)
{
    size_t row = 0;
    const pavo_columns *columns = pavo_event_columns(event, &row);
    if (watch->printer == NULL)
        watch->printer = printer_new(watch->cli, columns);
    if (watch->printer != NULL)
        printer_row(watch->printer, columns, row);
    return watch->printer != NULL;
}

/* False: out of memory, said. */
static bool print_event(struct watch *watch, const pavo_event *event)
{
    int kind = pavo_event_kind(event);
    watch->incomplete |= kind == PAVO_EVENT_GAP || kind == PAVO_EVENT_LOSS;
    watch->printed++;
    if (kind == PAVO_EVENT_GAP)
        print_gap(watch, event);
    else if (watch->cli->csv)
        return print_csv(watch, event);
    else if (watch->cli->json)
        puts(pavo_event_json(event));
    else
        print_sentence(watch, event);
    return true;
}

/* ---------------------------------------------------------------- following */

/* Says once that nobody is there, and once that somebody is again. */
static void complain(struct watch *watch, const char *why, bool patient)
{
    if (why != NULL && !watch->complained && !patient) {
        cli_note("%s; waiting for it", why);
        watch->complained = true;
    } else if (why == NULL && watch->complained) {
        cli_note("connected");
        watch->complained = false;
    }
}

/* Until enough is printed, or interrupted. An exit code. */
static int follow(struct watch *watch, pavo_subscriber *subscriber)
{
    int64_t begun = clock_monotonic_ns();
    while (!cli_interrupted() && !ferror(stdout)) {
        const pavo_event *event;
        int result = pavo_subscriber_next(subscriber, STEP_MS, &event);
        const char *why = result == PAVO_OK ? NULL : pavo_subscriber_error(subscriber);
        if (result == PAVO_REFUSED || result == PAVO_FAILED)
            return cli_fail(CLI_UNREACHABLE, "%s", why == NULL ? "the subscription ended" : why);
        if (result == PAVO_OK && !print_event(watch, event))
            return CLI_UNREACHABLE;
        if (result == PAVO_OK && watch->printed == watch->limit)
            break;
        complain(watch, why, clock_monotonic_ns() - begun < PATIENCE_MS * NS_PER_MS);
    }
    return watch->printed == 0 ? CLI_NOTHING : watch->incomplete ? CLI_INCOMPLETE : CLI_ANSWERED;
}

/* Would it subscribe to these topics with this filter? */
static bool is_good(pavo_options *options, unsigned topics, const char *filter)
{
    pavo_options_set_topics(options, topics);
    pavo_options_set_filter(options, topics, filter);
    pavo_subscriber *subscriber = pavo_subscriber_new(options, NULL);
    bool good = subscriber != NULL;
    pavo_subscriber_destroy(&subscriber);
    return good;
}

/* Why there is no subscriber: the filter, which may be one of other records, or what is wrong without one as well. An
 * exit code. */
static int explain(pavo_options *options, const struct topics *topics, const char *filter, const char *error)
{
    if (filter[0] == '\0' || !is_good(options, topics->filtered, ""))
        return cli_fail(CLI_UNREACHABLE, "%s", error);
    cli_fail(CLI_USAGE, "%s", error);
    fprintf(stderr, "  %s\n", filter);
    for (unsigned topic = 1; topics_name(topic) != NULL; topic <<= 1) {
        if (is_good(options, topic, filter))
            cli_note("of %s records that is a filter: --topic %s", topics_name(topic), topics_name(topic));
    }
    return CLI_USAGE;
}

/* The subscriber is NULL: the reason was printed, and *ret_code is an exit code. */
static pavo_subscriber *subscribe(const struct watch *watch, const struct topics *topics, const char *filter,
                                  int *ret_code)
{
    char path[CLI_PATH_MAX], error[PAVO_ERROR_MAX];
    pavo_options *options = NULL;
    *ret_code = CLI_UNREACHABLE;
    if (!cli_key_path(watch->cli, path))
        return NULL;
    options = pavo_options_new();
    if (options == NULL) {
        cli_fail(CLI_UNREACHABLE, "out of memory");
        return NULL;
    }
    if (watch->cli->aggregator != NULL)
        pavo_options_set_aggregator(options, watch->cli->aggregator);
    pavo_options_set_doors(options, watch->cli->publish, watch->cli->answer);
    pavo_options_set_key_file(options, path);
    pavo_options_allow_files(options);
    pavo_options_set_topics(options, topics->all);
    if (watch->from_start)
        pavo_options_set_start(options, topics->all, PAVO_START_OLDEST);
    if (filter[0] != '\0')
        pavo_options_set_filter(options, topics->filtered, filter);
    pavo_subscriber *subscriber = pavo_subscriber_new(options, error);
    if (subscriber == NULL)
        *ret_code = explain(options, topics, filter, error);
    pavo_options_destroy(&options);
    return subscriber;
}

static int run(struct watch *watch, const struct topics *topics, const char *filter)
{
    int code;
    pavo_subscriber *subscriber = subscribe(watch, topics, filter, &code);
    if (subscriber == NULL)
        return code;
    cli_catch_signals();
    setvbuf(stdout, NULL, _IOLBF, 0); /* a line is there when it is printed, in a pipe too */
    code = follow(watch, subscriber);
    pavo_subscriber_destroy(&subscriber);
    if (watch->printer != NULL)
        (void)printer_end(&watch->printer);
    return code;
}

/* What is new has no time; who types one means another command. An exit code or -1. */
static int refuse_times(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        size_t length = strcspn(argv[i], "=");
        if (strncmp(argv[i], "--from", length) == 0 && length == strlen("--from"))
            return cli_fail(CLI_USAGE,
                            "watch has no --from: --from-start begins with the oldest in the store, and pavo "
                            "find --from prints the flows since a time");
        if (strncmp(argv[i], "--to", length) == 0 && length == strlen("--to"))
            return cli_fail(CLI_USAGE, "watch has no --to: it ends at Ctrl-C or after --limit rows, and pavo find --to "
                                       "prints the flows before a time");
    }
    return -1;
}

int cli_watch(struct cli *cli, int argc, char **argv)
{
    struct watch watch = {.cli = cli};
    struct option_list names = {0};
    struct topics topics;
    const struct option_spec specs[] = {{.name = "topic",
                                         .letter = 't',
                                         .kind = OPTION_LIST,
                                         .target = &names,
                                         .argument = "TOPIC[,TOPIC]...",
                                         .group = "What to watch",
                                         .help = TOPICS_HELP},
                                        {.name = "from-start",
                                         .kind = OPTION_FLAG,
                                         .target = &watch.from_start,
                                         .help = "begin with the oldest in the store, not with now"},
                                        {.name = "limit",
                                         .letter = 'n',
                                         .kind = OPTION_NUMBER,
                                         .target = &watch.limit,
                                         .argument = "N",
                                         .help = "end after N rows. Default: at Ctrl-C"},
                                        {0}};
    const struct options options = {
        .program = "pavo watch",
        .usage = "[OPTION]... [FILTER]...",
        .about =
            "Prints flow records that match the filter as the aggregator commits them, and losses; until Ctrl-C. With "
            "--topic: records of those kinds, and the filter is for each of them. What the network or a slow terminal "
            "lets fall is fetched from the store, and where that cannot be, a line says what is missing. Exit status "
            "4: something was lost.",
        .examples = "pavo watch 'host 10.0.1.17'\n"
                    "pavo watch --topic verdict 'verdict translated or verdict forwarded'\n"
                    "pavo watch --json 'dst port 22 and state SF' | jq -c 'select(.src) | [.src, .dst]'",
        .specs = specs,
    };
    int first, code = refuse_times(argc, argv);
    if (code < 0)
        code = cli_options(cli, &options, argc, argv, &first);
    if (code < 0 && cli->store != NULL)
        code = cli_fail(CLI_USAGE, "watch follows an aggregator that runs; of what --store has, ask: pavo find, pavo "
                                   "verdicts ...");
    if (code < 0)
        code = topics_parse(&names, &topics);
    if (code < 0 && cli->csv && topics.count != 1)
        code = cli_fail(CLI_USAGE, "--csv has the columns of one kind of record: choose one, as in --topic flow");
    if (code < 0) {
        char *filter = cli_join(argc, argv, first);
        code = filter == NULL ? cli_fail(CLI_UNREACHABLE, "out of memory") : run(&watch, &topics, filter);
        free(filter);
    }
    options_fini(&options);
    return code;
}
