/* SPDX-License-Identifier: Apache-2.0 */
/* The table of questions: that its rows are whole, that its columns can travel, and that docs/questions.md says it. */
#include "tests/unit/aggregator/support.h"

#include "aggregator/answer/arguments.h"
#include "aggregator/answer/columns.h"
#include "aggregator/answer/question.h"
#include "aggregator/answer/words.h"
#include "common/records/page.h"

static struct error err;

static void test_names(void **state)
{
    (void)state;
    const char *nearest = NULL;
    for (unsigned i = 0; i < question_count; i++)
        assert_ptr_equal(question_find_name(questions[i]->name, &nearest), questions[i]);
    assert_null(question_find_name("sensor", &nearest));
    assert_string_equal(nearest, "sensors");
    assert_null(question_find_name("weather", &nearest));
    assert_null(nearest);
}

/* A fallback is a text like any other: it must parse. What is positional takes all that is left, so there is one. */
static void test_parameters(void **state)
{
    (void)state;
    for (unsigned i = 0; i < question_count; i++) {
        const struct question *q = questions[i];
        unsigned positional = 0;
        assert_in_range(q->parameter_count, 0, QUESTION_PARAMETERS_MAX);
        assert_non_null(q->summary);
        assert_non_null(q->run);
        for (unsigned p = 0; p < q->parameter_count; p++) {
            const struct parameter *parameter = &q->parameters[p];
            struct arguments arguments;
            struct argument_error where;
            assert_ptr_equal(question_parameter(q, parameter->name), parameter);
            assert_non_null(parameter->help);
            assert_false(parameter->required && parameter->fallback != NULL);
            positional += parameter->positional;
            if (parameter->kind_from != NULL)
                assert_int_equal(question_parameter(q, parameter->kind_from)->type, PARAMETER_TOPIC);
            const struct question alone = {.name = q->name, .parameters = parameter, .parameter_count = 1};
            if (!parameter->required && parameter->kind_from == NULL) {
                assert_ok(arguments_parse(&alone, NULL, 0, NULL, 0, &arguments, &where, &err), err);
                arguments_fini(&arguments);
            }
        }
        assert_in_range(positional, 0, 1);
    }
}

/* Heads come back as they went out, and every column has a type, a kind and a sentence. */
static void test_columns(void **state)
{
    (void)state;
    for (unsigned i = 0; i < question_count; i++) {
        const struct record_kind *kind = questions[i]->columns == NULL ? NULL : questions[i]->columns();
        struct page_head head;
        struct page_kind *back;
        if (kind == NULL)
            continue;
        assert_ptr_equal(kind, questions[i]->columns());
        assert_ok(page_head_init(&head, kind, questions[i]->name, "pavo", &err), err);
        assert_ok(page_kind_read(&head.message, &back, &err), err);
        size_t at = 0;
        for (unsigned f = 0; f < kind->field_count; f++) {
            const struct field *field = answer_column(kind, f);
            struct column_text columns[2];
            unsigned count = field_columns(field, columns);
            for (unsigned c = 0; c < count; c++, at++) {
                assert_string_equal(head.message.columns[at]->name, columns[c].name);
                assert_int_equal(head.message.columns[at]->type, columns[c].type);
                assert_int_equal(head.message.columns[at]->kind, columns[c].kind);
                assert_non_null(field_type_word(columns[c].type));
                assert_non_null(field_kind_word(columns[c].kind));
                assert_string_not_equal(head.message.columns[at]->help, "");
                if (columns[c].kind == KIND_WORD || columns[c].kind == KIND_BITS)
                    assert_true(head.message.columns[at]->n_words > 1);
            }
        }
        assert_int_equal(at, head.message.n_columns);
        assert_int_equal(back->kind.list_count, kind->list_count);
        for (unsigned l = 0; l < kind->list_count; l++)
            assert_string_equal(back->kind.lists[l].prefix, kind->lists[l].prefix);
        page_kind_free(&back);
        page_head_fini(&head);
    }
}

static void test_headings(void **state)
{
    (void)state;
    const char *nearest;
    const struct record_kind *find = question_find_name("flows", &nearest)->columns();
    const struct record_kind *nat = question_find_name("nat", &nearest)->columns();
    assert_string_equal(find->fields[kind_field(find, "src_bytes")].heading, "BYTES");
    assert_null(find->fields[kind_field(find, "report")].heading);
    assert_null(record_kinds[RECORD_FLOW]->fields[kind_field(find, "src_bytes")].heading); /* a copy */
    assert_int_equal(find->field_count, record_kinds[RECORD_FLOW]->field_count);
    assert_string_equal(answer_column(find, 0)->name, "first_time"); /* those with a heading first */
    /* What a column of an answer does not say itself it has from the kinds' field of its name. */
    const struct field *method = &nat->fields[kind_field(nat, "method")];
    assert_string_equal(field_word(method, METHOD_DIGESTS), "digests");
    assert_string_equal(method->doc, record_kinds[RECORD_VERDICT]->fields[VERDICT_FIELD_method].doc);
    assert_string_equal(nat->fields[kind_field(nat, "src_hi")].label, "src");
}

static void test_document(void **state)
{
    (void)state;
    char path[512], *written = NULL, *kept = NULL;
    size_t length = 0, room = 0;
    const char *source = getenv("PAVO_SOURCE");
    if (source == NULL)
        skip();
    FILE *to = open_memstream(&written, &length);
    questions_markdown(to);
    fclose(to);
    snprintf(path, sizeof(path), "%s/docs/questions.md", source);
    FILE *from = fopen(path, "r");
    if (from == NULL)
        fail_msg("%s: pavo-aggregator --questions writes it", path);
    assert_true(getdelim(&kept, &room, '\0', from) > 0);
    fclose(from);
    if (strcmp(kept, written) != 0)
        fail_msg("docs/questions.md is not what `pavo-aggregator --questions` prints: write it anew");
    free(written);
    free(kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),    cmocka_unit_test(test_parameters), cmocka_unit_test(test_columns),
        cmocka_unit_test(test_headings), cmocka_unit_test(test_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
