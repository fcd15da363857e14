/* SPDX-License-Identifier: Apache-2.0 */
/* What the tables of the kinds are made of beside their fields. Inside common/records. */
#ifndef PAVO_COMMON_RECORDS_KINDS_H
#define PAVO_COMMON_RECORDS_KINDS_H

#include "common/records/records.h"

/* flow.c */
void flow_guard(const struct records *records, enum field_guard guard, uint32_t first, uint32_t count, uint8_t *says);
bool flow_duration(const struct records *records, uint32_t row, uint64_t *ret_value, char *text);
bool flow_community_id(const struct records *records, uint32_t row, uint64_t *ret_value, char *text);

#endif
