/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what stands beside the flows: links and why there is none, losses, statuses, who was silent. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/store/read.h"

static const char link_columns[] =
    "position, boundary, inside_observer, inside_flow, outside_observer, outside_flow, method, confidence, evidence, "
    "candidates, offset_ns, event, protocol, source_hi, source_lo, source_port, destination_hi, destination_lo, "
    "destination_port, post_source_hi, post_source_lo, post_source_port, post_destination_hi, post_destination_lo, "
    "post_destination_port, first_time, last_time";

/* One day's statement: filled into `sql`; false: this day has nothing. `rows` are then taken one by one. */
struct lookup {
    struct store_reader *reader;
    void *context;
    bool (*select)(struct lookup *lookup, struct sql *sql, const char *catalog, const struct sql_observers *observers);
    enum result (*take)(struct lookup *lookup, const struct db_rows *rows, idx_t row,
                        const struct sql_observers *observers, struct error *err);
};

static enum result lookup_day(struct lookup *lookup, const struct day_view *view, struct error *err)
{
    struct store_reader *reader = lookup->reader;
    struct observer *list = NULL;
    struct sql_observers observers = {0};
    enum result r = reader_observers(reader, view->day, &list, &observers.count, err);
    if (r != RESULT_OK)
        return r;
    observers.observers = list;
    struct db_rows rows = {0};
    sql_clear(&reader->sql);
    if (lookup->select(lookup, &reader->sql, view->catalog, &observers)) {
        r = reader->sql.failed ? error_set(err, RESULT_AGAIN, "out of memory")
                               : db_rows_open(reader->connection, reader->sql.text, &rows, err);
        while (r == RESULT_OK && (r = db_rows_next(&rows, err)) == RESULT_OK) {
            for (idx_t i = 0; i < rows.count && r == RESULT_OK; i++)
                r = lookup->take(lookup, &rows, i, &observers, err);
        }
    }
    db_rows_close(&rows);
    free(list);
    return r == RESULT_END ? RESULT_OK : r;
}

/* All days wanted, oldest first. */
static enum result lookup_run(struct lookup *lookup, const struct day_wanted *wanted, struct error *err)
{
    struct day_view *days;
    size_t count;
    enum result r = reader_days(lookup->reader, wanted, &days, &count, err);
    if (r != RESULT_OK)
        return r;
    for (size_t i = 0; i < count && r == RESULT_OK; i++) {
        r = reader_go_on(lookup->reader, err);
        if (r == RESULT_OK)
            r = lookup_day(lookup, &days[i], err);
    }
    free(days);
    return r == RESULT_FULL ? RESULT_OK : r; /* full: the limit is reached */
}

static uint64_t u64_at(const struct db_rows *rows, idx_t column, idx_t row)
{
    return ((const uint64_t *)db_column(rows, column))[row];
}

static uint32_t u32_at(const struct db_rows *rows, idx_t column, idx_t row)
{
    return ((const uint32_t *)db_column(rows, column))[row];
}

static uint16_t u16_at(const struct db_rows *rows, idx_t column, idx_t row)
{
    return ((const uint16_t *)db_column(rows, column))[row];
}

static uint8_t u8_at(const struct db_rows *rows, idx_t column, idx_t row)
{
    return ((const uint8_t *)db_column(rows, column))[row];
}

static bool observer_at(const struct sql_observers *observers, uint32_t id, struct observer *ret_observer)
{
    if (id >= observers->count)
        return false;
    *ret_observer = observers->observers[id];
    return true;
}

/* Room for one more in an owned array that doubles. */
static bool grow(void **array, size_t count, size_t size)
{
    if ((count & (count - 1)) != 0) /* room is always a power of two */
        return true;
    void *grown = realloc(*array, (count == 0 ? 1 : count * 2) * size);
    if (grown == NULL)
        return false;
    *array = grown;
    return true;
}

/* ---- links */

struct names_wanted {
    const struct flow_name *names;
    size_t count;
    uint64_t after, through, limit;
    void *ret;
    size_t ret_count;
};

static struct link_endpoint endpoint_at(const struct db_rows *rows, idx_t column, idx_t row)
{
    return (struct link_endpoint){.address = {u64_at(rows, column, row), u64_at(rows, column + 1, row)},
                                  .port = u16_at(rows, column + 2, row)};
}

static enum result take_link(struct lookup *lookup, const struct db_rows *rows, idx_t row,
                             const struct sql_observers *observers, struct error *err)
{
    struct names_wanted *w = lookup->context;
    struct store_links *links = w->ret;
    if (w->limit != 0 && links->count == w->limit)
        return RESULT_FULL;
    if (!grow((void **)&links->links, links->count, sizeof(struct link)) ||
        !grow((void **)&links->positions, links->count, sizeof(uint64_t)))
        return error_set(err, RESULT_AGAIN, "out of memory");
    struct link *link = &links->links[links->count];
    *link = (struct link){.method = u8_at(rows, 6, row),
                          .confidence = u8_at(rows, 7, row),
                          .evidence = u32_at(rows, 8, row),
                          .candidates = u32_at(rows, 9, row),
                          .offset_ns = (int64_t)u64_at(rows, 10, row),
                          .event = u8_at(rows, 11, row),
                          .protocol = u8_at(rows, 12, row),
                          .source = endpoint_at(rows, 13, row),
                          .destination = endpoint_at(rows, 16, row),
                          .post_nat_source = endpoint_at(rows, 19, row),
                          .post_nat_destination = endpoint_at(rows, 22, row),
                          .first_ns = (int64_t)u64_at(rows, 25, row),
                          .last_ns = (int64_t)u64_at(rows, 26, row)};
    db_text_copy(rows, 1, row, link->boundary, sizeof(link->boundary));
    if (!observer_at(observers, u32_at(rows, 2, row), &link->inside.observer) ||
        !observer_at(observers, u32_at(rows, 4, row), &link->outside.observer))
        return error_set(err, RESULT_REJECT, "a link in the store names an observer it does not know");
    link->inside.flow = u64_at(rows, 3, row);
    link->outside.flow = u64_at(rows, 5, row);
    links->positions[links->count++] = u64_at(rows, 0, row);
    return RESULT_OK;
}

static bool select_links_of(struct lookup *lookup, struct sql *sql, const char *catalog,
                            const struct sql_observers *observers)
{
    const struct names_wanted *w = lookup->context;
    sql_add(sql, "SELECT %s FROM %s.link WHERE ", link_columns, catalog);
    size_t covered = sql_names(sql, "inside_observer", "inside_flow", w->names, w->count, observers);
    sql_add(sql, " OR ");
    sql_names(sql, "outside_observer", "outside_flow", w->names, w->count, observers);
    return covered > 0;
}

static bool select_links_after(struct lookup *lookup, struct sql *sql, const char *catalog,
                               const struct sql_observers *observers)
{
    const struct names_wanted *w = lookup->context;
    (void)observers;
    sql_add(sql, "SELECT %s FROM %s.link WHERE position > %" PRIu64, link_columns, catalog, w->after);
    if (w->through != 0)
        sql_add(sql, " AND position <= %" PRIu64, w->through);
    sql_add(sql, " ORDER BY position");
    return true;
}

void store_links_free(struct store_links *links)
{
    free(links->links);
    free(links->positions);
    *links = (struct store_links){0};
}

static enum result run_links(struct lookup *lookup, const struct day_wanted *wanted, struct store_links *ret_links,
                             struct error *err)
{
    struct names_wanted *w = lookup->context;
    struct store_links links = {0};
    w->ret = &links;
    lookup->take = take_link;
    enum result r = lookup_run(lookup, wanted, err);
    if (r == RESULT_OK)
        *ret_links = links;
    else
        store_links_free(&links);
    return r;
}

enum result store_links_of(struct store_reader *reader, const struct flow_name *names, size_t name_count,
                           struct store_links *ret_links, struct error *err)
{
    if (name_count > STORE_NAMES_MAX)
        return error_set(err, RESULT_REJECT, "%zu flows asked for by name, %u are allowed", name_count,
                         STORE_NAMES_MAX);
    struct names_wanted wanted = {.names = names, .count = name_count};
    struct lookup lookup = {.reader = reader, .context = &wanted, .select = select_links_of};
    return run_links(&lookup, &(struct day_wanted){0}, ret_links, err);
}

enum result store_links_after(struct store_reader *reader, uint64_t after, uint64_t through, uint64_t limit,
                              struct store_links *ret_links, struct error *err)
{
    struct names_wanted wanted = {.after = after, .through = through, .limit = limit};
    struct lookup lookup = {.reader = reader, .context = &wanted, .select = select_links_after};
    return run_links(&lookup, &(struct day_wanted){.after = after, .through = through}, ret_links, err);
}

/* ---- views given up */

static bool select_unlinked(struct lookup *lookup, struct sql *sql, const char *catalog,
                            const struct sql_observers *observers)
{
    const struct names_wanted *w = lookup->context;
    sql_add(sql, "SELECT boundary, observer, flow, inside::UTINYINT, reason FROM %s.unlinked WHERE ", catalog);
    return sql_names(sql, "observer", "flow", w->names, w->count, observers) > 0;
}

static enum result take_unlinked(struct lookup *lookup, const struct db_rows *rows, idx_t row,
                                 const struct sql_observers *observers, struct error *err)
{
    struct names_wanted *w = lookup->context;
    struct unlinked **list = w->ret;
    if (!grow((void **)list, w->ret_count, sizeof(**list)))
        return error_set(err, RESULT_AGAIN, "out of memory");
    struct unlinked *u = &(*list)[w->ret_count];
    *u = (struct unlinked){.inside = u8_at(rows, 3, row) != 0, .reason = u8_at(rows, 4, row)};
    db_text_copy(rows, 0, row, u->boundary, sizeof(u->boundary));
    u->view.flow = u64_at(rows, 2, row);
    if (!observer_at(observers, u32_at(rows, 1, row), &u->view.observer))
        return error_set(err, RESULT_REJECT, "the store names an observer it does not know");
    w->ret_count++;
    return RESULT_OK;
}

enum result store_unlinked_of(struct store_reader *reader, const struct flow_name *names, size_t name_count,
                              struct unlinked **ret_unlinked, size_t *ret_count, struct error *err)
{
    if (name_count > STORE_NAMES_MAX)
        return error_set(err, RESULT_REJECT, "%zu flows asked for by name, %u are allowed", name_count,
                         STORE_NAMES_MAX);
    struct unlinked *list = NULL;
    struct names_wanted wanted = {.names = names, .count = name_count, .ret = &list};
    struct lookup lookup = {.reader = reader, .context = &wanted, .select = select_unlinked, .take = take_unlinked};
    enum result r = lookup_run(&lookup, &(struct day_wanted){0}, err);
    if (r != RESULT_OK) {
        free(list);
        return r;
    }
    *ret_unlinked = list;
    *ret_count = wanted.ret_count;
    return RESULT_OK;
}

/* ---- losses and statuses */

struct words_wanted {
    int64_t from_ns, to_ns;
    uint64_t after, through;
    size_t limit;
    struct store_words words;
};

static bool select_losses(struct lookup *lookup, struct sql *sql, const char *catalog,
                          const struct sql_observers *observers)
{
    const struct words_wanted *w = lookup->context;
    (void)observers;
    sql_add(sql,
            "SELECT position, observer, kind, from_time, to_time, count, sequence, interface, reason FROM %s.loss "
            "WHERE position > %" PRIu64,
            catalog, w->after);
    if (w->through != 0)
        sql_add(sql, " AND position <= %" PRIu64, w->through);
    if (w->from_ns != 0)
        sql_add(sql, " AND to_time >= make_timestamp_ns(%" PRId64 ")", w->from_ns);
    if (w->to_ns != 0)
        sql_add(sql, " AND from_time < make_timestamp_ns(%" PRId64 ")", w->to_ns);
    sql_add(sql, " ORDER BY position");
    return true;
}

static bool select_statuses(struct lookup *lookup, struct sql *sql, const char *catalog,
                            const struct sql_observers *observers)
{
    const struct words_wanted *w = lookup->context;
    (void)observers;
    sql_add(sql, "SELECT position, observer, received, message FROM %s.status WHERE position > %" PRIu64, catalog,
            w->after);
    if (w->through != 0)
        sql_add(sql, " AND position <= %" PRIu64, w->through);
    sql_add(sql, " ORDER BY position");
    return true;
}

static char *text_copy(const struct db_rows *rows, idx_t column, idx_t row)
{
    size_t length;
    const char *text = db_text(rows, column, row, &length);
    return strndup(text, length);
}

static Pavo__Loss *loss_at(const struct db_rows *rows, idx_t row, const char *sensor)
{
    Pavo__Loss *loss = malloc(sizeof(*loss));
    if (loss == NULL)
        return NULL;
    pavo__loss__init(loss);
    loss->kind = (Pavo__Loss__Kind)u8_at(rows, 2, row);
    loss->from_ns = u64_at(rows, 3, row);
    loss->to_ns = u64_at(rows, 4, row);
    loss->count = u64_at(rows, 5, row);
    loss->sequence = u64_at(rows, 6, row);
    char *texts[3] = {text_copy(rows, 7, row), text_copy(rows, 8, row), strdup(sensor)};
    if (texts[0] == NULL || texts[1] == NULL || texts[2] == NULL) {
        for (int i = 0; i < 3; i++)
            free(texts[i]);
        free(loss);
        return NULL;
    }
    loss->interface = texts[0];
    loss->reason = texts[1];
    loss->sensor = texts[2];
    return loss;
}

static enum result take_word(struct lookup *lookup, const struct db_rows *rows, idx_t row,
                             const struct sql_observers *observers, struct error *err)
{
    struct words_wanted *w = lookup->context;
    struct store_words *words = &w->words;
    if (w->limit != 0 && words->count == w->limit)
        return RESULT_FULL;
    struct store_word word = {.position = u64_at(rows, 0, row)};
    if (!observer_at(observers, u32_at(rows, 1, row), &word.observer))
        return error_set(err, RESULT_REJECT, "the store names an observer it does not know");
    if (!grow((void **)&words->words, words->count, sizeof(word)))
        return error_set(err, RESULT_AGAIN, "out of memory");
    if (lookup->select == select_losses) {
        word.loss = loss_at(rows, row, word.observer.sensor);
    } else {
        size_t length;
        const char *message = db_text(rows, 3, row, &length);
        word.received_ns = (int64_t)u64_at(rows, 2, row);
        word.status = pavo__sensor_status__unpack(NULL, length, (const uint8_t *)message);
    }
    if (word.loss == NULL && word.status == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory, or a status that does not unpack");
    words->words[words->count++] = word;
    return RESULT_OK;
}

void store_words_free(struct store_words *words)
{
    for (size_t i = 0; i < words->count; i++) {
        if (words->words[i].loss != NULL)
            pavo__loss__free_unpacked(words->words[i].loss, NULL);
        if (words->words[i].status != NULL)
            pavo__sensor_status__free_unpacked(words->words[i].status, NULL);
    }
    free(words->words);
    *words = (struct store_words){0};
}

static enum result run_words(struct store_reader *reader, struct words_wanted *wanted, bool losses,
                             struct store_words *ret_words, struct error *err)
{
    struct lookup lookup = {
        .reader = reader, .context = wanted, .select = losses ? select_losses : select_statuses, .take = take_word};
    const struct day_wanted days = {.after = wanted->after, .through = wanted->through};
    enum result r = lookup_run(&lookup, &days, err);
    if (r == RESULT_OK)
        *ret_words = wanted->words;
    else
        store_words_free(&wanted->words);
    return r;
}

enum result store_losses(struct store_reader *reader, int64_t from_ns, int64_t to_ns, size_t limit,
                         struct store_words *ret_words, struct error *err)
{
    struct words_wanted wanted = {.from_ns = from_ns, .to_ns = to_ns, .limit = limit};
    return run_words(reader, &wanted, true, ret_words, err);
}

enum result store_losses_after(struct store_reader *reader, uint64_t after, uint64_t through, size_t limit,
                               struct store_words *ret_words, struct error *err)
{
    struct words_wanted wanted = {.after = after, .through = through, .limit = limit};
    return run_words(reader, &wanted, true, ret_words, err);
}

enum result store_statuses_after(struct store_reader *reader, uint64_t after, uint64_t through, size_t limit,
                                 struct store_words *ret_words, struct error *err)
{
    struct words_wanted wanted = {.after = after, .through = through, .limit = limit};
    return run_words(reader, &wanted, false, ret_words, err);
}

/* ---- who was silent */

struct silent_wanted {
    int64_t from_ns, to_ns;
    char (*names)[SENSOR_NAME_MAX];
    bool *heard;
    size_t count;
};

static bool select_heard(struct lookup *lookup, struct sql *sql, const char *catalog,
                         const struct sql_observers *observers)
{
    const struct silent_wanted *w = lookup->context;
    (void)observers;
    static const char *const columns[2][2] = {{"received", "received"}, {"first_time", "last_time"}};
    sql_add(sql, "SELECT DISTINCT observer FROM %s.batch WHERE ", catalog);
    for (int i = 0; i < 2; i++) {
        sql_add(sql, i == 0 ? "(TRUE" : " OR (records > 0");
        if (w->from_ns != 0)
            sql_add(sql, " AND %s >= make_timestamp_ns(%" PRId64 ")", columns[i][1], w->from_ns);
        if (w->to_ns != 0)
            sql_add(sql, " AND %s < make_timestamp_ns(%" PRId64 ")", columns[i][0], w->to_ns);
        sql_add(sql, ")");
    }
    return true;
}

static enum result take_heard(struct lookup *lookup, const struct db_rows *rows, idx_t row,
                              const struct sql_observers *observers, struct error *err)
{
    struct silent_wanted *w = lookup->context;
    struct observer observer;
    if (!observer_at(observers, u32_at(rows, 0, row), &observer))
        return error_set(err, RESULT_REJECT, "the store names an observer it does not know");
    for (size_t i = 0; i < w->count; i++)
        w->heard[i] = w->heard[i] || strcmp(w->names[i], observer.sensor) == 0;
    return RESULT_OK;
}

/* Every sensor the store has ever heard, once. */
static enum result sensor_names(struct store *store, struct silent_wanted *w, struct error *err)
{
    pthread_mutex_lock(&store->lock);
    w->names = calloc(store->life_count + 1, sizeof(*w->names));
    w->heard = calloc(store->life_count + 1, sizeof(*w->heard));
    for (size_t i = 0; w->names != NULL && w->heard != NULL && i < store->life_count; i++) {
        bool known = false;
        for (size_t n = 0; n < w->count && !known; n++)
            known = strcmp(w->names[n], store->lives[i].sums.observer.sensor) == 0;
        if (!known)
            memcpy(w->names[w->count++], store->lives[i].sums.observer.sensor, SENSOR_NAME_MAX);
    }
    pthread_mutex_unlock(&store->lock);
    return w->names != NULL && w->heard != NULL ? RESULT_OK : error_set(err, RESULT_AGAIN, "out of memory");
}

enum result store_silent(struct store_reader *reader, int64_t from_ns, int64_t to_ns,
                         char (**ret_sensors)[SENSOR_NAME_MAX], size_t *ret_count, struct error *err)
{
    struct silent_wanted wanted = {.from_ns = from_ns, .to_ns = to_ns};
    struct lookup lookup = {.reader = reader, .context = &wanted, .select = select_heard, .take = take_heard};
    enum result r = sensor_names(reader->store, &wanted, err);
    if (r == RESULT_OK)
        r = lookup_run(&lookup, &(struct day_wanted){0}, err);
    if (r == RESULT_OK) {
        size_t silent = 0;
        for (size_t i = 0; i < wanted.count; i++) {
            if (!wanted.heard[i])
                memmove(wanted.names[silent++], wanted.names[i], SENSOR_NAME_MAX);
        }
        *ret_sensors = wanted.names;
        *ret_count = silent;
        wanted.names = NULL;
    }
    free(wanted.names);
    free(wanted.heard);
    return r;
}

/* ---- the correlator's new start */

void reader_waiting_select(struct store_reader *reader, const char *catalog, const struct sql_observers *observers)
{
    struct sql *sql = &reader->sql;
    (void)observers;
    /* A flow's link may lie in the next file, which numbers observers anew: compare by sensor and epoch. */
    sql_add(sql,
            "SELECT f.* FROM (SELECT %s FROM %s.flow WHERE position >= coalesce((SELECT min(position) FROM %s.batch "
            "WHERE received >= make_timestamp_ns(%" PRId64 ")), 18446744073709551615)) f "
            "JOIN %s.observer o ON f.observer = o.id AND o.sensor IN ('%s', '%s') ANTI JOIN (",
            schema_flow_list(), catalog, catalog, reader->since_ns, catalog, reader->inside, reader->outside);
    bool first = true;
    for (size_t i = 0; i < reader->plan_count; i++) {
        const char *other = reader->plan[i].catalog;
        if (strcmp(other, catalog) < 0)
            continue; /* concluded only after the flow was committed */
        static const char *const sources[3][3] = {{"link", "inside_observer", "inside_flow"},
                                                  {"link", "outside_observer", "outside_flow"},
                                                  {"unlinked", "observer", "flow"}};
        for (int s = 0; s < 3; s++) {
            sql_add(sql,
                    "%sSELECT n.sensor, n.epoch, d.%s AS flow FROM %s.%s d JOIN %s.observer n ON d.%s = n.id "
                    "WHERE d.boundary = '%s'",
                    first ? "" : " UNION ALL ", sources[s][2], other, sources[s][0], other, sources[s][1],
                    reader->waiting);
            first = false;
        }
    }
    sql_add(sql,
            ") done ON done.sensor = o.sensor AND done.epoch = o.epoch AND done.flow = f.flow ORDER BY f.position");
}

enum result store_find_waiting(struct store_reader *reader, const char *boundary, const char *inside,
                               const char *outside, int64_t since_ns, struct error *err)
{
    if (!sensor_name_valid(boundary) || !sensor_name_valid(inside) || !sensor_name_valid(outside))
        return error_set(err, RESULT_REJECT, "boundary %s has a bad name", boundary);
    enum result r = store_find(reader, &(struct store_query){.by_position = true}, err);
    if (r != RESULT_OK)
        return r;
    free(reader->plan); /* files without flows have conclusions */
    r = reader_plan(reader, &(struct day_wanted){0}, true, err);
    if (r != RESULT_OK)
        return r;
    strcpy(reader->waiting, boundary);
    strcpy(reader->inside, inside);
    strcpy(reader->outside, outside);
    reader->since_ns = since_ns;
    /* Only the days that reach past `since_ns`. */
    size_t kept = 0;
    pthread_mutex_lock(&reader->store->lock);
    for (size_t i = 0; i < reader->plan_count; i++) {
        int64_t last = reader->plan[i].day->last_received_ns; /* 0: conclusions only */
        if (last == 0 || last >= since_ns)
            reader->plan[kept++] = reader->plan[i];
    }
    pthread_mutex_unlock(&reader->store->lock);
    reader->plan_count = kept;
    return RESULT_OK;
}
