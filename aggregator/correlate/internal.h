/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the correlator: views, their table, and how well two of them fit. Not for other stages. */
#ifndef PAVO_AGGREGATOR_CORRELATE_INTERNAL_H
#define PAVO_AGGREGATOR_CORRELATE_INTERNAL_H

#include "aggregator/correlate/correlate.h"

enum side { SIDE_INSIDE = VERDICT_INSIDE, SIDE_OUTSIDE = VERDICT_OUTSIDE, SIDE_COUNT };
enum half { HALF_SRC, HALF_DST, HALF_COUNT };

/* What a view is found by. KEY_NAME is its own name, the others are evidence. */
enum key_kind {
    KEY_NAME,
    KEY_ISN_SRC, /* a TCP initial sequence number, whichever way */
    KEY_ISN_DST,
    KEY_PEER_SRC, /* an end that may be untranslated, and the payload sent to it (or by it, if that is all) */
    KEY_PEER_DST,
    KEY_TUPLE,   /* both ends */
    KEY_DIGESTS, /* both payloads; last: looked up only when the others find nobody */
    KEY_COUNT
};

#define VIEW_NONE UINT32_MAX

struct view {
    struct endpoint ends[HALF_COUNT]; /* src, dst */
    uint64_t digest[HALF_COUNT];
    uint64_t payload[HALF_COUNT], packets[HALF_COUNT];
    uint64_t flow;
    int64_t first_ns, last_ns;
    int64_t arrived_ns; /* correlator time */
    int64_t stamp_ns;   /* the other side's listening clock then */
    uint32_t isn[HALF_COUNT], timestamp[HALF_COUNT];
    uint32_t evidence; /* enum flow_evidence */
    uint32_t observer; /* number of a life; kept while the view waits */
    uint16_t ip_id[HALF_COUNT];
    uint16_t icmp_sequence;
    uint8_t protocol, direction, side;
    bool tried;            /* decided upon once without success: again at the end of its window */
    bool contested;        /* a rival was given up: what is left must not be taken for the only one, so the best that */
    int contest_score;     /* such a rival had to show, its score and its distance from the expected time, */
    int64_t contest_ns;    /* stays in the comparison */
    bool used;             /* the place holds a view */
    uint8_t key_set;       /* bit k: keys[k] is set and chained */
    uint32_t older, newer; /* in order of arrival; `newer` chains free places */
    uint64_t bases[KEY_COUNT];                     /* hash of the evidence, without time slot and side */
    uint64_t keys[KEY_COUNT];                      /* as chained */
    uint32_t next[KEY_COUNT], previous[KEY_COUNT]; /* in the chain: view numbers */
};

#define CROWD_SLOTS 1024u /* slots are taken modulo: those that far apart are counted together */

/* Waiting views of one boundary. View numbers stay while a view waits; pointers do not outlast views_add. */
struct views {
    struct view *views; /* owned */
    uint32_t capacity, count, free;
    uint32_t oldest, newest;
    uint32_t *heads[KEY_COUNT];              /* owned: chains by kind */
    uint32_t head_count;                     /* a power of two */
    int64_t slot_ns;                         /* evidence that repeats is kept apart by time */
    uint32_t crowd[SIDE_COUNT][CROWD_SLOTS]; /* waiting views by the time slot of their first packet */
};
void views_init(struct views *views, int64_t slot_ns);
void views_fini(struct views *views);
/* A place for a copy of `view`, chained by its evidence. VIEW_NONE: out of memory. */
uint32_t views_add(struct views *views, const struct view *view);
void views_remove(struct views *views, uint32_t number);
/* The view's evidence has changed. */
void views_rechain(struct views *views, uint32_t number);
uint32_t views_find(const struct views *views, enum side side, uint32_t observer, uint64_t flow);
/* Views of the other side that share a key of these kinds (bits) with `number` and whose first packets lie within
 * `tolerance_ns` (or that share an initial sequence number), each once, at most `most`. *ret_crowded: there were more.
 */
#define KINDS_ISN (1u << KEY_ISN_SRC | 1u << KEY_ISN_DST)
#define KINDS_ALL (((1u << KEY_COUNT) - 1) & ~(1u << KEY_NAME))
uint32_t views_candidates(const struct views *views, uint32_t number, unsigned kinds, int64_t tolerance_ns,
                          uint32_t most, uint32_t ret_numbers[static CORRELATE_CANDIDATES_MAX], bool *ret_crowded);

/* Nearly how many views wait on the other side whose first packets lie within `tolerance_ns`: counted by whole slots,
 * so up to twice as many and more, never less. */
uint32_t views_in_time(const struct views *views, uint32_t number, int64_t tolerance_ns);

void view_from_flow(struct view *view, const struct flow *flow);
/* A later report of the same flow. True: the evidence has changed. */
bool view_merge(struct view *view, const struct flow *flow);

/* How two views fit. */
struct match {
    uint8_t method;                /* enum verdict_method */
    bool swapped;                  /* the outside view has src and dst the other way round */
    bool strong;                   /* cannot be chance */
    bool proven;                   /* strong without counting IP identifications */
    uint8_t digests;               /* payload digests that agree */
    uint8_t ids_agree, ids_differ; /* halves with an IP identification on both sides */
    int score;                     /* for comparing rivals */
    int64_t offset_ns;             /* outside first_ns - inside first_ns */
};
/* False: they are not one connection. */
bool match_views(const struct view *inside, const struct view *outside, const struct boundary *boundary,
                 struct match *ret_match);

/* Why two views are one connection: pieces whose weights add up to `odds`. `in_time`: views of the other side that, by
 * time alone, could have been the partner, the partner among them. */
struct evidence {
    struct verdict_term terms[VERDICT_TERMS_MAX];
    unsigned count;
    int32_t odds; /* log2, thousandths */
};
void match_evidence(const struct view *inside, const struct view *outside, const struct boundary *boundary,
                    const struct match *match, uint32_t in_time, struct evidence *ret_evidence);
/* Ends, times and method of the linked pair; names, odds and candidates are the caller's to fill in. */
void match_verdict(const struct view *inside, const struct view *outside, const struct match *match,
                   struct verdict *ret_verdict);
/* The same of a view without a partner. */
void view_verdict(const struct view *view, enum verdict_word word, struct verdict *ret_verdict);

#endif
