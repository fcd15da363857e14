/* SPDX-License-Identifier: Apache-2.0 */
/* The process that runs one SELECT that people wrote. It has a DuckDB of its own, in which there is nothing; what the
 * SELECT reads it asks the aggregator for, over its standard input, and there it answers. It opens no file: before it
 * sees the SELECT it has given up nearly all system calls (confine.h). */
#ifndef PAVO_AGGREGATOR_SQL_CHILD_H
#define PAVO_AGGREGATOR_SQL_CHILD_H

/* pavo-aggregator with this as its only argument. */
#define SQL_ARGUMENT "--run-select"

/* Never returns. */
_Noreturn void sql_child(void);

#endif
