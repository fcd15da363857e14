/* SPDX-License-Identifier: Apache-2.0 */
/* Coverage: gaps, reaches, and the state they come to. */
#include "aggregator/answer/coverage.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/answer/work.h"
#include "aggregator/lives.h"
#include "aggregator/receive/receive.h"
#include "common/clock.h"
#include "common/records/loss.h"
#include "common/records/status.h"

void coverage_begin(struct coverage *coverage, struct store *store)
{
    struct store_summary summary;
    store_summarise(store, &summary);
    *coverage = (struct coverage){.position = summary.position};
}

void coverage_fini(struct coverage *coverage)
{
    free(coverage->gaps);
    coverage->gaps = NULL;
}

void coverage_gap(struct coverage *coverage, const struct coverage_gap *gap)
{
    if (coverage->gap_count == coverage->gap_capacity) {
        size_t capacity = coverage->gap_capacity == 0 ? 16 : coverage->gap_capacity * 2;
        struct coverage_gap *grown =
            capacity > COVERAGE_GAPS_MAX ? NULL : realloc(coverage->gaps, capacity * sizeof(*grown));
        if (grown == NULL) {
            coverage->more_gaps = true;
            return;
        }
        coverage->gaps = grown;
        coverage->gap_capacity = capacity;
    }
    coverage->gaps[coverage->gap_count] = *gap;
    text_clean(coverage->gaps[coverage->gap_count++].reason); /* it may have been cut inside a character */
}

void coverage_cut(struct coverage *coverage, uint64_t limit)
{
    struct coverage_gap gap = {.kind = PAVO__GAP__KIND__LIMIT, .unit = ""};
    snprintf(gap.reason, sizeof(gap.reason),
             "there is more than the limit of %" PRIu64 " rows: narrow the question, or raise --limit", limit);
    coverage_gap(coverage, &gap);
}

void coverage_limited(struct coverage *coverage, uint64_t limit)
{
    struct coverage_gap gap = {.kind = PAVO__GAP__KIND__LIMIT, .unit = "", .noted = true};
    snprintf(gap.reason, sizeof(gap.reason), "--limit %" PRIu64 " reached: there are more", limit);
    coverage_gap(coverage, &gap);
}

void coverage_full(struct coverage *coverage)
{
    struct coverage_gap gap = {.kind = PAVO__GAP__KIND__LIMIT,
                               .unit = "",
                               .reason = "there is more than one question may remember having given: narrow it"};
    coverage_gap(coverage, &gap);
}

/* Does [from, to] touch the time asked about? */
static bool is_asked(const struct coverage *coverage, int64_t from_ns, int64_t to_ns)
{
    return (coverage->to_ns == 0 || from_ns < coverage->to_ns) && (coverage->from_ns == 0 || to_ns > coverage->from_ns);
}

void coverage_pending(struct coverage *coverage, const struct store_life *lives, size_t count, size_t which,
                      enum lost_fate fate, int64_t now_ns)
{
    struct coverage_gap gap = {.kind = PAVO__GAP__KIND__STATE, .unit = "records"};
    char reason[LOST_REASON_MAX];
    struct loss loss;
    if (!lost_pending(lives, count, which, fate, now_ns, &loss, reason) ||
        !is_asked(coverage, loss.from_time, loss.to_time))
        return;
    memcpy(gap.sensor, lives[which].observer.sensor, sizeof(gap.sensor));
    gap.from_ns = loss.from_time;
    gap.to_ns = loss.to_time;
    snprintf(gap.reason, sizeof(gap.reason), "%s%s",
             fate == LOST_AWAY   ? "away, and what it held and saw since is not here: "
             : fate == LOST_DIED ? "died, and what it held and saw is not declared lost yet: "
                                 : "",
             reason);
    coverage_gap(coverage, &gap);
}

void coverage_paused(struct coverage *coverage, const char *reason)
{
    struct coverage_gap gap = {.kind = PAVO__GAP__KIND__STATE, .unit = ""};
    snprintf(gap.reason, sizeof(gap.reason), "intake is paused: %s", reason);
    coverage_gap(coverage, &gap);
}

/* ---- reaches: of each sensor the newest life */

struct reaches {
    struct store_life *lives;
    size_t life_count;
    Pavo__Reach *reaches, **pointers;
    size_t count;
};

static void reaches_fini(struct reaches *r)
{
    store_lives_free(&r->lives, r->life_count);
    free(r->reaches);
    free(r->pointers);
}

static enum result reaches_init(struct reaches *reaches, struct store *store, struct error *err)
{
    *reaches = (struct reaches){0};
    enum result r = lives_read(store, false, &reaches->lives, &reaches->life_count, err);
    if (r != RESULT_OK)
        return r;
    reaches->reaches = calloc(reaches->life_count + 1, sizeof(*reaches->reaches));
    reaches->pointers = calloc(reaches->life_count + 1, sizeof(*reaches->pointers));
    if (reaches->reaches == NULL || reaches->pointers == NULL) {
        reaches_fini(reaches);
        return error_set(err, RESULT_AGAIN, "out of memory");
    }
    for (size_t i = 0; i < reaches->life_count; i++) {
        const struct store_life *life = &reaches->lives[i];
        const struct status_columns *status = life->status == NULL ? NULL : status_columns(life->status);
        int64_t through = status == NULL ? 0 : status->reported_through[0];
        /* Detectors and witnesses report no flows, and say nothing of through when; a life that has ended in order
         * without having said it (it read files) is not still to report. */
        bool ended = status != NULL && status->last[0] != 0;
        if (!life_is_newest(reaches->lives, reaches->life_count, i) || (through == 0 && (life->packets == 0 || ended)))
            continue;
        Pavo__Reach *reach = &reaches->reaches[reaches->count];
        pavo__reach__init(reach);
        reach->sensor = (char *)life->observer.sensor;
        reach->epoch = life->observer.epoch;
        reach->through_ns = through;
        reaches->pointers[reaches->count++] = reach;
    }
    return RESULT_OK;
}

/* ---- gaps of what is stored */

/* A life of which a loss was declared, and all of which came after all, lost nothing. */
static bool has_come(const struct reaches *reaches, const struct observer *observer)
{
    for (size_t i = 0; i < reaches->life_count; i++) {
        if (observer_equal(&reaches->lives[i].observer, observer))
            return lost_came(&reaches->lives[i]);
    }
    return false;
}

static void add_loss(struct coverage *coverage, const struct reaches *reaches, const struct records *records,
                     uint32_t row)
{
    const struct loss_columns *l = loss_columns(records);
    bool died = l->loss[row] == LOSS_RECORDS_DIED;
    if (died && has_come(reaches, &records->observers[l->observer[row]]))
        return;
    const char *interface = l->interface[row], *reason = l->reason[row];
    struct coverage_gap gap = {.kind = PAVO__GAP__KIND__LOSS,
                               .from_ns = l->from_time[row],
                               .to_ns = l->to_time[row],
                               .at_most = died ? 0 : l->count[row], /* the reason says: at least */
                               .unit = loss_kind_unit(l->loss[row])};
    snprintf(gap.sensor, sizeof(gap.sensor), "%s", l->observers[l->observer[row]].sensor);
    snprintf(gap.reason, sizeof(gap.reason), "%s%s%s%s%s", loss_kind_text(l->loss[row]),
             interface == NULL ? "" : " on ", interface == NULL ? "" : interface, reason == NULL ? "" : ": ",
             reason == NULL ? "" : reason);
    coverage_gap(coverage, &gap);
}

static enum result add_losses(struct work *work, const struct reaches *reaches, struct error *err)
{
    struct coverage *c = &work->coverage;
    const struct store_query query = {
        .kind = RECORD_LOSS, .from_ns = c->from_ns, .to_ns = c->to_ns, .limit = COVERAGE_LOSSES_MAX + 1};
    struct records *records;
    enum result r = store_collect(work->second, &query, &records, err);
    if (r != RESULT_OK)
        return r;
    for (uint32_t i = 0; i < records->rows && i < COVERAGE_LOSSES_MAX; i++)
        add_loss(c, reaches, records, i);
    c->more_gaps = c->more_gaps || records->rows > COVERAGE_LOSSES_MAX;
    records_free(&records);
    return RESULT_OK;
}

static enum result add_silent(struct work *work, struct error *err)
{
    struct coverage *c = &work->coverage;
    char(*silent)[OBSERVER_NAME_MAX] = NULL;
    size_t count = 0;
    if (c->from_ns == 0 && c->to_ns == 0)
        return RESULT_OK; /* of all time, nobody has been silent whom the store knows */
    enum result r = store_silent(work->second, c->from_ns, c->to_ns, &silent, &count, err);
    for (size_t i = 0; i < count && r == RESULT_OK; i++) {
        struct coverage_gap gap = {.kind = PAVO__GAP__KIND__SILENT,
                                   .from_ns = c->from_ns,
                                   .to_ns = c->to_ns,
                                   .unit = "",
                                   .reason = "said nothing in that time"};
        memcpy(gap.sensor, silent[i], sizeof(gap.sensor));
        coverage_gap(c, &gap);
    }
    free(silent);
    return r;
}

/* A speaker that was heard a moment ago is connected, be it that the aggregator has only just begun. */
static enum result add_pending(struct work *work, const struct reaches *reaches, struct error *err)
{
    struct receiver_report report;
    int64_t now = clock_wall_ns();
    enum result r = receiver_report(work->options->receiver, &report, err);
    for (size_t i = 0; r == RESULT_OK && i < reaches->life_count; i++) {
        const struct store_life *life = &reaches->lives[i];
        const struct receiver_sensor *door = receiver_report_find(&report, life->observer.sensor);
        bool newest = life_is_newest(reaches->lives, reaches->life_count, i);
        bool connected = (door != NULL && door->connected) || now - life->last_received_ns <= RECEIVE_CONNECTED_NS;
        bool replaced = newest && door != NULL && door->epoch > life->observer.epoch;
        enum lost_fate fate = lost_fate(reaches->lives, reaches->life_count, i, connected, replaced);
        coverage_pending(&work->coverage, reaches->lives, reaches->life_count, i, fate, now);
    }
    if (r == RESULT_OK)
        free(report.sensors);
    return r;
}

static enum result add_damaged(struct work *work, struct error *err)
{
    struct coverage *c = &work->coverage;
    struct store_damage *damages;
    size_t count;
    enum result r = store_damaged(work->options->store, &damages, &count, err);
    for (size_t i = 0; i < count && r == RESULT_OK; i++) {
        const struct store_damage *d = &damages[i];
        struct coverage_gap gap = {.kind = PAVO__GAP__KIND__DAMAGED,
                                   .from_ns = d->from_ns,
                                   .to_ns = d->to_ns,
                                   .at_most = d->records,
                                   .unit = d->records > 0 ? "records" : ""};
        if (d->from_ns < d->to_ns && !is_asked(c, d->from_ns, d->to_ns))
            continue;
        snprintf(gap.reason, sizeof(gap.reason), "%s", d->text);
        coverage_gap(c, &gap);
    }
    if (r == RESULT_OK)
        free(damages);
    return r;
}

/* ---- the reply */

/* Does the store hold anything of the time asked about? What came last counts up to its receipt: a quiet network is
 * not an absent one. */
static bool holds_any(const struct coverage *c, const struct store_summary *s)
{
    int64_t newest = s->last_ns > s->last_received_ns ? s->last_ns : s->last_received_ns;
    return s->last_received_ns != 0 && (c->from_ns == 0 || c->from_ns <= newest) &&
           (c->to_ns == 0 || c->to_ns > s->first_ns);
}

static void fill_gap(Pavo__Gap *message, struct coverage_gap *gap)
{
    pavo__gap__init(message);
    message->kind = gap->kind;
    message->sensor = gap->sensor;
    message->from_ns = gap->from_ns;
    message->to_ns = gap->to_ns;
    message->at_most = gap->at_most;
    message->unit = (char *)gap->unit;
    message->reason = gap->reason;
}

/* Is something missing? */
static bool is_partial(const struct coverage *c)
{
    bool partial = c->more_gaps;
    for (size_t i = 0; i < c->gap_count; i++)
        partial = partial || !c->gaps[i].noted;
    return partial;
}

static enum result send(struct work *work, struct reaches *reaches, struct error *err)
{
    struct coverage *c = &work->coverage;
    bool of_stored = work->arguments.question->basis != QUESTION_OF_NOW;
    struct coverage_gap more = {
        .kind = PAVO__GAP__KIND__LIMIT, .unit = "", .reason = "there are more gaps than are listed here"};
    Pavo__Gap *gaps = calloc(c->gap_count + 1, sizeof(*gaps)), **pointers = calloc(c->gap_count + 1, sizeof(*pointers));
    struct store_summary summary;
    if (gaps == NULL || pointers == NULL) {
        free(gaps);
        free(pointers);
        return error_set(err, RESULT_AGAIN, "out of memory");
    }
    for (size_t i = 0; i <= c->gap_count; i++) {
        fill_gap(&gaps[i], i < c->gap_count ? &c->gaps[i] : &more);
        pointers[i] = &gaps[i];
    }
    store_summarise(work->options->store, &summary);
    Pavo__Coverage message = PAVO__COVERAGE__INIT;
    message.gaps = pointers;
    message.n_gaps = c->gap_count + c->more_gaps;
    message.reaches = reaches->pointers;
    message.n_reaches = reaches->count;
    message.state = of_stored && !holds_any(c, &summary) ? PAVO__COVERAGE__STATE__NONE
                    : is_partial(c)                      ? PAVO__COVERAGE__STATE__PARTIAL
                                                         : PAVO__COVERAGE__STATE__WHOLE;
    message.from_ns = c->from_ns;
    message.to_ns = c->to_ns;
    message.oldest_ns = summary.first_ns;
    message.newest_ns = summary.last_ns;
    message.rows = c->rows;
    message.elapsed_ns = clock_monotonic_ns() - work->started_ns;
    message.position = c->position;
    Pavo__Reply reply = PAVO__REPLY__INIT;
    reply.coverage = &message;
    enum result r = work->reply(work->context, &reply);
    free(gaps);
    free(pointers);
    return r;
}

static enum result add_gaps(struct work *work, const struct reaches *reaches, struct error *err)
{
    enum question_basis basis = work->arguments.question->basis;
    enum result r = basis == QUESTION_OF_TRAFFIC ? add_losses(work, reaches, err) : RESULT_OK;
    if (r == RESULT_OK && basis != QUESTION_OF_NOW)
        r = add_damaged(work, err);
    if (r == RESULT_OK && basis != QUESTION_OF_NOW)
        r = add_silent(work, err);
    if (r == RESULT_OK && basis == QUESTION_OF_TRAFFIC)
        r = add_pending(work, reaches, err);
    return r;
}

enum result coverage_send(struct work *work, struct error *err)
{
    struct reaches reaches;
    enum result r = reaches_init(&reaches, work->options->store, err);
    if (r != RESULT_OK)
        return r;
    r = add_gaps(work, &reaches, err);
    if (r == RESULT_OK)
        r = send(work, &reaches, err);
    reaches_fini(&reaches);
    return r;
}

/* ---- of a step */

static void append_gap(const struct coverage_gap *gap, char *text, size_t size)
{
    char from[TIME_TEXT_MAX], to[TIME_TEXT_MAX];
    size_t used = strlen(text);
    bool lasts = gap->kind != PAVO__GAP__KIND__SILENT && gap->from_ns != 0 && gap->to_ns != 0;
    snprintf(text + used, size - used, "%s%s%s%s", used > 0 ? "; " : "", gap->sensor,
             gap->sensor[0] != '\0' ? ": " : "", gap->reason);
    used = strlen(text);
    if (gap->at_most > 0)
        snprintf(text + used, size - used, ", at most %" PRIu64 " %s", gap->at_most, gap->unit);
    used = strlen(text);
    if (lasts)
        snprintf(text + used, size - used, " (%s to %s)", time_text(floor_ns(gap->from_ns, NS_PER_S), true, from),
                 time_text(floor_ns(gap->to_ns, NS_PER_S), true, to));
}

enum result coverage_sentence(struct work *work, int64_t from_ns, int64_t to_ns, char *text, size_t size,
                              struct error *err)
{
    struct reaches reaches;
    const struct coverage whole = work->coverage;
    enum result r = reaches_init(&reaches, work->options->store, err);
    if (r != RESULT_OK)
        return r;
    work->coverage = (struct coverage){.from_ns = from_ns, .to_ns = to_ns};
    r = add_gaps(work, &reaches, err);
    text[0] = '\0';
    for (size_t i = 0; r == RESULT_OK && i < work->coverage.gap_count; i++)
        append_gap(&work->coverage.gaps[i], text, size);
    text_clean(text); /* it may have been cut inside a character */
    coverage_fini(&work->coverage);
    work->coverage = whole;
    reaches_fini(&reaches);
    return r;
}
