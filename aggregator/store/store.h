/* SPDX-License-Identifier: Apache-2.0 */
/* Store: what was committed stays, and can be asked for.
 *
 * A commit is an append to the journal (aggregator/journal), and is all there is on the way of a batch. What is in the
 * journal and nowhere else is hot: looked at in memory. A thread of the store's own seals the oldest of it into
 * segments (aggregator/segments), merges those, and lets go what is older than it is to be kept. A question looks at
 * both as of one moment. What is known beside the records (who spoke, which names are committed) is in memory as of the
 * last commit, and in the catalogue as of the last sealing; a start makes the one from the other and the journal.
 *
 * Durability: store_commit returns RESULT_OK after fdatasync, and everything handed in is then there after a crash,
 * names included, or nothing of it is. Threads: one thread commits; any number of readers, each used by one thread at a
 * time. store_name, store_lives and the other look-ups in memory may be called from any thread. Errors: RESULT_AGAIN
 * from store_commit means that nothing was written (disk full, I/O error): hand in the same set again later.
 * RESULT_FATAL: the store must be closed and opened again. Times: nanoseconds since 1970 UTC. The wall clock names and
 * orders nothing. */
#ifndef PAVO_AGGREGATOR_STORE_H
#define PAVO_AGGREGATOR_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aggregator/batch.h"
#include "common/filter/filter.h"
#include "common/records/flow.h"
#include "common/records/verdict.h"
#include "common/result.h"

struct store;

/* Something an administrator must know that is no failure of the call: damage found, a disk that is full. */
typedef void store_notice(void *context, const char *text);

/* How long what is kept; 0: for good. Ages are counted back from the newest flow there is, sizes are of files in bytes.
 */
struct store_keep {
    int64_t flows_ns;        /* records of every kind that is said */
    int64_t rollups_ns;      /* sums of flows by service and hour (RECORD_HOUR) */
    int64_t evidence_ns;     /* columns of flows that only links rest on */
    uint64_t segments_bytes; /* all segments together; sums of flows stay */
    uint64_t batches_bytes;  /* the journal behind what is sealed: what a subscriber can fetch again */
};

struct store_options {
    const char *directory; /* made if missing (0700) */
    bool read_only;        /* what is there at this moment, which may be in use by another process: nothing of it is
                              changed, nothing is sealed, and nobody may commit */
    uint64_t memory_limit; /* bytes for the engine that answers; the sealer has as much. 0: STORE_MEMORY_DEFAULT */
    uint64_t hot_memory;   /* bytes of decoded batches that are not sealed; 0: STORE_HOT_DEFAULT */
    uint64_t seal_rows;    /* that are sealed at once; 0: STORE_SEAL_ROWS */
    int64_t seal_age_ns;   /* or when the oldest is that old; 0: STORE_SEAL_AGE_NS */
    uint64_t journal_file; /* bytes of each of the journal's files; 0: JOURNAL_FILE_DEFAULT */
    struct store_keep keep;
    store_notice *notice; /* may be NULL; called from any thread */
    void *context;
};
#define STORE_MEMORY_DEFAULT  (256ull << 20)
#define STORE_HOT_DEFAULT     (192ull << 20)
#define STORE_SEAL_ROWS       250000u
#define STORE_BATCHES_DEFAULT (4ull << 30)
#define STORE_SEAL_AGE_NS     (900ll * 1000000000)

/* RESULT_FATAL: the directory is in use by another process, or cannot be written; the sentence says what to do. Damage
 * is told through `notice`, and the rest opens. */
MUST_CHECK enum result store_open(const struct store_options *options, struct store **ret_store, struct error *err);
/* Closes within a moment: what is hot stays in the journal. No reader may be open. */
void store_close(struct store **store);

/* ------------------------------------------------------------------ writing */

/* Everything of the batches, and their names (those that have one), or nothing. Names must be new: ask store_name
 * before. Gives each batch its position, and by kind the position before it. The batches' bytes as they are journalled
 * (batch->packed) are made where they are missing, and let go. Afterwards nobody may change the batches. */
MUST_CHECK enum result store_commit(struct store *store, struct batch *const *batches, size_t count, struct error *err);

/* What the store says to a batch's name before the batch is taken. Any thread. */
enum store_name {
    STORE_NAME_NEW,
    STORE_NAME_COMMITTED, /* it is in the store: acknowledge again, if its bytes are the same */
    STORE_NAME_REFUSED,   /* this sensor's limit is reached: too many gaps in the life's numbers, or too many lives */
    STORE_NAME_LATER,     /* it cannot be said now: memory, or the catalogue cannot be read */
};
/* *ret_digest: of a committed batch's packed bytes (XXH3-64), as long as it is remembered; 0: not. */
enum store_name store_name(struct store *store, const struct observer *observer, uint64_t sequence,
                           uint64_t *ret_digest);

/* ------------------------------------------------------------------ reading */

struct store_reader;
MUST_CHECK enum result store_reader_open(struct store *store, struct store_reader **ret_reader, struct error *err);
void store_reader_close(struct store_reader **reader);

/* Any thread: what the reader is doing, or does next, ends with RESULT_AGAIN. Stays so until store_reader_resume. */
void store_reader_interrupt(struct store_reader *reader);
void store_reader_resume(struct store_reader *reader);
bool store_reader_is_interrupted(struct store_reader *reader);

/* One more for the same work: it is interrupted and resumed with `reader`, and closed before it, by the thread that
 * uses both. */
MUST_CHECK enum result store_reader_open_beside(struct store_reader *reader, struct store_reader **ret_beside,
                                                struct error *err);

/* What there is at this moment, for several queries about the same. Held as long as it is needed: what is let go
 * meanwhile keeps its room on disk until then. */
struct store_snapshot;
MUST_CHECK enum result store_snapshot_take(struct store *store, struct store_snapshot **ret_snapshot,
                                           struct error *err);
void store_snapshot_release(struct store_snapshot **snapshot);

/* Which records; each condition that is set narrows. Borrowed until the query's end. */
struct store_query {
    enum record_kind_number kind;
    const bool *fields;          /* by stored field: those that are wanted; the others stay zero, but for who speaks and
                                    the first time. NULL: all, as by_position has them in any case */
    const struct filter *filter; /* of that kind; NULL: all */
    int64_t from_ns, to_ns;      /* alive in [from, to), by the kind's first and last time; 0: unbounded */
    const struct store_snapshot *snapshot; /* of that moment, not of now; NULL: now. Not with by_position */
    uint64_t after, through;               /* by_position: after < position <= through; 0: unbounded */
    const struct endpoint *endpoint;       /* flows: src or dst is this; port 0: any. NULL: any */
    uint8_t protocol;                      /* flows: 0: any */
    const struct address *addresses; /* flows: all that are wanted have one of these as src or dst, by what else is
                                        asked: it narrows where they are looked for, and no more */
    size_t address_count;            /* 0: not known */
    const struct flow_name *names;   /* flows: these; verdicts: about these, as view or partner */
    size_t name_count;               /* up to STORE_NAMES_MAX; 0: any */
    uint64_t limit;                  /* rows; 0: none */
    bool by_position;                /* in the order committed, as far back as the journal goes; otherwise the newest
                                        segments first, and with a limit of up to STORE_SORTED_MAX the newest records */
};
#define STORE_NAMES_MAX  4096u
#define STORE_SORTED_MAX 20000u

/* Begins a query (an unfinished one is dropped), then hands out records until RESULT_END; they are the caller's. With
 * by_position they are what of one committed batch matches, and ret_position (may be NULL) its position; what a newer
 * contract had in them is with them when nothing but the kind and positions narrowed the query. RESULT_REJECT: a
 * condition that is not for records of this kind. */
MUST_CHECK enum result store_find(struct store_reader *reader, const struct store_query *query, struct error *err);
MUST_CHECK enum result store_next(struct store_reader *reader, struct records **ret_records, uint64_t *ret_position,
                                  struct error *err);

/* All of a query at once (a new struct records, perhaps without rows); for those that are small. RESULT_FULL: more
 * than RECORDS_OBSERVERS_MAX observers. */
MUST_CHECK enum result store_collect(struct store_reader *reader, const struct store_query *query,
                                     struct records **ret_records, struct error *err);

/* Sensors of which no batch lies in [from, to): by flow times and by time of receipt. Owned array of names. */
MUST_CHECK enum result store_silent(struct store_reader *reader, int64_t from_ns, int64_t to_ns,
                                    char (**ret_sensors)[OBSERVER_NAME_MAX], size_t *ret_count, struct error *err);

/* For the correlator's new start: flows of the two sensors received since `since_ns` that have no verdict at
 * `boundary`, in the order committed; then as after store_find. */
MUST_CHECK enum result store_find_waiting(struct store_reader *reader, const char *boundary, const char *inside,
                                          const char *outside, int64_t since_ns, struct error *err);

/* ------------------------------------------------------------------ what is missing, any thread */

/* The newest position before `position` that cannot be replayed any more: damaged, or older than what is kept of the
 * journal; 0: none. */
uint64_t store_missing_before(struct store *store, uint64_t position);

/* Files, or parts of the journal, that cannot be read. Owned array: free. */
struct store_damage {
    int64_t from_ns, to_ns; /* records of that time may be in it; 0, 0: of any */
    uint64_t records;       /* how many; 0: not known */
    char file[64];
    char text[256];
};
MUST_CHECK enum result store_damaged(struct store *store, struct store_damage **ret_damages, size_t *ret_count,
                                     struct error *err);

/* What the store takes and how far its own work has come. */
struct store_health {
    uint64_t journal_files, journal_bytes, journal_first, journal_last;
    uint64_t hot_batches, hot_rows, hot_bytes;
    uint64_t segments, segment_rows, segment_bytes, index_bytes;
    uint64_t sealed_through;
    uint64_t sealings, compactions; /* since the start */
    int64_t sealed_ns;              /* how long the last sealing took */
    uint64_t damages;
    char trouble[256]; /* why sealing does not get on; "": it does */
};
void store_health(struct store *store, struct store_health *ret_health);

/* Segments by kind and level, summed. Owned array: free. */
struct store_part {
    enum record_kind_number kind;
    unsigned level; /* 0: as they were sealed; higher: merged */
    uint64_t files, rows, bytes, index_bytes;
    int64_t first_ns, last_ns;
};
MUST_CHECK enum result store_parts(struct store *store, struct store_part **ret_parts, size_t *ret_count,
                                   struct error *err);

/* One file that was read through. */
struct store_checked {
    char file[64];
    int kind; /* of its records; -1: of any */
    uint64_t records, bytes;
    int64_t first_ns, last_ns; /* first > last: not known */
    char damage[256];          /* "": it is as it was written */
};
/* Reads everything that is kept, and tells of it file by file; what is damaged is named in answers from then on. What
 * `take` returns other than RESULT_OK ends it, as an interrupt of the reader does. */
MUST_CHECK enum result store_check(struct store_reader *reader,
                                   enum result (*take)(void *context, const struct store_checked *checked,
                                                       struct error *err),
                                   void *context, struct error *err);

/* ------------------------------------------------------------------ in memory, any thread */

/* One life of one sensor, summed over what is committed. */
struct store_life {
    struct observer observer;
    uint64_t records; /* in the books: record_kind_counts */
    uint64_t packets, batches, records_lost;
    uint64_t records_died; /* declared lost by the aggregator (aggregator/lost.h); not in records_lost */
    bool died;             /* that was declared, be it of no record at all */
    uint64_t status_position;
    int64_t status_received_ns; /* 0: none yet */
    int64_t last_received_ns;
    struct records *status; /* the last one, of one row; owned by the copy. NULL: none yet */
    bool has_lists;         /* the status has what it said of interfaces and drops: only of a sensor's newest life */
};
/* Owned array of copies; store_lives_free. `texts`: with the lists and texts of the statuses, which may be
 * long. */
MUST_CHECK enum result store_lives(struct store *store, bool texts, struct store_life **ret_lives, size_t *ret_count,
                                   struct error *err);
void store_lives_free(struct store_life **lives, size_t count);

struct store_summary {
    uint64_t position;                /* last given */
    int64_t first_ns, last_ns;        /* flow times the store holds; 0 when empty */
    int64_t last_received_ns;         /* of the newest batch */
    uint64_t last[RECORD_KIND_COUNT]; /* last position with records of the kind; 0: none */
};
void store_summarise(struct store *store, struct store_summary *ret_summary);

/* Verdicts at a boundary since the store began, by enum verdict_word. */
void store_boundary_counts(struct store *store, const char *boundary, uint64_t ret_counts[static VERDICT_COUNT]);

#endif
