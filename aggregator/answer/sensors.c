/* SPDX-License-Identifier: Apache-2.0 */
/* Sensors: what each sensor said of itself beside what the store holds of it; boundaries; intake. */
#include <stdlib.h>
#include <string.h>

#include "aggregator/answer/work.h"

/* Everything a report points to. */
struct report {
    Pavo__SensorReport message;
    Pavo__Observer observer;
    Pavo__Counter counters[RECEIVE_REASON_COUNT];
    Pavo__Counter *pointers[RECEIVE_REASON_COUNT];
};

static void fill_counter(Pavo__Counter *counter, const char *name, uint64_t value)
{
    pavo__counter__init(counter);
    counter->name = (char *)name;
    counter->value = value;
}

static void fill_life(struct report *report, const struct store_life *life)
{
    Pavo__SensorReport *m = &report->message;
    pavo__observer__init(&report->observer);
    report->observer.sensor = (char *)life->observer.sensor;
    report->observer.epoch = life->observer.epoch;
    m->observer = &report->observer;
    m->records_committed = life->records;
    m->packets_committed = life->packets;
    m->batches_committed = life->batches;
    m->records_lost = life->records_lost;
    m->last_heard_ns = (uint64_t)life->last_received_ns;
    m->received_ns = (uint64_t)life->status_received_ns;
    if (life->status != NULL) /* our own packing; NULL only without memory, and then it is left out */
        m->status = pavo__sensor_status__unpack(NULL, life->status_length, life->status);
}

/* What the door knows belongs to the sensor's newest life. */
static void fill_door(struct report *report, const struct receiver_sensor *door)
{
    Pavo__SensorReport *m = &report->message;
    if ((uint64_t)door->last_heard_ns > m->last_heard_ns)
        m->last_heard_ns = (uint64_t)door->last_heard_ns;
    m->connected = door->connected;
    m->duplicates = door->duplicates;
    m->rejected = report->pointers;
    for (unsigned reason = 0; reason < RECEIVE_REASON_COUNT; reason++) {
        if (door->rejected[reason] == 0)
            continue;
        fill_counter(&report->counters[m->n_rejected], receive_reason_name(reason), door->rejected[reason]);
        report->pointers[m->n_rejected] = &report->counters[m->n_rejected];
        m->n_rejected++;
    }
}

/* The newest life of this name among the store's and, for a sensor that has committed nothing yet, the door's. */
static bool is_newest(const struct store_life *lives, size_t count, const struct store_life *life)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(lives[i].observer.sensor, life->observer.sensor) == 0 &&
            lives[i].observer.epoch > life->observer.epoch)
            return false;
    }
    return true;
}

static enum result send_report(struct work *work, struct report *report)
{
    Pavo__SensorReport *pointer = &report->message;
    Pavo__Reply reply = work_reply(true);
    reply.sensors = &pointer;
    reply.n_sensors = 1;
    enum result r = work->reply(work->context, &reply);
    if (report->message.status != NULL)
        pavo__sensor_status__free_unpacked(report->message.status, NULL);
    return r;
}

static enum result send_sensors(struct work *work, const struct store_life *lives, size_t life_count,
                                const struct receiver_report *doors)
{
    enum result r = RESULT_OK;
    for (size_t i = 0; i < life_count && r == RESULT_OK; i++) {
        struct report report = {.message = PAVO__SENSOR_REPORT__INIT};
        fill_life(&report, &lives[i]);
        for (size_t d = 0; d < doors->count; d++) {
            /* A newer life at the door, without a batch yet, has its own report below. */
            if (strcmp(doors->sensors[d].name, lives[i].observer.sensor) == 0 &&
                doors->sensors[d].epoch <= lives[i].observer.epoch && is_newest(lives, life_count, &lives[i]))
                fill_door(&report, &doors->sensors[d]);
        }
        r = send_report(work, &report);
    }
    for (size_t d = 0; d < doors->count && r == RESULT_OK; d++) {
        bool reported = false;
        for (size_t i = 0; i < life_count && !reported; i++)
            reported = strcmp(doors->sensors[d].name, lives[i].observer.sensor) == 0 &&
                       lives[i].observer.epoch >= doors->sensors[d].epoch;
        if (reported)
            continue;
        struct report report = {.message = PAVO__SENSOR_REPORT__INIT};
        struct store_life nothing = {.observer = {.epoch = doors->sensors[d].epoch}};
        memcpy(nothing.observer.sensor, doors->sensors[d].name, sizeof(nothing.observer.sensor));
        fill_life(&report, &nothing);
        fill_door(&report, &doors->sensors[d]);
        r = send_report(work, &report);
    }
    return r;
}

static enum result send_boundaries(struct work *work)
{
    struct committer_boundary boundary;
    enum result r = RESULT_OK;
    for (size_t number = 0; r == RESULT_OK && committer_boundary(work->options->committer, number, &boundary);
         number++) {
        uint64_t unlinked[UNLINKED_REASON_COUNT];
        Pavo__Counter counters[UNLINKED_REASON_COUNT], *pointers[UNLINKED_REASON_COUNT];
        Pavo__BoundaryReport report = PAVO__BOUNDARY_REPORT__INIT, *report_pointer = &report;
        store_boundary_counts(work->options->store, boundary.name, &report.linked, unlinked);
        report.name = boundary.name;
        report.waiting = boundary.waiting;
        for (unsigned reason = 0; reason < UNLINKED_REASON_COUNT; reason++) {
            fill_counter(&counters[reason], unlinked_reason_name(reason), unlinked[reason]);
            pointers[reason] = &counters[reason];
        }
        report.unlinked = pointers;
        report.n_unlinked = UNLINKED_REASON_COUNT;
        Pavo__Reply reply = work_reply(true);
        reply.boundaries = &report_pointer;
        reply.n_boundaries = 1;
        r = work->reply(work->context, &reply);
    }
    return r;
}

static enum result send_intake(struct work *work, const struct receiver_report *doors)
{
    struct authenticator_counts keys;
    struct publisher_counts published;
    struct store_summary summary;
    authenticator_counts_get(work->options->authenticator, &keys);
    publisher_counts_get(work->options->publisher, &published);
    store_summarise(work->options->store, &summary);
    const struct {
        const char *name;
        uint64_t value;
    } values[] = {
        {"connections accepted", keys.accepted},
        {"connections refused, unknown key", keys.refused_unknown},
        {"connections refused, key of another role", keys.refused_role},
        {"connections refused, malformed", keys.refused_malformed},
        {"batches received", doors->batches},
        {"batches waiting", doors->batches_waiting},
        {"batches deferred, no room", doors->deferred},
        {"frames garbled", doors->frames_garbled},
        {"messages published", published.messages},
        {"sets not published, no room", published.unpublished},
        {"subscriptions", published.subscriptions},
    };
    enum { COUNT = sizeof(values) / sizeof(values[0]) };
    Pavo__Counter counters[COUNT], *pointers[COUNT];
    for (unsigned i = 0; i < COUNT; i++) {
        fill_counter(&counters[i], values[i].name, values[i].value);
        pointers[i] = &counters[i];
    }
    Pavo__Intake intake = PAVO__INTAKE__INIT;
    intake.paused = doors->paused;
    intake.reason = (char *)doors->reason;
    intake.counters = pointers;
    intake.n_counters = COUNT;
    intake.position = summary.position;
    Pavo__Reply reply = work_reply(false);
    reply.intake = &intake;
    return work->reply(work->context, &reply);
}

enum result work_sensors(struct work *work, struct error *err)
{
    struct store_life *lives = NULL;
    size_t life_count = 0;
    struct receiver_report doors = {0};
    enum result r = store_lives(work->options->store, &lives, &life_count, err);
    if (r == RESULT_OK)
        r = receiver_report(work->options->receiver, &doors, err);
    if (r == RESULT_OK)
        r = send_sensors(work, lives, life_count, &doors);
    if (r == RESULT_OK)
        r = send_boundaries(work);
    if (r == RESULT_OK)
        r = send_intake(work, &doors);
    store_lives_free(&lives, life_count);
    free(doors.sensors);
    return r;
}
