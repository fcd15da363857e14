/* SPDX-License-Identifier: Apache-2.0 */
/* A Parquet file's description (its footer: FileMetaData in Thrift's compact protocol), cut down to some columns and
 * row groups. What stays keeps its bytes and so its places in the file. Pure. */
#ifndef PAVO_AGGREGATOR_SEGMENTS_FOOTER_H
#define PAVO_AGGREGATOR_SEGMENTS_FOOTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/result.h"

struct footer_choice {
    const bool *columns; /* by their place in the file: one leaf each, as we write them */
    size_t column_count; /* of the file */
    uint64_t groups;     /* a bit each */
    uint64_t rows;       /* of those groups */
};
/* Writes the shorter footer into `ret_footer`, which has room for `length` bytes. False: it is no footer of a file with
 * these columns, row groups and rows. */
bool footer_cut(const uint8_t *footer, size_t length, const struct footer_choice *choice, uint8_t *ret_footer,
                size_t *ret_length);

#endif
