/* SPDX-License-Identifier: Apache-2.0 */
/* nat where one sensor is outside of two NATs, and what an answer says of sensors that have ended. */
#include "tests/unit/aggregator/stage.h"

#include "common/records/status.h"

static struct records *records_of(enum record_kind_number kind, const char *sensor)
{
    struct records *records = records_new(record_kinds[kind], 4);
    struct observer observer = test_observer(sensor, 5);
    uint16_t index;
    assert_non_null(records);
    assert_int_equal(records_observer(records, &observer, &index), RESULT_OK);
    return records;
}

/* Sends the records and waits until they are committed. */
static void commit(const struct keys *keys, uint64_t sequence, struct records *records)
{
    char reason[128] = "";
    void *socket = sensor_socket(keys);
    send_records(socket, keys->name, 5, sequence, records, FAULT_NONE);
    if (!acknowledged(socket, sequence, reason))
        fail_msg("%s", reason);
    records_free(&records);
    close_socket(socket);
}

static void commit_view(const struct keys *keys, struct flow flow, uint64_t address, uint16_t port)
{
    struct records *flows = records_of(RECORD_FLOW, keys->name);
    flow.src_lo = address;
    flow.src_port = port;
    assert_int_equal(records_add(flows, &flow), RESULT_OK);
    commit(keys, 1, flows);
}

/* What came by one of the NATs was said to be seen outside only, for at the other it waits in vain. */
static void test_a_view_linked_at_one_of_two_nats_is_not_on_one_side_only(void **state)
{
    (void)state;
    struct keys second_keys;
    struct boundary *grown = realloc(config.boundaries, (config.boundary_count + 1) * sizeof(*grown));
    assert_non_null(grown);
    config.boundaries = grown;
    assert_ok(config_boundary_parse("other inside=second outside=outer", &grown[config.boundary_count++], &err), err);
    enrol(KEY_ROLE_SENSOR, "second", &second_keys);
    reload();
    struct flow flow = test_flow(1, clock_wall_ns());
    flow.src_isn = 4711;
    flow.dst_isn = 815;
    flow.evidence = FLOW_HAS_SRC_ISN | FLOW_HAS_DST_ISN;
    commit_view(&inner_keys, flow, 0xffff0a000002u, 1025);
    commit_view(&outer_keys, flow, 0xffffcb007105u, 40312);
    const struct answer *nat = ask("nat", "end", "203.0.113.5:40312");
    assert_int_equal(nat->rows, 1);
    assert_string_equal(text_of(nat, 0, "boundary"), "border");
    assert_string_equal(text_of(nat, 0, "verdict"), "translated");

    /* What came by neither is said at both. */
    flow.src_isn = 4712;
    flow.flow = 7;
    struct records *alone = records_of(RECORD_FLOW, "outer");
    flow.src_lo = 0xffffcb007106u;
    assert_int_equal(records_add(alone, &flow), RESULT_OK);
    commit(&outer_keys, 2, alone);
    nat = ask("nat", "end", "203.0.113.6");
    assert_int_equal(nat->rows, 2);
    assert_string_equal(text_of(nat, 0, "verdict"), "waiting");
    assert_string_equal(text_of(nat, 1, "verdict"), "waiting");
}

static void commit_status(const struct keys *keys, uint64_t sequence, bool last)
{
    struct records *records = records_of(RECORD_STATUS, keys->name);
    const struct status status = {
        .time = TEST_NOW, .started = TEST_NOW - NS_PER_S, .records_made = 1, .records_acknowledged = 1, .last = last};
    assert_int_equal(records_add(records, &status), RESULT_OK);
    commit(keys, sequence, records);
}

/* A sensor that had read files and was done was said to be still to report. */
static void test_a_sensor_that_has_read_files_is_not_still_to_report(void **state)
{
    (void)state;
    commit_view(&inner_keys, test_flow(1, TEST_NOW - 100 * NS_PER_S), 0xffff0a000002u, 1025);
    commit_status(&inner_keys, 2, false);
    const struct answer *a = ask("find");
    assert_int_equal(a->end->coverage->n_reaches, 1);
    assert_int_equal(a->end->coverage->reaches[0]->through_ns, 0);
    commit_status(&inner_keys, 3, true);
    assert_int_equal(ask("find")->end->coverage->n_reaches, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {STAGE_TEST(test_a_view_linked_at_one_of_two_nats_is_not_on_one_side_only),
                                       STAGE_TEST(test_a_sensor_that_has_read_files_is_not_still_to_report)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
