/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and closing the store. */
#include "aggregator/store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aggregator/store/internal.h"

/* Holds the lock as long as the process lives; a crash releases it. */
static enum result take_directory(struct store *store, struct error *err)
{
    if (mkdir(store->directory, 0700) != 0 && errno != EEXIST)
        return error_set(err, RESULT_FATAL, "%s cannot be made: %s", store->directory, strerror(errno));
    char path[4096];
    snprintf(path, sizeof(path), "%s/lock", store->directory);
    store->lock_file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (store->lock_file < 0)
        return error_set(err, RESULT_FATAL, "%s cannot be written: %s", path, strerror(errno));
    if (flock(store->lock_file, LOCK_EX | LOCK_NB) != 0) {
        char pid[32] = "";
        ssize_t length = read(store->lock_file, pid, sizeof(pid) - 1);
        pid[length > 0 ? strcspn(pid, "\n") : 0] = '\0';
        return error_set(
            err, RESULT_FATAL,
            "%s is in use by another pavo-aggregator (process %s): stop that one, or give this one its own --data",
            store->directory, pid[0] == '\0' ? "unknown" : pid);
    }
    char pid[32];
    int length = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
    if (ftruncate(store->lock_file, 0) != 0 || write(store->lock_file, pid, (size_t)length) != length)
        return RESULT_OK; /* only the sentence above wants the number; a full disk must not stop the start */
    return RESULT_OK;
}

static enum result open_database(struct store *store, uint64_t memory_limit, struct error *err)
{
    char memory[32], temporary[4096];
    snprintf(memory, sizeof(memory), "%" PRIu64 "MiB", memory_limit >> 20);
    snprintf(temporary, sizeof(temporary), "%s/tmp", store->directory);
    const char *const settings[][2] = {
        {"memory_limit", memory},
        {"temp_directory", temporary},
        /* Checkpoints are ours to time (days_checkpoint): DuckDB's own would fail fatally on a full disk. */
        {"checkpoint_threshold", "1TiB"},
        {"autoinstall_known_extensions", "false"},
        {"autoload_known_extensions", "false"},
        {"allow_community_extensions", "false"},
    };
    duckdb_config config;
    if (duckdb_create_config(&config) != DuckDBSuccess)
        return error_set(err, RESULT_FATAL, "DuckDB: no configuration");
    enum result r = RESULT_OK;
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        if (duckdb_set_config(config, settings[i][0], settings[i][1]) != DuckDBSuccess)
            r = error_set(err, RESULT_FATAL, "DuckDB does not take %s = %s", settings[i][0], settings[i][1]);
    }
    char *sentence = NULL;
    if (r == RESULT_OK && duckdb_open_ext(NULL, &store->database, config, &sentence) != DuckDBSuccess)
        r = error_set(err, RESULT_FATAL, "DuckDB: %s", sentence == NULL ? "cannot be opened" : sentence);
    duckdb_free(sentence);
    duckdb_destroy_config(&config);
    if (r == RESULT_OK && duckdb_connect(store->database, &store->writer) != DuckDBSuccess)
        r = error_set(err, RESULT_FATAL, "DuckDB: no connection");
    return r;
}

static enum result make_chunk(struct store *store, enum record_kind_number number, struct error *err)
{
    const struct record_kind *kind = record_kinds[number];
    duckdb_logical_type *types = calloc(schema_columns(kind), sizeof(*types));
    if (types == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    for (unsigned c = 0; c < schema_columns(kind); c++)
        types[c] = schema_type(kind, c);
    store->chunks[number] = duckdb_create_data_chunk(types, schema_columns(kind));
    for (unsigned c = 0; c < schema_columns(kind); c++)
        duckdb_destroy_logical_type(&types[c]);
    free(types);
    return store->chunks[number] != NULL ? RESULT_OK : error_set(err, RESULT_FATAL, "out of memory");
}

enum result store_open(const struct store_options *options, int64_t now_ns, struct store **ret_store, struct error *err)
{
    struct store *store = calloc(1, sizeof(*store));
    if (store == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    pthread_mutex_init(&store->lock, NULL);
    store->lock_file = -1;
    store->position_file = -1;
    uint64_t noted = 0;
    store->notice = options->notice;
    store->notice_context = options->context;
    store->checkpoint_at = options->checkpoint_at != 0 ? options->checkpoint_at : STORE_CHECKPOINT_DEFAULT;
    store->directory = strdup(options->directory);
    enum result r =
        store->directory == NULL ? error_set(err, RESULT_FATAL, "out of memory") : take_directory(store, err);
    if (r == RESULT_OK)
        r = open_database(store, options->memory_limit != 0 ? options->memory_limit : STORE_MEMORY_DEFAULT, err);
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT && r == RESULT_OK; kind++)
        r = make_chunk(store, kind, err);
    if (r == RESULT_OK)
        r = position_open(store, &noted, err);
    if (r == RESULT_OK)
        r = days_open(store, noted, err);
    struct day *today;
    if (r == RESULT_OK)
        r = days_today(store, now_ns, &today, err);
    if (r != RESULT_OK) {
        store_close(&store);
        return RESULT_FATAL;
    }
    *ret_store = store;
    return RESULT_OK;
}

void store_close(struct store **store_pointer)
{
    struct store *store = *store_pointer;
    if (store == NULL)
        return;
    if (store->writer != NULL) {
        /* DuckDB would checkpoint unasked when it closes, room or not. */
        enum result ignored = db_run(store->writer, NULL, "PRAGMA disable_checkpoint_on_shutdown");
        for (size_t i = 0; i < store->day_count; i++)
            ignored = days_checkpoint(store, store->days[i], NULL); /* put off: the log is read at the next start */
        (void)ignored;
        duckdb_disconnect(&store->writer);
    }
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++)
        duckdb_destroy_data_chunk(&store->chunks[kind]);
    if (store->database != NULL)
        duckdb_close(&store->database);
    for (size_t i = 0; i < store->day_count; i++)
        day_destroy(&store->days[i]);
    free(store->days);
    for (size_t i = 0; i < store->life_count; i++) {
        sequences_fini(&store->lives[i].sequences);
        records_free(&store->lives[i].sums.status);
    }
    free(store->lives);
    free(store->kin);
    observers_fini(&store->life_numbers);
    observers_fini(&store->sensor_numbers);
    free(store->boundaries);
    free(store->damages);
    free(store->directory);
    if (store->position_file >= 0)
        close(store->position_file);
    if (store->lock_file >= 0)
        close(store->lock_file);
    pthread_mutex_destroy(&store->lock);
    free(store);
    *store_pointer = NULL;
}
