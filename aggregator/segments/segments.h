/* SPDX-License-Identifier: Apache-2.0 */
/* Segments: what the journal held, as Parquet that any tool reads, with a catalogue in SQLite.
 *
 * A segment is one file with records of one kind, and never changes: DIRECTORY/segments/ID.parquet, beside it ID.seal
 * (checksums of its parts, its observers, what else is known of it) and for flows ID.index (which row groups have an
 * address). Ids are never used again. First they are sealed as the batches came (level 0), then merged by day.
 *
 * A file is written aside, synced and renamed, and counts when the catalogue says so: one transaction for all files of
 * a sealing or a merge, and for what the store keeps with them. Nothing is believed without its checksum: a flipped bit
 * anywhere is damage, told with the file's name, and never an answer.
 *
 * Threads: one seals, merges and expires; everything else is for any thread. Times: nanoseconds since 1970 UTC. */
#ifndef PAVO_AGGREGATOR_SEGMENTS_H
#define PAVO_AGGREGATOR_SEGMENTS_H

#include <stdatomic.h>

#include "aggregator/engine/sql.h"
#include "aggregator/segments/catalogue.h"
#include "common/address.h"
#include "common/records/records.h"
#include "common/result.h"

#define SEGMENT_GROUPS_MAX  64u     /* row groups of a file */
#define SEGMENT_GROUP_MOST  122880u /* rows of one */
#define SEGMENT_GROUP_LEAST 20480u  /* unless there are no more */

struct segments;

struct segment {
    uint64_t id;
    enum record_kind_number kind;
    unsigned level; /* 0: as it came; higher: merged */
    uint64_t rows, bytes, index_bytes;
    int64_t first_ns, last_ns; /* of the kind's first and last time, over all rows */
    uint64_t first_position, last_position;
    uint32_t groups, group_rows; /* row groups; rows of all but the last */
    bool without_evidence;
    int32_t day;     /* merged ones: the UTC day of their records' first times, since 1970, or SEGMENT_DAYS */
    uint64_t fields; /* a checksum of its columns' names */
};
#define SEGMENT_DAYS INT32_MAX /* of days that have few records, or are odd: 1970, 2099 */

struct segments_options {
    const char *directory;
    uint64_t memory_limit; /* bytes for the engine that writes */
    bool read_only;        /* nothing is made, changed or removed; what writes must not be called */
    void (*notice)(void *context, const char *text);
    void *context;
    /* The catalogue was lost and is made anew: what each segment's note says, oldest first, is to be kept again. */
    enum result (*rebuild)(struct catalogue *catalogue, const void *note, size_t length, struct error *err);
    /* Two notes as one, of what is merged, into *note. NULL: the one behind the other. */
    enum result (*join)(struct bytes *note, const void *more, size_t length, struct error *err);
};
/* RESULT_FATAL: the directory cannot be read or written. */
MUST_CHECK enum result segments_open(const struct segments_options *options, struct segments **ret_segments,
                                     struct error *err);
void segments_close(struct segments **segments);
/* Everything through this position is in segments, or was let go. */
uint64_t segments_through(struct segments *segments);
/* Rows that the store keeps in it. */
struct catalogue *segments_catalogue(struct segments *segments);

/* ---- writing: one thread */

struct seal_part {
    const struct records *const *records; /* frozen */
    size_t count;
};
struct seal_input {
    uint64_t first_position, last_position;
    struct seal_part parts[STORED_KIND_COUNT];
    const void *note; /* kept in a .seal file */
    size_t note_length;
    /* Within the transaction. */
    enum result (*keep)(struct catalogue *catalogue, void *context, struct error *err);
    void *keep_context;
};
/* RESULT_AGAIN: nothing happened, try later. */
MUST_CHECK enum result segments_seal(struct segments *segments, const struct seal_input *input, struct error *err);

/* Merges some that belong together; with `evidence_before_ns` also rewrites those whose records are all older without
 * the columns that only links rest on (0: none). RESULT_END: there is nothing to do. */
MUST_CHECK enum result segments_compact(struct segments *segments, int64_t now_ns, int64_t evidence_before_ns,
                                        struct error *err);

struct segments_keep {
    int64_t flows_before_ns; /* segments with nothing younger go; 0: none */
    int64_t hours_before_ns; /* of hours this instead */
    uint64_t bytes;          /* and the oldest ones, but hours, beyond so much; 0: no limit */
};
MUST_CHECK enum result segments_expire(struct segments *segments, const struct segments_keep *keep, struct error *err);
/* Any thread: what is being written ends soon, with RESULT_AGAIN, and whatever is begun. */
void segments_interrupt(struct segments *segments);

/* ---- reading: any thread */

struct segments_sizes {
    uint64_t segments, rows, bytes, index_bytes;
};
struct segments_sizes segments_sizes(struct segments *segments);
/* Times of a kind's records, all segments together; first > last: there is none. */
void segments_extent(struct segments *segments, enum record_kind_number kind, int64_t *ret_first, int64_t *ret_last);

/* The time that flows have come to: one of so many is in segments that begin then or later. What a few records say, of
 * a clock that is wrong, has no weight. INT64_MIN: there are none. */
#define SEGMENTS_PRESENT_SHARE 256u
int64_t segments_present(struct segments *segments);

/* Those of one moment; their files stay as long as it is not released. */
struct segment_set;
struct segment_set *segments_snapshot(struct segments *segments);     /* NULL: out of memory */
struct segment_set *segment_set_share(const struct segment_set *set); /* the same once more; NULL: out of memory */
void segment_set_release(struct segment_set **set);
size_t segment_set_count(const struct segment_set *set);
const struct segment *segment_set_get(const struct segment_set *set, size_t index);
uint64_t segment_set_through(const struct segment_set *set); /* segments_through as of the snapshot */

/* What a statement needs to know of a segment. */
struct segment_view {
    const struct segment *segment;
    struct observer *observers; /* owned; by their numbers in the file */
    uint32_t observer_count;
    bool *missing;   /* owned; by field: stored fields that it has not, so that nobody knows their values */
    uint64_t groups; /* row groups to be read, a bit each */
    bool excerpted;  /* what is wished of them lies in a file in memory: */
    int excerpt;     /* owned */
};
/* What a statement wants of a segment; zeros: all of it. Each narrows, by row groups. */
struct segment_wish {
    const struct address *addresses; /* of flows: one of these is src or dst */
    size_t address_count;
    int64_t from_ns, to_ns; /* alive in [from, to); 0: unbounded */
    const bool *fields;     /* by field; NULL: all */
};
/* Looks up which row groups may have what is wished (NULL: all), and checks what a statement reads of them: the fields
 * and all that is not in columns. What is wished and not large is then read from memory, and a statement can name no
 * other fields. RESULT_END: no row has it. RESULT_REJECT: damaged, and the sentence says which file.
 */
MUST_CHECK enum result segment_open(struct segments *segments, const struct segment *segment,
                                    const struct segment_wish *wish, struct segment_view *ret_view, struct error *err);
void segment_view_fini(struct segment_view *view);
/* Appends what stands behind FROM: its row groups. */
void segment_from(struct sql *sql, const struct segments *segments, const struct segment_view *view);
/* All of it, index too. RESULT_REJECT: damaged. */
MUST_CHECK enum result segment_check(struct segments *segments, const struct segment *segment, struct error *err);

#endif
