/* SPDX-License-Identifier: Apache-2.0 */
/* pavo nat: its evidence as a sum, its answer as a report, and who had the same port before and after. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/cli/cell.h"
#include "aggregator/cli/nat.h"
#include "common/address.h"
#include "common/clock.h"
#include "common/when.h"

#define NEIGHBOURS_SLACK    "1h"
#define NEIGHBOURS_SLACK_NS (3600 * NS_PER_S)
#define NEIGHBOURS_LIMIT    "200"

bool nat_is_linked(const pavo_columns *page, size_t row)
{
    return pavo_columns_text(page, row, pavo_columns_field(page, "partner_sensor")) != NULL;
}

static void print_sentence(const pavo_columns *page, size_t row, bool utc, unsigned indent, const char *sentence)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (stream == NULL)
        return;
    cell_sentence(stream, page, row, utc, sentence);
    if (fclose(stream) == 0)
        cli_wrap(text, indent);
    free(text);
}

/* ---- why */

/* Thousandths, which is what a weight is kept in. */
static long thousandths(const char *text)
{
    return lround(strtod(text, NULL) * 1000);
}

static const char *meaning(const char *kind)
{
    static const char *const meanings[][2] = {
        {"prior", "before any evidence: among the views that could have been it"},
        {"src_isn", "the initiator's initial sequence number"},
        {"dst_isn", "the responder's initial sequence number"},
        {"src_timestamp", "the initiator's TCP time stamps"},
        {"dst_timestamp", "the responder's TCP time stamps"},
        {"src_digest", "the initiator's first bytes of payload"},
        {"dst_digest", "the responder's first bytes of payload"},
        {"src_ip_id", "the initiator's IP identification"},
        {"dst_ip_id", "the responder's IP identification"},
        {"icmp_sequence", "the echo's sequence number"},
        {"src", "the initiator's address and port"},
        {"dst", "the responder's address and port"},
        {"payload", "bytes of payload each way"},
        {"packets", "packets each way"},
        {"time", "when the first packets came"},
        {"ceiling", "held back: this kind of evidence has earned no more belief"}};
    for (size_t i = 0; i < sizeof(meanings) / sizeof(*meanings); i++) {
        if (strcmp(meanings[i][0], kind) == 0)
            return meanings[i][1];
    }
    return kind;
}

void nat_why(const pavo_columns *page, size_t row)
{
    int list = pavo_columns_field(page, "terms");
    size_t items = pavo_columns_items(page, row, list);
    long sum = 0;
    if (items > 0)
        printf("    why, in powers of two of the odds:\n");
    for (size_t i = 0; i < items; i++) {
        size_t item = pavo_columns_item(page, row, list, i);
        const char *outcome = cell_text(page, item, "term_outcome");
        long weight = thousandths(cell_text(page, item, "term_weight"));
        sum += weight;
        printf("    %+9.3f  %s%s%s\n", (double)weight / 1000, meaning(cell_text(page, item, "term_kind")),
               strcmp(outcome, "unknown") == 0 ? "" : " ", strcmp(outcome, "unknown") == 0 ? "" : outcome);
    }
    if (items > 0)
        printf("    %+9.3f  together%s\n", (double)sum / 1000,
               sum == thousandths(cell_text(page, row, "odds")) ? ", which are the odds of the verdict"
                                                                : "; the verdict's odds are others: it was revised");
}

/* ---- a report */

void nat_report(const pavo_columns *page, size_t row, bool also)
{
    if (also)
        printf("\nAlso in that time:\n");
    print_sentence(
        page, row, true, 0,
        "{answer}. The connection ({protocol}, {state}) was seen from {first_time} to {last_time}, in UTC and by "
        "the clocks of the sensors; {src_bytes} were sent in {src_packets} packets and {dst_bytes} received in "
        "{dst_packets}. At boundary {boundary}, sensor {sensor} saw it on one side and sensor {partner_sensor} on "
        "the other, their clocks and the way between them {offset} apart. That the two are one connection is "
        "{evidence}.");
}

/* ---- neighbours */

static bool moment_of(const struct argument *arguments, struct when *ret_at, int64_t *ret_slack_ns)
{
    struct address address;
    uint16_t port = 0;
    *ret_slack_ns = NAT_SLACK_DEFAULT_NS;
    return arguments[NAT_AT].value != NULL &&
           address_port_parse(arguments[NAT_END].value, &address, &port) == RESULT_OK && port != 0 &&
           when_parse_span(arguments[NAT_AT].value, NULL, ret_at, NULL, NULL) == RESULT_OK &&
           (arguments[NAT_SLACK].value == NULL ||
            duration_parse(arguments[NAT_SLACK].value, ret_slack_ns, NULL) == RESULT_OK) &&
           *ret_slack_ns < NEIGHBOURS_SLACK_NS;
}

static bool time_of(const pavo_columns *page, size_t row, const char *name, int64_t *ret_ns)
{
    struct when when;
    const char *text = cell_text(page, row, name);
    if (when_parse(text, NULL, &when, NULL, NULL) != RESULT_OK)
        return false;
    *ret_ns = when.from_ns;
    return true;
}

/* Rows come with the nearest first, so the first on each side is the neighbour. */
static void look(const struct ask *ask, const pavo_columns *page, int64_t from_ns, int64_t to_ns, bool told[static 2])
{
    for (size_t row = 0; row < pavo_columns_rows(page); row++) {
        int64_t first, last;
        if (!nat_is_linked(page, row) || !time_of(page, row, "first_time", &first) ||
            !time_of(page, row, "last_time", &last))
            continue;
        if (last < from_ns && !told[0])
            print_sentence(page, row, ask->cli->utc, 0, "\nBefore that, until {last_time}: {answer}.");
        if (first > to_ns && !told[1])
            print_sentence(page, row, ask->cli->utc, 0, "\nAfter that, from {first_time}: {answer}.");
        told[0] = told[0] || last < from_ns;
        told[1] = told[1] || first > to_ns;
    }
}

int nat_neighbours(struct ask *ask, const struct argument *arguments)
{
    struct argument wide[NAT_ARGUMENTS];
    char slack[] = NEIGHBOURS_SLACK, limit[] = NEIGHBOURS_LIMIT;
    struct when at;
    int64_t slack_ns;
    bool told[2] = {false, false};
    const pavo_columns *page;
    if (!moment_of(arguments, &at, &slack_ns))
        return -1;
    memcpy(wide, arguments, sizeof(wide));
    wide[NAT_SLACK].value = slack;
    wide[NAT_LIMIT].value = limit;
    int code = ask_begin(ask, "nat", wide, NAT_ARGUMENTS);
    if (code >= 0)
        return code;
    while (ask_page(ask, &page))
        look(ask, page, at.from_ns - slack_ns, at.to_ns + slack_ns, told);
    if (ask->code < 0 && !told[0])
        printf("\nNobody is known to have had it in the hour before.\n");
    if (ask->code < 0 && !told[1])
        printf("%sNobody is known to have had it in the hour after.\n", told[0] ? "\n" : "");
    return ask->code;
}
