/* SPDX-License-Identifier: Apache-2.0 */
/* Any text through the filter's parser; what it takes runs over a few rows, both ways alike. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/filter.h"
#include "tests/unit/common/filter_generator.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct flow_batch *batch;
    uint32_t rows[16];
    if (batch == NULL)
        batch = filter_generate_batch(&(struct filter_random){1}, 16);
    char *text = malloc(size + 1);
    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    struct filter *filter = NULL;
    struct error err = {""};
    size_t offset = 0;
    enum result result = filter_parse(text, &filter, &offset, &err);
    if (result == RESULT_OK) {
        uint32_t selected = filter_select(filter, batch, rows), next = 0;
        for (uint32_t row = 0; row < batch->rows; row++) {
            bool chosen = next < selected && rows[next] == row;
            next += chosen;
            if (filter_match(filter, batch, row) != chosen)
                abort();
        }
        filter_destroy(&filter);
    } else if (err.text[0] == '\0' || offset > strlen(text)) {
        abort();
    }
    free(text);
    return 0;
}
