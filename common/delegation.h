/* SPDX-License-Identifier: Apache-2.0 */
/* Delegation: a reader lets a gateway ask in its place, by a signature over a challenge of the aggregator's.
 *
 *   gateway -> aggregator  question "challenge", reader          (over the gateway's own sealed connection)
 *   aggregator -> gateway  challenge                             names both, random, good for a short time
 *   gateway -> reader      challenge                             by whatever way: it is no secret
 *   reader -> gateway      signature, on the reader's own machine; says for how many seconds
 *   gateway -> aggregator  question "delegate", reader, challenge, signature
 *
 * Who overhears a signature cannot use it: the challenge in it names the gateway's key, and is taken once.
 * Texts are one line of printable ASCII with single spaces:
 *
 *   pavo-challenge 1 AGGREGATOR-Z85 GATEWAY GATEWAY-Z85 READER NONCE-hex EXPIRY    (RFC 3339, UTC)
 *   pavo-signature 1 SECONDS SIGNATURE-hex
 *
 * What is signed (Ed25519) is "pavo delegation 1", the challenge and SECONDS, with a line feed between each.
 * Pure; any thread. */
#ifndef PAVO_COMMON_DELEGATION_H
#define PAVO_COMMON_DELEGATION_H

#include <stdint.h>

#include "common/keys.h"
#include "common/result.h"

#define DELEGATION_NONCE_BYTES   32
#define DELEGATION_CHALLENGE_MAX 384   /* with the NUL */
#define DELEGATION_SIGNATURE_MAX 192   /* with the NUL */
#define DELEGATION_SECONDS_MAX   43200 /* longest delegation: half a day */

struct delegation_challenge {
    char aggregator[KEY_TEXT_SIZE]; /* public keys as Z85 */
    char gateway[SENSOR_NAME_MAX];
    char gateway_key[KEY_TEXT_SIZE];
    char reader[SENSOR_NAME_MAX];
    uint8_t nonce[DELEGATION_NONCE_BYTES];
    int64_t expires_ns; /* written in whole seconds, rounded down */
};

/* Returns `text`. The members must be what they say: names valid, keys Z85. */
const char *delegation_challenge_text(const struct delegation_challenge *challenge,
                                      char text[static DELEGATION_CHALLENGE_MAX]);
/* RESULT_REJECT: it is no challenge, and the sentence says where. Only the text as delegation_challenge_text writes it
 * is taken: what is signed is what was read. */
MUST_CHECK enum result delegation_challenge_parse(const char *text, struct delegation_challenge *ret_challenge,
                                                  struct error *err);

/* With a reader's keys. RESULT_REJECT: no reader's keys, a challenge of another aggregator's or for another reader,
 * `seconds` not in 1 .. DELEGATION_SECONDS_MAX. */
MUST_CHECK enum result delegation_sign(const struct keys *keys, const char *challenge, unsigned seconds,
                                       char ret_signature[static DELEGATION_SIGNATURE_MAX], struct error *err);

/* Did the reader with this signing key (enrolled_sign_key) sign the challenge, before it expired? Whether the challenge
 * is one of one's own, for this gateway, and not used before is the caller's to know. RESULT_REJECT with the reason. */
MUST_CHECK enum result delegation_verify(const uint8_t sign_public[static KEY_BYTES], const char *challenge,
                                         const char *signature, int64_t now_ns, unsigned *ret_seconds,
                                         struct error *err);

#endif
