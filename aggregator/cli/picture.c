/* SPDX-License-Identifier: Apache-2.0 */
/* Asks for sums over time, and draws them. */
#include "aggregator/cli/picture.h"

#include <errno.h>
#include <langinfo.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "aggregator/cli/coverage.h"
#include "aggregator/cli/pager.h"
#include "aggregator/cli/plot_svg.h"
#include "aggregator/cli/plot_text.h"
#include "common/clock.h"
#include "common/when.h"

#define MEASURE_DEFAULT "bytes"
#define MEASURE_MAX     64
#define STEP_DEFAULT    "1h" /* the aggregator's */
#define INTERVALS       150  /* or fewer, of a time that is known */

void picture_specs(struct picture_options *options, struct option_spec ret_specs[static PICTURE_SPECS])
{
    const struct option_spec specs[PICTURE_SPECS] = {
        {.name = "output",
         .letter = 'o',
         .kind = OPTION_STRING,
         .target = &options->output,
         .argument = "FILE",
         .group = "Picture",
         .help =
             "draw into FILE.svg; or into FILE.png, by rsvg-convert (Debian: librsvg2-bin). Default: in the terminal"},
        {.name = "table",
         .kind = OPTION_FLAG,
         .target = &options->table,
         .help = "no picture: a row for each interval that has something in it"}};
    memcpy(ret_specs, specs, sizeof(specs));
}

void picture_options_free(struct picture_options *options)
{
    free(options->output);
    *options = (struct picture_options){0};
}

bool picture_is_of_rows(const struct cli *cli, const struct picture_options *options)
{
    return (cli->json || cli->csv || options->table) && options->output == NULL;
}

/* ---------------------------------------------------------------- asking */

static struct argument *argument_of(const struct question *question, const char *name)
{
    for (size_t i = 0; i < question->count; i++) {
        if (strcmp(question->arguments[i].name, name) == 0)
            return &question->arguments[i];
    }
    return NULL;
}

/* What is drawn: the column of the first of the question's measures; "distinct src" is distinct_src. */
static void measure_of(const struct question *question, char column[static MEASURE_MAX])
{
    const struct argument *argument = argument_of(question, "measure");
    const char *text = argument == NULL || argument->value == NULL ? MEASURE_DEFAULT : argument->value;
    text += strspn(text, " ");
    size_t length = strcspn(text, ",");
    while (length > 0 && text[length - 1] == ' ')
        length--;
    snprintf(column, MEASURE_MAX, "%.*s", length < MEASURE_MAX ? (int)length : (int)MEASURE_MAX - 1, text);
    for (char *at = column; *at != '\0'; at++)
        *at = *at == ' ' || *at == '/' ? '_' : *at;
}

/* 0: not given. */
static int64_t time_of(const struct question *question, const char *name)
{
    const struct argument *argument = argument_of(question, name);
    struct when when = {0};
    if (argument != NULL && argument->value != NULL &&
        when_parse(argument->value, NULL, &when, NULL, NULL) == RESULT_OK)
        return when.from_ns;
    return 0;
}

/* A step that makes a picture of the time asked about. */
static const char *choose_step(const struct question *question)
{
    static const struct {
        int64_t ns;
        const char *text;
    } steps[] = {{NS_PER_S, "1s"},        {5 * NS_PER_S, "5s"},    {10 * NS_PER_S, "10s"},  {30 * NS_PER_S, "30s"},
                 {60 * NS_PER_S, "1m"},   {300 * NS_PER_S, "5m"},  {600 * NS_PER_S, "10m"}, {1800 * NS_PER_S, "30m"},
                 {3600 * NS_PER_S, "1h"}, {21600 * NS_PER_S, "6h"}};
    int64_t from = time_of(question, "from"), to = time_of(question, "to");
    if (from == 0)
        return STEP_DEFAULT;
    int64_t span = (to == 0 ? clock_wall_ns() : to) - from;
    for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
        if (span / steps[i].ns <= INTERVALS)
            return steps[i].text;
    }
    return "1d";
}

static int fail(const struct error *err, enum result r)
{
    return cli_fail(r == RESULT_REJECT ? CLI_USAGE : CLI_UNREACHABLE, "%s", err->text);
}

static int ask_watched(struct ask *ask, struct plot *plot)
{
    const pavo_columns *page;
    int code = ask_begin(ask, "sensors", NULL, 0);
    if (code >= 0)
        return code;
    while (ask_page(ask, &page))
        plot_watched(plot, page);
    return ask->code;
}

static int take_answer(struct ask *ask, const char *measure, int64_t end_ns, struct coverage *coverage,
                       struct picture_asked *asked, struct plot_time *time)
{
    const pavo_columns *page;
    const char *command;
    struct error err;
    enum result r = plot_init(&asked->plot, pavo_answer_columns(ask->answer), measure, &err);
    if (r != RESULT_OK)
        return fail(&err, r);
    while (ask_page(ask, &page))
        plot_page(&asked->plot, page, ask->cli->utc);
    if (ask->code >= 0)
        return ask->code;
    asked->rows = ask->rows;
    plot_coverage(&asked->plot, pavo_answer_gaps(ask->answer), pavo_answer_reaches(ask->answer));
    coverage_add(coverage, ask->cli, ask->answer);
    if (end_ns != 0)
        coverage_behind(coverage, ask->cli, ask->answer, end_ns);
    (void)pavo_answer_extent(ask->answer, &time->oldest_ns, NULL, NULL, NULL);
    command = pavo_answer_command(ask->answer);
    asked->command = strdup(command == NULL ? "" : command);
    return asked->command == NULL ? cli_fail(CLI_UNREACHABLE, "out of memory") : -1;
}

int picture_ask(struct ask *ask, const struct question *question, const char *measure, struct coverage *coverage,
                struct picture_asked *ret_asked)
{
    struct argument *step = argument_of(question, "step");
    struct plot_time time = {
        .from_ns = time_of(question, "from"), .to_ns = time_of(question, "to"), .now_ns = clock_wall_ns()};
    struct error err;
    *ret_asked = (struct picture_asked){0};
    if (step == NULL)
        return cli_fail(CLI_UNREACHABLE, "the aggregator's question '%s' has no step", question->name);
    if (step->value == NULL && (step->value = strdup(choose_step(question))) == NULL)
        return cli_fail(CLI_UNREACHABLE, "out of memory");
    int code = ask_begin(ask, question->name, question->arguments, question->count);
    if (code < 0)
        code = take_answer(ask, measure == NULL ? MEASURE_DEFAULT : measure,
                           question_end(question->arguments, question->count), coverage, ret_asked, &time);
    if (code < 0)
        code = ask_watched(ask, &ret_asked->plot);
    if (code >= 0)
        return code;
    enum result r = duration_parse(step->value, &time.step_ns, &err); /* as the aggregator has taken it */
    if (r == RESULT_OK)
        r = plot_finish(&ret_asked->plot, &time, &err);
    return r == RESULT_OK ? -1 : fail(&err, r);
}

void picture_asked_free(struct picture_asked *asked)
{
    plot_free(&asked->plot);
    free(asked->command);
    asked->command = NULL;
}

/* ---------------------------------------------------------------- showing */

char *picture_text(const struct cli *cli, const struct plot *plot)
{
    const struct plot_room room = {
        .width = cli_width(), .utc = cli->utc, .plain = strcmp(nl_langinfo(CODESET), "UTF-8") != 0};
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (stream != NULL) {
        plot_text(stream, plot, &room);
        if (fclose(stream) == 0)
            return text;
    }
    free(text);
    return NULL;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);
    return length > end_length && strcmp(text + length - end_length, end) == 0;
}

static bool write_svg(FILE *stream, const struct cli *cli, const struct picture_asked *asked,
                      const struct coverage *coverage)
{
    char *line = NULL;
    size_t size = 0;
    FILE *sentence = open_memstream(&line, &size);
    if (sentence == NULL)
        return false;
    coverage_line(coverage, sentence);
    bool done = fclose(sentence) == 0;
    if (done)
        plot_svg(stream, &asked->plot,
                 &(struct plot_frame){.id = "pavo",
                                      .utc = cli->utc,
                                      .command = asked->command,
                                      .coverage = line,
                                      .whole = coverage->state == PAVO_COVERAGE_WHOLE});
    free(line);
    return done && !ferror(stream);
}

/* Starts what makes a PNG of the SVG it reads from *ret_input. 0, or errno. */
static int start_converter(const char *path, pid_t *ret_child, FILE **ret_input)
{
    extern char **environ;
    int ends[2];
    posix_spawn_file_actions_t actions;
    char *const arguments[] = {"rsvg-convert", "--format=png", "--zoom=2", "--output", (char *)path, NULL};
    if (pipe(ends) != 0)
        return errno;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    int error = posix_spawnp(ret_child, arguments[0], &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[0]);
    *ret_input = error == 0 ? fdopen(ends[1], "w") : NULL;
    if (*ret_input == NULL)
        close(ends[1]);
    return error;
}

static int write_png(const struct cli *cli, const char *path, const struct picture_asked *asked,
                     const struct coverage *coverage)
{
    pid_t child;
    FILE *input;
    int status = 0, error = start_converter(path, &child, &input);
    if (error != 0)
        return cli_fail(CLI_USAGE,
                        "%s: a PNG is made by rsvg-convert, which could not be started (%s): install it (Debian: "
                        "librsvg2-bin), or name a file .svg, which every browser shows",
                        path, strerror(error));
    void (*before)(int) = signal(SIGPIPE, SIG_IGN); /* its status says what went wrong */
    bool done = input != NULL && write_svg(input, cli, asked, coverage);
    done = input != NULL && fclose(input) == 0 && done;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    signal(SIGPIPE, before);
    return done && status == 0 ? -1 : cli_fail(CLI_UNREACHABLE, "%s: rsvg-convert could not make it", path);
}

static int write_file(const struct cli *cli, const char *path, const struct picture_asked *asked,
                      const struct coverage *coverage)
{
    if (ends_with(path, ".png"))
        return write_png(cli, path, asked, coverage);
    FILE *stream = fopen(path, "w");
    if (stream == NULL)
        return cli_fail(CLI_USAGE, "--output: %s: %s", path, strerror(errno));
    bool done = write_svg(stream, cli, asked, coverage);
    done = fclose(stream) == 0 && done;
    return done ? -1 : cli_fail(CLI_UNREACHABLE, "--output: %s: it could not be written whole", path);
}

/* The command, the coverage, the answer. */
static int print_all(const struct cli *cli, const struct picture_asked *asked, const struct coverage *coverage)
{
    char *text = picture_text(cli, &asked->plot); /* while the width is the terminal's */
    size_t lines = 3 + coverage->gaps.count + coverage->behind.count;
    if (text == NULL)
        return cli_fail(CLI_UNREACHABLE, "out of memory");
    for (const char *at = text; *at != '\0'; at++)
        lines += *at == '\n';
    (void)pager_begin(cli, lines);
    printf("$ %s\n", asked->command);
    coverage_print(coverage, cli);
    printf("\n%s", text);
    pager_end();
    free(text);
    return -1;
}

static int show(const struct cli *cli, const struct question *question, const struct picture_options *options,
                const struct picture_asked *asked, const struct coverage *coverage)
{
    int code = -1;
    if (asked->plot.line_count == 0) { /* no picture of nothing; what is not seen is said all the same */
        coverage_note(coverage, cli);
        cli_note("%s", question->nothing);
    } else if (options->output != NULL) {
        code = write_file(cli, options->output, asked, coverage);
        coverage_note(coverage, cli);
    } else {
        code = print_all(cli, asked, coverage);
    }
    return code < 0 ? coverage_code(coverage->state, asked->rows) : code;
}

int picture_run(const struct cli *cli, const struct question *question, const struct picture_options *options)
{
    struct ask ask;
    struct picture_asked asked = {0};
    struct coverage coverage = {0};
    char measure[MEASURE_MAX];
    if (options->output != NULL && !ends_with(options->output, ".svg") && !ends_with(options->output, ".png"))
        return cli_fail(CLI_USAGE, "--output: '%s' is neither .svg nor .png; rows go where standard output does",
                        options->output);
    if (options->output != NULL && (cli->json || cli->csv || options->table))
        return cli_fail(CLI_USAGE, "--output draws a picture; --json, --csv and --table print rows: choose one");
    if (!arguments_times(question->arguments, question->count))
        return CLI_USAGE;
    int code = ask_open(cli, &ask);
    if (code >= 0)
        return code;
    measure_of(question, measure);
    code = picture_ask(&ask, question, measure, &coverage, &asked);
    ask_close(&ask);
    if (code < 0)
        code = show(cli, question, options, &asked, &coverage);
    picture_asked_free(&asked);
    coverage_free(&coverage);
    return code;
}
