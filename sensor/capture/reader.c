/* SPDX-License-Identifier: Apache-2.0 */
/* One capture file. Reading in pieces, not mapping: it works on pipes, and a file that is cut under us is no SIGBUS. */
#include "sensor/capture/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "sensor/capture/format.h"

enum { PIECE = 256 << 10 }; /* fits in the second-level cache with room to spare */

struct reader {
    char *path;
    int fd;
    gzFile zipped; /* NULL: it is not */
    struct format format;
    uint8_t *buffer;
    size_t size, begin, end; /* bytes [begin, end) of the buffer are unread */
    bool finished;           /* the file has no more */
    bool growing;            /* but may have, later */
    bool peeked;
    size_t peeked_used;
    struct packet packet;
};

/* Captures are kept compressed for years: a regular file with gzip's magic number is read through zlib. */
static gzFile open_zipped(int fd)
{
    uint8_t magic[2];
    if (pread(fd, magic, sizeof(magic), 0) != sizeof(magic) || magic[0] != 0x1f || magic[1] != 0x8b)
        return NULL;
    int copy = dup(fd);
    gzFile zipped = copy < 0 ? NULL : gzdopen(copy, "rb");
    if (zipped == NULL && copy >= 0)
        close(copy);
    return zipped;
}

enum result reader_open(const char *path, struct reader **ret_reader, struct error *err)
{
    struct stat st;
    bool standard_input = strcmp(path, "-") == 0;
    int fd = standard_input ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set(err, RESULT_REJECT, "%s: %s", path, strerror(errno));
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
        close(fd);
        return error_set(err, RESULT_REJECT, "%s: a folder", path);
    }
    struct reader *r = calloc(1, sizeof(*r));
    if (r != NULL) {
        r->path = strdup(standard_input ? "standard input" : path);
        r->buffer = malloc(PIECE);
        r->size = PIECE;
        r->fd = fd;
        r->zipped = open_zipped(fd);
        format_init(&r->format);
    }
    if (r == NULL || r->path == NULL || r->buffer == NULL) {
        if (r == NULL)
            close(fd);
        reader_close(&r);
        return error_set(err, RESULT_FATAL, "%s: out of memory", path);
    }
    *ret_reader = r;
    return RESULT_OK;
}

void reader_close(struct reader **reader)
{
    struct reader *r = *reader;
    if (r == NULL)
        return;
    if (r->zipped != NULL)
        gzclose(r->zipped);
    close(r->fd);
    format_fini(&r->format);
    free(r->buffer);
    free(r->path);
    free(r);
    *reader = NULL;
}

static ssize_t read_some(struct reader *r, const char **ret_reason)
{
    uint8_t *at = r->buffer + r->end;
    size_t room = r->size - r->end;
    ssize_t got = r->zipped != NULL ? gzread(r->zipped, at, (unsigned)room) : read(r->fd, at, room);
    int ignored;
    if (got < 0)
        *ret_reason = r->zipped != NULL ? gzerror(r->zipped, &ignored) : strerror(errno);
    return got;
}

/* Makes at least `need` unread bytes, or finds the end of the file. */
static enum result fill(struct reader *r, size_t need, struct error *err)
{
    memmove(r->buffer, r->buffer + r->begin, r->end - r->begin);
    r->end -= r->begin;
    r->begin = 0;
    if (need > r->size) {
        uint8_t *grown = realloc(r->buffer, need);
        if (grown == NULL)
            return error_set(err, RESULT_REJECT, "%s: out of memory for a record of %zu bytes", r->path, need);
        r->buffer = grown;
        r->size = need;
    }
    while (r->end < need && !r->finished) {
        const char *reason = "";
        ssize_t got = read_some(r, &reason);
        if (got > 0)
            r->end += (size_t)got;
        else if (got == 0)
            r->finished = true;
        else if (r->zipped != NULL || errno != EINTR)
            return error_set(err, RESULT_REJECT, "%s: packet %" PRIu64 ": %s", r->path, r->format.packets + 1, reason);
    }
    return RESULT_OK;
}

void reader_set_growing(struct reader *r, bool growing)
{
    r->growing = growing;
}

enum result reader_peek(struct reader *r, bool may_read, const struct packet **ret_packet, struct error *err)
{
    while (!r->peeked) {
        struct error cause;
        size_t used = 0, need = 0;
        enum result result =
            format_next(&r->format, r->buffer + r->begin, r->end - r->begin, &used, &need, &r->packet, &cause);
        if (result == RESULT_REJECT)
            return error_set(err, RESULT_REJECT, "%s: broken at packet %" PRIu64 ": %s", r->path, r->format.packets + 1,
                             cause.text);
        if (result == RESULT_OK) {
            r->peeked = true;
            r->peeked_used = used;
            break;
        }
        r->begin += used; /* blocks without packets */
        if (!may_read)
            return RESULT_AGAIN;
        if (r->finished) {
            r->finished = false;
            if (r->growing)
                return RESULT_AGAIN;
            if (r->end == r->begin && r->format.kind != FORMAT_UNKNOWN)
                return RESULT_END;
            return error_set(err, RESULT_REJECT, "%s: broken at packet %" PRIu64 ": the file ends within it", r->path,
                             r->format.packets + 1);
        }
        result = fill(r, need, err);
        if (result != RESULT_OK)
            return result;
    }
    *ret_packet = &r->packet;
    return RESULT_OK;
}

void reader_pass(struct reader *r)
{
    r->begin += r->peeked_used;
    r->peeked = false;
}

size_t reader_take(struct reader *r, int64_t until_ns, struct packet *packets, size_t most)
{
    size_t count = 0;
    if (r->peeked && most > 0) {
        packets[count++] = r->packet;
        reader_pass(r);
    }
    while (count < most && !r->peeked) {
        size_t used = 0, need = 0;
        struct error ignored; /* what is wrong here, reader_peek will find and tell */
        struct packet *packet = &packets[count];
        enum result result = format_next(&r->format, r->buffer + r->begin, r->end - r->begin, &used, &need, packet, &ignored);
        if (result == RESULT_REJECT)
            break;
        if (result == RESULT_OK && packet->time_ns >= until_ns) {
            r->packet = *packet;
            r->peeked = true;
            r->peeked_used = used;
            break;
        }
        r->begin += used;
        if (result != RESULT_OK)
            break;
        count++;
    }
    return count;
}
