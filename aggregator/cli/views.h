/* SPDX-License-Identifier: Apache-2.0 */
/* Flows out of replies, their reports summed: what one sensor saw of one connection. */
#ifndef PAVO_AGGREGATOR_CLI_VIEWS_H
#define PAVO_AGGREGATOR_CLI_VIEWS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/flow.h"
#include "pavo.pb-c.h"

struct view {
    struct observer observer;
    struct flow flow; /* counters summed, times spanned, state and end of the last report */
    bool linked;      /* for the caller */
};

struct view_list {
    struct view *views; /* owned */
    size_t count;
};

/* Adds the rows of a message. RESULT_REJECT: it does not fit together. */
MUST_CHECK enum result view_list_add(struct view_list *list, const Pavo__FlowColumns *message, struct error *err);

/* NULL: not there. */
struct view *view_list_find(const struct view_list *list, const Pavo__FlowName *name);
void view_list_free(struct view_list *list);

#endif
