/* SPDX-License-Identifier: Apache-2.0 */
/* pavo find: flows that match a filter. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/cli/session.h"
#include "aggregator/cli/show.h"
#include "aggregator/cli/table.h"
#include "common/clock.h"
#include "common/flow_json.h"
#include "proto/codec.h"

struct find {
    struct cli *cli;
    char *from, *to; /* owned; as typed */
    uint64_t limit;
    uint64_t found;
    /* For the table, which is printed oldest first whatever order the flows came in. */
    struct found {
        struct flow flow;
        struct observer observer;
    } * rows; /* owned */
    size_t capacity;
    bool failed, incomplete;
};

static const char *const table_columns[] = {"TIME",  ">DURATION", "SENSOR", "PROTO",  "SOURCE", "DESTINATION",
                                            "STATE", ">PACKETS",  ">BACK",  ">BYTES", ">BACK",  NULL};

/* With --csv: every field of the JSON object, in this order. */
static const char *const csv_columns[] = {"sensor",
                                          "epoch",
                                          "flow",
                                          "report",
                                          "first_time",
                                          "last_time",
                                          "protocol",
                                          "src",
                                          "src_port",
                                          "dst",
                                          "dst_port",
                                          "state",
                                          "end_reason",
                                          "direction",
                                          "history",
                                          "src_packets",
                                          "dst_packets",
                                          "src_bytes",
                                          "dst_bytes",
                                          "src_payload",
                                          "dst_payload",
                                          "src_tcp_flags",
                                          "dst_tcp_flags",
                                          "icmp_type_code",
                                          "vlan",
                                          "inner_vlan",
                                          "mpls_label",
                                          "tunnel",
                                          "tunnel_src",
                                          "tunnel_dst",
                                          "tunnel_id",
                                          "interface",
                                          "evidence",
                                          "client_rtt",
                                          "server_rtt",
                                          "icmp_errors",
                                          "icmp_error_type_code",
                                          "icmp_sequence",
                                          "src_ttl",
                                          "dst_ttl",
                                          "src_dscp",
                                          "dst_dscp",
                                          "src_size_min",
                                          "dst_size_min",
                                          "src_size_max",
                                          "dst_size_max",
                                          "src_gap_mean",
                                          "dst_gap_mean",
                                          "src_gap_deviation",
                                          "dst_gap_deviation",
                                          "src_retransmits",
                                          "dst_retransmits",
                                          "src_out_of_order",
                                          "dst_out_of_order",
                                          "src_duplicates",
                                          "dst_duplicates",
                                          "src_zero_windows",
                                          "dst_zero_windows",
                                          "src_isn",
                                          "dst_isn",
                                          "src_timestamp_origin",
                                          "dst_timestamp_origin",
                                          "src_digest",
                                          "dst_digest",
                                          "src_ip_id",
                                          "dst_ip_id",
                                          "src_mac",
                                          "dst_mac",
                                          "src_window",
                                          "dst_window",
                                          "src_mss",
                                          "dst_mss",
                                          "src_tcp_options",
                                          "dst_tcp_options",
                                          "community_id",
                                          NULL};
#define CSV_COLUMNS (sizeof(csv_columns) / sizeof(*csv_columns) - 1)

static void print_csv(const char *json)
{
    char numbers[CSV_COLUMNS][24];
    const char *cells[CSV_COLUMNS];
    json_t *object = json_loads(json, 0, NULL);
    for (size_t i = 0; i < CSV_COLUMNS; i++) {
        const json_t *value = json_object_get(object, csv_columns[i]);
        cells[i] = json_is_string(value) ? json_string_value(value) : "";
        if (json_is_integer(value)) {
            snprintf(numbers[i], sizeof(numbers[i]), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
            cells[i] = numbers[i];
        }
    }
    csv_line(cells, CSV_COLUMNS);
    json_decref(object);
}

/* Keeps a row for the table. */
static bool keep(struct find *find, const struct flow *flow, const struct observer *observer)
{
    if (find->found == find->capacity) {
        size_t capacity = find->capacity == 0 ? 1024 : find->capacity * 2;
        struct found *grown = realloc(find->rows, capacity * sizeof(*grown));
        if (grown == NULL)
            return false;
        find->rows = grown;
        find->capacity = capacity;
    }
    find->rows[find->found] = (struct found){*flow, *observer};
    return true;
}

static bool take_flow(struct find *find, const struct flow *flow, const struct observer *observer)
{
    char json[FLOW_JSON_MAX];
    if (!find->cli->json && !find->cli->csv) {
        if (!keep(find, flow, observer))
            return false;
    } else if (flow_json(flow, observer, json, sizeof(json)) == RESULT_OK) {
        if (find->cli->json)
            puts(json);
        else
            print_csv(json);
    }
    find->found++;
    return true;
}

static bool take(void *context, Pavo__Reply **reply)
{
    struct find *find = context;
    struct flow_batch *batch;
    struct error err;
    if ((*reply)->flows != NULL) {
        if (flow_batch_from_message((*reply)->flows, &batch, &err) != RESULT_OK) {
            cli_fail(CLI_UNREACHABLE, "a reply that cannot be read: %s", err.text);
            find->failed = true;
            return false;
        }
        for (uint32_t row = 0; row < batch->rows && !find->failed; row++) {
            struct flow flow;
            flow_batch_get(batch, row, &flow);
            find->failed = !take_flow(find, &flow, &batch->observers[flow.observer]);
        }
        flow_batch_destroy(&batch);
    }
    find->incomplete |= session_coverage(find->cli, (*reply)->coverage);
    return !find->failed && !ferror(stdout);
}

static int by_time(const void *left, const void *right)
{
    const struct flow *a = &((const struct found *)left)->flow, *b = &((const struct found *)right)->flow;
    return a->first_time < b->first_time ? -1 : a->first_time > b->first_time;
}

static void add_row(const struct cli *cli, struct table *table, const struct found *found)
{
    const struct flow *f = &found->flow;
    char time[TIME_TEXT_MAX], span[SHOW_MAX], protocol[SHOW_MAX], src[ADDRESS_TEXT_MAX], dst[ADDRESS_TEXT_MAX];
    char packets[2][SHOW_MAX], bytes[2][SHOW_MAX];
    const char *cells[] = {
        time_text(f->first_time, cli->utc, time),
        show_span(f->last_time - f->first_time, span),
        found->observer.sensor,
        protocol_name(f->protocol, protocol),
        address_port_text(flow_src(f), f->src_port, src),
        address_port_text(flow_dst(f), f->dst_port, dst),
        flow_state_name(f->state),
        show_count(f->src_packets, packets[0]),
        show_count(f->dst_packets, packets[1]),
        show_bytes(f->src_bytes, bytes[0]),
        show_bytes(f->dst_bytes, bytes[1]),
    };
    table_row(table, cells);
}

static bool print_rows(struct find *find)
{
    struct table *table = table_new(find->cli, table_columns);
    if (table == NULL)
        return false;
    if (find->found > 0)
        qsort(find->rows, find->found, sizeof(*find->rows), by_time);
    for (size_t i = 0; i < find->found; i++)
        add_row(find->cli, table, &find->rows[i]);
    table_print(&table);
    return true;
}

static int ask(struct find *find, char *filter)
{
    struct session session;
    Pavo__Query query = PAVO__QUERY__INIT;
    Pavo__Find body = PAVO__FIND__INIT;
    body.filter = filter;
    body.limit = find->limit;
    query.body_case = PAVO__QUERY__BODY_FIND;
    query.find = &body;
    if (!cli_time("from", find->from, &body.from_ns) || !cli_time("to", find->to, &body.to_ns))
        return CLI_USAGE;
    int code = session_open(find->cli, &session);
    if (code >= 0)
        return code;
    if (find->cli->csv)
        csv_line(csv_columns, CSV_COLUMNS);
    code = session_ask(&session, &query, filter, take, find);
    session_close(&session);
    if (find->failed)
        return CLI_UNREACHABLE;
    if (!find->cli->json && !find->cli->csv && !print_rows(find))
        return CLI_UNREACHABLE;
    if (code >= 0)
        return code;
    if (find->found == 0 && !find->cli->json && !find->cli->csv)
        cli_note("no flow found%s%s", filter[0] == '\0' ? "" : " that matches: ", filter);
    return find->found == 0 ? CLI_NOTHING : find->incomplete ? CLI_INCOMPLETE : CLI_ANSWERED;
}

int cli_find(struct cli *cli, int argc, char **argv)
{
    struct find find = {.cli = cli};
    const struct option_spec specs[] = {
        {.name = "from",
         .letter = 'f',
         .kind = OPTION_STRING,
         .target = &find.from,
         .argument = "TIME",
         .group = "Which flows",
         .help = "alive at or after TIME: 20:36, 2026-11-23T20:36:40, -2h (ago), now; local unless it ends in Z"},
        {.name = "to",
         .letter = 't',
         .kind = OPTION_STRING,
         .target = &find.to,
         .argument = "TIME",
         .help = "alive before TIME"},
        {.name = "limit",
         .letter = 'n',
         .kind = OPTION_NUMBER,
         .target = &find.limit,
         .argument = "N",
         .help = "at most N flow records, the newest. Default: as many as the aggregator gives"},
        CLI_OPTIONS(cli),
        {0}};
    const struct options options = {
        .program = "pavo find",
        .usage = "[OPTION]... [FILTER]...",
        .about = "Prints the flow records that match the filter: tcpdump's words and every field of a flow "
                 "(pavo-filter(7)). A long connection has several records, one for each status interval; each side "
                 "of a NAT has its own. Without a filter: all.",
        .examples = "pavo find --from -1h 'host 10.0.1.17 and dst port 22'\n"
                    "pavo find --from 2026-11-23 --to 2026-11-24 --json 'bytes > 1g' | jq .dst\n"
                    "pavo find 'sensor inner and state S0 and dst port 445' --limit 100",
        .specs = specs,
    };
    int first, code = cli_options(&options, argc, argv, &first);
    if (code < 0) {
        char *filter = cli_join(argc, argv, first);
        code = filter == NULL ? cli_fail(CLI_UNREACHABLE, "out of memory") : ask(&find, filter);
        free(filter);
    }
    free(find.from);
    free(find.to);
    free(find.rows);
    return code;
}
