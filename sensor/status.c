/* SPDX-License-Identifier: Apache-2.0 */
/* Sums over workers, and where they go. */
#include "sensor/status.h"

#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/records/status.h"
#include "common/records/wire.h"
#include "sensor/print.h"

/* The decode outcomes but the first, and what is lost before decode. */
enum { DROPPED_KERNEL = DECODE_OUTCOME_COUNT - 1, DROPPED_INTERFACE, DROPPED_COUNT };

/* One source, as two threads have it. */
static void add_source(struct source_counts *sum, const struct source_counts *part)
{
    uint64_t interface_dropped = sum->source.interface_dropped;
    uint64_t kernel_dropped = sum->source.kernel_dropped + part->source.kernel_dropped;
    bool broken = sum->source.broken || part->source.broken;
    sum->source = part->source;
    sum->source.kernel_dropped = kernel_dropped;
    /* What the interface itself dropped is one number, which every thread's capture is told. */
    if (interface_dropped > sum->source.interface_dropped)
        sum->source.interface_dropped = interface_dropped;
    sum->source.broken = broken;
    sum->received += part->received;
    for (unsigned i = 0; i < DECODE_OUTCOME_COUNT; i++) {
        sum->outcomes[i] += part->outcomes[i];
        sum->bytes[i] += part->bytes[i];
    }
}

static void add_meter(struct meter_counts *sum, const struct meter_counts *part)
{
    sum->packets += part->packets;
    sum->bytes += part->bytes;
    sum->packets_recorded += part->packets_recorded;
    sum->flows_made += part->flows_made;
    sum->flows_active += part->flows_active;
    sum->flows_evicted += part->flows_evicted;
    sum->records_made += part->records_made;
    sum->clock_steps += part->clock_steps;
    sum->fragments_waiting += part->fragments_waiting;
}

static void add_lost(struct batcher_lost *sum, const struct batcher_lost *part)
{
    if (part->records == 0)
        return;
    if (sum->records == 0 || part->from_time < sum->from_time)
        sum->from_time = part->from_time;
    if (sum->records == 0 || part->to_time > sum->to_time)
        sum->to_time = part->to_time;
    sum->records += part->records;
}

static int64_t timeval_ns(struct timeval t)
{
    return t.tv_sec * NS_PER_S + t.tv_usec * NS_PER_US;
}

static uint64_t resident_bytes(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL || fscanf(file, "%*u %lu", &pages) != 1)
        pages = 0;
    if (file != NULL)
        fclose(file);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

void totals_collect(struct worker *const *workers, size_t count, int64_t started_ns, struct totals *ret_totals)
{
    static struct worker_snapshot part; /* large; only the main thread comes here */
    memset(ret_totals, 0, sizeof(*ret_totals));
    struct worker_snapshot *sum = &ret_totals->sum;
    for (size_t n = 0; n < count; n++) {
        worker_snapshot_get(workers[n], &part);
        add_meter(&sum->meter, &part.meter);
        add_lost(&sum->lost, &part.lost);
        if (part.lag_ns > sum->lag_ns)
            sum->lag_ns = part.lag_ns;
        if (n == 0 || part.through_ns < sum->through_ns)
            sum->through_ns = part.through_ns;
        if (n == 0 || part.taken_ns < sum->taken_ns)
            sum->taken_ns = part.taken_ns;
        sum->source_count = part.source_count;
        for (size_t i = 0; i < part.source_count; i++)
            add_source(&sum->sources[i], &part.sources[i]);
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    ret_totals->cpu_ns = timeval_ns(usage.ru_utime) + timeval_ns(usage.ru_stime);
    ret_totals->rss_peak_bytes = (uint64_t)usage.ru_maxrss * 1024;
    ret_totals->rss_bytes = resident_bytes();
    ret_totals->started_ns = started_ns;
    ret_totals->wall_ns = clock_wall_ns() - started_ns;
}

static uint64_t source_offered(const struct source_counts *s)
{
    return s->received + s->source.kernel_dropped + s->source.interface_dropped;
}

static const char *dropped_name(unsigned number)
{
    return number == DROPPED_KERNEL      ? "kernel"
           : number == DROPPED_INTERFACE ? "interface"
                                         : decode_outcome_name(number + 1);
}

static uint64_t dropped_value(const struct source_counts *s, unsigned number)
{
    return number == DROPPED_KERNEL      ? s->source.kernel_dropped
           : number == DROPPED_INTERFACE ? s->source.interface_dropped
                                         : s->outcomes[number + 1];
}

/* The last `most` bytes of a name: of a long path the end tells files apart. */
static const char *end_of(const char *name, size_t most)
{
    size_t length = strlen(name);
    return length > most ? name + (length - most) : name;
}

static enum result add_interface(struct records *status, const struct source_counts *s)
{
    struct status_interface item = {
        .interface_name = end_of(s->source.name, WIRE_TEXT_MAX),
        .interface_link_type = s->source.link_type,
        .interface_offered = source_offered(s),
        .interface_metered = s->outcomes[DECODE_METERED],
        .interface_bytes = s->bytes[DECODE_METERED],
    };
    return records_add_item(status, STATUS_INTERFACES, &item);
}

static enum result add_dropped(struct records *status, size_t interface, const struct source_counts *s)
{
    enum result r = RESULT_OK;
    for (unsigned number = 0; number < DROPPED_COUNT && r == RESULT_OK; number++) {
        struct status_dropped item = {
            .dropped_interface = (uint16_t)interface,
            .dropped_reason = dropped_name(number),
            .dropped_packets = dropped_value(s, number),
        };
        if (item.dropped_packets > 0)
            r = records_add_item(status, STATUS_DROPPED, &item);
    }
    return r;
}

struct records *status_make(const struct totals *totals, bool last)
{
    const struct worker_snapshot *sum = &totals->sum;
    struct status row = {
        .time = clock_wall_ns(),
        .started = totals->started_ns,
        .flows_made = sum->meter.flows_made,
        .records_made = sum->meter.records_made,
        .flows_active = sum->meter.flows_active,
        .packets_in_table = sum->meter.packets - sum->meter.packets_recorded,
        .capture_lag = sum->lag_ns,
        .cpu = totals->cpu_ns,
        .rss = totals->rss_bytes,
        .last = last,
        .reported_through = sum->through_ns,
    };
    struct records *status = records_new(record_kinds[RECORD_STATUS], 1);
    enum result r = status == NULL ? RESULT_FULL : records_add(status, &row);
    for (size_t i = 0; i < sum->source_count && r == RESULT_OK; i++) {
        r = add_interface(status, &sum->sources[i]);
        if (r == RESULT_OK)
            r = add_dropped(status, i, &sum->sources[i]);
    }
    if (r != RESULT_OK)
        records_free(&status);
    return status;
}

static void loss_ship(struct shipper *shipper, enum loss_kind kind, const struct capture_source *source,
                      const char *reason, uint64_t count, int64_t from_time)
{
    if (count == 0)
        return;
    bool in_file = source->dropped_to_ns != 0;
    struct loss loss = {
        .loss = (uint8_t)kind,
        .from_time = in_file ? source->dropped_from_ns : from_time,
        .to_time = in_file ? source->dropped_to_ns : clock_wall_ns(),
        .count = count,
        .interface = end_of(source->name, LOSS_INTERFACE_MAX - 1),
        .reason = reason,
    };
    shipper_loss(shipper, &loss);
}

static const char kernel_reason[] = "the kernel's capture buffer was full";
static const char interface_reason[] = "the interface or its driver had no room";
static const char memory_reason[] = "no memory for a batch";

static uint64_t lost_in_kernel(const struct totals *before, const struct totals *now, size_t number)
{
    return now->sum.sources[number].source.kernel_dropped - before->sum.sources[number].source.kernel_dropped;
}

static uint64_t lost_in_interface(const struct totals *before, const struct totals *now, size_t number)
{
    return now->sum.sources[number].source.interface_dropped - before->sum.sources[number].source.interface_dropped;
}

static uint64_t lost_records(const struct totals *before, const struct totals *now)
{
    return now->sum.lost.records - before->sum.lost.records;
}

void losses_ship(struct shipper *shipper, const struct totals *before, const struct totals *now)
{
    int64_t from_time = before->sum.taken_ns != 0 ? before->sum.taken_ns : now->started_ns;
    for (size_t i = 0; i < now->sum.source_count; i++) {
        const struct capture_source *source = &now->sum.sources[i].source;
        loss_ship(shipper, LOSS_PACKETS_KERNEL, source, kernel_reason, lost_in_kernel(before, now, i), from_time);
        loss_ship(shipper, LOSS_PACKETS_INTERFACE, source, interface_reason, lost_in_interface(before, now, i),
                  from_time);
    }
    struct loss records = {
        .loss = LOSS_RECORDS_SPOOL,
        .from_time = now->sum.lost.from_time,
        .to_time = now->sum.lost.to_time,
        .count = lost_records(before, now),
        .reason = memory_reason,
    };
    if (records.count > 0)
        shipper_loss(shipper, &records);
}

bool losses_any(const struct totals *before, const struct totals *now)
{
    for (size_t i = 0; i < now->sum.source_count; i++) {
        if (lost_in_kernel(before, now, i) + lost_in_interface(before, now, i) > 0)
            return true;
    }
    return lost_records(before, now) > 0;
}

static void loss_log(const char *interface, const char *reason, uint64_t count)
{
    char name[PRINT_NAME_MAX];
    if (count > 0)
        log_warning("%s: %" PRIu64 " packets lost: %s", print_name(interface, name), count, reason);
}

void losses_log(const struct totals *before, const struct totals *now)
{
    for (size_t i = 0; i < now->sum.source_count; i++) {
        loss_log(now->sum.sources[i].source.name, kernel_reason, lost_in_kernel(before, now, i));
        loss_log(now->sum.sources[i].source.name, interface_reason, lost_in_interface(before, now, i));
    }
    if (lost_records(before, now) > 0)
        log_warning("%" PRIu64 " records lost: %s", lost_records(before, now), memory_reason);
}

static void sources_sum(const struct worker_snapshot *snapshot, struct source_counts *ret_sum)
{
    memset(ret_sum, 0, sizeof(*ret_sum));
    uint64_t interface_dropped = 0;
    for (size_t i = 0; i < snapshot->source_count; i++) {
        add_source(ret_sum, &snapshot->sources[i]);
        interface_dropped += snapshot->sources[i].source.interface_dropped;
    }
    ret_sum->source.interface_dropped = interface_dropped; /* of several interfaces: these add up */
}

static void add_packets(struct json *json, const struct source_counts *s)
{
    const char *comma = "";
    json_add(json,
             "\"packets_offered\":%" PRIu64 ",\"packets_metered\":%" PRIu64 ",\"bytes_metered\":%" PRIu64
             ",\"dropped\":{",
             source_offered(s), s->outcomes[DECODE_METERED], s->bytes[DECODE_METERED]);
    for (unsigned number = 0; number < DROPPED_COUNT; number++) {
        if (dropped_value(s, number) == 0)
            continue;
        json_add(json, "%s\"%s\":%" PRIu64, comma, dropped_name(number), dropped_value(s, number));
        comma = ",";
    }
    json_add(json, "}");
}

static void add_interfaces(struct json *json, const struct worker_snapshot *sum)
{
    char name[PRINT_NAME_MAX];
    json_add(json, "\"interfaces\":[");
    for (size_t i = 0; i < sum->source_count; i++) {
        json_add(json, "%s{\"name\":", i == 0 ? "" : ",");
        json_add_string(json, print_name(sum->sources[i].source.name, name));
        json_add(json, ",\"link_type\":\"%s\",", sum->sources[i].source.link_type);
        add_packets(json, &sum->sources[i]);
        json_add(json, "}");
    }
    json_add(json, "]");
}

static void totals_print_json(FILE *out, const struct totals *totals, const struct source_counts *sum)
{
    const struct meter_counts *meter = &totals->sum.meter;
    struct json json = {0};
    json_add(&json, "{");
    add_packets(&json, sum);
    json_add(&json, ",");
    add_interfaces(&json, &totals->sum);
    json_add(&json,
             ",\"flows\":%" PRIu64 ",\"records\":%" PRIu64 ",\"flows_evicted\":%" PRIu64 ",\"clock_steps\":%" PRIu64
             ",\"cpu_seconds\":%.3f,\"wall_seconds\":%.3f,\"peak_rss_bytes\":%" PRIu64 "}",
             meter->flows_made, meter->records_made, meter->flows_evicted, meter->clock_steps,
             (double)totals->cpu_ns / 1e9, (double)totals->wall_ns / 1e9, totals->rss_peak_bytes);
    fprintf(out, "%s\n", json.failed ? "{\"error\":\"out of memory\"}" : json.text);
    json_fini(&json);
}

static void interface_print(FILE *out, const struct source_counts *s)
{
    char name[PRINT_NAME_MAX];
    fprintf(out, "%s (%s)\n  packets        %12" PRIu64 "  offered, %" PRIu64 " metered, %" PRIu64 " bytes\n",
            print_name(s->source.name, name), s->source.link_type[0] != '\0' ? s->source.link_type : "nothing read",
            source_offered(s), s->outcomes[DECODE_METERED], s->bytes[DECODE_METERED]);
    for (unsigned number = 0; number < DROPPED_COUNT; number++) {
        if (dropped_value(s, number) > 0)
            fprintf(out, "  dropped        %12" PRIu64 "  %s\n", dropped_value(s, number), dropped_name(number));
    }
}

void totals_print(FILE *out, const struct totals *totals, bool json)
{
    struct source_counts sum;
    sources_sum(&totals->sum, &sum);
    if (json) {
        totals_print_json(out, totals, &sum);
        return;
    }
    const struct meter_counts *meter = &totals->sum.meter;
    for (size_t i = 0; totals->sum.source_count > 1 && i < totals->sum.source_count; i++)
        interface_print(out, &totals->sum.sources[i]);
    fprintf(out, "packets offered  %12" PRIu64 "\n", source_offered(&sum));
    fprintf(out, "packets metered  %12" PRIu64 "  %" PRIu64 " bytes\n", sum.outcomes[DECODE_METERED],
            sum.bytes[DECODE_METERED]);
    for (unsigned number = 0; number < DROPPED_COUNT; number++) {
        if (dropped_value(&sum, number) > 0)
            fprintf(out, "packets dropped  %12" PRIu64 "  %s\n", dropped_value(&sum, number), dropped_name(number));
    }
    fprintf(out, "flows            %12" PRIu64 "  %" PRIu64 " records, %" PRIu64 " ended early for want of room\n",
            meter->flows_made, meter->records_made, meter->flows_evicted);
    fprintf(out, "time             %12.3f  CPU seconds, %.3f by the clock\n", (double)totals->cpu_ns / 1e9,
            (double)totals->wall_ns / 1e9);
    fprintf(out, "memory           %12" PRIu64 "  bytes at its peak\n", totals->rss_peak_bytes);
}
