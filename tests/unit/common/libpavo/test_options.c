/* SPDX-License-Identifier: Apache-2.0 */
/* Options: what they keep, for which topics, and whose keys are taken. */
#include "common/libpavo/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void test_defaults(void **state)
{
    (void)state;
    pavo_options *options = pavo_options_new();
    char endpoint[DOOR_TEXT_MAX];
    assert_int_equal(options->topics, PAVO_TOPIC_FLOW);
    assert_int_equal(options->queue, 1000);
    assert_int_equal(options->timeout_ms, 30000);
    assert_true(options->start[RECORD_ALERT] == PAVO_START_NOW);
    assert_int_equal(options_publish_door(options, endpoint, NULL), RESULT_OK);
    assert_string_equal(endpoint, "localhost:7462");
    assert_int_equal(options_answer_door(options, endpoint, NULL), RESULT_OK);
    assert_string_equal(endpoint, "localhost:7463");
    pavo_options_destroy(&options);
    assert_null(options);
}

static void test_by_topic(void **state)
{
    (void)state;
    pavo_options *options = pavo_options_new();
    pavo_options_set_filter(options, PAVO_TOPIC_FLOW | PAVO_TOPIC_VERDICT, "tcp");
    pavo_options_set_filter(options, PAVO_TOPIC_VERDICT, "boundary nat"); /* in the earlier one's place */
    pavo_options_set_start(options, PAVO_TOPIC_BINDING, 9);
    assert_string_equal(options->filters[RECORD_FLOW], "tcp");
    assert_string_equal(options->filters[RECORD_VERDICT], "boundary nat");
    assert_null(options->filters[RECORD_LOSS]);
    pavo_options_set_filter(options, PAVO_TOPIC_FLOW, NULL);
    assert_null(options->filters[RECORD_FLOW]);
    assert_int_equal(options->start[RECORD_BINDING], 9);
    assert_true(options->start[RECORD_FLOW] == PAVO_START_NOW);
    pavo_options_set_queue(options, 0);
    assert_int_equal(options->queue, 1);
    pavo_options_destroy(&options);
}

static void test_without_options(void **state)
{
    (void)state;
    pavo_options *none = NULL;
    char error[PAVO_ERROR_MAX] = "";
    pavo_options_set_aggregator(NULL, "host");
    pavo_options_set_doors(NULL, NULL, NULL);
    pavo_options_set_key_file(NULL, "key");
    pavo_options_set_topics(NULL, 1);
    pavo_options_set_filter(NULL, 1, "tcp");
    pavo_options_set_start(NULL, 1, 1);
    pavo_options_set_queue(NULL, 1);
    pavo_options_set_timeout(NULL, 1);
    pavo_options_destroy(NULL);
    pavo_options_destroy(&none);
    assert_null(pavo_subscriber_new(NULL, error));
    assert_string_equal(error, "out of memory"); /* which pavo_options_new was */
    assert_null(pavo_asker_new(NULL, error));
    assert_null(pavo_asker_new(NULL, NULL));
}

static void test_roles(void **state)
{
    (void)state;
    static const struct {
        enum key_role role;
        bool reads, asks;
    } roles[] = {{KEY_ROLE_READER, true, true},
                 {KEY_ROLE_GATEWAY, false, true},
                 {KEY_ROLE_SENSOR, false, false},
                 {KEY_ROLE_DETECTOR, false, false}};
    struct keys aggregator, keys;
    struct error err = {""};
    assert_int_equal(keys_make_aggregator(&aggregator, &err), RESULT_OK);
    for (unsigned i = 0; i < sizeof(roles) / sizeof(*roles); i++) {
        char path[] = "/tmp/pavo-test-options-XXXXXX";
        pavo_options *options = pavo_options_new();
        close(mkstemp(path));
        unlink(path);
        assert_int_equal(keys_make(&aggregator, roles[i].role, "somebody", &keys, &err), RESULT_OK);
        assert_int_equal(keys_write(path, &keys, &err), RESULT_OK);
        assert_int_equal(options_keys(options, true, &keys, &err), RESULT_REJECT);
        assert_non_null(strstr(err.text, "no key file was given"));
        pavo_options_set_key_file(options, path);
        assert_int_equal(options_keys(options, false, &keys, &err) == RESULT_OK, roles[i].reads);
        assert_int_equal(options_keys(options, true, &keys, &err) == RESULT_OK, roles[i].asks);
        if (!roles[i].asks)
            assert_non_null(strstr(err.text, key_role_name(roles[i].role)));
        pavo_options_destroy(&options);
        unlink(path);
    }
    keys_clear(&keys);
    keys_clear(&aggregator);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_by_topic),
        cmocka_unit_test(test_without_options),
        cmocka_unit_test(test_roles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
