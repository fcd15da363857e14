/* SPDX-License-Identifier: Apache-2.0 */
/* The worker's thread, with a capture that gives what a test wants it to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "sensor/capture/backend.h"
#include "sensor/worker.h"
#include "tests/unit/sensor/kept_flows.h"

enum { OLD_PACKETS = 1000 };

struct scripted {
    struct capture capture;
    uint8_t frame[64];
    struct packet old[OLD_PACKETS]; /* given first */
    atomic_size_t old_count, given;
    atomic_uint asked;
    atomic_bool open;     /* until then there is nothing to give */
    atomic_bool slow;     /* while one waits for them, packets come one by one, 20 ms each */
    atomic_bool fresh;    /* behind the old ones: packets without end, each of its moment */
    atomic_bool filtered; /* a filter leaves out what else there is */
    atomic_uint counted;  /* how often its counts were asked for: at each snapshot */
    atomic_llong counted_ns;
};

static enum result scripted_next(struct capture *capture, int wait_ms, struct packet *packets, size_t *ret_count)
{
    struct scripted *s = (struct scripted *)capture;
    bool slow = atomic_load(&s->slow) && wait_ms > 0;
    size_t most = slow ? 1 : CAPTURE_BATCH;
    atomic_fetch_add(&s->asked, 1);
    *ret_count = 0;
    if (slow)
        usleep(20000);
    while (atomic_load(&s->open) && *ret_count < most) {
        if (s->given < s->old_count) {
            packets[(*ret_count)++] = s->old[s->given++];
        } else if (atomic_load(&s->fresh)) {
            packets[*ret_count] = s->old[0];
            packets[(*ret_count)++].time_ns = clock_wall_ns();
        } else {
            break;
        }
    }
    if (*ret_count == 0)
        usleep(1000);
    return *ret_count > 0 || atomic_load(&s->filtered) ? RESULT_OK : RESULT_AGAIN;
}

static size_t scripted_count(const struct capture *capture)
{
    (void)capture;
    return 1;
}

static void scripted_get(struct capture *capture, size_t number, struct capture_source *ret_source)
{
    struct scripted *s = (struct scripted *)capture;
    (void)number;
    atomic_store(&s->counted_ns, clock_wall_ns());
    atomic_fetch_add(&s->counted, 1);
    *ret_source = (struct capture_source){.name = "scripted"};
}

static void scripted_close(struct capture *capture)
{
    (void)capture; /* the test's */
}

static void forget(void *context, struct records **records)
{
    (void)context;
    (void)records;
}

static atomic_bool told; /* that the worker has finished */

static void tell(void)
{
    atomic_store(&told, true);
}

static struct worker *begin_as(struct scripted *s, int64_t age_ns, bool live, int64_t unanswered_ns)
{
    static const struct capture_ops ops = {scripted_next, scripted_count, scripted_get, scripted_close};
    struct frame f = {0};
    put_ipv4(&f, 0x0a000001, 0xc0000201, IPPROTO_UDP, 0, 0);
    put_udp(&f, 40000, 53, 10);
    struct packet packet = frame_packet(&f, LINK_RAW, clock_wall_ns() - age_ns);
    memset(s, 0, sizeof(*s));
    memcpy(s->frame, packet.data, packet.captured);
    packet.data = s->frame;
    s->capture.ops = &ops;
    s->old_count = OLD_PACKETS;
    for (size_t i = 0; i < OLD_PACKETS; i++)
        s->old[i] = packet;
    struct worker_options options = {
        .capture = &s->capture,
        .live = live,
        .follow = !live,
        .meter = meter_options_default(),
        .batcher = {.kind = record_kinds[RECORD_FLOW],
                    .rows = BATCH_ROWS_DEFAULT,
                    .age_ns = NS_PER_S,
                    .submit = forget},
        .finished = tell,
    };
    atomic_store(&told, false);
    options.meter.unanswered_ns = unanswered_ns;
    struct worker *worker;
    assert_int_equal(worker_start(&options, &worker, NULL), RESULT_OK);
    return worker;
}

static struct worker *begin(struct scripted *s, int64_t age_ns)
{
    return begin_as(s, age_ns, true, 30 * NS_PER_S);
}

static void wait_for(atomic_uint *counter, unsigned more)
{
    unsigned until = atomic_load(counter) + more;
    while (atomic_load(counter) < until)
        usleep(1000);
}

static struct worker_snapshot *snapshot(struct worker *worker)
{
    static struct worker_snapshot snapshot; /* large */
    worker_snapshot_get(worker, &snapshot);
    return &snapshot;
}

static struct worker_snapshot *finish(struct worker *worker)
{
    while (!atomic_load(&told))
        usleep(1000);
    assert_true(worker_finished(worker));
    return snapshot(worker);
}

/* The kernel still holds packets when the sensor is told to stop: those are metered, what comes later is not, even
 * if there is no end of it. */
static void test_stop_meters_what_came_before(void **state)
{
    (void)state;
    static struct scripted s;
    struct worker *worker = begin(&s, NS_PER_MS);
    worker_stop(worker);
    wait_for(&s.asked, 2); /* it has heard */
    atomic_store(&s.fresh, true);
    atomic_store(&s.open, true);
    struct worker_snapshot *last = finish(worker);
    assert_int_equal(last->sources[0].received, OLD_PACKETS);
    assert_int_equal(last->meter.packets, OLD_PACKETS);
    assert_int_equal(last->meter.packets_recorded, OLD_PACKETS);
    worker_destroy(&worker);
}

/* There is no time for all of them: the others are not forgotten, and the end is not put off. */
static void test_stop_counts_what_it_leaves(void **state)
{
    (void)state;
    static struct scripted s;
    struct worker *worker = begin(&s, NS_PER_MS);
    atomic_store(&s.slow, true);
    atomic_store(&s.fresh, true);
    atomic_store(&s.open, true);
    worker_stop(worker);
    const struct source_counts *last = &finish(worker)->sources[0];
    assert_true(last->received < OLD_PACKETS);
    assert_int_equal(last->received + last->source.kernel_dropped, OLD_PACKETS);
    worker_destroy(&worker);
}

static void test_stop_without_traffic(void **state)
{
    (void)state;
    static struct scripted s;
    struct worker *worker = begin(&s, 0);
    worker_stop(worker);
    assert_int_equal(finish(worker)->sources[0].received, 0);
    worker_destroy(&worker);
}

/* A lag that is over when it is asked for has been one all the same. */
static void test_lag_is_kept_until_it_is_told(void **state)
{
    (void)state;
    static struct scripted s;
    struct worker *worker = begin(&s, 5 * NS_PER_S);
    snapshot(worker);
    atomic_store(&s.fresh, true);
    atomic_store(&s.open, true);
    wait_for(&s.counted, 4);
    assert_true(snapshot(worker)->lag_ns >= 5 * NS_PER_S);
    wait_for(&s.counted, 3);
    assert_true(snapshot(worker)->lag_ns < 5 * NS_PER_S);
    worker_stop(worker);
    finish(worker);
    worker_destroy(&worker);
}

/* Files that are followed: when no more comes, flows end all the same, if what came last was of today. */
static void test_followed_files_that_go_quiet(void **state)
{
    (void)state;
    static struct scripted s;
    struct worker *worker = begin_as(&s, 2 * NS_PER_S, false, NS_PER_MS);
    atomic_store(&s.open, true);
    while (snapshot(worker)->meter.records_made == 0)
        usleep(1000);
    assert_int_equal(snapshot(worker)->meter.flows_active, 0);
    assert_int_equal(snapshot(worker)->meter.packets, OLD_PACKETS);
    worker_stop(worker);
    finish(worker);
    worker_destroy(&worker);
}

/* Old captures have their own time. */
static void test_followed_files_of_which_nothing_is_kept_are_not_quiet(void **state)
{
    (void)state;
    static struct scripted s;
    struct worker *worker = begin_as(&s, 2 * NS_PER_S, false, NS_PER_MS);
    atomic_store(&s.filtered, true);
    atomic_store(&s.open, true);
    wait_for(&s.counted, 6);
    assert_int_equal(snapshot(worker)->meter.packets, OLD_PACKETS);
    assert_int_equal(snapshot(worker)->meter.flows_active, 1);
    atomic_store(&s.filtered, false);
    while (snapshot(worker)->meter.records_made == 0)
        usleep(1000);
    worker_stop(worker);
    finish(worker);
    worker_destroy(&worker);
}

static void test_old_files_that_are_followed_wait(void **state)
{
    (void)state;
    static struct scripted s;
    struct worker *worker = begin_as(&s, 3600 * NS_PER_S, false, NS_PER_MS);
    atomic_store(&s.open, true);
    wait_for(&s.counted, 6);
    assert_int_equal(snapshot(worker)->meter.packets, OLD_PACKETS);
    assert_int_equal(snapshot(worker)->meter.flows_active, 1);
    worker_stop(worker);
    assert_int_equal(finish(worker)->meter.records_made, 1);
    worker_destroy(&worker);
}

/* What the kernel dropped before a snapshot's time is in its counts. */
static void test_snapshot_is_no_younger_than_its_counts(void **state)
{
    (void)state;
    static struct scripted s;
    struct worker *worker = begin(&s, 0);
    int64_t began = clock_wall_ns();
    worker_stop(worker);
    int64_t taken = finish(worker)->taken_ns;
    assert_true(taken >= began);
    assert_true(taken <= (int64_t)atomic_load(&s.counted_ns));
    worker_destroy(&worker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stop_meters_what_came_before),
        cmocka_unit_test(test_stop_counts_what_it_leaves),
        cmocka_unit_test(test_stop_without_traffic),
        cmocka_unit_test(test_lag_is_kept_until_it_is_told),
        cmocka_unit_test(test_followed_files_that_go_quiet),
        cmocka_unit_test(test_followed_files_of_which_nothing_is_kept_are_not_quiet),
        cmocka_unit_test(test_old_files_that_are_followed_wait),
        cmocka_unit_test(test_snapshot_is_no_younger_than_its_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
