/* SPDX-License-Identifier: Apache-2.0 */
/* What pavo_columns stand on: records of any kind behind one numbering of fields. Internal to libpavo; pure, one thread
 * at a time. */
#ifndef PAVO_COMMON_LIBPAVO_COLUMNS_H
#define PAVO_COMMON_LIBPAVO_COLUMNS_H

#include "common/libpavo/pavo.h"
#include "common/records/json.h"
#include "common/records/page.h"

/* The fields of a kind of record, or of an answer, as a program sees them: an observer is its sensor and its epoch, an
 * address is one field. Both are described as the head of an answer would, so that a flow that comes as an event and
 * one that stands in an answer look the same.
 *
 * Shared by all columns of one kind, and counted (from any thread): a copy outlives the subscriber it came from. */
struct shape;

/* A kind that lives for ever. RESULT_FATAL: out of memory. */
MUST_CHECK enum result shape_of_kind(const struct record_kind *kind, struct shape **ret_shape, struct error *err);
/* RESULT_REJECT: a head that cannot be. */
MUST_CHECK enum result shape_of_head(const Pavo__Head *head, struct shape **ret_shape, struct error *err);
struct shape *shape_use(struct shape *shape);
void shape_drop(struct shape **shape);
/* What page_read needs; of a head's shape. */
const struct page_kind *shape_page_kind(const struct shape *shape);

/* Takes `records` (of the shape's kind; NULL: no rows), uses `shape`. NULL: out of memory, and `records` are freed. */
pavo_columns *columns_new(struct shape *shape, struct records *records);
/* One row of them. NULL: out of memory. */
pavo_columns *columns_copy_row(const pavo_columns *columns, size_t row);
const struct records *columns_records(const pavo_columns *columns);

#endif
