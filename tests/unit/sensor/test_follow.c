/* SPDX-License-Identifier: Apache-2.0 */
/* Captures that are still being written: pipes, files that grow, folders that get new ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "common/clock.h"
#include "tests/unit/sensor/places.h"

static struct capture *follow(struct place *place, size_t count, const char *const *names)
{
    return open_as(place, (struct capture_options){.follow = true}, count, names);
}

/* A folder that tcpdump -G or -C writes to: files grow, and others follow them. */
static void test_following_a_folder(void **state)
{
    struct place *place = *state;
    struct packet packets[CAPTURE_BATCH];
    size_t count, total = 0;
    write_file(place, "a", 10, 0, 1, 53);
    write_file(place, "b", 10, 100, 1, 53);
    /* The second one is not yet written whole. */
    char whole[8192];
    FILE *file = fopen(path_of(place, "b"), "r");
    assert_non_null(file);
    size_t length = fread(whole, 1, sizeof(whole), file);
    fclose(file);
    assert_int_equal(length, 24 + 10 * (16 + 428));
    assert_int_equal(truncate(path_of(place, "b"), 24 + 4 * (16 + 428) + 100), 0);
    const char *names[] = {place->folder};
    struct capture *capture = follow(place, 1, names);
    while (capture_next(capture, 1, packets, &count) == RESULT_OK)
        total += count;
    assert_int_equal(total, 14);
    file = fopen(path_of(place, "b"), "r+");
    assert_non_null(file);
    assert_int_equal(fwrite(whole, 1, length, file), length);
    fclose(file);
    for (unsigned tries = 0; total < 20 && tries < 1000; tries++) {
        if (capture_next(capture, 1, packets, &count) == RESULT_OK)
            total += count;
    }
    assert_int_equal(total, 20);
    write_file(place, "c", 5, 200, 1, 53);
    for (unsigned tries = 0; total < 25 && tries < 1000; tries++) {
        if (capture_next(capture, 1, packets, &count) == RESULT_OK)
            total += count;
    }
    assert_int_equal(total, 25);
    assert_int_equal(place->said_count, 0);
    assert_int_equal(capture_source_count(capture), 3);
    capture_close(&capture);
}

static void write_nothing(const struct place *place, const char *name)
{
    FILE *file = fopen(path_of(place, name), "w");
    assert_non_null(file);
    fclose(file);
}

/* What tcpdump -w leaves until its first block of packets is full. */
static void test_following_files_that_are_empty_at_first(void **state)
{
    struct place *place = *state;
    write_file(place, "a", 10, 0, 1, 53);
    write_nothing(place, "b");
    write_nothing(place, "c");
    const char *names[] = {place->folder};
    struct capture *capture = follow(place, 1, names);
    assert_int_equal(take(capture, 10), 10);
    write_file(place, "c", 7, 100, 1, 53);
    assert_int_equal(take(capture, 7), 7);
    write_file(place, "b", 5, 200, 1, 53);
    assert_int_equal(take(capture, 5), 5);
    assert_int_equal(place->said_count, 0);
    capture_close(&capture);
}

/* Two files, both read. */
static struct capture *follow_ring(struct place *place)
{
    write_file(place, "r0", 10, 0, 1, 53);
    write_file(place, "r1", 10, 100, 1, 53);
    const char *names[] = {place->folder};
    struct capture *capture = follow(place, 1, names);
    assert_int_equal(take(capture, 20), 20);
    return capture;
}

/* tcpdump -C -W: the first file is written again when the last is full. */
static void test_following_a_ring_of_files(void **state)
{
    struct place *place = *state;
    struct capture *capture = follow_ring(place);
    write_file(place, "r0", 4, 200, 1, 53); /* the same file, shorter */
    assert_int_equal(take(capture, 4), 4);
    write_file(place, "next", 30, 300, 1, 53);
    assert_int_equal(rename(path_of(place, "next"), path_of(place, "r1")), 0); /* another file */
    assert_int_equal(take(capture, 30), 30);
    assert_int_equal(place->said_count, 0);
    capture_close(&capture);
}

/* The same, faster than it is looked at: as long as before, in the same place. */
static void test_following_a_ring_that_is_as_long_as_before(void **state)
{
    struct place *place = *state;
    struct capture *capture = follow_ring(place);
    write_file(place, "r0", 10, 200, 1, 53);
    assert_int_equal(take(capture, 10), 10);
    write_file(place, "r1", 12, 300, 1, 53);
    assert_int_equal(take(capture, 12), 12);
    assert_int_equal(place->said_count, 0);
    capture_close(&capture);
}

/* A path is another file's while the one before is still being read. */
static void test_following_a_file_that_is_replaced(void **state)
{
    struct place *place = *state;
    struct packet packets[CAPTURE_BATCH];
    size_t count, total = 0;
    write_file(place, "a", 500, 0, 1, 53);
    const char *names[] = {place->folder};
    struct capture *capture = follow(place, 1, names);
    assert_int_equal(capture_next(capture, 1, packets, &count), RESULT_OK);
    write_file(place, ".next", 10, 1000, 1, 53);
    assert_int_equal(rename(path_of(place, ".next"), path_of(place, "a")), 0);
    for (unsigned turn = 0; turn < 3; turn++) {
        usleep(1100000); /* it is looked */
        assert_int_equal(capture_next(capture, 1, packets, &count), RESULT_OK);
        total += count;
    }
    while (capture_next(capture, 1500, packets, &count) == RESULT_OK)
        total += count;
    assert_int_equal(total, 500 - CAPTURE_BATCH + 10);
    assert_int_equal(place->said_count, 0);
    capture_close(&capture);
}

/* tcpdump -G in quiet nights: more files without packets than are read at once. */
static void test_following_many_files_without_packets(void **state)
{
    struct place *place = *state;
    const struct timespec old[2] = {{.tv_sec = 1699990000}, {.tv_sec = 1699990000}};
    char name[16];
    for (unsigned n = 0; n < CAPTURE_FILES_OPEN_MAX + 6; n++) {
        snprintf(name, sizeof(name), "a%03u", n);
        write_file(place, name, 0, 0, 1, 53);
        assert_int_equal(utimensat(AT_FDCWD, path_of(place, name), old, 0), 0);
    }
    write_file(place, "b", 10, 0, 1, 53);
    const char *names[] = {place->folder};
    struct capture *capture = follow(place, 1, names);
    assert_int_equal(take(capture, 11), 10);
    write_file(place, "b", 17, 0, 1, 53); /* it is the newest still, and grows */
    assert_int_equal(take(capture, 7), 7);
    write_file(place, "c", 5, 200, 1, 53);
    assert_int_equal(take(capture, 5), 5);
    write_file(place, "a069", 3, 300, 1, 53); /* late, but not lost */
    assert_int_equal(take(capture, 3), 3);
    assert_int_equal(place->said_count, 0);
    capture_close(&capture);
}

/* It is not looked for again, and its end is its end. */
static void test_following_a_pipe(void **state)
{
    struct place *place = *state;
    struct packet packets[CAPTURE_BATCH];
    size_t count;
    int ends[2];
    char path[32];
    write_file(place, "a", 10, 0, 1, 53);
    assert_int_equal(pipe(ends), 0);
    snprintf(path, sizeof(path), "/dev/fd/%d", ends[0]);
    const char *names[] = {path};
    struct capture *capture = follow(place, 1, names);
    pump(ends[1], place, "a", 0, 1000);
    assert_int_equal(take(capture, 2), 2);
    usleep(1100000); /* it is looked */
    assert_int_equal(capture_next(capture, 1, packets, &count), RESULT_AGAIN);
    pump(ends[1], place, "a", 1000, SIZE_MAX);
    close(ends[1]);
    assert_int_equal(take(capture, 8), 8);
    int64_t before = clock_monotonic_ns();
    assert_int_equal(capture_next(capture, 100, packets, &count), RESULT_AGAIN);
    assert_true(clock_monotonic_ns() - before >= 90 * NS_PER_MS); /* it waits, and does not ask in a circle */
    assert_int_equal(place->said_count, 0);
    capture_close(&capture);
    close(ends[0]);
}

static void test_named_pipe_that_nobody_writes_to_yet(void **state)
{
    struct place *place = *state;
    struct packet packets[CAPTURE_BATCH];
    size_t count;
    write_file(place, "a", 10, 0, 1, 53);
    assert_int_equal(mkfifo(path_of(place, "pipe"), 0600), 0);
    const char *names[] = {path_of(place, "pipe")};
    struct capture *capture = open_files(place, NULL, 1, names);
    alarm(5);
    assert_int_equal(capture_next(capture, 1, packets, &count), RESULT_AGAIN);
    alarm(0);
    int out = open(names[0], O_WRONLY);
    assert_true(out >= 0);
    assert_int_equal(capture_next(capture, 1, packets, &count), RESULT_AGAIN);
    pump(out, place, "a", 0, SIZE_MAX);
    close(out);
    assert_int_equal(take(capture, 10), 10);
    assert_int_equal(capture_next(capture, 1, packets, &count), RESULT_END);
    assert_int_equal(place->said_count, 0);
    capture_close(&capture);
}

/* Each has a file that grows. */
static void test_following_two_names(void **state)
{
    struct place *place = *state;
    assert_int_equal(mkdir(path_of(place, "one"), 0700), 0);
    assert_int_equal(mkdir(path_of(place, "two"), 0700), 0);
    write_file(place, "one/a", 10, 100, 1, 53);
    write_file(place, "two/a", 10, 0, 1, 53);
    const char *names[] = {path_of(place, "one"), path_of(place, "two")};
    struct capture *capture = follow(place, 2, names);
    assert_int_equal(take(capture, 20), 20);
    write_file(place, "one/a", 13, 100, 1, 53);
    write_file(place, "two/a", 14, 0, 1, 53);
    assert_int_equal(take(capture, 7), 7);
    capture_close(&capture);
}

static void test_quiet_pipe_is_asked_again(void **state)
{
    struct place *place = *state;
    struct packet packets[CAPTURE_BATCH];
    size_t count;
    int ends[2];
    char path[32];
    write_file(place, "a", 10, 0, 1, 53);
    assert_int_equal(pipe(ends), 0);
    snprintf(path, sizeof(path), "/dev/fd/%d", ends[0]);
    const char *names[] = {path};
    struct capture *capture = open_files(place, NULL, 1, names);
    assert_int_equal(capture_next(capture, 1, packets, &count), RESULT_AGAIN);
    pump(ends[1], place, "a", 0, 24 + 3 * (16 + 428) + 100);
    assert_int_equal(take(capture, 3), 3);
    assert_int_equal(capture_next(capture, 1, packets, &count), RESULT_AGAIN);
    assert_int_equal(count, 0);
    pump(ends[1], place, "a", 24 + 3 * (16 + 428) + 100, SIZE_MAX);
    assert_int_equal(take(capture, 7), 7);
    close(ends[1]);
    assert_int_equal(capture_next(capture, 1000, packets, &count), RESULT_END);
    assert_int_equal(place->said_count, 0);
    capture_close(&capture);
    close(ends[0]);
}

/* A quiet pipe holds the other up: what comes may be older. */
static void test_pipes_are_merged(void **state)
{
    struct place *place = *state;
    struct packet packets[CAPTURE_BATCH];
    size_t sources[CAPTURE_SOURCES_MAX], count;
    int ends[2][2];
    char path[2][32];
    write_file(place, "a", 20, 5, 10, 53);
    write_file(place, "b", 20, 0, 10, 53);
    for (unsigned n = 0; n < 2; n++) {
        assert_int_equal(pipe(ends[n]), 0);
        snprintf(path[n], sizeof(path[n]), "/dev/fd/%d", ends[n][0]);
    }
    const char *names[] = {path[0], path[1]};
    struct capture *capture = open_files(place, NULL, 2, names);
    pump(ends[0][1], place, "a", 0, SIZE_MAX);
    assert_int_equal(capture_next(capture, 1, packets, &count), RESULT_AGAIN);
    pump(ends[1][1], place, "b", 0, SIZE_MAX);
    close(ends[0][1]);
    close(ends[1][1]);
    assert_int_equal(drain(capture, sources), 40);
    assert_int_equal(place->said_count, 0);
    capture_close(&capture);
    close(ends[0][0]);
    close(ends[1][0]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(following_a_folder),
        TEST(following_files_that_are_empty_at_first),
        TEST(following_a_ring_of_files),
        TEST(following_two_names),
        TEST(following_a_ring_that_is_as_long_as_before),
        TEST(following_a_file_that_is_replaced),
        TEST(following_many_files_without_packets),
        TEST(following_a_pipe),
        TEST(named_pipe_that_nobody_writes_to_yet),
        TEST(quiet_pipe_is_asked_again),
        TEST(pipes_are_merged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
