/* SPDX-License-Identifier: Apache-2.0 */
/* Where an export goes. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aggregator/cli/export.h"

static bool failed(const char *what)
{
    cli_fail(CLI_UNREACHABLE, "%s: %s", what, strerror(errno));
    return false;
}

/* The file beside it that has nobody else writing into it: two exports to one name would be mixed up, and whoever came
 * first would call it whole. Emptied only when it is ours. -1: said why not. */
static int open_part(const struct output *output)
{
    struct stat opened, named;
    if (stat(output->path, &named) == 0 && !S_ISREG(named.st_mode)) { /* a name that is given to a file would end it */
        cli_fail(CLI_USAGE, "--output: %s is no file; without --output an export goes to standard output",
                 output->path);
        return -1;
    }
    int file = open(output->part, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    if (file < 0) {
        (void)failed(output->part);
        return -1;
    }
    if (fstat(file, &opened) != 0 || !S_ISREG(opened.st_mode)) {
        cli_fail(CLI_USAGE, "%s is no file: remove it", output->part);
    } else if (flock(file, LOCK_EX | LOCK_NB) != 0 || lstat(output->part, &named) != 0 ||
               named.st_ino != opened.st_ino || named.st_dev != opened.st_dev) { /* it has its name meanwhile */
        cli_fail(CLI_UNREACHABLE, "%s is being written by another export: wait for its end, or name another file",
                 output->part);
    } else if (ftruncate(file, 0) != 0) {
        (void)failed(output->part);
    } else {
        return file;
    }
    close(file);
    return -1;
}

static int open_nameless(struct output *output)
{
    char name[CLI_PATH_MAX];
    const char *under = getenv("TMPDIR");
    snprintf(name, sizeof(name), "%.4000s/pavo-export-XXXXXX", under == NULL || under[0] != '/' ? "/tmp" : under);
    snprintf(output->part, sizeof(output->part), "%s", name);
    int file = mkstemp(name);
    if (file >= 0)
        unlink(name);
    else
        (void)failed(output->part);
    return file;
}

bool output_begin(struct output *output, const char *path)
{
    *output = (struct output){.path = path, .real = -1};
    if (path != NULL)
        snprintf(output->part, sizeof(output->part), "%.4000s.part", path);
    int file = path != NULL ? open_part(output) : open_nameless(output);
    if (file < 0)
        return false;
    fflush(stdout);
    output->real = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    bool begun = output->real >= 0 && dup2(file, STDOUT_FILENO) >= 0;
    close(file);
    return begun || failed(output->part);
}

int64_t output_mark(void)
{
    return fflush(stdout) == 0 ? (int64_t)lseek(STDOUT_FILENO, 0, SEEK_CUR) : -1;
}

bool output_back(int64_t mark)
{
    return fflush(stdout) == 0 && ftruncate(STDOUT_FILENO, mark) == 0 && lseek(STDOUT_FILENO, mark, SEEK_SET) == mark;
}

static bool copy_on(int to, int64_t size)
{
    char bytes[65536];
    for (int64_t at = 0; at < size;) {
        ssize_t got = pread(STDOUT_FILENO, bytes, sizeof(bytes), at);
        if (got <= 0)
            return false;
        for (ssize_t done = 0; done < got;) {
            ssize_t wrote = write(to, bytes + done, (size_t)(got - done));
            if (wrote < 0 && (errno != EINTR || cli_interrupted()))
                return false;
            done += wrote < 0 ? 0 : wrote;
        }
        at += got;
    }
    return true;
}

bool output_pass_on(struct output *output)
{
    int64_t size = output_mark();
    if (output->path != NULL)
        return size >= 0 || failed(output->part);
    return (size >= 0 && copy_on(output->real, size) && output_back(0)) || failed("standard output");
}

bool output_end(struct output *output, bool whole)
{
    if (output->real < 0)
        return false;
    bool written = fflush(stdout) == 0 && !ferror(stdout);
    if (output->path != NULL) {
        written = written && fsync(STDOUT_FILENO) == 0;
        if (!written)
            (void)failed(output->part);
        if (!whole || !written)
            unlink(output->part);
        else if (rename(output->part, output->path) != 0)
            written = failed(output->path); /* what is in .part is whole: it stays */
    }
    dup2(output->real, STDOUT_FILENO);
    close(output->real);
    output->real = -1;
    return written;
}
