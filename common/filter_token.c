/* SPDX-License-Identifier: Apache-2.0 */
/* The filter language's words and marks. */
#include "common/filter_token.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static bool is_word_character(char c)
{
    return isalnum((unsigned char)c) || (c != '\0' && strchr("._:/@+^-", c) != NULL);
}

static const struct {
    const char *text;
    enum token_kind kind;
    enum filter_comparison comparison;
} marks[] = {
    /* Longer ones first. */
    {"&&", TOKEN_AND, 0},
    {"||", TOKEN_OR, 0},
    {"!=", TOKEN_COMPARISON, FILTER_NE},
    {"<>", TOKEN_COMPARISON, FILTER_NE},
    {"<=", TOKEN_COMPARISON, FILTER_LE},
    {">=", TOKEN_COMPARISON, FILTER_GE},
    {"==", TOKEN_COMPARISON, FILTER_EQ},
    {"=", TOKEN_COMPARISON, FILTER_EQ},
    {"<", TOKEN_COMPARISON, FILTER_LT},
    {">", TOKEN_COMPARISON, FILTER_GT},
    {"!", TOKEN_NOT, 0},
    {"(", TOKEN_OPEN, 0},
    {")", TOKEN_CLOSE, 0},
};

static bool read_mark(const char *text, size_t *at, struct token *token)
{
    for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++) {
        size_t length = strlen(marks[i].text);
        if (strncmp(text + *at, marks[i].text, length) != 0)
            continue;
        token->kind = marks[i].kind;
        token->comparison = marks[i].comparison;
        memcpy(token->text, marks[i].text, length + 1);
        *at += length;
        return true;
    }
    return false;
}

void token_read(const char *text, size_t *at, struct token *ret_token)
{
    *at += strspn(text + *at, " \t\r\n");
    struct token token = {.kind = TOKEN_END, .at = *at, .text = "the end"};
    if (text[*at] != '\0' && !read_mark(text, at, &token)) {
        /* tcpdump wants `proto \tcp`; here the backslash is welcome and means nothing. */
        if (text[*at] == '\\' && is_word_character(text[*at + 1]))
            ++*at;
        size_t length = 0;
        while (is_word_character(text[*at + length]))
            length++;
        unsigned char c = (unsigned char)text[*at];
        token.kind = length == 0 || length >= FILTER_WORD_MAX ? TOKEN_BAD : TOKEN_WORD;
        if (length == 0)
            snprintf(token.text, sizeof(token.text),
                     isprint(c) ? "'%c' means nothing here" : "byte 0x%02x means nothing here", c);
        else if (length >= FILTER_WORD_MAX)
            snprintf(token.text, sizeof(token.text), "a word of more than %d characters", FILTER_WORD_MAX - 1);
        else
            memcpy(token.text, text + *at, length);
        if (token.kind == TOKEN_WORD) {
            token.text[length] = '\0';
            *at += length;
        }
        if (token.kind == TOKEN_WORD && strcmp(token.text, "and") == 0)
            token.kind = TOKEN_AND;
        else if (token.kind == TOKEN_WORD && strcmp(token.text, "or") == 0)
            token.kind = TOKEN_OR;
        else if (token.kind == TOKEN_WORD && strcmp(token.text, "not") == 0)
            token.kind = TOKEN_NOT;
    }
    *ret_token = token;
}
