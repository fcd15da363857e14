/* SPDX-License-Identifier: Apache-2.0 */
/* Foreign bytes to messages: what is right comes through as protobuf-c has it, and what would take too much memory, or
 * would be cut in silence, is refused before any of it is made. */
#include "common/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pavo.pb-c.h"

static struct error err;

static ProtobufCMessage *query_of(const void *bytes, size_t length, size_t memory)
{
    return message_unpack(&pavo__query__descriptor, bytes, length, memory, &err);
}

static void assert_refused(const void *bytes, size_t length, size_t memory, const char *why)
{
    err.text[0] = '\0';
    assert_null(query_of(bytes, length, memory));
    if (strstr(err.text, why) == NULL)
        fail_msg("'%s' has no '%s'", err.text, why);
}

/* A question, an argument and a session. */
static size_t pack_query(uint8_t bytes[static 256])
{
    Pavo__Query query = PAVO__QUERY__INIT;
    Pavo__Argument argument = PAVO__ARGUMENT__INIT, *arguments[] = {&argument};
    argument.name = "filter";
    argument.value = "host 10.0.0.1";
    query.version = 1;
    query.question = "find";
    query.arguments = arguments;
    query.n_arguments = 1;
    query.session = (ProtobufCBinaryData){.data = (uint8_t *)"a\0b", .len = 3};
    assert_true(pavo__query__get_packed_size(&query) < 256);
    return pavo__query__pack(&query, bytes);
}

static void test_what_is_right_comes_through(void **state)
{
    (void)state;
    uint8_t bytes[256];
    Pavo__Query *query = (Pavo__Query *)query_of(bytes, pack_query(bytes), MESSAGE_MEMORY_SMALL);
    assert_non_null(query);
    assert_string_equal(query->question, "find");
    assert_string_equal(query->arguments[0]->value, "host 10.0.0.1");
    assert_int_equal(query->session.len, 3); /* bytes may have a NUL */
    pavo__query__free_unpacked(query, NULL);
    query = (Pavo__Query *)query_of("", 0, MESSAGE_MEMORY_SMALL);
    assert_non_null(query);
    pavo__query__free_unpacked(query, NULL);
}

static void test_a_text_with_a_nul_is_refused(void **state)
{
    (void)state;
    uint8_t bytes[256];
    size_t length = pack_query(bytes);
    uint8_t *at = memmem(bytes, length, "find", 4);
    assert_non_null(at);
    at[2] = '\0';
    assert_refused(bytes, length, MESSAGE_MEMORY_SMALL, "NUL");
    length = pack_query(bytes);
    at = memmem(bytes, length, "host", 4); /* inside a submessage */
    at[0] = '\0';
    assert_refused(bytes, length, MESSAGE_MEMORY_SMALL, "NUL");
}

/* No prefix of a message that ends inside a field is one. */
static void test_what_ends_early_is_garbled(void **state)
{
    (void)state;
    uint8_t bytes[256];
    size_t length = pack_query(bytes);
    for (size_t i = 0; i < length; i++) {
        ProtobufCMessage *message = query_of(bytes, i, MESSAGE_MEMORY_SMALL);
        if (message != NULL)
            protobuf_c_message_free_unpacked(message, NULL);
    }
    assert_refused(bytes, length - 1, MESSAGE_MEMORY_SMALL, "garbled");
    assert_refused("\x0b", 1, MESSAGE_MEMORY_SMALL, "garbled"); /* a group */
    assert_refused("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, MESSAGE_MEMORY_SMALL, "garbled");
    assert_refused("\x1a\xff\xff\xff\xff\x7f", 6, MESSAGE_MEMORY_SMALL, "garbled"); /* longer than there is */
}

/* Field 10 with so many bytes. */
static void put_head(uint8_t *at, uint32_t length)
{
    const uint8_t head[] = {0x52, (uint8_t)(length | 0x80), (uint8_t)(length >> 7 | 0x80),
                            (uint8_t)(length >> 14 | 0x80), (uint8_t)(length >> 21)};
    memcpy(at, head, sizeof(head));
}

/* Two bytes that become a message each, or an unknown field each; one byte that becomes eight. */
static void test_small_bytes_that_would_be_large_are_refused(void **state)
{
    (void)state;
    size_t length = 4u << 20;
    uint8_t *bytes = malloc(length);
    assert_non_null(bytes);
    for (size_t i = 0; i < length; i += 2)
        memcpy(bytes + i, "\x22\x00", 2); /* Query.arguments, each empty */
    assert_refused(bytes, length, MESSAGE_MEMORY_SMALL, "more memory");
    for (size_t i = 0; i < length; i += 2)
        memcpy(bytes + i, "\x78\x01", 2); /* field 15, which there is not */
    assert_refused(bytes, length, MESSAGE_MEMORY_SMALL, "more memory");
    /* Batch.flows (10) and in it FlowColumns.flow (10), packed. */
    memset(bytes, 1, length);
    put_head(bytes, (uint32_t)length - 5);
    put_head(bytes + 5, (uint32_t)length - 10);
    assert_null(message_unpack(&pavo__batch__descriptor, bytes, length, 8u << 20, &err));
    assert_non_null(strstr(err.text, "more memory"));
    Pavo__Batch *batch = (Pavo__Batch *)message_unpack(&pavo__batch__descriptor, bytes, length, 64u << 20, &err);
    assert_non_null(batch);
    assert_int_equal(batch->flows->n_flow, length - 10);
    pavo__batch__free_unpacked(batch, NULL);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_right_comes_through),
        cmocka_unit_test(test_a_text_with_a_nul_is_refused),
        cmocka_unit_test(test_what_ends_early_is_garbled),
        cmocka_unit_test(test_small_bytes_that_would_be_large_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
