/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of text for people (libsmartcols: aligned, a bold heading at a terminal) or, with --csv, for programs. */
#ifndef PAVO_AGGREGATOR_CLI_TABLE_H
#define PAVO_AGGREGATOR_CLI_TABLE_H

#include "aggregator/cli/cli.h"

struct table;

/* `columns`: names, ending with NULL; one that begins with '>' is aligned to the right. NULL: out of memory, said. */
struct table *table_new(const struct cli *cli, const char *const *columns);

/* As many cells as columns; copied. With --csv the row is written at once. */
void table_row(struct table *table, const char *const *cells);

/* Prints what was kept and frees. Without rows nothing is printed but, with --csv, the heading. */
void table_print(struct table **table);

/* One CSV line (RFC 4180: quoted where it must be). */
void csv_line(const char *const *cells, size_t count);

#endif
