/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding: entry, and the names of outcomes. */
#include "sensor/decode/decode.h"

#include "sensor/decode/walk.h"

const char *decode_outcome_name(enum decode_outcome outcome)
{
    static const char *const names[DECODE_OUTCOME_COUNT] = {
#define X(symbol, name, doc) name,
        DECODE_OUTCOMES(X)
#undef X
    };
    return (unsigned)outcome < DECODE_OUTCOME_COUNT ? names[outcome] : "?";
}

const char *decode_outcome_doc(enum decode_outcome outcome)
{
    static const char *const docs[DECODE_OUTCOME_COUNT] = {
#define X(symbol, name, doc) doc,
        DECODE_OUTCOMES(X)
#undef X
    };
    return (unsigned)outcome < DECODE_OUTCOME_COUNT ? docs[outcome] : "?";
}

enum decode_outcome decode(const struct decode_options *options, const struct packet *packet,
                           struct decoded *ret_decoded)
{
    /* All but the last two members, which have flags of their own. */
    memset(ret_decoded, 0, offsetof(struct decoded, outer));
    ret_decoded->time_ns = packet->time_ns;
    ret_decoded->interface = packet->interface;
    struct walk w = {
        .c = cursor_make(packet->data, packet->captured),
        .unseen = packet->length > packet->captured ? packet->length - packet->captured : 0,
        .d = ret_decoded,
        .outer = options->outer,
    };
    return walk_link(&w, packet->link_type);
}
