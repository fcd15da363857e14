/* SPDX-License-Identifier: Apache-2.0 */
/* What a subscriber may receive: any bytes as a published message, every event of it asked for everything. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/libpavo/reading.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask_everything(const pavo_event *event)
{
    uint8_t address[16];
    uint16_t port;
    size_t length;
    const char *json = pavo_event_json(event);
    if (json == NULL || json[0] != '{' || strchr(json, '\n') != NULL)
        abort();
    for (int field = 0; field < 100; field++)
        (void)pavo_flow_number(event, field);
    for (int end = PAVO_SRC; end <= PAVO_TUNNEL_DST; end++) {
        (void)pavo_flow_address(event, (enum pavo_end)end, address);
        (void)pavo_flow_address_text(event, (enum pavo_end)end);
        for (int view = PAVO_INSIDE; view <= PAVO_OUTSIDE; view++)
            (void)pavo_link_address(event, (enum pavo_view)view, (enum pavo_end)end, address, &port);
    }
    (void)pavo_flow_state(event);
    (void)pavo_flow_community_id(event);
    (void)pavo_link_boundary(event);
    if (pavo_event_sensor(event) == NULL || pavo_link_sensor(event, PAVO_INSIDE) == NULL)
        abort();
    if (pavo_event_message(event, &length) == NULL)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct filter *filter;
    struct reading reading;
    struct error err;
    uint8_t *bytes = malloc(size + 1);
    if ((filter == NULL && filter_parse("tcp or dst port 53 or bytes > 100", &filter, NULL, &err) != RESULT_OK) ||
        bytes == NULL)
        abort();
    if (size > 0)
        memcpy(bytes, data, size);
    if (reading_open(&reading, PAVO_TOPIC_FLOWS, bytes, size, size % 2 == 0 ? filter : NULL, &err) != RESULT_OK)
        return 0;
    struct pavo_event event = {0};
    while (reading_next(&reading, &event)) {
        ask_everything(&event);
        event_clear(&event);
    }
    reading_close(&reading);
    return 0;
}
