/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold of any traffic: it is metered the same however it is cut, shuffled or divided, and nothing is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "tests/unit/sensor/kept_flows.h"

enum { PACKETS = 20000, CONVERSATIONS = 400 };

struct traffic {
    struct decoded *packets;
    size_t count;
    uint8_t *bytes;
};

static uint64_t random_state;

static uint32_t chance(uint32_t below)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((random_state >> 33) % below);
}

/* Conversations of TCP, UDP, ICMP over IPv4 and IPv6, their packets interleaved; hosts and ports are few, so that some
 * meet again. `reversed` swaps every packet's ends. */
static struct traffic make_traffic(uint64_t seed, bool reversed)
{
    static const struct decode_options plain;
    struct traffic t = {.packets = calloc(PACKETS, sizeof(struct decoded)), .bytes = malloc((size_t)PACKETS * 256)};
    uint32_t sequence[CONVERSATIONS][2];
    random_state = seed;
    memset(sequence, 0, sizeof(sequence));
    int64_t now = START;
    for (unsigned i = 0; i < PACKETS; i++) {
        unsigned c = chance(CONVERSATIONS), kind = c % 4, answer = chance(2);
        uint32_t host[2] = {0x0a000000 + c % 50, 0xc0000200 + c / 50};
        unsigned port[2] = {40000 + c, 443}, payload = chance(3) * 30;
        if (reversed)
            answer = !answer;
        struct frame f = {0};
        if (c % 8 < 4)
            put_ipv4(&f, host[answer], host[!answer],
                     kind == 3   ? IPPROTO_ICMP
                     : kind == 0 ? IPPROTO_UDP
                                 : IPPROTO_TCP,
                     0, 0);
        else
            put_ipv6(&f, host[answer], host[!answer],
                     kind == 3   ? IPPROTO_ICMPV6
                     : kind == 0 ? IPPROTO_UDP
                                 : IPPROTO_TCP);
        if (kind == 3) {
            put_icmp(&f, c % 8 < 4 ? 3 : 1, 1, 0, 0, payload);
        } else if (kind == 0) {
            put_udp(&f, port[answer], port[!answer], payload);
        } else {
            unsigned flags = chance(20) == 0   ? TCP_SYN
                             : chance(30) == 0 ? TCP_FIN | TCP_ACK
                             : chance(60) == 0 ? TCP_RST
                                               : TCP_ACK;
            put_tcp(&f, port[answer], port[!answer], sequence[c][answer], sequence[c][!answer], flags, payload);
            sequence[c][answer] += payload + (flags & (TCP_SYN | TCP_FIN) ? 1 : 0);
        }
        now += chance(100) == 0 ? chance(20) * SECOND : chance(100000);
        struct packet packet = frame_packet(&f, LINK_RAW, now);
        memcpy(t.bytes + (size_t)i * 256, packet.data, packet.captured);
        packet.data = t.bytes + (size_t)i * 256;
        assert_int_equal(decode(&plain, &packet, &t.packets[t.count]), DECODE_METERED);
        t.count++;
    }
    return t;
}

static void free_traffic(struct traffic *t)
{
    free(t->packets);
    free(t->bytes);
}

/* By what a flow is, not by its number or the order of records. */
static int by_content(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct flow));
}

static void sort_without_numbers(struct kept_flows *r)
{
    for (size_t i = 0; i < r->count; i++)
        r->flows[i].flow = 0;
    qsort(r->flows, r->count, sizeof(*r->flows), by_content);
}

static void assert_same_records(const struct kept_flows *a, const struct kept_flows *b)
{
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++)
        assert_memory_equal(&a->flows[i], &b->flows[i], sizeof(struct flow));
}

static struct kept_flows meter_all(const struct traffic *t, size_t piece, const struct meter_options *options)
{
    struct kept_flows r = {0};
    struct meter *m = kept_meter(&r, options);
    for (size_t done = 0; done < t->count; done += piece)
        meter_add(m, t->packets + done, t->count - done < piece ? t->count - done : piece);
    meter_flush(m);
    meter_destroy(&m);
    return r;
}

static void test_sums_agree_with_the_packets(void **state)
{
    (void)state;
    struct meter_options tight = meter_options_default();
    tight.flows_max = METER_FLOWS_MIN;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        for (unsigned limited = 0; limited < 2; limited++) {
            struct traffic t = make_traffic(seed, false);
            struct kept_flows r = meter_all(&t, 64, limited ? &tight : NULL);
            uint64_t packets = 0, bytes = 0, payload = 0, expected_bytes = 0, expected_payload = 0;
            for (size_t i = 0; i < r.count; i++) {
                packets += r.flows[i].src_packets + r.flows[i].dst_packets;
                bytes += r.flows[i].src_bytes + r.flows[i].dst_bytes;
                payload += r.flows[i].src_payload + r.flows[i].dst_payload;
            }
            for (size_t i = 0; i < t.count; i++) {
                expected_bytes += t.packets[i].bytes;
                expected_payload += t.packets[i].payload;
            }
            assert_int_equal(packets, t.count);
            assert_int_equal(bytes, expected_bytes);
            assert_int_equal(payload, expected_payload);
            kept_free(&r);
            free_traffic(&t);
        }
    }
}

/* Every flow has reports 0, 1, 2 ... of which the last one alone is an end. */
static void test_every_flow_ends_once(void **state)
{
    (void)state;
    struct traffic t = make_traffic(4, false);
    struct kept_flows r = meter_all(&t, 64, NULL);
    uint32_t *reports = calloc(PACKETS + 2, sizeof(*reports));
    bool *ended = calloc(PACKETS + 2, sizeof(*ended));
    for (size_t i = 0; i < r.count; i++) {
        const struct flow *f = &r.flows[i];
        assert_in_range(f->flow, 1, PACKETS);
        assert_false(ended[f->flow]);
        assert_int_equal(f->report, reports[f->flow]++);
        ended[f->flow] = f->end_reason != FLOW_END_ACTIVE;
    }
    for (size_t flow = 1; flow <= PACKETS; flow++)
        assert_int_equal(ended[flow], reports[flow] > 0);
    free(reports);
    free(ended);
    kept_free(&r);
    free_traffic(&t);
}

static void test_size_of_calls_does_not_matter(void **state)
{
    (void)state;
    struct traffic t = make_traffic(5, false);
    struct kept_flows whole = meter_all(&t, PACKETS, NULL), single = meter_all(&t, 1, NULL),
                      odd = meter_all(&t, 37, NULL);
    assert_same_records(&whole, &single);
    assert_same_records(&whole, &odd);
    kept_free(&whole);
    kept_free(&single);
    kept_free(&odd);
    free_traffic(&t);
}

/* Several threads with a meter each, flows divided among them by their ends. */
static void test_number_of_meters_does_not_matter(void **state)
{
    (void)state;
    enum { METERS = 3 };
    struct traffic t = make_traffic(6, false);
    struct kept_flows one = meter_all(&t, 64, NULL), divided = {0};
    struct meter *meters[METERS];
    for (unsigned n = 0; n < METERS; n++) {
        struct meter_options options = meter_options_default();
        options.first_flow = 1 + n;
        options.flow_step = METERS;
        meters[n] = kept_meter(&divided, &options);
    }
    for (size_t i = 0; i < t.count; i++) {
        const struct decoded *d = &t.packets[i];
        meter_add(meters[(d->src.lo + d->dst.lo) % METERS], d, 1);
    }
    for (unsigned n = 0; n < METERS; n++) {
        meter_advance(meters[n], t.packets[t.count - 1].time_ns); /* as the clock does, live */
        meter_flush(meters[n]);
        meter_destroy(&meters[n]);
    }
    sort_without_numbers(&one);
    sort_without_numbers(&divided);
    assert_same_records(&one, &divided);
    kept_free(&one);
    kept_free(&divided);
    free_traffic(&t);
}

/* Packets of different flows that come at the same time may come in any order. */
static void test_interleaving_does_not_matter(void **state)
{
    (void)state;
    struct traffic t = make_traffic(7, false);
    struct kept_flows plain = meter_all(&t, 64, NULL);
    for (size_t i = 0; i + 1 < t.count; i++) {
        struct decoded *a = &t.packets[i], *b = &t.packets[i + 1];
        bool same_hosts = (a->src.lo ^ a->dst.lo ^ b->src.lo ^ b->dst.lo) == 0 || a->src.lo == b->src.lo ||
                          a->src.lo == b->dst.lo || a->dst.lo == b->src.lo || a->dst.lo == b->dst.lo;
        if (same_hosts || b->time_ns - a->time_ns > SECOND / 1000)
            continue;
        struct decoded swap = *a;
        *a = *b;
        *b = swap;
    }
    struct kept_flows shuffled = meter_all(&t, 64, NULL);
    sort_without_numbers(&plain);
    sort_without_numbers(&shuffled);
    assert_same_records(&plain, &shuffled);
    kept_free(&plain);
    kept_free(&shuffled);
    free_traffic(&t);
}

static struct flow swapped(const struct flow *f)
{
    struct flow s = *f;
    /* Fields of the two sides stand side by side in the table, src first. */
    /* Left alone, for clang-format never settles on one way here: */
    /* clang-format off */
#define X(name) s.src_##name = f->dst_##name, s.dst_##name = f->src_##name;
    X(packets) X(bytes) X(payload) X(tcp_flags) X(ttl) X(dscp) X(size_min) X(size_max) X(gap_mean) X(gap_deviation)
    X(retransmits) X(out_of_order) X(duplicates) X(zero_windows) X(isn) X(timestamp_origin) X(digest) X(ip_id) X(mac)
    X(window) X(mss) X(tcp_options) X(port) X(hi) X(lo)
#undef X
        /* clang-format on */
        return s;
}

static void turn_round(struct decoded *d)
{
    struct address address = d->src;
    uint16_t port = d->src_port;
    d->src = d->dst;
    d->dst = address;
    d->src_port = d->dst_port;
    d->dst_port = port;
}

/* Every packet sent by the other end instead: the initiator is the other end too, and all it did is unchanged. Ports
 * are made to tell nothing: they would say who is the server whoever speaks first. */
static void test_reversed_packets_reverse_the_flows(void **state)
{
    (void)state;
    struct traffic t = make_traffic(8, false);
    for (size_t i = 0; i < t.count; i++) {
        struct decoded *d = &t.packets[i];
        if (d->kind == DECODED_TCP && d->dst_port == 443)
            d->dst_port = 50000;
        if (d->kind == DECODED_TCP && d->src_port == 443)
            d->src_port = 50000;
    }
    struct kept_flows forward = meter_all(&t, 64, NULL);
    for (size_t i = 0; i < t.count; i++)
        turn_round(&t.packets[i]);
    struct kept_flows backward = meter_all(&t, 64, NULL);
    assert_int_equal(forward.count, backward.count);
    unsigned seen[256] = {0};
    for (size_t i = 0; i < forward.count; i++) {
        struct flow expected = forward.flows[i];
        struct flow ends = swapped(&forward.flows[i]);
        expected.src_hi = ends.src_hi;
        expected.src_lo = ends.src_lo;
        expected.dst_hi = ends.dst_hi;
        expected.dst_lo = ends.dst_lo;
        if (expected.protocol != IPPROTO_ICMP && expected.protocol != IPPROTO_ICMPV6) {
            expected.src_port = ends.src_port;
            expected.dst_port = ends.dst_port;
        }
        assert_memory_equal(&expected, &backward.flows[i], sizeof(expected));
        seen[expected.protocol]++;
    }
    assert_true(seen[IPPROTO_TCP] > 0 && seen[IPPROTO_UDP] > 0 && seen[IPPROTO_ICMP] > 0 && seen[IPPROTO_ICMPV6] > 0);
    kept_free(&forward);
    kept_free(&backward);
    free_traffic(&t);
}

/* A file cut in two and metered apart: the same packets and bytes for each pair of ends. */
static void test_cut_in_two_keeps_the_sums(void **state)
{
    (void)state;
    struct traffic t = make_traffic(9, false);
    struct kept_flows whole = meter_all(&t, 64, NULL);
    struct traffic first = t, second = t;
    first.count = t.count / 2;
    second.packets += first.count;
    second.count -= first.count;
    struct kept_flows parts[2] = {meter_all(&first, 64, NULL), meter_all(&second, 64, NULL)};
    enum { BUCKETS = 512 };
    uint64_t sums[2][BUCKETS] = {{0}};
    for (unsigned side = 0; side < 2; side++) {
        for (unsigned part = 0; part < (side == 0 ? 1u : 2u); part++) {
            const struct kept_flows *r = side == 0 ? &whole : &parts[part];
            for (size_t i = 0; i < r->count; i++) {
                const struct flow *f = &r->flows[i];
                uint64_t bucket = (f->src_lo + f->dst_lo + f->protocol * 7 + f->src_port + f->dst_port) % BUCKETS;
                sums[side][bucket] += (f->src_bytes + f->dst_bytes) * 1000003 + f->src_packets + f->dst_packets;
            }
        }
    }
    assert_memory_equal(sums[0], sums[1], sizeof(sums[0]));
    kept_free(&whole);
    kept_free(&parts[0]);
    kept_free(&parts[1]);
    free_traffic(&t);
}

static bool same_ends(const struct flow *a, const struct flow *b)
{
    struct flow s = swapped(b);
    bool forth = a->src_hi == b->src_hi && a->src_lo == b->src_lo && a->dst_hi == b->dst_hi && a->dst_lo == b->dst_lo;
    bool back = a->src_hi == s.src_hi && a->src_lo == s.src_lo && a->dst_hi == s.dst_hi && a->dst_lo == s.dst_lo;
    return a->protocol == b->protocol && (forth || back);
}

/* Without the records between ends that any of `open` has. */
static void leave_out(struct kept_flows *r, const struct flow *open, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < r->count; i++) {
        bool touched = false;
        for (size_t n = 0; n < count && !touched; n++)
            touched = same_ends(&r->flows[i], &open[n]);
        if (!touched)
            r->flows[kept++] = r->flows[i];
    }
    r->count = kept;
}

/* A file cut in two and metered apart: but for flows that are open at the cut, and what follows between the same ends,
 * every record is the same. */
static void test_cut_in_two_changes_only_what_was_open(void **state)
{
    (void)state;
    struct traffic t = make_traffic(9, false), second = t;
    size_t half = t.count / 2;
    second.packets += half;
    second.count -= half;
    struct kept_flows whole = meter_all(&t, 64, NULL), rest = meter_all(&second, 64, NULL), parts = {0};
    struct meter *m = kept_meter(&parts, NULL);
    meter_add(m, t.packets, half);
    meter_advance(m, second.packets[0].time_ns);
    size_t ended = parts.count;
    meter_flush(m);
    meter_destroy(&m);
    struct kept_flows open = {0};
    for (size_t i = ended; i < parts.count; i++)
        kept_add(&open, &parts.flows[i]);
    assert_true(open.count > 0);
    parts.count = ended;
    for (size_t i = 0; i < rest.count; i++)
        kept_add(&parts, &rest.flows[i]);
    leave_out(&whole, open.flows, open.count);
    leave_out(&parts, open.flows, open.count);
    sort_without_numbers(&whole);
    sort_without_numbers(&parts);
    assert_in_range(whole.count, 100, PACKETS);
    assert_same_records(&whole, &parts);
    kept_free(&whole);
    kept_free(&rest);
    kept_free(&parts);
    kept_free(&open);
    free_traffic(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums_agree_with_the_packets),
        cmocka_unit_test(test_every_flow_ends_once),
        cmocka_unit_test(test_size_of_calls_does_not_matter),
        cmocka_unit_test(test_number_of_meters_does_not_matter),
        cmocka_unit_test(test_interleaving_does_not_matter),
        cmocka_unit_test(test_reversed_packets_reverse_the_flows),
        cmocka_unit_test(test_cut_in_two_keeps_the_sums),
        cmocka_unit_test(test_cut_in_two_changes_only_what_was_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
