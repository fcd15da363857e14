/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that is kept, read through: the journal by its entries, segments by their checksums. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/store/read.h"

struct check {
    struct store_reader *reader;
    enum result (*take)(void *context, const struct store_checked *checked, struct error *err);
    void *context;
};

/* ---- the journal */

static void begin_file(struct store_checked *checked, uint64_t file)
{
    *checked = (struct store_checked){.kind = -1, .first_ns = INT64_MAX, .last_ns = INT64_MIN};
    snprintf(checked->file, sizeof(checked->file), "journal/%016" PRIx64 ".log", file);
}

static void add_entry(struct store_checked *checked, const struct journal_entry *entry)
{
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++)
        checked->records += entry->rows[kind];
    checked->bytes += entry->length;
    if (entry->first_ns > entry->last_ns)
        return;
    checked->first_ns = min_ns(checked->first_ns, entry->first_ns);
    checked->last_ns = max_ns(checked->last_ns, entry->last_ns);
}

static enum result tell_damage(const struct check *c, const struct journal_damage *damage, struct error *err)
{
    char text[JOURNAL_DAMAGE_TEXT_MAX];
    struct store_checked checked = {.kind = -1, .first_ns = INT64_MAX, .last_ns = INT64_MIN};
    store_note_journal(c->reader->store, damage);
    snprintf(checked.file, sizeof(checked.file), "journal/%s", damage->file);
    snprintf(checked.damage, sizeof(checked.damage), "%.255s", journal_damage_text(damage, text));
    return c->take(c->context, &checked, err);
}

static enum result check_journal(const struct check *c, struct error *err)
{
    struct journal_cursor *cursor;
    struct store_checked checked = {0};
    uint64_t file = UINT64_MAX;
    enum result r = journal_seek(c->reader->store->journal, 0, &cursor, err);
    if (r != RESULT_OK)
        return r;
    while (r == RESULT_OK && (r = reader_go_on(c->reader, err)) == RESULT_OK) {
        struct journal_entry entry;
        struct journal_damage damage;
        struct error why = {""};
        r = journal_next(cursor, true, &entry, &damage, &why);
        if (r == RESULT_REJECT) {
            r = damage.dropped ? RESULT_OK : tell_damage(c, &damage, err);
            continue;
        }
        if (r != RESULT_OK) {
            r = why.text[0] == '\0' ? RESULT_END : error_set(err, r, "%s", why.text);
            break;
        }
        if (entry.place.file != file) {
            if (file != UINT64_MAX)
                r = c->take(c->context, &checked, err);
            file = entry.place.file;
            begin_file(&checked, file);
        }
        add_entry(&checked, &entry);
    }
    journal_cursor_close(&cursor);
    if (r == RESULT_END)
        r = file != UINT64_MAX ? c->take(c->context, &checked, err) : RESULT_OK;
    return r;
}

/* ---- segments */

static enum result check_segment(const struct check *c, const struct segment *segment, struct error *err)
{
    struct store_checked checked = {.kind = (int)segment->kind,
                                    .records = segment->rows,
                                    .bytes = segment->bytes,
                                    .first_ns = segment->first_ns,
                                    .last_ns = segment->last_ns};
    struct error why;
    snprintf(checked.file, sizeof(checked.file), "segments/%016" PRIx64 ".parquet", segment->id);
    enum result r = segment_check(c->reader->store->segments, segment, &why);
    if (r == RESULT_REJECT) {
        snprintf(checked.damage, sizeof(checked.damage), "%.255s", why.text);
        reader_note_damaged(c->reader, segment, why.text);
    } else if (r != RESULT_OK) {
        return error_set(err, r, "%s", why.text);
    } else {
        store_forget_damage(c->reader->store, checked.file);
    }
    return c->take(c->context, &checked, err);
}

static enum result check_segments(const struct check *c, struct error *err)
{
    struct segment_set *set = segments_snapshot(c->reader->store->segments);
    enum result r = set == NULL ? error_set(err, RESULT_AGAIN, "out of memory") : RESULT_OK;
    for (size_t i = 0; r == RESULT_OK && i < segment_set_count(set); i++) {
        r = reader_go_on(c->reader, err);
        if (r == RESULT_OK)
            r = check_segment(c, segment_set_get(set, i), err);
    }
    segment_set_release(&set);
    return r;
}

enum result store_check(struct store_reader *reader,
                        enum result (*take)(void *context, const struct store_checked *checked, struct error *err),
                        void *context, struct error *err)
{
    const struct check c = {reader, take, context};
    enum result r = check_journal(&c, err);
    return r == RESULT_OK ? check_segments(&c, err) : r;
}

/* ---- sums */

enum result store_parts(struct store *store, struct store_part **ret_parts, size_t *ret_count, struct error *err)
{
    struct segment_set *set = segments_snapshot(store->segments);
    struct store_part *parts = set == NULL ? NULL : calloc(segment_set_count(set) + 1, sizeof(*parts));
    size_t count = 0;
    if (parts == NULL) {
        segment_set_release(&set);
        return error_set(err, RESULT_AGAIN, "out of memory");
    }
    for (size_t i = 0; i < segment_set_count(set); i++) {
        const struct segment *s = segment_set_get(set, i);
        size_t p = 0;
        while (p < count && (parts[p].kind != s->kind || parts[p].level != s->level))
            p++;
        if (p == count)
            parts[count++] =
                (struct store_part){.kind = s->kind, .level = s->level, .first_ns = s->first_ns, .last_ns = s->last_ns};
        parts[p].files++;
        parts[p].rows += s->rows;
        parts[p].bytes += s->bytes;
        parts[p].index_bytes += s->index_bytes;
        parts[p].first_ns = min_ns(parts[p].first_ns, s->first_ns);
        parts[p].last_ns = max_ns(parts[p].last_ns, s->last_ns);
    }
    segment_set_release(&set);
    *ret_parts = parts;
    *ret_count = count;
    return RESULT_OK;
}
