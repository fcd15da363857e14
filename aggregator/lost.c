/* SPDX-License-Identifier: Apache-2.0 */
/* What lives that died took with them. */
#include "aggregator/lost.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/lives.h"
#include "common/clock.h"
#include "common/records/status.h"

/* ---- one life */

static const struct status_columns *status_of(const struct store_life *life)
{
    return life->status == NULL ? NULL : status_columns(life->status);
}

static bool has_ended(const struct store_life *life)
{
    return life->status != NULL && status_of(life)->last[0] != 0;
}

/* Records that it said it had made, and that are neither here nor declared by itself. */
static uint64_t missing(const struct store_life *life)
{
    uint64_t made = life->status == NULL ? 0 : status_of(life)->records_made[0];
    uint64_t here = life->records < made ? life->records : made;
    return made - here > life->records_lost ? made - here - life->records_lost : 0;
}

static bool is_same_speaker(const struct store_life *lives, size_t count, size_t a, size_t b)
{
    return b < count && strcmp(lives[a].observer.sensor, lives[b].observer.sensor) == 0;
}

/* Has a newer life spoken since this one did? */
static bool is_followed(const struct store_life *lives, size_t count, size_t which)
{
    for (size_t i = which + 1; is_same_speaker(lives, count, which, i); i++) {
        if (lives[i].last_received_ns >= lives[which].last_received_ns && lives[i].batches > 0)
            return true;
    }
    return false;
}

enum lost_fate lost_fate(const struct store_life *lives, size_t count, size_t which, bool connected, bool replaced)
{
    if (has_ended(&lives[which]))
        return LOST_ENDED;
    if (replaced || lives[which].died || is_followed(lives, count, which))
        return LOST_DIED;
    return connected ? LOST_SPEAKS : LOST_AWAY;
}

struct lost_books lost_books(const struct store_life *life, enum lost_fate fate)
{
    const struct status_columns *s = status_of(life);
    if (s != NULL && (fate == LOST_SPEAKS || fate == LOST_AWAY))
        return (struct lost_books){s->records_made[0], s->records_lost[0], s->records_held[0]};
    uint64_t open = missing(life), declared = open < life->records_died ? open : life->records_died;
    return (struct lost_books){.made = life->records + life->records_lost + open,
                               .lost = life->records_lost + declared,
                               .held = open - declared};
}

bool lost_came(const struct store_life *life)
{
    return has_ended(life) && missing(life) == 0;
}

/* ---- as a loss */

/* Is there something nobody has declared? */
static bool is_open(const struct store_life *life)
{
    return life->batches > 0 && ((!has_ended(life) && !life->died) || missing(life) > life->records_died);
}

/* From where on its last word promises nothing: what was before its start it never saw. */
static int64_t told_through(const struct store_life *life)
{
    const struct status_columns *s = status_of(life);
    if (s == NULL || s->reported_through[0] == 0)
        return life->last_received_ns;
    return s->reported_through[0] > s->started[0] ? s->reported_through[0] : s->started[0];
}

/* When the next life began; without one: now. */
static int64_t silent_until(const struct store_life *lives, size_t count, size_t which, int64_t now_ns)
{
    if (!is_same_speaker(lives, count, which, which + 1))
        return now_ns;
    const struct store_life *next = &lives[which + 1];
    return next->status == NULL || status_of(next)->started[0] == 0 ? next->last_received_ns
                                                                    : status_of(next)->started[0];
}

/* "WHAT unknown", and the least there is. */
static int add_unknown(char *text, size_t size, const char *what, uint64_t least, const char *where)
{
    return least == 0 ? snprintf(text, size, "%s unknown", what)
                      : snprintf(text, size, "%s unknown, at least %" PRIu64 "%s", what, least, where);
}

static void describe(const struct store_life *life, const char *what, uint64_t least,
                     char reason[static LOST_REASON_MAX])
{
    const struct status_columns *s = status_of(life);
    size_t at = (size_t)snprintf(reason, LOST_REASON_MAX, "life %" PRIu64, life->observer.epoch);
    if (has_ended(life)) {
        snprintf(reason + at, LOST_REASON_MAX - at, " ended, and %" PRIu64 " records that it had made %s", least, what);
        return;
    }
    at += (size_t)snprintf(reason + at, LOST_REASON_MAX - at, ": ");
    at += (size_t)add_unknown(reason + at, LOST_REASON_MAX - at, "records", least, "");
    at += (size_t)snprintf(reason + at, LOST_REASON_MAX - at, "; ");
    add_unknown(reason + at, LOST_REASON_MAX - at, "packets", s == NULL ? 0 : s->packets_in_table[0],
                " in its flow table");
}

static void fill(const struct store_life *lives, size_t count, size_t which, const char *what, int64_t now_ns,
                 struct loss *ret_loss, char reason[static LOST_REASON_MAX])
{
    const struct store_life *life = &lives[which];
    const struct status_columns *s = status_of(life);
    bool ended = has_ended(life);
    int64_t from = ended ? s->started[0] : told_through(life);
    int64_t to = ended ? s->time[0] : silent_until(lives, count, which, now_ns);
    uint64_t open = missing(life);
    uint64_t least = open > life->records_died ? open - life->records_died : 0;
    describe(life, what, least, reason);
    *ret_loss = (struct loss){.loss = LOSS_RECORDS_DIED,
                              .from_time = from < to ? from : to, /* clocks may have been set back */
                              .to_time = from < to ? to : from,
                              .count = least,
                              .reason = reason};
}

bool lost_pending(const struct store_life *lives, size_t count, size_t which, enum lost_fate fate, int64_t now_ns,
                  struct loss *ret_loss, char reason[static LOST_REASON_MAX])
{
    if (fate == LOST_SPEAKS || !is_open(&lives[which]))
        return false;
    fill(lives, count, which, "are not here", now_ns, ret_loss, reason);
    return true;
}

/* ---- all of them */

/* A clock that was set back leaves lives that were heard in the future: they are not heard now. */
static bool is_quiet(const struct store_life *life, int64_t now_ns, int64_t quiet_ns)
{
    return now_ns - life->last_received_ns >= quiet_ns || life->last_received_ns - now_ns >= quiet_ns;
}

static enum result add(struct records **losses, const struct observer *observer, struct loss *loss)
{
    if (*losses == NULL)
        *losses = records_new(record_kinds[RECORD_LOSS], 4);
    if (*losses == NULL)
        return RESULT_AGAIN;
    enum result r = records_observer(*losses, observer, &loss->observer);
    return r == RESULT_OK && records_append(losses, loss) != RESULT_OK ? RESULT_AGAIN : r;
}

enum result lost_declare(const struct store_life *lives, size_t count, int64_t now_ns, int64_t quiet_ns,
                         struct records **ret_losses, bool *ret_later, struct error *err)
{
    struct records *losses = NULL;
    bool later = false;
    for (size_t i = 0; i < count; i++) {
        char reason[LOST_REASON_MAX];
        struct loss loss;
        if (!is_open(&lives[i]) || !is_followed(lives, count, i))
            continue;
        bool full = losses != NULL && losses->observer_count == RECORDS_OBSERVERS_MAX;
        if (full || !is_quiet(&lives[i], now_ns, quiet_ns)) {
            later = true;
            continue;
        }
        fill(lives, count, i, "never came", now_ns, &loss, reason);
        if (add(&losses, &lives[i].observer, &loss) != RESULT_OK) {
            records_free(&losses);
            return error_set(err, RESULT_AGAIN, "out of memory");
        }
    }
    *ret_losses = losses;
    *ret_later = later;
    return RESULT_OK;
}

/* ---- when to look */

void lost_init(struct lost *lost, int64_t now_ns, int64_t quiet_ns)
{
    *lost = (struct lost){.quiet_ns = quiet_ns, .due_ns = now_ns + quiet_ns};
}

void lost_fini(struct lost *lost)
{
    observers_fini(&lost->speakers);
    free(lost->epochs);
    *lost = (struct lost){.due_ns = INT64_MAX};
}

/* Where the speaker's epoch stands; 0 when it is new. NULL: out of memory. */
static uint64_t *epoch_of(struct lost *lost, const char *sensor)
{
    struct observer name = {0};
    snprintf(name.sensor, sizeof(name.sensor), "%s", sensor);
    uint32_t number = observers_find(&lost->speakers, &name);
    if (number != UINT32_MAX)
        return &lost->epochs[number];
    if (lost->speakers.count == lost->capacity) {
        uint32_t capacity = lost->capacity == 0 ? 16 : lost->capacity * 2;
        uint64_t *grown = realloc(lost->epochs, capacity * sizeof(*grown));
        if (grown == NULL)
            return NULL;
        lost->epochs = grown;
        lost->capacity = capacity;
    }
    if (observers_add(&lost->speakers, &name) != RESULT_OK)
        return NULL;
    lost->epochs[lost->speakers.count - 1] = 0;
    return &lost->epochs[lost->speakers.count - 1];
}

void lost_heard(struct lost *lost, const struct observer *speaker, int64_t now_ns)
{
    uint64_t *epoch = epoch_of(lost, speaker->sensor);
    bool another = epoch == NULL || *epoch != speaker->epoch; /* without memory for it: look once too often */
    if (epoch != NULL)
        *epoch = speaker->epoch;
    if (another && lost->due_ns == INT64_MAX)
        lost->due_ns = now_ns + lost->quiet_ns;
}

bool lost_due(const struct lost *lost, int64_t now_ns)
{
    return now_ns >= lost->due_ns;
}

void lost_looked(struct lost *lost, bool later, int64_t now_ns)
{
    lost->due_ns = later ? now_ns + lost->quiet_ns : INT64_MAX;
}
