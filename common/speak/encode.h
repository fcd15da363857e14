/* SPDX-License-Identifier: Apache-2.0 */
/* From what somebody has to say to the frame that goes out: a Batch of records of any kinds, packed, sealed, in a
 * FromSensor. Pure; any thread. */
#ifndef PAVO_COMMON_SPEAK_ENCODE_H
#define PAVO_COMMON_SPEAK_ENCODE_H

#include "common/records/records.h"
#include "common/speak/held.h"

/* Whose batch it is, and which. */
struct encode_name {
    const char *sensor;
    uint64_t epoch;
    uint64_t sequence;
};

/* A batch of `count` sets of records, each of another kind, and of `losses` (NULL: none), of which it keeps a copy.
 * Texts of the records that nobody would take are made fit, in place: those above WIRE_TEXT_MAX bytes are cut, and what
 * is not UTF-8, or is a control or direction character, becomes '?'. RESULT_FULL: too large (common/seal.h), fewer rows
 * may do; RESULT_REJECT: too many rows, two sets of one kind; RESULT_FATAL: out of memory. */
MUST_CHECK enum result encode_batch(const struct encode_name *name, struct records *const records[], size_t count,
                                    const struct losses *losses, const uint8_t seal_public[static KEY_BYTES],
                                    struct held_batch **ret_batch, struct error *err);

/* What is to be said in place of `records` when they are given up: how many, and their times. */
struct pending_loss encode_loss(const struct records *records, const char *reason);

#endif
