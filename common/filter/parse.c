/* SPDX-License-Identifier: Apache-2.0 */
/* The filter language's grammar, by recursive descent:
 *
 *   expression = term { ("and" | "or") term }          the two bind alike, from the left, as tcpdump has it
 *   term       = ("not" term) | "(" expression ")" | primitive
 *   primitive  = [protocol] [side] [word] [comparison] value | [protocol] word
 *
 * and, again as tcpdump has it, a value that stands where a primitive should takes the qualifiers of the last one:
 * `dst port 80 or 443`. docs/filter.md is the user's side of this. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/filter/build.h"
#include "common/filter/token.h"
#include "common/records/flow.h"

/* What a primitive said before its value; kept for a bare value to take up. */
struct qualifiers {
    struct filter_word word; /* .name NULL: none yet */
    const struct filter_node *protocol;
    enum filter_side side;
    bool side_given;
    bool compared; /* an operator was written */
    enum filter_comparison comparison;
};

struct parser {
    const struct record_kind *kind;
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

/* Functions below return NULL after this, or false (which this is `!= NULL`). Only the first complaint counts. */
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
    return p->token.kind == TOKEN_WORD && !p->token.quoted && strcmp(p->token.text, word) == 0;
}

/* ---------------------------------------------------------------- primitives with a value */

/* A value as it was understood, by the word's unit. */
struct operand {
    struct filter_operand number;
    struct address_prefix prefix;
    const char *text; /* the filter's own */
};

/* More than one leaf: on a pair each side needs its own. */
static bool takes_several(const struct filter_word *word, const struct operand *operand)
{
    return operand->number.last != operand->number.value ||
           (word->unit == KIND_BITS && __builtin_popcountll(operand->number.value) > 1);
}

/* A range of ports, or of odds that are one share; `!=` is outside of it. */
static const struct filter_node *range_test(struct parser *p, struct place place, enum filter_comparison comparison,
                                            const struct filter_operand *operand)
{
    struct builder *b = &p->build;
    switch (comparison) {
    case FILTER_LT:
    case FILTER_GE:
        return build_compare(b, place, comparison, operand->value);
    case FILTER_LE:
    case FILTER_GT:
        return build_compare(b, place, comparison, operand->last);
    case FILTER_EQ:
    case FILTER_NE:
        break;
    }
    bool outside = comparison == FILTER_NE;
    const struct filter_node *low = build_compare(b, place, outside ? FILTER_LT : FILTER_GE, operand->value);
    if (low == NULL)
        return NULL;
    return build_join(b, outside ? FILTER_OR : FILTER_AND, low,
                      build_compare(b, place, outside ? FILTER_GT : FILTER_LE, operand->last));
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
    const struct filter_node *list[64];
    unsigned count = 0;
    for (; bits != 0; bits &= bits - 1) {
        uint64_t bit = bits & -bits;
        list[count] = build_mask(b, place, comparison, bit, bit);
        if (list[count++] == NULL)
            return NULL;
    }
    return build_balanced(b, comparison == FILTER_NE ? FILTER_AND : FILTER_OR, list, count);
}

static const struct filter_node *number_test(struct parser *p, const struct qualifiers *q, struct place place,
                                             enum filter_comparison comparison, const struct filter_operand *operand)
{
    const struct filter_word *word = &q->word;
    if (word->unit == KIND_BITS)
        return bits_test(p, place, comparison, operand);
    if (word->mask != 0)
        return build_mask(&p->build, place, comparison, word->mask, operand->value << word->shift);
    if (operand->mask != 0 && !q->compared)
        return build_mask(&p->build, place, comparison, operand->mask, operand->value);
    if (operand->last != operand->value)
        return range_test(p, place, comparison, operand);
    return build_compare(&p->build, place, comparison, operand->value);
}

/* The comparison itself in one place. */
static const struct filter_node *bare_test(struct parser *p, const struct qualifiers *q, struct place place,
                                           enum filter_comparison comparison, const struct operand *operand)
{
    struct filter_node *node;
    switch (q->word.unit) {
    case KIND_ADDRESS:
        node = build_leaf(&p->build, FILTER_ADDRESS, place, comparison);
        if (node != NULL)
            node->prefix = operand->prefix;
        return node;
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

/* SUM and DURATION. */
static const struct filter_node *whole_test(struct parser *p, const struct qualifiers *q, const struct operand *operand)
{
    struct place place = {q->word.field, q->word.twin, FILTER_EITHER};
    struct filter_node *node = build_leaf(&p->build, FILTER_COMPARE, place, q->comparison);
    if (node != NULL) {
        node->value_of = q->word.plain;
        node->value = operand->number.value;
    }
    return node;
}

static bool is_ordered(const struct filter_word *word)
{
    switch (word->unit) {
    case KIND_ADDRESS:
    case KIND_OBSERVER:
    case KIND_TEXT:
    case KIND_MAC:
    case KIND_TCP_FLAGS:
    case KIND_HISTORY:
    case KIND_FLAG:
    case KIND_WORD:
    case KIND_BITS:
        return false;
    default:
        return word->mask == 0;
    }
}

static bool read_number(struct parser *p, const struct qualifiers *q, struct operand *operand)
{
    struct error err;
    bool equality = q->comparison == FILTER_EQ || q->comparison == FILTER_NE;
    if (filter_value_parse(&q->word, p->token.text, &operand->number, &err) != RESULT_OK)
        return complain(p, p->token.at, err.text) != NULL;
    if (!equality && q->word.unit == KIND_PORT && operand->number.last != operand->number.value)
        return complain_token(p, "a range has no order: compare with = or !=") != NULL;
    return true;
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

static bool read_prefix(struct parser *p, const struct qualifiers *q, struct operand *operand)
{
    const char *text = p->token.text;
    bool host = q->word.host;
    struct address_prefix other;
    if (prefix_from_text(text, !host, &operand->prefix))
        return true;
    if (!host)
        return complain_token(p,
                              "'%.64s' is not a network such as 10.0.0.0/8 or 2001:db8::/32 (bits behind the prefix "
                              "must be zero)",
                              text) != NULL;
    if (strpbrk(text, "./:") != NULL && prefix_from_text(text, true, &other))
        return complain_token(p, "'%.64s' is a network: use net", text) != NULL;
    const char *meant = filter_word_nearest(p->kind, text);
    if (meant != NULL)
        return complain_token(p, "'%.64s' is not an address; did you mean '%s'?", text, meant) != NULL;
    return complain_token(p, "'%.64s' is not an address (names are not looked up)", text) != NULL;
}

static bool read_text(struct parser *p, const struct qualifiers *q, struct operand *operand)
{
    if (q->word.unit == KIND_OBSERVER && !observer_name_valid(p->token.text))
        return complain_token(p, "'%.64s' is no sensor's name", p->token.text) != NULL;
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
    if (read && !equality && !is_ordered(&q->word))
        return complain_token(p, "'%s' has no order: compare with = or !=", q->word.name) != NULL;
    return read;
}

/* The value, with everything before it known. */
static const struct filter_node *value_primitive(struct parser *p, const struct qualifiers *q)
{
    struct operand operand = {.text = NULL};
    if (p->token.kind != TOKEN_WORD)
        return complain_token(p, "'%s' needs a value, not '%s'", q->word.name, p->token.text);
    if (!read_operand(p, q, &operand))
        return NULL;
    const struct filter_node *node =
        q->word.plain == FILTER_VALUE_FIELD ? field_test(p, q, &operand) : whole_test(p, q, &operand);
    if (node == NULL)
        return NULL;
    advance(p);
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

/* The text of a protocol or a family, as a primitive of its own. NULL with result OK: it is neither. */
static const struct filter_node *protocol_word(struct parser *p, const char *text, bool *ret_family)
{
    static const char *const transports[] = {"tcp",  "udp", "icmp", "icmp6", "sctp", "dccp", "udplite", "arp",
                                             "igmp", "gre", "esp",  "ah",    "ospf", "pim",  "vrrp"};
    struct filter_word word;
    enum filter_side side;
    *ret_family = strcmp(text, "ip") == 0 || strcmp(text, "ip6") == 0;
    bool transport = false;
    for (size_t i = 0; i < sizeof(transports) / sizeof(*transports); i++)
        transport = transport || strcmp(text, transports[i]) == 0;
    if (!*ret_family && !transport)
        return NULL;
    if (!filter_word_find(p->kind, transport ? "proto" : "host", &word, &side))
        return complain_token(p, "%s %s has no %s, and so no '%s'", filter_article(p->kind), p->kind->name,
                              transport ? "protocol" : "addresses", text);
    if (transport)
        return build_protocol(&p->build, (uint64_t)protocol_by_name(text));
    struct place place = {word.field, word.twin, word.twin == word.field ? FILTER_EITHER : FILTER_SRC};
    struct filter_node *node = build_leaf(&p->build, FILTER_ADDRESS, place, text[2] == '6' ? FILTER_NE : FILTER_EQ);
    if (node != NULL)
        node->prefix = (struct address_prefix){.address = {0, 0x0000ffff00000000u}, .length = 96};
    return node;
}

/* `src ttl` is about that side alone, and so is every value that takes it up. */
static const struct filter_node *complain_side(struct parser *p, const char *name)
{
    return complain_token(p, "'%s' takes no src or dst", name);
}

/* Without a word: the last primitive's qualifiers again, or an address by itself. */
static const struct filter_node *bare_primitive(struct parser *p, const struct qualifiers *q)
{
    enum filter_side side;
    struct qualifiers again = *q;
    struct address_prefix prefix;
    bool fresh = q->protocol != NULL || q->side_given;
    const char *text = p->token.text, *word = NULL;
    if (!fresh && p->last.word.name != NULL && (!p->last.compared || p->last.comparison == FILTER_EQ)) {
        again = p->last;
        return value_primitive(p, &again);
    }
    if (prefix_from_text(text, false, &prefix))
        word = "host";
    else if (strchr(text, '/') != NULL && prefix_from_text(text, true, &prefix))
        word = "net";
    if (word == NULL && p->token.quoted)
        return complain_token(p, "a field, an address or a protocol was expected, not \"%s\"", text);
    if (word == NULL) {
        char sentence[256];
        filter_word_refuse(p->kind, text, sentence, sizeof(sentence));
        return complain(p, p->token.at, sentence);
    }
    if (!filter_word_find(p->kind, word, &again.word, &side))
        return complain_token(p, "%s %s has no addresses", filter_article(p->kind), p->kind->name);
    if (again.side_given && !filter_word_has_sides(&again.word))
        return complain_side(p, word);
    return value_primitive(p, &again);
}

/* Without a value: `vlan`, `tunnel`, `last`. */
static const struct filter_node *lone_primitive(struct parser *p, const struct qualifiers *q)
{
    struct place place = {q->word.field, q->word.field, FILTER_EITHER};
    const struct filter_node *node = build_set(&p->build, place);
    /* What is set says something by that alone; the others may have a guard. */
    if (q->word.guard != GUARD_SET)
        node = build_guarded(&p->build, q->word.guard, place, node);
    return q->protocol == NULL || node == NULL ? node : build_join(&p->build, FILTER_AND, q->protocol, node);
}

static const struct filter_node *word_primitive(struct parser *p, struct qualifiers *q)
{
    enum filter_side side;
    bool is_word = p->token.kind == TOKEN_WORD && !p->token.quoted;
    if (!is_word || !filter_word_find(p->kind, p->token.text, &q->word, &side)) {
        if (p->token.kind == TOKEN_COMPARISON && q->side_given) { /* `src = 10.0.0.1` */
            read_comparison(p, q);
            if (p->token.kind == TOKEN_WORD)
                return bare_primitive(p, q);
        }
        if (p->token.kind != TOKEN_WORD)
            return complain_token(p, "a field, an address or a protocol was expected, not '%s'", p->token.text);
        return bare_primitive(p, q);
    }
    if (q->side_given && (!filter_word_has_sides(&q->word) || side != FILTER_EITHER))
        return complain_side(p, p->token.text);
    if (side != FILTER_EITHER) {
        q->side = side;
        q->side_given = true;
    }
    if (q->side_given && q->word.plain == FILTER_VALUE_SUM)
        q->word.plain = FILTER_VALUE_FIELD;
    bool end = token_is(p, "end");
    advance(p);
    if (end && token_is(p, "reason"))
        advance(p);
    if (q->word.alone && p->token.kind != TOKEN_WORD && p->token.kind != TOKEN_COMPARISON)
        return lone_primitive(p, q);
    read_comparison(p, q);
    return value_primitive(p, q);
}

static const struct filter_node *primitive(struct parser *p)
{
    struct qualifiers q = {.side = FILTER_EITHER};
    bool family = true, found = false;
    /* `tcp`, `ip6 tcp`, and both before more: `tcp dst port 22`. */
    while (p->token.kind == TOKEN_WORD && !p->token.quoted && family) {
        const struct filter_node *node = protocol_word(p, p->token.text, &family);
        if (p->build.full || p->result != RESULT_OK)
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

enum result filter_parse(const struct record_kind *kind, const char *text, struct filter **ret_filter,
                         size_t *ret_offset, struct error *err)
{
    struct parser *p = calloc(1, sizeof(*p));
    if (p == NULL)
        return error_set(err, RESULT_FATAL, "filter: out of memory");
    p->kind = kind;
    p->text = text;
    p->err = err;
    p->build.filter = filter_new(kind, text);
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
