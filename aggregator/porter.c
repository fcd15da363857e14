/* SPDX-License-Identifier: Apache-2.0 */
/* The process's sockets, counted, and its listening ones shut and opened. */
#include "aggregator/porter.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/filter.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"

#define WARNING_NS (60 * NS_PER_S)

struct porter {
    unsigned connections_max;
    int stop; /* eventfd */
    pthread_t thread;
    DIR *descriptors; /* /proc/self/fd */
    bool shut;
    struct log_gate gate;
};

/* A filter at a listening socket that takes no packet: requests to connect are dropped, and repeated by who asks. */
static void set_door(int fd, bool shut)
{
    struct sock_filter take_nothing = BPF_STMT(BPF_RET | BPF_K, 0);
    const struct sock_fprog program = {.len = 1, .filter = &take_nothing};
    const int none = 0;
    if (shut)
        (void)setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
    else
        (void)setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof(none)); /* ENOENT: it has none */
}

/* How many connections there are; with `change` the doors are shut or opened on the way. */
static unsigned look(struct porter *p, bool change)
{
    unsigned connections = 0;
    rewinddir(p->descriptors);
    for (struct dirent *entry; (entry = readdir(p->descriptors)) != NULL;) {
        int listens, fd = atoi(entry->d_name);
        socklen_t size = sizeof(listens);
        if (entry->d_name[0] == '.' || getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0)
            continue;
        if (listens == 0)
            connections++;
        else if (change)
            set_door(fd, p->shut);
    }
    return connections;
}

static void tick(struct porter *p)
{
    uint64_t suppressed;
    unsigned connections = look(p, p->shut); /* a door that was opened anew meanwhile is shut as well */
    bool shut = connections >= (p->shut ? p->connections_max - p->connections_max / 8 : p->connections_max);
    if (shut == p->shut)
        return;
    p->shut = shut;
    (void)look(p, true);
    if (shut && log_gate_pass(&p->gate, clock_monotonic_ns(), WARNING_NS, &suppressed))
        log_warning("%u connections, of which %u are allowed: nobody else is let in until some have ended; if they are "
                    "wanted, raise `connections` (%" PRIu64 " more times since the last such line)",
                    connections, p->connections_max, suppressed);
}

static void *run(void *argument)
{
    struct porter *p = argument;
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL); /* signals are the program's */
    struct pollfd stop = {.fd = p->stop, .events = POLLIN};
    while (poll(&stop, 1, PORTER_TICK_MS) <= 0)
        tick(p);
    return NULL;
}

enum result porter_start(unsigned connections_max, struct porter **ret_porter, struct error *err)
{
    struct porter *p = calloc(1, sizeof(*p));
    if (p == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    p->connections_max = connections_max == 0 ? PORTER_CONNECTIONS_DEFAULT : connections_max;
    p->stop = eventfd(0, EFD_CLOEXEC);
    p->descriptors = opendir("/proc/self/fd");
    enum result r = RESULT_OK;
    if (p->descriptors == NULL)
        r = error_set(err, RESULT_FATAL, "counting connections takes /proc/self/fd: %s", strerror(errno));
    else if (p->stop < 0 || pthread_create(&p->thread, NULL, run, p) != 0)
        r = error_set(err, RESULT_FATAL, "no thread to count connections");
    if (r != RESULT_OK) {
        if (p->descriptors != NULL)
            closedir(p->descriptors);
        if (p->stop >= 0)
            close(p->stop);
        free(p);
        return r;
    }
    *ret_porter = p;
    return RESULT_OK;
}

void porter_stop(struct porter **porter)
{
    struct porter *p = *porter;
    uint64_t one = 1;
    if (p == NULL)
        return;
    ssize_t written = write(p->stop, &one, sizeof(one));
    (void)written; /* an eventfd that is not full takes it */
    pthread_join(p->thread, NULL);
    closedir(p->descriptors);
    close(p->stop);
    free(p);
    *porter = NULL;
}
