/* SPDX-License-Identifier: Apache-2.0 */
/* What the store has that cannot be read. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/store/internal.h"

void store_tell(struct store *store, const char *format, ...)
{
    char text[512];
    va_list arguments;
    if (store->options.notice == NULL)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    store->options.notice(store->options.context, text);
}

static bool is_same(const struct store_damage *a, const struct store_damage *b)
{
    return strcmp(a->file, b->file) == 0 && strcmp(a->text, b->text) == 0;
}

static bool is_of_journal(const struct store_damage *damage)
{
    return strncmp(damage->file, "journal/", 8) == 0;
}

/* True: it is new, and taken. */
static bool add(struct damages *d, const struct store_damage *damage, bool sealed)
{
    for (size_t i = 0; i < d->count; i++) {
        if (is_same(&d->list[i].damage, damage)) {
            d->list[i].sealed = d->list[i].sealed || sealed;
            return false;
        }
    }
    struct known_damage *grown =
        d->count == STORE_DAMAGES_MAX ? NULL : realloc(d->list, (d->count + 1) * sizeof(*d->list));
    if (grown == NULL)
        return false; /* thousands are known already, none of which was mended */
    d->list = grown;
    d->list[d->count++] = (struct known_damage){*damage, sealed};
    return true;
}

void store_note_damage(struct store *store, const struct store_damage *damage)
{
    pthread_mutex_lock(&store->lock);
    bool new = add(&store->damages, damage, false);
    pthread_mutex_unlock(&store->lock);
    if (new)
        store_tell(store, "%s", damage->text);
}

void store_recall_damage(struct store *store, const struct store_damage *damage)
{
    pthread_mutex_lock(&store->lock);
    (void)add(&store->damages, damage, true);
    pthread_mutex_unlock(&store->lock);
}

void store_forget_damage(struct store *store, const char *file)
{
    struct damages *d = &store->damages;
    size_t kept = 0;
    pthread_mutex_lock(&store->lock);
    for (size_t i = 0; i < d->count; i++) {
        if (strcmp(d->list[i].damage.file, file) != 0)
            d->list[kept++] = d->list[i];
    }
    d->count = kept;
    pthread_mutex_unlock(&store->lock);
}

enum result store_seal_damage(struct store *store, struct lives *added, struct error *err)
{
    const struct damages *d = &store->damages;
    enum result r = RESULT_OK;
    pthread_mutex_lock(&store->lock);
    for (size_t i = 0; i < d->count && r == RESULT_OK; i++) {
        if (!d->list[i].sealed && is_of_journal(&d->list[i].damage))
            r = lives_add_damage(added, &d->list[i].damage, err);
    }
    pthread_mutex_unlock(&store->lock);
    return r;
}

void store_sealed_damage(struct store *store, const struct lives *added)
{
    for (size_t i = 0; i < added->damage_count; i++)
        store_recall_damage(store, &added->damages[i]);
}

/* Those of times before: out of memory, and handed back. Owned; NULL: none. */
static struct store_damage *take_old(struct damages *d, int64_t before_ns, size_t *ret_count)
{
    struct store_damage *old = malloc((d->count + 1) * sizeof(*old));
    size_t kept = 0, count = 0;
    for (size_t i = 0; old != NULL && i < d->count; i++) {
        const struct store_damage *damage = &d->list[i].damage;
        if (d->list[i].sealed && damage->to_ns != 0 && damage->to_ns < before_ns)
            old[count++] = *damage;
        else
            d->list[kept++] = d->list[i];
    }
    if (old != NULL)
        d->count = kept;
    *ret_count = count;
    return old;
}

enum result store_expire_damage(struct store *store, int64_t before_ns, struct error *err)
{
    size_t count;
    pthread_mutex_lock(&store->lock);
    struct store_damage *old = take_old(&store->damages, before_ns, &count);
    pthread_mutex_unlock(&store->lock);
    enum result r = remember_no_damage(store, old, count, err);
    free(old);
    return r;
}

void store_note_journal(struct store *store, const struct journal_damage *damage)
{
    char text[JOURNAL_DAMAGE_TEXT_MAX];
    int64_t first = (int64_t)damage->first_position, last = (int64_t)damage->last_position;
    struct store_damage told = {0};
    snprintf(told.file, sizeof(told.file), "journal/%s", damage->file);
    snprintf(told.text, sizeof(told.text), "%s", journal_damage_text(damage, text));
    if (damage->named) {
        for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++)
            told.records += damage->head.rows[kind];
        if (damage->head.first_ns <= damage->head.last_ns) {
            told.from_ns = damage->head.first_ns;
            told.to_ns = damage->head.last_ns + 1;
        }
    }
    pthread_mutex_lock(&store->lock);
    bool known = ranges_has(&store->missing, first) && ranges_has(&store->missing, last);
    enum result r = ranges_add(&store->missing, first, last, 1);
    (void)r; /* out of memory: it is found again by the next who comes there */
    ranges_thin(&store->missing, STORE_DAMAGES_MAX);
    pthread_mutex_unlock(&store->lock);
    if (!known)
        store_note_damage(store, &told);
}

void store_note_entry(void *context, const struct journal_entry *entry, const char *why)
{
    struct journal_damage damage = {
        .first_position = entry->position, .last_position = entry->position, .named = true, .head = *entry};
    snprintf(damage.file, sizeof(damage.file), "%016" PRIx64 ".log", entry->place.file);
    snprintf(damage.why, sizeof(damage.why), "%.90s", why);
    store_note_journal(context, &damage);
}

enum result store_damaged(struct store *store, struct store_damage **ret_damages, size_t *ret_count, struct error *err)
{
    pthread_mutex_lock(&store->lock);
    size_t count = store->damages.count;
    struct store_damage *copy = malloc((count + 1) * sizeof(*copy));
    for (size_t i = 0; copy != NULL && i < count; i++)
        copy[i] = store->damages.list[i].damage;
    pthread_mutex_unlock(&store->lock);
    if (copy == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    *ret_damages = copy;
    *ret_count = count;
    return RESULT_OK;
}

uint64_t store_missing_before(struct store *store, uint64_t position)
{
    uint64_t first = journal_first(store->journal), missing = 0;
    if (first > 1 && position > 0)
        missing = first <= position ? first - 1 : position - 1;
    pthread_mutex_lock(&store->lock);
    for (size_t i = 0; i < store->missing.count && position > 0; i++) {
        const struct range *range = &store->missing.list[i];
        uint64_t last = (uint64_t)range->last < position ? (uint64_t)range->last : position - 1;
        if ((uint64_t)range->first <= last && last > missing)
            missing = last;
    }
    pthread_mutex_unlock(&store->lock);
    return missing;
}
