/* SPDX-License-Identifier: Apache-2.0 */
/* libpavo: follow the flows, links and losses of a Pavo aggregator from a program of your own.
 *
 * The whole of it, for a program that prints every SSH connection as a line of JSON:
 *
 *     #include <pavo.h>
 *     #include <stdio.h>
 *
 *     int main(void)
 *     {
 *         pavo_options *options = pavo_options_new();
 *         pavo_options_set_aggregator(options, "collector.example.org");
 *         pavo_options_set_key_file(options, "/etc/pavo/reader.key");
 *         pavo_options_set_filter(options, "tcp dst port 22");
 *
 *         char error[PAVO_ERROR_MAX];
 *         pavo_subscriber *subscriber = pavo_subscriber_new(options, error);
 *         pavo_options_destroy(&options);
 *         if (subscriber == NULL) {
 *             fprintf(stderr, "%s\n", error);
 *             return 1;
 *         }
 *         for (;;) {
 *             const pavo_event *event;
 *             int result = pavo_subscriber_next(subscriber, 1000, &event);
 *             if (result == PAVO_OK)
 *                 puts(pavo_event_json(event));
 *             else if (result != PAVO_TIMEOUT)
 *                 break;
 *         }
 *         fprintf(stderr, "%s\n", pavo_subscriber_error(subscriber));
 *         pavo_subscriber_destroy(&subscriber);
 *     }
 *
 *     cc follow.c $(pkg-config --cflags --libs libpavo)
 *
 * The key file comes from the aggregator's administrator: `pavo keys enrol reader NAME`.
 *
 * What is promised. Every message published after the start comes to you once and in order within its topic: the
 * library notices what the network or your own slowness lost, fetches it from the aggregator's store, and where that
 * is not possible any more says so with a PAVO_EVENT_GAP. Nothing is lost silently. Being slow costs nobody else
 * anything.
 *
 * To go on after a restart where you were: keep pavo_subscriber_position() of each topic, and give it to
 * pavo_options_set_start() the next time.
 *
 * Threads: the library has none of its own (libzmq has one for the network). A subscriber belongs to one thread at a
 * time; several subscribers are independent. For a program with an event loop: pavo_subscriber_fd().
 *
 * Stability: types are opaque; functions and numbers are only ever added. Symbols are versioned (libpavo.map). */
#ifndef PAVO_H
#define PAVO_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#ifdef __GNUC__
#pragma GCC visibility push(default)
#endif

typedef struct pavo_options pavo_options;
typedef struct pavo_subscriber pavo_subscriber;
typedef struct pavo_event pavo_event;

/* Room for an error sentence. */
#define PAVO_ERROR_MAX 512

/* "0.1.0" */
const char *pavo_version(void);

/* ------------------------------------------------------------------ options */

enum pavo_topic {
    PAVO_TOPIC_FLOWS = 1,
    PAVO_TOPIC_LINKS = 2,  /* connections seen on both sides of a NAT */
    PAVO_TOPIC_LOSSES = 4, /* what sensors say was lost */
    PAVO_TOPIC_STATUS = 8, /* what sensors say of themselves */
    PAVO_TOPIC_ALERTS = 16 /* reserved: nobody publishes them yet */
};

/* Where to begin; any other value: after that position. */
#define PAVO_START_NOW    UINT64_MAX /* the default */
#define PAVO_START_OLDEST 0          /* with everything the store still has */

pavo_options *pavo_options_new(void); /* NULL: out of memory */
void pavo_options_destroy(pavo_options **options);

/* HOST, or HOST:PORT where PORT is the aggregator's first (the one sensors use, 7461); the publish and answer doors are
 * the two ports after it. Default: localhost. */
void pavo_options_set_aggregator(pavo_options *options, const char *aggregator);

/* The two doors themselves, where they are elsewhere: HOST:PORT, or ZeroMQ's tcp://... or ipc://...; NULL: as above. */
void pavo_options_set_doors(pavo_options *options, const char *publish, const char *answer);

/* A reader's key, as `pavo keys enrol reader NAME` makes it. Required. */
void pavo_options_set_key_file(pavo_options *options, const char *path);

/* Bits of enum pavo_topic. Default: PAVO_TOPIC_FLOWS. */
void pavo_options_set_topics(pavo_options *options, unsigned topics);

/* Which flows; the language of pavo-filter(7), that is tcpdump's and more. Other topics are not filtered. */
void pavo_options_set_filter(pavo_options *options, const char *filter);

/* Where the topics begin. */
void pavo_options_set_start(pavo_options *options, unsigned topics, uint64_t position);

/* Messages (of some thousand flows each) that may wait in memory for pavo_subscriber_next; more are fetched from the
 * store later. Default 1000, at least 1. */
void pavo_options_set_queue(pavo_options *options, unsigned messages);

/* ------------------------------------------------------------------ subscriber */

enum pavo_result {
    PAVO_OK = 0,
    PAVO_TIMEOUT = 1, /* nothing in that time */
    PAVO_REFUSED = 2, /* the aggregator does not let this key in; calling again goes on trying */
    PAVO_FAILED = 3   /* of no more use */
};

/* Connects in the background: an aggregator that is away is no error here (see pavo_subscriber_error). NULL: a key file
 * that cannot be read, a filter that cannot be understood ...; `error` says which, in a sentence. `error` may be NULL.
 * The options are not needed afterwards. */
pavo_subscriber *pavo_subscriber_new(const pavo_options *options, char error[PAVO_ERROR_MAX]);
void pavo_subscriber_destroy(pavo_subscriber **subscriber);

/* The next event; waits up to `timeout_ms` (0: not at all; -1: for ever). The event belongs to the subscriber and is
 * valid until the next call. */
int pavo_subscriber_next(pavo_subscriber *subscriber, int timeout_ms, const pavo_event **event);

/* A file descriptor for poll(2) and its kin. When it is readable, and once before the first poll and every second or so
 * (replays time out), call pavo_subscriber_next(subscriber, 0, ...) until it returns something else than PAVO_OK: the
 * descriptor does not become readable again for what is left lying. */
int pavo_subscriber_fd(const pavo_subscriber *subscriber);

/* Why nothing comes, in a sentence; NULL while the connection stands. */
const char *pavo_subscriber_error(pavo_subscriber *subscriber);

/* Position up to which everything of a topic (one bit of enum pavo_topic) has been handed out: where to start again.
 * PAVO_START_NOW: nothing yet. */
uint64_t pavo_subscriber_position(const pavo_subscriber *subscriber, unsigned topic);

enum pavo_count {
    PAVO_COUNT_MESSAGES = 1,    /* received, replayed ones included */
    PAVO_COUNT_MALFORMED = 2,   /* could not be read, and fetched again or reported as a gap */
    PAVO_COUNT_DUPLICATES = 3,  /* seen before, dropped */
    PAVO_COUNT_GAPS = 4,        /* noticed */
    PAVO_COUNT_GAPS_LOST = 5,   /* of those, not or not wholly filled: PAVO_EVENT_GAP */
    PAVO_COUNT_REPLAYED = 6,    /* messages that came from the store */
    PAVO_COUNT_FLOWS = 7,       /* flow records received */
    PAVO_COUNT_FLOWS_CHOSEN = 8 /* of those, that the filter let through */
};
uint64_t pavo_subscriber_count(const pavo_subscriber *subscriber, enum pavo_count count);

/* ------------------------------------------------------------------ events */

enum pavo_kind {
    PAVO_EVENT_FLOW = 1,
    PAVO_EVENT_LINK = 2,
    PAVO_EVENT_LOSS = 3,
    PAVO_EVENT_STATUS = 4,
    PAVO_EVENT_ALERT = 5,
    PAVO_EVENT_GAP = 6 /* messages that could not be had again */
};

int pavo_event_kind(const pavo_event *event);

/* The bit of enum pavo_topic it came on. */
unsigned pavo_event_topic(const pavo_event *event);

/* Position of the message it came in (a message has many flows). For a gap: the last position missing. */
uint64_t pavo_event_position(const pavo_event *event);

/* One JSON object without a newline: "event" (flow, link ...), "position", and the fields docs/protocol.md and
 * pavo(1) name. NULL: out of memory. Valid as long as the event. */
const char *pavo_event_json(const pavo_event *event);

/* The message it came in as it was published: a pavo.Published of pavo.proto. NULL for a gap. */
const void *pavo_event_message(const pavo_event *event, size_t *size);

/* The fields of a flow. The numbers are those of FlowColumns in pavo.proto and never change; what each means, and its
 * unit, stands in docs/flows.md. Addresses have functions of their own. */
enum pavo_field {
    PAVO_FLOW = 10,
    PAVO_REPORT = 11,
    PAVO_SRC_PORT = 17,
    PAVO_DST_PORT = 18,
    PAVO_PROTOCOL = 19,
    PAVO_ICMP_TYPE_CODE = 20,
    PAVO_VLAN = 21,
    PAVO_INNER_VLAN = 22,
    PAVO_MPLS_LABEL = 23,
    PAVO_TUNNEL = 24,
    PAVO_TUNNEL_ID = 29,
    PAVO_INTERFACE = 30,
    PAVO_FIRST_TIME = 31,
    PAVO_LAST_TIME = 32,
    PAVO_STATE = 33,
    PAVO_END_REASON = 34,
    PAVO_DIRECTION = 35,
    PAVO_HISTORY = 36,
    PAVO_EVIDENCE = 37,
    PAVO_CLIENT_RTT = 38,
    PAVO_SERVER_RTT = 39,
    PAVO_ICMP_ERRORS = 40,
    PAVO_ICMP_ERROR_TYPE_CODE = 41,
    PAVO_ICMP_SEQUENCE = 42,
    PAVO_SRC_PACKETS = 50,
    PAVO_DST_PACKETS = 51,
    PAVO_SRC_BYTES = 52,
    PAVO_DST_BYTES = 53,
    PAVO_SRC_PAYLOAD = 54,
    PAVO_DST_PAYLOAD = 55,
    PAVO_SRC_TCP_FLAGS = 56,
    PAVO_DST_TCP_FLAGS = 57,
    PAVO_SRC_TTL = 58,
    PAVO_DST_TTL = 59,
    PAVO_SRC_DSCP = 60,
    PAVO_DST_DSCP = 61,
    PAVO_SRC_SIZE_MIN = 62,
    PAVO_DST_SIZE_MIN = 63,
    PAVO_SRC_SIZE_MAX = 64,
    PAVO_DST_SIZE_MAX = 65,
    PAVO_SRC_GAP_MEAN = 66,
    PAVO_DST_GAP_MEAN = 67,
    PAVO_SRC_GAP_DEVIATION = 68,
    PAVO_DST_GAP_DEVIATION = 69,
    PAVO_SRC_RETRANSMITS = 70,
    PAVO_DST_RETRANSMITS = 71,
    PAVO_SRC_OUT_OF_ORDER = 72,
    PAVO_DST_OUT_OF_ORDER = 73,
    PAVO_SRC_DUPLICATES = 74,
    PAVO_DST_DUPLICATES = 75,
    PAVO_SRC_ZERO_WINDOWS = 76,
    PAVO_DST_ZERO_WINDOWS = 77,
    PAVO_SRC_ISN = 78,
    PAVO_DST_ISN = 79,
    PAVO_SRC_TIMESTAMP_ORIGIN = 80,
    PAVO_DST_TIMESTAMP_ORIGIN = 81,
    PAVO_SRC_DIGEST = 82,
    PAVO_DST_DIGEST = 83,
    PAVO_SRC_IP_ID = 84,
    PAVO_DST_IP_ID = 85,
    PAVO_SRC_MAC = 86,
    PAVO_DST_MAC = 87,
    PAVO_SRC_WINDOW = 88,
    PAVO_DST_WINDOW = 89,
    PAVO_SRC_MSS = 90,
    PAVO_DST_MSS = 91,
    PAVO_SRC_TCP_OPTIONS = 92,
    PAVO_DST_TCP_OPTIONS = 93
};

/* The number of a field by its name ("src_bytes"), or 0. */
int pavo_field_by_name(const char *name);

/* A field of a flow; times are nanoseconds since 1970 UTC. 0 for another kind of event or a field this library does not
 * know. */
uint64_t pavo_flow_number(const pavo_event *event, int field);

enum pavo_end { PAVO_SRC = 0, PAVO_DST = 1, PAVO_TUNNEL_SRC = 2, PAVO_TUNNEL_DST = 3 };

/* 16 bytes in network order, IPv4 as ::ffff:a.b.c.d. 0: not a flow. */
int pavo_flow_address(const pavo_event *event, enum pavo_end end, uint8_t address[16]);

/* The same as text ("10.0.1.17", "2001:db8::1"). NULL: not a flow. Valid until the next call for this event. */
const char *pavo_flow_address_text(const pavo_event *event, enum pavo_end end);

const char *pavo_flow_state(const pavo_event *event); /* "SF"; NULL: not a flow */

/* "1:...", the Community ID; "" for a flow that has none, NULL for an event that is none. */
const char *pavo_flow_community_id(const pavo_event *event);

/* Who saw the flow, or who speaks in a loss or status; "" where nobody is named. */
const char *pavo_event_sensor(const pavo_event *event);
uint64_t pavo_event_epoch(const pavo_event *event); /* which life of that sensor: its start, Unix nanoseconds */

/* A link: two views of one connection, at the named boundary. */
enum pavo_view { PAVO_INSIDE = 0, PAVO_OUTSIDE = 1 };
const char *pavo_link_boundary(const pavo_event *event); /* NULL: not a link */
unsigned pavo_link_confidence(const pavo_event *event);  /* per cent */
const char *pavo_link_sensor(const pavo_event *event, enum pavo_view view);
uint64_t pavo_link_epoch(const pavo_event *event, enum pavo_view view);
uint64_t pavo_link_flow(const pavo_event *event, enum pavo_view view);

/* An end of the linked connection as it stands on one side: PAVO_SRC or PAVO_DST. 0: not a link, or not known. */
int pavo_link_address(const pavo_event *event, enum pavo_view view, enum pavo_end end, uint8_t address[16],
                      uint16_t *port);

/* A gap: positions after < p <= pavo_event_position() of the topic are lost to this subscriber. The two are equal when
 * what came before the start could not be had and nobody knows how much that is. */
uint64_t pavo_gap_after(const pavo_event *event);
const char *pavo_gap_reason(const pavo_event *event); /* NULL: not a gap */

#ifdef __GNUC__
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif

#endif
