/* SPDX-License-Identifier: Apache-2.0 */
/* A walk from frame to frame. Where a head is not valid it looks for the next one that is; what the positions then lack
 * is damage, named from the directory of the set where one has it. */
#include "aggregator/journal/walk.h"

#include <stdlib.h>
#include <string.h>

void walk_begin(struct walk *walk, struct file_reader *reader, uint64_t position)
{
    *walk = (struct walk){.reader = *reader, .offset = FRAME_PAGE, .next = position};
    if (walk->next <= reader->file.after)
        walk->next = reader->file.after + 1;
}

void walk_end(struct walk *walk)
{
    file_close(&walk->reader);
    journal_buffer_fini(&walk->body);
    journal_buffer_fini(&walk->directory);
}

/* ------------------------------------------------------------------ names for what is missing */

/* Reads as much of the directory as there is: each head has its own checksum. */
static enum result list_set(struct walk *walk, const struct frame *end)
{
    if (buffer_reserve(&walk->directory, end->length) != RESULT_OK)
        return RESULT_FULL;
    size_t length = file_read(&walk->reader, walk->directory.bytes, end->length, end->entry.place.offset + FRAME_HEAD);
    memset(walk->directory.bytes + length, 0, end->length - length);
    walk->listed_first = end->set_first;
    walk->listed_last = end->set_last;
    return RESULT_OK;
}

static bool listed(const struct walk *walk, uint64_t position)
{
    return walk->listed_first != 0 && position >= walk->listed_first && position <= walk->listed_last;
}

/* Finds the directory that has `position`, or how far there is none. Looks at heads only, from where the walk is. */
static enum result find_directory(struct walk *walk, uint64_t position)
{
    uint64_t offset = walk->offset;
    struct frame frame;
    if (listed(walk, position) || position < walk->unlisted_before)
        return RESULT_OK;
    while (file_scan(&walk->reader, offset, &frame)) {
        if (frame.set_first > position) {
            walk->unlisted_before = frame.set_first;
            return RESULT_OK;
        }
        if (frame.kind == FRAME_END && frame.set_last >= position)
            return list_set(walk, &frame);
        offset = frame.entry.place.offset + frame_size(frame.length);
    }
    walk->unlisted_before = walk->reader.file.end + 1; /* the file may grow */
    return RESULT_OK;
}

static bool name_from_directory(const struct walk *walk, uint64_t position, struct journal_entry *ret_head)
{
    const struct journal_file *file = &walk->reader.file;
    struct frame frame;
    if (!listed(walk, position) ||
        !frame_decode(walk->directory.bytes + (position - walk->listed_first) * FRAME_HEAD, file->number, file->salt,
                      &frame) ||
        frame.kind != FRAME_BATCH || frame.entry.position != position)
        return false;
    *ret_head = frame.entry;
    return true;
}

static enum result damage_one(struct walk *walk, const struct journal_entry *head, const char *why,
                              struct journal_damage *ret_damage)
{
    *ret_damage = (struct journal_damage){
        .first_position = head->position, .last_position = head->position, .named = true, .head = *head};
    file_name(walk->reader.file.number, ret_damage->file);
    snprintf(ret_damage->why, sizeof(ret_damage->why), "%s", why);
    walk->next = head->position + 1;
    return RESULT_REJECT;
}

/* Positions from `next` to `last`, or as many of them as one damage can tell, have no valid head. At the file's end
 * (`tail`) they may have been in the file behind it. */
static enum result damage_missing(struct walk *walk, uint64_t last, bool tail, struct journal_damage *ret_damage)
{
    struct journal_entry head;
    uint64_t first = walk->next, through = first;
    if (find_directory(walk, first) != RESULT_OK)
        return RESULT_FULL;
    if (name_from_directory(walk, first, &head))
        return damage_one(walk, &head,
                          walk->reader.io_failed ? "it cannot be read from the disk" : "its head is damaged",
                          ret_damage);
    if (!listed(walk, first))
        through = last < walk->unlisted_before ? last : walk->unlisted_before - 1;
    *ret_damage = (struct journal_damage){.first_position = first, .last_position = through};
    file_name(tail ? walk->reader.file.gap_number : walk->reader.file.number, ret_damage->file);
    snprintf(ret_damage->why, sizeof(ret_damage->why), "%s",
             walk->reader.io_failed ? "it cannot be read from the disk" : "its frames are damaged or gone");
    walk->next = through + 1;
    return RESULT_REJECT;
}

/* ------------------------------------------------------------------ steps */

static enum result step_batch(struct walk *walk, const struct frame *frame, bool with_bytes,
                              struct journal_entry *ret_entry, struct journal_damage *ret_damage)
{
    enum result r = with_bytes ? file_body(&walk->reader, frame, &walk->body) : RESULT_OK;
    if (r == RESULT_FULL)
        return r;
    walk->offset += frame_size(frame->length);
    if (r == RESULT_REJECT)
        return damage_one(walk, &frame->entry, "its bytes are not those that were written", ret_damage);
    *ret_entry = frame->entry;
    ret_entry->packed = with_bytes ? walk->body.bytes : NULL;
    walk->next = frame->entry.position + 1;
    return RESULT_OK;
}

enum result walk_step(struct walk *walk, bool with_bytes, struct journal_entry *ret_entry,
                      struct journal_damage *ret_damage)
{
    const struct journal_file *file = &walk->reader.file;
    struct frame frame;
    while (walk->next <= file->end) {
        /* What is behind `end` is void, or being written now: it is not looked at, let alone passed over. */
        if (!file_scan(&walk->reader, walk->offset, &frame) || frame.set_first > file->end)
            return damage_missing(walk, file->end, true, ret_damage);
        walk->offset = frame.entry.place.offset;
        /* A set's end comes behind all of the set. */
        uint64_t position = frame.kind == FRAME_BATCH ? frame.entry.position : frame.set_last + 1;
        if (position > file->end + 1)
            position = file->end + 1;
        if (position > walk->next)
            return damage_missing(walk, position - 1, false, ret_damage);
        if (position == walk->next && frame.kind == FRAME_BATCH)
            return step_batch(walk, &frame, with_bytes, ret_entry, ret_damage);
        walk->offset += frame_size(frame.length);
    }
    return RESULT_END;
}
