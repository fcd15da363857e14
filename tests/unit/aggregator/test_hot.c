/* SPDX-License-Identifier: Apache-2.0 */
/* What is hot: looked at as of one moment, forgotten and read from the journal again, dropped when it is sealed; and as
 * a table of the engine. */
#include "tests/unit/aggregator/random_records.h"

#include <pthread.h>

#include "aggregator/store/hot.h"
#include "tests/unit/aggregator/damage.h"

static struct error err;
static duckdb_database database;
static struct journal *journal;
static struct hot *hot;
static uint64_t damaged; /* positions told, as bits */

static void take_damaged(void *context, const struct journal_entry *entry, const char *why)
{
    assert_ptr_equal(context, &damaged);
    assert_true(why[0] != '\0');
    damaged |= 1ull << entry->position;
}

static void open_hot(size_t memory)
{
    const struct journal_options options = {.directory = test_directory, .file_bytes = 1 << 20};
    assert_ok(journal_open(&options, &journal, &err), err);
    hot = hot_new(journal, memory, take_damaged, &damaged);
    assert_non_null(hot);
    damaged = 0;
}

static void close_hot(void)
{
    hot_free(&hot);
    assert_null(hot);
    hot_free(&hot);
    journal_close(&journal);
}

/* As a commit does it; takes nothing. */
static void put(struct batch *batch, int64_t now_ns)
{
    struct hot_batch *made = hot_batch_new(batch);
    assert_non_null(made);
    assert_true(hot_reserve(hot, 1));
    assert_ok(batch_pack(batch, &err), err);
    struct journal_entry entry = {.position = journal_last(journal) + 1,
                                  .speaker = batch->observer,
                                  .sequence = batch->sequence,
                                  .received_ns = batch->received_ns,
                                  .first_ns = INT64_MAX,
                                  .last_ns = INT64_MIN,
                                  .plain_size = batch->plain_size,
                                  .packed = batch->packed.data,
                                  .length = batch->packed.length};
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++)
        entry.rows[kind] = batch_rows(batch, kind);
    if (batch_rows(batch, RECORD_FLOW) > 0)
        records_extent(batch->records[RECORD_FLOW], &entry.first_ns, &entry.last_ns);
    assert_ok(journal_append(journal, &entry, 1, &err), err);
    bytes_free(&batch->packed);
    hot_put(hot, &made, &entry, now_ns);
    assert_null(made);
}

static struct batch *flows_at(uint64_t sequence, uint32_t rows, int64_t at_ns)
{
    struct batch *batch = test_batch("inner", sequence, at_ns);
    batch->records[RECORD_FLOW] = flow_records(test_flows(&batch->observer, sequence * 1000, rows, at_ns));
    return batch;
}

static void put_flows(uint64_t sequence, uint32_t rows, int64_t at_ns)
{
    struct batch *batch = flows_at(sequence, rows, at_ns);
    put(batch, (int64_t)sequence);
    batch_destroy(&batch);
}

static void assert_looked(int kind, int64_t from_ns, int64_t to_ns, size_t count, uint64_t first)
{
    struct hot_view view;
    assert_ok(hot_look(hot, kind, from_ns, to_ns, &view, &err), err);
    assert_int_equal(view.count, count);
    if (count > 0)
        assert_int_equal(view.list[0]->entry.position, first);
    for (size_t i = 1; i < count; i++)
        assert_true(view.list[i]->entry.position > view.list[i - 1]->entry.position);
    hot_view_fini(&view);
}

static void test_put_look_drop(void **state)
{
    (void)state;
    struct hot_sums sums;
    open_hot(SIZE_MAX);
    hot_sums(hot, &sums);
    assert_int_equal(sums.batches + sums.rows + sums.bytes, 0);
    assert_int_equal(sums.oldest_ns, 0);
    assert_true(sums.first_ns > sums.last_ns);
    for (uint64_t i = 1; i <= 10; i++)
        put_flows(i, 10, TEST_NOW + (int64_t)i * 100 * NS_PER_S);
    hot_sums(hot, &sums);
    assert_int_equal(sums.batches, 10);
    assert_int_equal(sums.rows, 100);
    assert_int_equal(sums.oldest_ns, 1);
    assert_int_equal(sums.first_ns, TEST_NOW + 100 * NS_PER_S);
    assert_true(sums.last_ns > TEST_NOW + 1000 * NS_PER_S);
    assert_looked(-1, 0, 0, 10, 1);
    assert_looked(RECORD_FLOW, 0, 0, 10, 1);
    assert_looked(RECORD_LOSS, 0, 0, 0, 0);
    assert_looked(RECORD_FLOW, TEST_NOW + 500 * NS_PER_S, 0, 6, 5);
    assert_looked(RECORD_FLOW, TEST_NOW + 502 * NS_PER_S, 0, 5, 6);
    assert_looked(RECORD_FLOW, 0, TEST_NOW + 500 * NS_PER_S, 4, 1);
    assert_looked(RECORD_FLOW, 0, TEST_NOW + 500 * NS_PER_S + 1, 5, 1);
    hot_drop(hot, 4);
    hot_drop(hot, 4);
    assert_looked(-1, 0, 0, 6, 5);
    hot_sums(hot, &sums);
    assert_int_equal(sums.rows, 60);
    assert_int_equal(sums.oldest_ns, 5);
    hot_drop(hot, 100);
    hot_sums(hot, &sums);
    assert_int_equal(sums.batches + sums.rows + sums.bytes, 0);
    close_hot();
}

/* A view stays what it was. */
static void test_a_view_is_of_one_moment(void **state)
{
    (void)state;
    struct hot_view view;
    open_hot(SIZE_MAX);
    for (uint64_t i = 1; i <= 10; i++)
        put_flows(i, 10, TEST_NOW);
    assert_ok(hot_look(hot, RECORD_FLOW, 0, 0, &view, &err), err);
    put_flows(11, 10, TEST_NOW);
    hot_drop(hot, 9);
    assert_int_equal(view.count, 10);
    for (size_t i = 0; i < view.count; i++) {
        struct batch *batch;
        assert_ok(hot_batch_open(hot, view.list[i], &batch, &err), err);
        assert_int_equal(batch->sequence, i + 1);
        assert_int_equal(batch_rows(batch, RECORD_FLOW), 10);
        batch_destroy(&batch);
    }
    hot_view_cut(&view, 7);
    assert_int_equal(view.count, 3);
    assert_int_equal(view.list[0]->entry.position, 8);
    hot_view_cut(&view, 100);
    assert_int_equal(view.count, 0);
    hot_view_fini(&view);
    close_hot();
}

static void test_the_oldest(void **state)
{
    (void)state;
    static const uint64_t asked[][2] = {{1, 1}, {10, 1}, {11, 2}, {35, 4}, {1000, 10}};
    struct hot_view view;
    open_hot(SIZE_MAX);
    for (uint64_t i = 1; i <= 10; i++)
        put_flows(i, 10, TEST_NOW);
    for (size_t i = 0; i < sizeof(asked) / sizeof(*asked); i++) {
        assert_ok(hot_oldest(hot, asked[i][0], &view, &err), err);
        assert_int_equal(view.count, asked[i][1]);
        assert_int_equal(view.list[0]->entry.position, 1);
        hot_view_fini(&view);
    }
    close_hot();
}

/* Large batches: as many as half the memory for decoded ones takes, but one at least. */
static void test_the_oldest_fit_in_memory(void **state)
{
    (void)state;
    struct hot_view view;
    struct hot_sums sums;
    open_hot(SIZE_MAX);
    put_flows(1, 1000, TEST_NOW);
    hot_sums(hot, &sums);
    size_t weight = sums.bytes;
    close_hot();
    for (unsigned fit = 0; fit < 4; fit++) {
        open_hot(2 * fit * weight + weight);
        for (uint64_t i = 1; i <= 10; i++)
            put_flows(i, 1000, TEST_NOW);
        assert_ok(hot_oldest(hot, UINT64_MAX, &view, &err), err);
        assert_int_equal(view.count, fit == 0 ? 1 : fit);
        hot_view_fini(&view);
        close_hot();
    }
}

/* The oldest go first beyond the limit, and come out of the journal as they were, with what a newer contract said. */
static void test_the_forgotten_are_read_again(void **state)
{
    (void)state;
    enum { COUNT = 20 };
    struct batch *batches[COUNT];
    struct hot_view view;
    struct hot_sums sums;
    size_t memory = 0;
    for (unsigned i = 0; i < COUNT; i++) {
        batches[i] = random_batch(i + 1, 30, 4);
        add_unknown_fields(batches[i]->records[i % RECORD_KIND_COUNT]);
        memory += i >= COUNT - 5 ? batch_weight(batches[i]) * 3 / 2 : 0;
    }
    open_hot(memory);
    for (unsigned i = 0; i < COUNT; i++)
        put(batches[i], 1);
    hot_sums(hot, &sums);
    assert_in_range(sums.bytes, 1, memory);
    assert_ok(hot_look(hot, -1, 0, 0, &view, &err), err);
    unsigned decoded = 0;
    for (unsigned i = 0; i < COUNT; i++) {
        struct batch *batch;
        assert_true(view.list[i]->batch != NULL || decoded == 0); /* none behind one that is there */
        decoded += view.list[i]->batch != NULL;
        assert_ok(hot_batch_open(hot, view.list[i], &batch, &err), err);
        for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++) {
            assert_same_records(batches[i]->records[kind], batch->records[kind]);
            assert_same_unknown(&batches[i]->records[kind]->unknown, &batch->records[kind]->unknown);
        }
        batch_destroy(&batch);
    }
    assert_in_range(decoded, 3, COUNT - 3);
    hot_view_fini(&view);
    hot_drop(hot, COUNT - 1);
    hot_sums(hot, &sums);
    assert_int_equal(sums.batches, 1);
    assert_true(sums.bytes > 0);
    for (unsigned i = 0; i < COUNT; i++)
        batch_destroy(&batches[i]);
    close_hot();
}

static void test_what_is_damaged_is_told(void **state)
{
    (void)state;
    struct journal_place place;
    struct hot_view view;
    struct batch *batch;
    open_hot(0);
    for (uint64_t i = 1; i <= 3; i++)
        put_flows(i, 10, TEST_NOW);
    size_t length = place_of(journal, 2, &place);
    damage_place(test_directory, &place, length);
    assert_ok(hot_look(hot, -1, 0, 0, &view, &err), err);
    for (size_t i = 0; i < 3; i++) {
        enum result r = hot_batch_open(hot, view.list[i], &batch, &err);
        assert_int_equal(r, i == 1 ? RESULT_REJECT : RESULT_OK);
        if (r == RESULT_OK)
            batch_destroy(&batch);
    }
    assert_int_equal(damaged, 1 << 2);
    hot_view_fini(&view);
    close_hot();
}

/* What is not in memory, and was dropped from the journal under a view, is no end. */
static void test_what_is_let_go_under_a_view_is_an_error(void **state)
{
    (void)state;
    struct hot_view view;
    struct batch *batch;
    uint64_t files;
    open_hot(0);
    for (uint64_t i = 1; i <= 40; i++) {
        struct batch *random = random_batch(i, 300, 4);
        put(random, 1);
        batch_destroy(&random);
    }
    assert_ok(hot_look(hot, -1, 0, 0, &view, &err), err);
    hot_drop(hot, 40);
    assert_ok(journal_drop(journal, 40, 1, INT64_MIN, &files, &err), err);
    assert_true(files > 0);
    assert_int_equal(hot_batch_open(hot, view.list[0], &batch, &err), RESULT_AGAIN);
    assert_non_null(strstr(err.text, "ask again"));
    assert_ok(hot_batch_open(hot, view.list[39], &batch, &err), err);
    batch_destroy(&batch);
    assert_int_equal(damaged, 0);
    hot_view_fini(&view);
    close_hot();
}

/* A batch that could not be read when the process began has a name, and no more. */
static void test_a_batch_without_contents(void **state)
{
    (void)state;
    struct hot_batch *none = hot_batch_new(NULL);
    struct journal_entry entry = {.position = 1, .speaker = test_observer("inner", 7), .sequence = 9};
    struct hot_sums sums;
    entry.rows[RECORD_FLOW] = 5;
    open_hot(SIZE_MAX);
    assert_true(hot_reserve(hot, 1));
    hot_put(hot, &none, &entry, 1);
    hot_sums(hot, &sums);
    assert_int_equal(sums.batches, 1);
    assert_int_equal(sums.bytes, 0);
    assert_looked(RECORD_FLOW, 0, 0, 1, 1);
    assert_looked(RECORD_LOSS, 0, 0, 0, 0);
    hot_drop(hot, 1);
    close_hot();
}

/* ---- as a table */

static uint64_t sum_of(struct hot_table *table, const char *expression)
{
    duckdb_connection connection;
    struct sql sql = {0};
    struct db_rows rows;
    assert_ok(engine_connect(database, &connection, &err), err);
    sql_add(&sql, "SELECT (%s)::UBIGINT FROM ", expression);
    engine_from(&sql, &table->source);
    assert_ok(db_rows_open(connection, &sql, &rows, &err), err);
    assert_ok(db_rows_next(&rows, &err), err);
    uint64_t sum = db_u64(&rows, 0, 0);
    db_rows_close(&rows);
    sql_fini(&sql);
    duckdb_disconnect(&connection);
    return sum;
}

/* All rows of the kind, of decoded ones and others, by observers that are numbered over all batches. */
static void test_a_table(void **state)
{
    (void)state;
    enum { COUNT = 30, ROWS = 300 };
    struct hot_view view;
    struct hot_table table;
    open_hot(200000);
    uint64_t flows = 0;
    for (uint64_t i = 1; i <= COUNT; i++) {
        struct batch *batch = test_batch(i % 2 == 0 ? "inner" : "outer", i, TEST_NOW);
        batch->records[RECORD_FLOW] = flow_records(test_flows(&batch->observer, i * 1000, ROWS, TEST_NOW));
        for (uint64_t row = 0; row < ROWS; row++)
            flows += i * 1000 + row;
        put(batch, 1);
        batch_destroy(&batch);
    }
    assert_ok(hot_look(hot, RECORD_FLOW, 0, 0, &view, &err), err);
    assert_ok(hot_table_init(&table, hot, &view, RECORD_FLOW, &err), err);
    assert_int_equal(table.source.rows, COUNT * ROWS);
    assert_int_equal(table.observers.count, 2);
    for (int again = 0; again < 2; again++) { /* a source may be scanned more than once */
        assert_int_equal(sum_of(&table, "count(*)"), COUNT * ROWS);
        assert_int_equal(sum_of(&table, "sum(flow)"), flows);
        assert_int_equal(sum_of(&table, "count(*) FILTER (WHERE observer = 1)"), COUNT / 2 * ROWS);
        assert_int_equal(sum_of(&table, "count(DISTINCT flow)"), COUNT * ROWS);
    }
    hot_table_fini(&table);
    hot_view_fini(&view);
    close_hot();
}

/* ---- threads */

static atomic_bool over;

/* Positions ascend without a gap between the first and the last seen, and every batch is its own. */
static void *look_again_and_again(void *argument)
{
    bool *failed = argument;
    struct error why;
    while (!atomic_load(&over) && !*failed) {
        struct hot_view view;
        if (hot_look(hot, -1, 0, 0, &view, &why) != RESULT_OK)
            *failed = true;
        for (size_t i = 0; i < view.count && !*failed; i++) {
            struct batch *batch;
            *failed = view.list[i]->entry.position != view.list[0]->entry.position + i ||
                      hot_batch_open(hot, view.list[i], &batch, &why) != RESULT_OK;
            if (*failed)
                break;
            *failed = batch->sequence != view.list[i]->entry.position || batch_rows(batch, RECORD_FLOW) != 20 ||
                      flow_batch_of(batch->records[RECORD_FLOW])->flow[19] != batch->sequence * 1000 + 19;
            batch_destroy(&batch);
        }
        hot_view_fini(&view);
    }
    return NULL;
}

static void test_many_look_while_it_comes_and_goes(void **state)
{
    (void)state;
    enum { LOOKERS = 4 };
    pthread_t threads[LOOKERS];
    bool failed[LOOKERS] = {false};
    open_hot(40000); /* some are decoded, some are not */
    atomic_store(&over, false);
    for (unsigned i = 0; i < LOOKERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, look_again_and_again, &failed[i]), 0);
    for (uint64_t i = 1; i <= 600; i++) {
        put_flows(i, 20, TEST_NOW);
        if (i % 10 == 0 && i > 50)
            hot_drop(hot, i - 50);
    }
    atomic_store(&over, true);
    for (unsigned i = 0; i < LOOKERS; i++) {
        pthread_join(threads[i], NULL);
        assert_false(failed[i]);
    }
    close_hot();
}

static int engine_setup(void **state)
{
    (void)state;
    const struct engine_options options = {.memory_limit = 256u << 20};
    return engine_open(&options, &database, &err) != RESULT_OK;
}

static int engine_teardown(void **state)
{
    (void)state;
    duckdb_close(&database);
    return 0;
}

#define HOT_TEST(name) cmocka_unit_test_setup_teardown(name, directory_setup, directory_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOT_TEST(test_put_look_drop),
        HOT_TEST(test_a_view_is_of_one_moment),
        HOT_TEST(test_the_oldest),
        HOT_TEST(test_the_oldest_fit_in_memory),
        HOT_TEST(test_the_forgotten_are_read_again),
        HOT_TEST(test_what_is_damaged_is_told),
        HOT_TEST(test_what_is_let_go_under_a_view_is_an_error),
        HOT_TEST(test_a_batch_without_contents),
        HOT_TEST(test_a_table),
        HOT_TEST(test_many_look_while_it_comes_and_goes),
    };
    return cmocka_run_group_tests(tests, engine_setup, engine_teardown);
}
