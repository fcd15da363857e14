/* SPDX-License-Identifier: Apache-2.0 */
/* Files of segments: written aside, synced, renamed. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aggregator/segments/internal.h"

void segments_path(const struct segments *segments, uint64_t id, const char *suffix, char path[static SEGMENT_PATH_MAX])
{
    snprintf(path, SEGMENT_PATH_MAX, "%s/%016" PRIx64 ".%s", segments->folder, id, suffix);
}

static enum result sync_path(const char *path, struct error *err)
{
    int file = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    bool synced = file >= 0 && fchmod(file, 0600) == 0 && fsync(file) == 0;
    int why = errno;
    if (file >= 0)
        close(file);
    return synced ? RESULT_OK : error_set(err, RESULT_AGAIN, "%s cannot be written: %s", path, strerror(why));
}

static void temporary(const struct segments *segments, uint64_t id, const char *suffix,
                      char path[static SEGMENT_PATH_MAX])
{
    char name[32];
    snprintf(name, sizeof(name), "%s.tmp", suffix);
    segments_path(segments, id, name, path);
}

enum result part_finish(const struct segments *segments, uint64_t id, const char *suffix, struct error *err)
{
    char from[SEGMENT_PATH_MAX], to[SEGMENT_PATH_MAX];
    temporary(segments, id, suffix, from);
    segments_path(segments, id, suffix, to);
    enum result r = sync_path(from, err);
    if (r == RESULT_OK && rename(from, to) != 0)
        r = error_set(err, RESULT_AGAIN, "%s cannot be renamed: %s", from, strerror(errno));
    return r;
}

static enum result write_all(int file, const uint8_t *bytes, size_t length)
{
    while (length > 0) {
        ssize_t wrote = write(file, bytes, length);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return RESULT_AGAIN;
        bytes += wrote;
        length -= (size_t)wrote;
    }
    return RESULT_OK;
}

enum result part_write(const struct segments *segments, uint64_t id, const char *suffix, const void *bytes,
                       size_t length, struct error *err)
{
    char path[SEGMENT_PATH_MAX];
    temporary(segments, id, suffix, path);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    enum result r = file >= 0 ? write_all(file, bytes, length) : RESULT_AGAIN;
    int why = errno;
    if (file >= 0)
        close(file);
    return r == RESULT_OK ? part_finish(segments, id, suffix, err)
                          : error_set(err, r, "%s cannot be written: %s", path, strerror(why));
}

enum result part_sync_folder(const struct segments *segments, struct error *err)
{
    return fsync(segments->folder_file) == 0
               ? RESULT_OK
               : error_set(err, RESULT_AGAIN, "%s cannot be synced: %s", segments->folder, strerror(errno));
}

void part_remove(const struct segments *segments, uint64_t id)
{
    static const char *const suffixes[] = {"seal", "index", "parquet", "seal.tmp", "index.tmp", "parquet.tmp"};
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++) {
        char path[SEGMENT_PATH_MAX];
        segments_path(segments, id, suffixes[i], path);
        unlink(path); /* most are not there; one that stays is removed at the next start */
    }
}

enum result part_open(const char *path, int *ret_file, uint64_t *ret_size, struct error *err)
{
    struct stat st;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK); /* a FIFO would wait for a writer */
    if (file < 0) {
        /* What is another's, or on a disk that fails, is as good as damaged for whoever asks: the rest answers. */
        bool ours = errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == EINTR;
        return error_set(err, ours ? RESULT_AGAIN : RESULT_REJECT, "%s cannot be opened: %s", path, strerror(errno));
    }
    if (fstat(file, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(file);
        return error_set(err, RESULT_REJECT, "%s is no file", path);
    }
    *ret_file = file;
    *ret_size = (uint64_t)st.st_size;
    return RESULT_OK;
}

enum result part_read(int file, const char *path, void *to, size_t length, uint64_t offset, struct error *err)
{
    uint8_t *at = to;
    while (length > 0) {
        ssize_t got = pread(file, at, length, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return error_set(err, RESULT_REJECT, "%s is damaged: %s", path,
                             got == 0 ? "it is shorter than it was" : strerror(errno));
        at += got;
        offset += (uint64_t)got;
        length -= (size_t)got;
    }
    return RESULT_OK;
}
