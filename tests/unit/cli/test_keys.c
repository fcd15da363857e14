/* SPDX-License-Identifier: Apache-2.0 */
/* pavo keys, as it is typed. */
#include "command.h"
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

#define KEYS(...) RUN(cli_keys, "keys", __VA_ARGS__)

static void test_make_enrol_show(void **state)
{
    (void)state;
    struct keys aggregator, sensor;
    struct enrolled *enrolled = NULL;
    uint8_t key[KEY_BYTES];
    enum key_role role;
    const char *name;
    assert_int_equal(KEYS("make", "--dir", "k"), CLI_ANSWERED);
    assert_int_equal(KEYS("enrol", "sensor", "inner", "--dir", "k"), CLI_ANSWERED);
    assert_int_equal(KEYS("enrol", "reader", "alice", "--dir", "k", "--output", "a.key"), CLI_ANSWERED);
    assert_int_equal(keys_read("k/aggregator.key", &aggregator, NULL), RESULT_OK);
    assert_int_equal(keys_read("inner.key", &sensor, NULL), RESULT_OK); /* by default NAME.key, here */
    assert_string_equal(sensor.aggregator, aggregator.public_key);
    assert_int_equal(enrolled_read("k", &enrolled, NULL), RESULT_OK);
    assert_true(key_decode(sensor.public_key, key));
    assert_true(enrolled_find(enrolled, key, &role, &name));
    assert_string_equal(name, "inner");
    enrolled_destroy(&enrolled);

    assert_int_equal(KEYS("show", "inner.key"), CLI_ANSWERED);
    assert_non_null(strstr(printed, sensor.public_key));
    assert_null(strstr(printed, sensor.secret_key));
    assert_int_equal(KEYS("show", "--dir", "k", "--json"), CLI_ANSWERED);
    assert_non_null(strstr(printed, "{\"role\":\"reader\",\"name\":\"alice\",\"public\":\""));
    assert_null(strstr(printed, aggregator.secret_key));
}

static void test_nothing_is_overwritten(void **state)
{
    (void)state;
    struct keys before, after;
    assert_int_equal(KEYS("make", "--dir", "k"), CLI_ANSWERED);
    assert_int_equal(keys_read("k/aggregator.key", &before, NULL), RESULT_OK);
    assert_int_equal(KEYS("make", "--dir", "k"), CLI_UNREACHABLE);
    assert_int_equal(KEYS("enrol", "sensor", "x", "--dir", "k"), CLI_ANSWERED);
    assert_int_equal(KEYS("enrol", "sensor", "x", "--dir", "k", "-o", "second.key"), CLI_USAGE); /* the name */
    assert_non_null(strstr(said, "exists and is never overwritten"));
    assert_int_equal(KEYS("enrol", "witness", "x", "--dir", "k", "-o", "second.key"), CLI_USAGE);
    assert_non_null(strstr(said, "x is enrolled as sensor already"));
    assert_int_equal(KEYS("enrol", "sensor", "y", "--dir", "k", "-o", "x.key"), CLI_USAGE); /* the file */
    assert_int_equal(access("second.key", F_OK), -1); /* a key that opens nothing is not left behind */
    assert_int_equal(keys_read("k/aggregator.key", &after, NULL), RESULT_OK);
    assert_memory_equal(&before, &after, sizeof(before));
}

static void test_rotate_keeps_the_key_before(void **state)
{
    (void)state;
    struct keys before, now, old;
    char line[KEY_TEXT_SIZE];
    assert_int_equal(KEYS("make", "--dir", "k"), CLI_ANSWERED);
    assert_int_equal(keys_read("k/aggregator.key", &before, NULL), RESULT_OK);
    assert_int_equal(KEYS("rotate", "--dir", "k"), CLI_ANSWERED);
    assert_int_equal(keys_read("k/aggregator.key", &now, NULL), RESULT_OK);
    assert_int_equal(keys_read("k/aggregator.key.old", &old, NULL), RESULT_OK);
    assert_memory_equal(&old, &before, sizeof(old));
    assert_memory_not_equal(now.seal_public, before.seal_public, KEY_BYTES);
    key_encode(now.seal_public, line);
    assert_non_null(strstr(printed, line));
    assert_int_equal(KEYS("rotate", "--dir", "k"), CLI_UNREACHABLE); /* batches sealed to the first would be lost */
    assert_non_null(strstr(said, "aggregator.key.old exists"));
    assert_int_equal(keys_read("k/aggregator.key", &old, NULL), RESULT_OK);
    assert_memory_equal(&old, &now, sizeof(old));
}

/* Every role but the aggregator's own can be enrolled, and the help has a line for each. */
static void test_roles(void **state)
{
    (void)state;
    assert_int_equal(KEYS("enrol", "--help"), CLI_ANSWERED);
    char help[sizeof(printed)];
    strcpy(help, printed);
    assert_int_equal(KEYS("make", "--dir", "k"), CLI_ANSWERED);
    for (int role = KEY_ROLE_AGGREGATOR + 1; role < KEY_ROLE_COUNT; role++) {
        char line[32], file[32];
        const char *name = key_role_name((enum key_role)role);
        struct keys keys;
        snprintf(line, sizeof(line), "\n%s: ", name);
        assert_non_null(strstr(help, line));
        snprintf(file, sizeof(file), "%s.key", name);
        assert_int_equal(KEYS("enrol", (char *)name, (char *)name, "--dir", "k"), CLI_ANSWERED);
        assert_int_equal(keys_read(file, &keys, NULL), RESULT_OK);
        assert_int_equal(keys.role, role);
        keys_clear(&keys);
    }
    assert_int_equal(KEYS("show", "--dir", "k"), CLI_ANSWERED);
    assert_non_null(strstr(printed, "\ngateway   gateway "));
    assert_int_equal(KEYS("enrol", "observer", "x", "--dir", "k"), CLI_USAGE);
    assert_non_null(strstr(said, "sensor, reader, relay, collector, witness, detector, gateway"));
}

static void test_mistakes(void **state)
{
    (void)state;
    assert_int_equal(RUN(cli_keys, "keys"), CLI_USAGE);
    assert_int_equal(KEYS("shwo"), CLI_USAGE);
    assert_non_null(strstr(said, "did you mean 'show'?"));
    assert_int_equal(KEYS("enrol", "sensor"), CLI_USAGE);
    assert_int_equal(KEYS("enrol", "aggregator", "x"), CLI_USAGE);
    assert_int_equal(KEYS("enrol", "sensor", "../x"), CLI_USAGE);
    assert_int_equal(KEYS("make", "extra"), CLI_USAGE);
    assert_int_equal(KEYS("show"), CLI_USAGE);
    assert_int_equal(KEYS("enrol", "sensor", "x", "--dir", "nowhere"), CLI_UNREACHABLE);
    assert_int_equal(KEYS("--help"), CLI_ANSWERED);
    assert_non_null(strstr(printed, "Examples:"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_make_enrol_show, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nothing_is_overwritten, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rotate_keeps_the_key_before, setup, teardown),
        cmocka_unit_test_setup_teardown(test_roles, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mistakes, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
