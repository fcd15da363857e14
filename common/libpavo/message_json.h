/* SPDX-License-Identifier: Apache-2.0 */
/* Any message of pavo.proto but FlowColumns as JSON, by reflection. Internal to libpavo and the pavo command.
 *
 * Keys are the field names of pavo.proto. Numbers are always written, empty texts and lists and absent messages never.
 *   absolute times (time_ns, from_ns, received_ns ...)   RFC 3339 UTC with nanoseconds, key without "_ns"; left out if
 * 0 enums                     their names in lower case: "sequence_numbers" repeated Counter          one object:
 * {"kernel": 12, ...} Endpoint.address          text Link.evidence             a list of names: ["src_isn", "dst_isn",
 * "peer"] */
#ifndef PAVO_COMMON_LIBPAVO_MESSAGE_JSON_H
#define PAVO_COMMON_LIBPAVO_MESSAGE_JSON_H

#include <jansson.h>

#include "pavo.pb-c.h"

/* A new reference; NULL: out of memory. */
json_t *message_json(const ProtobufCMessage *message);

/* "sequence_numbers" for a value of an enum of pavo.proto; "unknown" for a value this program does not know. */
#define MESSAGE_WORD_MAX 48
const char *message_word(const ProtobufCEnumDescriptor *descriptor, int value, char text[static MESSAGE_WORD_MAX]);

/* Name of evidence bit `bit` (0 ..) of a link, or NULL. */
const char *link_evidence_name(unsigned bit);

#endif
