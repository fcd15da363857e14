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
    bool packets = keys.role == KEY_ROLE_SENSOR || keys.role == KEY_ROLE_COLLECTOR;
    bool seals = key_role_speaks(keys.role), aggregator = keys.role == KEY_ROLE_AGGREGATOR;
    if (!sensor_name_valid(keys.name) || keys.has_seal_secret != aggregator || keys.has_seal != (aggregator || seals) ||
        keys.has_digest != (aggregator || packets) || keys.has_sign != (keys.role == KEY_ROLE_READER))
        abort(); /* what was taken is not whole */
    keys_clear(&keys);
    return 0;
}
