/* SPDX-License-Identifier: Apache-2.0 */
/* The correlator under virtual time: rules one by one, then whole generated campuses, where every link must be true
 * and every pair that nothing else resembles must be linked. */
#include "tests/unit/aggregator/support.h"

#include "aggregator/correlate/correlate.h"
#include "common/records/binding.h"

#define INSIDE_EPOCH  100
#define OUTSIDE_EPOCH 200

static struct error err;
static const struct boundary border = {
    .name = "border", .inside = "inner", .outside = "outer", .window_ns = 120 * NS_PER_S, .tolerance_ns = 2 * NS_PER_S};

struct bench {
    struct correlator *correlator;
    struct conclusions out;
    int64_t now;
};

static struct bench bench_new(void)
{
    struct bench b = {.now = NS_PER_S};
    assert_ok(correlator_new(&b.correlator, &err), err);
    assert_ok(correlator_configure(b.correlator, &border, 1, &err), err);
    correlator_run(b.correlator, b.now, &b.out);
    return b;
}

static void bench_end(struct bench *b)
{
    correlator_destroy(&b->correlator);
    conclusions_fini(&b->out);
}

static void see(struct bench *b, bool inside, const struct flow *flow)
{
    struct observer observer = inside ? test_observer("inner", INSIDE_EPOCH) : test_observer("outer", OUTSIDE_EPOCH);
    struct flow_batch *batch = flow_batch_new(1);
    struct flow copy = *flow;
    assert_int_equal(flow_batch_observer(batch, &observer, &copy.observer), RESULT_OK);
    assert_int_equal(flow_batch_add(batch, &copy), RESULT_OK);
    correlator_add(b->correlator, batch, b->now, &b->out);
    flow_batch_destroy(&batch);
}

/* Time passes, a second at a time; both sensors are heard, or only the one. */
static void pass(struct bench *b, int seconds, bool inner, bool outer)
{
    for (int i = 0; i < seconds; i++) {
        b->now += NS_PER_S;
        if (inner)
            correlator_heard(b->correlator, "inner", b->now);
        if (outer)
            correlator_heard(b->correlator, "outer", b->now);
        correlator_run(b->correlator, b->now, &b->out);
    }
}

/* A sensor's status. */
static void told(struct bench *b, bool inside, int64_t through_ns, bool ended)
{
    struct observer observer = inside ? test_observer("inner", INSIDE_EPOCH) : test_observer("outer", OUTSIDE_EPOCH);
    correlator_told(b->correlator, &observer, through_ns, ended, b->now);
}

/* ---- what was concluded */

static uint32_t verdict_count(const struct bench *b)
{
    return b->out.verdicts == NULL ? 0 : b->out.verdicts->rows;
}

static uint32_t linked_count(const struct bench *b)
{
    uint32_t count = 0;
    for (uint32_t row = 0; row < verdict_count(b); row++)
        count += verdict_is_linked(verdict_columns(b->out.verdicts)->verdict[row]);
    return count;
}

static uint32_t given_up_count(const struct bench *b)
{
    return verdict_count(b) - linked_count(b);
}

/* The n-th of those that are linked, or of those that are not; *ret_row may be NULL. */
static struct verdict verdict_at(const struct bench *b, bool linked, uint32_t n, uint32_t *ret_row)
{
    struct verdict verdict;
    for (uint32_t row = 0; row < verdict_count(b); row++) {
        if (verdict_is_linked(verdict_columns(b->out.verdicts)->verdict[row]) != linked || n-- > 0)
            continue;
        records_get(b->out.verdicts, row, &verdict);
        if (ret_row != NULL)
            *ret_row = row;
        return verdict;
    }
    fail_msg("there are only %u verdicts", verdict_count(b));
    return verdict;
}

static struct verdict link_at(const struct bench *b, uint32_t n)
{
    return verdict_at(b, true, n, NULL);
}

static struct verdict given_up_at(const struct bench *b, uint32_t n)
{
    return verdict_at(b, false, n, NULL);
}

/* Every link joins a flow with the flow of the same number. */
static void assert_links_are_true(const struct bench *b)
{
    for (uint32_t i = 0; i < linked_count(b); i++)
        assert_int_equal(link_at(b, i).flow, link_at(b, i).partner_flow);
}

static bool agrees(const struct bench *b, uint32_t row, enum verdict_term_kind kind)
{
    uint32_t first, count = records_items(b->out.verdicts, VERDICT_TERMS, row, &first);
    const struct verdict_columns *c = verdict_columns(b->out.verdicts);
    for (uint32_t i = first; i < first + count; i++) {
        if (c->term_kind[i] == kind)
            return c->term_outcome[i] == OUTCOME_AGREES;
    }
    return false;
}

static void assert_terms_add_up(const struct records *verdicts, uint32_t row)
{
    const struct verdict_columns *c = verdict_columns(verdicts);
    uint32_t first, count = records_items(verdicts, VERDICT_TERMS, row, &first);
    int32_t sum = 0;
    for (uint32_t i = first; i < first + count; i++)
        sum += c->term_weight[i];
    assert_int_equal(sum, c->odds[row]);
}

/* ---- flows */

/* A TCP connection 10.0.0.n:port -> 198.51.100.1:80 as the inside sees it. */
static struct flow tcp(uint64_t n)
{
    struct flow flow = test_flow(n, TEST_NOW);
    flow.src_isn = (uint32_t)(0x9e3779b9u * (n + 1));
    flow.dst_isn = (uint32_t)(0x85ebca6bu * (n + 7));
    flow.evidence = FLOW_HAS_SRC_ISN | FLOW_HAS_DST_ISN;
    flow.direction = FLOW_DIRECTION_HANDSHAKE;
    return flow;
}

/* The same behind masquerading: another source, a millisecond later. */
static struct flow masqueraded(struct flow flow, uint16_t port)
{
    flow.src_lo = 0xffffcb007105u;
    flow.src_port = port;
    flow.first_time += NS_PER_MS;
    flow.last_time += NS_PER_MS;
    return flow;
}

static struct flow udp(uint64_t n, uint64_t request)
{
    struct flow flow = test_flow(n, TEST_NOW);
    flow.protocol = 17;
    flow.dst_port = 53;
    flow.src_digest = request;
    flow.dst_digest = request * 3;
    flow.evidence = FLOW_HAS_SRC_DIGEST | FLOW_HAS_DST_DIGEST;
    return flow;
}

static void test_sequence_numbers_link_at_once(void **state)
{
    (void)state;
    struct bench b = bench_new();
    struct flow inside = tcp(1), outside = masqueraded(inside, 40312);
    uint32_t row;
    see(&b, false, &outside);
    see(&b, true, &inside);
    assert_int_equal(verdict_count(&b), 1);
    struct verdict link = verdict_at(&b, true, 0, &row);
    assert_int_equal(link.verdict, VERDICT_TRANSLATED);
    assert_int_equal(link.side, VERDICT_INSIDE);
    assert_string_equal(link.boundary, "border");
    assert_int_equal(link.method, METHOD_SEQUENCE_NUMBERS);
    assert_int_equal(link.translated, TRANSLATED_SOURCE);
    assert_string_equal(b.out.verdicts->observers[link.observer].sensor, "inner");
    assert_string_equal(b.out.verdicts->observers[link.partner_observer].sensor, "outer");
    assert_int_equal(b.out.verdicts->observers[link.partner_observer].epoch, OUTSIDE_EPOCH);
    assert_true(agrees(&b, row, TERM_SRC_ISN) && agrees(&b, row, TERM_DST_ISN) && agrees(&b, row, TERM_DST) &&
                agrees(&b, row, TERM_TIME));
    assert_false(agrees(&b, row, TERM_SRC));
    assert_int_equal(odds_share(link.odds), 990);
    assert_int_equal(link.src_port, inside.src_port);
    assert_int_equal(link.post_nat_src_port, 40312);
    assert_int_equal(link.offset, NS_PER_MS);
    assert_int_equal(link.candidates, 1);
    assert_int_equal(link.first_time, inside.first_time);
    assert_int_equal(link.last_time, outside.last_time);
    assert_int_equal(link.revision, 0);
    assert_int_equal(link.supersedes, 0);
    assert_int_equal(correlator_waiting(b.correlator, "border"), 0);
    bench_end(&b);
}

/* A link witnesses what an end inside was outside. */
static void test_translated_ends_are_bindings(void **state)
{
    (void)state;
    struct bench b = bench_new();
    struct flow inside = tcp(1), outside = masqueraded(inside, 40312), routed = tcp(2);
    struct binding binding;
    see(&b, true, &routed);
    see(&b, false, &routed);
    assert_int_equal(link_at(&b, 0).verdict, VERDICT_FORWARDED);
    assert_null(b.out.bindings); /* nothing was translated */
    outside.dst_lo = 0xffffcb007101u;
    outside.dst_port = 8080;
    see(&b, true, &inside);
    see(&b, false, &outside);
    struct verdict link = link_at(&b, 1);
    assert_int_equal(link.translated, TRANSLATED_BOTH);
    assert_int_equal(b.out.bindings->rows, 2);
    records_get(b.out.bindings, 0, &binding);
    assert_string_equal(b.out.bindings->observers[binding.observer].sensor, "inner");
    assert_int_equal(binding.witness, WITNESS_LINK);
    assert_string_equal(binding.boundary, "border");
    assert_int_equal(binding.translated, TRANSLATED_SOURCE);
    assert_int_equal(binding.protocol, 6);
    assert_int_equal(binding.inside_lo, inside.src_lo);
    assert_int_equal(binding.inside_port, inside.src_port);
    assert_int_equal(binding.outside_lo, outside.src_lo);
    assert_int_equal(binding.outside_port, 40312);
    assert_int_equal(binding.peer_lo, inside.dst_lo);
    assert_int_equal(binding.peer_port, 80);
    assert_int_equal(binding.first_time, link.first_time);
    assert_int_equal(binding.last_time, link.last_time);
    assert_int_equal(binding.odds, link.odds);
    assert_int_equal(binding.flow, inside.flow);
    records_get(b.out.bindings, 1, &binding);
    assert_int_equal(binding.translated, TRANSLATED_DESTINATION);
    assert_int_equal(binding.inside_lo, inside.dst_lo);
    assert_int_equal(binding.inside_port, 80);
    assert_int_equal(binding.outside_lo, outside.dst_lo);
    assert_int_equal(binding.outside_port, 8080);
    assert_int_equal(binding.peer_lo, inside.src_lo);
    bench_end(&b);
}

/* A verdict without partner says what the view was. */
static void test_given_up_views_keep_their_ends(void **state)
{
    (void)state;
    struct bench b = bench_new();
    struct flow inside = tcp(1);
    see(&b, true, &inside);
    pass(&b, 130, true, true);
    assert_int_equal(verdict_count(&b), 1);
    struct verdict verdict = given_up_at(&b, 0);
    assert_string_equal(b.out.verdicts->observers[verdict.observer].sensor, "inner");
    assert_int_equal(verdict.flow, 1);
    assert_int_equal(verdict.side, VERDICT_INSIDE);
    assert_int_equal(verdict.protocol, 6);
    assert_int_equal(verdict.src_lo, inside.src_lo);
    assert_int_equal(verdict.src_port, inside.src_port);
    assert_int_equal(verdict.dst_lo, inside.dst_lo);
    assert_int_equal(verdict.dst_port, 80);
    assert_int_equal(verdict.first_time, inside.first_time);
    assert_int_equal(verdict.last_time, inside.last_time);
    assert_int_equal(verdict.candidates, 0);
    assert_int_equal(verdict.terms, 0);
    assert_int_equal(verdict.method, METHOD_UNKNOWN);
    bench_end(&b);
}

static void test_destination_nat(void **state)
{
    (void)state;
    struct bench b = bench_new();
    struct flow inside = tcp(1), outside = inside;
    inside.src_lo = outside.src_lo = 0xffffc0000201u;
    outside.dst_lo = 0xffffcb007101u;
    outside.dst_port = 8080;
    see(&b, true, &inside);
    see(&b, false, &outside);
    assert_int_equal(linked_count(&b), 1);
    assert_int_equal(link_at(&b, 0).translated, TRANSLATED_DESTINATION);
    assert_int_equal(link_at(&b, 0).post_nat_dst_port, 8080);
    bench_end(&b);
}

/* The outside joined midway and took the server for the initiator; it has no SYN, so only payload tells. */
static void test_swapped_halves(void **state)
{
    (void)state;
    struct bench b = bench_new();
    struct flow inside = udp(1, 77), outside = masqueraded(inside, 40312), turned = outside;
    turned.src_lo = outside.dst_lo, turned.dst_lo = outside.src_lo;
    turned.src_port = outside.dst_port, turned.dst_port = outside.src_port;
    turned.src_digest = outside.dst_digest, turned.dst_digest = outside.src_digest;
    turned.src_packets = outside.dst_packets, turned.dst_packets = outside.src_packets;
    see(&b, true, &inside);
    see(&b, false, &turned);
    pass(&b, 130, true, true);
    assert_int_equal(linked_count(&b), 1);
    assert_int_equal(link_at(&b, 0).translated, TRANSLATED_SOURCE);
    assert_int_equal(link_at(&b, 0).post_nat_src_port, 40312);
    assert_true(agrees(&b, 0, TERM_SRC_DIGEST));
    bench_end(&b);
}

/* A port used again at once: the sequence numbers keep the connections apart, in whatever order they come. */
static void test_port_reuse(void **state)
{
    (void)state;
    struct bench b = bench_new();
    struct flow first = tcp(1), second = tcp(2);
    second.src_lo = first.src_lo;
    second.src_port = first.src_port;
    second.first_time += 100 * NS_PER_MS;
    struct flow first_out = masqueraded(first, 40312), second_out = masqueraded(second, 40312);
    see(&b, true, &first);
    see(&b, false, &second_out);
    see(&b, false, &first_out);
    see(&b, true, &second);
    assert_int_equal(linked_count(&b), 2);
    assert_links_are_true(&b);
    bench_end(&b);
}

/* Equal payloads are not linked while a rival may come, and not at all when nothing tells them apart. */
static void test_equal_payloads_are_ambiguous(void **state)
{
    (void)state;
    struct bench b = bench_new();
    struct flow one = udp(1, 77), two = udp(2, 77);
    struct flow one_out = masqueraded(one, 40001), two_out = masqueraded(two, 40002);
    see(&b, true, &one);
    see(&b, false, &one_out);
    assert_int_equal(linked_count(&b), 0);
    pass(&b, 60, true, true);
    assert_int_equal(linked_count(&b), 0);
    see(&b, true, &two);
    see(&b, false, &two_out);
    pass(&b, 400, true, true);
    assert_int_equal(linked_count(&b), 0);
    assert_int_equal(given_up_count(&b), 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(given_up_at(&b, (uint32_t)i).verdict, VERDICT_AMBIGUOUS);
    bench_end(&b);
}

/* ... but IP identifications, or different amounts, single them out. */
static void test_further_evidence_singles_out(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        struct bench b = bench_new();
        for (uint64_t n = 1; n <= 5; n++) {
            struct flow flow = udp(n, 77);
            if (kind == 0) {
                flow.src_ip_id = (uint16_t)(1000 + n);
                flow.evidence |= FLOW_HAS_SRC_IP_ID;
            } else {
                flow.src_payload = 40 * n;
            }
            struct flow outside = masqueraded(flow, (uint16_t)(40000 + n));
            see(&b, true, &flow);
            see(&b, false, &outside);
        }
        pass(&b, 130, true, true);
        assert_int_equal(linked_count(&b), 5);
        assert_links_are_true(&b);
        bench_end(&b);
    }
}

/* Once strong links have shown the clock offset, time tells equal payloads apart, if they lie well apart. */
static void test_time_singles_out(void **state)
{
    (void)state;
    struct bench b = bench_new();
    const int64_t offset = 480 * NS_PER_MS;
    for (uint64_t n = 100; n < 130; n++) {
        struct flow flow = tcp(n), outside = masqueraded(flow, (uint16_t)n);
        outside.first_time += offset;
        see(&b, true, &flow);
        see(&b, false, &outside);
    }
    assert_int_equal(linked_count(&b), 30);
    for (uint64_t n = 1; n <= 4; n++) { /* 300 ms apart: nearer to the wrong partner, were the offset not known */
        struct flow flow = udp(n, 77);
        flow.first_time += (int64_t)n * 300 * NS_PER_MS;
        struct flow outside = masqueraded(flow, (uint16_t)(40000 + n));
        outside.first_time += offset;
        see(&b, true, &flow);
        see(&b, false, &outside);
    }
    pass(&b, 130, true, true);
    assert_int_equal(linked_count(&b), 34);
    assert_links_are_true(&b);
    bench_end(&b);
}

/* A sensor that has said its last word cannot bring a rival any more. */
static void test_ended_sensors_settle(void **state)
{
    (void)state;
    struct bench b = bench_new();
    struct flow inside = udp(1, 77), outside = masqueraded(inside, 40001);
    see(&b, true, &inside);
    see(&b, false, &outside);
    told(&b, true, 0, true);
    told(&b, false, 0, true);
    pass(&b, 1, false, false);
    assert_int_equal(linked_count(&b), 1);
    assert_int_equal(link_at(&b, 0).method, METHOD_DIGESTS);
    bench_end(&b);
}

/* Both sensors have reported through a later time, so no rival can come: no need to wait for the window. */
static void test_reported_through_settles(void **state)
{
    (void)state;
    struct bench b = bench_new();
    struct flow inside = udp(1, 77), outside = masqueraded(inside, 40001);
    see(&b, true, &inside);
    see(&b, false, &outside);
    told(&b, true, inside.first_time + 4 * NS_PER_S, false);
    told(&b, false, outside.first_time + border.tolerance_ns - NS_PER_MS, false);
    pass(&b, 2, true, true);
    assert_int_equal(linked_count(&b), 0);
    told(&b, false, outside.first_time + border.tolerance_ns, false);
    pass(&b, 2, true, true);
    assert_int_equal(linked_count(&b), 1);
    bench_end(&b);
}

/* A sensor that starts again and again: lives that are over cost nothing and hold nothing up, and a view of one that is
 * forgotten otherwise is still linked under its name. */
static void test_many_lives_of_one_sensor(void **state)
{
    (void)state;
    enum { LIVES = 20000 };
    struct bench b = bench_new();
    struct flow inside = udp(1, 77), outside = masqueraded(inside, 40001);
    struct observer observer = test_observer("inner", INSIDE_EPOCH);
    see(&b, true, &inside); /* of a life that never says through when */
    see(&b, false, &outside);
    told(&b, false, outside.first_time + 60 * NS_PER_S, false);
    const int64_t began_ns = clock_monotonic_ns();
    for (unsigned i = 1; i <= LIVES; i++) {
        observer.epoch = INSIDE_EPOCH + i;
        correlator_told(b.correlator, &observer, inside.first_time + 60 * NS_PER_S, false, b.now);
        if (i % (LIVES / 40) == 0)
            pass(&b, 1, true, true);
        if (i == LIVES / 2)
            assert_int_equal(linked_count(&b), 0); /* it may still say something */
    }
    pass(&b, 60, true, true); /* all but the newest are over: were each compared with each, this takes minutes */
    assert_true(clock_monotonic_ns() - began_ns < 10 * NS_PER_S);
    assert_int_equal(linked_count(&b), 1);
    struct verdict link = link_at(&b, 0);
    assert_int_equal(b.out.verdicts->observers[link.observer].epoch, INSIDE_EPOCH);
    bench_end(&b);
}

/* The window runs only while the other side is heard: an outage costs no link. */
static void test_window_waits_for_the_silent(void **state)
{
    (void)state;
    struct bench b = bench_new();
    struct flow inside = tcp(1), outside = masqueraded(inside, 40001);
    see(&b, true, &inside);
    pass(&b, 300, true, false);
    assert_int_equal(given_up_count(&b), 0);
    see(&b, false, &outside);
    assert_int_equal(linked_count(&b), 1);
    bench_end(&b);

    b = bench_new();
    see(&b, true, &inside);
    pass(&b, 119, true, true);
    assert_int_equal(given_up_count(&b), 0);
    pass(&b, 3, true, true);
    assert_int_equal(given_up_count(&b), 1);
    assert_int_equal(given_up_at(&b, 0).verdict, VERDICT_BLOCKED_OR_LOCAL);
    see(&b, false, &outside); /* too late: the inside view has been told already */
    assert_int_equal(linked_count(&b), 0);
    pass(&b, 130, true, true);
    assert_int_equal(given_up_at(&b, 1).verdict, VERDICT_NO_PARTNER);
    bench_end(&b);

    b = bench_new();
    see(&b, true, &inside);
    pass(&b, 601, true, false); /* not for ever either */
    assert_int_equal(given_up_count(&b), 1);
    bench_end(&b);
}

/* Evidence that comes with a later report counts; a later report of a linked flow makes no second view. */
static void test_later_reports(void **state)
{
    (void)state;
    struct bench b = bench_new();
    struct flow inside = tcp(1), outside = masqueraded(inside, 40001), early = inside;
    early.evidence = 0;
    inside.report = 1;
    see(&b, true, &early);
    see(&b, false, &outside);
    assert_int_equal(linked_count(&b), 0);
    see(&b, true, &inside);
    assert_int_equal(linked_count(&b), 1);
    inside.report = 2;
    outside.report = 1;
    see(&b, true, &inside);
    see(&b, false, &outside);
    assert_int_equal(correlator_waiting(b.correlator, "border"), 0);
    bench_end(&b);
}

/* Sequence numbers that differ are two connections, however alike the rest is. */
static void test_contradictions_forbid(void **state)
{
    (void)state;
    struct bench b = bench_new();
    struct flow inside = tcp(1), outside = masqueraded(inside, 40001);
    inside.src_digest = outside.src_digest = 5;
    inside.evidence |= FLOW_HAS_SRC_DIGEST;
    outside.evidence |= FLOW_HAS_SRC_DIGEST;
    outside.src_isn++;
    outside.dst_isn++;
    see(&b, true, &inside);
    see(&b, false, &outside);
    pass(&b, 130, true, true);
    assert_int_equal(linked_count(&b), 0);
    bench_end(&b);

    /* A firewall that randomises sequence numbers leaves time stamps. */
    b = bench_new();
    inside.src_timestamp_origin = outside.src_timestamp_origin = 0xdeadbeef;
    inside.evidence |= FLOW_HAS_SRC_TIMESTAMP;
    outside.evidence |= FLOW_HAS_SRC_TIMESTAMP;
    see(&b, true, &inside);
    see(&b, false, &outside);
    pass(&b, 130, true, true);
    assert_int_equal(linked_count(&b), 1);
    assert_int_equal(link_at(&b, 0).method, METHOD_DIGESTS);
    bench_end(&b);
}

static void test_icmp_and_routed(void **state)
{
    (void)state;
    struct bench b = bench_new();
    struct flow ping = test_flow(1, TEST_NOW), routed = test_flow(2, TEST_NOW), ping_out, routed_out;
    ping.protocol = 1;
    ping.dst_port = 0;
    ping.icmp_sequence = 1;
    ping.src_digest = 9;
    ping.evidence = FLOW_HAS_ICMP_SEQUENCE | FLOW_HAS_SRC_DIGEST;
    ping_out = masqueraded(ping, 4711);
    routed.src_hi = routed.dst_hi = 0x20010db800000000u;
    routed.evidence = 0;
    routed_out = routed;
    see(&b, true, &ping);
    see(&b, true, &routed);
    see(&b, false, &routed_out);
    see(&b, false, &ping_out);
    pass(&b, 130, true, true);
    assert_int_equal(linked_count(&b), 2);
    for (uint32_t i = 0; i < 2; i++) {
        struct verdict link = link_at(&b, i);
        assert_int_equal(link.method, link.flow == 1 ? METHOD_ICMP_ECHO : METHOD_TUPLE);
        assert_int_equal(link.verdict, link.flow == 1 ? VERDICT_TRANSLATED : VERDICT_FORWARDED);
    }
    bench_end(&b);
}

static void test_configuration(void **state)
{
    (void)state;
    struct bench b = bench_new();
    struct flow inside = tcp(1), outside = masqueraded(inside, 40001);
    see(&b, true, &inside);
    struct boundary two[2] = {border, border};
    assert_int_equal(correlator_configure(b.correlator, two, 2, &err), RESULT_REJECT);
    strcpy(two[1].name, "core");
    strcpy(two[1].outside, "inner");
    assert_int_equal(correlator_configure(b.correlator, two, 2, &err), RESULT_REJECT);
    strcpy(two[1].inside, "core");
    two[0].window_ns = 60 * NS_PER_S;
    assert_ok(correlator_configure(b.correlator, two, 2, &err), err); /* border keeps its views */
    assert_int_equal(correlator_waiting(b.correlator, "border"), 1);
    see(&b, false, &outside);
    assert_int_equal(linked_count(&b), 1);
    assert_ok(correlator_configure(b.correlator, NULL, 0, &err), err);
    see(&b, true, &inside);
    bench_end(&b);
}

static void test_views_are_bounded(void **state)
{
    (void)state;
    struct bench b = bench_new();
    struct observer observer = test_observer("inner", INSIDE_EPOCH);
    for (uint64_t first = 0; first < CORRELATE_VIEWS_MAX + 1000; first += 60000) {
        struct flow_batch *batch = test_flows(&observer, first, 60000, TEST_NOW + (int64_t)first * NS_PER_MS);
        correlator_add(b.correlator, batch, b.now, &b.out);
        flow_batch_destroy(&batch);
    }
    assert_int_equal(correlator_waiting(b.correlator, "border"), CORRELATE_VIEWS_MAX);
    assert_true(given_up_count(&b) > 0);
    assert_int_equal(given_up_at(&b, 0).verdict, VERDICT_EVICTED);
    assert_int_equal(given_up_at(&b, 0).flow, 0); /* the oldest went first */
    bench_end(&b);
}

/* ---- a whole campus */

enum { CONNECTIONS = 1500 };

struct world {
    uint64_t random;
    struct flow inside[CONNECTIONS], outside[CONNECTIONS];
    bool has_inside[CONNECTIONS], has_outside[CONNECTIONS];
    struct {
        bool inside;
        struct flow flow;
    } records[2 * CONNECTIONS * 2];
    size_t record_count;
};

static uint64_t draw(struct world *w, uint64_t bound)
{
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return (w->random >> 11) % bound;
}

static void make_connection(struct world *w, uint64_t n, int64_t offset)
{
    struct flow f = {.flow = n, .src_packets = 5, .dst_packets = 4};
    f.src_lo = 0xffff0a000000u + 1 + draw(w, 40);
    f.dst_lo = 0xffffc6336400u + 1 + draw(w, 3); /* everybody talks to the same few servers */
    f.src_port = (uint16_t)(32768 + draw(w, 50));
    f.first_time = TEST_NOW + (int64_t)draw(w, 20000) * NS_PER_MS + (int64_t)draw(w, NS_PER_MS);
    f.last_time = f.first_time + (int64_t)draw(w, 3 * NS_PER_S);
    uint64_t kind = draw(w, 10);
    if (kind < 5) { /* TCP; payloads all alike */
        f.protocol = 6;
        f.dst_port = 80;
        f.src_isn = (uint32_t)draw(w, UINT32_MAX);
        f.evidence = FLOW_HAS_SRC_ISN;
        f.direction = FLOW_DIRECTION_HANDSHAKE;
        if (draw(w, 10) > 0) {
            f.dst_isn = (uint32_t)draw(w, UINT32_MAX);
            f.src_digest = 1 + draw(w, 3);
            f.dst_digest = 1 + draw(w, 3);
            f.evidence |= FLOW_HAS_DST_ISN | FLOW_HAS_SRC_DIGEST | FLOW_HAS_DST_DIGEST;
        }
        if (draw(w, 2) == 0) {
            f.src_timestamp_origin = (uint32_t)draw(w, UINT32_MAX);
            f.evidence |= FLOW_HAS_SRC_TIMESTAMP;
        }
    } else if (kind < 9) { /* UDP; some payloads alike */
        f.protocol = 17;
        f.dst_port = 53;
        f.src_digest = draw(w, 3) == 0 ? 1 + draw(w, 4) : draw(w, UINT32_MAX);
        f.dst_digest = f.src_digest * 7;
        f.src_payload = 40 + draw(w, 3);
        f.evidence = FLOW_HAS_SRC_DIGEST | FLOW_HAS_DST_DIGEST;
        if (draw(w, 2) == 0) {
            f.src_ip_id = (uint16_t)draw(w, 65536);
            f.evidence |= FLOW_HAS_SRC_IP_ID;
        }
    } else { /* ping; payloads all alike */
        f.protocol = 1;
        f.icmp_sequence = 1;
        f.src_digest = f.dst_digest = 4;
        f.evidence = FLOW_HAS_ICMP_SEQUENCE | FLOW_HAS_SRC_DIGEST | FLOW_HAS_DST_DIGEST;
        f.direction = FLOW_DIRECTION_REQUEST;
        f.src_ip_id = (uint16_t)draw(w, 65536);
        f.evidence |= FLOW_HAS_SRC_IP_ID;
    }
    w->inside[n] = f;
    int64_t transit = 50000 + (int64_t)draw(w, 250000);
    f.src_lo = 0xffffcb007100u + 1 + draw(w, 2);
    f.src_port = (uint16_t)(1024 + draw(w, 60000));
    f.first_time += transit + offset;
    f.last_time += transit + offset;
    f.flow = 100000 + n;
    w->outside[n] = f;
    uint64_t fate = draw(w, 20);
    w->has_inside[n] = fate != 0; /* 5 % seen outside alone, 10 % inside alone (blocked) */
    w->has_outside[n] = fate != 1 && fate != 2;
}

/* The records, some flows in two reports, a flow's reports in order and all else mixed. */
static void make_records(struct world *w)
{
    w->record_count = 0;
    for (uint64_t n = 0; n < CONNECTIONS; n++) {
        for (int side = 0; side < 2; side++) {
            const struct flow *flow = side ? &w->outside[n] : &w->inside[n];
            if (!(side ? w->has_outside[n] : w->has_inside[n]))
                continue;
            struct flow first = *flow, second = *flow;
            bool split = draw(w, 4) == 0;
            if (split) { /* the answer comes with the second report */
                first.evidence &= ~(uint32_t)(FLOW_HAS_DST_ISN | FLOW_HAS_DST_DIGEST);
                first.dst_packets = first.dst_payload = 0;
                second.report = 1;
                second.src_packets = second.src_payload = 0;
            }
            w->records[w->record_count].inside = side == 0;
            w->records[w->record_count++].flow = first;
            if (split) {
                w->records[w->record_count].inside = side == 0;
                w->records[w->record_count++].flow = second;
            }
        }
    }
    for (size_t i = w->record_count; i-- > 1;) {
        size_t j = draw(w, i + 1);
        __typeof__(w->records[0]) kept = w->records[i];
        w->records[i] = w->records[j];
        w->records[j] = kept;
    }
    /* A first report must not come behind its second: exchange such. */
    for (size_t i = 0; i < w->record_count; i++) {
        for (size_t j = i + 1; w->records[i].flow.report == 1 && j < w->record_count; j++) {
            if (w->records[j].inside == w->records[i].inside && w->records[j].flow.flow == w->records[i].flow.flow) {
                __typeof__(w->records[0]) kept = w->records[i];
                w->records[i] = w->records[j];
                w->records[j] = kept;
            }
        }
    }
}

/* Would anybody without the truth take b for a? Same protocol, server and payloads, near in time. */
static bool alike(const struct flow *a, const struct flow *b)
{
    return a->protocol == b->protocol && a->dst_lo == b->dst_lo && a->src_digest == b->src_digest &&
           llabs(a->first_time - b->first_time) <= 3 * NS_PER_S;
}

/* Brute force: does anything else of either side resemble the pair n? */
static bool is_unique(const struct world *w, uint64_t n)
{
    if (w->inside[n].evidence & FLOW_HAS_DST_ISN)
        return true; /* two sequence numbers resemble nothing */
    for (uint64_t other = 0; other < CONNECTIONS; other++) {
        if (other != n && ((w->has_inside[other] && alike(&w->inside[n], &w->inside[other])) ||
                           (w->has_outside[other] && alike(&w->outside[n], &w->outside[other]))))
            return false;
    }
    return true;
}

/* Feeds the records in batches of random size from both sensors, restarting the correlator midway if told. */
static void feed(struct world *w, struct bench *b, bool restart)
{
    size_t half = w->record_count / 2;
    for (size_t i = 0; i < w->record_count; i++) {
        see(b, w->records[i].inside, &w->records[i].flow);
        if (draw(w, 50) == 0)
            pass(b, 1, true, true);
        if (!restart || i != half)
            continue;
        /* As after kill -9: what was concluded is in the store; the rest is told again, at this boundary. */
        correlator_destroy(&b->correlator);
        assert_ok(correlator_new(&b->correlator, &err), err);
        assert_ok(correlator_configure(b->correlator, &border, 1, &err), err);
        for (size_t j = 0; j <= half; j++) {
            bool done = false;
            const struct flow *flow = &w->records[j].flow;
            const struct verdict_columns *c = verdict_columns(b->out.verdicts);
            for (uint32_t v = 0; v < verdict_count(b) && !done; v++)
                done =
                    c->flow[v] == flow->flow || (verdict_is_linked(c->verdict[v]) && c->partner_flow[v] == flow->flow);
            if (done)
                continue;
            struct observer observer =
                w->records[j].inside ? test_observer("inner", INSIDE_EPOCH) : test_observer("outer", OUTSIDE_EPOCH);
            struct flow_batch *batch = flow_batch_new(1);
            struct flow copy = *flow;
            assert_int_equal(flow_batch_observer(batch, &observer, &copy.observer), RESULT_OK);
            assert_int_equal(flow_batch_add(batch, &copy), RESULT_OK);
            correlator_restore(b->correlator, "border", batch, b->now, &b->out);
            flow_batch_destroy(&batch);
        }
    }
    pass(b, 300, true, true);
}

static void test_campus(void **state)
{
    (void)state;
    struct world *w = calloc(1, sizeof(*w));
    for (uint64_t seed = 1; seed <= 12; seed++) {
        w->random = seed * 0x9e3779b97f4a7c15u;
        int64_t offset = (int64_t)draw(w, 1000) * NS_PER_MS - 500 * NS_PER_MS;
        uint64_t pairs = 0, unique = 0, linked[CONNECTIONS] = {0};
        for (uint64_t n = 0; n < CONNECTIONS; n++)
            make_connection(w, n, offset);
        make_records(w);
        struct bench b = bench_new();
        feed(w, &b, seed % 3 == 0);
        assert_false(b.out.failed);
        const struct verdict_columns *c = verdict_columns(b.out.verdicts);
        for (uint32_t i = 0; i < c->rows; i++) {
            if (!verdict_is_linked(c->verdict[i]))
                continue;
            if (c->flow[i] + 100000 != c->partner_flow[i])
                fail_msg("seed %d: a wrong link, flow %d with %d by method %d", (int)seed, (int)c->flow[i],
                         (int)c->partner_flow[i] - 100000, (int)c->method[i]);
            assert_int_equal(linked[c->flow[i]]++, 0); /* a view is claimed once */
            assert_terms_add_up(b.out.verdicts, i);
            assert_true(c->odds[i] > 0);
        }
        for (uint64_t n = 0; n < CONNECTIONS; n++) {
            if (!w->has_inside[n] || !w->has_outside[n])
                continue;
            pairs++;
            if (!is_unique(w, n))
                continue;
            unique++;
            if (linked[n] == 0)
                fail_msg("seed %d: flow %d has no rival and no link (protocol %d)", (int)seed, (int)n,
                         w->inside[n].protocol);
        }
        print_message("seed %d: %d pairs, %d without rival, %d linked, %d given up\n", (int)seed, (int)pairs,
                      (int)unique, (int)linked_count(&b), (int)given_up_count(&b));
        assert_int_equal(correlator_waiting(b.correlator, "border"), 0);
        bench_end(&b);
    }
    free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sequence_numbers_link_at_once),
        cmocka_unit_test(test_translated_ends_are_bindings),
        cmocka_unit_test(test_given_up_views_keep_their_ends),
        cmocka_unit_test(test_destination_nat),
        cmocka_unit_test(test_swapped_halves),
        cmocka_unit_test(test_port_reuse),
        cmocka_unit_test(test_equal_payloads_are_ambiguous),
        cmocka_unit_test(test_further_evidence_singles_out),
        cmocka_unit_test(test_time_singles_out),
        cmocka_unit_test(test_ended_sensors_settle),
        cmocka_unit_test(test_reported_through_settles),
        cmocka_unit_test(test_many_lives_of_one_sensor),
        cmocka_unit_test(test_window_waits_for_the_silent),
        cmocka_unit_test(test_later_reports),
        cmocka_unit_test(test_contradictions_forbid),
        cmocka_unit_test(test_icmp_and_routed),
        cmocka_unit_test(test_configuration),
        cmocka_unit_test(test_views_are_bounded),
        cmocka_unit_test(test_campus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
