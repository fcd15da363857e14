/* SPDX-License-Identifier: Apache-2.0 */
/* The files that filters name (`in file NAME`), read where the options allow it. Internal to libpavo. */
#ifndef PAVO_COMMON_LIBPAVO_FILES_H
#define PAVO_COMMON_LIBPAVO_FILES_H

#include "common/filter/filter.h"

struct files {
    struct filter_set sets[FILTER_SETS_MAX]; /* each name once; names and sets owned */
    size_t count;
    bool too_many, out_of_memory; /* while they are gathered; told by files_read */
};

/* Adds the names in a text, whatever it is. */
void files_gather(struct files *files, const char *text);
/* Reads them all. RESULT_REJECT, with the file's name: it cannot be read, a line of it is no address ... */
MUST_CHECK enum result files_read(struct files *files, struct error *err);
void files_drop(struct files *files);

#endif
