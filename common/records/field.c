/* SPDX-License-Identifier: Apache-2.0 */
/* Values as text. */
#include "common/records/field.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "common/clock.h"
#include "common/records/flow.h"

const char *field_word(const struct field *field, uint64_t value)
{
    return value < field->word_count ? field->words[value] : "unknown";
}

int field_word_find(const struct field *field, const char *word)
{
    for (unsigned i = 0; i < field->word_count; i++) {
        if (strcasecmp(field->words[i], word) == 0)
            return (int)i;
    }
    return -1;
}

unsigned odds_share(int32_t odds)
{
    double share = 1000.0 / (1.0 + exp2(-(double)odds / 1000.0));
    unsigned floor_share = (unsigned)share;
    return floor_share > 999 ? 999 : floor_share; /* nothing is certain */
}

bool protocol_has_ports(unsigned protocol)
{
    return protocol == 6 || protocol == 17 || protocol == 33 || protocol == 132 || protocol == 136;
}

/* ---- single values */

const char *show_count(uint64_t value, char text[static SHOW_MAX])
{
    char digits[SHOW_MAX];
    size_t length = number_text(value, digits), used = 0;
    for (size_t i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            text[used++] = ',';
        text[used++] = digits[i];
    }
    text[used] = '\0';
    return text;
}

const char *show_bytes(uint64_t bytes, char text[static SHOW_MAX])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    double value = (double)bytes;
    unsigned unit = 0;
    while (value >= 999.95 && unit + 1 < sizeof(units) / sizeof(*units)) {
        value /= 1000;
        unit++;
    }
    snprintf(text, SHOW_MAX, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
    return text;
}

const char *show_span(int64_t ns, char text[static SHOW_MAX])
{
    const char *sign = ns < 0 ? "-" : "";
    uint64_t size = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    double seconds = (double)size / NS_PER_S;
    if (size == 0)
        snprintf(text, SHOW_MAX, "0 s");
    else if (seconds < 0.0009995)
        snprintf(text, SHOW_MAX, "%s%.3g us", sign, seconds * 1e6);
    else if (seconds < 0.9995)
        snprintf(text, SHOW_MAX, "%s%.3g ms", sign, seconds * 1e3);
    else if (seconds < 99.95)
        snprintf(text, SHOW_MAX, "%s%.1f s", sign, seconds);
    else if (seconds < 3600)
        snprintf(text, SHOW_MAX, "%s%.0f min %02d s", sign, (double)((int)seconds / 60), (int)seconds % 60);
    else if (seconds < 86400 * 2)
        snprintf(text, SHOW_MAX, "%s%d h %02d min", sign, (int)(seconds / 3600), (int)(seconds / 60) % 60);
    else
        snprintf(text, SHOW_MAX, "%s%.1f d", sign, seconds / 86400);
    return text;
}

/* RFC 3339 in UTC with nanoseconds; a year beyond what that can say comes out as the number. */
static void time_plain(int64_t ns, char text[static FIELD_TEXT_MAX])
{
    int64_t seconds = ns / NS_PER_S, fraction = ns % NS_PER_S;
    if (fraction < 0) {
        fraction += NS_PER_S;
        seconds--;
    }
    struct tm tm;
    time_t unix_seconds = seconds;
    char date[64];
    if (gmtime_r(&unix_seconds, &tm) == NULL || strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
        snprintf(text, FIELD_TEXT_MAX, "%" PRId64, ns);
    else
        snprintf(text, FIELD_TEXT_MAX, "%s.%09" PRId64 "Z", date, fraction);
}

static void bits_text(const struct field *field, uint64_t value, const char *separator, char *text)
{
    size_t used = 0;
    text[0] = '\0';
    for (unsigned bit = 0; bit < field->word_count && used < FIELD_TEXT_MAX; bit++) {
        if (value >> bit & 1)
            used += (size_t)snprintf(text + used, FIELD_TEXT_MAX - used, "%s%s", used == 0 ? "" : separator,
                                     field->words[bit]);
    }
}

size_t number_text(uint64_t value, char text[static SHOW_MAX])
{
    char digits[20];
    size_t first = sizeof(digits);
    do {
        digits[--first] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    size_t length = sizeof(digits) - first;
    memcpy(text, digits + first, length);
    text[length] = '\0';
    return length;
}

static void integer_text(const struct field *field, uint64_t value, char *text)
{
    if (field_type_is_signed(field->type) && (int64_t)value < 0) {
        *text++ = '-';
        value = 0 - value;
    }
    (void)number_text(value, text);
}

static void mac_text(uint64_t mac, char *text)
{
    snprintf(text, FIELD_TEXT_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", (unsigned)(mac >> 40 & 255),
             (unsigned)(mac >> 32 & 255), (unsigned)(mac >> 24 & 255), (unsigned)(mac >> 16 & 255),
             (unsigned)(mac >> 8 & 255), (unsigned)(mac & 255));
}

/* The shortest digits that are read as the same number, as Python writes it; for people three places. Not finite: 0. */
static const char *real_text(double real, bool people, char *text)
{
    if (!isfinite(real))
        real = 0;
    if (people) {
        bool plain = fabs(real) < 1e15 && (fabs(real) >= 0.001 || real == 0);
        int length = snprintf(text, FIELD_TEXT_MAX, plain ? "%.3f" : "%.3g", real);
        while (plain && text[length - 1] == '0')
            text[--length] = '\0';
        if (text[length - 1] == '.')
            text[length - 1] = '\0';
        return text;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, FIELD_TEXT_MAX, "%.*g", digits, real);
        if (strtod(text, NULL) == real)
            break;
    }
    if (text[strcspn(text, ".e")] == '\0')
        strcat(text, ".0");
    return text;
}

/* What is written the same for programs and for people. */
static const char *exact_text(const struct field *field, const struct value *value, char *text)
{
    switch (field->kind) {
    case KIND_ADDRESS:
        return address_text(value->address, text);
    case KIND_TEXT:
    case KIND_OBSERVER:
        return value->text;
    case KIND_MAC:
        mac_text(value->number, text);
        return text;
    case KIND_HEX:
        snprintf(text, FIELD_TEXT_MAX, "%016" PRIx64, value->number);
        return text;
    case KIND_TCP_FLAGS:
        return tcp_flags_text((unsigned)value->number, text);
    case KIND_HISTORY:
        return flow_history_text(value->number, text);
    case KIND_WORD:
        return field_word(field, value->number);
    case KIND_ODDS:
        snprintf(text, FIELD_TEXT_MAX, "%.3f", (double)(int64_t)value->number / 1000);
        return text;
    default:
        integer_text(field, value->number, text);
        return text;
    }
}

/* Of microseconds; the most that can be said where that is too much. */
static int64_t nanoseconds_of(int64_t us)
{
    int64_t ns;
    if (__builtin_mul_overflow(us, NS_PER_US, &ns))
        return us < 0 ? INT64_MIN : INT64_MAX;
    return ns;
}

const char *field_text(const struct field *field, const struct value *value, enum field_style style,
                       char text[static FIELD_TEXT_MAX])
{
    if (!value->known)
        return "";
    bool people = style != STYLE_PLAIN;
    switch (field->kind) {
    case KIND_TIME:
        if (!people)
            time_plain((int64_t)value->number, text);
        else
            time_text((int64_t)value->number, style == STYLE_UTC, text);
        return text;
    case KIND_FLAG:
        return value->number != 0 ? (people ? "yes" : "true") : (people ? "no" : "false");
    case KIND_BITS:
        bits_text(field, value->number, people ? ", " : " ", text);
        return text;
    case KIND_SHARE:
        if (people)
            snprintf(text, FIELD_TEXT_MAX, "%.1f %%", (double)value->number / 10);
        else
            snprintf(text, FIELD_TEXT_MAX, "%.3f", (double)value->number / 1000);
        return text;
    case KIND_REAL:
        return real_text(real_of_bits(value->number), people, text);
    case KIND_PROTOCOL:
        if (people)
            return protocol_name((unsigned)value->number, text);
        break;
    case KIND_COUNT:
        if (people)
            return show_count(value->number, text);
        break;
    case KIND_BYTES:
        if (people)
            return show_bytes(value->number, text);
        break;
    case KIND_NANOSECONDS:
        if (people)
            return show_span((int64_t)value->number, text);
        break;
    case KIND_MICROSECONDS:
        if (people)
            return show_span(nanoseconds_of((int64_t)value->number), text);
        break;
    default:
        break;
    }
    return exact_text(field, value, text);
}

/* ---- foreign text */

/* Bytes of the UTF-8 sequence that begins at `text`; 0: it is none (RFC 3629). */
static size_t utf8_length(const unsigned char *text, size_t left)
{
    size_t length = text[0] < 0x80   ? 1
                    : text[0] < 0xc2 ? 0
                    : text[0] < 0xe0 ? 2
                    : text[0] < 0xf0 ? 3
                    : text[0] < 0xf5 ? 4
                                     : 0;
    if (length > left)
        return 0;
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    }
    if (length == 3 &&
        ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] > 0x9f))) /* too long; a surrogate */
        return 0;
    if (length == 4 && ((text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] > 0x8f)))
        return 0;
    return length;
}

/* Does a valid sequence command a terminal, turn the direction of what stands beside it, or hide? C0, DEL, C1; U+061C,
 * U+200E, U+200F, U+2028 to U+202E, U+2066 to U+2069, U+FEFF, U+FFF9 to U+FFFB, U+E0000 to U+E007F. */
static bool commands(const unsigned char *text, size_t length)
{
    if (length == 1)
        return text[0] < ' ' || text[0] == 0x7f;
    if (length == 2)
        return (text[0] == 0xc2 && text[1] < 0xa0) || (text[0] == 0xd8 && text[1] == 0x9c);
    if (length == 3 && text[0] == 0xe2)
        return (text[1] == 0x80 && (text[2] == 0x8e || text[2] == 0x8f || (text[2] >= 0xa8 && text[2] <= 0xae))) ||
               (text[1] == 0x81 && text[2] >= 0xa6 && text[2] <= 0xa9);
    if (length == 4)
        return text[0] == 0xf3 && text[1] == 0xa0 && text[2] < 0x82;
    return length == 3 && text[0] == 0xef &&
           ((text[1] == 0xbb && text[2] == 0xbf) || (text[1] == 0xbf && text[2] >= 0xb9 && text[2] <= 0xbb));
}

bool text_is_clean(const char *text, size_t length)
{
    const unsigned char *at = (const unsigned char *)text;
    while (length > 0) {
        size_t step = utf8_length(at, length);
        if (step == 0 || commands(at, step))
            return false;
        at += step;
        length -= step;
    }
    return true;
}

void text_clean(char *text)
{
    unsigned char *at = (unsigned char *)text;
    size_t left = strlen(text);
    while (left > 0) {
        size_t step = utf8_length(at, left);
        if (step == 0 || commands(at, step)) {
            step = step == 0 ? 1 : step;
            memset(at, '?', step);
        }
        at += step;
        left -= step;
    }
}
