/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence that survives a NAT. */
#include "sensor/meter/evidence.h"

#include <netinet/in.h>
#include <sodium.h>
#include <string.h>

#include "common/cursor.h"

void evidence_key_make(const uint8_t digest_key[static KEY_BYTES], struct evidence_key *ret_key)
{
    static const char purpose[] = "pavo payload digest 1";
    _Static_assert(sizeof(ret_key->bytes) == crypto_shorthash_KEYBYTES, "SipHash's key");
    crypto_generichash(ret_key->bytes, sizeof(ret_key->bytes), (const uint8_t *)purpose, sizeof(purpose) - 1,
                       digest_key, KEY_BYTES);
}

uint64_t evidence_digest(const struct evidence_key *key, uint8_t protocol, const uint8_t *content, unsigned length)
{
    uint8_t input[1 + EVIDENCE_CONTENT_MAX], output[crypto_shorthash_BYTES];
    input[0] = protocol == IPPROTO_ICMPV6 ? IPPROTO_ICMP : protocol;
    memcpy(input + 1, content, length);
    crypto_shorthash(output, input, 1 + length, key->bytes);
    uint64_t digest;
    memcpy(&digest, output, sizeof(digest));
    return le64toh(digest);
}

enum { OPTION_END, OPTION_NOP, OPTION_MSS, OPTION_TIMESTAMP = 8 };

void evidence_tcp_options(const uint8_t *options, unsigned length, struct tcp_options *ret_options)
{
    struct cursor c = cursor_make(options, length);
    struct tcp_options o = {0};
    for (unsigned n = 0; c.left > 0; n++) {
        unsigned kind = cursor_u8(&c);
        if (kind == OPTION_END)
            break;
        if (n < 8)
            o.kinds |= (uint64_t)kind << (8 * n);
        if (kind == OPTION_NOP)
            continue;
        unsigned size = cursor_u8(&c);
        if (size < 2)
            break;
        struct cursor value = cursor_make(cursor_take(&c, size - 2), size - 2);
        if (c.failed)
            break;
        if (kind == OPTION_MSS && size == 4) {
            o.mss = cursor_be16(&value);
        } else if (kind == OPTION_TIMESTAMP && size == 10) {
            o.timestamp = cursor_be32(&value);
            o.has_timestamp = true;
        }
    }
    *ret_options = o;
}
