/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines: composed in one buffer, written in one go. */
#include "common/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/records/field.h"

#define LOG_LINE_MAX 1024

static struct {
    const char *program;
    enum log_level most;
    bool journal;
} log_state = {.program = "pavo", .most = LOG_LEVEL_NOTICE};

/* Is standard error the very stream systemd gave us? JOURNAL_STREAM is inherited by children whose output goes
 * elsewhere. */
static bool is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat st;
    return stream != NULL && sscanf(stream, "%llu:%llu", &device, &inode) == 2 && fstat(STDERR_FILENO, &st) == 0 &&
           st.st_dev == device && st.st_ino == inode;
}

void log_init(const char *program, enum log_level most)
{
    log_state.program = program;
    log_state.most = most;
    log_state.journal = is_journal();
}

static void log_line(enum log_level level, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

static void log_line(enum log_level level, const char *format, va_list args)
{
    static const int priorities[] = {3, 4, 5, 7}; /* of syslog */
    if (level > log_state.most)
        return;
    char line[LOG_LINE_MAX], time[TIME_TEXT_MAX];
    int head;
    if (log_state.journal)
        head = snprintf(line, sizeof(line), "<%d>%s: ", priorities[level], log_state.program);
    else
        head = snprintf(line, sizeof(line), "%.23s %s: ", time_text(clock_wall_ns(), false, time), log_state.program);
    size_t at = (size_t)head < sizeof(line) / 2 ? (size_t)head : sizeof(line) / 2;
    int body = vsnprintf(line + at, sizeof(line) - at, format, args);
    if (body < 0)
        line[at] = '\0';
    /* A peer's bytes may be in the text: they get no second line, no terminal escapes, and turn no direction. */
    text_clean(line + at);
    size_t end = at + strlen(line + at);
    line[end] = '\n';
    ssize_t written = write(STDERR_FILENO, line, end + 1);
    (void)written; /* nobody is left to be told */
}

#define LOG_FUNCTION(name, level)                                                                                      \
    void log_##name(const char *format, ...)                                                                           \
    {                                                                                                                  \
        va_list args;                                                                                                  \
        va_start(args, format);                                                                                        \
        log_line(level, format, args);                                                                                 \
        va_end(args);                                                                                                  \
    }
LOG_FUNCTION(error, LOG_LEVEL_ERROR)
LOG_FUNCTION(warning, LOG_LEVEL_WARNING)
LOG_FUNCTION(notice, LOG_LEVEL_NOTICE)
LOG_FUNCTION(debug, LOG_LEVEL_DEBUG)
#undef LOG_FUNCTION

bool log_gate_pass(struct log_gate *gate, int64_t now_ns, int64_t interval_ns, uint64_t *ret_suppressed)
{
    if (gate->last_ns != 0 && now_ns - gate->last_ns < interval_ns) {
        gate->suppressed++;
        return false;
    }
    *ret_suppressed = gate->suppressed;
    gate->last_ns = now_ns;
    gate->suppressed = 0;
    return true;
}
