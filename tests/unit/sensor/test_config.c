/* SPDX-License-Identifier: Apache-2.0 */
/* Options that do not go together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "sensor/config.h"

static enum result parse(char **argv, struct error *err)
{
    struct config config;
    int argc = 0;
    while (argv[argc] != NULL)
        argc++;
    enum result result = config_parse(argc, argv, &config, err);
    config_fini(&config);
    return result;
}
#define PARSE(err, ...) parse((char *[]){"pavo-sensor", __VA_ARGS__, NULL}, err)

/* They were ignored. */
static void test_threads_do_not_read_files(void **state)
{
    (void)state;
    struct error err;
    assert_int_equal(PARSE(&err, "-r", "a.pcap", "--dry-run", "--threads", "4"), RESULT_REJECT);
    assert_non_null(strstr(err.text, "--threads"));
    assert_int_equal(PARSE(&err, "-r", "a.pcap", "--dry-run", "--threads", "1"), RESULT_OK);
    assert_int_equal(PARSE(&err, "-i", "lo", "--dry-run", "--threads", "4"), RESULT_OK);
}

static void test_either_interfaces_or_files(void **state)
{
    (void)state;
    struct error err;
    assert_int_equal(PARSE(&err, "--dry-run"), RESULT_REJECT);
    assert_int_equal(PARSE(&err, "--dry-run", "-i", "lo", "-r", "a.pcap"), RESULT_REJECT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_do_not_read_files),
        cmocka_unit_test(test_either_interfaces_or_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
