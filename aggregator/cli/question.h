/* SPDX-License-Identifier: Apache-2.0 */
/* One question asked and its answer printed: what most sub-commands are. */
#ifndef PAVO_AGGREGATOR_CLI_QUESTION_H
#define PAVO_AGGREGATOR_CLI_QUESTION_H

#include "aggregator/cli/ask.h"

struct question {
    const char *name;
    struct argument *arguments; /* times still as typed */
    size_t count;
    const char *nothing; /* said to people when nothing was found */
    /* Is the row what was looked for? NULL: every one is. */
    bool (*counts)(const pavo_columns *page, size_t row);
};

/* The end of the time that is asked about, after arguments_times: "to", or "at" with its slack. 0: not given, so now.
 */
int64_t question_end(const struct argument *arguments, size_t count);

/* Asks, prints the rows (print.h) and the coverage (coverage.h). Returns an exit code. */
int question_run(const struct cli *cli, const struct question *question);

#endif
