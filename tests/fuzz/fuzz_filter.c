/* SPDX-License-Identifier: Apache-2.0 */
/* A kind of record (by the first byte) and any text through the filter's parser; what it takes runs over a few rows,
 * both ways alike. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/filter/filter.h"
#include "tests/unit/common/filter/filter_generator.h"

#define ROWS 16u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(const struct filter *filter, const struct records *records)
{
    uint32_t rows[ROWS];
    uint32_t selected = filter_select(filter, records, rows), next = 0;
    for (uint32_t row = 0; row < records->rows; row++) {
        bool chosen = next < selected && rows[next] == row;
        next += chosen;
        if (filter_match(filter, records, row) != chosen)
            abort();
    }
}

static void name_found(void *context, const char *name)
{
    (void)context;
    if (strlen(name) > FILTER_TEXT_MAX)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct records *records[RECORD_KIND_COUNT];
    static struct filter_set set;
    if (size == 0)
        return 0;
    unsigned kind = data[0] % RECORD_KIND_COUNT;
    if (records[kind] == NULL)
        records[kind] = filter_generate_records(&(struct filter_random){1}, record_kinds[kind], ROWS);
    if (set.name == NULL)
        set = generator_set();
    char *text = malloc(size);
    if (text == NULL)
        return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    filter_files(text, name_found, NULL);
    struct filter *filter = NULL;
    struct error err = {""};
    size_t offset = 0;
    if (filter_parse_with(record_kinds[kind], text, &set, 1, &filter, &offset, &err) == RESULT_OK) {
        run(filter, records[kind]);
        filter_destroy(&filter);
    } else if (err.text[0] == '\0' || offset > strlen(text)) {
        abort();
    }
    free(text);
    return 0;
}
