/* SPDX-License-Identifier: Apache-2.0 */
/* What a picture knows of each interval, whatever it is drawn with; and that text and SVG show exactly that. */
#include "aggregator/cli/axis.h"
#include "aggregator/cli/markup.h"
#include "aggregator/cli/plot.h"

#include <time.h>

#include "aggregator/cli/plot_svg.h"
#include "aggregator/cli/plot_text.h"
#include "command.h"
#include "plot_support.h"

/* Ten minutes, a minute each: `inner` watches from the second on, loses something in the fifth and is reported through
 * the eighth; `outer` watched until it ended in the third. */
static void prepare(struct plot *plot)
{
    struct table rows, lives, gaps, reaches;
    struct error err;
    table_begin(&rows, columns, 6);
    row(&rows, 60, "inner", "tcp", 1000);
    row(&rows, 70, "inner", "tcp", 500); /* of two pages: they add up */
    row(&rows, 180, "inner", "tcp", 3000);
    row(&rows, 485, "inner", "tcp", 7); /* not reported yet, whatever came */
    row(&rows, 0, "outer", "tcp", 100);
    table_begin(&lives, life_columns, 4);
    life(&lives, "inner", "connected", 60, 600);
    life(&lives, "outer", "ended", 0, 180);
    table_begin(&gaps, fake_gap_columns, 7);
    gap(&gaps, "loss", "inner", 250, 310, 41);
    table_begin(&reaches, fake_reach_columns, 3);
    reach(&reaches, "inner", 480);
    assert_int_equal(plot_init(plot, &rows.columns, "bytes", &err), RESULT_OK);
    plot_page(plot, &rows.columns, true);
    plot_watched(plot, &lives.columns);
    plot_coverage(plot, &gaps.columns, &reaches.columns);
    const struct plot_time time = {.from_ns = AT(0), .to_ns = AT(600), .step_ns = 60 * NS_PER_S, .now_ns = AT(610)};
    assert_int_equal(plot_finish(plot, &time, &err), RESULT_OK);
    table_free(&rows);
    table_free(&lives);
    table_free(&gaps);
    table_free(&reaches);
}

static void assert_states(const struct plot *plot, size_t line, const char *states)
{
    for (size_t i = 0; i < plot->count; i++) {
        enum plot_state state = plot_state(&plot->lines[line], i);
        assert_int_equal("n?v"[state], states[i]);
    }
}

static void test_states(void **state)
{
    (void)state;
    struct plot plot;
    prepare(&plot);
    assert_int_equal(plot.count, 10);
    assert_int_equal(plot.line_count, 2);
    assert_string_equal(plot.lines[0].name, "inner tcp");
    assert_string_equal(plot.lines[1].name, "outer tcp");
    /* nobody, 1500, 0, 3000, lost, lost, 0, 0, not reported */
    assert_states(&plot, 0, "nvvvnnvv??");
    assert_true(plot.lines[0].values[1] == 1500 && plot.lines[0].values[2] == 0 && plot.lines[0].values[3] == 3000);
    assert_true(plot.lines[0].partial[4] && plot.lines[0].partial[5] && !plot.lines[0].partial[3]);
    assert_states(&plot, 1, "vvvnnnnnnn"); /* 0 is said of the time it watched alone */
    assert_int_equal(plot.lines[0].most_ns, AT(180));
    assert_int_equal(plot_sight(&plot, &plot.sensors[0], AT(240), AT(300)), PLOT_LOST);
    assert_int_equal(plot_sight(&plot, &plot.sensors[0], AT(309), AT(310)), PLOT_LOST);
    assert_int_equal(plot_sight(&plot, &plot.sensors[0], AT(310), AT(360)), PLOT_WATCHED); /* up to it, not through */
    assert_int_equal(plot_sight(&plot, &plot.sensors[0], AT(0), AT(60)), PLOT_AWAY);
    assert_int_equal(plot_sight(&plot, &plot.sensors[0], AT(60), AT(120)), PLOT_WATCHED);
    assert_int_equal(plot_sight(&plot, &plot.sensors[0], AT(480), AT(540)), PLOT_UNREPORTED);
    assert_int_equal(plot_sight(&plot, &plot.sensors[1], AT(180), AT(240)), PLOT_AWAY);
    plot_free(&plot);
}

/* A cell of several intervals has the largest, and says that something of it is missing. */
static void test_cells(void **state)
{
    (void)state;
    struct plot plot;
    prepare(&plot);
    assert_int_equal(plot_each(&plot, 10), 1);
    assert_int_equal(plot_each(&plot, 4), 3);
    struct plot_cell cell = plot_cell(&plot, &plot.lines[0], 3, 0);
    assert_true(cell.state == PLOT_VALUE && cell.value == 1500 && cell.partial); /* the first nobody saw */
    cell = plot_cell(&plot, &plot.lines[0], 2, 1);
    assert_true(cell.state == PLOT_VALUE && cell.value == 3000 && !cell.partial);
    cell = plot_cell(&plot, &plot.lines[0], 2, 2);
    assert_true(cell.state == PLOT_NONE && cell.partial);
    assert_int_equal(plot_cell(&plot, &plot.lines[0], 3, 3).state, PLOT_PENDING);
    plot_free(&plot);
}

/* What does not add up is told by its most. */
static void test_amounts(void **state)
{
    (void)state;
    static const struct fake_column of[] = {{"time", "TIME", PAVO_KIND_TIME, NULL},
                                            {"sensor", "SENSOR", PAVO_KIND_TEXT, NULL},
                                            {"bytes", "BYTES", PAVO_KIND_BYTES, NULL},
                                            {"distinct_src", "DISTINCT SRC", PAVO_KIND_COUNT, NULL}};
    const pavo_columns rows = {FAKE_COLUMNS(of), .rows = 2,
                               .cells = (const char *const[]){"1700006400000000000", "inner", "1000", "7", /* */
                                                              "1700006401000000000", "inner", "500", "5"}};
    const struct plot_time time = {.step_ns = NS_PER_S, .now_ns = AT(0)};
    const char *const measures[] = {"bytes", "distinct_src"}, *const amounts[] = {"1.5 kB", "at most 7"};
    for (unsigned i = 0; i < 2; i++) {
        struct plot plot;
        struct error err;
        char text[PLOT_AMOUNT_MAX];
        assert_int_equal(plot_init(&plot, &rows, measures[i], &err), RESULT_OK);
        plot_page(&plot, &rows, true);
        assert_int_equal(plot_finish(&plot, &time, &err), RESULT_OK);
        assert_string_equal(plot_amount(&plot, &plot.lines[0], text), amounts[i]);
        plot_free(&plot);
    }
}

/* Of an answer that was cut off nobody knows what is missing: what has no row is not 0. */
static void test_cut(void **state)
{
    (void)state;
    struct table rows;
    const pavo_columns cut = {FAKE_COLUMNS(fake_gap_columns), .rows = 1,
                              .cells = (const char *const[]){"limit", NULL, NULL, NULL, NULL, NULL, "cut"}};
    const struct plot_time time = {.to_ns = AT(180), .step_ns = 60 * NS_PER_S, .now_ns = AT(1000000)};
    table_begin(&rows, columns, 6);
    row(&rows, 0, "inner", "tcp", 10);
    row(&rows, 0, "outer", "tcp", 5);
    row(&rows, 60, "inner", "tcp", 10);
    for (unsigned i = 0; i < 2; i++) {
        struct plot plot;
        struct error err;
        assert_int_equal(plot_init(&plot, &rows.columns, "bytes", &err), RESULT_OK);
        plot_page(&plot, &rows.columns, true);
        plot_coverage(&plot, i == 0 ? NULL : &cut, NULL);
        assert_int_equal(plot_finish(&plot, &time, &err), RESULT_OK);
        assert_states(&plot, 0, i == 0 ? "vvv" : "vvn");
        assert_states(&plot, 1, i == 0 ? "vvv" : "vnn");
        plot_free(&plot);
    }
    table_free(&rows);
}

static void test_refused(void **state)
{
    (void)state;
    struct plot plot;
    struct error err;
    struct table rows;
    table_begin(&rows, columns, 6);
    row(&rows, 0, "inner", "tcp", 1);
    row(&rows, 9000000, "inner", "tcp", 1);
    assert_int_equal(plot_init(&plot, &rows.columns, "host", &err), RESULT_REJECT);
    assert_non_null(strstr(err.text, "'host' is no column of numbers"));
    plot_free(&plot);
    assert_int_equal(plot_init(&plot, &rows.columns, "flows", &err), RESULT_OK);
    plot_page(&plot, &rows.columns, true);
    const struct plot_time time = {.step_ns = NS_PER_S, .now_ns = AT(0)};
    assert_int_equal(plot_finish(&plot, &time, &err), RESULT_REJECT);
    assert_non_null(strstr(err.text, "longer --step"));
    plot_free(&plot);
    table_free(&rows);
}

/* ---------------------------------------------------------------- text */

static void test_widths(void **state)
{
    (void)state;
    static const unsigned widths[] = {40, 41, 80, 200};
    struct plot plot;
    prepare(&plot);
    for (unsigned i = 0; i < 2 * sizeof(widths) / sizeof(*widths); i++) {
        const struct plot_room room = {.width = widths[i / 2], .utc = true, .plain = i % 2};
        char *text = text_of(&plot, &room);
        for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1) {
            size_t length = strcspn(line, "\n");
            assert_in_range(width_of(line, length), 0, room.width);
            assert_false(length > 0 && line[length - 1] == ' ');
            for (size_t c = 0; room.plain && c < length; c++)
                assert_in_range((unsigned char)line[c], ' ', '~');
        }
        assert_non_null(strstr(text, "UTC"));
        assert_non_null(strstr(text, "00:00"));
        free(text);
    }
    plot_free(&plot);
}

static void test_text(void **state)
{
    (void)state;
    struct plot plot;
    prepare(&plot);
    char *text = text_of(&plot, &(struct plot_room){.width = 40, .utc = true});
    assert_string_equal(text, "bytes in each 1m, 2023-11-15 00:00 to\n"
                              "00:10 UTC\n"
                              "inner tcp: 4.5 kB\n"
                              "     3 kB│         ███░░░░░░      ······\n"
                              "         │         ███░░░░░░      ······\n"
                              "         │   ▄▄▄   ███░░░░░░      ······\n"
                              "         │   ███   ███░░░░░░      ······\n"
                              "        0┴   ███___███░░░░░░______······\n"
                              "outer tcp: 100 B\n"
                              "    100 B│███\n"
                              "         │███\n"
                              "         │███\n"
                              "         │███\n"
                              "        0┴███______\n"
                              "          15 Nov         00:05\n"
                              "inner        ━━━━━━━━━░░░░░░━━━━━━······\n"
                              "outer     ━━━━━━━━━\n"
                              "░ something is missing · not reported\n"
                              "yet blank: nobody watched\n");
    free(text);
    plot_free(&plot);
}

/* ---------------------------------------------------------------- SVG */

#define X(s) plot_x(&plot, AT(s))

static void test_hatches(void **state)
{
    (void)state;
    struct plot plot;
    prepare(&plot);
    char *svg = svg_of(&plot, NULL);
    const char *loss = strstr(svg, "<rect class=\"pv-loss\""), *wait = strstr(svg, "<rect class=\"pv-wait\"");
    assert_non_null(loss);
    assert_near(number(loss, "x"), X(250));
    assert_near(number(loss, "width"), X(310) - X(250));
    assert_null(strstr(loss + 1, "<rect class=\"pv-loss\""));
    assert_non_null(strstr(svg, ">inner lost 41 packets</text>"));
    assert_non_null(wait);
    assert_near(number(wait, "x"), X(480));
    assert_near(number(wait, "width"), X(600) - X(480));
    free(svg);
    plot_free(&plot);
}

static void test_lines(void **state)
{
    (void)state;
    struct plot plot;
    prepare(&plot);
    char *svg = svg_of(&plot, "pavo series");
    assert_strokes(&plot, 0, svg);
    assert_strokes(&plot, 1, svg);
    assert_non_null(strstr(svg, "<?xml"));
    assert_non_null(strstr(svg, "$ pavo series</text>"));
    assert_non_null(strstr(svg, "&lt;b&gt;&amp;</text>"));
    free(svg);
    plot_free(&plot);
}

/* ---------------------------------------------------------------- foreign text */

static void assert_markup(const char *text, const char *expected)
{
    char *written = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&written, &size);
    markup_text(stream, text);
    assert_int_equal(fclose(stream), 0);
    assert_string_equal(written, expected);
    free(written);
}

static void test_markup(void **state)
{
    (void)state;
    assert_markup("inner", "inner");
    assert_markup("<script>\"a\" & 'b'</script>", "&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39;&lt;/script&gt;");
    assert_markup("J\xc3\xbcrgen \xf0\x9f\xa6\x9a", "J\xc3\xbcrgen \xf0\x9f\xa6\x9a");
    assert_markup("a\x01\tb", "a\xef\xbf\xbd\xef\xbf\xbd"
                              "b");
    assert_markup("\xe2\x80\xae"
                  "evil",
                  "\xef\xbf\xbd"
                  "evil");                                                 /* turns what follows */
    assert_markup("\xff\xc3", "\xef\xbf\xbd\xef\xbf\xbd");                 /* no UTF-8, and cut off */
    assert_markup("\xc0\xbc", "\xef\xbf\xbd\xef\xbf\xbd");                 /* < in two bytes */
    assert_markup("\xed\xa0\x80\xef\xbf\xbf", "\xef\xbf\xbd\xef\xbf\xbd"); /* no characters */
    assert_markup("\xf8\x88\x80\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

static void test_hostile_names(void **state)
{
    (void)state;
    struct plot plot;
    struct error err;
    struct table rows, gaps;
    static const char evil[] = "</text><script>\"'&\xff\xe2\x80\xae";
    table_begin(&rows, columns, 6);
    row(&rows, 0, evil, evil, 5);
    table_begin(&gaps, fake_gap_columns, 7);
    gap(&gaps, "state", evil, 0, 10, 0);
    assert_int_equal(plot_init(&plot, &rows.columns, "bytes", &err), RESULT_OK);
    plot_page(&plot, &rows.columns, true);
    plot_coverage(&plot, &gaps.columns, NULL);
    const struct plot_time time = {.step_ns = NS_PER_S, .now_ns = AT(0)};
    assert_int_equal(plot_finish(&plot, &time, &err), RESULT_OK);
    char *svg = svg_of(&plot, evil);
    assert_null(strstr(svg, "<script"));
    assert_null(strstr(svg, "\xff"));
    assert_null(strstr(svg, "\xe2\x80\xae"));
    assert_non_null(strstr(svg, "&lt;script&gt;"));
    free(svg);
    plot_free(&plot);
    table_free(&rows);
    table_free(&gaps);
}

/* ---------------------------------------------------------------- axes */

static void assert_ticks(int64_t from, int64_t to, size_t most, const char *expected)
{
    struct axis_tick ticks[AXIS_TICKS_MAX];
    char text[AXIS_TICKS_MAX * AXIS_TEXT_MAX] = "";
    size_t count = axis_times(AT(from), AT(to), most, true, ticks), used = 0;
    assert_in_range(count, 0, most);
    for (size_t i = 0; i < count; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s ", ticks[i].text);
    assert_string_equal(text, expected);
}

static void test_axes(void **state)
{
    (void)state;
    char text[AXIS_TEXT_MAX], span[AXIS_SPAN_MAX];
    assert_ticks(0, 600, 6, "15 Nov 00:02 00:04 00:06 00:08 ");
    assert_ticks(3601, 3661, 5, "01:00:15 01:00:30 01:00:45 01:01:00 ");
    assert_ticks(-86400, 3 * 86400, 5, "14 Nov 15 Nov 16 Nov 17 Nov ");
    assert_string_equal(axis_number(0, true, text), "0 B");
    assert_string_equal(axis_number(1500, true, text), "1.5 kB");
    assert_string_equal(axis_number(3e9, true, text), "3 GB");
    assert_string_equal(axis_number(9999, false, text), "9999");
    assert_string_equal(axis_number(12345, false, text), "12.3 k");
    assert_true(axis_step(4500, 5) == 1000 && axis_step(0, 5) == 1 && axis_step(7, 5) == 2);
    assert_string_equal(axis_span(AT(0), AT(86400), true, span), "2023-11-15 00:00 to 2023-11-16 00:00 UTC");
    assert_string_equal(axis_span(AT(0), AT(61), true, span), "2023-11-15 00:00:00 to 00:01:01 UTC");
    assert_string_equal(axis_duration(90 * NS_PER_S, text), "90s");
    assert_string_equal(axis_duration(3600 * NS_PER_S, text), "1h");
}

/* Days of 23 and 25 hours: midnights are midnights. */
static void test_clocks_that_are_set(void **state)
{
    (void)state;
    struct axis_tick ticks[AXIS_TICKS_MAX];
    char span[AXIS_SPAN_MAX];
    setenv("TZ", "Europe/Berlin", 1);
    tzset();
    const int64_t saturday = 1679698800ll * NS_PER_S; /* 2023-03-25 00:00 CET; set forward on the 26th */
    size_t count = axis_times(saturday, saturday + 4 * 86400 * NS_PER_S, 4, false, ticks);
    assert_int_equal(count, 4);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(ticks[i].text, ((const char *[]){"25 Mar", "26 Mar", "27 Mar", "28 Mar"})[i]);
    assert_string_equal(axis_span(saturday, saturday + 86400 * NS_PER_S, false, span),
                        "2023-03-25 00:00 to 2023-03-26 00:00 CET (+01:00)");
    const int64_t autumn = 1698530400ll * NS_PER_S; /* 2023-10-29 00:00 CEST; set back on that day */
    count = axis_times(autumn, autumn + 3 * 86400 * NS_PER_S, 3, false, ticks);
    assert_int_equal(count, 3);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(ticks[i].text, ((const char *[]){"29 Oct", "30 Oct", "31 Oct"})[i]);
    unsetenv("TZ");
    tzset();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_cells),
        cmocka_unit_test(test_amounts),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_widths),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_hatches),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_markup),
        cmocka_unit_test(test_hostile_names),
        cmocka_unit_test(test_axes),
        cmocka_unit_test(test_clocks_that_are_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
