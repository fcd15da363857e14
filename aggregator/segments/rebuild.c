/* SPDX-License-Identifier: Apache-2.0 */
/* A catalogue that was lost, from what the .seal files say. Files that were written together count together: those of
 * the last sealing or merge only if all are there; and what was merged is replaced by what it was merged into. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "aggregator/segments/internal.h"

struct rebuild {
    struct segments *segments;
    Store__Segment **seals; /* owned, as they; by id */
    size_t count;
    uint64_t *damaged; /* owned: ids whose .seal cannot be read, or is gone */
    size_t damaged_count;
    uint64_t *files; /* owned: ids of all .parquet files */
    size_t file_count;
    Store__Segment **kept; /* owned: those that count */
    size_t kept_count;
    uint64_t greatest; /* id of any file */
};

static int by_id(const void *a, const void *b)
{
    const Store__Segment *x = *(Store__Segment *const *)a, *y = *(Store__Segment *const *)b;
    return x->id < y->id ? -1 : x->id > y->id;
}

static enum result no_memory(struct error *err)
{
    return error_set(err, RESULT_AGAIN, "out of memory");
}

static enum result add_id(uint64_t **ids, size_t *count, uint64_t id, struct error *err)
{
    uint64_t *grown = realloc(*ids, (*count + 1) * sizeof(*grown));
    if (grown == NULL)
        return no_memory(err);
    *ids = grown;
    grown[(*count)++] = id;
    return RESULT_OK;
}

static enum result take_seal(struct rebuild *b, uint64_t id, struct error *err)
{
    struct error why;
    Store__Segment *seal;
    enum result r = seal_read(b->segments, id, &seal, &why);
    if (r == RESULT_REJECT) {
        segments_tell(b->segments, "%s; its records are not in answers any more", why.text);
        return add_id(&b->damaged, &b->damaged_count, id, err);
    }
    if (r != RESULT_OK)
        return error_set(err, r, "%s", why.text);
    Store__Segment **grown = realloc(b->seals, (b->count + 1) * sizeof(Store__Segment *));
    if (grown == NULL) {
        store__segment__free_unpacked(seal, NULL);
        return no_memory(err);
    }
    b->seals = grown;
    b->seals[b->count++] = seal;
    return RESULT_OK;
}

/* A file that is somebody else's is no damage: nothing is made anew past it. */
static enum result take_file(struct rebuild *b, const char *name, struct error *err)
{
    uint64_t id = strtoull(name, NULL, 16);
    if (faccessat(b->segments->folder_file, name, R_OK, 0) != 0 && errno != ENOENT)
        return error_set(err, RESULT_FATAL, "%s/%s cannot be read: %s", b->segments->folder, name, strerror(errno));
    b->greatest = id > b->greatest ? id : b->greatest;
    if (strlen(name) == 21 && strcmp(name + 16, ".seal") == 0)
        return take_seal(b, id, err);
    if (strlen(name) == 24 && strcmp(name + 16, ".parquet") == 0)
        return add_id(&b->files, &b->file_count, id, err);
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

/* Is there, or was: a seal that is damaged was written all the same. */
static bool is_there(const struct rebuild *b, uint64_t id)
{
    for (size_t i = 0; i < b->count; i++) {
        if (b->seals[i] != NULL && b->seals[i]->id == id)
            return true;
    }
    for (size_t i = 0; i < b->damaged_count; i++) {
        if (b->damaged[i] == id)
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

/* Only what was written last can have been cut short. Siblings are written by ascending id: with the last of them all
 * were there, and one that is not was let go since. */
static void drop_unfinished(struct rebuild *b)
{
    const Store__Segment *last = b->count == 0 ? NULL : b->seals[b->count - 1];
    uint64_t greatest = 0;
    for (size_t i = 0; last != NULL && i < last->n_siblings; i++)
        greatest = last->siblings[i] > greatest ? last->siblings[i] : greatest;
    if (last == NULL || greatest <= last->id || is_there(b, greatest))
        return;
    for (size_t i = b->count; i-- > 0;) {
        for (size_t s = 0; b->seals[i] != NULL && s < b->seals[i]->n_siblings; s++) {
            if (b->seals[i]->siblings[s] == greatest) {
                forget(b, b->seals[i]->id);
                break;
            }
        }
    }
}

static bool is_replaced(const struct rebuild *b, uint64_t id)
{
    for (size_t i = 0; i < b->count; i++) {
        for (size_t r = 0; b->seals[i] != NULL && r < b->seals[i]->n_replaces; r++) {
            if (b->seals[i]->replaces[r] == id)
                return true;
        }
    }
    return false;
}

/* A file's seal is written last of it, and before the next file is begun. So one without is the last that was written,
 * or was on its way out, or has lost its seal; and as that it is taken, if it may be: what is removed as a leftover
 * does not come back. */
static enum result note_lost(struct rebuild *b, struct error *err)
{
    enum result r = RESULT_OK;
    uint64_t newest = 0;
    for (size_t i = 0; i < b->count; i++)
        newest = b->seals[i] != NULL && b->seals[i]->id > newest ? b->seals[i]->id : newest;
    for (size_t i = 0; i < b->damaged_count; i++)
        newest = b->damaged[i] > newest ? b->damaged[i] : newest;
    for (size_t i = 0; i < b->file_count && r == RESULT_OK; i++) {
        uint64_t id = b->files[i];
        if (id > newest || is_there(b, id) || is_replaced(b, id))
            continue;
        segments_tell(b->segments, "%s/%016" PRIx64 ".seal is gone; its records are not in answers any more",
                      b->segments->folder, id);
        r = add_id(&b->damaged, &b->damaged_count, id, err);
    }
    return r;
}

static void drop_replaced(struct rebuild *b)
{
    for (size_t i = 0; i < b->count; i++) {
        for (size_t r = 0; b->seals[i] != NULL && r < b->seals[i]->n_replaces; r++)
            forget(b, b->seals[i]->replaces[r]);
    }
}

static int by_position(const void *a, const void *b)
{
    const Store__Segment *x = *(Store__Segment *const *)a, *y = *(Store__Segment *const *)b;
    return x->first_position != y->first_position ? (x->first_position < y->first_position ? -1 : 1) : by_id(a, b);
}

/* Notes by position: what was merged has a newer id than what was sealed after it. */
static enum result keep_rest(struct catalogue *catalogue, void *context, struct error *err)
{
    struct rebuild *b = context;
    uint64_t next = b->greatest + 1;
    const struct bytes bytes = {(uint8_t *)&next, sizeof(next)};
    enum result r = catalogue_put(catalogue, ROW_NEXT_ID, "", 0, &bytes, err);
    if (b->kept_count > 0)
        qsort(b->kept, b->kept_count, sizeof(*b->kept), by_position);
    for (size_t i = 0; i < b->kept_count && r == RESULT_OK; i++) {
        const Store__Segment *seal = b->kept[i];
        if (seal->note.len > 0 && b->segments->options.rebuild != NULL)
            r = b->segments->options.rebuild(catalogue, seal->note.data, seal->note.len, err);
    }
    return r;
}

/* ---- a segment without its seal: what its Parquet file says of it, so that answers can name it */

static enum result ask_file(struct segments *s, struct db_rows *rows, struct error *err, const char *what,
                            const char *path, const char *end)
{
    struct sql sql = {0};
    sql_add(&sql, "SELECT %s(", what);
    sql_text(&sql, path);
    sql_add(&sql, ")%s", end);
    enum result r = db_rows_open(s->writer, &sql, rows, err);
    sql_fini(&sql);
    return r == RESULT_OK ? db_rows_next(rows, err) : r;
}

static enum result describe_kind(struct segments *s, const char *path, Store__Segment *seal, struct error *err)
{
    struct db_rows rows = {0};
    char name[32] = "", what[256];
    enum result r = ask_file(s, &rows, err, "value FROM parquet_kv_metadata", path, " WHERE key = 'pavo_kind'");
    if (r == RESULT_OK)
        db_text_copy(&rows, 0, 0, name, sizeof(name));
    db_rows_close(&rows);
    const struct record_kind *kind = NULL;
    for (unsigned k = 0; k < STORED_KIND_COUNT; k++)
        kind = strcmp(record_kinds[k]->name, name) == 0 ? record_kinds[k] : kind;
    if (r != RESULT_OK || kind == NULL)
        return r == RESULT_OK ? error_set(err, RESULT_REJECT, "it does not say what it holds") : r;
    snprintf(what, sizeof(what),
             "count(*)::UBIGINT, min(\"%s\")::TIMESTAMP_NS, max(\"%s\")::TIMESTAMP_NS FROM read_parquet",
             kind->fields[kind->first_time].name, kind->fields[kind->last_time].name);
    r = ask_file(s, &rows, err, what, path, "");
    if (r == RESULT_OK) {
        seal->kind = kind->number;
        seal->rows = db_u64(&rows, 0, 0);
        seal->first_ns = (int64_t)db_u64(&rows, 1, 0);
        seal->last_ns = (int64_t)db_u64(&rows, 2, 0);
    }
    db_rows_close(&rows);
    return r;
}

/* One whose Parquet file says nothing either is laid aside under a name that nobody removes. */
static enum result describe_damaged(struct segments *s, uint64_t id, Store__Segment *seal)
{
    char path[SEGMENT_PATH_MAX], aside[SEGMENT_PATH_MAX + 16];
    struct error why = {""};
    int file;
    store__segment__init(seal);
    seal->id = id;
    seal->groups = 1;
    segments_path(s, id, "parquet", path);
    enum result r = part_open(path, &file, &seal->bytes, &why);
    if (r == RESULT_OK) {
        close(file);
        r = describe_kind(s, path, seal, &why);
    }
    if (r != RESULT_OK && s->options.read_only) {
        segments_tell(s, "%s cannot be read (%.200s)", path, why.text);
    } else if (r != RESULT_OK) {
        snprintf(aside, sizeof(aside), "%s/damaged-%016" PRIx64 ".parquet", s->folder, id);
        if (rename(path, aside) == 0)
            segments_tell(s, "%s cannot be read (%.200s); it is laid aside as %s", path, why.text, aside);
    }
    return r;
}

/* ---- all together */

static enum result keep_all(struct rebuild *b, struct error *err)
{
    const Store__Segment **added = calloc(b->count + b->damaged_count + 1, sizeof(Store__Segment *));
    b->kept = calloc(b->count + 1, sizeof(Store__Segment *));
    Store__Segment *damaged = calloc(b->damaged_count + 1, sizeof(*damaged));
    size_t count = 0;
    uint64_t through = 0;
    enum result r = added == NULL || damaged == NULL || b->kept == NULL ? no_memory(err) : RESULT_OK;
    for (size_t i = 0; r == RESULT_OK && i < b->count; i++) {
        if (b->seals[i] == NULL)
            continue;
        added[count++] = b->kept[b->kept_count++] = b->seals[i];
        through = b->seals[i]->last_position > through ? b->seals[i]->last_position : through;
    }
    for (size_t i = 0; r == RESULT_OK && i < b->damaged_count; i++) {
        if (describe_damaged(b->segments, b->damaged[i], &damaged[i]) == RESULT_OK)
            added[count++] = &damaged[i];
    }
    if (r == RESULT_OK) {
        qsort(added, count, sizeof(*added), by_id);
        b->segments->next_id = b->greatest + 1;
        r = segments_replace(b->segments, added, count, NULL, 0, through, keep_rest, b, err);
    }
    free(damaged);
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
        r = note_lost(&b, err);
    }
    if (r == RESULT_OK) {
        drop_replaced(&b);
        r = keep_all(&b, err);
    }
    for (size_t i = 0; i < b.count; i++) {
        if (b.seals[i] != NULL)
            store__segment__free_unpacked(b.seals[i], NULL);
    }
    free(b.seals);
    free(b.damaged);
    free(b.files);
    free(b.kept);
    return r == RESULT_OK ? r : RESULT_FATAL;
}
