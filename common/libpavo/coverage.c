/* SPDX-License-Identifier: Apache-2.0 */
/* What an answer rests on, as columns: two small kinds of record of their own. */
#include "common/libpavo/answer.h"

#include <stddef.h>

struct gap {
    uint8_t gap;
    const char *sensor;
    int64_t from_time, to_time;
    uint64_t at_most;
    const char *unit, *reason;
};

struct reach {
    const char *sensor;
    uint64_t epoch;
    int64_t through;
};

static const char *const gap_words[] = {"unknown", "loss", "silent", "damaged", "limit", "state"};

/* Zero and "" are not known, of what the guard SET has. */
#define FIELD(row, name_, type_, kind_, guard_, heading_, doc_)                                                        \
    {                                                                                                                  \
        .name = #name_, .label = #name_, .doc = doc_, .type = FIELD_##type_, .kind = KIND_##kind_,                     \
        .guard = GUARD_##guard_, .offset = offsetof(struct row, name_), .size = sizeof(((struct row *)0)->name_),      \
        .heading = heading_                                                                                            \
    }

static const struct field gap_fields[] = {
    {.name = "gap",
     .label = "gap",
     .doc = "what kind of gap",
     .type = FIELD_U8,
     .kind = KIND_WORD,
     .offset = offsetof(struct gap, gap),
     .size = 1,
     .heading = "GAP",
     .words = gap_words,
     .word_count = sizeof(gap_words) / sizeof(*gap_words)},
    FIELD(gap, sensor, TEXT, TEXT, SET, "SENSOR", "whose records are missing"),
    FIELD(gap, from_time, TIME, TIME, SET, "FROM", "what is missing lies between this"),
    FIELD(gap, to_time, TIME, TIME, SET, "TO", "and this"),
    FIELD(gap, at_most, U64, COUNT, SET, "AT MOST", "so much is missing, at most"),
    FIELD(gap, unit, TEXT, TEXT, SET, "OF", "packets or records"),
    FIELD(gap, reason, TEXT, TEXT, SET, "WHY", "why, in a sentence"),
};

static const struct field reach_fields[] = {
    FIELD(reach, sensor, TEXT, TEXT, SET, "SENSOR", "the sensor"),
    FIELD(reach, epoch, U64, EPOCH, SET, NULL, "which life of it"),
    FIELD(reach, through, TIME, TIME, SET, "THROUGH", "every flow that began before this has been reported"),
};

#define COVERAGE_KIND(name_, fields_, row_)                                                                            \
    {                                                                                                                  \
        .name = name_, .fields = fields_, .field_count = sizeof(fields_) / sizeof(*(fields_)),                         \
        .stored_count = sizeof(fields_) / sizeof(*(fields_)), .row_size = sizeof(row_), .first_time = -1,              \
        .last_time = -1, .observer = -1                                                                                \
    }
static const struct record_kind gap_kind = COVERAGE_KIND("gaps", gap_fields, struct gap);
static const struct record_kind reach_kind = COVERAGE_KIND("reaches", reach_fields, struct reach);

/* Texts came from elsewhere: they are shown only clean. */
static void clean(struct records *records)
{
    for (unsigned f = 0; f < records->kind->field_count; f++) {
        char **texts = records_column(records, f);
        for (uint32_t i = 0; records->kind->fields[f].type == FIELD_TEXT && i < records->rows; i++) {
            if (texts[i] != NULL)
                text_clean(texts[i]);
        }
    }
}

/* Columns of the records, which are taken. */
static enum result finish(const struct record_kind *kind, struct records **records, bool made,
                          pavo_columns **ret_columns, struct error *err)
{
    struct shape *shape = NULL;
    enum result result = made ? shape_of_kind(kind, &shape, err) : error_set(err, RESULT_FATAL, "out of memory");
    if (result != RESULT_OK) {
        records_free(records);
        return result;
    }
    clean(*records);
    pavo_columns *columns = columns_new(shape, *records);
    shape_drop(&shape);
    if (columns == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    *ret_columns = columns;
    return RESULT_OK;
}

enum result coverage_gaps(const Pavo__Coverage *coverage, pavo_columns **ret_columns, struct error *err)
{
    struct records *records = records_new(&gap_kind, 16);
    bool made = records != NULL;
    for (size_t i = 0; made && i < coverage->n_gaps; i++) {
        const Pavo__Gap *g = coverage->gaps[i];
        bool known = g->kind > 0 && (size_t)g->kind < sizeof(gap_words) / sizeof(*gap_words);
        struct gap row = {
            known ? (uint8_t)g->kind : 0, g->sensor, g->from_ns, g->to_ns, g->at_most, g->unit, g->reason};
        made = records_append(&records, &row) == RESULT_OK;
    }
    return finish(&gap_kind, &records, made, ret_columns, err);
}

enum result coverage_reaches(const Pavo__Coverage *coverage, pavo_columns **ret_columns, struct error *err)
{
    struct records *records = records_new(&reach_kind, 16);
    bool made = records != NULL;
    for (size_t i = 0; made && i < coverage->n_reaches; i++) {
        const Pavo__Reach *r = coverage->reaches[i];
        struct reach row = {r->sensor, r->epoch, r->through_ns};
        made = records_append(&records, &row) == RESULT_OK;
    }
    return finish(&reach_kind, &records, made, ret_columns, err);
}
