/* SPDX-License-Identifier: Apache-2.0 */
/* The journal: appending, reading, recovering, dropping, and what it says of damage in so many words. */
#include "tests/unit/aggregator/journal_support.h"

#include <fcntl.h>
#include <pthread.h>

#include "aggregator/journal/frame.h"

enum { SMALL = 65536 };

/* A set of `count` batches of `length` bytes behind what there is; the last of them in *ret_last (may be NULL). */
static enum result append(struct journal *journal, size_t count, size_t length, struct journal_entry *ret_last,
                          struct error *err)
{
    struct journal_entry entries[64];
    uint64_t first = journal_last(journal) + 1;
    assert_true(count <= 64);
    for (size_t i = 0; i < count; i++)
        entries[i] = test_entry(first + i, 0, length);
    enum result r = journal_append(journal, entries, count, err);
    for (size_t i = 0; i < count; i++)
        test_entry_fini(&entries[i]);
    if (ret_last != NULL)
        *ret_last = entries[count - 1];
    return r;
}

static void append_ok(struct journal *journal, size_t count, size_t length)
{
    struct error err;
    assert_ok(append(journal, count, length, NULL, &err), err);
}

struct seen {
    uint64_t entries, first, last, lost, named;
    struct journal_damage damage;
};

static enum result on_entry(void *context, const struct journal_entry *entry, struct error *err)
{
    struct seen *seen = context;
    struct journal_entry wanted = test_entry(entry->position, 0, entry->length);
    (void)err;
    wanted.place = entry->place;
    wanted.digest = frame_check(wanted.packed, wanted.length);
    assert_true(test_same(entry, &wanted));
    test_entry_fini(&wanted);
    assert_true(entry->position > seen->last);
    seen->first = seen->first == 0 ? entry->position : seen->first;
    seen->last = entry->position;
    seen->entries++;
    return RESULT_OK;
}

static enum result on_damage(void *context, const struct journal_damage *damage, struct error *err)
{
    struct seen *seen = context;
    (void)err;
    assert_true(damage->first_position > seen->last && damage->last_position >= damage->first_position);
    seen->last = damage->last_position;
    seen->lost += damage->last_position - damage->first_position + 1;
    seen->named += damage->named;
    seen->damage = *damage;
    return RESULT_OK;
}

static struct seen recover(struct journal *journal, uint64_t after)
{
    struct seen seen = {0};
    struct error err;
    assert_ok(journal_recover(journal, after, on_entry, on_damage, &seen, &err), err);
    return seen;
}

static int open_raw(uint64_t number, int flags)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/journal/%016" PRIx64 ".log", journal_folder, number);
    return open(path, flags);
}

static void spoil(uint64_t number, uint64_t offset, size_t length)
{
    int fd = open_raw(number, O_RDWR);
    assert_true(fd >= 0);
    for (size_t i = 0; i < length; i++) {
        uint8_t byte;
        assert_int_equal(pread(fd, &byte, 1, (off_t)(offset + i)), 1);
        byte ^= 0x5a;
        assert_int_equal(pwrite(fd, &byte, 1, (off_t)(offset + i)), 1);
    }
    close(fd);
}

static unsigned files_there(const char *ending)
{
    char path[128];
    unsigned count = 0;
    struct dirent *found;
    snprintf(path, sizeof(path), "%s/journal", journal_folder);
    DIR *listing = opendir(path);
    assert_non_null(listing);
    while ((found = readdir(listing)) != NULL)
        count += strstr(found->d_name, ending) != NULL;
    closedir(listing);
    return count;
}

static void forget_note(void)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/journal/committed", journal_folder);
    assert_int_equal(unlink(path), 0);
}

static void test_append_and_reopen(void **state)
{
    (void)state;
    journal_wipe();
    struct journal *journal = test_open(SMALL, NULL);
    assert_int_equal(journal_last(journal), 0);
    assert_int_equal(journal_first(journal), 1);
    assert_int_equal(recover(journal, 0).entries, 0);
    for (unsigned i = 0; i < 30; i++)
        append_ok(journal, 1 + i % 3, i * 100);
    assert_int_equal(journal_last(journal), 60);
    for (int round = 0; round < 3; round++) {
        struct seen seen = recover(journal, 0);
        assert_int_equal(seen.entries, 60);
        assert_int_equal(seen.lost, 0);
        seen = recover(journal, 57);
        assert_int_equal(seen.entries, 3);
        assert_int_equal(seen.first, 58);
        assert_int_equal(journal_first(journal), 1);
        journal_close(&journal);
        if (round == 1)
            forget_note();
        journal = test_open(SMALL, NULL);
    }
    uint64_t files = journal_sizes(journal).files;
    append_ok(journal, 1, 10); /* into the same file */
    assert_int_equal(journal_sizes(journal).files, files);
    assert_int_equal(recover(journal, 0).entries, 61);
    assert_int_equal(journal_sizes(journal).torn, 0);
    journal_close(&journal);
}

static void test_modes_and_lock(void **state)
{
    (void)state;
    struct journal *other;
    struct error err;
    struct stat st;
    char path[128];
    journal_wipe();
    mode_t before = umask(0377);
    struct journal *journal = test_open(SMALL, NULL);
    append_ok(journal, 1, 10);
    umask(0);
    assert_ok(journal_prepare(journal, &err), err);
    umask(before);
    for (uint64_t number = 1; number <= 2; number++) {
        int fd = open_raw(number, O_RDONLY);
        assert_int_equal(fstat(fd, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_true((uint64_t)st.st_blocks * 512 >= SMALL); /* allocated, not only long */
        close(fd);
    }
    snprintf(path, sizeof(path), "%s/journal", journal_folder);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(journal_open(&(struct journal_options){journal_folder, SMALL, NULL}, &other, &err), RESULT_FATAL);
    assert_non_null(strstr(err.text, "in use"));
    journal_close(&journal);
}

static void test_what_is_refused(void **state)
{
    (void)state;
    struct error err;
    journal_wipe();
    struct journal *journal = test_open(SMALL, NULL);
    struct journal_entry e = test_entry(2, 0, 10);
    assert_int_equal(journal_append(journal, &e, 1, &err), RESULT_REJECT);
    assert_int_equal(journal_append(journal, &e, 0, &err), RESULT_REJECT);
    e.position = 1;
    e.length = JOURNAL_ENTRY_MAX + 1;
    assert_int_equal(journal_append(journal, &e, 1, &err), RESULT_REJECT);
    e.length = 10;
    assert_ok(journal_append(journal, &e, 1, &err), err);
    assert_int_equal(journal_append(journal, &e, 1, &err), RESULT_REJECT);
    test_entry_fini(&e);
    journal_close(&journal);
}

/* A set that is larger than a file gets a larger one, also past a spare that is too small; order stays. */
static void test_large_set(void **state)
{
    (void)state;
    struct error err;
    journal_wipe();
    struct journal *journal = test_open(SMALL, NULL);
    append_ok(journal, 1, 10);
    assert_ok(journal_prepare(journal, &err), err);
    append_ok(journal, 3, 100000);
    append_ok(journal, 1, 10);
    assert_int_equal(recover(journal, 0).entries, 5);
    journal_close(&journal);
    journal = test_open(SMALL, NULL);
    assert_int_equal(recover(journal, 0).entries, 5);
    append_ok(journal, 1, 10);
    assert_int_equal(recover(journal, 4).entries, 2);
    journal_close(&journal);
}

static void test_read(void **state)
{
    (void)state;
    struct error err;
    struct journal_entry last, read;
    struct journal_buffer buffer = {0};
    journal_wipe();
    struct journal *journal = test_open(SMALL, NULL);
    append_ok(journal, 2, 1000);
    assert_ok(append(journal, 3, 5000, &last, &err), err);
    assert_ok(journal_read(journal, &last.place, &buffer, &read, &err), err);
    struct journal_entry wanted = test_entry(5, 0, 5000);
    wanted.place = last.place;
    wanted.digest = last.digest;
    assert_true(test_same(&read, &wanted));
    test_entry_fini(&wanted);

    spoil(last.place.file, last.place.offset + FRAME_HEAD + 70, 1);
    assert_int_equal(journal_read(journal, &last.place, &buffer, &read, &err), RESULT_REJECT);
    assert_non_null(strstr(err.text, "0000000000000001.log: position 5 (sensor sensor-"));
    assert_non_null(strstr(err.text, "sequence 50,"));
    spoil(last.place.file, last.place.offset + 30, 1); /* and its head: the set's directory still has it */
    assert_int_equal(journal_read(journal, &last.place, &buffer, &read, &err), RESULT_REJECT);
    assert_non_null(strstr(err.text, "0000000000000001.log: position 5 (sensor sensor-"));
    assert_non_null(strstr(err.text, "head is damaged"));
    struct journal_place nowhere = {last.place.file, last.place.offset + 8};
    assert_int_equal(journal_read(journal, &nowhere, &buffer, &read, &err), RESULT_REJECT);
    nowhere.file = 99;
    assert_int_equal(journal_read(journal, &nowhere, &buffer, &read, &err), RESULT_END);
    journal_buffer_fini(&buffer);
    journal_close(&journal);
}

/* A batch whose bytes look like frames of this journal is a batch still, also where the head before it is damaged. */
static void test_frames_in_bodies(void **state)
{
    (void)state;
    struct error err;
    uint8_t forged[2048] = {0};
    journal_wipe();
    struct journal *journal = test_open(SMALL, NULL);
    struct frame frame = {.kind = FRAME_BATCH, .set_first = 1, .set_last = 3};
    frame.entry.position = 2;
    for (unsigned i = 0; i < 4; i++) {
        frame.entry.place = (struct journal_place){1, FRAME_PAGE + FRAME_HEAD + i * FRAME_HEAD};
        frame_encode(&frame, 12345 /* not the file's salt */, forged + i * FRAME_HEAD);
    }
    struct journal_entry e = test_entry(1, 0, 10);
    const uint8_t *own = e.packed;
    e.packed = forged;
    e.length = sizeof(forged);
    assert_ok(journal_append(journal, &e, 1, &err), err);
    e.packed = own;
    test_entry_fini(&e);
    append_ok(journal, 1, 10);
    spoil(1, FRAME_PAGE + 40, 1);
    struct seen seen = recover(journal, 0);
    assert_int_equal(seen.lost, 1);
    assert_int_equal(seen.named, 1);
    assert_int_equal(seen.entries, 1);
    journal_close(&journal);
}

static void test_torn_end(void **state)
{
    (void)state;
    struct error err;
    struct journal_entry last;
    for (int noted = 0; noted <= 1; noted++) {
        journal_wipe();
        struct journal *journal = test_open(SMALL, NULL);
        append_ok(journal, 2, 300);
        assert_ok(append(journal, 2, 300, &last, &err), err);
        journal_close(&journal);
        if (!noted)
            forget_note();
        spoil(1, last.place.offset + FRAME_HEAD + 10, 1);
        journal = test_open(SMALL, NULL);
        assert_int_equal(journal_last(journal), noted ? 4 : 2);
        assert_int_equal(journal_sizes(journal).torn, !noted);
        struct seen seen = recover(journal, 0);
        assert_int_equal(seen.entries, noted ? 3 : 2);
        assert_int_equal(seen.lost, noted);
        append_ok(journal, 1, 20); /* into a new file: the old one's end is void, for ever */
        journal_close(&journal);
        forget_note();
        spoil(1, last.place.offset + FRAME_HEAD + 10, 1); /* whole again */
        journal = test_open(SMALL, NULL);
        seen = recover(journal, 0);
        assert_int_equal(seen.entries, noted ? 5 : 3);
        assert_int_equal(seen.lost, 0);
        assert_true(open_raw(2, O_RDONLY) >= 0);
        journal_close(&journal);
    }
}

/* The newest set that was acknowledged is damage, and no torn end, when a later file says that it was there. */
static void test_later_file_tells(void **state)
{
    (void)state;
    struct error err;
    struct journal_entry last;
    journal_wipe();
    struct journal *journal = test_open(SMALL, NULL);
    assert_ok(append(journal, 1, 50000, &last, &err), err);
    append_ok(journal, 1, 40000);
    journal_close(&journal);
    forget_note();
    spoil(1, last.place.offset, 50000 + 2 * FRAME_HEAD);
    journal = test_open(SMALL, NULL);
    struct seen seen = recover(journal, 0);
    assert_int_equal(seen.entries, 1);
    assert_int_equal(seen.lost, 1);
    assert_int_equal(seen.damage.named, 0);
    assert_string_equal(seen.damage.file, "0000000000000001.log");
    journal_close(&journal);
}

/* A file that is gone or unreadable as a whole is named, with its positions; the rest is there. */
static void test_whole_files(void **state)
{
    (void)state;
    struct error err;
    for (int gone = 0; gone <= 1; gone++) {
        char path[128];
        journal_wipe();
        struct journal *journal = test_open(SMALL, NULL);
        for (int i = 0; i < 4; i++)
            append_ok(journal, 1, 40000);
        journal_close(&journal);
        snprintf(path, sizeof(path), "%s/journal/0000000000000002.log", journal_folder);
        assert_int_equal(gone ? unlink(path) : truncate(path, 100), 0);
        journal = test_open(SMALL, NULL);
        struct seen seen = recover(journal, 0);
        assert_int_equal(seen.entries, 3);
        assert_int_equal(seen.lost, 1);
        assert_int_equal(seen.damage.first_position, 2);
        assert_string_equal(seen.damage.file, gone ? "0000000000000001.log" : "0000000000000002.log");
        append_ok(journal, 1, 10);
        assert_ok(journal_prepare(journal, &err), err);
        journal_close(&journal);
    }
}

/* Taken away as a whole: the caller says where the stream had come to. */
static void test_begin_at(void **state)
{
    (void)state;
    journal_wipe();
    struct journal *journal = test_open(SMALL, NULL);
    journal_begin_at(journal, 1000);
    assert_int_equal(journal_last(journal), 1000);
    assert_int_equal(journal_first(journal), 1001);
    append_ok(journal, 2, 100);
    assert_int_equal(journal_last(journal), 1002);
    journal_begin_at(journal, 7); /* it is farther already */
    journal_close(&journal);
    forget_note();
    journal = test_open(SMALL, NULL);
    assert_int_equal(journal_last(journal), 1002);
    assert_int_equal(recover(journal, 1000).entries, 2);
    assert_int_equal(recover(journal, 1000).lost, 0);
    assert_int_equal(recover(journal, 900).lost, 100); /* asked for, and not there */
    journal_begin_at(journal, 2000);
    append_ok(journal, 1, 100);
    for (int round = 0; round < 2; round++) {
        struct seen seen = recover(journal, 1000);
        assert_int_equal(seen.entries, 3);
        assert_int_equal(seen.lost, 2000 - 1002);
        journal_close(&journal);
        journal = test_open(SMALL, NULL);
    }
    journal_close(&journal);
}

static void test_drop(void **state)
{
    (void)state;
    struct error err;
    struct journal_cursor *cursor, *behind;
    struct journal_entry entry, first = {0};
    struct journal_damage damage;
    struct journal_buffer buffer = {0};
    uint64_t files;
    journal_wipe();
    struct journal *journal = test_open(SMALL, NULL);
    assert_ok(append(journal, 1, 40000, &first, &err), err);
    for (int i = 0; i < 9; i++)
        append_ok(journal, 1, 40000); /* a file each */
    assert_ok(journal_prepare(journal, &err), err);
    assert_int_equal(journal_sizes(journal).bytes, 11 * SMALL);
    assert_ok(journal_seek(journal, 1, &cursor, &err), err);
    assert_ok(journal_seek(journal, 2, &behind, &err), err);
    assert_int_equal(journal_next(cursor, true, &entry, &damage, &err), RESULT_OK);

    assert_ok(journal_drop(journal, 10, 0, INT64_MIN, &files, &err), err);
    assert_int_equal(files, 0);
    assert_ok(journal_drop(journal, 2, 5 * SMALL, INT64_MIN, &files, &err), err);
    assert_int_equal(files, 2); /* not more than may go */
    assert_int_equal(journal_first(journal), 3);
    assert_ok(journal_drop(journal, 10, 8 * SMALL, INT64_MIN, &files, &err), err);
    assert_int_equal(files, 1);
    assert_int_equal(files_there(".log"), 8);
    assert_ok(journal_drop(journal, 10, 0, TEST_NOW + 6, &files, &err), err);
    assert_int_equal(files, 1); /* 5 may have been received as late as the first of the next file */
    assert_int_equal(journal_first(journal), 5);

    assert_int_equal(journal_read(journal, &first.place, &buffer, &entry, &err), RESULT_END);
    assert_int_equal(journal_next(cursor, true, &entry, &damage, &err), RESULT_REJECT);
    assert_int_equal(damage.first_position, 2);
    assert_int_equal(damage.last_position, 4);
    assert_non_null(strstr(damage.why, "dropped"));
    assert_int_equal(journal_next(cursor, true, &entry, &damage, &err), RESULT_OK);
    assert_int_equal(entry.position, 5);
    assert_int_equal(journal_next(behind, false, &entry, &damage, &err), RESULT_REJECT);
    assert_int_equal(damage.last_position, 4);
    journal_cursor_close(&cursor);
    journal_cursor_close(&behind);

    assert_ok(journal_drop(journal, 10, 1, INT64_MIN, &files, &err), err); /* the one in use stays */
    assert_int_equal(journal_first(journal), 10);
    journal_close(&journal);
    journal = test_open(SMALL, NULL);
    assert_true(journal_sizes(journal).prepared);
    assert_int_equal(recover(journal, 0).entries, 1); /* what was dropped on purpose is no damage */
    assert_int_equal(recover(journal, 0).lost, 0);
    append_ok(journal, 1, 40000);
    assert_int_equal(recover(journal, 10).entries, 1);
    journal_buffer_fini(&buffer);
    journal_close(&journal);
}

/* A cursor follows the stream as it grows, and past damage. */
static void test_cursor(void **state)
{
    (void)state;
    struct error err;
    struct journal_cursor *cursor;
    struct journal_entry entry, last;
    struct journal_damage damage;
    journal_wipe();
    struct journal *journal = test_open(SMALL, NULL);
    assert_ok(journal_seek(journal, 0, &cursor, &err), err);
    for (uint64_t position = 1; position <= 40; position++) {
        assert_int_equal(journal_next(cursor, position % 2, &entry, &damage, &err), RESULT_AGAIN);
        assert_string_equal(err.text, "");
        assert_ok(append(journal, 1, 5000, &last, &err), err);
        if (position % 5 == 0)
            spoil(last.place.file, last.place.offset + FRAME_HEAD, 1);
        bool bytes = position % 10 != 0;
        enum result r = journal_next(cursor, bytes, &entry, &damage, &err);
        assert_int_equal(r, position % 5 == 0 && bytes ? RESULT_REJECT : RESULT_OK);
        if (r == RESULT_OK) {
            assert_int_equal(entry.position, position);
            assert_int_equal(entry.packed != NULL, bytes);
        } else {
            assert_true(damage.named && damage.first_position == position && damage.last_position == position);
        }
    }
    journal_cursor_close(&cursor);
    journal_close(&journal);
}

/* Of a newer version: nothing is touched, and the sentence says what to do. */
static void test_newer_version(void **state)
{
    (void)state;
    struct error err;
    uint8_t page[FRAME_PAGE];
    journal_wipe();
    struct journal *journal = test_open(SMALL, NULL);
    append_ok(journal, 1, 10);
    journal_close(&journal);
    frame_page_encode(&(struct frame_page){FRAME_VERSION + 1, 1, 7}, page);
    int fd = open_raw(1, O_RDWR);
    assert_int_equal(pwrite(fd, page, sizeof(page), 0), sizeof(page));
    close(fd);
    assert_int_equal(journal_open(&(struct journal_options){journal_folder, SMALL, NULL}, &journal, &err),
                     RESULT_FATAL);
    assert_non_null(strstr(err.text, "newer"));
}

static uint64_t rewritten;
static unsigned syncs;
static ssize_t counting_pwrite(int fd, const void *from, size_t length, off_t offset)
{
    rewritten += length;
    return pwrite(fd, from, length, offset);
}
static int counting_fdatasync(int fd)
{
    syncs++;
    return fdatasync(fd);
}

/* What counts because it can be read may be in the page cache alone, after a sync that failed in the last process: it
 * is written again and synced. What the note vouches for is not. */
static void test_unsure_end_is_written_again(void **state)
{
    (void)state;
    struct journal_calls calls = journal_system_calls;
    calls.pwrite = counting_pwrite;
    calls.fdatasync = counting_fdatasync;
    for (int noted = 0; noted <= 1; noted++) {
        journal_wipe();
        struct journal *journal = test_open(SMALL, NULL);
        append_ok(journal, 2, 5000);
        journal_close(&journal);
        if (!noted)
            forget_note();
        rewritten = syncs = 0;
        journal = test_open(SMALL, &calls);
        assert_int_equal(rewritten, noted ? 0 : 2 * frame_size(5000) + frame_size(2 * FRAME_HEAD));
        assert_int_equal(syncs, !noted);
        assert_int_equal(recover(journal, 0).entries, 2);
        journal_close(&journal);
    }
}

static unsigned reads;
static ssize_t counting_pread(int fd, void *to, size_t length, off_t offset)
{
    reads++;
    return pread(fd, to, length, offset);
}

/* Of a long journal only the files that are wanted are read: three reads of any other. */
static void test_start_reads_little(void **state)
{
    (void)state;
    struct journal_calls calls = test_quick_calls();
    journal_wipe();
    struct journal *journal = test_open(SMALL, &calls);
    for (unsigned i = 0; i < 100; i++)
        append_ok(journal, 20, 2000); /* a file each */
    journal_close(&journal);
    calls.pread = counting_pread;
    reads = 0;
    journal = test_open(SMALL, &calls);
    assert_int_equal(recover(journal, 1990).entries, 10);
    assert_true(reads < 2 * 100 + 100);
    journal_close(&journal);
}

/* ------------------------------------------------------------------ threads */

static void *follow(void *argument)
{
    struct journal *journal = argument;
    struct journal_cursor *cursor;
    struct journal_entry entry;
    struct journal_damage damage;
    struct error err;
    uint64_t due = 1;
    if (journal_seek(journal, 1, &cursor, &err) != RESULT_OK)
        abort();
    while (due <= 600) {
        enum result r = journal_next(cursor, true, &entry, &damage, &err);
        if (r == RESULT_AGAIN) {
            usleep(200);
            continue;
        }
        uint64_t first = r == RESULT_OK ? entry.position : damage.first_position;
        bool dropped = r == RESULT_REJECT && strstr(damage.why, "dropped") != NULL;
        if (first != due || (r != RESULT_OK && !dropped))
            abort();
        due = (r == RESULT_OK ? entry.position : damage.last_position) + 1;
    }
    journal_cursor_close(&cursor);
    return NULL;
}

static void test_readers_while_writing(void **state)
{
    (void)state;
    struct error err;
    pthread_t readers[3];
    journal_wipe();
    struct journal *journal = test_open(SMALL, NULL);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, follow, journal), 0);
    for (unsigned i = 0; i < 300; i++) {
        append_ok(journal, 2, 3000);
        assert_ok(journal_drop(journal, journal_last(journal), 6 * SMALL, INT64_MIN, NULL, &err), err);
    }
    for (int i = 0; i < 3; i++)
        pthread_join(readers[i], NULL);
    journal_close(&journal);
}

/* While it is another's, who goes on writing: what was there when it was opened. */
static void test_read_only(void **state)
{
    (void)state;
    struct error err;
    struct journal *copy;
    journal_wipe();
    struct journal *journal = test_open(SMALL, NULL);
    for (unsigned i = 0; i < 40; i++)
        append_ok(journal, 2, 3000);
    assert_ok(journal_prepare(journal, &err), err);
    const struct journal_options options = {.directory = journal_folder, .file_bytes = SMALL, .read_only = true};
    assert_ok(journal_open(&options, &copy, &err), err);
    append_ok(journal, 2, 3000);
    assert_int_equal(journal_last(copy), 80);
    assert_int_equal(journal_first(copy), journal_first(journal));
    struct journal_cursor *cursor;
    struct journal_entry entry;
    struct journal_damage damage;
    assert_ok(journal_seek(copy, 1, &cursor, &err), err);
    for (uint64_t position = 1; position <= 80; position++) {
        assert_ok(journal_next(cursor, true, &entry, &damage, &err), err);
        assert_int_equal(entry.position, position);
    }
    assert_int_equal(journal_next(cursor, true, &entry, &damage, &err), RESULT_AGAIN);
    journal_cursor_close(&cursor);
    journal_close(&copy);
    journal_close(&journal);
    journal_wipe();
    assert_ok(journal_open(&options, &copy, &err), err); /* there is nothing, and nothing is made */
    assert_int_equal(journal_last(copy), 0);
    journal_close(&copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_append_and_reopen),
                                       cmocka_unit_test(test_modes_and_lock),
                                       cmocka_unit_test(test_what_is_refused),
                                       cmocka_unit_test(test_large_set),
                                       cmocka_unit_test(test_read),
                                       cmocka_unit_test(test_frames_in_bodies),
                                       cmocka_unit_test(test_torn_end),
                                       cmocka_unit_test(test_later_file_tells),
                                       cmocka_unit_test(test_whole_files),
                                       cmocka_unit_test(test_begin_at),
                                       cmocka_unit_test(test_drop),
                                       cmocka_unit_test(test_cursor),
                                       cmocka_unit_test(test_newer_version),
                                       cmocka_unit_test(test_start_reads_little),
                                       cmocka_unit_test(test_unsure_end_is_written_again),
                                       cmocka_unit_test(test_readers_while_writing),
                                       cmocka_unit_test(test_read_only)};
    return cmocka_run_group_tests(tests, journal_setup, journal_teardown);
}
