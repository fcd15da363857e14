/* SPDX-License-Identifier: Apache-2.0 */
/* What a binding says, from the side of the address that was asked about. */
#include "aggregator/cli/nat.h"

#include <stdio.h>
#include <string.h>

#include "aggregator/cli/show.h"

static bool is_asked(const Pavo__Endpoint *end, struct address address, uint16_t port)
{
    return end != NULL && end->address.len == 16 && address_equal(address_from_bytes(end->address.data), address) &&
           (port == 0 || end->port == port);
}

const char *nat_sentence(const Pavo__NatBinding *b, struct address address, uint16_t port, char *text, size_t size)
{
    char source[SHOW_MAX], destination[SHOW_MAX], post_source[SHOW_MAX], post_destination[SHOW_MAX];
    show_endpoint(b->source, source);
    show_endpoint(b->destination, destination);
    show_endpoint(b->post_nat_source, post_source);
    show_endpoint(b->post_nat_destination, post_destination);
    bool source_changed = !endpoint_equal(b->source, b->post_nat_source);
    bool destination_changed = !endpoint_equal(b->destination, b->post_nat_destination);
    if (!source_changed && !destination_changed)
        snprintf(text, size, "%s was not translated, talking to %s", source, destination);
    else if (source_changed && is_asked(b->post_nat_source, address, port))
        snprintf(text, size, "%s was %s, talking to %s", post_source, source, destination);
    else if (source_changed && is_asked(b->source, address, port))
        snprintf(text, size, "%s came out as %s, talking to %s", source, post_source, post_destination);
    else if (destination_changed && is_asked(b->post_nat_destination, address, port))
        snprintf(text, size, "%s was %s, spoken to by %s", post_destination, destination, source);
    else if (destination_changed && is_asked(b->destination, address, port))
        snprintf(text, size, "%s was reached as %s, spoken to by %s", destination, post_destination, post_source);
    else if (source_changed) /* the address asked about is the peer's */
        snprintf(text, size, "%s was spoken to by %s, which was %s", post_destination, post_source, source);
    else
        snprintf(text, size, "%s was talking to %s, which was %s", source, post_destination, destination);
    return text;
}

const char *nat_unlinked_reason(const char *reason)
{
    static const char *const sentences[][2] = {
        {"blocked_or_local",
         "an attempt seen on the inside alone: stopped at the boundary, or never meant to cross it"},
        {"no_partner", "nothing on the other side fits: it ended at the boundary, or the other sensor did not see it"},
        {"ambiguous", "several views on the other side fit, and nothing tells them apart"},
        {"evicted", "given up early: too many views were waiting for a partner (see pavo sensors)"},
        {"waiting", "no partner on the other side yet; it may still come"},
    };
    for (size_t i = 0; reason != NULL && i < sizeof(sentences) / sizeof(*sentences); i++) {
        if (strcmp(reason, sentences[i][0]) == 0)
            return sentences[i][1];
    }
    return reason != NULL && reason[0] != '\0' ? reason : "its sensor stands at no boundary";
}
