/* SPDX-License-Identifier: Apache-2.0 */
/* In place of libpavo: columns, answers and events that a test writes down. The command sees an aggregator through
 * pavo.h alone, so this is all it takes to run it without one. */
#ifndef PAVO_TESTS_UNIT_CLI_FAKE_PAVO_H
#define PAVO_TESTS_UNIT_CLI_FAKE_PAVO_H

#include <stddef.h>
#include <stdint.h>

#include <pavo.h>

struct fake_column {
    const char *name, *heading;
    int kind;
    const char *list; /* the list it is an item's field of */
};

/* Cells by row: a text for programs and, behind a '|', one for people where that is another. NULL: not known. Of a list
 * the number of its items; the items' own cells stand in `items`, those of all rows one after the other, NULL in the
 * columns that are not theirs. */
struct pavo_columns {
    const struct fake_column *columns;
    int count;
    size_t rows;
    const char *const *cells;
    const char *const *items;
};
#define FAKE_COLUMNS(table) .columns = (table), .count = sizeof(table) / sizeof(*(table))

struct pavo_answer {
    const char *question; /* what it answers */
    const pavo_columns *pages;
    size_t page_count;
    int coverage; /* enum pavo_coverage */
    const pavo_columns *gaps, *reaches;
    const char *command;
    int64_t oldest_ns, newest_ns, elapsed_ns;
    uint64_t position;
    /* The question is refused: */
    const char *error, *parameter;
    size_t offset;
    const char *broken; /* after the pages, in place of the end */
};

/* What pavo_ask answers with, by question; what was asked last ("name=value name=value"), and how often. */
void fake_answers(const struct pavo_answer *answers, size_t count);
const char *fake_asked(void);
unsigned fake_asked_count(void);
/* The columns a gap has, and a reach. */
extern const struct fake_column fake_gap_columns[7], fake_reach_columns[3];

struct pavo_event {
    int kind;
    unsigned topic;
    uint64_t position, gap_after;
    const char *gap_reason;
    const pavo_columns *columns;
    size_t row;
};
/* What a subscriber hands out before it fails; topics and filters it was made with: "topics=9 filter(1)=host 10.0.0.1".
 * A filter of "wrong" cannot be understood, one of "of verdicts" only of that topic. */
#define FAKE_PAUSE (-1) /* a kind: nothing comes for as long as is waited */
void fake_events(const struct pavo_event *events, size_t count);
const char *fake_subscribed(void);

#endif
