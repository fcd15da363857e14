/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the store: what its files share. Not for other stages. */
#ifndef PAVO_AGGREGATOR_STORE_INTERNAL_H
#define PAVO_AGGREGATOR_STORE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "aggregator/engine/engine.h"
#include "aggregator/journal/journal.h"
#include "aggregator/segments/segments.h"
#include "aggregator/store/hot.h"
#include "aggregator/store/lives.h"
#include "aggregator/store/store.h"

#define STORE_DAMAGES_MAX 4096u
#define STORE_SPARE       8192u /* gaps of a life's numbers kept free for batches taken and not yet committed */

struct damages {
    struct known_damage {
        struct store_damage damage;
        bool sealed; /* the catalogue has it: of the journal alone */
    } * list;        /* owned */
    size_t count;
};

struct store {
    char *directory; /* owned */
    int lock_file;
    struct store_options options; /* with the defaults filled in */
    struct journal *journal;
    struct segments *segments;
    struct hot *hot;
    duckdb_database database; /* that answers */

    pthread_mutex_t writing; /* held over journal_append, _prepare, _drop */

    pthread_mutex_t lock; /* guards these; held for moments, never over a statement or the disk */
    struct lives lives;
    struct damages damages;
    struct ranges missing; /* positions that cannot be replayed */
    uint64_t sealings, compactions;
    int64_t sealed_ns;
    char trouble[256];

    pthread_t sealer;
    bool sealer_runs;
    pthread_cond_t wake; /* with `lock`: there may be something to seal, or the end has come */
    atomic_bool stopping;
};

static inline int64_t min_ns(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t max_ns(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

void store_tell(struct store *store, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Known from now on, once by file and text, and told. */
void store_note_damage(struct store *store, const struct store_damage *damage);
/* The same, of what was told and sealed in an earlier life. */
void store_recall_damage(struct store *store, const struct store_damage *damage);
/* Damage of the journal is met no more once what is behind it is sealed: what is not sealed yet is put into `added`,
 * and when that is in the catalogue it is. */
MUST_CHECK enum result store_seal_damage(struct store *store, struct lives *added, struct error *err);
void store_sealed_damage(struct store *store, const struct lives *added);
/* Damage of the journal that was of times before these goes. */
MUST_CHECK enum result store_expire_damage(struct store *store, int64_t before_ns, struct error *err);
/* A segment that was damaged can be read again: it was put back. */
void store_forget_damage(struct store *store, const char *file);
/* What the journal says of positions it cannot read; once, by whomever it was met. */
void store_note_journal(struct store *store, const struct journal_damage *damage);
/* One entry whose bytes, or what they say, cannot be read. `context` is the store. */
void store_note_entry(void *context, const struct journal_entry *entry, const char *why);

/* ---- remember.c: what is known beside the records, in the catalogue */

/* All of it, into store->lives, without lives that are not among the newest of their speaker. */
MUST_CHECK enum result remember_all(struct store *store, struct error *err);
/* Takes the lock, and with RESULT_OK has it still: a life that was in the catalogue alone is then among store->lives,
 * and no sealing forgets it before the lock is given back. */
MUST_CHECK enum result remember_life(struct store *store, const struct observer *observer, struct error *err);
/* Within a sealing's transaction: `context` is the struct lives it adds. */
MUST_CHECK enum result remember_sealed(struct catalogue *catalogue, void *context, struct error *err);

/* These are not known any more. */
MUST_CHECK enum result remember_no_damage(struct store *store, const struct store_damage *damages, size_t count,
                                          struct error *err);
/* A note of a segment, of which the catalogue was lost. */
MUST_CHECK enum result remember_note(struct catalogue *catalogue, const void *note, size_t length, struct error *err);
/* Two notes of segments as one: a life is in it once. */
MUST_CHECK enum result remember_join(struct bytes *note, const void *more, size_t length, struct error *err);

/* ---- seal.c */

MUST_CHECK enum result sealer_start(struct store *store, struct error *err);
void sealer_stop(struct store *store);

#endif
