/* SPDX-License-Identifier: Apache-2.0 */
/* Records as JSON: names, texts, what has no key, and numbers that jq keeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "common/records/flow.h"
#include "common/records/json.h"
#include "common/records/status.h"
#include "common/records/verdict.h"

static json_t *object_of(const struct records *records, uint32_t row)
{
    struct json json = {0};
    json_add(&json, "{");
    json_add_members(&json, records, row);
    json_add(&json, "}");
    assert_false(json.failed);
    json_error_t error;
    json_t *object = json_loads(json.text, JSON_REJECT_DUPLICATES, &error);
    if (object == NULL)
        fail_msg("%s in %s", error.text, json.text);
    json_fini(&json);
    return object;
}

static struct records *records_with(const struct record_kind *kind, const void *row)
{
    struct records *records = records_new(kind, 1);
    uint16_t index;
    const struct observer observers[2] = {{"inner", 924850000000001u, {0}}, {"outer", 9, {0}}};
    assert_int_equal(records_observer(records, &observers[0], &index), RESULT_OK);
    assert_int_equal(records_observer(records, &observers[1], &index), RESULT_OK);
    assert_int_equal(records_add(records, row), RESULT_OK);
    return records;
}

static const char *text_at(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void a_flow_says_what_it_knows_and_zero_is_known(void **state)
{
    (void)state;
    const struct flow flow = {.flow = 7,
                              .src_lo = 0x0000ffff0a000001,
                              .dst_lo = 0x0000ffffc0000201,
                              .src_port = 40000,
                              .dst_port = 53,
                              .protocol = 17,
                              .first_time = 1700000000000000001,
                              .last_time = 1700000000500000000,
                              .state = FLOW_STATE_S0,
                              .src_packets = 1,
                              .src_bytes = 60,
                              .src_ttl = 64,
                              .evidence = FLOW_HAS_SRC_DIGEST | FLOW_HAS_SRC_ISN,
                              .src_digest = 5};
    struct records *records = records_with(record_kinds[RECORD_FLOW], &flow);
    json_t *o = object_of(records, 0);
    assert_string_equal(text_at(o, "sensor"), "inner");
    assert_int_equal(json_integer_value(json_object_get(o, "epoch")), 924850000000001);
    assert_string_equal(text_at(o, "src"), "10.0.0.1");
    assert_string_equal(text_at(o, "first_time"), "2023-11-14T22:13:20.000000001Z");
    assert_int_equal(json_integer_value(json_object_get(o, "duration")), 499999999);
    assert_string_equal(text_at(o, "state"), "S0");
    assert_int_equal(json_integer_value(json_object_get(o, "src_ttl")), 64);
    assert_int_equal(json_integer_value(json_object_get(o, "dst_packets")), 0); /* known, and zero */
    assert_non_null(json_object_get(o, "dst_packets"));
    assert_string_equal(text_at(o, "src_digest"), "0000000000000005");
    assert_non_null(json_object_get(o, "src_isn")); /* its bit says that it is 0 */
    assert_int_equal(json_array_size(json_object_get(o, "evidence")), 2);
    assert_non_null(text_at(o, "community_id"));
    /* Not known, or nothing to be known: the other side sent nothing; no tunnel; not TCP; no halves of addresses. */
    static const char *const absent[] = {"dst_ttl", "dst_isn",    "tunnel",         "tunnel_src",
                                         "vlan",    "src_window", "icmp_type_code", "src_hi",
                                         "src_lo",  "observer",   "client_rtt",     "sampling"};
    for (size_t i = 0; i < sizeof(absent) / sizeof(*absent); i++) {
        if (json_object_get(o, absent[i]) != NULL)
            fail_msg("%s is written", absent[i]);
    }
    json_decref(o);
    records_free(&records);
}

static void what_an_observer_cannot_know_has_no_key(void **state)
{
    (void)state;
    const struct flow flow = {.src_packets = 1, .src_ttl = 7, .src_dscp = 3, .protocol = 6};
    struct records *records = records_with(record_kinds[RECORD_FLOW], &flow);
    const unsigned number = flow_fields[FLOW_FIELD_src_ttl].number;
    records->observers[1].unknown[number / 64] |= 1ull << number % 64; /* another's: changes nothing */
    json_t *o = object_of(records, 0);
    assert_non_null(json_object_get(o, "src_ttl"));
    json_decref(o);
    records->observers[0].unknown[number / 64] |= 1ull << number % 64;
    o = object_of(records, 0);
    assert_null(json_object_get(o, "src_ttl"));
    assert_non_null(json_object_get(o, "src_dscp"));
    json_decref(o);
    records_free(&records);
}

static void numbers_that_a_double_cannot_hold_are_text(void **state)
{
    (void)state;
    struct flow flow = {.src_bytes = (1ull << 53) - 1, .dst_bytes = 1ull << 53};
    struct records *records = records_with(record_kinds[RECORD_FLOW], &flow);
    json_t *o = object_of(records, 0);
    assert_int_equal(json_integer_value(json_object_get(o, "src_bytes")), (1ll << 53) - 1);
    assert_string_equal(text_at(o, "dst_bytes"), "9007199254740992");
    json_decref(o);
    records_free(&records);
}

static void a_verdict_has_its_partner_and_terms(void **state)
{
    (void)state;
    struct verdict verdict = {.boundary = "nat",
                              .verdict = VERDICT_TRANSLATED,
                              .flow = 3,
                              .partner_observer = 1,
                              .partner_flow = 4,
                              .odds = 6640,
                              .offset = -5,
                              .protocol = 6,
                              .src_port = 1};
    const struct verdict_term terms[] = {{TERM_SRC_ISN, OUTCOME_AGREES, 1, 1, 31000}, {TERM_CEILING, 0, 0, 0, -24360}};
    struct records *records = records_with(record_kinds[RECORD_VERDICT], &verdict);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(records_add_item(records, VERDICT_TERMS, &terms[i]), RESULT_OK);
    json_t *o = object_of(records, 0);
    assert_string_equal(text_at(o, "verdict"), "translated");
    assert_string_equal(text_at(o, "partner_sensor"), "outer");
    assert_int_equal(json_integer_value(json_object_get(o, "partner_epoch")), 9);
    assert_int_equal(json_integer_value(json_object_get(o, "offset")), -5);
    assert_true(json_real_value(json_object_get(o, "odds")) == 6.64);
    assert_true(json_real_value(json_object_get(o, "confidence")) == 0.990);
    json_t *list = json_object_get(o, "terms");
    assert_int_equal(json_array_size(list), 2);
    assert_string_equal(text_at(json_array_get(list, 0), "kind"), "src_isn");
    assert_string_equal(text_at(json_array_get(list, 0), "outcome"), "agrees");
    assert_true(json_real_value(json_object_get(json_array_get(list, 1), "weight")) == -24.36);
    json_decref(o);
    records_free(&records);

    verdict.verdict = VERDICT_AMBIGUOUS;
    records = records_with(record_kinds[RECORD_VERDICT], &verdict);
    o = object_of(records, 0);
    assert_null(json_object_get(o, "partner_sensor"));
    assert_null(json_object_get(o, "odds"));
    assert_null(json_object_get(o, "confidence"));
    json_decref(o);
    records_free(&records);
}

static void foreign_text_is_quoted(void **state)
{
    (void)state;
    const struct status status = {.software = "a \"b\" \\ \n\t größer"};
    struct records *records = records_with(record_kinds[RECORD_STATUS], &status);
    json_t *o = object_of(records, 0);
    assert_string_equal(text_at(o, "software"), "a \"b\" \\ \n\t größer");
    assert_null(json_object_get(o, "clock_offset")); /* the clock was not compared */
    assert_int_equal(json_array_size(json_object_get(o, "interfaces")), 0);
    json_decref(o);
    records_free(&records);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flow_says_what_it_knows_and_zero_is_known),
        cmocka_unit_test(what_an_observer_cannot_know_has_no_key),
        cmocka_unit_test(numbers_that_a_double_cannot_hold_are_text),
        cmocka_unit_test(a_verdict_has_its_partner_and_terms),
        cmocka_unit_test(foreign_text_is_quoted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
