/* SPDX-License-Identifier: Apache-2.0 */
/* A struct engine_source as a table function: columns by the kind, only those a statement wants are made. */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "aggregator/engine/functions.h"

#define FUNCTION "pavo_rows"

/* A scan of a source: what it needs, and which columns are wanted of it, in the statement's order. */
struct scan {
    struct engine_source *source;
    void *own;
    void (*free)(void *own); /* DuckDB lets a scan go late: the source may be gone by then, as with a worker */
    idx_t count;
    uint16_t fields[];
};

/* A thread of it. */
struct worker {
    struct engine_source *source;
    void *own;
    void (*free)(void *own);
};

static void rows_bind(duckdb_bind_info info)
{
    duckdb_value value = duckdb_bind_get_parameter(info, 0);
    const struct engine_source *source = (const struct engine_source *)(uintptr_t)duckdb_get_uint64(value);
    duckdb_destroy_value(&value);
    for (unsigned f = 0; f < source->kind->stored_count; f++) {
        duckdb_logical_type type = schema_type(source->kind, f);
        duckdb_bind_add_result_column(info, source->kind->fields[f].name, type);
        duckdb_destroy_logical_type(&type);
    }
    duckdb_bind_set_cardinality(info, source->rows, false);
    duckdb_bind_set_bind_data(info, (void *)(uintptr_t)source, NULL);
}

static void scan_free(void *pointer)
{
    struct scan *scan = pointer;
    if (scan->own != NULL)
        scan->free(scan->own);
    free(scan);
}

static void rows_init(duckdb_init_info info)
{
    struct engine_source *source = duckdb_init_get_bind_data(info);
    idx_t count = duckdb_init_get_column_count(info);
    struct scan *scan = calloc(1, sizeof(*scan) + (count + 1) * sizeof(scan->fields[0]));
    if (scan != NULL && source->scan_new != NULL)
        scan->own = source->scan_new(source);
    if (scan == NULL || (source->scan_new != NULL && scan->own == NULL)) {
        free(scan);
        duckdb_init_set_error(info, "out of memory");
        return;
    }
    scan->source = source;
    scan->free = source->scan_free;
    scan->count = count;
    for (idx_t i = 0; i < count; i++)
        scan->fields[i] = (uint16_t)duckdb_init_get_column_index(info, i);
    duckdb_init_set_max_threads(info, source->threads);
    duckdb_init_set_init_data(info, scan, scan_free);
}

static void worker_free(void *pointer)
{
    struct worker *worker = pointer;
    if (worker->own != NULL)
        worker->free(worker->own);
    free(worker);
}

/* DuckDB has no way from here to the scan: next() is where a worker gets its own. */
static void rows_init_thread(duckdb_init_info info)
{
    struct worker *worker = calloc(1, sizeof(*worker));
    if (worker == NULL) {
        duckdb_init_set_error(info, "out of memory");
        return;
    }
    worker->source = duckdb_init_get_bind_data(info);
    worker->free = worker->source->thread_free;
    duckdb_init_set_init_data(info, worker, worker_free);
}

static enum result next(struct worker *worker, const struct scan *scan, struct engine_rows *ret_rows, struct error *err)
{
    struct engine_source *source = worker->source;
    if (source->thread_new != NULL && worker->own == NULL &&
        (worker->own = source->thread_new(source, scan->own)) == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    return source->next(source, worker->own, ret_rows, err);
}

static void rows_next(duckdb_function_info info, duckdb_data_chunk output)
{
    struct worker *worker = duckdb_function_get_local_init_data(info);
    const struct scan *scan = duckdb_function_get_init_data(info);
    struct engine_rows rows = {0};
    struct error err;
    enum result r = next(worker, scan, &rows, &err);
    if (r != RESULT_OK && r != RESULT_END)
        duckdb_function_set_error(info, err.text);
    if (r != RESULT_OK) {
        duckdb_data_chunk_set_size(output, 0);
        return;
    }
    for (idx_t i = 0; i < scan->count; i++) {
        if (scan->fields[i] >= worker->source->kind->stored_count) /* what only counts rows wants a column of none */
            continue;
        chunk_write(duckdb_data_chunk_get_vector(output, i), &rows, scan->fields[i]);
        if (worker->source->nulls)
            chunk_write_nulls(duckdb_data_chunk_get_vector(output, i), &rows, scan->fields[i]);
    }
    duckdb_data_chunk_set_size(output, rows.count);
}

static enum result add_function(duckdb_connection connection, struct error *err)
{
    duckdb_table_function function = duckdb_create_table_function();
    duckdb_logical_type type = duckdb_create_logical_type(DUCKDB_TYPE_UBIGINT);
    duckdb_table_function_set_name(function, FUNCTION);
    duckdb_table_function_add_parameter(function, type);
    duckdb_table_function_set_bind(function, rows_bind);
    duckdb_table_function_set_init(function, rows_init);
    duckdb_table_function_set_local_init(function, rows_init_thread);
    duckdb_table_function_set_function(function, rows_next);
    duckdb_table_function_supports_projection_pushdown(function, true);
    duckdb_state added = duckdb_register_table_function(connection, function);
    duckdb_destroy_logical_type(&type);
    duckdb_destroy_table_function(&function);
    return added == DuckDBSuccess ? RESULT_OK : error_set(err, RESULT_FATAL, "DuckDB does not take a table function");
}

void engine_from(struct sql *sql, const struct engine_source *source)
{
    sql_add(sql, FUNCTION "(%" PRIuPTR "::UBIGINT)", (uintptr_t)source);
}

/* ---- opening */

static enum result set_options(duckdb_config config, const struct engine_options *o, struct error *err)
{
    char memory[32], threads[16];
    snprintf(memory, sizeof(memory), "%" PRIu64 "MiB", o->memory_limit >> 20);
    snprintf(threads, sizeof(threads), "%u", o->threads);
    const char *const settings[][2] = {
        {"memory_limit", memory},
        {"autoinstall_known_extensions", "false"},
        {"autoload_known_extensions", "false"},
        {"allow_community_extensions", "false"},
        /* The kernel has one, which gives its memory back; and a file in memory has no name of its own: at the path of
         * one that was closed there may be another. */
        {"enable_external_file_cache", "false"},
        {"temp_directory", ""},
        /* With several threads a streamed UNION ALL of filtered scans kept in order ends where its first branch does
         * (DuckDB 1.4.4), and says nothing. With one thread the order is kept all the same. */
        {"preserve_insertion_order", o->threads == 1 ? "true" : "false"},
        {o->threads == 0 ? NULL : "threads", threads},
        {o->confined ? "enable_external_access" : NULL, "false"},
    };
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        if (settings[i][0] != NULL && duckdb_set_config(config, settings[i][0], settings[i][1]) != DuckDBSuccess)
            return error_set(err, RESULT_FATAL, "DuckDB does not take %s = %s", settings[i][0], settings[i][1]);
    }
    return RESULT_OK;
}

struct opening {
    duckdb_config config;
    duckdb_database *ret_database;
    struct error *err;
    enum result result;
};

/* On a thread of its own, which those that DuckDB makes here take their nice value from: without CAP_SYS_NICE nobody
 * can be less nice again. */
static void *open_nicely(void *argument)
{
    struct opening *o = argument;
    char *sentence = NULL;
    int nice = setpriority(PRIO_PROCESS, (id_t)gettid(), ENGINE_NICE);
    (void)nice;
    o->result = RESULT_OK;
    if (duckdb_open_ext(NULL, o->ret_database, o->config, &sentence) != DuckDBSuccess)
        o->result = error_set(o->err, RESULT_FATAL, "DuckDB: %s", sentence == NULL ? "cannot be opened" : sentence);
    duckdb_free(sentence);
    return NULL;
}

static enum result open_database(duckdb_config config, duckdb_database *ret_database, struct error *err)
{
    struct opening opening = {config, ret_database, err, RESULT_FATAL};
    pthread_t thread;
    if (pthread_create(&thread, NULL, open_nicely, &opening) != 0)
        return error_set(err, RESULT_FATAL, "no thread to open DuckDB");
    pthread_join(thread, NULL);
    return opening.result;
}

enum result engine_open(const struct engine_options *options, duckdb_database *ret_database, struct error *err)
{
    duckdb_config config;
    duckdb_connection connection = NULL;
    if (duckdb_create_config(&config) != DuckDBSuccess)
        return error_set(err, RESULT_FATAL, "DuckDB: no configuration");
    enum result r = set_options(config, options, err);
    if (r == RESULT_OK)
        r = open_database(config, ret_database, err);
    duckdb_destroy_config(&config);
    if (r == RESULT_OK)
        r = engine_connect(*ret_database, &connection, err);
    if (r == RESULT_OK && !options->confined)
        r = add_function(connection, err);
    if (r == RESULT_OK && !options->confined)
        r = functions_add(connection, err);
    duckdb_disconnect(&connection);
    if (r != RESULT_OK)
        duckdb_close(ret_database);
    return r;
}

enum result engine_connect(duckdb_database database, duckdb_connection *ret_connection, struct error *err)
{
    return duckdb_connect(database, ret_connection) == DuckDBSuccess
               ? RESULT_OK
               : error_set(err, RESULT_AGAIN, "DuckDB: no connection");
}
