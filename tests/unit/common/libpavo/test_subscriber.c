/* SPDX-License-Identifier: Apache-2.0 */
/* Subscribing through the public header, against real sockets that speak the protocol under CURVE: what comes live,
 * what is missing and fetched, what is missing for good, and who is not let in. */
#include <poll.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zmq.h>

#include "common/clock.h"
#include "sample.h"
#include "stand_in.h"

/* Two flows: numbers 10 * position and one more; to ports 22 and 443. */
static void publish_flows(uint64_t position, uint64_t previous, int how)
{
    struct records *records = sample_flows(position);
    stand_in_publish(records, position, previous, how);
    records_free(&records);
}

static void publish_verdict(uint64_t position, uint64_t previous, uint64_t flow, bool linked, int how)
{
    struct records *records = sample_verdict(flow, linked);
    stand_in_publish(records, position, previous, how);
    records_free(&records);
}

static pavo_subscriber *follow(unsigned topics)
{
    return stand_in_subscribe(stand_in_options(topics), topics);
}

static const pavo_event *next(pavo_subscriber *subscriber)
{
    const pavo_event *event = NULL;
    int result = pavo_subscriber_next(subscriber, PATIENCE_MS, &event);
    if (result != PAVO_OK)
        print_message("no event (%d): %s\n", result, pavo_subscriber_error(subscriber));
    assert_int_equal(result, PAVO_OK);
    return event;
}

static uint64_t number_of(const pavo_event *event, const char *field)
{
    uint64_t number = 0;
    assert_int_equal(pavo_event_number(event, field, &number), 1);
    return number;
}

static void expect_flow(pavo_subscriber *subscriber, uint64_t number)
{
    const pavo_event *event = next(subscriber);
    assert_int_equal(pavo_event_kind(event), PAVO_EVENT_FLOW);
    assert_int_equal(number_of(event, "flow"), number);
}

static void expect_flows(pavo_subscriber *subscriber, uint64_t position)
{
    expect_flow(subscriber, 10 * position);
    expect_flow(subscriber, 10 * position + 1);
}

static void expect_gap(pavo_subscriber *subscriber, uint64_t after, uint64_t through, const char *why)
{
    const pavo_event *event = next(subscriber);
    size_t row = 1, size = 1;
    uint64_t number;
    assert_int_equal(pavo_event_kind(event), PAVO_EVENT_GAP);
    assert_int_equal(pavo_event_gap_after(event), after);
    assert_int_equal(pavo_event_position(event), through);
    if (strstr(pavo_event_gap_reason(event), why) == NULL)
        print_message("%s\n", pavo_event_gap_reason(event));
    assert_non_null(strstr(pavo_event_gap_reason(event), why));
    assert_non_null(strstr(pavo_event_json(event), "\"event\":\"gap\""));
    assert_non_null(strstr(pavo_event_json(event), "\"topic\":\"flow\""));
    assert_null(pavo_event_columns(event, &row));
    assert_null(pavo_event_message(event, &size));
    assert_int_equal(size, 0);
    assert_int_equal(pavo_event_number(event, "flow", &number), 0);
    assert_null(pavo_event_text(event, "flow"));
    assert_string_equal(pavo_event_sensor(event), "");
}

static void expect_nothing(pavo_subscriber *subscriber)
{
    const pavo_event *event;
    assert_int_equal(pavo_subscriber_next(subscriber, 0, &event), PAVO_TIMEOUT);
}

/* ---------------------------------------------------------------- live */

static void test_live(void **state)
{
    (void)state;
    pavo_options *options = stand_in_options(PAVO_TOPIC_FLOW);
    pavo_options_set_filter(options, PAVO_TOPIC_FLOW, "dst port 22");
    pavo_subscriber *subscriber = stand_in_subscribe(options, PAVO_TOPIC_FLOW);
    assert_true(pavo_subscriber_position(subscriber, PAVO_TOPIC_FLOW) == PAVO_START_NOW);
    publish_flows(5, 4, SENT); /* what came before us is not missing */
    const pavo_event *event = next(subscriber);
    uint8_t address[16];
    int64_t time;
    size_t size, row = 9;
    assert_int_equal(pavo_event_kind(event), PAVO_EVENT_FLOW);
    assert_int_equal(pavo_event_topic(event), PAVO_TOPIC_FLOW);
    assert_int_equal(pavo_event_position(event), 5);
    assert_int_equal(number_of(event, "flow"), 50);
    assert_int_equal(number_of(event, "dst_port"), 22);
    assert_int_equal(pavo_event_signed(event, "first_time", &time), 1);
    assert_int_equal(time, SAMPLE_TIME);
    assert_string_equal(pavo_event_text(event, "src"), "10.0.1.17");
    assert_string_equal(pavo_event_text(event, "dst"), "2001:db8::9");
    assert_int_equal(pavo_event_address(event, "src", address), 1);
    assert_memory_equal(address, ((uint8_t[]){0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 1, 17}), 16);
    assert_string_equal(pavo_event_text(event, "state"), "SF");
    assert_string_equal(pavo_event_sensor(event), "inner");
    assert_int_equal(pavo_event_epoch(event), SAMPLE_EPOCH);
    assert_non_null(strstr(pavo_event_json(event), "{\"event\":\"flow\",\"position\":5,"));
    assert_non_null(strstr(pavo_event_json(event), "\"sensor\":\"inner\""));
    assert_int_equal(pavo_columns_rows(pavo_event_columns(event, &row)), 1); /* those that were chosen */
    assert_int_equal(row, 0);
    Pavo__Published *message =
        pavo__published__unpack(NULL, (pavo_event_message(event, &size), size), pavo_event_message(event, NULL));
    assert_non_null(message);
    assert_int_equal(message->flows->rows, 2);
    pavo__published__free_unpacked(message, NULL);
    assert_int_equal(pavo_subscriber_position(subscriber, PAVO_TOPIC_FLOW), 5);
    expect_nothing(subscriber); /* the other flow is not for port 22 */
    assert_int_equal(pavo_subscriber_count(subscriber, PAVO_COUNT_RECORDS), 2);
    assert_int_equal(pavo_subscriber_count(subscriber, PAVO_COUNT_RECORDS_CHOSEN), 1);
    /* Both doors are open, the answer door perhaps in a moment. */
    for (int64_t end = clock_monotonic_ns() + PATIENCE_MS * NS_PER_MS; pavo_subscriber_error(subscriber) != NULL;) {
        assert_true(clock_monotonic_ns() < end);
        assert_int_equal(pavo_subscriber_next(subscriber, 10, &event), PAVO_TIMEOUT);
    }
    pavo_subscriber_destroy(&subscriber);
    assert_null(subscriber);
}

static void test_absent_is_not_zero(void **state)
{
    (void)state;
    pavo_subscriber *subscriber = follow(PAVO_TOPIC_FLOW);
    publish_flows(5, 4, SENT);
    const pavo_event *event = next(subscriber);
    uint64_t number = 42;
    int64_t time = 42;
    uint8_t address[16] = {42};
    assert_int_equal(pavo_event_number(event, "dst_bytes", &number), 1);
    assert_int_equal(number, 0);
    number = 42;
    assert_int_equal(pavo_event_number(event, "src_mac", &number), 0);
    assert_int_equal(pavo_event_signed(event, "src_mac", &time), 0);
    assert_int_equal(pavo_event_address(event, "tunnel_src", address), 0);
    assert_null(pavo_event_text(event, "src_mac"));
    assert_int_equal(number + (uint64_t)time + address[0], 3 * 42);
    /* And what is asked for wrongly is not known either. */
    assert_int_equal(pavo_event_number(event, "nonsense", &number), 0);
    assert_int_equal(pavo_event_number(event, NULL, &number), 0);
    assert_int_equal(pavo_event_number(event, "flow", NULL), 0);
    assert_int_equal(pavo_event_signed(event, NULL, &time), 0);
    assert_int_equal(pavo_event_address(event, NULL, address), 0);
    assert_null(pavo_event_text(event, NULL));
    pavo_subscriber_destroy(&subscriber);
}

static void test_used_wrongly(void **state)
{
    (void)state;
    pavo_subscriber *none = NULL;
    pavo_event *copy = NULL;
    const pavo_event *event;
    uint64_t number;
    assert_int_equal(pavo_subscriber_next(NULL, 0, &event), PAVO_FAILED);
    assert_int_equal(pavo_subscriber_fd(NULL), -1);
    assert_non_null(pavo_subscriber_error(NULL));
    assert_true(pavo_subscriber_position(NULL, PAVO_TOPIC_FLOW) == PAVO_START_NOW);
    assert_int_equal(pavo_subscriber_count(NULL, PAVO_COUNT_MESSAGES), 0);
    pavo_subscriber_skip(NULL);
    pavo_subscriber_destroy(NULL);
    pavo_subscriber_destroy(&none);
    assert_int_equal(pavo_event_kind(NULL), 0);
    assert_int_equal(pavo_event_topic(NULL), 0);
    assert_int_equal(pavo_event_number(NULL, "flow", &number), 0);
    assert_null(pavo_event_text(NULL, "flow"));
    assert_null(pavo_event_json(NULL));
    assert_null(pavo_event_copy(NULL));
    assert_null(pavo_event_gap_reason(NULL));
    assert_string_equal(pavo_event_sensor(NULL), "");
    pavo_event_destroy(NULL);
    pavo_event_destroy(&copy);
    pavo_subscriber *subscriber = follow(PAVO_TOPIC_FLOW);
    pavo_subscriber_skip(subscriber); /* before there is anything */
    assert_true(pavo_subscriber_position(subscriber, 3) == PAVO_START_NOW);
    assert_int_equal(pavo_subscriber_count(subscriber, (enum pavo_count)99), 0);
    assert_int_equal(pavo_subscriber_next(subscriber, 0, NULL), PAVO_FAILED);
    pavo_subscriber_destroy(&subscriber);
}

/* A copy is there when the subscriber is not any more. */
static void test_event_copy(void **state)
{
    (void)state;
    pavo_subscriber *subscriber = follow(PAVO_TOPIC_VERDICT | PAVO_TOPIC_FLOW);
    publish_verdict(7, 3, 17, true, SENT);
    pavo_event *copy = pavo_event_copy(next(subscriber));
    publish_flows(8, 1, SENT);
    (void)next(subscriber);
    pavo_event *second = pavo_event_copy(next(subscriber));
    pavo_event *copy_of_copy = pavo_event_copy(second);
    pavo_subscriber_destroy(&subscriber);
    size_t row = 9, size;
    assert_int_equal(pavo_event_kind(copy), PAVO_EVENT_VERDICT);
    assert_int_equal(pavo_event_position(copy), 7);
    assert_string_equal(pavo_event_text(copy, "post_nat_src"), "203.0.113.5");
    assert_string_equal(pavo_event_sensor(copy), "inner");
    const pavo_columns *columns = pavo_event_columns(copy, &row);
    assert_int_equal(pavo_columns_rows(columns), 1);
    assert_int_equal(pavo_columns_items(columns, row, pavo_columns_field(columns, "terms")), 2);
    assert_non_null(strstr(pavo_event_json(copy), "\"terms\":[{\"kind\":\"prior\""));
    assert_null(pavo_event_message(copy, &size));
    pavo_event_destroy(&copy);
    assert_null(copy);
    assert_int_equal(number_of(second, "flow"), 81);
    pavo_event_destroy(&second);
    assert_int_equal(number_of(copy_of_copy, "flow"), 81);
    pavo_event_destroy(&copy_of_copy);
}

static void test_gap_copy(void **state)
{
    (void)state;
    pavo_subscriber *subscriber = follow(PAVO_TOPIC_FLOW);
    publish_flows(1, 0, SENT);
    publish_flows(4, 3, SENT);
    expect_flows(subscriber, 1);
    pavo_event *gap = pavo_event_copy(next(subscriber));
    pavo_subscriber_destroy(&subscriber);
    assert_int_equal(pavo_event_kind(gap), PAVO_EVENT_GAP);
    assert_int_equal(pavo_event_gap_after(gap), 1);
    assert_non_null(strstr(pavo_event_json(gap), "\"position\":3,\"topic\":\"flow\",\"after\":1,"));
    pavo_event_destroy(&gap);
}

/* A message at once, and then the next one. */
static void test_columns_and_skip(void **state)
{
    (void)state;
    pavo_subscriber *subscriber = follow(PAVO_TOPIC_FLOW);
    publish_flows(1, 0, SENT);
    publish_flows(2, 1, SENT);
    publish_flows(5, 4, SENT);
    size_t row;
    const pavo_event *event = next(subscriber);
    const pavo_columns *columns = pavo_event_columns(event, &row);
    int port = pavo_columns_field(columns, "dst_port");
    assert_int_equal(pavo_columns_rows(columns), 2);
    assert_int_equal(pavo_columns_u32(columns, port)[0], 22);
    assert_int_equal(pavo_columns_u32(columns, port)[1], 443);
    assert_true(pavo_subscriber_position(subscriber, PAVO_TOPIC_FLOW) == PAVO_START_NOW);
    pavo_subscriber_skip(subscriber);
    assert_int_equal(pavo_subscriber_position(subscriber, PAVO_TOPIC_FLOW), 1);
    assert_int_equal(number_of(event, "flow"), 10); /* is still there */
    expect_flow(subscriber, 20);
    expect_flow(subscriber, 21);
    pavo_subscriber_skip(subscriber); /* nothing is left */
    expect_gap(subscriber, 2, 4, "no longer in the store");
    pavo_subscriber_skip(subscriber); /* a gap is no part of a message */
    expect_flows(subscriber, 5);
    pavo_subscriber_destroy(&subscriber);
}

/* Each topic has its own filter, in the words of its kind. */
static void test_filters(void **state)
{
    (void)state;
    unsigned topics = PAVO_TOPIC_FLOW | PAVO_TOPIC_VERDICT | PAVO_TOPIC_LOSS;
    pavo_options *options = stand_in_options(topics);
    pavo_options_set_filter(options, PAVO_TOPIC_FLOW, "dst port 443");
    pavo_options_set_filter(options, PAVO_TOPIC_VERDICT, "verdict blocked");
    pavo_subscriber *subscriber = stand_in_subscribe(options, topics);
    struct records *loss = sample_loss();
    publish_flows(1, 0, SENT);
    publish_verdict(2, 0, 17, true, SENT);
    publish_verdict(3, 2, 18, false, SENT);
    stand_in_publish(loss, 4, 0, SENT);
    records_free(&loss);
    expect_flow(subscriber, 11);
    const pavo_event *event = next(subscriber);
    assert_int_equal(pavo_event_kind(event), PAVO_EVENT_VERDICT);
    assert_int_equal(number_of(event, "flow"), 18);
    assert_int_equal(pavo_event_kind(next(subscriber)), PAVO_EVENT_LOSS);
    assert_int_equal(pavo_subscriber_position(subscriber, PAVO_TOPIC_VERDICT), 3);
    assert_int_equal(pavo_subscriber_count(subscriber, PAVO_COUNT_RECORDS), 5);
    assert_int_equal(pavo_subscriber_count(subscriber, PAVO_COUNT_RECORDS_CHOSEN), 3);
    pavo_subscriber_destroy(&subscriber);
}

static void test_garbled(void **state)
{
    (void)state;
    pavo_subscriber *subscriber = follow(PAVO_TOPIC_FLOW);
    publish_flows(1, 0, SENT);
    publish_flows(2, 1, STORED);
    stand_in_send("flow", "\xff\xff garbled", 10);
    stand_in_send("flow", NULL, 0);  /* a frame too few */
    stand_in_send("flowers", "", 0); /* a topic that only begins like ours */
    publish_flows(3, 2, SENT);
    for (uint64_t position = 1; position <= 3; position++)
        expect_flows(subscriber, position);
    assert_int_equal(pavo_subscriber_count(subscriber, PAVO_COUNT_MALFORMED), 3);
    pavo_subscriber_destroy(&subscriber);
}

static void test_verdicts(void **state)
{
    (void)state;
    pavo_subscriber *subscriber = follow(PAVO_TOPIC_VERDICT);
    publish_verdict(7, 3, 17, true, SENT);
    const pavo_event *event = next(subscriber);
    assert_int_equal(pavo_event_kind(event), PAVO_EVENT_VERDICT);
    assert_string_equal(pavo_event_text(event, "boundary"), "nat");
    assert_string_equal(pavo_event_text(event, "partner_sensor"), "outer");
    assert_int_equal(number_of(event, "partner_epoch"), SAMPLE_EPOCH + 1);
    assert_int_equal(number_of(event, "partner_flow"), 1017);
    assert_int_equal(number_of(event, "post_nat_src_port"), 40312);
    const char *json = pavo_event_json(event);
    assert_non_null(strstr(json, "\"method\":\"sequence_numbers\""));
    assert_non_null(strstr(json, "\"first_time\":\"2023-11-14T22:13:20.123456789Z\""));
    assert_non_null(strstr(json, "\"partner_sensor\":\"outer\""));
    assert_non_null(strstr(json, "\"post_nat_src\":\"203.0.113.5\",\"post_nat_src_port\":40312"));
    /* Many verdicts of one position come in parts; the same parts a second time do not. */
    publish_verdict(9, 7, 1, true, SENT);
    publish_verdict(9, 9, 2, true, SENT);
    publish_verdict(9, 7, 1, true, SENT);
    publish_verdict(9, 9, 2, true, SENT);
    publish_verdict(10, 9, 3, true, SENT);
    for (uint64_t flow = 1; flow <= 3; flow++)
        assert_int_equal(number_of(next(subscriber), "flow"), flow);
    expect_nothing(subscriber);
    pavo_subscriber_destroy(&subscriber);
}

static void test_losses_and_status(void **state)
{
    (void)state;
    unsigned topics = PAVO_TOPIC_LOSS | PAVO_TOPIC_STATUS;
    pavo_subscriber *subscriber = follow(topics);
    struct records *loss = sample_loss(), *status = sample_status();
    stand_in_publish(loss, 3, 1, SENT);
    const pavo_event *event = next(subscriber);
    assert_int_equal(pavo_event_kind(event), PAVO_EVENT_LOSS);
    assert_string_equal(pavo_event_sensor(event), "inner");
    assert_int_equal(pavo_event_epoch(event), SAMPLE_EPOCH);
    assert_non_null(strstr(pavo_event_json(event), "\"loss\":\"packets_kernel\""));
    assert_non_null(strstr(pavo_event_json(event), "\"count\":12"));
    stand_in_publish(status, 4, 2, SENT);
    event = next(subscriber);
    assert_int_equal(pavo_event_kind(event), PAVO_EVENT_STATUS);
    assert_int_equal(pavo_event_topic(event), PAVO_TOPIC_STATUS);
    assert_non_null(
        strstr(pavo_event_json(event), "\"dropped\":[{\"interface\":0,\"reason\":\"kernel\",\"packets\":5}]"));
    assert_non_null(strstr(pavo_event_json(event), "\"clock_offset\":-3"));
    assert_non_null(strstr(pavo_event_json(event), "\"records_made\":0"));
    records_free(&loss);
    records_free(&status);
    pavo_subscriber_destroy(&subscriber);
}

/* ---------------------------------------------------------------- out of the store */

static void test_gap_is_filled(void **state)
{
    (void)state;
    pavo_subscriber *subscriber = follow(PAVO_TOPIC_FLOW);
    publish_flows(1, 0, SENT | STORED);
    publish_flows(2, 1, STORED);
    publish_flows(4, 2, STORED); /* 3 was on another topic */
    publish_flows(5, 4, SENT | STORED);
    publish_flows(6, 5, SENT | STORED);
    stand_in_set_replay(1, NULL, 0, NULL); /* is asked again */
    for (uint64_t position = 1; position <= 6; position++) {
        if (position == 3)
            continue;
        expect_flows(subscriber, position);
        assert_int_equal(pavo_subscriber_position(subscriber, PAVO_TOPIC_FLOW), position);
    }
    expect_nothing(subscriber);
    assert_int_equal(pavo_subscriber_count(subscriber, PAVO_COUNT_GAPS), 1);
    assert_int_equal(pavo_subscriber_count(subscriber, PAVO_COUNT_REPLAYED), 2);
    assert_int_equal(pavo_subscriber_count(subscriber, PAVO_COUNT_GAPS_LOST), 0);
    pavo_subscriber_destroy(&subscriber);
}

static void test_gap_is_told(void **state)
{
    (void)state;
    pavo_subscriber *subscriber = follow(PAVO_TOPIC_FLOW);
    publish_flows(1, 0, SENT);
    publish_flows(4, 3, SENT); /* 2 and 3 are nowhere */
    expect_flows(subscriber, 1);
    expect_gap(subscriber, 1, 3, "no longer in the store");
    expect_flows(subscriber, 4);
    /* The store has the end of the next gap only. */
    publish_flows(6, 5, STORED);
    publish_flows(7, 6, SENT);
    expect_gap(subscriber, 4, 5, "no longer in the store");
    expect_flows(subscriber, 6);
    expect_flows(subscriber, 7);
    /* And of the next only the beginning; the store knows why. */
    publish_flows(8, 7, STORED);
    stand_in_set_replay(0, NULL, 0, "a file was damaged\n");
    publish_flows(10, 9, SENT);
    expect_flows(subscriber, 8);
    expect_gap(subscriber, 8, 9, "a file was damaged?");
    expect_flows(subscriber, 10);
    stand_in_set_replay(0, "the disk is on fire", 0, NULL);
    publish_flows(12, 11, SENT);
    expect_gap(subscriber, 10, 11, "on fire");
    expect_flow(subscriber, 120);
    assert_int_equal(pavo_subscriber_count(subscriber, PAVO_COUNT_GAPS_LOST), 4);
    pavo_subscriber_destroy(&subscriber);
}

/* A replay that is cut short is asked for again from where it ended. */
static void test_replay_in_parts(void **state)
{
    (void)state;
    pavo_subscriber *subscriber = follow(PAVO_TOPIC_FLOW);
    publish_flows(1, 0, SENT);
    for (uint64_t position = 2; position <= 6; position++)
        publish_flows(position, position - 1, STORED);
    stand_in_set_replay_most(2);
    publish_flows(7, 6, SENT);
    for (uint64_t position = 1; position <= 7; position++)
        expect_flows(subscriber, position);
    assert_int_equal(pavo_subscriber_count(subscriber, PAVO_COUNT_REPLAYED), 5);
    assert_int_equal(pavo_subscriber_count(subscriber, PAVO_COUNT_DUPLICATES), 0);
    assert_int_equal(pavo_subscriber_count(subscriber, PAVO_COUNT_GAPS_LOST), 0);
    pavo_subscriber_destroy(&subscriber);
}

/* The other topics are fetched as flows are. */
static void test_verdicts_are_replayed(void **state)
{
    (void)state;
    publish_verdict(3, 0, 1, true, STORED);
    publish_flows(4, 0, STORED); /* of no interest */
    publish_verdict(5, 3, 2, false, STORED);
    pavo_options *options = stand_in_options(PAVO_TOPIC_VERDICT);
    pavo_options_set_start(options, PAVO_TOPIC_VERDICT, PAVO_START_OLDEST);
    pavo_subscriber *subscriber = stand_in_subscribe(options, PAVO_TOPIC_VERDICT);
    publish_verdict(6, 5, 3, true, SENT | STORED);
    publish_verdict(7, 6, 4, true, STORED);
    publish_verdict(8, 7, 5, true, SENT | STORED);
    for (uint64_t flow = 1; flow <= 5; flow++) {
        const pavo_event *event = next(subscriber);
        assert_int_equal(pavo_event_kind(event), PAVO_EVENT_VERDICT);
        assert_int_equal(number_of(event, "flow"), flow);
        assert_int_equal(number_of(event, "terms"), flow == 2 ? 0 : 2);
    }
    expect_nothing(subscriber);
    assert_int_equal(pavo_subscriber_position(subscriber, PAVO_TOPIC_VERDICT), 8);
    pavo_subscriber_destroy(&subscriber);
}

static void test_start(void **state)
{
    (void)state;
    publish_flows(3, 2, STORED); /* 1 and 2 have expired */
    publish_flows(4, 3, STORED);
    publish_flows(5, 4, STORED);
    pavo_options *options = stand_in_options(PAVO_TOPIC_FLOW);
    pavo_options_set_start(options, PAVO_TOPIC_FLOW, PAVO_START_OLDEST);
    pavo_subscriber *subscriber = stand_in_subscribe(options, PAVO_TOPIC_FLOW);
    publish_flows(5, 4, SENT); /* published while the replay has it too */
    publish_flows(6, 5, SENT);
    for (uint64_t position = 3; position <= 6; position++)
        expect_flows(subscriber, position);
    expect_nothing(subscriber);
    assert_int_equal(pavo_subscriber_count(subscriber, PAVO_COUNT_DUPLICATES), 1);
    pavo_subscriber_destroy(&subscriber);

    options = stand_in_options(PAVO_TOPIC_FLOW);
    pavo_options_set_start(options, PAVO_TOPIC_FLOW, 4);
    subscriber = stand_in_subscribe(options, PAVO_TOPIC_FLOW);
    expect_flow(subscriber, 50);
    assert_int_equal(pavo_subscriber_position(subscriber, PAVO_TOPIC_FLOW), 4); /* the other flow of 5 is to come */
    expect_flow(subscriber, 51);
    pavo_subscriber_destroy(&subscriber);

    options = stand_in_options(PAVO_TOPIC_FLOW); /* from where the store has nothing any more */
    pavo_options_set_start(options, PAVO_TOPIC_FLOW, 1);
    subscriber = stand_in_subscribe(options, PAVO_TOPIC_FLOW);
    expect_gap(subscriber, 1, 2, "no longer in the store");
    expect_flow(subscriber, 30);
    pavo_subscriber_destroy(&subscriber);
}

/* Nothing in the store yet: what is then missed before the first live message is missing all the same. */
static void test_start_of_an_empty_store(void **state)
{
    (void)state;
    stand_in_set_replay(0, NULL, 9, NULL);
    pavo_options *options = stand_in_options(PAVO_TOPIC_FLOW);
    pavo_options_set_start(options, PAVO_TOPIC_FLOW, PAVO_START_OLDEST);
    pavo_subscriber *subscriber = stand_in_subscribe(options, PAVO_TOPIC_FLOW);
    const pavo_event *event;
    for (int64_t end = clock_monotonic_ns() + PATIENCE_MS * NS_PER_MS;
         pavo_subscriber_position(subscriber, PAVO_TOPIC_FLOW) != 9;) {
        assert_true(clock_monotonic_ns() < end);
        assert_int_equal(pavo_subscriber_next(subscriber, 10, &event), PAVO_TIMEOUT);
    }
    publish_flows(10, 0, STORED); /* before the publish door knew of us */
    publish_flows(11, 10, SENT);
    expect_flows(subscriber, 10);
    expect_flows(subscriber, 11);
    pavo_subscriber_destroy(&subscriber);
}

/* A position of a store that is gone: all of the new one comes, and that something is missing is said. */
static void test_start_in_another_store(void **state)
{
    (void)state;
    publish_flows(3, 0, STORED);
    pavo_options *options = stand_in_options(PAVO_TOPIC_FLOW);
    pavo_options_set_start(options, PAVO_TOPIC_FLOW, 1000);
    pavo_subscriber *subscriber = stand_in_subscribe(options, PAVO_TOPIC_FLOW);
    expect_gap(subscriber, 1000, 1000, "another store");
    expect_flows(subscriber, 3);
    publish_flows(4, 3, SENT);
    expect_flows(subscriber, 4);
    assert_int_equal(pavo_subscriber_position(subscriber, PAVO_TOPIC_FLOW), 4);
    pavo_subscriber_destroy(&subscriber);
}

/* ---------------------------------------------------------------- who and where */

static void test_refused(void **state)
{
    (void)state;
    pavo_options *options = stand_in_options(PAVO_TOPIC_FLOW);
    pavo_options_set_key_file(options, door.stranger_key);
    pavo_subscriber *subscriber = pavo_subscriber_new(options, NULL);
    const pavo_event *event;
    assert_non_null(subscriber);
    pavo_options_destroy(&options);
    assert_int_equal(pavo_subscriber_next(subscriber, PATIENCE_MS, &event), PAVO_REFUSED);
    assert_non_null(strstr(pavo_subscriber_error(subscriber), "refuses the key 'stranger'"));
    assert_int_equal(pavo_subscriber_next(subscriber, 0, &event), PAVO_REFUSED); /* and goes on trying */
    pavo_subscriber_destroy(&subscriber);
}

static void test_not_there(void **state)
{
    (void)state;
    pavo_options *options = stand_in_options(PAVO_TOPIC_FLOW);
    const pavo_event *event;
    pavo_options_set_doors(options, "ipc:///nonexistent/publish", "ipc:///nonexistent/answer");
    pavo_subscriber *subscriber = pavo_subscriber_new(options, NULL);
    pavo_options_destroy(&options);
    assert_non_null(subscriber);
    assert_int_equal(pavo_subscriber_next(subscriber, 10, &event), PAVO_TIMEOUT);
    assert_non_null(strstr(pavo_subscriber_error(subscriber), "cannot be reached"));
    pavo_subscriber_destroy(&subscriber);
}

static void expect_no_subscriber(pavo_options *options, const char *why)
{
    char error[PAVO_ERROR_MAX] = "";
    assert_null(pavo_subscriber_new(options, error));
    if (strstr(error, why) == NULL)
        print_message("%s\n", error);
    assert_non_null(strstr(error, why));
    pavo_options_destroy(&options);
}

static void test_bad_options(void **state)
{
    (void)state;
    expect_no_subscriber(pavo_options_new(), "no key file was given");
    pavo_options *options = stand_in_options(PAVO_TOPIC_FLOW);
    pavo_options_set_key_file(options, "/nonexistent/reader.key");
    expect_no_subscriber(options, "/nonexistent/reader.key");
    options = stand_in_options(PAVO_TOPIC_FLOW);
    pavo_options_set_key_file(options, door.sensor_key);
    expect_no_subscriber(options, "is the key of a sensor");
    options = stand_in_options(PAVO_TOPIC_FLOW);
    pavo_options_set_key_file(options, door.gateway_key); /* which asks, and does not subscribe */
    expect_no_subscriber(options, "is the key of a gateway");
    options = stand_in_options(PAVO_TOPIC_FLOW);
    pavo_options_set_filter(options, PAVO_TOPIC_FLOW, "port eighty");
    expect_no_subscriber(options, "topic flow: filter, character 6: 'eighty' is not a port");
    expect_no_subscriber(stand_in_options(0), "topics 0x0");
    expect_no_subscriber(stand_in_options(64 | PAVO_TOPIC_FLOW), "topics 0x41");
    options = stand_in_options(PAVO_TOPIC_FLOW);
    pavo_options_set_doors(options, NULL, NULL);
    pavo_options_set_aggregator(options, "host:99999");
    expect_no_subscriber(options, "host:99999");
}

static void test_fd(void **state)
{
    (void)state;
    pavo_subscriber *subscriber = follow(PAVO_TOPIC_FLOW);
    const pavo_event *event;
    unsigned flows = 0;
    publish_flows(1, 0, SENT);
    publish_flows(3, 2, SENT);
    publish_flows(2, 1, STORED);
    int64_t end = clock_monotonic_ns() + PATIENCE_MS * NS_PER_MS;
    while (flows < 6) {
        assert_true(clock_monotonic_ns() < end);
        int result = pavo_subscriber_next(subscriber, 0, &event);
        if (result == PAVO_OK) {
            assert_int_equal(pavo_event_kind(event), PAVO_EVENT_FLOW);
            flows++;
            continue;
        }
        assert_int_equal(result, PAVO_TIMEOUT);
        struct pollfd item = {.fd = pavo_subscriber_fd(subscriber), .events = POLLIN};
        assert_true(poll(&item, 1, 1000) >= 0);
    }
    pavo_subscriber_destroy(&subscriber);
}

/* Over a new connection the topics are said again, and what was missed is replayed. */
static void test_topics_are_said_again(void **state)
{
    (void)state;
    const pavo_event *event;
    pavo_subscriber *subscriber = follow(PAVO_TOPIC_VERDICT | PAVO_TOPIC_LOSS);
    publish_verdict(1, 0, 10, true, SENT | STORED);
    assert_int_equal(pavo_event_position(next(subscriber)), 1);
    stand_in_open_publish_door_anew();
    publish_verdict(2, 1, 11, true, STORED);
    int timeout = 100, size = -1;
    zmq_pollitem_t item = {.socket = door.publish, .events = ZMQ_POLLIN};
    int64_t end = clock_monotonic_ns() + PATIENCE_MS * NS_PER_MS;
    while (size <= 0 && clock_monotonic_ns() < end) {
        assert_int_equal(pavo_subscriber_next(subscriber, timeout, &event), PAVO_TIMEOUT);
        size = zmq_poll(&item, 1, 0);
    }
    stand_in_hear_subscribe(2);
    publish_verdict(3, 2, 12, true, SENT | STORED);
    assert_int_equal(pavo_event_position(next(subscriber)), 2);
    assert_int_equal(pavo_event_position(next(subscriber)), 3);
    pavo_subscriber_destroy(&subscriber);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_live, stand_in_forget),
        cmocka_unit_test_setup(test_absent_is_not_zero, stand_in_forget),
        cmocka_unit_test_setup(test_used_wrongly, stand_in_forget),
        cmocka_unit_test_setup(test_event_copy, stand_in_forget),
        cmocka_unit_test_setup(test_gap_copy, stand_in_forget),
        cmocka_unit_test_setup(test_columns_and_skip, stand_in_forget),
        cmocka_unit_test_setup(test_filters, stand_in_forget),
        cmocka_unit_test_setup(test_garbled, stand_in_forget),
        cmocka_unit_test_setup(test_verdicts, stand_in_forget),
        cmocka_unit_test_setup(test_losses_and_status, stand_in_forget),
        cmocka_unit_test_setup(test_gap_is_filled, stand_in_forget),
        cmocka_unit_test_setup(test_gap_is_told, stand_in_forget),
        cmocka_unit_test_setup(test_replay_in_parts, stand_in_forget),
        cmocka_unit_test_setup(test_verdicts_are_replayed, stand_in_forget),
        cmocka_unit_test_setup(test_start, stand_in_forget),
        cmocka_unit_test_setup(test_start_of_an_empty_store, stand_in_forget),
        cmocka_unit_test_setup(test_start_in_another_store, stand_in_forget),
        cmocka_unit_test_setup(test_refused, stand_in_forget),
        cmocka_unit_test_setup(test_not_there, stand_in_forget),
        cmocka_unit_test_setup(test_bad_options, stand_in_forget),
        cmocka_unit_test_setup(test_topics_are_said_again, stand_in_forget),
        cmocka_unit_test_setup(test_fd, stand_in_forget),
    };
    return cmocka_run_group_tests(tests, stand_in_open, stand_in_close);
}
