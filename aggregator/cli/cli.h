/* SPDX-License-Identifier: Apache-2.0 */
/* The pavo command: what its sub-commands share. They see the aggregator through pavo.h alone. One thread, but for the
 * line that tells a waiting person so (progress.h). */
#ifndef PAVO_AGGREGATOR_CLI_CLI_H
#define PAVO_AGGREGATOR_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/options.h"
#include "common/result.h"

/* Exit codes, documented in pavo(1); the same in every sub-command. */
enum {
    CLI_ANSWERED = 0,
    CLI_NOTHING = 1,     /* nothing found, and nothing is known to be missing */
    CLI_USAGE = 2,       /* the command line was wrong */
    CLI_UNREACHABLE = 3, /* no key, no connection, refused, no answer in time */
    CLI_INCOMPLETE = 4,  /* answered, if only with nothing, but something is known to be missing, and it says so */
    CLI_INTERRUPTED = 130,
};

/* What every sub-command understands. */
struct cli {
    char *aggregator; /* owned; HOST[:PORT]; NULL: localhost */
    char *publish;    /* owned; endpoint or NULL */
    char *answer;     /* owned; endpoint or NULL */
    char *key;        /* owned; path or NULL */
    char *store;      /* owned; a folder that is asked in an aggregator's place (local.h), or NULL */
    bool json, csv, utc, no_pager;
    int64_t timeout; /* of an answer, nanoseconds */
};
#define CLI_TIMEOUT_DEFAULT (30 * 1000000000ll)

/* Rows of struct option_spec that cli_specs writes, and that a sub-command may have of its own. */
#define CLI_COMMON_SPECS 16
#define CLI_SPECS_MAX    64

/* The options of every sub-command, ending with an empty row. Returns how many there are. */
size_t cli_specs(struct cli *cli, struct option_spec ret_specs[static CLI_COMMON_SPECS]);

/* Parses a sub-command's options: those of `options` (specs NULL: none) and those of every sub-command. -1: go on, with
 * *ret_first the first argument; otherwise an exit code, the reason printed. */
int cli_options(struct cli *cli, const struct options *options, int argc, char **argv, int *ret_first);

/* The same with those of `options` alone. */
int cli_parse(const struct options *options, int argc, char **argv, int *ret_first);

/* "pavo: ..." on standard error; returns `code`, so that a failing function can end with it. */
int cli_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same without ending: something the reader of the answer must know. */
void cli_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Where the terminal is asked for its size, when standard output is lent out (pager.h). */
void cli_terminal(int descriptor);

/* Columns of the terminal, or as many as a line has that goes elsewhere; 40 at least. */
unsigned cli_width(void);
/* Lines of the terminal; 0: there is none. */
unsigned cli_height(void);

/* Words from `first` on, joined by blanks. Owned by the caller; NULL: out of memory. */
char *cli_join(int argc, char **argv, int first);

/* `text` in lines of the terminal's width (of 120 columns where there is none), each indented by so many blanks. */
void cli_wrap(const char *text, unsigned indent);

/* The reader's key file: --key, PAVO_KEY, or the first of the usual places that exists. False: said what was looked at,
 * and how to make one. */
#define CLI_PATH_MAX 4096
bool cli_key_path(const struct cli *cli, char ret_path[static CLI_PATH_MAX]);

/* From here on SIGINT and SIGTERM are kept for cli_interrupted, so that what is printed ends with a whole line. While
 * `blocked` is set they end the command at once: nothing is half printed, and nobody would ask cli_interrupted. */
void cli_catch_signals(void);
void cli_blocked(bool blocked);
bool cli_interrupted(void);

/* The sub-commands: argv[0] is the name, the rest is theirs. They return an exit code. */
int cli_export(struct cli *cli, int argc, char **argv);
int cli_find(struct cli *cli, int argc, char **argv);
int cli_links(struct cli *cli, int argc, char **argv);
int cli_nat(struct cli *cli, int argc, char **argv);
int cli_investigate(struct cli *cli, int argc, char **argv);
int cli_sql(struct cli *cli, int argc, char **argv);
int cli_sensors(struct cli *cli, int argc, char **argv);
int cli_watch(struct cli *cli, int argc, char **argv);
int cli_report(struct cli *cli, int argc, char **argv);
int cli_questions(struct cli *cli, int argc, char **argv);
int cli_keys(struct cli *cli, int argc, char **argv);
int cli_sign(struct cli *cli, int argc, char **argv);

/* Any other word is a question of the aggregator's. `near`: the command whose name is nearest, or NULL. */
int cli_question(struct cli *cli, const char *near, int argc, char **argv);

#endif
