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

#include "aggregator/link.h"
#include "common/filter.h"
#include "common/flow.h"
#include "common/result.h"
#include "pavo.pb-c.h"

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

/* One batch of one sensor. Everything is borrowed for the call. */
struct store_batch {
    struct observer observer;
    uint64_t sequence;
    int64_t received_ns;
    const struct flow_batch *flows; /* may be NULL */
    Pavo__Loss *const *losses;
    size_t loss_count;
    const Pavo__SensorStatus *status;                       /* may be NULL */
    uint64_t position;                                      /* given by store_commit */
    uint64_t previous_flow, previous_loss, previous_status; /* position before it on each topic; given too */
};

struct store_commit_set {
    struct store_batch *batches;
    size_t batch_count;
    const struct link *links;
    size_t link_count;
    const struct unlinked *unlinked;
    size_t unlinked_count;
    uint64_t link_position, previous_link; /* given by store_commit; 0 without links */
};

/* Names must be new: ask store_name before. Also goes over to a new file when the day has changed. */
MUST_CHECK enum result store_commit(struct store *store, int64_t now_ns, struct store_commit_set *set,
                                    struct error *err);

/* What the store says to a batch's name before the batch is taken. Any thread. */
enum store_name {
    STORE_NAME_NEW,
    STORE_NAME_COMMITTED, /* it is in the store: acknowledge again */
    STORE_NAME_REFUSED,   /* a limit is reached: too many gaps in this life's numbers, or too many lives */
};
enum store_name store_name(const struct store *store, const struct observer *observer, uint64_t sequence);

/* ------------------------------------------------------------------ reading */

struct store_reader;
MUST_CHECK enum result store_reader_open(struct store *store, struct store_reader **ret_reader, struct error *err);
void store_reader_close(struct store_reader **reader);

/* Any thread: what the reader is doing, or does next, ends with RESULT_AGAIN. Stays so until store_reader_resume. */
void store_reader_interrupt(struct store_reader *reader);
void store_reader_resume(struct store_reader *reader);

/* Which flow rows; each condition that is set narrows. Borrowed until the query's end. */
struct store_query {
    const struct filter *filter;          /* NULL: all */
    int64_t from_ns, to_ns;               /* alive in [from, to); 0: unbounded */
    uint64_t after, through;              /* positions: after < position <= through; 0: unbounded */
    const struct link_endpoint *endpoint; /* src or dst is this; port 0: any. NULL: any */
    uint8_t protocol;                     /* 0: any */
    const struct flow_name *names;        /* these flows only */
    size_t name_count;                    /* up to STORE_NAMES_MAX; 0: any */
    uint64_t limit;                       /* rows; 0: none */
    bool by_position;                     /* in the order committed; otherwise newest day first, and with a limit of
                                             up to STORE_SORTED_MAX the newest flows first */
};
#define STORE_NAMES_MAX  4096u
#define STORE_SORTED_MAX 20000u

/* Begins a query (an unfinished one is dropped), then hands out batches until RESULT_END. Batches are owned by the
 * caller. With by_position a batch is what of one committed batch matches, and ret_position (may be NULL) its position.
 */
MUST_CHECK enum result store_find(struct store_reader *reader, const struct store_query *query, struct error *err);
MUST_CHECK enum result store_next(struct store_reader *reader, struct flow_batch **ret_batch, uint64_t *ret_position,
                                  struct error *err);

/* Links, as rows of an owned array (free). By the names of views (either side), or with names NULL by position
 * after < p <= through in order, at most `limit`. ret_positions (may be NULL): each link's, owned as well. */
struct store_links {
    struct link *links;
    uint64_t *positions;
    size_t count;
};
MUST_CHECK enum result store_links_of(struct store_reader *reader, const struct flow_name *names, size_t name_count,
                                      struct store_links *ret_links, struct error *err);
MUST_CHECK enum result store_links_after(struct store_reader *reader, uint64_t after, uint64_t through, uint64_t limit,
                                         struct store_links *ret_links, struct error *err);
void store_links_free(struct store_links *links);

/* Why views were given up. */
MUST_CHECK enum result store_unlinked_of(struct store_reader *reader, const struct flow_name *names, size_t name_count,
                                         struct unlinked **ret_unlinked, size_t *ret_count, struct error *err);

/* Losses and statuses with their speaker, in order of position. `sensor` in a loss is filled. */
struct store_word {
    uint64_t position;
    struct observer observer;
    int64_t received_ns;
    Pavo__Loss *loss; /* one of the two; owned */
    Pavo__SensorStatus *status;
};
struct store_words {
    struct store_word *words;
    size_t count;
};
/* Losses overlapping [from, to), 0: unbounded. */
MUST_CHECK enum result store_losses(struct store_reader *reader, int64_t from_ns, int64_t to_ns, size_t limit,
                                    struct store_words *ret_words, struct error *err);
MUST_CHECK enum result store_losses_after(struct store_reader *reader, uint64_t after, uint64_t through, size_t limit,
                                          struct store_words *ret_words, struct error *err);
MUST_CHECK enum result store_statuses_after(struct store_reader *reader, uint64_t after, uint64_t through, size_t limit,
                                            struct store_words *ret_words, struct error *err);
void store_words_free(struct store_words *words);

/* Sensors of which no batch lies in [from, to): by flow times and by time of receipt. Owned array of names. */
MUST_CHECK enum result store_silent(struct store_reader *reader, int64_t from_ns, int64_t to_ns,
                                    char (**ret_sensors)[SENSOR_NAME_MAX], size_t *ret_count, struct error *err);

/* For the correlator's new start: rows of the two sensors received since `since_ns` whose flow has neither link nor
 * reason at `boundary`, in the order committed; then as after store_find. */
MUST_CHECK enum result store_find_waiting(struct store_reader *reader, const char *boundary, const char *inside,
                                          const char *outside, int64_t since_ns, struct error *err);

/* ------------------------------------------------------------------ in memory, any thread */

/* One life of one sensor, summed over what is committed. */
struct store_life {
    struct observer observer;
    uint64_t records, packets, batches, records_lost;
    uint64_t status_position;
    int64_t status_received_ns; /* 0: none yet */
    int64_t last_received_ns;
    uint8_t *status; /* the last SensorStatus, packed; owned by the copy */
    size_t status_length;
};
/* Owned array of copies; store_lives_free. */
MUST_CHECK enum result store_lives(const struct store *store, struct store_life **ret_lives, size_t *ret_count,
                                   struct error *err);
void store_lives_free(struct store_life **lives, size_t count);

struct store_summary {
    uint64_t position;                                     /* last given */
    int64_t first_ns, last_ns;                             /* flow times the store holds; 0 when empty */
    int64_t last_received_ns;                              /* of the newest batch */
    uint64_t last_flow, last_link, last_loss, last_status; /* last position on each topic */
};
void store_summarise(const struct store *store, struct store_summary *ret_summary);

/* Links made and views given up at a boundary since the store began. */
void store_boundary_counts(const struct store *store, const char *boundary, uint64_t *ret_linked,
                           uint64_t ret_unlinked[static UNLINKED_REASON_COUNT]);

#endif
