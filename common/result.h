/* SPDX-License-Identifier: Apache-2.0 */
/* What a call came to, named for what the caller does next; and the sentence that goes with a failure. */
#ifndef PAVO_COMMON_RESULT_H
#define PAVO_COMMON_RESULT_H

enum result {
    RESULT_OK = 0,
    RESULT_AGAIN,  /* nothing now: call again later */
    RESULT_END,    /* nothing ever again: the input is finished */
    RESULT_REJECT, /* the input was bad: count it, go on with the next */
    RESULT_FULL,   /* a named limit is reached: hold the input back or drop it, and count */
    RESULT_FATAL,  /* this object is of no more use; the error says why and the way out */
};

#define MUST_CHECK __attribute__((warn_unused_result))

/* One sentence for a person: the thing, the place and the way out. Owned by the caller, on its stack. */
struct error {
    char text[512];
};

/* Writes the sentence (truncating) and returns `result`, so that a failing function can end with
 * `return error_set(err, RESULT_REJECT, "...", ...)`. `err` may be NULL. */
enum result error_set(struct error *err, enum result result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
