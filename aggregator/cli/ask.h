/* SPDX-License-Identifier: Apache-2.0 */
/* A sub-command's talk with the aggregator: connect with a reader's key, ask, take pages. Says itself what went wrong.
 */
#ifndef PAVO_AGGREGATOR_CLI_ASK_H
#define PAVO_AGGREGATOR_CLI_ASK_H

#include <pavo.h>

#include "aggregator/cli/cli.h"
#include "aggregator/cli/progress.h"

/* A parameter of a question. */
struct argument {
    const char *name;
    char *value;     /* owned; as typed; NULL: not given */
    bool is_time;    /* typed in one of the forms of common/when.h: its beginning is meant ... */
    bool is_moment;  /* ... or all of it, as long as it was written */
    bool positional; /* typed without its name */
};
#define ARGUMENTS_MAX 32

/* Makes typed times what the aggregator reads (RFC 3339 in UTC), so that a question is the same whenever and wherever
 * it is asked. False: the sentence was printed, and what it is about. */
bool arguments_times(struct argument *arguments, size_t count);
void arguments_free(struct argument *arguments, size_t count);

/* RFC 3339 in UTC with nanoseconds. */
#define ASK_TIME_MAX 64
const char *ask_time_text(int64_t ns, char text[static ASK_TIME_MAX]);

struct ask {
    const struct cli *cli;
    pavo_asker *asker;                /* owned */
    struct progress *progress;        /* owned; NULL: nobody looks */
    pavo_answer *answer;              /* owned; the one that is being taken, or NULL */
    const struct argument *arguments; /* it was asked with; borrowed */
    size_t argument_count;
    size_t rows; /* of it, so far */
    int code;    /* when ask_page is false: -1, it came whole, or an exit code */
};

/* -1: open; otherwise an exit code, the reason printed. */
int ask_open(const struct cli *cli, struct ask *ret_ask);
void ask_close(struct ask *ask);

/* Asks and waits for the head: ask->answer has columns then. -1; otherwise an exit code, the reason printed, under the
 * argument it is about where there is one. The answer before is ended. The arguments must outlive this one. */
int ask_begin(struct ask *ask, const char *question, const struct argument *arguments, size_t count);

/* The next page. False: there is none; see ask->code. */
bool ask_page(struct ask *ask, const pavo_columns **ret_page);

#endif
