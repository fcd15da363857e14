/* SPDX-License-Identifier: Apache-2.0 */
/* What is known, as bytes and back: the same; two notes one behind the other are both added; damaged bytes are refused
 * or add something, and break nothing. */
#include "tests/unit/aggregator/lives_support.h"

#include "aggregator/store/internal.h"

static struct error err;

static void note(struct lives *lives, struct batch *batch, uint64_t position)
{
    batch->position = position;
    assert_ok(lives_reserve(lives, batch, 1, &err), err);
    note_batch(lives, batch, position);
    batch_destroy(&batch);
}

static struct batch *conclusions(uint64_t number)
{
    static const char *const boundaries[] = {"border", "dmz"};
    struct batch *batch = test_conclusions(TEST_NOW);
    struct verdict verdict = test_verdict(number, number);
    batch->records[RECORD_VERDICT] = test_verdicts();
    verdict.boundary = (char *)boundaries[number % 2];
    verdict.verdict = (uint8_t)(number % VERDICT_COUNT);
    assert_int_equal(records_append(&batch->records[RECORD_VERDICT], &verdict), RESULT_OK);
    return batch;
}

/* Batches first .. last of a stream that is the same whenever it is asked for. */
static void note_stream(struct lives *lives, uint64_t first, uint64_t last)
{
    static const char *const sensors[] = {"inner", "outer", "far"};
    for (uint64_t n = first; n <= last; n++) {
        if (n % 5 == 0)
            note(lives, conclusions(n), n);
        else /* with gaps, and several lives that speak by turns */
            note(lives, telling_batch(sensors[n % 3], 1 + n % 4, n + n / 10, n), n);
    }
}

static struct lives again(const struct lives *lives)
{
    struct lives back = {0};
    struct bytes bytes;
    assert_ok(notes_pack(lives, &bytes, &err), err);
    assert_ok(notes_add(&back, bytes.data, bytes.length, &err), err);
    bytes_free(&bytes);
    return back;
}

static void test_round_trip(void **state)
{
    (void)state;
    struct lives lives = {0}, nothing = {0}, back;
    note_stream(&lives, 1, 500);
    back = again(&lives);
    assert_same_lives(&lives, &back);
    lives_fini(&back);
    lives_fini(&lives);
    back = again(&nothing);
    assert_same_lives(&nothing, &back);
    lives_fini(&back);
}

/* At whatever place the stream is cut: what its parts add is what the whole has. */
static void test_notes_add_up(void **state)
{
    (void)state;
    struct lives whole = {0};
    note_stream(&whole, 1, 200);
    for (uint64_t cut = 0; cut <= 200; cut += 7) {
        struct lives parts[2] = {{0}, {0}}, sum = {0};
        struct bytes bytes[2], both;
        note_stream(&parts[0], 1, cut);
        note_stream(&parts[1], cut + 1, 200);
        for (int i = 0; i < 2; i++)
            assert_ok(notes_pack(&parts[i], &bytes[i], &err), err);
        both.length = bytes[0].length + bytes[1].length;
        both.data = malloc(both.length + 1);
        assert_non_null(both.data);
        if (bytes[0].length > 0)
            memcpy(both.data, bytes[0].data, bytes[0].length);
        if (bytes[1].length > 0)
            memcpy(both.data + bytes[0].length, bytes[1].data, bytes[1].length);
        assert_ok(notes_add(&sum, both.data, both.length, &err), err);
        assert_same_lives(&whole, &sum);
        for (int i = 0; i < 2; i++) {
            bytes_free(&bytes[i]);
            lives_fini(&parts[i]);
        }
        bytes_free(&both);
        lives_fini(&sum);
    }
    lives_fini(&whole);
}

static enum result add_one(void *context, const struct note *one, struct error *why)
{
    return notes_add(context, one->bytes.data, one->bytes.length, why);
}

static enum result refuse(void *context, const struct note *one, struct error *why)
{
    (void)one;
    return ++*(unsigned *)context == 3 ? error_set(why, RESULT_AGAIN, "on purpose") : RESULT_OK;
}

/* One thing each, with the key under which it is kept; who takes them may end it. */
static void test_each_thing_is_a_note(void **state)
{
    (void)state;
    struct lives lives = {0}, sum = {0};
    unsigned taken = 0;
    note_stream(&lives, 1, 100);
    assert_ok(notes_each(&lives, add_one, &sum, &err), err);
    assert_same_lives(&lives, &sum);
    assert_int_equal(notes_each(&lives, refuse, &taken, &err), RESULT_AGAIN);
    assert_int_equal(taken, 3);
    assert_string_equal(err.text, "on purpose");
    lives_fini(&sum);
    lives_fini(&lives);
}

static void test_a_younger_status_stays(void **state)
{
    (void)state;
    struct lives older = {0}, lives = {0};
    struct bytes bytes;
    struct batch *batch = batch_of("inner", 7, 1, TEST_NOW);
    add_status(batch, 5);
    note(&older, batch, 1);
    assert_ok(notes_pack(&older, &bytes, &err), err);
    batch = batch_of("inner", 7, 2, TEST_NOW);
    add_status(batch, 6);
    note(&lives, batch, 2);
    assert_ok(notes_add(&lives, bytes.data, bytes.length, &err), err);
    assert_int_equal(status_columns(lives.list[0].sums.status)->flows_made[0], 6);
    assert_int_equal(lives.list[0].sums.status_position, 2);
    assert_int_equal(lives.list[0].sums.batches, 2);
    bytes_free(&bytes);
    lives_fini(&older);
    lives_fini(&lives);
}

/* Cut, changed, or by chance. */
static void test_damaged_bytes_break_nothing(void **state)
{
    (void)state;
    struct lives lives = {0};
    struct bytes bytes;
    unsigned refused = 0;
    note_stream(&lives, 1, 40);
    assert_ok(notes_pack(&lives, &bytes, &err), err);
    for (unsigned n = 0; n < 5000; n++) {
        struct lives back = {0};
        size_t length = n % 2 == 0 ? bytes.length : draw() % bytes.length;
        uint8_t *damaged = malloc(length + (length == 0)); /* exact: the sanitizer sees every byte read past the end */
        assert_non_null(damaged);
        memcpy(damaged, bytes.data, length);
        for (unsigned i = 0; i < n % 4 && length > 0; i++)
            damaged[draw() % length] = (uint8_t)draw();
        err.text[0] = '\0';
        enum result r = notes_add(&back, damaged, length, &err);
        assert_true(r == RESULT_OK || (r == RESULT_REJECT && err.text[0] != '\0'));
        refused += r == RESULT_REJECT;
        lives_forget(&back, 0); /* whatever came of it can be used */
        struct lives third = again(&back);
        lives_fini(&third);
        lives_fini(&back);
        free(damaged);
    }
    assert_true(refused > 1000);
    bytes_free(&bytes);
    lives_fini(&lives);
}

/* As of one stretch, and no longer than that: a file that is merged again and again has a life once. */
static void test_joined(void **state)
{
    (void)state;
    struct lives all = {0}, back = {0};
    struct bytes joined = {0}, whole;
    for (uint64_t first = 1; first <= 500; first += 50) {
        struct lives some = {0};
        struct bytes bytes;
        note_stream(&some, first, first + 49);
        note_stream(&all, first, first + 49);
        assert_ok(notes_pack(&some, &bytes, &err), err);
        assert_ok(remember_join(&joined, bytes.data, bytes.length, &err), err);
        bytes_free(&bytes);
        lives_fini(&some);
    }
    assert_ok(notes_add(&back, joined.data, joined.length, &err), err);
    assert_same_lives(&all, &back);
    assert_ok(notes_pack(&all, &whole, &err), err);
    assert_true(joined.length <= whole.length);
    bytes_free(&whole);
    bytes_free(&joined);
    lives_fini(&back);
    lives_fini(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip),
                                       cmocka_unit_test(test_joined),
                                       cmocka_unit_test(test_notes_add_up),
                                       cmocka_unit_test(test_each_thing_is_a_note),
                                       cmocka_unit_test(test_a_younger_status_stays),
                                       cmocka_unit_test(test_damaged_bytes_break_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
