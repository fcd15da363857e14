/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence that survives a NAT: what two sensors, one on each side, both see of one connection.
 *
 * Digest of the first payload, each way. It covers
 *   the first min(64, n) bytes of the first payload of n > 0 bytes in that direction:
 *     TCP       the segment at initial sequence number + 1 (data in the SYN counts), so that what was lost or
 *               overtaken on the way does not change it; without a SYN there is none
 *     UDP       the datagram, by its own length, so that fragmentation does not change it
 *     ICMP      the data of an echo request or reply, without identifier and checksum, which NAT rewrites
 *     others    the bytes above IP (ESP, AH: with their header)
 *   and the protocol, with ICMPv6 read as ICMP.
 * Neither addresses, ports nor any other field a boundary may rewrite goes in. When not all of these bytes were
 * captured there is no digest, and its evidence bit says so. Segments of 64 bytes and more are the same whatever
 * offload or a tap makes of segment borders; of shorter ones only a sender that merges its retransmissions differs.
 *
 * The function is SipHash-2-4 (a keyed pseudorandom function of 64 bits, libsodium's crypto_shorthash), its key drawn
 * by BLAKE2b from the campus-wide digest key: without that key a digest tells nothing about the content, not even by
 * guessing it. */
#ifndef PAVO_SENSOR_METER_EVIDENCE_H
#define PAVO_SENSOR_METER_EVIDENCE_H

#include <stdint.h>

#include "common/keys.h"

#define EVIDENCE_CONTENT_MAX 64u

struct evidence_key {
    uint8_t bytes[16];
};

void evidence_key_make(const uint8_t digest_key[static KEY_BYTES], struct evidence_key *ret_key);

/* `length` at most EVIDENCE_CONTENT_MAX. */
uint64_t evidence_digest(const struct evidence_key *key, uint8_t protocol, const uint8_t *content, unsigned length);

/* What a TCP header's options say; `options` is foreign. */
struct tcp_options {
    uint64_t kinds;     /* of the first eight, first in the low byte */
    uint32_t timestamp; /* TSval */
    uint16_t mss;
    bool has_timestamp;
};
void evidence_tcp_options(const uint8_t *options, unsigned length, struct tcp_options *ret_options);

#endif
