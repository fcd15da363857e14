/* SPDX-License-Identifier: Apache-2.0 */
/* What a sensor can still do once its capture is open. In a child: it is for good. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sensor/privileges.h"

/* A line of /proc/thread-self/status, as the hexadecimal or decimal number it holds. */
static unsigned long long status_of(const char *label)
{
    char line[256];
    unsigned long long value = 99;
    FILE *file = fopen("/proc/thread-self/status", "r");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, label, strlen(label)) == 0)
            value = strtoull(line + strlen(label), NULL, 16);
    }
    if (file != NULL)
        fclose(file);
    return value;
}

/* 0, or the line of the first thing that is not as it should be. */
#define EXPECT(what)                                                                                                   \
    do {                                                                                                               \
        if (!(what))                                                                                                   \
            return __LINE__;                                                                                           \
    } while (0)

static int check_confined(void)
{
    char *const arguments[] = {"true", NULL};
    EXPECT(status_of("CapEff:\t") == 0 && status_of("CapPrm:\t") == 0 && status_of("CapInh:\t") == 0);
    EXPECT(status_of("NoNewPrivs:\t") == 1);
    EXPECT(status_of("Seccomp:\t") == 2);
    EXPECT(execv("/bin/true", arguments) != 0 && errno == EPERM);
    EXPECT(unshare(CLONE_NEWUSER) != 0 && errno == EPERM);
    EXPECT(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL) == -1 && errno == EPERM);
    EXPECT(syscall(SYS_bpf, 0, NULL, 0) != 0 && errno == EPERM);
    EXPECT(syscall(SYS_io_uring_setup, 1, NULL) != 0 && errno == EPERM);
    EXPECT(mount("none", "/", NULL, MS_REMOUNT, NULL) != 0 && errno == EPERM);
    int fd = socket(AF_INET, SOCK_STREAM, 0); /* what a sensor lives on goes on */
    EXPECT(fd >= 0);
    close(fd);
    return 0;
}

static void *check_in_thread(void *result)
{
    *(int *)result = check_confined();
    return NULL;
}

static int confined_as(const char *user, enum result wanted, bool other_user)
{
    struct error err = {""};
    pthread_t thread;
    int in_thread = -1;
    bool root = geteuid() == 0;
    EXPECT(privileges_drop(user, &err) == (root ? wanted : RESULT_OK));
    EXPECT(!root || (geteuid() != 0) == other_user);
    EXPECT(!root || status_of("CapBnd:\t") == 0);
    EXPECT(!root || wanted == RESULT_OK || strstr(err.text, "--user") != NULL);
    EXPECT(pthread_create(&thread, NULL, check_in_thread, &in_thread) == 0);
    pthread_join(thread, NULL);
    return in_thread != 0 ? in_thread : check_confined();
}

static void in_child(const char *user, enum result wanted, bool other_user)
{
    int status, ends[2], line = -1;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        line = confined_as(user, wanted, other_user);
        _exit(write(ends[1], &line, sizeof(line)) != sizeof(line));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(read(ends[0], &line, sizeof(line)), sizeof(line));
    close(ends[0]);
    close(ends[1]);
    if (line != 0)
        fail_msg("line %d", line);
}

static void test_nothing_is_left(void **state)
{
    (void)state;
    in_child("nobody", RESULT_OK, true);
}

/* Security report, finding 15: it went on as root without a word. */
static void test_a_missing_user_is_told_and_leaves_nothing_either(void **state)
{
    (void)state;
    in_child("pavo-no-such-user", RESULT_AGAIN, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_left),
        cmocka_unit_test(test_a_missing_user_is_told_and_leaves_nothing_either),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
