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

/* ---- how it is said */

static const struct fake_column with_terms[] = {
    {"answer", "ANSWER", PAVO_KIND_TEXT, NULL},      {"first_time", NULL, PAVO_KIND_TIME, NULL},
    {"last_time", NULL, PAVO_KIND_TIME, NULL},       {"partner_sensor", NULL, PAVO_KIND_TEXT, NULL},
    {"evidence", NULL, PAVO_KIND_TEXT, NULL},        {"odds", NULL, PAVO_KIND_ODDS, NULL},
    {"terms", NULL, PAVO_KIND_LIST, NULL},           {"term_kind", NULL, PAVO_KIND_WORD, "terms"},
    {"term_outcome", NULL, PAVO_KIND_WORD, "terms"}, {"term_weight", NULL, PAVO_KIND_ODDS, "terms"},
};
#define NO7 NULL, NULL, NULL, NULL, NULL, NULL, NULL
#define EARLIER                                                                                                        \
    "203.0.113.5:40312 was A", "2023-11-14T22:00:00Z", "2023-11-14T22:01:00Z", "outer", "E", "1", NULL, NULL, NULL, NULL
#define THEN                                                                                                           \
    "203.0.113.5:40312 was B", "2023-11-14T22:13:00Z", "2023-11-14T22:14:00Z", "outer", "E", "21.000", "3", NULL,      \
        NULL, NULL
#define LATER                                                                                                          \
    "203.0.113.5:40312 was C", "2023-11-14T22:30:00Z", "2023-11-14T22:31:00Z", "outer", "E", "1", NULL, NULL, NULL, NULL
#define LATEST                                                                                                         \
    "203.0.113.5:40312 was D", "2023-11-14T22:40:00Z", "2023-11-14T22:41:00Z", "outer", "E", "1", NULL, NULL, NULL, NULL
static const char *const terms[] = {NO7,      "prior",  "unknown", "-10.000", NO7,       "src_isn",
                                    "agrees", "31.500", NO7,       "ceiling", "unknown", "-0.500"};
static const pavo_columns hour = {FAKE_COLUMNS(with_terms), .rows = 4,
                                  .cells = (const char *const[]){THEN, EARLIER, LATER, LATEST}, .items = terms};
static const pavo_columns once = {FAKE_COLUMNS(with_terms), .rows = 1, .cells = (const char *const[]){THEN},
                                  .items = terms};

static void test_why(void **state)
{
    (void)state;
    prepare(&once);
    assert_int_equal(RUN(cli_nat, "nat", "X", "--why"), CLI_ANSWERED);
    assert_non_null(strstr(printed, "    why, in powers of two of the odds:\n"
                                    "      -10.000  before any evidence: among the views that could have been it\n"
                                    "      +31.500  the initiator's initial sequence number agrees\n"
                                    "       -0.500  held back: this kind of evidence has earned no more belief\n"
                                    "      +21.000  together, which are the odds of the verdict\n"));
}

static void test_text(void **state)
{
    (void)state;
    prepare(&both);
    assert_int_equal(RUN(cli_nat, "nat", "X", "--text"), CLI_ANSWERED);
    assert_memory_equal(printed, "X was Y. The connection (tcp, SF) was seen from FIRST to LAST, in UTC and", 73);
    assert_non_null(strstr(printed, "linked by both sequence numbers.\n"));
}

/* The nearest on each side of the moment, of all that the hour has. */
static void test_before_and_after(void **state)
{
    (void)state;
    prepare(&hour);
    assert_int_equal(RUN(cli_nat, "nat", "203.0.113.5:40312", "--at", "@1700000000", "--utc"), CLI_ANSWERED);
    assert_string_equal(fake_asked(), "nat end=203.0.113.5:40312 at=2023-11-14T22:13:20Z slack=1h limit=200");
    assert_non_null(strstr(printed, "\nBefore that, until 2023-11-14T22:01:00Z: 203.0.113.5:40312 was A.\n"
                                    "\nAfter that, from 2023-11-14T22:30:00Z: 203.0.113.5:40312 was C.\n"
                                    "\nNot seen: "));
    prepare(&once);
    assert_int_equal(RUN(cli_nat, "nat", "203.0.113.5:40312", "--at", "@1700000000"), CLI_ANSWERED);
    assert_non_null(strstr(printed, "\nNobody is known to have had it in the hour before.\n"
                                    "Nobody is known to have had it in the hour after.\n"));
    assert_int_equal(RUN(cli_nat, "nat", "203.0.113.5:40312", "--at", "@1700000000", "--slack", "2h"), CLI_ANSWERED);
    assert_null(strstr(printed, "hour before"));
}

/* ---- what is pasted */

static void test_pasted(void **state)
{
    (void)state;
    prepare(&both);
    assert_int_equal(RUN(cli_nat, "nat", "203.0.113.5 port", "40312 tcp at 2023-11-14 22:13:20 +0000", "-s", "2h"),
                     CLI_ANSWERED);
    assert_string_equal(fake_asked(), "nat end=203.0.113.5:40312 at=2023-11-14T22:13:20Z slack=2h protocol=6");
    assert_non_null(strstr(said, "understood: 203.0.113.5:40312, tcp, at 2023-11-14T22:13:20Z"));
    /* What is given as an option is meant. */
    assert_int_equal(RUN(cli_nat, "nat", "203.0.113.5", "at 22:13", "--at", "@1700000000", "-s", "2h"), CLI_ANSWERED);
    assert_string_equal(fake_asked(), "nat end=203.0.113.5 at=2023-11-14T22:13:20Z slack=2h");
    assert_int_equal(RUN(cli_nat, "nat", "203.0.113.5", "203.0.113.6"), CLI_USAGE);
    assert_non_null(strstr(said, "203.0.113.5 or 203.0.113.6"));
}

static void test_report_file(void **state)
{
    (void)state;
    char path[] = "/tmp/pavo-test-nat-XXXXXX";
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");
    assert_non_null(file);
    fputs("Source-IP: 203.0.113.5\nSource-Port: 40312\nReceived-Date: Tue, 14 Nov 2023 22:13:20 +0000\n", file);
    fclose(file);
    prepare(&both);
    assert_int_equal(RUN(cli_nat, "nat", "--report", path, "-s", "2h"), CLI_ANSWERED);
    assert_string_equal(fake_asked(), "nat end=203.0.113.5:40312 at=2023-11-14T22:13:20Z slack=2h");
    assert_int_equal(RUN(cli_nat, "nat", "--report", path, "203.0.113.5"), CLI_USAGE);
    unlink(path);
    assert_int_equal(RUN(cli_nat, "nat", "--report", path), CLI_USAGE);
    assert_non_null(strstr(said, "cannot read"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_not_known),
        cmocka_unit_test(test_not_known_and_not_seen),
        cmocka_unit_test(test_programs),
        cmocka_unit_test(test_usage),
        cmocka_unit_test(test_why),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_before_and_after),
        cmocka_unit_test(test_pasted),
        cmocka_unit_test(test_report_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
