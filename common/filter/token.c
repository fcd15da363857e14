/* SPDX-License-Identifier: Apache-2.0 */
/* The filter language's words and marks. */
#include "common/filter/token.h"

#include <ctype.h>
#include <stdarg.h>
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
    {",", TOKEN_COMMA, 0},
    {"[", TOKEN_LIST, 0},
    {"{", TOKEN_LIST, 0},
    {"]", TOKEN_LIST_END, 0},
    {"}", TOKEN_LIST_END, 0},
    {"&", TOKEN_BITS_AND, 0},
    {"|", TOKEN_BITS_OR, 0},
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

__attribute__((format(printf, 2, 3))) static void bad(struct token *token, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    token->kind = TOKEN_BAD;
    vsnprintf(token->text, sizeof(token->text), format, arguments);
    va_end(arguments);
}

/* "..."; \ before a quote or a backslash takes it as it is. */
static void read_quoted(const char *text, size_t *at, struct token *token)
{
    size_t length = 0;
    const char *from = text + *at + 1;
    for (; *from != '"' && *from != '\0' && length < FILTER_WORD_MAX - 1; from++) {
        if (from[0] == '\\' && (from[1] == '"' || from[1] == '\\'))
            from++;
        token->text[length++] = *from;
    }
    if (*from == '\0') {
        bad(token, "the text has no closing quote (\")");
    } else if (*from != '"') {
        bad(token, "a text of more than %d bytes", FILTER_WORD_MAX - 1);
    } else if (!text_is_clean(token->text, length)) {
        bad(token, "the text is not UTF-8 without control characters");
    } else {
        token->kind = TOKEN_WORD;
        token->quoted = true;
        token->text[length] = '\0';
        *at = (size_t)(from + 1 - text);
    }
}

/* "[2001:db8::1]:443" is one word, the only one with brackets: how long it is; 0: it is none. */
static size_t bracketed_length(const char *text)
{
    if (text[0] != '[')
        return 0;
    size_t inside = strspn(text + 1, "0123456789abcdefABCDEF:.");
    const char *behind = text + 1 + inside;
    if (memchr(text + 1, ':', inside) == NULL || behind[0] != ']' || behind[1] != ':')
        return 0;
    size_t digits = strspn(behind + 2, "0123456789");
    return digits == 0 ? 0 : 1 + inside + 2 + digits;
}

static void name_of(struct token *token)
{
    for (size_t i = 0; i == 0 || token->text[i - 1] != '\0'; i++)
        token->name[i] = token->text[i] == '-' ? '_' : (char)tolower((unsigned char)token->text[i]);
}

static const char *advice(char c)
{
    return c == '*'    ? ": a network is `net 10.1.0.0/24`, every record `any`"
           : c == '\'' ? ": a text stands in \"...\""
                       : "";
}

static void read_word(const char *text, size_t *at, struct token *token)
{
    static const struct {
        const char *word;
        enum token_kind kind;
    } joints[] = {{"and", TOKEN_AND}, {"or", TOKEN_OR}, {"not", TOKEN_NOT}};
    /* tcpdump wants `proto \tcp`; here the backslash is welcome and means nothing. */
    if (text[*at] == '\\' && is_word_character(text[*at + 1]))
        ++*at;
    size_t length = bracketed_length(text + *at);
    while (is_word_character(text[*at + length]))
        length++;
    if (length == 29 && strncmp(text + *at, "1:", 2) == 0 && text[*at + length] == '=')
        length++; /* a Community ID, the only word with a mark in it */
    unsigned char c = (unsigned char)text[*at];
    if (length == 0 && !isprint(c)) {
        bad(token, "byte 0x%02x means nothing here", c);
    } else if (length == 0) {
        bad(token, "'%c' means nothing here%s", c, advice(text[*at]));
    } else if (length >= FILTER_WORD_MAX) {
        bad(token, "a word of more than %d characters", FILTER_WORD_MAX - 1);
    } else {
        token->kind = TOKEN_WORD;
        memcpy(token->text, text + *at, length);
        token->text[length] = '\0';
        name_of(token);
        *at += length;
        for (size_t i = 0; i < sizeof(joints) / sizeof(*joints); i++) {
            if (strcmp(token->name, joints[i].word) == 0)
                token->kind = joints[i].kind;
        }
    }
}

void token_read(const char *text, size_t *at, struct token *ret_token)
{
    *at += strspn(text + *at, " \t\r\n");
    struct token token = {.kind = TOKEN_END, .at = *at, .text = "the end"};
    if (text[*at] == '"')
        read_quoted(text, at, &token);
    else if (text[*at] != '\0' && (bracketed_length(text + *at) > 0 || !read_mark(text, at, &token)))
        read_word(text, at, &token);
    *ret_token = token;
}
