/* SPDX-License-Identifier: Apache-2.0 */
/* Sums over workers, and where they go. */
#include "sensor/status.h"

#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
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

static uint64_t timeval_ns(struct timeval t)
{
    return (uint64_t)t.tv_sec * (uint64_t)NS_PER_S + (uint64_t)t.tv_usec * 1000;
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

void totals_collect(struct worker *const *workers, size_t count, uint64_t started_ns, struct totals *ret_totals)
{
    static struct worker_snapshot part; /* large; only the main thread comes here */
    memset(ret_totals, 0, sizeof(*ret_totals));
    struct worker_snapshot *sum = &ret_totals->sum;
    for (size_t n = 0; n < count; n++) {
        worker_snapshot_get(workers[n], &part);
        add_meter(&sum->meter, &part.meter);
        sum->records_waiting += part.records_waiting;
        sum->records_lost += part.records_lost;
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
    ret_totals->wall_ns = (uint64_t)clock_wall_ns() - started_ns;
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

void status_ship(struct shipper *shipper, const struct totals *totals, bool last)
{
    static Pavo__InterfaceStatus interfaces[CAPTURE_SOURCES_MAX];
    static Pavo__InterfaceStatus *interface_list[CAPTURE_SOURCES_MAX];
    static Pavo__Counter counters[CAPTURE_SOURCES_MAX][DROPPED_COUNT];
    static Pavo__Counter *counter_list[CAPTURE_SOURCES_MAX][DROPPED_COUNT];
    const struct worker_snapshot *sum = &totals->sum;
    for (size_t i = 0; i < sum->source_count; i++) {
        const struct source_counts *s = &sum->sources[i];
        Pavo__InterfaceStatus *status = &interfaces[i];
        pavo__interface_status__init(status);
        status->name = (char *)s->source.name;
        status->link_type = (char *)s->source.link_type;
        status->packets_offered = source_offered(s);
        status->packets_metered = s->outcomes[DECODE_METERED];
        status->bytes_metered = s->bytes[DECODE_METERED];
        status->dropped = counter_list[i];
        for (unsigned number = 0; number < DROPPED_COUNT; number++) {
            uint64_t value = dropped_value(s, number);
            if (value == 0)
                continue;
            Pavo__Counter *counter = &counters[i][status->n_dropped];
            pavo__counter__init(counter);
            counter->name = (char *)dropped_name(number);
            counter->value = value;
            counter_list[i][status->n_dropped++] = counter;
        }
        interface_list[i] = status;
    }
    Pavo__SensorStatus message;
    pavo__sensor_status__init(&message);
    message.time_ns = (uint64_t)clock_wall_ns();
    message.started_ns = totals->started_ns;
    message.software = (char *)"pavo-sensor " PAVO_VERSION;
    message.n_interfaces = sum->source_count;
    message.interfaces = interface_list;
    message.flows_made = sum->meter.flows_made;
    /* Batches may have gone to the shipper since the snapshot: then that is what is known to be made. */
    struct shipper_counts shipped;
    shipper_counts_get(shipper, &shipped);
    message.records_made = sum->meter.records_made - sum->records_lost;
    if (message.records_made < shipped.records_submitted)
        message.records_made = shipped.records_submitted;
    message.records_held = message.records_made - shipped.records_submitted;
    message.flows_active = sum->meter.flows_active;
    message.capture_lag_ns = (uint64_t)sum->lag_ns;
    message.cpu_ns = totals->cpu_ns;
    message.rss_bytes = totals->rss_bytes;
    message.packets_in_table = sum->meter.packets - sum->meter.packets_recorded;
    message.reported_through_ns = sum->through_ns;
    message.last = last;
    shipper_status(shipper, &message);
}

static void loss_ship(struct shipper *shipper, Pavo__Loss__Kind kind, const struct capture_source *source,
                      const char *reason, uint64_t count, uint64_t from_ns)
{
    if (count == 0)
        return;
    bool in_file = source->dropped_to_ns != 0;
    Pavo__Loss loss;
    pavo__loss__init(&loss);
    loss.kind = kind;
    loss.from_ns = in_file ? (uint64_t)source->dropped_from_ns : from_ns;
    loss.to_ns = in_file ? (uint64_t)source->dropped_to_ns : (uint64_t)clock_wall_ns();
    loss.count = count;
    loss.interface = (char *)source->name;
    loss.reason = (char *)reason;
    shipper_loss(shipper, &loss);
}

static const char kernel_reason[] = "the kernel's capture buffer was full";
static const char interface_reason[] = "the interface or its driver had no room";

static uint64_t lost_in_kernel(const struct totals *before, const struct totals *now, size_t number)
{
    return now->sum.sources[number].source.kernel_dropped - before->sum.sources[number].source.kernel_dropped;
}

static uint64_t lost_in_interface(const struct totals *before, const struct totals *now, size_t number)
{
    return now->sum.sources[number].source.interface_dropped - before->sum.sources[number].source.interface_dropped;
}

void losses_ship(struct shipper *shipper, const struct totals *before, const struct totals *now)
{
    uint64_t from_ns = before->sum.taken_ns != 0 ? (uint64_t)before->sum.taken_ns : now->started_ns;
    for (size_t i = 0; i < now->sum.source_count; i++) {
        const struct capture_source *source = &now->sum.sources[i].source;
        loss_ship(shipper, PAVO__LOSS__KIND__PACKETS_KERNEL, source, kernel_reason, lost_in_kernel(before, now, i),
                  from_ns);
        loss_ship(shipper, PAVO__LOSS__KIND__PACKETS_INTERFACE, source, interface_reason,
                  lost_in_interface(before, now, i), from_ns);
    }
}

bool losses_any(const struct totals *before, const struct totals *now)
{
    for (size_t i = 0; i < now->sum.source_count; i++) {
        if (lost_in_kernel(before, now, i) + lost_in_interface(before, now, i) > 0)
            return true;
    }
    return false;
}

static void loss_log(const char *interface, const char *reason, uint64_t count)
{
    if (count > 0)
        log_warning("%s: %" PRIu64 " packets lost: %s", interface, count, reason);
}

void losses_log(const struct totals *before, const struct totals *now)
{
    for (size_t i = 0; i < now->sum.source_count; i++) {
        loss_log(now->sum.sources[i].source.name, kernel_reason, lost_in_kernel(before, now, i));
        loss_log(now->sum.sources[i].source.name, interface_reason, lost_in_interface(before, now, i));
    }
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

static void dropped_print_json(FILE *out, const struct source_counts *s)
{
    const char *comma = "";
    fputs("\"dropped\":{", out);
    for (unsigned number = 0; number < DROPPED_COUNT; number++) {
        if (dropped_value(s, number) == 0)
            continue;
        fprintf(out, "%s\"%s\":%" PRIu64, comma, dropped_name(number), dropped_value(s, number));
        comma = ",";
    }
    fputs("}", out);
}

static void packets_print_json(FILE *out, const struct source_counts *s)
{
    fprintf(out, "\"packets_offered\":%" PRIu64 ",\"packets_metered\":%" PRIu64 ",\"bytes_metered\":%" PRIu64 ",",
            source_offered(s), s->outcomes[DECODE_METERED], s->bytes[DECODE_METERED]);
    dropped_print_json(out, s);
}

static void interfaces_print_json(FILE *out, const struct worker_snapshot *sum)
{
    fputs("\"interfaces\":[", out);
    for (size_t i = 0; i < sum->source_count; i++) {
        fprintf(out, "%s{\"name\":\"", i == 0 ? "" : ",");
        print_name(out, sum->sources[i].source.name, true);
        fprintf(out, "\",\"link_type\":\"%s\",", sum->sources[i].source.link_type);
        packets_print_json(out, &sum->sources[i]);
        fputs("}", out);
    }
    fputs("]", out);
}

static void totals_print_json(FILE *out, const struct totals *totals, const struct source_counts *sum)
{
    const struct meter_counts *meter = &totals->sum.meter;
    fputs("{", out);
    packets_print_json(out, sum);
    fputs(",", out);
    interfaces_print_json(out, &totals->sum);
    fprintf(out,
            ",\"flows\":%" PRIu64 ",\"records\":%" PRIu64 ",\"flows_evicted\":%" PRIu64 ",\"clock_steps\":%" PRIu64
            ",\"cpu_seconds\":%.3f,\"wall_seconds\":%.3f,\"peak_rss_bytes\":%" PRIu64 "}\n",
            meter->flows_made, meter->records_made, meter->flows_evicted, meter->clock_steps,
            (double)totals->cpu_ns / 1e9, (double)totals->wall_ns / 1e9, totals->rss_peak_bytes);
}

static void interface_print(FILE *out, const struct source_counts *s)
{
    print_name(out, s->source.name, false);
    fprintf(out, " (%s)\n  packets        %12" PRIu64 "  offered, %" PRIu64 " metered, %" PRIu64 " bytes\n",
            s->source.link_type[0] != '\0' ? s->source.link_type : "nothing read", source_offered(s),
            s->outcomes[DECODE_METERED], s->bytes[DECODE_METERED]);
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
