/* SPDX-License-Identifier: Apache-2.0 */
/* sensors: what each life of each sensor said of itself, beside what the store and the door know of it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/answer/columns.h"
#include "aggregator/answer/sums.h"
#include "aggregator/answer/work.h"
#include "aggregator/lives.h"
#include "aggregator/lost.h"
#include "aggregator/receive/receive.h"
#include "common/clock.h"

#define SENSOR_STATES(X)                                                                                               \
    X(UNKNOWN, unknown) X(CONNECTED, connected) X(ENDED, ended) X(AWAY, away) X(NO_STATUS, no_status) X(DIED, died)
enum sensor_state {
#define X(name, word) SENSOR_##name,
    SENSOR_STATES(X)
#undef X
        SENSOR_STATE_COUNT
};
static const char *const state_words[SENSOR_STATE_COUNT] = {
#define X(name, word) #word,
    SENSOR_STATES(X)
#undef X
};

#define SENSORS_TABLE(X)                                                                                               \
    X(sensor, TEXT, TEXT, NONE, "SENSOR", "its name")                                                                  \
    X(epoch, U64, EPOCH, NONE, NULL, "which life of it")                                                               \
    X(state, U8, WORD, NONE, "STATE",                                                                                  \
      "ended: it said so; died: it did not, and another life began; no_status: connected, and nothing said of itself " \
      "yet")                                                                                                           \
    X(last_heard, TIME, TIME, SET, "HEARD", "when it last said something")                                             \
    X(offered, U64, COUNT, NONE, "SEEN", "packets, over all interfaces; these three of the newest life only")          \
    X(metered, U64, COUNT, NONE, "METERED", "of those, counted in a flow")                                             \
    X(dropped, U64, COUNT, NONE, "DROPPED", "of those, by whatever reason")                                            \
    X(made, U64, COUNT, NONE, "MADE", "records made, but statuses and losses")                                         \
    X(acknowledged, U64, COUNT, NONE, NULL, "of those, known to it as committed")                                      \
    X(committed, U64, COUNT, NONE, "COMMITTED", "of those, in the store")                                              \
    X(lost, U64, COUNT, NONE, "LOST", "records made, in declared losses")                                              \
    X(held, U64, COUNT, NONE, "HELD", "records made, on their way")                                                    \
    X(active, U64, COUNT, NONE, NULL, "flows in its table")                                                            \
    X(in_table, U64, COUNT, NONE, NULL, "packets metered, and not yet in any record")                                  \
    X(packets_committed, U64, COUNT, NONE, NULL, "packets in the flow records that the store holds")                   \
    X(lag, I64, NANOSECONDS, NONE, "LAG", "age of the newest packet when it was handled, the most lately")             \
    X(clock_offset, I64, NANOSECONDS, NONE, "CLOCK", "aggregator's clock minus the sensor's")                          \
    X(clock_error, I64, NANOSECONDS, NONE, "+/-", "how far that may be wrong")                                         \
    X(reported_through, TIME, TIME, SET, NULL, "every flow that began before has been reported")                       \
    X(started, TIME, TIME, SET, NULL, "by the sensor's clock")                                                         \
    X(software, TEXT, TEXT, SET, NULL, "name and version")                                                             \
    X(batches_committed, U64, COUNT, NONE, NULL, "batches of this life that the store holds")                          \
    X(duplicates, U64, COUNT, NONE, NULL, "batches that came again, since the aggregator's start")                     \
    X(rejected, U16, LIST, NONE, NULL, "batches refused since the aggregator's start, by reason")                      \
    X(trouble, TEXT, TEXT, SET, NULL, "which sum does not agree, and how")
#define REJECTED_TABLE(X)                                                                                              \
    X(rejected_reason, TEXT, TEXT, NONE, NULL, "why")                                                                  \
    X(rejected_batches, U64, COUNT, NONE, NULL, "how many")

struct sensors_row {
    SENSORS_TABLE(ANSWER_ROW_MEMBER)
};
struct rejected_item {
    REJECTED_TABLE(ANSWER_ROW_MEMBER)
};
enum { SENSORS_TABLE(ANSWER_ENUM_MEMBER) REJECTED_TABLE(ANSWER_ENUM_MEMBER) };

static const struct record_kind *columns(void)
{
    static struct field fields[] = {
#define X(...) ANSWER_COLUMN(sensors_row, 0, __VA_ARGS__)
        SENSORS_TABLE(X)
#undef X
#define X(...) ANSWER_COLUMN(rejected_item, 1, __VA_ARGS__)
            REJECTED_TABLE(X)
#undef X
    };
    static const struct record_list lists[] = {{.name = "rejected",
                                                .prefix = "rejected_",
                                                .count = COLUMN_rejected,
                                                .first = COLUMN_rejected_reason,
                                                .last = COLUMN_rejected_batches,
                                                .items_max = RECEIVE_REASON_COUNT,
                                                .size = sizeof(struct rejected_item)}};
    static struct answer_columns table = {.name = "sensors",
                                          .fields = fields,
                                          .count = sizeof(fields) / sizeof(*fields),
                                          .row_size = sizeof(struct sensors_row),
                                          .lists = lists,
                                          .list_count = 1,
                                          .words = state_words,
                                          .word_count = SENSOR_STATE_COUNT};
    return answer_columns_kind(&table);
}

/* Of a life that has said nothing of itself; of which no interfaces are kept; without a clock. */
static const unsigned of_status[] = {COLUMN_offered,      COLUMN_metered, COLUMN_dropped, COLUMN_made,
                                     COLUMN_acknowledged, COLUMN_lost,    COLUMN_held,    COLUMN_active,
                                     COLUMN_in_table,     COLUMN_lag};
static const unsigned of_lists[] = {COLUMN_offered, COLUMN_metered, COLUMN_dropped};
static const unsigned of_clock[] = {COLUMN_clock_offset, COLUMN_clock_error};

static enum result unknown(struct work *work, const unsigned *which, size_t count, struct error *err)
{
    enum result r = RESULT_OK;
    for (size_t i = 0; i < count && r == RESULT_OK; i++)
        r = work_unknown(work, which[i], err);
    return r;
}

/* What is lost or does not agree is missing from what the numbers rest on. Of a life that died nobody knows how much
 * is lost. */
static void add_gaps(struct work *work, const struct store_life *life, uint64_t lost, bool died, const char *trouble)
{
    struct coverage_gap gap = {.unit = "records", .at_most = lost > life->records_lost ? lost : life->records_lost};
    memcpy(gap.sensor, life->observer.sensor, sizeof(gap.sensor));
    if (gap.at_most > 0 || died) {
        gap.kind = PAVO__GAP__KIND__LOSS;
        gap.at_most = died ? 0 : gap.at_most;
        snprintf(gap.reason, sizeof(gap.reason), "%s life %" PRIu64 "%s",
                 died ? "what is not committed of" : "records of", life->observer.epoch,
                 died ? ", which died, is declared lost" : " are declared lost");
        coverage_gap(&work->coverage, &gap);
    }
    if (trouble[0] != '\0') {
        gap.kind = PAVO__GAP__KIND__STATE;
        gap.at_most = 0;
        gap.unit = "";
        snprintf(gap.reason, sizeof(gap.reason), "%s", trouble);
        coverage_gap(&work->coverage, &gap);
    }
}

static void fill_status(struct sensors_row *row, const struct store_life *life, enum lost_fate fate)
{
    const struct status_columns *s = status_columns(life->status);
    const struct sensor_sums sums = sensor_sums(life->status, 0);
    const struct lost_books books = lost_books(life, fate);
    row->offered = sums.offered;
    row->metered = sums.metered;
    row->dropped = sums.dropped;
    row->made = books.made;
    /* What of a life that is over came later is acknowledged by what the store holds of it. */
    row->acknowledged = fate == LOST_ENDED || fate == LOST_DIED ? life->records : s->records_acknowledged[0];
    row->lost = books.lost;
    row->held = books.held;
    row->active = s->flows_active[0];
    row->in_table = s->packets_in_table[0];
    row->lag = s->capture_lag[0];
    row->clock_offset = s->clock_offset[0];
    row->clock_error = s->clock_error[0];
    row->reported_through = s->reported_through[0];
    row->started = s->started[0];
    row->software = s->software[0];
}

static enum sensor_state state_of(const struct store_life *life, enum lost_fate fate)
{
    static const enum sensor_state states[] = {[LOST_SPEAKS] = SENSOR_CONNECTED,
                                               [LOST_ENDED] = SENSOR_ENDED,
                                               [LOST_AWAY] = SENSOR_AWAY,
                                               [LOST_DIED] = SENSOR_DIED};
    return fate == LOST_SPEAKS && life->status == NULL ? SENSOR_NO_STATUS : states[fate];
}

static enum result add_rejected(struct work *work, const struct receiver_sensor *door, struct error *err)
{
    enum result r = RESULT_OK;
    for (unsigned reason = 0; reason < RECEIVE_REASON_COUNT && r == RESULT_OK; reason++) {
        const struct rejected_item item = {receive_reason_name(reason), door->rejected[reason]};
        if (item.rejected_batches > 0)
            r = work_add_item(work, 0, &item, err);
    }
    return r;
}

/* A life, with what the door knows of it (NULL: nothing). */
static enum result add_life(struct work *work, const struct store_life *life, const struct receiver_sensor *door,
                            enum lost_fate fate, struct error *err)
{
    char trouble[SUMS_TEXT_MAX] = "";
    struct sensors_row row = {.sensor = life->observer.sensor,
                              .epoch = life->observer.epoch,
                              .state = (uint8_t)state_of(life, fate),
                              .last_heard = life->last_received_ns,
                              .committed = life->records,
                              .packets_committed = life->packets,
                              .batches_committed = life->batches,
                              .duplicates = door == NULL ? 0 : door->duplicates,
                              .trouble = trouble};
    if (door != NULL && door->last_heard_ns > row.last_heard)
        row.last_heard = door->last_heard_ns;
    if (life->status != NULL) {
        fill_status(&row, life, fate);
        (void)sensor_broken(life->status, 0, life->records, trouble);
    }
    add_gaps(work, life, row.lost, life->died && !lost_came(life), trouble);
    enum result r = work_add(work, &row, err);
    if (r == RESULT_OK)
        r = door == NULL ? work_unknown(work, COLUMN_duplicates, err) : add_rejected(work, door, err);
    if (r == RESULT_OK && life->status == NULL)
        r = unknown(work, of_status, sizeof(of_status) / sizeof(*of_status), err);
    if (r == RESULT_OK && life->status != NULL && !life->has_lists)
        r = unknown(work, of_lists, sizeof(of_lists) / sizeof(*of_lists), err);
    if (r == RESULT_OK && (life->status == NULL || status_columns(life->status)->clock_known[0] == 0))
        r = unknown(work, of_clock, sizeof(of_clock) / sizeof(*of_clock), err);
    return r;
}

static enum result add_stored(struct work *work, const struct store_life *lives, size_t count, size_t which,
                              const struct receiver_report *doors, struct error *err)
{
    const struct observer *name = &lives[which].observer;
    const struct receiver_sensor *door = receiver_report_find(doors, name->sensor);
    bool newest = life_is_newest(lives, count, which), replaced = newest && door != NULL && door->epoch > name->epoch;
    /* What the door knows belongs to the sensor's newest life; of one that has committed nothing yet it is all there
     * is. */
    bool is_its = newest && door != NULL && !replaced;
    enum lost_fate fate = lost_fate(lives, count, which, door != NULL && door->connected, replaced);
    coverage_pending(&work->coverage, lives, count, which, fate, clock_wall_ns());
    return add_life(work, &lives[which], is_its ? door : NULL, fate, err);
}

static bool is_stored(const struct store_life *lives, size_t count, const struct receiver_sensor *door)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(lives[i].observer.sensor, door->name) == 0 && lives[i].observer.epoch >= door->epoch)
            return true;
    }
    return false;
}

static enum result run(struct work *work, struct error *err)
{
    struct store_life *lives = NULL;
    size_t count = 0;
    struct receiver_report doors = {0};
    enum result r = lives_read(work->options->store, true, &lives, &count, err);
    if (r == RESULT_OK)
        r = receiver_report(work->options->receiver, &doors, err);
    for (size_t i = 0; i < count && r == RESULT_OK; i++)
        r = add_stored(work, lives, count, i, &doors, err);
    for (size_t d = 0; d < doors.count && r == RESULT_OK; d++) {
        struct store_life nothing = {.observer = {.epoch = doors.sensors[d].epoch}};
        memcpy(nothing.observer.sensor, doors.sensors[d].name, sizeof(nothing.observer.sensor));
        if (!is_stored(lives, count, &doors.sensors[d]))
            r = add_life(work, &nothing, &doors.sensors[d], doors.sensors[d].connected ? LOST_SPEAKS : LOST_AWAY, err);
    }
    if (r == RESULT_OK && doors.paused)
        coverage_paused(&work->coverage, doors.reason);
    store_lives_free(&lives, count);
    free(doors.sensors);
    return r;
}

const struct question question_sensors = {
    .name = "sensors",
    .summary = "Sensors: what each saw, sent and dropped, what the store holds of it, and whether the sums agree.",
    .columns = columns,
    .run = run};
