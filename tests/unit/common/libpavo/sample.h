/* SPDX-License-Identifier: Apache-2.0 */
/* Records to try things with. */
#ifndef PAVO_TESTS_UNIT_COMMON_LIBPAVO_SAMPLE_H
#define PAVO_TESTS_UNIT_COMMON_LIBPAVO_SAMPLE_H

#include "common/records/records.h"

#define SAMPLE_TIME  1700000000123456789 /* 2023-11-14T22:13:20.123456789Z */
#define SAMPLE_EPOCH 77u

/* Two flows: numbers 10 * position and one more; to ports 22 and 443. */
struct records *sample_flows(uint64_t position);
/* A view of a connection through a NAT, linked, with two terms; and with `linked` false one without partner. */
struct records *sample_verdict(uint64_t flow, bool linked);
struct records *sample_loss(void);
struct records *sample_status(void);
/* Rows of any kind with random values, lists and texts. */
struct records *sample_random(const struct record_kind *kind, uint32_t rows, unsigned seed);

#endif
