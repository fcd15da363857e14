/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a capture file: read piece by piece, and its packets decoded. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/capture/format.h"
#include "sensor/decode/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct decode_options options;
    struct format f;
    size_t begin = 0;
    format_init(&f);
    for (;;) {
        /* What is left in a block of its own, so that the sanitizer sees every byte read past the end. */
        size_t used = 0, need = 0, left = size - begin;
        uint8_t *copy = malloc(left + 1);
        if (copy == NULL)
            abort();
        memcpy(copy, data + begin, left);
        struct packet packet;
        struct error err;
        enum result result = format_next(&f, copy, left, &used, &need, &packet, &err);
        if (result == RESULT_OK) {
            struct decoded decoded;
            if (packet.captured > packet.length || packet.time_ns < 0 || used == 0 || used > left)
                abort();
            (void)decode(&options, &packet, &decoded);
        }
        free(copy);
        if (result == RESULT_REJECT)
            break;
        begin += used;
        if (result == RESULT_AGAIN && (need <= left - used || need > 2 * FORMAT_RECORD_MAX))
            abort();
        if (result == RESULT_AGAIN)
            break;
    }
    format_fini(&f);
    return 0;
}
