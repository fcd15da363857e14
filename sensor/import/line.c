/* SPDX-License-Identifier: Apache-2.0 */
/* Columns by their names. */
#include "sensor/import/line.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/when.h"

const char *const import_format_names[IMPORT_FORMAT_COUNT] = {
#define X(name, word) #word,
    IMPORT_FORMATS(X)
#undef X
};

/* What a column may be. */
enum column {
    COLUMN_NONE, /* passed over */
    COLUMN_FIRST,
    COLUMN_LAST,
    COLUMN_DURATION, /* seconds */
    COLUMN_SRC,
    COLUMN_DST,
    COLUMN_SRC_PORT,
    COLUMN_DST_PORT,
    COLUMN_PROTOCOL,
    COLUMN_SRC_PACKETS,
    COLUMN_DST_PACKETS,
    COLUMN_PACKETS, /* of both sides */
    COLUMN_SRC_BYTES,
    COLUMN_DST_BYTES,
    COLUMN_BYTES,
    COLUMN_SRC_PAYLOAD,
    COLUMN_DST_PAYLOAD,
    COLUMN_SRC_TOS,
    COLUMN_DST_TOS,
    COLUMN_FLAGS, /* of src, letters */
    COLUMN_STATE,
    COLUMN_HISTORY,
    COLUMN_VLAN,
    COLUMN_COUNT
};

struct name {
    const char *name;
    uint8_t column;
};
static const struct name nfdump_names[] = {
    {"ts", COLUMN_FIRST},         {"te", COLUMN_LAST},        {"td", COLUMN_DURATION},      {"sa", COLUMN_SRC},
    {"da", COLUMN_DST},           {"sp", COLUMN_SRC_PORT},    {"dp", COLUMN_DST_PORT},      {"pr", COLUMN_PROTOCOL},
    {"flg", COLUMN_FLAGS},        {"stos", COLUMN_SRC_TOS},   {"ipkt", COLUMN_SRC_PACKETS}, {"ibyt", COLUMN_SRC_BYTES},
    {"opkt", COLUMN_DST_PACKETS}, {"obyt", COLUMN_DST_BYTES}, {"svln", COLUMN_VLAN},        {NULL, 0}};
static const struct name argus_names[] = {{"StartTime", COLUMN_FIRST},
                                          {"LastTime", COLUMN_LAST},
                                          {"Dur", COLUMN_DURATION},
                                          {"Proto", COLUMN_PROTOCOL},
                                          {"SrcAddr", COLUMN_SRC},
                                          {"DstAddr", COLUMN_DST},
                                          {"Sport", COLUMN_SRC_PORT},
                                          {"Dport", COLUMN_DST_PORT},
                                          {"SrcPkts", COLUMN_SRC_PACKETS},
                                          {"DstPkts", COLUMN_DST_PACKETS},
                                          {"TotPkts", COLUMN_PACKETS},
                                          {"SrcBytes", COLUMN_SRC_BYTES},
                                          {"DstBytes", COLUMN_DST_BYTES},
                                          {"TotBytes", COLUMN_BYTES},
                                          {"sTos", COLUMN_SRC_TOS},
                                          {"dTos", COLUMN_DST_TOS},
                                          {NULL, 0}};
static const struct name zeek_names[] = {{"ts", COLUMN_FIRST},
                                         {"duration", COLUMN_DURATION},
                                         {"id.orig_h", COLUMN_SRC},
                                         {"id.resp_h", COLUMN_DST},
                                         {"id.orig_p", COLUMN_SRC_PORT},
                                         {"id.resp_p", COLUMN_DST_PORT},
                                         {"proto", COLUMN_PROTOCOL},
                                         {"ip_proto", COLUMN_PROTOCOL},
                                         {"orig_bytes", COLUMN_SRC_PAYLOAD},
                                         {"resp_bytes", COLUMN_DST_PAYLOAD},
                                         {"orig_pkts", COLUMN_SRC_PACKETS},
                                         {"resp_pkts", COLUMN_DST_PACKETS},
                                         {"orig_ip_bytes", COLUMN_SRC_BYTES},
                                         {"resp_ip_bytes", COLUMN_DST_BYTES},
                                         {"conn_state", COLUMN_STATE},
                                         {"history", COLUMN_HISTORY},
                                         {"vlan", COLUMN_VLAN},
                                         {NULL, 0}};
static const struct name *const names[IMPORT_FORMAT_COUNT] = {nfdump_names, argus_names, zeek_names};

/* How the tool is asked for what is needed. */
static const char *const ways[IMPORT_FORMAT_COUNT] = {
    "nfdump -r FILE -o csv",
    "ra -r FILE -nn -u -c, -s stime,ltime,proto,saddr,sport,daddr,dport,spkts,dpkts,sbytes,dbytes",
    "conn.log with its #fields, tab-separated"};

/* ---- the line with the names */

/* The next value; NULL: there is none. */
static char *next_value(char **rest, char separator)
{
    char *value = *rest;
    if (value == NULL)
        return NULL;
    char *end = strchr(value, separator);
    if (end != NULL)
        *end = '\0';
    *rest = end == NULL ? NULL : end + 1;
    value += strspn(value, " ");
    for (size_t length = strlen(value); length > 0 && value[length - 1] == ' ';)
        value[--length] = '\0';
    return value;
}

static bool has(const struct import_layout *layout, enum column column)
{
    return memchr(layout->columns, (int)column, layout->count) != NULL;
}

static enum result take_names(struct import_layout *layout, char *line, struct error *err)
{
    struct import_layout taken = {.format = layout->format, .begun = true, .separator = layout->separator};
    for (const char *value;
         (value = next_value(&line, layout->separator)) != NULL && taken.count < IMPORT_COLUMNS_MAX;) {
        uint8_t column = COLUMN_NONE;
        for (const struct name *n = names[layout->format]; n->name != NULL; n++) {
            if (strcmp(n->name, value) == 0)
                column = n->column;
        }
        taken.columns[taken.count++] = column;
    }
    if (!has(&taken, COLUMN_FIRST) || !has(&taken, COLUMN_SRC) || !has(&taken, COLUMN_DST) ||
        !has(&taken, COLUMN_PROTOCOL) || !(has(&taken, COLUMN_LAST) || has(&taken, COLUMN_DURATION)))
        return error_set(err, RESULT_REJECT,
                         "these are not the columns of %s with times, addresses and protocol: give what `%s` prints",
                         import_format_names[layout->format], ways[layout->format]);
    *layout = taken;
    return RESULT_END;
}

/* ---- values. False: it is none */

static bool read_number(const char *text, uint64_t most, uint64_t *ret_number)
{
    uint64_t number = 0;
    if (text[0] == '\0' || strlen(text) > 19)
        return false;
    for (; *text != '\0'; text++) {
        if (!isdigit((unsigned char)*text))
            return false;
        number = number * 10 + (uint64_t)(*text - '0');
    }
    if (number > most)
        return false;
    *ret_number = number;
    return true;
}

/* "1700000000.123456" in nanoseconds. */
static bool read_seconds(const char *text, int64_t *ret_ns)
{
    char whole[16];
    uint64_t seconds = 0, fraction = 0, unit = NS_PER_S;
    size_t length = strcspn(text, ".");
    if (length == 0 || length >= sizeof(whole))
        return false;
    memcpy(whole, text, length);
    whole[length] = '\0';
    if (!read_number(whole, INT64_MAX / NS_PER_S - 1, &seconds))
        return false;
    for (const char *at = text + length + (text[length] == '.'); *at != '\0'; at++) {
        if (!isdigit((unsigned char)*at))
            return false;
        unit /= 10;
        fraction += (uint64_t)(*at - '0') * unit;
    }
    *ret_ns = (int64_t)(seconds * NS_PER_S + fraction);
    return true;
}

static bool read_time(char *text, int64_t *ret_ns)
{
    struct when when;
    if (read_seconds(text, ret_ns))
        return true;
    if (strspn(text, "0123456789") != 4 || (text[4] != '-' && text[4] != '/'))
        return false; /* "yesterday" is for people */
    for (char *at = text; *at != '\0' && *at != ' '; at++)
        *at = *at == '/' ? '-' : *at;             /* 2018/12/18 */
    const struct when_here local = {.now_ns = 0}; /* a whole date does not ask what day it is */
    if (when_parse(text, &local, &when, NULL, NULL) != RESULT_OK)
        return false;
    *ret_ns = when.from_ns;
    return true;
}

static bool read_protocol(char *text, uint8_t *ret_protocol)
{
    uint64_t number;
    for (char *at = text; *at != '\0'; at++)
        *at = (char)tolower((unsigned char)*at);
    int known = strcmp(text, "ipv6-icmp") == 0 || strcmp(text, "icmpv6") == 0 ? 58 : protocol_by_name(text);
    if (known >= 0)
        number = (uint64_t)known;
    else if (!read_number(text, 255, &number))
        return false;
    *ret_protocol = (uint8_t)number;
    return true;
}

/* Letters of FSRPAUEC, dots between. */
static uint8_t read_flags(const char *text)
{
    static const char letters[] = "FSRPAUEC";
    uint8_t flags = 0;
    for (; *text != '\0'; text++) {
        const char *found = strchr(letters, *text);
        if (found != NULL)
            flags |= (uint8_t)(1u << (found - letters));
    }
    return flags;
}

static bool read_state(const char *text, uint8_t *ret_state)
{
    for (unsigned state = 0; state < FLOW_STATE_COUNT; state++) {
        if (strcmp(flow_state_words[state], text) == 0) {
            *ret_state = (uint8_t)state;
            return true;
        }
    }
    return false;
}

/* ---- a line */

/* One that is being read. */
struct reading {
    struct flow flow;
    bool said[COLUMN_COUNT]; /* the line has a value for it */
    int64_t duration_ns;
    uint64_t packets, bytes;
    bool management, says_icmp;
};

static bool read_address(const char *text, uint64_t *ret_hi, uint64_t *ret_lo)
{
    struct address address;
    if (address_parse(text, &address) != RESULT_OK)
        return false;
    *ret_hi = address.hi;
    *ret_lo = address.lo;
    return true;
}

static bool read_u16(const char *text, uint16_t *ret_number)
{
    uint64_t number;
    if (!read_number(text, UINT16_MAX, &number))
        return false;
    *ret_number = (uint16_t)number;
    return true;
}

/* A type of service: its upper six bits. */
static bool read_tos(const char *text, uint8_t *ret_dscp)
{
    uint64_t number;
    if (!read_number(text, 255, &number))
        return false;
    *ret_dscp = (uint8_t)(number >> 2);
    return true;
}

static bool take(struct reading *r, enum column column, char *text)
{
    struct flow *f = &r->flow;
    switch (column) {
    case COLUMN_FIRST:
        return read_time(text, &f->first_time);
    case COLUMN_LAST:
        return read_time(text, &f->last_time);
    case COLUMN_DURATION:
        return read_seconds(text, &r->duration_ns);
    case COLUMN_SRC:
        return read_address(text, &f->src_hi, &f->src_lo);
    case COLUMN_DST:
        return read_address(text, &f->dst_hi, &f->dst_lo);
    case COLUMN_SRC_PORT:
        return read_u16(text, &f->src_port);
    case COLUMN_DST_PORT:
        return read_u16(text, &f->dst_port);
    case COLUMN_PROTOCOL:
        return read_protocol(text, &f->protocol);
    case COLUMN_SRC_PACKETS:
        return read_number(text, INT64_MAX, &f->src_packets);
    case COLUMN_DST_PACKETS:
        return read_number(text, INT64_MAX, &f->dst_packets);
    case COLUMN_PACKETS:
        return read_number(text, INT64_MAX, &r->packets);
    case COLUMN_SRC_BYTES:
        return read_number(text, INT64_MAX, &f->src_bytes);
    case COLUMN_DST_BYTES:
        return read_number(text, INT64_MAX, &f->dst_bytes);
    case COLUMN_BYTES:
        return read_number(text, INT64_MAX, &r->bytes);
    case COLUMN_SRC_PAYLOAD:
        return read_number(text, INT64_MAX, &f->src_payload);
    case COLUMN_DST_PAYLOAD:
        return read_number(text, INT64_MAX, &f->dst_payload);
    case COLUMN_SRC_TOS:
        return read_tos(text, &f->src_dscp);
    case COLUMN_DST_TOS:
        return read_tos(text, &f->dst_dscp);
    case COLUMN_VLAN:
        return read_u16(text, &f->vlan);
    case COLUMN_FLAGS:
        f->src_tcp_flags = read_flags(text);
        return true;
    case COLUMN_STATE:
        return read_state(text, &f->state);
    case COLUMN_HISTORY:
        for (; *text != '\0'; text++)
            f->history = flow_history_add(f->history, *text);
        return true;
    default:
        return true;
    }
}

/* May the line have no such value, or one that is no number? An ICMP flow has no ports, however they are written. */
static bool may_be_odd(const struct reading *r, enum column column)
{
    return (column == COLUMN_SRC_PORT || column == COLUMN_DST_PORT) && r->said[COLUMN_PROTOCOL] &&
           !protocol_has_ports(r->flow.protocol);
}

/* One side's, where both and the other's are there. */
static void divide(struct reading *r)
{
    struct flow *f = &r->flow;
    if (r->said[COLUMN_PACKETS] && r->said[COLUMN_SRC_PACKETS] && !r->said[COLUMN_DST_PACKETS] &&
        r->packets >= f->src_packets) {
        f->dst_packets = r->packets - f->src_packets;
        r->said[COLUMN_DST_PACKETS] = true;
    }
    if (r->said[COLUMN_BYTES] && r->said[COLUMN_SRC_BYTES] && !r->said[COLUMN_DST_BYTES] && r->bytes >= f->src_bytes) {
        f->dst_bytes = r->bytes - f->src_bytes;
        r->said[COLUMN_DST_BYTES] = true;
    }
}

/* What stands in place of ports: Zeek has type and code, the others write it each in its own way. */
static void take_icmp(enum import_format format, struct reading *r)
{
    struct flow *f = &r->flow;
    if (f->protocol == 1 && !address_is_ipv4(flow_src(f)))
        f->protocol = 58;
    if (f->protocol != 1 && f->protocol != 58)
        return;
    r->says_icmp = format == IMPORT_ZEEK && r->said[COLUMN_SRC_PORT] && r->said[COLUMN_DST_PORT];
    if (r->says_icmp)
        f->icmp_type_code = (uint16_t)(f->src_port << 8 | (f->dst_port & 255));
    f->src_port = f->dst_port = 0;
    r->said[COLUMN_SRC_PORT] = r->said[COLUMN_DST_PORT] = false;
}

static void not_known(uint64_t unknown[static 2], enum flow_field field)
{
    unsigned number = flow_fields[field].number;
    unknown[number / 64] |= UINT64_C(1) << number % 64;
}

/* Every field but those that a line always says, and those that this one said. */
static void find_unknown(const struct reading *r, uint64_t unknown[static 2])
{
    static const struct {
        enum flow_field field;
        enum column column;
    } says[] = {{FLOW_FIELD_src_port, COLUMN_SRC_PORT},       {FLOW_FIELD_dst_port, COLUMN_DST_PORT},
                {FLOW_FIELD_src_packets, COLUMN_SRC_PACKETS}, {FLOW_FIELD_dst_packets, COLUMN_DST_PACKETS},
                {FLOW_FIELD_src_bytes, COLUMN_SRC_BYTES},     {FLOW_FIELD_dst_bytes, COLUMN_DST_BYTES},
                {FLOW_FIELD_src_payload, COLUMN_SRC_PAYLOAD}, {FLOW_FIELD_dst_payload, COLUMN_DST_PAYLOAD},
                {FLOW_FIELD_src_dscp, COLUMN_SRC_TOS},        {FLOW_FIELD_dst_dscp, COLUMN_DST_TOS},
                {FLOW_FIELD_src_tcp_flags, COLUMN_FLAGS},     {FLOW_FIELD_state, COLUMN_STATE},
                {FLOW_FIELD_history, COLUMN_HISTORY},         {FLOW_FIELD_vlan, COLUMN_VLAN}};
    static const enum flow_field always[] = {
        FLOW_FIELD_flow,   FLOW_FIELD_report, FLOW_FIELD_observer, FLOW_FIELD_src_hi,     FLOW_FIELD_src_lo,
        FLOW_FIELD_dst_hi, FLOW_FIELD_dst_lo, FLOW_FIELD_protocol, FLOW_FIELD_first_time, FLOW_FIELD_last_time};
    bool known[FLOW_FIELD_COUNT] = {false};
    for (size_t i = 0; i < sizeof(always) / sizeof(*always); i++)
        known[always[i]] = true;
    for (size_t i = 0; i < sizeof(says) / sizeof(*says); i++)
        known[says[i].field] = r->said[says[i].column];
    known[FLOW_FIELD_icmp_type_code] = r->says_icmp;
    unknown[0] = unknown[1] = 0;
    for (unsigned f = 0; f < FLOW_FIELD_COUNT; f++) {
        if (!known[f])
            not_known(unknown, (enum flow_field)f);
    }
}

/* Values that are there in form only. */
static bool is_nothing(enum import_format format, enum column column, const char *value)
{
    if (value[0] == '\0')
        return true;
    if (format == IMPORT_ZEEK) /* newer ones have a number beside the word, ip_proto, also where there is no word */
        return strcmp(value, "-") == 0 || strcmp(value, "(empty)") == 0 ||
               (column == COLUMN_PROTOCOL && strcmp(value, "unknown_transport") == 0);
    /* nfdump writes zero for what an export did not have: the other direction of one that has none. */
    return format == IMPORT_NFDUMP && strcmp(value, "0") == 0 &&
           (column == COLUMN_DST_PACKETS || column == COLUMN_DST_BYTES || column == COLUMN_VLAN);
}

/* The protocol is read first: what ports are depends on it. */
static enum result read_values(const struct import_layout *layout, char *const values[], struct reading *r,
                               struct error *err)
{
    for (unsigned pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < layout->count; i++) {
            enum column column = (enum column)layout->columns[i];
            if (column == COLUMN_NONE || (column == COLUMN_PROTOCOL) != (pass == 0) ||
                is_nothing(layout->format, column, values[i]))
                continue;
            if (pass == 0 && layout->format == IMPORT_ARGUS && strcmp(values[i], "man") == 0) {
                r->management = true;
                return RESULT_OK;
            }
            char before[64];
            snprintf(before, sizeof(before), "%.60s", values[i]);
            r->said[column] = take(r, column, values[i]);
            if (!r->said[column] && !may_be_odd(r, column)) {
                text_clean(before);
                return error_set(err, RESULT_REJECT, "column %zu: '%s' cannot be read", i + 1, before);
            }
        }
    }
    return RESULT_OK;
}

static enum result take_flow(const struct import_layout *layout, char *line, struct reading *r, struct error *err)
{
    char *values[IMPORT_COLUMNS_MAX];
    size_t count = 0;
    for (char *value; count < layout->count && (value = next_value(&line, layout->separator)) != NULL;)
        values[count++] = value;
    if (count < layout->count || line != NULL)
        return error_set(err, RESULT_REJECT, "it has %s than %zu columns", line != NULL ? "more" : "less",
                         layout->count);
    enum result result = read_values(layout, values, r, err);
    if (result != RESULT_OK || r->management)
        return result;
    if (!r->said[COLUMN_FIRST] || !r->said[COLUMN_SRC] || !r->said[COLUMN_DST] || !r->said[COLUMN_PROTOCOL])
        return error_set(err, RESULT_REJECT, "it has no time, no address or no protocol");
    /* nfdump's end is a whole second, its duration is not. */
    if ((!r->said[COLUMN_LAST] || r->said[COLUMN_DURATION]) &&
        __builtin_add_overflow(r->flow.first_time, r->duration_ns, &r->flow.last_time))
        return error_set(err, RESULT_REJECT, "it would end after all time");
    if (r->flow.last_time < r->flow.first_time)
        return error_set(err, RESULT_REJECT, "it ends before it begins");
    divide(r);
    take_icmp(layout->format, r);
    return RESULT_OK;
}

enum result import_line(struct import_layout *layout, char *line, struct flow *ret_flow, uint64_t ret_unknown[static 2],
                        struct error *err)
{
    struct reading r = {0};
    if (layout->ended || line[0] == '\0')
        return RESULT_END;
    if (layout->format == IMPORT_ZEEK && line[0] == '#') {
        static const char fields[] = "#fields\t";
        layout->separator = '\t';
        return strncmp(line, fields, sizeof(fields) - 1) == 0 ? take_names(layout, line + sizeof(fields) - 1, err)
                                                              : RESULT_END;
    }
    if (layout->format == IMPORT_NFDUMP && strncmp(line, "Summary", 7) == 0) {
        layout->ended = true;
        return RESULT_END;
    }
    if (!layout->begun) {
        layout->separator = layout->format == IMPORT_ZEEK || strchr(line, ',') == NULL ? '\t' : ',';
        return take_names(layout, line, err);
    }
    enum result result = take_flow(layout, line, &r, err);
    if (result != RESULT_OK)
        return result;
    if (r.management)
        return RESULT_END;
    find_unknown(&r, ret_unknown);
    *ret_flow = r.flow;
    return RESULT_OK;
}
