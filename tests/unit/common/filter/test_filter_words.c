/* SPDX-License-Identifier: Apache-2.0 */
/* The words that people already have: every example of pavo-filter(7) and docs/filter.md is a filter, every field of a
 * flow has one, and what is refused says how to ask. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "common/filter/filter.h"

#define LINE_MAX_BYTES 1024

static FILE *open_source(const char *name)
{
    const char *source = getenv("PAVO_SOURCE");
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", source == NULL ? "." : source, name);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        fail_msg("%s cannot be read", path);
    return file;
}

/* The files that examples name, with one address each. */
struct example_files {
    struct filter_set sets[FILTER_SETS_MAX];
    char names[FILTER_SETS_MAX][64];
    size_t count;
};

static void file_found(void *context, const char *name)
{
    struct example_files *files = context;
    FILE *file = fmemopen("10.0.0.1\n", 9, "r");
    struct filter_set *set = &files->sets[files->count];
    snprintf(files->names[files->count], sizeof(files->names[0]), "%s", name);
    set->name = files->names[files->count++];
    assert_int_equal(address_set_read(file, &set->set, NULL), RESULT_OK);
    fclose(file);
}

static void parse_example(const struct record_kind *kind, const char *text)
{
    struct filter *filter = NULL;
    struct error err = {""};
    struct example_files files = {.count = 0};
    filter_files(text, file_found, &files);
    if (filter_parse_with(kind, text, files.sets, files.count, &filter, NULL, &err) != RESULT_OK)
        fail_msg("%s, of a %s: %s", text, kind->name, err.text);
    for (size_t i = 0; i < files.count; i++)
        address_set_unref(&files.sets[i].set);
    filter_destroy(&filter);
}

/* "Verdicts", "(losses)": the kind whose name it begins with. NULL: none. */
static const struct record_kind *kind_named(const char *plural)
{
    for (unsigned k = 0; k < RECORD_KIND_COUNT; k++) {
        if (strncasecmp(record_kinds[k]->name, plural, strlen(record_kinds[k]->name)) == 0)
            return record_kinds[k];
    }
    return NULL;
}

/* mdoc's escapes, as far as the page has them. */
static void unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0' && *from != '\n';) {
        if (strncmp(from, "\\(dq", 4) == 0)
            *to++ = '"', from += 4;
        else if (strncmp(from, "\\&", 2) == 0)
            from += 2;
        else if (strncmp(from, "\\e", 2) == 0)
            *to++ = '\\', from += 2;
        else
            *to++ = *from++;
    }
    *to = '\0';
}

/* The next example of the manual page: a line of .Dl. False: there are no more. */
static bool manual_example(FILE *file, const struct record_kind **kind, char text[static LINE_MAX_BYTES])
{
    while (fgets(text, LINE_MAX_BYTES, file) != NULL) {
        if (strncmp(text, ".Ss", 3) == 0)
            *kind = record_kinds[RECORD_FLOW];
        else if (strncmp(text, ".It ", 4) == 0 && kind_named(text + 4) != NULL)
            *kind = kind_named(text + 4);
        if (strncmp(text, ".Dl ", 4) != 0)
            continue;
        memmove(text, text + 4, strlen(text + 4) + 1);
        unescape(text);
        return true;
    }
    return false;
}

static void test_manual(void **state)
{
    (void)state;
    const struct record_kind *kind = record_kinds[RECORD_FLOW];
    char text[LINE_MAX_BYTES];
    unsigned examples = 0;
    FILE *file = open_source("docs/man/pavo-filter.7");
    for (; manual_example(file, &kind, text); examples++)
        parse_example(kind, text);
    fclose(file);
    assert_true(examples > 100);
}

/* Lines that stand in by four spaces, but those of the grammar; "(verdicts)" behind one says its kind. */
static void test_page(void **state)
{
    (void)state;
    char line[LINE_MAX_BYTES];
    bool grammar = false;
    unsigned examples = 0;
    FILE *file = open_source("docs/filter.md");
    while (fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, "## ", 3) == 0)
            grammar = strcmp(line, "## Grammar\n") == 0;
        if (grammar || strncmp(line, "    ", 4) != 0)
            continue;
        char *behind = strstr(line + 4, "  (");
        const struct record_kind *kind =
            behind == NULL ? record_kinds[RECORD_FLOW] : kind_named(behind + strspn(behind, " ("));
        assert_non_null(kind);
        if (behind != NULL)
            *behind = '\0';
        line[strcspn(line, "\n")] = '\0';
        parse_example(kind, line + 4);
        examples++;
    }
    fclose(file);
    assert_true(examples > 5);
}

static bool is_word_character(char c)
{
    return c != '\0' && strchr("abcdefghijklmnopqrstuvwxyz0123456789_", c) != NULL;
}

static bool has_word(const char *text, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word)) {
        if ((at == text || !is_word_character(at[-1])) && !is_word_character(at[length]))
            return true;
    }
    return false;
}

static bool manual_has(const char *word)
{
    const struct record_kind *kind = record_kinds[RECORD_FLOW];
    char text[LINE_MAX_BYTES];
    bool found = false;
    FILE *file = open_source("docs/man/pavo-filter.7");
    while (!found && manual_example(file, &kind, text))
        found = has_word(text, word);
    fclose(file);
    return found;
}

/* A new line of the table wants an example. */
static void test_manual_has_every_field(void **state)
{
    (void)state;
    static const char *const known_as[][2] = {
        {"protocol", "proto"}, {"end_reason", "end"},      {"src", "host"},
        {"dst", "host"},       {"src_tcp_flags", "flags"}, {"dst_tcp_flags", "flags"}};
    const struct record_kind *kind = record_kinds[RECORD_FLOW];
    for (unsigned f = 0; f < kind->field_count; f++) {
        const struct field *field = &kind->fields[f];
        const char *word = field->twin != f && field->derive == NULL ? field->name + strlen("src_") : field->name;
        if (field->kind == KIND_LOWER || field->kind == KIND_OBSERVER)
            continue;
        if (field->kind == KIND_ADDRESS)
            word = field->label;
        for (size_t i = 0; i < sizeof(known_as) / sizeof(*known_as); i++)
            word = strcmp(known_as[i][0], field->label) == 0 ? known_as[i][1] : word;
        if (!manual_has(word))
            fail_msg("pavo-filter(7) has no example of '%s'", word);
    }
}

/* Does a refusal say what to write? */
static bool names_a_way(const char *sentence)
{
    static const char *const ways[] = {"`",        "did you mean", "use ",      "such as",        "as in",
                                       "expected", "needs a ",     "can be (",  "lacks its unit", ": net ",
                                       "such as",  "as in",        "a UTC time"};
    for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
        if (strstr(sentence, ways[i]) != NULL)
            return true;
    }
    return strstr(sentence, "not looked up") != NULL;
}

/* What people typed who had other tools before: most is taken, the rest answered with a way. */
static void test_habits(void **state)
{
    (void)state;
    const char *corpus = getenv("PAVO_CORPUS"), *source = getenv("PAVO_SOURCE");
    char path[4096], line[LINE_MAX_BYTES];
    unsigned accepted = 0, refused = 0;
    snprintf(path, sizeof(path), "%s%s/field/habits/filters.txt",
             corpus != NULL   ? corpus
             : source != NULL ? source
                              : ".",
             corpus != NULL ? "" : "/../shared/corpus");
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        print_message("skipped: no corpus (set PAVO_CORPUS)\n");
        skip();
        return;
    }
    while (fgets(line, sizeof(line), file) != NULL) {
        struct filter *filter = NULL;
        struct error err = {""};
        line[strcspn(line, "\n")] = '\0';
        if (filter_parse(record_kinds[RECORD_FLOW], line, &filter, NULL, &err) == RESULT_OK)
            accepted++;
        else if (names_a_way(err.text))
            refused++;
        else
            fail_msg("%s: %s", line, err.text);
        filter_destroy(&filter);
    }
    fclose(file);
    assert_true(accepted > 3 * refused);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_manual),
        cmocka_unit_test(test_page),
        cmocka_unit_test(test_manual_has_every_field),
        cmocka_unit_test(test_habits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
