/* SPDX-License-Identifier: Apache-2.0 */
/* bench_journal: what a commit of the journal takes beside a bare write and fdatasync of the same bytes.
 *
 *   bench_journal [--bytes N] [--commits N] [--batches N] DIRECTORY
 *
 *   --bytes N    of each set, over its batches (65536)
 *   --commits N  of each of the two (10000)
 *   --batches N  of each set (1)
 *
 * The two take turns in DIRECTORY, so that both meet the same disk. The bare one writes into a file that is allocated
 * in full and goes on with the next when it is full, as the journal does; neither's next file is made while a commit is
 * timed, but the journal's commits that go over to it are among the timed. Prints one JSON object: seconds at p50, p99
 * and of the slowest, and the journal's over the bare one's. */
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aggregator/journal/journal.h"
#include "common/clock.h"

enum { BATCHES_MAX = 1024 };

struct bench {
    const char *directory;
    uint64_t bytes, commits, batches;
    uint8_t *data;
    struct journal *journal;
    int bare;
    uint64_t offset;
    double *journal_s, *bare_s;
};

static void die(const char *what)
{
    fprintf(stderr, "bench_journal: %s\n", what);
    exit(1);
}

static double since(int64_t start_ns)
{
    return (double)(clock_monotonic_ns() - start_ns) / (double)NS_PER_S;
}

static int by_size(const void *a, const void *b)
{
    double one = *(const double *)a, other = *(const double *)b;
    return one < other ? -1 : one > other;
}

/* A file in place of the last, allocated and synced. */
static void bare_next(struct bench *bench)
{
    if (bench->bare >= 0)
        close(bench->bare);
    bench->bare = openat(AT_FDCWD, bench->directory, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
    if (bench->bare < 0 || posix_fallocate(bench->bare, 0, JOURNAL_FILE_DEFAULT) != 0 || fsync(bench->bare) != 0)
        die("cannot allocate a file");
    bench->offset = 0;
}

static double bare_commit(struct bench *bench)
{
    if (bench->offset + bench->bytes > JOURNAL_FILE_DEFAULT)
        bare_next(bench);
    int64_t start = clock_monotonic_ns();
    if (pwrite(bench->bare, bench->data, bench->bytes, (off_t)bench->offset) != (ssize_t)bench->bytes ||
        fdatasync(bench->bare) != 0)
        die("cannot write");
    bench->offset += bench->bytes;
    return since(start);
}

static double journal_commit(struct bench *bench)
{
    static struct journal_entry entries[BATCHES_MAX];
    struct error err;
    uint64_t each = bench->bytes / bench->batches, first = journal_last(bench->journal) + 1;
    if (journal_prepare(bench->journal, &err) != RESULT_OK ||
        journal_drop(bench->journal, first - 1, 4 * JOURNAL_FILE_DEFAULT, INT64_MIN, NULL, &err) != RESULT_OK)
        die(err.text);
    for (uint64_t i = 0; i < bench->batches; i++)
        entries[i] = (struct journal_entry){.position = first + i,
                                            .speaker = {.sensor = "bench", .epoch = 1},
                                            .sequence = first + i,
                                            .packed = bench->data + i * each,
                                            .length = each};
    int64_t start = clock_monotonic_ns();
    if (journal_append(bench->journal, entries, bench->batches, &err) != RESULT_OK)
        die(err.text);
    return since(start);
}

static double at(const double *sorted, uint64_t count, double share)
{
    return sorted[(uint64_t)((double)(count - 1) * share)];
}

static void tell(const struct bench *bench)
{
    static const struct {
        const char *name;
        double share;
    } points[] = {{"p50", 0.5}, {"p99", 0.99}, {"max", 1}};
    qsort(bench->journal_s, bench->commits, sizeof(double), by_size);
    qsort(bench->bare_s, bench->commits, sizeof(double), by_size);
    printf("{\"bytes\": %llu, \"commits\": %llu, \"batches\": %llu", (unsigned long long)bench->bytes,
           (unsigned long long)bench->commits, (unsigned long long)bench->batches);
    for (size_t i = 0; i < sizeof(points) / sizeof(*points); i++) {
        double journal = at(bench->journal_s, bench->commits, points[i].share);
        double bare = at(bench->bare_s, bench->commits, points[i].share);
        printf(", \"%s\": {\"journal\": %.6f, \"bare\": %.6f, \"ratio\": %.3f}", points[i].name, journal, bare,
               journal / bare);
    }
    printf("}\n");
}

static void options(struct bench *bench, int argc, char **argv)
{
    static const struct option known[] = {{"bytes", required_argument, NULL, 'b'},
                                          {"commits", required_argument, NULL, 'c'},
                                          {"batches", required_argument, NULL, 'n'},
                                          {0}};
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        uint64_t value = optarg == NULL ? 0 : strtoull(optarg, NULL, 10);
        if (option == '?' || value == 0)
            die("bench_journal [--bytes N] [--commits N] [--batches N] DIRECTORY");
        *(option == 'b' ? &bench->bytes : option == 'c' ? &bench->commits : &bench->batches) = value;
    }
    if (optind + 1 != argc || bench->batches > BATCHES_MAX || bench->bytes > JOURNAL_FILE_DEFAULT / 2)
        die("bench_journal [--bytes N] [--commits N] [--batches N] DIRECTORY");
    bench->directory = argv[optind];
}

int main(int argc, char **argv)
{
    struct bench bench = {.bytes = 65536, .commits = 10000, .batches = 1, .bare = -1};
    struct error err;
    options(&bench, argc, argv);
    bench.data = malloc(bench.bytes);
    bench.journal_s = malloc(bench.commits * sizeof(double));
    bench.bare_s = malloc(bench.commits * sizeof(double));
    if (bench.data == NULL || bench.journal_s == NULL || bench.bare_s == NULL)
        die("out of memory");
    for (uint64_t i = 0; i < bench.bytes; i++)
        bench.data[i] = (uint8_t)(i * 2654435761u >> 13);
    if (journal_open(&(struct journal_options){.directory = bench.directory}, &bench.journal, &err) != RESULT_OK)
        die(err.text);
    bare_next(&bench);
    for (uint64_t i = 0; i < bench.commits; i++) {
        bool journal_first_now = i % 2 == 0; /* neither always comes after the other */
        if (journal_first_now)
            bench.journal_s[i] = journal_commit(&bench);
        bench.bare_s[i] = bare_commit(&bench);
        if (!journal_first_now)
            bench.journal_s[i] = journal_commit(&bench);
    }
    tell(&bench);
    close(bench.bare);
    journal_close(&bench.journal);
    free(bench.data);
    free(bench.journal_s);
    free(bench.bare_s);
    return 0;
}
