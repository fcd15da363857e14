/* SPDX-License-Identifier: Apache-2.0 */
/* pavo sign. */
#include "command.h"
#include "fake_pavo.h"

static void test_sign(void **state)
{
    (void)state;
    assert_int_equal(RUN(cli_sign, "sign", "abc"), CLI_ANSWERED);
    assert_string_equal(printed, "abc signed for 43200 s with reader.key\n");
    assert_int_equal(RUN(cli_sign, "sign", "abc", "--for", "90s", "-k", "other.key"), CLI_ANSWERED);
    assert_string_equal(printed, "abc signed for 90 s with other.key\n");
    assert_int_equal(RUN(cli_sign, "sign", "abc", "--for", "12h"), CLI_ANSWERED);
}

static void test_mistakes(void **state)
{
    (void)state;
    char key[] = "/tmp/pavo-test-sign-XXXXXX";
    int fd = mkstemp(key);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(RUN(cli_sign, "sign", "wrong", "--key", key), CLI_USAGE); /* the challenge */
    assert_string_equal(said, "pavo: that is no challenge\n");
    unlink(key);
    assert_int_equal(RUN(cli_sign, "sign", "wrong", "--key", key), CLI_UNREACHABLE); /* no key */
    assert_int_equal(RUN(cli_sign, "sign"), CLI_USAGE);
    assert_int_equal(RUN(cli_sign, "sign", "pavo-challenge", "1"), CLI_USAGE); /* typed without quotes */
    assert_non_null(strstr(said, "in single quotes"));
    assert_int_equal(RUN(cli_sign, "sign", "abc", "--for", "10ms"), CLI_USAGE);
    assert_string_equal(said, "pavo: --for: a delegation lasts from 1s to 12h\n");
    assert_int_equal(RUN(cli_sign, "sign", "abc", "--for", "13h"), CLI_USAGE);
    assert_string_equal(said, "pavo: --for: a delegation lasts from 1s to 12h\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sign), cmocka_unit_test(test_mistakes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
