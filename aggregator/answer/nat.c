/* SPDX-License-Identifier: Apache-2.0 */
/* Nat: the flows of an address and port at a moment, their views across the boundaries, and why a view has none. */
#include <stdlib.h>
#include <string.h>

#include "aggregator/answer/work.h"
#include "common/clock.h"

/* Flows found, one entry each however many reports there are. */
struct found {
    struct flow_name *names;
    struct flow *flows;
    size_t count, capacity;
};

static void found_fini(struct found *found)
{
    free(found->names);
    free(found->flows);
}

static struct flow *found_get(const struct found *found, const struct flow_name *name)
{
    for (size_t i = 0; i < found->count; i++) {
        if (found->names[i].flow == name->flow && observer_equal(&found->names[i].observer, &name->observer))
            return &found->flows[i];
    }
    return NULL;
}

/* A later or earlier report of the same flow: counters are deltas, the rest is the last report's or the union. */
static void merge_report(struct flow *whole, const struct flow *report)
{
    bool later = report->report > whole->report;
    struct flow base = later ? *report : *whole;
    const struct flow *other = later ? whole : report;
#define SUM(field)                                                                                                     \
    base.src_##field += other->src_##field;                                                                            \
    base.dst_##field += other->dst_##field
    SUM(packets);
    SUM(bytes);
    SUM(payload);
    SUM(retransmits);
    SUM(out_of_order);
    SUM(duplicates);
    SUM(zero_windows);
#undef SUM
    base.icmp_errors += other->icmp_errors;
    base.src_tcp_flags |= other->src_tcp_flags;
    base.dst_tcp_flags |= other->dst_tcp_flags;
    base.evidence |= other->evidence;
    base.first_time = other->first_time < base.first_time ? other->first_time : base.first_time;
    base.last_time = other->last_time > base.last_time ? other->last_time : base.last_time;
    *whole = base;
}

static enum result found_add(struct found *found, const struct flow_name *name, const struct flow *flow,
                             struct error *err)
{
    struct flow *whole = found_get(found, name);
    if (whole != NULL) {
        merge_report(whole, flow);
        return RESULT_OK;
    }
    if (found->count == found->capacity) {
        size_t capacity = found->capacity == 0 ? 64 : found->capacity * 2;
        struct flow_name *names = realloc(found->names, capacity * sizeof(*names));
        if (names != NULL)
            found->names = names;
        struct flow *flows = realloc(found->flows, capacity * sizeof(*flows));
        if (flows != NULL)
            found->flows = flows;
        if (names == NULL || flows == NULL)
            return error_set(err, RESULT_AGAIN, "out of memory");
        found->capacity = capacity;
    }
    found->names[found->count] = *name;
    found->flows[found->count++] = *flow;
    return RESULT_OK;
}

/* All rows of a query, whole flows in `found`. */
static enum result collect(struct work *work, const struct store_query *query, struct found *found, uint64_t *ret_rows,
                           struct error *err)
{
    struct flow_batch *batch;
    uint64_t rows = 0;
    enum result r = store_find(work->reader, query, err);
    while (r == RESULT_OK && (r = store_next(work->reader, &batch, NULL, err)) == RESULT_OK) {
        for (uint32_t i = 0; i < batch->rows && r == RESULT_OK; i++) {
            struct flow flow;
            flow_batch_get(batch, i, &flow);
            const struct flow_name name = {batch->observers[batch->observer[i]], flow.flow};
            r = found_add(found, &name, &flow, err);
        }
        rows += batch->rows;
        flow_batch_destroy(&batch);
    }
    *ret_rows = rows;
    return r == RESULT_END ? RESULT_OK : r;
}

/* How far a flow lies from the moment; 0 when it was alive then. */
static int64_t distance(const struct flow *flow, int64_t at_ns)
{
    return at_ns < flow->first_time ? flow->first_time - at_ns : at_ns > flow->last_time ? at_ns - flow->last_time : 0;
}

struct order {
    int64_t away, first;
    size_t index;
};

static int by_distance(const void *a, const void *b)
{
    const struct order *x = a, *y = b;
    if (x->away != y->away)
        return x->away < y->away ? -1 : 1;
    return x->first > y->first ? -1 : x->first < y->first;
}

/* Keeps the flows near the moment, nearest first (no moment: newest first), up to `limit`. */
static enum result keep_near(struct found *found, const Pavo__Nat *nat, size_t limit, bool *ret_truncated,
                             struct error *err)
{
    struct order *order = calloc(found->count + 1, sizeof(*order));
    struct found kept = {.names = calloc(found->count + 1, sizeof(*kept.names)),
                         .flows = calloc(found->count + 1, sizeof(*kept.flows)),
                         .capacity = found->count + 1};
    if (order == NULL || kept.names == NULL || kept.flows == NULL) {
        free(order);
        found_fini(&kept);
        return error_set(err, RESULT_AGAIN, "out of memory");
    }
    size_t count = 0;
    for (size_t i = 0; i < found->count; i++) {
        int64_t away = nat->at_ns == 0 ? 0 : distance(&found->flows[i], nat->at_ns);
        if (away <= nat->slack_ns)
            order[count++] = (struct order){away, found->flows[i].first_time, i};
    }
    qsort(order, count, sizeof(*order), by_distance);
    *ret_truncated = *ret_truncated || count > limit;
    for (size_t i = 0; i < count && i < limit; i++) {
        kept.names[kept.count] = found->names[order[i].index];
        kept.flows[kept.count++] = found->flows[order[i].index];
    }
    free(order);
    found_fini(found);
    *found = kept;
    return RESULT_OK;
}

/* ---- the other side */

static bool link_known(const struct store_links *links, const struct link *link)
{
    for (size_t i = 0; i < links->count; i++) {
        const struct link *k = &links->links[i];
        if (strcmp(k->boundary, link->boundary) == 0 && k->inside.flow == link->inside.flow &&
            observer_equal(&k->inside.observer, &link->inside.observer))
            return true;
    }
    return false;
}

static enum result links_add(struct store_links *links, const struct store_links *more, struct error *err)
{
    struct link *grown = realloc(links->links, (links->count + more->count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    links->links = grown;
    for (size_t i = 0; i < more->count; i++) {
        if (!link_known(links, &more->links[i]))
            grown[links->count++] = more->links[i];
    }
    return RESULT_OK;
}

/* Links of the flows from `from` on, and the views at their other ends, which are added. */
static enum result follow(struct work *work, struct found *found, size_t from, struct store_links *links,
                          struct error *err)
{
    struct store_links more = {0};
    enum result r = store_links_of(work->second, found->names + from, found->count - from, &more, err);
    struct flow_name *wanted = r == RESULT_OK ? calloc(2 * more.count + 1, sizeof(*wanted)) : NULL;
    if (r == RESULT_OK && wanted == NULL)
        r = error_set(err, RESULT_AGAIN, "out of memory");
    size_t count = 0;
    int64_t first = INT64_MAX, last = INT64_MIN;
    for (size_t i = 0; r == RESULT_OK && i < more.count; i++) {
        first = more.links[i].first_ns < first ? more.links[i].first_ns : first;
        last = more.links[i].last_ns > last ? more.links[i].last_ns : last;
        if (found_get(found, &more.links[i].inside) == NULL)
            wanted[count++] = more.links[i].inside;
        if (found_get(found, &more.links[i].outside) == NULL)
            wanted[count++] = more.links[i].outside;
    }
    for (size_t i = 0; i < found->count; i++)
        last = found->flows[i].last_time > last ? found->flows[i].last_time : last;
    for (size_t at = 0; r == RESULT_OK && at < count; at += STORE_NAMES_MAX) {
        uint64_t rows;
        const struct store_query query = {.names = wanted + at,
                                          .name_count = count - at < STORE_NAMES_MAX ? count - at : STORE_NAMES_MAX,
                                          .from_ns = first - ANSWER_NAT_REACH_NS,
                                          .to_ns = last + ANSWER_NAT_REACH_NS};
        r = collect(work, &query, found, &rows, err);
    }
    if (r == RESULT_OK)
        r = links_add(links, &more, err);
    free(wanted);
    store_links_free(&more);
    return r;
}

/* ---- replying */

static enum result send_found(struct work *work, const struct found *found, struct error *err)
{
    if (found->count == 0)
        return RESULT_OK;
    struct flow_batch *batch = flow_batch_new((uint32_t)(found->count < 4096 ? found->count : 4096));
    enum result r = batch == NULL ? error_set(err, RESULT_AGAIN, "out of memory") : RESULT_OK;
    for (size_t i = 0; i < found->count && r == RESULT_OK; i++) {
        struct flow flow = found->flows[i];
        r = flow_batch_observer(batch, &found->names[i].observer, &flow.observer);
        if (r == RESULT_OK)
            r = flow_batch_add(batch, &flow);
        if (r == RESULT_OK && (batch->rows == batch->capacity || i + 1 == found->count)) {
            r = work_send_flows(work, batch, err);
            flow_batch_clear(batch);
        }
    }
    flow_batch_destroy(&batch);
    return r;
}

static bool has_link(const struct store_links *links, const struct flow_name *name, const char *boundary)
{
    for (size_t i = 0; i < links->count; i++) {
        const struct link *link = &links->links[i];
        const struct flow_name *ends[2] = {&link->inside, &link->outside};
        for (int e = 0; e < 2; e++) {
            if (ends[e]->flow == name->flow && observer_equal(&ends[e]->observer, &name->observer) &&
                (boundary == NULL || strcmp(link->boundary, boundary) == 0))
                return true;
        }
    }
    return false;
}

static enum result send_reason(struct work *work, const char *boundary, const struct flow_name *view, bool inside,
                               const char *reason)
{
    Pavo__FlowName name = PAVO__FLOW_NAME__INIT;
    name.sensor = (char *)view->observer.sensor;
    name.epoch = view->observer.epoch;
    name.flow = view->flow;
    Pavo__Unlinked unlinked = PAVO__UNLINKED__INIT, *pointer = &unlinked;
    unlinked.boundary = (char *)boundary;
    unlinked.view = &name;
    unlinked.inside = inside;
    unlinked.reason = (char *)reason;
    Pavo__Reply reply = work_reply(true);
    reply.unlinked = &pointer;
    reply.n_unlinked = 1;
    return work->reply(work->context, &reply);
}

/* Flows without a link, at each boundary their sensor stands at: the reason given up, or that they are waiting. */
static enum result send_reasons(struct work *work, const struct found *found, const struct store_links *links,
                                struct error *err)
{
    struct unlinked *reasons = NULL;
    size_t count = 0;
    size_t names = found->count < STORE_NAMES_MAX ? found->count : STORE_NAMES_MAX;
    enum result r =
        names == 0 ? RESULT_OK : store_unlinked_of(work->second, found->names, names, &reasons, &count, err);
    for (size_t i = 0; i < count && r == RESULT_OK; i++)
        r = send_reason(work, reasons[i].boundary, &reasons[i].view, reasons[i].inside,
                        unlinked_reason_name(reasons[i].reason));
    struct committer_boundary boundary;
    for (size_t b = 0; r == RESULT_OK && committer_boundary(work->options->committer, b, &boundary); b++) {
        for (size_t i = 0; i < names && r == RESULT_OK; i++) {
            bool inside = strcmp(boundary.inside, found->names[i].observer.sensor) == 0;
            bool outside = strcmp(boundary.outside, found->names[i].observer.sensor) == 0;
            bool told = has_link(links, &found->names[i], boundary.name);
            for (size_t u = 0; u < count && !told; u++)
                told = strcmp(reasons[u].boundary, boundary.name) == 0 &&
                       reasons[u].view.flow == found->names[i].flow &&
                       observer_equal(&reasons[u].view.observer, &found->names[i].observer);
            if ((inside || outside) && !told)
                r = send_reason(work, boundary.name, &found->names[i], inside, "waiting");
        }
    }
    free(reasons);
    return r;
}

enum result work_nat(struct work *work, struct error *err)
{
    const Pavo__Nat *nat = work->query->nat;
    if (nat->endpoint == NULL || nat->endpoint->address.len != 16 || nat->endpoint->port > UINT16_MAX ||
        nat->protocol > UINT8_MAX || nat->slack_ns < 0 || nat->at_ns < 0 || nat->slack_ns > RECEIVE_TIME_MAX ||
        nat->at_ns > RECEIVE_TIME_MAX)
        return error_set(err, RESULT_REJECT, "a nat query needs an address of 16 bytes, a port and times not below 0");
    const struct link_endpoint endpoint = {.address = address_from_bytes(nat->endpoint->address.data),
                                           .port = (uint16_t)nat->endpoint->port};
    int64_t reach = nat->slack_ns + (endpoint.port != 0 ? ANSWER_NAT_REACH_NS : 0);
    const struct store_query query = {.endpoint = &endpoint,
                                      .protocol = (uint8_t)nat->protocol,
                                      .from_ns = nat->at_ns == 0 ? 0 : nat->at_ns - reach,
                                      .to_ns = nat->at_ns == 0 ? 0 : nat->at_ns + reach + 1,
                                      .limit = ANSWER_NAT_ROWS_MAX};
    size_t limit = nat->limit == 0 ? ANSWER_NAT_DEFAULT : nat->limit;
    limit = limit > ANSWER_NAT_FLOWS_MAX ? ANSWER_NAT_FLOWS_MAX : limit;
    struct found found = {0};
    struct store_links links = {0};
    uint64_t rows;
    enum result r = collect(work, &query, &found, &rows, err);
    bool truncated = r == RESULT_OK && rows == ANSWER_NAT_ROWS_MAX;
    if (r == RESULT_OK)
        r = keep_near(&found, nat, limit, &truncated, err);
    size_t followed = 0;
    for (int hop = 0; hop < ANSWER_NAT_HOPS_MAX && r == RESULT_OK && followed < found.count; hop++) {
        size_t now = found.count;
        r = follow(work, &found, followed, &links, err);
        followed = now;
    }
    if (r == RESULT_OK)
        r = send_found(work, &found, err);
    if (r == RESULT_OK)
        r = work_send_links(work, links.links, links.count, err);
    if (r == RESULT_OK)
        r = send_reasons(work, &found, &links, err);
    if (r == RESULT_OK)
        r = work_coverage(work, nat->at_ns == 0 ? 0 : nat->at_ns - nat->slack_ns,
                          nat->at_ns == 0 ? 0 : nat->at_ns + nat->slack_ns + 1, truncated, err);
    found_fini(&found);
    store_links_free(&links);
    return r;
}
