/* SPDX-License-Identifier: Apache-2.0 */
/* Flags and configuration file of pavo-aggregator. */
#include "aggregator/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/porter.h"
#include "aggregator/receive/receive.h"
#include "aggregator/store/store.h"
#include "common/clock.h"

#define CREDIT_DEFAULT 64

static struct boundary boundary_named(const char *name)
{
    struct boundary boundary = {.window_ns = CORRELATE_WINDOW_DEFAULT_NS,
                                .tolerance_ns = CORRELATE_TOLERANCE_DEFAULT_NS};
    snprintf(boundary.name, sizeof(boundary.name), "%s", name);
    return boundary;
}

static enum result set_sensor(char to[static SENSOR_NAME_MAX], const char *key, const char *value, struct error *err)
{
    if (!sensor_name_valid(value))
        return error_set(err, RESULT_REJECT, "%s = %s is no sensor's name", key, value);
    snprintf(to, SENSOR_NAME_MAX, "%s", value);
    return RESULT_OK;
}

static enum result boundary_set(struct boundary *boundary, const char *key, const char *value, struct error *err)
{
    if (strcmp(key, "inside") == 0)
        return set_sensor(boundary->inside, key, value, err);
    if (strcmp(key, "outside") == 0)
        return set_sensor(boundary->outside, key, value, err);
    if (strcmp(key, "window") == 0)
        return duration_parse(value, &boundary->window_ns, err);
    if (strcmp(key, "tolerance") == 0)
        return duration_parse(value, &boundary->tolerance_ns, err);
    return error_set(err, RESULT_REJECT, "a boundary has inside, outside, window and tolerance, not \"%.64s\"", key);
}

enum result config_boundary_parse(const char *text, struct boundary *ret_boundary, struct error *err)
{
    char copy[512];
    if ((size_t)snprintf(copy, sizeof(copy), "%s", text) >= sizeof(copy))
        return error_set(err, RESULT_REJECT, "a boundary's text is longer than %zu bytes", sizeof(copy) - 1);
    char *rest = NULL, *name = strtok_r(copy, " \t", &rest);
    if (name == NULL || !sensor_name_valid(name))
        return error_set(err, RESULT_REJECT,
                         "a boundary is \"NAME inside=SENSOR outside=SENSOR [window=120s] "
                         "[tolerance=2s]\"");
    struct boundary boundary = boundary_named(name);
    for (char *word; (word = strtok_r(NULL, " \t", &rest)) != NULL;) {
        char *equals = strchr(word, '=');
        if (equals == NULL)
            return error_set(err, RESULT_REJECT, "boundary %s: \"%s\" is not key=value", name, word);
        *equals = '\0';
        enum result r = boundary_set(&boundary, word, equals + 1, err);
        if (r != RESULT_OK)
            return r;
    }
    *ret_boundary = boundary;
    return RESULT_OK;
}

/* The boundary of this name, added with defaults if new. NULL: out of memory. */
static struct boundary *boundary_get(struct config *config, const char *name)
{
    for (size_t i = 0; i < config->boundary_count; i++) {
        if (strcmp(config->boundaries[i].name, name) == 0)
            return &config->boundaries[i];
    }
    struct boundary *grown = realloc(config->boundaries, (config->boundary_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return NULL;
    config->boundaries = grown;
    grown[config->boundary_count] = boundary_named(name);
    return &grown[config->boundary_count++];
}

static enum result section_line(void *context, const char *title, const char *key, const char *value, struct error *err)
{
    static const char word[] = "boundary ";
    if (strncmp(title, word, sizeof(word) - 1) != 0)
        return error_set(err, RESULT_REJECT, "no section [%s]: there are [aggregator] and [boundary NAME]", title);
    const char *name = title + sizeof(word) - 1;
    if (!sensor_name_valid(name))
        return error_set(err, RESULT_REJECT, "[%s]: a boundary's name is of letters, digits, - _ and .", title);
    struct boundary *boundary = boundary_get(context, name);
    return boundary == NULL ? error_set(err, RESULT_REJECT, "out of memory") : boundary_set(boundary, key, value, err);
}

#define SPEC_COUNT 23

static void fill_specs(struct config *config, struct option_spec specs[static SPEC_COUNT])
{
    const struct option_spec filled[SPEC_COUNT] = {
        {.name = "data",
         .kind = OPTION_STRING,
         .target = &config->data,
         .argument = "DIR",
         .group = "Places",
         .help = "where the records are kept (/var/lib/pavo)"},
        {.name = "keys",
         .kind = OPTION_STRING,
         .target = &config->keys,
         .argument = "DIR",
         .help = "aggregator.key and enrolled/, made with `pavo keys` (/etc/pavo/keys)"},
        {.name = "read-only",
         .kind = OPTION_FLAG,
         .target = &config->store.read_only,
         .help = "only answer from what is in --data, which may be a copy, on media that cannot be written, or in use "
                 "by another pavo-aggregator: nothing of it is changed, and there is no door but --answer"},
        {.name = "geo",
         .kind = OPTION_LIST,
         .target = &config->geo,
         .argument = "FILE",
         .help =
             "countries or AS numbers of addresses, a MaxMind file (GeoLite2-Country, -City, -ASN); may be repeated"},
        {.name = "intake",
         .kind = OPTION_STRING,
         .target = &config->intake,
         .argument = "HOST:PORT",
         .group = "Doors",
         .help = "where sensors connect (*:7461)"},
        {.name = "publish",
         .kind = OPTION_STRING,
         .target = &config->publish,
         .argument = "HOST:PORT",
         .help = "where subscribers connect (*:7462)"},
        {.name = "answer",
         .kind = OPTION_STRING,
         .target = &config->answer,
         .argument = "HOST:PORT",
         .help = "where queries are answered (*:7463)"},
        {.name = "boundary",
         .kind = OPTION_LIST,
         .target = &config->boundary_flags,
         .argument = "'NAME inside=SENSOR outside=SENSOR [window=120s] [tolerance=2s]'",
         .group = "Boundaries",
         .help = "link the views of two sensors across a NAT; may be repeated; in the file a section [boundary NAME]"},
        {.name = "memory-limit",
         .kind = OPTION_SIZE,
         .target = &config->store.memory_limit,
         .argument = "SIZE",
         .group = "Limits",
         .help = "memory for questions, and as much for sealing (256M)",
         .min = 64 << 20},
        {.name = "hot-memory",
         .kind = OPTION_SIZE,
         .target = &config->store.hot_memory,
         .argument = "SIZE",
         .help = "memory for records that are not sealed yet; beyond it they are read from the journal (192M)",
         .min = 1 << 20},
        {.name = "seal-rows",
         .kind = OPTION_NUMBER,
         .target = &config->store.seal_rows,
         .argument = "N",
         .help = "records that are sealed into segments at once (250000)",
         .min = 1,
         .max = 4000000},
        {.name = "seal-age",
         .kind = OPTION_DURATION,
         .target = &config->store.seal_age_ns,
         .argument = "TIME",
         .help = "time after which fewer are (15m)",
         .min = NS_PER_MS},
        {.name = "connections",
         .kind = OPTION_NUMBER,
         .target = &config->connections,
         .argument = "N",
         .help = "connections at all doors together (512)",
         .min = 16,
         .max = 65536},
        {.name = "credit",
         .kind = OPTION_NUMBER,
         .target = &config->credit,
         .argument = "N",
         .help = "batches a sensor may have unacknowledged (64)",
         .min = 1,
         .max = RECEIVE_BATCHES_MAX / 2},
        {.name = "keep-flows",
         .kind = OPTION_DURATION,
         .target = &config->store.keep.flows_ns,
         .argument = "TIME",
         .group = "What is kept, and how long",
         .help = "records older than this are let go, as 365d (kept for good)"},
        {.name = "keep-evidence",
         .kind = OPTION_DURATION,
         .target = &config->store.keep.evidence_ns,
         .argument = "TIME",
         .help = "the same for what of a flow only links rest on: sequence numbers, digests, time stamps, IP ids"},
        {.name = "keep-rollups",
         .kind = OPTION_DURATION,
         .target = &config->store.keep.rollups_ns,
         .argument = "TIME",
         .help = "the same for what `pavo series` sums up, by service and hour"},
        {.name = "keep-size",
         .kind = OPTION_SIZE,
         .target = &config->store.keep.segments_bytes,
         .argument = "SIZE",
         .help = "segments beyond this are let go, oldest first (no limit)"},
        {.name = "keep-batches",
         .kind = OPTION_SIZE,
         .target = &config->store.keep.batches_bytes,
         .argument = "SIZE",
         .help = "journal kept behind what is sealed: what a subscriber that was away can fetch (4G)",
         .min = 1},
        {.name = "journal-file",
         .kind = OPTION_SIZE,
         .target = &config->store.journal_file,
         .argument = "SIZE",
         .help = "of each of the journal's files, allocated ahead and let go as a whole (64M)",
         .min = 64 << 10},
        {.name = "verbose",
         .letter = 'v',
         .kind = OPTION_FLAG,
         .group = "General",
         .target = &config->verbose,
         .help = "log more than start, stop and trouble"},
        {.name = "questions",
         .kind = OPTION_FLAG,
         .target = &config->questions,
         .help = "print what can be asked, as Markdown, and end"},
        {.name = NULL},
    };
    memcpy(specs, filled, sizeof(filled));
}

static struct options options_of(struct config *config, const struct option_spec *specs)
{
    return (struct options){
        .program = "pavo-aggregator",
        .section = "aggregator",
        .usage = "[-c FILE] [--data DIR] [--keys DIR]",
        .about = "Receives flows from sensors, keeps them, links the views of one connection on both sides of a NAT, "
                 "publishes and answers.",
        .examples = "pavo-aggregator -c /etc/pavo/aggregator.conf\n"
                    "pavo-aggregator --data /tmp/flows --keys /tmp/keys --boundary 'border inside=inner outside=outer'",
        .specs = specs,
        .section_line = section_line,
        .context = config,
    };
}

static enum result take_flags(struct config *config, struct error *err)
{
    for (size_t i = 0; i < config->boundary_flags.count; i++) {
        struct boundary parsed;
        enum result r = config_boundary_parse(config->boundary_flags.items[i], &parsed, err);
        if (r != RESULT_OK)
            return r;
        struct boundary *boundary = boundary_get(config, parsed.name);
        if (boundary == NULL)
            return error_set(err, RESULT_REJECT, "out of memory");
        *boundary = parsed;
    }
    return RESULT_OK;
}

enum result config_read(int argc, char **argv, struct config *ret_config, struct error *err)
{
    struct config config = {.data = strdup("/var/lib/pavo"),
                            .keys = strdup("/etc/pavo/keys"),
                            .intake = strdup("*:7461"),
                            .publish = strdup("*:7462"),
                            .answer = strdup("*:7463"),
                            .store = {.memory_limit = STORE_MEMORY_DEFAULT,
                                      .hot_memory = STORE_HOT_DEFAULT,
                                      .seal_rows = STORE_SEAL_ROWS,
                                      .seal_age_ns = STORE_SEAL_AGE_NS,
                                      .keep = {.batches_bytes = STORE_BATCHES_DEFAULT}},
                            .credit = CREDIT_DEFAULT,
                            .connections = PORTER_CONNECTIONS_DEFAULT};
    struct option_spec specs[SPEC_COUNT];
    fill_specs(&config, specs);
    const struct options options = options_of(&config, specs);
    int first = argc;
    enum result r = options_parse(&options, argc, argv, &first, err);
    if (r == RESULT_OK && first < argc)
        r = error_set(err, RESULT_REJECT, "\"%s\" is not an option: pavo-aggregator takes no arguments", argv[first]);
    if (r == RESULT_OK)
        r = take_flags(&config, err);
    if (r != RESULT_OK) {
        config_fini(&config);
        return r;
    }
    *ret_config = config;
    return RESULT_OK;
}

void config_fini(struct config *config)
{
    struct option_spec specs[SPEC_COUNT];
    fill_specs(config, specs);
    const struct options options = options_of(config, specs);
    options_fini(&options);
    free(config->boundaries);
    config->boundaries = NULL;
    config->boundary_count = 0;
}
