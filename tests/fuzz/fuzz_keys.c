/* SPDX-License-Identifier: Apache-2.0 */
/* A key file's text. */
#include <stdint.h>
#include <stdlib.h>

#include "common/keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct keys keys;
    struct error err;
    if (keys_parse("x", (const char *)data, size, &keys, &err) != RESULT_OK)
        return 0;
    if (!sensor_name_valid(keys.name) || keys.has_seal_secret != (keys.role == KEY_ROLE_AGGREGATOR) ||
        keys.has_digest != (keys.role == KEY_ROLE_AGGREGATOR || keys.role == KEY_ROLE_SENSOR))
        abort(); /* what was taken is not whole */
    keys_clear(&keys);
    return 0;
}
