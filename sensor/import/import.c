/* SPDX-License-Identifier: Apache-2.0 */
/* Files to lines, lines to records, records to the aggregator or to standard output. */
#include "sensor/import/import.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "common/clock.h"
#include "common/keys.h"
#include "common/log.h"
#include "common/records/status.h"
#include "common/speak/batch.h"
#include "common/speak/shipper.h"
#include "sensor/import/line.h"
#include "sensor/print.h"
#include "sensor/sensor.h"

#define BAD_LINES_SAID 10u /* of each file; all are counted */
#define DRAIN_STEP_NS  (500 * NS_PER_MS)
#define PROGRESS_NS    NS_PER_S
#define WAITING_NS     (10 * NS_PER_S)
#define EPOCH_BITS     53

struct import {
    const struct config *config;
    struct keys keys;
    struct shipper *shipper; /* of the file at hand; NULL: --print, --dry-run */
    struct batcher *batcher;
    struct json json;
    uint64_t records, bad; /* of all files */
    int64_t said_ns, waiting_ns;
};

/* Of one file. */
struct archive {
    const char *name;
    FILE *file; /* owned */
    struct observer observer;
    struct import_layout layout;
    uint64_t line, records, bad;
    int64_t last_ns;
};

static bool ships(const struct config *config)
{
    return !config->print && !config->dry_run;
}

/* ---- the file */

/* A pipe's contents in a file without a name: they are read twice. NULL: errno says why. */
static FILE *put_by(FILE *from)
{
    char bytes[65536];
    size_t length;
    FILE *file = tmpfile();
    bool whole = file != NULL;
    while (whole && (length = fread(bytes, 1, sizeof(bytes), from)) > 0)
        whole = fwrite(bytes, 1, length, file) == length;
    if (whole && !ferror(from) && fflush(file) == 0)
        return file;
    int why = errno;
    if (file != NULL)
        fclose(file);
    errno = why;
    return NULL;
}

/* What cannot be read twice, as what `<(zcat FILE)` stands for, is put by. */
static FILE *open_twice(const char *name)
{
    struct stat st;
    FILE *file = strcmp(name, "-") == 0 ? stdin : fopen(name, "re");
    if (file == NULL || (file != stdin && fstat(fileno(file), &st) == 0 && S_ISREG(st.st_mode)))
        return file;
    FILE *twice = put_by(file);
    int why = errno;
    if (file != stdin)
        fclose(file);
    errno = why;
    return twice;
}

static enum result open_archive(struct archive *a, struct error *err)
{
    uint8_t bytes[65536], digest[8];
    size_t length;
    crypto_generichash_state state;
    a->file = open_twice(a->name);
    if (a->file == NULL)
        return error_set(err, RESULT_REJECT, "%s: %s", strcmp(a->name, "-") == 0 ? "standard input" : a->name,
                         strerror(errno));
    crypto_generichash_init(&state, NULL, 0, sizeof(digest));
    rewind(a->file);
    while ((length = fread(bytes, 1, sizeof(bytes), a->file)) > 0)
        crypto_generichash_update(&state, bytes, length);
    if (ferror(a->file))
        return error_set(err, RESULT_REJECT, "%s: %s", a->name, strerror(errno));
    crypto_generichash_final(&state, digest, sizeof(digest));
    uint64_t number;
    memcpy(&number, digest, sizeof(number));
    a->observer.epoch = (number >> (64 - EPOCH_BITS)) | 1;
    rewind(a->file);
    return RESULT_OK;
}

/* ---- records */

static void submit(void *context, struct records **records)
{
    struct import *i = context;
    char name[] = "";
    const struct flow_batch *flows = flow_batch_of(*records);
    if (i->shipper != NULL) {
        shipper_submit(i->shipper, records);
        return;
    }
    for (uint32_t row = 0; i->config->print && row < flows->rows; row++) {
        if (!i->config->json)
            print_flow(stdout, flows, row);
        else if (print_flow_json(stdout, &i->json, flows, row, name) != RESULT_OK)
            log_error("out of memory");
    }
}

static enum result add(struct import *i, struct archive *a, struct flow *flow, const uint64_t unknown[static 2],
                       struct error *err)
{
    struct observer observer = a->observer;
    memcpy(observer.unknown, unknown, sizeof(observer.unknown));
    flow->flow = a->line;
    if (batcher_observer(i->batcher, &observer, &flow->observer) != RESULT_OK)
        return error_set(err, RESULT_FATAL, "out of memory");
    batcher_add(i->batcher, flow);
    a->records++;
    a->last_ns = flow->last_time > a->last_ns ? flow->last_time : a->last_ns;
    return RESULT_OK;
}

static void say_bad(struct archive *a, const char *why)
{
    if (a->bad++ < BAD_LINES_SAID)
        log_warning("%s:%" PRIu64 ": %s", a->name, a->line, why);
}

static void say_progress(struct import *i, const struct archive *a)
{
    int64_t now = clock_monotonic_ns();
    if (now - i->said_ns < PROGRESS_NS)
        return;
    i->said_ns = now;
    if (i->config->progress)
        log_notice("%s: %" PRIu64 " records", a->name, a->records);
}

/* An import that stands still says why. */
static void say_waiting(struct import *i)
{
    struct shipper_counts counts;
    int64_t now = clock_monotonic_ns();
    shipper_counts_get(i->shipper, &counts);
    if (counts.connected || now - i->waiting_ns < WAITING_NS)
        return;
    i->waiting_ns = now;
    log_warning("waiting for the aggregator at %s, which does not answer or does not let %s in; whoever ends this now "
                "imports the same file again later",
                i->config->aggregator, i->config->key);
}

/* Of a file that has not said its columns yet every line is read: it is a file of something else. */
static enum result read_line(struct import *i, struct archive *a, char *line, size_t size, bool whole,
                             struct error *err)
{
    struct flow flow;
    uint64_t unknown[2];
    struct error why;
    a->line++;
    if (a->layout.begun && !whole)
        say_bad(a, "it is longer than 64 KiB");
    else if (a->layout.begun && memchr(line, '\0', size) != NULL)
        say_bad(a, "there is a zero byte in it");
    if (a->layout.begun && (!whole || memchr(line, '\0', size) != NULL))
        return RESULT_OK;
    line[strcspn(line, "\r\n")] = '\0';
    enum result r = import_line(&a->layout, line, &flow, unknown, &why);
    if (r == RESULT_REJECT && !a->layout.begun)
        return error_set(err, RESULT_REJECT, "%s:%" PRIu64 ": %s", a->name, a->line, why.text);
    if (r == RESULT_REJECT)
        say_bad(a, why.text);
    if (r == RESULT_OK)
        r = add(i, a, &flow, unknown, err);
    return r == RESULT_FATAL ? r : RESULT_OK;
}

/* gzipped or not. */
static enum result read_lines(struct import *i, struct archive *a, struct error *err)
{
    static char line[IMPORT_LINE_MAX];
    enum result r = RESULT_OK;
    int failed = 0;
    bool cut = false; /* the end of a line that was too long comes yet */
    z_off_t at = 0;
    gzFile lines = gzdopen(dup(fileno(a->file)), "rb");
    if (lines == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    while (r == RESULT_OK && gzgets(lines, line, sizeof(line)) != NULL) {
        size_t size = (size_t)(gztell(lines) - at);
        bool whole = (size > 0 && line[size - 1] == '\n') || gzeof(lines);
        if (!cut)
            r = read_line(i, a, line, size, whole, err);
        cut = !whole;
        at += (z_off_t)size;
        say_progress(i, a);
    }
    const char *why = gzerror(lines, &failed);
    if (r == RESULT_OK && failed != Z_OK && failed != Z_STREAM_END) { /* said, however many lines were */
        a->bad++;
        log_warning("%s:%" PRIu64 ": nothing behind this line can be read: %s", a->name, a->line,
                    failed == Z_ERRNO ? strerror(errno) : why);
    } else if (r == RESULT_OK && a->line > 0 && !a->layout.begun) {
        r = error_set(err, RESULT_REJECT, "%s: no line of it names columns, as those of %s do", a->name,
                      import_format_names[a->layout.format]);
    }
    gzclose(lines);
    return r;
}

/* What is acknowledged may be refused all the same. */
static enum result check_taken(struct import *i, const struct archive *a, struct error *err)
{
    struct shipper_counts counts;
    shipper_counts_get(i->shipper, &counts);
    if (counts.batches_rejected == 0)
        return RESULT_OK;
    return error_set(err, RESULT_REJECT,
                     "%s: the aggregator refused %" PRIu64 " of %" PRIu64
                     " batches: it has this file already, read otherwise (another --import or time zone, TZ, or "
                     "another pavo-sensor); its log says more",
                     a->name, counts.batches_rejected, counts.batches_made);
}

/* The same whenever the file comes, so nothing is in it of how it came. */
static enum result add_status(struct import *i, const struct archive *a, struct error *err)
{
    const struct status row = {.time = a->last_ns,
                               .started = a->last_ns,
                               .software = "pavo-sensor --import",
                               .flows_made = a->records,
                               .records_made = a->records,
                               .records_acknowledged = a->records,
                               .last = 1,
                               .reported_through = a->last_ns};
    struct records *status = records_new(record_kinds[RECORD_STATUS], 1);
    uint16_t index;
    if (status == NULL || records_observer(status, &a->observer, &index) != RESULT_OK ||
        records_add(status, &row) != RESULT_OK) {
        records_free(&status);
        return error_set(err, RESULT_FATAL, "out of memory");
    }
    shipper_submit(i->shipper, &status);
    return RESULT_OK;
}

/* ---- one after the other */

static enum result begin(struct import *i, const struct archive *a, struct error *err)
{
    const struct batcher_options batcher = {.kind = record_kinds[RECORD_FLOW],
                                            .observer = a->observer,
                                            .rows = BATCH_ROWS_DEFAULT, /* part of a batch's name: no option */
                                            .age_ns = INT64_MAX,
                                            .submit = submit,
                                            .context = i};
    const struct shipper_options shipper = {.endpoint = i->config->aggregator,
                                            .keys = &i->keys,
                                            .software = "pavo-sensor " PAVO_VERSION,
                                            .epoch = a->observer.epoch,
                                            .held_max = i->config->held_max,
                                            .patient = true};
    enum result r = batcher_new(&batcher, &i->batcher, err);
    if (r == RESULT_OK && ships(i->config))
        r = shipper_start(&shipper, &i->shipper, err);
    return r;
}

static enum result import_file(struct import *i, const char *name, struct error *err)
{
    struct archive a = {.name = name, .layout = {.format = (enum import_format)i->config->import}};
    snprintf(a.observer.sensor, sizeof(a.observer.sensor), "%s", i->keys.name[0] == '\0' ? "import" : i->keys.name);
    enum result r = open_archive(&a, err);
    if (r == RESULT_OK)
        r = begin(i, &a, err);
    if (r == RESULT_OK)
        r = read_lines(i, &a, err);
    if (i->batcher != NULL) {
        batcher_flush(i->batcher);
        if (batcher_lost(i->batcher).records > 0 && r == RESULT_OK)
            r = error_set(err, RESULT_FATAL, "out of memory");
    }
    if (r == RESULT_OK && i->shipper != NULL && a.records > 0)
        r = add_status(i, &a, err);
    while (r == RESULT_OK && i->shipper != NULL && !shipper_drain(i->shipper, DRAIN_STEP_NS)) {
        say_progress(i, &a);
        say_waiting(i);
    }
    if (r == RESULT_OK && i->shipper != NULL)
        r = check_taken(i, &a, err);
    if (i->shipper != NULL)
        shipper_stop(&i->shipper);
    if (i->batcher != NULL)
        batcher_destroy(&i->batcher);
    if (a.file != NULL)
        fclose(a.file);
    if (r == RESULT_OK)
        log_notice("%s: %" PRIu64 " records of epoch %" PRIu64 ", %" PRIu64 " lines that cannot be read", name,
                   a.records, a.observer.epoch, a.bad);
    i->records += a.records;
    i->bad += a.bad;
    return r;
}

static enum result read_keys(struct import *i, struct error *err)
{
    if (i->config->key == NULL)
        return RESULT_OK;
    enum result r = keys_read(i->config->key, &i->keys, err);
    if (r == RESULT_OK && i->keys.role != KEY_ROLE_SENSOR)
        r = error_set(err, RESULT_REJECT,
                      "%s is the key of a %s, not of a sensor: `pavo keys enrol sensor NAME` makes one", i->config->key,
                      key_role_name(i->keys.role));
    return r;
}

int import_run(const struct config *config)
{
    struct import i = {.config = config, .said_ns = clock_monotonic_ns(), .waiting_ns = clock_monotonic_ns()};
    struct error err;
    int code = SENSOR_EXIT_OK;
    signal(SIGPIPE, ships(config) ? SIG_IGN : SIG_DFL);
    enum result r =
        sodium_init() < 0 ? error_set(&err, RESULT_FATAL, "libsodium cannot be initialised") : read_keys(&i, &err);
    if (r != RESULT_OK)
        log_error("%s", err.text);
    if (r == RESULT_OK && config->print && !config->json)
        print_header(stdout);
    for (size_t n = 0; r == RESULT_OK && n < config->files.count; n++) {
        if (import_file(&i, config->files.items[n], &err) != RESULT_OK) {
            log_error("%s", err.text);
            code = SENSOR_EXIT_FAILED; /* the other files come in all the same */
        }
    }
    if (config->dry_run)
        printf("%" PRIu64 " records, %" PRIu64 " lines that cannot be read\n", i.records, i.bad);
    if (fflush(stdout) != 0 || r != RESULT_OK || i.bad > 0)
        code = SENSOR_EXIT_FAILED;
    json_fini(&i.json);
    keys_clear(&i.keys);
    return code;
}
