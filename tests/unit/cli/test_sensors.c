/* SPDX-License-Identifier: Apache-2.0 */
/* pavo sensors: four tables for people, with what is wrong; one question for programs. */
#include "command.h"
#include "fake_pavo.h"

static const struct fake_column sensor_columns[] = {{"sensor", "SENSOR", PAVO_KIND_TEXT, NULL},
                                                    {"lost", "LOST", PAVO_KIND_COUNT, NULL},
                                                    {"trouble", NULL, PAVO_KIND_TEXT, NULL}};
static const struct fake_column interface_columns[] = {{"interface", "INTERFACE", PAVO_KIND_TEXT, NULL}};
static const struct fake_column boundary_columns[] = {{"boundary", "BOUNDARY", PAVO_KIND_TEXT, NULL}};
static const struct fake_column intake_columns[] = {{"counter", "COUNTER", PAVO_KIND_TEXT, NULL},
                                                    {"value", "VALUE", PAVO_KIND_COUNT, NULL}};
static const pavo_columns sensors = {
    FAKE_COLUMNS(sensor_columns), .rows = 2,
    .cells = (const char *const[]){"inner", "2", "INVARIANT 1 IS BROKEN", "outer", "0", NULL}};
static const pavo_columns no_sensors = {FAKE_COLUMNS(sensor_columns)};
static const pavo_columns interfaces = {FAKE_COLUMNS(interface_columns), .rows = 1,
                                        .cells = (const char *const[]){"eth0"}};
static const pavo_columns boundaries = {FAKE_COLUMNS(boundary_columns)};
static const pavo_columns intake = {
    FAKE_COLUMNS(intake_columns), .rows = 3,
    .cells = (const char *const[]){"batches", "1200|1,200", "refused", "0", "stream position", "9"}};
static const pavo_columns gap = {FAKE_COLUMNS(fake_gap_columns), .rows = 1,
                                 .cells =
                                     (const char *const[]){"state", "inner", NULL, NULL, "0", "", "records were lost"}};

static struct pavo_answer answers[] = {
    {.question = "sensors", .pages = &sensors, .page_count = 1},
    {.question = "interfaces", .pages = &interfaces, .page_count = 1},
    {.question = "boundaries", .pages = &boundaries, .page_count = 1},
    {.question = "intake", .pages = &intake, .page_count = 1},
};

static void prepare(const pavo_columns *page, int coverage)
{
    answers[0].pages = page;
    answers[0].coverage = answers[3].coverage = coverage;
    answers[0].gaps = answers[3].gaps = coverage == PAVO_COVERAGE_WHOLE ? NULL : &gap;
    fake_answers(answers, 4);
}

static void test_people(void **state)
{
    (void)state;
    prepare(&sensors, PAVO_COVERAGE_PARTIAL);
    assert_int_equal(RUN(cli_sensors, "sensors"), CLI_INCOMPLETE);
    assert_string_equal(printed, "SENSOR LOST\n"
                                 "inner     2\n"
                                 "outer     0\n"
                                 "inner: INVARIANT 1 IS BROKEN\n"
                                 "\n"
                                 "INTERFACE\n"
                                 "eth0\n"
                                 "\n"
                                 "Intake: batches 1,200, stream position 9\n");
    assert_string_equal(said, "pavo: not seen: sensor inner: records were lost\n"); /* told twice, said once */
    assert_int_equal(fake_asked_count(), 4);
    prepare(&sensors, PAVO_COVERAGE_WHOLE);
    assert_int_equal(RUN(cli_sensors, "sensors"), CLI_ANSWERED);
    prepare(&no_sensors, PAVO_COVERAGE_WHOLE);
    assert_int_equal(RUN(cli_sensors, "sensors"), CLI_NOTHING);
    assert_string_equal(said, "pavo: no sensor has said anything yet\n");
}

static void test_programs(void **state)
{
    (void)state;
    prepare(&sensors, PAVO_COVERAGE_PARTIAL);
    assert_int_equal(RUN(cli_sensors, "sensors", "--json"), CLI_INCOMPLETE);
    assert_int_equal(fake_asked_count(), 1);
    assert_memory_equal(printed, "{\"sensor\":\"inner\",", 18);
    assert_int_equal(RUN(cli_sensors, "sensors", "--csv"), CLI_INCOMPLETE);
    assert_memory_equal(printed, "sensor,lost,trouble\r\n", 21);
    assert_int_equal(RUN(cli_sensors, "sensors", "all"), CLI_USAGE);
    assert_non_null(strstr(said, "takes no argument"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_people), cmocka_unit_test(test_programs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
