/* SPDX-License-Identifier: Apache-2.0 */
/* Bindings: typed rows and columns of binding_table.h. */
#ifndef PAVO_COMMON_RECORDS_BINDING_H
#define PAVO_COMMON_RECORDS_BINDING_H

#include "common/records/binding_table.h"
#include "common/records/records.h"

struct binding {
    BINDING_TABLE(RECORD_ROW_MEMBER)
};

/* Columns in the order of the fields, behind what all records have; the same object as its struct records. */
struct binding_columns {
    RECORDS_HEAD;
    BINDING_TABLE(RECORD_COLUMN_MEMBER)
};

enum binding_field {
#define X(number, name, type, kind, merge, guard, doc) BINDING_FIELD_##name,
    BINDING_TABLE(X)
#undef X
        BINDING_FIELD_COUNT
};

static inline struct binding_columns *binding_columns(const struct records *records)
{
    return (struct binding_columns *)records;
}

#endif
