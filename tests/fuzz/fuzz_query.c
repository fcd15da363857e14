/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a Query: its arguments are parsed for the question it names, and where they are taken made into a
 * command line again, which a terminal may be shown; where not, the refusal names a place that there is. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/answer/arguments.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void show(const struct arguments *arguments)
{
    struct json text = {0};
    arguments_command(arguments, &text);
    if (!text.failed && (strncmp(text.text, "pavo ", 5) != 0 || !text_is_clean(text.text, text.length)))
        abort();
    json_fini(&text);
}

static const Pavo__Argument *named(const Pavo__Query *query, const char *name)
{
    for (size_t i = 0; i < query->n_arguments; i++) {
        if (strcmp(query->arguments[i]->name, name) == 0)
            return query->arguments[i];
    }
    return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *nearest = NULL;
    Pavo__Query *query = pavo__query__unpack(NULL, size, data);
    const struct question *question = query == NULL ? NULL : question_find_name(query->question, &nearest);
    struct arguments arguments;
    struct argument_error where = {""};
    struct error err = {""};
    if (question == NULL) {
        if (query != NULL)
            pavo__query__free_unpacked(query, NULL);
        return 0;
    }
    if (arguments_parse(question, query->arguments, query->n_arguments, NULL, 0, &arguments, &where, &err) ==
        RESULT_OK) {
        show(&arguments);
        arguments_fini(&arguments);
    } else {
        const Pavo__Argument *argument = named(query, where.parameter);
        bool placed = where.parameter[0] != '\0' || argument != NULL; /* it may have no name itself */
        if (err.text[0] == '\0' || !placed || (argument != NULL && where.offset > strlen(argument->value)))
            abort();
    }
    pavo__query__free_unpacked(query, NULL);
    return 0;
}
