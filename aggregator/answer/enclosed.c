/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of sets, from arrival to sets. */
#include "aggregator/answer/enclosed.h"

#include <stdlib.h>
#include <string.h>

#define TOO_MUCH "the files that the filter names are too large to be sent: leave lines out, or ask for parts of them"

struct piece {
    char *name; /* owned */
    uint8_t *data;
    size_t length, capacity;
};

struct enclosed {
    uint64_t id;
    struct piece pieces[FILTER_SETS_MAX];
    unsigned count;
    size_t bytes;
    const char *refusal;
};

static void forget(struct enclosed *e, size_t *total)
{
    for (unsigned i = 0; i < e->count; i++) {
        free(e->pieces[i].name);
        free(e->pieces[i].data);
    }
    *total -= e->bytes;
    e->count = 0;
    e->bytes = 0;
}

void enclosed_free(struct enclosed **enclosed, size_t *total)
{
    if (*enclosed != NULL)
        forget(*enclosed, total);
    free(*enclosed);
    *enclosed = NULL;
}

/* The piece of that name, made where it is new. NULL: there are too many, or out of memory. */
static struct piece *piece_named(struct enclosed *e, const char *name)
{
    for (unsigned i = 0; i < e->count; i++) {
        if (strcmp(e->pieces[i].name, name) == 0)
            return &e->pieces[i];
    }
    char *copy = e->count < FILTER_SETS_MAX ? strdup(name) : NULL;
    if (copy == NULL)
        return NULL;
    e->pieces[e->count] = (struct piece){.name = copy};
    return &e->pieces[e->count++];
}

static bool append(struct piece *piece, const ProtobufCBinaryData *part)
{
    if (part->len > piece->capacity - piece->length) {
        size_t capacity = 2 * piece->capacity + part->len;
        uint8_t *grown = realloc(piece->data, capacity);
        if (grown == NULL)
            return false;
        piece->data = grown;
        piece->capacity = capacity;
    }
    if (part->len > 0)
        memcpy(piece->data + piece->length, part->data, part->len);
    piece->length += part->len;
    return true;
}

void enclosed_add(struct enclosed **enclosed, uint64_t id, const Pavo__Set *part, size_t *total)
{
    struct enclosed *e = *enclosed;
    if (e != NULL && e->id != id)
        enclosed_free(enclosed, total);
    e = *enclosed != NULL ? *enclosed : calloc(1, sizeof(*e));
    *enclosed = e;
    if (e == NULL || e->refusal != NULL)
        return;
    e->id = id;
    size_t length = part->part.len;
    bool fits = length <= ANSWER_ENCLOSED_MAX - e->bytes && *total + length <= ANSWER_ENCLOSED_ALL;
    struct piece *piece = fits ? piece_named(e, part->name) : NULL;
    if (piece != NULL && append(piece, &part->part)) {
        e->bytes += length;
        *total += length;
        return;
    }
    forget(e, total);
    e->refusal = TOO_MUCH;
}

struct enclosed *enclosed_take(struct enclosed **enclosed, uint64_t id)
{
    struct enclosed *e = *enclosed;
    if (e == NULL || e->id != id)
        return NULL;
    *enclosed = NULL;
    return e;
}

const char *enclosed_refusal(const struct enclosed *enclosed)
{
    return enclosed == NULL ? NULL : enclosed->refusal;
}

enum result enclosed_read(const struct enclosed *enclosed, struct budget *memory,
                          struct filter_set ret_sets[static FILTER_SETS_MAX], size_t *ret_count, struct error *err)
{
    struct filter_set sets[FILTER_SETS_MAX];
    size_t count = 0;
    for (; enclosed != NULL && count < enclosed->count; count++) {
        const struct piece *piece = &enclosed->pieces[count];
        struct error why;
        sets[count].name = piece->name;
        enum result r = address_set_unpack(piece->data, piece->length, memory->left, &sets[count].set, &why);
        if (r != RESULT_OK) {
            enclosed_drop(sets, count);
            return error_set(err, r, "file '%.64s': %s", piece->name, why.text);
        }
        (void)budget_take(memory, address_set_size(sets[count].set)); /* no larger than what was left */
    }
    memcpy(ret_sets, sets, count * sizeof(*sets));
    *ret_count = count;
    return RESULT_OK;
}

void enclosed_drop(struct filter_set *sets, size_t count)
{
    for (size_t i = 0; i < count; i++)
        address_set_unref(&sets[i].set);
}
