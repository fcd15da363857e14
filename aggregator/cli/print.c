/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as a table, HTML, JSON or CSV. */
#include "aggregator/cli/print.h"

#include <ctype.h>
#include <libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "aggregator/cli/cell.h"
#include "aggregator/cli/markup.h"
#include "aggregator/cli/pager.h"

#define HEADING_MAX   64
#define COLUMNS_LEAST 2 /* of a table, whatever room there is */
#define NOTES         2 /* lines, below it */

void print_row_sentence(const struct cli *cli, const pavo_columns *page, size_t row, unsigned indent,
                        const char *sentence)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (stream == NULL)
        return;
    cell_sentence(stream, page, row, cli->utc, sentence);
    if (fclose(stream) == 0)
        cli_wrap(text, indent);
    free(text);
}

struct printer {
    const struct cli *cli;
    int field_count;
    FILE *page;  /* of a table in HTML; else NULL */
    char **kept; /* owned, as each is; with `page`, the rows */
    /* A table's: */
    struct libscols_table *table; /* owned; NULL for HTML, JSON and CSV */
    int *shown;                   /* owned; the field of each column */
    size_t shown_count;
    unsigned *widths; /* owned; of each column so far */
    bool terminal;    /* it goes to one */
    bool zoned;       /* it has times, as clocks here show them */
    bool by_time;     /* the first column is a time */
    int64_t *times;   /* owned; with by_time, of each row */
    size_t rows, capacity;
    FILE *cell; /* owned; a memory stream for texts made of several */
    char *cell_text;
    size_t cell_size;
    bool failed;
};

/* ---------------------------------------------------------------- cells */

static FILE *cell_begin(struct printer *p)
{
    rewind(p->cell);
    return p->cell;
}

static const char *cell_end(struct printer *p)
{
    fputc('\0', p->cell);
    if (fflush(p->cell) != 0)
        p->failed = true;
    return p->failed ? "" : p->cell_text;
}

static const char *shown_text(struct printer *p, const pavo_columns *columns, size_t row, int field)
{
    if (!cell_is_composed(columns, field)) {
        const char *text = pavo_columns_show(columns, row, field, p->cli->utc);
        return text == NULL ? "" : text;
    }
    (void)cell_put(cell_begin(p), columns, row, field, p->cli->utc);
    return cell_end(p);
}

/* ---------------------------------------------------------------- table */

static bool is_number(int kind)
{
    switch (kind) {
    case PAVO_KIND_NUMBER:
    case PAVO_KIND_COUNT:
    case PAVO_KIND_BYTES:
    case PAVO_KIND_PORT:
    case PAVO_KIND_NANOSECONDS:
    case PAVO_KIND_MICROSECONDS:
    case PAVO_KIND_ODDS:
    case PAVO_KIND_SHARE:
    case PAVO_KIND_EPOCH:
    case PAVO_KIND_REAL:
        return true;
    default:
        return false;
    }
}

/* Items have no column of their own, and a port stands in its address's. */
static bool stands_alone(const pavo_columns *columns, int field)
{
    if (pavo_columns_list(columns, field) != NULL)
        return false;
    for (int other = 0; other < pavo_columns_count(columns); other++) {
        if (cell_port(columns, other) == field)
            return false;
    }
    return true;
}

static void choose_columns(struct printer *p, const pavo_columns *columns)
{
    for (int field = 0; field < p->field_count; field++) {
        if (pavo_columns_heading(columns, field) != NULL)
            p->shown[p->shown_count++] = field;
    }
    bool headed = p->shown_count > 0;
    for (int field = 0; !headed && field < p->field_count; field++) {
        if (stands_alone(columns, field))
            p->shown[p->shown_count++] = field;
    }
}

/* "BATCHES COMMITTED" for a column without a heading. */
static const char *heading_of(const pavo_columns *columns, int field, char text[static HEADING_MAX])
{
    const char *heading = pavo_columns_heading(columns, field);
    if (heading != NULL)
        return heading;
    snprintf(text, HEADING_MAX, "%s", pavo_columns_name(columns, field));
    for (char *at = text; *at != '\0'; at++) {
        if (*at == '_')
            *at = ' ';
        else
            *at = (char)toupper((unsigned char)*at);
    }
    return text;
}

static int by_time(struct libscols_cell *left, struct libscols_cell *right, void *context)
{
    const int64_t *times = ((const struct printer *)context)->times;
    int64_t a = times[(uintptr_t)scols_cell_get_userdata(left)], b = times[(uintptr_t)scols_cell_get_userdata(right)];
    return (a > b) - (a < b);
}

/* Columns of a terminal, a character of UTF-8 each. */
static unsigned width_of(const char *text)
{
    unsigned width = 0;
    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static bool table_new(struct printer *p, const pavo_columns *columns)
{
    char text[HEADING_MAX];
    p->shown = calloc((size_t)p->field_count + 1, sizeof(*p->shown));
    p->table = scols_new_table();
    p->widths = calloc((size_t)p->field_count + 1, sizeof(*p->widths));
    p->cell = open_memstream(&p->cell_text, &p->cell_size);
    if (p->shown == NULL || p->table == NULL || p->widths == NULL || p->cell == NULL)
        return false;
    p->terminal = isatty(STDOUT_FILENO);
    bool colours = p->terminal && getenv("NO_COLOR") == NULL;
    scols_table_enable_colors(p->table, colours);
    choose_columns(p, columns);
    for (size_t i = 0; i < p->shown_count; i++) {
        int kind = pavo_columns_kind(columns, p->shown[i]);
        struct libscols_column *column = scols_table_new_column(p->table, heading_of(columns, p->shown[i], text), 0,
                                                                is_number(kind) ? SCOLS_FL_RIGHT : 0);
        if (column == NULL)
            return false;
        if (colours)
            scols_cell_set_color(scols_column_get_header(column), "bold");
        p->widths[i] = width_of(heading_of(columns, p->shown[i], text));
        p->zoned |= kind == PAVO_KIND_TIME && !p->cli->utc;
        p->by_time |= i == 0 && kind == PAVO_KIND_TIME;
        if (i == 0)
            scols_column_set_cmpfunc(column, by_time, p);
    }
    return true;
}

static bool keep_time(struct printer *p, const pavo_columns *columns, size_t row)
{
    if (p->rows == p->capacity) {
        size_t capacity = p->capacity * 2 + 64;
        int64_t *grown = realloc(p->times, capacity * sizeof(*grown));
        if (grown == NULL)
            return false;
        p->times = grown;
        p->capacity = capacity;
    }
    p->times[p->rows] = INT64_MIN;
    (void)pavo_columns_signed(columns, row, p->shown[0], &p->times[p->rows]);
    return true;
}

static void table_row(struct printer *p, const pavo_columns *columns, size_t row)
{
    struct libscols_line *line = p->failed ? NULL : scols_table_new_line(p->table, NULL);
    if (line == NULL || (p->by_time && !keep_time(p, columns, row))) {
        p->failed = true;
        return;
    }
    for (size_t i = 0; i < p->shown_count; i++) {
        const char *text = shown_text(p, columns, row, p->shown[i]);
        unsigned width = width_of(text);
        p->widths[i] = width > p->widths[i] ? width : p->widths[i];
        p->failed |= scols_line_set_data(line, i, text) != 0;
    }
    if (p->by_time)
        scols_cell_set_userdata(scols_line_get_cell(line, 0), (void *)(uintptr_t)p->rows);
    p->rows++;
}

/* Blanks that may be the last of a line are held back, so that the library's padding is not printed. */
struct trimmed {
    FILE *to;
    size_t blanks;
};

static ssize_t trimmed_write(void *cookie, const char *text, size_t size)
{
    struct trimmed *t = cookie;
    for (size_t i = 0; i < size; i++) {
        if (text[i] == ' ') {
            t->blanks++;
            continue;
        }
        for (; t->blanks > 0 && text[i] != '\n'; t->blanks--)
            putc(' ', t->to);
        t->blanks = 0;
        putc(text[i], t->to);
    }
    return (ssize_t)size;
}

/* Lines that are broken are no table: columns at the right for which a terminal has no room are left out. Returns how
 * many there are. */
static size_t fit(struct printer *p)
{
    size_t used = 0, room = cli_width(), fits = 0;
    while (fits < p->shown_count && used + p->widths[fits] <= room)
        used += p->widths[fits++] + 1;
    fits = fits < COLUMNS_LEAST && fits < p->shown_count ? COLUMNS_LEAST : fits;
    for (size_t i = fits; i < p->shown_count; i++) {
        struct libscols_column *column = scols_table_get_column(p->table, i);
        scols_column_set_flags(column, scols_column_get_flags(column) | SCOLS_FL_HIDDEN);
    }
    return fits < p->shown_count ? fits : p->shown_count;
}

/* What a person at a terminal must know to read the table. */
static void put_notes(const struct printer *p, size_t fits)
{
    char zone[64];
    time_t now = time(NULL);
    struct tm tm;
    if (p->zoned && localtime_r(&now, &tm) != NULL && strftime(zone, sizeof(zone), "%Z (%z)", &tm) > 0)
        printf("Times: %s\n", zone);
    if (fits == p->shown_count)
        return;
    fputs("No room for:", stdout);
    for (size_t i = fits; i < p->shown_count; i++)
        printf("%s %s", i == fits ? "" : ",",
               scols_cell_get_data(scols_column_get_header(scols_table_get_column(p->table, i))));
    putchar('\n');
}

static void table_print(struct printer *p)
{
    if (p->rows == 0 || p->failed)
        return;
    struct trimmed trimmed = {.to = stdout};
    FILE *stream = fopencookie(&trimmed, "w", (cookie_io_functions_t){.write = trimmed_write});
    if (stream == NULL) {
        p->failed = true;
        return;
    }
    if (p->by_time)
        (void)scols_sort_table(p->table, scols_table_get_column(p->table, 0));
    scols_table_set_stream(p->table, stream);
    size_t fits = p->terminal ? fit(p) : p->shown_count;
    (void)pager_begin(p->cli, p->rows + 1 + NOTES);
    p->failed |= scols_print_table(p->table) != 0;
    p->failed |= fclose(stream) != 0;
    if (p->terminal)
        put_notes(p, fits);
    pager_end();
}

/* ---------------------------------------------------------------- HTML */

static bool page_new(struct printer *p, const pavo_columns *columns)
{
    p->shown = calloc((size_t)p->field_count + 1, sizeof(*p->shown));
    p->cell = open_memstream(&p->cell_text, &p->cell_size);
    if (p->shown == NULL || p->cell == NULL)
        return false;
    choose_columns(p, columns);
    p->by_time = p->shown_count > 0 && pavo_columns_kind(columns, p->shown[0]) == PAVO_KIND_TIME;
    return true;
}

/* Behind the rows' choice of columns, so that a table without rows is none. */
static void page_heading(const struct printer *p, const pavo_columns *columns)
{
    char text[HEADING_MAX];
    fputs("<div class=\"wide\"><table><thead><tr>", p->page);
    for (size_t i = 0; i < p->shown_count; i++) {
        fputs(is_number(pavo_columns_kind(columns, p->shown[i])) ? "<th class=\"num\">" : "<th>", p->page);
        markup_text(p->page, heading_of(columns, p->shown[i], text));
        fputs("</th>", p->page);
    }
    fputs("</tr></thead><tbody>\n", p->page);
}

static char *page_cells(struct printer *p, const pavo_columns *columns, size_t row)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (stream == NULL)
        return NULL;
    for (size_t i = 0; i < p->shown_count; i++) {
        fputs(is_number(pavo_columns_kind(columns, p->shown[i])) ? "<td class=\"num\">" : "<td>", stream);
        markup_text(stream, shown_text(p, columns, row, p->shown[i]));
        fputs("</td>", stream);
    }
    if (fclose(stream) == 0)
        return text;
    free(text);
    return NULL;
}

static void page_row(struct printer *p, const pavo_columns *columns, size_t row)
{
    char **grown = realloc(p->kept, (p->rows + 1) * sizeof(*grown));
    if (grown != NULL)
        p->kept = grown;
    char *cells = grown == NULL || !keep_time(p, columns, row) ? NULL : page_cells(p, columns, row);
    if (cells == NULL) {
        p->failed = true;
        return;
    }
    if (p->rows == 0)
        page_heading(p, columns);
    p->kept[p->rows++] = cells;
}

/* The oldest first where they have a time, else as they came. */
static void page_print(struct printer *p)
{
    for (size_t done = 0; done < p->rows; done++) {
        size_t next = 0;
        while (p->kept[next] == NULL)
            next++;
        for (size_t i = next + 1; p->by_time && i < p->rows; i++) {
            if (p->kept[i] != NULL && p->times[i] < p->times[next])
                next = i;
        }
        fprintf(p->page, "<tr>%s</tr>\n", p->kept[next]);
        free(p->kept[next]);
        p->kept[next] = NULL;
    }
    if (p->rows > 0)
        fputs("</tbody></table></div>\n", p->page);
}

/* ---------------------------------------------------------------- CSV */

static void csv_cell(const char *text)
{
    if (text[strcspn(text, ",\"\r\n")] == '\0') {
        fputs(text, stdout);
        return;
    }
    putchar('"');
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '"')
            putchar('"');
        putchar(*at);
    }
    putchar('"');
}

static void csv_heading(const struct printer *p, const pavo_columns *columns)
{
    for (int field = 0; field < p->field_count; field++) {
        if (field > 0)
            putchar(',');
        csv_cell(pavo_columns_name(columns, field));
    }
    fputs("\r\n", stdout);
}

/* The values of one field of a list's items, with ';' between them. */
static const char *csv_items(struct printer *p, const pavo_columns *columns, size_t row, int field)
{
    FILE *stream = cell_begin(p);
    int list = pavo_columns_field(columns, pavo_columns_list(columns, field));
    size_t items = pavo_columns_items(columns, row, list);
    for (size_t i = 0; i < items; i++) {
        const char *text = pavo_columns_text(columns, pavo_columns_item(columns, row, list, i), field);
        fprintf(stream, "%s%s", i == 0 ? "" : ";", text == NULL ? "" : text);
    }
    return cell_end(p);
}

static void csv_row(struct printer *p, const pavo_columns *columns, size_t row)
{
    for (int field = 0; field < p->field_count; field++) {
        const char *text = pavo_columns_list(columns, field) != NULL ? csv_items(p, columns, row, field)
                                                                     : pavo_columns_text(columns, row, field);
        if (field > 0)
            putchar(',');
        csv_cell(text == NULL ? "" : text);
    }
    fputs("\r\n", stdout);
}

/* ---------------------------------------------------------------- all three */

static void printer_free(struct printer **printer)
{
    struct printer *p = *printer;
    scols_unref_table(p->table);
    if (p->cell != NULL)
        fclose(p->cell);
    free(p->cell_text);
    for (size_t i = 0; p->kept != NULL && i < p->rows; i++)
        free(p->kept[i]);
    free(p->kept);
    free(p->shown);
    free(p->widths);
    free(p->times);
    free(p);
    *printer = NULL;
}

static struct printer *make(const struct cli *cli, const pavo_columns *columns, FILE *page)
{
    struct printer *p = calloc(1, sizeof(*p));
    if (p != NULL) {
        *p = (struct printer){.cli = cli, .field_count = pavo_columns_count(columns), .page = page};
        if (page != NULL) {
            p->failed = !page_new(p, columns);
        } else if (cli->csv) {
            p->cell = open_memstream(&p->cell_text, &p->cell_size);
            p->failed = p->cell == NULL;
        } else if (!cli->json) {
            p->failed = !table_new(p, columns);
        }
    }
    if (p == NULL || p->failed) {
        if (p != NULL)
            printer_free(&p);
        cli_fail(CLI_UNREACHABLE, "out of memory");
        return NULL;
    }
    if (cli->csv && page == NULL)
        csv_heading(p, columns);
    return p;
}

struct printer *printer_new(const struct cli *cli, const pavo_columns *columns)
{
    return make(cli, columns, NULL);
}

struct printer *printer_new_page(const struct cli *cli, const pavo_columns *columns, FILE *page)
{
    return make(cli, columns, page);
}

void printer_row(struct printer *p, const pavo_columns *columns, size_t row)
{
    if (p->page != NULL) {
        page_row(p, columns, row);
    } else if (p->cli->csv) {
        csv_row(p, columns, row);
    } else if (p->cli->json) {
        const char *text = pavo_columns_json(columns, row);
        p->failed |= text == NULL;
        if (text != NULL)
            puts(text);
    } else {
        table_row(p, columns, row);
    }
}

void printer_page(struct printer *printer, const pavo_columns *page)
{
    for (size_t row = 0; row < pavo_columns_rows(page) && !cli_interrupted(); row++)
        printer_row(printer, page, row);
}

bool printer_end(struct printer **printer)
{
    if ((*printer)->page != NULL)
        page_print(*printer);
    else if ((*printer)->table != NULL)
        table_print(*printer);
    bool whole = !(*printer)->failed;
    printer_free(printer);
    if (!whole)
        cli_fail(CLI_UNREACHABLE, "out of memory: rows are missing");
    return whole;
}
