/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration file's text. */
#include <stdint.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum result section_line(void *context, const char *title, const char *key, const char *value, struct error *err)
{
    (void)context;
    if (title[0] == '\0' || key[0] == '\0')
        abort(); /* never handed on */
    return value[0] == '!' ? error_set(err, RESULT_REJECT, "%s of %s is '%s'", key, title, value) : RESULT_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool flag = false;
    char *string = NULL;
    struct option_list list = {0};
    uint64_t number = 1, bytes = 4096;
    int64_t duration = NS_PER_S;
    const struct option_spec specs[] = {
        {.name = "flag", .kind = OPTION_FLAG, .target = &flag},
        {.name = "string", .kind = OPTION_STRING, .target = &string},
        {.name = "list", .kind = OPTION_LIST, .target = &list},
        {.name = "number", .kind = OPTION_NUMBER, .target = &number, .min = 1, .max = 65536},
        {.name = "size", .kind = OPTION_SIZE, .target = &bytes, .min = 4096, .max = 1 << 30},
        {.name = "duration", .kind = OPTION_DURATION, .target = &duration, .min = NS_PER_MS, .max = 3600 * NS_PER_S},
        {0},
    };
    const struct options options = {.program = "fuzz", .section = "fuzz", .specs = specs, .section_line = section_line};
    struct error err;
    if (options_read_text(&options, "x", (const char *)data, size, &err) == RESULT_OK &&
        (number < 1 || number > 65536 || bytes < 4096 || bytes > 1 << 30 || duration < NS_PER_MS ||
         duration > 3600 * NS_PER_S))
        abort(); /* a bound was passed over */
    options_fini(&options);
    return 0;
}
