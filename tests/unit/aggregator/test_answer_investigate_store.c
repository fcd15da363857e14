/* SPDX-License-Identifier: Apache-2.0 */
/* investigate asked of an aggregator: its steps in the order of time, and each with what is missing of its own. */
#include "tests/unit/aggregator/stage.h"

#include "common/records/loss.h"

#define HOST   "10.0.1.17"
#define HOURS  (3600 * NS_PER_S)
#define SWEPT  40u
#define BEFORE 30u

static struct records *records_of(enum record_kind_number kind)
{
    struct records *records = records_new(record_kinds[kind], 256);
    struct observer observer = test_observer("inner", 5);
    uint16_t index;
    assert_non_null(records);
    assert_int_equal(records_observer(records, &observer, &index), RESULT_OK);
    return records;
}

static void commit(uint64_t sequence, struct records *records)
{
    char reason[128] = "";
    void *socket = sensor_socket(&inner_keys);
    send_records(socket, "inner", 5, sequence, records, FAULT_NONE);
    if (!acknowledged(socket, sequence, reason))
        fail_msg("%s", reason);
    records_free(&records);
    close_socket(socket);
}

static void add(struct records *records, uint64_t number, uint32_t server, uint16_t port, enum flow_state state,
                int64_t at)
{
    struct flow flow = test_flow(number, at);
    struct address host;
    assert_int_equal(address_parse(HOST, &host), RESULT_OK);
    flow.src_hi = host.hi;
    flow.src_lo = host.lo;
    flow.dst_lo = 0xffffc6120000u + server;
    flow.dst_port = port;
    flow.state = state;
    assert_int_equal(records_add(records, &flow), RESULT_OK);
}

/* Pages for hours, and then a sweep of port 22 of which something was lost. */
static int64_t put_case(void)
{
    int64_t onset = clock_wall_ns() / NS_PER_S * NS_PER_S - HOURS;
    struct records *flows = records_of(RECORD_FLOW), *losses = records_of(RECORD_LOSS);
    for (uint32_t i = 0; i < BEFORE; i++)
        add(flows, 1 + i, i % 7, 443, FLOW_STATE_SF, onset - (BEFORE - i) * 600 * NS_PER_S);
    for (uint32_t i = 0; i < SWEPT; i++)
        add(flows, 100 + i, 1000 + i, 22, FLOW_STATE_S0, onset + i * 2 * NS_PER_S);
    commit(1, flows);
    const struct loss loss = {.loss = LOSS_PACKETS_KERNEL,
                              .from_time = onset + 10 * NS_PER_S,
                              .to_time = onset + 20 * NS_PER_S,
                              .count = 1234,
                              .interface = "eth0",
                              .reason = "too slow"};
    assert_int_equal(records_add(losses, &loss), RESULT_OK);
    commit(2, losses);
    return onset;
}

static void test_steps_and_their_coverage(void **state)
{
    (void)state;
    int64_t onset = put_case();
    const struct answer *a = ask("investigate", "host", HOST);
    static const char *const steps[] = {"past", "nothing", "nothing", "onset"};
    assert_int_equal(a->rows, 4);
    for (uint64_t row = 0; row < 4; row++)
        assert_string_equal(text_of(a, row, "step"), steps[row]);
    assert_int_equal(number_of(a, 3, "time"), onset);
    assert_int_equal(number_of(a, 3, "port"), 22);
    assert_int_equal(number_of(a, 3, "connections"), SWEPT);
    assert_non_null(strstr(text_of(a, 0, "answer"), "Never before in what is stored"));
    const char *missing = text_of(a, 3, "coverage"), *before = text_of(a, 0, "coverage");
    assert_non_null(
        strstr(missing, "inner: packets in the kernel's capture buffer on eth0: too slow, at most 1234 packets"));
    assert_true(before == NULL || before[0] == '\0'); /* nothing was lost before */
    assert_non_null(strstr(text_of(a, 3, "command"), "'src host " HOST " and tcp and dst port 22'"));
    assert_int_equal(a->end->coverage->state, PAVO__COVERAGE__STATE__PARTIAL);
}

static void test_nothing_stands_out(void **state)
{
    (void)state;
    put_case();
    const struct answer *other_port = ask("investigate", "host", HOST ":445");
    assert_int_equal(other_port->rows, 1);
    assert_string_equal(text_of(other_port, 0, "step"), "nothing");
    assert_non_null(strstr(text_of(other_port, 0, "answer"), "Nothing stands out: in the 70 connections"));
    const struct answer *nobody = ask("investigate", "host", "10.9.9.9");
    assert_int_equal(nobody->rows, 1);
    assert_non_null(strstr(text_of(nobody, 0, "answer"), "says nothing about a host that no sensor sees"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(test_steps_and_their_coverage),
        STAGE_TEST(test_nothing_stands_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
