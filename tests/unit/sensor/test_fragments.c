/* SPDX-License-Identifier: Apache-2.0 */
/* Fragments find the flow of their first fragment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "sensor/meter/fragments.h"
#include "tests/unit/sensor/meter_bench.h"

enum { HOST_A = 0x0a000001, HOST_B = 0xc0000201, MORE = 0x2000 };

/* A ping of 32 bytes above ICMP's header in two fragments: part 0 has the header. */
static void ping_fragment(struct bench *b, bool reply, unsigned part)
{
    struct frame f = {0};
    put_ipv4(&f, reply ? HOST_B : HOST_A, reply ? HOST_A : HOST_B, IPPROTO_ICMP, reply ? 2 : 1, part == 0 ? MORE : 3);
    if (part == 0)
        put_icmp(&f, reply ? 0 : 8, 0, 7, 33, 16);
    else
        put_bytes(&f, "0123456789abcdef", 16);
    meter_frame(b->meter, &f, b->now);
}

static void test_fragmented_ping_is_one_flow(void **state)
{
    struct bench *b = *state;
    for (unsigned last_first = 0; last_first < 2; last_first++) {
        b->records.count = 0;
        for (unsigned reply = 0; reply < 2; reply++) {
            ping_fragment(b, reply, last_first);
            ping_fragment(b, reply, !last_first);
        }
        meter_flush(b->meter);
        assert_int_equal(b->records.count, 1);
        const struct flow *flow = b->records.flows;
        assert_int_equal(flow->src_lo & UINT32_MAX, HOST_A);
        assert_int_equal(flow->src_packets, 2);
        assert_int_equal(flow->dst_packets, 2);
        assert_int_equal(flow->src_port, 7);
        assert_int_equal(flow->fragments, FLOW_FRAGMENTS_SEEN);
    }
}

/* What a later fragment begins, when its flow has gone, is what the first one would have begun. */
static void test_later_fragment_of_a_reply_begins_no_phantom(void **state)
{
    struct bench *b = *state;
    struct meter_options options = meter_options_default();
    meter_destroy(&b->meter);
    options.unanswered_ns = SECOND;
    b->meter = kept_meter(&b->records, &options);
    ping_fragment(b, true, 0);
    b->now += 2 * SECOND;
    ping_fragment(b, true, 1);
    meter_flush(b->meter);
    assert_int_equal(b->records.count, 2);
    for (unsigned i = 0; i < 2; i++) {
        const struct flow *flow = &b->records.flows[i];
        assert_int_equal(flow->src_lo & UINT32_MAX, HOST_A);
        assert_int_equal(flow->dst_packets, 1);
        assert_int_equal(flow->state, FLOW_STATE_OTH);
        assert_int_equal(flow->icmp_type_code, 0);
        assert_true(flow->evidence & FLOW_HAS_ICMP_SEQUENCE);
        assert_int_equal(flow->icmp_sequence, 33);
    }
}

/* RFC 8200 section 4.5: the next header of a later fragment says nothing. Here destination options were divided: the
 * first one's next header is that of the options, the later one's stands before them. */
static void test_ipv6_fragments_are_named_without_protocol(void **state)
{
    struct bench *b = *state;
    for (unsigned last_first = 0; last_first < 2; last_first++) {
        b->records.count = 0;
        for (unsigned i = 0; i < 2; i++) {
            struct frame f = {0};
            unsigned part = i ^ last_first;
            put_ipv6(&f, 1, 2, IPPROTO_FRAGMENT);
            put_u16(&f, IPPROTO_DSTOPTS << 8);
            put_u16(&f, part == 0 ? 1 : 32);
            put_u32(&f, 99);
            if (part == 0) {
                put_bytes(&f, "\x11\0\1\4\0\0\0\0", 8); /* then UDP */
                put_bytes(&f,
                          "\x13\x88\0\x35\0\x40\0\0"
                          "0123456789abcdef",
                          24);
            } else {
                put_bytes(&f, "later", 5);
            }
            meter_frame(b->meter, &f, b->now);
        }
        meter_flush(b->meter);
        assert_int_equal(b->records.count, 1);
        assert_int_equal(b->records.flows[0].protocol, IPPROTO_UDP);
        assert_int_equal(b->records.flows[0].src_packets, 2);
        assert_int_equal(b->records.flows[0].dst_port, 53);
    }
}

static void udp_fragment(struct bench *b, unsigned id, unsigned part)
{
    struct frame f = {0};
    put_ipv4(&f, HOST_A, HOST_B, IPPROTO_UDP, id, part == 0 ? MORE : 2);
    put_bytes(&f,
              part == 0 ? "\x13\x88\0\x35\0\x18\0\0"
                          "01234567"
                        : "later: 16 bytes.",
              16);
    meter_frame(b->meter, &f, b->now);
}

/* One that waits in vain keeps one place, not those of all that came after it. */
static void test_an_orphan_leaves_room_for_others(void **state)
{
    struct bench *b = *state;
    struct meter_counts counts;
    udp_fragment(b, 0, 1);
    for (unsigned id = 1; id <= 3 * FRAGMENTS_WAITING_MAX; id++) {
        udp_fragment(b, id, 1);
        udp_fragment(b, id, 0);
    }
    meter_counts_get(b->meter, &counts);
    assert_int_equal(counts.fragments_waiting, 1);
    assert_int_equal(counts.flows_active, 1); /* none was counted by its addresses */
    for (unsigned id = 1; id < 2 * FRAGMENTS_WAITING_MAX; id++)
        udp_fragment(b, 10000 + id, 1);
    meter_counts_get(b->meter, &counts);
    assert_int_equal(counts.fragments_waiting, FRAGMENTS_WAITING_MAX);
    assert_int_equal(counts.flows_active, 2);
    meter_flush(b->meter);
    uint64_t packets = 0;
    for (size_t i = 0; i < b->records.count; i++)
        packets += b->records.flows[i].src_packets;
    assert_int_equal(packets, counts.packets);
}

/* The oldest goes first, whatever left between. */
static void test_waiting_ends_in_the_order_of_coming(void **state)
{
    struct bench *b = *state;
    struct meter_counts counts;
    for (unsigned id = 1; id <= 5; id++) {
        udp_fragment(b, id, 1);
        b->now += SECOND / 2;
    }
    udp_fragment(b, 3, 0);
    udp_fragment(b, 1, 0);
    udp_fragment(b, 9, 1); /* takes a place that was left */
    static const unsigned waiting[] = {4, 3, 3, 2, 1, 1, 0};
    for (unsigned i = 0; i < sizeof(waiting) / sizeof(*waiting); i++) {
        meter_counts_get(b->meter, &counts);
        assert_int_equal(counts.fragments_waiting, waiting[i]);
        static const int64_t ends[] = {5500, 6000, 6500, 7000, 7400, 7500}; /* after the beginning, ms */
        if (i < sizeof(ends) / sizeof(*ends))
            meter_advance(b->meter, START + ends[i] * (SECOND / 1000) + 1);
    }
}

static void whole(struct bench *b, bool back)
{
    struct frame f = {0};
    put_ipv4(&f, back ? HOST_B : HOST_A, back ? HOST_A : HOST_B, IPPROTO_UDP, 9, 0);
    put_udp(&f, back ? 53 : 5000, back ? 5000 : 53, 16);
    meter_frame(b->meter, &f, b->now);
}

/* Each record says it of its own packets. */
static void test_records_say_that_packets_were_fragments(void **state)
{
    struct bench *b = *state;
    struct meter_options options = meter_options_default();
    meter_destroy(&b->meter);
    options.status_ns = 10 * SECOND;
    b->meter = kept_meter(&b->records, &options);
    whole(b, false);
    whole(b, true);
    b->now += 11 * SECOND;
    udp_fragment(b, 2, 1);
    udp_fragment(b, 2, 0); /* and what waited for it */
    udp_fragment(b, 3, 0);
    udp_fragment(b, 3, 1); /* and one that comes after */
    b->now += 11 * SECOND;
    whole(b, true);
    meter_flush(b->meter);
    static const unsigned fragments[] = {0, FLOW_FRAGMENTS_SEEN, 0}, packets[] = {2, 4, 1};
    assert_int_equal(b->records.count, 3);
    for (size_t i = 0; i < 3; i++) {
        const struct flow *flow = &b->records.flows[i];
        assert_int_equal(flow->flow, 1);
        assert_int_equal(flow->src_packets + flow->dst_packets, packets[i]);
        assert_int_equal(flow->fragments, fragments[i]);
    }
}

/* A flow of addresses alone, because the part with the ports was not seen. */
static void test_orphans_say_so(void **state)
{
    struct bench *b = *state;
    udp_fragment(b, 1, 1);
    meter_advance(b->meter, b->now + FRAGMENTS_WAIT_NS + 1);
    for (unsigned id = 1; id <= FRAGMENTS_WAITING_MAX; id++)
        udp_fragment(b, 100 + id, 1);
    struct frame f = {0};
    put_ipv4(&f, HOST_B, HOST_A, IPPROTO_UDP, 5, 2); /* no room to wait: counted at once */
    put_bytes(&f, "later: 16 bytes.", 16);
    meter_frame(b->meter, &f, b->now);
    meter_flush(b->meter);
    assert_true(b->records.count > 0);
    for (size_t i = 0; i < b->records.count; i++) {
        const struct flow *flow = &b->records.flows[i];
        assert_int_equal(flow->src_port, 0);
        assert_int_equal(flow->fragments, FLOW_FRAGMENTS_SEEN | FLOW_FRAGMENTS_ORPHAN);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(fragmented_ping_is_one_flow),
        TEST(later_fragment_of_a_reply_begins_no_phantom),
        TEST(ipv6_fragments_are_named_without_protocol),
        TEST(an_orphan_leaves_room_for_others),
        TEST(waiting_ends_in_the_order_of_coming),
        TEST(records_say_that_packets_were_fragments),
        TEST(orphans_say_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
