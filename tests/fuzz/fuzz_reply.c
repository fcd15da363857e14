/* SPDX-License-Identifier: Apache-2.0 */
/* What the answer door may send: any bytes as a Reply, turned into JSON and words as the pavo command does. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/cli/links.h"
#include "aggregator/cli/nat.h"
#include "aggregator/cli/sensors.h"
#include "aggregator/cli/show.h"
#include "common/libpavo/message_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void describe(const Pavo__Reply *reply)
{
    char text[1024];
    json_t *json = message_json(&reply->base);
    free(json_dumps(json, JSON_COMPACT));
    json_decref(json);
    for (size_t i = 0; i < reply->n_links; i++) {
        show_evidence(reply->links[i]->evidence, text, sizeof(text));
        if (reply->links[i]->binding != NULL)
            nat_sentence(reply->links[i]->binding, address_from_ipv4(0x0a000111), 443, text, sizeof(text));
    }
    for (size_t i = 0; i < reply->n_sensors; i++) {
        (void)sensor_broken(reply->sensors[i], 1, text, sizeof(text));
        (void)sensor_broken(reply->sensors[i], 2, text, sizeof(text));
    }
    for (size_t i = 0; reply->coverage != NULL && i < reply->coverage->n_losses; i++)
        show_loss(reply->coverage->losses[i], text, sizeof(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Pavo__Reply *reply = pavo__reply__unpack(NULL, size, data);
    struct link_list list = {0};
    struct view_list views = {0};
    struct error err;
    if (reply == NULL)
        return 0;
    describe(reply);
    if (reply->flows != NULL && view_list_add(&views, reply->flows, &err) == RESULT_OK) {
        for (size_t i = 0; i < reply->n_links; i++)
            (void)view_list_find(&views, reply->links[i]->inside);
    }
    if (link_list_take(&list, &reply))
        link_list_sort(&list);
    else
        pavo__reply__free_unpacked(reply, NULL);
    link_list_free(&list);
    view_list_free(&views);
    return 0;
}
