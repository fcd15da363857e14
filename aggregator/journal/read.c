/* SPDX-License-Identifier: Apache-2.0 */
/* Reading: cursors over the whole stream, the recovery that is one, and single entries by their place. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/journal/internal.h"
#include "aggregator/journal/walk.h"

struct journal_cursor {
    struct journal *journal;
    uint64_t next;
    bool walking;
    struct walk walk; /* of the file that has `next`, when there is one */
};

const char *journal_damage_text(const struct journal_damage *damage, char text[static JOURNAL_DAMAGE_TEXT_MAX])
{
    const struct journal_entry *head = &damage->head;
    uint64_t records = 0;
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++)
        records += head->rows[kind];
    if (damage->named && head->speaker.sensor[0] != 0)
        snprintf(text, JOURNAL_DAMAGE_TEXT_MAX,
                 "%s: position %" PRIu64 " (sensor %s, epoch %" PRIu64 ", sequence %" PRIu64 ", %" PRIu64
                 " records): %s",
                 damage->file, damage->first_position, head->speaker.sensor, head->speaker.epoch, head->sequence,
                 records, damage->why);
    else if (damage->named)
        snprintf(text, JOURNAL_DAMAGE_TEXT_MAX,
                 "%s: position %" PRIu64 " (the aggregator's own conclusions, %" PRIu64 " records): %s", damage->file,
                 damage->first_position, records, damage->why);
    else
        snprintf(text, JOURNAL_DAMAGE_TEXT_MAX, "%s: positions %" PRIu64 " to %" PRIu64 ": %s", damage->file,
                 damage->first_position, damage->last_position, damage->why);
    return text;
}

/* ------------------------------------------------------------------ the table */

/* Index of the first file that ends at or behind the position; count: none. */
static size_t file_index(const struct journal *journal, uint64_t position)
{
    size_t low = 0, high = journal->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (journal->files[middle].end < position)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct found {
    struct journal_file file; /* number 0: none has it */
    uint64_t last, dropped;
};

static struct found find_position(struct journal *journal, uint64_t position)
{
    struct found found = {0};
    pthread_mutex_lock(&journal->lock);
    size_t i = file_index(journal, position);
    if (i < journal->count)
        found.file = journal->files[i];
    found.last = journal->last;
    found.dropped = journal->dropped;
    pthread_mutex_unlock(&journal->lock);
    return found;
}

static bool find_number(struct journal *journal, uint64_t number, struct journal_file *ret_file)
{
    bool found = false;
    pthread_mutex_lock(&journal->lock);
    for (size_t i = 0; i < journal->count && !found; i++) {
        found = journal->files[i].number == number;
        if (found)
            *ret_file = journal->files[i];
    }
    pthread_mutex_unlock(&journal->lock);
    return found;
}

/* ------------------------------------------------------------------ cursors */

enum result journal_seek(struct journal *journal, uint64_t position, struct journal_cursor **ret_cursor,
                         struct error *err)
{
    struct journal_cursor *cursor = calloc(1, sizeof(*cursor));
    if (cursor == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory for a reader of the journal");
    cursor->journal = journal;
    cursor->next = position == 0 ? 1 : position;
    *ret_cursor = cursor;
    return RESULT_OK;
}

static void stop_walking(struct journal_cursor *cursor)
{
    if (cursor->walking)
        walk_end(&cursor->walk);
    cursor->walking = false;
}

void journal_cursor_close(struct journal_cursor **cursor)
{
    if (*cursor == NULL)
        return;
    stop_walking(*cursor);
    free(*cursor);
    *cursor = NULL;
}

/* Positions from the cursor's to `last` that are in no file. */
static enum result tell_gone(struct journal_cursor *cursor, uint64_t file, uint64_t last, const char *why,
                             struct journal_damage *ret_damage)
{
    *ret_damage = (struct journal_damage){.first_position = cursor->next, .last_position = last};
    if (file != 0)
        file_name(file, ret_damage->file);
    else
        snprintf(ret_damage->file, sizeof(ret_damage->file), "no file");
    snprintf(ret_damage->why, sizeof(ret_damage->why), "%s", why);
    cursor->next = last + 1;
    return RESULT_REJECT;
}

static enum result tell_dropped(struct journal_cursor *cursor, uint64_t last, struct journal_damage *ret_damage)
{
    enum result r = tell_gone(cursor, 0, last, "dropped on purpose, since it was old", ret_damage);
    ret_damage->dropped = true;
    return r;
}

/* The walk is in that file. RESULT_END: it is not in the table any more. */
static enum result walk_in(struct journal_cursor *cursor, const struct journal_file *file,
                           struct journal_damage *ret_damage, struct error *err)
{
    struct file_reader reader;
    struct journal_file now;
    if (cursor->walking && cursor->walk.reader.file.number == file->number) {
        cursor->walk.reader.file.end = file->end;
        return RESULT_OK;
    }
    stop_walking(cursor);
    if (file_open(cursor->journal->calls, cursor->journal->folder, file, O_RDONLY, &reader)) {
        walk_begin(&cursor->walk, &reader, cursor->next);
        cursor->walking = true;
        return RESULT_OK;
    }
    int failed = errno;
    if (!find_number(cursor->journal, file->number, &now))
        return RESULT_END;
    if (failed == ENOENT)
        return tell_gone(cursor, file->number, file->end, "the file was taken away", ret_damage);
    return error_set(err, RESULT_AGAIN, "cannot open a file of the journal: %s", strerror(failed));
}

static enum result step(struct journal_cursor *cursor, bool with_bytes, struct journal_entry *ret_entry,
                        struct journal_damage *ret_damage, struct error *err)
{
    struct found found = find_position(cursor->journal, cursor->next);
    if (cursor->next > found.last)
        return RESULT_AGAIN;
    if (cursor->next <= found.dropped && (found.file.number == 0 || found.file.after >= cursor->next))
        return tell_dropped(cursor, found.dropped, ret_damage);
    if (found.file.number == 0)
        return tell_gone(cursor, 0, found.last, "the files were taken away", ret_damage);
    if (found.file.after >= cursor->next)
        return tell_gone(cursor, found.file.number, found.file.after, "an older file was taken away", ret_damage);
    enum result r = walk_in(cursor, &found.file, ret_damage, err);
    if (r != RESULT_OK)
        return r;
    r = walk_step(&cursor->walk, with_bytes, ret_entry, ret_damage);
    cursor->next = cursor->walk.next;
    return r == RESULT_FULL ? error_set(err, RESULT_AGAIN, "out of memory to read the journal") : r;
}

enum result journal_next(struct journal_cursor *cursor, bool with_bytes, struct journal_entry *ret_entry,
                         struct journal_damage *ret_damage, struct error *err)
{
    enum result r;
    if (err != NULL)
        err->text[0] = 0;
    do
        r = step(cursor, with_bytes, ret_entry, ret_damage, err);
    while (r == RESULT_END); /* the file's, not the stream's */
    return r;
}

enum result journal_recover(struct journal *journal, uint64_t after, journal_on_entry *on_entry,
                            journal_on_damage *on_damage, void *context, struct error *err)
{
    struct journal_cursor *cursor = NULL;
    struct journal_entry entry;
    struct journal_damage damage;
    struct error why = {""};
    enum result r = journal_seek(journal, (after > journal->dropped ? after : journal->dropped) + 1, &cursor, err);
    if (r != RESULT_OK)
        return r;
    do {
        r = journal_next(cursor, true, &entry, &damage, &why);
        if (r == RESULT_OK)
            r = on_entry(context, &entry, err);
        else if (r == RESULT_REJECT)
            r = on_damage(context, &damage, err);
        else
            break;
    } while (r == RESULT_OK);
    journal_cursor_close(&cursor);
    if (r != RESULT_AGAIN)
        return r;
    return why.text[0] == 0 ? RESULT_OK : error_set(err, RESULT_AGAIN, "%s", why.text);
}

/* ------------------------------------------------------------------ single entries */

/* What the file's neighbourhood says of the frame at this offset: the damage that names it, or what is missing between
 * the entries before and behind it. */
static void tell_damage(struct file_reader *reader, uint64_t offset, struct journal_damage *ret_damage)
{
    struct walk walk;
    struct journal_entry entry;
    struct journal_damage damage, unknown = {.why = "no batch begins there"};
    enum result r;
    file_name(reader->file.number, unknown.file);
    *ret_damage = unknown;
    walk_begin(&walk, reader, 0);
    while ((r = walk_step(&walk, false, &entry, &damage)) == RESULT_OK || r == RESULT_REJECT) {
        uint64_t at = r == RESULT_OK ? entry.place.offset : damage.named ? damage.head.place.offset : offset;
        if (at > offset || (r == RESULT_OK && at == offset))
            break;
        *ret_damage = at < offset ? unknown : damage;
        if (r == RESULT_REJECT && damage.named && at == offset)
            break;
    }
    walk_end(&walk);
    reader->fd = -1;
}

static enum result read_at(struct file_reader *reader, const struct journal_place *place, struct journal_buffer *buffer,
                           struct journal_entry *ret_entry, struct error *err)
{
    struct frame frame;
    struct journal_damage damage = {.why = "its bytes are not those that were written", .named = true};
    char text[JOURNAL_DAMAGE_TEXT_MAX];
    enum result r = RESULT_REJECT;
    bool head = place->offset % 8 == 0 && file_frame(reader, place->offset, &frame) && frame.kind == FRAME_BATCH &&
                frame.entry.position > reader->file.after && frame.entry.position <= reader->file.end;
    if (head)
        r = file_body(reader, &frame, buffer);
    if (r == RESULT_FULL)
        return error_set(err, RESULT_AGAIN, "out of memory to read the journal");
    if (r == RESULT_OK) {
        *ret_entry = frame.entry;
        ret_entry->packed = buffer->bytes;
        return RESULT_OK;
    }
    if (head) {
        damage.head = frame.entry;
        damage.first_position = damage.last_position = frame.entry.position;
        file_name(place->file, damage.file);
    } else {
        tell_damage(reader, place->offset, &damage);
    }
    return error_set(err, RESULT_REJECT, "%s", journal_damage_text(&damage, text));
}

enum result journal_read(struct journal *journal, const struct journal_place *place, struct journal_buffer *buffer,
                         struct journal_entry *ret_entry, struct error *err)
{
    struct journal_file file;
    struct file_reader reader;
    char name[JOURNAL_FILE_MAX];
    file_name(place->file, name);
    if (!find_number(journal, place->file, &file))
        return error_set(err, RESULT_END, "%s was dropped from the journal", name);
    if (!file_open(journal->calls, journal->folder, &file, O_RDONLY, &reader)) {
        int failed = errno;
        if (!find_number(journal, place->file, &file))
            return error_set(err, RESULT_END, "%s was dropped from the journal", name);
        return error_set(err, failed == ENOENT ? RESULT_REJECT : RESULT_AGAIN, "%s: %s", name, strerror(failed));
    }
    enum result r = read_at(&reader, place, buffer, ret_entry, err);
    file_close(&reader);
    return r;
}
