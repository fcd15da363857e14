/* SPDX-License-Identifier: Apache-2.0 */
/* Challenges and signatures as lines of text. */
#include "common/delegation.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/when.h"

#define CHALLENGE_HEAD  "pavo-challenge 1 "
#define SIGNATURE_HEAD  "pavo-signature 1 "
#define CHALLENGE_WORDS 6 /* behind the head */

const char *delegation_challenge_text(const struct delegation_challenge *challenge,
                                      char text[static DELEGATION_CHALLENGE_MAX])
{
    char nonce[DELEGATION_NONCE_BYTES * 2 + 1], expiry[TIME_TEXT_MAX];
    time_t seconds = challenge->expires_ns / NS_PER_S;
    struct tm broken;
    sodium_bin2hex(nonce, sizeof(nonce), challenge->nonce, sizeof(challenge->nonce));
    strftime(expiry, sizeof(expiry), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &broken));
    snprintf(text, DELEGATION_CHALLENGE_MAX, CHALLENGE_HEAD "%s %s %s %s %s %s", challenge->aggregator,
             challenge->gateway, challenge->gateway_key, challenge->reader, nonce, expiry);
    return text;
}

/* Exactly 2 * count hexadecimal digits. */
static bool hex_parse(const char *text, uint8_t *to, size_t count)
{
    size_t length;
    return strlen(text) == 2 * count && sodium_hex2bin(to, count, text, 2 * count, NULL, &length, NULL) == 0 &&
           length == count;
}

static bool key_take(const char *word, char to[static KEY_TEXT_SIZE])
{
    uint8_t key[KEY_BYTES];
    if (!key_decode(word, key))
        return false;
    memcpy(to, word, KEY_TEXT_SIZE);
    return true;
}

static bool name_take(const char *word, char to[static SENSOR_NAME_MAX])
{
    if (!sensor_name_valid(word))
        return false;
    memcpy(to, word, strlen(word) + 1);
    return true;
}

/* Cuts what stands behind the head into words by single spaces; false unless there are exactly so many. */
static bool cut(char *text, char *words[static CHALLENGE_WORDS])
{
    for (unsigned i = 0; i < CHALLENGE_WORDS; i++) {
        words[i] = text;
        text = strchr(text, ' ');
        if ((text == NULL) != (i == CHALLENGE_WORDS - 1))
            return false;
        if (text != NULL)
            *text++ = '\0';
    }
    return true;
}

static bool time_take(const char *word, int64_t *ret_ns)
{
    struct when when;
    if (when_parse(word, NULL, &when, NULL, NULL) != RESULT_OK)
        return false;
    *ret_ns = when.from_ns;
    return true;
}

enum result delegation_challenge_parse(const char *text, struct delegation_challenge *ret_challenge, struct error *err)
{
    enum { AGGREGATOR, GATEWAY, GATEWAY_KEY, READER, NONCE, EXPIRY };
    struct delegation_challenge made = {0};
    char copy[DELEGATION_CHALLENGE_MAX], again[DELEGATION_CHALLENGE_MAX], *words[CHALLENGE_WORDS];
    size_t head = sizeof(CHALLENGE_HEAD) - 1;
    if (strnlen(text, sizeof(copy)) == sizeof(copy) || strncmp(text, CHALLENGE_HEAD, head) != 0)
        return error_set(err, RESULT_REJECT, "this is no challenge: one begins with \"" CHALLENGE_HEAD "\"");
    strcpy(copy, text + head);
    const char *wrong = NULL;
    if (!cut(copy, words))
        wrong = "it has not the eight words of one";
    else if (!key_take(words[AGGREGATOR], made.aggregator) || !key_take(words[GATEWAY_KEY], made.gateway_key))
        wrong = "a key in it is not of 40 Z85 characters";
    else if (!name_take(words[GATEWAY], made.gateway) || !name_take(words[READER], made.reader))
        wrong = "a name in it is none";
    else if (!hex_parse(words[NONCE], made.nonce, sizeof(made.nonce)))
        wrong = "its nonce is not of 64 hexadecimal digits";
    else if (!time_take(words[EXPIRY], &made.expires_ns) || strcmp(delegation_challenge_text(&made, again), text) != 0)
        wrong = "it is not written as an aggregator writes it";
    if (wrong != NULL)
        return error_set(err, RESULT_REJECT, "the challenge is damaged (%s): copy it whole, as one line", wrong);
    *ret_challenge = made;
    return RESULT_OK;
}

/* What the signature is over. Returns its length. */
#define SIGNED_MAX (DELEGATION_CHALLENGE_MAX + 64)
static size_t signed_text(const char *challenge, unsigned seconds, char text[static SIGNED_MAX])
{
    return (size_t)snprintf(text, SIGNED_MAX, "pavo delegation 1\n%s\n%u", challenge, seconds);
}

enum result delegation_sign(const struct keys *keys, const char *challenge, unsigned seconds,
                            char ret_signature[static DELEGATION_SIGNATURE_MAX], struct error *err)
{
    struct delegation_challenge asked;
    uint8_t public_key[KEY_BYTES], secret[KEY_SIGN_SECRET_BYTES], signature[crypto_sign_BYTES];
    char text[SIGNED_MAX], hex[sizeof(signature) * 2 + 1];
    if (sodium_init() < 0)
        return error_set(err, RESULT_FATAL, "libsodium does not start: no source of random numbers");
    enum result r = delegation_challenge_parse(challenge, &asked, err);
    if (r != RESULT_OK)
        return r;
    if (strcmp(asked.aggregator, keys->aggregator) != 0)
        return error_set(err, RESULT_REJECT, "the challenge is of another aggregator than the one this key belongs to");
    if (strcmp(asked.reader, keys->name) != 0)
        return error_set(err, RESULT_REJECT, "the challenge is for reader %s, and this is the key of %s", asked.reader,
                         keys->name);
    if (seconds == 0 || seconds > DELEGATION_SECONDS_MAX)
        return error_set(err, RESULT_REJECT, "a delegation lasts 1 to %u seconds, not %u", DELEGATION_SECONDS_MAX,
                         seconds);
    r = keys_sign_pair(keys, public_key, secret, err);
    if (r != RESULT_OK)
        return r;
    size_t length = signed_text(challenge, seconds, text);
    crypto_sign_detached(signature, NULL, (const uint8_t *)text, length, secret);
    sodium_memzero(secret, sizeof(secret));
    sodium_bin2hex(hex, sizeof(hex), signature, sizeof(signature));
    snprintf(ret_signature, DELEGATION_SIGNATURE_MAX, SIGNATURE_HEAD "%u %s", seconds, hex);
    return RESULT_OK;
}

/* "pavo-signature 1 SECONDS HEX", as delegation_sign writes it. */
static bool signature_parse(const char *text, unsigned *ret_seconds, uint8_t ret_signature[static crypto_sign_BYTES])
{
    size_t head = sizeof(SIGNATURE_HEAD) - 1, digits;
    if (strncmp(text, SIGNATURE_HEAD, head) != 0)
        return false;
    text += head;
    digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 9 || text[0] == '0' || text[digits] != ' ' ||
        !hex_parse(text + digits + 1, ret_signature, crypto_sign_BYTES))
        return false;
    *ret_seconds = (unsigned)strtoul(text, NULL, 10);
    return true;
}

enum result delegation_verify(const uint8_t sign_public[static KEY_BYTES], const char *challenge, const char *signature,
                              int64_t now_ns, unsigned *ret_seconds, struct error *err)
{
    struct delegation_challenge asked;
    uint8_t raw[crypto_sign_BYTES];
    char text[SIGNED_MAX];
    unsigned seconds;
    if (sodium_init() < 0)
        return error_set(err, RESULT_FATAL, "libsodium does not start: no source of random numbers");
    enum result r = delegation_challenge_parse(challenge, &asked, err);
    if (r != RESULT_OK)
        return r;
    if (now_ns >= asked.expires_ns)
        return error_set(err, RESULT_REJECT, "the challenge has expired: ask for another one");
    if (!signature_parse(signature, &seconds, raw))
        return error_set(err, RESULT_REJECT, "this is no signature: one is \"" SIGNATURE_HEAD "SECONDS HEX\"");
    if (seconds > DELEGATION_SECONDS_MAX)
        return error_set(err, RESULT_REJECT, "a delegation lasts 1 to %u seconds, not %u", DELEGATION_SECONDS_MAX,
                         seconds);
    size_t length = signed_text(challenge, seconds, text);
    if (crypto_sign_verify_detached(raw, (const uint8_t *)text, length, sign_public) != 0)
        return error_set(err, RESULT_REJECT, "the signature is not reader %s's over this challenge", asked.reader);
    *ret_seconds = seconds;
    return RESULT_OK;
}
