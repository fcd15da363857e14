/* SPDX-License-Identifier: Apache-2.0 */
/* The system calls by which the journal changes or reads the disk, so that a test can let each of them fail. All answer
 * as the system's do: -1 and errno, or a short count. */
#ifndef PAVO_AGGREGATOR_JOURNAL_CALLS_H
#define PAVO_AGGREGATOR_JOURNAL_CALLS_H

#include <fcntl.h>
#include <stdio.h>
#include <sys/uio.h>
#include <unistd.h>

struct journal_calls {
    int (*openat)(int folder, const char *name, int flags, ...);
    ssize_t (*pread)(int fd, void *to, size_t length, off_t offset);
    ssize_t (*pwrite)(int fd, const void *from, size_t length, off_t offset);
    ssize_t (*pwritev)(int fd, const struct iovec *parts, int count, off_t offset);
    int (*fallocate)(int fd, off_t offset, off_t length); /* posix_fallocate: returns the errno */
    int (*fdatasync)(int fd);
    int (*fsync)(int fd);
    int (*renameat)(int from_folder, const char *from, int to_folder, const char *to);
    int (*unlinkat)(int folder, const char *name, int flags);
};
extern const struct journal_calls journal_system_calls;

#endif
