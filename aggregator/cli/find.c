/* SPDX-License-Identifier: Apache-2.0 */
/* pavo find: flows that match a filter. pavo links: what they are joined with at the boundaries. */
#include <stdlib.h>

#include "aggregator/cli/question.h"

/* Both are asked for by time and filter. */
enum { FROM, TO, LIMIT, COLUMNS, FILTER, ARGUMENTS };

static int run(struct cli *cli, const char *question, const struct options *words, const char *nothing, int argc,
               char **argv)
{
    struct argument arguments[ARGUMENTS] = {[FROM] = {.name = "from", .is_time = true},
                                            [TO] = {.name = "to", .is_time = true},
                                            [LIMIT] = {.name = "limit"},
                                            [COLUMNS] = {.name = "columns"},
                                            [FILTER] = {.name = "filter", .positional = true}};
    const struct option_spec specs[] = {
        {.name = "from",
         .letter = 'f',
         .kind = OPTION_STRING,
         .target = &arguments[FROM].value,
         .argument = "TIME",
         .group = "Which flows",
         .help = "alive at or after TIME: 20:36, 'yesterday 20:36', '2026-11-23 20:36:40', -2h (ago), now, and other "
                 "forms of "
                 "logs and reports; local unless it says a zone"},
        {.name = "to",
         .letter = 't',
         .kind = OPTION_STRING,
         .target = &arguments[TO].value,
         .argument = "TIME",
         .help = "alive before TIME; of one written without seconds, or without a time, before its beginning"},
        {.name = "limit",
         .letter = 'n',
         .kind = OPTION_STRING,
         .target = &arguments[LIMIT].value,
         .argument = "N",
         .help = "at most N rows, the newest. Default: as many as the aggregator gives"},
        {.name = "columns",
         .letter = 'o',
         .kind = OPTION_STRING,
         .target = &arguments[COLUMNS].value,
         .argument = "NAMES",
         .help =
             "these columns alone, with commas between: src,dst,src_bytes. Default: in a table those it has room for "
             "(shown), with --json and --csv all"},
        {0}};
    struct options options = *words;
    options.specs = specs;
    int first, code = cli_options(cli, &options, argc, argv, &first);
    if (code < 0 && first < argc) {
        arguments[FILTER].value = cli_join(argc, argv, first);
        if (arguments[FILTER].value == NULL)
            code = cli_fail(CLI_UNREACHABLE, "out of memory");
    }
    if (code < 0)
        code = question_run(cli, &(struct question){question, arguments, ARGUMENTS, nothing, NULL});
    arguments_free(arguments, ARGUMENTS);
    return code;
}

int cli_find(struct cli *cli, int argc, char **argv)
{
    static const struct options words = {
        .program = "pavo find",
        .usage = "[OPTION]... [FILTER]...",
        .about = "Prints the flow records that match the filter: tcpdump's words and every field of a flow "
                 "(pavo-filter(7)). A long connection has several records: one for each status interval, and later "
                 "one an hour; each side of a NAT has its own. Without a filter: all.",
        .examples = "pavo find --from -1h 'host 10.0.1.17 and dst port 22'\n"
                    "pavo find --from 2026-11-23 --to 2026-11-24 --json 'bytes > 1g' | jq '.dst // empty'\n"
                    "pavo find 'sensor inner and state S0 and dst port 445' --limit 100\n"
                    "pavo find --from -1d 'dst in file bad-hosts.txt'",
    };
    return run(cli, "find", &words, "no flow found", argc, argv);
}

int cli_links(struct cli *cli, int argc, char **argv)
{
    static const struct options words = {
        .program = "pavo links",
        .usage = "[OPTION]... [FILTER]...",
        .about = "Prints the links of the flows that match the filter: two views of one connection, on the two sides "
                 "of a boundary, with what was translated, how they were recognised, and how sure that is.",
        .examples = "pavo links --from -10m 'host 10.0.1.17'\n"
                    "pavo links --json 'sensor outer and dst port 443' | jq '.src // empty'",
    };
    return run(cli, "links", &words, "no link found; pavo sensors shows what each boundary waits for", argc, argv);
}
