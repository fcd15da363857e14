/* SPDX-License-Identifier: Apache-2.0 */
/* Day files: found, attached, read into memory, made, checkpointed, set aside when damaged. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "aggregator/store/internal.h"

#define FILE_PREFIX "flows-"
#define FILE_SUFFIX ".duckdb"

void day_destroy(struct day **day)
{
    if (*day == NULL)
        return;
    free((*day)->path);
    free((*day)->observers);
    free(*day);
    *day = NULL;
}

uint32_t day_observer(const struct day *day, const struct observer *observer)
{
    for (uint32_t i = day->observer_count; i-- > 0;) {
        if (observer_equal(&day->observers[i], observer))
            return i;
    }
    return UINT32_MAX;
}

static struct day *day_new(const struct store *store, const char date[static 11])
{
    struct day *day = calloc(1, sizeof(*day));
    if (day == NULL)
        return NULL;
    memcpy(day->date, date, 10);
    snprintf(day->catalog, sizeof(day->catalog), "d%.4s%.2s%.2s", date, date + 5, date + 8);
    if (asprintf(&day->path, "%s/" FILE_PREFIX "%s" FILE_SUFFIX, store->directory, day->date) < 0) {
        day->path = NULL;
        day_destroy(&day);
        return NULL;
    }
    day->first_ns = INT64_MAX;
    day->last_ns = INT64_MIN;
    return day;
}

/* ---- reading a file into memory; at start, before readers are there */

typedef enum result row_fn(struct store *store, struct day *day, const struct db_rows *rows, idx_t row,
                           struct error *err);

static enum result each_row(struct store *store, struct day *day, row_fn *take, struct error *err, const char *columns,
                            const char *rest)
{
    struct sql sql = {0};
    sql_add(&sql, "SELECT %s FROM %s.%s", columns, day->catalog, rest);
    struct db_rows rows = {0};
    enum result r =
        sql.failed ? error_set(err, RESULT_AGAIN, "out of memory") : db_rows_open(store->writer, sql.text, &rows, err);
    while (r == RESULT_OK && (r = db_rows_next(&rows, err)) == RESULT_OK) {
        for (idx_t i = 0; i < rows.count && r == RESULT_OK; i++)
            r = take(store, day, &rows, i, err);
    }
    db_rows_close(&rows);
    sql_fini(&sql);
    return r == RESULT_END ? RESULT_OK : r;
}

static uint64_t column_u64(const struct db_rows *rows, idx_t column, idx_t row)
{
    return ((const uint64_t *)db_column(rows, column))[row];
}

static enum result take_observer(struct store *store, struct day *day, const struct db_rows *rows, idx_t row,
                                 struct error *err)
{
    (void)store;
    uint32_t id = ((const uint32_t *)db_column(rows, 0))[row];
    struct observer *grown = realloc(day->observers, (day->observer_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    day->observers = grown;
    if (id != day->observer_count)
        return error_set(err, RESULT_REJECT, "observers are not numbered one after the other");
    struct observer *observer = &grown[day->observer_count++];
    *observer = (struct observer){.epoch = column_u64(rows, 2, row)};
    db_text_copy(rows, 1, row, observer->sensor, sizeof(observer->sensor));
    return RESULT_OK;
}

static struct life *life_of(struct store *store, const struct day *day, uint32_t id)
{
    return id < day->observer_count ? lives_get(store, &day->observers[id]) : NULL;
}

static enum result take_batch(struct store *store, struct day *day, const struct db_rows *rows, idx_t row,
                              struct error *err)
{
    struct life *life = life_of(store, day, ((const uint32_t *)db_column(rows, 0))[row]);
    if (life == NULL)
        return error_set(err, RESULT_REJECT, "a batch names no known observer, or more than %u are known",
                         STORE_LIVES_MAX);
    if (sequences_add(&life->sequences, column_u64(rows, 1, row)) != RESULT_OK)
        return error_set(err, RESULT_REJECT, "more than %u gaps in the batches of %s", SEQUENCES_RANGES_MAX,
                         life->sums.observer.sensor);
    uint32_t records = ((const uint32_t *)db_column(rows, 2))[row];
    int64_t received = (int64_t)column_u64(rows, 4, row);
    uint64_t position = column_u64(rows, 5, row);
    lives_note_batch(life, records, column_u64(rows, 3, row), received);
    if (day->first_position == 0) {
        day->first_received_ns = received;
        day->first_position = position;
    }
    day->last_received_ns = max_ns(day->last_received_ns, received);
    day->last_position = position > day->last_position ? position : day->last_position;
    if (records > 0) {
        day->first_ns = min_ns(day->first_ns, (int64_t)column_u64(rows, 6, row));
        day->last_ns = max_ns(day->last_ns, (int64_t)column_u64(rows, 7, row));
        if (position > store->last[TOPIC_FLOW])
            store->last[TOPIC_FLOW] = position;
    }
    return RESULT_OK;
}

static enum result take_loss(struct store *store, struct day *day, const struct db_rows *rows, idx_t row,
                             struct error *err)
{
    struct life *life = life_of(store, day, ((const uint32_t *)db_column(rows, 0))[row]);
    if (life == NULL)
        return error_set(err, RESULT_REJECT, "a loss names no known observer");
    life->sums.records_lost += column_u64(rows, 1, row);
    if (column_u64(rows, 2, row) > store->last[TOPIC_LOSS])
        store->last[TOPIC_LOSS] = column_u64(rows, 2, row);
    return RESULT_OK;
}

static enum result take_status(struct store *store, struct day *day, const struct db_rows *rows, idx_t row,
                               struct error *err)
{
    struct life *life = life_of(store, day, ((const uint32_t *)db_column(rows, 0))[row]);
    if (life == NULL)
        return error_set(err, RESULT_REJECT, "a status names no known observer");
    size_t length;
    const char *message = db_text(rows, 3, row, &length);
    uint8_t *copy = malloc(length + 1);
    if (copy == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    memcpy(copy, message, length);
    free(life->sums.status);
    life->sums.status = copy;
    life->sums.status_length = length;
    life->sums.status_position = column_u64(rows, 1, row);
    life->sums.status_received_ns = (int64_t)column_u64(rows, 2, row);
    if (life->sums.status_position > store->last[TOPIC_STATUS])
        store->last[TOPIC_STATUS] = life->sums.status_position;
    return RESULT_OK;
}

static enum result take_linked(struct store *store, struct day *day, const struct db_rows *rows, idx_t row,
                               struct error *err)
{
    char name[BOUNDARY_NAME_MAX];
    db_text_copy(rows, 0, row, name, sizeof(name));
    struct boundary_counts *counts = lives_boundary(store, name);
    if (counts == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    counts->linked += column_u64(rows, 1, row);
    uint64_t position = column_u64(rows, 2, row);
    if (position > store->last[TOPIC_LINK])
        store->last[TOPIC_LINK] = position;
    if (position > day->last_position)
        day->last_position = position;
    return RESULT_OK;
}

static enum result take_unlinked(struct store *store, struct day *day, const struct db_rows *rows, idx_t row,
                                 struct error *err)
{
    char name[BOUNDARY_NAME_MAX];
    db_text_copy(rows, 0, row, name, sizeof(name));
    struct boundary_counts *counts = lives_boundary(store, name);
    if (counts == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    uint8_t reason = ((const uint8_t *)db_column(rows, 1))[row];
    if (reason < UNLINKED_REASON_COUNT)
        counts->unlinked[reason] += column_u64(rows, 2, row);
    if (column_u64(rows, 3, row) > day->last_position)
        day->last_position = column_u64(rows, 3, row);
    return RESULT_OK;
}

static enum result day_load(struct store *store, struct day *day, struct error *err)
{
    uint64_t before = store->position;
    enum result r = each_row(store, day, take_observer, err, "id, sensor, epoch", "observer ORDER BY id");
    if (r == RESULT_OK)
        r = each_row(store, day, take_batch, err,
                     "observer, sequence, records, packets, received, position, first_time, last_time",
                     "batch ORDER BY position");
    if (r == RESULT_OK)
        r = each_row(store, day, take_loss, err,
                     "observer, coalesce(sum(count) FILTER (kind IN (3, 4)), 0)::UBIGINT, max(position)",
                     "loss GROUP BY observer");
    if (r == RESULT_OK)
        r = each_row(store, day, take_status, err,
                     "observer, max(position), arg_max(received, position), arg_max(message, position)",
                     "status GROUP BY observer");
    if (r == RESULT_OK)
        r = each_row(store, day, take_linked, err, "boundary, count(*)::UBIGINT, max(position)",
                     "link GROUP BY boundary");
    if (r == RESULT_OK)
        r = each_row(store, day, take_unlinked, err, "boundary, reason, count(*)::UBIGINT, max(position)",
                     "unlinked GROUP BY boundary, reason");
    if (day->first_position == 0 && day->last_position != 0)
        day->first_position = before + 1; /* conclusions only, no batch */
    if (day->last_position > store->position)
        store->position = day->last_position;
    return r;
}

/* ---- attaching */

static enum result day_attach(struct store *store, struct day *day, struct error *err)
{
    /* A path is a literal: quotes in it are doubled. */
    char *quoted = malloc(strlen(day->path) * 2 + 1);
    if (quoted == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    char *to = quoted;
    for (const char *from = day->path; *from != '\0'; from++) {
        if (*from == '\'')
            *to++ = '\'';
        *to++ = *from;
    }
    *to = '\0';
    enum result r = db_run(store->writer, err, "ATTACH '%s' AS %s (STORAGE_VERSION 'latest')", quoted, day->catalog);
    free(quoted);
    if (r != RESULT_OK)
        return r;
    chmod(day->path, 0600);
    r = schema_create(store->writer, day->catalog, err);
    if (r == RESULT_OK)
        r = schema_complete(store->writer, day->catalog, err);
    if (r != RESULT_OK) {
        enum result ignored = db_run(store->writer, NULL, "DETACH %s", day->catalog); /* told already */
        (void)ignored;
    }
    return r;
}

static enum result days_add(struct store *store, struct day **day, struct error *err)
{
    pthread_mutex_lock(&store->lock);
    struct day **grown = realloc(store->days, (store->day_count + 1) * sizeof(struct day *));
    if (grown != NULL) {
        store->days = grown;
        grown[store->day_count++] = *day;
        *day = NULL;
    }
    pthread_mutex_unlock(&store->lock);
    return grown != NULL ? RESULT_OK : error_set(err, RESULT_AGAIN, "out of memory");
}

/* Renames the file and its log; the store goes on without. */
static enum result set_aside(struct store *store, const struct day *day, const char *reason, struct error *err)
{
    char aside[4096], log[4096 + 8], log_aside[4096 + 8];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(aside, sizeof(aside), "%s.damaged-%lld", day->path, (long long)now.tv_sec);
    snprintf(log, sizeof(log), "%s.wal", day->path);
    snprintf(log_aside, sizeof(log_aside), "%s.wal", aside);
    if (rename(day->path, aside) != 0)
        return error_set(err, RESULT_FATAL, "%s is damaged (%s) and cannot be renamed: %s", day->path, reason,
                         strerror(errno));
    if (rename(log, log_aside) != 0 && errno != ENOENT)
        return error_set(err, RESULT_FATAL, "%s cannot be renamed: %s", log, strerror(errno));
    struct error text;
    enum result told = error_set(&text, RESULT_OK, "%s cannot be read and is set aside as %s; the reason was: %s",
                                 day->path, aside, reason);
    (void)told;
    if (store->notice != NULL)
        store->notice(store->notice_context, text.text);
    /* Positions were given that are no longer known: go far beyond them, they must only grow. */
    uint64_t floor = (uint64_t)now.tv_sec * 1000000u;
    if (store->position < floor)
        store->position = floor;
    return RESULT_OK;
}

static bool date_in_name(const char *name, char ret_date[static 11])
{
    size_t prefix = strlen(FILE_PREFIX), length = strlen(name);
    if (length != prefix + 10 + strlen(FILE_SUFFIX) || strncmp(name, FILE_PREFIX, prefix) != 0 ||
        strcmp(name + prefix + 10, FILE_SUFFIX) != 0)
        return false;
    for (int i = 0; i < 10; i++) {
        char c = name[prefix + (size_t)i];
        if (i == 4 || i == 7 ? c != '-' : c < '0' || c > '9')
            return false;
    }
    memcpy(ret_date, name + prefix, 10);
    ret_date[10] = '\0';
    return true;
}

static enum result day_open(struct store *store, const char *date, struct error *err)
{
    struct day *day = day_new(store, date);
    if (day == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    struct error why = {""};
    enum result r = day_attach(store, day, &why);
    if (r != RESULT_OK && strstr(why.text, "lock on file") != NULL) {
        r = error_set(err, RESULT_FATAL, "%s is open in another program: close that first", day->path);
        day_destroy(&day);
        return r;
    }
    if (r == RESULT_OK) {
        r = day_load(store, day, &why);
        if (r != RESULT_OK) {
            enum result ignored = db_run(store->writer, NULL, "DETACH %s", day->catalog); /* told below */
            (void)ignored;
        }
    }
    r = r == RESULT_OK ? days_add(store, &day, err) : set_aside(store, day, why.text, err);
    day_destroy(&day);
    return r;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

enum result days_open(struct store *store, struct error *err)
{
    struct dirent **names;
    int count = scandir(store->directory, &names, NULL, by_name);
    if (count < 0)
        return error_set(err, RESULT_FATAL, "%s cannot be read: %s", store->directory, strerror(errno));
    enum result r = RESULT_OK;
    for (int i = 0; i < count; i++) {
        char date[11];
        if (r == RESULT_OK && date_in_name(names[i]->d_name, date))
            r = day_open(store, date, err);
        free(names[i]);
    }
    free(names);
    return r;
}

/* ---- today */

static uint64_t log_size(const struct day *day)
{
    char log[4096];
    struct stat st;
    snprintf(log, sizeof(log), "%s.wal", day->path);
    return stat(log, &st) == 0 ? (uint64_t)st.st_size : 0;
}

enum result days_checkpoint(struct store *store, const struct day *day, struct error *err)
{
    uint64_t size = log_size(day);
    struct statvfs disk;
    /* A checkpoint that runs out of room invalidates the database; one that is put off only lets the log grow. */
    if (size == 0 || statvfs(store->directory, &disk) != 0 || disk.f_bavail * disk.f_frsize < 2 * size)
        return RESULT_OK;
    enum result r = db_run(store->writer, err, "CHECKPOINT %s", day->catalog);
    return r == RESULT_AGAIN ? RESULT_OK : r; /* a reader was in the way: another time */
}

enum result days_today(struct store *store, int64_t now_ns, struct day **ret_day, struct error *err)
{
    time_t seconds = (time_t)(now_ns / 1000000000);
    struct tm tm;
    char date[11];
    gmtime_r(&seconds, &tm);
    strftime(date, sizeof(date), "%Y-%m-%d", &tm);

    struct day *newest = store->day_count > 0 ? store->days[store->day_count - 1] : NULL;
    /* A clock that was set back writes on in the newest file: positions must grow from file to file. */
    if (newest != NULL && strcmp(date, newest->date) <= 0) {
        *ret_day = newest;
        return log_size(newest) >= store->checkpoint_at ? days_checkpoint(store, newest, err) : RESULT_OK;
    }
    if (newest != NULL) {
        enum result r = days_checkpoint(store, newest, err);
        if (r != RESULT_OK)
            return r;
    }
    struct day *day = day_new(store, date);
    if (day == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    enum result r = day_attach(store, day, err);
    struct day *made = day;
    if (r == RESULT_OK)
        r = days_add(store, &day, err);
    day_destroy(&day);
    if (r == RESULT_OK)
        *ret_day = made;
    return r;
}
