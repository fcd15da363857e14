/* SPDX-License-Identifier: Apache-2.0 */
/* pavo: one command with sub-commands. */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/cli/cli.h"
#include "aggregator/cli/local.h"
#include "common/nearest.h"

static const struct {
    const char *name;
    const char *summary;
    int (*run)(struct cli *cli, int argc, char **argv);
} commands[] = {
    {"find", "connections that match a filter", cli_find},
    {"nat", "who was behind an address, or where it came out", cli_nat},
    {"investigate", "the case of a host that scans, as a timeline", cli_investigate},
    {"links", "connections seen on both sides of a boundary", cli_links},
    {"sql", "what a SELECT comes to", cli_sql},
    {"watch", "flows, verdicts, losses ... as they come in", cli_watch},
    {"report", "a day, as text or as a page", cli_report},
    {"sensors", "what each sensor saw, sent and dropped", cli_sensors},
    {"questions", "what else the aggregator can be asked", cli_questions},
    {"export", "flows in bulk: CSV, JSON lines, Zeek's conn.log; anonymised", cli_export},
    {"keys", "make, enrol and show keys", cli_keys},
    {"sign", "let a console or gateway ask in your name", cli_sign},
};
#define COMMANDS (sizeof(commands) / sizeof(*commands))

static void about(char *text, size_t size)
{
    size_t used = (size_t)snprintf(
        text, size, "Asks a Pavo aggregator about network flows on both sides of its NATs.\n\nCommands:\n");
    for (size_t i = 0; i < COMMANDS; i++)
        used += (size_t)snprintf(text + used, size - used, "%s: %s\n", commands[i].name, commands[i].summary);
    snprintf(
        text + used, size - used,
        "\n`pavo COMMAND --help` explains each. Any other word is a question that the aggregator answers: `pavo top` "
        "(who "
        "had the most), `series` (over time), `peers`, `services`, `new`, `losses`, `store` ...; `pavo "
        "questions` lists them.\n\n"
        "Exit status: 0 answered, 1 nothing found and nothing known to be missing, 2 wrong usage, 3 not reached or "
        "refused, 4 answered, or nothing found, but something is known to be missing, and it says so.");
}

static int run(struct cli *cli, int argc, char **argv)
{
    struct nearest nearest = {.word = argv[0]};
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i].name, argv[0]) == 0)
            return commands[i].run(cli, argc, argv);
        nearest_try(&nearest, commands[i].name);
    }
    return cli_question(cli, nearest.name, argc, argv);
}

static char *copy_environment(const char *name)
{
    const char *value = getenv(name);
    return value == NULL || value[0] == '\0' ? NULL : strdup(value);
}

int main(int argc, char **argv)
{
    char text[2048];
    struct cli cli = {.timeout = CLI_TIMEOUT_DEFAULT,
                      .aggregator = copy_environment("PAVO_AGGREGATOR"),
                      .key = copy_environment("PAVO_KEY")};
    struct option_spec specs[CLI_COMMON_SPECS];
    const struct options options = {
        .program = "pavo",
        .usage = "[OPTION]... COMMAND [ARGUMENT]...",
        .about = text,
        .examples = "pavo nat 203.0.113.5:40312 --at 20:36:40\n"
                    "pavo find --from -1h 'host 10.0.1.17 and dst port 22'\n"
                    "pavo --json sensors",
        .specs = specs,
        .stop_at_argument = true,
    };
    setlocale(LC_CTYPE, ""); /* for the widths of a table's columns */
    about(text, sizeof(text));
    (void)cli_specs(&cli, specs);
    int first, code = cli_parse(&options, argc, argv, &first);
    if (code < 0 && first == argc)
        code = cli_fail(
            CLI_USAGE, "a command was expected: find, nat, investigate, links, sql, watch, report, sensors, questions, "
                       "export, keys or sign; pavo --help explains");
    else if (code < 0)
        code = run(&cli, argc - first, argv + first);
    local_end();
    if (fflush(stdout) != 0 || ferror(stdout))
        code = cli_fail(CLI_UNREACHABLE, "cannot write to standard output");
    options_fini(&options);
    return code;
}
