/* SPDX-License-Identifier: Apache-2.0 */
/* What is known beside the records, in the catalogue: one row for each thing, a Note of its own. */
#include <stdlib.h>
#include <string.h>

#include "aggregator/store/internal.h"

static enum result add_note(struct lives *lives, const struct bytes *note, struct error *err)
{
    return note->length == 0 ? RESULT_OK : notes_add(lives, note->data, note->length, err);
}

/* ---- within a sealing */

/* What was known of a thing, and what is added to it. */
static enum result merge(void *context, const struct note *note, struct error *err)
{
    struct catalogue *catalogue = context;
    struct bytes there = {0}, both = {0};
    struct lives sum = {0};
    enum result r = catalogue_get(catalogue, (int)note->kind, note->key, note->number, &there, err);
    if (r == RESULT_OK)
        r = add_note(&sum, &there, err);
    if (r == RESULT_OK)
        r = add_note(&sum, &note->bytes, err);
    if (r == RESULT_OK)
        r = notes_pack(&sum, &both, err);
    if (r == RESULT_OK)
        r = catalogue_put(catalogue, (int)note->kind, note->key, note->number, &both, err);
    bytes_free(&there);
    bytes_free(&both);
    lives_fini(&sum);
    return r;
}

enum result remember_sealed(struct catalogue *catalogue, void *context, struct error *err)
{
    return notes_each((const struct lives *)context, merge, catalogue, err);
}

enum result remember_note(struct catalogue *catalogue, const void *note, size_t length, struct error *err)
{
    struct lives added = {0};
    enum result r = notes_add(&added, note, length, err);
    if (r == RESULT_OK)
        r = remember_sealed(catalogue, &added, err);
    lives_fini(&added);
    return r;
}

enum result remember_join(struct bytes *note, const void *more, size_t length, struct error *err)
{
    struct lives sum = {0};
    struct bytes both = {0};
    enum result r = add_note(&sum, note, err);
    if (r == RESULT_OK && length > 0)
        r = notes_add(&sum, more, length, err);
    if (r == RESULT_OK)
        r = notes_pack(&sum, &both, err);
    lives_fini(&sum);
    if (r != RESULT_OK)
        return r;
    bytes_free(note);
    *note = both;
    return r;
}

/* ---- at the start */

static enum result take(void *context, const char *key, uint64_t number, const struct bytes *bytes, struct error *err)
{
    (void)number;
    enum result r = add_note(context, bytes, err);
    return r == RESULT_REJECT ? error_set(err, r, "what the catalogue says of %s is no note", key) : r;
}

/* How many lives there are that are not in memory. */
static enum result count_lives(struct store *store, struct error *err)
{
    struct lives *lives = &store->lives;
    enum result r = RESULT_OK;
    for (uint32_t i = 0; i < lives->speaker_numbers.count && r == RESULT_OK; i++)
        r = catalogue_count(segments_catalogue(store->segments), NOTE_LIFE, lives->speaker_numbers.list[i].sensor,
                            &lives->speakers[i].lives, err);
    return r;
}

enum result remember_all(struct store *store, struct error *err)
{
    static const struct {
        int kind;
        uint64_t most;
    } notes[] = {{NOTE_LIFE, LIVES_KEPT}, {NOTE_SPEAKER, 0}, {NOTE_BOUNDARY, 0}, {NOTE_LAST, 0}, {NOTE_DAMAGE, 0}};
    struct catalogue *catalogue = segments_catalogue(store->segments);
    enum result r = RESULT_OK;
    for (size_t i = 0; i < sizeof(notes) / sizeof(*notes) && r == RESULT_OK; i++)
        r = catalogue_each(catalogue, notes[i].kind, notes[i].most, take, &store->lives, err);
    for (size_t i = 0; i < store->lives.damage_count && r == RESULT_OK; i++)
        store_recall_damage(store, &store->lives.damages[i]);
    return r == RESULT_OK ? count_lives(store, err) : r;
}

/* ---- a life that was forgotten */

static bool is_known(const struct store *store, const struct observer *observer)
{
    const struct speaker *speaker = lives_speaker(&store->lives, observer->sensor);
    return speaker == NULL || speaker->lives <= LIVES_KEPT /* none of this speaker's was ever forgotten */ ||
           lives_find(&store->lives, observer) != NULL;
}

/* The life as a note says it, among those in memory. */
static enum result bring_back(struct store *store, const struct observer *observer, const struct bytes *note,
                              struct error *err)
{
    uint64_t lives = lives_speaker(&store->lives, observer->sensor)->lives;
    enum result r = add_note(&store->lives, note, err);
    lives_speaker(&store->lives, observer->sensor)->lives = lives; /* it is counted already */
    return r;
}

enum result remember_life(struct store *store, const struct observer *observer, struct error *err)
{
    struct bytes note = {0};
    pthread_mutex_lock(&store->lock);
    if (is_known(store, observer))
        return RESULT_OK;
    pthread_mutex_unlock(&store->lock); /* not held over the disk: what the catalogue says of a life that is not in
                                         * memory changes only after it has come back */
    enum result r =
        catalogue_get(segments_catalogue(store->segments), NOTE_LIFE, observer->sensor, observer->epoch, &note, err);
    if (r == RESULT_OK)
        pthread_mutex_lock(&store->lock);
    if (r == RESULT_OK && note.length > 0 && !is_known(store, observer)) { /* otherwise another thread was first */
        r = bring_back(store, observer, &note, err);
        if (r != RESULT_OK)
            pthread_mutex_unlock(&store->lock);
    }
    bytes_free(&note);
    return r;
}

/* ---- letting go */

enum result remember_no_damage(struct store *store, const struct store_damage *damages, size_t count, struct error *err)
{
    static const struct bytes none;
    struct catalogue *catalogue = segments_catalogue(store->segments);
    enum result r = count == 0 ? RESULT_END : catalogue_begin(catalogue, err);
    if (r != RESULT_OK)
        return r == RESULT_END ? RESULT_OK : r;
    for (size_t i = 0; i < count && r == RESULT_OK; i++)
        r = catalogue_put(catalogue, NOTE_DAMAGE, damages[i].file, note_damage_number(&damages[i]), &none, err);
    if (r == RESULT_OK)
        return catalogue_commit(catalogue, err);
    catalogue_rollback(catalogue);
    return r;
}
