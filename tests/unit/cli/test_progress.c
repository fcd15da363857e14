/* SPDX-License-Identifier: Apache-2.0 */
/* The line for a person who waits: at a terminal, after a second, and gone when something comes. */
#include <fcntl.h>
#include <poll.h>

#include "aggregator/cli/progress.h"
#include "command.h"

#define PATIENCE_MS 20000

/* What the terminal gets until it ends with `end`. */
static void read_until(int terminal, const char *end, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    while (used < strlen(end) || strcmp(text + used - strlen(end), end) != 0) {
        struct pollfd item = {.fd = terminal, .events = POLLIN};
        assert_int_equal(poll(&item, 1, PATIENCE_MS), 1);
        ssize_t got = read(terminal, text + used, size - 1 - used);
        assert_true(got > 0);
        used += (size_t)got;
        text[used] = '\0';
    }
}

/* Both ends of a pseudo-terminal. -1: there are none to be had, as in a chroot without devpts. */
static int open_terminal(int *ret_other)
{
    int terminal = posix_openpt(O_RDWR | O_NOCTTY);
    if (terminal < 0)
        return -1;
    const char *name = grantpt(terminal) == 0 && unlockpt(terminal) == 0 ? ptsname(terminal) : NULL;
    *ret_other = name == NULL ? -1 : open(name, O_RDWR | O_NOCTTY);
    if (*ret_other >= 0)
        return terminal;
    close(terminal);
    return -1;
}

static void test_terminal(void **state)
{
    (void)state;
    int other = -1, terminal = open_terminal(&other), saved = dup(STDERR_FILENO);
    if (terminal < 0) {
        print_message("there are no pseudo-terminals here (is devpts mounted?): skipped\n");
        skip();
    }
    dup2(other, STDERR_FILENO);
    struct progress *progress = progress_new();
    char text[4096], gone[4096];
    assert_non_null(progress);
    progress_begin(progress);
    progress_wait(progress, 12000);
    read_until(terminal, "rows so far", text, sizeof(text));
    progress_stop(progress);
    read_until(terminal, "\r\033[K", gone, sizeof(gone));
    progress_free(&progress);
    assert_null(progress);
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(other);
    close(terminal);
    const char begins[] = "\r\033[Kwaiting for the aggregator: ";
    assert_memory_equal(text, begins, sizeof(begins) - 1);
    assert_non_null(strstr(text, " s, 12000 rows so far"));
}

static void test_no_terminal(void **state)
{
    (void)state;
    int saved = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY);
    dup2(null, STDERR_FILENO);
    struct progress *progress = progress_new();
    dup2(saved, STDERR_FILENO);
    close(null);
    close(saved);
    assert_null(progress);
    progress_begin(progress);
    progress_wait(progress, 1);
    progress_stop(progress);
    progress_free(&progress);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_terminal), cmocka_unit_test(test_no_terminal)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
