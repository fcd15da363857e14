/* SPDX-License-Identifier: Apache-2.0 */
/* Values as text, for programs and for people; and which foreign text may be shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/records/field.h"

static const char *const colours[] = {"red", "green", "blue"};

static void assert_texts(enum field_type type, enum field_kind kind, uint64_t number, const char *plain,
                         const char *people)
{
    const struct field field = {.type = type, .kind = kind, .words = colours, .word_count = 3};
    const struct value value = {.known = true, .number = number, .address = {0, 0x0000ffff0a000001}, .text = "x"};
    const struct value unknown = {.number = number};
    char text[FIELD_TEXT_MAX];
    assert_string_equal(field_text(&field, &value, STYLE_PLAIN, text), plain);
    assert_string_equal(field_text(&field, &value, STYLE_UTC, text), people);
    assert_string_equal(field_text(&field, &unknown, STYLE_PLAIN, text), "");
}

static void values_as_text(void **state)
{
    (void)state;
    assert_texts(FIELD_U64, KIND_COUNT, 1234567, "1234567", "1,234,567");
    assert_texts(FIELD_U64, KIND_BYTES, 1500, "1500", "1.5 kB");
    assert_texts(FIELD_U64, KIND_NUMBER, UINT64_MAX, "18446744073709551615", "18446744073709551615");
    assert_texts(FIELD_I64, KIND_NANOSECONDS, (uint64_t)-25800000, "-25800000", "-25.8 ms");
    assert_texts(FIELD_U32, KIND_MICROSECONDS, 1500, "1500", "1.5 ms");
    assert_texts(FIELD_TIME, KIND_TIME, 1700000000000000001, "2023-11-14T22:13:20.000000001Z",
                 "2023-11-14T22:13:20.000000Z");
    assert_texts(FIELD_TIME, KIND_TIME, (uint64_t)-1, "1969-12-31T23:59:59.999999999Z", "1969-12-31T23:59:59.999999Z");
    assert_texts(FIELD_F64, KIND_ADDRESS, 0, "10.0.0.1", "10.0.0.1");
    assert_texts(FIELD_F64, KIND_MAC, 0x020000000001, "02:00:00:00:00:01", "02:00:00:00:00:01");
    assert_texts(FIELD_F64, KIND_HEX, 5, "0000000000000005", "0000000000000005");
    assert_texts(FIELD_U8, KIND_TCP_FLAGS, 0x12, "SA", "SA");
    assert_texts(FIELD_U8, KIND_PROTOCOL, 6, "6", "tcp");
    assert_texts(FIELD_U8, KIND_FLAG, 1, "true", "yes");
    assert_texts(FIELD_U8, KIND_WORD, 1, "green", "green");
    assert_texts(FIELD_U8, KIND_WORD, 77, "unknown", "unknown");
    assert_texts(FIELD_U8, KIND_BITS, 5, "red blue", "red, blue");
    assert_texts(FIELD_I32, KIND_ODDS, (uint64_t)-6640, "-6.640", "-6.640");
    assert_texts(FIELD_U16, KIND_SHARE, 985, "0.985", "98.5 %");
    assert_texts(FIELD_TEXT, KIND_TEXT, 0, "x", "x");
}

static void words_by_name(void **state)
{
    (void)state;
    const struct field field = {.words = colours, .word_count = 3};
    assert_int_equal(field_word_find(&field, "BLUE"), 2);
    assert_int_equal(field_word_find(&field, "mauve"), -1);
}

/* Invariant 9. */
static void foreign_text_is_shown_only_when_it_is_harmless(void **state)
{
    (void)state;
    static const char *const clean[] = {"", "eth0", "größer", "日本", "\xf0\x9f\xa6\x9a", "a\xc2\xa0z"};
    static const struct {
        const char *text, *cleaned;
    } dirty[] = {
        {"a\nb", "a?b"},
        {"\x1b[31m", "?[31m"},
        {"\x7f", "?"},
        {"\xc2\x9b", "??"}, /* C1: another escape */
        {"a\xe2\x80\xae"
         "b",
         "a???b"}, /* right to left from here */
        {"\xe2\x81\xa6x\xe2\x81\xa9", "???x???"},
        {"\xe2\x80\x8f", "???"},
        {"\xd8\x9c", "??"},
        {"\xef\xbb\xbfx", "???x"},      /* byte order mark */
        {"\xef\xbf\xb9x", "???x"},      /* annotation */
        {"\xf3\xa0\x81\x81x", "????x"}, /* a tag, which nobody sees */
        {"\xe2\x80\xa8", "???"},        /* line separator */
        {"\xff", "?"},
        {"\xc0\xaf", "??"},           /* too long */
        {"\xed\xa0\x80", "???"},      /* a surrogate */
        {"\xf4\x90\x80\x80", "????"}, /* beyond Unicode */
        {"ab\xe2\x82", "ab??"},       /* cut */
    };
    for (size_t i = 0; i < sizeof(clean) / sizeof(*clean); i++) {
        char copy[64];
        snprintf(copy, sizeof(copy), "%s", clean[i]);
        assert_true(text_is_clean(clean[i], strlen(clean[i])));
        text_clean(copy);
        assert_string_equal(copy, clean[i]);
    }
    for (size_t i = 0; i < sizeof(dirty) / sizeof(*dirty); i++) {
        char copy[64];
        snprintf(copy, sizeof(copy), "%s", dirty[i].text);
        assert_false(text_is_clean(copy, strlen(copy)));
        text_clean(copy);
        assert_string_equal(copy, dirty[i].cleaned);
        assert_true(text_is_clean(copy, strlen(copy)));
    }
    assert_false(text_is_clean("a\0b", 3));
}

static void spans_and_counts_for_people(void **state)
{
    (void)state;
    char text[SHOW_MAX];
    assert_string_equal(show_span(0, text), "0 s");
    assert_string_equal(show_span(3 * 3600 * 1000000000ll + 240 * 1000000000ll, text), "3 h 04 min");
    assert_string_equal(show_span(INT64_MIN, text), "-106752.0 d");
    assert_string_equal(show_count(999, text), "999");
    assert_string_equal(show_count(1000, text), "1,000");
    assert_string_equal(show_bytes(999, text), "999 B");
    assert_string_equal(show_bytes(UINT64_MAX, text), "18.4 EB");
}

static void reals_as_text(void **state)
{
    (void)state;
    static const struct {
        double real;
        const char *plain, *people;
    } reals[] = {{0, "0.0", "0"},
                 {2, "2.0", "2"},
                 {0.1, "0.1", "0.1"},
                 {0.1 + 0.2, "0.30000000000000004", "0.3"},
                 {-12.5, "-12.5", "-12.5"},
                 {41604.6451612, "41604.6451612", "41604.645"},
                 {1e300, "1e+300", "1e+300"},
                 {1.25e-9, "1.25e-09", "1.25e-09"},
                 {100, "100.0", "100"}};
    const struct field field = {.type = FIELD_F64, .kind = KIND_REAL};
    for (size_t i = 0; i < sizeof(reals) / sizeof(*reals); i++) {
        char text[FIELD_TEXT_MAX];
        const struct value value = {.known = true, .number = real_to_bits(reals[i].real)};
        assert_string_equal(field_text(&field, &value, STYLE_PLAIN, text), reals[i].plain);
        assert_string_equal(field_text(&field, &value, STYLE_TABLE, text), reals[i].people);
    }
    /* No JSON has these: nobody sends them, and who does is not believed. */
    const struct value infinite = {.known = true, .number = 0x7ff0000000000000};
    char text[FIELD_TEXT_MAX];
    assert_string_equal(field_text(&field, &infinite, STYLE_PLAIN, text), "0.0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_as_text),
        cmocka_unit_test(words_by_name),
        cmocka_unit_test(foreign_text_is_shown_only_when_it_is_harmless),
        cmocka_unit_test(spans_and_counts_for_people),
        cmocka_unit_test(reals_as_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
