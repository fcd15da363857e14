/* SPDX-License-Identifier: Apache-2.0 */
/* The one printer of rows: a table for people (libsmartcols, or HTML), JSON or CSV for programs, whatever the columns
 * are.
 *
 * Table: the columns that have a heading, in their order, or all when none has one; numbers to the right; an address X
 *   with its port X_port in one cell; a list as its items; no blanks at the ends of lines. Where the first of them is a
 * time, the oldest row comes first; otherwise rows stand as they came. At a terminal without the columns that it has no
 * room for, which are named, and with the zone of the times. Printed at the end. JSON: every row as
 * pavo_columns_json has it, at once. CSV (RFC 4180): every column, values as pavo_columns_text has them, what is not
 * known empty; the values of a list's items in one cell, with ';' between them. At once. */
#ifndef PAVO_AGGREGATOR_CLI_PRINT_H
#define PAVO_AGGREGATOR_CLI_PRINT_H

#include <stdio.h>

#include <pavo.h>

#include "aggregator/cli/cli.h"

/* A sentence about a row (cell_sentence), in lines of the terminal's width. */
void print_row_sentence(const struct cli *cli, const pavo_columns *page, size_t row, unsigned indent,
                        const char *sentence);

struct printer;

/* For rows with such columns (their rows, if any, are not printed). NULL: out of memory, said. */
struct printer *printer_new(const struct cli *cli, const pavo_columns *columns);

/* The same table in HTML, to `page`, whatever form the command was asked for. */
struct printer *printer_new_page(const struct cli *cli, const pavo_columns *columns, FILE *page);

/* All rows of a page, or one. */
void printer_page(struct printer *printer, const pavo_columns *page);
void printer_row(struct printer *printer, const pavo_columns *columns, size_t row);

/* Prints what is still kept; a table without rows prints nothing. Frees. False: a row could not be printed for want of
 * memory, said. */
bool printer_end(struct printer **printer);

#endif
