/* SPDX-License-Identifier: Apache-2.0 */
/* Captures from files: several at once, merged in the order of their packets' time. */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "sensor/capture/backend.h"
#include "sensor/capture/reader.h"

struct file {
    char *path;
    int64_t first_time; /* of its first packet; files are begun in this order */
    struct reader *reader; /* while it is being read */
    bool broken;
};

struct files {
    struct capture capture;
    struct capture_options options;
    struct filters filters;
    char *filter;
    struct file *files;
    size_t count, room;
    char **names;                         /* follow: what was asked for, */
    struct timespec *changed;             /* and when each folder last changed */
    size_t begun;                         /* files [0, begun) have been opened */
    size_t open[CAPTURE_FILES_OPEN_MAX];  /* indices of those that are open */
    size_t open_count;
    char link_type[CAPTURE_SOURCES_MAX][24];
};

static size_t source_of(const struct files *f, size_t file)
{
    (void)f;
    return file < CAPTURE_SOURCES_MAX - 1 ? file : CAPTURE_SOURCES_MAX - 1;
}

static void say(const struct files *f, enum capture_say kind, const char *sentence)
{
    if (f->options.say != NULL)
        f->options.say(f->options.context, kind, sentence);
}

static enum result add_file(struct files *f, const char *path, struct error *err)
{
    if (f->count == f->room) {
        size_t room = f->room == 0 ? 16 : f->room * 2;
        struct file *grown = realloc(f->files, room * sizeof(*grown));
        if (grown == NULL)
            return error_set(err, RESULT_FATAL, "out of memory");
        f->files = grown;
        f->room = room;
    }
    char *copy = strdup(path);
    if (copy == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    f->files[f->count++] = (struct file){.path = copy};
    return RESULT_OK;
}

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static bool is_known(const struct files *f, const char *path)
{
    for (size_t i = f->count; f->options.follow && i-- > 0;) {
        if (strcmp(f->files[i].path, path) == 0)
            return true;
    }
    return false;
}

/* The regular files of a folder, not of the folders within it. */
static enum result add_folder(struct files *f, const char *path, struct error *err)
{
    struct dirent **entries;
    int count = scandir(path, &entries, visible, alphasort);
    if (count < 0)
        return error_set(err, RESULT_REJECT, "%s: cannot be read as a folder", path);
    enum result result = RESULT_OK;
    size_t before = f->count;
    for (int i = 0; i < count; i++) {
        char *name;
        struct stat st;
        if (result == RESULT_OK && asprintf(&name, "%s/%s", path, entries[i]->d_name) >= 0) {
            if (stat(name, &st) == 0 && S_ISREG(st.st_mode) && !is_known(f, name))
                result = add_file(f, name, err);
            free(name);
        }
        free(entries[i]);
    }
    free(entries);
    if (result == RESULT_OK && f->count == before && !f->options.follow)
        return error_set(err, RESULT_REJECT, "%s: there are no files in this folder (folders within it are not read)", path);
    return result;
}

static enum result add_path(struct files *f, const char *path, struct error *err)
{
    struct stat st;
    if (strcmp(path, "-") == 0)
        return add_file(f, path, err);
    if (stat(path, &st) != 0)
        return error_set(err, RESULT_REJECT, "%s: %m", path);
    return S_ISDIR(st.st_mode) ? add_folder(f, path, err) : add_file(f, path, err);
}

/* When does the file begin? Broken ones come first, so that they are complained of at once. */
static void look_at_start(struct file *file)
{
    const struct packet *packet;
    struct reader *reader;
    file->first_time = INT64_MIN;
    if (strcmp(file->path, "-") == 0) /* cannot be looked at twice */
        return;
    if (reader_open(file->path, &reader, NULL) != RESULT_OK)
        return;
    if (reader_peek(reader, true, &packet, NULL) == RESULT_OK)
        file->first_time = packet->time_ns;
    reader_close(&reader);
}

static int by_first_time(const void *a, const void *b)
{
    const struct file *left = a, *right = b;
    if (left->first_time != right->first_time)
        return left->first_time < right->first_time ? -1 : 1;
    return strcmp(left->path, right->path);
}

static void begin_file(struct files *f)
{
    size_t number = f->begun++;
    struct file *file = &f->files[number];
    struct error err;
    if (f->options.progress) {
        char sentence[512];
        snprintf(sentence, sizeof(sentence), "reading %.400s (%zu of %zu)", file->path, number + 1, f->count);
        say(f, CAPTURE_SAY_NOTICE, sentence);
    }
    if (reader_open(file->path, &file->reader, &err) != RESULT_OK) {
        file->broken = true;
        say(f, CAPTURE_SAY_WARNING, err.text);
        return;
    }
    f->open[f->open_count++] = number;
}

static void end_file(struct files *f, size_t at)
{
    reader_close(&f->files[f->open[at]].reader);
    f->open[at] = f->open[--f->open_count];
}

/* Only the newest file is still written to. */
static bool is_growing(const struct files *f, size_t at)
{
    return f->options.follow && f->open[at] + 1 == f->count;
}

/* Files that are new in the folders, in the order of their time. */
static void look_for_files(struct files *f)
{
    size_t before = f->count;
    for (size_t i = 0; i < f->options.name_count; i++) {
        struct stat st;
        if (stat(f->names[i], &st) != 0 || !S_ISDIR(st.st_mode) ||
            (st.st_mtim.tv_sec == f->changed[i].tv_sec && st.st_mtim.tv_nsec == f->changed[i].tv_nsec))
            continue;
        struct error err;
        f->changed[i] = st.st_mtim;
        if (add_folder(f, f->names[i], &err) != RESULT_OK)
            say(f, CAPTURE_SAY_WARNING, err.text);
    }
    for (size_t i = before; i < f->count; i++)
        look_at_start(&f->files[i]);
    if (f->count > before)
        qsort(f->files + before, f->count - before, sizeof(*f->files), by_first_time);
}

/* The next packet of an open file; false when the file is over or (with RESULT_AGAIN) would have to be read on. */
static enum result peek(struct files *f, size_t at, bool may_read, const struct packet **ret_packet)
{
    struct error err;
    struct file *file = &f->files[f->open[at]];
    reader_set_growing(file->reader, is_growing(f, at));
    enum result result = reader_peek(file->reader, may_read, ret_packet, &err);
    if (result == RESULT_REJECT) {
        file->broken = true;
        say(f, CAPTURE_SAY_WARNING, err.text);
        result = RESULT_END;
    }
    return result;
}

/* The open file whose next packet is the oldest. RESULT_AGAIN: first hand out what was taken, then read on. */
static enum result oldest(struct files *f, bool may_read, size_t *ret_at, const struct packet **ret_packet)
{
    for (;;) {
        const struct packet *best = NULL;
        for (size_t at = 0; at < f->open_count;) {
            const struct packet *packet;
            enum result result = peek(f, at, may_read, &packet);
            if (result == RESULT_AGAIN && may_read) { /* nothing was added to it */
                at++;
                continue;
            }
            if (result == RESULT_AGAIN)
                return RESULT_AGAIN;
            if (result == RESULT_END) {
                if (!may_read) /* its last packets are still borrowed */
                    return RESULT_AGAIN;
                end_file(f, at);
                continue;
            }
            if (best == NULL || packet->time_ns < best->time_ns) {
                best = packet;
                *ret_at = at;
            }
            at++;
        }
        bool room = f->open_count < CAPTURE_FILES_OPEN_MAX;
        if (f->begun < f->count && room && (best == NULL || f->files[f->begun].first_time <= best->time_ns)) {
            if (!may_read)
                return RESULT_AGAIN;
            begin_file(f);
            continue;
        }
        *ret_packet = best;
        return best == NULL ? RESULT_END : RESULT_OK;
    }
}

/* While one file's packets are the oldest, there is nothing to compare: how long that is. */
static int64_t alone_until(struct files *f, size_t chosen)
{
    int64_t until = INT64_MAX;
    for (size_t at = 0; at < f->open_count; at++) {
        const struct packet *packet;
        if (at != chosen && peek(f, at, false, &packet) == RESULT_OK && packet->time_ns < until)
            until = packet->time_ns;
    }
    if (f->begun < f->count && f->files[f->begun].first_time < until)
        until = f->files[f->begun].first_time;
    return until;
}

/* Follow: waits, and looks whether there is a new file. */
static enum result wait_for_more(struct files *f, int wait_ms, size_t *ret_count)
{
    nanosleep(&(struct timespec){.tv_sec = wait_ms / 1000, .tv_nsec = wait_ms % 1000 * 1000000l}, NULL);
    look_for_files(f);
    *ret_count = 0;
    return RESULT_AGAIN;
}

/* Numbers packets with their source, and leaves out what the filter does. Returns how many remain. */
static size_t keep_passing(struct files *f, struct packet *packets, size_t count, uint16_t source)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        packets[i].interface = source;
        if (!filters_pass(&f->filters, &packets[i]))
            continue;
        if (kept != i)
            packets[kept] = packets[i];
        kept++;
    }
    return kept;
}

static enum result files_next(struct capture *capture, int wait_ms, struct packet *packets, size_t *ret_count)
{
    struct files *f = (struct files *)capture;
    size_t count = 0, at;
    const struct packet *packet;
    while (count < CAPTURE_BATCH) {
        enum result result = oldest(f, count == 0, &at, &packet);
        if (result == RESULT_END && count == 0)
            return f->options.follow ? wait_for_more(f, wait_ms, ret_count) : RESULT_END;
        if (result != RESULT_OK)
            break;
        size_t number = f->open[at], source = source_of(f, number);
        struct reader *reader = f->files[number].reader;
        int64_t until = alone_until(f, at);
        if (f->link_type[source][0] == '\0')
            link_type_name(packet->link_type, f->link_type[source], sizeof(f->link_type[source]));
        size_t taken = reader_take(reader, until, packets + count, CAPTURE_BATCH - count);
        count += keep_passing(f, packets + count, taken, (uint16_t)source);
    }
    *ret_count = count;
    return RESULT_OK;
}

static size_t files_source_count(const struct capture *capture)
{
    const struct files *f = (const struct files *)capture;
    return f->count == 0 ? 0 : source_of(f, f->count - 1) + 1;
}

static void files_source_get(struct capture *capture, size_t number, struct capture_source *ret_source)
{
    const struct files *f = (const struct files *)capture;
    *ret_source = (struct capture_source){.name = f->files[number].path, .broken = f->files[number].broken};
    if (number == CAPTURE_SOURCES_MAX - 1 && f->count > CAPTURE_SOURCES_MAX) {
        ret_source->name = "further files";
        for (size_t i = number; i < f->count; i++)
            ret_source->broken |= f->files[i].broken;
    }
    snprintf(ret_source->link_type, sizeof(ret_source->link_type), "%s", f->link_type[number]);
}

static void files_close(struct capture *capture)
{
    struct files *f = (struct files *)capture;
    for (size_t i = 0; i < f->count; i++) {
        reader_close(&f->files[i].reader);
        free(f->files[i].path);
    }
    free(f->files);
    for (size_t i = 0; f->names != NULL && i < f->options.name_count; i++)
        free(f->names[i]);
    free(f->names);
    free(f->changed);
    filters_fini(&f->filters);
    free(f->filter);
    free(f);
}

static const struct capture_ops files_ops = {
    .next = files_next,
    .source_count = files_source_count,
    .source_get = files_source_get,
    .close = files_close,
};

/* What to look at again, later. */
static enum result keep_names(struct files *f, struct error *err)
{
    f->names = calloc(f->options.name_count, sizeof(*f->names));
    f->changed = calloc(f->options.name_count, sizeof(*f->changed));
    for (size_t i = 0; f->names != NULL && i < f->options.name_count; i++)
        f->names[i] = strdup(f->options.names[i]);
    return f->names == NULL || f->changed == NULL || f->names[f->options.name_count - 1] == NULL
               ? error_set(err, RESULT_FATAL, "out of memory")
               : RESULT_OK;
}

enum result capture_open_files(const struct capture_options *options, struct capture **ret_capture, struct error *err)
{
    struct files *f = calloc(1, sizeof(*f));
    if (f == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    f->capture.ops = &files_ops;
    f->options = *options;
    enum result result = RESULT_OK;
    if (options->filter != NULL) {
        f->filter = strdup(options->filter);
        f->filters.expression = f->filter;
        result = f->filter == NULL ? error_set(err, RESULT_FATAL, "out of memory")
                                   : filters_check(f->filter, LINK_ETHERNET, err);
    }
    if (result == RESULT_OK && options->follow)
        result = keep_names(f, err);
    for (size_t i = 0; i < options->name_count && result == RESULT_OK; i++)
        result = add_path(f, options->names[i], err);
    if (result != RESULT_OK) {
        files_close(&f->capture);
        return result;
    }
    if (f->count > 1) {
        for (size_t i = 0; i < f->count; i++)
            look_at_start(&f->files[i]);
        qsort(f->files, f->count, sizeof(*f->files), by_first_time);
    }
    *ret_capture = &f->capture;
    return RESULT_OK;
}
