/* SPDX-License-Identifier: Apache-2.0 */
/* pavo nat: a pasted report in place of an address. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/cli/nat.h"
#include "common/clock.h"
#include "common/pasted.h"

static bool set(struct argument *argument, const char *text)
{
    if (argument->value == NULL)
        argument->value = strdup(text);
    return argument->value != NULL;
}

static int take(struct argument *arguments, const char *text)
{
    const struct when_here here = {.now_ns = clock_wall_ns()};
    struct pasted pasted;
    struct error err;
    char end[ADDRESS_TEXT_MAX], when[WHEN_TEXT_MAX], number[8], said[PASTED_TEXT_MAX];
    if (pasted_parse(text, &here, &pasted, &err) != RESULT_OK)
        return cli_fail(CLI_USAGE, "%s (one address was expected: pavo nat 203.0.113.5:40312 --at 20:36:40)", err.text);
    cli_note("understood: %s%s", pasted_text(&pasted, said), pasted.timed ? "" : ", without a time");
    snprintf(number, sizeof(number), "%u", pasted.protocol);
    address_port_text(pasted.address, pasted.port, end);
    if (!set(&arguments[NAT_END], end) || (pasted.protocol != 0 && !set(&arguments[NAT_PROTOCOL], number)) ||
        (pasted.timed && !set(&arguments[NAT_AT], when_text(&pasted.at, when))))
        return cli_fail(CLI_UNREACHABLE, "out of memory");
    return -1;
}

int nat_take_words(struct argument *arguments, int argc, char **argv, int first)
{
    if (argc - first == 1 && strpbrk(argv[first], " \t\n,") == NULL) {
        arguments[NAT_END].value = strdup(argv[first]); /* what is wrong with it the aggregator says */
        return arguments[NAT_END].value != NULL ? -1 : cli_fail(CLI_UNREACHABLE, "out of memory");
    }
    char *text = cli_join(argc, argv, first);
    int code = text == NULL ? cli_fail(CLI_UNREACHABLE, "out of memory") : take(arguments, text);
    free(text);
    return code;
}

int nat_take_file(struct argument *arguments, const char *path)
{
    char text[PASTED_MAX + 2];
    bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "r");
    if (file == NULL)
        return cli_fail(CLI_USAGE, "cannot read %s: %s", path, strerror(errno));
    size_t length = fread(text, 1, sizeof(text) - 1, file);
    bool failed = ferror(file) != 0;
    if (!standard)
        fclose(file);
    if (failed)
        return cli_fail(CLI_USAGE, "cannot read %s", path);
    text[length] = '\0';
    return take(arguments, text);
}
