/* SPDX-License-Identifier: Apache-2.0 */
/* The index beside any number of addresses, against a plain search; and with any bit of it flipped. */
#include "tests/unit/aggregator/segments_support.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "aggregator/segments/internal.h"

static struct segments *folder_of_test(void)
{
    static struct segments segments;
    static char folder[80];
    snprintf(folder, sizeof(folder), "%s/segments", test_directory);
    mkdir(folder, 0700);
    segments.folder = folder;
    return &segments;
}

static uint64_t groups_of(const struct index_entry *entries, size_t count, uint64_t hash)
{
    uint64_t groups = 0;
    for (size_t i = 0; i < count; i++)
        groups |= entries[i].hash == hash ? entries[i].groups : 0;
    return groups;
}

/* Hashes are drawn from few, so that some come often, and at the ends of what there is. */
static uint64_t draw_hash(unsigned distinct)
{
    uint64_t n = draw() % (distinct + 2);
    return n == 0 ? 0 : n == 1 ? UINT64_MAX : n * 0x9e3779b97f4a7c15u;
}

static struct segment make_index(struct segments *segments, const struct index_entry *entries, size_t count)
{
    struct segment segment = {.id = 1};
    struct index_entry *own = malloc((count + 1) * sizeof(*own));
    memcpy(own, entries, count * sizeof(*own));
    assert_ok(index_write(segments, 1, own, count, &segment.index_bytes, &err), err);
    free(own);
    return segment;
}

static void test_as_a_plain_search(void **state)
{
    (void)state;
    struct segments *segments = folder_of_test();
    static struct index_entry entries[4000];
    for (unsigned round = 0; round < 40; round++) {
        size_t count = round == 0 ? 0 : 1 + draw() % 4000;
        unsigned distinct = 1 + (unsigned)(draw() % 3000);
        for (size_t i = 0; i < count; i++)
            entries[i] = (struct index_entry){draw_hash(distinct), 1ull << draw() % 64};
        struct segment segment = make_index(segments, entries, count);
        assert_ok(index_check(segments, &segment, &err), err);
        for (unsigned n = 0; n < 100; n++) {
            uint64_t hash = n % 4 == 0 ? draw() : draw_hash(distinct), groups = 0;
            uint64_t wanted = groups_of(entries, count, hash);
            assert_int_equal(index_look(segments, &segment, hash, &groups, &err), wanted == 0 ? RESULT_END : RESULT_OK);
            assert_int_equal(groups, wanted);
        }
    }
}

static void test_a_flipped_bit(void **state)
{
    (void)state;
    struct segments *segments = folder_of_test();
    static struct index_entry entries[1500];
    for (size_t i = 0; i < 1500; i++)
        entries[i] = (struct index_entry){draw_hash(2000), 1ull << draw() % 64};
    struct segment segment = make_index(segments, entries, 1500);
    char path[160];
    segment_file(1, "index", path);
    int file = open(path, O_RDWR);
    assert_true(file >= 0);
    for (unsigned n = 0; n < 2000; n++) {
        uint64_t bit = draw() % (segment.index_bytes * 8), hash = draw_hash(2000), groups = 0;
        uint8_t byte, flipped;
        assert_int_equal(pread(file, &byte, 1, (off_t)(bit / 8)), 1);
        flipped = byte ^ (uint8_t)(1u << bit % 8);
        assert_int_equal(pwrite(file, &flipped, 1, (off_t)(bit / 8)), 1);
        enum result r = index_look(segments, &segment, hash, &groups, &err);
        uint64_t wanted = groups_of(entries, 1500, hash);
        assert_true(r == RESULT_REJECT || (groups == wanted && r == (wanted == 0 ? RESULT_END : RESULT_OK)));
        assert_int_equal(index_check(segments, &segment, &err), RESULT_REJECT);
        assert_int_equal(pwrite(file, &byte, 1, (off_t)(bit / 8)), 1);
    }
    close(file);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, directory_setup, directory_teardown)
    const struct CMUnitTest tests[] = {TEST(test_as_a_plain_search), TEST(test_a_flipped_bit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
