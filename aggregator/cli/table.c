/* SPDX-License-Identifier: Apache-2.0 */
/* Tables through libsmartcols; CSV as RFC 4180 has it. */
#include "aggregator/cli/table.h"

#include <libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct table {
    bool csv;
    size_t columns, rows;
    struct libscols_table *scols; /* NULL with --csv */
};

void csv_line(const char *const *cells, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            putchar(',');
        if (cells[i][strcspn(cells[i], ",\"\r\n")] == '\0') {
            fputs(cells[i], stdout);
            continue;
        }
        putchar('"');
        for (const char *at = cells[i]; *at != '\0'; at++) {
            if (*at == '"')
                putchar('"');
            putchar(*at);
        }
        putchar('"');
    }
    fputs("\r\n", stdout);
}

/* Names without the mark for alignment. */
static void csv_heading(const char *const *columns, size_t count)
{
    const char *plain[64];
    for (size_t i = 0; i < count && i < 64; i++)
        plain[i] = columns[i] + (columns[i][0] == '>');
    csv_line(plain, count);
}

static bool scols_make(struct table *table, const char *const *columns)
{
    table->scols = scols_new_table();
    if (table->scols == NULL)
        return false;
    bool colours = isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL;
    scols_table_enable_colors(table->scols, colours);
    for (size_t i = 0; i < table->columns; i++) {
        bool right = columns[i][0] == '>';
        struct libscols_column *column =
            scols_table_new_column(table->scols, columns[i] + right, 0, right ? SCOLS_FL_RIGHT : 0);
        if (column == NULL)
            return false;
        if (colours)
            scols_cell_set_color(scols_column_get_header(column), "bold");
    }
    return true;
}

struct table *table_new(const struct cli *cli, const char *const *columns)
{
    struct table *table = calloc(1, sizeof(*table));
    if (table == NULL) {
        cli_fail(CLI_UNREACHABLE, "out of memory");
        return NULL;
    }
    table->csv = cli->csv;
    while (columns[table->columns] != NULL)
        table->columns++;
    if (table->csv) {
        csv_heading(columns, table->columns);
    } else if (!scols_make(table, columns)) {
        scols_unref_table(table->scols);
        free(table);
        cli_fail(CLI_UNREACHABLE, "out of memory");
        return NULL;
    }
    return table;
}

void table_row(struct table *table, const char *const *cells)
{
    table->rows++;
    if (table->csv) {
        csv_line(cells, table->columns);
        return;
    }
    struct libscols_line *line = scols_table_new_line(table->scols, NULL);
    for (size_t i = 0; line != NULL && i < table->columns; i++)
        (void)scols_line_set_data(line, i, cells[i]);
}

void table_print(struct table **table)
{
    if (!(*table)->csv && (*table)->rows > 0)
        (void)scols_print_table((*table)->scols);
    scols_unref_table((*table)->scols);
    free(*table);
    *table = NULL;
}
