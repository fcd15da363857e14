/* SPDX-License-Identifier: Apache-2.0 */
/* Hot: the batches that are in the journal and not yet in segments, as records in memory. A question looks at them
 * where they lie, as a table of the engine. Those beyond a limit of memory are forgotten, oldest first, and read from
 * the journal again when somebody wants them.
 *
 * Threads: all may be called by any. */
#ifndef PAVO_AGGREGATOR_STORE_HOT_H
#define PAVO_AGGREGATOR_STORE_HOT_H

#include <stdatomic.h>

#include "aggregator/batch.h"
#include "aggregator/engine/engine.h"
#include "aggregator/observers.h"
#include "aggregator/store/entry.h"

/* A batch, as long as somebody refers to it. What it says of itself does not change. */
struct hot_batch {
    atomic_uint references;
    struct journal_entry entry; /* without its bytes */
    int64_t added_ns;           /* monotonic */
    size_t weight;
    struct observer *observers[RECORD_KIND_COUNT]; /* owned: of the records of each kind */
    uint32_t observer_count[RECORD_KIND_COUNT];
    struct batch *batch; /* guarded by the hot lock: a reference; NULL: only in the journal */
};

/* Told of a batch that cannot be read from the journal; from any thread. */
typedef void hot_damaged(void *context, const struct journal_entry *entry, const char *why);
#define HOT_UNREADABLE "its bytes are not those that were written"

struct hot;
/* `memory` is what decoded batches may hold. NULL: out of memory. */
struct hot *hot_new(struct journal *journal, size_t memory, hot_damaged *damaged, void *context);
void hot_free(struct hot **hot);

/* Makes what hot_put takes, so that it cannot fail; with NULL, of a batch that cannot be read. NULL: out of memory. */
struct hot_batch *hot_batch_new(struct batch *batch);
void hot_batch_release(struct hot_batch **batch);
/* Room for `count` more, so that as many hot_put cannot fail; by the thread that puts. False: out of memory. */
MUST_CHECK bool hot_reserve(struct hot *hot, size_t count);
/* A committed batch, of which hot keeps a reference; takes *hot_batch. Positions ascend. */
void hot_put(struct hot *hot, struct hot_batch **hot_batch, const struct journal_entry *entry, int64_t now_ns);
/* Everything through a position is in segments. */
void hot_drop(struct hot *hot, uint64_t through);

struct hot_sums {
    uint64_t batches, rows, bytes; /* bytes: decoded ones */
    int64_t oldest_ns;             /* monotonic: when the oldest was added; 0: there is none */
    int64_t first_ns, last_ns;     /* of the flows; first > last: none */
};
void hot_sums(struct hot *hot, struct hot_sums *ret_sums);

/* The batch's records, decoded again if need be; batch_destroy gives the reference back. RESULT_REJECT: damaged in the
 * journal, and told. RESULT_AGAIN: out of memory; or it was sealed since it was looked at, and the journal let go. */
MUST_CHECK enum result hot_batch_open(struct hot *hot, struct hot_batch *hot_batch, struct batch **ret_batch,
                                      struct error *err);

/* Those at this moment: of `kind` (-1: all), that may have flows (of other kinds: anything) alive in [from, to). */
struct hot_view {
    struct hot_batch **list; /* owned, a reference each; ascending */
    size_t count;
};
MUST_CHECK enum result hot_look(struct hot *hot, int kind, int64_t from_ns, int64_t to_ns, struct hot_view *ret_view,
                                struct error *err);
/* Those of a view of all kinds, chosen in the same way. */
MUST_CHECK enum result hot_view_copy(const struct hot_view *view, int kind, int64_t from_ns, int64_t to_ns,
                                     struct hot_view *ret_view, struct error *err);
/* The oldest of them, so many that they have about `rows` rows; and no more than one sealing has memory for, whatever
 * they hold: half of what decoded batches may hold, so many batches, and observers that they name. */
#define HOT_OLDEST_BATCHES   16384u
#define HOT_OLDEST_OBSERVERS 65536u
MUST_CHECK enum result hot_oldest(struct hot *hot, uint64_t rows, struct hot_view *ret_view, struct error *err);
/* Lets those through a position go. */
void hot_view_cut(struct hot_view *view, uint64_t through);
void hot_view_fini(struct hot_view *view);

/* The records of one kind in a view as a table. The view is borrowed. */
struct hot_table {
    struct engine_source source;
    struct hot *hot;
    const struct hot_view *view;
    int kind;
    struct observers observers; /* by the numbers that the table's rows have */
    uint32_t **numbers;         /* by batch; owned */
};
MUST_CHECK enum result hot_table_init(struct hot_table *table, struct hot *hot, const struct hot_view *view,
                                      enum record_kind_number kind, struct error *err);
void hot_table_fini(struct hot_table *table);

#endif
