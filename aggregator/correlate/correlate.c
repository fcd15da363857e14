/* SPDX-License-Identifier: Apache-2.0 */
/* The streaming join: views come, wait, and leave linked or given up. */
#include "aggregator/correlate/correlate.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/correlate/internal.h"
#include "common/records/binding.h"

/* Rivals are told apart by score when one leads by so much (the weight of equal payload, or more), and else by time. */
#define SCORE_LEAD 6
/* Time tells rivals apart once the clock offset is known from so many strong links. */
#define OFFSET_SAMPLES       8
#define OFFSET_SPREAD_MIN_NS 50000
#define OFFSET_RIVAL_NS      5000000  /* a rival must lie this (and 12 spreads) from the known offset */
#define OFFSET_ALONE_NS      20000000 /* without a rival, as far as this (and 20 spreads) from the known offset */
/* A boundary rewrites IP identifications when so many of proven links have shown it, and most of them. */
#define IDS_SAMPLES 8

/* One life of a sensor. */
struct life {
    struct observer observer;
    int64_t through_ns; /* what began before this is reported; INT64_MIN: it never said */
    int64_t heard_ns;   /* correlator time */
    uint32_t waiting;   /* its views, at all boundaries */
    uint32_t older;     /* the next older life of the sensor; of a free place: another one */
    bool ended;
};

/* At a boundary, perhaps at several. */
struct sensor {
    char name[SENSOR_NAME_MAX];
    uint32_t newest; /* of its lives; VIEW_NONE: none heard */
};

struct end {             /* a boundary's sensor */
    int64_t listened_ns; /* a clock that runs while the sensor is heard */
    int64_t heard_ns;
    bool heard;
};

struct gate { /* a boundary at work */
    struct boundary boundary;
    struct views views;
    struct end ends[SIDE_COUNT];
    int64_t reported_ns; /* both sensors have reported what began before this; set at the begin of each run */
    unsigned samples;    /* strong links seen */
    int64_t offset_ns, spread_ns;
    uint32_t looked_at; /* place the last run stopped at */
    bool evicted;       /* ever, and when last */
    int64_t evicted_ns;
    uint64_t ids_agree, ids_differ; /* IP identifications in proven links */
};

struct correlator {
    struct life *lives; /* owned; numbers stay */
    uint32_t life_capacity, free_life;
    struct sensor *sensors; /* owned */
    size_t sensor_count;
    struct gate *gates; /* owned */
    size_t gate_count;
    int64_t ran_ns; /* time of the last correlator_run; 0: none yet */
};

enum result correlator_new(struct correlator **ret_correlator, struct error *err)
{
    struct correlator *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    c->free_life = VIEW_NONE;
    *ret_correlator = c;
    return RESULT_OK;
}

void correlator_destroy(struct correlator **correlator)
{
    struct correlator *c = *correlator;
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->gate_count; i++)
        views_fini(&c->gates[i].views);
    free(c->gates);
    free(c->lives);
    free(c->sensors);
    free(c);
    *correlator = NULL;
}

void conclusions_fini(struct conclusions *conclusions)
{
    records_free(&conclusions->verdicts);
    records_free(&conclusions->bindings);
    *conclusions = (struct conclusions){0};
}

/* ---- boundaries */

static enum result check_boundaries(const struct boundary *boundaries, size_t count, struct error *err)
{
    if (count > CORRELATE_BOUNDARIES_MAX)
        return error_set(err, RESULT_REJECT, "%zu boundaries, %u are allowed", count, CORRELATE_BOUNDARIES_MAX);
    for (size_t i = 0; i < count; i++) {
        const struct boundary *b = &boundaries[i];
        if (!sensor_name_valid(b->name) || !sensor_name_valid(b->inside) || !sensor_name_valid(b->outside))
            return error_set(err, RESULT_REJECT, "boundary %s needs inside = SENSOR and outside = SENSOR", b->name);
        if (strcmp(b->inside, b->outside) == 0)
            return error_set(err, RESULT_REJECT, "boundary %s: inside and outside are both %s", b->name, b->inside);
        if (b->window_ns <= 0 || b->tolerance_ns <= 0 || b->tolerance_ns > b->window_ns)
            return error_set(err, RESULT_REJECT,
                             "boundary %s: tolerance and window must be above 0, and the window the "
                             "longer",
                             b->name);
        for (size_t other = 0; other < i; other++) {
            if (strcmp(b->name, boundaries[other].name) == 0)
                return error_set(err, RESULT_REJECT, "two boundaries are called %s", b->name);
        }
    }
    return RESULT_OK;
}

static struct gate *gate_find(const struct correlator *c, const char *name)
{
    for (size_t i = 0; i < c->gate_count; i++) {
        if (strcmp(c->gates[i].boundary.name, name) == 0)
            return &c->gates[i];
    }
    return NULL;
}

size_t correlator_waiting(const struct correlator *c, const char *boundary)
{
    const struct gate *gate = gate_find(c, boundary);
    return gate == NULL ? 0 : gate->views.count;
}

static int side_of(const struct gate *gate, const char *sensor)
{
    return strcmp(gate->boundary.inside, sensor) == 0    ? SIDE_INSIDE
           : strcmp(gate->boundary.outside, sensor) == 0 ? SIDE_OUTSIDE
                                                         : -1;
}

static const char *sensor_of(const struct gate *gate, enum side side)
{
    return side == SIDE_INSIDE ? gate->boundary.inside : gate->boundary.outside;
}

static enum side other_side(enum side side)
{
    return side == SIDE_INSIDE ? SIDE_OUTSIDE : SIDE_INSIDE;
}

/* ---- lives */

static bool is_at_boundary(const struct correlator *c, const char *sensor)
{
    for (size_t g = 0; g < c->gate_count; g++) {
        if (side_of(&c->gates[g], sensor) >= 0)
            return true;
    }
    return false;
}

static struct sensor *sensor_find(const struct correlator *c, const char *name)
{
    for (size_t i = 0; i < c->sensor_count; i++) {
        if (strcmp(c->sensors[i].name, name) == 0)
            return &c->sensors[i];
    }
    return NULL;
}

/* NULL: out of memory. */
static struct sensor *sensor_get(struct correlator *c, const char *name)
{
    struct sensor *sensor = sensor_find(c, name);
    if (sensor != NULL)
        return sensor;
    struct sensor *grown = realloc(c->sensors, (c->sensor_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return NULL;
    c->sensors = grown;
    sensor = &grown[c->sensor_count++];
    *sensor = (struct sensor){.newest = VIEW_NONE};
    snprintf(sensor->name, sizeof(sensor->name), "%s", name);
    return sensor;
}

/* More free places. */
static bool grow_lives(struct correlator *c)
{
    uint32_t capacity = c->life_capacity == 0 ? 16 : c->life_capacity * 2;
    struct life *grown = realloc(c->lives, capacity * sizeof(*grown));
    if (grown == NULL)
        return false;
    c->lives = grown;
    for (uint32_t i = c->life_capacity; i < capacity; i++) {
        grown[i].older = c->free_life;
        c->free_life = i;
    }
    c->life_capacity = capacity;
    return true;
}

/* The life of a sensor at a boundary, made when it is new. VIEW_NONE: out of memory. */
static uint32_t life_get(struct correlator *c, const struct observer *observer)
{
    struct sensor *sensor = sensor_get(c, observer->sensor);
    if (sensor == NULL || (c->free_life == VIEW_NONE && !grow_lives(c)))
        return VIEW_NONE;
    uint32_t *at = &sensor->newest;
    while (*at != VIEW_NONE && c->lives[*at].observer.epoch > observer->epoch)
        at = &c->lives[*at].older;
    if (*at != VIEW_NONE && c->lives[*at].observer.epoch == observer->epoch)
        return *at;
    uint32_t number = c->free_life;
    c->free_life = c->lives[number].older;
    c->lives[number] = (struct life){.observer = *observer, .through_ns = INT64_MIN, .older = *at};
    *at = number;
    return number;
}

/* Takes the life at this link out of its sensor's chain. */
static void life_free(struct correlator *c, uint32_t *at)
{
    uint32_t number = *at;
    *at = c->lives[number].older;
    c->lives[number].older = c->free_life;
    c->free_life = number;
}

static bool is_silent(const struct life *life, int64_t now_ns)
{
    return now_ns - life->heard_ns > CORRELATE_SILENT_NS;
}

/* Lives that say nothing more and of which nothing waits. One that speaks again after all is as if new. */
static void forget_lives(struct correlator *c, const struct sensor *sensor, int64_t now_ns)
{
    if (sensor->newest == VIEW_NONE)
        return;
    uint32_t *at = &c->lives[sensor->newest].older; /* the newest stays: another may only be on its way */
    while (*at != VIEW_NONE) {
        struct life *life = &c->lives[*at];
        if (life->waiting == 0 && is_silent(life, now_ns))
            life_free(c, at);
        else
            at = &life->older;
    }
}

/* After a change of boundaries: views may be gone, and sensors may be at none. */
static void recount_lives(struct correlator *c)
{
    for (size_t s = c->sensor_count; s-- > 0;) {
        struct sensor *sensor = &c->sensors[s];
        for (uint32_t n = sensor->newest; n != VIEW_NONE; n = c->lives[n].older)
            c->lives[n].waiting = 0;
        if (is_at_boundary(c, sensor->name))
            continue;
        while (sensor->newest != VIEW_NONE)
            life_free(c, &sensor->newest);
        *sensor = c->sensors[--c->sensor_count];
    }
    for (size_t g = 0; g < c->gate_count; g++) {
        const struct views *views = &c->gates[g].views;
        for (uint32_t i = 0; i < views->capacity; i++) {
            if (views->views[i].used)
                c->lives[views->views[i].observer].waiting++;
        }
    }
}

static void remove_view(struct correlator *c, struct gate *gate, uint32_t number)
{
    c->lives[gate->views.views[number].observer].waiting--;
    views_remove(&gate->views, number);
}

/* Through what time the sensor's lives have all reported: INT64_MAX when all are over, INT64_MIN when it was never
 * heard. A life is over when it said so, or when it fell silent and another has begun. */
static int64_t reported(const struct correlator *c, const char *name, int64_t now_ns)
{
    const struct sensor *sensor = sensor_find(c, name);
    int64_t least = INT64_MAX;
    if (sensor == NULL || sensor->newest == VIEW_NONE)
        return INT64_MIN;
    for (uint32_t n = sensor->newest; n != VIEW_NONE; n = c->lives[n].older) {
        const struct life *life = &c->lives[n];
        bool over = life->ended || (n != sensor->newest && is_silent(life, now_ns));
        if (!over && life->through_ns < least)
            least = life->through_ns;
    }
    return least;
}

void correlator_heard(struct correlator *c, const char *sensor, int64_t now_ns)
{
    const struct sensor *known = sensor_find(c, sensor);
    if (known != NULL && known->newest != VIEW_NONE)
        c->lives[known->newest].heard_ns = now_ns;
    for (size_t i = 0; i < c->gate_count; i++) {
        int side = side_of(&c->gates[i], sensor);
        if (side < 0)
            continue;
        c->gates[i].ends[side].heard = true;
        c->gates[i].ends[side].heard_ns = now_ns;
    }
}

enum result correlator_configure(struct correlator *c, const struct boundary *boundaries, size_t count,
                                 struct error *err)
{
    enum result r = check_boundaries(boundaries, count, err);
    if (r != RESULT_OK)
        return r;
    struct gate *gates = calloc(count + 1, sizeof(*gates));
    if (gates == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    for (size_t i = 0; i < count; i++) {
        const struct boundary *b = &boundaries[i];
        struct gate *old = gate_find(c, b->name);
        /* A changed tolerance changes the time slots of the keys: the views start over with it. */
        bool keep = old != NULL && strcmp(old->boundary.inside, b->inside) == 0 &&
                    strcmp(old->boundary.outside, b->outside) == 0 && old->boundary.tolerance_ns == b->tolerance_ns;
        if (keep) {
            gates[i] = *old;
            old->views = (struct views){0};
        } else {
            views_init(&gates[i].views, 2 * b->tolerance_ns);
        }
        gates[i].boundary = *b;
    }
    for (size_t i = 0; i < c->gate_count; i++)
        views_fini(&c->gates[i].views);
    free(c->gates);
    c->gates = gates;
    c->gate_count = count;
    recount_lives(c);
    return RESULT_OK;
}

/* ---- conclusions */

#define ROWS_FIRST 64u

static struct records *opened(struct records **records, enum record_kind_number kind)
{
    if (*records == NULL)
        *records = records_new(record_kinds[kind], ROWS_FIRST);
    return *records;
}

/* The life's index in records that may not be there yet. False: out of memory, or too many lives. */
static bool observer_in(struct records **records, enum record_kind_number kind, const struct correlator *c,
                        const struct view *view, uint16_t *ret_index)
{
    return opened(records, kind) != NULL &&
           records_observer(*records, &c->lives[view->observer].observer, ret_index) == RESULT_OK;
}

/* A verdict about `view`; boundary and names are filled in here. */
static bool add_verdict(const struct correlator *c, const struct gate *gate, const struct view *view,
                        struct verdict *verdict, struct conclusions *out)
{
    verdict->boundary = gate->boundary.name;
    verdict->flow = view->flow;
    return observer_in(&out->verdicts, RECORD_VERDICT, c, view, &verdict->observer) &&
           records_append(&out->verdicts, verdict) == RESULT_OK;
}

/* The verdict on a linked pair, with its evidence. */
static bool add_linked(const struct correlator *c, const struct gate *gate, const struct view *inside,
                       const struct view *outside, const struct evidence *evidence, struct verdict *verdict,
                       struct conclusions *out)
{
    verdict->odds = evidence->odds;
    verdict->partner_flow = outside->flow;
    if (!observer_in(&out->verdicts, RECORD_VERDICT, c, outside, &verdict->partner_observer) ||
        !add_verdict(c, gate, inside, verdict, out))
        return false;
    bool added = true;
    for (unsigned i = 0; i < evidence->count; i++)
        added = records_add_item(out->verdicts, VERDICT_TERMS, &evidence->terms[i]) == RESULT_OK && added;
    return added;
}

/* What the pair witnesses of one of its ends, if that was translated; the peer is as the inside sees it. */
static bool add_binding(const struct correlator *c, const struct view *inside, const struct verdict *v,
                        enum translation end, struct conclusions *out)
{
    if (v->translated != end && v->translated != TRANSLATED_BOTH)
        return true;
    bool source = end == TRANSLATED_SOURCE;
    struct binding binding = {.witness = WITNESS_LINK,
                              .boundary = v->boundary,
                              .translated = (uint8_t)end,
                              .protocol = v->protocol,
                              .inside_hi = source ? v->src_hi : v->dst_hi,
                              .inside_lo = source ? v->src_lo : v->dst_lo,
                              .inside_port = source ? v->src_port : v->dst_port,
                              .outside_hi = source ? v->post_nat_src_hi : v->post_nat_dst_hi,
                              .outside_lo = source ? v->post_nat_src_lo : v->post_nat_dst_lo,
                              .outside_port = source ? v->post_nat_src_port : v->post_nat_dst_port,
                              .peer_hi = source ? v->dst_hi : v->src_hi,
                              .peer_lo = source ? v->dst_lo : v->src_lo,
                              .peer_port = source ? v->dst_port : v->src_port,
                              .first_time = v->first_time,
                              .last_time = v->last_time,
                              .odds = v->odds,
                              .flow = v->flow};
    return observer_in(&out->bindings, RECORD_BINDING, c, inside, &binding.observer) &&
           records_append(&out->bindings, &binding) == RESULT_OK;
}

static void learn_offset(struct gate *gate, int64_t offset_ns)
{
    if (gate->samples == 0) {
        gate->offset_ns = offset_ns;
        gate->spread_ns = OFFSET_SPREAD_MIN_NS;
    }
    int64_t away = offset_ns - gate->offset_ns;
    gate->offset_ns += away / 8;
    gate->spread_ns += (llabs(away) - gate->spread_ns) / 8;
    if (gate->spread_ns < OFFSET_SPREAD_MIN_NS)
        gate->spread_ns = OFFSET_SPREAD_MIN_NS;
    gate->samples++;
}

static void make_link(struct correlator *c, struct gate *gate, uint32_t inside, uint32_t outside,
                      const struct match *match, uint32_t candidates, struct conclusions *out)
{
    const struct view *a = &gate->views.views[inside], *b = &gate->views.views[outside];
    struct verdict verdict;
    struct evidence evidence;
    match_verdict(a, b, match, &verdict);
    match_evidence(a, b, &gate->boundary, match, views_in_time(&gate->views, inside, gate->boundary.tolerance_ns),
                   &evidence);
    verdict.candidates = candidates;
    if (!add_linked(c, gate, a, b, &evidence, &verdict, out) || !add_binding(c, a, &verdict, TRANSLATED_SOURCE, out) ||
        !add_binding(c, a, &verdict, TRANSLATED_DESTINATION, out))
        out->failed = true;
    if (match->proven) {
        gate->ids_agree += match->ids_agree;
        gate->ids_differ += match->ids_differ;
    }
    if (match->strong && llabs(match->offset_ns) <= gate->boundary.tolerance_ns)
        learn_offset(gate, match->offset_ns);
    remove_view(c, gate, inside);
    remove_view(c, gate, outside);
}

/* ---- candidates */

struct candidate {
    uint32_t number;
    struct match match;
};

struct candidates {
    struct candidate list[CORRELATE_CANDIDATES_MAX];
    uint32_t count;
    bool crowded;
};

/* Payloads repeat, IP identifications seldom: where the boundary leaves them alone, a difference forbids what only
 * payload and addresses suggest. */
static bool ids_forbid(const struct gate *gate, const struct match *match)
{
    bool rewrites = gate->ids_differ >= IDS_SAMPLES && gate->ids_differ > gate->ids_agree;
    return match->ids_differ > 0 && !match->strong && !rewrites && match->method != METHOD_SEQUENCE_NUMBERS &&
           match->method != METHOD_INITIAL_SEQUENCE;
}

static void find_candidates(const struct gate *gate, uint32_t number, unsigned kinds, uint32_t most,
                            struct candidates *ret)
{
    uint32_t numbers[CORRELATE_CANDIDATES_MAX];
    uint32_t found =
        views_candidates(&gate->views, number, kinds, gate->boundary.tolerance_ns, most, numbers, &ret->crowded);
    const struct view *v = &gate->views.views[number];
    ret->count = 0;
    /* In a crowd nobody is singled out, so nobody need be looked at. */
    for (uint32_t i = 0; i < found && !ret->crowded; i++) {
        const struct view *u = &gate->views.views[numbers[i]];
        struct candidate *next = &ret->list[ret->count];
        const struct view *inside = v->side == SIDE_INSIDE ? v : u, *outside = v->side == SIDE_INSIDE ? u : v;
        if (match_views(inside, outside, &gate->boundary, &next->match) && !ids_forbid(gate, &next->match)) {
            next->number = numbers[i];
            ret->count++;
        }
    }
}

static int64_t away(const struct gate *gate, const struct match *match)
{
    return llabs(match->offset_ns - gate->offset_ns);
}

/* Those that `number` might have been linked with do not become less doubtful by its going. */
static void contest(struct gate *gate, uint32_t number)
{
    struct candidates mine;
    uint32_t crowd[CORRELATE_CANDIDATES_MAX];
    bool crowded;
    uint32_t count = views_candidates(&gate->views, number, KINDS_ALL, gate->boundary.tolerance_ns,
                                      CORRELATE_CANDIDATES_MAX, crowd, &crowded);
    for (uint32_t i = 0; crowded && i < count; i++) {
        gate->views.views[crowd[i]].contested = true;
        gate->views.views[crowd[i]].contest_score = INT_MAX / 2; /* beyond any lead */
        gate->views.views[crowd[i]].contest_ns = 0;
    }
    if (crowded)
        return;
    find_candidates(gate, number, KINDS_ALL, CORRELATE_CANDIDATES_MAX, &mine);
    for (uint32_t i = 0; i < mine.count; i++) {
        struct view *u = &gate->views.views[mine.list[i].number];
        int64_t far = away(gate, &mine.list[i].match);
        if (!u->contested || mine.list[i].match.score > u->contest_score)
            u->contest_score = mine.list[i].match.score;
        if (!u->contested || far < u->contest_ns)
            u->contest_ns = far;
        u->contested = true;
    }
}

static void give_up(struct correlator *c, struct gate *gate, uint32_t number, enum verdict_word word,
                    uint32_t candidates, struct conclusions *out)
{
    struct verdict verdict;
    view_verdict(&gate->views.views[number], word, &verdict);
    verdict.candidates = candidates;
    if (!add_verdict(c, gate, &gate->views.views[number], &verdict, out))
        out->failed = true;
    if (word != VERDICT_EVICTED)
        contest(gate, number);
    remove_view(c, gate, number);
}

/* Does `best` stand out from a rival of this score, so far from the expected time? */
static bool stands_out(const struct gate *gate, const struct match *best, int score, int64_t far)
{
    if (best->score - score >= SCORE_LEAD)
        return true;
    int64_t near = away(gate, best);
    return gate->samples >= OFFSET_SAMPLES && near <= 6 * gate->spread_ns && far >= 6 * near &&
           far >= 12 * gate->spread_ns + OFFSET_RIVAL_NS;
}

/* The one of the view's candidates that is singled out, or NULL. */
static const struct candidate *single_out(const struct gate *gate, const struct view *v,
                                          const struct candidates *candidates)
{
    const struct candidate *best = NULL;
    for (uint32_t i = 0; i < candidates->count; i++) {
        const struct candidate *k = &candidates->list[i];
        if (best == NULL || k->match.score > best->match.score ||
            (k->match.score == best->match.score && away(gate, &k->match) < away(gate, &best->match)))
            best = k;
    }
    if (best == NULL || candidates->crowded)
        return NULL;
    if (gate->samples >= OFFSET_SAMPLES && !best->match.strong &&
        away(gate, &best->match) > OFFSET_ALONE_NS + 20 * gate->spread_ns)
        return NULL;
    if (v->contested && !stands_out(gate, &best->match, v->contest_score, v->contest_ns))
        return NULL;
    for (uint32_t i = 0; i < candidates->count; i++) {
        const struct candidate *k = &candidates->list[i];
        if (k != best && !stands_out(gate, &best->match, k->match.score, away(gate, &k->match)))
            return NULL;
    }
    return best;
}

/* ---- deciding */

/* By which keys a strong partner can be found: initial sequence numbers where there are such, else anything, if there
 * is a time stamp or an IP identification that can make it strong. */
static unsigned strong_kinds(const struct view *v)
{
    if ((v->evidence & (FLOW_HAS_SRC_ISN | FLOW_HAS_DST_ISN)) != 0)
        return KINDS_ISN;
    bool stamped = (v->evidence & (FLOW_HAS_SRC_TIMESTAMP | FLOW_HAS_DST_TIMESTAMP)) != 0;
    return stamped || (v->ip_id[HALF_SRC] != 0 && v->ip_id[HALF_DST] != 0) ? KINDS_ALL : 0;
}

/* Links `number` if a strong candidate is the only one, in both directions. */
static bool decide_strong(struct correlator *c, struct gate *gate, uint32_t number, struct conclusions *out)
{
    struct candidates mine, theirs;
    const struct candidate *strong = NULL;
    unsigned kinds = strong_kinds(&gate->views.views[number]);
    if (kinds == 0)
        return false;
    find_candidates(gate, number, kinds, CORRELATE_STRONG_MAX, &mine);
    if (mine.crowded)
        return false; /* when its time has come */
    for (uint32_t i = 0; i < mine.count; i++) {
        if (!mine.list[i].match.strong)
            continue;
        if (strong != NULL)
            return false;
        strong = &mine.list[i];
    }
    if (strong == NULL)
        return false;
    find_candidates(gate, strong->number, kinds, CORRELATE_STRONG_MAX, &theirs);
    if (theirs.crowded)
        return false;
    for (uint32_t i = 0; i < theirs.count; i++) {
        if (theirs.list[i].match.strong && theirs.list[i].number != number)
            return false;
    }
    bool inside = gate->views.views[number].side == SIDE_INSIDE;
    make_link(c, gate, inside ? number : strong->number, inside ? strong->number : number, &strong->match, mine.count,
              out);
    return true;
}

static bool window_is_over(const struct gate *gate, const struct view *v)
{
    return gate->ends[other_side(v->side)].listened_ns - v->stamp_ns >= gate->boundary.window_ns;
}

/* Can no rival of this view come any more? */
static bool is_settled(const struct gate *gate, const struct view *v)
{
    if (window_is_over(gate, v))
        return true;
    return gate->reported_ns >= v->first_ns + gate->boundary.tolerance_ns;
}

/* Links a settled view if one candidate is singled out in both directions and is settled too. *ret_open: a candidate is
 * not settled yet, so ask again. */
static bool decide(struct correlator *c, struct gate *gate, uint32_t number, struct conclusions *out,
                   uint32_t *ret_candidates, bool *ret_open)
{
    struct candidates mine, theirs;
    find_candidates(gate, number, KINDS_ALL, CORRELATE_CANDIDATES_MAX, &mine);
    *ret_candidates = mine.crowded ? CORRELATE_CANDIDATES_MAX : mine.count;
    *ret_open = false;
    for (uint32_t i = 0; i < mine.count; i++)
        *ret_open = *ret_open || !is_settled(gate, &gate->views.views[mine.list[i].number]);
    const struct candidate *best = *ret_open ? NULL : single_out(gate, &gate->views.views[number], &mine);
    if (best == NULL ||
        (!best->match.strong && gate->evicted && c->ran_ns - gate->evicted_ns < gate->boundary.window_ns))
        return false;
    find_candidates(gate, best->number, KINDS_ALL, CORRELATE_CANDIDATES_MAX, &theirs);
    const struct candidate *back = single_out(gate, &gate->views.views[best->number], &theirs);
    if (back == NULL || back->number != number)
        return false;
    bool inside = gate->views.views[number].side == SIDE_INSIDE;
    make_link(c, gate, inside ? number : best->number, inside ? best->number : number, &best->match,
              mine.count > theirs.count ? mine.count : theirs.count, out);
    return true;
}

static enum verdict_word word_for(const struct view *v, uint32_t candidates)
{
    if (candidates > 0 || v->contested)
        return VERDICT_AMBIGUOUS;
    return v->side == SIDE_INSIDE && (v->evidence & FLOW_HAS_SRC_ISN) != 0 ? VERDICT_BLOCKED_OR_LOCAL
                                                                           : VERDICT_NO_PARTNER;
}

/* One waiting view; it may be gone afterwards, and so may another (its partner). True: a decision was tried. */
static bool look_at(struct correlator *c, struct gate *gate, uint32_t number, int64_t now_ns, struct conclusions *out)
{
    struct view *v = &gate->views.views[number];
    bool over = window_is_over(gate, v), expired = now_ns - v->arrived_ns >= CORRELATE_WAIT_MAX_NS;
    if (!over && !expired && (v->tried || !is_settled(gate, v)))
        return false;
    uint32_t candidates;
    bool open;
    if (decide(c, gate, number, out, &candidates, &open))
        return true;
    if (expired || (over && !open))
        give_up(c, gate, number, word_for(v, candidates), candidates, out);
    else
        v->tried = !open;
    return true;
}

/* Decisions remove the view and perhaps another: places are walked by number, which stays. */
static void look_at_all(struct correlator *c, struct gate *gate, int64_t now_ns, struct conclusions *out)
{
    unsigned decisions = 0;
    for (uint32_t i = 0; i < gate->views.capacity && decisions < CORRELATE_DECISIONS_MAX; i++) {
        if (++gate->looked_at >= gate->views.capacity)
            gate->looked_at = 0;
        if (gate->views.views[gate->looked_at].used)
            decisions += look_at(c, gate, gate->looked_at, now_ns, out);
    }
}

void correlator_run(struct correlator *c, int64_t now_ns, struct conclusions *out)
{
    int64_t passed = c->ran_ns == 0 ? 0 : now_ns - c->ran_ns;
    c->ran_ns = now_ns;
    for (size_t g = 0; g < c->gate_count; g++) {
        struct gate *gate = &c->gates[g];
        gate->reported_ns = INT64_MAX;
        for (int side = 0; side < SIDE_COUNT; side++) {
            struct end *end = &gate->ends[side];
            int64_t reach = reported(c, sensor_of(gate, side), now_ns);
            if ((end->heard && now_ns - end->heard_ns <= CORRELATE_SILENT_NS) || reach == INT64_MAX)
                end->listened_ns += passed;
            gate->reported_ns = reach < gate->reported_ns ? reach : gate->reported_ns;
        }
        look_at_all(c, gate, now_ns, out);
    }
    for (size_t s = 0; s < c->sensor_count; s++)
        forget_lives(c, &c->sensors[s], now_ns);
}

/* ---- records */

static void evict_oldest(struct correlator *c, struct gate *gate, int64_t now_ns, struct conclusions *out)
{
    gate->evicted = true;
    gate->evicted_ns = now_ns;
    give_up(c, gate, gate->views.oldest, VERDICT_EVICTED, 0, out);
}

/* A flow's first record makes a view; later ones add to it while it waits. A flow that was decided upon is not taken up
 * again: two links must never claim it. */
static void gate_add(struct correlator *c, struct gate *gate, enum side side, uint32_t life, const struct flow *flow,
                     int64_t now_ns, struct conclusions *out)
{
    uint32_t number = views_find(&gate->views, side, life, flow->flow);
    if (number != VIEW_NONE) {
        if (flow->report == 0)
            return; /* the same record again */
        if (!view_merge(&gate->views.views[number], flow))
            return;
        gate->views.views[number].tried = false;
        views_rechain(&gate->views, number);
    } else {
        if (flow->report != 0)
            return;
        struct view view;
        view_from_flow(&view, flow);
        view.observer = life;
        view.side = (uint8_t)side;
        view.arrived_ns = now_ns;
        view.stamp_ns = gate->ends[other_side(side)].listened_ns;
        if (gate->views.count == CORRELATE_VIEWS_MAX)
            evict_oldest(c, gate, now_ns, out);
        number = views_add(&gate->views, &view);
        if (number == VIEW_NONE) {
            out->failed = true;
            return;
        }
        c->lives[life].waiting++;
    }
    decide_strong(c, gate, number, out);
}

/* The rows of one observer, at one boundary. */
static void add_observed(struct correlator *c, struct gate *gate, enum side side, uint32_t life,
                         const struct flow_batch *flows, uint32_t observer, int64_t now_ns, struct conclusions *out)
{
    for (uint32_t row = 0; row < flows->rows; row++) {
        struct flow flow;
        if (flows->observer[row] != observer)
            continue;
        flow_batch_get(flows, row, &flow);
        gate_add(c, gate, side, life, &flow, now_ns, out);
    }
}

/* Observers at no boundary leave nothing here: a collector may have any number of exporters. */
static void add_rows(struct correlator *c, struct gate *only, const struct flow_batch *flows, int64_t now_ns,
                     struct conclusions *out)
{
    for (uint32_t o = 0; o < flows->observer_count; o++) {
        for (size_t g = 0; g < c->gate_count; g++) {
            struct gate *gate = &c->gates[g];
            int side = only == NULL || only == gate ? side_of(gate, flows->observers[o].sensor) : -1;
            uint32_t life = side < 0 ? VIEW_NONE : life_get(c, &flows->observers[o]);
            if (side >= 0 && life == VIEW_NONE)
                out->failed = true;
            if (life == VIEW_NONE)
                continue;
            c->lives[life].heard_ns = now_ns;
            add_observed(c, gate, (enum side)side, life, flows, o, now_ns, out);
        }
    }
}

void correlator_add(struct correlator *c, const struct flow_batch *flows, int64_t now_ns, struct conclusions *out)
{
    add_rows(c, NULL, flows, now_ns, out);
}

void correlator_restore(struct correlator *c, const char *boundary, const struct flow_batch *flows, int64_t now_ns,
                        struct conclusions *out)
{
    struct gate *gate = gate_find(c, boundary);
    if (gate != NULL)
        add_rows(c, gate, flows, now_ns, out);
}

void correlator_told(struct correlator *c, const struct observer *observer, int64_t through_ns, bool ended,
                     int64_t now_ns)
{
    uint32_t number = is_at_boundary(c, observer->sensor) ? life_get(c, observer) : VIEW_NONE;
    if (number == VIEW_NONE)
        return; /* without it nothing settles early; the window still ends */
    struct life *life = &c->lives[number];
    if (through_ns != 0 && through_ns > life->through_ns)
        life->through_ns = through_ns;
    life->ended = life->ended || ended;
    if (life->heard_ns == 0)
        life->heard_ns = now_ns;
}
