/* SPDX-License-Identifier: Apache-2.0 */
/* What the journal's tests share: random numbers that a seed brings back, batches made from their position, and a
 * folder in memory where there is one. */
#ifndef PAVO_TESTS_JOURNAL_SUPPORT_H
#define PAVO_TESTS_JOURNAL_SUPPORT_H

#include "tests/unit/aggregator/support.h"

#include <dirent.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "aggregator/journal/calls.h"
#include "aggregator/journal/journal.h"

static char journal_folder[64]; /* what is handed to journal_open */

static inline int journal_setup(void **state)
{
    (void)state;
    snprintf(journal_folder, sizeof(journal_folder), "%s/pavo-journal-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    return mkdtemp(journal_folder) == NULL;
}

static inline void journal_wipe(void)
{
    char path[512];
    struct dirent *found;
    snprintf(path, sizeof(path), "%s/journal", journal_folder);
    DIR *listing = opendir(path);
    if (listing == NULL)
        return;
    while ((found = readdir(listing)) != NULL) {
        snprintf(path, sizeof(path), "%s/journal/%s", journal_folder, found->d_name);
        if (found->d_name[0] != '.')
            assert_int_equal(unlink(path), 0);
    }
    closedir(listing);
}

static inline int journal_teardown(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof(command), "rm -rf %s", journal_folder);
    return system(command);
}

static inline uint64_t test_mix(uint64_t x)
{
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdull;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53ull;
    return x ^ x >> 33;
}

static uint64_t test_random_state;
static inline uint64_t test_random(uint64_t below)
{
    return below == 0 ? 0 : test_mix(++test_random_state) % below;
}

/* PAVO_SEED and PAVO_ROUNDS, or of the test's own choice; printed, so that what failed can be run again. */
static inline uint64_t test_seed(void)
{
    const char *given = getenv("PAVO_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)clock_wall_ns();
    printf("PAVO_SEED=%" PRIu64 "\n", seed);
    return seed;
}

static inline unsigned test_rounds(unsigned usual)
{
    const char *given = getenv("PAVO_ROUNDS");
    return given != NULL ? (unsigned)strtoul(given, NULL, 10) : usual;
}

/* Batch `position`, and of several that may have had that position number `variant`. Bytes owned by the entry. */
static inline struct journal_entry test_entry(uint64_t position, uint64_t variant, size_t length)
{
    uint64_t mixed = test_mix(position * 1000003 + variant);
    struct journal_entry e = {.position = position,
                              .speaker = {.epoch = 1 + mixed % 5},
                              .sequence = position * 10 + variant,
                              .received_ns = TEST_NOW + (int64_t)position,
                              .first_ns = (int64_t)(mixed >> 3),
                              .last_ns = -(int64_t)(mixed >> 5),
                              .packets = mixed >> 7,
                              .plain_size = (uint32_t)(mixed >> 11),
                              .length = length};
    if (position % 4 != 0) /* otherwise the aggregator's own */
        snprintf(e.speaker.sensor, sizeof(e.speaker.sensor), "sensor-%u", (unsigned)(mixed % 7));
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++)
        e.rows[kind] = (uint32_t)(mixed >> kind) % 1000;
    uint8_t *bytes = malloc(length + sizeof(mixed));
    assert_non_null(bytes);
    for (size_t i = 0; i < length; i += sizeof(mixed)) {
        mixed = test_mix(mixed + 1);
        memcpy(bytes + i, &mixed, sizeof(mixed));
    }
    e.packed = bytes;
    return e;
}

static inline void test_entry_fini(struct journal_entry *entry)
{
    free((void *)entry->packed);
    entry->packed = NULL;
}

static inline bool test_same_head(const struct journal_entry *a, const struct journal_entry *b)
{
    return a->position == b->position && observer_equal(&a->speaker, &b->speaker) && a->sequence == b->sequence &&
           a->received_ns == b->received_ns && a->first_ns == b->first_ns && a->last_ns == b->last_ns &&
           a->packets == b->packets && a->plain_size == b->plain_size && a->length == b->length &&
           memcmp(a->rows, b->rows, sizeof(a->rows)) == 0 && a->digest == b->digest && a->place.file == b->place.file &&
           a->place.offset == b->place.offset;
}

static inline bool test_same(const struct journal_entry *a, const struct journal_entry *b)
{
    return test_same_head(a, b) && memcmp(a->packed, b->packed, a->length) == 0;
}

static inline struct journal *test_open(uint64_t file_bytes, const struct journal_calls *calls)
{
    struct journal *journal = NULL;
    struct error err;
    assert_ok(journal_open(&(struct journal_options){journal_folder, file_bytes, calls}, &journal, &err), err);
    return journal;
}

/* Syncs are the disk's affair; most tests are not about the disk. */
static inline int test_no_sync(int fd)
{
    (void)fd;
    return 0;
}
static inline struct journal_calls test_quick_calls(void)
{
    struct journal_calls calls = journal_system_calls;
    calls.fsync = calls.fdatasync = test_no_sync;
    return calls;
}

#endif
