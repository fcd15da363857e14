/* SPDX-License-Identifier: Apache-2.0 */
/* What the store cannot read is named for as long as it is missing, and nothing else is called damaged. */
#include "tests/unit/aggregator/store_support.h"

#include <fcntl.h>

/* Flips a bit in the body of the batch at a position (frame.h: a page, then frames). */
static void damage_journal(uint64_t position)
{
    char path[256];
    uint8_t head[256], byte;
    uint64_t at = 4096, length, place;
    snprintf(path, sizeof(path), "%s/journal/0000000000000001.log", test_directory);
    int file = open(path, O_RDWR);
    assert_true(file >= 0);
    for (;;) {
        assert_int_equal(pread(file, head, sizeof(head), (off_t)at), sizeof(head));
        assert_memory_equal(head, "PAVOfram", 8);
        memcpy(&length, head + 64, sizeof(length));
        memcpy(&place, head + 80, sizeof(place));
        if (head[16] == 1 && place == position)
            break;
        at += sizeof(head) + ((length + 7) & ~7ull);
    }
    at += sizeof(head) + length / 2;
    assert_int_equal(pread(file, &byte, 1, (off_t)at), 1);
    byte ^= 4;
    assert_int_equal(pwrite(file, &byte, 1, (off_t)at), 1);
    close(file);
}

/* What could not be read when what is behind it was sealed is never met again: it stays named nevertheless, with the
 * time it was of. */
static void test_damage_that_was_sealed_past_stays_named(void **state)
{
    (void)state;
    struct store_damage *damages;
    size_t count;
    char catalogue[256];
    snprintf(catalogue, sizeof(catalogue), "%s/catalogue.sqlite", test_directory);
    struct store *store = store_start();
    for (uint64_t sequence = 1; sequence <= 3; sequence++)
        assert_ok(commit_one(store, TEST_NOW, "inner", sequence, 100), err);
    store_close(&store);
    damage_journal(2);
    store = store_sealed(store_start());
    for (int again = 0; again < 3; again++) {
        assert_ok(store_damaged(store, &damages, &count, &err), err);
        assert_int_equal(count, 1);
        assert_non_null(strstr(damages[0].text, "sensor inner"));
        assert_int_equal(damages[0].records, 100);
        assert_true(damages[0].from_ns >= TEST_NOW && damages[0].to_ns > damages[0].from_ns);
        free(damages);
        assert_int_equal(count_rows(store, &(struct store_query){0}), 200);
        store_close(&store);
        if (again == 1) /* a catalogue that is made anew of the segments has it too */
            assert_int_equal(unlink(catalogue), 0);
        store = store_start();
    }
    store_close(&store);
}

static enum result no_bad_file(void *context, const struct store_checked *checked, struct error *error)
{
    (void)context, (void)error;
    assert_string_equal(checked->damage, "");
    return RESULT_OK;
}

/* What is let go of the journal because it is old is no damage: not to a start that looks for what waits, not to a
 * replay from the beginning, not to a check. */
static void test_journal_that_was_dropped_is_no_damage(void **state)
{
    (void)state;
    enum { COUNT = 20 };
    struct store_reader *reader;
    struct store_damage *damages;
    struct records *records;
    size_t count;
    store_options.journal_file = 64 << 10;
    struct store *store = store_start();
    for (uint64_t sequence = 1; sequence <= COUNT; sequence++)
        assert_ok(commit_one(store, TEST_NOW, "inner", sequence, 1000), err);
    store_options.keep.batches_bytes = 1;
    store = store_again(store_sealed(store));
    for (int wait = 0; wait < 5000 && store_missing_before(store, COUNT) == 0; wait++)
        usleep(2000);
    assert_true(store_missing_before(store, COUNT) > 0);
    store = store_again(store);
    assert_ok(store_reader_open(store, &reader, &err), err);
    assert_ok(store_find_waiting(reader, "border", "inner", "outer", 0, &err), err);
    while (store_next(reader, &records, NULL, &err) == RESULT_OK)
        records_free(&records);
    count_rows(store, &(struct store_query){.by_position = true});
    assert_ok(store_check(reader, no_bad_file, NULL, &err), err);
    store_reader_close(&reader);
    assert_ok(store_damaged(store, &damages, &count, &err), err);
    assert_int_equal(count, 0);
    free(damages);
    store_close(&store);
}

/* Catalogue and segments of an earlier day are put back, and the journal has let go since what they lack: it is named.
 */
static void test_segments_older_than_the_journal(void **state)
{
    (void)state;
    enum { COUNT = 20 };
    struct store_damage *damages;
    size_t count;
    char command[400];
    store_options.journal_file = 64 << 10;
    struct store *store = store_start();
    assert_ok(commit_one(store, TEST_NOW, "inner", 1, 10), err);
    store = store_sealed(store);
    store_close(&store);
    snprintf(command, sizeof(command), "cd %s && mkdir before && cp -r catalogue.sqlite segments before",
             test_directory);
    assert_int_equal(system(command), 0);
    store = store_start();
    for (uint64_t sequence = 2; sequence <= COUNT; sequence++)
        assert_ok(commit_one(store, TEST_NOW, "inner", sequence, 1000), err);
    store_options.keep.batches_bytes = 1;
    store = store_again(store_sealed(store));
    for (int wait = 0; wait < 5000 && store_missing_before(store, COUNT) < 2; wait++)
        usleep(2000);
    assert_true(store_missing_before(store, COUNT) >= 2);
    store_close(&store);
    snprintf(command, sizeof(command), "cd %s && rm -r catalogue.sqlite segments && mv before/* .", test_directory);
    assert_int_equal(system(command), 0);
    for (int again = 0; again < 2; again++) { /* sealing what is left does not make it forgotten */
        store = again == 0 ? store_start() : store_again(store_sealed(store));
        assert_ok(store_damaged(store, &damages, &count, &err), err);
        assert_int_equal(count, 1);
        assert_non_null(strstr(damages[0].text, "older copy"));
        free(damages);
    }
    store_close(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_damage_that_was_sealed_past_stays_named),
        STORE_TEST(test_journal_that_was_dropped_is_no_damage),
        STORE_TEST(test_segments_older_than_the_journal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
