/* SPDX-License-Identifier: Apache-2.0 */
/* The filter language's values: numbers with units, names, flags, times. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/filter_tree.h"

#define SCALE 1000000000u /* fractions are read in units of 10^-9 */

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
static const struct named nanoseconds[] = {
    {"ns", 1},          {"us", 1000},         {"ms", 1000000},       {"s", 1000000000}, {"", 1000000000},
    {"m", 60000000000}, {"h", 3600000000000}, {"d", 86400000000000}, {NULL, 0}};

static const struct named evidence[] = {{"src_isn", FLOW_HAS_SRC_ISN},
                                        {"dst_isn", FLOW_HAS_DST_ISN},
                                        {"src_timestamp", FLOW_HAS_SRC_TIMESTAMP},
                                        {"dst_timestamp", FLOW_HAS_DST_TIMESTAMP},
                                        {"src_digest", FLOW_HAS_SRC_DIGEST},
                                        {"dst_digest", FLOW_HAS_DST_DIGEST},
                                        {"src_ip_id", FLOW_HAS_SRC_IP_ID},
                                        {"dst_ip_id", FLOW_HAS_DST_IP_ID},
                                        {"icmp_sequence", FLOW_HAS_ICMP_SEQUENCE},
                                        {"client_rtt", FLOW_HAS_CLIENT_RTT},
                                        {"server_rtt", FLOW_HAS_SERVER_RTT},
                                        {"isn", FLOW_HAS_SRC_ISN | FLOW_HAS_DST_ISN},
                                        {"timestamp", FLOW_HAS_SRC_TIMESTAMP | FLOW_HAS_DST_TIMESTAMP},
                                        {"digest", FLOW_HAS_SRC_DIGEST | FLOW_HAS_DST_DIGEST},
                                        {"ip_id", FLOW_HAS_SRC_IP_ID | FLOW_HAS_DST_IP_ID},
                                        {"rtt", FLOW_HAS_CLIENT_RTT | FLOW_HAS_SERVER_RTT},
                                        {NULL, 0}};

static const struct named *find(const struct named *table, const char *name)
{
    for (; table->name != NULL; table++) {
        if (strcmp(table->name, name) == 0)
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

/* As a number whose highest byte of six is the first written. */
static bool mac_parse(const char *text, uint64_t *ret_value)
{
    char digits[13];
    size_t used = 0;
    for (size_t i = 0; i < 17; i++) {
        if (i % 3 == 2 ? text[i] != ':' : !isxdigit((unsigned char)text[i]))
            return false;
        if (i % 3 != 2)
            digits[used++] = text[i];
    }
    digits[used] = '\0';
    if (text[17] != '\0')
        return false;
    *ret_value = strtoull(digits, NULL, 16);
    return true;
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

static bool name_parse(const char *(*name_of)(unsigned), unsigned count, const char *text, uint64_t *ret_value)
{
    for (unsigned i = 0; i < count; i++) {
        const char *name = name_of(i);
        if (strcasecmp(name[0] == '\0' ? "none" : name, text) == 0) {
            *ret_value = i;
            return true;
        }
    }
    return false;
}

static bool named_or_number(const struct named *table, const char *text, uint64_t *ret_value)
{
    const struct named *found = find(table, text);
    if (found == NULL)
        return number_parse(text, ret_value);
    *ret_value = found->value;
    return true;
}

static bool protocol_parse(const char *text, uint64_t *ret_value)
{
    int known = protocol_by_name(text);
    if (known < 0)
        return number_parse(text, ret_value);
    *ret_value = (uint64_t)known;
    return true;
}

static bool port_parse(const char *text, struct filter_operand *operand)
{
    if (named_or_number(services, text, &operand->value)) {
        operand->last = operand->value;
        return true;
    }
    char low[16];
    const char *dash = strchr(text, '-');
    if (dash == NULL || (size_t)(dash - text) >= sizeof(low))
        return false;
    memcpy(low, text, (size_t)(dash - text));
    low[dash - text] = '\0';
    return number_parse(low, &operand->value) && number_parse(dash + 1, &operand->last) &&
           operand->value <= operand->last;
}

static bool microseconds_parse(const char *text, uint64_t *ret_value)
{
    uint64_t ns;
    if (isdigit((unsigned char)text[strlen(text) - 1]) || !scaled_parse(text, nanoseconds, &ns) || ns % 1000 != 0)
        return false;
    *ret_value = ns / 1000;
    return true;
}

static bool unit_parse(enum filter_unit unit, const char *text, struct filter_operand *operand)
{
    uint64_t *value = &operand->value;
    switch (unit) {
    case FILTER_UNIT_NUMBER:
        return number_parse(text, value);
    case FILTER_UNIT_MICROSECONDS:
        return microseconds_parse(text, value);
    case FILTER_UNIT_NANOSECONDS:
        return scaled_parse(text, nanoseconds, value);
    case FILTER_UNIT_TIME:
        return time_value_parse(text, value);
    case FILTER_UNIT_PORT:
        return port_parse(text, operand);
    case FILTER_UNIT_PROTOCOL:
        return protocol_parse(text, value);
    case FILTER_UNIT_MAC:
        return mac_parse(text, value);
    case FILTER_UNIT_FLAGS:
        if (!flags_parse(text, value))
            return false;
        operand->mask = *value;
        return true;
    case FILTER_UNIT_HISTORY:
        if (!history_parse(text, value))
            return false;
        operand->mask = (1ull << 5 * strlen(text)) - 1;
        return true;
    case FILTER_UNIT_EVIDENCE:
        return named_or_number(evidence, text, value);
    case FILTER_UNIT_STATE:
        return name_parse(flow_state_name, FLOW_STATE_COUNT, text, value);
    case FILTER_UNIT_END:
        return name_parse(flow_end_reason_name, FLOW_END_COUNT, text, value);
    case FILTER_UNIT_DIRECTION:
        return name_parse(flow_direction_name, FLOW_DIRECTION_COUNT, text, value);
    case FILTER_UNIT_TUNNEL:
        return name_parse(flow_tunnel_name, FLOW_TUNNEL_COUNT, text, value);
    }
    return false;
}

static const char *const expected[] = {
    [FILTER_UNIT_NUMBER] = "a number (10, 0x1f, 1.5k, 2m, 3g, 4ki)",
    [FILTER_UNIT_MICROSECONDS] = "a time with its unit (250us, 10ms, 1.5s)",
    [FILTER_UNIT_NANOSECONDS] = "a time (5s, 10ms, 2m, 1h, 3d; a bare number is seconds)",
    [FILTER_UNIT_TIME] = "a UTC time (2026-11-23T20:36:40Z, @1700000000)",
    [FILTER_UNIT_PORT] = "a port (22, ssh, 1-1023)",
    [FILTER_UNIT_PROTOCOL] = "a protocol (6, tcp, udp, icmp, icmp6, sctp, gre, esp ...)",
    [FILTER_UNIT_MAC] = "a MAC address (00:11:22:33:44:55)",
    [FILTER_UNIT_FLAGS] = "TCP flags (letters of FSRPAUEC, or a number)",
    [FILTER_UNIT_HISTORY] = "history letters (ShADadFf; at most 12)",
    [FILTER_UNIT_EVIDENCE] =
        "an evidence name (isn, timestamp, digest, ip_id, rtt, icmp_sequence; with src_ or dst_ ...)",
    [FILTER_UNIT_STATE] = "a state (OTH S0 S1 S2 S3 SF REJ RSTO RSTR RSTOS0 RSTRH SH SHR)",
    [FILTER_UNIT_END] = "an end reason (idle, active, end, forced, resources, none)",
    [FILTER_UNIT_DIRECTION] = "a direction rule (first, handshake, port, request)",
    [FILTER_UNIT_TUNNEL] = "a tunnel (ipip, gre, erspan, vxlan, geneve, gtpu, teredo, none)",
};

/* Largest value the word can have, so that `ttl 300` is an error and not an empty answer. */
static uint64_t largest(const struct filter_word *word)
{
    if (word->mask != 0)
        return word->mask >> word->shift;
    if (word->plain != FILTER_VALUE_FIELD || flow_fields[word->field].kind == FLOW_KIND_TIME)
        return INT64_MAX;
    unsigned bits = 8u * flow_fields[word->field].size;
    return bits == 64 ? UINT64_MAX : (1ull << bits) - 1;
}

enum result filter_value_parse(const struct filter_word *word, const char *text, struct filter_operand *ret_operand,
                               struct error *err)
{
    struct filter_operand operand = {0};
    if (!unit_parse(word->unit, text, &operand))
        return error_set(err, RESULT_REJECT, "'%.64s' is not %s", text, expected[word->unit]);
    if (word->unit != FILTER_UNIT_PORT)
        operand.last = operand.value;
    if (operand.last > largest(word))
        return error_set(err, RESULT_REJECT, "'%.64s' is more than %s can be (%llu)", text, word->name,
                         (unsigned long long)largest(word));
    *ret_operand = operand;
    return RESULT_OK;
}
