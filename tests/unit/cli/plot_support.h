/* SPDX-License-Identifier: Apache-2.0 */
/* Rows, lives, gaps and reaches for a plot, and what is read out of its pictures. */
#ifndef PAVO_TESTS_UNIT_CLI_PLOT_SUPPORT_H
#define PAVO_TESTS_UNIT_CLI_PLOT_SUPPORT_H

#include "aggregator/cli/plot.h"
#include "aggregator/cli/plot_svg.h"
#include "aggregator/cli/plot_text.h"
#include "command.h"
#include "common/clock.h"
#include "fake_pavo.h"

#define BEGIN 1700006400 /* 2023-11-15 00:00 UTC */
#define AT(s) ((BEGIN + (int64_t)(s)) * NS_PER_S)

static const struct fake_column columns[] = {
    {"time", "TIME", PAVO_KIND_TIME, NULL},      {"sensor", "SENSOR", PAVO_KIND_TEXT, NULL},
    {"protocol", "PROTO", PAVO_KIND_WORD, NULL}, {"host", "HOST", PAVO_KIND_ADDRESS, NULL},
    {"flows", "FLOWS", PAVO_KIND_COUNT, NULL},   {"bytes", "BYTES", PAVO_KIND_BYTES, NULL},
};
static const struct fake_column life_columns[] = {
    {"sensor", NULL, PAVO_KIND_TEXT, NULL},
    {"state", NULL, PAVO_KIND_WORD, NULL},
    {"last_heard", NULL, PAVO_KIND_TIME, NULL},
    {"started", NULL, PAVO_KIND_TIME, NULL},
};

/* A table of cells that are made as they are needed. */
struct table {
    pavo_columns columns;
    char *cells[8192];
    size_t used;
};

static inline const char *cell(struct table *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static inline const char *cell(struct table *t, const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    assert_true(vasprintf(&text, format, arguments) >= 0);
    va_end(arguments);
    t->cells[t->used++] = text;
    return text;
}

static inline void table_begin(struct table *t, const struct fake_column *of, int count)
{
    *t = (struct table){.columns = {.columns = of, .count = count}};
    t->columns.cells = (const char *const *)t->cells;
}

static inline void table_free(struct table *t)
{
    for (size_t i = 0; i < t->used; i++)
        free(t->cells[i]);
}

static inline void row(struct table *t, int64_t second, const char *sensor, const char *protocol, unsigned bytes)
{
    cell(t, "%lld", (long long)AT(second));
    cell(t, "%s", sensor);
    cell(t, "%s", protocol);
    t->cells[t->used++] = NULL;
    cell(t, "%u", bytes / 10);
    cell(t, "%u", bytes);
    t->columns.rows++;
}

static inline void life(struct table *t, const char *sensor, const char *state, int64_t from, int64_t heard)
{
    cell(t, "%s", sensor);
    cell(t, "%s", state);
    cell(t, "%lld", (long long)AT(heard));
    cell(t, "%lld", (long long)AT(from));
    t->columns.rows++;
}

static inline void gap(struct table *t, const char *kind, const char *sensor, int64_t from, int64_t to, unsigned most)
{
    cell(t, "%s", kind);
    cell(t, "%s", sensor);
    cell(t, "%lld", (long long)AT(from));
    cell(t, "%lld", (long long)AT(to));
    cell(t, "%u", most);
    cell(t, "packets");
    cell(t, "it is away, and so on");
    t->columns.rows++;
}

static inline void reach(struct table *t, const char *sensor, int64_t through)
{
    cell(t, "%s", sensor);
    cell(t, "1");
    cell(t, "%lld", (long long)AT(through));
    t->columns.rows++;
}

static inline unsigned width_of(const char *line, size_t length)
{
    unsigned wide = 0;
    for (size_t i = 0; i < length; i++)
        wide += ((unsigned char)line[i] & 0xc0) != 0x80;
    return wide;
}

static inline char *text_of(const struct plot *plot, const struct plot_room *room)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    plot_text(stream, plot, room);
    assert_int_equal(fclose(stream), 0);
    return text;
}

static inline char *svg_of(const struct plot *plot, const char *command)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    plot_svg(stream, plot, &(struct plot_frame){.id = "a", .utc = true, .command = command, .coverage = "<b>&"});
    assert_int_equal(fclose(stream), 0);
    return text;
}

/* The attribute of the element that begins at `at`. */
static inline double number(const char *at, const char *name)
{
    char search[32];
    snprintf(search, sizeof(search), " %s=\"", name);
    const char *found = strstr(at, search);
    assert_non_null(found);
    return strtod(found + strlen(search), NULL);
}

static inline void assert_near(double a, double b)
{
    assert_true(a - b < 0.06 && b - a < 0.06);
}

/* Where a time lies: the plot reaches from 84 to 944. */
static inline double plot_x(const struct plot *plot, int64_t time_ns)
{
    time_ns = time_ns < plot->from_ns ? plot->from_ns : time_ns > plot->to_ns ? plot->to_ns : time_ns;
    return 84 + 860 * ((double)(time_ns - plot->from_ns) / (double)(plot->to_ns - plot->from_ns));
}

/* Every stroke of a line lies where there is a value: M begins one, H goes on to x. */
static inline void assert_strokes(const struct plot *plot, size_t line, const char *svg)
{
    char search[64];
    double x = 0;
    size_t covered = 0, values = 0;
    snprintf(search, sizeof(search), "<path class=\"pv-l pv-l%zu\" stroke-dasharray=", line);
    const char *legend = strstr(svg, search), *path = strstr(legend + 1, search), *at = strstr(path, " d=\"") + 4;
    while (*at != '"') {
        char command = *at++;
        char *end;
        double first = strtod(at, &end);
        at = end;
        if (command == 'M') {
            x = first;
            (void)strtod(at, &end);
            at = end;
        } else if (command == 'H') {
            for (size_t i = 0; i < plot->count; i++) {
                double from = plot_x(plot, plot->from_ns + (int64_t)i * plot->step_ns),
                       to = plot_x(plot, plot->from_ns + (int64_t)(i + 1) * plot->step_ns);
                if (from >= x - 0.1 && to <= first + 0.1) {
                    assert_int_equal(plot_state(&plot->lines[line], i), PLOT_VALUE);
                    covered++;
                }
            }
            x = first;
        }
    }
    for (size_t i = 0; i < plot->count; i++)
        values += plot_state(&plot->lines[line], i) == PLOT_VALUE;
    assert_int_equal(covered, values);
}

#endif
