/* SPDX-License-Identifier: Apache-2.0 */
/* Two records of one thing as one, by the rules in the kind's table: the reports of a flow become its whole. Pure. */
#ifndef PAVO_COMMON_RECORDS_MERGE_H
#define PAVO_COMMON_RECORDS_MERGE_H

#include "common/records/flow.h"

/* `report` into `whole`, in any order of reports. Where the sensor learned between two reports which end began, the
 * earlier is turned round first. */
void flow_merge(struct flow *whole, const struct flow *report);

#endif
