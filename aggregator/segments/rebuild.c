/* SPDX-License-Identifier: Apache-2.0 */
/* A catalogue that was lost, from what the .seal files say. Files that were written together count together: those of
 * the last sealing or merge only if all are there; and what was merged is replaced by what it was merged into. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/segments/internal.h"

struct rebuild {
    struct segments *segments;
    Store__Segment **seals; /* owned, as they; by id */
    size_t count;
    uint64_t greatest; /* id of any file */
};

static int by_id(const void *a, const void *b)
{
    const Store__Segment *x = *(Store__Segment *const *)a, *y = *(Store__Segment *const *)b;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* A seal that cannot be read is a segment that cannot: told, and its Parquet file is left where it is. */
static enum result take_file(struct rebuild *b, const char *name, struct error *err)
{
    struct error why;
    Store__Segment *seal;
    uint64_t id = strtoull(name, NULL, 16);
    b->greatest = id > b->greatest ? id : b->greatest;
    if (strlen(name) != 21 || strcmp(name + 16, ".seal") != 0)
        return RESULT_OK;
    enum result r = seal_read(b->segments, id, &seal, &why);
    if (r == RESULT_REJECT) {
        segments_tell(b->segments, "%s; the segment is not in answers any more", why.text);
        return RESULT_OK;
    }
    if (r != RESULT_OK)
        return error_set(err, r, "%s", why.text);
    Store__Segment **grown = realloc(b->seals, (b->count + 1) * sizeof(Store__Segment *));
    if (grown == NULL) {
        store__segment__free_unpacked(seal, NULL);
        return error_set(err, RESULT_AGAIN, "out of memory");
    }
    b->seals = grown;
    b->seals[b->count++] = seal;
    return RESULT_OK;
}

static enum result read_all(struct rebuild *b, struct error *err)
{
    DIR *folder = opendir(b->segments->folder);
    const struct dirent *entry;
    enum result r = RESULT_OK;
    if (folder == NULL)
        return error_set(err, RESULT_FATAL, "%s cannot be read: %s", b->segments->folder, strerror(errno));
    while (r == RESULT_OK && (entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] != '.')
            r = take_file(b, entry->d_name, err);
    }
    closedir(folder);
    if (b->count > 0)
        qsort(b->seals, b->count, sizeof(Store__Segment *), by_id);
    return r;
}

static bool is_there(const struct rebuild *b, uint64_t id)
{
    for (size_t i = 0; i < b->count; i++) {
        if (b->seals[i] != NULL && b->seals[i]->id == id)
            return true;
    }
    return false;
}

static void forget(struct rebuild *b, uint64_t id)
{
    for (size_t i = 0; i < b->count; i++) {
        if (b->seals[i] == NULL || b->seals[i]->id != id)
            continue;
        store__segment__free_unpacked(b->seals[i], NULL);
        b->seals[i] = NULL;
    }
}

/* Only what was written last can have been cut short. */
static void drop_unfinished(struct rebuild *b)
{
    const Store__Segment *last = b->count == 0 ? NULL : b->seals[b->count - 1];
    bool whole = true;
    for (size_t i = 0; last != NULL && i < last->n_siblings; i++)
        whole = whole && is_there(b, last->siblings[i]);
    if (whole)
        return;
    for (size_t i = b->count; i-- > 0;) {
        bool sibling = false;
        for (size_t s = 0; b->seals[i] != NULL && s < b->seals[i]->n_siblings; s++)
            sibling = sibling || b->seals[i]->siblings[s] == last->id;
        if (sibling && b->seals[i] != last)
            forget(b, b->seals[i]->id);
    }
    forget(b, last->id);
}

static void drop_replaced(struct rebuild *b)
{
    for (size_t i = 0; i < b->count; i++) {
        for (size_t r = 0; b->seals[i] != NULL && r < b->seals[i]->n_replaces; r++)
            forget(b, b->seals[i]->replaces[r]);
    }
}

static enum result keep_notes(struct catalogue *catalogue, void *context, struct error *err)
{
    const struct rebuild *b = context;
    enum result r = RESULT_OK;
    for (size_t i = 0; i < b->count && r == RESULT_OK; i++) {
        const Store__Segment *seal = b->seals[i];
        if (seal != NULL && seal->note.len > 0 && b->segments->options.rebuild != NULL)
            r = b->segments->options.rebuild(catalogue, seal->note.data, seal->note.len, err);
    }
    return r;
}

static enum result keep_all(struct rebuild *b, struct error *err)
{
    const Store__Segment **added = calloc(b->count + 1, sizeof(Store__Segment *));
    size_t count = 0;
    uint64_t through = 0, first;
    if (added == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    for (size_t i = 0; i < b->count; i++) {
        if (b->seals[i] == NULL)
            continue;
        added[count++] = b->seals[i];
        through = b->seals[i]->last_position > through ? b->seals[i]->last_position : through;
    }
    b->segments->next_id = b->greatest + 1;
    enum result r = segments_ids(b->segments, 1, &first, err); /* noted, so that none is given again */
    if (r == RESULT_OK)
        r = segments_replace(b->segments, added, count, NULL, 0, through, keep_notes, b, err);
    free(added);
    return r;
}

enum result segments_rebuild(struct segments *segments, struct error *err)
{
    struct rebuild b = {.segments = segments};
    for (size_t i = 0; i < segments->count; i++)
        free(segments->list[i]);
    segments->count = 0;
    segments->through = 0;
    enum result r = read_all(&b, err);
    if (r == RESULT_OK) {
        drop_unfinished(&b);
        drop_replaced(&b);
        r = keep_all(&b, err);
    }
    for (size_t i = 0; i < b.count; i++) {
        if (b.seals[i] != NULL)
            store__segment__free_unpacked(b.seals[i], NULL);
    }
    free(b.seals);
    return r == RESULT_OK ? r : RESULT_FATAL;
}
