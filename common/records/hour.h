/* SPDX-License-Identifier: Apache-2.0 */
/* Hours: typed rows and columns of hour_table.h. */
#ifndef PAVO_COMMON_RECORDS_HOUR_H
#define PAVO_COMMON_RECORDS_HOUR_H

#include "common/clock.h"
#include "common/records/hour_table.h"
#include "common/records/records.h"

#define HOUR_NS (3600 * 1000000000ll)

struct hour {
    HOUR_TABLE(RECORD_ROW_MEMBER)
};

/* Columns in the order of the fields, behind what all records have; the same object as its struct records. */
struct hour_columns {
    RECORDS_HEAD;
    HOUR_TABLE(RECORD_COLUMN_MEMBER)
};

enum hour_field {
#define X(number, name, type, kind, merge, guard, doc) HOUR_FIELD_##name,
    HOUR_TABLE(X)
#undef X
        HOUR_FIELD_COUNT
};

static inline struct hour_columns *hour_columns(const struct records *records)
{
    return (struct hour_columns *)records;
}

/* Adds what another row of the same observer, hour and service has. */
static inline void hour_merge(struct hour *whole, const struct hour *more)
{
    whole->flows += more->flows;
    whole->src_packets += more->src_packets;
    whole->dst_packets += more->dst_packets;
    whole->src_bytes += more->src_bytes;
    whole->dst_bytes += more->dst_bytes;
}

/* The beginning of the hour of UTC that a time is in. */
static inline int64_t hour_of(int64_t time)
{
    return floor_ns(time, HOUR_NS);
}

#endif
