/* SPDX-License-Identifier: Apache-2.0 */
/* The process that runs a SELECT (child.h), as the aggregator has it. Any thread; one at a time for each process. */
#ifndef PAVO_AGGREGATOR_SQL_PROCESS_H
#define PAVO_AGGREGATOR_SQL_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/result.h"

struct sql_process {
    pid_t pid; /* 0: none */
    int socket;
};

/* `program` is a pavo-aggregator. It inherits its end of the sockets, the nice value of the thread, and nothing else:
 * no descriptor, no environment. RESULT_AGAIN: it does not start. */
MUST_CHECK enum result sql_process_start(const char *program, struct sql_process *ret_process, struct error *err);

/* Does it hold more than so much memory? The kernel refuses it more of its own (confine.h); this is for what it cannot
 * bound, and tells why. */
bool sql_process_is_larger(const struct sql_process *process, unsigned memory_mib);

/* Kills it if it runs, and waits for its end. `err` (may be NULL) is told why it ended, if it did so by itself before
 * it was done; `memory` and `seconds` are what it had. */
void sql_process_end(struct sql_process *process, bool gone, unsigned memory_mib, unsigned seconds, struct error *err);

#endif
