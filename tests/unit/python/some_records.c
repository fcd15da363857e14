/* SPDX-License-Identifier: Apache-2.0 */
/* Random records of every kind for test_records.py: packed as they travel, and each row in libpavo's words.
 *
 *   kind NAME COLUMNS-hex            XColumns, and then a line
 *   row JSON                         for each row
 *   answer NAME HEAD-hex PAGE-hex    the same records as an answer, and again the rows */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/records/json.h"
#include "common/records/page.h"
#include "common/records/wire.h"

#define ROWS      60u
#define OBSERVERS 3u
#define ROW_MAX   2048u

static uint64_t state = 88172645463325252u;

static uint64_t draw(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void must(bool done, const char *what)
{
    if (!done) {
        fprintf(stderr, "some_records: %s\n", what);
        exit(EXIT_FAILURE);
    }
}

/* Small values often, so that zero, and what guards ask for, is there in some rows and not in others. */
static uint64_t some_value(const struct field *field)
{
    static const uint8_t protocols[] = {0, 1, 6, 6, 17, 58, 132, 47};
    uint64_t value = draw() >> (draw() % 64);
    switch (field->kind) {
    case KIND_OBSERVER:
        return value % OBSERVERS;
    case KIND_PROTOCOL:
        return protocols[value % sizeof(protocols)];
    case KIND_WORD:
    case KIND_BITS:
    case KIND_FLAG:
        return draw() % 4 == 0 ? value : draw() % (field->word_count + 2);
    case KIND_TIME:
        return 1764000000000000000u + value % 1000000007;
    case KIND_ADDRESS:
        return draw() % 2 == 0 ? 0 : value;
    case KIND_LOWER:
        return draw() % 2 == 0 ? 0xffff00000000u | (value & UINT32_MAX) : value;
    default:
        return draw() % 4 == 0 ? 0 : value;
    }
}

static void fill(const struct record_kind *kind, unsigned list, void *row)
{
    static const char *const texts[] = {"", "nat", "eth0", "größer", "quotes \" and \\ and blanks"};
    memset(row, 0, ROW_MAX);
    for (unsigned f = 0; f < kind->stored_count; f++) {
        const struct field *field = &kind->fields[f];
        char *at = (char *)row + field->offset;
        uint64_t value = some_value(field);
        if (field->list != list)
            continue;
        if (field->type == FIELD_TEXT)
            *(const char **)at = texts[value % (sizeof(texts) / sizeof(*texts))];
        else
            memcpy(at, &value, field->size);
    }
}

static struct records *make(const struct record_kind *kind)
{
    _Alignas(16) char row[ROW_MAX];
    struct records *records = records_new(kind, 1);
    must(records != NULL && kind->row_size <= sizeof(row), "no room for a row");
    for (unsigned i = 0; i < OBSERVERS; i++) {
        struct observer observer = {.epoch = epoch_new(1764000000000000000, i)};
        uint16_t index;
        snprintf(observer.sensor, sizeof(observer.sensor), i == 2 ? "edge/router%u" : "sensor%u", i);
        for (unsigned u = 0; i > 0 && u < 2; u++)
            observer.unknown[u] = draw() & draw();
        must(records_observer(records, &observer, &index) == RESULT_OK, "no room for an observer");
    }
    for (uint32_t r = 0; r < ROWS; r++) {
        fill(kind, 0, row);
        must(records_append(&records, row) == RESULT_OK, "no room for a row");
        for (unsigned l = 0; l < kind->list_count; l++) {
            for (unsigned n = draw() % 4; n > 0; n--) {
                fill(kind, l + 1, row);
                must(records_add_item(records, l, row) == RESULT_OK, "no room for an item");
            }
        }
    }
    return records;
}

static void print_packed(const ProtobufCMessage *message)
{
    size_t length = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes = malloc(length + 1);
    must(bytes != NULL, "out of memory");
    protobuf_c_message_pack(message, bytes);
    putchar(' ');
    for (size_t i = 0; i < length; i++)
        printf("%02x", bytes[i]);
    free(bytes);
}

static void print_rows(const struct records *records)
{
    struct json json = {0};
    for (uint32_t r = 0; r < records->rows; r++) {
        json_clear(&json);
        json_add_members(&json, records, r);
        must(!json.failed, "out of memory");
        printf("row {%s}\n", json.text);
    }
    json_fini(&json);
}

static void print_kind(const struct records *records)
{
    struct wire_view view;
    struct error err = {""};
    must(wire_view_init(&view, records, &err) == RESULT_OK, err.text);
    printf("kind %s", records->kind->name);
    print_packed(view.message);
    putchar('\n');
    print_rows(records);
    wire_view_fini(&view);
}

/* The words are those of who has read the answer. */
static void print_answer(const struct records *records)
{
    struct page_head head;
    struct page_view view;
    struct page_kind *kind;
    struct records *back;
    struct error err = {""};
    must(page_head_init(&head, records->kind, records->kind->name, "pavo ...", &err) == RESULT_OK, err.text);
    must(page_view_init(&view, records, 0, records->rows, &err) == RESULT_OK, err.text);
    must(page_kind_read(&head.message, &kind, &err) == RESULT_OK, err.text);
    must(page_read(kind, &view.message, &back, &err) == RESULT_OK, err.text);
    printf("answer %s", records->kind->name);
    print_packed(&head.message.base);
    print_packed(&view.message.base);
    putchar('\n');
    print_rows(back);
    records_free(&back);
    page_kind_free(&kind);
    page_view_fini(&view);
    page_head_fini(&head);
}

int main(void)
{
    for (unsigned k = 0; k < RECORD_KIND_COUNT; k++) {
        struct records *records = make(record_kinds[k]);
        print_kind(records);
        print_answer(records);
        records_free(&records);
    }
    return 0;
}
