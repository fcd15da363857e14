/* SPDX-License-Identifier: Apache-2.0 */
/* Correlate: which two views are one connection, seen before and after a boundary?
 *
 * A streaming join for each configured boundary. Every flow of the inside and of the outside sensor becomes a waiting
 * view with its first record (later records of the flow add evidence while it waits), and leaves with a verdict: linked
 * with a view of the other side, or given up and why. Evidence, strongest first:
 *
 *   SEQUENCE_NUMBERS  TCP initial sequence numbers of both directions
 *   INITIAL_SEQUENCE  the initiator's alone, and an unchanged peer
 *   DIGESTS           keyed payload digests and an unchanged peer, or both digests
 *   ICMP_ECHO         echo sequence, payload digest and an unchanged peer
 *   TUPLE             nothing translated
 *
 * What cannot repeat by chance (two initial sequence numbers, or one with a time stamp origin or IP id; two IP ids)
 * links at once. What can (equal payloads) is decided only when no rival can come any more: both sensors have reported
 * through that time (status), or have ended, or the window is over. Rivals are then told apart by further
 * evidence, at last by time; where nothing singles one out, in both directions, the views are given up as ambiguous. A
 * wrong link is worse than none.
 *
 * Waiting: a view waits `window_ns`, counted only while the other side's sensor is heard, so that an outage of a
 * sensor, or of the aggregator, does not cost links; at most CORRELATE_WAIT_MAX_NS. At most CORRELATE_VIEWS_MAX views
 * wait at a boundary (about 400 bytes each); the oldest is given up for a new one, as `evicted`, and for a window after
 * that only strong evidence links: what repeats cannot be told apart while rivals are being forgotten.
 *
 * Pure: no clock, no I/O. `now_ns` must not run backwards. One thread. The same input in the same order gives the same
 * conclusions. */
#ifndef PAVO_AGGREGATOR_CORRELATE_H
#define PAVO_AGGREGATOR_CORRELATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/records/flow.h"
#include "common/records/verdict.h"
#include "common/result.h"

#define CORRELATE_VIEWS_MAX            (1u << 19)
#define CORRELATE_BOUNDARIES_MAX       64u
#define CORRELATE_CANDIDATES_MAX       64u /* views sharing a key that are looked at; beyond it is crowded: ambiguous */
#define CORRELATE_STRONG_MAX           16u /* the same for the attempt at once */
#define CORRELATE_DECISIONS_MAX        50000u /* in one correlator_run; the next goes on where this one stopped */
#define CORRELATE_SILENT_NS            (30ll * 1000000000) /* not heard so long: the window's clock stands */
#define CORRELATE_WAIT_MAX_NS          (600ll * 1000000000)
#define CORRELATE_WINDOW_DEFAULT_NS    (120ll * 1000000000)
#define CORRELATE_TOLERANCE_DEFAULT_NS (2ll * 1000000000)

struct boundary {
    char name[BOUNDARY_NAME_MAX];
    char inside[SENSOR_NAME_MAX], outside[SENSOR_NAME_MAX];
    int64_t window_ns;    /* how long a view waits for its partner */
    int64_t tolerance_ns; /* how far first packets may lie apart, clock offset included */
};

struct correlator;

MUST_CHECK enum result correlator_new(struct correlator **ret_correlator, struct error *err);
void correlator_destroy(struct correlator **correlator);

/* Takes the boundaries from now on. One whose name and sensors stay keeps its waiting views; the views of one that goes
 * are forgotten. RESULT_REJECT: a bad or repeated name, inside = outside, more than CORRELATE_BOUNDARIES_MAX. */
MUST_CHECK enum result correlator_configure(struct correlator *correlator, const struct boundary *boundaries,
                                            size_t count, struct error *err);

/* What was concluded: records of kind verdict and binding. The caller starts with zeros, the correlator appends, also
 * beyond RECORDS_ROWS_MAX rows.
 *
 * A linked pair is one verdict: the view inside with the view outside as its partner, written from the initiator, and
 * the evidence as terms whose weights add up to the odds (match.c says what each weighs). Where an end was translated,
 * there is a binding for it as well. A view given up is a verdict without a partner. All are of revision 0. */
struct conclusions {
    struct records *verdicts, *bindings; /* owned; NULL: none yet */
    bool failed;                         /* out of memory: some were dropped */
};
void conclusions_fini(struct conclusions *conclusions);

/* Flow records of one or more observers. */
void correlator_add(struct correlator *correlator, const struct flow_batch *flows, int64_t now_ns,
                    struct conclusions *conclusions);

/* The same for one boundary alone, after a restart: flows that were waiting there, in the order they came. */
void correlator_restore(struct correlator *correlator, const char *boundary, const struct flow_batch *flows,
                        int64_t now_ns, struct conclusions *conclusions);

/* What a life of a sensor said of itself: every flow that began before `through_ns` is among the records added (0: not
 * known), and whether it has ended, as a sensor that reads files does. Also after a restart. */
void correlator_told(struct correlator *correlator, const struct observer *observer, int64_t through_ns, bool ended,
                     int64_t now_ns);

/* The sensor was heard. */
void correlator_heard(struct correlator *correlator, const char *sensor, int64_t now_ns);

/* Time has passed: decides what is decidable and gives up what has waited long enough. */
void correlator_run(struct correlator *correlator, int64_t now_ns, struct conclusions *conclusions);

/* Views waiting at a boundary. */
size_t correlator_waiting(const struct correlator *correlator, const char *boundary);

#endif
