/* SPDX-License-Identifier: Apache-2.0 */
/* Inside capture: which files there are to read, in the order of time.
 *
 * Names are files, folders and "-". With `follow`, folders are looked into again: a file is new when its path is, when
 * another file has taken the path, or when it has become shorter than what was read of it or begins with another packet
 * (rings of files reuse their names). What is kept of files that were read goes when they do. One thread. */
#ifndef PAVO_SENSOR_CAPTURE_FOUND_H
#define PAVO_SENSOR_CAPTURE_FOUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/result.h"

struct found;

struct found_file {
    char *path;         /* owned by who has the file */
    size_t name;        /* number of the name it was found by */
    uint64_t serial;    /* 1, 2, 3 ... as they were found, by time */
    int64_t first_time; /* of its first packet. Broken, or a pipe: INT64_MIN; follow, and none yet: when it was last
                           written to */
};

MUST_CHECK enum result found_new(const char *const *names, size_t count, bool follow, struct found **ret_found,
                                 struct error *err);
void found_destroy(struct found **found);

/* The file to begin next, the oldest not taken yet; NULL: none. Borrowed. */
const struct found_file *found_next(const struct found *found);

/* Hands it over. */
void found_take(struct found *found, struct found_file *ret_file);

/* How many there were until now, taken or not. */
uint64_t found_count(const struct found *found);

/* Has no later file been found by the same name? Then this one may still be written to. */
bool found_is_newest(const struct found *found, const struct found_file *file);

/* Has another file taken its path, or its place? */
bool found_is_replaced(const struct found *found, const struct found_file *file);

/* So many bytes of a file that was taken have been read, and it is over or not. Follow. */
void found_read(struct found *found, const struct found_file *file, uint64_t bytes, bool over);

/* Looks for new files. RESULT_REJECT: a name is not there, or memory; said once, until all is well again. What was
 * found before stays. */
MUST_CHECK enum result found_look(struct found *found, struct error *err);

#endif
