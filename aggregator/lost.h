/* SPDX-License-Identifier: Apache-2.0 */
/* Lost: what a life that died took with it. Nobody else can say it: a process that is killed says nothing, and what it
 * held, what stood in its tables and what passed until its next life began is in no record.
 *
 * Whether a life died is known when a newer one of the same speaker has spoken: one key is one process. Until then it
 * is away, and may come back. What it held may still come under its old name when its next life found it on disk, so it
 * is declared lost only when it has been quiet for a while (LOST_QUIET_NS); until then, and while it is away, answers
 * name it as not heard (lost_pending). A life that ended in order is asked for what its last word said it had made, and
 * for nothing else. What was declared stands in the life's sums (struct store_life), so nothing is declared twice,
 * whoever asks and however often the aggregator starts; and when something comes after all, the sums know it is not
 * lost.
 *
 * Pure. Lives are in order, as lives_read gives them. Times: nanoseconds since 1970 UTC, but for struct lost. */
#ifndef PAVO_AGGREGATOR_LOST_H
#define PAVO_AGGREGATOR_LOST_H

#include "aggregator/observers.h"
#include "aggregator/store/store.h"
#include "common/records/loss.h"

/* A next life sends what it found on disk before anything else, and again after 5 s what was not acknowledged. */
#define LOST_QUIET_NS   (15ll * 1000000000)
#define LOST_REASON_MAX 256u

/* ---- one life */

enum lost_fate {
    LOST_SPEAKS, /* or has nothing to say */
    LOST_ENDED,  /* and said so */
    LOST_AWAY,   /* the newest of its speaker, and not connected */
    LOST_DIED,
};
/* `connected`: its speaker is. `replaced`: a newer life said hello, and nothing that is in `lives` yet. */
enum lost_fate lost_fate(const struct store_life *lives, size_t count, size_t which, bool connected, bool replaced);

/* The books of a life: made = committed + lost + held. Of one that is over they are closed from what is committed and
 * declared; of another they are what it said last. Without a status: what is committed. */
struct lost_books {
    uint64_t made, lost, held;
};
struct lost_books lost_books(const struct store_life *life, enum lost_fate fate);

/* What of a life that is not heard is not here, and not declared either: a row as a loss would have it, with its reason
 * in `reason`. False: nothing. */
bool lost_pending(const struct store_life *lives, size_t count, size_t which, enum lost_fate fate, int64_t now_ns,
                  struct loss *ret_loss, char reason[static LOST_REASON_MAX]);
/* Of a life of which a loss was declared: did everything come after all? */
bool lost_came(const struct store_life *life);

/* ---- all of them */

/* Losses for all that is lost for sure and not declared, as many as one batch may have; NULL: there are none.
 * *ret_later: there is something that must be looked at again later. RESULT_AGAIN: out of memory. */
MUST_CHECK enum result lost_declare(const struct store_life *lives, size_t count, int64_t now_ns, int64_t quiet_ns,
                                    struct records **ret_losses, bool *ret_later, struct error *err);

/* ---- when to look: at the start, and when somebody speaks in another life than before. One thread. `now_ns` is of any
 *      clock that only goes on, and may stand still while nobody can be heard */

struct lost {
    struct observers speakers; /* as observers of epoch 0 */
    uint64_t *epochs;          /* owned: in which each spoke last */
    uint32_t capacity;
    int64_t quiet_ns;
    int64_t due_ns; /* INT64_MAX: nothing is to be looked at */
};
void lost_init(struct lost *lost, int64_t now_ns, int64_t quiet_ns);
void lost_fini(struct lost *lost);
void lost_heard(struct lost *lost, const struct observer *speaker, int64_t now_ns);
/* True: look at all lives now, and say afterwards whether again later. */
bool lost_due(const struct lost *lost, int64_t now_ns);
void lost_looked(struct lost *lost, bool later, int64_t now_ns);

#endif
