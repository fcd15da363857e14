/* SPDX-License-Identifier: Apache-2.0 */
/* The shipper against a real door: acknowledged, dropped, rejected, restarted, gone silent, cut off without a word. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "common/clock.h"
#include "common/records/alert.h"
#include "common/records/binding.h"
#include "common/records/flow.h"
#include "common/records/status.h"
#include "common/speak/shipper.h"
#include "tests/unit/speak/peer.h"

#define PATIENCE (90 * NS_PER_S) /* for what must happen */
#define EPOCH    (1795466200ull << EPOCH_RANDOM_BITS)
#define BEGUN    (1795466200 * NS_PER_S)
/* For tests of what takes several Hellos or a batch sent again. */
#define QUICK                                                                                                          \
    ((struct session_pace){.hello_ns = 300 * NS_PER_MS, .resend_ns = 300 * NS_PER_MS, .resend_max_ns = NS_PER_S})

static char state_directory[] = "/tmp/pavo-shipper-XXXXXX";
static bool keeping; /* in it */
static uint64_t epoch;
static struct peer *peer;
static struct shipper *shipper;

static int setup(void **state)
{
    (void)state;
    keeping = false;
    epoch = EPOCH;
    peer = peer_new(64);
    peer_open(peer);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    shipper_stop(&shipper);
    peer_destroy(&peer);
    return 0;
}

static void say(void *context, const char *sentence)
{
    (void)context;
    fail_msg("%s", sentence);
}

static void start_with(unsigned port, uint64_t held_max, bool patient, struct session_pace pace)
{
    char endpoint[64];
    struct error err = {""};
    snprintf(endpoint, sizeof(endpoint), "127.0.0.1:%u", port);
    struct shipper_options options = {.endpoint = endpoint,
                                      .keys = peer_sensor_keys(peer),
                                      .software = "test 1.2",
                                      .epoch = epoch,
                                      .held_max = held_max,
                                      .patient = patient,
                                      .pace = pace,
                                      .state = keeping ? state_directory : NULL,
                                      .say = {say, NULL}};
    if (shipper_start(&options, &shipper, &err) != RESULT_OK)
        fail_msg("%s", err.text);
}

static void start_at(unsigned port, uint64_t held_max, bool patient)
{
    start_with(port, held_max, patient, (struct session_pace){0});
}

static void submit(uint32_t rows)
{
    static _Atomic uint64_t number;
    struct observer observer = {.sensor = "inner", .epoch = epoch};
    uint16_t index;
    struct flow_batch *batch = flow_batch_new(rows);
    assert_non_null(batch);
    assert_int_equal(flow_batch_observer(batch, &observer, &index), RESULT_OK);
    for (uint32_t i = 0; i < rows; i++) {
        struct flow flow = {.flow = ++number, .first_time = BEGUN + i, .last_time = BEGUN + i};
        randombytes_buf(&flow.src_digest, sizeof(flow.src_digest));
        randombytes_buf(&flow.dst_digest, sizeof(flow.dst_digest));
        assert_int_equal(flow_batch_add(batch, &flow), RESULT_OK);
    }
    struct records *records = flow_records(batch);
    shipper_submit(shipper, &records);
    assert_null(records);
}

/* Invariant 2 at this moment, whatever goes on. */
static struct shipper_counts balanced(void)
{
    struct shipper_counts c;
    shipper_counts_get(shipper, &c);
    assert_int_equal(c.records_made, c.records_acknowledged + c.records_lost + c.records_held);
    return c;
}

static void assert_all_arrived_once(uint64_t records)
{
    assert_true(shipper_drain(shipper, PATIENCE));
    struct shipper_counts c = balanced();
    struct peer_seen seen = peer_seen(peer);
    assert_false(seen.wrong);
    assert_int_equal(c.records_made, records);
    assert_int_equal(c.records_held, 0);
    assert_int_equal(c.records_acknowledged + c.records_lost, records);
    assert_int_equal(seen.records, c.records_acknowledged);
    assert_int_equal(seen.losses, c.records_lost);
}

static void test_everything_is_acknowledged(void **state)
{
    (void)state;
    start_at(peer_port(peer), SHIPPER_HELD_DEFAULT, false);
    for (int i = 0; i < 50; i++) {
        submit(100);
        while (balanced().records_held > 1000) /* slower than the queue: nothing is given up here */
            usleep(1000);
    }
    assert_all_arrived_once(5000);
    struct shipper_counts c = balanced();
    assert_int_equal(c.records_lost, 0);
    assert_true(c.connected);
    assert_int_equal(c.reconnects, 0);
    assert_true(c.clock_known);
    assert_true(llabs(c.clock_offset_ns - 2 * NS_PER_S) <= c.clock_error_ns);
    assert_int_equal(peer_seen(peer).batches, 50);
    assert_int_equal(shipper_stop(&shipper), 0);
    assert_null(shipper);
}

static void say_status(struct status row)
{
    struct records *status = records_new(record_kinds[RECORD_STATUS], 1);
    struct status_interface interface = {.interface_name = "eth\x1b\xff", .interface_offered = 9};
    assert_non_null(status);
    assert_int_equal(records_add(status, &row), RESULT_OK);
    assert_int_equal(records_add_item(status, STATUS_INTERFACES, &interface), RESULT_OK);
    shipper_status(shipper, status);
    records_free(&status);
}

static void test_status_and_losses(void **state)
{
    (void)state;
    start_at(peer_port(peer), SHIPPER_HELD_DEFAULT, false);
    submit(10);
    assert_true(shipper_drain(shipper, PATIENCE));
    shipper_loss(shipper, &(struct loss){.loss = LOSS_PACKETS_KERNEL, .count = 7});
    say_status((struct status){.time = 99, .started = 98, .records_made = 15, .records_held = 1000});
    assert_true(shipper_drain(shipper, PATIENCE));
    struct peer_seen seen = peer_seen(peer);
    assert_int_equal(seen.statuses, 1);
    assert_int_equal(seen.made, 15);
    assert_int_equal(seen.acknowledged, 10);
    assert_int_equal(seen.held, 5);   /* in the caller's hands; how many are held is the shipper's to say */
    assert_int_equal(seen.losses, 0); /* of records */
    assert_false(seen.wrong);
    struct records *status = peer_records(peer, RECORD_STATUS), *losses = peer_records(peer, RECORD_LOSS);
    assert_non_null(status);
    assert_string_equal(status->observers[0].sensor, "inner");
    assert_int_equal(status->observers[0].epoch, EPOCH);
    assert_string_equal(status_columns(status)->software[0], "test 1.2");
    assert_int_equal(status_columns(status)->time[0], 99);
    assert_int_equal(status_columns(status)->started[0], 98);
    assert_int_equal(status_columns(status)->batches_made[0], 1);
    assert_int_equal(status_columns(status)->interface_offered[0], 9);
    assert_string_equal(status_columns(status)->interface_name[0], "eth??"); /* or nobody would take it */
    assert_non_null(losses);
    assert_string_equal(losses->observers[0].sensor, "inner");
    assert_int_equal(loss_columns(losses)->count[0], 7);
    records_free(&status);
    records_free(&losses);
    /* Of what the caller made, it knows late: what was submitted was made. */
    submit(10);
    say_status((struct status){.records_made = 15});
    assert_true(shipper_drain(shipper, PATIENCE));
    seen = peer_seen(peer);
    assert_int_equal(seen.made, 20);
    assert_int_equal(seen.made, seen.acknowledged + seen.lost + seen.held);
}

static void test_a_loss_alone_gets_through(void **state)
{
    (void)state;
    start_at(peer_port(peer), SHIPPER_HELD_DEFAULT, false);
    shipper_loss(shipper, &(struct loss){.loss = LOSS_RECORDS_SPOOL, .count = 7});
    int64_t until = clock_monotonic_ns() + PATIENCE;
    while (peer_seen(peer).losses == 0 && clock_monotonic_ns() < until)
        usleep(1000);
    assert_int_equal(peer_seen(peer).losses, 7); /* without drain, status or flows */
    assert_int_equal(balanced().records_made, 7);
    assert_int_equal(balanced().records_lost, 7);
}

/* A detector's and a witness's records go the same way, and into the same books. */
static void test_alerts_and_bindings(void **state)
{
    (void)state;
    struct observer speaker = {.sensor = "inner", .epoch = EPOCH}, seen_by = {.sensor = "outer", .epoch = 5};
    struct records *alerts = records_new(record_kinds[RECORD_ALERT], 2),
                   *bindings = records_new(record_kinds[RECORD_BINDING], 1);
    struct alert alert = {
        .time = BEGUN, .detector = "scan", .subject = "10.0.0.1", .text = "many ports", .severity = 70};
    struct alert_flow flow = {.flow_number = 4711};
    struct binding binding = {.boundary = "border",
                              .witness = WITNESS_CONNTRACK,
                              .inside_port = 4000,
                              .outside_port = 61000,
                              .first_time = BEGUN,
                              .last_time = BEGUN + 5,
                              .odds = -1500};
    assert_int_equal(records_observer(alerts, &speaker, &alert.observer), RESULT_OK);
    assert_int_equal(records_observer(alerts, &seen_by, &flow.flow_observer), RESULT_OK);
    assert_int_equal(records_observer(bindings, &speaker, &binding.observer), RESULT_OK);
    assert_int_equal(records_add(alerts, &alert), RESULT_OK);
    assert_int_equal(records_add(alerts, &alert), RESULT_OK);
    assert_int_equal(records_add_item(alerts, ALERT_FLOWS, &flow), RESULT_OK);
    assert_int_equal(records_add(bindings, &binding), RESULT_OK);
    start_at(peer_port(peer), SHIPPER_HELD_DEFAULT, false);
    shipper_submit(shipper, &alerts);
    shipper_submit(shipper, &bindings);
    assert_all_arrived_once(3);
    alerts = peer_records(peer, RECORD_ALERT);
    bindings = peer_records(peer, RECORD_BINDING);
    assert_non_null(alerts);
    assert_non_null(bindings);
    const struct alert_columns *a = alert_columns(alerts);
    assert_int_equal(alerts->rows, 2);
    assert_int_equal(a->time[1], BEGUN);
    assert_string_equal(a->detector[0], "scan");
    assert_string_equal(a->text[1], "many ports");
    assert_int_equal(a->severity[0], 70);
    assert_int_equal(a->flows[0], 0);
    assert_int_equal(a->flows[1], 1);
    assert_int_equal(a->flow_number[0], 4711);
    assert_string_equal(alerts->observers[a->flow_observer[0]].sensor, "outer");
    assert_string_equal(alerts->observers[a->observer[0]].sensor, "inner");
    struct binding back;
    records_get(bindings, 0, &back);
    assert_string_equal(back.boundary, "border");
    assert_int_equal(back.witness, WITNESS_CONNTRACK);
    assert_int_equal(back.outside_port, 61000);
    assert_int_equal(back.last_time, BEGUN + 5);
    assert_int_equal(back.odds, -1500);
    records_free(&alerts);
    records_free(&bindings);
}

static void test_acknowledgements_for_another_sensor(void **state)
{
    (void)state;
    peer_behave(peer, (struct peer_behaviour){.credit = 64, .says_for = "outer"});
    start_with(peer_port(peer), SHIPPER_HELD_DEFAULT, false, QUICK);
    submit(100);
    int64_t until = clock_monotonic_ns() + PATIENCE;
    while (peer_seen(peer).duplicates == 0 && clock_monotonic_ns() < until)
        usleep(1000);
    assert_int_equal(peer_seen(peer).batches, 1); /* committed, and sent again, for nobody has told us */
    assert_int_equal(balanced().records_acknowledged, 0);
    assert_int_equal(balanced().records_held, 100);
    peer_behave(peer, (struct peer_behaviour){.credit = 64});
    assert_all_arrived_once(100);
}

static void test_dropped_acknowledgements(void **state)
{
    (void)state;
    peer_behave(peer, (struct peer_behaviour){.credit = 4, .drop_acks = 6});
    start_with(peer_port(peer), SHIPPER_HELD_DEFAULT, false, QUICK);
    for (int i = 0; i < 10; i++)
        submit(100);
    assert_all_arrived_once(1000);
    assert_true(peer_seen(peer).duplicates >= 6); /* on a slow machine others come twice as well */
    assert_true(balanced().batches_resent >= 6);
}

static void test_rejected_batches_become_losses(void **state)
{
    (void)state;
    peer_behave(peer, (struct peer_behaviour){.credit = 64, .reject_every = 3});
    start_at(peer_port(peer), SHIPPER_HELD_DEFAULT, false);
    for (int i = 0; i < 9; i++)
        submit(100);
    int64_t until = clock_monotonic_ns() + PATIENCE;
    while (balanced().batches_rejected < 3 && clock_monotonic_ns() < until)
        usleep(1000);
    peer_behave(peer, (struct peer_behaviour){.credit = 64});
    assert_all_arrived_once(900);
    assert_true(balanced().records_lost >= 300);
    assert_int_equal(peer_seen(peer).rejected_records, balanced().records_lost);
}

static void await_connected(uint64_t reconnects)
{
    int64_t until = clock_monotonic_ns() + PATIENCE;
    struct shipper_counts c = balanced();
    while (!(c.connected && c.reconnects == reconnects) && clock_monotonic_ns() < until) {
        usleep(1000);
        c = balanced();
    }
    assert_true(c.connected);
    assert_int_equal(c.reconnects, reconnects);
}

static void test_peer_restarts(void **state)
{
    (void)state;
    start_at(peer_port(peer), SHIPPER_HELD_DEFAULT, true);
    for (uint64_t restarts = 0; restarts < 3; restarts++) {
        await_connected(restarts);
        for (int i = 0; i < 30; i++)
            submit(100);
        peer_close(peer); /* with whatever is on its way */
        for (int i = 0; i < 30; i++)
            submit(100);
        peer_open(peer);
    }
    assert_all_arrived_once(18000);
    assert_int_equal(balanced().records_lost, 0);
    assert_int_equal(balanced().reconnects, 3);
    assert_int_equal(peer_seen(peer).batches, 180);
}

static void test_peer_away_and_buffer_full(void **state)
{
    (void)state;
    peer_close(peer);
    start_at(peer_port(peer), SHIPPER_HELD_MIN, false);
    for (int i = 0; i < 100; i++) {
        submit(2000); /* 32 kB of digests */
        struct shipper_counts c = balanced();
        assert_true(c.bytes_held < SHIPPER_HELD_MIN + (256u << 10)); /* losses and statuses beside */
        if (i % 10 == 0) {
            say_status((struct status){.time = BEGUN});
        }
    }
    assert_false(balanced().connected);
    peer_open(peer);
    assert_all_arrived_once(200000);
    assert_true(balanced().records_lost > 0);
    assert_true(balanced().records_acknowledged > 0);
}

static void *submit_many(void *argument)
{
    (void)argument;
    for (int i = 0; i < 100; i++)
        submit(2000);
    return NULL;
}

static void test_patient_submitter_waits(void **state)
{
    (void)state;
    pthread_t submitter;
    peer_close(peer);
    start_at(peer_port(peer), SHIPPER_HELD_MIN, true);
    assert_int_equal(pthread_create(&submitter, NULL, submit_many, NULL), 0);
    /* Full: what fits is held, and the queue behind it. */
    uint64_t before = 0;
    int64_t until = clock_monotonic_ns() + PATIENCE;
    for (int still = 0; still < 20 && clock_monotonic_ns() < until; usleep(10000)) {
        uint64_t submitted = balanced().records_made;
        still = submitted == before && submitted > 0 ? still + 1 : 0;
        before = submitted;
    }
    assert_true(before < 200000);
    assert_int_equal(balanced().records_lost, 0);
    peer_open(peer);
    pthread_join(submitter, NULL);
    assert_all_arrived_once(200000);
    assert_int_equal(balanced().records_lost, 0);
}

static void test_hurry_frees_a_patient_submitter(void **state)
{
    (void)state;
    pthread_t submitter;
    peer_close(peer);
    start_at(peer_port(peer), SHIPPER_HELD_MIN, true);
    assert_int_equal(pthread_create(&submitter, NULL, submit_many, NULL), 0);
    shipper_hurry(shipper);
    pthread_join(submitter, NULL);
    assert_int_equal(balanced().records_made, 200000);
    assert_false(shipper_drain(shipper, 0));
    uint64_t left = shipper_stop(&shipper); /* what the program says is lost with it */
    assert_in_range(left, 2000, 200000);
}

static bool kept_exists(uint64_t life)
{
    char file[128];
    snprintf(file, sizeof(file), "%s/%llu.kept", state_directory, (unsigned long long)life);
    return access(file, F_OK) == 0;
}

/* Ends while the aggregator is away, twice; the third life delivers what all three have to say. */
static void test_what_is_kept_is_delivered_by_a_later_life(void **state)
{
    (void)state;
    uint64_t records = 0;
    strcpy(state_directory, "/tmp/pavo-shipper-XXXXXX");
    assert_non_null(mkdtemp(state_directory));
    keeping = true;
    peer_close(peer);
    for (uint64_t life = 0; life < 2; life++) {
        epoch = EPOCH + life;
        start_at(peer_port(peer), SHIPPER_HELD_DEFAULT, false);
        for (int i = 0; i < 5; i++)
            submit(100); /* some of it not even taken from the queue when the end comes */
        shipper_loss(shipper, &(struct loss){.loss = LOSS_RECORDS_SPOOL, .count = 7});
        say_status((struct status){.time = BEGUN, .last = 1});
        assert_int_equal(shipper_keep(shipper, &records, NULL), RESULT_OK);
        assert_int_equal(records, 500 * (life + 1));
        assert_int_equal(shipper_stop(&shipper), 0);
        assert_true(kept_exists(EPOCH + life));
    }
    peer_open(peer);
    epoch = EPOCH + 2;
    start_at(peer_port(peer), SHIPPER_HELD_DEFAULT, false);
    assert_true(shipper_drain(shipper, PATIENCE));
    assert_false(kept_exists(EPOCH));
    assert_false(kept_exists(EPOCH + 1));
    assert_false(peer_seen(peer).wrong);
    assert_int_equal(peer_seen(peer).records, 1000);
    assert_int_equal(peer_seen(peer).losses, 14);
    assert_int_equal(peer_seen(peer).statuses, 2);
    assert_int_equal(peer_seen(peer).made, 507);
    assert_int_equal(balanced().records_made, 0);
    assert_int_equal(balanced().records_acknowledged, 0);
    assert_int_equal(shipper_keep(shipper, &records, NULL), RESULT_OK); /* nothing is left */
    assert_int_equal(records, 0);
    assert_int_equal(shipper_stop(&shipper), 0);
    assert_int_equal(rmdir(state_directory), 0);
}

/* Killed while it delivers: committed, but the acknowledgement never came. The next one sends all of it again. */
static void test_what_is_kept_outlives_a_kill(void **state)
{
    (void)state;
    uint64_t records = 0;
    strcpy(state_directory, "/tmp/pavo-shipper-XXXXXX");
    assert_non_null(mkdtemp(state_directory));
    keeping = true;
    peer_close(peer);
    start_at(peer_port(peer), SHIPPER_HELD_DEFAULT, false);
    for (int i = 0; i < 5; i++)
        submit(100);
    assert_int_equal(shipper_keep(shipper, &records, NULL), RESULT_OK);
    shipper_stop(&shipper);
    peer_behave(peer, (struct peer_behaviour){.credit = 64, .drop_acks = 3});
    peer_open(peer);
    epoch = EPOCH + 1;
    start_at(peer_port(peer), SHIPPER_HELD_DEFAULT, false);
    int64_t until = clock_monotonic_ns() + PATIENCE;
    while (peer_seen(peer).batches < 5 && clock_monotonic_ns() < until)
        usleep(1000);
    shipper_stop(&shipper); /* keeps nothing, as kill -9 does */
    assert_true(kept_exists(EPOCH));
    epoch = EPOCH + 2;
    start_at(peer_port(peer), SHIPPER_HELD_DEFAULT, false);
    assert_true(shipper_drain(shipper, PATIENCE));
    assert_false(kept_exists(EPOCH));
    assert_int_equal(peer_seen(peer).records, 500);
    assert_true(peer_seen(peer).duplicates >= 3);
    assert_false(peer_seen(peer).wrong);
    shipper_stop(&shipper);
    assert_int_equal(rmdir(state_directory), 0);
}

static void test_hung_peer_is_noticed(void **state)
{
    (void)state;
    /* ZeroMQ answers its heartbeats, and the program behind it nothing. */
    start_with(peer_port(peer), SHIPPER_HELD_DEFAULT, false, QUICK);
    submit(100);
    assert_true(shipper_drain(shipper, PATIENCE));
    peer_behave(peer, (struct peer_behaviour){.credit = 64, .silent = true});
    for (int i = 0; i < 10; i++)
        submit(100);
    int64_t until = clock_monotonic_ns() + PATIENCE;
    while (balanced().reconnects == 0 && clock_monotonic_ns() < until)
        usleep(10000);
    assert_true(balanced().reconnects > 0);
    peer_behave(peer, (struct peer_behaviour){.credit = 64});
    assert_all_arrived_once(1100);
    assert_int_equal(balanced().records_lost, 0);
    assert_true(peer_seen(peer).duplicates > 0); /* committed while silent, sent again, stored once */
}

/* ---- a firewall that forgets: a TCP relay on loopback */

#define RELAY_PAIRS 16

static struct {
    int listener;
    unsigned port;
    int pairs[RELAY_PAIRS][2];
    bool dead[RELAY_PAIRS]; /* forwards nothing any more, and says nothing */
    atomic_int count;
    atomic_bool forget; /* all connections of this moment die so */
    atomic_bool stop;
    pthread_t thread;
} relay;

static int socket_at(unsigned port, bool listening)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int r = listening ? bind(fd, (struct sockaddr *)&address, sizeof(address)) | listen(fd, 8)
                      : connect(fd, (struct sockaddr *)&address, sizeof(address));
    if (r != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static void relay_bytes(int from, int to, bool *dead)
{
    char bytes[65536];
    ssize_t got = read(from, bytes, sizeof(bytes));
    for (ssize_t done = 0; done < got;) {
        ssize_t put = send(to, bytes + done, (size_t)(got - done), MSG_NOSIGNAL);
        if (put <= 0)
            break;
        done += put;
    }
    if (got <= 0) {
        shutdown(to, SHUT_RDWR);
        *dead = true;
    }
}

static void *relay_run(void *argument)
{
    (void)argument;
    while (!relay.stop) {
        struct pollfd fds[1 + 2 * RELAY_PAIRS] = {{.fd = relay.listener, .events = POLLIN}};
        if (relay.forget) {
            for (int i = 0; i < relay.count; i++)
                relay.dead[i] = true;
            relay.forget = false;
        }
        for (int i = 0; i < relay.count; i++) {
            for (int side = 0; side < 2; side++)
                fds[1 + 2 * i + side] =
                    (struct pollfd){.fd = relay.dead[i] ? -1 : relay.pairs[i][side], .events = POLLIN};
        }
        int pairs = relay.count;
        poll(fds, (nfds_t)(1 + 2 * pairs), 20);
        for (int i = 0; i < pairs; i++) {
            for (int side = 0; side < 2; side++) {
                if (fds[1 + 2 * i + side].revents != 0 && !relay.dead[i])
                    relay_bytes(relay.pairs[i][side], relay.pairs[i][!side], &relay.dead[i]);
            }
        }
        if (fds[0].revents != 0 && pairs < RELAY_PAIRS) {
            relay.pairs[pairs][0] = accept(relay.listener, NULL, NULL);
            relay.pairs[pairs][1] = socket_at(peer_port(peer), false);
            relay.dead[pairs] = false;
            relay.count++;
        }
    }
    return NULL;
}

static void relay_start(void)
{
    struct sockaddr_in address;
    socklen_t length = sizeof(address);
    relay.listener = socket_at(0, true);
    assert_true(relay.listener >= 0);
    getsockname(relay.listener, (struct sockaddr *)&address, &length);
    relay.port = ntohs(address.sin_port);
    relay.count = 0;
    relay.stop = relay.forget = false;
    assert_int_equal(pthread_create(&relay.thread, NULL, relay_run, NULL), 0);
}

static void relay_stop(void)
{
    relay.stop = true;
    pthread_join(relay.thread, NULL);
    for (int i = 0; i < relay.count; i++) {
        close(relay.pairs[i][0]);
        close(relay.pairs[i][1]);
    }
    close(relay.listener);
}

static void test_half_open_connection_is_rebuilt(void **state)
{
    (void)state;
    relay_start();
    start_with(relay.port, SHIPPER_HELD_DEFAULT, false, QUICK);
    submit(100);
    bool first = shipper_drain(shipper, PATIENCE);
    relay.forget = true;
    while (relay.forget)
        usleep(1000);
    for (int i = 0; i < 10; i++)
        submit(100);
    bool all = shipper_drain(shipper, PATIENCE);
    struct shipper_counts c = balanced();
    int connections = relay.count;
    relay_stop();
    assert_true(first);
    assert_true(all);
    assert_true(connections >= 2);
    assert_true(c.reconnects >= 1);
    assert_all_arrived_once(1100);
    assert_int_equal(c.records_lost, 0);
}

static void test_start_refuses(void **state)
{
    (void)state;
    struct error err = {""};
    struct keys reader = *peer_sensor_keys(peer);
    struct shipper_options options = {.endpoint = "localhost:nowhere",
                                      .keys = &reader,
                                      .software = "test",
                                      .epoch = 1,
                                      .held_max = SHIPPER_HELD_DEFAULT};
    assert_int_equal(shipper_start(&options, &shipper, &err), RESULT_REJECT);
    options.endpoint = "localhost";
    options.held_max = 1;
    assert_int_equal(shipper_start(&options, &shipper, &err), RESULT_REJECT);
    options.held_max = SHIPPER_HELD_DEFAULT;
    reader.has_seal = false;
    assert_int_equal(shipper_start(&options, &shipper, &err), RESULT_REJECT);
    assert_non_null(strstr(err.text, "sensor inner is none to speak with"));
    reader.has_seal = true;
    reader.role = KEY_ROLE_READER;
    assert_int_equal(shipper_start(&options, &shipper, &err), RESULT_REJECT);
    assert_null(shipper);
}

/* An argument names the tests to run: test_shipper "*half_open*" */
int main(int argc, char **argv)
{
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_everything_is_acknowledged, setup, teardown),
        cmocka_unit_test_setup_teardown(test_status_and_losses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_loss_alone_gets_through, setup, teardown),
        cmocka_unit_test_setup_teardown(test_alerts_and_bindings, setup, teardown),
        cmocka_unit_test_setup_teardown(test_acknowledgements_for_another_sensor, setup, teardown),
        cmocka_unit_test_setup_teardown(test_dropped_acknowledgements, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rejected_batches_become_losses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_peer_restarts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_peer_away_and_buffer_full, setup, teardown),
        cmocka_unit_test_setup_teardown(test_patient_submitter_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hurry_frees_a_patient_submitter, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_kept_is_delivered_by_a_later_life, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_kept_outlives_a_kill, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hung_peer_is_noticed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_half_open_connection_is_rebuilt, setup, teardown),
        cmocka_unit_test_setup_teardown(test_start_refuses, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
