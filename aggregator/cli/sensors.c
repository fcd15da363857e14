/* SPDX-License-Identifier: Apache-2.0 */
/* pavo sensors: what each sensor saw, sent and dropped, and whether the sums agree. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/cli/links.h"
#include "aggregator/cli/sensors.h"
#include "aggregator/cli/session.h"
#include "aggregator/cli/show.h"
#include "aggregator/cli/table.h"
#include "common/clock.h"
#include "common/libpavo/message_json.h"

/* ---------------------------------------------------------------- sums */

void sensor_sums(const Pavo__SensorStatus *status, struct sensor_sums *ret_sums)
{
    struct sensor_sums sums = {0};
    for (size_t i = 0; status != NULL && i < status->n_interfaces; i++) {
        const Pavo__InterfaceStatus *interface = status->interfaces[i];
        sums.offered += interface->packets_offered;
        sums.metered += interface->packets_metered;
        for (size_t d = 0; d < interface->n_dropped; d++)
            sums.dropped += interface->dropped[d]->value;
    }
    *ret_sums = sums;
}

bool sensor_broken(const Pavo__SensorReport *report, unsigned which, char *text, size_t size)
{
    const Pavo__SensorStatus *status = report->status;
    struct sensor_sums sums;
    if (status == NULL)
        return false;
    sensor_sums(status, &sums);
    if (which == 1 && sums.offered != sums.metered + sums.dropped) {
        snprintf(text, size,
                 "packets offered (%" PRIu64 ") are not packets metered (%" PRIu64 ") + dropped (%" PRIu64 ")",
                 sums.offered, sums.metered, sums.dropped);
        return true;
    }
    uint64_t accounted = status->records_acknowledged + status->records_lost + status->records_held;
    if (which == 2 && status->records_made != accounted) {
        snprintf(text, size,
                 "records made (%" PRIu64 ") are not acknowledged (%" PRIu64 ") + lost (%" PRIu64 ") + held (%" PRIu64
                 ")",
                 status->records_made, status->records_acknowledged, status->records_lost, status->records_held);
        return true;
    }
    if (which == 2 && report->records_committed < status->records_acknowledged) {
        snprintf(text, size, "records acknowledged (%" PRIu64 ") are more than the store holds (%" PRIu64 ")",
                 status->records_acknowledged, report->records_committed);
        return true;
    }
    return false;
}

/* ---------------------------------------------------------------- for people */

static const char *const sensor_columns[] = {"SENSOR",     "STATE", "HEARD", ">SEEN", ">METERED", ">DROPPED", ">MADE",
                                             ">COMMITTED", ">LOST", ">HELD", ">LAG",  ">CLOCK",   NULL};

static void sensor_row(struct table *table, const Pavo__SensorReport *r, int64_t now)
{
    static const Pavo__SensorStatus nothing = PAVO__SENSOR_STATUS__INIT;
    const Pavo__SensorStatus *s = r->status == NULL ? &nothing : r->status;
    struct sensor_sums sums;
    char n[8][SHOW_MAX], heard[SHOW_MAX + 8], span[SHOW_MAX], lag[SHOW_MAX], clock[2 * SHOW_MAX + 8], error[SHOW_MAX];
    sensor_sums(s, &sums);
    snprintf(heard, sizeof(heard), "%s ago", show_span(now - (int64_t)r->last_heard_ns, span));
    if (s->clock_known)
        snprintf(clock, sizeof(clock), MB_CUR_MAX > 1 ? "%s ± %s" : "%s +- %s", show_span(s->clock_offset_ns, span),
                 show_span((int64_t)s->clock_error_ns, error));
    else
        snprintf(clock, sizeof(clock), "?");
    const char *cells[] = {
        r->observer == NULL ? "?" : r->observer->sensor,
        s->last        ? "ended"
        : r->connected ? (r->status == NULL ? "connected, no status yet" : "connected")
                       : "AWAY",
        r->last_heard_ns == 0 ? "never" : heard,
        show_count(sums.offered, n[0]),
        show_count(sums.metered, n[1]),
        show_count(sums.dropped, n[2]),
        show_count(s->records_made, n[3]),
        show_count(r->records_committed, n[4]),
        show_count(s->records_lost, n[5]),
        show_count(s->records_held, n[6]),
        show_span((int64_t)s->capture_lag_ns, lag),
        clock,
    };
    table_row(table, cells);
}

static const char *const interface_columns[] = {"SENSOR",   "INTERFACE", "LINK",     ">SEEN",
                                                ">METERED", ">BYTES",    ">DROPPED", NULL};

/* Where there is but one, the sensor's row says it all. */
static size_t interface_rows(struct table *table, const Pavo__SensorReport *r)
{
    char n[4][SHOW_MAX];
    if (r->status == NULL || r->status->last || r->status->n_interfaces < 2)
        return 0;
    for (size_t i = 0; i < r->status->n_interfaces; i++) {
        const Pavo__InterfaceStatus *interface = r->status->interfaces[i];
        uint64_t dropped = 0;
        for (size_t d = 0; d < interface->n_dropped; d++)
            dropped += interface->dropped[d]->value;
        const char *cells[] = {r->observer == NULL ? "?" : r->observer->sensor,
                               interface->name,
                               interface->link_type,
                               show_count(interface->packets_offered, n[0]),
                               show_count(interface->packets_metered, n[1]),
                               show_count(interface->bytes_metered, n[2]),
                               show_count(dropped, n[3])};
        table_row(table, cells);
    }
    return r->status->n_interfaces;
}

static void print_counters(const char *what, Pavo__Counter *const *counters, size_t count)
{
    char text[SHOW_MAX];
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        if (counters[i]->value == 0)
            continue;
        printf("%s%s %s", any ? ", " : what, show_count(counters[i]->value, text), counters[i]->name);
        any = true;
    }
    if (any)
        putchar('\n');
}

/* What is not as it should be, a line each; nothing for a sensor that is well. */
static void sensor_lines(const Pavo__SensorReport *r)
{
    const char *name = r->observer == NULL ? "?" : r->observer->sensor;
    char head[256], text[512];
    for (size_t i = 0; r->status != NULL && i < r->status->n_interfaces; i++) {
        const Pavo__InterfaceStatus *interface = r->status->interfaces[i];
        snprintf(head, sizeof(head), "%s: dropped on %s: ", name, interface->name);
        print_counters(head, interface->dropped, interface->n_dropped);
    }
    snprintf(head, sizeof(head), "%s: batches refused: ", name);
    print_counters(head, r->rejected, r->n_rejected);
    if (r->status != NULL && r->records_committed > r->status->records_made)
        printf("%s: %s records came after its last status\n", name,
               show_count(r->records_committed - r->status->records_made, text));
    for (unsigned which = 1; which <= 2; which++) {
        if (sensor_broken(r, which, text, sizeof(text)))
            printf("%s: INVARIANT %u IS BROKEN: %s\n", name, which, text);
    }
}

static const char *const boundary_columns[] = {"BOUNDARY", ">LINKED", ">WAITING", "GIVEN UP", NULL};

static void boundary_row(struct table *table, const Pavo__BoundaryReport *b)
{
    char linked[SHOW_MAX], waiting[SHOW_MAX], number[SHOW_MAX], reasons[512] = "";
    for (size_t i = 0, used = 0; i < b->n_unlinked && used < sizeof(reasons); i++) {
        if (b->unlinked[i]->value != 0)
            used += (size_t)snprintf(reasons + used, sizeof(reasons) - used, "%s%s %s", used == 0 ? "" : ", ",
                                     show_count(b->unlinked[i]->value, number), b->unlinked[i]->name);
    }
    const char *cells[] = {b->name, show_count(b->linked, linked), show_count(b->waiting, waiting),
                           reasons[0] == '\0' ? "none" : reasons};
    table_row(table, cells);
}

static void print_intake(const Pavo__Intake *intake)
{
    char position[SHOW_MAX];
    if (intake == NULL)
        return;
    printf("\nIntake: %s%s%s; stream position %s\n", intake->paused ? "PAUSED" : "open",
           intake->reason[0] == '\0' ? "" : ": ", intake->reason, show_count(intake->position, position));
    print_counters("Intake: ", intake->counters, intake->n_counters);
}

static bool print_people(const struct cli *cli, const struct link_list *replies)
{
    int64_t now = clock_wall_ns();
    struct table *sensors = table_new(cli, sensor_columns), *interfaces = table_new(cli, interface_columns),
                 *boundaries = table_new(cli, boundary_columns);
    if (sensors == NULL || interfaces == NULL || boundaries == NULL)
        return false; /* said; the process ends now */
    size_t interface_count = 0, boundary_count = 0;
    for (size_t i = 0; i < replies->reply_count; i++) {
        for (size_t n = 0; n < replies->replies[i]->n_sensors; n++) {
            sensor_row(sensors, replies->replies[i]->sensors[n], now);
            interface_count += interface_rows(interfaces, replies->replies[i]->sensors[n]);
        }
        for (size_t n = 0; n < replies->replies[i]->n_boundaries; n++, boundary_count++)
            boundary_row(boundaries, replies->replies[i]->boundaries[n]);
    }
    table_print(&sensors);
    if (interface_count > 0)
        putchar('\n');
    table_print(&interfaces);
    for (size_t i = 0; i < replies->reply_count; i++) {
        for (size_t n = 0; n < replies->replies[i]->n_sensors; n++)
            sensor_lines(replies->replies[i]->sensors[n]);
    }
    if (boundary_count > 0)
        putchar('\n');
    table_print(&boundaries);
    for (size_t i = 0; i < replies->reply_count; i++)
        print_intake(replies->replies[i]->intake);
    return true;
}

/* ---------------------------------------------------------------- for programs */

static void print_message(const ProtobufCMessage *message)
{
    json_t *json = message_json(message);
    char *text = json_dumps(json, JSON_COMPACT);
    puts(text == NULL ? "{}" : text);
    free(text);
    json_decref(json);
}

static void print_json(const struct link_list *replies)
{
    for (size_t i = 0; i < replies->reply_count; i++) {
        const Pavo__Reply *r = replies->replies[i];
        for (size_t n = 0; n < r->n_sensors; n++)
            print_message(&r->sensors[n]->base);
        for (size_t n = 0; n < r->n_boundaries; n++)
            print_message(&r->boundaries[n]->base);
        if (r->intake != NULL)
            print_message(&r->intake->base);
    }
}

/* Everything a sensor says of itself and the store of it, a row a sensor. */
static bool print_csv(const struct cli *cli, const struct link_list *replies)
{
    static const char *const columns[] = {"sensor",
                                          "epoch",
                                          "connected",
                                          "ended",
                                          "packets_offered",
                                          "packets_metered",
                                          "packets_dropped",
                                          "records_made",
                                          "records_acknowledged",
                                          "records_committed",
                                          "records_lost",
                                          "records_held",
                                          "capture_lag_ns",
                                          "clock_offset_ns",
                                          "clock_error_ns",
                                          NULL};
    struct table *table = table_new(cli, columns);
    if (table == NULL)
        return false;
    for (size_t i = 0; i < replies->reply_count; i++) {
        for (size_t n = 0; n < replies->replies[i]->n_sensors; n++) {
            static const Pavo__SensorStatus nothing = PAVO__SENSOR_STATUS__INIT;
            const Pavo__SensorReport *r = replies->replies[i]->sensors[n];
            const Pavo__SensorStatus *s = r->status == NULL ? &nothing : r->status;
            struct sensor_sums sums;
            char t[13][SHOW_MAX];
            sensor_sums(s, &sums);
            const uint64_t numbers[] = {
                sums.offered,         sums.metered,    sums.dropped,    s->records_made,  s->records_acknowledged,
                r->records_committed, s->records_lost, s->records_held, s->capture_lag_ns};
            const char *cells[15] = {r->observer == NULL ? "" : r->observer->sensor,
                                     show_number(r->observer == NULL ? 0 : r->observer->epoch, t[0]),
                                     r->connected ? "1" : "0", s->last ? "1" : "0"};
            for (unsigned k = 0; k < 9; k++)
                cells[4 + k] = show_number(numbers[k], t[1 + k]);
            snprintf(t[10], SHOW_MAX, "%" PRId64, s->clock_offset_ns);
            cells[13] = s->clock_known ? t[10] : "";
            cells[14] = s->clock_known ? show_number(s->clock_error_ns, t[11]) : "";
            table_row(table, cells);
        }
    }
    table_print(&table);
    return true;
}

/* ---------------------------------------------------------------- the command */

static bool take(void *context, Pavo__Reply **reply)
{
    return link_list_take(context, reply);
}

static int conclude(const struct link_list *replies)
{
    size_t sensors = 0;
    bool bad = false;
    char text[512];
    for (size_t i = 0; i < replies->reply_count; i++) {
        const Pavo__Reply *r = replies->replies[i];
        bad |= r->intake != NULL && r->intake->paused;
        sensors += r->n_sensors;
        for (size_t n = 0; n < r->n_sensors; n++)
            bad |= r->sensors[n]->records_lost > 0 ||
                   (r->sensors[n]->status != NULL && r->sensors[n]->status->records_lost > 0) ||
                   sensor_broken(r->sensors[n], 1, text, sizeof(text)) ||
                   sensor_broken(r->sensors[n], 2, text, sizeof(text));
    }
    return sensors == 0 ? CLI_NOTHING : bad ? CLI_INCOMPLETE : CLI_ANSWERED;
}

static int ask(struct cli *cli)
{
    struct session session;
    struct link_list replies = {0};
    Pavo__Query query = PAVO__QUERY__INIT;
    Pavo__Sensors body = PAVO__SENSORS__INIT;
    query.body_case = PAVO__QUERY__BODY_SENSORS;
    query.sensors = &body;
    int code = session_open(cli, &session);
    if (code >= 0)
        return code;
    code = session_ask(&session, &query, NULL, take, &replies);
    session_close(&session);
    if (code < 0) {
        bool printed = true;
        if (cli->json)
            print_json(&replies);
        else
            printed = cli->csv ? print_csv(cli, &replies) : print_people(cli, &replies);
        code = printed ? conclude(&replies) : CLI_UNREACHABLE;
        if (code == CLI_NOTHING && !cli->json && !cli->csv)
            cli_note("no sensor has said anything yet");
    }
    link_list_free(&replies);
    return code;
}

int cli_sensors(struct cli *cli, int argc, char **argv)
{
    const struct option_spec specs[] = {CLI_OPTIONS(cli), {0}};
    const struct options options = {
        .program = "pavo sensors",
        .usage = "[OPTION]...",
        .about =
            "Prints what each sensor saw, metered and dropped, and by which reason; the flow records it made, and of "
            "those the ones committed in the store, declared lost and still held; how far it fell behind at most "
            "before it last said so; and its "
            "clock against the aggregator's. A sensor with several interfaces has a row for each. The sums must agree "
            "(packets offered = metered + dropped; records made "
            "= acknowledged + lost + held): where they do not, a line says so. Then the boundaries and the intake. "
            "--json has every number. Exit status 4: records were lost, a sum is broken, or the intake is paused.",
        .examples = "pavo sensors\n"
                    "pavo sensors --json | jq 'select(.status).status.records_lost'",
        .specs = specs,
    };
    int first, code = cli_options(&options, argc, argv, &first);
    if (code < 0 && first < argc)
        code = cli_fail(CLI_USAGE, "pavo sensors takes no argument, not even '%s'", argv[first]);
    return code < 0 ? ask(cli) : code;
}
