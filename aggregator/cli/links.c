/* SPDX-License-Identifier: Apache-2.0 */
/* pavo links: connections seen on both sides of a boundary. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/cli/links.h"
#include "aggregator/cli/session.h"
#include "aggregator/cli/show.h"
#include "aggregator/cli/table.h"
#include "common/clock.h"
#include "common/libpavo/message_json.h"

/* ---------------------------------------------------------------- a list of links, each once */

static int compare_names(const Pavo__FlowName *a, const Pavo__FlowName *b)
{
    if (a == NULL || b == NULL)
        return (a != NULL) - (b != NULL);
    if (a->flow != b->flow)
        return a->flow < b->flow ? -1 : 1;
    if (a->epoch != b->epoch)
        return a->epoch < b->epoch ? -1 : 1;
    return strcmp(a->sensor, b->sensor);
}

static int by_identity(const void *left, const void *right)
{
    const Pavo__Link *a = *(Pavo__Link *const *)left, *b = *(Pavo__Link *const *)right;
    int order = compare_names(a->inside, b->inside);
    if (order == 0)
        order = compare_names(a->outside, b->outside);
    return order != 0 ? order : strcmp(a->boundary, b->boundary);
}

static int by_time(const void *left, const void *right)
{
    const Pavo__Link *a = *(Pavo__Link *const *)left, *b = *(Pavo__Link *const *)right;
    int64_t first = a->binding == NULL ? 0 : a->binding->first_ns,
            second = b->binding == NULL ? 0 : b->binding->first_ns;
    return first < second ? -1 : first > second;
}

bool link_list_take(struct link_list *list, Pavo__Reply **reply)
{
    Pavo__Reply **replies = realloc(list->replies, (list->reply_count + 1) * sizeof(*replies));
    if (replies != NULL)
        list->replies = replies;
    Pavo__Link **links = realloc(list->links, (list->count + (*reply)->n_links + 1) * sizeof(*links));
    if (links != NULL)
        list->links = links;
    if (replies == NULL || links == NULL)
        return false;
    for (size_t i = 0; i < (*reply)->n_links; i++)
        links[list->count++] = (*reply)->links[i];
    replies[list->reply_count++] = *reply;
    *reply = NULL;
    return true;
}

void link_list_sort(struct link_list *list)
{
    size_t kept = 0;
    if (list->count == 0)
        return;
    qsort(list->links, list->count, sizeof(*list->links), by_identity);
    for (size_t i = 0; i < list->count; i++) {
        if (kept == 0 || by_identity(&list->links[kept - 1], &list->links[i]) != 0)
            list->links[kept++] = list->links[i];
    }
    list->count = kept;
    qsort(list->links, list->count, sizeof(*list->links), by_time);
}

void link_list_free(struct link_list *list)
{
    for (size_t i = 0; i < list->reply_count; i++)
        pavo__reply__free_unpacked(list->replies[i], NULL);
    free(list->replies);
    free(list->links);
    *list = (struct link_list){0};
}

/* ---------------------------------------------------------------- the command */

struct links {
    struct cli *cli;
    char *from, *to; /* owned; as typed */
    uint64_t limit;
    struct link_list list;
    bool failed, incomplete;
};

static bool take(void *context, Pavo__Reply **reply)
{
    struct links *links = context;
    links->incomplete |= session_coverage(links->cli, (*reply)->coverage);
    links->failed = !link_list_take(&links->list, reply);
    return !links->failed;
}

static const char *const columns[] = {"TIME", "BOUNDARY",   "PROTO",       "INSIDE", "OUTSIDE",
                                      "PEER", "TRANSLATED", ">CONFIDENCE", "BY",     NULL};

/* The connection's two faces: what stands on the inside, what it became, and who is at the other end. */
static void link_cells(const struct cli *cli, struct table *table, const Pavo__Link *link)
{
    static const Pavo__NatBinding nothing = PAVO__NAT_BINDING__INIT;
    const Pavo__NatBinding *b = link->binding == NULL ? &nothing : link->binding;
    char time[TIME_TEXT_MAX], protocol[SHOW_MAX], inside[SHOW_MAX], outside[SHOW_MAX], peer[SHOW_MAX],
        confidence[SHOW_MAX];
    char event[MESSAGE_WORD_MAX];
    bool inbound = b->event == PAVO__NAT_BINDING__EVENT__DNAT;
    snprintf(confidence, sizeof(confidence), "%u %%", link->confidence);
    const char *cells[] = {
        time_text(b->first_ns, cli->utc, time),
        link->boundary,
        protocol_name(b->protocol, protocol),
        show_endpoint(inbound ? b->destination : b->source, inside),
        show_endpoint(inbound ? b->post_nat_destination : b->post_nat_source, outside),
        show_endpoint(inbound ? b->source : b->destination, peer),
        b->event == PAVO__NAT_BINDING__EVENT__NONE
            ? "no"
            : message_word(&pavo__nat_binding__event__descriptor, (int)b->event, event),
        confidence,
        show_method(link->method),
    };
    table_row(table, cells);
}

static void print_json(const Pavo__Link *link)
{
    json_t *json = message_json(&link->base);
    char *text = json_dumps(json, JSON_COMPACT);
    puts(text == NULL ? "{}" : text);
    free(text);
    json_decref(json);
}

static bool print(struct links *links)
{
    struct link_list *list = &links->list;
    size_t first = 0;
    link_list_sort(list);
    if (links->limit != 0 && list->count > links->limit) {
        first = list->count - (size_t)links->limit;
        links->incomplete = true;
        cli_note("cut off: the newest %llu of %zu links", (unsigned long long)links->limit, list->count);
    }
    struct table *table = links->cli->json ? NULL : table_new(links->cli, columns);
    if (!links->cli->json && table == NULL)
        return false;
    for (size_t i = first; i < list->count; i++) {
        if (links->cli->json)
            print_json(list->links[i]);
        else
            link_cells(links->cli, table, list->links[i]);
    }
    if (table != NULL)
        table_print(&table);
    return true;
}

static int ask(struct links *links, char *filter)
{
    struct session session;
    Pavo__Query query = PAVO__QUERY__INIT;
    Pavo__Find body = PAVO__FIND__INIT;
    body.filter = filter;
    body.links = true;
    query.body_case = PAVO__QUERY__BODY_FIND;
    query.find = &body;
    if (!cli_time("from", links->from, &body.from_ns) || !cli_time("to", links->to, &body.to_ns))
        return CLI_USAGE;
    int code = session_open(links->cli, &session);
    if (code >= 0)
        return code;
    code = session_ask(&session, &query, filter, take, links);
    session_close(&session);
    if (code >= 0)
        return code;
    if (links->failed || !print(links))
        return cli_fail(CLI_UNREACHABLE, "out of memory");
    if (links->list.count == 0 && !links->cli->json && !links->cli->csv)
        cli_note("no link found; pavo sensors shows what each boundary waits for");
    return links->list.count == 0 ? CLI_NOTHING : links->incomplete ? CLI_INCOMPLETE : CLI_ANSWERED;
}

int cli_links(struct cli *cli, int argc, char **argv)
{
    struct links links = {.cli = cli};
    const struct option_spec specs[] = {{.name = "from",
                                         .letter = 'f',
                                         .kind = OPTION_STRING,
                                         .target = &links.from,
                                         .argument = "TIME",
                                         .group = "Which links",
                                         .help = "of flows alive at or after TIME (see pavo find --help)"},
                                        {.name = "to",
                                         .letter = 't',
                                         .kind = OPTION_STRING,
                                         .target = &links.to,
                                         .argument = "TIME",
                                         .help = "alive before TIME"},
                                        {.name = "limit",
                                         .letter = 'n',
                                         .kind = OPTION_NUMBER,
                                         .target = &links.limit,
                                         .argument = "N",
                                         .help = "the newest N links. Default: all"},
                                        CLI_OPTIONS(cli),
                                        {0}};
    const struct options options = {
        .program = "pavo links",
        .usage = "[OPTION]... [FILTER]...",
        .about =
            "Prints the links of the flows that match the filter: two views of one connection, on the two sides of a "
            "boundary, with what was translated, how they were recognised, and how sure that is.",
        .examples = "pavo links --from -10m 'host 10.0.1.17'\n"
                    "pavo links --json 'sensor outer and dst port 443' | jq .binding.source.address",
        .specs = specs,
    };
    int first, code = cli_options(&options, argc, argv, &first);
    if (code < 0) {
        char *filter = cli_join(argc, argv, first);
        code = filter == NULL ? cli_fail(CLI_UNREACHABLE, "out of memory") : ask(&links, filter);
        free(filter);
    }
    free(links.from);
    free(links.to);
    link_list_free(&links.list);
    return code;
}
