/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a journal file: pure, no I/O.
 *
 *   page    FRAME_PAGE bytes at the front and, the same again, at the very end of the file as it was allocated
 *   frames  from FRAME_PAGE on, each a head of FRAME_HEAD bytes and a body, filled up with zeros to a multiple of 8
 *   zeros   not written yet
 *
 * A set is a BATCH frame for each of its batches, whose body is the batch's bytes, and an END frame, whose body is the
 * set's directory: the heads of its BATCH frames as they are. Integers are little-endian.
 *
 *   page  magic "PAVOjrnl"  version u32  0 u32  number u64  salt u64  XXH3-64 of all before
 *   head  magic "PAVOfram"  XXH3-64 (seeded with the file's salt) of all behind
 *         kind u32  0 u32  file u64  offset u64  after u64  set's first position u64  set's last position u64
 *         body's length u64  XXH3-64 of the body
 *         and in a BATCH frame, otherwise zeros: position u64  epoch u64  sequence u64  received i64  first i64  last
 * i64 packets u64  rows u32[10]  plain size u32  sensor (NUL-terminated, zeros behind) note  magic "PAVOnote"  file u64
 * committed u64  dropped u64  XXH3-64 of all before
 *
 * The salt is random and leaves the file never: bodies are foreign, and one that looks like a frame must not be taken
 * for one when a reader looks for the next head behind damage. */
#ifndef PAVO_AGGREGATOR_JOURNAL_FRAME_H
#define PAVO_AGGREGATOR_JOURNAL_FRAME_H

#include "aggregator/journal/journal.h"

#define FRAME_PAGE     4096u
#define FRAME_HEAD     256u
#define FRAME_MAGIC    "PAVOfram"
#define FRAME_NOTE     40u
#define FRAME_VERSION  1u
#define FRAME_ROWS_MAX 10u /* kinds of records that a head has room for */
/* Of positions: there is always one behind it, and no stream comes so far. */
#define FRAME_POSITION_MAX (UINT64_MAX / 4)
_Static_assert(RECORD_KIND_COUNT <= FRAME_ROWS_MAX, "a new version of the format");

enum frame_kind { FRAME_BATCH = 1, FRAME_END = 2 };

struct frame {
    enum frame_kind kind;
    uint64_t after;               /* the file begins behind this position; what older files have beyond it is void */
    uint64_t set_first, set_last; /* positions of its set */
    uint64_t length, check;       /* of the body */
    struct journal_entry entry;   /* BATCH: all but `packed`. END: `place` alone */
};

/* Bytes of a whole frame with such a body. */
static inline uint64_t frame_size(uint64_t length)
{
    return FRAME_HEAD + ((length + 7) & ~7ull);
}

uint64_t frame_check(const void *body, size_t length);

/* Takes where it is from entry.place; of a BATCH, length and check from entry. */
void frame_encode(const struct frame *frame, uint64_t salt, uint8_t head[static FRAME_HEAD]);
/* False: no head of this file. One that is taken has lengths within the limits, a position within its set and a valid
 * name; that it stands where it says is for the caller to check. */
bool frame_decode(const uint8_t head[static FRAME_HEAD], uint64_t file, uint64_t salt, struct frame *ret_frame);

struct frame_page {
    uint32_t version;
    uint64_t number, salt;
};
void frame_page_encode(const struct frame_page *page, uint8_t bytes[static FRAME_PAGE]);
bool frame_page_decode(const uint8_t bytes[static FRAME_PAGE], struct frame_page *ret_page);

struct frame_note {
    uint64_t file;      /* the newest there was */
    uint64_t committed; /* last position whose fdatasync succeeded */
    uint64_t dropped;   /* through this position files were dropped on purpose */
};
void frame_note_encode(const struct frame_note *note, uint8_t bytes[static FRAME_NOTE]);
bool frame_note_decode(const uint8_t bytes[static FRAME_NOTE], struct frame_note *ret_note);

#endif
