/* SPDX-License-Identifier: Apache-2.0 */
/* A list of what is denied, not of what is allowed: the latter is libzmq's, libc's resolver's and the allocator's to
 * change with every upgrade of the system, and a sensor that dies of it meters nothing. */
#include "sensor/confine.h"

#include <sched.h>
#include <string.h>
#include <sys/prctl.h>

#include "common/system_calls.h"

#define NAMESPACES                                                                                                     \
    (CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)

/* Other programs, other processes, other identities; and the parts of the kernel that exploits begin with. */
static const unsigned denied[] = {
    SYS_execve,        SYS_execveat,        SYS_process_vm_readv, SYS_process_vm_writev, SYS_pidfd_getfd,
    SYS_kcmp,
#ifndef __SANITIZE_ADDRESS__ /* which looks for leaks with it */
    SYS_ptrace,
#endif
    SYS_setuid,        SYS_setgid,          SYS_setreuid,         SYS_setregid,          SYS_setresuid,
    SYS_setresgid,     SYS_setgroups,       SYS_capset,           SYS_personality,       SYS_unshare,
    SYS_setns,         SYS_mount,           SYS_umount2,          SYS_pivot_root,        SYS_chroot,
    SYS_open_tree,     SYS_move_mount,      SYS_fsopen,           SYS_mount_setattr,     SYS_open_by_handle_at,
    SYS_bpf,           SYS_perf_event_open, SYS_userfaultfd,      SYS_io_uring_setup,    SYS_keyctl,
    SYS_add_key,       SYS_request_key,     SYS_init_module,      SYS_finit_module,      SYS_delete_module,
    SYS_kexec_load,    SYS_reboot,          SYS_swapon,           SYS_swapoff,           SYS_acct,
    SYS_quotactl,      SYS_syslog,          SYS_settimeofday,     SYS_clock_settime,     SYS_clock_adjtime,
    SYS_adjtimex,      SYS_sethostname,     SYS_setdomainname,    SYS_fanotify_init,     SYS_mbind,
    SYS_migrate_pages, SYS_move_pages,      SYS_vmsplice};
#define DENIED (sizeof(denied) / sizeof(denied[0]))

enum result confine(struct error *err)
{
    /* clone3 has its flags where no filter can read them; who gets ENOSYS takes clone. */
    const struct sock_filter head[] = {
        LOAD(arch),
        UNLESS(ARCHITECTURE, 1),
        BPF_STMT(BPF_JMP | BPF_JA, 1),
        RETURN(SECCOMP_RET_KILL_PROCESS),
        LOAD(nr),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1),
        RETURN(SECCOMP_RET_ERRNO | EPERM),
        UNLESS(SYS_clone3, 1),
        RETURN(SECCOMP_RET_ERRNO | ENOSYS),
        UNLESS(SYS_clone, 3),
        LOAD(args[0]), /* its lower half, on the little-endian machines named above */
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, NAMESPACES, 0, 1),
        RETURN(SECCOMP_RET_ERRNO | EPERM),
        LOAD(nr),
    };
    enum { HEAD = sizeof(head) / sizeof(head[0]) };
    struct sock_filter filter[HEAD + 2 * DENIED + 1];
    memcpy(filter, head, sizeof(head));
    struct sock_filter *at = filter + HEAD;
    for (size_t i = 0; i < DENIED; i++) {
        *at++ = (struct sock_filter)UNLESS(denied[i], 1);
        *at++ = (struct sock_filter)RETURN(SECCOMP_RET_ERRNO | EPERM);
    }
    *at++ = (struct sock_filter)RETURN(SECCOMP_RET_ALLOW);
    const struct sock_fprog program = {.len = (unsigned short)(at - filter), .filter = filter};
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0 || errno == EINVAL)
        return RESULT_OK;
    return error_set(err, RESULT_FATAL, "cannot give up system calls: %s", strerror(errno));
}
