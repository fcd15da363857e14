/* SPDX-License-Identifier: Apache-2.0 */
/* The filter language's grammar, by recursive descent:
 *
 *   expression = term { ("and" | "or") term }          the two bind alike, from the left, as tcpdump has it
 *   term       = ("not" term) | "(" expression ")" | primitive
 *   primitive  = [protocol] [side] [word] [comparison] value
 *
 * and, again as tcpdump has it, a value that stands where a primitive should takes the qualifiers of the last one:
 * `dst port 80 or 443`. docs/filter.md is the user's side of this. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/filter_build.h"
#include "common/filter_token.h"

/* What a primitive said before its value; kept for a bare value to take up. */
struct qualifiers {
    const struct filter_word *word; /* NULL: none yet */
    const struct filter_node *protocol;
    enum filter_side side;
    bool side_given;
    bool compared; /* an operator was written */
    enum filter_comparison comparison;
};

struct parser {
    const char *text;
    size_t at;
    struct token token; /* the next one, not yet taken */
    struct builder build;
    unsigned depth;
    struct qualifiers last;
    const struct filter_node *operands[FILTER_NODES_MAX];
    unsigned operand_count;
    enum result result;
    size_t error_at;
    struct error *err;
};

/* Functions below return NULL after this. Only the first complaint counts. */
static const struct filter_node *complain(struct parser *p, size_t at, const char *sentence)
{
    if (p->result == RESULT_OK) {
        p->result = error_set(p->err, RESULT_REJECT, "filter, character %zu: %s", at + 1, sentence);
        p->error_at = at;
    }
    return NULL;
}

__attribute__((format(printf, 2, 3))) static const struct filter_node *complain_token(struct parser *p,
                                                                                      const char *format, ...)
{
    char sentence[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);
    return complain(p, p->token.at, sentence);
}

/* The next token. A character that belongs to none ends the text there with a complaint. */
static void advance(struct parser *p)
{
    token_read(p->text, &p->at, &p->token);
    if (p->token.kind == TOKEN_BAD) {
        complain(p, p->token.at, p->token.text);
        p->token.kind = TOKEN_END;
    }
}

static bool token_is(const struct parser *p, const char *word)
{
    return p->token.kind == TOKEN_WORD && strcmp(p->token.text, word) == 0;
}

/* ---------------------------------------------------------------- primitives with a value */

/* The comparison itself on one side, or on a field without sides. */
static const struct filter_node *bare_test(struct parser *p, const struct filter_word *word, const struct qualifiers *q,
                                           enum filter_side side, const struct filter_operand *operand)
{
    enum filter_comparison comparison = q->comparison;
    if (word->mask != 0) {
        const struct filter_node *node =
            build_mask(&p->build, word->field, word->pair, side, word->mask, operand->value << word->shift);
        return comparison == FILTER_NE ? build_not(&p->build, node) : node;
    }
    if (operand->mask != 0 && !q->compared)
        return build_mask(&p->build, word->field, word->pair, side, operand->mask, operand->value);
    if (operand->last == operand->value)
        return build_compare(&p->build, word->field, word->pair, side, comparison, operand->value);
    /* A range of ports; `!=` is outside of it. */
    bool outside = comparison == FILTER_NE;
    const struct filter_node *low =
        build_compare(&p->build, word->field, word->pair, side, outside ? FILTER_LT : FILTER_GE, operand->value);
    if (low == NULL)
        return NULL;
    return build_join(
        &p->build, outside ? FILTER_OR : FILTER_AND, low,
        build_compare(&p->build, word->field, word->pair, side, outside ? FILTER_GT : FILTER_LE, operand->last));
}

/* `evidence isn` asks for either side's bit; more than one name's worth of bits asks for any of them. */
static const struct filter_node *evidence_test(struct parser *p, const struct qualifiers *q, const char *text,
                                               const struct filter_operand *operand)
{
    const struct filter_node *any = NULL;
    uint64_t bits = operand->value;
    if (isdigit((unsigned char)text[0])) { /* as a number: all of these bits */
        any = bits == 0 ? build_compare(&p->build, FLOW_FIELD_evidence, false, FILTER_EITHER, FILTER_EQ, 0)
                        : build_mask(&p->build, FLOW_FIELD_evidence, false, FILTER_EITHER, bits, bits);
    } else {
        for (; bits != 0; bits &= bits - 1) {
            uint64_t bit = bits & -bits;
            const struct filter_node *one = build_mask(&p->build, FLOW_FIELD_evidence, false, FILTER_EITHER, bit, bit);
            any = any == NULL ? one : build_join(&p->build, FILTER_OR, any, one);
            if (any == NULL)
                return NULL;
        }
    }
    return q->comparison == FILTER_NE ? build_not(&p->build, any) : any;
}

/* `word` against a value, on the sides asked for, each behind its guard. */
static const struct filter_node *field_test(struct parser *p, const struct qualifiers *q,
                                            const struct filter_operand *operand)
{
    const struct filter_word *word = q->word;
    if (!word->pair)
        return build_guarded(&p->build, word, FILTER_EITHER, bare_test(p, word, q, FILTER_EITHER, operand));
    /* `port != 80` is what `not port 80` is: neither side has it. */
    enum filter_side side = q->side_given || q->comparison != FILTER_NE ? q->side : FILTER_BOTH;
    bool one_side = side == FILTER_SRC || side == FILTER_DST;
    bool range = operand->last != operand->value;
    if (one_side || (!guard_is_sided(word->guard) && !range))
        return build_guarded(&p->build, word, side, bare_test(p, word, q, side, operand));
    const struct filter_node *src =
        build_guarded(&p->build, word, FILTER_SRC, bare_test(p, word, q, FILTER_SRC, operand));
    if (src == NULL)
        return NULL;
    return build_join(&p->build, side == FILTER_BOTH ? FILTER_AND : FILTER_OR, src,
                      build_guarded(&p->build, word, FILTER_DST, bare_test(p, word, q, FILTER_DST, operand)));
}

/* SUM and DURATION. */
static const struct filter_node *whole_test(struct parser *p, const struct qualifiers *q,
                                            const struct filter_operand *operand)
{
    struct filter_node *node = build_node(&p->build, FILTER_COMPARE);
    if (node == NULL)
        return NULL;
    node->value_of = q->word->plain;
    node->field = q->word->field;
    node->pair = q->word->pair;
    node->comparison = q->comparison;
    node->value = operand->value;
    return node;
}

static bool is_ordered(enum filter_unit unit)
{
    return unit <= FILTER_UNIT_PROTOCOL;
}

static const struct filter_node *number_primitive(struct parser *p, const struct qualifiers *q)
{
    const struct filter_word *word = q->word;
    struct filter_operand operand;
    struct error err;
    bool equality = q->comparison == FILTER_EQ || q->comparison == FILTER_NE;
    if (filter_value_parse(word, p->token.text, &operand, &err) != RESULT_OK)
        return complain(p, p->token.at, err.text);
    if (!equality && (!is_ordered(word->unit) || word->mask != 0))
        return complain_token(p, "'%s' has no order: compare with = or !=", word->name);
    if (!equality && operand.last != operand.value)
        return complain_token(p, "a range has no order: compare with = or !=");
    const struct filter_node *node;
    if (word->unit == FILTER_UNIT_EVIDENCE)
        node = evidence_test(p, q, p->token.text, &operand);
    else if (word->plain == FILTER_VALUE_DURATION || (word->plain == FILTER_VALUE_SUM && !q->side_given))
        node = whole_test(p, q, &operand);
    else
        node = field_test(p, q, &operand);
    advance(p);
    return node;
}

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

static bool prefix_from_text(const char *text, bool network, struct address_prefix *ret_prefix)
{
    char full[FILTER_WORD_MAX];
    if (network && net_complete(text, full))
        text = full;
    return (network || strchr(text, '/') == NULL) && address_prefix_parse(text, ret_prefix) == RESULT_OK;
}

/* The outer addresses of a tunnel are two plain columns each. */
static const struct filter_node *tunnel_end_test(struct parser *p, const struct qualifiers *q,
                                                 const struct address_prefix *prefix)
{
    struct address mask = address_prefix_mask(prefix->length);
    const struct filter_node *hi =
        build_mask(&p->build, q->word->field, false, FILTER_EITHER, mask.hi, prefix->address.hi);
    if (hi == NULL)
        return NULL;
    const struct filter_node *lo =
        build_mask(&p->build, q->word->field + 1, false, FILTER_EITHER, mask.lo, prefix->address.lo);
    const struct filter_node *both = build_join(&p->build, FILTER_AND, hi, lo);
    return build_guarded(&p->build, q->word, FILTER_EITHER,
                         q->comparison == FILTER_NE ? build_not(&p->build, both) : both);
}

static const struct filter_node *address_primitive(struct parser *p, const struct qualifiers *q)
{
    struct address_prefix prefix;
    const char *text = p->token.text;
    bool host = q->word->kind == FILTER_WORD_HOST;
    if (!prefix_from_text(text, !host, &prefix)) {
        struct address_prefix other;
        if (host && strpbrk(text, "./:") != NULL && prefix_from_text(text, true, &other))
            return complain_token(p, "'%s' is a network: use net", text);
        const char *meant = filter_word_nearest(text);
        if (host && meant != NULL)
            return complain_token(p, "'%s' is not an address; did you mean '%s'?", text, meant);
        if (host)
            return complain_token(p, "'%s' is not an address (names are not looked up)", text);
        return complain_token(p,
                              "'%s' is not a network such as 10.0.0.0/8 or 2001:db8::/32 (bits behind the prefix must "
                              "be zero)",
                              text);
    }
    if (q->comparison != FILTER_EQ && q->comparison != FILTER_NE)
        return complain_token(p, "an address has no order: compare with = or !=");
    const struct filter_node *node;
    if (q->word->kind == FILTER_WORD_TUNNEL_END) {
        node = tunnel_end_test(p, q, &prefix);
    } else {
        node = build_prefix(&p->build, q->side, &prefix);
        if (q->comparison == FILTER_NE)
            node = build_not(&p->build, node);
    }
    advance(p);
    return node;
}

static const struct filter_node *sensor_primitive(struct parser *p, const struct qualifiers *q)
{
    if (!sensor_name_valid(p->token.text))
        return complain_token(p, "'%s' is no sensor's name", p->token.text);
    if (q->comparison != FILTER_EQ && q->comparison != FILTER_NE)
        return complain_token(p, "a sensor's name has no order: compare with = or !=");
    struct filter_node *node = build_node(&p->build, FILTER_SENSOR);
    if (node == NULL)
        return NULL;
    memcpy(node->sensor, p->token.text, strlen(p->token.text) + 1);
    advance(p);
    return q->comparison == FILTER_NE ? build_not(&p->build, node) : node;
}

/* The value, with everything before it known. */
static const struct filter_node *value_primitive(struct parser *p, const struct qualifiers *q)
{
    if (p->token.kind != TOKEN_WORD)
        return complain_token(p, "'%s' needs a value, not '%s'", q->word->name, p->token.text);
    const struct filter_node *node;
    switch (q->word->kind) {
    case FILTER_WORD_HOST:
    case FILTER_WORD_NET:
    case FILTER_WORD_TUNNEL_END:
        node = address_primitive(p, q);
        break;
    case FILTER_WORD_SENSOR:
        node = sensor_primitive(p, q);
        break;
    default:
        node = number_primitive(p, q);
        break;
    }
    if (node == NULL)
        return NULL;
    p->last = *q;
    return q->protocol == NULL ? node : build_join(&p->build, FILTER_AND, q->protocol, node);
}

/* ---------------------------------------------------------------- what stands before a value */

/* src, dst, either, both, src or dst, src and dst. True: there was one. */
static bool read_side(struct parser *p, enum filter_side *ret_side)
{
    static const struct {
        const char *name;
        enum filter_side side;
    } sides[] = {{"src", FILTER_SRC}, {"dst", FILTER_DST}, {"either", FILTER_EITHER}, {"both", FILTER_BOTH}};
    for (size_t i = 0; i < sizeof(sides) / sizeof(*sides); i++) {
        if (!token_is(p, sides[i].name))
            continue;
        *ret_side = sides[i].side;
        advance(p);
        if (sides[i].side > FILTER_DST || (p->token.kind != TOKEN_AND && p->token.kind != TOKEN_OR))
            return true;
        /* `src or dst`: nothing else can follow, since `src` alone is no primitive. */
        bool both = p->token.kind == TOKEN_AND;
        advance(p);
        if (!token_is(p, sides[i].side == FILTER_SRC ? "dst" : "src")) {
            complain_token(p, "'%s' was expected (as in `src or dst port 53`)",
                           sides[i].side == FILTER_SRC ? "dst" : "src");
            return true;
        }
        advance(p);
        *ret_side = both ? FILTER_BOTH : FILTER_EITHER;
        return true;
    }
    return false;
}

static void read_comparison(struct parser *p, struct qualifiers *q)
{
    q->comparison = FILTER_EQ;
    q->compared = p->token.kind == TOKEN_COMPARISON;
    if (q->compared) {
        q->comparison = p->token.comparison;
        advance(p);
    }
}

/* A word that is a protocol or a family, as a primitive of its own. NULL with result OK: it is neither. */
static const struct filter_node *protocol_word(struct parser *p, const char *text, bool *ret_family)
{
    static const char *const transports[] = {"tcp",  "udp", "icmp", "icmp6", "sctp", "dccp", "udplite", "arp",
                                             "igmp", "gre", "esp",  "ah",    "ospf", "pim",  "vrrp"};
    *ret_family = strcmp(text, "ip") == 0 || strcmp(text, "ip6") == 0;
    if (*ret_family) {
        static const struct address_prefix mapped = {.address = {0, 0x0000ffff00000000u}, .length = 96};
        const struct filter_node *node = build_prefix(&p->build, FILTER_SRC, &mapped);
        return text[2] == '6' ? build_not(&p->build, node) : node;
    }
    for (size_t i = 0; i < sizeof(transports) / sizeof(*transports); i++) {
        if (strcmp(text, transports[i]) == 0)
            return build_protocol(&p->build, (uint64_t)protocol_by_name(text));
    }
    return NULL;
}

/* A bare value: the last primitive's qualifiers again, or an address by itself. */
static const struct filter_node *bare_primitive(struct parser *p, const struct qualifiers *q)
{
    enum filter_side side;
    const struct filter_word *host = filter_word_find("host", &side), *net = filter_word_find("net", &side);
    struct qualifiers again = *q;
    struct address_prefix prefix;
    bool fresh = q->protocol != NULL || q->side_given;
    if (!fresh && p->last.word != NULL && (!p->last.compared || p->last.comparison == FILTER_EQ)) {
        again = p->last;
    } else if (prefix_from_text(p->token.text, false, &prefix)) {
        again.word = host;
    } else if (strchr(p->token.text, '/') != NULL && prefix_from_text(p->token.text, true, &prefix)) {
        again.word = net;
    } else if (strcmp(p->token.text, "observer") == 0) {
        return complain_token(p, "'observer' counts within one batch: use sensor NAME");
    } else {
        const char *meant = filter_word_nearest(p->token.text);
        if (meant != NULL)
            return complain_token(p, "'%s' is no word of the filter language; did you mean '%s'?", p->token.text,
                                  meant);
        return complain_token(p, "'%s' is no word of the filter language, and no address", p->token.text);
    }
    return value_primitive(p, &again);
}

/* Without a value: `vlan`, `tunnel`. */
static bool stands_alone(const struct parser *p, const struct filter_word *word)
{
    return word->alone && p->token.kind != TOKEN_WORD && p->token.kind != TOKEN_COMPARISON;
}

static const struct filter_node *word_primitive(struct parser *p, struct qualifiers *q)
{
    enum filter_side side;
    const struct filter_word *word = p->token.kind == TOKEN_WORD ? filter_word_find(p->token.text, &side) : NULL;
    if (word == NULL) {
        if (p->token.kind == TOKEN_COMPARISON && q->side_given) { /* `src = 10.0.0.1` */
            read_comparison(p, q);
            if (p->token.kind == TOKEN_WORD)
                return bare_primitive(p, q);
        }
        if (p->token.kind != TOKEN_WORD)
            return complain_token(p, "a field, an address or a protocol was expected, not '%s'", p->token.text);
        return bare_primitive(p, q);
    }
    if (q->side_given && (!word->pair || side != FILTER_EITHER))
        return complain_token(p, "'%s' takes no src or dst", p->token.text);
    if (side != FILTER_EITHER) {
        q->side = side;
        q->side_given = true;
    }
    q->word = word;
    advance(p);
    if (word->unit == FILTER_UNIT_END && token_is(p, "reason"))
        advance(p);
    if (stands_alone(p, word)) {
        const struct filter_node *node = build_compare(&p->build, word->field, false, FILTER_EITHER, FILTER_NE, 0);
        return q->protocol == NULL ? node : build_join(&p->build, FILTER_AND, q->protocol, node);
    }
    read_comparison(p, q);
    return value_primitive(p, q);
}

static const struct filter_node *primitive(struct parser *p)
{
    struct qualifiers q = {.side = FILTER_EITHER};
    bool family = true, found = false;
    /* `tcp`, `ip6 tcp`, and both before more: `tcp dst port 22`. */
    while (p->token.kind == TOKEN_WORD && family) {
        const struct filter_node *node = protocol_word(p, p->token.text, &family);
        if (p->build.full)
            return NULL;
        if (node == NULL)
            break;
        found = true;
        q.protocol = q.protocol == NULL ? node : build_join(&p->build, FILTER_AND, q.protocol, node);
        if (q.protocol == NULL)
            return NULL;
        advance(p);
    }
    if (p->result != RESULT_OK || (found && p->token.kind != TOKEN_WORD))
        return p->result == RESULT_OK ? q.protocol : NULL;
    q.side_given = read_side(p, &q.side);
    return p->result == RESULT_OK ? word_primitive(p, &q) : NULL;
}

/* ---------------------------------------------------------------- expressions */

static const struct filter_node *expression(struct parser *p);

static const struct filter_node *term(struct parser *p)
{
    const struct filter_node *node;
    if (p->token.kind != TOKEN_NOT && p->token.kind != TOKEN_OPEN)
        return primitive(p);
    if (p->depth == FILTER_DEPTH_MAX)
        return complain_token(p, "more than %u levels of not and parentheses", FILTER_DEPTH_MAX);
    p->depth++;
    bool negated = p->token.kind == TOKEN_NOT;
    advance(p);
    if (negated) {
        node = build_not(&p->build, term(p));
    } else {
        node = expression(p);
        if (node != NULL && p->token.kind != TOKEN_CLOSE)
            node = complain_token(p, "')' or another `and` or `or` was expected, not '%s'", p->token.text);
        else if (node != NULL)
            advance(p);
    }
    p->depth--;
    return node;
}

static bool push(struct parser *p, const struct filter_node *node)
{
    if (node == NULL)
        return false;
    if (p->operand_count == FILTER_NODES_MAX) {
        complain_token(p, "the filter has more than %u parts", FILTER_NODES_MAX);
        return false;
    }
    p->operands[p->operand_count++] = node;
    return true;
}

static const struct filter_node *fold(struct parser *p, enum filter_op op, unsigned base)
{
    const struct filter_node *node = build_balanced(&p->build, op, p->operands + base, p->operand_count - base);
    p->operand_count = base;
    return node;
}

static const struct filter_node *expression(struct parser *p)
{
    unsigned base = p->operand_count;
    enum filter_op op = FILTER_AND;
    if (!push(p, term(p)))
        return NULL;
    while (p->token.kind == TOKEN_AND || p->token.kind == TOKEN_OR) {
        enum filter_op next = p->token.kind == TOKEN_AND ? FILTER_AND : FILTER_OR;
        if (next != op && !push(p, fold(p, op, base)))
            return NULL;
        op = next;
        advance(p);
        if (!push(p, term(p)))
            return NULL;
    }
    return fold(p, op, base);
}

static unsigned depth_of(const struct filter_node *node)
{
    if (node == NULL)
        return 0;
    unsigned left = depth_of(node->left), right = depth_of(node->right);
    return 1 + (left > right ? left : right);
}

static void parse_all(struct parser *p)
{
    advance(p);
    const struct filter_node *root;
    if (p->token.kind == TOKEN_END) {
        root = build_node(&p->build, FILTER_TRUE);
    } else {
        root = expression(p);
        if (root != NULL && p->token.kind != TOKEN_END)
            root = complain_token(p, "`and` or `or` was expected, not '%s'", p->token.text);
    }
    if (p->build.full)
        complain_token(p, "the filter has more than %u parts", FILTER_NODES_MAX);
    if (p->result != RESULT_OK)
        return;
    if (depth_of(root) > FILTER_DEPTH_MAX)
        complain(p, 0, "and and or alternate too often: use parentheses to group them");
    else
        filter_root_set(p->build.filter, root);
}

enum result filter_parse(const char *text, struct filter **ret_filter, size_t *ret_offset, struct error *err)
{
    struct parser *p = calloc(1, sizeof(*p));
    if (p == NULL)
        return error_set(err, RESULT_FATAL, "filter: out of memory");
    p->text = text;
    p->err = err;
    p->build.filter = filter_new();
    if (p->build.filter == NULL)
        p->result = error_set(err, RESULT_FATAL, "filter: out of memory");
    else if (strnlen(text, FILTER_TEXT_MAX + 1) > FILTER_TEXT_MAX)
        complain(p, FILTER_TEXT_MAX, "the filter is longer than 4096 characters");
    else
        parse_all(p);
    enum result result = p->result;
    if (result == RESULT_OK)
        *ret_filter = p->build.filter;
    else
        filter_destroy(&p->build.filter);
    if (result == RESULT_REJECT && ret_offset != NULL)
        *ret_offset = p->error_at;
    free(p);
    return result;
}
