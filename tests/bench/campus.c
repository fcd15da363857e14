/* SPDX-License-Identifier: Apache-2.0 */
/* Flows as a campus has them. */
#include "tests/bench/campus.h"

#include <math.h>

static uint64_t seed = 1;

uint64_t campus_draw(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    return seed ^= seed << 17;
}

static double uniform(void)
{
    return (double)(campus_draw() >> 11) / 9007199254740992.0;
}

/* Few are named often: by a power law over `count`. */
uint32_t campus_popular(uint32_t count)
{
    return (uint32_t)pow((double)count, uniform()) - 1;
}

static void make_side(struct flow *f, bool tcp, bool dst)
{
    uint64_t packets = 1 + (uint64_t)pow(60.0, uniform() * uniform()), payload = packets * (campus_draw() % 900);
    if (dst) {
        f->dst_packets = packets;
        f->dst_payload = payload;
        f->dst_bytes = payload + packets * 52;
        f->dst_ttl = (uint8_t)(50 + campus_draw() % 14);
        f->dst_size_min = 52;
        f->dst_size_max = (uint32_t)(52 + campus_draw() % 1448);
        f->dst_gap_mean = (uint32_t)(campus_draw() % 90000);
        f->dst_gap_deviation = (uint32_t)(campus_draw() % 90000);
        f->dst_digest = campus_draw();
        f->dst_ip_id = (uint16_t)campus_draw();
        f->dst_mac = 0x0242ac110001u;
        f->dst_isn = tcp ? (uint32_t)campus_draw() : 0;
        f->dst_timestamp_origin = tcp ? (uint32_t)campus_draw() : 0;
        f->dst_tcp_flags = tcp ? 0x1b : 0;
        f->dst_window = tcp ? 65160 : 0;
        f->dst_mss = tcp ? 1460 : 0;
        f->dst_tcp_options = tcp ? 0x0301080402u : 0;
        return;
    }
    f->src_packets = packets;
    f->src_payload = payload;
    f->src_bytes = payload + packets * 52;
    f->src_ttl = (uint8_t)(campus_draw() % 4 == 0 ? 128 : 64);
    f->src_size_min = 52;
    f->src_size_max = (uint32_t)(52 + campus_draw() % 1448);
    f->src_gap_mean = (uint32_t)(campus_draw() % 90000);
    f->src_gap_deviation = (uint32_t)(campus_draw() % 90000);
    f->src_digest = campus_draw();
    f->src_ip_id = (uint16_t)campus_draw();
    f->src_mac = 0x020000000000u + f->src_lo % 20000;
    f->src_isn = tcp ? (uint32_t)campus_draw() : 0;
    f->src_timestamp_origin = tcp ? (uint32_t)campus_draw() : 0;
    f->src_tcp_flags = tcp ? 0x1b : 0;
    f->src_window = tcp ? 64240 : 0;
    f->src_mss = tcp ? 1460 : 0;
    f->src_tcp_options = tcp ? 0x0301080402u : 0;
}

struct flow campus_flow(uint64_t number, int64_t at_ns)
{
    static const uint16_t ports[] = {443, 443, 443, 443, 80, 53, 53, 22, 993, 8080};
    bool ipv6 = campus_draw() % 100 < 15;
    struct flow f = {.flow = number,
                     .src_hi = ipv6 ? 0x20010db800000000u : 0,
                     .src_lo = (ipv6 ? 0 : 0xffff0a000000u) + campus_popular(20000),
                     .dst_hi = ipv6 ? 0x2a00145000000000u + campus_popular(5000) : 0,
                     .dst_lo = ipv6 ? campus_popular(100)
                                    : 0xffff00000000u + (uint32_t)(campus_popular(100000) * 2654435761u),
                     .src_port = (uint16_t)(32768 + campus_draw() % 28000),
                     .dst_port = ports[campus_draw() % 10],
                     .first_time = at_ns,
                     .direction = FLOW_DIRECTION_HANDSHAKE,
                     .end_reason = FLOW_END_DETECTED,
                     .interface = 1};
    bool tcp = f.dst_port != 53, answered = campus_draw() % 10 != 0;
    f.protocol = tcp ? 6 : 17;
    f.last_time = at_ns + (int64_t)(1e6 * pow(60000.0, uniform()));
    f.state = answered ? FLOW_STATE_SF : FLOW_STATE_S0;
    f.history = tcp ? 0x1234567 : 0x22;
    f.evidence = (tcp ? 0xff : 0xf0) & (answered ? 0xff : 0x55);
    f.client_rtt = tcp ? (uint32_t)(campus_draw() % 3000) : 0;
    f.server_rtt = tcp ? (uint32_t)(campus_draw() % 40000) : 0;
    make_side(&f, tcp, false);
    if (answered)
        make_side(&f, tcp, true);
    return f;
}
