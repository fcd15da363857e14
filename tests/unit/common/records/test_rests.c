/* SPDX-License-Identifier: Apache-2.0 */
/* A value is the same when all that it does not rest on is forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/records/records.h"

#define ROWS 400u

static uint64_t seed = 20261126;

static uint64_t draw(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return seed ^ seed >> 29;
}

/* Addresses are mostly IPv4, protocols those that have ports or none, other values mostly small, or nothing. */
static void fill(struct records *records)
{
    static const uint8_t protocols[] = {0, 1, 6, 6, 17, 17, 58, 132, 47};
    const struct record_kind *kind = records->kind;
    records->rows = ROWS;
    for (unsigned f = 0; f < kind->stored_count; f++) {
        const struct field *field = &kind->fields[f];
        for (uint32_t i = 0; i < ROWS && field->list == 0; i++) {
            uint64_t value = draw() % 3 == 0 ? 0 : draw() % 7 == 0 ? draw() : draw() % 5;
            if (field->type == FIELD_TEXT || field->kind == KIND_LIST)
                continue;
            if (field->kind == KIND_OBSERVER)
                value = draw() % 2;
            if (field->kind == KIND_PROTOCOL)
                value = protocols[draw() % sizeof(protocols)];
            if (field->kind == KIND_ADDRESS)
                value = draw() % 4 == 0 ? draw() : 0;
            if (field->kind == KIND_LOWER)
                value = 0xffff00000000u | (draw() & 0xffffffffu);
            if (field->kind == KIND_BITS)
                value = draw() & 0xffff;
            if (strcmp(field->name, "icmp_type_code") == 0)
                value = (draw() % 140) << 8;
            if (field_type_is_wide(field->type))
                ((uint64_t *)records_column(records, f))[i] = value;
            else
                ((uint32_t *)records_column(records, f))[i] = (uint32_t)value;
        }
    }
}

static struct records *make(const struct record_kind *kind)
{
    struct records *records = records_new(kind, ROWS);
    uint16_t index;
    struct observer knowing = {.sensor = "inner", .epoch = 7}, other = {.sensor = "outer", .epoch = 7};
    other.unknown[0] = 1ull << 18 | 1ull << 58; /* a port and a time to live */
    assert_int_equal(records_observer(records, &knowing, &index), RESULT_OK);
    assert_int_equal(records_observer(records, &other, &index), RESULT_OK);
    return records;
}

static void forget(struct records *records, const bool *fields)
{
    const struct record_kind *kind = records->kind;
    for (unsigned f = 0; f < kind->stored_count; f++) {
        if (!fields[f] && kind->fields[f].list == 0)
            memset(records_column(records, f), 0, ROWS * (field_type_is_wide(kind->fields[f].type) ? 8u : 4u));
    }
}

static void what_a_value_rests_on_is_all_of_it(void **state)
{
    (void)state;
    char text[FIELD_TEXT_MAX], other_text[FIELD_TEXT_MAX];
    for (unsigned k = 0; k < RECORD_KIND_COUNT; k++) {
        const struct record_kind *kind = record_kinds[k];
        for (unsigned f = 0; f < kind->field_count; f++) {
            bool fields[RECORDS_FIELDS_MAX] = {false};
            if (kind->fields[f].list != 0 || kind->fields[f].kind == KIND_LOWER)
                continue;
            kind_rests(kind, f, fields);
            struct records *all = make(kind), *some = make(kind);
            uint64_t before = seed;
            fill(all);
            seed = before;
            fill(some);
            forget(some, fields);
            for (uint32_t i = 0; i < ROWS; i++) {
                struct value a = records_value(all, i, f, text), b = records_value(some, i, f, other_text);
                if (a.known != b.known || (a.known && (a.number != b.number || !address_equal(a.address, b.address))) ||
                    (a.known && kind->fields[f].type == FIELD_TEXT && strcmp(a.text, b.text) != 0))
                    fail_msg("%s of a %s rests on more", kind->fields[f].name, kind->name);
            }
            records_free(&all);
            records_free(&some);
        }
    }
}

/* Few fields rest on more than a handful: a guard that is not in the table would make it all of them. */
static void few_fields_rest_on_many(void **state)
{
    (void)state;
    for (unsigned k = 0; k < RECORD_KIND_COUNT; k++) {
        for (unsigned f = 0; f < record_kinds[k]->field_count; f++) {
            bool fields[RECORDS_FIELDS_MAX] = {false};
            unsigned count = 0;
            kind_rests(record_kinds[k], f, fields);
            for (unsigned i = 0; i < record_kinds[k]->stored_count; i++)
                count += fields[i];
            if (count > 10)
                fail_msg("%s of a %s rests on %u", record_kinds[k]->fields[f].name, record_kinds[k]->name, count);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_value_rests_on_is_all_of_it),
        cmocka_unit_test(few_fields_rest_on_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
