/* SPDX-License-Identifier: Apache-2.0 */
/* A subscriber's options. */
#include "common/libpavo/subscriber.h"

#include <stdlib.h>
#include <string.h>

#define QUEUE_DEFAULT 1000

const struct topic_name topic_names[TOPIC_COUNT] = {
    {PAVO_TOPIC_FLOWS, "flow"},    {PAVO_TOPIC_LINKS, "link"},   {PAVO_TOPIC_LOSSES, "loss"},
    {PAVO_TOPIC_STATUS, "status"}, {PAVO_TOPIC_ALERTS, "alert"},
};

pavo_options *pavo_options_new(void)
{
    pavo_options *options = calloc(1, sizeof(*options));
    if (options == NULL)
        return NULL;
    options->topics = PAVO_TOPIC_FLOWS;
    options->queue = QUEUE_DEFAULT;
    for (unsigned i = 0; i < TOPIC_COUNT; i++)
        options->start[i] = PAVO_START_NOW;
    return options;
}

void pavo_options_destroy(pavo_options **options)
{
    if (*options == NULL)
        return;
    free((*options)->aggregator);
    free((*options)->publish);
    free((*options)->answer);
    free((*options)->key_file);
    free((*options)->filter);
    free(*options);
    *options = NULL;
}

static void set(pavo_options *options, char **text, const char *value)
{
    free(*text);
    *text = value == NULL ? NULL : strdup(value);
    options->out_of_memory |= value != NULL && *text == NULL;
}

void pavo_options_set_aggregator(pavo_options *options, const char *aggregator)
{
    set(options, &options->aggregator, aggregator);
}

void pavo_options_set_doors(pavo_options *options, const char *publish, const char *answer)
{
    set(options, &options->publish, publish);
    set(options, &options->answer, answer);
}

void pavo_options_set_key_file(pavo_options *options, const char *path)
{
    set(options, &options->key_file, path);
}

void pavo_options_set_filter(pavo_options *options, const char *filter)
{
    set(options, &options->filter, filter);
}

void pavo_options_set_topics(pavo_options *options, unsigned topics)
{
    options->topics = topics;
}

void pavo_options_set_start(pavo_options *options, unsigned topics, uint64_t position)
{
    for (unsigned i = 0; i < TOPIC_COUNT; i++) {
        if (topics & topic_names[i].bit)
            options->start[i] = position;
    }
}

void pavo_options_set_queue(pavo_options *options, unsigned messages)
{
    options->queue = messages == 0 ? 1 : messages > INT32_MAX ? INT32_MAX : messages;
}
