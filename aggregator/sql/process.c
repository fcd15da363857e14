/* SPDX-License-Identifier: Apache-2.0 */
/* Started by posix_spawn: a fork of a process with threads may do nearly nothing before its exec. */
#include "aggregator/sql/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "aggregator/sql/child.h"

#define GONE_MS 1000 /* between the end of its sockets and that of the process */

static int spawn(const char *program, int socket, pid_t *ret_pid)
{
    char *const arguments[] = {(char *)"pavo-aggregator", (char *)SQL_ARGUMENT, NULL};
    char *const environment[] = {NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, ignored;
    sigemptyset(&none);
    sigemptyset(&ignored);
    sigaddset(&ignored, SIGPIPE);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &ignored);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int failed = posix_spawn_file_actions_adddup2(&actions, socket, STDIN_FILENO);
    if (failed == 0)
        failed = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
#ifndef __SANITIZE_ADDRESS__ /* which has something to say there; nothing else has */
    if (failed == 0)
        failed = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
#endif
    if (failed == 0)
        failed = posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    if (failed == 0)
        failed = posix_spawn(ret_pid, program, &actions, &attributes, arguments, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

enum result sql_process_start(const char *program, struct sql_process *ret_process, struct error *err)
{
    int sockets[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0)
        return error_set(err, RESULT_AGAIN, "no process for a SELECT: %s", strerror(errno));
    struct sql_process process = {.socket = sockets[0]};
    int failed = spawn(program, sockets[1], &process.pid);
    close(sockets[1]);
    if (failed != 0) {
        close(sockets[0]);
        return error_set(err, RESULT_AGAIN, "no process for a SELECT: %s: %s", program, strerror(failed));
    }
    *ret_process = process;
    return RESULT_OK;
}

/* An address sanitizer keeps shadows, and what was freed, for a while. */
#ifdef __SANITIZE_ADDRESS__
#define TIMES_AS_LARGE 3u
#else
#define TIMES_AS_LARGE 1u
#endif

bool sql_process_is_larger(const struct sql_process *process, unsigned memory_mib)
{
    char path[64];
    unsigned long size, resident = 0;
    snprintf(path, sizeof(path), "/proc/%d/statm", (int)process->pid);
    FILE *statm = fopen(path, "re");
    bool read = statm != NULL && fscanf(statm, "%lu %lu", &size, &resident) == 2;
    if (statm != NULL)
        fclose(statm);
    uint64_t bytes = (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
    return read && bytes >> 20 > (uint64_t)memory_mib * TIMES_AS_LARGE;
}

/* What a process tells by the way it ends. */
static void tell(int status, unsigned memory_mib, unsigned seconds, struct error *err)
{
    int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    if (signal == SIGXCPU || signal == SIGKILL)
        error_set(err, RESULT_AGAIN,
                  "the SELECT took more than %u s of the processor, or the machine was short of memory, and was ended: "
                  "narrow it with --from and --to, or --flows",
                  seconds);
    else
        error_set(
            err, RESULT_AGAIN,
            "the process of the SELECT ended (signal %d): most likely it needed more than the %u MiB of memory it "
            "may have; narrow it with --from and --to, or --flows",
            signal, memory_mib);
}

void sql_process_end(struct sql_process *process, bool gone, unsigned memory_mib, unsigned seconds, struct error *err)
{
    int status = 0;
    pid_t ended = 0;
    if (process->pid == 0)
        return;
    close(process->socket);
    for (unsigned ms = 0; gone && ended == 0 && ms < GONE_MS; ms += 5) {
        ended = waitpid(process->pid, &status, WNOHANG);
        if (ended == 0)
            (void)poll(NULL, 0, 5);
    }
    if (ended == 0) {
        (void)kill(process->pid, SIGKILL);
        while (waitpid(process->pid, &status, 0) < 0 && errno == EINTR)
            continue;
    }
    if (gone && err != NULL)
        tell(status, memory_mib, seconds, err);
    *process = (struct sql_process){0};
}
