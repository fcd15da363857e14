/* SPDX-License-Identifier: Apache-2.0 */
/* nat: its columns, which rows there are, and what they say. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/answer/columns.h"
#include "aggregator/answer/nat.h"
#include "aggregator/answer/nat_words.h"
#include "aggregator/commit.h"

#define NAT_TABLE(X)                                                                                                   \
    X(answer, TEXT, TEXT, NONE, "ANSWER", "who it was, or where it came out, in a sentence")                           \
    X(first_time, TIME, TIME, NONE, NULL, "first packet, over both views")                                             \
    X(last_time, TIME, TIME, NONE, NULL, "last packet, over both views")                                               \
    X(verdict, U8, WORD, NONE, NULL, NULL)                                                                             \
    X(boundary, TEXT, TEXT, SET, NULL, NULL)                                                                           \
    X(side, U8, WORD, NONE, NULL, NULL)                                                                                \
    X(protocol, U8, PROTOCOL, NONE, NULL, NULL)                                                                        \
    X(state, U8, WORD, NONE, NULL, "of the view, or where it is not stored, of its partner")                           \
    X(src_hi, F64, ADDRESS, NONE, NULL, "initiator's address in the view")                                             \
    X(src_lo, F64, LOWER, NONE, NULL, "")                                                                              \
    X(src_port, U16, PORT, NONE, NULL, NULL)                                                                           \
    X(dst_hi, F64, ADDRESS, NONE, NULL, "responder's address in the view")                                             \
    X(dst_lo, F64, LOWER, NONE, NULL, "")                                                                              \
    X(dst_port, U16, PORT, NONE, NULL, NULL)                                                                           \
    X(translated, U8, WORD, NONE, NULL, NULL)                                                                          \
    X(post_nat_src_hi, F64, ADDRESS, NONE, NULL, "the same initiator's address in the partner (IPFIX 225)")            \
    X(post_nat_src_lo, F64, LOWER, NONE, NULL, "")                                                                     \
    X(post_nat_src_port, U16, PORT, NONE, NULL, NULL)                                                                  \
    X(post_nat_dst_hi, F64, ADDRESS, NONE, NULL, "the responder's address in the partner (IPFIX 226)")                 \
    X(post_nat_dst_lo, F64, LOWER, NONE, NULL, "")                                                                     \
    X(post_nat_dst_port, U16, PORT, NONE, NULL, NULL)                                                                  \
    X(method, U8, WORD, NONE, NULL, NULL)                                                                              \
    X(confidence, U16, SHARE, NONE, NULL, NULL)                                                                        \
    X(odds, I32, ODDS, NONE, NULL, NULL)                                                                               \
    X(candidates, U32, COUNT, NONE, NULL, NULL)                                                                        \
    X(offset, I64, NANOSECONDS, NONE, NULL, NULL)                                                                      \
    X(sensor, TEXT, TEXT, NONE, NULL, "who saw the view")                                                              \
    X(epoch, U64, EPOCH, NONE, NULL, "which life of it")                                                               \
    X(flow, U64, NUMBER, NONE, NULL, NULL)                                                                             \
    X(partner_sensor, TEXT, TEXT, NONE, NULL, "who saw the partner")                                                   \
    X(partner_epoch, U64, EPOCH, NONE, NULL, "which life of it")                                                       \
    X(partner_flow, U64, NUMBER, NONE, NULL, NULL)                                                                     \
    X(src_packets, U64, COUNT, NONE, NULL, NULL)                                                                       \
    X(dst_packets, U64, COUNT, NONE, NULL, NULL)                                                                       \
    X(src_bytes, U64, BYTES, NONE, NULL, NULL)                                                                         \
    X(dst_bytes, U64, BYTES, NONE, NULL, NULL)                                                                         \
    X(evidence, TEXT, TEXT, NONE, NULL, "how it is known, or why there is no partner, in a sentence")                  \
    X(terms, U16, LIST, NONE, NULL, NULL)
#define NAT_TERM_TABLE(X)                                                                                              \
    X(term_kind, U8, WORD, NONE, NULL, NULL)                                                                           \
    X(term_outcome, U8, WORD, NONE, NULL, NULL)                                                                        \
    X(term_inside, F64, HEX, NONE, NULL, NULL)                                                                         \
    X(term_outside, F64, HEX, NONE, NULL, NULL)                                                                        \
    X(term_weight, I32, ODDS, NONE, NULL, NULL)

struct nat_row {
    NAT_TABLE(ANSWER_ROW_MEMBER)
};
enum { NAT_TABLE(ANSWER_ENUM_MEMBER) NAT_TERM_TABLE(ANSWER_ENUM_MEMBER) };

const struct record_kind *nat_columns(void)
{
    static struct field fields[] = {
#define X(...) ANSWER_COLUMN(nat_row, 0, __VA_ARGS__)
        NAT_TABLE(X)
#undef X
#define X(...) ANSWER_COLUMN(verdict_term, 1, __VA_ARGS__)
            NAT_TERM_TABLE(X)
#undef X
    };
    static const struct record_list lists[] = {{.name = "terms",
                                                .prefix = "term_",
                                                .count = COLUMN_terms,
                                                .first = COLUMN_term_kind,
                                                .last = COLUMN_term_weight,
                                                .items_max = VERDICT_TERMS_MAX,
                                                .size = sizeof(struct verdict_term)}};
    static struct answer_columns table = {.name = "nat",
                                          .fields = fields,
                                          .count = sizeof(fields) / sizeof(*fields),
                                          .row_size = sizeof(struct nat_row),
                                          .lists = lists,
                                          .list_count = 1};
    return answer_columns_kind(&table);
}

/* ---- rows: first which, then in order */

struct entry {
    bool linked;
    int64_t away, first, last;
    const struct known_verdict *known; /* NULL: none yet */
    const struct whole_flow *flow;     /* of a linked pair the view's, or if that is not stored the partner's */
    char boundary[BOUNDARY_NAME_MAX];  /* "": none */
    bool outside;
};

struct entries {
    struct entry *entries; /* owned */
    size_t count, capacity;
    struct index told;   /* views at boundaries, and at the boundary "" views that are told of at any */
    struct index linked; /* views with a partner, by the side that they are on */
};

static void entries_fini(struct entries *entries)
{
    free(entries->entries);
    budget_give(entries->told.budget, entries->capacity * sizeof(*entries->entries));
    index_fini(&entries->told);
    index_fini(&entries->linked);
}

static enum result add_entry(struct entries *entries, const struct entry *entry, struct error *err)
{
    if (entries->count == entries->capacity) {
        size_t capacity = entries->capacity == 0 ? 64 : entries->capacity * 2;
        size_t more = (capacity - entries->capacity) * sizeof(*entries->entries);
        if (!budget_take(entries->told.budget, more))
            return budget_exceeded(err);
        struct entry *grown = realloc(entries->entries, capacity * sizeof(*grown));
        if (grown == NULL) {
            budget_give(entries->told.budget, more);
            return budget_exceeded(err);
        }
        entries->entries = grown;
        entries->capacity = capacity;
    }
    entries->entries[entries->count++] = *entry;
    return RESULT_OK;
}

static enum result tell(struct entries *entries, const char *boundary, const struct flow_name *view, struct error *err)
{
    return index_put(&entries->told, index_key_of_view(boundary, view), 0) == RESULT_OK &&
                   index_put(&entries->told, index_key_of_view("", view), 0) == RESULT_OK
               ? RESULT_OK
               : budget_exceeded(err);
}

static bool is_told(const struct entries *entries, const char *boundary, const struct flow_name *view)
{
    uint32_t ignored;
    return index_get(&entries->told, index_key_of_view(boundary, view), &ignored);
}

static struct index_key key_of_side(bool outside, const struct flow_name *view)
{
    return index_key_of_view(outside ? "outside" : "inside", view);
}

static enum result note_links(const struct nat *nat, struct entries *entries, struct error *err)
{
    enum result r = RESULT_OK;
    for (uint32_t i = 0; i < nat->verdicts.count && r == RESULT_OK; i++) {
        const struct known_verdict *known = &nat->verdicts.verdicts[i];
        bool outside = known->verdict.side == VERDICT_OUTSIDE;
        if (verdict_is_linked(known->verdict.verdict) &&
            (index_put(&entries->linked, key_of_side(outside, &known->view), 0) != RESULT_OK ||
             index_put(&entries->linked, key_of_side(!outside, &known->partner), 0) != RESULT_OK))
            r = budget_exceeded(err);
    }
    return r;
}

/* Where one sensor is outside of several NATs, what came by one of them has no partner at the others: it was not seen
 * on one side only. */
static bool is_linked_elsewhere(const struct entries *entries, bool outside, const struct flow_name *view)
{
    uint32_t ignored;
    return index_get(&entries->linked, key_of_side(outside, view), &ignored);
}

static void widen(struct entry *entry, const struct whole_flow *flow)
{
    if (flow == NULL)
        return;
    entry->first = flow->flow.first_time < entry->first ? flow->flow.first_time : entry->first;
    entry->last = flow->flow.last_time > entry->last ? flow->flow.last_time : entry->last;
}

/* A verdict as an entry, if it is about a flow that is here. */
static enum result enter_verdict(const struct nat *nat, struct entries *entries, const struct known_verdict *known,
                                 struct error *err)
{
    bool linked = verdict_is_linked(known->verdict.verdict);
    const struct whole_flow *view = flow_set_get(&nat->flows, &known->view);
    const struct whole_flow *partner = linked ? flow_set_get(&nat->flows, &known->partner) : NULL;
    bool outside = known->verdict.side == VERDICT_OUTSIDE;
    if (view == NULL && partner == NULL)
        return RESULT_OK;
    if (!linked && is_linked_elsewhere(entries, outside, &known->view))
        return tell(entries, known->boundary, &known->view, err);
    struct entry entry = {.linked = linked,
                          .first = known->verdict.first_time,
                          .last = known->verdict.last_time,
                          .known = known,
                          .flow = view != NULL ? view : partner,
                          .outside = outside};
    memcpy(entry.boundary, known->boundary, sizeof(entry.boundary));
    widen(&entry, view);
    widen(&entry, partner);
    entry.away = nat_distance(nat, entry.first, entry.last);
    enum result r = tell(entries, known->boundary, &known->view, err);
    if (r == RESULT_OK && linked)
        r = tell(entries, known->boundary, &known->partner, err);
    return r == RESULT_OK ? add_entry(entries, &entry, err) : r;
}

/* A flow at a boundary ("": none) that there is no verdict about yet. */
static enum result enter_alone(const struct nat *nat, struct entries *entries, const struct whole_flow *flow,
                               const char *boundary, bool outside, struct error *err)
{
    struct entry entry = {
        .first = flow->flow.first_time, .last = flow->flow.last_time, .flow = flow, .outside = outside};
    snprintf(entry.boundary, sizeof(entry.boundary), "%s", boundary);
    entry.away = nat_distance(nat, entry.first, entry.last);
    enum result r = tell(entries, boundary, &flow->name, err);
    return r == RESULT_OK ? add_entry(entries, &entry, err) : r;
}

static enum result enter_waiting(const struct nat *nat, struct entries *entries, struct error *err)
{
    struct committer_boundary boundary;
    enum result r = RESULT_OK;
    for (size_t b = 0; r == RESULT_OK && committer_boundary(nat->work->options->committer, b, &boundary); b++) {
        for (uint32_t i = 0; r == RESULT_OK && i < nat->followed; i++) {
            const struct whole_flow *flow = &nat->flows.flows[i];
            bool inside = strcmp(boundary.inside, flow->name.observer.sensor) == 0;
            bool outside = strcmp(boundary.outside, flow->name.observer.sensor) == 0;
            if ((inside || outside) && !is_told(entries, boundary.name, &flow->name) &&
                !is_linked_elsewhere(entries, outside, &flow->name))
                r = enter_alone(nat, entries, flow, boundary.name, outside, err);
        }
    }
    for (uint32_t i = 0; r == RESULT_OK && i < nat->followed; i++) {
        if (!is_told(entries, "", &nat->flows.flows[i].name))
            r = enter_alone(nat, entries, &nat->flows.flows[i], "", false, err);
    }
    return r;
}

static int linked_and_nearest_first(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    if (a->linked != b->linked)
        return a->linked ? -1 : 1;
    if (a->away != b->away)
        return a->away < b->away ? -1 : 1;
    return a->first > b->first ? -1 : a->first < b->first;
}

/* ---- rows: what they say */

/* Columns without meaning for a view without a partner, without its flow, and without a boundary or verdict. */
static const unsigned of_links[] = {COLUMN_translated,
                                    COLUMN_post_nat_src_hi,
                                    COLUMN_post_nat_src_port,
                                    COLUMN_post_nat_dst_hi,
                                    COLUMN_post_nat_dst_port,
                                    COLUMN_method,
                                    COLUMN_confidence,
                                    COLUMN_odds,
                                    COLUMN_offset,
                                    COLUMN_partner_sensor,
                                    COLUMN_partner_epoch,
                                    COLUMN_partner_flow};
static const unsigned of_flows[] = {COLUMN_state, COLUMN_src_packets, COLUMN_dst_packets, COLUMN_src_bytes,
                                    COLUMN_dst_bytes};
static const unsigned of_ports[] = {COLUMN_dst_port, COLUMN_post_nat_dst_port};
static const unsigned of_ports_or_icmp[] = {COLUMN_src_port, COLUMN_post_nat_src_port};
#define UNKNOWN(work, list, err) unknown(work, list, sizeof(list) / sizeof(*(list)), err)

static enum result unknown(struct work *work, const unsigned *which, size_t count, struct error *err)
{
    enum result r = RESULT_OK;
    for (size_t i = 0; i < count && r == RESULT_OK; i++)
        r = work_unknown(work, which[i], err);
    return r;
}

static enum result unknown_ports(struct work *work, unsigned protocol, struct error *err)
{
    bool ports = protocol_has_ports(protocol), icmp = protocol == 1 || protocol == 58;
    enum result r = ports ? RESULT_OK : UNKNOWN(work, of_ports, err);
    return r == RESULT_OK && !ports && !icmp ? UNKNOWN(work, of_ports_or_icmp, err) : r;
}

/* What both rows have. The texts stay the entry's. */
static struct nat_row begin_row(const struct entry *entry)
{
    struct nat_row row = {.first_time = entry->first,
                          .last_time = entry->last,
                          .boundary = entry->boundary,
                          .side = entry->outside ? VERDICT_OUTSIDE : VERDICT_INSIDE,
                          .candidates = entry->known == NULL ? 0 : entry->known->verdict.candidates};
    if (entry->flow != NULL) {
        const struct flow *flow = &entry->flow->flow;
        row.state = flow->state;
        row.src_packets = flow->src_packets;
        row.dst_packets = flow->dst_packets;
        row.src_bytes = flow->src_bytes;
        row.dst_bytes = flow->dst_bytes;
    }
    return row;
}

static enum result add_linked(struct nat *nat, const struct entry *entry, struct error *err)
{
    const struct known_verdict *known = entry->known;
    const struct verdict *v = &known->verdict;
    const struct nat_ends ends = {.source = {{v->src_hi, v->src_lo}, v->src_port},
                                  .destination = {{v->dst_hi, v->dst_lo}, v->dst_port},
                                  .post_source = {{v->post_nat_src_hi, v->post_nat_src_lo}, v->post_nat_src_port},
                                  .post_destination = {{v->post_nat_dst_hi, v->post_nat_dst_lo}, v->post_nat_dst_port}};
    char answer[NAT_WORDS_MAX], evidence[NAT_WORDS_MAX];
    struct nat_row row = begin_row(entry);
    row.answer = nat_sentence(&ends, &nat->end, answer);
    row.evidence = nat_evidence(v, known->terms, evidence);
    row.sensor = known->view.observer.sensor;
    row.epoch = known->view.observer.epoch;
    row.partner_sensor = known->partner.observer.sensor;
    row.partner_epoch = known->partner.observer.epoch;
    row.confidence = (uint16_t)odds_share(v->odds);
#define TAKE(field) row.field = v->field
    TAKE(verdict), TAKE(protocol), TAKE(translated), TAKE(method), TAKE(odds), TAKE(offset);
    TAKE(flow), TAKE(partner_flow);
    TAKE(src_hi), TAKE(src_lo), TAKE(src_port), TAKE(dst_hi), TAKE(dst_lo), TAKE(dst_port);
    TAKE(post_nat_src_hi), TAKE(post_nat_src_lo), TAKE(post_nat_src_port);
    TAKE(post_nat_dst_hi), TAKE(post_nat_dst_lo), TAKE(post_nat_dst_port);
#undef TAKE
    enum result r = work_add(nat->work, &row, err);
    for (unsigned i = 0; i < v->terms && r == RESULT_OK; i++)
        r = work_add_item(nat->work, VERDICT_TERMS, &known->terms[i], err);
    if (r == RESULT_OK && entry->flow == NULL)
        r = UNKNOWN(nat->work, of_flows, err);
    return r == RESULT_OK ? unknown_ports(nat->work, v->protocol, err) : r;
}

static enum result add_alone(struct nat *nat, const struct entry *entry, struct error *err)
{
    const struct flow *flow = &entry->flow->flow;
    const struct endpoint source = {flow_src(flow), flow->src_port}, destination = {flow_dst(flow), flow->dst_port};
    bool placed = entry->boundary[0] != '\0';
    char answer[NAT_WORDS_MAX];
    struct nat_row row = begin_row(entry);
    row.verdict = entry->known != NULL ? entry->known->verdict.verdict : placed ? VERDICT_WAITING : VERDICT_UNKNOWN;
    row.answer = nat_alone(&source, &destination, !placed ? NULL : entry->outside ? "outside" : "inside", answer);
    row.evidence = nat_no_partner(row.verdict);
    row.sensor = entry->flow->name.observer.sensor;
    row.epoch = entry->flow->name.observer.epoch;
    row.flow = flow->flow;
#define TAKE(field) row.field = flow->field
    TAKE(protocol), TAKE(src_hi), TAKE(src_lo), TAKE(src_port), TAKE(dst_hi), TAKE(dst_lo), TAKE(dst_port);
#undef TAKE
    enum result r = work_add(nat->work, &row, err);
    if (r == RESULT_OK)
        r = UNKNOWN(nat->work, of_links, err);
    if (r == RESULT_OK && entry->known == NULL)
        r = work_unknown(nat->work, COLUMN_candidates, err);
    if (r == RESULT_OK && !placed)
        r = work_unknown(nat->work, COLUMN_side, err);
    return r == RESULT_OK ? unknown_ports(nat->work, flow->protocol, err) : r;
}

enum result nat_answer(struct nat *nat, struct error *err)
{
    struct entries entries = {.told = {.budget = &nat->work->memory}, .linked = {.budget = &nat->work->memory}};
    enum result r = note_links(nat, &entries, err);
    for (uint32_t i = 0; i < nat->verdicts.count && r == RESULT_OK; i++)
        r = enter_verdict(nat, &entries, &nat->verdicts.verdicts[i], err);
    if (r == RESULT_OK)
        r = enter_waiting(nat, &entries, err);
    if (r == RESULT_OK && entries.count > 1)
        qsort(entries.entries, entries.count, sizeof(*entries.entries), linked_and_nearest_first);
    nat->cut = nat->cut || entries.count > nat->limit;
    for (size_t i = 0; i < entries.count && i < nat->limit && r == RESULT_OK; i++) {
        const struct entry *entry = &entries.entries[i];
        r = entry->linked ? add_linked(nat, entry, err) : add_alone(nat, entry, err);
    }
    entries_fini(&entries);
    return r;
}
