/* SPDX-License-Identifier: Apache-2.0 */
/* investigate: what is read of the store. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/answer/investigate/investigate.h"
#include "aggregator/answer/verdicts.h"

#define HOPS_MAX 3

static const bool fields[FLOW_FIELD_COUNT] = {
#define READ(field) [FLOW_FIELD_##field] = true
    READ(flow),       READ(observer),    READ(src_hi),       READ(src_lo),    READ(dst_hi),
    READ(dst_lo),     READ(src_port),    READ(dst_port),     READ(protocol),  READ(state),
    READ(first_time), READ(last_time),   READ(src_bytes),    READ(dst_bytes), READ(src_packets),
    READ(report),     READ(dst_packets), READ(src_tcp_flags)
#undef READ
};

void inquiry_fini(struct inquiry *inquiry)
{
    budget_give(&inquiry->work->memory, inquiry->touch_charged);
    free(inquiry->touches);
    free(inquiry->observers);
    if (inquiry->findings != NULL)
        budget_give(&inquiry->work->memory, FINDINGS_MAX * sizeof(*inquiry->findings));
    free(inquiry->findings);
    inquiry->findings = NULL;
    inquiry->touches = NULL;
    inquiry->observers = NULL;
}

/* The number of a life; there are few, and neighbours are mostly of the same. */
static bool number_observer(struct inquiry *q, const struct observer *observer, uint16_t *ret_number)
{
    for (size_t i = q->observer_count; i-- > 0;) {
        if (observer_equal(&q->observers[i], observer)) {
            *ret_number = (uint16_t)i;
            return true;
        }
    }
    if (q->observer_count == UINT16_MAX)
        return false;
    struct observer *grown = realloc(q->observers, (q->observer_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return false;
    q->observers = grown;
    q->observers[q->observer_count] = *observer;
    *ret_number = (uint16_t)q->observer_count++;
    return true;
}

/* ---- reports of flows to contacts */

struct list {
    struct contact *contacts;
    size_t count, capacity;
};

static bool grow(struct work *work, struct list *l, size_t *charged)
{
    if (l->count < l->capacity)
        return true;
    size_t capacity = l->capacity == 0 ? 1024 : l->capacity * 2;
    if (l->capacity < INVESTIGATE_RECORDS_MAX && capacity > INVESTIGATE_RECORDS_MAX)
        capacity = INVESTIGATE_RECORDS_MAX;
    size_t more = (capacity - l->capacity) * sizeof(*l->contacts);
    if (!budget_take(&work->memory, more))
        return false;
    *charged += more;
    struct contact *grown = realloc(l->contacts, capacity * sizeof(*grown));
    if (grown == NULL)
        return false;
    l->contacts = grown;
    l->capacity = capacity;
    return true;
}

static int by_flow(const void *left, const void *right)
{
    const struct contact *a = left, *b = right;
    if (a->observer != b->observer)
        return a->observer < b->observer ? -1 : 1;
    if (a->flow != b->flow)
        return a->flow < b->flow ? -1 : 1;
    return a->first < b->first ? -1 : a->first > b->first;
}

/* Several reports of a flow to one contact; what became of it is what the last one says. */
static size_t merge_reports(struct contact *contacts, size_t count)
{
    size_t kept = 0;
    if (count > 0)
        qsort(contacts, count, sizeof(*contacts), by_flow);
    for (size_t i = 0; i < count; i++) {
        struct contact *last = kept > 0 ? &contacts[kept - 1] : NULL;
        const struct contact *c = &contacts[i];
        if (last == NULL || last->observer != c->observer || last->flow != c->flow) {
            contacts[kept++] = *c;
            continue;
        }
        last->last = c->last > last->last ? c->last : last->last;
        last->sent += c->sent;
        last->received += c->received;
        last->packets_sent += c->packets_sent;
        last->packets_received += c->packets_received;
        last->outcome = c->outcome;
    }
    return kept;
}

enum result past_read(struct inquiry *q, struct address host, int64_t from_ns, int64_t to_ns, struct past *ret_past,
                      struct error *err)
{
    const struct endpoint end = {.address = host};
    const struct store_query query = {
        .fields = fields, .endpoint = &end, .from_ns = from_ns, .to_ns = to_ns, .limit = INVESTIGATE_RECORDS_MAX};
    struct past past = {.host = host, .from_ns = from_ns, .to_ns = to_ns};
    struct list list = {0};
    struct records *records;
    enum result r = store_find(q->work->reader, &query, err);
    while (r == RESULT_OK && (r = store_next(q->work->reader, &records, NULL, err)) == RESULT_OK) {
        const struct flow_batch *batch = flow_batch_of(records);
        for (uint32_t i = 0; i < batch->rows && r == RESULT_OK; i++) {
            struct flow flow;
            uint16_t number = 0;
            flow_batch_get(batch, i, &flow);
            if (!grow(q->work, &list, &past.charged) ||
                !number_observer(q, &batch->observers[batch->observer[i]], &number))
                r = budget_exceeded(err);
            else
                list.contacts[list.count++] = contact_of(&flow, number, host);
        }
        records_free(&records);
    }
    past.contacts = list.contacts;
    if (r != RESULT_END) {
        past_fini(q, &past);
        return r;
    }
    bool cut = list.count >= INVESTIGATE_RECORDS_MAX;
    past.count = contacts_settle(list.contacts, merge_reports(list.contacts, list.count));
    if (cut && past.count > 0)
        past.from_ns = past.contacts[0].first;
    q->cut = q->cut || cut;
    *ret_past = past;
    return RESULT_OK;
}

void past_fini(struct inquiry *inquiry, struct past *past)
{
    budget_give(&inquiry->work->memory, past->charged);
    free(past->contacts);
    past->contacts = NULL;
    past->charged = 0;
}

/* ---- boundaries */

/* Does the sensor stand outside a boundary, and inside none? */
static bool is_outside(const struct inquiry *q, const char *sensor)
{
    struct committer_boundary boundary;
    bool outside = false;
    for (size_t b = 0; committer_boundary(q->work->options->committer, b, &boundary); b++) {
        if (strcmp(boundary.inside, sensor) == 0)
            return false;
        outside = outside || strcmp(boundary.outside, sensor) == 0;
    }
    return outside;
}

/* The ends of a link in the view inside. */
static void inside_ends(const struct known_verdict *known, struct endpoint *ret_src, struct endpoint *ret_dst,
                        const struct flow_name **ret_view)
{
    const struct verdict *v = &known->verdict;
    bool is_view = v->side == VERDICT_INSIDE;
    *ret_src = is_view ? (struct endpoint){{v->src_hi, v->src_lo}, v->src_port}
                       : (struct endpoint){{v->post_nat_src_hi, v->post_nat_src_lo}, v->post_nat_src_port};
    *ret_dst = is_view ? (struct endpoint){{v->dst_hi, v->dst_lo}, v->dst_port}
                       : (struct endpoint){{v->post_nat_dst_hi, v->post_nat_dst_lo}, v->post_nat_dst_port};
    *ret_view = is_view ? &known->view : &known->partner;
}

static bool name_equal(const struct flow_name *a, const struct flow_name *b)
{
    return a->flow == b->flow && observer_equal(&a->observer, &b->observer);
}

/* ---- touches */

static enum result add_touch(struct inquiry *q, size_t *capacity, const struct flow *flow,
                             const struct observer *observer, const struct address *remotes, size_t count,
                             struct error *err)
{
    struct touch touch = {0};
    uint16_t number;
    size_t of = 0;
    while (of < count && !address_equal(flow_src(flow), remotes[of]) && !address_equal(flow_dst(flow), remotes[of]))
        of++;
    if (of == count)
        return RESULT_OK;
    if (q->touch_count == *capacity) {
        size_t grown_to = *capacity == 0 ? 256 : *capacity * 2;
        if (*capacity < INVESTIGATE_TOUCHES_MAX && grown_to > INVESTIGATE_TOUCHES_MAX)
            grown_to = INVESTIGATE_TOUCHES_MAX;
        size_t more = (grown_to - *capacity) * sizeof(*q->touches);
        if (!budget_take(&q->work->memory, more))
            return budget_exceeded(err);
        q->touch_charged += more;
        struct touch *grown = realloc(q->touches, grown_to * sizeof(*grown));
        if (grown == NULL)
            return budget_exceeded(err);
        q->touches = grown;
        *capacity = grown_to;
    }
    if (!number_observer(q, observer, &number))
        return budget_exceeded(err);
    touch.remote = remotes[of];
    touch.host = address_equal(flow_src(flow), remotes[of]) ? flow_dst(flow) : flow_src(flow);
    touch.contact = contact_of(flow, number, touch.host);
    touch.hidden = is_outside(q, observer->sensor);
    q->touches[q->touch_count++] = touch;
    return RESULT_OK;
}

/* Views outside whose host is known by a link become that host's; where its own view is there as well, it is enough. */
static enum result resolve(struct inquiry *q, struct error *err)
{
    struct verdict_set set = verdict_set_new(&q->work->memory);
    struct seen_flow *flows = calloc(q->touch_count + 1, sizeof(*flows));
    size_t hidden = 0, kept = 0;
    enum result r = flows == NULL ? budget_exceeded(err) : RESULT_OK;
    for (size_t i = 0; r == RESULT_OK && i < q->touch_count; i++) {
        const struct touch *t = &q->touches[i];
        if (!t->hidden)
            continue;
        if (hidden == INVESTIGATE_FOLLOWED_MAX) {
            q->cut = true;
            break;
        }
        flows[hidden++] = (struct seen_flow){
            {q->observers[t->contact.observer], t->contact.flow}, t->contact.first, t->contact.last, true};
    }
    if (r == RESULT_OK && hidden > 0)
        r = verdict_set_find(&set, q->work->second, flows, hidden, err);
    struct index linked = {.budget = &q->work->memory};
    for (uint32_t i = 0; r == RESULT_OK && i < set.count; i++) {
        if (verdict_is_linked(set.verdicts[i].verdict.verdict) &&
            (index_put(&linked, index_key_of_flow(&set.verdicts[i].view), i) != RESULT_OK ||
             index_put(&linked, index_key_of_flow(&set.verdicts[i].partner), i) != RESULT_OK))
            r = budget_exceeded(err);
    }
    for (size_t i = 0; r == RESULT_OK && i < q->touch_count; i++) {
        struct touch t = q->touches[i];
        const struct flow_name name = {q->observers[t.contact.observer], t.contact.flow};
        const struct flow_name *view;
        struct endpoint src, dst;
        uint32_t at;
        uint16_t number;
        if (t.hidden && index_get(&linked, index_key_of_flow(&name), &at)) {
            inside_ends(&set.verdicts[at], &src, &dst, &view);
            bool outward = t.contact.outward;
            const struct endpoint *host = outward ? &src : &dst, *remote = outward ? &dst : &src;
            if (address_equal(remote->address, t.remote) && !name_equal(view, &name))
                continue; /* the inside view is among them */
            if (!number_observer(q, &view->observer, &number)) {
                r = budget_exceeded(err);
                break;
            }
            t.host = host->address;
            t.contact.observer = number;
            t.hidden = false;
        }
        q->touches[kept++] = t;
    }
    q->touch_count = r == RESULT_OK ? kept : q->touch_count;
    index_fini(&linked);
    verdict_set_fini(&set);
    free(flows);
    return r;
}

/* Two lives of a sensor are one place. */
static void same_sensor(struct inquiry *q)
{
    for (size_t i = 0; i < q->touch_count; i++) {
        uint16_t *number = &q->touches[i].contact.observer;
        for (uint16_t o = 0; o < *number; o++) {
            if (strcmp(q->observers[o].sensor, q->observers[*number].sensor) == 0)
                *number = o;
        }
    }
}

enum result touches_read(struct inquiry *q, const struct address *remotes, size_t count, int64_t from_ns, int64_t to_ns,
                         struct error *err)
{
    char text[FILTER_TEXT_MAX], address[ADDRESS_TEXT_MAX];
    struct filter *filter = NULL;
    struct records *records;
    size_t capacity = 0, used = 0;
    budget_give(&q->work->memory, q->touch_charged);
    free(q->touches);
    q->touches = NULL;
    q->touch_count = q->touch_charged = 0;
    if (count == 0)
        return RESULT_OK;
    for (size_t i = 0; i < count && used < sizeof(text); i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%shost %s", i == 0 ? "" : " or ",
                                 address_text(remotes[i], address));
    enum result r = filter_parse(record_kinds[RECORD_FLOW], text, &filter, NULL, err);
    if (r != RESULT_OK)
        return r;
    const struct store_query query = {.fields = fields,
                                      .filter = filter,
                                      .addresses = remotes,
                                      .address_count = count,
                                      .from_ns = from_ns,
                                      .to_ns = to_ns,
                                      .limit = INVESTIGATE_TOUCHES_MAX};
    r = store_find(q->work->reader, &query, err);
    while (r == RESULT_OK && (r = store_next(q->work->reader, &records, NULL, err)) == RESULT_OK) {
        const struct flow_batch *batch = flow_batch_of(records);
        for (uint32_t i = 0; i < batch->rows && r == RESULT_OK; i++) {
            struct flow flow;
            flow_batch_get(batch, i, &flow);
            r = add_touch(q, &capacity, &flow, &batch->observers[batch->observer[i]], remotes, count, err);
        }
        records_free(&records);
    }
    filter_destroy(&filter);
    q->cut = q->cut || q->touch_count >= INVESTIGATE_TOUCHES_MAX;
    if (r != RESULT_END)
        return r;
    r = resolve(q, err);
    same_sensor(q);
    return r;
}

/* ---- behind boundaries */

enum result behind_find(struct inquiry *q, const struct contact *contact, struct behind *ret_behind, struct error *err)
{
    struct verdict_set set = verdict_set_new(&q->work->memory);
    struct seen_flow at = {{q->observers[contact->observer], contact->flow}, contact->first, contact->last, true};
    struct behind behind = {.end = {contact->peer, contact->port}};
    struct index told = {.budget = &q->work->memory};
    enum result r = RESULT_OK;
    for (int hop = 0, gone = 1; r == RESULT_OK && gone && hop < HOPS_MAX; hop++) {
        gone = 0;
        if (index_put(&told, index_key_of_flow(&at.name), 0) != RESULT_OK)
            r = budget_exceeded(err);
        if (r == RESULT_OK)
            r = verdict_set_find(&set, q->work->second, &at, 1, err);
        for (uint32_t i = 0; r == RESULT_OK && !gone && i < set.count; i++) {
            const struct known_verdict *known = &set.verdicts[i];
            const struct verdict *v = &known->verdict;
            uint32_t ignored;
            bool is_view = name_equal(&known->view, &at.name);
            if (!verdict_is_linked(v->verdict) || (!is_view && !name_equal(&known->partner, &at.name)))
                continue;
            const struct flow_name *other = is_view ? &known->partner : &known->view;
            if (index_get(&told, index_key_of_flow(other), &ignored))
                continue;
            const struct endpoint end = {is_view ? (struct address){v->post_nat_dst_hi, v->post_nat_dst_lo}
                                                 : (struct address){v->dst_hi, v->dst_lo},
                                         is_view ? v->post_nat_dst_port : v->dst_port};
            behind.known = behind.known || !address_equal(end.address, behind.end.address);
            behind.end = end;
            snprintf(behind.sensor, sizeof(behind.sensor), "%s", other->observer.sensor);
            snprintf(behind.boundary, sizeof(behind.boundary), "%s", known->boundary);
            at.name = *other;
            gone = 1;
        }
    }
    index_fini(&told);
    verdict_set_fini(&set);
    if (r == RESULT_OK)
        *ret_behind = behind;
    return r;
}
