/* SPDX-License-Identifier: Apache-2.0 */
/* Merging: no row more, none less, in order, each with its day; damage is never merged; evidence that is old goes and
 * is not known from then on; what is let go stays for whoever reads it. */
#include "tests/unit/aggregator/segments_support.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

#include "common/records/merge.h"

#define DAY (86400ll * NS_PER_S)

/* Until there is nothing to do. Returns how often there was. */
static unsigned compact_all(struct segments *segments, int64_t now_ns, int64_t evidence_before_ns)
{
    unsigned done = 0;
    enum result r;
    while ((r = segments_compact(segments, now_ns, evidence_before_ns, &err)) == RESULT_OK)
        assert_true(++done < 100);
    if (r != RESULT_END)
        fail_msg("%s", err.text);
    return done;
}

/* One sealing of a kind. */
static void seal_kind(struct segments *segments, enum record_kind_number kind, uint64_t position, uint32_t rows,
                      int64_t at_ns, struct print *print)
{
    struct records *records = random_records(record_kinds[kind], rows, 5, at_ns);
    if (print != NULL)
        print_add(print, records, NULL);
    seal_records(segments, (const struct records *const *)&records, 1, position, position);
    records_free(&records);
}

static void test_twelve_become_one(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++) {
        struct segments *segments = open_segments();
        struct print print = {0};
        uint64_t before = segments_sizes(segments).segments, position = segments_through(segments);
        for (unsigned i = 0; i < 13; i++)
            seal_kind(segments, kind, ++position, 1 + (uint32_t)(draw() % 3000), TEST_NOW, &print);
        assert_int_equal(compact_all(segments, TEST_NOW, 0), 1);
        for (int again = 0; again < 2; again++) {
            assert_int_equal(segments_sizes(segments).segments, before + 2);
            assert_print(print_all(segments, kind, NULL), print);
            segments = reopen(segments);
        }
        struct segment_set *set = segments_snapshot(segments);
        const struct segment *merged = segment_set_get(set, segment_set_count(set) - 1);
        assert_int_equal(merged->level, 1);
        assert_int_equal(merged->day, TEST_NOW / DAY);
        assert_int_equal(merged->first_position, position - 12);
        assert_int_equal(merged->last_position, position - 1);
        segment_set_release(&set);
        segments_close(&segments);
    }
}

/* By local end and time, over the seams of chunks and row groups too. */
static void test_rows_stand_in_order(void **state)
{
    (void)state;
    struct segments *segments = open_segments();
    struct print print = {0};
    for (unsigned i = 0; i < 12; i++)
        seal_kind(segments, RECORD_FLOW, i + 1, 11000, TEST_NOW, &print);
    assert_int_equal(compact_all(segments, TEST_NOW, 0), 1);
    assert_print(print_all(segments, RECORD_FLOW, NULL), print);
    struct segment_set *set = segments_snapshot(segments);
    struct segment_view view;
    struct sql sql = {0};
    struct db_rows rows;
    assert_int_equal(segment_set_get(set, 0)->groups, 12 * 11000 / SEGMENT_GROUP_LEAST + 1);
    assert_ok(segment_check(segments, segment_set_get(set, 0), &err), err);
    assert_ok(segment_open(segments, segment_set_get(set, 0), NULL, &view, &err), err);
    sql_add(&sql, "SELECT src_hi, src_lo, dst_hi FROM ");
    segment_from(&sql, segments, &view);
    assert_ok(db_rows_open(reading, &sql, &rows, &err), err);
    struct address last = {0};
    while (db_rows_next(&rows, &err) == RESULT_OK) {
        for (idx_t i = 0; i < rows.count; i++) { /* those with a private end aside: by chance few */
            struct address at = {db_u64(&rows, 0, i), db_u64(&rows, 1, i)};
            if (db_u64(&rows, 2, i) >> 56 >= 0xfc)
                continue;
            assert_true(at.hi > last.hi || (at.hi == last.hi && at.lo >= last.lo));
            last = at;
        }
    }
    db_rows_close(&rows);
    sql_fini(&sql);
    segment_view_fini(&view);
    segment_set_release(&set);
    segments_close(&segments);
}

/* Days with enough rows have a file each; what is of 1970, 2099 and other days is together; sums are as they were. */
static void test_each_day_has_its_file(void **state)
{
    (void)state;
    struct segments *segments = open_segments();
    struct print print = {0};
    for (unsigned i = 0; i < 12; i++) {
        struct records *records[4] = {
            random_records(record_kinds[RECORD_FLOW], 500, 0, TEST_NOW - NS_PER_S / 2),
            random_records(record_kinds[RECORD_FLOW], 400, 0, TEST_NOW - 5 * DAY + 1000),
            random_records(record_kinds[RECORD_FLOW], 1, 0, TEST_NOW + (int64_t)i * 10 * DAY + 30 * DAY),
            random_records(record_kinds[RECORD_FLOW], 30, 0, i % 2 == 0 ? 5 : INT64_MAX - 2 * NS_PER_S)};
        for (unsigned n = 0; n < 4; n++)
            print_add(&print, records[n], NULL);
        seal_records(segments, (const struct records *const *)records, 4, i + 1, i + 1);
        for (unsigned n = 0; n < 4; n++)
            records_free(&records[n]);
    }
    assert_int_equal(compact_all(segments, TEST_NOW, 0), 1);
    assert_print(print_all(segments, RECORD_FLOW, NULL), print);
    struct segment_set *set = segments_snapshot(segments);
    static const int32_t days[] = {TEST_NOW / DAY - 5, TEST_NOW / DAY - 1, TEST_NOW / DAY, SEGMENT_DAYS};
    assert_int_equal(segment_set_count(set), 4);
    for (size_t i = 0; i < 4; i++) {
        const struct segment *s = segment_set_get(set, i);
        assert_int_equal(s->day, days[i]);
        assert_true(s->day == SEGMENT_DAYS || s->first_ns / DAY == s->day);
    }
    segment_set_release(&set);
    segments_close(&segments);
}

/* A day that is over is put together when it is quiet; and a little that comes late does not have it written again. */
static void test_a_day_that_is_over(void **state)
{
    (void)state;
    struct segments *segments = open_segments();
    struct print print = {0};
    for (unsigned i = 0; i < 36; i++)
        seal_kind(segments, RECORD_LOSS, i + 1, 40, TEST_NOW, &print);
    assert_int_equal(compact_all(segments, TEST_NOW, 0), 3);
    assert_int_equal(segments_sizes(segments).segments, 3);
    assert_int_equal(compact_all(segments, TEST_NOW + DAY + 3600 * NS_PER_S, 0), 0);
    assert_int_equal(compact_all(segments, TEST_NOW + 2 * DAY, 0), 1);
    assert_int_equal(segments_sizes(segments).segments, 1);
    for (unsigned i = 36; i < 48; i++)
        seal_kind(segments, RECORD_LOSS, i + 1, 2, TEST_NOW, &print);
    assert_int_equal(compact_all(segments, TEST_NOW + 2 * DAY, 0), 1);
    assert_int_equal(segments_sizes(segments).segments, 2);
    assert_print(print_all(segments, RECORD_LOSS, NULL), print);
    segments_close(&segments);
}

/* ---- the records of a flow */

enum { FLOWS = 400, REPORTS = 9, SENSORS = 3 };

static const int64_t HOUR = 3600 * NS_PER_S;

/* A flow's report: ends, protocol and observer by its number, all else by chance. Reports are minutes apart. */
static struct flow make_report(uint32_t number, uint32_t report)
{
    uint64_t at = (uint64_t)number * 7919 % 5000;
    struct flow f;
    char *row = (char *)&f;
    for (unsigned n = 0; n < FLOW_FIELD_COUNT; n++)
        put_random(row, &flow_fields[n], 1, 0);
    f.flow = number / SENSORS; /* each is a flow of several sensors */
    f.report = report;
    f.observer = 0;
    f.protocol = number % 2 == 0 ? 6 : 17;
    f.src_hi = f.dst_hi = 0;
    f.src_lo = 0xffff0a000000u + number / 40;
    f.dst_lo = 0xffffc6336400u + number % 5;
    f.src_port = (uint16_t)(1024 + number);
    f.dst_port = 443;
    f.first_time = TEST_NOW + (int64_t)at * NS_PER_S + report * (HOUR / 4) + (int64_t)(draw() % 1000);
    f.last_time = f.first_time + (int64_t)(draw() % (uint64_t)(HOUR / 5));
    f.src_packets = draw() % 3 * 2;
    f.dst_packets = draw() % 3 * 2;
    return f;
}

/* What a flow comes to, by sensor. */
struct whole {
    struct flow flow;
    unsigned records;
    uint64_t hours; /* a bit each: of the records' first packets */
};

static unsigned hour_of(const struct flow *f)
{
    return (unsigned)((f->first_time - TEST_NOW) / HOUR);
}

static void add_whole(struct whole *whole, const struct flow *f)
{
    if (whole->records++ == 0)
        whole->flow = *f;
    else
        flow_merge(&whole->flow, f);
    whole->hours |= 1ull << hour_of(f);
}

/* By number and sensor ("s0" ...), whose epochs are 100, 101 ... */
static void read_wholes(struct segments *segments, struct whole wholes[FLOWS])
{
    struct segment_set *set = segments_snapshot(segments);
    memset(wholes, 0, FLOWS * sizeof(*wholes));
    for (size_t i = 0; i < segment_set_count(set); i++) {
        struct segment_view view;
        struct db_rows rows;
        struct sql sql = {0};
        enum result r;
        assert_ok(segment_open(segments, segment_set_get(set, i), NULL, &view, &err), err);
        const struct sql_observers observers = {view.observers, view.observer_count};
        sql_add(&sql, "SELECT ");
        schema_select(&sql, record_kinds[RECORD_FLOW], NULL, view.missing);
        sql_add(&sql, " FROM ");
        segment_from(&sql, segments, &view);
        assert_ok(db_rows_open(reading, &sql, &rows, &err), err);
        while ((r = db_rows_next(&rows, &err)) == RESULT_OK) {
            struct records *records;
            assert_ok(
                chunk_read(&rows, record_kinds[RECORD_FLOW], NULL, &observers, 0, (uint32_t)rows.count, &records, &err),
                err);
            for (uint32_t row = 0; row < records->rows; row++) {
                struct flow f;
                flow_batch_get(flow_batch_of(records), row, &f);
                uint64_t sensor = records->observers[f.observer].epoch - 100;
                assert_true(sensor < SENSORS && f.flow * SENSORS + sensor < FLOWS);
                f.observer = 0;
                add_whole(&wholes[f.flow * SENSORS + sensor], &f);
            }
            records_free(&records);
        }
        assert_int_equal(r, RESULT_END);
        db_rows_close(&rows);
        sql_fini(&sql);
        segment_view_fini(&view);
    }
    segment_set_release(&set);
}

/* Those of so many reports whose numbers are from .. before, into 12 sealings by chance. */
static void seal_reports(struct segments *segments, const struct flow *reports, uint32_t from, uint32_t before)
{
    struct flow_batch *batches[12];
    for (unsigned b = 0; b < 12; b++)
        batches[b] = flow_batch_new(FLOWS * REPORTS);
    for (size_t i = 0; i < FLOWS * REPORTS; i++) {
        struct flow_batch *batch = batches[draw() % 12];
        struct flow f = reports[i];
        char name[8];
        if (f.report < from || f.report >= before)
            continue;
        snprintf(name, sizeof(name), "s%u", (unsigned)(i / REPORTS % SENSORS));
        struct observer observer = test_observer(name, 100 + i / REPORTS % SENSORS);
        assert_ok(flow_batch_observer(batch, &observer, &f.observer), err);
        assert_ok(flow_batch_add(batch, &f), err);
    }
    for (unsigned b = 0; b < 12; b++) {
        const struct records *list[] = {flow_records(batches[b])};
        seal_records(segments, list, 1, from * 100 + b + 1, from * 100 + b + 1);
        flow_batch_destroy(&batches[b]);
    }
}

static void assert_wholes(const struct whole *found, const struct whole *wanted)
{
    for (size_t i = 0; i < FLOWS; i++) {
        assert_int_equal(found[i].hours, wanted[i].hours);
        for (unsigned f = 0; f < FLOW_FIELD_COUNT; f++) {
            if (memcmp((const char *)&found[i].flow + flow_fields[f].offset,
                       (const char *)&wanted[i].flow + flow_fields[f].offset, flow_fields[f].size) != 0)
                fail_msg("flow %zu: %s is another", i, flow_fields[f].name);
        }
    }
}

/* Those in files that are merged become one an hour: what a reader makes of a flow's records is what it made before, of
 * every field. */
static void test_records_of_a_flow_become_one(void **state)
{
    (void)state;
    static struct flow reports[FLOWS * REPORTS];
    static struct whole plain[FLOWS], found[FLOWS];
    struct segments *segments = open_segments();
    uint64_t hours = 0;
    memset(plain, 0, sizeof(plain));
    for (size_t i = 0; i < FLOWS * REPORTS; i++) {
        reports[i] = make_report((uint32_t)(i / REPORTS), (uint32_t)(i % REPORTS));
        add_whole(&plain[i / REPORTS], &reports[i]);
    }
    for (size_t i = 0; i < FLOWS; i++)
        hours += (uint64_t)__builtin_popcountll(plain[i].hours);
    for (uint32_t from = 0; from < REPORTS; from += 3) {
        seal_reports(segments, reports, from, from + 3);
        assert_int_equal(compact_all(segments, TEST_NOW, 0), 1);
    }
    read_wholes(segments, found);
    assert_wholes(found, plain);
    assert_true(segments_sizes(segments).rows > hours); /* what is in several files is several */
    assert_int_equal(compact_all(segments, TEST_NOW + 2 * DAY, 0), 1);
    read_wholes(segments, found);
    assert_wholes(found, plain);
    assert_int_equal(segments_sizes(segments).rows, hours);
    segments_close(&segments);
}

/* Records that have one number and one observer, but other ends, are no flow: a sensor that counts wrong loses none. */
static void test_other_ends_are_another_flow(void **state)
{
    (void)state;
    struct segments *segments = open_segments();
    struct observer observer = test_observer("inner", 1);
    struct print print = {0};
    for (unsigned i = 0; i < 12; i++) {
        struct flow_batch *batch = flow_batch_new(1);
        struct flow flow = test_flow(7, TEST_NOW + i);
        flow.src_port = (uint16_t)(1000 + i);
        assert_ok(flow_batch_observer(batch, &observer, &flow.observer), err);
        assert_ok(flow_batch_add(batch, &flow), err);
        print_add(&print, flow_records(batch), NULL);
        const struct records *list[] = {flow_records(batch)};
        seal_records(segments, list, 1, i + 1, i + 1);
        flow_batch_destroy(&batch);
    }
    assert_int_equal(compact_all(segments, TEST_NOW, 0), 1);
    assert_print(print_all(segments, RECORD_FLOW, NULL), print);
    segments_close(&segments);
}

/* ---- damage, age */

static void flip(uint64_t id, const char *suffix, long at)
{
    char path[160];
    uint8_t byte;
    segment_file(id, suffix, path);
    int file = open(path, O_RDWR);
    assert_true(file >= 0);
    assert_int_equal(pread(file, &byte, 1, at), 1);
    byte ^= 4;
    assert_int_equal(pwrite(file, &byte, 1, at), 1);
    close(file);
}

/* It stays, damaged as it is, and the others are merged without it. */
static void test_damage_is_not_merged(void **state)
{
    (void)state;
    struct segments *segments = open_segments();
    struct print print = {0}, damaged = {0};
    for (unsigned i = 0; i < 14; i++)
        seal_kind(segments, RECORD_FLOW, i + 1, 500, TEST_NOW, i == 3 || i == 7 ? &damaged : &print);
    struct segment_set *set = segments_snapshot(segments);
    uint64_t ids[2] = {segment_set_get(set, 3)->id, segment_set_get(set, 7)->id};
    segment_set_release(&set);
    flip(ids[0], "parquet", 5000);
    flip(ids[1], "seal", 200);
    unsigned done = compact_all(segments, TEST_NOW, 0);
    assert_true(done >= 3);
    assert_non_null(strstr(told, "damaged"));
    set = segments_snapshot(segments);
    assert_int_equal(segment_set_count(set), 3);
    struct print found = {0};
    for (size_t i = 0; i < 3; i++) {
        const struct segment *s = segment_set_get(set, i);
        enum result r = print_segment(segments, s, NULL, NULL, &found, &err);
        assert_int_equal(r, s->id == ids[0] || s->id == ids[1] ? RESULT_REJECT : RESULT_OK);
    }
    assert_print(found, print);
    segment_set_release(&set);
    flip(ids[0], "parquet", 5000); /* put back from a copy: it is merged after the next start, with whatever comes */
    flip(ids[1], "seal", 200);
    print.rows += damaged.rows;
    print.sum += damaged.sum;
    assert_print(print_all(segments, RECORD_FLOW, NULL), print);
    segments_close(&segments);
}

/* Without evidence: those fields are unknown, all others as they were; what is younger keeps it. */
static void test_old_evidence_goes(void **state)
{
    (void)state;
    static const char *const names[] = {
        "src_isn",   "dst_isn",  "src_timestamp_origin", "dst_timestamp_origin", "src_digest", "dst_digest",
        "src_ip_id", "dst_ip_id"};
    const struct record_kind *kind = record_kinds[RECORD_FLOW];
    struct segments *segments = open_segments();
    struct print old = {0}, young = {0};
    bool evidence[FLOW_FIELD_COUNT] = {false};
    for (size_t i = 0; i < 8; i++)
        evidence[kind_field(kind, names[i])] = true;
    struct records *records = random_records(kind, 3000, 0, TEST_NOW - 40 * DAY);
    print_add(&old, records, evidence);
    seal_records(segments, (const struct records *const *)&records, 1, 1, 1);
    records_free(&records);
    seal_kind(segments, RECORD_FLOW, 2, 1000, TEST_NOW, &young);
    uint64_t bytes = segments_sizes(segments).bytes;
    assert_int_equal(compact_all(segments, TEST_NOW, TEST_NOW - 30 * DAY), 1);
    assert_true(segments_sizes(segments).bytes < bytes);
    struct segment_set *set = segments_snapshot(segments);
    assert_int_equal(segment_set_count(set), 2);
    for (size_t i = 0; i < 2; i++) {
        const struct segment *s = segment_set_get(set, i);
        struct print found = {0};
        struct segment_view view;
        assert_int_equal(s->without_evidence, s->last_ns < TEST_NOW - 30 * DAY);
        assert_ok(segment_open(segments, s, NULL, &view, &err), err);
        for (unsigned f = 0; f < FLOW_FIELD_COUNT; f++)
            assert_int_equal(view.missing[f], s->without_evidence && evidence[f]);
        segment_view_fini(&view);
        assert_ok(print_segment(segments, s, NULL, s->without_evidence ? evidence : NULL, &found, &err), err);
        assert_print(found, s->without_evidence ? old : young);
    }
    segment_set_release(&set);
    segments_close(&segments);
}

/* Merged or let go, a file stays as long as somebody reads from it, and no longer. */
static void test_a_snapshot_keeps_files(void **state)
{
    (void)state;
    struct segments *segments = open_segments();
    struct print print = {0}, found = {0};
    for (unsigned i = 0; i < 12; i++)
        seal_kind(segments, RECORD_VERDICT, i + 1, 100, TEST_NOW, &print);
    struct segment_set *before = segments_snapshot(segments);
    assert_int_equal(compact_all(segments, TEST_NOW, 0), 1);
    struct segment_set *merged = segments_snapshot(segments);
    assert_ok(segments_expire(segments, &(struct segments_keep){.flows_before_ns = TEST_NOW + DAY}, &err), err);
    assert_int_equal(segments_sizes(segments).segments, 0);
    assert_int_equal(segments_through(segments), 12);
    for (size_t i = 0; i < 12; i++)
        assert_ok(print_segment(segments, segment_set_get(before, i), NULL, NULL, &found, &err), err);
    assert_print(found, print);
    assert_int_equal(count_files(), 26);
    segment_set_release(&before);
    assert_int_equal(count_files(), 2);
    segment_set_release(&merged);
    assert_int_equal(count_files(), 0);
    segments_close(&segments);
}

/* By age those with nothing younger; by size the oldest. */
static void test_letting_go(void **state)
{
    (void)state;
    struct segments *segments = open_segments();
    struct print prints[4] = {0};
    for (unsigned i = 0; i < 4; i++)
        seal_kind(segments, RECORD_FLOW, i + 1, 2000, TEST_NOW - (int64_t)(i * 7 % 4) * DAY, &prints[i * 7 % 4]);
    assert_ok(segments_expire(segments, &(struct segments_keep){0}, &err), err);
    assert_int_equal(segments_sizes(segments).segments, 4);
    assert_ok(segments_expire(segments, &(struct segments_keep){.flows_before_ns = TEST_NOW - 2 * DAY}, &err), err);
    assert_int_equal(segments_sizes(segments).segments, 3);
    uint64_t bytes = segments_sizes(segments).bytes;
    assert_ok(segments_expire(segments, &(struct segments_keep){.bytes = bytes}, &err), err);
    assert_int_equal(segments_sizes(segments).segments, 3);
    assert_ok(segments_expire(segments, &(struct segments_keep){.bytes = bytes - 1}, &err), err);
    segments = reopen(segments);
    assert_int_equal(segments_sizes(segments).segments, 2);
    assert_int_equal(segments_through(segments), 4);
    prints[0].rows += prints[1].rows;
    prints[0].sum += prints[1].sum;
    assert_print(print_all(segments, RECORD_FLOW, NULL), prints[0]);
    segments_close(&segments);
}

/* The notes of what was merged are with what it was merged into; and files that were replaced do not come back. */
static void test_a_rebuild_after_merging(void **state)
{
    (void)state;
    struct segments *segments = open_segments();
    struct print print = {0};
    char path[160], command[400];
    for (unsigned i = 0; i < 11; i++)
        seal_kind(segments, RECORD_FLOW, i + 1, 200, TEST_NOW, &print);
    snprintf(command, sizeof(command), "cp -r %s/segments %s/before", test_directory, test_directory);
    assert_int_equal(system(command), 0);
    for (unsigned i = 11; i < 15; i++)
        seal_kind(segments, RECORD_FLOW, i + 1, 200, TEST_NOW, &print);
    assert_int_equal(compact_all(segments, TEST_NOW, 0), 1);
    segments_close(&segments);
    snprintf(path, sizeof(path), "%s/catalogue.sqlite", test_directory);
    assert_int_equal(unlink(path), 0);
    snprintf(command, sizeof(command), "cp %s/before/* %s/segments/", test_directory, test_directory);
    assert_int_equal(system(command), 0);
    rebuilt = 0;
    rebuilt_last = 0;
    segments = open_segments();
    assert_int_equal(rebuilt, 15);
    assert_int_equal(segments_through(segments), 15);
    assert_int_equal(segments_sizes(segments).segments, 4);
    assert_print(print_all(segments, RECORD_FLOW, NULL), print);
    segments_close(&segments);
}

/* A catalogue of before a merge, put back: the merged are not read twice, and nothing is missing. */
static void test_a_catalogue_of_before_a_merge(void **state)
{
    (void)state;
    struct segments *segments = open_segments();
    struct print print = {0};
    char command[400];
    for (unsigned i = 0; i < 11; i++)
        seal_kind(segments, RECORD_FLOW, i + 1, 200, TEST_NOW, &print);
    segments_close(&segments);
    snprintf(command, sizeof(command), "cp %s/catalogue.sqlite %s/copy", test_directory, test_directory);
    assert_int_equal(system(command), 0);
    segments = open_segments();
    for (unsigned i = 11; i < 15; i++)
        seal_kind(segments, RECORD_FLOW, i + 1, 200, TEST_NOW, &print);
    assert_int_equal(compact_all(segments, TEST_NOW, 0), 1);
    segments_close(&segments);
    snprintf(command, sizeof(command), "cp %s/copy %s/catalogue.sqlite", test_directory, test_directory);
    assert_int_equal(system(command), 0);
    rebuilt_last = 0;
    segments = open_segments();
    assert_int_equal(segments_through(segments), 15);
    assert_int_equal(segments_sizes(segments).segments, 4);
    assert_print(print_all(segments, RECORD_FLOW, NULL), print);
    segments_close(&segments);
}

/* What cannot be merged keeps nothing else from being merged. */
static void test_a_merge_that_fails_is_put_off(void **state)
{
    (void)state;
    struct segments *segments = open_segments();
    struct print flows = {0}, losses = {0};
    struct rlimit before;
    for (unsigned i = 0; i < 12; i++)
        seal_kind(segments, RECORD_FLOW, i + 1, 2000, TEST_NOW, &flows);
    for (unsigned i = 12; i < 24; i++)
        seal_kind(segments, RECORD_LOSS, i + 1, 2, TEST_NOW, &losses);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    const struct rlimit limit = {.rlim_cur = 512 << 10, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    enum result first = segments_compact(segments, TEST_NOW, 0, &err);
    enum result second = segments_compact(segments, TEST_NOW, 0, &err);
    enum result third = segments_compact(segments, TEST_NOW, 0, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(first, RESULT_AGAIN);
    assert_ok(second, err);
    assert_int_equal(third, RESULT_END);
    assert_int_equal(segments_sizes(segments).segments, 13);
    segments = reopen(segments);
    assert_int_equal(compact_all(segments, TEST_NOW, 0), 1);
    assert_int_equal(segments_sizes(segments).segments, 2);
    assert_print(print_all(segments, RECORD_FLOW, NULL), flows);
    assert_print(print_all(segments, RECORD_LOSS, NULL), losses);
    segments_close(&segments);
}

/* Seals that are too large for one: as many are merged as fit, and what is written can be read again. */
static void test_what_is_known_of_many_does_not_fit(void **state)
{
    (void)state;
    struct segments *segments = open_segments();
    struct print print = {0};
    uint64_t *note = calloc(1 << 17, sizeof(*note)); /* a mebibyte */
    assert_non_null(note);
    for (unsigned i = 0; i < 12; i++) {
        struct records *records = random_records(record_kinds[RECORD_FLOW], 50, 0, TEST_NOW);
        const struct records *list[] = {records};
        for (unsigned n = 0; n < 1 << 17; n++)
            note[n] = i + 1;
        struct seal_input input = {
            .first_position = i + 1, .last_position = i + 1, .note = note, .note_length = (1 << 17) * sizeof(*note)};
        input.parts[RECORD_FLOW] = (struct seal_part){list, 1};
        print_add(&print, records, NULL);
        assert_ok(segments_seal(segments, &input, &err), err);
        records_free(&records);
    }
    free(note);
    assert_ok(segments_compact(segments, TEST_NOW, 0, &err), err);
    segments = reopen(segments);
    assert_int_equal(segments_sizes(segments).segments, 9); /* four of them in one */
    assert_print(print_all(segments, RECORD_FLOW, NULL), print);
    segments_close(&segments);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, directory_setup, directory_teardown)
    const struct CMUnitTest tests[] = {TEST(test_twelve_become_one),
                                       TEST(test_rows_stand_in_order),
                                       TEST(test_each_day_has_its_file),
                                       TEST(test_a_day_that_is_over),
                                       TEST(test_damage_is_not_merged),
                                       TEST(test_old_evidence_goes),
                                       TEST(test_records_of_a_flow_become_one),
                                       TEST(test_other_ends_are_another_flow),
                                       TEST(test_a_snapshot_keeps_files),
                                       TEST(test_letting_go),
                                       TEST(test_a_rebuild_after_merging),
                                       TEST(test_a_catalogue_of_before_a_merge),
                                       TEST(test_a_merge_that_fails_is_put_off),
                                       TEST(test_what_is_known_of_many_does_not_fit)};
    return cmocka_run_group_tests(tests, engine_setup, engine_teardown);
}
