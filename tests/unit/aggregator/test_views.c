/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting views: found by name and by what they share with the other side, in chains that stay whole. */
#include "tests/unit/aggregator/support.h"

#include "aggregator/correlate/internal.h"

#define TOLERANCE (2 * NS_PER_S)

static struct views views;

static int setup(void **state)
{
    (void)state;
    views_init(&views, 2 * TOLERANCE);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    views_fini(&views);
    return 0;
}

static struct flow udp(uint64_t number, uint64_t request, int64_t at_ns)
{
    struct flow flow = test_flow(number, at_ns);
    flow.protocol = 17;
    flow.src_digest = request;
    flow.evidence = FLOW_HAS_SRC_DIGEST;
    return flow;
}

static uint32_t add(enum side side, uint32_t observer, const struct flow *flow)
{
    struct view view;
    view_from_flow(&view, flow);
    view.side = (uint8_t)side;
    view.observer = observer;
    uint32_t number = views_add(&views, &view);
    assert_int_not_equal(number, VIEW_NONE);
    return number;
}

/* Candidates of a view by all keys. */
static uint32_t candidates(uint32_t number, uint32_t most, uint32_t ret[static CORRELATE_CANDIDATES_MAX],
                           bool *ret_crowded)
{
    return views_candidates(&views, number, KINDS_ALL, TOLERANCE, most, ret, ret_crowded);
}

static void test_found_by_name(void **state)
{
    (void)state;
    struct flow flow = udp(7, 1, TEST_NOW);
    assert_int_equal(views_find(&views, SIDE_INSIDE, 0, 7), VIEW_NONE); /* of none */
    uint32_t number = add(SIDE_INSIDE, 3, &flow);
    assert_int_equal(views_find(&views, SIDE_INSIDE, 3, 7), number);
    assert_int_equal(views_find(&views, SIDE_OUTSIDE, 3, 7), VIEW_NONE);
    assert_int_equal(views_find(&views, SIDE_INSIDE, 4, 7), VIEW_NONE);
    assert_int_equal(views_find(&views, SIDE_INSIDE, 3, 8), VIEW_NONE);
    views_remove(&views, number);
    assert_int_equal(views_find(&views, SIDE_INSIDE, 3, 7), VIEW_NONE);
    assert_int_equal(views.count, 0);
}

/* Many, added and removed in every order: each is found while it waits, the oldest stays the oldest, places are used
 * again. */
static void test_chains_stay_whole(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    uint32_t *numbers = calloc(COUNT, sizeof(*numbers));
    for (uint32_t i = 0; i < COUNT; i++) {
        struct flow flow = udp(i, i % 97, TEST_NOW + i * NS_PER_MS);
        numbers[i] = add(i % 2, i % 5, &flow);
    }
    assert_int_equal(views.count, COUNT);
    assert_int_equal(views.oldest, numbers[0]);
    assert_int_equal(views.newest, numbers[COUNT - 1]);
    uint32_t capacity = views.capacity;
    for (uint32_t i = 0; i < COUNT; i += 3)
        views_remove(&views, numbers[i]);
    assert_int_equal(views.oldest, numbers[1]);
    for (uint32_t i = 0; i < COUNT; i++)
        assert_int_equal(views_find(&views, i % 2, i % 5, i), i % 3 == 0 ? VIEW_NONE : numbers[i]);
    for (uint32_t i = 0; i < COUNT; i += 3) {
        struct flow flow = udp(i, 5, TEST_NOW);
        numbers[i] = add(i % 2, i % 5, &flow);
    }
    assert_int_equal(views.capacity, capacity);
    assert_int_equal(views.oldest, numbers[1]);
    for (uint32_t i = 0; i < COUNT; i++) {
        assert_int_equal(views_find(&views, i % 2, i % 5, i), numbers[i]);
        views_remove(&views, numbers[i]);
    }
    assert_int_equal(views.count, 0);
    assert_int_equal(views.oldest, VIEW_NONE);
    assert_int_equal(views.newest, VIEW_NONE);
    free(numbers);
}

static void test_candidates_share_a_key_and_the_time(void **state)
{
    (void)state;
    uint32_t found[CORRELATE_CANDIDATES_MAX];
    bool crowded;
    struct flow mine = udp(1, 77, TEST_NOW), partner = udp(2, 77, TEST_NOW + TOLERANCE);
    struct flow late = udp(3, 77, TEST_NOW + TOLERANCE + 1), early = udp(4, 77, TEST_NOW - TOLERANCE - 1);
    struct flow other = udp(5, 78, TEST_NOW), before = udp(6, 77, TEST_NOW - TOLERANCE);
    partner.src_port = 40000, late.src_port = 40001, early.src_port = 40002, other.src_port = 40003;
    uint32_t number = add(SIDE_INSIDE, 0, &mine), right = add(SIDE_OUTSIDE, 1, &partner);
    add(SIDE_OUTSIDE, 1, &late);
    add(SIDE_OUTSIDE, 1, &early);
    add(SIDE_OUTSIDE, 1, &other);
    uint32_t twin = add(SIDE_INSIDE, 0, &partner); /* the same side is nobody's partner */
    assert_int_equal(candidates(number, CORRELATE_CANDIDATES_MAX, found, &crowded), 1);
    assert_int_equal(found[0], right);
    assert_false(crowded);
    uint32_t left = add(SIDE_OUTSIDE, 1, &before);
    assert_int_equal(candidates(number, CORRELATE_CANDIDATES_MAX, found, &crowded), 2);
    assert_true((found[0] == right && found[1] == left) || (found[0] == left && found[1] == right));
    /* And the other way. */
    views_remove(&views, twin);
    assert_int_equal(candidates(right, CORRELATE_CANDIDATES_MAX, found, &crowded), 1);
    assert_int_equal(found[0], number);
}

/* An initial sequence number finds at any time, and whichever half it was taken for; each candidate once. */
static void test_sequence_numbers_find_at_any_time(void **state)
{
    (void)state;
    uint32_t found[CORRELATE_CANDIDATES_MAX];
    bool crowded;
    struct flow mine = test_flow(1, TEST_NOW), partner = test_flow(2, TEST_NOW + 100 * NS_PER_S);
    mine.evidence = partner.evidence = FLOW_HAS_SRC_ISN | FLOW_HAS_DST_ISN;
    mine.src_isn = partner.dst_isn = 1234567;
    mine.dst_isn = partner.src_isn = 7654321;
    uint32_t number = add(SIDE_INSIDE, 0, &mine), right = add(SIDE_OUTSIDE, 1, &partner);
    assert_int_equal(views_candidates(&views, number, KINDS_ISN, TOLERANCE, 16, found, &crowded), 1);
    assert_int_equal(found[0], right);
    assert_int_equal(views_candidates(&views, number, 1u << KEY_TUPLE, TOLERANCE, 16, found, &crowded), 0);
}

/* Where both ends are translated only the payloads are left; they are asked when nothing else finds anybody. */
static void test_both_digests_find_at_last(void **state)
{
    (void)state;
    uint32_t found[CORRELATE_CANDIDATES_MAX];
    bool crowded;
    struct flow mine = udp(1, 77, TEST_NOW), partner, nearer;
    mine.dst_digest = 78;
    mine.evidence |= FLOW_HAS_DST_DIGEST;
    partner = mine;
    partner.src_lo = partner.dst_lo = 0xffffcb007105u;
    partner.src_port = 1, partner.dst_port = 2;
    uint32_t number = add(SIDE_INSIDE, 0, &mine), right = add(SIDE_OUTSIDE, 1, &partner);
    assert_int_equal(candidates(number, CORRELATE_CANDIDATES_MAX, found, &crowded), 1);
    assert_int_equal(found[0], right);
    nearer = partner;
    nearer.dst_lo = mine.dst_lo; /* keeps an end */
    nearer.dst_port = mine.dst_port;
    right = add(SIDE_OUTSIDE, 1, &nearer);
    assert_int_equal(candidates(number, CORRELATE_CANDIDATES_MAX, found, &crowded), 1);
    assert_int_equal(found[0], right);
}

static void test_a_crowd_is_said_to_be_one(void **state)
{
    (void)state;
    uint32_t found[CORRELATE_CANDIDATES_MAX];
    bool crowded;
    struct flow mine = udp(1, 77, TEST_NOW);
    uint32_t number = add(SIDE_INSIDE, 0, &mine);
    for (uint64_t n = 0; n < CORRELATE_CANDIDATES_MAX; n++) {
        struct flow flow = udp(10 + n, 77, TEST_NOW);
        flow.src_port = (uint16_t)(40000 + n);
        add(SIDE_OUTSIDE, 1, &flow);
    }
    assert_int_equal(candidates(number, CORRELATE_CANDIDATES_MAX, found, &crowded), CORRELATE_CANDIDATES_MAX);
    assert_false(crowded);
    assert_int_equal(candidates(number, CORRELATE_STRONG_MAX, found, &crowded), CORRELATE_STRONG_MAX);
    assert_true(crowded);
    /* A chain so long that it is not walked to its end is one as well. */
    for (uint64_t n = 0; n < 3000; n++) {
        struct flow flow = udp(1000 + n, 77, TEST_NOW + TOLERANCE + 1);
        flow.src_port = (uint16_t)n;
        add(SIDE_OUTSIDE, 1, &flow);
    }
    candidates(number, CORRELATE_CANDIDATES_MAX, found, &crowded);
    assert_true(crowded);
}

/* Evidence that comes with a later report: the view is chained anew by it, and found by it. */
static void test_rechained_by_new_evidence(void **state)
{
    (void)state;
    uint32_t found[CORRELATE_CANDIDATES_MAX];
    bool crowded;
    struct flow mine = test_flow(1, TEST_NOW), partner = test_flow(2, TEST_NOW), later;
    partner.src_isn = 99;
    partner.evidence = FLOW_HAS_SRC_ISN;
    later = mine;
    later.report = 1;
    later.src_isn = 99;
    later.evidence = FLOW_HAS_SRC_ISN;
    later.src_payload = 1000;
    later.last_time += NS_PER_S;
    uint32_t number = add(SIDE_INSIDE, 0, &mine), right = add(SIDE_OUTSIDE, 1, &partner);
    assert_int_equal(views_candidates(&views, number, KINDS_ISN, TOLERANCE, 16, found, &crowded), 0);
    assert_true(view_merge(&views.views[number], &later));
    views_rechain(&views, number);
    assert_int_equal(views_candidates(&views, number, KINDS_ISN, TOLERANCE, 16, found, &crowded), 1);
    assert_int_equal(found[0], right);
    assert_int_equal(views_candidates(&views, right, KINDS_ISN, TOLERANCE, 16, found, &crowded), 1);
    assert_int_equal(found[0], number);
    assert_int_equal(views.views[number].last_ns, later.last_time);
    assert_int_equal(views.views[number].payload[HALF_SRC], mine.src_payload + 1000);
    assert_false(view_merge(&views.views[number], &later)); /* sums alone are no evidence */
    views_remove(&views, number);
    assert_int_equal(views_candidates(&views, right, KINDS_ALL, TOLERANCE, 16, found, &crowded), 0);
}

/* The sensor learns which end began: what was src is dst from then on. */
static void test_a_later_report_may_turn_a_view(void **state)
{
    (void)state;
    struct view view;
    struct flow first = test_flow(1, TEST_NOW), later = first;
    first.src_digest = 5, first.evidence = FLOW_HAS_SRC_DIGEST;
    first.src_payload = 10;
    view_from_flow(&view, &first);
    later.src_lo = first.dst_lo, later.dst_lo = first.src_lo;
    later.src_port = first.dst_port, later.dst_port = first.src_port;
    later.direction = FLOW_DIRECTION_HANDSHAKE;
    later.src_payload = 1, later.dst_payload = 2;
    assert_true(view_merge(&view, &later));
    assert_int_equal(view.ends[HALF_DST].port, first.src_port);
    assert_int_equal(view.evidence, FLOW_HAS_DST_DIGEST);
    assert_int_equal(view.digest[HALF_DST], 5);
    assert_int_equal(view.payload[HALF_DST], 12);
    assert_int_equal(view.payload[HALF_SRC], 1);
    assert_int_equal(view.direction, FLOW_DIRECTION_HANDSHAKE);
}

static void test_how_many_are_in_time(void **state)
{
    (void)state;
    struct flow mine = test_flow(1, -3 * NS_PER_S); /* before 1970 too */
    uint32_t number = add(SIDE_INSIDE, 0, &mine), numbers[100];
    assert_int_equal(views_in_time(&views, number, TOLERANCE), 0);
    for (uint64_t n = 0; n < 100; n++) {
        struct flow near = test_flow(10 + n, mine.first_time + (int64_t)(n % 5) * NS_PER_S - TOLERANCE);
        struct flow far = test_flow(1000 + n, mine.first_time + 100 * NS_PER_S);
        numbers[n] = add(SIDE_OUTSIDE, 1, &near);
        add(SIDE_OUTSIDE, 1, &far);
        add(SIDE_INSIDE, 0, &near);
    }
    assert_int_equal(views_in_time(&views, number, TOLERANCE), 100);
    for (unsigned n = 0; n < 100; n++)
        views_remove(&views, numbers[n]);
    assert_int_equal(views_in_time(&views, number, TOLERANCE), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_found_by_name, setup, teardown),
        cmocka_unit_test_setup_teardown(test_chains_stay_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(test_candidates_share_a_key_and_the_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sequence_numbers_find_at_any_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_both_digests_find_at_last, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_crowd_is_said_to_be_one, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rechained_by_new_evidence, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_later_report_may_turn_a_view, setup, teardown),
        cmocka_unit_test_setup_teardown(test_how_many_are_in_time, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
