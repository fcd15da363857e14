/* SPDX-License-Identifier: Apache-2.0 */
/* Files of batches for the next life. */
#include "common/speak/kept.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cursor.h"

#define MAGIC     "PAVOKEPT"
#define VERSION   1u
#define SUFFIX    ".kept"
#define NAME_SIZE 48
/* A frame is a sealed batch and its envelope. */
#define FRAME_MAX (SEAL_SEALED_MAX + 4096)

static void file_name(uint64_t epoch, const char *suffix, char ret_name[static NAME_SIZE])
{
    snprintf(ret_name, NAME_SIZE, "%" PRIu64 SUFFIX "%s", epoch, suffix);
}

/* ---- writing */

struct writer {
    FILE *file;
    crypto_generichash_state digest;
};

static void put(struct writer *w, const void *bytes, size_t length)
{
    crypto_generichash_update(&w->digest, bytes, length);
    (void)fwrite(bytes, 1, length, w->file); /* ferror is asked at the end */
}

static void put_u8(struct writer *w, uint8_t value)
{
    put(w, &value, sizeof(value));
}

static void put_u32(struct writer *w, uint32_t value)
{
    value = htobe32(value);
    put(w, &value, sizeof(value));
}

static void put_u64(struct writer *w, uint64_t value)
{
    value = htobe64(value);
    put(w, &value, sizeof(value));
}

static void put_loss(struct writer *w, const struct pending_loss *loss)
{
    put_u8(w, loss->loss);
    put_u64(w, (uint64_t)loss->from_time);
    put_u64(w, (uint64_t)loss->to_time);
    put_u64(w, loss->count);
    put_u64(w, loss->sequence);
    put(w, loss->interface, sizeof(loss->interface));
    put(w, loss->reason, sizeof(loss->reason));
}

static void put_batch(struct writer *w, const struct held_batch *batch)
{
    put_u64(w, batch->sequence);
    put_u64(w, batch->loss_sequence);
    put_u64(w, batch->records);
    put_u64(w, (uint64_t)batch->from_time);
    put_u64(w, (uint64_t)batch->to_time);
    put_u8(w, batch->ever_sent);
    put_u32(w, (uint32_t)batch->loss_count);
    put_u32(w, (uint32_t)batch->frame.length);
    for (size_t i = 0; i < batch->loss_count; i++)
        put_loss(w, &batch->losses[i]);
    put(w, batch->frame.data, batch->frame.length);
}

static void put_all(struct writer *w, const struct keys *keys, uint64_t epoch, const struct held *held)
{
    uint8_t digest[KEPT_DIGEST_SIZE];
    crypto_generichash_init(&w->digest, NULL, 0, sizeof(digest));
    put(w, MAGIC, strlen(MAGIC));
    put_u32(w, VERSION);
    put_u32(w, (uint32_t)held_count(held));
    put_u64(w, epoch);
    put(w, keys->name, sizeof(keys->name));
    put(w, keys->public_key, sizeof(keys->public_key));
    for (const struct held_batch *batch = NULL; (batch = held_after(held, batch)) != NULL;)
        put_batch(w, batch);
    crypto_generichash_final(&w->digest, digest, sizeof(digest));
    (void)fwrite(digest, 1, sizeof(digest), w->file);
}

/* 0, or an errno. */
static int write_aside(int directory, const char *name, const struct keys *keys, uint64_t epoch,
                       const struct held *held)
{
    int fd = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    struct writer w = {.file = fd < 0 ? NULL : fdopen(fd, "w")};
    if (w.file == NULL) {
        int cause = errno;
        if (fd >= 0)
            close(fd);
        return cause;
    }
    errno = 0;
    put_all(&w, keys, epoch, held);
    int cause = 0;
    if (fflush(w.file) != 0 || ferror(w.file) || fsync(fd) != 0)
        cause = errno == 0 ? EIO : errno;
    if (fclose(w.file) != 0 && cause == 0)
        cause = errno;
    return cause;
}

enum result kept_write(int directory, const struct keys *keys, uint64_t epoch, const struct held *held,
                       struct error *err)
{
    char name[NAME_SIZE], aside[NAME_SIZE];
    file_name(epoch, "", name);
    file_name(epoch, ".new", aside);
    if (held_count(held) == 0) {
        kept_delete(directory, epoch);
        return RESULT_OK;
    }
    (void)unlinkat(directory, aside, 0);
    int cause = write_aside(directory, aside, keys, epoch, held);
    if (cause == 0 && (renameat(directory, aside, directory, name) != 0 || fsync(directory) != 0))
        cause = errno;
    if (cause == 0)
        return RESULT_OK;
    (void)unlinkat(directory, aside, 0);
    return error_set(err, RESULT_FATAL, "unacknowledged batches cannot be kept: %s: %s", name, strerror(cause));
}

void kept_delete(int directory, uint64_t epoch)
{
    char name[NAME_SIZE];
    file_name(epoch, "", name);
    (void)unlinkat(directory, name, 0); /* one that stays is sent again, and acknowledged at once */
}

/* ---- reading */

static enum result damaged(struct error *err, const char *what)
{
    return error_set(err, RESULT_REJECT, "damaged: %s", what);
}

static bool text_ends(const char *text, size_t size)
{
    return memchr(text, '\0', size) != NULL;
}

static bool take_loss(struct cursor *c, struct pending_loss *loss)
{
    loss->loss = cursor_u8(c);
    loss->from_time = (int64_t)cursor_be64(c);
    loss->to_time = (int64_t)cursor_be64(c);
    loss->count = cursor_be64(c);
    loss->sequence = cursor_be64(c);
    cursor_copy(c, loss->interface, sizeof(loss->interface));
    cursor_copy(c, loss->reason, sizeof(loss->reason));
    return !c->failed && loss->loss < LOSS_KIND_COUNT && text_ends(loss->interface, sizeof(loss->interface)) &&
           text_ends(loss->reason, sizeof(loss->reason));
}

/* The losses and the frame of a batch whose numbers are read. */
static enum result take_owned(struct cursor *c, struct held_batch *batch, uint32_t losses, uint32_t length,
                              struct error *err)
{
    if (losses > LOSSES_MAX || length == 0 || length > FRAME_MAX || c->left < length)
        return damaged(err, "a batch of no such size");
    batch->losses = losses == 0 ? NULL : calloc(losses, sizeof(*batch->losses));
    batch->frame = (struct bytes){malloc(length), length};
    if (batch->frame.data == NULL || (losses > 0 && batch->losses == NULL))
        return error_set(err, RESULT_FATAL, "out of memory");
    for (; batch->loss_count < losses; batch->loss_count++) {
        if (!take_loss(c, &batch->losses[batch->loss_count]))
            return damaged(err, "a loss that is none");
    }
    return cursor_copy(c, batch->frame.data, length) ? RESULT_OK : damaged(err, "a batch is cut off");
}

static bool is_sequence(uint64_t number)
{
    return number >= 1 && number <= EPOCH_MAX; /* which bounds both */
}

static enum result take_batch(struct cursor *c, struct held *held, uint64_t *last, struct error *err)
{
    struct held_batch *batch = calloc(1, sizeof(*batch));
    if (batch == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    batch->sequence = cursor_be64(c);
    batch->loss_sequence = cursor_be64(c);
    batch->records = cursor_be64(c);
    batch->from_time = (int64_t)cursor_be64(c);
    batch->to_time = (int64_t)cursor_be64(c);
    batch->ever_sent = cursor_u8(c) != 0;
    uint32_t losses = cursor_be32(c), length = cursor_be32(c);
    enum result r = RESULT_OK;
    if (c->failed || !is_sequence(batch->sequence) || batch->sequence <= *last ||
        (batch->loss_sequence != 0 && !is_sequence(batch->loss_sequence)) || batch->records > RECORDS_ROWS_MAX)
        r = damaged(err, "a batch's numbers");
    *last = batch->sequence;
    if (r == RESULT_OK)
        r = take_owned(c, batch, losses, length, err);
    if (r == RESULT_OK)
        r = held_add(held, &batch);
    held_batch_destroy(&batch);
    return r;
}

static enum result take_head(struct cursor *c, const struct keys *keys, uint64_t epoch, uint32_t *ret_count,
                             struct error *err)
{
    char magic[sizeof(MAGIC) - 1], name[sizeof(keys->name)], public_key[sizeof(keys->public_key)];
    cursor_copy(c, magic, sizeof(magic));
    uint32_t version = cursor_be32(c), count = cursor_be32(c);
    uint64_t said = cursor_be64(c);
    cursor_copy(c, name, sizeof(name));
    cursor_copy(c, public_key, sizeof(public_key));
    if (c->failed || memcmp(magic, MAGIC, sizeof(magic)) != 0 || version != VERSION)
        return error_set(err, RESULT_REJECT, "not a file of kept batches, or of another version");
    if (said != epoch || !is_sequence(epoch))
        return damaged(err, "it is of another life than its name says");
    if (memcmp(name, keys->name, sizeof(name)) != 0 || memcmp(public_key, keys->public_key, sizeof(public_key)) != 0)
        return error_set(err, RESULT_REJECT, "it was kept under another key");
    *ret_count = count;
    return RESULT_OK;
}

enum result kept_parse(const uint8_t *bytes, size_t length, const struct keys *keys, uint64_t epoch,
                       struct session_pace pace, struct former **ret_former, struct error *err)
{
    struct cursor c = cursor_make(bytes, length);
    uint32_t count = 0;
    uint64_t last = 0;
    struct former *former = NULL;
    enum result r = take_head(&c, keys, epoch, &count, err);
    if (r == RESULT_OK && (former = former_new(epoch, pace)) == NULL)
        r = error_set(err, RESULT_FATAL, "out of memory");
    for (uint32_t i = 0; r == RESULT_OK && i < count; i++)
        r = take_batch(&c, former->held, &last, err);
    if (r == RESULT_OK && c.left > 0)
        r = damaged(err, "there is more behind its end");
    if (r == RESULT_OK)
        *ret_former = former;
    else
        former_destroy(&former);
    return r;
}

static enum result check_digest(const uint8_t *bytes, size_t length, struct error *err)
{
    uint8_t digest[KEPT_DIGEST_SIZE];
    if (length < sizeof(digest))
        return damaged(err, "it is cut off");
    crypto_generichash(digest, sizeof(digest), bytes, length - sizeof(digest), NULL, 0);
    return memcmp(digest, bytes + length - sizeof(digest), sizeof(digest)) == 0
               ? RESULT_OK
               : damaged(err, "its digest is not of its contents");
}

static enum result read_mapped(int fd, const struct keys *keys, uint64_t epoch, struct session_pace pace,
                               struct former **ret_former, struct error *err)
{
    struct stat stat;
    if (fstat(fd, &stat) != 0)
        return error_set(err, RESULT_FATAL, "%s", strerror(errno));
    if (!S_ISREG(stat.st_mode) || stat.st_size == 0)
        return damaged(err, "it is empty, or no file");
    size_t length = (size_t)stat.st_size;
    void *bytes = mmap(NULL, length, PROT_READ, MAP_PRIVATE, fd, 0); /* nobody else writes here: kept_open's lock */
    if (bytes == MAP_FAILED)
        return error_set(err, RESULT_FATAL, "%s", strerror(errno));
    enum result r = check_digest(bytes, length, err);
    if (r == RESULT_OK)
        r = kept_parse(bytes, length - KEPT_DIGEST_SIZE, keys, epoch, pace, ret_former, err);
    munmap(bytes, length);
    return r;
}

static void __attribute__((format(printf, 2, 3))) say(const struct kept_say *to, const char *format, ...)
{
    struct error line;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line.text, sizeof(line.text), format, arguments);
    va_end(arguments);
    to->say(to->context, line.text);
}

static struct former *read_one(int directory, uint64_t epoch, const struct keys *keys, struct session_pace pace,
                               const struct kept_say *to)
{
    char name[NAME_SIZE], aside[NAME_SIZE];
    struct error err;
    struct former *former = NULL;
    file_name(epoch, "", name);
    file_name(epoch, ".aside", aside);
    int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    enum result r = fd < 0 ? error_set(&err, RESULT_FATAL, "%s", strerror(errno))
                           : read_mapped(fd, keys, epoch, pace, &former, &err);
    if (fd >= 0)
        close(fd);
    if (r == RESULT_REJECT && renameat(directory, name, directory, aside) == 0)
        say(to, "the batches kept in %s are not sent: %s; it is now %s", name, err.text, aside);
    else if (r != RESULT_OK)
        say(to, "the batches kept in %s cannot be sent now: %s; they stay for the next start", name, err.text);
    return former;
}

/* Of a file of that suffix; 0: the name is another one's. */
static uint64_t epoch_of(const char *name, const char *suffix)
{
    char expected[NAME_SIZE];
    char *end;
    uint64_t epoch = strtoull(name, &end, 10);
    file_name(epoch, suffix, expected);
    return is_sequence(epoch) && strcmp(name, expected) == 0 ? epoch : 0;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* The oldest lives that left something; what was not written to its end is removed. */
static size_t list(int directory, uint64_t epochs[static KEPT_LIVES_MAX + 1])
{
    int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);
    size_t count = 0;
    if (entries == NULL) {
        if (fd >= 0)
            close(fd);
        return 0;
    }
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        uint64_t epoch = epoch_of(entry->d_name, "");
        if (epoch_of(entry->d_name, ".new") != 0)
            (void)unlinkat(directory, entry->d_name, 0);
        if (epoch == 0)
            continue;
        epochs[count++] = epoch;
        qsort(epochs, count, sizeof(*epochs), by_number);
        count = count > KEPT_LIVES_MAX ? KEPT_LIVES_MAX : count;
    }
    closedir(entries);
    return count;
}

size_t kept_read(int directory, const struct keys *keys, struct session_pace pace, const struct kept_say *to,
                 struct former *ret_formers[static KEPT_LIVES_MAX])
{
    uint64_t epochs[KEPT_LIVES_MAX + 1];
    size_t found = list(directory, epochs), count = 0;
    for (size_t i = 0; i < found; i++) {
        struct former *former = read_one(directory, epochs[i], keys, pace, to);
        if (former != NULL)
            ret_formers[count++] = former;
    }
    return count;
}

enum result kept_open(const char *path, int *ret_directory, struct error *err)
{
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int cause = directory < 0 ? errno : 0;
    if (cause == 0 && faccessat(directory, ".", W_OK | X_OK, AT_EACCESS) != 0)
        cause = errno;
    if (cause == 0 && flock(directory, LOCK_EX | LOCK_NB) != 0)
        cause = errno;
    if (cause == 0) {
        *ret_directory = directory;
        return RESULT_OK;
    }
    if (directory >= 0)
        close(directory);
    return error_set(err, RESULT_REJECT, "the state directory %s: %s", path,
                     cause == EWOULDBLOCK ? "another process uses it; give each sensor its own" : strerror(cause));
}
