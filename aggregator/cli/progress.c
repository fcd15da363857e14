/* SPDX-License-Identifier: Apache-2.0 */
/* The line that tells a person that we wait. */
#include "aggregator/cli/progress.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"

#define SLOW_NS NS_PER_S /* from here on it is told */
#define STEP_NS (200 * NS_PER_MS)

struct progress {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* All under the lock. */
    int64_t begun_ns;
    size_t rows;
    bool waiting, shown, ended;
};

static void show(struct progress *p)
{
    int64_t waited = clock_monotonic_ns() - p->begun_ns;
    if (!p->waiting || waited < SLOW_NS)
        return;
    fprintf(stderr, "\r\033[Kwaiting for the aggregator: %.0f s, %zu rows so far", (double)waited / NS_PER_S, p->rows);
    fflush(stderr);
    p->shown = true;
}

static void hide(struct progress *p)
{
    if (p->shown)
        fputs("\r\033[K", stderr);
    p->shown = false;
}

static void *run(void *context)
{
    struct progress *p = context;
    pthread_mutex_lock(&p->lock);
    while (!p->ended) {
        int64_t next = clock_monotonic_ns() + STEP_NS;
        struct timespec until = {.tv_sec = next / NS_PER_S, .tv_nsec = next % NS_PER_S};
        (void)pthread_cond_timedwait(&p->changed, &p->lock, &until);
        show(p);
    }
    hide(p);
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* The thread takes no signals: they are for the one that waits. */
static bool start(struct progress *p)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = pthread_create(&p->thread, NULL, run, p) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

struct progress *progress_new(void)
{
    struct progress *p = isatty(STDERR_FILENO) ? calloc(1, sizeof(*p)) : NULL;
    pthread_condattr_t attributes;
    if (p == NULL)
        return NULL;
    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&p->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    if (!start(p)) {
        pthread_cond_destroy(&p->changed);
        pthread_mutex_destroy(&p->lock);
        free(p);
        return NULL;
    }
    return p;
}

void progress_free(struct progress **progress)
{
    struct progress *p = *progress;
    if (p == NULL)
        return;
    pthread_mutex_lock(&p->lock);
    p->ended = true;
    pthread_cond_signal(&p->changed);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->lock);
    free(p);
    *progress = NULL;
}

void progress_begin(struct progress *p)
{
    if (p == NULL)
        return;
    pthread_mutex_lock(&p->lock);
    p->begun_ns = clock_monotonic_ns();
    p->rows = 0;
    pthread_mutex_unlock(&p->lock);
}

void progress_wait(struct progress *p, size_t rows)
{
    if (p == NULL)
        return;
    pthread_mutex_lock(&p->lock);
    p->rows = rows;
    p->waiting = true;
    pthread_mutex_unlock(&p->lock);
}

void progress_stop(struct progress *p)
{
    if (p == NULL)
        return;
    pthread_mutex_lock(&p->lock);
    p->waiting = false;
    hide(p);
    pthread_mutex_unlock(&p->lock);
}
