/* SPDX-License-Identifier: Apache-2.0 */
/* Words for people: numbers, spans, addresses, why two views are one connection. */
#ifndef PAVO_AGGREGATOR_CLI_SHOW_H
#define PAVO_AGGREGATOR_CLI_SHOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/flow.h"
#include "pavo.pb-c.h"

#define SHOW_MAX 96

/* All write into `text` and return it. */
const char *show_number(uint64_t value, char text[static SHOW_MAX]); /* "17" */
const char *show_count(uint64_t value, char text[static SHOW_MAX]);  /* "1,234,567" */
const char *show_bytes(uint64_t bytes, char text[static SHOW_MAX]);  /* "900 B", "1.5 kB", "2.0 MB" (powers of 1000) */
const char *show_span(int64_t ns, char text[static SHOW_MAX]);       /* "0.4 ms", "2.5 s", "3 h 04 min" */
const char *show_endpoint(const Pavo__Endpoint *endpoint, char text[static SHOW_MAX]); /* "10.0.0.1:80"; "?" */

/* "12 packets", "300 records" with what took them: "12 packets in the kernel's buffer". */
const char *show_loss(const Pavo__Loss *loss, char *text, size_t size);

/* "both sequence numbers", "payload digests and time" ... */
const char *show_method(Pavo__Link__Method method);

/* "src isn, dst isn, peer". */
const char *show_evidence(uint32_t bits, char *text, size_t size);

bool endpoint_equal(const Pavo__Endpoint *a, const Pavo__Endpoint *b);

#endif
