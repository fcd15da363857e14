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

static const struct flow flow = {.flow = 7, .src_lo = 0x0000ffff0a000001, .dst_lo = 0x0000ffffc0000201, .protocol = 17};
static const struct observer observer = {.sensor = "inner", .epoch = 9};

static void assert_named(const char *name, bool json, const char *wanted)
{
    char *text;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    assert_non_null(out);
    print_name(out, name, json);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(text, wanted);
    free(text);
}

/* JSON is UTF-8: a reader in Python would stop at a file's name in Latin-1. */
static void test_names_may_have_any_byte(void **state)
{
    (void)state;
    assert_named("a\"b\\c\n\x1b\xff.pcap", true, "a\\\"b\\\\c\\u000a\\u001b?.pcap");
    assert_named("a\"b\\c\n\x1b\xff.pcap", false, "a\"b\\c???.pcap");
    assert_named("\xc3\xa9t\xc3\xa9 \xe2\x82\xac \xf0\x9f\xa6\x9a", true,
                 "\xc3\xa9t\xc3\xa9 \xe2\x82\xac \xf0\x9f\xa6\x9a");
    assert_named("\xe9t\xe9 \xe2\x82", true, "?t? ??");
    assert_named("\xed\xa0\x80 \xc0\xaf \xe0\x80\xaf \xf4\x90\x80\x80 \xf0\x9f", true, "??? ?? ??? ???? ??");
}

static void test_records_in_json_name_their_interface(void **state)
{
    (void)state;
    char *text;
    size_t length;
    const char *begin = "{\"sensor\":\"inner\",\"epoch\":9,\"flow\":7,", *end = ",\"interface_name\":\"eth0\"}\n";
    FILE *out = open_memstream(&text, &length);
    assert_non_null(out);
    print_flow(out, &flow, &observer, "eth0", true); /* the first one as well, whose number is left out */
    assert_int_equal(fclose(out), 0);
    assert_true(length > strlen(begin) + strlen(end));
    assert_memory_equal(text, begin, strlen(begin));
    assert_string_equal(text + length - strlen(end), end);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_may_have_any_byte),
        cmocka_unit_test(test_records_in_json_name_their_interface),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
