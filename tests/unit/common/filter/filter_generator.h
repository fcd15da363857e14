/* SPDX-License-Identifier: Apache-2.0 */
/* Random filter texts and random rows of any kind for property tests: whoever evaluates the filter language some other
 * way (the store's SQL) includes this and must select the same rows as filter_select.
 *
 * Both draw their values from the same small pools, so that comparisons hit, miss and touch the boundary. */
#ifndef PAVO_TESTS_FILTER_GENERATOR_H
#define PAVO_TESTS_FILTER_GENERATOR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/filter/filter.h"
#include "common/records/flow.h"

struct filter_random {
    uint64_t state; /* the seed */
};

/* splitmix64 */
static inline uint64_t filter_random_next(struct filter_random *random)
{
    uint64_t z = random->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static inline unsigned filter_random_below(struct filter_random *random, unsigned bound)
{
    return (unsigned)(filter_random_next(random) % bound);
}

#define FILTER_PICK(random, array) ((array)[filter_random_below(random, sizeof(array) / sizeof((array)[0]))])

static const char *const generator_addresses[] = {
    "10.0.1.17",       "10.0.1.18",   "10.0.2.1",    "192.0.2.1", "203.0.113.5", "0.0.0.0",
    "255.255.255.255", "2001:db8::1", "2001:db8::2", "fe80::1",   "::"};
static const char *const generator_nets[] = {"10.0.0.0/8",     "10",   "10.0.1",    "10.0.1.16/31",   "0.0.0.0/0",
                                             "2001:db8::/32",  "::/0", "fe80::/10", "203.0.113.5/32", "128.0.0.0/1",
                                             "2001:db8::1/128"};
static const uint64_t generator_numbers[] = {0, 1, 2, 3, 9, 10, 11, 63, 64, 128, 255};
static const uint64_t generator_large[] = {
    0, 1, 999, 1000, 1001, 1048576, 4294967295, 4294967296, 9223372036854775807u};
static const uint64_t generator_ports[] = {0, 1, 22, 53, 80, 443, 1023, 1024, 40312, 65535};
static const uint8_t generator_protocols[] = {0, 1, 6, 6, 6, 17, 17, 33, 47, 58, 132, 136, 255};
static const char *const generator_sensors[] = {"inner", "outer", "b/c"};
#define GENERATOR_BASE_NS 1700000000000000000ll
static const int64_t generator_times[] = {0, 1, 999999999, 1000000000, 5000000000, 3600000000000};

static const int64_t generator_spans[] = {0, 1, -1, 999, -5000000, 5000000, 3600000000000};
static const int32_t generator_odds[] = {INT32_MIN, -6641, -1, 0, 1, 1000, 3164, 6640, 6641, 20000, INT32_MAX};
static const char *const generator_texts[] = {"nat", "lab", "eth0", "a b", "it's", "\xc3\xa9", "\"", ""};

/* The set that `in file bad.txt` names, for filter_parse_with; the caller ends the reference. */
static inline struct filter_set generator_set(void)
{
    static const char lines[] = "10.0.1.17\n203.0.113.0/24\n192.0.2.1-192.0.2.9\n2001:db8::/64\n::\n";
    struct filter_set set = {.name = "bad.txt"};
    FILE *file = fmemopen((void *)lines, sizeof(lines) - 1, "r");
    if (file == NULL || address_set_read(file, &set.set, NULL) != RESULT_OK)
        abort();
    fclose(file);
    return set;
}

/* A value that the type of the field can have; a text in *ret_text. */
static inline uint64_t generator_any_value(struct filter_random *random, const struct field *field,
                                           const char **ret_text)
{
    switch (field->kind) {
    case KIND_OBSERVER:
        return filter_random_below(random, 3);
    case KIND_PORT:
        return FILTER_PICK(random, generator_ports);
    case KIND_PROTOCOL:
        return FILTER_PICK(random, generator_protocols);
    case KIND_TIME:
        return (uint64_t)(GENERATOR_BASE_NS + FILTER_PICK(random, generator_times));
    case KIND_NANOSECONDS:
        return (uint64_t)FILTER_PICK(random, generator_spans);
    case KIND_ODDS:
        return (uint64_t)(int64_t)FILTER_PICK(random, generator_odds);
    case KIND_FLAG:
        return filter_random_below(random, 2);
    case KIND_WORD:
        return filter_random_below(random, field->word_count);
    case KIND_BITS:
        return filter_random_below(random, 1u << field->word_count);
    case KIND_TEXT:
        *ret_text = FILTER_PICK(random, generator_texts);
        return 0;
    case KIND_MAC:
        return FILTER_PICK(random, generator_large) & 0xfeffffffffff; /* nobody sends from a group's address */
    case KIND_HISTORY: {
        uint64_t history = 0;
        for (unsigned n = filter_random_below(random, 5); n > 0; n--)
            history = flow_history_add(history, "ShAD"[filter_random_below(random, 4)]);
        return history;
    }
    case KIND_LIST:
        return 0;
    default:
        return field->size == 1   ? FILTER_PICK(random, generator_numbers)
               : field->size == 2 ? FILTER_PICK(random, generator_ports)
               : field->size == 4 ? (uint32_t)FILTER_PICK(random, generator_large)
                                  : FILTER_PICK(random, generator_large);
    }
}

/* The same of what packets can have: some fields are narrower than their type. */
static inline uint64_t generator_value(struct filter_random *random, const struct field *field, const char **ret_text)
{
    static const struct {
        const char *name;
        uint64_t largest;
    } narrow[] = {{"vlan", 0xfff}, {"inner_vlan", 0xfff}, {"mpls_label", 0xfffff}, {"src_dscp", 63}, {"dst_dscp", 63}};
    uint64_t value = generator_any_value(random, field, ret_text);
    for (size_t i = 0; i < sizeof(narrow) / sizeof(*narrow); i++) {
        if (strcmp(narrow[i].name, field->name) == 0)
            value &= narrow[i].largest;
    }
    return value;
}

/* The field by which rows can be told from each other: it has the row's number (a time: that many nanoseconds after
 * GENERATOR_BASE_NS). */
static inline unsigned generator_name(const struct record_kind *kind)
{
    static const char *const names[RECORD_KIND_COUNT] = {
        [RECORD_FLOW] = "flow",     [RECORD_VERDICT] = "flow",      [RECORD_BINDING] = "flow",
        [RECORD_LOSS] = "sequence", [RECORD_STATUS] = "flows_made", [RECORD_ALERT] = "time"};
    return (unsigned)kind_field(kind, names[record_kind_number(kind)]);
}

/* Little-endian hosts only, as all of Pavo's. */
static inline void generator_put(char *row, const struct field *field, uint64_t value, const char *text)
{
    if (field->type == FIELD_TEXT)
        memcpy(row + field->offset, &text, sizeof(text));
    else
        memcpy(row + field->offset, &value, field->size);
}

static inline void generator_row(struct filter_random *random, const struct record_kind *kind, uint32_t number,
                                 char *row)
{
    struct address address = {0, 0};
    memset(row, 0, kind->row_size);
    for (unsigned f = 0; f < kind->stored_count; f++) {
        const struct field *field = &kind->fields[f];
        const char *text = "";
        if (field->list != 0)
            continue;
        uint64_t value = generator_value(random, field, &text);
        if (field->kind != KIND_OBSERVER && field->kind != KIND_TIME && field->kind != KIND_PROTOCOL &&
            filter_random_below(random, 4) == 0)
            value = 0, text = "";
        if (field->kind == KIND_ADDRESS) {
            bool none = field->guard != GUARD_NONE && filter_random_below(random, 3) == 0;
            if (address_parse(none ? "::" : FILTER_PICK(random, generator_addresses), &address) != RESULT_OK)
                abort();
            value = address.hi;
        } else if (field->kind == KIND_LOWER) {
            value = address.lo;
        } else if (strcmp(field->name, "icmp_type_code") == 0) {
            value = filter_random_below(random, 3) * 0x0800 + filter_random_below(random, 3);
        } else if (f == generator_name(kind)) {
            value = number + (field->kind == KIND_TIME ? (uint64_t)GENERATOR_BASE_NS : 0);
        }
        generator_put(row, field, value, text);
    }
}

/* Fields that the third observer of flows cannot know: none that others' guards rest on. */
static const char *const generator_unknown[] = {"dst_ttl", "client_rtt", "src_payload", "state",   "vlan",
                                                "src_mac", "src",        "dst_port",    "history", "sampling"};

static inline void generator_observers(struct records *records)
{
    bool flow = records->kind == record_kinds[RECORD_FLOW];
    for (unsigned i = 0; i < 3; i++) {
        struct observer observer = {.epoch = 1 + i};
        uint16_t index;
        snprintf(observer.sensor, sizeof(observer.sensor), "%s", generator_sensors[i]);
        for (size_t u = 0; flow && i == 2 && u < sizeof(generator_unknown) / sizeof(*generator_unknown); u++) {
            uint32_t number = records->kind->fields[kind_field(records->kind, generator_unknown[u])].number;
            observer.unknown[number / 64] |= 1ull << number % 64;
        }
        if (records_observer(records, &observer, &index) != RESULT_OK || index != i)
            abort();
    }
}

/* `rows` random records of a kind, told apart by generator_name. The caller frees them. */
static inline struct records *filter_generate_records(struct filter_random *random, const struct record_kind *kind,
                                                      uint32_t rows)
{
    struct records *records = records_new(kind, rows);
    char *row = malloc(kind->row_size);
    if (records == NULL || row == NULL)
        abort();
    generator_observers(records);
    for (uint32_t number = 0; number < rows; number++) {
        generator_row(random, kind, number, row);
        if (records_add(records, row) != RESULT_OK)
            abort();
    }
    free(row);
    return records;
}

struct generator_text {
    char *text;
    size_t size, used;
};

__attribute__((format(printf, 2, 3))) static inline void generator_say(struct generator_text *out, const char *format,
                                                                       ...)
{
    va_list arguments;
    va_start(arguments, format);
    int written = vsnprintf(out->text + out->used, out->size - out->used, format, arguments);
    va_end(arguments);
    if (written < 0 || (size_t)written >= out->size - out->used)
        abort(); /* the caller's buffer is FILTER_TEXT_MAX and the depth small */
    out->used += (size_t)written;
}

static const char *const generator_sides[] = {
    "", "", "", "src ", "dst ", "either ", "both ", "src or dst ", "dst and src "};
static const char *const generator_comparisons[] = {" ", " = ", " != ", " < ", " <= ", " > ", " >= "};
static const char *const generator_equalities[] = {" ", " = ", " != "};
static const char *const generator_prefixes[] = {"", "", "", "", "tcp ", "udp ", "ip ", "ip6 tcp ", "icmp "};

/* tcpdump's words about a packet. */
static inline void generator_packet_primitive(struct filter_random *random, struct generator_text *out)
{
    static const char *const words[] = {"tcp[tcpflags] & tcp-syn != 0",
                                        "tcp[tcpflags] & (tcp-syn|tcp-fin) == 0",
                                        "tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn",
                                        "tcp[13] == 18",
                                        "tcp[tcpflags] != tcp-syn",
                                        "icmp[icmptype] == icmp-echoreply",
                                        "icmp[0] != 8",
                                        "icmp6[icmp6type] = 0",
                                        "icmp[icmpcode] = 1",
                                        "ip[8] < 10",
                                        "ip6[6] = 6",
                                        "greater 1000",
                                        "less 1001",
                                        "len = 1000",
                                        "len != 1000",
                                        "broadcast",
                                        "ip multicast",
                                        "multicast",
                                        "ether src 00:00:00:00:03:e8",
                                        "ether proto 0x86dd",
                                        "mpls",
                                        "any",
                                        "community_id 1:LQU9qZlK+B5F3KDmev6m5PMibrg=",
                                        "community_id != 1:LQU9qZlK+B5F3KDmev6m5PMibrg="};
    generator_say(out, "%s", FILTER_PICK(random, words));
}

/* Several values at once, and ends with their port. */
static inline void generator_list_primitive(struct filter_random *random, struct generator_text *out)
{
    const char *side = FILTER_PICK(random, generator_sides), *a = FILTER_PICK(random, generator_addresses),
               *b = FILTER_PICK(random, generator_nets);
    unsigned first = (unsigned)FILTER_PICK(random, generator_ports), second = filter_random_below(random, 1024);
    switch (filter_random_below(random, 9)) {
    case 0:
        generator_say(out, "%sport %u,%u", side, first, second);
        break;
    case 7:
        generator_say(out, "%s%sin file bad.txt", side, filter_random_below(random, 2) == 0 ? "host " : "");
        break;
    case 8:
        generator_say(out, "%snet not in file bad.txt", side);
        break;
    case 1:
        generator_say(out, "%sport %s [%u %u-1023]", side, filter_random_below(random, 2) == 0 ? "in" : "not in", first,
                      second);
        break;
    case 2:
        generator_say(out, "%snet (%s and not %s)", side, b, FILTER_PICK(random, generator_nets));
        break;
    case 3:
        generator_say(out, "%shost %s[%s]:%u", side, strchr(a, ':') == NULL ? "::1," : "",
                      strchr(a, ':') == NULL ? "::1" : a, first == 0 ? 1 : first);
        break;
    case 4:
        generator_say(out, "%shost 10.0.1.17:%u", side, 443u);
        break;
    case 5:
        generator_say(out, "ttl in {1..%u, 64}", 2 + filter_random_below(random, 100));
        break;
    default:
        generator_say(out, "bytes %s1000..%u", filter_random_below(random, 2) == 0 ? "" : "!= ", 2000 + first);
        break;
    }
}

static inline void generator_flow_primitive(struct filter_random *random, struct generator_text *out)
{
    static const char *const protocols[] = {"tcp", "udp", "icmp", "icmp6",  "sctp",       "ip",
                                            "ip6", "gre", "vlan", "tunnel", "inner_vlan", "icmp_errors"};
    static const char *const counters[] = {"packets",      "bytes",      "payload",     "retransmits",
                                           "out_of_order", "duplicates", "zero_windows"};
    static const char *const small_pairs[] = {"ttl", "dscp"};
    static const char *const pairs[] = {"size_min", "size_max", "isn", "timestamp_origin"};
    static const char *const short_pairs[] = {"ip_id", "window", "mss"};
    static const char *const wide_pairs[] = {"digest", "tcp_options"};
    static const char *const short_fields[] = {"vlan",      "inner_vlan",           "icmp_type_code", "icmp_sequence",
                                               "interface", "icmp_error_type_code", "icmp_id"};
    static const char *const fields[] = {"mpls_label", "tunnel_id", "report", "icmp_errors"};
    static const char *const wide_fields[] = {"src_hi", "dst_lo", "tunnel_src_lo", "flow"};
    static const char *const times[] = {"0s", "1ns", "1s", "5sec", "59min", "1h", "999999999ns"};
    static const char *const microseconds[] = {"1us", "999us", "1ms", "4294967295us", "1.001ms"};
    static const char *const states[] = {"SF", "S0", "rej", "OTH", "RSTRH"};
    static const char *const flags[] = {"S", "SA", "FA", "R", "0x40", "0", "c"};
    static const char *const evidence[] = {"isn",   "src_isn", "digest", "dst_digest",   "rtt",
                                           "ip_id", "0x3",     "0",      "icmp_sequence"};
    static const char *const histories[] = {"S", "Sh", "ShAD", "h", "A"};
    static const char *const rates[] = {"bps", "pps", "bpp"};
    static const char *const rate_sides[] = {"", "", "src ", "dst ", "either ", "both "};
    static const char *const known[] = {"ttl", "mac", "isn", "bytes", "port", "host", "flags", "gap_mean", "pps"};
    const char *prefix = FILTER_PICK(random, generator_prefixes), *side = FILTER_PICK(random, generator_sides);
    const char *comparison = FILTER_PICK(random, generator_comparisons),
               *equality = FILTER_PICK(random, generator_equalities);
    switch (filter_random_below(random, 31)) {
    case 0:
        generator_say(out, "%s", FILTER_PICK(random, protocols));
        break;
    case 1:
    case 2:
        generator_say(out, "%s%shost%s%s", prefix, side, equality, FILTER_PICK(random, generator_addresses));
        break;
    case 3:
        generator_say(out, "%s%snet%s%s", prefix, side, equality, FILTER_PICK(random, generator_nets));
        break;
    case 4:
    case 5:
        generator_say(out, "%s%sport%s%llu", prefix, side, comparison,
                      (unsigned long long)FILTER_PICK(random, generator_ports));
        break;
    case 6:
        generator_say(out, "%s%sportrange%s%u-%u", prefix, side, equality, filter_random_below(random, 100),
                      100 + filter_random_below(random, 1000));
        break;
    case 7:
        generator_say(out, "%sproto%s%u", prefix, comparison, FILTER_PICK(random, generator_protocols));
        break;
    case 8:
    case 9:
        generator_say(out, "%s%s%s%llu", side, FILTER_PICK(random, counters), comparison,
                      (unsigned long long)FILTER_PICK(random, generator_large) % 4294967296u);
        break;
    case 10:
        generator_say(out, "%s%s%s%llu", side, FILTER_PICK(random, small_pairs), comparison,
                      (unsigned long long)FILTER_PICK(random, generator_numbers) % 64);
        break;
    case 11:
        generator_say(out, "%s%s%s%llu", side, FILTER_PICK(random, pairs), comparison,
                      (unsigned long long)FILTER_PICK(random, generator_large) % 4294967296u);
        break;
    case 12:
        generator_say(out, "%s%s%s%llu", side, FILTER_PICK(random, short_pairs), comparison,
                      (unsigned long long)FILTER_PICK(random, generator_ports));
        break;
    case 13:
        generator_say(out, "%s%s%s%llu", side, FILTER_PICK(random, wide_pairs), comparison,
                      (unsigned long long)FILTER_PICK(random, generator_large));
        break;
    case 14:
        generator_say(out, "%s%s%llu", FILTER_PICK(random, short_fields), comparison,
                      (unsigned long long)FILTER_PICK(random, generator_ports) % 4096);
        break;
    case 15:
        generator_say(out, "%s%s%llu", FILTER_PICK(random, fields), comparison,
                      (unsigned long long)FILTER_PICK(random, generator_large) % 1048576u);
        break;
    case 16:
        generator_say(out, "%s%s%llu", FILTER_PICK(random, wide_fields), comparison,
                      (unsigned long long)FILTER_PICK(random, generator_large));
        break;
    case 17:
        generator_say(out, "duration%s%s", comparison, FILTER_PICK(random, times));
        break;
    case 18:
        generator_say(out, "%s_time%s@%lld", filter_random_below(random, 2) == 0 ? "first" : "last", comparison,
                      (long long)(GENERATOR_BASE_NS + FILTER_PICK(random, generator_times)) / 1000000000);
        break;
    case 19:
        generator_say(out, "%s_rtt%s%s", filter_random_below(random, 2) == 0 ? "client" : "server", comparison,
                      FILTER_PICK(random, microseconds));
        break;
    case 20:
        generator_say(out, "%sgap_%s%s%s", side, filter_random_below(random, 2) == 0 ? "mean" : "deviation", comparison,
                      FILTER_PICK(random, microseconds));
        break;
    case 21:
        generator_say(out, "state%s%s", equality, FILTER_PICK(random, states));
        break;
    case 22:
        generator_say(out, "%sflags%s%s", side, equality, FILTER_PICK(random, flags));
        break;
    case 23:
        generator_say(out, "evidence%s%s", equality, FILTER_PICK(random, evidence));
        break;
    case 24:
        generator_say(out, "history%s%s", equality, FILTER_PICK(random, histories));
        break;
    case 25:
        switch (filter_random_below(random, 6)) {
        case 0:
            generator_say(out, "end%s%s", equality, FILTER_PICK(random, flow_end_reason_words));
            break;
        case 1:
            generator_say(out, "direction%s%s", equality, FILTER_PICK(random, flow_direction_words));
            break;
        case 2:
            generator_say(out, "tunnel%s%s", equality, FILTER_PICK(random, flow_tunnel_words));
            break;
        case 3:
            generator_say(out, "tunnel_src%s%s", equality, FILTER_PICK(random, generator_nets));
            break;
        case 4:
            generator_say(out, "icmp_%s%s%u", filter_random_below(random, 2) == 0 ? "type" : "code", equality,
                          filter_random_below(random, 17));
            break;
        default:
            generator_say(out, "%smac%s00:00:00:00:03:e8", side, equality);
            break;
        }
        break;
    case 26:
        generator_packet_primitive(random, out);
        break;
    case 27:
        generator_list_primitive(random, out);
        break;
    case 28:
        generator_say(out, "%s%s%s%llu", FILTER_PICK(random, rate_sides), FILTER_PICK(random, rates), comparison,
                      (unsigned long long)FILTER_PICK(random, generator_large) % 4294967296u);
        break;
    case 29:
        generator_say(out, "known %s%s", FILTER_PICK(random, rate_sides), FILTER_PICK(random, known));
        break;
    default:
        generator_say(out, "sensor%s%s", equality, FILTER_PICK(random, generator_sensors));
        break;
    }
}

/* The word of a field and a value of it, from the table alone. */
static inline void generator_field_primitive(struct filter_random *random, const struct record_kind *kind,
                                             struct generator_text *out)
{
    const struct field *field;
    do
        field = &kind->fields[filter_random_below(random, kind->stored_count)];
    while (field->list != 0 || field->kind == KIND_LIST || field->kind == KIND_OBSERVER);
    const char *text = "", *comparison = FILTER_PICK(random, generator_comparisons),
               *equality = FILTER_PICK(random, generator_equalities), *label = field->label;
    uint64_t value = generator_value(random, field, &text);
    switch (field->kind) {
    case KIND_ADDRESS: /* `src` and `dst` are sides, and what follows them by itself is an address */
        generator_say(out, "%s%s%s", label, equality,
                      strlen(label) == 3 ? FILTER_PICK(random, generator_addresses)
                                         : FILTER_PICK(random, generator_nets));
        break;
    case KIND_TIME:
        generator_say(out, "%s%s@%llu.%09llu", label, comparison, (unsigned long long)value / 1000000000,
                      (unsigned long long)value % 1000000000);
        break;
    case KIND_NANOSECONDS:
        generator_say(out, "%s%s%lldns", label, comparison, (long long)value);
        break;
    case KIND_MICROSECONDS:
        generator_say(out, "%s%s%lluus", label, comparison, (unsigned long long)value);
        break;
    case KIND_ODDS:
        generator_say(out, "%s%s%s%d.%03d", label, comparison, filter_random_below(random, 2) == 0 ? "-" : "",
                      filter_random_below(random, 21), filter_random_below(random, 2) * 640);
        break;
    case KIND_TEXT:
        generator_say(out, "%s%s\"%s%s\"", label, equality, strcmp(text, "\"") == 0 ? "\\" : "", text);
        break;
    case KIND_MAC:
        generator_say(out, "%s%s00:00:00:00:0%u:e8", label, equality, filter_random_below(random, 4));
        break;
    case KIND_TCP_FLAGS:
        generator_say(out, "%s%s0x%x", label, equality, (unsigned)value);
        break;
    case KIND_HISTORY:
        generator_say(out, "%s%sSh", label, equality);
        break;
    case KIND_FLAG:
        generator_say(out, "%s%s%s", label, equality, value != 0 ? "yes" : "no");
        break;
    case KIND_WORD:
        generator_say(out, "%s%s%s", label, equality, field->words[value]);
        break;
    case KIND_BITS:
        generator_say(out, "%s%s%s", label, equality, field->words[filter_random_below(random, field->word_count)]);
        break;
    default:
        generator_say(out, "%s%s%llu", label, comparison, (unsigned long long)value);
        break;
    }
}

/* What the kind has besides its fields. */
static inline void generator_special_primitive(struct filter_random *random, const struct record_kind *kind,
                                               struct generator_text *out)
{
    const char *comparison = FILTER_PICK(random, generator_comparisons),
               *equality = FILTER_PICK(random, generator_equalities);
    bool ends = kind_field(kind, "protocol") >= 0, times = kind->first_time != kind->last_time;
    switch (filter_random_below(random, 9)) {
    case 7:
        if (ends)
            generator_say(out, "host %sin file bad.txt", filter_random_below(random, 2) == 0 ? "" : "not ");
        break;
    case 0:
        if (ends)
            generator_say(out, "host%s%s", equality, FILTER_PICK(random, generator_addresses));
        break;
    case 1:
        if (ends)
            generator_say(out, "net%s%s", equality, FILTER_PICK(random, generator_nets));
        break;
    case 2:
        if (ends)
            generator_say(out, "port%s%llu", comparison, (unsigned long long)FILTER_PICK(random, generator_ports));
        break;
    case 3:
        if (ends)
            generator_say(out, "%s", filter_random_below(random, 2) == 0 ? "ip6" : "udp");
        break;
    case 4:
        if (times)
            generator_say(out, "duration%s%lldns", comparison, (long long)FILTER_PICK(random, generator_spans));
        break;
    case 5:
        if (kind_field(kind, "confidence") >= 0)
            generator_say(out, "confidence%s%u.%u", comparison, filter_random_below(random, 100),
                          filter_random_below(random, 10));
        break;
    case 6:
        if (kind_field(kind, "src") >= 0)
            generator_say(out, "%shost%s%s", FILTER_PICK(random, generator_sides), equality,
                          FILTER_PICK(random, generator_addresses));
        break;
    default:
        break;
    }
    if (out->text[0] == '\0' || strchr(" (!", out->text[out->used - 1]) != NULL) /* the kind has it not */
        generator_say(out, "sensor%s%s", equality, FILTER_PICK(random, generator_sensors));
}

static inline void generator_primitive(struct filter_random *random, const struct record_kind *kind,
                                       struct generator_text *out)
{
    bool flow = kind == record_kinds[RECORD_FLOW];
    unsigned which = filter_random_below(random, 4);
    if (flow && which != 0)
        generator_flow_primitive(random, out);
    else if (which == 1)
        generator_special_primitive(random, kind, out);
    else
        generator_field_primitive(random, kind, out);
}

static inline void generator_expression(struct filter_random *random, const struct record_kind *kind,
                                        struct generator_text *out, unsigned depth)
{
    static const char *const joints[] = {" and ", " or ", " && ", " || "};
    unsigned terms = 1 + filter_random_below(random, 3);
    for (unsigned i = 0; i < terms; i++) {
        if (i > 0)
            generator_say(out, "%s", FILTER_PICK(random, joints));
        if (filter_random_below(random, 4) == 0)
            generator_say(out, "%s", filter_random_below(random, 2) == 0 ? "not " : "!");
        if (depth > 0 && filter_random_below(random, 3) == 0) {
            generator_say(out, "(");
            generator_expression(random, kind, out, depth - 1);
            generator_say(out, ")");
        } else {
            generator_primitive(random, kind, out);
        }
    }
}

/* A valid filter text of up to nine or so primitives, for a kind. `size` at least FILTER_TEXT_MAX. */
static inline void filter_generate_text(struct filter_random *random, const struct record_kind *kind, char *ret_text,
                                        size_t size)
{
    struct generator_text out = {.text = ret_text, .size = size};
    ret_text[0] = '\0';
    generator_expression(random, kind, &out, 2);
}

#endif
