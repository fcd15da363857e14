/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON form of a flow: names, texts, and what is left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "common/flow_json.h"

static void test_small_flow_has_no_zero_fields(void **state)
{
    (void)state;
    struct flow flow = {
        .flow = 7,
        .src_lo = 0x0000ffff0a000001,
        .dst_lo = 0x0000ffffc0000201,
        .src_port = 40000,
        .dst_port = 53,
        .protocol = 17,
        .first_time = 1700000000000000001,
        .last_time = 1700000000500000000,
        .state = FLOW_STATE_SF,
        .src_packets = 1,
        .src_bytes = 60,
    };
    struct observer observer = {.sensor = "inner", .epoch = 9};
    char text[FLOW_JSON_MAX];
    assert_int_equal(flow_json(&flow, &observer, text, sizeof(text)), RESULT_OK);
    const char *begin =
        "{\"sensor\":\"inner\",\"epoch\":9,\"flow\":7,\"report\":0,\"src\":\"10.0.0.1\",\"dst\":\"192.0.2.1\","
        "\"src_port\":40000,\"dst_port\":53,\"protocol\":17,"
        "\"first_time\":\"2023-11-14T22:13:20.000000001Z\",\"last_time\":\"2023-11-14T22:13:20.500000000Z\","
        "\"state\":\"SF\",\"end_reason\":\"none\",\"direction\":\"first\","
        "\"src_packets\":1,\"dst_packets\":0,\"src_bytes\":60,\"dst_bytes\":0,\"community_id\":\"1:";
    text[strlen(begin)] = '\0';
    assert_string_equal(text, begin);
}

static void test_evidence_bit_shows_a_zero_value(void **state)
{
    (void)state;
    struct flow flow = {.protocol = 6, .evidence = FLOW_HAS_SRC_ISN, .src_digest = 5};
    char text[FLOW_JSON_MAX];
    assert_int_equal(flow_json(&flow, NULL, text, sizeof(text)), RESULT_OK);
    assert_non_null(strstr(text, "\"src_isn\":0"));
    assert_null(strstr(text, "dst_isn"));
    assert_non_null(strstr(text, "\"src_digest\":\"0000000000000005\""));
    assert_null(strstr(text, "sensor"));
}

static void test_widest_flow_fits(void **state)
{
    (void)state;
    struct flow flow;
    memset(&flow, 0xff, sizeof(flow));
    flow.first_time = flow.last_time = 1700000000123456789;
    flow.history = 0x0739ce739ce739ce;
    struct observer observer = {.epoch = UINT64_MAX};
    memset(observer.sensor, 'x', SENSOR_NAME_MAX - 1);
    char text[FLOW_JSON_MAX];
    assert_int_equal(flow_json(&flow, &observer, text, sizeof(text)), RESULT_OK);
    assert_int_equal(flow_json(&flow, &observer, text, 100), RESULT_FULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_flow_has_no_zero_fields),
        cmocka_unit_test(test_evidence_bit_shows_a_zero_value),
        cmocka_unit_test(test_widest_flow_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
