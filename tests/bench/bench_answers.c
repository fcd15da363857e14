/* SPDX-License-Identifier: Apache-2.0 */
/* bench_answers: a store to ask, of many days.
 *
 *   bench_answers DIRECTORY [DAYS [BUILT [CONNECTIONS]]]
 *
 * Makes DAYS (30) days in the store's own layout, as a store has them when it is done merging. The newest BUILT (3) are
 * made, each of CONNECTIONS (5,000,000): a flow inside and one outside, translated if it is IPv4, a verdict about both,
 * a binding. Older days are those again: their records keep their times, and only what the store knows of their files
 * says another day. Files of the days in which the rare hosts are are copied, so that a cold disk has them all to
 * read; the others are hard links. Prints one JSON object: what there is, and whom to ask about. DIRECTORY must be
 * empty. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aggregator/segments/internal.h"
#include "common/clock.h"
#include "common/records/binding.h"
#include "common/records/flow.h"
#include "common/records/verdict.h"
#include "tests/bench/campus.h"

#define BATCH_ROWS   16384u
#define BATCHES_MAX  4096u
#define FLOWS_FILE   5000000u /* rows of a merged file: more, and it is merged no more */
#define FIRST_DAY    20727    /* 2026-10-01 */
#define DAY_NS       (86400 * NS_PER_S)
#define RARE_INSIDE  0xffff0ac80001ull /* 10.200.0.1 */
#define RARE_OUTSIDE 0xffffc633644dull /* 198.51.100.77 */
#define RARE_TIMES   12u
#define POOL         0xffffcb007100ull /* 203.0.113.0, of which 16 addresses */

static void die(const char *what, const struct error *err)
{
    fprintf(stderr, "bench_answers: %s: %s\n", what, err->text);
    exit(1);
}

/* ---- records, gathered until a file is full */

struct gathered {
    struct records *batches[RECORD_KIND_COUNT][BATCHES_MAX]; /* owned */
    size_t counts[RECORD_KIND_COUNT];
    uint64_t rows[RECORD_KIND_COUNT];
};

static const struct observer inner = {.sensor = "inner", .epoch = 7}, outer = {.sensor = "outer", .epoch = 9};

/* With inner as observer 0 and outer as observer 1. */
static struct records *room(struct gathered *g, enum record_kind_number kind)
{
    struct error err = {"out of memory"};
    uint16_t index;
    size_t count = g->counts[kind];
    if (count > 0 && g->batches[kind][count - 1]->rows < BATCH_ROWS)
        return g->batches[kind][count - 1];
    struct records *records = count == BATCHES_MAX ? NULL : records_new(record_kinds[kind], BATCH_ROWS);
    if (records == NULL || records_observer(records, &inner, &index) != RESULT_OK ||
        records_observer(records, &outer, &index) != RESULT_OK)
        die("a batch", &err);
    return g->batches[kind][g->counts[kind]++] = records;
}

static void put(struct gathered *g, enum record_kind_number kind, const void *row)
{
    struct error err = {"out of memory"};
    if (records_add(room(g, kind), row) != RESULT_OK)
        die("a record", &err);
    g->rows[kind]++;
}

static void seal(struct segments *segments, struct gathered *g, uint64_t *position)
{
    struct error err;
    struct seal_input input = {.first_position = *position + 1};
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++) {
        for (size_t b = 0; b < g->counts[kind]; b++) {
            if (!records_freeze(g->batches[kind][b]))
                exit(1);
        }
        input.parts[kind] = (struct seal_part){(const struct records *const *)g->batches[kind], g->counts[kind]};
        *position += g->counts[kind];
    }
    input.last_position = *position;
    if (segments_seal(segments, &input, &err) != RESULT_OK)
        die("sealing", &err);
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++) {
        for (size_t b = 0; b < g->counts[kind]; b++)
            records_free(&g->batches[kind][b]);
        g->counts[kind] = g->rows[kind] = 0;
    }
}

/* ---- a connection */

static void put_verdict(struct gathered *g, const struct flow *in, const struct flow *out)
{
    bool translated = in->src_lo != out->src_lo;
    struct verdict v = {.observer = 0,
                        .flow = in->flow,
                        .boundary = "edge",
                        .verdict = translated ? VERDICT_TRANSLATED : VERDICT_FORWARDED,
                        .partner_observer = 1,
                        .partner_flow = out->flow,
                        .method = METHOD_SEQUENCE_NUMBERS,
                        .odds = 30000,
                        .candidates = 1,
                        .offset = out->first_time - in->first_time,
                        .translated = translated ? TRANSLATED_SOURCE : TRANSLATED_NONE,
                        .protocol = in->protocol,
                        .src_hi = in->src_hi,
                        .src_lo = in->src_lo,
                        .src_port = in->src_port,
                        .dst_hi = in->dst_hi,
                        .dst_lo = in->dst_lo,
                        .dst_port = in->dst_port,
                        .post_nat_src_hi = out->src_hi,
                        .post_nat_src_lo = out->src_lo,
                        .post_nat_src_port = out->src_port,
                        .post_nat_dst_hi = out->dst_hi,
                        .post_nat_dst_lo = out->dst_lo,
                        .post_nat_dst_port = out->dst_port,
                        .first_time = in->first_time,
                        .last_time = in->last_time};
    const struct verdict_term terms[] = {{.term_kind = TERM_PRIOR, .term_weight = -9000},
                                         {TERM_SRC_ISN, OUTCOME_AGREES, in->src_isn, out->src_isn, 20000},
                                         {TERM_DST_ISN, OUTCOME_AGREES, in->dst_isn, out->dst_isn, 20000},
                                         {TERM_PAYLOAD, OUTCOME_AGREES, in->src_payload, out->src_payload, 3000},
                                         {TERM_TIME, OUTCOME_AGREES, 0, 0, 2000},
                                         {.term_kind = TERM_CEILING, .term_weight = -6000}};
    put(g, RECORD_VERDICT, &v);
    struct records *verdicts = g->batches[RECORD_VERDICT][g->counts[RECORD_VERDICT] - 1];
    for (size_t i = 0; i < sizeof(terms) / sizeof(*terms); i++) {
        if (records_add_item(verdicts, VERDICT_TERMS, &terms[i]) != RESULT_OK)
            exit(1);
    }
    const struct binding b = {.observer = 0,
                              .witness = WITNESS_LINK,
                              .boundary = "edge",
                              .translated = TRANSLATED_SOURCE,
                              .protocol = in->protocol,
                              .inside_hi = in->src_hi,
                              .inside_lo = in->src_lo,
                              .inside_port = in->src_port,
                              .outside_hi = out->src_hi,
                              .outside_lo = out->src_lo,
                              .outside_port = out->src_port,
                              .peer_hi = out->dst_hi,
                              .peer_lo = out->dst_lo,
                              .peer_port = out->dst_port,
                              .first_time = in->first_time,
                              .last_time = in->last_time,
                              .odds = 30000,
                              .flow = in->flow};
    if (translated)
        put(g, RECORD_BINDING, &b);
}

/* The view outside of one inside. */
static struct flow outside_of(const struct flow *in)
{
    struct flow out = *in;
    out.flow = in->flow + 1000000007;
    out.observer = 1;
    out.first_time += (int64_t)(campus_draw() % 400000);
    out.last_time += 400000;
    out.src_ttl--;
    if (in->src_hi == 0) {
        out.src_lo = POOL + campus_draw() % 16;
        out.src_port = (uint16_t)(1024 + campus_draw() % 64000);
    }
    return out;
}

struct asked {
    struct flow in, out; /* one that was translated, of the middle of the newest day */
};

static void build_day(struct segments *segments, unsigned built, int64_t day_ns, uint64_t connections,
                      uint64_t *position, struct asked *ret_asked)
{
    static struct gathered flows, rest;
    for (uint64_t n = 0; n < connections; n++) {
        struct flow in = campus_flow(built * connections + n, day_ns + (int64_t)((double)n * DAY_NS / connections));
        uint64_t which = built == 0 ? n % (connections / RARE_TIMES) : 0;
        if (which == 1 && in.src_hi == 0)
            in.dst_lo = RARE_OUTSIDE, in.dst_hi = 0;
        if (which == 2 && in.src_hi == 0)
            in.src_lo = RARE_INSIDE;
        struct flow out = outside_of(&in);
        put(&flows, RECORD_FLOW, &in);
        put(&flows, RECORD_FLOW, &out);
        put_verdict(&rest, &in, &out);
        if (n >= connections / 2 && (n == connections / 2 || ret_asked->in.src_hi != 0))
            *ret_asked = (struct asked){in, out};
        if (flows.rows[RECORD_FLOW] == FLOWS_FILE)
            seal(segments, &flows, position);
    }
    if (flows.rows[RECORD_FLOW] > 0)
        seal(segments, &flows, position);
    seal(segments, &rest, position);
    fprintf(stderr, "bench_answers: a day is built\n");
}

/* ---- the same files under other names, as those of another day */

static void copy_file(const char *from, const char *to)
{
    int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ssize_t copied;
    do {
        copied = copy_file_range(in, NULL, out, NULL, 1u << 30, 0);
    } while (copied > 0);
    if (in < 0 || out < 0 || copied < 0) {
        perror(to);
        exit(1);
    }
    close(in);
    close(out);
}

/* An index is of its segment: the number is in its checksums. */
static void restamp_index(const struct segments *segments, const Store__Segment *seal, uint64_t id)
{
    struct error err = {"cut short"};
    char path[SEGMENT_PATH_MAX];
    uint64_t bytes;
    segments_path(segments, seal->id, "index", path);
    FILE *file = fopen(path, "r");
    struct index_entry *entries = malloc(seal->index_bytes);
    uint64_t block[512];
    size_t count = 0;
    while (file != NULL && entries != NULL && fread(block, sizeof(block), 1, file) == 1) {
        memcpy(entries + count, block + 2, block[1] * sizeof(*entries)); /* behind a checksum and their number */
        count += block[1];
    }
    if (file == NULL || entries == NULL || index_write(segments, id, entries, count, &bytes, &err) != RESULT_OK ||
        bytes != seal->index_bytes)
        die(path, &err);
    fclose(file);
    free(entries);
}

static void restamp(const struct segments *segments, uint64_t from, uint64_t id, int32_t day, int64_t shift_ns,
                    bool copied)
{
    struct error err;
    Store__Segment *seal;
    char source[SEGMENT_PATH_MAX], path[SEGMENT_PATH_MAX];
    if (seal_read(segments, from, &seal, &err) != RESULT_OK)
        die("a seal", &err);
    segments_path(segments, from, "parquet", source);
    segments_path(segments, id, "parquet", path);
    if (copied)
        copy_file(source, path);
    else if (link(source, path) != 0)
        exit(1);
    if (seal->index_bytes > 0)
        restamp_index(segments, seal, id);
    for (size_t i = 0; i < seal->n_siblings; i++)
        seal->siblings[i] = id;
    seal->id = id;
    seal->level = 2;
    seal->day = day;
    seal->first_ns += shift_ns;
    seal->last_ns += shift_ns;
    for (size_t g = 0; g < seal->n_group_first_ns; g++) {
        seal->group_first_ns[g] += shift_ns;
        seal->group_last_ns[g] += shift_ns;
    }
    if (seal_write(segments, seal, &err) != RESULT_OK)
        die(path, &err);
    store__segment__free_unpacked(seal, NULL);
}

static void remove_file(const char *directory, const char *name)
{
    char path[SEGMENT_PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    unlink(path);
}

static uint64_t number(int argc, char **argv, int at, uint64_t otherwise)
{
    return argc > at ? strtoull(argv[at], NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
    struct segments *segments;
    struct error err;
    struct asked asked = {0};
    uint64_t days = number(argc, argv, 2, 30), built = number(argc, argv, 3, 3);
    uint64_t connections = number(argc, argv, 4, 5000000), position = 0, ids[33] = {0}, next = 0x100000;
    const struct segments_options options = {.directory = argc > 1 ? argv[1] : NULL, .memory_limit = 1024u << 20};
    if (argc < 2 || built == 0 || built > 32 || days < built || connections < 1000) {
        fprintf(stderr, "usage: bench_answers DIRECTORY [DAYS [BUILT [CONNECTIONS]]]\n");
        return 2;
    }
    if (segments_open(&options, &segments, &err) != RESULT_OK)
        die(argv[1], &err);
    for (unsigned b = 0; b < built; b++) {
        build_day(segments, b, (FIRST_DAY + (int64_t)(days - built + b)) * DAY_NS, connections, &position, &asked);
        ids[b + 1] = segments->next_id;
    }
    for (uint64_t day = 0; day < days; day++) {
        unsigned source = (unsigned)((day + built * days - (days - built)) % built);
        int64_t shift = (int64_t)day - (int64_t)(days - built + source);
        for (uint64_t id = ids[source] == 0 ? 1 : ids[source]; id < ids[source + 1]; id++) {
            struct segment_set *set = segments_snapshot(segments);
            for (size_t i = 0; i < segment_set_count(set); i++) {
                const struct segment *s = segment_set_get(set, i);
                if (s->id == id)
                    restamp(segments, id, next++, FIRST_DAY + (int32_t)day, shift * DAY_NS,
                            shift != 0 && source == 0 && s->kind == RECORD_FLOW);
            }
            segment_set_release(&set);
        }
    }
    for (uint64_t id = 1; id < ids[built]; id++)
        part_remove(segments, id);
    segments_close(&segments);
    remove_file(argv[1], "catalogue.sqlite"); /* and it is made anew from the seals */
    if (segments_open(&options, &segments, &err) != RESULT_OK)
        die(argv[1], &err);
    struct segments_sizes sizes = segments_sizes(segments);
    char end[ADDRESS_TEXT_MAX], at[TIME_TEXT_MAX];
    address_port_text((struct address){asked.out.src_hi, asked.out.src_lo}, asked.out.src_port, end);
    time_text(asked.out.first_time, true, at);
    printf("{\"records\": %" PRIu64 ", \"flows\": %" PRIu64 ", \"segments\": %" PRIu64 ", \"bytes\": %" PRIu64
           ", \"index_bytes\": %" PRIu64 ",\n \"rare_inside\": \"10.200.0.1\", \"rare_outside\": \"198.51.100.77\", "
           "\"busy\": \"10.0.0.0\", \"nat\": \"%s\", \"at\": \"%s\"}\n",
           sizes.rows, days * connections * 2, sizes.segments, sizes.bytes, sizes.index_bytes, end, at);
    segments_close(&segments);
    return 0;
}
