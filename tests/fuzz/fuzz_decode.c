/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as packets: decode and meter take them, and no packet is lost.
 * Input: a link type, then packets, each with a length byte and four bits of time. */
#include <stdint.h>
#include <stdlib.h>

#include "common/cursor.h"
#include "sensor/decode/decode.h"
#include "sensor/meter/meter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint16_t link_types[] = {LINK_ETHERNET, LINK_RAW,   LINK_NULL,     LINK_LOOP,        LINK_PPP,
                                      LINK_PPP_HDLC, LINK_PPPOE, LINK_CHDLC,    LINK_LINUX_SLL,   LINK_LINUX_SLL2,
                                      LINK_IPV6,     LINK_IPV4,  LINK_PPP_PPPD, LINK_PPP_WITH_DIR};

static void count_packets(void *context, const struct flow *flow)
{
    if ((flow->fragments & FLOW_FRAGMENTS_ORPHAN) && !(flow->fragments & FLOW_FRAGMENTS_SEEN))
        abort();
    *(uint64_t *)context += flow->src_packets + flow->dst_packets;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t digest_key[KEY_BYTES] = {1};
    struct cursor c = cursor_make(data, size);
    uint64_t recorded = 0, metered = 0;
    struct meter_options options = meter_options_default();
    struct decode_options decode_options = {0};
    struct meter *meter;
    unsigned first = cursor_u8(&c);
    options.flows_max = METER_FLOWS_MIN;
    options.digest_key = digest_key;
    options.sink = (struct meter_sink){count_packets, &recorded};
    decode_options.outer = first & 128;
    if (meter_new(&options, &meter, NULL) != RESULT_OK)
        abort();
    int64_t now = 1700000000000000000;
    while (c.left > 0) {
        unsigned length = cursor_u8(&c), more = cursor_u8(&c);
        if (c.failed)
            break;
        if (length > c.left)
            length = (unsigned)c.left;
        const uint8_t *bytes = cursor_take(&c, length);
        /* An exact heap block, so that the sanitizer sees every byte read past the end. */
        uint8_t *copy = malloc(length + 1u);
        if (copy == NULL || bytes == NULL)
            abort();
        memcpy(copy, bytes, length);
        now += (int64_t)(more & 15) * (more & 15) * 1000000000;
        if (more == 255)
            now -= 3600ll * 1000000000;
        struct packet packet = {.data = copy,
                                .captured = length,
                                .length = length + (more >> 4) * 90,
                                .time_ns = now,
                                .link_type = link_types[(first & 127) % (sizeof(link_types) / sizeof(*link_types))]};
        struct decoded decoded;
        if (decode(&decode_options, &packet, &decoded) == DECODE_METERED) {
            meter_add(meter, &decoded, 1);
            metered++;
        }
        free(copy);
    }
    meter_flush(meter);
    struct meter_counts counts;
    meter_counts_get(meter, &counts);
    if (recorded != metered || counts.packets != metered || counts.packets_recorded != metered ||
        counts.flows_active != 0)
        abort();
    meter_destroy(&meter);
    return 0;
}
