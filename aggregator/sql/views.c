/* SPDX-License-Identifier: Apache-2.0 */
/* Views by name and column. */
#include "aggregator/sql/views.h"

#define FLOW_SUM(name) "sum(" name ")::BIGINT AS " name ", "

/* The newest verdict about each view at each boundary; of those that link, all and (of a flow with several) the surest.
 */
const char sql_connection[] =
    "CREATE VIEW connection AS WITH "
    "newest AS (SELECT * FROM verdict QUALIFY row_number() OVER (PARTITION BY sensor, epoch, flow, boundary ORDER BY "
    "revision DESC) = 1), "
    "link AS (SELECT * FROM newest WHERE partner_flow IS NOT NULL), "
    "surest AS (SELECT * FROM link QUALIFY row_number() OVER (PARTITION BY sensor, epoch, flow ORDER BY odds DESC, "
    "boundary) = 1), "
    "whole AS (SELECT sensor, epoch, flow, min(first_time) AS first_time, max(last_time) AS last_time, "
    "any_value(protocol) AS protocol, any_value(src) AS src, any_value(src_port) AS src_port, any_value(dst) AS dst, "
    "any_value(dst_port) AS dst_port, arg_max(state, last_time) AS state, " FLOW_SUM("src_packets")
        FLOW_SUM("dst_packets") FLOW_SUM("src_bytes")
            FLOW_SUM("dst_bytes") "count(*) AS records "
                                  "FROM flow GROUP BY sensor, epoch, flow) "
                                  "SELECT w.first_time, w.last_time, w.sensor, w.epoch, w.flow, w.protocol, w.src, "
                                  "w.src_port, w.dst, w.dst_port, "
                                  "w.state, w.src_packets, w.dst_packets, w.src_bytes, w.dst_bytes, w.records, "
                                  "l.boundary, l.verdict, l.translated, "
                                  "l.post_nat_src, l.post_nat_src_port, l.post_nat_dst, l.post_nat_dst_port, "
                                  "l.partner_sensor, l.partner_epoch, "
                                  "l.partner_flow, l.method, l.confidence "
                                  "FROM whole w LEFT JOIN surest l ON l.sensor = w.sensor AND l.epoch = w.epoch AND "
                                  "l.flow = w.flow "
                                  "WHERE NOT EXISTS (SELECT 1 FROM link p WHERE p.partner_sensor = w.sensor AND "
                                  "p.partner_epoch = w.epoch AND "
                                  "p.partner_flow = w.flow)";

static const struct sql_column connection[] = {
    {"first_time", "TIMESTAMP", "first packet"},
    {"last_time", "TIMESTAMP", "last packet, as far as it is reported"},
    {"sensor", "VARCHAR", "who saw it; of two linked views, the one inside"},
    {"epoch", "BIGINT", "which life of that sensor"},
    {"flow", "BIGINT", "number of the flow there"},
    {"protocol", "BIGINT", "IANA protocol number"},
    {"src", "VARCHAR", "initiator's address"},
    {"src_port", "BIGINT", "initiator's port; ICMP: identifier"},
    {"dst", "VARCHAR", "responder's address"},
    {"dst_port", "BIGINT", "responder's port"},
    {"state", "VARCHAR", "of the last record"},
    {"src_packets", "BIGINT", "packets sent by src, over all records"},
    {"dst_packets", "BIGINT", "packets sent by dst"},
    {"src_bytes", "BIGINT", "IP bytes sent by src"},
    {"dst_bytes", "BIGINT", "IP bytes sent by dst"},
    {"records", "BIGINT", "records it was reported in, after merging"},
    {"boundary", "VARCHAR", "where it was linked; this and what follows is NULL where it was not"},
    {"verdict", "VARCHAR", "what became of it there"},
    {"translated", "VARCHAR", "which ends were translated"},
    {"post_nat_src", "VARCHAR", "initiator's address on the other side"},
    {"post_nat_src_port", "BIGINT", "its port there"},
    {"post_nat_dst", "VARCHAR", "responder's address on the other side"},
    {"post_nat_dst_port", "BIGINT", "its port there"},
    {"partner_sensor", "VARCHAR", "who saw it on the other side"},
    {"partner_epoch", "BIGINT", "which life of that sensor"},
    {"partner_flow", "BIGINT", "number of the flow there"},
    {"method", "VARCHAR", "the evidence that carries it, in a word"},
    {"confidence", "DOUBLE", "how sure it is, 0 to 1"},
};

const char *sql_view_name(unsigned view)
{
    return view < STORED_KIND_COUNT ? record_kinds[view]->name : "connection";
}

bool sql_view_column(unsigned view, unsigned column, struct sql_column *ret_column,
                     struct view_column columns[static VIEW_COLUMNS_MAX])
{
    if (view >= STORED_KIND_COUNT) {
        bool there = column < sizeof(connection) / sizeof(*connection);
        if (there)
            *ret_column = connection[column];
        return there;
    }
    const struct record_kind *kind = record_kinds[view];
    if (column >= view_columns(kind, columns))
        return false;
    *ret_column = (struct sql_column){columns[column].name, view_column_type(kind, &columns[column]),
                                      kind->fields[columns[column].field].doc};
    return true;
}
