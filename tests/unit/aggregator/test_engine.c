/* SPDX-License-Identifier: Apache-2.0 */
/* Records in memory as a table of the engine, and its answers as records: every kind with its lists and texts, rows
 * gathered from many places, only the columns that are wanted, several threads, and errors. */
#include "tests/unit/aggregator/random_records.h"

#include <dirent.h>
#include <stdatomic.h>
#include <sys/resource.h>

#include "aggregator/engine/engine.h"

static struct error err;
static duckdb_database database;
static duckdb_connection connection;

static int engine_setup(void **state)
{
    (void)state;
    const struct engine_options options = {.memory_limit = 256u << 20, .threads = 4};
    return engine_open(&options, &database, &err) != RESULT_OK ||
           engine_connect(database, &connection, &err) != RESULT_OK;
}

static int engine_teardown(void **state)
{
    (void)state;
    duckdb_disconnect(&connection);
    duckdb_close(&database);
    return 0;
}

/* ---- a source of some records, one behind the other */

struct some {
    struct engine_source source;
    struct records *const *list;
    size_t count;
    uint32_t rows_each; /* of a chunk at most */
    bool gathered;      /* in backward order, as references */
    uint32_t fails_at;  /* this chunk is an error; 0: none */
};

struct place {
    atomic_uint *next; /* chunk, of the scan */
    struct engine_ref refs[ENGINE_CHUNK_ROWS];
};

static void *some_scan(struct engine_source *source)
{
    (void)source;
    return calloc(1, sizeof(atomic_uint));
}

static void *some_thread(struct engine_source *source, void *scan)
{
    (void)source;
    struct place *place = calloc(1, sizeof(*place));
    if (place != NULL)
        place->next = scan;
    return place;
}

/* Observers have the same number everywhere here. */
static const uint32_t numbers[] = {10, 11, 12};

/* Row n of all, counting over the list; false: there are no more. */
static bool locate(const struct some *some, uint32_t n, struct engine_ref *ret_ref)
{
    for (size_t i = 0; i < some->count; i++) {
        if (n < some->list[i]->rows) {
            *ret_ref = (struct engine_ref){some->list[i], numbers, n};
            return true;
        }
        n -= some->list[i]->rows;
    }
    return false;
}

static enum result some_next(struct engine_source *source, void *thread, struct engine_rows *ret_rows,
                             struct error *why)
{
    struct some *some = (struct some *)source;
    struct place *place = thread;
    uint32_t chunk = atomic_fetch_add(place->next, 1), rows = 0;
    struct engine_ref first;
    if (some->fails_at != 0 && chunk + 1 >= some->fails_at)
        return error_set(why, RESULT_AGAIN, "on purpose, at chunk %u", some->fails_at);
    if (!locate(some, chunk * some->rows_each, &first))
        return RESULT_END;
    while (rows < some->rows_each && locate(some, chunk * some->rows_each + rows, &place->refs[rows]))
        rows++;
    if (!some->gathered) { /* each of the list has a whole number of chunks */
        *ret_rows =
            (struct engine_rows){.count = rows, .records = first.records, .numbers = first.numbers, .from = first.row};
        return RESULT_OK;
    }
    for (uint32_t i = 0; i < rows / 2; i++) {
        struct engine_ref other = place->refs[i];
        place->refs[i] = place->refs[rows - 1 - i];
        place->refs[rows - 1 - i] = other;
    }
    *ret_rows = (struct engine_rows){.count = rows, .refs = place->refs};
    return RESULT_OK;
}

static struct some source_of(struct records *const *list, size_t count, uint32_t rows_each, unsigned threads)
{
    struct some some = {.source = {.kind = list[0]->kind,
                                   .threads = threads,
                                   .next = some_next,
                                   .scan_new = some_scan,
                                   .scan_free = free,
                                   .thread_new = some_thread,
                                   .thread_free = free},
                        .list = list,
                        .count = count,
                        .rows_each = rows_each};
    for (size_t i = 0; i < count; i++)
        some.source.rows += list[i]->rows;
    return some;
}

/* ---- and back */

static struct observer observers_there[13];

static void open_statement(struct some *some, const char *before, const char *behind, struct db_rows *rows)
{
    struct sql sql = {0};
    sql_add(&sql, "%s", before);
    engine_from(&sql, &some->source);
    sql_add(&sql, "%s", behind);
    assert_ok(db_rows_open(connection, &sql, rows, &err), err);
    sql_fini(&sql);
}

/* Row n of all that comes is row n of the source, or as `order` says. */
static void assert_comes_back(struct some *some, uint32_t (*order)(const struct some *some, uint32_t n))
{
    const struct sql_observers observers = {observers_there, 13};
    struct sql columns = {0};
    struct db_rows rows;
    uint32_t at = 0;
    enum result r;
    sql_add(&columns, "SELECT ");
    schema_select(&columns, some->source.kind, NULL, NULL);
    sql_add(&columns, " FROM ");
    open_statement(some, columns.text, "", &rows);
    sql_fini(&columns);
    while ((r = db_rows_next(&rows, &err)) == RESULT_OK) {
        struct records *records;
        struct engine_ref ref;
        assert_ok(chunk_read(&rows, some->source.kind, NULL, &observers, 0, (uint32_t)rows.count, &records, &err), err);
        for (uint32_t i = 0; i < records->rows; i++) {
            assert_true(locate(some, order(some, at + i), &ref));
            assert_same_row(ref.records, ref.row, records, i);
        }
        at += records->rows;
        records_free(&records);
    }
    assert_int_equal(r, RESULT_END);
    assert_int_equal(at, some->source.rows);
    db_rows_close(&rows);
}

static uint32_t as_it_is(const struct some *some, uint32_t n)
{
    (void)some;
    return n;
}

/* Backward within each chunk. */
static uint32_t backward(const struct some *some, uint32_t n)
{
    uint32_t chunk = n / some->rows_each * some->rows_each, rows = some->rows_each;
    if (chunk + rows > some->source.rows)
        rows = (uint32_t)some->source.rows - chunk;
    return chunk + rows - 1 - (n - chunk);
}

static void test_every_kind_comes_back(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++) {
        struct records *list[3];
        for (unsigned i = 0; i < 3; i++) {
            list[i] = random_records(record_kinds[kind], 600, 5);
            assert_true(records_freeze(list[i]));
        }
        for (unsigned i = 0; i < 3; i++)
            observers_there[numbers[i]] = list[0]->observers[i];
        struct some some = source_of(list, 3, 200, 1);
        assert_comes_back(&some, as_it_is);
        some.rows_each = 170; /* chunks of rows that lie in two of them */
        some.gathered = true;
        assert_comes_back(&some, backward);
        some.rows_each = ENGINE_CHUNK_ROWS;
        assert_comes_back(&some, backward);
        for (unsigned i = 0; i < 3; i++)
            records_free(&list[i]);
    }
}

/* One number of an answer. */
static uint64_t answer(struct some *some, const char *expression, const char *behind)
{
    char before[256];
    struct db_rows rows;
    snprintf(before, sizeof(before), "SELECT (%s)::UBIGINT FROM ", expression);
    open_statement(some, before, behind, &rows);
    assert_ok(db_rows_next(&rows, &err), err);
    uint64_t number = db_u64(&rows, 0, 0);
    assert_int_equal(db_rows_next(&rows, &err), RESULT_END);
    db_rows_close(&rows);
    return number;
}

/* A statement that wants few columns, or none, or the same source twice. */
static void test_only_what_is_wanted(void **state)
{
    (void)state;
    struct observer observer = test_observer("inner", 7);
    struct records *list[4];
    for (unsigned i = 0; i < 4; i++)
        list[i] = flow_records(test_flows(&observer, i * 1000, 1000, TEST_NOW));
    struct some some = source_of(list, 4, 250, 1);
    uint64_t ports = 0;
    for (unsigned i = 0; i < 4; i++) {
        for (uint32_t row = 0; row < 1000; row++)
            ports += flow_batch_of(list[i])->src_port[row];
    }
    assert_int_equal(answer(&some, "count(*)", ""), 4000);
    assert_int_equal(answer(&some, "sum(src_port)", ""), ports);
    assert_int_equal(answer(&some, "count(*)", " WHERE flow >= 3500 AND dst_port = 80"), 500);
    assert_int_equal(answer(&some, "min(observer)", ""), 10);
    char twice[256];
    struct sql from = {0};
    engine_from(&from, &some.source);
    snprintf(twice, sizeof(twice), " AS a JOIN %s AS b USING (flow)", from.text);
    assert_int_equal(answer(&some, "count(*)", twice), 4000);
    sql_fini(&from);
    for (unsigned i = 0; i < 4; i++)
        records_free(&list[i]);
}

/* Each row once, whoever takes it. */
static void test_several_threads(void **state)
{
    (void)state;
    enum { COUNT = 40, ROWS = 5000 };
    struct observer observer = test_observer("inner", 7);
    struct records *list[COUNT];
    for (unsigned i = 0; i < COUNT; i++) {
        list[i] = flow_records(test_flows(&observer, i * ROWS, ROWS, TEST_NOW));
        assert_true(records_freeze(list[i]));
    }
    uint64_t all = (uint64_t)COUNT * ROWS;
    struct some some = source_of(list, COUNT, 1000, 4);
    for (int again = 0; again < 3; again++) {
        assert_int_equal(answer(&some, "count(DISTINCT flow)", ""), all);
        assert_int_equal(answer(&some, "sum(flow)", ""), all * (all - 1) / 2);
    }
    for (unsigned i = 0; i < COUNT; i++)
        records_free(&list[i]);
}

/* With its sentence; nothing of what came before it is taken for the whole, and the connection goes on. */
static void test_an_error_ends_the_statement(void **state)
{
    (void)state;
    struct observer observer = test_observer("inner", 7);
    struct records *list[] = {flow_records(test_flows(&observer, 0, 20000, TEST_NOW))};
    for (unsigned threads = 1; threads <= 4; threads += 3) {
        for (uint32_t at = 1; at <= 9; at += 4) {
            struct some some = source_of(list, 1, 2000, threads);
            struct sql sql = {0};
            struct db_rows rows = {0};
            some.fails_at = at;
            sql_add(&sql, "SELECT flow FROM ");
            engine_from(&sql, &some.source);
            enum result r = db_rows_open(connection, &sql, &rows, &err);
            while (r == RESULT_OK)
                r = db_rows_next(&rows, &err);
            assert_int_equal(r, RESULT_AGAIN);
            assert_non_null(strstr(err.text, "on purpose, at chunk"));
            db_rows_close(&rows);
            sql_fini(&sql);
            some.fails_at = 0;
            assert_int_equal(answer(&some, "count(*)", ""), 20000);
        }
    }
    records_free(&list[0]);
}

/* By items: as many rows as fit, and one at least. */
static void test_what_fits_a_chunk(void **state)
{
    (void)state;
    struct records *flows = random_records(record_kinds[RECORD_FLOW], 100, 0);
    struct records *status = random_records(record_kinds[RECORD_STATUS], 300, 1024);
    struct engine_rows rows = {.count = 100, .records = flows, .numbers = numbers};
    assert_int_equal(chunk_fits(&rows, flows->kind), 100);
    for (uint32_t from = 0; from < 300;) {
        rows = (struct engine_rows){.count = 300 - from, .records = status, .numbers = numbers, .from = from};
        uint32_t fit = chunk_fits(&rows, status->kind), items = 0, first;
        assert_in_range(fit, 1, 300 - from);
        for (uint32_t row = from; row < from + fit; row++) {
            for (unsigned l = 0; l < status->kind->list_count; l++)
                items += records_items(status, l, row, &first);
        }
        assert_true(items <= ENGINE_CHUNK_ITEMS);
        if (from + fit < 300) {
            for (unsigned l = 0; l < status->kind->list_count; l++)
                items += records_items(status, l, from + fit, &first);
            assert_true(items > ENGINE_CHUNK_ITEMS);
        }
        from += fit;
    }
    records_free(&flows);
    records_free(&status);
}

/* What the store calls nobody is no observer. */
static void test_an_unknown_observer_is_refused(void **state)
{
    (void)state;
    struct records *list[] = {random_records(record_kinds[RECORD_LOSS], 10, 0)}, *records;
    struct some some = source_of(list, 1, 10, 1);
    const struct sql_observers few = {observers_there, 10};
    struct db_rows rows;
    struct sql columns = {0};
    sql_add(&columns, "SELECT ");
    schema_select(&columns, some.source.kind, NULL, NULL);
    sql_add(&columns, " FROM ");
    open_statement(&some, columns.text, "", &rows);
    assert_ok(db_rows_next(&rows, &err), err);
    assert_int_equal(chunk_read(&rows, some.source.kind, NULL, &few, 0, (uint32_t)rows.count, &records, &err),
                     RESULT_REJECT);
    db_rows_close(&rows);
    sql_fini(&columns);
    records_free(&list[0]);
}

/* Beside four hostile readers sealing fell behind without end: DuckDB's threads were not nice, and it was. */
static void test_its_threads_are_nice(void **state)
{
    (void)state;
    unsigned nice = 0;
    DIR *tasks = opendir("/proc/self/task");
    assert_non_null(tasks);
    for (const struct dirent *entry; (entry = readdir(tasks)) != NULL;) {
        pid_t task = atoi(entry->d_name);
        nice += task > 0 && getpriority(PRIO_PROCESS, (id_t)task) == ENGINE_NICE;
    }
    closedir(tasks);
    assert_int_equal(nice, 3); /* of four: one is ours */
    assert_int_equal(getpriority(PRIO_PROCESS, 0), 0);
}

/* A source that does not end before somebody asks it too late. */
static struct records *many;
static atomic_bool gone;
static atomic_uint asked_late;

static enum result next_of_many(struct engine_source *source, void *thread, struct engine_rows *ret_rows,
                                struct error *error)
{
    (void)source;
    (void)thread;
    (void)error;
    usleep(1000);
    if (gone) {
        asked_late++;
        return RESULT_END;
    }
    *ret_rows = (struct engine_rows){.count = many->rows, .records = many, .numbers = numbers};
    return RESULT_OK;
}

/* A find that stopped at its limit freed what DuckDB's threads were still reading: a result that is let go did not end
 * its statement. And it must not wait for the end of what is scanned. */
static void test_broken_off_nobody_reads_any_more(void **state)
{
    (void)state;
    struct engine_source source = {
        .kind = record_kinds[RECORD_LOSS], .rows = 1u << 30, .threads = 4, .next = next_of_many};
    struct sql sql = {0};
    struct db_rows rows = {0};
    assert_non_null(many = random_records(source.kind, 100, 0));
    sql_add(&sql, "SELECT \"count\" FROM ");
    engine_from(&sql, &source);
    sql_add(&sql, " WHERE random() < 0.1"); /* or they would rest until what they found is fetched */
    assert_ok(db_rows_open(connection, &sql, &rows, &err), err);
    assert_ok(db_rows_next(&rows, &err), err);
    db_rows_close(&rows);
    gone = true;
    usleep(50000);
    assert_int_equal(asked_late, 0);
    records_free(&many);
    sql_fini(&sql);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_broken_off_nobody_reads_any_more),
                                       cmocka_unit_test(test_every_kind_comes_back),
                                       cmocka_unit_test(test_only_what_is_wanted),
                                       cmocka_unit_test(test_several_threads),
                                       cmocka_unit_test(test_an_error_ends_the_statement),
                                       cmocka_unit_test(test_what_fits_a_chunk),
                                       cmocka_unit_test(test_an_unknown_observer_is_refused),
                                       cmocka_unit_test(test_its_threads_are_nice)};
    return cmocka_run_group_tests(tests, engine_setup, engine_teardown);
}
