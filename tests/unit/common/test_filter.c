/* SPDX-License-Identifier: Apache-2.0 */
/* The filter language: what each form means for a flow, what is refused and where, and that the column evaluator
 * agrees with a plain reading of the tree on random filters and rows. */
#include "common/filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/common/filter_generator.h"

static struct filter *parse(const char *text)
{
    struct filter *filter = NULL;
    struct error err = {""};
    enum result result = filter_parse(text, &filter, NULL, &err);
    if (result != RESULT_OK)
        print_message("%s\n  %s\n", text, err.text);
    assert_int_equal(result, RESULT_OK);
    return filter;
}

static struct address address_of(const char *text)
{
    struct address address;
    assert_int_equal(address_parse(text, &address), RESULT_OK);
    return address;
}

/* 10.0.1.17:51544 -> 198.51.100.9:443, TCP, ended well. */
static struct flow https_flow(void)
{
    struct address src = address_of("10.0.1.17"), dst = address_of("198.51.100.9");
    return (struct flow){
        .flow = 7,
        .src_hi = src.hi,
        .src_lo = src.lo,
        .dst_hi = dst.hi,
        .dst_lo = dst.lo,
        .src_port = 51544,
        .dst_port = 443,
        .protocol = 6,
        .first_time = 1700000000000000000,
        .last_time = 1700000002500000000,
        .state = FLOW_STATE_SF,
        .end_reason = FLOW_END_DETECTED,
        .direction = FLOW_DIRECTION_HANDSHAKE,
        .history = flow_history_add(flow_history_add(flow_history_add(0, 'S'), 'h'), 'A'),
        .evidence = FLOW_HAS_SRC_ISN | FLOW_HAS_DST_ISN | FLOW_HAS_SERVER_RTT,
        .src_isn = 1000,
        .dst_isn = 2000,
        .server_rtt = 12000,
        .src_packets = 10,
        .dst_packets = 12,
        .src_bytes = 1500,
        .dst_bytes = 900000,
        .src_tcp_flags = 0x1b,
        .dst_tcp_flags = 0x13,
        .src_ttl = 64,
        .dst_ttl = 52,
        .vlan = 12,
        .src_mac = 0x001122334455,
    };
}

/* 10.0.1.17 pings 192.0.2.1, identifier 443, and hears nothing. */
static struct flow ping_flow(void)
{
    struct address src = address_of("10.0.1.17"), dst = address_of("192.0.2.1");
    return (struct flow){
        .src_hi = src.hi,
        .src_lo = src.lo,
        .dst_hi = dst.hi,
        .dst_lo = dst.lo,
        .src_port = 443,
        .protocol = 1,
        .icmp_type_code = 8 << 8,
        .first_time = 1,
        .last_time = 1,
        .state = FLOW_STATE_S0,
        .end_reason = FLOW_END_IDLE,
        .evidence = FLOW_HAS_ICMP_SEQUENCE,
        .icmp_sequence = 0,
        .src_packets = 1,
        .src_bytes = 84,
        .src_ttl = 64,
    };
}

/* 2001:db8::1 asks 2001:db8::2 for a name, inside VXLAN 77 from 10.9.0.1. */
static struct flow dns6_flow(void)
{
    struct address src = address_of("2001:db8::1"), dst = address_of("2001:db8::2"), outer = address_of("10.9.0.1");
    return (struct flow){
        .src_hi = src.hi,
        .src_lo = src.lo,
        .dst_hi = dst.hi,
        .dst_lo = dst.lo,
        .src_port = 53,
        .dst_port = 53,
        .protocol = 17,
        .state = FLOW_STATE_SF,
        .src_packets = 1,
        .dst_packets = 1,
        .src_bytes = 80,
        .dst_bytes = 200,
        .src_ttl = 255,
        .dst_ttl = 63,
        .tunnel = FLOW_TUNNEL_VXLAN,
        .tunnel_id = 77,
        .tunnel_src_hi = outer.hi,
        .tunnel_src_lo = outer.lo,
        .last_time = 5000000,
    };
}

/* Letters of the flows that match: h(ttps), p(ing), d(ns). */
static const struct {
    const char *text;
    const char *matches;
} meanings[] = {
    {"", "hpd"},
    {" \t\n ", "hpd"},
    {"tcp", "h"},
    {"tcp or udp", "hd"},
    {"ip", "hp"},
    {"ip6", "d"},
    {"not ip6", "hp"},
    {"ip proto icmp", "p"},
    {"proto \\tcp", "h"},
    {"proto 17", "d"},
    {"protocol != tcp", "pd"},
    {"host 10.0.1.17", "hp"},
    {"10.0.1.17", "hp"},
    {"src 10.0.1.17", "hp"},
    {"dst 10.0.1.17", ""},
    {"src host 10.0.1.17 and dst host 192.0.2.1", "p"},
    {"host 192.0.2.1 or 198.51.100.9", "hp"},
    {"src or dst host 192.0.2.1", "p"},
    {"host != 192.0.2.1", "hd"},
    {"net 10.0.0.0/8", "hp"},
    {"src net 10", "hp"},
    {"net 10.0.1", "hp"},
    {"net 10.0.2", ""},
    {"net 198.51/16", "h"},
    {"2001:db8::/32", "d"},
    {"src and dst net 2001:db8::/32", "d"},
    {"both net 10.0.0.0/8", ""},
    {"net 0.0.0.0/0", "hp"},
    {"port 443", "h"}, /* and not the ping whose identifier is 443 */
    {"port https", "h"},
    {"src port 443", ""},
    {"dst port 443 or 53", "hd"},
    {"tcp dst port 443", "h"},
    {"udp port 443 or 53", "d"}, /* udp goes with the 53 too */
    {"port != 443", "d"},
    {"not port 443", "pd"},
    {"both port 53", "d"},
    {"portrange 50-60", "d"},
    {"portrange 1-60000", "hd"},
    {"dst portrange 440-450", "h"},
    {"port < 1024", "hd"},
    {"src_port > 1024", "h"},
    {"icmp_id 443", "p"},
    {"icmp_type 8", "p"},
    {"icmp_type != 8", ""}, /* the others have no type */
    {"icmp_code 0", "p"},
    {"icmp_sequence 0", "p"},
    {"bytes > 900k", "h"},
    {"bytes = 901500", "h"},
    {"src bytes > 1k", "h"},
    {"src_bytes = 84", "p"},
    {"dst bytes = 0", "p"},
    {"dst packets = 0", "p"},
    {"either packets = 12", "h"},
    {"both packets > 9", "h"},
    {"packets 1", "p"},
    {"tcp src bytes > 1k", "h"},
    {"bytes >= 0.0009m", "h"},
    {"duration > 2s", "h"},
    {"duration 2.5", "h"},
    {"duration < 10ms", "pd"},
    {"state SF", "hd"},
    {"state sf or s0", "hpd"},
    {"state != SF", "p"},
    {"end idle", "p"},
    {"end reason end", "h"},
    {"end_reason != idle", "hd"},
    {"direction handshake", "h"},
    {"flags S", "h"},
    {"flags SF", "h"},
    {"src flags P", "h"},
    {"dst flags P", ""},
    {"flags = FSA", "h"},
    {"flags R", ""},
    {"flags 0", ""}, /* the others have no TCP flags at all */
    {"not flags R", "hpd"},
    {"ttl < 60", "h"},
    {"ttl < 10", ""}, /* the ping's other side sent nothing: it has no TTL of 0 */
    {"dst ttl 63", "d"},
    {"ttl != 64", "d"},
    {"vlan", "h"},
    {"not vlan", "pd"},
    {"vlan 12", "h"},
    {"vlan < 100", "h"},
    {"tunnel", "d"},
    {"tunnel vxlan", "d"},
    {"tunnel none", "hp"},
    {"tunnel_id 77 and tunnel_src 10.9.0.0/16", "d"},
    {"tunnel_src != 10.9.0.0/16", ""},
    {"tunnel_id < 10", ""},
    {"evidence isn", "h"},
    {"evidence src_isn and not evidence src_digest", "h"},
    {"evidence != isn", "pd"},
    {"evidence 0x403", "h"},
    {"isn 2000", "h"},
    {"src isn 2000", ""},
    {"isn != 5", "h"},
    {"server_rtt > 10ms", "h"},
    {"server_rtt < 10ms", ""},
    {"client_rtt < 10ms", ""},
    {"not client_rtt < 10ms", "hpd"},
    {"mac 00:11:22:33:44:55", "h"},
    {"history Sh", "h"},
    {"history = Sh", ""},
    {"history = ShA", "h"},
    {"first_time >= 2023-11-14T22:13:20Z", "h"},
    {"first_time > 2023-11-14T22:13:20Z", ""},
    {"first_time = @1700000000", "h"},
    {"last_time = 2023-11-14T22:13:22.5Z", "h"},
    {"sensor inner", "hpd"},
    {"sensor outer", ""},
    {"sensor outer or inner", "hpd"},
    {"sensor != inner", ""},
    {"flow 7", "h"},
    /* and and or bind alike, from the left */
    {"tcp or udp and port 53", "d"},
    {"tcp or (udp and port 53)", "hd"},
    {"port 53 and udp or tcp", "hd"},
    {"not tcp and ip", "p"},
    {"not (tcp and ip)", "pd"},
    {"!tcp&&ip||port 53", "pd"},
    {"not not tcp", "h"},
};

static void test_meanings(void **state)
{
    (void)state;
    struct flow_batch *batch = flow_batch_new(3);
    struct flow flows[] = {https_flow(), ping_flow(), dns6_flow()};
    uint16_t index;
    assert_int_equal(flow_batch_observer(batch, &(struct observer){.sensor = "inner", .epoch = 1}, &index), RESULT_OK);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(flow_batch_add(batch, &flows[i]), RESULT_OK);
    for (size_t i = 0; i < sizeof(meanings) / sizeof(*meanings); i++) {
        struct filter *filter = parse(meanings[i].text);
        char matched[4] = "";
        unsigned count = 0;
        for (uint32_t row = 0; row < 3; row++) {
            if (filter_match(filter, batch, row))
                matched[count++] = "hpd"[row];
        }
        if (strcmp(matched, meanings[i].matches) != 0)
            print_message("filter: %s\n", meanings[i].text);
        assert_string_equal(matched, meanings[i].matches);
        filter_destroy(&filter);
    }
    flow_batch_destroy(&batch);
}

static const struct {
    const char *text;
    size_t offset;
    const char *says;
} mistakes[] = {
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
    {"state XX", 6, "is not a state"},
    {"state > SF", 8, "no order"},
    {"flags XYZ", 6, "TCP flags"},
    {"client_rtt > 10", 13, "with its unit"},
    {"duration 5x", 9, "bare number is seconds"},
    {"first_time > 2023-02-30T00:00:00Z", 13, "UTC time"},
    {"first_time > 2023-02-28", 13, "UTC time"},
    {"mac 00:11", 4, "MAC address"},
    {"src vlan 5", 4, "takes no src or dst"},
    {"src or 80", 7, "'dst' was expected"},
    {"observer 3", 0, "use sensor NAME"},
    {"sensor a/b", 7, "no sensor's name"},
    {"tcp # x", 4, "'#' means nothing here"},
    {"tcp \x01", 4, "byte 0x01"},
    {"dst 22", 4, "'22' is no word"},
    {"host 10.0.0.1 and 80", 18, "is not an address"},
    {"tcp and = 5", 8, "expected"},
    {"icmp_type > 3", 12, "no order"},
    {"evidence nonsense", 9, "evidence name"},
    {"history XYZ", 8, "history letters"},
    {"&& tcp", 0, "expected"},
};

static void test_mistakes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++) {
        struct filter *filter = (void *)&filter;
        size_t offset = 999;
        struct error err = {""};
        enum result result = filter_parse(mistakes[i].text, &filter, &offset, &err);
        if (result != RESULT_REJECT || offset != mistakes[i].offset || strstr(err.text, mistakes[i].says) == NULL)
            print_message("%s\n  at %zu: %s\n", mistakes[i].text, offset, err.text);
        assert_int_equal(result, RESULT_REJECT);
        assert_int_equal(offset, mistakes[i].offset);
        assert_non_null(strstr(err.text, mistakes[i].says));
        assert_ptr_equal(filter, &filter); /* untouched */
    }
}

static enum result parse_quietly(const char *text)
{
    struct filter *filter = NULL;
    enum result result = filter_parse(text, &filter, NULL, NULL);
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

/* A value each kind of field takes. */
static const char *sample_value(const char *name)
{
    static const char *const special[][2] = {
        {"first_time", "@5"},   {"last_time", "@5"}, {"state", "SF"},          {"end_reason", "idle"},
        {"direction", "first"}, {"history", "S"},    {"tunnel", "gre"},        {"client_rtt", "5us"},
        {"server_rtt", "5us"},  {"gap_mean", "5us"}, {"gap_deviation", "5us"}, {"mac", "00:00:00:00:00:05"},
    };
    const char *plain = strncmp(name, "src_", 4) == 0 || strncmp(name, "dst_", 4) == 0 ? name + 4 : name;
    for (size_t i = 0; i < sizeof(special) / sizeof(*special); i++) {
        if (strcmp(special[i][0], plain) == 0)
            return special[i][1];
    }
    return "5";
}

/* Every field of flow_fields.h can be named as it is written there, and the tree names that field. */
static void test_every_field(void **state)
{
    (void)state;
    for (int field = 0; field < FLOW_FIELD_COUNT; field++) {
        char text[128];
        const char *name = flow_fields[field].name;
        if (field == FLOW_FIELD_observer)
            continue; /* means nothing outside its batch: sensor NAME is the word */
        snprintf(text, sizeof(text), "%s = %s", name, sample_value(name));
        struct filter *filter = parse(text);
        const struct filter_node *node = filter_root(filter);
        while (node->right != NULL) /* behind its guard */
            node = node->right;
        int named = node->pair && node->side == FILTER_DST ? (int)node->field + 1 : (int)node->field;
        if (named != field)
            print_message("%s names %s\n", text, flow_fields[named].name);
        assert_int_equal(named, field);
        filter_destroy(&filter);
    }
}

/* ---------------------------------------------------------------- a plain reading of the tree, row by row */

static bool compared(enum filter_comparison comparison, __int128 left, __int128 right)
{
    switch (comparison) {
    case FILTER_EQ:
        return left == right;
    case FILTER_NE:
        return left != right;
    case FILTER_LT:
        return left < right;
    case FILTER_LE:
        return left <= right;
    case FILTER_GT:
        return left > right;
    case FILTER_GE:
        return left >= right;
    }
    return false;
}

static bool field_holds(const struct filter_node *node, const struct flow *flow, enum flow_field field)
{
    uint64_t bits = flow_field_get(flow, field);
    if (node->op == FILTER_MASK)
        return (bits & node->mask) == node->value;
    __int128 value = flow_fields[field].kind == FLOW_KIND_TIME ? (__int128)(int64_t)bits : (__int128)bits;
    return compared(node->comparison, value, (__int128)node->value);
}

static bool side_holds(const struct filter_node *node, const struct flow *flow, bool dst)
{
    if (node->op == FILTER_ADDRESS)
        return address_in_prefix(dst ? flow_dst(flow) : flow_src(flow), &node->prefix);
    return field_holds(node, flow, node->field + (dst ? 1u : 0u));
}

static bool holds(const struct filter_node *node, const struct flow_batch *batch, const struct flow *flow)
{
    switch (node->op) {
    case FILTER_TRUE:
        return true;
    case FILTER_AND:
        return holds(node->left, batch, flow) && holds(node->right, batch, flow);
    case FILTER_OR:
        return holds(node->left, batch, flow) || holds(node->right, batch, flow);
    case FILTER_NOT:
        return !holds(node->left, batch, flow);
    case FILTER_SENSOR:
        return strcmp(batch->observers[flow->observer].sensor, node->sensor) == 0;
    default:
        break;
    }
    if (node->op == FILTER_COMPARE && node->value_of == FILTER_VALUE_SUM)
        return compared(node->comparison,
                        (__int128)flow_field_get(flow, node->field) + flow_field_get(flow, node->field + 1u),
                        node->value);
    if (node->op == FILTER_COMPARE && node->value_of == FILTER_VALUE_DURATION)
        return compared(node->comparison, (__int128)flow->last_time - flow->first_time, node->value);
    if (node->op != FILTER_ADDRESS && !node->pair)
        return field_holds(node, flow, node->field);
    bool src = side_holds(node, flow, false), dst = side_holds(node, flow, true);
    return node->side == FILTER_SRC    ? src
           : node->side == FILTER_DST  ? dst
           : node->side == FILTER_BOTH ? src && dst
                                       : src || dst;
}

static void test_columns_agree_with_rows(void **state)
{
    (void)state;
    const char *given = getenv("PAVO_SEED");
    struct filter_random random = {given == NULL ? 1 : strtoull(given, NULL, 0)};
    uint32_t rows[2000], some = 0, all = 0;
    for (unsigned round = 0; round < 400; round++) {
        char text[FILTER_TEXT_MAX];
        uint64_t seed = random.state;
        struct flow_batch *batch = filter_generate_batch(&random, 1 + filter_random_below(&random, 2000));
        filter_generate_text(&random, text, sizeof(text));
        struct filter *filter = parse(text);
        uint32_t selected = filter_select(filter, batch, rows), next = 0;
        for (uint32_t row = 0; row < batch->rows; row++) {
            struct flow flow;
            flow_batch_get(batch, row, &flow);
            bool expected = holds(filter_root(filter), batch, &flow);
            bool chosen = next < selected && rows[next] == row;
            next += chosen;
            if (chosen != expected || (row % 37 == 0 && filter_match(filter, batch, row) != expected)) {
                print_message("PAVO_SEED=%llu row %u: %s\n", (unsigned long long)seed, row, text);
                fail();
            }
        }
        assert_int_equal(next, selected);
        some += selected > 0;
        all += selected == batch->rows;
        filter_destroy(&filter);
        flow_batch_destroy(&batch);
    }
    /* The generator asks questions that tell something. */
    assert_true(some > 200);
    assert_true(all < 200);
}

static void test_sum_does_not_wrap(void **state)
{
    (void)state;
    struct flow_batch *batch = flow_batch_new(1);
    struct flow flow = {.src_bytes = UINT64_MAX, .dst_bytes = 5, .src_retransmits = UINT32_MAX, .dst_retransmits = 1};
    assert_int_equal(flow_batch_add(batch, &flow), RESULT_OK);
    struct filter *bytes = parse("bytes > 9223372036854775807"), *retransmits = parse("retransmits = 4294967296");
    assert_true(filter_match(bytes, batch, 0));
    assert_true(filter_match(retransmits, batch, 0));
    filter_destroy(&bytes);
    filter_destroy(&retransmits);
    flow_batch_destroy(&batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_meanings),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_every_field),
        cmocka_unit_test(test_columns_agree_with_rows),
        cmocka_unit_test(test_sum_does_not_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
