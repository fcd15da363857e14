/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of who spoke: for each life its sums, its last status and which of its batches are committed; when each
 * speaker was heard; verdicts at each boundary. What a stretch of batches adds is a struct lives of its own, and two of
 * them add up: the store notes every commit in one that is in memory, and the catalogue gets what a sealing adds.
 *
 * Pure; whoever shares one locks it. A sequence number's limit is RECEIVE_SEQUENCE_MAX, so it fits a range. */
#ifndef PAVO_AGGREGATOR_STORE_LIVES_H
#define PAVO_AGGREGATOR_STORE_LIVES_H

#include "aggregator/journal/journal.h"
#include "aggregator/observers.h"
#include "aggregator/store/ranges.h"
#include "aggregator/store/store.h"
#include "common/seal.h"

/* Names a life may have gaps in: a sensor that numbers wildly is stopped here, not by our memory. */
#define LIVES_RANGES_MAX 65536u
/* Lives of one speaker that stay in memory; those before them are in the catalogue alone. */
#define LIVES_KEPT 256u
/* Lives of one speaker in all: a crash loop of a life every ten seconds comes here after four months. */
#define LIVES_MAX 1000000u
/* When somebody was heard: what lies closer together than this is one time. */
#define LIVES_HEARD_GAP_NS (60ll * 1000000000)
#define LIVES_HEARD_MAX    4096u
#define LIVES_DIGESTS      64u

struct life {
    struct store_life sums;
    struct ranges sequences;
    uint64_t last_position; /* UINT64_MAX: room is reserved for a batch that is on its way */
    struct {
        uint64_t sequence, digest;
    } * digests; /* of the last LIVES_DIGESTS batches by sequence; owned; NULL: of none */
};

struct speaker {
    uint64_t lives;  /* how many there are, those that are not in memory too */
    uint32_t newest; /* in struct lives: the one with the greatest epoch */
    struct ranges received, flows;
};

struct boundary_counts {
    char name[BOUNDARY_NAME_MAX];
    uint64_t verdicts[VERDICT_COUNT];
};

struct lives {
    struct life *list; /* owned, as all */
    size_t count, capacity;
    struct observers numbers;         /* where in `list` */
    struct observers speaker_numbers; /* as observers of epoch 0: where in `speakers` */
    struct speaker *speakers;
    size_t speaker_capacity;
    struct boundary_counts *boundaries;
    size_t boundary_count;
    uint64_t last[RECORD_KIND_COUNT]; /* position; 0: none */
    struct store_damage *damages;     /* of the journal, that a sealing went past */
    size_t damage_count;
};

void lives_fini(struct lives *lives);

/* NULL: not there. */
struct life *lives_find(const struct lives *lives, const struct observer *observer);
struct speaker *lives_speaker(const struct lives *lives, const char *sensor);
const struct boundary_counts *lives_boundary(const struct lives *lives, const char *name);
/* Those that are missing are made. NULL: out of memory. */
struct life *lives_get(struct lives *lives, const struct observer *observer);
struct speaker *lives_speaker_get(struct lives *lives, const char *sensor);

/* Memory for what lives_note will write for `count` batches like this one, so that it cannot fail; the life is not
 * forgotten before. RESULT_AGAIN: out of memory. */
MUST_CHECK enum result lives_reserve(struct lives *lives, const struct batch *batch, size_t count, struct error *err);
/* A committed batch, with its position, and as the journal has it. */
void lives_note(struct lives *lives, const struct batch *batch, const struct journal_entry *entry);

/* A committed batch of which the journal still knows the name, and not the contents: its records are lost, and it is
 * not taken again. RESULT_AGAIN: out of memory. */
MUST_CHECK enum result lives_note_damaged(struct lives *lives, const struct journal_entry *entry, struct error *err);

/* Counts that foreign hands make large stop at the greatest number. */
static inline void lives_add_count(uint64_t *sum, uint64_t more)
{
    *sum = more < UINT64_MAX - *sum ? *sum + more : UINT64_MAX;
}

/* What of the journal cannot be read, once. RESULT_AGAIN: out of memory. */
MUST_CHECK enum result lives_add_damage(struct lives *lives, const struct store_damage *damage, struct error *err);

/* For note.c: a status was set, of which the lists stay only if the life is its speaker's newest; verdicts by word are
 * added. RESULT_AGAIN: out of memory. */
void lives_settle_status(struct lives *lives, struct life *life);
MUST_CHECK enum result lives_add_counts(struct lives *lives, const char *boundary, const uint64_t *verdicts,
                                        size_t count, struct error *err);

/* A life's status without its lists, with its text or only the numbers. NULL: out of memory. */
struct records *lives_status(const struct store_life *life, bool text);

/* Forgets the oldest lives of speakers that have more than twice LIVES_KEPT, if they have said nothing behind position
 * `through`. Out of memory: nothing changes. */
void lives_forget(struct lives *lives, uint64_t through);

/* ---- note.c: as bytes (proto/store.proto), to be kept */

/* One thing that is known, as a Note of its own. Kinds and keys name it in the catalogue. */
enum note_kind { NOTE_LIFE = 1, NOTE_SPEAKER, NOTE_BOUNDARY, NOTE_LAST, NOTE_DAMAGE };
struct note {
    enum note_kind kind;
    const char *key; /* of the speaker, the boundary, the file */
    uint64_t number; /* epoch, number of the kind of record, hash of the damage's text */
    struct bytes bytes;
};
uint64_t note_damage_number(const struct store_damage *damage);
/* Calls `take` for everything in `lives`. What it returns other than RESULT_OK ends it. */
MUST_CHECK enum result notes_each(const struct lives *lives,
                                  enum result (*take)(void *context, const struct note *note, struct error *err),
                                  void *context, struct error *err);
/* All of it as one note. */
MUST_CHECK enum result notes_pack(const struct lives *lives, struct bytes *ret_note, struct error *err);
/* Adds what a note says. RESULT_REJECT: it is none. */
MUST_CHECK enum result notes_add(struct lives *lives, const void *note, size_t length, struct error *err);

#endif
