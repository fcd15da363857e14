/* SPDX-License-Identifier: Apache-2.0 */
/* TCP connections: their states, their life, their round trips. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "tests/unit/sensor/conversation.h"

static void test_whole_connection(void **state)
{
    struct bench *b = *state;
    handshake(b, 1000, 5000);
    segment(b, true, ACK | TCP_PSH, 1001, 5001, 100);
    segment(b, false, ACK, 5001, 1101, 0);
    segment(b, false, ACK | TCP_PSH, 5001, 1101, 300);
    segment(b, true, FIN | ACK, 1101, 5301, 0);
    segment(b, false, FIN | ACK, 5301, 1102, 0);
    segment(b, true, ACK, 1102, 5302, 0);
    const struct flow *f = only_record(b);
    assert_int_equal(f->state, FLOW_STATE_SF);
    assert_history(f, "ShADadFf");
    assert_int_equal(f->direction, FLOW_DIRECTION_HANDSHAKE);
    assert_int_equal(f->src_port, CLIENT_PORT);
    assert_int_equal(f->dst_port, SERVER_PORT);
    assert_int_equal(f->src_packets, 5);
    assert_int_equal(f->dst_packets, 4);
    assert_int_equal(f->src_bytes, 5 * 40 + 100);
    assert_int_equal(f->dst_bytes, 4 * 40 + 300);
    assert_int_equal(f->src_payload, 100);
    assert_int_equal(f->dst_payload, 300);
    assert_int_equal(f->src_isn, 1000);
    assert_int_equal(f->dst_isn, 5000);
    assert_int_equal(f->server_rtt, 1000);
    assert_int_equal(f->client_rtt, 1000);
    assert_int_equal(f->evidence, FLOW_HAS_SRC_ISN | FLOW_HAS_DST_ISN | FLOW_HAS_SRC_DIGEST | FLOW_HAS_DST_DIGEST |
                                      FLOW_HAS_SRC_IP_ID | FLOW_HAS_DST_IP_ID | FLOW_HAS_CLIENT_RTT |
                                      FLOW_HAS_SERVER_RTT);
    assert_int_equal(f->src_size_min, 40);
    assert_int_equal(f->src_size_max, 140);
    assert_int_equal(f->src_retransmits + f->dst_retransmits + f->src_out_of_order + f->dst_out_of_order, 0);
    assert_int_equal(f->src_gap_mean, 2000); /* at 0, 2, 3, 6, 8 ms: gaps 2, 1, 3, 2 */
    assert_int_equal(f->src_gap_deviation, 707);
    assert_int_equal(f->first_time, START);
    assert_int_equal(f->last_time, START + 8 * SECOND / 1000);
}

static void test_states(void **state)
{
    static const struct {
        const char *script; /* upper case: client; S SYN, H SYN-ACK, A ACK, D data, F FIN, E FIN with data, R RST */
        enum flow_state expected;
        const char *history;
    } cases[] = {
        {"S", FLOW_STATE_S0, "S"},           {"Sr", FLOW_STATE_REJ, "Sr"},
        {"ShArR", FLOW_STATE_REJ, "ShArR"},  {"ShAErR", FLOW_STATE_RSTR, "ShAFrR"}, /* the FIN had data */
        {"Sh", FLOW_STATE_S1, "Sh"},         {"ShA", FLOW_STATE_S1, "ShA"},
        {"ShADd", FLOW_STATE_S1, "ShADd"},   {"ShAFa", FLOW_STATE_S2, "ShAFa"},
        {"ShAfA", FLOW_STATE_S3, "ShAf"},    {"ShAFf", FLOW_STATE_SF, "ShAFf"},
        {"ShAFfR", FLOW_STATE_SF, "ShAFfR"}, /* closed both ways: a RST changes nothing */
        {"ShAFfr", FLOW_STATE_SF, "ShAFfr"}, {"ShAFRf", FLOW_STATE_SF, "ShAFRf"},
        {"ShAfrF", FLOW_STATE_SF, "ShAfrF"}, {"ShARf", FLOW_STATE_RSTO, "ShARf"},
        {"ShAFr", FLOW_STATE_RSTR, "ShAFr"}, {"ShADR", FLOW_STATE_RSTO, "ShADR"},
        {"ShADr", FLOW_STATE_RSTR, "ShADr"}, {"SR", FLOW_STATE_RSTOS0, "SR"},
        {"SF", FLOW_STATE_SH, "SF"},         {"hr", FLOW_STATE_RSTRH, "^hr"},
        {"hf", FLOW_STATE_SHR, "^hf"},       {"h", FLOW_STATE_OTH, "^h"},
        {"hS", FLOW_STATE_S1, "^hS"}, /* overtaken by its answer */
        {"hA", FLOW_STATE_S1, "^hA"}, /* only the SYN was missed */
        {"hAr", FLOW_STATE_RSTR, "^hAr"},    {"hAf", FLOW_STATE_S3, "^hAf"},
        {"hAFf", FLOW_STATE_SF, "^hAFf"},    {"Dd", FLOW_STATE_OTH, "Dd"},
    };
    struct bench *b = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        uint32_t sequence[2] = {100, 200};
        for (const char *c = cases[i].script; *c != '\0'; c++) {
            bool client = *c < 'a';
            unsigned letter = (unsigned)*c & ~32u;
            unsigned flags = letter == 'S' ? SYN : letter == 'H' ? SYN | ACK : letter == 'R' ? RST : ACK;
            if (letter == 'F' || letter == 'E')
                flags |= FIN;
            unsigned payload = letter == 'D' || letter == 'E' ? 10 : 0;
            segment(b, client, flags, sequence[client], sequence[!client], payload);
            sequence[client] += payload + ((flags & (SYN | FIN)) != 0);
        }
        meter_flush(b->meter);
        assert_int_equal(b->records.count, i + 1);
        const struct flow *f = &b->records.flows[i];
        if (f->state != cases[i].expected)
            fail_msg("%s: %s", cases[i].script, flow_state_name(f->state));
        assert_history(f, cases[i].history);
        assert_int_equal(f->dst_port, SERVER_PORT);
    }
}

static void test_joined_midway_server_has_the_low_port(void **state)
{
    struct bench *b = *state;
    segment(b, false, ACK, 1, 2, 10);
    segment(b, true, ACK, 2, 11, 10);
    const struct flow *f = only_record(b);
    assert_int_equal(f->direction, FLOW_DIRECTION_PORT);
    assert_int_equal(f->src_port, CLIENT_PORT);
    assert_int_equal(f->state, FLOW_STATE_OTH);
}

static void test_port_reuse_starts_a_new_flow(void **state)
{
    struct bench *b = *state;
    handshake(b, 1000, 5000);
    segment(b, true, ACK, 1001, 5001, 10);
    handshake(b, 77000, 99000);
    meter_flush(b->meter);
    assert_int_equal(b->records.count, 2);
    assert_int_equal(b->records.flows[0].src_isn, 1000);
    assert_int_equal(b->records.flows[0].end_reason, FLOW_END_DETECTED);
    assert_int_equal(b->records.flows[1].src_isn, 77000);
    assert_int_not_equal(b->records.flows[0].flow, b->records.flows[1].flow);
}

static void test_syn_sent_again_is_the_same_flow(void **state)
{
    struct bench *b = *state;
    segment(b, true, SYN, 1000, 0, 0);
    b->now += SECOND;
    handshake(b, 1000, 5000);
    const struct flow *f = only_record(b);
    assert_int_equal(f->src_packets, 3);
    assert_int_equal(f->src_retransmits, 1);
    assert_int_equal(f->server_rtt, 1000); /* from the SYN that was answered last */
}

static void test_end_lingers_for_stragglers(void **state)
{
    struct bench *b = *state;
    handshake(b, 1, 2);
    segment(b, false, RST, 3, 0, 0);
    meter_advance(b->meter, b->now + 4 * SECOND);
    assert_int_equal(b->records.count, 0);
    meter_advance(b->meter, b->now + 6 * SECOND);
    assert_int_equal(b->records.count, 1);
    assert_int_equal(b->records.flows[0].end_reason, FLOW_END_DETECTED);
}

static void test_syn_behind_its_answer_is_the_same_flow(void **state)
{
    struct bench *b = *state;
    segment(b, false, SYN | ACK, 5000, 1001, 0);
    segment(b, true, SYN, 1000, 0, 0);
    segment(b, true, ACK, 1001, 5001, 10);
    segment(b, false, ACK, 5001, 1011, 20);
    segment(b, true, FIN | ACK, 1011, 5021, 0);
    segment(b, false, FIN | ACK, 5021, 1012, 0);
    const struct flow *f = only_record(b);
    assert_int_equal(f->state, FLOW_STATE_SF);
    assert_history(f, "^hSDdFf");
    assert_int_equal(f->src_port, CLIENT_PORT);
    assert_int_equal(f->src_isn, 1000);
    assert_int_equal(f->src_out_of_order + f->src_retransmits, 0);
}

static void test_both_open_at_once(void **state)
{
    struct bench *b = *state;
    segment(b, true, SYN, 1000, 0, 0);
    segment(b, false, SYN, 5000, 0, 0);
    segment(b, true, SYN | ACK, 1000, 5001, 0);
    segment(b, false, SYN | ACK, 5000, 1001, 0);
    segment(b, true, ACK, 1001, 5001, 0);
    const struct flow *f = only_record(b);
    assert_int_equal(f->state, FLOW_STATE_S1);
    assert_history(f, "SsHThtA");
}

static void test_answer_with_another_number_is_of_the_same_attempt(void **state)
{
    struct bench *b = *state;
    segment(b, true, SYN, 1000, 0, 0);
    segment(b, false, SYN | ACK, 5000, 1001, 0);
    segment(b, false, SYN | ACK, 6000, 1001, 0);
    const struct flow *f = only_record(b);
    assert_int_equal(f->dst_packets, 2);
    assert_int_equal(f->dst_isn, 5000);
}

static void test_reused_ports_leave_a_report_that_was_due(void **state)
{
    struct bench *b = *state;
    handshake(b, 1000, 5000);
    meter_advance(b->meter, START + 40 * SECOND); /* it waits for its report now, */
    b->now = START + 60 * SECOND;                 /* and no wheel has turned so far when the SYN comes */
    segment(b, true, SYN, 77000, 0, 0);
    assert_int_equal(b->records.count, 2);
    assert_int_equal(b->records.flows[0].end_reason, FLOW_END_ACTIVE);
    assert_int_equal(b->records.flows[0].src_packets, 2);
    assert_int_equal(b->records.flows[1].end_reason, FLOW_END_DETECTED);
    assert_int_equal(b->records.flows[1].src_packets, 0);
}

static void test_server_below_the_ephemeral_ports(void **state)
{
    struct bench *b = *state;
    send_segment(b, &(struct segment){.from_server = true, .flags = ACK, .server_port = 8080});
    const struct flow *f = only_record(b);
    assert_int_equal(f->direction, FLOW_DIRECTION_PORT);
    assert_int_equal(f->dst_port, 8080);
}

static void assert_silence_borne(struct bench *b, int64_t seconds)
{
    meter_advance(b->meter, b->now + (seconds - 1) * SECOND);
    for (size_t i = 0; i < b->records.count; i++)
        assert_int_equal(b->records.flows[i].end_reason, FLOW_END_ACTIVE);
    meter_advance(b->meter, b->now + (seconds + 1) * SECOND);
    assert_in_range(b->records.count, 1, 1000);
    assert_int_not_equal(b->records.flows[b->records.count - 1].end_reason, FLOW_END_ACTIVE);
}

static void test_open_connection_may_be_silent_for_five_minutes(void **state)
{
    struct bench *b = *state;
    handshake(b, 1, 2);
    assert_silence_borne(b, 300);
}

static void test_connection_without_its_syn_is_open_too(void **state)
{
    struct bench *b = *state;
    segment(b, false, SYN | ACK, 5000, 1001, 0);
    segment(b, true, ACK, 1001, 5001, 0);
    assert_silence_borne(b, 300);
}

static void test_half_closed_connection_ends_sooner(void **state)
{
    struct bench *b = *state;
    handshake(b, 1, 2);
    segment(b, true, FIN | ACK, 2, 3, 0);
    assert_silence_borne(b, 60);
}

/* SYN and SYN-ACK: whoever floods a server with forged sources leaves that. */
static void test_half_open_connection_waits_as_if_unanswered(void **state)
{
    struct bench *b = *state;
    segment(b, true, SYN, 1000, 0, 0);
    segment(b, false, SYN | ACK, 5000, 1001, 0);
    assert_silence_borne(b, 30);
    assert_int_equal(b->records.flows[0].state, FLOW_STATE_S1);
}

static void test_half_open_connections_leave_a_full_table_first(void **state)
{
    (void)state;
    struct meter_options options = meter_options_default();
    options.flows_max = METER_FLOWS_MIN;
    struct bench b = {.now = START};
    b.meter = kept_meter(&b.records, &options);
    for (unsigned port = 0; port < METER_FLOWS_MIN; port++) {
        send_segment(&b, &(struct segment){.flags = SYN, .sequence = 1000, .server_port = 1 + port});
        send_segment(&b,
                     &(struct segment){
                         .from_server = true, .flags = SYN | ACK, .acknowledgement = 1001, .server_port = 1 + port});
    }
    for (unsigned i = 0; i < METER_FLOWS_MIN; i++)
        datagram(&b, CLIENT + i, 5000, SERVER, 53, 10);
    assert_int_equal(b.records.count, METER_FLOWS_MIN);
    for (size_t i = 0; i < b.records.count; i++)
        assert_int_equal(b.records.flows[i].protocol, IPPROTO_TCP);
    meter_destroy(&b.meter);
    kept_free(&b.records);
}

static void test_connection_that_ended_says_so_when_all_ends(void **state)
{
    struct bench *b = *state;
    handshake(b, 1000, 5000);
    segment(b, true, RST, 1001, 0, 0);
    assert_int_equal(only_record(b)->end_reason, FLOW_END_DETECTED);
}

/* SYN 0, SYN-ACK 1, SYN again 2, ACK 3 ms. */
static void test_round_trip_is_from_the_syn_ack(void **state)
{
    struct bench *b = *state;
    segment(b, true, SYN, 1000, 0, 0);
    segment(b, false, SYN | ACK, 5000, 1001, 0);
    segment(b, true, SYN, 1000, 0, 0);
    segment(b, true, ACK, 1001, 5001, 0);
    const struct flow *f = only_record(b);
    assert_int_equal(f->server_rtt, 1000);
    assert_int_equal(f->client_rtt, 2000);
}

static void test_round_trips_with_data_in_the_syn(void **state)
{
    struct bench *b = *state;
    segment(b, true, SYN, 1000, 0, 50);
    segment(b, false, SYN | ACK, 5000, 1051, 0);
    segment(b, true, ACK, 1051, 5001, 0);
    const struct flow *f = only_record(b);
    assert_true(f->evidence & FLOW_HAS_SERVER_RTT);
    assert_true(f->evidence & FLOW_HAS_CLIENT_RTT);
}

static void test_no_round_trip_from_an_answer_to_something_else(void **state)
{
    struct bench *b = *state;
    for (unsigned i = 0; i < 2; i++) {
        uint32_t wrong = i == 0 ? 1000 : 1002;
        handshake(b, 1000 + (i << 16), 5000);
        b->records.count = 0;
        segment(b, true, SYN, 77000 + i, 0, 0);
        segment(b, false, SYN | ACK, 5000, 76000 + i + wrong, 0);
        segment(b, true, ACK, 77001 + i, 5001, 0);
        meter_flush(b->meter);
        const struct flow *f = &b->records.flows[b->records.count - 1];
        assert_int_equal(f->src_isn, 77000 + i);
        assert_false(f->evidence & (FLOW_HAS_SERVER_RTT | FLOW_HAS_CLIENT_RTT));
    }
}

/* Only the first ACK tells: the client answers at once, later it may be thinking. */
static void test_client_round_trip_is_of_its_first_segment(void **state)
{
    struct bench *b = *state;
    segment(b, true, SYN, 1000, 0, 0);
    segment(b, false, SYN | ACK, 5000, 1001, 0);
    segment(b, true, ACK, 1001, 4000, 0); /* of nothing */
    segment(b, true, ACK, 1001, 5001, 0);
    const struct flow *f = only_record(b);
    assert_false(f->evidence & FLOW_HAS_CLIENT_RTT);
}

static void test_no_digest_of_what_follows_a_gap(void **state)
{
    struct bench *b = *state;
    handshake(b, 1000, 5000);
    segment(b, true, ACK, 1101, 5001, 100);
    assert_false(only_record(b)->evidence & FLOW_HAS_SRC_DIGEST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(whole_connection),
        TEST(states),
        TEST(joined_midway_server_has_the_low_port),
        TEST(port_reuse_starts_a_new_flow),
        TEST(syn_sent_again_is_the_same_flow),
        TEST(end_lingers_for_stragglers),
        TEST(syn_behind_its_answer_is_the_same_flow),
        TEST(both_open_at_once),
        TEST(answer_with_another_number_is_of_the_same_attempt),
        TEST(reused_ports_leave_a_report_that_was_due),
        TEST(server_below_the_ephemeral_ports),
        TEST(open_connection_may_be_silent_for_five_minutes),
        TEST(connection_without_its_syn_is_open_too),
        TEST(half_closed_connection_ends_sooner),
        TEST(half_open_connection_waits_as_if_unanswered),
        TEST(half_open_connections_leave_a_full_table_first),
        TEST(connection_that_ended_says_so_when_all_ends),
        TEST(round_trip_is_from_the_syn_ack),
        TEST(round_trips_with_data_in_the_syn),
        TEST(no_round_trip_from_an_answer_to_something_else),
        TEST(client_round_trip_is_of_its_first_segment),
        TEST(no_digest_of_what_follows_a_gap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
