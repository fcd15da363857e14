/* SPDX-License-Identifier: Apache-2.0 */
/* Killed at any instant of sealing, merging, letting go: what was sealed is there once, and nothing is left over.
 *
 * A child seals small batches of flows, numbered from 0, and merges and lets go in between; it is killed, and what is
 * there is looked through. PAVO_CRASH_ROUNDS: how often (20). A full disk is a limit to the size of files, or one that
 * is really full where we may make one. */
#include "tests/unit/aggregator/numbered_sealings.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

static void work_until_killed(int ready)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* also by the end of the test */
    struct segments *segments = open_segments();
    if (write(ready, "", 1) != 1)
        _exit(1);
    for (;;) {
        enum result r = seal_next(segments);
        if (r == RESULT_OK)
            r = segments_compact(segments, TEST_NOW, 0, &err);
        if (r != RESULT_OK && r != RESULT_END)
            _exit(1);
    }
}

static void test_killed_at_any_instant(void **state)
{
    (void)state;
    const char *given = getenv("PAVO_CRASH_ROUNDS");
    unsigned rounds = given == NULL ? 20 : (unsigned)atoi(given);
    uint64_t sealed = 0, all = 0;
    char path[160];
    for (unsigned round = 0; round < rounds; round++) {
        int ready[2], status;
        char byte;
        assert_int_equal(pipe(ready), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            work_until_killed(ready[1]);
        if (round % 4 != 0) /* otherwise it may still be opening */
            assert_int_equal(read(ready[0], &byte, 1), 1);
        const struct timespec wait = {.tv_nsec = (long)(draw() % 150000000)};
        nanosleep(&wait, NULL);
        close(ready[0]);
        close(ready[1]);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status)); /* otherwise it failed before */
        if (round % 8 == 7) {             /* and the catalogue is lost at that */
            snprintf(path, sizeof(path), "%s/catalogue.sqlite", test_directory);
            unlink(path);
            snprintf(path, sizeof(path), "%s/catalogue.sqlite-journal", test_directory);
            unlink(path);
        }
        rebuilt_last = 0;
        rebuilt_key = "count";
        struct segments *segments = open_segments();
        assert_true(segments_through(segments) >= sealed);
        sealed = segments_through(segments);
        assert_whole(segments);
        segments_close(&segments);
        if (round % 50 == 49) { /* what is looked through grows otherwise with each round */
            all += sealed;
            sealed = 0;
            assert_int_equal(directory_teardown(state), 0);
            assert_int_equal(directory_setup(state), 0);
        }
    }
    all += sealed;
    assert_true(all > 0); /* how many, a loaded host says */
    print_message("%u kills, %llu sealings\n", rounds, (unsigned long long)all);
}

/* ---- a full disk */

/* Nothing happens, nothing is left over, and with room it goes on. */
static void test_a_file_that_cannot_grow(void **state)
{
    (void)state;
    struct segments *segments = open_segments();
    struct rlimit before;
    for (unsigned i = 0; i < 11; i++)
        assert_ok(seal_next(segments), err);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    unsigned failed = 0;
    for (rlim_t most = 0; most < 60000; most += 2048) {
        const struct rlimit limit = {.rlim_cur = most, .rlim_max = before.rlim_max};
        uint64_t through = segments_through(segments);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        enum result r = seal_next(segments);
        if (r == RESULT_OK)
            r = segments_compact(segments, TEST_NOW, 0, &err);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_true(r == RESULT_OK || r == RESULT_END || r == RESULT_AGAIN);
        assert_true(segments_through(segments) == through || segments_through(segments) == through + 1);
        failed += r == RESULT_AGAIN;
        if (most % 16384 == 0)
            assert_whole(segments);
    }
    assert_true(failed > 5);
    assert_ok(seal_next(segments), err);
    while (segments_compact(segments, TEST_NOW, 0, &err) == RESULT_OK)
        continue;
    assert_whole(segments);
    segments = reopen(segments);
    assert_whole(segments);
    segments_close(&segments);
}

/* The same, with a file system that has no room: what others wrote is in the way of everything. */
static void test_a_full_disk(void **state)
{
    (void)state;
    char path[160];
    if (geteuid() != 0 || mount("none", test_directory, "tmpfs", 0, "size=3m") != 0)
        skip();
    struct segments *segments = open_segments();
    for (unsigned i = 0; i < 11; i++)
        assert_ok(seal_next(segments), err);
    snprintf(path, sizeof(path), "%s/filler", test_directory);
    static char block[4096];
    unsigned failed = 0;
    for (unsigned left = 0; left < 24; left += 2) {
        int file = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
        assert_true(file >= 0);
        while (write(file, block, sizeof(block)) > 0)
            continue;
        struct stat st;
        assert_int_equal(fstat(file, &st), 0);
        assert_int_equal(ftruncate(file, st.st_size - (off_t)(left * sizeof(block))), 0);
        close(file);
        enum result r = seal_next(segments);
        if (r == RESULT_OK)
            r = segments_compact(segments, TEST_NOW, 0, &err);
        assert_true(r == RESULT_OK || r == RESULT_END || r == RESULT_AGAIN);
        failed += r == RESULT_AGAIN;
        assert_whole(segments);
        unlink(path);
    }
    assert_true(failed > 3);
    assert_ok(seal_next(segments), err);
    segments = reopen(segments);
    assert_whole(segments);
    segments_close(&segments);
    assert_int_equal(umount(test_directory), 0);
}

static int teardown(void **state)
{
    umount(test_directory); /* of a test that failed */
    return directory_teardown(state);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, directory_setup, teardown)
    const struct CMUnitTest tests[] = {TEST(test_killed_at_any_instant), TEST(test_a_file_that_cannot_grow),
                                       TEST(test_a_full_disk)};
    return cmocka_run_group_tests(tests, engine_setup, engine_teardown);
}
