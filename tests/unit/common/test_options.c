/* SPDX-License-Identifier: Apache-2.0 */
/* Options from flags and from a file, and what is said of bad ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/options.h"

static struct {
    bool verbose;
    char *key;
    struct option_list interfaces;
    uint64_t rows, buffer;
    int64_t interval;
} values;

static const struct option_spec specs[] = {
    {"interface", 'i', OPTION_LIST, &values.interfaces, "IFACE", "capture from IFACE", "Input", 0, 0},
    {"buffer-size", 0, OPTION_SIZE, &values.buffer, "SIZE", "kernel buffer (default 64M)", NULL, 1 << 20, 1 << 30},
    {"key", 0, OPTION_STRING, &values.key, "FILE", "who this sensor is", "Output", 0, 0},
    {"batch-rows", 0, OPTION_NUMBER, &values.rows, "N", "records in a batch (default 8192)", NULL, 1, 65536},
    {"status-interval", 's', OPTION_DURATION, &values.interval, "TIME",
     "how often a flow that goes on is reported, and the sensor says how it is (default 60s)", NULL, NS_PER_S,
     3600 * NS_PER_S},
    {"verbose", 'v', OPTION_FLAG, &values.verbose, NULL, "say more", NULL, 0, 0},
    {0},
};

static char seen_sections[256];

static enum result section_line(void *context, const char *title, const char *key, const char *value, struct error *err)
{
    (void)context;
    if (strcmp(key, "inside") != 0)
        return error_set(err, RESULT_REJECT, "unknown key '%s' of a boundary", key);
    strcat(seen_sections, title);
    strcat(seen_sections, "=");
    strcat(seen_sections, value);
    return RESULT_OK;
}

static const struct options options = {
    .program = "pavo-test",
    .section = "test",
    .usage = "[-i IFACE]... [FILTER]",
    .about = "Tests options.",
    .examples = "pavo-test -i eth0\npavo-test -i eth1 tcp",
    .specs = specs,
};

static int setup(void **state)
{
    (void)state;
    memset(&values, 0, sizeof(values));
    values.rows = 8192;
    values.interval = 60 * NS_PER_S;
    seen_sections[0] = '\0';
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    options_fini(&options);
    return 0;
}

static int count(char **argv)
{
    int n = 0;
    while (argv[n] != NULL)
        n++;
    return n;
}

#define ARGV(...) ((char *[]){"pavo-test", __VA_ARGS__, NULL})

static enum result parse(char **argv, int *ret_first, struct error *err)
{
    return options_parse(&options, count(argv), argv, ret_first, err);
}

static char *write_file(const char *text)
{
    static char path[] = "/tmp/pavo-test-options-XXXXXX";
    strcpy(path + sizeof(path) - 7, "XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    return path;
}

static void test_flags(void **state)
{
    (void)state;
    struct error err = {""};
    int first = 0;
    char **argv = ARGV("-v", "-i", "eth0", "--interface=eth1", "--batch-rows", "10", "--buffer-size", "2M", "-s5s",
                       "--key", "k", "tcp", "port");
    assert_int_equal(parse(argv, &first, &err), RESULT_OK);
    assert_int_equal(first, 12);
    assert_string_equal(argv[first], "tcp");
    assert_true(values.verbose);
    assert_int_equal(values.interfaces.count, 2);
    assert_string_equal(values.interfaces.items[1], "eth1");
    assert_int_equal(values.rows, 10);
    assert_int_equal(values.buffer, 2 << 20);
    assert_int_equal(values.interval, 5 * NS_PER_S);
    assert_string_equal(values.key, "k");
}

static void test_flags_win_over_the_file(void **state)
{
    (void)state;
    struct error err = {""};
    int first;
    char *path = write_file("# comment\nverbose = yes\n[test]\n  interface = a\n  interface = b\n"
                            "key = from file ; comment\nbatch-rows=7\n");
    enum result r = parse(ARGV("-i", "z", "-c", path, "--key", "from flag", "--verbose=no"), &first, &err);
    unlink(path);
    assert_int_equal(r, RESULT_OK);
    assert_int_equal(values.interfaces.count, 1);
    assert_string_equal(values.interfaces.items[0], "z");
    assert_string_equal(values.key, "from flag");
    assert_int_equal(values.rows, 7);
    assert_false(values.verbose);
}

static void test_file_again_replaces_lists(void **state)
{
    (void)state;
    static const char text[] = "interface = a\ninterface = b\n";
    for (int i = 0; i < 2; i++)
        assert_int_equal(options_read_text(&options, "x", text, sizeof(text) - 1, NULL), RESULT_OK);
    assert_int_equal(values.interfaces.count, 2);
}

static void test_other_sections(void **state)
{
    (void)state;
    struct options with = options;
    struct error err = {""};
    static const char text[] = "[boundary campus]\ninside = inner\n[test]\nbatch-rows = 9\n";
    assert_int_equal(options_read_text(&options, "x", text, sizeof(text) - 1, &err), RESULT_REJECT);
    assert_string_equal(err.text, "x:2: unknown section [boundary campus]; options of pavo-test stand in [test]");
    with.section_line = section_line;
    assert_int_equal(options_read_text(&with, "x", text, sizeof(text) - 1, &err), RESULT_OK);
    assert_string_equal(seen_sections, "boundary campus=inner");
    assert_int_equal(values.rows, 9);
}

static void test_bad_files(void **state)
{
    (void)state;
    static const struct {
        const char *text, *complaint;
    } bad[] = {
        {"\n\nbatch-row = 5\n", "x:3: unknown key 'batch-row'; did you mean 'batch-rows'?"},
        {"zzzzzzzzzz = 5", "x:1: unknown key 'zzzzzzzzzz'; pavo-test --help lists them"},
        {"batch-rows = 0", "x:1: batch-rows: '0' is not between 1 and 65536"},
        {"batch-rows = 5x", "x:1: batch-rows: '5x' is no number"},
        {"batch-rows = ", "x:1: batch-rows: '' is no number"},
        {"batch-rows = -1", "x:1: batch-rows: '-1' is no number"},
        {"batch-rows = 99999999999999999999", "x:1: batch-rows: '99999999999999999999' is no number"},
        {"buffer-size = 1k", "x:1: buffer-size: '1k' is not between 1048576 and 1073741824 bytes"},
        {"status-interval = 1ms", "x:1: status-interval: '1ms' is not between 1000 and 3600000 ms"},
        {"status-interval = soon", "x:1: status-interval: 'soon' is no duration; write 250ms, 5s, 2m, 1h30m or 3d"},
        {"verbose = perhaps", "x:1: verbose: 'perhaps' is neither yes nor no"},
        {"verbose\n", "x:1: neither [section] nor key = value"},
        {"key = a\n= b\n", "x:2: not of the form key = value"},
        {"[test\n", "x:1: neither [section] nor key = value"},
        {"[boundary of a campus with quite a long name, longer than can be]\ninside = x\n",
         "x:1: a name of more than 49 letters"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct error err = {""};
        assert_int_equal(options_read_text(&options, "x", bad[i].text, strlen(bad[i].text), &err), RESULT_REJECT);
        assert_string_equal(err.text, bad[i].complaint);
    }
    struct error err = {""};
    static const char nul[] = "key = a\n\0key = b";
    assert_int_equal(options_read_text(&options, "x", nul, sizeof(nul) - 1, &err), RESULT_REJECT);
    assert_string_equal(err.text, "x:2: a NUL byte: this is no text file");
    char line[5000];
    memset(line, 'x', sizeof(line));
    memcpy(line, "key =", 5);
    assert_int_equal(options_read_text(&options, "x", line, sizeof(line), &err), RESULT_REJECT);
    assert_non_null(strstr(err.text, "x:1: a line of 5000 bytes"));
    assert_int_equal(options_read_file(&options, "/nonexistent/pavo.conf", &err), RESULT_REJECT);
    assert_string_equal(err.text, "configuration file /nonexistent/pavo.conf: No such file or directory");
}

static void test_bad_flags(void **state)
{
    (void)state;
    struct {
        char **argv;
        const char *complaint;
    } bad[] = {
        {ARGV("--interfase", "x"), "unknown option '--interfase'; did you mean '--interface'?"},
        {ARGV("--qqqqqqq=1"), "unknown option '--qqqqqqq'; pavo-test --help lists them"},
        {ARGV("-q"), "unknown option '-q'; pavo-test --help lists them"},
        {ARGV("--batch-rows"), "option '--batch-rows' needs a value"},
        {ARGV("-i"), "option '-i' needs a value"},
        {ARGV("--help=x"), "option '--help=x' takes no value"},
        {ARGV("--batch-rows", "many"), "--batch-rows: 'many' is no number"},
        {ARGV("--batch", "7"), "unknown option '--batch'; did you mean '--batch-rows'?"},
        {ARGV("--batch=7"), "unknown option '--batch'; did you mean '--batch-rows'?"},
        {ARGV("--batch-"), "unknown option '--batch-'; did you mean '--batch-rows'?"},
        {ARGV("--verb"), "unknown option '--verb'; did you mean '--verbose'?"},
        {ARGV("--vers"), "unknown option '--vers'; did you mean '--verbose'?"},
        {ARGV("--conf", "x"), "unknown option '--conf'; pavo-test --help lists them"},
        {ARGV("-interface", "x"), "unknown option '-interface'; did you mean '--interface'?"}, /* not -i nterface */
        {ARGV("-verbose"), "unknown option '-verbose'; did you mean '--verbose'?"},
        {ARGV("-v", "-batch-rows", "7"), "unknown option '-batch-rows'; did you mean '--batch-rows'?"},
        {ARGV("-s", "x"), "--status-interval: 'x' is no duration; write 250ms, 5s, 2m, 1h30m or 3d"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct error err = {""};
        int first = -7;
        assert_int_equal(parse(bad[i].argv, &first, &err), RESULT_REJECT);
        assert_string_equal(err.text, bad[i].complaint);
        assert_int_equal(first, -7);
    }
}

static void test_where_options_end(void **state)
{
    (void)state;
    struct options sub = options;
    struct error err = {""};
    int first;
    char **argv = ARGV("find", "-v");
    assert_int_equal(options_parse(&options, 3, argv, &first, &err), RESULT_OK);
    assert_int_equal(first, 2);
    assert_string_equal(argv[first], "find");
    assert_true(values.verbose);
    sub.stop_at_argument = true;
    values.verbose = false;
    argv = ARGV("find", "-v");
    assert_int_equal(options_parse(&sub, 3, argv, &first, &err), RESULT_OK);
    assert_int_equal(first, 1);
    assert_false(values.verbose);
}

static void printed_of(const struct options *which, char **argv, char *text, size_t size)
{
    struct error err = {""};
    int first;
    fflush(stdout);
    int saved = dup(STDOUT_FILENO);
    FILE *file = tmpfile();
    assert_non_null(file);
    dup2(fileno(file), STDOUT_FILENO);
    enum result r = options_parse(which, count(argv), argv, &first, &err);
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    rewind(file);
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
    assert_int_equal(r, RESULT_END);
}

static void printed(char **argv, char *text, size_t size)
{
    printed_of(&options, argv, text, size);
}

static void test_help(void **state)
{
    (void)state;
    char text[4096];
    printed(ARGV("--help"), text, sizeof(text));
    assert_string_equal(
        text, "Usage: pavo-test [-i IFACE]... [FILTER]\n\n"
              "Tests options.\n\n"
              "Input:\n"
              "  -i, --interface IFACE       capture from IFACE\n"
              "      --buffer-size SIZE      kernel buffer (default 64M)\n\n"
              "Output:\n"
              "      --key FILE              who this sensor is\n"
              "      --batch-rows N          records in a batch (default 8192)\n"
              "  -s, --status-interval TIME  how often a flow that goes on is reported, and the sensor says how it\n"
              "                              is (default 60s)\n"
              "  -v, --verbose               say more\n\n"
              "General:\n"
              "  -c, --config FILE           read options from an INI file: every long option is a key; flags win\n"
              "  -h, --help                  print this\n"
              "      --version               print the version\n\n"
              "Examples:\n"
              "  pavo-test -i eth0\n"
              "  pavo-test -i eth1 tcp\n");
    struct options closing = options;
    closing.closing = "What else\nthere is.";
    printed_of(&closing, ARGV("--help"), text, sizeof(text));
    assert_non_null(strstr(text, "print the version\n\nWhat else\nthere is.\n\nExamples:\n"));
    printed(ARGV("--version"), text, sizeof(text));
    assert_string_equal(text, "pavo-test " PAVO_VERSION "\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_flags, setup, teardown),
        cmocka_unit_test_setup_teardown(test_flags_win_over_the_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_file_again_replaces_lists, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_sections, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_flags, setup, teardown),
        cmocka_unit_test_setup_teardown(test_where_options_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_help, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
