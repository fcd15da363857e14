/* SPDX-License-Identifier: Apache-2.0 */
/* What the process that runs people's SQL gives up, in this order. */
#ifndef PAVO_AGGREGATOR_SQL_CONFINE_H
#define PAVO_AGGREGATOR_SQL_CONFINE_H

#include <stdint.h>

#include "common/result.h"

/* At its start: it ends with the thread that started it, is what the kernel ends first where memory is short, and
 * leaves no core. */
void confine_begin(void);

/* Before it sees what was asked: no more memory than so many bytes (not with an address sanitizer, which reserves
 * terabytes), no more time on the processor than so many seconds, no file of any size, no descriptor more; and of
 * system calls only what memory, time and the descriptors that are open take. All others fail with EPERM. */
MUST_CHECK enum result confine_end(uint64_t memory, unsigned seconds, struct error *err);

#endif
