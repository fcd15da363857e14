/* SPDX-License-Identifier: Apache-2.0 */
/* Doors with real sockets: who comes in, who does not, and what is said of it. */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include <cmocka.h>

#include "common/authenticator.h"
#include "common/bus.h"
#include "common/clock.h"

#define PATIENCE_MS 20000 /* for what must happen */
#define QUIET_MS    600   /* several reconnections' worth: for what must not */

static void *context;
static char directory[64];
static struct keys aggregator, inner, outer, reader;
static struct authenticator *authenticator;
static void *door;
static char endpoint[BUS_ENDPOINT_MAX];
static void *clients[16]; /* closed at the end of each test, however it ends */
static unsigned client_count;

struct refusals {
    unsigned reports;
    char address[64], door[32], reason[64];
    uint64_t suppressed;
};
static pthread_mutex_t refusals_lock = PTHREAD_MUTEX_INITIALIZER;
static struct refusals refusals;

static void on_refused(void *ctx, const char *address, const char *at, const char *reason, uint64_t suppressed)
{
    (void)ctx;
    pthread_mutex_lock(&refusals_lock);
    refusals.reports++;
    snprintf(refusals.address, sizeof(refusals.address), "%s", address);
    snprintf(refusals.door, sizeof(refusals.door), "%s", at);
    snprintf(refusals.reason, sizeof(refusals.reason), "%s", reason);
    refusals.suppressed = suppressed;
    pthread_mutex_unlock(&refusals_lock);
}

static void enrolled_now(struct enrolled **ret_enrolled)
{
    struct error err = {""};
    if (enrolled_read(directory, ret_enrolled, &err) != RESULT_OK)
        fail_msg("%s", err.text);
}

static int setup(void **state)
{
    (void)state;
    struct error err = {""};
    struct enrolled *enrolled;
    strcpy(directory, "/tmp/pavo-test-bus-XXXXXX");
    assert_non_null(mkdtemp(directory));
    assert_int_equal(keys_make_aggregator(&aggregator, NULL), RESULT_OK);
    assert_int_equal(keys_make(&aggregator, KEY_ROLE_SENSOR, "inner", &inner, NULL), RESULT_OK);
    assert_int_equal(keys_make(&aggregator, KEY_ROLE_SENSOR, "outer", &outer, NULL), RESULT_OK);
    assert_int_equal(keys_make(&aggregator, KEY_ROLE_READER, "analyst", &reader, NULL), RESULT_OK);
    assert_int_equal(enrolled_add(directory, &inner, NULL), RESULT_OK);
    assert_int_equal(enrolled_add(directory, &reader, NULL), RESULT_OK);
    refusals = (struct refusals){0};
    context = zmq_ctx_new();
    enrolled_now(&enrolled);
    assert_int_equal(authenticator_start(context, &enrolled, on_refused, NULL, &authenticator, &err), RESULT_OK);
    assert_null(enrolled);
    if (bus_bind(context, ZMQ_ROUTER, "127.0.0.1:*", 0, &aggregator, DOOR_INTAKE, 100, 1000, &door, NULL, &err) !=
        RESULT_OK)
        fail_msg("%s", err.text);
    bus_endpoint(door, endpoint);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    char command[128];
    while (client_count > 0)
        zmq_close(clients[--client_count]);
    zmq_close(door);
    authenticator_stop(&authenticator);
    assert_null(authenticator);
    zmq_ctx_term(context);
    snprintf(command, sizeof(command), "rm -r %s", directory);
    return system(command);
}

static void *client(const struct keys *keys)
{
    struct error err = {""};
    void *socket = NULL;
    if (bus_connect(context, ZMQ_DEALER, endpoint, 0, keys, 100, &socket, NULL, &err) != RESULT_OK)
        fail_msg("%s", err.text);
    assert_true(client_count < sizeof(clients) / sizeof(clients[0]));
    clients[client_count++] = socket;
    return socket;
}

static bool readable(void *socket, long milliseconds)
{
    zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};
    return zmq_poll(&item, 1, milliseconds) == 1;
}

/* The door's next message: its text, and its frame in ret_frame (the caller closes). */
static void receive(char *text, size_t size, zmq_msg_t *ret_frame)
{
    uint8_t id[BUS_ID_MAX], length = 0;
    assert_true(readable(door, PATIENCE_MS));
    assert_int_equal(bus_receive(door, id, &length, ret_frame), RESULT_OK);
    assert_true(length > 0);
    assert_true(zmq_msg_size(ret_frame) < size);
    memcpy(text, zmq_msg_data(ret_frame), zmq_msg_size(ret_frame));
    text[zmq_msg_size(ret_frame)] = '\0';
}

static struct authenticator_counts counts(void)
{
    struct authenticator_counts c;
    authenticator_counts_get(authenticator, &c);
    return c;
}

/* Waits until `*counter` of fresh counts is not zero. */
#define AWAIT_COUNT(counter)                                                                                           \
    do {                                                                                                               \
        int64_t until = clock_monotonic_ns() + PATIENCE_MS * NS_PER_MS;                                                \
        while (counts().counter == 0 && clock_monotonic_ns() < until)                                                  \
            usleep(10000);                                                                                             \
        assert_true(counts().counter > 0);                                                                             \
    } while (0)

static void test_right_key_passes(void **state)
{
    (void)state;
    char text[64];
    zmq_msg_t frame;
    void *socket = client(&inner);
    assert_int_equal(bus_send(socket, "hello", 5, false), RESULT_OK);
    receive(text, sizeof(text), &frame);
    assert_string_equal(text, "hello");
    assert_string_equal(zmq_msg_gets(&frame, "User-Id"), "inner");
    enum key_role role = KEY_ROLE_COUNT;
    assert_true(authenticator_admits(authenticator, DOOR_INTAKE, &frame, &role));
    assert_int_equal(role, KEY_ROLE_SENSOR);
    assert_string_equal(authenticator_key(&frame), inner.public_key);
    role = KEY_ROLE_COUNT;
    assert_false(authenticator_admits(authenticator, DOOR_PUBLISH, &frame, &role));
    assert_false(authenticator_admits(authenticator, DOOR_ANSWER, &frame, &role));
    assert_int_equal(role, KEY_ROLE_COUNT);
    assert_true(authenticator_knows(authenticator, KEY_ROLE_SENSOR, "inner"));
    assert_int_equal(counts().accepted, 1);
    zmq_msg_close(&frame);
}

static struct refusals refusals_now(void)
{
    pthread_mutex_lock(&refusals_lock);
    struct refusals copy = refusals;
    pthread_mutex_unlock(&refusals_lock);
    return copy;
}

static void refused_client(const struct keys *keys, const char *reason)
{
    void *socket = client(keys);
    assert_int_equal(bus_send(socket, "hello", 5, false), RESULT_OK);
    int64_t until = clock_monotonic_ns() + PATIENCE_MS * NS_PER_MS;
    while (refusals_now().reports == 0 && clock_monotonic_ns() < until)
        usleep(10000);
    assert_false(readable(door, QUIET_MS));
    struct refusals seen = refusals_now();
    assert_int_equal(seen.reports, 1); /* however often it tried meanwhile */
    assert_string_equal(seen.reason, reason);
    assert_string_equal(seen.address, "127.0.0.1");
    assert_string_equal(seen.door, "intake");
    assert_int_equal(seen.suppressed, 0);
    assert_int_equal(counts().accepted, 0);
}

static void test_unknown_key_is_refused(void **state)
{
    (void)state;
    refused_client(&outer, "unknown key");
}

static void test_wrong_role_is_refused(void **state)
{
    (void)state;
    refused_client(&reader, "key of another role");
    assert_true(counts().refused_role > 0);
}

/* A door is for a set of roles: the one for what is said takes all that speak, and nobody else. */
static void test_intake_takes_all_that_speak(void **state)
{
    (void)state;
    static const enum key_role roles[] = {KEY_ROLE_COLLECTOR, KEY_ROLE_WITNESS, KEY_ROLE_DETECTOR};
    struct enrolled *enrolled;
    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
        struct keys keys;
        char text[64];
        zmq_msg_t frame;
        enum key_role role = KEY_ROLE_COUNT;
        assert_int_equal(keys_make(&aggregator, roles[i], key_role_name(roles[i]), &keys, NULL), RESULT_OK);
        assert_int_equal(enrolled_add(directory, &keys, NULL), RESULT_OK);
        enrolled_now(&enrolled);
        authenticator_replace(authenticator, &enrolled);
        assert_int_equal(bus_send(client(&keys), "hello", 5, false), RESULT_OK);
        receive(text, sizeof(text), &frame);
        assert_true(authenticator_admits(authenticator, DOOR_INTAKE, &frame, &role));
        assert_int_equal(role, roles[i]);
        zmq_msg_close(&frame);
    }
}

static void test_signing_key_of_a_reader(void **state)
{
    (void)state;
    uint8_t key[KEY_BYTES] = {0};
    assert_true(authenticator_sign_key(authenticator, "analyst", key));
    assert_memory_equal(key, reader.sign_public, KEY_BYTES);
    assert_false(authenticator_sign_key(authenticator, "inner", key)); /* no reader */
}

/* Messages of one frame or of three are read away, and the next one comes whole. */
static void test_only_two_frames_are_received(void **state)
{
    (void)state;
    char text[64];
    uint8_t id[BUS_ID_MAX], length = 0;
    zmq_msg_t frame;
    void *socket = client(&inner);
    assert_int_equal(bus_receive(door, id, &length, &frame), RESULT_AGAIN);
    assert_int_equal(bus_send(socket, "one", 3, true), RESULT_OK);
    assert_int_equal(bus_send(socket, "two", 3, true), RESULT_OK);
    assert_int_equal(bus_send(socket, "three", 5, false), RESULT_OK);
    assert_int_equal(bus_send(socket, "good", 4, false), RESULT_OK);
    assert_true(readable(door, PATIENCE_MS));
    assert_int_equal(bus_receive(door, id, &length, &frame), RESULT_REJECT);
    receive(text, sizeof(text), &frame);
    assert_string_equal(text, "good");
    zmq_msg_close(&frame);
}

static void test_refused_comes_in_once_enrolled(void **state)
{
    (void)state;
    char text[64];
    zmq_msg_t frame;
    struct enrolled *enrolled;
    void *socket = client(&outer);
    assert_int_equal(bus_send(socket, "at last", 7, false), RESULT_OK);
    AWAIT_COUNT(refused_unknown);
    assert_int_equal(enrolled_add(directory, &outer, NULL), RESULT_OK);
    enrolled_now(&enrolled);
    authenticator_replace(authenticator, &enrolled);
    assert_null(enrolled);
    receive(text, sizeof(text), &frame); /* on the same socket */
    assert_string_equal(text, "at last");
    assert_string_equal(zmq_msg_gets(&frame, "User-Id"), "outer");
    zmq_msg_close(&frame);
}

static void test_revoked_key_is_silenced(void **state)
{
    (void)state;
    char text[64], path[128];
    zmq_msg_t frame;
    struct enrolled *enrolled;
    enum key_role role;
    void *socket = client(&inner);
    assert_int_equal(bus_send(socket, "1", 1, false), RESULT_OK);
    receive(text, sizeof(text), &frame);
    snprintf(path, sizeof(path), "%s/enrolled/sensor/inner.pub", directory);
    unlink(path);
    enrolled_now(&enrolled);
    authenticator_replace(authenticator, &enrolled);
    assert_false(authenticator_admits(authenticator, DOOR_INTAKE, &frame, &role));
    assert_false(authenticator_knows(authenticator, KEY_ROLE_SENSOR, "inner"));
    /* The name enrolled anew, with another key: the old connection stays silenced. */
    struct keys fresh;
    assert_int_equal(keys_make(&aggregator, KEY_ROLE_SENSOR, "inner", &fresh, NULL), RESULT_OK);
    assert_int_equal(enrolled_add(directory, &fresh, NULL), RESULT_OK);
    enrolled_now(&enrolled);
    authenticator_replace(authenticator, &enrolled);
    assert_true(authenticator_knows(authenticator, KEY_ROLE_SENSOR, "inner"));
    assert_false(authenticator_admits(authenticator, DOOR_INTAKE, &frame, &role));
    zmq_msg_close(&frame);
    /* And no new connection comes in with the old key. */
    socket = client(&inner);
    assert_int_equal(bus_send(socket, "2", 1, false), RESULT_OK);
    AWAIT_COUNT(refused_unknown);
    assert_false(readable(door, QUIET_MS));
}

static void test_nobody_without_curve(void **state)
{
    (void)state;
    int linger = 0;
    void *socket = zmq_socket(context, ZMQ_DEALER);
    clients[client_count++] = socket;
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof(linger));
    assert_int_equal(zmq_connect(socket, endpoint), 0);
    assert_int_equal(bus_send(socket, "hello", 5, false), RESULT_OK);
    assert_false(readable(door, QUIET_MS));
}

static void test_impostor_of_the_aggregator_gets_nothing(void **state)
{
    (void)state;
    struct keys misled = inner;
    struct keys other;
    assert_int_equal(keys_make_aggregator(&other, NULL), RESULT_OK);
    memcpy(misled.aggregator, other.public_key, KEY_TEXT_SIZE); /* the sensor expects another key here */
    void *socket = client(&misled);
    assert_int_equal(bus_send(socket, "hello", 5, false), RESULT_OK);
    assert_false(readable(door, QUIET_MS));
}

static void test_oversized_message_drops_its_connection_only(void **state)
{
    (void)state;
    char text[64], large[2000] = {0};
    zmq_msg_t frame;
    void *good = client(&inner), *bad = client(&inner);
    assert_int_equal(bus_send(bad, large, sizeof(large), false), RESULT_OK);
    assert_int_equal(bus_send(good, "small", 5, false), RESULT_OK);
    receive(text, sizeof(text), &frame);
    assert_string_equal(text, "small");
    zmq_msg_close(&frame);
}

/* Security report, finding 2: whoever answered at the aggregator's address made a sensor hold 2 GiB. */
static void test_a_client_holds_little_before_the_handshake(void **state)
{
    (void)state;
    static const uint8_t greeting[64] = {[0] = 0xff, [9] = 0x7f, [10] = 3, [12] = 'C', 'U', 'R', 'V', 'E', [32] = 1};
    /* A command frame of 65 KiB for who speaks, of 65 MiB for who reads. */
    static const uint8_t frames[2][9] = {{6, 0, 0, 0, 0, 0, 1, 4, 0}, {6, 0, 0, 0, 0, 4, 0x10, 0, 0}};
    const struct keys *keys[2] = {&inner, &reader};
    for (int i = 0; i < 2; i++) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof(address);
        struct error err;
        uint8_t byte;
        int listener = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(listen(listener, 1), 0);
        assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
        char impostor[64];
        snprintf(impostor, sizeof(impostor), "127.0.0.1:%u", ntohs(address.sin_port));
        assert_int_equal(
            bus_connect(context, ZMQ_DEALER, impostor, 0, keys[i], 100, &clients[client_count++], NULL, &err),
            RESULT_OK);
        int fd = accept(listener, NULL, NULL);
        assert_true(fd >= 0);
        struct timeval patience = {.tv_sec = 5};
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        assert_int_equal(write(fd, greeting, sizeof(greeting)), sizeof(greeting));
        assert_int_equal(write(fd, frames[i], sizeof(frames[i])), sizeof(frames[i]));
        errno = 0;
        while (recv(fd, &byte, 1, 0) == 1)
            continue;

        assert_true(errno != EAGAIN && errno != EWOULDBLOCK); /* it hung up, and did not wait for the rest */
        close(fd);
        close(listener);
    }
}

static void test_malformed_zap_request_is_refused(void **state)
{
    (void)state;
    static const char *const requests[][8] = {
        {"1.0", "1", "intake", "10.0.0.1", "", "PLAIN", "user", "password"},
        {"1.0", "1", "intake", "10.0.0.1", "", "CURVE", "too short", NULL},
        {"2.0", "1", "intake", "10.0.0.1", "", "CURVE", "0123456789abcdef0123456789abcdef", NULL},
        {"1.0", "1", "elsewhere", "10.0.0.1", "", "CURVE", "0123456789abcdef0123456789abcdef", NULL},
        {"1.0", NULL, NULL, NULL, NULL, NULL, NULL, NULL},
    };
    void *socket = zmq_socket(context, ZMQ_REQ);
    clients[client_count++] = socket;
    assert_int_equal(zmq_connect(socket, "inproc://zeromq.zap.01"), 0);
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        for (unsigned f = 0; f < 8 && requests[i][f] != NULL; f++) {
            bool more = f + 1 < 8 && requests[i][f + 1] != NULL;
            assert_int_equal(bus_send(socket, requests[i][f], strlen(requests[i][f]), more), RESULT_OK);
        }
        char frames[6][64];
        for (int f = 0; f < 6; f++) {
            assert_true(readable(socket, PATIENCE_MS));
            int length = zmq_recv(socket, frames[f], sizeof(frames[f]) - 1, 0);
            assert_true(length >= 0);
            frames[f][length] = '\0';
        }
        assert_string_equal(frames[2], "300");
        assert_string_equal(frames[4], "");
        assert_int_equal(counts().refused_malformed, i + 1);
    }
}

/* Who has a network of addresses writes no more lines for it. */
static void test_many_addresses_make_few_reports(void **state)
{
    (void)state;
    void *socket = zmq_socket(context, ZMQ_REQ);
    clients[client_count++] = socket;
    assert_int_equal(zmq_connect(socket, "inproc://zeromq.zap.01"), 0);
    for (unsigned i = 0; i < 200; i++) {
        char address[64];
        snprintf(address, sizeof(address), "2001:db8::%x", i + 1);
        const char *const frames[] = {"1.0", "1", "intake", address, "", "CURVE", "0123456789abcdef0123456789abcdef"};
        for (int f = 0; f < 7; f++)
            assert_int_equal(bus_send(socket, frames[f], strlen(frames[f]), f < 6), RESULT_OK);
        for (int f = 0; f < 6; f++)
            assert_true(zmq_recv(socket, address, sizeof(address), 0) >= 0);
    }
    assert_int_equal(counts().refused_unknown, 200);
    assert_int_equal(refusals_now().reports, 30);
}

static void test_endpoints(void **state)
{
    (void)state;
    struct error err = {""};
    void *socket = NULL;
    char bound[128];
    size_t size = sizeof(bound);
    static const char *const good[] = {"localhost",
                                       "localhost:7461",
                                       "10.0.0.1",
                                       "::1",
                                       "[::1]:7461",
                                       "[::1]",
                                       "tcp://127.0.0.1:7461",
                                       "ipc:///tmp/pavo-test-none"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        if (bus_connect(context, ZMQ_DEALER, good[i], 7461, &inner, 10, &socket, NULL, &err) != RESULT_OK)
            fail_msg("%s: %s", good[i], err.text);
        clients[client_count++] = socket;
        zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, bound, &size);
        size = sizeof(bound);
        if (strncmp(good[i], "ipc", 3) != 0)
            assert_non_null(strstr(bound, ":7461"));
    }
    static const char *const bad[] = {"", "host:port", "nosuch://x", "host:99999"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        socket = NULL;
        if (bus_connect(context, ZMQ_DEALER, bad[i], 7461, &inner, 10, &socket, NULL, &err) != RESULT_REJECT) {
            clients[client_count++] = socket;
            fail_msg("'%s' was taken", bad[i]);
        }
        assert_null(socket);
    }
    assert_int_equal(
        bus_bind(context, ZMQ_ROUTER, endpoint, 0, &aggregator, DOOR_INTAKE, 10, 1000, &socket, NULL, &err),
        RESULT_REJECT); /* the door is there already */
    assert_non_null(strstr(err.text, "in use"));
}

/* ---- what happens before a watch could have been set, if it were set afterwards */

static void (*meanwhile)(void *socket); /* done before zmq_connect or zmq_bind returns, once */

static int delayed(const char *name, void *socket, const char *address)
{
    int (*real)(void *, const char *) = (int (*)(void *, const char *))dlsym(RTLD_NEXT, name);
    int result = real(socket, address);
    void (*now)(void *) = meanwhile;
    if (now != NULL && strncmp(address, "tcp:", 4) == 0) {
        meanwhile = NULL;
        now(socket);
    }
    return result;
}

int zmq_connect(void *socket, const char *address)
{
    return delayed("zmq_connect", socket, address);
}

int zmq_bind(void *socket, const char *address)
{
    return delayed("zmq_bind", socket, address);
}

static void the_handshake_is_done(void *socket)
{
    (void)socket;
    AWAIT_COUNT(accepted);
    usleep(QUIET_MS * 1000);
}

/* Under load a command hung to the end of its patience: the handshake was over before the watch was set. */
static void test_a_handshake_at_once_is_seen(void **state)
{
    (void)state;
    struct error err = {""};
    void *socket, *watch;
    int event, value;
    bool shaken = false;
    meanwhile = the_handshake_is_done;
    assert_int_equal(bus_connect(context, ZMQ_DEALER, endpoint, 0, &inner, 100, &socket, &watch, &err), RESULT_OK);
    assert_null(meanwhile);
    while ((event = bus_event(watch, &value)) != 0)
        shaken = shaken || event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
    bus_close(&socket, &watch);
    assert_null(socket);
    assert_null(watch);
    assert_true(shaken);
}

static void a_client_comes_and_goes(void *socket)
{
    bus_endpoint(socket, endpoint);
    void *comes = client(&inner);
    assert_int_equal(bus_send(comes, "hello", 5, false), RESULT_OK);
    AWAIT_COUNT(accepted);
    usleep(QUIET_MS * 1000);
    zmq_close(comes);
    client_count--;
    usleep(QUIET_MS * 1000);
}

static void test_who_comes_and_goes_at_once_is_seen_to_go(void **state)
{
    (void)state;
    struct error err = {""};
    char text[64];
    zmq_msg_t frame;
    void *socket, *watch, *first_door = door;
    meanwhile = a_client_comes_and_goes;
    assert_int_equal(
        bus_bind(context, ZMQ_ROUTER, "127.0.0.1:*", 0, &aggregator, DOOR_INTAKE, 100, 1000, &socket, &watch, &err),
        RESULT_OK);
    door = socket;
    receive(text, sizeof(text), &frame);
    door = first_door;
    assert_string_equal(text, "hello");
    assert_int_equal(bus_gone(watch), bus_connection(&frame));
    assert_int_equal(bus_gone(watch), -1);
    zmq_msg_close(&frame);
    bus_close(&socket, &watch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_right_key_passes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unknown_key_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wrong_role_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_intake_takes_all_that_speak, setup, teardown),
        cmocka_unit_test_setup_teardown(test_signing_key_of_a_reader, setup, teardown),
        cmocka_unit_test_setup_teardown(test_only_two_frames_are_received, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused_comes_in_once_enrolled, setup, teardown),
        cmocka_unit_test_setup_teardown(test_revoked_key_is_silenced, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nobody_without_curve, setup, teardown),
        cmocka_unit_test_setup_teardown(test_impostor_of_the_aggregator_gets_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_oversized_message_drops_its_connection_only, setup, teardown),
        cmocka_unit_test_setup_teardown(test_malformed_zap_request_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_client_holds_little_before_the_handshake, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_addresses_make_few_reports, setup, teardown),
        cmocka_unit_test_setup_teardown(test_endpoints, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_handshake_at_once_is_seen, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_comes_and_goes_at_once_is_seen_to_go, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
