/* SPDX-License-Identifier: Apache-2.0 */
/* The speaker's half of the intake protocol (docs/protocol.md), and what it holds until acknowledged. Pure: messages,
 * events of the connection and the time come in, what to send next goes out. One thread.
 *
 * A connection is up when its handshake is done; it is welcomed when a Welcome has come over it, and only then do
 * batches go out, as many as the credit allows. Every hello_ns a Hello; after SESSION_HELLOS without a word from the
 * other end, or as long without a connection, the socket is to be built anew. */
#ifndef PAVO_COMMON_SPEAK_SESSION_H
#define PAVO_COMMON_SPEAK_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/speak/held.h"
#include "common/speak/losses.h"

struct former;

#define SESSION_HELLOS        3
#define SESSION_EXCHANGES     8               /* Hello/Welcome pairs the clock offset is chosen from */
#define SESSION_CLOCK_STEP_NS (NS_PER_S / 10) /* our own clock was set by more than this: older exchanges are void */
#define SESSION_LOSS_WAIT_NS  NS_PER_S        /* losses wait this long for a batch to go with, then get their own */

/* How fast it goes. */
struct session_pace {
    int64_t hello_ns;
    int64_t resend_ns;     /* a batch unacknowledged after this is sent again, and the wait doubled ... */
    int64_t resend_max_ns; /* ... up to this */
};
#define SESSION_PACE_DEFAULT                                                                                           \
    ((struct session_pace){.hello_ns = 5 * NS_PER_S, .resend_ns = 5 * NS_PER_S, .resend_max_ns = 60 * NS_PER_S})

struct session_options {
    const char *sensor, *software; /* borrowed; who speaks */
    uint64_t epoch;
    const uint8_t *seal_public; /* borrowed: for what earlier lives lost. NULL: there are none */
    uint64_t held_max;          /* bytes */
    struct session_pace pace;
};

/* Both clocks at one moment. */
struct moment {
    int64_t monotonic_ns; /* for waiting */
    int64_t wall_ns;      /* for comparing with the aggregator's */
};

struct session_counts {
    uint64_t records_acknowledged, records_lost;
    uint64_t batches_made, batches_resent, batches_rejected;
    uint64_t bytes_sent;
    uint64_t reconnects;     /* connections made after the first */
    uint64_t frames_garbled; /* received and not understood */
};

struct session_clock {
    bool known;
    int64_t offset_ns; /* aggregator's minus ours */
    int64_t error_ns;  /* half the round trip it was found with */
};

enum session_action {
    SESSION_WAIT,    /* nothing to send before *ret_until */
    SESSION_HELLO,   /* send session_hello(), then session_hello_sent() */
    SESSION_BATCH,   /* send *ret_batch, then session_batch_sent() */
    SESSION_REBUILD, /* close the socket, make a new one, then session_rebuilt() */
};

struct session;
/* NULL: out of memory. */
struct session *session_new(const struct session_options *options, int64_t now);
void session_destroy(struct session **session);

/* Takes an earlier life; the older comes first. Its batches go out before all others and belong to its own books: no
 * count here has them. RESULT_FATAL: out of memory, and it stays the caller's. */
MUST_CHECK enum result session_inherit(struct session *session, struct former **former);
/* They stay the session's; in the order they came. NULL beyond the last. */
struct former *session_former(const struct session *session, size_t index);
/* Takes out one that has nothing held any more, for the caller to destroy. NULL: there is none. */
struct former *session_disown(struct session *session);

/* The connection's handshake is done; the connection is gone; the socket is new. */
void session_up(struct session *session, int64_t now);
void session_down(struct session *session, int64_t now);
void session_rebuilt(struct session *session, int64_t now);

/* A frame from the aggregator. */
void session_receive(struct session *session, const void *frame, size_t length, struct moment now);

/* What is to be done now. Never the same twice unless time passes or the _sent function was not called. */
enum session_action session_next(struct session *session, int64_t now, struct held_batch **ret_batch,
                                 int64_t *ret_until);
/* RESULT_FATAL: out of memory. */
MUST_CHECK enum result session_hello(const struct session *session, struct moment now, struct bytes *ret_frame);
void session_hello_sent(struct session *session, struct moment now);
void session_batch_sent(struct session *session, struct held_batch *batch, int64_t now);

/* The sequence of the batch to be made next, and the losses it is to tell of. Making a batch is
 *   session_supersede (only for one without records of the books), session_losses, encode, session_made, session_hold.
 */
uint64_t session_next_sequence(const struct session *session);
const struct losses *session_losses(const struct session *session);
void session_supersede(struct session *session);
void session_made(struct session *session);

/* Takes the batch made. When it does not fit: patient, RESULT_FULL, and the batch stays the caller's to come again
 * with; else the oldest are given up for it and become losses. */
MUST_CHECK enum result session_hold(struct session *session, struct held_batch **batch, bool patient, int64_t now);

/* Something is gone. */
void session_lose(struct session *session, const struct pending_loss *loss, int64_t now);
/* ... that was counted as records submitted. */
void session_lose_records(struct session *session, const struct pending_loss *loss, int64_t now);

/* When the losses that wait should go in a batch of their own (INT64_MAX: none wait). */
int64_t session_losses_due(const struct session *session);

const struct session_counts *session_counts(const struct session *session);
const struct held *session_held(const struct session *session);
struct session_clock session_clock(const struct session *session);
bool session_connected(const struct session *session);

#endif
