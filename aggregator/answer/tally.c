/* SPDX-License-Identifier: Apache-2.0 */
/* Sums by key: rows of words in an array, found by the hash of what they are of. */
#include "aggregator/answer/tally.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "aggregator/answer/index.h"
#include "common/clock.h"

#define SENSORS_MAX 4096u

/* A row is words: of which sensor and what of the key is not known; the key; which measures say something, and whether
 * it is struck out; the measures. */
enum { WORD_SENSOR, WORD_KEY };
#define STRUCK (1ull << 63)

struct tally {
    const struct tally_plan *plan;
    struct budget *budget;
    struct index index;   /* of keys */
    struct index counted; /* what of a row was counted as different */
    uint64_t *words;      /* owned: rows */
    unsigned key_words, row_words;
    uint32_t count, capacity, struck_count;
    bool strikes;
    uint64_t fallen, fallen_most;       /* rows that fell out; what of the sorted measure a row may lack for that */
    char (*sensors)[OBSERVER_NAME_MAX]; /* owned */
    uint32_t sensor_count;
};

/* Words that a part takes of a key. */
static unsigned part_words(const struct tally_part *part)
{
    return part->is_address ? 2 : 1;
}

struct tally *tally_new(const struct tally_plan *plan, struct budget *budget)
{
    struct tally *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return NULL;
    t->plan = plan;
    t->budget = budget;
    t->index = t->counted = (struct index){.budget = budget};
    t->key_words = WORD_KEY;
    for (unsigned i = 0; i < plan->key_count; i++)
        t->key_words += part_words(&plan->parts[i]);
    t->row_words = t->key_words + 1 + plan->measure_count;
    return t;
}

void tally_free(struct tally **tally)
{
    struct tally *t = *tally;
    if (t == NULL)
        return;
    index_fini(&t->index);
    index_fini(&t->counted);
    budget_give(t->budget,
                (size_t)t->capacity * t->row_words * sizeof(*t->words) + t->sensor_count * sizeof(*t->sensors));
    free(t->words);
    free(t->sensors);
    free(t);
    *tally = NULL;
}

void tally_strike(struct tally *t)
{
    t->strikes = true;
}

uint32_t tally_count(const struct tally *t)
{
    return t->count - t->struck_count;
}

uint64_t tally_lack(const struct tally *t)
{
    return t->fallen_most;
}

uint32_t tally_addresses(const struct tally *t, struct address *ret_addresses, uint32_t most)
{
    unsigned at = WORD_KEY, p = 0;
    uint32_t count = 0;
    for (; p < t->plan->key_count && !t->plan->parts[p].is_address; p++)
        at++;
    if (p == t->plan->key_count || t->plan->parts[p].is_net || tally_count(t) > most)
        return 0;
    for (uint32_t i = 0; i < t->count; i++) {
        const uint64_t *row = &t->words[(size_t)i * t->row_words];
        if ((row[t->key_words] & STRUCK) == 0)
            ret_addresses[count++] = (struct address){row[at], row[at + 1]};
    }
    return count;
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
    if (t->strikes) { /* nothing is of it */
        *ret_number = t->sensor_count;
        return true;
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
    size_t row = t->row_words * sizeof(*t->words), more = (capacity - t->capacity) * row;
    if (!budget_take(t->budget, more))
        return false;
    uint64_t *grown = realloc(t->words, capacity * row);
    if (grown == NULL) {
        budget_give(t->budget, more);
        return false;
    }
    t->words = grown;
    t->capacity = capacity;
    return true;
}

/* ---- more keys than memory */

/* May those with the least go? Where a sum is asked for, and all else of a row is a sum or a time, what goes is known
 * to be no more than it had. */
static bool may_fall(const struct tally_plan *plan)
{
    static const bool sums[] = {[TALLY_SUM] = true,
                                [TALLY_FLOWS] = true,
                                [TALLY_RECORDS] = true,
                                [TALLY_DURATION] = true,
                                [TALLY_DISTINCT] = false};
    bool may = !plan->by_time && sums[plan->measures[plan->sort].what];
    for (unsigned m = 0; m < plan->measure_count && may; m++)
        may = plan->measures[m].what != TALLY_DISTINCT;
    return may;
}

static int compare_values(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static uint64_t sorted_value(const struct tally *t, uint32_t row)
{
    return t->words[(size_t)row * t->row_words + t->key_words + 1 + t->plan->sort];
}

static struct index_key hash_of(const uint64_t *words, unsigned count);

/* Half of the rows, those with the least of what is sorted by. Whatever comes of them later begins anew, and so lacks
 * at most what the largest of them had, each time that rows fall out. False: out of memory. */
static bool let_fall(struct tally *t)
{
    uint64_t *values = malloc((t->count + 1u) * sizeof(*values));
    if (values == NULL || t->count < 2) {
        free(values);
        return false;
    }
    for (uint32_t i = 0; i < t->count; i++)
        values[i] = sorted_value(t, i);
    qsort(values, t->count, sizeof(*values), compare_values);
    const uint64_t most = values[t->count / 2 - 1];
    uint32_t equal = t->count / 2, kept = 0; /* of those that have as much as the last to go */
    while (equal > 0 && values[t->count / 2 - equal] != most)
        equal--;
    free(values);
    index_fini(&t->index);
    for (uint32_t i = 0; i < t->count; i++) {
        uint64_t *row = &t->words[(size_t)i * t->row_words], value = sorted_value(t, i);
        if (value < most || (value == most && equal > 0)) {
            equal -= value == most;
            continue;
        }
        memmove(&t->words[(size_t)kept * t->row_words], row, t->row_words * sizeof(*row));
        if (index_put(&t->index, hash_of(&t->words[(size_t)kept * t->row_words], t->key_words), kept) != RESULT_OK)
            return false;
        kept++;
    }
    t->fallen += t->count - kept;
    t->fallen_most += most;
    t->count = kept;
    return true;
}

static struct index_key hash_of(const uint64_t *words, unsigned count)
{
    XXH128_hash_t hash = XXH3_128bits(words, count * sizeof(*words));
    return (struct index_key){hash.low64, hash.high64};
}

/* ---- values of flows, a batch at a time */

/* Of a part or a measure's field: where it stands, and in which rows it says something. */
struct reading {
    const void *column, *lower;
    bool wide;
    uint8_t *known; /* owned; NULL: in all */
};

struct batch_reading {
    const struct tally_rows *rows;
    const struct flow_batch *flows;
    uint32_t *sensors;                       /* owned: by observer */
    struct reading fields[FLOW_FIELD_COUNT]; /* those that are read */
};

static bool read_field(struct batch_reading *b, unsigned f)
{
    const struct records *records = b->rows->records;
    struct reading *reading = &b->fields[f];
    if (reading->column != NULL)
        return true;
    reading->column = records_column(records, f);
    reading->wide = field_type_is_wide(flow_fields[f].type);
    if (flow_fields[f].kind == KIND_ADDRESS)
        reading->lower = records_column(records, f + 1);
    reading->known = malloc(records->rows + 1u);
    if (reading->known == NULL)
        return false;
    if (records_known(records, f, 0, records->rows, reading->known)) {
        free(reading->known);
        reading->known = NULL;
    }
    return true;
}

static void batch_fini(struct batch_reading *b)
{
    for (unsigned f = 0; f < FLOW_FIELD_COUNT; f++)
        free(b->fields[f].known);
    free(b->sensors);
}

static enum result batch_init(struct tally *t, const struct tally_rows *rows, struct batch_reading *b,
                              struct error *err)
{
    const struct tally_plan *plan = t->plan;
    *b = (struct batch_reading){.rows = rows, .flows = flow_batch_of(rows->records)};
    b->sensors = malloc((rows->records->observer_count + 1u) * sizeof(*b->sensors));
    bool made = b->sensors != NULL;
    for (uint32_t o = 0; made && o < rows->records->observer_count; o++)
        made = number_sensor(t, rows->records->observers[o].sensor, &b->sensors[o]);
    for (unsigned i = 0; made && i < (t->strikes ? plan->key_count : plan->part_count); i++)
        made = plan->parts[i].what == TALLY_GEO
                   ? read_field(b, FLOW_FIELD_src_hi) && read_field(b, FLOW_FIELD_dst_hi)
                   : plan->parts[i].what != TALLY_FIELD || read_field(b, plan->parts[i].field);
    if (plan->both_ends)
        made = made && read_field(b, FLOW_FIELD_src_hi) && read_field(b, FLOW_FIELD_dst_hi);
    for (unsigned i = 0; made && !t->strikes && i < plan->measure_count; i++) {
        const struct tally_measure *m = &plan->measures[i];
        made = m->what != TALLY_SUM || (read_field(b, m->field) && read_field(b, m->more) && read_field(b, m->turned));
    }
    if (made)
        return RESULT_OK;
    batch_fini(b);
    return budget_exceeded(err);
}

static uint64_t number_at(const struct reading *reading, uint32_t row)
{
    return reading->wide ? ((const uint64_t *)reading->column)[row] : ((const uint32_t *)reading->column)[row];
}

static bool knows(const struct reading *reading, uint32_t row)
{
    return reading->known == NULL || reading->known[row] != 0;
}

static struct address address_at(const struct reading *reading, uint32_t row)
{
    return (struct address){((const uint64_t *)reading->column)[row], ((const uint64_t *)reading->lower)[row]};
}

bool tally_is_offer(unsigned state, uint64_t dst_packets)
{
    return dst_packets > 0 && state != FLOW_STATE_S0 && state != FLOW_STATE_REJ && state != FLOW_STATE_SH &&
           state != FLOW_STATE_RSTOS0;
}

/* A record, and which end of it is the host. */
struct seen {
    const struct batch_reading *batch;
    uint32_t row;
    bool turned; /* the dst is */
    const struct geo *geo;
};

static struct address end_address(enum tally_end end, const struct seen *s)
{
    bool dst = end == TALLY_END_DST || (end == TALLY_END_HOST && s->turned) || (end == TALLY_END_PEER && !s->turned);
    return address_at(&s->batch->fields[dst ? FLOW_FIELD_dst_hi : FLOW_FIELD_src_hi], s->row);
}

static enum tally_role role_of(const struct seen *s)
{
    const struct flow_batch *f = s->batch->flows;
    return !s->turned                                                 ? TALLY_USES
           : tally_is_offer(f->state[s->row], f->dst_packets[s->row]) ? TALLY_OFFERS
                                                                      : TALLY_UNANSWERED;
}

static struct address network_of(const struct tally_part *part, struct address a)
{
    const struct address mask = address_prefix_mask(address_is_ipv4(a) ? part->length_ipv4 : part->length_ipv6);
    return part->is_net ? (struct address){a.hi & mask.hi, a.lo & mask.lo} : a;
}

/* The words of a part; false: it is not known, and they are zeros. */
static bool read_part(const struct tally_part *part, const struct seen *s, uint64_t *words)
{
    const struct reading *fields = s->batch->fields;
    struct address address;
    uint32_t value;
    memset(words, 0, part_words(part) * sizeof(*words));
    switch (part->what) {
    case TALLY_TIME:
        words[0] = (uint64_t)floor_ns(s->batch->flows->first_time[s->row], part->step_ns);
        return true;
    case TALLY_ROLE:
        words[0] = role_of(s);
        return true;
    case TALLY_GEO:
        if (!geo_find(s->geo, part->geo, end_address(part->end, s), &value))
            return false;
        words[0] = value;
        return true;
    case TALLY_HOST:
        address = end_address(TALLY_END_HOST, s);
        break;
    case TALLY_PEER:
        address = end_address(TALLY_END_PEER, s);
        break;
    default:
        if (!knows(&fields[part->field], s->row))
            return false;
        if (!part->is_address) {
            words[0] = number_at(&fields[part->field], s->row);
            return true;
        }
        address = address_at(&fields[part->field], s->row);
        break;
    }
    address = network_of(part, address);
    words[0] = address.hi;
    words[1] = address.lo;
    return true;
}

/* Words of several parts, without those that are not known, which ret_unknown has by bit. */
static unsigned read_parts(const struct tally_part *parts, unsigned count, const struct seen *s, uint64_t *words,
                           uint64_t *ret_unknown)
{
    unsigned used = 0;
    for (unsigned i = 0; i < count; i++) {
        if (!read_part(&parts[i], s, &words[used]))
            *ret_unknown |= 1ull << i;
        used += part_words(&parts[i]);
    }
    return used;
}

/* ---- sums */

static enum result count_distinct(struct tally *t, unsigned m, const struct seen *s, uint32_t at, uint64_t *slot,
                                  struct error *err)
{
    const struct tally_measure *measure = &t->plan->measures[m];
    uint64_t words[1 + TALLY_WORDS_MAX], unknown = 0;
    uint32_t there;
    unsigned used = read_parts(&t->plan->parts[measure->first], measure->count, s, &words[1], &unknown);
    words[0] = (uint64_t)at << 32 | m << 16 | unknown;
    /* Of a service whose protocol has no ports the protocol alone is known; of what is not known at all is none. */
    if (unknown + 1 == 1ull << measure->count)
        return RESULT_OK;
    const struct index_key key = hash_of(words, used + 1);
    if (index_get(&t->counted, key, &there))
        return RESULT_OK;
    if (index_put(&t->counted, key, 0) != RESULT_OK)
        return budget_exceeded(err);
    (*slot)++;
    return RESULT_OK;
}

static bool add_field(const struct seen *s, unsigned field, uint64_t *slot)
{
    const struct reading *reading = &s->batch->fields[field];
    bool known = knows(reading, s->row);
    *slot += known ? number_at(reading, s->row) : 0;
    return known;
}

/* Adds what a record has of a measure to its slot. False: it does not know it. */
static bool measure(const struct tally_measure *m, const struct seen *s, bool first, uint64_t *slot)
{
    const struct flow_batch *f = s->batch->flows;
    const struct tally_rows *rows = s->batch->rows;
    uint64_t value;
    bool known;
    switch (m->what) {
    case TALLY_SUM:
        known = add_field(s, s->turned ? m->turned : m->field, slot);
        return m->more == m->field ? known : add_field(s, m->more, slot) || known;
    case TALLY_FLOWS:
        *slot += rows->flows != NULL ? rows->flows[s->row] : f->report[s->row] == 0;
        return true;
    case TALLY_RECORDS:
        (*slot)++;
        return true;
    case TALLY_DURATION:
        *slot += (uint64_t)f->last_time[s->row] - (uint64_t)f->first_time[s->row];
        return true;
    case TALLY_FIRST_TIME:
        value = (uint64_t)f->first_time[s->row];
        *slot = first || (int64_t)value < (int64_t)*slot ? value : *slot;
        return true;
    case TALLY_LAST_TIME:
        value = (uint64_t)f->last_time[s->row];
        *slot = first || (int64_t)value > (int64_t)*slot ? value : *slot;
        return true;
    default:
        return false;
    }
}

static enum result add_measures(struct tally *t, const struct seen *s, uint32_t at, struct error *err)
{
    uint64_t *said = &t->words[(size_t)at * t->row_words + t->key_words], *slots = said + 1;
    enum result r = RESULT_OK;
    for (unsigned m = 0; m < t->plan->measure_count && r == RESULT_OK; m++) {
        if (t->plan->measures[m].what == TALLY_DISTINCT) {
            r = count_distinct(t, m, s, at, &slots[m], err);
            *said |= 1ull << m;
        } else if (measure(&t->plan->measures[m], s, (*said >> m & 1) == 0, &slots[m])) {
            *said |= 1ull << m;
        }
    }
    return r;
}

/* `but` (UINT32_MAX: none): not to that row, which has it already; *ret_at (may be NULL) is the row. */
static enum result add(struct tally *t, const struct seen *s, uint32_t but, uint32_t *ret_at, struct error *err)
{
    uint64_t words[WORD_KEY + TALLY_WORDS_MAX], unknown = 0;
    uint32_t at;
    (void)read_parts(t->plan->parts, t->plan->key_count, s, &words[WORD_KEY], &unknown);
    words[WORD_SENSOR] = (uint64_t)s->batch->sensors[s->batch->flows->observer[s->row]] << 32 | unknown;
    const struct index_key key = hash_of(words, t->key_words);
    bool there = index_get(&t->index, key, &at);
    if (t->strikes) {
        uint64_t *said = there ? &t->words[(size_t)at * t->row_words + t->key_words] : NULL;
        t->struck_count += there && (*said & STRUCK) == 0;
        if (there)
            *said |= STRUCK;
        return RESULT_OK;
    }
    if (!there) {
        bool room = grow(t) && index_put(&t->index, key, t->count) == RESULT_OK;
        if (!room && may_fall(t->plan) && let_fall(t))
            room = grow(t) && index_put(&t->index, key, t->count) == RESULT_OK;
        if (!room)
            return budget_exceeded(err);
        at = t->count++;
        uint64_t *row = &t->words[(size_t)at * t->row_words];
        memset(row, 0, t->row_words * sizeof(*row));
        memcpy(row, words, t->key_words * sizeof(*row));
    }
    if (ret_at != NULL)
        *ret_at = at;
    return there && at == but ? RESULT_OK : add_measures(t, s, at, err);
}

/* Once, or for either end; where both are of one key once. */
static enum result add_ends(struct tally *t, struct seen *s, struct error *err)
{
    const struct tally_plan *plan = t->plan;
    s->turned = plan->from_dst;
    if (!plan->both_ends)
        return add(t, s, UINT32_MAX, NULL, err);
    const struct address src = address_at(&s->batch->fields[FLOW_FIELD_src_hi], s->row),
                         dst = address_at(&s->batch->fields[FLOW_FIELD_dst_hi], s->row);
    bool any = plan->only.hi == 0 && plan->only.lo == 0;
    uint32_t first = UINT32_MAX;
    enum result r = any || address_equal(src, plan->only) ? add(t, s, UINT32_MAX, &first, err) : RESULT_OK;
    s->turned = true;
    if (r != RESULT_OK || address_equal(src, dst) || !(any || address_equal(dst, plan->only)))
        return r;
    return add(t, s, first, NULL, err);
}

enum result tally_add(struct tally *t, const struct tally_rows *rows, struct error *err)
{
    struct batch_reading batch;
    enum result r = batch_init(t, rows, &batch, err);
    if (r != RESULT_OK)
        return r;
    const int64_t *times = batch.flows->first_time;
    struct seen seen = {.batch = &batch, .geo = t->plan->geo};
    for (uint32_t i = 0; i < rows->records->rows && r == RESULT_OK; i++) {
        if ((rows->from_ns != 0 && times[i] < rows->from_ns) || (rows->to_ns != 0 && times[i] >= rows->to_ns))
            continue;
        if (t->plan->offers_alone && !tally_is_offer(batch.flows->state[i], batch.flows->dst_packets[i]))
            continue;
        seen.row = i;
        r = add_ends(t, &seen, err);
    }
    batch_fini(&batch);
    return r;
}

/* ---- the rows */

/* What a measure comes to in a row; false: nothing is known of it. */
static bool result_of(const struct tally *t, const uint64_t *row, unsigned m, uint64_t *ret_value)
{
    const struct tally_measure *measure = &t->plan->measures[m];
    const uint64_t said = row[t->key_words], *slots = &row[t->key_words + 1];
    if (measure->what != TALLY_RATE) {
        *ret_value = slots[m];
        return (said >> m & 1) != 0;
    }
    if (measure->over < TALLY_MEASURES_MAX) {
        *ret_value = slots[measure->over] == 0 ? 0 : slots[measure->of] / slots[measure->over];
        return slots[measure->over] != 0;
    }
    uint64_t first = 0, last = 0;
    for (unsigned i = 0; i < t->plan->measure_count; i++) {
        first = t->plan->measures[i].what == TALLY_FIRST_TIME ? slots[i] : first;
        last = t->plan->measures[i].what == TALLY_LAST_TIME ? slots[i] : last;
    }
    if ((int64_t)last <= (int64_t)first)
        return false;
    unsigned __int128 rate = (unsigned __int128)slots[measure->of] * measure->scale * NS_PER_S / (last - first);
    *ret_value = rate > UINT64_MAX ? UINT64_MAX : (uint64_t)rate;
    return true;
}

static int compare(const void *a, const void *b, void *context)
{
    const struct tally *t = context;
    const uint64_t *x = a, *y = b;
    uint64_t left = 0, right = 0;
    bool is_time = t->plan->measures[t->plan->sort].what == TALLY_FIRST_TIME ||
                   t->plan->measures[t->plan->sort].what == TALLY_LAST_TIME;
    if (t->plan->by_time) {
        left = y[WORD_KEY];
        right = x[WORD_KEY];
        is_time = true;
    } else if (result_of(t, x, t->plan->sort, &left) != result_of(t, y, t->plan->sort, &right)) {
        return result_of(t, x, t->plan->sort, &left) ? -1 : 1;
    }
    if (left != right)
        return (is_time ? (int64_t)left > (int64_t)right : left > right) ? -1 : 1;
    for (unsigned i = 0; i < t->key_words; i++) {
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    }
    return 0;
}

/* The row of an answer, and which of its columns is the next one. */
struct row {
    struct work *work;
    uint64_t values[2 * TALLY_PARTS_MAX + TALLY_MEASURES_MAX + 1]; /* each at its field's offset, in its size */
    uint64_t unknown[2];                                           /* by field */
    char texts[TALLY_PARTS_MAX][ADDRESS_TEXT_MAX + 8];
    unsigned at;
};

static void put(struct row *row, const struct tally_plan *plan, uint64_t value)
{
    void *to = &row->values[row->at];
    switch (plan->columns[row->at++].size) {
    case 1:
        *(uint8_t *)to = (uint8_t)value;
        break;
    case 2:
        *(uint16_t *)to = (uint16_t)value;
        break;
    case 4:
        *(uint32_t *)to = (uint32_t)value;
        break;
    default:
        *(uint64_t *)to = value;
    }
}

static void put_text(struct row *row, const char *text)
{
    memcpy(&row->values[row->at++], &text, sizeof(text));
}

static void put_unknown(struct row *row)
{
    row->unknown[row->at / 64] |= 1ull << row->at % 64;
}

static const uint64_t *put_part(struct row *row, const struct tally_plan *plan, unsigned p, const uint64_t *words,
                                bool known)
{
    const struct tally_part *part = &plan->parts[p];
    if (!known)
        put_unknown(row);
    if (part->what == TALLY_GEO && part->geo == GEO_COUNTRY) {
        row->texts[p][0] = (char)(words[0] >> 8);
        row->texts[p][1] = (char)words[0];
        row->texts[p][2] = '\0';
        put_text(row, row->texts[p]);
        return words + 1;
    }
    if (!part->is_net) {
        for (unsigned i = 0; i < part_words(part); i++)
            put(row, plan, words[i]);
        return words + part_words(part);
    }
    const struct address address = {words[0], words[1]};
    size_t used = strlen(address_text(address, row->texts[p]));
    snprintf(row->texts[p] + used, 8, "/%u", address_is_ipv4(address) ? part->length_ipv4 - 96 : part->length_ipv6);
    put_text(row, known ? row->texts[p] : "");
    return words + 2;
}

static enum result send_row(const struct tally *t, struct work *work, const uint64_t *words, struct error *err)
{
    const struct tally_plan *plan = t->plan;
    struct row row = {.work = work};
    const uint64_t *key = &words[WORD_KEY];
    uint64_t value = 0;
    for (unsigned p = 0; p < plan->key_count; p++) {
        if (p == (plan->by_time ? 1 : 0))
            put_text(&row, t->sensors[words[WORD_SENSOR] >> 32]);
        key = put_part(&row, plan, p, key, (words[WORD_SENSOR] >> p & 1) == 0);
    }
    if (plan->key_count == (plan->by_time ? 1 : 0))
        put_text(&row, t->sensors[words[WORD_SENSOR] >> 32]);
    for (unsigned i = 0; i < plan->shown_count; i++) {
        value = 0;
        if (!result_of(t, words, plan->shown[i], &value))
            put_unknown(&row);
        put(&row, plan, value);
    }
    enum result r = work_add(work, row.values, err);
    for (unsigned f = 0; f < row.at && r == RESULT_OK; f++) {
        if (row.unknown[f / 64] >> f % 64 & 1)
            r = work_unknown(work, f, err);
    }
    return r;
}

static void tell_fallen(const struct tally *t, struct work *work)
{
    const struct tally_measure *measure = &t->plan->measures[t->plan->sort];
    const struct field *field = &t->plan->columns[kind_field(&t->plan->kind, measure->label)];
    char text[FIELD_TEXT_MAX];
    struct coverage_gap gap = {.kind = PAVO__GAP__KIND__LIMIT, .unit = ""};
    const struct value value = {.known = true, .number = t->fallen_most};
    snprintf(gap.reason, sizeof(gap.reason),
             "there are more keys than memory: %" PRIu64
             " rows with the least %s fell out, and one that is here may lack up to "
             "%s of it; narrow the question by time or by address",
             t->fallen, measure->label, field_text(field, &value, STYLE_TABLE, text));
    coverage_gap(&work->coverage, &gap);
}

enum result tally_send(struct tally *t, struct work *work, uint64_t limit, struct error *err)
{
    enum result r = RESULT_OK;
    uint64_t sent = 0;
    if (t->count > 0)
        qsort_r(t->words, t->count, t->row_words * sizeof(*t->words), compare, t);
    if (t->fallen > 0)
        tell_fallen(t, work);
    if (tally_count(t) > limit && limit == ANSWER_ROWS_MAX) /* less is what was asked for */
        coverage_cut(&work->coverage, limit);
    for (uint32_t i = 0; i < t->count && sent < limit && r == RESULT_OK; i++) {
        const uint64_t *row = &t->words[(size_t)i * t->row_words];
        if ((row[t->key_words] & STRUCK) != 0)
            continue;
        r = send_row(t, work, row, err);
        sent++;
    }
    return r;
}
