/* SPDX-License-Identifier: Apache-2.0 */
/* Frames between two processes. */
#include "aggregator/sql/frame.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cursor.h"

#define HEAD_BYTES 5u
#define TICK_MS    20

void frame_link_fini(struct frame_link *link)
{
    free(link->buffer);
    link->buffer = NULL;
}

/* Waits until the socket may be used for `events`. */
static enum result wait_for(const struct frame_link *link, short events, struct error *err)
{
    struct pollfd poller = {.fd = link->socket, .events = events};
    while (link->go_on(link->context)) {
        if (poll(&poller, 1, TICK_MS) > 0)
            return RESULT_OK;
    }
    return error_set(err, RESULT_AGAIN, "interrupted");
}

static ssize_t move_some(const struct frame_link *link, void *bytes, size_t length, bool out)
{
    if (link->go_on == NULL)
        return out ? write(link->socket, bytes, length) : read(link->socket, bytes, length);
    return out ? send(link->socket, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL)
               : recv(link->socket, bytes, length, MSG_DONTWAIT);
}

/* All of it, in or out. */
static enum result move(struct frame_link *link, void *bytes, size_t length, bool out, struct error *err)
{
    uint8_t *at = bytes;
    while (length > 0) {
        ssize_t moved = move_some(link, at, length, out);
        if (moved < 0 && errno == EINTR)
            continue;
        if (moved < 0 && link->go_on != NULL && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            enum result r = wait_for(link, out ? POLLOUT : POLLIN, err);
            if (r != RESULT_OK)
                return r;
            continue;
        }
        if (moved <= 0) {
            link->gone = true;
            return error_set(err, RESULT_FATAL, "the other process is gone");
        }
        at += moved;
        length -= (size_t)moved;
    }
    return RESULT_OK;
}

static bool make_buffer(struct frame_link *link)
{
    if (link->buffer == NULL)
        link->buffer = malloc(HEAD_BYTES + FRAME_MAX);
    return link->buffer != NULL;
}

enum result frame_send(struct frame_link *link, enum frame_type type, const void *body, size_t length,
                       struct error *err)
{
    uint32_t le = htole32((uint32_t)length);
    uint8_t head[HEAD_BYTES];
    if (length > FRAME_MAX)
        return error_set(err, RESULT_AGAIN, "a row of more than %u MiB", FRAME_MAX >> 20);
    memcpy(head, &le, sizeof(le));
    head[4] = (uint8_t)type;
    enum result r = move(link, head, sizeof(head), true, err);
    return r == RESULT_OK ? move(link, (void *)body, length, true, err) : r;
}

enum result frame_receive(struct frame_link *link, struct frame *ret_frame, struct error *err)
{
    uint8_t head[HEAD_BYTES];
    if (!make_buffer(link))
        return error_set(err, RESULT_AGAIN, "out of memory");
    enum result r = move(link, head, sizeof(head), false, err);
    if (r != RESULT_OK)
        return r;
    struct cursor c = cursor_make(head, sizeof(head));
    size_t length = cursor_le32(&c);
    if (length > FRAME_MAX)
        return error_set(err, RESULT_REJECT, "a frame of %zu bytes", length);
    *ret_frame = (struct frame){.type = cursor_u8(&c), .body = link->buffer, .length = length};
    return move(link, link->buffer, length, false, err);
}

/* ---- what is said */

static void read_fields(struct cursor *c, const struct record_kind *kind, struct frame_said *said, bool *ret_whole)
{
    bool any = false;
    for (unsigned byte = 0; byte < FRAME_FIELDS; byte++) {
        unsigned bits = cursor_u8(c);
        for (unsigned bit = 0; bit < 8; bit++) {
            unsigned f = byte * 8 + bit;
            if ((bits >> bit & 1) == 0)
                continue;
            if (f >= kind->field_count || kind->fields[f].kind == KIND_LOWER) {
                *ret_whole = false;
                return;
            }
            any = said->fields[f] = true;
        }
    }
    *ret_whole = any;
}

enum result frame_said(const struct frame *frame, struct frame_said *ret_said, struct error *err)
{
    struct cursor c = cursor_make(frame->body, frame->length);
    struct frame_said said = {.type = (enum frame_type)frame->type};
    bool whole = true;
    switch (frame->type) {
    case FRAME_SCAN:
        said.scan = cursor_u8(&c);
        said.kind = (enum record_kind_number)cursor_u8(&c);
        whole = (unsigned)said.kind < STORED_KIND_COUNT;
        if (whole)
            read_fields(&c, record_kinds[said.kind], &said, &whole);
        break;
    case FRAME_MORE:
    case FRAME_CLOSE:
        said.scan = cursor_u8(&c);
        break;
    case FRAME_REFUSED:
        said.memory = cursor_u8(&c) != 0;
        break;
    case FRAME_HEAD:
    case FRAME_ROWS:
    case FRAME_DONE:
        break;
    default:
        whole = false;
    }
    bool more = frame->type == FRAME_HEAD || frame->type == FRAME_ROWS || frame->type == FRAME_REFUSED;
    if (!whole || c.failed || said.scan >= FRAME_SCANS_MAX || (!more && c.left > 0))
        return error_set(err, RESULT_REJECT, "a frame of type %u that cannot be", frame->type);
    said.bytes = c.at;
    said.length = c.left;
    *ret_said = said;
    return RESULT_OK;
}

void frame_scan(unsigned scan, const struct record_kind *kind, const bool *fields,
                uint8_t ret_body[static 2 + FRAME_FIELDS])
{
    memset(ret_body, 0, 2 + FRAME_FIELDS);
    ret_body[0] = (uint8_t)scan;
    ret_body[1] = (uint8_t)record_kind_number(kind);
    for (unsigned f = 0; f < kind->field_count; f++)
        ret_body[2 + f / 8] |= (uint8_t)(fields[f] << f % 8);
}
