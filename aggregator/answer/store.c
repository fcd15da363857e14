/* SPDX-License-Identifier: Apache-2.0 */
/* store: what the store holds, what it takes on disk, how far it has come with its own work; and whether all of it can
 * still be read. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "aggregator/answer/columns.h"
#include "aggregator/answer/work.h"

#define STORE_TABLE(X)                                                                                                 \
    X(part, TEXT, TEXT, NONE, "PART", "journal, hot (in the journal and not yet in segments) or segments")             \
    X(kind, TEXT, TEXT, SET, "KIND", "of record; unset: of any")                                                       \
    X(level, U32, COUNT, NONE, "LEVEL", "of segments: 0 as they were sealed, higher as they were merged")              \
    X(file, TEXT, TEXT, SET, "FILE", "of a check: the file, in the directory of the store")                            \
    X(files, U64, COUNT, NONE, "FILES", "how many, with those allocated ahead")                                        \
    X(records, U64, COUNT, NONE, "RECORDS", "in them")                                                                 \
    X(bytes, U64, BYTES, NONE, "BYTES", "on disk; of what is hot, in memory")                                          \
    X(index_bytes, U64, BYTES, NONE, "INDEX", "of those, what finds addresses")                                        \
    X(first, TIME, TIME, SET, "FROM", "the earliest of the records")                                                   \
    X(last, TIME, TIME, SET, "TO", "the latest")                                                                       \
    X(state, TEXT, TEXT, NONE, "STATE", "what is to be said of it")
struct store_row {
    STORE_TABLE(ANSWER_ROW_MEMBER)
};
enum { STORE_TABLE(ANSWER_ENUM_MEMBER) };

enum { STORE_WHAT };
static const char *const whats[] = {"sizes", "check"};
enum { WHAT_SIZES, WHAT_CHECK };
static const struct parameter parameters[] = {
    {.name = "what",
     .type = PARAMETER_WORD,
     .help = "sizes; or check: read everything, and say of each file whether it is as it was written",
     .fallback = "sizes",
     .positional = true,
     .words = whats,
     .word_count = sizeof(whats) / sizeof(*whats)},
};

static const struct record_kind *columns(void)
{
    static struct field fields[] = {
#define X(...) ANSWER_COLUMN(store_row, 0, __VA_ARGS__)
        STORE_TABLE(X)
#undef X
    };
    static struct answer_columns table = {.name = "store",
                                          .fields = fields,
                                          .count = sizeof(fields) / sizeof(*fields),
                                          .row_size = sizeof(struct store_row)};
    return answer_columns_kind(&table);
}

/* ---- sizes */

static enum result add_journal(struct work *work, const struct store_health *h, struct error *err)
{
    char state[128];
    snprintf(state, sizeof(state), "positions %" PRIu64 " to %" PRIu64, h->journal_first, h->journal_last);
    const struct store_row row = {
        .part = "journal", .files = h->journal_files, .bytes = h->journal_bytes, .state = state};
    return work_add(work, &row, err);
}

static enum result add_hot(struct work *work, const struct store_health *h, struct error *err)
{
    char state[160];
    snprintf(state, sizeof(state),
             "sealed through position %" PRIu64 "; %" PRIu64 " sealings and %" PRIu64
             " merges since the start, the last sealing took %.1f s",
             h->sealed_through, h->sealings, h->compactions, (double)h->sealed_ns / 1e9);
    const struct store_row row = {.part = "hot", .records = h->hot_rows, .bytes = h->hot_bytes, .state = state};
    return work_add(work, &row, err);
}

static enum result add_parts(struct work *work, struct error *err)
{
    struct store_part *parts;
    size_t count;
    enum result r = store_parts(work->options->store, &parts, &count, err);
    if (r != RESULT_OK)
        return r;
    for (size_t i = 0; i < count && r == RESULT_OK; i++) {
        const struct store_part *p = &parts[i];
        const struct store_row row = {.part = "segments",
                                      .kind = record_kinds[p->kind]->name,
                                      .level = p->level,
                                      .files = p->files,
                                      .records = p->rows,
                                      .bytes = p->bytes,
                                      .index_bytes = p->index_bytes,
                                      .first = p->first_ns,
                                      .last = p->last_ns,
                                      .state = ""};
        r = work_add(work, &row, err);
    }
    free(parts);
    return r;
}

static enum result sizes(struct work *work, struct error *err)
{
    struct store_health h;
    store_health(work->options->store, &h);
    enum result r = add_journal(work, &h, err);
    if (r == RESULT_OK)
        r = add_hot(work, &h, err);
    if (r == RESULT_OK)
        r = add_parts(work, err);
    if (h.trouble[0] != '\0') {
        struct coverage_gap gap = {.kind = PAVO__GAP__KIND__STATE, .unit = ""};
        snprintf(gap.reason, sizeof(gap.reason), "%s", h.trouble);
        coverage_gap(&work->coverage, &gap);
    }
    return r;
}

/* ---- check */

static enum result add_checked(void *context, const struct store_checked *c, struct error *err)
{
    struct work *work = context;
    bool timed = c->first_ns <= c->last_ns;
    const struct store_row row = {.part = c->kind < 0 ? "journal" : "segments",
                                  .kind = c->kind < 0 ? NULL : record_kinds[c->kind]->name,
                                  .file = c->file,
                                  .files = 1,
                                  .records = c->records,
                                  .bytes = c->bytes,
                                  .first = timed ? c->first_ns : 0,
                                  .last = timed ? c->last_ns : 0,
                                  .state = c->damage[0] == '\0' ? "good" : c->damage};
    return work_add(work, &row, err);
}

static enum result run(struct work *work, struct error *err)
{
    return work_argument(work, STORE_WHAT)->number == WHAT_CHECK ? store_check(work->reader, add_checked, work, err)
                                                                 : sizes(work, err);
}

const struct question question_store = {
    .name = "store",
    .summary = "Store: what it holds, what that takes, how far sealing has come; or a check of every file.",
    .parameters = parameters,
    .parameter_count = sizeof(parameters) / sizeof(*parameters),
    .columns = columns,
    .basis = QUESTION_OF_SPEECH,
    .time_max_ns = 3600ll * 1000000000,
    .run = run};
