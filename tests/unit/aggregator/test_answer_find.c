/* SPDX-License-Identifier: Apache-2.0 */
/* find: connections by chance, hot, sealed and merged, are what a plain reading of the records and of their verdicts
 * makes of them. */
#include "tests/unit/aggregator/stage.h"

#include "common/records/merge.h"
#include "tests/unit/aggregator/random_records.h"

#define CONNECTIONS  80u
#define VIEWS        3u /* of each at most: a, b and c, with the boundary nat between the first two, then edge */
#define RECORDS_MOST 6u
#define GROUPS       13u /* of records, in the order they come in; the last are hot */
#define HOT_GROUPS   1u

static const char *const sensors[VIEWS] = {"a", "b", "c"};
static const char *const boundaries[VIEWS - 1] = {"nat", "edge"};

/* ---- what there was */

struct made_view {
    bool seen, outwards; /* and it is linked with the next one */
    unsigned verdict;    /* 0: none; otherwise of one that is not linked */
    uint64_t flow;
    unsigned count;
    struct flow records[RECORDS_MOST];
};

struct made {
    struct made_view views[VIEWS];
};
static struct made made[CONNECTIONS];

static void make_records(struct made_view *view, const struct flow *ends, int64_t at)
{
    view->count = draw() % 5 < 3 ? 1 : 2 + (unsigned)(draw() % (RECORDS_MOST - 1));
    bool open = draw() % 5 == 0;
    for (unsigned i = 0; i < view->count; i++) {
        struct flow *r = &view->records[i];
        *r = *ends;
        r->flow = view->flow;
        r->report = i;
        r->first_time = at;
        r->last_time = at + (int64_t)(draw() % (600u * (uint64_t)NS_PER_S));
        at = r->last_time + (int64_t)(draw() % (6000u * (uint64_t)NS_PER_S));
        r->end_reason = i + 1 < view->count || open ? FLOW_END_ACTIVE : FLOW_END_IDLE;
        r->src_packets = 1 + draw() % 50;
        r->dst_packets = draw() % 50;
        r->src_bytes = r->src_packets * 60;
        r->dst_bytes = r->dst_packets * 1000;
        r->state = r->dst_packets == 0 ? FLOW_STATE_S0 : FLOW_STATE_SF;
    }
    struct flow *last = &view->records[view->count - 1];
    if (view->count > 1 && draw() % 3 == 0) { /* it says the end alone */
        last->first_time = last->last_time;
        last->src_packets = last->dst_packets = last->src_bytes = last->dst_bytes = 0;
    }
}

static void make(struct made *m, uint64_t number)
{
    static const unsigned words[] = {0, VERDICT_BLOCKED, VERDICT_NO_PARTNER, VERDICT_AMBIGUOUS};
    const int64_t at = TEST_NOW + (int64_t)(draw() % (3 * 86400u * (uint64_t)NS_PER_S));
    struct flow ends = test_flow(number, at);
    ends.src_lo = 0xffff0a000000u + draw() % 20;
    ends.dst_port = (uint16_t)(80 + draw() % 3);
    unsigned first = (unsigned)(draw() % 2); /* some begin outside, as what the aggregator did not see inside */
    for (unsigned i = first; i < VIEWS; i++) {
        struct made_view *view = &m->views[i];
        view->seen = true;
        view->flow = number * 7 + i;
        view->verdict = words[draw() % 4];
        make_records(view, &ends, at + (int64_t)(draw() % 1000));
        if (i + 1 == VIEWS || draw() % 3 == 0)
            return;
        view->outwards = true;
        ends.src_lo = 0xffffcb007100u + i;
        ends.src_port = (uint16_t)(1024 + draw() % 60000);
    }
}

/* ---- into a store */

static struct records *flows_of(unsigned sensor, unsigned group, int64_t begin, int64_t step)
{
    struct observer observer = test_observer(sensors[sensor], 7);
    struct records *flows = records_new(record_kinds[RECORD_FLOW], CONNECTIONS * RECORDS_MOST);
    uint16_t index;
    assert_int_equal(records_observer(flows, &observer, &index), RESULT_OK);
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        const struct made_view *view = &made[i].views[sensor];
        for (unsigned r = 0; view->seen && r < view->count; r++) {
            int64_t late = (view->records[r].last_time - begin) / step;
            if ((late < GROUPS ? (unsigned)late : GROUPS - 1) == group)
                assert_int_equal(records_add(flows, &view->records[r]), RESULT_OK);
        }
    }
    if (flows->rows == 0)
        records_free(&flows);
    return flows;
}

static void add_verdict(struct records **verdicts, const struct made *m, unsigned from, uint32_t revision, bool linked)
{
    const struct made_view *view = &m->views[from], *next = from + 1 < VIEWS ? &m->views[from + 1] : NULL;
    const struct flow *f = &view->records[0];
    struct verdict verdict = test_verdict(view->flow, linked ? next->flow : 0);
    uint16_t observer, partner = 0;
    struct observer observers[] = {test_observer(sensors[from], 7), test_observer(sensors[(from + 1) % VIEWS], 7)};
    assert_int_equal(records_observer(*verdicts, &observers[0], &observer), RESULT_OK);
    assert_int_equal(records_observer(*verdicts, &observers[1], &partner), RESULT_OK);
    verdict.observer = observer;
    verdict.partner_observer = linked ? partner : 0;
    verdict.boundary = boundaries[from < VIEWS - 1 ? from : VIEWS - 2];
    verdict.side = from == VIEWS - 1 ? VERDICT_OUTSIDE : VERDICT_INSIDE;
    verdict.verdict = (uint8_t)(linked ? VERDICT_TRANSLATED : view->verdict);
    verdict.revision = revision;
    verdict.src_lo = f->src_lo;
    verdict.src_port = f->src_port;
    if (linked) {
        verdict.post_nat_src_lo = next->records[0].src_lo;
        verdict.post_nat_src_port = next->records[0].src_port;
    }
    verdict.first_time = f->first_time;
    verdict.last_time = f->last_time;
    assert_int_equal(records_append(verdicts, &verdict), RESULT_OK);
}

static struct records *verdicts_of(unsigned group, int64_t begin, int64_t step)
{
    struct records *verdicts = records_new(record_kinds[RECORD_VERDICT], 16);
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        for (unsigned v = 0; v < VIEWS; v++) {
            struct made_view *view = &made[i].views[v];
            int64_t late = view->seen ? (view->records[0].last_time - begin) / step : -1;
            if (late < 0 || (late < GROUPS ? (unsigned)late : GROUPS - 1) != group)
                continue;
            if (view->outwards && i % 3 == 0) { /* and is revised */
                view->verdict = VERDICT_AMBIGUOUS;
                add_verdict(&verdicts, &made[i], v, 0, false);
            }
            if (view->outwards)
                add_verdict(&verdicts, &made[i], v, 1, true);
            else if (view->verdict != 0)
                add_verdict(&verdicts, &made[i], v, 0, false);
        }
    }
    if (verdicts->rows == 0)
        records_free(&verdicts);
    return verdicts;
}

static void commit_group(struct store *store, unsigned group, int64_t received_ns, int64_t begin, int64_t step)
{
    struct batch *batches[VIEWS + 1];
    size_t count = 0;
    for (unsigned s = 0; s < VIEWS; s++) {
        batches[count] = test_batch(sensors[s], group + 1, received_ns);
        batches[count++]->records[RECORD_FLOW] = flows_of(s, group, begin, step);
    }
    batches[count] = test_conclusions(received_ns);
    batches[count++]->records[RECORD_VERDICT] = verdicts_of(group, begin, step);
    assert_ok(store_commit(store, batches, count, &err), err);
    for (size_t i = 0; i < count; i++)
        batch_destroy(&batches[i]);
}

static void settle(struct store *store)
{
    int64_t until = clock_monotonic_ns() + 180 * NS_PER_S;
    struct store_health health;
    do {
        usleep(2000);
        store_health(store, &health);
    } while (health.hot_batches > 0 && clock_monotonic_ns() < until);
    assert_int_equal(health.hot_batches, 0);
}

/* Rows of flows in files that were merged. */
static uint64_t merged_rows(struct store *store)
{
    struct store_part *parts;
    size_t count;
    uint64_t rows = 0;
    assert_ok(store_parts(store, &parts, &count, &err), err);
    for (size_t i = 0; i < count; i++)
        rows += parts[i].kind == RECORD_FLOW && parts[i].level > 0 ? parts[i].rows : 0;
    free(parts);
    return rows;
}

/* While the aggregator is away: most of it in segments, of which the oldest are merged, the rest hot. */
static void store_them(void)
{
    const int64_t begin = TEST_NOW, step = 4 * 86400 * NS_PER_S / GROUPS;
    const struct store_options sealing = {.directory = config.data, .seal_rows = 1, .seal_age_ns = 1},
                               hot = {.directory = config.data};
    struct store *store;
    int64_t until;
    aggregator_stop(&aggregator);
    memset(made, 0, sizeof(made));
    for (unsigned i = 0; i < CONNECTIONS; i++)
        make(&made[i], i + 1);
    assert_ok(store_open(&sealing, &store, &err), err);
    for (unsigned group = 0; group < GROUPS - HOT_GROUPS; group++) {
        commit_group(store, group, TEST_NOW, begin, step);
        settle(store);
    }
    until = clock_monotonic_ns() + 180 * NS_PER_S;
    while (merged_rows(store) == 0 && clock_monotonic_ns() < until)
        usleep(2000);
    assert_true(merged_rows(store) > 0);
    store_close(&store);
    assert_ok(store_open(&hot, &store, &err), err);
    for (unsigned group = GROUPS - HOT_GROUPS; group < GROUPS; group++)
        commit_group(store, group, clock_wall_ns(), begin, step);
    store_close(&store);
    /* Of two boundaries, so that what goes over both is followed. */
    struct boundary *grown = realloc(config.boundaries, (config.boundary_count + 1) * sizeof(*grown));
    assert_non_null(grown);
    config.boundaries = grown;
    assert_ok(config_boundary_parse("other inside=p outside=q", &grown[config.boundary_count++], &err), err);
    start();
}

/* ---- the plain reading */

struct plain {
    unsigned connection, view;
    struct flow flow;
};
static struct plain plain[CONNECTIONS * VIEWS * RECORDS_MOST];
static struct records *plain_records; /* the same as records of flows */
static uint32_t plain_count;

/* What the records are, as they are stored: by the question of that name. */
static void read_plainly(void)
{
    const struct answer *all = ask("flows");
    struct records *records = records_new(record_kinds[RECORD_FLOW], (uint32_t)all->rows + 1);
    plain_count = 0;
    for (uint64_t row = 0; row < all->rows; row++) {
        struct plain *p = &plain[plain_count++];
        struct observer observer = test_observer(text_of(all, row, "sensor"), 7);
        uint16_t index;
        *p = (struct plain){.view = observer.sensor[0] - 'a' + 0u};
        assert_int_equal(records_observer(records, &observer, &index), RESULT_OK);
        for (unsigned f = 0; f < FLOW_FIELD_COUNT; f++) {
            const struct field *field = &flow_fields[f];
            if (field->kind == KIND_OBSERVER || field->kind == KIND_LOWER)
                continue;
            struct value value = value_of(all, row, field->label);
            char *to = (char *)&p->flow;
            memcpy(to + field->offset, field->kind == KIND_ADDRESS ? &value.address.hi : &value.number, field->size);
            if (field->kind == KIND_ADDRESS)
                memcpy(to + field[1].offset, &value.address.lo, field[1].size);
        }
        p->flow.observer = index;
        p->connection = (unsigned)(p->flow.flow / 7) - 1;
        assert_int_equal(records_add(records, &p->flow), RESULT_OK);
    }
    records_free(&plain_records);
    plain_records = records;
}

static struct flow whole_of(unsigned connection, unsigned view)
{
    struct flow whole = {0};
    bool any = false;
    for (uint32_t i = 0; i < plain_count; i++) {
        if (plain[i].connection != connection || plain[i].view != view)
            continue;
        if (any)
            flow_merge(&whole, &plain[i].flow);
        else
            whole = plain[i].flow;
        any = true;
    }
    assert_true(any);
    return whole;
}

/* The view that begins the connection of this one, and the one that ends it. */
static unsigned first_view(const struct made *m, unsigned view)
{
    while (view > 0 && m->views[view - 1].outwards)
        view--;
    return view;
}

static unsigned last_view(const struct made *m, unsigned view)
{
    while (m->views[view].outwards)
        view++;
    return view;
}

/* ---- comparing */

static bool is_row(const struct answer *a, uint64_t row, unsigned connection, unsigned view)
{
    return strcmp(text_of(a, row, "sensor"), sensors[view]) == 0 &&
           number_of(a, row, "flow") == made[connection].views[view].flow;
}

static void check_flow(const struct answer *a, uint64_t row, unsigned connection, unsigned view)
{
    const struct flow whole = whole_of(connection, view);
    assert_int_equal(number_of(a, row, "src_bytes"), whole.src_bytes);
    assert_int_equal(number_of(a, row, "dst_bytes"), whole.dst_bytes);
    assert_int_equal(number_of(a, row, "src_packets"), whole.src_packets);
    assert_int_equal((int64_t)number_of(a, row, "first_time"), whole.first_time);
    assert_int_equal((int64_t)number_of(a, row, "duration"), whole.last_time - whole.first_time);
    assert_int_equal(number_of(a, row, "state"), whole.state);
    assert_int_equal(number_of(a, row, "report"), whole.report);
    assert_int_equal(value_of(a, row, "src").address.lo, whole.src_lo);
    /* And that is what was made. */
    uint64_t bytes = 0;
    for (unsigned i = 0; i < made[connection].views[view].count; i++)
        bytes += made[connection].views[view].records[i].src_bytes;
    assert_int_equal(whole.src_bytes, bytes);
}

static void check_link(const struct answer *a, uint64_t row, const struct made *m, unsigned outside, unsigned partner)
{
    const struct flow *f = &m->views[outside].records[0];
    assert_string_equal(text_of(a, row, "verdict"), "translated");
    assert_int_equal(value_of(a, row, "post_nat_src").address.lo, f->src_lo);
    assert_int_equal(number_of(a, row, "post_nat_src_port"), f->src_port);
    assert_string_equal(text_of(a, row, "partner_sensor"), sensors[partner]);
    assert_int_equal(number_of(a, row, "partner_flow"), m->views[partner].flow);
    assert_int_equal(number_of(a, row, "confidence"), 999);
}

static void check_alone(const struct answer *a, uint64_t row, const struct made_view *view)
{
    assert_false(value_of(a, row, "post_nat_src").known);
    assert_false(value_of(a, row, "partner_sensor").known);
    assert_int_equal(value_of(a, row, "verdict").known, view->verdict != 0);
    assert_int_equal(number_of(a, row, "verdict"), view->verdict);
}

static void check_row(const struct answer *a, uint64_t row, unsigned connection, unsigned view, bool views)
{
    const struct made *m = &made[connection];
    unsigned last = last_view(m, view);
    char seen[64] = "";
    check_flow(a, row, connection, view);
    for (unsigned i = view; i <= (views ? view : last); i++)
        snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "%s%s", i == view ? "" : ",", sensors[i]);
    assert_string_equal(text_of(a, row, "sensors"), seen);
    if (!views && last > view) {
        check_link(a, row, m, last, last);
        assert_string_equal(text_of(a, row, "boundary"), last - view == 2 ? "nat,edge" : boundaries[view]);
    } else if (m->views[view].outwards) {
        check_link(a, row, m, view + 1, view + 1);
        assert_string_equal(text_of(a, row, "side"), "inside");
    } else if (view > 0 && m->views[view - 1].outwards) {
        check_link(a, row, m, view, view - 1);
        assert_string_equal(text_of(a, row, "side"), "outside");
    } else {
        check_alone(a, row, &m->views[view]);
    }
}

/* A filter that asks what every record of a flow has, or one alone; and a time. */
struct question_asked {
    const char *filter;
    int64_t from_ns, to_ns; /* 0: unbounded */
};

static bool matches(const struct question_asked *q, const struct filter *filter, uint32_t i)
{
    const struct flow *f = &plain[i].flow;
    return filter_match(filter, plain_records, i) && (q->from_ns == 0 || f->last_time >= q->from_ns) &&
           (q->to_ns == 0 || f->first_time < q->to_ns);
}

/* Which rows there are to be, by their first view. */
static unsigned choose(const struct question_asked *q, bool views, bool chosen[CONNECTIONS][VIEWS])
{
    struct filter *filter;
    unsigned count = 0;
    assert_ok(filter_parse(record_kinds[RECORD_FLOW], q->filter, &filter, NULL, &err), err);
    memset(chosen, 0, CONNECTIONS * sizeof(*chosen));
    for (uint32_t i = 0; i < plain_count; i++) {
        unsigned c = plain[i].connection, view = views ? plain[i].view : first_view(&made[c], plain[i].view);
        if (!matches(q, filter, i) || chosen[c][view])
            continue;
        chosen[c][view] = true;
        count++;
    }
    filter_destroy(&filter);
    return count;
}

static const char *ns_text(int64_t ns)
{
    static char texts[4][32];
    static unsigned turn;
    char *text = texts[turn++ % 4];
    snprintf(text, sizeof(texts[0]), "%lld", (long long)ns);
    return text;
}

static void compare(const struct question_asked *q, bool views, const struct answer *a)
{
    static bool chosen[CONNECTIONS][VIEWS];
    unsigned wanted = choose(q, views, chosen);
    assert_string_equal(a->error, "");
    for (uint64_t row = 0; row < a->rows; row++) {
        unsigned connection = (unsigned)(number_of(a, row, "flow") / 7) - 1;
        unsigned view = text_of(a, row, "sensor")[0] - 'a' + 0u;
        if (!chosen[connection][view])
            fail_msg("%s: connection %u is there as %s, and should not, or twice", q->filter, connection,
                     sensors[view]);
        assert_true(is_row(a, row, connection, view));
        chosen[connection][view] = false;
        check_row(a, row, connection, view, views);
    }
    if (a->rows != wanted)
        fail_msg("%s: %llu rows, and should be %u", q->filter, (unsigned long long)a->rows, wanted);
}

/* Files are merged meanwhile, and then the records are others: it is asked until they are the same before and after. */
static void check_question(const struct question_asked *q, bool views)
{
    const char *pairs[] = {"filter", q->filter, "views", views ? "yes" : "no", NULL, NULL, NULL, NULL, NULL};
    size_t pair = 4;
    if (q->from_ns != 0) {
        pairs[pair++] = "from";
        pairs[pair++] = ns_text(q->from_ns);
    }
    if (q->to_ns != 0) {
        pairs[pair++] = "to";
        pairs[pair++] = ns_text(q->to_ns);
    }
    const struct answer *a;
    for (;;) {
        a = ask_in(&reader_keys, NULL, "find", pairs);
        if (ask("flows", "columns", "flow")->rows == plain_count)
            break;
        read_plainly();
    }
    compare(q, views, a);
}

static int newest_first(const void *left, const void *right)
{
    const struct plain *a = left, *b = right;
    return a->flow.first_time > b->flow.first_time ? -1 : a->flow.first_time < b->flow.first_time;
}

/* With a limit, the connections of the newest records. */
static void check_newest(void)
{
    static bool given[CONNECTIONS][VIEWS];
    qsort(plain, plain_count, sizeof(*plain), newest_first);
    for (unsigned limit = 1; limit < CONNECTIONS; limit = limit * 5 + 1) {
        char text[16];
        snprintf(text, sizeof(text), "%u", limit);
        const struct answer *a = ask("find", "limit", text);
        memset(given, 0, sizeof(given));
        assert_int_equal(a->rows, limit);
        uint64_t row = 0;
        for (uint32_t i = 0; row < a->rows; i++) {
            unsigned c = plain[i].connection, view = first_view(&made[c], plain[i].view);
            if (!given[c][view])
                assert_true(is_row(a, row++, c, view));
            given[c][view] = true;
        }
    }
}

static void test_find_is_what_a_plain_reading_finds(void **state)
{
    (void)state;
    const struct question_asked asked[] = {
        {"any", 0, 0},
        {"sensor c and dst port 81", 0, 0},
        {"net 203.0.113.0/24", 0, 0},
        {"any", TEST_NOW + 86400 * NS_PER_S, TEST_NOW + 90000 * NS_PER_S},
        {"not sensor a", 1, TEST_NOW + 86400 * NS_PER_S},
    };
    store_them();
    read_plainly();
    for (size_t i = 0; i < sizeof(asked) / sizeof(*asked); i++) {
        check_question(&asked[i], false);
        check_question(&asked[i], true);
    }
    check_newest();
}

/* A flow of more than two days, with a record every hour and a half: of a part of that time the whole is shown. */
static void test_a_long_flow_is_whole(void **state)
{
    (void)state;
    const struct store_options options = {.directory = config.data, .seal_rows = 1, .seal_age_ns = 1};
    struct observer observer = test_observer("inner", 7);
    const int64_t step = 5400 * NS_PER_S;
    struct store *store;
    aggregator_stop(&aggregator);
    assert_ok(store_open(&options, &store, &err), err);
    for (uint32_t i = 0; i < 40; i++) {
        struct batch *batch = test_batch("inner", i + 1, TEST_NOW);
        struct flow_batch *flows = test_flows(&observer, 77, 1, TEST_NOW + i * step);
        flows->report[0] = i;
        flows->end_reason[0] = i < 39 ? FLOW_END_ACTIVE : FLOW_END_DETECTED;
        flows->src_bytes[0] = 1000;
        batch->records[RECORD_FLOW] = flow_records(flows);
        assert_ok(store_commit(store, &batch, 1, &err), err);
        batch_destroy(&batch);
        if (i % 4 == 0)
            settle(store);
    }
    store_close(&store);
    start();
    const struct answer *a =
        ask("find", "from", ns_text(TEST_NOW + 20 * step), "to", ns_text(TEST_NOW + 20 * step + NS_PER_S));
    assert_int_equal(a->rows, 1);
    assert_int_equal(number_of(a, 0, "src_bytes"), 40000);
    assert_int_equal((int64_t)number_of(a, 0, "first_time"), TEST_NOW);
    assert_string_equal(text_of(a, 0, "end_reason"), "end");
    assert_string_equal(text_of(a, 0, "sensors"), "inner");
    a = ask("find", "columns", "src_bytes,sensors");
    assert_int_equal(a->rows, 1);
    assert_int_equal(number_of(a, 0, "src_bytes"), 40000);
    assert_int_equal(a->kind->kind.field_count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {STAGE_TEST(test_find_is_what_a_plain_reading_finds),
                                       STAGE_TEST(test_a_long_flow_is_whole)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    records_free(&plain_records);
    return failed;
}
