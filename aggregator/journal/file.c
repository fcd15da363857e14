/* SPDX-License-Identifier: Apache-2.0 */
/* A file's making and reading. Lengths are believed only when a checksum vouches for them and the file has them. */
#include "aggregator/journal/file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#define NEW_NAME   "new"
#define SCAN_CHUNK 65536u
#define MODE       0600

static int system_fallocate(int fd, off_t offset, off_t length)
{
    return posix_fallocate(fd, offset, length);
}

const struct journal_calls journal_system_calls = {.openat = openat,
                                                   .pread = pread,
                                                   .pwrite = pwrite,
                                                   .pwritev = pwritev,
                                                   .fallocate = system_fallocate,
                                                   .fdatasync = fdatasync,
                                                   .fsync = fsync,
                                                   .renameat = renameat,
                                                   .unlinkat = unlinkat};

void file_name(uint64_t number, char name[static JOURNAL_FILE_MAX])
{
    snprintf(name, JOURNAL_FILE_MAX, "%016" PRIx64 ".log", number);
}

bool file_number(const char *name, uint64_t *ret_number)
{
    char again[JOURNAL_FILE_MAX];
    uint64_t number = strtoull(name, NULL, 16);
    file_name(number, again);
    if (number == 0 || strcmp(name, again) != 0)
        return false;
    *ret_number = number;
    return true;
}

/* ------------------------------------------------------------------ making */

static bool write_page(const struct journal_calls *calls, int fd, const uint8_t *page, uint64_t offset)
{
    ssize_t written = calls->pwrite(fd, page, FRAME_PAGE, (off_t)offset);
    if (written >= 0 && written != FRAME_PAGE)
        errno = ENOSPC; /* a short count says no reason; the room was allocated before */
    return written == FRAME_PAGE;
}

static bool fill(const struct journal_calls *calls, int folder, int fd, const struct journal_file *file)
{
    uint8_t page[FRAME_PAGE];
    char name[JOURNAL_FILE_MAX];
    file_name(file->number, name);
    frame_page_encode(&(struct frame_page){FRAME_VERSION, file->number, file->salt}, page);
    if (fchmod(fd, MODE) != 0) /* whatever the umask left of it */
        return false;
    int failed = calls->fallocate(fd, 0, (off_t)file->size);
    if (failed != 0) {
        errno = failed;
        return false;
    }
    return write_page(calls, fd, page, 0) && write_page(calls, fd, page, file->size - FRAME_PAGE) &&
           calls->fsync(fd) == 0 && calls->renameat(folder, NEW_NAME, folder, name) == 0;
}

enum result file_make(const struct journal_calls *calls, int folder, uint64_t number, uint64_t size,
                      struct journal_file *ret_file, int *ret_fd, struct error *err)
{
    struct journal_file file = {
        .number = number, .size = size, .readable = true, .received_ns = INT64_MAX, .gap_number = number};
    char name[JOURNAL_FILE_MAX];
    file_name(number, name);
    if (getrandom(&file.salt, sizeof(file.salt), 0) != sizeof(file.salt))
        return error_set(err, RESULT_AGAIN, "no random number for a journal file: %s", strerror(errno));
    calls->unlinkat(folder, NEW_NAME, 0); /* of an attempt that was cut short */
    int fd = calls->openat(folder, NEW_NAME, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, MODE);
    if (fd < 0)
        return error_set(err, errno == ENOENT ? RESULT_FATAL : RESULT_AGAIN, "cannot make the journal file %s: %s",
                         name, strerror(errno));
    if (fill(calls, folder, fd, &file) && calls->fsync(folder) == 0) {
        *ret_file = file;
        *ret_fd = fd;
        return RESULT_OK;
    }
    int failed = errno;
    close(fd);
    calls->unlinkat(folder, NEW_NAME, 0);
    calls->unlinkat(folder, name, 0);
    return error_set(err, RESULT_AGAIN, "cannot make the journal file %s of %" PRIu64 " bytes: %s", name, size,
                     strerror(failed));
}

/* ------------------------------------------------------------------ reading */

bool file_open(const struct journal_calls *calls, int folder, const struct journal_file *file, int flags,
               struct file_reader *ret_reader)
{
    char name[JOURNAL_FILE_MAX];
    file_name(file->number, name);
    int fd = calls->openat(folder, name, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return false;
    *ret_reader = (struct file_reader){.calls = calls, .fd = fd, .file = *file};
    return true;
}

void file_close(struct file_reader *reader)
{
    if (reader->fd >= 0)
        close(reader->fd);
    reader->fd = -1;
}

size_t file_read(struct file_reader *reader, void *to, size_t length, uint64_t offset)
{
    size_t done = 0;
    while (done < length) {
        ssize_t n = reader->calls->pread(reader->fd, (uint8_t *)to + done, length - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            reader->io_failed |= n < 0;
            break;
        }
        done += (size_t)n;
    }
    return done;
}

static bool page_at(struct file_reader *reader, uint64_t offset, struct frame_page *ret_page)
{
    uint8_t bytes[FRAME_PAGE];
    return file_read(reader, bytes, sizeof(bytes), offset) == sizeof(bytes) && frame_page_decode(bytes, ret_page) &&
           ret_page->number == reader->file.number;
}

enum result file_identify(struct file_reader *reader, struct error *err)
{
    struct journal_file *file = &reader->file;
    struct stat st;
    struct frame_page page;
    struct frame frame;
    char name[JOURNAL_FILE_MAX];
    file_name(file->number, name);
    if (fstat(reader->fd, &st) != 0)
        return error_set(err, RESULT_FATAL, "%s: %s", name, strerror(errno));
    file->size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
    file->received_ns = INT64_MAX;
    file->gap_number = file->number;
    file->readable =
        page_at(reader, 0, &page) || (file->size >= FRAME_PAGE && page_at(reader, file->size - FRAME_PAGE, &page));
    if (!file->readable)
        return RESULT_OK;
    if (page.version != FRAME_VERSION)
        return error_set(err, RESULT_FATAL,
                         "%s is of version %" PRIu32 " of the journal and this program reads version %u; "
                         "start the newer program",
                         name, page.version, FRAME_VERSION);
    file->salt = page.salt;
    file->framed = file_scan(reader, FRAME_PAGE, &frame);
    if (file->framed) {
        file->after = frame.after;
        file->received_ns = frame.kind == FRAME_BATCH ? frame.entry.received_ns : INT64_MAX;
    }
    return RESULT_OK;
}

/* A head that stands where it says. Its body may have been cut off: file_body finds out. */
static bool take(struct file_reader *reader, const uint8_t *head, uint64_t offset, struct frame *ret_frame)
{
    struct frame frame;
    if (!frame_decode(head, reader->file.number, reader->file.salt, &frame) || frame.entry.place.offset != offset ||
        (reader->file.framed && frame.after != reader->file.after))
        return false;
    *ret_frame = frame;
    return true;
}

bool file_frame(struct file_reader *reader, uint64_t offset, struct frame *ret_frame)
{
    uint8_t head[FRAME_HEAD];
    return reader->file.readable && offset < reader->file.size &&
           file_read(reader, head, sizeof(head), offset) == sizeof(head) && take(reader, head, offset, ret_frame);
}

/* Heads that begin in the chunk and end in it. */
static bool scan_chunk(struct file_reader *reader, const uint8_t *chunk, size_t length, uint64_t offset,
                       struct frame *ret_frame)
{
    for (size_t at = 0; at + FRAME_HEAD <= length; at += 8) {
        if (memcmp(chunk + at, FRAME_MAGIC, 8) == 0 && take(reader, chunk + at, offset + at, ret_frame))
            return true;
    }
    return false;
}

bool file_scan(struct file_reader *reader, uint64_t offset, struct frame *ret_frame)
{
    uint8_t chunk[SCAN_CHUNK];
    if (!reader->file.readable || file_frame(reader, offset, ret_frame))
        return reader->file.readable;
    while (offset < reader->file.size) {
        size_t length = file_read(reader, chunk, sizeof(chunk), offset);
        if (scan_chunk(reader, chunk, length, offset, ret_frame))
            return true;
        if (length == sizeof(chunk))
            offset += length - FRAME_HEAD; /* a head that the chunk's end cuts is in the next one */
        else
            offset = (offset + length + FRAME_PAGE) & ~(uint64_t)(FRAME_PAGE - 1); /* past what cannot be read */
    }
    return false;
}

enum result buffer_reserve(struct journal_buffer *buffer, size_t length)
{
    if (length <= buffer->capacity)
        return RESULT_OK;
    uint8_t *grown = realloc(buffer->bytes, length);
    if (grown == NULL)
        return RESULT_FULL;
    *buffer = (struct journal_buffer){grown, length};
    return RESULT_OK;
}

void journal_buffer_fini(struct journal_buffer *buffer)
{
    free(buffer->bytes);
    *buffer = (struct journal_buffer){0};
}

enum result file_body(struct file_reader *reader, const struct frame *frame, struct journal_buffer *buffer)
{
    if (buffer_reserve(buffer, frame->length + 1) != RESULT_OK)
        return RESULT_FULL;
    bool whole =
        file_read(reader, buffer->bytes, frame->length, frame->entry.place.offset + FRAME_HEAD) == frame->length;
    return whole && frame_check(buffer->bytes, frame->length) == frame->check ? RESULT_OK : RESULT_REJECT;
}

bool file_empty_from(struct file_reader *reader, uint64_t offset)
{
    static const uint8_t zeros[SCAN_CHUNK];
    uint8_t chunk[SCAN_CHUNK];
    struct frame_page page;
    uint64_t size = reader->file.size;
    if (size % 8 != 0 || size < FRAME_PAGE || offset > size - FRAME_PAGE || !page_at(reader, size - FRAME_PAGE, &page))
        return false;
    while (offset < size - FRAME_PAGE) {
        size_t length = size - FRAME_PAGE - offset < sizeof(chunk) ? size - FRAME_PAGE - offset : sizeof(chunk);
        if (file_read(reader, chunk, length, offset) != length || memcmp(chunk, zeros, length) != 0)
            return false;
        offset += length;
    }
    return true;
}
