/* SPDX-License-Identifier: Apache-2.0 */
/* Checking what is to be read of a segment; and of what was checked, a file in memory.
 *
 * The excerpt has the wanted column chunks where the segment has them, holes between, and behind them the segment's
 * description cut down to them. For DuckDB it is a small file: a description of 64 row groups and 90 columns costs it
 * more than reading a few chunks. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

#include "aggregator/segments/footer.h"
#include "aggregator/segments/internal.h"

#define READ_BYTES (1u << 20)
#define TAIL_MOST  (64u << 20) /* of a description */
#define MAGIC      "PAR1"
#define MAGIC_SIZE 4u
#define END_SIZE   8u /* the description's length, and the magic */

struct checking {
    const Store__Segment *seal;
    char path[SEGMENT_PATH_MAX];
    int file;
    int excerpt; /* -1: none is made */
    XXH3_state_t *state;
    uint8_t *bytes; /* owned: READ_BYTES */
    uint8_t *tail;  /* owned: all behind the last chunk */
    uint64_t tail_from;
    bool *wanted; /* owned: by column */
    uint64_t groups;
};

static enum result no_memory(struct error *err)
{
    return error_set(err, RESULT_AGAIN, "out of memory");
}

static enum result write_excerpt(const struct checking *c, const void *bytes, size_t length, uint64_t offset,
                                 struct error *err)
{
    const uint8_t *at = bytes;
    while (length > 0) {
        ssize_t wrote = pwrite(c->excerpt, at, length, (off_t)offset);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return error_set(err, RESULT_AGAIN, "an excerpt of %s cannot be made: %s", c->path, strerror(errno));
        at += wrote;
        offset += (uint64_t)wrote;
        length -= (size_t)wrote;
    }
    return RESULT_OK;
}

/* ---- checking */

static enum result check_range(const struct checking *c, uint64_t from, uint64_t to, bool copied, struct error *err)
{
    enum result r = RESULT_OK;
    while (from < to && r == RESULT_OK) {
        size_t length = to - from < READ_BYTES ? to - from : READ_BYTES;
        r = part_read(c->file, c->path, c->bytes, length, from, err);
        if (r == RESULT_OK)
            XXH3_64bits_update(c->state, c->bytes, length);
        if (r == RESULT_OK && copied)
            r = write_excerpt(c, c->bytes, length, from, err);
        from += length;
    }
    return r;
}

static enum result damaged(const struct checking *c, const char *what, struct error *err)
{
    return error_set(err, RESULT_REJECT,
                     "%s is damaged: the checksum of %s is another; put the file back from a copy, or see `pavo store "
                     "check` for what it held",
                     c->path, what);
}

static enum result check_chunk(const struct checking *c, size_t chunk, struct error *err)
{
    uint64_t from = c->seal->chunk_offsets[chunk];
    XXH3_64bits_reset(c->state);
    enum result r = check_range(c, from, from + c->seal->chunk_lengths[chunk], c->excerpt >= 0, err);
    if (r == RESULT_OK && XXH3_64bits_digest(c->state) != c->seal->chunk_checks[chunk])
        r = damaged(c, c->seal->columns[chunk % c->seal->n_columns], err);
    return r;
}

/* All behind the last chunk: the description. */
static enum result read_tail(struct checking *c, uint64_t from, struct error *err)
{
    if (from > c->seal->bytes || c->seal->bytes - from > TAIL_MOST)
        return damaged(c, "its description", err);
    size_t length = c->seal->bytes - from;
    c->tail_from = from;
    c->tail = malloc(length + 1);
    if (c->tail == NULL)
        return no_memory(err);
    enum result r = part_read(c->file, c->path, c->tail, length, from, err);
    if (r == RESULT_OK)
        XXH3_64bits_update(c->state, c->tail, length);
    return r;
}

static enum result check_rest(struct checking *c, struct error *err)
{
    const Store__Segment *seal = c->seal;
    uint64_t at = 0;
    enum result r = RESULT_OK;
    XXH3_64bits_reset(c->state);
    for (size_t i = 0; i < seal->n_chunk_offsets && r == RESULT_OK; i++) {
        r = check_range(c, at, seal->chunk_offsets[i], false, err);
        at = seal->chunk_offsets[i] + seal->chunk_lengths[i];
    }
    if (r == RESULT_OK)
        r = read_tail(c, at, err);
    if (r == RESULT_OK && XXH3_64bits_digest(c->state) != seal->rest_check)
        r = damaged(c, "its description", err);
    return r;
}

static bool is_read(const struct checking *c, size_t chunk)
{
    return (c->groups >> chunk / c->seal->n_columns & 1) != 0 && c->wanted[chunk % c->seal->n_columns];
}

static enum result check_chunks(const struct checking *c, struct error *err)
{
    enum result r = RESULT_OK;
    for (size_t chunk = 0; chunk < c->seal->n_chunk_offsets && r == RESULT_OK; chunk++) {
        if (is_read(c, chunk))
            r = check_chunk(c, chunk, err);
    }
    return r;
}

/* ---- the excerpt */

static uint64_t rows_of(const Store__Segment *seal, uint64_t groups)
{
    uint64_t rows = 0;
    for (unsigned g = 0; g < seal->groups; g++) {
        uint64_t of_group = g + 1 < seal->groups ? seal->group_rows : seal->rows - (uint64_t)g * seal->group_rows;
        rows += (groups >> g & 1) != 0 ? of_group : 0;
    }
    return rows;
}

/* Writes the shorter description. RESULT_END: it is not one that we know how to shorten. */
static enum result write_description(const struct checking *c, struct error *err)
{
    const struct footer_choice choice = {c->wanted, c->seal->n_columns, c->groups, rows_of(c->seal, c->groups)};
    size_t length = c->seal->bytes - c->tail_from, cut;
    uint32_t size;
    if (length < END_SIZE || memcmp(c->tail + length - MAGIC_SIZE, MAGIC, MAGIC_SIZE) != 0)
        return RESULT_END;
    memcpy(&size, c->tail + length - END_SIZE, sizeof(size)); /* little-endian, as we are */
    if (size > length - END_SIZE)
        return RESULT_END;
    uint8_t *made = malloc(size + END_SIZE);
    if (made == NULL)
        return no_memory(err);
    enum result r = footer_cut(c->tail + length - END_SIZE - size, size, &choice, made, &cut) ? RESULT_OK : RESULT_END;
    if (r == RESULT_OK) {
        size = (uint32_t)cut;
        memcpy(made + cut, &size, sizeof(size));
        memcpy(made + cut + sizeof(size), MAGIC, MAGIC_SIZE);
        r = write_excerpt(c, made, cut + END_SIZE, c->tail_from, err);
    }
    if (r == RESULT_OK)
        r = write_excerpt(c, MAGIC, MAGIC_SIZE, 0, err);
    free(made);
    return r;
}

/* A file for it, if it is worth one. */
static enum result begin_excerpt(struct checking *c, struct error *err)
{
    uint64_t bytes = 0;
    for (size_t chunk = 0; chunk < c->seal->n_chunk_offsets; chunk++)
        bytes += is_read(c, chunk) ? c->seal->chunk_lengths[chunk] : 0;
    if (bytes == 0 || bytes > EXCERPT_MOST)
        return RESULT_OK;
    c->excerpt = memfd_create("pavo-excerpt", MFD_CLOEXEC);
    if (c->excerpt < 0)
        return error_set(err, RESULT_AGAIN, "a file in memory cannot be made: %s", strerror(errno));
    enum result r = write_description(c, err);
    if (r == RESULT_OK)
        return r;
    close(c->excerpt);
    c->excerpt = -1;
    return r == RESULT_END ? RESULT_OK : r;
}

/* ---- both */

static enum result check_parts(struct checking *c, bool excerpted, struct error *err)
{
    uint64_t size;
    enum result r = part_open(c->path, &c->file, &size, err);
    if (r != RESULT_OK)
        return r;
    if (size != c->seal->bytes)
        r = error_set(err, RESULT_REJECT, "%s is damaged: it has another size than it had", c->path);
    if (r == RESULT_OK)
        r = check_rest(c, err);
    if (r == RESULT_OK && excerpted)
        r = begin_excerpt(c, err);
    if (r == RESULT_OK)
        r = check_chunks(c, err);
    close(c->file);
    return r;
}

static bool is_wanted(const struct record_kind *kind, const bool *fields, const char *column)
{
    int field = fields == NULL ? -1 : kind_field(kind, column);
    return field < 0 || fields[field];
}

enum result excerpt_check(const struct segments *segments, const Store__Segment *seal, const struct record_kind *kind,
                          const bool *fields, uint64_t groups, int *ret_excerpt, struct error *err)
{
    struct checking c = {.seal = seal, .excerpt = -1, .groups = groups};
    segments_path(segments, seal->id, "parquet", c.path);
    c.state = XXH3_createState();
    c.bytes = malloc(READ_BYTES);
    c.wanted = calloc(seal->n_columns + 1, sizeof(*c.wanted));
    for (size_t i = 0; c.wanted != NULL && i < seal->n_columns; i++)
        c.wanted[i] = is_wanted(kind, fields, seal->columns[i]);
    enum result r = c.state == NULL || c.bytes == NULL || c.wanted == NULL ? no_memory(err)
                                                                           : check_parts(&c, ret_excerpt != NULL, err);
    XXH3_freeState(c.state);
    free(c.bytes);
    free(c.tail);
    free(c.wanted);
    if (r == RESULT_OK && ret_excerpt != NULL)
        *ret_excerpt = c.excerpt;
    else if (c.excerpt >= 0)
        close(c.excerpt);
    return r;
}
