/* SPDX-License-Identifier: Apache-2.0 */
/* A list of what is allowed: the process opens nothing and starts nothing, so the list is short. */
#include "aggregator/sql/confine.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/system_calls.h"

static const unsigned allowed[] = {SYS_read,
                                   SYS_write,
                                   SYS_readv,
                                   SYS_writev,
                                   SYS_close,
                                   SYS_munmap,
                                   SYS_mremap,
                                   SYS_madvise,
                                   SYS_brk,
                                   SYS_futex,
                                   SYS_sched_yield,
                                   SYS_clock_gettime,
                                   SYS_gettimeofday,
                                   SYS_getrandom,
                                   SYS_getrusage,
                                   SYS_getpid,
                                   SYS_gettid,
                                   SYS_getcpu,
                                   SYS_rt_sigprocmask,
                                   SYS_rt_sigaction,
                                   SYS_rt_sigreturn,
                                   SYS_sigaltstack,
                                   SYS_exit,
                                   SYS_exit_group,
                                   SYS_restart_syscall,
                                   SYS_clock_nanosleep,
                                   SYS_nanosleep,
                                   SYS_sched_getaffinity};
/* With these no code may be made: their third argument has the protection. */
static const unsigned mapping[] = {SYS_mmap, SYS_mprotect};
#define ALLOWED (sizeof(allowed) / sizeof(*allowed))
#define MAPPING (sizeof(mapping) / sizeof(*mapping))

void confine_begin(void)
{
    static const char most[] = "1000";
    int adjust = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (adjust >= 0) {
        ssize_t written = write(adjust, most, sizeof(most) - 1);
        (void)written; /* it is a wish */
        close(adjust);
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
}

static enum result limit(int what, rlim_t most, const char *name, struct error *err)
{
    const struct rlimit both = {most, most};
    return setrlimit((__rlimit_resource_t)what, &both) == 0
               ? RESULT_OK
               : error_set(err, RESULT_FATAL, "cannot limit its %s: %s", name, strerror(errno));
}

static enum result give_up_calls(struct error *err)
{
    const struct sock_filter head[] = {
        LOAD(arch), UNLESS(ARCHITECTURE, 1), BPF_STMT(BPF_JMP | BPF_JA, 1), RETURN(SECCOMP_RET_KILL_PROCESS), LOAD(nr),
    };
    enum { HEAD = sizeof(head) / sizeof(head[0]) };
    struct sock_filter filter[HEAD + 2 * ALLOWED + 5 * MAPPING + 1];
    memcpy(filter, head, sizeof(head));
    struct sock_filter *at = filter + HEAD;
    for (size_t i = 0; i < ALLOWED; i++) {
        *at++ = (struct sock_filter)UNLESS(allowed[i], 1);
        *at++ = (struct sock_filter)RETURN(SECCOMP_RET_ALLOW);
    }
    for (size_t i = 0; i < MAPPING; i++) {
        *at++ = (struct sock_filter)UNLESS(mapping[i], 4);
        *at++ = (struct sock_filter)LOAD(args[2]);
        *at++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1);
        *at++ = (struct sock_filter)RETURN(SECCOMP_RET_ERRNO | EPERM);
        *at++ = (struct sock_filter)RETURN(SECCOMP_RET_ALLOW);
    }
    *at++ = (struct sock_filter)RETURN(SECCOMP_RET_ERRNO | EPERM);
    const struct sock_fprog program = {.len = (unsigned short)(at - filter), .filter = filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0 && errno != EINVAL)) /* EINVAL: no such kernel */
        return error_set(err, RESULT_FATAL, "cannot give up system calls: %s", strerror(errno));
    return RESULT_OK;
}

enum result confine_end(uint64_t memory, unsigned seconds, struct error *err)
{
    enum result r = limit(RLIMIT_CPU, seconds, "time", err);
#ifndef __SANITIZE_ADDRESS__
    if (r == RESULT_OK)
        r = limit(RLIMIT_DATA, memory, "memory", err);
#else
    (void)memory;
#endif
    if (r == RESULT_OK)
        r = limit(RLIMIT_FSIZE, 0, "files", err);
    if (r == RESULT_OK)
        r = limit(RLIMIT_NOFILE, 3, "descriptors", err);
    return r == RESULT_OK ? give_up_calls(err) : r;
}
