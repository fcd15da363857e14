/* SPDX-License-Identifier: Apache-2.0 */
/* Options of a subscriber and of an asker, and the topics they are about. Internal to libpavo. */
#ifndef PAVO_COMMON_LIBPAVO_OPTIONS_H
#define PAVO_COMMON_LIBPAVO_OPTIONS_H

#include "common/keys.h"
#include "common/libpavo/door.h"
#include "common/libpavo/pavo.h"
#include "common/records/records.h"

/* A topic is a kind of record: its bit is 1 << its number in record_kinds. */
#define TOPIC_COUNT RECORD_KIND_COUNT
static inline unsigned topic_bit(unsigned topic)
{
    return 1u << topic;
}

struct pavo_options {
    char *aggregator, *publish, *answer, *key_file;
    unsigned topics;
    unsigned queue;
    unsigned timeout_ms;
    char *filters[TOPIC_COUNT]; /* NULL: everything */
    uint64_t start[TOPIC_COUNT];
    bool files;         /* filters may name some */
    bool out_of_memory; /* in a setter; told by whoever takes the options */
};

/* The key that was given, if it is of a role that may do `what`: a reader, and with `gateway` a gateway. RESULT_REJECT
 * with a sentence. */
MUST_CHECK enum result options_keys(const pavo_options *options, bool gateway, struct keys *ret_keys,
                                    struct error *err);
/* Where the doors are, as door_endpoint says it. */
MUST_CHECK enum result options_publish_door(const pavo_options *options, char ret_endpoint[static DOOR_TEXT_MAX],
                                            struct error *err);
MUST_CHECK enum result options_answer_door(const pavo_options *options, char ret_endpoint[static DOOR_TEXT_MAX],
                                           struct error *err);

#endif
