/* SPDX-License-Identifier: Apache-2.0 */
/* Panels of block characters. */
#include "aggregator/cli/plot_text.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/cli/axis.h"

#define LEVELS       8 /* of a character's height */
#define WIDE_MAX     8 /* characters of an interval */
#define TICK_WIDTH   9 /* a time and what keeps it from the next */
#define MARGIN_LEAST 9 /* at the left: "2 sensors" */
#define MARGIN_MAX   14
#define SENSORS_MAX  8 /* with a line of their own */

struct signs {
    const char *levels[LEVELS + 1], *nothing, *lost, *pending, *watched, *frame, *floor, *cut;
};
static const struct signs blocks = {.levels = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"},
                                    .nothing = "_",
                                    .lost = "░",
                                    .pending = "·",
                                    .watched = "━",
                                    .frame = "│",
                                    .floor = "┴",
                                    .cut = "…"};
static const struct signs letters = {.levels = {" ", ".", ".", ":", ":", "+", "+", "#", "#"},
                                     .nothing = "_",
                                     .lost = "/",
                                     .pending = "?",
                                     .watched = "=",
                                     .frame = "|",
                                     .floor = "+",
                                     .cut = "~"};

struct chart {
    FILE *stream;
    const struct plot *plot;
    const struct plot_room *room;
    const struct signs *signs;
    unsigned margin;              /* columns before the frame */
    size_t each, cells, wide;     /* intervals of a cell, cells, characters of a cell */
    bool missing, pending, blank; /* seen: to be explained */
};

/* ---------------------------------------------------------------- lines of text */

/* Writes as much as `width` columns hold; a character of UTF-8 is one. Returns how many it took. */
static unsigned put_fit(const struct chart *c, const char *text, unsigned width)
{
    unsigned columns = 0, length = 0;
    for (const char *at = text; *at != '\0'; at++)
        length += ((unsigned char)*at & 0xc0) != 0x80;
    bool cut = length > width;
    for (const char *at = text; *at != '\0'; at++) {
        if (((unsigned char)*at & 0xc0) != 0x80 && columns++ + cut >= width)
            break;
        fputc(*at, c->stream);
    }
    if (cut)
        fputs(c->signs->cut, c->stream);
    return cut ? width : length;
}

static void put_times(const struct chart *c, const char *text, size_t times)
{
    for (size_t i = 0; i < times; i++)
        fputs(text, c->stream);
}

/* Words, in lines no longer than there is room. */
static void put_words(const struct chart *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put_words(const struct chart *c, const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    unsigned column = 0;
    char *rest = NULL;
    for (char *word = strtok_r(text, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        unsigned wide = 0;
        for (const char *at = word; *at != '\0'; at++)
            wide += ((unsigned char)*at & 0xc0) != 0x80;
        if (column > 0 && column + 1 + wide > c->room->width) {
            fputc('\n', c->stream);
            column = 0;
        } else if (column > 0) {
            fputc(' ', c->stream);
            column++;
        }
        column += put_fit(c, word, c->room->width);
    }
    fputc('\n', c->stream);
    free(text);
}

static void put_margin(const struct chart *c, const char *text, const char *frame)
{
    unsigned length = (unsigned)strlen(text);
    fprintf(c->stream, "%*s%s%s", (int)(c->margin > length ? c->margin - length : 0), "", text, frame);
}

/* Blanks at the end of a line are not printed. */
struct row {
    const struct chart *chart;
    size_t blanks;
};

static void row_put(struct row *row, const char *sign, size_t times)
{
    if (sign[0] == ' ') {
        row->blanks += times;
        return;
    }
    put_times(row->chart, " ", row->blanks);
    put_times(row->chart, sign, times);
    row->blanks = 0;
}

/* ---------------------------------------------------------------- a panel */

static unsigned level_of(double value, double most, unsigned height)
{
    double level = most > 0 ? round(value / most * height * LEVELS) : 0;
    return value <= 0 ? 0 : level < 1 ? 1 : (unsigned)level;
}

/* The character of a cell in a row of the panel, from 0 at the bottom. */
static const char *sign_of(struct chart *c, const struct plot_line *line, size_t cell, unsigned height, unsigned row)
{
    struct plot_cell of = plot_cell(c->plot, line, c->each, cell);
    if (of.state == PLOT_PENDING) {
        c->pending = true;
        return c->signs->pending;
    }
    c->blank |= of.state == PLOT_NONE && !of.partial;
    unsigned level = of.state == PLOT_NONE ? 0 : level_of(of.value, line->most, height);
    if (level > row * LEVELS)
        return c->signs->levels[level >= (row + 1) * LEVELS ? LEVELS : level - row * LEVELS];
    c->missing |= of.partial;
    if (of.partial)
        return c->signs->lost;
    return row == 0 && of.state == PLOT_VALUE && level == 0 ? c->signs->nothing : " ";
}

static void put_panel(struct chart *c, const struct plot_line *line, unsigned height)
{
    char amount[PLOT_AMOUNT_MAX], most[AXIS_TEXT_MAX], *title = NULL;
    axis_number(line->most, c->plot->bytes, most);
    if (line->most <= 0)
        most[0] = '\0'; /* no scale */
    if (asprintf(&title, "%s: %s", line->name, plot_amount(c->plot, line, amount)) >= 0) {
        (void)put_fit(c, title, c->room->width);
        fputc('\n', c->stream);
        free(title);
    }
    for (unsigned row = height; row-- > 0;) {
        struct row text = {.chart = c};
        put_margin(c, row + 1 == height ? most : row == 0 ? "0" : "", row == 0 ? c->signs->floor : c->signs->frame);
        for (size_t cell = 0; cell < c->cells; cell++)
            row_put(&text, sign_of(c, line, cell, height, row), c->wide);
        fputc('\n', c->stream);
    }
}

static void put_axis(const struct chart *c)
{
    struct axis_tick ticks[AXIS_TICKS_MAX];
    size_t width = c->cells * c->wide, column = 0;
    size_t count = axis_times(c->plot->from_ns, c->plot->to_ns, width / TICK_WIDTH, c->room->utc, ticks);
    put_margin(c, "", " ");
    for (size_t i = 0; i < count; i++) {
        int64_t interval = (ticks[i].time_ns - c->plot->from_ns) / c->plot->step_ns;
        size_t at = (size_t)interval / c->each * c->wide, length = strlen(ticks[i].text);
        if ((column > 0 && at <= column) || c->margin + 1 + at + length > c->room->width)
            continue;
        fprintf(c->stream, "%*s%s", (int)(at - column), "", ticks[i].text);
        column = at + length;
    }
    fputc('\n', c->stream);
}

/* ---------------------------------------------------------------- what was seen */

static const char *sight_sign(struct chart *c, enum plot_sight sight)
{
    c->missing |= sight == PLOT_LOST;
    c->blank |= sight == PLOT_AWAY;
    c->pending |= sight == PLOT_UNREPORTED;
    return sight == PLOT_LOST         ? c->signs->lost
           : sight == PLOT_AWAY       ? " "
           : sight == PLOT_UNREPORTED ? c->signs->pending
                                      : c->signs->watched;
}

/* The worst of those of `sensors` that are in trouble as they are asked for. */
static enum plot_sight worst(const struct chart *c, const struct plot_sensor *only, size_t cell)
{
    const struct plot *plot = c->plot;
    int64_t span = plot->step_ns * (int64_t)c->each, from = plot->from_ns + span * (int64_t)cell,
            to = from + span < plot->to_ns ? from + span : plot->to_ns;
    enum plot_sight sight = PLOT_WATCHED;
    if (only != NULL)
        return plot_sight(plot, only, from, to);
    for (size_t i = 0; i < plot->sensor_count; i++) {
        if (plot_has_trouble(plot, &plot->sensors[i]))
            continue;
        enum plot_sight one = plot_sight(plot, &plot->sensors[i], from, to);
        sight = one < sight ? one : sight;
    }
    return sight;
}

/* `only` NULL: of all without trouble. */
static void put_sight(struct chart *c, const char *name, const struct plot_sensor *only)
{
    struct row text = {.chart = c};
    unsigned used = put_fit(c, name, c->margin);
    row_put(&text, " ", c->margin + 1 - used);
    for (size_t cell = 0; cell < c->cells; cell++)
        row_put(&text, sight_sign(c, worst(c, only, cell)), c->wide);
    fputc('\n', c->stream);
}

static void put_sights(struct chart *c)
{
    const struct plot *plot = c->plot;
    char others[32] = "";
    size_t well = 0, shown = 0;
    const char *name = "";
    for (size_t i = 0; i < plot->sensor_count; i++) {
        if (!plot_has_trouble(plot, &plot->sensors[i])) {
            well++;
            name = plot->sensors[i].name;
        } else if (shown++ < SENSORS_MAX) {
            put_sight(c, plot->sensors[i].name, &plot->sensors[i]);
        }
    }
    snprintf(others, sizeof(others), shown == 0 ? "%zu sensors" : "%zu others", well);
    if (well > 0)
        put_sight(c, well == 1 ? name : others, NULL);
}

static void put_notes(const struct chart *c)
{
    const struct signs *s = c->signs;
    if (c->missing || c->pending || c->blank)
        put_words(c, "%s%s%s%s%s", c->missing ? s->lost : "", c->missing ? " something is missing " : "",
                  c->pending ? s->pending : "", c->pending ? " not reported yet " : "",
                  c->blank ? "blank: nobody watched" : "");
    if (c->each > 1)
        put_words(c, "Each character is the largest of %zu intervals.", c->each);
    if (c->plot->left_out > 0)
        put_words(c, "%zu more, smaller ones are left out: --table has them.", c->plot->left_out);
}

/* ---------------------------------------------------------------- all of it */

static unsigned margin_of(const struct plot *plot)
{
    size_t margin = MARGIN_LEAST;
    char text[AXIS_TEXT_MAX];
    for (size_t i = 0; i < plot->line_count; i++) {
        size_t length = strlen(axis_number(plot->lines[i].most, plot->bytes, text));
        margin = length > margin ? length : margin;
    }
    for (size_t i = 0; i < plot->sensor_count; i++) {
        size_t length = strlen(plot->sensors[i].name);
        length = length > MARGIN_MAX ? MARGIN_MAX : length;
        margin = length > margin ? length : margin;
    }
    return (unsigned)margin;
}

void plot_text(FILE *stream, const struct plot *plot, const struct plot_room *room)
{
    static const unsigned heights[PLOT_LINES_MAX + 1] = {0, 8, 5, 4, 3, 3, 3};
    struct chart c = {.stream = stream,
                      .plot = plot,
                      .room = room,
                      .signs = room->plain ? &letters : &blocks,
                      .margin = margin_of(plot)};
    char step[AXIS_TEXT_MAX], span[AXIS_SPAN_MAX];
    size_t columns = room->width - c.margin - 1;
    if (plot->line_count == 0)
        return;
    c.each = plot_each(plot, columns);
    c.cells = (plot->count + c.each - 1) / c.each;
    c.wide = columns / c.cells > WIDE_MAX ? WIDE_MAX : columns / c.cells;
    put_words(&c, "%s in each %s, %s", plot->measure, axis_duration(plot->step_ns, step),
              axis_span(plot->from_ns, plot->to_ns, room->utc, span));
    for (size_t i = 0; i < plot->line_count; i++)
        put_panel(&c, &plot->lines[i], heights[plot->line_count]);
    put_axis(&c);
    put_sights(&c);
    put_notes(&c);
}
