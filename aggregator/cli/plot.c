/* SPDX-License-Identifier: Apache-2.0 */
/* Rows, gaps and lives to lines and what is known of their intervals. */
#include "aggregator/cli/plot.h"

#include <inttypes.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/cli/axis.h"
#include "aggregator/cli/cell.h"
#include "common/clock.h"

/* Status intervals are up to half an hour, and a report is behind by two: what is older is reported, or never will be.
 */
#define REPORTED_NS (5400 * NS_PER_S)

/* ---------------------------------------------------------------- rows */

struct named {
    char *name, *sensor; /* owned; sensor NULL: none */
    double total;
    int64_t first_ns, last_ns; /* of its rows */
    uint32_t number;
};

struct plot_rows {
    int time, value, sensor; /* fields */
    int *keys;               /* owned; the fields of a name */
    int key_count;
    struct plot_row {
        int64_t time_ns;
        double value;
        uint32_t line;
    } * rows; /* owned */
    size_t count, capacity;
    struct named **named; /* owned, as each is */
    size_t named_count, named_capacity;
    void *by_name; /* tsearch(3) of them */
    FILE *stream;  /* owned; for names */
    char *text;
    size_t size;
};

static bool is_measure(int kind)
{
    switch (kind) {
    case PAVO_KIND_COUNT:
    case PAVO_KIND_BYTES:
    case PAVO_KIND_NANOSECONDS:
    case PAVO_KIND_MICROSECONDS:
    case PAVO_KIND_ODDS:
    case PAVO_KIND_SHARE:
    case PAVO_KIND_TIME:
    case PAVO_KIND_LIST:
        return true;
    default:
        return false;
    }
}

/* Rates are over an interval's own time, and what differs in two intervals may be the same. */
static bool adds_up(const char *measure, int kind)
{
    return strncmp(measure, "distinct_", strlen("distinct_")) != 0 && strcmp(measure, "bps") != 0 &&
           strcmp(measure, "pps") != 0 && strcmp(measure, "bpp") != 0 && kind != PAVO_KIND_NANOSECONDS;
}

static bool is_port_of_another(const pavo_columns *columns, int field)
{
    for (int other = 0; other < pavo_columns_count(columns); other++) {
        if (cell_port(columns, other) == field)
            return true;
    }
    return false;
}

static int first_time(const pavo_columns *columns)
{
    for (int field = 0; field < pavo_columns_count(columns); field++) {
        if (pavo_columns_kind(columns, field) == PAVO_KIND_TIME)
            return field;
    }
    return -1;
}

enum result plot_init(struct plot *plot, const pavo_columns *columns, const char *measure, struct error *err)
{
    int time = first_time(columns), value = pavo_columns_field(columns, measure), count = pavo_columns_count(columns);
    *plot = (struct plot){0};
    if (time < 0)
        return error_set(err, RESULT_REJECT, "these rows have no time");
    if (value < 0 || pavo_columns_kind(columns, value) == PAVO_KIND_TIME ||
        !is_measure(pavo_columns_kind(columns, value)))
        return error_set(err, RESULT_REJECT, "'%s' is no column of numbers; bytes, packets and flows are", measure);
    struct plot_rows *rows = plot->rows = calloc(1, sizeof(*rows));
    if (rows != NULL)
        *rows = (struct plot_rows){.time = time, .value = value, .sensor = pavo_columns_field(columns, "sensor")};
    plot->measure = strdup(measure);
    if (rows == NULL || plot->measure == NULL ||
        (rows->keys = calloc((size_t)count + 1, sizeof(*rows->keys))) == NULL ||
        (rows->stream = open_memstream(&rows->text, &rows->size)) == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    for (int field = 0; field < count; field++) {
        if (!is_measure(pavo_columns_kind(columns, field)) && pavo_columns_list(columns, field) == NULL &&
            !is_port_of_another(columns, field))
            rows->keys[rows->key_count++] = field;
    }
    plot->bytes = pavo_columns_kind(columns, value) == PAVO_KIND_BYTES;
    plot->adds = adds_up(measure, pavo_columns_kind(columns, value));
    return RESULT_OK;
}

/* "inner tcp". NULL: out of memory. Valid until the next one. */
static const char *name_of(struct plot_rows *rows, const pavo_columns *page, size_t row, bool utc)
{
    rewind(rows->stream);
    for (int i = 0; i < rows->key_count; i++) {
        long before = ftell(rows->stream);
        if (before > 0)
            fputc(' ', rows->stream);
        if (!cell_put(rows->stream, page, row, rows->keys[i], utc))
            fseek(rows->stream, before, SEEK_SET);
    }
    fputc('\0', rows->stream);
    return fflush(rows->stream) == 0 ? rows->text : NULL;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

static void named_free(struct named *named)
{
    if (named == NULL)
        return;
    free(named->name);
    free(named->sensor);
    free(named);
}

static struct named *add_named(struct plot_rows *rows, const char *name, const char *sensor)
{
    if (rows->named_count == rows->named_capacity) {
        size_t capacity = rows->named_capacity * 2 + 16;
        struct named **grown = realloc(rows->named, capacity * sizeof(struct named *));
        if (grown == NULL)
            return NULL;
        rows->named = grown;
        rows->named_capacity = capacity;
    }
    struct named *named = calloc(1, sizeof(*named));
    if (named == NULL)
        return NULL;
    *named = (struct named){.name = strdup(name),
                            .sensor = sensor == NULL ? NULL : strdup(sensor),
                            .first_ns = INT64_MAX,
                            .last_ns = INT64_MIN,
                            .number = (uint32_t)rows->named_count};
    if (named->name == NULL || (sensor != NULL && named->sensor == NULL) ||
        tsearch(named, &rows->by_name, compare_names) == NULL) {
        named_free(named);
        return NULL;
    }
    rows->named[rows->named_count++] = named;
    return named;
}

static bool add_row(struct plot_rows *rows, int64_t time_ns, double value, struct named *named)
{
    if (rows->count == rows->capacity) {
        size_t capacity = rows->capacity * 2 + 256;
        struct plot_row *grown = realloc(rows->rows, capacity * sizeof(*grown));
        if (grown == NULL)
            return false;
        rows->rows = grown;
        rows->capacity = capacity;
    }
    rows->rows[rows->count++] = (struct plot_row){time_ns, value, named->number};
    named->total += value;
    named->first_ns = time_ns < named->first_ns ? time_ns : named->first_ns;
    named->last_ns = time_ns > named->last_ns ? time_ns : named->last_ns;
    return true;
}

void plot_page(struct plot *plot, const pavo_columns *page, bool utc)
{
    struct plot_rows *rows = plot->rows;
    for (size_t row = 0; row < pavo_columns_rows(page) && !plot->failed; row++) {
        int64_t time_ns;
        uint64_t value;
        if (!pavo_columns_signed(page, row, rows->time, &time_ns) ||
            !pavo_columns_number(page, row, rows->value, &value))
            continue;
        struct named wanted = {.name = (char *)name_of(rows, page, row, utc)}, *const * found;
        if (wanted.name == NULL) {
            plot->failed = true;
            return;
        }
        found = tfind(&wanted, &rows->by_name, compare_names);
        struct named *named =
            found != NULL ? *found : add_named(rows, wanted.name, pavo_columns_text(page, row, rows->sensor));
        plot->failed = named == NULL || !add_row(rows, time_ns, (double)value, named);
    }
}

static void rows_free(struct plot_rows **rows)
{
    struct plot_rows *r = *rows;
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->named_count; i++) {
        (void)tdelete(r->named[i], &r->by_name, compare_names);
        named_free(r->named[i]);
    }
    if (r->stream != NULL)
        fclose(r->stream);
    free(r->text);
    free(r->keys);
    free(r->rows);
    free(r->named);
    free(r);
    *rows = NULL;
}

void plot_free(struct plot *plot)
{
    rows_free(&plot->rows);
    for (size_t i = 0; i < plot->line_count; i++) {
        free(plot->lines[i].name);
        free(plot->lines[i].sensor);
        free(plot->lines[i].values);
        free(plot->lines[i].partial);
    }
    for (size_t i = 0; i < plot->gap_count; i++) {
        free(plot->gaps[i].sensor);
        free(plot->gaps[i].text);
    }
    for (size_t i = 0; i < plot->sensor_count; i++) {
        free(plot->sensors[i].name);
        free(plot->sensors[i].watched);
    }
    free(plot->measure);
    free(plot->lines);
    free(plot->gaps);
    free(plot->sensors);
    *plot = (struct plot){0};
}

/* ---------------------------------------------------------------- who watched, and what is missing */

static struct plot_sensor *find_sensor(const struct plot *plot, const char *name)
{
    for (size_t i = 0; name != NULL && i < plot->sensor_count; i++) {
        if (strcmp(plot->sensors[i].name, name) == 0)
            return &plot->sensors[i];
    }
    return NULL;
}

static struct plot_sensor *have_sensor(struct plot *plot, const char *name)
{
    struct plot_sensor *found = find_sensor(plot, name);
    if (found != NULL || name == NULL || name[0] == '\0')
        return found;
    struct plot_sensor *grown = realloc(plot->sensors, (plot->sensor_count + 1) * sizeof(*grown));
    char *copy = strdup(name);
    if (grown != NULL)
        plot->sensors = grown;
    if (grown == NULL || copy == NULL) {
        free(copy);
        plot->failed = true;
        return NULL;
    }
    grown[plot->sensor_count] = (struct plot_sensor){.name = copy};
    return &grown[plot->sensor_count++];
}

static void add_watched(struct plot *plot, struct plot_sensor *sensor, int64_t from_ns, int64_t to_ns)
{
    struct plot_span *grown = realloc(sensor->watched, (sensor->watched_count + 1) * sizeof(*grown));
    if (grown == NULL) {
        plot->failed = true;
        return;
    }
    sensor->watched = grown;
    grown[sensor->watched_count++] = (struct plot_span){from_ns, to_ns};
}

void plot_watched(struct plot *plot, const pavo_columns *lives)
{
    int sensor_field = pavo_columns_field(lives, "sensor"), state_field = pavo_columns_field(lives, "state"),
        started_field = pavo_columns_field(lives, "started"), heard_field = pavo_columns_field(lives, "last_heard");
    for (size_t row = 0; row < pavo_columns_rows(lives) && !plot->failed; row++) {
        struct plot_sensor *sensor = have_sensor(plot, pavo_columns_text(lives, row, sensor_field));
        const char *state = pavo_columns_text(lives, row, state_field);
        int64_t started, heard = INT64_MAX;
        if (sensor == NULL || state == NULL)
            continue;
        sensor->over = strcmp(state, "ended") == 0 || strcmp(state, "died") == 0; /* at last of the newest life */
        if (sensor->over)
            (void)pavo_columns_signed(lives, row, heard_field, &heard);
        if (pavo_columns_signed(lives, row, started_field, &started))
            add_watched(plot, sensor, started, heard);
    }
}

/* "inner lost 41 packets", "inner: away". NULL: out of memory. */
static char *gap_text(const pavo_columns *gaps, size_t row, const char *sensor, const char *kind)
{
    char *text = NULL;
    const char *most = pavo_columns_show(gaps, row, pavo_columns_field(gaps, "at_most"), 0),
               *unit = pavo_columns_text(gaps, row, pavo_columns_field(gaps, "unit")),
               *reason = pavo_columns_text(gaps, row, pavo_columns_field(gaps, "reason"));
    const char *between = sensor[0] == '\0' ? "" : " ";
    int length;
    if (strcmp(kind, "loss") == 0)
        length = asprintf(&text, "%s%slost %s%s%s", sensor, between, most == NULL ? "" : most, most == NULL ? "" : " ",
                          unit == NULL ? "records" : unit);
    else if (strcmp(kind, "silent") == 0 || reason == NULL)
        length = asprintf(&text, "%s%s%s", sensor, between, kind);
    else
        length = asprintf(&text, "%s%s%.*s", sensor, between, (int)strcspn(reason, ",:;"), reason);
    return length < 0 ? NULL : text;
}

static void add_gap(struct plot *plot, const pavo_columns *gaps, size_t row)
{
    int64_t from_ns = INT64_MIN, to_ns = INT64_MAX;
    const char *kind = pavo_columns_text(gaps, row, pavo_columns_field(gaps, "gap")),
               *sensor = pavo_columns_text(gaps, row, pavo_columns_field(gaps, "sensor"));
    bool from = pavo_columns_signed(gaps, row, pavo_columns_field(gaps, "from_time"), &from_ns),
         to = pavo_columns_signed(gaps, row, pavo_columns_field(gaps, "to_time"), &to_ns);
    struct plot_gap *grown = realloc(plot->gaps, (plot->gap_count + 1) * sizeof(*grown));
    if (grown == NULL) {
        plot->failed = true;
        return;
    }
    plot->gaps = grown;
    if (kind == NULL || (!from && !to) || from_ns > to_ns) {
        plot->unplaced = true;
        return;
    }
    struct plot_gap gap = {strdup(sensor == NULL ? "" : sensor), NULL, from_ns, to_ns};
    gap.text = gap.sensor == NULL ? NULL : gap_text(gaps, row, gap.sensor, kind);
    if (gap.text == NULL) {
        free(gap.sensor);
        plot->failed = true;
        return;
    }
    grown[plot->gap_count++] = gap;
}

void plot_coverage(struct plot *plot, const pavo_columns *gaps, const pavo_columns *reaches)
{
    for (size_t row = 0; gaps != NULL && row < pavo_columns_rows(gaps) && !plot->failed; row++)
        add_gap(plot, gaps, row);
    for (size_t row = 0; reaches != NULL && row < pavo_columns_rows(reaches) && !plot->failed; row++) {
        struct plot_sensor *sensor =
            have_sensor(plot, pavo_columns_text(reaches, row, pavo_columns_field(reaches, "sensor")));
        if (sensor != NULL)
            (void)pavo_columns_signed(reaches, row, pavo_columns_field(reaches, "through"), &sensor->through_ns);
    }
}

/* ---------------------------------------------------------------- lines */

static int by_total(const void *a, const void *b)
{
    const struct named *x = *(struct named *const *)a, *y = *(struct named *const *)b;
    return x->total != y->total ? (x->total < y->total ? 1 : -1) : strcmp(x->name, y->name);
}

/* What is shown from and to, in whole steps. */
static enum result choose_times(struct plot *plot, const struct plot_time *time, struct error *err)
{
    int64_t first = INT64_MAX, last = INT64_MIN;
    bool goes_on = false;
    for (size_t i = 0; i < plot->rows->named_count; i++) {
        const struct named *named = plot->rows->named[i];
        const struct plot_sensor *sensor = find_sensor(plot, named->sensor);
        first = named->first_ns < first ? named->first_ns : first;
        last = named->last_ns > last ? named->last_ns : last;
        goes_on |= sensor != NULL && !sensor->over;
    }
    int64_t step = time->step_ns, to = goes_on && time->now_ns > last ? time->now_ns : last + 1;
    plot->step_ns = step;
    plot->from_ns = floor_ns(time->from_ns != 0 ? time->from_ns : first, step);
    plot->to_ns = floor_ns((time->to_ns != 0 ? time->to_ns : to) - 1, step) + step;
    if (plot->rows->named_count == 0 || plot->to_ns <= plot->from_ns)
        plot->to_ns = plot->from_ns; /* nothing to draw */
    plot->count = (size_t)((plot->to_ns - plot->from_ns) / step);
    if (plot->count > PLOT_INTERVALS_MAX)
        return error_set(err, RESULT_REJECT, "%zu intervals are more than a picture of %d; choose a longer --step",
                         plot->count, PLOT_INTERVALS_MAX);
    return RESULT_OK;
}

/* The sensor watched when its first row began, whatever its clock said of its start: it may read files. */
static void settle_sensors(struct plot *plot, const struct plot_time *time)
{
    for (size_t i = 0; i < plot->rows->named_count; i++) {
        const struct named *named = plot->rows->named[i];
        struct plot_sensor *sensor = find_sensor(plot, named->sensor);
        if (sensor != NULL && sensor->watched_count > 0 && named->first_ns < sensor->watched[0].from_ns)
            sensor->watched[0].from_ns = named->first_ns;
    }
    for (size_t i = 0; i < plot->sensor_count; i++) {
        struct plot_sensor *sensor = &plot->sensors[i];
        if (sensor->watched_count == 0)
            add_watched(plot, sensor, time->oldest_ns == 0 ? INT64_MIN : time->oldest_ns, INT64_MAX);
        if (sensor->over)
            sensor->through_ns = INT64_MAX;
        else if (sensor->through_ns == 0)
            sensor->through_ns = time->now_ns - REPORTED_NS;
    }
}

/* The first and the last interval that a time touches. False: none. */
static bool touched(const struct plot *plot, int64_t from_ns, int64_t to_ns, size_t *ret_first, size_t *ret_last)
{
    int64_t last_ns = to_ns > from_ns ? to_ns - 1 : to_ns; /* a moment touches one */
    if (plot->count == 0 || from_ns >= plot->to_ns || last_ns < plot->from_ns)
        return false;
    *ret_first = from_ns <= plot->from_ns ? 0 : (size_t)((from_ns - plot->from_ns) / plot->step_ns);
    *ret_last = last_ns >= plot->to_ns ? plot->count - 1 : (size_t)((last_ns - plot->from_ns) / plot->step_ns);
    return true;
}

static bool concerns(const struct plot_gap *gap, const char *sensor)
{
    return gap->sensor[0] == '\0' || sensor == NULL || strcmp(gap->sensor, sensor) == 0;
}

/* Marks intervals of which something is missing. Each gap costs two steps, however long it is. */
static bool mark_partial(const struct plot *plot, struct plot_line *line)
{
    int32_t *begins = calloc(plot->count + 1, sizeof(*begins)), open = 0;
    size_t first, last;
    if (begins == NULL)
        return false;
    for (size_t i = 0; i < plot->gap_count; i++) {
        const struct plot_gap *gap = &plot->gaps[i];
        if (concerns(gap, line->sensor) && touched(plot, gap->from_ns, gap->to_ns, &first, &last)) {
            begins[first]++;
            begins[last + 1]--;
        }
    }
    for (size_t i = 0; i < plot->count; i++) {
        open += begins[i];
        line->partial[i] = open > 0;
    }
    free(begins);
    return true;
}

static bool is_watched(const struct plot_sensor *sensor, int64_t from_ns, int64_t to_ns)
{
    for (size_t i = 0; i < sensor->watched_count; i++) {
        if (from_ns >= sensor->watched[i].from_ns && to_ns <= sensor->watched[i].to_ns)
            return true;
    }
    return false;
}

static enum plot_state state_without_row(const struct plot *plot, const struct plot_line *line, size_t i)
{
    const struct plot_sensor *sensor = find_sensor(plot, line->sensor);
    int64_t from_ns = plot->from_ns + (int64_t)i * plot->step_ns;
    return plot->unplaced || line->partial[i] ||
                   (sensor != NULL && !is_watched(sensor, from_ns, from_ns + plot->step_ns))
               ? PLOT_NONE
               : PLOT_VALUE;
}

static double of_state(enum plot_state state)
{
    return state == PLOT_VALUE ? 0 : -1.0 - (double)state;
}

enum plot_state plot_state(const struct plot_line *line, size_t interval)
{
    double value = line->values[interval];
    return value >= 0 ? PLOT_VALUE : value == of_state(PLOT_PENDING) ? PLOT_PENDING : PLOT_NONE;
}

/* Through when everybody has reported whose rows the line may be of. */
static int64_t through_of(const struct plot *plot, const struct plot_line *line)
{
    int64_t through_ns = INT64_MAX;
    for (size_t i = 0; i < plot->sensor_count; i++) {
        const struct plot_sensor *sensor = &plot->sensors[i];
        if ((line->sensor == NULL || strcmp(sensor->name, line->sensor) == 0) && sensor->through_ns < through_ns)
            through_ns = sensor->through_ns;
    }
    return through_ns;
}

static void settle_line(const struct plot *plot, struct plot_line *line, bool *has_row)
{
    int64_t through_ns = through_of(plot, line);
    for (size_t i = 0; i < plot->count; i++) {
        int64_t from_ns = plot->from_ns + (int64_t)i * plot->step_ns;
        if (from_ns + plot->step_ns > through_ns)
            line->values[i] = of_state(PLOT_PENDING);
        else if (!has_row[i])
            line->values[i] = of_state(state_without_row(plot, line, i));
        if (line->values[i] > line->most) {
            line->most = line->values[i];
            line->most_ns = from_ns;
        }
    }
}

static bool fill_line(struct plot *plot, uint32_t number, struct plot_line *line)
{
    const struct plot_rows *rows = plot->rows;
    bool *has_row = calloc(plot->count + 1, sizeof(*has_row));
    line->values = calloc(plot->count + 1, sizeof(*line->values));
    line->partial = calloc(plot->count + 1, sizeof(*line->partial));
    bool done = has_row != NULL && line->values != NULL && line->partial != NULL && mark_partial(plot, line);
    for (size_t i = 0; done && i < rows->count; i++) {
        const struct plot_row *row = &rows->rows[i];
        if (row->line != number || row->time_ns < plot->from_ns || row->time_ns >= plot->to_ns)
            continue;
        size_t interval = (size_t)((row->time_ns - plot->from_ns) / plot->step_ns);
        line->values[interval] += row->value;
        has_row[interval] = true;
    }
    if (done)
        settle_line(plot, line, has_row);
    free(has_row);
    return done;
}

static bool make_lines(struct plot *plot)
{
    struct plot_rows *rows = plot->rows;
    size_t drawn = rows->named_count < PLOT_LINES_MAX ? rows->named_count : PLOT_LINES_MAX;
    bool done = true;
    if (plot->count == 0 || drawn == 0)
        return true;
    qsort(rows->named, rows->named_count, sizeof(struct named *), by_total);
    plot->lines = calloc(drawn, sizeof(*plot->lines));
    if (plot->lines == NULL)
        return false;
    for (size_t i = 0; i < drawn && done; i++) {
        struct named *named = rows->named[i];
        plot->lines[plot->line_count++] =
            (struct plot_line){.name = strdup(named->name),
                               .sensor = named->sensor == NULL ? NULL : strdup(named->sensor),
                               .total = named->total};
        done = plot->lines[i].name != NULL && (named->sensor == NULL || plot->lines[i].sensor != NULL) &&
               fill_line(plot, named->number, &plot->lines[i]);
    }
    plot->left_out = rows->named_count - drawn;
    return done;
}

enum result plot_finish(struct plot *plot, const struct plot_time *time, struct error *err)
{
    enum result r = choose_times(plot, time, err);
    if (r != RESULT_OK)
        return r;
    settle_sensors(plot, time);
    plot->failed |= !make_lines(plot);
    rows_free(&plot->rows);
    return plot->failed ? error_set(err, RESULT_AGAIN, "out of memory") : RESULT_OK;
}

const char *plot_amount(const struct plot *plot, const struct plot_line *line, char text[static PLOT_AMOUNT_MAX])
{
    char number[AXIS_TEXT_MAX];
    axis_number(plot->adds ? line->total : line->most, plot->bytes, number);
    snprintf(text, PLOT_AMOUNT_MAX, "%s%s", plot->adds ? "" : "at most ", number);
    return text;
}

/* ---------------------------------------------------------------- less room than intervals */

size_t plot_each(const struct plot *plot, size_t most)
{
    return most == 0 || plot->count <= most ? 1 : (plot->count + most - 1) / most;
}

struct plot_cell plot_cell(const struct plot *plot, const struct plot_line *line, size_t each, size_t cell)
{
    struct plot_cell whole = {.state = PLOT_NONE};
    size_t end = (cell + 1) * each < plot->count ? (cell + 1) * each : plot->count;
    bool none = false;
    for (size_t i = cell * each; i < end; i++) {
        enum plot_state state = plot_state(line, i);
        whole.state = state > whole.state ? state : whole.state;
        whole.value = line->values[i] > whole.value ? line->values[i] : whole.value;
        whole.partial |= line->partial[i] != 0;
        none |= state == PLOT_NONE;
    }
    whole.partial |= none && whole.state == PLOT_VALUE;
    return whole;
}

enum plot_sight plot_sight(const struct plot *plot, const struct plot_sensor *sensor, int64_t from_ns, int64_t to_ns)
{
    for (size_t i = 0; i < plot->gap_count; i++) {
        const struct plot_gap *gap = &plot->gaps[i];
        bool moment = gap->from_ns == gap->to_ns && gap->to_ns == from_ns;
        if (concerns(gap, sensor->name) && gap->from_ns < to_ns && (gap->to_ns > from_ns || moment))
            return PLOT_LOST;
    }
    return !is_watched(sensor, from_ns, to_ns) ? PLOT_AWAY
           : to_ns > sensor->through_ns        ? PLOT_UNREPORTED
                                               : PLOT_WATCHED;
}

bool plot_has_trouble(const struct plot *plot, const struct plot_sensor *sensor)
{
    enum plot_sight sight = plot_sight(plot, sensor, plot->from_ns, plot->to_ns);
    return sight == PLOT_LOST || sight == PLOT_AWAY;
}
