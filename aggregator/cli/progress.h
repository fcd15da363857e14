/* SPDX-License-Identifier: Apache-2.0 */
/* "waiting for the aggregator: 3 s, 12000 rows so far" on standard error, for a person at a terminal, from the first
 * second on. A thread of its own writes it, because what waits (pavo_ask) does nothing else. */
#ifndef PAVO_AGGREGATOR_CLI_PROGRESS_H
#define PAVO_AGGREGATOR_CLI_PROGRESS_H

#include <stddef.h>

struct progress;

/* NULL: no terminal, or no thread to be had; the functions below do nothing then. */
struct progress *progress_new(void);
void progress_free(struct progress **progress);

/* What is waited for begins: the clock goes from here. */
void progress_begin(struct progress *progress);

/* Around each wait: the line is only there between the two, so that it never mixes with what is printed. */
void progress_wait(struct progress *progress, size_t rows);
void progress_stop(struct progress *progress);

#endif
