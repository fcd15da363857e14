/* SPDX-License-Identifier: Apache-2.0 */
/* What a life of a speaker leaves for the next: its unacknowledged batches, sealed as they are, in a directory. One
 * file a life, EPOCH.kept, 0600, written aside and renamed, and there until the last of its batches is acknowledged:
 * whoever is killed meanwhile sends them all again, under the same names.
 *
 *   "PAVOKEPT", u32 version 1, u32 number of batches, u64 epoch, name[64], public key (Z85)[41], then each batch:
 *   u64 sequence, u64 loss_sequence, u64 records, i64 from, i64 to, u8 ever_sent, u32 losses, u32 length of the frame,
 *   the losses (u8 kind, i64 from, i64 to, u64 count, u64 sequence, interface[64], reason[96]), the frame;
 *   last BLAKE2b-256 of all before. Numbers are big-endian.
 *
 * Of what was seen nothing is readable in it but how many records there are and from when. */
#ifndef PAVO_COMMON_SPEAK_KEPT_H
#define PAVO_COMMON_SPEAK_KEPT_H

#include "common/keys.h"
#include "common/speak/former.h"

#define KEPT_LIVES_MAX   256u /* that wait at once; nothing more is kept then */
#define KEPT_DIGEST_SIZE 32u

/* A line that people must read. */
struct kept_say {
    void (*say)(void *context, const char *sentence);
    void *context;
};

/* Opens the directory for this process alone. RESULT_REJECT: it is none, may not be written, or is another's. */
MUST_CHECK enum result kept_open(const char *directory, int *ret_directory, struct error *err);

/* What earlier lives left, the oldest first; at most KEPT_LIVES_MAX, others stay for later. A file that is damaged or
 * of another key is renamed (EPOCH.kept.aside), one that cannot be read stays; both are said. The caller owns them. */
size_t kept_read(int directory, const struct keys *keys, struct session_pace pace, const struct kept_say *say,
                 struct former *ret_formers[static KEPT_LIVES_MAX]);

/* Writes what is held, if anything, in place of what that life left before; on disk when it returns. RESULT_FATAL: it
 * could not, and what was there before is as it was. */
MUST_CHECK enum result kept_write(int directory, const struct keys *keys, uint64_t epoch, const struct held *held,
                                  struct error *err);

/* All that it left is acknowledged. */
void kept_delete(int directory, uint64_t epoch);

/* The bytes of a file but for the digest. Pure. RESULT_REJECT: they are no such file, or of another key; RESULT_FATAL:
 * out of memory. */
MUST_CHECK enum result kept_parse(const uint8_t *bytes, size_t length, const struct keys *keys, uint64_t epoch,
                                  struct session_pace pace, struct former **ret_former, struct error *err);

#endif
