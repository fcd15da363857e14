/* SPDX-License-Identifier: Apache-2.0 */
/* What the sub-commands share. */
#include <signal.h>
#include <sys/wait.h>

#include "command.h"

static void test_join(void **state)
{
    (void)state;
    char *words[] = {"find", "host", "10.0.0.1", "and tcp"};
    char *text = cli_join(4, words, 1);
    assert_string_equal(text, "host 10.0.0.1 and tcp");
    free(text);
    text = cli_join(4, words, 4);
    assert_string_equal(text, "");
    free(text);
}

static int wrap(struct cli *cli, int argc, char **argv)
{
    (void)cli;
    (void)argc;
    cli_wrap(argv[0], 4);
    return 0;
}

/* No terminal: 120 columns. */
static void test_wrap(void **state)
{
    (void)state;
    char text[512] = "";
    for (int i = 0; i < 40; i++)
        strcat(text, "words ");
    RUN(wrap, text);
    const char *second = strchr(printed, '\n') + 1;
    assert_memory_equal(printed, "    words words", 15);
    assert_int_equal(second - printed, 4 + 19 * 6); /* 19 words, 18 blanks between them, and the end of the line */
    assert_memory_equal(second, "    words ", 10);
    RUN(wrap, "  one  two ");
    assert_string_equal(printed, "    one two\n");
    memset(text, 'x', sizeof(text) - 1); /* a word that fits nowhere stays whole */
    RUN(wrap, text);
    assert_int_equal(strlen(printed), 4 + sizeof(text) - 1 + 1);
}

static int own_and_common(struct cli *cli, int argc, char **argv)
{
    char *own = NULL;
    const struct option_spec specs[] = {{.name = "own", .kind = OPTION_STRING, .target = &own, .help = "x"}, {0}};
    const struct options options = {.program = "pavo x", .specs = specs};
    int first, code = cli_options(cli, &options, argc, argv, &first);
    if (code < 0) {
        assert_string_equal(own, "1");
        assert_string_equal(cli->aggregator, "there");
        assert_int_equal(cli->timeout, 2000000000);
        assert_true(cli->utc);
        assert_string_equal(argv[first], "word");
    }
    options_fini(&options);
    return code;
}

static void test_options(void **state)
{
    (void)state;
    assert_int_equal(RUN(own_and_common, "x", "word", "--own", "1", "-u", "-a", "there", "--timeout", "2s"), -1);
    assert_int_equal(RUN(own_and_common, "x", "--onw", "1"), CLI_USAGE);
    assert_non_null(strstr(said, "did you mean '--own'"));
    assert_int_equal(RUN(own_and_common, "x", "--help"), CLI_ANSWERED);
    assert_non_null(strstr(printed, "--own"));
    assert_non_null(strstr(printed, "--aggregator"));
}

static int find_key(struct cli *cli, int argc, char **argv)
{
    char path[CLI_PATH_MAX] = "";
    (void)argc;
    if (strcmp(argv[0], "none") == 0) {
        free(cli->key);
        cli->key = NULL;
    }
    bool found = cli_key_path(cli, path);
    puts(path);
    return found;
}

static void test_key_path(void **state)
{
    (void)state;
    assert_int_equal(RUN(find_key, "given"), 1);
    assert_string_equal(printed, "reader.key\n");
    setenv("XDG_CONFIG_HOME", "/nowhere", 1);
    if (access("/etc/pavo/reader.key", F_OK) != 0) {
        assert_int_equal(RUN(find_key, "none"), 0);
        assert_non_null(strstr(said, "/nowhere/pavo/reader.key"));
        assert_non_null(strstr(said, "pavo keys enrol reader NAME"));
    }
    unsetenv("XDG_CONFIG_HOME");
}

/* While the library waits, nobody asks cli_interrupted: the command ends at once. */
static void test_interrupted_while_blocked(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++) {
        pid_t child = fork();
        if (child == 0) {
            cli_catch_signals();
            if (late == 0)
                kill(getpid(), SIGINT); /* just before */
            cli_blocked(true);
            kill(getpid(), SIGTERM);
            _exit(0);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), CLI_INTERRUPTED);
    }
}

static int interrupt(struct cli *cli, int argc, char **argv)
{
    (void)cli;
    (void)argc;
    (void)argv;
    cli_catch_signals();
    assert_false(cli_interrupted());
    kill(getpid(), SIGINT);
    return cli_interrupted();
}

static void test_interrupted(void **state)
{
    (void)state;
    assert_int_equal(RUN(interrupt, "x"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_join),
        cmocka_unit_test(test_wrap),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_key_path),
        cmocka_unit_test(test_interrupted_while_blocked),
        cmocka_unit_test(test_interrupted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
