/* SPDX-License-Identifier: Apache-2.0 */
/* Committed once, and known for good: names, lives, sums and counts are the same after any restart and sealing, of a
 * sensor with more lives than stay in memory too. */
#include "tests/unit/aggregator/store_support.h"

#include "aggregator/store/internal.h"
#include "tests/unit/aggregator/damage.h"

/* ---- the same after a restart */

/* All that the store tells of itself without looking anything up. */
struct known {
    struct store_life *lives;
    size_t life_count;
    char (*silent)[OBSERVER_NAME_MAX];
    size_t silent_count;
    uint64_t counts[2][VERDICT_COUNT];
    struct store_summary summary;
};

static int by_name(const void *a, const void *b)
{
    const struct store_life *x = a, *y = b;
    int order = strcmp(x->observer.sensor, y->observer.sensor);
    return order != 0 ? order : x->observer.epoch < y->observer.epoch ? -1 : 1;
}

static struct known what_is_known(struct store *store)
{
    struct known k = {0};
    struct store_reader *reader;
    assert_ok(store_lives(store, true, &k.lives, &k.life_count, &err), err);
    qsort(k.lives, k.life_count, sizeof(*k.lives), by_name);
    assert_ok(store_reader_open(store, &reader, &err), err);
    assert_ok(
        store_silent(reader, TEST_NOW + 900 * NS_PER_S, TEST_NOW + 1100 * NS_PER_S, &k.silent, &k.silent_count, &err),
        err);
    store_reader_close(&reader);
    store_boundary_counts(store, "border", k.counts[0]);
    store_boundary_counts(store, "dmz", k.counts[1]);
    store_summarise(store, &k.summary);
    return k;
}

static void known_fini(struct known *k)
{
    store_lives_free(&k->lives, k->life_count);
    free(k->silent);
}

static void assert_same_known(const struct known *a, const struct known *b)
{
    assert_int_equal(a->life_count, b->life_count);
    for (size_t i = 0; i < a->life_count; i++)
        assert_same_life(&a->lives[i], &b->lives[i]);
    assert_int_equal(a->silent_count, b->silent_count);
    assert_memory_equal(a->counts, b->counts, sizeof(a->counts));
    assert_memory_equal(&a->summary, &b->summary, sizeof(a->summary));
}

static struct batch *something(uint64_t number)
{
    static const char *const sensors[] = {"inner", "outer", "far"}, *const boundaries[] = {"border", "dmz"};
    if (number % 5 != 0)
        return telling_batch(sensors[number % 3], 1 + number / 7 % 4, number, number);
    struct batch *batch = test_conclusions(TEST_NOW);
    struct verdict verdict = test_verdict(number, number);
    batch->records[RECORD_VERDICT] = test_verdicts();
    verdict.boundary = (char *)boundaries[number % 2];
    verdict.verdict = (uint8_t)(number % VERDICT_COUNT);
    assert_int_equal(records_append(&batch->records[RECORD_VERDICT], &verdict), RESULT_OK);
    return batch;
}

/* At any moment: what was hot, what is sealed and what is both. */
static void test_a_restart_changes_nothing_that_is_known(void **state)
{
    (void)state;
    struct store *store = store_start();
    uint64_t number = 0;
    for (unsigned round = 0; round < 40; round++) {
        for (uint64_t n = draw() % 12; n > 0; n--)
            assert_ok(commit_batch(store, something(++number)), err);
        struct known before = what_is_known(store), after;
        if (round % 3 == 1)
            store = store_sealed(store);
        else if (round % 3 == 2)
            seal_at_once(1 + draw() % 40); /* and closed while it does */
        store = store_again(store);
        seal_nothing();
        after = what_is_known(store);
        assert_same_known(&before, &after);
        known_fini(&before);
        known_fini(&after);
    }
    for (uint64_t n = 1; n <= number; n++) {
        struct batch *batch = something(n);
        uint64_t digest;
        if (batch_has_name(batch))
            assert_int_equal(store_name(store, &batch->observer, n, &digest), STORE_NAME_COMMITTED);
        batch_destroy(&batch);
    }
    store_close(&store);
}

/* What the catalogue had is in the segments too. */
static void test_a_lost_catalogue_changes_nothing_that_is_known(void **state)
{
    (void)state;
    struct store *store = store_start();
    char path[128];
    for (uint64_t number = 1; number <= 100; number++) {
        assert_ok(commit_batch(store, something(number)), err);
        if (number % 20 == 0 && number < 100)
            store = store_sealed(store);
    }
    struct known before = what_is_known(store);
    store_close(&store);
    snprintf(path, sizeof(path), "%s/catalogue.sqlite", test_directory);
    assert_int_equal(unlink(path), 0);
    store = store_start();
    struct known after = what_is_known(store);
    assert_same_known(&before, &after);
    known_fini(&before);
    known_fini(&after);
    store_close(&store);
}

/* Without texts there are the numbers. */
static void test_lives_without_texts(void **state)
{
    (void)state;
    struct store *store = store_start();
    for (uint64_t epoch = 7; epoch <= 9; epoch++) {
        struct batch *batch = batch_of("inner", epoch, 1, TEST_NOW);
        add_status(batch, epoch);
        assert_ok(commit_batch(store, batch), err);
    }
    for (int texts = 0; texts < 2; texts++) {
        struct store_life *lives;
        size_t count;
        assert_ok(store_lives(store, texts != 0, &lives, &count, &err), err);
        assert_int_equal(count, 3);
        for (size_t i = 0; i < count; i++) {
            const struct status_columns *s = status_columns(lives[i].status);
            bool lists = texts != 0 && lives[i].observer.epoch == 9;
            assert_int_equal(lives[i].has_lists, lists);
            assert_int_equal(lives[i].status->items[STATUS_INTERFACES], lists);
            assert_int_equal(s->flows_made[0], lives[i].observer.epoch);
            assert_int_equal(s->software[0] != NULL, texts);
        }
        store_lives_free(&lives, count);
    }
    store_close(&store);
}

/* ---- many lives */

enum { LIVES = 3 * LIVES_KEPT, SEQUENCES = 8 };

static bool committed[LIVES + 1][SEQUENCES + 1];

static void assert_names(struct store *store)
{
    for (uint64_t epoch = 1; epoch <= LIVES; epoch++) {
        for (uint64_t sequence = 1; sequence <= SEQUENCES; sequence++) {
            enum store_name name = name_of(store, "inner", epoch, sequence);
            enum store_name wanted = committed[epoch][sequence] ? STORE_NAME_COMMITTED : STORE_NAME_NEW;
            if (name != wanted)
                fail_msg("epoch %u, sequence %u: %d, not %d", (unsigned)epoch, (unsigned)sequence, (int)name,
                         (int)wanted);
        }
    }
}

/* One of each of these lives, so far as they have not said it. */
static void commit_names(struct store *store, uint64_t first, uint64_t last, uint64_t sequence)
{
    static struct batch *set[LIVES];
    size_t count = 0;
    for (uint64_t epoch = first; epoch <= last; epoch++) {
        if (committed[epoch][sequence])
            continue;
        assert_int_equal(name_of(store, "inner", epoch, sequence), STORE_NAME_NEW);
        set[count++] = batch_of("inner", epoch, sequence, TEST_NOW);
        committed[epoch][sequence] = true;
    }
    assert_ok(store_commit(store, set, count, &err), err);
    for (size_t i = 0; i < count; i++)
        batch_destroy(&set[i]);
}

static size_t count_lives(struct store *store)
{
    struct store_life *lives;
    size_t count;
    assert_ok(store_lives(store, false, &lives, &count, &err), err);
    store_lives_free(&lives, count);
    return count;
}

/* A life that was forgotten comes back with all that it had committed: when it is asked for, when it speaks, and when
 * it spoke and the store is started again. */
static void test_lives_that_were_forgotten_come_back(void **state)
{
    (void)state;
    memset(committed, 0, sizeof(committed));
    struct store *store = store_start();
    commit_names(store, 1, LIVES, 1);
    assert_int_equal(count_lives(store), LIVES);
    store = store_sealed(store);
    assert_int_equal(count_lives(store), LIVES_KEPT);
    assert_names(store); /* brings all of them back */
    assert_int_equal(count_lives(store), LIVES);
    store = store_again(store);
    assert_int_equal(count_lives(store), LIVES_KEPT);
    commit_names(store, 5, 9, 2); /* old ones, which are hot then */
    store = store_again(store);
    assert_names(store);
    store = store_sealed(store);
    assert_names(store);
    commit_names(store, 5, 9, 3);
    store = store_sealed(store);
    store = store_again(store);
    assert_names(store);
    store_close(&store);
}

/* The same by chance, with sealings and forgetting under way all the time. */
static void test_committed_once_whatever_is_forgotten(void **state)
{
    (void)state;
    memset(committed, 0, sizeof(committed));
    struct store *store = store_start();
    for (unsigned round = 0; round < 60; round++) {
        uint64_t first = 1 + draw() % LIVES, last = first + draw() % (round % 10 == 0 ? LIVES : 5);
        commit_names(store, first, last > LIVES ? LIVES : last, 1 + draw() % SEQUENCES);
        if (round % 7 == 3) {
            draw() % 2 == 0 ? seal_at_once(1 + draw() % 100) : seal_nothing();
            store = store_again(store);
        }
        if (round % 20 == 13)
            assert_names(store);
    }
    assert_names(store);
    store = store_again(store);
    assert_names(store);
    store_close(&store);
}

/* Two threads, as it is: one asks for names, the other commits, while sealings forget. */
struct asker {
    struct store *store;
    atomic_uint_fast64_t epoch; /* those up to it are committed */
    atomic_bool end;
    bool failed;
};

static void *ask_names(void *argument)
{
    struct asker *a = argument;
    uint64_t seed = 1;
    while (!atomic_load(&a->end) && !a->failed) {
        uint64_t through = atomic_load(&a->epoch);
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        if (through == 0)
            continue;
        struct observer observer = test_observer("inner", 1 + (seed >> 33) % through);
        uint64_t digest;
        a->failed = store_name(a->store, &observer, 1, &digest) != STORE_NAME_COMMITTED;
    }
    return NULL;
}

static void test_names_are_known_while_lives_are_forgotten(void **state)
{
    (void)state;
    seal_at_once(100000);
    struct asker a = {.store = store_start()};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_names, &a), 0);
    for (uint64_t epoch = 1; epoch <= 4 * LIVES_KEPT; epoch += 16) {
        struct batch *set[32];
        for (uint64_t i = 0; i < 16; i++) {
            set[i] = batch_of("inner", epoch + i, 1, TEST_NOW);
            set[16 + i] = batch_of("inner", 1 + (epoch * 7 + i) % epoch, 1000 + epoch + i, TEST_NOW); /* of old ones */
        }
        assert_ok(store_commit(a.store, set, 32, &err), err);
        atomic_store(&a.epoch, epoch + 15);
        for (unsigned i = 0; i < 32; i++)
            batch_destroy(&set[i]);
    }
    atomic_store(&a.end, true);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_false(a.failed);
    store_settle(a.store);
    a.store = store_again(a.store);
    for (uint64_t epoch = 1; epoch <= 4 * LIVES_KEPT; epoch++)
        assert_int_equal(name_of(a.store, "inner", epoch, 1), STORE_NAME_COMMITTED);
    store_close(&a.store);
}

/* A wild sensor is stopped at its own gaps; in what is between them it may still go on. */
static void test_gaps_are_bounded(void **state)
{
    (void)state;
    enum { SET = 8192 };
    static struct batch *set[SET];
    struct store *store = store_start();
    for (uint64_t gaps = 0; gaps < LIVES_RANGES_MAX - STORE_SPARE; gaps += SET) {
        assert_int_equal(name_of(store, "inner", 7, 2 * gaps + 1), STORE_NAME_NEW);
        for (uint64_t i = 0; i < SET; i++)
            set[i] = test_batch("inner", 2 * (gaps + i) + 1, TEST_NOW);
        assert_ok(store_commit(store, set, SET, &err), err);
        for (uint64_t i = 0; i < SET; i++)
            batch_destroy(&set[i]);
    }
    for (int again = 0; again < 2; again++) {
        assert_int_equal(name_of(store, "inner", 7, 10000001), STORE_NAME_REFUSED);
        assert_int_equal(name_of(store, "inner", 7, 1), STORE_NAME_COMMITTED);
        assert_int_equal(name_of(store, "inner", 8, 1), STORE_NAME_NEW);
        assert_int_equal(name_of(store, "outer", 7, 1), STORE_NAME_NEW);
        store = store_sealed(store);
    }
    store_close(&store);
}

/* A batch that cannot be read any more keeps its name, also of a life that only the catalogue has; its records are lost
 * and said to be. */
static void test_a_damaged_batch_keeps_its_name(void **state)
{
    (void)state;
    memset(committed, 0, sizeof(committed));
    struct store *store = store_start();
    struct store_life *lives;
    size_t count, found = 0;
    commit_names(store, 1, LIVES, 1);
    store = store_sealed(store);
    struct batch *batch = batch_of("inner", 3, 2, TEST_NOW);
    add_flows(batch, 10, TEST_NOW);
    assert_ok(commit_batch(store, batch), err);
    committed[3][2] = true;
    store_close(&store);
    damage_position(test_directory, LIVES + 1);
    for (int again = 0; again < 3; again++) {
        store = again == 2 ? store_sealed(store) : again == 1 ? store_again(store) : store_start();
        assert_names(store);
        assert_ok(store_lives(store, false, &lives, &count, &err), err);
        for (size_t i = 0; i < count; i++) {
            found += lives[i].observer.epoch == 3;
            if (lives[i].observer.epoch == 3)
                assert_int_equal(lives[i].records_lost, 10);
        }
        store_lives_free(&lives, count);
    }
    assert_int_equal(found, 3);
    store_close(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_a_restart_changes_nothing_that_is_known),
        STORE_TEST(test_a_lost_catalogue_changes_nothing_that_is_known),
        STORE_TEST(test_lives_without_texts),
        STORE_TEST(test_lives_that_were_forgotten_come_back),
        STORE_TEST(test_committed_once_whatever_is_forgotten),
        STORE_TEST(test_names_are_known_while_lives_are_forgotten),
        STORE_TEST(test_gaps_are_bounded),
        STORE_TEST(test_a_damaged_batch_keeps_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
