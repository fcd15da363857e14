/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the question investigate: what the store is read for (read.c), what is said (say.c), and the order of the
 * steps (investigate.c). The steps themselves are pure, and have headers of their own. */
#ifndef PAVO_AGGREGATOR_ANSWER_INVESTIGATE_H
#define PAVO_AGGREGATOR_ANSWER_INVESTIGATE_H

#include "aggregator/answer/investigate/callbacks.h"
#include "aggregator/answer/investigate/fetches.h"
#include "aggregator/answer/investigate/logins.h"
#include "aggregator/answer/investigate/onset.h"
#include "aggregator/answer/investigate/touch.h"
#include "aggregator/answer/work.h"
#include "aggregator/commit.h"

#define INVESTIGATE_RECORDS_MAX  150000u /* of one host, the newest */
#define INVESTIGATE_TOUCHES_MAX  50000u  /* of all remote addresses together */
#define INVESTIGATE_REMOTES_MAX  24u     /* remote addresses looked up */
#define INVESTIGATE_FOLLOWED_MAX 4096u   /* flows whose other views are looked for */
#define INVESTIGATE_HOSTS_MAX    4u      /* other hosts looked at as the first was */

/* What the store holds of one host in a time. */
struct past {
    struct address host;
    int64_t from_ns, to_ns;   /* looked at; from_ns is where the store, or what was read of it, begins */
    struct contact *contacts; /* owned; in the order of their beginnings */
    size_t count;
    size_t charged; /* bytes */
};

struct finding;

struct inquiry {
    struct work *work;
    int64_t from_ns, to_ns;     /* the time that is looked at */
    struct observer *observers; /* owned; lives of sensors, by the contacts' numbers */
    size_t observer_count;
    struct touch *touches; /* owned */
    size_t touch_count;
    size_t touch_charged;
    struct finding *findings; /* owned; FINDINGS_MAX at most */
    size_t finding_count;
    bool cut; /* more than a limit was there */
};

void inquiry_fini(struct inquiry *inquiry);

/* ---- read.c */

MUST_CHECK enum result past_read(struct inquiry *inquiry, struct address host, int64_t from_ns, int64_t to_ns,
                                 struct past *ret_past, struct error *err);
void past_fini(struct inquiry *inquiry, struct past *past);

/* The flows of remote addresses with anybody in a time, in place of those before; each end at an outside sensor is the
 * inside one where it is linked. */
MUST_CHECK enum result touches_read(struct inquiry *inquiry, const struct address *remotes, size_t count,
                                    int64_t from_ns, int64_t to_ns, struct error *err);

/* The responder of one of the host's contacts behind all boundaries that it is linked across: its end and the sensor
 * that saw it there. False in *ret_known: it is linked across none that changed it. */
struct behind {
    struct endpoint end;
    char sensor[OBSERVER_NAME_MAX];
    char boundary[BOUNDARY_NAME_MAX]; /* the last */
    bool known;
};
MUST_CHECK enum result behind_find(struct inquiry *inquiry, const struct contact *contact, struct behind *ret_behind,
                                   struct error *err);

/* ---- say.c */

#define INVESTIGATE_STEPS(X)                                                                                           \
    X(onset, "when the host began to scan, and how unlikely that is to be chance")                                     \
    X(past, "what it did of that kind before")                                                                         \
    X(login, "who came in before the onset")                                                                           \
    X(fetch, "what it fetched after that from peers that nobody knew")                                                 \
    X(entry, "what the scan got into")                                                                                 \
    X(spread, "whom those remote addresses were in touch with beside it")                                              \
    X(changed, "what began there after that")                                                                          \
    X(callback, "what it has called regularly since")                                                                  \
    X(nothing, "a step that found nothing")
enum investigate_step {
#define X(name, doc) STEP_##name,
    INVESTIGATE_STEPS(X)
#undef X
        STEP_COUNT
};

const struct record_kind *investigate_columns(void);

#define SENTENCE_MAX 640u
#define COMMAND_MAX  320u
#define FINDINGS_MAX 64u

/* A row; its coverage is that of [from, to). */
struct finding {
    enum investigate_step step;
    int64_t time;
    double score;
    char sentence[SENTENCE_MAX];
    char command[COMMAND_MAX];
    struct address host, peer; /* peer zeros: none */
    uint8_t protocol;
    uint16_t port;
    uint32_t connections;
    char sensor[OBSERVER_NAME_MAX]; /* "": none */
    int64_t from_ns, to_ns;
};
/* Keeps it; findings_send sends all, by time. */
MUST_CHECK enum result finding_add(struct inquiry *inquiry, const struct finding *finding, struct error *err);
MUST_CHECK enum result findings_send(struct inquiry *inquiry, struct error *err);

/* What is said of each; the rest of the row with it. */
void say_onset(struct finding *f, struct address host, const struct onset *onset);
void say_past(struct finding *f, struct address host, const struct onset *onset, const struct past *past);
void say_login(struct finding *f, struct address host, const struct login *login, int64_t onset_ns);
void say_fetch(struct finding *f, struct address host, const struct fetch *fetch, size_t known,
               const struct contact *login, int64_t onset_ns); /* login NULL: none */
void say_entry(struct finding *f, struct address host, const struct contact *entry, const struct behind *behind);
void say_spread(struct finding *f, struct address host, const struct spread *spread, const char *sensor);
void say_tried(struct finding *f, size_t tried, const struct address *remotes, size_t count, int64_t from_ns,
               int64_t to_ns);
void say_changed(struct finding *f, struct address host, struct address from, const struct onset *onset,
                 int64_t touched_ns);
void say_callback(struct finding *f, struct address host, const struct callback *callback, size_t known);
void say_nothing(struct finding *f, enum investigate_step of, struct address host, const struct past *past,
                 int64_t from_ns, int64_t to_ns);

#endif
