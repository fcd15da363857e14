/* SPDX-License-Identifier: Apache-2.0 */
/* What segments there are: the list in memory and the catalogue's, and how the one follows the other. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aggregator/segments/internal.h"
#include "common/message.h"

static enum result no_memory(struct error *err)
{
    return error_set(err, RESULT_AGAIN, "out of memory");
}

void segments_tell(const struct segments *segments, const char *format, ...)
{
    char text[512];
    va_list arguments;
    if (segments->options.notice == NULL)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    segments->options.notice(segments->options.context, text);
}

/* ---- the list */

static void release(struct segments *segments, struct held_segment *held)
{
    if (atomic_fetch_sub(&held->references, 1) > 1)
        return;
    if (atomic_load(&held->dropped))
        part_remove(segments, held->segment.id);
    free(held);
}

/* Sums over the list; the lock is held. */
static void sum_up(struct segments *s)
{
    s->sizes = (struct segments_sizes){.segments = s->count};
    for (unsigned kind = 0; kind < STORED_KIND_COUNT; kind++) {
        s->first_ns[kind] = INT64_MAX;
        s->last_ns[kind] = INT64_MIN;
    }
    for (size_t i = 0; i < s->count; i++) {
        const struct segment *segment = &s->list[i]->segment;
        s->sizes.rows += segment->rows;
        s->sizes.bytes += segment->bytes + segment->index_bytes;
        s->sizes.index_bytes += segment->index_bytes;
        if (segment->first_ns < s->first_ns[segment->kind])
            s->first_ns[segment->kind] = segment->first_ns;
        if (segment->last_ns > s->last_ns[segment->kind])
            s->last_ns[segment->kind] = segment->last_ns;
    }
}

static struct held_segment *hold(const struct segment *segment)
{
    struct held_segment *held = calloc(1, sizeof(*held));
    if (held == NULL)
        return NULL;
    held->segment = *segment;
    atomic_init(&held->references, 1);
    return held;
}

static bool is_among(uint64_t id, const uint64_t *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (ids[i] == id)
            return true;
    }
    return false;
}

/* ---- the catalogue's rows */

static enum result put_number(struct segments *s, int kind, uint64_t number, struct error *err)
{
    const struct bytes bytes = {(uint8_t *)&number, sizeof(number)};
    return catalogue_put(s->catalogue, kind, "", 0, &bytes, err);
}

static enum result get_number(struct segments *s, int kind, uint64_t *ret_number, struct error *err)
{
    struct bytes bytes;
    enum result r = catalogue_get(s->catalogue, kind, "", 0, &bytes, err);
    *ret_number = 0;
    if (r == RESULT_OK && bytes.length == sizeof(*ret_number))
        memcpy(ret_number, bytes.data, sizeof(*ret_number));
    if (r == RESULT_OK)
        bytes_free(&bytes);
    return r;
}

/* Without what only the .seal file has. */
static enum result put_segment(struct segments *s, const Store__Segment *seal, struct error *err)
{
    Store__Segment row = *seal;
    row.n_columns = row.n_observers = row.n_chunk_offsets = row.n_chunk_lengths = row.n_chunk_checks = 0;
    row.n_siblings = row.n_replaces = 0;
    row.note = (ProtobufCBinaryData){0};
    struct bytes bytes = {.length = store__segment__get_packed_size(&row)};
    bytes.data = malloc(bytes.length + 1);
    if (bytes.data == NULL)
        return no_memory(err);
    store__segment__pack(&row, bytes.data);
    enum result r = catalogue_put(s->catalogue, ROW_SEGMENT, "", seal->id, &bytes, err);
    bytes_free(&bytes);
    return r;
}

enum result segments_ids(struct segments *s, size_t count, uint64_t *ret_first, struct error *err)
{
    enum result r = catalogue_begin(s->catalogue, err);
    if (r != RESULT_OK)
        return RESULT_AGAIN;
    r = put_number(s, ROW_NEXT_ID, s->next_id + count, err);
    if (r != RESULT_OK)
        catalogue_rollback(s->catalogue);
    else
        r = catalogue_commit(s->catalogue, err);
    if (r != RESULT_OK)
        return RESULT_AGAIN;
    pthread_mutex_lock(&s->lock);
    *ret_first = s->next_id;
    s->next_id += count;
    pthread_mutex_unlock(&s->lock);
    return RESULT_OK;
}

/* ---- a change */

struct change {
    const Store__Segment *const *added;
    size_t added_count;
    const uint64_t *removed;
    size_t removed_count;
    uint64_t through;
    enum result (*keep)(struct catalogue *catalogue, void *context, struct error *err);
    void *keep_context;
};

static enum result write_change(struct segments *s, const struct change *c, struct error *err)
{
    static const struct bytes none;
    enum result r = RESULT_OK;
    for (size_t i = 0; i < c->added_count && r == RESULT_OK; i++)
        r = put_segment(s, c->added[i], err);
    for (size_t i = 0; i < c->removed_count && r == RESULT_OK; i++)
        r = catalogue_put(s->catalogue, ROW_SEGMENT, "", c->removed[i], &none, err);
    if (r == RESULT_OK && c->through != 0)
        r = put_number(s, ROW_THROUGH, c->through, err);
    if (r == RESULT_OK && c->keep != NULL)
        r = c->keep(s->catalogue, c->keep_context, err);
    return r;
}

/* A commit that failed may have come to pass nevertheless: it is looked up. */
static enum result commit(struct segments *s, const struct change *c, struct error *err)
{
    enum result r = catalogue_commit(s->catalogue, err);
    struct bytes row;
    if (r == RESULT_OK)
        return r;
    if (c->added_count == 0)
        return RESULT_FATAL;
    enum result looked = catalogue_get(s->catalogue, ROW_SEGMENT, "", c->added[0]->id, &row, NULL);
    if (looked != RESULT_OK)
        return RESULT_FATAL;
    bool there = row.length > 0;
    bytes_free(&row);
    return there ? RESULT_OK : r;
}

/* Memory for the list as it will be. NULL: out of memory. */
static struct held_segment **list_after(struct segments *s, const struct change *c, size_t *ret_count)
{
    struct held_segment **list = calloc(s->count + c->added_count + 1, sizeof(struct held_segment *));
    size_t count = 0;
    for (size_t i = 0; list != NULL && i < s->count; i++) {
        if (!is_among(s->list[i]->segment.id, c->removed, c->removed_count))
            list[count++] = s->list[i];
    }
    for (size_t i = 0; list != NULL && i < c->added_count; i++) {
        struct segment segment;
        if (seal_to_segment(c->added[i], &segment, NULL) != RESULT_OK || (list[count] = hold(&segment)) == NULL) {
            for (size_t j = 0; j < i; j++)
                free(list[--count]);
            free(list);
            return NULL;
        }
        count++;
    }
    *ret_count = count;
    return list;
}

enum result segments_replace(struct segments *s, const Store__Segment *const *added, size_t added_count,
                             const uint64_t *removed, size_t removed_count, uint64_t through,
                             enum result (*keep)(struct catalogue *catalogue, void *context, struct error *err),
                             void *keep_context, struct error *err)
{
    const struct change c = {added, added_count, removed, removed_count, through, keep, keep_context};
    size_t count = 0;
    struct held_segment **list = list_after(s, &c, &count), **before;
    if (list == NULL)
        return no_memory(err);
    enum result r = catalogue_begin(s->catalogue, err);
    if (r == RESULT_OK) {
        r = write_change(s, &c, err);
        if (r != RESULT_OK)
            catalogue_rollback(s->catalogue);
        else
            r = commit(s, &c, err);
    }
    if (r != RESULT_OK) {
        for (size_t i = 0; i < added_count; i++)
            free(list[count - 1 - i]);
        free(list);
        return r;
    }
    pthread_mutex_lock(&s->lock);
    before = s->list;
    size_t before_count = s->count;
    s->list = list;
    s->count = count;
    s->through = through > s->through ? through : s->through;
    sum_up(s);
    pthread_mutex_unlock(&s->lock);
    for (size_t i = 0; i < before_count; i++) {
        if (!is_among(before[i]->segment.id, removed, removed_count))
            continue;
        atomic_store(&before[i]->dropped, true);
        release(s, before[i]);
    }
    free(before);
    return RESULT_OK;
}

/* ---- snapshots */

struct segment_set {
    struct segments *segments;
    uint64_t through;
    size_t count;
    struct held_segment *list[];
};

struct segment_set *segments_snapshot(struct segments *s)
{
    pthread_mutex_lock(&s->lock);
    struct segment_set *set = malloc(sizeof(*set) + s->count * sizeof(struct held_segment *));
    if (set != NULL) {
        set->segments = s;
        set->through = s->through;
        set->count = s->count;
        for (size_t i = 0; i < s->count; i++) {
            set->list[i] = s->list[i];
            atomic_fetch_add(&s->list[i]->references, 1);
        }
    }
    pthread_mutex_unlock(&s->lock);
    return set;
}

/* Its references keep the segments: nothing that the lock guards is looked at. */
struct segment_set *segment_set_share(const struct segment_set *set)
{
    size_t size = sizeof(*set) + set->count * sizeof(struct held_segment *);
    struct segment_set *shared = malloc(size);
    if (shared == NULL)
        return NULL;
    memcpy(shared, set, size);
    for (size_t i = 0; i < shared->count; i++)
        atomic_fetch_add(&shared->list[i]->references, 1);
    return shared;
}

void segment_set_release(struct segment_set **pointer)
{
    struct segment_set *set = *pointer;
    for (size_t i = 0; set != NULL && i < set->count; i++)
        release(set->segments, set->list[i]);
    free(set);
    *pointer = NULL;
}

size_t segment_set_count(const struct segment_set *set)
{
    return set->count;
}

const struct segment *segment_set_get(const struct segment_set *set, size_t index)
{
    return &set->list[index]->segment;
}

uint64_t segment_set_through(const struct segment_set *set)
{
    return set->through;
}

struct segments_sizes segments_sizes(struct segments *s)
{
    pthread_mutex_lock(&s->lock);
    struct segments_sizes sizes = s->sizes;
    pthread_mutex_unlock(&s->lock);
    return sizes;
}

void segments_extent(struct segments *s, enum record_kind_number kind, int64_t *ret_first, int64_t *ret_last)
{
    pthread_mutex_lock(&s->lock);
    *ret_first = s->first_ns[kind];
    *ret_last = s->last_ns[kind];
    pthread_mutex_unlock(&s->lock);
}

struct beginning {
    int64_t first_ns;
    uint64_t rows;
};

static int latest_first(const void *a, const void *b)
{
    const struct beginning *x = a, *y = b;
    return x->first_ns > y->first_ns ? -1 : x->first_ns < y->first_ns;
}

int64_t segments_present(struct segments *s)
{
    size_t count = 0;
    uint64_t all = 0, later = 0;
    pthread_mutex_lock(&s->lock);
    struct beginning *list = malloc((s->count + 1) * sizeof(*list));
    for (size_t i = 0; list != NULL && i < s->count; i++) {
        const struct segment *segment = &s->list[i]->segment;
        if (segment->kind != RECORD_FLOW)
            continue;
        list[count++] = (struct beginning){segment->first_ns, segment->rows};
        all += segment->rows;
    }
    pthread_mutex_unlock(&s->lock);
    if (count > 0)
        qsort(list, count, sizeof(*list), latest_first);
    size_t at = 0;
    while (at < count && (later += list[at].rows) < all / SEGMENTS_PRESENT_SHARE)
        at++;
    int64_t present = at < count ? list[at].first_ns : INT64_MIN;
    free(list);
    return present;
}

uint64_t segments_through(struct segments *s)
{
    pthread_mutex_lock(&s->lock);
    uint64_t through = s->through;
    pthread_mutex_unlock(&s->lock);
    return through;
}

struct catalogue *segments_catalogue(struct segments *s)
{
    return s->catalogue;
}

/* ---- opening */

static enum result take_segment(void *context, const char *key, uint64_t number, const struct bytes *bytes,
                                struct error *err)
{
    struct segments *s = context;
    struct segment segment;
    (void)key, (void)number;
    Store__Segment *row = (Store__Segment *)message_unpack(&store__segment__descriptor, bytes->data, bytes->length,
                                                           MESSAGE_MEMORY_SMALL, err);
    if (row == NULL)
        return RESULT_REJECT;
    enum result r = seal_to_segment(row, &segment, err);
    store__segment__free_unpacked(row, NULL);
    if (r != RESULT_OK)
        return r;
    struct held_segment **grown = realloc(s->list, (s->count + 1) * sizeof(struct held_segment *));
    if (grown != NULL)
        s->list = grown;
    if (grown == NULL || (grown[s->count] = hold(&segment)) == NULL)
        return no_memory(err);
    s->count++;
    return RESULT_OK;
}

static enum result load(struct segments *s, struct error *err)
{
    enum result r = catalogue_each(s->catalogue, ROW_SEGMENT, 0, take_segment, s, err);
    if (r == RESULT_OK)
        r = get_number(s, ROW_THROUGH, &s->through, err);
    if (r == RESULT_OK)
        r = get_number(s, ROW_NEXT_ID, &s->next_id, err);
    return r;
}

/* "0000000000000012.seal" and the like. False: no file of ours. */
static bool id_of_name(const char *name, uint64_t *ret_id)
{
    char *end;
    if (strlen(name) < 18 || name[16] != '.')
        return false;
    *ret_id = strtoull(name, &end, 16);
    return end == name + 16;
}

static bool is_listed(const struct segments *s, uint64_t id)
{
    size_t low = 0, high = s->count; /* the list is ascending */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->list[middle]->segment.id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < s->count && s->list[low]->segment.id == id;
}

/* Files that nobody knows: of a sealing or merge that did not come to its end, or dropped while somebody still read. */
static enum result remove_leftovers(struct segments *s, struct error *err)
{
    DIR *folder = opendir(s->folder);
    const struct dirent *entry;
    if (folder == NULL)
        return error_set(err, RESULT_FATAL, "%s cannot be read: %s", s->folder, strerror(errno));
    while ((entry = readdir(folder)) != NULL) {
        uint64_t id;
        if (id_of_name(entry->d_name, &id) && (!is_listed(s, id) || strstr(entry->d_name, ".tmp") != NULL))
            unlinkat(s->folder_file, entry->d_name, 0);
    }
    closedir(folder);
    return RESULT_OK;
}

/* Ids are in the catalogue before a file has them. So a file with one that was never given is newer than the catalogue,
 * which somebody put back from a copy: what it does not know is no leftover. RESULT_REJECT: it is so. */
static enum result check_age(struct segments *s, struct error *err)
{
    DIR *folder = opendir(s->folder);
    const struct dirent *entry;
    enum result r = RESULT_OK;
    if (folder == NULL)
        return error_set(err, RESULT_FATAL, "%s cannot be read: %s", s->folder, strerror(errno));
    while (r == RESULT_OK && (entry = readdir(folder)) != NULL) {
        uint64_t id;
        if (id_of_name(entry->d_name, &id) && id >= s->next_id)
            r = error_set(err, RESULT_REJECT, "the catalogue is older than segments/%s", entry->d_name);
    }
    closedir(folder);
    return r;
}

static enum result open_catalogue(struct segments *s, struct error *err)
{
    char path[SEGMENT_PATH_MAX], aside[SEGMENT_PATH_MAX + 32];
    snprintf(path, sizeof(path), "%s/catalogue.sqlite", s->options.directory);
    bool there = access(path, F_OK) == 0;
    enum result r =
        s->options.read_only ? catalogue_copy(path, &s->catalogue, err) : catalogue_open(path, &s->catalogue, err);
    if (r == RESULT_OK && there)
        r = load(s, err);
    if (r == RESULT_OK && s->next_id != 0 && (r = check_age(s, err)) == RESULT_OK)
        return r; /* otherwise it is new, or its rebuilding came to no end */
    if (r != RESULT_OK && r != RESULT_REJECT)
        return RESULT_FATAL;
    if (r == RESULT_REJECT && s->options.read_only) {
        segments_tell(s, "%s; it is made anew, in memory, from the segments and the journal", err->text);
        catalogue_close(&s->catalogue);
        r = catalogue_copy(NULL, &s->catalogue, err);
        if (r != RESULT_OK)
            return RESULT_FATAL;
    } else if (r == RESULT_REJECT) {
        catalogue_close(&s->catalogue);
        for (unsigned n = 1; snprintf(aside, sizeof(aside), "%s.damaged-%u", path, n), access(aside, F_OK) == 0;)
            n++;
        if (rename(path, aside) != 0)
            return error_set(err, RESULT_FATAL, "%s is damaged and cannot be renamed: %s", path, strerror(errno));
        segments_tell(s, "%s; it is set aside as %s and made anew from the segments and the journal", err->text, aside);
        snprintf(aside, sizeof(aside), "%s-journal", path);
        unlink(aside); /* what it would roll back is no more */
        r = catalogue_open(path, &s->catalogue, err);
        if (r != RESULT_OK)
            return RESULT_FATAL;
    }
    return segments_rebuild(s, err);
}

static enum result open_writer(struct segments *s, struct error *err)
{
    const struct engine_options options = {.memory_limit = s->options.memory_limit, .threads = 1};
    enum result r = engine_open(&options, &s->database, err);
    return r == RESULT_OK ? engine_connect(s->database, &s->writer, err) : r;
}

static enum result make_folder(struct segments *s, struct error *err)
{
    char path[SEGMENT_PATH_MAX];
    snprintf(path, sizeof(path), "%s/segments", s->options.directory);
    if (!s->options.read_only && mkdir(path, 0700) != 0 && errno != EEXIST)
        return error_set(err, RESULT_FATAL, "%s cannot be made: %s", path, strerror(errno));
    s->folder = strdup(path);
    s->folder_file = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return s->folder != NULL && s->folder_file >= 0
               ? RESULT_OK
               : error_set(err, RESULT_FATAL, "%s cannot be opened: %s", path, strerror(errno));
}

enum result segments_open(const struct segments_options *options, struct segments **ret_segments, struct error *err)
{
    struct segments *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    s->options = *options;
    s->folder_file = -1;
    pthread_mutex_init(&s->lock, NULL);
    enum result r = make_folder(s, err);
    if (r == RESULT_OK)
        r = open_writer(s, err);
    if (r == RESULT_OK)
        r = open_catalogue(s, err);
    if (r == RESULT_OK && !s->options.read_only)
        r = remove_leftovers(s, err);
    if (r != RESULT_OK) {
        segments_close(&s);
        return RESULT_FATAL;
    }
    sum_up(s);
    *ret_segments = s;
    return RESULT_OK;
}

void segments_close(struct segments **pointer)
{
    struct segments *s = *pointer;
    if (s == NULL)
        return;
    duckdb_disconnect(&s->writer);
    if (s->database != NULL)
        duckdb_close(&s->database);
    for (size_t i = 0; i < s->count; i++)
        release(s, s->list[i]);
    free(s->list);
    catalogue_close(&s->catalogue);
    if (s->folder_file >= 0)
        close(s->folder_file);
    pthread_mutex_destroy(&s->lock);
    free(s->folder);
    free(s);
    *pointer = NULL;
}

void segments_interrupt(struct segments *s)
{
    atomic_store(&s->stopping, true);
    duckdb_interrupt(s->writer);
}
