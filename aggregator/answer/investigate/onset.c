/* SPDX-License-Identifier: Apache-2.0 */
/* The stretch of time in which a host scanned. */
#include "aggregator/answer/investigate/onset.h"

#include <math.h>
#include <stdlib.h>

#define HOUR_NS   (3600ll * 1000000000)
#define STEPS_MAX 20000 /* of five minutes: 69 days; beyond, the steps are longer */
#define PASSES    3     /* the rate outside is estimated anew */

/* Ports on which a host reaches many others in the ordinary: there only failures tell. */
static bool is_usual(unsigned port)
{
    return port == 80 || port == 443 || port == 53 || port == 123 || port == 0;
}

/* ---- first contacts, by what they have in common */

static int by_port(const struct contact *a, const struct contact *b)
{
    return a->protocol != b->protocol ? (a->protocol < b->protocol ? -1 : 1)
           : a->port < b->port        ? -1
                                      : a->port > b->port;
}

static int by_protocol_and_peer(const struct contact *a, const struct contact *b)
{
    return a->protocol != b->protocol ? (a->protocol < b->protocol ? -1 : 1) : address_compare(a->peer, b->peer);
}

static int earlier(const struct contact *a, const struct contact *b)
{
    return a->first != b->first ? (a->first < b->first ? -1 : 1) : 0;
}

static int to_others(const void *left, const void *right)
{
    const struct contact *a = *(const struct contact *const *)left, *b = *(const struct contact *const *)right;
    int order = by_port(a, b);
    order = order != 0 ? order : address_compare(a->peer, b->peer);
    return order != 0 ? order : earlier(a, b);
}

static int to_ports(const void *left, const void *right)
{
    const struct contact *a = *(const struct contact *const *)left, *b = *(const struct contact *const *)right;
    int order = by_protocol_and_peer(a, b);
    order = order != 0 ? order : by_port(a, b);
    return order != 0 ? order : earlier(a, b);
}

static int in_time(const void *left, const void *right)
{
    return earlier(*(const struct contact *const *)left, *(const struct contact *const *)right);
}

/* ---- the stretch */

struct steps {
    uint32_t *counts; /* owned */
    size_t count;
    int64_t from_ns, step_ns;
};

struct stretch {
    size_t first, end; /* steps */
    double rate_outside;
    double ratio;
};

/* The best sum of c * ln(inside/outside) - (inside - outside) over steps in a row: Kadane's, which is a CUSUM. */
static double best_sum(const struct steps *s, double inside, double outside, size_t *ret_first, size_t *ret_end)
{
    double each = log(inside / outside), less = inside - outside, sum = 0, best = 0;
    size_t first = 0;
    for (size_t i = 0; i < s->count; i++) {
        if (sum <= 0) {
            sum = 0;
            first = i;
        }
        sum += s->counts[i] * each - less;
        if (sum > best) {
            best = sum;
            *ret_first = first;
            *ret_end = i + 1;
        }
    }
    return best;
}

static struct stretch find_stretch(const struct steps *s, uint32_t total)
{
    struct stretch found = {0, s->count, (total + 0.5) / (double)s->count, 0};
    uint32_t most = 0;
    for (size_t i = 0; i < s->count; i++)
        most = s->counts[i] > most ? s->counts[i] : most;
    for (unsigned pass = 0; pass < PASSES; pass++) {
        double best = 0, outside = found.rate_outside;
        for (double inside = outside * 2; inside < 2.0 * most; inside *= 2) {
            size_t first = 0, end = 0;
            double sum = best_sum(s, inside, outside, &first, &end);
            if (sum > best) {
                best = sum;
                found.first = first;
                found.end = end;
            }
        }
        uint32_t within = 0;
        for (size_t i = found.first; i < found.end; i++)
            within += s->counts[i];
        double length = (double)(found.end - found.first), rest = (double)s->count - length;
        found.rate_outside = (total - within + 0.5) / (rest < 1 ? 1 : rest);
        double expected = found.rate_outside * length;
        found.ratio = within > expected ? within * log(within / expected) - (within - expected) : 0;
    }
    return found;
}

/* The contact it began with, among those about its first step: the one from which on they come as they come within. */
static size_t refine(const struct contact *const *first, size_t count, const struct steps *s, const struct stretch *st)
{
    int64_t begin = s->from_ns + (int64_t)st->first * s->step_ns;
    uint32_t within = 0;
    for (size_t i = st->first; i < st->end; i++)
        within += s->counts[i];
    double inside = within / ((double)(st->end - st->first) * (double)s->step_ns);
    double outside = st->rate_outside / (double)s->step_ns, each = log(inside / outside), sum = 0, best = -INFINITY;
    size_t at = 0, last = 0;
    while (last < count && first[last]->first < begin + 2 * s->step_ns)
        last++;
    for (size_t i = last; i-- > 0 && first[i]->first >= begin - s->step_ns;) {
        if (i + 1 < last)
            sum -= (inside - outside) * (double)(first[i + 1]->first - first[i]->first);
        sum += each;
        if (sum >= best) {
            best = sum;
            at = i;
        }
    }
    return at;
}

static uint32_t most_in_an_hour(const struct contact *const *first, size_t count)
{
    uint32_t most = 0;
    for (size_t i = 0, j = 0; i < count; i++) {
        while (first[i]->first - first[j]->first >= HOUR_NS)
            j++;
        most = i - j + 1 > most ? (uint32_t)(i - j + 1) : most;
    }
    return most;
}

/* Is what is from `at` to `end` a scan? */
static bool is_scan(const struct contact *const *first, size_t at, size_t end, struct onset *onset)
{
    uint32_t height = 0, highest = 0, least = onset->kind == ONSET_SWEEP ? ONSET_HEIGHT : ONSET_HEIGHT_PORTS;
    for (size_t i = at; i < end; i++) {
        onset->failed += first[i]->outcome == CONTACT_FAILED;
        onset->answered += first[i]->outcome == CONTACT_ANSWERED;
        height = first[i]->outcome == CONTACT_FAILED ? height + 1
                                                     : height - (height > 0 && first[i]->outcome == CONTACT_ANSWERED);
        highest = height > highest ? height : highest;
    }
    onset->before = (uint32_t)at;
    onset->before_hour = most_in_an_hour(first, at);
    if (highest >= least && onset->failed >= onset->answered)
        return true;
    uint32_t hour = most_in_an_hour(first + at, end - at);
    return onset->kind == ONSET_SWEEP && !is_usual(onset->port) && hour >= ONSET_FAN_OUT &&
           hour >= ONSET_FAN_TIMES * onset->before_hour;
}

/* First contacts with something in common, in time. */
static bool judge(const struct contact *const *first, size_t count, struct steps *s, struct onset *onset)
{
    for (size_t i = 0; i < s->count; i++)
        s->counts[i] = 0;
    for (size_t i = 0; i < count; i++) {
        size_t at = (size_t)((first[i]->first - s->from_ns) / s->step_ns);
        s->counts[at < s->count ? at : s->count - 1]++;
    }
    struct stretch st = find_stretch(s, (uint32_t)count);
    if (st.ratio < ONSET_RATIO_MIN)
        return false;
    size_t at = refine(first, count, s, &st), end = at;
    int64_t until = s->from_ns + (int64_t)st.end * s->step_ns;
    while (end < count && (first[end]->first < until || st.end == s->count))
        end++;
    onset->ratio = st.ratio;
    onset->at = first[at]->first;
    onset->until = first[end - 1]->first;
    onset->contacts = (uint32_t)(end - at);
    onset->protocol = first[at]->protocol;
    onset->port = first[at]->port;
    onset->peer = first[at]->peer;
    return is_scan(first, at, end, onset);
}

/* Keeps the most unlikely. */
static size_t keep(struct onset *onsets, size_t count, size_t most, const struct onset *onset)
{
    size_t at = count;
    while (at > 0 && onsets[at - 1].ratio < onset->ratio)
        at--;
    if (at == most)
        return count;
    count += count < most;
    for (size_t i = count - 1; i > at; i--)
        onsets[i] = onsets[i - 1];
    onsets[at] = *onset;
    return count;
}

static size_t find_kind(enum onset_kind kind, const struct contact **out, size_t count, struct steps *s,
                        struct onset *onsets, size_t found, size_t most)
{
    int (*common)(const struct contact *, const struct contact *) =
        kind == ONSET_SWEEP ? by_port : by_protocol_and_peer;
    int (*order)(const void *, const void *) = kind == ONSET_SWEEP ? to_others : to_ports;
    uint32_t least = kind == ONSET_SWEEP ? ONSET_HEIGHT : ONSET_HEIGHT_PORTS;
    qsort(out, count, sizeof(*out), order);
    for (size_t begin = 0, end; begin < count; begin = end) {
        size_t firsts = 0;
        for (end = begin; end < count && common(out[begin], out[end]) == 0; end++) {
            const struct contact *before = firsts > 0 ? out[begin + firsts - 1] : NULL;
            if (before == NULL || !address_equal(before->peer, out[end]->peer) || by_port(before, out[end]) != 0) {
                const struct contact *swap = out[begin + firsts]; /* the others stay behind: sorted again, for ports */
                out[begin + firsts++] = out[end];
                out[end] = swap;
            }
        }
        struct onset onset = {.kind = kind};
        if (firsts < least)
            continue;
        qsort(out + begin, firsts, sizeof(*out), in_time);
        if (judge(out + begin, firsts, s, &onset))
            found = keep(onsets, found, most, &onset);
    }
    return found;
}

size_t onsets_find(const struct contact *contacts, size_t count, int64_t from_ns, int64_t to_ns,
                   struct onset *ret_onsets, size_t most, bool *ret_memory)
{
    int64_t step_ns = ONSET_STEP_NS;
    while ((to_ns - from_ns) / step_ns >= STEPS_MAX)
        step_ns *= 2;
    struct steps s = {.count = (size_t)((to_ns - from_ns) / step_ns) + 1, .from_ns = from_ns, .step_ns = step_ns};
    const struct contact **out = calloc(count + 1, sizeof(*out));
    size_t outward = 0, found = 0;
    s.counts = calloc(s.count, sizeof(*s.counts));
    *ret_memory = out != NULL && s.counts != NULL;
    for (size_t i = 0; *ret_memory && i < count; i++) {
        if (contacts[i].outward && contacts[i].first >= from_ns && contacts[i].first < to_ns)
            out[outward++] = &contacts[i];
    }
    if (*ret_memory && most > 0) {
        found = find_kind(ONSET_SWEEP, out, outward, &s, ret_onsets, 0, most);
        found = find_kind(ONSET_PORTS, out, outward, &s, ret_onsets, found, most);
    }
    free(s.counts);
    free(out);
    return found;
}
