/* SPDX-License-Identifier: Apache-2.0 */
/* pavo find: connections that match a filter. pavo links: what they are joined with at the boundaries. */
#include <stdlib.h>
#include <string.h>

#include "aggregator/cli/question.h"

/* Both are asked for by time and filter. */
enum { FROM, TO, LIMIT, COLUMNS, FILTER, VIEWS, ARGUMENTS };

struct asking {
    struct argument arguments[ARGUMENTS];
    struct option_spec specs[8];
    bool views, records;
};

static void asking_init(struct asking *a)
{
    const struct option_spec specs[] = {
        {.name = "from",
         .letter = 'f',
         .kind = OPTION_STRING,
         .target = &a->arguments[FROM].value,
         .argument = "TIME",
         .group = "Which flows",
         .help = "alive at or after TIME: 20:36, 'yesterday 20:36', '2026-11-23 20:36:40', -2h (ago), now, and other "
                 "forms of "
                 "logs and reports; local unless it says a zone"},
        {.name = "to",
         .letter = 't',
         .kind = OPTION_STRING,
         .target = &a->arguments[TO].value,
         .argument = "TIME",
         .help = "alive before TIME; of one written without seconds, or without a time, before its beginning"},
        {.name = "limit",
         .letter = 'n',
         .kind = OPTION_STRING,
         .target = &a->arguments[LIMIT].value,
         .argument = "N",
         .help = "at most N rows, the newest. Default: as many as the aggregator gives"},
        {.name = "columns",
         .letter = 'o',
         .kind = OPTION_STRING,
         .target = &a->arguments[COLUMNS].value,
         .argument = "NAMES",
         .help =
             "these columns alone, with commas between: src,dst,src_bytes. Default: in a table those it has room for "
             "(shown), with --json and --csv all"}};
    *a = (struct asking){.arguments = {[FROM] = {.name = "from", .is_time = true},
                                       [TO] = {.name = "to", .is_time = true},
                                       [LIMIT] = {.name = "limit"},
                                       [COLUMNS] = {.name = "columns"},
                                       [FILTER] = {.name = "filter", .positional = true},
                                       [VIEWS] = {.name = "views"}}};
    memcpy(a->specs, specs, sizeof(specs));
}

static int run(struct cli *cli, struct asking *a, const char *question, const struct options *words,
               const char *nothing, int argc, char **argv)
{
    struct options options = *words;
    options.specs = a->specs;
    int first, code = cli_options(cli, &options, argc, argv, &first);
    if (code < 0 && a->views && a->records)
        code = cli_fail(CLI_USAGE, "--views and --records: choose one");
    if (code < 0 && first < argc) {
        a->arguments[FILTER].value = cli_join(argc, argv, first);
        if (a->arguments[FILTER].value == NULL)
            code = cli_fail(CLI_UNREACHABLE, "out of memory");
    }
    if (code < 0 && a->views && (a->arguments[VIEWS].value = strdup("yes")) == NULL)
        code = cli_fail(CLI_UNREACHABLE, "out of memory");
    if (code < 0)
        code = question_run(
            cli, &(struct question){a->records ? "flows" : question, a->arguments, ARGUMENTS, nothing, NULL});
    arguments_free(a->arguments, ARGUMENTS);
    return code;
}

int cli_find(struct cli *cli, int argc, char **argv)
{
    static const struct options words = {
        .program = "pavo find",
        .usage = "[OPTION]... [FILTER]...",
        .about =
            "Prints the connections that match the filter: tcpdump's words and every field of a flow "
            "(pavo-filter(7)). A connection is shown once and whole, with what became of it at the NATs and firewalls "
            "it crossed: it has the ends, counters and times of the view inside, and the ends outside beside them. It "
            "matches when a record of one of its views does. Without a filter: all.",
        .examples = "pavo find --from -1h 'host 10.0.1.17 and dst port 22'\n"
                    "pavo find --from 2026-11-23 --to 2026-11-24 --json 'bytes > 1g' | jq '.dst // empty'\n"
                    "pavo find --views 'host 203.0.113.5 and port 40312' --limit 100\n"
                    "pavo find --from -1d 'dst port 22 and (verdict blocked or not linked)'\n"
                    "pavo find --from -1d 'dst in file bad-hosts.txt'",
    };
    struct asking asking;
    asking_init(&asking);
    const struct option_spec more[] = {
        {.name = "views",
         .letter = 'V',
         .kind = OPTION_FLAG,
         .target = &asking.views,
         .group = "What is a row",
         .help = "what each sensor saw of a connection is a row, whole, with what became of it"},
        {.name = "records",
         .letter = 'r',
         .kind = OPTION_FLAG,
         .target = &asking.records,
         .help = "each record is a row, as the sensors sent it: a long flow has one for each status interval, and "
                 "once it is older one an hour (the question `flows`)"}};
    memcpy(asking.specs + 4, more, sizeof(more));
    return run(cli, &asking, "find", &words, "no connection found", argc, argv);
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
    struct asking asking;
    asking_init(&asking);
    return run(cli, &asking, "links", &words, "no link found; pavo sensors shows what each boundary waits for", argc,
               argv);
}
