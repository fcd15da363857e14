/* SPDX-License-Identifier: Apache-2.0 */
/* Delegation: what a reader signs is what it was asked, and nothing else verifies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/delegation.h"

/* Made by Python's hashlib and cryptography: see test_known_answer. */
#define KNOWN_SIGNATURE                                                                                                \
    "pavo-signature 1 600 "                                                                                            \
    "effe9f3cb5e595ce4c9b889343be32ddf8fac75485c819bb00313786011bace5"                                                 \
    "f392efa74e08bc715c8e76c2d35d42290f45ba2c08efd4bf6333148116605305"
#define NOW 1795392000000000000ll /* 2026-11-23T00:00:00Z */

static struct keys aggregator, reader, gateway;
static struct delegation_challenge asked;
static char challenge[DELEGATION_CHALLENGE_MAX];
static struct error err;

static int setup(void **state)
{
    (void)state;
    assert_int_equal(keys_make_aggregator(&aggregator, NULL), RESULT_OK);
    assert_int_equal(keys_make(&aggregator, KEY_ROLE_READER, "analyst", &reader, NULL), RESULT_OK);
    assert_int_equal(keys_make(&aggregator, KEY_ROLE_GATEWAY, "console", &gateway, NULL), RESULT_OK);
    asked = (struct delegation_challenge){.gateway = "console", .reader = "analyst", .expires_ns = NOW + 60 * NS_PER_S};
    memcpy(asked.aggregator, aggregator.public_key, KEY_TEXT_SIZE);
    memcpy(asked.gateway_key, gateway.public_key, KEY_TEXT_SIZE);
    for (unsigned i = 0; i < DELEGATION_NONCE_BYTES; i++)
        asked.nonce[i] = (uint8_t)(i * 9 + 1);
    delegation_challenge_text(&asked, challenge);
    return 0;
}

static void test_challenge_is_one_line_and_comes_back(void **state)
{
    (void)state;
    struct delegation_challenge read;
    assert_int_equal(delegation_challenge_parse(challenge, &read, &err), RESULT_OK);
    assert_memory_equal(&read, &asked, sizeof(read));
    for (const char *c = challenge; *c != '\0'; c++)
        assert_in_range(*c, ' ', '~');
    assert_null(strpbrk(challenge, "'\"\\")); /* so that a shell takes it in quotes */
    assert_non_null(strstr(challenge, " analyst "));
    assert_non_null(strstr(challenge, " 2026-11-23T00:01:00Z"));
    /* The longest names fit. */
    memset(asked.gateway, 'g', SENSOR_NAME_MAX - 1);
    memset(asked.reader, 'r', SENSOR_NAME_MAX - 1);
    char longest[DELEGATION_CHALLENGE_MAX];
    assert_int_equal(delegation_challenge_parse(delegation_challenge_text(&asked, longest), &read, &err), RESULT_OK);
    assert_memory_equal(&read, &asked, sizeof(read));
}

static void test_signed_is_verified(void **state)
{
    (void)state;
    char signature[DELEGATION_SIGNATURE_MAX];
    unsigned seconds = 0;
    assert_int_equal(delegation_sign(&reader, challenge, 3600, signature, &err), RESULT_OK);
    assert_int_equal(strncmp(signature, "pavo-signature 1 3600 ", 22), 0);
    if (delegation_verify(reader.sign_public, challenge, signature, NOW, &seconds, &err) != RESULT_OK)
        fail_msg("%s", err.text);
    assert_int_equal(seconds, 3600);
}

/* A known answer: with this secret key, this challenge and this time the signature is this one, in any program. */
static void test_known_answer(void **state)
{
    (void)state;
    struct keys known = {.role = KEY_ROLE_READER, .name = "analyst"};
    uint8_t secret[KEY_BYTES], public_key[KEY_BYTES], sign_secret[KEY_SIGN_SECRET_BYTES];
    static const char text[] =
        "pavo-challenge 1 rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7 console JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6 "
        "analyst 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f 2026-11-23T00:01:00Z";
    char signature[DELEGATION_SIGNATURE_MAX];
    memset(secret, 7, sizeof(secret));
    key_encode(secret, known.secret_key);
    memcpy(known.aggregator, "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7", KEY_TEXT_SIZE);
    assert_int_equal(keys_sign_pair(&known, public_key, sign_secret, &err), RESULT_OK);
    if (delegation_sign(&known, text, 600, signature, &err) != RESULT_OK)
        fail_msg("%s", err.text);
    assert_string_equal(signature, KNOWN_SIGNATURE);
}

static void test_other_challenges_are_not_signed(void **state)
{
    (void)state;
    char signature[DELEGATION_SIGNATURE_MAX] = "untouched", text[DELEGATION_CHALLENGE_MAX];
    struct keys other;
    struct delegation_challenge changed = asked;
    assert_int_equal(delegation_sign(&gateway, challenge, 60, signature, &err), RESULT_REJECT);
    assert_int_equal(keys_make(&aggregator, KEY_ROLE_READER, "other", &other, NULL), RESULT_OK);
    assert_int_equal(delegation_sign(&other, challenge, 60, signature, &err), RESULT_REJECT);
    assert_non_null(strstr(err.text, "for reader analyst"));
    assert_int_equal(keys_make(&aggregator, KEY_ROLE_SENSOR, "analyst", &other, NULL), RESULT_OK);
    assert_int_equal(delegation_sign(&other, challenge, 60, signature, &err), RESULT_REJECT);
    assert_non_null(strstr(err.text, "only a reader signs"));
    memcpy(changed.aggregator, gateway.public_key, KEY_TEXT_SIZE);
    assert_int_equal(delegation_sign(&reader, delegation_challenge_text(&changed, text), 60, signature, &err),
                     RESULT_REJECT);
    assert_non_null(strstr(err.text, "another aggregator"));
    assert_int_equal(delegation_sign(&reader, challenge, 0, signature, &err), RESULT_REJECT);
    assert_int_equal(delegation_sign(&reader, challenge, DELEGATION_SECONDS_MAX + 1, signature, &err), RESULT_REJECT);
    assert_string_equal(signature, "untouched");
}

static void test_damaged_challenges_are_refused(void **state)
{
    (void)state;
    struct delegation_challenge read = {.reader = "untouched"};
    char text[DELEGATION_CHALLENGE_MAX + 16];
    /* Every byte changed, and every length short of the whole. */
    for (size_t i = 0; challenge[i] != '\0'; i++) {
        strcpy(text, challenge);
        text[i] = text[i] == ' ' ? 'x' : ' ';
        assert_int_equal(delegation_challenge_parse(text, &read, &err), RESULT_REJECT);
        text[i] = '\0';
        assert_int_equal(delegation_challenge_parse(text, &read, &err), RESULT_REJECT);
    }
    snprintf(text, sizeof(text), "%s ", challenge);
    assert_int_equal(delegation_challenge_parse(text, &read, &err), RESULT_REJECT);
    snprintf(text, sizeof(text), "%s\n", challenge);
    assert_int_equal(delegation_challenge_parse(text, &read, &err), RESULT_REJECT);
    /* Another way to write the same time, or the same nonce, is another text. */
    snprintf(text, sizeof(text), "%.*s.0Z", (int)strlen(challenge) - 1, challenge);
    assert_int_equal(delegation_challenge_parse(text, &read, &err), RESULT_REJECT);
    strcpy(text, challenge);
    char *nonce = strstr(text, " analyst ") + 9;
    nonce[2] = 'A'; /* the nonce's second byte is 0x0a */
    nonce[3] = 'A';
    assert_int_equal(delegation_challenge_parse(text, &read, &err), RESULT_REJECT);
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(delegation_challenge_parse(text, &read, &err), RESULT_REJECT);
    assert_string_equal(read.reader, "untouched");
}

static void test_nothing_else_verifies(void **state)
{
    (void)state;
    char signature[DELEGATION_SIGNATURE_MAX], bad[DELEGATION_SIGNATURE_MAX + 8], text[DELEGATION_CHALLENGE_MAX];
    unsigned seconds = 12345;
    struct keys other;
    struct delegation_challenge changed = asked;
    assert_int_equal(delegation_sign(&reader, challenge, 3600, signature, &err), RESULT_OK);
    /* Another reader's key; another challenge; another time; too late. */
    assert_int_equal(keys_make(&aggregator, KEY_ROLE_READER, "analyst", &other, NULL), RESULT_OK);
    assert_int_equal(delegation_verify(other.sign_public, challenge, signature, NOW, &seconds, &err), RESULT_REJECT);
    changed.nonce[31] ^= 1;
    assert_int_equal(delegation_verify(reader.sign_public, delegation_challenge_text(&changed, text), signature, NOW,
                                       &seconds, &err),
                     RESULT_REJECT);
    snprintf(bad, sizeof(bad), "pavo-signature 1 7200%s", signature + 21);
    assert_int_equal(delegation_verify(reader.sign_public, challenge, bad, NOW, &seconds, &err), RESULT_REJECT);
    assert_non_null(strstr(err.text, "not reader analyst's"));
    assert_int_equal(delegation_verify(reader.sign_public, challenge, signature, asked.expires_ns, &seconds, &err),
                     RESULT_REJECT);
    assert_non_null(strstr(err.text, "expired"));
    /* Every byte changed. */
    for (size_t i = 0; signature[i] != '\0'; i++) {
        strcpy(bad, signature);
        bad[i] = bad[i] == '1' ? '2' : '1';
        assert_int_equal(delegation_verify(reader.sign_public, challenge, bad, NOW, &seconds, &err), RESULT_REJECT);
    }
    snprintf(bad, sizeof(bad), "%s0", signature);
    assert_int_equal(delegation_verify(reader.sign_public, challenge, bad, NOW, &seconds, &err), RESULT_REJECT);
    assert_int_equal(delegation_verify(reader.sign_public, challenge, "", NOW, &seconds, &err), RESULT_REJECT);
    assert_int_equal(seconds, 12345);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_challenge_is_one_line_and_comes_back, setup, NULL),
        cmocka_unit_test_setup_teardown(test_signed_is_verified, setup, NULL),
        cmocka_unit_test_setup_teardown(test_known_answer, setup, NULL),
        cmocka_unit_test_setup_teardown(test_other_challenges_are_not_signed, setup, NULL),
        cmocka_unit_test_setup_teardown(test_damaged_challenges_are_refused, setup, NULL),
        cmocka_unit_test_setup_teardown(test_nothing_else_verifies, setup, NULL),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
