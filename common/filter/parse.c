/* SPDX-License-Identifier: Apache-2.0 */
/* The filter language's grammar, by recursive descent:
 *
 *   expression = term { ("and" | "or") term }          the two bind alike, from the left, as tcpdump has it
 *   term       = ("not" term) | "(" expression ")" | primitive
 *   primitive  = [protocol] [side] [word] [comparison] values | [protocol] word | "known" [side] word
 *   values     = value { "," value } | "[" { value } "]" | "(" expression of values ")"
 *
 * and, again as tcpdump has it, a value that stands where a primitive should takes the qualifiers of the last one:
 * `dst port 80 or 443`. docs/filter.md is the user's side of this. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/filter/parser.h"
#include "common/records/flow.h"

const struct filter_node *complain(struct parser *p, size_t at, const char *sentence)
{
    if (p->result == RESULT_OK) {
        p->result = error_set(p->err, RESULT_REJECT, "filter, character %zu: %s", at + 1, sentence);
        p->error_at = at;
    }
    return NULL;
}

const struct filter_node *complain_token(struct parser *p, const char *format, ...)
{
    char sentence[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);
    return complain(p, p->token.at, sentence);
}

void advance(struct parser *p)
{
    token_read(p->text, &p->at, &p->token);
    if (p->token.kind == TOKEN_BAD) {
        complain(p, p->token.at, p->token.text);
        p->token.kind = TOKEN_END;
    }
}

struct token peek(const struct parser *p)
{
    size_t at = p->at;
    struct token token;
    token_read(p->text, &at, &token);
    return token;
}

bool token_is(const struct parser *p, const char *name)
{
    return p->token.kind == TOKEN_WORD && !p->token.quoted && strcmp(p->token.name, name) == 0;
}

bool take(struct parser *p, const char *name)
{
    bool is = token_is(p, name);
    if (is)
        advance(p);
    return is;
}

/* ---------------------------------------------------------------- what stands before a value */

bool read_side(struct parser *p, enum filter_side *ret_side)
{
    static const struct {
        const char *name;
        enum filter_side side;
    } sides[] = {{"src", FILTER_SRC},
                 {"dst", FILTER_DST},
                 {"either", FILTER_EITHER},
                 {"any", FILTER_EITHER},
                 {"both", FILTER_BOTH}};
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

void read_comparison(struct parser *p, struct qualifiers *q)
{
    static const struct {
        const char *name;
        enum filter_comparison comparison;
    } names[] = {{"eq", FILTER_EQ}, {"ne", FILTER_NE}, {"lt", FILTER_LT},
                 {"le", FILTER_LE}, {"gt", FILTER_GT}, {"ge", FILTER_GE}};
    q->comparison = FILTER_EQ;
    q->compared = p->token.kind == TOKEN_COMPARISON;
    if (q->compared) {
        q->comparison = p->token.comparison;
        advance(p);
        return;
    }
    for (size_t i = 0; !q->compared && i < sizeof(names) / sizeof(*names); i++) {
        if (token_is(p, names[i].name)) {
            q->compared = true;
            q->comparison = names[i].comparison;
            advance(p);
        }
    }
    if (token_is(p, "contains") || token_is(p, "matches"))
        complain_token(p, "texts are compared as a whole: = or !=");
}

/* ---------------------------------------------------------------- values */

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

static const struct filter_node *term(struct parser *p, const struct qualifiers *q);

/* The values of a list joined: one of them, with != none. */
static enum filter_op list_op(const struct qualifiers *q)
{
    return q->comparison == FILTER_NE ? FILTER_AND : FILTER_OR;
}

static bool may_be_many(struct parser *p, const struct qualifiers *q)
{
    return q->comparison == FILTER_EQ || q->comparison == FILTER_NE ||
           complain_token(p, "a list has no order: compare with = or !=") != NULL;
}

/* `[80 443]`, `{80, 443}`, whatever else stands between the values. */
static const struct filter_node *value_list(struct parser *p, const struct qualifiers *q)
{
    unsigned base = p->operand_count;
    advance(p);
    while (p->result == RESULT_OK && p->token.kind != TOKEN_LIST_END) {
        if (p->token.kind == TOKEN_END)
            return complain_token(p, "another value or the end of the list, ']', was expected");
        if (!push(p, compare(p, q)))
            return NULL;
        if (p->token.kind == TOKEN_COMMA)
            advance(p);
    }
    if (p->operand_count == base)
        return complain_token(p, "a list without values matches nothing");
    advance(p);
    return fold(p, list_op(q), base);
}

const struct filter_node *values(struct parser *p, const struct qualifiers *q)
{
    unsigned base = p->operand_count;
    bool terms = p->token.kind == TOKEN_OPEN || p->token.kind == TOKEN_NOT; /* `port (80 or 443)`, `port not 80` */
    bool many = p->token.kind == TOKEN_LIST || terms;
    if (p->result != RESULT_OK || (many && !may_be_many(p, q)))
        return NULL;
    if (p->token.kind == TOKEN_LIST)
        return value_list(p, q);
    if (terms)
        return q->comparison == FILTER_EQ
                   ? term(p, q)
                   : complain_token(p, "with != several values stand in [ ]: %s != [80 443]", q->word.name);
    if (!push(p, compare(p, q)))
        return NULL;
    while (p->token.kind == TOKEN_COMMA) {
        if (!may_be_many(p, q))
            return NULL;
        /* `bytes 1,500` is one number to whoever writes it so. */
        if (q->word.unit == KIND_COUNT || q->word.unit == KIND_BYTES)
            return complain_token(p, "numbers have no commas: 1500, or a list: %s in [1 500]", q->word.name);
        advance(p);
        if (!push(p, compare(p, q)))
            return NULL;
    }
    return fold(p, list_op(q), base);
}

/* `in [...]`, `not in [...]` in place of a comparison. */
static bool read_in(struct parser *p, struct qualifiers *q)
{
    bool none = p->token.kind == TOKEN_NOT && strcmp(peek(p).name, "in") == 0;
    if (none)
        advance(p);
    if (!token_is(p, "in"))
        return false;
    advance(p);
    q->comparison = none ? FILTER_NE : FILTER_EQ;
    q->compared = true;
    if (p->token.kind != TOKEN_LIST && p->token.kind != TOKEN_OPEN && !token_is(p, "file"))
        complain_token(p, "a list was expected, not '%s' (`port in [80 443]`, `host in file NAME`)", p->token.text);
    return true;
}

static const struct filter_node *compared_values(struct parser *p, struct qualifiers *q)
{
    bool in = read_in(p, q);
    if (!in)
        read_comparison(p, q);
    if (in && p->result == RESULT_OK && take(p, "file"))
        return compare_file(p, q);
    const struct filter_node *node = values(p, q);
    if (node != NULL)
        p->last = *q;
    return node;
}

/* ---------------------------------------------------------------- protocols and families */

static const struct {
    const char *name;
    char family; /* '4', '6'; 0: a protocol */
} protocols[] = {{"ip", '4'},    {"ip4", '4'},   {"ipv4", '4'}, {"inet", '4'}, {"ip6", '6'}, {"ipv6", '6'},
                 {"inet6", '6'}, {"tcp", 0},     {"udp", 0},    {"icmp", 0},   {"icmp6", 0}, {"sctp", 0},
                 {"dccp", 0},    {"udplite", 0}, {"arp", 0},    {"igmp", 0},   {"gre", 0},   {"esp", 0},
                 {"ah", 0},      {"ospf", 0},    {"pim", 0},    {"vrrp", 0},   {"icmpv6", 0}};

static const struct filter_node *family_node(struct parser *p, const struct filter_word *word, bool six)
{
    static const struct address_prefix mapped = {.address = {0, 0x0000ffff00000000u}, .length = 96};
    struct place place = {word->field, word->twin, word->twin == word->field ? FILTER_EITHER : FILTER_SRC};
    return build_address(&p->build, place, six ? FILTER_NE : FILTER_EQ, &mapped);
}

/* NULL with result OK: it is neither. */
static const struct filter_node *protocol_find(struct parser *p, const char *name, bool *ret_family)
{
    struct filter_word word;
    enum filter_side side;
    size_t i = 0;
    while (i < sizeof(protocols) / sizeof(*protocols) && strcmp(protocols[i].name, name) != 0)
        i++;
    if (i == sizeof(protocols) / sizeof(*protocols))
        return NULL;
    *ret_family = protocols[i].family != 0;
    if (!filter_word_find(p->kind, *ret_family ? "host" : "proto", &word, &side))
        return complain_token(p, "%s %s has no %s, and so no '%s'", filter_article(p->kind), p->kind->name,
                              *ret_family ? "addresses" : "protocol", name);
    if (*ret_family)
        return family_node(p, &word, protocols[i].family == '6');
    return build_protocol(&p->build, (uint64_t)protocol_by_name(strcmp(name, "icmpv6") == 0 ? "icmp6" : name));
}

const struct filter_node *protocol_node(struct parser *p, const char *name)
{
    bool family;
    return protocol_find(p, name, &family);
}

const struct filter_node *protocol_primitive(struct parser *p, const char *name)
{
    const struct filter_node *node = protocol_node(p, name);
    advance(p);
    return node;
}

/* ---------------------------------------------------------------- primitives */

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
    uint16_t port;
    char net[NET_TEXT_MAX];
    bool fresh = q->protocol != NULL || q->side_given;
    const char *text = p->token.text, *word = NULL;
    if (!fresh && p->last.word.name != NULL && (!p->last.compared || p->last.comparison == FILTER_EQ)) {
        again = p->last;
        return values(p, &again);
    }
    if (prefix_from_text(text, false, &prefix) || endpoint_from_text(text, &prefix, &port))
        word = "host";
    else if (strchr(text, '/') != NULL && prefix_from_text(text, true, &prefix))
        word = "net";
    else if (strncmp(text, "1:", 2) == 0 && strlen(text) == 30) /* as it stands in other tools' logs */
        word = "community_id";
    if (word == NULL && net_around(text, net))
        return complain_token(p, "'%.64s' is an address in a network: net %s", text, net);
    if (word == NULL && p->token.quoted)
        return complain_token(p, "a field, an address or a protocol was expected, not \"%s\"", text);
    if (word == NULL) {
        char sentence[256];
        filter_word_refuse(p->kind, p->token.name, p->token.text, sentence, sizeof(sentence));
        return complain(p, p->token.at, sentence);
    }
    if (!filter_word_find(p->kind, word, &again.word, &side))
        return complain_token(p, "%s %s has no %s", filter_article(p->kind), p->kind->name,
                              strcmp(word, "community_id") == 0 ? "Community ID" : "addresses");
    if (again.side_given && !filter_word_has_sides(&again.word))
        return complain_side(p, word);
    const struct filter_node *node = values(p, &again);
    if (node != NULL)
        p->last = again;
    return node;
}

/* Words of two words, and the one they are. */
static const struct {
    const char *first, *second, *word;
} doubles[] = {{"end", "reason", "end_reason"},
               {"first", "seen", "first_time"},
               {"last", "seen", "last_time"},
               {"in", "if", "interface"},
               {"out", "if", "out_interface"}};

/* The next token as a word of the kind. False: it is none. `q` gets the word, and its side and protocol where it says
 * one. */
static bool find_word(struct parser *p, struct qualifiers *q)
{
    enum filter_side side;
    const char *name = p->token.name;
    if (p->token.kind != TOKEN_WORD || p->token.quoted)
        return false;
    for (size_t i = 0; i < sizeof(doubles) / sizeof(*doubles); i++) {
        if (!token_is(p, doubles[i].first) || strcmp(peek(p).name, doubles[i].second) != 0)
            continue;
        advance(p);
        name = doubles[i].word;
    }
    if (!filter_word_find(p->kind, name, &q->word, &side))
        return false;
    if (q->side_given && (!filter_word_has_sides(&q->word) || side != FILTER_EITHER))
        return complain_side(p, p->token.text) != NULL;
    if (side != FILTER_EITHER) {
        q->side = side;
        q->side_given = true;
    }
    if (q->side_given && q->word.plain == FILTER_VALUE_SUM)
        q->word.plain = FILTER_VALUE_FIELD;
    const struct borrowed *borrowed = borrowed_word(name);
    if (borrowed != NULL && borrowed->protocol != NULL)
        q->protocol = q->protocol == NULL
                          ? protocol_node(p, borrowed->protocol)
                          : build_join(&p->build, FILTER_AND, q->protocol, protocol_node(p, borrowed->protocol));
    return true;
}

static bool ends_primitive(const struct parser *p)
{
    return p->token.kind != TOKEN_WORD && p->token.kind != TOKEN_COMPARISON && p->token.kind != TOKEN_LIST &&
           (p->token.kind != TOKEN_OPEN) && !(p->token.kind == TOKEN_NOT && strcmp(peek(p).name, "in") == 0);
}

/* `in file NAME`, `src in [...]` without a word: of addresses. */
static const struct filter_node *in_primitive(struct parser *p, struct qualifiers *q)
{
    enum filter_side side;
    if (!filter_word_find(p->kind, "net", &q->word, &side))
        return complain_token(p, "%s %s has no addresses", filter_article(p->kind), p->kind->name);
    if (q->side_given && !filter_word_has_sides(&q->word))
        return complain_side(p, "net");
    return compared_values(p, q);
}

static bool is_in(const struct parser *p)
{
    struct token next = peek(p);
    return token_is(p, "in") ? next.kind == TOKEN_LIST || strcmp(next.name, "file") == 0
                             : p->token.kind == TOKEN_NOT && strcmp(next.name, "in") == 0;
}

static const struct filter_node *word_primitive(struct parser *p, struct qualifiers *q)
{
    if (is_in(p))
        return in_primitive(p, q);
    if (!find_word(p, q)) {
        if (p->result == RESULT_OK && p->token.kind == TOKEN_COMPARISON && q->side_given) { /* `src = 10.0.0.1` */
            read_comparison(p, q);
            if (p->token.kind == TOKEN_WORD)
                return bare_primitive(p, q);
        }
        if (p->token.kind != TOKEN_WORD)
            return complain_token(p, "a field, an address or a protocol was expected, not '%s'", p->token.text);
        return bare_primitive(p, q);
    }
    advance(p);
    if (q->word.alone && ends_primitive(p))
        return compare_set(p, q);
    return compared_values(p, q);
}

/* `known [src|dst] FIELD` */
static const struct filter_node *known_primitive(struct parser *p)
{
    struct qualifiers q = {.side = FILTER_EITHER};
    advance(p);
    q.side_given = read_side(p, &q.side);
    if (p->result == RESULT_OK && find_word(p, &q)) {
        advance(p);
        return compare_known(p, &q);
    }
    if (p->token.kind != TOKEN_WORD)
        return complain_token(p, "a field was expected, not '%s' (`known server_rtt`)", p->token.text);
    char sentence[256];
    filter_word_refuse(p->kind, p->token.name, p->token.text, sentence, sizeof(sentence));
    return complain(p, p->token.at, sentence);
}

/* `any`, `all`: every record. `any port 53` is the side. */
static bool is_everything(const struct parser *p)
{
    struct token next = peek(p);
    return token_is(p, "all") || (token_is(p, "any") && next.kind != TOKEN_WORD && next.kind != TOKEN_COMPARISON);
}

/* `tcp`, `ip6 tcp`, and both before more: `tcp dst port 22`. False after a complaint. */
static bool read_protocols(struct parser *p, struct qualifiers *q, bool *ret_family)
{
    bool family = true;
    *ret_family = false;
    while (p->token.kind == TOKEN_WORD && !p->token.quoted && family) {
        struct token next = peek(p);
        if (next.kind == TOKEN_LIST || strcmp(next.name, "in") == 0) /* `tcp[tcpflags]`, `ip in [...]` */
            break;
        const struct filter_node *node = protocol_find(p, p->token.name, &family);
        if (p->build.full || p->result != RESULT_OK)
            return false;
        if (node == NULL)
            break;
        *ret_family = *ret_family || family;
        q->protocol = q->protocol == NULL ? node : build_join(&p->build, FILTER_AND, q->protocol, node);
        if (q->protocol == NULL)
            return false;
        advance(p);
    }
    return p->result == RESULT_OK;
}

static const struct filter_node *primitive(struct parser *p)
{
    struct qualifiers q = {.side = FILTER_EITHER};
    bool family;
    if (is_everything(p)) {
        advance(p);
        return build_node(&p->build, FILTER_TRUE);
    }
    if (token_is(p, "known"))
        return known_primitive(p);
    if (!read_protocols(p, &q, &family))
        return NULL;
    const struct filter_node *node = packet_primitive(p, family);
    if (node != NULL && q.protocol != NULL)
        node = build_join(&p->build, FILTER_AND, q.protocol, node);
    if (node != NULL || p->result != RESULT_OK || p->build.full)
        return node;
    if (q.protocol != NULL && p->token.kind != TOKEN_WORD)
        return q.protocol;
    q.side_given = read_side(p, &q.side);
    return p->result == RESULT_OK ? word_primitive(p, &q) : NULL;
}

/* ---------------------------------------------------------------- expressions */

static const struct filter_node *expression(struct parser *p, const struct qualifiers *q);

/* With `q` what stands here are values of it: `dst port (80 or 443)`. */
static const struct filter_node *term(struct parser *p, const struct qualifiers *q)
{
    const struct filter_node *node;
    if (p->token.kind != TOKEN_NOT && p->token.kind != TOKEN_OPEN)
        return q == NULL ? primitive(p) : compare(p, q);
    if (p->depth == FILTER_DEPTH_MAX)
        return complain_token(p, "more than %u levels of not and parentheses", FILTER_DEPTH_MAX);
    p->depth++;
    bool negated = p->token.kind == TOKEN_NOT;
    advance(p);
    if (negated) {
        p->negated = !p->negated;
        node = build_not(&p->build, term(p, q));
        p->negated = !p->negated;
    } else {
        node = expression(p, q);
        if (node != NULL && p->token.kind != TOKEN_CLOSE)
            node = complain_token(p, "')' or another `and` or `or` was expected, not '%s'", p->token.text);
        else if (node != NULL)
            advance(p);
    }
    p->depth--;
    return node;
}

/* A comma is an `or` between values. */
static bool is_joint(const struct parser *p, const struct qualifiers *q)
{
    return p->token.kind == TOKEN_AND || p->token.kind == TOKEN_OR || (q != NULL && p->token.kind == TOKEN_COMMA);
}

static const struct filter_node *expression(struct parser *p, const struct qualifiers *q)
{
    unsigned base = p->operand_count;
    enum filter_op op = FILTER_AND;
    if (!push(p, term(p, q)))
        return NULL;
    while (is_joint(p, q)) {
        enum filter_op next = p->token.kind == TOKEN_AND ? FILTER_AND : FILTER_OR;
        if (next != op && !push(p, fold(p, op, base)))
            return NULL;
        op = next;
        advance(p);
        if (!push(p, term(p, q)))
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
        root = expression(p, NULL);
        if (root != NULL && p->token.kind != TOKEN_END)
            root = complain_token(p, "`and` or `or` was expected, not '%s'%s", p->token.text,
                                  filter_unit_known(p->token.text) ? " (a unit stands at its number: 10k, 5s)"
                                  : p->token.kind == TOKEN_COMMA   ? " (a list stands behind a word: `proto tcp,udp`)"
                                  : p->token.kind == TOKEN_WORD    ? " (several values: `host 10.0.0.1 or 10.0.0.2`)"
                                                                   : "");
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

void filter_files(const char *text, void (*found)(void *context, const char *name), void *context)
{
    struct token before = {.kind = TOKEN_END}, last = {.kind = TOKEN_END}, token;
    size_t at = 0;
    if (strnlen(text, FILTER_TEXT_MAX + 1) > FILTER_TEXT_MAX)
        return;
    do {
        token_read(text, &at, &token);
        if (token.kind == TOKEN_WORD && strcmp(last.name, "file") == 0 && strcmp(before.name, "in") == 0)
            found(context, token.text);
        before = last;
        last = token;
    } while (token.kind != TOKEN_END && token.kind != TOKEN_BAD);
}

enum result filter_parse(const struct record_kind *kind, const char *text, struct filter **ret_filter,
                         size_t *ret_offset, struct error *err)
{
    return filter_parse_with(kind, text, NULL, 0, ret_filter, ret_offset, err);
}

enum result filter_parse_with(const struct record_kind *kind, const char *text, const struct filter_set *sets,
                              size_t set_count, struct filter **ret_filter, size_t *ret_offset, struct error *err)
{
    struct parser *p = calloc(1, sizeof(*p));
    if (p == NULL)
        return error_set(err, RESULT_FATAL, "filter: out of memory");
    p->kind = kind;
    p->text = text;
    p->sets = sets;
    p->set_count = set_count;
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
