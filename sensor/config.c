/* SPDX-License-Identifier: Apache-2.0 */
/* The sensor's configuration. */
#include "sensor/config.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "sensor/batch/batch.h"
#include "sensor/capture/capture.h"
#include "sensor/meter/meter.h"
#include "sensor/ship/shipper.h"

enum { SPECS_MAX = 32 };

static void defaults(struct config *c)
{
    struct meter_options meter = meter_options_default();
    *c = (struct config){
        .idle_timeout = meter.idle_ns,
        .linger = meter.linger_ns,
        .status_interval = meter.status_ns,
        .flows_max = meter.flows_max,
        .batch_age = NS_PER_S,
        .batch_rows = BATCH_ROWS_DEFAULT,
        .buffer_size = CAPTURE_BUFFER_DEFAULT,
        .snaplen = CAPTURE_SNAPLEN_DEFAULT,
        .held_max = SHIPPER_HELD_DEFAULT,
        .threads = 1,
        .user = strdup("pavo"),
        .aggregator = strdup("127.0.0.1"),
    };
}

/* The table points into the configuration, so it is made for one. */
static struct options options_of(struct config *c, struct option_spec specs[static SPECS_MAX])
{
    const struct option_spec table[] = {
        {"interface", 'i', OPTION_LIST, &c->interfaces, "IFACE",
         "capture from this interface; may be given several times", "Packets", 0, 0},
        {"read", 'r', OPTION_LIST, &c->files, "FILE|DIR|-",
         "read capture files (pcap, pcapng, gzipped too), all files of a folder, pipes, or standard input", NULL, 0, 0},
        {"snaplen", 0, OPTION_NUMBER, &c->snaplen, "BYTES", "bytes kept of each packet (default 256)", NULL, 64,
         CAPTURE_SNAPLEN_MAX},
        {"buffer-size", 0, OPTION_SIZE, &c->buffer_size, "SIZE",
         "kernel buffer of each interface and thread (default 16M)", NULL, 1 << 20, INT32_MAX},
        {"threads", 0, OPTION_NUMBER, &c->threads, "N",
         "with -i: capture threads; the kernel divides the flows among them, by addresses (default 1)", NULL, 1,
         THREADS_MAX},
        {"outer", 0, OPTION_FLAG, &c->outer, NULL, "meter the outer packets of tunnels, not the inner ones", NULL, 0,
         0},
        {"progress", 0, OPTION_FLAG, &c->progress, NULL, "say which file is being read, and how much of it has been",
         NULL, 0, 0},
        {"follow", 'f', OPTION_FLAG, &c->follow, NULL,
         "with -r: read on as the newest file grows and new ones come into the folder", NULL, 0, 0},
        {"idle-timeout", 0, OPTION_DURATION, &c->idle_timeout, "TIME",
         "a flow without packets for so long is over (default 60s)", "Flows", NS_PER_MS, 86400 * NS_PER_S},
        {"tcp-timeout", 0, OPTION_DURATION, &c->tcp_timeout, "TIME",
         "the same for open TCP connections (default 5 x idle-timeout)", NULL, 0, 86400 * NS_PER_S},
        {"udp-timeout", 0, OPTION_DURATION, &c->udp_timeout, "TIME", "the same for UDP (default idle-timeout)", NULL, 0,
         86400 * NS_PER_S},
        {"icmp-timeout", 0, OPTION_DURATION, &c->icmp_timeout, "TIME",
         "the same for ICMP and ICMPv6 (default idle-timeout)", NULL, 0, 86400 * NS_PER_S},
        {"unanswered-timeout", 0, OPTION_DURATION, &c->unanswered_timeout, "TIME",
         "the same while only one side has spoken, or TCP's client only its SYN (default 30s, at most idle-timeout)",
         NULL, 0, 86400 * NS_PER_S},
        {"linger", 0, OPTION_DURATION, &c->linger, "TIME",
         "a TCP connection that ended waits so long for stragglers (default 5s, at most idle-timeout)", NULL, 0,
         86400 * NS_PER_S},
        {"status-interval", 0, OPTION_DURATION, &c->status_interval, "TIME",
         "flows that go on are reported so often (default 60s)", NULL, NS_PER_MS, METER_REPORT_MAX_NS},
        {"flows-max", 0, OPTION_NUMBER, &c->flows_max, "N",
         "flows tracked at once, 300 bytes each, over all threads (default 1048576)", NULL, METER_FLOWS_MIN,
         METER_FLOWS_MAX},
        {"key", 0, OPTION_STRING, &c->key, "FILE", "this sensor's key file, from `pavo keys enrol sensor NAME`",
         "Shipping", 0, 0},
        {"aggregator", 'a', OPTION_STRING, &c->aggregator, "HOST[:PORT]", "where to (default 127.0.0.1:7461)", NULL, 0,
         0},
        {"batch-rows", 0, OPTION_NUMBER, &c->batch_rows, "N", "records of a batch at most (default 8192)", NULL, 1,
         FLOW_BATCH_ROWS_MAX},
        {"batch-age", 0, OPTION_DURATION, &c->batch_age, "TIME",
         "a batch waits at most so long to be full (default 1s)", NULL, 0, 3600 * NS_PER_S},
        {"held-max", 0, OPTION_SIZE, &c->held_max, "SIZE", "unacknowledged batches held in memory (default 256M)", NULL,
         SHIPPER_HELD_MIN, INT64_MAX},
        {"user", 0, OPTION_STRING, &c->user, "NAME", "run as this user once the capture is open (default pavo)", NULL,
         0, 0},
        {"dry-run", 0, OPTION_FLAG, &c->dry_run, NULL, "meter without an aggregator, then print totals",
         "Instead of shipping", 0, 0},
        {"print", 0, OPTION_FLAG, &c->print, NULL, "write each record to standard output, as ra does", NULL, 0, 0},
        {"json", 0, OPTION_FLAG, &c->json, NULL, "with --print and --dry-run: JSON, one object a line", NULL, 0, 0},
        {"verbose", 'v', OPTION_FLAG, &c->verbose, NULL, "say more", "General", 0, 0},
        {NULL, 0, OPTION_FLAG, NULL, NULL, NULL, NULL, 0, 0},
    };
    _Static_assert(sizeof(table) / sizeof(*table) <= SPECS_MAX, "room for all options");
    memcpy(specs, table, sizeof(table));
    return (struct options){
        .program = "pavo-sensor",
        .section = "sensor",
        .usage = "[-i IFACE]... [-r FILE|DIR|-]... [OPTION]... [PCAP FILTER EXPRESSION]",
        .about = "Turns packets into bidirectional flows and ships them, sealed, to an aggregator.",
        .examples = "pavo-sensor -i eth1 --key /etc/pavo/inner.key -a collector.example.edu\n"
                    "pavo-sensor -r monday.pcap --print 'tcp port 22'\n"
                    "pavo-sensor -r captures/ --dry-run --json\n",
        .specs = specs,
    };
}

/* The rest of the command line, as tcpdump takes it: words joined by blanks. */
static char *join(char **words, int count)
{
    size_t length = 1;
    for (int i = 0; i < count; i++)
        length += strlen(words[i]) + 1;
    char *joined = calloc(1, length);
    for (int i = 0; joined != NULL && i < count; i++) {
        if (i > 0)
            strcat(joined, " ");
        strcat(joined, words[i]);
    }
    return joined;
}

static int64_t at_most(int64_t value, int64_t most)
{
    return value < most ? value : most;
}

enum result config_parse(int argc, char **argv, struct config *config, struct error *err)
{
    struct option_spec specs[SPECS_MAX];
    defaults(config);
    struct options options = options_of(config, specs);
    int first = argc;
    enum result result = options_parse(&options, argc, argv, &first, err);
    if (result != RESULT_OK)
        return result;
    if (first < argc)
        config->filter = join(argv + first, argc - first);
    if ((config->interfaces.count == 0) == (config->files.count == 0))
        return error_set(err, RESULT_REJECT,
                         "give either interfaces (-i) or files (-r); `pavo-sensor --help` shows examples");
    if (config->files.count > 0 && config->threads > 1)
        return error_set(err, RESULT_REJECT, "--threads is for interfaces (-i): files are read by one thread");
    if (config->key == NULL && !config->dry_run && !config->print)
        return error_set(err, RESULT_REJECT,
                         "no --key: make one with `pavo keys enrol sensor NAME`, or use --print or --dry-run");
    if (config->tcp_timeout == 0)
        config->tcp_timeout = 5 * config->idle_timeout;
    if (config->udp_timeout == 0)
        config->udp_timeout = config->idle_timeout;
    if (config->icmp_timeout == 0)
        config->icmp_timeout = config->idle_timeout;
    if (config->unanswered_timeout == 0)
        config->unanswered_timeout = at_most(30 * NS_PER_S, config->idle_timeout);
    config->linger = at_most(config->linger, config->idle_timeout);
    return RESULT_OK;
}

void config_fini(struct config *config)
{
    struct option_spec specs[SPECS_MAX];
    struct options options = options_of(config, specs);
    options_fini(&options);
    free(config->filter);
    config->filter = NULL;
}
