/* SPDX-License-Identifier: Apache-2.0 */
/* Sums by key: rows in an array, found by the hash of what they are of. */
#include "aggregator/answer/tally.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "aggregator/answer/index.h"
#include "common/clock.h"

#define SENSORS_MAX 4096u

const char *const tally_words[TALLY_BY_COUNT] = {
#define X(name, word) #word,
    TALLY_KEYS(X)
#undef X
};

/* What a row is of; compared as bytes. */
struct of {
    int64_t time;
    uint64_t host_hi, host_lo, peer_hi, peer_lo;
    uint32_t sensor; /* in the tally's list */
    uint16_t dst_port;
    uint8_t protocol, none;
};
_Static_assert(sizeof(struct of) == 48, "no padding");

struct entry {
    struct of of;
    struct tally_sums sums; /* src is the host */
};

struct tally {
    enum tally_by by;
    struct budget *budget;
    struct index index;
    struct entry *entries; /* owned */
    uint32_t count, capacity;
    char (*sensors)[OBSERVER_NAME_MAX]; /* owned */
    uint32_t sensor_count;
};

enum { TALLY_TABLE(ANSWER_ENUM_MEMBER) };

const struct record_kind *tally_columns(bool timed)
{
    static struct field of_series[] = {
#define X(...) ANSWER_COLUMN(tally_row, 0, __VA_ARGS__)
        TALLY_TABLE(X)
#undef X
    };
    static struct field of_top[] = {
#define X(...) ANSWER_COLUMN(tally_row, 0, __VA_ARGS__)
        TALLY_TABLE(X)
#undef X
    };
    static struct answer_columns series = {.name = "series",
                                           .fields = of_series,
                                           .count = sizeof(of_series) / sizeof(*of_series),
                                           .row_size = sizeof(struct tally_row)};
    static struct answer_columns top = {.name = "top",
                                        .fields = of_top + COLUMN_sensor,
                                        .count = sizeof(of_top) / sizeof(*of_top) - COLUMN_sensor,
                                        .row_size = sizeof(struct tally_row)};
    return answer_columns_kind(timed ? &series : &top);
}

struct tally *tally_new(enum tally_by by, struct budget *budget)
{
    struct tally *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return NULL;
    t->by = by;
    t->budget = budget;
    t->index = (struct index){.budget = budget};
    return t;
}

void tally_free(struct tally **tally)
{
    struct tally *t = *tally;
    if (t == NULL)
        return;
    index_fini(&t->index);
    budget_give(t->budget, t->capacity * sizeof(*t->entries) + t->sensor_count * sizeof(*t->sensors));
    free(t->entries);
    free(t->sensors);
    free(t);
    *tally = NULL;
}

/* The place of a sensor's name; there are few, and neighbours are mostly of the same. */
static bool number_sensor(struct tally *t, const char *name, uint32_t *ret_number)
{
    for (uint32_t i = t->sensor_count; i-- > 0;) {
        if (strcmp(t->sensors[i], name) == 0) {
            *ret_number = i;
            return true;
        }
    }
    if (t->sensor_count == SENSORS_MAX || !budget_take(t->budget, sizeof(*t->sensors)))
        return false;
    char(*grown)[OBSERVER_NAME_MAX] = realloc(t->sensors, (t->sensor_count + 1u) * sizeof(*grown));
    if (grown == NULL) {
        budget_give(t->budget, sizeof(*t->sensors));
        return false;
    }
    t->sensors = grown;
    snprintf(grown[t->sensor_count], OBSERVER_NAME_MAX, "%s", name);
    *ret_number = t->sensor_count++;
    return true;
}

static bool grow(struct tally *t)
{
    if (t->count < t->capacity)
        return true;
    uint32_t capacity = t->capacity == 0 ? 64 : t->capacity * 2;
    size_t more = (capacity - t->capacity) * sizeof(*t->entries);
    if (!budget_take(t->budget, more))
        return false;
    struct entry *grown = realloc(t->entries, capacity * sizeof(*grown));
    if (grown == NULL) {
        budget_give(t->budget, more);
        return false;
    }
    t->entries = grown;
    t->capacity = capacity;
    return true;
}

static enum result add(struct tally *t, const struct of *of, const struct tally_sums *sums, struct error *err)
{
    XXH128_hash_t hash = XXH3_128bits(of, sizeof(*of));
    const struct index_key key = {hash.low64, hash.high64};
    uint32_t at;
    if (!index_get(&t->index, key, &at)) {
        if (!grow(t) || index_put(&t->index, key, t->count) != RESULT_OK)
            return budget_exceeded(err);
        at = t->count++;
        t->entries[at] = (struct entry){.of = *of};
    }
    struct tally_sums *to = &t->entries[at].sums;
    to->flows += sums->flows;
    to->src_packets += sums->src_packets;
    to->dst_packets += sums->dst_packets;
    to->src_bytes += sums->src_bytes;
    to->dst_bytes += sums->dst_bytes;
    return RESULT_OK;
}

static struct tally_sums turned(const struct tally_sums *s)
{
    return (struct tally_sums){s->flows, s->dst_packets, s->src_packets, s->dst_bytes, s->src_bytes};
}

static enum result add_key(struct tally *t, const struct tally_key *key, uint32_t sensor, const struct tally_sums *sums,
                           struct error *err)
{
    struct of of = {.time = key->time, .sensor = sensor};
    const struct tally_sums back = turned(sums);
    switch (t->by) {
    case TALLY_SERVICE:
        of.dst_port = protocol_has_ports(key->protocol) ? key->dst_port : 0;
        __attribute__((fallthrough));
    case TALLY_PROTOCOL:
        of.protocol = key->protocol;
        break;
    case TALLY_PAIR:
        of.peer_hi = key->dst.hi;
        of.peer_lo = key->dst.lo;
        __attribute__((fallthrough));
    case TALLY_SRC:
    case TALLY_HOST:
        of.host_hi = key->src.hi;
        of.host_lo = key->src.lo;
        break;
    case TALLY_DST:
        of.host_hi = key->dst.hi;
        of.host_lo = key->dst.lo;
        return add(t, &of, &back, err);
    default:
        break;
    }
    enum result r = add(t, &of, sums, err);
    if (r != RESULT_OK || t->by != TALLY_HOST || address_equal(key->src, key->dst))
        return r;
    of.host_hi = key->dst.hi;
    of.host_lo = key->dst.lo;
    return add(t, &of, &back, err);
}

enum result tally_add(struct tally *t, const struct tally_key *key, const struct tally_sums *sums, struct error *err)
{
    uint32_t sensor;
    return number_sensor(t, key->sensor, &sensor) ? add_key(t, key, sensor, sums, err) : budget_exceeded(err);
}

const bool tally_flow_fields[FLOW_FIELD_COUNT] = {
    [FLOW_FIELD_observer] = true,    [FLOW_FIELD_first_time] = true,  [FLOW_FIELD_report] = true,
    [FLOW_FIELD_src_hi] = true,      [FLOW_FIELD_src_lo] = true,      [FLOW_FIELD_dst_hi] = true,
    [FLOW_FIELD_dst_lo] = true,      [FLOW_FIELD_protocol] = true,    [FLOW_FIELD_dst_port] = true,
    [FLOW_FIELD_src_packets] = true, [FLOW_FIELD_dst_packets] = true, [FLOW_FIELD_src_bytes] = true,
    [FLOW_FIELD_dst_bytes] = true};

enum result tally_add_flows(struct tally *t, const struct records *flows, int64_t from_ns, int64_t to_ns,
                            int64_t step_ns, struct error *err)
{
    const struct flow_batch *f = flow_batch_of(flows);
    uint32_t *sensors = malloc((flows->observer_count + 1u) * sizeof(*sensors));
    bool numbered = sensors != NULL;
    for (uint32_t o = 0; numbered && o < flows->observer_count; o++)
        numbered = number_sensor(t, flows->observers[o].sensor, &sensors[o]);
    enum result r = numbered ? RESULT_OK : budget_exceeded(err);
    for (uint32_t i = 0; i < f->rows && r == RESULT_OK; i++) {
        if ((from_ns != 0 && f->first_time[i] < from_ns) || (to_ns != 0 && f->first_time[i] >= to_ns))
            continue;
        const struct tally_key key = {.time = step_ns == 0 ? 0 : floor_ns(f->first_time[i], step_ns),
                                      .src = {f->src_hi[i], f->src_lo[i]},
                                      .dst = {f->dst_hi[i], f->dst_lo[i]},
                                      .protocol = (uint8_t)f->protocol[i],
                                      .dst_port = (uint16_t)f->dst_port[i]};
        const struct tally_sums sums = {f->report[i] == 0, f->src_packets[i], f->dst_packets[i], f->src_bytes[i],
                                        f->dst_bytes[i]};
        r = add_key(t, &key, sensors[f->observer[i]], &sums, err);
    }
    free(sensors);
    return r;
}

/* ---- the rows */

static uint64_t measure(const struct entry *e, enum tally_order order)
{
    return order == TALLY_BY_BYTES     ? e->sums.src_bytes + e->sums.dst_bytes
           : order == TALLY_BY_PACKETS ? e->sums.src_packets + e->sums.dst_packets
           : order == TALLY_BY_FLOWS   ? e->sums.flows
                                       : 0;
}

static int compare(const void *a, const void *b, void *context)
{
    const struct entry *x = a, *y = b;
    const enum tally_order order = *(const enum tally_order *)context;
    uint64_t left = measure(x, order), right = measure(y, order);
    if (left != right)
        return left > right ? -1 : 1;
    if (x->of.time != y->of.time)
        return x->of.time < y->of.time ? -1 : 1;
    return memcmp(&x->of, &y->of, sizeof(x->of));
}

/* Columns that the key does not have say nothing. */
static enum result leave_out(struct work *work, const struct tally *t, const struct entry *e, bool timed,
                             struct error *err)
{
    unsigned before = timed ? 0 : COLUMN_sensor; /* columns that `top` has not */
    bool protocol = t->by == TALLY_PROTOCOL || t->by == TALLY_SERVICE, host = t->by >= TALLY_HOST;
    enum result r = protocol ? RESULT_OK : work_unknown(work, COLUMN_protocol - before, err);
    if (r == RESULT_OK && (t->by != TALLY_SERVICE || !protocol_has_ports(e->of.protocol)))
        r = work_unknown(work, COLUMN_dst_port - before, err);
    if (r == RESULT_OK && !host)
        r = work_unknown(work, COLUMN_host_hi - before, err);
    if (r == RESULT_OK && t->by != TALLY_PAIR)
        r = work_unknown(work, COLUMN_peer_hi - before, err);
    return r;
}

enum result tally_send(struct tally *t, struct work *work, enum tally_order order, uint64_t limit, struct error *err)
{
    enum result r = RESULT_OK;
    if (t->count > 0)
        qsort_r(t->entries, t->count, sizeof(*t->entries), compare, &order);
    if (t->count > limit && limit == ANSWER_ROWS_MAX) /* less is what was asked for */
        coverage_cut(&work->coverage, limit);
    for (uint32_t i = 0; i < t->count && i < limit && r == RESULT_OK; i++) {
        const struct entry *e = &t->entries[i];
        const struct tally_row row = {.time = e->of.time,
                                      .sensor = t->sensors[e->of.sensor],
                                      .protocol = e->of.protocol,
                                      .dst_port = e->of.dst_port,
                                      .host_hi = e->of.host_hi,
                                      .host_lo = e->of.host_lo,
                                      .peer_hi = e->of.peer_hi,
                                      .peer_lo = e->of.peer_lo,
                                      .flows = e->sums.flows,
                                      .packets = e->sums.src_packets + e->sums.dst_packets,
                                      .bytes = e->sums.src_bytes + e->sums.dst_bytes,
                                      .packets_sent = e->sums.src_packets,
                                      .bytes_sent = e->sums.src_bytes,
                                      .bytes_received = e->sums.dst_bytes};
        r = work_add(work, &row, err);
        if (r == RESULT_OK)
            r = leave_out(work, t, e, order == TALLY_BY_TIME, err);
    }
    return r;
}
