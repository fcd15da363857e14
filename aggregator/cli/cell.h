/* SPDX-License-Identifier: Apache-2.0 */
/* Values as people read them, whatever the columns are: in a table's cell, or in a sentence. Pure. */
#ifndef PAVO_AGGREGATOR_CLI_CELL_H
#define PAVO_AGGREGATOR_CLI_CELL_H

#include <stdbool.h>
#include <stdio.h>

#include <pavo.h>

/* The field that has the port of an address: X_port of X. -1: it is no address, or has none. */
int cell_port(const pavo_columns *columns, int field);

/* Is the text made of more than one value (an address with its port, a list)? Otherwise pavo_columns_show has it. */
bool cell_is_composed(const pavo_columns *columns, int field);

/* The text of a field by its name; "" where there is none or it is not known. Borrowed from the columns. */
const char *cell_text(const pavo_columns *columns, size_t row, const char *name);

/* Writes the value: an address with its port ("10.0.0.1:80", "[2001:db8::1]:80"), a list as its items ("blocked 12,
 * no_partner 3"), anything else as pavo_columns_show has it. False: not known, nothing was written. */
bool cell_put(FILE *stream, const pavo_columns *columns, size_t row, int field, bool utc);

/* Writes a sentence: {NAME} in it stands for the row's value of that field, "?" where it is not known, {NAME:8} for the
 * same in at least so many columns. */
void cell_sentence(FILE *stream, const pavo_columns *columns, size_t row, bool utc, const char *sentence);

#endif
