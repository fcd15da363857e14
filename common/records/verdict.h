/* SPDX-License-Identifier: Apache-2.0 */
/* Verdicts: typed rows and columns of verdict_table.h. */
#ifndef PAVO_COMMON_RECORDS_VERDICT_H
#define PAVO_COMMON_RECORDS_VERDICT_H

#include "common/records/records.h"
#include "common/records/verdict_table.h"

struct verdict {
    VERDICT_TABLE(RECORD_ROW_MEMBER)
};

struct verdict_term {
    VERDICT_TERM_TABLE(RECORD_ROW_MEMBER)
};

/* Columns in the order of the fields, behind what all records have; the same object as its struct records. */
struct verdict_columns {
    RECORDS_HEAD;
    VERDICT_TABLE(RECORD_COLUMN_MEMBER)
    VERDICT_TERM_TABLE(RECORD_COLUMN_MEMBER)
};

enum verdict_field {
#define X(number, name, type, kind, merge, guard, doc) VERDICT_FIELD_##name,
    VERDICT_TABLE(X) VERDICT_TERM_TABLE(X)
#undef X
        VERDICT_FIELD_COUNT
};

/* Lists, as records_add_item and records_items take them. */
enum { VERDICT_TERMS };

static inline struct verdict_columns *verdict_columns(const struct records *records)
{
    return (struct verdict_columns *)records;
}

#define VERDICT_TERMS_MAX 24u
#define BOUNDARY_NAME_MAX SENSOR_NAME_MAX

/* Is the view linked with a partner? */
static inline bool verdict_is_linked(unsigned verdict)
{
    return verdict == VERDICT_TRANSLATED || verdict == VERDICT_FORWARDED || verdict == VERDICT_PROXIED;
}

extern const char *const verdict_words[VERDICT_COUNT];
extern const char *const verdict_method_words[METHOD_COUNT];

#endif
