/* SPDX-License-Identifier: Apache-2.0 */
/* pavo series: the answer of that question as a picture, in the terminal or in a file. */
#ifndef PAVO_AGGREGATOR_CLI_PICTURE_H
#define PAVO_AGGREGATOR_CLI_PICTURE_H

#include "aggregator/cli/coverage.h"
#include "aggregator/cli/plot.h"
#include "aggregator/cli/question.h"

#define PICTURE_QUESTION "series"

/* What the command can be told beside the question's parameters. */
struct picture_options {
    char *output; /* owned; NULL: not given */
    bool table;
};
#define PICTURE_SPECS 2
void picture_specs(struct picture_options *options, struct option_spec ret_specs[static PICTURE_SPECS]);
void picture_options_free(struct picture_options *options);

/* Is it rows that are wanted, as of any question? */
bool picture_is_of_rows(const struct cli *cli, const struct picture_options *options);

/* Asks, and shows the answer. An exit code. */
int picture_run(const struct cli *cli, const struct question *question, const struct picture_options *options);

/* Asks the question, and when each sensor watched, for a plot of `measure`; adds the answer's coverage, and keeps its
 * command (owned by the caller) and its number of rows. Times of the arguments are already as they are sent. -1, or an
 * exit code, the reason printed. The plot is to be freed in either case. */
struct picture_asked {
    struct plot plot;
    char *command;
    size_t rows;
};
int picture_ask(struct ask *ask, const struct question *question, const char *measure, struct coverage *coverage,
                struct picture_asked *ret_asked);
void picture_asked_free(struct picture_asked *asked);

/* For the terminal, or what is no wider. Owned by the caller; NULL: out of memory. */
char *picture_text(const struct cli *cli, const struct plot *plot);

#endif
