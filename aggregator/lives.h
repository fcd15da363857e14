/* SPDX-License-Identifier: Apache-2.0 */
/* The lives of sensors in order: by name, and of one name by epoch, the newest last. */
#ifndef PAVO_AGGREGATOR_LIVES_H
#define PAVO_AGGREGATOR_LIVES_H

#include "aggregator/store/store.h"

/* As store_lives, in order. */
MUST_CHECK enum result lives_read(struct store *store, bool texts, struct store_life **ret_lives, size_t *ret_count,
                                  struct error *err);

/* Of lives in order: is it the newest of its sensor? */
bool life_is_newest(const struct store_life *lives, size_t count, size_t which);

#endif
