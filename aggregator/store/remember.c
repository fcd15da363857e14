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
    if (r == RESULT_OK && note->kind == NOTE_LIFE)
        r = keep_life(catalogue, note, &sum, &both, err);
    else if (r == RESULT_OK)
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
