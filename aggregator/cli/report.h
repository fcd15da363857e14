/* SPDX-License-Identifier: Apache-2.0 */
/* What a report is written with as a page: one file that needs no other and no script, light or dark as who reads it
 * prefers, in the console's words and colours. All that is handed in is foreign text. */
#ifndef PAVO_AGGREGATOR_CLI_REPORT_H
#define PAVO_AGGREGATOR_CLI_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "aggregator/cli/coverage.h"

void report_html_begin(FILE *page, const char *title);
/* Its answer (a table of printer_new_page, a picture of plot_svg) is written between the two. */
void report_html_section(FILE *page, const char *title, const char *about, const char *command,
                         const struct coverage *coverage);
void report_html_section_end(FILE *page, const char *nothing); /* said in place of an answer; NULL: there is one */
void report_html_end(FILE *page, int64_t made_ns, bool utc);

#endif
