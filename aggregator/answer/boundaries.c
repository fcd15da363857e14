/* SPDX-License-Identifier: Apache-2.0 */
/* boundaries: what was concluded at each, and what waits. */
#include "aggregator/answer/columns.h"
#include "aggregator/answer/work.h"
#include "aggregator/commit.h"
#include "common/records/verdict.h"

#define BOUNDARIES_TABLE(X)                                                                                            \
    X(boundary, TEXT, TEXT, NONE, "BOUNDARY", "its name")                                                              \
    X(inside, TEXT, TEXT, NONE, "INSIDE", "the sensor inside")                                                         \
    X(outside, TEXT, TEXT, NONE, "OUTSIDE", "the sensor outside")                                                      \
    X(linked, U64, COUNT, NONE, "LINKED", "pairs of views that were linked")                                           \
    X(waiting, U64, COUNT, NONE, "WAITING", "views that wait for their partner")                                       \
    X(verdicts, U16, LIST, NONE, "VERDICTS", "all that were given since the store began, by verdict")
#define COUNT_TABLE(X)                                                                                                 \
    X(verdicts_verdict, U8, WORD, NONE, NULL, NULL)                                                                    \
    X(verdicts_count, U64, COUNT, NONE, NULL, "how many")

struct boundaries_row {
    BOUNDARIES_TABLE(ANSWER_ROW_MEMBER)
};
struct count_item {
    COUNT_TABLE(ANSWER_ROW_MEMBER)
};
enum { BOUNDARIES_TABLE(ANSWER_ENUM_MEMBER) COUNT_TABLE(ANSWER_ENUM_MEMBER) };

static const struct record_kind *columns(void)
{
    static struct field fields[] = {
#define X(...) ANSWER_COLUMN(boundaries_row, 0, __VA_ARGS__)
        BOUNDARIES_TABLE(X)
#undef X
#define X(...) ANSWER_COLUMN(count_item, 1, __VA_ARGS__)
            COUNT_TABLE(X)
#undef X
    };
    static const struct record_list lists[] = {{.name = "verdicts",
                                                .prefix = "verdicts_",
                                                .count = COLUMN_verdicts,
                                                .first = COLUMN_verdicts_verdict,
                                                .last = COLUMN_verdicts_count,
                                                .items_max = VERDICT_COUNT,
                                                .size = sizeof(struct count_item)}};
    static struct answer_columns table = {.name = "boundaries",
                                          .fields = fields,
                                          .count = sizeof(fields) / sizeof(*fields),
                                          .row_size = sizeof(struct boundaries_row),
                                          .lists = lists,
                                          .list_count = 1};
    return answer_columns_kind(&table);
}

static enum result run(struct work *work, struct error *err)
{
    struct committer_boundary boundary;
    enum result r = RESULT_OK;
    for (size_t n = 0; r == RESULT_OK && committer_boundary(work->options->committer, n, &boundary); n++) {
        uint64_t counts[VERDICT_COUNT];
        store_boundary_counts(work->options->store, boundary.name, counts);
        struct boundaries_row row = {.boundary = boundary.name,
                                     .inside = boundary.inside,
                                     .outside = boundary.outside,
                                     .waiting = boundary.waiting};
        for (unsigned verdict = 0; verdict < VERDICT_COUNT; verdict++)
            row.linked += verdict_is_linked(verdict) ? counts[verdict] : 0;
        r = work_add(work, &row, err);
        for (unsigned verdict = 0; verdict < VERDICT_COUNT && r == RESULT_OK; verdict++) {
            const struct count_item item = {(uint8_t)verdict, counts[verdict]};
            if (item.verdicts_count > 0)
                r = work_add_item(work, 0, &item, err);
        }
    }
    return r;
}

const struct question question_boundaries = {
    .name = "boundaries",
    .summary = "Boundaries: how many views were linked at each, how many wait, and what became of the rest.",
    .columns = columns,
    .run = run};
