/* SPDX-License-Identifier: Apache-2.0 */
/* A batch weighs what its records hold, frees them with its last reference, and comes back out of its own bytes. */
#include "tests/unit/aggregator/random_records.h"

#include "aggregator/journal/journal.h"
#include "aggregator/store/entry.h"

static struct error err;

static void test_weight(void **state)
{
    (void)state;
    struct batch *batch = test_batch("inner", 1, TEST_NOW);
    size_t empty = batch_weight(batch);
    assert_true(empty >= sizeof(struct batch));
    assert_int_equal(batch_rows(batch, RECORD_FLOW), 0);
    batch->records[RECORD_FLOW] = flow_records(test_flows(&batch->observer, 1, 1000, TEST_NOW));
    batch->records[RECORD_VERDICT] = test_verdicts();
    assert_int_equal(batch_rows(batch, RECORD_FLOW), 1000);
    size_t plain = empty + records_weight(batch->records[RECORD_FLOW]) + records_weight(batch->records[RECORD_VERDICT]);
    assert_int_equal(batch_weight(batch), plain);
    assert_ok(batch_pack(batch, &err), err);
    assert_int_equal(batch_weight(batch), plain + batch->packed.length);
    batch_destroy(&batch);
    assert_null(batch);
    batch_destroy(&batch);
}

static void test_the_last_reference_frees(void **state)
{
    (void)state;
    struct batch *batch = random_batch(1, 10, 3), *second = batch_share(batch), *third = batch_share(batch);
    assert_ptr_equal(second, batch);
    batch_destroy(&batch);
    assert_null(batch);
    assert_int_equal(second->records[RECORD_FLOW]->rows, 10);
    batch_destroy(&third);
    assert_int_equal(second->records[RECORD_FLOW]->rows, 10);
    batch_destroy(&second); /* the sanitizer says when something is left, or was freed twice */
}

static struct journal_entry entry_of(const struct batch *batch)
{
    return (struct journal_entry){.position = 42,
                                  .speaker = batch->observer,
                                  .sequence = batch->sequence,
                                  .received_ns = batch->received_ns,
                                  .plain_size = batch->plain_size,
                                  .packed = batch->packed.data,
                                  .length = batch->packed.length};
}

static void assert_round_trip(struct batch *batch)
{
    struct batch *back;
    if (batch->packed.data == NULL)
        assert_ok(batch_pack(batch, &err), err);
    struct journal_entry entry = entry_of(batch);
    assert_ok(batch_of_entry(&entry, &back, &err), err);
    assert_true(observer_equal(&back->observer, &batch->observer));
    assert_int_equal(back->sequence, batch->sequence);
    assert_int_equal(back->received_ns, batch->received_ns);
    assert_int_equal(back->position, 42);
    assert_null(back->packed.data);
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++) {
        assert_int_equal(batch_rows(back, kind), batch_rows(batch, kind));
        if (batch_rows(batch, kind) == 0)
            continue;
        assert_same_records(batch->records[kind], back->records[kind]);
        assert_same_unknown(&batch->records[kind]->unknown, &back->records[kind]->unknown);
    }
    batch_destroy(&back);
}

static void test_every_kind_comes_back(void **state)
{
    (void)state;
    static const uint32_t rows[] = {1, 2, 700, 3000};
    for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct batch *batch = random_batch(i + 1, rows[i], 6);
        for (unsigned kind = 0; kind < RECORD_KIND_COUNT && i % 2 == 1; kind++)
            add_unknown_fields(batch->records[kind]);
        assert_round_trip(batch);
        batch_destroy(&batch);
    }
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++) { /* and alone */
        struct batch *batch = test_batch("inner", EPOCH_MAX, INT64_MIN);
        batch->records[kind] = random_records(record_kinds[kind], 20, 6);
        assert_round_trip(batch);
        batch_destroy(&batch);
    }
}

/* Without records, with records without rows, and without a speaker. */
static void test_what_is_empty_comes_back(void **state)
{
    (void)state;
    struct batch *batch = test_batch("inner", 1, TEST_NOW);
    assert_round_trip(batch);
    batch_destroy(&batch);
    batch = test_conclusions(TEST_NOW);
    batch->records[RECORD_VERDICT] = test_verdicts();
    assert_round_trip(batch);
    batch_destroy(&batch);
}

/* As long as they may be. */
static void test_long_lists_come_back(void **state)
{
    (void)state;
    struct batch *batch = test_batch("inner", 1, TEST_NOW);
    batch->records[RECORD_STATUS] = random_records(record_kinds[RECORD_STATUS], 50, 1024);
    batch->records[RECORD_ALERT] = random_records(record_kinds[RECORD_ALERT], 50, 1024);
    assert_round_trip(batch);
    batch_destroy(&batch);
}

/* Any byte changed, any end cut, any other size: refused, or a batch that may be read; never more memory than the
 * entry's own size says. */
static void test_damaged_bytes_are_refused(void **state)
{
    (void)state;
    struct batch *batch = random_batch(1, 20, 3), *back;
    unsigned refused = 0;
    assert_ok(batch_pack(batch, &err), err);
    for (unsigned n = 0; n < 3000; n++) {
        struct journal_entry entry = entry_of(batch);
        entry.length = n % 3 == 1 ? draw() % batch->packed.length : batch->packed.length;
        uint8_t *bytes = malloc(entry.length + 1); /* exact, so that the sanitizer sees every byte read past the end */
        memcpy(bytes, batch->packed.data, entry.length);
        if (n % 3 == 0 && entry.length > 0)
            bytes[draw() % entry.length] ^= (uint8_t)(1 + draw() % 255);
        if (n % 3 == 2)
            entry.plain_size = (uint32_t)(draw() % (2u * batch->plain_size));
        bool same = n % 3 == 2 && entry.plain_size == batch->plain_size;
        uint8_t *exact = realloc(bytes, entry.length + (entry.length == 0));
        entry.packed = exact;
        err.text[0] = '\0';
        enum result r = batch_of_entry(&entry, &back, &err);
        assert_true(r == RESULT_OK ? n % 3 == 0 || same : r == RESULT_REJECT && err.text[0] != '\0');
        refused += r == RESULT_REJECT;
        if (r == RESULT_OK)
            batch_destroy(&back);
        free(exact);
    }
    assert_true(refused > 2900); /* a zlib stream has a checksum */
    batch_destroy(&batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_weight),
                                       cmocka_unit_test(test_the_last_reference_frees),
                                       cmocka_unit_test(test_every_kind_comes_back),
                                       cmocka_unit_test(test_what_is_empty_comes_back),
                                       cmocka_unit_test(test_long_lists_come_back),
                                       cmocka_unit_test(test_damaged_bytes_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
