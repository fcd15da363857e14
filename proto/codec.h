/* SPDX-License-Identifier: Apache-2.0 */
/* Conversions between the in-memory batch and the messages of pavo.proto.
 *
 * Pure; any thread. Foreign bytes go through protobuf-c's bounds-checked unpacker and come out only
 * if every column has `rows` values (or none), every value is in its field's range and every
 * observer index is known. */
#ifndef PAVO_PROTO_CODEC_H
#define PAVO_PROTO_CODEC_H

#include "common/flow.h"
#include "common/result.h"
#include "pavo.pb-c.h"

/* A FlowColumns message that borrows a batch's columns: valid as long as the batch is unchanged.
 * Only times (made relative) and observers are its own. */
struct flow_columns_view {
    Pavo__FlowColumns message; /* pack this, or hang it into a Batch, Published or Reply */
    void *scratch;             /* owned */
};

/* Columns that are zero in every row are left out. RESULT_FATAL: out of memory. */
MUST_CHECK enum result flow_columns_view_init(struct flow_columns_view *view, const struct flow_batch *batch,
                                              struct error *err);
void flow_columns_view_fini(struct flow_columns_view *view);

/* A batch from a received message; the caller owns it. RESULT_REJECT with a sentence for anything that
 * does not fit together: more than FLOW_BATCH_ROWS_MAX rows, columns of different length, a value out of
 * its field's range, an observer index without observer, a bad sensor name. */
MUST_CHECK enum result flow_batch_from_message(const Pavo__FlowColumns *message, struct flow_batch **ret_batch,
                                               struct error *err);

#endif
