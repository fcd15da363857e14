/* SPDX-License-Identifier: Apache-2.0 */
/* Inside pavo nat: how an answer is said (nat_words.c), and what was pasted in place of an address (nat_paste.c). */
#ifndef PAVO_AGGREGATOR_CLI_NAT_H
#define PAVO_AGGREGATOR_CLI_NAT_H

#include "aggregator/cli/ask.h"

/* The question's, in order. */
enum { NAT_END, NAT_AT, NAT_SLACK, NAT_PROTOCOL, NAT_LIMIT, NAT_ARGUMENTS };
#define NAT_SLACK_DEFAULT    "5s" /* the aggregator's */
#define NAT_SLACK_DEFAULT_NS (5 * 1000000000ll)

/* ---- nat_words.c */

/* The evidence's terms, a line each, and what they add up to. */
void nat_why(const pavo_columns *page, size_t row);

/* A linked row as sentences for a report: who, when and by which clock, and how sure that is. `also`: beside another.
 */
void nat_report(const pavo_columns *page, size_t row, bool also);

/* Who had the same address and port before and after the moment: asks once more, for the hour around it. The arguments
 * have absolute times, and a port and a moment; otherwise nothing is asked. Ends the answer that was taken. -1, or an
 * exit code. */
int nat_neighbours(struct ask *ask, const struct argument *arguments);

bool nat_is_linked(const pavo_columns *page, size_t row);

/* ---- nat_paste.c */

/* Words of the command line that are no address alone, or a file ("-": standard input), to the arguments that are not
 * given otherwise; says what was understood. An exit code, or -1. */
int nat_take_words(struct argument *arguments, int argc, char **argv, int first);
int nat_take_file(struct argument *arguments, const char *path);

#endif
