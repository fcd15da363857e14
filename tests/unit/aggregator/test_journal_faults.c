/* SPDX-License-Identifier: Apache-2.0 */
/* Every write, sync, rename, unlink ... of a scenario fails once, each in several ways; and the process is killed at
 * any instant. Then: acknowledged sets are there exactly once and in order; a set that was not acknowledged is there
 * wholly or not at all, and never while the journal that refused it is open. */
#include "tests/unit/aggregator/journal_support.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

enum { FILE_BYTES = 65536, TRIES_MAX = 400, UNSYNCED_MAX = 64 };

/* ------------------------------------------------------------------ calls that fail */

enum way {
    ONCE,      /* one call fails */
    FULL,      /* it and the nine after it find the disk full; writes first come short */
    LOST,      /* a sync that fails leaves nothing of what was written */
    HALF_LOST, /* or some pages of it */
    DEAD,      /* nothing works from there on, as if the process had ended */
    POWER,     /* and some pages that were not synced are lost */
    WAY_COUNT
};

static struct {
    enum way way;
    uint64_t calls, fails_at; /* from 1; 0: none fails */
    bool failed;
    struct unsynced {
        int fd;
        off_t offset;
        size_t length;
    } unsynced[UNSYNCED_MAX];
    unsigned unsynced_count;
} shim;

static bool fails(void)
{
    uint64_t call = ++shim.calls;
    uint64_t last = shim.way >= DEAD ? UINT64_MAX : shim.fails_at + (shim.way == FULL ? 9 : 0);
    if (shim.fails_at == 0 || call < shim.fails_at || call > last)
        return false;
    shim.failed = true;
    errno = shim.way == FULL ? ENOSPC : EIO;
    return true;
}

static bool dead(void)
{
    return shim.failed && shim.way >= DEAD;
}

static void note_write(int fd, off_t offset, ssize_t length)
{
    if (length > 0 && shim.unsynced_count < UNSYNCED_MAX)
        shim.unsynced[shim.unsynced_count++] = (struct unsynced){fd, offset, (size_t)length};
}

static void forget_writes(int fd)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < shim.unsynced_count; i++) {
        if (shim.unsynced[i].fd != fd)
            shim.unsynced[kept++] = shim.unsynced[i];
    }
    shim.unsynced_count = kept;
}

/* What was not synced is zeros again, page by page. The file's pages are synced when it is made. */
static void lose_writes(int fd, bool all)
{
    static const uint8_t zeros[4096];
    for (unsigned i = 0; i < shim.unsynced_count; i++) {
        const struct unsynced *u = &shim.unsynced[i];
        if (fd >= 0 && u->fd != fd)
            continue;
        for (off_t at = u->offset; at < u->offset + (off_t)u->length;) {
            off_t end = (at | 4095) + 1 < u->offset + (off_t)u->length ? (at | 4095) + 1 : u->offset + (off_t)u->length;
            if (u->offset >= 4096 && (all || test_random(2) == 0))
                (void)!pwrite(u->fd, zeros, (size_t)(end - at), at);
            at = end;
        }
    }
}

static int fault_openat(int folder, const char *name, int flags, ...)
{
    return fails() ? -1 : openat(folder, name, flags, 0600);
}

static ssize_t fault_pwrite(int fd, const void *from, size_t length, off_t offset)
{
    if (fails())
        return -1;
    ssize_t n = pwrite(fd, from, length, offset);
    if (length != 40) /* the note is lost as a whole or not: leave it */
        note_write(fd, offset, n);
    return n;
}

static ssize_t fault_pwritev(int fd, const struct iovec *parts, int count, off_t offset)
{
    bool failing = fails();
    if (failing && !(shim.way == FULL && shim.calls == shim.fails_at) && shim.way != DEAD && shim.way != POWER)
        return -1;
    if (failing) { /* some of it is written before it fails, or the process ends */
        ssize_t n = pwritev(fd, parts, count / 2, offset);
        note_write(fd, offset, n);
        return shim.way == FULL && n > 0 ? n : -1;
    }
    ssize_t n = pwritev(fd, parts, count, offset);
    note_write(fd, offset, n);
    return n;
}

static int fault_fallocate(int fd, off_t offset, off_t length)
{
    return fails() ? errno : posix_fallocate(fd, offset, length);
}

static int fault_sync(int fd)
{
    if (fails()) {
        if (shim.way == LOST || shim.way == HALF_LOST)
            lose_writes(fd, shim.way == LOST);
        forget_writes(fd); /* marked clean, and never tried again */
        errno = EIO;
        return -1;
    }
    forget_writes(fd);
    return 0;
}

static int fault_renameat(int from_folder, const char *from, int to_folder, const char *to)
{
    return fails() ? -1 : renameat(from_folder, from, to_folder, to);
}

static int fault_unlinkat(int folder, const char *name, int flags)
{
    return fails() ? -1 : unlinkat(folder, name, flags);
}

static const struct journal_calls fault_calls = {.openat = fault_openat,
                                                 .pread = pread,
                                                 .pwrite = fault_pwrite,
                                                 .pwritev = fault_pwritev,
                                                 .fallocate = fault_fallocate,
                                                 .fdatasync = fault_sync,
                                                 .fsync = fault_sync,
                                                 .renameat = fault_renameat,
                                                 .unlinkat = fault_unlinkat};

/* ------------------------------------------------------------------ what was tried */

static struct {
    struct
    try {
        uint64_t first, count, variant;
        bool there;    /* acknowledged, or found after a start */
        bool possible; /* refused, and the journal has been closed since: a start may find it */
    }
    tries[TRIES_MAX];
    unsigned count;
    uint64_t last; /* position that is there */
} tried;

static size_t length_of(uint64_t position, uint64_t variant)
{
    uint64_t mixed = test_mix(position * 31 + variant);
    return mixed % 8 == 0 ? mixed % 30000 : mixed % 1000;
}

static bool is_of(const struct journal_entry *entry, uint64_t variant)
{
    struct journal_entry wanted = test_entry(entry->position, variant, length_of(entry->position, variant));
    wanted.place = entry->place;
    wanted.digest = entry->digest;
    bool same = entry->length == wanted.length && test_same(entry, &wanted);
    test_entry_fini(&wanted);
    return same;
}

static enum result no_damage(void *context, const struct journal_damage *damage, struct error *err)
{
    char text[JOURNAL_DAMAGE_TEXT_MAX];
    (void)context;
    (void)err;
    fail_msg("damage where there is none: %s", journal_damage_text(damage, text));
    return RESULT_FATAL;
}

/* The set that is there and has this position; perhaps one that is found now, whose entries must all follow. */
static struct try *set_with(uint64_t position, const struct journal_entry *entry)
{
    for (unsigned i = 0; i < tried.count; i++) {
        struct try *t = &tried.tries[i];
        if (t->there && position >= t->first && position < t->first + t->count)
            return t;
    }
    for (unsigned i = 0; i < tried.count; i++) {
        struct try *t = &tried.tries[i];
        if (t->possible && t->first == position && is_of(entry, t->variant)) {
            t->there = true;
            tried.last = t->first + t->count - 1;
            return t;
        }
    }
    return NULL;
}

static enum result check_entry(void *context, const struct journal_entry *entry, struct error *err)
{
    uint64_t *due = context;
    (void)err;
    assert_int_equal(entry->position, (*due)++);
    const struct try *t = set_with(entry->position, entry);
    assert_non_null(t);
    assert_true(is_of(entry, t->variant));
    return RESULT_OK;
}

static void check(struct journal *journal)
{
    struct error err;
    uint64_t due;
    enum result r;
    int tries = 0;
    do {
        due = journal_first(journal);
        r = journal_recover(journal, due - 1, check_entry, no_damage, &due, &err);
    } while (r == RESULT_AGAIN && shim.failed && ++tries < 20 && !dead()); /* opening a file may be what fails */
    if (dead())
        return;
    assert_ok(r, err);
    assert_int_equal(due, tried.last + 1);
    assert_int_equal(journal_last(journal), tried.last);
    for (unsigned i = 0; i < tried.count; i++)
        tried.tries[i].possible = false;
}

/* ------------------------------------------------------------------ the scenario */

static void reopen(struct journal **journal)
{
    struct error err;
    journal_close(journal);
    for (unsigned i = 0; i < tried.count; i++)
        tried.tries[i].possible = !tried.tries[i].there && tried.tries[i].first == tried.last + 1;
    for (int tries = 0; tries < 20 && *journal == NULL && !dead(); tries++) {
        if (journal_open(&(struct journal_options){journal_folder, FILE_BYTES, &fault_calls}, journal, &err) !=
            RESULT_OK)
            assert_true(shim.failed);
    }
    if (*journal != NULL)
        check(*journal);
}

static enum result append(struct journal *journal, uint64_t count, uint64_t variant, struct error *err)
{
    struct journal_entry entries[8];
    struct try *t = &tried.tries[tried.count++];
    assert_true(tried.count < TRIES_MAX);
    *t = (struct try){.first = tried.last + 1, .count = count, .variant = variant};
    for (uint64_t i = 0; i < count; i++)
        entries[i] = test_entry(t->first + i, variant, length_of(t->first + i, variant));
    enum result r = journal_append(journal, entries, count, err);
    for (uint64_t i = 0; i < count; i++)
        test_entry_fini(&entries[i]);
    assert_int_equal(journal_last(journal), r == RESULT_OK ? tried.last + count : tried.last);
    if (r == RESULT_OK) {
        t->there = true;
        tried.last += count;
    }
    return r;
}

static void scenario(void)
{
    struct journal *journal = NULL;
    struct error err;
    reopen(&journal);
    for (uint64_t step = 0; step < 18 && journal != NULL; step++) {
        uint64_t count = 1 + test_random(4);
        for (uint64_t tries = 0; tries < 12 && !dead(); tries++) { /* at times the same set again, at times another */
            enum result r = append(journal, count, step * 2 + (tries % 3 == 2), &err);
            if (r == RESULT_OK)
                break;
            assert_int_equal(r, RESULT_AGAIN);
            assert_true(shim.failed);
            if (tries % 4 == 3)
                check(journal); /* nothing of it is there */
        }
        if (step % 3 == 1 && !dead())
            assert_true(journal_prepare(journal, &err) == RESULT_OK || shim.failed);
        if (step % 7 == 6 && !dead())
            assert_true(journal_drop(journal, tried.last, 3 * FILE_BYTES, INT64_MIN, NULL, &err) == RESULT_OK ||
                        shim.failed);
        if (step % 6 == 5 || dead())
            reopen(&journal);
    }
    if (shim.way == POWER && shim.failed)
        lose_writes(-1, false); /* descriptors are open still, of the journal that hangs */
    journal_close(&journal);
}

/* Of a dead process the scenario's end is where it died: the journal is not closed in order, but nothing that it does
 * then reaches the disk either. */
static bool run(enum way way, uint64_t fails_at)
{
    struct journal *journal = NULL;
    journal_wipe();
    memset(&tried, 0, sizeof(tried));
    memset(&shim, 0, sizeof(shim));
    shim.way = way;
    shim.fails_at = fails_at;
    test_random_state = fails_at == 0 ? 1 : fails_at / 16; /* some scenarios, each at several places */
    scenario();
    bool failed = shim.failed;
    shim.fails_at = 0;
    shim.failed = false;
    shim.unsynced_count = 0;
    for (int round = 0; round < 2; round++) {
        struct error err;
        reopen(&journal);
        assert_non_null(journal);
        assert_ok(append(journal, 2, 1000, &err), err);
    }
    check(journal);
    journal_close(&journal);
    return failed;
}

static void test_every_call_fails(void **state)
{
    (void)state;
    for (enum way way = ONCE; way < WAY_COUNT; way++) {
        uint64_t n = 1;
        while (run(way, n))
            n++;
        assert_true(n > 60);
        print_message("way %d: each of %" PRIu64 " calls\n", (int)way, n - 1);
    }
}

/* A set whose sync failed may be whole in the page cache. While the journal is open it is not there, also when another
 * set has its positions; and it never comes back behind that. */
static void test_failed_sync_is_void(void **state)
{
    (void)state;
    struct error err;
    struct journal *journal = NULL;
    journal_wipe();
    memset(&tried, 0, sizeof(tried));
    memset(&shim, 0, sizeof(shim));
    reopen(&journal);
    assert_ok(append(journal, 2, 0, &err), err);
    shim.fails_at = shim.calls + 2; /* the write succeeds, its sync fails */
    assert_int_equal(append(journal, 2, 1, &err), RESULT_AGAIN);
    assert_non_null(strstr(err.text, "sync the journal file 0000000000000001.log"));
    check(journal);
    assert_ok(append(journal, 2, 2, &err), err);
    check(journal);
    reopen(&journal);
    assert_int_equal(tried.last, 4);
    assert_int_equal(journal_sizes(journal).files, 2);
    journal_close(&journal);
}

/* ------------------------------------------------------------------ kill -9 */

static enum result check_position(void *context, const struct journal_entry *entry, struct error *err)
{
    uint64_t *due = context;
    return entry->position == (*due)++ && is_of(entry, 0)
               ? RESULT_OK
               : error_set(err, RESULT_FATAL, "position %" PRIu64 " is not as it was", entry->position);
}

static enum result refuse_damage(void *context, const struct journal_damage *damage, struct error *err)
{
    char text[JOURNAL_DAMAGE_TEXT_MAX];
    (void)context;
    return error_set(err, RESULT_FATAL, "%s", journal_damage_text(damage, text));
}

static enum result check_all(struct journal *journal, uint64_t acknowledged, struct error *err)
{
    uint64_t due = journal_first(journal);
    enum result r = journal_recover(journal, due - 1, check_position, refuse_damage, &due, err);
    if (r != RESULT_OK)
        return r;
    return journal_last(journal) >= acknowledged && due == journal_last(journal) + 1
               ? RESULT_OK
               : error_set(err, RESULT_FATAL, "the end is %" PRIu64 ", acknowledged was %" PRIu64,
                           journal_last(journal), acknowledged);
}

/* Returns only when something is wrong. */
static enum result append_for_ever(int to, uint64_t acknowledged, struct error *err)
{
    struct journal *journal;
    struct journal_entry entries[4];
    enum result r = journal_open(&(struct journal_options){journal_folder, FILE_BYTES, NULL}, &journal, err);
    if (r == RESULT_OK)
        r = check_all(journal, acknowledged, err);
    while (r == RESULT_OK) {
        uint64_t first = journal_last(journal) + 1, count = 1 + first % 4;
        for (uint64_t i = 0; i < count; i++)
            entries[i] = test_entry(first + i, 0, length_of(first + i, 0));
        r = journal_append(journal, entries, count, err);
        uint64_t last = first + count - 1;
        if (r == RESULT_OK && write(to, &last, sizeof(last)) != sizeof(last))
            r = error_set(err, RESULT_FATAL, "the pipe is closed");
        for (uint64_t i = 0; i < count; i++)
            test_entry_fini(&entries[i]);
        if (r == RESULT_OK && first % 8 == 0)
            r = journal_prepare(journal, err);
        if (r == RESULT_OK && first % 8 == 0)
            r = journal_drop(journal, last, FILE_BYTES * 5, INT64_MIN, NULL, err);
    }
    return r;
}

/* One child after the other looks through what is there, goes on, and is killed. */
static void test_killed(void **state)
{
    (void)state;
    uint64_t acknowledged = 0, position;
    struct journal *journal;
    struct error err;
    test_random_state = test_seed();
    journal_wipe();
    for (unsigned rounds = test_rounds(300); rounds > 0; rounds--) {
        int ends[2], status;
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            close(ends[0]);
            enum result r = append_for_ever(ends[1], acknowledged, &err);
            fprintf(stderr, "%s\n", err.text);
            _exit(1 + (int)r);
        }
        close(ends[1]);
        usleep((useconds_t)test_random(16000));
        kill(child, SIGKILL);
        while (read(ends[0], &position, sizeof(position)) == sizeof(position))
            acknowledged = position;
        close(ends[0]);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
    }
    assert_ok(journal_open(&(struct journal_options){journal_folder, FILE_BYTES, NULL}, &journal, &err), err);
    assert_ok(check_all(journal, acknowledged, &err), err);
    assert_true(acknowledged > 0);
    print_message("%" PRIu64 " positions\n", acknowledged);
    journal_close(&journal);
}

int main(void)
{
    /* Killing first: forks are quick while little memory is used. */
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_killed), cmocka_unit_test(test_failed_sync_is_void),
                                       cmocka_unit_test(test_every_call_fails)};
    return cmocka_run_group_tests(tests, journal_setup, journal_teardown);
}
