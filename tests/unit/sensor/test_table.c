/* SPDX-License-Identifier: Apache-2.0 */
/* The hash table of flows: full buckets overflow and come back; nothing is found that is not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "sensor/meter/table.h"

enum { ENTRIES = 3000 };

struct bench {
    struct table table;
    struct entry *entries;
};

static int setup(void **state)
{
    static struct bench b;
    b.entries = aligned_alloc(64, ENTRIES * sizeof(*b.entries));
    assert_non_null(b.entries);
    memset(b.entries, 0, ENTRIES * sizeof(*b.entries));
    for (uint32_t i = 0; i < ENTRIES; i++)
        b.entries[i].head.key = (struct flow_key){.low_lo = i / 7, .high_lo = i % 7, .transport = i};
    assert_int_equal(table_init(&b.table, ENTRIES, 99, b.entries), RESULT_OK);
    *state = &b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    table_fini(&b->table);
    free(b->entries);
    return 0;
}

static uint64_t hash_of(const struct bench *b, uint32_t entry)
{
    return table_hash(&b->table, &b->entries[entry].head.key);
}

static uint32_t find(const struct bench *b, uint32_t entry)
{
    return table_find(&b->table, &b->entries[entry].head.key, hash_of(b, entry));
}

static void test_full_to_its_stated_size(void **state)
{
    struct bench *b = *state;
    for (uint32_t i = 0; i < ENTRIES; i++) {
        assert_int_equal(find(b, i), ENTRY_NONE);
        assert_int_equal(table_insert(&b->table, hash_of(b, i), i), RESULT_OK);
    }
    for (uint32_t i = 0; i < ENTRIES; i++)
        assert_int_equal(find(b, i), i);
    for (uint32_t i = 0; i < ENTRIES; i += 2)
        table_remove(&b->table, hash_of(b, i), i);
    for (uint32_t i = 0; i < ENTRIES; i++)
        assert_int_equal(find(b, i), i % 2 == 0 ? ENTRY_NONE : i);
    for (uint32_t i = 1; i < ENTRIES; i += 2)
        table_remove(&b->table, hash_of(b, i), i);
    for (uint64_t n = 0; n < b->table.count; n++)
        assert_int_equal(b->table.buckets[n].overflow, 0);
}

/* All in one bucket: what does not fit goes next door, as far as is allowed; then it is full, and says so. */
static void test_colliding_hashes(void **state)
{
    struct bench *b = *state;
    uint64_t hash = UINT64_MAX; /* the last bucket: neighbours begin again at the first */
    uint32_t taken = 0;
    while (taken < ENTRIES && table_insert(&b->table, hash, taken) == RESULT_OK)
        taken++;
    assert_int_equal(taken, BUCKET_PROBES_MAX * BUCKET_SLOTS);
    for (uint32_t i = 0; i < taken; i++)
        assert_int_equal(table_find(&b->table, &b->entries[i].head.key, hash), i);
    table_remove(&b->table, hash, 5);
    assert_int_equal(table_find(&b->table, &b->entries[5].head.key, hash), ENTRY_NONE);
    assert_int_equal(table_find(&b->table, &b->entries[taken - 1].head.key, hash), taken - 1);
    assert_int_equal(table_insert(&b->table, hash, 5), RESULT_OK);
    for (uint32_t i = 0; i < taken; i++)
        table_remove(&b->table, hash, i);
    for (uint64_t n = 0; n < b->table.count; n++)
        assert_int_equal(b->table.buckets[n].overflow, 0);
}

static void test_seed_changes_the_places(void **state)
{
    struct bench *b = *state;
    struct table other;
    assert_int_equal(table_init(&other, ENTRIES, 100, b->entries), RESULT_OK);
    unsigned same = 0;
    for (uint32_t i = 0; i < ENTRIES; i++)
        same += table_bucket(&b->table, hash_of(b, i)) - b->table.buckets ==
                table_bucket(&other, table_hash(&other, &b->entries[i].head.key)) - other.buckets;
    assert_true(same < ENTRIES / 50); /* one in five hundred by chance */
    table_fini(&other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(full_to_its_stated_size), TEST(colliding_hashes),
                                       TEST(seed_changes_the_places)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
