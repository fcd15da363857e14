/* SPDX-License-Identifier: Apache-2.0 */
/* pavo nat: the answer as people read it, and as programs do. */
#include "command.h"
#include "fake_pavo.h"

static const struct fake_column columns[] = {
    {"answer", "ANSWER", PAVO_KIND_TEXT, NULL},     {"first_time", NULL, PAVO_KIND_TIME, NULL},
    {"last_time", NULL, PAVO_KIND_TIME, NULL},      {"boundary", NULL, PAVO_KIND_TEXT, NULL},
    {"protocol", NULL, PAVO_KIND_PROTOCOL, NULL},   {"state", NULL, PAVO_KIND_WORD, NULL},
    {"src", NULL, PAVO_KIND_ADDRESS, NULL},         {"src_port", NULL, PAVO_KIND_PORT, NULL},
    {"dst", NULL, PAVO_KIND_ADDRESS, NULL},         {"dst_port", NULL, PAVO_KIND_PORT, NULL},
    {"sensor", NULL, PAVO_KIND_TEXT, NULL},         {"flow", NULL, PAVO_KIND_NUMBER, NULL},
    {"partner_sensor", NULL, PAVO_KIND_TEXT, NULL}, {"partner_flow", NULL, PAVO_KIND_NUMBER, NULL},
    {"offset", NULL, PAVO_KIND_NANOSECONDS, NULL},  {"src_packets", NULL, PAVO_KIND_COUNT, NULL},
    {"dst_packets", NULL, PAVO_KIND_COUNT, NULL},   {"src_bytes", NULL, PAVO_KIND_BYTES, NULL},
    {"dst_bytes", NULL, PAVO_KIND_BYTES, NULL},     {"evidence", NULL, PAVO_KIND_TEXT, NULL},
};
#define LINKED                                                                                                         \
    "X was Y", "1|FIRST", "2|LAST", "nat", "6|tcp", "SF", "10.0.0.1", "80", "192.0.2.1", "443", "inner", "17",         \
        "outer", "16", "44100|44.1 us", "6", "5", "396|396 B", "539|539 B", "linked by both sequence numbers"
#define UNLINKED                                                                                                       \
    NULL, "3|THEN", "4|LAST", NULL, "6|tcp", "S0", "10.0.0.1", "81", "192.0.2.1", "445", "inner", "18", NULL, NULL,    \
        NULL, "1", "0", "40|40 B", "0|0 B", "nothing on the other side fits"
static const pavo_columns both = {FAKE_COLUMNS(columns), .rows = 2, .cells = (const char *const[]){LINKED, UNLINKED}};
static const pavo_columns unlinked = {FAKE_COLUMNS(columns), .rows = 1, .cells = (const char *const[]){UNLINKED}};
static const pavo_columns nothing = {FAKE_COLUMNS(columns)};

static void prepare(const pavo_columns *page)
{
    static struct pavo_answer answer;
    answer = (struct pavo_answer){.question = "nat", .pages = page, .page_count = 1};
    fake_answers(&answer, 1);
}

static void test_known(void **state)
{
    (void)state;
    prepare(&both);
    assert_int_equal(RUN(cli_nat, "nat", "X", "--at", "@1700000000", "-s", "1m", "-p", "tcp"), CLI_ANSWERED);
    assert_string_equal(fake_asked(), "nat end=X at=2023-11-14T22:13:20Z slack=1m protocol=tcp");
    assert_string_equal(printed,
                        "FIRST X was Y\n"
                        "    tcp, SF, from FIRST to LAST; 396 B sent in 6 packets, 539 B received in 5\n"
                        "    linked by both sequence numbers\n"
                        "    at boundary nat: seen inside by inner (flow 17), outside by outer (flow 16) with an "
                        "offset of 44.1 us\n"
                        "\n"
                        "Seen on one side only:\n"
                        "  THEN inner: 10.0.0.1:81 to 192.0.2.1:445, tcp S0 (flow 18)\n"
                        "      nothing on the other side fits\n"
                        "\n"
                        "Not seen: nothing is known to be missing in that time.\n");
}

static void test_not_known(void **state)
{
    (void)state;
    prepare(&unlinked);
    assert_int_equal(RUN(cli_nat, "nat", "X"), CLI_NOTHING);
    assert_memory_equal(printed,
                        "Not known: no connection of X is linked across a boundary.\n\nSeen on one side only:", 81);
    prepare(&nothing);
    assert_int_equal(RUN(cli_nat, "nat", "X", "--at", "@1700000000", "--utc"), CLI_NOTHING);
    assert_string_equal(printed,
                        "Not known: no connection of X at 2023-11-14T22:13:20.000000Z (5s around it) is linked "
                        "across a boundary, and none was seen on one side either.\n"
                        "\nNot seen: nothing is known to be missing in that time.\n");
    assert_int_equal(RUN(cli_nat, "nat", "X", "--at", "2023-11-14 22:13Z", "--utc"), CLI_NOTHING);
    assert_memory_equal(printed,
                        "Not known: no connection of X from 2023-11-14T22:13:00.000000Z until "
                        "2023-11-14T22:14:00.000000Z (5s around it)",
                        111);
}

/* What is not there may be where nothing was seen, or is still to be reported. */
static void test_not_known_and_not_seen(void **state)
{
    (void)state;
    const pavo_columns reaches = {
        .columns = fake_reach_columns, .count = 3, .rows = 1, .cells = (const char *const[]){"inner", "1", NULL}};
    struct pavo_answer answer = {.question = "nat", .pages = &nothing, .page_count = 1, .coverage = PAVO_COVERAGE_NONE};
    fake_answers(&answer, 1);
    assert_int_equal(RUN(cli_nat, "nat", "X"), CLI_INCOMPLETE);
    assert_non_null(strstr(printed, "\nNot seen:\n  nothing of that time is in the store, which is empty\n"));
    assert_int_equal(RUN(cli_nat, "nat", "X", "--csv"), CLI_INCOMPLETE);
    assert_int_equal(RUN(cli_nat, "nat", "X", "--json"), CLI_INCOMPLETE);
    answer.coverage = PAVO_COVERAGE_WHOLE;
    answer.reaches = &reaches;
    assert_int_equal(RUN(cli_nat, "nat", "X"), CLI_NOTHING);
    assert_non_null(strstr(printed, "\nNot seen:\n  inner has not yet said through when it has reported; a connection "
                                    "still open or just over may not be there yet\n"));
}

/* For programs all rows; found is what is linked, as for people. */
static void test_programs(void **state)
{
    (void)state;
    prepare(&both);
    assert_int_equal(RUN(cli_nat, "nat", "X", "--json"), CLI_ANSWERED);
    assert_non_null(strstr(printed, "\"partner_flow\":\"16\""));
    assert_non_null(strstr(printed, "\n{\"coverage\":{\"state\":\"whole\",\"rows\":2,"));
    prepare(&unlinked);
    assert_int_equal(RUN(cli_nat, "nat", "X", "--json"), CLI_NOTHING);
    assert_int_equal(RUN(cli_nat, "nat", "X", "--csv"), CLI_NOTHING);
    assert_memory_equal(printed, "answer,first_time,", 18);
}

static void test_usage(void **state)
{
    (void)state;
    assert_int_equal(RUN(cli_nat, "nat"), CLI_USAGE);
    assert_non_null(strstr(said, "one address was expected"));
    assert_int_equal(RUN(cli_nat, "nat", "a", "b"), CLI_USAGE);
    assert_int_equal(RUN(cli_nat, "nat", "a", "--at", "soon"), CLI_USAGE);
    assert_non_null(strstr(said, "--at: "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_not_known),
        cmocka_unit_test(test_not_known_and_not_seen),
        cmocka_unit_test(test_programs),
        cmocka_unit_test(test_usage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
