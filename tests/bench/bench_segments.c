/* SPDX-License-Identifier: Apache-2.0 */
/* bench_segments: what sealing and merging cost, and how large what they leave is.
 *
 *   bench_segments DIRECTORY [FILES [ROWS]]
 *
 * Makes FILES (12) times ROWS (400,000) flows as a campus has them: hosts that talk a lot and many that talk little,
 * TCP with its evidence, UDP with less, both sides' counters. Seals each, merges them, and prints one JSON object:
 * microseconds of processor a row, bytes a row with the shares of evidence and index, peak resident memory above what
 * there was before (the rows among it). DIRECTORY must be empty. */
#include <inttypes.h>
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "aggregator/engine/engine.h"
#include "aggregator/segments/segments.h"
#include "common/clock.h"
#include "common/records/flow.h"

#define BATCH_ROWS 10000u
#define START_NS   1795392000000000000ll

static uint64_t seed = 1;

static uint64_t draw(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    return seed ^= seed << 17;
}

static double uniform(void)
{
    return (double)(draw() >> 11) / 9007199254740992.0;
}

static void die(const char *what, const struct error *err)
{
    fprintf(stderr, "bench_segments: %s: %s\n", what, err->text);
    exit(1);
}

/* Few are named often: by a power law over `count`. */
static uint32_t popular(uint32_t count)
{
    return (uint32_t)pow((double)count, uniform()) - 1;
}

static void make_side(struct flow *f, bool tcp, bool dst)
{
    uint64_t packets = 1 + (uint64_t)pow(60.0, uniform() * uniform()), payload = packets * (draw() % 900);
    if (dst) {
        f->dst_packets = packets;
        f->dst_payload = payload;
        f->dst_bytes = payload + packets * 52;
        f->dst_ttl = (uint8_t)(50 + draw() % 14);
        f->dst_size_min = 52;
        f->dst_size_max = (uint32_t)(52 + draw() % 1448);
        f->dst_gap_mean = (uint32_t)(draw() % 90000);
        f->dst_gap_deviation = (uint32_t)(draw() % 90000);
        f->dst_digest = draw();
        f->dst_ip_id = (uint16_t)draw();
        f->dst_mac = 0x0242ac110001u;
        f->dst_isn = tcp ? (uint32_t)draw() : 0;
        f->dst_timestamp_origin = tcp ? (uint32_t)draw() : 0;
        f->dst_tcp_flags = tcp ? 0x1b : 0;
        f->dst_window = tcp ? 65160 : 0;
        f->dst_mss = tcp ? 1460 : 0;
        f->dst_tcp_options = tcp ? 0x0301080402u : 0;
        return;
    }
    f->src_packets = packets;
    f->src_payload = payload;
    f->src_bytes = payload + packets * 52;
    f->src_ttl = (uint8_t)(draw() % 4 == 0 ? 128 : 64);
    f->src_size_min = 52;
    f->src_size_max = (uint32_t)(52 + draw() % 1448);
    f->src_gap_mean = (uint32_t)(draw() % 90000);
    f->src_gap_deviation = (uint32_t)(draw() % 90000);
    f->src_digest = draw();
    f->src_ip_id = (uint16_t)draw();
    f->src_mac = 0x020000000000u + f->src_lo % 20000;
    f->src_isn = tcp ? (uint32_t)draw() : 0;
    f->src_timestamp_origin = tcp ? (uint32_t)draw() : 0;
    f->src_tcp_flags = tcp ? 0x1b : 0;
    f->src_window = tcp ? 64240 : 0;
    f->src_mss = tcp ? 1460 : 0;
    f->src_tcp_options = tcp ? 0x0301080402u : 0;
}

static struct flow make_flow(uint64_t number, int64_t at_ns)
{
    static const uint16_t ports[] = {443, 443, 443, 443, 80, 53, 53, 22, 993, 8080};
    bool ipv6 = draw() % 100 < 15;
    struct flow f = {.flow = number,
                     .src_hi = ipv6 ? 0x20010db800000000u : 0,
                     .src_lo = (ipv6 ? 0 : 0xffff0a000000u) + popular(20000),
                     .dst_hi = ipv6 ? 0x2a00145000000000u + popular(5000) : 0,
                     .dst_lo = ipv6 ? popular(100) : 0xffff00000000u + (uint32_t)(popular(100000) * 2654435761u),
                     .src_port = (uint16_t)(32768 + draw() % 28000),
                     .dst_port = ports[draw() % 10],
                     .first_time = at_ns,
                     .direction = FLOW_DIRECTION_HANDSHAKE,
                     .end_reason = FLOW_END_DETECTED,
                     .interface = 1};
    bool tcp = f.dst_port != 53, answered = draw() % 10 != 0;
    f.protocol = tcp ? 6 : 17;
    f.last_time = at_ns + (int64_t)(1e6 * pow(60000.0, uniform()));
    f.state = answered ? FLOW_STATE_SF : FLOW_STATE_S0;
    f.history = tcp ? 0x1234567 : 0x22;
    f.evidence = (tcp ? 0xff : 0xf0) & (answered ? 0xff : 0x55);
    f.client_rtt = tcp ? (uint32_t)(draw() % 3000) : 0;
    f.server_rtt = tcp ? (uint32_t)(draw() % 40000) : 0;
    make_side(&f, tcp, false);
    if (answered)
        make_side(&f, tcp, true);
    return f;
}

static struct flow_batch *make_batch(uint64_t first, uint64_t rows, uint32_t count)
{
    struct flow_batch *batch = flow_batch_new(count);
    struct observer observer = {.sensor = "inner", .epoch = 7};
    uint16_t index;
    struct error err = {"out of memory"};
    if (batch == NULL || flow_batch_observer(batch, &observer, &index) != RESULT_OK)
        die("a batch", &err);
    for (uint32_t i = 0; i < count; i++) {
        struct flow f = make_flow(first + i, START_NS + (int64_t)((first + i) * (7200 * NS_PER_S / rows)));
        f.observer = index;
        if (flow_batch_add(batch, &f) != RESULT_OK)
            die("a batch", &err);
    }
    return batch;
}

/* ---- measuring */

static double processor(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double status_mib(const char *name)
{
    char line[128];
    double found = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, name, strlen(name)) == 0)
            found = atof(line + strlen(name) + 1) / 1024;
    }
    if (file != NULL)
        fclose(file);
    return found;
}

/* VmHWM is forgotten by writing 5 to clear_refs, so that each part has its own peak. Returns what is resident now. */
static double peak_forget(void)
{
    malloc_trim(0);
    FILE *file = fopen("/proc/self/clear_refs", "w");
    if (file != NULL) {
        fputs("5", file);
        fclose(file);
    }
    return status_mib("VmRSS");
}

/* ---- */

struct cost {
    double processor, peak_mib;
    uint64_t rows;
};

static void seal_file(struct segments *segments, uint64_t number, uint64_t files, uint32_t rows, struct cost *cost)
{
    uint32_t batches = (rows + BATCH_ROWS - 1) / BATCH_ROWS;
    struct flow_batch **all = calloc(batches, sizeof(*all));
    struct error err;
    for (uint32_t b = 0; b < batches; b++) {
        uint32_t count = rows - b * BATCH_ROWS < BATCH_ROWS ? rows - b * BATCH_ROWS : BATCH_ROWS;
        all[b] = make_batch(number * rows + b * BATCH_ROWS, files * rows, count);
    }
    struct seal_input input = {.first_position = number * batches + 1, .last_position = (number + 1) * batches};
    input.parts[RECORD_FLOW] = (struct seal_part){(const struct records *const *)all, batches};
    double before = peak_forget(), began = processor();
    if (segments_seal(segments, &input, &err) != RESULT_OK)
        die("sealing", &err);
    cost->processor += processor() - began;
    cost->rows += rows;
    double peak = status_mib("VmHWM") - before;
    cost->peak_mib = peak > cost->peak_mib ? peak : cost->peak_mib;
    for (uint32_t b = 0; b < batches; b++)
        flow_batch_destroy(&all[b]);
    free(all);
}

static struct cost compact(struct segments *segments, uint64_t rows, int64_t evidence_before_ns)
{
    struct error err;
    struct cost cost = {.rows = rows};
    double before = peak_forget(), began = processor();
    enum result r;
    while ((r = segments_compact(segments, START_NS, evidence_before_ns, &err)) == RESULT_OK)
        continue;
    if (r != RESULT_END)
        die("merging", &err);
    cost.processor = processor() - began;
    cost.peak_mib = status_mib("VmHWM") - before;
    return cost;
}

static double per(double what, uint64_t rows)
{
    return rows == 0 ? 0 : what / (double)rows;
}

int main(int argc, char **argv)
{
    struct segments *segments;
    struct error err;
    struct cost sealing = {0};
    uint64_t files = argc > 2 ? strtoull(argv[2], NULL, 10) : 12;
    uint32_t rows = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 400000;
    const struct segments_options options = {.directory = argc > 1 ? argv[1] : NULL, .memory_limit = 256u << 20};
    if (argc < 2 || rows == 0) {
        fprintf(stderr, "usage: bench_segments DIRECTORY [FILES [ROWS]]\n");
        return 2;
    }
    if (segments_open(&options, &segments, &err) != RESULT_OK)
        die(argv[1], &err);
    for (uint64_t i = 0; i < files; i++)
        seal_file(segments, i, files, rows, &sealing);
    struct segments_sizes sealed = segments_sizes(segments);
    struct cost merging = compact(segments, sealed.rows, 0);
    struct segments_sizes merged = segments_sizes(segments);
    struct cost stripping = compact(segments, sealed.rows, INT64_MAX);
    struct segments_sizes stripped = segments_sizes(segments);
    printf("{\"rows\": %" PRIu64 ", \"files\": %" PRIu64 ",\n", sealed.rows, files);
    printf(" \"sealing\": {\"us_a_row\": %.2f, \"bytes_a_row\": %.1f, \"index\": %.1f, \"peak_mib\": %.0f},\n",
           per(sealing.processor * 1e6, sealing.rows), per((double)sealed.bytes, sealed.rows),
           per((double)sealed.index_bytes, sealed.rows), sealing.peak_mib);
    printf(" \"merging\": {\"us_a_row\": %.2f, \"bytes_a_row\": %.1f, \"index\": %.1f, \"segments\": %" PRIu64
           ", \"peak_mib\": %.0f},\n",
           per(merging.processor * 1e6, merging.rows), per((double)merged.bytes, merged.rows),
           per((double)merged.index_bytes, merged.rows), merged.segments, merging.peak_mib);
    printf(
        " \"without_evidence\": {\"us_a_row\": %.2f, \"bytes_a_row\": %.1f, \"evidence\": %.1f, \"peak_mib\": %.0f}}\n",
        per(stripping.processor * 1e6, stripping.rows), per((double)stripped.bytes, stripped.rows),
        per((double)merged.bytes - (double)stripped.bytes, merged.rows), stripping.peak_mib);
    segments_close(&segments);
    return 0;
}
