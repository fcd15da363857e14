/* SPDX-License-Identifier: Apache-2.0 */
/* What the segments' tests share: records of any kind by chance, and what many rows come to in whatever order. */
#ifndef PAVO_TESTS_AGGREGATOR_SEGMENTS_SUPPORT_H
#define PAVO_TESTS_AGGREGATOR_SEGMENTS_SUPPORT_H

#include "tests/unit/aggregator/support.h"

#include <dirent.h>
#include <inttypes.h>
#include <xxhash.h>

#include "aggregator/engine/engine.h"
#include "aggregator/segments/segments.h"

static struct error err;
static uint64_t seed = 20261126;

static inline uint64_t draw(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return seed ^ seed >> 29;
}

/* ---- records by chance */

/* Any value of a field, into the struct of a row or an item. Texts are around DuckDB's 12 bytes, beyond which it keeps
 * them elsewhere. */
static inline void put_random(char *row, const struct field *field, unsigned observers, int64_t at_ns)
{
    static const char *const texts[] = {
        "", "x", "eth0'; --", "zwölf Bytes!", "dreizehn Byte", "of some length, \"so\""};
    uint64_t value = draw() % 3 == 0 ? draw() : draw() % 200;
    if (field->type == FIELD_TEXT) {
        const char *text = texts[draw() % (sizeof(texts) / sizeof(*texts))];
        memcpy(row + field->offset, &text, field->size);
        return;
    }
    if (field->kind == KIND_OBSERVER)
        value %= observers;
    if (field->kind == KIND_TIME)
        value = (uint64_t)(at_ns + (int64_t)(draw() % (uint64_t)NS_PER_S));
    memcpy(row + field->offset, &value, field->size);
}

/* `rows` of them around a time, of observers of which one cannot know all. */
static inline struct records *random_records(const struct record_kind *kind, uint32_t rows, unsigned items,
                                             int64_t at_ns)
{
    static const char *const names[3] = {"inner", "collector/exporter", "outer"};
    struct records *records = records_new(kind, rows);
    char row[1024], item[256];
    assert_non_null(records);
    assert_true(kind->row_size <= sizeof(row));
    for (unsigned i = 0; i < 3; i++) {
        struct observer observer = test_observer(names[i], 7 + draw() % 5);
        uint16_t index;
        observer.unknown[0] = i == 1 ? 1ull << 38 : 0;
        assert_int_equal(records_observer(records, &observer, &index), RESULT_OK);
    }
    for (uint32_t i = 0; i < rows; i++) {
        for (unsigned f = 0; f < kind->stored_count; f++) {
            if (kind->fields[f].list == 0)
                put_random(row, &kind->fields[f], records->observer_count, at_ns);
        }
        assert_int_equal(records_add(records, row), RESULT_OK);
        for (unsigned l = 0; l < kind->list_count; l++) {
            for (unsigned n = (unsigned)(draw() % (items + 1)); n > 0; n--) {
                for (unsigned f = kind->lists[l].first; f <= kind->lists[l].last; f++)
                    put_random(item, &kind->fields[f], records->observer_count, at_ns);
                assert_int_equal(records_add_item(records, l, item), RESULT_OK);
            }
        }
    }
    assert_true(records_freeze(records));
    return records;
}

/* ---- what rows come to */

/* Over all values of so many rows, whatever their order. */
struct print {
    uint64_t rows, sum;
};

static inline void print_value(XXH3_state_t *state, const struct records *records, unsigned f, uint32_t i)
{
    const struct field *field = &records->kind->fields[f];
    const void *column = records_column(records, f);
    if (field->type == FIELD_TEXT) {
        const char *text = ((char *const *)column)[i];
        XXH3_64bits_update(state, text == NULL ? "" : text, text == NULL ? 1 : strlen(text) + 1);
    } else if (field_type_is_wide(field->type)) {
        XXH3_64bits_update(state, (const uint64_t *)column + i, sizeof(uint64_t));
    } else if (field->kind == KIND_OBSERVER) {
        const struct observer *o = &records->observers[((const uint32_t *)column)[i]];
        XXH3_64bits_update(state, o->sensor, strlen(o->sensor) + 1);
        XXH3_64bits_update(state, &o->epoch, sizeof(o->epoch));
        XXH3_64bits_update(state, o->unknown, sizeof(o->unknown));
    } else {
        XXH3_64bits_update(state, (const uint32_t *)column + i, sizeof(uint32_t));
    }
}

/* Without the fields in `without` (by field; NULL: none). */
static inline void print_add(struct print *print, const struct records *records, const bool *without)
{
    const struct record_kind *kind = records->kind;
    XXH3_state_t *state = XXH3_createState();
    for (uint32_t row = 0; row < records->rows; row++) {
        XXH3_64bits_reset(state);
        for (unsigned f = 0; f < kind->stored_count; f++) {
            uint32_t first = row, count = 1;
            if (without != NULL && without[f])
                continue;
            if (kind->fields[f].list != 0)
                count = records_items(records, kind->fields[f].list - 1u, row, &first);
            for (uint32_t i = 0; i < count; i++)
                print_value(state, records, f, first + i);
        }
        print->sum += XXH3_64bits_digest(state);
        print->rows++;
    }
    XXH3_freeState(state);
}

/* ---- reading */

static duckdb_database reading_database;
static duckdb_connection reading;

static inline int engine_setup(void **state)
{
    (void)state;
    const struct engine_options options = {.memory_limit = 256u << 20, .threads = 1};
    return engine_open(&options, &reading_database, &err) != RESULT_OK ||
           engine_connect(reading_database, &reading, &err) != RESULT_OK;
}

static inline int engine_teardown(void **state)
{
    (void)state;
    duckdb_disconnect(&reading);
    duckdb_close(&reading_database);
    return 0;
}

/* Rows of a chunk, as few at once as records take. */
static inline enum result print_chunk(struct print *print, const struct db_rows *rows, const struct record_kind *kind,
                                      const struct sql_observers *observers, const bool *without, struct error *why)
{
    uint32_t at = 0, count = (uint32_t)rows->count;
    while (at < rows->count) {
        struct records *records;
        count = count > rows->count - at ? (uint32_t)rows->count - at : count;
        enum result r = chunk_read(rows, kind, NULL, observers, at, count, &records, why);
        if (r == RESULT_FULL && count > 1) {
            count /= 2;
            continue;
        }
        if (r != RESULT_OK)
            return r;
        print_add(print, records, without);
        records_free(&records);
        at += count;
    }
    return RESULT_OK;
}

/* The rows of a segment that may have the address (NULL: all), as whoever asks reads them. RESULT_END: there are none.
 * RESULT_REJECT: damaged. */
static inline enum result print_segment(struct segments *segments, const struct segment *segment,
                                        const struct address *address, const bool *without, struct print *print,
                                        struct error *why)
{
    const struct record_kind *kind = record_kinds[segment->kind];
    struct segment_view view;
    struct db_rows rows = {0};
    struct sql sql = {0};
    enum result r = segment_open(
        segments, segment, &(struct segment_wish){.addresses = address, .address_count = address != NULL}, &view, why);
    if (r != RESULT_OK)
        return r;
    const struct sql_observers observers = {view.observers, view.observer_count};
    sql_add(&sql, "SELECT ");
    schema_select(&sql, kind, NULL, view.missing);
    sql_add(&sql, " FROM ");
    segment_from(&sql, segments, &view);
    r = db_rows_open(reading, &sql, &rows, why);
    while (r == RESULT_OK && (r = db_rows_next(&rows, why)) == RESULT_OK)
        r = print_chunk(print, &rows, kind, &observers, without, why);
    db_rows_close(&rows);
    sql_fini(&sql);
    segment_view_fini(&view);
    return r == RESULT_END ? RESULT_OK : r;
}

/* All rows of a kind that are there. */
static inline struct print print_all(struct segments *segments, enum record_kind_number kind, const bool *without)
{
    struct segment_set *set = segments_snapshot(segments);
    struct print print = {0};
    assert_non_null(set);
    for (size_t i = 0; i < segment_set_count(set); i++) {
        const struct segment *segment = segment_set_get(set, i);
        if (segment->kind == kind && print_segment(segments, segment, NULL, without, &print, &err) != RESULT_OK)
            fail_msg("segment %" PRIu64 ": %s", segment->id, err.text);
    }
    segment_set_release(&set);
    return print;
}

static inline void assert_print(struct print a, struct print b)
{
    assert_int_equal(a.rows, b.rows);
    assert_int_equal(a.sum, b.sum);
}

/* ---- files */

static inline void segment_file(uint64_t id, const char *suffix, char path[static 160])
{
    snprintf(path, 160, "%s/segments/%016" PRIx64 ".%s", test_directory, id, suffix);
}

static inline size_t count_files(void)
{
    char path[160];
    size_t count = 0;
    snprintf(path, sizeof(path), "%s/segments", test_directory);
    DIR *folder = opendir(path);
    const struct dirent *entry;
    assert_non_null(folder);
    while ((entry = readdir(folder)) != NULL)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

/* One of each kind, or of flows alone. */
static inline void seal_records(struct segments *segments, const struct records *const *records, size_t count,
                                uint64_t first, uint64_t last)
{
    struct seal_input input = {
        .first_position = first, .last_position = last, .note = &last, .note_length = sizeof(last)};
    const struct records *of_kind[RECORD_KIND_COUNT][16];
    for (size_t i = 0; i < count; i++) {
        struct seal_part *part = &input.parts[record_kind_number(records[i]->kind)];
        assert_true(part->count < 16);
        part->records = of_kind[record_kind_number(records[i]->kind)];
        of_kind[record_kind_number(records[i]->kind)][part->count++] = records[i];
    }
    if (segments_seal(segments, &input, &err) != RESULT_OK)
        fail_msg("%s", err.text);
}

/* ---- opening */

static unsigned rebuilt;
static uint64_t rebuilt_last;
static const char *rebuilt_key = "last";
static char told[512];

static inline void take_notice(void *context, const char *text)
{
    (void)context;
    snprintf(told, sizeof(told), "%s", text);
}

static inline enum result take_note(struct catalogue *catalogue, const void *note, size_t length, struct error *why)
{
    uint64_t last;
    assert_true(length % sizeof(last) == 0);
    for (size_t at = 0; at < length; at += sizeof(last)) {
        memcpy(&last, (const char *)note + at, sizeof(last));
        assert_true(last >= rebuilt_last); /* oldest first */
        rebuilt_last = last;
        rebuilt++;
    }
    const struct bytes bytes = {(uint8_t *)&last, sizeof(last)};
    return catalogue_put(catalogue, 1, rebuilt_key, 0, &bytes, why);
}

static inline struct segments *open_segments(void)
{
    struct segments *segments;
    const struct segments_options options = {
        .directory = test_directory, .memory_limit = 256u << 20, .notice = take_notice, .rebuild = take_note};
    told[0] = '\0';
    if (segments_open(&options, &segments, &err) != RESULT_OK)
        fail_msg("%s", err.text);
    return segments;
}

static inline struct segments *reopen(struct segments *segments)
{
    segments_close(&segments);
    return open_segments();
}

#endif
