/* SPDX-License-Identifier: Apache-2.0 */
/* Records on standard output, for people (as Argus's `ra` does) and programs (one JSON object a line). Names are of
 * files and interfaces, with any bytes in them: what is no UTF-8, or would break a line or a terminal, becomes a
 * question mark. */
#ifndef PAVO_SENSOR_PRINT_H
#define PAVO_SENSOR_PRINT_H

#include <stdbool.h>
#include <stdio.h>

#include "common/flow.h"

void print_header(FILE *out);
void print_name(FILE *out, const char *name, bool json);

/* `interface` is the name of the flow's interface or file; JSON alone has it, as "interface_name". */
void print_flow(FILE *out, const struct flow *flow, const struct observer *observer, const char *interface, bool json);

#endif
