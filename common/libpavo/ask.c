/* SPDX-License-Identifier: Apache-2.0 */
/* Queries and their replies over a DEALER socket. */
#include "common/libpavo/ask.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include <zmq.h>

#include "common/bus.h"
#include "common/clock.h"
#include "common/message.h"

enum result asker_open(void *zmq_context, const char *endpoint, const struct keys *keys, struct asker *ret_asker,
                       struct error *err)
{
    struct asker asker = {0};
    enum result result = door_open(zmq_context, endpoint, BUS_ANSWER_PORT, keys, ASK_QUEUE, &asker.door, err);
    if (result == RESULT_OK)
        *ret_asker = asker;
    return result;
}

void asker_close(struct asker *asker)
{
    door_close(&asker->door);
}

/* With the next id, which it does not take. */
static enum result send_next(struct asker *asker, Pavo__Query *query, struct error *err)
{
    query->version = 1;
    query->id = asker->last_id + 1;
    size_t size = pavo__query__get_packed_size(query);
    uint8_t *packed = malloc(size);
    if (packed == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    pavo__query__pack(query, packed);
    enum result result = bus_send(asker->door.socket, packed, size, false);
    free(packed);
    if (result == RESULT_AGAIN)
        return error_set(err, RESULT_FULL, "%s: more than %d queries wait for a connection", asker->door.endpoint,
                         ASK_QUEUE);
    if (result != RESULT_OK)
        return error_set(err, result, "%s: cannot send: %s", asker->door.endpoint, zmq_strerror(errno));
    return RESULT_OK;
}

enum result asker_send(struct asker *asker, Pavo__Query *query, uint64_t *ret_id, struct error *err)
{
    enum result result = send_next(asker, query, err);
    if (result == RESULT_OK)
        *ret_id = asker->last_id = query->id;
    return result;
}

enum result asker_send_part(struct asker *asker, const char *name, const uint8_t *part, size_t length,
                            struct error *err)
{
    Pavo__Query query = PAVO__QUERY__INIT;
    Pavo__Set set = PAVO__SET__INIT;
    set.name = (char *)name;
    set.part = (ProtobufCBinaryData){.len = length, .data = (uint8_t *)part};
    query.set = &set;
    return send_next(asker, &query, err);
}

void asker_cancel(struct asker *asker, uint64_t id)
{
    uint8_t packed[32];
    Pavo__Query query = PAVO__QUERY__INIT;
    query.version = 1;
    query.cancel = id;
    enum result ignored = bus_send(asker->door.socket, packed, pavo__query__pack(&query, packed), false);
    (void)ignored;
}

enum result asker_receive(struct asker *asker, uint64_t id, Pavo__Reply **ret_reply, struct error *err)
{
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    enum result result = RESULT_AGAIN;
    while (result == RESULT_AGAIN && zmq_msg_recv(&frame, asker->door.socket, ZMQ_DONTWAIT) != -1) {
        if (zmq_msg_size(&frame) == 0 || zmq_msg_more(&frame))
            continue; /* an envelope's delimiter */
        asker->heard_ns = clock_monotonic_ns();
        struct error why;
        Pavo__Reply *reply = (Pavo__Reply *)message_unpack(&pavo__reply__descriptor, zmq_msg_data(&frame),
                                                           zmq_msg_size(&frame), MESSAGE_MEMORY_RECORDS, &why);
        if (reply == NULL) {
            result = error_set(err, RESULT_REJECT, "%s: a reply of %zu bytes that cannot be read: %s",
                               asker->door.endpoint, zmq_msg_size(&frame), why.text);
        } else if (reply->version != 1) {
            result =
                error_set(err, RESULT_REJECT, "%s speaks version %" PRIu32 " of the protocol, this program version 1",
                          asker->door.endpoint, reply->version);
            pavo__reply__free_unpacked(reply, NULL);
        } else if (reply->id != id) {
            pavo__reply__free_unpacked(reply, NULL);
        } else {
            *ret_reply = reply;
            result = RESULT_OK;
        }
    }
    zmq_msg_close(&frame);
    return result;
}
