/* SPDX-License-Identifier: Apache-2.0 */
/* Who was silent: sensors of which no batch lies in a time. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/store/read.h"

struct silent {
    int64_t from_ns, to_ns;
    char (*names)[OBSERVER_NAME_MAX]; /* owned, as is */
    bool *heard;
    size_t count;
};

/* Every sensor the store has ever heard, once. */
static enum result sensor_names(struct store *store, struct silent *s, struct error *err)
{
    pthread_mutex_lock(&store->lock);
    s->names = calloc(store->life_count + 1, sizeof(*s->names));
    s->heard = calloc(store->life_count + 1, sizeof(*s->heard));
    for (size_t i = 0; s->names != NULL && s->heard != NULL && i < store->life_count; i++) {
        bool known = false;
        for (size_t n = 0; n < s->count && !known; n++)
            known = strcmp(s->names[n], store->lives[i].sums.observer.sensor) == 0;
        if (!known)
            memcpy(s->names[s->count++], store->lives[i].sums.observer.sensor, OBSERVER_NAME_MAX);
    }
    pthread_mutex_unlock(&store->lock);
    return s->names != NULL && s->heard != NULL ? RESULT_OK : error_set(err, RESULT_AGAIN, "out of memory");
}

/* Who speaks in batches of the time: by when they came, or by their flows. */
static void select_heard(struct sql *sql, const struct silent *s, const char *catalog)
{
    static const char *const columns[2][2] = {{"received", "received"}, {"first_time", "last_time"}};
    sql_add(sql, "SELECT DISTINCT sensor FROM %s.observer WHERE id IN (SELECT observer FROM %s.batch WHERE ", catalog,
            catalog);
    for (int i = 0; i < 2; i++) {
        sql_add(sql, "%s", i == 0 ? "(TRUE" : " OR (first_time IS NOT NULL");
        if (s->from_ns != 0)
            sql_add(sql, " AND %s >= make_timestamp_ns(%" PRId64 ")", columns[i][1], s->from_ns);
        if (s->to_ns != 0)
            sql_add(sql, " AND %s < make_timestamp_ns(%" PRId64 ")", columns[i][0], s->to_ns);
        sql_add(sql, ")");
    }
    sql_add(sql, ")");
}

static enum result hear_day(struct store_reader *reader, const char *catalog, struct silent *s, struct error *err)
{
    struct db_rows rows = {0};
    sql_clear(&reader->sql);
    select_heard(&reader->sql, s, catalog);
    enum result r = db_rows_open(reader->connection, &reader->sql, &rows, err);
    while (r == RESULT_OK && (r = db_rows_next(&rows, err)) == RESULT_OK) {
        for (idx_t row = 0; row < rows.count; row++) {
            char name[OBSERVER_NAME_MAX];
            db_text_copy(&rows, 0, row, name, sizeof(name));
            for (size_t i = 0; i < s->count; i++)
                s->heard[i] = s->heard[i] || strcmp(s->names[i], name) == 0;
        }
    }
    db_rows_close(&rows);
    return r == RESULT_END ? RESULT_OK : r;
}

static enum result hear_days(struct store_reader *reader, struct silent *s, struct error *err)
{
    struct day_view *days;
    size_t count;
    enum result r = reader_days(reader, &(struct day_wanted){.kind = -1}, &days, &count, err);
    if (r != RESULT_OK)
        return r;
    for (size_t i = 0; i < count && r == RESULT_OK; i++) {
        r = reader_go_on(reader, err);
        if (r == RESULT_OK)
            r = hear_day(reader, days[i].catalog, s, err);
    }
    free(days);
    return r;
}

enum result store_silent(struct store_reader *reader, int64_t from_ns, int64_t to_ns,
                         char (**ret_sensors)[OBSERVER_NAME_MAX], size_t *ret_count, struct error *err)
{
    struct silent s = {.from_ns = from_ns, .to_ns = to_ns};
    enum result r = sensor_names(reader->store, &s, err);
    if (r == RESULT_OK)
        r = hear_days(reader, &s, err);
    if (r == RESULT_OK) {
        size_t silent = 0;
        for (size_t i = 0; i < s.count; i++) {
            if (!s.heard[i])
                memmove(s.names[silent++], s.names[i], OBSERVER_NAME_MAX);
        }
        *ret_sensors = s.names;
        *ret_count = silent;
        s.names = NULL;
    }
    free(s.names);
    free(s.heard);
    return r;
}
