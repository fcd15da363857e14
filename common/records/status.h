/* SPDX-License-Identifier: Apache-2.0 */
/* Statuses: typed rows and columns of status_table.h. */
#ifndef PAVO_COMMON_RECORDS_STATUS_H
#define PAVO_COMMON_RECORDS_STATUS_H

#include "common/records/records.h"
#include "common/records/status_table.h"

struct status {
    STATUS_TABLE(RECORD_ROW_MEMBER)
};

struct status_interface {
    STATUS_INTERFACE_TABLE(RECORD_ROW_MEMBER)
};

struct status_dropped {
    STATUS_DROPPED_TABLE(RECORD_ROW_MEMBER)
};

/* Columns in the order of the fields, behind what all records have; the same object as its struct records. */
struct status_columns {
    RECORDS_HEAD;
    STATUS_TABLE(RECORD_COLUMN_MEMBER)
    STATUS_INTERFACE_TABLE(RECORD_COLUMN_MEMBER)
    STATUS_DROPPED_TABLE(RECORD_COLUMN_MEMBER)
};

enum status_field {
#define X(number, name, type, kind, merge, guard, doc) STATUS_FIELD_##name,
    STATUS_TABLE(X) STATUS_INTERFACE_TABLE(X) STATUS_DROPPED_TABLE(X)
#undef X
        STATUS_FIELD_COUNT
};

/* Lists, as records_add_item and records_items take them. */
enum { STATUS_INTERFACES, STATUS_DROPPED };

static inline struct status_columns *status_columns(const struct records *records)
{
    return (struct status_columns *)records;
}

#define STATUS_INTERFACES_MAX 1024u
#define STATUS_DROPPED_MAX    4096u

#endif
