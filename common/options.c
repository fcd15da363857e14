/* SPDX-License-Identifier: Apache-2.0 */
/* Options: getopt_long's table, the file's keys and --help out of one table. */
#include "common/options.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/nearest.h"
#include "common/settings.h"

#define OPTIONS_MAX  96 /* rows of a table */
#define HELP_COLUMNS 100
#define HELP_INDENT  30

/* What getopt_long returns for a table row, and for the built-in options. */
enum { OPTION_BASE = 256, OPTION_CONFIG = OPTION_BASE + OPTIONS_MAX, OPTION_HELP, OPTION_VERSION };

/* One source of values: a file or the command line. The first value of a list in it replaces the list. */
struct source {
    const struct options *options;
    bool seen[OPTIONS_MAX];
};

static size_t spec_count(const struct options *options)
{
    size_t count = 0;
    while (options->specs[count].name != NULL)
        count++;
    return count;
}

/* ---- values */

static enum result set_flag(bool *target, const char *value, struct error *err)
{
    static const char *const words[] = {"no", "yes", "false", "true", "off", "on"};
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(value, words[i]) == 0) {
            *target = i % 2 == 1;
            return RESULT_OK;
        }
    }
    return error_set(err, RESULT_REJECT, "'%.64s' is neither yes nor no", value);
}

static enum result parse_number(const char *value, uint64_t *ret_number, struct error *err)
{
    char *end;
    errno = 0;
    uint64_t number = strtoull(value, &end, 10);
    if (value[0] < '0' || value[0] > '9' || *end != '\0' || errno != 0)
        return error_set(err, RESULT_REJECT, "'%.64s' is no number", value);
    *ret_number = number;
    return RESULT_OK;
}

static enum result check_bounds(const struct option_spec *spec, const char *value, uint64_t number, struct error *err)
{
    if ((spec->min == 0 && spec->max == 0) ||
        (number >= (uint64_t)spec->min && (spec->max == 0 || number <= (uint64_t)spec->max)))
        return RESULT_OK;
    const char *unit = spec->kind == OPTION_DURATION ? " ms" : spec->kind == OPTION_SIZE ? " bytes" : "";
    int64_t divisor = spec->kind == OPTION_DURATION ? NS_PER_MS : 1;
    if (spec->max == 0)
        return error_set(err, RESULT_REJECT, "'%.64s' is less than %" PRId64 "%s", value, spec->min / divisor, unit);
    return error_set(err, RESULT_REJECT, "'%.64s' is not between %" PRId64 " and %" PRId64 "%s", value,
                     spec->min / divisor, spec->max / divisor, unit);
}

static void list_clear(struct option_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct option_list){0};
}

static enum result list_add(struct option_list *list, const char *value, struct error *err)
{
    char **grown = realloc(list->items, (list->count + 1) * sizeof(*grown));
    if (grown != NULL)
        list->items = grown;
    char *copy = strdup(value);
    if (grown == NULL || copy == NULL) {
        free(copy);
        return error_set(err, RESULT_FATAL, "out of memory");
    }
    grown[list->count++] = copy;
    return RESULT_OK;
}

static enum result set_string(char **target, const char *value, struct error *err)
{
    char *copy = strdup(value);
    if (copy == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    free(*target);
    *target = copy;
    return RESULT_OK;
}

static enum result set_number(const struct option_spec *spec, const char *value, struct error *err)
{
    uint64_t number = 0;
    int64_t duration = 0;
    enum result r;
    if (spec->kind == OPTION_NUMBER) {
        r = parse_number(value, &number, err);
    } else if (spec->kind == OPTION_SIZE) {
        r = size_parse(value, &number, err);
    } else {
        r = duration_parse(value, &duration, err);
        number = (uint64_t)duration;
    }
    if (r == RESULT_OK)
        r = check_bounds(spec, value, number, err);
    if (r != RESULT_OK)
        return r;
    if (spec->kind == OPTION_DURATION)
        *(int64_t *)spec->target = duration;
    else
        *(uint64_t *)spec->target = number;
    return RESULT_OK;
}

static enum result set_value(struct source *source, size_t index, const char *value, struct error *err)
{
    const struct option_spec *spec = &source->options->specs[index];
    bool first = !source->seen[index];
    source->seen[index] = true;
    switch (spec->kind) {
    case OPTION_FLAG:
        return set_flag(spec->target, value, err);
    case OPTION_STRING:
        return set_string(spec->target, value, err);
    case OPTION_LIST:
        if (first)
            list_clear(spec->target);
        return list_add(spec->target, value, err);
    case OPTION_NUMBER:
    case OPTION_SIZE:
    case OPTION_DURATION:
        break;
    }
    return set_number(spec, value, err);
}

static const char *nearest_option(const struct options *options, const char *word)
{
    struct nearest nearest = {.word = word};
    const char *begun = NULL; /* the first that the word is the beginning of */
    for (const struct option_spec *spec = options->specs; spec->name != NULL; spec++) {
        nearest_try(&nearest, spec->name);
        if (begun == NULL && word[0] != '\0' && strncmp(spec->name, word, strlen(word)) == 0)
            begun = spec->name;
    }
    return nearest.name != NULL ? nearest.name : begun;
}

/* ---- the file */

static enum result file_line(void *context, const char *section, const char *key, const char *value, struct error *err)
{
    struct source *source = context;
    const struct options *options = source->options;
    if (section[0] != '\0' && strcmp(section, options->section) != 0) {
        if (options->section_line != NULL)
            return options->section_line(options->context, section, key, value, err);
        return error_set(err, RESULT_REJECT, "unknown section [%s]; options of %s stand in [%s]", section,
                         options->program, options->section);
    }
    for (size_t i = 0; options->specs[i].name != NULL; i++) {
        if (strcmp(options->specs[i].name, key) != 0)
            continue;
        struct error why;
        enum result r = set_value(source, i, value, &why);
        return r == RESULT_OK ? r : error_set(err, r, "%s: %s", key, why.text);
    }
    const char *near = nearest_option(options, key);
    if (near != NULL)
        return error_set(err, RESULT_REJECT, "unknown key '%s'; did you mean '%s'?", key, near);
    return error_set(err, RESULT_REJECT, "unknown key '%s'; %s --help lists them", key, options->program);
}

enum result options_read_text(const struct options *options, const char *name, const char *text, size_t length,
                              struct error *err)
{
    struct source source = {.options = options};
    return settings_parse(name, text, length, file_line, &source, err);
}

enum result options_read_file(const struct options *options, const char *path, struct error *err)
{
    struct source source = {.options = options};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set(err, RESULT_REJECT, "configuration file %s: %s", path, strerror(errno));
    enum result r = settings_read(fd, path, file_line, &source, err);
    close(fd);
    return r;
}

/* ---- help */

/* Words of `text` from column `indent` on, broken before HELP_COLUMNS; `column` (not beyond) is where the line stands.
 */
static void print_wrapped(const char *text, int indent, int column)
{
    bool line_begins = true;
    column += printf("%*s", indent - column, "");
    for (const char *word = text; *word != '\0';) {
        int length = (int)strcspn(word, " \n");
        if (!line_begins && column + 1 + length > HELP_COLUMNS) {
            column = printf("\n%*s", indent, "") - 1;
            line_begins = true;
        }
        column += printf("%s%.*s", line_begins ? "" : " ", length, word);
        line_begins = false;
        word += length;
        word += strspn(word, " ");
        if (*word == '\n') { /* the text's own break */
            word++;
            column = printf("\n%*s", *word == '\0' ? 0 : indent, "") - 1;
            line_begins = true;
        }
    }
    putchar('\n');
}

static void print_option(char letter, const char *name, const char *argument, const char *help)
{
    char head[96];
    char letter_text[] = {'-', letter, ',', '\0'};
    int column = snprintf(head, sizeof(head), "  %3s --%s%s%s", letter == 0 ? "" : letter_text, name,
                          argument == NULL ? "" : " ", argument == NULL ? "" : argument);
    fputs(head, stdout);
    if (column > HELP_INDENT - 2) {
        putchar('\n');
        column = 0;
    }
    print_wrapped(help, HELP_INDENT, column);
}

static void print_help(const struct options *options)
{
    printf("Usage: %s %s\n\n", options->program, options->usage);
    if (options->about != NULL) {
        print_wrapped(options->about, 0, 0);
        putchar('\n');
    }
    const char *group = "Options";
    bool headed = false;
    for (const struct option_spec *spec = options->specs; spec->name != NULL; spec++) {
        bool changes = spec->group != NULL && (!headed || strcmp(spec->group, group) != 0);
        if (changes)
            group = spec->group;
        if (changes || !headed)
            printf("%s%s:\n", headed ? "\n" : "", group);
        headed = true;
        print_option(spec->letter, spec->name, spec->argument, spec->help);
    }
    if (strcmp(group, "General") != 0) /* the program may have some of its own there */
        printf("%sGeneral:\n", headed ? "\n" : "");
    if (options->section != NULL)
        print_option('c', "config", "FILE", "read options from an INI file: every long option is a key; flags win");
    print_option('h', "help", NULL, "print this");
    print_option(0, "version", NULL, "print the version");
    if (options->closing != NULL && options->closing[0] != '\0') {
        putchar('\n');
        print_wrapped(options->closing, 0, 0);
    }
    if (options->examples != NULL) {
        printf("\nExamples:\n");
        for (const char *line = options->examples; *line != '\0';) {
            int length = (int)strcspn(line, "\n");
            printf("  %.*s\n", length, line);
            line += length + (line[length] == '\n');
        }
    }
}

/* ---- flags */

struct flags {
    char letters[2 * OPTIONS_MAX + 8];
    struct option table[OPTIONS_MAX + 4];
};

static void flags_make(const struct options *options, struct flags *f)
{
    char *letter = f->letters;
    struct option *row = f->table;
    if (options->stop_at_argument)
        *letter++ = '+';
    *letter++ = ':'; /* a missing argument is told apart */
    for (size_t i = 0; options->specs[i].name != NULL; i++) {
        const struct option_spec *spec = &options->specs[i];
        bool flag = spec->kind == OPTION_FLAG;
        *row++ = (struct option){spec->name, flag ? optional_argument : required_argument, NULL, OPTION_BASE + (int)i};
        if (spec->letter != 0) {
            *letter++ = spec->letter;
            if (!flag)
                *letter++ = ':';
        }
    }
    *letter++ = 'h';
    *row++ = (struct option){"help", no_argument, NULL, OPTION_HELP};
    *row++ = (struct option){"version", no_argument, NULL, OPTION_VERSION};
    if (options->section != NULL) {
        *letter++ = 'c';
        *letter++ = ':';
        *row++ = (struct option){"config", required_argument, NULL, OPTION_CONFIG};
    }
    *letter = '\0';
    *row = (struct option){0};
}

/* `given`: "--name" or "--name=value". */
static enum result unknown_name(const struct options *options, const char *given, struct error *err)
{
    char word[64];
    snprintf(word, sizeof(word), "%.*s", (int)strcspn(given + 2, "="), given + 2);
    const char *near = nearest_option(options, word);
    if (near != NULL)
        return error_set(err, RESULT_REJECT, "unknown option '--%s'; did you mean '--%s'?", word, near);
    return error_set(err, RESULT_REJECT, "unknown option '--%s'; %s --help lists them", word, options->program);
}

static enum result unknown_flag(const struct options *options, char **argv, struct error *err)
{
    const char *given = argv[optind - 1];
    if (optopt >= OPTION_BASE)
        return error_set(err, RESULT_REJECT, "option '%.64s' takes no value", given);
    if (optopt != 0)
        return error_set(err, RESULT_REJECT, "unknown option '-%c'; %s --help lists them", optopt, options->program);
    return unknown_name(options, given, err);
}

/* The table's row of the long option that getopt_long found, or found wrong; -1: a letter, or nothing known. */
static int row_of(const struct flags *flags, int found)
{
    int value = found == '?' || found == ':' ? optopt : found, row = 0;
    while (flags->table[row].name != NULL && flags->table[row].val != value)
        row++;
    return flags->table[row].name == NULL ? -1 : row;
}

/* getopt_long also takes the beginning of a name for the name. What was typed so, or NULL. */
static const char *abbreviation(const struct flags *flags, int found, char **argv)
{
    int row = row_of(flags, found);
    bool apart = found != '?' && found != ':' && optarg != NULL && optarg == argv[optind - 1];
    const char *given = argv[optind - (apart ? 2 : 1)];
    return row >= 0 && strcspn(given, "=") < strlen("--") + strlen(flags->table[row].name) ? given : NULL;
}

/* "-from": getopt_long takes it for the letter f and its value. What was typed so, or NULL. */
static const char *with_one_hyphen(const struct flags *flags, int found, char **argv)
{
    int letter = found == '?' || found == ':' ? optopt : found;
    for (int at = optind - 1; at <= optind && argv[at] != NULL; at++) {
        if (argv[at][0] != '-' || argv[at][1] != letter)
            continue;
        for (const struct option *row = flags->table; row->name != NULL; row++) {
            if (strcmp(row->name, argv[at] + 1) == 0)
                return argv[at];
        }
    }
    return NULL;
}

/* One option as getopt_long found it. */
static enum result take_flag(struct source *source, int found, struct error *err)
{
    const struct options *options = source->options;
    size_t index = 0;
    if (found >= OPTION_BASE)
        index = (size_t)(found - OPTION_BASE);
    else
        while (options->specs[index].letter != found)
            index++;
    struct error why;
    enum result r = set_value(source, index, optarg == NULL ? "yes" : optarg, &why);
    return r == RESULT_OK ? r : error_set(err, r, "--%s: %s", options->specs[index].name, why.text);
}

/* Goes over the arguments once: either for help and the files named, or for everything else. */
static enum result pass(const struct options *options, const struct flags *flags, bool files, int argc, char **argv,
                        struct error *err)
{
    struct source source = {.options = options};
    enum result r = RESULT_OK;
    opterr = 0;
    optind = 0; /* glibc: start afresh */
    for (int found; r == RESULT_OK && (found = getopt_long(argc, argv, flags->letters, flags->table, NULL)) != -1;) {
        const char *abbreviated = abbreviation(flags, found, argv);
        if (abbreviated != NULL)
            return unknown_name(options, abbreviated, err);
        const char *word = with_one_hyphen(flags, found, argv);
        if (word != NULL)
            return error_set(err, RESULT_REJECT, "unknown option '%s'; did you mean '-%s'?", word, word);
        if (found == '?')
            return unknown_flag(options, argv, err);
        if (found == ':')
            return error_set(err, RESULT_REJECT, "option '%.64s' needs a value", argv[optind - 1]);
        if (found == 'h' || found == OPTION_HELP) {
            print_help(options);
            return RESULT_END;
        }
        if (found == OPTION_VERSION) {
            printf("%s %s\n", options->program, PAVO_VERSION);
            return RESULT_END;
        }
        if ((found == 'c' && options->section != NULL) || found == OPTION_CONFIG)
            r = files ? options_read_file(options, optarg, err) : RESULT_OK;
        else if (!files)
            r = take_flag(&source, found, err);
    }
    return r;
}

enum result options_parse(const struct options *options, int argc, char **argv, int *ret_first, struct error *err)
{
    struct flags flags;
    if (spec_count(options) > OPTIONS_MAX)
        return error_set(err, RESULT_FATAL, "%s has more than %d options", options->program, OPTIONS_MAX);
    flags_make(options, &flags);
    enum result r = pass(options, &flags, true, argc, argv, err);
    if (r == RESULT_OK)
        r = pass(options, &flags, false, argc, argv, err);
    if (r == RESULT_OK)
        *ret_first = optind;
    return r;
}

void options_fini(const struct options *options)
{
    for (const struct option_spec *spec = options->specs; spec->name != NULL; spec++) {
        if (spec->kind == OPTION_LIST) {
            list_clear(spec->target);
        } else if (spec->kind == OPTION_STRING) {
            free(*(char **)spec->target);
            *(char **)spec->target = NULL;
        }
    }
}
