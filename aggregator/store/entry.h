/* SPDX-License-Identifier: Apache-2.0 */
/* A batch as the journal has it. Pure; any thread. */
#ifndef PAVO_AGGREGATOR_STORE_ENTRY_H
#define PAVO_AGGREGATOR_STORE_ENTRY_H

#include "aggregator/batch.h"
#include "aggregator/journal/journal.h"

/* Borrows the batch's packed bytes. */
struct journal_entry entry_of_batch(const struct batch *batch);
/* Of bytes that were checked when they came: without route and `packed`. RESULT_REJECT: they are no batch. */
MUST_CHECK enum result batch_of_entry(const struct journal_entry *entry, struct batch **ret_batch, struct error *err);

#endif
