/* SPDX-License-Identifier: Apache-2.0 */
/* pavo report day: the questions of a morning, each with the command that asks it, what its answer rests on, and the
 * answer; in the terminal, or as a page. */
#include "aggregator/cli/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "aggregator/cli/coverage.h"
#include "aggregator/cli/pager.h"
#include "aggregator/cli/picture.h"
#include "aggregator/cli/plot_svg.h"
#include "aggregator/cli/print.h"
#include "common/clock.h"
#include "common/when.h"

#define DAY_LEAST_NS (22 * 3600 * NS_PER_S) /* clocks are set on some */
#define DAY_MOST_NS  (26 * 3600 * NS_PER_S)

/* ---------------------------------------------------------------- what is asked */

#define SET_MAX 4

struct section {
    const char *title, *about;
    const char *question;
    const char *set[SET_MAX][2]; /* arguments that are always the same */
    const char *filter;          /* of flows; with the reader's own */
    bool of_day;                 /* takes the day; otherwise it is of now */
    bool of_flows;               /* takes the reader's filter */
    bool of_past;                /* rests on more than the day: what is missing there is not missing of the day */
};

static const struct section sections[] = {
    {.title = "Volumes",
     .about = "Bytes as each sensor saw them.",
     .question = PICTURE_QUESTION,
     .of_day = true,
     .of_flows = true},
    {.title = "Top talkers",
     .about = "Hosts by bytes, whichever end they are.",
     .question = "top",
     .set = {{"by", "host"}, {"limit", "10"}},
     .of_day = true,
     .of_flows = true},
    {.title = "Services",
     .about = "Protocols and ports by bytes.",
     .question = "top",
     .set = {{"by", "service"}, {"limit", "10"}},
     .of_day = true,
     .of_flows = true},
    {.title = "Attempts",
     .about = "Who tried the most others without an answer, or was refused: scans, and what is broken.",
     .question = "top",
     .set = {{"by", "src"}, {"sort", "distinct dst,distinct service"}, {"limit", "10"}},
     .filter = "state S0 or state REJ",
     .of_day = true,
     .of_flows = true},
    {.title = "New services",
     .about = "Services that answered, and in the month before did not.",
     .question = "new",
     .set = {{"what", "services"}, {"limit", "20"}},
     .of_day = true,
     .of_flows = true,
     .of_past = true},
    {.title = "Losses",
     .about = "What is gone, and why; the newest, where there are many.",
     .question = "losses",
     .set = {{"limit", "100"}},
     .of_day = true},
    {.title = "Sensors", .about = "As they are now: their sums must agree.", .question = "sensors"},
    {.title = "Boundaries",
     .about = "What became of the views at each, since the store began.",
     .question = "boundaries"},
};
#define SECTIONS      (sizeof(sections) / sizeof(*sections))
#define SECTION_LINES 8 /* at least */

struct report {
    struct ask ask;
    int64_t from_ns, to_ns;
    const char *filter; /* the reader's; "": none */
    FILE *page;         /* as HTML; NULL: in the terminal */
    size_t found;       /* rows of flows */
    int state;          /* the worst of the day's coverage */
};

/* "(a) and (b)", or the one that there is. NULL: out of memory. */
static char *both(const char *a, const char *b)
{
    char *text = NULL;
    if (a == NULL || a[0] == '\0' || b == NULL || b[0] == '\0')
        return strdup(a == NULL || a[0] == '\0' ? (b == NULL ? "" : b) : a);
    return asprintf(&text, "(%s) and (%s)", a, b) < 0 ? NULL : text;
}

static bool add(struct argument *arguments, size_t *count, const char *name, const char *value)
{
    arguments[*count] = (struct argument){.name = name, .value = strdup(value)};
    return arguments[(*count)++].value != NULL;
}

/* What the section asks with. False: out of memory. */
static bool fill(const struct report *report, const struct section *section, struct argument *arguments, size_t *count)
{
    char from[ASK_TIME_MAX], to[ASK_TIME_MAX];
    bool done = true;
    *count = 0;
    if (section->of_day)
        done = add(arguments, count, "from", ask_time_text(report->from_ns, from)) &&
               add(arguments, count, "to", ask_time_text(report->to_ns, to));
    for (size_t i = 0; i < SET_MAX && section->set[i][0] != NULL && done; i++)
        done = add(arguments, count, section->set[i][0], section->set[i][1]);
    if (strcmp(section->question, PICTURE_QUESTION) == 0)
        arguments[(*count)++] = (struct argument){.name = "step"}; /* chosen for the picture */
    char *filter = section->of_flows ? both(report->filter, section->filter) : strdup("");
    if (filter != NULL && filter[0] != '\0')
        done = done && add(arguments, count, "filter", filter);
    done = done && filter != NULL;
    free(filter);
    return done;
}

/* ---------------------------------------------------------------- a section */

static void begin_section(const struct report *report, const struct section *section, const char *command,
                          const struct coverage *coverage)
{
    bool bold = isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL;
    if (report->page != NULL) {
        report_html_section(report->page, section->title, section->about, command, coverage);
        return;
    }
    printf("\n%s%s%s\n", bold ? "\033[1m" : "", section->title, bold ? "\033[0m" : "");
    cli_wrap(section->about, 0);
    printf("$ %s\n", command == NULL ? "" : command);
    coverage_print(coverage, report->ask.cli);
    putchar('\n');
}

static void end_section(const struct report *report, size_t rows)
{
    if (report->page != NULL)
        report_html_section_end(report->page, rows == 0 ? "Nothing." : NULL);
    else if (rows == 0)
        puts("Nothing.");
}

static void add_coverage(struct report *report, const struct section *section, struct coverage *coverage)
{
    coverage_add(coverage, report->ask.cli, report->ask.answer);
    if (section->of_day)
        coverage_behind(coverage, report->ask.cli, report->ask.answer, report->to_ns);
}

/* Rows are kept until the coverage is known, which stands before them. */
static int show_table(struct report *report, const struct section *section, struct coverage *coverage)
{
    const pavo_columns *page;
    char *text = NULL;
    size_t size = 0;
    FILE *kept = report->page == NULL ? NULL : open_memstream(&text, &size);
    struct printer *printer =
        report->page == NULL ? printer_new(report->ask.cli, pavo_answer_columns(report->ask.answer))
        : kept == NULL       ? NULL
                             : printer_new_page(report->ask.cli, pavo_answer_columns(report->ask.answer), kept);
    if (printer == NULL) {
        if (kept != NULL)
            fclose(kept);
        free(text);
        return CLI_UNREACHABLE;
    }
    while (ask_page(&report->ask, &page))
        printer_page(printer, page);
    if (report->ask.code < 0) {
        add_coverage(report, section, coverage);
        begin_section(report, section, pavo_answer_command(report->ask.answer), coverage);
    }
    bool printed = printer_end(&printer);
    if (kept != NULL && fclose(kept) == 0 && report->ask.code < 0)
        fputs(text, report->page);
    free(text);
    if (report->ask.code < 0)
        end_section(report, report->ask.rows);
    report->found += section->of_flows ? report->ask.rows : 0;
    return report->ask.code >= 0 ? report->ask.code : printed ? -1 : CLI_UNREACHABLE;
}

static int show_picture(struct report *report, const struct section *section, const struct question *question,
                        struct coverage *coverage)
{
    struct picture_asked asked;
    int code = picture_ask(&report->ask, question, NULL, coverage, &asked);
    if (code < 0) {
        begin_section(report, section, asked.command, coverage);
        char *text = report->page == NULL ? picture_text(report->ask.cli, &asked.plot) : NULL;
        if (text != NULL)
            fputs(text, stdout);
        if (report->page != NULL && asked.plot.line_count > 0) {
            fputs("<div class=\"wide\">", report->page); /* on a small screen it is moved, not made unreadable */
            plot_svg(report->page, &asked.plot,
                     &(struct plot_frame){.id = "volumes", .utc = report->ask.cli->utc, .whole = true});
            fputs("</div>\n", report->page);
        }
        free(text);
        end_section(report, asked.rows);
    }
    picture_asked_free(&asked);
    return code;
}

static int show_section(struct report *report, const struct section *section)
{
    struct argument arguments[SET_MAX + 4];
    struct coverage coverage = {0};
    size_t count;
    int code = -1;
    if (!fill(report, section, arguments, &count)) {
        code = cli_fail(CLI_UNREACHABLE, "out of memory");
    } else if (strcmp(section->question, PICTURE_QUESTION) == 0) {
        code = show_picture(report, section, &(struct question){section->question, arguments, count, NULL, NULL},
                            &coverage);
    } else {
        code = ask_begin(&report->ask, section->question, arguments, count);
        if (code < 0)
            code = show_table(report, section, &coverage);
    }
    if (section->of_day && !section->of_past && coverage.state != PAVO_COVERAGE_WHOLE)
        report->state = coverage.state;
    coverage_free(&coverage);
    arguments_free(arguments, count);
    return code;
}

/* ---------------------------------------------------------------- the day */

static int show_all(struct report *report, const char *title)
{
    int code = -1;
    if (report->page != NULL) {
        report_html_begin(report->page, title);
    } else {
        if (pager_begin(report->ask.cli, SECTIONS * SECTION_LINES))
            progress_free(&report->ask.progress); /* the terminal is the pager's */
        printf("%s\n", title);
    }
    for (size_t i = 0; i < SECTIONS && code < 0; i++)
        code = show_section(report, &sections[i]);
    if (report->page != NULL && code < 0)
        report_html_end(report->page, clock_wall_ns(), report->ask.cli->utc);
    if (report->page == NULL)
        pager_end();
    return code < 0 ? coverage_code(report->state, report->found) : code;
}

/* The page is written when it is whole. */
static int write_page(struct report *report, const char *title, const char *path)
{
    char *text = NULL;
    size_t size = 0;
    report->page = open_memstream(&text, &size);
    if (report->page == NULL)
        return cli_fail(CLI_UNREACHABLE, "out of memory");
    int code = show_all(report, title);
    bool whole = fclose(report->page) == 0;
    if (code == CLI_ANSWERED || code == CLI_NOTHING || code == CLI_INCOMPLETE) {
        FILE *file = whole ? fopen(path, "w") : NULL;
        bool written = file != NULL && fwrite(text, 1, size, file) == size;
        if (file == NULL || fclose(file) != 0 || !written)
            code = cli_fail(CLI_USAGE, "--output: %s: %s", path, strerror(errno));
    }
    free(text);
    return code;
}

/* An exit code, or -1. */
static int read_day(struct report *report, const char *typed, bool utc)
{
    const struct when_here here = {.now_ns = clock_wall_ns()};
    struct when when;
    struct error err;
    char *text = NULL;
    if (asprintf(&text, "%s%s", typed, utc ? " UTC" : "") < 0)
        return cli_fail(CLI_UNREACHABLE, "out of memory");
    enum result r = when_parse(text, &here, &when, NULL, &err);
    free(text);
    if (r != RESULT_OK)
        return cli_fail(CLI_USAGE, "%s; a filter stands behind the day: pavo report day yesterday 'host 10.0.1.17'",
                        err.text);
    if (when.to_ns - when.from_ns < DAY_LEAST_NS || when.to_ns - when.from_ns > DAY_MOST_NS)
        return cli_fail(CLI_USAGE,
                        "'%s' is no day: today, yesterday or a date was expected, as in pavo report day "
                        "2026-11-25",
                        typed);
    report->from_ns = when.from_ns;
    report->to_ns = when.to_ns;
    return -1;
}

static int run(struct cli *cli, const char *path, const char *day, const char *filter)
{
    struct report report = {.filter = filter};
    char title[512], date[TIME_TEXT_MAX];
    int code = read_day(&report, day, cli->utc);
    if (code < 0)
        code = ask_open(cli, &report.ask);
    if (code >= 0)
        return code;
    snprintf(title, sizeof(title), "Report of %.10s%s%.400s", time_text(report.from_ns, cli->utc, date),
             filter[0] == '\0' ? "" : ", ", filter);
    code = path == NULL ? show_all(&report, title) : write_page(&report, title, path);
    ask_close(&report.ask);
    return code;
}

int cli_report(struct cli *cli, int argc, char **argv)
{
    char *output = NULL;
    const struct option_spec specs[] = {{.name = "output",
                                         .letter = 'o',
                                         .kind = OPTION_STRING,
                                         .target = &output,
                                         .argument = "FILE",
                                         .group = "Report",
                                         .help = "a page (HTML, pictures in it, no script) into FILE. Default: text in "
                                                 "the terminal"},
                                        {0}};
    const struct options options = {
        .program = "pavo report",
        .usage = "[OPTION]... day [DATE [FILTER]...]",
        .about = "Tells of a day, from midnight to midnight: volumes over time, top talkers, services, attempts that "
                 "nobody answered, losses, sensors and boundaries; of the flows that match the filter, where there is "
                 "one. Each with the command that asks for it alone, what its answer rests on, and the answer. "
                 "Default: yesterday.",
        .examples = "pavo report day -o yesterday.html\n"
                    "pavo report day today 'host 10.0.1.17'\n"
                    "pavo report day 2026-11-25 'net 10.0.1.0/24'",
        .specs = specs,
    };
    int first, code = cli_options(cli, &options, argc, argv, &first);
    if (code < 0 && (first == argc || strcmp(argv[first], "day") != 0))
        code = cli_fail(CLI_USAGE, "a report is of a day: pavo report day, pavo report day yesterday -o day.html");
    if (code < 0 && (cli->json || cli->csv))
        code = cli_fail(CLI_USAGE, "a report is for people; each of its sections names its command, which takes --json "
                                   "and --csv");
    if (code < 0) {
        char *filter = cli_join(argc, argv, first + 2 > argc ? argc : first + 2);
        code = filter == NULL ? cli_fail(CLI_UNREACHABLE, "out of memory")
                              : run(cli, output, first + 1 < argc ? argv[first + 1] : "yesterday", filter);
        free(filter);
    }
    options_fini(&options);
    return code;
}
