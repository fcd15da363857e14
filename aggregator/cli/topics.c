/* SPDX-License-Identifier: Apache-2.0 */
/* Topics by name. */
#include "aggregator/cli/topics.h"

#include <stdio.h>
#include <string.h>

#include <pavo.h>

#include "common/nearest.h"

static const struct {
    const char *name;
    enum pavo_topic topic;
} table[] = {
    {"flow", PAVO_TOPIC_FLOW}, {"verdict", PAVO_TOPIC_VERDICT}, {"binding", PAVO_TOPIC_BINDING},
    {"loss", PAVO_TOPIC_LOSS}, {"status", PAVO_TOPIC_STATUS},   {"alert", PAVO_TOPIC_ALERT},
};
#define TOPICS (sizeof(table) / sizeof(*table))

static int unknown(const char *name, size_t length)
{
    char word[64];
    snprintf(word, sizeof(word), "%.*s", (int)length, name);
    struct nearest nearest = {.word = word};
    for (size_t i = 0; i < TOPICS; i++)
        nearest_try(&nearest, table[i].name);
    if (nearest.name != NULL)
        return cli_fail(CLI_USAGE, "--topic: '%s' is no topic; did you mean '%s'?", word, nearest.name);
    return cli_fail(CLI_USAGE, "--topic: '%s' is no topic; they are flow, verdict, binding, loss, status and alert",
                    word);
}

/* 0: there is none of that name. */
static unsigned find(const char *name, size_t length)
{
    for (size_t i = 0; i < TOPICS; i++) {
        if (strlen(table[i].name) == length && strncmp(table[i].name, name, length) == 0)
            return table[i].topic;
    }
    return 0;
}

const char *topics_name(unsigned topic)
{
    for (size_t i = 0; i < TOPICS; i++) {
        if (table[i].topic == topic)
            return table[i].name;
    }
    return NULL;
}

int topics_parse(const struct option_list *names, struct topics *ret_topics)
{
    unsigned all = 0;
    for (size_t i = 0; i < names->count; i++) {
        for (const char *at = names->items[i];; at++) {
            size_t length = strcspn(at, ",");
            unsigned topic = find(at, length);
            if (topic == 0)
                return unknown(at, length);
            all |= topic;
            at += length;
            if (*at == '\0')
                break;
        }
    }
    struct topics topics = {.all = all, .filtered = all};
    if (names->count == 0)
        topics = (struct topics){.all = PAVO_TOPIC_FLOW | PAVO_TOPIC_LOSS, .filtered = PAVO_TOPIC_FLOW};
    for (unsigned left = topics.all; left != 0; left &= left - 1)
        topics.count++;
    *ret_topics = topics;
    return -1;
}
