/* SPDX-License-Identifier: Apache-2.0 */
/* What a subscriber may receive: any bytes as a published message of each topic, every event of it asked for
 * everything.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/libpavo/reading.h"
#include "tests/fuzz/ask_columns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask_event(const pavo_event *event)
{
    size_t length;
    const char *json = pavo_event_json(event);
    if (json == NULL || json[0] != '{' || strchr(json, '\n') != NULL)
        abort();
    if (pavo_event_sensor(event)[0] == '\0' || strcmp(pavo_event_sensor(event), pavo_event_text(event, "sensor")) != 0)
        abort();
    (void)pavo_event_epoch(event);
    if (pavo_event_message(event, &length) == NULL)
        abort();
    pavo_event *copy = pavo_event_copy(event);
    if (copy == NULL || strcmp(pavo_event_json(copy), json) != 0)
        abort();
    pavo_event_destroy(&copy);
}

static void read_topic(const struct topic *topic, const uint8_t *data, size_t size)
{
    struct reading reading;
    struct error err;
    struct pavo_event event = {0};
    uint8_t *bytes = malloc(size + 1);
    if (bytes == NULL)
        abort();
    if (size > 0)
        memcpy(bytes, data, size);
    if (reading_open(&reading, topic, bytes, size, &err) != RESULT_OK)
        return;
    ask_columns(reading.columns);
    for (unsigned n = 0; n < 100 && reading_next(&reading, &event); n++) {
        ask_event(&event);
        event_clear(&event);
    }
    reading_skip(&reading);
    if (reading_next(&reading, &event))
        abort();
    reading_close(&reading);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct topic topics[RECORD_KIND_COUNT], chosen;
    struct error err;
    for (unsigned i = 0; i < RECORD_KIND_COUNT; i++) {
        if (topics[i].kind == NULL && topic_init(&topics[i], record_kinds[i], NULL, false, &err) != RESULT_OK)
            abort();
        read_topic(&topics[i], data, size);
    }
    if (chosen.kind == NULL &&
        topic_init(&chosen, record_kinds[RECORD_FLOW], "tcp or dst port 53 or bytes > 100", false, &err) != RESULT_OK)
        abort();
    read_topic(&chosen, data, size);
    return 0;
}
