/* SPDX-License-Identifier: Apache-2.0 */
/* Plots by chance: what each interval is, beside a plain reading of the same rows, lives and gaps; and the pictures
 * show exactly that. */
#include "plot_support.h"

#define ROUNDS      300
#define SENSORS     3
#define GAPS        6
#define LIVES       3
#define INTERVALS   40
#define STEP        60
#define SPAN(count) ((count)*STEP)

struct span {
    int64_t from, to; /* seconds */
};
struct known {
    struct span lives[LIVES];
    size_t life_count;
    int64_t through, first; /* first: of its rows */
    bool over;
    uint64_t sums[INTERVALS];
    bool rows[INTERVALS];
};
struct lost {
    struct span span;
    int sensor; /* -1: anybody */
};
struct world {
    size_t count, gap_count;
    struct known sensors[SENSORS];
    struct lost gaps[GAPS];
};

static int64_t any(int64_t most)
{
    return most <= 0 ? 0 : random() % most;
}

/* ---------------------------------------------------------------- by chance */

static void make_lives(struct world *w, struct known *sensor, struct table *lives, const char *name)
{
    int64_t at = any(SPAN(w->count) / 2) - STEP;
    sensor->over = any(3) == 0;
    sensor->life_count = 1 + (size_t)any(LIVES);
    for (size_t i = 0; i < sensor->life_count; i++) {
        bool last = i + 1 == sensor->life_count, ends = !last || sensor->over;
        int64_t to = at + 1 + any(SPAN(w->count) / 2);
        sensor->lives[i] = (struct span){at, ends ? to : INT32_MAX};
        life(lives, name, ends ? (any(2) ? "ended" : "died") : "connected", at, to);
        at = to + any(2 * STEP);
    }
}

static void make(struct world *w, struct table *rows, struct table *lives, struct table *gaps, struct table *reaches)
{
    *w = (struct world){.count = 1 + (size_t)any(INTERVALS), .gap_count = (size_t)any(GAPS + 1)};
    for (int s = 0; s < SENSORS; s++) {
        struct known *sensor = &w->sensors[s];
        const char name[] = {'s', (char)('0' + s), '\0'};
        make_lives(w, sensor, lives, name);
        sensor->first = INT64_MAX;
        for (int64_t n = 1 + any(30); n > 0; n--) {
            int64_t second = any(SPAN(w->count));
            unsigned bytes = (unsigned)any(100000);
            row(rows, second, name, "tcp", bytes);
            sensor->sums[second / STEP] += bytes;
            sensor->rows[second / STEP] = true;
            sensor->first = second < sensor->first ? second : sensor->first;
        }
        sensor->through = 1 + any(SPAN(w->count) + STEP);
        reach(reaches, name, sensor->through);
    }
    for (size_t g = 0; g < w->gap_count; g++) {
        int64_t from = any(SPAN(w->count)) - STEP, length = any(4) == 0 ? 0 : any(5 * STEP);
        w->gaps[g] = (struct lost){{from, from + length}, (int)any(SENSORS + 1) - 1};
        const char name[] = {'s', (char)('0' + w->gaps[g].sensor), '\0'};
        gap(gaps, "loss", w->gaps[g].sensor < 0 ? "" : name, from, from + length, 1);
    }
}

/* ---------------------------------------------------------------- the plain reading */

static bool touches(const struct span *gap, int64_t from, int64_t to)
{
    return gap->from == gap->to ? gap->from >= from && gap->from < to : gap->from < to && gap->to > from;
}

static enum plot_state plainly(const struct world *w, int s, size_t i)
{
    const struct known *sensor = &w->sensors[s];
    int64_t from = SPAN((int64_t)i), to = from + STEP;
    if (!sensor->over && to > sensor->through)
        return PLOT_PENDING;
    if (sensor->rows[i])
        return PLOT_VALUE;
    for (size_t g = 0; g < w->gap_count; g++) {
        if ((w->gaps[g].sensor < 0 || w->gaps[g].sensor == s) && touches(&w->gaps[g].span, from, to))
            return PLOT_NONE;
    }
    for (size_t l = 0; l < sensor->life_count; l++) {
        int64_t begin = sensor->lives[l].from;
        begin = l == 0 && sensor->first < begin ? sensor->first : begin; /* it read files */
        if (from >= begin && to <= sensor->lives[l].to)
            return PLOT_VALUE;
    }
    return PLOT_NONE;
}

/* ---------------------------------------------------------------- compared */

static void assert_intervals(const struct world *w, const struct plot *plot)
{
    assert_int_equal(plot->count, w->count);
    assert_int_equal(plot->line_count, SENSORS);
    for (size_t line = 0; line < plot->line_count; line++) {
        int s = plot->lines[line].sensor[1] - '0';
        for (size_t i = 0; i < plot->count; i++) {
            enum plot_state expected = plainly(w, s, i);
            assert_int_equal(plot_state(&plot->lines[line], i), expected);
            if (expected == PLOT_VALUE)
                assert_int_equal((uint64_t)plot->lines[line].values[i], w->sensors[s].sums[i]);
        }
    }
}

/* A hatch for each gap that the picture's time has something of, where it is. */
static void assert_losses(const struct world *w, const struct plot *plot, const char *svg)
{
    const char *at = svg;
    for (size_t g = 0; g < w->gap_count; g++) {
        const struct span *span = &w->gaps[g].span;
        if (span->from >= SPAN((int64_t)w->count) || span->to < 0)
            continue;
        double x = plot_x(plot, AT(span->from)), width = plot_x(plot, AT(span->to)) - x;
        at = strstr(at, "<rect class=\"pv-loss\"");
        assert_non_null(at);
        assert_true(number(at, "width") > 0);
        assert_true(width < 1 || (number(at, "x") - x < 0.1 && x - number(at, "x") < 0.1));
        assert_true(width < 1 || (number(at, "width") - width < 0.1 && width - number(at, "width") < 0.1));
        at++;
    }
    assert_null(strstr(at, "<rect class=\"pv-loss\""));
}

static void assert_text(const struct plot *plot)
{
    const struct plot_room room = {.width = 40 + (unsigned)any(160), .utc = true, .plain = any(2)};
    char *text = text_of(plot, &room);
    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1) {
        size_t length = strcspn(line, "\n");
        assert_in_range(width_of(line, length), 0, room.width);
        assert_false(length > 0 && line[length - 1] == ' ');
    }
    free(text);
}

static void test_by_chance(void **state)
{
    (void)state;
    srandom(41);
    for (unsigned round = 0; round < ROUNDS; round++) {
        static struct table rows, lives, gaps, reaches;
        struct world w;
        struct plot plot;
        struct error err;
        table_begin(&rows, columns, 6);
        table_begin(&lives, life_columns, 4);
        table_begin(&gaps, fake_gap_columns, 7);
        table_begin(&reaches, fake_reach_columns, 3);
        make(&w, &rows, &lives, &gaps, &reaches);
        const struct plot_time time = {
            .from_ns = AT(0), .to_ns = AT(SPAN((int64_t)w.count)), .step_ns = STEP * NS_PER_S, .now_ns = AT(100000)};
        assert_int_equal(plot_init(&plot, &rows.columns, "bytes", &err), RESULT_OK);
        plot_page(&plot, &rows.columns, true);
        plot_watched(&plot, &lives.columns);
        plot_coverage(&plot, &gaps.columns, &reaches.columns);
        assert_int_equal(plot_finish(&plot, &time, &err), RESULT_OK);
        assert_intervals(&w, &plot);
        char *svg = svg_of(&plot, NULL);
        for (size_t line = 0; line < plot.line_count; line++)
            assert_strokes(&plot, line, svg);
        assert_losses(&w, &plot, svg);
        free(svg);
        assert_text(&plot);
        plot_free(&plot);
        table_free(&rows);
        table_free(&lives);
        table_free(&gaps);
        table_free(&reaches);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_by_chance)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
