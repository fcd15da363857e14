/* SPDX-License-Identifier: Apache-2.0 */
/* pavo nat: who was behind an address and port, or where did it come out; and what was not seen. */
#include "aggregator/cli/nat.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/cli/links.h"
#include "aggregator/cli/session.h"
#include "aggregator/cli/show.h"
#include "aggregator/cli/table.h"
#include "common/clock.h"
#include "common/filter.h"
#include "common/flow_json.h"
#include "common/libpavo/message_json.h"

#define SLACK_DEFAULT (5 * NS_PER_S)
#define LIMIT_DEFAULT 20

struct nat {
    struct cli *cli;
    char *at, *protocol_name; /* owned; as typed */
    struct address address;
    uint16_t port;
    int64_t at_ns, slack;
    unsigned protocol;
    uint64_t limit;
    struct link_list list; /* sorted: nearest to at_ns first; without it newest first */
    struct view_list views;
    const Pavo__Coverage *coverage; /* in one of the list's replies */
    bool failed;
};

static bool take(void *context, Pavo__Reply **reply)
{
    struct nat *nat = context;
    struct error err = {"out of memory"};
    if ((*reply)->flows != NULL && view_list_add(&nat->views, (*reply)->flows, &err) != RESULT_OK)
        nat->failed = true;
    if ((*reply)->coverage != NULL)
        nat->coverage = (*reply)->coverage;
    nat->failed |= !link_list_take(&nat->list, reply);
    if (nat->failed)
        cli_fail(CLI_UNREACHABLE, "a reply that cannot be taken: %s", err.text);
    return !nat->failed;
}

/* How far a link lies from the time asked about. */
static int64_t distance(const Pavo__Link *link, int64_t at)
{
    const Pavo__NatBinding *b = link->binding;
    if (b == NULL)
        return INT64_MAX;
    return at < b->first_ns ? b->first_ns - at : at > b->last_ns ? at - b->last_ns : 0;
}

static int by_distance(const void *left, const void *right, void *context)
{
    const Pavo__Link *a = *(Pavo__Link *const *)left, *b = *(Pavo__Link *const *)right;
    int64_t at = *(const int64_t *)context, first = distance(a, at), second = distance(b, at);
    return first < second ? -1 : first > second;
}

static void order(struct nat *nat)
{
    struct link_list *list = &nat->list;
    size_t kept = 0;
    link_list_sort(list);
    for (size_t i = 0; i < list->count; i++) {
        Pavo__Link *link = list->links[i];
        struct view *inside = view_list_find(&nat->views, link->inside),
                    *outside = view_list_find(&nat->views, link->outside);
        if (inside != NULL)
            inside->linked = true;
        if (outside != NULL)
            outside->linked = true;
        if (link->binding != NULL)
            list->links[kept++] = link;
    }
    list->count = kept;
    int64_t at = nat->at_ns == 0 ? INT64_MAX : nat->at_ns;
    if (kept > 1)
        qsort_r(list->links, kept, sizeof(*list->links), by_distance, &at);
}

/* ---------------------------------------------------------------- for people */

static void print_flow_line(const struct cli *cli, const Pavo__NatBinding *binding, const struct view *view)
{
    char protocol[SHOW_MAX], from[TIME_TEXT_MAX], to[TIME_TEXT_MAX], span[SHOW_MAX], out[SHOW_MAX], back[SHOW_MAX];
    int64_t first = view != NULL ? view->flow.first_time : binding->first_ns;
    int64_t last = view != NULL ? view->flow.last_time : binding->last_ns;
    printf("    %s%s%s, from %s to %s (%s)", protocol_name(binding->protocol, protocol), view == NULL ? "" : ", ",
           view == NULL ? "" : flow_state_name(view->flow.state), time_text(first, cli->utc, from),
           time_text(last, cli->utc, to), show_span(last - first, span));
    if (view != NULL)
        printf("; %s sent in %" PRIu64 " packets, %s received in %" PRIu64, show_bytes(view->flow.src_bytes, out),
               view->flow.src_packets, show_bytes(view->flow.dst_bytes, back), view->flow.dst_packets);
    putchar('\n');
}

static void print_answer(const struct nat *nat, const Pavo__Link *link)
{
    char time[TIME_TEXT_MAX], sentence[5 * SHOW_MAX], evidence[256], offset[SHOW_MAX];
    const Pavo__NatBinding *binding = link->binding;
    const struct view *inside = view_list_find(&nat->views, link->inside);
    printf("%s  %s\n", time_text(binding->first_ns, nat->cli->utc, time),
           nat_sentence(binding, nat->address, nat->port, sentence, sizeof(sentence)));
    print_flow_line(nat->cli, binding, inside != NULL ? inside : view_list_find(&nat->views, link->outside));
    printf("    linked by %s, confidence %u %%; agreeing: %s", show_method(link->method), link->confidence,
           show_evidence(link->evidence, evidence, sizeof(evidence)));
    if (link->candidates > 1)
        printf("; chosen of %u candidates", link->candidates);
    putchar('\n');
    if (link->inside != NULL && link->outside != NULL)
        printf("    at boundary %s: seen inside by %s (flow %" PRIu64 "), outside by %s (flow %" PRIu64 ") %s %s\n",
               link->boundary, link->inside->sensor, link->inside->flow, link->outside->sensor, link->outside->flow,
               show_span(link->offset_ns < 0 ? -link->offset_ns : link->offset_ns, offset),
               link->offset_ns < 0 ? "earlier" : "later");
}

/* Why a view has no partner, by the aggregator's own word. NULL: it gave none. */
static const Pavo__Unlinked *why_unlinked(const struct nat *nat, const struct view *view)
{
    for (size_t i = 0; i < nat->list.reply_count; i++) {
        const Pavo__Reply *reply = nat->list.replies[i];
        for (size_t u = 0; u < reply->n_unlinked; u++) {
            if (view_list_find(&nat->views, reply->unlinked[u]->view) == view)
                return reply->unlinked[u];
        }
    }
    return NULL;
}

static size_t unlinked_count(const struct nat *nat)
{
    size_t count = 0;
    for (size_t i = 0; i < nat->views.count; i++)
        count += !nat->views.views[i].linked;
    return count;
}

static void print_unlinked(const struct nat *nat)
{
    if (unlinked_count(nat) == 0)
        return;
    printf("\nSeen on one side only:\n");
    for (size_t i = 0; i < nat->views.count; i++) {
        const struct view *view = &nat->views.views[i];
        char time[TIME_TEXT_MAX], src[ADDRESS_TEXT_MAX], dst[ADDRESS_TEXT_MAX], protocol[SHOW_MAX];
        const Pavo__Unlinked *why = why_unlinked(nat, view);
        if (view->linked)
            continue;
        printf("  %s  %s: %s to %s, %s %s (flow %" PRIu64 ")\n      %s\n",
               time_text(view->flow.first_time, nat->cli->utc, time), view->observer.sensor,
               address_port_text(flow_src(&view->flow), view->flow.src_port, src),
               address_port_text(flow_dst(&view->flow), view->flow.dst_port, dst),
               protocol_name(view->flow.protocol, protocol), flow_state_name(view->flow.state), view->flow.flow,
               nat_unlinked_reason(why == NULL ? NULL : why->reason));
    }
}

/* What the answer does not rest on. False: nothing is known to be missing. */
static bool print_not_seen(const struct nat *nat)
{
    const Pavo__Coverage *c = nat->coverage;
    char from[TIME_TEXT_MAX], to[TIME_TEXT_MAX], what[256];
    if (c == NULL)
        return false;
    bool outside =
        nat->at_ns != 0 && ((uint64_t)nat->at_ns < c->scanned_from_ns || (uint64_t)nat->at_ns > c->scanned_to_ns);
    printf("\n%s\n", c->n_losses + c->n_silent > 0 || c->truncated || outside ? "Not seen:"
                                                                              : "Not seen: nothing is known to be "
                                                                                "missing in that time.");
    for (size_t i = 0; i < c->n_losses; i++)
        printf("  sensor %s lost %s between %s and %s%s%s\n", c->losses[i]->sensor,
               show_loss(c->losses[i], what, sizeof(what)),
               time_text((int64_t)c->losses[i]->from_ns, nat->cli->utc, from),
               time_text((int64_t)c->losses[i]->to_ns, nat->cli->utc, to), c->losses[i]->reason[0] == '\0' ? "" : ": ",
               c->losses[i]->reason);
    for (size_t i = 0; i < c->n_silent; i++)
        printf("  sensor %s said nothing in that time\n", c->silent[i]);
    if (c->truncated)
        printf("  there is more than one answer may hold: narrow it with --at, --slack, --protocol or a port\n");
    if (outside && c->scanned_to_ns == 0)
        printf("  the store is empty\n");
    else if (outside)
        printf("  the store holds flows from %s to %s\n", time_text((int64_t)c->scanned_from_ns, nat->cli->utc, from),
               time_text((int64_t)c->scanned_to_ns, nat->cli->utc, to));
    return c->n_losses + c->n_silent > 0 || c->truncated;
}

static void print_people(const struct nat *nat)
{
    char asked[ADDRESS_TEXT_MAX], time[TIME_TEXT_MAX], slack[SHOW_MAX];
    if (nat->list.count == 0) {
        printf("Not known: no connection of %s", address_port_text(nat->address, nat->port, asked));
        if (nat->at_ns != 0)
            printf(" at %s (%s around it)", time_text(nat->at_ns, nat->cli->utc, time), show_span(nat->slack, slack));
        printf(" is linked across a boundary%s.\n",
               unlinked_count(nat) > 0 ? "" : ", and none was seen on one side either");
    }
    for (size_t i = 0; i < nat->list.count; i++)
        print_answer(nat, nat->list.links[i]);
    print_unlinked(nat);
}

/* ---------------------------------------------------------------- for programs */

static json_t *view_json(const struct view *view)
{
    char text[FLOW_JSON_MAX];
    if (view == NULL || flow_json(&view->flow, &view->observer, text, sizeof(text)) != RESULT_OK)
        return NULL;
    return json_loads(text, 0, NULL);
}

static void put_line(json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT);
    puts(text == NULL ? "{}" : text);
    free(text);
    json_decref(object);
}

static void set(json_t *object, const char *key, json_t *value)
{
    if (value != NULL)
        json_object_set_new(object, key, value);
}

static void print_json(const struct nat *nat)
{
    for (size_t i = 0; i < nat->list.count; i++) {
        const Pavo__Link *link = nat->list.links[i];
        char sentence[5 * SHOW_MAX];
        json_t *object = json_object();
        set(object, "answer",
            json_string(nat_sentence(link->binding, nat->address, nat->port, sentence, sizeof(sentence))));
        set(object, "link", message_json(&link->base));
        set(object, "inside", view_json(view_list_find(&nat->views, link->inside)));
        set(object, "outside", view_json(view_list_find(&nat->views, link->outside)));
        put_line(object);
    }
    for (size_t i = 0; i < nat->views.count; i++) {
        const struct view *view = &nat->views.views[i];
        if (view->linked)
            continue;
        json_t *object = json_object();
        set(object, "unlinked", view_json(view));
        const Pavo__Unlinked *why = why_unlinked(nat, view);
        if (why != NULL) {
            set(object, "boundary", json_string(why->boundary));
            set(object, "reason", json_string(why->reason));
        }
        put_line(object);
    }
    if (nat->coverage != NULL) {
        json_t *object = json_object();
        set(object, "coverage", message_json(&nat->coverage->base));
        put_line(object);
    }
}

static bool print_csv(const struct nat *nat)
{
    static const char *const columns[] = {
        "first_time",           "last_time",   "protocol",       "source",       "destination", "post_nat_source",
        "post_nat_destination", "event",       "boundary",       "method",       "confidence",  "evidence",
        "inside_sensor",        "inside_flow", "outside_sensor", "outside_flow", NULL};
    static const Pavo__FlowName nobody = PAVO__FLOW_NAME__INIT;
    struct table *table = table_new(nat->cli, columns);
    if (table == NULL)
        return false;
    for (size_t i = 0; i < nat->list.count; i++) {
        const Pavo__Link *l = nat->list.links[i];
        const Pavo__NatBinding *b = l->binding;
        const Pavo__FlowName *inside = l->inside == NULL ? &nobody : l->inside,
                             *outside = l->outside == NULL ? &nobody : l->outside;
        char first[TIME_TEXT_MAX], last[TIME_TEXT_MAX], ends[4][SHOW_MAX], words[2][MESSAGE_WORD_MAX], n[4][SHOW_MAX];
        char evidence[256];
        const char *cells[] = {time_text(b->first_ns, true, first),
                               time_text(b->last_ns, true, last),
                               protocol_name(b->protocol, n[0]),
                               show_endpoint(b->source, ends[0]),
                               show_endpoint(b->destination, ends[1]),
                               show_endpoint(b->post_nat_source, ends[2]),
                               show_endpoint(b->post_nat_destination, ends[3]),
                               message_word(&pavo__nat_binding__event__descriptor, (int)b->event, words[0]),
                               l->boundary,
                               message_word(&pavo__link__method__descriptor, (int)l->method, words[1]),
                               show_number(l->confidence, n[1]),
                               show_evidence(l->evidence, evidence, sizeof(evidence)),
                               inside->sensor,
                               show_number(inside->flow, n[2]),
                               outside->sensor,
                               show_number(outside->flow, n[3])};
        table_row(table, cells);
    }
    table_print(&table);
    return true;
}

/* ---------------------------------------------------------------- the command */

static int conclude(struct nat *nat)
{
    bool incomplete;
    order(nat);
    if (nat->cli->json) {
        print_json(nat);
        incomplete = nat->coverage != NULL && (nat->coverage->n_losses > 0 || nat->coverage->truncated);
    } else if (nat->cli->csv) {
        if (!print_csv(nat))
            return CLI_UNREACHABLE;
        incomplete = session_coverage(nat->cli, nat->coverage);
    } else {
        print_people(nat);
        incomplete = print_not_seen(nat);
    }
    return nat->list.count == 0 ? CLI_NOTHING : incomplete ? CLI_INCOMPLETE : CLI_ANSWERED;
}

static int ask(struct nat *nat)
{
    struct session session;
    uint8_t bytes[16];
    Pavo__Query query = PAVO__QUERY__INIT;
    Pavo__Nat body = PAVO__NAT__INIT;
    Pavo__Endpoint endpoint = PAVO__ENDPOINT__INIT;
    address_to_bytes(nat->address, bytes);
    endpoint.address = (ProtobufCBinaryData){.len = sizeof(bytes), .data = bytes};
    endpoint.port = nat->port;
    body.endpoint = &endpoint;
    body.at_ns = nat->at_ns;
    body.slack_ns = nat->slack;
    body.protocol = nat->protocol;
    body.limit = nat->limit;
    query.body_case = PAVO__QUERY__BODY_NAT;
    query.nat = &body;
    int code = session_open(nat->cli, &session);
    if (code >= 0)
        return code;
    code = session_ask(&session, &query, NULL, take, nat);
    session_close(&session);
    if (code >= 0)
        return code;
    return nat->failed ? CLI_UNREACHABLE : conclude(nat);
}

/* The arguments into what is asked. -1: all is well. */
static int read_arguments(struct nat *nat, int argc, char **argv, int first)
{
    if (argc - first != 1)
        return cli_fail(CLI_USAGE, "one address was expected: pavo nat 203.0.113.5:40312 --at 20:36:40");
    if (address_port_parse(argv[first], &nat->address, &nat->port) != RESULT_OK)
        return cli_fail(CLI_USAGE, "'%s' is not ADDR or ADDR:PORT ([ADDR]:PORT for IPv6)", argv[first]);
    if (!cli_time("at", nat->at, &nat->at_ns))
        return CLI_USAGE;
    if (nat->protocol_name != NULL) {
        char *end;
        int known = protocol_by_name(nat->protocol_name);
        unsigned long number = known >= 0 ? (unsigned long)known : strtoul(nat->protocol_name, &end, 10);
        if (known < 0 && (*end != '\0' || end == nat->protocol_name || number == 0 || number > 255))
            return cli_fail(CLI_USAGE,
                            "--protocol: '%s' is not a protocol: tcp, udp, icmp, icmp6, sctp or a number to 255",
                            nat->protocol_name);
        nat->protocol = (unsigned)number;
    }
    return -1;
}

int cli_nat(struct cli *cli, int argc, char **argv)
{
    struct nat nat = {.cli = cli, .slack = SLACK_DEFAULT, .limit = LIMIT_DEFAULT};
    const struct option_spec specs[] = {
        {.name = "at",
         .letter = 't',
         .kind = OPTION_STRING,
         .target = &nat.at,
         .argument = "TIME",
         .group = "When, and what",
         .help = "at that moment: 20:36:40, 2026-11-23T20:36:40, -15m (ago), @1700000000; local unless it ends in Z. "
                 "Default: any time, the newest first"},
        {.name = "slack",
         .letter = 's',
         .kind = OPTION_DURATION,
         .target = &nat.slack,
         .argument = "TIME",
         .help = "how far from that moment a connection may lie. Default: 5s"},
        {.name = "protocol",
         .letter = 'p',
         .kind = OPTION_STRING,
         .target = &nat.protocol_name,
         .argument = "P",
         .help = "tcp, udp, icmp ... or a number. Default: any"},
        {.name = "limit",
         .letter = 'n',
         .kind = OPTION_NUMBER,
         .target = &nat.limit,
         .argument = "N",
         .help = "at most N connections. Default: 20"},
        CLI_OPTIONS(cli),
        {0}};
    const struct options options = {
        .program = "pavo nat",
        .usage = "[OPTION]... ADDR[:PORT]",
        .about =
            "Tells who was behind an address and port that a NAT gave out, or where an inside address came out; either "
            "direction across a boundary, sources and destinations. Each answer names the other end, how the two "
            "views of the connection were recognised as one, and how sure that is. Then it tells what was not seen: "
            "views without a partner, losses, silent sensors. Exit status 1: it is not known.",
        .examples = "pavo nat 203.0.113.5:40312 --at '2026-11-23 20:36:40'\n"
                    "pavo nat 10.0.1.17 --at -10m --slack 1m --protocol tcp\n"
                    "pavo nat '[2001:db8::17]:51544' --json",
        .specs = specs,
    };
    int first, code = cli_options(&options, argc, argv, &first);
    if (code < 0)
        code = read_arguments(&nat, argc, argv, first);
    if (code < 0)
        code = ask(&nat);
    free(nat.at);
    free(nat.protocol_name);
    link_list_free(&nat.list);
    view_list_free(&nat.views);
    return code;
}
