/* SPDX-License-Identifier: Apache-2.0 */
/* How well two views fit: what carries a match, what forbids it, and the evidence as terms that add up to the odds. */
#include "tests/unit/aggregator/support.h"

#include "aggregator/correlate/internal.h"

static const struct boundary border = {
    .name = "border", .inside = "inner", .outside = "outer", .window_ns = 120 * NS_PER_S, .tolerance_ns = 2 * NS_PER_S};

#define EVERYTHING                                                                                                     \
    (FLOW_HAS_SRC_ISN | FLOW_HAS_DST_ISN | FLOW_HAS_SRC_TIMESTAMP | FLOW_HAS_DST_TIMESTAMP | FLOW_HAS_SRC_DIGEST |     \
     FLOW_HAS_DST_DIGEST | FLOW_HAS_SRC_IP_ID | FLOW_HAS_DST_IP_ID)

/* A TCP connection with all the evidence there is; each half has values of its own. */
static struct flow rich(void)
{
    struct flow flow = test_flow(1, TEST_NOW);
    flow.evidence = EVERYTHING;
    flow.direction = FLOW_DIRECTION_HANDSHAKE;
    flow.src_isn = 0x11111111, flow.dst_isn = 0x22222222;
    flow.src_timestamp_origin = 0x33333333, flow.dst_timestamp_origin = 0x44444444;
    flow.src_digest = 0x5555555555555555, flow.dst_digest = 0x6666666666666666;
    flow.src_ip_id = 0x7777, flow.dst_ip_id = 0x8888;
    flow.src_payload = 100, flow.dst_payload = 2000;
    return flow;
}

/* The same behind masquerading. */
static struct flow outside_of(struct flow flow)
{
    flow.src_lo = 0xffffcb007105u;
    flow.src_port = 40312;
    flow.first_time += NS_PER_MS;
    flow.last_time += NS_PER_MS;
    return flow;
}

/* Src and dst the other way round. */
static struct flow turned(const struct flow *f)
{
    struct flow t = *f;
    t.src_hi = f->dst_hi, t.dst_hi = f->src_hi;
    t.src_lo = f->dst_lo, t.dst_lo = f->src_lo;
    t.src_port = f->dst_port, t.dst_port = f->src_port;
    t.src_isn = f->dst_isn, t.dst_isn = f->src_isn;
    t.src_timestamp_origin = f->dst_timestamp_origin, t.dst_timestamp_origin = f->src_timestamp_origin;
    t.src_digest = f->dst_digest, t.dst_digest = f->src_digest;
    t.src_ip_id = f->dst_ip_id, t.dst_ip_id = f->src_ip_id;
    t.src_payload = f->dst_payload, t.dst_payload = f->src_payload;
    t.src_packets = f->dst_packets, t.dst_packets = f->src_packets;
    return t;
}

struct pair {
    struct view inside, outside;
    struct match match;
    bool fits;
};

static struct pair lay(const struct flow *inside, const struct flow *outside)
{
    struct pair p;
    view_from_flow(&p.inside, inside);
    view_from_flow(&p.outside, outside);
    p.inside.side = SIDE_INSIDE;
    p.outside.side = SIDE_OUTSIDE;
    p.fits = match_views(&p.inside, &p.outside, &border, &p.match);
    return p;
}

static struct evidence evidence_of(const struct pair *p, uint32_t in_time)
{
    struct evidence e;
    assert_true(p->fits);
    match_evidence(&p->inside, &p->outside, &border, &p->match, in_time, &e);
    int32_t sum = 0;
    for (unsigned i = 0; i < e.count; i++)
        sum += e.terms[i].term_weight;
    assert_int_equal(sum, e.odds);
    assert_true(e.count <= VERDICT_TERMS_MAX);
    return e;
}

/* The term of a kind; it must stand there once. */
static const struct verdict_term *term(const struct evidence *e, enum verdict_term_kind kind)
{
    const struct verdict_term *found = NULL;
    for (unsigned i = 0; i < e->count; i++) {
        if (e->terms[i].term_kind != kind)
            continue;
        assert_null(found);
        found = &e->terms[i];
    }
    return found;
}

static void assert_term(const struct evidence *e, enum verdict_term_kind kind, enum verdict_outcome outcome,
                        uint64_t inside, uint64_t outside)
{
    const struct verdict_term *t = term(e, kind);
    assert_non_null(t);
    assert_int_equal(t->term_outcome, outcome);
    assert_int_equal(t->term_inside, inside);
    assert_int_equal(t->term_outside, outside);
}

static void test_each_piece_is_a_term(void **state)
{
    (void)state;
    struct flow inside = rich(), outside = outside_of(inside);
    struct pair p = lay(&inside, &outside);
    struct evidence e = evidence_of(&p, 1);
    assert_int_equal(p.match.method, METHOD_SEQUENCE_NUMBERS);
    assert_true(p.match.strong && p.match.proven && !p.match.swapped);
    assert_term(&e, TERM_PRIOR, OUTCOME_UNKNOWN, 0, 1);
    assert_term(&e, TERM_SRC_ISN, OUTCOME_AGREES, 0x11111111, 0x11111111);
    assert_term(&e, TERM_DST_ISN, OUTCOME_AGREES, 0x22222222, 0x22222222);
    assert_term(&e, TERM_SRC_TIMESTAMP, OUTCOME_AGREES, 0x33333333, 0x33333333);
    assert_term(&e, TERM_DST_TIMESTAMP, OUTCOME_AGREES, 0x44444444, 0x44444444);
    assert_term(&e, TERM_SRC_DIGEST, OUTCOME_AGREES, 0x5555555555555555, 0x5555555555555555);
    assert_term(&e, TERM_DST_DIGEST, OUTCOME_AGREES, 0x6666666666666666, 0x6666666666666666);
    assert_term(&e, TERM_SRC_IP_ID, OUTCOME_AGREES, 0x7777, 0x7777);
    assert_term(&e, TERM_DST_IP_ID, OUTCOME_AGREES, 0x8888, 0x8888);
    /* Ends: the address' last 48 bits and the port. */
    assert_term(&e, TERM_SRC, OUTCOME_DIFFERS, inside.src_lo << 16 | inside.src_port, outside.src_lo << 16 | 40312);
    assert_term(&e, TERM_DST, OUTCOME_AGREES, inside.dst_lo << 16 | 80, inside.dst_lo << 16 | 80);
    assert_term(&e, TERM_PAYLOAD, OUTCOME_AGREES, 100ull << 32 | 2000, 100ull << 32 | 2000);
    assert_term(&e, TERM_PACKETS, OUTCOME_AGREES, 5ull << 32 | 4, 5ull << 32 | 4);
    assert_term(&e, TERM_TIME, OUTCOME_AGREES, TEST_NOW, TEST_NOW + NS_PER_MS);
    assert_null(term(&e, TERM_ICMP_SEQUENCE));
    /* Far more than the method may claim: the rest is held back, and said. */
    assert_true(term(&e, TERM_CEILING)->term_weight < -100000);
    assert_int_equal(odds_share(e.odds), 990);
}

/* What a half has not says nothing, and an IP identification of zero is what senders without any write. */
static void test_what_is_not_there_is_no_term(void **state)
{
    (void)state;
    struct flow inside = rich(), outside = outside_of(inside);
    inside.evidence &= ~(uint32_t)(FLOW_HAS_SRC_TIMESTAMP | FLOW_HAS_DST_DIGEST);
    outside.evidence &= ~(uint32_t)(FLOW_HAS_DST_TIMESTAMP | FLOW_HAS_SRC_DIGEST);
    inside.src_ip_id = outside.src_ip_id = 0;
    struct pair p = lay(&inside, &outside);
    struct evidence e = evidence_of(&p, 1);
    assert_null(term(&e, TERM_SRC_TIMESTAMP));
    assert_null(term(&e, TERM_DST_TIMESTAMP));
    assert_null(term(&e, TERM_SRC_DIGEST));
    assert_null(term(&e, TERM_DST_DIGEST));
    assert_null(term(&e, TERM_SRC_IP_ID));
    assert_non_null(term(&e, TERM_DST_IP_ID));
    assert_int_equal(p.match.digests, 0);
    assert_int_equal(p.match.ids_agree, 1);
}

/* Two sequence numbers carry a link in spite of what differs; each difference takes a little away. */
static void test_differences_are_terms_that_take_away(void **state)
{
    (void)state;
    struct flow inside = rich(), outside = outside_of(inside);
    struct pair all = lay(&inside, &outside);
    struct evidence before = evidence_of(&all, 1);
    outside.src_timestamp_origin++, outside.dst_timestamp_origin++;
    outside.src_digest++, outside.dst_digest++;
    outside.src_ip_id++, outside.dst_ip_id++;
    outside.src_payload++;
    outside.dst_packets--;
    outside.first_time = inside.first_time + border.tolerance_ns + 1;
    struct pair p = lay(&inside, &outside);
    struct evidence e = evidence_of(&p, 1);
    assert_int_equal(p.match.method, METHOD_SEQUENCE_NUMBERS);
    static const enum verdict_term_kind differ[] = {TERM_SRC_TIMESTAMP, TERM_DST_TIMESTAMP, TERM_SRC_DIGEST,
                                                    TERM_DST_DIGEST,    TERM_SRC_IP_ID,     TERM_DST_IP_ID,
                                                    TERM_PAYLOAD,       TERM_PACKETS,       TERM_TIME};
    for (size_t i = 0; i < sizeof(differ) / sizeof(differ[0]); i++) {
        assert_int_equal(term(&e, differ[i])->term_outcome, OUTCOME_DIFFERS);
        assert_true(term(&e, differ[i])->term_weight < 0);
        assert_true(term(&before, differ[i])->term_weight >= 0);
    }
    assert_term(&e, TERM_SRC_IP_ID, OUTCOME_DIFFERS, 0x7777, 0x7778);
    assert_int_equal(p.match.ids_differ, 2);
    assert_int_equal(term(&e, TERM_SRC)->term_weight, 0); /* it was translated: what boundaries do */
}

/* The more views there are that could have been it, the less is left; a method's ceiling holds until then. */
static void test_prior_and_ceiling(void **state)
{
    (void)state;
    struct flow inside = rich(), outside;
    inside.protocol = 17;
    inside.direction = FLOW_DIRECTION_FIRST;
    inside.evidence = FLOW_HAS_SRC_DIGEST;
    outside = outside_of(inside);
    struct pair p = lay(&inside, &outside);
    assert_int_equal(p.match.method, METHOD_DIGESTS);
    struct evidence alone = evidence_of(&p, 0), few = evidence_of(&p, 8), many = evidence_of(&p, 1u << 23);
    assert_int_equal(term(&alone, TERM_PRIOR)->term_weight, 0); /* itself at least */
    assert_int_equal(term(&few, TERM_PRIOR)->term_weight, -3000);
    assert_term(&many, TERM_PRIOR, OUTCOME_UNKNOWN, 0, 1u << 23);
    assert_int_equal(term(&many, TERM_PRIOR)->term_weight, -23000);
    assert_int_equal(alone.odds, few.odds);
    assert_int_equal(odds_share(few.odds), 900);
    assert_int_equal(term(&few, TERM_CEILING)->term_weight, term(&alone, TERM_CEILING)->term_weight + 3000);
    assert_null(term(&many, TERM_CEILING)); /* nothing to hold back */
    assert_int_equal(many.odds, 12000 + 4000 + 6000 + 3000 - 23000);
}

static void test_methods_and_what_they_claim(void **state)
{
    (void)state;
    static const struct {
        uint32_t evidence;
        uint8_t method;
        unsigned share;
    } cases[] = {
        {FLOW_HAS_SRC_ISN | FLOW_HAS_DST_ISN, METHOD_SEQUENCE_NUMBERS, 990},
        {FLOW_HAS_SRC_ISN | FLOW_HAS_SRC_TIMESTAMP, METHOD_INITIAL_SEQUENCE, 980},
        {FLOW_HAS_SRC_ISN, METHOD_INITIAL_SEQUENCE, 950},
        {FLOW_HAS_SRC_DIGEST | FLOW_HAS_SRC_TIMESTAMP | FLOW_HAS_SRC_IP_ID, METHOD_DIGESTS, 980},
        {FLOW_HAS_SRC_DIGEST | FLOW_HAS_DST_DIGEST, METHOD_DIGESTS, 950},
        {FLOW_HAS_SRC_DIGEST, METHOD_DIGESTS, 900},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct flow inside = rich(), outside;
        inside.evidence = cases[i].evidence;
        outside = outside_of(inside);
        struct pair p = lay(&inside, &outside);
        assert_true(p.fits);
        assert_int_equal(p.match.method, cases[i].method);
        assert_int_equal(odds_share(evidence_of(&p, 100).odds), cases[i].share);
    }
    /* Nothing translated, and no other evidence. */
    struct flow inside = rich(), routed;
    inside.evidence = 0;
    routed = inside;
    struct pair p = lay(&inside, &routed);
    assert_int_equal(p.match.method, METHOD_TUPLE);
    struct evidence e = evidence_of(&p, 100);
    assert_int_equal(odds_share(e.odds), 850);
    assert_true(term(&e, TERM_SRC)->term_weight > term(&e, TERM_DST)->term_weight); /* servers are popular */
}

static void test_icmp(void **state)
{
    (void)state;
    struct flow inside = test_flow(1, TEST_NOW), outside;
    inside.protocol = 1;
    inside.dst_port = 0;
    inside.icmp_sequence = 7;
    inside.src_digest = 9;
    inside.evidence = FLOW_HAS_ICMP_SEQUENCE | FLOW_HAS_SRC_DIGEST;
    inside.direction = FLOW_DIRECTION_REQUEST;
    outside = outside_of(inside);
    struct pair p = lay(&inside, &outside);
    struct evidence e = evidence_of(&p, 1);
    assert_int_equal(p.match.method, METHOD_ICMP_ECHO);
    assert_term(&e, TERM_ICMP_SEQUENCE, OUTCOME_AGREES, 7, 7);
    assert_int_equal(odds_share(e.odds), 950);
    outside.icmp_sequence = 8;
    assert_false(lay(&inside, &outside).fits);
    /* Untranslated but for the identifier, which is no port. */
    outside = inside;
    outside.src_port++;
    p = lay(&inside, &outside);
    e = evidence_of(&p, 1);
    assert_int_equal(term(&e, TERM_SRC)->term_outcome, OUTCOME_AGREES);
    assert_int_equal(term(&e, TERM_SRC)->term_weight, term(&e, TERM_DST)->term_weight);
}

static void test_contradictions_forbid(void **state)
{
    (void)state;
    struct flow inside = rich(), outside = outside_of(inside);
    assert_true(lay(&inside, &outside).fits);
    struct flow other = outside;
    other.protocol = 17;
    assert_false(lay(&inside, &other).fits);
    /* One sequence number differs and the other agrees: another connection from the same source. */
    other = outside;
    other.dst_isn++;
    assert_false(lay(&inside, &other).fits);
    /* Both differ: only a boundary that rewrites them, and then time stamp, payload and an end must agree. */
    other.src_isn++;
    assert_true(lay(&inside, &other).fits);
    struct evidence e;
    struct pair p = lay(&inside, &other);
    e = evidence_of(&p, 1);
    assert_int_equal(p.match.method, METHOD_DIGESTS);
    assert_term(&e, TERM_DST_ISN, OUTCOME_DIFFERS, 0x22222222, 0x22222223);
    struct flow less = other;
    less.src_timestamp_origin++;
    assert_false(lay(&inside, &less).fits);
    less = other;
    less.dst_digest++;
    assert_false(lay(&inside, &less).fits);
    less = other;
    less.dst_port++;
    assert_false(lay(&inside, &less).fits);
    /* Out of time: only both sequence numbers link then, and not for ever. */
    other = outside;
    other.first_time = inside.first_time + border.tolerance_ns + 1;
    assert_true(lay(&inside, &other).fits);
    other.evidence &= ~(uint32_t)FLOW_HAS_DST_ISN;
    assert_false(lay(&inside, &other).fits);
    other.evidence = outside.evidence;
    other.first_time = inside.first_time + border.tolerance_ns + border.window_ns + 1;
    assert_false(lay(&inside, &other).fits);
}

/* The outside took the server for the initiator: the halves are laid over each other crosswise. */
static void test_swapped_views(void **state)
{
    (void)state;
    struct flow inside = rich(), outside = outside_of(inside), swapped = turned(&outside);
    struct verdict v;
    swapped.direction = FLOW_DIRECTION_FIRST;
    swapped.src_packets++; /* what the server sent: the outside saw one more of them */
    struct pair p = lay(&inside, &swapped);
    assert_true(p.match.swapped);
    struct evidence e = evidence_of(&p, 1);
    assert_term(&e, TERM_SRC_ISN, OUTCOME_AGREES, 0x11111111, 0x11111111); /* sides are those of the view inside */
    assert_term(&e, TERM_PAYLOAD, OUTCOME_AGREES, 100ull << 32 | 2000, 100ull << 32 | 2000);
    assert_term(&e, TERM_PACKETS, OUTCOME_DIFFERS, 5ull << 32 | 4, 5ull << 32 | 5);
    match_verdict(&p.inside, &p.outside, &p.match, &v);
    assert_int_equal(v.src_port, inside.src_port);
    assert_int_equal(v.post_nat_src_lo, outside.src_lo);
    assert_int_equal(v.post_nat_src_port, 40312);
    assert_int_equal(v.post_nat_dst_port, 80);
    assert_int_equal(v.translated, TRANSLATED_SOURCE);

    /* The inside took it so, and the outside is sure: the verdict is written from the initiator all the same. */
    struct flow inside_swapped = turned(&inside);
    inside_swapped.direction = FLOW_DIRECTION_FIRST;
    p = lay(&inside_swapped, &outside);
    assert_true(p.match.swapped);
    match_verdict(&p.inside, &p.outside, &p.match, &v);
    assert_int_equal(v.src_lo, inside.src_lo);
    assert_int_equal(v.dst_port, 80);
    assert_int_equal(v.post_nat_src_port, 40312);
    assert_int_equal(v.translated, TRANSLATED_SOURCE);
    e = evidence_of(&p, 1);
    assert_term(&e, TERM_SRC_ISN, OUTCOME_AGREES, 0x22222222, 0x22222222);
    assert_int_equal(term(&e, TERM_SRC)->term_weight, 4000); /* the server's end, which its view calls src */

    /* Two that are sure, and disagree, are two connections. */
    inside_swapped.direction = FLOW_DIRECTION_HANDSHAKE;
    assert_false(lay(&inside_swapped, &outside).fits);
}

static void test_what_a_verdict_says(void **state)
{
    (void)state;
    struct flow inside = rich(), outside = inside;
    struct verdict v;
    outside.first_time -= NS_PER_S;
    outside.last_time += NS_PER_S;
    struct pair p = lay(&inside, &outside);
    match_verdict(&p.inside, &p.outside, &p.match, &v);
    assert_int_equal(v.verdict, VERDICT_FORWARDED);
    assert_int_equal(v.translated, TRANSLATED_NONE);
    assert_int_equal(v.offset, -NS_PER_S);
    assert_int_equal(v.first_time, outside.first_time); /* over both views */
    assert_int_equal(v.last_time, outside.last_time);
    outside.src_port++;
    outside.dst_hi = 1;
    p = lay(&inside, &outside);
    match_verdict(&p.inside, &p.outside, &p.match, &v);
    assert_int_equal(v.verdict, VERDICT_TRANSLATED);
    assert_int_equal(v.translated, TRANSLATED_BOTH);
    assert_int_equal(v.post_nat_dst_hi, 1);
    view_verdict(&p.outside, VERDICT_AMBIGUOUS, &v);
    assert_int_equal(v.verdict, VERDICT_AMBIGUOUS);
    assert_int_equal(v.side, VERDICT_OUTSIDE);
    assert_int_equal(v.dst_hi, 1);
    assert_int_equal(v.src_port, outside.src_port);
    assert_int_equal(v.first_time, outside.first_time);
    assert_int_equal(v.post_nat_src_port, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_piece_is_a_term),
        cmocka_unit_test(test_what_is_not_there_is_no_term),
        cmocka_unit_test(test_differences_are_terms_that_take_away),
        cmocka_unit_test(test_prior_and_ceiling),
        cmocka_unit_test(test_methods_and_what_they_claim),
        cmocka_unit_test(test_icmp),
        cmocka_unit_test(test_contradictions_forbid),
        cmocka_unit_test(test_swapped_views),
        cmocka_unit_test(test_what_a_verdict_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
