/* SPDX-License-Identifier: Apache-2.0 */
/* The question sql: what it comes to is what find has, hot and sealed; and what may not be asked is refused. The
 * process of each SELECT is this program, as main() has it. */
#include "tests/unit/aggregator/stage.h"

#include "aggregator/sql/child.h"

#define sql(select, ...) ask("sql", "select", select __VA_OPT__(, ) __VA_ARGS__)

static void commit_flows(uint64_t sequence, uint32_t rows)
{
    char reason[128] = "";
    void *socket = sensor_socket(&inner_keys);
    send_flows(socket, "inner", 5, sequence, rows, FAULT_NONE);
    if (!acknowledged(socket, sequence, reason))
        fail_msg("%s", reason);
    close_socket(socket);
}

static void expect_one(const char *select, const char *value)
{
    const struct answer *a = sql(select);
    assert_string_equal(a->error, "");
    assert_int_equal(a->rows, 1);
    assert_string_equal(text_of(a, 0, a->kind->kind.fields[0].name), value);
}

/* ---- what it comes to */

static void test_sums_are_those_of_find(void **state)
{
    (void)state;
    commit_flows(1, 3000); /* more than a page */
    const struct answer *find = ask("flows"), *all = sql("SELECT count(*) AS n, sum(src_bytes) AS bytes FROM flow");
    assert_string_equal(all->error, "");
    assert_int_equal(find->rows, 3000);
    assert_int_equal(number_of(all, 0, "n"), find->rows);
    assert_int_equal(number_of(all, 0, "bytes"), sum_of(find, "src_bytes"));
    assert_int_equal(all->end->coverage->state, PAVO__COVERAGE__STATE__WHOLE);
    const struct answer *groups = sql(
        "SELECT src, count(*) AS n, sum(src_bytes) AS bytes FROM flow WHERE src_port < 2100 GROUP BY src ORDER BY src");
    assert_true(groups->rows > 50);
    for (uint64_t row = 0; row < groups->rows; row++) {
        char filter[128];
        snprintf(filter, sizeof(filter), "src ip %s and src port < 2100", text_of(groups, row, "src"));
        const struct answer *of = ask("flows", "filter", filter);
        assert_int_equal(number_of(groups, row, "n"), of->rows);
        assert_int_equal(number_of(groups, row, "bytes"), sum_of(of, "src_bytes"));
    }
}

static void test_joins(void **state)
{
    (void)state;
    void *inner = sensor_socket(&inner_keys), *outer = sensor_socket(&outer_keys);
    int64_t at = clock_wall_ns() - 60 * NS_PER_S;
    for (uint64_t i = 1; i <= 3; i++)
        send_pair(inner, outer, i, at + (int64_t)i * NS_PER_S);
    assert_int_equal(ask("links")->rows, 3);
    const struct answer *joined =
        sql("SELECT f.src, v.post_nat_src, v.post_nat_src_port AS port, v.confidence FROM flow f "
            "JOIN verdict v USING (sensor, epoch, flow) ORDER BY f.flow");
    assert_string_equal(joined->error, "");
    assert_int_equal(joined->rows, 3);
    assert_string_equal(text_of(joined, 0, "src"), "10.0.0.2");
    assert_string_equal(text_of(joined, 0, "post_nat_src"), "203.0.113.5");
    assert_int_equal(number_of(joined, 0, "port"), 40312);
    assert_true(real_of_bits(number_of(joined, 0, "confidence")) > 0.9);
    /* Six views of three connections, and a view read twice at once. */
    expect_one("SELECT count(*) FROM flow", "6");
    expect_one("SELECT count(*) FROM connection WHERE partner_sensor = 'outer' AND sensor = 'inner'", "3");
    expect_one("SELECT count(*) FROM connection", "3");
    expect_one("SELECT count(*) FROM flow a, flow b", "36");
}

static void test_what_is_not_known_is_null(void **state)
{
    (void)state;
    commit_flows(1, 10);
    const struct answer *a = sql("SELECT count(*) AS n, count(src_isn) AS isn, count(vlan) AS vlan, count(src_port) AS "
                                 "port, min(src_ttl) AS ttl FROM flow");
    assert_int_equal(number_of(a, 0, "n"), 10);
    assert_int_equal(number_of(a, 0, "isn"), 0);
    assert_int_equal(number_of(a, 0, "vlan"), 0);
    assert_int_equal(number_of(a, 0, "port"), 10);
    assert_true(value_of(a, 0, "ttl").known); /* that it is 0 was said */
    assert_false(value_of(sql("SELECT NULL AS nothing, 'nan'::DOUBLE AS nan"), 0, "nothing").known);
    assert_false(value_of(sql("SELECT 'nan'::DOUBLE AS nan"), 0, "nan").known);
}

static void test_types(void **state)
{
    (void)state;
    const struct answer *a =
        sql("SELECT 1 AS a, 2 AS a, 'x' AS \"A B\", 1.5::DECIMAL(5, 2) AS share, TRUE AS flag, DATE '2026-01-02' AS "
            "day, TIMESTAMP '2026-11-23 20:36:40.5' AS time, [1, 2] AS list, sum(5) AS sum, 0.1 + 0.2::DOUBLE AS real, "
            "18446744073709551615::UBIGINT AS large, 'a' || chr(10) AS line");
    assert_string_equal(a->error, "");
    assert_string_equal(text_of(a, 0, "a"), "1");
    assert_string_equal(text_of(a, 0, "a_2"), "2");
    assert_string_equal(text_of(a, 0, "a_b"), "x");
    assert_string_equal(text_of(a, 0, "share"), "1.5");
    assert_string_equal(text_of(a, 0, "flag"), "true");
    assert_string_equal(text_of(a, 0, "day"), "2026-01-02");
    assert_string_equal(text_of(a, 0, "time"), "2026-11-23T20:36:40.500000000Z");
    assert_string_equal(text_of(a, 0, "list"), "[1, 2]");
    assert_string_equal(text_of(a, 0, "sum"), "5");
    assert_string_equal(text_of(a, 0, "real"), "0.30000000000000004");
    assert_string_equal(text_of(a, 0, "large"), "18446744073709551615");
    assert_string_equal(text_of(a, 0, "line"), "a?");
    assert_non_null(strstr(sql("SELECT 170141183460469231731687303715884105727::HUGEINT")->error, "out of range"));
}

static void test_order_and_comments(void **state)
{
    (void)state;
    const struct answer *a = sql("SELECT range AS n -- a comment\nFROM range(3000)\n\tORDER BY n DESC -- and another");
    assert_string_equal(a->error, "");
    assert_int_equal(a->rows, 3000);
    for (uint64_t row = 0; row < a->rows; row++)
        assert_int_equal(number_of(a, row, "n"), 2999 - row);
    assert_string_equal(a->command, "pavo sql 'SELECT range AS n  FROM range(3000)  ORDER BY n DESC '");
}

/* What is read is narrowed by time, and flows by a filter. */
static void test_narrowed(void **state)
{
    (void)state;
    char from[32];
    commit_flows(1, 100);
    assert_int_equal(number_of(sql("SELECT count(*) AS n FROM flow", "flows", "src port 2024"), 0, "n"), 1);
    snprintf(from, sizeof(from), "%lld", (long long)(clock_wall_ns() + 3600 * NS_PER_S));
    assert_int_equal(number_of(sql("SELECT count(*) AS n FROM flow", "from", from), 0, "n"), 0);
}

static void test_hot_and_sealed(void **state)
{
    (void)state;
    static const char select[] = "SELECT md5(string_agg(f::VARCHAR, '' ORDER BY flow)) AS all FROM flow f";
    commit_flows(1, 500);
    char hot[64];
    snprintf(hot, sizeof(hot), "%s", text_of(sql(select), 0, "all"));
    config.store.seal_age_ns = 1;
    config.store.seal_rows = 1;
    aggregator_stop(&aggregator);
    start();
    while (ask("store")->rows < 2)
        usleep(20000);
    assert_string_equal(text_of(sql(select), 0, "all"), hot);
    assert_int_equal(number_of(sql("SELECT sum(flows) AS n FROM hour"), 0, "n"), 500);
}

/* ---- what there is to be read */

static void expect_columns(const char *view)
{
    char select[128];
    snprintf(select, sizeof(select), "SELECT * FROM %s LIMIT 0", view);
    const struct answer *listed = ask("views", "name", view), *empty = sql(select);
    assert_string_equal(empty->error, "");
    assert_int_equal(empty->kind->kind.field_count, listed->rows);
    for (uint64_t row = 0; row < listed->rows; row++) {
        const char *column = text_of(listed, row, "column");
        assert_string_equal(empty->kind->kind.fields[row].name, column);
        snprintf(select, sizeof(select), "SELECT DISTINCT typeof(\"%s\") FROM (SELECT NULL) LEFT JOIN %s ON TRUE",
                 column, view);
        if (row % 8 == 0) /* a process each */
            expect_one(select, text_of(listed, row, "type"));
    }
}

static void test_views(void **state)
{
    (void)state;
    expect_columns("connection");
    expect_columns("status");
    expect_columns("hour");
    assert_int_equal(sql("SELECT * FROM flow LIMIT 0")->kind->kind.field_count, ask("views", "name", "flow")->rows);
    const struct answer *wrong = ask("views", "name", "flows");
    assert_non_null(strstr(wrong->error, "'flow'"));
}

/* ---- what is refused */

static void test_refused(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "",
        ";",
        "SELECT",
        "SELECT 1; SELECT 2",
        "DROP VIEW flow",
        "COPY flow TO '/tmp/x'",
        "ATTACH ':memory:' AS x",
        "SET threads = 9",
        "INSTALL httpfs",
        "LOAD httpfs",
        "PRAGMA database_list",
        "DESCRIBE flow",
        "SUMMARIZE flow",
        "CALL pragma_version()",
        "EXPLAIN SELECT 1",
        "SELECT 1) AS t(c0); DROP VIEW flow; --",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM glob('*')",
        "SELECT getenv('HOME')",
        "SELECT current_setting('threads')",
        "SELECT version()",
        "SELECT * FROM duckdb_settings()",
        "SELECT * FROM duckdb_settings",
        "SELECT * FROM information_schema.tables",
        "SELECT * FROM (WITH duckdb_settings AS (SELECT 1) SELECT * FROM duckdb_settings), duckdb_settings",
        "SELECT * FROM (WITH \"/etc/passwd\" AS (SELECT 1) SELECT 1), '/etc/passwd'",
        "SELECT * FROM pavo_view_flow()",
        "SELECT * FROM system.main.duckdb_settings",
        "SELECT main.getenv('HOME')",
        "SELECT * FROM query('SELECT 1')",
        "SELECT * FROM query_table('flow')",
        "SELECT $1",
        "SELECT nextval('x')",
        "SELECT nosuch FROM flow",
        "SELECT * FROM nosuch",
        "SELECT 1 AS \"\001\"",
        "SELECT write_log('x')",
        "FROM enable_logging('x')"};
    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
        const struct answer *a = sql(refused[i]);
        if (a->error[0] == '\0' || strcmp(a->parameter, "select") != 0)
            fail_msg("%s: %s (%s)", refused[i], a->error, a->parameter);
    }
    assert_non_null(strstr(sql("SELECT getenv('HOME')")->error, "'getenv'"));
    assert_non_null(strstr(sql("SELECT src_prt FROM flow")->error, "src_port")); /* what may have been meant */
    expect_one("SELECT 1", "1");
}

static void test_more_memory_than_it_may_have(void **state)
{
    (void)state;
    const struct answer *a = sql("SELECT count(*) FROM (SELECT DISTINCT range, range + 1, md5(range::VARCHAR) FROM "
                                 "range(100000000))");
    assert_non_null(strstr(a->error, "MiB of memory"));
    expect_one("SELECT 1", "1");
}

static void test_more_rows_than_an_answer_has(void **state)
{
    (void)state;
    const struct answer *a = sql("SELECT range FROM range(1000001)");
    assert_int_equal(a->rows, 1000000);
    assert_int_equal(gap_count(a, PAVO__GAP__KIND__LIMIT), 1);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], SQL_ARGUMENT) == 0)
        sql_child();
    const struct CMUnitTest tests[] = {
        STAGE_TEST(test_sums_are_those_of_find),
        STAGE_TEST(test_joins),
        STAGE_TEST(test_what_is_not_known_is_null),
        STAGE_TEST(test_types),
        STAGE_TEST(test_order_and_comments),
        STAGE_TEST(test_narrowed),
        STAGE_TEST(test_hot_and_sealed),
        STAGE_TEST(test_views),
        STAGE_TEST(test_refused),
        STAGE_TEST(test_more_memory_than_it_may_have),
        STAGE_TEST(test_more_rows_than_an_answer_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
