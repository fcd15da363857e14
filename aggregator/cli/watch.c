/* SPDX-License-Identifier: Apache-2.0 */
/* pavo watch: what comes in, as it comes in. A subscriber like any other: it sees the aggregator through pavo.h alone.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pavo.h>

#include "aggregator/cli/cli.h"
#include "aggregator/cli/session.h"
#include "aggregator/cli/show.h"
#include "common/address.h"
#include "common/clock.h"
#include "common/filter.h"

#define PATIENCE_MS 3000 /* before it is said that nothing comes because nobody is there */

struct watch {
    struct cli *cli;
    bool links, status, losses, oldest;
    uint64_t count;
    uint64_t printed;
    bool incomplete;
    bool complained; /* that the connection does not stand */
};

static volatile sig_atomic_t interrupted;

static void interrupt(int signal_number)
{
    (void)signal_number;
    interrupted = 1;
}

/* ---------------------------------------------------------------- a line for each event */

static const char *flow_end_text(const pavo_event *event, enum pavo_end end, char text[static ADDRESS_TEXT_MAX])
{
    uint8_t bytes[16];
    uint16_t port = (uint16_t)pavo_flow_number(event, end == PAVO_SRC ? PAVO_SRC_PORT : PAVO_DST_PORT);
    if (!pavo_flow_address(event, end, bytes))
        return strcpy(text, "?");
    return address_port_text(address_from_bytes(bytes), port, text);
}

static void print_flow(const struct watch *watch, const pavo_event *event)
{
    char time[TIME_TEXT_MAX], protocol[SHOW_MAX], src[ADDRESS_TEXT_MAX], dst[ADDRESS_TEXT_MAX], out[SHOW_MAX],
        back[SHOW_MAX];
    printf("%s  %-8s %-5s %s > %s  %s  %" PRIu64 "/%" PRIu64 " packets  %s / %s\n",
           time_text((int64_t)pavo_flow_number(event, PAVO_FIRST_TIME), watch->cli->utc, time),
           pavo_event_sensor(event), protocol_name((unsigned)pavo_flow_number(event, PAVO_PROTOCOL), protocol),
           flow_end_text(event, PAVO_SRC, src), flow_end_text(event, PAVO_DST, dst), pavo_flow_state(event),
           pavo_flow_number(event, PAVO_SRC_PACKETS), pavo_flow_number(event, PAVO_DST_PACKETS),
           show_bytes(pavo_flow_number(event, PAVO_SRC_BYTES), out),
           show_bytes(pavo_flow_number(event, PAVO_DST_BYTES), back));
}

static const char *link_end_text(const pavo_event *event, enum pavo_view view, enum pavo_end end,
                                 char text[static ADDRESS_TEXT_MAX])
{
    uint8_t bytes[16];
    uint16_t port;
    if (!pavo_link_address(event, view, end, bytes, &port))
        return strcpy(text, "?");
    return address_port_text(address_from_bytes(bytes), port, text);
}

static void print_link(const pavo_event *event)
{
    char ends[4][ADDRESS_TEXT_MAX];
    printf("link %s: inside %s > %s is outside %s > %s (%u %%)\n", pavo_link_boundary(event),
           link_end_text(event, PAVO_INSIDE, PAVO_SRC, ends[0]), link_end_text(event, PAVO_INSIDE, PAVO_DST, ends[1]),
           link_end_text(event, PAVO_OUTSIDE, PAVO_SRC, ends[2]), link_end_text(event, PAVO_OUTSIDE, PAVO_DST, ends[3]),
           pavo_link_confidence(event));
}

static const char *json_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

static long long json_number(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

/* What has no accessors is in the event's JSON, for everyone. */
static void print_other(const pavo_event *event)
{
    const char *text = pavo_event_json(event);
    json_t *object = text == NULL ? NULL : json_loads(text, 0, NULL);
    if (pavo_event_kind(event) == PAVO_EVENT_LOSS)
        printf("loss %s: %lld %s from %s to %s  %s\n", pavo_event_sensor(event), json_number(object, "count"),
               json_text(object, "kind"), json_text(object, "from"), json_text(object, "to"),
               json_text(object, "reason"));
    else if (pavo_event_kind(event) == PAVO_EVENT_STATUS)
        printf("status %s: %lld flows active, records made %lld, acknowledged %lld, lost %lld, held %lld\n",
               pavo_event_sensor(event), json_number(object, "flows_active"), json_number(object, "records_made"),
               json_number(object, "records_acknowledged"), json_number(object, "records_lost"),
               json_number(object, "records_held"));
    else
        printf("%s\n", text == NULL ? "" : text);
    json_decref(object);
}

static void print_event(struct watch *watch, const pavo_event *event)
{
    int kind = pavo_event_kind(event);
    watch->incomplete |= kind == PAVO_EVENT_GAP || kind == PAVO_EVENT_LOSS;
    if (watch->cli->json)
        puts(pavo_event_json(event));
    else if (kind == PAVO_EVENT_FLOW)
        print_flow(watch, event);
    else if (kind == PAVO_EVENT_LINK)
        print_link(event);
    else if (kind == PAVO_EVENT_GAP)
        printf("gap: messages after %" PRIu64 " up to %" PRIu64 " could not be had again: %s\n", pavo_gap_after(event),
               pavo_event_position(event), pavo_gap_reason(event));
    else
        print_other(event);
    watch->printed++;
}

/* ---------------------------------------------------------------- the command */

/* Until enough is printed, or interrupted. An exit code. */
static int follow(struct watch *watch, pavo_subscriber *subscriber)
{
    int64_t begun = clock_monotonic_ns();
    while (!interrupted && !ferror(stdout)) {
        const pavo_event *event;
        int result = pavo_subscriber_next(subscriber, 500, &event);
        if (result == PAVO_OK) {
            print_event(watch, event);
            if (watch->count != 0 && watch->printed >= watch->count)
                break;
            continue;
        }
        const char *why = pavo_subscriber_error(subscriber);
        if (result == PAVO_REFUSED || result == PAVO_FAILED)
            return cli_fail(CLI_UNREACHABLE, "%s", why == NULL ? "the subscription ended" : why);
        bool patient = clock_monotonic_ns() - begun < PATIENCE_MS * NS_PER_MS;
        if (why != NULL && !watch->complained && !patient) {
            cli_note("%s; waiting for it", why);
            watch->complained = true;
        } else if (why == NULL && watch->complained) {
            cli_note("connected");
            watch->complained = false;
        }
    }
    return watch->printed == 0 ? CLI_NOTHING : watch->incomplete ? CLI_INCOMPLETE : CLI_ANSWERED;
}

static int run(struct watch *watch, const char *filter)
{
    char path[KEY_PATH_MAX], error[PAVO_ERROR_MAX];
    struct error err;
    struct filter *checked = NULL;
    size_t offset = 0;
    if (filter_parse(filter, &checked, &offset, &err) != RESULT_OK) {
        cli_fail(CLI_USAGE, "%s", err.text);
        fprintf(stderr, "  %s\n  %*s^\n", filter, (int)offset, "");
        return CLI_USAGE;
    }
    filter_destroy(&checked);
    if (!session_key_path(watch->cli, path))
        return CLI_UNREACHABLE;
    unsigned topics = (watch->links ? PAVO_TOPIC_LINKS : 0u) | (watch->status ? PAVO_TOPIC_STATUS : 0u);
    if (topics == 0 || filter[0] != '\0')
        topics |= PAVO_TOPIC_FLOWS;
    if (watch->losses || (topics & PAVO_TOPIC_FLOWS))
        topics |= PAVO_TOPIC_LOSSES;
    pavo_options *options = pavo_options_new();
    if (options == NULL)
        return cli_fail(CLI_UNREACHABLE, "out of memory");
    pavo_options_set_aggregator(options, watch->cli->aggregator);
    pavo_options_set_doors(options, watch->cli->publish, watch->cli->answer);
    pavo_options_set_key_file(options, path);
    pavo_options_set_filter(options, filter);
    pavo_options_set_topics(options, topics);
    if (watch->oldest)
        pavo_options_set_start(options, topics, PAVO_START_OLDEST);
    pavo_subscriber *subscriber = pavo_subscriber_new(options, error);
    pavo_options_destroy(&options);
    if (subscriber == NULL)
        return cli_fail(CLI_UNREACHABLE, "%s", error);
    struct sigaction action = {.sa_handler = interrupt};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    setvbuf(stdout, NULL, _IOLBF, 0); /* a line is there when it is printed, in a pipe too */
    int code = follow(watch, subscriber);
    pavo_subscriber_destroy(&subscriber);
    return code;
}

int cli_watch(struct cli *cli, int argc, char **argv)
{
    struct watch watch = {.cli = cli};
    const struct option_spec specs[] = {
        {.name = "links",
         .letter = 'l',
         .kind = OPTION_FLAG,
         .target = &watch.links,
         .group = "What to watch",
         .help = "links as they are made (and no flows, unless there is a filter)"},
        {.name = "status",
         .letter = 's',
         .kind = OPTION_FLAG,
         .target = &watch.status,
         .help = "what sensors say of themselves (and no flows, unless there is a filter)"},
        {.name = "losses", .kind = OPTION_FLAG, .target = &watch.losses, .help = "losses, also without flows"},
        {.name = "oldest",
         .kind = OPTION_FLAG,
         .target = &watch.oldest,
         .help = "begin with the oldest in the store, not with now"},
        {.name = "count",
         .letter = 'n',
         .kind = OPTION_NUMBER,
         .target = &watch.count,
         .argument = "N",
         .help = "end after N lines"},
        CLI_OPTIONS(cli),
        {0}};
    const struct options options = {
        .program = "pavo watch",
        .usage = "[OPTION]... [FILTER]...",
        .about =
            "Prints flow records that match the filter as the aggregator commits them, and losses; until Ctrl-C. What "
            "the network or a slow terminal lets fall is fetched from the store, and where that cannot be, a line "
            "says what is missing. Exit status 4: something was lost.",
        .examples = "pavo watch 'host 10.0.1.17'\n"
                    "pavo watch --links\n"
                    "pavo watch --json 'dst port 22 and state SF' | jq -c '[.src, .dst]'",
        .specs = specs,
    };
    int first, code = cli_options(&options, argc, argv, &first);
    if (code < 0 && cli->csv)
        code = cli_fail(CLI_USAGE, "pavo watch prints lines or --json, not --csv");
    if (code < 0) {
        char *filter = cli_join(argc, argv, first);
        code = filter == NULL ? cli_fail(CLI_UNREACHABLE, "out of memory") : run(&watch, filter);
        free(filter);
    }
    return code;
}
