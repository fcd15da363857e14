/* SPDX-License-Identifier: Apache-2.0 */
/* Sums by key: of flows by chance, by keys and measures by chance, they are what a plain reading of the records finds.
 */
#include "tests/unit/aggregator/random_records.h"

#include "aggregator/answer/counts.h"
#include "common/records/hour.h"

static struct error err;

/* ---- a plain reading: every value as its text, every row compared with every other */

#define PLAIN_ROWS_MAX 1000u
#define PLAIN_KEY_MAX  400u

/* A record, and which end of it is the host. */
struct end {
    const struct records *records;
    uint32_t row;
    bool turned;
};

static const char *value_text(const struct end *e, const char *name, char text[static FIELD_TEXT_MAX])
{
    char scratch[FIELD_TEXT_MAX];
    int f = kind_field(record_kinds[RECORD_FLOW], name);
    struct value value = records_value(e->records, e->row, (unsigned)f, scratch);
    return field_text(&flow_fields[f], &value, STYLE_PLAIN, text);
}

static uint64_t value_number(const struct end *e, const char *name, bool *ret_known)
{
    char scratch[FIELD_TEXT_MAX];
    int f = kind_field(record_kinds[RECORD_FLOW], name);
    struct value value = records_value(e->records, e->row, (unsigned)f, scratch);
    *ret_known |= value.known;
    return value.known ? value.number : 0;
}

static void key_field(const struct end *e, const char *name, FILE *to)
{
    char text[FIELD_TEXT_MAX];
    fprintf(to, "|%s", value_text(e, name, text));
}

/* By bytes of the address, so as not to do what the code does. */
static void key_net(const struct end *e, const char *name, unsigned ipv4, unsigned ipv6, FILE *to)
{
    char scratch[FIELD_TEXT_MAX], text[ADDRESS_TEXT_MAX];
    int f = kind_field(record_kinds[RECORD_FLOW], name);
    uint8_t bytes[16];
    struct address a = records_value(e->records, e->row, (unsigned)f, scratch).address;
    unsigned length = address_is_ipv4(a) ? 96 + ipv4 : ipv6;
    address_to_bytes(a, bytes);
    for (unsigned bit = length; bit < 128; bit++)
        bytes[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
    a = address_from_bytes(bytes);
    fprintf(to, "|%s/%u", address_text(a, text), length - (length > 96 && address_is_ipv4(a) ? 96 : 0));
}

static void key_time(const struct end *e, int64_t step, FILE *to)
{
    bool known = false;
    char text[FIELD_TEXT_MAX];
    int64_t time = (int64_t)value_number(e, "first_time", &known);
    const struct field as_time = {.type = FIELD_TIME, .kind = KIND_TIME};
    fprintf(
        to, "|%s",
        field_text(&as_time, &(struct value){true, (uint64_t)(time - time % step), {0, 0}, NULL}, STYLE_PLAIN, text));
}

static void key_part(const struct end *e, const char *word, FILE *to)
{
    if (strcmp(word, "host") == 0)
        key_field(e, e->turned ? "dst" : "src", to);
    else if (strcmp(word, "peer") == 0)
        key_field(e, e->turned ? "src" : "dst", to);
    else if (strcmp(word, "host/8") == 0)
        key_net(e, e->turned ? "dst" : "src", 8, 64, to);
    else if (strcmp(word, "src/24") == 0)
        key_net(e, "src", 24, 64, to);
    else if (strcmp(word, "dst/13/47") == 0)
        key_net(e, "dst", 13, 47, to);
    else if (strcmp(word, "dst/48") == 0)
        key_net(e, "dst", 32, 48, to);
    else if (strcmp(word, "hour") == 0)
        key_time(e, HOUR_NS, to);
    else if (strcmp(word, "day") == 0)
        key_time(e, 24 * HOUR_NS, to);
    else if (strcmp(word, "service") == 0 || strcmp(word, "pair") == 0) {
        key_field(e, word[0] == 's' ? "protocol" : "src", to);
        key_field(e, word[0] == 's' ? "dst_port" : "dst", to);
    } else if (strcmp(word, "sensor") != 0)
        key_field(e, word, to);
}

struct plain {
    char key[PLAIN_KEY_MAX];
    struct end ends[1000]; /* what is of it */
    unsigned count;
};
static struct plain plain[PLAIN_ROWS_MAX];
static unsigned plain_count;

static void plain_add(const struct end *e, const char *const *words, unsigned count, const char *but, char *ret_key)
{
    char key[PLAIN_KEY_MAX] = {0};
    const struct flow_batch *f = flow_batch_of(e->records);
    FILE *to = fmemopen(key, sizeof(key), "w");
    fputs(f->observers[f->observer[e->row]].sensor, to);
    for (unsigned i = 0; i < count; i++)
        key_part(e, words[i], to);
    fclose(to);
    if (ret_key != NULL)
        memcpy(ret_key, key, sizeof(key));
    if (but != NULL && strcmp(but, key) == 0)
        return;
    unsigned at = 0;
    while (at < plain_count && strcmp(plain[at].key, key) != 0)
        at++;
    if (at == plain_count) {
        assert_true(plain_count < PLAIN_ROWS_MAX);
        plain[plain_count] = (struct plain){.count = 0};
        memcpy(plain[plain_count++].key, key, sizeof(key));
    }
    assert_true(plain[at].count < 1000);
    plain[at].ends[plain[at].count++] = *e;
}

static void plain_read(const struct records *flows, const char *const *words, unsigned count)
{
    bool both = false, from_dst = false, found = false;
    plain_count = 0;
    for (unsigned i = 0; i < count; i++) {
        both |= strncmp(words[i], "host", 4) == 0 || strcmp(words[i], "peer") == 0;
        if (!found &&
            (strncmp(words[i], "src", 3) == 0 || strncmp(words[i], "dst", 3) == 0 || strcmp(words[i], "pair") == 0) &&
            strcmp(words[i], "src_tcp_flags") != 0 && strcmp(words[i], "dst_ttl") != 0) {
            found = true;
            from_dst = words[i][0] == 'd';
        }
    }
    const struct flow_batch *f = flow_batch_of(flows);
    for (uint32_t row = 0; row < flows->rows; row++) {
        struct end e = {flows, row, !both && from_dst};
        char key[PLAIN_KEY_MAX];
        plain_add(&e, words, count, NULL, key);
        e.turned = true;
        if (both && (f->src_hi[row] != f->dst_hi[row] || f->src_lo[row] != f->dst_lo[row]))
            plain_add(&e, words, count, key, NULL);
    }
}

/* How many different texts of a key there are; one of which nothing is known does not count. */
static uint64_t plain_distinct(const struct plain *p, const char *word)
{
    static char seen[1000][PLAIN_KEY_MAX];
    uint64_t count = 0;
    for (unsigned i = 0; i < p->count; i++) {
        memset(seen[count], 0, PLAIN_KEY_MAX);
        FILE *to = fmemopen(seen[count], PLAIN_KEY_MAX, "w");
        key_part(&p->ends[i], word, to);
        fclose(to);
        bool is_new = seen[count][strspn(seen[count], "|")] != '\0';
        for (uint64_t k = 0; k < count && is_new; k++)
            is_new = strcmp(seen[k], seen[count]) != 0;
        count += is_new;
    }
    return count;
}

static uint64_t plain_sum(const struct plain *p, const char *src, const char *dst, bool *known)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < p->count; i++)
        sum += value_number(&p->ends[i], src, known) + value_number(&p->ends[i], dst, known);
    return sum;
}

/* What the host sent, or received. */
static uint64_t plain_side(const struct plain *p, const char *src, const char *dst, bool *known)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < p->count; i++)
        sum += value_number(&p->ends[i], p->ends[i].turned ? dst : src, known);
    return sum;
}

static uint64_t plain_one(const struct plain *p, const char *name, bool *known)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < p->count; i++)
        sum += value_number(&p->ends[i], name, known);
    return sum;
}

static void plain_times(const struct plain *p, int64_t *ret_first, int64_t *ret_last, uint64_t *ret_duration)
{
    *ret_first = INT64_MAX;
    *ret_last = INT64_MIN;
    *ret_duration = 0;
    for (unsigned i = 0; i < p->count; i++) {
        const struct flow_batch *f = flow_batch_of(p->ends[i].records);
        int64_t first = f->first_time[p->ends[i].row], last = f->last_time[p->ends[i].row];
        *ret_first = first < *ret_first ? first : *ret_first;
        *ret_last = last > *ret_last ? last : *ret_last;
        *ret_duration += (uint64_t)(last - first);
    }
}

static uint64_t plain_measure(const struct plain *p, const char *word, bool *known)
{
    int64_t first, last;
    uint64_t duration, flows = 0;
    plain_times(p, &first, &last, &duration);
    for (unsigned i = 0; i < p->count; i++)
        flows += flow_batch_of(p->ends[i].records)->report[p->ends[i].row] == 0;
    *known = true;
    if (strcmp(word, "flows") == 0)
        return flows;
    if (strcmp(word, "records") == 0)
        return p->count;
    if (strcmp(word, "duration") == 0)
        return duration;
    if (strcmp(word, "first_time") == 0)
        return (uint64_t)first;
    if (strcmp(word, "last_time") == 0)
        return (uint64_t)last;
    if (strncmp(word, "distinct ", 9) == 0)
        return plain_distinct(p, word + 9);
    *known = false;
    if (strcmp(word, "packets") == 0)
        return plain_sum(p, "src_packets", "dst_packets", known);
    if (strcmp(word, "bytes") == 0)
        return plain_sum(p, "src_bytes", "dst_bytes", known);
    if (strcmp(word, "retransmits") == 0)
        return plain_sum(p, "src_retransmits", "dst_retransmits", known);
    if (strcmp(word, "bytes_sent") == 0)
        return plain_side(p, "src_bytes", "dst_bytes", known);
    if (strcmp(word, "payload_received") == 0)
        return plain_side(p, "dst_payload", "src_payload", known);
    if (strcmp(word, "bpp") == 0) {
        uint64_t packets = plain_sum(p, "src_packets", "dst_packets", known);
        *known = packets > 0;
        return packets == 0 ? 0 : plain_sum(p, "src_bytes", "dst_bytes", known) / packets;
    }
    if (strcmp(word, "bps") == 0) {
        *known = last > first;
        bool any = false;
        return !*known ? 0
                       : (uint64_t)((unsigned __int128)plain_sum(p, "src_bytes", "dst_bytes", &any) * 8 * NS_PER_S /
                                    (uint64_t)(last - first));
    }
    return plain_one(p, word, known);
}

/* ---- and what the tally has */

static struct records *random_flows(uint32_t rows)
{
    static const uint32_t protocols[] = {1, 6, 17, 47};
    struct records *flows = random_records(record_kinds[RECORD_FLOW], rows, 0);
    struct flow_batch *f = flow_batch_of(flows);
    flows->observers[1].unknown[0] = 1ull << 33; /* of the exporter: no states */
    flows->observers[1].unknown[1] = 1ull << (70 - 64) | 1ull << (71 - 64);
    for (uint32_t i = 0; i < rows; i++) {
        struct address ends[2];
        for (unsigned k = 0; k < 2; k++)
            ends[k] =
                draw() % 3 == 0
                    ? (struct address){0x20010db800000000u | draw() % 3 << 15, draw() % 3}
                    : address_from_ipv4((uint32_t)(0x0a000000u | draw() % 2 << 18 | draw() % 2 << 8 | draw() % 3));
        f->src_hi[i] = ends[0].hi;
        f->src_lo[i] = ends[0].lo;
        f->dst_hi[i] = ends[1].hi;
        f->dst_lo[i] = ends[1].lo;
        f->protocol[i] = protocols[draw() % 4];
        f->dst_port[i] = (uint32_t)(draw() % 4);
        f->vlan[i] = (uint32_t)(draw() % 3);
        f->interface[i] = (uint32_t)(draw() % 3);
        f->state[i] = (uint32_t)(draw() % FLOW_STATE_COUNT);
        f->src_tcp_flags[i] = (uint32_t)(draw() % 4);
        f->dst_ttl[i] = (uint32_t)(draw() % 3);
        f->report[i] = (uint32_t)(draw() % 3);
        f->first_time[i] = TEST_NOW + (int64_t)(draw() % 60) * HOUR_NS / 2;
        f->last_time[i] = f->first_time[i] + (draw() % 3 == 0 ? 0 : (int64_t)(draw() % (uint64_t)HOUR_NS));
        f->src_packets[i] = draw() % 3;
        f->dst_packets[i] = draw() % 3;
        f->src_bytes[i] = draw() % 100000;
        f->dst_bytes[i] = draw() % 100000;
        f->src_payload[i] = draw() % 1000;
        f->dst_payload[i] = draw() % 1000;
        f->src_retransmits[i] = (uint32_t)(draw() % 5);
        f->dst_retransmits[i] = (uint32_t)(draw() % 5);
        f->icmp_errors[i] = (uint32_t)(draw() % 2);
    }
    return flows;
}

static const char *row_key(const struct records *rows, uint32_t row, unsigned parts, char key[static PLAIN_KEY_MAX])
{
    char text[FIELD_TEXT_MAX], scratch[FIELD_TEXT_MAX];
    size_t used = 0;
    for (unsigned f = 0, at = 0; at < parts; f++) {
        const struct field *field = &rows->kind->fields[f];
        if (field->kind == KIND_LOWER)
            continue;
        struct value value = records_value(rows, row, f, scratch);
        used += (size_t)snprintf(key + used, PLAIN_KEY_MAX - used, "%s%s", at++ == 0 ? "" : "|",
                                 field_text(field, &value, STYLE_PLAIN, text));
    }
    return key;
}

static unsigned column_of(const struct records *rows, const char *measure)
{
    char label[TALLY_NAME_MAX];
    snprintf(label, sizeof(label), "%s", measure);
    for (char *at = label; *at != '\0'; at++)
        *at = *at == ' ' || *at == '/' ? '_' : *at;
    int f = kind_field(rows->kind, label);
    assert_true(f >= 0);
    return (unsigned)f;
}

static void compare_rows(const struct records *rows, unsigned parts, const char *const *measures, unsigned count)
{
    assert_int_equal(rows == NULL ? 0 : rows->rows, plain_count);
    for (uint32_t row = 0; row < plain_count; row++) {
        char key[PLAIN_KEY_MAX], scratch[FIELD_TEXT_MAX];
        unsigned at = 0;
        (void)row_key(rows, row, parts, key);
        while (at < plain_count && strcmp(plain[at].key, key) != 0)
            at++;
        if (at == plain_count)
            fail_msg("'%s' is in no plain reading, which has '%s'", key, plain[0].key);
        for (unsigned m = 0; m < count; m++) {
            bool known;
            uint64_t wanted = plain_measure(&plain[at], measures[m], &known);
            struct value value = records_value(rows, row, column_of(rows, measures[m]), scratch);
            if (value.known != known || (known && value.number != wanted))
                fail_msg("%s of %s: %llu (%d), wanted %llu (%d)", measures[m], key, (unsigned long long)value.number,
                         value.known, (unsigned long long)wanted, known);
        }
        plain[at].key[0] = '\0'; /* once */
    }
}

static void join(char *text, size_t size, const char *const *words, unsigned count)
{
    size_t used = 0;
    for (unsigned i = 0; i < count; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i == 0 ? "" : ", ", words[i]);
}

static void test_sums_are_a_plain_reading(void **state)
{
    (void)state;
    static const char *const keys[] = {"host",   "src",       "dst",       "pair",   "service",       "protocol",
                                       "sensor", "src/24",    "dst/13/47", "dst/48", "hour",          "day",
                                       "vlan",   "interface", "host/8",    "state",  "src_tcp_flags", "dst_ttl"};
    static const char *const measures[] = {
        "flows",         "records", "duration",         "first_time",       "last_time",       "bytes_sent",
        "packets",       "bytes",   "payload_received", "retransmits",      "src_bytes",       "icmp_errors",
        "bpp",           "bps",     "distinct dst",     "distinct service", "distinct src/24", "distinct vlan",
        "distinct state"};
    const unsigned key_count = sizeof(keys) / sizeof(*keys), measure_count = sizeof(measures) / sizeof(*measures);
    for (unsigned n = 0; n < 400; n++) {
        const char *by[3], *of[4];
        char by_text[200] = "", of_text[200] = "";
        unsigned parts = (unsigned)(draw() % 3) + 1, wanted = (unsigned)(draw() % 4) + 1;
        for (unsigned i = 0; i < parts; i++)
            by[i] = keys[draw() % key_count];
        for (unsigned i = 0; i < wanted; i++)
            of[i] = measures[draw() % measure_count];
        join(by_text, sizeof(by_text), by, parts);
        join(of_text, sizeof(of_text), of, wanted);

        struct tally_plan plan;
        enum tally_text which;
        size_t offset;
        const struct tally_texts texts = {"top", by_text, of_text, 0};
        if (tally_plan_init(&plan, &texts, &which, &offset, &err) != RESULT_OK) {
            assert_non_null(strstr(err.text, "twice")); /* service and protocol, pair and src */
            continue;
        }
        struct records *flows = random_flows(1 + (uint32_t)(draw() % 60));
        struct budget budget = {.left = 8u << 20};
        struct tally *tally = tally_new(&plan, &budget);
        struct work work = {.columns = &plan.kind};
        const struct tally_rows rows = {.records = flows};
        assert_non_null(tally);
        assert_ok(tally_add(tally, &rows, &err), err);
        assert_ok(tally_send(tally, &work, ANSWER_ROWS_MAX, &err), err);
        plain_read(flows, by, parts);
        unsigned columns = 1;
        for (unsigned i = 0; i < plan.key_count; i++)
            columns++;
        compare_rows(work.page, columns, of, wanted);
        records_free(&work.page);
        tally_free(&tally);
        assert_int_equal(budget.left, 8u << 20);
        records_free(&flows);
    }
}

/* What is not in plan->fields is not read by the store: without those nothing changes. */
static void test_fields_are_enough(void **state)
{
    (void)state;
    struct tally_plan plan;
    enum tally_text which;
    size_t offset;
    const struct tally_texts texts = {"series", "host,dst_port,dst_ttl,vlan",
                                      "retransmits,duration,bps,distinct state,icmp_errors", HOUR_NS};
    assert_ok(tally_plan_init(&plan, &texts, &which, &offset, &err), err);
    struct records *all = random_flows(60), *some = records_copy(all, NULL, 0, all->rows), *sets[2] = {all, some};
    struct records *pages[2];
    for (unsigned f = 0; f < FLOW_FIELD_COUNT; f++) {
        if (!plan.fields[f])
            memset(records_column(some, f), 0, some->rows * (field_type_is_wide(flow_fields[f].type) ? 8u : 4u));
    }
    for (unsigned i = 0; i < 2; i++) {
        struct budget budget = {.left = 8u << 20};
        struct tally *tally = tally_new(&plan, &budget);
        struct work work = {.columns = &plan.kind};
        const struct tally_rows rows = {.records = sets[i]};
        assert_ok(tally_add(tally, &rows, &err), err);
        assert_ok(tally_send(tally, &work, ANSWER_ROWS_MAX, &err), err);
        pages[i] = work.page;
        tally_free(&tally);
    }
    assert_int_equal(pages[0]->rows, pages[1]->rows);
    for (uint32_t row = 0; row < pages[0]->rows; row++) {
        char a[PLAIN_KEY_MAX], b[PLAIN_KEY_MAX];
        unsigned columns = plan.kind.field_count - 1; /* of the host two are one */
        assert_string_equal(row_key(pages[0], row, columns, a), row_key(pages[1], row, columns, b));
    }
    records_free(&pages[0]);
    records_free(&pages[1]);
    records_free(&all);
    records_free(&some);
}

/* A budget that is too small is said, and all of it is given back. */
static void test_too_much_is_said(void **state)
{
    (void)state;
    static const char *const sorts[] = {"bytes,distinct dst", "distinct dst"};
    for (unsigned i = 0; i < 2; i++) {
        struct tally_plan plan;
        enum tally_text which;
        size_t offset;
        const struct tally_texts texts = {"top", i == 0 ? "pair,src_port,dst_port" : "sensor", sorts[i], 0};
        assert_ok(tally_plan_init(&plan, &texts, &which, &offset, &err), err);
        struct records *flows = random_records(record_kinds[RECORD_FLOW], 3000, 0);
        struct budget budget = {.left = 40000};
        struct tally *tally = tally_new(&plan, &budget);
        const struct tally_rows rows = {.records = flows};
        assert_int_equal(tally_add(tally, &rows, &err), RESULT_AGAIN);
        assert_non_null(strstr(err.text, "narrow it"));
        tally_free(&tally);
        assert_int_equal(budget.left, 40000);
        records_free(&flows);
    }
}

/* With too little memory for all keys the most are there, and lack no more than is said. */
static void test_the_least_fall_out(void **state)
{
    (void)state;
    static const char *const by[] = {"src", "src_port"};
    for (unsigned n = 0; n < 20; n++) {
        struct tally_plan plan;
        enum tally_text which;
        size_t offset, left = 9000 + draw() % 20000;
        const struct tally_texts texts = {"top", "src, src_port", n % 2 == 0 ? "bytes" : "flows", 0};
        const char *measure = n % 2 == 0 ? "bytes" : "flows";
        assert_ok(tally_plan_init(&plan, &texts, &which, &offset, &err), err);
        struct records *flows = random_flows(900);
        for (uint32_t i = 0; i < flows->rows; i++)
            flow_batch_of(flows)->src_port[i] = draw() % 4 == 0 ? 0 : (uint32_t)(draw() % 40);
        struct budget budget = {.left = left};
        struct tally *tally = tally_new(&plan, &budget);
        struct work work = {.columns = &plan.kind};
        for (uint32_t i = 0; i < flows->rows; i += 100) {
            struct records *part = records_copy(flows, NULL, i, 100);
            assert_ok(tally_add(tally, &(struct tally_rows){.records = part}, &err), err);
            records_free(&part);
        }
        assert_ok(tally_send(tally, &work, ANSWER_ROWS_MAX, &err), err);
        plain_read(flows, by, 2);
        assert_int_equal(work.coverage.gap_count, 1);
        unsigned long long fallen = 0;
        assert_int_equal(sscanf(work.coverage.gaps[0].reason, "there are more keys than memory: %llu", &fallen), 1);
        assert_true(fallen >= plain_count - work.page->rows);
        uint64_t lack = tally_lack(tally);
        for (unsigned i = 0; i < plain_count; i++) {
            bool known;
            uint64_t exact = plain_measure(&plain[i], measure, &known), found = 0;
            for (uint32_t row = 0; row < work.page->rows; row++) {
                char key[PLAIN_KEY_MAX], scratch[FIELD_TEXT_MAX];
                if (strcmp(row_key(work.page, row, 3, key), plain[i].key) == 0)
                    found = records_value(work.page, row, column_of(work.page, measure), scratch).number;
            }
            assert_in_range(found, exact > lack ? exact - lack : 0, exact);
        }
        coverage_fini(&work.coverage);
        records_free(&work.page);
        tally_free(&tally);
        assert_int_equal(budget.left, left);
        records_free(&flows);
    }
}

/* What was seen before is struck out, and nothing of it is kept. */
static void test_strike(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 50; n++) {
        struct tally_plan plan;
        enum tally_text which;
        size_t offset;
        static const char *const by[] = {"pair"};
        const struct tally_texts texts = {"new", "pair", "first_time", 0};
        assert_ok(tally_plan_init(&plan, &texts, &which, &offset, &err), err);
        struct records *now = random_flows(20), *before = random_flows(20);
        struct budget budget = {.left = 8u << 20};
        struct tally *tally = tally_new(&plan, &budget);
        struct work work = {.columns = &plan.kind};
        assert_ok(tally_add(tally, &(struct tally_rows){.records = now}, &err), err);
        size_t left = budget.left;
        tally_strike(tally);
        assert_ok(tally_add(tally, &(struct tally_rows){.records = before}, &err), err);
        assert_int_equal(budget.left, left);
        assert_ok(tally_send(tally, &work, ANSWER_ROWS_MAX, &err), err);
        plain_read(before, by, 1);
        char known[64][PLAIN_KEY_MAX];
        unsigned known_count = plain_count, rest = 0;
        for (unsigned i = 0; i < plain_count; i++)
            memcpy(known[i], plain[i].key, PLAIN_KEY_MAX);
        plain_read(now, by, 1);
        for (unsigned i = 0; i < plain_count; i++) {
            bool is_new = true;
            for (unsigned k = 0; k < known_count; k++)
                is_new &= strcmp(known[k], plain[i].key) != 0;
            rest += is_new;
        }
        assert_int_equal(tally_count(tally), rest);
        assert_int_equal(work.page == NULL ? 0 : work.page->rows, rest);
        records_free(&work.page);
        tally_free(&tally);
        records_free(&now);
        records_free(&before);
    }
}

/* ---- texts */

static void refused(const char *by, const char *sort, enum tally_text text, size_t at, const char *sentence)
{
    struct tally_plan plan;
    enum tally_text which;
    size_t offset;
    const struct tally_texts texts = {"top", by, sort, 0};
    if (tally_plan_init(&plan, &texts, &which, &offset, &err) != RESULT_REJECT)
        fail_msg("'%s' '%s' is taken", by, sort);
    assert_int_equal(which, text);
    assert_int_equal(offset, at);
    if (strstr(err.text, sentence) == NULL)
        fail_msg("'%s' does not say '%s'", err.text, sentence);
}

static void test_what_is_refused(void **state)
{
    (void)state;
    refused("hots", "bytes", TALLY_TEXT_BY, 0, "did you mean host?");
    refused("host,", "bytes", TALLY_TEXT_BY, 5, "a key is missing");
    refused("", "bytes", TALLY_TEXT_BY, 0, "a key is missing");
    refused("src , dst_prt", "bytes", TALLY_TEXT_BY, 6, "did you mean dst_port?");
    refused("src,pair", "bytes", TALLY_TEXT_BY, 4, "src is there twice");
    refused("dst_port/8", "bytes", TALLY_TEXT_BY, 0, "only an address");
    refused("src/129", "bytes", TALLY_TEXT_BY, 0, "src/24/64");
    refused("src/24/", "bytes", TALLY_TEXT_BY, 0, "src/24/64");
    refused("src/48/64", "bytes", TALLY_TEXT_BY, 0, "src/24/64");
    refused("src/", "bytes", TALLY_TEXT_BY, 0, "src/24/64");
    refused("src_bytes", "bytes", TALLY_TEXT_BY, 0, "summed up");
    refused("first_time", "bytes", TALLY_TEXT_BY, 0, "hour and day");
    refused("duration", "bytes", TALLY_TEXT_BY, 0, "no key");
    refused("host", "byte", TALLY_TEXT_SORT, 0, "did you mean bytes?");
    refused("host", "bytes, distinct dst_pot", TALLY_TEXT_SORT, 7, "did you mean dst_port?");
    refused("host", "distinct sensor", TALLY_TEXT_SORT, 0, "nothing to count");
    refused("src", "distinct peer", TALLY_TEXT_SORT, 0, "whose?");
    refused("country", "bytes", TALLY_TEXT_BY, 0, "pavo-aggregator --geo");
    refused("host,src_country", "distinct dst_asn", TALLY_TEXT_BY, 5, "no file that says it");
    refused("sensor", "distinct dst_asn", TALLY_TEXT_SORT, 0, "no file that says it");
    refused("host", "src_ttl", TALLY_TEXT_SORT, 0, "no measure");
    refused("vlan,inner_vlan,mpls_label,tunnel,tunnel_id,interface,state,end_reason,direction,src_ttl,dst_ttl,src_dscp,"
            "dst_dscp",
            "bytes", TALLY_TEXT_BY, 106, "more keys");
    refused("host",
            "src_bytes,dst_bytes,src_payload,dst_payload,src_retransmits,dst_retransmits,src_duplicates,"
            "dst_duplicates,src_out_of_order,dst_out_of_order,icmp_errors",
            TALLY_TEXT_SORT, 140, "more measures");
}

static void test_hours_will_do(void **state)
{
    (void)state;
    static const struct {
        const char *by, *measures;
        int64_t step_ns;
        bool hours, key_alone;
    } cases[] = {{"sensor", "bytes", HOUR_NS, true, true},
                 {"service", "packets,bytes_sent,bpp,distinct dst_port", 24 * HOUR_NS, true, true},
                 {"protocol,day", "bytes", 0, true, true},
                 {"protocol", "bytes", HOUR_NS / 2, false, false},
                 {"protocol", "payload", HOUR_NS, false, true},
                 {"protocol", "bps", HOUR_NS, false, true},
                 {"protocol", "distinct dst", HOUR_NS, false, true},
                 {"host", "bytes", HOUR_NS, false, false},
                 {"src", "bytes", HOUR_NS, false, false}};
    for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct tally_plan plan;
        enum tally_text which;
        size_t offset;
        const struct tally_texts texts = {"series", cases[i].by, cases[i].measures, cases[i].step_ns};
        assert_ok(tally_plan_init(&plan, &texts, &which, &offset, &err), err);
        assert_int_equal(tally_plan_is_of_hours(&plan, false), cases[i].hours);
        assert_int_equal(tally_plan_is_of_hours(&plan, true), cases[i].key_alone);
    }
}

/* Hours that are kept for a shorter time than flows, or are not there at all, left out what flows have. */
static void test_hours_that_do_not_reach_back(void **state)
{
    (void)state;
    const struct store_part flows = {.kind = RECORD_FLOW, .files = 1, .first_ns = TEST_NOW + 5},
                            hours = {.kind = RECORD_HOUR, .files = 1, .first_ns = TEST_NOW},
                            late = {.kind = RECORD_HOUR, .files = 1, .first_ns = TEST_NOW + 9 * HOUR_NS},
                            others = {.kind = RECORD_VERDICT, .files = 1, .first_ns = 7};
    const struct store_part all[] = {others, late, flows, hours}, some[] = {others, late, flows},
                            none[] = {flows, others};
    assert_true(counts_hours_reach(all, 4, 0));
    assert_true(counts_hours_reach(NULL, 0, 0));
    assert_false(counts_hours_reach(some, 3, 0));
    assert_false(counts_hours_reach(some, 3, TEST_NOW + 8 * HOUR_NS));
    assert_true(counts_hours_reach(some, 3, TEST_NOW + 9 * HOUR_NS));
    assert_false(counts_hours_reach(none, 2, 0));
    assert_false(counts_hours_reach(none, 2, TEST_NOW + HOUR_NS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums_are_a_plain_reading),
        cmocka_unit_test(test_fields_are_enough),
        cmocka_unit_test(test_too_much_is_said),
        cmocka_unit_test(test_strike),
        cmocka_unit_test(test_the_least_fall_out),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_hours_will_do),
        cmocka_unit_test(test_hours_that_do_not_reach_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
