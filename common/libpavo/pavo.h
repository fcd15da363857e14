/* SPDX-License-Identifier: Apache-2.0 */
/* libpavo: follow what a Pavo aggregator publishes, and ask it questions, from a program of your own.
 *
 * The whole of it, for a program that prints what became of every connection at a NAT as a line of JSON:
 *
 *     #include <pavo.h>
 *     #include <stdio.h>
 *
 *     int main(void)
 *     {
 *         pavo_options *options = pavo_options_new();
 *         pavo_options_set_aggregator(options, "collector.example.org");
 *         pavo_options_set_key_file(options, "/etc/pavo/reader.key");
 *         pavo_options_set_topics(options, PAVO_TOPIC_VERDICT);
 *
 *         char error[PAVO_ERROR_MAX];
 *         pavo_subscriber *subscriber = pavo_subscriber_new(options, error);
 *         const pavo_event *event;
 *         int result = PAVO_FAILED;
 *         while (subscriber != NULL && (result = pavo_subscriber_next(subscriber, -1, &event)) == PAVO_OK)
 *             puts(pavo_event_json(event));
 *         fprintf(stderr, "%s\n", subscriber == NULL ? error : pavo_subscriber_error(subscriber));
 *         pavo_subscriber_destroy(&subscriber);
 *         pavo_options_destroy(&options);
 *         return 1;
 *     }
 *
 *     cc follow.c $(pkg-config --cflags --libs libpavo)
 *
 * and for one that asks:
 *
 *         pavo_asker *asker = pavo_asker_new(options, error);
 *         const char *const arguments[] = {"end", "203.0.113.5:40312", "at", "2026-11-23T20:36:40Z", NULL};
 *         pavo_answer *answer = pavo_ask(asker, "nat", arguments, error);
 *         const pavo_columns *page;
 *         while (answer != NULL && pavo_answer_next(answer, -1, &page) == PAVO_OK)
 *             for (size_t row = 0; row < pavo_columns_rows(page); row++)
 *                 puts(pavo_columns_text(page, row, pavo_columns_field(page, "answer")));
 *
 * The key file comes from the aggregator's administrator: `pavo keys enrol reader NAME`.
 *
 * What is promised. Every message published after the start comes to you once and in order within its topic: the
 * library notices what the network or your own slowness lost, fetches it from the aggregator's store, and where that
 * is not possible any more says so with an event of kind PAVO_EVENT_GAP. Nothing is lost silently. Being slow costs
 * nobody else anything. An answer ends with what it rests on: pavo_answer_coverage() and pavo_answer_gaps().
 *
 * Used wrongly (a field that is not there, a row too many, NULL in place of an object) everything answers with "not
 * known", NULL or PAVO_FAILED.
 *
 * Known is not zero: whatever reads a value says whether it is known (a MAC address behind a router is not, the port of
 * a connection that has none is not); an unknown one is never handed out as 0 or "".
 *
 * Threads: the library has none of its own (libzmq has one for the network). A subscriber, an asker with its answers,
 * and what they hand out belong to one thread at a time; several are independent. Only pavo_asker_cancel() may be
 * called from anywhere. For a program with an event loop: pavo_subscriber_fd().
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
typedef struct pavo_asker pavo_asker;
typedef struct pavo_answer pavo_answer;
typedef struct pavo_columns pavo_columns;

/* Room for an error sentence. */
#define PAVO_ERROR_MAX 512

/* "0.1.0" */
const char *pavo_version(void);

/* ------------------------------------------------------------------ options, of a subscriber and of an asker */

enum pavo_topic {
    PAVO_TOPIC_FLOW = 1,
    PAVO_TOPIC_VERDICT = 2, /* what became of flows at the boundaries: linked with what, or why not */
    PAVO_TOPIC_BINDING = 4, /* translations: which inside end was which outside end */
    PAVO_TOPIC_LOSS = 8,    /* what sensors say was lost */
    PAVO_TOPIC_STATUS = 16, /* what sensors say of themselves */
    PAVO_TOPIC_ALERT = 32   /* what detectors conclude */
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

/* A reader's key, as `pavo keys enrol reader NAME` makes it (an asker's may be a gateway's). Required. */
void pavo_options_set_key_file(pavo_options *options, const char *path);

/* Bits of enum pavo_topic. Default: PAVO_TOPIC_FLOW. */
void pavo_options_set_topics(pavo_options *options, unsigned topics);

/* Which events of these topics; the language of pavo-filter(7), that is tcpdump's and more, with the fields of the
 * topic's kind of record. Once for each set of topics; a later call for a topic takes an earlier one's place. */
void pavo_options_set_filter(pavo_options *options, unsigned topics, const char *filter);

/* Filters, also those of questions, may name files of addresses (`in file bad-hosts.txt`), which are read when the
 * subscriber is made or the question asked. For programs whose filters are their own users': whoever writes the filter
 * chooses the file. Default: they may not. */
void pavo_options_allow_files(pavo_options *options);

/* Where the topics begin. */
void pavo_options_set_start(pavo_options *options, unsigned topics, uint64_t position);

/* Messages (of some thousand records each) that may wait in memory for pavo_subscriber_next; more are fetched from the
 * store later. Default 1000, at least 1. */
void pavo_options_set_queue(pavo_options *options, unsigned messages);

/* An asker's patience with an aggregator that says nothing, in milliseconds. Default 30000. */
void pavo_options_set_timeout(pavo_options *options, unsigned milliseconds);

/* ------------------------------------------------------------------ results */

enum pavo_result {
    PAVO_OK = 0,
    PAVO_TIMEOUT = 1, /* nothing in that time */
    PAVO_REFUSED = 2, /* the aggregator does not let this key in; calling again goes on trying */
    PAVO_FAILED = 3,  /* of no more use */
    PAVO_END = 4      /* the answer is complete */
};

/* ------------------------------------------------------------------ columns: records of a kind, or rows of an answer
 */

size_t pavo_columns_rows(const pavo_columns *columns);

/* Fields are numbered 0 .. count - 1. By name ("src_bytes"); -1: there is none, and every other function takes that for
 * a field that is never known. */
int pavo_columns_count(const pavo_columns *columns);
int pavo_columns_field(const pavo_columns *columns, const char *name);
const char *pavo_columns_name(const pavo_columns *columns, int field);    /* NULL: no such field */
const char *pavo_columns_heading(const pavo_columns *columns, int field); /* for a table; NULL: shown on request only */
const char *pavo_columns_help(const pavo_columns *columns, int field);    /* what it is, in a sentence */
const char *pavo_columns_list(const pavo_columns *columns, int field);    /* the list it is an item's field of; NULL */

/* What the values are; numbers are those of pavo.proto's Column.kind. Who saw or said something stands in two fields,
 * "sensor" and "epoch" (of a partner: "partner_sensor" and "partner_epoch"). */
enum pavo_kind {
    PAVO_KIND_NUMBER = 1,
    PAVO_KIND_COUNT = 2,
    PAVO_KIND_BYTES = 3,
    PAVO_KIND_ADDRESS = 5,
    PAVO_KIND_PORT = 7,
    PAVO_KIND_PROTOCOL = 8,
    PAVO_KIND_TIME = 9,          /* nanoseconds since 1970 UTC */
    PAVO_KIND_NANOSECONDS = 10,  /* a span */
    PAVO_KIND_MICROSECONDS = 11, /* a span */
    PAVO_KIND_TEXT = 12,
    PAVO_KIND_MAC = 13,
    PAVO_KIND_HEX = 14,
    PAVO_KIND_TCP_FLAGS = 15,
    PAVO_KIND_HISTORY = 16,
    PAVO_KIND_FLAG = 17,
    PAVO_KIND_WORD = 18,  /* a number that has a word */
    PAVO_KIND_BITS = 19,  /* bits that have words */
    PAVO_KIND_ODDS = 20,  /* log2 of odds, thousandths */
    PAVO_KIND_SHARE = 21, /* thousandths of one */
    PAVO_KIND_LIST = 22,  /* how many items the row has */
    PAVO_KIND_EPOCH = 23,
    PAVO_KIND_REAL = 24 /* a real number: see pavo_columns_real */
};
int pavo_columns_kind(const pavo_columns *columns, int field); /* 0: no such field */

/* A value. 1: known; 0: not known, or not of that form (a text is no number, -1 no unsigned one), and *value is
 * untouched. */
int pavo_columns_number(const pavo_columns *columns, size_t row, int field, uint64_t *value);
int pavo_columns_signed(const pavo_columns *columns, size_t row, int field, int64_t *value);
int pavo_columns_real(const pavo_columns *columns, size_t row, int field, double *value);          /* any number */
int pavo_columns_address(const pavo_columns *columns, size_t row, int field, uint8_t address[16]); /* IPv4 mapped */

/* Any value as text: "10.0.1.17", "SF", "2026-11-23T20:36:40.123456789Z"; for programs exact, for people
 * ("1.5 kB", local time) with pavo_columns_show, in UTC where `utc` is not 0. NULL: not known. The last
 * eight of these columns are valid, so that several may stand in one printf. */
const char *pavo_columns_text(const pavo_columns *columns, size_t row, int field);
const char *pavo_columns_show(const pavo_columns *columns, size_t row, int field, int utc);

/* The items of a row's list (a field of kind PAVO_KIND_LIST): how many, and the row to give to the functions above for
 * item `item` with a field of that list; SIZE_MAX, a row that no field knows, if there are not so many. */
size_t pavo_columns_items(const pavo_columns *columns, size_t row, int field);
size_t pavo_columns_item(const pavo_columns *columns, size_t row, int field, size_t item);

/* Row as one JSON object without a newline. NULL: no such row, or out of memory. Valid until the next call for these
 * columns. */
const char *pavo_columns_json(const pavo_columns *columns, size_t row);

/* The column itself, one value a row (of a list's field: one an item). Numbers of 8 to 32 bits are uint32_t, wider ones
 * uint64_t, times, odds and spans that can be negative int64_t. What is not known is 0 there, and 0 in the bytes of
 * pavo_columns_known (1: known). NULL: of another type, no values, or out of memory. Valid as long as the columns. */
const uint8_t *pavo_columns_known(const pavo_columns *columns, int field);
const uint32_t *pavo_columns_u32(const pavo_columns *columns, int field);
const uint64_t *pavo_columns_u64(const pavo_columns *columns, int field);
const int64_t *pavo_columns_i64(const pavo_columns *columns, int field);

/* A copy that lives until it is destroyed. NULL: out of memory. */
pavo_columns *pavo_columns_copy(const pavo_columns *columns);

/* A copy in which nobody is known again, but by whoever has the key (of random bytes): every address is another, the
 * same one for the same one, and addresses that share the first n bits share n afterwards; unknown are MAC addresses,
 * digests, what links rest on (initial sequence numbers, time stamps, IP ids), the Community ID, and texts but the
 * names of sensors and boundaries. NULL: out of memory. */
#define PAVO_ANONYMISE_KEY_SIZE 32
pavo_columns *pavo_columns_anonymise(const pavo_columns *columns, const uint8_t key[PAVO_ANONYMISE_KEY_SIZE]);
void pavo_columns_destroy(pavo_columns **columns);

/* ------------------------------------------------------------------ subscriber */

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
    PAVO_COUNT_MESSAGES = 1,      /* received, replayed ones included */
    PAVO_COUNT_MALFORMED = 2,     /* could not be read, and fetched again or reported as a gap */
    PAVO_COUNT_DUPLICATES = 3,    /* seen before, dropped */
    PAVO_COUNT_GAPS = 4,          /* noticed */
    PAVO_COUNT_GAPS_LOST = 5,     /* of those, not or not wholly filled: PAVO_EVENT_GAP */
    PAVO_COUNT_REPLAYED = 6,      /* messages that came from the store */
    PAVO_COUNT_RECORDS = 7,       /* records received */
    PAVO_COUNT_RECORDS_CHOSEN = 8 /* of those, that the filter let through */
};
uint64_t pavo_subscriber_count(const pavo_subscriber *subscriber, enum pavo_count count);

/* ------------------------------------------------------------------ events */

/* What an event is: the kind of its record, or a gap. */
enum pavo_event_kind {
    PAVO_EVENT_FLOW = 1,
    PAVO_EVENT_VERDICT = 2,
    PAVO_EVENT_BINDING = 3,
    PAVO_EVENT_LOSS = 4,
    PAVO_EVENT_STATUS = 5,
    PAVO_EVENT_ALERT = 6,
    PAVO_EVENT_GAP = 7 /* messages that could not be had again */
};
int pavo_event_kind(const pavo_event *event);

/* The bit of enum pavo_topic it came on. */
unsigned pavo_event_topic(const pavo_event *event);

/* Position of the message it came in (a message has many records). For a gap: the last position missing. */
uint64_t pavo_event_position(const pavo_event *event);

/* All that came with it and were chosen, and which of them it is. To take a message at once: use all rows, and then
 * call pavo_subscriber_skip. NULL for a gap. Valid as long as the event. */
const pavo_columns *pavo_event_columns(const pavo_event *event, size_t *row);

/* The other events of this message are not wanted one by one: the next one is of the next message. */
void pavo_subscriber_skip(pavo_subscriber *subscriber);

/* Fields by name; as pavo_columns_number and so on do. */
int pavo_event_number(const pavo_event *event, const char *field, uint64_t *value);
int pavo_event_signed(const pavo_event *event, const char *field, int64_t *value);
int pavo_event_address(const pavo_event *event, const char *field, uint8_t address[16]);
const char *pavo_event_text(const pavo_event *event, const char *field);

/* Who speaks, or saw it; "" where nobody is named. Which life of that sensor: a number below 2^53. */
const char *pavo_event_sensor(const pavo_event *event);
uint64_t pavo_event_epoch(const pavo_event *event);

/* One JSON object without a newline: "event" (flow, verdict ...), "position", and the fields of the kind
 * (docs/flows.md, `pavo kinds flow`). NULL: out of memory. Valid as long as the event. */
const char *pavo_event_json(const pavo_event *event);

/* The message it came in as it was published: a pavo.Published of pavo.proto. NULL for a gap and for a copy. */
const void *pavo_event_message(const pavo_event *event, size_t *size);

/* A gap: positions after < p <= pavo_event_position() of the topic are lost to this subscriber. The two are equal when
 * what came before the start could not be had and nobody knows how much that is. */
uint64_t pavo_event_gap_after(const pavo_event *event);
const char *pavo_event_gap_reason(const pavo_event *event); /* NULL: not a gap */

/* A copy of this one event that lives until it is destroyed, also longer than the subscriber. NULL: out of memory. */
pavo_event *pavo_event_copy(const pavo_event *event);
void pavo_event_destroy(pavo_event **event);

/* ------------------------------------------------------------------ asking */

/* As pavo_subscriber_new. */
pavo_asker *pavo_asker_new(const pavo_options *options, char error[PAVO_ERROR_MAX]);
void pavo_asker_destroy(pavo_asker **asker); /* its answers must be destroyed before */

/* Why no answer comes, in a sentence; NULL while the connection stands. */
const char *pavo_asker_error(pavo_asker *asker);

/* Asks. `arguments`: name, value, name, value ..., NULL; NULL for none. The question "questions" lists what can be
 * asked, with parameters and columns. Waits until the answer has begun. NULL: refused, not reached in time, or a
 * question that the aggregator does not answer as it was put; `error` says it in a sentence, and pavo_asker_parameter
 * and _offset where. One answer of an asker at a time: the one before is ended. With
 * asker NULL the answer is NULL and `error` stays as pavo_asker_new left it. */
pavo_answer *pavo_ask(pavo_asker *asker, const char *question, const char *const arguments[],
                      char error[PAVO_ERROR_MAX]);
/* Ends the question under way, here and on the aggregator: pavo_ask, when it waits, answers NULL, and pavo_answer_next
 * PAVO_FAILED, at once. Of all functions the one that any thread and any signal handler may call. Without a question
 * under way it does nothing: the next one is asked. (A question also ends when its answer or asker is destroyed before
 * it is complete, when another is asked, and when the program ends, however it does.) */
void pavo_asker_cancel(pavo_asker *asker);

const char *pavo_asker_parameter(const pavo_asker *asker); /* the argument the last error is about; NULL: none */
size_t pavo_asker_offset(const pavo_asker *asker);         /* where in its text, in bytes */

/* The next page of rows, which is valid until the next call. PAVO_END: there are no more; PAVO_TIMEOUT: not in that
 * time; PAVO_FAILED: pavo_answer_error says why. `timeout_ms` -1: as long as the options' timeout. */
int pavo_answer_next(pavo_answer *answer, int timeout_ms, const pavo_columns **page);
const char *pavo_answer_error(const pavo_answer *answer); /* NULL: none */

/* The columns it has, without rows: there from the beginning. */
const pavo_columns *pavo_answer_columns(const pavo_answer *answer);

/* The command line that asks the same, in absolute times. */
const char *pavo_answer_command(const pavo_answer *answer);

/* What it rests on; known once pavo_answer_next has said PAVO_END. */
enum pavo_coverage {
    PAVO_COVERAGE_WHOLE = 0,   /* nothing is known to be missing */
    PAVO_COVERAGE_PARTIAL = 1, /* something is: pavo_answer_gaps */
    PAVO_COVERAGE_NONE = 2,    /* the store holds nothing of that time */
    PAVO_COVERAGE_UNKNOWN = 3  /* the answer is not complete yet */
};
int pavo_answer_coverage(const pavo_answer *answer);

/* What is missing, a row each: gap (loss, silent, damaged, limit, state), sensor, from_time, to_time, at_most, unit,
 * reason. And through what time each sensor has reported: sensor, epoch, through. NULL: not known yet. */
const pavo_columns *pavo_answer_gaps(const pavo_answer *answer);
const pavo_columns *pavo_answer_reaches(const pavo_answer *answer);

/* Times the store holds, the position of the stream the answer knows of, and how long it took in nanoseconds. 0: known;
 * -1: not yet. Pointers may be NULL. */
int pavo_answer_extent(const pavo_answer *answer, int64_t *oldest_ns, int64_t *newest_ns, uint64_t *position,
                       int64_t *elapsed_ns);

void pavo_answer_destroy(pavo_answer **answer);

/* ------------------------------------------------------------------ asking for somebody else */

/* A gateway (a console, a program with a web page) holds a key of its own role and no reader's. It asks "challenge" for
 * a reader's name, has the reader sign the answer on the reader's own machine, and hands the signature to "delegate";
 * from then on it asks as that reader, until the time is over or reader or gateway are revoked. docs/protocol.md.
 *
 * The reader's side: signs `challenge` (as "challenge" answered it) with the reader's key for so many seconds. 1: the
 * text to hand back is in `signature`; 0: `error` says why not. */
#define PAVO_SIGNATURE_MAX 512
int pavo_delegation_sign(const char *key_file, const char *challenge, unsigned seconds,
                         char signature[PAVO_SIGNATURE_MAX], char error[PAVO_ERROR_MAX]);

/* The gateway's side: every later question is asked in the session that "delegate" answered (its column "session");
 * NULL: for itself again. 0: that is no session's text. */
int pavo_asker_act_for(pavo_asker *asker, const char *session);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif

#endif
