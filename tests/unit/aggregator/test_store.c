/* SPDX-License-Identifier: Apache-2.0 */
/* The store, with real DuckDB files: exactly once, after crashes, over days, full disks and damaged files. */
#include "tests/unit/aggregator/support.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "aggregator/store/internal.h"
#include "aggregator/store/store.h"
#include "common/records/loss.h"
#include "common/records/status.h"

static struct error err;
static char last_notice[1024];

static void keep_notice(void *context, const char *text)
{
    (void)context;
    snprintf(last_notice, sizeof(last_notice), "%s", text);
}

static struct store *open_at(const char *directory, int64_t now_ns)
{
    struct store *store;
    struct store_options options = {.directory = directory, .memory_limit = 256u << 20, .notice = keep_notice};
    assert_ok(store_open(&options, &store, &err), err);
    return store;
}

/* Commits one batch of `rows` flows; the result is the caller's to judge. */
static enum result commit_one(struct store *store, int64_t now_ns, const char *sensor, uint64_t sequence, uint32_t rows)
{
    struct batch *batch = test_batch(sensor, sequence, now_ns);
    if (rows > 0)
        batch->records[RECORD_FLOW] = flow_records(test_flows(&batch->observer, sequence * 100000, rows, now_ns));
    enum result r = store_commit(store, &batch, 1, &err);
    batch_destroy(&batch);
    return r;
}

static uint64_t count_rows(struct store *store, const struct store_query *query)
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

static void test_what_is_committed_is_found(void **state)
{
    (void)state;
    struct store *store = open_at(test_directory, TEST_NOW);
    struct observer observer = test_observer("inner", 7);
    assert_int_equal(store_name(store, &observer, 1, &digest), STORE_NAME_NEW);
    assert_ok(commit_one(store, TEST_NOW, "inner", 1, 5000), err);
    assert_int_equal(store_name(store, &observer, 1, &digest), STORE_NAME_COMMITTED);
    assert_int_equal(store_name(store, &observer, 2, &digest), STORE_NAME_NEW);
    assert_int_equal(count_rows(store, &(struct store_query){0}), 5000);
    assert_int_equal(count_rows(store, &(struct store_query){.limit = 17}), 17);
    assert_int_equal(count_rows(store, &(struct store_query){.from_ns = TEST_NOW + 10 * NS_PER_S}), 0);
    store_close(&store);

    store = open_at(test_directory, TEST_NOW);
    assert_int_equal(store_name(store, &observer, 1, &digest), STORE_NAME_COMMITTED);
    assert_int_equal(count_rows(store, &(struct store_query){0}), 5000);
    struct store_summary summary;
    store_summarise(store, &summary);
    assert_int_equal(summary.position, 1);
    assert_int_equal(summary.last[RECORD_FLOW], 1);
    assert_int_equal(summary.first_ns, TEST_NOW);
    store_close(&store);
}

static void test_days(void **state)
{
    (void)state;
    struct store *store = open_at(test_directory, TEST_NOW);
    for (int day = 0; day < 3; day++)
        assert_ok(commit_one(store, TEST_NOW + day * 86400 * NS_PER_S, "inner", (uint64_t)day + 1, 100), err);
    assert_int_equal(count_rows(store, &(struct store_query){0}), 300);
    int64_t second = TEST_NOW + 86400 * NS_PER_S;
    assert_int_equal(count_rows(store, &(struct store_query){.from_ns = second, .to_ns = second + NS_PER_S}), 100);
    assert_int_equal(count_rows(store, &(struct store_query){.after = 1, .through = 2, .by_position = true}), 100);
    store_close(&store);
    /* The clock set back: positions still grow, nothing is overwritten. */
    store = open_at(test_directory, TEST_NOW);
    assert_ok(commit_one(store, TEST_NOW, "inner", 4, 1), err);
    struct store_summary summary;
    store_summarise(store, &summary);
    assert_int_equal(summary.position, 4);
    assert_int_equal(count_rows(store, &(struct store_query){0}), 301);
    store_close(&store);
}

/* By position: each batch whole and apart from the next, in order. */
static void test_replay_order(void **state)
{
    (void)state;
    struct store *store = open_at(test_directory, TEST_NOW);
    for (uint64_t sequence = 1; sequence <= 20; sequence++)
        assert_ok(commit_one(store, TEST_NOW, sequence % 2 ? "inner" : "outer", sequence, 3000), err);
    struct store_reader *reader;
    assert_ok(store_reader_open(store, &reader, &err), err);
    assert_ok(store_find(reader, &(struct store_query){.after = 5, .through = 15, .by_position = true}, &err), err);
    struct records *records;
    uint64_t position = 0, last = 5;
    while (store_next(reader, &records, &position, &err) == RESULT_OK) {
        const struct flow_batch *flows = flow_batch_of(records);
        assert_int_equal(position, last + 1);
        assert_int_equal(flows->rows, 3000);
        assert_int_equal(flows->observer_count, 1);
        assert_string_equal(flows->observers[0].sensor, position % 2 ? "inner" : "outer");
        for (uint32_t i = 0; i < flows->rows; i++)
            assert_int_equal(flows->flow[i], position * 100000 + i);
        last = position;
        records_free(&records);
    }
    assert_int_equal(last, 15);
    store_reader_close(&reader);
    store_close(&store);
}

/* An acknowledged batch survives kill -9, whole; an unfinished one leaves nothing. */
static void test_kill(void **state)
{
    (void)state;
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    if (child == 0) {
        struct store *store;
        struct store_options options = {.directory = test_directory};
        if (store_open(&options, &store, &err) != RESULT_OK)
            _exit(1);
        for (uint64_t sequence = 1;; sequence++) {
            if (commit_one(store, TEST_NOW, "inner", sequence, 1000) != RESULT_OK ||
                write(pipes[1], &sequence, sizeof(sequence)) != (ssize_t)sizeof(sequence))
                _exit(1);
        }
    }
    close(pipes[1]);
    uint64_t acknowledged = 0;
    while (acknowledged < 5)
        assert_int_equal(read(pipes[0], &acknowledged, sizeof(acknowledged)), sizeof(acknowledged));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    uint64_t sequence;
    while (read(pipes[0], &sequence, sizeof(sequence)) == (ssize_t)sizeof(sequence))
        acknowledged = sequence;
    close(pipes[0]);

    struct store *store = open_at(test_directory, TEST_NOW);
    struct observer observer = test_observer("inner", 7);
    for (sequence = 1; sequence <= acknowledged; sequence++)
        assert_int_equal(store_name(store, &observer, sequence, &digest), STORE_NAME_COMMITTED);
    assert_int_equal(store_name(store, &observer, acknowledged + 2, &digest), STORE_NAME_NEW);
    bool one_more =
        store_name(store, &observer, acknowledged + 1, &digest) == STORE_NAME_COMMITTED; /* committed, not yet said */
    assert_int_equal(count_rows(store, &(struct store_query){0}), (acknowledged + one_more) * 1000);
    store_close(&store);
}

static void test_one_instance(void **state)
{
    (void)state;
    struct store *store = open_at(test_directory, TEST_NOW), *second;
    struct store_options options = {.directory = test_directory};
    assert_int_equal(store_open(&options, &second, &err), RESULT_FATAL);
    assert_non_null(strstr(err.text, "in use by another"));
    store_close(&store);
}

static void damage(const char *name, long at)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", test_directory, name);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    fseek(file, at, SEEK_SET);
    for (int i = 0; i < 8192; i++)
        fputc(0x5a, file);
    fclose(file);
}

static void test_damaged_file_is_set_aside(void **state)
{
    (void)state;
    struct store *store = open_at(test_directory, TEST_NOW);
    assert_ok(commit_one(store, TEST_NOW, "inner", 1, 100), err);
    assert_ok(commit_one(store, TEST_NOW + 86400 * NS_PER_S, "inner", 2, 50), err);
    struct store_summary before, after;
    store_summarise(store, &before);
    store_close(&store);
    damage("flows-2026-11-24.duckdb", 0);
    last_notice[0] = '\0';
    store = open_at(test_directory, TEST_NOW + 86400 * NS_PER_S);
    assert_non_null(strstr(last_notice, "set aside"));
    assert_int_equal(count_rows(store, &(struct store_query){0}), 100);
    assert_ok(commit_one(store, TEST_NOW + 86400 * NS_PER_S, "inner", 3, 10), err);
    store_summarise(store, &after);
    assert_true(after.position > before.position);
    assert_int_equal(count_rows(store, &(struct store_query){0}), 110);
    store_close(&store);
    /* The day is told as damaged for as long as its file lies there, also after the next start. */
    store = open_at(test_directory, TEST_NOW + 86400 * NS_PER_S);
    size_t count;
    const struct store_damage *damage = store_damaged(store, &count);
    assert_int_equal(count, 1);
    assert_ptr_equal(strstr(damage->file, "flows-2026-11-24.duckdb.damaged-"), damage->file);
    assert_int_equal(damage->from_ns, TEST_NOW + 23 * 3600 * NS_PER_S);
    assert_int_equal(damage->to_ns, TEST_NOW + 48 * 3600 * NS_PER_S);
    store_close(&store);
}

/* Ten batches by a process that is killed: a day file and a log. */
static void commit_ten_and_die(void)
{
    pid_t child = fork();
    if (child == 0) {
        struct store *store;
        struct store_options options = {.directory = test_directory};
        if (store_open(&options, &store, &err) != RESULT_OK)
            _exit(1);
        for (uint64_t sequence = 1; sequence <= 10; sequence++) {
            if (commit_one(store, TEST_NOW, "inner", sequence, 1000) != RESULT_OK)
                _exit(1);
        }
        kill(getpid(), SIGKILL);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
}

/* The database reads a log as far as it is good, and says nothing of the rest: what was acknowledged and is not there
 * is told, its positions are not given again, and a subscriber who waits for them learns that they are gone. */
static void test_a_log_without_its_end_is_told(void **state)
{
    (void)state;
    char log[128];
    struct stat st;
    commit_ten_and_die();
    snprintf(log, sizeof(log), "%s/flows-2026-11-23.duckdb.wal", test_directory);
    assert_int_equal(stat(log, &st), 0);
    assert_int_equal(truncate(log, st.st_size - 1), 0);
    for (int start = 0; start < 2; start++) {
        size_t count;
        struct store_summary summary;
        last_notice[0] = '\0';
        struct store *store = open_at(test_directory, TEST_NOW);
        assert_int_equal(strstr(last_notice, "lost its end: 1 batches") != NULL, start == 0);
        const struct store_damage *damage = store_damaged(store, &count);
        assert_int_equal(count, 1);
        assert_true(damage->cut);
        assert_ptr_equal(strstr(damage->file, "flows-2026-11-23.duckdb.cut-"), damage->file);
        if (start == 0) {
            assert_int_equal(count_rows(store, &(struct store_query){0}), 9000);
            assert_int_equal(store_missing_before(store, 11), 10);
            assert_ok(commit_one(store, TEST_NOW, "inner", 11, 10), err);
        }
        store_summarise(store, &summary);
        assert_int_equal(summary.position, 11);
        assert_int_equal(store_missing_before(store, 11), 10);
        assert_int_equal(store_missing_before(store, 5), 0);
        assert_int_equal(summary.last[RECORD_ALERT], 10);
        store_close(&store);
    }
}

/* Positions whose file is gone are known to be missing, and no kind's next record claims to follow one before them. */
static void test_missing_positions_are_known(void **state)
{
    (void)state;
    struct store *store = open_at(test_directory, TEST_NOW);
    char path[128];
    for (uint64_t day = 0; day < 4; day++) {
        for (uint64_t i = 1; i <= 3; i++)
            assert_ok(commit_one(store, TEST_NOW + (int64_t)day * 86400 * NS_PER_S, "inner", day * 3 + i, 2), err);
    }
    assert_int_equal(store_missing_before(store, 13), 0);
    store_close(&store);
    snprintf(path, sizeof(path), "%s/flows-2026-11-24.duckdb", test_directory);
    assert_int_equal(unlink(path), 0);
    store = open_at(test_directory, TEST_NOW + 3 * 86400 * NS_PER_S);
    static const uint64_t before[][2] = {{13, 6}, {12, 6}, {7, 6}, {6, 5}, {4, 0}, {3, 0}, {1, 0}};
    for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++)
        assert_int_equal(store_missing_before(store, before[i][0]), before[i][1]);
    struct store_summary summary;
    store_summarise(store, &summary);
    assert_int_equal(summary.position, 12);
    assert_int_equal(summary.last[RECORD_FLOW], 12);
    assert_int_equal(summary.last[RECORD_ALERT], 6);
    store_close(&store);
}

/* Full: nothing of the set is written, and the same set goes in when there is room. */
static void test_full_disk(void **state)
{
    (void)state;
    char mounted[96];
    snprintf(mounted, sizeof(mounted), "%s/disk", test_directory);
    assert_int_equal(mkdir(mounted, 0700), 0);
    if (mount("none", mounted, "tmpfs", 0, "size=24m") != 0) {
        print_message("skipped: no privilege to mount a tmpfs\n");
        skip();
    }
    struct store *store = open_at(mounted, TEST_NOW);
    uint64_t sequence = 1;
    while (commit_one(store, TEST_NOW, "inner", sequence, 20000) == RESULT_OK && sequence < 100)
        sequence++;
    assert_in_range(sequence, 2, 99);
    assert_non_null(strstr(err.text, "No space left"));
    assert_int_equal(commit_one(store, TEST_NOW, "inner", sequence, 20000), RESULT_AGAIN);
    struct observer observer = test_observer("inner", 7);
    assert_int_equal(store_name(store, &observer, sequence, &digest), STORE_NAME_NEW);
    assert_int_equal(count_rows(store, &(struct store_query){0}), (sequence - 1) * 20000);
    assert_int_equal(mount(NULL, mounted, NULL, MS_REMOUNT, "size=200m"), 0);
    assert_ok(commit_one(store, TEST_NOW, "inner", sequence, 20000), err);
    assert_int_equal(count_rows(store, &(struct store_query){0}), sequence * 20000);
    store_close(&store);
    store = open_at(mounted, TEST_NOW);
    assert_int_equal(count_rows(store, &(struct store_query){0}), sequence * 20000);
    store_close(&store);
    assert_int_equal(umount(mounted), 0);
}

/* Two batches of flows: inner's 0 to 9 and outer's 1000000 to 1000009. */
static void flows_of_both(struct batch *batches[2])
{
    batches[0] = test_batch("inner", 1, TEST_NOW);
    batches[1] = test_batch("outer", 1, TEST_NOW);
    for (unsigned i = 0; i < 2; i++)
        batches[i]->records[RECORD_FLOW] = flow_records(test_flows(&batches[i]->observer, i * 1000000, 10, TEST_NOW));
}

static void commit_verdicts(struct store *store, int64_t now_ns, const struct verdict *verdicts, size_t count,
                            uint64_t *ret_position, uint64_t *ret_previous)
{
    struct batch *conclusions = test_conclusions(now_ns);
    conclusions->records[RECORD_VERDICT] = test_verdicts();
    for (size_t i = 0; i < count; i++)
        assert_int_equal(records_append(&conclusions->records[RECORD_VERDICT], &verdicts[i]), RESULT_OK);
    assert_ok(store_commit(store, &conclusions, 1, &err), err);
    *ret_position = conclusions->position;
    *ret_previous = conclusions->previous[RECORD_VERDICT];
    batch_destroy(&conclusions);
}

/* Three pairs and a reason, of flows_of_both: two pairs on one day, the rest on the next, in another file. */
static struct store *store_with_verdicts(void)
{
    struct store *store = open_at(test_directory, TEST_NOW);
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
    commit_verdicts(store, TEST_NOW, verdicts, 2, &position, &previous);
    assert_int_equal(position, 3);
    assert_int_equal(previous, 0);
    commit_verdicts(store, TEST_NOW + 86400 * NS_PER_S, verdicts + 2, 2, &position, &previous);
    assert_int_equal(position, 4);
    assert_int_equal(previous, 3);
    return store;
}

/* As view and as partner; a view without partner is nobody's. */
static void test_verdicts_by_name(void **state)
{
    (void)state;
    struct store *store = store_with_verdicts();
    struct store_reader *reader;
    struct records *found;
    assert_ok(store_reader_open(store, &reader, &err), err);
    struct flow_name names[3] = {
        {test_observer("inner", 7), 3}, {test_observer("outer", 7), 1000001}, {test_observer("outer", 8), 1000002}};
    struct store_query query = {.kind = RECORD_VERDICT, .names = names, .name_count = 3, .by_position = true};
    assert_ok(store_collect(reader, &query, &found, &err), err);
    assert_int_equal(found->rows, 2);
    const struct verdict_columns *v = verdict_columns(found);
    assert_int_equal(v->flow[0], 1);
    assert_string_equal(found->observers[v->partner_observer[0]].sensor, "outer");
    assert_int_equal(v->flow[1], 3);
    assert_int_equal(v->odds[1], 20000);
    assert_int_equal(v->offset[1], -5);
    assert_string_equal(v->boundary[1], "border");
    records_free(&found);

    names[0].flow = 9;
    query.name_count = 1;
    assert_ok(store_collect(reader, &query, &found, &err), err);
    assert_int_equal(found->rows, 1);
    assert_int_equal(verdict_columns(found)->verdict[0], VERDICT_AMBIGUOUS);
    records_free(&found);
    names[0].flow = 0; /* what stands in the partner's place of flow 9's verdict, which has none */
    assert_ok(store_collect(reader, &query, &found, &err), err);
    assert_int_equal(found->rows, 0);
    records_free(&found);

    query = (struct store_query){.kind = RECORD_VERDICT, .limit = 3};
    assert_ok(store_collect(reader, &query, &found, &err), err);
    assert_int_equal(found->rows, 3);
    records_free(&found);
    query = (struct store_query){.kind = RECORD_VERDICT, .from_ns = TEST_NOW + NS_PER_S};
    assert_ok(store_collect(reader, &query, &found, &err), err);
    assert_int_equal(found->rows, 0);
    records_free(&found);
    store_reader_close(&reader);
    store_close(&store);
}

static void assert_counts(struct store *store)
{
    uint64_t counts[VERDICT_COUNT];
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
    struct store_reader *reader;
    struct records *records;
    assert_ok(store_reader_open(store, &reader, &err), err);
    /* Waiting at the boundary: inner 0 and 4..8, outer 0 and 4..9. */
    assert_ok(store_find_waiting(reader, "border", "inner", "outer", TEST_NOW - 1, &err), err);
    uint64_t inner = 0, outer = 0;
    while (store_next(reader, &records, NULL, &err) == RESULT_OK) {
        for (uint32_t i = 0; i < records->rows; i++) {
            uint64_t flow = flow_batch_of(records)->flow[i];
            *(flow < 1000000 ? &inner : &outer) |= 1u << flow % 1000000;
        }
        records_free(&records);
    }
    assert_int_equal(inner, 0x1f1);
    assert_int_equal(outer, 0x3f1);
    store_reader_close(&reader);
    assert_counts(store);
    store_close(&store);
    store = open_at(test_directory, TEST_NOW + 86400 * NS_PER_S);
    assert_counts(store);
    struct store_summary summary;
    store_summarise(store, &summary);
    assert_int_equal(summary.position, 4);
    assert_int_equal(summary.last[RECORD_FLOW], 2);
    assert_int_equal(summary.last[RECORD_VERDICT], 4);
    assert_int_equal(summary.last[RECORD_LOSS], 0);
    assert_int_equal(summary.last_received_ns, TEST_NOW); /* of what sensors sent */
    store_close(&store);
}

/* Each kind is told the position before it of its own; a batch without name and records has none. */
static void test_positions_by_kind(void **state)
{
    (void)state;
    struct store *store = open_at(test_directory, TEST_NOW);
    for (uint64_t round = 0; round < 2; round++) {
        struct batch *set[4] = {test_batch("inner", 2 * round + 1, TEST_NOW), test_conclusions(TEST_NOW),
                                test_batch("inner", 2 * round + 2, TEST_NOW), test_batch("outer", round + 1, TEST_NOW)};
        struct loss loss = {.loss = LOSS_PACKETS_KERNEL, .count = 1};
        struct status status = {.time = TEST_NOW};
        assert_int_equal(records_append(test_records(set[0], RECORD_LOSS), &loss), RESULT_OK);
        assert_int_equal(records_append(test_records(set[0], RECORD_STATUS), &status), RESULT_OK);
        assert_int_equal(records_append(test_records(set[3], RECORD_STATUS), &status), RESULT_OK);
        assert_ok(store_commit(store, set, 4, &err), err);
        uint64_t before = round * 3;
        assert_int_equal(set[0]->position, before + 1);
        assert_int_equal(set[0]->previous[RECORD_LOSS], round == 0 ? 0 : 1);
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
        store_close(&store);
        store = open_at(test_directory, TEST_NOW); /* and after a new start */
    }
    store_close(&store);
}

/* A batch with a loss of each kind of `count` records or packets, and a status. */
static struct batch *words_of_inner(void)
{
    struct batch *batch = test_batch("inner", 1, TEST_NOW);
    for (unsigned kind = 0; kind < LOSS_KIND_COUNT; kind++) {
        struct loss loss = {.loss = (uint8_t)kind,
                            .from_time = TEST_NOW,
                            .to_time = TEST_NOW + 5,
                            .count = 40 + kind,
                            .interface = "eth0'; DROP TABLE flow; --",
                            .reason = "full"};
        assert_int_equal(records_append(test_records(batch, RECORD_LOSS), &loss), RESULT_OK);
    }
    struct status status = {.time = TEST_NOW, .flows_made = 77};
    struct status_interface interface = {.interface_name = "eth0", .interface_offered = 5};
    assert_int_equal(records_append(test_records(batch, RECORD_STATUS), &status), RESULT_OK);
    assert_int_equal(records_add_item(batch->records[RECORD_STATUS], STATUS_INTERFACES, &interface), RESULT_OK);
    return batch;
}

static void assert_life(struct store *store)
{
    struct store_life *lives;
    size_t count;
    assert_ok(store_lives(store, true, &lives, &count, &err), err);
    assert_int_equal(count, 1);
    assert_int_equal(lives[0].records_lost, 2 * 40 + LOSS_RECORDS_SPOOL + LOSS_RECORDS_REJECTED);
    assert_int_equal(lives[0].status_position, 1);
    assert_int_equal(lives[0].status_received_ns, TEST_NOW);
    assert_int_equal(lives[0].status->rows, 1);
    assert_int_equal(status_columns(lives[0].status)->flows_made[0], 77);
    assert_string_equal(status_columns(lives[0].status)->interface_name[0], "eth0");
    store_lives_free(&lives, count);
}

static void test_losses_and_statuses(void **state)
{
    (void)state;
    struct store *store = open_at(test_directory, TEST_NOW);
    struct batch *batch = words_of_inner();
    assert_ok(store_commit(store, &batch, 1, &err), err);
    batch_destroy(&batch);
    assert_life(store);
    store_close(&store);
    store = open_at(test_directory, TEST_NOW);
    assert_life(store);
    struct store_reader *reader;
    struct records *found;
    assert_ok(store_reader_open(store, &reader, &err), err);
    struct store_query query = {
        .kind = RECORD_LOSS, .from_ns = TEST_NOW + 1, .to_ns = TEST_NOW + 2, .by_position = true};
    assert_ok(store_collect(reader, &query, &found, &err), err);
    assert_int_equal(found->rows, LOSS_KIND_COUNT);
    assert_string_equal(loss_columns(found)->interface[0], "eth0'; DROP TABLE flow; --");
    assert_string_equal(found->observers[0].sensor, "inner");
    records_free(&found);
    query.from_ns = TEST_NOW + 6;
    query.to_ns = 0;
    assert_ok(store_collect(reader, &query, &found, &err), err);
    assert_int_equal(found->rows, 0);
    records_free(&found);
    store_reader_close(&reader);
    store_close(&store);
}

/* ---- many lives */

static void commit_status_of(struct store *store, uint64_t epoch, uint64_t sequence)
{
    struct batch *batch = test_batch("inner", sequence, TEST_NOW);
    batch->observer.epoch = epoch;
    const struct status status = {.time = TEST_NOW, .flows_made = 70 + epoch, .software = "pavo-sensor"};
    const struct status_interface interface = {.interface_name = "eth0", .interface_offered = 5};
    assert_int_equal(records_append(test_records(batch, RECORD_STATUS), &status), RESULT_OK);
    assert_int_equal(records_add_item(batch->records[RECORD_STATUS], STATUS_INTERFACES, &interface), RESULT_OK);
    assert_ok(store_commit(store, &batch, 1, &err), err);
    batch_destroy(&batch);
}

/* Of the lives, those with lists have them, and all have their numbers. */
static void assert_lists(struct store *store, bool texts, size_t wanted, uint64_t with_lists)
{
    struct store_life *lives;
    size_t count;
    assert_ok(store_lives(store, texts, &lives, &count, &err), err);
    assert_int_equal(count, wanted);
    for (size_t i = 0; i < count; i++) {
        const struct status_columns *s = status_columns(lives[i].status);
        const bool lists = lives[i].observer.epoch == with_lists;
        assert_int_equal(lives[i].has_lists, lists);
        assert_int_equal(s->interfaces[0], lists ? 1 : 0);
        assert_int_equal(lives[i].status->items[STATUS_INTERFACES], lists ? 1 : 0);
        assert_int_equal(s->flows_made[0], 70 + lives[i].observer.epoch);
        assert_string_equal(s->software[0] == NULL ? "" : s->software[0], texts ? "pavo-sensor" : "");
        assert_int_equal(s->observers[s->observer[0]].epoch, lives[i].observer.epoch);
    }
    store_lives_free(&lives, count);
}

/* A status may be megabytes, and lives many. */
static void test_only_the_newest_life_keeps_its_lists(void **state)
{
    (void)state;
    struct store *store = open_at(test_directory, TEST_NOW);
    commit_status_of(store, 7, 1);
    assert_lists(store, true, 1, 7);
    commit_status_of(store, 9, 1);
    assert_lists(store, true, 2, 9);
    commit_status_of(store, 7, 2); /* a late word of one that is over */
    commit_status_of(store, 8, 1);
    assert_lists(store, true, 3, 9);
    assert_lists(store, false, 3, 0);
    store_close(&store);
    store = open_at(test_directory, TEST_NOW);
    assert_lists(store, true, 3, 9);
    store_close(&store);
}

/* So many lives of a sensor, each of which has said one thing. */
static void commit_lives(struct store *store, const char *sensor, uint64_t count)
{
    enum { SET = 64 };
    struct batch *set[SET];
    for (uint64_t epoch = 1; epoch <= count; epoch += SET) {
        for (unsigned i = 0; i < SET; i++) {
            set[i] = test_batch(sensor, 1, TEST_NOW);
            set[i]->observer.epoch = epoch + i;
        }
        assert_ok(store_commit(store, set, SET, &err), err);
        for (unsigned i = 0; i < SET; i++)
            batch_destroy(&set[i]);
    }
}

static enum store_name name_of(struct store *store, const char *sensor, uint64_t epoch, uint64_t sequence)
{
    struct observer observer = test_observer(sensor, epoch);
    return store_name(store, &observer, sequence, &digest);
}

static void test_one_name_does_not_use_up_the_lives(void **state)
{
    (void)state;
    struct store *store = open_at(test_directory, TEST_NOW);
    commit_lives(store, "inner", STORE_LIVES_SHARE - 64);
    assert_int_equal(name_of(store, "inner", STORE_LIVES_SHARE, 1), STORE_NAME_NEW);
    commit_lives(store, "inner", STORE_LIVES_SHARE);
    for (int starts = 0; starts < 2; starts++) {
        assert_int_equal(name_of(store, "inner", STORE_LIVES_SHARE + 1, 1), STORE_NAME_REFUSED);
        assert_int_equal(name_of(store, "inner", STORE_LIVES_SHARE, 1), STORE_NAME_COMMITTED);
        assert_int_equal(name_of(store, "inner", 1, 2), STORE_NAME_NEW);
        assert_int_equal(name_of(store, "outer", 1, 1), STORE_NAME_NEW);
        store_close(&store);
        store = open_at(test_directory, TEST_NOW);
    }
    store_close(&store);
}

/* When all lives together are too many, nobody is to blame: nothing is refused for good. */
static void test_too_many_lives_defer(void **state)
{
    (void)state;
    struct store *store = open_at(test_directory, TEST_NOW);
    for (unsigned i = 0; i < (STORE_LIVES_MAX - STORE_SPARE) / STORE_LIVES_SHARE; i++) {
        char name[16];
        assert_int_equal(name_of(store, "outer", 1, 1), STORE_NAME_NEW);
        snprintf(name, sizeof(name), "sensor%u", i);
        commit_lives(store, name, STORE_LIVES_SHARE);
    }
    commit_lives(store, "rest", (STORE_LIVES_MAX - STORE_SPARE) % STORE_LIVES_SHARE);
    assert_int_equal(name_of(store, "outer", 1, 1), STORE_NAME_LATER);
    assert_int_equal(name_of(store, "sensor0", 5, 2), STORE_NAME_NEW);
    assert_int_equal(name_of(store, "sensor0", STORE_LIVES_SHARE + 1, 1), STORE_NAME_REFUSED);
    store_close(&store);
}

static size_t count_silent(struct store_reader *reader, int64_t from_ns, int64_t to_ns)
{
    char(*silent)[OBSERVER_NAME_MAX];
    size_t count;
    assert_ok(store_silent(reader, from_ns, to_ns, &silent, &count, &err), err);
    free(silent);
    return count;
}

static void test_silent(void **state)
{
    (void)state;
    struct store *store = open_at(test_directory, TEST_NOW);
    struct store_reader *reader;
    assert_ok(commit_one(store, TEST_NOW, "inner", 1, 0), err);
    assert_ok(commit_one(store, TEST_NOW + 86400 * NS_PER_S, "outer", 1, 1), err);
    assert_ok(store_reader_open(store, &reader, &err), err);
    assert_int_equal(count_silent(reader, TEST_NOW, TEST_NOW + 2 * NS_PER_S), 1);
    assert_int_equal(count_silent(reader, TEST_NOW + NS_PER_S, TEST_NOW + 2 * NS_PER_S), 2);
    assert_int_equal(count_silent(reader, TEST_NOW, TEST_NOW + 2 * 86400 * NS_PER_S), 0);
    assert_int_equal(count_silent(reader, 0, 0), 0);
    store_reader_close(&reader);
    store_close(&store);
}

/* What does not fit the kind is refused, not ignored. */
static void test_conditions_are_of_the_kind(void **state)
{
    (void)state;
    struct store *store = open_at(test_directory, TEST_NOW);
    struct store_reader *reader;
    struct filter *filter;
    assert_ok(store_reader_open(store, &reader, &err), err);
    assert_ok(filter_parse(record_kinds[RECORD_FLOW], "tcp", &filter, NULL, &err), err);
    struct flow_name name = {test_observer("inner", 7), 1};
    const struct store_query bad[] = {{.kind = RECORD_LOSS, .filter = filter},
                                      {.kind = RECORD_STATUS, .names = &name, .name_count = 1},
                                      {.kind = RECORD_VERDICT, .endpoint = &(struct endpoint){{0, 1}, 0}},
                                      {.kind = RECORD_ALERT, .protocol = 6},
                                      {.kind = RECORD_FLOW, .names = &name, .name_count = STORE_NAMES_MAX + 1}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(store_find(reader, &bad[i], &err), RESULT_REJECT);
    filter_destroy(&filter);
    store_reader_close(&reader);
    store_close(&store);
}

/* Either end; by position as well, where there is one arm. */
static void test_endpoint(void **state)
{
    (void)state;
    struct store *store = open_at(test_directory, TEST_NOW);
    assert_ok(commit_one(store, TEST_NOW, "inner", 1, 100), err);
    struct flow flow = test_flow(100000, TEST_NOW);
    struct endpoint src = {flow_src(&flow), flow.src_port}, dst = {flow_dst(&flow), 80}, none = {flow_dst(&flow), 81};
    for (int by_position = 0; by_position < 2; by_position++) {
        struct store_query query = {.endpoint = &src, .by_position = by_position != 0};
        assert_int_equal(count_rows(store, &query), 1);
        query.endpoint = &dst;
        assert_int_equal(count_rows(store, &query), 100);
        query.protocol = 17;
        assert_int_equal(count_rows(store, &query), 0);
        query.protocol = 6;
        query.endpoint = &none;
        assert_int_equal(count_rows(store, &query), 0);
    }
    store_close(&store);
}

static void test_interrupt(void **state)
{
    (void)state;
    struct store *store = open_at(test_directory, TEST_NOW);
    assert_ok(commit_one(store, TEST_NOW, "inner", 1, 50), err);
    struct store_reader *reader;
    struct records *records;
    assert_ok(store_reader_open(store, &reader, &err), err);
    assert_ok(store_find(reader, &(struct store_query){0}, &err), err);
    store_reader_interrupt(reader);
    assert_int_equal(store_next(reader, &records, NULL, &err), RESULT_AGAIN);
    store_reader_resume(reader);
    assert_ok(store_find(reader, &(struct store_query){0}, &err), err);
    assert_ok(store_next(reader, &records, NULL, &err), err);
    records_free(&records);
    store_reader_close(&reader);
    store_close(&store);
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, directory_setup, directory_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_what_is_committed_is_found),
        STORE_TEST(test_days),
        STORE_TEST(test_replay_order),
        STORE_TEST(test_kill),
        STORE_TEST(test_one_instance),
        STORE_TEST(test_damaged_file_is_set_aside),
        STORE_TEST(test_missing_positions_are_known),
        STORE_TEST(test_a_log_without_its_end_is_told),
        STORE_TEST(test_full_disk),
        STORE_TEST(test_verdicts_by_name),
        STORE_TEST(test_the_waiting_and_boundary_counts),
        STORE_TEST(test_positions_by_kind),
        STORE_TEST(test_losses_and_statuses),
        STORE_TEST(test_only_the_newest_life_keeps_its_lists),
        STORE_TEST(test_one_name_does_not_use_up_the_lives),
        STORE_TEST(test_too_many_lives_defer),
        STORE_TEST(test_silent),
        STORE_TEST(test_conditions_are_of_the_kind),
        STORE_TEST(test_endpoint),
        STORE_TEST(test_interrupt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
