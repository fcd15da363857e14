/* SPDX-License-Identifier: Apache-2.0 */
/* Property: whatever bytes of whatever files are changed, cut off or zeroed, every batch outside of them is there byte
 * for byte, each that is not is told once and named when its head or its set's directory is left, and nothing else is
 * there. The test knows where each frame is, and compares the files before and after; it reads none of them itself. */
#include "tests/unit/aggregator/journal_support.h"

#include <fcntl.h>

#include "aggregator/journal/frame.h"

enum { FILE_BYTES = 65536, ENTRIES_MAX = 200, SETS_MAX = 64, FILES_MAX = 16, LENGTH_MAX = 3000 };

static struct {
    struct journal_entry entries[ENTRIES_MAX]; /* [position - 1]; with their bytes */
    uint64_t set_of[ENTRIES_MAX];
    uint64_t count;
    struct set {
        uint64_t first, last, file, offset /* of its END frame */, after;
    } sets[SETS_MAX];
    uint64_t set_count;
    struct image {
        uint64_t number, size;
        uint8_t *before, *after; /* both of `size` bytes; what was cut off is changed */
        bool *changed;
        bool salted, framed; /* what is left of it */
    } images[FILES_MAX];
    uint64_t image_count;
    bool note_changed;
} truth;

static void path_of(uint64_t number, char path[static 128])
{
    if (number == 0)
        snprintf(path, 128, "%s/journal/committed", journal_folder);
    else
        snprintf(path, 128, "%s/journal/%016" PRIx64 ".log", journal_folder, number);
}

static uint8_t *load(uint64_t number, uint64_t *ret_size)
{
    char path[128];
    struct stat st;
    path_of(number, path);
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return NULL;
    assert_int_equal(fstat(fd, &st), 0);
    uint8_t *bytes = calloc(1, (size_t)st.st_size + 1);
    assert_int_equal(read(fd, bytes, (size_t)st.st_size), st.st_size);
    close(fd);
    *ret_size = (uint64_t)st.st_size;
    return bytes;
}

static void truth_clear(void)
{
    for (uint64_t i = 0; i < truth.count; i++)
        test_entry_fini(&truth.entries[i]);
    for (uint64_t i = 0; i < truth.image_count; i++) {
        free(truth.images[i].before);
        free(truth.images[i].after);
        free(truth.images[i].changed);
    }
    memset(&truth, 0, sizeof(truth));
}

/* ------------------------------------------------------------------ writing */

static void write_set(struct journal *journal)
{
    struct error err;
    struct journal_entry *entries = truth.entries + truth.count;
    uint64_t count = 1 + test_random(4), longest = test_random(3) == 0 ? 40 : LENGTH_MAX;
    for (uint64_t i = 0; i < count; i++) {
        entries[i] = test_entry(truth.count + i + 1, 0, test_random(longest));
        truth.set_of[truth.count + i] = truth.set_count;
    }
    assert_ok(journal_append(journal, entries, count, &err), err);
    const struct journal_entry *last = &entries[count - 1];
    struct set *set = &truth.sets[truth.set_count++];
    *set = (struct set){entries[0].position, last->position, last->place.file,
                        last->place.offset + frame_size(last->length), 0};
    const struct set *before = truth.set_count > 1 ? set - 1 : NULL;
    set->after = before == NULL ? 0 : before->file == set->file ? before->after : before->last;
    truth.count += count;
}

static void write_journal(const struct journal_calls *calls)
{
    struct error err;
    struct journal *journal = test_open(FILE_BYTES, calls);
    uint64_t sets = 1 + test_random(SETS_MAX - 20);
    for (uint64_t i = 0; i < sets; i++) {
        write_set(journal);
        if (test_random(10) == 0) {
            journal_close(&journal);
            journal = test_open(FILE_BYTES, calls);
        }
        if (test_random(4) == 0)
            assert_ok(journal_prepare(journal, &err), err);
    }
    journal_close(&journal);
}

/* ------------------------------------------------------------------ damaging */

static void damage_file(const struct image *image)
{
    char path[128];
    uint8_t bytes[20000];
    path_of(image->number, path);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    uint64_t used = image->size;
    while (used > FRAME_PAGE * 2 && used > 8 && memcmp(image->before + used - FRAME_PAGE - 8, "\0\0\0\0\0\0\0", 8) == 0)
        used -= 8; /* most damage where something is */
    uint64_t from = test_random(test_random(8) == 0 ? image->size : used);
    uint64_t length = 1 + test_random(test_random(2) == 0 ? 3 : sizeof(bytes));
    if (length > image->size - from)
        length = image->size - from;
    switch (test_random(8)) {
    case 0:
        assert_int_equal(ftruncate(fd, (off_t)from), 0);
        break;
    case 1:
        memset(bytes, 0, length);
        assert_int_equal(pwrite(fd, bytes, length, (off_t)from), length);
        break;
    case 2: /* a piece of the file where it does not belong */
        memcpy(bytes, image->before + test_random(image->size - length), length);
        assert_int_equal(pwrite(fd, bytes, length, (off_t)(from & ~7ull)), length);
        break;
    default:
        for (uint64_t i = 0; i < length; i++)
            bytes[i] = (uint8_t)test_random(256);
        assert_int_equal(pwrite(fd, bytes, length, (off_t)from), length);
    }
    close(fd);
}

static bool intact(const struct image *image, uint64_t from, uint64_t length)
{
    for (uint64_t i = from; i < from + length; i++) {
        if (image->changed[i])
            return false;
    }
    return true;
}

static const struct image *image_of(uint64_t number)
{
    for (uint64_t i = 0; i < truth.image_count; i++) {
        if (truth.images[i].number == number)
            return &truth.images[i];
    }
    fail();
    return NULL;
}

static bool head_left(uint64_t file, uint64_t offset)
{
    return image_of(file)->salted && intact(image_of(file), offset, FRAME_HEAD);
}

/* What is left of a file that was changed. The page counts up to its checksum, at the front and, if the file has its
 * old length, at the end. */
static void compare(struct image *image)
{
    uint64_t size;
    image->after = load(image->number, &size);
    image->changed = calloc(image->size + 1, sizeof(bool));
    for (uint64_t i = 0; i < image->size; i++)
        image->changed[i] = i >= size || image->before[i] != image->after[i];
    image->salted =
        (size >= FRAME_PAGE && intact(image, 0, 40)) || (size == image->size && intact(image, size - FRAME_PAGE, 40));
    for (uint64_t i = 0; i < truth.count; i++)
        image->framed |=
            truth.entries[i].place.file == image->number && head_left(image->number, truth.entries[i].place.offset);
    for (uint64_t i = 0; i < truth.set_count; i++)
        image->framed |= truth.sets[i].file == image->number && head_left(image->number, truth.sets[i].offset);
}

static void damage_journal(void)
{
    for (uint64_t number = 1; truth.image_count < FILES_MAX && number < 64; number++) {
        struct image *image = &truth.images[truth.image_count];
        image->before = load(number, &image->size);
        image->number = number;
        truth.image_count += image->before != NULL;
    }
    for (uint64_t times = test_random(4); times > 0; times--)
        damage_file(&truth.images[test_random(truth.image_count)]);
    for (uint64_t i = 0; i < truth.image_count; i++)
        compare(&truth.images[i]);
    if (test_random(2) == 0) {
        char path[128];
        path_of(0, path);
        truth.note_changed = true;
        assert_int_equal(test_random(2) == 0 ? unlink(path) : truncate(path, (off_t)test_random(FRAME_NOTE)), 0);
    }
}

/* ------------------------------------------------------------------ what must be true */

static bool entry_left(uint64_t position)
{
    const struct journal_entry *e = &truth.entries[position - 1];
    return head_left(e->place.file, e->place.offset) &&
           intact(image_of(e->place.file), e->place.offset, FRAME_HEAD + e->length);
}

static bool name_left(uint64_t position)
{
    const struct journal_entry *e = &truth.entries[position - 1];
    const struct set *set = &truth.sets[truth.set_of[position - 1]];
    return head_left(e->place.file, e->place.offset) ||
           (head_left(set->file, set->offset) &&
            intact(image_of(set->file), set->offset + FRAME_HEAD + (position - set->first) * FRAME_HEAD, FRAME_HEAD));
}

static bool set_left(const struct set *set)
{
    bool left = head_left(set->file, set->offset) &&
                intact(image_of(set->file), set->offset + FRAME_HEAD, (set->last - set->first + 1) * FRAME_HEAD);
    for (uint64_t p = set->first; p <= set->last; p++)
        left = left && entry_left(p);
    return left;
}

/* How far the stream can be known to go. */
static uint64_t known_end(void)
{
    uint64_t end = 0, file = 0;
    if (!truth.note_changed)
        return truth.count;
    for (uint64_t i = 0; i < truth.image_count; i++) {
        if (truth.images[i].framed)
            file = truth.images[i].number;
    }
    for (uint64_t i = 0; i < truth.set_count; i++) {
        const struct set *set = &truth.sets[i];
        bool any = set->file == file && head_left(set->file, set->offset);
        for (uint64_t p = set->first; p <= set->last && set->file == file; p++)
            any = any || head_left(file, truth.entries[p - 1].place.offset);
        if (any)
            end = set_left(set) ? set->last : set->first - 1;
    }
    return end;
}

struct seen {
    uint64_t due, end;
};

static enum result on_entry(void *context, const struct journal_entry *entry, struct error *err)
{
    struct seen *seen = context;
    (void)err;
    assert_int_equal(entry->position, seen->due++);
    assert_true(entry->position <= seen->end);
    assert_true(test_same(entry, &truth.entries[entry->position - 1]));
    return RESULT_OK;
}

static enum result on_damage(void *context, const struct journal_damage *damage, struct error *err)
{
    struct seen *seen = context;
    (void)err;
    assert_int_equal(damage->first_position, seen->due);
    assert_true(damage->last_position >= seen->due && damage->last_position <= seen->end);
    seen->due = damage->last_position + 1;
    for (uint64_t p = damage->first_position; p <= damage->last_position; p++) {
        assert_false(entry_left(p));
        assert_int_equal(damage->named, name_left(p));
    }
    if (damage->named) {
        assert_int_equal(damage->first_position, damage->last_position);
        assert_true(test_same_head(&damage->head, &truth.entries[damage->first_position - 1]));
    }
    return RESULT_OK;
}

static void check(struct journal *journal, uint64_t end)
{
    struct error err;
    uint64_t after = test_random(2) == 0 ? 0 : test_random(end + 1);
    struct seen seen = {after + 1, end};
    assert_int_equal(journal_last(journal), end);
    assert_ok(journal_recover(journal, after, on_entry, on_damage, &seen, &err), err);
    assert_int_equal(seen.due, end + 1);
}

static void check_reads(struct journal *journal, uint64_t end)
{
    struct journal_buffer buffer = {0};
    struct journal_entry read;
    struct error err;
    for (uint64_t p = 1; p <= end; p++) {
        const struct journal_entry *e = &truth.entries[p - 1];
        enum result r = journal_read(journal, &e->place, &buffer, &read, &err);
        assert_int_equal(r, entry_left(p) ? RESULT_OK : RESULT_REJECT);
        if (r == RESULT_OK) {
            assert_true(test_same(&read, e));
        } else if (name_left(p)) {
            char words[96];
            snprintf(words, sizeof(words), "position %" PRIu64 " (%s", p, e->speaker.sensor[0] == 0 ? "the" : "sensor");
            assert_non_null(strstr(err.text, words));
        }
    }
    journal_buffer_fini(&buffer);
}

/* The stream goes on behind the damage, and what was there before is as it was. */
static void go_on(const struct journal_calls *calls, uint64_t end)
{
    struct journal *journal = test_open(FILE_BYTES, calls);
    struct error err;
    struct journal_entry *e = &truth.entries[end];
    check(journal, end);
    test_entry_fini(e);
    *e = test_entry(end + 1, 7, 100);
    assert_ok(journal_append(journal, e, 1, &err), err);
    journal_close(&journal);
    journal = test_open(FILE_BYTES, calls);
    assert_int_equal(journal_last(journal), end + 1);
    struct journal_buffer buffer = {0};
    struct journal_entry read;
    assert_ok(journal_read(journal, &e->place, &buffer, &read, &err), err);
    assert_true(test_same(&read, e));
    journal_buffer_fini(&buffer);
    struct seen seen = {1, end + 1};
    if (end >= 1) {
        struct journal_cursor *cursor;
        struct journal_damage damage;
        assert_ok(journal_seek(journal, 1, &cursor, &err), err);
        while (seen.due <= end) {
            enum result r = journal_next(cursor, true, &read, &damage, &err);
            assert_int_equal(r == RESULT_OK ? on_entry(&seen, &read, &err) : on_damage(&seen, &damage, &err),
                             RESULT_OK);
        }
        journal_cursor_close(&cursor);
    }
    journal_close(&journal);
    if (end >= truth.count)
        truth.count = end + 1; /* so that it is freed */
}

static void test_random_damage(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    unsigned rounds = test_rounds(1500);
    const struct journal_calls calls = test_quick_calls();
    for (unsigned round = 0; round < rounds; round++) {
        test_random_state = test_mix(seed + round);
        journal_wipe();
        write_journal(&calls);
        damage_journal();
        uint64_t end = known_end();
        struct journal *journal = test_open(FILE_BYTES, &calls);
        check(journal, end);
        check_reads(journal, end);
        journal_close(&journal);
        go_on(&calls, end);
        truth_clear();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_damage)};
    return cmocka_run_group_tests(tests, journal_setup, journal_teardown);
}
