/* SPDX-License-Identifier: Apache-2.0 */
/* A filter for connections in two: random ones, over random rows, match where both halves do. */
#include "tests/unit/aggregator/support.h"

#include "aggregator/answer/connection.h"
#include "tests/unit/common/filter/filter_generator.h"

#define ROWS    500u
#define FILTERS 3000

static struct error err;

/* What a store has of them. */
static struct records *flows_of(const struct records *connections)
{
    struct records *flows = records_new(record_kinds[RECORD_FLOW], connections->rows);
    assert_non_null(flows);
    for (uint32_t o = 0; o < connections->observer_count; o++) {
        uint16_t place;
        assert_int_equal(records_observer(flows, &connections->observers[o], &place), RESULT_OK);
        assert_int_equal(place, o);
    }
    for (uint32_t i = 0; i < connections->rows; i++) {
        struct flow flow;
        flow_batch_get(flow_batch_of(connections), i, &flow);
        assert_int_equal(records_add(flows, &flow), RESULT_OK);
    }
    return flows;
}

static void check(const struct filter *whole, const struct filter *part, const struct filter *rest, const char *text,
                  const struct records *connections, const struct records *flows)
{
    static uint32_t wanted[ROWS], seen[ROWS], became[ROWS];
    uint32_t count = filter_select(whole, connections, wanted), w = 0;
    uint32_t seen_count = filter_select(part, flows, seen), became_count = filter_select(rest, connections, became);
    for (uint32_t s = 0, b = 0; s < seen_count; s++) {
        while (b < became_count && became[b] < seen[s])
            b++;
        if (b == became_count || became[b] != seen[s])
            continue;
        if (w == count || wanted[w++] != seen[s])
            fail_msg("%s: row %u matches in halves, not as a whole", text, seen[s]);
    }
    if (w != count)
        fail_msg("%s: row %u matches as a whole, not in halves", text, wanted[w]);
}

static void test_halves_are_the_whole(void **state)
{
    (void)state;
    struct filter_random random = {.state = 20261126};
    const struct record_kind *kind = connection_columns();
    struct records *connections = filter_generate_records(&random, kind, ROWS);
    assert_non_null(connections);
    struct records *flows = flows_of(connections);
    unsigned split = 0, both = 0, mixed = 0;
    for (unsigned i = 0; i < FILTERS; i++) {
        char text[2 * FILTER_TEXT_MAX + 16], one[FILTER_TEXT_MAX], two[FILTER_TEXT_MAX];
        struct filter *whole, *part, *rest;
        struct filter_set set = generator_set();
        filter_generate_text(&random, kind, one, sizeof(one));
        filter_generate_text(&random, kind, two, sizeof(two));
        snprintf(text, sizeof(text), "(%s) and (%s)", one, two);
        enum result r = filter_parse_with(kind, text, &set, 1, &whole, NULL, &err);
        address_set_unref(&set.set);
        if (r != RESULT_OK)
            continue; /* too long, once put together */
        r = filter_split(whole, record_kinds[RECORD_FLOW], &part, &rest, &err);
        mixed += r == RESULT_REJECT;
        if (r == RESULT_OK) {
            split++;
            both += !filter_is_true(part) && !filter_is_true(rest);
            check(whole, part, rest, text, connections, flows);
            filter_destroy(&part);
            filter_destroy(&rest);
        }
        filter_destroy(&whole);
    }
    assert_true(split > 100 && both > 20 && mixed > 100);
    records_free(&connections);
    records_free(&flows);
}

static void test_what_cannot_be_split(void **state)
{
    (void)state;
    static const char *const texts[] = {"tcp or verdict blocked", "not (tcp and linked)", "port 80 or (tcp and nat)"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct filter *whole, *part, *rest;
        assert_int_equal(filter_parse(connection_columns(), texts[i], &whole, NULL, &err), RESULT_OK);
        assert_int_equal(filter_split(whole, record_kinds[RECORD_FLOW], &part, &rest, &err), RESULT_REJECT);
        assert_non_null(strstr(err.text, "behind `and`"));
        assert_null(part);
        assert_null(rest);
        filter_destroy(&whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_halves_are_the_whole),
                                       cmocka_unit_test(test_what_cannot_be_split)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
