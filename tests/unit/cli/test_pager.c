/* SPDX-License-Identifier: Apache-2.0 */
/* Long answers at a terminal go through a pager; all others do not. */
#include "aggregator/cli/pager.h"

#include <fcntl.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "aggregator/cli/print.h"
#include "command.h"
#include "fake_pavo.h"

static const struct fake_column columns[] = {{"name", "NAME", PAVO_KIND_TEXT, NULL}};
static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i"};

static int print_rows(struct cli *cli, const pavo_columns *page)
{
    struct printer *printer = printer_new(cli, page);
    assert_non_null(printer);
    printer_page(printer, page);
    return printer_end(&printer) ? CLI_ANSWERED : CLI_UNREACHABLE;
}

/* What a terminal of eight lines shows. */
static char *shown_page(struct cli *cli, const pavo_columns *page, bool nested)
{
    static char text[4096];
    int master, slave, saved = dup(STDOUT_FILENO);
    const struct winsize size = {.ws_row = 8, .ws_col = 100};
    assert_int_equal(openpty(&master, &slave, NULL, NULL, &size), 0);
    fflush(stdout);
    dup2(slave, STDOUT_FILENO);
    close(slave);
    if (nested)
        (void)pager_begin(cli, 100);
    assert_int_equal(print_rows(cli, page), CLI_ANSWERED);
    if (nested) {
        assert_int_equal(cli_width(), 100); /* still the terminal's */
        assert_int_equal(print_rows(cli, page), CLI_ANSWERED);
        pager_end();
    }
    assert_int_equal(isatty(STDOUT_FILENO), 1); /* given back */
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    size_t used = 0;
    ssize_t got;
    while ((got = read(master, text + used, sizeof(text) - 1 - used)) > 0)
        used += (size_t)got;
    close(master);
    text[used] = '\0';
    return text;
}

static char *shown(struct cli *cli, size_t rows, bool nested)
{
    const pavo_columns page = {FAKE_COLUMNS(columns), .rows = rows, .cells = names};
    return shown_page(cli, &page, nested);
}

/* At a terminal a table has the zone of its times, and only columns that there is room for. */
static void test_notes(void **state)
{
    (void)state;
    static const struct fake_column wide[] = {{"first_time", "TIME", PAVO_KIND_TIME, NULL},
                                              {"name", "NAME", PAVO_KIND_TEXT, NULL},
                                              {"reason", "REASON", PAVO_KIND_TEXT, NULL},
                                              {"count", "COUNT", PAVO_KIND_COUNT, NULL}};
    static const char long_text[] =
        "eighty columns and more, so that what stands behind it is not seen any more, at all";
    const pavo_columns page = {FAKE_COLUMNS(wide), .rows = 1,
                               .cells = (const char *const[]){"1|THEN", "a name of some length", long_text, "7"}};
    struct cli cli = {.no_pager = true};
    setenv("TZ", "Europe/Berlin", 1);
    const char *text = shown_page(&cli, &page, false);
    assert_non_null(strstr(text, "NAME"));
    assert_null(strstr(text, long_text));
    assert_non_null(strstr(text, "Times: CE"));
    assert_non_null(strstr(text, "No room for: REASON, COUNT"));
    cli.utc = true;
    assert_null(strstr(shown_page(&cli, &page, false), "Times:"));
    unsetenv("TZ");
}

static void test_long(void **state)
{
    (void)state;
    struct cli cli = {0};
    unsetenv("PAVO_PAGER");
    setenv("PAGER", "sed s/^/PAGED:/", 1);
    assert_null(strstr(shown(&cli, 4, false), "PAGED:")); /* with the heading, notes and the prompt eight lines */
    const char *text = shown(&cli, 7, false);
    assert_non_null(strstr(text, "PAGED:"));
    assert_non_null(strstr(text, "PAGED:g"));
    setenv("PAVO_PAGER", "sed s/^/OWN:/", 1);
    assert_non_null(strstr(shown(&cli, 7, false), "OWN:g"));
    unsetenv("PAVO_PAGER");
}

/* One pager for all that is shown together. */
static void test_nested(void **state)
{
    (void)state;
    struct cli cli = {0};
    setenv("PAGER", "sed $s/^/LAST:/", 1);
    const char *text = shown(&cli, 7, true), *last = strstr(text, "LAST:");
    assert_non_null(last);
    assert_null(strstr(last + 1, "LAST:"));
}

static void test_none(void **state)
{
    (void)state;
    struct cli cli = {.no_pager = true};
    setenv("PAGER", "sed s/^/PAGED:/", 1);
    assert_null(strstr(shown(&cli, 9, false), "PAGED:"));
    cli = (struct cli){.csv = true};
    assert_null(strstr(shown(&cli, 9, false), "PAGED:"));
    cli = (struct cli){0};
    setenv("PAGER", "", 1);
    assert_non_null(strstr(shown(&cli, 9, false), "i\r\n"));
    setenv("PAGER", "cat", 1);
    assert_non_null(strstr(shown(&cli, 9, false), "i\r\n"));
    setenv("PAGER", "/nowhere/less -R", 1); /* said, and printed without */
    assert_non_null(strstr(shown(&cli, 9, false), "i\r\n"));
}

/* A reader who has had enough breaks nothing. */
static void test_left(void **state)
{
    (void)state;
    struct cli cli = {0};
    setenv("PAGER", "true", 1);
    (void)shown(&cli, 9, true);
    assert_int_equal(ferror(stdout), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_notes), cmocka_unit_test(test_long),
                                       cmocka_unit_test(test_nested), cmocka_unit_test(test_none),
                                       cmocka_unit_test(test_left)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
