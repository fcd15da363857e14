/* SPDX-License-Identifier: Apache-2.0 */
/* An aggregator of the command's own. */
#include "aggregator/cli/local.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "aggregator/cli/progress.h"
#include "common/clock.h"
#include "common/keys.h"

#define PROGRAM    "pavo-aggregator"
#define READER     "store"
#define PATH_SIZE  1024
#define DOOR_MAX   100 /* bytes of a UNIX socket's path, nearly */
#define STEP_NS    (10 * NS_PER_MS)
#define LOG_LENGTH 400

/* All paths are made before there is anything to remove, so that a signal handler can. */
static struct {
    pid_t process; /* 0: none */
    bool made;     /* the folder */
    char folder[PATH_SIZE], keys[PATH_SIZE + 16], enrolled[PATH_SIZE + 32], readers[PATH_SIZE + 48];
    char aggregator_key[PATH_SIZE + 32], public_key[PATH_SIZE + 64], reader_key[PATH_SIZE + 32];
    char door[PATH_SIZE + 16], log[PATH_SIZE + 16];
    char endpoint[PATH_SIZE + 32];
} local;

void local_end(void)
{
    if (local.process > 0) {
        kill(local.process, SIGKILL); /* it has nothing to write */
        waitpid(local.process, NULL, 0);
        local.process = 0;
    }
    if (!local.made)
        return;
    const char *const files[] = {local.aggregator_key, local.public_key, local.reader_key, local.door, local.log};
    const char *const folders[] = {local.readers, local.enrolled, local.keys, local.folder};
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
        unlink(files[i]);
    for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
        rmdir(folders[i]);
    local.made = false;
}

/* ---- the folder and the keys */

static bool make_folder(void)
{
    const char *under = getenv("TMPDIR");
    snprintf(local.folder, sizeof(local.folder), "%.900s/pavo-store-XXXXXX",
             under == NULL || under[0] != '/' ? "/tmp" : under);
    if (mkdtemp(local.folder) == NULL)
        return false;
    snprintf(local.keys, sizeof(local.keys), "%s/keys", local.folder);
    snprintf(local.enrolled, sizeof(local.enrolled), "%s/enrolled", local.keys);
    snprintf(local.readers, sizeof(local.readers), "%s/reader", local.enrolled);
    snprintf(local.aggregator_key, sizeof(local.aggregator_key), "%s/" KEYS_AGGREGATOR_FILE, local.keys);
    snprintf(local.public_key, sizeof(local.public_key), "%s/" READER ".pub", local.readers);
    snprintf(local.reader_key, sizeof(local.reader_key), "%s/reader.key", local.folder);
    snprintf(local.door, sizeof(local.door), "%s/answer", local.folder);
    snprintf(local.log, sizeof(local.log), "%s/log", local.folder);
    snprintf(local.endpoint, sizeof(local.endpoint), "ipc://%s", local.door);
    local.made = true;
    return mkdir(local.keys, 0700) == 0 && mkdir(local.enrolled, 0700) == 0;
}

static enum result make_keys(struct error *err)
{
    struct keys aggregator, reader;
    enum result r = keys_make_aggregator(&aggregator, err);
    if (r != RESULT_OK)
        return r;
    r = keys_write(local.aggregator_key, &aggregator, err);
    if (r == RESULT_OK)
        r = keys_make(&aggregator, KEY_ROLE_READER, READER, &reader, err);
    keys_clear(&aggregator);
    if (r != RESULT_OK)
        return r;
    r = keys_write(local.reader_key, &reader, err);
    if (r == RESULT_OK)
        r = enrolled_add(local.keys, &reader, err);
    keys_clear(&reader);
    return r;
}

/* ---- the program */

/* The one installed beside this one; else by PATH. */
static void run(const struct cli *cli, pid_t parent)
{
    char path[PATH_SIZE + sizeof(PROGRAM)];
    char *const arguments[] = {PROGRAM,    "--read-only", "--data",       cli->store, "--keys",
                               local.keys, "--answer",    local.endpoint, NULL};
    int log = open(local.log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (log < 0 || null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(log, STDOUT_FILENO) < 0 ||
        dup2(log, STDERR_FILENO) < 0)
        _exit(127);
    setpgid(0, 0); /* Ctrl-C is for the command, which ends it */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    ssize_t length = readlink("/proc/self/exe", path, PATH_SIZE - 1);
    path[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(path, '/');
    if (slash != NULL) {
        strcpy(slash + 1, PROGRAM);
        execv(path, arguments);
    }
    execvp(PROGRAM, arguments);
    dprintf(STDERR_FILENO, "%s, which reads it, is neither beside this program nor in PATH: %s\n", PROGRAM,
            strerror(errno));
    _exit(127);
}

/* The last line of the log, without its time and program. */
static const char *last_line(char text[static LOG_LENGTH + 1])
{
    int log = open(local.log, O_RDONLY | O_CLOEXEC);
    off_t size = log < 0 ? 0 : lseek(log, 0, SEEK_END);
    ssize_t length = log < 0 ? 0 : pread(log, text, LOG_LENGTH, size > LOG_LENGTH ? size - LOG_LENGTH : 0);
    if (log >= 0)
        close(log);
    while (length > 0 && text[length - 1] == '\n')
        length--;
    text[length > 0 ? length : 0] = '\0';
    const char *line = strrchr(text, '\n'), *program;
    line = line == NULL ? text : line + 1;
    program = strstr(line, PROGRAM ": ");
    return program == NULL ? line : program + sizeof(PROGRAM ": ") - 1;
}

static int wait_for_door(const struct cli *cli)
{
    char text[LOG_LENGTH + 1];
    const struct timespec step = {.tv_nsec = STEP_NS};
    int64_t until = clock_monotonic_ns() + cli->timeout;
    while (access(local.door, F_OK) != 0) {
        if (waitpid(local.process, NULL, WNOHANG) == local.process) {
            local.process = 0;
            return cli_fail(CLI_UNREACHABLE, "--store %s: %s", cli->store, last_line(text));
        }
        if (clock_monotonic_ns() >= until)
            return cli_fail(CLI_UNREACHABLE, "--store %s: it was not read in time; --timeout waits longer", cli->store);
        nanosleep(&step, NULL);
    }
    return -1;
}

/* The folder, the keys and the process. */
static int make(const struct cli *cli, const sigset_t *signals)
{
    struct error err;
    pid_t parent = getpid();
    if (!make_folder())
        return cli_fail(CLI_UNREACHABLE, "--store needs a folder of its own for a while: %s: %s", local.folder,
                        strerror(errno));
    if (strlen(local.door) > DOOR_MAX)
        return cli_fail(CLI_UNREACHABLE, "--store needs a door with a short path, and %s is too long: set TMPDIR",
                        local.door);
    if (make_keys(&err) != RESULT_OK)
        return cli_fail(CLI_UNREACHABLE, "%s", err.text);
    fflush(NULL); /* or the child has it too */
    local.process = fork();
    if (local.process == 0) {
        sigprocmask(SIG_SETMASK, signals, NULL);
        run(cli, parent);
    }
    if (local.process > 0)
        return -1;
    local.process = 0;
    return cli_fail(CLI_UNREACHABLE, "--store: no process to read it: %s", strerror(errno));
}

/* A signal ends the command when everything that is to be removed then is known. */
static int start(const struct cli *cli)
{
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    int code = make(cli, &before);
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (code >= 0)
        return code;
    struct progress *progress = progress_new();
    progress_begin(progress);
    progress_wait(progress, 0);
    code = wait_for_door(cli);
    progress_free(&progress);
    return code;
}

int local_start(const struct cli *cli, const char **ret_answer, const char **ret_key)
{
    if (local.process == 0) {
        cli_catch_signals();
        cli_blocked(true);
        int code = start(cli);
        cli_blocked(false);
        if (code >= 0) {
            local_end();
            return code;
        }
    }
    *ret_answer = local.endpoint;
    *ret_key = local.reader_key;
    return -1;
}
