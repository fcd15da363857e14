/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding one frame, for tests. */
#ifndef PAVO_TESTS_DECODING_H
#define PAVO_TESTS_DECODING_H

#include <stdlib.h>

#include "sensor/decode/decode.h"
#include "tests/unit/sensor/frames.h"

static const struct decode_options plain;

/* The first `captured` bytes of it, in an exact heap block, so that the sanitizer sees every byte read past the end. */
static inline enum decode_outcome decode_cut(struct frame *f, unsigned link_type, size_t captured, struct decoded *d)
{
    struct packet packet = frame_packet(f, link_type, 5);
    if (captured < packet.captured)
        packet.captured = (uint32_t)captured;
    uint8_t *copy = malloc(packet.captured + 1);
    if (copy == NULL)
        abort();
    memcpy(copy, packet.data, packet.captured);
    packet.data = copy;
    enum decode_outcome outcome = decode(&plain, &packet, d);
    free(copy);
    return outcome;
}

static inline enum decode_outcome decode_frame(struct frame *f, unsigned link_type, struct decoded *d)
{
    return decode_cut(f, link_type, SIZE_MAX, d);
}

#endif
