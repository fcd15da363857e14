/* SPDX-License-Identifier: Apache-2.0 */
/* Records as text and JSON, and the names in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/print.h"

static void assert_named(const char *name, const char *wanted)
{
    char text[PRINT_NAME_MAX];
    assert_string_equal(print_name(name, text), wanted);
}

/* JSON is UTF-8: a reader in Python would stop at a file's name in Latin-1. */
static void test_names_may_have_any_byte(void **state)
{
    (void)state;
    assert_named("a\"b\\c\n\x1b\xff.pcap", "a\"b\\c???.pcap");
    assert_named("\xc3\xa9t\xc3\xa9 \xe2\x82\xac \xf0\x9f\xa6\x9a", "\xc3\xa9t\xc3\xa9 \xe2\x82\xac \xf0\x9f\xa6\x9a");
    assert_named("\xe9t\xe9 \xe2\x82", "?t? ??");
    assert_named("\xed\xa0\x80 \xc0\xaf \xe0\x80\xaf \xf4\x90\x80\x80 \xf0\x9f", "??? ?? ??? ???? ??");
}

static void test_long_names_are_cut(void **state)
{
    (void)state;
    char name[2 * PRINT_NAME_MAX], text[PRINT_NAME_MAX];
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    memcpy(name + PRINT_NAME_MAX - 2, "\xc3\xa9", 2); /* cut in two */
    assert_int_equal(strlen(print_name(name, text)), PRINT_NAME_MAX - 1);
    assert_int_equal(text[PRINT_NAME_MAX - 2], '?');
}

static struct flow_batch *flows_of(struct flow flow)
{
    struct observer observer = {.sensor = "inner", .epoch = 9};
    struct flow_batch *flows = flow_batch_new(1);
    assert_non_null(flows);
    assert_int_equal(flow_batch_observer(flows, &observer, &flow.observer), RESULT_OK);
    assert_int_equal(flow_batch_add(flows, &flow), RESULT_OK);
    return flows;
}

static const struct flow flow = {.flow = 7,
                                 .src_lo = 0x0000ffff0a000001,
                                 .dst_lo = 0x0000ffffc0000201,
                                 .src_port = 4000,
                                 .dst_port = 53,
                                 .protocol = 17};

static void test_records_in_json_name_observer_and_interface(void **state)
{
    (void)state;
    char *text;
    size_t length;
    struct json json = {0};
    struct flow_batch *flows = flows_of(flow);
    FILE *out = open_memstream(&text, &length);
    assert_non_null(out);
    for (unsigned i = 0; i < 2; i++) /* each a line, whatever stood there before */
        assert_int_equal(print_flow_json(out, &json, flows, 0, "et\"h0"), RESULT_OK);
    assert_int_equal(fclose(out), 0);
    const char *begin = "{\"flow\":7,\"report\":0,\"sensor\":\"inner\",\"epoch\":9,\"src\":\"10.0.0.1\",",
               *end = ",\"interface_name\":\"et\\\"h0\"}\n";
    assert_memory_equal(text, begin, strlen(begin));
    assert_string_equal(text + length - strlen(end), end);
    assert_int_equal(length % 2, 0);
    assert_memory_equal(text, text + length / 2, length / 2);
    assert_null(strstr(text, "src_ttl")); /* it sent nothing: not known is no zero */
    free(text);
    json_fini(&json);
    flow_batch_destroy(&flows);
}

static void test_records_as_lines(void **state)
{
    (void)state;
    char *text;
    size_t length;
    struct flow_batch *flows = flows_of(flow);
    flows->src_packets[0] = 3;
    flows->src_bytes[0] = 99;
    FILE *out = open_memstream(&text, &length);
    assert_non_null(out);
    print_flow(out, flows, 0);
    assert_int_equal(fclose(out), 0);
    assert_non_null(strstr(text, " udp "));
    assert_non_null(strstr(text, "10.0.0.1:4000 ->  192.0.2.1:53 "));
    assert_non_null(strstr(text, " 3           99 "));
    free(text);
    flow_batch_destroy(&flows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_may_have_any_byte),
        cmocka_unit_test(test_long_names_are_cut),
        cmocka_unit_test(test_records_in_json_name_observer_and_interface),
        cmocka_unit_test(test_records_as_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
