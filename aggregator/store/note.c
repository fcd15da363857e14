/* SPDX-License-Identifier: Apache-2.0 */
/* What is known, as Notes, and back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "aggregator/store/lives.h"
#include "common/message.h"
#include "common/records/status.h"
#include "common/records/wire.h"
#include "store.pb-c.h"

/* ---- one thing as a message that borrows from it */

/* A message and what it points to. */
struct packing {
    Store__Note note;
    Store__Life life, *lives;
    Store__Sensor sensor, *sensors;
    Store__Boundary boundary, *boundaries;
    Store__Last last, *lasts;
    Store__Damage damage, *damages;
    struct bytes status;
};

static void packing_fini(struct packing *p)
{
    bytes_free(&p->status);
}

static enum result no_memory(struct error *err)
{
    return error_set(err, RESULT_AGAIN, "out of memory");
}

/* The layout of struct range is what the messages have: first, last, first, last ... */
_Static_assert(sizeof(struct range) == 2 * sizeof(int64_t), "ranges are pairs");

static enum result pack_status(const struct records *status, struct bytes *ret_bytes, struct error *err)
{
    struct wire_view view;
    enum result r = wire_view_init(&view, status, err);
    if (r != RESULT_OK)
        return r;
    ret_bytes->length = protobuf_c_message_get_packed_size(view.message);
    ret_bytes->data = malloc(ret_bytes->length + 1);
    if (ret_bytes->data != NULL)
        protobuf_c_message_pack(view.message, ret_bytes->data);
    wire_view_fini(&view);
    return ret_bytes->data != NULL ? RESULT_OK : no_memory(err);
}

static enum result life_message(const struct life *life, struct packing *p, struct error *err)
{
    const struct store_life *s = &life->sums;
    store__life__init(&p->life);
    p->life.sensor = (char *)s->observer.sensor;
    p->life.epoch = s->observer.epoch;
    p->life.records = s->records;
    p->life.packets = s->packets;
    p->life.batches = s->batches;
    p->life.records_lost = s->records_lost;
    p->life.last_received_ns = s->last_received_ns;
    p->life.sequences = (uint64_t *)life->sequences.list;
    p->life.n_sequences = life->sequences.count * 2;
    p->life.status_position = s->status_position;
    p->life.status_received_ns = s->status_received_ns;
    p->life.has_lists = s->has_lists;
    p->life.died = s->died;
    p->life.records_died = s->records_died;
    p->lives = &p->life;
    p->note.lives = &p->lives;
    p->note.n_lives = 1;
    enum result r = s->status == NULL ? RESULT_OK : pack_status(s->status, &p->status, err);
    p->life.status = (ProtobufCBinaryData){p->status.length, p->status.data};
    return r;
}

static void speaker_message(const char *name, const struct speaker *speaker, struct packing *p)
{
    store__sensor__init(&p->sensor);
    p->sensor.sensor = (char *)name;
    p->sensor.received = (int64_t *)speaker->received.list;
    p->sensor.n_received = speaker->received.count * 2;
    p->sensor.flows = (int64_t *)speaker->flows.list;
    p->sensor.n_flows = speaker->flows.count * 2;
    p->sensors = &p->sensor;
    p->note.sensors = &p->sensors;
    p->note.n_sensors = 1;
}

static void boundary_message(const struct boundary_counts *counts, struct packing *p)
{
    store__boundary__init(&p->boundary);
    p->boundary.boundary = (char *)counts->name;
    p->boundary.verdicts = (uint64_t *)counts->verdicts;
    p->boundary.n_verdicts = VERDICT_COUNT;
    p->boundaries = &p->boundary;
    p->note.boundaries = &p->boundaries;
    p->note.n_boundaries = 1;
}

static void last_message(uint32_t kind, uint64_t position, struct packing *p)
{
    store__last__init(&p->last);
    p->last.kind = record_kinds[kind]->number;
    p->last.position = position;
    p->lasts = &p->last;
    p->note.lasts = &p->lasts;
    p->note.n_lasts = 1;
}

static void damage_message(const struct store_damage *damage, struct packing *p)
{
    store__damage__init(&p->damage);
    p->damage.file = (char *)damage->file;
    p->damage.text = (char *)damage->text;
    p->damage.from_ns = damage->from_ns;
    p->damage.to_ns = damage->to_ns;
    p->damage.records = damage->records;
    p->damages = &p->damage;
    p->note.damages = &p->damages;
    p->note.n_damages = 1;
}

/* ---- everything */

struct taker {
    enum result (*take)(void *context, const struct note *note, struct error *err);
    void *context;
};

static enum result hand_out(const struct taker *taker, struct packing *p, struct note note, struct error *err)
{
    note.bytes.length = store__note__get_packed_size(&p->note);
    note.bytes.data = malloc(note.bytes.length + 1);
    enum result r = note.bytes.data == NULL ? no_memory(err) : RESULT_OK;
    if (r == RESULT_OK) {
        store__note__pack(&p->note, note.bytes.data);
        r = taker->take(taker->context, &note, err);
    }
    bytes_free(&note.bytes);
    packing_fini(p);
    return r;
}

static enum result each_life(const struct lives *lives, const struct taker *taker, struct error *err)
{
    enum result r = RESULT_OK;
    for (size_t i = 0; i < lives->count && r == RESULT_OK; i++) {
        const struct observer *o = &lives->list[i].sums.observer;
        struct packing p = {.note = STORE__NOTE__INIT};
        r = life_message(&lives->list[i], &p, err);
        if (r == RESULT_OK)
            r = hand_out(taker, &p, (struct note){.kind = NOTE_LIFE, .key = o->sensor, .number = o->epoch}, err);
        else
            packing_fini(&p);
    }
    return r;
}

static enum result each_speaker(const struct lives *lives, const struct taker *taker, struct error *err)
{
    enum result r = RESULT_OK;
    for (uint32_t i = 0; i < lives->speaker_numbers.count && r == RESULT_OK; i++) {
        const char *name = lives->speaker_numbers.list[i].sensor;
        struct packing p = {.note = STORE__NOTE__INIT};
        speaker_message(name, &lives->speakers[i], &p);
        r = hand_out(taker, &p, (struct note){.kind = NOTE_SPEAKER, .key = name}, err);
    }
    return r;
}

static enum result each_count(const struct lives *lives, const struct taker *taker, struct error *err)
{
    enum result r = RESULT_OK;
    for (size_t i = 0; i < lives->boundary_count && r == RESULT_OK; i++) {
        struct packing p = {.note = STORE__NOTE__INIT};
        boundary_message(&lives->boundaries[i], &p);
        r = hand_out(taker, &p, (struct note){.kind = NOTE_BOUNDARY, .key = lives->boundaries[i].name}, err);
    }
    for (uint32_t kind = 0; kind < RECORD_KIND_COUNT && r == RESULT_OK; kind++) {
        struct packing p = {.note = STORE__NOTE__INIT};
        last_message(kind, lives->last[kind], &p);
        if (lives->last[kind] != 0)
            r = hand_out(taker, &p, (struct note){.kind = NOTE_LAST, .key = "", .number = kind}, err);
    }
    return r;
}

uint64_t note_damage_number(const struct store_damage *damage)
{
    return XXH3_64bits(damage->text, strlen(damage->text)) >> 1; /* SQLite's are signed */
}

static enum result each_damage(const struct lives *lives, const struct taker *taker, struct error *err)
{
    enum result r = RESULT_OK;
    for (size_t i = 0; i < lives->damage_count && r == RESULT_OK; i++) {
        const struct store_damage *damage = &lives->damages[i];
        struct packing p = {.note = STORE__NOTE__INIT};
        damage_message(damage, &p);
        r = hand_out(taker, &p,
                     (struct note){.kind = NOTE_DAMAGE, .key = damage->file, .number = note_damage_number(damage)},
                     err);
    }
    return r;
}

enum result notes_each(const struct lives *lives,
                       enum result (*take)(void *context, const struct note *note, struct error *err), void *context,
                       struct error *err)
{
    const struct taker taker = {take, context};
    enum result r = each_life(lives, &taker, err);
    if (r == RESULT_OK)
        r = each_speaker(lives, &taker, err);
    if (r == RESULT_OK)
        r = each_count(lives, &taker, err);
    return r == RESULT_OK ? each_damage(lives, &taker, err) : r;
}

static enum result append(void *context, const struct note *note, struct error *err)
{
    struct bytes *all = context;
    uint8_t *grown = realloc(all->data, all->length + note->bytes.length + 1);
    if (grown == NULL)
        return no_memory(err);
    memcpy(grown + all->length, note->bytes.data, note->bytes.length);
    all->data = grown;
    all->length += note->bytes.length;
    return RESULT_OK;
}

enum result notes_pack(const struct lives *lives, struct bytes *ret_note, struct error *err)
{
    *ret_note = (struct bytes){0};
    enum result r = notes_each(lives, append, ret_note, err);
    if (r != RESULT_OK)
        bytes_free(ret_note);
    return r;
}

/* ---- back */

static bool pairs_ascend(const int64_t *pairs, size_t count)
{
    for (size_t i = 1; i < count; i += 2) {
        if (pairs[i - 1] > pairs[i])
            return false;
    }
    return count % 2 == 0;
}

static enum result add_pairs(struct ranges *ranges, const int64_t *pairs, size_t count, int64_t gap, struct error *err)
{
    if (!pairs_ascend(pairs, count))
        return error_set(err, RESULT_REJECT, "a note of the store has ranges that are none");
    for (size_t i = 0; i + 1 < count; i += 2) {
        if (ranges_add(ranges, pairs[i], pairs[i + 1], gap) != RESULT_OK)
            return no_memory(err);
    }
    return RESULT_OK;
}

static enum result read_status(const Store__Life *message, struct records **ret_status, struct error *err)
{
    ProtobufCMessage *columns = message_unpack(record_kinds[RECORD_STATUS]->message, message->status.data,
                                               message->status.len, MESSAGE_MEMORY_RECORDS, err);
    if (columns == NULL)
        return RESULT_REJECT;
    enum result r = wire_read(record_kinds[RECORD_STATUS], columns, ret_status, err);
    protobuf_c_message_free_unpacked(columns, NULL);
    if (r == RESULT_OK && (*ret_status)->rows != 1) {
        records_free(ret_status);
        r = error_set(err, RESULT_REJECT, "a note of the store has several statuses of one life");
    }
    return r;
}

static enum result take_status(struct lives *lives, struct life *life, const Store__Life *message, struct error *err)
{
    struct store_life *s = &life->sums;
    if (message->status.len == 0 || message->status_position < s->status_position)
        return RESULT_OK;
    struct records *status;
    enum result r = read_status(message, &status, err);
    if (r != RESULT_OK)
        return r;
    records_free(&s->status);
    s->status = status;
    s->status_position = message->status_position;
    s->status_received_ns = message->status_received_ns;
    s->has_lists = message->has_lists;
    lives_settle_status(lives, life);
    return RESULT_OK;
}

static enum result add_life(struct lives *lives, const Store__Life *message, struct error *err)
{
    struct observer name = {.epoch = message->epoch};
    if (!sensor_name_valid(message->sensor))
        return error_set(err, RESULT_REJECT, "a note of the store names no sensor");
    strcpy(name.sensor, message->sensor);
    struct life *life = lives_get(lives, &name);
    if (life == NULL)
        return no_memory(err);
    struct store_life *s = &life->sums;
    s->records += message->records;
    s->packets += message->packets;
    s->batches += message->batches;
    lives_add_count(&s->records_lost, message->records_lost);
    lives_add_count(&s->records_died, message->records_died);
    s->died = s->died || message->died;
    if (message->last_received_ns > s->last_received_ns)
        s->last_received_ns = message->last_received_ns;
    enum result r = add_pairs(&life->sequences, (const int64_t *)message->sequences, message->n_sequences, 1, err);
    return r == RESULT_OK ? take_status(lives, life, message, err) : r;
}

static enum result add_speaker(struct lives *lives, const Store__Sensor *message, struct error *err)
{
    if (!sensor_name_valid(message->sensor))
        return error_set(err, RESULT_REJECT, "a note of the store names no sensor");
    struct speaker *speaker = lives_speaker_get(lives, message->sensor);
    if (speaker == NULL)
        return no_memory(err);
    enum result r = add_pairs(&speaker->received, message->received, message->n_received, LIVES_HEARD_GAP_NS, err);
    if (r == RESULT_OK)
        r = add_pairs(&speaker->flows, message->flows, message->n_flows, LIVES_HEARD_GAP_NS, err);
    ranges_thin(&speaker->received, LIVES_HEARD_MAX);
    ranges_thin(&speaker->flows, LIVES_HEARD_MAX);
    return r;
}

static enum result add_boundary(struct lives *lives, const Store__Boundary *message, struct error *err)
{
    if (strlen(message->boundary) >= BOUNDARY_NAME_MAX)
        return error_set(err, RESULT_REJECT, "a note of the store has a boundary's name that is too long");
    return lives_add_counts(lives, message->boundary, message->verdicts, message->n_verdicts, err);
}

static enum result add_damage(struct lives *lives, const Store__Damage *message, struct error *err)
{
    struct store_damage damage = {.from_ns = message->from_ns, .to_ns = message->to_ns, .records = message->records};
    snprintf(damage.file, sizeof(damage.file), "%s", message->file);
    snprintf(damage.text, sizeof(damage.text), "%s", message->text);
    text_clean(damage.text);
    return lives_add_damage(lives, &damage, err);
}

static enum result add_message(struct lives *lives, const Store__Note *note, struct error *err)
{
    enum result r = RESULT_OK;
    for (size_t i = 0; i < note->n_lives && r == RESULT_OK; i++)
        r = add_life(lives, note->lives[i], err);
    for (size_t i = 0; i < note->n_sensors && r == RESULT_OK; i++)
        r = add_speaker(lives, note->sensors[i], err);
    for (size_t i = 0; i < note->n_boundaries && r == RESULT_OK; i++)
        r = add_boundary(lives, note->boundaries[i], err);
    for (size_t i = 0; i < note->n_damages && r == RESULT_OK; i++)
        r = add_damage(lives, note->damages[i], err);
    for (size_t i = 0; i < note->n_lasts && r == RESULT_OK; i++) {
        for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++) {
            if (record_kinds[kind]->number == note->lasts[i]->kind && note->lasts[i]->position > lives->last[kind])
                lives->last[kind] = note->lasts[i]->position;
        }
    }
    return r;
}

enum result notes_add(struct lives *lives, const void *bytes, size_t length, struct error *err)
{
    Store__Note *note =
        (Store__Note *)message_unpack(&store__note__descriptor, bytes, length, MESSAGE_MEMORY_RECORDS, err);
    if (note == NULL)
        return RESULT_REJECT;
    enum result r = add_message(lives, note, err);
    store__note__free_unpacked(note, NULL);
    return r;
}
