/* SPDX-License-Identifier: Apache-2.0 */
/* Challenges and sessions in two tables. */
#include "aggregator/answer/sessions.h"

#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

struct challenge {
    char text[DELEGATION_CHALLENGE_MAX]; /* "": a free place */
    struct asker gateway;
    char reader[SENSOR_NAME_MAX];
    int64_t ends_ns; /* monotonic */
};

struct session {
    char text[SESSION_SIZE];
    struct asker gateway;
    char reader[SENSOR_NAME_MAX]; /* "": a free place */
    uint8_t sign_key[KEY_BYTES];  /* the reader's, when it signed */
    int64_t ends_ns;              /* monotonic */
};

struct sessions {
    struct authenticator *authenticator;
    char aggregator_key[KEY_TEXT_SIZE];
    pthread_mutex_t lock; /* of the tables */
    struct challenge challenges[CHALLENGES_MAX];
    struct session sessions[SESSIONS_MAX];
};

struct sessions *sessions_new(struct authenticator *authenticator, const char *aggregator_key)
{
    struct sessions *s = sodium_init() < 0 ? NULL : calloc(1, sizeof(*s));
    if (s == NULL)
        return NULL;
    s->authenticator = authenticator;
    snprintf(s->aggregator_key, sizeof(s->aggregator_key), "%s", aggregator_key);
    pthread_mutex_init(&s->lock, NULL);
    return s;
}

void sessions_destroy(struct sessions **sessions)
{
    struct sessions *s = *sessions;
    if (s == NULL)
        return;
    pthread_mutex_destroy(&s->lock);
    sodium_memzero(s->sessions, sizeof(s->sessions));
    free(s);
    *sessions = NULL;
}

static bool same_gateway(const struct asker *a, const struct asker *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->key, b->key) == 0;
}

/* ---- challenges */

/* A place for one more challenge of this gateway's. NULL: the table is full of others'. */
static struct challenge *challenge_place(struct sessions *s, const struct asker *gateway, int64_t now_ns)
{
    struct challenge *place = NULL, *oldest = NULL;
    unsigned own = 0;
    for (unsigned i = 0; i < CHALLENGES_MAX; i++) {
        struct challenge *c = &s->challenges[i];
        if (c->text[0] != '\0' && now_ns >= c->ends_ns)
            *c = (struct challenge){0};
        if (c->text[0] == '\0') {
            place = c;
        } else if (same_gateway(&c->gateway, gateway)) {
            own++;
            oldest = oldest == NULL || c->ends_ns < oldest->ends_ns ? c : oldest;
        }
    }
    return own >= CHALLENGES_OF_GATEWAY_MAX ? oldest : place;
}

enum result sessions_challenge(struct sessions *s, const struct asker *gateway, const char *reader,
                               struct session_time now, char ret_text[static DELEGATION_CHALLENGE_MAX],
                               int64_t *ret_expires_ns, struct error *err)
{
    struct delegation_challenge made = {.expires_ns = (now.wall_ns + CHALLENGE_NS) / NS_PER_S * NS_PER_S};
    if (!sensor_name_valid(reader) || !authenticator_knows(s->authenticator, KEY_ROLE_READER, reader))
        return error_set(err, RESULT_REJECT, "no reader is enrolled as '%.64s'", reader);
    snprintf(made.aggregator, sizeof(made.aggregator), "%s", s->aggregator_key);
    snprintf(made.gateway, sizeof(made.gateway), "%s", gateway->name);
    snprintf(made.gateway_key, sizeof(made.gateway_key), "%s", gateway->key);
    snprintf(made.reader, sizeof(made.reader), "%s", reader);
    randombytes_buf(made.nonce, sizeof(made.nonce));
    pthread_mutex_lock(&s->lock);
    struct challenge *place = challenge_place(s, gateway, now.monotonic_ns);
    if (place != NULL) {
        *place = (struct challenge){.gateway = *gateway, .ends_ns = now.monotonic_ns + CHALLENGE_NS};
        memcpy(place->reader, made.reader, sizeof(place->reader));
        delegation_challenge_text(&made, place->text);
        memcpy(ret_text, place->text, sizeof(place->text));
        *ret_expires_ns = made.expires_ns;
    }
    pthread_mutex_unlock(&s->lock);
    return place != NULL
               ? RESULT_OK
               : error_set(err, RESULT_FULL, "%u challenges are waiting for a signature: ask again in a minute",
                           CHALLENGES_MAX);
}

/* Under the lock. Takes the challenge out of the table, if it is there for this gateway and reader. */
static bool challenge_take(struct sessions *s, const struct asker *gateway, const char *reader, const char *text,
                           int64_t now_ns)
{
    for (unsigned i = 0; i < CHALLENGES_MAX; i++) {
        struct challenge *c = &s->challenges[i];
        if (c->text[0] == '\0' || strcmp(c->text, text) != 0 || !same_gateway(&c->gateway, gateway))
            continue;
        bool good = now_ns < c->ends_ns && strcmp(c->reader, reader) == 0;
        *c = (struct challenge){0};
        return good;
    }
    return false;
}

/* ---- sessions */

/* Under the lock. A place for one more of this gateway's; NULL: there is none, and *ret_own are its own. */
static struct session *session_place(struct sessions *s, const struct asker *gateway, int64_t now_ns, unsigned *ret_own)
{
    struct session *place = NULL;
    unsigned own = 0;
    for (unsigned i = 0; i < SESSIONS_MAX; i++) {
        struct session *session = &s->sessions[i];
        if (session->reader[0] != '\0' && now_ns >= session->ends_ns)
            sodium_memzero(session, sizeof(*session));
        if (session->reader[0] == '\0')
            place = session;
        else if (same_gateway(&session->gateway, gateway))
            own++;
    }
    *ret_own = own;
    return own >= SESSIONS_OF_GATEWAY_MAX ? NULL : place;
}

static enum result open_session(struct sessions *s, const struct session *session, int64_t now_ns, struct error *err)
{
    unsigned own;
    pthread_mutex_lock(&s->lock);
    struct session *place = session_place(s, &session->gateway, now_ns, &own);
    if (place != NULL)
        *place = *session;
    pthread_mutex_unlock(&s->lock);
    if (place != NULL)
        return RESULT_OK;
    return own >= SESSIONS_OF_GATEWAY_MAX
               ? error_set(err, RESULT_FULL,
                           "gateway %s has %u sessions open, as many as one may have: wait until one ends",
                           session->gateway.name, own)
               : error_set(err, RESULT_FULL, "%u sessions are open, as many as there may be: wait until one ends",
                           SESSIONS_MAX);
}

enum result sessions_delegate(struct sessions *s, const struct asker *gateway, const char *reader,
                              const char *challenge, const char *signature, struct session_time now,
                              char ret_session[static SESSION_SIZE], int64_t *ret_expires_ns, struct error *err)
{
    struct session made = {.gateway = *gateway};
    uint8_t random[(SESSION_SIZE - 1) / 2];
    unsigned seconds;
    pthread_mutex_lock(&s->lock);
    bool known = challenge_take(s, gateway, reader, challenge, now.monotonic_ns);
    pthread_mutex_unlock(&s->lock);
    if (!known)
        return error_set(
            err, RESULT_REJECT,
            "this is no open challenge of this gateway for reader '%.64s': one is good for %lld seconds and "
            "for one attempt; ask for another one",
            reader, CHALLENGE_NS / NS_PER_S);
    if (!authenticator_sign_key(s->authenticator, reader, made.sign_key))
        return error_set(err, RESULT_REJECT, "no reader is enrolled as '%.64s'", reader);
    enum result r = delegation_verify(made.sign_key, challenge, signature, now.wall_ns, &seconds, err);
    if (r != RESULT_OK)
        return r;
    int64_t lasts = seconds * NS_PER_S;
    made.ends_ns = now.monotonic_ns + lasts;
    snprintf(made.reader, sizeof(made.reader), "%s", reader);
    randombytes_buf(random, sizeof(random));
    sodium_bin2hex(made.text, sizeof(made.text), random, sizeof(random));
    r = open_session(s, &made, now.monotonic_ns, err);
    if (r == RESULT_OK) {
        memcpy(ret_session, made.text, sizeof(made.text));
        *ret_expires_ns = now.wall_ns + lasts;
    }
    sodium_memzero(&made, sizeof(made));
    sodium_memzero(random, sizeof(random));
    return r;
}

/* Under the lock. */
static struct session *session_find(struct sessions *s, const struct asker *gateway, const char *text)
{
    for (unsigned i = 0; i < SESSIONS_MAX; i++) {
        struct session *session = &s->sessions[i];
        if (session->reader[0] != '\0' && sodium_memcmp(session->text, text, SESSION_SIZE - 1) == 0)
            return same_gateway(&session->gateway, gateway) ? session : NULL;
    }
    return NULL;
}

enum result sessions_check(struct sessions *s, const struct asker *gateway, const void *text, size_t length,
                           int64_t monotonic_ns, struct error *err)
{
    uint8_t key[KEY_BYTES];
    const char *why = "is not open for this gateway";
    if (length != SESSION_SIZE - 1)
        return error_set(err, RESULT_REJECT, "a session is %u characters, not %zu", SESSION_SIZE - 1, length);
    pthread_mutex_lock(&s->lock);
    struct session *session = session_find(s, gateway, text);
    bool open = false;
    if (session != NULL && monotonic_ns >= session->ends_ns)
        why = "has ended, its time is over";
    else if (session != NULL && (!authenticator_sign_key(s->authenticator, session->reader, key) ||
                                 memcmp(key, session->sign_key, sizeof(key)) != 0))
        why = "has ended, for its reader is no longer enrolled";
    else
        open = session != NULL;
    if (session != NULL && !open)
        sodium_memzero(session, sizeof(*session));
    pthread_mutex_unlock(&s->lock);
    return open ? RESULT_OK
                : error_set(err, RESULT_REJECT, "this session %s: ask 'challenge' and 'delegate' again", why);
}
