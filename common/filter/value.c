/* SPDX-License-Identifier: Apache-2.0 */
/* The filter language's values: numbers with units, names, flags, times. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "common/filter/tree.h"
#include "common/records/flow.h"

#define SCALE     1000000000u /* fractions are read in units of 10^-9 */
#define SHARE_MAX 999u        /* odds_share says no more */

struct named {
    const char *name;
    uint64_t value;
};

/* A few services by name, the same on every machine (unlike /etc/services). */
static const struct named services[] = {{"ftp-data", 20},    {"ftp", 21},           {"ssh", 22},
                                        {"telnet", 23},      {"smtp", 25},          {"domain", 53},
                                        {"dns", 53},         {"bootps", 67},        {"bootpc", 68},
                                        {"tftp", 69},        {"http", 80},          {"kerberos", 88},
                                        {"pop3", 110},       {"sunrpc", 111},       {"ntp", 123},
                                        {"netbios-ns", 137}, {"netbios-ssn", 139},  {"imap", 143},
                                        {"snmp", 161},       {"bgp", 179},          {"ldap", 389},
                                        {"https", 443},      {"microsoft-ds", 445}, {"submission", 587},
                                        {"syslog", 514},     {"ldaps", 636},        {"imaps", 993},
                                        {"pop3s", 995},      {"mysql", 3306},       {"rdp", 3389},
                                        {"sip", 5060},       {"postgresql", 5432},  {NULL, 0}};

/* A suffix and what it multiplies by. */
static const struct named counts[] = {{"", 1},
                                      {"k", 1000},
                                      {"m", 1000000},
                                      {"g", 1000000000},
                                      {"t", 1000000000000},
                                      {"ki", 1ull << 10},
                                      {"mi", 1ull << 20},
                                      {"gi", 1ull << 30},
                                      {"ti", 1ull << 40},
                                      {NULL, 0}};
/* The same of bytes, with the B that they are shown with. */
static const struct named bytes[] = {{"b", 1},
                                     {"kb", 1000},
                                     {"mb", 1000000},
                                     {"gb", 1000000000},
                                     {"tb", 1000000000000},
                                     {"kib", 1ull << 10},
                                     {"mib", 1ull << 20},
                                     {"gib", 1ull << 30},
                                     {"tib", 1ull << 40},
                                     {NULL, 0}};
static const struct named nanoseconds[] = {{"ns", 1},
                                           {"us", 1000},
                                           {"ms", 1000000},
                                           {"s", 1000000000},
                                           {"sec", 1000000000},
                                           {"m", 60000000000},
                                           {"min", 60000000000},
                                           {"h", 3600000000000},
                                           {"hour", 3600000000000},
                                           {"hours", 3600000000000},
                                           {"d", 86400000000000},
                                           {"day", 86400000000000},
                                           {"days", 86400000000000},
                                           {NULL, 0}};

static const struct named percents[] = {{"", 10}, {NULL, 0}}; /* in thousandths */
static const struct named thousandths[] = {{"", 1000}, {NULL, 0}};
static const struct named yes_no[] = {{"yes", 1}, {"true", 1}, {"1", 1}, {"no", 0}, {"false", 0}, {"0", 0}, {NULL, 0}};

static const struct named *find(const struct named *table, const char *name)
{
    for (; table->name != NULL; table++) {
        if (strcasecmp(table->name, name) == 0)
            return table;
    }
    return NULL;
}

/* "12", "1.5k": a decimal with a suffix of `suffixes`; the product must be whole and fit 64 bits. */
static bool scaled_parse(const char *text, const struct named *suffixes, uint64_t *ret_value)
{
    unsigned __int128 number = 0;
    const char *at = text;
    for (; isdigit((unsigned char)*at); at++) {
        number = number * 10 + (unsigned)(*at - '0');
        if (number > UINT64_MAX)
            return false;
    }
    if (at == text)
        return false;
    number *= SCALE;
    if (*at == '.') {
        if (!isdigit((unsigned char)*++at))
            return false;
        for (unsigned place = SCALE / 10; isdigit((unsigned char)*at); at++, place /= 10) {
            if (place == 0)
                return false;
            number += (unsigned)(*at - '0') * place;
        }
    }
    const struct named *suffix = find(suffixes, at);
    if (suffix == NULL || number > ~(unsigned __int128)0 / suffix->value)
        return false;
    number *= suffix->value;
    if (number % SCALE != 0 || number / SCALE > UINT64_MAX)
        return false;
    *ret_value = (uint64_t)(number / SCALE);
    return true;
}

bool filter_service_known(const char *name)
{
    return find(services, name) != NULL;
}

bool filter_unit_known(const char *text)
{
    return text[0] != '\0' &&
           (find(counts, text) != NULL || find(bytes, text) != NULL || find(nanoseconds, text) != NULL);
}

static bool hex_parse(const char *text, uint64_t *ret_value)
{
    if (strncmp(text, "0x", 2) != 0)
        return false;
    size_t digits = strspn(text + 2, "0123456789abcdefABCDEF");
    if (digits == 0 || digits > 16 || text[2 + digits] != '\0')
        return false;
    *ret_value = strtoull(text + 2, NULL, 16);
    return true;
}

static bool number_parse(const char *text, uint64_t *ret_value)
{
    return hex_parse(text, ret_value) || scaled_parse(text, counts, ret_value);
}

/* 2026-11-23T20:36:40[.fraction]Z, or @seconds[.fraction]. Never local time: a filter means the same everywhere. */
static bool time_value_parse(const char *text, uint64_t *ret_value)
{
    static const struct named no_suffix[] = {{"", SCALE}, {NULL, 0}};
    static const char shape[] = "dddd-dd-ddTdd:dd:dd";
    if (text[0] == '@')
        return scaled_parse(text + 1, no_suffix, ret_value);
    for (size_t i = 0; i < sizeof(shape) - 1; i++) {
        if (shape[i] == 'd' ? !isdigit((unsigned char)text[i]) : text[i] != shape[i])
            return false;
    }
    struct tm tm = {.tm_year = atoi(text) - 1900,
                    .tm_mon = atoi(text + 5) - 1,
                    .tm_mday = atoi(text + 8),
                    .tm_hour = atoi(text + 11),
                    .tm_min = atoi(text + 14),
                    .tm_sec = atoi(text + 17)};
    struct tm given = tm;
    time_t seconds = timegm(&tm);
    /* timegm takes 31 February for 3 March; a person would rather be told. */
    if (seconds < 0 || tm.tm_mday != given.tm_mday || tm.tm_mon != given.tm_mon || tm.tm_hour != given.tm_hour ||
        tm.tm_min != given.tm_min || tm.tm_sec != given.tm_sec || seconds > INT64_MAX / SCALE - 1)
        return false;
    char fraction[16] = "0";
    const char *rest = text + sizeof(shape) - 1;
    size_t length = strcspn(rest, "Z");
    if (strcmp(rest + length, "Z") != 0 || length >= sizeof(fraction) - 1 || (length != 0 && rest[0] != '.'))
        return false;
    memcpy(fraction + 1, rest, length);
    fraction[1 + length] = '\0';
    uint64_t nanosecond;
    if (!scaled_parse(fraction, no_suffix, &nanosecond))
        return false;
    *ret_value = (uint64_t)seconds * SCALE + nanosecond;
    return true;
}

/* As a number whose highest byte of six is the first written: 00:11:22:33:44:55, 00-11-..., or Cisco's
 * 0011.2233.4455. */
static bool mac_parse(const char *text, uint64_t *ret_value)
{
    char digits[13];
    size_t used = 0, group = text[0] != '\0' && text[1] != '\0' && strchr(":-", text[2]) != NULL ? 2 : 4;
    char mark = group == 2 ? text[2] : '.';
    for (size_t i = 0; text[i] != '\0'; i++) {
        bool between = i % (group + 1) == group;
        if (used == 12 || (between ? text[i] != mark : !isxdigit((unsigned char)text[i])))
            return false;
        if (!between)
            digits[used++] = text[i];
    }
    digits[used] = '\0';
    *ret_value = strtoull(digits, NULL, 16);
    return used == 12;
}

static bool flags_parse(const char *text, uint64_t *ret_value)
{
    static const char letters[] = "FSRPAUEC";
    uint64_t flags = 0;
    for (const char *at = text; *at != '\0'; at++) {
        const char *found = strchr(letters, toupper((unsigned char)*at));
        if (found == NULL)
            return number_parse(text, ret_value);
        flags |= 1u << (found - letters);
    }
    *ret_value = flags;
    return true;
}

static bool history_parse(const char *text, uint64_t *ret_value)
{
    uint64_t history = 0;
    if (strlen(text) > FLOW_HISTORY_MAX)
        return false;
    for (const char *at = text; *at != '\0'; at++) {
        uint64_t longer = flow_history_add(history, *at);
        if (longer == history)
            return false;
        history = longer;
    }
    *ret_value = history;
    return true;
}

/* 16 digits, as such values are written; or a number. */
static bool digits_parse(const char *text, uint64_t *ret_value)
{
    if (strlen(text) != 16 || strspn(text, "0123456789abcdefABCDEF") != 16)
        return number_parse(text, ret_value);
    *ret_value = strtoull(text, NULL, 16);
    return true;
}

static bool word_parse(const struct field *field, const char *text, uint64_t *ret_value)
{
    int found = field_word_find(field, text);
    if (found >= 0)
        *ret_value = (uint64_t)found;
    return found >= 0;
}

/* What stands behind the side in "src_isn" or "client_rtt"; NULL: no side does. */
static const char *behind_side(const char *word)
{
    static const char *const sides[] = {"src_", "dst_", "client_", "server_"};
    for (size_t i = 0; i < sizeof(sides) / sizeof(*sides); i++) {
        if (strncmp(word, sides[i], strlen(sides[i])) == 0)
            return word + strlen(sides[i]);
    }
    return NULL;
}

/* `src_isn` is a bit, `isn` either side's; a number all of its bits. */
static bool bits_parse(const struct field *field, const char *text, struct filter_operand *operand)
{
    for (unsigned bit = 0; bit < field->word_count; bit++) {
        const char *behind = behind_side(field->words[bit]);
        if (strcmp(field->words[bit], text) == 0 || (behind != NULL && strcmp(behind, text) == 0))
            operand->value |= 1ull << bit;
    }
    operand->any = operand->value != 0;
    return operand->any || number_parse(text, &operand->value);
}

/* The least odds that are `share` thousandths or more. */
static int32_t share_odds(unsigned share)
{
    int64_t low = INT32_MIN, high = INT32_MAX;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (odds_share((int32_t)middle) >= share)
            high = middle;
        else
            low = middle + 1;
    }
    return (int32_t)low;
}

/* Per cent, as the range of odds that are shown so. */
static void odds_of_share(struct filter_operand *operand)
{
    unsigned share = (unsigned)operand->value;
    operand->value = (uint64_t)(int64_t)(share == 0 ? INT32_MIN : share_odds(share));
    operand->last = (uint64_t)(int64_t)(share == SHARE_MAX ? INT32_MAX : share_odds(share + 1) - 1);
}

static bool named_parse(const struct named *table, const char *text, uint64_t *ret_value)
{
    const struct named *found = find(table, text);
    if (found != NULL)
        *ret_value = found->value;
    return found != NULL;
}

static bool protocol_parse(const char *text, uint64_t *ret_value)
{
    char name[16];
    size_t length = 0;
    for (; text[length] != '\0' && length < sizeof(name) - 1; length++)
        name[length] = (char)tolower((unsigned char)text[length]);
    name[length] = '\0';
    int known = text[length] == '\0' ? protocol_by_name(name) : -1;
    if (known < 0)
        return number_parse(text, ret_value);
    *ret_value = (uint64_t)known;
    return true;
}

static bool port_parse(const char *text, uint64_t *ret_value)
{
    return named_parse(services, text, ret_value) || number_parse(text, ret_value);
}

static bool microseconds_parse(const char *text, uint64_t *ret_value)
{
    uint64_t ns;
    if (!scaled_parse(text, nanoseconds, &ns) || ns % 1000 != 0)
        return false;
    *ret_value = ns / 1000;
    return true;
}

/* Units whose values are signed where the field is. */
static bool unit_has_sign(const struct filter_word *word)
{
    return word->plain == FILTER_VALUE_DURATION ||
           (field_type_is_signed(word->info->type) && word->unit != KIND_TIME && word->unit != KIND_SHARE);
}

static bool unit_parse(const struct filter_word *word, const char *text, struct filter_operand *operand)
{
    uint64_t *value = &operand->value;
    switch (word->unit) {
    case KIND_MICROSECONDS:
        return microseconds_parse(text, value);
    case KIND_NANOSECONDS:
        return scaled_parse(text, nanoseconds, value);
    case KIND_TIME:
        return time_value_parse(text, value);
    case KIND_PORT:
        return port_parse(text, value);
    case KIND_PROTOCOL:
        return protocol_parse(text, value);
    case KIND_MAC:
        return mac_parse(text, value);
    case KIND_HEX:
        return digits_parse(text, value);
    case KIND_TCP_FLAGS:
        if (!flags_parse(text, value))
            return false;
        operand->mask = *value;
        return true;
    case KIND_HISTORY:
        if (!history_parse(text, value))
            return false;
        operand->mask = (1ull << 5 * strlen(text)) - 1;
        return true;
    case KIND_FLAG:
        return named_parse(yes_no, text, value);
    case KIND_WORD:
        return word_parse(word->info, text, value);
    case KIND_BITS:
        return bits_parse(word->info, text, operand);
    case KIND_ODDS:
        return scaled_parse(text, thousandths, value);
    case KIND_SHARE:
        return scaled_parse(text, percents, value);
    case KIND_BYTES:
        return number_parse(text, value) || scaled_parse(text, bytes, value);
    default:
        return number_parse(text, value);
    }
}

/* What the values of a unit look like; the words of a field are listed instead. */
static const char *unit_values(enum field_kind unit)
{
    switch (unit) {
    case KIND_MICROSECONDS:
        return "a time with its unit (250us, 10ms, 1.5s)";
    case KIND_NANOSECONDS:
        return "a time with its unit (5s, 10ms, 2m, 1h, 3d)";
    case KIND_TIME:
        return "a UTC time with its Z (2026-11-23T20:36:40Z, or @1700000000; --from and --to take others)";
    case KIND_PORT:
        return "a port (22, ssh, 1-1023)";
    case KIND_PROTOCOL:
        return "a protocol (6, tcp, udp, icmp, icmp6, sctp, gre, esp ...)";
    case KIND_MAC:
        return "a MAC address (00:11:22:33:44:55, 0011.2233.4455)";
    case KIND_HEX:
        return "a value of 16 hexadecimal digits, or a number";
    case KIND_TCP_FLAGS:
        return "TCP flags (letters of FSRPAUEC, or a number)";
    case KIND_HISTORY:
        return "history letters (ShADadFf; at most 12)";
    case KIND_FLAG:
        return "yes or no";
    case KIND_ODDS:
        return "the logarithm of odds, to base 2 (6.64)";
    case KIND_SHARE:
        return "per cent (90, 98.5)";
    default:
        return "a number (10, 0x1f, 1.5k, 2m, 3g, 4ki)";
    }
}

/* Without a unit nfdump's durations are milliseconds, ra's seconds: neither is guessed. */
static bool lacks_unit(const struct filter_word *word, const char *text)
{
    return (word->unit == KIND_NANOSECONDS || word->unit == KIND_MICROSECONDS) &&
           text[strspn(text, "0123456789.")] == '\0';
}

static enum result refuse_value(const struct filter_word *word, const char *text, struct error *err)
{
    if (lacks_unit(word, text))
        return error_set(err, RESULT_REJECT, "'%.64s' lacks its unit: %.64sms (nfdump's), %.64ss (ra's)", text, text,
                         text);
    char zoned[80];
    uint64_t time;
    snprintf(zoned, sizeof(zoned), "%.64sZ", text);
    if (word->unit == KIND_TIME && time_value_parse(zoned, &time))
        return error_set(err, RESULT_REJECT, "'%.64s' is not %s: %s", text, unit_values(word->unit), zoned);
    if (word->unit != KIND_WORD && word->unit != KIND_BITS)
        return error_set(err, RESULT_REJECT, "'%.64s' is not %s", text, unit_values(word->unit));
    char list[320] = "";
    size_t used = 0;
    for (unsigned i = 0; i < word->info->word_count && used < sizeof(list); i++)
        used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", i == 0 ? "" : ", ", word->info->words[i]);
    return error_set(err, RESULT_REJECT, "'%.64s' is none of the words of %s (%s)", text, word->name, list);
}

/* Fields that are narrower on the wire than the type that keeps them. */
static const struct named narrow[] = {{"vlan", 4095},   {"inner_vlan", 4095}, {"mpls_label", 0xfffff},
                                      {"src_dscp", 63}, {"dst_dscp", 63},     {NULL, 0}};

/* Largest value the word can have, so that `ttl 300` is an error and not an empty answer. */
static uint64_t largest(const struct filter_word *word)
{
    if (word->unit == KIND_SHARE)
        return SHARE_MAX;
    if (word->mask != 0)
        return word->mask >> word->shift;
    if (word->plain == FILTER_VALUE_RATE)
        return FILTER_RATE_MAX;
    if (word->plain != FILTER_VALUE_FIELD)
        return INT64_MAX;
    const struct named *known = find(narrow, word->info->name);
    if (known != NULL)
        return known->value;
    unsigned bits = 8u * word->info->size - (field_type_is_signed(word->info->type) ? 1 : 0);
    return bits == 64 ? UINT64_MAX : (1ull << bits) - 1;
}

static enum result refuse_size(const struct filter_word *word, const char *text, struct error *err)
{
    static const struct {
        enum field_kind unit;
        double scale;
    } scaled[] = {{KIND_SHARE, 10}, {KIND_ODDS, 1000}};
    for (size_t i = 0; i < sizeof(scaled) / sizeof(*scaled); i++) {
        if (scaled[i].unit == word->unit)
            return error_set(err, RESULT_REJECT, "'%.64s' is more than %s can be (%.1f)", text, word->name,
                             (double)largest(word) / scaled[i].scale);
    }
    return error_set(err, RESULT_REJECT, "'%.64s' is more than %s can be (%llu)", text, word->name,
                     (unsigned long long)largest(word));
}

/* Without what stands for several: a range, a share of which many odds are one. */
static enum result single_parse(const struct filter_word *word, const char *text, struct filter_operand *ret_operand,
                                struct error *err)
{
    struct filter_operand operand = {0};
    bool negative = unit_has_sign(word) && text[0] == '-';
    bool zero = (word->unit == KIND_NANOSECONDS || word->unit == KIND_MICROSECONDS) && strcmp(text, "0") == 0;
    if (!zero && (text[negative] == '\0' || !unit_parse(word, text + negative, &operand)))
        return refuse_value(word, text, err);
    if (word->unit == KIND_MAC && (operand.value >> 40 & 1) != 0)
        return error_set(err, RESULT_REJECT,
                         "'%.64s' is a group's address, from which nobody sends, and where frames went is not kept: by "
                         "IP address it is `broadcast` or `multicast`",
                         text);
    if (operand.value > largest(word))
        return refuse_size(word, text, err);
    if (negative)
        operand.value = 0 - operand.value;
    operand.last = operand.value;
    if (word->unit == KIND_SHARE)
        odds_of_share(&operand);
    *ret_operand = operand;
    return RESULT_OK;
}

/* "80-90" of ports, "10..20" of all that has an order. NULL: `text` is no range. */
static const char *range_mark(const struct filter_word *word, const char *text, size_t *ret_length)
{
    const char *mark = filter_word_is_ordered(word) ? strstr(text, "..") : NULL;
    *ret_length = 2;
    if (mark == NULL && word->unit == KIND_PORT && find(services, text) == NULL) {
        mark = strchr(text, '-');
        *ret_length = 1;
    }
    return mark;
}

enum result filter_value_parse(const struct filter_word *word, const char *text, struct filter_operand *ret_operand,
                               struct error *err)
{
    size_t length;
    const char *mark = range_mark(word, text, &length);
    char low[64];
    struct filter_operand first, last;
    if (mark == NULL)
        return single_parse(word, text, ret_operand, err);
    if (mark == text || (size_t)(mark - text) >= sizeof(low) || mark[length] == '\0')
        return refuse_value(word, text, err);
    memcpy(low, text, (size_t)(mark - text));
    low[mark - text] = '\0';
    enum result r = single_parse(word, low, &first, err);
    if (r == RESULT_OK)
        r = single_parse(word, mark + length, &last, err);
    if (r != RESULT_OK)
        return r;
    bool backwards = word->plain == FILTER_VALUE_DURATION || field_type_is_signed(word->info->type)
                         ? (int64_t)first.value > (int64_t)last.last
                         : first.value > last.last;
    if (backwards)
        return error_set(err, RESULT_REJECT, "'%.64s' is not %s: the range is backwards", text,
                         unit_values(word->unit));
    first.last = last.last;
    *ret_operand = first;
    return RESULT_OK;
}
