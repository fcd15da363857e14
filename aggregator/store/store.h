/* SPDX-License-Identifier: Apache-2.0 */
/* Store: what was committed stays, and can be asked for.
 *
 * One DuckDB file for each UTC day of commit, DIRECTORY/flows-YYYY-MM-DD.duckdb; nothing above this header knows.
 * A file may hold flows of any time (replayed captures), so each file's range of flow times is known and prunes.
 *
 * Durability: store_commit returns RESULT_OK after DuckDB's log is on disk (fsync), and everything handed in is then
 *   there after a crash, names included, or nothing of it is.
 * Threads: one thread commits; any number of readers, each used by one thread at a time. store_name, store_lives and
 *   the other look-ups in memory may be called from any thread.
 * Errors: RESULT_AGAIN from store_commit means that nothing was written (disk full, I/O error): hand in the same
 *   set again later. RESULT_FATAL: the store must be closed and opened again.
 * Times: nanoseconds since 1970 UTC. */
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

/* Something an administrator must know that is no failure of the call: a day file set aside. */
typedef void store_notice(void *context, const char *text);

struct store_options {
    const char *directory;  /* made if missing (0700) */
    uint64_t memory_limit;  /* bytes for DuckDB's buffers; 0: STORE_MEMORY_DEFAULT */
    uint64_t checkpoint_at; /* bytes of log that bring a checkpoint; 0: STORE_CHECKPOINT_DEFAULT */
    store_notice *notice;   /* may be NULL */
    void *context;
};
#define STORE_MEMORY_DEFAULT     (1ull << 30)
#define STORE_CHECKPOINT_DEFAULT (1ull << 30)

/* RESULT_FATAL: the directory is in use by another process, or cannot be written. A damaged day file is renamed aside
 * (FILE.damaged-TIME) and told through `notice`; the rest opens. */
MUST_CHECK enum result store_open(const struct store_options *options, int64_t now_ns, struct store **ret_store,
                                  struct error *err);
/* Checkpoints (when the disk has room) and closes. No reader may be open. */
void store_close(struct store **store);

/* ------------------------------------------------------------------ writing */

/* Everything of the batches, and their names (those that have one), or nothing. Names must be new: ask store_name
 * before. Gives each batch its position, and by kind the position before it. Also goes over to a new file when the day
 * has changed. */
MUST_CHECK enum result store_commit(struct store *store, int64_t now_ns, struct batch *const *batches, size_t count,
                                    struct error *err);

/* What the store says to a batch's name before the batch is taken. Any thread. */
enum store_name {
    STORE_NAME_NEW,
    STORE_NAME_COMMITTED, /* it is in the store: acknowledge again */
    STORE_NAME_REFUSED,   /* this sensor's limit is reached: too many gaps in the life's numbers, or too many lives */
    STORE_NAME_LATER,     /* there are too many lives of all sensors together; nothing is wrong with this one */
};
enum store_name store_name(struct store *store, const struct observer *observer, uint64_t sequence);

/* The same to the observers in the batch that the file of the day does not know yet. What is said of STORE_ROOM_LATER
 * is not the batch's fault: it fits when what is under way is committed, or into the next day's file. A life's own
 * observer (nothing unknown to it) always has room: lives are bounded themselves. */
enum store_room {
    STORE_ROOM,
    STORE_ROOM_LATER,   /* the file would have more than STORE_OBSERVERS_MAX */
    STORE_ROOM_REFUSED, /* its speaker would have brought more than STORE_OBSERVERS_SHARE into the file */
};
#define STORE_OBSERVERS_MAX   65536u
#define STORE_OBSERVERS_SHARE 4096u /* of one speaker, since the store was opened */
/* New observers of batches that were taken and are not committed yet. */
struct store_coming {
    uint32_t of_speaker, of_all;
};
/* *ret_new: how many the batch brings; 0 without STORE_ROOM. Any thread. */
enum store_room store_room(struct store *store, const struct batch *batch, const struct store_coming *coming,
                           uint32_t *ret_new);

/* ------------------------------------------------------------------ reading */

struct store_reader;
MUST_CHECK enum result store_reader_open(struct store *store, struct store_reader **ret_reader, struct error *err);
void store_reader_close(struct store_reader **reader);

/* Any thread: what the reader is doing, or does next, ends with RESULT_AGAIN. Stays so until store_reader_resume. */
void store_reader_interrupt(struct store_reader *reader);
void store_reader_resume(struct store_reader *reader);

/* Which records; each condition that is set narrows. Borrowed until the query's end. */
struct store_query {
    enum record_kind_number kind;
    const struct filter *filter;     /* of that kind; NULL: all */
    int64_t from_ns, to_ns;          /* alive in [from, to), by the kind's first and last time; 0: unbounded */
    uint64_t after, through;         /* positions: after < position <= through; 0: unbounded */
    const struct endpoint *endpoint; /* flows: src or dst is this; port 0: any. NULL: any */
    uint8_t protocol;                /* flows: 0: any */
    const struct flow_name *names;   /* flows: these; verdicts: about these, as view or partner */
    size_t name_count;               /* up to STORE_NAMES_MAX; 0: any */
    uint64_t limit;                  /* rows; 0: none */
    bool by_position;                /* in the order committed; otherwise newest day first, and with a limit of up to
                                        STORE_SORTED_MAX the newest records first */
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

/* The newest position before `position` that no day file has, because the file was damaged or taken away; 0: none. */
uint64_t store_missing_before(struct store *store, uint64_t position);

/* Day files that could not be read and lie beside the others under another name, and those whose log lost its end, each
 * for as long as the file of this name lies there. Borrowed until store_close. */
struct store_damage {
    int64_t from_ns, to_ns; /* records of that time may be in it */
    bool cut;               /* only the end is lost */
    char file[64];
};
const struct store_damage *store_damaged(const struct store *store, size_t *ret_count);

/* ------------------------------------------------------------------ in memory, any thread */

/* One life of one sensor, summed over what is committed. */
struct store_life {
    struct observer observer;
    uint64_t records; /* in the books: record_kind_counts */
    uint64_t packets, batches, records_lost;
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
