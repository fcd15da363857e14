/* SPDX-License-Identifier: Apache-2.0 */
/* Answers longer than the terminal go through a pager: PAVO_PAGER, else PAGER, else less where it is. */
#ifndef PAVO_AGGREGATOR_CLI_PAGER_H
#define PAVO_AGGREGATOR_CLI_PAGER_H

#include <stddef.h>

#include "aggregator/cli/cli.h"

/* Standard output is the pager's from here on, if it is a terminal with no room for so many lines, people read (no
 * --json, no --csv) and there was no --no-pager; otherwise nothing happens. One that cannot be started is said, and the
 * answer is printed without. Calls nest: the outermost decides. Returns whether there is a pager now. */
bool pager_begin(const struct cli *cli, size_t lines);
/* Standard output is what it was, once the reader has had enough. For each pager_begin. */
void pager_end(void);

#endif
