/* SPDX-License-Identifier: Apache-2.0 */
/* Giving up root. */
#include "sensor/privileges.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sensor/confine.h"

/* None, of any set a thread has. */
static int drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct data[2] = {{0}};
    return (int)syscall(SYS_capset, &header, data);
}

/* What programs that one starts could have. Without CAP_SETPCAP there is no dropping it, and no_new_privs says the
 * same. */
static void empty_bounding_set(void)
{
    for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
        (void)prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

static enum result become(const struct passwd *entry, struct error *err)
{
    gid_t gid = entry->pw_gid;
    if (setgroups(1, &gid) != 0 || setresgid(gid, gid, gid) != 0 ||
        setresuid(entry->pw_uid, entry->pw_uid, entry->pw_uid) != 0)
        return error_set(err, RESULT_FATAL, "cannot become user %s: %s", entry->pw_name, strerror(errno));
    if (entry->pw_uid != 0 && setuid(0) == 0)
        return error_set(err, RESULT_FATAL, "becoming user %s could be undone", entry->pw_name);
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

enum result privileges_drop(const char *user, struct error *err)
{
    const struct passwd *entry = geteuid() == 0 ? getpwnam(user) : NULL;
    bool missing = geteuid() == 0 && entry == NULL;
    empty_bounding_set();
    enum result r = entry != NULL ? become(entry, err) : RESULT_OK;
    if (r == RESULT_OK && (drop_capabilities() != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0))
        r = error_set(err, RESULT_FATAL, "cannot give up capabilities: %s", strerror(errno));
    if (r == RESULT_OK)
        r = confine(err);
    if (r == RESULT_OK && missing)
        r = error_set(err, RESULT_AGAIN,
                      "there is no user %s to become: make it (adduser --system --group pavo) or name one with --user",
                      user);
    return r;
}
