/* SPDX-License-Identifier: Apache-2.0 */
/* What the store's tests share: a store that seals when a test wants it, and what is in it. */
#ifndef PAVO_TESTS_AGGREGATOR_STORE_SUPPORT_H
#define PAVO_TESTS_AGGREGATOR_STORE_SUPPORT_H

#include "tests/unit/aggregator/lives_support.h"

#include "aggregator/store/store.h"

#define STORE_PATIENCE_NS (60 * NS_PER_S) /* a condition, not a time, ends each wait */

static struct error err;
static char last_notice[1024];
/* What the next store_start opens with; what a test changes goes back with its set-up. */
static struct store_options store_options;

static inline void keep_notice(void *context, const char *text)
{
    (void)context;
    snprintf(last_notice, sizeof(last_notice), "%s", text);
}

static inline int store_setup(void **state)
{
    int r = directory_setup(state);
    store_options = (struct store_options){
        .directory = test_directory, .memory_limit = 256u << 20, .journal_file = 1 << 20, .notice = keep_notice};
    last_notice[0] = '\0';
    return r;
}

static inline struct store *store_start(void)
{
    struct store *store;
    assert_ok(store_open(&store_options, &store, &err), err);
    return store;
}

static inline struct store *store_again(struct store *store)
{
    store_close(&store);
    return store_start();
}

/* Whatever comes is sealed; or, as it is in the beginning, nothing is. */
static inline void seal_at_once(uint64_t rows)
{
    store_options.seal_rows = rows;
    store_options.seal_age_ns = 1;
}

static inline void seal_nothing(void)
{
    store_options.seal_rows = 0;
    store_options.seal_age_ns = 0;
}

/* Waits until all of it is in segments. */
static inline void store_settle(struct store *store)
{
    int64_t until = clock_monotonic_ns() + STORE_PATIENCE_NS;
    struct store_health health;
    do {
        store_health(store, &health);
        if (health.hot_batches == 0)
            return;
        usleep(2000);
    } while (clock_monotonic_ns() < until);
    fail_msg("%llu batches are not sealed: %s", (unsigned long long)health.hot_batches, health.trouble);
}

/* Waits until there were so many sealings. */
static inline void store_await_sealings(struct store *store, uint64_t count)
{
    int64_t until = clock_monotonic_ns() + STORE_PATIENCE_NS;
    struct store_health health;
    do {
        store_health(store, &health);
        if (health.sealings >= count)
            return;
        usleep(2000);
    } while (clock_monotonic_ns() < until);
    fail_msg("%llu sealings: %s", (unsigned long long)health.sealings, health.trouble);
}

/* The same store, opened again, with all of it in segments; what comes then stays hot. */
static inline struct store *store_sealed(struct store *store)
{
    seal_at_once(100000);
    store = store_again(store);
    store_settle(store);
    seal_nothing();
    return store_again(store);
}

/* ---- writing */

/* Takes the batch. */
static inline enum result commit_batch(struct store *store, struct batch *batch)
{
    enum result r = store_commit(store, &batch, 1, &err);
    batch_destroy(&batch);
    return r;
}

/* One batch of `rows` flows; the result is the caller's to judge. */
static inline enum result commit_one(struct store *store, int64_t at_ns, const char *sensor, uint64_t sequence,
                                     uint32_t rows)
{
    struct batch *batch = test_batch(sensor, sequence, at_ns);
    if (rows > 0)
        add_flows(batch, rows, at_ns);
    return commit_batch(store, batch);
}

static inline enum store_name name_of(struct store *store, const char *sensor, uint64_t epoch, uint64_t sequence)
{
    struct observer observer = test_observer(sensor, epoch);
    uint64_t digest;
    return store_name(store, &observer, sequence, &digest);
}

/* ---- reading */

static inline struct records *collect(struct store *store, const struct store_query *query)
{
    struct store_reader *reader;
    struct records *records;
    assert_ok(store_reader_open(store, &reader, &err), err);
    assert_ok(store_collect(reader, query, &records, &err), err);
    store_reader_close(&reader);
    return records;
}

static inline uint64_t count_rows(struct store *store, const struct store_query *query)
{
    struct store_reader *reader;
    struct records *records;
    uint64_t rows = 0;
    assert_ok(store_reader_open(store, &reader, &err), err);
    assert_ok(store_find(reader, query, &err), err);
    enum result r;
    while ((r = store_next(reader, &records, NULL, &err)) == RESULT_OK) {
        rows += records->rows;
        records_free(&records);
    }
    if (r != RESULT_END)
        fail_msg("%s", err.text);
    store_reader_close(&reader);
    return rows;
}

#define ALL ((struct store_query){0})

/* By position, what stands at one position; NULL: nothing of the kind. */
static inline struct records *stored_at(struct store *store, enum record_kind_number kind, uint64_t position)
{
    struct store_reader *reader;
    struct records *found = NULL, *more;
    uint64_t at = 0;
    assert_ok(store_reader_open(store, &reader, &err), err);
    const struct store_query query = {.kind = kind, .after = position - 1, .through = position, .by_position = true};
    assert_ok(store_find(reader, &query, &err), err);
    enum result r = store_next(reader, &found, &at, &err);
    if (r == RESULT_OK) {
        assert_int_equal(at, position);
        r = store_next(reader, &more, &at, &err);
    }
    if (r != RESULT_END)
        fail_msg("%s at %llu: %s", record_kinds[kind]->name, (unsigned long long)position, err.text);
    store_reader_close(&reader);
    return found;
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, store_setup, directory_teardown)

#endif
