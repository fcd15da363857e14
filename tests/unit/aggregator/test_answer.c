/* SPDX-License-Identifier: Apache-2.0 */
/* The answer door of a whole aggregator: each question once, what an answer says of itself, and what is refused. */
#include "tests/unit/aggregator/stage.h"

#include <time.h>
#include <wordexp.h>

#include "aggregator/answer/answer.h"
#include "aggregator/answer/question.h"
#include "aggregator/store/store.h"
#include "common/records/alert.h"
#include "common/records/json.h"
#include "common/records/loss.h"
#include "common/records/status.h"

/* ---- what sensors say here */

static struct records *records_of(enum record_kind_number kind, const char *sensor)
{
    struct records *records = records_new(record_kinds[kind], 4);
    struct observer observer = test_observer(sensor, 5);
    uint16_t index;
    assert_non_null(records);
    assert_int_equal(records_observer(records, &observer, &index), RESULT_OK);
    return records;
}

/* Sends the records and waits until they are committed. */
static void commit(const struct keys *keys, uint64_t sequence, struct records *records)
{
    char reason[128] = "";
    void *socket = sensor_socket(keys);
    send_records(socket, keys->name, 5, sequence, records, FAULT_NONE);
    if (!acknowledged(socket, sequence, reason))
        fail_msg("%s", reason);
    records_free(&records);
    close_socket(socket);
}

static void commit_flows(const struct keys *keys, uint64_t sequence, uint32_t rows, int64_t at)
{
    struct observer observer = test_observer(keys->name, 5);
    commit(keys, sequence, flow_records(test_flows(&observer, sequence * 1000, rows, at)));
}

static void commit_loss(const struct keys *keys, uint64_t sequence, int64_t from, int64_t to)
{
    struct records *records = records_of(RECORD_LOSS, keys->name);
    const struct loss loss = {.loss = LOSS_PACKETS_KERNEL,
                              .from_time = from,
                              .to_time = to,
                              .count = 1234,
                              .interface = "eth0",
                              .reason = "too slow"};
    assert_int_equal(records_add(records, &loss), RESULT_OK);
    commit(keys, sequence, records);
}

/* Two interfaces, the second of which dropped 3; `made` records, of which 10 are acknowledged and 2 lost. */
static void commit_status(const struct keys *keys, uint64_t sequence, uint64_t made)
{
    struct records *records = records_of(RECORD_STATUS, keys->name);
    const struct status status = {.time = TEST_NOW,
                                  .started = TEST_NOW - NS_PER_S,
                                  .software = "pavo-sensor of a test",
                                  .records_made = made,
                                  .records_acknowledged = 10,
                                  .records_lost = 2,
                                  .clock_known = 1,
                                  .clock_offset = -5,
                                  .reported_through = TEST_NOW};
    const struct status_interface interfaces[] = {{"eth0", "EN10MB", 100, 100, 5000}, {"eth1", "RAW", 50, 47, 700}};
    const struct status_dropped dropped[] = {{1, "truncated", 1}, {1, "kernel", 2}};
    assert_int_equal(records_add(records, &status), RESULT_OK);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(records_add_item(records, STATUS_INTERFACES, &interfaces[i]), RESULT_OK);
        assert_int_equal(records_add_item(records, STATUS_DROPPED, &dropped[i]), RESULT_OK);
    }
    commit(keys, sequence, records);
}

static const char *ns_text(int64_t ns)
{
    static char texts[8][32];
    static unsigned turn;
    char *text = texts[turn++ % 8];
    snprintf(text, sizeof(texts[0]), "%lld", (long long)ns);
    return text;
}

/* ---- the same once more, by the command line in the head */

static char *rows_json(const struct answer *a)
{
    struct json json = {0};
    for (size_t i = 0; i < a->page_count; i++) {
        for (uint32_t row = 0; row < a->pages[i]->rows; row++) {
            json_add_members(&json, a->pages[i], row);
            json_add(&json, "\n");
        }
    }
    return json.text == NULL ? strdup("") : json.text;
}

/* Takes the command apart as a shell would, and asks that: rows and command must be the same. */
static void expect_again(const struct answer *a)
{
    wordexp_t words;
    const char *pairs[64] = {NULL}, *nearest, *positional = NULL;
    size_t count = 0;
    assert_int_equal(wordexp(a->command, &words, WRDE_NOCMD | WRDE_UNDEF), 0);
    assert_string_equal(words.we_wordv[0], "pavo");
    const struct question *question = question_find_name(words.we_wordv[1], &nearest);
    assert_non_null(question);
    for (unsigned i = 0; i < question->parameter_count; i++)
        positional = question->parameters[i].positional ? question->parameters[i].name : positional;
    bool options = true;
    for (size_t i = 2; i < words.we_wordc; i++) {
        if (options && strcmp(words.we_wordv[i], "--") == 0) {
            options = false;
        } else if (options && strncmp(words.we_wordv[i], "--", 2) == 0) {
            pairs[count++] = words.we_wordv[i] + 2;
            pairs[count++] = words.we_wordv[++i];
        } else {
            assert_non_null(positional);
            pairs[count++] = positional;
            pairs[count++] = words.we_wordv[i];
        }
    }
    const struct answer *again = ask_in(&reader_keys, NULL, question->name, pairs);
    char *first = rows_json(a), *second = rows_json(again);
    assert_string_equal(again->command, a->command);
    assert_string_equal(second, first);
    free(first);
    free(second);
    wordfree(&words);
}

/* ---- find */

static void test_find(void **state)
{
    (void)state;
    int64_t at = clock_wall_ns();
    commit_flows(&inner_keys, 1, 1000, at);
    const struct answer *all = ask("find");
    assert_int_equal(all->rows, 1000);
    assert_string_equal(all->command, "pavo find");
    assert_int_equal(all->end->coverage->state, PAVO__COVERAGE__STATE__WHOLE);
    assert_int_equal(all->end->coverage->rows, 1000);
    assert_true(all->end->coverage->elapsed_ns > 0);
    assert_true(all->end->coverage->position > 0);
    assert_int_equal(all->end->coverage->oldest_ns, at);
    assert_string_equal(text_of(all, 0, "sensor"), "inner");
    assert_string_equal(text_of(all, 0, "dst"), "198.51.100.1");
    assert_string_equal(text_of(all, 0, "duration"), "1000000000");
    assert_int_equal(strncmp(text_of(all, 0, "community_id"), "1:", 2), 0);
    assert_string_equal(all->kind->kind.fields[kind_field(&all->kind->kind, "src")].heading, "SOURCE");

    const struct answer *one = ask("find", "filter", "dst port 80 and src port 2024");
    assert_int_equal(one->rows, 1);
    assert_string_equal(one->command, "pavo find 'dst port 80 and src port 2024'");
    expect_again(one);
    assert_int_equal(find_rows("src port 2024"), 1);
    assert_int_equal(find_rows("sensor outer"), 0);

    const struct answer *early = ask("find", "from", ns_text(at - 100 * NS_PER_S), "to", ns_text(at));
    assert_int_equal(early->rows, 0);
    const struct answer *now = ask("find", "from", ns_text(at), "to", ns_text(at + NS_PER_S), "filter", "tcp");
    assert_int_equal(now->rows, 1000);
    assert_int_equal(now->end->coverage->from_ns, at);
    assert_null(strstr(now->command, ns_text(at))); /* a time a person can read */
    expect_again(now);
}

static void test_limit(void **state)
{
    (void)state;
    commit_flows(&inner_keys, 1, 1000, clock_wall_ns());
    const struct answer *cut = ask("find", "limit", "999");
    assert_int_equal(cut->rows, 999);
    assert_int_equal(cut->end->coverage->state, PAVO__COVERAGE__STATE__WHOLE); /* so many were asked for */
    assert_int_equal(gap_count(cut, PAVO__GAP__KIND__LIMIT), 1);
    assert_string_equal(cut->end->coverage->gaps[0]->reason, "--limit 999 reached: there are more");
    assert_int_equal(row_where(cut, "src_port", "2024"), -1); /* the oldest is the one left out */
    assert_int_equal(ask("find", "limit", "1000")->end->coverage->state, PAVO__COVERAGE__STATE__WHOLE);
    assert_int_equal(ask("find", "limit", "0")->rows, 1000);
}

/* ---- nat, links, and the records behind them */

static void test_nat(void **state)
{
    (void)state;
    void *inner = sensor_socket(&inner_keys), *outer = sensor_socket(&outer_keys);
    int64_t at = clock_wall_ns();
    send_pair(inner, outer, 1, at);
    const struct answer *nat = ask("nat", "end", "203.0.113.5:40312", "at", ns_text(at));
    assert_int_equal(nat->rows, 1);
    assert_string_equal(text_of(nat, 0, "answer"), "203.0.113.5:40312 was 10.0.0.2:1025, talking to 198.51.100.1:80");
    assert_string_equal(text_of(nat, 0, "verdict"), "translated");
    assert_string_equal(text_of(nat, 0, "translated"), "source");
    assert_string_equal(text_of(nat, 0, "boundary"), "border");
    assert_string_equal(text_of(nat, 0, "sensor"), "inner");
    assert_string_equal(text_of(nat, 0, "partner_sensor"), "outer");
    assert_string_equal(text_of(nat, 0, "post_nat_src"), "203.0.113.5");
    assert_string_equal(text_of(nat, 0, "src_packets"), "5");
    assert_string_equal(text_of(nat, 0, "state"), "SF");
    assert_int_equal(strncmp(text_of(nat, 0, "evidence"), "linked by both sequence numbers, confidence ", 44), 0);
    assert_int_equal((int64_t)items_sum(nat, "term_weight"), (int64_t)number_of(nat, 0, "odds"));
    assert_true(number_of(nat, 0, "terms") > 2);
    expect_again(nat);

    const struct answer *host = ask("nat", "end", "10.0.0.2", "at", ns_text(at));
    assert_string_equal(text_of(host, 0, "answer"),
                        "10.0.0.2:1025 came out as 203.0.113.5:40312, talking to 198.51.100.1:80");
    assert_int_equal(ask("nat", "end", "10.0.0.2:1025", "at", ns_text(at - 100 * NS_PER_S))->rows, 0);
    assert_int_equal(ask("nat", "end", "10.0.0.2:1025")->rows, 1); /* at any moment */
    assert_int_equal(ask("nat", "end", "10.0.0.2", "protocol", "udp")->rows, 0);
    assert_int_equal(linked_count(), 1);

    /* One side alone: that it is waiting. The link comes first, whatever is nearer. */
    char reason[128];
    struct observer observer = test_observer("inner", 5);
    struct flow_batch *alone = flow_batch_new(1);
    struct flow flow = test_flow(201, at + 2 * NS_PER_S);
    flow.src_port = 1025;
    assert_int_equal(flow_batch_observer(alone, &observer, &flow.observer), RESULT_OK);
    assert_int_equal(flow_batch_add(alone, &flow), RESULT_OK);
    send_records(inner, "inner", 5, 2, flow_records(alone), FAULT_NONE);
    assert_true(acknowledged(inner, 2, reason));
    flow_batch_destroy(&alone);
    const struct answer *two = ask("nat", "end", "10.0.0.2:1025", "at", ns_text(at + 3 * NS_PER_S));
    assert_int_equal(two->rows, 2);
    assert_string_equal(text_of(two, 0, "verdict"), "translated");
    assert_string_equal(text_of(two, 1, "verdict"), "waiting");
    assert_string_equal(text_of(two, 1, "answer"), "10.0.0.2:1025, talking to 198.51.100.1:80, was seen inside only");
    assert_non_null(strstr(text_of(two, 1, "evidence"), "may still come"));
    assert_string_equal(text_of(two, 1, "partner_sensor"), "");
    assert_false(value_of(two, 1, "odds").known);
    assert_false(value_of(two, 1, "post_nat_src").known);
    assert_true(value_of(two, 0, "odds").known);
    const struct answer *cut = ask("nat", "end", "10.0.0.2:1025", "at", ns_text(at + 3 * NS_PER_S), "limit", "1");
    assert_int_equal(cut->rows, 1);
    assert_string_equal(text_of(cut, 0, "verdict"), "translated");
    assert_int_equal(gap_count(cut, PAVO__GAP__KIND__LIMIT), 1);
    /* However many are nearer. */
    alone = flow_batch_new(5);
    assert_int_equal(flow_batch_observer(alone, &observer, &flow.observer), RESULT_OK);
    for (flow.flow = 202; flow.flow < 207; flow.flow++)
        assert_int_equal(flow_batch_add(alone, &flow), RESULT_OK);
    send_records(inner, "inner", 5, 3, flow_records(alone), FAULT_NONE);
    assert_true(acknowledged(inner, 3, reason));
    flow_batch_destroy(&alone);
    cut = ask("nat", "end", "10.0.0.2:1025", "at", ns_text(at + 3 * NS_PER_S), "limit", "1");
    assert_string_equal(text_of(cut, 0, "verdict"), "translated");
}

/* The same connection as three sensors see it, behind two translators in a row. */
static void test_nat_over_two_boundaries(void **state)
{
    (void)state;
    struct keys far_keys;
    struct boundary *grown = realloc(config.boundaries, (config.boundary_count + 1) * sizeof(*grown));
    assert_non_null(grown);
    config.boundaries = grown;
    assert_ok(config_boundary_parse("edge inside=outer outside=far", &grown[config.boundary_count++], &err), err);
    enrol(KEY_ROLE_SENSOR, "far", &far_keys);
    reload();
    const struct keys *keys[] = {&inner_keys, &outer_keys, &far_keys};
    const uint64_t addresses[] = {0xffff0a000002u, 0xffff64400005u, 0xffffcb007105u};
    const uint16_t ports[] = {1025, 2050, 40312};
    struct flow flow = test_flow(1, clock_wall_ns());
    flow.src_isn = 4711;
    flow.dst_isn = 815;
    flow.evidence = FLOW_HAS_SRC_ISN | FLOW_HAS_DST_ISN;
    for (unsigned i = 0; i < 3; i++) {
        struct records *flows = records_of(RECORD_FLOW, keys[i]->name);
        flow.src_lo = addresses[i];
        flow.src_port = ports[i];
        assert_int_equal(records_add(flows, &flow), RESULT_OK);
        commit(keys[i], 1, flows);
    }
    const struct answer *nat = ask("nat", "end", "203.0.113.5:40312");
    assert_int_equal(nat->rows, 2);
    int64_t border = row_where(nat, "boundary", "border"), edge = row_where(nat, "boundary", "edge");
    assert_true(border >= 0 && edge >= 0);
    assert_string_equal(text_of(nat, (uint64_t)edge, "answer"),
                        "203.0.113.5:40312 was 100.64.0.5:2050, talking to 198.51.100.1:80");
    assert_string_equal(text_of(nat, (uint64_t)border, "src"), "10.0.0.2");
    assert_int_equal(ask("links")->rows, 2);
}

/* A flow of a sensor that stands at no boundary has no verdict and waits for none. */
static void test_nat_of_no_boundary(void **state)
{
    (void)state;
    struct keys far_keys;
    enrol(KEY_ROLE_SENSOR, "far", &far_keys);
    reload();
    commit_flows(&far_keys, 1, 1, clock_wall_ns());
    const struct answer *nat = ask("nat", "end", "10.0.0.1:2024");
    assert_int_equal(nat->rows, 1);
    assert_string_equal(text_of(nat, 0, "verdict"), "unknown");
    assert_string_equal(text_of(nat, 0, "boundary"), "");
    assert_false(value_of(nat, 0, "side").known);
    assert_string_equal(text_of(nat, 0, "evidence"), "its sensor stands at no boundary");
}

static void test_links_and_their_records(void **state)
{
    (void)state;
    void *inner = sensor_socket(&inner_keys), *outer = sensor_socket(&outer_keys);
    int64_t at = clock_wall_ns() - 60 * NS_PER_S;
    for (uint64_t i = 1; i <= 3; i++)
        send_pair(inner, outer, i, at + (int64_t)i * NS_PER_S);
    const struct answer *links = ask("links", "from", ns_text(at), "filter", "tcp");
    assert_int_equal(links->rows, 3); /* each once, though both its views match */
    assert_string_equal(text_of(links, 0, "flow"), "3");
    assert_string_equal(text_of(links, 2, "flow"), "1");
    assert_string_equal(text_of(links, 0, "sensor"), "inner");
    assert_string_equal(text_of(links, 0, "partner_sensor"), "outer");
    assert_true(number_of(links, 0, "confidence") > 900);
    expect_again(links);
    const struct answer *newest = ask("links", "limit", "2");
    assert_int_equal(newest->rows, 2);
    assert_string_equal(text_of(newest, 1, "flow"), "2");
    assert_int_equal(gap_count(newest, PAVO__GAP__KIND__LIMIT), 1);
    assert_int_equal(ask("links", "filter", "sensor outer and src port 40312")->rows, 3);
    assert_int_equal(ask("links", "filter", "udp")->rows, 0);

    const struct answer *verdicts = ask("verdicts", "filter", "verdict translated");
    assert_int_equal(verdicts->rows, 3);
    assert_int_equal((int64_t)items_sum(verdicts, "term_weight"), (int64_t)sum_of(verdicts, "odds"));
    assert_int_equal(ask("verdicts", "filter", "verdict blocked")->rows, 0);
    const struct answer *bindings = ask("bindings");
    assert_int_equal(bindings->rows, 3);
    assert_string_equal(text_of(bindings, 0, "witness"), "link");
    assert_string_equal(text_of(bindings, 0, "outside"), "203.0.113.5");
    assert_int_equal(linked_count(), 3);
    const struct answer *boundaries = ask("boundaries");
    assert_string_equal(text_of(boundaries, 0, "inside"), "inner");
    assert_int_equal(items_sum(boundaries, "verdicts_count"), 3);
}

static void test_losses_statuses_alerts(void **state)
{
    (void)state;
    struct keys detector_keys;
    enrol(KEY_ROLE_DETECTOR, "scans", &detector_keys);
    reload();
    commit_loss(&inner_keys, 1, TEST_NOW, TEST_NOW + NS_PER_S);
    commit_status(&inner_keys, 2, 12);
    struct records *alerts = records_of(RECORD_ALERT, "scans");
    const struct alert alert = {.time = TEST_NOW, .detector = "port-scan", .subject = "10.0.1.17", .text = "scans 22"};
    assert_int_equal(records_append(&alerts, &alert), RESULT_OK);
    commit(&detector_keys, 1, alerts);
    const struct answer *losses = ask("losses");
    assert_int_equal(losses->rows, 1);
    assert_string_equal(text_of(losses, 0, "loss"), "packets_kernel");
    assert_string_equal(text_of(losses, 0, "count"), "1234");
    assert_int_equal(losses->end->coverage->state, PAVO__COVERAGE__STATE__WHOLE); /* it is about what is missing */
    const struct answer *statuses = ask("statuses", "filter", "sensor inner");
    assert_int_equal(statuses->rows, 1);
    assert_string_equal(text_of(statuses, 0, "software"), "pavo-sensor of a test");
    assert_int_equal(items_sum(statuses, "interface_offered"), 150);
    assert_string_equal(text_of(ask("alerts"), 0, "subject"), "10.0.1.17");
}

/* ---- the state of things */

static void test_sensors(void **state)
{
    (void)state;
    commit_flows(&inner_keys, 1, 10, clock_wall_ns());
    commit_status(&inner_keys, 2, 12); /* 12 made = 10 acknowledged + 2 lost */
    const struct answer *sensors = ask("sensors");
    assert_int_equal(sensors->rows, 1);
    assert_string_equal(text_of(sensors, 0, "sensor"), "inner");
    assert_string_equal(text_of(sensors, 0, "epoch"), "5");
    assert_string_equal(text_of(sensors, 0, "state"), "connected");
    assert_string_equal(text_of(sensors, 0, "offered"), "150");
    assert_string_equal(text_of(sensors, 0, "metered"), "147");
    assert_string_equal(text_of(sensors, 0, "dropped"), "3");
    assert_string_equal(text_of(sensors, 0, "committed"), "10");
    assert_string_equal(text_of(sensors, 0, "packets_committed"), "90");
    assert_string_equal(text_of(sensors, 0, "in_table"), "0");
    assert_string_equal(text_of(sensors, 0, "clock_offset"), "-5");
    assert_string_equal(text_of(sensors, 0, "trouble"), "");
    assert_int_equal(gap_count(sensors, PAVO__GAP__KIND__STATE), 0);
    assert_int_equal(gap_count(sensors, PAVO__GAP__KIND__LOSS), 1); /* 2 records are declared lost */
    assert_int_equal(sensors->end->coverage->n_reaches, 1);
    assert_string_equal(sensors->end->coverage->reaches[0]->sensor, "inner");
    assert_int_equal(sensors->end->coverage->reaches[0]->through_ns, TEST_NOW);

    const struct answer *interfaces = ask("interfaces");
    assert_int_equal(interfaces->rows, 2);
    assert_string_equal(text_of(interfaces, 0, "interface"), "eth0");
    assert_string_equal(text_of(interfaces, 0, "dropped"), "0");
    assert_string_equal(text_of(interfaces, 1, "link_type"), "RAW");
    assert_string_equal(text_of(interfaces, 1, "dropped"), "3");
    assert_int_equal(items_sum(interfaces, "dropped_packets"), 3);

    commit_status(&inner_keys, 3, 13);
    const struct answer *broken = ask("sensors");
    assert_non_null(strstr(text_of(broken, 0, "trouble"), "records made (13)"));
    assert_int_equal(gap_count(broken, PAVO__GAP__KIND__STATE), 1);
    assert_int_equal(broken->end->coverage->state, PAVO__COVERAGE__STATE__PARTIAL);
}

/* Of an older life no interfaces are kept: what they add up to is unknown, not 0. */
static void test_sensors_sums_of_older_lives_are_unknown(void **state)
{
    (void)state;
    char reason[128] = "";
    commit_flows(&inner_keys, 1, 10, clock_wall_ns());
    commit_status(&inner_keys, 2, 12);
    void *socket = sensor_socket(&inner_keys);
    send_flows(socket, "inner", 6, 1, 10, FAULT_NONE);
    assert_true(acknowledged(socket, 1, reason));
    close_socket(socket);
    const struct answer *sensors = ask("sensors");
    assert_int_equal(sensors->rows, 2);
    assert_string_equal(text_of(sensors, 0, "epoch"), "5");
    assert_false(value_of(sensors, 0, "offered").known);
    assert_false(value_of(sensors, 0, "metered").known);
    assert_false(value_of(sensors, 0, "dropped").known);
    assert_string_equal(text_of(sensors, 0, "made"), "12");
    assert_string_equal(text_of(sensors, 0, "software"), "pavo-sensor of a test");
    assert_string_equal(text_of(sensors, 0, "trouble"), "");
    assert_int_equal(ask("interfaces")->rows, 0);
}

/* The books of whoever sends no flows agree too: its records are alerts. Also after a new start, which counts them
 * anew. */
static void test_books_of_a_detector(void **state)
{
    (void)state;
    struct keys scan_keys;
    enrol(KEY_ROLE_DETECTOR, "scan", &scan_keys);
    reload();
    struct records *alerts = records_of(RECORD_ALERT, "scan");
    const struct alert alert = {.time = TEST_NOW, .detector = "scan", .text = "scans port 22", .severity = 50};
    for (int i = 0; i < 10; i++)
        assert_int_equal(records_append(&alerts, &alert), RESULT_OK);
    commit(&scan_keys, 1, alerts);
    commit_status(&scan_keys, 2, 12);
    for (int started = 0; started < 2; started++) {
        const struct answer *sensors = ask("sensors");
        assert_int_equal(sensors->rows, 1);
        assert_string_equal(text_of(sensors, 0, "committed"), "10");
        assert_string_equal(text_of(sensors, 0, "trouble"), "");
        if (started == 0) {
            aggregator_stop(&aggregator);
            start();
        }
    }
}

/* One that has said Hello and nothing else is there, and its numbers are not known. */
static void test_sensor_without_a_batch(void **state)
{
    (void)state;
    void *socket = sensor_socket(&outer_keys);
    say_hello(socket, "outer", 9);
    pavo__to_sensor__free_unpacked(next_to_sensor(socket), NULL);
    const struct answer *sensors = ask("sensors");
    assert_int_equal(sensors->rows, 1);
    assert_string_equal(text_of(sensors, 0, "state"), "no_status");
    assert_false(value_of(sensors, 0, "made").known);
    assert_false(value_of(sensors, 0, "clock_offset").known);
    assert_true(value_of(sensors, 0, "last_heard").known);
}

static void test_intake(void **state)
{
    (void)state;
    commit_flows(&inner_keys, 1, 10, clock_wall_ns());
    const struct answer *intake = ask("intake");
    int64_t row = row_where(intake, "counter", "batches received");
    assert_true(row >= 0);
    assert_int_equal(number_of(intake, (uint64_t)row, "value"), 1);
    assert_int_equal(intake->end->coverage->state, PAVO__COVERAGE__STATE__WHOLE);
}

/* ---- questions about questions */

static void test_questions(void **state)
{
    (void)state;
    const struct answer *all = ask("questions"), *nat = ask("questions", "name", "nat");
    uint64_t listed = 0;
    for (uint64_t row = 0; row < all->rows; row++)
        listed += strcmp(text_of(all, row, "part"), "question") == 0;
    assert_int_equal(listed, question_count);
    int64_t slack = row_where(nat, "name", "slack"), end = row_where(nat, "name", "end");
    assert_true(slack > 0 && end > 0);
    assert_string_equal(text_of(nat, (uint64_t)slack, "default"), "5s");
    assert_string_equal(text_of(nat, (uint64_t)slack, "type"), "span");
    assert_string_equal(text_of(nat, (uint64_t)end, "positional"), "true");
    assert_string_equal(text_of(nat, (uint64_t)end, "required"), "true");
    assert_string_equal(text_of(nat, (uint64_t)row_where(nat, "name", "answer"), "heading"), "ANSWER");
    /* What is said of its columns is what the head of its answer has. */
    const struct answer *answer = ask("nat", "end", "10.0.0.1");
    for (uint64_t row = 0; row < nat->rows; row++) {
        if (strcmp(text_of(nat, row, "part"), "column") == 0)
            assert_true(kind_field(&answer->kind->kind, text_of(nat, row, "name")) >= 0);
    }
    const struct answer *wrong = ask("questions", "name", "nut");
    assert_string_equal(wrong->parameter, "name");
    assert_non_null(strstr(wrong->error, "'nat'"));
}

static void test_kinds(void **state)
{
    (void)state;
    const struct answer *kinds = ask("kinds", "name", "loss");
    int64_t row = row_where(kinds, "field", "count");
    assert_true(row >= 0);
    assert_string_equal(text_of(kinds, (uint64_t)row, "record"), "loss");
    assert_string_equal(text_of(kinds, (uint64_t)row, "number"), "14");
    assert_string_equal(text_of(kinds, (uint64_t)row, "merge"), "sum");
    assert_true(ask("kinds")->rows > kinds->rows);
}

/* ---- coverage */

static void test_coverage(void **state)
{
    (void)state;
    const struct answer *empty = ask("find");
    assert_int_equal(empty->end->coverage->state, PAVO__COVERAGE__STATE__NONE);
    int64_t at = clock_wall_ns();
    commit_flows(&inner_keys, 1, 10, at);
    commit_loss(&inner_keys, 2, at, at + NS_PER_S);
    commit_flows(&outer_keys, 3, 10, at - 1000 * NS_PER_S);

    const struct answer *a = ask("find", "from", ns_text(at), "to", ns_text(at + NS_PER_S), "filter", "udp");
    assert_int_equal(a->rows, 0);
    const Pavo__Coverage *c = a->end->coverage;
    assert_int_equal(c->state, PAVO__COVERAGE__STATE__PARTIAL);
    assert_int_equal(gap_count(a, PAVO__GAP__KIND__LOSS), 1);
    const Pavo__Gap *loss = c->gaps[0];
    assert_string_equal(loss->sensor, "inner");
    assert_int_equal(loss->from_ns, at);
    assert_int_equal(loss->to_ns, at + NS_PER_S);
    assert_int_equal(loss->at_most, 1234);
    assert_string_equal(loss->unit, "packets");
    assert_string_equal(loss->reason, "packets in the kernel's capture buffer on eth0: too slow");
    assert_int_equal(c->n_reaches, 2);
    assert_int_equal(c->oldest_ns, at - 1000 * NS_PER_S);

    const struct answer *before =
        ask("find", "from", ns_text(at - 1000 * NS_PER_S), "to", ns_text(at - 900 * NS_PER_S));
    assert_int_equal(before->rows, 10);
    assert_int_equal(gap_count(before, PAVO__GAP__KIND__LOSS), 0);
    assert_int_equal(gap_count(before, PAVO__GAP__KIND__SILENT), 1);
    assert_string_equal(before->end->coverage->gaps[0]->sensor, "inner");
    const struct answer *never = ask("find", "to", ns_text(at - 5000 * NS_PER_S));
    assert_int_equal(never->end->coverage->state, PAVO__COVERAGE__STATE__NONE);
}

/* A gap's reason is put together from foreign texts: what is cut off is cut off between characters. */
static void test_gaps_are_valid_text(void **state)
{
    (void)state;
    for (uint64_t shift = 0; shift < 4; shift++) { /* wherever in a character the room ends */
        char interface[256] = "", reason[256] = "";
        for (uint64_t i = 0; i < shift; i++)
            strcat(interface, "x");
        for (int i = 0; i < 80; i++)
            strcat(interface, "\xe2\x82\xac");
        for (int i = 0; i < 60; i++)
            strcat(reason, "\xf0\x9f\x98\x80");
        const struct loss loss = {.loss = LOSS_PACKETS_KERNEL,
                                  .from_time = TEST_NOW,
                                  .to_time = TEST_NOW + 1,
                                  .count = 1,
                                  .interface = interface,
                                  .reason = reason};
        struct records *records = records_of(RECORD_LOSS, "inner");
        assert_int_equal(records_add(records, &loss), RESULT_OK);
        commit(&inner_keys, shift + 1, records);
    }
    const struct answer *a = ask("find");
    assert_int_equal(gap_count(a, PAVO__GAP__KIND__LOSS), 4);
    for (size_t i = 0; i < a->end->coverage->n_gaps; i++) {
        const char *text = a->end->coverage->gaps[i]->reason;
        assert_true(text_is_clean(text, strlen(text)));
    }
}

/* ---- replay */

static void test_replay(void **state)
{
    (void)state;
    for (uint64_t sequence = 1; sequence <= 3; sequence++)
        commit_flows(&inner_keys, sequence, 10, clock_wall_ns());
    const struct answer *all = ask("replay", "topic", "flow");
    assert_int_equal(all->published, 3);
    assert_int_equal(all->page_count, 0);
    uint64_t through = all->end->coverage->position;
    const struct answer *some = ask("replay", "topic", "flow", "after", ns_text((int64_t)through - 1));
    assert_int_equal(some->published, 1);
    assert_int_equal(some->end->coverage->position, through);
    const struct answer *first = ask("replay", "topic", "flow", "through", ns_text((int64_t)through - 1));
    assert_int_equal(first->published, 2);
    assert_int_equal(first->end->coverage->position, through - 1);
    assert_int_equal(ask("replay", "topic", "flow", "filter", "src port 3024")->published, 1);
    assert_int_equal(ask("replay", "topic", "alert")->published, 0);
    const struct answer *gossip = ask("replay", "topic", "gossip");
    assert_string_equal(gossip->parameter, "topic");
    assert_non_null(strstr(gossip->error, "gossip"));
    /* A filter is of the topic's kind. */
    const struct answer *other = ask("replay", "topic", "loss", "filter", "src port 1");
    assert_string_equal(other->parameter, "filter");
}

/* Three segments, a day apart, each of one batch. */
static void seal_three_days(void)
{
    const struct store_options options = {.directory = config.data, .seal_rows = 1};
    struct observer inner = test_observer("inner", 7);
    struct store *store = NULL;
    assert_ok(store_open(&options, &store, &err), err);
    for (uint64_t day = 0; day < 3; day++) {
        int64_t at = TEST_NOW + (int64_t)day * 86400 * NS_PER_S;
        struct batch *batch = test_batch("inner", day + 1, at);
        struct flow_batch *flows = test_flows(&inner, 10 * day + 1, 2, at);
        struct store_health health = {0};
        batch->records[RECORD_FLOW] = records_copy(flow_records(flows), NULL, 0, 2);
        flow_batch_destroy(&flows);
        assert_ok(store_commit(store, &batch, 1, &err), err);
        batch_destroy(&batch);
        for (int wait = 0; wait < 2000 && health.sealed_through <= day; wait++) {
            usleep(10000);
            store_health(store, &health);
        }
        assert_int_equal(health.sealed_through, day + 1);
    }
    store_close(&store);
}

/* A segment that cannot be read is a gap of the answers that ask about its time, by name, and the rest answers; a
 * replay does not need it. */
static void test_damaged_segment(void **state)
{
    (void)state;
    char command[300];
    aggregator_stop(&aggregator);
    snprintf(command, sizeof(command), "rm -r '%s'", config.data);
    assert_int_equal(system(command), 0);
    seal_three_days();
    snprintf(command, sizeof(command), "cd '%s/segments' && truncate -s 1000 $(ls *.parquet | sed -n 3p)", config.data);
    assert_int_equal(system(command), 0);
    start();

    const struct answer *all = ask("find");
    assert_int_equal(all->rows, 4);
    assert_int_equal(all->end->coverage->state, PAVO__COVERAGE__STATE__PARTIAL);
    assert_int_equal(gap_count(all, PAVO__GAP__KIND__DAMAGED), 1);
    for (size_t i = 0; i < all->end->coverage->n_gaps; i++) {
        const Pavo__Gap *gap = all->end->coverage->gaps[i];
        if (gap->kind == PAVO__GAP__KIND__DAMAGED)
            assert_non_null(strstr(gap->reason, ".parquet is damaged"));
    }
    const struct answer *before = ask("find", "to", "2026-11-23T20:00:00Z");
    assert_int_equal(before->end->coverage->state, PAVO__COVERAGE__STATE__WHOLE);
    assert_int_equal(ask("replay", "topic", "flow")->published, 3);
}

/* ---- refused */

static void test_refused(void **state)
{
    (void)state;
    const struct answer *a = ask("fnid");
    assert_non_null(strstr(a->error, "did you mean 'find'"));
    a = ask("something else entirely");
    assert_non_null(strstr(a->error, "'questions'"));
    a = ask("find", "filter", "tcp and host nonsense!");
    assert_string_equal(a->parameter, "filter");
    assert_int_equal(a->offset, strlen("tcp and host "));
    assert_non_null(strstr(a->error, "nonsense"));
    assert_false(a->has_head);
    a = ask("find", "form", "now");
    assert_string_equal(a->parameter, "form");
    assert_non_null(strstr(a->error, "'from'"));
    a = ask("find", "from", "20:36");
    assert_string_equal(a->parameter, "from");
    a = ask("nat");
    assert_string_equal(a->parameter, "end");
    a = ask("find", "limit", "1", "limit", "2");
    assert_string_equal(a->parameter, "limit");
    a = ask("challenge", "reader", "me");
    assert_non_null(strstr(a->error, "for gateways"));
    /* What was asked comes back without what would command a terminal. */
    a = ask("\033[2J");
    assert_non_null(strstr(a->error, "?[2J"));
    a = ask("find", "\033[2J", "");
    assert_string_equal(a->parameter, "?[2J");
}

static void test_no_queries(void **state)
{
    (void)state;
    Pavo__Query query = PAVO__QUERY__INIT;
    query.version = 2;
    query.question = "find";
    assert_non_null(strstr(ask_query(&reader_keys, &query)->error, "version 1"));
    void *socket = connect_to(ZMQ_DEALER, aggregator_endpoints(aggregator).answer, &reader_keys);
    send_bytes(socket, "\xff\xff\xff", 3);
    zmq_msg_t message;
    assert_true(receive_frame(socket, &message, WAIT_MS));
    zmq_msg_close(&message);
    /* Two frames are no query: counted, and the door goes on. */
    zmq_send(socket, "", 0, ZMQ_SNDMORE);
    send_bytes(socket, "x", 1);
    uint64_t garbled = 0;
    while (garbled == 0) {
        const struct answer *intake = ask("intake");
        garbled = number_of(intake, (uint64_t)row_where(intake, "counter", "queries garbled"), "value");
    }
    close_socket(socket);
}

/* A reader whose key is revoked is told so, on the connection it has. */
static void test_revoked_reader(void **state)
{
    (void)state;
    struct keys other_keys;
    char error[512];
    enrol(KEY_ROLE_READER, "other", &other_keys);
    reload();
    void *socket = asker_socket(&other_keys);
    Pavo__Query query = PAVO__QUERY__INIT;
    query.version = 1;
    query.question = "intake";
    for (int revoked = 0; revoked < 2; revoked++) {
        send_query(socket, &query);
        take_rest(socket, error);
        assert_int_equal(strstr(error, "no longer enrolled") != NULL, revoked);
        if (revoked == 0)
            revoke_key(KEY_ROLE_READER, "other");
    }
    close_socket(socket);
}

/* An answer under way does not outlive the key that asked for it. */
static void test_revoked_in_the_middle(void **state)
{
    (void)state;
    const struct timespec past_the_check = {.tv_sec = 1, .tv_nsec = 200 * NS_PER_MS};
    struct keys other_keys;
    char error[512];
    enrol(KEY_ROLE_READER, "other", &other_keys);
    store_many_flows();
    void *socket = asker_socket(&other_keys);
    Pavo__Query query = PAVO__QUERY__INIT;
    query.version = 1;
    query.question = "find";
    send_query(socket, &query);
    Pavo__Reply *head = next_reply(socket);
    assert_string_equal(head->error, "");
    pavo__reply__free_unpacked(head, NULL);
    revoke_key(KEY_ROLE_READER, "other");
    nanosleep(&past_the_check, NULL);
    take_rest(socket, error);
    assert_string_equal(error, "this key is no longer enrolled");
    close_socket(socket);
}

/* ---- one key with many connections */

static uint64_t counter(const char *name)
{
    const struct answer *intake = ask("intake");
    assert_string_equal(intake->error, "");
    return number_of(intake, (uint64_t)row_where(intake, "counter", name), "value");
}

/* A reader that asks for everything on eight connections and reads nothing has its share of the places and of the
 * workers, and no more: others are answered meanwhile. */
static void test_a_key_that_never_reads(void **state)
{
    (void)state;
    struct keys hog_keys;
    void *hogs[8];
    Pavo__Query query = PAVO__QUERY__INIT;
    query.version = 1;
    query.question = "find";
    enrol(KEY_ROLE_READER, "hog", &hog_keys);
    store_many_flows();
    for (unsigned i = 0; i < 8; i++) {
        hogs[i] = asker_socket(&hog_keys);
        for (query.id = 1; query.id <= ANSWER_CLIENT_MAX; query.id++)
            send_query(hogs[i], &query);
    }
    int64_t end = clock_monotonic_ns() + WAIT_MS * NS_PER_MS;
    uint64_t refused = 0, expected = 8 * ANSWER_CLIENT_MAX - ANSWER_KEY_MAX;
    while (refused < expected && clock_monotonic_ns() < end)
        refused = counter("queries refused");
    assert_int_equal(refused, expected);
    const struct answer *sensors = ask("sensors");
    assert_string_equal(sensors->error, "");
    assert_int_equal(sensors->rows, 1);
    const struct answer *more = ask_in(&hog_keys, NULL, "sensors", (const char *const[]){NULL});
    assert_non_null(strstr(more->error, "this key has as many queries under way"));
    for (unsigned i = 0; i < 8; i++)
        close_socket(hogs[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(test_find),
        STAGE_TEST(test_limit),
        STAGE_TEST(test_nat),
        STAGE_TEST(test_nat_over_two_boundaries),
        STAGE_TEST(test_nat_of_no_boundary),
        STAGE_TEST(test_links_and_their_records),
        STAGE_TEST(test_losses_statuses_alerts),
        STAGE_TEST(test_sensors),
        STAGE_TEST(test_sensors_sums_of_older_lives_are_unknown),
        STAGE_TEST(test_books_of_a_detector),
        STAGE_TEST(test_sensor_without_a_batch),
        STAGE_TEST(test_intake),
        STAGE_TEST(test_questions),
        STAGE_TEST(test_kinds),
        STAGE_TEST(test_coverage),
        STAGE_TEST(test_gaps_are_valid_text),
        STAGE_TEST(test_replay),
        STAGE_TEST(test_damaged_segment),
        STAGE_TEST(test_refused),
        STAGE_TEST(test_no_queries),
        STAGE_TEST(test_revoked_reader),
        STAGE_TEST(test_revoked_in_the_middle),
        STAGE_TEST(test_a_key_that_never_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
