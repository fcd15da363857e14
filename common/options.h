/* SPDX-License-Identifier: Apache-2.0 */
/* Options of a program: one table makes the flags, the configuration file's keys, and --help.
 *
 * A flag --status-interval and a line `status-interval = 60s` in the file are the same option; flags win.
 * The file is INI (libinih): `[section]`, `key = value`, `#` or `;` comments. Options stand in the section
 * named after the program ("sensor", "aggregator") or before any section; other sections (a boundary each)
 * go to the program's section handler. An unknown key is an error with file, line and the nearest known name. */
#ifndef PAVO_COMMON_OPTIONS_H
#define PAVO_COMMON_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/result.h"

enum option_kind {
    OPTION_FLAG,     /* bool *: --flag, --flag=no; in the file yes/no/true/false/on/off */
    OPTION_STRING,   /* char **: owned by the option set, freed by options_fini */
    OPTION_LIST,     /* struct option_list *: may be given several times; flags replace the file's list */
    OPTION_NUMBER,   /* uint64_t *: within [min, max] */
    OPTION_SIZE,     /* uint64_t *: bytes, "64M" (common/clock.h size_parse), within [min, max] */
    OPTION_DURATION, /* int64_t *: nanoseconds, "5s", within [min, max] */
};

struct option_list {
    char **items; /* owned */
    size_t count;
};

struct option_spec {
    const char *name; /* long name, also the file's key */
    char letter;      /* short form or 0 */
    enum option_kind kind;
    void *target;         /* holds the default beforehand (strings: NULL or strdup'ed) */
    const char *argument; /* "FILE"; NULL for flags */
    const char *help;     /* one sentence, the default in it */
    const char *group;    /* heading in --help; NULL: as the one before */
    int64_t min, max;     /* both 0: unchecked; max 0: only min */
};

struct options {
    const char *program;             /* "pavo-sensor" */
    const char *section;             /* "sensor"; NULL: this program has no -c/--config */
    const char *usage;               /* "[-i IFACE]... [-r FILE]... [FILTER]" */
    const char *about;               /* paragraph under the usage line */
    const char *closing;             /* paragraph behind the options; NULL or "": none */
    const char *examples;            /* printed last in --help, indented by two */
    const struct option_spec *specs; /* ends with .name = NULL */
    /* A line of another section; `title` is the text in brackets. NULL: other sections are errors. */
    enum result (*section_line)(void *context, const char *title, const char *key, const char *value,
                                struct error *err);
    void *context;
    bool stop_at_argument; /* for sub-commands: options end at the first argument, else they may stand anywhere */
};

/* Flags, by their whole names (an abbreviation would change its meaning with every new option), and the file named by
 * -c/--config (built in, as are -h/--help and --version). ret_first: index of the first argument that is no option.
 * RESULT_END: help or version was printed, exit 0. RESULT_REJECT: the sentence is in err, exit 2. */
MUST_CHECK enum result options_parse(const struct options *options, int argc, char **argv, int *ret_first,
                                     struct error *err);

/* Only the file, for SIGHUP. Flags given at start are not known here: the caller parses both again. */
MUST_CHECK enum result options_read_file(const struct options *options, const char *path, struct error *err);

/* The same from memory; `name` stands for the file in complaints. */
MUST_CHECK enum result options_read_text(const struct options *options, const char *name, const char *text,
                                         size_t length, struct error *err);

/* Frees strings and lists. */
void options_fini(const struct options *options);

#endif
