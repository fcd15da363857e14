/* SPDX-License-Identifier: Apache-2.0 */
/* Pasted reports: what each names, and what is asked back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/pasted.h"

/* 2026-11-25 22:16:40 UTC; in Central Europe an hour later. */
static const struct when_here here = {.now_ns = 1795645000 * NS_PER_S};

/* As pasted_text says it. */
static void expect(const char *text, const char *expected)
{
    struct pasted pasted;
    struct error err = {""};
    char said[PASTED_TEXT_MAX];
    if (pasted_parse(text, &here, &pasted, &err) != RESULT_OK)
        fail_msg("%s: %s", text, err.text);
    assert_string_equal(pasted_text(&pasted, said), expected);
}

static void expect_refused(const char *text, const char *why)
{
    struct pasted pasted;
    struct error err = {""};
    assert_int_equal(pasted_parse(text, &here, &pasted, &err), RESULT_REJECT);
    if (strstr(err.text, why) == NULL)
        fail_msg("%s: %s", text, err.text);
}

static void test_lines(void **state)
{
    (void)state;
    expect("203.0.113.5 port 40312 at 2026-11-23 20:36:40 +0100", "203.0.113.5:40312, at 2026-11-23T19:36:40Z");
    expect("203.0.113.5:40312 tcp 2026-11-23T20:36:40Z", "203.0.113.5:40312, tcp, at 2026-11-23T20:36:40Z");
    expect("our host saw 203.0.113.5:40312 (UDP), 23 Nov 2026 20:36 UTC.",
           "203.0.113.5:40312, udp, at 2026-11-23T20:36Z");
    expect("203.0.113.5", "203.0.113.5");
    expect("<203.0.113.5>:", "203.0.113.5");
    expect("[2001:db8::5]:40312 1795645005", "[2001:db8::5]:40312, at 2026-11-25T22:16:45Z");
    expect("2001:db8::5 port 40312", "[2001:db8::5]:40312");
}

static void test_logs(void **state)
{
    (void)state;
    expect("203.0.113.5 - - [25/Nov/2026:20:36:40 +0000] \"GET / HTTP/1.1\" 200 1795",
           "203.0.113.5, at 2026-11-25T20:36:40Z");
    expect("Nov 25 20:36:40 gw kernel: [17.5] DROP IN=eth0 SRC=203.0.113.5 DST=198.51.100.9 LEN=60 PROTO=TCP SPT=40312 "
           "DPT=22",
           "203.0.113.5:40312, tcp, at 2026-11-25T19:36:40Z (taken as local, for it says no zone)");
    expect("2026-11-25 20:36:40,320 fail2ban.actions [17]: NOTICE [sshd] Ban 203.0.113.5",
           "203.0.113.5, at 2026-11-25T19:36:40Z (taken as local, for it says no zone)");
    expect("Nov 25 20:36:40 host sshd[1717]: Failed password for root from 203.0.113.5 port 40312 ssh2",
           "203.0.113.5:40312, at 2026-11-25T19:36:40Z (taken as local, for it says no zone)");
    expect("2026-11-25T20:36:40Z,203.0.113.5,40312,tcp", "203.0.113.5:40312, tcp, at 2026-11-25T20:36:40Z");
    expect("{\"timestamp\":\"2026-11-25T20:36:40.320+0100\",\"src_ip\":\"203.0.113.5\",\"src_port\":40312,"
           "\"dest_ip\":\"198.51.100.9\",\"dst_port\":22,\"proto\":\"TCP\"}",
           "203.0.113.5:40312, tcp, at 2026-11-25T19:36:40.320Z");
}

static void test_mail(void **state)
{
    (void)state;
    expect("Feedback-Type: abuse\nUser-Agent: SomeGenerator/1.0\nVersion: 1\nReceived-Date: Wed, 25 Nov 2026 20:36:40 "
           "+0100\nSource-IP: 203.0.113.5\nSource-Port: 40312\nDestination-IP: 198.51.100.9\n",
           "203.0.113.5:40312, at 2026-11-25T19:36:40Z");
    /* When the mail was sent is another time, and nothing says that it is meant. */
    expect("Date: Thu, 26 Nov 2026 09:00:00 +0100\n\nSource-IP: 203.0.113.5\nArrival-Date: Wed, 25 Nov 2026 20:36:40 "
           "+0100",
           "203.0.113.5, at 2026-11-25T19:36:40Z");
}

/* The same, said twice; and once more exactly. */
static void test_twice(void **state)
{
    (void)state;
    expect("203.0.113.5 203.0.113.5:40312 2026-11-25 20:36Z 2026-11-25T20:36:40Z",
           "203.0.113.5:40312, at 2026-11-25T20:36:40Z");
}

static void test_asked_back(void **state)
{
    (void)state;
    expect_refused("", "no address");
    expect_refused("at 20:36:40 somebody scanned", "no address");
    expect_refused("203.0.113.5 and 203.0.113.6 at 20:36", "203.0.113.5 or 203.0.113.6");
    expect_refused("SRC=203.0.113.5 SRC=203.0.113.6", "nothing says which");
    expect_refused("203.0.113.5:40312 port 40313", "40312 or 40313");
    expect_refused("203.0.113.5 2026-11-25T20:36:40Z 2026-11-25T21:36:40Z",
                   "two times, 2026-11-25T20:36:40Z and 2026-11-25T21:36:40Z");
    char *large = calloc(PASTED_MAX + 2, 1);
    memset(large, 'a', PASTED_MAX + 1);
    expect_refused(large, "longer than");
    free(large);
}

/* What is no port, no time and no protocol. */
static void test_left_alone(void **state)
{
    (void)state;
    expect("203.0.113.5 25 Nov", "203.0.113.5");
    expect("203.0.113.5 port 0", "203.0.113.5");
    expect("203.0.113.5 dst port 22 sport 40312", "203.0.113.5:40312");
    expect("203.0.113.5 tried port http", "203.0.113.5");
}

static int in_central_europe(void **state)
{
    (void)state;
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    tzset();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines), cmocka_unit_test(test_logs),       cmocka_unit_test(test_mail),
        cmocka_unit_test(test_twice), cmocka_unit_test(test_asked_back), cmocka_unit_test(test_left_alone),
    };
    return cmocka_run_group_tests(tests, in_central_europe, NULL);
}
