/* SPDX-License-Identifier: Apache-2.0 */
/* What an answer rests on, told the same way by every sub-command: for people and CSV a line for each gap, for JSON one
 * last object; and the exit status that follows. */
#ifndef PAVO_AGGREGATOR_CLI_COVERAGE_H
#define PAVO_AGGREGATOR_CLI_COVERAGE_H

#include <pavo.h>

#include "aggregator/cli/cli.h"

/* Of one answer, or of several that are shown together. */
struct coverage {
    int state;   /* enum pavo_coverage: the worst of them */
    char **gaps; /* owned; a sentence each, every one once */
    size_t gap_count;
    bool has_extent; /* the store holds times oldest to newest */
    int64_t oldest_ns, newest_ns;
    bool failed; /* out of memory: gaps are missing */
};

/* Adds a complete answer's. */
void coverage_add(struct coverage *coverage, const struct cli *cli, const pavo_answer *answer);
void coverage_free(struct coverage *coverage);

/* "pavo: not seen: ..." on standard error, a line a gap. */
void coverage_note(const struct coverage *coverage, const struct cli *cli);

/* The same as a part of the answer, "Not seen: ..." on standard output; also that nothing is known to be missing. */
void coverage_print(const struct coverage *coverage, const struct cli *cli);

/* {"coverage":{"state":"partial","gaps":[...],"reaches":[...],...}} of a complete answer, on standard output:
 *   state      whole, partial or none
 *   rows       of the answer
 *   command    the command line that asks the same, in absolute times
 *   oldest, newest   times the store holds
 *   position   of the stream, up to which this answer knows it
 *   elapsed    nanoseconds
 *   gaps, reaches    as pavo_answer_gaps and pavo_answer_reaches have them */
void coverage_json(const pavo_answer *answer, size_t rows);

/* The exit code of an answer that came to its end, with so many of what was looked for. */
int coverage_code(int state, size_t found);

#endif
