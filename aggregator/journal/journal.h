/* SPDX-License-Identifier: Apache-2.0 */
/* Journal: what is acknowledged, in files of our own that are only ever appended to.
 *
 * DIRECTORY/journal/%016x.log, numbered by a counter that never goes back; DIRECTORY/journal/committed is a note of how
 * far the stream goes. Files are allocated ahead in full, so a full disk is met by journal_prepare and not by a commit,
 * and a file that is dropped gives its room at once. frame.h has the format.
 *
 * The stream is one: batches have positions that go up by one. A set of batches is appended as a whole, or nothing of
 * it is. A position that was given and cannot be read any more is damage, and is told as such wherever it is met.
 * Durability: RESULT_OK from journal_append means that fdatasync said so. After a write or an fdatasync that failed,
 * that file is never appended to again and what was written in vain is void, whatever of it reached the disk. Damage: a
 * frame whose body is damaged is named from its head; one whose head is damaged, from the directory that ends its set;
 * when that is gone too, by file and positions. Everything before and behind it is there. A torn end: the last set of
 * the last file, when it is not whole, was committed if the note says so, and is damage; else it was never acknowledged
 * and is passed over in silence (journal_sizes counts it). Threads: one thread appends, prepares, drops and begins;
 * everything else is for any thread. Times: nanoseconds since 1970 UTC, kept and given back; nothing is named or
 * ordered by them. */
#ifndef PAVO_AGGREGATOR_JOURNAL_H
#define PAVO_AGGREGATOR_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/records/records.h"
#include "common/result.h"

struct journal;
struct journal_calls;

/* Where an entry is. */
struct journal_place {
    uint64_t file;   /* its number */
    uint64_t offset; /* of its frame in it, bytes */
};

/* One batch. */
struct journal_entry {
    uint64_t position;       /* in the stream of all batches; from 1, ascending by one */
    struct observer speaker; /* sensor "": the aggregator's own conclusions. unknown[] is not kept */
    uint64_t sequence;
    int64_t received_ns;
    int64_t first_ns, last_ns; /* times of its flows; first > last: none */
    uint64_t packets;          /* of its flows */
    uint32_t rows[RECORD_KIND_COUNT];
    uint32_t plain_size;        /* of the Batch message that `packed` inflates to */
    uint64_t digest;            /* XXH3-64 of `packed`: computed by journal_append, given back on reading */
    const uint8_t *packed;      /* zlib stream of a Batch, opaque here. Borrowed. NULL: only the head was read */
    size_t length;              /* of `packed`, also when that is NULL */
    struct journal_place place; /* given by journal_append and on reading */
};
#define JOURNAL_ENTRY_MAX (64u << 20) /* bytes of `packed` */
#define JOURNAL_SET_MAX   65536u      /* entries of one set */

/* Positions that were committed and cannot be read: damaged, or dropped on purpose. */
#define JOURNAL_FILE_MAX 32
struct journal_damage {
    char file[JOURNAL_FILE_MAX]; /* name inside DIRECTORY/journal */
    uint64_t first_position, last_position;
    bool dropped;              /* on purpose, since they were old: nothing is the matter */
    bool named;                /* it is one position, and `head` says whose batch it was, without its bytes */
    struct journal_entry head; /* with !named: zeros */
    char why[96];
};
/* "FILE: position 7 (sensor inner, epoch 5, sequence 3, 120 records) cannot be read: WHY". Returns `text`. */
#define JOURNAL_DAMAGE_TEXT_MAX 384
const char *journal_damage_text(const struct journal_damage *damage, char text[static JOURNAL_DAMAGE_TEXT_MAX]);

struct journal_options {
    const char *directory;             /* exists; DIRECTORY/journal is made if missing (0700) */
    uint64_t file_bytes;               /* of each file; 0: JOURNAL_FILE_DEFAULT. A larger set gets a larger file */
    const struct journal_calls *calls; /* NULL: the system's */
    /* Nothing is made, written or locked: the stream as it is at this moment, which may be another process's. What
     * writes must not be called then. */
    bool read_only;
};
#define JOURNAL_FILE_DEFAULT (64ull << 20)
#define JOURNAL_FILE_MIN     (64ull << 10)

/* Finds out how far the stream goes; writes no file anew but the note. RESULT_FATAL: in use by another process, cannot
 * be read or written, or is of a newer version; nothing has been changed then. */
MUST_CHECK enum result journal_open(const struct journal_options *options, struct journal **ret_journal,
                                    struct error *err);
/* No cursor may be open. */
void journal_close(struct journal **journal);

/* ------------------------------------------------------------------ writing: one thread */

typedef enum result journal_on_entry(void *context, const struct journal_entry *entry, struct error *err);
typedef enum result journal_on_damage(void *context, const struct journal_damage *damage, struct error *err);

/* Every entry with position > after, oldest first (`packed` is borrowed during the call), and every damage among those
 * positions, in their order. What a callback returns other than RESULT_OK ends it and is returned. */
MUST_CHECK enum result journal_recover(struct journal *journal, uint64_t after, journal_on_entry *on_entry,
                                       journal_on_damage *on_damage, void *context, struct error *err);

/* The stream goes on behind `position` when it has not come so far yet: the journal was taken away, or its end was
 * lost. What is missing between is damage from then on, if there is an older file. */
void journal_begin_at(struct journal *journal, uint64_t position);

/* All of the set or nothing, on disk when RESULT_OK. The first position must be journal_last() + 1; `place` and
 * `digest` are filled in. RESULT_AGAIN: nothing of it is there nor will be by itself while this journal is open (disk
 * full, I/O error): hand in the same or another set later. After a new start it may be there nevertheless, whole.
 * RESULT_REJECT: the set is not as it must be (positions, JOURNAL_SET_MAX, JOURNAL_ENTRY_MAX).
 * RESULT_FATAL: the folder was removed. */
MUST_CHECK enum result journal_append(struct journal *journal, struct journal_entry *entries, size_t count,
                                      struct error *err);

/* Allocates the spare file if there is none, which journal_append goes over to when a file is full. To be called when
 * there is time for it, after acknowledging: it costs a few fsyncs, once a file. RESULT_AGAIN: the disk is full;
 * appends succeed until the file in use is full, so this is the time to pause intake and to drop. */
MUST_CHECK enum result journal_prepare(struct journal *journal, struct error *err);

/* Drops files, oldest first, none with a position beyond `through` and never the one in use: as many as are needed for
 * all files together to have at most `keep_bytes` (0: no such limit), and those in which nothing was received at or
 * after `keep_after_ns` (as far as the next file's first entry says so; INT64_MIN: none). *ret_files (may be NULL): how
 * many. RESULT_AGAIN: a file could not be unlinked; it and all younger ones are still there. */
MUST_CHECK enum result journal_drop(struct journal *journal, uint64_t through, uint64_t keep_bytes,
                                    int64_t keep_after_ns, uint64_t *ret_files, struct error *err);

/* ------------------------------------------------------------------ any thread */

/* The last position that was given and not taken back; 0: none. */
uint64_t journal_last(struct journal *journal);
/* The oldest position still there; journal_last() + 1: none. */
uint64_t journal_first(struct journal *journal);

struct journal_sizes {
    uint64_t files, bytes; /* as allocated, the spare included */
    uint64_t first, last;  /* as journal_first, journal_last */
    uint64_t dropped;      /* through this position files were dropped on purpose */
    uint64_t torn;         /* ends that were passed over when it was opened: never acknowledged */
    uint64_t failed;       /* appends since then that came to RESULT_AGAIN */
    bool prepared;         /* there is a spare file */
};
struct journal_sizes journal_sizes(struct journal *journal);

/* Bytes that a caller reads into, again and again. {0} to begin with. */
struct journal_buffer {
    uint8_t *bytes;
    size_t capacity;
};
void journal_buffer_fini(struct journal_buffer *buffer);

/* One entry's bytes again, checked; they are in `buffer`. RESULT_REJECT: damaged; the sentence names file, position,
 * sensor and sequence as far as they can be read. RESULT_END: dropped meanwhile. RESULT_AGAIN: out of memory or
 * descriptors. */
MUST_CHECK enum result journal_read(struct journal *journal, const struct journal_place *place,
                                    struct journal_buffer *buffer, struct journal_entry *ret_entry, struct error *err);

/* Entries from a position on, in order. A cursor belongs to one thread at a time; there may be several. */
struct journal_cursor;
MUST_CHECK enum result journal_seek(struct journal *journal, uint64_t position, struct journal_cursor **ret_cursor,
                                    struct error *err);
void journal_cursor_close(struct journal_cursor **cursor);
/* RESULT_OK: the next entry; `with_bytes`: and its bytes, checked, borrowed until the next call.
 * RESULT_REJECT: positions that cannot be read, or were dropped before the cursor came to them: *ret_damage says which.
 *   Call again for what follows.
 * RESULT_AGAIN: at the end for now, or (err->text says so, otherwise empty) out of memory or descriptors. */
MUST_CHECK enum result journal_next(struct journal_cursor *cursor, bool with_bytes, struct journal_entry *ret_entry,
                                    struct journal_damage *ret_damage, struct error *err);

#endif
