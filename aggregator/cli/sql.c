/* SPDX-License-Identifier: Apache-2.0 */
/* pavo sql: what a SELECT comes to. */
#include <stdlib.h>

#include "aggregator/cli/question.h"

#define PATIENCE_NS (65 * 1000000000ll) /* the aggregator ends it after 60 s, and says so */

enum { FLOWS, FROM, TO, SELECT, ARGUMENTS };

/* What may be read: the question views. */
static int run_schema(const struct cli *cli, int argc, char **argv, int first)
{
    struct argument argument = {.name = "name", .positional = true};
    if (argc - first > 1)
        return cli_fail(CLI_USAGE, "one view at most: pavo sql --schema flow");
    argument.value = first == argc ? NULL : cli_join(argc, argv, first);
    int code = question_run(cli, &(struct question){"views", &argument, 1, "there are no views", NULL});
    arguments_free(&argument, 1);
    return code;
}

static int run_select(struct cli *cli, struct argument *arguments, int argc, char **argv, int first)
{
    if (first == argc)
        return cli_fail(CLI_USAGE,
                        "a SELECT was expected: pavo sql 'SELECT count(*) FROM flow'; pavo sql --schema lists "
                        "what may be read");
    arguments[SELECT].value = cli_join(argc, argv, first);
    if (arguments[SELECT].value == NULL)
        return cli_fail(CLI_UNREACHABLE, "out of memory");
    cli->timeout = cli->timeout < PATIENCE_NS ? PATIENCE_NS : cli->timeout;
    return question_run(cli, &(struct question){"sql", arguments, ARGUMENTS, "the SELECT has no rows", NULL});
}

int cli_sql(struct cli *cli, int argc, char **argv)
{
    struct argument arguments[ARGUMENTS] = {[FLOWS] = {.name = "flows"},
                                            [FROM] = {.name = "from", .is_time = true},
                                            [TO] = {.name = "to", .is_time = true},
                                            [SELECT] = {.name = "select", .positional = true}};
    bool schema = false;
    const struct option_spec specs[] = {
        {.name = "from",
         .letter = 'f',
         .kind = OPTION_STRING,
         .target = &arguments[FROM].value,
         .argument = "TIME",
         .group = "What is read",
         .help =
             "the views have records alive at or after TIME; times as in pavo find. Say one where you can: without, "
             "all that is kept is read"},
        {.name = "to",
         .letter = 't',
         .kind = OPTION_STRING,
         .target = &arguments[TO].value,
         .argument = "TIME",
         .help = "the views have records alive before TIME"},
        {.name = "flows",
         .kind = OPTION_STRING,
         .target = &arguments[FLOWS].value,
         .argument = "FILTER",
         .help =
             "the view flow, and with it connection, has only flows that match (pavo-filter(7)): a host is found by "
             "the index, where WHERE reads all"},
        {.name = "schema",
         .kind = OPTION_FLAG,
         .target = &schema,
         .group = "In its place",
         .help = "list the views and their columns, or those of the view that is named"},
        {0}};
    const struct options options = {
        .program = "pavo sql",
        .usage = "[OPTION]... SELECT",
        .about =
            "Answers one SELECT (DuckDB's SQL) of views over all that is stored: flow, verdict, binding, loss, "
            "status, alert and hour, a row a record, and connection, a row a connection with all its records and "
            "both views of it as one. Times are TIMESTAMP in UTC, addresses and words text, and what is not known "
            "is NULL. The SELECT runs in a process of its own, which reads nothing else, calls only functions that "
            "compute, and ends after 60 s or with 512 MiB.",
        .examples =
            "pavo sql --schema connection\n"
            "pavo sql --from -1d 'SELECT dst, sum(src_bytes) AS sent FROM connection GROUP BY dst ORDER BY sent "
            "DESC LIMIT 10'\n"
            "pavo sql --from -1h --flows 'host 10.0.1.17' --json 'SELECT dst_port, count(*) FROM flow GROUP BY "
            "ALL'",
        .specs = specs,
    };
    int first, code = cli_options(cli, &options, argc, argv, &first);
    if (code < 0)
        code = schema ? run_schema(cli, argc, argv, first) : run_select(cli, arguments, argc, argv, first);
    arguments_free(arguments, ARGUMENTS);
    return code;
}
