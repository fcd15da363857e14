/* SPDX-License-Identifier: Apache-2.0 */
/* Challenges and sessions under virtual time: what they last, and how many there may be. */
#include "tests/unit/aggregator/support.h"

#include <sys/stat.h>
#include <zmq.h>

#include "aggregator/answer/sessions.h"

static struct error err;
static struct keys aggregator_keys, reader_keys;
static void *context;
static struct authenticator *authenticator;
static struct sessions *sessions;
static const struct asker console = {
    .role = KEY_ROLE_GATEWAY, .name = "console", .key = "0123456789012345678901234567890123456789"};
static const struct session_time start = {TEST_NOW, 1000 * NS_PER_S};

static int setup(void **state)
{
    struct enrolled *enrolled;
    if (directory_setup(state) != 0)
        return 1;
    assert_ok(keys_make_aggregator(&aggregator_keys, &err), err);
    assert_ok(keys_make(&aggregator_keys, KEY_ROLE_READER, "me", &reader_keys, &err), err);
    assert_ok(enrolled_add(test_directory, &reader_keys, &err), err);
    assert_ok(enrolled_read(test_directory, &enrolled, &err), err);
    context = zmq_ctx_new();
    assert_ok(authenticator_start(context, &enrolled, NULL, NULL, &authenticator, &err), err);
    sessions = sessions_new(authenticator, aggregator_keys.public_key);
    assert_non_null(sessions);
    return 0;
}

static int teardown(void **state)
{
    sessions_destroy(&sessions);
    authenticator_stop(&authenticator);
    zmq_ctx_term(context);
    return directory_teardown(state);
}

static struct session_time later(int64_t ns)
{
    return (struct session_time){start.wall_ns + ns, start.monotonic_ns + ns};
}

static struct asker gateway(unsigned number)
{
    struct asker asker = console;
    snprintf(asker.name, sizeof(asker.name), "gateway-%u", number);
    return asker;
}

static enum result challenge(const struct asker *asker, struct session_time now,
                             char text[static DELEGATION_CHALLENGE_MAX])
{
    int64_t expires = 0;
    enum result r = sessions_challenge(sessions, asker, "me", now, text, &expires, &err);
    if (r == RESULT_OK)
        assert_in_range(expires, now.wall_ns, now.wall_ns + CHALLENGE_NS);
    return r;
}

static enum result delegate(const struct asker *asker, const char *text, unsigned seconds, struct session_time now,
                            char session[static SESSION_SIZE], int64_t *ret_expires)
{
    char signature[DELEGATION_SIGNATURE_MAX];
    assert_ok(delegation_sign(&reader_keys, text, seconds, signature, &err), err);
    return sessions_delegate(sessions, asker, "me", text, signature, now, session, ret_expires, &err);
}

static void open_session(const struct asker *asker, unsigned seconds, char session[static SESSION_SIZE])
{
    char text[DELEGATION_CHALLENGE_MAX];
    int64_t expires;
    assert_ok(challenge(asker, start, text), err);
    assert_ok(delegate(asker, text, seconds, start, session, &expires), err);
}

static enum result check(const struct asker *asker, const char *session, int64_t ns)
{
    return sessions_check(sessions, asker, session, SESSION_SIZE - 1, start.monotonic_ns + ns, &err);
}

static void test_a_session_lasts_as_long_as_was_signed(void **state)
{
    (void)state;
    char session[SESSION_SIZE];
    open_session(&console, 600, session);
    assert_ok(check(&console, session, 600 * NS_PER_S - 1), err);
    assert_int_equal(check(&console, session, 600 * NS_PER_S), RESULT_REJECT);
    assert_int_equal(check(&console, session, 0), RESULT_REJECT); /* ended is ended */
}

static void test_a_session_lasts_twelve_hours_at_most(void **state)
{
    (void)state;
    char session[SESSION_SIZE];
    char text[DELEGATION_CHALLENGE_MAX];
    int64_t expires;
    assert_ok(challenge(&console, start, text), err);
    assert_ok(delegate(&console, text, DELEGATION_SECONDS_MAX, start, session, &expires), err);
    assert_int_equal(expires, start.wall_ns + 12 * 3600 * NS_PER_S);
    assert_ok(check(&console, session, 12 * 3600 * NS_PER_S - 1), err);
    assert_int_equal(check(&console, session, 12 * 3600 * NS_PER_S), RESULT_REJECT);
}

static void test_a_challenge_lasts_a_minute(void **state)
{
    (void)state;
    char session[SESSION_SIZE];
    char text[DELEGATION_CHALLENGE_MAX];
    int64_t expires;
    assert_ok(challenge(&console, start, text), err);
    assert_int_equal(delegate(&console, text, 60, later(CHALLENGE_NS), session, &expires), RESULT_REJECT);
    assert_ok(challenge(&console, start, text), err);
    assert_ok(delegate(&console, text, 60, later(CHALLENGE_NS - NS_PER_S), session, &expires), err);
}

/* A gateway that asks for more than its share loses its own oldest, and nobody else's. */
static void test_challenges_are_bounded(void **state)
{
    (void)state;
    char session[SESSION_SIZE];
    char first[DELEGATION_CHALLENGE_MAX], others[DELEGATION_CHALLENGE_MAX], text[DELEGATION_CHALLENGE_MAX];
    int64_t expires;
    const struct asker other = gateway(1000);
    assert_ok(challenge(&other, start, others), err);
    assert_ok(challenge(&console, start, first), err);
    for (unsigned i = 0; i < CHALLENGES_OF_GATEWAY_MAX; i++)
        assert_ok(challenge(&console, later(NS_PER_S), text), err);
    assert_int_equal(delegate(&console, first, 60, later(2 * NS_PER_S), session, &expires), RESULT_REJECT);
    assert_ok(delegate(&console, text, 60, later(2 * NS_PER_S), session, &expires), err);
    assert_ok(delegate(&other, others, 60, later(2 * NS_PER_S), session, &expires), err);
    /* Of all together there are so many; those whose time is over make room. */
    enum result r = RESULT_OK;
    for (unsigned i = 0; i <= CHALLENGES_MAX && r == RESULT_OK; i++) {
        const struct asker asker = gateway(i);
        r = challenge(&asker, later(3 * NS_PER_S), text);
    }
    assert_int_equal(r, RESULT_FULL);
    assert_ok(challenge(&other, later(CHALLENGE_NS + 3 * NS_PER_S), text), err);
}

static void test_sessions_are_bounded(void **state)
{
    (void)state;
    char session[SESSION_SIZE], last[SESSION_SIZE];
    char text[DELEGATION_CHALLENGE_MAX];
    int64_t expires;
    for (unsigned g = 0; g < SESSIONS_MAX / SESSIONS_OF_GATEWAY_MAX; g++) {
        const struct asker asker = gateway(g);
        for (unsigned i = 0; i < SESSIONS_OF_GATEWAY_MAX; i++)
            open_session(&asker, 60, last);
        assert_ok(challenge(&asker, start, text), err);
        assert_int_equal(delegate(&asker, text, 60, start, session, &expires), RESULT_FULL);
        assert_non_null(strstr(err.text, "256 sessions"));
        assert_ok(check(&asker, last, 1), err);
    }
    assert_ok(challenge(&console, start, text), err);
    assert_int_equal(delegate(&console, text, 60, start, session, &expires), RESULT_FULL);
    assert_non_null(strstr(err.text, "1024 sessions"));
    /* When they are over there is room. */
    assert_ok(challenge(&console, later(61 * NS_PER_S), text), err);
    assert_ok(delegate(&console, text, 60, later(61 * NS_PER_S), session, &expires), err);
}

#define SESSION_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SESSION_TEST(test_a_session_lasts_as_long_as_was_signed),
        SESSION_TEST(test_a_session_lasts_twelve_hours_at_most),
        SESSION_TEST(test_a_challenge_lasts_a_minute),
        SESSION_TEST(test_challenges_are_bounded),
        SESSION_TEST(test_sessions_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
