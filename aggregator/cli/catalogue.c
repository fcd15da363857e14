/* SPDX-License-Identifier: Apache-2.0 */
/* Questions as the aggregator describes them. */
#include "aggregator/cli/catalogue.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUESTION_OF_QUESTIONS "questions"

/* ---------------------------------------------------------------- reading */

static char *copy(const pavo_columns *page, size_t row, const char *name)
{
    const char *text = pavo_columns_text(page, row, pavo_columns_field(page, name));
    return strdup(text == NULL ? "" : text);
}

/* Not known, as of a column, is no. */
static bool is_set(const pavo_columns *page, size_t row, const char *name)
{
    uint64_t flag = 0;
    return pavo_columns_number(page, row, pavo_columns_field(page, name), &flag) && flag != 0;
}

static void entry_free(struct catalogue_entry *entry)
{
    free(entry->question);
    free(entry->part);
    free(entry->name);
    free(entry->type);
    free(entry->kind);
    free(entry->otherwise);
    free(entry->help);
}

static bool add(struct catalogue *catalogue, const pavo_columns *page, size_t row)
{
    if (catalogue->count == catalogue->capacity) {
        size_t capacity = catalogue->capacity * 2 + 64;
        struct catalogue_entry *grown = realloc(catalogue->entries, capacity * sizeof(*grown));
        if (grown == NULL)
            return false;
        catalogue->entries = grown;
        catalogue->capacity = capacity;
    }
    struct catalogue_entry entry = {
        .question = copy(page, row, "question"),
        .part = copy(page, row, "part"),
        .name = copy(page, row, "name"),
        .type = copy(page, row, "type"),
        .kind = copy(page, row, "kind"),
        .otherwise = copy(page, row, "default"),
        .help = copy(page, row, "help"),
        .positional = is_set(page, row, "positional"),
        .required = is_set(page, row, "required"),
    };
    if (entry.question == NULL || entry.part == NULL || entry.name == NULL || entry.type == NULL ||
        entry.kind == NULL || entry.otherwise == NULL || entry.help == NULL) {
        entry_free(&entry);
        return false;
    }
    catalogue->entries[catalogue->count++] = entry;
    return true;
}

int catalogue_read(struct ask *ask, struct catalogue *catalogue)
{
    const pavo_columns *page;
    int code = ask_begin(ask, QUESTION_OF_QUESTIONS, NULL, 0);
    if (code >= 0)
        return code;
    while (ask_page(ask, &page)) {
        for (size_t row = 0; row < pavo_columns_rows(page); row++) {
            if (!add(catalogue, page, row))
                return cli_fail(CLI_UNREACHABLE, "out of memory");
        }
    }
    return ask->code;
}

void catalogue_free(struct catalogue *catalogue)
{
    for (size_t i = 0; i < catalogue->count; i++)
        entry_free(&catalogue->entries[i]);
    free(catalogue->entries);
    *catalogue = (struct catalogue){0};
}

static bool is(const struct catalogue_entry *entry, const char *part, const char *question)
{
    return strcmp(entry->part, part) == 0 && strcmp(entry->question, question) == 0;
}

static const struct catalogue_entry *find(const struct catalogue *catalogue, const char *question)
{
    for (size_t i = 0; i < catalogue->count; i++) {
        if (is(&catalogue->entries[i], "question", question))
            return &catalogue->entries[i];
    }
    return NULL;
}

bool catalogue_has(const struct catalogue *catalogue, const char *question)
{
    return find(catalogue, question) != NULL;
}

bool catalogue_has_columns(const struct catalogue *catalogue, const char *question)
{
    for (size_t i = 0; i < catalogue->count; i++) {
        if (is(&catalogue->entries[i], "column", question))
            return true;
    }
    return false;
}

void catalogue_print(const struct catalogue *catalogue)
{
    for (size_t i = 0; i < catalogue->count; i++) {
        const struct catalogue_entry *entry = &catalogue->entries[i];
        if (strcmp(entry->part, "question") == 0)
            printf("  %-12s %s\n", entry->question, entry->help);
    }
}

/* ---------------------------------------------------------------- options out of it */

static char letter_of(const char *name)
{
    static const char *const names[] = {"from", "to", "limit"}; /* as pavo find has them */
    static const char letters[] = "ftn";
    for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (strcmp(names[i], name) == 0)
            return letters[i];
    }
    return 0;
}

static void in_capitals(const char *word, char *text, size_t size)
{
    snprintf(text, size, "%s", word);
    for (char *at = text; *at != '\0'; at++)
        *at = (char)toupper((unsigned char)*at);
}

static bool add_parameter(struct catalogue_form *form, const struct catalogue_entry *entry)
{
    size_t i = form->count;
    const char *otherwise = entry->otherwise;
    if (asprintf(&form->helps[i], "%s%s%s%s", entry->required ? "required: " : "", entry->help,
                 otherwise[0] == '\0' ? "" : ". Default: ", otherwise) < 0) {
        form->helps[i] = NULL;
        return false;
    }
    in_capitals(entry->type[0] == '\0' ? "value" : entry->type, form->words[i], sizeof(form->words[i]));
    form->arguments[i] = (struct argument){.name = entry->name,
                                           .is_time = strcmp(entry->type, "time") == 0,
                                           .is_moment = strcmp(entry->type, "moment") == 0,
                                           .positional = entry->positional};
    form->specs[i] = (struct option_spec){.name = entry->name,
                                          .letter = letter_of(entry->name),
                                          .kind = OPTION_STRING,
                                          .target = &form->arguments[i].value,
                                          .argument = form->words[i],
                                          .group = "Parameters",
                                          .help = form->helps[i]};
    form->count++;
    return true;
}

/* Its columns, a line each; "" if it has none. NULL: out of memory. */
static char *columns_text(const struct catalogue *catalogue, const char *question)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (stream == NULL)
        return NULL;
    const char *before = "Columns:\n";
    for (size_t i = 0; i < catalogue->count; i++) {
        const struct catalogue_entry *entry = &catalogue->entries[i];
        if (!is(entry, "column", question))
            continue;
        fprintf(stream, "%s%s (%s): %s", before, entry->name, entry->kind, entry->help);
        before = "\n";
    }
    if (fclose(stream) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* Its examples, a line each. NULL: there is none, or out of memory. */
static char *examples_text(const struct catalogue *catalogue, const char *question)
{
    char *text = NULL;
    for (size_t i = 0; i < catalogue->count; i++) {
        const struct catalogue_entry *entry = &catalogue->entries[i];
        char *longer = NULL;
        if (!is(entry, "example", question))
            continue;
        if (asprintf(&longer, "%s%s%s", text == NULL ? "" : text, text == NULL ? "" : "\n", entry->help) < 0)
            return text;
        free(text);
        text = longer;
    }
    return text;
}

/* What must be given stands on the usage line, and what may stand there without its name. */
static void add_usage(struct catalogue_form *form, const struct catalogue_entry *entry)
{
    size_t used = strlen(form->usage);
    char name[64];
    in_capitals(entry->name, name, sizeof(name));
    if (entry->positional)
        snprintf(form->usage + used, sizeof(form->usage) - used, entry->required ? " %s" : " [%s]", name);
    else if (entry->required)
        snprintf(form->usage + used, sizeof(form->usage) - used, " --%s %s", entry->name, form->words[form->count - 1]);
}

int catalogue_form_init(struct catalogue_form *form, const struct catalogue *catalogue, const char *question)
{
    const struct catalogue_entry *entry = find(catalogue, question);
    *form = (struct catalogue_form){0};
    snprintf(form->program, sizeof(form->program), "pavo %.64s", question);
    snprintf(form->usage, sizeof(form->usage), "[OPTION]...");
    for (size_t i = 0; i < catalogue->count; i++) {
        if (!is(&catalogue->entries[i], "parameter", question))
            continue;
        if (form->count == ARGUMENTS_MAX)
            return cli_fail(CLI_UNREACHABLE, "the question '%s' has more than %d parameters", question, ARGUMENTS_MAX);
        if (!add_parameter(form, &catalogue->entries[i]))
            return cli_fail(CLI_UNREACHABLE, "out of memory");
        add_usage(form, &catalogue->entries[i]);
    }
    form->columns = columns_text(catalogue, question);
    form->examples = examples_text(catalogue, question);
    if (asprintf(&form->about, "Asks the aggregator's question '%s': %s", question, entry == NULL ? "" : entry->help) <
        0)
        form->about = NULL;
    if (form->about == NULL || form->columns == NULL)
        return cli_fail(CLI_UNREACHABLE, "out of memory");
    form->options = (struct options){.program = form->program,
                                     .usage = form->usage,
                                     .about = form->about,
                                     .specs = form->specs,
                                     .examples = form->examples,
                                     .closing = form->columns};
    return -1;
}

void catalogue_form_fini(struct catalogue_form *form)
{
    arguments_free(form->arguments, form->count);
    for (size_t i = 0; i < form->count; i++)
        free(form->helps[i]);
    free(form->about);
    free(form->columns);
    free(form->examples);
}

int catalogue_form_positional(struct catalogue_form *form, int argc, char **argv, int first)
{
    if (first == argc)
        return -1;
    for (size_t i = 0; i < form->count; i++) {
        struct argument *argument = &form->arguments[i];
        if (!argument->positional)
            continue;
        if (argument->value != NULL)
            return cli_fail(CLI_USAGE, "--%s is given, and again as '%s'", argument->name, argv[first]);
        argument->value = cli_join(argc, argv, first);
        return argument->value != NULL ? -1 : cli_fail(CLI_UNREACHABLE, "out of memory");
    }
    return cli_fail(CLI_USAGE, "%s takes no argument, not even '%s'", form->program, argv[first]);
}

/* ---------------------------------------------------------------- before they are known */

/* The option `word` gives, if every sub-command has it and it takes a value. */
static const struct option_spec *with_value(const struct option_spec *specs, size_t count, const char *word)
{
    size_t length = strcspn(word, "=");
    for (size_t i = 0; i < count; i++) {
        bool named = word[1] == '-'
                         ? strlen(specs[i].name) == length - 2 && strncmp(specs[i].name, word + 2, length - 2) == 0
                         : specs[i].letter != 0 && specs[i].letter == word[1];
        if (named)
            return specs[i].kind == OPTION_FLAG ? NULL : &specs[i];
    }
    return NULL;
}

static bool is_flag(const struct option_spec *specs, size_t count, const char *word)
{
    for (size_t i = 0; i < count; i++) {
        if (specs[i].kind == OPTION_FLAG && strcmp(specs[i].name, word + 2) == 0)
            return true;
    }
    return false;
}

int catalogue_common(const struct option_spec *specs, size_t spec_count, int argc, char **argv, char **ret_words)
{
    int used = 0;
    ret_words[used++] = argv[0];
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        const char *word = argv[i];
        if (word[0] != '-' || word[1] == '\0')
            continue;
        bool is_long = word[1] == '-';
        const struct option_spec *spec = with_value(specs, spec_count, word);
        bool value_follows =
            is_long ? strchr(word, '=') == NULL && !is_flag(specs, spec_count, word) : spec != NULL && word[2] == '\0';
        if (spec != NULL)
            ret_words[used++] = argv[i];
        if (!value_follows || i + 1 == argc)
            continue;
        i++;
        if (spec != NULL)
            ret_words[used++] = argv[i];
    }
    return used;
}
