/* SPDX-License-Identifier: Apache-2.0 */
/* Standard output, lent to another program. */
#include "aggregator/cli/pager.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEFAULT   "less"
#define WORDS_MAX 16
#define LESS      "FRX" /* ends where all fits, keeps colours, leaves what was read on the screen */

static pid_t child; /* 0: none */
static int terminal;
static unsigned depth;
static void (*before)(int);

/* NULL: none is wanted. */
static const char *command(void)
{
    const char *own = getenv("PAVO_PAGER"), *usual = getenv("PAGER");
    const char *chosen = own != NULL ? own : usual != NULL ? usual : DEFAULT;
    return chosen[0] == '\0' || strcmp(chosen, "cat") == 0 ? NULL : chosen;
}

/* 0, or errno. Words with blanks between; a shell in between could not tell that there is no such program. */
static int start(const char *line, int input)
{
    extern char **environ;
    char *words[WORDS_MAX + 1] = {NULL}, *copy = strdup(line), *rest = NULL;
    posix_spawn_file_actions_t actions;
    size_t count = 0;
    for (char *word = copy == NULL ? NULL : strtok_r(copy, " ", &rest); word != NULL && count < WORDS_MAX;
         word = strtok_r(NULL, " ", &rest))
        words[count++] = word;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    int error = count == 0 ? ENOENT : posix_spawnp(&child, words[0], &actions, NULL, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    free(copy);
    return error;
}

static void begin(const char *line)
{
    int ends[2], error;
    setenv("LESS", LESS, 0);
    fflush(stdout);
    if (pipe2(ends, O_CLOEXEC) != 0)
        return;
    error = start(line, ends[0]);
    if (error == 0) {
        before = signal(SIGPIPE, SIG_IGN); /* a reader may have had enough before the end */
        terminal = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        dup2(ends[1], STDOUT_FILENO);
        cli_terminal(terminal);
    } else {
        child = 0;
        if (strcmp(line, DEFAULT) != 0)
            cli_note("the pager '%s' cannot be started: %s", line, strerror(error));
    }
    close(ends[0]);
    close(ends[1]);
}

bool pager_begin(const struct cli *cli, size_t lines)
{
    const char *line = command();
    if (depth++ == 0 && !cli->no_pager && !cli->json && !cli->csv && line != NULL && isatty(STDOUT_FILENO) &&
        lines >= cli_height())
        begin(line);
    return child != 0;
}

void pager_end(void)
{
    if (--depth > 0 || child == 0)
        return;
    if (fflush(stdout) != 0 || ferror(stdout))
        clearerr(stdout); /* it was left, not broken */
    dup2(terminal, STDOUT_FILENO);
    cli_terminal(STDOUT_FILENO);
    close(terminal);
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
        ;
    signal(SIGPIPE, before);
    child = 0;
}
