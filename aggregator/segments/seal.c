/* SPDX-License-Identifier: Apache-2.0 */
/* The .seal file, and what the catalogue keeps of it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "aggregator/segments/internal.h"
#include "common/message.h"

#define SEAL_MAX (64u << 20)

/* The chunks' three lists are as long as each other. */
static bool is_even(const Store__Segment *s)
{
    size_t chunks = (size_t)s->groups * s->n_columns;
    return s->groups <= SEGMENT_GROUPS_MAX && s->n_chunk_offsets == chunks && s->n_chunk_lengths == chunks &&
           s->n_chunk_checks == chunks;
}

Store__Segment *seal_parse(const uint8_t *bytes, size_t length, uint64_t id)
{
    uint64_t check;
    if (length < sizeof(check))
        return NULL;
    length -= sizeof(check);
    memcpy(&check, bytes + length, sizeof(check));
    if (XXH3_64bits(bytes, length) != check)
        return NULL;
    Store__Segment *seal =
        (Store__Segment *)message_unpack(&store__segment__descriptor, bytes, length, MESSAGE_MEMORY_RECORDS, NULL);
    if (seal != NULL && (seal->id != id || !is_even(seal))) {
        store__segment__free_unpacked(seal, NULL);
        seal = NULL;
    }
    return seal;
}

/* What cannot be read again is not written: what it seals would be lost with it. */
enum result seal_write(const struct segments *segments, const Store__Segment *seal, struct error *err)
{
    size_t length = store__segment__get_packed_size(seal);
    uint8_t *bytes = malloc(length + sizeof(uint64_t));
    if (bytes == NULL)
        return error_set(err, RESULT_AGAIN, "out of memory");
    store__segment__pack(seal, bytes);
    uint64_t check = XXH3_64bits(bytes, length);
    memcpy(bytes + length, &check, sizeof(check));
    length += sizeof(check);
    Store__Segment *again = length > SEAL_MAX ? NULL : seal_parse(bytes, length, seal->id);
    enum result r = again != NULL
                        ? part_write(segments, seal->id, "seal", bytes, length, err)
                        : error_set(err, RESULT_AGAIN, "segment %016" PRIx64 ": its seal would be too large", seal->id);
    if (again != NULL)
        store__segment__free_unpacked(again, NULL);
    free(bytes);
    return r;
}

enum result seal_read(const struct segments *segments, uint64_t id, Store__Segment **ret_seal, struct error *err)
{
    char path[SEGMENT_PATH_MAX];
    int file;
    uint64_t size;
    segments_path(segments, id, "seal", path);
    enum result r = part_open(path, &file, &size, err);
    if (r != RESULT_OK)
        return r;
    uint8_t *bytes = size > SEAL_MAX ? NULL : malloc(size + 1);
    if (size > SEAL_MAX)
        r = error_set(err, RESULT_REJECT, "%s is damaged: it is too large", path);
    else if (bytes == NULL)
        r = error_set(err, RESULT_AGAIN, "out of memory");
    if (r == RESULT_OK)
        r = part_read(file, path, bytes, size, 0, err);
    close(file);
    if (r == RESULT_OK && (*ret_seal = seal_parse(bytes, size, id)) == NULL)
        r = error_set(err, RESULT_REJECT, "%s is damaged: its checksum is another", path);
    free(bytes);
    return r;
}

enum result seal_to_segment(const Store__Segment *seal, struct segment *ret_segment, struct error *err)
{
    *ret_segment = (struct segment){.id = seal->id,
                                    .kind = STORED_KIND_COUNT,
                                    .level = seal->level,
                                    .rows = seal->rows,
                                    .bytes = seal->bytes,
                                    .index_bytes = seal->index_bytes,
                                    .first_ns = seal->first_ns,
                                    .last_ns = seal->last_ns,
                                    .first_position = seal->first_position,
                                    .last_position = seal->last_position,
                                    .groups = seal->groups,
                                    .without_evidence = seal->without_evidence,
                                    .day = seal->day,
                                    .fields = seal->fields,
                                    .group_rows = seal->group_rows};
    for (unsigned kind = 0; kind < STORED_KIND_COUNT; kind++) {
        if (record_kinds[kind]->number == seal->kind)
            ret_segment->kind = kind;
    }
    return ret_segment->kind != STORED_KIND_COUNT && seal->groups >= 1 && seal->groups <= SEGMENT_GROUPS_MAX
               ? RESULT_OK
               : error_set(err, RESULT_REJECT, "a segment that cannot be: kind %u, %u row groups", seal->kind,
                           seal->groups);
}
