/* SPDX-License-Identifier: Apache-2.0 */
/* What is no filter: where it is wrong, and that the sentence names a way; and how much a filter may be. */
#include "tests/unit/common/filter/filter_support.h"

struct mistake {
    const char *text;
    size_t offset;
    const char *says;
};

static const struct mistake mistakes[] = {
    {"host", 4, "'host' needs a value"},
    {"host and tcp", 5, "'host' needs a value, not 'and'"},
    {"host www.example.org", 5, "not looked up"},
    {"host 10.0.0.0/8", 5, "use net"},
    {"net 10.0.0.1/8", 4, "must be zero"},
    {"net 10.0.0.0/33", 4, "is not a network"},
    {"host > 10.0.0.1", 7, "no order"},
    {"prot 6", 0, "did you mean 'proto'"},
    {"host 10.0.0.1 and prot 6", 18, "did you mean 'proto'"},
    {"quux 6", 0, "'quux' is no word"},
    {"tcp and", 7, "expected"},
    {"(tcp", 4, "')'"},
    {"tcp)", 3, "`and` or `or`"},
    {"tcp udp", 4, "'udp' is no word"},
    {"port 65536", 5, "more than port can be (65535)"},
    {"port 80-79", 5, "is not a port"},
    {"port 80- 90", 5, "is not a port"},
    {"port > 80-90", 7, "range"},
    {"ttl 256", 4, "more than ttl can be (255)"},
    {"bytes > 1.5", 8, "is not a number"},
    {"bytes > 99999999999999999999", 8, "is not a number"},
    {"bytes > 9223372036854775808", 8, "more than bytes can be"},
    {"bytes > -1", 8, "is not a number"},
    {"state XX", 6, "is none of the words of state (OTH, S0,"},
    {"state > SF", 8, "no order"},
    {"flags XYZ", 6, "TCP flags"},
    {"client_rtt > 10", 13, "lacks its unit: 10ms"},
    {"duration 5x", 9, "with its unit"},
    {"first_time > 2023-02-30T00:00:00Z", 13, "UTC time"},
    {"first_time > 2023-02-28", 13, "UTC time"},
    {"mac 00:11", 4, "MAC address"},
    {"src vlan 5", 4, "takes no src or dst"},
    {"src or 80", 7, "'dst' was expected"},
    {"sensor .a", 7, "no sensor's name"},
    {"tcp # x", 4, "'#' means nothing here"},
    {"tcp \x01", 4, "byte 0x01"},
    {"dst 22", 4, "'22' is no word"},
    {"host 10.0.0.1 and 80", 18, "is not an address"},
    {"tcp and = 5", 8, "expected"},
    {"icmp_type > 3", 12, "no order"},
    {"evidence nonsense", 9, "none of the words of evidence (src_isn,"},
    {"history XYZ", 8, "history letters"},
    {"&& tcp", 0, "expected"},
    /* The right form, or the word that is meant, is named. */
    {"vlan 5000", 5, "more than vlan can be (4095)"},
    {"inner_vlan 4096", 11, "more than inner_vlan can be (4095)"},
    {"mpls 1048576", 5, "more than mpls_label can be (1048575)"},
    {"dscp 64", 5, "more than dscp can be (63)"},
    {"duration > 5000", 11, "lacks its unit: 5000ms (nfdump's), 5000s (ra's)"},
    {"bytes > 10 K", 11, "a unit stands at its number"},
    {"net 10.1.0.11/24", 4, "net 10.1.0.0/24"},
    {"host fd00::1/64", 5, "net fd00::/64"},
    {"10.1.0.11/24", 0, "net 10.1.0.0/24"},
    {"host 10.1.0.*", 5, "`net 10.1.0`"},
    {"host 300.1.1.1", 5, "four numbers of 0 to 255"},
    {"host 10.0.0.1-10.0.0.9", 5, "`host in file NAME`"},
    {"host 10.1.0.11 10.1.0.12", 15, "(several values: "},
    {"net 10.0.0.0 mask 255.0.255.0", 18, "has holes"},
    {"net 10.1.0.0 mask 255.0.0.0", 18, "bits behind the mask"},
    {"net 10.1.0.0 mask 16", 18, "a mask such as 255.255.0.0"},
    {"first_time > 2026-11-25T22:00:00", 13, ": 2026-11-25T22:00:00Z"},
    {"tcp, udp", 3, "`proto tcp,udp`"},
    {"port in 80", 8, "`port in [80 443]`"},
    {"port [80 443", 12, "the end of the list"},
    {"port []", 6, "without values"},
    {"port > [80 443]", 7, "a list has no order"},
    {"bytes > 1,000", 9, "a list has no order"},
    {"bytes = 1,500", 9, "numbers have no commas"},
    {"port != (80 or 443)", 8, "port != [80 443]"},
    {"ttl > 1..5", 6, "a range has no order"},
    {"ttl 5..1", 4, "the range is backwards"},
    {"host != 10.0.0.1:80", 8, "not host 10.0.0.1:80"},
    {"* and tcp", 0, "every record `any`"},
    {"tcp[tcpflags] & tcp-syn|tcp-ack != 0", 23, "parentheses were expected"},
    {"tcp[tcpflags] & tcp-syn", 23, "a comparison was expected"},
    {"tcp[tcpflags] & tcp-syn == tcp-ack", 34, "never left by the mask"},
    {"tcp[tcpflags] > 2", 17, "no order"},
    {"tcp[tcpflags] = 0", 17, "`flags = 0`"},
    {"tcp[2:2] = 80", 0, "`tcp dst port 80`"},
    {"ip[6:2] & 0x1fff != 0", 0, "`fragments seen`"},
    {"udp[8:4] = 5", 0, "keeps no packet's bytes"},
    {"tcp-syn", 0, "'tcp-syn' is no word here: it stands behind tcp[tcpflags]"},
    {"ether broadcast", 6, "`broadcast`"},
    {"ether dst ff:ff:ff:ff:ff:ff", 10, "`broadcast` or `multicast`"},
    {"ether proto 0x88cc", 12, "ether proto ip, ip6 or arp"},
    {"gateway router", 0, "`mac 00:11:22:33:44:55 and not host ADDR`"},
    {"inbound", 0, "`src net 10.0.0.0/8`"},
    {"tos 184", 0, "`dscp 46`"},
    {"as 64500", 0, "AS numbers are not kept"},
    {"router ip 10.0.0.1", 0, "`sensor NAME`"},
    {"tcp.flags.syn == 1", 0, "`flags S`"},
    {"arp.opcode == 1", 0, "`pavo kinds`"},
    {"dns", 0, "'dns' is a service: port dns"},
    {"vxlan", 0, "`tunnel vxlan`"},
    {"linked", 0, "`pavo links`"},
    {"nat", 0, "`pavo nat`"},
    {"inside 10.0.0.1", 0, "ask `pavo bindings`"},
    {"known", 5, "a field was expected"},
    {"known foo", 6, "did you mean 'flow'"},
    {"in file none.txt", 8, "no addresses came with 'none.txt'"},
    {"port in file bad.txt", 13, "a file has addresses"},
    {"in file", 7, "a file's name was expected"},
};

static const struct {
    enum record_kind_number kind;
    struct mistake mistake;
} mistakes_of_kinds[] = {
    {RECORD_FLOW, {"boundary nat", 0, "a flow has no 'boundary' (a verdict has: ask `pavo verdicts`)"}},
    {RECORD_VERDICT, {"bytes > 5", 0, "a verdict has no 'bytes' (a flow has)"}},
    {RECORD_VERDICT, {"tcp and verdct waiting", 8, "did you mean 'verdict'"}},
    {RECORD_VERDICT, {"verdict linked", 8, "'linked' is none of the words of verdict (unknown, translated, forwarded"}},
    {RECORD_VERDICT, {"verdict > waiting", 10, "no order"}},
    {RECORD_VERDICT, {"partner_observer 1", 0, "use sensor NAME"}},
    {RECORD_VERDICT, {"terms > 1", 0, "'terms' is a list's, of which a verdict has many"}},
    {RECORD_VERDICT, {"term_kind prior", 0, "'term_kind' is a list's"}},
    {RECORD_VERDICT, {"confidence > 100", 13, "more than confidence can be (99.9)"}},
    {RECORD_VERDICT, {"confidence > 98.55", 13, "is not per cent"}},
    {RECORD_VERDICT, {"odds > 9999999", 7, "more than odds can be"}},
    {RECORD_VERDICT, {"odds > lots", 7, "logarithm of odds"}},
    {RECORD_VERDICT, {"boundary > nat", 11, "no order"}},
    {RECORD_VERDICT, {"boundary", 8, "'boundary' needs a value"}},
    {RECORD_VERDICT, {"boundary \"nat", 9, "no closing quote"}},
    {RECORD_VERDICT, {"boundary \"a\tb\"", 9, "control characters"}},
    {RECORD_VERDICT, {"boundary \"\xff\"", 9, "UTF-8"}},
    {RECORD_VERDICT, {"\"verdict\" waiting", 0, "expected, not \"verdict\""}},
    {RECORD_VERDICT, {"sensor a/b/c", 7, "no sensor's name"}},
    {RECORD_FLOW, {"community_id x", 13, "is no Community ID"}},
    {RECORD_FLOW, {"observer 3", 0, "use sensor NAME"}},
    {RECORD_FLOW, {"history \"\"", 8, "history letters"}},
    {RECORD_FLOW, {"src retransmits 4294967296", 16, "more than retransmits can be (4294967295)"}},
    {RECORD_FLOW, {"tunnel ipsec", 7, "none of the words of tunnel (none, ipip"}},
    {RECORD_BINDING, {"src host 10.0.0.1", 4, "'host' takes no src or dst"}},
    {RECORD_BINDING, {"src 10.0.0.1", 4, "'host' takes no src or dst"}},
    {RECORD_BINDING, {"confidence > 90", 0, "a binding has no 'confidence'"}},
    {RECORD_LOSS, {"host 10.0.0.1", 0, "a loss has no 'host' (a flow has)"}},
    {RECORD_LOSS, {"10.0.0.1", 0, "a loss has no addresses"}},
    {RECORD_LOSS, {"tcp", 0, "a loss has no protocol, and so no 'tcp'"}},
    {RECORD_LOSS, {"count > 1 and ip6", 14, "a loss has no addresses, and so no 'ip6'"}},
    {RECORD_STATUS, {"last maybe", 5, "yes or no"}},
    {RECORD_STATUS, {"interface_name eth0", 0, "'interface_name' is a list's, of which a status has many"}},
    {RECORD_STATUS, {"duration > 5", 0, "a status has no 'duration'"}},
    {RECORD_ALERT, {"ttl 5", 0, "an alert has no 'ttl' (a flow has)"}},
    {RECORD_ALERT, {"severity 256", 9, "more than severity can be (255)"}},
};

static void check_mistake(enum record_kind_number kind, const struct mistake *mistake)
{
    struct filter *filter = (void *)&filter;
    size_t offset = 999;
    struct error err = {""};
    enum result result = filter_parse(record_kinds[kind], mistake->text, &filter, &offset, &err);
    if (result != RESULT_REJECT || offset != mistake->offset || strstr(err.text, mistake->says) == NULL)
        print_message("%s\n  at %zu: %s\n", mistake->text, offset, err.text);
    assert_int_equal(result, RESULT_REJECT);
    assert_int_equal(offset, mistake->offset);
    assert_non_null(strstr(err.text, mistake->says));
    assert_ptr_equal(filter, &filter); /* untouched */
}

static void test_mistakes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++)
        check_mistake(RECORD_FLOW, &mistakes[i]);
    for (size_t i = 0; i < sizeof(mistakes_of_kinds) / sizeof(*mistakes_of_kinds); i++)
        check_mistake(mistakes_of_kinds[i].kind, &mistakes_of_kinds[i].mistake);
}

static enum result parse_quietly(const char *text)
{
    struct filter *filter = NULL;
    enum result result = filter_parse(record_kinds[RECORD_FLOW], text, &filter, NULL, NULL);
    filter_destroy(&filter);
    return result;
}

static void repeat(char *text, size_t size, const char *part, unsigned times, const char *last)
{
    text[0] = '\0';
    for (unsigned i = 0; i < times; i++) {
        assert_true(strlen(text) + strlen(part) + strlen(last) < size);
        strcat(text, part);
    }
    strcat(text, last);
}

static void test_limits(void **state)
{
    (void)state;
    char text[2 * FILTER_TEXT_MAX];
    repeat(text, sizeof(text), "(", FILTER_DEPTH_MAX, "tcp");
    strcat(text, "))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))");
    assert_int_equal(parse_quietly(text), RESULT_OK);
    repeat(text, sizeof(text), "(", FILTER_DEPTH_MAX + 1, "tcp");
    assert_int_equal(parse_quietly(text), RESULT_REJECT);
    repeat(text, sizeof(text), "! ", FILTER_DEPTH_MAX - 1, "tcp");
    assert_int_equal(parse_quietly(text), RESULT_OK);
    repeat(text, sizeof(text), "! ", FILTER_DEPTH_MAX, "tcp");
    assert_int_equal(parse_quietly(text), RESULT_REJECT);
    /* A long run of one operator is no deep tree ... */
    repeat(text, sizeof(text), "port 5 or ", 300, "port 6");
    assert_int_equal(parse_quietly(text), RESULT_OK);
    /* ... alternation is one, */
    repeat(text, sizeof(text), "tcp or udp and ", 30, "ip");
    assert_int_equal(parse_quietly(text), RESULT_OK);
    repeat(text, sizeof(text), "tcp or udp and ", 40, "ip");
    assert_int_equal(parse_quietly(text), RESULT_REJECT);
    repeat(text, sizeof(text), "ttl 5or ", 500, "ttl 5");
    assert_int_equal(parse_quietly(text), RESULT_REJECT); /* more than FILTER_NODES_MAX */
    repeat(text, sizeof(text), " ", FILTER_TEXT_MAX - 3, "tcp");
    assert_int_equal(parse_quietly(text), RESULT_OK);
    repeat(text, sizeof(text), " ", FILTER_TEXT_MAX - 2, "tcp");
    assert_int_equal(parse_quietly(text), RESULT_REJECT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
