/* SPDX-License-Identifier: Apache-2.0 */
/* pavo export: the flow records of a time, however many, as CSV, JSON lines or Zeek's conn.log.
 *
 * An answer has so many rows at most. Of a time of which not all came, what came is taken back, and its halves are
 * asked about, by the records' first times. So memory is a page, and every record comes once. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/cli/ask.h"
#include "aggregator/cli/coverage.h"
#include "aggregator/cli/export.h"
#include "aggregator/cli/print.h"
#include "common/clock.h"
#include "common/when.h"

enum { FROM, TO, FILTER, ARGUMENTS };
enum format { FORMAT_CSV, FORMAT_JSONL, FORMAT_ZEEK, FORMAT_COUNT };
static const char *const format_names[FORMAT_COUNT] = {"csv", "jsonl", "zeek"};

struct export
{
    struct cli cli; /* with the form that the printer is to have */
    enum format format;
    const char *filter; /* borrowed; NULL: all */
    bool anonymous;
    uint8_t key[PAVO_ANONYMISE_KEY_SIZE]; /* secret */
    struct ask ask;
    struct output output;
    struct printer *printer; /* owned; NULL: nothing came yet */
    struct coverage coverage;
    size_t rows;
};

/* ---- rows */

static int print_page(struct export *e, const pavo_columns *page)
{
    pavo_columns *other = NULL;
    if (e->anonymous && (page = other = pavo_columns_anonymise(page, e->key)) == NULL)
        return cli_fail(CLI_UNREACHABLE, "out of memory");
    if (e->format != FORMAT_ZEEK)
        printer_page(e->printer, page);
    else
        for (size_t row = 0; row < pavo_columns_rows(page); row++)
            zeek_row(page, row);
    pavo_columns_destroy(&other);
    return -1;
}

/* The heading, once the columns are known. */
static int begin_form(struct export *e)
{
    if (e->printer != NULL)
        return -1;
    if (e->format == FORMAT_ZEEK)
        zeek_head(clock_wall_ns());
    struct cli quiet = e->cli;
    quiet.json = e->format != FORMAT_CSV; /* a printer without a heading */
    e->printer = printer_new(e->format == FORMAT_ZEEK ? &quiet : &e->cli, pavo_answer_columns(e->ask.answer));
    return e->printer == NULL ? CLI_UNREACHABLE : -1;
}

/* ---- parts of the time */

static bool was_cut(const pavo_answer *answer)
{
    const pavo_columns *gaps = pavo_answer_gaps(answer);
    for (size_t row = 0; row < pavo_columns_rows(gaps); row++) {
        const char *gap = pavo_columns_text(gaps, row, pavo_columns_field(gaps, "gap"));
        if (gap != NULL && strcmp(gap, "limit") == 0)
            return true;
    }
    return false;
}

/* Those whose first packet is in [from, to); of the first part also those that began before. NULL: out of memory. */
static char *filter_of(const struct export *e, int64_t from, int64_t to, bool first)
{
    char after[ASK_TIME_MAX], before[ASK_TIME_MAX], *text;
    (void)ask_time_text(from, after);
    (void)ask_time_text(to, before);
    int length = e->filter == NULL ? asprintf(&text, "first_time < %s", before)
                                   : asprintf(&text, "(%s) and first_time < %s", e->filter, before);
    if (length < 0 || first)
        return length < 0 ? NULL : text;
    char *both;
    length = asprintf(&both, "%s and first_time >= %s", text, after);
    free(text);
    return length < 0 ? NULL : both;
}

static int take_part(struct export *e, int64_t from, int64_t to, bool first, bool *ret_cut)
{
    char after[ASK_TIME_MAX], before[ASK_TIME_MAX];
    struct argument arguments[] = {{.name = "from", .value = (char *)ask_time_text(from, after)},
                                   {.name = "to", .value = (char *)ask_time_text(to, before)},
                                   {.name = "filter", .value = filter_of(e, from, to, first)}};
    const pavo_columns *page;
    int code = arguments[2].value == NULL ? cli_fail(CLI_UNREACHABLE, "out of memory") : -1;
    if (code < 0)
        code = ask_begin(&e->ask, "flows", arguments, 3);
    if (code < 0)
        code = begin_form(e);
    int64_t mark = output_mark();
    while (code < 0 && ask_page(&e->ask, &page))
        code = print_page(e, page);
    if (code < 0)
        code = e->ask.code;
    free(arguments[2].value);
    *ret_cut = code < 0 && was_cut(e->ask.answer) && to - from > 1;
    if (code >= 0 || *ret_cut)
        return code < 0 && !output_back(mark) ? cli_fail(CLI_UNREACHABLE, "the export cannot be written") : code;
    e->rows += e->ask.rows;
    coverage_add(&e->coverage, &e->cli, e->ask.answer);
    return output_pass_on(&e->output) ? -1 : CLI_UNREACHABLE;
}

static int take(struct export *e, int64_t from, int64_t to, bool first)
{
    bool cut;
    int code = take_part(e, from, to, first, &cut);
    if (code >= 0 || !cut)
        return code;
    int64_t middle = from + (to - from) / 2;
    code = take(e, from, middle, first);
    return code < 0 ? take(e, middle, to, false) : code;
}

/* ---- the whole */

/* Asks as it was typed, for a single row: what is wrong with it is told of the very words, and the answer says what
 * times the store has. *ret_from, *ret_to: what of the time that was asked about may have records. */
static int find_extent(struct export *e, const struct argument typed[static ARGUMENTS], int64_t *ret_from,
                       int64_t *ret_to)
{
    const pavo_columns *page;
    struct argument arguments[ARGUMENTS + 1];
    struct when when;
    int64_t oldest = 0, newest = 0;
    memcpy(arguments, typed, ARGUMENTS * sizeof(*typed));
    arguments[ARGUMENTS] = (struct argument){.name = "limit", .value = (char *)"1"};
    int code = ask_begin(&e->ask, "flows", arguments, ARGUMENTS + 1);
    while (code < 0 && ask_page(&e->ask, &page))
        continue;
    if (code < 0)
        code = e->ask.code;
    if (code >= 0)
        return code;
    (void)pavo_answer_extent(e->ask.answer, &oldest, &newest, NULL, NULL);
    *ret_from = oldest;
    *ret_to = newest + (newest != 0);
    if (typed[FROM].value != NULL && when_parse(typed[FROM].value, NULL, &when, NULL, NULL) == RESULT_OK &&
        when.from_ns > oldest)
        *ret_from = when.from_ns;
    if (typed[TO].value != NULL && when_parse(typed[TO].value, NULL, &when, NULL, NULL) == RESULT_OK &&
        when.from_ns < *ret_to)
        *ret_to = when.from_ns;
    if (*ret_from >= *ret_to) { /* there is nothing; what the answer rests on says why */
        code = begin_form(e);
        coverage_add(&e->coverage, &e->cli, e->ask.answer);
    }
    return code;
}

static int run(struct export *e, struct argument arguments[static ARGUMENTS], const char *path)
{
    int64_t from = 0, to = 0;
    if (!arguments_times(arguments, ARGUMENTS))
        return CLI_USAGE;
    int code = ask_open(&e->cli, &e->ask);
    if (code >= 0)
        return code;
    if (!output_begin(&e->output, path))
        code = CLI_UNREACHABLE;
    if (code < 0)
        code = find_extent(e, arguments, &from, &to);
    if (code < 0 && from < to)
        code = take(e, from, to, true);
    if (code < 0 && e->format == FORMAT_ZEEK && e->printer != NULL)
        zeek_end(clock_wall_ns());
    if (code < 0 && !output_pass_on(&e->output))
        code = CLI_UNREACHABLE;
    if (e->printer != NULL && !printer_end(&e->printer) && code < 0)
        code = CLI_UNREACHABLE;
    if (!output_end(&e->output, code < 0) && code < 0)
        code = CLI_UNREACHABLE;
    ask_close(&e->ask);
    if (code >= 0)
        return code;
    coverage_note(&e->coverage, &e->cli);
    if (path != NULL)
        cli_note("%zu records in %s", e->rows, path);
    else if (e->rows == 0)
        cli_note("no flow found");
    return coverage_code(e->coverage.state, e->rows);
}

static int choose_format(struct export *e, const char *name)
{
    if (name == NULL) {
        e->format = e->cli.json ? FORMAT_JSONL : FORMAT_CSV;
    } else {
        while (e->format < FORMAT_COUNT && strcmp(format_names[e->format], name) != 0)
            e->format++;
        if (e->format == FORMAT_COUNT)
            return cli_fail(CLI_USAGE, "--format: '%s' is none of csv, jsonl, zeek", name);
    }
    e->cli.csv = e->format == FORMAT_CSV;
    e->cli.json = e->format == FORMAT_JSONL;
    return -1;
}

int cli_export(struct cli *cli, int argc, char **argv)
{
    char *format = NULL, *path = NULL, *key = NULL;
    struct argument arguments[ARGUMENTS] = {[FROM] = {.name = "from", .is_time = true},
                                            [TO] = {.name = "to", .is_time = true},
                                            [FILTER] = {.name = "filter", .positional = true}};
    const struct option_spec specs[] = {
        {.name = "from",
         .letter = 'f',
         .kind = OPTION_STRING,
         .target = &arguments[FROM].value,
         .argument = "TIME",
         .group = "Which flows",
         .help = "alive at or after TIME, in the forms of pavo find"},
        {.name = "to",
         .letter = 't',
         .kind = OPTION_STRING,
         .target = &arguments[TO].value,
         .argument = "TIME",
         .help = "whose records begin before TIME"},
        {.name = "format",
         .kind = OPTION_STRING,
         .target = &format,
         .argument = "csv|jsonl|zeek",
         .group = "Form",
         .help = "comma-separated values, an object a line, or Zeek's conn.log. Default: csv"},
        {.name = "output",
         .letter = 'o',
         .kind = OPTION_STRING,
         .target = &path,
         .argument = "FILE",
         .help = "there, when it is whole; until then FILE.part. Default: standard output"},
        {.name = "anonymise",
         .kind = OPTION_STRING,
         .target = &key,
         .argument = "KEYFILE",
         .help = "other addresses in place of all, the same one for the same one, with what prefixes they share kept; "
                 "without MAC addresses, payload digests, Community ID and what else links rest on. KEYFILE is made if "
                 "it is not there"},
        {0}};
    const struct options options = {
        .program = "pavo export",
        .usage = "[OPTION]... [FILTER]...",
        .about =
            "Writes the flow records that match the filter, however many they are; all fields of each, those that "
            "are not known empty or left out. In Zeek's form there is a line for each record, and all records of a "
            "flow have one uid.",
        .examples = "pavo export --from 2026-11-23 --to 2026-11-24 --output monday.csv\n"
                    "pavo export --from -1d --format zeek 'dst port 53' | zeek-cut id.orig_h id.resp_h\n"
                    "pavo export --format jsonl --anonymise share.key | gzip > flows.jsonl.gz",
        .specs = specs,
    };
    struct export e = {0};
    int first, code = cli_options(cli, &options, argc, argv, &first);
    e.cli = *cli;
    if (code < 0)
        code = choose_format(&e, format);
    if (code < 0 && first < argc && (arguments[FILTER].value = cli_join(argc, argv, first)) == NULL)
        code = cli_fail(CLI_UNREACHABLE, "out of memory");
    e.filter = arguments[FILTER].value;
    e.anonymous = key != NULL;
    if (code < 0 && key != NULL && !export_key(key, e.key))
        code = CLI_USAGE;
    if (code < 0)
        code = run(&e, arguments, path);
    sodium_memzero(e.key, sizeof(e.key));
    coverage_free(&e.coverage);
    arguments_free(arguments, ARGUMENTS);
    free(format);
    free(path);
    free(key);
    return code;
}
