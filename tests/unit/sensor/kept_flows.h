/* SPDX-License-Identifier: Apache-2.0 */
/* A meter whose records are kept, for tests. */
#ifndef PAVO_TESTS_KEPT_FLOWS_H
#define PAVO_TESTS_KEPT_FLOWS_H

#include <stdlib.h>

#include "sensor/meter/meter.h"
#include "tests/unit/sensor/frames.h"

#define SECOND INT64_C(1000000000)
#define START  (INT64_C(1700000000) * SECOND)

struct kept_flows {
    struct flow *flows;
    size_t count, room;
};

static inline void kept_add(void *context, const struct flow *flow)
{
    struct kept_flows *r = context;
    if (r->count == r->room) {
        r->room = r->room == 0 ? 64 : r->room * 2;
        r->flows = realloc(r->flows, r->room * sizeof(*r->flows));
        if (r->flows == NULL)
            abort();
    }
    r->flows[r->count++] = *flow;
}

static inline void kept_free(struct kept_flows *r)
{
    free(r->flows);
    *r = (struct kept_flows){0};
}

static const uint8_t kept_digest_key[KEY_BYTES] = "a key of thirty-two bytes, no le";

static inline struct meter *kept_meter(struct kept_flows *r, const struct meter_options *changes)
{
    struct meter_options options = changes != NULL ? *changes : meter_options_default();
    struct meter *meter;
    options.digest_key = kept_digest_key;
    options.seed = 42;
    options.sink = (struct meter_sink){kept_add, r};
    if (meter_new(&options, &meter, NULL) != RESULT_OK)
        abort();
    return meter;
}

/* Decodes and adds one raw IP packet; the frame is empty again afterwards. */
static inline void meter_frame(struct meter *meter, struct frame *f, int64_t time_ns)
{
    static const struct decode_options opened;
    struct packet packet = frame_packet(f, LINK_RAW, time_ns);
    struct decoded decoded;
    if (decode(&opened, &packet, &decoded) != DECODE_METERED)
        abort();
    meter_add(meter, &decoded, 1);
    f->length = 0;
}

#endif
