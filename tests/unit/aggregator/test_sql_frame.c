/* SPDX-License-Identifier: Apache-2.0 */
/* Frames between the aggregator and the process of a SELECT: they come as they went, and what cannot be is refused. */
#include "tests/unit/aggregator/support.h"

#include <sys/socket.h>

#include "aggregator/sql/frame.h"

static struct error err;

static bool go_on(void *context)
{
    return (*(int *)context)-- > 0;
}

static void test_there_and_back(void **state)
{
    (void)state;
    int sockets[2], patience = 1000;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    struct frame_link here = {.socket = sockets[0], .go_on = go_on, .context = &patience},
                      there = {.socket = sockets[1]};
    struct frame frame;
    for (unsigned i = 0; i < 3; i++)
        assert_ok(frame_send(&there, FRAME_REFUSED, "\0why", i == 0 ? 0 : 4, &err), err);
    assert_ok(frame_receive(&here, &frame, &err), err);
    assert_int_equal(frame.length, 0);
    assert_ok(frame_receive(&here, &frame, &err), err);
    assert_int_equal(frame.type, FRAME_REFUSED);
    assert_memory_equal(frame.body, "\0why", 4);
    assert_ok(frame_receive(&here, &frame, &err), err);
    /* Nothing comes, and no more patience is had. */
    patience = 2;
    assert_int_equal(frame_receive(&here, &frame, &err), RESULT_AGAIN);
    patience = 1000;
    assert_int_equal(frame_send(&here, FRAME_PAGE, "", FRAME_MAX + 1u, &err), RESULT_AGAIN);
    /* A length that cannot be, and an end in the middle. */
    assert_int_equal(write(sockets[1], "\xff\xff\xff\xff\x01", 5), 5);
    assert_int_equal(frame_receive(&here, &frame, &err), RESULT_REJECT);
    assert_int_equal(write(sockets[1], "\x04\0\0\0\x01xx", 7), 7);
    close(sockets[1]);
    assert_int_equal(frame_receive(&here, &frame, &err), RESULT_FATAL);
    assert_true(here.gone);
    close(sockets[0]);
    frame_link_fini(&here);
    frame_link_fini(&there);
}

static enum result said(unsigned type, const void *body, size_t length, struct frame_said *ret)
{
    return frame_said(&(struct frame){.type = type, .body = body, .length = length}, ret, &err);
}

static void test_scan(void **state)
{
    (void)state;
    uint8_t body[2 + FRAME_FIELDS];
    bool fields[RECORDS_FIELDS_MAX] = {[FLOW_FIELD_src_hi] = true, [FLOW_FIELD_dst_port] = true};
    struct frame_said s;
    frame_scan(3, record_kinds[RECORD_FLOW], fields, body);
    assert_ok(said(FRAME_SCAN, body, sizeof(body), &s), err);
    assert_int_equal(s.scan, 3);
    assert_int_equal(s.kind, RECORD_FLOW);
    assert_memory_equal(s.fields, fields, sizeof(fields));
    for (size_t length = 0; length < sizeof(body); length++)
        assert_int_equal(said(FRAME_SCAN, body, length, &s), RESULT_REJECT);
    body[2 + FLOW_FIELD_src_lo / 8] |= 1u << FLOW_FIELD_src_lo % 8; /* half an address */
    assert_int_equal(said(FRAME_SCAN, body, sizeof(body), &s), RESULT_REJECT);
    memset(body + 2, 0, FRAME_FIELDS); /* nothing */
    assert_int_equal(said(FRAME_SCAN, body, sizeof(body), &s), RESULT_REJECT);
    body[2] = 1;
    body[1] = STORED_KIND_COUNT;
    assert_int_equal(said(FRAME_SCAN, body, sizeof(body), &s), RESULT_REJECT);
    body[1] = RECORD_FLOW;
    body[0] = FRAME_SCANS_MAX;
    assert_int_equal(said(FRAME_SCAN, body, sizeof(body), &s), RESULT_REJECT);
    body[0] = 0;
    body[1 + FRAME_FIELDS] = 0x80; /* a field that no kind has */
    assert_int_equal(said(FRAME_SCAN, body, sizeof(body), &s), RESULT_REJECT);
}

static void test_what_else_is_said(void **state)
{
    (void)state;
    struct frame_said s;
    assert_ok(said(FRAME_MORE, "\x0f", 1, &s), err);
    assert_int_equal(said(FRAME_MORE, "\x10", 1, &s), RESULT_REJECT);
    assert_int_equal(said(FRAME_CLOSE, "\0\0", 2, &s), RESULT_REJECT);
    assert_int_equal(said(FRAME_DONE, "x", 1, &s), RESULT_REJECT);
    assert_ok(said(FRAME_REFUSED, "\x01memory", 7, &s), err);
    assert_true(s.memory);
    assert_memory_equal(s.bytes, "memory", 6);
    assert_int_equal(said(FRAME_REFUSED, "", 0, &s), RESULT_REJECT);
    /* What is the aggregator's to say, and what nobody says. */
    assert_int_equal(said(FRAME_ASK, "", 0, &s), RESULT_REJECT);
    assert_int_equal(said(FRAME_PAGE, "", 0, &s), RESULT_REJECT);
    assert_int_equal(said(0, "", 0, &s), RESULT_REJECT);
    assert_int_equal(said(99, "", 0, &s), RESULT_REJECT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_scan),
        cmocka_unit_test(test_what_else_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
