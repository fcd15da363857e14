/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the filter language: what the parts of the parser share. parse.c is the grammar, compare.c makes a comparison
 * of a word and a value, packet.c has tcpdump's words about a packet, borrowed.c what other tools call things. */
#ifndef PAVO_COMMON_FILTER_PARSER_H
#define PAVO_COMMON_FILTER_PARSER_H

#include "common/filter/build.h"
#include "common/filter/token.h"

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
    const struct filter_set *sets; /* borrowed */
    size_t set_count;
    bool negated; /* within an odd number of `not` */
    struct qualifiers last;
    const struct filter_node *operands[FILTER_NODES_MAX];
    unsigned operand_count;
    enum result result;
    size_t error_at;
    struct error *err;
};

/* Functions of the parser return NULL after a complaint, or false (which it is `!= NULL`). The first one counts. */
const struct filter_node *complain(struct parser *p, size_t at, const char *sentence);
/* About the next token. */
const struct filter_node *complain_token(struct parser *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The next token. A character that belongs to none ends the text there with a complaint. */
void advance(struct parser *p);
/* The one behind the next. */
struct token peek(const struct parser *p);
/* Is the next token this word, whatever its case, without quotes? */
bool token_is(const struct parser *p, const char *name);
/* Then it is taken. */
bool take(struct parser *p, const char *name);
/* src, dst, either, both, any, src or dst, src and dst. True: there was one. */
bool read_side(struct parser *p, enum filter_side *ret_side);
/* `=` where none is written. */
void read_comparison(struct parser *p, struct qualifiers *q);

/* ---- compare.c */

bool prefix_from_text(const char *text, bool network, struct address_prefix *ret_prefix);
/* "10.1.0.11:80", "[2001:db8::1]:443"; nothing else. */
bool endpoint_from_text(const char *text, struct address_prefix *ret_prefix, uint16_t *ret_port);
/* `ADDR/LENGTH` whose bits behind the prefix are not all zero: the network it lies in, as text. */
#define NET_TEXT_MAX (ADDRESS_TEXT_MAX + 4)
bool net_around(const char *text, char ret_net[static NET_TEXT_MAX]);
/* The next token as a value of the word; it is taken. */
const struct filter_node *compare(struct parser *p, const struct qualifiers *q);
/* The next token as the name of a set of the word's addresses; it is taken. */
const struct filter_node *compare_file(struct parser *p, const struct qualifiers *q);
/* The word against a number of its unit. */
const struct filter_node *compare_number(struct parser *p, const struct qualifiers *q, uint64_t value);
/* Without a value: it is set, or not zero. */
const struct filter_node *compare_set(struct parser *p, const struct qualifiers *q);
/* It says something, and its observer can know it. */
const struct filter_node *compare_known(struct parser *p, const struct qualifiers *q);

/* ---- parse.c, for packet.c */

/* A protocol or a family by its name, without or with the next token taken. */
const struct filter_node *protocol_node(struct parser *p, const char *name);
const struct filter_node *protocol_primitive(struct parser *p, const char *name);
/* One value, several with commas between, a list in [] or {}, an expression of values in (). */
const struct filter_node *values(struct parser *p, const struct qualifiers *q);

/* ---- packet.c */

/* `family`: `ip` or the like stands before it. NULL with result OK: the next token is none of its words. */
const struct filter_node *packet_primitive(struct parser *p, bool family);

/* ---- borrowed.c */

/* What another tool calls a word of ours; on a side perhaps, of a protocol or family alone (NULL: of all). */
struct borrowed {
    const char *name, *ours;
    enum filter_side side;
    const char *protocol;
};
/* NULL: no tool that is known here has it, or we call it the same. */
const struct borrowed *borrowed_word(const char *name);
/* The sentence for a word that cannot be had. NULL: not known either. */
const char *borrowed_refusal(const char *name);

#endif
