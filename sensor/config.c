/* SPDX-License-Identifier: Apache-2.0 */
/* The sensor's configuration. */
#include "sensor/config.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/speak/batch.h"
#include "common/speak/shipper.h"
#include "sensor/capture/capture.h"
#include "sensor/import/line.h"
#include "sensor/meter/meter.h"

enum { SPEC_COUNT = 29 };

static void defaults(struct config *c)
{
    const char *state = getenv("STATE_DIRECTORY"); /* systemd's StateDirectory= */
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
        .import = -1,
        .user = strdup("pavo"),
        .aggregator = strdup("127.0.0.1"),
        .state = state == NULL ? NULL : strdup(state),
    };
}

/* The table points into the configuration, so it is made for one. */
static void fill_specs(struct config *c, struct option_spec specs[static SPEC_COUNT])
{
    const struct option_spec table[SPEC_COUNT] = {
        {.name = "interface",
         .letter = 'i',
         .kind = OPTION_LIST,
         .target = &c->interfaces,
         .argument = "IFACE",
         .help = "capture from this interface; may be given several times",
         .group = "Packets"},
        {.name = "read",
         .letter = 'r',
         .kind = OPTION_LIST,
         .target = &c->files,
         .argument = "FILE|DIR|-",
         .help = "read capture files (pcap, pcapng, gzipped too), all files of a folder, pipes, or standard input"},
        {.name = "snaplen",
         .kind = OPTION_NUMBER,
         .target = &c->snaplen,
         .argument = "BYTES",
         .help = "bytes kept of each packet (default 256)",
         .min = 64,
         .max = CAPTURE_SNAPLEN_MAX},
        {.name = "buffer-size",
         .kind = OPTION_SIZE,
         .target = &c->buffer_size,
         .argument = "SIZE",
         .help = "kernel buffer of each interface and thread (default 16M)",
         .min = 1 << 20,
         .max = INT32_MAX},
        {.name = "threads",
         .kind = OPTION_NUMBER,
         .target = &c->threads,
         .argument = "N",
         .help = "with -i: capture threads; the kernel divides the flows among them, by addresses (default 1)",
         .min = 1,
         .max = THREADS_MAX},
        {.name = "outer",
         .kind = OPTION_FLAG,
         .target = &c->outer,
         .help = "meter the outer packets of tunnels, not the inner ones"},
        {.name = "progress",
         .kind = OPTION_FLAG,
         .target = &c->progress,
         .help = "say which file is being read, and how much of it has been"},
        {.name = "import",
         .kind = OPTION_STRING,
         .target = &c->import_name,
         .argument = "nfdump|argus|zeek",
         .help =
             "with -r: files are not captures but flows, as the text of `nfdump -o csv`, `ra -nn -u -c,` or conn.log; "
             "gzipped too. A file that comes again is counted once"},
        {.name = "follow",
         .letter = 'f',
         .kind = OPTION_FLAG,
         .target = &c->follow,
         .help = "with -r: read on as the newest file grows and new ones come into the folder"},
        {.name = "idle-timeout",
         .kind = OPTION_DURATION,
         .target = &c->idle_timeout,
         .argument = "TIME",
         .help = "a flow without packets for so long is over (default 60s)",
         .group = "Flows",
         .min = NS_PER_MS,
         .max = 86400 * NS_PER_S},
        {.name = "tcp-timeout",
         .kind = OPTION_DURATION,
         .target = &c->tcp_timeout,
         .argument = "TIME",
         .help = "the same for open TCP connections (default 5 x idle-timeout)",
         .max = 86400 * NS_PER_S},
        {.name = "udp-timeout",
         .kind = OPTION_DURATION,
         .target = &c->udp_timeout,
         .argument = "TIME",
         .help = "the same for UDP (default idle-timeout)",
         .max = 86400 * NS_PER_S},
        {.name = "icmp-timeout",
         .kind = OPTION_DURATION,
         .target = &c->icmp_timeout,
         .argument = "TIME",
         .help = "the same for ICMP and ICMPv6 (default idle-timeout)",
         .max = 86400 * NS_PER_S},
        {.name = "unanswered-timeout",
         .kind = OPTION_DURATION,
         .target = &c->unanswered_timeout,
         .argument = "TIME",
         .help = "the same while only one side has spoken, or TCP's client only its SYN (default 30s, at most "
                 "idle-timeout)",
         .max = 86400 * NS_PER_S},
        {.name = "linger",
         .kind = OPTION_DURATION,
         .target = &c->linger,
         .argument = "TIME",
         .help = "a TCP connection that ended waits so long for stragglers (default 5s, at most idle-timeout)",
         .max = 86400 * NS_PER_S},
        {.name = "status-interval",
         .kind = OPTION_DURATION,
         .target = &c->status_interval,
         .argument = "TIME",
         .help = "flows that go on are reported so often (default 60s)",
         .min = NS_PER_MS,
         .max = METER_REPORT_MAX_NS},
        {.name = "flows-max",
         .kind = OPTION_NUMBER,
         .target = &c->flows_max,
         .argument = "N",
         .help = "flows tracked at once, 300 bytes each, over all threads (default 1048576)",
         .min = METER_FLOWS_MIN,
         .max = METER_FLOWS_MAX},
        {.name = "key",
         .kind = OPTION_STRING,
         .target = &c->key,
         .argument = "FILE",
         .help = "this sensor's key file, from `pavo keys enrol sensor NAME`",
         .group = "Shipping"},
        {.name = "aggregator",
         .letter = 'a',
         .kind = OPTION_STRING,
         .target = &c->aggregator,
         .argument = "HOST[:PORT]",
         .help = "where to (default 127.0.0.1:7461)"},
        {.name = "batch-rows",
         .kind = OPTION_NUMBER,
         .target = &c->batch_rows,
         .argument = "N",
         .help = "records of a batch at most (default 8192)",
         .min = 1,
         .max = RECORDS_ROWS_MAX},
        {.name = "batch-age",
         .kind = OPTION_DURATION,
         .target = &c->batch_age,
         .argument = "TIME",
         .help = "a batch waits at most so long to be full (default 1s)",
         .max = 3600 * NS_PER_S},
        {.name = "held-max",
         .kind = OPTION_SIZE,
         .target = &c->held_max,
         .argument = "SIZE",
         .help = "unacknowledged batches held in memory (default 256M)",
         .min = SHIPPER_HELD_MIN,
         .max = INT64_MAX},
        {.name = "state",
         .kind = OPTION_STRING,
         .target = &c->state,
         .argument = "DIR",
         .help = "keep what is unacknowledged at the end here, for the next start of this sensor (default "
                 "$STATE_DIRECTORY, which systemd sets; else nowhere)"},
        {.name = "user",
         .kind = OPTION_STRING,
         .target = &c->user,
         .argument = "NAME",
         .help = "run as this user once the capture is open (default pavo)"},
        {.name = "dry-run",
         .kind = OPTION_FLAG,
         .target = &c->dry_run,
         .help = "meter without an aggregator, then print totals",
         .group = "Instead of shipping"},
        {.name = "print",
         .kind = OPTION_FLAG,
         .target = &c->print,
         .help = "write each record to standard output, as ra does"},
        {.name = "json",
         .kind = OPTION_FLAG,
         .target = &c->json,
         .help = "with --print and --dry-run: JSON, one object a line"},
        {.name = "verbose",
         .letter = 'v',
         .kind = OPTION_FLAG,
         .target = &c->verbose,
         .help = "say more",
         .group = "General"},
        {.name = NULL},
    };
    memcpy(specs, table, sizeof(table));
}

static struct options options_of(const struct option_spec *specs)
{
    return (struct options){
        .program = "pavo-sensor",
        .section = "sensor",
        .usage = "[-i IFACE]... [-r FILE|DIR|-]... [OPTION]... [PCAP FILTER EXPRESSION]",
        .about = "Turns packets into bidirectional flows and ships them, sealed, to an aggregator.",
        .examples = "pavo-sensor -i eth1 --key /etc/pavo/inner.key -a collector.example.edu\n"
                    "pavo-sensor -r monday.pcap --print 'tcp port 22'\n"
                    "pavo-sensor -r captures/ --dry-run --json\n"
                    "pavo-sensor --import zeek -r conn.log.gz --key zeek.key -a collector.example.edu\n",
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
    struct option_spec specs[SPEC_COUNT];
    defaults(config);
    fill_specs(config, specs);
    const struct options options = options_of(specs);
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
    if (config->import_name != NULL) {
        while (++config->import < IMPORT_FORMAT_COUNT &&
               strcmp(import_format_names[config->import], config->import_name) != 0)
            continue;
        if (config->import == IMPORT_FORMAT_COUNT || config->files.count == 0 || config->follow)
            return error_set(
                err, RESULT_REJECT,
                "--import takes nfdump, argus or zeek, and whole files with -r, as in --import nfdump -r FILE");
    }
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
    struct option_spec specs[SPEC_COUNT];
    fill_specs(config, specs);
    const struct options options = options_of(specs);
    options_fini(&options);
    free(config->filter);
    config->filter = NULL;
}
