/* SPDX-License-Identifier: Apache-2.0 */
/* What the sub-commands share: complaints, options, times. */
#include "aggregator/cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

int cli_fail(int code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("pavo: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return code;
}

void cli_note(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fflush(stdout); /* the note follows what it is about */
    fputs("pavo: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

int cli_options(const struct options *options, int argc, char **argv, int *ret_first)
{
    struct error err;
    enum result result = options_parse(options, argc, argv, ret_first, &err);
    if (result == RESULT_OK)
        return -1;
    return result == RESULT_END ? CLI_ANSWERED : cli_fail(CLI_USAGE, "%s", err.text);
}

char *cli_join(int argc, char **argv, int first)
{
    size_t length = 1;
    for (int i = first; i < argc; i++)
        length += strlen(argv[i]) + 1;
    char *text = calloc(1, length);
    for (int i = first; text != NULL && i < argc; i++) {
        strcat(text, argv[i]);
        if (i + 1 < argc)
            strcat(text, " ");
    }
    return text;
}

bool cli_time(const char *option, const char *text, int64_t *ret_ns)
{
    struct error err;
    *ret_ns = 0;
    if (text == NULL || time_parse(text, clock_wall_ns(), ret_ns, &err) == RESULT_OK)
        return true;
    cli_fail(CLI_USAGE, "--%s: %s", option, err.text);
    return false;
}
