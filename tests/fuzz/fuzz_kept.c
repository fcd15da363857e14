/* SPDX-License-Identifier: Apache-2.0 */
/* What may stand in a file of kept batches, behind its digest (which is made for any contents, and would stop a
 * fuzzer). Key and epoch are those of corpus/kept. */
#include <stdint.h>
#include <stdlib.h>

#include "common/speak/kept.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct keys keys = {.name = "inner", .public_key = "public"};
    struct former *former = NULL;
    struct error err;
    if (kept_parse(data, size, &keys, 77, SESSION_PACE_DEFAULT, &former, &err) != RESULT_OK)
        return 0;
    uint64_t last = 0;
    for (const struct held_batch *batch = NULL; (batch = held_after(former->held, batch)) != NULL;) {
        if (batch->sequence <= last || batch->frame.length == 0 || batch->frame.length > size)
            abort();
        last = batch->sequence;
    }
    former_destroy(&former);
    return 0;
}
