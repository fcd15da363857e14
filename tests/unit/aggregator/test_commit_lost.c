/* SPDX-License-Identifier: Apache-2.0 */
/* Lives that died, over a real store and its committer: declared once, whoever starts again in between. */
#include "tests/unit/aggregator/support.h"

#include <time.h>

#include "aggregator/commit.h"
#include "aggregator/store/store.h"
#include "common/records/loss.h"
#include "common/records/status.h"

static struct error err;
static struct store *store;
static struct queue *intake, *receipts;
static struct committer *committer;

static void open_store(uint64_t seal_rows)
{
    const struct store_options options = {
        .directory = test_directory, .seal_rows = seal_rows, .seal_age_ns = seal_rows == 1 ? 1 : 0};
    assert_ok(store_open(&options, &store, &err), err);
}

static int setup(void **state)
{
    if (directory_setup(state) != 0)
        return 1;
    open_store(0);
    assert_ok(queue_new(UINT64_MAX, &intake, &err), err);
    assert_ok(queue_new(UINT64_MAX, &receipts, &err), err);
    return 0;
}

static int teardown(void **state)
{
    struct receipt *receipt;
    committer_stop(&committer);
    while ((receipt = queue_pop(receipts)) != NULL)
        free(receipt);
    queue_destroy(&intake);
    queue_destroy(&receipts);
    store_close(&store);
    return directory_teardown(state);
}

static void start(void)
{
    const struct committer_options options = {
        .store = store, .intake = intake, .receipts = receipts, .lost_quiet_ns = NS_PER_MS};
    assert_ok(committer_start(&options, NULL, 0, &committer, &err), err);
}

static void wait_a_moment(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 10 * NS_PER_MS}, NULL);
}

/* A life of inner's that has 1 record here, and says that it made `made`. */
static void push(uint64_t epoch, uint64_t made, bool last)
{
    struct batch *batch = test_batch("inner", 1, TEST_NOW + (int64_t)epoch * NS_PER_S);
    batch->observer.epoch = epoch;
    struct flow flow = test_flow(1, TEST_NOW);
    const struct status status = {
        .time = TEST_NOW, .records_made = made, .records_held = made, .reported_through = TEST_NOW, .last = last};
    assert_int_equal(records_append(test_records(batch, RECORD_FLOW), &flow), RESULT_OK);
    assert_int_equal(records_append(test_records(batch, RECORD_STATUS), &status), RESULT_OK);
    assert_int_equal(queue_push(intake, batch, batch_weight(batch)), RESULT_OK);
}

static struct records *losses(void)
{
    struct store_reader *reader;
    struct records *records = NULL;
    const struct store_query query = {.kind = RECORD_LOSS};
    assert_ok(store_reader_open(store, &reader, &err), err);
    assert_ok(store_collect(reader, &query, &records, &err), err);
    store_reader_close(&reader);
    return records;
}

/* Waits until the committer has committed so many losses, or that it commits no more. */
static void expect_losses(uint32_t rows)
{
    uint32_t seen = 0;
    for (unsigned tries = 0; tries < 1000 && seen < rows; tries++) {
        struct records *records = losses();
        seen = records->rows;
        records_free(&records);
        wait_a_moment();
    }
    nanosleep(&(struct timespec){.tv_nsec = 350 * NS_PER_MS}, NULL); /* a tick of the committer's, and some */
    struct records *records = losses();
    assert_int_equal(records->rows, rows);
    records_free(&records);
}

static void expect_died(uint64_t epoch, bool died, uint64_t count)
{
    struct store_life *lives = NULL;
    size_t n = 0;
    bool found = false;
    assert_ok(store_lives(store, false, &lives, &n, &err), err);
    for (size_t i = 0; i < n; i++) {
        if (lives[i].observer.epoch != epoch)
            continue;
        found = true;
        assert_int_equal(lives[i].died, died);
        assert_int_equal(lives[i].records_died, count);
        assert_int_equal(lives[i].records_lost, 0);
    }
    assert_true(found);
    store_lives_free(&lives, n);
}

static void restart(uint64_t seal_rows)
{
    committer_stop(&committer);
    store_close(&store);
    open_store(seal_rows);
    start();
}

static void test_a_death_is_declared_once_over_restarts(void **state)
{
    (void)state;
    start();
    push(5, 12, false);
    expect_losses(0); /* it may live */
    push(6, 1, false);
    expect_losses(1);
    struct records *records = losses();
    const struct loss_columns *l = loss_columns(records);
    assert_int_equal(l->loss[0], LOSS_RECORDS_DIED);
    assert_int_equal(l->count[0], 11);
    assert_string_equal(records->observers[l->observer[0]].sensor, "inner");
    assert_int_equal(records->observers[l->observer[0]].epoch, 5);
    records_free(&records);
    expect_died(5, true, 11);
    restart(0);
    expect_losses(1);
    expect_died(5, true, 11);
    expect_died(6, false, 0);
    push(7, 1, true);
    expect_losses(2);
    restart(0);
    push(8, 1, true); /* 7 ended in order */
    expect_losses(2);
    expect_died(7, false, 0);
}

/* The aggregator ends before it can say so: its next start does. */
static void test_a_death_is_declared_by_the_next_start(void **state)
{
    (void)state;
    push(5, 12, false);
    push(6, 1, false);
    const struct committer_options options = {
        .store = store, .intake = intake, .receipts = receipts, .lost_quiet_ns = 3600 * NS_PER_S};
    assert_ok(committer_start(&options, NULL, 0, &committer, &err), err);
    committer_stop(&committer);
    expect_losses(0);
    start();
    expect_losses(1);
    expect_died(5, true, 11);
}

/* What is declared is known when the journal's part of it is sealed, each in a sealing of its own. */
static void test_a_death_is_remembered_when_it_is_sealed(void **state)
{
    (void)state;
    struct store_health health = {0};
    struct store_summary summary;
    start();
    push(5, 12, false);
    expect_losses(0);
    restart(1);
    push(6, 1, false);
    expect_losses(1);
    store_summarise(store, &summary);
    for (unsigned tries = 0; tries < 1000 && health.sealed_through < summary.position; tries++) {
        wait_a_moment();
        store_health(store, &health);
    }
    assert_int_equal(health.sealed_through, summary.position);
    assert_string_equal(health.trouble, "");
    restart(1);
    expect_died(5, true, 11);
    expect_losses(1);
}

/* That somebody died is the aggregator's to say, not a sensor's. */
static void test_a_sensor_declares_nobody_dead(void **state)
{
    (void)state;
    struct batch *batch = test_batch("inner", 1, TEST_NOW);
    const struct loss loss = {.loss = LOSS_RECORDS_DIED, .from_time = TEST_NOW, .to_time = TEST_NOW, .count = 7};
    assert_int_equal(records_append(test_records(batch, RECORD_LOSS), &loss), RESULT_OK);
    assert_ok(store_commit(store, &batch, 1, &err), err);
    batch_destroy(&batch);
    expect_died(7, false, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_death_is_declared_once_over_restarts),
        TEST(test_a_death_is_declared_by_the_next_start),
        TEST(test_a_death_is_remembered_when_it_is_sealed),
        TEST(test_a_sensor_declares_nobody_dead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
