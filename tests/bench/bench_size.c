/* SPDX-License-Identifier: Apache-2.0 */
/* bench_size: what a store's segments take, and what they take without evidence.
 *
 *   bench_size DIRECTORY
 *
 * DIRECTORY is that of an aggregator that has ended. Prints one JSON object: of segments of flows, with all that they
 * have and then written again without evidence, their rows and the bytes of files, indices and seals; and how many of
 * them are not merged. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "aggregator/segments/segments.h"

struct size {
    uint64_t rows, bytes, index_bytes, seal_bytes;
    unsigned unmerged;
};

static struct size size_of(struct segments *segments, const char *directory)
{
    struct size size = {0};
    struct segment_set *set = segments_snapshot(segments);
    for (size_t i = 0; set != NULL && i < segment_set_count(set); i++) {
        const struct segment *segment = segment_set_get(set, i);
        char path[PATH_MAX];
        struct stat st;
        if (segment->kind != RECORD_FLOW)
            continue;
        snprintf(path, sizeof(path), "%s/segments/%016" PRIx64 ".seal", directory, segment->id);
        size.rows += segment->rows;
        size.bytes += segment->bytes;
        size.index_bytes += segment->index_bytes;
        size.seal_bytes += stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
        size.unmerged += segment->level == 0;
    }
    segment_set_release(&set);
    return size;
}

static void print(const char *name, struct size size, const char *end)
{
    printf("\"%s\": {\"rows\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"index_bytes\": %" PRIu64
           ", \"seal_bytes\": %" PRIu64 ", \"unmerged\": %u}%s\n",
           name, size.rows, size.bytes, size.index_bytes, size.seal_bytes, size.unmerged, end);
}

int main(int argc, char **argv)
{
    struct segments *segments;
    struct error err = {""};
    enum result r = RESULT_OK;
    if (argc != 2) {
        fprintf(stderr, "usage: bench_size DIRECTORY\n");
        return 2;
    }
    const struct segments_options options = {.directory = argv[1], .memory_limit = 256u << 20};
    if (segments_open(&options, &segments, &err) != RESULT_OK) {
        fprintf(stderr, "bench_size: %s\n", err.text);
        return 1;
    }
    printf("{");
    print("whole", size_of(segments, argv[1]), ",");
    while (r == RESULT_OK)
        r = segments_compact(segments, 0, INT64_MAX, &err);
    if (r != RESULT_END)
        fprintf(stderr, "bench_size: %s\n", err.text);
    print("without_evidence", size_of(segments, argv[1]), "}");
    segments_close(&segments);
    return r != RESULT_END;
}
