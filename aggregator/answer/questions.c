/* SPDX-License-Identifier: Apache-2.0 */
/* The table of questions. */
#include <string.h>

#include "aggregator/answer/question.h"
#include "common/nearest.h"

#define QUESTIONS(X)                                                                                                   \
    X(find)                                                                                                            \
    X(links)                                                                                                           \
    X(nat)                                                                                                             \
    X(investigate)                                                                                                     \
    X(top)                                                                                                             \
    X(series)                                                                                                          \
    X(peers)                                                                                                           \
    X(services)                                                                                                        \
    X(new)                                                                                                             \
    X(sql)                                                                                                             \
    X(views)                                                                                                           \
    X(flows)                                                                                                           \
    X(verdicts)                                                                                                        \
    X(bindings)                                                                                                        \
    X(losses)                                                                                                          \
    X(statuses)                                                                                                        \
    X(alerts)                                                                                                          \
    X(sensors)                                                                                                         \
    X(interfaces)                                                                                                      \
    X(boundaries)                                                                                                      \
    X(intake)                                                                                                          \
    X(store)                                                                                                           \
    X(replay)                                                                                                          \
    X(questions)                                                                                                       \
    X(kinds)                                                                                                           \
    X(challenge)                                                                                                       \
    X(delegate)

#define DECLARE(name) extern const struct question question_##name;
#define ROW(name)     &question_##name,
QUESTIONS(DECLARE)
const struct question *const questions[] = {QUESTIONS(ROW)};
const unsigned question_count = sizeof(questions) / sizeof(*questions);

const struct question *question_find_name(const char *name, const char **ret_nearest)
{
    struct nearest nearest = {.word = name};
    for (unsigned i = 0; i < question_count; i++) {
        if (strcmp(questions[i]->name, name) == 0)
            return questions[i];
        nearest_try(&nearest, questions[i]->name);
    }
    *ret_nearest = nearest.name;
    return NULL;
}

bool question_is_short(const struct question *question)
{
    return question == NULL || question->basis == QUESTION_OF_NOW;
}

bool question_is_long(const struct question *question)
{
    return question != NULL && question->time_max_ns != 0;
}

const struct parameter *question_parameter(const struct question *question, const char *name)
{
    for (unsigned i = 0; i < question->parameter_count; i++) {
        if (strcmp(question->parameters[i].name, name) == 0)
            return &question->parameters[i];
    }
    return NULL;
}

const struct record_kind *parameter_kind(const struct parameter *parameter)
{
    return parameter->kind_of != NULL ? parameter->kind_of() : record_kinds[parameter->kind];
}

static const char *const type_words[PARAMETER_TYPE_COUNT] = {
#define X(name, word, doc) #word,
    PARAMETER_TYPES(X)
#undef X
};
static const char *const type_docs[PARAMETER_TYPE_COUNT] = {
#define X(name, word, doc) doc,
    PARAMETER_TYPES(X)
#undef X
};

const char *parameter_type_word(enum parameter_type type)
{
    return type_words[type];
}

const char *parameter_type_doc(enum parameter_type type)
{
    return type_docs[type];
}
