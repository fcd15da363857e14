/* SPDX-License-Identifier: Apache-2.0 */
/* What the store's catalogue and its segments keep of lives: whatever the bytes say, what comes of them can be used,
 * forgotten, and said again as it is. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "aggregator/store/lives.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lives lives = {0}, again = {0};
    struct bytes bytes;
    struct error err;
    enum result r = notes_add(&lives, data, size, &err);
    if (r != RESULT_OK && r != RESULT_REJECT)
        abort();
    lives_forget(&lives, UINT64_MAX);
    if (notes_pack(&lives, &bytes, &err) != RESULT_OK)
        abort();
    if (notes_add(&again, bytes.data, bytes.length, &err) != RESULT_OK || again.count != lives.count ||
        again.speaker_numbers.count != lives.speaker_numbers.count || again.boundary_count != lives.boundary_count)
        abort();
    for (size_t i = 0; i < lives.count; i++) {
        if (lives_find(&lives, &lives.list[i].sums.observer) != &lives.list[i] ||
            lives_find(&again, &lives.list[i].sums.observer) == NULL)
            abort();
    }
    bytes_free(&bytes);
    lives_fini(&again);
    lives_fini(&lives);
    return 0;
}
