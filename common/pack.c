/* SPDX-License-Identifier: Apache-2.0 */
/* libdeflate with our errors. */
#include "common/pack.h"

#include <libdeflate.h>
#include <stdlib.h>

/* Columns of like values pack well at once: level 2 takes a third more time and leaves a twentieth less
 * (docs/decisions/0006). */
#define PACK_LEVEL 1

void bytes_free(struct bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct bytes){0};
}

enum result pack(const void *plain, size_t length, struct bytes *ret_packed, struct error *err)
{
    struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(PACK_LEVEL);
    size_t room = libdeflate_zlib_compress_bound(compressor, length);
    uint8_t *packed = compressor == NULL ? NULL : malloc(room);
    size_t size = packed == NULL ? 0 : libdeflate_zlib_compress(compressor, plain, length, packed, room);
    libdeflate_free_compressor(compressor);
    if (size == 0) {
        free(packed);
        return error_set(err, RESULT_FATAL, "out of memory packing %zu bytes", length);
    }
    uint8_t *fitting = realloc(packed, size); /* the bound is larger than what was packed */
    *ret_packed = (struct bytes){fitting == NULL ? packed : fitting, size};
    return RESULT_OK;
}

enum result unpack(const void *packed, size_t length, size_t expected, struct bytes *ret_plain, struct error *err)
{
    struct libdeflate_decompressor *decompressor = libdeflate_alloc_decompressor();
    uint8_t *plain = malloc(expected + (expected == 0));
    size_t used = 0;
    enum libdeflate_result result = LIBDEFLATE_BAD_DATA;
    if (decompressor == NULL || plain == NULL) {
        libdeflate_free_decompressor(decompressor);
        free(plain);
        return error_set(err, RESULT_FATAL, "out of memory unpacking %zu bytes", expected);
    }
    result = libdeflate_zlib_decompress_ex(decompressor, packed, length, plain, expected, &used, NULL);
    libdeflate_free_decompressor(decompressor);
    if (result == LIBDEFLATE_SUCCESS && used == length) {
        *ret_plain = (struct bytes){plain, expected};
        return RESULT_OK;
    }
    free(plain);
    return error_set(err, RESULT_REJECT, result == LIBDEFLATE_BAD_DATA ? "the compressed data is damaged" : "size");
}
