/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting views, chained by what may identify them. */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "aggregator/correlate/internal.h"

#define PASSED_MAX     2048u /* views of a chain that do not fit, before it counts as crowded */
#define HEADS_FIRST    4096u
#define VIEWS_FIRST    1024u
#define PROTOCOL_ICMP  1
#define PROTOCOL_ICMP6 58

void views_init(struct views *views, int64_t slot_ns)
{
    *views = (struct views){.free = VIEW_NONE, .oldest = VIEW_NONE, .newest = VIEW_NONE, .slot_ns = slot_ns};
}

void views_fini(struct views *views)
{
    free(views->views);
    for (int k = 0; k < KEY_COUNT; k++)
        free(views->heads[k]);
    *views = (struct views){0};
}

/* ---- keys */

struct key_text { /* no padding: hashed as bytes */
    uint64_t a, b, c, d;
    uint64_t kind;
};

static uint64_t hash(enum key_kind kind, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    /* Both sequence numbers share a kind, as do both peers: a view may be the other way round. */
    static const uint8_t kinds[KEY_COUNT] = {KEY_NAME,     KEY_ISN_SRC, KEY_ISN_SRC, KEY_PEER_SRC,
                                             KEY_PEER_SRC, KEY_TUPLE,   KEY_DIGESTS};
    const struct key_text text = {a, b, c, d, kinds[kind]};
    return XXH3_64bits(&text, sizeof(text));
}

static bool is_icmp(const struct view *v)
{
    return v->protocol == PROTOCOL_ICMP || v->protocol == PROTOCOL_ICMP6;
}

/* An ICMP identifier is not part of the end that stays as it is: a NAT rewrites it in requests and in replies. */
static uint64_t end_port(const struct view *v, enum half half)
{
    return is_icmp(v) ? 0 : v->ends[half].port;
}

static bool has(const struct view *v, uint32_t src_bit, enum half half)
{
    return (v->evidence & src_bit << half) != 0;
}

static bool peer_base(const struct view *v, enum half half, uint64_t *ret_base)
{
    enum half other = half == HALF_SRC ? HALF_DST : HALF_SRC;
    uint64_t content;
    if (has(v, FLOW_HAS_SRC_DIGEST, other))
        content = v->digest[other]; /* sent to this end */
    else if (has(v, FLOW_HAS_SRC_DIGEST, half))
        content = v->digest[half];
    else
        return false;
    const struct endpoint *end = &v->ends[half];
    uint64_t more =
        end_port(v, half) | (uint64_t)v->protocol << 16 | (uint64_t)(is_icmp(v) ? v->icmp_sequence : 0) << 24;
    *ret_base = hash(KEY_PEER_SRC, end->address.hi, end->address.lo, content, more);
    return true;
}

static uint64_t tuple_base(const struct view *v)
{
    uint64_t ends[HALF_COUNT];
    for (int h = 0; h < HALF_COUNT; h++)
        ends[h] = hash(KEY_TUPLE, v->ends[h].address.hi, v->ends[h].address.lo, end_port(v, h), v->protocol);
    uint64_t low = ends[0] < ends[1] ? ends[0] : ends[1], high = ends[0] < ends[1] ? ends[1] : ends[0];
    return hash(KEY_TUPLE, low, high, is_icmp(v) ? v->icmp_sequence : 0, 0);
}

static void set_bases(struct view *v)
{
    v->key_set = 1u << KEY_NAME | 1u << KEY_TUPLE;
    v->bases[KEY_NAME] = hash(KEY_NAME, v->observer, v->flow, 0, 0);
    v->bases[KEY_TUPLE] = tuple_base(v);
    for (int h = 0; h < HALF_COUNT; h++) {
        if (has(v, FLOW_HAS_SRC_ISN, h)) {
            v->bases[KEY_ISN_SRC + h] = hash(KEY_ISN_SRC, v->isn[h], 0, 0, 0);
            v->key_set |= 1u << (KEY_ISN_SRC + h);
        }
        if (peer_base(v, h, &v->bases[KEY_PEER_SRC + h]))
            v->key_set |= 1u << (KEY_PEER_SRC + h);
    }
    if (has(v, FLOW_HAS_SRC_DIGEST, HALF_SRC) && has(v, FLOW_HAS_SRC_DIGEST, HALF_DST)) {
        uint64_t s = v->digest[HALF_SRC], d = v->digest[HALF_DST];
        v->bases[KEY_DIGESTS] = hash(KEY_DIGESTS, s < d ? s : d, s < d ? d : s, v->protocol, 0);
        v->key_set |= 1u << KEY_DIGESTS;
    }
}

static bool is_timed(enum key_kind kind)
{
    return kind != KEY_NAME && kind != KEY_ISN_SRC && kind != KEY_ISN_DST;
}

static uint64_t slotted(uint64_t base, enum side side, int64_t slot)
{
    uint64_t mixed = (base ^ (uint64_t)slot * 0x9e3779b97f4a7c15u) + side;
    mixed ^= mixed >> 32;
    return mixed * 0xd6e8feb86659fd93u;
}

static int64_t slot_of(const struct views *views, int64_t ns)
{
    return ns / views->slot_ns - (ns % views->slot_ns < 0); /* floor */
}

/* Kinds that are looked up across each other share a table. */
static unsigned table_of(unsigned kind)
{
    return kind == KEY_ISN_DST ? KEY_ISN_SRC : kind == KEY_PEER_DST ? KEY_PEER_SRC : kind;
}

/* ---- chains. A node is a view's number and the kind: (number * KEY_COUNT + kind). */

static uint32_t node_of(uint32_t number, unsigned kind)
{
    return number * KEY_COUNT + kind;
}

static uint32_t *head_of(const struct views *views, unsigned kind, uint64_t key)
{
    return &views->heads[table_of(kind)][key & (views->head_count - 1)];
}

static void chain(struct views *views, uint32_t number)
{
    struct view *v = &views->views[number];
    for (unsigned k = 0; k < KEY_COUNT; k++) {
        if ((v->key_set & 1u << k) == 0)
            continue;
        v->keys[k] = slotted(v->bases[k], v->side, is_timed(k) ? slot_of(views, v->first_ns) : 0);
        uint32_t *head = head_of(views, k, v->keys[k]);
        v->previous[k] = VIEW_NONE;
        v->next[k] = *head;
        if (*head != VIEW_NONE)
            views->views[*head / KEY_COUNT].previous[*head % KEY_COUNT] = node_of(number, k);
        *head = node_of(number, k);
    }
}

static void unchain(struct views *views, uint32_t number)
{
    struct view *v = &views->views[number];
    for (unsigned k = 0; k < KEY_COUNT; k++) {
        if ((v->key_set & 1u << k) == 0)
            continue;
        uint32_t next = v->next[k], previous = v->previous[k];
        if (previous == VIEW_NONE)
            *head_of(views, k, v->keys[k]) = next;
        else
            views->views[previous / KEY_COUNT].next[previous % KEY_COUNT] = next;
        if (next != VIEW_NONE)
            views->views[next / KEY_COUNT].previous[next % KEY_COUNT] = previous;
    }
}

/* Twice the heads (or the first), everything chained anew. */
static bool grow_heads(struct views *views)
{
    uint32_t head_count = views->head_count == 0 ? HEADS_FIRST : views->head_count * 2;
    uint32_t *grown[KEY_COUNT] = {NULL};
    bool failed = false;
    for (unsigned k = 0; k < KEY_COUNT && !failed; k++) {
        grown[k] = table_of(k) == k ? malloc(head_count * sizeof(uint32_t)) : NULL;
        failed = table_of(k) == k && grown[k] == NULL;
        if (grown[k] != NULL)
            memset(grown[k], 0xff, head_count * sizeof(uint32_t));
    }
    for (unsigned k = 0; k < KEY_COUNT; k++) {
        free(failed ? grown[k] : views->heads[k]);
        if (!failed)
            views->heads[k] = grown[k];
    }
    if (failed)
        return false;
    views->head_count = head_count;
    for (uint32_t number = views->oldest; number != VIEW_NONE; number = views->views[number].newer)
        chain(views, number);
    return true;
}

static bool grow_places(struct views *views)
{
    uint32_t capacity = views->capacity == 0 ? VIEWS_FIRST : views->capacity * 2;
    struct view *grown = realloc(views->views, capacity * sizeof(*grown));
    if (grown == NULL)
        return false;
    views->views = grown;
    for (uint32_t i = capacity; i-- > views->capacity;) {
        grown[i].used = false;
        grown[i].newer = views->free;
        views->free = i;
    }
    views->capacity = capacity;
    return true;
}

static uint32_t *crowd_of(struct views *views, enum side side, int64_t slot)
{
    return &views->crowd[side][(uint64_t)slot % CROWD_SLOTS];
}

uint32_t views_add(struct views *views, const struct view *view)
{
    if (views->free == VIEW_NONE && !grow_places(views))
        return VIEW_NONE;
    if (views->count >= views->head_count && !grow_heads(views) && views->head_count == 0)
        return VIEW_NONE;
    uint32_t number = views->free;
    struct view *v = &views->views[number];
    views->free = v->newer;
    *v = *view;
    v->used = true;
    v->older = views->newest;
    v->newer = VIEW_NONE;
    if (views->newest != VIEW_NONE)
        views->views[views->newest].newer = number;
    else
        views->oldest = number;
    views->newest = number;
    views->count++;
    set_bases(v);
    chain(views, number);
    ++*crowd_of(views, v->side, slot_of(views, v->first_ns));
    return number;
}

void views_remove(struct views *views, uint32_t number)
{
    struct view *v = &views->views[number];
    unchain(views, number);
    --*crowd_of(views, v->side, slot_of(views, v->first_ns));
    if (v->older != VIEW_NONE)
        views->views[v->older].newer = v->newer;
    else
        views->oldest = v->newer;
    if (v->newer != VIEW_NONE)
        views->views[v->newer].older = v->older;
    else
        views->newest = v->older;
    v->used = false;
    v->newer = views->free;
    views->free = number;
    views->count--;
}

void views_rechain(struct views *views, uint32_t number)
{
    unchain(views, number);
    set_bases(&views->views[number]);
    chain(views, number);
}

uint32_t views_find(const struct views *views, enum side side, uint32_t observer, uint64_t flow)
{
    if (views->head_count == 0)
        return VIEW_NONE;
    uint64_t key = slotted(hash(KEY_NAME, observer, flow, 0, 0), side, 0);
    for (uint32_t node = *head_of(views, KEY_NAME, key); node != VIEW_NONE;) {
        const struct view *v = &views->views[node / KEY_COUNT];
        if (v->keys[KEY_NAME] == key && v->flow == flow && v->observer == observer && v->side == side)
            return node / KEY_COUNT;
        node = v->next[KEY_NAME];
    }
    return VIEW_NONE;
}

uint32_t views_candidates(const struct views *views, uint32_t number, unsigned kinds, int64_t tolerance_ns,
                          uint32_t most, uint32_t ret_numbers[static CORRELATE_CANDIDATES_MAX], bool *ret_crowded)
{
    const struct view *v = &views->views[number];
    enum side other = v->side == SIDE_INSIDE ? SIDE_OUTSIDE : SIDE_INSIDE;
    uint32_t count = 0, passed = 0;
    *ret_crowded = false;
    for (unsigned k = KEY_NAME + 1; k < KEY_COUNT; k++) {
        /* Where both ends are translated nothing but the payloads is left; elsewhere they would only bring strangers.
         */
        if ((v->key_set & kinds & 1u << k) == 0 || (k == KEY_DIGESTS && count > 0))
            continue;
        int64_t from = is_timed(k) ? slot_of(views, v->first_ns - tolerance_ns) : 0;
        int64_t to = is_timed(k) ? slot_of(views, v->first_ns + tolerance_ns) : 0;
        for (int64_t slot = from; slot <= to; slot++) {
            uint64_t key = slotted(v->bases[k], other, slot);
            for (uint32_t node = *head_of(views, k, key); node != VIEW_NONE;) {
                uint32_t found = node / KEY_COUNT;
                const struct view *u = &views->views[found];
                bool fits = u->keys[node % KEY_COUNT] == key && u->side == other &&
                            (!is_timed(k) || llabs(u->first_ns - v->first_ns) <= tolerance_ns);
                node = u->next[node % KEY_COUNT];
                for (uint32_t i = 0; i < count && fits; i++)
                    fits = ret_numbers[i] != found;
                if (!fits && ++passed < PASSED_MAX)
                    continue;
                if (!fits || count == most) {
                    *ret_crowded = true;
                    return count;
                }
                ret_numbers[count++] = found;
            }
        }
    }
    return count;
}

uint32_t views_in_time(const struct views *views, uint32_t number, int64_t tolerance_ns)
{
    const struct view *v = &views->views[number];
    enum side other = v->side == SIDE_INSIDE ? SIDE_OUTSIDE : SIDE_INSIDE;
    int64_t to = slot_of(views, v->first_ns + tolerance_ns);
    uint32_t count = 0;
    for (int64_t slot = slot_of(views, v->first_ns - tolerance_ns); slot <= to; slot++)
        count += views->crowd[other][(uint64_t)slot % CROWD_SLOTS];
    return count;
}

/* ---- views from records */

static void take_evidence(struct view *v, const struct flow *f, uint32_t fresh)
{
    if (fresh & FLOW_HAS_SRC_ISN)
        v->isn[HALF_SRC] = f->src_isn;
    if (fresh & FLOW_HAS_DST_ISN)
        v->isn[HALF_DST] = f->dst_isn;
    if (fresh & FLOW_HAS_SRC_TIMESTAMP)
        v->timestamp[HALF_SRC] = f->src_timestamp_origin;
    if (fresh & FLOW_HAS_DST_TIMESTAMP)
        v->timestamp[HALF_DST] = f->dst_timestamp_origin;
    if (fresh & FLOW_HAS_SRC_DIGEST)
        v->digest[HALF_SRC] = f->src_digest;
    if (fresh & FLOW_HAS_DST_DIGEST)
        v->digest[HALF_DST] = f->dst_digest;
    if (fresh & FLOW_HAS_SRC_IP_ID)
        v->ip_id[HALF_SRC] = f->src_ip_id;
    if (fresh & FLOW_HAS_DST_IP_ID)
        v->ip_id[HALF_DST] = f->dst_ip_id;
    if (fresh & FLOW_HAS_ICMP_SEQUENCE)
        v->icmp_sequence = f->icmp_sequence;
    v->evidence |= fresh;
}

void view_from_flow(struct view *v, const struct flow *f)
{
    *v = (struct view){.ends = {{flow_src(f), f->src_port}, {flow_dst(f), f->dst_port}},
                       .payload = {f->src_payload, f->dst_payload},
                       .packets = {f->src_packets, f->dst_packets},
                       .flow = f->flow,
                       .first_ns = f->first_time,
                       .last_ns = f->last_time,
                       .protocol = f->protocol,
                       .direction = f->direction};
    take_evidence(v, f, f->evidence);
}

#define SWAP(type, pair)                                                                                               \
    do {                                                                                                               \
        type kept = (pair)[HALF_SRC];                                                                                  \
        (pair)[HALF_SRC] = (pair)[HALF_DST];                                                                           \
        (pair)[HALF_DST] = kept;                                                                                       \
    } while (0)

/* The sensor has learnt which end began. */
static void turn(struct view *v)
{
    SWAP(struct endpoint, v->ends);
    SWAP(uint64_t, v->digest);
    SWAP(uint64_t, v->payload);
    SWAP(uint64_t, v->packets);
    SWAP(uint32_t, v->isn);
    SWAP(uint32_t, v->timestamp);
    SWAP(uint16_t, v->ip_id);
    const uint32_t src_bits = FLOW_HAS_SRC_ISN | FLOW_HAS_SRC_TIMESTAMP | FLOW_HAS_SRC_DIGEST | FLOW_HAS_SRC_IP_ID;
    const uint32_t dst_bits = src_bits << 1;
    uint32_t rest = v->evidence & ~(src_bits | dst_bits);
    v->evidence = rest | (v->evidence & src_bits) << 1 | (v->evidence & dst_bits) >> 1;
}

static bool same_end(const struct endpoint *end, struct address address, uint16_t port)
{
    return end->port == port && address_equal(end->address, address);
}

bool view_merge(struct view *v, const struct flow *f)
{
    bool turned = same_end(&v->ends[HALF_SRC], flow_dst(f), f->dst_port) &&
                  same_end(&v->ends[HALF_DST], flow_src(f), f->src_port) &&
                  !same_end(&v->ends[HALF_SRC], flow_src(f), f->src_port);
    if (turned)
        turn(v);
    v->direction = f->direction;
    uint32_t fresh = f->evidence & ~v->evidence;
    take_evidence(v, f, fresh);
    v->payload[HALF_SRC] += f->src_payload;
    v->payload[HALF_DST] += f->dst_payload;
    v->packets[HALF_SRC] += f->src_packets;
    v->packets[HALF_DST] += f->dst_packets;
    v->last_ns = f->last_time > v->last_ns ? f->last_time : v->last_ns;
    return turned || fresh != 0;
}
