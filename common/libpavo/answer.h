/* SPDX-License-Identifier: Apache-2.0 */
/* An answer as its replies come in. Internal to libpavo; pure but for pavo_answer_next (asker.c); one thread at a time.
 */
#ifndef PAVO_COMMON_LIBPAVO_ANSWER_H
#define PAVO_COMMON_LIBPAVO_ANSWER_H

#include "common/libpavo/columns.h"

struct pavo_answer {
    pavo_asker *asker; /* NULL: over, or given up for another question */
    uint64_t id;       /* of the query */
    unsigned lost;     /* door.lost when it was asked */

    struct shape *shape;
    pavo_columns *head; /* without rows */
    char *command;

    Pavo__Reply *reply; /* the last that came; NULL: all that was in it is handed out */
    pavo_columns *page; /* handed out */
    uint64_t rows;      /* handed out so far */

    bool ended, failed;
    struct error error; /* of a failure */

    bool covered; /* what follows is known */
    enum pavo_coverage coverage;
    int64_t oldest_ns, newest_ns, elapsed_ns;
    uint64_t position;
    pavo_columns *gaps, *reaches;
};

/* An answer that begins with `reply`, which is taken. RESULT_REJECT: that is no beginning. */
MUST_CHECK enum result answer_begin(Pavo__Reply *reply, pavo_answer **ret_answer, struct error *err);

/* The next reply, which is taken; the one before must be used up. */
void answer_take(pavo_answer *answer, Pavo__Reply *reply);

/* PAVO_OK: a page; PAVO_END; PAVO_FAILED; PAVO_TIMEOUT: the reply is used up, another one is needed. */
int answer_step(pavo_answer *answer, const pavo_columns **ret_page);

/* It is over, for this reason. Returns PAVO_FAILED. */
int answer_fail(pavo_answer *answer, const char *why);

/* coverage.c: a coverage's gaps and reaches as columns. */
MUST_CHECK enum result coverage_gaps(const Pavo__Coverage *coverage, pavo_columns **ret_columns, struct error *err);
MUST_CHECK enum result coverage_reaches(const Pavo__Coverage *coverage, pavo_columns **ret_columns, struct error *err);

#endif
