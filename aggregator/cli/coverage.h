/* SPDX-License-Identifier: Apache-2.0 */
/* What an answer rests on, told the same way by every sub-command: for people and CSV a line for each gap, for JSON one
 * last object; and the exit status that follows. */
#ifndef PAVO_AGGREGATOR_CLI_COVERAGE_H
#define PAVO_AGGREGATOR_CLI_COVERAGE_H

#include <stdio.h>

#include <pavo.h>

#include "aggregator/cli/cli.h"

struct coverage_sentences {
    char **items; /* owned, as each is */
    size_t count;
};

/* Of one answer, or of several that are shown together. */
struct coverage {
    int state;                        /* enum pavo_coverage: the worst of them */
    struct coverage_sentences gaps;   /* every one once */
    struct coverage_sentences notes;  /* of answers that are whole: nothing is missing, but it is to be known */
    struct coverage_sentences behind; /* a sensor each: "inner has reported what began before ..." */
    bool has_extent;                  /* the store holds times oldest to newest */
    int64_t oldest_ns, newest_ns;
    bool failed; /* out of memory: sentences are missing */
};

/* Adds a complete answer's. */
void coverage_add(struct coverage *coverage, const struct cli *cli, const pavo_answer *answer);
/* Adds the sensors that have not reported through the end of the time asked about (0: now), which is no gap: what they
 * saw is to come. One that is behind by more than a sensor can be while it runs has ended, or is away and then a gap:
 * it is left out. */
void coverage_behind(struct coverage *coverage, const struct cli *cli, const pavo_answer *answer, int64_t end_ns);
void coverage_free(struct coverage *coverage);

/* "pavo: not seen: ..." on standard error, a line a gap; "pavo: ..." a line a note; and one for all that are behind. */
void coverage_note(const struct coverage *coverage, const struct cli *cli);

/* The same as a part of the answer, "Not seen: ..." on standard output; also that nothing is known to be missing. */
void coverage_print(const struct coverage *coverage, const struct cli *cli);

/* The same in one line: "Partial: sensor inner lost ...; and 2 more", "Whole: nothing is known to be missing". */
void coverage_line(const struct coverage *coverage, FILE *stream);

/* {"coverage":{"state":"partial","gaps":[...],"reaches":[...],...}} of a complete answer, on standard output:
 *   state      whole, partial or none
 *   rows       of the answer
 *   command    the command line that asks the same, in absolute times
 *   oldest, newest   times the store holds
 *   position   of the stream, up to which this answer knows it
 *   elapsed    nanoseconds
 *   gaps, reaches    as pavo_answer_gaps and pavo_answer_reaches have them */
void coverage_json(const pavo_answer *answer, size_t rows);

/* The exit code of an answer that came to its end, with so many of what was looked for: that nothing was found says
 * something only where nothing is known to be missing. */
int coverage_code(int state, size_t found);

#endif
