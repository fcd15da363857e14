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
#include "tests/bench/campus.h"

#define BATCH_ROWS 10000u
#define START_NS   1795392000000000000ll

static void die(const char *what, const struct error *err)
{
    fprintf(stderr, "bench_segments: %s: %s\n", what, err->text);
    exit(1);
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
        struct flow f = campus_flow(first + i, START_NS + (int64_t)((first + i) * (7200 * NS_PER_S / rows)));
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
