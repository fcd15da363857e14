/* SPDX-License-Identifier: Apache-2.0 */
/* What `pavo export` is made of beside the questions: where it goes, with what key, in what form. */
#ifndef PAVO_AGGREGATOR_CLI_EXPORT_H
#define PAVO_AGGREGATOR_CLI_EXPORT_H

#include <pavo.h>

#include "aggregator/cli/cli.h"

/* ---- where it goes (export_output.c). From output_begin on standard output is the file, or a file without a name
 * whose contents go on when output_pass_on says so; what was written since a mark can be taken back. */
struct output {
    const char *path; /* borrowed; NULL: standard output */
    char part[CLI_PATH_MAX];
    int real; /* standard output as it was; -1: not begun */
};
/* False: said why not. */
bool output_begin(struct output *output, const char *path);
int64_t output_mark(void); /* -1: it cannot be written */
bool output_back(int64_t mark);
bool output_pass_on(struct output *output);
/* The file gets its name if it is whole; otherwise it goes. False: said why not. */
bool output_end(struct output *output, bool whole);

/* ---- the key of --anonymise (export_key.c): made if there is no such file. False: said why not. */
bool export_key(const char *path, uint8_t ret_key[static PAVO_ANONYMISE_KEY_SIZE]);

/* ---- Zeek's conn.log, on standard output (export_zeek.c): a line a record. What is not known is '-'. */
void zeek_head(int64_t now_ns);
void zeek_row(const pavo_columns *page, size_t row);
void zeek_end(int64_t now_ns);

#endif
