/* SPDX-License-Identifier: Apache-2.0 */
/* What a pasted line or mail names: an address, its port, a time and a protocol, in the words of abuse reports, of
 * fail2ban, Apache, syslog and packet filters, of CSV, and of ARF (RFC 5965, with RFC 6692's Source-Port).
 *
 *   203.0.113.5 port 40312 at 2026-11-23 20:36:40 +0100
 *   [25/Nov/2026:20:36:40 +0000] 203.0.113.5:40312 "GET / HTTP/1.1"
 *   Nov 25 20:36:40 host kernel: DROP SRC=203.0.113.5 DST=198.51.100.9 PROTO=TCP SPT=40312 DPT=22
 *   Source-IP: 203.0.113.5 / Source-Port: 40312 / Received-Date: Wed, 25 Nov 2026 20:36:40 +0100 (lines of a mail)
 *
 * Of several addresses the one that is called the source is meant, and of several times the one that is called so;
 * where neither is, or two are, it is asked back, with what was understood. */
#ifndef PAVO_COMMON_PASTED_H
#define PAVO_COMMON_PASTED_H

#include "common/address.h"
#include "common/when.h"

#define PASTED_MAX 16384u /* bytes of a text */

struct pasted {
    struct address address;
    uint16_t port;    /* 0: not named */
    uint8_t protocol; /* 0: not named */
    bool timed;
    bool zoned; /* the time says its zone; otherwise it was taken as local */
    struct when at;
};

/* RESULT_REJECT with a sentence: no address, or what could be several things. `here` as in when.h; not NULL. Pure but
 * for the zone, as when_parse. */
MUST_CHECK enum result pasted_parse(const char *text, const struct when_here *here, struct pasted *ret_pasted,
                                    struct error *err);

/* "203.0.113.5:40312, tcp, at 2026-11-25T20:36:40Z (local, for it says no zone)". Returns `text`. */
#define PASTED_TEXT_MAX 256
const char *pasted_text(const struct pasted *pasted, char text[static PASTED_TEXT_MAX]);

#endif
