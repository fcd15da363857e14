/* SPDX-License-Identifier: Apache-2.0 */
/* What the pavo command says: numbers, spans, who was behind an address, which sums are broken; each link once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "aggregator/cli/links.h"
#include "aggregator/cli/nat.h"
#include "aggregator/cli/sensors.h"
#include "aggregator/cli/show.h"
#include "common/clock.h"
#include "common/libpavo/door.h"
#include "proto/codec.h"

static void test_numbers(void **state)
{
    (void)state;
    char text[SHOW_MAX];
    assert_string_equal(show_count(0, text), "0");
    assert_string_equal(show_count(999, text), "999");
    assert_string_equal(show_count(1000, text), "1,000");
    assert_string_equal(show_count(UINT64_MAX, text), "18,446,744,073,709,551,615");
    assert_string_equal(show_bytes(0, text), "0 B");
    assert_string_equal(show_bytes(999, text), "999 B");
    assert_string_equal(show_bytes(1500, text), "1.5 kB");
    assert_string_equal(show_bytes(999949, text), "999.9 kB");
    assert_string_equal(show_bytes(999950, text), "1.0 MB");
    assert_string_equal(show_bytes(UINT64_MAX, text), "18.4 EB");
    assert_string_equal(protocol_name(6, text), "tcp");
    assert_string_equal(protocol_name(253, text), "253");
}

static void test_spans(void **state)
{
    (void)state;
    char text[SHOW_MAX];
    assert_string_equal(show_span(0, text), "0 s");
    assert_string_equal(show_span(41100, text), "41.1 us");
    assert_string_equal(show_span(-41100, text), "-41.1 us");
    assert_string_equal(show_span(2500000, text), "2.5 ms");
    assert_string_equal(show_span(2500000000, text), "2.5 s");
    assert_string_equal(show_span(125 * NS_PER_S, text), "2 min 05 s");
    assert_string_equal(show_span(3 * 3600 * NS_PER_S + 240 * NS_PER_S, text), "3 h 04 min");
    assert_string_equal(show_span(72 * 3600 * NS_PER_S, text), "3.0 d");
    assert_string_equal(show_span(INT64_MIN, text), "-106752.0 d"); /* and no overflow */
}

static Pavo__Endpoint *endpoint(Pavo__Endpoint *e, uint8_t bytes[16], const char *text)
{
    struct address address;
    uint16_t port;
    assert_int_equal(address_port_parse(text, &address, &port), RESULT_OK);
    address_to_bytes(address, bytes);
    pavo__endpoint__init(e);
    e->address = (ProtobufCBinaryData){.len = 16, .data = bytes};
    e->port = port;
    return e;
}

/* source > destination inside, post_source > post_destination outside; asked about `asked`. */
static void expect_sentence(const char *source, const char *destination, const char *post_source,
                            const char *post_destination, const char *asked, const char *expected)
{
    uint8_t bytes[4][16];
    Pavo__Endpoint ends[4];
    Pavo__NatBinding binding = PAVO__NAT_BINDING__INIT;
    struct address address;
    uint16_t port;
    char text[512];
    binding.source = endpoint(&ends[0], bytes[0], source);
    binding.destination = endpoint(&ends[1], bytes[1], destination);
    binding.post_nat_source = endpoint(&ends[2], bytes[2], post_source);
    binding.post_nat_destination = endpoint(&ends[3], bytes[3], post_destination);
    assert_int_equal(address_port_parse(asked, &address, &port), RESULT_OK);
    assert_string_equal(nat_sentence(&binding, address, port, text, sizeof(text)), expected);
}

static void test_nat_sentences(void **state)
{
    (void)state;
    const char *host = "10.0.1.17:51544", *out = "203.0.113.5:40312", *web = "198.51.100.9:443";
    expect_sentence(host, web, out, web, "203.0.113.5:40312",
                    "203.0.113.5:40312 was 10.0.1.17:51544, talking to 198.51.100.9:443");
    expect_sentence(host, web, out, web, "203.0.113.5",
                    "203.0.113.5:40312 was 10.0.1.17:51544, talking to 198.51.100.9:443");
    expect_sentence(host, web, out, web, "10.0.1.17",
                    "10.0.1.17:51544 came out as 203.0.113.5:40312, talking to 198.51.100.9:443");
    expect_sentence(host, web, out, web, "198.51.100.9:443",
                    "198.51.100.9:443 was spoken to by 203.0.113.5:40312, which was 10.0.1.17:51544");
    /* A server behind a forwarded port. */
    expect_sentence(web, "10.0.1.5:80", web, "203.0.113.1:8080", "203.0.113.1:8080",
                    "203.0.113.1:8080 was 10.0.1.5:80, spoken to by 198.51.100.9:443");
    expect_sentence(web, "10.0.1.5:80", web, "203.0.113.1:8080", "10.0.1.5",
                    "10.0.1.5:80 was reached as 203.0.113.1:8080, spoken to by 198.51.100.9:443");
    expect_sentence(web, "10.0.1.5:80", web, "203.0.113.1:8080", "198.51.100.9",
                    "198.51.100.9:443 was talking to 203.0.113.1:8080, which was 10.0.1.5:80");
    expect_sentence("[2001:db8::1]:5", "[2001:db8::2]:6", "[2001:db8::1]:5", "[2001:db8::2]:6", "2001:db8::1",
                    "[2001:db8::1]:5 was not translated, talking to [2001:db8::2]:6");
}

static void test_reasons(void **state)
{
    (void)state;
    assert_non_null(strstr(nat_unlinked_reason("blocked_or_local"), "stopped at the boundary"));
    assert_non_null(strstr(nat_unlinked_reason("ambiguous"), "nothing tells them apart"));
    assert_string_equal(nat_unlinked_reason("something new"), "something new");
    assert_non_null(strstr(nat_unlinked_reason(NULL), "no boundary"));
}

static void test_sums(void **state)
{
    (void)state;
    Pavo__SensorReport report = PAVO__SENSOR_REPORT__INIT;
    Pavo__SensorStatus status = PAVO__SENSOR_STATUS__INIT;
    Pavo__InterfaceStatus interface = PAVO__INTERFACE_STATUS__INIT, *interfaces[] = {&interface};
    Pavo__Counter kernel = PAVO__COUNTER__INIT, truncated = PAVO__COUNTER__INIT, *counters[] = {&kernel, &truncated};
    char text[512] = "";
    assert_false(sensor_broken(&report, 1, text, sizeof(text))); /* nothing said, nothing broken */
    kernel.value = 2;
    truncated.value = 1;
    interface.packets_offered = 10;
    interface.packets_metered = 7;
    interface.dropped = counters;
    interface.n_dropped = 2;
    status.interfaces = interfaces;
    status.n_interfaces = 1;
    status.records_made = 6;
    status.records_acknowledged = 3;
    status.records_lost = 1;
    status.records_held = 2;
    report.status = &status;
    report.records_committed = 4; /* committed, and the acknowledgement still under way */
    assert_false(sensor_broken(&report, 1, text, sizeof(text)));
    assert_false(sensor_broken(&report, 2, text, sizeof(text)));
    interface.packets_offered = 11;
    assert_true(sensor_broken(&report, 1, text, sizeof(text)));
    assert_string_equal(text, "packets offered (11) are not packets metered (7) + dropped (3)");
    report.records_committed = 2;
    assert_true(sensor_broken(&report, 2, text, sizeof(text)));
    assert_non_null(strstr(text, "more than the store holds (2)"));
    status.records_held = 1;
    assert_true(sensor_broken(&report, 2, text, sizeof(text)));
    assert_non_null(strstr(text, "records made (6) are not acknowledged (3) + lost (1) + held (1)"));
}

/* A reply with links of the given flows at the given times, as it comes off the wire. */
static Pavo__Reply *reply_of(unsigned count, const uint64_t *flows, const int64_t *times)
{
    Pavo__Reply reply = PAVO__REPLY__INIT;
    Pavo__Link links[8], *pointers[8];
    Pavo__FlowName names[8];
    Pavo__NatBinding bindings[8];
    uint8_t bytes[4096];
    for (unsigned i = 0; i < count; i++) {
        pavo__link__init(&links[i]);
        pavo__flow_name__init(&names[i]);
        pavo__nat_binding__init(&bindings[i]);
        names[i].flow = flows[i];
        bindings[i].first_ns = times[i];
        links[i].inside = &names[i];
        links[i].binding = &bindings[i];
        pointers[i] = &links[i];
    }
    reply.links = pointers;
    reply.n_links = count;
    assert_true(pavo__reply__get_packed_size(&reply) <= sizeof(bytes));
    return pavo__reply__unpack(NULL, pavo__reply__pack(&reply, bytes), bytes);
}

static void test_link_list(void **state)
{
    (void)state;
    struct link_list list = {0};
    Pavo__Reply *first = reply_of(3, (uint64_t[]){5, 6, 7}, (int64_t[]){50, 20, 70});
    Pavo__Reply *second = reply_of(2, (uint64_t[]){6, 8}, (int64_t[]){20, 10});
    assert_true(link_list_take(&list, &first));
    assert_true(link_list_take(&list, &second));
    assert_null(first);
    link_list_sort(&list);
    assert_int_equal(list.count, 4);
    const uint64_t expected[] = {8, 6, 5, 7};
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(list.links[i]->inside->flow, expected[i]);
    link_list_free(&list);
    link_list_sort(&list); /* an empty one */
    assert_int_equal(list.count, 0);
}

static void test_views(void **state)
{
    (void)state;
    struct flow_batch *batch = flow_batch_new(4);
    struct flow_columns_view columns;
    struct view_list views = {0};
    struct error err = {""};
    uint16_t index;
    assert_int_equal(flow_batch_observer(batch, &(struct observer){.sensor = "inner", .epoch = 1}, &index), RESULT_OK);
    const struct flow rows[] = {
        {.flow = 3, .report = 1, .first_time = 20, .last_time = 30, .state = FLOW_STATE_SF, .src_bytes = 5},
        {.flow = 3, .report = 0, .first_time = 10, .last_time = 20, .state = FLOW_STATE_S1, .src_bytes = 7},
        {.flow = 4, .first_time = 1, .last_time = 1},
    };
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(flow_batch_add(batch, &rows[i]), RESULT_OK);
    assert_int_equal(flow_columns_view_init(&columns, batch, &err), RESULT_OK);
    assert_int_equal(view_list_add(&views, &columns.message, &err), RESULT_OK);
    assert_int_equal(views.count, 2);
    Pavo__FlowName name = PAVO__FLOW_NAME__INIT;
    name.sensor = (char *)"inner";
    name.epoch = 1;
    name.flow = 3;
    const struct view *view = view_list_find(&views, &name);
    assert_non_null(view);
    assert_int_equal(view->flow.src_bytes, 12);
    assert_int_equal(view->flow.first_time, 10);
    assert_int_equal(view->flow.last_time, 30);
    assert_int_equal(view->flow.state, FLOW_STATE_SF);
    name.epoch = 2;
    assert_null(view_list_find(&views, &name));
    assert_null(view_list_find(&views, NULL));
    flow_columns_view_fini(&columns);
    flow_batch_destroy(&batch);
    view_list_free(&views);
}

static void test_doors(void **state)
{
    (void)state;
    static const struct {
        const char *aggregator, *given;
        unsigned step;
        const char *expected; /* NULL: refused */
    } cases[] = {
        {"collector", NULL, 2, "collector:7463"},
        {"collector", NULL, 1, "collector:7462"},
        {"collector:8000", NULL, 2, "collector:8002"},
        {"192.0.2.1:8000", NULL, 1, "192.0.2.1:8001"},
        {"2001:db8::1", NULL, 1, "[2001:db8::1]:7462"},
        {"[2001:db8::1]", NULL, 1, "[2001:db8::1]:7462"},
        {"[2001:db8::1]:8000", NULL, 2, "[2001:db8::1]:8002"},
        {"collector", "ipc:///run/pavo/answer", 2, "ipc:///run/pavo/answer"},
        {"collector:", NULL, 1, NULL},
        {"collector:x", NULL, 1, NULL},
        {"collector:0", NULL, 1, NULL},
        {"collector:65534", NULL, 1, NULL},
        {":8000", NULL, 1, NULL},
        {"", NULL, 1, NULL},
        {"tcp://collector:7461", NULL, 1, NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char text[DOOR_TEXT_MAX] = "";
        struct error err = {""};
        enum result result = door_endpoint(cases[i].aggregator, cases[i].given, cases[i].step, text, &err);
        if ((result == RESULT_OK) != (cases[i].expected != NULL))
            print_message("%s: %s\n", cases[i].aggregator, err.text);
        assert_int_equal(result, cases[i].expected == NULL ? RESULT_REJECT : RESULT_OK);
        if (cases[i].expected != NULL)
            assert_string_equal(text, cases[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers), cmocka_unit_test(test_spans), cmocka_unit_test(test_nat_sentences),
        cmocka_unit_test(test_reasons), cmocka_unit_test(test_sums),  cmocka_unit_test(test_link_list),
        cmocka_unit_test(test_views),   cmocka_unit_test(test_doors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
