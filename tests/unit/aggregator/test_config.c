/* SPDX-License-Identifier: Apache-2.0 */
/* Flags, the file and its boundaries. */
#include "tests/unit/aggregator/support.h"

#include "aggregator/config.h"

static struct error err;

static void test_boundary_text(void **state)
{
    (void)state;
    struct boundary b;
    assert_ok(config_boundary_parse("border inside=inner outside=outer", &b, &err), err);
    assert_string_equal(b.name, "border");
    assert_string_equal(b.inside, "inner");
    assert_int_equal(b.window_ns, CORRELATE_WINDOW_DEFAULT_NS);
    assert_ok(config_boundary_parse("b  outside=o  inside=i tolerance=500ms window=1m", &b, &err), err);
    assert_int_equal(b.tolerance_ns, 500 * NS_PER_MS);
    assert_int_equal(b.window_ns, 60 * NS_PER_S);
    static const char *const bad[] = {
        "", "   ", "b inside", "b inside=", "b insid=x", "b inside=x/y", "b window=soon", "/ inside=a outside=b"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        err.text[0] = '\0';
        assert_int_equal(config_boundary_parse(bad[i], &b, &err), RESULT_REJECT);
        assert_true(err.text[0] != '\0');
    }
}

static enum result read_with(const char *text, char *flag, char *value, struct config *ret_config)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/aggregator.conf", test_directory);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    char *arguments[] = {"pavo-aggregator", "-c", path, flag, value, NULL};
    return config_read(flag == NULL ? 3 : 5, arguments, ret_config, &err);
}

static void test_file(void **state)
{
    (void)state;
    struct config config;
    static const char text[] = "[aggregator]\ndata = /srv/flows\nseal-rows = 5000\nmemory-limit = 2G\n"
                               "[boundary border]\ninside = inner\noutside = outer\nwindow = 30s\n"
                               "[boundary core]\ninside = a\noutside = b\n";
    assert_ok(read_with(text, NULL, NULL, &config), err);
    assert_string_equal(config.data, "/srv/flows");
    assert_string_equal(config.intake, "*:7461");
    assert_int_equal(config.store.seal_rows, 5000);
    assert_int_equal(config.store.memory_limit, 2ll << 30);
    assert_int_equal(config.boundary_count, 2);
    assert_int_equal(config.boundaries[0].window_ns, 30 * NS_PER_S);
    config_fini(&config);
    /* A flag of the same name takes the section's place. */
    assert_ok(read_with(text, "--boundary", "border inside=x outside=y", &config), err);
    assert_int_equal(config.boundary_count, 2);
    assert_string_equal(config.boundaries[0].inside, "x");
    assert_int_equal(config.boundaries[0].window_ns, CORRELATE_WINDOW_DEFAULT_NS);
    config_fini(&config);
}

static void test_wrong_files(void **state)
{
    (void)state;
    struct config config;
    static const char *const bad[] = {
        "[aggregator]\ndate = x\n",     "[boundary border]\ninsid = x\n", "[border]\na = b\n",
        "[boundary a b]\ninside = x\n", "[aggregator]\nseal-rows = 0\n",  "[aggregator]\ncredit = many\n"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (read_with(bad[i], NULL, NULL, &config) != RESULT_REJECT)
            fail_msg("taken: %s", bad[i]);
        assert_true(err.text[0] != '\0');
    }
    assert_int_equal(read_with("", "nonsense", "here", &config), RESULT_REJECT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_boundary_text),
        cmocka_unit_test_setup_teardown(test_file, directory_setup, directory_teardown),
        cmocka_unit_test_setup_teardown(test_wrong_files, directory_setup, directory_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
