/* SPDX-License-Identifier: Apache-2.0 */
/* sql: a SELECT that people wrote, run in a process of its own (aggregator/sql), which is given the records that it
 * reads and nothing else. What it says is foreign. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/answer/work.h"
#include "aggregator/sql/frame.h"
#include "aggregator/sql/process.h"
#include "common/message.h"
#include "common/records/page.h"

#define PROGRAM     "/proc/self/exe" /* this very program, also where another has taken its place on disk */

#define PAGE_MEMORY (8 * FRAME_MAX) /* what a page may unpack to */

enum { SQL_SELECT, SQL_FLOWS, SQL_FROM, SQL_TO, SQL_PARAMETER_COUNT };

static const struct parameter parameters[] = {
    [SQL_SELECT] = {.name = "select",
                    .type = PARAMETER_SELECT,
                    .help = "what is to be answered, of the views that the question views lists",
                    .positional = true,
                    .required = true},
    [SQL_FLOWS] = {.name = "flows",
                   .type = PARAMETER_FILTER,
                   .help =
                       "the view flow has these alone (with an address in it they are found by the index); without, "
                       "all",
                   .kind = RECORD_FLOW},
    [SQL_FROM] = {.name = "from", .type = PARAMETER_TIME, .help = "views have records alive at that moment or later"},
    [SQL_TO] = {.name = "to",
                .type = PARAMETER_TIME,
                .help = "views have records alive before that moment",
                .not_before = "from"}};

/* A place in the SELECT that reads a view. */
struct scan {
    bool open;
    struct store_reader *reader;
    struct record_kind kind; /* with the fields that are wanted, in `order` */
    uint16_t order[RECORDS_FIELDS_MAX];
    struct records *records; /* handed out by the store, and sent through row `at` */
    uint32_t at;
};

struct asking {
    struct work *work;
    struct store_snapshot *snapshot;
    struct sql_process process;
    struct frame_link link;
    struct scan scans[FRAME_SCANS_MAX];
    struct page_kind *kind; /* of the answer; NULL: its head has not come yet */
    uint64_t left;          /* rows that it may still have */
    bool too_large;         /* it is to be ended for that */
};

static bool go_on(void *context)
{
    struct asking *asking = context;
    asking->too_large = sql_process_is_larger(&asking->process, ANSWER_SQL_MEMORY_MIB);
    return !asking->too_large && !store_reader_is_interrupted(asking->work->reader);
}

/* DuckDB's own advice is about settings that nobody here has. */
static enum result too_large(struct error *err)
{
    return error_set(err, RESULT_AGAIN,
                     "the SELECT needs more than the %u MiB of memory it may have: narrow it with --from and --to, or "
                     "--flows, or group by less",
                     ANSWER_SQL_MEMORY_MIB);
}

/* ---- what it reads */

static void scan_end(struct scan *scan)
{
    store_reader_close(&scan->reader);
    records_free(&scan->records);
    *scan = (struct scan){0};
}

/* The fields that these are made of, and in which order they are sent. */
static void choose_fields(struct scan *scan, const struct frame_said *said, bool *ret_fields)
{
    scan->kind = *record_kinds[said->kind];
    scan->kind.order = scan->order;
    scan->kind.order_count = 0;
    for (unsigned f = 0; f < scan->kind.field_count; f++) {
        if (!said->fields[f])
            continue;
        scan->order[scan->kind.order_count++] = (uint16_t)f;
        kind_rests(record_kinds[said->kind], f, ret_fields);
    }
}

static enum result scan_begin(struct asking *asking, const struct frame_said *said, struct error *err)
{
    struct scan *scan = &asking->scans[said->scan];
    bool fields[RECORDS_FIELDS_MAX] = {false};
    struct work *work = asking->work;
    if (scan->open)
        return error_set(err, RESULT_REJECT, "a scan that is open is begun");
    choose_fields(scan, said, fields);
    const struct store_query query = {.kind = said->kind,
                                      .fields = fields,
                                      .filter =
                                          said->kind == RECORD_FLOW ? work_argument(work, SQL_FLOWS)->filter : NULL,
                                      .from_ns = work->coverage.from_ns,
                                      .to_ns = work->coverage.to_ns,
                                      .snapshot = asking->snapshot};
    enum result r = store_reader_open_beside(work->reader, &scan->reader, err);
    if (r == RESULT_OK)
        r = store_find(scan->reader, &query, err);
    scan->open = true;
    return r;
}

/* As many of its rows as a frame has room for. */
static enum result send_page(struct asking *asking, struct scan *scan, struct error *err)
{
    uint32_t count = scan->records->rows - scan->at;
    for (;; count /= 2) {
        struct page_view view;
        enum result r = page_view_init_as(&view, &scan->kind, scan->records, scan->at, count, err);
        if (r != RESULT_OK)
            return r;
        size_t length = pavo__page__get_packed_size(&view.message);
        uint8_t *bytes = length <= FRAME_MAX || count == 1 ? malloc(length + 1) : NULL;
        if (bytes != NULL) {
            pavo__page__pack(&view.message, bytes);
            r = frame_send(&asking->link, FRAME_PAGE, bytes, length, err);
            scan->at += count;
            free(bytes);
        }
        page_view_fini(&view);
        if (bytes != NULL)
            return r;
        if (length <= FRAME_MAX)
            return error_set(err, RESULT_AGAIN, "out of memory");
    }
}

static enum result scan_more(struct asking *asking, unsigned number, struct error *err)
{
    struct scan *scan = &asking->scans[number];
    enum result r = RESULT_OK;
    if (!scan->open)
        return error_set(err, RESULT_REJECT, "a scan that is not open is asked for more");
    if (scan->records == NULL || scan->at == scan->records->rows) {
        records_free(&scan->records);
        scan->at = 0;
        r = store_next(scan->reader, &scan->records, NULL, err);
    }
    if (r == RESULT_OK)
        return send_page(asking, scan, err);
    return r == RESULT_END ? frame_send(&asking->link, FRAME_LAST, "", 0, err) : r;
}

/* ---- what it answers */

static enum result take_head(struct asking *asking, const struct frame_said *said, struct error *err)
{
    if (asking->kind != NULL)
        return error_set(err, RESULT_REJECT, "two heads");
    Pavo__Head *head =
        (Pavo__Head *)message_unpack(&pavo__head__descriptor, said->bytes, said->length, MESSAGE_MEMORY_SMALL, err);
    if (head == NULL)
        return RESULT_REJECT;
    enum result r = page_kind_read(head, &asking->kind, err);
    pavo__head__free_unpacked(head, NULL);
    if (r == RESULT_OK)
        asking->work->columns = &asking->kind->kind;
    return r;
}

/* RESULT_END: there are more rows than an answer has. */
static enum result take_rows(struct asking *asking, const struct frame_said *said, struct error *err)
{
    struct records *rows;
    if (asking->kind == NULL)
        return error_set(err, RESULT_REJECT, "rows before their head");
    Pavo__Page *page =
        (Pavo__Page *)message_unpack(&pavo__page__descriptor, said->bytes, said->length, PAGE_MEMORY, err);
    if (page == NULL)
        return RESULT_REJECT;
    enum result r = page_read(asking->kind, page, &rows, err);
    pavo__page__free_unpacked(page, NULL);
    if (r != RESULT_OK)
        return r;
    uint32_t count = rows->rows < asking->left ? rows->rows : (uint32_t)asking->left;
    bool cut = count < rows->rows;
    asking->left -= count;
    r = work_send(asking->work, rows, count, err);
    records_free(&rows);
    if (r == RESULT_OK && cut)
        coverage_cut(&asking->work->coverage, ANSWER_ROWS_MAX);
    return r == RESULT_OK && cut ? RESULT_END : r;
}

static enum result refused(struct asking *asking, const struct frame_said *said, struct error *err)
{
    if (said->memory)
        return too_large(err);
    return work_blame(asking->work, SQL_SELECT,
                      error_set(err, RESULT_REJECT, "%.*s", (int)said->length, (const char *)said->bytes));
}

/* RESULT_END: it is answered. */
static enum result take(struct asking *asking, const struct frame *frame, struct error *err)
{
    struct frame_said said;
    enum result r = frame_said(frame, &said, err);
    if (r != RESULT_OK)
        return r;
    switch (said.type) {
    case FRAME_SCAN:
        return scan_begin(asking, &said, err);
    case FRAME_MORE:
        return scan_more(asking, said.scan, err);
    case FRAME_CLOSE:
        scan_end(&asking->scans[said.scan]);
        return RESULT_OK;
    case FRAME_HEAD:
        return take_head(asking, &said, err);
    case FRAME_ROWS:
        return take_rows(asking, &said, err);
    case FRAME_REFUSED:
        return refused(asking, &said, err);
    default: /* FRAME_DONE */
        return asking->kind != NULL ? RESULT_END : error_set(err, RESULT_REJECT, "an end without a head");
    }
}

/* ---- the whole */

static enum result ask(struct asking *asking, struct error *err)
{
    const char *select = work_argument(asking->work, SQL_SELECT)->text;
    const uint64_t memory = htole64((uint64_t)ANSWER_SQL_MEMORY_MIB << 20);
    const uint32_t seconds = htole32(ANSWER_SQL_SECONDS);
    size_t length = sizeof(memory) + sizeof(seconds) + strlen(select);
    uint8_t *body = malloc(length);
    if (body == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    memcpy(body, &memory, sizeof(memory));
    memcpy(body + sizeof(memory), &seconds, sizeof(seconds));
    memcpy(body + sizeof(memory) + sizeof(seconds), select, strlen(select));
    enum result r = frame_send(&asking->link, FRAME_ASK, body, length, err);
    free(body);
    return r;
}

/* Until the head is there, or all of the answer. */
static enum result converse(struct asking *asking, bool head, struct error *err)
{
    struct frame frame;
    enum result r = RESULT_OK;
    while (r == RESULT_OK && !(head && asking->kind != NULL)) {
        if (store_reader_is_interrupted(asking->work->reader)) /* also where it never makes us wait */
            return error_set(err, RESULT_AGAIN, "interrupted");
        r = frame_receive(&asking->link, &frame, err);
        if (r == RESULT_OK)
            r = take(asking, &frame, err);
    }
    if (asking->too_large)
        return too_large(err);
    if (!asking->link.gone)
        return r;
    sql_process_end(&asking->process, true, ANSWER_SQL_MEMORY_MIB, ANSWER_SQL_SECONDS, err);
    return RESULT_AGAIN;
}

static enum result begin(struct work *work, struct error *err)
{
    struct asking *asking = work->own = calloc(1, sizeof(*asking));
    if (asking == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    *asking = (struct asking){.work = work, .left = ANSWER_ROWS_MAX};
    work->coverage.from_ns = work_argument(work, SQL_FROM)->time;
    work->coverage.to_ns = work_argument(work, SQL_TO)->time;
    enum result r = store_snapshot_take(work->options->store, &asking->snapshot, err);
    if (r == RESULT_OK)
        r = sql_process_start(PROGRAM, &asking->process, err);
    asking->link = (struct frame_link){.socket = asking->process.socket, .go_on = go_on, .context = asking};
    if (r == RESULT_OK)
        r = ask(asking, err);
    return r == RESULT_OK ? converse(asking, true, err) : r;
}

static enum result run(struct work *work, struct error *err)
{
    enum result r = converse(work->own, false, err);
    return r == RESULT_END ? RESULT_OK : r;
}

static void end(struct work *work)
{
    struct asking *asking = work->own;
    if (asking == NULL)
        return;
    sql_process_end(&asking->process, false, 0, 0, NULL);
    for (unsigned i = 0; i < FRAME_SCANS_MAX; i++)
        scan_end(&asking->scans[i]);
    store_snapshot_release(&asking->snapshot);
    frame_link_fini(&asking->link);
    page_kind_free(&asking->kind);
    free(asking);
    work->own = NULL;
}

const struct question question_sql = {.name = "sql",
                                      .summary =
                                          "SQL: what a SELECT of the views comes to; the question views lists them.",
                                      .parameters = parameters,
                                      .parameter_count = SQL_PARAMETER_COUNT,
                                      .basis = QUESTION_OF_TRAFFIC,
                                      .time_max_ns = ANSWER_SQL_SECONDS * 1000000000ll,
                                      .at_once = ANSWER_SQL_AT_ONCE,
                                      .begin = begin,
                                      .run = run,
                                      .end = end};
