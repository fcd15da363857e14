/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the answer stage: one query being answered on a worker. Not for other stages. */
#ifndef PAVO_AGGREGATOR_ANSWER_WORK_H
#define PAVO_AGGREGATOR_ANSWER_WORK_H

#include "aggregator/answer/answer.h"

struct work {
    const struct answer_options *options;
    struct store_reader *reader; /* streams */
    struct store_reader *second; /* looks up beside the stream */
    const Pavo__Query *query;
    int64_t started_ns; /* monotonic */
    /* Sends one reply (id and version are filled in). RESULT_AGAIN: the client is gone or too slow, stop. */
    enum result (*reply)(void *context, Pavo__Reply *reply);
    void *context;
};

/* Each sends its replies, the last with more = false. On failure the caller sends the error. ret_offset: for a bad
 * filter, where. */
MUST_CHECK enum result work_find(struct work *work, size_t *ret_offset, struct error *err);
MUST_CHECK enum result work_nat(struct work *work, struct error *err);
MUST_CHECK enum result work_sensors(struct work *work, struct error *err);
MUST_CHECK enum result work_replay(struct work *work, size_t *ret_offset, struct error *err);

/* ---- shared by them */

Pavo__Reply work_reply(bool more);
/* What the answer rests on, as the last reply. */
MUST_CHECK enum result work_coverage(struct work *work, int64_t from_ns, int64_t to_ns, bool truncated,
                                     struct error *err);
MUST_CHECK enum result work_send_flows(struct work *work, const struct flow_batch *flows, struct error *err);
MUST_CHECK enum result work_send_links(struct work *work, const struct link *links, size_t count, struct error *err);

#endif
