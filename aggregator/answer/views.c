/* SPDX-License-Identifier: Apache-2.0 */
/* views: what a SELECT may read, and how. */
#include "aggregator/sql/views.h"

#include <string.h>

#include "aggregator/answer/columns.h"
#include "aggregator/answer/work.h"
#include "common/nearest.h"

enum { VIEWS_NAME, VIEWS_PARAMETER_COUNT };
static const struct parameter parameters[] = {
    [VIEWS_NAME] = {.name = "name", .type = PARAMETER_TEXT, .help = "that view; without one, all", .positional = true}};

#define VIEWS_TABLE(X)                                                                                                 \
    X(view, TEXT, TEXT, NONE, "VIEW", "what stands behind FROM")                                                       \
    X(column, TEXT, TEXT, NONE, "COLUMN", "its name")                                                                  \
    X(type, TEXT, TEXT, NONE, "TYPE", "of DuckDB's SQL")                                                               \
    X(help, TEXT, TEXT, NONE, "HELP", "what it is")
struct views_row {
    VIEWS_TABLE(ANSWER_ROW_MEMBER)
};

static const struct record_kind *columns(void)
{
    static struct field fields[] = {
#define X(...) ANSWER_COLUMN(views_row, 0, __VA_ARGS__)
        VIEWS_TABLE(X)
#undef X
    };
    static struct answer_columns table = {.name = "views",
                                          .fields = fields,
                                          .count = sizeof(fields) / sizeof(*fields),
                                          .row_size = sizeof(struct views_row)};
    return answer_columns_kind(&table);
}

static enum result add_view(struct work *work, unsigned view, struct error *err)
{
    struct view_column scratch[VIEW_COLUMNS_MAX];
    struct sql_column column;
    enum result r = RESULT_OK;
    for (unsigned i = 0; r == RESULT_OK && sql_view_column(view, i, &column, scratch); i++) {
        const struct views_row row = {
            .view = sql_view_name(view), .column = column.name, .type = column.type, .help = column.help};
        r = work_add(work, &row, err);
    }
    return r;
}

static enum result run(struct work *work, struct error *err)
{
    const char *name = work_argument(work, VIEWS_NAME)->text;
    struct nearest nearest = {.word = name};
    enum result r = RESULT_OK;
    bool found = false;
    for (unsigned view = 0; view < SQL_VIEWS && r == RESULT_OK; view++) {
        if (name != NULL && strcmp(name, sql_view_name(view)) != 0) {
            nearest_try(&nearest, sql_view_name(view));
            continue;
        }
        found = true;
        r = add_view(work, view, err);
    }
    if (r != RESULT_OK || found)
        return r;
    return work_blame(
        work, VIEWS_NAME,
        nearest.name == NULL
            ? error_set(err, RESULT_REJECT, "there is no view '%.64s'; pavo views lists them", name)
            : error_set(err, RESULT_REJECT, "there is no view '%.64s'; did you mean '%s'?", name, nearest.name));
}

const struct question question_views = {.name = "views",
                                        .summary =
                                            "Views: what a SELECT (the question sql) may read, column by column.",
                                        .parameters = parameters,
                                        .parameter_count = VIEWS_PARAMETER_COUNT,
                                        .columns = columns,
                                        .run = run};
