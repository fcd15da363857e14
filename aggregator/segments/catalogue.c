/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite with our errors. */
#include "aggregator/segments/catalogue.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

struct catalogue {
    sqlite3 *database;
    pthread_mutex_t lock; /* recursive: a transaction holds it over its statements */
    /* The sum of all rows' checksums, which is kept as a row of its own: one that is not there any more is missed. */
    uint64_t total, committed;
};

#define TOTAL_KIND   (-1)
#define COPY_WAIT_MS 10000 /* for a writer to come to the end of a transaction */

/* While the program runs nobody can make it anew beside those who read. */
#define DAMAGED " is damaged, which the next start mends"

static enum result tell(const struct catalogue *c, const char *what, struct error *err)
{
    int code = c->database == NULL ? SQLITE_NOMEM : sqlite3_errcode(c->database);
    bool damaged = code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
    return error_set(err, damaged ? RESULT_REJECT : RESULT_AGAIN, "the catalogue%s, %s: %s", damaged ? DAMAGED : "",
                     what, sqlite3_errmsg(c->database));
}

static enum result run(struct catalogue *c, const char *sql, struct error *err)
{
    return sqlite3_exec(c->database, sql, NULL, NULL, NULL) == SQLITE_OK ? RESULT_OK : tell(c, sql, err);
}

/* ---- rows */

/* Over all of a row, so that a bit that flips anywhere in it is seen: SQLite has no checksums of its own. */
static sqlite3_int64 check_of(int kind, const char *key, uint64_t number, const void *bytes, size_t length)
{
    uint64_t seed = XXH3_64bits_withSeed(key, strlen(key), number * 31u + (unsigned)kind);
    return (sqlite3_int64)XXH3_64bits_withSeed(bytes, length, seed);
}

/* A statement with kind, key and number bound, as far as it has them. */
static sqlite3_stmt *prepare(struct catalogue *c, const char *sql, int kind, const char *key, uint64_t number)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(c->database, sql, -1, &statement, NULL) != SQLITE_OK)
        return NULL;
    sqlite3_bind_int(statement, 1, kind);
    if (sqlite3_bind_parameter_count(statement) > 1)
        sqlite3_bind_text(statement, 2, key, -1, SQLITE_STATIC);
    if (sqlite3_bind_parameter_count(statement) > 2)
        sqlite3_bind_int64(statement, 3, (sqlite3_int64)number);
    return statement;
}

/* A row that begins with key, number, bytes, check. RESULT_REJECT: damaged. */
static enum result read_row(sqlite3_stmt *row, int kind, const char **ret_key, uint64_t *ret_number,
                            struct bytes *ret_bytes, struct error *err)
{
    const char *key = (const char *)sqlite3_column_text(row, 0);
    uint64_t number = (uint64_t)sqlite3_column_int64(row, 1);
    const void *bytes = sqlite3_column_blob(row, 2);
    size_t length = (size_t)sqlite3_column_bytes(row, 2);
    if (key == NULL || bytes == NULL || check_of(kind, key, number, bytes, length) != sqlite3_column_int64(row, 3))
        return error_set(err, RESULT_REJECT, "the catalogue" DAMAGED ": a row of kind %d", kind);
    *ret_key = key;
    *ret_number = number;
    *ret_bytes = (struct bytes){(uint8_t *)bytes, length};
    return RESULT_OK;
}

enum result catalogue_get(struct catalogue *c, int kind, const char *key, uint64_t number, struct bytes *ret_bytes,
                          struct error *err)
{
    const char *found;
    uint64_t at;
    struct bytes bytes;
    *ret_bytes = (struct bytes){0};
    pthread_mutex_lock(&c->lock);
    sqlite3_stmt *s = prepare(c, "SELECT key, number, bytes, sum FROM row WHERE kind = ? AND key = ? AND number = ?",
                              kind, key, number);
    int step = s == NULL ? SQLITE_ERROR : sqlite3_step(s);
    enum result r = step == SQLITE_DONE  ? RESULT_OK
                    : step == SQLITE_ROW ? read_row(s, kind, &found, &at, &bytes, err)
                                         : tell(c, "reading", err);
    if (r == RESULT_OK && step == SQLITE_ROW) {
        ret_bytes->data = malloc(bytes.length + 1);
        ret_bytes->length = bytes.length;
        if (ret_bytes->data != NULL)
            memcpy(ret_bytes->data, bytes.data, bytes.length);
        else
            r = error_set(err, RESULT_AGAIN, "out of memory");
    }
    sqlite3_finalize(s);
    pthread_mutex_unlock(&c->lock);
    return r;
}

/* Takes the row out of the total, if there is one. */
static enum result subtract(struct catalogue *c, int kind, const char *key, uint64_t number, struct error *err)
{
    sqlite3_stmt *s = prepare(c, "SELECT sum FROM row WHERE kind = ? AND key = ? AND number = ?", kind, key, number);
    int step = s == NULL ? SQLITE_ERROR : sqlite3_step(s);
    if (step == SQLITE_ROW)
        c->total -= (uint64_t)sqlite3_column_int64(s, 0);
    enum result r = step == SQLITE_ROW || step == SQLITE_DONE ? RESULT_OK : tell(c, "reading", err);
    sqlite3_finalize(s);
    return r;
}

static enum result write_row(struct catalogue *c, int kind, const char *key, uint64_t number, const struct bytes *bytes,
                             struct error *err)
{
    sqlite3_stmt *s = prepare(c,
                              bytes->length == 0 ? "DELETE FROM row WHERE kind = ? AND key = ? AND number = ?"
                                                 : "INSERT OR REPLACE INTO row VALUES (?, ?, ?, ?, ?)",
                              kind, key, number);
    if (s != NULL && bytes->length > 0) {
        sqlite3_bind_blob64(s, 4, bytes->data, bytes->length, SQLITE_STATIC);
        sqlite3_bind_int64(s, 5, check_of(kind, key, number, bytes->data, bytes->length));
    }
    enum result r = s != NULL && sqlite3_step(s) == SQLITE_DONE ? RESULT_OK : tell(c, "writing", err);
    sqlite3_finalize(s);
    return r;
}

enum result catalogue_put(struct catalogue *c, int kind, const char *key, uint64_t number, const struct bytes *bytes,
                          struct error *err)
{
    pthread_mutex_lock(&c->lock);
    enum result r = subtract(c, kind, key, number, err);
    if (r == RESULT_OK)
        r = write_row(c, kind, key, number, bytes, err);
    if (r == RESULT_OK && bytes->length > 0)
        c->total += (uint64_t)check_of(kind, key, number, bytes->data, bytes->length);
    pthread_mutex_unlock(&c->lock);
    return r;
}

enum result catalogue_each(struct catalogue *c, int kind, uint64_t most,
                           enum result (*take)(void *context, const char *key, uint64_t number,
                                               const struct bytes *bytes, struct error *err),
                           void *context, struct error *err)
{
    pthread_mutex_lock(&c->lock);
    sqlite3_stmt *s = prepare(
        c,
        most == 0
            ? "SELECT key, number, bytes, sum FROM row WHERE kind = ? ORDER BY key, number"
            : "SELECT key, number, bytes, sum FROM (SELECT *, row_number() OVER (PARTITION BY key ORDER BY number "
              "DESC) AS place FROM row WHERE kind = ?1) WHERE place <= ?3 ORDER BY key, number",
        kind, "", most);
    int step = SQLITE_ERROR;
    enum result r = s == NULL ? tell(c, "reading", err) : RESULT_OK;
    while (r == RESULT_OK && (step = sqlite3_step(s)) == SQLITE_ROW) {
        const char *key;
        uint64_t number;
        struct bytes bytes;
        r = read_row(s, kind, &key, &number, &bytes, err);
        if (r == RESULT_OK)
            r = take(context, key, number, &bytes, err);
    }
    if (r == RESULT_OK && step != SQLITE_DONE)
        r = tell(c, "reading", err);
    sqlite3_finalize(s);
    pthread_mutex_unlock(&c->lock);
    return r;
}

enum result catalogue_count(struct catalogue *c, int kind, const char *key, uint64_t *ret_count, struct error *err)
{
    pthread_mutex_lock(&c->lock);
    sqlite3_stmt *s = prepare(c, "SELECT count(*) FROM row WHERE kind = ? AND key = ?", kind, key, 0);
    enum result r = s != NULL && sqlite3_step(s) == SQLITE_ROW ? RESULT_OK : tell(c, "counting", err);
    if (r == RESULT_OK)
        *ret_count = (uint64_t)sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    pthread_mutex_unlock(&c->lock);
    return r;
}

/* ---- transactions */

enum result catalogue_begin(struct catalogue *c, struct error *err)
{
    pthread_mutex_lock(&c->lock);
    enum result r = run(c, "BEGIN IMMEDIATE", err);
    if (r != RESULT_OK)
        pthread_mutex_unlock(&c->lock);
    return r;
}

enum result catalogue_commit(struct catalogue *c, struct error *err)
{
    const struct bytes total = {(uint8_t *)&c->total, sizeof(c->total)};
    enum result r = write_row(c, TOTAL_KIND, "", 0, &total, err);
    if (r == RESULT_OK)
        r = run(c, "COMMIT", err);
    if (r != RESULT_OK) {
        catalogue_rollback(c);
        return r;
    }
    c->committed = c->total;
    pthread_mutex_unlock(&c->lock);
    return r;
}

void catalogue_rollback(struct catalogue *c)
{
    enum result r = run(c, "ROLLBACK", NULL); /* one that failed may be rolled back already */
    (void)r;
    c->total = c->committed;
    pthread_mutex_unlock(&c->lock);
}

/* ---- opening */

/* Rows are ours to check: each by its checksum, and that none is missing by the sum of them. */
static enum result check_rows(struct catalogue *c, struct error *err)
{
    sqlite3_stmt *s = NULL;
    uint64_t sum = 0;
    bool has_total = false;
    int step = SQLITE_ERROR;
    if (sqlite3_prepare_v2(c->database, "SELECT key, number, bytes, sum, kind FROM row", -1, &s, NULL) != SQLITE_OK)
        return error_set(err, RESULT_REJECT, "the catalogue is damaged: %s", sqlite3_errmsg(c->database));
    enum result r = RESULT_OK;
    while (r == RESULT_OK && (step = sqlite3_step(s)) == SQLITE_ROW) {
        const char *key;
        uint64_t number;
        struct bytes bytes;
        int kind = sqlite3_column_int(s, 4);
        r = read_row(s, kind, &key, &number, &bytes, err);
        if (r == RESULT_OK && kind == TOTAL_KIND && bytes.length == sizeof(c->total)) {
            memcpy(&c->total, bytes.data, sizeof(c->total));
            has_total = true;
        } else if (r == RESULT_OK) {
            sum += (uint64_t)sqlite3_column_int64(s, 3);
        }
    }
    if (r == RESULT_OK && step != SQLITE_DONE)
        r = tell(c, "checking", err);
    sqlite3_finalize(s);
    if (r == RESULT_OK && (sum != c->total || !has_total))
        r = error_set(err, RESULT_REJECT, "the catalogue is damaged: rows of it are missing");
    c->committed = c->total;
    return r;
}

/* Pages and the order of the index are SQLite's to check. */
static enum result check_all(struct catalogue *c, struct error *err)
{
    sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(c->database, "PRAGMA quick_check(1)", -1, &s, NULL) != SQLITE_OK)
        return tell(c, "checking", err);
    enum result r = RESULT_OK;
    if (sqlite3_step(s) != SQLITE_ROW)
        r = tell(c, "checking", err);
    else if (strcmp((const char *)sqlite3_column_text(s, 0), "ok") != 0)
        r = error_set(err, RESULT_REJECT, "the catalogue is damaged: %s", (const char *)sqlite3_column_text(s, 0));
    sqlite3_finalize(s);
    return r == RESULT_OK ? check_rows(c, err) : r;
}

/* A table and a total that is none: together, so that a file without them is damaged and not new. */
static enum result make(struct catalogue *c, struct error *err)
{
    enum result r = catalogue_begin(c, err);
    if (r != RESULT_OK)
        return r;
    r = run(c,
            "CREATE TABLE row(kind INTEGER NOT NULL, key TEXT NOT NULL, number INTEGER NOT NULL, bytes BLOB NOT NULL,"
            " sum INTEGER NOT NULL, PRIMARY KEY(kind, key, number)) WITHOUT ROWID",
            err);
    if (r == RESULT_OK)
        return catalogue_commit(c, err);
    catalogue_rollback(c);
    return r;
}

static enum result is_new(struct catalogue *c, bool *ret_new, struct error *err)
{
    sqlite3_stmt *s = NULL;
    enum result r = RESULT_OK;
    if (sqlite3_prepare_v2(c->database, "PRAGMA page_count", -1, &s, NULL) != SQLITE_OK ||
        sqlite3_step(s) != SQLITE_ROW)
        r = tell(c, "opening", err);
    else
        *ret_new = sqlite3_column_int64(s, 0) == 0;
    sqlite3_finalize(s);
    return r;
}

static enum result set_up(struct catalogue *c, struct error *err)
{
    static const char *const statements[] = {"PRAGMA journal_mode=DELETE", "PRAGMA synchronous=EXTRA",
                                             "PRAGMA cache_size=-8192"};
    enum result r = RESULT_OK;
    bool new = false;
    for (size_t i = 0; i < sizeof(statements) / sizeof(*statements) && r == RESULT_OK; i++)
        r = run(c, statements[i], err);
    if (r == RESULT_OK)
        r = is_new(c, &new, err);
    if (r == RESULT_OK && new)
        r = make(c, err);
    return r == RESULT_OK ? check_all(c, err) : r;
}

static struct catalogue *catalogue_new(void)
{
    struct catalogue *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return NULL;
    pthread_mutexattr_t recursive;
    pthread_mutexattr_init(&recursive);
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&c->lock, &recursive);
    pthread_mutexattr_destroy(&recursive);
    return c;
}

/* Takes `c`. */
static enum result finish(struct catalogue *c, enum result r, struct catalogue **ret_catalogue, struct error *err)
{
    if (r == RESULT_OK)
        r = set_up(c, err);
    if (r != RESULT_OK) {
        catalogue_close(&c);
        return r == RESULT_AGAIN ? RESULT_FATAL : r;
    }
    *ret_catalogue = c;
    return RESULT_OK;
}

enum result catalogue_open(const char *path, struct catalogue **ret_catalogue, struct error *err)
{
    struct catalogue *c = catalogue_new();
    enum result r = RESULT_OK;
    if (c == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    if (sqlite3_open_v2(path, &c->database,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_FULLMUTEX,
                        NULL) != SQLITE_OK)
        r = error_set(err, RESULT_FATAL, "%s cannot be opened: %s", path, sqlite3_errmsg(c->database));
    if (r == RESULT_OK && chmod(path, 0600) != 0)
        r = error_set(err, RESULT_FATAL, "%s cannot be made private", path);
    return finish(c, r, ret_catalogue, err);
}

/* All pages under one lock, which a writer waits for as long as it takes to read them. */
static enum result copy_pages(struct catalogue *c, sqlite3 *from, const char *path, struct error *err)
{
    sqlite3_busy_timeout(from, COPY_WAIT_MS);
    sqlite3_backup *backup = sqlite3_backup_init(c->database, "main", from, "main");
    int code = backup == NULL ? SQLITE_NOMEM : sqlite3_backup_step(backup, -1);
    sqlite3_backup_finish(backup);
    if (code == SQLITE_DONE)
        return RESULT_OK;
    if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
        return error_set(err, RESULT_REJECT, "the catalogue %s is damaged: %s", path, sqlite3_errstr(code));
    if (code == SQLITE_READONLY || code == SQLITE_CANTOPEN)
        return error_set(err, RESULT_FATAL,
                         "the catalogue %s was left within a transaction, which is taken back only where it can be "
                         "written: copy the folder to such a place and start pavo-aggregator there once",
                         path);
    return error_set(err, RESULT_FATAL, "%s cannot be read: %s", path, sqlite3_errstr(code));
}

enum result catalogue_copy(const char *path, struct catalogue **ret_catalogue, struct error *err)
{
    struct catalogue *c = catalogue_new();
    sqlite3 *from = NULL;
    enum result r = RESULT_OK;
    if (c == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    if (sqlite3_open_v2(":memory:", &c->database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, NULL) != SQLITE_OK)
        r = error_set(err, RESULT_FATAL, "no catalogue in memory: %s", sqlite3_errmsg(c->database));
    if (r == RESULT_OK && path != NULL && access(path, F_OK) == 0) {
        if (sqlite3_open_v2(path, &from, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOFOLLOW, NULL) != SQLITE_OK)
            r = error_set(err, RESULT_FATAL, "%s cannot be opened: %s", path, sqlite3_errmsg(from));
        else
            r = copy_pages(c, from, path, err);
        sqlite3_close(from);
    }
    return finish(c, r, ret_catalogue, err);
}

void catalogue_close(struct catalogue **pointer)
{
    struct catalogue *c = *pointer;
    if (c == NULL)
        return;
    sqlite3_close(c->database);
    pthread_mutex_destroy(&c->lock);
    free(c);
    *pointer = NULL;
}
