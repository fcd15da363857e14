/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines to standard error, for programs only: library code returns errors instead.
 *
 * One line each: "<priority>program: text". The <N> prefix of sd-daemon(3) is written only when standard error
 * is the journal (JOURNAL_STREAM set); at a terminal or in a file a line begins with local time. Any thread. */
#ifndef PAVO_COMMON_LOG_H
#define PAVO_COMMON_LOG_H

#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_NOTICE, LOG_LEVEL_DEBUG };

/* Once, before threads. Lines above `most` are not written. */
void log_init(const char *program, enum log_level most);

void log_error(const char *format, ...)
    __attribute__((format(printf, 1, 2))); /* something is broken; a person must act */
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2))); /* something was lost or refused */
void log_notice(const char *format, ...) __attribute__((format(printf, 1, 2)));  /* start, stop, connection, reload */
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "At most once an interval, and how many were kept back": for events a peer can cause at will. */
struct log_gate {
    int64_t last_ns;     /* 0: never passed */
    uint64_t suppressed; /* since then */
};

/* True when a line may be written now; *ret_suppressed is how many were not since the last. */
_Bool log_gate_pass(struct log_gate *gate, int64_t now_ns, int64_t interval_ns, uint64_t *ret_suppressed);

#endif
