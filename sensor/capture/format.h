/* SPDX-License-Identifier: Apache-2.0 */
/* Capture file formats: bytes in, packets out.
 *
 * pcap in both byte orders, with micro- and nanoseconds, and pcapng with any number of sections and interfaces, each
 * with its own link type and time resolution (libpcap refuses files whose interfaces differ in link type). Pure: no
 * I/O. All bytes are foreign and are read through common/cursor.h. docs/decisions has what libpcap's own reader costs.
 */
#ifndef PAVO_SENSOR_CAPTURE_FORMAT_H
#define PAVO_SENSOR_CAPTURE_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/result.h"
#include "sensor/capture/packet.h"

#define FORMAT_RECORD_MAX     (16u << 20) /* bytes of one record or block; more is taken for a broken file */
#define FORMAT_INTERFACES_MAX 1024u       /* of one pcapng section */

enum format_kind { FORMAT_UNKNOWN, FORMAT_PCAP, FORMAT_PCAPNG };

#define FORMAT_NAME_MAX 32u /* of an interface's name that is kept, with the NUL */

/* What was lost before the file was written, says the file. */
struct format_drops {
    uint64_t kernel, interface; /* isb_osdrop, isb_ifdrop */
};

struct format_interface {
    uint16_t link_type;
    uint32_t snaplen; /* 0: none */
    bool binary;      /* time units of 2^-exponent seconds, else 10^-exponent */
    uint8_t exponent;
    int64_t offset_s;
    char name[FORMAT_NAME_MAX]; /* printable ASCII; "": the file names none */
    struct format_drops drops;
};

struct format {
    enum format_kind kind;
    bool swapped;                        /* big-endian */
    bool nanoseconds;                    /* pcap */
    uint8_t record_header;               /* pcap: 16, or 24 in "modified" files */
    uint16_t link_type;                  /* of the file, or of the packet before */
    uint64_t packets;                    /* handed out so far */
    int64_t first_time_ns, last_time_ns; /* of these, in the file's order */
    struct format_drops drops_before;    /* in sections that are over, of all their interfaces */
    struct format_interface *interfaces; /* owned; pcapng */
    uint32_t interface_count;
};

void format_init(struct format *f);
void format_fini(struct format *f);

/* The next packet in `bytes`, which begin where the last call's *ret_used ended. ret_packet->interface is the number of
 * the interface within the file.
 * RESULT_OK: a packet, pointing into `bytes`. RESULT_AGAIN: none yet, come again with what follows *ret_used, at least
 * *ret_need bytes of it. RESULT_REJECT: the file is broken here; packets so far were good. */
MUST_CHECK enum result format_next(struct format *f, const uint8_t *bytes, size_t length, size_t *ret_used,
                                   size_t *ret_need, struct packet *ret_packet, struct error *err);

#endif
