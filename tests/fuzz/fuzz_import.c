/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of other tools' archives: the first byte chooses the format, the rest is a file. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/import/line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct import_layout layout = {.format = (enum import_format)(data[0] % IMPORT_FORMAT_COUNT)};
    char *text = malloc(size);
    if (text == NULL)
        return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    for (char *rest = text, *line; (line = strsep(&rest, "\n")) != NULL;) {
        struct flow flow;
        uint64_t unknown[2];
        struct error err;
        enum result r = import_line(&layout, line, &flow, unknown, &err);
        if (r == RESULT_OK && (flow.first_time > flow.last_time || !layout.begun))
            abort();
        if (r == RESULT_REJECT && !text_is_clean(err.text, strlen(err.text)))
            abort();
    }
    free(text);
    return 0;
}
