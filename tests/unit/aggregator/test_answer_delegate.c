/* SPDX-License-Identifier: Apache-2.0 */
/* Delegated sessions at the door of a whole aggregator: a gateway asks in a reader's place, and nobody else does. */
#include "tests/unit/aggregator/stage.h"

#include <time.h>

#include "aggregator/answer/sessions.h"
#include "common/delegation.h"

static struct keys gateway_keys, other_keys;

static int setup(void **state)
{
    if (stage_setup(state) != 0)
        return 1;
    enrol(KEY_ROLE_GATEWAY, "console", &gateway_keys);
    enrol(KEY_ROLE_GATEWAY, "kiosk", &other_keys);
    reload();
    return 0;
}

#define as(keys, session, question, ...)                                                                               \
    ask_in(keys, session, question, (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

/* A challenge for the reader "me". */
static void challenge(const struct keys *gateway, char text[static DELEGATION_CHALLENGE_MAX])
{
    const struct answer *a = as(gateway, NULL, "challenge", "reader", "me");
    assert_string_equal(a->error, "");
    assert_int_equal(a->rows, 1);
    snprintf(text, DELEGATION_CHALLENGE_MAX, "%s", text_of(a, 0, "challenge"));
    assert_true((int64_t)number_of(a, 0, "expires") > clock_wall_ns());
}

static const struct answer *delegate(const struct keys *gateway, const char *text, const struct keys *reader,
                                     unsigned seconds)
{
    char signature[DELEGATION_SIGNATURE_MAX];
    assert_ok(delegation_sign(reader, text, seconds, signature, &err), err);
    return as(gateway, NULL, "delegate", "reader", "me", "challenge", text, "signature", signature);
}

static void session_of(const struct answer *a, char session[static SESSION_SIZE])
{
    assert_string_equal(a->error, "");
    assert_string_equal(text_of(a, 0, "reader"), "me");
    snprintf(session, SESSION_SIZE, "%s", text_of(a, 0, "session"));
}

static void open_session(unsigned seconds, char session[static SESSION_SIZE])
{
    char text[DELEGATION_CHALLENGE_MAX];
    challenge(&gateway_keys, text);
    session_of(delegate(&gateway_keys, text, &reader_keys, seconds), session);
}

static void expect_refused(const struct answer *a, const char *part)
{
    if (strstr(a->error, part) == NULL)
        fail_msg("'%s', and not '%s'", a->error, part);
}

static void test_a_gateway_asks_for_a_reader(void **state)
{
    (void)state;
    char reason[128];
    char session[SESSION_SIZE];
    void *socket = sensor_socket(&inner_keys);
    send_flows(socket, "inner", 5, 1, 10, FAULT_NONE);
    assert_true(acknowledged(socket, 1, reason));
    /* For itself: what it needs to begin, and nothing of traffic. */
    assert_true(as(&gateway_keys, NULL, "questions")->rows > 0);
    assert_true(as(&gateway_keys, NULL, "kinds")->rows > 0);
    expect_refused(as(&gateway_keys, NULL, "find"), "may not ask 'find' for itself");
    expect_refused(as(&gateway_keys, NULL, "sensors"), "in a session");
    expect_refused(as(&gateway_keys, NULL, "challenge", "reader", "nobody"), "no reader is enrolled as 'nobody'");
    open_session(60, session);
    assert_int_equal(as(&gateway_keys, session, "find")->rows, 10);
    assert_int_equal(as(&gateway_keys, session, "sensors")->rows, 1);
    assert_true(as(&gateway_keys, session, "questions")->rows > 0);
    expect_refused(as(&gateway_keys, session, "challenge", "reader", "me"), "without a session");
    close_socket(socket);
}

static void test_a_session_is_one_gateways(void **state)
{
    (void)state;
    char session[SESSION_SIZE], other[SESSION_SIZE];
    memset(other, 'a', sizeof(other));
    other[sizeof(other) - 1] = '\0';
    char text[DELEGATION_CHALLENGE_MAX];
    open_session(60, session);
    expect_refused(as(&other_keys, session, "find"), "not open for this gateway");
    expect_refused(as(&reader_keys, session, "find"), "not open for this gateway");
    expect_refused(as(&gateway_keys, other, "find"), "not open for this gateway");
    assert_string_equal(as(&gateway_keys, session, "find")->error, ""); /* those attempts ended nothing */
    Pavo__Query query = PAVO__QUERY__INIT;
    query.version = 1;
    query.question = "find";
    query.session = (ProtobufCBinaryData){.data = (uint8_t *)session, .len = 63};
    expect_refused(ask_query(&gateway_keys, &query), "64 characters");
    /* A signature that was overheard is of no use to another. */
    challenge(&gateway_keys, text);
    expect_refused(delegate(&other_keys, text, &reader_keys, 60), "no open challenge of this gateway");
    session_of(delegate(&gateway_keys, text, &reader_keys, 60), session);
}

static void test_a_challenge_is_good_once(void **state)
{
    (void)state;
    struct keys stranger_keys;
    char text[DELEGATION_CHALLENGE_MAX];
    char session[SESSION_SIZE];
    challenge(&gateway_keys, text);
    session_of(delegate(&gateway_keys, text, &reader_keys, 60), session);
    expect_refused(delegate(&gateway_keys, text, &reader_keys, 60), "no open challenge");
    /* Signed by somebody else who says to be that reader; and then the challenge is used up. */
    assert_ok(keys_make(&aggregator_keys, KEY_ROLE_READER, "me", &stranger_keys, &err), err);
    challenge(&gateway_keys, text);
    expect_refused(delegate(&gateway_keys, text, &stranger_keys, 60), "signature");
    expect_refused(delegate(&gateway_keys, text, &reader_keys, 60), "no open challenge");
    challenge(&gateway_keys, text);
    expect_refused(as(&gateway_keys, NULL, "delegate", "reader", "me", "challenge", text, "signature", "scribble"),
                   "no signature");
}

static void test_a_session_ends_with_its_time(void **state)
{
    (void)state;
    char session[SESSION_SIZE];
    open_session(1, session);
    const struct answer *a;
    do
        a = as(&gateway_keys, session, "intake");
    while (a->error[0] == '\0');
    expect_refused(a, "time is over");
    expect_refused(as(&gateway_keys, session, "intake"), "not open");
}

static void test_a_session_ends_with_its_reader(void **state)
{
    (void)state;
    char session[SESSION_SIZE];
    struct keys again_keys;
    open_session(60, session);
    revoke_key(KEY_ROLE_READER, "me");
    expect_refused(as(&gateway_keys, session, "find"), "no longer enrolled");
    /* Enrolled again with another key, the name is another reader: the session stays ended. */
    enrol(KEY_ROLE_READER, "me", &again_keys);
    reload();
    expect_refused(as(&gateway_keys, session, "find"), "not open");
}

static void test_a_session_ends_with_its_gateway(void **state)
{
    (void)state;
    char session[SESSION_SIZE];
    open_session(60, session);
    void *socket = connect_to(ZMQ_DEALER, aggregator_endpoints(aggregator).answer, &gateway_keys);
    Pavo__Query query = PAVO__QUERY__INIT;
    query.version = 1;
    query.question = "intake";
    query.session = (ProtobufCBinaryData){.data = (uint8_t *)session, .len = strlen(session)};
    for (int revoked = 0; revoked < 2; revoked++) {
        char error[512] = "";
        send_query(socket, &query);
        take_rest(socket, error);
        assert_string_equal(error, revoked ? "this key is no longer enrolled" : "");
        if (!revoked)
            revoke_key(KEY_ROLE_GATEWAY, "console");
    }
    close_socket(socket);
    /* Enrolled again with another key it is another gateway. */
    enrol(KEY_ROLE_GATEWAY, "console", &gateway_keys);
    reload();
    expect_refused(as(&gateway_keys, session, "find"), "not open for this gateway");
}

/* Also in the middle of an answer. */
static void test_an_answer_ends_with_its_session(void **state)
{
    (void)state;
    const struct timespec past_the_check = {.tv_sec = 1, .tv_nsec = 200 * NS_PER_MS};
    char session[SESSION_SIZE], error[512];
    store_many_flows();
    open_session(60, session);
    void *socket = asker_socket(&gateway_keys);
    Pavo__Query query = PAVO__QUERY__INIT;
    query.version = 1;
    query.question = "find";
    query.session = (ProtobufCBinaryData){.data = (uint8_t *)session, .len = strlen(session)};
    send_query(socket, &query);
    Pavo__Reply *head = next_reply(socket);
    assert_string_equal(head->error, "");
    pavo__reply__free_unpacked(head, NULL);
    revoke_key(KEY_ROLE_READER, "me");
    nanosleep(&past_the_check, NULL);
    take_rest(socket, error);
    assert_non_null(strstr(error, "its reader is no longer enrolled"));
    close_socket(socket);
}

#define DELEGATE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, stage_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DELEGATE_TEST(test_a_gateway_asks_for_a_reader),     DELEGATE_TEST(test_a_session_is_one_gateways),
        DELEGATE_TEST(test_a_challenge_is_good_once),        DELEGATE_TEST(test_a_session_ends_with_its_time),
        DELEGATE_TEST(test_a_session_ends_with_its_reader),  DELEGATE_TEST(test_a_session_ends_with_its_gateway),
        DELEGATE_TEST(test_an_answer_ends_with_its_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
