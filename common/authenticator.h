/* SPDX-License-Identifier: Apache-2.0 */
/* ZAP (RFC 27) handler: one thread that answers libzmq's question "may this key come in?".
 *
 * A domain is a door's name ("intake", "publish", "answer"); which roles a door lets in is said in common/keys.c. The
 * user id of a let-in connection is the enrolled name: zmq_msg_gets(msg, "User-Id"). A refused peer is told nothing:
 * its connection closes and it goes on trying, so that enrolling it later is enough.
 * Refusals are counted by reason and reported through `refused`, on the handler's thread, at most once a minute per
 * address (the latest AUTHENTICATOR_ADDRESSES of them are remembered) and 30 times a minute in all.
 * Start it before the doors open, one to a ZeroMQ context, and stop it before the context ends. */
#ifndef PAVO_COMMON_AUTHENTICATOR_H
#define PAVO_COMMON_AUTHENTICATOR_H

#include <stdbool.h>
#include <stdint.h>
#include <zmq.h>

#include "common/keys.h"
#include "common/result.h"

/* Remembered for the limit on reports; full: the one silent longest makes room. */
#define AUTHENTICATOR_ADDRESSES 1024u

struct authenticator;
struct authenticator_counts {
    uint64_t accepted, refused_unknown, refused_role, refused_malformed;
};

/* `suppressed`: refusals, of this address and of others for which there was no room, that were not reported. */
typedef void authenticator_refused(void *context, const char *address, const char *door, const char *reason,
                                   uint64_t suppressed);

/* Takes *enrolled (sets it NULL) on success. `refused` may be NULL. */
MUST_CHECK enum result authenticator_start(void *zmq_context, struct enrolled **enrolled,
                                           authenticator_refused *refused, void *context,
                                           struct authenticator **ret_authenticator, struct error *err);

/* Takes a fresh list (SIGHUP). Any thread. Connections already open stay open: doors ask authenticator_admits
 * (or _knows) about each message, so that a revoked key is silenced at once. */
void authenticator_replace(struct authenticator *authenticator, struct enrolled **enrolled);

void authenticator_counts_get(struct authenticator *authenticator, struct authenticator_counts *ret_counts);

/* May this name still speak under this role? Any thread. */
bool authenticator_knows(struct authenticator *authenticator, enum key_role role, const char *name);

/* May the peer that sent this message still come through this door, with the very key it came in with? Stricter than
 * _knows: a name that was enrolled anew with another key silences the old one. Any thread. */
bool authenticator_admits(struct authenticator *authenticator, enum key_door door, zmq_msg_t *message,
                          enum key_role *ret_role);
/* The same of a name and a key (Z85) that were let in before. Any thread. */
bool authenticator_admits_key(struct authenticator *authenticator, enum key_door door, const char *name,
                              const char *key, enum key_role *ret_role);
/* The public key (Z85) of the peer that sent it; NULL: it came through no door. Borrowed from the message. */
const char *authenticator_key(zmq_msg_t *message);

/* As enrolled_sign_key, of the list of now. Any thread. */
bool authenticator_sign_key(struct authenticator *authenticator, const char *reader, uint8_t ret_key[static KEY_BYTES]);

void authenticator_stop(struct authenticator **authenticator);

#endif
