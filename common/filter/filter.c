/* SPDX-License-Identifier: Apache-2.0 */
/* A filter's life: the nodes and texts, and who owns them. */
#include "common/filter/filter.h"

#include <stdlib.h>
#include <string.h>

#include "common/filter/tree.h"

#define CHUNK_NODES 32

/* Nodes are given out of chunks that never move, since they point at each other. */
struct chunk {
    struct chunk *next;
    unsigned used;
    struct filter_node nodes[CHUNK_NODES];
};

struct filter {
    const struct record_kind *kind;
    const struct filter_node *root;
    struct chunk *chunks; /* newest first */
    unsigned nodes;
    struct address_set *sets[FILTER_SETS_MAX];
    unsigned set_count;
    size_t texts_used, texts_size;
    char texts[]; /* of nodes, one behind the other, each with its NUL */
};

struct filter *filter_new(const struct record_kind *kind, const char *text)
{
    /* Words are parted by something, so that all of them with a NUL each are no longer than the text with one. */
    size_t size = strlen(text) + 1;
    struct filter *filter = calloc(1, sizeof(struct filter) + size);
    if (filter != NULL) {
        filter->kind = kind;
        filter->texts_size = size;
    }
    return filter;
}

const struct record_kind *filter_kind(const struct filter *filter)
{
    return filter->kind;
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

const char *filter_text_keep(struct filter *filter, const char *word)
{
    size_t length = strlen(word) + 1;
    if (length > filter->texts_size - filter->texts_used)
        return NULL;
    char *kept = filter->texts + filter->texts_used;
    memcpy(kept, word, length);
    filter->texts_used += length;
    return kept;
}

bool filter_set_keep(struct filter *filter, struct address_set *set)
{
    if (filter->set_count == FILTER_SETS_MAX)
        return false;
    filter->sets[filter->set_count++] = address_set_ref(set);
    return true;
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
    for (unsigned i = 0; i < (*filter)->set_count; i++)
        address_set_unref(&(*filter)->sets[i]);
    free(*filter);
    *filter = NULL;
}
