/* SPDX-License-Identifier: Apache-2.0 */
/* Records to try things with. */
#include "sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/records/flow.h"
#include "common/records/loss.h"
#include "common/records/status.h"
#include "common/records/verdict.h"

static struct records *make(enum record_kind_number kind)
{
    static const char *const sensors[] = {"inner", "outer"};
    struct records *records = records_new(record_kinds[kind], 2);
    assert_non_null(records);
    for (unsigned i = 0; i < 2; i++) {
        struct observer observer = {.epoch = SAMPLE_EPOCH + i};
        uint16_t index;
        strcpy(observer.sensor, sensors[i]);
        assert_int_equal(records_observer(records, &observer, &index), RESULT_OK);
        assert_int_equal(index, i);
    }
    return records;
}

static struct address address(const char *text)
{
    struct address made;
    assert_int_equal(address_parse(text, &made), RESULT_OK);
    return made;
}

struct records *sample_flows(uint64_t position)
{
    struct records *records = make(RECORD_FLOW);
    struct address src = address("10.0.1.17"), dst = address("2001:db8::9");
    for (unsigned i = 0; i < 2; i++) {
        struct flow flow = {.flow = 10 * position + i,
                            .src_hi = src.hi,
                            .src_lo = src.lo,
                            .dst_hi = dst.hi,
                            .dst_lo = dst.lo,
                            .src_port = 51544,
                            .dst_port = i == 0 ? 22 : 443,
                            .protocol = 6,
                            .state = FLOW_STATE_SF,
                            .src_packets = 3,
                            .src_bytes = 1500,
                            .src_ttl = 64,
                            .first_time = SAMPLE_TIME,
                            .last_time = SAMPLE_TIME + 2500};
        assert_int_equal(records_append(&records, &flow), RESULT_OK);
    }
    return records;
}

struct records *sample_verdict(uint64_t flow, bool linked)
{
    struct records *records = make(RECORD_VERDICT);
    struct address src = address("10.0.1.17"), dst = address("198.51.100.9"), post = address("203.0.113.5");
    struct verdict verdict = {.flow = flow,
                              .boundary = "nat",
                              .verdict = linked ? VERDICT_TRANSLATED : VERDICT_BLOCKED,
                              .translated = linked ? TRANSLATED_SOURCE : TRANSLATED_NONE,
                              .protocol = 6,
                              .src_hi = src.hi,
                              .src_lo = src.lo,
                              .src_port = 51544,
                              .dst_hi = dst.hi,
                              .dst_lo = dst.lo,
                              .dst_port = 443,
                              .first_time = SAMPLE_TIME,
                              .last_time = SAMPLE_TIME};
    if (linked) {
        verdict.partner_observer = 1;
        verdict.partner_flow = flow + 1000;
        verdict.method = METHOD_SEQUENCE_NUMBERS;
        verdict.odds = 30000;
        verdict.offset = -1500;
        verdict.post_nat_src_hi = post.hi;
        verdict.post_nat_src_lo = post.lo;
        verdict.post_nat_src_port = 40312;
        verdict.post_nat_dst_hi = dst.hi;
        verdict.post_nat_dst_lo = dst.lo;
        verdict.post_nat_dst_port = 443;
    }
    assert_int_equal(records_append(&records, &verdict), RESULT_OK);
    const struct verdict_term terms[] = {
        {.term_kind = TERM_PRIOR, .term_weight = -2000},
        {TERM_SRC_ISN, OUTCOME_AGREES, 0x1234, 0x1234, 32000},
    };
    for (unsigned i = 0; linked && i < 2; i++)
        assert_int_equal(records_add_item(records, 0, &terms[i]), RESULT_OK);
    return records;
}

struct records *sample_loss(void)
{
    struct records *records = make(RECORD_LOSS);
    struct loss loss = {.loss = LOSS_PACKETS_KERNEL, .from_time = SAMPLE_TIME, .to_time = SAMPLE_TIME, .count = 12};
    assert_int_equal(records_append(&records, &loss), RESULT_OK);
    return records;
}

struct records *sample_status(void)
{
    struct records *records = make(RECORD_STATUS);
    struct status status = {.time = SAMPLE_TIME, .clock_known = 1, .clock_offset = -3};
    struct status_interface interface = {.interface_name = "eth0", .interface_offered = 5};
    struct status_dropped dropped = {.dropped_reason = "kernel", .dropped_packets = 5};
    assert_int_equal(records_append(&records, &status), RESULT_OK);
    assert_int_equal(records_add_item(records, STATUS_INTERFACES, &interface), RESULT_OK);
    assert_int_equal(records_add_item(records, STATUS_DROPPED, &dropped), RESULT_OK);
    return records;
}

/* ---- anything */

/* Half of the values are zero: that is where a field may be unknown. */
static void fill(const struct record_kind *kind, unsigned first, unsigned last, unsigned list, unsigned *seed,
                 char *row)
{
    static const char *const texts[] = {"", "eth0", "\"quoted\\\"", "\xc3\xa4\xc3\xb6"};
    for (unsigned f = first; f <= last; f++) {
        const struct field *field = &kind->fields[f];
        if (field->list != list)
            continue;
        if (field->type == FIELD_TEXT) {
            const char *text = texts[rand_r(seed) % 4];
            memcpy(row + field->offset, &text, sizeof(text));
            continue;
        }
        uint64_t value = (uint64_t)rand_r(seed) << 40 ^ (uint64_t)rand_r(seed) << 20 ^ (uint64_t)rand_r(seed);
        value = rand_r(seed) % 2 == 0 ? 0 : value;
        if (field->kind == KIND_OBSERVER || field->kind == KIND_LIST)
            value &= 1;
        else if (field->kind == KIND_WORD)
            value %= field->word_count + 1;
        else if (strcmp(field->name, "protocol") == 0)
            value = rand_r(seed) % 2 == 0 ? 6 : 1;
        memcpy(row + field->offset, &value, field->size);
    }
}

struct records *sample_random(const struct record_kind *kind, uint32_t rows, unsigned seed)
{
    struct records *records = make(record_kind_number(kind));
    char row[1024];
    assert_true(kind->row_size <= sizeof(row));
    for (uint32_t i = 0; i < rows; i++) {
        memset(row, 0, sizeof(row));
        fill(kind, 0, kind->stored_count - 1, 0, &seed, row);
        assert_int_equal(records_append(&records, row), RESULT_OK);
        for (unsigned l = 0; l < kind->list_count; l++) {
            for (int items = rand_r(&seed) % 4; items > 0; items--) {
                memset(row, 0, sizeof(row));
                fill(kind, kind->lists[l].first, kind->lists[l].last, l + 1, &seed, row);
                assert_int_equal(records_add_item(records, l, row), RESULT_OK);
            }
        }
    }
    return records;
}
