/* SPDX-License-Identifier: Apache-2.0 */
/* Day files: found, attached, read into memory, made, checkpointed, set aside when damaged. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "aggregator/store/internal.h"
#include "common/clock.h"

#define FILE_PREFIX "flows-"
#define FILE_SUFFIX ".duckdb"
#define FILE_ASIDE  ".damaged-" /* and when that was */
#define FILE_CUT    ".cut-"     /* the same, of a file that says so and is empty */

/* A day's file has flows that began before the day: as long as they are reported at the latest, by and large. */
#define DAMAGE_BEFORE_NS (3600 * NS_PER_S)

void day_destroy(struct day **day)
{
    if (*day == NULL)
        return;
    free((*day)->path);
    observers_fini(&(*day)->observers);
    free(*day);
    *day = NULL;
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
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++)
        day->times[kind] = (struct extent){INT64_MAX, INT64_MIN};
    return day;
}

/* ---- reading a file into memory; at start, before readers are there */

typedef enum result row_fn(struct store *store, struct day *day, const struct db_rows *rows, idx_t row,
                           struct error *err);

/* Runs what is in `sql`, and clears it. */
static enum result each_row(struct store *store, struct day *day, struct sql *sql, row_fn *take, struct error *err)
{
    struct db_rows rows = {0};
    enum result r = db_rows_open(store->writer, sql, &rows, err);
    while (r == RESULT_OK && (r = db_rows_next(&rows, err)) == RESULT_OK) {
        for (idx_t i = 0; i < rows.count && r == RESULT_OK; i++)
            r = take(store, day, &rows, i, err);
    }
    db_rows_close(&rows);
    sql_clear(sql);
    return r == RESULT_END ? RESULT_OK : r;
}

static enum result take_observer(struct store *store, struct day *day, const struct db_rows *rows, idx_t row,
                                 struct error *err)
{
    (void)store;
    struct observer observer = {.epoch = db_u64(rows, 2, row), .unknown = {db_u64(rows, 3, row), db_u64(rows, 4, row)}};
    db_text_copy(rows, 1, row, observer.sensor, sizeof(observer.sensor));
    if (db_u32(rows, 0, row) != day->observers.count)
        return error_set(err, RESULT_REJECT, "observers are not numbered one after the other");
    if (observers_add(&day->observers, &observer, OBSERVERS_NOBODY) != RESULT_OK)
        return error_set(err, RESULT_AGAIN, "out of memory");
    return RESULT_OK;
}

static const struct observer *observer_of(const struct day *day, uint32_t id)
{
    return id < day->observers.count ? &day->observers.list[id] : NULL;
}

static enum result take_name(struct store *store, struct day *day, const struct observer *observer,
                             const struct db_rows *rows, idx_t row, struct error *err)
{
    struct life *life = lives_get(store, observer);
    if (life == NULL)
        return error_set(err, RESULT_REJECT, "more than %u lives of sensors", STORE_LIVES_MAX);
    if (sequences_add(&life->sequences, db_u64(rows, 1, row)) != RESULT_OK)
        return error_set(err, RESULT_REJECT, "more than %u gaps in the batches of %s", SEQUENCES_RANGES_MAX,
                         observer->sensor);
    int64_t received = (int64_t)db_u64(rows, 4, row);
    lives_note_batch(life, db_u32(rows, 2, row), db_u64(rows, 3, row), received);
    day->last_received_ns = max_ns(day->last_received_ns, received);
    return RESULT_OK;
}

static enum result take_batch(struct store *store, struct day *day, const struct db_rows *rows, idx_t row,
                              struct error *err)
{
    const struct observer *observer = observer_of(day, db_u32(rows, 0, row));
    if (observer == NULL)
        return error_set(err, RESULT_REJECT, "a batch names no known observer");
    enum result r = observer->sensor[0] == '\0' ? RESULT_OK : take_name(store, day, observer, rows, row, err);
    if (r != RESULT_OK)
        return r;
    uint64_t position = db_u64(rows, 5, row);
    day->first_position = day->first_position == 0 ? position : day->first_position;
    if (day->last_position != 0 && position != day->last_position + 1)
        day->missing = position - 1;
    day->last_position = position; /* they come in order */
    if (db_u8(rows, 8, row) != 0) {
        extent_add(&day->times[RECORD_FLOW], (int64_t)db_u64(rows, 6, row), (int64_t)db_u64(rows, 7, row));
        store->last[RECORD_FLOW] = position;
    }
    return RESULT_OK;
}

static enum result take_extent(struct store *store, struct day *day, const struct db_rows *rows, idx_t row,
                               struct error *err)
{
    (void)err;
    uint8_t kind = db_u8(rows, 0, row);
    uint64_t position = db_u64(rows, 1, row);
    if (position == 0)
        return RESULT_OK; /* no rows: the times are NULL */
    store->last[kind] = position;
    extent_add(&day->times[kind], (int64_t)db_u64(rows, 2, row), (int64_t)db_u64(rows, 3, row));
    extent_add(&day->times[kind], (int64_t)db_u64(rows, 4, row), (int64_t)db_u64(rows, 5, row));
    return RESULT_OK;
}

static enum result take_loss(struct store *store, struct day *day, const struct db_rows *rows, idx_t row,
                             struct error *err)
{
    const struct observer *observer = observer_of(day, db_u32(rows, 0, row));
    if (observer == NULL)
        return error_set(err, RESULT_REJECT, "a loss names no known observer");
    struct life *life = lives_find(store, observer);
    if (life != NULL)
        lives_note_lost(life, db_u64(rows, 1, row));
    return RESULT_OK;
}

static enum result take_status(struct store *store, struct day *day, const struct db_rows *rows, idx_t row,
                               struct error *err)
{
    const struct record_kind *kind = record_kinds[RECORD_STATUS];
    const struct sql_observers observers = {day->observers.list, day->observers.count};
    struct records *status;
    enum result r = chunk_read(rows, kind, &observers, row, 1, &status, err);
    if (r != RESULT_OK)
        return r;
    int64_t received = (int64_t)db_u64(rows, schema_columns(kind), row);
    lives_note_status(store, status, 0, db_u64(rows, 0, row), received);
    records_free(&status);
    return RESULT_OK;
}

static enum result take_verdicts(struct store *store, struct day *day, const struct db_rows *rows, idx_t row,
                                 struct error *err)
{
    (void)day;
    char name[BOUNDARY_NAME_MAX];
    db_text_copy(rows, 0, row, name, sizeof(name));
    struct boundary_counts *counts = lives_boundary(store, name);
    if (counts == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    if (db_u8(rows, 1, row) < VERDICT_COUNT)
        counts->verdicts[db_u8(rows, 1, row)] += db_u64(rows, 2, row);
    return RESULT_OK;
}

/* Of kinds but flow, whose batches say it. */
static void select_extents(struct sql *sql, const char *catalog)
{
    for (unsigned number = RECORD_FLOW + 1; number < RECORD_KIND_COUNT; number++) {
        const struct record_kind *kind = record_kinds[number];
        const char *first = kind->fields[kind->first_time].name, *last = kind->fields[kind->last_time].name;
        sql_add(sql,
                "%sSELECT %u::UTINYINT, coalesce(max(position), 0)::UBIGINT, min(\"%s\"), max(\"%s\"), min(\"%s\"),"
                " max(\"%s\") FROM %s.\"%s\"",
                number == RECORD_FLOW + 1 ? "" : " UNION ALL ", number, first, first, last, last, catalog, kind->name);
    }
}

static void select_lost(struct sql *sql, const char *catalog)
{
    /* Counts are what sensors claim: their sum need not fit, and a cast that fails would cost the file. */
    sql_add(sql, "SELECT observer, least(sum(count), %" PRIu64 ")::UBIGINT FROM %s.loss WHERE FALSE", UINT64_MAX,
            catalog);
    for (unsigned kind = 0; kind < LOSS_KIND_COUNT; kind++) {
        if (loss_kind_is_of_records(kind))
            sql_add(sql, " OR loss = %u", kind);
    }
    sql_add(sql, " GROUP BY observer");
}

/* The last status of each observer, and when it came. */
static void select_statuses(struct sql *sql, const char *catalog)
{
    sql_add(sql, "SELECT s.*, b.received FROM (SELECT ");
    schema_select(sql, record_kinds[RECORD_STATUS]);
    sql_add(sql,
            " FROM %s.status WHERE rowid IN (SELECT max(rowid) FROM %s.status GROUP BY observer)) s"
            " JOIN %s.batch b ON b.position = s.position",
            catalog, catalog, catalog);
}

static enum result day_load(struct store *store, struct day *day, struct error *err)
{
    struct sql sql = {0};
    sql_add(&sql, "SELECT id, sensor, epoch, unknown_low, unknown_high FROM %s.observer ORDER BY id", day->catalog);
    enum result r = each_row(store, day, &sql, take_observer, err);
    if (r == RESULT_OK) {
        sql_add(&sql,
                "SELECT observer, sequence, records, packets, received, position, first_time, last_time,"
                " (first_time IS NOT NULL)::UTINYINT FROM %s.batch"
                " ORDER BY position",
                day->catalog);
        r = each_row(store, day, &sql, take_batch, err);
    }
    if (r == RESULT_OK) {
        select_extents(&sql, day->catalog);
        r = each_row(store, day, &sql, take_extent, err);
    }
    if (r == RESULT_OK) {
        select_lost(&sql, day->catalog);
        r = each_row(store, day, &sql, take_loss, err);
    }
    if (r == RESULT_OK) {
        select_statuses(&sql, day->catalog);
        r = each_row(store, day, &sql, take_status, err);
    }
    if (r == RESULT_OK) {
        sql_add(&sql, "SELECT boundary, verdict, count(*)::UBIGINT FROM %s.verdict GROUP BY boundary, verdict",
                day->catalog);
        r = each_row(store, day, &sql, take_verdicts, err);
    }
    sql_fini(&sql);
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

static enum result note_damage(struct store *store, const char *file, bool cut, struct error *err)
{
    struct tm tm = {0};
    struct store_damage *grown = realloc(store->damages, (store->damage_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    store->damages = grown;
    struct store_damage *damage = &grown[store->damage_count++];
    strptime(file + strlen(FILE_PREFIX), "%Y-%m-%d", &tm);
    int64_t midnight = (int64_t)timegm(&tm) * NS_PER_S;
    *damage = (struct store_damage){
        .from_ns = midnight - DAMAGE_BEFORE_NS, .to_ns = midnight + 24 * 3600 * NS_PER_S, .cut = cut};
    snprintf(damage->file, sizeof(damage->file), "%s", file);
    return RESULT_OK;
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
    return note_damage(store, strrchr(aside, '/') + 1, false, err);
}

/* What follows the date is `suffix`, and no more when it is the whole. */
static bool date_in_name(const char *name, const char *suffix, bool whole, char ret_date[static 11])
{
    size_t prefix = strlen(FILE_PREFIX), end = prefix + 10;
    if (strlen(name) < end + strlen(suffix) || strncmp(name, FILE_PREFIX, prefix) != 0 ||
        strncmp(name + end, suffix, strlen(suffix)) != 0 || (whole && name[end + strlen(suffix)] != '\0'))
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

/* Has another process the file open? DuckDB says so only in a sentence; its lock can be asked for. For files that we do
 * not have open: closing any descriptor of one gives our own lock up. */
static bool open_elsewhere(const char *path)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int file = open(path, O_RDONLY | O_CLOEXEC);
    bool held = file >= 0 && fcntl(file, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    if (file >= 0)
        close(file);
    return held;
}

static enum result day_open(struct store *store, const char *date, struct error *err)
{
    struct day *day = day_new(store, date);
    if (day == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    struct error why = {""};
    enum result r = day_attach(store, day, &why);
    if (r != RESULT_OK && open_elsewhere(day->path)) {
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

/* DATE.duckdb.damaged-TIME, or .cut-TIME, of an earlier start; a log has the same name and more. */
static bool is_marked(const char *name, const char *suffix)
{
    char date[11];
    return date_in_name(name, suffix, false, date) && strstr(name, ".wal") == NULL &&
           strlen(name) < sizeof(((struct store_damage *)NULL)->file);
}

/* More was committed than is there: the newest log has lost its end. Positions go on behind what was given. */
static enum result check_end(struct store *store, uint64_t noted, struct error *err)
{
    char mark[4096];
    struct error text;
    if (noted <= store->position)
        return RESULT_OK;
    uint64_t lost = noted - store->position;
    store->position = noted;
    if (store->day_count == 0)
        return RESULT_OK; /* all files were taken away, which nobody does unawares */
    const struct day *day = store->days[store->day_count - 1];
    snprintf(mark, sizeof(mark), "%s" FILE_CUT "%lld", day->path, (long long)time(NULL));
    int file = open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (file >= 0)
        close(file);
    enum result told = error_set(
        &text, RESULT_OK, "the log of %s has lost its end: %" PRIu64 " batches that were committed are not there",
        day->path, lost);
    (void)told;
    if (store->notice != NULL)
        store->notice(store->notice_context, text.text);
    return note_damage(store, strrchr(mark, '/') + 1, true, err);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

enum result days_open(struct store *store, uint64_t noted, struct error *err)
{
    struct dirent **names;
    int count = scandir(store->directory, &names, NULL, by_name);
    if (count < 0)
        return error_set(err, RESULT_FATAL, "%s cannot be read: %s", store->directory, strerror(errno));
    enum result r = RESULT_OK;
    for (int i = 0; i < count; i++) {
        char date[11];
        if (r == RESULT_OK && date_in_name(names[i]->d_name, FILE_SUFFIX, true, date))
            r = day_open(store, date, err);
        if (r == RESULT_OK && is_marked(names[i]->d_name, FILE_SUFFIX FILE_ASIDE))
            r = note_damage(store, names[i]->d_name, false, err);
        if (r == RESULT_OK && is_marked(names[i]->d_name, FILE_SUFFIX FILE_CUT))
            r = note_damage(store, names[i]->d_name, true, err);
        free(names[i]);
    }
    free(names);
    if (r == RESULT_OK)
        r = check_end(store, noted, err);
    /* What is missing may have been of any kind: whoever followed the stream must not take the next record for the one
     * after the last known. */
    uint64_t missing = store_missing_before(store, store->position + 1);
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++)
        store->last[kind] = store->last[kind] > missing ? store->last[kind] : missing;
    return r;
}

const struct store_damage *store_damaged(const struct store *store, size_t *ret_count)
{
    *ret_count = store->damage_count;
    return store->damages;
}

uint64_t store_missing_before(struct store *store, uint64_t position)
{
    uint64_t known = position, inside = 0; /* everything from `known` on is in a file */
    pthread_mutex_lock(&store->lock);
    for (size_t i = store->day_count; i-- > 0;) {
        const struct day *day = store->days[i];
        if (day->first_position != 0 && day->first_position < known && day->last_position + 1 >= known) {
            known = day->first_position;
            inside = inside == 0 && day->missing < position ? day->missing : inside;
        }
    }
    pthread_mutex_unlock(&store->lock);
    return inside > known - 1 ? inside : known - 1;
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
