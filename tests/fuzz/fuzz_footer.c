/* SPDX-License-Identifier: Apache-2.0 */
/* A Parquet file's description, cut down. The first 18 bytes choose: how many columns it has, which of them stay (a bit
 * each, over and over), and which row groups; how many rows those have. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/segments/footer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool columns[256], all[256];
    struct footer_choice choice = {.columns = columns};
    uint64_t rows;
    if (size < 18)
        return 0;
    memcpy(&choice.groups, data + 2, sizeof(choice.groups));
    memcpy(&rows, data + 10, sizeof(rows));
    choice.column_count = data[0];
    choice.rows = rows;
    size_t stay = 0;
    for (size_t i = 0; i < choice.column_count; i++) {
        columns[i] = (data[1] >> i % 8 & 1) != 0;
        all[stay] = true;
        stay += columns[i];
    }
    size_t length = size - 18, cut, again;
    uint8_t *first = malloc(length + 1), *second = malloc(length + 1), *footer = malloc(length + 1);
    if (first == NULL || second == NULL || footer == NULL)
        abort();
    memcpy(footer, data + 18, length); /* exactly as long, for the sanitizer */
    if (footer_cut(footer, length, &choice, first, &cut)) {
        const unsigned groups = (unsigned)__builtin_popcountll(choice.groups);
        const struct footer_choice whole = {all, stay, groups == 64 ? UINT64_MAX : (1ull << groups) - 1, rows};
        if (cut > length)
            abort(); /* it grew */
        if (!footer_cut(first, cut, &whole, second, &again) || again != cut || memcmp(first, second, cut) != 0)
            abort(); /* what was made is not what it says, or more could have been cut */
    }
    free(first);
    free(second);
    free(footer);
    return 0;
}
