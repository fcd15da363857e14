/* SPDX-License-Identifier: Apache-2.0 */
/* A question as data: what it is called, what it takes, what columns it answers with, and what answers it.
 *
 * To add one: a file of its own that defines `const struct question question_NAME`, a row in the table of questions.c,
 * a line in meson.build. Help, forms, `pavo questions`, docs/questions.md and the head of its answer come
 * from here. */
#ifndef PAVO_AGGREGATOR_ANSWER_QUESTION_H
#define PAVO_AGGREGATOR_ANSWER_QUESTION_H

#include <stdio.h>

#include "common/records/records.h"
#include "common/result.h"

struct work;

/* What an argument's text is, and what it is parsed to (arguments.h). */
#define PARAMETER_TYPES(X)                                                                                             \
    X(TEXT, text, "any text without control characters")                                                               \
    X(FILTER, filter, "a filter (docs/filter.md)")                                                                     \
    X(TIME, time,                                                                                                      \
      "a date and a time with its zone, as 2026-11-23T20:36:40.5Z (RFC 3339) or as logs write it, whose beginning is " \
      "meant; or nanoseconds since 1970 as a whole number")                                                            \
    X(MOMENT, moment,                                                                                                  \
      "as a time, but all of it is meant: 2026-11-23T20:36Z is a minute; or two, A..B, from A until B is over")        \
    X(SPAN, span, "a duration: 250ms, 5s, 2m, 1h30m")                                                                  \
    X(END, end, "ADDR, ADDR:PORT or [ADDR]:PORT")                                                                      \
    X(PROTOCOL, protocol, "tcp, udp, icmp ... or a number from 1 to 255")                                              \
    X(NUMBER, number, "a whole number")                                                                                \
    X(WORD, word, "one of the words listed")                                                                           \
    X(FLAG, flag, "yes or no")                                                                                         \
    X(COLUMNS, columns, "`shown`: those that a table has; or names of columns with commas between")                    \
    X(SELECT, select,                                                                                                  \
      "one SELECT (docs/sql.md); line ends are blanks, and what stands behind -- in a line is left out")               \
    X(TOPIC, topic, "a kind of record: flow, verdict, binding, loss, status or alert")
enum parameter_type {
#define X(name, word, doc) PARAMETER_##name,
    PARAMETER_TYPES(X)
#undef X
        PARAMETER_TYPE_COUNT
};
const char *parameter_type_word(enum parameter_type type);
const char *parameter_type_doc(enum parameter_type type);

struct parameter {
    const char *name;
    enum parameter_type type;
    const char *help;
    const char *fallback; /* what it is when it is not given, in the same form; NULL: nothing */
    bool positional;      /* on a command line it stands by itself, and takes all that is left */
    bool required;
    const char *const *words; /* of a WORD */
    unsigned word_count;
    enum record_kind_number kind;               /* of a FILTER: what it chooses from ... */
    const struct record_kind *(*kind_of)(void); /* ... NULL: that ... */
    const char *kind_from;                      /* ... or the parameter before it, a TOPIC, that says so */
    const char *not_before;                     /* of a TIME: the one that it must not lie before; NULL: any */
};

/* What a FILTER without `kind_from` chooses from. */
const struct record_kind *parameter_kind(const struct parameter *parameter);

#define QUESTION_PARAMETERS_MAX 8u

/* What it answers from, and so what its coverage tells to be missing. */
enum question_basis {
    QUESTION_OF_NOW,     /* what is known now: nothing, but what it says itself */
    QUESTION_OF_SPEECH,  /* what was said in a time: who was silent */
    QUESTION_OF_TRAFFIC, /* what was seen in a time: who was silent, and what was lost */
};

/* Who may ask it. */
enum question_access {
    QUESTION_READERS,  /* readers, and gateways in a reader's session */
    QUESTION_ANYBODY,  /* and gateways for themselves */
    QUESTION_GATEWAYS, /* gateways for themselves alone */
};

struct question {
    const char *name;
    const char *summary;  /* a sentence */
    const char *examples; /* command lines, one a line; NULL: none */
    const struct parameter *parameters;
    unsigned parameter_count; /* up to QUESTION_PARAMETERS_MAX */
    enum question_access access;
    /* The columns: a kind of record, made at the first call and never changed. NULL: it answers with none. */
    const struct record_kind *(*columns)(void);
    enum question_basis basis;
    int64_t time_max_ns; /* it is ended after that, and long from its beginning; 0: ANSWER_TIMEOUT_NS */
    unsigned at_once;    /* so many are worked on at a time, and one of a key; 0: as many as there may be of any */
    /* Where the columns depend on the arguments: sets work->columns and what it keeps of them in work->own before the
     * head goes out, and lets it go when all has gone out. `columns` are then those that it has by its fallbacks, or
     * NULL where nothing is known of them before. NULL: they do not depend on them. */
    enum result (*begin)(struct work *work, struct error *err);
    void (*end)(struct work *work);
    enum result (*run)(struct work *work, struct error *err);
};

/* Lanes (answer.h): a question of now is answered from memory, and is short; one that says how long it may take is
 * long; of any other it turns out. NULL, a question that there is not, is short. */
bool question_is_short(const struct question *question);
bool question_is_long(const struct question *question);

/* The table, in the order it is listed. */
extern const struct question *const questions[];
extern const unsigned question_count;

/* By name. NULL: there is none, and *ret_nearest is the name that may be meant, or NULL. */
const struct question *question_find_name(const char *name, const char **ret_nearest);
const struct parameter *question_parameter(const struct question *question, const char *name);

/* The table as Markdown: docs/questions.md. */
void questions_markdown(FILE *to);

#endif
