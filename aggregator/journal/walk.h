/* SPDX-License-Identifier: Apache-2.0 */
/* One file's entries and damage, in the order of their positions. */
#ifndef PAVO_AGGREGATOR_JOURNAL_WALK_H
#define PAVO_AGGREGATOR_JOURNAL_WALK_H

#include "aggregator/journal/file.h"

struct walk {
    struct file_reader reader; /* the caller opens it, and moves file.end on as the file grows */
    uint64_t offset;           /* of the frame to read next */
    uint64_t next;             /* position that is due; those before it are done */
    struct journal_buffer body;
    struct journal_buffer directory;    /* heads of one set, those that can be read ... */
    uint64_t listed_first, listed_last; /* ... of these positions; 0: none */
    uint64_t unlisted_before;           /* no directory has positions from `next` to this one, exclusive */
};

/* Takes the reader over; entries from `position` on. */
void walk_begin(struct walk *walk, struct file_reader *reader, uint64_t position);
void walk_end(struct walk *walk);

/* RESULT_OK: an entry, with its bytes (borrowed until the next step) if asked for. RESULT_REJECT: damage.
 * RESULT_END: all through file.end is done. RESULT_FULL: out of memory; nothing has moved. */
MUST_CHECK enum result walk_step(struct walk *walk, bool with_bytes, struct journal_entry *ret_entry,
                                 struct journal_damage *ret_damage);

#endif
