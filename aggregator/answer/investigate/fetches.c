/* SPDX-License-Identifier: Apache-2.0 */
/* Fetches from peers that are new. */
#include "aggregator/answer/investigate/fetches.h"

#include <stdlib.h>

static int by_peer(const void *left, const void *right)
{
    const struct contact *a = *(const struct contact *const *)left, *b = *(const struct contact *const *)right;
    int order = address_compare(a->peer, b->peer);
    return order != 0 ? order : a->first < b->first ? -1 : a->first > b->first;
}

static size_t keep(struct fetch *fetches, size_t count, size_t most, const struct fetch *fetch)
{
    size_t at = count;
    while (at > 0 && fetches[at - 1].received < fetch->received)
        at--;
    if (at == most)
        return count;
    count += count < most;
    for (size_t i = count - 1; i > at; i--)
        fetches[i] = fetches[i - 1];
    fetches[at] = *fetch;
    return count;
}

size_t fetches_find(const struct contact *contacts, size_t count, int64_t from_ns, int64_t to_ns,
                    struct fetch *ret_fetches, size_t most, bool *ret_memory)
{
    const struct contact **all = calloc(count + 1, sizeof(*all));
    size_t until = 0, found = 0;
    *ret_memory = all != NULL;
    while (*ret_memory && until < count && contacts[until].first < to_ns) {
        all[until] = &contacts[until];
        until++;
    }
    if (until > 0)
        qsort(all, until, sizeof(*all), by_peer);
    for (size_t begin = 0, end; most > 0 && begin < until; begin = end) {
        struct fetch fetch = {.peer = all[begin]->peer, .first = all[begin]->first, .last = all[begin]->last};
        for (end = begin; end < until && address_equal(all[end]->peer, fetch.peer); end++) {
            const struct contact *c = all[end];
            if (!c->outward || c->outcome == CONTACT_FAILED)
                continue;
            if (fetch.connections++ == 0) {
                fetch.port = c->port;
                fetch.protocol = c->protocol;
                fetch.first = c->first;
            }
            fetch.received += c->received;
            fetch.last = c->last > fetch.last ? c->last : fetch.last;
        }
        if (all[begin]->first >= from_ns && fetch.received >= FETCH_BYTES_MIN)
            found = keep(ret_fetches, found, most, &fetch);
    }
    free(all);
    return found;
}
