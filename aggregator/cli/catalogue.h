/* SPDX-License-Identifier: Apache-2.0 */
/* What the aggregator can be asked, as its question "questions" tells it, and a question's options made from that. */
#ifndef PAVO_AGGREGATOR_CLI_CATALOGUE_H
#define PAVO_AGGREGATOR_CLI_CATALOGUE_H

#include "aggregator/cli/ask.h"

/* A row of it. Texts are owned; "" where there is nothing to say. */
struct catalogue_entry {
    char *question;
    char *part;      /* "question": it itself; "parameter", "column" or "example" of it */
    char *name;      /* of the parameter or column */
    char *type;      /* of a parameter: "time", "filter" ... */
    char *kind;      /* of a column, what its values are: "address", "count" ... */
    char *otherwise; /* a parameter that is not given */
    char *help;
    bool positional, required;
};

struct catalogue {
    struct catalogue_entry *entries; /* owned */
    size_t count, capacity;
};

/* Asks. -1: read; otherwise an exit code, the reason printed. To be freed in either case. */
int catalogue_read(struct ask *ask, struct catalogue *catalogue);
void catalogue_free(struct catalogue *catalogue);

bool catalogue_has(const struct catalogue *catalogue, const char *question);
/* Does it answer with rows? The question "replay" has messages for programs in their place. */
bool catalogue_has_columns(const struct catalogue *catalogue, const char *question);

/* Names and what they are for, a line each, for people. */
void catalogue_print(const struct catalogue *catalogue);

/* A question's command line. */
#define CATALOGUE_USAGE_MAX 512
#define CATALOGUE_OWN_MAX   8
struct catalogue_form {
    struct argument arguments[ARGUMENTS_MAX];
    struct option_spec
        specs[ARGUMENTS_MAX + CATALOGUE_OWN_MAX + 1]; /* behind its parameters' room for the command's own */
    size_t count;                                     /* of parameters */
    struct options options;                           /* for cli_options; its targets are the arguments' values */
    char program[80], usage[CATALOGUE_USAGE_MAX];
    char *about, *columns, *examples; /* owned */
    char words[ARGUMENTS_MAX][32];    /* "TIME": what stands for a value in the help */
    char *helps[ARGUMENTS_MAX];       /* owned */
};

/* The catalogue must outlive it. -1; otherwise an exit code, the reason printed. To be ended in either case. */
int catalogue_form_init(struct catalogue_form *form, const struct catalogue *catalogue, const char *question);
void catalogue_form_fini(struct catalogue_form *form);

/* The words from `first` on become the value of the positional parameter. -1, or an exit code, the reason printed. */
int catalogue_form_positional(struct catalogue_form *form, int argc, char **argv, int first);

/* Of a question's words only the options with a value that every sub-command has: what is needed to ask for the
 * catalogue, before the question's own options are known. Other long options are taken to have a value too. `ret_words`
 * has room for argc words; returns how many they are, the first being argv[0]. */
int catalogue_common(const struct option_spec *specs, size_t spec_count, int argc, char **argv, char **ret_words);

#endif
