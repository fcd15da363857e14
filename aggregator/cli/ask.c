/* SPDX-License-Identifier: Apache-2.0 */
/* Key, connection, question, pages. */
#include "aggregator/cli/ask.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "aggregator/cli/local.h"
#include "common/clock.h"
#include "common/when.h"

#define STEP_MS 200 /* how long Ctrl-C may go unnoticed between pages */

/* ---------------------------------------------------------------- arguments */

const char *ask_time_text(int64_t ns, char text[static ASK_TIME_MAX])
{
    int64_t seconds = ns / NS_PER_S, fraction = ns % NS_PER_S;
    if (fraction < 0) {
        fraction += NS_PER_S;
        seconds--;
    }
    struct tm tm = {0};
    time_t unix_seconds = seconds;
    (void)gmtime_r(&unix_seconds, &tm);
    size_t used = strftime(text, ASK_TIME_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text + used, ASK_TIME_MAX - used, ".%09" PRId64 "Z", fraction);
    return text;
}

/* Columns of a terminal that `bytes` bytes of UTF-8 take, as far as letters are one wide. */
static int columns_of(const char *text, size_t bytes)
{
    int columns = 0;
    for (size_t i = 0; i < bytes && text[i] != '\0'; i++)
        columns += ((unsigned char)text[i] & 0xc0) != 0x80;
    return columns;
}

/* "  --from 20:36", and under it where the offset lies in the value. */
static void point(const struct argument *argument, size_t offset)
{
    const char *value = argument->value;
    if (value == NULL || value[0] == '\0' || offset > strlen(value) || strchr(value, '\n') != NULL)
        return;
    int indent = 2 + columns_of(value, offset);
    if (!argument->positional)
        indent += (int)strlen("--") + (int)strlen(argument->name) + 1;
    if (argument->positional)
        fprintf(stderr, "  %s\n", value);
    else
        fprintf(stderr, "  --%s %s\n", argument->name, value);
    fprintf(stderr, "%*s^\n", indent, "");
}

/* What is typed, as the aggregator takes it. NULL: it is no time, which was said, or out of memory. */
static char *time_sent(const struct argument *argument, const struct when_here *here)
{
    char text[ASK_TIME_MAX], span[WHEN_TEXT_MAX];
    struct when when = {0};
    struct error err;
    size_t offset = 0;
    enum result r = argument->is_moment ? when_parse_span(argument->value, here, &when, &offset, &err)
                                        : when_parse(argument->value, here, &when, &offset, &err);
    if (r != RESULT_OK) {
        cli_fail(CLI_USAGE, "--%s: %s", argument->name, err.text);
        point(argument, offset);
        return NULL;
    }
    return strdup(argument->is_moment ? when_text(&when, span) : ask_time_text(when.from_ns, text));
}

bool arguments_times(struct argument *arguments, size_t count)
{
    const struct when_here here = {.now_ns = clock_wall_ns()}; /* one now for all: what was typed goes together */
    for (size_t i = 0; i < count; i++) {
        struct argument *argument = &arguments[i];
        if ((!argument->is_time && !argument->is_moment) || argument->value == NULL)
            continue;
        char *sent = time_sent(argument, &here);
        if (sent == NULL)
            return false;
        free(argument->value);
        argument->value = sent;
    }
    return true;
}

void arguments_free(struct argument *arguments, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(arguments[i].value);
        arguments[i].value = NULL;
    }
}

/* ---------------------------------------------------------------- connection */

int ask_open(const struct cli *cli, struct ask *ret_ask)
{
    char path[CLI_PATH_MAX], error[PAVO_ERROR_MAX];
    const char *answer = cli->answer, *key = path;
    int code = cli->store == NULL ? -1 : local_start(cli, &answer, &key);
    if (code >= 0)
        return code;
    if (cli->store == NULL && !cli_key_path(cli, path))
        return CLI_UNREACHABLE;
    pavo_options *options = pavo_options_new();
    if (options == NULL)
        return cli_fail(CLI_UNREACHABLE, "out of memory");
    if (cli->aggregator != NULL)
        pavo_options_set_aggregator(options, cli->aggregator);
    pavo_options_set_doors(options, cli->publish, answer);
    pavo_options_set_key_file(options, key);
    pavo_options_allow_files(options);
    pavo_options_set_timeout(options, (unsigned)(cli->timeout / NS_PER_MS));
    pavo_asker *asker = pavo_asker_new(options, error);
    pavo_options_destroy(&options);
    if (asker == NULL)
        return cli_fail(CLI_UNREACHABLE, "%s", error);
    *ret_ask = (struct ask){.cli = cli, .asker = asker, .progress = progress_new()};
    cli_catch_signals();
    return -1;
}

void ask_close(struct ask *ask)
{
    pavo_answer_destroy(&ask->answer);
    pavo_asker_destroy(&ask->asker);
    progress_free(&ask->progress);
}

/* ---------------------------------------------------------------- asking */

/* What was wrong, and where. An exit code. */
static int explain(const struct ask *ask, const char *error)
{
    const char *parameter = pavo_asker_parameter(ask->asker);
    if (parameter == NULL)
        return cli_fail(CLI_UNREACHABLE, "%s", error);
    cli_fail(CLI_USAGE, "%s", error);
    for (size_t i = 0; i < ask->argument_count; i++) {
        if (strcmp(ask->arguments[i].name, parameter) == 0)
            point(&ask->arguments[i], pavo_asker_offset(ask->asker));
    }
    return CLI_USAGE;
}

int ask_begin(struct ask *ask, const char *question, const struct argument *arguments, size_t count)
{
    const char *names[2 * ARGUMENTS_MAX + 1] = {NULL};
    char error[PAVO_ERROR_MAX] = "no answer";
    size_t used = 0;
    for (size_t i = 0; i < count && i < ARGUMENTS_MAX; i++) {
        if (arguments[i].value == NULL)
            continue;
        names[used++] = arguments[i].name;
        names[used++] = arguments[i].value;
    }
    pavo_answer_destroy(&ask->answer);
    ask->rows = 0;
    ask->arguments = arguments;
    ask->argument_count = count;
    progress_begin(ask->progress);
    progress_wait(ask->progress, 0);
    cli_blocked(true);
    ask->answer = pavo_ask(ask->asker, question, names, error);
    cli_blocked(false);
    progress_stop(ask->progress);
    return ask->answer != NULL ? -1 : explain(ask, error);
}

/* Until the next page, in steps, so that Ctrl-C is noticed. */
static int wait_page(struct ask *ask, const pavo_columns **ret_page)
{
    int64_t end = clock_monotonic_ns() + ask->cli->timeout;
    int result;
    progress_wait(ask->progress, ask->rows);
    do {
        result = pavo_answer_next(ask->answer, STEP_MS, ret_page);
    } while (result == PAVO_TIMEOUT && !cli_interrupted() && clock_monotonic_ns() < end);
    progress_stop(ask->progress);
    return result;
}

bool ask_page(struct ask *ask, const pavo_columns **ret_page)
{
    int result = wait_page(ask, ret_page);
    const char *why = pavo_answer_error(ask->answer);
    if (why == NULL)
        why = pavo_asker_error(ask->asker);
    if (cli_interrupted()) {
        ask->code = CLI_INTERRUPTED;
        return false;
    }
    if (result == PAVO_OK)
        ask->rows += pavo_columns_rows(*ret_page);
    else if (result == PAVO_END)
        ask->code = -1;
    else if (result == PAVO_TIMEOUT)
        ask->code = cli_fail(CLI_UNREACHABLE, "%s",
                             why != NULL ? why : "the answer did not come to its end in time; --timeout waits longer");
    else
        ask->code = explain(ask, why != NULL ? why : "the answer ended before it was complete");
    return result == PAVO_OK;
}
