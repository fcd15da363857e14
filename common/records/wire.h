/* SPDX-License-Identifier: Apache-2.0 */
/* Records as the XColumns messages of pavo.proto, and back, for any kind: fields are found by their numbers.
 *
 * Pure; any thread. Foreign bytes go through protobuf-c's bounds-checked unpacker and come out only if every column
 * has `rows` values (or none), every value is in its field's range, every observer index is known, lists have as many
 * items as their rows say, and every text is valid UTF-8 without control or direction characters (invariant 9). What a
 * newer contract added is kept and goes out again with the records. */
#ifndef PAVO_COMMON_RECORDS_WIRE_H
#define PAVO_COMMON_RECORDS_WIRE_H

#include "common/records/records.h"
#include "pavo.pb-c.h"

/* Longest text of a record that is taken, in bytes. */
#define WIRE_TEXT_MAX 255u

/* A message that borrows the records' columns: valid as long as they are unchanged. Only times (made relative),
 * observers and empty texts are its own. */
struct wire_view {
    ProtobufCMessage *message; /* of records->kind->message; owned */
    void *scratch;             /* owned */
};

/* Columns that are zero in every row are left out. RESULT_FATAL: out of memory. */
MUST_CHECK enum result wire_view_init(struct wire_view *view, const struct records *records, struct error *err);
void wire_view_fini(struct wire_view *view);

/* Records from a received message; the caller owns them. RESULT_REJECT with a sentence for anything that does not fit
 * together, and for none or more than RECORDS_ROWS_MAX rows. */
MUST_CHECK enum result wire_read(const struct record_kind *kind, const ProtobufCMessage *message,
                                 struct records **ret_records, struct error *err);

/* The member of a Batch or Published that has this kind's records: to be read or set. */
ProtobufCMessage **wire_member(ProtobufCMessage *message, const struct record_kind *kind);

#endif
