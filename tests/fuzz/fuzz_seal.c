/* SPDX-License-Identifier: Apache-2.0 */
/* The .seal file of a segment. The first byte is the id that its name would have; bit 7 of it asks for the right
 * checksum to be put behind the rest, since no fuzzer guesses one. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "aggregator/segments/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    size_t length = size - 1;
    uint8_t *bytes = malloc(length + sizeof(uint64_t));
    if (bytes == NULL)
        return 0;
    memcpy(bytes, data + 1, length);
    if ((data[0] & 0x80) != 0) {
        uint64_t check = XXH3_64bits(bytes, length);
        memcpy(bytes + length, &check, sizeof(check));
        length += sizeof(check);
    }
    Store__Segment *seal = seal_parse(bytes, length, data[0] & 0x7f);
    struct segment segment;
    if (seal != NULL && seal_to_segment(seal, &segment, NULL) == RESULT_OK &&
        (segment.kind >= RECORD_KIND_COUNT || segment.groups == 0 || segment.groups > SEGMENT_GROUPS_MAX ||
         seal->n_chunk_checks != (size_t)seal->groups * seal->n_columns))
        abort(); /* what was taken is not whole */
    if (seal != NULL)
        store__segment__free_unpacked(seal, NULL);
    free(bytes);
    return 0;
}
