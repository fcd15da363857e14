/* SPDX-License-Identifier: Apache-2.0 */
/* Catalogue: what is known about segments, and what the store keeps with them, in SQLite's plainest mode (one
 * connection, a rollback journal, synchronous=EXTRA).
 *
 * One table: rows of bytes by kind, key and number, each with its checksum; what the bytes are is their owner's matter.
 * Threads: any; a statement at a time, and a transaction keeps all others out. */
#ifndef PAVO_AGGREGATOR_CATALOGUE_H
#define PAVO_AGGREGATOR_CATALOGUE_H

#include <stdint.h>

#include "common/pack.h"
#include "common/result.h"

struct catalogue;

/* RESULT_REJECT: the file is damaged: a page, or a row's checksum. RESULT_FATAL: it cannot be opened or made. */
MUST_CHECK enum result catalogue_open(const char *path, struct catalogue **ret_catalogue, struct error *err);
/* A copy of it in memory, the file as it is: nothing of it is changed, and another process may go on writing it. `path`
 * NULL, or no such file: an empty one. Errors as above; RESULT_FATAL also when its last writer was killed within a
 * transaction, which only a writer can take back. */
MUST_CHECK enum result catalogue_copy(const char *path, struct catalogue **ret_catalogue, struct error *err);
void catalogue_close(struct catalogue **catalogue);

/* The calling thread alone from here on, until commit or rollback. */
MUST_CHECK enum result catalogue_begin(struct catalogue *catalogue, struct error *err);
/* RESULT_AGAIN: it did not come to pass (disk full, I/O error), and is rolled back. */
MUST_CHECK enum result catalogue_commit(struct catalogue *catalogue, struct error *err);
void catalogue_rollback(struct catalogue *catalogue);

/* No such row: no bytes, RESULT_OK. The caller's. RESULT_REJECT: damaged. RESULT_AGAIN: it cannot be read. */
MUST_CHECK enum result catalogue_get(struct catalogue *catalogue, int kind, const char *key, uint64_t number,
                                     struct bytes *ret_bytes, struct error *err);
/* Within a transaction. No bytes: the row goes. */
MUST_CHECK enum result catalogue_put(struct catalogue *catalogue, int kind, const char *key, uint64_t number,
                                     const struct bytes *bytes, struct error *err);
/* Rows of a kind by key and then by number; with `most` only the greatest so many of each key. What `take` returns
 * other than RESULT_OK ends it. It may not use the catalogue. */
MUST_CHECK enum result catalogue_each(struct catalogue *catalogue, int kind, uint64_t most,
                                      enum result (*take)(void *context, const char *key, uint64_t number,
                                                          const struct bytes *bytes, struct error *err),
                                      void *context, struct error *err);
MUST_CHECK enum result catalogue_count(struct catalogue *catalogue, int kind, const char *key, uint64_t *ret_count,
                                       struct error *err);

#endif
