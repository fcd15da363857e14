/* SPDX-License-Identifier: Apache-2.0 */
/* Options of a subscriber and of an asker. */
#include "common/libpavo/options.h"

#include <stdlib.h>
#include <string.h>

#define QUEUE_DEFAULT      1000u
#define TIMEOUT_DEFAULT_MS 30000u

/* What pavo.h promises of the kinds of records. */
_Static_assert(PAVO_TOPIC_FLOW == 1u << RECORD_FLOW && PAVO_TOPIC_VERDICT == 1u << RECORD_VERDICT &&
                   PAVO_TOPIC_BINDING == 1u << RECORD_BINDING && PAVO_TOPIC_LOSS == 1u << RECORD_LOSS &&
                   PAVO_TOPIC_STATUS == 1u << RECORD_STATUS && PAVO_TOPIC_ALERT == 1u << RECORD_ALERT &&
                   RECORD_KIND_COUNT == 6,
               "enum pavo_topic has a bit for every kind of record");

pavo_options *pavo_options_new(void)
{
    pavo_options *options = calloc(1, sizeof(*options));
    if (options == NULL)
        return NULL;
    options->topics = PAVO_TOPIC_FLOW;
    options->queue = QUEUE_DEFAULT;
    options->timeout_ms = TIMEOUT_DEFAULT_MS;
    for (unsigned i = 0; i < TOPIC_COUNT; i++)
        options->start[i] = PAVO_START_NOW;
    return options;
}

void pavo_options_destroy(pavo_options **options)
{
    pavo_options *o = options == NULL ? NULL : *options;
    if (o == NULL)
        return;
    free(o->aggregator);
    free(o->publish);
    free(o->answer);
    free(o->key_file);
    for (unsigned i = 0; i < TOPIC_COUNT; i++)
        free(o->filters[i]);
    free(o);
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
    if (options != NULL)
        set(options, &options->aggregator, aggregator);
}

void pavo_options_set_doors(pavo_options *options, const char *publish, const char *answer)
{
    if (options == NULL)
        return;
    set(options, &options->publish, publish);
    set(options, &options->answer, answer);
}

void pavo_options_set_key_file(pavo_options *options, const char *path)
{
    if (options != NULL)
        set(options, &options->key_file, path);
}

void pavo_options_set_topics(pavo_options *options, unsigned topics)
{
    if (options != NULL)
        options->topics = topics;
}

void pavo_options_set_filter(pavo_options *options, unsigned topics, const char *filter)
{
    for (unsigned i = 0; options != NULL && i < TOPIC_COUNT; i++) {
        if (topics & topic_bit(i))
            set(options, &options->filters[i], filter);
    }
}

void pavo_options_allow_files(pavo_options *options)
{
    if (options != NULL)
        options->files = true;
}

void pavo_options_set_start(pavo_options *options, unsigned topics, uint64_t position)
{
    for (unsigned i = 0; options != NULL && i < TOPIC_COUNT; i++) {
        if (topics & topic_bit(i))
            options->start[i] = position;
    }
}

void pavo_options_set_queue(pavo_options *options, unsigned messages)
{
    if (options != NULL)
        options->queue = messages == 0 ? 1 : messages > INT32_MAX ? INT32_MAX : messages;
}

void pavo_options_set_timeout(pavo_options *options, unsigned milliseconds)
{
    if (options != NULL)
        options->timeout_ms = milliseconds;
}

/* ---- what they come to */

enum result options_keys(const pavo_options *options, bool gateway, struct keys *ret_keys, struct error *err)
{
    if (options == NULL || options->out_of_memory)
        return error_set(err, RESULT_FATAL, "out of memory");
    if (options->key_file == NULL)
        return error_set(err, RESULT_REJECT, "no key file was given (pavo_options_set_key_file)");
    struct keys keys;
    enum result result = keys_read(options->key_file, &keys, err);
    if (result != RESULT_OK)
        return result;
    enum key_role role = keys.role;
    if (role == KEY_ROLE_READER || (gateway && role == KEY_ROLE_GATEWAY)) {
        *ret_keys = keys;
        return RESULT_OK;
    }
    keys_clear(&keys);
    return error_set(err, RESULT_REJECT, "%.200s is the key of a %s, a reader's is needed: pavo keys enrol reader NAME",
                     options->key_file, key_role_name(role));
}

static const char *aggregator_of(const pavo_options *options)
{
    return options->aggregator == NULL ? "localhost" : options->aggregator;
}

enum result options_publish_door(const pavo_options *options, char ret_endpoint[static DOOR_TEXT_MAX],
                                 struct error *err)
{
    return door_endpoint(aggregator_of(options), options->publish, 1, ret_endpoint, err);
}

enum result options_answer_door(const pavo_options *options, char ret_endpoint[static DOOR_TEXT_MAX], struct error *err)
{
    return door_endpoint(aggregator_of(options), options->answer, 2, ret_endpoint, err);
}
