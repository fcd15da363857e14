/* SPDX-License-Identifier: Apache-2.0 */
/* INI text, line by line, with the line number in every complaint. libinih does the reading.
 *
 * Tightened where libinih is lax: leading blanks are no continuation of the value above, and a line or title that
 * would be cut off is an error. Comment lines begin with # or ;, a comment behind a value with " ;".
 * Pure but for settings_read; any thread. */
#ifndef PAVO_COMMON_SETTINGS_H
#define PAVO_COMMON_SETTINGS_H

#include <stddef.h>

#include "common/result.h"

#define SETTINGS_FILE_MAX (1u << 20) /* bytes of one file */

/* One `key = value`; `section` is "" before any [section]. A failure ends the reading; its sentence gets FILE:LINE. */
typedef enum result settings_line(void *context, const char *section, const char *key, const char *value,
                                  struct error *err);

/* `name` stands for the text in complaints. RESULT_REJECT, or what `line` returned. */
MUST_CHECK enum result settings_parse(const char *name, const char *text, size_t length, settings_line *line,
                                      void *context, struct error *err);

/* The same for an open file, which stays open. What was read is wiped from memory. */
MUST_CHECK enum result settings_read(int fd, const char *name, settings_line *line, void *context, struct error *err);

#endif
