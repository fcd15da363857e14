/* SPDX-License-Identifier: Apache-2.0 */
/* What filters ask of a row that SQL has no words for, as functions of DuckDB. */
#include "aggregator/engine/functions.h"

#include <inttypes.h>

#include "common/records/community_id.h"

#define COMMUNITY_ID "pavo_community_id"
#define IN_SET       "pavo_in_set"

/* The arguments, in this order; all come as UBIGINT. */
static const unsigned community_fields[] = {FLOW_FIELD_src_hi,         FLOW_FIELD_src_lo,   FLOW_FIELD_dst_hi,
                                            FLOW_FIELD_dst_lo,         FLOW_FIELD_src_port, FLOW_FIELD_dst_port,
                                            FLOW_FIELD_icmp_type_code, FLOW_FIELD_protocol, FLOW_FIELD_direction};
#define COMMUNITY_FIELDS (sizeof(community_fields) / sizeof(*community_fields))

/* "" for a flow that has none. */
static void community_ids(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output)
{
    (void)info;
    const uint64_t *values[COMMUNITY_FIELDS];
    for (size_t i = 0; i < COMMUNITY_FIELDS; i++)
        values[i] = duckdb_vector_get_data(duckdb_data_chunk_get_vector(input, i));
    idx_t count = duckdb_data_chunk_get_size(input);
    for (idx_t row = 0; row < count; row++) {
        const struct flow flow = {.src_hi = values[0][row],
                                  .src_lo = values[1][row],
                                  .dst_hi = values[2][row],
                                  .dst_lo = values[3][row],
                                  .src_port = (uint16_t)values[4][row],
                                  .dst_port = (uint16_t)values[5][row],
                                  .icmp_type_code = (uint16_t)values[6][row],
                                  .protocol = (uint8_t)values[7][row],
                                  .direction = (uint8_t)values[8][row]};
        char text[COMMUNITY_ID_MAX];
        if (!community_id(&flow, text))
            text[0] = '\0';
        duckdb_vector_assign_string_element(output, row, text);
    }
}

void function_community_id(struct sql *sql)
{
    for (size_t i = 0; i < COMMUNITY_FIELDS; i++)
        sql_add(sql, "%s\"%s\"::UBIGINT", i == 0 ? COMMUNITY_ID "(" : ",", flow_fields[community_fields[i]].name);
    sql_add(sql, ")");
}

static void in_set(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output)
{
    (void)info;
    const uint64_t *sets = duckdb_vector_get_data(duckdb_data_chunk_get_vector(input, 0)),
                   *hi = duckdb_vector_get_data(duckdb_data_chunk_get_vector(input, 1)),
                   *lo = duckdb_vector_get_data(duckdb_data_chunk_get_vector(input, 2));
    bool *has = duckdb_vector_get_data(output);
    idx_t count = duckdb_data_chunk_get_size(input);
    for (idx_t row = 0; row < count; row++) {
        const struct address_set *set = (const struct address_set *)(uintptr_t)sets[row];
        has[row] = address_set_has(set, (struct address){hi[row], lo[row]});
    }
}

void function_in_set(struct sql *sql, const struct address_set *set, const char *high, const char *low)
{
    sql_add(sql, IN_SET "(%" PRIuPTR "::UBIGINT,\"%s\",\"%s\")", (uintptr_t)set, high, low);
}

static duckdb_state add(duckdb_connection connection, const char *name, idx_t arguments, duckdb_type returns,
                        duckdb_scalar_function_t run)
{
    duckdb_scalar_function function = duckdb_create_scalar_function();
    duckdb_logical_type number = duckdb_create_logical_type(DUCKDB_TYPE_UBIGINT),
                        result = duckdb_create_logical_type(returns);
    duckdb_scalar_function_set_name(function, name);
    for (idx_t i = 0; i < arguments; i++)
        duckdb_scalar_function_add_parameter(function, number);
    duckdb_scalar_function_set_return_type(function, result);
    duckdb_scalar_function_set_function(function, run);
    duckdb_state added = duckdb_register_scalar_function(connection, function);
    duckdb_destroy_logical_type(&number);
    duckdb_destroy_logical_type(&result);
    duckdb_destroy_scalar_function(&function);
    return added;
}

enum result functions_add(duckdb_connection connection, struct error *err)
{
    return add(connection, COMMUNITY_ID, COMMUNITY_FIELDS, DUCKDB_TYPE_VARCHAR, community_ids) == DuckDBSuccess &&
                   add(connection, IN_SET, 3, DUCKDB_TYPE_BOOLEAN, in_set) == DuckDBSuccess
               ? RESULT_OK
               : error_set(err, RESULT_FATAL, "DuckDB does not take a function");
}
