/* SPDX-License-Identifier: Apache-2.0 */
/* The store: what is committed is there, after kills and full disks too, and is found by what is asked for. */
#include "tests/unit/aggregator/store_support.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void assert_five_thousand(struct store *store)
{
    struct store_summary summary;
    assert_int_equal(name_of(store, "inner", 7, 1), STORE_NAME_COMMITTED);
    assert_int_equal(name_of(store, "inner", 7, 2), STORE_NAME_NEW);
    assert_int_equal(name_of(store, "inner", 8, 1), STORE_NAME_NEW);
    assert_int_equal(name_of(store, "outer", 7, 1), STORE_NAME_NEW);
    assert_int_equal(count_rows(store, &ALL), 5000);
    assert_int_equal(count_rows(store, &(struct store_query){.limit = 17}), 17);
    assert_int_equal(count_rows(store, &(struct store_query){.limit = STORE_SORTED_MAX + 1}), 5000);
    assert_int_equal(count_rows(store, &(struct store_query){.from_ns = TEST_NOW + 10 * NS_PER_S}), 0);
    assert_int_equal(count_rows(store, &(struct store_query){.to_ns = TEST_NOW + 1000}), 1);
    assert_int_equal(count_rows(store, &(struct store_query){.kind = RECORD_LOSS}), 0);
    store_summarise(store, &summary);
    assert_int_equal(summary.position, 1);
    assert_int_equal(summary.last[RECORD_FLOW], 1);
    assert_int_equal(summary.last[RECORD_LOSS], 0);
    assert_int_equal(summary.first_ns, TEST_NOW);
    assert_int_equal(summary.last_ns, TEST_NOW + 4999 * 1000 + NS_PER_S);
    assert_int_equal(summary.last_received_ns, TEST_NOW);
}

static void test_what_is_committed_is_found(void **state)
{
    (void)state;
    struct store *store = store_start();
    struct store_summary summary;
    store_summarise(store, &summary);
    assert_int_equal(summary.position, 0);
    assert_int_equal(summary.first_ns, 0);
    assert_int_equal(count_rows(store, &ALL), 0);
    assert_int_equal(name_of(store, "inner", 7, 1), STORE_NAME_NEW);
    assert_ok(commit_one(store, TEST_NOW, "inner", 1, 5000), err);
    assert_five_thousand(store);
    store = store_again(store);
    assert_five_thousand(store);
    store = store_sealed(store);
    assert_five_thousand(store);
    store = store_again(store);
    assert_five_thousand(store);
    store_close(&store);
    assert_string_equal(last_notice, "");
}

static void test_a_set_is_one(void **state)
{
    (void)state;
    struct store *store = store_start();
    assert_ok(store_commit(store, NULL, 0, &err), err);
    struct batch *set[100];
    for (unsigned i = 0; i < 100; i++) {
        set[i] = test_batch(i % 2 == 0 ? "inner" : "outer", i + 1, TEST_NOW);
        add_flows(set[i], i + 1, TEST_NOW);
    }
    assert_ok(store_commit(store, set, 100, &err), err);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(set[i]->position, i + 1);
        assert_null(set[i]->packed.data);
        batch_destroy(&set[i]);
    }
    assert_int_equal(count_rows(store, &ALL), 100 * 101 / 2);
    store_close(&store);
}

/* The digest is of the bytes as they were journalled; a name that was committed long ago has none any more. */
static void test_digests(void **state)
{
    (void)state;
    struct store *store = store_start();
    struct observer observer = test_observer("inner", 7);
    uint64_t first, second, again;
    assert_ok(commit_one(store, TEST_NOW, "inner", 1, 10), err);
    assert_ok(commit_one(store, TEST_NOW, "inner", 2, 11), err);
    assert_int_equal(store_name(store, &observer, 1, &first), STORE_NAME_COMMITTED);
    assert_int_equal(store_name(store, &observer, 2, &second), STORE_NAME_COMMITTED);
    assert_true(first != 0 && second != 0 && first != second);
    store = store_again(store);
    assert_int_equal(store_name(store, &observer, 1, &again), STORE_NAME_COMMITTED);
    assert_int_equal(again, first);
    for (uint64_t sequence = 3; sequence < 3 + LIVES_DIGESTS; sequence++)
        assert_ok(commit_one(store, TEST_NOW, "inner", sequence, 0), err);
    assert_int_equal(store_name(store, &observer, 1, &again), STORE_NAME_COMMITTED);
    assert_int_equal(again, 0);
    assert_int_equal(store_name(store, &observer, 1000, &again), STORE_NAME_NEW);
    assert_int_equal(again, 0);
    store_close(&store);
}

/* An acknowledged batch survives kill -9, whole; an unfinished one leaves nothing; while it seals, too. */
static void test_kill(void **state)
{
    (void)state;
    uint64_t acknowledged = 0;
    seal_at_once(1500);
    for (int round = 0; round < 3; round++) {
        int pipes[2];
        uint64_t first = acknowledged + 1, sequence;
        assert_int_equal(pipe(pipes), 0);
        pid_t child = fork();
        if (child == 0) {
            struct store *store;
            if (store_open(&store_options, &store, &err) != RESULT_OK)
                _exit(1);
            for (sequence = first;; sequence++) {
                if (name_of(store, "inner", 7, sequence) == STORE_NAME_COMMITTED)
                    continue;
                if (commit_one(store, TEST_NOW, "inner", sequence, 300) != RESULT_OK ||
                    write(pipes[1], &sequence, sizeof(sequence)) != (ssize_t)sizeof(sequence))
                    _exit(1);
            }
        }
        close(pipes[1]);
        while (acknowledged < first + 12 + (uint64_t)round * 5)
            assert_int_equal(read(pipes[0], &acknowledged, sizeof(acknowledged)), sizeof(acknowledged));
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        while (read(pipes[0], &sequence, sizeof(sequence)) == (ssize_t)sizeof(sequence))
            acknowledged = sequence;
        close(pipes[0]);
        struct store *store = store_start();
        for (sequence = 1; sequence <= acknowledged; sequence++)
            assert_int_equal(name_of(store, "inner", 7, sequence), STORE_NAME_COMMITTED);
        assert_int_equal(name_of(store, "inner", 7, acknowledged + 2), STORE_NAME_NEW);
        /* Perhaps one more, committed and not yet said. */
        acknowledged += name_of(store, "inner", 7, acknowledged + 1) == STORE_NAME_COMMITTED;
        assert_int_equal(count_rows(store, &ALL), acknowledged * 300);
        store_settle(store);
        assert_int_equal(count_rows(store, &ALL), acknowledged * 300);
        store_close(&store);
    }
}

static void test_one_instance(void **state)
{
    (void)state;
    struct store *store = store_start(), *second;
    char pid[32];
    assert_int_equal(store_open(&store_options, &second, &err), RESULT_FATAL);
    snprintf(pid, sizeof(pid), "(process %ld)", (long)getpid());
    assert_non_null(strstr(err.text, pid));
    assert_non_null(strstr(err.text, "--data"));
    store_close(&store);
    store = store_start();
    store_close(&store);
}

static void test_a_directory_that_cannot_be(void **state)
{
    (void)state;
    struct store *store;
    char path[128];
    snprintf(path, sizeof(path), "%s/a/b", test_directory);
    store_options.directory = path;
    assert_int_equal(store_open(&store_options, &store, &err), RESULT_FATAL);
    assert_non_null(strstr(err.text, path));
}

/* ---- full disks */

static bool mount_disk(char mounted[96], const char *size)
{
    snprintf(mounted, 96, "%s/disk", test_directory);
    assert_int_equal(mkdir(mounted, 0700), 0);
    return mount("none", mounted, "tmpfs", 0, size) == 0;
}

/* What `number` says: many flows, and now and then losses and statuses. */
static struct batch *filling_batch(const char *sensor, uint64_t sequence)
{
    struct batch *batch = test_batch(sensor, sequence, TEST_NOW);
    add_flows(batch, 3000, TEST_NOW);
    if (sequence % 2 == 1) {
        add_loss(batch, LOSS_RECORDS_SPOOL, sequence);
        add_status(batch, sequence);
    }
    return batch;
}

static void assert_filled(struct store *store, const char *sensor, uint64_t sequence, uint64_t position, bool flows)
{
    struct batch *wanted = filling_batch(sensor, sequence);
    for (unsigned kind = flows ? RECORD_FLOW : RECORD_LOSS; kind < RECORD_KIND_COUNT; kind++) {
        struct records *found = stored_at(store, kind, position);
        assert_int_equal(found != NULL, batch_rows(wanted, kind) > 0);
        if (found != NULL)
            assert_same_records(wanted->records[kind], found);
        records_free(&found);
    }
    batch_destroy(&wanted);
}

/* Nothing of a set is written, nothing is lost or doubled, and all goes on when there is room: also of a sensor whose
 * first batch it is. */
static void fill_and_go_on(bool sealing)
{
    char mounted[96];
    if (!mount_disk(mounted, "size=4m")) {
        print_message("skipped: no privilege to mount a tmpfs\n");
        skip();
    }
    store_options.directory = mounted;
    if (sealing)
        seal_at_once(9000);
    struct store *store = store_start();
    uint64_t sequence = 1;
    while (sequence < 1000 && commit_batch(store, filling_batch("inner", sequence)) == RESULT_OK)
        sequence++;
    assert_in_range(sequence, 4, 999);
    assert_non_null(strstr(err.text, "No space left"));
    uint64_t committed = sequence - 1;
    struct batch *set[2] = {filling_batch("inner", sequence), filling_batch("fresh", 1)};
    for (int again = 0; again < 3; again++) {
        enum result r = store_commit(store, set, 2, &err);
        if (r == RESULT_OK) { /* a sealing made room */
            assert_true(sealing);
            break;
        }
        assert_int_equal(r, RESULT_AGAIN);
        assert_int_equal(name_of(store, "inner", 7, sequence), STORE_NAME_NEW);
        assert_int_equal(name_of(store, "fresh", 7, 1), STORE_NAME_NEW);
        assert_int_equal(count_rows(store, &ALL), committed * 3000);
    }
    assert_int_equal(mount(NULL, mounted, NULL, MS_REMOUNT, "size=200m"), 0);
    if (name_of(store, "fresh", 7, 1) == STORE_NAME_NEW)
        assert_ok(store_commit(store, set, 2, &err), err);
    batch_destroy(&set[0]);
    batch_destroy(&set[1]);
    committed += 2;
    for (int again = 0; again < 3; again++) {
        assert_int_equal(count_rows(store, &ALL), committed * 3000);
        assert_int_equal(name_of(store, "fresh", 7, 1), STORE_NAME_COMMITTED);
        for (uint64_t position = sealing ? committed - 1 : 1; position < committed; position++)
            assert_filled(store, "inner", position, position, position + 3 > committed);
        assert_filled(store, "fresh", 1, committed, true);
        struct store_life *lives;
        size_t count;
        assert_ok(store_lives(store, true, &lives, &count, &err), err);
        assert_int_equal(count, 2);
        for (size_t i = 0; i < count; i++) {
            bool fresh = strcmp(lives[i].observer.sensor, "fresh") == 0;
            uint64_t batches = fresh ? 1 : committed - 1, last = batches % 2 == 1 ? batches : batches - 1;
            assert_int_equal(lives[i].batches, batches);
            assert_int_equal(lives[i].records, batches * 3000);
            assert_int_equal(status_columns(lives[i].status)->flows_made[0], last);
            assert_int_equal(lives[i].records_lost, (last + 1) / 2 * ((last + 1) / 2)); /* 1 + 3 + 5 ... */
        }
        store_lives_free(&lives, count);
        store = again == 0 ? store_again(store) : store_sealed(store);
    }
    store_close(&store);
    assert_int_equal(umount(mounted), 0);
}

static void test_full_disk(void **state)
{
    (void)state;
    fill_and_go_on(false);
}

static void test_full_disk_while_it_seals(void **state)
{
    (void)state;
    fill_and_go_on(true);
}

/* ---- positions */

/* Each kind is told the position before it of its own; a batch without name and records has none. */
static void test_positions_by_kind(void **state)
{
    (void)state;
    struct store *store = store_start();
    for (uint64_t round = 0; round < 3; round++) {
        struct batch *set[4] = {test_batch("inner", 2 * round + 1, TEST_NOW), test_conclusions(TEST_NOW),
                                test_batch("inner", 2 * round + 2, TEST_NOW), test_batch("outer", round + 1, TEST_NOW)};
        add_loss(set[0], LOSS_PACKETS_KERNEL, 1);
        add_status(set[0], 1);
        add_status(set[3], 1);
        assert_ok(store_commit(store, set, 4, &err), err);
        uint64_t before = round * 3;
        assert_int_equal(set[0]->position, before + 1);
        assert_int_equal(set[0]->previous[RECORD_LOSS], round == 0 ? 0 : before - 2);
        assert_int_equal(set[0]->previous[RECORD_STATUS], before);
        assert_int_equal(set[1]->position, 0);
        assert_int_equal(set[2]->position, before + 2);
        assert_int_equal(set[2]->previous[RECORD_STATUS], before + 1);
        assert_int_equal(set[3]->position, before + 3);
        assert_int_equal(set[3]->previous[RECORD_STATUS], before + 1);
        assert_int_equal(set[3]->previous[RECORD_LOSS], before + 1);
        assert_int_equal(set[3]->previous[RECORD_FLOW], 0);
        for (unsigned i = 0; i < 4; i++)
            batch_destroy(&set[i]);
        store = round == 0 ? store_again(store) : store_sealed(store);
    }
    store_close(&store);
}

/* The clock on the wall runs back by years, and forward: positions grow by one, every name is known, all is there. */
static void test_a_jumping_clock_does_nothing(void **state)
{
    (void)state;
    static const int64_t at[] = {0, 40ll * 365 * 86400, -20ll * 365 * 86400, 5, -3, 40ll * 365 * 86400, 6};
    enum { COUNT = sizeof(at) / sizeof(*at) };
    struct store *store = store_start();
    for (int again = 0; again < 3; again++) {
        for (uint64_t i = 0; i < COUNT; i++) {
            uint64_t sequence = (uint64_t)again * COUNT + i + 1;
            struct batch *batch = test_batch("inner", sequence, TEST_NOW + at[i] * NS_PER_S);
            add_flows(batch, 10, TEST_NOW);
            assert_ok(store_commit(store, &batch, 1, &err), err);
            assert_int_equal(batch->position, sequence);
            batch_destroy(&batch);
        }
        store = again == 0 ? store_again(store) : store_sealed(store);
        for (uint64_t sequence = 1; sequence <= (uint64_t)(again + 1) * COUNT; sequence++)
            assert_int_equal(name_of(store, "inner", 7, sequence), STORE_NAME_COMMITTED);
        assert_int_equal(count_rows(store, &ALL), (uint64_t)(again + 1) * COUNT * 10);
        assert_int_equal(store_missing_before(store, COUNT), 0);
    }
    store_close(&store);
}

/* Ages count back from the newest flow, but a flow of the next century lets nothing go that the clock calls young. */
static void test_what_is_too_old_goes(void **state)
{
    (void)state;
    int64_t now = clock_wall_ns(), day = 86400 * NS_PER_S;
    const struct {
        int64_t at_ns;
        bool stays;
    } flows[] = {
        {now - 40 * day, false},     {now - 32 * day, false}, {now - 28 * day, true}, {now - day, true}, {now, true},
        {now + 70 * 365 * day, true}};
    enum { COUNT = sizeof(flows) / sizeof(*flows) };
    struct store *store = store_start();
    for (uint64_t i = 0; i < COUNT; i++) { /* each in a segment of its own */
        assert_ok(commit_one(store, flows[i].at_ns, "inner", i + 1, 10), err);
        store = store_sealed(store);
    }
    assert_int_equal(count_rows(store, &ALL), COUNT * 10);
    store_options.keep.flows_ns = 30 * day;
    store = store_again(store);
    int64_t until = clock_monotonic_ns() + STORE_PATIENCE_NS;
    struct store_health health;
    do {
        store_health(store, &health);
        usleep(1000);
    } while (health.segments > 2 * COUNT - 2 && /* with the hours, which stay */ clock_monotonic_ns() < until);
    for (uint64_t i = 0; i < COUNT; i++) {
        const struct store_query query = {.from_ns = flows[i].at_ns, .to_ns = flows[i].at_ns + NS_PER_S};
        assert_int_equal(count_rows(store, &query), flows[i].stays ? 10 : 0);
        assert_int_equal(name_of(store, "inner", 7, i + 1), STORE_NAME_COMMITTED);
    }
    store_close(&store);
}

/* A few records of today beside thousands of an autumn long ago: the autumn is what ages are counted from. */
static void test_a_few_records_let_nothing_go(void **state)
{
    (void)state;
    int64_t now = clock_wall_ns(), day = 86400 * NS_PER_S;
    const struct {
        int64_t at_ns;
        uint32_t rows;
    } flows[] = {{now - 200 * day, 10}, {now - 100 * day, 3000}, {now, 5}};
    struct store *store = store_start();
    for (uint64_t i = 0; i < 3; i++) {
        assert_ok(commit_one(store, flows[i].at_ns, "inner", i + 1, flows[i].rows), err);
        store = store_sealed(store);
    }
    store_options.keep.flows_ns = 30 * day;
    store = store_again(store);
    int64_t until = clock_monotonic_ns() + STORE_PATIENCE_NS;
    while (count_rows(store, &ALL) == 3015 && clock_monotonic_ns() < until)
        usleep(1000);
    assert_int_equal(count_rows(store, &ALL), 3005);
    store_close(&store);
}

/* ---- verdicts */

/* Two batches of flows: inner's 0 to 9 and outer's 1000000 to 1000009. */
static void flows_of_both(struct batch *batches[2])
{
    batches[0] = test_batch("inner", 1, TEST_NOW);
    batches[1] = test_batch("outer", 1, TEST_NOW);
    for (unsigned i = 0; i < 2; i++)
        batches[i]->records[RECORD_FLOW] = flow_records(test_flows(&batches[i]->observer, i * 1000000, 10, TEST_NOW));
}

static void commit_verdicts(struct store *store, const struct verdict *verdicts, size_t count, uint64_t *ret_position,
                            uint64_t *ret_previous)
{
    struct batch *conclusions = test_conclusions(TEST_NOW);
    conclusions->records[RECORD_VERDICT] = test_verdicts();
    for (size_t i = 0; i < count; i++)
        assert_int_equal(records_append(&conclusions->records[RECORD_VERDICT], &verdicts[i]), RESULT_OK);
    assert_ok(store_commit(store, &conclusions, 1, &err), err);
    *ret_position = conclusions->position;
    *ret_previous = conclusions->previous[RECORD_VERDICT];
    batch_destroy(&conclusions);
}

/* Three pairs and a reason, of flows_of_both: two pairs sealed, the rest hot. */
static struct store *store_with_verdicts(void)
{
    struct store *store = store_start();
    struct batch *batches[2];
    uint64_t position, previous;
    flows_of_both(batches);
    assert_ok(store_commit(store, batches, 2, &err), err);
    batch_destroy(&batches[0]);
    batch_destroy(&batches[1]);
    struct verdict verdicts[4] = {test_verdict(1, 1000001),
                                  test_verdict(2, 1000002),
                                  test_verdict(3, 1000003),
                                  {.flow = 9, .boundary = "border", .verdict = VERDICT_AMBIGUOUS}};
    commit_verdicts(store, verdicts, 2, &position, &previous);
    assert_int_equal(position, 3);
    assert_int_equal(previous, 0);
    store = store_sealed(store);
    commit_verdicts(store, verdicts + 2, 2, &position, &previous);
    assert_int_equal(position, 4);
    assert_int_equal(previous, 3);
    return store;
}

static uint32_t row_of_flow(const struct records *verdicts, uint64_t flow)
{
    for (uint32_t row = 0; row < verdicts->rows; row++) {
        if (verdict_columns(verdicts)->flow[row] == flow)
            return row;
    }
    fail_msg("no verdict about flow %llu", (unsigned long long)flow);
    return 0;
}

/* As view and as partner; a view without partner is nobody's. */
static void test_verdicts_by_name(void **state)
{
    (void)state;
    struct store *store = store_with_verdicts();
    struct flow_name names[3] = {
        {test_observer("inner", 7), 3}, {test_observer("outer", 7), 1000001}, {test_observer("outer", 8), 1000002}};
    struct store_query query = {.kind = RECORD_VERDICT, .names = names, .name_count = 3};
    for (int again = 0; again < 2; again++) {
        query.name_count = 3;
        names[0].flow = 3;
        struct records *found = collect(store, &query);
        assert_int_equal(found->rows, 2);
        const struct verdict_columns *v = verdict_columns(found);
        uint32_t one = row_of_flow(found, 1), three = row_of_flow(found, 3);
        assert_string_equal(found->observers[v->partner_observer[one]].sensor, "outer");
        assert_int_equal(v->odds[three], 20000);
        assert_int_equal(v->offset[three], -5);
        assert_string_equal(v->boundary[three], "border");
        records_free(&found);
        names[0].flow = 9;
        query.name_count = 1;
        found = collect(store, &query);
        assert_int_equal(found->rows, 1);
        assert_int_equal(verdict_columns(found)->verdict[0], VERDICT_AMBIGUOUS);
        records_free(&found);
        names[0].flow = 0; /* what stands in the partner's place of flow 9's verdict, which has none */
        assert_int_equal(count_rows(store, &query), 0);
        assert_int_equal(count_rows(store, &(struct store_query){.kind = RECORD_VERDICT, .limit = 3}), 3);
        store = store_sealed(store);
    }
    store_close(&store);
}

static void test_flows_by_name(void **state)
{
    (void)state;
    struct store *store = store_with_verdicts();
    static struct flow_name names[STORE_NAMES_MAX];
    for (size_t i = 0; i < STORE_NAMES_MAX; i++)
        names[i] = (struct flow_name){test_observer(i % 2 == 0 ? "inner" : "outer", 7), 3 + i};
    struct store_query query = {.names = names, .name_count = 1};
    struct records *found = collect(store, &query);
    assert_int_equal(found->rows, 1);
    assert_int_equal(flow_batch_of(found)->flow[0], 3);
    records_free(&found);
    query.name_count = STORE_NAMES_MAX;
    assert_int_equal(count_rows(store, &query), 4); /* inner's 3, 5, 7, 9 */
    store_close(&store);
}

static void assert_waiting(struct store *store)
{
    struct store_reader *reader;
    struct records *records;
    uint64_t inner = 0, outer = 0, counts[VERDICT_COUNT];
    assert_ok(store_reader_open(store, &reader, &err), err);
    assert_ok(store_find_waiting(reader, "border", "inner", "outer", TEST_NOW - 1, &err), err);
    while (store_next(reader, &records, NULL, &err) == RESULT_OK) {
        for (uint32_t i = 0; i < records->rows; i++) {
            uint64_t flow = flow_batch_of(records)->flow[i];
            *(flow < 1000000 ? &inner : &outer) |= 1u << flow % 1000000;
        }
        records_free(&records);
    }
    assert_int_equal(inner, 0x1f1); /* 0 and 4 .. 8 */
    assert_int_equal(outer, 0x3f1); /* 0 and 4 .. 9 */
    assert_ok(store_find_waiting(reader, "border", "inner", "outer", TEST_NOW + 1, &err), err);
    assert_int_equal(store_next(reader, &records, NULL, &err), RESULT_END);
    assert_ok(store_find_waiting(reader, "elsewhere", "inner", "far", TEST_NOW, &err), err);
    assert_ok(store_next(reader, &records, NULL, &err), err);
    assert_int_equal(records->rows, 10);
    records_free(&records);
    assert_int_equal(store_next(reader, &records, NULL, &err), RESULT_END);
    assert_int_equal(store_find_waiting(reader, "no such name", "inner", "outer", 0, &err), RESULT_REJECT);
    store_reader_close(&reader);
    store_boundary_counts(store, "border", counts);
    for (unsigned word = 0; word < VERDICT_COUNT; word++)
        assert_int_equal(counts[word], word == VERDICT_TRANSLATED ? 3 : word == VERDICT_AMBIGUOUS ? 1 : 0);
    store_boundary_counts(store, "elsewhere", counts);
    assert_int_equal(counts[VERDICT_TRANSLATED], 0);
}

static void test_the_waiting_and_boundary_counts(void **state)
{
    (void)state;
    struct store *store = store_with_verdicts();
    for (int again = 0; again < 3; again++) {
        struct store_summary summary;
        assert_waiting(store);
        store_summarise(store, &summary);
        assert_int_equal(summary.position, 4);
        assert_int_equal(summary.last[RECORD_FLOW], 2);
        assert_int_equal(summary.last[RECORD_VERDICT], 4);
        assert_int_equal(summary.last[RECORD_LOSS], 0);
        assert_int_equal(summary.last_received_ns, TEST_NOW); /* of what sensors sent */
        store = again == 0 ? store_again(store) : store_sealed(store);
    }
    store_close(&store);
}

/* ---- what is asked for */

static void test_losses_are_found_by_time(void **state)
{
    (void)state;
    struct store *store = store_start();
    struct batch *batch = test_batch("inner", 1, TEST_NOW);
    const struct loss loss = {.from_time = TEST_NOW,
                              .to_time = TEST_NOW + 5,
                              .count = 40,
                              .interface = "eth0'; DROP TABLE flow; --",
                              .reason = "full"};
    assert_int_equal(records_append(test_records(batch, RECORD_LOSS), &loss), RESULT_OK);
    assert_ok(commit_batch(store, batch), err);
    for (int again = 0; again < 2; again++) {
        struct store_query query = {.kind = RECORD_LOSS, .from_ns = TEST_NOW + 1, .to_ns = TEST_NOW + 2};
        struct records *found = collect(store, &query);
        assert_int_equal(found->rows, 1);
        assert_string_equal(loss_columns(found)->interface[0], "eth0'; DROP TABLE flow; --");
        assert_string_equal(found->observers[0].sensor, "inner");
        records_free(&found);
        query.from_ns = TEST_NOW + 6;
        query.to_ns = 0;
        assert_int_equal(count_rows(store, &query), 0);
        store = store_sealed(store);
    }
    store_close(&store);
}

static size_t count_silent(struct store *store, int64_t from_ns, int64_t to_ns)
{
    char(*silent)[OBSERVER_NAME_MAX];
    struct store_reader *reader;
    size_t count;
    assert_ok(store_reader_open(store, &reader, &err), err);
    assert_ok(store_silent(reader, from_ns, to_ns, &silent, &count, &err), err);
    free(silent);
    store_reader_close(&reader);
    return count;
}

static void test_silent(void **state)
{
    (void)state;
    struct store *store = store_start();
    assert_ok(commit_one(store, TEST_NOW, "inner", 1, 0), err);
    assert_ok(commit_one(store, TEST_NOW + 86400 * NS_PER_S, "outer", 1, 1), err);
    for (int again = 0; again < 3; again++) {
        assert_int_equal(count_silent(store, TEST_NOW, TEST_NOW + 2 * NS_PER_S), 1);
        assert_int_equal(count_silent(store, TEST_NOW + NS_PER_S, TEST_NOW + 2 * NS_PER_S), 2);
        assert_int_equal(count_silent(store, TEST_NOW, TEST_NOW + 2 * 86400 * NS_PER_S), 0);
        assert_int_equal(count_silent(store, 0, 0), 0);
        store = again == 0 ? store_again(store) : store_sealed(store);
    }
    store_close(&store);
}

/* What does not fit the kind is refused, not ignored. */
static void test_conditions_are_of_the_kind(void **state)
{
    (void)state;
    struct store *store = store_start();
    struct store_reader *reader;
    struct filter *filter;
    assert_ok(store_reader_open(store, &reader, &err), err);
    assert_ok(filter_parse(record_kinds[RECORD_FLOW], "tcp", &filter, NULL, &err), err);
    struct flow_name name = {test_observer("inner", 7), 1};
    const struct store_query bad[] = {{.kind = RECORD_LOSS, .filter = filter},
                                      {.kind = RECORD_STATUS, .names = &name, .name_count = 1},
                                      {.kind = RECORD_VERDICT, .endpoint = &(struct endpoint){{0, 1}, 0}},
                                      {.kind = RECORD_ALERT, .protocol = 6},
                                      {.by_position = true, .limit = 5},
                                      {.by_position = true, .from_ns = 5},
                                      {.by_position = true, .to_ns = 5},
                                      {.by_position = true, .protocol = 6},
                                      {.by_position = true, .names = &name, .name_count = 1},
                                      {.by_position = true, .endpoint = &(struct endpoint){{0, 1}, 0}},
                                      {.names = &name, .name_count = STORE_NAMES_MAX + 1}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(store_find(reader, &bad[i], &err), RESULT_REJECT);
    filter_destroy(&filter);
    store_reader_close(&reader);
    store_close(&store);
}

/* Either end, with and without its port. */
static void test_endpoint(void **state)
{
    (void)state;
    struct store *store = store_start();
    assert_ok(commit_one(store, TEST_NOW, "inner", 1, 100), err);
    struct flow flow = test_flow(100000, TEST_NOW);
    struct endpoint src = {flow_src(&flow), flow.src_port}, dst = {flow_dst(&flow), 80}, other = {flow_dst(&flow), 81},
                    any = {flow_dst(&flow), 0}, nobody = {{1, 2}, 0};
    for (int again = 0; again < 2; again++) {
        const struct {
            const struct endpoint *endpoint;
            uint8_t protocol;
            uint64_t rows;
        } asked[] = {{&src, 0, 1},   {&dst, 0, 100}, {&dst, 17, 0},  {&dst, 6, 100},
                     {&other, 6, 0}, {&any, 0, 100}, {&nobody, 0, 0}};
        for (size_t i = 0; i < sizeof(asked) / sizeof(*asked); i++) {
            struct store_query query = {.endpoint = asked[i].endpoint, .protocol = asked[i].protocol};
            assert_int_equal(count_rows(store, &query), asked[i].rows);
            query.limit = 7;
            assert_int_equal(count_rows(store, &query), asked[i].rows < 7 ? asked[i].rows : 7);
        }
        store = store_sealed(store);
    }
    store_close(&store);
}

static void test_interrupt(void **state)
{
    (void)state;
    struct store *store = store_start();
    assert_ok(commit_one(store, TEST_NOW, "inner", 1, 50), err);
    struct store_reader *reader;
    struct records *records;
    assert_ok(store_reader_open(store, &reader, &err), err);
    const struct store_query asked[] = {{0}, {.limit = 5}, {.by_position = true}};
    for (size_t i = 0; i < 3; i++) {
        assert_ok(store_find(reader, &asked[i], &err), err);
        store_reader_interrupt(reader);
        assert_int_equal(store_next(reader, &records, NULL, &err), RESULT_AGAIN);
        assert_true(store_find(reader, &asked[i], &err) == RESULT_AGAIN ||
                    store_next(reader, &records, NULL, &err) == RESULT_AGAIN); /* stays so */
        store_reader_resume(reader);
        assert_ok(store_find(reader, &asked[i], &err), err);
        assert_ok(store_next(reader, &records, NULL, &err), err);
        records_free(&records);
    }
    store_reader_close(&reader);
    store_close(&store);
}

/* ---- the store's own work */

static void test_health_and_parts(void **state)
{
    (void)state;
    struct store *store = store_start();
    struct store_health health;
    struct store_part *parts;
    size_t count;
    for (uint64_t i = 1; i <= 10; i++)
        assert_ok(commit_batch(store, telling_batch("inner", 7, i, 12)), err);
    store_health(store, &health);
    assert_int_equal(health.journal_first, 1);
    assert_int_equal(health.journal_last, 10);
    assert_int_equal(health.hot_batches, 10);
    assert_int_equal(health.hot_rows, 10 * (3 + 1 + 1));
    assert_true(health.hot_bytes > 0 && health.journal_files > 0 && health.journal_bytes > 0);
    assert_int_equal(health.segments + health.sealed_through + health.sealings + health.damages, 0);
    assert_string_equal(health.trouble, "");
    seal_at_once(100000);
    store = store_again(store);
    store_settle(store);
    store_health(store, &health);
    assert_int_equal(health.hot_batches + health.hot_rows + health.hot_bytes, 0);
    assert_int_equal(health.sealed_through, 10);
    assert_int_equal(health.segments, 4);          /* with hours */
    assert_int_equal(health.segment_rows, 50 + 1); /* one hour */
    assert_int_equal(health.sealings, 1);
    assert_true(health.sealed_ns > 0 && health.segment_bytes > health.index_bytes && health.index_bytes > 0);
    assert_ok(store_parts(store, &parts, &count, &err), err);
    assert_int_equal(count, 4);
    uint64_t rows = 0, bytes = 0;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(parts[i].files, 1);
        assert_int_equal(parts[i].level, 0);
        assert_true(parts[i].first_ns <= parts[i].last_ns);
        rows += parts[i].rows;
        bytes += parts[i].bytes + parts[i].index_bytes;
    }
    assert_int_equal(rows, 51);
    assert_int_equal(bytes, health.segment_bytes);
    free(parts);
    store_close(&store);
}

/* What is being written ends soon; it is done again by the next start, once. */
static void test_close_does_not_wait_for_a_sealing(void **state)
{
    (void)state;
    store_options.seal_rows = 60000;
    struct store *store = store_start();
    for (uint64_t sequence = 1; sequence <= 10; sequence++)
        assert_ok(commit_one(store, TEST_NOW, "inner", sequence, 6000), err);
    for (unsigned tenths = 0; tenths < 4; tenths++) {
        usleep(tenths * 60000);
        int64_t began = clock_monotonic_ns();
        store_close(&store);
        assert_in_range(clock_monotonic_ns() - began, 0, 3 * NS_PER_S);
        store = store_start();
        assert_int_equal(count_rows(store, &ALL), 60000);
    }
    store_settle(store);
    assert_int_equal(count_rows(store, &ALL), 60000);
    store_close(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_what_is_committed_is_found),
        STORE_TEST(test_a_set_is_one),
        STORE_TEST(test_digests),
        STORE_TEST(test_kill),
        STORE_TEST(test_one_instance),
        STORE_TEST(test_a_directory_that_cannot_be),
        STORE_TEST(test_full_disk),
        STORE_TEST(test_full_disk_while_it_seals),
        STORE_TEST(test_positions_by_kind),
        STORE_TEST(test_a_jumping_clock_does_nothing),
        STORE_TEST(test_what_is_too_old_goes),
        STORE_TEST(test_a_few_records_let_nothing_go),
        STORE_TEST(test_verdicts_by_name),
        STORE_TEST(test_flows_by_name),
        STORE_TEST(test_the_waiting_and_boundary_counts),
        STORE_TEST(test_losses_are_found_by_time),
        STORE_TEST(test_silent),
        STORE_TEST(test_conditions_are_of_the_kind),
        STORE_TEST(test_endpoint),
        STORE_TEST(test_interrupt),
        STORE_TEST(test_health_and_parts),
        STORE_TEST(test_close_does_not_wait_for_a_sealing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
