/* SPDX-License-Identifier: Apache-2.0 */
/* An answer from its replies, without a door: pages, coverage, and whatever does not fit together. */
#include "common/libpavo/answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sample.h"

/* A reply as it comes off the wire; of `records` the head, or rows (count > 0). */
static Pavo__Reply *reply_of(const struct records *head_of, const struct records *page_of, uint32_t count,
                             Pavo__Coverage *coverage, const char *error)
{
    Pavo__Reply reply = PAVO__REPLY__INIT;
    struct page_head head = {0};
    struct page_view view = {0};
    reply.version = 1;
    reply.more = coverage == NULL;
    reply.coverage = coverage;
    if (error != NULL)
        reply.error = (char *)error;
    if (head_of != NULL) {
        assert_int_equal(page_head_init(&head, head_of->kind, "verdicts", "pavo verdicts\n", NULL), RESULT_OK);
        reply.head = &head.message;
    }
    if (page_of != NULL) {
        assert_int_equal(page_view_init(&view, page_of, 0, count, NULL), RESULT_OK);
        reply.page = &view.message;
    }
    size_t size = pavo__reply__get_packed_size(&reply);
    uint8_t *bytes = malloc(size + 1);
    assert_non_null(bytes);
    pavo__reply__pack(&reply, bytes);
    Pavo__Reply *made = pavo__reply__unpack(NULL, size, bytes);
    assert_non_null(made);
    free(bytes);
    page_head_fini(&head);
    page_view_fini(&view);
    return made;
}

static pavo_answer *begin(const struct records *records)
{
    pavo_answer *answer = NULL;
    struct error err = {""};
    assert_int_equal(answer_begin(reply_of(records, NULL, 0, NULL, NULL), &answer, &err), RESULT_OK);
    return answer;
}

static void test_pages_and_coverage(void **state)
{
    (void)state;
    struct records *records = sample_verdict(17, true);
    const pavo_columns *page = NULL;
    pavo_answer *answer = begin(records);
    int64_t oldest;
    assert_int_equal(pavo_answer_coverage(answer), PAVO_COVERAGE_UNKNOWN);
    assert_null(pavo_answer_gaps(answer));
    assert_null(pavo_answer_reaches(answer));
    assert_int_equal(pavo_answer_extent(answer, &oldest, NULL, NULL, NULL), -1);
    assert_string_equal(pavo_answer_command(answer), "pavo verdicts?"); /* clean */
    assert_int_equal(pavo_columns_rows(pavo_answer_columns(answer)), 0);
    assert_true(pavo_columns_field(pavo_answer_columns(answer), "partner_sensor") > 0);
    assert_int_equal(answer_step(answer, &page), PAVO_TIMEOUT);
    answer_take(answer, reply_of(NULL, records, 1, NULL, NULL));
    assert_int_equal(answer_step(answer, &page), PAVO_OK);
    assert_string_equal(pavo_columns_text(page, 0, pavo_columns_field(page, "boundary")), "nat");
    assert_int_equal(pavo_columns_items(page, 0, pavo_columns_field(page, "terms")), 2);
    assert_int_equal(answer_step(answer, &page), PAVO_TIMEOUT);
    answer_take(answer, reply_of(NULL, records, 0, NULL, NULL)); /* no rows: no page */
    assert_int_equal(answer_step(answer, &page), PAVO_TIMEOUT);
    Pavo__Coverage coverage = PAVO__COVERAGE__INIT;
    coverage.rows = 2;
    coverage.oldest_ns = SAMPLE_TIME;
    answer_take(answer, reply_of(NULL, records, 1, &coverage, NULL)); /* the last page with the coverage */
    assert_int_equal(answer_step(answer, &page), PAVO_OK);
    assert_int_equal(pavo_answer_coverage(answer), PAVO_COVERAGE_UNKNOWN);
    assert_int_equal(answer_step(answer, &page), PAVO_END);
    assert_int_equal(answer_step(answer, &page), PAVO_END);
    assert_int_equal(pavo_answer_coverage(answer), PAVO_COVERAGE_WHOLE);
    assert_int_equal(pavo_columns_rows(pavo_answer_gaps(answer)), 0);
    assert_int_equal(pavo_answer_extent(answer, &oldest, NULL, NULL, NULL), 0);
    assert_int_equal(oldest, SAMPLE_TIME);
    assert_null(pavo_answer_error(answer));
    pavo_answer_destroy(&answer);
    assert_null(answer);
    records_free(&records);
}

static void test_gaps(void **state)
{
    (void)state;
    struct records *records = sample_loss();
    const pavo_columns *page;
    pavo_answer *answer = begin(records);
    Pavo__Coverage coverage = PAVO__COVERAGE__INIT;
    Pavo__Gap gaps[] = {PAVO__GAP__INIT, PAVO__GAP__INIT}, *gap_list[] = {&gaps[0], &gaps[1]};
    Pavo__Reach reach = PAVO__REACH__INIT, *reaches[] = {&reach};
    coverage.state = PAVO__COVERAGE__STATE__PARTIAL;
    coverage.gaps = gap_list;
    coverage.n_gaps = 2;
    coverage.reaches = reaches;
    coverage.n_reaches = 1;
    gaps[0].kind = PAVO__GAP__KIND__LOSS;
    gaps[0].sensor = (char *)"inner";
    gaps[0].from_ns = SAMPLE_TIME;
    gaps[0].to_ns = SAMPLE_TIME + 1;
    gaps[0].at_most = 12;
    gaps[0].unit = (char *)"packets";
    gaps[0].reason = (char *)"full\033[2J";
    gaps[1].kind = 99; /* of a newer contract */
    reach.sensor = (char *)"inner";
    reach.epoch = SAMPLE_EPOCH;
    answer_take(answer, reply_of(NULL, NULL, 0, &coverage, NULL));
    assert_int_equal(answer_step(answer, &page), PAVO_END);
    assert_int_equal(pavo_answer_coverage(answer), PAVO_COVERAGE_PARTIAL);
    const pavo_columns *found = pavo_answer_gaps(answer);
    assert_int_equal(pavo_columns_rows(found), 2);
    assert_string_equal(pavo_columns_json(found, 0),
                        "{\"gap\":\"loss\",\"sensor\":\"inner\",\"from_time\":\"2023-11-14T22:13:20.123456789Z\","
                        "\"to_time\":\"2023-11-14T22:13:20.123456790Z\",\"at_most\":12,\"unit\":\"packets\","
                        "\"reason\":\"full?[2J\"}");
    assert_string_equal(pavo_columns_json(found, 1), "{\"gap\":\"unknown\"}");
    assert_string_equal(pavo_columns_json(pavo_answer_reaches(answer), 0), "{\"sensor\":\"inner\",\"epoch\":77}");
    pavo_answer_destroy(&answer);
    records_free(&records);
}

static void test_states(void **state)
{
    (void)state;
    static const int states[][2] = {{PAVO__COVERAGE__STATE__WHOLE, PAVO_COVERAGE_WHOLE},
                                    {PAVO__COVERAGE__STATE__PARTIAL, PAVO_COVERAGE_PARTIAL},
                                    {PAVO__COVERAGE__STATE__NONE, PAVO_COVERAGE_NONE},
                                    {99, PAVO_COVERAGE_PARTIAL}}; /* whatever it is, it is not the whole */
    struct records *records = sample_loss();
    for (unsigned i = 0; i < 4; i++) {
        const pavo_columns *page;
        pavo_answer *answer = begin(records);
        Pavo__Coverage coverage = PAVO__COVERAGE__INIT;
        coverage.state = (Pavo__Coverage__State)states[i][0];
        answer_take(answer, reply_of(NULL, NULL, 0, &coverage, NULL));
        assert_int_equal(answer_step(answer, &page), PAVO_END);
        assert_int_equal(pavo_answer_coverage(answer), states[i][1]);
        pavo_answer_destroy(&answer);
    }
    records_free(&records);
}

static void expect_failure(pavo_answer *answer, Pavo__Reply *reply, const char *why)
{
    const pavo_columns *page = NULL;
    answer_take(answer, reply);
    int result = answer_step(answer, &page);
    while (result == PAVO_OK)
        result = answer_step(answer, &page);
    assert_int_equal(result, PAVO_FAILED);
    assert_int_equal(answer_step(answer, &page), PAVO_FAILED);
    if (strstr(pavo_answer_error(answer), why) == NULL)
        print_message("%s\n", pavo_answer_error(answer));
    assert_non_null(strstr(pavo_answer_error(answer), why));
    assert_int_equal(pavo_answer_coverage(answer), PAVO_COVERAGE_UNKNOWN);
    assert_null(pavo_answer_gaps(answer));
    pavo_answer_destroy(&answer);
}

static void test_what_does_not_fit(void **state)
{
    (void)state;
    struct records *records = sample_verdict(17, true), *others = sample_loss();
    Pavo__Coverage coverage = PAVO__COVERAGE__INIT;
    expect_failure(begin(records), reply_of(NULL, NULL, 0, NULL, "the disk is on fire\007"), "on fire?");
    expect_failure(begin(records), reply_of(NULL, others, 1, NULL, NULL), "do not fit");
    coverage.rows = 3;
    expect_failure(begin(records), reply_of(NULL, records, 1, &coverage, NULL), "has 3 rows, and 1 came");
    Pavo__Reply *reply = reply_of(NULL, NULL, 0, NULL, NULL);
    reply->more = false;
    expect_failure(begin(records), reply, "without saying what it rests on");
    reply = reply_of(NULL, records, 1, NULL, NULL);
    reply->page->rows = 70000;
    expect_failure(begin(records), reply, "70000 rows");
    records_free(&records);
    records_free(&others);
}

static void test_no_beginning(void **state)
{
    (void)state;
    struct records *records = sample_loss();
    pavo_answer *answer = NULL;
    struct error err = {""};
    assert_int_equal(answer_begin(reply_of(NULL, NULL, 0, NULL, NULL), &answer, &err), RESULT_REJECT);
    assert_non_null(strstr(err.text, "what columns"));
    Pavo__Reply *reply = reply_of(records, NULL, 0, NULL, NULL);
    reply->head->columns[0]->type = 99;
    assert_int_equal(answer_begin(reply, &answer, &err), RESULT_REJECT);
    assert_non_null(strstr(err.text, "cannot be: its type is 99"));
    assert_null(answer);
    records_free(&records);
}

static void test_used_wrongly(void **state)
{
    (void)state;
    const pavo_columns *page;
    pavo_answer *none = NULL;
    assert_int_equal(pavo_answer_next(NULL, 0, &page), PAVO_FAILED);
    assert_non_null(pavo_answer_error(NULL));
    assert_null(pavo_answer_columns(NULL));
    assert_null(pavo_answer_command(NULL));
    assert_null(pavo_answer_gaps(NULL));
    assert_null(pavo_answer_reaches(NULL));
    assert_int_equal(pavo_answer_coverage(NULL), PAVO_COVERAGE_UNKNOWN);
    assert_int_equal(pavo_answer_extent(NULL, NULL, NULL, NULL, NULL), -1);
    pavo_answer_destroy(NULL);
    pavo_answer_destroy(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages_and_coverage),
        cmocka_unit_test(test_gaps),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_what_does_not_fit),
        cmocka_unit_test(test_no_beginning),
        cmocka_unit_test(test_used_wrongly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
