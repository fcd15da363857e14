/* SPDX-License-Identifier: Apache-2.0 */
/* Inside when.c: a text to the parts that are written there, before anybody asks which moment that is. Pure. */
#ifndef PAVO_COMMON_WHEN_READ_H
#define PAVO_COMMON_WHEN_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/result.h"

enum when_part {
    WHEN_DATE,    /* month and day; the year is a part of its own, logs leave it out */
    WHEN_YEAR,    /* year */
    WHEN_DAYS,    /* days_ago: today, yesterday */
    WHEN_WEEKDAY, /* weekday */
    WHEN_TIME,    /* hour (up to 24), minute, second, fraction_ns, precision_ns */
    WHEN_HALF,    /* am or pm: of the time, already taken into account */
    WHEN_OFFSET,  /* offset_s */
    WHEN_ZONE,    /* zone: a name of tzdata, or of what clocks call theirs */
    WHEN_EPOCH,   /* moment_ns, precision_ns; alone */
    WHEN_AGO,     /* moment_ns before now; alone */
    WHEN_PARTS
};

#define WHEN_ZONE_MAX 64

struct when_read {
    unsigned has;          /* bits: 1 << enum when_part */
    size_t at[WHEN_PARTS]; /* where each begins, bytes */
    int year, month, day;  /* month and day from 1; a day that the month has, in that year or any */
    int weekday;           /* 0: Sunday */
    int days_ago;
    int hour, minute, second;
    int64_t fraction_ns, precision_ns;
    int64_t offset_s; /* east of UTC */
    char zone[WHEN_ZONE_MAX];
    int64_t moment_ns;
};

static inline bool when_has(const struct when_read *read, enum when_part part)
{
    return (read->has >> part & 1) != 0;
}

/* Days of a month from 1 to 12. */
int when_month_days(int year, int month);

/* RESULT_REJECT as of when_parse. */
MUST_CHECK enum result when_read(const char *text, struct when_read *ret_read, size_t *ret_offset, struct error *err);

#endif
