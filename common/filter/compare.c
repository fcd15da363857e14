/* SPDX-License-Identifier: Apache-2.0 */
/* A word and a value made a comparison: which fields, on which sides, behind what must hold for them to say anything.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/filter/parser.h"
#include "common/records/flow.h"

/* A value as it was understood, by the word's unit. */
struct operand {
    struct filter_operand number;
    struct address_prefix prefix;
    struct address_set *set; /* in place of a prefix; borrowed */
    uint16_t port;           /* of the end that has the address; 0: any */
    const char *text;        /* the filter's own */
};

/* More than one leaf: on a pair each side needs its own. */
static bool takes_several(const struct filter_word *word, const struct operand *operand)
{
    return operand->number.last != operand->number.value || operand->port != 0 ||
           (word->unit == KIND_BITS && __builtin_popcountll(operand->number.value) > 1);
}

/* The word's number against a value. */
static const struct filter_node *number_leaf(struct parser *p, const struct filter_word *word, struct place place,
                                             enum filter_comparison comparison, uint64_t value)
{
    struct filter_node *node = build_leaf(&p->build, FILTER_COMPARE, place, comparison);
    if (node != NULL) {
        node->value = value;
        node->value_of = word->plain;
        node->over = word->over;
        node->over_twin = word->over_twin;
        node->scale = word->scale;
    }
    return node;
}

/* A range, or odds that are one share; `!=` is outside of it. */
static const struct filter_node *range_test(struct parser *p, const struct filter_word *word, struct place place,
                                            enum filter_comparison comparison, const struct filter_operand *operand)
{
    bool outside = comparison == FILTER_NE;
    switch (comparison) {
    case FILTER_LT:
    case FILTER_GE:
        return number_leaf(p, word, place, comparison, operand->value);
    case FILTER_LE:
    case FILTER_GT:
        return number_leaf(p, word, place, comparison, operand->last);
    case FILTER_EQ:
    case FILTER_NE:
        break;
    }
    const struct filter_node *low = number_leaf(p, word, place, outside ? FILTER_LT : FILTER_GE, operand->value);
    if (low == NULL)
        return NULL;
    return build_join(&p->build, outside ? FILTER_OR : FILTER_AND, low,
                      number_leaf(p, word, place, outside ? FILTER_GT : FILTER_LE, operand->last));
}

/* Any of the bits: for `=` one of them is enough, `!=` has none. */
static const struct filter_node *any_bit_test(struct parser *p, struct place place, enum filter_comparison comparison,
                                              uint64_t bits)
{
    const struct filter_node *list[64];
    unsigned count = 0;
    for (; bits != 0; bits &= bits - 1) {
        uint64_t bit = bits & -bits;
        list[count] = build_mask(&p->build, place, comparison, bit, bit);
        if (list[count++] == NULL)
            return NULL;
    }
    return build_balanced(&p->build, comparison == FILTER_NE ? FILTER_AND : FILTER_OR, list, count);
}

/* `evidence isn` asks for either side's bit; a number for all of its bits. */
static const struct filter_node *bits_test(struct parser *p, struct place place, enum filter_comparison comparison,
                                           const struct filter_operand *operand)
{
    struct builder *b = &p->build;
    uint64_t bits = operand->value;
    if (bits == 0)
        return build_compare(b, place, comparison, 0);
    if (!operand->any)
        return build_mask(b, place, comparison, bits, bits);
    return any_bit_test(p, place, comparison, bits);
}

static const struct filter_node *number_test(struct parser *p, const struct qualifiers *q, struct place place,
                                             enum filter_comparison comparison, const struct filter_operand *operand)
{
    const struct filter_word *word = &q->word;
    if (word->unit == KIND_BITS)
        return bits_test(p, place, comparison, operand);
    if (word->mask != 0)
        return build_mask(&p->build, place, comparison, word->mask, operand->value << word->shift);
    /* nfdump: `flags SA` is both, `not flags SA` neither. */
    if (operand->mask != 0 && !q->compared && p->negated && word->unit == KIND_TCP_FLAGS)
        return any_bit_test(p, place, FILTER_EQ, operand->value);
    if (operand->mask != 0 && !q->compared)
        return build_mask(&p->build, place, comparison, operand->mask, operand->value);
    if (operand->last != operand->value)
        return range_test(p, word, place, comparison, operand);
    return number_leaf(p, word, place, comparison, operand->value);
}

/* An address, and the port that goes with it: of src_hi the field src_port, of inside_hi inside_port. */
static const struct filter_node *end_test(struct parser *p, struct place place, const struct operand *operand)
{
    unsigned end = place.side == FILTER_DST ? place.twin : place.field;
    char name[64];
    snprintf(name, sizeof(name), "%s_port", p->kind->fields[end].label);
    int port = kind_field(p->kind, name);
    if (port < 0)
        return complain_token(p, "'%s' has no port", p->kind->fields[end].label);
    struct place port_place = {(unsigned)port, (unsigned)port, FILTER_EITHER}, end_place = {end, end, FILTER_EITHER};
    const struct filter_node *node = build_compare(&p->build, port_place, FILTER_EQ, operand->port);
    node = build_guarded(&p->build, GUARD_PORTS, port_place, node);
    return build_join(&p->build, FILTER_AND, build_address(&p->build, end_place, FILTER_EQ, &operand->prefix), node);
}

/* The comparison itself in one place. */
static const struct filter_node *bare_test(struct parser *p, const struct qualifiers *q, struct place place,
                                           enum filter_comparison comparison, const struct operand *operand)
{
    struct filter_node *node;
    switch (q->word.unit) {
    case KIND_ADDRESS:
        if (operand->set != NULL) {
            node = build_leaf(&p->build, FILTER_SET, place, comparison);
            if (node != NULL)
                node->set = operand->set;
            return node;
        }
        return operand->port == 0 ? build_address(&p->build, place, comparison, &operand->prefix)
                                  : end_test(p, place, operand);
    case KIND_TEXT:
    case KIND_OBSERVER: {
        bool observer = q->word.unit == KIND_OBSERVER;
        node = build_leaf(&p->build, observer ? FILTER_SENSOR : FILTER_TEXT, place, observer ? FILTER_EQ : comparison);
        if (node != NULL)
            node->text = operand->text;
        return observer && comparison == FILTER_NE ? build_not(&p->build, node) : node;
    }
    default:
        return number_test(p, q, place, comparison, &operand->number);
    }
}

/* The same, behind what must hold for the place to say something. */
static const struct filter_node *guarded_test(struct parser *p, const struct qualifiers *q, enum filter_side side,
                                              const struct operand *operand)
{
    const struct filter_word *word = &q->word;
    struct place place = {word->field, word->twin, side};
    enum field_guard guard = side == FILTER_DST ? word->twin_guard : word->guard;
    /* The first word of some tables is `none`, which names what is not set. */
    if (guard == GUARD_SET && word->unit == KIND_WORD && operand->number.value == 0)
        guard = GUARD_NONE;
    return build_guarded(&p->build, guard, place, bare_test(p, q, place, q->comparison, operand));
}

/* `word` against a value, on the sides asked for. */
static const struct filter_node *sides_test(struct parser *p, const struct qualifiers *q, const struct operand *operand)
{
    const struct filter_word *word = &q->word;
    if (!filter_word_has_sides(word))
        return guarded_test(p, q, FILTER_EITHER, operand);
    /* `port != 80` is what `not port 80` is: neither side has it. */
    enum filter_side side = q->side_given || q->comparison != FILTER_NE ? q->side : FILTER_BOTH;
    bool one_side = side == FILTER_SRC || side == FILTER_DST;
    bool alike = word->guard == word->twin_guard && word->guard != GUARD_SET;
    if (one_side || (alike && !takes_several(word, operand)))
        return guarded_test(p, q, side, operand);
    const struct filter_node *src = guarded_test(p, q, FILTER_SRC, operand);
    if (src == NULL)
        return NULL;
    return build_join(&p->build, side == FILTER_BOTH ? FILTER_AND : FILTER_OR, src,
                      guarded_test(p, q, FILTER_DST, operand));
}

/* And, without a side, in the further fields that the word means: one of them is enough, and `!=` asks that none has
 * the value, be it that they say nothing. */
static const struct filter_node *field_test(struct parser *p, const struct qualifiers *q, const struct operand *operand)
{
    const struct filter_word *word = &q->word;
    const struct filter_node *node = sides_test(p, q, operand);
    bool none = q->comparison == FILTER_NE;
    for (unsigned i = 0; node != NULL && !q->side_given && i < word->more_count; i++) {
        struct place place = {word->more[i], word->more[i], FILTER_EITHER};
        const struct filter_node *more = bare_test(p, q, place, none ? FILTER_EQ : q->comparison, operand);
        if (word->guard == GUARD_PORTS)
            more = build_guarded(&p->build, word->guard, place, more);
        more = build_guarded(&p->build, filter_guard_of(&p->kind->fields[place.field]), place, more);
        if (more == NULL)
            return NULL;
        node = build_join(&p->build, none ? FILTER_AND : FILTER_OR, node, none ? build_not(&p->build, more) : more);
    }
    return node;
}

/* What two fields or more come to. Of a rate, without a side, it is that of both together. */
static const struct filter_node *whole_test(struct parser *p, const struct qualifiers *q, const struct operand *operand)
{
    struct place place = {q->word.field, q->word.twin, q->side};
    if (!q->side_given || q->side == FILTER_SRC || q->side == FILTER_DST)
        return number_test(p, q, place, q->comparison, &operand->number);
    place.side = FILTER_SRC;
    const struct filter_node *src = number_test(p, q, place, q->comparison, &operand->number);
    place.side = FILTER_DST;
    return build_join(&p->build, q->side == FILTER_BOTH ? FILTER_AND : FILTER_OR, src,
                      number_test(p, q, place, q->comparison, &operand->number));
}

static bool read_number(struct parser *p, const struct qualifiers *q, struct operand *operand)
{
    struct error err;
    bool equality = q->comparison == FILTER_EQ || q->comparison == FILTER_NE;
    if (filter_value_parse(&q->word, p->token.text, &operand->number, &err) != RESULT_OK)
        return complain(p, p->token.at, err.text) != NULL;
    if (!equality && q->word.unit != KIND_SHARE && operand->number.last != operand->number.value)
        return complain_token(p, "a range has no order: compare with = or !=") != NULL;
    return true;
}

/* ---------------------------------------------------------------- addresses */

/* "10", "10.1", "10.1/16": tcpdump's short IPv4 networks. Writes the full form. */
static bool net_complete(const char *text, char full[static FILTER_WORD_MAX])
{
    char host[FILTER_WORD_MAX];
    unsigned dots = 0;
    size_t length = strcspn(text, "/");
    if (text[strspn(text, "0123456789./")] != '\0' || length == 0 || length > 15)
        return false;
    for (size_t i = 0; i < length; i++)
        dots += text[i] == '.';
    if (dots > 2)
        return false;
    static const char *const missing[] = {".0.0.0", ".0.0", ".0"};
    static const char *const implied[] = {"/8", "/16", "/24"};
    snprintf(host, sizeof(host), "%.*s%s", (int)length, text, missing[dots]);
    snprintf(full, FILTER_WORD_MAX, "%.40s%.40s", host, text[length] == '/' ? text + length : implied[dots]);
    return true;
}

bool prefix_from_text(const char *text, bool network, struct address_prefix *ret_prefix)
{
    char full[FILTER_WORD_MAX];
    if (network && net_complete(text, full))
        text = full;
    return (network || strchr(text, '/') == NULL) && address_prefix_parse(text, ret_prefix) == RESULT_OK;
}

bool endpoint_from_text(const char *text, struct address_prefix *ret_prefix, uint16_t *ret_port)
{
    struct address address;
    uint16_t port;
    if (address_parse(text, &address) == RESULT_OK || address_port_parse(text, &address, &port) != RESULT_OK ||
        port == 0)
        return false;
    *ret_prefix = (struct address_prefix){.address = address, .length = 128};
    *ret_port = port;
    return true;
}

bool net_around(const char *text, char ret_net[static NET_TEXT_MAX])
{
    char host[ADDRESS_TEXT_MAX], full[ADDRESS_TEXT_MAX];
    const char *slash = strchr(text, '/');
    size_t digits = slash == NULL ? 0 : strspn(slash + 1, "0123456789");
    struct address address;
    if (digits == 0 || digits > 3 || slash[1 + digits] != '\0' || (size_t)(slash - text) >= sizeof(host))
        return false;
    memcpy(host, text, (size_t)(slash - text));
    host[slash - text] = '\0';
    unsigned length = (unsigned)atoi(slash + 1);
    if (address_parse(host, &address) != RESULT_OK || length > (address_is_ipv4(address) ? 32u : 128u))
        return false;
    struct address mask = address_prefix_mask(length + (address_is_ipv4(address) ? 96 : 0));
    address.hi &= mask.hi;
    address.lo &= mask.lo;
    snprintf(ret_net, NET_TEXT_MAX, "%s/%u", address_text(address, full), length);
    return true;
}

/* tcpdump's `net 10.1.0.0 mask 255.255.0.0`, behind the address. */
static bool read_mask(struct parser *p, struct address_prefix *prefix)
{
    struct address mask, fixed;
    unsigned length = 96;
    if (p->token.kind != TOKEN_WORD || address_parse(p->token.text, &mask) != RESULT_OK || !address_is_ipv4(mask) ||
        !address_is_ipv4(prefix->address))
        return complain_token(p, "a mask such as 255.255.0.0 was expected, not '%.64s'", p->token.text) != NULL;
    while (length < 128 && (address_prefix_mask(length).lo & 0xffffffff) != (mask.lo & 0xffffffff))
        length++;
    fixed = address_prefix_mask(length);
    if ((fixed.lo & 0xffffffff) != (mask.lo & 0xffffffff))
        return complain_token(p, "the mask '%.64s' has holes", p->token.text) != NULL;
    if ((prefix->address.lo & ~fixed.lo) != 0)
        return complain_token(p, "the network has bits behind the mask '%.64s'", p->token.text) != NULL;
    prefix->length = length;
    advance(p);
    return true;
}

static bool read_net(struct parser *p, struct operand *operand)
{
    const char *text = p->token.text;
    char net[NET_TEXT_MAX];
    if (prefix_from_text(text, true, &operand->prefix))
        return true;
    if (net_around(text, net))
        return complain_token(p, "'%.64s' is not a network (bits behind the prefix must be zero): net %s", text, net) !=
               NULL;
    return complain_token(p, "'%.64s' is not a network such as 10.0.0.0/8 or 2001:db8::/32", text) != NULL;
}

static bool is_address_range(const char *text)
{
    char first[ADDRESS_TEXT_MAX];
    struct address address;
    const char *dash = strchr(text, '-');
    if (dash == NULL || (size_t)(dash - text) >= sizeof(first))
        return false;
    memcpy(first, text, (size_t)(dash - text));
    first[dash - text] = '\0';
    return address_parse(first, &address) == RESULT_OK && address_parse(dash + 1, &address) == RESULT_OK;
}

static bool read_host(struct parser *p, const struct qualifiers *q, struct operand *operand)
{
    const char *text = p->token.text;
    struct address_prefix other;
    char net[NET_TEXT_MAX];
    if (prefix_from_text(text, false, &operand->prefix))
        return true;
    if (endpoint_from_text(text, &operand->prefix, &operand->port))
        return q->comparison == FILTER_EQ ||
               complain_token(p, "an address with its port is no value of !=: not %s %.64s", q->word.name, text) !=
                   NULL;
    if (strpbrk(text, "./:") != NULL && prefix_from_text(text, true, &other))
        return complain_token(p, "'%.64s' is a network: use net", text) != NULL;
    if (net_around(text, net))
        return complain_token(p, "'%.64s' is an address in a network: use net %s", text, net) != NULL;
    size_t length = strlen(text);
    if (text[strspn(text, "0123456789.")] == '\0' && strchr(text, '.') != NULL && length < FILTER_WORD_MAX)
        return text[length - 1] == '.'
                   ? complain_token(p, "'%.64s' is not an address: a network is `net %.*s`", text, (int)length - 1,
                                    text) != NULL
                   : complain_token(p, "'%.64s' is not an address: four numbers of 0 to 255, as in 10.0.1.17", text) !=
                         NULL;
    if (is_address_range(text))
        return complain_token(p, "a range of addresses is written as networks, or in a file: `host in file NAME`") !=
               NULL;
    const char *meant = filter_word_nearest(p->kind, text);
    return complain_token(p, "'%.64s' is not an address (names are not looked up: 10.0.1.17 or 2001:db8::1)%s%s%s",
                          text, meant == NULL ? "" : "; did you mean '", meant == NULL ? "" : meant,
                          meant == NULL ? "" : "'?") != NULL;
}

static bool read_prefix(struct parser *p, const struct qualifiers *q, struct operand *operand)
{
    return q->word.host ? read_host(p, q, operand) : read_net(p, operand);
}

static bool read_text(struct parser *p, const struct qualifiers *q, struct operand *operand)
{
    if (q->word.unit == KIND_OBSERVER && !observer_name_valid(p->token.text))
        return complain_token(p, "'%.64s' is no sensor's name", p->token.text) != NULL;
    /* What is computed has one shape, of which a mistyped one would find nothing. */
    if (q->word.info->derive != NULL && (strlen(p->token.text) != 30 || strncmp(p->token.text, "1:", 2) != 0))
        return complain_token(p, "'%.64s' is no Community ID (1:LQU9qZlK+B5F3KDmev6m5PMibrg=)", p->token.text) != NULL;
    operand->text = filter_text_keep(p->build.filter, p->token.text);
    p->build.full = p->build.full || operand->text == NULL;
    return operand->text != NULL;
}

static bool read_operand(struct parser *p, const struct qualifiers *q, struct operand *operand)
{
    bool equality = q->comparison == FILTER_EQ || q->comparison == FILTER_NE;
    bool read = q->word.unit == KIND_ADDRESS                                 ? read_prefix(p, q, operand)
                : q->word.unit == KIND_TEXT || q->word.unit == KIND_OBSERVER ? read_text(p, q, operand)
                                                                             : read_number(p, q, operand);
    if (read && !equality && !filter_word_is_ordered(&q->word))
        return complain_token(p, "'%s' has no order: compare with = or !=", q->word.name) != NULL;
    return read;
}

static const struct filter_node *with_protocol(struct parser *p, const struct qualifiers *q,
                                               const struct filter_node *node)
{
    return q->protocol == NULL || node == NULL ? node : build_join(&p->build, FILTER_AND, q->protocol, node);
}

/* An address with its port, on a pair: that one of the ends has the address stands before it, which finds it fast. */
static const struct filter_node *with_address(struct parser *p, const struct qualifiers *q,
                                              const struct operand *operand, const struct filter_node *node)
{
    struct place place = {q->word.field, q->word.twin, FILTER_EITHER};
    if (operand->port == 0 || node == NULL || !filter_word_has_sides(&q->word) || q->side != FILTER_EITHER ||
        q->word.more_count > 0)
        return node;
    return build_join(&p->build, FILTER_AND, build_address(&p->build, place, FILTER_EQ, &operand->prefix), node);
}

static const struct filter_node *operand_test(struct parser *p, const struct qualifiers *q,
                                              const struct operand *operand)
{
    const struct filter_node *node =
        q->word.plain == FILTER_VALUE_FIELD ? field_test(p, q, operand) : whole_test(p, q, operand);
    return with_protocol(p, q, with_address(p, q, operand, node));
}

const struct filter_node *compare(struct parser *p, const struct qualifiers *q)
{
    struct operand operand = {.text = NULL};
    if (p->token.kind != TOKEN_WORD)
        return complain_token(p, "'%s' needs a value, not '%s'", q->word.name, p->token.text);
    if (!read_operand(p, q, &operand))
        return NULL;
    advance(p);
    if (q->word.unit == KIND_ADDRESS && !q->word.host && take(p, "mask") && !read_mask(p, &operand.prefix))
        return NULL;
    return operand_test(p, q, &operand);
}

const struct filter_node *compare_file(struct parser *p, const struct qualifiers *q)
{
    struct operand operand = {.text = NULL};
    const char *name = p->token.text;
    if (p->token.kind != TOKEN_WORD)
        return complain_token(p, "a file's name was expected, not '%s' (`host in file bad-hosts.txt`)", name);
    if (q->word.unit != KIND_ADDRESS)
        return complain_token(p, "a file has addresses, and '%s' is none: `host in file %.64s`", q->word.name, name);
    for (size_t i = 0; i < p->set_count && operand.set == NULL; i++) {
        if (strcmp(p->sets[i].name, name) == 0)
            operand.set = p->sets[i].set;
    }
    if (operand.set == NULL)
        return complain_token(p, "no addresses came with '%.64s': a file is read by who asks, as `pavo find` does",
                              name);
    if (!filter_set_keep(p->build.filter, operand.set))
        return complain_token(p, "a filter names more than %u files", FILTER_SETS_MAX);
    advance(p);
    return operand_test(p, q, &operand);
}

const struct filter_node *compare_number(struct parser *p, const struct qualifiers *q, uint64_t value)
{
    struct operand operand = {.number = {.value = value, .last = value}};
    return operand_test(p, q, &operand);
}

const struct filter_node *compare_set(struct parser *p, const struct qualifiers *q)
{
    struct place place = {q->word.field, q->word.field, FILTER_EITHER};
    const struct filter_node *node = build_set(&p->build, place);
    /* What is set says something by that alone; the others may have a guard. */
    if (q->word.guard != GUARD_SET)
        node = build_guarded(&p->build, q->word.guard, place, node);
    return with_protocol(p, q, node);
}

/* ---------------------------------------------------------------- what is known */

static const struct filter_node *known_test(struct parser *p, const struct filter_word *word, enum filter_side side)
{
    unsigned field = side == FILTER_DST ? word->twin : word->field;
    struct place place = {field, field, FILTER_EITHER};
    return build_guarded(&p->build, side == FILTER_DST ? word->twin_guard : word->guard, place,
                         build_known(&p->build, field));
}

const struct filter_node *compare_known(struct parser *p, const struct qualifiers *q)
{
    const struct filter_word *word = &q->word;
    struct place place = {word->field, word->twin, q->side};
    if (word->plain != FILTER_VALUE_FIELD) /* all that it is made of */
        return number_leaf(p, word, place, FILTER_GE, word->plain == FILTER_VALUE_DURATION ? (uint64_t)INT64_MIN : 0);
    const struct filter_node *src = known_test(p, word, FILTER_SRC);
    if (word->twin == word->field || q->side == FILTER_SRC)
        return src;
    const struct filter_node *dst = known_test(p, word, FILTER_DST);
    return q->side == FILTER_DST ? dst
                                 : build_join(&p->build, q->side == FILTER_BOTH ? FILTER_AND : FILTER_OR, src, dst);
}
