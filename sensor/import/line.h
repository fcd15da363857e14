/* SPDX-License-Identifier: Apache-2.0 */
/* Archives of other tools as text: a line with the names of columns, then a line a flow. Pure; foreign bytes come in.
 *
 *   nfdump  `nfdump -r FILE -o csv` (1.6 and 1.7)
 *   argus   `ra -r FILE -nn -u -c,` with -s and any of stime ltime dur proto saddr sport daddr dport spkts dpkts pkts
 *           sbytes dbytes bytes state stos dtos; also with tabs, as .binetflow files are
 *   zeek    conn.log, tab-separated with its #fields
 *
 * A column that has no place in a flow is passed over. A field that no column has, or whose value this line does not
 * have, is not known, which is not zero: `unknown` says so, as an observer's does (common/records/records.h). Times
 * without a zone are local (TZ), as the tools print them. */
#ifndef PAVO_SENSOR_IMPORT_LINE_H
#define PAVO_SENSOR_IMPORT_LINE_H

#include "common/records/flow.h"

#define IMPORT_FORMATS(X) X(NFDUMP, nfdump) X(ARGUS, argus) X(ZEEK, zeek)
enum import_format {
#define X(name, word) IMPORT_##name,
    IMPORT_FORMATS(X)
#undef X
        IMPORT_FORMAT_COUNT
};
extern const char *const import_format_names[IMPORT_FORMAT_COUNT];

#define IMPORT_COLUMNS_MAX 128u
#define IMPORT_LINE_MAX    65536u

/* What stands where in a line. */
struct import_layout {
    enum import_format format;
    bool begun, ended; /* the names of columns came; a summary came, and nothing more is a flow */
    char separator;
    size_t count;
    uint8_t columns[IMPORT_COLUMNS_MAX]; /* by place: what it is */
};

/* A line without its end; it is changed. RESULT_OK: a flow. RESULT_END: none, as names, comments, summaries, and an
 * Argus management record are. RESULT_REJECT: it cannot be read, and the sentence says what of it. */
MUST_CHECK enum result import_line(struct import_layout *layout, char *line, struct flow *ret_flow,
                                   uint64_t ret_unknown[static 2], struct error *err);

#endif
