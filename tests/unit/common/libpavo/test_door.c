/* SPDX-License-Identifier: Apache-2.0 */
/* Doors: where they are, and what is said of a connection. */
#include "common/libpavo/door.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_endpoints(void **state)
{
    (void)state;
    static const struct {
        const char *aggregator, *given;
        unsigned step;
        const char *expected; /* NULL: refused */
    } cases[] = {
        {"collector", NULL, 2, "collector:7463"},
        {"collector", NULL, 1, "collector:7462"},
        {"collector:8000", NULL, 2, "collector:8002"},
        {"192.0.2.1:8000", NULL, 1, "192.0.2.1:8001"},
        {"2001:db8::1", NULL, 1, "[2001:db8::1]:7462"},
        {"[2001:db8::1]", NULL, 1, "[2001:db8::1]:7462"},
        {"[2001:db8::1]:8000", NULL, 2, "[2001:db8::1]:8002"},
        {"collector", "ipc:///run/pavo/answer", 2, "ipc:///run/pavo/answer"},
        {"collector:", NULL, 1, NULL},
        {"collector:x", NULL, 1, NULL},
        {"collector:0", NULL, 1, NULL},
        {"collector:65534", NULL, 1, NULL},
        {":8000", NULL, 1, NULL},
        {"", NULL, 1, NULL},
        {"tcp://collector:7461", NULL, 1, NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char text[DOOR_TEXT_MAX] = "";
        struct error err = {""};
        enum result result = door_endpoint(cases[i].aggregator, cases[i].given, cases[i].step, text, &err);
        if ((result == RESULT_OK) != (cases[i].expected != NULL))
            print_message("%s: %s\n", cases[i].aggregator, err.text);
        assert_int_equal(result, cases[i].expected == NULL ? RESULT_REJECT : RESULT_OK);
        if (cases[i].expected != NULL)
            assert_string_equal(text, cases[i].expected);
    }
}

/* Each sentence names the place. */
static void test_texts(void **state)
{
    (void)state;
    static const struct {
        enum door_state state;
        int reason;
        const char *said;
        int64_t shaking_ns;
    } cases[] = {{DOOR_CONNECTING, ECONNREFUSED, "has not let the key 'analyst' in so far", 1},
                 {DOOR_REFUSED, 0, "refuses the key 'analyst'"},
                 {DOOR_OPEN, 0, "let us in, but does not answer"},
                 {DOOR_CONNECTING, ECONNRESET, "has gone away"},
                 {DOOR_CONNECTING, ECONNREFUSED, "cannot be reached"},
                 {DOOR_CONNECTING, 0, "cannot be reached"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct door door = {.state = cases[i].state,
                            .reason = cases[i].reason,
                            .shaking_ns = cases[i].shaking_ns,
                            .endpoint = "collector:7463"};
        char text[DOOR_TEXT_MAX];
        assert_ptr_equal(door_text(&door, "analyst", text), text);
        assert_non_null(strstr(text, "collector:7463"));
        assert_non_null(strstr(text, cases[i].said));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_endpoints),
        cmocka_unit_test(test_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
