/* SPDX-License-Identifier: Apache-2.0 */
/* Segments: what is sealed comes out again, of every kind, after any restart; what is damaged is told and nothing else
 * is; what somebody reads stays. */
#include "tests/unit/aggregator/segments_support.h"

#include <fcntl.h>
#include <sys/stat.h>

/* Several records of every kind, sealed as one; and what they come to. */
#define EACH 3u
static void seal_all_kinds(struct segments *segments, uint64_t first, uint64_t last, uint32_t rows, unsigned items,
                           struct print prints[RECORD_KIND_COUNT])
{
    struct records *records[RECORD_KIND_COUNT * EACH];
    for (unsigned i = 0; i < RECORD_KIND_COUNT * EACH; i++) {
        records[i] = random_records(record_kinds[i / EACH], 1 + (uint32_t)(draw() % rows), items, TEST_NOW);
        print_add(&prints[i / EACH], records[i], NULL);
    }
    seal_records(segments, (const struct records *const *)records, RECORD_KIND_COUNT * EACH, first, last);
    for (unsigned i = 0; i < RECORD_KIND_COUNT * EACH; i++)
        records_free(&records[i]);
}

static void assert_all(struct segments *segments, const struct print prints[RECORD_KIND_COUNT])
{
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++)
        assert_print(print_all(segments, kind, NULL), prints[kind]);
}

/* ---- */

static void test_every_kind_comes_out_again(void **state)
{
    (void)state;
    struct segments *segments = open_segments();
    struct print prints[RECORD_KIND_COUNT] = {0};
    assert_int_equal(segments_through(segments), 0);
    seal_all_kinds(segments, 1, 20, 900, 6, prints);
    seal_all_kinds(segments, 21, 30, 5000, 3, prints);
    for (int again = 0; again < 2; again++) {
        struct segments_sizes sizes = segments_sizes(segments);
        uint64_t rows = 0;
        assert_int_equal(segments_through(segments), 30);
        assert_all(segments, prints);
        for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++)
            rows += prints[kind].rows;
        assert_int_equal(sizes.rows, rows);
        assert_int_equal(sizes.segments, 2 * RECORD_KIND_COUNT);
        assert_true(sizes.index_bytes > 0 && sizes.bytes > sizes.index_bytes);
        segments = reopen(segments);
    }
    segments_close(&segments);
}

/* Lists as long as they may be: a chunk ends where its items do. */
static void test_long_lists(void **state)
{
    (void)state;
    struct segments *segments = open_segments();
    struct records *status = random_records(record_kinds[RECORD_STATUS], 300, 1024, TEST_NOW);
    struct print print = {0};
    print_add(&print, status, NULL);
    seal_records(segments, (const struct records *const *)&status, 1, 1, 1);
    assert_print(print_all(segments, RECORD_STATUS, NULL), print);
    records_free(&status);
    segments_close(&segments);
}

static enum result keep_row(struct catalogue *catalogue, void *context, struct error *why)
{
    const struct bytes bytes = {context, strlen(context)};
    return catalogue_put(catalogue, 1, "row", 0, &bytes, why);
}

static enum result keep_nothing(struct catalogue *catalogue, void *context, struct error *why)
{
    enum result r = keep_row(catalogue, context, why);
    return r == RESULT_OK ? error_set(why, RESULT_AGAIN, "on purpose") : r;
}

/* A sealing without any record, and one whose keep() fails: all or nothing, and the catalogue's rows with it. */
static void test_all_or_nothing(void **state)
{
    (void)state;
    struct segments *segments = open_segments();
    struct records *flows = random_records(record_kinds[RECORD_FLOW], 10, 0, TEST_NOW);
    const struct records *list[] = {flows};
    struct seal_input input = {.first_position = 1, .last_position = 2, .keep = keep_row, .keep_context = "one"};
    struct bytes row;
    assert_ok(segments_seal(segments, &input, &err), err);
    assert_int_equal(segments_through(segments), 2);
    input = (struct seal_input){.first_position = 3, .last_position = 4, .keep = keep_nothing, .keep_context = "two"};
    input.parts[RECORD_FLOW] = (struct seal_part){list, 1};
    assert_int_equal(segments_seal(segments, &input, &err), RESULT_AGAIN);
    assert_int_equal(segments_through(segments), 2);
    assert_int_equal(segments_sizes(segments).segments, 0);
    assert_int_equal(count_files(), 0);
    assert_ok(catalogue_get(segments_catalogue(segments), 1, "row", 0, &row, &err), err);
    assert_int_equal(row.length, 3);
    assert_memory_equal(row.data, "one", 3);
    bytes_free(&row);
    input.keep = keep_row;
    assert_ok(segments_seal(segments, &input, &err), err);
    assert_int_equal(print_all(segments, RECORD_FLOW, NULL).rows, 10);
    records_free(&flows);
    segments_close(&segments);
}

/* ---- how values stand in the file */

/* What a statement over a segment's file says, as text. */
static void ask(struct segments *segments, size_t index, const char *what, char answer[static 64])
{
    struct segment_set *set = segments_snapshot(segments);
    struct segment_view view;
    struct sql sql = {0};
    struct db_rows rows;
    assert_ok(segment_open(segments, segment_set_get(set, index), NULL, &view, &err), err);
    sql_add(&sql, "SELECT (%s)::VARCHAR FROM ", what);
    segment_from(&sql, segments, &view);
    assert_ok(db_rows_open(reading, &sql, &rows, &err), err);
    assert_ok(db_rows_next(&rows, &err), err);
    db_text_copy(&rows, 0, 0, answer, 64);
    db_rows_close(&rows);
    sql_fini(&sql);
    segment_view_fini(&view);
    segment_set_release(&set);
}

static void seal_flows(struct segments *segments, const struct observer *observer, const struct flow *flows,
                       uint32_t count, uint64_t position, struct print *print)
{
    struct flow_batch *batch = flow_batch_new(count);
    for (uint32_t i = 0; i < count; i++) {
        struct flow flow = flows[i];
        assert_ok(flow_batch_observer(batch, observer, &flow.observer), err);
        assert_ok(flow_batch_add(batch, &flow), err);
    }
    print_add(print, flow_records(batch), NULL);
    const struct records *list[] = {flow_records(batch)};
    seal_records(segments, list, 1, position, position);
    flow_batch_destroy(&batch);
}

/* Whoever else reads the file finds NULL for what is not known, and a known zero as zero; whoever asks here finds
 * whatever there was, also a value that should not be there. */
static void test_what_is_not_known_is_null(void **state)
{
    (void)state;
    struct segments *segments = open_segments();
    struct observer observer = test_observer("exporter", 1);
    struct print print = {0};
    struct flow flows[4];
    char answer[64];
    for (unsigned i = 0; i < 4; i++) {
        flows[i] = test_flow(i, TEST_NOW);
        flows[i].evidence = FLOW_HAS_DST_ISN;
    }
    flows[1].evidence |= FLOW_HAS_SRC_ISN; /* which is 0 */
    flows[2].src_isn = 5;                  /* without its bit */
    flows[3].dst_packets = 0;
    observer.unknown[0] = 1ull << flow_fields[FLOW_FIELD_src_ttl].number;
    seal_flows(segments, &observer, flows, 4, 1, &print);
    ask(segments, 0, "string_agg(coalesce(src_isn::VARCHAR, 'NULL'), ' ' ORDER BY flow)", answer);
    assert_string_equal(answer, "NULL 0 5 NULL");
    ask(segments, 0, "string_agg(coalesce(dst_ttl::VARCHAR, 'NULL'), ' ' ORDER BY flow)", answer);
    assert_string_equal(answer, "0 0 0 NULL");
    ask(segments, 0, "count(src_ttl) || ' ' || count(vlan) || ' ' || count(dst_isn) || ' ' || count(dst_packets)",
        answer);
    assert_string_equal(answer, "0 0 4 4");
    assert_print(print_all(segments, RECORD_FLOW, NULL), print);
    segments_close(&segments);
}

/* A file has times in microseconds as long as none is finer; of merged files all must have them so. */
static void test_times_keep_their_unit(void **state)
{
    (void)state;
    struct segments *segments = open_segments();
    struct observer observer = test_observer("inner", 1);
    struct print print = {0};
    char answer[64];
    struct flow flows[2] = {test_flow(1, TEST_NOW), test_flow(2, -5000)};
    seal_flows(segments, &observer, flows, 2, 1, &print);
    ask(segments, 0, "min(typeof(first_time) || ' ' || typeof(last_time))", answer);
    assert_string_equal(answer, "TIMESTAMP TIMESTAMP");
    flows[1].flow = 3;
    flows[1].last_time = TEST_NOW + 1;
    seal_flows(segments, &observer, flows + 1, 1, 2, &print);
    ask(segments, 1, "min(typeof(first_time) || ' ' || typeof(last_time))", answer);
    assert_string_equal(answer, "TIMESTAMP_NS TIMESTAMP_NS");
    assert_print(print_all(segments, RECORD_FLOW, NULL), print);
    static const char *const units[] = {"TIMESTAMP_NS", "TIMESTAMP"};
    for (uint64_t i = 3; i <= 24; i++) {
        flows[0].flow = 10 + i;
        flows[0].first_time = TEST_NOW + (int64_t)i * 1000;
        seal_flows(segments, &observer, flows, 1, i, &print);
        if (i % 12 != 0)
            continue;
        assert_ok(segments_compact(segments, TEST_NOW, 0, &err), err);
        struct segment_set *set = segments_snapshot(segments);
        ask(segments, segment_set_count(set) - 1, "min(typeof(first_time))", answer);
        assert_string_equal(answer, units[i / 24]);
        segment_set_release(&set);
        assert_print(print_all(segments, RECORD_FLOW, NULL), print);
    }
    segments_close(&segments);
}

/* ---- addresses */

/* All flows of an address are in the row groups that the index names, and for most that are none it says so. */
static void test_an_address_is_found(void **state)
{
    (void)state;
    enum { ROWS = 60000, BATCHES = 5 };
    struct segments *segments = open_segments();
    struct observer observer = test_observer("inner", 1);
    const struct records *list[BATCHES];
    struct flow_batch *batches[BATCHES];
    for (unsigned b = 0; b < BATCHES; b++) {
        batches[b] = flow_batch_new(ROWS);
        uint16_t index;
        assert_ok(flow_batch_observer(batches[b], &observer, &index), err);
        for (uint32_t i = 0; i < ROWS; i++) {
            struct flow flow = test_flow(b * ROWS + i, TEST_NOW + i);
            flow.src_lo = 0xffff0a000000u + draw() % 60000;
            flow.dst_lo = 0xffffc6336400u + draw() % 200000;
            assert_ok(flow_batch_add(batches[b], &flow), err);
        }
        list[b] = flow_records(batches[b]);
    }
    seal_records(segments, list, BATCHES, 1, BATCHES);
    struct segment_set *set = segments_snapshot(segments);
    const struct segment *segment = segment_set_get(set, 0);
    assert_int_equal(segment->groups, ROWS * BATCHES / SEGMENT_GROUP_LEAST + 1);
    unsigned narrowed = 0;
    for (unsigned n = 0; n < 40; n++) {
        struct address address = {0, n % 2 == 0 ? 0xffff0a000000u + draw() % 60000 : 0xffffc6336400u + draw() % 200000};
        struct print print = {0}, wanted = {0};
        for (unsigned b = 0; b < BATCHES; b++) {
            for (uint32_t i = 0; i < ROWS; i++)
                wanted.rows += batches[b]->src_lo[i] == address.lo || batches[b]->dst_lo[i] == address.lo;
        }
        struct segment_view view;
        enum result r = segment_open(segments, segment,
                                     &(struct segment_wish){.addresses = &address, .address_count = 1}, &view, &err);
        assert_int_equal(r, wanted.rows == 0 ? RESULT_END : RESULT_OK);
        if (r != RESULT_OK)
            continue;
        struct sql sql = {0};
        struct db_rows rows;
        narrowed += view.groups != (1ull << segment->groups) - 1;
        sql_add(&sql, "SELECT count(*)::UBIGINT FROM ");
        segment_from(&sql, segments, &view);
        sql_add(&sql, " WHERE src_lo = %" PRIu64 " OR dst_lo = %" PRIu64, address.lo, address.lo);
        assert_ok(db_rows_open(reading, &sql, &rows, &err), err);
        assert_ok(db_rows_next(&rows, &err), err);
        print.rows = db_u64(&rows, 0, 0);
        assert_int_equal(print.rows, wanted.rows);
        db_rows_close(&rows);
        sql_fini(&sql);
        segment_view_fini(&view);
    }
    assert_true(narrowed >= 15); /* sources stand together */
    const struct address nobody = {0x20010db800000000u, 1};
    struct segment_view view;
    assert_int_equal(
        segment_open(segments, segment, &(struct segment_wish){.addresses = &nobody, .address_count = 1}, &view, &err),
        RESULT_END);
    segment_set_release(&set);
    for (unsigned b = 0; b < BATCHES; b++)
        flow_batch_destroy(&batches[b]);
    segments_close(&segments);
}

/* ---- damage */

static void flip(const char *path, uint64_t bit)
{
    int file = open(path, O_RDWR);
    uint8_t byte;
    assert_true(file >= 0);
    assert_int_equal(pread(file, &byte, 1, (off_t)(bit / 8)), 1);
    byte ^= (uint8_t)(1u << bit % 8);
    assert_int_equal(pwrite(file, &byte, 1, (off_t)(bit / 8)), 1);
    close(file);
}

static uint64_t size_of(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return (uint64_t)st.st_size;
}

/* What is checked is what is read: bytes that change in the file between the two are in no answer. Only what was wished
 * is there. */
static void test_what_was_checked_is_what_is_read(void **state)
{
    (void)state;
    static const bool fields[FLOW_FIELD_COUNT] = {[FLOW_FIELD_flow] = true, [FLOW_FIELD_src_bytes] = true};
    struct segments *segments = open_segments();
    struct records *flows = random_records(record_kinds[RECORD_FLOW], 3000, 0, TEST_NOW);
    uint64_t wanted = 0;
    for (uint32_t i = 0; i < flows->rows; i++)
        wanted += flow_batch_of(flows)->flow[i] ^ flow_batch_of(flows)->src_bytes[i];
    seal_records(segments, (const struct records *const *)&flows, 1, 1, 1);
    records_free(&flows);
    struct segment_set *set = segments_snapshot(segments);
    struct segment_view view;
    struct sql sql = {0};
    struct db_rows rows;
    char path[160];
    assert_ok(segment_open(segments, segment_set_get(set, 0), &(struct segment_wish){.fields = fields}, &view, &err),
              err);
    assert_true(view.excerpted);
    segment_file(segment_set_get(set, 0)->id, "parquet", path);
    int file = open(path, O_WRONLY | O_TRUNC);
    assert_true(file >= 0);
    close(file);
    sql_add(&sql, "SELECT sum(xor(flow, coalesce(src_bytes, 0))::HUGEINT), count(*)::UBIGINT FROM ");
    segment_from(&sql, segments, &view);
    assert_ok(db_rows_open(reading, &sql, &rows, &err), err);
    assert_ok(db_rows_next(&rows, &err), err);
    assert_int_equal(*(const uint64_t *)db_column(&rows, 0), wanted); /* the lower half */
    assert_int_equal(db_u64(&rows, 1, 0), 3000);
    db_rows_close(&rows);
    sql_clear(&sql);
    sql_add(&sql, "SELECT dst_bytes FROM ");
    segment_from(&sql, segments, &view);
    assert_int_equal(db_rows_open(reading, &sql, &rows, &err), RESULT_AGAIN);
    sql_fini(&sql);
    segment_view_fini(&view);
    segment_set_release(&set);
    segments_close(&segments);
}

/* A flipped bit anywhere in any of a segment's files: told as damage, or the answer is the same. Never another. */
static void test_a_flipped_bit_is_no_answer(void **state)
{
    (void)state;
    static const char *const suffixes[] = {"parquet", "seal", "index"};
    struct segments *segments = open_segments();
    struct records *flows = random_records(record_kinds[RECORD_FLOW], 3000, 0, TEST_NOW);
    const struct flow_batch *f = flow_batch_of(flows);
    struct print wanted = {0};
    print_add(&wanted, flows, NULL);
    seal_records(segments, (const struct records *const *)&flows, 1, 1, 1);
    struct segment_set *set = segments_snapshot(segments);
    const struct segment *segment = segment_set_get(set, 0);
    assert_ok(segment_check(segments, segment, &err), err);
    unsigned found = 0;
    for (unsigned n = 0; n < 150; n++) {
        char path[160];
        segment_file(segment->id, suffixes[n % 3], path);
        uint64_t bit = draw() % (size_of(path) * 8);
        struct address address = {f->src_hi[n], f->src_lo[n]};
        struct print print = {0};
        flip(path, bit);
        assert_int_equal(segment_check(segments, segment, &err), RESULT_REJECT);
        assert_non_null(strstr(err.text, suffixes[n % 3]));
        enum result r = print_segment(segments, segment, &address, NULL, &print, &err);
        assert_true(r == RESULT_OK || r == RESULT_REJECT);
        if (r == RESULT_OK)
            assert_print(print, wanted);
        found += r == RESULT_REJECT;
        flip(path, bit);
    }
    assert_true(found >= 100);
    struct print print = {0};
    assert_ok(print_segment(segments, segment, NULL, NULL, &print, &err), err);
    assert_print(print, wanted);
    segment_set_release(&set);
    records_free(&flows);
    segments_close(&segments);
}

/* A file that was cut, is not there, or is another segment's. */
static void test_a_file_that_is_another(void **state)
{
    (void)state;
    static const char *const suffixes[] = {"parquet", "seal", "index"};
    struct segments *segments = open_segments();
    for (unsigned i = 0; i < 2; i++) {
        struct records *flows = random_records(record_kinds[RECORD_FLOW], 2000, 0, TEST_NOW);
        seal_records(segments, (const struct records *const *)&flows, 1, i + 1, i + 1);
        records_free(&flows);
    }
    struct segment_set *set = segments_snapshot(segments);
    const struct segment *segment = segment_set_get(set, 0), *other = segment_set_get(set, 1);
    for (unsigned s = 0; s < 3; s++) {
        char path[160], aside[160], another[160], command[400];
        segment_file(segment->id, suffixes[s], path);
        segment_file(other->id, suffixes[s], another);
        segment_file(9999, suffixes[s], aside);
        assert_int_equal(rename(path, aside), 0);
        assert_int_equal(segment_check(segments, segment, &err), RESULT_REJECT);
        assert_non_null(strstr(err.text, path));
        snprintf(command, sizeof(command), "cp %s %s", another, path);
        assert_int_equal(system(command), 0);
        assert_int_equal(segment_check(segments, segment, &err), RESULT_REJECT);
        snprintf(command, sizeof(command), "cp %s %s", aside, path);
        assert_int_equal(system(command), 0);
        assert_ok(segment_check(segments, segment, &err), err);
        assert_int_equal(truncate(path, (off_t)size_of(path) - 1), 0);
        assert_int_equal(segment_check(segments, segment, &err), RESULT_REJECT);
        assert_int_equal(truncate(path, 0), 0);
        assert_int_equal(segment_check(segments, segment, &err), RESULT_REJECT);
        assert_int_equal(rename(aside, path), 0);
        assert_ok(segment_check(segments, segment, &err), err);
        assert_ok(segment_check(segments, other, &err), err);
    }
    segment_set_release(&set);
    segments_close(&segments);
}

/* ---- the catalogue */

static void catalogue_path(char path[static 160])
{
    snprintf(path, 160, "%s/catalogue.sqlite", test_directory);
}

/* Lost, cut, or with any bit flipped: the same as before, or made anew, with the store's notes. */
static void test_a_lost_catalogue_is_rebuilt(void **state)
{
    (void)state;
    struct segments *segments = open_segments();
    struct print prints[RECORD_KIND_COUNT] = {0};
    char path[160];
    catalogue_path(path);
    for (uint64_t i = 0; i < 4; i++)
        seal_all_kinds(segments, i * 10 + 1, i * 10 + 10, 50, 3, prints);
    segments_close(&segments);
    for (unsigned n = 0; n < 14; n++) {
        rebuilt = 0;
        rebuilt_last = 0;
        if (n == 0)
            assert_int_equal(unlink(path), 0);
        else if (n == 1)
            assert_int_equal(truncate(path, (off_t)size_of(path) / 2), 0);
        else
            flip(path, n == 2 ? 0 : draw() % (size_of(path) * 8));
        segments = open_segments();
        assert_int_equal(segments_through(segments), 40);
        assert_all(segments, prints);
        assert_true(n > 2 || rebuilt == 4);
        assert_true(rebuilt == 0 || rebuilt == 4);
        if (rebuilt != 0) {
            struct bytes row;
            assert_ok(catalogue_get(segments_catalogue(segments), 1, "last", 0, &row, &err), err);
            assert_int_equal(row.length, sizeof(uint64_t));
            bytes_free(&row);
        }
        segments_close(&segments);
    }
    segments = open_segments();
    seal_all_kinds(segments, 41, 41, 50, 3, prints); /* no id is given twice */
    assert_all(segments, prints);
    segments_close(&segments);
}

/* The catalogue is lost and a seal is damaged: that segment alone cannot be read, and it stays known, with its times.
 */
static void test_a_rebuild_loses_what_is_damaged_alone(void **state)
{
    (void)state;
    struct segments *segments = open_segments();
    struct print prints[RECORD_KIND_COUNT] = {0};
    char path[160];
    seal_all_kinds(segments, 1, 10, 50, 3, prints);
    seal_all_kinds(segments, 11, 20, 50, 3, prints);
    struct segment_set *set = segments_snapshot(segments);
    size_t at = segment_set_count(set) - 1; /* the last kind of the last sealing */
    struct segment before = *segment_set_get(set, at);
    segment_set_release(&set);
    segments_close(&segments);
    segment_file(before.id, "seal", path);
    flip(path, 777);
    catalogue_path(path);
    assert_int_equal(unlink(path), 0);
    rebuilt_last = 0;
    for (int again = 0; again < 2; again++) {
        segments = open_segments();
        assert_int_equal(again == 0, told[0] != '\0');
        set = segments_snapshot(segments);
        assert_int_equal(segment_set_count(set), 2 * RECORD_KIND_COUNT);
        const struct segment *after = segment_set_get(set, at);
        assert_int_equal(after->id, before.id);
        assert_int_equal(after->kind, before.kind);
        assert_int_equal(after->rows, before.rows);
        assert_int_equal(after->first_ns, before.first_ns);
        assert_int_equal(after->last_ns, before.last_ns);
        assert_int_equal(segment_check(segments, after, &err), RESULT_REJECT);
        for (size_t i = 0; i < at; i++)
            assert_ok(segment_check(segments, segment_set_get(set, i), &err), err);
        segment_set_release(&set);
        segments_close(&segments);
    }
}

/* Killed when a catalogue was begun anew and nothing stood in it yet: it is begun again, nothing is removed. */
static void test_an_unfinished_rebuild_is_begun_again(void **state)
{
    (void)state;
    struct segments *segments = open_segments();
    struct print prints[RECORD_KIND_COUNT] = {0};
    char path[160], aside[170], command[400];
    catalogue_path(path);
    seal_all_kinds(segments, 1, 10, 50, 3, prints);
    segments_close(&segments);
    snprintf(aside, sizeof(aside), "%s.aside", path);
    assert_int_equal(rename(path, aside), 0);
    struct catalogue *catalogue;
    assert_ok(catalogue_open(path, &catalogue, &err), err); /* and here it died */
    catalogue_close(&catalogue);
    rebuilt_last = 0;
    segments = open_segments();
    assert_all(segments, prints);
    assert_int_equal(segments_through(segments), 10);
    segments_close(&segments);
    snprintf(command, sizeof(command), "rm -f %s", aside);
    assert_int_equal(system(command), 0);
}

/* A copy of the catalogue, put back: what was sealed since is no leftover. */
static void test_a_catalogue_older_than_its_segments(void **state)
{
    (void)state;
    struct segments *segments = open_segments();
    struct print prints[RECORD_KIND_COUNT] = {0};
    char path[160], command[400];
    catalogue_path(path);
    seal_all_kinds(segments, 1, 10, 50, 3, prints);
    segments_close(&segments);
    snprintf(command, sizeof(command), "cp %s %s/copy", path, test_directory);
    assert_int_equal(system(command), 0);
    segments = open_segments();
    seal_all_kinds(segments, 11, 20, 50, 3, prints);
    seal_all_kinds(segments, 21, 30, 50, 3, prints);
    segments_close(&segments);
    size_t files = count_files();
    snprintf(command, sizeof(command), "cp %s/copy %s", test_directory, path);
    assert_int_equal(system(command), 0);
    rebuilt_last = 0;
    for (int again = 0; again < 2; again++) {
        segments = open_segments();
        assert_int_equal(strstr(told, "older") != NULL, again == 0);
        assert_int_equal(count_files(), files);
        assert_int_equal(segments_through(segments), 30);
        assert_all(segments, prints);
        segments_close(&segments);
    }
}

/* The catalogue is lost, and with it one seal: its file stays, and is known to be damaged. */
static void test_a_rebuild_keeps_what_lost_its_seal(void **state)
{
    (void)state;
    struct segments *segments = open_segments();
    struct print prints[RECORD_KIND_COUNT] = {0};
    char path[160];
    seal_all_kinds(segments, 1, 10, 50, 3, prints);
    seal_all_kinds(segments, 11, 20, 50, 3, prints);
    struct segment_set *set = segments_snapshot(segments);
    struct segment before = *segment_set_get(set, 2);
    segment_set_release(&set);
    segments_close(&segments);
    segment_file(before.id, "seal", path);
    assert_int_equal(unlink(path), 0);
    catalogue_path(path);
    assert_int_equal(unlink(path), 0);
    rebuilt_last = 0;
    segments = open_segments();
    assert_non_null(strstr(told, "is gone"));
    set = segments_snapshot(segments);
    assert_int_equal(segment_set_count(set), 2 * RECORD_KIND_COUNT);
    const struct segment *after = segment_set_get(set, 2);
    assert_int_equal(after->id, before.id);
    assert_int_equal(after->rows, before.rows);
    assert_int_equal(after->first_ns, before.first_ns);
    assert_int_equal(segment_check(segments, after, &err), RESULT_REJECT);
    segment_set_release(&set);
    segments_close(&segments);
}

/* A FIFO, a folder, a link in place of a file: damaged, at once. */
static void test_what_is_no_file(void **state)
{
    (void)state;
    static const char *const suffixes[] = {"parquet", "seal", "index"};
    struct segments *segments = open_segments();
    struct records *flows = random_records(record_kinds[RECORD_FLOW], 200, 0, TEST_NOW);
    seal_records(segments, (const struct records *const *)&flows, 1, 1, 1);
    records_free(&flows);
    struct segment_set *set = segments_snapshot(segments);
    for (unsigned n = 0; n < 9; n++) {
        char path[160], aside[160];
        segment_file(segment_set_get(set, 0)->id, suffixes[n % 3], path);
        segment_file(9999, suffixes[n % 3], aside);
        assert_int_equal(rename(path, aside), 0);
        assert_int_equal(n < 3 ? mkfifo(path, 0600) : n < 6 ? mkdir(path, 0700) : symlink(aside, path), 0);
        assert_int_equal(segment_check(segments, segment_set_get(set, 0), &err), RESULT_REJECT);
        assert_int_equal(remove(path), 0);
        assert_int_equal(rename(aside, path), 0);
        assert_ok(segment_check(segments, segment_set_get(set, 0), &err), err);
    }
    segment_set_release(&set);
    segments_close(&segments);
}

/* Files of a sealing that did not come to its end, and of nobody. */
static void test_leftovers_go(void **state)
{
    (void)state;
    struct segments *segments = open_segments();
    struct print prints[RECORD_KIND_COUNT] = {0};
    char path[160];
    seal_all_kinds(segments, 1, 1, 20, 3, prints);
    size_t files = count_files();
    static const char *const names[] = {"parquet", "parquet.tmp", "seal", "seal.tmp", "index", "index.tmp"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        segment_file(STORED_KIND_COUNT, names[i], path); /* the sealing had one more id than it had kinds */
        close(open(path, O_CREAT | O_WRONLY, 0600));
    }
    assert_int_equal(count_files(), files + 6);
    segments = reopen(segments);
    assert_int_equal(count_files(), files);
    assert_all(segments, prints);
    segments_close(&segments);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, directory_setup, directory_teardown)
    const struct CMUnitTest tests[] = {TEST(test_every_kind_comes_out_again),
                                       TEST(test_long_lists),
                                       TEST(test_what_is_not_known_is_null),
                                       TEST(test_times_keep_their_unit),
                                       TEST(test_all_or_nothing),
                                       TEST(test_an_address_is_found),
                                       TEST(test_what_was_checked_is_what_is_read),
                                       TEST(test_a_flipped_bit_is_no_answer),
                                       TEST(test_a_file_that_is_another),
                                       TEST(test_a_lost_catalogue_is_rebuilt),
                                       TEST(test_a_rebuild_loses_what_is_damaged_alone),
                                       TEST(test_an_unfinished_rebuild_is_begun_again),
                                       TEST(test_a_catalogue_older_than_its_segments),
                                       TEST(test_a_rebuild_keeps_what_lost_its_seal),
                                       TEST(test_what_is_no_file),
                                       TEST(test_leftovers_go)};
    return cmocka_run_group_tests(tests, engine_setup, engine_teardown);
}
