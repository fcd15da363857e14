/* SPDX-License-Identifier: Apache-2.0 */
/* tcpdump's words about one packet, asked of a flow: `=` and `& ... != 0` ask for a packet of the flow that matches,
 * `!=` and `& ... == 0` that it has none. What a flow cannot say is refused with the word that can. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/filter/parser.h"
#include "common/records/community_id.h"
#include "common/records/flow.h"

/* A word for this parser's kind; false after a complaint. */
static bool find(struct parser *p, const char *name, struct filter_word *ret_word)
{
    enum filter_side side;
    return filter_word_find(p->kind, name, ret_word, &side) ||
           complain_token(p, "%s %s has no '%s', and so no '%s'", filter_article(p->kind), p->kind->name, name,
                          p->token.text) != NULL;
}

/* ---------------------------------------------------------------- sizes */

static const struct filter_node *size_test(struct parser *p, const char *name, enum filter_side side,
                                           enum filter_comparison comparison, uint64_t size)
{
    struct qualifiers q = {.side = side, .side_given = true, .comparison = comparison};
    return find(p, name, &q.word) ? compare_number(p, &q, size) : NULL;
}

/* One side sent a packet of that size (it lies between its smallest and its largest), or of another. */
static const struct filter_node *size_equal(struct parser *p, enum filter_side side, bool other, uint64_t size)
{
    const struct filter_node *least = size_test(p, "size_min", side, other ? FILTER_NE : FILTER_LE, size);
    return build_join(&p->build, other ? FILTER_OR : FILTER_AND, least,
                      size_test(p, "size_max", side, other ? FILTER_NE : FILTER_GE, size));
}

/* `greater N` and `less N` with the comparison in the word, `len > N`. */
static const struct filter_node *size_primitive(struct parser *p)
{
    bool greater = token_is(p, "greater"), less = token_is(p, "less");
    struct qualifiers q = {.comparison = greater ? FILTER_GE : FILTER_LE};
    struct filter_operand operand;
    struct error err;
    if (!find(p, "size_max", &q.word))
        return NULL;
    advance(p);
    if (!greater && !less)
        read_comparison(p, &q);
    if (p->token.kind != TOKEN_WORD)
        return complain_token(p, "a packet's size was expected, not '%s' (`len > 1000`)", p->token.text);
    if (filter_value_parse(&q.word, p->token.text, &operand, &err) != RESULT_OK)
        return complain(p, p->token.at, err.text);
    advance(p);
    switch (q.comparison) {
    case FILTER_GT:
    case FILTER_GE:
        return size_test(p, "size_max", FILTER_EITHER, q.comparison, operand.value);
    case FILTER_LT:
    case FILTER_LE:
        return size_test(p, "size_min", FILTER_EITHER, q.comparison, operand.value);
    default: {
        bool other = q.comparison == FILTER_NE;
        const struct filter_node *src = size_equal(p, FILTER_SRC, other, operand.value);
        return build_join(&p->build, FILTER_OR, src, size_equal(p, FILTER_DST, other, operand.value));
    }
    }
}

/* ---------------------------------------------------------------- addresses of many */

static const struct filter_node *one_of_nets(struct parser *p, const char *const *nets, unsigned count)
{
    const struct filter_node *list[4];
    struct filter_word word;
    if (!find(p, "net", &word))
        return NULL;
    struct place place = {word.field, word.twin, FILTER_EITHER};
    for (unsigned i = 0; i < count; i++) {
        struct address_prefix prefix;
        if (!prefix_from_text(nets[i], true, &prefix))
            abort();
        list[i] = build_address(&p->build, place, FILTER_EQ, &prefix);
        if (list[i] == NULL)
            return NULL;
    }
    advance(p);
    return build_balanced(&p->build, FILTER_OR, list, count);
}

/* tcpdump's `multicast` looks at the frame, to which a broadcast is one too; `ip multicast` at the address. */
static const struct filter_node *many_primitive(struct parser *p, bool family)
{
    static const char *const broadcasts[] = {"255.255.255.255/32", "0.0.0.0/32"}, *const multicasts[] = {
                                                                                      "224.0.0.0/4", "ff00::/8",
                                                                                      "255.255.255.255/32"};
    if (token_is(p, "broadcast"))
        return one_of_nets(p, broadcasts, 2);
    return one_of_nets(p, multicasts, family ? 2 : 3);
}

/* ---------------------------------------------------------------- ether */

/* `ether host MAC`, `ether src MAC`, `ether proto \ip`. */
static const struct filter_node *ether_primitive(struct parser *p)
{
    static const struct {
        const char *name, *filter;
    } protocols[] = {{"ip", "ip"},    {"ip6", "ip6"},    {"arp", "arp"},    {"0x0800", "ip"},
                     {"0x800", "ip"}, {"0x86dd", "ip6"}, {"0x0806", "arp"}, {"0x806", "arp"}};
    struct qualifiers q = {.side = FILTER_EITHER};
    if (!find(p, "mac", &q.word))
        return NULL;
    advance(p);
    if (take(p, "proto")) {
        for (size_t i = 0; i < sizeof(protocols) / sizeof(*protocols); i++) {
            if (token_is(p, protocols[i].name))
                return protocol_primitive(p, protocols[i].filter);
        }
        return complain_token(p, "of what lies below IP only arp is kept: ether proto ip, ip6 or arp, not '%s'",
                              p->token.text);
    }
    if (token_is(p, "broadcast") || token_is(p, "multicast"))
        return complain_token(p, "frames' destinations are not kept; by address it is `%s`", p->token.name);
    q.side_given = read_side(p, &q.side);
    take(p, "host");
    read_comparison(p, &q);
    return values(p, &q);
}

/* ---------------------------------------------------------------- bytes */

static const struct {
    const char *name;
    unsigned value;
} numbers[] = {
    {"tcp_fin", 1},
    {"tcp_syn", 2},
    {"tcp_rst", 4},
    {"tcp_push", 8},
    {"tcp_ack", 16},
    {"tcp_urg", 32},
    {"tcp_ece", 64},
    {"tcp_cwr", 128},
    {"icmp_echoreply", 0},
    {"icmp_unreach", 3},
    {"icmp_sourcequench", 4},
    {"icmp_redirect", 5},
    {"icmp_echo", 8},
    {"icmp_routeradvert", 9},
    {"icmp_routersolicit", 10},
    {"icmp_timxceed", 11},
    {"icmp_paramprob", 12},
    {"icmp_tstamp", 13},
    {"icmp_tstampreply", 14},
    {"icmp_ireq", 15},
    {"icmp_ireqreply", 16},
    {"icmp_maskreq", 17},
    {"icmp_maskreply", 18},
    {"icmp6_destinationunreach", 1},
    {"icmp6_destinationrunreach", 1}, /* as pcap-filter(7) spells it */
    {"icmp6_packettoobig", 2},
    {"icmp6_timeexceeded", 3},
    {"icmp6_parameterproblem", 4},
    {"icmp6_echo", 128},
    {"icmp6_echoreply", 129},
    {"icmp6_multicastlistenerquery", 130},
    {"icmp6_multicastlistenerreportv1", 131},
    {"icmp6_multicastlistenerdone", 132},
    {"icmp6_routersolicit", 133},
    {"icmp6_routeradvert", 134},
    {"icmp6_neighborsolicit", 135},
    {"icmp6_neighboradvert", 136},
    {"icmp6_redirect", 137},
    {"icmp6_multicastlistenerreportv2", 143},
};

/* What `proto[index] & mask comparison value` came to. */
struct byte_test {
    uint8_t mask; /* 0xff where none is written */
    enum filter_comparison comparison;
    uint8_t value;
};

static bool read_number(struct parser *p, uint8_t *number)
{
    char *end = NULL;
    unsigned long value = 256;
    for (size_t i = 0; p->token.kind == TOKEN_WORD && i < sizeof(numbers) / sizeof(*numbers); i++) {
        if (token_is(p, numbers[i].name))
            value = numbers[i].value;
    }
    if (p->token.kind == TOKEN_WORD && value == 256 && isdigit((unsigned char)p->token.text[0])) {
        value = strtoul(p->token.text, &end, 0);
        value = *end == '\0' ? value : 256;
    }
    if (value > 255)
        return complain_token(p, "a byte's value was expected, such as 2, 0x12 or tcp-syn, not '%.64s'",
                              p->token.text) != NULL;
    *number |= (uint8_t)value;
    advance(p);
    return true;
}

/* `2`, `tcp-syn|tcp-ack`, the same in parentheses. */
static bool read_numbers(struct parser *p, bool loose, uint8_t *ret_number)
{
    bool open = p->token.kind == TOKEN_OPEN;
    if (open)
        advance(p);
    *ret_number = 0;
    if (!read_number(p, ret_number))
        return false;
    while (p->token.kind == TOKEN_BITS_OR) {
        /* tcpdump's & and | bind alike: `x & a|b` is `(x & a)|b`, which nobody means. */
        if (!open && !loose)
            return complain_token(p, "parentheses were expected around what stands beside |") != NULL;
        advance(p);
        if (!read_number(p, ret_number))
            return false;
    }
    if (open && p->token.kind != TOKEN_CLOSE)
        return complain_token(p, "')' was expected, not '%s'", p->token.text) != NULL;
    if (open)
        advance(p);
    return true;
}

static bool read_bytes(struct parser *p, struct byte_test *bytes)
{
    struct qualifiers q = {.side = FILTER_EITHER};
    bytes->mask = 0xff;
    if (p->token.kind == TOKEN_BITS_AND) {
        advance(p);
        if (!read_numbers(p, false, &bytes->mask))
            return false;
    }
    read_comparison(p, &q);
    if (!q.compared)
        return complain_token(p, "a comparison was expected, not '%s' (`tcp[tcpflags] & tcp-syn != 0`)",
                              p->token.text) != NULL;
    bytes->comparison = q.comparison;
    if (!read_numbers(p, true, &bytes->value))
        return false;
    return (bytes->value & ~bytes->mask) == 0 || complain_token(p, "that value is never left by the mask") != NULL;
}

static bool wants_equality(struct parser *p, const struct byte_test *bytes)
{
    return bytes->comparison == FILTER_EQ || bytes->comparison == FILTER_NE ||
           complain_token(p, "flags and types have no order: compare with = or !=") != NULL;
}

/* The protocol, of flows that say what `word` is, but none of `some`. */
static const struct filter_node *none_of(struct parser *p, uint64_t protocol, const struct filter_word *word,
                                         const struct filter_node *some)
{
    struct qualifiers q = {.word = *word, .protocol = build_protocol(&p->build, protocol)};
    const struct filter_node *known = compare_known(p, &q);
    return build_join(&p->build, FILTER_AND, q.protocol,
                      build_join(&p->build, FILTER_AND, known, build_not(&p->build, some)));
}

/* ---- TCP flags */

/* One of the places of a history has the letter. */
static const struct filter_node *history_has(struct parser *p, char letter)
{
    const struct filter_node *list[FLOW_HISTORY_MAX];
    struct place place = {FLOW_FIELD_history, FLOW_FIELD_history, FILTER_EITHER};
    uint64_t code = flow_history_add(0, letter);
    for (unsigned n = 0; n < FLOW_HISTORY_MAX; n++) {
        list[n] = build_mask(&p->build, place, FILTER_EQ, 31ull << 5 * n, code << 5 * n);
        if (list[n] == NULL)
            return NULL;
    }
    return build_balanced(&p->build, FILTER_OR, list, FLOW_HISTORY_MAX);
}

/* A side's packets have the bits of `value` between them, and none but those of `mask` is asked for. Whether a SYN came
 * with an ACK the history knows, where there is one: `S` without, `h` with. */
static const struct filter_node *side_has_flags(struct parser *p, bool dst, uint8_t mask, uint8_t value)
{
    enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };
    unsigned field = dst ? FLOW_FIELD_dst_tcp_flags : FLOW_FIELD_src_tcp_flags;
    struct place place = {field, field, FILTER_EITHER},
                 history = {FLOW_FIELD_history, FLOW_FIELD_history, FILTER_EITHER};
    const struct filter_node *node = build_mask(&p->build, place, FILTER_EQ, value, value);
    if ((value & SYN) != 0 && (value & (FIN | RST)) == 0 && (mask & ACK) != 0) {
        char letter = (value & ACK) != 0 ? 'h' : 's';
        const struct filter_node *seen =
            build_join(&p->build, FILTER_OR, build_compare(&p->build, history, FILTER_EQ, 0),
                       history_has(p, dst ? letter : (char)toupper(letter)));
        node = build_join(&p->build, FILTER_AND, node, seen);
    }
    return build_guarded(&p->build, dst ? GUARD_DST_TCP : GUARD_SRC_TCP, place, node);
}

/* A packet has a bit of `mask`. */
static const struct filter_node *any_flag(struct parser *p, uint8_t mask)
{
    const struct filter_node *list[16];
    unsigned count = 0;
    for (unsigned bit = 1; bit <= mask; bit <<= 1) {
        for (unsigned dst = 0; (mask & bit) != 0 && dst < 2; dst++)
            list[count++] = side_has_flags(p, dst != 0, 0, (uint8_t)bit);
    }
    for (unsigned i = 0; i < count; i++) {
        if (list[i] == NULL)
            return NULL;
    }
    return build_balanced(&p->build, FILTER_OR, list, count);
}

static const struct filter_node *flags_test(struct parser *p, const struct byte_test *bytes)
{
    struct filter_word word;
    if (!wants_equality(p, bytes) || !find(p, "flags", &word))
        return NULL;
    bool some = (bytes->comparison == FILTER_EQ) == (bytes->value != 0);
    if (bytes->mask == 0 || (bytes->value == 0 && bytes->mask == 0xff))
        return complain_token(p, "sides that sent no TCP flag at all are `flags = 0`");
    const struct filter_node *node =
        bytes->value == 0 ? any_flag(p, bytes->mask)
                          : build_join(&p->build, FILTER_OR, side_has_flags(p, false, bytes->mask, bytes->value),
                                       side_has_flags(p, true, bytes->mask, bytes->value));
    return some ? node : none_of(p, 6, &word, node);
}

/* ---- ICMP */

/* The record has the first packet's type; that of the answers follows, where there were any. */
static const struct filter_node *icmp_type_test(struct parser *p, unsigned protocol, const struct byte_test *bytes)
{
    struct qualifiers q = {.protocol = build_protocol(&p->build, protocol), .comparison = FILTER_EQ};
    struct place src = {FLOW_FIELD_src_packets, FLOW_FIELD_src_packets, FILTER_EITHER},
                 dst = {FLOW_FIELD_dst_packets, FLOW_FIELD_dst_packets, FILTER_EITHER};
    if (!wants_equality(p, bytes) || !find(p, "icmp_type", &q.word))
        return NULL;
    const struct filter_node *node = compare_number(p, &q, bytes->value);
    int other = icmp_type_pair(protocol, bytes->value);
    if (other >= 0) {
        const struct filter_node *both =
            build_join(&p->build, FILTER_AND, build_set(&p->build, src), build_set(&p->build, dst));
        node = build_join(&p->build, FILTER_OR, node,
                          build_join(&p->build, FILTER_AND, compare_number(p, &q, (uint64_t)other), both));
    }
    return bytes->comparison == FILTER_EQ ? node : none_of(p, protocol, &q.word, node);
}

/* ---- which byte */

enum byte { BYTE_FLAGS, BYTE_ICMP_TYPE, BYTE_FIELD, BYTE_REFUSED };

static const struct {
    const char *header, *index;
    enum byte byte;
    const char *word; /* FIELD: ours; REFUSED: the filter to write instead */
} known_bytes[] = {
    {"tcp", "tcpflags", BYTE_FLAGS, NULL},
    {"tcp", "13", BYTE_FLAGS, NULL},
    {"icmp", "icmptype", BYTE_ICMP_TYPE, NULL},
    {"icmp", "0", BYTE_ICMP_TYPE, NULL},
    {"icmp6", "icmp6type", BYTE_ICMP_TYPE, NULL},
    {"icmp6", "icmptype", BYTE_ICMP_TYPE, NULL},
    {"icmp6", "0", BYTE_ICMP_TYPE, NULL},
    {"icmp", "icmpcode", BYTE_FIELD, "icmp_code"},
    {"icmp", "1", BYTE_FIELD, "icmp_code"},
    {"icmp6", "icmp6code", BYTE_FIELD, "icmp_code"},
    {"icmp6", "icmpcode", BYTE_FIELD, "icmp_code"},
    {"icmp6", "1", BYTE_FIELD, "icmp_code"},
    {"ip", "8", BYTE_FIELD, "ttl"},
    {"ip6", "7", BYTE_FIELD, "ttl"},
    {"ip", "9", BYTE_FIELD, "proto"},
    {"ip6", "6", BYTE_FIELD, "proto"},
    {"tcp", "0:2", BYTE_REFUSED, "tcp src port 80"},
    {"udp", "0:2", BYTE_REFUSED, "udp src port 53"},
    {"tcp", "2:2", BYTE_REFUSED, "tcp dst port 80"},
    {"udp", "2:2", BYTE_REFUSED, "udp dst port 53"},
    {"tcp", "4:4", BYTE_REFUSED, "isn N"},
    {"tcp", "14:2", BYTE_REFUSED, "window N"},
    {"ip", "1", BYTE_REFUSED, "dscp 46"},
    {"ip", "2:2", BYTE_REFUSED, "len > 1000"},
    {"ip", "4:2", BYTE_REFUSED, "ip_id N"},
    {"ip", "6:2", BYTE_REFUSED, "fragments seen"},
    {"ip", "12:4", BYTE_REFUSED, "src net 10.0.0.0/8"},
    {"ip", "16:4", BYTE_REFUSED, "dst net 10.0.0.0/8"},
};

static const struct filter_node *field_bytes(struct parser *p, const char *header, const char *name,
                                             const struct byte_test *bytes)
{
    struct qualifiers q = {.protocol = protocol_node(p, header), .comparison = bytes->comparison, .compared = true};
    if (q.protocol == NULL || !find(p, name, &q.word))
        return NULL;
    if (bytes->mask != 0xff)
        return complain_token(p, "'%s' is compared as a whole, without &", name);
    if (!filter_word_is_ordered(&q.word) && !wants_equality(p, bytes))
        return NULL;
    return compare_number(p, &q, bytes->value);
}

static const struct filter_node *bytes_primitive(struct parser *p)
{
    char header[FILTER_WORD_MAX], index[FILTER_WORD_MAX];
    struct byte_test bytes;
    size_t at = p->token.at, i = 0;
    snprintf(header, sizeof(header), "%s", p->token.name);
    advance(p);
    advance(p);
    snprintf(index, sizeof(index), "%s", p->token.name);
    while (i < sizeof(known_bytes) / sizeof(*known_bytes) &&
           (strcmp(known_bytes[i].header, header) != 0 || strcmp(known_bytes[i].index, index) != 0))
        i++;
    if (p->token.kind == TOKEN_WORD)
        advance(p);
    if (i == sizeof(known_bytes) / sizeof(*known_bytes) || p->token.kind != TOKEN_LIST_END)
        return complain(p, at,
                        "a flow keeps no packet's bytes; it knows tcp[tcpflags], icmp[icmptype], icmp[icmpcode], "
                        "ip[8], ip[9], and fields by their names (`pavo kinds`)");
    if (known_bytes[i].byte == BYTE_REFUSED) {
        char sentence[128];
        snprintf(sentence, sizeof(sentence), "a flow keeps no packet's bytes: write it as `%s`", known_bytes[i].word);
        return complain(p, at, sentence);
    }
    if (!kind_is_flow(p->kind))
        return complain(p, at, "only flows can be asked for what their packets had");
    advance(p);
    if (!read_bytes(p, &bytes))
        return NULL;
    switch (known_bytes[i].byte) {
    case BYTE_FLAGS:
        return flags_test(p, &bytes);
    case BYTE_ICMP_TYPE:
        return icmp_type_test(p, strcmp(header, "icmp") == 0 ? 1 : 58, &bytes);
    default:
        return field_bytes(p, header, known_bytes[i].word, &bytes);
    }
}

/* ---------------------------------------------------------------- all of them */

const struct filter_node *packet_primitive(struct parser *p, bool family)
{
    static const char *const headers[] = {"ether", "ip", "ip6", "tcp", "udp", "icmp", "icmp6", "arp"};
    if (token_is(p, "greater") || token_is(p, "less") || token_is(p, "len"))
        return size_primitive(p);
    if (token_is(p, "broadcast") || token_is(p, "multicast"))
        return many_primitive(p, family);
    for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++) {
        if (token_is(p, headers[i]) && peek(p).kind == TOKEN_LIST)
            return bytes_primitive(p);
    }
    return token_is(p, "ether") ? ether_primitive(p) : NULL;
}
