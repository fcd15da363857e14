/* SPDX-License-Identifier: Apache-2.0 */
/* Topics as they are typed. */
#include "aggregator/cli/topics.h"
#include "command.h"
#include "fake_pavo.h"

static struct topics topics;

/* --topic for every argument. */
static int parse(struct cli *cli, int argc, char **argv)
{
    struct option_list names = {.items = argv + 1, .count = (size_t)argc - 1};
    (void)cli;
    return topics_parse(&names, &topics);
}

static void test_names(void **state)
{
    (void)state;
    assert_int_equal(RUN(parse, "x", "verdict"), -1);
    assert_int_equal(topics.all, PAVO_TOPIC_VERDICT);
    assert_int_equal(topics.filtered, PAVO_TOPIC_VERDICT);
    assert_int_equal(topics.count, 1);
    assert_int_equal(RUN(parse, "x", "binding,status", "alert", "status,loss,flow"), -1);
    assert_int_equal(topics.all,
                     PAVO_TOPIC_BINDING | PAVO_TOPIC_STATUS | PAVO_TOPIC_ALERT | PAVO_TOPIC_LOSS | PAVO_TOPIC_FLOW);
    assert_int_equal(topics.filtered, topics.all);
    assert_int_equal(topics.count, 5);
}

static void test_default(void **state)
{
    (void)state;
    assert_int_equal(RUN(parse, "x"), -1);
    assert_int_equal(topics.all, PAVO_TOPIC_FLOW | PAVO_TOPIC_LOSS);
    assert_int_equal(topics.filtered, PAVO_TOPIC_FLOW);
    assert_int_equal(topics.count, 2);
}

static void test_mistakes(void **state)
{
    (void)state;
    assert_int_equal(RUN(parse, "x", "flow,verdicts"), CLI_USAGE);
    assert_non_null(strstr(said, "did you mean 'verdict'?"));
    assert_int_equal(RUN(parse, "x", "packets"), CLI_USAGE);
    assert_non_null(strstr(said, "they are flow, verdict"));
    assert_int_equal(RUN(parse, "x", "flow,"), CLI_USAGE);
    assert_int_equal(RUN(parse, "x", ""), CLI_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_default),
        cmocka_unit_test(test_mistakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
