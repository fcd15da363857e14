/* SPDX-License-Identifier: Apache-2.0 */
/* Fragments find their flow. */
#include "sensor/meter/fragments.h"

#include <stdlib.h>

#include "sensor/meter/table.h"

enum { WAYS = 4, SETS = FRAGMENTS_KNOWN_MAX / WAYS, CHAINS = 256, NO_SLOT = UINT16_MAX };

/* These name a packet: RFC 791; of IPv6 the protocol is none of them (RFC 8200 section 4.5), and 0 here. */
struct packet_name {
    struct address src, dst;
    uint32_t id;
    uint8_t protocol;
};

/* What a first fragment tells of the later ones: all that the meter finds, or makes, a flow by. */
struct known {
    struct packet_name name;
    uint16_t src_port, dst_port;
    uint32_t discriminator;
    uint16_t icmp_type_code, icmp_sequence;
    uint8_t kind, protocol;
    bool answers;
    bool used;
    int64_t time_ns;
};

struct waiting {
    struct decoded packet;
    uint16_t next;         /* in its chain, or among the free ones */
    uint16_t older, newer; /* in the order of coming */
};

struct fragments {
    uint64_t seed;
    struct known known[SETS][WAYS];
    struct waiting waiting[FRAGMENTS_WAITING_MAX];
    uint32_t count;
    uint16_t touched; /* slots ever taken: those behind have not been written to */
    uint16_t free, oldest, newest;
    uint16_t chains[CHAINS];
};

enum result fragments_new(uint64_t seed, struct fragments **ret_fragments)
{
    struct fragments *f = calloc(1, sizeof(*f));
    if (f == NULL)
        return RESULT_FATAL;
    f->seed = seed;
    f->free = f->oldest = f->newest = NO_SLOT;
    for (unsigned i = 0; i < CHAINS; i++)
        f->chains[i] = NO_SLOT;
    *ret_fragments = f;
    return RESULT_OK;
}

void fragments_destroy(struct fragments **fragments)
{
    free(*fragments);
    *fragments = NULL;
}

static struct packet_name name_of(const struct decoded *d)
{
    return (struct packet_name){
        .src = d->src, .dst = d->dst, .id = d->fragment_id, .protocol = d->has_ip_id ? d->protocol : 0};
}

static bool name_equal(const struct packet_name *a, const struct packet_name *b)
{
    return a->id == b->id && a->protocol == b->protocol && address_equal(a->src, b->src) &&
           address_equal(a->dst, b->dst);
}

static uint64_t name_hash(const struct fragments *f, const struct packet_name *n)
{
    uint64_t src = table_fold(n->src.hi ^ f->seed, n->src.lo ^ 0x9e3779b97f4a7c15u);
    uint64_t dst = table_fold(n->dst.hi ^ f->seed, n->dst.lo ^ 0xbf58476d1ce4e5b9u);
    return table_fold(src ^ n->id, dst ^ f->seed ^ (uint64_t)n->protocol << 40);
}

static struct known *find_known(struct fragments *f, const struct packet_name *name, int64_t time_ns)
{
    struct known *set = f->known[name_hash(f, name) % SETS];
    for (unsigned way = 0; way < WAYS; way++) {
        struct known *k = &set[way];
        if (k->used && name_equal(&k->name, name) && time_ns - k->time_ns <= FRAGMENTS_KNOWN_NS)
            return k;
    }
    return NULL;
}

static void tell(const struct known *k, struct decoded *later)
{
    later->src_port = k->src_port;
    later->dst_port = k->dst_port;
    later->discriminator = k->discriminator;
    later->icmp_type_code = k->icmp_type_code;
    later->icmp_sequence = k->icmp_sequence;
    later->kind = k->kind;
    later->protocol = k->protocol;
    later->answers = k->answers;
}

void fragments_learn(struct fragments *f, const struct decoded *first)
{
    struct packet_name name = name_of(first);
    struct known *set = f->known[name_hash(f, &name) % SETS], *oldest = set;
    for (unsigned way = 0; way < WAYS; way++) {
        struct known *k = &set[way];
        if (!k->used || name_equal(&k->name, &name)) {
            oldest = k;
            break;
        }
        if (k->time_ns < oldest->time_ns)
            oldest = k;
    }
    *oldest = (struct known){
        .name = name,
        .src_port = first->src_port,
        .dst_port = first->dst_port,
        .discriminator = first->discriminator,
        .icmp_type_code = first->icmp_type_code,
        .icmp_sequence = first->icmp_sequence,
        .kind = first->kind,
        .protocol = first->protocol,
        .answers = first->answers,
        .used = true,
        .time_ns = first->time_ns,
    };
}

/* There is one: the caller has looked at the count. */
static uint16_t slot_take(struct fragments *f)
{
    if (f->free == NO_SLOT)
        return f->touched++;
    uint16_t slot = f->free;
    f->free = f->waiting[slot].next;
    return slot;
}

static void wait_here(struct fragments *f, uint16_t slot, const struct decoded *later, uint16_t *chain)
{
    struct waiting *w = &f->waiting[slot];
    *w = (struct waiting){.packet = *later, .next = *chain, .older = f->newest, .newer = NO_SLOT};
    /* What it pointed to is gone when it is looked at again. */
    w->packet.content = w->packet.src_mac = w->packet.tcp_options = NULL;
    w->packet.content_captured = w->packet.content_length = w->packet.tcp_options_length = 0;
    *(f->newest != NO_SLOT ? &f->waiting[f->newest].newer : &f->oldest) = slot;
    f->newest = *chain = slot;
    f->count++;
}

enum fragment_fate fragments_resolve(struct fragments *f, struct decoded *later)
{
    struct packet_name name = name_of(later);
    const struct known *k = find_known(f, &name, later->time_ns);
    if (k != NULL) {
        tell(k, later);
        return FRAGMENT_KNOWN;
    }
    if (f->count == FRAGMENTS_WAITING_MAX)
        return FRAGMENT_ORPHAN;
    wait_here(f, slot_take(f), later, &f->chains[name_hash(f, &name) % CHAINS]);
    return FRAGMENT_WAITS;
}

static void unlink_slot(struct fragments *f, uint16_t slot)
{
    struct waiting *w = &f->waiting[slot];
    struct packet_name name = name_of(&w->packet);
    uint16_t *link = &f->chains[name_hash(f, &name) % CHAINS];
    while (*link != slot)
        link = &f->waiting[*link].next;
    *link = w->next;
    *(w->older != NO_SLOT ? &f->waiting[w->older].newer : &f->oldest) = w->newer;
    *(w->newer != NO_SLOT ? &f->waiting[w->newer].older : &f->newest) = w->older;
    w->next = f->free;
    f->free = slot;
    f->count--;
}

bool fragments_release(struct fragments *f, const struct decoded *first, struct decoded *ret_later)
{
    if (f->count == 0)
        return false;
    struct packet_name name = name_of(first);
    for (uint16_t slot = f->chains[name_hash(f, &name) % CHAINS]; slot != NO_SLOT; slot = f->waiting[slot].next) {
        struct packet_name waiting = name_of(&f->waiting[slot].packet);
        if (!name_equal(&waiting, &name))
            continue;
        *ret_later = f->waiting[slot].packet;
        unlink_slot(f, slot);
        const struct known *k = find_known(f, &name, first->time_ns);
        if (k != NULL)
            tell(k, ret_later);
        return true;
    }
    return false;
}

bool fragments_expire(struct fragments *f, int64_t now, struct decoded *ret_later)
{
    if (f->count == 0)
        return false;
    const struct decoded *oldest = &f->waiting[f->oldest].packet;
    if (now != INT64_MAX && now - oldest->time_ns < FRAGMENTS_WAIT_NS)
        return false;
    *ret_later = *oldest;
    unlink_slot(f, f->oldest);
    return true;
}

uint32_t fragments_waiting(const struct fragments *f)
{
    return f->count;
}
