/* SPDX-License-Identifier: Apache-2.0 */
/* Heads, pages and the note to bytes and back. */
#include "aggregator/journal/frame.h"

#include <string.h>
#include <xxhash.h>

#include "common/cursor.h"

#define CHECKED    16u /* bytes of a head before those that its checksum is over */
#define PAGE_MAGIC "PAVOjrnl"
#define NOTE_MAGIC "PAVOnote"
#define MAGIC      8u
#define PAGE_USED  40u /* with the checksum */

static uint8_t *put32(uint8_t *at, uint32_t value)
{
    value = htole32(value);
    memcpy(at, &value, sizeof(value));
    return at + sizeof(value);
}

static uint8_t *put64(uint8_t *at, uint64_t value)
{
    value = htole64(value);
    memcpy(at, &value, sizeof(value));
    return at + sizeof(value);
}

uint64_t frame_check(const void *body, size_t length)
{
    return XXH3_64bits(length == 0 ? "" : body, length);
}

static uint64_t head_check(const uint8_t *head, uint64_t salt)
{
    return XXH3_64bits_withSeed(head + CHECKED, FRAME_HEAD - CHECKED, salt);
}

static void put_entry(uint8_t *at, const struct journal_entry *entry)
{
    at = put64(at, entry->position);
    at = put64(at, entry->speaker.epoch);
    at = put64(at, entry->sequence);
    at = put64(at, (uint64_t)entry->received_ns);
    at = put64(at, (uint64_t)entry->first_ns);
    at = put64(at, (uint64_t)entry->last_ns);
    at = put64(at, entry->packets);
    for (unsigned kind = 0; kind < FRAME_ROWS_MAX; kind++)
        at = put32(at, kind < RECORD_KIND_COUNT ? entry->rows[kind] : 0);
    at = put32(at, entry->plain_size);
    memcpy(at, entry->speaker.sensor, strnlen(entry->speaker.sensor, OBSERVER_NAME_MAX - 1));
}

void frame_encode(const struct frame *frame, uint64_t salt, uint8_t head[static FRAME_HEAD])
{
    bool batch = frame->kind == FRAME_BATCH;
    memset(head, 0, FRAME_HEAD);
    memcpy(head, FRAME_MAGIC, MAGIC);
    uint8_t *at = put32(head + CHECKED, frame->kind);
    at = put32(at, 0);
    at = put64(at, frame->entry.place.file);
    at = put64(at, frame->entry.place.offset);
    at = put64(at, frame->after);
    at = put64(at, frame->set_first);
    at = put64(at, frame->set_last);
    at = put64(at, batch ? frame->entry.length : frame->length);
    at = put64(at, batch ? frame->entry.digest : frame->check);
    if (batch)
        put_entry(at, &frame->entry);
    put64(head + MAGIC, head_check(head, salt));
}

static bool get_entry(struct cursor *c, struct journal_entry *entry)
{
    entry->position = cursor_le64(c);
    entry->speaker.epoch = cursor_le64(c);
    entry->sequence = cursor_le64(c);
    entry->received_ns = (int64_t)cursor_le64(c);
    entry->first_ns = (int64_t)cursor_le64(c);
    entry->last_ns = (int64_t)cursor_le64(c);
    entry->packets = cursor_le64(c);
    for (unsigned kind = 0; kind < FRAME_ROWS_MAX; kind++) {
        uint32_t rows = cursor_le32(c);
        if (kind < RECORD_KIND_COUNT)
            entry->rows[kind] = rows;
    }
    entry->plain_size = cursor_le32(c);
    cursor_copy(c, entry->speaker.sensor, OBSERVER_NAME_MAX);
    const char *sensor = entry->speaker.sensor;
    return !c->failed && memchr(sensor, 0, OBSERVER_NAME_MAX) != NULL &&
           (sensor[0] == 0 || observer_name_valid(sensor));
}

/* What a checksum does not promise: numbers that readers count on. */
static bool sound(const struct frame *frame)
{
    if (frame->set_first <= frame->after || frame->set_last < frame->set_first ||
        frame->set_last > FRAME_POSITION_MAX || frame->set_last - frame->set_first >= JOURNAL_SET_MAX)
        return false;
    if (frame->kind == FRAME_END)
        return frame->length == (frame->set_last - frame->set_first + 1) * FRAME_HEAD;
    return frame->kind == FRAME_BATCH && frame->length <= JOURNAL_ENTRY_MAX &&
           frame->entry.position >= frame->set_first && frame->entry.position <= frame->set_last;
}

bool frame_decode(const uint8_t head[static FRAME_HEAD], uint64_t file, uint64_t salt, struct frame *ret_frame)
{
    struct cursor c = cursor_make(head, FRAME_HEAD);
    if (memcmp(cursor_take(&c, MAGIC), FRAME_MAGIC, MAGIC) != 0 || cursor_le64(&c) != head_check(head, salt))
        return false;
    struct frame frame = {.kind = (enum frame_kind)cursor_le32(&c)};
    cursor_skip(&c, 4);
    frame.entry.place.file = cursor_le64(&c);
    frame.entry.place.offset = cursor_le64(&c);
    frame.after = cursor_le64(&c);
    frame.set_first = cursor_le64(&c);
    frame.set_last = cursor_le64(&c);
    frame.length = cursor_le64(&c);
    frame.check = cursor_le64(&c);
    if (frame.entry.place.file != file || (frame.kind == FRAME_BATCH && !get_entry(&c, &frame.entry)) || !sound(&frame))
        return false;
    if (frame.kind == FRAME_BATCH) {
        frame.entry.length = frame.length;
        frame.entry.digest = frame.check;
    }
    *ret_frame = frame;
    return true;
}

void frame_page_encode(const struct frame_page *page, uint8_t bytes[static FRAME_PAGE])
{
    memset(bytes, 0, FRAME_PAGE);
    memcpy(bytes, PAGE_MAGIC, MAGIC);
    uint8_t *at = put32(bytes + MAGIC, page->version);
    at = put32(at, 0);
    at = put64(at, page->number);
    at = put64(at, page->salt);
    put64(at, XXH3_64bits(bytes, PAGE_USED - 8));
}

bool frame_page_decode(const uint8_t bytes[static FRAME_PAGE], struct frame_page *ret_page)
{
    struct cursor c = cursor_make(bytes, PAGE_USED);
    bool magic = memcmp(cursor_take(&c, MAGIC), PAGE_MAGIC, MAGIC) == 0;
    struct frame_page page = {.version = cursor_le32(&c)};
    cursor_skip(&c, 4);
    page.number = cursor_le64(&c);
    page.salt = cursor_le64(&c);
    if (!magic || cursor_le64(&c) != XXH3_64bits(bytes, PAGE_USED - 8))
        return false;
    *ret_page = page;
    return true;
}

void frame_note_encode(const struct frame_note *note, uint8_t bytes[static FRAME_NOTE])
{
    memcpy(bytes, NOTE_MAGIC, MAGIC);
    uint8_t *at = put64(bytes + MAGIC, note->file);
    at = put64(at, note->committed);
    at = put64(at, note->dropped);
    put64(at, XXH3_64bits(bytes, FRAME_NOTE - 8));
}

bool frame_note_decode(const uint8_t bytes[static FRAME_NOTE], struct frame_note *ret_note)
{
    struct cursor c = cursor_make(bytes, FRAME_NOTE);
    bool magic = memcmp(cursor_take(&c, MAGIC), NOTE_MAGIC, MAGIC) == 0;
    struct frame_note note = {.file = cursor_le64(&c)};
    note.committed = cursor_le64(&c);
    note.dropped = cursor_le64(&c);
    if (!magic || cursor_le64(&c) != XXH3_64bits(bytes, FRAME_NOTE - 8))
        return false;
    *ret_note = note;
    return true;
}
