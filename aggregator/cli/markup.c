/* SPDX-License-Identifier: Apache-2.0 */
/* Escapes, character by character. */
#include "aggregator/cli/markup.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#define REPLACEMENT "\xef\xbf\xbd"

/* How many bytes the character at `at` has; 0: it is none, or not written in its shortest form. */
static unsigned decode(const unsigned char *at, uint32_t *ret_character)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned length = at[0] < 0x80 ? 1 : at[0] >> 5 == 6 ? 2 : at[0] >> 4 == 14 ? 3 : at[0] >> 3 == 30 ? 4 : 0;
    uint32_t character = length == 1 ? at[0] : at[0] & (0xffu >> (length + 1));
    for (unsigned i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80) /* the end of the text is none either */
            return 0;
        character = character << 6 | (at[i] & 0x3fu);
    }
    *ret_character = character;
    return length > 0 && character >= least[length] ? length : 0;
}

static bool is_text(uint32_t c)
{
    bool control = c < 0x20 || (c >= 0x7f && c < 0xa0);
    bool surrogate = c >= 0xd800 && c < 0xe000, none = (c & 0xfffe) == 0xfffe || c > 0x10ffff;
    bool turns =
        c == 0x61c || (c >= 0x200e && c <= 0x200f) || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
    return !control && !surrogate && !none && !turns;
}

static const char *escape(uint32_t character)
{
    switch (character) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    case '\n':
        return "\n";
    default:
        return NULL;
    }
}

void markup_text(FILE *stream, const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0';) {
        uint32_t character = 0;
        unsigned length = decode(at, &character);
        const char *escaped = length == 0 ? REPLACEMENT : escape(character);
        if (escaped == NULL && !is_text(character))
            escaped = REPLACEMENT;
        if (escaped != NULL)
            fputs(escaped, stream);
        else
            fwrite(at, 1, length, stream);
        at += length == 0 ? 1 : length;
    }
}

void markup_printf(FILE *stream, const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    markup_text(stream, text);
    free(text);
}
