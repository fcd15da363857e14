/* SPDX-License-Identifier: Apache-2.0 */
/* One SELECT, from its text to its last row. */
#include "aggregator/sql/child.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "aggregator/engine/outcome.h"
#include "aggregator/sql/check.h"
#include "aggregator/sql/confine.h"
#include "aggregator/sql/frame.h"
#include "aggregator/sql/views.h"
#include "common/cursor.h"
#include "common/message.h"
#include "common/records/page.h"

/* Of its memory, what DuckDB manages by itself; the rest is for what it does not count, and for us. */
#define ENGINE_SHARE(memory) ((memory) / 8 * 5)

struct child {
    struct frame_link link;
    struct view views[STORED_KIND_COUNT];
    bool scans[FRAME_SCANS_MAX]; /* open */
    duckdb_database database;
    duckdb_connection connection;
    uint64_t memory;
    char *select; /* owned */
};

/* ---- what the SELECT reads */

struct scan {
    unsigned number;
    struct page_kind *kind;
    struct records *records; /* the page handed out last */
};

/* The kind that pages of these fields have. */
static enum result narrow(const struct record_kind *kind, const bool *fields, struct page_kind **ret_kind,
                          struct error *err)
{
    uint16_t order[RECORDS_FIELDS_MAX];
    struct record_kind narrowed = *kind;
    struct page_head head;
    narrowed.order = order;
    narrowed.order_count = 0;
    for (unsigned f = 0; f < kind->field_count; f++) {
        if (fields[f])
            order[narrowed.order_count++] = (uint16_t)f;
    }
    enum result r = page_head_init(&head, &narrowed, kind->name, "", err);
    if (r != RESULT_OK)
        return r;
    r = page_kind_read(&head.message, ret_kind, err);
    page_head_fini(&head);
    return r;
}

static enum result scan_begin(struct view *view, const bool *fields, void **ret_scan, struct error *err)
{
    struct child *child = view->context;
    uint8_t body[2 + FRAME_FIELDS];
    unsigned number = 0;
    while (number < FRAME_SCANS_MAX && child->scans[number])
        number++;
    if (number == FRAME_SCANS_MAX)
        return error_set(err, RESULT_REJECT, "a SELECT may read views in %u places at once", FRAME_SCANS_MAX);
    struct scan *scan = calloc(1, sizeof(*scan));
    if (scan == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    scan->number = number;
    frame_scan(number, view->kind, fields, body);
    enum result r = narrow(view->kind, fields, &scan->kind, err);
    if (r == RESULT_OK)
        r = frame_send(&child->link, FRAME_SCAN, body, sizeof(body), err);
    if (r != RESULT_OK) {
        page_kind_free(&scan->kind);
        free(scan);
        return r;
    }
    child->scans[number] = true;
    *ret_scan = scan;
    return RESULT_OK;
}

static enum result read_page(const struct page_kind *kind, const struct frame *frame, struct records **ret_records,
                             struct error *err)
{
    Pavo__Page *page =
        (Pavo__Page *)message_unpack(&pavo__page__descriptor, frame->body, frame->length, MESSAGE_MEMORY_RECORDS, err);
    if (page == NULL)
        return RESULT_REJECT;
    enum result r = page_read(kind, page, ret_records, err);
    pavo__page__free_unpacked(page, NULL);
    return r;
}

static enum result scan_next(struct view *view, void *pointer, const struct records **ret_records, struct error *err)
{
    struct child *child = view->context;
    struct scan *scan = pointer;
    struct frame frame;
    uint8_t number = (uint8_t)scan->number;
    records_free(&scan->records);
    enum result r = frame_send(&child->link, FRAME_MORE, &number, 1, err);
    if (r == RESULT_OK)
        r = frame_receive(&child->link, &frame, err);
    if (r != RESULT_OK)
        return r;
    if (frame.type == FRAME_LAST)
        return RESULT_END;
    if (frame.type != FRAME_PAGE)
        return error_set(err, RESULT_AGAIN, "%.*s", (int)frame.length, (const char *)frame.body);
    r = read_page(scan->kind, &frame, &scan->records, err);
    *ret_records = scan->records;
    return r;
}

static void scan_end(struct view *view, void *pointer)
{
    struct child *child = view->context;
    struct scan *scan = pointer;
    struct error err;
    uint8_t number = (uint8_t)scan->number;
    if (frame_send(&child->link, FRAME_CLOSE, &number, 1, &err) == RESULT_OK)
        child->scans[number] = false;
    records_free(&scan->records);
    page_kind_free(&scan->kind);
    free(scan);
}

/* ---- what it answers */

static enum result send_head(struct child *child, const struct record_kind *kind, struct error *err)
{
    struct page_head head;
    enum result r = page_head_init(&head, kind, "", "", err);
    if (r != RESULT_OK)
        return r;
    size_t length = pavo__head__get_packed_size(&head.message);
    uint8_t *bytes = malloc(length + 1);
    if (bytes != NULL)
        pavo__head__pack(&head.message, bytes);
    r = bytes == NULL ? error_set(err, RESULT_AGAIN, "out of memory")
                      : frame_send(&child->link, FRAME_HEAD, bytes, length, err);
    free(bytes);
    page_head_fini(&head);
    return r;
}

/* RESULT_FULL: they are more than a frame has room for. */
static enum result send_some(struct child *child, const struct records *rows, uint32_t first, uint32_t count,
                             struct error *err)
{
    struct page_view view;
    enum result r = page_view_init(&view, rows, first, count, err);
    if (r != RESULT_OK)
        return r;
    size_t length = pavo__page__get_packed_size(&view.message);
    uint8_t *bytes = length > FRAME_MAX ? NULL : malloc(length + 1);
    if (bytes != NULL)
        pavo__page__pack(&view.message, bytes);
    if (length > FRAME_MAX)
        r = error_set(err, RESULT_FULL, "a row of more than %u MiB", FRAME_MAX >> 20);
    else
        r = bytes == NULL ? error_set(err, RESULT_AGAIN, "out of memory")
                          : frame_send(&child->link, FRAME_ROWS, bytes, length, err);
    free(bytes);
    page_view_fini(&view);
    return r;
}

static enum result send_rows(struct child *child, const struct records *rows, struct error *err)
{
    enum result r = RESULT_OK;
    uint32_t most = rows->rows;
    for (uint32_t at = 0, count; at < rows->rows && r == RESULT_OK;) {
        count = rows->rows - at < most ? rows->rows - at : most;
        r = send_some(child, rows, at, count, err);
        if (r == RESULT_OK)
            at += count;
        else if (r == RESULT_FULL && count > 1) {
            most = count / 2;
            r = RESULT_OK;
        } else if (r == RESULT_FULL) {
            r = RESULT_REJECT; /* not for want of memory */
        }
    }
    return r;
}

static enum result answer(struct child *child, struct outcome *outcome, struct error *err)
{
    struct records *rows;
    enum result r = send_head(child, outcome_kind(outcome), err);
    while (r == RESULT_OK && (r = outcome_next(outcome, &rows, err)) == RESULT_OK) {
        r = send_rows(child, rows, err);
        records_free(&rows);
    }
    return r;
}

/* ---- the whole */

static enum result take_question(struct child *child, unsigned *ret_seconds, struct error *err)
{
    struct frame frame;
    enum result r = frame_receive(&child->link, &frame, err);
    if (r != RESULT_OK)
        return r;
    struct cursor c = cursor_make(frame.body, frame.length);
    child->memory = cursor_le64(&c);
    *ret_seconds = cursor_le32(&c);
    if (c.failed || frame.type != FRAME_ASK)
        return error_set(err, RESULT_FATAL, "nothing was asked");
    while (c.left > 0 && strchr("; ", c.at[c.left - 1]) != NULL)
        c.left--; /* it is put into parentheses */
    child->select = strndup((const char *)c.at, c.left);
    return child->select == NULL ? error_set(err, RESULT_FATAL, "out of memory") : RESULT_OK;
}

static enum result open_engine(struct child *child, struct error *err)
{
    const struct engine_options options = {.memory_limit = ENGINE_SHARE(child->memory), .threads = 1, .confined = true};
    enum result r = engine_open(&options, &child->database, err);
    if (r == RESULT_OK)
        r = engine_connect(child->database, &child->connection, err);
    for (unsigned k = 0; k < STORED_KIND_COUNT && r == RESULT_OK; k++) {
        child->views[k] = (struct view){
            .kind = record_kinds[k], .context = child, .begin = scan_begin, .next = scan_next, .end = scan_end};
        r = view_add(child->connection, &child->views[k], err);
    }
    if (r == RESULT_OK)
        r = db_run(child->connection, err, "%s", sql_connection);
    if (r == RESULT_OK)
        r = db_run(child->connection, err, "SET TimeZone = 'UTC'");
    return r == RESULT_OK ? db_run(child->connection, err, "SET lock_configuration = true") : r;
}

static enum result run(struct child *child, struct error *err)
{
    const char *views[SQL_VIEWS];
    struct outcome *outcome = NULL;
    for (unsigned i = 0; i < SQL_VIEWS; i++)
        views[i] = sql_view_name(i);
    enum result r = check_select(child->connection, child->select, views, SQL_VIEWS, err);
    if (r == RESULT_OK)
        r = outcome_open(child->connection, child->select, &outcome, err);
    if (r == RESULT_OK)
        r = answer(child, outcome, err);
    return r; /* the process ends: nothing is closed */
}

static void refuse(struct child *child, enum result why, const struct error *err)
{
    struct error ignored;
    char body[1 + sizeof(err->text)];
    body[0] = why == RESULT_FULL;
    strcpy(body + 1, err->text);
    enum result r = frame_send(&child->link, FRAME_REFUSED, body, 1 + strlen(err->text), &ignored);
    (void)r; /* the aggregator sees the process end */
}

_Noreturn void sql_child(void)
{
    struct child child = {.link = {.socket = STDIN_FILENO}};
    struct error err;
    unsigned seconds = 0;
    confine_begin();
    enum result r = take_question(&child, &seconds, &err);
    if (r == RESULT_OK)
        r = open_engine(&child, &err);
    if (r == RESULT_OK)
        r = confine_end(child.memory, seconds, &err);
    if (r == RESULT_OK)
        r = run(&child, &err);
    if (r != RESULT_END)
        refuse(&child, r, &err);
    else
        r = frame_send(&child.link, FRAME_DONE, "", 0, &err);
    _exit(r == RESULT_OK ? EXIT_SUCCESS : EXIT_FAILURE);
}
