/* SPDX-License-Identifier: Apache-2.0 */
/* Lines, hatches and axes. */
#include "aggregator/cli/plot_svg.h"

#include <stdlib.h>
#include <string.h>

#include "aggregator/cli/axis.h"
#include "aggregator/cli/markup.h"

#define WIDTH       960
#define LEFT        84 /* of the plot */
#define RIGHT       944
#define HEIGHT      220
#define HEADER      64 /* command and coverage */
#define LEGEND_ROW  20
#define LABELS      22 /* over the plot: what was lost */
#define TIMES       26 /* under it */
#define SIGHT_ROW   15
#define SENSORS_MAX 12
#define LETTER      6.9 /* about the width of one */
#define MONO_FIT    118 /* letters in a line */
#define TICK_ROOM   90
#define TICKS_MAX   5 /* of values */

/* The console's colours. What no query of media is understood by shows the light ones. */
static const char style[] =
    ".pv{font:12px system-ui,-apple-system,'Segoe UI','Noto Sans','DejaVu Sans',sans-serif}"
    ".pv text{fill:#46555a}.pv .pv-m{font-family:ui-monospace,Consolas,'DejaVu Sans Mono',monospace}"
    ".pv .pv-b{fill:#fbfbf9}.pv .pv-g{stroke:#dde0da;fill:none}"
    ".pv .pv-l{fill:none;stroke-width:1.6}.pv .pv-a{fill-opacity:.13;stroke:none}"
    ".pv .pv-loss{stroke:#d9a44c;stroke-width:1}.pv .pv-h{stroke:#d9a44c;stroke-width:2}"
    ".pv .pv-wait{stroke:#bfc6bf;stroke-width:1}.pv .pv-w{stroke:#bfc6bf;stroke-width:1.5}"
    ".pv text.pv-lost{fill:#7d4a00}.pv .pv-ok{fill:#7fae86}.pv .pv-no{fill:#d9a44c}.pv .pv-un{fill:#bfc6bf}"
    ".pv .pv-whole{fill:#e5f0e5}.pv .pv-part{fill:#faf0dc}"
    ".pv .pv-l0{stroke:#0a626c}.pv .pv-l1{stroke:#5b489f}.pv .pv-l2{stroke:#a22c18}"
    ".pv .pv-l3{stroke:#2c6538}.pv .pv-l4{stroke:#7d4a00}.pv .pv-l5{stroke:#5a686c}"
    ".pv .pv-a0{fill:#0a626c}.pv .pv-a1{fill:#5b489f}"
    "@media (prefers-color-scheme:dark){.pv text{fill:#a2b3b5}.pv .pv-b{fill:#12191c}.pv .pv-g{stroke:#212c31}"
    ".pv .pv-loss,.pv .pv-h{stroke:#8a6527}.pv .pv-wait,.pv .pv-w{stroke:#3a4a50}.pv text.pv-lost{fill:#e3ab57}"
    ".pv .pv-ok{fill:#3f6b49}.pv .pv-no{fill:#8a6527}.pv .pv-un{fill:#3a4a50}"
    ".pv .pv-whole{fill:#15281a}.pv .pv-part{fill:#2a2113}"
    ".pv .pv-l0{stroke:#5ac2c7}.pv .pv-l1{stroke:#b0a2ee}.pv .pv-l2{stroke:#f2937d}"
    ".pv .pv-l3{stroke:#80c690}.pv .pv-l4{stroke:#e3ab57}.pv .pv-l5{stroke:#8799a0}"
    ".pv .pv-a0{fill:#5ac2c7}.pv .pv-a1{fill:#b0a2ee}}";
/* A second way to tell lines apart, for whom colours do not. */
static const char *const dashes[PLOT_LINES_MAX] = {"", "7 2", "2 2", "8 2 2 2", "4 4", "1 3"};

struct canvas {
    FILE *stream;
    const struct plot *plot;
    const struct plot_frame *frame;
    double top;  /* of the plot, and the value that is there */
    double most; /* at the top */
    size_t each, cells;
};

/* ---------------------------------------------------------------- where things are */

static double x_of(const struct canvas *c, int64_t time_ns)
{
    const struct plot *p = c->plot;
    if (time_ns <= p->from_ns)
        return LEFT;
    if (time_ns >= p->to_ns)
        return RIGHT;
    return LEFT + (RIGHT - LEFT) * ((double)(time_ns - p->from_ns) / (double)(p->to_ns - p->from_ns));
}

static double y_of(const struct canvas *c, double value)
{
    return c->top + HEIGHT * (1 - value / c->most);
}

static int64_t cell_from(const struct canvas *c, size_t cell)
{
    int64_t span = c->plot->step_ns * (int64_t)c->each, from = c->plot->from_ns + span * (int64_t)cell;
    return from < c->plot->to_ns ? from : c->plot->to_ns;
}

/* As much of it as `letters` hold. */
static void put_clipped(const struct canvas *c, const char *text, size_t letters)
{
    size_t length = 0, used = 0;
    for (const char *at = text; *at != '\0'; at++)
        length += ((unsigned char)*at & 0xc0) != 0x80;
    if (length <= letters) {
        markup_text(c->stream, text);
        return;
    }
    const char *at = text;
    for (; *at != '\0'; at++) {
        if (((unsigned char)*at & 0xc0) != 0x80 && used++ == letters - 1)
            break;
    }
    char *part = strndup(text, (size_t)(at - text));
    if (part != NULL)
        markup_text(c->stream, part);
    fputs("…", c->stream);
    free(part);
}

/* ---------------------------------------------------------------- what a picture says in words */

static void put_description(const struct canvas *c)
{
    const struct plot *p = c->plot;
    char step[AXIS_TEXT_MAX], span[AXIS_SPAN_MAX], amount[PLOT_AMOUNT_MAX];
    axis_duration(p->step_ns, step);
    axis_span(p->from_ns, p->to_ns, c->frame->utc, span);
    fprintf(c->stream, "<title id=\"%s-t\">", c->frame->id);
    markup_printf(c->stream, "%s in each %s, %s", p->measure, step, span);
    fprintf(c->stream, "</title><desc id=\"%s-d\">", c->frame->id);
    for (size_t i = 0; i < p->line_count; i++)
        markup_printf(c->stream, "%s: %s. ", p->lines[i].name, plot_amount(p, &p->lines[i], amount));
    if (c->frame->command != NULL)
        markup_printf(c->stream, "%s", c->frame->command);
    fputs("</desc>", c->stream);
}

static void put_definitions(const struct canvas *c)
{
    const char *id = c->frame->id;
    fprintf(c->stream,
            "<style>%s</style><defs>"
            "<pattern id=\"%s-loss\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" "
            "patternTransform=\"rotate(45)\"><line class=\"pv-h\" x1=\"0\" y1=\"0\" x2=\"0\" y2=\"6\"/></pattern>"
            "<pattern id=\"%s-wait\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" "
            "patternTransform=\"rotate(45)\"><line class=\"pv-w\" x1=\"0\" y1=\"0\" x2=\"0\" y2=\"6\"/></pattern>"
            "</defs>",
            style, id, id);
}

/* The command, and what the answer rests on. */
static void put_header(const struct canvas *c)
{
    if (c->frame->command == NULL)
        return;
    fputs("<text class=\"pv-m\" x=\"16\" y=\"24\">$ ", c->stream);
    put_clipped(c, c->frame->command, MONO_FIT);
    fprintf(c->stream, "</text><rect class=\"%s\" x=\"16\" y=\"34\" width=\"928\" height=\"22\" rx=\"4\"/>",
            c->frame->whole ? "pv-whole" : "pv-part");
    fputs("<text x=\"24\" y=\"49\">", c->stream);
    put_clipped(c, c->frame->coverage == NULL ? "" : c->frame->coverage, MONO_FIT + 15);
    fputs("</text>", c->stream);
}

/* ---------------------------------------------------------------- legend */

/* Where the next entry goes; a new row when there is no room. */
struct entry {
    double x, y;
};

static void place(struct entry *at, size_t letters)
{
    double width = 34 + LETTER * (double)letters;
    if (at->x > LEFT && at->x + width > RIGHT)
        *at = (struct entry){LEFT, at->y + LEGEND_ROW};
    at->x += width;
}

static size_t letters_of(const struct plot *plot, size_t line)
{
    char amount[PLOT_AMOUNT_MAX];
    return strlen(plot->lines[line].name) + 1 + strlen(plot_amount(plot, &plot->lines[line], amount));
}

static double legend_height(const struct plot *plot)
{
    struct entry at = {LEFT, 0};
    for (size_t i = 0; i < plot->line_count; i++)
        place(&at, letters_of(plot, i));
    return at.y + LEGEND_ROW * (plot->left_out > 0 ? 2 : 1);
}

static void put_legend(const struct canvas *c, double top)
{
    const struct plot *p = c->plot;
    struct entry at = {LEFT, top};
    char amount[PLOT_AMOUNT_MAX];
    for (size_t i = 0; i < p->line_count; i++) {
        size_t letters = letters_of(p, i);
        place(&at, letters);
        double x = at.x - 34 - LETTER * (double)letters;
        fprintf(
            c->stream,
            "<path class=\"pv-l pv-l%zu\" stroke-dasharray=\"%s\" d=\"M%.1f %.1fh16\"/><text x=\"%.1f\" y=\"%.1f\">", i,
            dashes[i][0] == '\0' ? "none" : dashes[i], x, at.y + 9, x + 21, at.y + 13);
        markup_printf(c->stream, "%s %s", p->lines[i].name, plot_amount(p, &p->lines[i], amount));
        fputs("</text>", c->stream);
    }
    if (p->left_out > 0)
        fprintf(c->stream, "<text x=\"%d\" y=\"%.1f\">and %zu more, smaller ones, which are not drawn</text>", LEFT,
                at.y + LEGEND_ROW + 13, p->left_out);
}

/* ---------------------------------------------------------------- the plot */

static void put_values(const struct canvas *c)
{
    double step = axis_step(c->most, TICKS_MAX);
    char text[AXIS_TEXT_MAX];
    for (unsigned i = 0; i * step <= c->most * 1.0001; i++) {
        double y = y_of(c, i * step);
        fprintf(c->stream,
                "<path class=\"pv-g\" d=\"M%d %.1fH%d\"/><text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>", LEFT,
                y, RIGHT, LEFT - 8, y + 4, axis_number(i * step, c->plot->bytes, text));
    }
}

static void put_times(const struct canvas *c)
{
    struct axis_tick ticks[AXIS_TICKS_MAX];
    size_t count = axis_times(c->plot->from_ns, c->plot->to_ns, (RIGHT - LEFT) / TICK_ROOM, c->frame->utc, ticks);
    for (size_t i = 0; i < count; i++) {
        double x = x_of(c, ticks[i].time_ns);
        fprintf(c->stream,
                "<path class=\"pv-g\" d=\"M%.1f %.1fV%.1f\"/><text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%s"
                "</text>",
                x, c->top, c->top + HEIGHT + 4, x, c->top + HEIGHT + 18, ticks[i].text);
    }
}

static void put_hatch(const struct canvas *c, const char *name, int64_t from_ns, int64_t to_ns, const char *title)
{
    double x = x_of(c, from_ns), width = x_of(c, to_ns) - x;
    fprintf(c->stream,
            "<rect class=\"pv-%s\" fill=\"url(#%s-%s)\" x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%d\"><title>",
            name, c->frame->id, name, width < 1 && x > RIGHT - 1 ? RIGHT - 1 : x, c->top, width < 1 ? 1 : width,
            HEIGHT);
    markup_text(c->stream, title);
    fputs("</title></rect>", c->stream);
}

static void put_losses(const struct canvas *c)
{
    double free_from = 0;
    for (size_t i = 0; i < c->plot->gap_count; i++) {
        const struct plot_gap *gap = &c->plot->gaps[i];
        if (gap->from_ns >= c->plot->to_ns || gap->to_ns < c->plot->from_ns)
            continue;
        put_hatch(c, "loss", gap->from_ns, gap->to_ns, gap->text);
        double width = LETTER * (double)strlen(gap->text), x = x_of(c, gap->from_ns);
        x = x + width > RIGHT ? RIGHT - width : x;
        if (x < free_from || x < 0)
            continue; /* it is told by its title */
        fprintf(c->stream, "<text class=\"pv-lost\" x=\"%.1f\" y=\"%.1f\">", x, c->top - 6);
        markup_text(c->stream, gap->text);
        fputs("</text>", c->stream);
        free_from = x + width + 8;
    }
}

/* From the first interval that somebody has not reported. */
static void put_pending(const struct canvas *c)
{
    size_t first = c->plot->count;
    for (size_t i = 0; i < c->plot->line_count; i++) {
        size_t from = c->plot->count;
        while (from > 0 && plot_state(&c->plot->lines[i], from - 1) == PLOT_PENDING)
            from--;
        first = from < first ? from : first;
    }
    if (first < c->plot->count)
        put_hatch(c, "wait", c->plot->from_ns + (int64_t)first * c->plot->step_ns, c->plot->to_ns, "not reported yet");
}

/* Stairs through the intervals that have a value; it ends before one that has none, and begins again behind it. */
static void put_stairs(const struct canvas *c, const struct plot_line *line, bool area)
{
    bool drawing = false;
    double x = LEFT;
    for (size_t cell = 0; cell < c->cells; cell++) {
        struct plot_cell of = plot_cell(c->plot, line, c->each, cell);
        bool has = of.state == PLOT_VALUE;
        if (drawing && !has && area)
            fprintf(c->stream, "V%.1fZ", y_of(c, 0));
        if (has && !drawing && area)
            fprintf(c->stream, "M%.1f %.1f", x_of(c, cell_from(c, cell)), y_of(c, 0));
        if (has && !drawing && !area)
            fprintf(c->stream, "M%.1f %.1f", x_of(c, cell_from(c, cell)), y_of(c, of.value));
        x = x_of(c, cell_from(c, cell + 1));
        if (has)
            fprintf(c->stream, "V%.1fH%.1f", y_of(c, of.value), x);
        drawing = has;
    }
    if (drawing && area)
        fprintf(c->stream, "V%.1fZ", y_of(c, 0));
}

static void put_lines(const struct canvas *c)
{
    for (size_t i = 0; c->plot->line_count <= 2 && i < c->plot->line_count; i++) {
        fprintf(c->stream, "<path class=\"pv-a pv-a%zu\" d=\"", i);
        put_stairs(c, &c->plot->lines[i], true);
        fputs("\"/>", c->stream);
    }
    for (size_t i = c->plot->line_count; i-- > 0;) { /* the one with the most over the others */
        fprintf(c->stream, "<path class=\"pv-l pv-l%zu\" stroke-dasharray=\"%s\" d=\"", i,
                dashes[i][0] == '\0' ? "none" : dashes[i]);
        put_stairs(c, &c->plot->lines[i], false);
        fputs("\"><title>", c->stream);
        markup_text(c->stream, c->plot->lines[i].name);
        fputs("</title></path>", c->stream);
    }
}

/* ---------------------------------------------------------------- what was seen */

static enum plot_sight sight_of(const struct canvas *c, const struct plot_sensor *only, size_t cell)
{
    int64_t from_ns = cell_from(c, cell), to_ns = cell_from(c, cell + 1);
    enum plot_sight worst = PLOT_WATCHED;
    if (only != NULL)
        return plot_sight(c->plot, only, from_ns, to_ns);
    for (size_t i = 0; i < c->plot->sensor_count; i++) {
        const struct plot_sensor *sensor = &c->plot->sensors[i];
        enum plot_sight one =
            plot_has_trouble(c->plot, sensor) ? PLOT_WATCHED : plot_sight(c->plot, sensor, from_ns, to_ns);
        worst = one < worst ? one : worst;
    }
    return worst;
}

static void put_run(const struct canvas *c, enum plot_sight sight, size_t from, size_t to, double y)
{
    static const char *const classes[] = {[PLOT_LOST] = "pv-no", [PLOT_UNREPORTED] = "pv-un", [PLOT_WATCHED] = "pv-ok"};
    static const char *const words[] = {
        [PLOT_LOST] = "something is lost", [PLOT_UNREPORTED] = "not reported yet", [PLOT_WATCHED] = "watched"};
    if (sight == PLOT_AWAY || from == to)
        return;
    double x = x_of(c, cell_from(c, from)), height = sight == PLOT_LOST ? 8 : 4;
    fprintf(c->stream,
            "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.0f\"><title>%s</title></rect>",
            classes[sight], x, y - height / 2, x_of(c, cell_from(c, to)) - x, height, words[sight]);
}

/* A sensor's line, or (`only` NULL) that of all without trouble. */
static void put_sight(const struct canvas *c, const char *name, const struct plot_sensor *only, size_t row)
{
    double y = c->top + HEIGHT + TIMES + SIGHT_ROW * (double)row + 6;
    enum plot_sight before = PLOT_AWAY;
    size_t from = 0;
    fprintf(c->stream, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">", LEFT - 8, y + 4);
    put_clipped(c, name, 11);
    fputs("</text>", c->stream);
    for (size_t cell = 0; cell <= c->cells; cell++) {
        enum plot_sight sight = cell < c->cells ? sight_of(c, only, cell) : PLOT_AWAY;
        if (cell < c->cells && sight == before)
            continue;
        put_run(c, before, from, cell, y);
        before = sight;
        from = cell;
    }
}

static size_t sight_rows(const struct plot *plot)
{
    size_t trouble = 0;
    for (size_t i = 0; i < plot->sensor_count; i++)
        trouble += plot_has_trouble(plot, &plot->sensors[i]);
    return (trouble < SENSORS_MAX ? trouble : SENSORS_MAX) + (trouble < plot->sensor_count);
}

static void put_sights(const struct canvas *c)
{
    const struct plot *p = c->plot;
    size_t row = 0, well = 0;
    const char *name = "";
    char others[32];
    for (size_t i = 0; i < p->sensor_count; i++) {
        if (plot_has_trouble(p, &p->sensors[i])) {
            if (row < SENSORS_MAX)
                put_sight(c, p->sensors[i].name, &p->sensors[i], row++);
            continue;
        }
        name = p->sensors[i].name;
        well++;
    }
    snprintf(others, sizeof(others), row == 0 ? "%zu sensors" : "%zu others", well);
    if (well > 0)
        put_sight(c, well == 1 ? name : others, NULL, row);
}

/* ---------------------------------------------------------------- all of it */

static double greatest(const struct plot *plot)
{
    double most = 0;
    for (size_t i = 0; i < plot->line_count; i++)
        most = plot->lines[i].most > most ? plot->lines[i].most : most;
    return most > 0 ? most * 1.04 : 1;
}

void plot_svg(FILE *stream, const struct plot *plot, const struct plot_frame *frame)
{
    double above = (frame->command == NULL ? 8 : HEADER) + 22;
    struct canvas c = {.stream = stream,
                       .plot = plot,
                       .frame = frame,
                       .top = above + legend_height(plot) + LABELS,
                       .most = greatest(plot),
                       .each = plot_each(plot, RIGHT - LEFT)};
    char step[AXIS_TEXT_MAX], span[AXIS_SPAN_MAX];
    double height = c.top + HEIGHT + TIMES + SIGHT_ROW * (double)sight_rows(plot) + 12;
    c.cells = (plot->count + c.each - 1) / c.each;
    if (frame->command != NULL)
        fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", stream);
    fprintf(stream,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"pv\" viewBox=\"0 0 %d %.0f\" width=\"%d\" "
            "height=\"%.0f\" role=\"img\" aria-labelledby=\"%s-t %s-d\">",
            WIDTH, height, WIDTH, height, frame->id, frame->id);
    put_description(&c);
    put_definitions(&c);
    fprintf(stream, "<rect class=\"pv-b\" width=\"%d\" height=\"%.0f\"/>", WIDTH, height);
    put_header(&c);
    fprintf(stream, "<text x=\"%d\" y=\"%.1f\">", LEFT, above - 8);
    markup_printf(stream, "%s in each %s, %s", plot->measure, axis_duration(plot->step_ns, step),
                  axis_span(plot->from_ns, plot->to_ns, frame->utc, span));
    if (c.each > 1)
        fprintf(stream, "; of %zu intervals each the largest", c.each);
    fputs("</text>", stream);
    put_legend(&c, above);
    put_values(&c);
    put_times(&c);
    put_pending(&c);
    put_lines(&c);
    put_losses(&c);
    put_sights(&c);
    fputs("</svg>\n", stream);
}
