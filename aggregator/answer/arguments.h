/* SPDX-License-Identifier: Apache-2.0 */
/* The arguments of a question: from the texts of a Query to values, and from values to the command line that asks the
 * same. Pure; foreign text goes in. */
#ifndef PAVO_AGGREGATOR_ANSWER_ARGUMENTS_H
#define PAVO_AGGREGATOR_ANSWER_ARGUMENTS_H

#include "aggregator/answer/question.h"
#include "common/filter/filter.h"
#include "common/records/flow.h"
#include "common/records/json.h"
#include "pavo.pb-c.h"

/* Nanoseconds either side of 1970 that can be asked about: what a capture file can say, and no sum overflows. */
#define ARGUMENT_TIME_MAX 4500000000000000000ll

/* By the parameter's type one of these; without a value, zeros. */
struct argument {
    bool given;            /* by the asker, not by the parameter's fallback */
    const char *text;      /* TEXT, SELECT (as one line), and as given for the others; borrowed from the Query or the
                              parameter;      NULL: none */
    int64_t time;          /* TIME, MOMENT (never 0 when given: that is "unbounded" to the store), SPAN: nanoseconds */
    int64_t time_end;      /* MOMENT: until that, not included; as long as it was written */
    uint64_t number;       /* NUMBER, PROTOCOL, FLAG (0, 1), WORD (which), TOPIC (enum record_kind_number) */
    struct endpoint end;   /* END; port 0: any */
    char *line;            /* SELECT: what text points to; owned */
    struct filter *filter; /* FILTER; owned; NULL: everything */
};

struct arguments {
    const struct question *question;
    struct argument values[QUESTION_PARAMETERS_MAX]; /* in the order of its parameters */
    uint16_t order[RECORDS_FIELDS_MAX];              /* COLUMNS: the fields of the question's columns that are wanted */
    unsigned order_count;                            /* 0: all */
};

/* Where a refusal lies. */
struct argument_error {
    char parameter[64]; /* "": none */
    size_t offset;      /* in its text, bytes */
};

/* Borrows from `texts`; filters take references to those of `sets` that they name. RESULT_REJECT with a sentence: an
 * argument nobody knows (the nearest is named), given twice, missing, or not of its parameter's form; ret_error says
 * which. RESULT_FATAL: out of memory. */
MUST_CHECK enum result arguments_parse(const struct question *question, Pavo__Argument *const *texts, size_t count,
                                       const struct filter_set *sets, size_t set_count, struct arguments *ret_arguments,
                                       struct argument_error *ret_error, struct error *err);
void arguments_fini(struct arguments *arguments);

/* Appends "pavo QUESTION [--NAME VALUE]... [POSITIONAL]": what was given, quoted for a shell where it must be, times
 * in RFC 3339. Without control characters whatever came in. */
void arguments_command(const struct arguments *arguments, struct json *text);

#endif
