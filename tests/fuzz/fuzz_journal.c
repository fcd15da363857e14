/* SPDX-License-Identifier: Apache-2.0 */
/* A journal file: opened, read through, gone on with, and opened again, which must find what was there before.
 *
 * Checksums would end every mutation, so the input is a plan by which a file is made with valid ones: chunks of a byte
 * that says what it is and what follows.
 *   0 N bytes    as they are (N x 8 of them)        1 head   a BATCH frame with these fields and a body behind it
 *   2 head       an END frame                       3 0 N    N x 8 zeros */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aggregator/journal/calls.h"
#include "aggregator/journal/frame.h"
#include "common/cursor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FILE_BYTES = 65536, SALT = 77, NUMBER = 1 };

static uint8_t file[FILE_BYTES];

static int no_sync(int fd)
{
    (void)fd;
    return 0;
}

/* Small numbers, and now and then one that is not. */
static uint64_t number(struct cursor *c)
{
    uint8_t first = cursor_u8(c);
    return first < 250 ? first % 16 : cursor_le64(c);
}

static size_t put_frame(struct cursor *c, enum frame_kind kind, size_t at)
{
    struct frame frame = {.kind = kind};
    frame.after = number(c);
    frame.set_first = number(c);
    frame.set_last = number(c);
    frame.entry.place = (struct journal_place){NUMBER, at};
    frame.entry.position = number(c);
    frame.entry.sequence = number(c);
    frame.length = kind == FRAME_END ? (frame.set_last - frame.set_first + 1) * FRAME_HEAD : number(c) * 4;
    frame.entry.length = frame.length;
    cursor_copy(c, frame.entry.speaker.sensor, cursor_u8(c) % OBSERVER_NAME_MAX);
    size_t room = FILE_BYTES - FRAME_PAGE - at - FRAME_HEAD;
    size_t length = frame.length < room ? frame.length : room;
    if (kind == FRAME_END) /* the heads before it, as far as they are where they would be without bodies */
        memcpy(file + at + FRAME_HEAD, file + at - (length < at ? length : at), length < at ? length : at);
    else
        memset(file + at + FRAME_HEAD, cursor_u8(c), length);
    frame.check = frame.entry.digest = frame_check(file + at + FRAME_HEAD, length);
    frame_encode(&frame, SALT, file + at);
    return at + FRAME_HEAD + ((length + 7) & ~7ull);
}

static void make_file(struct cursor c)
{
    memset(file, 0, sizeof(file));
    frame_page_encode(&(struct frame_page){FRAME_VERSION, NUMBER, SALT}, file);
    memcpy(file + FILE_BYTES - FRAME_PAGE, file, FRAME_PAGE);
    for (size_t at = FRAME_PAGE; c.left > 0 && !c.failed && at + 2 * FRAME_HEAD < FILE_BYTES - FRAME_PAGE;) {
        uint8_t what = cursor_u8(&c) % 4;
        if (what == 1 || what == 2) {
            at = put_frame(&c, (enum frame_kind)what, at);
            continue;
        }
        size_t length = cursor_u8(&c) * 8u, room = FILE_BYTES - FRAME_PAGE - at;
        length = length < room ? length : room;
        if (what == 0)
            cursor_copy(&c, file + at, length < c.left ? length : c.left);
        at += length;
    }
}

static void write_file(const char *folder)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/journal", folder);
    mkdir(path, 0700);
    snprintf(path, sizeof(path), "%s/journal/%016x.log", folder, NUMBER);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || write(fd, file, sizeof(file)) != sizeof(file))
        abort();
    close(fd);
}

struct seen {
    uint64_t due, entries, hash;
};

static enum result on_entry(void *context, const struct journal_entry *entry, struct error *err)
{
    struct seen *seen = context;
    (void)err;
    if (entry->position != seen->due++ || frame_check(entry->packed, entry->length) != entry->digest)
        abort();
    seen->entries++;
    seen->hash = seen->hash * 31 + entry->digest + entry->sequence;
    return RESULT_OK;
}

static enum result on_damage(void *context, const struct journal_damage *damage, struct error *err)
{
    struct seen *seen = context;
    char text[JOURNAL_DAMAGE_TEXT_MAX];
    (void)err;
    if (damage->first_position != seen->due || damage->last_position < seen->due ||
        !journal_damage_text(damage, text)[0])
        abort();
    seen->due = damage->last_position + 1;
    return RESULT_OK;
}

static struct journal *look(const char *folder, const struct journal_calls *calls, struct seen *ret_seen)
{
    struct journal *journal;
    struct error err;
    if (journal_open(&(struct journal_options){folder, FILE_BYTES, calls}, &journal, &err) != RESULT_OK)
        abort();
    *ret_seen = (struct seen){.due = 1};
    if (journal_recover(journal, 0, on_entry, on_damage, ret_seen, &err) != RESULT_OK ||
        ret_seen->due != journal_last(journal) + 1)
        abort();
    return journal;
}

static void clean(const char *folder)
{
    static const char *const names[] = {"0000000000000001.log", "0000000000000002.log", "committed"};
    char path[128];
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        snprintf(path, sizeof(path), "%s/journal/%s", folder, names[i]);
        unlink(path);
    }
    snprintf(path, sizeof(path), "%s/journal", folder);
    rmdir(path);
    rmdir(folder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct journal_calls calls = journal_system_calls;
    char folder[] = "/tmp/pavo-fuzz-journal-XXXXXX";
    struct seen before, after;
    struct error err;
    calls.fsync = calls.fdatasync = no_sync;
    make_file(cursor_make(data, size));
    if (mkdtemp(folder) == NULL)
        abort();
    write_file(folder);
    struct journal *journal = look(folder, &calls, &before);
    struct journal_entry more = {.position = journal_last(journal) + 1, .packed = (const uint8_t *)"x", .length = 1};
    bool appended = journal_append(journal, &more, 1, &err) == RESULT_OK;
    journal_close(&journal);
    journal = look(folder, &calls, &after);
    if (after.entries != before.entries + appended)
        abort();
    journal_close(&journal);
    clean(folder);
    return 0;
}
