/* SPDX-License-Identifier: Apache-2.0 */
/* Logins before a moment, and the attempts before them. */
#include "aggregator/answer/investigate/logins.h"

#include <math.h>
#include <stdlib.h>

#define HOUR_NS      (3600ll * 1000000000)
#define TYPED_NS     (20ll * 1000000000) /* so long at least ... */
#define TYPED_PACKET 400u                /* ... of packets no larger in the mean */
#define SPOKEN       4u                  /* packets each way: a handshake is fewer */
#define TIMES_BYTES  3u                  /* what is no attempt is so many times as large ... */
#define TIMES_LENGTH 5                   /* ... or as long */

bool login_port(unsigned port)
{
    static const uint16_t ports[] = {21, 22, 23, 512, 513, 514, 2222, 3389, 5900, 5901, 5985, 5986};
    for (size_t i = 0; i < sizeof(ports) / sizeof(*ports); i++) {
        if (ports[i] == port)
            return true;
    }
    return false;
}

/* Attempts at one port that resemble each other. */
struct run {
    uint16_t port;
    uint32_t count;
    int64_t from, to;
    struct address peer;             /* of most of them: of the first */
    uint64_t sent, received, length; /* medians */
};

struct search {
    const struct contact **peers; /* all contacts, by peer and time; owned */
    size_t count;
    int64_t known_ns, moment_ns, begin_ns;
    const struct contact **some; /* room for all of them; owned */
    uint64_t *values;            /* likewise */
};

static int by_peer(const void *left, const void *right)
{
    const struct contact *a = *(const struct contact *const *)left, *b = *(const struct contact *const *)right;
    int order = address_compare(a->peer, b->peer);
    return order != 0 ? order : a->first < b->first ? -1 : a->first > b->first;
}

/* Was the peer known before the time that is looked at? */
static bool is_known(const struct search *q, struct address peer)
{
    size_t low = 0, high = q->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (address_compare(q->peers[middle]->peer, peer) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < q->count && address_equal(q->peers[low]->peer, peer) && q->peers[low]->first < q->begin_ns;
}

static int by_port(const void *left, const void *right)
{
    const struct contact *a = *(const struct contact *const *)left, *b = *(const struct contact *const *)right;
    if (a->port != b->port)
        return a->port < b->port ? -1 : 1;
    return a->first != b->first ? (a->first < b->first ? -1 : 1) : 0;
}

enum measure { SENT, RECEIVED, LENGTH };

/* One of their measures, into `values`. Returns `values`. */
static uint64_t *measure(const struct contact *const *of, size_t count, enum measure what, uint64_t *values)
{
    for (size_t i = 0; i < count; i++)
        values[i] = what == SENT       ? of[i]->sent
                    : what == RECEIVED ? of[i]->received
                                       : (uint64_t)(of[i]->last - of[i]->first);
    return values;
}

static bool is_alike(const struct run *run, const struct contact *c)
{
    return c->sent <= TIMES_BYTES * run->sent && c->received <= TIMES_BYTES * run->received &&
           (c->last - c->first <= TIMES_LENGTH * (int64_t)run->length || c->last - c->first < TYPED_NS);
}

static bool are_alike(const struct contact *const *of, size_t count, uint64_t *values)
{
    return dispersion_of(measure(of, count, SENT, values), count) <= LOGIN_RUN_ALIKE &&
           dispersion_of(measure(of, count, RECEIVED, values), count) <= LOGIN_RUN_ALIKE;
}

/* How many from the first on follow each other so closely that any LOGIN_RUN_MIN of them lie in LOGIN_RUN_NS. */
static size_t run_length(const struct contact *const *of, size_t count)
{
    size_t length = LOGIN_RUN_MIN;
    while (length <= count && of[length - 1]->first - of[length - LOGIN_RUN_MIN]->first <= LOGIN_RUN_NS)
        length++;
    return length - 1 < LOGIN_RUN_MIN ? 0 : length - 1;
}

/* The longest run at the port that all of `of` are at; `values`: room for `count`. False: none. */
static bool find_run(const struct contact *const *of, size_t count, uint64_t *values, struct run *ret_run)
{
    bool found = false;
    size_t length;
    for (size_t at = 0; at<count; at += length> 0 ? length : 1) {
        length = run_length(of + at, count - at);
        if (length == 0 || (found && length <= ret_run->count) || !are_alike(of + at, length, values))
            continue;
        found = true;
        *ret_run = (struct run){.port = of[at]->port,
                                .count = (uint32_t)length,
                                .from = of[at]->first,
                                .to = of[at + length - 1]->first,
                                .peer = of[at]->peer};
        ret_run->sent = median_of(measure(of + at, length, SENT, values), length);
        ret_run->received = median_of(measure(of + at, length, RECEIVED, values), length);
        ret_run->length = median_of(measure(of + at, length, LENGTH, values), length);
    }
    return found;
}

/* The longest run of one peer's attempts before `at`, and not long before. `some`, `values`: room for
 * `count`. */
static bool find_own_run(const struct contact *const *of, size_t count, const struct contact *at,
                         const struct contact **some, uint64_t *values, struct run *ret_run)
{
    size_t own = 0;
    for (size_t i = 0; i < count && of[i]->first < at->first; i++) {
        if (address_equal(of[i]->peer, at->peer))
            some[own++] = of[i];
    }
    return find_run(some, own, values, ret_run) && at->first <= ret_run->to + LOGIN_AFTER_NS;
}

static bool is_spoken(const struct contact *c)
{
    return c->outcome == CONTACT_ANSWERED && c->packets_sent >= SPOKEN && c->packets_received >= SPOKEN;
}

static bool is_typed(const struct contact *c)
{
    uint64_t packets = (uint64_t)c->packets_sent + c->packets_received;
    return c->protocol == 6 && c->last - c->first >= TYPED_NS && c->sent + c->received <= TYPED_PACKET * packets;
}

/* Keeps the best of a peer and port, and the best of all. */
static size_t keep(struct login *logins, size_t count, size_t most, const struct login *login)
{
    size_t at = 0;
    while (at < count && (!address_equal(logins[at].contact.peer, login->contact.peer) ||
                          logins[at].contact.port != login->contact.port))
        at++;
    if (at < count && logins[at].score >= login->score)
        return count;
    if (at == count && count == most) {
        if (logins[--at].score >= login->score)
            return count;
    } else if (at == count) {
        count++;
    }
    for (; at > 0 && logins[at - 1].score < login->score; at--)
        logins[at] = logins[at - 1];
    logins[at] = *login;
    return count;
}

/* Contacts at one port, in time; `run`: attempts among them, or NULL. */
static size_t judge_port(const struct search *q, const struct contact *const *of, size_t some, const struct run *run,
                         struct login *logins, size_t found, size_t most)
{
    struct run own;
    uint32_t strangers = 0;
    for (size_t i = 0; i < some; i++)
        strangers += is_spoken(of[i]) && (run == NULL || !is_alike(run, of[i])) && !is_known(q, of[i]->peer);
    for (size_t i = 0; i < some; i++) {
        const struct contact *c = of[i];
        struct login login = {.contact = *c, .interactive = is_typed(c)};
        bool forced = run != NULL && c->first >= run->from && c->first <= run->to + LOGIN_AFTER_NS;
        if (!is_spoken(c) || (run != NULL && is_alike(run, c)))
            continue;
        login.past_known = q->begin_ns - q->known_ns >= LOGIN_PAST_NS || c->first - q->known_ns >= LOGIN_PAST_NS;
        /* What was seen of it within the last day alone is the first time. */
        login.first_time = login.past_known && !is_known(q, c->peer);
        if (login.first_time)
            login.score += LOGIN_FIRST / (1 + log2(strangers < 1 ? 1 : strangers));
        login.by_itself = run != NULL && !is_known(q, c->peer) && find_own_run(of, some, c, q->some, q->values, &own);
        if (login.by_itself || forced) {
            const struct run *before = login.by_itself ? &own : run;
            login.attempts = before->count;
            login.attempts_from = before->from;
            login.attempts_to = before->to;
            login.score += login.by_itself ? LOGIN_FORCED : LOGIN_FORCED - 1;
        }
        login.score += login_port(c->port) + login.interactive;
        login.score += LOGIN_NEAR * exp(-(double)(q->moment_ns - c->first) / HOUR_NS);
        if (login.score >= LOGIN_SCORE_MIN)
            found = keep(logins, found, most, &login);
    }
    return found;
}

size_t logins_find(const struct contact *contacts, size_t count, int64_t known_ns, int64_t moment_ns,
                   struct login *ret_logins, size_t most, bool *ret_memory)
{
    struct search q = {.peers = calloc(count + 1, sizeof(*q.peers)),
                       .count = count,
                       .known_ns = known_ns,
                       .moment_ns = moment_ns,
                       .begin_ns = moment_ns - LOGIN_REACH_NS};
    const struct contact **in = calloc(count + 1, sizeof(*in));
    q.some = calloc(count + 1, sizeof(*q.some));
    q.values = calloc(count + 1, sizeof(*q.values));
    size_t inward = 0, found = 0;
    *ret_memory = q.peers != NULL && in != NULL && q.some != NULL && q.values != NULL;
    for (size_t i = 0; *ret_memory && i < count; i++) {
        const struct contact *c = &contacts[i];
        q.peers[i] = c;
        if (!c->outward && c->first >= q.begin_ns && c->first <= moment_ns && c->outcome == CONTACT_ANSWERED)
            in[inward++] = c;
    }
    if (inward > 0) {
        qsort(in, inward, sizeof(*in), by_port);
        qsort(q.peers, count, sizeof(*q.peers), by_peer);
    }
    for (size_t begin = 0, end; most > 0 && begin < inward; begin = end) {
        struct run run;
        for (end = begin; end < inward && in[end]->port == in[begin]->port;)
            end++;
        bool forced = find_run(in + begin, end - begin, q.values, &run);
        /* Whoever asked so before, and does so every day, forces nothing. */
        forced = forced && !is_known(&q, run.peer);
        found = judge_port(&q, in + begin, end - begin, forced ? &run : NULL, ret_logins, found, most);
    }
    free(q.peers);
    free(in);
    free(q.some);
    free(q.values);
    return found;
}
