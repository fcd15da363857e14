/* SPDX-License-Identifier: Apache-2.0 */
/* Zeek's conn.log: its tab-separated form, with Zeek's own names and types of fields. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "aggregator/cli/export.h"
#include "common/clock.h"

#define FIELDS                                                                                                         \
    "ts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tduration\torig_bytes\tresp_bytes\tconn_state\t"       \
    "history\torig_pkts\torig_ip_bytes\tresp_pkts\tresp_ip_bytes"
#define TYPES                                                                                                          \
    "time\tstring\taddr\tport\taddr\tport\tenum\tinterval\tcount\tcount\tstring\tstring\tcount\tcount\tcount\tcount"

static void print_when(const char *word, int64_t now_ns)
{
    char text[64];
    struct tm tm;
    time_t seconds = now_ns / NS_PER_S;
    gmtime_r(&seconds, &tm);
    strftime(text, sizeof(text), "%Y-%m-%d-%H-%M-%S", &tm);
    printf("#%s\t%s\n", word, text);
}

void zeek_head(int64_t now_ns)
{
    fputs("#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n", stdout);
    print_when("open", now_ns);
    fputs("#fields\t" FIELDS "\n#types\t" TYPES "\n", stdout);
}

void zeek_end(int64_t now_ns)
{
    print_when("close", now_ns);
}

static void put(const pavo_columns *page, size_t row, const char *field)
{
    const char *text = pavo_columns_text(page, row, pavo_columns_field(page, field));
    printf("%s\t", text == NULL || text[0] == '\0' ? "-" : text);
}

static uint64_t number(const pavo_columns *page, size_t row, const char *field)
{
    uint64_t value = 0;
    (void)pavo_columns_number(page, row, pavo_columns_field(page, field), &value);
    return value;
}

/* Seconds with a fraction, as "1700000000.000000". */
static void put_seconds(int64_t ns, const char *end)
{
    int64_t seconds = ns / NS_PER_S, fraction = ns % NS_PER_S;
    if (fraction < 0) {
        fraction += NS_PER_S;
        seconds--;
    }
    printf("%" PRId64 ".%09" PRId64 "%s", seconds, fraction, end);
}

/* All records of one flow have one, and no two flows the same. */
static void put_uid(const pavo_columns *page, size_t row)
{
    const char *sensor = pavo_columns_text(page, row, pavo_columns_field(page, "sensor"));
    printf("C%s.%" PRIx64 ".%" PRIx64 "\t", sensor == NULL ? "" : sensor, number(page, row, "epoch"),
           number(page, row, "flow"));
}

static const char *transport(uint64_t protocol)
{
    switch (protocol) {
    case 1:
    case 58:
        return "icmp";
    case 6:
        return "tcp";
    case 17:
        return "udp";
    default:
        return "unknown_transport";
    }
}

void zeek_row(const pavo_columns *page, size_t row)
{
    int64_t first = 0, last = 0;
    uint64_t protocol = number(page, row, "protocol");
    bool icmp = protocol == 1 || protocol == 58; /* Zeek has type and code in place of ports */
    uint64_t type_code = number(page, row, "icmp_type_code");
    (void)pavo_columns_signed(page, row, pavo_columns_field(page, "first_time"), &first);
    (void)pavo_columns_signed(page, row, pavo_columns_field(page, "last_time"), &last);
    put_seconds(first, "\t");
    put_uid(page, row);
    put(page, row, "src");
    printf("%" PRIu64 "\t", icmp ? type_code >> 8 : number(page, row, "src_port"));
    put(page, row, "dst");
    printf("%" PRIu64 "\t%s\t", icmp ? type_code & 255 : number(page, row, "dst_port"), transport(protocol));
    put_seconds(last - first, "\t");
    put(page, row, "src_payload");
    put(page, row, "dst_payload");
    put(page, row, "state");
    put(page, row, "history");
    put(page, row, "src_packets");
    put(page, row, "src_bytes");
    put(page, row, "dst_packets");
    printf("%" PRIu64 "\n", number(page, row, "dst_bytes"));
}
