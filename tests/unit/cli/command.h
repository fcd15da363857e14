/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a sub-command as it is typed, and keeps what it prints. */
#ifndef PAVO_TESTS_UNIT_CLI_COMMAND_H
#define PAVO_TESTS_UNIT_CLI_COMMAND_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "aggregator/cli/cli.h"

static char printed[16384], said[16384]; /* on standard output, on standard error */

static inline void command_read(FILE *file, char text[static sizeof(printed)])
{
    rewind(file);
    text[fread(text, 1, sizeof(printed) - 1, file)] = '\0';
    fclose(file);
}

/* The exit code. argv[0] is the sub-command, the last is NULL. */
static inline int command_run(int (*command)(struct cli *cli, int argc, char **argv), char **argv)
{
    struct cli cli = {.timeout = CLI_TIMEOUT_DEFAULT, .key = strdup("reader.key")};
    int argc = 0, saved[] = {dup(STDOUT_FILENO), dup(STDERR_FILENO)};
    FILE *out = tmpfile(), *err = tmpfile();
    assert_non_null(out);
    assert_non_null(err);
    while (argv[argc] != NULL)
        argc++;
    fflush(stdout);
    dup2(fileno(out), STDOUT_FILENO);
    dup2(fileno(err), STDERR_FILENO);
    int code = command(&cli, argc, argv);
    fflush(stdout);
    dup2(saved[0], STDOUT_FILENO);
    dup2(saved[1], STDERR_FILENO);
    close(saved[0]);
    close(saved[1]);
    command_read(out, printed);
    command_read(err, said);
    free(cli.key);
    free(cli.aggregator);
    return code;
}

#define RUN(command, ...) command_run(command, (char *[]){__VA_ARGS__, NULL})

#endif
