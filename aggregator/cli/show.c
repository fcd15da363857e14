/* SPDX-License-Identifier: Apache-2.0 */
/* Values as people read them. */
#include "aggregator/cli/show.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/address.h"
#include "common/clock.h"
#include "common/libpavo/message_json.h"

const char *show_number(uint64_t value, char text[static SHOW_MAX])
{
    snprintf(text, SHOW_MAX, "%" PRIu64, value);
    return text;
}

const char *show_count(uint64_t value, char text[static SHOW_MAX])
{
    char digits[32];
    size_t length = (size_t)snprintf(digits, sizeof(digits), "%" PRIu64, value), used = 0;
    for (size_t i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            text[used++] = ',';
        text[used++] = digits[i];
    }
    text[used] = '\0';
    return text;
}

const char *show_bytes(uint64_t bytes, char text[static SHOW_MAX])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    double value = (double)bytes;
    unsigned unit = 0;
    while (value >= 999.95 && unit + 1 < sizeof(units) / sizeof(*units)) {
        value /= 1000;
        unit++;
    }
    snprintf(text, SHOW_MAX, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
    return text;
}

const char *show_span(int64_t ns, char text[static SHOW_MAX])
{
    const char *sign = ns < 0 ? "-" : "";
    uint64_t size = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    double seconds = (double)size / NS_PER_S;
    if (size == 0)
        snprintf(text, SHOW_MAX, "0 s");
    else if (seconds < 0.0009995)
        snprintf(text, SHOW_MAX, "%s%.3g us", sign, seconds * 1e6);
    else if (seconds < 0.9995)
        snprintf(text, SHOW_MAX, "%s%.3g ms", sign, seconds * 1e3);
    else if (seconds < 99.95)
        snprintf(text, SHOW_MAX, "%s%.1f s", sign, seconds);
    else if (seconds < 3600)
        snprintf(text, SHOW_MAX, "%s%.0f min %02d s", sign, (double)((int)seconds / 60), (int)seconds % 60);
    else if (seconds < 86400 * 2)
        snprintf(text, SHOW_MAX, "%s%d h %02d min", sign, (int)(seconds / 3600), (int)(seconds / 60) % 60);
    else
        snprintf(text, SHOW_MAX, "%s%.1f d", sign, seconds / 86400);
    return text;
}

const char *show_endpoint(const Pavo__Endpoint *endpoint, char text[static SHOW_MAX])
{
    _Static_assert(SHOW_MAX >= ADDRESS_TEXT_MAX, "an endpoint fits");
    if (endpoint == NULL || endpoint->address.len != 16)
        return strcpy(text, "?");
    return address_port_text(address_from_bytes(endpoint->address.data), (uint16_t)endpoint->port, text);
}

bool endpoint_equal(const Pavo__Endpoint *a, const Pavo__Endpoint *b)
{
    return a != NULL && b != NULL && a->address.len == 16 && b->address.len == 16 && a->port == b->port &&
           memcmp(a->address.data, b->address.data, 16) == 0;
}

const char *show_loss(const Pavo__Loss *loss, char *text, size_t size)
{
    static const char *const what[] = {
        [PAVO__LOSS__KIND__UNKNOWN] = "of something",
        [PAVO__LOSS__KIND__PACKETS_KERNEL] = "packets in the kernel's capture buffer",
        [PAVO__LOSS__KIND__PACKETS_INTERFACE] = "packets in the interface or its driver",
        [PAVO__LOSS__KIND__RECORDS_SPOOL] = "flow records that its buffer had no room for",
        [PAVO__LOSS__KIND__RECORDS_REJECTED] = "flow records that the aggregator refused",
    };
    char count[SHOW_MAX];
    size_t kind = (size_t)loss->kind < sizeof(what) / sizeof(*what) ? (size_t)loss->kind : 0;
    snprintf(text, size, "%s %s%s%s", show_count(loss->count, count), what[kind],
             loss->interface[0] == '\0' ? "" : " on ", loss->interface);
    return text;
}

const char *show_method(Pavo__Link__Method method)
{
    switch (method) {
    case PAVO__LINK__METHOD__SEQUENCE_NUMBERS:
        return "both sequence numbers";
    case PAVO__LINK__METHOD__INITIAL_SEQUENCE:
        return "the initiator's sequence number";
    case PAVO__LINK__METHOD__DIGESTS:
        return "payload digests and time";
    case PAVO__LINK__METHOD__ICMP_ECHO:
        return "echo sequence, payload and time";
    case PAVO__LINK__METHOD__TUPLE:
        return "the same addresses and ports, and time";
    default:
        return "a method this program does not know";
    }
}

const char *show_evidence(uint32_t bits, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (unsigned bit = 0; bit < 32; bit++) {
        const char *name = link_evidence_name(bit);
        if ((bits & 1u << bit) == 0 || name == NULL || used >= size)
            continue;
        int written = snprintf(text + used, size - used, "%s%s", used == 0 ? "" : ", ", name);
        used += written < 0 ? 0 : (size_t)written;
    }
    return text;
}
