/* SPDX-License-Identifier: Apache-2.0 */
/* A picture in a terminal: a panel of block characters for each line, each with a scale of its own, and under them what
 * each sensor saw. Pure. */
#ifndef PAVO_AGGREGATOR_CLI_PLOT_TEXT_H
#define PAVO_AGGREGATOR_CLI_PLOT_TEXT_H

#include <stdbool.h>
#include <stdio.h>

#include "aggregator/cli/plot.h"

struct plot_room {
    unsigned width; /* columns, 40 at least; no line is longer */
    bool utc;
    bool plain; /* ASCII alone */
};

/* Nothing, of a plot without lines. */
void plot_text(FILE *stream, const struct plot *plot, const struct plot_room *room);

#endif
