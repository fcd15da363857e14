/* SPDX-License-Identifier: Apache-2.0 */
/* What the process of a SELECT may say to the aggregator: frame after frame, its heads and pages with them. */
#include <stdint.h>
#include <stdlib.h>

#include "aggregator/sql/frame.h"
#include "common/cursor.h"
#include "common/message.h"
#include "common/records/page.h"
#include "pavo.pb-c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take_head(const struct frame_said *said, struct page_kind **kind)
{
    struct error err;
    Pavo__Head *head =
        (Pavo__Head *)message_unpack(&pavo__head__descriptor, said->bytes, said->length, MESSAGE_MEMORY_SMALL, &err);
    if (head == NULL)
        return;
    if (page_kind_read(head, kind, &err) != RESULT_OK)
        *kind = NULL;
    pavo__head__free_unpacked(head, NULL);
}

/* What is taken can be sent on. */
static void take_rows(const struct frame_said *said, const struct page_kind *kind)
{
    struct error err;
    struct records *rows;
    struct page_view view;
    Pavo__Page *page =
        (Pavo__Page *)message_unpack(&pavo__page__descriptor, said->bytes, said->length, MESSAGE_MEMORY_RECORDS, &err);
    if (page == NULL)
        return;
    if (page_read(kind, page, &rows, &err) == RESULT_OK) {
        if (page_view_init_as(&view, &kind->kind, rows, 0, rows->rows, &err) == RESULT_OK) {
            (void)pavo__page__get_packed_size(&view.message);
            page_view_fini(&view);
        }
        records_free(&rows);
    }
    pavo__page__free_unpacked(page, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor c = cursor_make(data, size);
    struct page_kind *kind = NULL;
    while (c.left > 0 && !c.failed) {
        struct error err;
        struct frame_said said;
        size_t length = cursor_le32(&c);
        struct frame frame = {.type = cursor_u8(&c), .length = length < c.left ? length : c.left};
        frame.body = cursor_take(&c, frame.length);
        if (c.failed || frame_said(&frame, &said, &err) != RESULT_OK)
            break;
        if (said.type == FRAME_SCAN) {
            uint8_t body[2 + FRAME_FIELDS];
            frame_scan(said.scan, record_kinds[said.kind], said.fields, body);
            if (memcmp(body, frame.body, sizeof(body)) != 0)
                abort();
        } else if (said.type == FRAME_HEAD && kind == NULL) {
            take_head(&said, &kind);
        } else if (said.type == FRAME_ROWS && kind != NULL) {
            take_rows(&said, kind);
        }
    }
    page_kind_free(&kind);
    return 0;
}
