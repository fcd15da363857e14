/* SPDX-License-Identifier: Apache-2.0 */
/* Losses: typed rows and columns of loss_table.h. */
#ifndef PAVO_COMMON_RECORDS_LOSS_H
#define PAVO_COMMON_RECORDS_LOSS_H

#include "common/records/loss_table.h"
#include "common/records/records.h"

struct loss {
    LOSS_TABLE(RECORD_ROW_MEMBER)
};

/* Columns in the order of the fields, behind what all records have; the same object as its struct records. */
struct loss_columns {
    RECORDS_HEAD;
    LOSS_TABLE(RECORD_COLUMN_MEMBER)
};

enum loss_field {
#define X(number, name, type, kind, merge, guard, doc) LOSS_FIELD_##name,
    LOSS_TABLE(X)
#undef X
        LOSS_FIELD_COUNT
};

static inline struct loss_columns *loss_columns(const struct records *records)
{
    return (struct loss_columns *)records;
}

const char *loss_kind_text(unsigned kind); /* "packets in the kernel's capture buffer" */
const char *loss_kind_unit(unsigned kind); /* "packets", "records"; "" */
/* Of records in the books of who says it. */
static inline bool loss_kind_is_of_records(unsigned kind)
{
    return kind == LOSS_RECORDS_SPOOL || kind == LOSS_RECORDS_REJECTED;
}

#endif
