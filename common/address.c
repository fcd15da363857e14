/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and their text. */
#include "common/address.h"

#include <arpa/inet.h>
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct address address_from_bytes(const uint8_t bytes[static 16])
{
    uint64_t half[2];
    memcpy(half, bytes, sizeof(half));
    return (struct address){.hi = be64toh(half[0]), .lo = be64toh(half[1])};
}

void address_to_bytes(struct address a, uint8_t ret_bytes[static 16])
{
    uint64_t half[2] = {htobe64(a.hi), htobe64(a.lo)};
    memcpy(ret_bytes, half, sizeof(half));
}

const char *address_text(struct address a, char text[static ADDRESS_TEXT_MAX])
{
    uint8_t bytes[16];
    address_to_bytes(a, bytes);
    if (address_is_ipv4(a))
        inet_ntop(AF_INET, bytes + 12, text, ADDRESS_TEXT_MAX);
    else
        inet_ntop(AF_INET6, bytes, text, ADDRESS_TEXT_MAX);
    return text;
}

const char *address_port_text(struct address a, uint16_t port, char text[static ADDRESS_TEXT_MAX])
{
    char host[ADDRESS_TEXT_MAX];
    if (port == 0)
        return address_text(a, text);
    snprintf(text, ADDRESS_TEXT_MAX, address_is_ipv4(a) ? "%.46s:%u" : "[%.46s]:%u", address_text(a, host), port);
    return text;
}

enum result address_parse(const char *text, struct address *ret_address)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, text, &v4) == 1)
        *ret_address = address_from_ipv4(ntohl(v4.s_addr));
    else if (inet_pton(AF_INET6, text, &v6) == 1)
        *ret_address = address_from_bytes(v6.s6_addr);
    else
        return RESULT_REJECT;
    return RESULT_OK;
}

/* A decimal number of digits only, up to `most`. */
static bool number_parse(const char *text, unsigned long most, unsigned long *ret_number)
{
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 5 || text[digits] != '\0')
        return false;
    unsigned long number = strtoul(text, NULL, 10);
    if (number > most)
        return false;
    *ret_number = number;
    return true;
}

enum result address_port_parse(const char *text, struct address *ret_address, uint16_t *ret_port)
{
    if (address_parse(text, ret_address) == RESULT_OK) {
        *ret_port = 0;
        return RESULT_OK;
    }
    char host[ADDRESS_TEXT_MAX];
    const char *colon = strrchr(text, ':');
    bool bracketed = text[0] == '[';
    const char *end = bracketed ? strchr(text, ']') : colon;
    const char *begin = text + bracketed;
    if (end == NULL || (size_t)(end - begin) >= sizeof(host))
        return RESULT_REJECT;
    memcpy(host, begin, (size_t)(end - begin));
    host[end - begin] = '\0';
    const char *rest = end + bracketed;
    unsigned long port = 0;
    if (*rest == ':' ? !number_parse(rest + 1, 65535, &port) : *rest != '\0')
        return RESULT_REJECT;
    struct address address;
    if (address_parse(host, &address) != RESULT_OK || (!bracketed && !address_is_ipv4(address)))
        return RESULT_REJECT;
    *ret_address = address;
    *ret_port = (uint16_t)port;
    return RESULT_OK;
}

struct address address_prefix_mask(unsigned length)
{
    return (struct address){
        .hi = length == 0    ? 0
              : length >= 64 ? UINT64_MAX
                             : UINT64_MAX << (64 - length),
        .lo = length <= 64 ? 0 : UINT64_MAX << (128 - length),
    };
}

enum result address_prefix_parse(const char *text, struct address_prefix *ret_prefix)
{
    char host[ADDRESS_TEXT_MAX];
    size_t length = strcspn(text, "/");
    if (length >= sizeof(host))
        return RESULT_REJECT;
    memcpy(host, text, length);
    host[length] = '\0';
    struct address address;
    if (address_parse(host, &address) != RESULT_OK)
        return RESULT_REJECT;
    unsigned family_bits = address_is_ipv4(address) ? 32 : 128;
    unsigned long bits = family_bits;
    if (text[length] == '/' && !number_parse(text + length + 1, family_bits, &bits))
        return RESULT_REJECT;
    struct address_prefix prefix = {.address = address, .length = (unsigned)bits + 128 - family_bits};
    struct address mask = address_prefix_mask(prefix.length);
    if ((address.hi & ~mask.hi) != 0 || (address.lo & ~mask.lo) != 0)
        return RESULT_REJECT;
    *ret_prefix = prefix;
    return RESULT_OK;
}

bool address_in_prefix(struct address a, const struct address_prefix *prefix)
{
    struct address mask = address_prefix_mask(prefix->length);
    return ((a.hi ^ prefix->address.hi) & mask.hi) == 0 && ((a.lo ^ prefix->address.lo) & mask.lo) == 0;
}
