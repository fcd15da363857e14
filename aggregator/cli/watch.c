/* SPDX-License-Identifier: Apache-2.0 */
/* pavo watch: what comes in, as it comes in. A subscriber like any other. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pavo.h>

#include "aggregator/cli/axis.h"
#include "aggregator/cli/cell.h"
#include "aggregator/cli/counted.h"
#include "aggregator/cli/print.h"
#include "aggregator/cli/topics.h"
#include "common/clock.h"

#define PATIENCE_MS 3000 /* before it is said that nothing comes because nobody is there */
#define STEP_MS     500
#define TOP_ROWS    10 /* where there is no terminal */
#define TOP_FRAME   4  /* lines of a terminal that are no rows */
#define EVERY       "5s"
#define EVERY_NS    (5 * NS_PER_S)

struct watch {
    struct cli *cli;
    bool from_start;
    uint64_t limit; /* 0: none */
    uint64_t printed;
    bool incomplete;
    bool complained;         /* that the connection does not stand */
    struct printer *printer; /* owned; of --csv, from the first row on */
    struct counted *counted; /* owned; of --top; NULL: a line for each record */
    int64_t every_ns;        /* of --top */
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

/* Beside a table, which it would break. */
static void note_loss(const struct watch *watch, const pavo_event *event)
{
    char *text = NULL;
    size_t row = 0, size = 0;
    const pavo_columns *columns = pavo_event_columns(event, &row);
    FILE *stream = open_memstream(&text, &size);
    if (stream == NULL)
        return;
    cell_sentence(stream, columns, row, watch->cli->utc, sentences[PAVO_EVENT_LOSS]);
    if (fclose(stream) == 0)
        cli_note("not seen: %s", text);
    free(text);
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

/* ---------------------------------------------------------------- counted */

/* In place of the last table: each line ends it that stands there, and what is below goes. */
static void redraw(const char *text)
{
    unsigned width = cli_width(), column = 0;
    fputs("\033[H", stdout);
    for (; *text != '\0'; text++) {
        if (*text == '\n') {
            fputs("\033[K\n", stdout);
            column = 0;
            continue;
        }
        column += ((unsigned char)*text & 0xc0) != 0x80;
        if (column <= width) /* a line that is broken would move all below it */
            putchar(*text);
    }
    fputs("\033[J", stdout);
}

/* A heading, and the table of an interval. False: out of memory. */
static bool print_counted(struct watch *watch, int64_t from_ns, int64_t to_ns)
{
    bool terminal = isatty(STDOUT_FILENO), utc = watch->cli->utc;
    char span[AXIS_SPAN_MAX], *text = NULL;
    size_t size = 0, rows = terminal ? cli_height() : 0, records = counted_records(watch->counted);
    FILE *stream = open_memstream(&text, &size);
    if (stream == NULL)
        return false;
    fprintf(stream, "%s: %zu record%s\n", axis_span(from_ns, to_ns, utc, span), records, records == 1 ? "" : "s");
    const struct counted_room room = {.width = terminal ? cli_width() : 0,
                                      .rows = rows > TOP_FRAME + 1 ? rows - TOP_FRAME : TOP_ROWS};
    bool printed = counted_print(watch->counted, stream, &room);
    printed = fclose(stream) == 0 && printed;
    if (printed && terminal)
        redraw(text);
    else if (printed)
        printf("%s\n", text);
    fflush(stdout);
    free(text);
    return printed;
}

static bool count_event(struct watch *watch, const pavo_event *event)
{
    size_t row = 0;
    const pavo_columns *columns = pavo_event_columns(event, &row);
    int kind = pavo_event_kind(event);
    if (kind == PAVO_EVENT_FLOW)
        return counted_add(watch->counted, columns, row);
    watch->incomplete = true;
    if (kind == PAVO_EVENT_GAP)
        print_gap(watch, event);
    else
        note_loss(watch, event);
    return true;
}

static void complain(struct watch *watch, const char *why, bool patient);

/* A table for each interval that is over, until enough of them. An exit code. */
static int follow_counted(struct watch *watch, pavo_subscriber *subscriber)
{
    int64_t begun = clock_monotonic_ns(), next = begun + watch->every_ns, from_ns = clock_wall_ns();
    bool good = true, any = false;
    if (isatty(STDOUT_FILENO))
        fputs("\033[2J", stdout);
    while (good && !cli_interrupted() && !ferror(stdout)) {
        const pavo_event *event;
        int64_t now = clock_monotonic_ns(), left_ms = (next - now + NS_PER_MS - 1) / NS_PER_MS;
        int result = pavo_subscriber_next(subscriber,
                                          left_ms < 0         ? 0
                                          : left_ms < STEP_MS ? (int)left_ms
                                                              : STEP_MS,
                                          &event);
        const char *why = result == PAVO_OK ? NULL : pavo_subscriber_error(subscriber);
        if (result == PAVO_REFUSED || result == PAVO_FAILED)
            return cli_fail(CLI_UNREACHABLE, "%s", why == NULL ? "the subscription ended" : why);
        if (result == PAVO_OK) {
            good = count_event(watch, event);
            any = true;
        }
        complain(watch, why, clock_monotonic_ns() - begun < PATIENCE_MS * NS_PER_MS);
        if (good && clock_monotonic_ns() >= next) {
            int64_t to_ns = clock_wall_ns();
            good = print_counted(watch, from_ns, to_ns);
            counted_clear(watch->counted);
            from_ns = to_ns;
            next = clock_monotonic_ns() + watch->every_ns;
            if (++watch->printed == watch->limit)
                break;
        }
    }
    if (!good)
        return cli_fail(CLI_UNREACHABLE, "out of memory");
    return watch->incomplete ? CLI_INCOMPLETE : any ? CLI_ANSWERED : CLI_NOTHING;
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
    code = watch->counted == NULL ? follow(watch, subscriber) : follow_counted(watch, subscriber);
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

/* An exit code or -1. */
static int begin_counted(struct watch *watch, const char *words, bool has_topics)
{
    struct error err;
    if (watch->cli->json || watch->cli->csv)
        return cli_fail(CLI_USAGE,
                        "--top counts, and --json and --csv print each record; pavo top counts for programs");
    if (has_topics)
        return cli_fail(CLI_USAGE, "--top counts flows; it has no --topic");
    enum result r = counted_new(words, &watch->counted, &err);
    return r == RESULT_OK ? -1 : cli_fail(r == RESULT_REJECT ? CLI_USAGE : CLI_UNREACHABLE, "--top: %s", err.text);
}

int cli_watch(struct cli *cli, int argc, char **argv)
{
    struct watch watch = {.cli = cli};
    struct option_list names = {0};
    char *top = NULL;
    struct topics topics;
    const struct option_spec specs[] = {
        {.name = "topic",
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
         .help = "end after N rows, with --top after N tables. Default: at Ctrl-C"},
        {.name = "top",
         .kind = OPTION_STRING,
         .target = &top,
         .argument = "KEY[,KEY]...",
         .group = "Counted",
         .help = "no lines, but who or what has the most bytes, by each sensor's view: " COUNTED_WORDS
                 ". In place on a terminal, else a table for each interval"},
        {.name = "every",
         .kind = OPTION_DURATION,
         .target = &watch.every_ns,
         .argument = "TIME",
         .min = 100 * NS_PER_MS,
         .max = 86400 * NS_PER_S,
         .help = "of --top, how long is counted. Default: " EVERY},
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
                    "pavo watch --top host,service --every 10s 'not port 53'\n"
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
    if (code < 0 && top == NULL && watch.every_ns != 0)
        code = cli_fail(CLI_USAGE, "--every is of --top: pavo watch --top host --every 10s");
    if (watch.every_ns == 0)
        watch.every_ns = EVERY_NS;
    if (code < 0 && top != NULL)
        code = begin_counted(&watch, top, names.count > 0);
    if (code < 0) {
        char *filter = cli_join(argc, argv, first);
        code = filter == NULL ? cli_fail(CLI_UNREACHABLE, "out of memory") : run(&watch, &topics, filter);
        free(filter);
    }
    counted_free(&watch.counted);
    options_fini(&options);
    return code;
}
