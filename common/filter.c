/* SPDX-License-Identifier: Apache-2.0 */
/* A filter's life: the nodes and who owns them. */
#include "common/filter.h"

#include <stdlib.h>

#include "common/filter_tree.h"

#define CHUNK_NODES 32

/* Nodes are given out of chunks that never move, since they point at each other. */
struct chunk {
    struct chunk *next;
    unsigned used;
    struct filter_node nodes[CHUNK_NODES];
};

struct filter {
    const struct filter_node *root;
    struct chunk *chunks; /* newest first */
    unsigned nodes;
};

struct filter *filter_new(void)
{
    return calloc(1, sizeof(struct filter));
}

struct filter_node *filter_node_new(struct filter *filter)
{
    if (filter->nodes == FILTER_NODES_MAX)
        return NULL;
    if (filter->chunks == NULL || filter->chunks->used == CHUNK_NODES) {
        struct chunk *chunk = calloc(1, sizeof(*chunk));
        if (chunk == NULL)
            return NULL;
        chunk->next = filter->chunks;
        filter->chunks = chunk;
    }
    filter->nodes++;
    return &filter->chunks->nodes[filter->chunks->used++];
}

void filter_root_set(struct filter *filter, const struct filter_node *root)
{
    filter->root = root;
}

const struct filter_node *filter_root(const struct filter *filter)
{
    return filter->root;
}

void filter_destroy(struct filter **filter)
{
    if (*filter == NULL)
        return;
    for (struct chunk *chunk = (*filter)->chunks; chunk != NULL;) {
        struct chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
    free(*filter);
    *filter = NULL;
}
