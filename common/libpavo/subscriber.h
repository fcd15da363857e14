/* SPDX-License-Identifier: Apache-2.0 */
/* Inside a subscriber. Internal to libpavo. */
#ifndef PAVO_COMMON_LIBPAVO_SUBSCRIBER_H
#define PAVO_COMMON_LIBPAVO_SUBSCRIBER_H

#include "common/libpavo/ask.h"
#include "common/libpavo/options.h"
#include "common/libpavo/reading.h"

/* How long a replay may be silent before it is asked for again, or after an error (too many queries, say); how often
 * that is; and how long an aggregator may be away in the middle of one, before the rest is called lost. */
#define REPLAY_SILENCE_NS (10 * 1000000000ll)
#define REPLAY_ERROR_NS   (1 * 1000000000ll)
#define REPLAY_ATTEMPTS   3
#define REPLAY_AWAY_NS    (120 * 1000000000ll)

/* One topic's chain of positions. */
struct chain {
    struct topic topic; /* without a shape: the topic is not wanted */
    bool begun;         /* `seen` means something */
    bool start_pending; /* the store has to be asked for what came before us */
    uint64_t seen;      /* position of the newest message taken in */
    uint64_t done;      /* and of the newest whose events are all handed out; PAVO_START_NOW: none */
    uint64_t dropped;   /* of the newest dropped as seen before */
};

/* The one replay that may be under way. Live messages wait in the socket meanwhile: no queue of our own grows. */
struct replay {
    struct chain *chain; /* NULL: none is */
    uint64_t id;         /* of the query; 0: it was not sent, or refused */
    uint64_t after;      /* what was asked for last: (after, through] */
    uint64_t through;    /* 0: up to now */
    uint64_t reached;    /* the store has said everything up to there; 0: it did not tell */
    bool ended;          /* the last reply has come */
    unsigned attempts;
    int64_t heard_ns;         /* the last reply, or the query itself */
    int64_t patience_ns;      /* from then on, before it is asked again */
    struct error failure;     /* why it was given up; empty: it was not */
    char why[GAP_REASON_MAX]; /* why the store does not have it all; empty: it did not tell */
};

struct pavo_subscriber {
    void *zmq;
    struct keys keys;
    struct door live;
    unsigned subscribed; /* connections of it over which the topics were said */
    struct asker asker;
    int epoll;
    struct chain chains[TOPIC_COUNT];
    struct replay replay;
    struct reading reading; /* events are handed out from here */
    struct reading held;    /* the live message behind a gap */
    bool gap_pending;       /* `gap_*` is to be handed out before `reading` */
    struct chain *gap_chain;
    uint64_t gap_after, gap_through;
    char gap_reason[GAP_REASON_MAX];
    pavo_event event;
    bool refusal_told;
    char error[DOOR_TEXT_MAX];
    uint64_t counts[PAVO_COUNT_RECORDS_CHOSEN + 1];
};

#endif
