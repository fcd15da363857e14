/* SPDX-License-Identifier: Apache-2.0 */
/* Foreign text in HTML and SVG. Whatever it is made of, what is written is well-formed UTF-8, stands where text or the
 * value of an attribute in double quotes may stand, and is nothing but text there. Pure. */
#ifndef PAVO_AGGREGATOR_CLI_MARKUP_H
#define PAVO_AGGREGATOR_CLI_MARKUP_H

#include <stdio.h>

/* Markup is escaped; what is no character that XML may have, or turns the direction of the text around it, becomes
 * U+FFFD. */
void markup_text(FILE *stream, const char *text);

/* printf, of which all is foreign text. */
void markup_printf(FILE *stream, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
