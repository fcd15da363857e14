/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines: one each, harmless, and gated where a peer could cause many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/records/field.h"

/* What `write_lines` puts on standard error. */
static void captured(void (*write_lines)(void), char *text, size_t size)
{
    int saved = dup(STDERR_FILENO), ends[2];
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    write_lines();
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(ends[1]);
    size_t length = 0;
    ssize_t got;
    while ((got = read(ends[0], text + length, size - 1 - length)) > 0)
        length += (size_t)got;
    text[length] = '\0';
    close(ends[0]);
}

static void plain_lines(void)
{
    log_init("pavo-test", LOG_LEVEL_NOTICE);
    log_debug("not written");
    log_warning("from %s", "10.0.0.1\n<0>forged: line\x1b[2J");
}

/* Every kind of character that forges: C0, DEL, C1, direction marks, what is no UTF-8. */
static void foreign_lines(void)
{
    log_init("pavo-test", LOG_LEVEL_NOTICE);
    for (int byte = 1; byte < 256; byte++)
        log_warning("[%c]", byte);
    log_warning("[\xc2\x9b"
                "2J \xe2\x80\xae"
                "exe.gnp \xe2\x81\xa6 \xd8\x9c \xe2\x80\xa8]");
}

static void journal_lines(void)
{
    struct stat st;
    char stream[64];
    fstat(STDERR_FILENO, &st);
    snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    log_init("pavo-test", LOG_LEVEL_DEBUG);
    unsetenv("JOURNAL_STREAM");
    log_error("broken");
    log_debug("detail");
}

static void long_lines(void)
{
    log_init("pavo-test", LOG_LEVEL_NOTICE);
    log_notice("%02000d", 1);
    log_notice("next");
}

static void test_lines(void **state)
{
    (void)state;
    char text[4096];
    captured(plain_lines, text, sizeof(text));
    assert_null(strstr(text, "not written"));
    assert_non_null(strstr(text, " pavo-test: from 10.0.0.1?<0>forged: line?[2J\n"));
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    assert_int_equal(text[4], '-'); /* begins with the date */
}

static void test_nothing_foreign_comes_out(void **state)
{
    (void)state;
    char text[65536];
    size_t lines = 0;
    captured(foreign_lines, text, sizeof(text));
    for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1, lines++)
        assert_true(text_is_clean(line, (size_t)(end - line)));
    assert_int_equal(lines, 256);
}

static void test_journal_prefix(void **state)
{
    (void)state;
    char text[4096];
    captured(journal_lines, text, sizeof(text));
    assert_string_equal(text, "<3>pavo-test: broken\n<7>pavo-test: detail\n");
}

static void test_long_line_is_cut_and_ended(void **state)
{
    (void)state;
    char text[8192];
    captured(long_lines, text, sizeof(text));
    char *end = strchr(text, '\n');
    assert_non_null(end);
    assert_true(end - text < 1024);
    assert_non_null(strstr(end, "pavo-test: next\n"));
}

static void test_gate(void **state)
{
    (void)state;
    struct log_gate gate = {0};
    uint64_t suppressed = 99;
    assert_true(log_gate_pass(&gate, 5, 60 * NS_PER_S, &suppressed));
    assert_int_equal(suppressed, 0);
    for (int i = 1; i <= 3; i++)
        assert_false(log_gate_pass(&gate, 5 + i * NS_PER_S, 60 * NS_PER_S, &suppressed));
    assert_true(log_gate_pass(&gate, 5 + 60 * NS_PER_S, 60 * NS_PER_S, &suppressed));
    assert_int_equal(suppressed, 3);
    assert_false(log_gate_pass(&gate, 6 + 60 * NS_PER_S, 60 * NS_PER_S, &suppressed));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),          cmocka_unit_test(test_nothing_foreign_comes_out),
        cmocka_unit_test(test_journal_prefix), cmocka_unit_test(test_long_line_is_cut_and_ended),
        cmocka_unit_test(test_gate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
