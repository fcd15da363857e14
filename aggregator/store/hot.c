/* SPDX-License-Identifier: Apache-2.0 */
/* A list of references, and a table of the engine that walks it. */
#include "aggregator/store/hot.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/store/hours.h"

struct hot {
    struct journal *journal;
    size_t memory;
    hot_damaged *damaged;
    void *context;           /* of `damaged` */
    pthread_mutex_t lock;    /* guards all below */
    struct hot_batch **list; /* owned, a reference each; ascending */
    size_t first, count, capacity;
    size_t decoded_from; /* those before it in the list are not decoded */
    uint64_t rows, bytes;
};

static enum result no_memory(struct error *err)
{
    return error_set(err, RESULT_AGAIN, "out of memory");
}

struct hot *hot_new(struct journal *journal, size_t memory, hot_damaged *damaged, void *context)
{
    struct hot *hot = calloc(1, sizeof(*hot));
    if (hot == NULL)
        return NULL;
    hot->journal = journal;
    hot->memory = memory;
    hot->damaged = damaged;
    hot->context = context;
    pthread_mutex_init(&hot->lock, NULL);
    return hot;
}

void hot_free(struct hot **hot)
{
    if (*hot == NULL)
        return;
    hot_drop(*hot, UINT64_MAX);
    pthread_mutex_destroy(&(*hot)->lock);
    free((*hot)->list);
    free(*hot);
    *hot = NULL;
}

/* ---- one batch */

void hot_batch_release(struct hot_batch **pointer)
{
    struct hot_batch *b = *pointer;
    *pointer = NULL;
    if (b == NULL || atomic_fetch_sub(&b->references, 1) > 1)
        return;
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++)
        free(b->observers[kind]);
    batch_destroy(&b->batch);
    free(b);
}

struct hot_batch *hot_batch_new(struct batch *batch)
{
    struct hot_batch *b = calloc(1, sizeof(*b));
    if (b == NULL)
        return NULL;
    atomic_init(&b->references, 1);
    if (batch == NULL)
        return b;
    b->weight = batch_weight(batch) - batch->packed.length; /* which the journal has */
    bool done = true;
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++) {
        struct records *records = batch->records[kind];
        if (records == NULL)
            continue;
        size_t size = records->observer_count * sizeof(struct observer);
        b->observers[kind] = malloc(size + 1);
        b->observer_count[kind] = records->observer_count;
        done = done && b->observers[kind] != NULL && records_freeze(records);
        if (done && size > 0)
            memcpy(b->observers[kind], records->observers, size);
    }
    if (!done)
        hot_batch_release(&b);
    else
        b->batch = batch_share(batch);
    return b;
}

static uint64_t rows_of(const struct hot_batch *b)
{
    uint64_t rows = 0;
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++)
        rows += b->entry.rows[kind];
    return rows;
}

/* ---- the list */

/* Made by moving the list to the front of its array, or by growing that. */
bool hot_reserve(struct hot *hot, size_t count)
{
    pthread_mutex_lock(&hot->lock);
    if (hot->first > 0 && hot->first + hot->count + count > hot->capacity) {
        memmove(hot->list, hot->list + hot->first, hot->count * sizeof(*hot->list));
        hot->first = 0;
    }
    size_t capacity = hot->capacity == 0 ? 256 : hot->capacity;
    while (capacity < hot->count + count)
        capacity *= 2;
    struct hot_batch **grown =
        capacity == hot->capacity ? hot->list : realloc(hot->list, capacity * sizeof(struct hot_batch *));
    if (grown != NULL) {
        hot->list = grown;
        hot->capacity = capacity;
    }
    pthread_mutex_unlock(&hot->lock);
    return grown != NULL;
}

/* Decoded ones beyond the limit are let go, oldest first. */
static void forget_decoded(struct hot *hot)
{
    for (; hot->bytes > hot->memory && hot->decoded_from < hot->count; hot->decoded_from++) {
        struct hot_batch *b = hot->list[hot->first + hot->decoded_from];
        if (b->batch == NULL)
            continue;
        hot->bytes -= b->weight;
        batch_destroy(&b->batch);
    }
}

void hot_put(struct hot *hot, struct hot_batch **hot_batch, const struct journal_entry *entry, int64_t now_ns)
{
    struct hot_batch *b = *hot_batch;
    *hot_batch = NULL;
    b->entry = *entry;
    b->entry.packed = NULL;
    b->added_ns = now_ns;
    pthread_mutex_lock(&hot->lock);
    hot->list[hot->first + hot->count++] = b;
    hot->rows += rows_of(b);
    hot->bytes += b->weight;
    forget_decoded(hot);
    pthread_mutex_unlock(&hot->lock);
}

void hot_drop(struct hot *hot, uint64_t through)
{
    pthread_mutex_lock(&hot->lock);
    while (hot->count > 0 && hot->list[hot->first]->entry.position <= through) {
        struct hot_batch *b = hot->list[hot->first++];
        hot->count--;
        hot->rows -= rows_of(b);
        hot->bytes -= b->batch != NULL ? b->weight : 0;
        hot->decoded_from -= hot->decoded_from > 0;
        hot_batch_release(&b);
    }
    pthread_mutex_unlock(&hot->lock);
}

void hot_sums(struct hot *hot, struct hot_sums *ret_sums)
{
    struct hot_sums s = {.first_ns = INT64_MAX, .last_ns = INT64_MIN};
    pthread_mutex_lock(&hot->lock);
    s.batches = hot->count;
    s.rows = hot->rows;
    s.bytes = hot->bytes;
    s.oldest_ns = hot->count > 0 ? hot->list[hot->first]->added_ns : 0;
    for (size_t i = 0; i < hot->count; i++) {
        const struct journal_entry *entry = &hot->list[hot->first + i]->entry;
        if (entry->first_ns > entry->last_ns)
            continue;
        s.first_ns = entry->first_ns < s.first_ns ? entry->first_ns : s.first_ns;
        s.last_ns = entry->last_ns > s.last_ns ? entry->last_ns : s.last_ns;
    }
    pthread_mutex_unlock(&hot->lock);
    *ret_sums = s;
}

/* ---- looking */

/* The kind of record that those of `kind` are made of. */
static int said_kind(int kind)
{
    return kind == RECORD_HOUR ? RECORD_FLOW : kind;
}

static bool is_wanted(const struct journal_entry *entry, int kind, int64_t from_ns, int64_t to_ns)
{
    if (kind < 0)
        return true;
    if (entry->rows[kind] == 0)
        return false;
    if (kind != RECORD_FLOW)
        return true;
    return (from_ns == 0 || entry->last_ns >= from_ns) && (to_ns == 0 || entry->first_ns < to_ns);
}

static enum result choose(struct hot_batch *const *list, size_t count, int kind, int64_t from_ns, int64_t to_ns,
                          struct hot_view *ret_view, struct error *err)
{
    struct hot_view view = {.list = malloc((count + 1) * sizeof(struct hot_batch *))};
    for (size_t i = 0; view.list != NULL && i < count; i++) {
        if (!is_wanted(&list[i]->entry, said_kind(kind), from_ns, to_ns))
            continue;
        atomic_fetch_add(&list[i]->references, 1);
        view.list[view.count++] = list[i];
    }
    *ret_view = view;
    return view.list != NULL ? RESULT_OK : no_memory(err);
}

enum result hot_look(struct hot *hot, int kind, int64_t from_ns, int64_t to_ns, struct hot_view *ret_view,
                     struct error *err)
{
    pthread_mutex_lock(&hot->lock);
    enum result r = choose(hot->list + hot->first, hot->count, kind, from_ns, to_ns, ret_view, err);
    pthread_mutex_unlock(&hot->lock);
    return r;
}

enum result hot_view_copy(const struct hot_view *view, int kind, int64_t from_ns, int64_t to_ns,
                          struct hot_view *ret_view, struct error *err)
{
    return choose(view->list, view->count, kind, from_ns, to_ns, ret_view, err);
}

static uint64_t observers_of(const struct hot_batch *b)
{
    uint64_t observers = 0;
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++)
        observers += b->observer_count[kind];
    return observers;
}

enum result hot_oldest(struct hot *hot, uint64_t rows, struct hot_view *ret_view, struct error *err)
{
    enum result r = hot_look(hot, -1, 0, 0, ret_view, err);
    uint64_t so_far = 0, bytes = 0, observers = 0;
    size_t kept = 0;
    if (r != RESULT_OK)
        return r;
    while (kept < ret_view->count && kept < HOT_OLDEST_BATCHES && so_far < rows) {
        const struct hot_batch *b = ret_view->list[kept];
        bytes += b->weight;
        observers += observers_of(b);
        if (kept > 0 && (bytes > hot->memory / 2 || observers > HOT_OLDEST_OBSERVERS))
            break;
        so_far += rows_of(b);
        kept++;
    }
    for (size_t i = kept; i < ret_view->count; i++)
        hot_batch_release(&ret_view->list[i]);
    ret_view->count = kept;
    return RESULT_OK;
}

void hot_view_cut(struct hot_view *view, uint64_t through)
{
    size_t kept = 0;
    for (size_t i = 0; i < view->count; i++) {
        if (view->list[i]->entry.position <= through)
            hot_batch_release(&view->list[i]);
        else
            view->list[kept++] = view->list[i];
    }
    view->count = kept;
}

void hot_view_fini(struct hot_view *view)
{
    for (size_t i = 0; i < view->count; i++)
        hot_batch_release(&view->list[i]);
    free(view->list);
    *view = (struct hot_view){0};
}

/* Read from the journal, and made ready for many threads. */
static enum result decode(const struct hot *hot, const struct hot_batch *b, struct batch **ret_batch, struct error *err)
{
    struct batch *batch = NULL;
    struct journal_entry entry;
    struct journal_buffer buffer = {0};
    enum result r = journal_read(hot->journal, &b->entry.place, &buffer, &entry, err);
    const char *why = HOT_UNREADABLE;
    if (r == RESULT_END)
        r = error_set(err, RESULT_AGAIN, "what was asked for was sealed meanwhile, and the journal let go: ask again");
    if (r == RESULT_OK) {
        why = err->text;
        r = batch_of_entry(&entry, &batch, err);
    }
    journal_buffer_fini(&buffer);
    if (r == RESULT_REJECT)
        hot->damaged(hot->context, &b->entry, why);
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT && r == RESULT_OK; kind++) {
        if (batch->records[kind] != NULL && !records_freeze(batch->records[kind]))
            r = no_memory(err);
    }
    if (r == RESULT_OK)
        *ret_batch = batch;
    else
        batch_destroy(&batch);
    return r;
}

enum result hot_batch_open(struct hot *hot, struct hot_batch *b, struct batch **ret_batch, struct error *err)
{
    pthread_mutex_lock(&hot->lock);
    struct batch *batch = b->batch == NULL ? NULL : batch_share(b->batch);
    pthread_mutex_unlock(&hot->lock);
    if (batch == NULL)
        return decode(hot, b, ret_batch, err);
    *ret_batch = batch;
    return RESULT_OK;
}

/* ---- as a table */

/* A scan's place: the batch that the next thread takes. */
static void *scan_new(struct engine_source *source)
{
    (void)source;
    return calloc(1, sizeof(atomic_size_t));
}

/* A thread's place. */
struct walk {
    atomic_size_t *next;           /* of the scan */
    struct batch *batch;           /* a reference; NULL: none yet */
    struct records *made;          /* owned: hours of its flows */
    const struct records *records; /* of the two; NULL: none */
    size_t index;
    uint32_t row;
};

static void *walk_new(struct engine_source *source, void *scan)
{
    (void)source;
    struct walk *walk = calloc(1, sizeof(*walk));
    if (walk != NULL)
        walk->next = scan;
    return walk;
}

static void walk_free(void *pointer)
{
    struct walk *walk = pointer;
    records_free(&walk->made);
    batch_destroy(&walk->batch);
    free(walk);
}

/* Its batch is open. */
static enum result take_records(const struct hot_table *table, struct walk *walk, struct error *err)
{
    walk->records = walk->batch->records[said_kind(table->kind)];
    if (table->kind != RECORD_HOUR || walk->records == NULL)
        return RESULT_OK;
    walk->records = walk->made = hours_of_flows(walk->records);
    return walk->made != NULL ? RESULT_OK : no_memory(err);
}

/* The next batch that can be read. */
static enum result walk_on(struct hot_table *table, struct walk *walk, struct error *err)
{
    records_free(&walk->made);
    batch_destroy(&walk->batch);
    walk->records = NULL;
    for (;;) {
        walk->index = atomic_fetch_add(walk->next, 1);
        walk->row = 0;
        if (walk->index >= table->view->count)
            return RESULT_END;
        enum result r = hot_batch_open(table->hot, table->view->list[walk->index], &walk->batch, err);
        if (r != RESULT_REJECT) /* what is damaged was told; the rest answers */
            return r == RESULT_OK ? take_records(table, walk, err) : r;
    }
}

static enum result next_rows(struct engine_source *source, void *thread, struct engine_rows *ret_rows,
                             struct error *err)
{
    struct hot_table *table = (struct hot_table *)source;
    struct walk *walk = thread;
    while (walk->records == NULL || walk->row == walk->records->rows) {
        enum result r = walk_on(table, walk, err);
        if (r != RESULT_OK)
            return r;
    }
    uint32_t left = walk->records->rows - walk->row;
    *ret_rows = (struct engine_rows){.count = left < ENGINE_CHUNK_ROWS ? left : ENGINE_CHUNK_ROWS,
                                     .records = walk->records,
                                     .numbers = table->numbers[walk->index],
                                     .from = walk->row};
    ret_rows->count = chunk_fits(ret_rows, source->kind);
    walk->row += ret_rows->count;
    return RESULT_OK;
}

static bool number_observers(struct hot_table *table)
{
    bool done = true;
    for (size_t i = 0; done && i < table->view->count; i++) {
        const struct hot_batch *b = table->view->list[i];
        int kind = said_kind(table->kind);
        uint32_t count = b->observer_count[kind];
        uint32_t *numbers = malloc((count + 1) * sizeof(*numbers));
        table->numbers[i] = numbers;
        done = numbers != NULL;
        for (uint32_t o = 0; done && o < count; o++) {
            const struct observer *observer = &b->observers[kind][o];
            done = observers_add(&table->observers, observer) == RESULT_OK;
            numbers[o] = done ? observers_find(&table->observers, observer) : 0;
        }
    }
    return done;
}

enum result hot_table_init(struct hot_table *table, struct hot *hot, const struct hot_view *view,
                           enum record_kind_number kind, struct error *err)
{
    *table = (struct hot_table){.hot = hot,
                                .view = view,
                                .kind = (int)kind,
                                .numbers = calloc(view->count + 1, sizeof(uint32_t *)),
                                .source = {.kind = record_kinds[kind],
                                           .threads = 2,
                                           .next = next_rows,
                                           .scan_new = scan_new,
                                           .scan_free = free,
                                           .thread_new = walk_new,
                                           .thread_free = walk_free}};
    for (size_t i = 0; i < view->count; i++)
        table->source.rows += view->list[i]->entry.rows[said_kind((int)kind)];
    if (table->numbers != NULL && number_observers(table))
        return RESULT_OK;
    hot_table_fini(table);
    return no_memory(err);
}

void hot_table_fini(struct hot_table *table)
{
    for (size_t i = 0; table->numbers != NULL && i < table->view->count; i++)
        free(table->numbers[i]);
    free(table->numbers);
    table->numbers = NULL;
    observers_fini(&table->observers);
}
