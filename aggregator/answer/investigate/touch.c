/* SPDX-License-Identifier: Apache-2.0 */
/* Who else was in touch with remote addresses. */
#include "aggregator/answer/investigate/touch.h"

#include <stdlib.h>

#define SPOKEN      4u    /* packets each way: a handshake is fewer */
#define ENTRY_BYTES 2000u /* both ways, at least */
#define TIMES       3u

static bool is_between(const struct touch *t)
{
    return t->contact.outcome == CONTACT_ANSWERED;
}

static int by_host(const void *left, const void *right)
{
    const struct touch *a = left, *b = right;
    int order = address_compare(a->host, b->host);
    if (order != 0)
        return order;
    if (a->contact.observer != b->contact.observer)
        return a->contact.observer < b->contact.observer ? -1 : 1;
    return a->contact.first < b->contact.first ? -1 : a->contact.first > b->contact.first;
}

size_t touches_known(const struct touch *touches, size_t count, struct address remote, struct address host,
                     int64_t before_ns)
{
    const struct touch *known[TOUCH_KNOWN_MAX];
    size_t some = 0;
    for (size_t i = 0; i < count && some < TOUCH_KNOWN_MAX; i++) {
        const struct touch *t = &touches[i];
        size_t same = 0;
        if (!address_equal(t->remote, remote) || address_equal(t->host, host) || !is_between(t) ||
            (before_ns != 0 && t->contact.first >= before_ns))
            continue;
        while (same < some &&
               (!address_equal(known[same]->host, t->host) || known[same]->contact.observer != t->contact.observer))
            same++;
        if (same == some)
            known[some++] = t;
    }
    return some;
}

static bool stands_before(const struct spread *a, const struct spread *b)
{
    if ((a->answered > 0) != (b->answered > 0))
        return a->answered > 0;
    if (a->hidden != b->hidden)
        return b->hidden;
    return a->first < b->first;
}

static size_t keep(struct spread *spreads, size_t count, size_t most, const struct spread *spread)
{
    size_t at = count;
    while (at > 0 && stands_before(spread, &spreads[at - 1]))
        at--;
    if (at == most)
        return count;
    count += count < most;
    for (size_t i = count - 1; i > at; i--)
        spreads[i] = spreads[i - 1];
    spreads[at] = *spread;
    return count;
}

static void add(struct spread *s, const struct touch *t)
{
    const struct contact *c = &t->contact;
    bool between = is_between(t);
    if (s->all++ == 0 || (between && s->answered == 0)) {
        s->remote = t->remote;
        s->first = c->first;
        s->last = c->last;
        s->outward = c->outward;
        s->port = c->port;
        s->protocol = c->protocol;
    }
    if (between || s->answered == 0)
        s->last = c->last > s->last ? c->last : s->last;
    s->answered += between;
    s->received += c->received;
}

size_t spreads_find(struct touch *touches, size_t count, struct address host, struct spread *ret_spreads, size_t most,
                    size_t *ret_hosts, size_t *ret_tried)
{
    size_t found = 0;
    *ret_hosts = *ret_tried = 0;
    if (count > 0)
        qsort(touches, count, sizeof(*touches), by_host);
    for (size_t begin = 0, end; most > 0 && begin < count; begin = end) {
        struct spread s = {
            .host = touches[begin].host, .sensor = touches[begin].contact.observer, .hidden = touches[begin].hidden};
        for (end = begin;
             end < count && address_equal(touches[end].host, s.host) && touches[end].contact.observer == s.sensor;
             end++)
            add(&s, &touches[end]);
        if (address_equal(s.host, host))
            continue;
        ++*ret_hosts;
        *ret_tried += s.answered == 0;
        found = keep(ret_spreads, found, most, &s);
    }
    return found;
}

/* ---- what a scan got into */

static bool is_of(const struct contact *c, unsigned protocol, unsigned port, int64_t at)
{
    return c->outward && c->protocol == protocol && c->port == port && c->first >= at && c->outcome == CONTACT_ANSWERED;
}

size_t entries_find(const struct contact *contacts, size_t count, unsigned protocol, unsigned port, int64_t at,
                    struct contact *ret_entries, size_t most)
{
    uint64_t *sizes = calloc(count + 1, sizeof(*sizes)), least = ENTRY_BYTES;
    size_t answered = 0, found = 0;
    for (size_t i = 0; sizes != NULL && i < count; i++) {
        if (is_of(&contacts[i], protocol, port, at))
            sizes[answered++] = contacts[i].sent + contacts[i].received;
    }
    if (answered > 2) {
        uint64_t times = TIMES * median_of(sizes, answered);
        least = times > least ? times : least;
    }
    free(sizes);
    for (size_t i = 0; i < count; i++) {
        const struct contact *c = &contacts[i];
        size_t same = 0;
        if (!is_of(c, protocol, port, at) || c->sent + c->received < least || c->packets_sent < SPOKEN ||
            c->packets_received < SPOKEN)
            continue;
        while (same < found && !address_equal(ret_entries[same].peer, c->peer))
            same++;
        if (same == found && found < most)
            ret_entries[found++] = *c;
        else if (same < found && c->sent + c->received > ret_entries[same].sent + ret_entries[same].received)
            ret_entries[same] = *c;
    }
    return found;
}
