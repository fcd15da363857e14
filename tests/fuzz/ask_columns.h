/* SPDX-License-Identifier: Apache-2.0 */
/* Every question that columns take, of every field; for the fuzz targets whose bytes come to columns. */
#ifndef PAVO_TESTS_FUZZ_ASK_COLUMNS_H
#define PAVO_TESTS_FUZZ_ASK_COLUMNS_H

#include <stdlib.h>
#include <string.h>

#include "common/libpavo/pavo.h"

/* A value, a row too many included; more than is known must not be said. */
static void ask_value(const pavo_columns *columns, size_t row, int field)
{
    uint64_t number;
    int64_t with_sign;
    double real;
    uint8_t address[16];
    const char *text = pavo_columns_text(columns, row, field);
    const char *shown = pavo_columns_show(columns, row, field, 1);
    int known = pavo_columns_number(columns, row, field, &number) |
                pavo_columns_signed(columns, row, field, &with_sign) | pavo_columns_real(columns, row, field, &real) |
                pavo_columns_address(columns, row, field, address);
    if ((text == NULL) != (shown == NULL) || (known && text == NULL) ||
        (text != NULL && strpbrk(text, "\n\033") != NULL))
        abort();
    for (size_t item = 0; item <= pavo_columns_items(columns, row, field) && item < 100; item++)
        (void)pavo_columns_item(columns, row, field, item);
}

static void ask_field(const pavo_columns *columns, int field)
{
    if (pavo_columns_name(columns, field) == NULL || pavo_columns_help(columns, field) == NULL ||
        pavo_columns_kind(columns, field) == 0)
        abort();
    (void)pavo_columns_heading(columns, field);
    (void)pavo_columns_list(columns, field);
    (void)pavo_columns_known(columns, field);
    (void)pavo_columns_u32(columns, field);
    (void)pavo_columns_u64(columns, field);
    (void)pavo_columns_i64(columns, field);
    size_t rows = pavo_columns_rows(columns);
    for (size_t row = 0; row <= rows && row < 50; row++)
        ask_value(columns, row, field);
    ask_value(columns, SIZE_MAX, field);
}

static void ask_columns(const pavo_columns *columns)
{
    if (columns == NULL)
        return;
    for (int field = 0; field < pavo_columns_count(columns); field++)
        ask_field(columns, field);
    pavo_columns *copy = pavo_columns_copy(columns);
    for (size_t row = 0; row < pavo_columns_rows(columns) && row < 50; row++) {
        const char *json = pavo_columns_json(columns, row);
        if (json == NULL || strchr(json, '\n') != NULL || strcmp(json, pavo_columns_json(copy, row)) != 0)
            abort();
    }
    pavo_columns_destroy(&copy);
}

#endif
