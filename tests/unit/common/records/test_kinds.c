/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of the kinds: each field once, the two sides of one thing together, words for what has words; names of
 * observers, and epochs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/records/flow.h"
#include "common/records/loss.h"
#include "common/records/verdict.h"

static void each_field_has_a_name_and_number_of_its_own(void **state)
{
    (void)state;
    for (unsigned k = 0; k < RECORD_KIND_COUNT; k++) {
        const struct record_kind *kind = record_kinds[k];
        assert_int_equal(record_kind_number(kind), k);
        assert_ptr_equal(record_kind_by_name(kind->name), kind);
        for (unsigned f = 0; f < kind->field_count; f++) {
            const struct field *field = &kind->fields[f];
            assert_int_equal(kind_field(kind, field->name), f);
            assert_true(field->doc[0] != '\0');
            assert_int_equal(field->derive == NULL, f < kind->stored_count);
            if (field->number != 0)
                assert_ptr_equal(kind_field_by_number(kind, field->number), field);
            for (unsigned other = 0; other < f; other++) {
                assert_string_not_equal(field->name, kind->fields[other].name);
                assert_true(field->number == 0 || field->number != kind->fields[other].number);
            }
            if (field->kind == KIND_WORD || field->kind == KIND_BITS) {
                assert_true(field->word_count > 0);
                for (unsigned w = 0; w < field->word_count; w++)
                    assert_int_equal(field_word_find(field, field->words[w]), w);
            }
            if (field->kind == KIND_ADDRESS) {
                assert_int_equal(field[1].kind, KIND_LOWER);
                assert_int_equal(kind_field(kind, field->label), f);
                assert_int_equal(strlen(field->label), strlen(field->name) - 3);
            }
        }
    }
    assert_null(record_kind_by_name("link"));
    assert_int_equal(kind_field(record_kinds[RECORD_FLOW], "nonsense"), -1);
}

static void the_sides_of_one_thing_are_twins(void **state)
{
    (void)state;
    assert_int_equal(flow_fields[FLOW_FIELD_src_bytes].twin, FLOW_FIELD_dst_bytes);
    assert_int_equal(flow_fields[FLOW_FIELD_dst_lo].twin, FLOW_FIELD_src_lo);
    assert_int_equal(flow_fields[FLOW_FIELD_vlan].twin, FLOW_FIELD_vlan);
    for (unsigned f = 0; f < FLOW_FIELD_COUNT; f++) {
        const struct field *field = &flow_fields[f], *twin = &flow_fields[field->twin];
        assert_int_equal(twin->twin, f);
        assert_int_equal(twin->type, field->type);
        assert_int_equal(twin->merge, field->merge);
    }
}

static void lists_have_their_fields_and_room(void **state)
{
    (void)state;
    for (unsigned k = 0; k < RECORD_KIND_COUNT; k++) {
        const struct record_kind *kind = record_kinds[k];
        assert_true(kind->list_count <= RECORDS_LISTS_MAX);
        for (unsigned l = 0; l < kind->list_count; l++) {
            const struct record_list *list = &kind->lists[l];
            assert_string_equal(kind->fields[list->count].name, list->name);
            assert_int_equal(kind->fields[list->count].kind, KIND_LIST);
            for (unsigned f = 0; f < kind->stored_count; f++) {
                bool within = f >= list->first && f <= list->last;
                assert_int_equal(kind->fields[f].list == l + 1, within);
                if (within)
                    assert_int_equal(strncmp(kind->fields[f].name, list->prefix, strlen(list->prefix)), 0);
            }
        }
    }
}

static void names_of_sensors_and_observers(void **state)
{
    (void)state;
    static const char longest[] = "012345678901234567890123456789012345678901234567890123456789012";
    static const char *const bad[] = {"",
                                      ".hidden",
                                      "a b",
                                      "..",
                                      "é",
                                      "0123456789012345678901234567890123456789"
                                      "012345678901234567890123",
                                      "/a",
                                      "a/",
                                      "a//b",
                                      "a/b/c",
                                      "a/.b",
                                      ".a/b"};
    assert_true(sensor_name_valid("inner-1_a.b"));
    assert_true(sensor_name_valid(longest));
    assert_false(sensor_name_valid("edge/router"));
    assert_true(observer_name_valid("edge/router"));
    assert_true(observer_name_valid("edge/192.0.2.1"));
    assert_true(observer_name_valid("inner"));
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        assert_false(sensor_name_valid(bad[i]));
        assert_false(observer_name_valid(bad[i]));
    }
    const struct observer a = {"x", 1, {0}}, b = {"x", 1, {5, 0}}, c = {"x", 2, {0}};
    assert_true(observer_equal(&a, &b));
    assert_false(observer_equal(&a, &c));
}

static void epochs_grow_with_time_and_differ_within_a_second(void **state)
{
    (void)state;
    const int64_t now = 1764115200000000000;
    assert_int_equal(epoch_new(now, 0) >> EPOCH_RANDOM_BITS, 1764115200);
    assert_true(epoch_new(now, 1) != epoch_new(now, 2));
    assert_true(epoch_new(now, UINT32_MAX) < epoch_new(now + 1000000000, 0));
    assert_true(epoch_new(INT64_MAX, UINT32_MAX) <= EPOCH_MAX);
    assert_true(epoch_new(-5, 0) > 0); /* a clock before 1970 */
    assert_true(epoch_new(0, 0) > 0);
}

static void odds_as_probabilities(void **state)
{
    (void)state;
    assert_int_equal(odds_share(0), 500);
    assert_int_equal(odds_share(6630), 990);
    assert_int_equal(odds_share(INT32_MAX), 999); /* nothing is certain */
    assert_int_equal(odds_share(INT32_MIN), 0);
    assert_string_equal(loss_kind_unit(LOSS_RECORDS_SPOOL), "records");
    assert_string_equal(loss_kind_unit(99), "");
    assert_true(verdict_is_linked(VERDICT_FORWARDED));
    assert_false(verdict_is_linked(VERDICT_AMBIGUOUS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_field_has_a_name_and_number_of_its_own),
        cmocka_unit_test(the_sides_of_one_thing_are_twins),
        cmocka_unit_test(lists_have_their_fields_and_room),
        cmocka_unit_test(names_of_sensors_and_observers),
        cmocka_unit_test(epochs_grow_with_time_and_differ_within_a_second),
        cmocka_unit_test(odds_as_probabilities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
