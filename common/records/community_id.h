/* SPDX-License-Identifier: Apache-2.0 */
/* Community ID, version 1, seed 0: the published flow hash (github.com/corelight/community-id-spec) by which Zeek,
 * Suricata, Arkime and others name the same connection. Pure; any thread. */
#ifndef PAVO_COMMON_COMMUNITY_ID_H
#define PAVO_COMMON_COMMUNITY_ID_H

#include <stdbool.h>

#include "common/records/flow.h"

/* "1:" and 28 characters of base64 need 31 with the NUL. */
#define COMMUNITY_ID_MAX 48

/* Writes "1:..." of the flow's tuple; both directions of a connection have the same one. TCP, UDP and SCTP go in with
 * their ports, ICMP and ICMPv6 with type and code (or the type of the answer, where there is one) as the specification
 * says, every other protocol with its addresses alone. False, and `text` is empty, for a flow that is not IP
 * (protocol 0) or whose ends are of different families: the specification has no hash for it. */
bool community_id(const struct flow *flow, char text[static COMMUNITY_ID_MAX]);

/* Of ICMP (protocol 1) or ICMPv6: the type that answers `type`, or that it answers. -1: none does. */
int icmp_type_pair(unsigned protocol, unsigned type);

#endif
