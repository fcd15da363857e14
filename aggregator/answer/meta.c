/* SPDX-License-Identifier: Apache-2.0 */
/* questions, kinds: what can be asked, and what records are made of. */
#include <stdio.h>
#include <string.h>

#include "aggregator/answer/columns.h"
#include "aggregator/answer/words.h"
#include "aggregator/answer/work.h"

/* ---- questions */

enum { QUESTIONS_NAME, QUESTIONS_PARAMETER_COUNT };
static const struct parameter questions_parameters[] = {
    [QUESTIONS_NAME] = {
        .name = "name", .type = PARAMETER_TEXT, .help = "that question; without one, all", .positional = true}};

#define PARTS(X) X(QUESTION, question) X(PARAMETER, parameter) X(COLUMN, column) X(EXAMPLE, example)
enum part {
#define X(name, word) PART_##name,
    PARTS(X)
#undef X
        PART_COUNT
};
static const char *const part_words[PART_COUNT] = {
#define X(name, word) #word,
    PARTS(X)
#undef X
};

#define QUESTIONS_TABLE(X)                                                                                             \
    X(question, TEXT, TEXT, NONE, "QUESTION", "which question")                                                        \
    X(part, U8, WORD, NONE, "PART", "the question itself, a parameter, a column of its answer, or an example")         \
    X(name, TEXT, TEXT, NONE, "NAME", "of the parameter or column")                                                    \
    X(type, TEXT, TEXT, SET, "TYPE", "of a parameter its form; of a column how values travel")                         \
    X(kind, TEXT, TEXT, SET, "KIND", "of a column what its values are; of a filter the records it chooses from")       \
    X(_default, TEXT, TEXT, SET, "DEFAULT", "of a parameter that is not given")                                        \
    X(positional, U8, FLAG, NONE, NULL, "on a command line it stands by itself")                                       \
    X(required, U8, FLAG, NONE, NULL, "it must be given")                                                              \
    X(heading, TEXT, TEXT, SET, NULL, "of a column, in tables")                                                        \
    X(list, TEXT, TEXT, SET, NULL, "of a column, the list whose items have it")                                        \
    X(words, TEXT, TEXT, SET, NULL, "that a value may be")                                                             \
    X(help, TEXT, TEXT, NONE, "HELP", "what it is")
struct questions_row {
    QUESTIONS_TABLE(ANSWER_ROW_MEMBER)
};
enum { QUESTIONS_TABLE(ANSWER_ENUM_MEMBER) };

static const struct record_kind *questions_columns(void)
{
    static struct field fields[] = {
#define X(...) ANSWER_COLUMN(questions_row, 0, __VA_ARGS__)
        QUESTIONS_TABLE(X)
#undef X
    };
    static struct answer_columns table = {.name = "questions",
                                          .fields = fields,
                                          .count = sizeof(fields) / sizeof(*fields),
                                          .row_size = sizeof(struct questions_row),
                                          .words = part_words,
                                          .word_count = PART_COUNT};
    return answer_columns_kind(&table);
}

static enum result add_parameter(struct work *work, const struct question *question, const struct parameter *p,
                                 struct error *err)
{
    char words[WORDS_TEXT_MAX];
    const struct questions_row row = {.question = question->name,
                                      .part = PART_PARAMETER,
                                      .name = p->name,
                                      .type = parameter_type_word(p->type),
                                      .kind = p->type != PARAMETER_FILTER ? NULL
                                              : p->kind_from != NULL      ? p->kind_from
                                                                          : parameter_kind(p)->name,
                                      ._default = p->fallback,
                                      .positional = p->positional,
                                      .required = p->required,
                                      .words = words_text(p->words, p->word_count, words),
                                      .help = p->help};
    return work_add(work, &row, err);
}

static enum result add_column(struct work *work, const struct question *question, const struct record_kind *kind,
                              const struct field *field, struct error *err)
{
    struct column_text columns[2];
    char words[WORDS_TEXT_MAX];
    unsigned count = field_columns(field, columns);
    enum result r = RESULT_OK;
    for (unsigned i = 0; i < count && r == RESULT_OK; i++) {
        const struct questions_row row = {.question = question->name,
                                          .part = PART_COLUMN,
                                          .name = columns[i].name,
                                          .type = field_type_word(columns[i].type),
                                          .kind = field_kind_word(columns[i].kind),
                                          .heading = i == 0 ? field->heading : NULL,
                                          .list = field->list == 0 ? NULL : kind->lists[field->list - 1].name,
                                          .words = words_text(field->words, field->word_count, words),
                                          .help = field->doc};
        r = work_add(work, &row, err);
        if (r == RESULT_OK)
            r = work_unknown(work, COLUMN_positional, err);
        if (r == RESULT_OK)
            r = work_unknown(work, COLUMN_required, err);
    }
    return r;
}

/* A command line each, as its help. */
static enum result add_examples(struct work *work, const struct question *question, struct error *err)
{
    char line[256];
    enum result r = RESULT_OK;
    for (const char *at = question->examples; at != NULL && *at != '\0' && r == RESULT_OK;) {
        size_t length = strcspn(at, "\n");
        snprintf(line, sizeof(line), "%.*s", (int)length, at);
        at += length + (at[length] == '\n');
        const struct questions_row row = {
            .question = question->name, .part = PART_EXAMPLE, .name = question->name, .help = line};
        r = work_add(work, &row, err);
        if (r == RESULT_OK)
            r = work_unknown(work, COLUMN_positional, err);
        if (r == RESULT_OK)
            r = work_unknown(work, COLUMN_required, err);
    }
    return r;
}

static enum result add_question(struct work *work, const struct question *question, struct error *err)
{
    const struct questions_row row = {
        .question = question->name, .part = PART_QUESTION, .name = question->name, .help = question->summary};
    const struct record_kind *kind = question->columns == NULL ? NULL : question->columns();
    enum result r = work_add(work, &row, err);
    if (r == RESULT_OK)
        r = work_unknown(work, COLUMN_positional, err);
    if (r == RESULT_OK)
        r = work_unknown(work, COLUMN_required, err);
    for (unsigned i = 0; i < question->parameter_count && r == RESULT_OK; i++)
        r = add_parameter(work, question, &question->parameters[i], err);
    for (unsigned i = 0; kind != NULL && i < kind->field_count && r == RESULT_OK; i++)
        r = add_column(work, question, kind, answer_column(kind, i), err);
    return r == RESULT_OK ? add_examples(work, question, err) : r;
}

static enum result questions_run(struct work *work, struct error *err)
{
    const char *name = work_argument(work, QUESTIONS_NAME)->text, *nearest = NULL;
    enum result r = RESULT_OK;
    if (name == NULL) {
        for (unsigned i = 0; i < question_count && r == RESULT_OK; i++)
            r = add_question(work, questions[i], err);
        return r;
    }
    const struct question *question = question_find_name(name, &nearest);
    if (question != NULL)
        return add_question(work, question, err);
    return work_blame(work, QUESTIONS_NAME,
                      nearest == NULL ? error_set(err, RESULT_REJECT, "there is no question '%.64s'", name)
                                      : error_set(err, RESULT_REJECT,
                                                  "there is no question '%.64s'; did you mean '%s'?", name, nearest));
}

const struct question question_questions = {
    .name = "questions",
    .summary = "What can be asked: each question with its parameters and the columns of its answer.",
    .parameters = questions_parameters,
    .parameter_count = QUESTIONS_PARAMETER_COUNT,
    .access = QUESTION_ANYBODY,
    .columns = questions_columns,
    .run = questions_run};

/* ---- kinds */

enum { KINDS_NAME, KINDS_PARAMETER_COUNT };
static const struct parameter kinds_parameters[] = {
    [KINDS_NAME] = {
        .name = "name", .type = PARAMETER_TOPIC, .help = "that kind of record; without one, all", .positional = true}};

#define KINDS_TABLE(X)                                                                                                 \
    X(record, TEXT, TEXT, NONE, "RECORD", "kind of record, which is also its topic")                                   \
    X(field, TEXT, TEXT, NONE, "FIELD", "name in answers, filters and JSON; an observer is a sensor and an epoch")     \
    X(number, U32, NUMBER, SET, "NUMBER", "in pavo.proto; none: computed")                                             \
    X(type, TEXT, TEXT, NONE, "TYPE", "how values are kept")                                                           \
    X(kind, TEXT, TEXT, NONE, "KIND", "what they are")                                                                 \
    X(merge, TEXT, TEXT, SET, "MERGE", "how two records of one thing become one")                                      \
    X(list, TEXT, TEXT, SET, NULL, "the list whose items have it")                                                     \
    X(words, TEXT, TEXT, SET, NULL, "that a value may be")                                                             \
    X(help, TEXT, TEXT, NONE, "HELP", "what it is")
struct kinds_row {
    KINDS_TABLE(ANSWER_ROW_MEMBER)
};

static const struct record_kind *kinds_columns(void)
{
    static struct field fields[] = {
#define X(...) ANSWER_COLUMN(kinds_row, 0, __VA_ARGS__)
        KINDS_TABLE(X)
#undef X
    };
    static struct answer_columns table = {.name = "kinds",
                                          .fields = fields,
                                          .count = sizeof(fields) / sizeof(*fields),
                                          .row_size = sizeof(struct kinds_row)};
    return answer_columns_kind(&table);
}

static enum result add_field(struct work *work, const struct record_kind *kind, const struct field *field,
                             struct error *err)
{
    char words[WORDS_TEXT_MAX];
    const struct kinds_row row = {.record = kind->name,
                                  .field = field->label,
                                  .number = field->number,
                                  .type = field_type_word(field->type),
                                  .kind = field_kind_word(field->kind),
                                  .merge = field->derive != NULL ? NULL : field_merge_word(field->merge),
                                  .list = field->list == 0 ? NULL : kind->lists[field->list - 1].name,
                                  .words = words_text(field->words, field->word_count, words),
                                  .help = field->doc};
    return field->kind == KIND_LOWER ? RESULT_OK : work_add(work, &row, err);
}

static enum result kinds_run(struct work *work, struct error *err)
{
    const struct argument *name = work_argument(work, KINDS_NAME);
    enum result r = RESULT_OK;
    for (unsigned k = 0; k < RECORD_KIND_COUNT; k++) {
        for (unsigned f = 0; f < record_kinds[k]->field_count && r == RESULT_OK; f++) {
            if (name->text == NULL || name->number == k)
                r = add_field(work, record_kinds[k], &record_kinds[k]->fields[f], err);
        }
    }
    return r;
}

const struct question question_kinds = {.name = "kinds",
                                        .summary = "What records are made of: the fields of each kind.",
                                        .parameters = kinds_parameters,
                                        .parameter_count = KINDS_PARAMETER_COUNT,
                                        .access = QUESTION_ANYBODY,
                                        .columns = kinds_columns,
                                        .run = kinds_run};
