/* SPDX-License-Identifier: Apache-2.0 */
/* Every call that changes the disk fails once while batches are sealed and segments merged, ours, SQLite's and
 * DuckDB's: the program's own definitions come before the C library's for all of them. PAVO_CRASH_ROUNDS of 100 or
 * more: all of the calls, otherwise some, others each run. */
#include "tests/unit/aggregator/numbered_sealings.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

static unsigned calls, failing; /* the call with that number fails; 0: none */
static int failing_with;

static bool fails(void)
{
    if (failing == 0 || ++calls != failing)
        return false;
    errno = failing_with;
    return true;
}

#define CALL(result, name, number, parameters, ...)                                                                    \
    result name parameters;                                                                                            \
    result name parameters                                                                                             \
    {                                                                                                                  \
        return fails() ? -1 : (result)syscall(number, __VA_ARGS__);                                                    \
    }
CALL(int, fsync, SYS_fsync, (int fd), fd)
CALL(int, fdatasync, SYS_fdatasync, (int fd), fd)
CALL(int, rename, SYS_renameat, (const char *from, const char *to), AT_FDCWD, from, AT_FDCWD, to)
CALL(int, unlink, SYS_unlinkat, (const char *path), AT_FDCWD, path, 0)
CALL(int, unlinkat, SYS_unlinkat, (int folder, const char *name, int flags), folder, name, flags)
CALL(int, ftruncate, SYS_ftruncate, (int fd, off_t length), fd, length)
CALL(int, fchmod, SYS_fchmod, (int fd, mode_t mode), fd, mode)
CALL(ssize_t, pwrite, SYS_pwrite64, (int fd, const void *from, size_t length, off_t at), fd, from, length, at)
CALL(ssize_t, write, SYS_write, (int fd, const void *from, size_t length), fd, from, length)

/* One sealing and one merge, of which call `n` fails. Returns how many calls there were. */
static unsigned fail_call(unsigned n, unsigned *failed)
{
    struct segments *segments = open_segments();
    uint64_t through = segments_through(segments);
    calls = 0;
    failing_with = n % 2 == 0 ? EIO : ENOSPC;
    failing = n;
    enum result sealed = seal_next(segments);
    enum result merged = segments_compact(segments, TEST_NOW, 0, &err);
    unsigned made = calls;
    failing = 0;
    assert_true(sealed == RESULT_OK || sealed == RESULT_AGAIN);
    assert_true(merged == RESULT_OK || merged == RESULT_END || merged == RESULT_AGAIN || merged == RESULT_FATAL);
    assert_int_equal(segments_through(segments), through + (sealed == RESULT_OK));
    *failed += sealed == RESULT_AGAIN;
    if (n % 3 != 0 && seal_next(segments) != RESULT_OK) /* goes on; or after a new start */
        fail_msg("call %u failed, and sealing does not go on: %s", n, err.text);
    rebuilt_last = 0;
    rebuilt_key = "count";
    segments = reopen(segments);
    assert_whole(segments);
    segments_close(&segments);
    return made;
}

/* What was sealed is there whole and once, and what failed is not there at all. */
static void test_every_call_fails(void **state)
{
    (void)state;
    const char *given = getenv("PAVO_CRASH_ROUNDS");
    unsigned step = given == NULL || atoi(given) < 100 ? 9 : 1, failed = 0, all = 0;
    char command[400];
    struct segments *segments = open_segments();
    for (unsigned i = 0; i < 11; i++)
        assert_ok(seal_next(segments), err);
    segments_close(&segments);
    snprintf(command, sizeof(command), "cp -r %s %s.before", test_directory, test_directory);
    assert_int_equal(system(command), 0);
    snprintf(command, sizeof(command), "rm -rf %s && cp -r %s.before %s", test_directory, test_directory,
             test_directory);
    for (unsigned n = 1 + (unsigned)time(NULL) % step;; n += step) {
        unsigned made = fail_call(n, &failed);
        all = made > all ? made : all;
        assert_int_equal(system(command), 0);
        if (made < n)
            break;
    }
    assert_true(step > 1 || failed > 3);
    print_message("%u calls, %u that failed kept a sealing from coming to pass\n", all, failed);
    snprintf(command, sizeof(command), "rm -rf %s.before", test_directory);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_call_fails, directory_setup, directory_teardown)};
    return cmocka_run_group_tests(tests, engine_setup, engine_teardown);
}
