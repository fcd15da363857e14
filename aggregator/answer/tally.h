/* SPDX-License-Identifier: Apache-2.0 */
/* Sums of flows by a key: what `series` and `top` answer with.
 *
 * What two sensors saw is never added up, for it may be the same packets: a sensor's name is part of every key. Sent
 * and received are the host's where the key has one, and the src's otherwise. One thread. */
#ifndef PAVO_AGGREGATOR_ANSWER_TALLY_H
#define PAVO_AGGREGATOR_ANSWER_TALLY_H

#include "aggregator/answer/columns.h"
#include "aggregator/answer/work.h"

/* What a key is made of, beside the sensor. */
#define TALLY_KEYS(X)                                                                                                  \
    X(SENSOR, sensor) X(PROTOCOL, protocol) X(SERVICE, service) X(HOST, host) X(SRC, src) X(DST, dst) X(PAIR, pair)
enum tally_by {
#define X(name, word) TALLY_##name,
    TALLY_KEYS(X)
#undef X
        TALLY_BY_COUNT
};
extern const char *const tally_words[TALLY_BY_COUNT];
#define TALLY_HELP                                                                                                     \
    "what is summed up beside the sensor: protocol; service: protocol and destination port; host: an address, "        \
    "whichever end it is; src; dst; pair: src and dst"

#define TALLY_TABLE(X)                                                                                                 \
    X(time, TIME, TIME, SET, "TIME", "when the interval begins")                                                       \
    X(sensor, TEXT, TEXT, NONE, "SENSOR", "who saw it")                                                                \
    X(protocol, U8, PROTOCOL, NONE, "PROTO", "of protocol and service")                                                \
    X(dst_port, U16, PORT, NONE, "PORT", "of service; unset where the protocol has none")                              \
    X(host_hi, F64, ADDRESS, NONE, "HOST", "of host, src and dst; of pair the src")                                    \
    X(host_lo, F64, LOWER, NONE, NULL, "")                                                                             \
    X(peer_hi, F64, ADDRESS, NONE, "PEER", "of pair the dst")                                                          \
    X(peer_lo, F64, LOWER, NONE, NULL, "")                                                                             \
    X(flows, U64, COUNT, NONE, "FLOWS", "that began")                                                                  \
    X(packets, U64, COUNT, NONE, "PACKETS", "both ways")                                                               \
    X(bytes, U64, BYTES, NONE, "BYTES", "of IP, both ways")                                                            \
    X(packets_sent, U64, COUNT, NONE, NULL, "packets from the host, or without one from src to dst")                   \
    X(bytes_sent, U64, BYTES, NONE, "SENT", "bytes from the host, or without one from src to dst")                     \
    X(bytes_received, U64, BYTES, NONE, "RECEIVED", "bytes the other way")
struct tally_row {
    TALLY_TABLE(ANSWER_ROW_MEMBER)
};

/* The columns of a question of that name, without `time` if it has none. Any thread. */
const struct record_kind *tally_columns(bool timed);

struct tally_sums {
    uint64_t flows, src_packets, dst_packets, src_bytes, dst_bytes;
};
/* Whose, of which time (0: of any). */
struct tally_key {
    int64_t time;
    const char *sensor;
    struct address src, dst;
    uint8_t protocol;
    uint16_t dst_port;
};

struct tally;
struct tally *tally_new(enum tally_by by, struct budget *budget); /* NULL: out of memory */
void tally_free(struct tally **tally);
/* Of the key only what `by` is made of counts. RESULT_AGAIN: more memory than a question may have. */
MUST_CHECK enum result tally_add(struct tally *tally, const struct tally_key *key, const struct tally_sums *sums,
                                 struct error *err);
/* The fields of flows that are summed up, and those the key is made of. */
extern const bool tally_flow_fields[];
/* Flow records, with these fields at least: those that begin in [from, to) (0: unbounded); `step` 0: all of one time.
 */
MUST_CHECK enum result tally_add_flows(struct tally *tally, const struct records *flows, int64_t from_ns, int64_t to_ns,
                                       int64_t step_ns, struct error *err);

/* By what rows stand in an answer. */
#define TALLY_ORDERS(X) X(TIME, time) X(BYTES, bytes) X(PACKETS, packets) X(FLOWS, flows)
enum tally_order {
#define X(name, word) TALLY_BY_##name,
    TALLY_ORDERS(X)
#undef X
        TALLY_ORDER_COUNT
};
/* The rows in that order (time: ascending, the others descending; what is equal by its key), at most `limit`. More than
 * an answer may have are told to the coverage. */
MUST_CHECK enum result tally_send(struct tally *tally, struct work *work, enum tally_order order, uint64_t limit,
                                  struct error *err);

#endif
