/* SPDX-License-Identifier: Apache-2.0 */
/* Records on standard output. */
#include "sensor/print.h"

#include <inttypes.h>

#include "common/clock.h"
#include "common/flow_json.h"

void print_header(FILE *out)
{
    fprintf(out, "%-26s %-5s %27s %-3s %-27s %8s %12s %-6s %-5s %s\n", "Time", "Proto", "Source", "Dir", "Destination",
            "Packets", "Bytes", "State", "End", "History");
}

void print_flow(FILE *out, const struct flow *flow, const struct observer *observer, bool json)
{
    if (json) {
        char text[FLOW_JSON_MAX];
        if (flow_json(flow, observer, text, sizeof(text)) == RESULT_OK)
            fprintf(out, "%s\n", text);
        return;
    }
    char time[TIME_TEXT_MAX], number[PROTOCOL_TEXT_MAX], src[ADDRESS_TEXT_MAX], dst[ADDRESS_TEXT_MAX], history[FLOW_HISTORY_MAX + 1];
    const char *direction = flow->dst_packets == 0 ? "->" : flow->src_packets == 0 ? "<-" : "<->";
    fprintf(out, "%-26s %-5s %27s %-3s %-27s %8" PRIu64 " %12" PRIu64 " %-6s %-5s %s\n",
            time_text(flow->first_time, false, time), protocol_name(flow->protocol, number),
            address_port_text(flow_src(flow), flow->src_port, src), direction,
            address_port_text(flow_dst(flow), flow->dst_port, dst), flow->src_packets + flow->dst_packets,
            flow->src_bytes + flow->dst_bytes, flow_state_name(flow->state), flow_end_reason_name(flow->end_reason),
            flow_history_text(flow->history, history));
}
