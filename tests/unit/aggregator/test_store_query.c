/* SPDX-License-Identifier: Apache-2.0 */
/* Every committed record is seen once, wherever it lies and whatever the sealer does meanwhile; the newest first, when
 * there is a limit; in the order committed, by position; and what is damaged is named, and nothing else is missing. */
#include "tests/unit/aggregator/store_support.h"

#include "aggregator/store/internal.h"
#include "tests/unit/aggregator/damage.h"

/* ---- while it seals */

enum { STREAM_BATCHES = 200, STREAM_ROWS = 25, READERS = 2 };

struct stream {
    struct store *store;
    atomic_uint_fast64_t committed; /* batches */
    atomic_bool end;
};
struct stream_reader {
    struct stream *stream;
    unsigned number, asked;
    char failure[256];
};

/* Flow i of batch b is numbered b * STREAM_ROWS + i; all have one end in common. */
static void commit_stream(struct stream *stream)
{
    for (uint64_t b = 0; b < STREAM_BATCHES; b++) {
        struct batch *batch = test_batch("inner", b + 1, TEST_NOW);
        batch->records[RECORD_FLOW] =
            flow_records(test_flows(&batch->observer, b * STREAM_ROWS, STREAM_ROWS, TEST_NOW + (int64_t)b * 1000000));
        if (b % 10 == 0)
            add_status(batch, b);
        assert_ok(commit_batch(stream->store, batch), err);
        atomic_store(&stream->committed, b + 1);
        usleep(2000);
    }
}

static bool mark_seen(struct stream_reader *r, const struct records *records, bool *seen)
{
    for (uint32_t i = 0; i < records->rows; i++) {
        uint64_t flow = flow_batch_of(records)->flow[i];
        if (flow >= STREAM_BATCHES * STREAM_ROWS || seen[flow]) {
            snprintf(r->failure, sizeof(r->failure), "flow %llu was seen twice", (unsigned long long)flow);
            return false;
        }
        seen[flow] = true;
    }
    return true;
}

/* One query, begun when so many batches were committed. */
static void see(struct stream_reader *r, struct store_reader *reader, const struct store_query *query, bool *seen)
{
    struct records *records;
    struct error why;
    uint64_t committed = atomic_load(&r->stream->committed);
    enum result result = store_find(reader, query, &why);
    memset(seen, 0, STREAM_BATCHES * STREAM_ROWS);
    while (result == RESULT_OK && (result = store_next(reader, &records, NULL, &why)) == RESULT_OK) {
        if (!mark_seen(r, records, seen))
            result = RESULT_FATAL;
        records_free(&records);
        if (r->number == 1)
            usleep(200); /* a slow one */
    }
    if (result != RESULT_END && r->failure[0] == '\0')
        snprintf(r->failure, sizeof(r->failure), "%.255s", why.text);
    for (uint64_t flow = 0; flow < committed * STREAM_ROWS && r->failure[0] == '\0'; flow++) {
        if (!seen[flow])
            snprintf(r->failure, sizeof(r->failure), "flow %llu of %llu is missing, query %u", (unsigned long long)flow,
                     (unsigned long long)(committed * STREAM_ROWS), r->asked);
    }
    r->asked++;
}

static void *read_stream(void *argument)
{
    static const struct endpoint end = {{0, 0xffffc6336401u}, 80};
    static const struct store_query queries[] = {
        {0}, {.endpoint = &end}, {.limit = STORE_SORTED_MAX}, {.by_position = true}};
    struct stream_reader *r = argument;
    struct store_reader *reader;
    struct error why;
    bool *seen = malloc(STREAM_BATCHES * STREAM_ROWS);
    if (seen == NULL || store_reader_open(r->stream->store, &reader, &why) != RESULT_OK) {
        snprintf(r->failure, sizeof(r->failure), "no reader");
        free(seen);
        return NULL;
    }
    for (bool last = false; !last && r->failure[0] == '\0';) {
        last = atomic_load(&r->stream->end);
        see(r, reader, &queries[(r->number + r->asked) % 4], seen);
        usleep(5000); /* the sealer is nice, and is to have its turn */
    }
    store_reader_close(&reader);
    free(seen);
    return NULL;
}

static void stream_with_readers(void)
{
    struct stream stream = {.store = store_start()};
    struct stream_reader readers[READERS];
    pthread_t threads[READERS];
    struct store_health health;
    int64_t until = clock_monotonic_ns() + STORE_PATIENCE_NS;
    for (unsigned i = 0; i < READERS; i++) {
        readers[i] = (struct stream_reader){.stream = &stream, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, read_stream, &readers[i]), 0);
    }
    commit_stream(&stream);
    do {
        usleep(10000);
        store_health(stream.store, &health);
    } while (health.sealings < 8 && clock_monotonic_ns() < until);
    atomic_store(&stream.end, true);
    for (unsigned i = 0; i < READERS; i++) {
        pthread_join(threads[i], NULL);
        if (readers[i].failure[0] != '\0')
            fail_msg("%s", readers[i].failure);
        assert_true(readers[i].asked > 2);
    }
    assert_true(health.sealings >= 8); /* while they read */
    store_settle(stream.store);
    store_health(stream.store, &health);
    assert_string_equal(health.trouble, "");
    assert_int_equal(count_rows(stream.store, &ALL), STREAM_BATCHES * STREAM_ROWS);
    store_close(&stream.store);
}

static void test_each_record_once_while_it_seals(void **state)
{
    (void)state;
    seal_at_once(STREAM_ROWS * 2);
    stream_with_readers();
}

/* Nothing stays decoded: all that is hot is read from the journal again. */
static void test_each_record_once_out_of_the_journal(void **state)
{
    (void)state;
    seal_at_once(STREAM_ROWS * 2);
    store_options.hot_memory = 2;
    stream_with_readers();
}

/* ---- the newest first */

enum { SCATTERED = 3000 };

/* Flow n begins at a time of its own, and ends some time later; batches are of any time. */
static int64_t began(uint64_t flow)
{
    return TEST_NOW + (int64_t)(flow * 7919 % SCATTERED) * NS_PER_S;
}

static void commit_scattered(struct store *store, uint64_t first, uint64_t last, uint64_t sequence)
{
    struct batch *batch = test_batch("inner", sequence, TEST_NOW);
    for (uint64_t n = first; n < last; n++) {
        struct flow flow = test_flow(n, began(n));
        flow.last_time += (int64_t)(n % 50) * NS_PER_S;
        flow.protocol = n % 3 == 0 ? 17 : 6;
        assert_int_equal(records_append(test_records(batch, RECORD_FLOW), &flow), RESULT_OK);
    }
    assert_ok(commit_batch(store, batch), err);
}

static bool is_wanted(uint64_t n, const struct store_query *q)
{
    int64_t ends = began(n) + NS_PER_S + (int64_t)(n % 50) * NS_PER_S;
    return (q->from_ns == 0 || ends >= q->from_ns) && (q->to_ns == 0 || began(n) < q->to_ns) &&
           (q->protocol == 0 || q->protocol == (n % 3 == 0 ? 17 : 6));
}

static int latest_first(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x > y ? -1 : x < y;
}

static void assert_newest(struct store *store, const struct store_query *query)
{
    static int64_t wanted[SCATTERED];
    uint64_t count = 0;
    for (uint64_t n = 0; n < SCATTERED; n++) {
        if (is_wanted(n, query))
            wanted[count++] = began(n);
    }
    qsort(wanted, count, sizeof(*wanted), latest_first);
    struct records *found = collect(store, query);
    assert_int_equal(found->rows, count < query->limit ? count : query->limit);
    for (uint32_t i = 0; i < found->rows; i++)
        assert_int_equal(flow_batch_of(found)->first_time[i], wanted[i]);
    records_free(&found);
}

static void test_the_newest_first(void **state)
{
    (void)state;
    enum { EACH = 125 };
    struct store *store = store_start();
    for (uint64_t n = 0; n < SCATTERED; n += EACH) {
        commit_scattered(store, n, n + EACH, n / EACH + 1);
        if (n % (5 * EACH) == 0 && n + 6 * EACH < SCATTERED)
            store = store_sealed(store);
    }
    struct store_health health;
    store_health(store, &health);
    assert_true(health.segments >= 3 && health.hot_batches >= 5);
    for (unsigned i = 0; i < 25; i++) {
        struct store_query query = {.limit = 1 + draw() % (i % 4 == 0 ? STORE_SORTED_MAX : 300)};
        if (i % 2 == 0)
            query.from_ns = TEST_NOW + (int64_t)(draw() % SCATTERED) * NS_PER_S;
        if (i % 3 == 0)
            query.to_ns = TEST_NOW + (int64_t)(draw() % SCATTERED) * NS_PER_S;
        if (i % 5 == 0)
            query.protocol = 17;
        assert_newest(store, &query);
    }
    store_close(&store);
}

/* Each segment's records are told apart from those of others, by time. */
static void test_times_choose_segments(void **state)
{
    (void)state;
    struct store *store = store_start();
    for (uint64_t day = 0; day < 4; day++) {
        assert_ok(commit_one(store, TEST_NOW + (int64_t)day * 86400 * NS_PER_S, "inner", day + 1, 100), err);
        store = day < 3 ? store_sealed(store) : store;
    }
    assert_int_equal(count_rows(store, &ALL), 400);
    for (int64_t day = 0; day < 4; day++) {
        int64_t from = TEST_NOW + day * 86400 * NS_PER_S;
        struct store_query query = {.from_ns = from, .to_ns = from + NS_PER_S};
        assert_int_equal(count_rows(store, &query), 100);
        query.from_ns = from + 2 * NS_PER_S;
        query.to_ns = from + 3 * NS_PER_S;
        assert_int_equal(count_rows(store, &query), 0);
    }
    store_close(&store);
}

/* ---- in the order committed */

/* From a position on, each batch whole and apart from the next, as it was committed. */
static void assert_replay(struct store *store, struct batch *const *batches, uint64_t count, uint64_t first,
                          uint64_t after, uint64_t through)
{
    struct store_reader *reader;
    struct records *found;
    uint64_t position;
    assert_ok(store_reader_open(store, &reader, &err), err);
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++) {
        const struct store_query query = {.kind = kind, .after = after, .through = through, .by_position = true};
        uint64_t last = through == 0 || through > count ? count : through;
        assert_ok(store_find(reader, &query, &err), err);
        for (uint64_t at = after + 1 > first ? after + 1 : first; at <= last; at++) {
            const struct records *wanted = batches[at - 1]->records[kind];
            if (wanted == NULL)
                continue;
            assert_ok(store_next(reader, &found, &position, &err), err);
            assert_int_equal(position, at);
            assert_same_records(wanted, found);
            assert_same_unknown(&wanted->unknown, &found->unknown);
            records_free(&found);
        }
        assert_int_equal(store_next(reader, &found, &position, &err), RESULT_END);
    }
    store_reader_close(&reader);
}

/* Of all kinds, some with what a newer contract says. */
static struct batch *replayed_batch(uint64_t sequence)
{
    struct batch *batch = test_batch(sequence % 2 == 0 ? "inner" : "outer", sequence, TEST_NOW);
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++) {
        if (draw() % 2 == 0)
            continue;
        batch->records[kind] = random_records(record_kinds[kind], 1 + (uint32_t)draw() % 60, 4);
        if (draw() % 3 == 0)
            add_unknown_fields(batch->records[kind]);
    }
    return batch;
}

/* What was handed to a commit may not be changed, but it may be looked at. */
static void test_replay_is_what_was_committed(void **state)
{
    (void)state;
    enum { COUNT = 60 };
    struct batch *batches[COUNT];
    struct store *store = store_start();
    for (uint64_t i = 0; i < COUNT; i++) {
        batches[i] = replayed_batch(i + 1);
        assert_ok(store_commit(store, &batches[i], 1, &err), err);
        if (i == COUNT / 2)
            store = store_sealed(store);
    }
    for (int again = 0; again < 3; again++) {
        assert_int_equal(store_missing_before(store, COUNT), 0);
        for (uint64_t after = 0; after <= COUNT + 1; after += 7)
            assert_replay(store, batches, COUNT, 1, after, again == 0 ? 0 : after + 20);
        store = again == 0 ? store_again(store) : store_sealed(store);
    }
    for (unsigned i = 0; i < COUNT; i++)
        batch_destroy(&batches[i]);
    store_close(&store);
}

/* A filter leaves rows of a batch, without columns nobody here knows: with a part of one they would say nonsense. */
static void test_a_filtered_replay(void **state)
{
    (void)state;
    struct store *store = store_start();
    struct store_reader *reader;
    struct filter *filter;
    struct records *found;
    uint64_t position;
    for (uint64_t sequence = 1; sequence <= 5; sequence++) {
        struct batch *batch = test_batch("inner", sequence, TEST_NOW);
        add_flows(batch, 10, TEST_NOW);
        add_unknown_fields(batch->records[RECORD_FLOW]);
        assert_ok(commit_batch(store, batch), err);
    }
    assert_ok(filter_parse(record_kinds[RECORD_FLOW], "flow 200003 or flow 400007 or flow 400009", &filter, NULL, &err),
              err);
    assert_ok(store_reader_open(store, &reader, &err), err);
    assert_ok(store_find(reader, &(struct store_query){.by_position = true, .filter = filter}, &err), err);
    assert_ok(store_next(reader, &found, &position, &err), err);
    assert_int_equal(position, 2);
    assert_int_equal(found->rows, 1);
    assert_int_equal(found->unknown.count, 0);
    records_free(&found);
    assert_ok(store_next(reader, &found, &position, &err), err);
    assert_int_equal(position, 4);
    assert_int_equal(found->rows, 2);
    assert_int_equal(flow_batch_of(found)->flow[1], 400009);
    records_free(&found);
    assert_int_equal(store_next(reader, &found, &position, &err), RESULT_END);
    store_reader_close(&reader);
    filter_destroy(&filter);
    store_close(&store);
}

/* Beyond what is kept of the journal there is nothing to replay, which is said; the records are in segments still. */
static void test_beyond_what_is_kept(void **state)
{
    (void)state;
    enum { COUNT = 120 };
    struct batch *batches[COUNT];
    int64_t until = clock_monotonic_ns() + STORE_PATIENCE_NS;
    struct store_health health;
    uint64_t rows = 0;
    store_options.journal_file = JOURNAL_FILE_MIN;
    struct store *store = store_start();
    for (uint64_t i = 0; i < COUNT; i++) {
        batches[i] = test_batch("inner", i + 1, TEST_NOW);
        batches[i]->records[RECORD_FLOW] = random_records(record_kinds[RECORD_FLOW], 60, 0);
        rows += 60;
        assert_ok(store_commit(store, &batches[i], 1, &err), err);
    }
    store = store_sealed(store);
    assert_int_equal(store_missing_before(store, COUNT), 0);
    store_options.keep.batches_bytes = 4 * JOURNAL_FILE_MIN;
    store = store_again(store);
    do {
        usleep(1000);
        store_health(store, &health);
    } while (health.journal_bytes > store_options.keep.batches_bytes && clock_monotonic_ns() < until);
    uint64_t first = health.journal_first;
    assert_in_range(first, 2, COUNT);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(store_missing_before(store, COUNT + 1), first - 1);
        assert_int_equal(store_missing_before(store, first), first - 1);
        assert_int_equal(store_missing_before(store, first - 1), first - 2);
        assert_int_equal(store_missing_before(store, 1), 0);
        assert_int_equal(store_missing_before(store, 0), 0);
        assert_replay(store, batches, COUNT, first, 0, 0);
        assert_int_equal(count_rows(store, &ALL), rows);
        for (uint64_t i = 1; i <= COUNT; i++)
            assert_int_equal(name_of(store, "inner", 7, i), STORE_NAME_COMMITTED);
        store = store_again(store);
    }
    for (unsigned i = 0; i < COUNT; i++)
        batch_destroy(&batches[i]);
    store_close(&store);
}

/* ---- damage */

static struct store_damage only_damage(struct store *store)
{
    struct store_damage *damages, damage;
    size_t count;
    assert_ok(store_damaged(store, &damages, &count, &err), err);
    assert_int_equal(count, 1);
    damage = damages[0];
    free(damages);
    return damage;
}

static void assert_position_two(struct store *store)
{
    struct store_damage damage = only_damage(store);
    assert_non_null(strstr(damage.file, "journal/"));
    assert_non_null(strstr(damage.text, "position 2 (sensor inner, epoch 7, sequence 2, 10 records)"));
    assert_int_equal(damage.records, 10);
    assert_int_equal(damage.from_ns, TEST_NOW + 3600 * NS_PER_S);
    assert_true(damage.to_ns > damage.from_ns);
    assert_int_equal(store_missing_before(store, 4), 2);
    assert_int_equal(store_missing_before(store, 2), 0);
}

static void commit_three(struct store *store)
{
    for (uint64_t sequence = 1; sequence <= 3; sequence++)
        assert_ok(commit_one(store, TEST_NOW + ((int64_t)sequence - 1) * 3600 * NS_PER_S, "inner", sequence, 10), err);
}

/* Found by the start: named once, however often it is met, and the rest answers. */
static void test_damage_in_the_journal(void **state)
{
    (void)state;
    struct store *store = store_start();
    commit_three(store);
    store_close(&store);
    damage_position(test_directory, 2);
    for (int again = 0; again < 2; again++) {
        last_notice[0] = '\0';
        store = store_start();
        assert_non_null(strstr(last_notice, "position 2"));
        for (int asked = 0; asked < 2; asked++) {
            assert_int_equal(count_rows(store, &ALL), 20);
            assert_int_equal(count_rows(store, &(struct store_query){.by_position = true}), 20);
            assert_position_two(store);
        }
        assert_int_equal(name_of(store, "inner", 7, 2), STORE_NAME_COMMITTED);
        store_close(&store);
    }
    store = store_sealed(store_start());
    assert_int_equal(count_rows(store, &ALL), 20);
    assert_int_equal(name_of(store, "inner", 7, 2), STORE_NAME_COMMITTED);
    assert_int_equal(count_rows(store, &(struct store_query){.by_position = true}), 20);
    assert_position_two(store);
    store_close(&store);
}

/* Found by whoever reads what is not in memory any more: a question, a replay, or the sealer. */
static void test_damage_met_while_it_runs(void **state)
{
    (void)state;
    store_options.hot_memory = 2;
    for (unsigned who = 0; who < 3; who++) {
        struct journal_place place;
        if (who == 2)
            store_options.seal_rows = 40;
        struct store *store = store_start();
        commit_three(store);
        size_t length = place_of(store->journal, 2, &place);
        damage_place(test_directory, &place, length);
        last_notice[0] = '\0';
        if (who == 2) { /* a batch at a time, as long as there are four: the memory is for less than one */
            assert_ok(commit_one(store, TEST_NOW, "inner", 4, 10), err);
            assert_ok(commit_one(store, TEST_NOW, "inner", 5, 10), err);
            store_await_sealings(store, 2);
        } else {
            assert_int_equal(count_rows(store, &(struct store_query){.by_position = who == 1}), 20);
        }
        assert_position_two(store);
        assert_non_null(strstr(last_notice, "position 2"));
        assert_int_equal(count_rows(store, &ALL), who == 2 ? 40 : 20);
        assert_position_two(store);
        assert_int_equal(name_of(store, "inner", 7, 2), STORE_NAME_COMMITTED);
        store_close(&store);
        assert_int_equal(directory_teardown(NULL) + directory_setup(NULL), 0);
    }
}

/* A damaged segment is named, with its times; the others answer, and so does it when it is mended. */
static void test_damage_in_a_segment(void **state)
{
    (void)state;
    struct store *store = store_start();
    char path[256];
    for (uint64_t sequence = 1; sequence <= 3; sequence++) {
        assert_ok(commit_one(store, TEST_NOW + ((int64_t)sequence - 1) * 3600 * NS_PER_S, "inner", sequence, 10), err);
        store = store_sealed(store);
    }
    struct segment_set *set = segments_snapshot(store->segments);
    assert_int_equal(segment_set_count(set), 6); /* flows, hours, flows ... */
    struct segment segment = *segment_set_get(set, 2);
    segment_set_release(&set);
    assert_int_equal(count_rows(store, &ALL), 30);
    store_close(&store);
    snprintf(path, sizeof(path), "%s/segments/%016" PRIx64 ".parquet", test_directory, segment.id);
    damage_byte(path, 100);
    store = store_start();
    for (int asked = 0; asked < 2; asked++) {
        assert_int_equal(count_rows(store, &(struct store_query){.limit = asked == 0 ? 0 : 100}), 20);
        struct store_damage damage = only_damage(store);
        assert_non_null(strstr(path, damage.file));
        assert_int_equal(damage.records, 10);
        assert_int_equal(damage.from_ns, segment.first_ns);
        assert_int_equal(damage.to_ns, segment.last_ns + 1);
    }
    assert_int_equal(count_rows(store, &(struct store_query){.by_position = true}), 30); /* the journal has it */
    store_close(&store);
    damage_byte(path, 100);
    store = store_start();
    assert_int_equal(count_rows(store, &ALL), 30);
    store_close(&store);
}

/* ---- reading through */

struct checked {
    unsigned files, damaged;
    uint64_t records;
    char last[64];
};

static enum result take_checked(void *context, const struct store_checked *checked, struct error *why)
{
    struct checked *c = context;
    (void)why;
    c->files++;
    c->records += checked->records;
    c->damaged += checked->damage[0] != '\0';
    if (checked->damage[0] != '\0')
        snprintf(c->last, sizeof(c->last), "%s", checked->file);
    return RESULT_OK;
}

static enum result refuse_checked(void *context, const struct store_checked *checked, struct error *why)
{
    (void)context;
    (void)checked;
    return error_set(why, RESULT_FULL, "on purpose");
}

static struct checked check(struct store *store)
{
    struct checked c = {0};
    struct store_reader *reader;
    assert_ok(store_reader_open(store, &reader, &err), err);
    assert_ok(store_check(reader, take_checked, &c, &err), err);
    store_reader_close(&reader);
    return c;
}

/* Everything once; a damaged segment is named from then on, and not any more once it is put back. */
static void test_check(void **state)
{
    (void)state;
    struct store *store = store_start();
    struct store_reader *reader;
    struct store_damage *damages;
    char path[256];
    size_t count;
    commit_three(store);
    store = store_sealed(store);
    assert_ok(commit_one(store, TEST_NOW, "inner", 4, 5), err);
    struct checked c = check(store);
    assert_int_equal(c.damaged, 0);
    assert_int_equal(c.records, 35 + 30 + 3); /* the journal has all of it still; and three hours */
    struct segment_set *set = segments_snapshot(store->segments);
    snprintf(path, sizeof(path), "%s/segments/%016" PRIx64 ".index", test_directory, segment_set_get(set, 0)->id);
    segment_set_release(&set);
    damage_byte(path, 50);
    c = check(store);
    assert_int_equal(c.damaged, 1);
    only_damage(store);
    damage_byte(path, 50);
    c = check(store);
    assert_int_equal(c.damaged, 0);
    assert_ok(store_damaged(store, &damages, &count, &err), err);
    assert_int_equal(count, 0);
    free(damages);
    assert_ok(store_reader_open(store, &reader, &err), err);
    assert_int_equal(store_check(reader, refuse_checked, NULL, &err), RESULT_FULL);
    assert_string_equal(err.text, "on purpose");
    store_reader_interrupt(reader);
    assert_int_equal(store_check(reader, take_checked, &c, &err), RESULT_AGAIN);
    store_reader_close(&reader);
    struct journal_place place;
    size_t length = place_of(store->journal, 2, &place);
    damage_place(test_directory, &place, length);
    c = check(store);
    assert_int_equal(c.damaged, 1);
    assert_non_null(strstr(c.last, "journal/"));
    assert_int_equal(store_missing_before(store, 5), 2);
    assert_int_equal(count_rows(store, &ALL), 35);
    store_close(&store);
}

/* ---- several queries about one moment */

static void test_a_snapshot_stays_as_it_was(void **state)
{
    (void)state;
    struct store *store = store_start();
    struct store_snapshot *snapshot;
    assert_int_equal(commit_one(store, TEST_NOW, "inner", 1, 40), RESULT_OK);
    store = store_sealed(store);
    assert_int_equal(commit_one(store, TEST_NOW, "inner", 2, 10), RESULT_OK);
    assert_ok(store_snapshot_take(store, &snapshot, &err), err);
    const struct store_query then = {.snapshot = snapshot}, hours = {.kind = RECORD_HOUR, .snapshot = snapshot},
                             before = {.snapshot = snapshot, .to_ns = TEST_NOW - 3600 * NS_PER_S};
    assert_int_equal(commit_one(store, TEST_NOW, "inner", 3, 5), RESULT_OK);
    assert_int_equal(count_rows(store, &then), 50);
    assert_int_equal(count_rows(store, &then), 50);
    assert_int_equal(count_rows(store, &hours), 2); /* of what is sealed, and of what is hot */
    assert_int_equal(count_rows(store, &before), 0);
    assert_int_equal(count_rows(store, &ALL), 55);
    store_snapshot_release(&snapshot);
    store_snapshot_release(&snapshot);
    store_close(&store);
}

static void test_readers_beside_one_another_end_together(void **state)
{
    (void)state;
    struct store *store = store_start();
    struct store_reader *leader, *beside[2];
    struct records *records;
    assert_int_equal(commit_one(store, TEST_NOW, "inner", 1, 40), RESULT_OK);
    assert_ok(store_reader_open(store, &leader, &err), err);
    for (unsigned i = 0; i < 2; i++)
        assert_ok(store_reader_open_beside(leader, &beside[i], &err), err);
    store_reader_interrupt(leader);
    assert_true(store_reader_is_interrupted(leader));
    for (unsigned i = 0; i < 2; i++) {
        assert_ok(store_find(beside[i], &ALL, &err), err);
        assert_int_equal(store_next(beside[i], &records, NULL, &err), RESULT_AGAIN);
    }
    store_reader_close(&beside[0]);
    store_reader_resume(leader);
    assert_ok(store_find(beside[1], &ALL, &err), err);
    assert_ok(store_next(beside[1], &records, NULL, &err), err);
    assert_int_equal(records->rows, 40);
    records_free(&records);
    store_reader_close(&beside[1]);
    store_reader_close(&leader);
    store_close(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_each_record_once_while_it_seals),
        STORE_TEST(test_each_record_once_out_of_the_journal),
        STORE_TEST(test_the_newest_first),
        STORE_TEST(test_times_choose_segments),
        STORE_TEST(test_replay_is_what_was_committed),
        STORE_TEST(test_a_filtered_replay),
        STORE_TEST(test_beyond_what_is_kept),
        STORE_TEST(test_damage_in_the_journal),
        STORE_TEST(test_damage_met_while_it_runs),
        STORE_TEST(test_damage_in_a_segment),
        STORE_TEST(test_check),
        STORE_TEST(test_a_snapshot_stays_as_it_was),
        STORE_TEST(test_readers_beside_one_another_end_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
