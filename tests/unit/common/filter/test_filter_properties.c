/* SPDX-License-Identifier: Apache-2.0 */
/* Random filters and rows: every field of every kind can be asked for, and the evaluator over columns agrees with a
 * plain reading of the tree. */
#include "tests/unit/common/filter/filter_support.h"

/* ---------------------------------------------------------------- every field of every kind */

/* A text that asks for just this value: what is shown to programs, with the unit said; bits as their number. */
static bool value_as_written(const struct field *field, const struct value *value, char *ret_text, size_t size)
{
    char text[FIELD_TEXT_MAX];
    const char *shown = field_text(field, value, STYLE_PLAIN, text);
    switch (field->kind) {
    case KIND_NANOSECONDS:
        return snprintf(ret_text, size, "%sns", shown) > 0;
    case KIND_MICROSECONDS:
        return snprintf(ret_text, size, "%sus", shown) > 0;
    case KIND_TEXT:
        return snprintf(ret_text, size, shown[0] == '"' ? "\"\\%s\"" : "\"%s\"", shown) > 0;
    case KIND_TCP_FLAGS:
        return snprintf(ret_text, size, "%s", value->number == 0 ? "0" : shown) > 0;
    case KIND_BITS:
    case KIND_LOWER:
        return snprintf(ret_text, size, "%llu", (unsigned long long)value->number) > 0;
    default: /* "" of no history cannot be asked for */
        return snprintf(ret_text, size, "%s", shown) > 0;
    }
}

static bool same_value(const struct field *field, const struct value *a, const struct value *b)
{
    if (field->kind == KIND_ADDRESS)
        return address_equal(a->address, b->address);
    if (field->type == FIELD_TEXT)
        return strcmp(a->text, b->text) == 0;
    if (field->kind == KIND_BITS && b->number != 0) /* these, and perhaps more */
        return (a->number & b->number) == b->number;
    return a->number == b->number;
}

static struct value known_value(const struct records *records, uint32_t row, unsigned f)
{
    struct value value = records_value(records, row, f, NULL);
    if (strcmp(records->kind->fields[f].name, "src_port") == 0) { /* as `src port`: ICMP's identifier is none */
        unsigned protocol = (unsigned)kind_field(records->kind, "protocol");
        value.known = value.known && protocol_has_ports((unsigned)records_value(records, row, protocol, NULL).number);
    }
    return value;
}

/* `FIELD = VALUE` and `FIELD != VALUE`, with a row's own value as it is shown, select the rows that know the field and
 * have it, or have another. */
static bool check_field(const struct records *records, unsigned f, uint32_t row)
{
    const struct field *field = &records->kind->fields[f];
    struct value wanted = known_value(records, row, f);
    char value_text[FIELD_TEXT_MAX + 16], text[FIELD_TEXT_MAX + 64];
    if (!wanted.known || !value_as_written(field, &wanted, value_text, sizeof(value_text)))
        return false;
    for (int other = 0; other < 2; other++) {
        snprintf(text, sizeof(text), "%s %s %s", field->label, other ? "!=" : "=", value_text);
        struct filter *filter = parse_of(record_kind_number(records->kind), text);
        for (uint32_t i = 0; i < records->rows; i++) {
            struct value value = known_value(records, i, f);
            bool expected = value.known && same_value(field, &value, &wanted) != other;
            if (filter_match(filter, records, i) != expected)
                fail_msg("%s, row %u: %s", records->kind->name, i, text);
        }
        filter_destroy(&filter);
    }
    return true;
}

/* A line in a kind's table is all that a field needs to be filtered on. */
static void test_every_field(void **state)
{
    (void)state;
    struct filter_random random = {7};
    for (unsigned k = 0; k < RECORD_KIND_COUNT; k++) {
        const struct record_kind *kind = record_kinds[k];
        struct records *records = filter_generate_records(&random, kind, 60);
        for (unsigned f = 0; f < kind->stored_count; f++) {
            const struct field *field = &kind->fields[f];
            unsigned checked = 0;
            if (field->list != 0 || field->kind == KIND_LIST || field->kind == KIND_OBSERVER)
                continue;
            for (uint32_t row = 0; row < records->rows && checked < 5; row++)
                checked += check_field(records, f, row);
            if (checked == 0)
                fail_msg("no row knows '%s' of a %s", field->name, kind->name);
        }
        records_free(&records);
    }
}

/* ---------------------------------------------------------------- a plain reading of the tree, row by row */

static bool compared(enum filter_comparison comparison, __int128 left, __int128 right)
{
    switch (comparison) {
    case FILTER_EQ:
        return left == right;
    case FILTER_NE:
        return left != right;
    case FILTER_LT:
        return left < right;
    case FILTER_LE:
        return left <= right;
    case FILTER_GT:
        return left > right;
    case FILTER_GE:
        return left >= right;
    }
    return false;
}

static __int128 extended(const struct field *field, uint64_t bits)
{
    return field_type_is_signed(field->type) ? (__int128)(int64_t)bits : (__int128)bits;
}

static bool observer_knows(const struct records *records, uint32_t row, unsigned f)
{
    uint32_t number = records->kind->fields[f].number;
    if (records->kind != record_kinds[RECORD_FLOW])
        return true;
    const struct observer *observer = &records->observers[flow_batch_of(records)->observer[row]];
    return number >= OBSERVER_UNKNOWN_MAX || (observer->unknown[number / 64] >> number % 64 & 1) == 0;
}

static bool field_holds(const struct filter_node *node, const struct records *records, uint32_t row, unsigned f)
{
    const struct field *field = &records->kind->fields[f];
    char scratch[FIELD_TEXT_MAX];
    struct value value = records_value(records, row, f, scratch);
    if (f >= records->kind->stored_count) {
        return value.known && (strcmp(value.text, node->text) == 0) == (node->comparison == FILTER_EQ);
    }
    if (!observer_knows(records, row, f))
        return false;
    switch (node->op) {
    case FILTER_ADDRESS:
        return address_in_prefix(value.address, &node->prefix) == (node->comparison == FILTER_EQ);
    case FILTER_SET:
        return address_set_has(node->set, value.address) == (node->comparison == FILTER_EQ);
    case FILTER_TEXT:
        return (strcmp(value.text, node->text) == 0) == (node->comparison == FILTER_EQ);
    case FILTER_MASK:
        return ((value.number & node->mask) == node->value) == (node->comparison == FILTER_EQ);
    default:
        return compared(node->comparison, extended(field, value.number), extended(field, node->value));
    }
}

/* One field of a pair, or both; *ret_known is cleared where an observer cannot know one. */
static __int128 taken(const struct records *records, uint32_t row, enum filter_side side, unsigned src, unsigned dst,
                      bool *ret_known)
{
    __int128 sum = 0;
    if (side != FILTER_DST)
        sum += records_value(records, row, src, NULL).number, *ret_known &= observer_knows(records, row, src);
    if (side != FILTER_SRC)
        sum += records_value(records, row, dst, NULL).number, *ret_known &= observer_knows(records, row, dst);
    return sum;
}

static bool rate_holds(const struct filter_node *node, const struct records *records, uint32_t row)
{
    bool known = true;
    __int128 amount = taken(records, row, node->side, node->field, node->twin, &known), over;
    if (records->kind->fields[node->over].type == FIELD_TIME) {
        over = (int64_t)records_value(records, row, node->over_twin, NULL).number -
               (int64_t)records_value(records, row, node->over, NULL).number;
        known = known && observer_knows(records, row, node->over) && observer_knows(records, row, node->over_twin);
    } else {
        over = taken(records, row, node->side, node->over, node->over_twin, &known);
    }
    return known && over > 0 && compared(node->comparison, amount * node->scale, over * node->value);
}

static bool whole_holds(const struct filter_node *node, const struct records *records, uint32_t row)
{
    const struct field *field = &records->kind->fields[node->field];
    __int128 a = extended(field, records_value(records, row, node->field, NULL).number);
    __int128 b = extended(field, records_value(records, row, node->twin, NULL).number);
    return observer_knows(records, row, node->field) && observer_knows(records, row, node->twin) &&
           (node->value_of == FILTER_VALUE_SUM ? compared(node->comparison, a + b, node->value)
                                               : compared(node->comparison, b - a, (int64_t)node->value));
}

static bool holds(const struct filter_node *node, const struct records *records, uint32_t row)
{
    switch (node->op) {
    case FILTER_TRUE:
        return true;
    case FILTER_AND:
        return holds(node->left, records, row) && holds(node->right, records, row);
    case FILTER_OR:
        return holds(node->left, records, row) || holds(node->right, records, row);
    case FILTER_NOT:
        return !holds(node->left, records, row);
    case FILTER_SENSOR:
        return strcmp(records->observers[records_value(records, row, node->field, NULL).number].sensor, node->text) ==
               0;
    default:
        break;
    }
    if (node->op == FILTER_COMPARE && node->value_of == FILTER_VALUE_RATE)
        return rate_holds(node, records, row);
    if (node->op == FILTER_COMPARE && node->value_of != FILTER_VALUE_FIELD)
        return whole_holds(node, records, row);
    bool src = field_holds(node, records, row, node->field), dst = field_holds(node, records, row, node->twin);
    return node->side == FILTER_SRC    ? src
           : node->side == FILTER_DST  ? dst
           : node->side == FILTER_BOTH ? src && dst
                                       : src || dst;
}

static void check_round(struct filter_random *random, const struct record_kind *kind, unsigned *ret_some,
                        unsigned *ret_all)
{
    uint32_t rows[2000];
    char text[FILTER_TEXT_MAX];
    uint64_t seed = random->state;
    struct records *records = filter_generate_records(random, kind, 1 + filter_random_below(random, 2000));
    filter_generate_text(random, kind, text, sizeof(text));
    struct filter *filter = parse_of(record_kind_number(kind), text);
    uint32_t selected = filter_select(filter, records, rows), next = 0;
    for (uint32_t row = 0; row < records->rows; row++) {
        bool expected = holds(filter_root(filter), records, row);
        bool chosen = next < selected && rows[next] == row;
        next += chosen;
        if (chosen != expected || (row % 37 == 0 && filter_match(filter, records, row) != expected))
            fail_msg("PAVO_SEED=%llu a %s, row %u: %s", (unsigned long long)seed, kind->name, row, text);
    }
    assert_int_equal(next, selected);
    *ret_some += selected > 0;
    *ret_all += selected == records->rows;
    filter_destroy(&filter);
    records_free(&records);
}

static void test_columns_agree_with_rows(void **state)
{
    (void)state;
    const char *given = getenv("PAVO_SEED");
    struct filter_random random = {given == NULL ? 1 : strtoull(given, NULL, 0)};
    for (unsigned k = 0; k < RECORD_KIND_COUNT; k++) {
        unsigned some = 0, all = 0, rounds = k == RECORD_FLOW ? 300 : 100;
        for (unsigned round = 0; round < rounds; round++)
            check_round(&random, record_kinds[k], &some, &all);
        /* The generator asks questions that tell something. */
        assert_true(some > rounds / 2);
        assert_true(all < rounds / 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_field),
        cmocka_unit_test(test_columns_agree_with_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
