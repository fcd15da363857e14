/* SPDX-License-Identifier: Apache-2.0 */
/* Segments: what the journal held, as Parquet that any tool reads, with a catalogue in SQLite.
 *
 * A segment is one file with records of one kind, and never changes: DIRECTORY/segments/ID.parquet, beside it ID.seal
 * (checksums of its parts, its observers, what else is known of it) and for flows ID.index (which row groups have an
 * address). Ids are never used again. Times: nanoseconds since 1970 UTC. */
#ifndef PAVO_AGGREGATOR_SEGMENTS_H
#define PAVO_AGGREGATOR_SEGMENTS_H

#include <stdatomic.h>

#include "aggregator/engine/sql.h"
#include "common/address.h"
#include "common/pack.h"
#include "common/records/records.h"
#include "common/result.h"

#define SEGMENT_FIELDS_MAX 256u
#define SEGMENT_GROUPS_MAX 256u

struct segments;
struct catalogue;

struct segment {
    uint64_t id;
    enum record_kind_number kind;
    unsigned level; /* 0: as it came; higher: merged */
    uint64_t rows, bytes, index_bytes;
    int64_t first_ns, last_ns; /* of the kind's first and last time, over all rows */
    uint64_t first_position, last_position;
    uint32_t groups;
    bool missing[SEGMENT_FIELDS_MAX]; /* stored fields it has not: written before they were, or dropped by age */
};

struct segments_options {
    const char *directory;
    uint64_t memory_limit; /* bytes for the engine that writes */
    void (*notice)(void *context, const char *text);
    void *context;
};
MUST_CHECK enum result segments_open(const struct segments_options *options, struct segments **ret_segments,
                                     struct error *err);
void segments_close(struct segments **segments);
/* Everything through this position is in segments, or was let go. */
uint64_t segments_through(struct segments *segments);

/* ---- the catalogue: rows of bytes by kind, key and number, kept with the segments. Any thread */

struct catalogue *segments_catalogue(struct segments *segments);
/* No such row: no bytes, RESULT_OK. The caller's. */
MUST_CHECK enum result catalogue_get(struct catalogue *catalogue, int kind, const char *key, uint64_t number,
                                     struct bytes *ret_bytes, struct error *err);
/* Only within a sealing's `keep`. */
MUST_CHECK enum result catalogue_put(struct catalogue *catalogue, int kind, const char *key, uint64_t number,
                                     const struct bytes *bytes, struct error *err);
/* Rows of a kind by key and then by number, the greatest first; of each key `most` (0: all). */
MUST_CHECK enum result catalogue_each(struct catalogue *catalogue, int kind, uint64_t most,
                                      enum result (*take)(void *context, const char *key, uint64_t number,
                                                          const struct bytes *bytes, struct error *err),
                                      void *context, struct error *err);
MUST_CHECK enum result catalogue_count(struct catalogue *catalogue, int kind, const char *key, uint64_t *ret_count,
                                       struct error *err);

/* ---- sealing: one thread */

struct seal_part {
    const struct records *const *records;
    size_t count;
};
struct seal_input {
    uint64_t first_position, last_position;
    struct seal_part parts[RECORD_KIND_COUNT];
    const void *note; /* kept in a .seal, given to segments_options' rebuilding */
    size_t note_length;
    enum result (*keep)(struct catalogue *catalogue, void *context, struct error *err);
    void *keep_context;
};
/* RESULT_AGAIN: nothing happened, try later. */
MUST_CHECK enum result segments_seal(struct segments *segments, const struct seal_input *input, struct error *err);
/* One piece of work. RESULT_END: there is none. */
MUST_CHECK enum result segments_compact(struct segments *segments, int64_t now_ns, atomic_bool *stop,
                                        struct error *err);
struct segments_keep {
    int64_t flows_ns, evidence_ns;
    uint64_t bytes;
};
MUST_CHECK enum result segments_expire(struct segments *segments, const struct segments_keep *keep, int64_t now_ns,
                                       struct error *err);
/* Any thread: what is being written ends soon, with RESULT_AGAIN. */
void segments_interrupt(struct segments *segments);

struct segments_sizes {
    uint64_t segments, rows, bytes, index_bytes;
};
struct segments_sizes segments_sizes(struct segments *segments);

/* ---- reading: any thread */

/* Times of a kind's records, all segments together; first > last: there is none. Fast. */
void segments_extent(struct segments *segments, enum record_kind_number kind, int64_t *ret_first, int64_t *ret_last);

struct segment_set;
struct segment_set *segments_snapshot(struct segments *segments); /* NULL: out of memory */
void segment_set_release(struct segment_set **set);
size_t segment_set_count(const struct segment_set *set);
const struct segment *segment_set_get(const struct segment_set *set, size_t index);
uint64_t segment_set_through(const struct segment_set *set); /* segments_through as of the snapshot */

struct segment_groups {
    uint64_t bits[SEGMENT_GROUPS_MAX / 64];
};
/* Borrowed as long as the set. RESULT_REJECT: damaged. */
MUST_CHECK enum result segment_observers(const struct segment *segment, const struct observer **ret_observers,
                                         uint32_t *ret_count, struct error *err);
/* RESULT_END: no row has it. RESULT_REJECT: damaged. */
MUST_CHECK enum result segment_lookup(const struct segment *segment, const struct address *address,
                                      struct segment_groups *ret_groups, struct error *err);
/* Of `fields` (by field; NULL: all) and `groups` (NULL: all). RESULT_REJECT: damaged, with a sentence. */
MUST_CHECK enum result segment_verify(const struct segment *segment, const bool *fields,
                                      const struct segment_groups *groups, struct error *err);
/* Appends what stands behind FROM. */
void segment_from(struct sql *sql, const struct segment *segment, const struct segment_groups *groups);

#endif
