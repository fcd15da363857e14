/* SPDX-License-Identifier: Apache-2.0 */
/* Giving up root. */
#include "sensor/privileges.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Sets the permitted and effective capabilities to those in `mask`, the inheritable to none. */
static int set_capabilities(uint64_t mask)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {
        {.effective = (uint32_t)mask, .permitted = (uint32_t)mask},
        {.effective = (uint32_t)(mask >> 32), .permitted = (uint32_t)(mask >> 32)},
    };
    return (int)syscall(SYS_capset, &header, data);
}

enum result privileges_drop(const char *user, bool read_files, struct error *err)
{
    uint64_t keep = read_files ? UINT64_C(1) << CAP_DAC_READ_SEARCH : 0;
    if (geteuid() != 0) {
        /* Given capabilities alone (setcap, or systemd): they were for opening the capture. */
        return set_capabilities(0) == 0
                   ? RESULT_OK
                   : error_set(err, RESULT_FATAL, "cannot give up capabilities: %s", strerror(errno));
    }
    errno = 0;
    const struct passwd *entry = getpwnam(user);
    if (entry == NULL)
        return error_set(err, RESULT_AGAIN, "there is no user %s: going on as root (name another with --user)", user);
    gid_t gid = entry->pw_gid;
    if (prctl(PR_SET_KEEPCAPS, keep != 0, 0, 0, 0) != 0 || setgroups(1, &gid) != 0 || setresgid(gid, gid, gid) != 0 ||
        setresuid(entry->pw_uid, entry->pw_uid, entry->pw_uid) != 0 || set_capabilities(keep) != 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return error_set(err, RESULT_FATAL, "cannot become user %s: %s", user, strerror(errno));
    if (entry->pw_uid != 0 && setuid(0) == 0)
        return error_set(err, RESULT_FATAL, "becoming user %s could be undone", user);
    return RESULT_OK;
}

enum result privileges_directory(const char *user, const char *directory, struct error *err)
{
    if (mkdir(directory, 0700) != 0)
        return errno == EEXIST
                   ? RESULT_OK
                   : error_set(err, RESULT_REJECT, "the state directory %s: %s", directory, strerror(errno));
    const struct passwd *entry = geteuid() == 0 ? getpwnam(user) : NULL;
    if (entry != NULL && chown(directory, entry->pw_uid, entry->pw_gid) != 0)
        return error_set(err, RESULT_REJECT, "giving the state directory %s to user %s: %s", directory, user,
                         strerror(errno));
    return RESULT_OK;
}
