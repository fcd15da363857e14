/* SPDX-License-Identifier: Apache-2.0 */
/* The words of `pavo nat`: what a link says of the address that was asked about. Pure. */
#ifndef PAVO_AGGREGATOR_CLI_NAT_H
#define PAVO_AGGREGATOR_CLI_NAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aggregator/cli/views.h"
#include "common/address.h"
#include "pavo.pb-c.h"

/* "203.0.113.5:40312 was 10.0.1.17:51544, talking to 198.51.100.9:443". `port` 0: any was asked about. Returns `text`.
 */
const char *nat_sentence(const Pavo__NatBinding *binding, struct address address, uint16_t port, char *text,
                         size_t size);

/* Why a view has no partner, in a sentence; `reason` as in proto Unlinked, NULL: none was given. */
const char *nat_unlinked_reason(const char *reason);

#endif
