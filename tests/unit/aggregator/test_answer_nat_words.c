/* SPDX-License-Identifier: Apache-2.0 */
/* What nat says: who was behind an end, how it is known, and why there is no partner. */
#include "tests/unit/aggregator/support.h"

#include "aggregator/answer/nat_words.h"

static struct endpoint end(const char *text)
{
    struct endpoint e;
    assert_int_equal(address_port_parse(text, &e.address, &e.port), RESULT_OK);
    return e;
}

/* source > destination inside, post_source > post_destination outside; asked about `asked`. */
static void expect_sentence(const char *source, const char *destination, const char *post_source,
                            const char *post_destination, const char *asked, const char *expected)
{
    char text[NAT_WORDS_MAX];
    const struct nat_ends ends = {end(source), end(destination), end(post_source), end(post_destination)};
    const struct endpoint about = end(asked);
    assert_string_equal(nat_sentence(&ends, &about, text), expected);
}

static void test_sentences(void **state)
{
    (void)state;
    const char *host = "10.0.1.17:51544", *out = "203.0.113.5:40312", *web = "198.51.100.9:443";
    expect_sentence(host, web, out, web, "203.0.113.5:40312",
                    "203.0.113.5:40312 was 10.0.1.17:51544, talking to 198.51.100.9:443");
    expect_sentence(host, web, out, web, "203.0.113.5",
                    "203.0.113.5:40312 was 10.0.1.17:51544, talking to 198.51.100.9:443");
    expect_sentence(host, web, out, web, "10.0.1.17",
                    "10.0.1.17:51544 came out as 203.0.113.5:40312, talking to 198.51.100.9:443");
    expect_sentence(host, web, out, web, "198.51.100.9:443",
                    "198.51.100.9:443 was spoken to by 203.0.113.5:40312, which was 10.0.1.17:51544");
    /* A server behind a forwarded port. */
    expect_sentence(web, "10.0.1.5:80", web, "203.0.113.1:8080", "203.0.113.1:8080",
                    "203.0.113.1:8080 was 10.0.1.5:80, spoken to by 198.51.100.9:443");
    expect_sentence(web, "10.0.1.5:80", web, "203.0.113.1:8080", "10.0.1.5",
                    "10.0.1.5:80 was reached as 203.0.113.1:8080, spoken to by 198.51.100.9:443");
    expect_sentence(web, "10.0.1.5:80", web, "203.0.113.1:8080", "198.51.100.9",
                    "198.51.100.9:443 was talking to 203.0.113.1:8080, which was 10.0.1.5:80");
    expect_sentence("[2001:db8::1]:5", "[2001:db8::2]:6", "[2001:db8::1]:5", "[2001:db8::2]:6", "2001:db8::1",
                    "[2001:db8::1]:5 was not translated, talking to [2001:db8::2]:6");
}

static void test_alone(void **state)
{
    (void)state;
    char text[NAT_WORDS_MAX];
    const struct endpoint source = end("10.0.1.17:51544"), destination = end("198.51.100.9:443");
    assert_string_equal(nat_alone(&source, &destination, "inside", text),
                        "10.0.1.17:51544, talking to 198.51.100.9:443, was seen inside only");
    assert_string_equal(nat_alone(&source, &destination, NULL, text),
                        "10.0.1.17:51544, talking to 198.51.100.9:443, was seen at no boundary");
}

static void test_evidence(void **state)
{
    (void)state;
    char text[NAT_WORDS_MAX];
    const struct verdict_term terms[] = {{.term_kind = TERM_PRIOR, .term_outcome = OUTCOME_AGREES},
                                         {.term_kind = TERM_SRC_ISN, .term_outcome = OUTCOME_AGREES},
                                         {.term_kind = TERM_DST_ISN, .term_outcome = OUTCOME_DIFFERS},
                                         {.term_kind = TERM_TIME, .term_outcome = OUTCOME_AGREES},
                                         {.term_kind = 200, .term_outcome = OUTCOME_AGREES}};
    struct verdict verdict = {.method = METHOD_INITIAL_SEQUENCE, .odds = 6640, .candidates = 1, .terms = 5};
    assert_string_equal(nat_evidence(&verdict, terms, text),
                        "linked by the initiator's sequence number, confidence 99.0 %; agreeing: initiator's sequence "
                        "number, time");
    verdict.candidates = 3;
    verdict.terms = 0;
    verdict.method = 200; /* of a newer correlator */
    assert_string_equal(nat_evidence(&verdict, terms, text),
                        "linked by evidence of its own kind, confidence 99.0 %; chosen of 3 candidates");
    /* As many terms as there may be, none of which runs over. */
    struct verdict_term many[VERDICT_TERMS_MAX];
    for (unsigned i = 0; i < VERDICT_TERMS_MAX; i++)
        many[i] = (struct verdict_term){.term_kind = TERM_SRC, .term_outcome = OUTCOME_AGREES};
    verdict.terms = VERDICT_TERMS_MAX;
    assert_int_equal(strlen(nat_evidence(&verdict, many, text)), NAT_WORDS_MAX - 1);
}

static void test_reasons(void **state)
{
    (void)state;
    assert_non_null(strstr(nat_no_partner(VERDICT_BLOCKED_OR_LOCAL), "stopped at the boundary"));
    assert_non_null(strstr(nat_no_partner(VERDICT_AMBIGUOUS), "nothing tells them apart"));
    assert_non_null(strstr(nat_no_partner(VERDICT_UNKNOWN), "no boundary"));
    for (unsigned verdict = 0; verdict < VERDICT_COUNT; verdict++) {
        if (!verdict_is_linked(verdict))
            assert_null(strstr(nat_no_partner(verdict), "no words for"));
    }
    assert_non_null(strstr(nat_no_partner(200), "no words for"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sentences),
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_evidence),
        cmocka_unit_test(test_reasons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
