/* SPDX-License-Identifier: Apache-2.0 */
/* Every kind of record comes out of the store as it went in: random rows and lists, what an observer cannot know, what
 * a newer contract added. */
#include "tests/unit/aggregator/random_records.h"

#include "aggregator/store/store.h"
#include "common/records/loss.h"

static struct error err;

static void no_notice(void *context, const char *text)
{
    (void)context;
    fprintf(stderr, "notice: %s\n", text); /* it may come on a thread where a failure says nothing */
    fail_msg("%s", text);
}

static struct store *open_store(void)
{
    struct store *store;
    struct store_options options = {.directory = test_directory, .memory_limit = 256u << 20, .notice = no_notice};
    assert_ok(store_open(&options, &store, &err), err);
    return store;
}

/* By position, batch `number` (from 0) of those that have the kind is `wanted`. */
static void assert_stored(struct store *store, enum record_kind_number kind, uint64_t position,
                          const struct records *wanted)
{
    struct store_reader *reader;
    struct records *found;
    uint64_t at;
    assert_ok(store_reader_open(store, &reader, &err), err);
    const struct store_query query = {.kind = kind, .after = position - 1, .through = position, .by_position = true};
    assert_ok(store_find(reader, &query, &err), err);
    if (store_next(reader, &found, &at, &err) != RESULT_OK)
        fail_msg("%s at %llu: %s", record_kinds[kind]->name, (unsigned long long)position, err.text);
    assert_int_equal(at, position);
    assert_same_records(wanted, found);
    records_free(&found);
    assert_int_equal(store_next(reader, &found, &at, &err), RESULT_END);
    store_reader_close(&reader);
}

/* ---- tests */

/* Batches of all kinds together, some smaller and some larger than DuckDB's chunks; also after a new start, when they
 * are read from the file's compressed columns. */
static void test_every_kind_survives(void **state)
{
    (void)state;
    enum { BATCHES = 4 };
    static const uint32_t rows[BATCHES] = {1, 700, 5000, 60};
    struct batch *set[BATCHES];
    struct store *store = open_store();
    for (unsigned i = 0; i < BATCHES; i++) {
        set[i] = test_batch("inner", i + 1, TEST_NOW);
        for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++)
            set[i]->records[kind] = random_records(record_kinds[kind], rows[i], 6);
    }
    assert_ok(store_commit(store, set, BATCHES, &err), err);
    for (int reopened = 0; reopened < 2; reopened++) {
        for (unsigned i = 0; i < BATCHES; i++) {
            for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++)
                assert_stored(store, kind, i + 1, set[i]->records[kind]);
        }
        if (reopened == 0) {
            store_close(&store);
            store = open_store();
        }
    }
    store_close(&store);
    for (unsigned i = 0; i < BATCHES; i++)
        batch_destroy(&set[i]);
}

/* Lists as long as they may be: chunks end where their items do, not their rows. */
static void test_long_lists_survive(void **state)
{
    (void)state;
    struct store *store = open_store();
    struct batch *batch = test_batch("inner", 1, TEST_NOW);
    batch->records[RECORD_STATUS] = random_records(record_kinds[RECORD_STATUS], 300, 1024);
    batch->records[RECORD_ALERT] = random_records(record_kinds[RECORD_ALERT], 200, 1024);
    assert_ok(store_commit(store, &batch, 1, &err), err);
    assert_stored(store, RECORD_STATUS, 1, batch->records[RECORD_STATUS]);
    assert_stored(store, RECORD_ALERT, 1, batch->records[RECORD_ALERT]);
    batch_destroy(&batch);
    store_close(&store);
}

/* What the observers of a day can be told apart by is theirs, in every batch and after a new start. */
static void test_what_an_observer_cannot_know(void **state)
{
    (void)state;
    struct store *store = open_store();
    struct batch *set[3];
    for (unsigned i = 0; i < 3; i++) {
        struct observer exporter = test_observer("inner/v5", 3);
        exporter.unknown[0] = i == 0 ? 0 : 1ull << 38 | 1ull << 58;
        exporter.unknown[1] = i == 2 ? 1ull << (92 - 64) : 0;
        set[i] = test_batch("inner", i + 1, TEST_NOW);
        set[i]->records[RECORD_FLOW] = flow_records(test_flows(&exporter, i * 100, 10, TEST_NOW));
    }
    assert_ok(store_commit(store, set, 3, &err), err);
    for (int reopened = 0; reopened < 2; reopened++) {
        for (unsigned i = 0; i < 3; i++)
            assert_stored(store, RECORD_FLOW, i + 1, set[i]->records[RECORD_FLOW]);
        if (reopened == 0) {
            store_close(&store);
            store = open_store();
        }
    }
    /* All of them in one answer: still told apart. */
    struct store_reader *reader;
    struct records *all;
    uint8_t known[30];
    assert_ok(store_reader_open(store, &reader, &err), err);
    assert_ok(store_collect(reader, &(struct store_query){.by_position = true}, &all, &err), err);
    assert_int_equal(all->rows, 30);
    assert_false(records_known(all, FLOW_FIELD_src_ttl, 0, 30, known));
    for (unsigned row = 0; row < 30; row++)
        assert_int_equal(known[row], row < 10);
    records_free(&all);
    store_reader_close(&reader);
    store_close(&store);
    for (unsigned i = 0; i < 3; i++)
        batch_destroy(&set[i]);
}

/* Batches 2 and 4 of five speak a newer contract, in flows and losses. */
static void newer_batches(struct batch *set[5])
{
    static const uint8_t packed[] = {4, 0, 1, 0xff, 0x7f}, varint[] = {0x96, 0x01}, fixed[] = {0, 0, 0, 0, 1, 2, 3, 4};
    for (unsigned i = 0; i < 5; i++) {
        set[i] = test_batch("inner", i + 1, TEST_NOW);
        set[i]->records[RECORD_FLOW] = random_records(record_kinds[RECORD_FLOW], 3000, 0);
        set[i]->records[RECORD_LOSS] = random_records(record_kinds[RECORD_LOSS], 2, 0);
        if (i != 1 && i != 3)
            continue;
        add_unknown(set[i]->records[RECORD_FLOW], 1000 + i, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED, packed,
                    sizeof(packed));
        add_unknown(set[i]->records[RECORD_FLOW], 200, PROTOBUF_C_WIRE_TYPE_VARINT, varint, sizeof(varint));
        add_unknown(set[i]->records[RECORD_LOSS], 300, PROTOBUF_C_WIRE_TYPE_64BIT, fixed, sizeof(fixed));
    }
}

static void assert_all_come_back(struct store *store, struct batch *const set[5], enum record_kind_number kind)
{
    struct store_reader *reader;
    struct records *found;
    uint64_t position;
    assert_ok(store_reader_open(store, &reader, &err), err);
    assert_ok(store_find(reader, &(struct store_query){.kind = kind, .by_position = true}, &err), err);
    for (unsigned i = 0; i < 5; i++) {
        assert_ok(store_next(reader, &found, &position, &err), err);
        assert_int_equal(position, i + 1);
        assert_same_records(set[i]->records[kind], found);
        assert_same_unknown(&set[i]->records[kind]->unknown, &found->unknown);
        records_free(&found);
    }
    assert_int_equal(store_next(reader, &found, &position, &err), RESULT_END);
    store_reader_close(&reader);
}

static void test_unknown_fields_survive(void **state)
{
    (void)state;
    struct store *store = open_store();
    struct batch *set[5];
    newer_batches(set);
    assert_ok(store_commit(store, set, 5, &err), err);
    for (int reopened = 0; reopened < 2; reopened++) {
        assert_all_come_back(store, set, RECORD_FLOW);
        assert_all_come_back(store, set, RECORD_LOSS);
        if (reopened == 0) {
            store_close(&store);
            store = open_store();
        }
    }
    /* Columns nobody here knows belong to whole batches: with a part of one they would say nonsense. */
    struct store_reader *reader;
    struct records *found;
    struct filter *filter;
    assert_ok(store_reader_open(store, &reader, &err), err);
    assert_ok(filter_parse(record_kinds[RECORD_FLOW], "not host 192.0.2.77", &filter, NULL, &err), err);
    const struct store_query narrowed[] = {
        {.after = 1, .by_position = true, .filter = filter},
        {.limit = 100000},
        {.from_ns = 1},
    };
    for (size_t i = 0; i < sizeof(narrowed) / sizeof(*narrowed); i++) {
        assert_ok(store_find(reader, &narrowed[i], &err), err);
        assert_ok(store_next(reader, &found, NULL, &err), err);
        assert_int_equal(found->unknown.count, 0);
        records_free(&found);
    }
    filter_destroy(&filter);
    store_reader_close(&reader);
    for (unsigned i = 0; i < 5; i++)
        batch_destroy(&set[i]);
    store_close(&store);
}

#define KINDS_TEST(name) cmocka_unit_test_setup_teardown(name, directory_setup, directory_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        KINDS_TEST(test_every_kind_survives),
        KINDS_TEST(test_long_lists_survive),
        KINDS_TEST(test_what_an_observer_cannot_know),
        KINDS_TEST(test_unknown_fields_survive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
