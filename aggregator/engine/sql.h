/* SPDX-License-Identifier: Apache-2.0 */
/* SQL text, built from numbers and names of our own; what a person typed enters it as a quoted literal alone. Pure. */
#ifndef PAVO_AGGREGATOR_ENGINE_SQL_H
#define PAVO_AGGREGATOR_ENGINE_SQL_H

#include <stdbool.h>
#include <stddef.h>

#include "common/filter/filter.h"
#include "common/records/flow.h"

/* Grows as it is written; out of memory sets `failed` and keeps what was there. */
struct sql {
    char *text; /* owned; NULL before the first sql_add */
    size_t length, capacity;
    bool failed;
};
void sql_add(struct sql *sql, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A text without control characters as a literal, with its quotes. */
void sql_text(struct sql *sql, const char *text);
void sql_clear(struct sql *sql);
void sql_fini(struct sql *sql);

/* The numbers the store knows its observers by. */
struct sql_observers {
    const struct observer *observers; /* index = number in the store */
    size_t count;
};

/* Appends the condition a filter stands for. One `host`-like leaf (either side) may be pinned to one of its sides,
 * because "src = X OR dst = X" defeats pruning: the caller then emits two arms, the second without what the first
 * has. sql_filter_pin finds such a leaf, or NULL. */
enum sql_arm { SQL_ARM_BOTH, SQL_ARM_SRC, SQL_ARM_DST_NOT_SRC };
const struct filter_node *sql_filter_pin(const struct filter_node *root);
void sql_filter(struct sql *sql, const struct filter *filter, const struct filter_node *pinned, enum sql_arm arm,
                const struct sql_observers *observers);

/* Sets the fields, of the kind's stored ones, that sql_filter's condition names. */
void sql_filter_fields(const struct filter_node *root, const struct record_kind *kind, bool *fields);

/* Appends "(src is the endpoint)" and the like; port 0: any. */
void sql_endpoint(struct sql *sql, const char *side, const struct endpoint *endpoint);

/* Appends a condition that selects the named flows by columns `observer` and `flow`; false when the store knows none of
 * the observers. */
void sql_names(struct sql *sql, const char *observer_column, const char *flow_column, const struct flow_name *names,
               size_t count, const struct sql_observers *observers);

#endif
