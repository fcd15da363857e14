/* SPDX-License-Identifier: Apache-2.0 */
/* Asking through the public header, against a real socket that speaks the protocol under CURVE: how a question goes
 * out, what its answer comes to, and all that can come instead of one. */
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>
#include <zmq.h>

#include "common/clock.h"
#include "common/delegation.h"
#include "sample.h"
#include "stand_in.h"

static pavo_asker *asker_with(const char *key, unsigned timeout_ms)
{
    char error[PAVO_ERROR_MAX] = "";
    pavo_options *options = stand_in_options(PAVO_TOPIC_FLOW);
    pavo_options_set_key_file(options, key);
    pavo_options_set_timeout(options, timeout_ms);
    pavo_asker *asker = pavo_asker_new(options, error);
    pavo_options_destroy(&options);
    assert_string_equal(error, "");
    assert_non_null(asker);
    return asker;
}

static pavo_asker *make_asker(void)
{
    return asker_with(door.reader_key, PATIENCE_MS);
}

static pavo_answer *ask(pavo_asker *asker, const char *question)
{
    char error[PAVO_ERROR_MAX] = "";
    pavo_answer *answer = pavo_ask(asker, question, NULL, error);
    assert_string_equal(error, "");
    assert_non_null(answer);
    return answer;
}

static const pavo_columns *next(pavo_answer *answer)
{
    const pavo_columns *page = NULL;
    int result = pavo_answer_next(answer, PATIENCE_MS, &page);
    if (result != PAVO_OK)
        print_message("no page (%d): %s\n", result, pavo_answer_error(answer));
    assert_int_equal(result, PAVO_OK);
    return page;
}

static void expect_end(pavo_answer *answer)
{
    const pavo_columns *page;
    int result = pavo_answer_next(answer, -1, &page);
    if (result != PAVO_END)
        print_message("%s\n", pavo_answer_error(answer));
    assert_int_equal(result, PAVO_END);
}

static void expect_no_answer(pavo_asker *asker, const char *question, const char *const arguments[], const char *why)
{
    char error[PAVO_ERROR_MAX] = "";
    assert_null(pavo_ask(asker, question, arguments, error));
    if (strstr(error, why) == NULL)
        print_message("%s\n", error);
    assert_non_null(strstr(error, why));
}

/* ---------------------------------------------------------------- answers */

/* Flows of position 1, two pages; the name of the question decides on the rest. */
static void answer_flows(const struct peer *peer, const Pavo__Query *query)
{
    struct records *records = sample_flows(1);
    stand_in_reply_head(peer, query, records->kind, "pavo find 'port 22'");
    stand_in_reply_page(peer, query, records, 0, 1);
    stand_in_reply_page(peer, query, records, 1, 1);
    stand_in_reply_end(peer, query, 2);
    records_free(&records);
}

static void test_answer(void **state)
{
    (void)state;
    stand_in_set_handler(answer_flows);
    pavo_asker *asker = make_asker();
    pavo_answer *answer = ask(asker, "find");
    const pavo_columns *columns = pavo_answer_columns(answer), *page;
    uint64_t number;
    /* What it will have, before anything of it is there. */
    int flow = pavo_columns_field(columns, "flow");
    assert_int_equal(pavo_columns_rows(columns), 0);
    assert_int_equal(pavo_columns_kind(columns, flow), PAVO_KIND_NUMBER);
    assert_int_equal(pavo_columns_kind(columns, pavo_columns_field(columns, "sensor")), PAVO_KIND_TEXT);
    assert_int_equal(pavo_columns_kind(columns, pavo_columns_field(columns, "epoch")), PAVO_KIND_EPOCH);
    assert_int_equal(pavo_columns_number(columns, 0, flow, &number), 0);
    assert_null(pavo_columns_u64(columns, flow));
    assert_string_equal(pavo_answer_command(answer), "pavo find 'port 22'");
    assert_null(pavo_answer_gaps(answer));
    for (uint64_t i = 0; i < 2; i++) {
        page = next(answer);
        assert_int_equal(pavo_columns_rows(page), 1);
        assert_int_equal(pavo_columns_number(page, 0, flow, &number), 1);
        assert_int_equal(number, 10 + i);
        assert_int_equal(pavo_columns_number(page, 0, pavo_columns_field(page, "src_mac"), &number), 0);
        assert_string_equal(pavo_columns_text(page, 0, pavo_columns_field(page, "sensor")), "inner");
    }
    pavo_columns *copy = pavo_columns_copy(page);
    assert_int_equal(pavo_answer_coverage(answer), PAVO_COVERAGE_UNKNOWN);
    expect_end(answer);
    expect_end(answer);
    assert_int_equal(pavo_answer_coverage(answer), PAVO_COVERAGE_WHOLE);
    assert_int_equal(pavo_columns_rows(pavo_answer_gaps(answer)), 0);
    pavo_answer_destroy(&answer);
    pavo_asker_destroy(&asker);
    assert_string_equal(pavo_columns_text(copy, 0, flow), "11"); /* outlives them all */
    assert_null(pavo_columns_text(copy, 0, pavo_columns_field(copy, "src_mac")));
    pavo_columns_destroy(&copy);
}

static void answer_partial(const struct peer *peer, const Pavo__Query *query)
{
    Pavo__Reply reply = PAVO__REPLY__INIT;
    Pavo__Coverage coverage = PAVO__COVERAGE__INIT;
    Pavo__Gap gap = PAVO__GAP__INIT, *gaps[] = {&gap};
    Pavo__Reach reach = PAVO__REACH__INIT, *reaches[] = {&reach};
    stand_in_reply_head(peer, query, record_kinds[RECORD_LOSS], "");
    coverage.state = PAVO__COVERAGE__STATE__PARTIAL;
    coverage.gaps = gaps;
    coverage.n_gaps = 1;
    coverage.reaches = reaches;
    coverage.n_reaches = 1;
    coverage.oldest_ns = 1;
    coverage.newest_ns = 2;
    coverage.position = 3;
    coverage.elapsed_ns = 4;
    gap.kind = PAVO__GAP__KIND__SILENT;
    gap.sensor = reach.sensor = (char *)"inner";
    gap.from_ns = reach.through_ns = SAMPLE_TIME;
    reply.coverage = &coverage;
    stand_in_reply(peer, query, &reply);
}

static void test_coverage(void **state)
{
    (void)state;
    stand_in_set_handler(answer_partial);
    pavo_asker *asker = make_asker();
    pavo_answer *answer = ask(asker, "losses");
    int64_t oldest, newest, elapsed;
    uint64_t position;
    assert_int_equal(pavo_answer_extent(answer, &oldest, &newest, &position, &elapsed), -1);
    expect_end(answer); /* without a row */
    assert_int_equal(pavo_answer_coverage(answer), PAVO_COVERAGE_PARTIAL);
    assert_int_equal(pavo_answer_extent(answer, &oldest, &newest, &position, &elapsed), 0);
    assert_true(oldest == 1 && newest == 2 && position == 3 && elapsed == 4);
    const pavo_columns *gaps = pavo_answer_gaps(answer), *reaches = pavo_answer_reaches(answer);
    assert_string_equal(pavo_columns_text(gaps, 0, pavo_columns_field(gaps, "gap")), "silent");
    assert_string_equal(pavo_columns_text(gaps, 0, pavo_columns_field(gaps, "sensor")), "inner");
    assert_null(pavo_columns_text(gaps, 0, pavo_columns_field(gaps, "at_most"))); /* nobody knows */
    assert_string_equal(pavo_columns_text(reaches, 0, pavo_columns_field(reaches, "through")),
                        "2023-11-14T22:13:20.123456789Z");
    pavo_answer_destroy(&answer);
    pavo_asker_destroy(&asker);
}

/* ---------------------------------------------------------------- how it is asked */

/* What was asked, said in an error. */
static void answer_echo(const struct peer *peer, const Pavo__Query *query)
{
    Pavo__Reply reply = PAVO__REPLY__INIT;
    char text[1024];
    size_t used = (size_t)snprintf(text, sizeof(text), "%s", query->question);
    for (size_t i = 0; i < query->n_arguments; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, " %s=%s", query->arguments[i]->name,
                                 query->arguments[i]->value);
    snprintf(text + used, sizeof(text) - used, " session=%.*s", (int)query->session.len, (char *)query->session.data);
    reply.error = text;
    reply.parameter = query->version == 1 && query->id > 0 ? (char *)"end" : (char *)"";
    reply.offset = 12;
    stand_in_reply(peer, query, &reply);
}

static void test_question(void **state)
{
    (void)state;
    stand_in_set_handler(answer_echo);
    pavo_asker *asker = make_asker();
    const char *const arguments[] = {"end", "203.0.113.5:40312", "at", "2026-11-23T20:36:40Z", NULL};
    const char *const dangling[] = {"end", NULL};
    assert_null(pavo_asker_parameter(asker));
    expect_no_answer(asker, "nat", arguments, "nat end=203.0.113.5:40312 at=2026-11-23T20:36:40Z session=");
    assert_string_equal(pavo_asker_parameter(asker), "end");
    assert_int_equal(pavo_asker_offset(asker), 12);
    expect_no_answer(asker, "nat", dangling, "the argument 'end' has no value"); /* is not sent */
    assert_null(pavo_asker_parameter(asker));
    assert_int_equal(pavo_asker_offset(asker), 0);
    expect_no_answer(asker, NULL, NULL, "no question was given");
    /* On behalf of a reader, and for oneself again. */
    assert_int_equal(pavo_asker_act_for(asker, "0123abcd"), 1);
    expect_no_answer(asker, "sensors", NULL, "sensors session=0123abcd");
    assert_int_equal(pavo_asker_act_for(asker, ""), 0);
    assert_int_equal(pavo_asker_act_for(asker, "with a space"), 0);
    char long_one[200];
    memset(long_one, 'a', sizeof(long_one) - 1);
    long_one[sizeof(long_one) - 1] = '\0';
    assert_int_equal(pavo_asker_act_for(asker, long_one), 0);
    expect_no_answer(asker, "sensors", NULL, "session=0123abcd"); /* what it refused changed nothing */
    assert_int_equal(pavo_asker_act_for(asker, NULL), 1);
    char error[PAVO_ERROR_MAX] = "";
    assert_null(pavo_ask(asker, "sensors", NULL, error));
    assert_string_equal(error, "sensors session=");
    assert_null(pavo_ask(asker, "sensors", NULL, NULL));
    pavo_asker_destroy(&asker);
}

static void test_gateway(void **state)
{
    (void)state;
    stand_in_set_handler(answer_flows);
    pavo_asker *asker = asker_with(door.gateway_key, PATIENCE_MS);
    pavo_answer *answer = ask(asker, "challenge");
    (void)next(answer);
    pavo_asker_destroy(&asker); /* too early: the answer says so */
    const pavo_columns *page;
    assert_int_equal(pavo_answer_next(answer, 0, &page), PAVO_FAILED);
    assert_non_null(strstr(pavo_answer_error(answer), "asker is gone"));
    pavo_answer_destroy(&answer);
}

static void test_delegation(void **state)
{
    (void)state;
    struct keys reader, gateway;
    struct error err = {""};
    struct delegation_challenge challenge = {.gateway = "console", .reader = "analyst"};
    uint8_t sign_public[KEY_BYTES], sign_secret[KEY_SIGN_SECRET_BYTES];
    char text[DELEGATION_CHALLENGE_MAX], signature[PAVO_SIGNATURE_MAX] = "", error[PAVO_ERROR_MAX] = "";
    unsigned seconds = 0;
    assert_int_equal(keys_read(door.reader_key, &reader, &err), RESULT_OK);
    assert_int_equal(keys_read(door.gateway_key, &gateway, &err), RESULT_OK);
    assert_int_equal(keys_sign_pair(&reader, sign_public, sign_secret, &err), RESULT_OK);
    strcpy(challenge.aggregator, reader.aggregator);
    strcpy(challenge.gateway_key, gateway.public_key);
    challenge.expires_ns = clock_wall_ns() + 60 * NS_PER_S;
    (void)delegation_challenge_text(&challenge, text);
    assert_int_equal(pavo_delegation_sign(door.reader_key, text, 600, signature, error), 1);
    assert_int_equal(delegation_verify(sign_public, text, signature, clock_wall_ns(), &seconds, &err), RESULT_OK);
    assert_int_equal(seconds, 600);
    /* What cannot be signed leaves the signature alone. */
    assert_int_equal(pavo_delegation_sign(door.gateway_key, text, 600, signature, error), 0);
    assert_int_equal(pavo_delegation_sign(door.stranger_key, text, 600, signature, error), 0);
    assert_non_null(strstr(error, "for reader analyst"));
    assert_int_equal(pavo_delegation_sign(door.reader_key, "nonsense", 600, signature, error), 0);
    assert_int_equal(pavo_delegation_sign("/nonexistent/reader.key", text, 600, signature, error), 0);
    assert_non_null(strstr(error, "/nonexistent/reader.key"));
    assert_int_equal(pavo_delegation_sign(door.reader_key, text, 0, signature, error), 0);
    assert_int_equal(pavo_delegation_sign(NULL, text, 600, signature, NULL), 0);
    assert_int_equal(pavo_delegation_sign(door.reader_key, NULL, 600, signature, error), 0);
    assert_int_equal(pavo_delegation_sign(door.reader_key, text, 600, NULL, error), 0);
    assert_int_equal(delegation_verify(sign_public, text, signature, clock_wall_ns(), &seconds, &err), RESULT_OK);
    keys_clear(&reader);
    keys_clear(&gateway);
}

/* ---------------------------------------------------------------- one at a time */

/* The question "slow" goes on after the next one has been asked. */
static void answer_late(const struct peer *peer, const Pavo__Query *query)
{
    static struct peer slow_peer;
    static Pavo__Query slow_query;
    struct records *records = sample_flows(strcmp(query->question, "slow") == 0 ? 1 : 2);
    stand_in_reply_head(peer, query, records->kind, "");
    stand_in_reply_page(peer, query, records, 0, 1);
    if (strcmp(query->question, "slow") == 0) {
        slow_peer = *peer;
        slow_query = (Pavo__Query)PAVO__QUERY__INIT;
        slow_query.id = query->id;
    } else {
        struct records *late = sample_flows(1);
        stand_in_reply_page(&slow_peer, &slow_query, late, 1, 1);
        stand_in_reply_end(&slow_peer, &slow_query, 2);
        records_free(&late);
        stand_in_reply_end(peer, query, 1);
    }
    records_free(&records);
}

static void test_one_at_a_time(void **state)
{
    (void)state;
    stand_in_set_handler(answer_late);
    pavo_asker *asker = make_asker();
    const pavo_columns *page;
    for (unsigned round = 0; round < 2; round++) {
        pavo_answer *slow = ask(asker, "slow");
        (void)next(slow);
        assert_int_equal(pavo_answer_next(slow, 10, &page), PAVO_TIMEOUT); /* and can be asked again */
        assert_int_equal(pavo_answer_next(slow, 0, &page), PAVO_TIMEOUT);
        if (round == 0)
            pavo_answer_destroy(&slow); /* ended early */
        pavo_answer *quick = ask(asker, "quick");
        page = next(quick);
        assert_string_equal(pavo_columns_text(page, 0, pavo_columns_field(page, "flow")), "20");
        expect_end(quick);
        if (round == 1) { /* ended by the next question */
            assert_int_equal(pavo_answer_next(slow, 0, &page), PAVO_FAILED);
            assert_non_null(strstr(pavo_answer_error(slow), "another question"));
            pavo_answer_destroy(&slow);
            expect_end(quick); /* which did not end the other */
        }
        pavo_answer_destroy(&quick);
    }
    pavo_asker_destroy(&asker);
}

/* ---------------------------------------------------------------- cancelled */

/* A question that goes on for ever; "mute" has not even a head. What was cancelled is kept. */
static atomic_uint_fast64_t asked_id, cancelled_id;

static void answer_for_ever(const struct peer *peer, const Pavo__Query *query)
{
    if (query->cancel != 0) {
        atomic_store(&cancelled_id, query->cancel);
        return;
    }
    atomic_store(&asked_id, query->id);
    if (strcmp(query->question, "mute") != 0)
        stand_in_reply_head(peer, query, record_kinds[RECORD_FLOW], "");
}

static void expect_cancelled(void)
{
    int64_t end = clock_monotonic_ns() + PATIENCE_MS * NS_PER_MS;
    while (atomic_load(&cancelled_id) == 0 && clock_monotonic_ns() < end)
        usleep(1000);
    assert_int_equal(atomic_exchange(&cancelled_id, 0), atomic_load(&asked_id));
}

static pavo_asker *to_cancel;
static void cancel_it(int signal_number)
{
    (void)signal_number;
    pavo_asker_cancel(to_cancel);
}

/* In the middle of pavo_ask, and of pavo_answer_next: a signal. */
static void cancel_soon(pavo_asker *asker)
{
    const struct itimerval soon = {.it_value = {.tv_usec = 100000}};
    to_cancel = asker;
    signal(SIGALRM, cancel_it);
    assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
}

static void test_cancel(void **state)
{
    (void)state;
    stand_in_set_handler(answer_for_ever);
    pavo_asker *asker = make_asker();
    const pavo_columns *page;
    char error[PAVO_ERROR_MAX] = "";
    pavo_asker_cancel(NULL);
    pavo_asker_cancel(asker); /* there is none: the next is asked */
    pavo_answer *answer = ask(asker, "find");
    cancel_soon(asker);
    int64_t begin = clock_monotonic_ns();
    assert_int_equal(pavo_answer_next(answer, -1, &page), PAVO_FAILED);
    assert_string_equal(pavo_answer_error(answer), "the question was cancelled");
    assert_int_equal(pavo_answer_next(answer, -1, &page), PAVO_FAILED);
    expect_cancelled();
    cancel_soon(asker);
    assert_null(pavo_ask(asker, "mute", NULL, error));
    assert_string_equal(error, "the question was cancelled");
    assert_true(clock_monotonic_ns() - begin < PATIENCE_MS / 2 * NS_PER_MS);
    expect_cancelled();
    pavo_answer_destroy(&answer);
    stand_in_set_handler(answer_flows); /* and the asker is as good as before */
    answer = ask(asker, "find");
    (void)next(answer);
    (void)next(answer);
    expect_end(answer);
    pavo_answer_destroy(&answer);
    pavo_asker_destroy(&asker);
}

/* What is not wanted any more here is not worked on there. */
static void test_what_ends_here_ends_there(void **state)
{
    (void)state;
    stand_in_set_handler(answer_for_ever);
    pavo_asker *asker = make_asker();
    pavo_answer *first = ask(asker, "find"), *second;
    pavo_answer_destroy(&first);
    expect_cancelled();
    first = ask(asker, "find");
    uint64_t id = atomic_load(&asked_id);
    second = ask(asker, "find");
    int64_t end = clock_monotonic_ns() + PATIENCE_MS * NS_PER_MS;
    while (atomic_load(&cancelled_id) != id && clock_monotonic_ns() < end)
        usleep(1000);
    assert_int_equal(atomic_exchange(&cancelled_id, 0), id);
    pavo_asker_destroy(&asker);
    expect_cancelled();
    pavo_answer_destroy(&first);
    pavo_answer_destroy(&second);
    pavo_asker *impatient = asker_with(door.reader_key, 300);
    expect_no_answer(impatient, "mute", NULL, "does not answer");
    expect_cancelled();
    pavo_asker_destroy(&impatient);
}

/* One that is complete stays so. */
static void test_complete_stays(void **state)
{
    (void)state;
    stand_in_set_handler(answer_partial);
    pavo_asker *asker = make_asker();
    pavo_answer *first = ask(asker, "losses");
    expect_end(first);
    pavo_answer *second = ask(asker, "losses");
    expect_end(first);
    assert_null(pavo_answer_error(first));
    assert_int_equal(pavo_answer_coverage(first), PAVO_COVERAGE_PARTIAL);
    pavo_answer_destroy(&first);
    expect_end(second);
    pavo_answer_destroy(&second);
    pavo_asker_destroy(&asker);
}

/* ---------------------------------------------------------------- in place of an answer */

static void answer_garbage(const struct peer *peer, const Pavo__Query *query)
{
    Pavo__Reply reply = PAVO__REPLY__INIT;
    struct records *records = sample_flows(1), *others = sample_loss();
    if (strcmp(query->question, "bytes") == 0) {
        stand_in_reply_bytes(peer, "\xff\xff garbled", 10);
    } else if (strcmp(query->question, "version") == 0) {
        reply.version = 2;
        stand_in_reply(peer, query, &reply);
    } else if (strcmp(query->question, "headless") == 0) {
        stand_in_reply_page(peer, query, records, 0, 1);
    } else {
        stand_in_reply_head(peer, query, records->kind, "");
        if (strcmp(query->question, "page") == 0)
            stand_in_reply_page(peer, query, others, 0, 1);
        else if (strcmp(query->question, "later version") == 0)
            reply.version = 2;
        else if (strcmp(query->question, "later bytes") == 0)
            stand_in_reply_bytes(peer, "\xff\xff garbled", 10);
        else if (strcmp(query->question, "later error") == 0)
            reply.error = (char *)"the disk is on fire";
        reply.more = true;
        stand_in_reply(peer, query, &reply);
    }
    records_free(&records);
    records_free(&others);
}

static void test_garbage(void **state)
{
    (void)state;
    stand_in_set_handler(answer_garbage);
    pavo_asker *asker = make_asker();
    expect_no_answer(asker, "bytes", NULL, "cannot be read");
    expect_no_answer(asker, "version", NULL, "speaks version 2 of the protocol, this program version 1");
    expect_no_answer(asker, "headless", NULL, "what columns");
    static const char *const later[][2] = {{"page", "do not fit"},
                                           {"later version", "version 2"},
                                           {"later bytes", "cannot be read"},
                                           {"later error", "on fire"}};
    for (unsigned i = 0; i < 4; i++) {
        const pavo_columns *page;
        pavo_answer *answer = ask(asker, later[i][0]);
        assert_int_equal(pavo_answer_next(answer, PATIENCE_MS, &page), PAVO_FAILED);
        assert_non_null(strstr(pavo_answer_error(answer), later[i][1]));
        assert_int_equal(pavo_answer_coverage(answer), PAVO_COVERAGE_UNKNOWN);
        pavo_answer_destroy(&answer);
    }
    stand_in_set_handler(answer_flows); /* and the asker is as good as before */
    pavo_answer *answer = ask(asker, "find");
    (void)next(answer);
    (void)next(answer);
    expect_end(answer);
    pavo_answer_destroy(&answer);
    pavo_asker_destroy(&asker);
}

static void answer_head_only(const struct peer *peer, const Pavo__Query *query)
{
    stand_in_reply_head(peer, query, record_kinds[RECORD_FLOW], "");
}

static void test_silence(void **state)
{
    (void)state;
    pavo_asker *asker = asker_with(door.reader_key, 1000);
    expect_no_answer(asker, "find", NULL, "let us in, but does not answer");
    assert_null(pavo_asker_error(asker));
    stand_in_set_handler(answer_head_only);
    pavo_answer *answer = ask(asker, "find");
    const pavo_columns *page;
    int64_t begin = clock_monotonic_ns();
    assert_int_equal(pavo_answer_next(answer, 10, &page), PAVO_TIMEOUT);
    assert_true(clock_monotonic_ns() - begin < 900 * NS_PER_MS);
    assert_int_equal(pavo_answer_next(answer, -1, &page), PAVO_TIMEOUT); /* as long as the options say */
    assert_true(clock_monotonic_ns() - begin >= 900 * NS_PER_MS);
    pavo_answer_destroy(&answer);
    pavo_asker_destroy(&asker);
}

static void test_refused(void **state)
{
    (void)state;
    pavo_asker *asker = asker_with(door.stranger_key, PATIENCE_MS);
    expect_no_answer(asker, "find", NULL, "refuses the key 'stranger'");
    assert_non_null(strstr(pavo_asker_error(asker), "refuses the key 'stranger'"));
    pavo_asker_destroy(&asker);
}

static void test_not_there(void **state)
{
    (void)state;
    pavo_options *options = stand_in_options(PAVO_TOPIC_FLOW);
    pavo_options_set_doors(options, NULL, "ipc:///nonexistent/answer");
    pavo_options_set_timeout(options, 200);
    pavo_asker *asker = pavo_asker_new(options, NULL);
    pavo_options_destroy(&options);
    expect_no_answer(asker, "find", NULL, "cannot be reached");
    assert_non_null(strstr(pavo_asker_error(asker), "cannot be reached"));
    pavo_asker_destroy(&asker);
}

static void expect_no_asker(pavo_options *options, const char *why)
{
    char error[PAVO_ERROR_MAX] = "";
    assert_null(pavo_asker_new(options, error));
    assert_non_null(strstr(error, why));
    pavo_options_destroy(&options);
}

static void test_bad_options(void **state)
{
    (void)state;
    expect_no_asker(pavo_options_new(), "no key file was given");
    pavo_options *options = stand_in_options(PAVO_TOPIC_FLOW);
    pavo_options_set_key_file(options, door.sensor_key);
    expect_no_asker(options, "is the key of a sensor");
    options = stand_in_options(PAVO_TOPIC_FLOW);
    pavo_options_set_doors(options, NULL, NULL);
    pavo_options_set_aggregator(options, "tcp://host");
    expect_no_asker(options, "is one endpoint");
}

static void test_used_wrongly(void **state)
{
    (void)state;
    pavo_asker *none = NULL;
    char error[PAVO_ERROR_MAX] = "why there is none";
    assert_null(pavo_ask(NULL, "find", NULL, error));
    assert_string_equal(error, "why there is none");
    assert_non_null(pavo_asker_error(NULL));
    assert_null(pavo_asker_parameter(NULL));
    assert_int_equal(pavo_asker_offset(NULL), 0);
    assert_int_equal(pavo_asker_act_for(NULL, NULL), 0);
    pavo_asker_destroy(NULL);
    pavo_asker_destroy(&none);
}

/* The door closes in the middle of an answer. Last, for it stays closed. */
static void test_gone_away(void **state)
{
    (void)state;
    stand_in_set_handler(answer_head_only);
    pavo_asker *asker = make_asker();
    pavo_answer *answer = ask(asker, "find");
    const pavo_columns *page;
    stand_in_close_answer_door();
    assert_int_equal(pavo_answer_next(answer, PATIENCE_MS, &page), PAVO_FAILED);
    assert_non_null(strstr(pavo_answer_error(answer), "has gone away"));
    pavo_answer_destroy(&answer);
    pavo_asker_destroy(&asker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_answer, stand_in_forget),
        cmocka_unit_test_setup(test_coverage, stand_in_forget),
        cmocka_unit_test_setup(test_question, stand_in_forget),
        cmocka_unit_test_setup(test_gateway, stand_in_forget),
        cmocka_unit_test_setup(test_delegation, stand_in_forget),
        cmocka_unit_test_setup(test_one_at_a_time, stand_in_forget),
        cmocka_unit_test_setup(test_cancel, stand_in_forget),
        cmocka_unit_test_setup(test_what_ends_here_ends_there, stand_in_forget),
        cmocka_unit_test_setup(test_complete_stays, stand_in_forget),
        cmocka_unit_test_setup(test_garbage, stand_in_forget),
        cmocka_unit_test_setup(test_silence, stand_in_forget),
        cmocka_unit_test_setup(test_refused, stand_in_forget),
        cmocka_unit_test_setup(test_not_there, stand_in_forget),
        cmocka_unit_test_setup(test_bad_options, stand_in_forget),
        cmocka_unit_test_setup(test_used_wrongly, stand_in_forget),
        cmocka_unit_test_setup(test_gone_away, stand_in_forget),
    };
    return cmocka_run_group_tests(tests, stand_in_open, stand_in_close);
}
