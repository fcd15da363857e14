/* SPDX-License-Identifier: Apache-2.0 */
/* The catalogue's rows: put, found, counted, in order; transactions whole or not at all; a damaged file is said to be.
 */
#include "tests/unit/aggregator/support.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "aggregator/segments/catalogue.h"

static struct error err;
static char path[128];

static struct catalogue *open_catalogue(void)
{
    struct catalogue *catalogue;
    snprintf(path, sizeof(path), "%s/catalogue", test_directory);
    assert_ok(catalogue_open(path, &catalogue, &err), err);
    return catalogue;
}

static void put(struct catalogue *catalogue, int kind, const char *key, uint64_t number, const char *text)
{
    const struct bytes bytes = {(uint8_t *)text, strlen(text)};
    assert_ok(catalogue_put(catalogue, kind, key, number, &bytes, &err), err);
}

static void assert_row(struct catalogue *catalogue, int kind, const char *key, uint64_t number, const char *text)
{
    struct bytes bytes;
    assert_ok(catalogue_get(catalogue, kind, key, number, &bytes, &err), err);
    assert_int_equal(bytes.length, strlen(text));
    assert_true(bytes.length == 0 || memcmp(bytes.data, text, bytes.length) == 0);
    bytes_free(&bytes);
}

static char seen[256];

static enum result see(void *context, const char *key, uint64_t number, const struct bytes *bytes, struct error *why)
{
    (void)context, (void)why;
    snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "%s%d=%.*s ", key, (int)number, (int)bytes->length,
             (const char *)bytes->data);
    return RESULT_OK;
}

static void assert_each(struct catalogue *catalogue, int kind, uint64_t most, const char *wanted)
{
    seen[0] = '\0';
    assert_ok(catalogue_each(catalogue, kind, most, see, NULL, &err), err);
    assert_string_equal(seen, wanted);
}

static void test_rows(void **state)
{
    (void)state;
    struct catalogue *catalogue = open_catalogue();
    uint64_t count;
    assert_row(catalogue, 1, "a", 1, "");
    assert_ok(catalogue_begin(catalogue, &err), err);
    put(catalogue, 1, "b", 1, "one");
    put(catalogue, 1, "a", 3, "three");
    put(catalogue, 1, "a", 1, "first");
    put(catalogue, 1, "a", 1, "again");
    put(catalogue, 1, "a", 2, "two");
    put(catalogue, 2, "a", 1, "other");
    assert_row(catalogue, 1, "a", 1, "again");
    assert_ok(catalogue_commit(catalogue, &err), err);
    for (int again = 0; again < 2; again++) {
        assert_each(catalogue, 1, 0, "a1=again a2=two a3=three b1=one ");
        assert_each(catalogue, 1, 2, "a2=two a3=three b1=one ");
        assert_each(catalogue, 3, 0, "");
        assert_ok(catalogue_count(catalogue, 1, "a", &count, &err), err);
        assert_int_equal(count, 3);
        catalogue_close(&catalogue);
        catalogue = open_catalogue();
    }
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_ok(catalogue_begin(catalogue, &err), err);
    put(catalogue, 1, "a", 2, ""); /* no bytes: it goes */
    put(catalogue, 1, "c", 1, "never");
    catalogue_rollback(catalogue);
    assert_each(catalogue, 1, 0, "a1=again a2=two a3=three b1=one ");
    assert_ok(catalogue_begin(catalogue, &err), err);
    put(catalogue, 1, "a", 2, "");
    assert_ok(catalogue_commit(catalogue, &err), err);
    assert_each(catalogue, 1, 0, "a1=again a3=three b1=one ");
    catalogue_close(&catalogue);
}

/* Any bit: it opens and says what it said, or it is damaged. */
static void test_a_flipped_bit(void **state)
{
    (void)state;
    struct catalogue *catalogue = open_catalogue();
    char text[200];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_ok(catalogue_begin(catalogue, &err), err);
    for (uint64_t i = 0; i < 100; i++)
        put(catalogue, 1, "key", i, text);
    assert_ok(catalogue_commit(catalogue, &err), err);
    catalogue_close(&catalogue);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    unsigned damaged = 0;
    uint64_t seed = 7;
    for (unsigned n = 0; n < 300; n++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        uint64_t bit = (seed >> 20) % ((uint64_t)st.st_size * 8);
        uint8_t byte, flipped;
        int file = open(path, O_RDWR);
        assert_int_equal(pread(file, &byte, 1, (off_t)(bit / 8)), 1);
        flipped = byte ^ (uint8_t)(1u << bit % 8);
        assert_int_equal(pwrite(file, &flipped, 1, (off_t)(bit / 8)), 1);
        enum result r = catalogue_open(path, &catalogue, &err);
        if (r == RESULT_OK) {
            for (uint64_t i = 0; i < 100; i++)
                assert_row(catalogue, 1, "key", i, text);
            catalogue_close(&catalogue);
        }
        assert_true(r == RESULT_OK || r == RESULT_REJECT);
        damaged += r == RESULT_REJECT;
        assert_int_equal(pwrite(file, &byte, 1, (off_t)(bit / 8)), 1);
        close(file);
    }
    assert_true(damaged > 200);
}

/* The file stays as it is, whatever happens to the copy, and while it is written. */
static void test_a_copy_is_of_its_own(void **state)
{
    (void)state;
    struct catalogue *catalogue = open_catalogue(), *copy;
    assert_ok(catalogue_begin(catalogue, &err), err);
    put(catalogue, 1, "a", 1, "one");
    assert_ok(catalogue_commit(catalogue, &err), err);
    assert_ok(catalogue_begin(catalogue, &err), err);
    put(catalogue, 1, "a", 2, "not committed yet");
    assert_ok(catalogue_copy(path, &copy, &err), err);
    assert_ok(catalogue_commit(catalogue, &err), err);
    assert_each(copy, 1, 0, "a1=one ");
    assert_ok(catalogue_begin(copy, &err), err);
    put(copy, 1, "a", 1, "in the copy");
    assert_ok(catalogue_commit(copy, &err), err);
    assert_row(copy, 1, "a", 1, "in the copy");
    assert_each(catalogue, 1, 0, "a1=one a2=not committed yet ");
    catalogue_close(&copy);
    catalogue_close(&catalogue);
    unlink(path);
    assert_ok(catalogue_copy(path, &copy, &err), err);
    assert_each(copy, 1, 0, "");
    assert_int_equal(access(path, F_OK), -1);
    catalogue_close(&copy);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, directory_setup, directory_teardown)
    const struct CMUnitTest tests[] = {TEST(test_rows), TEST(test_a_flipped_bit), TEST(test_a_copy_is_of_its_own)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
