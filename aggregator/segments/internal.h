/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the segments: what its files share. Not for other stages. */
#ifndef PAVO_AGGREGATOR_SEGMENTS_INTERNAL_H
#define PAVO_AGGREGATOR_SEGMENTS_INTERNAL_H

#include <pthread.h>

#include "aggregator/engine/engine.h"
#include "aggregator/observers.h"
#include "aggregator/segments/segments.h"
#include "store.pb-c.h"

/* Kinds of rows in the catalogue; the store's own are below. */
enum { ROW_SEGMENT = 8, ROW_THROUGH, ROW_NEXT_ID };

#define SEGMENT_PATH_MAX 4096

/* One that is there, shared by whoever refers to it: the files go with the last reference once it is dropped. */
struct held_segment {
    struct segment segment; /* first: a struct segment * is one of these */
    atomic_uint references;
    atomic_bool dropped;
    /* The writing thread's. */
    bool stays;         /* it cannot be merged: damaged, or with columns of a newer version */
    unsigned failures;  /* merges of it that came to nothing, one after the other */
    int64_t rest_until; /* monotonic: and is not tried before */
};

struct segments {
    char *folder; /* owned: DIRECTORY/segments */
    int folder_file;
    struct segments_options options;
    struct catalogue *catalogue;
    duckdb_database database; /* that writes: one thread, its own limit */
    duckdb_connection writer;
    atomic_bool stopping;

    pthread_mutex_t lock;       /* guards these */
    struct held_segment **list; /* owned, a reference each; by id */
    size_t count;
    uint64_t through, next_id;
    struct segments_sizes sizes;
    int64_t first_ns[STORED_KIND_COUNT], last_ns[STORED_KIND_COUNT];
};

void segments_path(const struct segments *segments, uint64_t id, const char *suffix,
                   char path[static SEGMENT_PATH_MAX]);
void segments_tell(const struct segments *segments, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- part.c: a segment's files */

/* Written under ID.SUFFIX.tmp, synced, and renamed. RESULT_AGAIN: it is not there. */
MUST_CHECK enum result part_write(const struct segments *segments, uint64_t id, const char *suffix, const void *bytes,
                                  size_t length, struct error *err);
/* ID.SUFFIX.tmp, which is there, becomes ID.SUFFIX: synced and renamed. */
MUST_CHECK enum result part_finish(const struct segments *segments, uint64_t id, const char *suffix, struct error *err);
MUST_CHECK enum result part_sync_folder(const struct segments *segments, struct error *err);
/* All files of an id, also those that were never finished. */
void part_remove(const struct segments *segments, uint64_t id);
/* Exactly `length` bytes. RESULT_REJECT: the file is not there, or shorter. */
MUST_CHECK enum result part_read(int file, const char *path, void *to, size_t length, uint64_t offset,
                                 struct error *err);
/* RESULT_REJECT: it is not there. */
MUST_CHECK enum result part_open(const char *path, int *ret_file, uint64_t *ret_size, struct error *err);

/* ---- seal.c: the .seal file: a Segment message and its XXH3-64 */

MUST_CHECK enum result seal_write(const struct segments *segments, const Store__Segment *seal, struct error *err);
/* The caller's: store__segment__free_unpacked. RESULT_REJECT: damaged, or not there. */
MUST_CHECK enum result seal_read(const struct segments *segments, uint64_t id, Store__Segment **ret_seal,
                                 struct error *err);
/* The bytes of one. NULL: damaged. */
Store__Segment *seal_parse(const uint8_t *bytes, size_t length, uint64_t id);
/* What the catalogue keeps of it. RESULT_REJECT: it says what cannot be. */
MUST_CHECK enum result seal_to_segment(const Store__Segment *seal, struct segment *ret_segment, struct error *err);

/* ---- index.c: which row groups have an address */

struct index_entry {
    uint64_t hash;
    uint64_t groups; /* a bit each */
};
uint64_t index_hash(uint64_t high, uint64_t low);
/* Sorts the entries, makes one of those of one hash, and writes them. *ret_bytes: of the file. */
MUST_CHECK enum result index_write(const struct segments *segments, uint64_t id, struct index_entry *entries,
                                   size_t count, uint64_t *ret_bytes, struct error *err);
/* RESULT_END: nobody has it. RESULT_REJECT: damaged. */
MUST_CHECK enum result index_look(const struct segments *segments, const struct segment *segment, uint64_t hash,
                                  uint64_t *ret_groups, struct error *err);
MUST_CHECK enum result index_check(const struct segments *segments, const struct segment *segment, struct error *err);

/* ---- excerpt.c: is what is to be read as it was written? */

/* Checks these fields (NULL: all) of these row groups, and all that is not in columns. With `ret_excerpt` also makes a
 * file in memory of just what was checked, which is a Parquet file by itself: what is read of it are the bytes that
 * were checked, and its description is short. The caller's to close; -1: it would take more than EXCERPT_MOST.
 * RESULT_REJECT: damaged. */
MUST_CHECK enum result excerpt_check(const struct segments *segments, const Store__Segment *seal,
                                     const struct record_kind *kind, const bool *fields, uint64_t groups,
                                     int *ret_excerpt, struct error *err);
#define EXCERPT_MOST (64u << 20)

/* ---- write.c: one Parquet file */

/* Where a file's rows come from, in their order; what of them the writer takes note of. */
struct writing {
    struct segments *segments;
    Store__Segment *seal; /* id, kind, level, note, siblings ... are set; the writer fills in the rest */
    /* At most writing_room() rows. */
    enum result (*next)(struct writing *writing, struct engine_rows *ret_rows, struct error *err);
    const bool *missing; /* by field: not written. NULL: all are */
    bool microseconds;   /* no flow's times are finer (most capture files and exporters): the file has them so */
    /* The writer's own. */
    struct engine_source source;
    struct index_entry *entries; /* owned */
    size_t entry_count, entry_capacity;
    uint64_t written;
    int64_t group_first_ns[SEGMENT_GROUPS_MAX], group_last_ns[SEGMENT_GROUPS_MAX];
};
/* All of its files, under their names. `observers` are numbered as the rows' refs have them. RESULT_END: there were no
 * rows, and no file is there. */
MUST_CHECK enum result segment_write(struct writing *writing, const struct observers *observers, struct error *err);
/* Rows that the next chunk may have: row groups are as large as they ought to be only if a chunk ends where one does.
 */
uint32_t writing_room(const struct writing *writing);
/* A checksum of the names of a kind's columns without those `missing` (NULL: none). */
uint64_t fields_check(const struct record_kind *kind, const bool *missing);
bool field_is_evidence(const struct record_kind *kind, unsigned field);
/* Frees what a seal made for writing points to, but for its note. */
void seal_fini(Store__Segment *seal);

/* ---- compact.c: what is to be merged */

#define MERGE_MOST 12u /* files at once */
struct merge_plan {
    struct held_segment *inputs[MERGE_MOST];
    size_t count; /* 0: nothing is to be done */
    unsigned level;
    bool without_evidence;
};
/* Of those in the list. `now_ns` says which days are over. */
MUST_CHECK enum result merge_choose(struct held_segment *const *list, size_t count, int64_t now_ns,
                                    int64_t evidence_before_ns, struct merge_plan *ret_plan, struct error *err);

/* ---- order.c: how a file's rows stand */

struct order_key {
    uint64_t high, low; /* the local end; of hours who saw what; of other kinds all but the time are zero */
    uint64_t slot;      /* hour of the first packet, protocol and responder's port; of hours the hour */
    uint64_t flow;
    int64_t time;
};
struct order_key order_key(const struct records *records, uint32_t row);
int order_compare(const struct order_key *a, const struct order_key *b);
/* May they be records of one flow within one hour, or of one service in one? Those of one, by one observer, stand side
 * by side. */
bool order_same(const struct order_key *a, const struct order_key *b);

/* ---- fold.c: the records of a flow as one, and the sums of an hour */

struct fold;
bool fold_folds(const struct record_kind *kind);
struct fold *fold_new(const struct record_kind *kind); /* NULL: out of memory */
void fold_free(struct fold *fold);
/* What was given out before is written: its memory is used again. */
void fold_clear(struct fold *fold);
/* Are there some that wait for more of their records? Is a row with this key at their place in the order? */
bool fold_waits(const struct fold *fold);
bool fold_same(const struct fold *fold, const struct order_key *key);
/* Takes a row (copied) at the place of those that wait, if any do. False: too many wait, it goes by as it is. */
bool fold_take(struct fold *fold, const struct engine_ref *ref, const struct order_key *key);
/* Those that wait, as rows that are there until fold_clear. Returns how many; there may be more when there is room
 * again. */
uint32_t fold_give(struct fold *fold, struct engine_ref *refs, uint32_t room);

/* ---- rebuild.c: a catalogue made anew from .seal files */

MUST_CHECK enum result segments_rebuild(struct segments *segments, struct error *err);

/* ---- segments.c: what is there */

/* Ids for so many new segments, never given again. */
MUST_CHECK enum result segments_ids(struct segments *segments, size_t count, uint64_t *ret_first, struct error *err);
/* One transaction (RESULT_FATAL: it is not known whether it came to pass): `added` are there and `removed` are not;
 * `through` is noted if it is not 0, and keep() runs. Takes nothing over. */
MUST_CHECK enum result
segments_replace(struct segments *segments, const Store__Segment *const *added, size_t added_count,
                 const uint64_t *removed, size_t removed_count, uint64_t through,
                 enum result (*keep)(struct catalogue *catalogue, void *context, struct error *err), void *keep_context,
                 struct error *err);

#endif
