/* SPDX-License-Identifier: Apache-2.0 */
/* A client and a server that talk past a meter, under virtual time. */
#ifndef PAVO_TESTS_CONVERSATION_H
#define PAVO_TESTS_CONVERSATION_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "tests/unit/sensor/meter_bench.h"

#define MILLISECOND (SECOND / 1000)

enum { CLIENT = 0x0a000001, SERVER = 0xc0000201, CLIENT_PORT = 40000, SERVER_PORT = 80 };
enum { SYN = TCP_SYN, ACK = TCP_ACK, FIN = TCP_FIN, RST = TCP_RST };

/* A TCP segment where more matters than segment() says. */
struct segment {
    bool from_server;
    unsigned flags;
    uint32_t sequence, acknowledgement;
    size_t payload;
    unsigned ip_id; /* 0: one more than the last, unless no_ip_id */
    bool no_ip_id, zero_window;
    unsigned server_port; /* 0: SERVER_PORT */
};

/* Sent, and a millisecond later it is. */
static inline void send_segment(struct bench *b, const struct segment *s)
{
    struct frame f = {0};
    static unsigned id;
    unsigned ip_id = s->no_ip_id ? 0 : s->ip_id != 0 ? s->ip_id : 1 + id++ % 0xff00;
    unsigned server_port = s->server_port != 0 ? s->server_port : SERVER_PORT;
    put_ipv4(&f, s->from_server ? SERVER : CLIENT, s->from_server ? CLIENT : SERVER, IPPROTO_TCP, ip_id, 0);
    put_tcp(&f, s->from_server ? server_port : CLIENT_PORT, s->from_server ? CLIENT_PORT : server_port, s->sequence,
            s->acknowledgement, s->flags, s->payload);
    if (s->zero_window)
        memset(f.bytes + 20 + 14, 0, 2);
    meter_frame(b->meter, &f, b->now);
    b->now += MILLISECOND;
}

static inline void segment(struct bench *b, bool from_client, unsigned flags, uint32_t sequence,
                           uint32_t acknowledgement, size_t payload)
{
    send_segment(b, &(struct segment){.from_server = !from_client,
                                      .flags = flags,
                                      .sequence = sequence,
                                      .acknowledgement = acknowledgement,
                                      .payload = payload});
}

static inline void handshake(struct bench *b, uint32_t client_isn, uint32_t server_isn)
{
    segment(b, true, SYN, client_isn, 0, 0);
    segment(b, false, SYN | ACK, server_isn, client_isn + 1, 0);
    segment(b, true, ACK, client_isn + 1, server_isn + 1, 0);
}

static inline void datagram(struct bench *b, uint32_t src, unsigned src_port, uint32_t dst, unsigned dst_port,
                            size_t payload)
{
    struct frame f = {0};
    put_ipv4(&f, src, dst, IPPROTO_UDP, 0, 0);
    put_udp(&f, src_port, dst_port, payload);
    meter_frame(b->meter, &f, b->now);
}

static inline const struct flow *only_record(struct bench *b)
{
    meter_flush(b->meter);
    assert_int_equal(b->records.count, 1);
    return b->records.flows;
}

static inline void assert_history(const struct flow *flow, const char *expected)
{
    char text[FLOW_HISTORY_MAX + 1];
    assert_string_equal(flow_history_text(flow->history, text), expected);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

#endif
