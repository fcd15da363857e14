/* SPDX-License-Identifier: Apache-2.0 */
/* A segment before it is read: which row groups, and how they are read. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "aggregator/segments/internal.h"

static enum result no_memory(struct error *err)
{
    return error_set(err, RESULT_AGAIN, "out of memory");
}

/* ---- viewing */

void segment_view_fini(struct segment_view *view)
{
    if (view->excerpted)
        close(view->excerpt);
    free(view->observers);
    free(view->missing);
    *view = (struct segment_view){0};
}

static enum result take_observers(struct segment_view *view, const Store__Segment *seal, struct error *err)
{
    view->observers = calloc(seal->n_observers + 1, sizeof(*view->observers));
    if (view->observers == NULL)
        return no_memory(err);
    for (size_t i = 0; i < seal->n_observers; i++) {
        const Store__SegmentObserver *o = seal->observers[i];
        if (!observer_name_valid(o->sensor))
            return error_set(err, RESULT_REJECT, "segment %016" PRIx64 " names an observer that cannot be", seal->id);
        view->observers[i] = (struct observer){.epoch = o->epoch, .unknown = {o->unknown_low, o->unknown_high}};
        strcpy(view->observers[i].sensor, o->sensor);
    }
    view->observer_count = (uint32_t)seal->n_observers;
    return RESULT_OK;
}

static enum result take_missing(struct segment_view *view, const Store__Segment *seal, struct error *err)
{
    const struct record_kind *kind = record_kinds[view->segment->kind];
    view->missing = malloc(kind->stored_count * sizeof(*view->missing));
    if (view->missing == NULL)
        return no_memory(err);
    memset(view->missing, 1, kind->stored_count * sizeof(*view->missing));
    for (size_t i = 0; i < seal->n_columns; i++) {
        int field = kind_field(kind, seal->columns[i]);
        if (field >= 0 && (unsigned)field < kind->stored_count)
            view->missing[field] = false;
    }
    return RESULT_OK;
}

static uint64_t all_groups(const struct segment *segment)
{
    return segment->groups >= 64 ? UINT64_MAX : (1ull << segment->groups) - 1;
}

/* Row groups that have one of the addresses. RESULT_END: none has. */
static enum result find_addresses(struct segments *segments, const struct segment_wish *wish, struct segment_view *view,
                                  struct error *err)
{
    uint64_t found = 0;
    for (size_t i = 0; i < wish->address_count; i++) {
        const struct address *address = &wish->addresses[i];
        uint64_t groups = 0;
        enum result r = index_look(segments, view->segment, index_hash(address->hi, address->lo), &groups, err);
        if (r != RESULT_OK && r != RESULT_END)
            return r;
        found |= groups;
    }
    view->groups &= found;
    return view->groups == 0 ? RESULT_END : RESULT_OK;
}

/* Without the row groups of other times. RESULT_END: none is left. */
static enum result find_times(const Store__Segment *seal, const struct segment_wish *wish, struct segment_view *view)
{
    bool known = seal->n_group_first_ns == seal->groups && seal->n_group_last_ns == seal->groups;
    for (unsigned g = 0; known && g < seal->groups; g++) {
        if ((wish->from_ns != 0 && seal->group_last_ns[g] < wish->from_ns) ||
            (wish->to_ns != 0 && seal->group_first_ns[g] >= wish->to_ns))
            view->groups &= ~(1ull << g);
    }
    return view->groups == 0 ? RESULT_END : RESULT_OK;
}

enum result segment_open(struct segments *segments, const struct segment *segment, const struct segment_wish *wish,
                         struct segment_view *ret_view, struct error *err)
{
    static const struct segment_wish all = {0};
    struct segment_view view = {.segment = segment, .groups = all_groups(segment)};
    Store__Segment *seal = NULL;
    enum result r = RESULT_OK;
    bool narrows = wish != NULL;
    wish = narrows ? wish : &all;
    if (wish->address_count > 0 && segment->kind == RECORD_FLOW)
        r = find_addresses(segments, wish, &view, err);
    if (r == RESULT_OK)
        r = seal_read(segments, segment->id, &seal, err);
    if (r != RESULT_OK)
        return r;
    if (seal->bytes != segment->bytes || seal->groups != segment->groups)
        r = error_set(err, RESULT_REJECT, "segment %016" PRIx64 ": its .seal file is another's", segment->id);
    if (r == RESULT_OK)
        r = find_times(seal, wish, &view);
    if (r == RESULT_OK)
        r = excerpt_check(segments, seal, record_kinds[segment->kind], wish->fields, view.groups,
                          narrows ? &view.excerpt : NULL, err);
    if (r == RESULT_OK && narrows)
        view.excerpted = view.excerpt >= 0;
    if (r == RESULT_OK)
        r = take_observers(&view, seal, err);
    if (r == RESULT_OK)
        r = take_missing(&view, seal, err);
    store__segment__free_unpacked(seal, NULL);
    if (r == RESULT_OK)
        *ret_view = view;
    else
        segment_view_fini(&view);
    return r;
}

void segment_from(struct sql *sql, const struct segments *segments, const struct segment_view *view)
{
    char path[SEGMENT_PATH_MAX];
    const char *separator = "";
    if (view->excerpted) {
        sql_add(sql, "read_parquet('/proc/self/fd/%d')", view->excerpt);
        return;
    }
    segments_path(segments, view->segment->id, "parquet", path);
    if (view->groups == all_groups(view->segment)) {
        sql_add(sql, "read_parquet(");
        sql_text(sql, path);
        sql_add(sql, ")");
        return;
    }
    /* A scan for each run of row groups: one condition with OR would read them all. */
    sql_add(sql, "(");
    for (unsigned g = 0; g < view->segment->groups; g++) {
        unsigned first = g;
        while (g < view->segment->groups && (view->groups >> g & 1) != 0)
            g++;
        if (g == first)
            continue;
        sql_add(sql, "%sSELECT * EXCLUDE file_row_number FROM read_parquet(", separator);
        sql_text(sql, path);
        sql_add(sql, ", file_row_number = true) WHERE file_row_number BETWEEN %" PRIu64 " AND %" PRIu64,
                (uint64_t)first * view->segment->group_rows, (uint64_t)g * view->segment->group_rows - 1);
        separator = " UNION ALL ";
    }
    sql_add(sql, ")");
}

enum result segment_check(struct segments *segments, const struct segment *segment, struct error *err)
{
    struct segment_view view;
    enum result r = segment_open(segments, segment, NULL, &view, err);
    if (r != RESULT_OK)
        return r;
    segment_view_fini(&view);
    return segment->kind == RECORD_FLOW ? index_check(segments, segment, err) : RESULT_OK;
}
