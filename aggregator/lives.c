/* SPDX-License-Identifier: Apache-2.0 */
/* Lives of sensors in order. */
#include "aggregator/lives.h"

#include <stdlib.h>
#include <string.h>

static int by_name(const void *a, const void *b)
{
    const struct observer *x = &((const struct store_life *)a)->observer,
                          *y = &((const struct store_life *)b)->observer;
    int order = strcmp(x->sensor, y->sensor);
    return order != 0 ? order : x->epoch < y->epoch ? -1 : x->epoch > y->epoch;
}

enum result lives_read(struct store *store, bool texts, struct store_life **ret_lives, size_t *ret_count,
                       struct error *err)
{
    enum result r = store_lives(store, texts, ret_lives, ret_count, err);
    if (r == RESULT_OK && *ret_count > 1)
        qsort(*ret_lives, *ret_count, sizeof(**ret_lives), by_name);
    return r;
}

bool life_is_newest(const struct store_life *lives, size_t count, size_t which)
{
    return which + 1 == count || strcmp(lives[which].observer.sensor, lives[which + 1].observer.sensor) != 0;
}
