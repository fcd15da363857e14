/* SPDX-License-Identifier: Apache-2.0 */
/* Links out of replies, each once, oldest first. */
#ifndef PAVO_AGGREGATOR_CLI_LINKS_H
#define PAVO_AGGREGATOR_CLI_LINKS_H

#include <stdbool.h>
#include <stddef.h>

#include "pavo.pb-c.h"

struct link_list {
    Pavo__Reply **replies; /* owned: the links live in them */
    size_t reply_count;
    Pavo__Link **links; /* borrowed from the replies */
    size_t count;
};

/* Keeps the reply (sets *reply NULL) and lists its links. False: out of memory, nothing taken. */
bool link_list_take(struct link_list *list, Pavo__Reply **reply);

/* By time; the same link of two replies (it is found by either view) stays once. */
void link_list_sort(struct link_list *list);
void link_list_free(struct link_list *list);

#endif
