/* SPDX-License-Identifier: Apache-2.0 */
/* The protocol under virtual time: hours pass, nothing sleeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "common/records/flow.h"
#include "common/speak/encode.h"
#include "common/speak/former.h"
#include "common/speak/session.h"
#include "pavo.pb-c.h"

#define EPOCH    77u
#define HELLO_NS (SESSION_PACE_DEFAULT.hello_ns)
#define WALL     (1795466200ll * NS_PER_S) /* when the monotonic clock shows 0 */

static struct session *session;
static uint8_t seal_public[KEY_BYTES], seal_secret[KEY_BYTES];
static int64_t now;
static uint64_t submitted;

static struct moment moment(void)
{
    return (struct moment){now, WALL + now};
}

static int setup_with(uint64_t held_max)
{
    now = 0;
    submitted = 0;
    crypto_box_keypair(seal_public, seal_secret);
    session = session_new(&(struct session_options){.sensor = "inner",
                                                    .software = "test",
                                                    .epoch = EPOCH,
                                                    .seal_public = seal_public,
                                                    .held_max = held_max,
                                                    .pace = SESSION_PACE_DEFAULT},
                          now);
    return session == NULL;
}

static int setup(void **state)
{
    (void)state;
    return setup_with(1 << 20);
}

static int teardown(void **state)
{
    (void)state;
    session_destroy(&session);
    return 0;
}

static void receive(const Pavo__ToSensor *to)
{
    uint8_t frame[4096];
    assert_true(pavo__to_sensor__get_packed_size(to) <= sizeof(frame));
    session_receive(session, frame, pavo__to_sensor__pack(to, frame), moment());
}

static void welcome(int64_t hello_sent_ns, int64_t received_ns, int64_t sent_ns, uint32_t credit)
{
    Pavo__Welcome w = PAVO__WELCOME__INIT;
    w.hello_sent_ns = hello_sent_ns;
    w.received_ns = received_ns;
    w.sent_ns = sent_ns;
    w.credit = credit;
    Pavo__ToSensor to = PAVO__TO_SENSOR__INIT;
    to.version = 1;
    to.body_case = PAVO__TO_SENSOR__BODY_WELCOME;
    to.welcome = &w;
    receive(&to);
}

static void acknowledge_for(const char *sensor, uint64_t epoch, uint64_t sequence, uint32_t credit)
{
    Pavo__Acknowledgement a = PAVO__ACKNOWLEDGEMENT__INIT;
    a.sensor = (char *)sensor;
    a.epoch = epoch;
    a.sequences = &sequence;
    a.n_sequences = 1;
    a.credit = credit;
    Pavo__ToSensor to = PAVO__TO_SENSOR__INIT;
    to.version = 1;
    to.body_case = PAVO__TO_SENSOR__BODY_ACKNOWLEDGEMENT;
    to.acknowledgement = &a;
    receive(&to);
}

static void acknowledge(uint64_t epoch, uint64_t sequence, uint32_t credit)
{
    acknowledge_for("inner", epoch, sequence, credit);
}

static void reject_of(const char *sensor, uint64_t epoch, uint64_t sequence)
{
    Pavo__Rejection r = PAVO__REJECTION__INIT;
    Pavo__Rejection *rejections[] = {&r};
    r.sequence = sequence;
    r.reason = "unsealing failed";
    Pavo__Acknowledgement a = PAVO__ACKNOWLEDGEMENT__INIT;
    a.sensor = (char *)sensor;
    a.epoch = epoch;
    a.rejected = rejections;
    a.n_rejected = 1;
    a.credit = 8;
    Pavo__ToSensor to = PAVO__TO_SENSOR__INIT;
    to.version = 1;
    to.body_case = PAVO__TO_SENSOR__BODY_ACKNOWLEDGEMENT;
    to.acknowledgement = &a;
    receive(&to);
}

static void reject_for(const char *sensor, uint64_t sequence)
{
    reject_of(sensor, EPOCH, sequence);
}

static void reject(uint64_t sequence)
{
    reject_for("inner", sequence);
}

/* Invariant 2, as far as it is the shipper's. */
static void assert_books_balance(void)
{
    const struct session_counts *c = session_counts(session);
    assert_int_equal(submitted, c->records_acknowledged + c->records_lost + held_records(session_held(session)));
}

/* Makes and holds a batch of `rows` records seen in [first, first + rows). */
static void make(uint32_t rows, int64_t first)
{
    struct held_batch *made = NULL;
    struct flow_batch *flows = NULL;
    if (rows > 0) {
        struct observer observer = {.sensor = "inner", .epoch = EPOCH};
        uint16_t index;
        flows = flow_batch_new(rows);
        assert_int_equal(flow_batch_observer(flows, &observer, &index), RESULT_OK);
        for (uint32_t i = 0; i < rows; i++) {
            struct flow flow = {.flow = i, .first_time = first + i, .last_time = first + i + 1};
            randombytes_buf(&flow.src_digest, sizeof(flow.src_digest)); /* so that it does not compress away */
            assert_int_equal(flow_batch_add(flows, &flow), RESULT_OK);
        }
        submitted += rows;
    } else {
        session_supersede(session);
    }
    struct encode_name name = {"inner", EPOCH, session_next_sequence(session)};
    struct records *records = flow_records(flows);
    assert_int_equal(encode_batch(&name, &records, rows > 0, session_losses(session), seal_public, &made, NULL),
                     RESULT_OK);
    session_made(session);
    assert_int_equal(session_hold(session, &made, false, now), RESULT_OK);
    assert_null(made);
    flow_batch_destroy(&flows);
    assert_books_balance();
}

/* The next action; a batch or Hello counts as sent. */
static enum session_action act(uint64_t *ret_sequence)
{
    struct held_batch *batch = NULL;
    int64_t until;
    enum session_action action = session_next(session, now, &batch, &until);
    if (action == SESSION_HELLO) {
        session_hello_sent(session, moment());
    } else if (action == SESSION_BATCH) {
        if (ret_sequence != NULL)
            *ret_sequence = batch->sequence;
        session_batch_sent(session, batch, now);
    }
    return action;
}

static void come_up(uint32_t credit)
{
    session_up(session, now);
    assert_int_equal(act(NULL), SESSION_HELLO);
    welcome(WALL + now, WALL + now, WALL + now, credit);
}

static uint64_t sent(void)
{
    uint64_t sequence = 0;
    return act(&sequence) == SESSION_BATCH ? sequence : 0;
}

static void test_hello_frame(void **state)
{
    (void)state;
    struct bytes frame;
    make(3, 100);
    assert_int_equal(session_hello(session, moment(), &frame), RESULT_OK);
    Pavo__FromSensor *from = pavo__from_sensor__unpack(NULL, frame.length, frame.data);
    assert_non_null(from);
    assert_int_equal(from->version, 1);
    assert_int_equal(from->body_case, PAVO__FROM_SENSOR__BODY_HELLO);
    assert_string_equal(from->hello->sensor, "inner");
    assert_int_equal(from->hello->epoch, EPOCH);
    assert_int_equal(from->hello->next_sequence, 2);
    assert_int_equal(from->hello->sent_ns, WALL);
    pavo__from_sensor__free_unpacked(from, NULL);
    bytes_free(&frame);
}

static void test_nothing_goes_before_welcome(void **state)
{
    (void)state;
    make(3, 100);
    assert_int_equal(act(NULL), SESSION_WAIT);
    session_up(session, now);
    assert_int_equal(act(NULL), SESSION_HELLO);
    assert_int_equal(act(NULL), SESSION_WAIT);
    assert_false(session_connected(session));
    welcome(WALL, WALL, WALL, 8);
    assert_true(session_connected(session));
    assert_int_equal(sent(), 1);
    acknowledge(EPOCH, 1, 8);
    assert_int_equal(session_counts(session)->records_acknowledged, 3);
    assert_int_equal(held_count(session_held(session)), 0);
    assert_books_balance();
    acknowledge(EPOCH, 1, 8); /* again: nothing */
    assert_int_equal(session_counts(session)->records_acknowledged, 3);
}

static void test_credit_and_pause(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++)
        make(1, 100);
    come_up(2);
    assert_int_equal(sent(), 1);
    assert_int_equal(sent(), 2);
    assert_int_equal(sent(), 0);
    acknowledge(EPOCH, 1, 0); /* committed, and now the disk is full */
    for (int i = 0; i < 100; i++) {
        now += HELLO_NS;
        assert_int_equal(act(NULL), SESSION_HELLO);
        welcome(WALL + now, WALL + now, WALL + now, 0);
        assert_int_equal(sent(), 0);
    }
    acknowledge(EPOCH, 99, 3);
    assert_int_equal(sent(), 2); /* again: long overdue */
    assert_int_equal(sent(), 3);
    assert_int_equal(sent(), 4);
    assert_int_equal(sent(), 0);
    assert_int_equal(session_counts(session)->batches_resent, 1);
}

static void test_another_life_is_not_ours(void **state)
{
    (void)state;
    make(3, 100);
    come_up(8);
    assert_int_equal(sent(), 1);
    acknowledge(EPOCH - 1, 1, 8);
    assert_int_equal(held_count(session_held(session)), 1);
}

/* A relay passes on what is said to all behind it: sequences and credit of another one are nothing to us, even in the
 * same epoch. */
static void test_another_sensor_is_not_us(void **state)
{
    (void)state;
    make(3, 100);
    make(3, 100);
    come_up(1);
    assert_int_equal(sent(), 1);
    acknowledge_for("outer", EPOCH, 1, 8);
    acknowledge_for("", EPOCH, 1, 8);
    reject_for("outer", 1);
    assert_int_equal(held_count(session_held(session)), 2);
    assert_int_equal(session_counts(session)->records_acknowledged, 0);
    assert_int_equal(session_counts(session)->records_lost, 0);
    assert_int_equal(sent(), 0);
    acknowledge(EPOCH, 1, 1);
    assert_int_equal(session_counts(session)->records_acknowledged, 3);
    assert_int_equal(sent(), 2);
    assert_books_balance();
}

static void test_silence_rebuilds(void **state)
{
    (void)state;
    make(3, 100);
    come_up(8);
    assert_int_equal(sent(), 1);
    for (int i = 0; i < SESSION_HELLOS; i++) {
        now += HELLO_NS;
        assert_int_equal(act(NULL), SESSION_HELLO);
        while (sent() != 0) /* resent meanwhile, into the void */
            ;
    }
    now += HELLO_NS;
    assert_int_equal(act(NULL), SESSION_REBUILD);
    session_rebuilt(session, now);
    assert_false(session_connected(session));
    assert_int_equal(act(NULL), SESSION_WAIT);
    now += SESSION_HELLOS * HELLO_NS; /* nobody answers the new one, either */
    assert_int_equal(act(NULL), SESSION_REBUILD);
    session_rebuilt(session, now);
    come_up(8);
    assert_int_equal(session_counts(session)->reconnects, 1);
    assert_int_equal(sent(), 1); /* at once */
    acknowledge(EPOCH, 1, 8);
    assert_books_balance();
    assert_int_equal(held_count(session_held(session)), 0);
}

static void test_any_word_is_a_sign_of_life(void **state)
{
    (void)state;
    come_up(8);
    for (int i = 0; i < 20; i++) {
        now += HELLO_NS;
        assert_int_equal(act(NULL), SESSION_HELLO);
        acknowledge(EPOCH, 1000, 8);
    }
}

static void test_reconnection_sends_all_again(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        make(1, 100);
    come_up(8);
    for (uint64_t i = 1; i <= 3; i++)
        assert_int_equal(sent(), i);
    acknowledge(EPOCH, 2, 8);
    session_down(session, now);
    assert_int_equal(act(NULL), SESSION_WAIT);
    come_up(8);
    assert_int_equal(sent(), 1);
    assert_int_equal(sent(), 3);
    assert_int_equal(sent(), 0);
    assert_int_equal(session_counts(session)->batches_resent, 2);
}

/* An earlier life with `count` batches of 5 records. */
static struct former *inherit(uint64_t epoch, uint64_t count)
{
    struct former *former = former_new(epoch, SESSION_PACE_DEFAULT), *made = former;
    for (uint64_t i = 1; i <= count; i++) {
        struct held_batch *batch = calloc(1, sizeof(*batch));
        *batch = (struct held_batch){
            .sequence = 10 * i, .loss_sequence = 100 + i, .records = 5, .frame = {calloc(1, 100), 100}};
        assert_int_equal(held_add(former->held, &batch), RESULT_OK);
    }
    assert_int_equal(session_inherit(session, &former), RESULT_OK);
    assert_null(former);
    return made;
}

static void test_earlier_lives_go_first(void **state)
{
    (void)state;
    inherit(EPOCH - 2, 2);
    inherit(EPOCH - 1, 1);
    make(1, 100);
    make(1, 100);
    come_up(4);
    assert_int_equal(sent(), 10);
    assert_int_equal(sent(), 20);
    assert_int_equal(sent(), 10);
    assert_int_equal(sent(), 1);
    assert_int_equal(sent(), 0); /* one credit for all */
    session_down(session, now);
    come_up(4);
    assert_int_equal(sent(), 10); /* and sent again as ours are */
    assert_int_equal(sent(), 20);
    assert_int_equal(sent(), 10);
    assert_int_equal(sent(), 1);
    acknowledge(EPOCH - 2, 10, 4);
    assert_int_equal(sent(), 2);
    assert_null(session_disown(session));
    acknowledge(EPOCH - 3, 20, 4); /* of a life that left nothing */
    acknowledge_for("outer", EPOCH - 2, 20, 4);
    assert_null(session_disown(session));
    acknowledge(EPOCH - 2, 20, 4);
    struct former *former = session_disown(session);
    assert_non_null(former);
    assert_int_equal(former->epoch, EPOCH - 2);
    former_destroy(&former);
    assert_null(session_disown(session));
    assert_int_equal(session_former(session, 0)->epoch, EPOCH - 1);
    assert_null(session_former(session, 1));
    assert_int_equal(session_counts(session)->records_acknowledged, 0); /* their books are their own */
    acknowledge(EPOCH, 1, 4);
    assert_int_equal(session_counts(session)->records_acknowledged, 1);
    assert_books_balance();
}

static void test_rejected_of_an_earlier_life(void **state)
{
    (void)state;
    const struct former *former = inherit(EPOCH - 1, 3);
    come_up(8);
    reject_of("inner", EPOCH - 1, 30);
    reject_of("inner", EPOCH - 1, 10);
    assert_int_equal(session_losses(session)->count, 0); /* it is not this life's to tell */
    assert_int_equal(session_counts(session)->records_lost, 0);
    assert_int_equal(held_count(former->held), 3);
    assert_int_equal(held_records(former->held), 5);
    assert_int_equal(sent(), 20);
    assert_int_equal(sent(), 101);
    assert_int_equal(sent(), 103);
    for (uint64_t sequence = 101; sequence <= 103; sequence += 2)
        acknowledge(EPOCH - 1, sequence, 8);
    acknowledge(EPOCH - 1, 20, 8);
    struct former *done = session_disown(session);
    assert_ptr_equal(done, former);
    former_destroy(&done);
}

static void test_rejected_becomes_a_loss(void **state)
{
    (void)state;
    make(10, 500);
    come_up(8);
    assert_int_equal(sent(), 1);
    reject(1);
    reject(1);
    reject(44);
    const struct losses *losses = session_losses(session);
    assert_int_equal(losses->count, 1);
    assert_int_equal(losses->items[0].loss, LOSS_RECORDS_REJECTED);
    assert_int_equal(losses->items[0].count, 10);
    assert_int_equal(losses->items[0].from_time, 500);
    assert_int_equal(losses->items[0].to_time, 510);
    assert_int_equal(losses->items[0].sequence, 1);
    assert_string_equal(losses->items[0].reason, "unsealing failed");
    assert_int_equal(session_counts(session)->batches_rejected, 1);
    assert_int_equal(session_counts(session)->records_lost, 10);
    assert_books_balance();
    assert_true(session_losses_due(session) <= now + SESSION_LOSS_WAIT_NS);
}

static void test_overflow_keeps_the_books(void **state)
{
    (void)state;
    /* Some 10 kB a batch into a buffer of 100 kB, while nobody is there. */
    session_destroy(&session);
    assert_int_equal(setup_with(100000), 0);
    for (int i = 0; i < 2000; i++) {
        now += NS_PER_S;
        make(1000, i * 1000);
        if (i % 10 == 0)
            make(0, 0); /* a status or a loss of its own */
        assert_true(held_bytes(session_held(session)) < 300000);
    }
    uint64_t told = 0, carried = 0;
    const struct losses *waiting = session_losses(session);
    for (size_t i = 0; i < waiting->count; i++)
        told += waiting->items[i].count;
    /* What is held tells of the rest: count it as the aggregator would. */
    come_up(UINT32_MAX);
    struct held_batch *batch;
    int64_t until;
    while (session_next(session, now, &batch, &until) == SESSION_BATCH) {
        for (size_t i = 0; i < batch->loss_count; i++)
            carried += batch->losses[i].count;
        session_batch_sent(session, batch, now);
        acknowledge(EPOCH, batch->sequence, UINT32_MAX);
    }
    assert_int_equal(told + carried, session_counts(session)->records_lost);
    assert_true(session_counts(session)->records_lost > 1900 * 1000);
    assert_books_balance();
    assert_int_equal(held_count(session_held(session)), 0);
}

static void test_larger_than_the_buffer(void **state)
{
    (void)state;
    session_destroy(&session);
    assert_int_equal(setup_with(1000), 0);
    make(1000, 5);
    assert_int_equal(session_counts(session)->records_lost, 1000);
    assert_int_equal(session_losses(session)->count, 1);
}

static void test_clock(void **state)
{
    (void)state;
    /* The aggregator is 3 s ahead; ways there and back take 10 ms and `back`. */
    static const int64_t backs_ms[] = {500, 10, 200, 90};
    assert_false(session_clock(session).known);
    session_up(session, now);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(act(NULL), SESSION_HELLO);
        int64_t sent_at = WALL + now, arrived = sent_at + 10 * NS_PER_MS + 3 * NS_PER_S;
        now += 10 * NS_PER_MS + 7 * NS_PER_MS + backs_ms[i] * NS_PER_MS; /* 7 ms at the aggregator */
        welcome(sent_at, arrived, arrived + 7 * NS_PER_MS, 8);
        now = (now / HELLO_NS + 2) * HELLO_NS;
    }
    struct session_clock clock = session_clock(session);
    assert_true(clock.known);
    assert_int_equal(clock.offset_ns, 3 * NS_PER_S); /* by the exchange with equal ways */
    assert_int_equal(clock.error_ns, 10 * NS_PER_MS);
    /* An answer to no Hello of ours, and one from before its question, are ignored. */
    welcome(123, 456, 789, 8);
    assert_int_equal(act(NULL), SESSION_HELLO);
    welcome(WALL + now, 0, INT64_MAX / 2, 8);
    assert_int_equal(session_clock(session).offset_ns, 3 * NS_PER_S);
    /* Our clock is set an hour forward: what was measured before is void. */
    now += HELLO_NS;
    int64_t wall = WALL + now + 3600 * NS_PER_S;
    session_hello_sent(session, (struct moment){now, wall});
    Pavo__Welcome w = PAVO__WELCOME__INIT;
    w.hello_sent_ns = wall;
    w.received_ns = w.sent_ns = wall + 20 * NS_PER_MS - 3597 * NS_PER_S;
    Pavo__ToSensor to = PAVO__TO_SENSOR__INIT;
    to.version = 1;
    to.body_case = PAVO__TO_SENSOR__BODY_WELCOME;
    to.welcome = &w;
    uint8_t frame[256];
    size_t length = pavo__to_sensor__pack(&to, frame);
    session_receive(session, frame, length, (struct moment){now + 40 * NS_PER_MS, wall + 40 * NS_PER_MS});
    assert_int_equal(session_clock(session).offset_ns, -3597 * NS_PER_S);
    assert_int_equal(session_clock(session).error_ns, 20 * NS_PER_MS);
}

static void test_garbled_frames_are_counted(void **state)
{
    (void)state;
    come_up(8);
    session_receive(session, "\xff\xff\xff", 3, moment());
    Pavo__ToSensor to = PAVO__TO_SENSOR__INIT;
    to.version = 2;
    receive(&to);
    assert_int_equal(session_counts(session)->frames_garbled, 2);
    to.version = 1; /* nothing in it that we know: from a newer aggregator */
    receive(&to);
    assert_int_equal(session_counts(session)->frames_garbled, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_hello_frame, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nothing_goes_before_welcome, setup, teardown),
        cmocka_unit_test_setup_teardown(test_credit_and_pause, setup, teardown),
        cmocka_unit_test_setup_teardown(test_another_life_is_not_ours, setup, teardown),
        cmocka_unit_test_setup_teardown(test_another_sensor_is_not_us, setup, teardown),
        cmocka_unit_test_setup_teardown(test_silence_rebuilds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_any_word_is_a_sign_of_life, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reconnection_sends_all_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_earlier_lives_go_first, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rejected_of_an_earlier_life, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rejected_becomes_a_loss, setup, teardown),
        cmocka_unit_test_setup_teardown(test_overflow_keeps_the_books, setup, teardown),
        cmocka_unit_test_setup_teardown(test_larger_than_the_buffer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_clock, setup, teardown),
        cmocka_unit_test_setup_teardown(test_garbled_frames_are_counted, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
