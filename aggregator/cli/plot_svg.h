/* SPDX-License-Identifier: Apache-2.0 */
/* A picture as SVG, alone or within HTML, light and dark as who looks prefers: lines on one scale, declared losses and
 * time not yet reported hatched, and under them what each sensor saw. Needs no script and nothing from elsewhere. Pure.
 */
#ifndef PAVO_AGGREGATOR_CLI_PLOT_SVG_H
#define PAVO_AGGREGATOR_CLI_PLOT_SVG_H

#include <stdbool.h>
#include <stdio.h>

#include "aggregator/cli/plot.h"

struct plot_frame {
    const char *id; /* begins the names within it: another one for each picture of a page */
    bool utc;
    /* What stands at its top when it stands alone; NULL: nothing, the page says it. */
    const char *command, *coverage;
    bool whole; /* the coverage is */
};

/* A whole <svg> element; with a `command` what a file begins with before it. */
void plot_svg(FILE *stream, const struct plot *plot, const struct plot_frame *frame);

#endif
