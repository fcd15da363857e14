/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts: typed rows and columns of alert_table.h. */
#ifndef PAVO_COMMON_RECORDS_ALERT_H
#define PAVO_COMMON_RECORDS_ALERT_H

#include "common/records/alert_table.h"
#include "common/records/records.h"

struct alert {
    ALERT_TABLE(RECORD_ROW_MEMBER)
};

struct alert_flow {
    ALERT_FLOW_TABLE(RECORD_ROW_MEMBER)
};

/* Columns in the order of the fields, behind what all records have; the same object as its struct records. */
struct alert_columns {
    RECORDS_HEAD;
    ALERT_TABLE(RECORD_COLUMN_MEMBER)
    ALERT_FLOW_TABLE(RECORD_COLUMN_MEMBER)
};

enum alert_field {
#define X(number, name, type, kind, merge, guard, doc) ALERT_FIELD_##name,
    ALERT_TABLE(X) ALERT_FLOW_TABLE(X)
#undef X
        ALERT_FIELD_COUNT
};

/* Lists, as records_add_item and records_items take them. */
enum { ALERT_FLOWS };

static inline struct alert_columns *alert_columns(const struct records *records)
{
    return (struct alert_columns *)records;
}

#define ALERT_FLOWS_MAX 1024u

#endif
