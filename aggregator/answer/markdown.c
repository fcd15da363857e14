/* SPDX-License-Identifier: Apache-2.0 */
/* The table of questions as docs/questions.md. */
#include <string.h>

#include "aggregator/answer/columns.h"
#include "aggregator/answer/question.h"
#include "aggregator/answer/words.h"

static const char *access_text(enum question_access access)
{
    switch (access) {
    case QUESTION_ANYBODY:
        return "Readers, and gateways also for themselves.";
    case QUESTION_GATEWAYS:
        return "Gateways, for themselves.";
    default:
        return "Readers, and gateways in a reader's session.";
    }
}

static void print_parameter(FILE *to, const struct parameter *p)
{
    char words[WORDS_TEXT_MAX];
    fprintf(to, "| `%s`%s | %s", p->name, p->positional ? " (positional)" : "", parameter_type_word(p->type));
    if (p->type == PARAMETER_FILTER)
        fprintf(to, " of %s", p->kind_from != NULL ? p->kind_from : parameter_kind(p)->name);
    fprintf(to, " | %s | %s", p->required ? "required" : p->fallback == NULL ? "" : p->fallback, p->help);
    if (p->word_count > 0)
        fprintf(to, ": %s", words_text(p->words, p->word_count, words));
    fprintf(to, " |\n");
}

static void print_columns(FILE *to, const struct record_kind *kind)
{
    char words[WORDS_TEXT_MAX];
    fprintf(to, "\n| column | heading | type | kind | |\n|---|---|---|---|---|\n");
    for (unsigned f = 0; f < kind->field_count; f++) {
        const struct field *field = answer_column(kind, f);
        struct column_text columns[2];
        unsigned count = field_columns(field, columns);
        for (unsigned i = 0; i < count; i++) {
            fprintf(to, "| `%s`", columns[i].name);
            if (field->list != 0)
                fprintf(to, " of `%s`", kind->lists[field->list - 1].name);
            fprintf(to, " | %s | %s | %s | %s", i == 0 && field->heading != NULL ? field->heading : "",
                    field_type_word(columns[i].type), field_kind_word(columns[i].kind), field->doc);
            if (field->word_count > 0)
                fprintf(to, ": %s", words_text(field->words, field->word_count, words));
            fprintf(to, " |\n");
        }
    }
}

static void print_examples(FILE *to, const char *at)
{
    fprintf(to, "\n");
    while (*at != '\0') {
        size_t length = strcspn(at, "\n");
        fprintf(to, "    %.*s\n", (int)length, at);
        at += length + (at[length] == '\n');
    }
}

static void print_question(FILE *to, const struct question *question)
{
    fprintf(to, "\n## %s\n\n%s\n\nAsked by: %s\n", question->name, question->summary, access_text(question->access));
    if (question->examples != NULL)
        print_examples(to, question->examples);
    if (question->parameter_count > 0)
        fprintf(to, "\n| parameter | type | default | |\n|---|---|---|---|\n");
    for (unsigned i = 0; i < question->parameter_count; i++)
        print_parameter(to, &question->parameters[i]);
    if (question->columns != NULL)
        print_columns(to, question->columns());
    else if (question->begin != NULL)
        fprintf(to, "\nThe columns of its answer are those that are asked for.\n");
    else
        fprintf(to, "\nIts answer has no columns: it is messages as they were published.\n");
}

void questions_markdown(FILE *to)
{
    fprintf(to,
            "# Questions\n\n"
            "What an aggregator answers. This page is written by `pavo-aggregator --questions`; a running aggregator "
            "tells the same\nto the question `questions`. How to ask is in [protocol.md](protocol.md); the filter "
            "language is in [filter.md](filter.md).\n"
            "Without a heading, a column is not in tables, only in `--json`, `--csv` and what libpavo hands out.\n\n"
            "Arguments are text, in the form of their type:\n\n| type | form |\n|---|---|\n");
    for (unsigned type = 0; type < PARAMETER_TYPE_COUNT; type++)
        fprintf(to, "| %s | %s |\n", parameter_type_word((enum parameter_type)type),
                parameter_type_doc((enum parameter_type)type));
    for (unsigned i = 0; i < question_count; i++)
        print_question(to, questions[i]);
}
