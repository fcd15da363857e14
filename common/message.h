/* SPDX-License-Identifier: Apache-2.0 */
/* The one way from foreign bytes to a protobuf message.
 *
 * protobuf-c allocates whatever the bytes ask for (31 MiB of empty submessages become gigabytes) and hands out texts
 * without their lengths, so that a NUL inside cuts them in silence. Therefore the bytes are walked first: what they
 * would become is measured, and a text with a NUL in it is refused. Pure; any thread. */
#ifndef PAVO_COMMON_MESSAGE_H
#define PAVO_COMMON_MESSAGE_H

#include <protobuf-c/protobuf-c.h>

#include "common/result.h"

/* What the messages with records in them may take. The largest that are right, 65,536 rows of flows, take 40 MB. */
#define MESSAGE_MEMORY_RECORDS (128u << 20)
/* All others. */
#define MESSAGE_MEMORY_SMALL (4u << 20)

/* NULL, with a sentence: they are no such message, or would take more than `memory_max` bytes. Otherwise the caller's,
 * for the type's own free_unpacked. */
ProtobufCMessage *message_unpack(const ProtobufCMessageDescriptor *descriptor, const void *bytes, size_t length,
                                 size_t memory_max, struct error *err);

#endif
