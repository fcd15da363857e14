/* SPDX-License-Identifier: Apache-2.0 */
/* INI text through libinih. */
#include "common/settings.h"

#include <errno.h>
#include <ini.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cursor.h"

#define INIH_TITLE_MAX  49   /* libinih cuts longer titles and keys off */
#define INIH_STACK_SIZE 4096 /* its line buffers lie in its frame */

struct reading {
    const char *name;
    struct cursor text;
    unsigned line_number;
    settings_line *line;
    void *context;
    enum result result; /* of the first line that failed */
    unsigned failed_line;
    struct error failure;
};

static void fail(struct reading *r, enum result result, const struct error *failure)
{
    if (r->result != RESULT_OK)
        return;
    r->result = result;
    r->failed_line = r->line_number;
    r->failure = *failure;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

/* libinih's fgets: the next line without its leading blanks. */
static char *next_line(char *to, int size, void *stream)
{
    struct reading *r = stream;
    if (r->text.left == 0 || r->result != RESULT_OK)
        return NULL;
    const uint8_t *newline = memchr(r->text.at, '\n', r->text.left);
    size_t length = newline == NULL ? r->text.left : (size_t)(newline - r->text.at);
    const char *line = (const char *)cursor_take(&r->text, length);
    cursor_skip(&r->text, newline != NULL);
    r->line_number++;
    while (length > 0 && is_blank(line[0])) {
        line++;
        length--;
    }
    struct error failure;
    const char *title_end = length > 0 && line[0] == '[' ? memchr(line, ']', length) : NULL;
    const char *key_end = length > 0 && line[0] != '#' && line[0] != ';' ? memchr(line, '=', length) : NULL;
    if (memchr(line, '\0', length) != NULL)
        fail(r, error_set(&failure, RESULT_REJECT, "a NUL byte: this is no text file"), &failure);
    else if (length + 2 > (size_t)size)
        fail(r, error_set(&failure, RESULT_REJECT, "a line of %zu bytes; %d are allowed", length, size - 2), &failure);
    else if ((title_end != NULL && title_end - line - 1 > INIH_TITLE_MAX) ||
             (title_end == NULL && key_end != NULL && key_end - line > INIH_TITLE_MAX))
        fail(r, error_set(&failure, RESULT_REJECT, "a name of more than %d letters", INIH_TITLE_MAX), &failure);
    if (r->result != RESULT_OK)
        return NULL;
    memcpy(to, line, length);
    to[length] = '\n';
    to[length + 1] = '\0';
    return to;
}

static int take_line(void *user, const char *section, const char *key, const char *value)
{
    struct reading *r = user;
    struct error failure = {""};
    if (r->result != RESULT_OK)
        return 0;
    enum result result = key == NULL || key[0] == '\0' || value == NULL
                             ? error_set(&failure, RESULT_REJECT, "not of the form key = value")
                             : r->line(r->context, section, key, value, &failure);
    if (result != RESULT_OK)
        fail(r, result, &failure);
    return result == RESULT_OK;
}

enum result settings_parse(const char *name, const char *text, size_t length, settings_line *line, void *context,
                           struct error *err)
{
    struct reading r = {.name = name, .text = cursor_make(text, length), .line = line, .context = context};
    int bad_line = ini_parse_stream(next_line, &r, take_line, &r);
    sodium_stackzero(INIH_STACK_SIZE); /* the text may be a key file's */
    if (bad_line > 0 && (r.result == RESULT_OK || (unsigned)bad_line < r.failed_line))
        return error_set(err, RESULT_REJECT, "%s:%d: neither [section] nor key = value", name, bad_line);
    if (bad_line < 0)
        return error_set(err, RESULT_FATAL, "%s: out of memory", name);
    if (r.result != RESULT_OK)
        return error_set(err, r.result, "%s:%u: %.400s", name, r.failed_line, r.failure.text);
    return RESULT_OK;
}

enum result settings_read(int fd, const char *name, settings_line *line, void *context, struct error *err)
{
    char *text = malloc(SETTINGS_FILE_MAX);
    if (text == NULL)
        return error_set(err, RESULT_FATAL, "%s: out of memory", name);
    size_t length = 0;
    ssize_t got;
    while ((got = read(fd, text + length, SETTINGS_FILE_MAX - length)) > 0 || (got < 0 && errno == EINTR))
        length += got > 0 ? (size_t)got : 0;
    enum result result;
    if (got < 0)
        result = error_set(err, RESULT_REJECT, "%s: %s", name, strerror(errno));
    else if (length == SETTINGS_FILE_MAX)
        result = error_set(err, RESULT_REJECT, "%s: larger than %u bytes", name, SETTINGS_FILE_MAX);
    else
        result = settings_parse(name, text, length, line, context, err);
    sodium_memzero(text, length);
    free(text);
    return result;
}
