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
    assert_int_equal(RUN(cli_sign, "sign", "wrong"), CLI_UNREACHABLE);
    assert_string_equal(said, "pavo: that is no challenge\n");
    assert_int_equal(RUN(cli_sign, "sign"), CLI_USAGE);
    assert_int_equal(RUN(cli_sign, "sign", "abc", "--for", "10ms"), CLI_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sign)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
