/* SPDX-License-Identifier: Apache-2.0 */
/* pavo watch: a line for every kind of event; what it subscribes to; what ends it. */
#include "command.h"
#include "fake_pavo.h"

#include <pty.h>
#include <sys/ioctl.h>

static const struct fake_column flow_columns[] = {
    {"first_time", NULL, PAVO_KIND_TIME, NULL},   {"sensor", NULL, PAVO_KIND_TEXT, NULL},
    {"protocol", NULL, PAVO_KIND_PROTOCOL, NULL}, {"src", NULL, PAVO_KIND_ADDRESS, NULL},
    {"src_port", NULL, PAVO_KIND_PORT, NULL},     {"dst", NULL, PAVO_KIND_ADDRESS, NULL},
    {"state", NULL, PAVO_KIND_WORD, NULL},        {"src_packets", NULL, PAVO_KIND_COUNT, NULL},
    {"dst_packets", NULL, PAVO_KIND_COUNT, NULL}, {"src_bytes", NULL, PAVO_KIND_BYTES, NULL},
    {"dst_bytes", NULL, PAVO_KIND_BYTES, NULL},
};
static const pavo_columns flows = {
    FAKE_COLUMNS(flow_columns), .rows = 2,
    .cells = (const char *const[]){
        "1|THEN",  "inner", "6|tcp",  "10.0.0.1", "80", "192.0.2.1", "SF", "3", "2", "400|400 B", "90|90 B",
        "2|LATER", "inner", "1|icmp", "10.0.0.1", NULL, "192.0.2.1", "S0", "1", "0", "40|40 B",   "0|0 B"}};
static const struct fake_column verdict_columns[] = {
    {"first_time", NULL, PAVO_KIND_TIME, NULL},      {"boundary", NULL, PAVO_KIND_TEXT, NULL},
    {"sensor", NULL, PAVO_KIND_TEXT, NULL},          {"protocol", NULL, PAVO_KIND_PROTOCOL, NULL},
    {"src", NULL, PAVO_KIND_ADDRESS, NULL},          {"dst", NULL, PAVO_KIND_ADDRESS, NULL},
    {"verdict", NULL, PAVO_KIND_WORD, NULL},         {"post_nat_src", NULL, PAVO_KIND_ADDRESS, NULL},
    {"post_nat_dst", NULL, PAVO_KIND_ADDRESS, NULL}, {"partner_sensor", NULL, PAVO_KIND_TEXT, NULL},
    {"method", NULL, PAVO_KIND_WORD, NULL},          {"odds", NULL, PAVO_KIND_ODDS, NULL},
};
static const pavo_columns verdicts = {
    FAKE_COLUMNS(verdict_columns), .rows = 2,
    .cells = (const char *const[]){"1|THEN",     "nat",         "inner",     "6|tcp", "10.0.0.1", "192.0.2.1",
                                   "translated", "203.0.113.5", "192.0.2.1", "outer", "digests",  "6.640", /* */
                                   "1|THEN",     "nat",         "inner",     "6|tcp", "10.0.0.1", "192.0.2.1",
                                   "blocked",    NULL,          NULL,        NULL,    NULL,       NULL}};
static const struct fake_column loss_columns[] = {
    {"sensor", NULL, PAVO_KIND_TEXT, NULL},    {"loss", NULL, PAVO_KIND_WORD, NULL},
    {"from_time", NULL, PAVO_KIND_TIME, NULL}, {"to_time", NULL, PAVO_KIND_TIME, NULL},
    {"count", NULL, PAVO_KIND_COUNT, NULL},    {"reason", NULL, PAVO_KIND_TEXT, NULL},
};
static const pavo_columns losses = {FAKE_COLUMNS(loss_columns), .rows = 1,
                                    .cells =
                                        (const char *const[]){"inner", "packets_kernel", "1|A", "2|B", "12", "full"}};

static const struct pavo_event events[] = {
    {.kind = PAVO_EVENT_FLOW, .columns = &flows, .row = 0},
    {.kind = PAVO_EVENT_FLOW, .columns = &flows, .row = 1},
    {.kind = PAVO_EVENT_VERDICT, .columns = &verdicts, .row = 0},
    {.kind = PAVO_EVENT_VERDICT, .columns = &verdicts, .row = 1},
    {.kind = PAVO_EVENT_LOSS, .columns = &losses, .row = 0},
    {.kind = PAVO_EVENT_GAP, .position = 9, .gap_after = 4, .gap_reason = "the store is full"},
};

static void test_people(void **state)
{
    (void)state;
    fake_events(events, 6);
    assert_int_equal(RUN(cli_watch, "watch", "--limit", "6"), CLI_INCOMPLETE);
    assert_string_equal(printed, "THEN  inner    tcp   10.0.0.1:80 > 192.0.2.1  SF  3/2 packets  400 B / 90 B\n"
                                 "LATER  inner    icmp  10.0.0.1 > 192.0.2.1  S0  1/0 packets  40 B / 0 B\n"
                                 "THEN  verdict nat: inner tcp 10.0.0.1 > 192.0.2.1  translated; outside 203.0.113.5 > "
                                 "192.0.2.1 by outer, digests, odds 6.640\n"
                                 "THEN  verdict nat: inner tcp 10.0.0.1 > 192.0.2.1  blocked\n"
                                 "loss inner: 12 packets_kernel from A to B  full\n");
    assert_string_equal(said, "pavo: not seen: messages after 4 up to 9, which could not be had again: the store is "
                              "full\n");
    assert_int_equal(RUN(cli_watch, "watch", "-n", "2"), CLI_ANSWERED); /* nothing was lost so far */
    assert_int_equal(RUN(cli_watch, "watch"), CLI_UNREACHABLE);
    assert_non_null(strstr(said, "there is no more"));
}

static void test_programs(void **state)
{
    (void)state;
    fake_events(events, 6);
    assert_int_equal(RUN(cli_watch, "watch", "-n", "6", "--json"), CLI_INCOMPLETE);
    assert_non_null(strstr(printed, "{\"event\":\"gap\"}\n"));
    assert_string_equal(said, "");
    assert_int_equal(RUN(cli_watch, "watch", "-n", "2", "--csv", "--topic", "flow"), CLI_ANSWERED);
    assert_string_equal(printed, "first_time,sensor,protocol,src,src_port,dst,state,src_packets,dst_packets,src_bytes,"
                                 "dst_bytes\r\n"
                                 "1,inner,6,10.0.0.1,80,192.0.2.1,SF,3,2,400,90\r\n"
                                 "2,inner,1,10.0.0.1,,192.0.2.1,S0,1,0,40,0\r\n");
    assert_int_equal(RUN(cli_watch, "watch", "--csv"), CLI_USAGE);
    assert_non_null(strstr(said, "choose one"));
}

static void test_subscribed(void **state)
{
    (void)state;
    fake_events(events, 1);
    assert_int_equal(RUN(cli_watch, "watch", "-n", "1", "host", "10.0.0.1"), CLI_ANSWERED);
    assert_string_equal(fake_subscribed(), "topics=9 filter(1)=host 10.0.0.1"); /* losses whatever the filter says */
    assert_int_equal(RUN(cli_watch, "watch", "-n", "1", "-t", "verdict", "verdict blocked"), CLI_ANSWERED);
    assert_string_equal(fake_subscribed(), "topics=2 filter(2)=verdict blocked");
    assert_int_equal(RUN(cli_watch, "watch", "-n", "1", "-t", "verdict,flow", "tcp"), CLI_ANSWERED);
    assert_string_equal(fake_subscribed(), "topics=3 filter(3)=tcp");
    assert_int_equal(RUN(cli_watch, "watch", "-n", "1"), CLI_ANSWERED);
    assert_string_equal(fake_subscribed(), "topics=9");
    assert_int_equal(RUN(cli_watch, "watch", "wrong"), CLI_USAGE); /* the filter, not the connection */
    assert_string_equal(said, "pavo: that is no filter\n  wrong\n");
    assert_int_equal(RUN(cli_watch, "watch", "of", "verdicts"), CLI_USAGE);
    assert_string_equal(said, "pavo: that is no filter\n  of verdicts\n"
                              "pavo: of verdict records that is a filter: --topic verdict\n");
    assert_int_equal(RUN(cli_watch, "watch", "-t", "flows"), CLI_USAGE);
}

/* A table for each interval, of what came in it. */
static void test_top(void **state)
{
    (void)state;
    static const struct pavo_event counted[] = {
        {.kind = PAVO_EVENT_FLOW, .columns = &flows, .row = 0},  {.kind = PAVO_EVENT_FLOW, .columns = &flows, .row = 1},
        {.kind = PAVO_EVENT_LOSS, .columns = &losses, .row = 0}, {.kind = FAKE_PAUSE},
        {.kind = PAVO_EVENT_FLOW, .columns = &flows, .row = 1},  {.kind = FAKE_PAUSE},
    };
    fake_events(counted, 6);
    assert_int_equal(RUN(cli_watch, "watch", "-u", "--top", "src,protocol", "--every", "100ms", "-n", "2"),
                     CLI_INCOMPLETE);
    const char *second = strstr(printed, "\n\n");
    assert_non_null(strstr(printed, " UTC: 2 records\nSENSOR SOURCE   PROTO FLOWS PACKETS BYTES\n"
                                    "inner  10.0.0.1 tcp       1       5 490 B\n"
                                    "inner  10.0.0.1 icmp      1       1  40 B\n\n"));
    assert_non_null(second);
    assert_non_null(strstr(second, " UTC: 1 record\nSENSOR SOURCE   PROTO FLOWS PACKETS BYTES\n"
                                   "inner  10.0.0.1 icmp      1       1  40 B\n\n"));
    assert_string_equal(said, "pavo: not seen: loss inner: 12 packets_kernel from A to B  full\n");
    fake_events(counted, 6);
    assert_int_equal(RUN(cli_watch, "watch", "--top", "hots"), CLI_USAGE);
    assert_string_equal(said, "pavo: --top: nothing is counted by 'hots'; did you mean 'host'?\n");
    assert_int_equal(RUN(cli_watch, "watch", "--top", "host", "--json"), CLI_USAGE);
    assert_int_equal(RUN(cli_watch, "watch", "--top", "host", "--topic", "loss"), CLI_USAGE);
    assert_int_equal(RUN(cli_watch, "watch", "--every", "10s"), CLI_USAGE); /* it was passed over */
    assert_string_equal(said, "pavo: --every is of --top: pavo watch --top host --every 10s\n");
}

/* On a terminal in place, and no line longer than it is. */
static void test_top_in_place(void **state)
{
    (void)state;
    static const struct pavo_event counted[] = {{.kind = PAVO_EVENT_FLOW, .columns = &flows, .row = 0},
                                                {.kind = FAKE_PAUSE},
                                                {.kind = PAVO_EVENT_FLOW, .columns = &flows, .row = 1},
                                                {.kind = FAKE_PAUSE}};
    struct cli cli = {.key = strdup("reader.key"), .utc = true};
    int master, slave, saved = dup(STDOUT_FILENO);
    char *arguments[] = {"watch", "--top", "pair,protocol", "--every", "100ms", "-n", "2", NULL}, text[4096];
    const struct winsize size = {.ws_row = 10, .ws_col = 40};
    assert_int_equal(openpty(&master, &slave, NULL, NULL, &size), 0);
    fflush(stdout);
    dup2(slave, STDOUT_FILENO);
    close(slave);
    fake_events(counted, 4);
    int code = cli_watch(&cli, 7, arguments);
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    free(cli.key);
    assert_int_equal(code, CLI_ANSWERED);
    size_t used = 0;
    for (ssize_t got; (got = read(master, text + used, sizeof(text) - 1 - used)) > 0;)
        used += (size_t)got;
    close(master);
    text[used] = '\0';
    const char *first = strstr(text, "\033[H"), *second = strstr(first + 1, "\033[H");
    assert_non_null(strstr(text, "\033[2J"));
    assert_non_null(second);
    assert_null(strstr(second + 1, "\033[H"));
    assert_non_null(strstr(second, "icmp"));
    assert_null(strstr(second, "tcp")); /* of the interval before */
    for (const char *line = second + 3; *line != '\0' && strncmp(line, "\033[J", 3) != 0;) {
        size_t length = strcspn(line, "\033\r\n");
        assert_in_range(length, 0, 40);
        line += length + strcspn(line + length, "\n") + 1;
    }
}

/* Times are for other commands, and are not taken for the beginning of another option's name. */
static void test_times(void **state)
{
    (void)state;
    assert_int_equal(RUN(cli_watch, "watch", "--from", "-1h"), CLI_USAGE);
    assert_non_null(strstr(said, "watch has no --from: --from-start "));
    assert_non_null(strstr(said, "pavo find --from"));
    assert_int_equal(RUN(cli_watch, "watch", "--from=-1h"), CLI_USAGE);
    assert_non_null(strstr(said, "watch has no --from"));
    assert_int_equal(RUN(cli_watch, "watch", "--to", "now"), CLI_USAGE);
    assert_non_null(strstr(said, "watch has no --to"));
    assert_int_equal(RUN(cli_watch, "watch", "--from-s"), CLI_USAGE);
    assert_non_null(strstr(said, "did you mean '--from-start'?"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_people), cmocka_unit_test(test_programs), cmocka_unit_test(test_subscribed),
        cmocka_unit_test(test_times),  cmocka_unit_test(test_top),      cmocka_unit_test(test_top_in_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
