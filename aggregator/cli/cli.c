/* SPDX-License-Identifier: Apache-2.0 */
/* What the sub-commands share: complaints, options, keys, signals. */
#include "aggregator/cli/cli.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "aggregator/cli/local.h"

#define WIDTH_DEFAULT 120
#define WIDTH_LEAST   40

/* ---------------------------------------------------------------- complaints */

__attribute__((format(printf, 1, 0))) static void say(const char *format, va_list arguments)
{
    fflush(stdout); /* what is said follows what it is about */
    fputs("pavo: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

int cli_fail(int code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
    return code;
}

void cli_note(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
}

/* ---------------------------------------------------------------- options */

size_t cli_specs(struct cli *cli, struct option_spec ret_specs[static CLI_COMMON_SPECS])
{
    const struct option_spec specs[] = {
        {.name = "aggregator",
         .letter = 'a',
         .kind = OPTION_STRING,
         .target = &cli->aggregator,
         .argument = "HOST[:PORT]",
         .group = "Connection",
         .help = "the aggregator; PORT is its first, the one sensors use (7461), and the doors asked here are the two "
                 "after it. Default: $PAVO_AGGREGATOR, else localhost"},
        {.name = "key",
         .letter = 'k',
         .kind = OPTION_STRING,
         .target = &cli->key,
         .argument = "FILE",
         .help = "a reader's key. Default: $PAVO_KEY, else ~/.config/pavo/reader.key, else /etc/pavo/reader.key"},
        {.name = "store",
         .kind = OPTION_STRING,
         .target = &cli->store,
         .argument = "DIR",
         .help = "ask what an aggregator kept in DIR (its --data, or a copy) without an aggregator and a key: nothing "
                 "of it is changed, whoever else uses it"},
        {.name = "answer",
         .kind = OPTION_STRING,
         .target = &cli->answer,
         .argument = "ENDPOINT",
         .help = "the answer door, where it is not at the usual port (HOST:PORT, tcp://..., ipc://...)"},
        {.name = "publish",
         .kind = OPTION_STRING,
         .target = &cli->publish,
         .argument = "ENDPOINT",
         .help = "the publish door, likewise"},
        {.name = "timeout",
         .kind = OPTION_DURATION,
         .target = &cli->timeout,
         .argument = "TIME",
         .min = 1000000,
         .max = 86400 * 1000000000ll,
         .help = "give up when nothing has come for so long. Default: 30s"},
        {.name = "json",
         .letter = 'j',
         .kind = OPTION_FLAG,
         .target = &cli->json,
         .group = "Output",
         .help = "one JSON object a line; of an answer, the last is its coverage"},
        {.name = "csv",
         .kind = OPTION_FLAG,
         .target = &cli->csv,
         .help = "comma-separated values with a heading, every column"},
        {.name = "utc",
         .letter = 'u',
         .kind = OPTION_FLAG,
         .target = &cli->utc,
         .help = "times in UTC, not in local time (--json and --csv always have them so)"},
        {.name = "no-pager",
         .kind = OPTION_FLAG,
         .target = &cli->no_pager,
         .help = "print long answers at once. Default: at a terminal they go through $PAVO_PAGER, $PAGER or less"},
        {0}};
    _Static_assert(sizeof(specs) / sizeof(*specs) <= CLI_COMMON_SPECS, "they fit");
    memcpy(ret_specs, specs, sizeof(specs));
    return sizeof(specs) / sizeof(*specs) - 1;
}

int cli_parse(const struct options *options, int argc, char **argv, int *ret_first)
{
    struct error err;
    enum result result = options_parse(options, argc, argv, ret_first, &err);
    if (result == RESULT_OK)
        return -1;
    return result == RESULT_END ? CLI_ANSWERED : cli_fail(CLI_USAGE, "%s", err.text);
}

int cli_options(struct cli *cli, const struct options *options, int argc, char **argv, int *ret_first)
{
    struct option_spec specs[CLI_SPECS_MAX + CLI_COMMON_SPECS];
    struct options all = *options;
    size_t count = 0;
    for (const struct option_spec *spec = options->specs; spec != NULL && spec->name != NULL; spec++) {
        if (count == CLI_SPECS_MAX)
            return cli_fail(CLI_USAGE, "%s has more than %d options", options->program, CLI_SPECS_MAX);
        specs[count++] = *spec;
    }
    (void)cli_specs(cli, specs + count);
    all.specs = specs;
    int code = cli_parse(&all, argc, argv, ret_first);
    if (code < 0 && cli->json && cli->csv)
        return cli_fail(CLI_USAGE, "--json and --csv are two forms of one answer; choose one");
    return code;
}

char *cli_join(int argc, char **argv, int first)
{
    size_t length = 1;
    for (int i = first; i < argc; i++)
        length += strlen(argv[i]) + 1;
    char *text = calloc(1, length), *end = text;
    for (int i = first; text != NULL && i < argc; i++)
        end = stpcpy(stpcpy(end, argv[i]), i + 1 < argc ? " " : "");
    return text;
}

/* ---------------------------------------------------------------- lines */

static int terminal = STDOUT_FILENO;

void cli_terminal(int descriptor)
{
    terminal = descriptor;
}

unsigned cli_width(void)
{
    struct winsize size = {0};
    if (ioctl(terminal, TIOCGWINSZ, &size) != 0 || size.ws_col < WIDTH_LEAST)
        return WIDTH_DEFAULT;
    return size.ws_col;
}

unsigned cli_height(void)
{
    struct winsize size = {0};
    return ioctl(terminal, TIOCGWINSZ, &size) != 0 ? 0 : size.ws_row;
}

void cli_wrap(const char *text, unsigned indent)
{
    unsigned width = cli_width(), column = 0;
    for (const char *word = text + strspn(text, " "); *word != '\0'; word += strspn(word, " ")) {
        unsigned length = (unsigned)strcspn(word, " ");
        if (column > 0 && column + 1 + length > width) {
            putchar('\n');
            column = 0;
        }
        if (column == 0)
            column = (unsigned)printf("%*s%.*s", (int)indent, "", (int)length, word);
        else
            column += (unsigned)printf(" %.*s", (int)length, word);
        word += length;
    }
    putchar('\n');
}

/* ---------------------------------------------------------------- the key */

static void own_key_path(char path[static CLI_PATH_MAX])
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (config != NULL && config[0] == '/')
        snprintf(path, CLI_PATH_MAX, "%.4000s/pavo/reader.key", config);
    else
        snprintf(path, CLI_PATH_MAX, "%.4000s/.config/pavo/reader.key", home == NULL ? "" : home);
}

bool cli_key_path(const struct cli *cli, char ret_path[static CLI_PATH_MAX])
{
    char own[CLI_PATH_MAX];
    own_key_path(own);
    const char *const places[] = {own, "/etc/pavo/reader.key"};
    if (cli->key != NULL) {
        snprintf(ret_path, CLI_PATH_MAX, "%s", cli->key);
        return true;
    }
    for (unsigned i = 0; i < 2; i++) {
        if (access(places[i], F_OK) == 0) {
            snprintf(ret_path, CLI_PATH_MAX, "%s", places[i]);
            return true;
        }
    }
    cli_fail(CLI_UNREACHABLE,
             "no key: --key and PAVO_KEY are not set, and there is no %s and no %s.\n"
             "      On the aggregator's machine: pavo keys enrol reader NAME; then copy NAME.key here.",
             places[0], places[1]);
    return false;
}

/* ---------------------------------------------------------------- signals */

static volatile sig_atomic_t interrupted, blocking, at_terminal;

/* Ends at once, without the line of progress.c. */
static void end(void)
{
    static const char clear[] = "\r\033[K";
    local_end();
    ssize_t wrote = at_terminal ? write(STDERR_FILENO, clear, sizeof(clear) - 1) : 0;
    (void)wrote; /* it is only for the looks */
    _exit(CLI_INTERRUPTED);
}

static void interrupt(int signal_number)
{
    interrupted = signal_number;
    if (blocking)
        end();
}

void cli_catch_signals(void)
{
    struct sigaction action = {.sa_handler = interrupt};
    at_terminal = isatty(STDERR_FILENO);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

void cli_blocked(bool blocked)
{
    blocking = blocked;
    if (blocked && interrupted)
        end(); /* it came just before */
}

bool cli_interrupted(void)
{
    return interrupted != 0;
}
