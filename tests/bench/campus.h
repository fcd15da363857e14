/* SPDX-License-Identifier: Apache-2.0 */
/* Flows as a campus has them, for benchmarks that need many at once: hosts that talk a lot and many that talk little,
 * TCP with its evidence, UDP with less, both sides' counters. The same in every run. One thread. */
#ifndef PAVO_TESTS_BENCH_CAMPUS_H
#define PAVO_TESTS_BENCH_CAMPUS_H

#include "common/records/flow.h"

uint64_t campus_draw(void);
/* Of 0 .. count - 1 by a power law: 0 most often. */
uint32_t campus_popular(uint32_t count);
/* As a sensor inside sees it; 15 % IPv6. It has no observer. */
struct flow campus_flow(uint64_t number, int64_t at_ns);

#endif
