/* SPDX-License-Identifier: Apache-2.0 */
/* Records on standard output, for people (as Argus's `ra` does) and programs (one JSON object a line). */
#ifndef PAVO_SENSOR_PRINT_H
#define PAVO_SENSOR_PRINT_H

#include <stdbool.h>
#include <stdio.h>

#include "common/flow.h"

void print_header(FILE *out);
void print_flow(FILE *out, const struct flow *flow, const struct observer *observer, bool json);

#endif
