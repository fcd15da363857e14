/* SPDX-License-Identifier: Apache-2.0 */
/* Several sockets of one interface, among which the kernel divides its packets: PACKET_FANOUT.
 *
 * What two addresses say to each other goes to one socket, so that each thread has whole flows: fragments, both
 * directions of a tunnel whatever its ports, a flow on two VLANs. An ICMP error goes with the packet it quotes. The
 * kernel's own hash is of no use for that: it takes ports, which a fragment does not have, and which a tunnel chooses
 * anew for each direction; to put fragments together first (PACKET_FANOUT_FLAG_DEFRAG) is to see other packets than
 * there were, or none where one is missing. The cost: a pair of hosts is one thread's, however much they have to say,
 * and so are all packets whose addresses the program cannot find (ARP, MPLS, LLC ...): the first thread's. */
#ifndef PAVO_SENSOR_CAPTURE_FANOUT_H
#define PAVO_SENSOR_CAPTURE_FANOUT_H

#include <stdint.h>

#include "common/result.h"

/* The first socket of a group (*group is 0) makes it, under a number that is nobody else's; by that the others come in.
 * What is in a socket already stays there, and until all are in, those that are get the packets of the others. */
MUST_CHECK enum result fanout_join(int fd, uint32_t *group, struct error *err);

#endif
