/* SPDX-License-Identifier: Apache-2.0 */
/* Opening: which files there are, which positions each of them is to have, and where the stream ends.
 *
 * A file says behind which position it begins, so each but the last framed one ends where a younger one begins. The end
 * of the last one is judged:
 *   - a set that is followed by a frame of a later set was committed, since the later one was begun after it
 *   - what the note says was committed was
 *   - the last set counts when all its frames are whole
 *   - anything else behind was never acknowledged
 * What counts only because it can be read is written once more and synced: it may be in the page cache alone, after an
 * fdatasync of the last process that failed. */
#include "aggregator/journal/internal.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum result journal_table_reserve(struct journal *journal, struct error *err)
{
    if (journal->count < journal->capacity)
        return RESULT_OK;
    size_t capacity = journal->capacity == 0 ? 64 : journal->capacity * 2;
    pthread_mutex_lock(&journal->lock);
    struct journal_file *grown = realloc(journal->files, capacity * sizeof(*grown));
    if (grown != NULL) {
        journal->files = grown;
        journal->capacity = capacity;
    }
    pthread_mutex_unlock(&journal->lock);
    return grown != NULL ? RESULT_OK : error_set(err, RESULT_AGAIN, "out of memory for the journal's files");
}

/* ------------------------------------------------------------------ the table */

static enum result open_file(struct journal *journal, const struct journal_file *file, int flags,
                             struct file_reader *ret_reader, struct error *err)
{
    char name[JOURNAL_FILE_MAX];
    file_name(file->number, name);
    if (!file_open(journal->calls, journal->folder, file, flags, ret_reader))
        return error_set(err, RESULT_FATAL, "cannot open the journal file %s: %s", name, strerror(errno));
    return RESULT_OK;
}

static enum result add_file(struct journal *journal, uint64_t number, struct error *err)
{
    struct file_reader reader;
    enum result r = journal_table_reserve(journal, err);
    if (r == RESULT_OK)
        r = open_file(journal, &(struct journal_file){.number = number}, O_RDONLY, &reader, err);
    if (r != RESULT_OK)
        return r;
    r = file_identify(&reader, err);
    if (r == RESULT_OK)
        journal->files[journal->count++] = reader.file;
    file_close(&reader);
    return r;
}

static int by_number(const void *a, const void *b)
{
    const struct journal_file *one = a, *other = b;
    return one->number < other->number ? -1 : one->number > other->number;
}

static enum result list_files(struct journal *journal, struct error *err)
{
    int fd = openat(journal->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* closedir closes it */
    DIR *listing = fd < 0 ? NULL : fdopendir(fd);
    enum result r = RESULT_OK;
    struct dirent *found;
    uint64_t number;
    if (listing == NULL) {
        if (fd >= 0)
            close(fd);
        return error_set(err, RESULT_FATAL, "cannot list the journal's folder: %s", strerror(errno));
    }
    while (r == RESULT_OK && (found = readdir(listing)) != NULL) {
        if (file_number(found->d_name, &number))
            r = add_file(journal, number, err);
    }
    closedir(listing);
    if (journal->count > 0)
        qsort(journal->files, journal->count, sizeof(*journal->files), by_number);
    return r;
}

/* ------------------------------------------------------------------ the end of the last file */

struct judged {
    uint64_t proven;      /* last position that a later frame proves committed */
    struct frame end;     /* the END frame of the last set; length 0: none */
    uint64_t last_set;    /* first position of the last set; 0: none */
    uint64_t used;        /* behind the last frame */
    uint64_t unsure_from; /* offset of the first frame beyond the note; `used`: none */
    uint64_t last_end;    /* and its last position; the file's `after`: none */
    bool odd;             /* bytes between frames were no frames, or sets do not follow one another */
};

static void look_through(struct file_reader *reader, uint64_t committed, struct judged *ret_judged)
{
    struct judged j = {
        .proven = reader->file.after, .last_end = reader->file.after, .used = FRAME_PAGE, .unsure_from = UINT64_MAX};
    struct frame frame;
    while (file_scan(reader, j.used, &frame)) {
        uint64_t offset = frame.entry.place.offset;
        bool same = frame.set_first == j.last_set && frame.set_last == j.last_end;
        j.odd |= offset != j.used || (!same && frame.set_first != j.last_end + 1);
        if (frame.set_first > j.last_set) {
            j.last_set = frame.set_first;
            j.last_end = frame.set_last;
            j.proven = frame.set_first - 1;
            j.end.length = 0;
        }
        if (frame.kind == FRAME_END && frame.set_first == j.last_set)
            j.end = frame;
        if (frame.set_last > committed && j.unsure_from == UINT64_MAX)
            j.unsure_from = offset;
        j.used = offset + frame_size(frame.length);
    }
    if (j.unsure_from == UINT64_MAX)
        j.unsure_from = j.used;
    *ret_judged = j;
}

/* RESULT_REJECT: not all of its frames are there as they were written. */
static enum result check_set(struct file_reader *reader, const struct frame *end, struct journal_buffer *directory,
                             struct journal_buffer *body)
{
    enum result r = end->length == 0 ? RESULT_REJECT : file_body(reader, end, directory);
    for (uint64_t at = 0; r == RESULT_OK && at < end->length; at += FRAME_HEAD) {
        struct frame listed, frame;
        if (!frame_decode(directory->bytes + at, reader->file.number, reader->file.salt, &listed) ||
            !file_frame(reader, listed.entry.place.offset, &frame) || frame.kind != FRAME_BATCH ||
            frame.entry.position != end->set_first + at / FRAME_HEAD)
            r = RESULT_REJECT;
        else
            r = file_body(reader, &frame, body);
    }
    return r;
}

/* The same bytes once more, and down to the disk. */
static bool write_again(struct file_reader *reader, uint64_t from, uint64_t to)
{
    uint8_t chunk[65536];
    if (from >= to)
        return true;
    while (from < to) {
        size_t length = to - from < sizeof(chunk) ? to - from : sizeof(chunk);
        if (file_read(reader, chunk, length, from) != length)
            return false;
        for (size_t done = 0; done < length;) {
            ssize_t n = reader->calls->pwrite(reader->fd, chunk + done, length - done, (off_t)(from + done));
            if (n < 0 && errno == EINTR)
                continue;
            if (n <= 0)
                return false;
            done += (size_t)n;
        }
        from += length;
    }
    return reader->calls->fdatasync(reader->fd) == 0;
}

static enum result judge_end(struct journal *journal, struct file_reader *reader, uint64_t committed, struct error *err)
{
    struct journal_buffer directory = {0}, body = {0};
    struct journal_file *file = &reader->file;
    struct judged j;
    char name[JOURNAL_FILE_MAX];
    file_name(file->number, name);
    look_through(reader, committed, &j);
    enum result whole = check_set(reader, &j.end, &directory, &body);
    journal_buffer_fini(&directory);
    journal_buffer_fini(&body);
    if (whole == RESULT_FULL)
        return error_set(err, RESULT_FATAL, "out of memory to read the journal file %s", name);
    file->end = whole == RESULT_OK ? j.end.set_last : j.proven;
    bool noted = file->end < committed;
    if (noted)
        file->end = committed;
    bool torn = j.last_set > file->end || !file_empty_from(reader, j.used);
    if (torn && reader->io_failed)
        return error_set(
            err, RESULT_FATAL,
            "the end of the journal file %s cannot be read from the disk, and what is in "
            "it may have been acknowledged; mend the disk, or move the file away: what is missing is named "
            "then",
            name);
    if (journal->read_only) /* somebody else's to make durable and to go on with */
        return RESULT_OK;
    if (!write_again(reader, j.unsure_from, j.used < file->size ? j.used : file->size))
        return error_set(err, RESULT_FATAL, "the end of the journal file %s cannot be made durable: %s; mend the disk",
                         name, strerror(errno));
    journal->torn += torn && !noted;
    if (torn || noted || j.odd || whole == RESULT_REJECT)
        return RESULT_OK;
    journal->fd = reader->fd;
    journal->offset = j.used;
    reader->fd = -1; /* it goes on being written */
    return RESULT_OK;
}

/* ------------------------------------------------------------------ all together */

/* Index of the last file with frames; count when there is none. */
static size_t last_framed(const struct journal *journal)
{
    for (size_t i = journal->count; i > 0; i--) {
        if (journal->files[i - 1].framed)
            return i - 1;
    }
    return journal->count;
}

/* Files behind the last one with frames, when nothing was ever written to them: one is the spare, others go. Numbers
 * are given in the order of writing, so only the youngest file can be it. */
static enum result take_spare(struct journal *journal, const struct frame_note *note, struct error *err)
{
    while (journal->count > 0) {
        struct journal_file *file = &journal->files[journal->count - 1];
        struct file_reader reader;
        if (!file->readable || file->framed || file->number <= note->file || file->size < JOURNAL_FILE_MIN)
            return RESULT_OK;
        if (open_file(journal, file, journal->read_only ? O_RDONLY : O_RDWR, &reader, err) != RESULT_OK)
            return RESULT_FATAL;
        if (!file_empty_from(&reader, FRAME_PAGE)) {
            file_close(&reader);
            return RESULT_OK;
        }
        journal->count--;
        if (journal->read_only) {
            file_close(&reader);
            continue;
        }
        if (journal->spare_fd >= 0) {
            char name[JOURNAL_FILE_MAX];
            close(journal->spare_fd);
            file_name(journal->spare.number, name);
            journal->calls->unlinkat(journal->folder, name, 0); /* or the next start does */
        }
        journal->spare = reader.file;
        journal->spare_fd = reader.fd;
    }
    return RESULT_OK;
}

/* From the youngest to the oldest: each ends where a younger one begins. */
static void set_ends(struct journal *journal, size_t framed, uint64_t last)
{
    uint64_t begins = last, gap_number = 0;
    for (size_t i = journal->count; i-- > 0;) {
        struct journal_file *file = &journal->files[i];
        file->end = begins;
        if (file->framed && i <= framed) {
            file->gap_number = gap_number != 0 ? gap_number : file->number;
            file->after = file->after < begins ? file->after : begins;
            begins = file->after;
            gap_number = 0;
        } else {
            file->after = i == 0 ? (journal->dropped < begins ? journal->dropped : begins) : begins;
            gap_number = file->number;
        }
    }
}

static void read_note(struct journal *journal, struct frame_note *ret_note)
{
    uint8_t bytes[FRAME_NOTE];
    *ret_note = (struct frame_note){0};
    if (journal->calls->pread(journal->note_fd, bytes, sizeof(bytes), 0) == sizeof(bytes))
        (void)frame_note_decode(bytes, ret_note);
}

void journal_note(struct journal *journal)
{
    uint8_t bytes[FRAME_NOTE];
    uint64_t newest = journal->count == 0 ? 0 : journal->files[journal->count - 1].number;
    frame_note_encode(&(struct frame_note){newest, journal->last, journal->dropped}, bytes);
    /* One that is not written is old, and then an end that is not whole may count as torn: as without any note. */
    ssize_t ignored = journal->calls->pwrite(journal->note_fd, bytes, sizeof(bytes), 0);
    (void)ignored;
}

enum result journal_load(struct journal *journal, struct error *err)
{
    struct frame_note note;
    read_note(journal, &note);
    journal->dropped = note.dropped;
    journal->last = note.committed;
    journal->number = note.file;
    enum result r = list_files(journal, err);
    if (r != RESULT_OK)
        return r;
    if (journal->count > 0 && journal->files[journal->count - 1].number > journal->number)
        journal->number = journal->files[journal->count - 1].number;
    r = take_spare(journal, &note, err);
    size_t framed = last_framed(journal);
    if (r == RESULT_OK && framed < journal->count) {
        struct file_reader reader;
        r = open_file(journal, &journal->files[framed], journal->read_only ? O_RDONLY : O_RDWR, &reader, err);
        if (r == RESULT_OK) {
            r = judge_end(journal, &reader, note.committed, err);
            journal->last = reader.file.end;
            file_close(&reader);
        }
    }
    if (journal->fd >= 0 && framed + 1 != journal->count) { /* files behind it that are not what they were */
        close(journal->fd);
        journal->fd = -1;
    }
    set_ends(journal, framed, journal->last);
    return r;
}
