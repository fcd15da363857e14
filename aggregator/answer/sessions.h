/* SPDX-License-Identifier: Apache-2.0 */
/* Delegated sessions: gateways that may ask in a reader's place for a while (common/delegation.h).
 *
 * In memory: a new start of the aggregator ends them all. A session belongs to the name and key of the gateway that
 * opened it; it ends with its time, and when the reader is revoked or has another key, which every question in it asks
 * the authenticator. (A gateway that is revoked is not let in at the door.) Any thread. */
#ifndef PAVO_AGGREGATOR_ANSWER_SESSIONS_H
#define PAVO_AGGREGATOR_ANSWER_SESSIONS_H

#include <stddef.h>
#include <stdint.h>

#include "aggregator/peers.h"
#include "common/authenticator.h"
#include "common/delegation.h"
#include "common/keys.h"
#include "common/result.h"

#define SESSIONS_MAX              1024u
#define SESSIONS_OF_GATEWAY_MAX   256u
#define SESSION_SIZE              65u /* a session as text, 64 hexadecimal digits and the NUL */
#define CHALLENGES_MAX            256u
#define CHALLENGES_OF_GATEWAY_MAX 64u /* beyond that its oldest makes room */
#define CHALLENGE_NS              (60ll * 1000000000)

/* Time of day for what is told and signed, monotonic time for what ends. */
struct session_time {
    int64_t wall_ns, monotonic_ns;
};

struct sessions;

/* `aggregator_key` is the aggregator's public key, Z85. NULL: out of memory. */
struct sessions *sessions_new(struct authenticator *authenticator, const char *aggregator_key);
void sessions_destroy(struct sessions **sessions);

/* A challenge for the reader to sign. RESULT_REJECT: no such reader. RESULT_FULL: CHALLENGES_MAX are open. */
MUST_CHECK enum result sessions_challenge(struct sessions *sessions, const struct asker *gateway, const char *reader,
                                          struct session_time now, char ret_text[static DELEGATION_CHALLENGE_MAX],
                                          int64_t *ret_expires_ns, struct error *err);

/* Opens a session with a challenge of this gateway's, which is used up whether or not the signature is right.
 * RESULT_REJECT: the sentence says why; RESULT_FULL: too many sessions. */
MUST_CHECK enum result sessions_delegate(struct sessions *sessions, const struct asker *gateway, const char *reader,
                                         const char *challenge, const char *signature, struct session_time now,
                                         char ret_session[static SESSION_SIZE], int64_t *ret_expires_ns,
                                         struct error *err);

/* May this gateway ask in this session (the text, without a NUL)? RESULT_REJECT: the sentence says why not. */
MUST_CHECK enum result sessions_check(struct sessions *sessions, const struct asker *gateway, const void *session,
                                      size_t length, int64_t monotonic_ns, struct error *err);

#endif
