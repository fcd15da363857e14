/* SPDX-License-Identifier: Apache-2.0 */
/* One capture file. Reading in pieces, not mapping: it works on pipes, and a file that is cut under us is no SIGBUS. */
#include "sensor/capture/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "common/clock.h"
#include "sensor/capture/format.h"

enum {
    PIECE = 256 << 10,     /* fits in the second-level cache with room to spare */
    GZIP_WINDOW = 15 + 16, /* zlib's: the largest window, gzip's header */
};

/* Captures are kept compressed for years: what begins with gzip's magic number is unpacked as it is read. */
struct unzipper {
    z_stream stream;
    uint8_t *packed; /* PIECE bytes */
    bool within;     /* a member is begun and not ended */
};

struct reader {
    char *path;
    int fd;
    bool regular;              /* else reading may have to wait: a pipe, a terminal */
    struct unzipper *unzipper; /* NULL: it is not compressed */
    struct format format;
    uint8_t *buffer;
    size_t size, begin, end; /* bytes [begin, end) of the buffer are unread */
    uint64_t offset;         /* read from the file */
    bool looked;             /* for the magic number */
    bool finished;           /* the file has no more */
    bool growing;            /* but may have, later */
    bool peeked;
    size_t peeked_used;
    struct packet packet;
};

enum result reader_open(const char *path, struct reader **ret_reader, struct error *err)
{
    struct stat st = {0};
    bool standard_input = strcmp(path, "-") == 0;
    /* A named pipe that nobody writes to yet is not waited for here. */
    int fd = standard_input ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return error_set(err, RESULT_REJECT, "%s: %s%s", path, strerror(errno),
                         errno == EACCES ? "; files are read as the user that --user names" : "");
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
        r->regular = S_ISREG(st.st_mode);
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
    if (r->unzipper != NULL) {
        inflateEnd(&r->unzipper->stream);
        free(r->unzipper->packed);
        free(r->unzipper);
    }
    close(r->fd);
    format_fini(&r->format);
    free(r->buffer);
    free(r->path);
    free(r);
    *reader = NULL;
}

bool reader_is_regular(const struct reader *reader)
{
    return reader->regular;
}

int64_t reader_written_ns(const struct reader *reader)
{
    struct stat st;
    if (fstat(reader->fd, &st) != 0)
        return 0;
    return (int64_t)st.st_mtim.tv_sec * NS_PER_S + st.st_mtim.tv_nsec;
}

uint64_t reader_offset(const struct reader *reader)
{
    return reader->offset;
}

const struct format *reader_format(const struct reader *reader)
{
    return &reader->format;
}

bool reader_wait(const struct reader *reader, int wait_ms)
{
    return reader->regular || poll(&(struct pollfd){.fd = reader->fd, .events = POLLIN}, 1, wait_ms) > 0;
}

static enum result fail(const struct reader *r, const char *reason, struct error *err)
{
    return error_set(err, RESULT_REJECT, "%s: packet %" PRIu64 ": %s", r->path, r->format.packets + 1, reason);
}

/* Bytes of the file as they are; none: it is at its end. RESULT_AGAIN: a pipe that has none now. */
static enum result read_some(struct reader *r, uint8_t *at, size_t room, size_t *ret_got, struct error *err)
{
    if (!reader_wait(r, 0))
        return RESULT_AGAIN;
    ssize_t got;
    do
        got = read(r->fd, at, room);
    while (got < 0 && errno == EINTR);
    if (got < 0 && errno == EAGAIN)
        return RESULT_AGAIN;
    if (got < 0)
        return fail(r, strerror(errno), err);
    r->offset += (uint64_t)got;
    *ret_got = (size_t)got;
    return RESULT_OK;
}

/* What was read so far is compressed: it becomes the unzipper's. */
static enum result begin_unzipping(struct reader *r, struct error *err)
{
    struct unzipper *u = calloc(1, sizeof(*u));
    uint8_t *unpacked = malloc(PIECE);
    if (u == NULL || unpacked == NULL || inflateInit2(&u->stream, GZIP_WINDOW) != Z_OK) {
        free(u);
        free(unpacked);
        return fail(r, "out of memory", err);
    }
    u->packed = r->buffer;
    u->within = true;
    u->stream.next_in = u->packed + r->begin;
    u->stream.avail_in = (uInt)(r->end - r->begin);
    r->unzipper = u;
    r->buffer = unpacked;
    r->size = PIECE;
    r->begin = r->end = 0;
    return RESULT_OK;
}

/* One step: packed bytes are read when there are none left, and unpacked as far as there is room. */
static enum result unzip_some(struct reader *r, struct error *err)
{
    struct unzipper *u = r->unzipper;
    z_stream *z = &u->stream;
    if (z->avail_in == 0) {
        size_t got = 0;
        enum result result = read_some(r, u->packed, PIECE, &got, err);
        if (result != RESULT_OK)
            return result;
        if (got == 0 && u->within && !r->growing)
            return fail(r, "the compressed file ends early", err);
        r->finished = got == 0;
        z->next_in = u->packed;
        z->avail_in = (uInt)got;
        if (got == 0)
            return RESULT_OK;
    }
    if (!u->within) { /* another member, or something that gzip would leave alone as well */
        if (z->next_in[0] != 0x1f || inflateReset(z) != Z_OK) {
            r->finished = true;
            return RESULT_OK;
        }
        u->within = true;
    }
    z->next_out = r->buffer + r->end;
    z->avail_out = (uInt)(r->size - r->end);
    int status = inflate(z, Z_NO_FLUSH);
    r->end = r->size - z->avail_out;
    if (status == Z_STREAM_END)
        u->within = false;
    else if (status != Z_OK && status != Z_BUF_ERROR)
        return fail(r, z->msg != NULL ? z->msg : "cannot be unpacked", err);
    return RESULT_OK;
}

static enum result take_some(struct reader *r, struct error *err)
{
    if (r->unzipper != NULL)
        return unzip_some(r, err);
    size_t got = 0;
    enum result result = read_some(r, r->buffer + r->end, r->size - r->end, &got, err);
    if (result != RESULT_OK)
        return result;
    r->end += got;
    r->finished = got == 0;
    if (r->looked || r->end < 2)
        return RESULT_OK;
    r->looked = true;
    return r->buffer[0] == 0x1f && r->buffer[1] == 0x8b ? begin_unzipping(r, err) : RESULT_OK;
}

/* Makes at least `need` unread bytes, or finds the end of the file. RESULT_AGAIN: there are none now. */
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
    enum result result = RESULT_OK;
    while (r->end < need && !r->finished && result == RESULT_OK)
        result = take_some(r, err);
    return result;
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
        enum result result =
            format_next(&r->format, r->buffer + r->begin, r->end - r->begin, &used, &need, packet, &ignored);
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
