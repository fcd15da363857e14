/* SPDX-License-Identifier: Apache-2.0 */
/* The pavo command: what its sub-commands share. One thread. */
#ifndef PAVO_AGGREGATOR_CLI_CLI_H
#define PAVO_AGGREGATOR_CLI_CLI_H

#include <stdbool.h>
#include <stdint.h>

#include "common/options.h"
#include "common/result.h"

/* Exit codes, documented in pavo(1). */
enum {
    CLI_ANSWERED = 0,
    CLI_NOTHING = 1,     /* nothing found */
    CLI_USAGE = 2,       /* the command line was wrong */
    CLI_UNREACHABLE = 3, /* no key, no connection, refused, no answer in time */
    CLI_INCOMPLETE = 4,  /* answered, but something was lost or cut off, and it says so */
};

/* What every sub-command understands. */
struct cli {
    char *aggregator; /* owned; HOST[:PORT] */
    char *publish;    /* owned; endpoint or NULL */
    char *answer;     /* owned; endpoint or NULL */
    char *key;        /* owned; path or NULL */
    bool json, csv, utc;
    int64_t timeout; /* of an answer, nanoseconds */
};
#define CLI_TIMEOUT_DEFAULT (30 * 1000000000ll)

/* Rows of struct option_spec for what every sub-command understands. */
#define CLI_OPTIONS(cli)                                                                                               \
    {.name = "aggregator",                                                                                             \
     .letter = 'a',                                                                                                    \
     .kind = OPTION_STRING,                                                                                            \
     .target = &(cli)->aggregator,                                                                                     \
     .argument = "HOST[:PORT]",                                                                                        \
     .group = "Connection",                                                                                            \
     .help = "the aggregator; PORT is its first, the one sensors use (7461), and the doors asked here are the two "    \
             "after it. Default: $PAVO_AGGREGATOR, else localhost"},                                                   \
        {.name = "key",                                                                                                \
         .letter = 'k',                                                                                                \
         .kind = OPTION_STRING,                                                                                        \
         .target = &(cli)->key,                                                                                        \
         .argument = "FILE",                                                                                           \
         .help = "a reader's key. Default: $PAVO_KEY, else ~/.config/pavo/reader.key, else /etc/pavo/reader.key"},     \
        {.name = "answer",                                                                                             \
         .kind = OPTION_STRING,                                                                                        \
         .target = &(cli)->answer,                                                                                     \
         .argument = "ENDPOINT",                                                                                       \
         .help = "the answer door, where it is not at the usual port (HOST:PORT, tcp://..., ipc://...)"},              \
        {.name = "publish",                                                                                            \
         .kind = OPTION_STRING,                                                                                        \
         .target = &(cli)->publish,                                                                                    \
         .argument = "ENDPOINT",                                                                                       \
         .help = "the publish door, likewise"},                                                                        \
        {.name = "timeout",                                                                                            \
         .kind = OPTION_DURATION,                                                                                      \
         .target = &(cli)->timeout,                                                                                    \
         .argument = "TIME",                                                                                           \
         .min = 1000000,                                                                                               \
         .help = "give up when nothing has come for so long. Default: 30s"},                                           \
        {.name = "json",                                                                                               \
         .letter = 'j',                                                                                                \
         .kind = OPTION_FLAG,                                                                                          \
         .target = &(cli)->json,                                                                                       \
         .group = "Output",                                                                                            \
         .help = "one JSON object a line"},                                                                            \
        {.name = "csv", .kind = OPTION_FLAG, .target = &(cli)->csv, .help = "comma-separated values with a heading"},  \
    {                                                                                                                  \
        .name = "utc", .letter = 'u', .kind = OPTION_FLAG, .target = &(cli)->utc,                                      \
        .help = "times in UTC, not in local time"                                                                      \
    }

/* Parses a sub-command's options. -1: go on, with *ret_first the first argument; otherwise an exit code. */
int cli_options(const struct options *options, int argc, char **argv, int *ret_first);

/* "pavo: ..." on standard error; returns `code`, so that a failing function can end with it. */
int cli_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same without ending: something the reader of the answer must know. */
void cli_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Words from `first` on, joined by blanks. Owned by the caller; NULL: out of memory. */
char *cli_join(int argc, char **argv, int first);

/* Times as people type them into ns (0 for NULL). False: the sentence was printed. */
bool cli_time(const char *option, const char *text, int64_t *ret_ns);

/* The sub-commands: argv[0] is the name, the rest is theirs. They return an exit code. */
int cli_find(struct cli *cli, int argc, char **argv);
int cli_links(struct cli *cli, int argc, char **argv);
int cli_nat(struct cli *cli, int argc, char **argv);
int cli_sensors(struct cli *cli, int argc, char **argv);
int cli_watch(struct cli *cli, int argc, char **argv);

#endif
