/* SPDX-License-Identifier: Apache-2.0 */
/* pavo-aggregator: start, signals, end. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "aggregator/aggregator.h"
#include "aggregator/answer/question.h"
#include "aggregator/sql/child.h"
#include "common/log.h"

enum { EXIT_USAGE = 2 };

/* Two things, each for itself: a mistake in the settings keeps nobody in who was revoked. */
static void reload(struct aggregator *aggregator, int argc, char **argv)
{
    struct config config;
    struct error err;
    if (aggregator_reload_keys(aggregator, &err) == RESULT_OK)
        log_notice("keys are read again");
    else
        log_error("not all keys are read again: %s", err.text);
    enum result r = config_read(argc, argv, &config, &err);
    if (r == RESULT_OK) {
        r = aggregator_configure(aggregator, &config, &err);
        config_fini(&config);
    }
    if (r == RESULT_OK)
        log_notice("configuration is read again");
    else
        log_error("the settings stay as they were: %s", err.text);
}

/* Until a signal says to end, or it cannot go on. */
static int run(struct aggregator *aggregator, const sigset_t *signals, int argc, char **argv)
{
    for (;;) {
        struct error err;
        const struct timespec tick = {.tv_nsec = 500000000};
        int number = sigtimedwait(signals, NULL, &tick);
        if (number == SIGHUP) {
            reload(aggregator, argc, argv);
        } else if (number == SIGTERM || number == SIGINT) {
            log_notice("ending: %s", number == SIGTERM ? "terminated" : "interrupted");
            return EXIT_SUCCESS;
        } else if (aggregator_failed(aggregator, &err)) {
            log_error("the store cannot go on, nothing acknowledged is lost; start again: %s", err.text);
            return EXIT_FAILURE;
        }
    }
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], SQL_ARGUMENT) == 0)
        sql_child();
    struct config config;
    struct error err;
    enum result r = config_read(argc, argv, &config, &err);
    if (r == RESULT_END)
        return EXIT_SUCCESS;
    if (r != RESULT_OK) {
        fprintf(stderr, "pavo-aggregator: %s\n", err.text);
        return EXIT_USAGE;
    }
    if (config.questions) {
        config_fini(&config);
        questions_markdown(stdout);
        return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    umask(0077); /* what is made here is nobody else's, whatever folder it lies in */
    log_init("pavo-aggregator", config.verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_NOTICE);
    if (geteuid() == 0)
        log_warning("running as root, which nothing here needs: start it as the user pavo, as deploy/systemd does");
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* before threads: they inherit it */
    signal(SIGPIPE, SIG_IGN);

    struct aggregator *aggregator;
    r = aggregator_start(&config, &aggregator, &err);
    config_fini(&config);
    if (r != RESULT_OK) {
        log_error("%s", err.text);
        return EXIT_FAILURE;
    }
    struct aggregator_endpoints doors = aggregator_endpoints(aggregator);
    log_notice("ready intake=%s publish=%s answer=%s", doors.intake, doors.publish, doors.answer);
    int status = run(aggregator, &signals, argc, argv);
    aggregator_stop(&aggregator);
    log_notice("ended");
    return status;
}
