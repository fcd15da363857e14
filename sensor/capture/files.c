/* SPDX-License-Identifier: Apache-2.0 */
/* Captures from files: several at once, merged in the order of their packets' time. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "common/clock.h"
#include "sensor/capture/backend.h"
#include "sensor/capture/found.h"
#include "sensor/capture/reader.h"

#define LOOK_NS NS_PER_S /* so often: for new files, */
#define EMPTY_NS                                                                                                       \
    (10 * NS_PER_S) /* a file without packets, not the newest, that was not written to for so long is over */
#define FILTERED_MAX                                                                                                   \
    65536u /* packets that a call looks at, though a filter leaves them all out: its caller may have to stop */
#define TELL_NS NS_PER_S /* and how far reading has come */

struct file {
    struct found_file found;
    struct reader *reader;
    uint64_t size; /* when it was begun; 0: not known */
    bool broken;
};

/* Packets are told apart by file and, within pcapng, by interface. */
struct source {
    uint64_t serial; /* of the file */
    uint16_t interface;
    char *name;
    char link_type[24];
    struct format_drops drops;
    int64_t from_ns, to_ns; /* times of the file's first packet and last, when drops were */
    bool broken;
};

struct files {
    struct capture capture;
    struct capture_options options;
    struct filters filters;
    char *filter;
    struct found *found;
    struct file open[CAPTURE_FILES_OPEN_MAX]; /* being read */
    size_t open_count;
    uint64_t begun;
    int64_t looked_at, told_at;                 /* monotonic */
    struct source sources[CAPTURE_SOURCES_MAX]; /* the last one is of all that come after the others */
    size_t source_count;
};

static void say(const struct files *f, enum capture_say kind, const char *sentence)
{
    if (f->options.say != NULL)
        f->options.say(f->options.context, kind, sentence);
}

/* ---------------------------------------------------------------- sources */

static char *source_name(const struct file *file, uint16_t interface)
{
    const struct format *format = file->reader != NULL ? reader_format(file->reader) : NULL;
    char *name;
    int length;
    if (format != NULL && format->kind == FORMAT_PCAPNG && interface < format->interface_count &&
        format->interfaces[interface].name[0] != '\0')
        length = asprintf(&name, "%s:%s", file->found.path, format->interfaces[interface].name);
    else if (interface > 0)
        length = asprintf(&name, "%s:%u", file->found.path, interface);
    else
        length = asprintf(&name, "%s", file->found.path);
    return length < 0 ? NULL : name;
}

/* The number of a source, made when it turns up. */
static uint16_t source_of(struct files *f, const struct file *file, uint16_t interface)
{
    for (size_t i = f->source_count; i-- > 0;) {
        if (f->sources[i].serial == file->found.serial && f->sources[i].interface == interface)
            return (uint16_t)i;
    }
    if (f->source_count == CAPTURE_SOURCES_MAX)
        return CAPTURE_SOURCES_MAX - 1;
    struct source *s = &f->sources[f->source_count];
    bool shared = f->source_count == CAPTURE_SOURCES_MAX - 1;
    *s = (struct source){.serial = shared ? 0 : file->found.serial,
                         .interface = interface,
                         .name = shared ? strdup("further files") : source_name(file, interface)};
    return (uint16_t)f->source_count++;
}

/* What a file says was lost before it was written. */
static void note_drops(struct files *f, const struct file *file)
{
    const struct format *format = reader_format(file->reader);
    for (uint32_t n = 0; n < format->interface_count; n++) {
        struct format_drops drops = format->interfaces[n].drops;
        if (n == 0) {
            drops.kernel += format->drops_before.kernel;
            drops.interface += format->drops_before.interface;
        }
        if (drops.kernel == 0 && drops.interface == 0)
            continue;
        struct source *s = &f->sources[source_of(f, file, (uint16_t)n)];
        bool shared = s->serial != file->found.serial;
        s->drops.kernel = drops.kernel + (shared ? s->drops.kernel : 0);
        s->drops.interface = drops.interface + (shared ? s->drops.interface : 0);
        if (s->from_ns == 0 || format->first_time_ns < s->from_ns)
            s->from_ns = format->first_time_ns;
        if (format->last_time_ns > s->to_ns)
            s->to_ns = format->last_time_ns;
    }
}

/* ---------------------------------------------------------------- files begin and end */

static void tell_begun(const struct files *f, const struct file *file)
{
    char sentence[512];
    snprintf(sentence, sizeof(sentence), "reading %.400s (%" PRIu64 " of %" PRIu64 ")", file->found.path, f->begun,
             found_count(f->found));
    say(f, CAPTURE_SAY_NOTICE, sentence);
}

/* Large files take their time. */
static void tell_progress(struct files *f)
{
    int64_t now = clock_monotonic_ns();
    if (now - f->told_at < TELL_NS)
        return;
    for (size_t at = 0; at < f->open_count && f->told_at != 0; at++) {
        const struct file *file = &f->open[at];
        char sentence[512];
        if (file->size == 0)
            continue;
        snprintf(sentence, sizeof(sentence), "reading %.400s: %.0f %%", file->found.path,
                 (double)reader_offset(file->reader) * 100 / (double)file->size);
        say(f, CAPTURE_SAY_NOTICE, sentence);
    }
    f->told_at = now;
}

/* A file that cannot be read is a source too, so that its end is told with the others'. */
static void note_broken(struct files *f, struct file *file, const char *reason)
{
    if (file->broken)
        return;
    file->broken = true;
    for (size_t i = 0; i < f->source_count; i++)
        f->sources[i].broken |= f->sources[i].serial == file->found.serial;
    f->sources[source_of(f, file, 0)].broken = true;
    say(f, CAPTURE_SAY_WARNING, reason);
}

/* Following, a file may still be written to if it is its name's newest, or was made just now and has nothing in it yet.
 */
static bool is_growing(const struct files *f, const struct file *file)
{
    if (!f->options.follow || !reader_is_regular(file->reader) || found_is_replaced(f->found, &file->found))
        return false;
    return found_is_newest(f->found, &file->found) ||
           (reader_format(file->reader)->packets == 0 && clock_wall_ns() - reader_written_ns(file->reader) < EMPTY_NS);
}

static void begin_file(struct files *f)
{
    struct file *file = &f->open[f->open_count];
    struct error err;
    struct stat st;
    *file = (struct file){0};
    found_take(f->found, &file->found);
    f->begun++;
    if (f->options.progress)
        tell_begun(f, file);
    if (stat(file->found.path, &st) == 0 && S_ISREG(st.st_mode))
        file->size = (uint64_t)st.st_size;
    if (reader_open(file->found.path, &file->reader, &err) == RESULT_OK) {
        reader_set_growing(file->reader, is_growing(f, file));
        f->open_count++;
        return;
    }
    note_broken(f, file, err.text);
    free(file->found.path);
}

static void end_file(struct files *f, size_t at)
{
    struct file *file = &f->open[at];
    (void)source_of(f, file, 0); /* also of a file without packets */
    note_drops(f, file);
    if (f->options.follow)
        found_read(f->found, &file->found, reader_offset(file->reader), true);
    reader_close(&file->reader);
    free(file->found.path);
    *file = f->open[--f->open_count];
}

static void look_for_files(struct files *f)
{
    struct error err;
    int64_t now = clock_monotonic_ns();
    if (now - f->looked_at < LOOK_NS)
        return;
    f->looked_at = now;
    for (size_t at = 0; at < f->open_count; at++)
        found_read(f->found, &f->open[at].found, reader_offset(f->open[at].reader), false);
    if (found_look(f->found, &err) != RESULT_OK)
        say(f, CAPTURE_SAY_WARNING, err.text);
    for (size_t at = 0; at < f->open_count; at++)
        reader_set_growing(f->open[at].reader, is_growing(f, &f->open[at]));
}

/* ---------------------------------------------------------------- merging */

/* The next packet of an open file. RESULT_AGAIN: none now, or (without may_read) it would have to be read on.
 * RESULT_END: the file is over. */
static enum result peek(struct files *f, size_t at, bool may_read, const struct packet **ret_packet)
{
    struct error err;
    struct file *file = &f->open[at];
    enum result result = reader_peek(file->reader, may_read, ret_packet, &err);
    if (result == RESULT_REJECT) {
        note_broken(f, file, err.text);
        result = RESULT_END;
    }
    return result;
}

/* The open file whose next packet is the oldest. RESULT_AGAIN: without may_read, first hand out what was taken, then
 * read on; with it, *ret_at is a pipe that must be waited for, since what comes may be older than all else. */
static enum result oldest(struct files *f, bool may_read, size_t *ret_at, const struct packet **ret_packet)
{
    for (;;) {
        const struct packet *best = NULL;
        for (size_t at = 0; at < f->open_count;) {
            const struct packet *packet;
            enum result result = peek(f, at, may_read, &packet);
            if (result == RESULT_AGAIN && may_read &&
                reader_is_regular(f->open[at].reader)) { /* nothing was added to it */
                at++;
                continue;
            }
            if (result == RESULT_AGAIN) {
                *ret_at = at;
                return RESULT_AGAIN;
            }
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
        const struct found_file *next = found_next(f->found);
        bool room = f->open_count < CAPTURE_FILES_OPEN_MAX;
        if (next != NULL && room && (best == NULL || next->first_time <= best->time_ns)) {
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
    const struct found_file *next = found_next(f->found);
    return next != NULL && next->first_time < until ? next->first_time : until;
}

/* Nothing now: waits for the pipe, or, following, a little. */
static enum result wait_for_more(const struct file *pipe, int wait_ms, size_t *ret_count)
{
    if (pipe != NULL)
        (void)reader_wait(pipe->reader, wait_ms);
    else
        nanosleep(&(struct timespec){.tv_sec = wait_ms / 1000, .tv_nsec = wait_ms % 1000 * 1000000l}, NULL);
    *ret_count = 0;
    return RESULT_AGAIN;
}

static void tell_refused(struct files *f)
{
    char sentence[512], link[24];
    link_type_name(f->filters.refused, link, sizeof(link));
    snprintf(sentence, sizeof(sentence),
             "the capture filter makes no sense on packets of link type %s: none of them passes", link);
    say(f, CAPTURE_SAY_WARNING, sentence);
    f->filters.has_refused = false;
}

/* Numbers packets with their source, and leaves out what the filter does. Returns how many remain. */
static size_t keep_passing(struct files *f, const struct file *file, struct packet *packets, size_t count)
{
    size_t kept = 0;
    int interface = -1;
    uint16_t source = 0;
    for (size_t i = 0; i < count; i++) {
        if (packets[i].interface != interface) {
            interface = packets[i].interface;
            source = source_of(f, file, packets[i].interface);
            if (f->sources[source].link_type[0] == '\0')
                link_type_name(packets[i].link_type, f->sources[source].link_type,
                               sizeof(f->sources[source].link_type));
        }
        packets[i].interface = source;
        if (f->filters.expression != NULL && !filters_pass(&f->filters, &packets[i])) {
            if (f->filters.has_refused)
                tell_refused(f);
            continue;
        }
        if (kept != i)
            packets[kept] = packets[i];
        kept++;
    }
    return kept;
}

static enum result files_next(struct capture *capture, int wait_ms, struct packet *packets, size_t *ret_count)
{
    struct files *f = (struct files *)capture;
    size_t count = 0, seen = 0, at = 0;
    const struct packet *packet;
    if (f->options.follow)
        look_for_files(f);
    if (f->options.progress)
        tell_progress(f);
    while (count < CAPTURE_BATCH && seen < FILTERED_MAX) {
        enum result result = oldest(f, count == 0, &at, &packet);
        if (result == RESULT_AGAIN && count == 0)
            return wait_for_more(&f->open[at], wait_ms, ret_count);
        if (result == RESULT_END && count == 0)
            return f->options.follow ? wait_for_more(NULL, wait_ms, ret_count) : RESULT_END;
        if (result != RESULT_OK)
            break;
        struct file *file = &f->open[at];
        size_t taken = reader_take(file->reader, alone_until(f, at), packets + count, CAPTURE_BATCH - count);
        seen += taken;
        count += keep_passing(f, file, packets + count, taken);
    }
    *ret_count = count;
    return RESULT_OK;
}

static size_t files_source_count(const struct capture *capture)
{
    return ((const struct files *)capture)->source_count;
}

static void files_source_get(struct capture *capture, size_t number, struct capture_source *ret_source)
{
    const struct source *s = &((struct files *)capture)->sources[number];
    *ret_source = (struct capture_source){
        .name = s->name != NULL ? s->name : "?",
        .kernel_dropped = s->drops.kernel,
        .interface_dropped = s->drops.interface,
        .dropped_from_ns = s->from_ns,
        .dropped_to_ns = s->to_ns,
        .broken = s->broken,
    };
    snprintf(ret_source->link_type, sizeof(ret_source->link_type), "%s", s->link_type);
}

static void files_close(struct capture *capture)
{
    struct files *f = (struct files *)capture;
    for (size_t i = 0; i < f->open_count; i++) {
        reader_close(&f->open[i].reader);
        free(f->open[i].found.path);
    }
    for (size_t i = 0; i < f->source_count; i++)
        free(f->sources[i].name);
    found_destroy(&f->found);
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

enum result capture_open_files(const struct capture_options *options, struct capture **ret_capture, struct error *err)
{
    struct files *f = calloc(1, sizeof(*f));
    if (f == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    f->capture.ops = &files_ops;
    f->options = *options;
    f->looked_at = clock_monotonic_ns();
    enum result result = RESULT_OK;
    if (options->filter != NULL) {
        f->filter = strdup(options->filter);
        f->filters.expression = f->filter;
        result = f->filter == NULL ? error_set(err, RESULT_FATAL, "out of memory") : filters_check(f->filter, err);
    }
    if (result == RESULT_OK)
        result = found_new(options->names, options->name_count, options->follow, &f->found, err);
    if (result != RESULT_OK) {
        files_close(&f->capture);
        return result;
    }
    *ret_capture = &f->capture;
    return RESULT_OK;
}
