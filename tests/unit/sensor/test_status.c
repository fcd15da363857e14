/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of the workers' counts on the way to the aggregator. The shipper and the workers are this test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "common/clock.h"
#include "sensor/status.h"

static Pavo__Loss losses[8];
static size_t loss_count;

void shipper_loss(struct shipper *shipper, const Pavo__Loss *loss)
{
    (void)shipper;
    assert_true(loss_count < sizeof(losses) / sizeof(*losses));
    losses[loss_count++] = *loss;
}

void shipper_status(struct shipper *shipper, const Pavo__SensorStatus *status)
{
    (void)shipper;
    (void)status;
}

void shipper_counts_get(struct shipper *shipper, struct shipper_counts *ret_counts)
{
    (void)shipper;
    *ret_counts = (struct shipper_counts){0};
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
    assert_int_equal(losses[0].kind, PAVO__LOSS__KIND__PACKETS_KERNEL);
    assert_string_equal(losses[0].interface, "eth1");
    assert_int_equal(losses[0].count, 42);
    assert_int_equal(losses[1].kind, PAVO__LOSS__KIND__PACKETS_INTERFACE);
    assert_string_equal(losses[1].interface, "eth2");
    assert_int_equal(losses[1].count, 5);
    for (size_t i = 0; i < loss_count; i++) {
        assert_int_equal(losses[i].from_ns, 5000);
        assert_true(losses[i].to_ns >= (uint64_t)wall);
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
    assert_int_equal(losses[0].from_ns, 1000);
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
    assert_int_equal(losses[0].from_ns, 100);
    assert_int_equal(losses[0].to_ns, 300);
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
    assert_non_null(strstr(
        text, "{\"name\":\"odd\\\"name\\u000a\",\"link_type\":\"RAW\",\"packets_offered\":5,\"packets_metered\":3,"
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_losses_begin_where_the_counts_were_taken),
        cmocka_unit_test(test_first_losses_begin_with_the_sensor),
        cmocka_unit_test(test_losses_of_a_file_have_its_time),
        cmocka_unit_test(test_totals_tell_of_each_interface),
        cmocka_unit_test(test_lag_is_the_worst_workers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
