/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of the workers' counts on the way to the aggregator. The shipper and the workers are this test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "common/clock.h"
#include "common/records/status.h"
#include "common/records/wire.h"
#include "sensor/status.h"

static struct pending_loss losses[8];
static size_t loss_count;

void shipper_loss(struct shipper *shipper, const struct loss *loss)
{
    (void)shipper;
    assert_true(loss_count < sizeof(losses) / sizeof(*losses));
    losses[loss_count++] = loss_pending(loss);
}

struct worker {
    struct worker_snapshot snapshot;
};

void worker_snapshot_get(struct worker *worker, struct worker_snapshot *ret_snapshot)
{
    *ret_snapshot = worker->snapshot;
}

static struct worker first, second;
static struct totals before, now;

static void set_up(void)
{
    loss_count = 0;
    memset(&before, 0, sizeof(before));
    memset(&now, 0, sizeof(now));
    memset(&first, 0, sizeof(first));
    first.snapshot.source_count = 2;
    first.snapshot.sources[0].source.name = "eth1";
    first.snapshot.sources[1].source.name = "eth2";
    second = first;
}

static void collect(struct totals *totals)
{
    struct worker *workers[] = {&first, &second};
    totals_collect(workers, 2, 1000, totals);
}

/* A worker that was held up has not looked at the kernel's counts for long: what is new among them when it has
 * may have been lost any time since it last did, however often the totals were collected meanwhile. */
static void test_losses_begin_where_the_counts_were_taken(void **state)
{
    (void)state;
    set_up();
    first.snapshot.taken_ns = 5000;
    second.snapshot.taken_ns = 7000;
    collect(&before);
    first.snapshot.taken_ns = second.snapshot.taken_ns = 9000;
    first.snapshot.sources[0].source.kernel_dropped = 30;
    second.snapshot.sources[0].source.kernel_dropped = 12;
    second.snapshot.sources[1].source.interface_dropped = 5;
    int64_t wall = clock_wall_ns();
    collect(&now);
    assert_true(losses_any(&before, &now));
    losses_ship(NULL, &before, &now);
    assert_int_equal(loss_count, 2);
    assert_int_equal(losses[0].loss, LOSS_PACKETS_KERNEL);
    assert_string_equal(losses[0].interface, "eth1");
    assert_int_equal(losses[0].count, 42);
    assert_int_equal(losses[1].loss, LOSS_PACKETS_INTERFACE);
    assert_string_equal(losses[1].interface, "eth2");
    assert_int_equal(losses[1].count, 5);
    for (size_t i = 0; i < loss_count; i++) {
        assert_int_equal(losses[i].from_time, 5000);
        assert_true(losses[i].to_time >= wall);
    }
    assert_false(losses_any(&now, &now));
    losses_ship(NULL, &now, &now);
    assert_int_equal(loss_count, 2);
}

static void test_first_losses_begin_with_the_sensor(void **state)
{
    (void)state;
    set_up();
    first.snapshot.sources[1].source.kernel_dropped = 1;
    collect(&now);
    losses_ship(NULL, &before, &now);
    assert_int_equal(loss_count, 1);
    assert_string_equal(losses[0].interface, "eth2");
    assert_int_equal(losses[0].from_time, 1000);
}

/* What a capture file says was lost, was lost when its packets came, not when it is read. */
static void test_losses_of_a_file_have_its_time(void **state)
{
    (void)state;
    set_up();
    first.snapshot.sources[1].source = (struct capture_source){
        .name = "a.pcapng:eth1", .interface_dropped = 42, .dropped_from_ns = 100, .dropped_to_ns = 300};
    second = first;
    collect(&now);
    losses_ship(NULL, &before, &now);
    assert_int_equal(loss_count, 1);
    assert_string_equal(losses[0].interface, "a.pcapng:eth1");
    assert_int_equal(losses[0].from_time, 100);
    assert_int_equal(losses[0].to_time, 300);
}

static const char *printed(bool json)
{
    static char text[4096];
    FILE *out = fmemopen(text, sizeof(text), "w");
    assert_non_null(out);
    totals_print(out, &now, json);
    fclose(out);
    return text;
}

static void test_totals_tell_of_each_interface(void **state)
{
    (void)state;
    set_up();
    memset(&second, 0, sizeof(second));
    struct source_counts *one = &first.snapshot.sources[0], *two = &first.snapshot.sources[1];
    one->source = (struct capture_source){.name = "odd\"name\n", .link_type = "RAW", .interface_dropped = 2};
    one->received = one->outcomes[DECODE_METERED] = 3;
    one->bytes[DECODE_METERED] = 300;
    two->source =
        (struct capture_source){.name = "eth2", .link_type = "EN10MB", .interface_dropped = 5, .kernel_dropped = 7};
    two->received = 4;
    two->outcomes[DECODE_METERED] = 3;
    two->outcomes[DECODE_MALFORMED_TCP] = 1;
    two->bytes[DECODE_METERED] = 100;
    second.snapshot.source_count = 2;
    second.snapshot.sources[0].source = one->source;
    second.snapshot.sources[1].source =
        two->source; /* another thread: the same interface counts once, the kernel's add up */
    collect(&now);
    const char *text = printed(true);
    assert_non_null(strstr(text, "{\"packets_offered\":28,\"packets_metered\":6,\"bytes_metered\":400,"
                                 "\"dropped\":{\"malformed_tcp\":1,\"kernel\":14,\"interface\":7},\"interfaces\":["));
    assert_non_null(
        strstr(text, "{\"name\":\"odd\\\"name?\",\"link_type\":\"RAW\",\"packets_offered\":5,\"packets_metered\":3,"
                     "\"bytes_metered\":300,\"dropped\":{\"interface\":2}},"));
    assert_non_null(strstr(text, "{\"name\":\"eth2\",\"link_type\":\"EN10MB\",\"packets_offered\":23,"));
    text = printed(false);
    assert_non_null(strstr(text, "eth2 (EN10MB)\n  packets                  23  offered, 3 metered, 100 bytes\n"
                                 "  dropped                   1  malformed_tcp\n"));
    assert_non_null(strstr(text, "packets dropped             7  interface\n"));
}

static void test_lag_is_the_worst_workers(void **state)
{
    (void)state;
    set_up();
    first.snapshot.lag_ns = 3;
    second.snapshot.lag_ns = 8;
    collect(&now);
    assert_int_equal(now.sum.lag_ns, 8);
}

/* Records that no memory could be had for: of those that were made, and gone. */
static void test_records_given_up_become_a_loss(void **state)
{
    (void)state;
    set_up();
    collect(&before);
    first.snapshot.lost = (struct batcher_lost){.records = 2, .from_time = 300, .to_time = 400};
    second.snapshot.lost = (struct batcher_lost){.records = 1, .from_time = 100, .to_time = 350};
    collect(&now);
    assert_true(losses_any(&before, &now));
    losses_ship(NULL, &before, &now);
    assert_int_equal(loss_count, 1);
    assert_int_equal(losses[0].loss, LOSS_RECORDS_SPOOL);
    assert_int_equal(losses[0].count, 3);
    assert_int_equal(losses[0].from_time, 100);
    assert_int_equal(losses[0].to_time, 400);
    losses_ship(NULL, &now, &now);
    assert_int_equal(loss_count, 1);
}

static void test_status_has_each_interface_and_why_it_dropped(void **state)
{
    (void)state;
    set_up();
    char path[2 * WIRE_TEXT_MAX];
    memset(path, 'd', sizeof(path) - 1);
    strcpy(path + sizeof(path) - 8, "/b.pcap");
    struct source_counts *one = &first.snapshot.sources[0], *two = &first.snapshot.sources[1];
    one->source.name = path;
    two->source = (struct capture_source){.name = "eth2", .link_type = "EN10MB", .kernel_dropped = 7};
    two->received = 4;
    two->outcomes[DECODE_METERED] = 3;
    two->outcomes[DECODE_MALFORMED_TCP] = 1;
    two->bytes[DECODE_METERED] = 100;
    first.snapshot.meter = (struct meter_counts){
        .packets = 30, .packets_recorded = 20, .flows_made = 5, .flows_active = 2, .records_made = 6};
    first.snapshot.through_ns = second.snapshot.through_ns = 77;
    second.snapshot.source_count = 0;
    struct worker *workers[] = {&first};
    totals_collect(workers, 1, 1000, &now);
    struct records *status = status_make(&now, true);
    assert_non_null(status);
    const struct status_columns *s = status_columns(status);
    assert_int_equal(status->rows, 1);
    assert_int_equal(s->started[0], 1000);
    assert_true(s->time[0] > 1000);
    assert_int_equal(s->flows_made[0], 5);
    assert_int_equal(s->records_made[0], 6);
    assert_int_equal(s->packets_in_table[0], 10);
    assert_int_equal(s->reported_through[0], 77);
    assert_int_equal(s->last[0], 1);
    assert_int_equal(s->interfaces[0], 2);
    assert_int_equal(strlen(s->interface_name[0]), WIRE_TEXT_MAX); /* the end of a path tells files apart */
    assert_non_null(strstr(s->interface_name[0], "/b.pcap"));
    assert_string_equal(s->interface_name[1], "eth2");
    assert_string_equal(s->interface_link_type[1], "EN10MB");
    assert_int_equal(s->interface_offered[1], 11);
    assert_int_equal(s->interface_metered[1], 3);
    assert_int_equal(s->interface_bytes[1], 100);
    assert_int_equal(s->dropped[0], 2);
    assert_int_equal(s->dropped_interface[0], 1);
    assert_string_equal(s->dropped_reason[0], "malformed_tcp");
    assert_int_equal(s->dropped_packets[0], 1);
    assert_string_equal(s->dropped_reason[1], "kernel");
    assert_int_equal(s->dropped_packets[1], 7);
    records_free(&status);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_losses_begin_where_the_counts_were_taken),
        cmocka_unit_test(test_first_losses_begin_with_the_sensor),
        cmocka_unit_test(test_losses_of_a_file_have_its_time),
        cmocka_unit_test(test_totals_tell_of_each_interface),
        cmocka_unit_test(test_lag_is_the_worst_workers),
        cmocka_unit_test(test_records_given_up_become_a_loss),
        cmocka_unit_test(test_status_has_each_interface_and_why_it_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
