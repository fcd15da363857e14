/* SPDX-License-Identifier: Apache-2.0 */
/* Regular calls. */
#include "aggregator/answer/investigate/callbacks.h"

#include <stdlib.h>

static int by_service(const void *left, const void *right)
{
    const struct contact *a = *(const struct contact *const *)left, *b = *(const struct contact *const *)right;
    int order = address_compare(a->peer, b->peer);
    if (order != 0)
        return order;
    if (a->protocol != b->protocol)
        return a->protocol < b->protocol ? -1 : 1;
    if (a->port != b->port)
        return a->port < b->port ? -1 : 1;
    return a->first < b->first ? -1 : a->first > b->first;
}

static bool is_same(const struct contact *a, const struct contact *b)
{
    return address_equal(a->peer, b->peer) && a->port == b->port && a->protocol == b->protocol;
}

static double even(double dispersion)
{
    return dispersion > 1 ? 0 : 1 - dispersion;
}

/* Calls of one service, in time. */
static struct callback judge(const struct contact *const *of, size_t count, uint64_t *values)
{
    struct callback c = {.peer = of[0]->peer,
                         .port = of[0]->port,
                         .protocol = of[0]->protocol,
                         .first = of[0]->first,
                         .last = of[count - 1]->first,
                         .calls = (uint32_t)count};
    if (count < CALLBACK_CALLS_MIN || c.last - c.first < CALLBACK_SPAN_NS)
        return c;
    for (size_t i = 1; i < count; i++)
        values[i - 1] = (uint64_t)(of[i]->first - of[i - 1]->first);
    c.gap_ns = (int64_t)median_of(values, count - 1);
    double gaps = even(dispersion_of(values, count - 1));
    for (size_t i = 0; i < count; i++)
        values[i] = of[i]->sent;
    double sent = even(dispersion_of(values, count));
    for (size_t i = 0; i < count; i++)
        values[i] = of[i]->received;
    double received = even(dispersion_of(values, count));
    /* Calls against as many as such gaps would make. */
    double expected = (double)(c.last - c.first) / (double)(c.gap_ns > 0 ? c.gap_ns : 1) + 1;
    double covered = (double)count >= expected ? expected / (double)count : (double)count / expected;
    c.score = (gaps + sent + received + covered) / 4;
    return c;
}

static size_t keep(struct callback *callbacks, size_t count, size_t most, const struct callback *callback)
{
    size_t at = count;
    while (at > 0 && callbacks[at - 1].score < callback->score)
        at--;
    if (at == most)
        return count;
    count += count < most;
    for (size_t i = count - 1; i > at; i--)
        callbacks[i] = callbacks[i - 1];
    callbacks[at] = *callback;
    return count;
}

size_t callbacks_find(const struct contact *contacts, size_t count, int64_t since_ns, struct callback *ret_callbacks,
                      size_t most, bool *ret_memory)
{
    const struct contact **all = calloc(count + 1, sizeof(*all));
    uint64_t *values = calloc(count + 1, sizeof(*values));
    size_t found = 0, some = 0;
    *ret_memory = all != NULL && values != NULL;
    for (size_t i = 0; *ret_memory && i < count; i++) {
        if (contacts[i].outward && contacts[i].outcome == CONTACT_ANSWERED)
            all[some++] = &contacts[i];
    }
    if (some > 0)
        qsort(all, some, sizeof(*all), by_service);
    for (size_t begin = 0, end; most > 0 && begin < some; begin = end) {
        for (end = begin; end < some && is_same(all[begin], all[end]);)
            end++;
        if (all[begin]->first < since_ns)
            continue;
        struct callback callback = judge(all + begin, end - begin, values);
        if (callback.score >= CALLBACK_SCORE_MIN)
            found = keep(ret_callbacks, found, most, &callback);
    }
    free(all);
    free(values);
    return found;
}
