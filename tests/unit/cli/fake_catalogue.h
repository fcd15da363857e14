/* SPDX-License-Identifier: Apache-2.0 */
/* What an aggregator says it can be asked. */
#ifndef PAVO_TESTS_UNIT_CLI_FAKE_CATALOGUE_H
#define PAVO_TESTS_UNIT_CLI_FAKE_CATALOGUE_H

#include "fake_pavo.h"

static const struct fake_column fake_catalogue_columns[] = {
    {"question", "QUESTION", PAVO_KIND_TEXT, NULL}, {"part", "PART", PAVO_KIND_WORD, NULL},
    {"name", "NAME", PAVO_KIND_TEXT, NULL},         {"type", "TYPE", PAVO_KIND_TEXT, NULL},
    {"kind", "KIND", PAVO_KIND_TEXT, NULL},         {"default", "DEFAULT", PAVO_KIND_TEXT, NULL},
    {"positional", NULL, PAVO_KIND_FLAG, NULL},     {"required", NULL, PAVO_KIND_FLAG, NULL},
    {"help", "HELP", PAVO_KIND_TEXT, NULL},
};
static const char *const fake_catalogue_cells[] = {
    "verdicts",   "question",  "verdicts",
    NULL,         NULL,        NULL,
    NULL,         NULL,        "What became of views.", /* */
    "verdicts",   "parameter", "filter",
    "filter",     "verdict",   NULL,
    "1",          "0",         "which verdicts", /* */
    "verdicts",   "parameter", "from",
    "time",       NULL,        NULL,
    "0",          "0",         "of views alive at or after this", /* */
    "verdicts",   "parameter", "limit",
    "number",     NULL,        "1000000",
    "0",          "0",         "at most so many", /* */
    "verdicts",   "column",    "boundary",
    "u8",         "text",      NULL,
    NULL,         NULL,        "name of the boundary", /* */
    "boundaries", "question",  "",
    NULL,         NULL,        NULL,
    NULL,         NULL,        "What each boundary waits for.", /* */
    "boundaries", "column",    "boundary",
    "text",       "text",      NULL,
    NULL,         NULL,        "its name", /* */
    "delegate",   "question",  "",
    NULL,         NULL,        NULL,
    NULL,         NULL,        "Begins a session.", /* */
    "delegate",   "parameter", "reader",
    "text",       NULL,        NULL,
    "0",          "1",         "the reader that signed", /* */
    "delegate",   "parameter", "challenge",
    "text",       NULL,        NULL,
    "1",          "1",         "what it signed", /* */
    "delegate",   "column",    "session",
    "text",       "text",      NULL,
    NULL,         NULL,        "the session", /* */
    "replay",     "question",  "",
    NULL,         NULL,        NULL,
    NULL,         NULL,        "Messages.", /* */
};
static const pavo_columns fake_catalogue_page = {FAKE_COLUMNS(fake_catalogue_columns), .rows = 12,
                                                 .cells = fake_catalogue_cells};
static const struct pavo_answer fake_catalogue = {
    .question = "questions", .pages = &fake_catalogue_page, .page_count = 1};

#endif
