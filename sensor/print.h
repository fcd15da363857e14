/* SPDX-License-Identifier: Apache-2.0 */
/* Records on standard output, for people (as Argus's `ra` does) and programs (one JSON object a line). */
#ifndef PAVO_SENSOR_PRINT_H
#define PAVO_SENSOR_PRINT_H

#include <stdio.h>

#include "common/records/flow.h"
#include "common/records/json.h"

/* The name of a file or an interface, which may have any bytes in it, as it may be shown: what is no UTF-8, or would
 * break a line or a terminal, becomes a question mark, and what is longer is cut. Returns `text`. */
#define PRINT_NAME_MAX 4352 /* a path, and an interface of a pcapng file */
const char *print_name(const char *name, char text[static PRINT_NAME_MAX]);

void print_header(FILE *out);
void print_flow(FILE *out, const struct flow_batch *flows, uint32_t row);

/* The row as common/records/json.h writes it, and behind that "interface_name": `interface` is the name of the flow's
 * interface or file, as print_name gives it. `json` is used for it, and may be used again. RESULT_FATAL: out of memory,
 * and nothing was written. */
MUST_CHECK enum result print_flow_json(FILE *out, struct json *json, const struct flow_batch *flows, uint32_t row,
                                       const char *interface);

#endif
