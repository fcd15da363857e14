/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptions of files that DuckDB wrote, cut down to any choice of columns and row groups: what DuckDB reads through
 * them is what it reads of the whole file. */
#include "tests/unit/aggregator/segments_support.h"

#include "aggregator/segments/footer.h"
#include "aggregator/segments/internal.h"

#define GROUPS 5u
#define ROWS   (GROUPS * ENGINE_CHUNK_ROWS - 100u)
#define COLUMN 7u /* columns: numbers, texts and a list, all of them NULL at times */

static const char *const names[COLUMN] = {"a", "b", "c", "d", "e", "f", "g"};

struct file {
    char path[160];
    uint8_t *bytes; /* owned */
    size_t length, footer, footer_length;
};

static void make_file(struct file *file)
{
    *file = (struct file){0};
    snprintf(file->path, sizeof(file->path), "%s/whole.parquet", test_directory);
    assert_ok(db_run(reading, &err,
                     "COPY (SELECT i AS a, i * 7919 %% 1000 AS b, 'text ' || i %% 10 AS c, "
                     "CASE WHEN i %% 3 = 0 THEN NULL ELSE i %% 5 END AS d, "
                     "CASE WHEN i %% 4 = 0 THEN NULL ELSE [i, i + 1] END AS e, make_timestamp_ns(i * 1001) AS f, "
                     "(i %% 2)::UTINYINT AS g FROM range(%u) r(i)) TO '%s' (FORMAT parquet, PARQUET_VERSION V2, "
                     "COMPRESSION zstd, ROW_GROUP_SIZE %u, KV_METADATA {pavo_kind: 'flow'})",
                     ROWS, file->path, ENGINE_CHUNK_ROWS),
              err);
    FILE *from = fopen(file->path, "r");
    uint32_t size;
    assert_non_null(from);
    file->bytes = malloc(4u << 20);
    file->length = fread(file->bytes, 1, 4u << 20, from);
    fclose(from);
    memcpy(&size, file->bytes + file->length - 8, sizeof(size));
    file->footer_length = size;
    file->footer = file->length - 8 - size;
}

/* The same bytes, those of the footer in place of the file's. */
static void write_cut(const struct file *file, const uint8_t *footer, size_t length, char path[static 160])
{
    uint32_t size = (uint32_t)length;
    snprintf(path, 160, "%s/cut.parquet", test_directory);
    FILE *to = fopen(path, "w");
    assert_non_null(to);
    assert_int_equal(fwrite(file->bytes, 1, file->footer, to), file->footer);
    assert_int_equal(fwrite(footer, 1, length, to), length);
    assert_int_equal(fwrite(&size, 1, sizeof(size), to), sizeof(size));
    assert_int_equal(fwrite("PAR1", 1, 4, to), 4);
    assert_int_equal(fclose(to), 0);
}

static void ask(char answer[static 64], const char *what, const char *path, const char *where)
{
    struct sql sql = {0};
    struct db_rows rows;
    sql_add(&sql, "SELECT (%s)::VARCHAR FROM read_parquet('%s', file_row_number = true) WHERE %s", what, path, where);
    assert_ok(db_rows_open(reading, &sql, &rows, &err), err);
    assert_ok(db_rows_next(&rows, &err), err);
    db_text_copy(&rows, 0, 0, answer, 64);
    db_rows_close(&rows);
    sql_fini(&sql);
}

/* Rows of these groups, as a condition on the whole file. */
static void where_groups(char where[static 256], uint64_t groups)
{
    size_t at = (size_t)snprintf(where, 256, "FALSE");
    for (unsigned g = 0; g < GROUPS; g++) {
        if ((groups >> g & 1) != 0)
            at += (size_t)snprintf(where + at, 256 - at, " OR file_row_number // %u = %u", ENGINE_CHUNK_ROWS, g);
    }
}

static uint64_t rows_of(uint64_t groups)
{
    uint64_t rows = (uint64_t)__builtin_popcountll(groups) * ENGINE_CHUNK_ROWS;
    return (groups >> (GROUPS - 1) & 1) != 0 ? rows - 100 : rows;
}

static void test_as_the_whole_file(void **state)
{
    (void)state;
    struct file file;
    make_file(&file);
    uint8_t *made = malloc(file.footer_length);
    for (unsigned round = 0; round < 40; round++) {
        bool columns[COLUMN];
        uint64_t groups = 1 + draw() % ((1u << GROUPS) - 1);
        unsigned wanted = 1 + (unsigned)(draw() % ((1u << COLUMN) - 1)), stay = 0;
        char path[160], where[256], whole[64], cut[64];
        size_t length;
        for (unsigned c = 0; c < COLUMN; c++) {
            columns[c] = (wanted >> c & 1) != 0;
            stay += columns[c];
        }
        const struct footer_choice choice = {columns, COLUMN, groups, rows_of(groups)};
        assert_true(footer_cut(file.bytes + file.footer, file.footer_length, &choice, made, &length));
        assert_true(length <= file.footer_length);
        write_cut(&file, made, length, path);
        where_groups(where, groups);
        for (unsigned c = 0; c < COLUMN; c++) {
            char sum[96];
            if (!columns[c])
                continue;
            snprintf(sum, sizeof(sum), "count(*) || ' ' || count(%s) || ' ' || bit_xor(hash(%s))", names[c], names[c]);
            ask(whole, sum, file.path, where);
            ask(cut, sum, path, "TRUE");
            assert_string_equal(cut, whole);
        }
        ask(cut, "max(file_row_number) + 1", path, "TRUE");
        snprintf(whole, sizeof(whole), "%" PRIu64, choice.rows);
        assert_string_equal(cut, whole);
        struct sql sql = {0};
        struct db_rows rows;
        sql_add(&sql, "SELECT count(*)::UBIGINT FROM (DESCRIBE SELECT * FROM read_parquet('%s'))", path);
        assert_ok(db_rows_open(reading, &sql, &rows, &err), err);
        assert_ok(db_rows_next(&rows, &err), err);
        assert_int_equal(db_u64(&rows, 0, 0), stay);
        db_rows_close(&rows);
        sql_fini(&sql);
    }
    free(made);
    free(file.bytes);
}

/* Another file's: other columns, rows or row groups; cut short or with something behind; any byte another. */
static void test_what_is_no_such_footer(void **state)
{
    (void)state;
    struct file file;
    make_file(&file);
    const uint8_t *footer = file.bytes + file.footer;
    uint8_t *made = malloc(file.footer_length + 1), *other = malloc(file.footer_length + 1);
    static const bool columns[COLUMN + 1] = {true, false, true, false, true, false, false};
    const struct footer_choice right = {columns, COLUMN, 0x5, rows_of(0x5)};
    struct footer_choice wrong;
    size_t length;
    assert_true(footer_cut(footer, file.footer_length, &right, made, &length));
    wrong = right;
    wrong.column_count++;
    assert_false(footer_cut(footer, file.footer_length, &wrong, made, &length));
    wrong.column_count -= 2;
    assert_false(footer_cut(footer, file.footer_length, &wrong, made, &length));
    wrong = right;
    wrong.rows--;
    assert_false(footer_cut(footer, file.footer_length, &wrong, made, &length));
    wrong = right;
    wrong.groups |= 1u << GROUPS;
    assert_false(footer_cut(footer, file.footer_length, &wrong, made, &length));
    memcpy(other, footer, file.footer_length);
    other[file.footer_length] = 0;
    assert_false(footer_cut(other, file.footer_length + 1, &right, made, &length));
    for (size_t n = 0; n < file.footer_length; n++) {
        uint8_t *exactly = malloc(n + 1);
        memcpy(exactly, footer, n);
        assert_false(footer_cut(exactly, n, &right, made, &length));
        free(exactly);
        other[n] ^= (uint8_t)(1u << draw() % 8);
        if (footer_cut(other, file.footer_length, &right, made, &length))
            assert_true(length <= file.footer_length);
        other[n] = footer[n];
    }
    free(made);
    free(other);
    free(file.bytes);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, directory_setup, directory_teardown)
    const struct CMUnitTest tests[] = {TEST(test_as_the_whole_file), TEST(test_what_is_no_such_footer)};
    return cmocka_run_group_tests(tests, engine_setup, engine_teardown);
}
