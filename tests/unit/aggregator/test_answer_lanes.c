/* SPDX-License-Identifier: Apache-2.0 */
/* The answer door under those who ask much: a short question never waits for a long one, and a question ends when its
 * client is gone, says so, or may not have the answer any longer. */
#include "tests/unit/aggregator/stage.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "aggregator/answer/answer.h"
#include "aggregator/peers.h"
#include "common/records/loss.h"

/* A question that ends does so within a second on a quiet host; those it must not wait for take minutes. */
#define LIMIT_NS (20 * NS_PER_S)

static struct keys hog_keys[3];

static uint64_t counter(const char *name)
{
    const struct answer *intake = ask("intake");
    assert_string_equal(intake->error, "");
    return number_of(intake, (uint64_t)row_where(intake, "counter", name), "value");
}

static void ask_question(void *socket, uint64_t id, const char *question)
{
    Pavo__Query query = PAVO__QUERY__INIT;
    query.version = 1;
    query.id = id;
    query.question = (char *)question;
    send_query(socket, &query);
}

/* Many comparisons: DuckDB is silent over it for seconds, and finds nothing. */
static const char *slow_filter(void)
{
    static char filter[4096];
    size_t used = (size_t)snprintf(filter, sizeof(filter), "bytes 1");
    for (unsigned i = 2; i <= 510; i++)
        used += (size_t)snprintf(filter + used, sizeof(filter) - used, "||%u", i);
    return filter;
}

static void ask_slow_question(void *socket, uint64_t id)
{
    Pavo__Argument argument = PAVO__ARGUMENT__INIT, *arguments[] = {&argument};
    Pavo__Query query = PAVO__QUERY__INIT;
    argument.name = "filter";
    argument.value = (char *)slow_filter();
    query.version = 1;
    query.id = id;
    query.question = "find";
    query.arguments = arguments;
    query.n_arguments = 1;
    send_query(socket, &query);
}

/* Asked and silent: DuckDB is in the middle of it. */
static void *slow_at_work(const struct keys *keys)
{
    const struct timespec into_it = {.tv_nsec = 500 * NS_PER_MS};
    void *socket = asker_socket(keys);
    ask_slow_question(socket, 7);
    nanosleep(&into_it, NULL);
    return socket;
}

#define GIVEN_UP "queries given up, client gone or cancelled"

/* One more than `before`, within a second of `since_ns`. */
static void expect_given_up(uint64_t before, int64_t since_ns)
{
    while (counter(GIVEN_UP) == before)
        assert_true(clock_monotonic_ns() - since_ns < LIMIT_NS);
    assert_int_equal(counter(GIVEN_UP), before + 1);
}

/* ---- lanes */

/* Three keys ask for everything, four times each, and read nothing: all places of long questions are taken, and more
 * of them wait. What is short is answered at once, whether it says so itself or is tried; and a question that was
 * stopped to make room is answered whole when there is room. */
static void test_a_short_question_never_waits_for_a_long_one(void **state)
{
    (void)state;
    const struct timespec all_tried = {.tv_sec = 3};
    void *hogs[3];
    for (unsigned i = 0; i < 3; i++)
        enrol(KEY_ROLE_READER, (const char *[]){"hog-1", "hog-2", "hog-3"}[i], &hog_keys[i]);
    store_many_flows();
    for (unsigned i = 0; i < 3; i++) {
        hogs[i] = asker_socket(&hog_keys[i]);
        for (uint64_t id = 1; id <= 4; id++)
            ask_question(hogs[i], id, "find");
    }
    nanosleep(&all_tried, NULL);
    for (unsigned i = 0; i < 5; i++) {
        int64_t begun = clock_monotonic_ns();
        assert_string_equal(ask("sensors")->error, "");
        assert_true(clock_monotonic_ns() - begun < LIMIT_NS);
        begun = clock_monotonic_ns();
        assert_string_equal(ask("nat", "end", "192.0.2.1:1", "at", "2026-11-23T00:00:00Z")->error, "");
        assert_true(clock_monotonic_ns() - begun < LIMIT_NS);
    }
    close_socket(hogs[0]);
    close_socket(hogs[1]);
    uint64_t rows[5] = {0}, ended = 0;
    while (ended < 4) {
        Pavo__Reply *reply = next_reply(hogs[2]);
        assert_string_equal(reply->error, "");
        assert_in_range(reply->id, 1, 4);
        rows[reply->id] += reply->page == NULL ? 0 : reply->page->rows;
        ended += !reply->more;
        assert_true(reply->coverage == NULL || reply->coverage->rows == rows[reply->id]);
        pavo__reply__free_unpacked(reply, NULL);
    }
    for (uint64_t id = 1; id <= 4; id++)
        assert_int_equal(rows[id], MANY_BATCHES * RECORDS_ROWS_MAX);
    close_socket(hogs[2]);
}

/* ---- ends */

static void test_a_cancelled_question_ends(void **state)
{
    (void)state;
    Pavo__Query query = PAVO__QUERY__INIT;
    char error[512];
    uint64_t before = counter(GIVEN_UP);
    void *socket = slow_at_work(&reader_keys);
    pavo__reply__free_unpacked(next_reply(socket), NULL); /* its head */
    query.version = 1;
    query.cancel = 8; /* another: nothing happens */
    send_query(socket, &query);
    assert_int_equal(counter(GIVEN_UP), before);
    query.cancel = 7;
    int64_t since = clock_monotonic_ns();
    send_query(socket, &query);
    expect_given_up(before, since);
    /* Nothing more of it comes, and the connection is good for the next. */
    ask_question(socket, 9, "intake");
    Pavo__Reply *reply = next_reply(socket);
    assert_int_equal(reply->id, 9);
    pavo__reply__free_unpacked(reply, NULL);
    take_rest(socket, error);
    assert_string_equal(error, "");
    close_socket(socket);
}

/* One key does not end what another asked under the same number. */
static void test_only_its_own_client_cancels_a_question(void **state)
{
    (void)state;
    Pavo__Query query = PAVO__QUERY__INIT;
    char error[512];
    void *socket = slow_at_work(&reader_keys), *other = asker_socket(&hog_keys[0]);
    query.version = 1;
    query.cancel = 7;
    send_query(other, &query);
    take_rest(socket, error);
    assert_string_equal(error, "");
    close_socket(socket);
    close_socket(other);
}

static void test_a_question_ends_with_its_connection(void **state)
{
    (void)state;
    uint64_t before = counter(GIVEN_UP);
    void *socket = slow_at_work(&reader_keys);
    int64_t since = clock_monotonic_ns();
    close_socket(socket);
    expect_given_up(before, since);
}

/* The command in a process of its own. */
static const char *pavo;
static pid_t run_pavo(void)
{
    char key[128], at[BUS_ENDPOINT_MAX];
    snprintf(key, sizeof(key), "%s/me.key", test_directory);
    snprintf(at, sizeof(at), "%s", aggregator_endpoints(aggregator).answer);
    if (access(key, F_OK) != 0)
        assert_ok(keys_write(key, &reader_keys, &err), err);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        execl(pavo, pavo, "--key", key, "--answer", at, "find", slow_filter(), NULL);
        _exit(99);
    }
    return child;
}

static void expect_pavo_ends_its_question(int signal_number)
{
    const struct timespec into_it = {.tv_nsec = 900 * NS_PER_MS};
    uint64_t before = counter(GIVEN_UP);
    int status;
    pid_t child = run_pavo();
    nanosleep(&into_it, NULL);
    assert_int_equal(counter(GIVEN_UP), before);
    int64_t since = clock_monotonic_ns();
    assert_int_equal(kill(child, signal_number), 0);
    expect_given_up(before, since);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_not_equal(WIFEXITED(status) ? WEXITSTATUS(status) : 0, 99);
}

static void test_ctrl_c_ends_a_question_of_pavo(void **state)
{
    (void)state;
    expect_pavo_ends_its_question(SIGINT);
}

static void test_a_killed_pavo_leaves_no_question(void **state)
{
    (void)state;
    expect_pavo_ends_its_question(SIGKILL);
}

/* Silent or not: a question does not outlive the key that asked it. */
static void test_a_silent_question_ends_with_its_key(void **state)
{
    (void)state;
    char error[512];
    void *socket = slow_at_work(&hog_keys[0]);
    revoke_key(KEY_ROLE_READER, "other");
    int64_t since = clock_monotonic_ns();
    take_rest(socket, error);
    assert_string_equal(error, PEERS_NOT_ENROLLED);
    assert_true(clock_monotonic_ns() - since < LIMIT_NS);
    close_socket(socket);
}

/* ---- bounds */

/* What ZeroMQ may hold for a key is a matter of its connections. */
static void test_connections_of_a_key_are_bounded(void **state)
{
    (void)state;
    void *mine[ANSWER_KEY_CONNECTIONS + 1];
    void *own = zmq_ctx_new();
    char error[512];
    for (unsigned i = 0; i <= ANSWER_KEY_CONNECTIONS; i++) {
        assert_ok(bus_connect(own, ZMQ_DEALER, aggregator_endpoints(aggregator).answer, 0, &reader_keys, 1, &mine[i],
                              NULL, &err),
                  err);
        ask_question(mine[i], 1, "intake");
        take_rest(mine[i], error);
        assert_int_equal(strstr(error, "as many connections") != NULL, i == ANSWER_KEY_CONNECTIONS);
    }
    zmq_close(mine[0]); /* makes room */
    do {
        ask_question(mine[ANSWER_KEY_CONNECTIONS], 1, "intake");
        take_rest(mine[ANSWER_KEY_CONNECTIONS], error);
    } while (strstr(error, "as many connections") != NULL);
    assert_string_equal(error, "");
    for (unsigned i = 1; i <= ANSWER_KEY_CONNECTIONS; i++)
        zmq_close(mine[i]);
    zmq_ctx_term(own);
}

/* A reply is ANSWER_REPLY_BYTES, however long the texts of its rows. */
static void test_replies_are_bounded(void **state)
{
    (void)state;
    enum { ROWS = 4000 };
    char texts[2][256], reason[128] = "";
    struct records *records = records_new(record_kinds[RECORD_LOSS], ROWS);
    struct observer observer = test_observer("inner", 5);
    uint16_t index;
    assert_int_equal(records_observer(records, &observer, &index), RESULT_OK);
    for (int i = 0; i < ROWS; i++) {
        const struct loss loss = {.loss = LOSS_PACKETS_KERNEL,
                                  .from_time = TEST_NOW,
                                  .to_time = TEST_NOW,
                                  .count = 1,
                                  .interface = texts[0],
                                  .reason = texts[1]};
        for (int t = 0; t < 2; t++)
            snprintf(texts[t], sizeof(texts[t]), "%0255d", i);
        texts[1][0] = 'x';
        assert_int_equal(records_add(records, &loss), RESULT_OK);
    }
    void *socket = sensor_socket(&inner_keys);
    send_records(socket, "inner", 5, 1, records, FAULT_NONE);
    assert_true(acknowledged(socket, 1, reason));
    records_free(&records);
    close_socket(socket);
    socket = asker_socket(&reader_keys);
    ask_question(socket, 1, "losses");
    uint64_t rows = 0;
    for (bool more = true; more;) {
        Pavo__Reply *reply = next_reply(socket);
        assert_string_equal(reply->error, "");
        assert_in_range(pavo__reply__get_packed_size(reply), 1, ANSWER_REPLY_BYTES);
        rows += reply->page == NULL ? 0 : reply->page->rows;
        more = reply->more;
        pavo__reply__free_unpacked(reply, NULL);
    }
    assert_int_equal(rows, ROWS);
    close_socket(socket);
}

/* One full store for all of them. */
static int full_setup(void **state)
{
    int failed = stage_setup(state);
    enrol(KEY_ROLE_READER, "other", &hog_keys[0]);
    store_many_flows();
    return failed;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest many[] = {
        STAGE_TEST(test_a_short_question_never_waits_for_a_long_one),
        STAGE_TEST(test_connections_of_a_key_are_bounded),
        STAGE_TEST(test_replies_are_bounded),
    };
    const struct CMUnitTest ends[] = {
        cmocka_unit_test(test_a_cancelled_question_ends),
        cmocka_unit_test(test_only_its_own_client_cancels_a_question),
        cmocka_unit_test(test_a_question_ends_with_its_connection),
        cmocka_unit_test(test_ctrl_c_ends_a_question_of_pavo),
        cmocka_unit_test(test_a_killed_pavo_leaves_no_question),
        cmocka_unit_test(test_a_silent_question_ends_with_its_key),
    };
    pavo = argc > 1 ? argv[1] : "pavo";
    int failed = cmocka_run_group_tests(many, NULL, NULL);
    return failed + cmocka_run_group_tests(ends, full_setup, stage_teardown);
}
