/* SPDX-License-Identifier: Apache-2.0 */
/* A picture of sums over time: what is known of each interval, before it becomes text (plot_text.h) or SVG
 * (plot_svg.h). Pure.
 *
 * An interval without a row says 0 only where its sensor watched, lost nothing and has reported all of it, and the
 * answer came whole. Otherwise it has no value, and no line goes through it. */
#ifndef PAVO_AGGREGATOR_CLI_PLOT_H
#define PAVO_AGGREGATOR_CLI_PLOT_H

#include <stdbool.h>
#include <stdint.h>

#include <pavo.h>

#include "common/result.h"

#define PLOT_LINES_MAX     6       /* drawn: those that have the most in all */
#define PLOT_INTERVALS_MAX 1000000 /* from end to end */

enum plot_state {
    PLOT_NONE,    /* nobody saw it, or what was seen is lost */
    PLOT_PENDING, /* not over, or not reported yet */
    PLOT_VALUE,
};

struct plot_line {
    char *name;   /* owned; "inner tcp" */
    char *sensor; /* owned; NULL: of no one's alone */
    double total, most;
    int64_t most_ns;  /* when the interval with the most begins */
    double *values;   /* owned; by interval; below 0: of a state without a value */
    uint8_t *partial; /* owned; by interval: something of it is missing */
};

/* Something that is missing in a time. */
struct plot_gap {
    char *sensor, *text; /* owned; sensor "": anybody's */
    int64_t from_ns, to_ns;
};

struct plot_sensor {
    char *name; /* owned */
    /* Spans of time in which it watched, in order. */
    struct plot_span {
        int64_t from_ns, to_ns;
    } * watched; /* owned */
    size_t watched_count;
    int64_t through_ns; /* what began before has been reported; 0: not known */
    bool over;          /* its newest life has ended or died */
};

struct plot {
    char *measure; /* owned; of which column the values are */
    bool bytes;
    bool adds;                       /* the values of intervals add up; those of rates and of different ones do not */
    int64_t from_ns, to_ns, step_ns; /* from and to lie on a step */
    size_t count;                    /* intervals */
    struct plot_line *lines;         /* owned; the most first */
    size_t line_count, left_out;     /* left out: lines beyond PLOT_LINES_MAX */
    struct plot_gap *gaps;           /* owned */
    size_t gap_count;
    bool unplaced;               /* something is missing of which nobody knows when: what has no row may be of it */
    struct plot_sensor *sensors; /* owned */
    size_t sensor_count;
    struct plot_rows *rows; /* owned; until plot_finish */
    bool failed;            /* out of memory */
};

/* Of an answer with these columns: one of times, one named `measure` of numbers; what else is no number names a line.
 * RESULT_REJECT with a sentence: it has no such column. To be freed in either case. */
MUST_CHECK enum result plot_init(struct plot *plot, const pavo_columns *columns, const char *measure,
                                 struct error *err);
void plot_free(struct plot *plot);

/* Its rows. */
void plot_page(struct plot *plot, const pavo_columns *page, bool utc);
/* What the question "sensors" answered: when each watched. */
void plot_watched(struct plot *plot, const pavo_columns *lives);
/* Gaps and reaches of the answer, as pavo_answer_gaps and pavo_answer_reaches have them. NULL: none. */
void plot_coverage(struct plot *plot, const pavo_columns *gaps, const pavo_columns *reaches);

struct plot_time {
    int64_t from_ns, to_ns;  /* asked about; 0: as far as there is something */
    int64_t step_ns, now_ns; /* above 0 */
    int64_t oldest_ns;       /* of the store; 0: not known */
};
/* Makes the lines of it. RESULT_REJECT with a sentence: of more intervals than PLOT_INTERVALS_MAX. RESULT_AGAIN: out of
 * memory. */
MUST_CHECK enum result plot_finish(struct plot *plot, const struct plot_time *time, struct error *err);

enum plot_state plot_state(const struct plot_line *line, size_t interval);

/* What a line comes to, as it is told beside its name: "4.5 kB"; "at most 12", of what does not add up. Returns
 * `text`. */
#define PLOT_AMOUNT_MAX 40
const char *plot_amount(const struct plot *plot, const struct plot_line *line, char text[static PLOT_AMOUNT_MAX]);

/* Several intervals as one, for pictures that have not so much room. */
struct plot_cell {
    enum plot_state state;
    double value; /* the largest of them */
    bool partial; /* of some of them something is missing */
};
/* How many intervals go into one of at most `most` cells. */
size_t plot_each(const struct plot *plot, size_t most);
struct plot_cell plot_cell(const struct plot *plot, const struct plot_line *line, size_t each, size_t cell);

/* What is known of a sensor in a time. From the worst to the best. */
enum plot_sight { PLOT_LOST, PLOT_AWAY, PLOT_UNREPORTED, PLOT_WATCHED };
enum plot_sight plot_sight(const struct plot *plot, const struct plot_sensor *sensor, int64_t from_ns, int64_t to_ns);

/* Is there anything missing of it in the time that is shown? */
bool plot_has_trouble(const struct plot *plot, const struct plot_sensor *sensor);

#endif
