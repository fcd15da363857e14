/* SPDX-License-Identifier: Apache-2.0 */
/* Records of any kind as JSON objects: what `pavo --json`, libpavo and `pavo-sensor --print --json` write.
 *
 * Keys are the labels of the fields. What is not known, or does not apply, has no key; zero is written.
 *   times                       RFC 3339 in UTC with nanoseconds
 *   spans                       whole nano- or microseconds, as the field has them
 *   words, bits                 the word; a list of words
 *   addresses, MACs             "10.0.1.17", "02:00:00:00:00:01"
 *   digests and the like        16 hexadecimal digits
 *   numbers above 2^53          text, for a double cannot hold them
 *   observers                   "sensor" and "epoch" (of a partner_observer: "partner_sensor" ...)
 *   lists                       a list of objects
 * Pure; any thread. */
#ifndef PAVO_COMMON_RECORDS_JSON_H
#define PAVO_COMMON_RECORDS_JSON_H

#include "common/records/records.h"

/* Text that grows as it is written; out of memory sets `failed` and keeps what was there. */
struct json {
    char *text; /* owned; NULL before the first byte */
    size_t length, capacity;
    bool failed;
};
void json_fini(struct json *json);
void json_clear(struct json *json);
void json_add(struct json *json, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A JSON string, with its quotes. */
void json_add_string(struct json *json, const char *text);

/* Row `row` as an object's members: "\"flow\":17,..."; the braces are the caller's. */
void json_add_members(struct json *json, const struct records *records, uint32_t row);

#endif
