/* SPDX-License-Identifier: Apache-2.0 */
/* Community IDs against the specification's published vectors and, where the corpus is, its whole baseline. */
#include "common/records/community_id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

static struct flow make_flow(unsigned protocol, const char *src, const char *dst, unsigned sport, unsigned dport)
{
    struct address from, to;
    assert_int_equal(address_parse(src, &from), RESULT_OK);
    assert_int_equal(address_parse(dst, &to), RESULT_OK);
    struct flow flow = {
        .protocol = (uint8_t)protocol, .src_hi = from.hi, .src_lo = from.lo, .dst_hi = to.hi, .dst_lo = to.lo};
    if (protocol == 1 || protocol == 58) {
        flow.icmp_type_code = (uint16_t)(sport << 8 | (dport & 0xff));
    } else {
        flow.src_port = (uint16_t)sport;
        flow.dst_port = (uint16_t)dport;
    }
    return flow;
}

static struct flow reversed(struct flow flow)
{
    struct flow other = flow;
    other.src_hi = flow.dst_hi, other.src_lo = flow.dst_lo, other.src_port = flow.dst_port;
    other.dst_hi = flow.src_hi, other.dst_lo = flow.src_lo, other.dst_port = flow.src_port;
    return other;
}

/* From the specification's README and baseline (seed 0). */
static const struct {
    unsigned protocol;
    const char *src, *dst;
    unsigned sport, dport;
    const char *expected;
} vectors[] = {
    {17, "192.168.1.52", "8.8.8.8", 54585, 53, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="},
    {6, "128.232.110.120", "66.35.250.204", 34855, 80, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
    {6, "2001:470:e5bf:dead:4957:2174:e82c:4887", "2607:f8b0:400c:c03::1a", 63943, 25,
     "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4="},
    {132, "192.168.170.8", "192.168.170.56", 7, 7, "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs="},
    {46, "10.1.12.1", "10.1.12.2", 0, 0, "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw="},
    {1, "192.168.0.89", "192.168.0.1", 8, 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="},
    {58, "fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea", 135, 0, "1:dGHyGvjMfljg6Bppwm3bg0LO8TY="},
    {58, "3ffe:501:1800:2345::2", "3ffe:507:0:1:200:86ff:fe05:80da", 3, 0, "1:2ObVBgIn28oZvibYZhZMBgh7WdQ="},
};

static void test_published(void **state)
{
    (void)state;
    char text[COMMUNITY_ID_MAX];
    for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
        struct flow flow =
            make_flow(vectors[i].protocol, vectors[i].src, vectors[i].dst, vectors[i].sport, vectors[i].dport);
        assert_true(community_id(&flow, text));
        assert_string_equal(text, vectors[i].expected);
        if (vectors[i].protocol == 1 || vectors[i].protocol == 58)
            continue;
        struct flow back = reversed(flow);
        assert_true(community_id(&back, text));
        assert_string_equal(text, vectors[i].expected);
    }
}

static void test_icmp_reply_seen_first(void **state)
{
    (void)state;
    char asked[COMMUNITY_ID_MAX], answered[COMMUNITY_ID_MAX], other[COMMUNITY_ID_MAX];
    struct flow request = make_flow(1, "192.168.0.89", "192.168.0.1", 8, 0);
    assert_true(community_id(&request, asked));
    /* The sensor joined in time for the reply only, and wrote the asker as src all the same. */
    struct flow reply_first = request;
    reply_first.icmp_type_code = 0;
    reply_first.direction = FLOW_DIRECTION_REQUEST;
    assert_true(community_id(&reply_first, answered));
    assert_string_equal(asked, answered);
    /* Or wrote the replier as src. */
    struct flow replier = make_flow(1, "192.168.0.1", "192.168.0.89", 0, 0);
    assert_true(community_id(&replier, answered));
    assert_string_equal(asked, answered);
    /* An error goes one way: which way it went tells two apart. */
    struct flow error = make_flow(1, "192.168.0.89", "192.168.0.1", 3, 1), back = reversed(error);
    assert_true(community_id(&error, answered));
    assert_true(community_id(&back, other));
    assert_string_not_equal(answered, other);
}

static void test_not_ip(void **state)
{
    (void)state;
    char text[COMMUNITY_ID_MAX] = "old";
    struct flow arp = make_flow(0, "10.0.0.1", "10.0.0.2", 0, 0);
    assert_false(community_id(&arp, text));
    assert_string_equal(text, "");
    struct flow mixed = make_flow(17, "10.0.0.1", "2001:db8::1", 1, 2);
    assert_false(community_id(&mixed, text));
}

static void test_baseline(void **state)
{
    (void)state;
    const char *corpus = getenv("PAVO_CORPUS"), *source = getenv("PAVO_SOURCE");
    char path[4096];
    if (corpus != NULL)
        snprintf(path, sizeof(path), "%s/pcap/community-id/expected/baseline_deflt.json", corpus);
    else
        snprintf(path, sizeof(path), "%s/../shared/corpus/pcap/community-id/expected/baseline_deflt.json",
                 source == NULL ? "." : source);
    json_t *baseline = json_load_file(path, 0, NULL);
    if (baseline == NULL) {
        print_message("skipped: no corpus (set PAVO_CORPUS)\n");
        skip();
    }
    assert_true(json_array_size(baseline) > 0);
    size_t i;
    json_t *entry;
    json_array_foreach(baseline, i, entry)
    {
        int protocol = (int)json_integer_value(json_object_get(entry, "proto"));
        int sport = (int)json_integer_value(json_object_get(entry, "sport"));
        int dport = (int)json_integer_value(json_object_get(entry, "dport"));
        struct flow flow =
            make_flow((unsigned)protocol, json_string_value(json_object_get(entry, "saddr")),
                      json_string_value(json_object_get(entry, "daddr")), (unsigned)sport, (unsigned)dport);
        char text[COMMUNITY_ID_MAX];
        assert_true(community_id(&flow, text));
        assert_string_equal(text, json_string_value(json_object_get(entry, "communityid")));
    }
    json_decref(baseline);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published),
        cmocka_unit_test(test_icmp_reply_seen_first),
        cmocka_unit_test(test_not_ip),
        cmocka_unit_test(test_baseline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
