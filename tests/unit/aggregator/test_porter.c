/* SPDX-License-Identifier: Apache-2.0 */
/* Connections are bounded, whoever makes them; those that are in stay, and others come in when there is room. */
#include "tests/unit/aggregator/support.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include "aggregator/porter.h"

enum { MOST = 16, CLIENTS = 32 };

static int listener;
static struct sockaddr_in address = {.sin_family = AF_INET};
static int clients[CLIENTS], accepted[CLIENTS];
static unsigned client_count, accepted_count;

static void accept_all(void)
{
    int fd;
    while (accepted_count < CLIENTS && (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0)
        accepted[accepted_count++] = fd;
}

/* Begins to connect. */
static int knock(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    (void)!connect(fd, (struct sockaddr *)&address, sizeof(address));
    return fd;
}

static bool is_in(int fd, int milliseconds)
{
    struct pollfd item = {.fd = fd, .events = POLLOUT};
    return poll(&item, 1, milliseconds) == 1 && (item.revents & POLLOUT) != 0;
}

static void test_more_are_not_let_in(void **state)
{
    (void)state;
    struct porter *porter = NULL;
    struct error err;
    socklen_t size = sizeof(address);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 100), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    assert_ok(porter_start(MOST, &porter, &err), err);
    /* Both ends of a connection are this process's here, so that each counts twice. */
    while (client_count < MOST / 2 + 1) {
        clients[client_count] = knock();
        assert_true(is_in(clients[client_count++], 1000));
        accept_all();
    }
    usleep(5 * PORTER_TICK_MS * 1000);
    int outside = knock();
    assert_false(is_in(outside, 300));
    assert_int_equal(write(clients[0], "x", 1), 1); /* who is in goes on */
    usleep(10000);
    char byte;
    assert_int_equal(read(accepted[0], &byte, 1), 1);
    while (client_count > 0) {
        close(clients[--client_count]);
        close(accepted[--accepted_count]);
    }
    assert_true(is_in(outside, 10000)); /* TCP asked again */
    close(outside);
    accept_all();
    while (accepted_count > 0)
        close(accepted[--accepted_count]);
    porter_stop(&porter);
    assert_null(porter);
    close(listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_more_are_not_let_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
