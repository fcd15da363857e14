/* SPDX-License-Identifier: Apache-2.0 */
/* The meter: the flow table and the life of a flow. */
#include "sensor/meter/meter.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "common/clock.h"
#include "sensor/meter/evidence.h"
#include "sensor/meter/fragments.h"
#include "sensor/meter/record.h"
#include "sensor/meter/table.h"
#include "sensor/meter/tcp.h"
#include "sensor/meter/wheel.h"

enum {
    LOOKUPS = 32,            /* packets looked up together, so that their cache misses overlap */
    FETCH_BUCKET = 3,        /* places ahead in a slot at which an entry's bucket, */
    FETCH_ENTRY = 6,         /* and before that the entry itself, are fetched */
    REPORT_BYTES = 1u << 31, /* a side's counters of bytes and packets must not pass 2^32 */
    PORT_SYSTEM_MAX = 1023,  /* RFC 6335 */
    PORT_EPHEMERAL = 32768,  /* where Linux begins; IANA's 49152 is above */
};
#define CLOCK_STEP_NS (60 * NS_PER_S) /* packet time going back further than this is a set clock, not disorder */

struct meter {
    struct meter_options options;
    struct table table;
    struct wheels wheels;
    struct entry *entries;
    struct cold *colds;
    struct extension *extensions;
    uint32_t used; /* entries ever taken: the rest has not been touched */
    uint32_t free; /* first of the returned ones, linked by head.extension */
    uint32_t extensions_used;
    uint32_t extensions_free; /* linked by mpls_label */
    int64_t patience_min;     /* no flow ends by silence before this */
    int64_t first_look;       /* a new flow is looked at after this, whatever it has become by then */
    int64_t now;              /* newest time seen or told */
    uint64_t next_flow;
    struct evidence_key evidence_key;
    struct fragments *fragments;
    struct meter_counts counts;
};

/* Where a packet's flow is looked for. */
struct lookup {
    struct flow_key key;
    uint64_t hash;
    uint32_t likely;
    bool src_is_high; /* the packet's source is the key's greater end */
};

struct meter_options meter_options_default(void)
{
    return (struct meter_options){
        .idle_ns = 60 * NS_PER_S,
        .udp_ns = 60 * NS_PER_S,
        .icmp_ns = 60 * NS_PER_S,
        .established_ns = 300 * NS_PER_S,
        .unanswered_ns = 30 * NS_PER_S,
        .linger_ns = 5 * NS_PER_S,
        .status_ns = 60 * NS_PER_S,
        .flows_max = METER_FLOWS_DEFAULT,
        .first_flow = 1,
        .flow_step = 1,
    };
}

static bool options_valid(const struct meter_options *o)
{
    return o->idle_ns > 0 && o->established_ns > 0 && o->udp_ns > 0 && o->icmp_ns > 0 && o->unanswered_ns > 0 &&
           o->linger_ns >= 0 && o->status_ns > 0 && o->status_ns <= METER_REPORT_MAX_NS &&
           o->flows_max >= METER_FLOWS_MIN && o->flows_max <= METER_FLOWS_MAX && o->flow_step > 0 &&
           o->sink.emit != NULL;
}

enum result meter_new(const struct meter_options *options, struct meter **ret_meter, struct error *err)
{
    if (!options_valid(options))
        return error_set(err, RESULT_REJECT, "meter: a time-out or a limit is out of range");
    struct meter *m = calloc(1, sizeof(*m));
    if (m == NULL)
        return error_set(err, RESULT_FATAL, "meter: out of memory");
    size_t flows = options->flows_max;
    m->options = *options;
    m->first_look = options->status_ns;
    const int64_t patiences[] = {options->idle_ns, options->established_ns, options->udp_ns, options->icmp_ns,
                                 options->unanswered_ns};
    for (unsigned i = 0; i < sizeof(patiences) / sizeof(*patiences); i++) {
        if (patiences[i] < m->first_look)
            m->first_look = patiences[i];
    }
    m->patience_min = options->linger_ns < m->first_look ? options->linger_ns : m->first_look;
    m->free = m->extensions_free = ENTRY_NONE;
    m->now = INT64_MIN;
    m->next_flow = options->first_flow;
    if (options->digest_key != NULL)
        evidence_key_make(options->digest_key, &m->evidence_key);
    m->entries = table_memory(flows * sizeof(*m->entries));
    m->colds = table_memory(flows * sizeof(*m->colds));
    m->extensions = table_memory(flows * sizeof(*m->extensions));
    if (m->entries == NULL || m->colds == NULL || m->extensions == NULL ||
        fragments_new(options->seed, &m->fragments) != RESULT_OK ||
        table_init(&m->table, options->flows_max, options->seed, m->entries) != RESULT_OK ||
        wheels_init(&m->wheels, options->flows_max) != RESULT_OK) {
        meter_destroy(&m);
        return error_set(err, RESULT_FATAL, "meter: no address space for %u flows; lower flows-max",
                         options->flows_max);
    }
    *ret_meter = m;
    return RESULT_OK;
}

void meter_destroy(struct meter **meter)
{
    struct meter *m = *meter;
    if (m == NULL)
        return;
    size_t flows = m->options.flows_max;
    table_memory_free(m->entries, flows * sizeof(*m->entries));
    table_memory_free(m->colds, flows * sizeof(*m->colds));
    table_memory_free(m->extensions, flows * sizeof(*m->extensions));
    table_fini(&m->table);
    wheels_fini(&m->wheels);
    fragments_destroy(&m->fragments);
    free(m);
    *meter = NULL;
}

/* The key of both directions, and which end of it the source is. Without a branch: which it is, is a coin's toss. */
static inline bool key_make(struct address src, uint16_t src_port, struct address dst, uint16_t dst_port,
                            uint32_t discriminator, uint8_t protocol, unsigned kind, bool answers,
                            struct flow_key *ret_key)
{
    bool high =
        (src.hi > dst.hi) | ((src.hi == dst.hi) & ((src.lo > dst.lo) | ((src.lo == dst.lo) & (src_port > dst_port))));
    uint64_t mask = -(uint64_t)high;
    uint64_t swap_hi = (src.hi ^ dst.hi) & mask, swap_lo = (src.lo ^ dst.lo) & mask;
    uint64_t swap_port = (uint64_t)(src_port ^ dst_port) & mask;
    ret_key->low_hi = src.hi ^ swap_hi;
    ret_key->low_lo = src.lo ^ swap_lo;
    ret_key->high_hi = dst.hi ^ swap_hi;
    ret_key->high_lo = dst.lo ^ swap_lo;
    uint64_t asker_is_high = decoded_has_asker(kind) ? high != answers : 0;
    ret_key->transport = (uint64_t)protocol << 56 | (uint64_t)(kind == DECODED_ARP) << 48 | asker_is_high << 49 |
                         (src_port ^ swap_port) << 16 | (dst_port ^ swap_port) | discriminator;
    return high;
}

static inline void lookup_make(const struct meter *m, const struct decoded *d, struct lookup *l)
{
    l->src_is_high =
        key_make(d->src, d->src_port, d->dst, d->dst_port, d->discriminator, d->protocol, d->kind, d->answers, &l->key);
    if (__builtin_expect(d->answers, 0) && address_equal(d->src, d->dst)) {
        l->src_is_high = true; /* a host that pings itself: both ends are one, the type tells */
        l->key.transport &= ~(UINT64_C(1) << 49);
    }
    l->hash = table_hash(&m->table, &l->key);
}

static inline bool entry_has_news(const struct entry *e)
{
    return e->head.flags & ENTRY_NEWS;
}

/* How long the flow may stay silent. */
static int64_t patience(const struct meter *m, const struct entry *e)
{
    if (e->head.flags & ENTRY_CLOSED)
        return m->options.linger_ns;
    if (!(e->head.flags & ENTRY_ANSWERED))
        return m->options.unanswered_ns;
    switch (e->head.key.transport >> 56) {
    case IPPROTO_TCP:
        if (e->head.endpoint[SIDE_SRC] == ENDPOINT_ESTABLISHED && e->head.endpoint[SIDE_DST] == ENDPOINT_ESTABLISHED)
            return m->options.established_ns;
        return m->options.idle_ns;
    case IPPROTO_UDP:
        return m->options.udp_ns;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
        return m->options.icmp_ns;
    default:
        return m->options.idle_ns;
    }
}

static enum wheel_number entry_wheel(const struct entry *e)
{
    return e->head.flags & ENTRY_ANSWERED ? WHEEL_ANSWERED : WHEEL_UNANSWERED;
}

/* When this entry must be looked at next: for its end, or for its report. */
static int64_t deadline(const struct meter *m, const struct entry *e)
{
    int64_t end = e->head.last_time + patience(m, e);
    int64_t status = e->head.first_time + m->options.status_ns;
    return entry_has_news(e) && status < end ? status : end;
}

static void wait_for_deadline(struct meter *m, uint32_t index)
{
    struct entry *e = &m->entries[index];
    wheel_put(&m->wheels, entry_wheel(e), index, deadline(m, e));
}

static void emit(struct meter *m, uint32_t index, enum flow_end_reason reason)
{
    struct entry *e = &m->entries[index];
    struct cold *cold = &m->colds[index];
    struct flow record;
    record_make(e, cold, e->head.extension == ENTRY_NONE ? NULL : &m->extensions[e->head.extension], reason, &record);
    m->counts.records_made++;
    m->counts.packets_recorded += record.src_packets + record.dst_packets;
    m->options.sink.emit(m->options.sink.context, &record);
}

/* A record of what came since the last one; the flow goes on. */
static void report(struct meter *m, uint32_t index)
{
    struct entry *e = &m->entries[index];
    emit(m, index, FLOW_END_ACTIVE);
    m->colds[index].report++;
    m->colds[index].icmp_errors = 0;
    m->colds[index].fragments = 0;
    for (unsigned number = 0; number < 2; number++)
        memset(&e->side[number], 0, offsetof(struct side, bits));
    e->head.flags &= (uint8_t) ~(ENTRY_REPORT | ENTRY_NEWS);
}

/* The flow's last record; its entry, which must be out of the wheel, is free then. */
static void end(struct meter *m, uint32_t index, enum flow_end_reason reason)
{
    struct entry *e = &m->entries[index];
    emit(m, index, reason);
    table_remove(&m->table, table_hash(&m->table, &e->head.key), index);
    if (e->head.extension != ENTRY_NONE) {
        m->extensions[e->head.extension].mpls_label = m->extensions_free;
        m->extensions_free = e->head.extension;
    }
    e->head.key.transport = UINT64_MAX; /* no packet's */
    e->head.extension = m->free;
    m->free = index;
    m->counts.flows_active--;
}

/* The status record that fell due by `until`, if one did: whether a time-out is noticed at once, or only when the next
 * packet comes, the records must be the same. */
static void report_if_due(struct meter *m, uint32_t index, int64_t until)
{
    struct entry *e = &m->entries[index];
    if (entry_has_news(e) && e->head.first_time + m->options.status_ns <= until)
        report(m, index);
}

/* True when the flow, which must be out of the wheel, was over by `now`: its records are made then. */
static bool end_if_silent(struct meter *m, uint32_t index, int64_t now)
{
    struct entry *e = &m->entries[index];
    int64_t over = e->head.last_time + patience(m, e);
    if (over > now)
        return false;
    report_if_due(m, index, over);
    end(m, index, e->head.flags & ENTRY_CLOSED ? FLOW_END_DETECTED : FLOW_END_IDLE);
    return true;
}

static void end_waiting(struct meter *m, uint32_t index, enum flow_end_reason reason)
{
    wheel_take(&m->wheels, index);
    end(m, index, reason);
}

/* Entries come up in the order of their slot, and each is elsewhere in memory: those a few places behind `index` are
 * fetched while it is dealt with. Ending one also needs its bucket, which only its key tells. Inlined for good: to the
 * compiler a function that only fetches does nothing, and calls of it are left out. */
__attribute__((always_inline)) static inline void fetch_followers(const struct meter *m, uint32_t index)
{
    uint32_t follower = index;
    for (unsigned place = 1; place <= FETCH_ENTRY; place++) {
        follower = wheel_after(&m->wheels, follower);
        if (follower == ENTRY_NONE)
            return;
        if (place == FETCH_BUCKET)
            __builtin_prefetch(table_bucket(&m->table, table_hash(&m->table, &m->entries[follower].head.key)), 1);
    }
    wheel_fetch(&m->wheels, follower);
    const char *entry = (const char *)&m->entries[follower], *cold = (const char *)&m->colds[follower];
    __builtin_prefetch(entry, 1);
    __builtin_prefetch(entry + 64);
    __builtin_prefetch(entry + 128);
    __builtin_prefetch(cold);
    __builtin_prefetch(cold + sizeof(*m->colds) - 1);
}

/* One flow must go so that another can come. */
static void evict(struct meter *m)
{
    uint32_t index;
    while ((index = wheel_oldest(&m->wheels, WHEEL_UNANSWERED)) != ENTRY_NONE) {
        if (!(m->entries[index].head.flags & ENTRY_ANSWERED))
            break;
        /* Answered since it was put there: it moves to the other wheel now. */
        wheel_take(&m->wheels, index);
        wait_for_deadline(m, index);
    }
    if (index == ENTRY_NONE)
        index = wheel_oldest(&m->wheels, WHEEL_ANSWERED);
    m->counts.flows_evicted++;
    fetch_followers(m, index);
    end_waiting(m, index, FLOW_END_RESOURCES);
}

static uint32_t entry_take(struct meter *m)
{
    if (m->free == ENTRY_NONE && m->used == m->options.flows_max)
        evict(m);
    if (m->free == ENTRY_NONE)
        return m->used++;
    uint32_t index = m->free;
    m->free = m->entries[index].head.extension;
    return index;
}

/* There is one for each entry, so this cannot fail. */
static uint32_t extension_take(struct meter *m, const struct decoded *d)
{
    if (!d->encapsulated && d->mpls_label == 0 && d->inner_vlan == 0)
        return ENTRY_NONE;
    uint32_t index = m->extensions_free;
    if (index == ENTRY_NONE)
        index = m->extensions_used++;
    else
        m->extensions_free = m->extensions[index].mpls_label;
    m->extensions[index] = (struct extension){.mpls_label = d->mpls_label, .inner_vlan = d->inner_vlan};
    if (d->encapsulated)
        m->extensions[index].outer = d->outer;
    return index;
}

/* Does the sender of a flow's first packet answer, rather than ask? */
static bool sender_answers(const struct decoded *d, enum flow_direction *ret_rule)
{
    *ret_rule = FLOW_DIRECTION_FIRST;
    switch (d->kind) {
    case DECODED_TCP:
        if (d->tcp_header && (d->tcp_flags & TCP_SYN)) {
            *ret_rule = FLOW_DIRECTION_HANDSHAKE;
            return d->tcp_flags & TCP_ACK;
        }
        /* Joined midway: servers have the low port, if one of the two is low and the other is not. */
        if ((d->src_port <= PORT_SYSTEM_MAX) != (d->dst_port <= PORT_SYSTEM_MAX) ||
            (d->src_port < PORT_EPHEMERAL) != (d->dst_port < PORT_EPHEMERAL)) {
            *ret_rule = FLOW_DIRECTION_PORT;
            return d->src_port < d->dst_port;
        }
        return false;
    case DECODED_ECHO:
    case DECODED_ICMP_PAIR:
    case DECODED_ARP:
        *ret_rule = FLOW_DIRECTION_REQUEST;
        return d->answers;
    default:
        return false;
    }
}

static uint32_t start(struct meter *m, const struct decoded *d, const struct lookup *l)
{
    uint32_t index = entry_take(m);
    struct entry *e = &m->entries[index];
    struct cold *cold = &m->colds[index];
    enum flow_direction rule;
    bool answers = sender_answers(d, &rule);
    memset(e, 0, sizeof(*e));
    memset(cold, 0, sizeof(*cold));
    e->head.key = l->key;
    e->head.first_time = e->head.last_time = d->time_ns;
    e->head.flags = l->src_is_high != answers ? ENTRY_SRC_IS_HIGH : 0;
    e->head.direction = (uint8_t)rule;
    e->head.extension = extension_take(m, d);
    cold->flow = m->next_flow;
    cold->vlan = d->vlan;
    cold->interface = d->interface;
    if (answers && d->kind == DECODED_TCP)
        cold->history = flow_history_add(0, '^');
    if (d->protocol != 6) {
        cold->icmp_type_code = d->icmp_type_code;
        if (d->kind == DECODED_ECHO) {
            cold->icmp_sequence = d->icmp_sequence;
            cold->evidence |= FLOW_HAS_ICMP_SEQUENCE;
        }
    }
    m->next_flow += m->options.flow_step;
    m->counts.flows_made++;
    m->counts.flows_active++;
    while (table_insert(&m->table, l->hash, index) != RESULT_OK)
        evict(m); /* hundreds of hashes side by side: one of them, in the end, goes */
    wheel_put(&m->wheels, WHEEL_UNANSWERED, index, d->time_ns + m->first_look);
    return index;
}

/* What the first packet of a direction says about its sender. */
static void describe_sender(struct meter *m, uint32_t index, const struct decoded *d, enum side_number from)
{
    struct side *s = &m->entries[index].side[from];
    struct cold *cold = &m->colds[index];
    s->bits |= SIDE_SEEN;
    s->ttl = d->ttl;
    s->dscp = d->dscp;
    if (d->has_ip_id) {
        s->ip_id = d->ip_id;
        s->bits |= SIDE_IP_ID;
    }
    if (d->src_mac != NULL) {
        uint16_t high;
        uint32_t low;
        memcpy(&high, d->src_mac, sizeof(high));
        memcpy(&low, d->src_mac + 2, sizeof(low));
        s->mac_high = be16toh(high);
        cold->mac_low[from] = be32toh(low);
    }
    if (d->tcp_header) {
        struct tcp_options options;
        evidence_tcp_options(d->tcp_options, d->tcp_options_length, &options);
        s->window = d->window;
        s->mss = options.mss;
        cold->tcp_options[from] = options.kinds;
        if (options.has_timestamp) {
            cold->timestamp_origin[from] = options.timestamp;
            s->bits |= SIDE_TIMESTAMP;
        }
    }
    if (!d->tcp_header && (m->entries[index].side[!from].bits & SIDE_SEEN))
        m->entries[index].head.flags |= ENTRY_ANSWERED; /* TCP: see tcp_packet */
}

/* The first payload of a direction: see meter/evidence.h. */
static void digest_payload(struct meter *m, uint32_t index, const struct decoded *d, enum side_number from)
{
    struct side *s = &m->entries[index].side[from];
    if (d->fragment_offset != 0 || m->options.digest_key == NULL)
        return;
    if (d->kind == DECODED_TCP) {
        if (!(s->bits & SIDE_ISN) || d->sequence + ((d->tcp_flags & TCP_SYN) != 0) != s->isn + 1)
            return;
    }
    s->bits |= SIDE_DIGEST_OVER;
    if (d->content_length == 0 || d->content_captured < d->content_length)
        return;
    m->colds[index].digest[from] = evidence_digest(&m->evidence_key, d->protocol, d->content, d->content_length);
    s->bits |= SIDE_DIGEST;
}

/* A packet older than the first of this report: times within the report are counted from the oldest. */
static void rebase(struct entry *e, int64_t time_ns)
{
    int64_t shift = (e->head.first_time - time_ns) / NS_PER_US;
    for (unsigned number = 0; number < 2; number++) {
        struct side *s = &e->side[number];
        if (s->packets > 0) {
            s->first += (uint32_t)shift;
            s->last += (uint32_t)shift;
        }
    }
    e->head.first_time = time_ns;
}

static inline void count_time(struct entry *e, struct side *s, int64_t time_ns)
{
    if (!entry_has_news(e))
        e->head.first_time = time_ns;
    else if (__builtin_expect(time_ns < e->head.first_time, 0))
        rebase(e, time_ns);
    if (time_ns > e->head.last_time)
        e->head.last_time = time_ns;
    uint32_t at = (uint32_t)((uint64_t)(time_ns - e->head.first_time) / NS_PER_US);
    if (s->packets == 0) {
        s->first = s->last = at;
    } else if (at >= s->last) {
        /* Welford's sum of squared deviations; the mean gap before and after is known without being kept. */
        float gap = (float)(at - s->last), gaps = (float)s->packets;
        float before = s->packets > 1 ? (float)(s->last - s->first) / (gaps - 1) : gap;
        float after = (float)(at - s->first) / gaps;
        s->gap_deviations += (gap - before) * (gap - after);
        s->last = at;
    } else if (at < s->first) {
        s->first = at;
    }
}

static inline void count(struct meter *m, uint32_t index, const struct decoded *d, enum side_number from)
{
    struct entry *e = &m->entries[index];
    struct side *s = &e->side[from];
    if (d->tcp_header) {
        unsigned before = e->head.flags;
        tcp_packet(e, &m->colds[index], d, from);
        if (__builtin_expect((e->head.flags & ~before & ENTRY_CLOSED) != 0, 0)) { /* it need not wait so long now */
            wheel_take(&m->wheels, index);
            wheel_put(&m->wheels, entry_wheel(e), index, d->time_ns + m->options.linger_ns);
        }
    } else if (d->protocol != IPPROTO_TCP) {
        bool same =
            d->has_ip_id && d->ip_id != 0 && d->ip_id == s->last_ip_id && d->bytes == s->last_bytes && !d->fragment;
        if (__builtin_expect(same, 0) && side_just_sent(e, s, d->time_ns))
            s->duplicates += s->duplicates < UINT8_MAX;
        s->last_bytes = d->bytes;
    }
    if (!(s->bits & SIDE_SEEN))
        describe_sender(m, index, d, from);
    if (d->payload > 0 && !(s->bits & SIDE_DIGEST_OVER))
        digest_payload(m, index, d, from);
    count_time(e, s, d->time_ns);
    uint16_t size = d->bytes < UINT16_MAX ? (uint16_t)d->bytes : UINT16_MAX;
    if (s->packets == 0 || size < s->size_min)
        s->size_min = size;
    if (size > s->size_max)
        s->size_max = size;
    e->head.flags |= ENTRY_NEWS;
    s->packets++;
    s->bytes += d->bytes;
    s->headers += d->bytes - d->payload;
    s->tcp_flags |= d->tcp_flags;
    s->last_ip_id = d->ip_id;
    if (__builtin_expect(s->bytes >= REPORT_BYTES, 0))
        e->head.flags |= ENTRY_REPORT;
}

/* The error is a flow of its own; the flow it is about learns of it. */
static void attach_error(struct meter *m, const struct decoded *d)
{
    struct lookup l;
    const struct quoted *q = &d->quoted;
    key_make(q->src, q->src_port, q->dst, q->dst_port, q->discriminator, q->protocol, q->kind, q->answers, &l.key);
    l.hash = table_hash(&m->table, &l.key);
    uint32_t index = table_find(&m->table, &l.key, l.hash);
    if (index == ENTRY_NONE)
        return;
    struct cold *cold = &m->colds[index];
    cold->icmp_errors++;
    cold->icmp_error_type_code = d->icmp_type_code;
    if (cold->icmp_errors == UINT16_MAX)
        m->entries[index].head.flags |= ENTRY_REPORT;
}

/* Looks at the entries of one slot whose time it is: ends, reports, or waits on. */
static void handle_slot(struct meter *m, enum wheel_number wheel, uint64_t tick)
{
    uint32_t last = wheel_last(&m->wheels, wheel, tick), index;
    if (last == ENTRY_NONE)
        return;
    do { /* what is put back goes behind `last` at most */
        index = wheel_first(&m->wheels, wheel, tick);
        fetch_followers(m, index);
        wheel_take(&m->wheels, index);
        if (end_if_silent(m, index, m->now))
            continue;
        report_if_due(m, index, m->now);
        wait_for_deadline(m, index);
    } while (index != last);
}

static void turn_wheels(struct meter *m)
{
    uint64_t target = wheel_tick_of(m->now), from = m->wheels.tick;
    if (target <= from)
        return;
    uint64_t slots = target - from < WHEEL_SLOTS ? target - from : WHEEL_SLOTS;
    m->wheels.tick = target;
    for (uint64_t tick = from; tick < from + slots; tick++) {
        for (unsigned wheel = 0; wheel < WHEEL_COUNT; wheel++)
            handle_slot(m, wheel, tick);
    }
}

/* Is the packet the first of a new flow with the ends of this one? If so, this one is ended. */
static bool is_over(struct meter *m, uint32_t index, const struct decoded *d, enum side_number from)
{
    struct entry *e = &m->entries[index];
    if (__builtin_expect(d->time_ns - e->head.last_time >= m->patience_min, 0) &&
        d->time_ns - e->head.last_time >= patience(m, e)) {
        wheel_take(&m->wheels, index);
        return end_if_silent(m, index, d->time_ns);
    }
    if (__builtin_expect(d->tcp_flags & TCP_SYN, 0) && tcp_starts_anew(e, d, from)) {
        report_if_due(m, index, d->time_ns);
        end_waiting(m, index, FLOW_END_DETECTED);
        return true;
    }
    return false;
}

/* Returns the flow it was counted in. */
static inline uint32_t add_one(struct meter *m, const struct decoded *d, const struct lookup *l)
{
    uint32_t index = l->likely;
    if (index == ENTRY_NONE || !key_equal(&m->entries[index].head.key, &l->key))
        index = table_find(&m->table, &l->key, l->hash);
    enum side_number from = SIDE_SRC;
    if (index != ENTRY_NONE) {
        struct entry *e = &m->entries[index];
        from = l->src_is_high != (bool)(e->head.flags & ENTRY_SRC_IS_HIGH);
        if (is_over(m, index, d, from))
            index = ENTRY_NONE;
        else if (__builtin_expect((e->head.flags & ENTRY_REPORT) != 0, 0) ||
                 (entry_has_news(e) && d->time_ns - e->head.first_time >= m->options.status_ns))
            report(m, index);
    }
    if (index == ENTRY_NONE) {
        index = start(m, d, l);
        from = l->src_is_high != (bool)(m->entries[index].head.flags & ENTRY_SRC_IS_HIGH);
    }
    count(m, index, d, from);
    if (__builtin_expect(d->quotes, 0))
        attach_error(m, d);
    return index;
}

/* `bits`: enum flow_fragments. */
static void add_one_fragment(struct meter *m, const struct decoded *d, unsigned bits)
{
    struct lookup l = {.likely = ENTRY_NONE};
    lookup_make(m, d, &l);
    m->colds[add_one(m, d, &l)].fragments |= (uint8_t)bits;
}

static void end_all(struct meter *m)
{
    for (unsigned wheel = 0; wheel < WHEEL_COUNT; wheel++) {
        uint32_t index;
        while ((index = wheel_oldest(&m->wheels, wheel)) != ENTRY_NONE) {
            fetch_followers(m, index);
            wheel_take(&m->wheels, index);
            if (end_if_silent(m, index, m->now))
                continue;
            report_if_due(m, index, m->now);
            end(m, index, m->entries[index].head.flags & ENTRY_CLOSED ? FLOW_END_DETECTED : FLOW_END_FORCED);
        }
    }
}

/* Fragments whose first one did not come by `now` are counted by their addresses. */
static void give_up_fragments(struct meter *m, int64_t now)
{
    struct decoded later;
    while (fragments_expire(m->fragments, now, &later))
        add_one_fragment(m, &later, FLOW_FRAGMENTS_SEEN | FLOW_FRAGMENTS_ORPHAN);
}

/* Packet time moved on, began, or was set back. */
static void keep_time(struct meter *m, int64_t time_ns)
{
    if (!m->wheels.started || time_ns < m->now - CLOCK_STEP_NS) {
        if (m->wheels.started) {
            m->counts.clock_steps++;
            give_up_fragments(m, INT64_MAX);
            end_all(m);
        }
        m->now = time_ns;
        wheels_restart(&m->wheels, time_ns);
    } else if (time_ns > m->now) {
        m->now = time_ns;
        turn_wheels(m);
        give_up_fragments(m, time_ns);
    }
}

static inline void notice_time(struct meter *m, int64_t time_ns)
{
    if (__builtin_expect(wheel_tick_of(time_ns) != m->wheels.tick || !m->wheels.started, 0))
        keep_time(m, time_ns);
}

/* Packets that are no fragments. Four passes, so that the cache misses of many look-ups overlap. */
static void add_whole(struct meter *m, const struct decoded *packets, size_t count)
{
    struct lookup lookups[LOOKUPS];
    for (size_t i = 0; i < count; i++) {
        lookup_make(m, &packets[i], &lookups[i]);
        __builtin_prefetch(table_bucket(&m->table, lookups[i].hash));
    }
    for (size_t i = 0; i < count; i++) {
        struct lookup *l = &lookups[i];
        l->likely = table_likely(table_bucket(&m->table, l->hash), table_tag(l->hash));
        if (l->likely != ENTRY_NONE)
            __builtin_prefetch(&m->entries[l->likely].head, 1);
    }
    for (size_t i = 0; i < count; i++) {
        const struct lookup *l = &lookups[i];
        if (l->likely != ENTRY_NONE) {
            const struct entry *e = &m->entries[l->likely];
            __builtin_prefetch(&e->side[l->src_is_high != (bool)(e->head.flags & ENTRY_SRC_IS_HIGH)], 1);
            if (packets[i].tcp_header) /* most write a letter of history */
                __builtin_prefetch(&m->colds[l->likely].history, 1);
        }
    }
    for (size_t i = 0; i < count; i++) {
        notice_time(m, packets[i].time_ns);
        add_one(m, &packets[i], &lookups[i]);
    }
}

static void add_fragment(struct meter *m, const struct decoded *fragment)
{
    struct decoded d = *fragment, later;
    notice_time(m, d.time_ns);
    if (d.fragment_offset != 0) {
        enum fragment_fate fate = fragments_resolve(m->fragments, &d);
        if (fate != FRAGMENT_WAITS)
            add_one_fragment(m, &d, FLOW_FRAGMENTS_SEEN | (fate == FRAGMENT_ORPHAN ? FLOW_FRAGMENTS_ORPHAN : 0));
        return;
    }
    add_one_fragment(m, &d, FLOW_FRAGMENTS_SEEN);
    fragments_learn(m->fragments, &d);
    while (fragments_release(m->fragments, &d, &later))
        add_one_fragment(m, &later, FLOW_FRAGMENTS_SEEN);
}

void meter_add(struct meter *meter, const struct decoded *packets, size_t count)
{
    for (size_t done = 0; done < count;) {
        size_t n = 0;
        while (n < LOOKUPS && done + n < count && !packets[done + n].fragment) {
            meter->counts.bytes += packets[done + n].bytes;
            n++;
        }
        if (n > 0) {
            add_whole(meter, packets + done, n);
        } else {
            meter->counts.bytes += packets[done].bytes;
            add_fragment(meter, &packets[done]);
            n = 1;
        }
        done += n;
    }
    meter->counts.packets += count;
}

void meter_advance(struct meter *meter, int64_t now)
{
    if (meter->wheels.started && now > meter->now) {
        meter->now = now;
        turn_wheels(meter);
        give_up_fragments(meter, now);
    }
}

void meter_flush(struct meter *meter)
{
    give_up_fragments(meter, INT64_MAX);
    end_all(meter);
}

void meter_counts_get(const struct meter *meter, struct meter_counts *ret_counts)
{
    *ret_counts = meter->counts;
    ret_counts->fragments_waiting = fragments_waiting(meter->fragments);
}
