/* SPDX-License-Identifier: Apache-2.0 */
/* interfaces: what each sensor saw and dropped on each of its interfaces, or of its files. */
#include "aggregator/answer/columns.h"
#include "aggregator/answer/work.h"
#include "aggregator/lives.h"
#include "common/records/status.h"

#define INTERFACES_TABLE(X)                                                                                            \
    X(sensor, TEXT, TEXT, NONE, "SENSOR", "its name")                                                                  \
    X(epoch, U64, EPOCH, NONE, NULL, "which life of it")                                                               \
    X(interface, TEXT, TEXT, NONE, "INTERFACE", "interface or file")                                                   \
    X(link_type, TEXT, TEXT, SET, "FRAMES", "pcap's name: EN10MB ...")                                                 \
    X(offered, U64, COUNT, NONE, "SEEN", "packets received, and dropped before that")                                  \
    X(metered, U64, COUNT, NONE, "METERED", "packets counted in a flow")                                               \
    X(bytes, U64, BYTES, NONE, "BYTES", "IP bytes of those")                                                           \
    X(dropped, U64, COUNT, NONE, "DROPPED", "packets dropped")                                                         \
    X(reasons, U16, LIST, NONE, "REASONS", "those, by reason")
#define REASON_TABLE(X)                                                                                                \
    X(dropped_reason, TEXT, TEXT, NONE, NULL, "why")                                                                   \
    X(dropped_packets, U64, COUNT, NONE, NULL, "how many")

struct interfaces_row {
    INTERFACES_TABLE(ANSWER_ROW_MEMBER)
};
struct reason_item {
    REASON_TABLE(ANSWER_ROW_MEMBER)
};
enum { INTERFACES_TABLE(ANSWER_ENUM_MEMBER) REASON_TABLE(ANSWER_ENUM_MEMBER) };

static const struct record_kind *columns(void)
{
    static struct field fields[] = {
#define X(...) ANSWER_COLUMN(interfaces_row, 0, __VA_ARGS__)
        INTERFACES_TABLE(X)
#undef X
#define X(...) ANSWER_COLUMN(reason_item, 1, __VA_ARGS__)
            REASON_TABLE(X)
#undef X
    };
    static const struct record_list lists[] = {{.name = "reasons",
                                                .prefix = "dropped_",
                                                .count = COLUMN_reasons,
                                                .first = COLUMN_dropped_reason,
                                                .last = COLUMN_dropped_packets,
                                                .items_max = STATUS_DROPPED_MAX,
                                                .size = sizeof(struct reason_item)}};
    static struct answer_columns table = {.name = "interfaces",
                                          .fields = fields,
                                          .count = sizeof(fields) / sizeof(*fields),
                                          .row_size = sizeof(struct interfaces_row),
                                          .lists = lists,
                                          .list_count = 1};
    return answer_columns_kind(&table);
}

/* The number-th interface of a life's last status. */
static enum result add_interface(struct work *work, const struct store_life *life, uint32_t number, struct error *err)
{
    const struct status_columns *s = status_columns(life->status);
    uint32_t first, first_dropped, dropped = records_items(life->status, STATUS_DROPPED, 0, &first_dropped);
    (void)records_items(life->status, STATUS_INTERFACES, 0, &first);
    struct interfaces_row row = {.sensor = life->observer.sensor,
                                 .epoch = life->observer.epoch,
                                 .interface = s->interface_name[first + number],
                                 .link_type = s->interface_link_type[first + number],
                                 .offered = s->interface_offered[first + number],
                                 .metered = s->interface_metered[first + number],
                                 .bytes = s->interface_bytes[first + number]};
    for (uint32_t d = first_dropped; d < first_dropped + dropped; d++)
        row.dropped += s->dropped_interface[d] == number ? s->dropped_packets[d] : 0;
    enum result r = work_add(work, &row, err);
    for (uint32_t d = first_dropped; d < first_dropped + dropped && r == RESULT_OK; d++) {
        const struct reason_item item = {s->dropped_reason[d], s->dropped_packets[d]};
        if (s->dropped_interface[d] == number && item.dropped_packets > 0)
            r = work_add_item(work, 0, &item, err);
    }
    return r;
}

static enum result run(struct work *work, struct error *err)
{
    struct store_life *lives = NULL;
    size_t count = 0;
    enum result r = lives_read(work->options->store, true, &lives, &count, err);
    for (size_t i = 0; i < count && r == RESULT_OK; i++) {
        uint32_t interfaces = lives[i].status == NULL ? 0 : status_columns(lives[i].status)->interfaces[0];
        for (uint32_t n = 0; n < interfaces && r == RESULT_OK; n++)
            r = add_interface(work, &lives[i], n, err);
    }
    store_lives_free(&lives, count);
    return r;
}

const struct question question_interfaces = {.name = "interfaces",
                                             .summary =
                                                 "Interfaces: what each sensor saw and dropped on each, and why.",
                                             .columns = columns,
                                             .run = run};
