/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the filter language: a text's words and marks, one after the other. */
#ifndef PAVO_COMMON_FILTER_TOKEN_H
#define PAVO_COMMON_FILTER_TOKEN_H

#include "common/filter/filter.h"

#define FILTER_WORD_MAX 256 /* with the NUL */

enum token_kind {
    TOKEN_END,
    TOKEN_WORD,
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_AND,
    TOKEN_OR,
    TOKEN_NOT,
    TOKEN_COMPARISON,
    TOKEN_COMMA,
    TOKEN_LIST,     /* [ or { */
    TOKEN_LIST_END, /* ] or } */
    TOKEN_BITS_AND, /* & */
    TOKEN_BITS_OR,  /* | */
    TOKEN_BAD,      /* `text` is the complaint */
};

struct token {
    enum token_kind kind;
    size_t at;   /* offset in the text */
    bool quoted; /* a WORD that is a value and nothing else */
    enum filter_comparison comparison;
    char text[FILTER_WORD_MAX]; /* as written, without quotes; "the end" */
    char name[FILTER_WORD_MAX]; /* of a WORD without quotes as tables have it: `icmp-type`, `ICMP_TYPE` are icmp_type */
};

/* The token at or after *at, which is moved behind it. */
void token_read(const char *text, size_t *at, struct token *ret_token);

#endif
