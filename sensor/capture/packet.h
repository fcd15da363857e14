/* SPDX-License-Identifier: Apache-2.0 */
/* A captured packet, as capture hands it to decode. */
#ifndef PAVO_SENSOR_CAPTURE_PACKET_H
#define PAVO_SENSOR_CAPTURE_PACKET_H

#include <stdint.h>

/* Link types by the numbers that capture files carry (tcpdump.org/linktypes.html); live captures are mapped to them. */
enum link_type {
    LINK_NULL = 0,
    LINK_ETHERNET = 1,
    LINK_PPP = 9,
    LINK_RAW_BSD = 12, /* raw IP as some files have it, which carry a system's own number */
    LINK_RAW_OPENBSD = 14,
    LINK_PPP_HDLC = 50,
    LINK_PPPOE = 51,
    LINK_RAW = 101,
    LINK_CHDLC = 104,
    LINK_LOOP = 108,
    LINK_LINUX_SLL = 113,
    LINK_PPP_PPPD = 166,     /* the direction in place of the address byte */
    LINK_PPP_WITH_DIR = 204, /* the direction before it */
    LINK_IPV4 = 228,
    LINK_IPV6 = 229,
    LINK_LINUX_SLL2 = 276,
};

struct packet {
    const uint8_t *data; /* borrowed from the capture until it is asked for more */
    uint32_t captured;   /* bytes at `data` */
    uint32_t length;     /* bytes on the wire; at least `captured` */
    int64_t time_ns;
    uint16_t interface; /* index among the capture's sources */
    uint16_t link_type; /* enum link_type */
};

#endif
