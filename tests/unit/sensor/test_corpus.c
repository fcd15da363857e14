/* SPDX-License-Identifier: Apache-2.0 */
/* Real captures: every packet has one outcome and ends in one record, and IP packets and bytes are those of an
 * independent reading, which the corpus brings along in MANIFEST.tsv (outermost IP header; columns ip_packets, ip_bytes).
 * The corpus is no part of the project: PAVO_CORPUS names its folder, by default ../shared/corpus beside the sources. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sensor/capture/capture.h"
#include "sensor/decode/decode.h"
#include "sensor/meter/meter.h"

/* Captures may be read in one place and counted by other rules in the other; each such file is named with its reason. */
struct exception {
    const char *path;
    const char *reason;
};

static const struct exception exceptions[] = {
#include "tests/unit/sensor/corpus_exceptions.h"
};

struct counted {
    uint64_t packets, ip_packets, ip_bytes;
    uint64_t metered, recorded, recorded_bytes, metered_bytes;
};

struct row {
    char path[512];
    uint64_t packets, ip_packets, ip_bytes;
};

static char corpus[512];

static void count_record(void *context, const struct flow *flow)
{
    struct counted *c = context;
    c->recorded += flow->src_packets + flow->dst_packets;
    c->recorded_bytes += flow->src_bytes + flow->dst_bytes;
}

/* IP length by the packet's own header, for packets that decode got as far as to an IP header and then refused. */
static bool is_refused_ip(enum decode_outcome outcome)
{
    switch (outcome) {
    case DECODE_MALFORMED_IPV6_EXTENSION:
    case DECODE_MALFORMED_FRAGMENT:
    case DECODE_MALFORMED_TCP:
    case DECODE_MALFORMED_UDP:
    case DECODE_MALFORMED_ICMP:
    case DECODE_MALFORMED_TRANSPORT:
        return true;
    default:
        return false;
    }
}

static void count_packet(struct counted *c, struct meter *meter, const struct packet *packet)
{
    static const struct decode_options options = {.outer = true};
    struct decoded d;
    enum decode_outcome outcome = decode(&options, packet, &d);
    c->packets++;
    assert_true(outcome < DECODE_OUTCOME_COUNT);
    if (outcome == DECODE_METERED) {
        c->metered++;
        c->metered_bytes += d.bytes;
        meter_add(meter, &d, 1);
    }
    if ((outcome == DECODE_METERED && d.kind != DECODED_ARP) || is_refused_ip(outcome)) {
        c->ip_packets++;
        c->ip_bytes += d.bytes; /* set before the transport is looked at */
    }
}

static struct counted count_file(const char *path)
{
    struct counted c = {0};
    struct capture *capture;
    struct meter *meter;
    struct error err;
    struct meter_options options = meter_options_default();
    options.flows_max = 4096; /* some captures have more */
    options.sink = (struct meter_sink){count_record, &c};
    struct capture_options capture_options = {.names = &path, .name_count = 1};
    if (capture_open_files(&capture_options, &capture, &err) != RESULT_OK || meter_new(&options, &meter, &err) != RESULT_OK)
        fail_msg("%s", err.text);
    struct packet packets[CAPTURE_BATCH];
    size_t count;
    while (capture_next(capture, 0, packets, &count) != RESULT_END) {
        for (size_t i = 0; i < count; i++)
            count_packet(&c, meter, &packets[i]);
    }
    meter_flush(meter);
    meter_destroy(&meter);
    capture_close(&capture);
    return c;
}

/* Columns of the manifest by name. */
static int column(const char *header, const char *name)
{
    char copy[2048], *rest = copy, *field;
    snprintf(copy, sizeof(copy), "%s", header);
    for (int n = 0; (field = strsep(&rest, "\t\n")) != NULL; n++) {
        if (strcmp(field, name) == 0)
            return n;
    }
    fail_msg("the manifest has no column %s", name);
    return -1;
}

static const char *field_of(char *fields[], int count, int number)
{
    return number < count ? fields[number] : "";
}

static const char *exception_of(const char *path)
{
    for (size_t i = 0; i < sizeof(exceptions) / sizeof(*exceptions); i++) {
        if (strstr(path, exceptions[i].path) != NULL)
            return exceptions[i].reason;
    }
    return NULL;
}

static unsigned compare(const struct row *row, unsigned *ret_excused)
{
    char path[1100];
    snprintf(path, sizeof(path), "%s/%s", corpus, row->path);
    struct counted c = count_file(path);
    /* Invariant 1, on whatever input: packets in records are packets metered. */
    assert_int_equal(c.recorded, c.metered);
    assert_int_equal(c.recorded_bytes, c.metered_bytes);
    if (c.packets == row->packets && c.ip_packets == row->ip_packets && c.ip_bytes == row->ip_bytes)
        return 0;
    if (exception_of(row->path) != NULL) {
        (*ret_excused)++;
        return 0;
    }
    print_error("%s: packets %" PRIu64 " (manifest %" PRIu64 "), IP packets %" PRIu64 " (%" PRIu64 "), IP bytes %" PRIu64 " (%" PRIu64 ")\n",
                row->path, c.packets, row->packets, c.ip_packets, row->ip_packets, c.ip_bytes, row->ip_bytes);
    return 1;
}

static void test_counts_agree_with_an_independent_reading(void **state)
{
    (void)state;
    char path[1024], line[8192];
    snprintf(path, sizeof(path), "%s/MANIFEST.tsv", corpus);
    FILE *manifest = fopen(path, "r");
    if (manifest == NULL) {
        print_message("no corpus at %s\n", corpus);
        skip();
    }
    assert_non_null(fgets(line, sizeof(line), manifest));
    int path_at = column(line, "path"), format_at = column(line, "format"), packets_at = column(line, "packets");
    int ip_packets_at = column(line, "ip_packets"), ip_bytes_at = column(line, "ip_bytes");
    unsigned files = 0, differing = 0, excused = 0;
    while (fgets(line, sizeof(line), manifest) != NULL) {
        char *fields[32], *rest = line, *field;
        int count = 0;
        while (count < 32 && (field = strsep(&rest, "\t\n")) != NULL)
            fields[count++] = field;
        if (strncmp(field_of(fields, count, format_at), "pcap", 4) != 0)
            continue;
        struct row row = {
            .packets = strtoull(field_of(fields, count, packets_at), NULL, 10),
            .ip_packets = strtoull(field_of(fields, count, ip_packets_at), NULL, 10),
            .ip_bytes = strtoull(field_of(fields, count, ip_bytes_at), NULL, 10),
        };
        snprintf(row.path, sizeof(row.path), "%s", field_of(fields, count, path_at));
        differing += compare(&row, &excused);
        files++;
    }
    fclose(manifest);
    print_message("%u files, %u differ for a stated reason\n", files, excused);
    assert_true(files > 1000);
    assert_int_equal(differing, 0);
}

int main(void)
{
    const char *named = getenv("PAVO_CORPUS"), *source = getenv("PAVO_SOURCE");
    if (named != NULL)
        snprintf(corpus, sizeof(corpus), "%s", named);
    else
        snprintf(corpus, sizeof(corpus), "%s/../shared/corpus", source != NULL ? source : ".");
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_counts_agree_with_an_independent_reading)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
