/* SPDX-License-Identifier: Apache-2.0 */
/* The filter language: what each form means for a record of each kind. */
#include "tests/unit/common/filter/filter_support.h"

#include "common/records/alert.h"
#include "common/records/binding.h"
#include "common/records/loss.h"
#include "common/records/status.h"
#include "common/records/verdict.h"

/* h(ttps), p(ing), d(ns). */
static const struct meaning meanings[] = {
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
    {"duration 2.5s", "h"},
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
    CHECK_MEANINGS(RECORD_FLOW, flow_records(batch), "hpd", meanings);
    flow_batch_destroy(&batch);
}

static struct records *records_of(enum record_kind_number kind, const void *rows, unsigned count)
{
    static const char *const names[] = {"inner", "outer", "collector/exporter"};
    struct records *records = records_new(record_kinds[kind], count);
    uint16_t index;
    assert_non_null(records);
    for (unsigned i = 0; i < 3; i++) {
        struct observer observer = {.epoch = 1};
        strcpy(observer.sensor, names[i]);
        assert_int_equal(records_observer(records, &observer, &index), RESULT_OK);
    }
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(records_add(records, (const char *)rows + (size_t)i * record_kinds[kind]->row_size),
                         RESULT_OK);
    return records;
}

/* t(ranslated), w(aiting). */
static const struct meaning verdict_meanings[] = {
    {"verdict translated", "t"},
    {"verdict translated or waiting", "tw"},
    {"verdict != translated", "w"},
    {"boundary nat", "tw"},
    {"boundary != nat", ""},
    {"boundary na", ""},
    {"host 10.0.1.17", "tw"},
    {"host 203.0.113.5", "t"}, /* the end outside */
    {"src host 203.0.113.5", ""},
    {"post_nat_src 203.0.113.5", "t"},
    {"post_nat_src != 203.0.113.5", ""}, /* who has no partner has no end outside either */
    {"post_nat_src != 203.0.113.6", "t"},
    {"host != 203.0.113.5", "w"}, /* but none of its ends is that one */
    {"not host 203.0.113.5", "w"},
    {"net 203.0.113.0/24", "t"},
    {"net != 203.0.113.0/24", "w"},
    {"port 40000", "t"},
    {"port 51544", "t"},
    {"port != 40000", ""}, /* the other one is ICMP */
    {"port 7", ""},
    {"icmp_id 7", "w"},
    {"src_port 51544", "t"},
    {"post_nat_src_port > 39999", "t"},
    {"port 39990-40010", "t"},
    {"tcp", "t"},
    {"icmp dst 198.51.100.9", "w"},
    {"ip", "tw"},
    {"ip6", ""},
    {"sensor inner", "tw"},
    {"sensor collector/exporter", "t"},
    {"sensor != collector/exporter", "w"},
    {"odds > 6.6", "t"},
    {"odds < 6.6", ""}, /* the other one's are not known */
    {"odds > -3", "t"},
    {"confidence > 90", "t"},
    {"confidence 99", "t"},
    {"confidence 99.0", "t"},
    {"confidence != 99", ""},
    {"confidence >= 99", "t"},
    {"confidence > 99", ""},
    {"confidence <= 99", "t"},
    {"confidence < 99", ""},
    {"confidence < 99.1", "t"},
    {"confidence != 98.9", "t"},
    {"confidence > 0", "t"},
    {"confidence <= 99.9", "t"},
    {"method sequence_numbers", "t"},
    {"method unknown", ""},
    {"offset < -4ms", "t"},
    {"offset > -4ms", ""},
    {"offset = -5ms", "t"},
    {"translated source", "t"},
    {"side inside", "tw"},
    {"candidates", "t"},
    {"candidates 0", "w"},
    {"supersedes", "w"},
    {"supersedes < 10", "w"},
    {"duration > 1s", "t"},
    {"duration < 0s", "w"}, /* a clock ran backwards */
    {"duration = -2s", "w"},
};

static void test_verdicts(void **state)
{
    (void)state;
    struct address inside = address_of("10.0.1.17"), outside = address_of("203.0.113.5"),
                   far = address_of("198.51.100.9");
    struct verdict rows[] = {
        {.observer = 0,
         .flow = 7,
         .boundary = "nat",
         .verdict = VERDICT_TRANSLATED,
         .partner_observer = 2,
         .method = METHOD_SEQUENCE_NUMBERS,
         .odds = 6640,
         .candidates = 3,
         .offset = -5000000,
         .translated = TRANSLATED_SOURCE,
         .protocol = 6,
         .src_hi = inside.hi,
         .src_lo = inside.lo,
         .src_port = 51544,
         .dst_hi = far.hi,
         .dst_lo = far.lo,
         .dst_port = 443,
         .post_nat_src_hi = outside.hi,
         .post_nat_src_lo = outside.lo,
         .post_nat_src_port = 40000,
         .post_nat_dst_hi = far.hi,
         .post_nat_dst_lo = far.lo,
         .post_nat_dst_port = 443,
         .first_time = 0,
         .last_time = 2000000000},
        {.observer = 0,
         .flow = 8,
         .boundary = "nat",
         .verdict = VERDICT_WAITING,
         .supersedes = 3,
         .protocol = 1,
         .src_hi = inside.hi,
         .src_lo = inside.lo,
         .src_port = 7,
         .dst_hi = far.hi,
         .dst_lo = far.lo,
         .first_time = 2000000000,
         .last_time = 0},
    };
    struct records *records = records_of(RECORD_VERDICT, rows, 2);
    CHECK_MEANINGS(RECORD_VERDICT, records, "tw", verdict_meanings);
    records_free(&records);
}

/* c(onntrack), r(ule). */
static const struct meaning binding_meanings[] = {
    {"witness conntrack", "c"},
    {"witness log or rule", "r"},
    {"host 10.0.1.17", "cr"},
    {"host 203.0.113.5", "cr"},
    {"host 198.51.100.9", "c"},
    {"10.0.1.17", "cr"},
    {"inside 10.0.1.17", "cr"},
    {"inside 10.0.0.0/8", "cr"},
    {"outside 10.0.1.17", ""},
    {"peer 198.51.100.9", "c"},
    {"peer != 198.51.100.9", ""},
    {"host != 198.51.100.9", "r"},
    {"port 443", "c"},
    {"port 0", "r"}, /* any port: a rule's own word */
    {"inside_port 51544", "c"},
    {"outside_port 1-65535", "c"},
    {"peer_port 443", "c"},
    {"peer_port < 1000", "c"},
    {"udp", ""},
    {"source \"ip nat pool \\\"a\\\" 12\"", "r"},
    {"source != x", "r"}, /* the other one has none */
    {"source", "r"},
    {"not source", "c"},
    {"sensor outer", "cr"},
    {"odds >= 0", "c"},
    {"odds < 0", "r"},
    {"flow 9", "c"},
    {"flow != 9", ""},
    {"ip6", ""},
};

static void test_bindings(void **state)
{
    (void)state;
    struct address inside = address_of("10.0.1.17"), outside = address_of("203.0.113.5"),
                   peer = address_of("198.51.100.9");
    struct binding rows[] = {
        {.observer = 1,
         .witness = WITNESS_CONNTRACK,
         .boundary = "nat",
         .protocol = 6,
         .inside_hi = inside.hi,
         .inside_lo = inside.lo,
         .inside_port = 51544,
         .outside_hi = outside.hi,
         .outside_lo = outside.lo,
         .outside_port = 40000,
         .peer_hi = peer.hi,
         .peer_lo = peer.lo,
         .peer_port = 443,
         .flow = 9},
        {.observer = 1,
         .witness = WITNESS_RULE,
         .boundary = "nat",
         .inside_hi = inside.hi,
         .inside_lo = inside.lo,
         .outside_hi = outside.hi,
         .outside_lo = outside.lo,
         .odds = -1000,
         .source = "ip nat pool \"a\" 12"},
    };
    struct records *records = records_of(RECORD_BINDING, rows, 2);
    CHECK_MEANINGS(RECORD_BINDING, records, "cr", binding_meanings);
    records_free(&records);
}

/* k(ernel), s(pool). */
static const struct meaning loss_meanings[] = {
    {"loss packets_kernel", "k"},
    {"loss packets_kernel and count > 1k", "k"},
    {"count", "ks"},
    {"interface eth0", "k"},
    {"interface eth1 or eth0", "k"},
    {"interface != eth1", "k"}, /* the other one's is not known */
    {"interface", "k"},
    {"reason \"the disk is full\"", "s"},
    {"reason = the or \"the disk is full\"", "s"},
    {"sequence 12", "s"},
    {"from_time >= @5", "s"},
    {"duration > 1s", "k"},
    {"sensor inner", "k"},
    {"sensor collector/exporter", "s"},
};

static void test_losses(void **state)
{
    (void)state;
    struct loss rows[] = {
        {.observer = 0, .loss = LOSS_PACKETS_KERNEL, .to_time = 2000000000, .count = 5000, .interface = "eth0"},
        {.observer = 2,
         .loss = LOSS_RECORDS_SPOOL,
         .from_time = 5000000000,
         .to_time = 5000000000,
         .count = 1,
         .reason = "the disk is full",
         .sequence = 12},
    };
    struct records *records = records_of(RECORD_LOSS, rows, 2);
    CHECK_MEANINGS(RECORD_LOSS, records, "ks", loss_meanings);
    records_free(&records);
}

/* r(unning), e(nded). */
static const struct meaning status_meanings[] = {
    {"last", "e"},
    {"not last", "r"},
    {"last yes", "e"},
    {"last no", "r"},
    {"last != true", "r"},
    {"clock_known", "r"},
    {"clock_offset < 0s", "r"},
    {"clock_offset = 0s", ""}, /* not compared, and so not zero */
    {"clock_error 250us", "r"},
    {"cpu > 1m", "e"},
    {"records_lost", "e"},
    {"records_made >= 100", "re"},
    {"software \"pavo-sensor 0.3\"", "r"},
    {"rss > 1gi", "e"},
    {"started < 2023-11-14T22:13:20Z", "re"},
};

static void test_statuses(void **state)
{
    (void)state;
    struct status rows[] = {
        {.observer = 0,
         .started = 1,
         .software = "pavo-sensor 0.3",
         .records_made = 100,
         .clock_known = 1,
         .clock_offset = -1,
         .clock_error = 250000},
        {.observer = 0,
         .started = 1,
         .records_made = 101,
         .records_lost = 1,
         .cpu = 61000000000,
         .rss = 1ull << 31,
         .last = 1},
    };
    struct records *records = records_of(RECORD_STATUS, rows, 2);
    CHECK_MEANINGS(RECORD_STATUS, records, "re", status_meanings);
    records_free(&records);
}

static const struct meaning alert_meanings[] = {
    {"detector scan", "s"},     {"detector scan and severity >= 50", "s"},
    {"subject 10.0.1.17", "s"}, {"text \"40 ports in 2 s\"", "s"},
    {"text != \"\"", "s"},      {"severity > 80", ""},
};

static void test_alerts(void **state)
{
    (void)state;
    struct alert row = {.detector = "scan", .subject = "10.0.1.17", .text = "40 ports in 2 s", .severity = 50};
    struct records *records = records_of(RECORD_ALERT, &row, 1);
    CHECK_MEANINGS(RECORD_ALERT, records, "s", alert_meanings);
    records_free(&records);
}

/* s(ensor), e(xporter): the same flow, of which the exporter knows less. */
static const struct meaning unknown_meanings[] = {
    {"dst ttl 52", "s"},
    {"dst ttl != 64", "s"},
    {"not dst ttl 64", "se"}, /* the whole turned round */
    {"ttl 64", "se"},
    {"ttl != 5", "s"}, /* of the exporter's, one side is not known */
    {"both ttl > 5", "s"},
    {"state SF", "s"},
    {"state != S0", "s"},
    {"bytes > 1", "s"},
    {"bytes < 1g", "s"},
    {"src bytes > 1", "s"},
    {"dst bytes > 1", "se"},
    {"evidence isn", "s"},
    {"evidence != digest", "s"},
    {"isn 1000", "s"}, /* for want of its bit */
    {"host != 10.0.1.18", "s"},
    {"dst host != 10.0.1.18", "se"},
    {"ip", "s"},
    {"ip6", ""},
    {"duration > 1s", "s"},
    {"first_time > @5", "se"},
    {"sensor exporter", "e"},
};

static void test_unknown_to_an_observer(void **state)
{
    (void)state;
    static const unsigned unknown[] = {FLOW_FIELD_dst_ttl,  FLOW_FIELD_state,  FLOW_FIELD_src_bytes,
                                       FLOW_FIELD_evidence, FLOW_FIELD_src_hi, FLOW_FIELD_last_time};
    struct flow_batch *batch = flow_batch_new(2);
    struct flow flow = https_flow();
    struct observer sensor = {.sensor = "sensor", .epoch = 1}, exporter = {.sensor = "exporter", .epoch = 1};
    for (size_t i = 0; i < sizeof(unknown) / sizeof(*unknown); i++)
        exporter.unknown[flow_fields[unknown[i]].number / 64] |= 1ull << flow_fields[unknown[i]].number % 64;
    assert_int_equal(flow_batch_observer(batch, &sensor, &flow.observer), RESULT_OK);
    assert_int_equal(flow_batch_add(batch, &flow), RESULT_OK);
    assert_int_equal(flow_batch_observer(batch, &exporter, &flow.observer), RESULT_OK);
    assert_int_equal(flow_batch_add(batch, &flow), RESULT_OK);
    CHECK_MEANINGS(RECORD_FLOW, flow_records(batch), "se", unknown_meanings);
    flow_batch_destroy(&batch);
}

/* Halves of addresses are numbers under their own name, as everything else that stands in a table. */
static void test_halves(void **state)
{
    (void)state;
    struct flow_batch *batch = flow_batch_new(1);
    struct flow flow = https_flow();
    assert_int_equal(flow_batch_add(batch, &flow), RESULT_OK);
    static const struct meaning halves[] = {
        {"src_hi 0", "h"}, {"src_hi != 0", ""}, {"src_lo = 0xffff0a000111", "h"}, {"src_lo > 1t", "h"}};
    CHECK_MEANINGS(RECORD_FLOW, flow_records(batch), "h", halves);
    flow_batch_destroy(&batch);
}

static void test_sum_does_not_wrap(void **state)
{
    (void)state;
    struct flow_batch *batch = flow_batch_new(1);
    struct flow flow = {.src_bytes = UINT64_MAX, .dst_bytes = 5, .src_retransmits = UINT32_MAX, .dst_retransmits = 1};
    assert_int_equal(flow_batch_add(batch, &flow), RESULT_OK);
    const struct records *records = flow_records(batch);
    struct filter *bytes = parse("bytes > 9223372036854775807"), *retransmits = parse("retransmits = 4294967296");
    assert_true(filter_match(bytes, records, 0));
    assert_true(filter_match(retransmits, records, 0));
    filter_destroy(&bytes);
    filter_destroy(&retransmits);
    flow_batch_destroy(&batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_meanings),
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_bindings),
        cmocka_unit_test(test_losses),
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_alerts),
        cmocka_unit_test(test_unknown_to_an_observer),
        cmocka_unit_test(test_halves),
        cmocka_unit_test(test_sum_does_not_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
