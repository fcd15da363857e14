/* SPDX-License-Identifier: Apache-2.0 */
/* The store, with real DuckDB files: exactly once, after crashes, over days, full disks and damaged files. */
#include "tests/unit/aggregator/support.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "aggregator/store/store.h"

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
    assert_ok(store_open(&options, now_ns, &store, &err), err);
    return store;
}

/* Commits one batch of `rows` flows; the result is the caller's to judge. */
static enum result commit_one(struct store *store, int64_t now_ns, const char *sensor, uint64_t sequence, uint32_t rows)
{
    struct store_batch batch = {.observer = test_observer(sensor, 7), .sequence = sequence, .received_ns = now_ns};
    struct flow_batch *flows = rows == 0 ? NULL : test_batch(&batch.observer, sequence * 100000, rows, now_ns);
    batch.flows = flows;
    struct store_commit_set set = {.batches = &batch, .batch_count = 1};
    enum result r = store_commit(store, now_ns, &set, &err);
    if (flows != NULL)
        flow_batch_destroy(&flows);
    return r;
}

static uint64_t count_rows(struct store *store, const struct store_query *query)
{
    struct store_reader *reader;
    struct flow_batch *batch;
    uint64_t rows = 0;
    assert_ok(store_reader_open(store, &reader, &err), err);
    assert_ok(store_find(reader, query, &err), err);
    enum result r;
    while ((r = store_next(reader, &batch, NULL, &err)) == RESULT_OK) {
        rows += batch->rows;
        flow_batch_destroy(&batch);
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
    assert_int_equal(store_name(store, &observer, 1), STORE_NAME_NEW);
    assert_ok(commit_one(store, TEST_NOW, "inner", 1, 5000), err);
    assert_int_equal(store_name(store, &observer, 1), STORE_NAME_COMMITTED);
    assert_int_equal(store_name(store, &observer, 2), STORE_NAME_NEW);
    assert_int_equal(count_rows(store, &(struct store_query){0}), 5000);
    assert_int_equal(count_rows(store, &(struct store_query){.limit = 17}), 17);
    assert_int_equal(count_rows(store, &(struct store_query){.from_ns = TEST_NOW + 10 * NS_PER_S}), 0);
    store_close(&store);

    store = open_at(test_directory, TEST_NOW);
    assert_int_equal(store_name(store, &observer, 1), STORE_NAME_COMMITTED);
    assert_int_equal(count_rows(store, &(struct store_query){0}), 5000);
    struct store_summary summary;
    store_summarise(store, &summary);
    assert_int_equal(summary.position, 1);
    assert_int_equal(summary.last_flow, 1);
    assert_int_equal(summary.first_ns, TEST_NOW);
    store_close(&store);
}

/* Every field comes back as it went in. */
static void test_fields_survive(void **state)
{
    (void)state;
    struct store *store = open_at(test_directory, TEST_NOW);
    struct flow in = {0}, out;
    for (int f = 0; f < FLOW_FIELD_COUNT; f++) {
        if (f == FLOW_FIELD_observer)
            continue;
        uint64_t value = 0xfedcba9876543210u + (uint64_t)f;
        if (flow_fields[f].kind == FLOW_KIND_TIME)
            value = (uint64_t)TEST_NOW + (uint64_t)f;
        memcpy((char *)&in + flow_fields[f].offset, &value, flow_fields[f].size);
    }
    struct store_batch batch = {.observer = test_observer("inner", UINT64_MAX), .sequence = 1, .received_ns = TEST_NOW};
    struct flow_batch *flows = flow_batch_new(1), *found;
    uint16_t index;
    assert_int_equal(flow_batch_observer(flows, &batch.observer, &index), RESULT_OK);
    assert_int_equal(flow_batch_add(flows, &in), RESULT_OK);
    batch.flows = flows;
    assert_ok(store_commit(store, TEST_NOW, &(struct store_commit_set){.batches = &batch, .batch_count = 1}, &err),
              err);
    struct store_reader *reader;
    assert_ok(store_reader_open(store, &reader, &err), err);
    assert_ok(store_find(reader, &(struct store_query){0}, &err), err);
    assert_ok(store_next(reader, &found, NULL, &err), err);
    flow_batch_get(found, 0, &out);
    for (int f = 0; f < FLOW_FIELD_COUNT; f++)
        assert_int_equal(flow_field_get(&in, (enum flow_field)f), flow_field_get(&out, (enum flow_field)f));
    assert_true(observer_equal(&found->observers[0], &batch.observer));
    flow_batch_destroy(&found);
    flow_batch_destroy(&flows);
    store_reader_close(&reader);
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
    struct flow_batch *batch;
    uint64_t position = 0, last = 5;
    while (store_next(reader, &batch, &position, &err) == RESULT_OK) {
        assert_int_equal(position, last + 1);
        assert_int_equal(batch->rows, 3000);
        assert_int_equal(batch->observer_count, 1);
        assert_string_equal(batch->observers[0].sensor, position % 2 ? "inner" : "outer");
        for (uint32_t i = 0; i < batch->rows; i++)
            assert_int_equal(batch->flow[i], position * 100000 + i);
        last = position;
        flow_batch_destroy(&batch);
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
        if (store_open(&options, TEST_NOW, &store, &err) != RESULT_OK)
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
        assert_int_equal(store_name(store, &observer, sequence), STORE_NAME_COMMITTED);
    assert_int_equal(store_name(store, &observer, acknowledged + 2), STORE_NAME_NEW);
    bool one_more =
        store_name(store, &observer, acknowledged + 1) == STORE_NAME_COMMITTED; /* committed, not yet said */
    assert_int_equal(count_rows(store, &(struct store_query){0}), (acknowledged + one_more) * 1000);
    store_close(&store);
}

static void test_one_instance(void **state)
{
    (void)state;
    struct store *store = open_at(test_directory, TEST_NOW), *second;
    struct store_options options = {.directory = test_directory};
    assert_int_equal(store_open(&options, TEST_NOW, &second, &err), RESULT_FATAL);
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
    assert_int_equal(store_name(store, &observer, sequence), STORE_NAME_NEW);
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

static struct link make_link(uint64_t flow)
{
    struct link link = {.boundary = "border",
                        .inside = {test_observer("inner", 7), flow},
                        .outside = {test_observer("outer", 7), flow + 1000000},
                        .method = PAVO__LINK__METHOD__SEQUENCE_NUMBERS,
                        .confidence = 99,
                        .evidence = LINK_SRC_ISN | LINK_DST_ISN,
                        .candidates = 1,
                        .offset_ns = -5,
                        .event = PAVO__NAT_BINDING__EVENT__SNAT,
                        .protocol = 6,
                        .source = {{0, 0xffff0a000001u}, 1025},
                        .destination = {{0, 0xffffc6336401u}, 80},
                        .post_nat_source = {{0, 0xffffcb007105u}, 40312},
                        .post_nat_destination = {{0, 0xffffc6336401u}, 80},
                        .first_ns = TEST_NOW,
                        .last_ns = TEST_NOW + 1};
    return link;
}

/* By what would go over the wire. */
static void assert_same_link(const struct link *a, const struct link *b)
{
    struct link_message first, second;
    uint8_t bytes[2][1024];
    link_message_init(&first, a);
    link_message_init(&second, b);
    size_t length = pavo__link__pack(&first.message, bytes[0]);
    assert_int_equal(pavo__link__pack(&second.message, bytes[1]), length);
    assert_memory_equal(bytes[0], bytes[1], length);
}

static void test_links_and_the_waiting(void **state)
{
    (void)state;
    struct store *store = open_at(test_directory, TEST_NOW);
    struct store_batch batches[2] = {{.observer = test_observer("inner", 7), .sequence = 1, .received_ns = TEST_NOW},
                                     {.observer = test_observer("outer", 7), .sequence = 1, .received_ns = TEST_NOW}};
    struct flow_batch *flows[2] = {test_batch(&batches[0].observer, 0, 10, TEST_NOW),
                                   test_batch(&batches[1].observer, 1000000, 10, TEST_NOW)};
    batches[0].flows = flows[0];
    batches[1].flows = flows[1];
    struct link links[3] = {make_link(0), make_link(1), make_link(2)};
    struct unlinked unlinked = {
        .boundary = "border", .view = {test_observer("inner", 7), 9}, .inside = true, .reason = UNLINKED_AMBIGUOUS};
    struct store_commit_set set = {.batches = batches, .batch_count = 2, .links = links, .link_count = 2};
    assert_ok(store_commit(store, TEST_NOW, &set, &err), err);
    assert_int_equal(set.link_position, 3);
    /* The third link and the reason come on the next day, in the next file. */
    int64_t next_day = TEST_NOW + 86400 * NS_PER_S;
    set = (struct store_commit_set){.links = links + 2, .link_count = 1, .unlinked = &unlinked, .unlinked_count = 1};
    assert_ok(store_commit(store, next_day, &set, &err), err);
    assert_int_equal(set.previous_link, 3);

    struct store_reader *reader;
    struct store_links found;
    assert_ok(store_reader_open(store, &reader, &err), err);
    struct flow_name names[3] = {
        {test_observer("inner", 7), 2}, {test_observer("outer", 7), 1000000}, {test_observer("outer", 8), 1000001}};
    assert_ok(store_links_of(reader, names, 3, &found, &err), err);
    assert_int_equal(found.count, 2);
    assert_same_link(&found.links[0], &links[0]);
    assert_same_link(&found.links[1], &links[2]);
    store_links_free(&found);
    assert_ok(store_links_after(reader, 0, 0, 0, &found, &err), err);
    assert_int_equal(found.count, 3);
    assert_int_equal(found.positions[2], 4);
    store_links_free(&found);
    struct unlinked *why;
    size_t why_count;
    names[0].flow = 9;
    assert_ok(store_unlinked_of(reader, names, 1, &why, &why_count, &err), err);
    assert_int_equal(why_count, 1);
    assert_int_equal(why[0].reason, UNLINKED_AMBIGUOUS);
    free(why);

    /* Waiting at the boundary: inner 3..8 and outer 3..9. */
    assert_ok(store_find_waiting(reader, "border", "inner", "outer", TEST_NOW - 1, &err), err);
    struct flow_batch *batch;
    uint64_t inner = 0, outer = 0;
    while (store_next(reader, &batch, NULL, &err) == RESULT_OK) {
        for (uint32_t i = 0; i < batch->rows; i++)
            *(batch->flow[i] < 1000000 ? &inner : &outer) |= 1u << batch->flow[i] % 1000000;
        flow_batch_destroy(&batch);
    }
    assert_int_equal(inner, 0x1f8);
    assert_int_equal(outer, 0x3f8);
    store_reader_close(&reader);
    uint64_t linked, reasons[UNLINKED_REASON_COUNT];
    store_boundary_counts(store, "border", &linked, reasons);
    assert_int_equal(linked, 3);
    assert_int_equal(reasons[UNLINKED_AMBIGUOUS], 1);
    flow_batch_destroy(&flows[0]);
    flow_batch_destroy(&flows[1]);
    store_close(&store);
    store = open_at(test_directory, next_day);
    store_boundary_counts(store, "border", &linked, reasons);
    assert_int_equal(linked, 3);
    assert_int_equal(reasons[UNLINKED_AMBIGUOUS], 1);
    struct store_summary summary;
    store_summarise(store, &summary);
    assert_int_equal(summary.position, 4);
    assert_int_equal(summary.last_link, 4);
    store_close(&store);
}

static void test_losses_and_statuses(void **state)
{
    (void)state;
    struct store *store = open_at(test_directory, TEST_NOW);
    Pavo__Loss loss = PAVO__LOSS__INIT, *losses[1] = {&loss};
    loss.kind = PAVO__LOSS__KIND__RECORDS_SPOOL;
    loss.from_ns = TEST_NOW;
    loss.to_ns = TEST_NOW + 5;
    loss.count = 41;
    loss.interface = "eth0'; DROP TABLE flow; --";
    loss.reason = "full";
    Pavo__SensorStatus status = PAVO__SENSOR_STATUS__INIT;
    status.flows_made = 77;
    struct store_batch batch = {.observer = test_observer("inner", 7),
                                .sequence = 1,
                                .received_ns = TEST_NOW,
                                .losses = losses,
                                .loss_count = 1,
                                .status = &status};
    struct store_commit_set set = {.batches = &batch, .batch_count = 1};
    assert_ok(store_commit(store, TEST_NOW, &set, &err), err);
    for (int reopened = 0; reopened < 2; reopened++) {
        struct store_life *lives;
        size_t count;
        assert_ok(store_lives(store, &lives, &count, &err), err);
        assert_int_equal(count, 1);
        assert_int_equal(lives[0].records_lost, 41);
        Pavo__SensorStatus *kept = pavo__sensor_status__unpack(NULL, lives[0].status_length, lives[0].status);
        assert_int_equal(kept->flows_made, 77);
        pavo__sensor_status__free_unpacked(kept, NULL);
        store_lives_free(&lives, count);
        if (reopened == 0) {
            store_close(&store);
            store = open_at(test_directory, TEST_NOW);
        }
    }
    struct store_reader *reader;
    struct store_words words;
    assert_ok(store_reader_open(store, &reader, &err), err);
    assert_ok(store_losses(reader, TEST_NOW + 1, TEST_NOW + 2, 10, &words, &err), err);
    assert_int_equal(words.count, 1);
    assert_string_equal(words.words[0].loss->interface, loss.interface);
    assert_string_equal(words.words[0].loss->sensor, "inner");
    store_words_free(&words);
    assert_ok(store_losses(reader, TEST_NOW + 6, 0, 10, &words, &err), err);
    assert_int_equal(words.count, 0);
    store_words_free(&words);
    assert_ok(store_statuses_after(reader, 0, 1, 10, &words, &err), err);
    assert_int_equal(words.count, 1);
    assert_int_equal(words.words[0].status->flows_made, 77);
    store_words_free(&words);
    char(*silent)[SENSOR_NAME_MAX];
    size_t count;
    assert_ok(store_silent(reader, TEST_NOW + NS_PER_S, TEST_NOW + 2 * NS_PER_S, &silent, &count, &err), err);
    assert_int_equal(count, 1);
    free(silent);
    assert_ok(store_silent(reader, TEST_NOW, TEST_NOW + 2 * NS_PER_S, &silent, &count, &err), err);
    assert_int_equal(count, 0);
    free(silent);
    store_reader_close(&reader);
    store_close(&store);
}

static void test_interrupt(void **state)
{
    (void)state;
    struct store *store = open_at(test_directory, TEST_NOW);
    assert_ok(commit_one(store, TEST_NOW, "inner", 1, 50), err);
    struct store_reader *reader;
    struct flow_batch *batch;
    assert_ok(store_reader_open(store, &reader, &err), err);
    assert_ok(store_find(reader, &(struct store_query){0}, &err), err);
    store_reader_interrupt(reader);
    assert_int_equal(store_next(reader, &batch, NULL, &err), RESULT_AGAIN);
    store_reader_resume(reader);
    assert_ok(store_find(reader, &(struct store_query){0}, &err), err);
    assert_ok(store_next(reader, &batch, NULL, &err), err);
    flow_batch_destroy(&batch);
    store_reader_close(&reader);
    store_close(&store);
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, directory_setup, directory_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_what_is_committed_is_found),
        STORE_TEST(test_fields_survive),
        STORE_TEST(test_days),
        STORE_TEST(test_replay_order),
        STORE_TEST(test_kill),
        STORE_TEST(test_one_instance),
        STORE_TEST(test_damaged_file_is_set_aside),
        STORE_TEST(test_full_disk),
        STORE_TEST(test_links_and_the_waiting),
        STORE_TEST(test_losses_and_statuses),
        STORE_TEST(test_interrupt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
