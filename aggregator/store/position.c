/* SPDX-License-Identifier: Apache-2.0 */
/* The last position committed, in a file of its own beside the days'. DuckDB reads the log of a day as far as it is
 * good and says nothing of the rest; whether the rest is missing is seen here. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "aggregator/store/internal.h"

#define DIGITS 20

enum result position_open(struct store *store, uint64_t *ret_position, struct error *err)
{
    char path[4096], text[DIGITS + 1] = "";
    snprintf(path, sizeof(path), "%s/position", store->directory);
    store->position_file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (store->position_file < 0)
        return error_set(err, RESULT_FATAL, "%s cannot be written: %s", path, strerror(errno));
    ssize_t length = pread(store->position_file, text, DIGITS, 0);
    *ret_position = length == DIGITS ? strtoull(text, NULL, 10) : 0;
    return RESULT_OK;
}

/* Not synced: the log is, before this, so the file is never ahead of it. Not being able to write it loses nothing but
 * the check. */
void position_note(const struct store *store)
{
    char text[DIGITS + 2];
    int length = snprintf(text, sizeof(text), "%0*" PRIu64 "\n", DIGITS, store->position);
    ssize_t ignored = pwrite(store->position_file, text, (size_t)length, 0);
    (void)ignored;
}
