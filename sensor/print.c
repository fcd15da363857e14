/* SPDX-License-Identifier: Apache-2.0 */
/* Records on standard output. */
#include "sensor/print.h"

#include <inttypes.h>
#include <string.h>

#include "common/clock.h"

const char *print_name(const char *name, char text[static PRINT_NAME_MAX])
{
    snprintf(text, PRINT_NAME_MAX, "%s", name);
    text_clean(text);
    return text;
}

void print_header(FILE *out)
{
    fprintf(out, "%-26s %-5s %27s %-3s %-27s %8s %12s %-6s %-5s %s\n", "Time", "Proto", "Source", "Dir", "Destination",
            "Packets", "Bytes", "State", "End", "History");
}

void print_flow(FILE *out, const struct flow_batch *flows, uint32_t row)
{
    struct flow flow;
    char time[TIME_TEXT_MAX], number[PROTOCOL_TEXT_MAX], src[ADDRESS_TEXT_MAX], dst[ADDRESS_TEXT_MAX],
        history[FLOW_HISTORY_MAX + 1];
    flow_batch_get(flows, row, &flow);
    const char *direction = flow.dst_packets == 0 ? "->" : flow.src_packets == 0 ? "<-" : "<->";
    fprintf(out, "%-26s %-5s %27s %-3s %-27s %8" PRIu64 " %12" PRIu64 " %-6s %-5s %s\n",
            time_text(flow.first_time, false, time), protocol_name(flow.protocol, number),
            address_port_text(flow_src(&flow), flow.src_port, src), direction,
            address_port_text(flow_dst(&flow), flow.dst_port, dst), flow.src_packets + flow.dst_packets,
            flow.src_bytes + flow.dst_bytes, flow_state_name(flow.state), flow_end_reason_name(flow.end_reason),
            flow_history_text(flow.history, history));
}

enum result print_flow_json(FILE *out, struct json *json, const struct flow_batch *flows, uint32_t row,
                            const char *interface)
{
    json_clear(json);
    json_add(json, "{");
    json_add_members(json, flow_records(flows), row);
    json_add(json, ",\"interface_name\":");
    json_add_string(json, interface);
    json_add(json, "}\n");
    if (json->failed)
        return RESULT_FATAL;
    fwrite(json->text, 1, json->length, out);
    return RESULT_OK;
}
