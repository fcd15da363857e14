/* SPDX-License-Identifier: Apache-2.0 */
/* Records on standard output. */
#include "sensor/print.h"

#include <inttypes.h>
#include <string.h>

#include "common/clock.h"
#include "common/flow_json.h"

/* Bytes of the UTF-8 sequence that begins at `text`; 0: it is none. */
static size_t utf8_length(const unsigned char *text)
{
    size_t length = text[0] < 0x80   ? 1
                    : text[0] < 0xc2 ? 0
                    : text[0] < 0xe0 ? 2
                    : text[0] < 0xf0 ? 3
                    : text[0] < 0xf5 ? 4
                                     : 0;
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    }
    if (length == 3 &&
        ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] > 0x9f))) /* too long; a surrogate */
        return 0;
    if (length == 4 && ((text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] > 0x8f)))
        return 0;
    return length;
}

void print_name(FILE *out, const char *name, bool json)
{
    const unsigned char *at = (const unsigned char *)name;
    while (*at != '\0') {
        size_t length = utf8_length(at);
        bool control = *at < ' ' || *at == 127;
        if (json && control)
            fprintf(out, "\\u%04x", *at);
        else if (json && (*at == '"' || *at == '\\'))
            fprintf(out, "\\%c", *at);
        else if (control || length == 0)
            putc('?', out);
        else
            fwrite(at, 1, length, out);
        at += length == 0 ? 1 : length;
    }
}

void print_header(FILE *out)
{
    fprintf(out, "%-26s %-5s %27s %-3s %-27s %8s %12s %-6s %-5s %s\n", "Time", "Proto", "Source", "Dir", "Destination",
            "Packets", "Bytes", "State", "End", "History");
}

void print_flow(FILE *out, const struct flow *flow, const struct observer *observer, const char *interface, bool json)
{
    if (json) {
        char text[FLOW_JSON_MAX];
        if (flow_json(flow, observer, text, sizeof(text)) != RESULT_OK)
            return;
        fprintf(out, "%.*s,\"interface_name\":\"", (int)strlen(text) - 1, text); /* in its braces */
        print_name(out, interface, true);
        fputs("\"}\n", out);
        return;
    }
    char time[TIME_TEXT_MAX], number[PROTOCOL_TEXT_MAX], src[ADDRESS_TEXT_MAX], dst[ADDRESS_TEXT_MAX],
        history[FLOW_HISTORY_MAX + 1];
    const char *direction = flow->dst_packets == 0 ? "->" : flow->src_packets == 0 ? "<-" : "<->";
    fprintf(out, "%-26s %-5s %27s %-3s %-27s %8" PRIu64 " %12" PRIu64 " %-6s %-5s %s\n",
            time_text(flow->first_time, false, time), protocol_name(flow->protocol, number),
            address_port_text(flow_src(flow), flow->src_port, src), direction,
            address_port_text(flow_dst(flow), flow->dst_port, dst), flow->src_packets + flow->dst_packets,
            flow->src_bytes + flow->dst_bytes, flow_state_name(flow->state), flow_end_reason_name(flow->end_reason),
            flow_history_text(flow->history, history));
}
