/* SPDX-License-Identifier: Apache-2.0 */
/* pavo keys, as it is typed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "aggregator/cli/cli.h"
#include "aggregator/cli/keys.h"
#include "common/keys.h"

static char directory[64];

static int setup(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/pavo-test-cli-keys-XXXXXX");
    return mkdtemp(directory) == NULL || chdir(directory) != 0;
}

static int teardown(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof(command), "rm -r %s", directory);
    return chdir("/") != 0 || system(command) != 0;
}

/* What the command prints on both streams goes to `text`. */
static int run(char *text, size_t size, char **argv)
{
    struct cli cli = {0};
    int argc = 0, saved[] = {dup(STDOUT_FILENO), dup(STDERR_FILENO)};
    FILE *file = tmpfile();
    assert_non_null(file);
    while (argv[argc] != NULL)
        argc++;
    fflush(stdout);
    dup2(fileno(file), STDOUT_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    int code = cli_keys(&cli, argc, argv);
    fflush(stdout);
    dup2(saved[0], STDOUT_FILENO);
    dup2(saved[1], STDERR_FILENO);
    close(saved[0]);
    close(saved[1]);
    rewind(file);
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
    return code;
}

#define RUN(...) run(text, sizeof(text), (char *[]){"keys", __VA_ARGS__, NULL})

static void test_make_enrol_show(void **state)
{
    (void)state;
    char text[4096];
    struct keys aggregator, sensor;
    struct enrolled *enrolled = NULL;
    uint8_t key[KEY_BYTES];
    enum key_role role;
    const char *name;
    assert_int_equal(RUN("make", "--dir", "k"), CLI_ANSWERED);
    assert_int_equal(RUN("enrol", "sensor", "inner", "--dir", "k"), CLI_ANSWERED);
    assert_int_equal(RUN("enrol", "reader", "alice", "--dir", "k", "--output", "a.key"), CLI_ANSWERED);
    assert_int_equal(keys_read("k/aggregator.key", &aggregator, NULL), RESULT_OK);
    assert_int_equal(keys_read("inner.key", &sensor, NULL), RESULT_OK); /* by default NAME.key, here */
    assert_string_equal(sensor.aggregator, aggregator.public_key);
    assert_int_equal(enrolled_read("k", &enrolled, NULL), RESULT_OK);
    assert_true(key_decode(sensor.public_key, key));
    assert_true(enrolled_find(enrolled, key, &role, &name));
    assert_string_equal(name, "inner");
    enrolled_destroy(&enrolled);

    assert_int_equal(RUN("show", "inner.key"), CLI_ANSWERED);
    assert_non_null(strstr(text, sensor.public_key));
    assert_null(strstr(text, sensor.secret_key));
    assert_int_equal(RUN("show", "--dir", "k", "--json"), CLI_ANSWERED);
    assert_non_null(strstr(text, "{\"role\":\"reader\",\"name\":\"alice\",\"public\":\""));
    assert_null(strstr(text, aggregator.secret_key));
}

static void test_nothing_is_overwritten(void **state)
{
    (void)state;
    char text[4096];
    struct keys before, after;
    assert_int_equal(RUN("make", "--dir", "k"), CLI_ANSWERED);
    assert_int_equal(keys_read("k/aggregator.key", &before, NULL), RESULT_OK);
    assert_int_equal(RUN("make", "--dir", "k"), CLI_UNREACHABLE);
    assert_int_equal(RUN("enrol", "sensor", "x", "--dir", "k"), CLI_ANSWERED);
    assert_int_equal(RUN("enrol", "sensor", "x", "--dir", "k", "-o", "second.key"), CLI_UNREACHABLE);
    assert_int_equal(access("second.key", F_OK), -1); /* a key that opens nothing is not left behind */
    assert_int_equal(keys_read("k/aggregator.key", &after, NULL), RESULT_OK);
    assert_memory_equal(&before, &after, sizeof(before));
}

static void test_mistakes(void **state)
{
    (void)state;
    char text[4096];
    assert_int_equal(RUN(NULL), CLI_USAGE);
    assert_int_equal(RUN("shwo"), CLI_USAGE);
    assert_non_null(strstr(text, "did you mean 'show'?"));
    assert_int_equal(RUN("enrol", "sensor"), CLI_USAGE);
    assert_int_equal(RUN("enrol", "aggregator", "x"), CLI_USAGE);
    assert_int_equal(RUN("enrol", "sensor", "../x"), CLI_USAGE);
    assert_int_equal(RUN("make", "extra"), CLI_USAGE);
    assert_int_equal(RUN("show"), CLI_USAGE);
    assert_int_equal(RUN("enrol", "sensor", "x", "--dir", "nowhere"), CLI_UNREACHABLE);
    assert_int_equal(RUN("--help"), CLI_ANSWERED);
    assert_non_null(strstr(text, "Examples:"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_make_enrol_show, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nothing_is_overwritten, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mistakes, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
