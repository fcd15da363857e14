/* SPDX-License-Identifier: Apache-2.0 */
/* Finding capture files. */
#include "sensor/capture/found.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/clock.h"
#include "sensor/capture/reader.h"

/* A path that has been found, and which file it was. */
struct known {
    char *path;
    dev_t device;
    ino_t inode;
    int64_t written_ns; /* as the file system says */
    int64_t first_time; /* as in found_file */
    bool empty;         /* there was no packet yet */
    uint64_t serial;    /* of the file in found_file */
    uint64_t read;      /* bytes */
    bool over;          /* they were all */
    bool there;         /* at this look */
};

struct found {
    char **names;
    uint64_t *newest; /* serial of the last file of each name */
    size_t name_count;
    bool follow;
    struct found_file *waiting; /* the next one last */
    size_t waiting_count, waiting_room;
    struct known *known; /* sorted by path, but for those that the name in hand has brought */
    size_t known_count, known_sorted, known_room;
    bool looked;     /* at all names, once */
    bool complained; /* of a name that is not there */
    uint64_t serial;
};

/* How a file begins. */
struct start {
    int64_t written_ns, first_time;
    bool empty;
};

/* Room for one more element; false: out of memory. */
static bool grow(void **array, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return true;
    size_t wanted = *room == 0 ? 16 : *room * 2;
    void *grown = realloc(*array, wanted * size);
    if (grown == NULL)
        return false;
    *array = grown;
    *room = wanted;
    return true;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct known *)a)->path, ((const struct known *)b)->path);
}

static void sort_known(struct found *f)
{
    if (f->known_count > 0)
        qsort(f->known, f->known_count, sizeof(*f->known), by_path);
    f->known_sorted = f->known_count;
}

static struct known *known_by(const struct found *f, const char *path)
{
    struct known key = {.path = (char *)path};
    return f->known_sorted == 0 ? NULL : bsearch(&key, f->known, f->known_sorted, sizeof(key), by_path);
}

static int64_t written_ns(const struct stat *st)
{
    return (int64_t)st->st_mtim.tv_sec * NS_PER_S + st->st_mtim.tv_nsec;
}

/* When does the file begin? Broken ones come first, so that they are complained of at once. What flows cannot be looked
 * at twice, so that it is not. */
static struct start look_at_start(const struct found *f, const char *path, const struct stat *st)
{
    const struct packet *packet;
    struct reader *reader;
    struct error ignored;
    struct start start = {.first_time = INT64_MIN};
    if (st == NULL || !S_ISREG(st->st_mode) || reader_open(path, &reader, NULL) != RESULT_OK)
        return start;
    start.written_ns = written_ns(st);
    reader_set_growing(reader, f->follow);
    enum result result = reader_peek(reader, true, &packet, &ignored);
    if (result == RESULT_OK) {
        start.first_time = packet->time_ns;
    } else if (f->follow && result == RESULT_AGAIN) {
        start.first_time = start.written_ns;
        start.empty = true;
    }
    reader_close(&reader);
    return start;
}

/* What is remembered of a path, and whether this is the file that it was last found to be. NULL: out of memory. */
static struct known *remember(struct found *f, const char *path, const struct stat *st, struct start *ret_start,
                              bool *ret_known)
{
    struct known *k = known_by(f, path);
    bool same = k != NULL && k->device == st->st_dev && k->inode == st->st_ino && (uint64_t)st->st_size >= k->read;
    *ret_known = same && k->written_ns == written_ns(st);
    if (*ret_known)
        return k;
    *ret_start = look_at_start(f, path, st);
    bool begins_alike = same && (k->first_time == ret_start->first_time || (k->empty && ret_start->empty));
    *ret_known = begins_alike || (same && k->empty && !k->over);
    if (k == NULL) {
        if (!grow((void **)&f->known, f->known_count, &f->known_room, sizeof(*f->known)))
            return NULL;
        k = &f->known[f->known_count];
        *k = (struct known){.path = strdup(path)};
        if (k->path == NULL)
            return NULL;
        f->known_count++;
    }
    *k = (struct known){.path = k->path,
                        .device = st->st_dev,
                        .inode = st->st_ino,
                        .written_ns = ret_start->written_ns,
                        .first_time = ret_start->first_time,
                        .empty = ret_start->empty,
                        .serial = *ret_known ? k->serial : 0,
                        .read = *ret_known ? k->read : 0,
                        .over = *ret_known && k->over};
    return k;
}

static enum result add_file(struct found *f, const char *path, size_t name, const struct stat *st)
{
    struct start start;
    if (f->follow && st != NULL && S_ISREG(st->st_mode)) {
        bool known;
        struct known *k = remember(f, path, st, &start, &known);
        if (k == NULL)
            return RESULT_FATAL;
        k->there = true;
        if (known)
            return RESULT_OK;
    } else if (f->looked) {
        return RESULT_OK; /* a pipe is begun once */
    } else {
        start = look_at_start(f, path, st);
    }
    if (!grow((void **)&f->waiting, f->waiting_count, &f->waiting_room, sizeof(*f->waiting)))
        return RESULT_FATAL;
    char *copy = strdup(path);
    if (copy == NULL)
        return RESULT_FATAL;
    f->waiting[f->waiting_count++] = (struct found_file){.path = copy, .name = name, .first_time = start.first_time};
    return RESULT_OK;
}

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* The regular files of a folder, not of the folders within it. */
static enum result add_folder(struct found *f, const char *path, size_t name, struct error *err)
{
    struct dirent **entries;
    int count = scandir(path, &entries, visible, alphasort);
    if (count < 0)
        return error_set(err, RESULT_REJECT, "%s: cannot be read as a folder", path);
    enum result result = RESULT_OK;
    size_t regular = 0, length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    for (int i = 0; i < count; i++) {
        char *file;
        struct stat st;
        if (result == RESULT_OK && asprintf(&file, "%.*s/%s", (int)length, path, entries[i]->d_name) >= 0) {
            if (stat(file, &st) == 0 && S_ISREG(st.st_mode)) {
                regular++;
                if (add_file(f, file, name, &st) != RESULT_OK)
                    result = error_set(err, RESULT_FATAL, "out of memory");
            }
            free(file);
        }
        free(entries[i]);
    }
    free(entries);
    if (result == RESULT_OK && regular == 0 && !f->follow)
        return error_set(err, RESULT_REJECT, "%s: there are no files in this folder (folders within it are not read)",
                         path);
    return result;
}

static enum result add_name(struct found *f, size_t name, struct error *err)
{
    struct stat st;
    const char *path = f->names[name];
    bool standard_input = strcmp(path, "-") == 0;
    if (!standard_input && stat(path, &st) != 0)
        return error_set(err, RESULT_REJECT, "%s: %m", path);
    enum result result;
    if (!standard_input && S_ISDIR(st.st_mode))
        result = add_folder(f, path, name, err);
    else if ((result = add_file(f, path, name, standard_input ? NULL : &st)) != RESULT_OK)
        result = error_set(err, RESULT_FATAL, "out of memory");
    sort_known(f);
    return result;
}

static int later_first(const void *a, const void *b)
{
    const struct found_file *left = a, *right = b;
    if (left->first_time != right->first_time)
        return left->first_time > right->first_time ? -1 : 1;
    return strcmp(right->path, left->path);
}

/* Those from `before` on are new. */
static void sort(struct found *f, size_t before)
{
    if (f->waiting_count == before)
        return;
    qsort(f->waiting + before, f->waiting_count - before, sizeof(*f->waiting), later_first);
    for (size_t i = f->waiting_count; i-- > before;) {
        f->waiting[i].serial = ++f->serial;
        f->newest[f->waiting[i].name] = f->serial;
        struct known *k = known_by(f, f->waiting[i].path);
        if (k != NULL)
            k->serial = f->serial;
    }
    qsort(f->waiting, f->waiting_count, sizeof(*f->waiting), later_first);
}

enum result found_new(const char *const *names, size_t count, bool follow, struct found **ret_found, struct error *err)
{
    struct found *f = calloc(1, sizeof(*f));
    if (f == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    f->follow = follow;
    f->names = calloc(count, sizeof(*f->names));
    f->newest = calloc(count, sizeof(*f->newest));
    enum result result =
        f->names == NULL || f->newest == NULL ? error_set(err, RESULT_FATAL, "out of memory") : RESULT_OK;
    for (size_t i = 0; i < count && result == RESULT_OK; i++) {
        f->names[i] = strdup(names[i]);
        f->name_count = i + 1;
        result = f->names[i] == NULL ? error_set(err, RESULT_FATAL, "out of memory") : add_name(f, i, err);
    }
    if (result != RESULT_OK) {
        found_destroy(&f);
        return result;
    }
    f->looked = true;
    sort(f, 0);
    *ret_found = f;
    return RESULT_OK;
}

void found_destroy(struct found **found)
{
    struct found *f = *found;
    if (f == NULL)
        return;
    for (size_t i = 0; i < f->name_count; i++)
        free(f->names[i]);
    for (size_t i = 0; i < f->waiting_count; i++)
        free(f->waiting[i].path);
    for (size_t i = 0; i < f->known_count; i++)
        free(f->known[i].path);
    free(f->names);
    free(f->newest);
    free(f->waiting);
    free(f->known);
    free(f);
    *found = NULL;
}

const struct found_file *found_next(const struct found *found)
{
    return found->waiting_count == 0 ? NULL : &found->waiting[found->waiting_count - 1];
}

void found_take(struct found *found, struct found_file *ret_file)
{
    *ret_file = found->waiting[--found->waiting_count];
}

uint64_t found_count(const struct found *found)
{
    return found->serial;
}

bool found_is_newest(const struct found *found, const struct found_file *file)
{
    return found->newest[file->name] == file->serial;
}

bool found_is_replaced(const struct found *found, const struct found_file *file)
{
    const struct known *k = known_by(found, file->path);
    return k != NULL && k->serial != file->serial;
}

void found_read(struct found *found, const struct found_file *file, uint64_t bytes, bool over)
{
    struct known *k = known_by(found, file->path);
    if (k == NULL || k->serial != file->serial)
        return;
    k->read = bytes;
    k->over = over;
}

/* What is gone will not be asked for again. */
static void forget_gone(struct found *f)
{
    size_t kept = 0;
    for (size_t i = 0; i < f->known_count; i++) {
        if (f->known[i].there)
            f->known[kept++] = f->known[i];
        else
            free(f->known[i].path);
    }
    f->known_count = f->known_sorted = kept;
}

enum result found_look(struct found *found, struct error *err)
{
    size_t before = found->waiting_count;
    for (size_t i = 0; i < found->known_count; i++)
        found->known[i].there = false;
    enum result result = RESULT_OK;
    for (size_t i = 0; i < found->name_count; i++) {
        struct error why;
        if (strcmp(found->names[i], "-") != 0 && add_name(found, i, &why) != RESULT_OK)
            result = error_set(err, RESULT_REJECT, "%s", why.text);
    }
    if (result == RESULT_OK)
        forget_gone(found);
    sort(found, before);
    bool complain = result != RESULT_OK && !found->complained;
    found->complained = result != RESULT_OK;
    return complain ? result : RESULT_OK;
}
