/* SPDX-License-Identifier: Apache-2.0 */
/* Appending, going over to the next file, dropping old ones. */
#include "aggregator/journal/journal.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "aggregator/journal/internal.h"

#define FOLDER "journal"
#define NOTE   "committed"

/* As it is. The note may be missing, as it may be for whoever writes. RESULT_END: there is no journal. */
static enum result look_into_folder(struct journal *journal, const char *directory, struct error *err)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/" FOLDER, directory);
    journal->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (journal->folder < 0)
        return errno == ENOENT ? RESULT_END : error_set(err, RESULT_FATAL, "cannot open %s: %s", path, strerror(errno));
    journal->note_fd = journal->calls->openat(journal->folder, NOTE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0);
    return RESULT_OK;
}

static enum result open_folder(struct journal *journal, const char *directory, struct error *err)
{
    if (journal->read_only)
        return look_into_folder(journal, directory, err);
    int parent = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool made = parent >= 0 && mkdirat(parent, FOLDER, 0700) == 0;
    if (parent >= 0)
        journal->folder = openat(parent, FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    bool durable = journal->folder >= 0 && (!made || (fchmod(journal->folder, 0700) == 0 && fsync(parent) == 0));
    int failed = errno;
    if (parent >= 0)
        close(parent);
    if (!durable)
        return error_set(err, RESULT_FATAL, "cannot open or make %s/" FOLDER ": %s", directory, strerror(failed));
    if (flock(journal->folder, LOCK_EX | LOCK_NB) != 0)
        return error_set(err, RESULT_FATAL, "%s/" FOLDER " is in use by another process", directory);
    journal->note_fd = journal->calls->openat(journal->folder, NOTE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (journal->note_fd < 0 || fchmod(journal->note_fd, 0600) != 0)
        return error_set(err, RESULT_FATAL, "cannot open %s/" FOLDER "/" NOTE ": %s", directory, strerror(errno));
    return RESULT_OK;
}

enum result journal_open(const struct journal_options *options, struct journal **ret_journal, struct error *err)
{
    struct journal *journal = calloc(1, sizeof(*journal));
    if (journal == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    journal->calls = options->calls != NULL ? options->calls : &journal_system_calls;
    journal->folder = journal->note_fd = journal->fd = journal->spare_fd = -1;
    journal->read_only = options->read_only;
    journal->file_bytes = options->file_bytes == 0 ? JOURNAL_FILE_DEFAULT : options->file_bytes;
    if (journal->file_bytes < JOURNAL_FILE_MIN)
        journal->file_bytes = JOURNAL_FILE_MIN;
    journal->file_bytes = (journal->file_bytes + FRAME_PAGE - 1) & ~(uint64_t)(FRAME_PAGE - 1);
    pthread_mutex_init(&journal->lock, NULL);
    enum result r = open_folder(journal, options->directory, err);
    if (r == RESULT_OK)
        r = journal_load(journal, err);
    if (r != RESULT_OK && r != RESULT_END) {
        journal_close(&journal);
        return r;
    }
    *ret_journal = journal;
    return RESULT_OK;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void journal_close(struct journal **journal)
{
    if (*journal == NULL)
        return;
    close_fd(&(*journal)->fd);
    close_fd(&(*journal)->spare_fd);
    close_fd(&(*journal)->note_fd);
    close_fd(&(*journal)->folder);
    pthread_mutex_destroy(&(*journal)->lock);
    free((*journal)->files);
    free((*journal)->heads);
    free((*journal)->parts);
    free(*journal);
    *journal = NULL;
}

/* ------------------------------------------------------------------ files */

static bool unlink_file(struct journal *journal, uint64_t number)
{
    char name[JOURNAL_FILE_MAX];
    file_name(number, name);
    return journal->calls->unlinkat(journal->folder, name, 0) == 0 || errno == ENOENT;
}

static enum result make_spare(struct journal *journal, uint64_t size, struct error *err)
{
    struct journal_file file;
    int fd;
    enum result r = file_make(journal->calls, journal->folder, journal->number + 1,
                              size < journal->file_bytes ? journal->file_bytes : size, &file, &fd, err);
    if (r == RESULT_FATAL)
        return r;
    journal->number++; /* a name is never used again, not even one whose file was not made after all */
    if (r != RESULT_OK)
        return r;
    pthread_mutex_lock(&journal->lock);
    journal->spare = file;
    journal->spare_fd = fd;
    pthread_mutex_unlock(&journal->lock);
    return RESULT_OK;
}

enum result journal_prepare(struct journal *journal, struct error *err)
{
    return journal->spare_fd >= 0 ? RESULT_OK : make_spare(journal, journal->file_bytes, err);
}

/* Goes over to a new file with room for `size` bytes of frames. */
static enum result next_file(struct journal *journal, uint64_t size, struct error *err)
{
    size = (size + 2 * FRAME_PAGE + FRAME_PAGE - 1) & ~(uint64_t)(FRAME_PAGE - 1);
    enum result r = journal_table_reserve(journal, err);
    if (r == RESULT_OK && journal->spare_fd >= 0 && journal->spare.size < size) {
        /* Numbers are in the order of writing: a smaller spare cannot be kept for later. */
        close_fd(&journal->spare_fd);
        unlink_file(journal, journal->spare.number);
    }
    if (r == RESULT_OK && journal->spare_fd < 0)
        r = make_spare(journal, size, err);
    if (r != RESULT_OK)
        return r;
    close_fd(&journal->fd);
    pthread_mutex_lock(&journal->lock);
    journal->files[journal->count] = journal->spare;
    journal->files[journal->count].after = journal->files[journal->count].end = journal->last;
    journal->count++;
    journal->fd = journal->spare_fd;
    journal->spare_fd = -1;
    pthread_mutex_unlock(&journal->lock);
    journal->offset = FRAME_PAGE;
    return RESULT_OK;
}

/* Nothing is appended to this file again. One in which nothing was committed goes: a disk that fails often would fill
 * with such; if it cannot be unlinked it is void by what the next file says. */
static void abandon_file(struct journal *journal)
{
    struct journal_file *file = &journal->files[journal->count - 1];
    close_fd(&journal->fd);
    if (file->end != file->after || !unlink_file(journal, file->number))
        return;
    pthread_mutex_lock(&journal->lock);
    journal->count--;
    pthread_mutex_unlock(&journal->lock);
}

void journal_begin_at(struct journal *journal, uint64_t position)
{
    if (position <= journal->last)
        return;
    close_fd(&journal->fd);
    pthread_mutex_lock(&journal->lock);
    journal->last = position;
    if (journal->count > 0)
        journal->files[journal->count - 1].end = position; /* as it will be found when it is opened again */
    pthread_mutex_unlock(&journal->lock);
}

/* ------------------------------------------------------------------ appending */

static enum result check_entries(const struct journal *journal, const struct journal_entry *entries, size_t count,
                                 uint64_t *ret_size, struct error *err)
{
    if (count == 0 || count > JOURNAL_SET_MAX)
        return error_set(err, RESULT_REJECT, "a set of the journal has 1 to %u batches, not %zu", JOURNAL_SET_MAX,
                         count);
    uint64_t size = frame_size(count * FRAME_HEAD);
    for (size_t i = 0; i < count; i++) {
        if (entries[i].position != journal->last + 1 + i)
            return error_set(err, RESULT_REJECT, "the journal's next position is %" PRIu64 ", not %" PRIu64,
                             journal->last + 1 + i, entries[i].position);
        if (entries[i].length > JOURNAL_ENTRY_MAX)
            return error_set(err, RESULT_REJECT, "position %" PRIu64 " of %s has %zu bytes; the journal takes up to %u",
                             entries[i].position, entries[i].speaker.sensor, entries[i].length, JOURNAL_ENTRY_MAX);
        size += frame_size(entries[i].length);
    }
    *ret_size = size;
    return RESULT_OK;
}

static enum result reserve_heads(struct journal *journal, size_t entries, struct error *err)
{
    if (entries <= journal->heads_capacity)
        return RESULT_OK;
    uint8_t *heads = realloc(journal->heads, (entries + 1) * FRAME_HEAD);
    if (heads != NULL)
        journal->heads = heads;
    struct iovec *parts = realloc(journal->parts, (3 * entries + 2) * sizeof(*parts));
    if (parts != NULL)
        journal->parts = parts;
    if (heads == NULL || parts == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory for a set of %zu batches in the journal", entries);
    journal->heads_capacity = entries;
    return RESULT_OK;
}

/* The set's bytes as parts, none of them copied; gives each entry its place and digest. */
static size_t lay_out(struct journal *journal, struct journal_entry *entries, size_t count)
{
    static uint8_t zeros[8];
    struct journal_file *file = &journal->files[journal->count - 1];
    struct frame frame = {.kind = FRAME_BATCH,
                          .after = file->after,
                          .set_first = entries[0].position,
                          .set_last = entries[count - 1].position};
    uint64_t offset = journal->offset;
    size_t parts = 0;
    for (size_t i = 0; i < count; i++) {
        uint8_t *head = journal->heads + i * FRAME_HEAD;
        entries[i].place = (struct journal_place){file->number, offset};
        entries[i].digest = frame_check(entries[i].packed, entries[i].length);
        frame.entry = entries[i];
        frame_encode(&frame, file->salt, head);
        uint64_t size = frame_size(entries[i].length);
        journal->parts[parts++] = (struct iovec){head, FRAME_HEAD};
        journal->parts[parts++] = (struct iovec){(void *)entries[i].packed, entries[i].length};
        journal->parts[parts++] = (struct iovec){zeros, size - FRAME_HEAD - entries[i].length};
        offset += size;
    }
    frame.kind = FRAME_END;
    frame.length = count * FRAME_HEAD;
    frame.check = frame_check(journal->heads, frame.length);
    frame.entry.place.offset = offset;
    frame_encode(&frame, file->salt, journal->heads + frame.length);
    journal->parts[parts++] = (struct iovec){journal->heads + frame.length, FRAME_HEAD};
    journal->parts[parts++] = (struct iovec){journal->heads, frame.length};
    return parts;
}

static bool write_parts(struct journal *journal, size_t count, uint64_t offset)
{
    struct iovec *part = journal->parts, *end = journal->parts + count;
    while (part < end) {
        size_t some = (size_t)(end - part) < IOV_MAX ? (size_t)(end - part) : IOV_MAX;
        ssize_t written = journal->calls->pwritev(journal->fd, part, (int)some, (off_t)offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written == 0)
            errno = ENOSPC;
        if (written <= 0)
            return false;
        offset += (uint64_t)written;
        for (; part < end && (size_t)written >= part->iov_len; part++)
            written -= (ssize_t)part->iov_len;
        if (part < end) {
            part->iov_base = (uint8_t *)part->iov_base + written;
            part->iov_len -= (size_t)written;
        }
    }
    return true;
}

static void committed(struct journal *journal, const struct journal_entry *entries, size_t count, uint64_t size)
{
    pthread_mutex_lock(&journal->lock);
    struct journal_file *file = &journal->files[journal->count - 1];
    if (file->end == file->after)
        file->received_ns = entries[0].received_ns;
    file->framed = true;
    file->end = journal->last = entries[count - 1].position;
    pthread_mutex_unlock(&journal->lock);
    journal->offset += size;
    journal_note(journal);
}

static enum result failed(struct journal *journal, enum result r)
{
    pthread_mutex_lock(&journal->lock);
    journal->failed++;
    pthread_mutex_unlock(&journal->lock);
    return r;
}

enum result journal_append(struct journal *journal, struct journal_entry *entries, size_t count, struct error *err)
{
    uint64_t size = 0;
    enum result r = check_entries(journal, entries, count, &size, err);
    if (r != RESULT_OK)
        return r;
    r = reserve_heads(journal, count, err);
    if (r == RESULT_OK &&
        (journal->fd < 0 || journal->offset + size + FRAME_PAGE > journal->files[journal->count - 1].size))
        r = next_file(journal, size, err);
    if (r != RESULT_OK)
        return failed(journal, r);
    size_t parts = lay_out(journal, entries, count);
    bool written = write_parts(journal, parts, journal->offset);
    if (!written || journal->calls->fdatasync(journal->fd) != 0) {
        char name[JOURNAL_FILE_MAX];
        file_name(journal->files[journal->count - 1].number, name);
        r = error_set(err, RESULT_AGAIN, "cannot %s the journal file %s: %s", written ? "sync" : "write", name,
                      strerror(errno));
        abandon_file(journal);
        return failed(journal, r);
    }
    committed(journal, entries, count, size);
    return RESULT_OK;
}

/* ------------------------------------------------------------------ dropping */

static uint64_t bytes_in_all(const struct journal *journal)
{
    uint64_t bytes = journal->spare_fd >= 0 ? journal->spare.size : 0;
    for (size_t i = 0; i < journal->count; i++)
        bytes += journal->files[i].size;
    return bytes;
}

static bool may_go(const struct journal *journal, uint64_t through, uint64_t keep_bytes, int64_t keep_after_ns)
{
    const struct journal_file *files = journal->files;
    if (journal->count < 2 || files[0].end > through)
        return false;
    return (keep_bytes != 0 && bytes_in_all(journal) > keep_bytes) ||
           (files[1].received_ns != INT64_MAX && files[1].received_ns < keep_after_ns);
}

/* Under the lock as a whole: a reader that does not find the file then finds out that it was dropped. */
static bool drop_oldest(struct journal *journal)
{
    pthread_mutex_lock(&journal->lock);
    struct journal_file oldest = journal->files[0];
    bool gone = unlink_file(journal, oldest.number);
    if (gone) {
        memmove(journal->files, journal->files + 1, --journal->count * sizeof(*journal->files));
        journal->dropped = oldest.end > journal->dropped ? oldest.end : journal->dropped;
    }
    pthread_mutex_unlock(&journal->lock);
    return gone;
}

enum result journal_drop(struct journal *journal, uint64_t through, uint64_t keep_bytes, int64_t keep_after_ns,
                         uint64_t *ret_files, struct error *err)
{
    enum result r = RESULT_OK;
    uint64_t files = 0;
    while (may_go(journal, through, keep_bytes, keep_after_ns)) {
        if (!drop_oldest(journal)) {
            char name[JOURNAL_FILE_MAX];
            file_name(journal->files[0].number, name);
            r = error_set(err, RESULT_AGAIN, "cannot unlink the journal file %s: %s", name, strerror(errno));
            break;
        }
        files++;
    }
    if (files > 0) {
        journal_note(journal);
        /* A file that a crash brings back is dropped again; what counts is that it is gone for whoever looks now. */
        journal->calls->fsync(journal->folder);
    }
    if (ret_files != NULL)
        *ret_files = files;
    return r;
}

/* ------------------------------------------------------------------ what there is */

uint64_t journal_last(struct journal *journal)
{
    return journal_sizes(journal).last;
}

uint64_t journal_first(struct journal *journal)
{
    return journal_sizes(journal).first;
}

struct journal_sizes journal_sizes(struct journal *journal)
{
    pthread_mutex_lock(&journal->lock);
    struct journal_sizes sizes = {.files = journal->count + (journal->spare_fd >= 0),
                                  .bytes = bytes_in_all(journal),
                                  .first = (journal->count > 0 ? journal->files[0].after : journal->last) + 1,
                                  .last = journal->last,
                                  .dropped = journal->dropped,
                                  .torn = journal->torn,
                                  .failed = journal->failed,
                                  .prepared = journal->spare_fd >= 0};
    pthread_mutex_unlock(&journal->lock);
    return sizes;
}
