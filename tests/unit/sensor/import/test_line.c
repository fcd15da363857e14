/* SPDX-License-Identifier: Apache-2.0 */
/* line.c: what each tool writes, as a flow; what it does not say is not known; what is wrong is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sensor/import/line.h"

static struct import_layout layout;
static struct flow flow;
static uint64_t unknown[2];
static struct error err;

static void begin(enum import_format format)
{
    layout = (struct import_layout){.format = format};
}

static enum result line(const char *text)
{
    char copy[1024];
    snprintf(copy, sizeof(copy), "%s", text);
    return import_line(&layout, copy, &flow, unknown, &err);
}

static bool knows(enum flow_field field)
{
    unsigned number = flow_fields[field].number;
    return (unknown[number / 64] >> number % 64 & 1) == 0;
}

static void assert_ends(const char *src, uint16_t src_port, const char *dst, uint16_t dst_port, unsigned protocol)
{
    char text[ADDRESS_TEXT_MAX];
    assert_string_equal(address_text(flow_src(&flow), text), src);
    assert_string_equal(address_text(flow_dst(&flow), text), dst);
    assert_int_equal(flow.src_port, src_port);
    assert_int_equal(flow.dst_port, dst_port);
    assert_int_equal(flow.protocol, protocol);
}

static void test_nfdump(void **state)
{
    (void)state;
    begin(IMPORT_NFDUMP);
    assert_int_equal(line("ts,te,td,sa,da,sp,dp,pr,flg,fwd,stos,ipkt,ibyt,opkt,obyt,in"), RESULT_END);
    assert_int_equal(line("2023-11-14 22:13:20,2023-11-14 22:13:20,0.050,198.51.100.9,10.0.1.17,443,51544,TCP,"
                          "...AP.SF,0,184,3,144,0,0,7"),
                     RESULT_OK);
    assert_ends("198.51.100.9", 443, "10.0.1.17", 51544, 6);
    assert_int_equal(flow.first_time, 1700000000000000000);
    assert_int_equal(flow.last_time, 1700000000050000000); /* te is a whole second only */
    assert_int_equal(flow.src_packets, 3);
    assert_int_equal(flow.src_bytes, 144);
    assert_int_equal(flow.src_tcp_flags, 0x1b);
    assert_int_equal(flow.src_dscp, 46);
    assert_true(knows(FLOW_FIELD_src_packets) && knows(FLOW_FIELD_src_tcp_flags) && knows(FLOW_FIELD_src_hi));
    assert_false(knows(FLOW_FIELD_dst_packets) || knows(FLOW_FIELD_dst_bytes) || knows(FLOW_FIELD_state));
    assert_int_equal(line("2023-11-14 22:13:20,2023-11-14 22:13:21,1.000,2001:db8::1,2001:db8::2,0,128.0,IPV6-ICMP,"
                          "........,0,0,1,104,1,104,7"),
                     RESULT_OK);
    assert_int_equal(flow.protocol, 58);
    assert_true(knows(FLOW_FIELD_dst_packets));
    assert_false(knows(FLOW_FIELD_dst_port)); /* it has none */
    assert_int_equal(line("Summary"), RESULT_END);
    assert_int_equal(line("flows,bytes,packets"), RESULT_END);
    assert_int_equal(line("2,248,4"), RESULT_END);
}

static void test_argus(void **state)
{
    (void)state;
    begin(IMPORT_ARGUS);
    assert_int_equal(
        line("StartTime,LastTime,Proto,SrcAddr,Sport,DstAddr,Dport,SrcPkts,DstPkts,SrcBytes,DstBytes,State"),
        RESULT_END);
    assert_int_equal(line("1795732115.120466,1795732115.109426,man,0,0,0,0,0,0,0,0,STA"), RESULT_END);
    assert_int_equal(line("1700000000.000000,1700000000.070000,6,10.0.1.17,51544,198.51.100.9,443,5,3,218,144,FIN"),
                     RESULT_OK);
    assert_ends("10.0.1.17", 51544, "198.51.100.9", 443, 6);
    assert_int_equal(flow.last_time - flow.first_time, 70000000);
    assert_int_equal(flow.dst_packets, 3);
    assert_int_equal(flow.dst_bytes, 144);
    assert_false(knows(FLOW_FIELD_src_payload));
    assert_int_equal(line("1700000000.0,1700000000.1,icmp,10.0.1.17,0x0008,198.51.100.9,0x1234,1,1,98,98,ECO"),
                     RESULT_OK);
    assert_false(knows(FLOW_FIELD_src_port));
}

static void test_binetflow(void **state)
{
    (void)state;
    begin(IMPORT_ARGUS);
    assert_int_equal(line("StartTime,Dur,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,State,sTos,dTos,TotPkts,TotBytes,"
                          "SrcBytes,SrcPkts,Label"),
                     RESULT_END);
    assert_int_equal(
        line("2019/04/04 16:24:47.672448,63.822830,tcp,10.8.0.69,56101,   ->,14.1.11.113,999,S0,0,0,31,8764,"
             "1887,15,"),
        RESULT_OK);
    assert_ends("10.8.0.69", 56101, "14.1.11.113", 999, 6);
    assert_int_equal(flow.first_time, 1554395087672448000);
    assert_int_equal(flow.last_time - flow.first_time, 63822830000);
    assert_int_equal(flow.src_packets, 15);
    assert_int_equal(flow.dst_packets, 16); /* all but src's */
    assert_int_equal(flow.dst_bytes, 6877);
}

static void test_zeek(void **state)
{
    (void)state;
    begin(IMPORT_ZEEK);
    assert_int_equal(line("#separator \\x09"), RESULT_END);
    assert_int_equal(
        line("#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes\t"
             "resp_bytes\tconn_state\thistory\torig_pkts\torig_ip_bytes\tresp_pkts\tresp_ip_bytes"),
        RESULT_END);
    assert_int_equal(
        line("1700000000.5\tC1\t10.0.1.17\t51544\t198.51.100.9\t443\ttcp\t-\t0.25\t16\t24\tSF\tShAD\t5\t218\t3\t144"),
        RESULT_OK);
    assert_ends("10.0.1.17", 51544, "198.51.100.9", 443, 6);
    assert_int_equal(flow.first_time, 1700000000500000000);
    assert_int_equal(flow.last_time, 1700000000750000000);
    assert_int_equal(flow.state, FLOW_STATE_SF);
    assert_int_equal(flow.src_payload, 16);
    char history[FLOW_HISTORY_MAX + 1];
    assert_int_equal(strlen(flow_history_text(flow.history, history)), 4);
    assert_int_equal(line("1700000000.5\tC1\t10.0.1.17\t51544\t198.51.100.9\t53\tudp\t-\t-\t-\t-\tS0\tD\t1\t60\t0\t0"),
                     RESULT_OK);
    assert_int_equal(flow.last_time, flow.first_time);
    assert_false(knows(FLOW_FIELD_src_payload) || knows(FLOW_FIELD_dst_payload));
    assert_true(knows(FLOW_FIELD_dst_packets));
    assert_int_equal(line("1700000000.5\tC1\tfe80::1\t135\tfe80::2\t0\ticmp\t-\t-\t-\t-\tOTH\t-\t1\t72\t0\t0"),
                     RESULT_OK);
    assert_int_equal(flow.protocol, 58);
    assert_int_equal(flow.icmp_type_code, 135 << 8);
    assert_true(knows(FLOW_FIELD_icmp_type_code));
    assert_false(knows(FLOW_FIELD_src_port));
    assert_int_equal(
        line("1700000000.5\tC1\t10.0.0.1\t0\t10.0.0.2\t0\tunknown_transport\t-\t-\t-\t-\tOTH\t-\t1\t72\t0\t0"),
        RESULT_REJECT);
    assert_int_equal(line("#close\t2023-11-14-22-13-20"), RESULT_END);
}

static void assert_says(const char *text, const char *words)
{
    assert_int_equal(line(text), RESULT_REJECT);
    if (strstr(err.text, words) == NULL)
        assert_string_equal(err.text, words);
}

static void test_mistakes(void **state)
{
    (void)state;
    begin(IMPORT_NFDUMP);
    assert_says("hello", "`nfdump -r FILE -o csv` prints");
    assert_false(layout.begun);
    begin(IMPORT_ARGUS);
    assert_int_equal(line("StartTime,Dur,Proto,SrcAddr,DstAddr"), RESULT_END);
    assert_says("1700000000.0,1.0,tcp,10.0.0.1", "less than 5 columns");
    assert_says("1700000000.0,1.0,tcp,10.0.0.1,10.0.0.2,", "more than 5 columns");
    assert_says("1700000000.0,1.0,tcp,10.0.0.256,10.0.0.2", "column 4: '10.0.0.256' cannot be read");
    assert_says("1700000000.0,1.0,frob,10.0.0.1,10.0.0.2", "column 3: 'frob'");
    assert_says("1700000000.0,,,10.0.0.1,10.0.0.2", "no time, no address or no protocol");
    assert_says("22:61,1,tcp,10.0.0.1,10.0.0.2", "column 1: '22:61'");
    assert_says("9223372035.9,9223372035,tcp,10.0.0.1,10.0.0.2", "after all time");
    assert_says("1700000000.0,1.0,t\x1b[1m,10.0.0.1,10.0.0.2", "'t?[1m'");
    assert_int_equal(line("1700000000.0,1.0,tcp,10.0.0.1,10.0.0.2"), RESULT_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_nfdump), cmocka_unit_test(test_argus),
                                       cmocka_unit_test(test_binetflow), cmocka_unit_test(test_zeek),
                                       cmocka_unit_test(test_mistakes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
