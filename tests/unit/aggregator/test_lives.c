/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of who spoke: sums, names, the last status, and what is forgotten when lives are many. */
#include "tests/unit/aggregator/lives_support.h"

static struct error err;

static struct life *life_of(const struct lives *lives, const char *sensor, uint64_t epoch)
{
    struct observer name = test_observer(sensor, epoch);
    return lives_find(lives, &name);
}

/* Takes the batch. */
static void note(struct lives *lives, struct batch *batch, uint64_t position)
{
    batch->position = position;
    assert_ok(lives_reserve(lives, batch, 1, &err), err);
    note_batch(lives, batch, 1000 + position);
    batch_destroy(&batch);
}

static void test_sums(void **state)
{
    (void)state;
    struct lives lives = {0};
    struct batch *batch = batch_of("inner", 7, 1, TEST_NOW + 5);
    add_flows(batch, 10, TEST_NOW); /* each of 9 packets */
    for (unsigned kind = 0; kind < LOSS_KIND_COUNT; kind++)
        add_loss(batch, kind, 40 + kind);
    add_status(batch, 77);
    note(&lives, batch, 1);
    batch = batch_of("inner", 7, 2, TEST_NOW); /* the clock was set back */
    add_flows(batch, 3, TEST_NOW);
    note(&lives, batch, 2);
    const struct store_life *s = &life_of(&lives, "inner", 7)->sums;
    assert_int_equal(s->records, 13); /* losses and statuses tell of the books, and are not in them */
    assert_int_equal(s->packets, 13 * 9);
    assert_int_equal(s->batches, 2);
    assert_int_equal(s->records_lost, 2 * 40 + LOSS_RECORDS_SPOOL + LOSS_RECORDS_REJECTED);
    assert_int_equal(s->last_received_ns, TEST_NOW + 5);
    assert_int_equal(s->status_position, 1);
    assert_int_equal(s->status_received_ns, TEST_NOW + 5);
    assert_int_equal(status_columns(s->status)->flows_made[0], 77);
    assert_int_equal(lives.last[RECORD_FLOW], 2);
    assert_int_equal(lives.last[RECORD_LOSS], 1);
    assert_int_equal(lives.last[RECORD_ALERT], 0);
    lives_fini(&lives);
}

/* What can only be counted in 64 bits stops there. */
static void test_losses_do_not_wrap_around(void **state)
{
    (void)state;
    struct lives lives = {0};
    struct batch *batch = batch_of("inner", 7, 1, TEST_NOW);
    add_loss(batch, LOSS_RECORDS_SPOOL, UINT64_MAX - 5);
    add_loss(batch, LOSS_RECORDS_SPOOL, 100);
    note(&lives, batch, 1);
    assert_int_equal(life_of(&lives, "inner", 7)->sums.records_lost, UINT64_MAX);
    lives_fini(&lives);
}

static void test_names_and_digests(void **state)
{
    (void)state;
    struct lives lives = {0};
    for (uint64_t sequence = 1; sequence <= 3 * LIVES_DIGESTS; sequence++)
        note(&lives, batch_of("inner", 7, sequence, TEST_NOW), sequence);
    const struct life *life = life_of(&lives, "inner", 7);
    assert_int_equal(life->sequences.count, 1);
    for (uint64_t sequence = 1; sequence <= 3 * LIVES_DIGESTS; sequence++) {
        bool there = life->digests[sequence % LIVES_DIGESTS].sequence == sequence;
        assert_true(ranges_has(&life->sequences, (int64_t)sequence));
        assert_int_equal(there, sequence > 2 * LIVES_DIGESTS);
        assert_true(!there || life->digests[sequence % LIVES_DIGESTS].digest == 1000 + sequence);
    }
    assert_false(ranges_has(&life->sequences, 0));
    assert_false(ranges_has(&life->sequences, 3 * LIVES_DIGESTS + 1));
    assert_null(life_of(&lives, "inner", 8));
    assert_null(lives_speaker(&lives, "outer"));
    lives_fini(&lives);
}

/* What an observer cannot know is a property, not a part of its name. */
static void test_a_life_is_a_name_and_an_epoch(void **state)
{
    (void)state;
    struct lives lives = {0};
    struct batch *batch = batch_of("inner", 7, 1, TEST_NOW);
    batch->observer.unknown[0] = 5;
    note(&lives, batch, 1);
    assert_non_null(life_of(&lives, "inner", 7));
    assert_int_equal(lives.count, 1);
    lives_fini(&lives);
}

static void assert_lists(const struct lives *lives, uint64_t epoch, bool wanted)
{
    const struct store_life *s = &life_of(lives, "inner", epoch)->sums;
    assert_int_equal(s->has_lists, wanted);
    assert_int_equal(s->status->items[STATUS_INTERFACES], wanted);
    assert_int_equal(s->status->items[STATUS_DROPPED], wanted);
    assert_non_null(status_columns(s->status)->software[0]);
    assert_int_equal(s->status->observers[status_columns(s->status)->observer[0]].epoch, epoch);
}

static void say_status(struct lives *lives, uint64_t epoch, uint64_t sequence, uint64_t position)
{
    struct batch *batch = batch_of("inner", epoch, sequence, TEST_NOW);
    add_status(batch, 100 * epoch + sequence);
    note(lives, batch, position);
}

/* A status may be megabytes, and lives many. */
static void test_only_the_newest_life_keeps_its_lists(void **state)
{
    (void)state;
    struct lives lives = {0};
    say_status(&lives, 7, 1, 1);
    assert_lists(&lives, 7, true);
    say_status(&lives, 9, 1, 2);
    assert_lists(&lives, 7, false);
    assert_lists(&lives, 9, true);
    say_status(&lives, 7, 2, 3); /* a late word of one that is over */
    say_status(&lives, 8, 1, 4);
    assert_lists(&lives, 7, false);
    assert_lists(&lives, 8, false);
    assert_lists(&lives, 9, true);
    assert_int_equal(status_columns(life_of(&lives, "inner", 7)->sums.status)->flows_made[0], 702);
    note(&lives, batch_of("inner", 10, 1, TEST_NOW), 5); /* without a status of its own */
    assert_lists(&lives, 9, false);
    const struct store_life *s = &life_of(&lives, "inner", 9)->sums;
    for (int text = 0; text < 2; text++) {
        struct records *status = lives_status(s, text != 0);
        assert_int_equal(status->rows, 1);
        assert_int_equal(status_columns(status)->flows_made[0], 901);
        assert_int_equal(status_columns(status)->software[0] != NULL, text);
        records_free(&status);
    }
    lives_fini(&lives);
}

/* Verdicts have no speaker, and an exporter's status no life. */
static void test_what_has_no_life(void **state)
{
    (void)state;
    struct lives lives = {0};
    struct batch *batch = test_conclusions(TEST_NOW);
    struct verdict verdict = test_verdict(1, 2);
    batch->records[RECORD_VERDICT] = test_verdicts();
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(records_append(&batch->records[RECORD_VERDICT], &verdict), RESULT_OK);
    verdict.boundary = "elsewhere";
    verdict.verdict = VERDICT_AMBIGUOUS;
    assert_int_equal(records_append(&batch->records[RECORD_VERDICT], &verdict), RESULT_OK);
    note(&lives, batch, 1);
    assert_int_equal(lives.count, 0);
    assert_int_equal(lives_boundary(&lives, "border")->verdicts[VERDICT_TRANSLATED], 5);
    assert_int_equal(lives_boundary(&lives, "elsewhere")->verdicts[VERDICT_AMBIGUOUS], 1);
    assert_null(lives_boundary(&lives, "nowhere"));
    assert_int_equal(lives.last[RECORD_VERDICT], 1);

    struct observer exporter = test_observer("inner/exporter", 7);
    uint16_t index;
    batch = batch_of("inner", 7, 1, TEST_NOW);
    batch->records[RECORD_STATUS] = records_new(record_kinds[RECORD_STATUS], 1);
    assert_int_equal(records_observer(batch->records[RECORD_STATUS], &exporter, &index), RESULT_OK);
    add_status(batch, 5);
    note(&lives, batch, 2);
    assert_int_equal(lives.count, 1);
    assert_null(life_of(&lives, "inner", 7)->sums.status);
    lives_fini(&lives);
}

/* Times that lie close together are one; of many, the closest become one. */
static void test_when_somebody_was_heard(void **state)
{
    (void)state;
    struct lives lives = {0};
    for (uint64_t i = 0; i < 100; i++) {
        struct batch *batch = batch_of("inner", 7, i + 1, TEST_NOW + (int64_t)i * LIVES_HEARD_GAP_NS);
        add_flows(batch, 1, TEST_NOW + (int64_t)(i / 50) * 86400 * NS_PER_S);
        note(&lives, batch, i + 1);
    }
    const struct speaker *speaker = lives_speaker(&lives, "inner");
    assert_int_equal(speaker->received.count, 1);
    assert_int_equal(speaker->received.list[0].first, TEST_NOW);
    assert_int_equal(speaker->received.list[0].last, TEST_NOW + 99 * LIVES_HEARD_GAP_NS);
    assert_int_equal(speaker->flows.count, 2);
    assert_int_equal(speaker->flows.list[0].last, TEST_NOW + NS_PER_S);
    for (uint64_t i = 0; i < LIVES_HEARD_MAX + 50; i++)
        note(&lives, batch_of("outer", 7, i + 1, TEST_NOW + (int64_t)i * 3 * LIVES_HEARD_GAP_NS), 200 + i);
    assert_int_equal(lives_speaker(&lives, "outer")->received.count, LIVES_HEARD_MAX);
    lives_fini(&lives);
}

/* ---- forgetting */

#define MANY (2 * LIVES_KEPT + 50)

static void note_lives(struct lives *lives, const char *sensor, uint64_t count)
{
    for (uint64_t epoch = 1; epoch <= count; epoch++)
        note(lives, batch_of(sensor, epoch, 1, TEST_NOW), epoch);
}

static void test_the_oldest_lives_are_forgotten(void **state)
{
    (void)state;
    struct lives lives = {0};
    note_lives(&lives, "inner", 2 * LIVES_KEPT);
    note_lives(&lives, "outer", 3);
    lives_forget(&lives, UINT64_MAX - 1); /* not so many yet */
    assert_int_equal(lives.count, 2 * LIVES_KEPT + 3);
    note(&lives, batch_of("inner", MANY, 1, TEST_NOW), MANY);
    lives_forget(&lives, UINT64_MAX - 1);
    assert_int_equal(lives.count, LIVES_KEPT + 3);
    assert_int_equal(lives_speaker(&lives, "inner")->lives, 2 * LIVES_KEPT + 1);
    for (uint64_t epoch = 1; epoch <= 2 * LIVES_KEPT; epoch++)
        assert_int_equal(life_of(&lives, "inner", epoch) != NULL, epoch > LIVES_KEPT + 1);
    for (uint64_t epoch = 1; epoch <= 3; epoch++)
        assert_non_null(life_of(&lives, "outer", epoch));
    /* Those that are left are found under their own names, and which is the newest is known. */
    for (size_t i = 0; i < lives.count; i++)
        assert_ptr_equal(lives_find(&lives, &lives.list[i].sums.observer), &lives.list[i]);
    const struct life *newest = &lives.list[lives_speaker(&lives, "inner")->newest];
    assert_int_equal(newest->sums.observer.epoch, MANY);
    assert_string_equal(newest->sums.observer.sensor, "inner");
    lives_fini(&lives);
}

/* What is not sealed yet is known nowhere else. */
static void test_what_is_not_sealed_is_not_forgotten(void **state)
{
    (void)state;
    struct lives lives = {0};
    note_lives(&lives, "inner", MANY);
    note(&lives, batch_of("inner", 5, 2, TEST_NOW), MANY + 1);
    lives_forget(&lives, MANY);
    assert_int_equal(lives.count, LIVES_KEPT + 1);
    assert_int_equal(life_of(&lives, "inner", 5)->sums.batches, 2);
    lives_forget(&lives, MANY + 1); /* few now: nothing to do */
    assert_int_equal(lives.count, LIVES_KEPT + 1);
    lives_fini(&lives);
}

/* A sealing may come to its end between the room for a batch and its commit. */
static void test_a_life_with_a_batch_on_its_way_is_not_forgotten(void **state)
{
    (void)state;
    struct lives lives = {0};
    struct batch *late = batch_of("inner", 5, 2, TEST_NOW), *new = batch_of("inner", 0, 1, TEST_NOW);
    note_lives(&lives, "inner", MANY);
    assert_ok(lives_reserve(&lives, late, 1, &err), err);
    assert_ok(lives_reserve(&lives, new, 1, &err), err); /* the sensor's clock was set back */
    lives_forget(&lives, UINT64_MAX - 1);
    late->position = MANY + 1;
    new->position = MANY + 2;
    note_batch(&lives, late, 1);
    note_batch(&lives, new, 1);
    assert_int_equal(life_of(&lives, "inner", 5)->sums.batches, 2);
    assert_int_equal(life_of(&lives, "inner", 0)->sums.batches, 1);
    note_lives(&lives, "inner", MANY); /* and then, as others */
    lives_forget(&lives, UINT64_MAX - 1);
    assert_null(life_of(&lives, "inner", 5));
    batch_destroy(&late);
    batch_destroy(&new);
    lives_fini(&lives);
}

/* Its name is not taken again, and its records are lost. */
static void test_a_damaged_batch_keeps_its_name(void **state)
{
    (void)state;
    struct lives lives = {0};
    struct journal_entry entry = {.position = 9, .speaker = test_observer("inner", 7), .sequence = 4};
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++)
        entry.rows[kind] = 10;
    assert_ok(lives_note_damaged(&lives, &entry, &err), err);
    const struct life *life = life_of(&lives, "inner", 7);
    assert_true(ranges_has(&life->sequences, 4));
    assert_int_equal(life->sums.records_lost, 10 * (RECORD_KIND_COUNT - 2));
    assert_int_equal(life->last_position, 9);
    entry.speaker = test_observer("", 0);
    assert_ok(lives_note_damaged(&lives, &entry, &err), err); /* the aggregator's own */
    assert_int_equal(lives.count, 1);
    lives_fini(&lives);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sums),
                                       cmocka_unit_test(test_losses_do_not_wrap_around),
                                       cmocka_unit_test(test_names_and_digests),
                                       cmocka_unit_test(test_a_life_is_a_name_and_an_epoch),
                                       cmocka_unit_test(test_only_the_newest_life_keeps_its_lists),
                                       cmocka_unit_test(test_what_has_no_life),
                                       cmocka_unit_test(test_when_somebody_was_heard),
                                       cmocka_unit_test(test_the_oldest_lives_are_forgotten),
                                       cmocka_unit_test(test_what_is_not_sealed_is_not_forgotten),
                                       cmocka_unit_test(test_a_life_with_a_batch_on_its_way_is_not_forgotten),
                                       cmocka_unit_test(test_a_damaged_batch_keeps_its_name)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
