/* SPDX-License-Identifier: Apache-2.0 */
/* Damage done to a closed store's files, where it is wanted. */
#ifndef PAVO_TESTS_AGGREGATOR_DAMAGE_H
#define PAVO_TESTS_AGGREGATOR_DAMAGE_H

#include "tests/unit/aggregator/support.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "aggregator/journal/frame.h"

/* A byte of a file becomes another, and doing it again mends it. */
static inline void damage_byte(const char *path, uint64_t at)
{
    uint8_t byte;
    int file = open(path, O_RDWR);
    if (file < 0 || pread(file, &byte, 1, (off_t)at) != 1)
        fail_msg("%s has no byte %" PRIu64, path, at);
    byte ^= 0x5a;
    assert_int_equal(pwrite(file, &byte, 1, (off_t)at), 1);
    close(file);
}

/* Where a position's batch lies; its length. Of a journal that may be in use. */
static inline size_t place_of(struct journal *journal, uint64_t position, struct journal_place *ret_place)
{
    struct journal_cursor *cursor;
    struct journal_entry entry;
    struct journal_damage damage;
    struct error why;
    assert_int_equal(journal_seek(journal, position, &cursor, &why), RESULT_OK);
    assert_int_equal(journal_next(cursor, false, &entry, &damage, &why), RESULT_OK);
    assert_int_equal(entry.position, position);
    journal_cursor_close(&cursor);
    *ret_place = entry.place;
    return entry.length;
}

/* A byte in the middle of the body of the batch that lies there. */
static inline void damage_place(const char *directory, const struct journal_place *place, size_t length)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/journal/%016" PRIx64 ".log", directory, place->file);
    damage_byte(path, place->offset + FRAME_HEAD + length / 2);
}

/* The batch with a position cannot be read any more. */
static inline void damage_position(const char *directory, uint64_t position)
{
    const struct journal_options options = {.directory = directory};
    struct journal *journal;
    struct journal_place place;
    struct error why;
    if (journal_open(&options, &journal, &why) != RESULT_OK)
        fail_msg("%s", why.text);
    size_t length = place_of(journal, position, &place);
    journal_close(&journal);
    damage_place(directory, &place, length);
}

#endif
