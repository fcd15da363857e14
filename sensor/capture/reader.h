/* SPDX-License-Identifier: Apache-2.0 */
/* Inside capture: one capture file, read in pieces. */
#ifndef PAVO_SENSOR_CAPTURE_READER_H
#define PAVO_SENSOR_CAPTURE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/result.h"
#include "sensor/capture/format.h"
#include "sensor/capture/packet.h"

struct reader;

/* "-" is standard input. gzip is unpacked. Nothing is read yet. */
MUST_CHECK enum result reader_open(const char *path, struct reader **ret_reader, struct error *err);
void reader_close(struct reader **reader);

/* The file is still being written: at its end reader_peek gives RESULT_AGAIN and looks for more the next time. */
void reader_set_growing(struct reader *reader, bool growing);

/* Is it a regular file, which never makes anybody wait? Of others reader_peek gives RESULT_AGAIN while nothing comes,
 * and reader_wait waits so long for something, or the end: false when neither came. */
bool reader_is_regular(const struct reader *reader);
bool reader_wait(const struct reader *reader, int wait_ms);

/* When it was last written to, as the file system says; 0: not known. */
int64_t reader_written_ns(const struct reader *reader);

/* Bytes read so far, as they are in the file. */
uint64_t reader_offset(const struct reader *reader);

/* What the file has said of itself so far: borrowed, until it is read on. */
const struct format *reader_format(const struct reader *reader);

/* The next packet, which stays the next until reader_pass. It is borrowed until the bytes after it are asked for:
 * `may_read` false keeps all packets looked at so far where they are, and gives RESULT_AGAIN when the file would have
 * to be read on. RESULT_END: the file is finished. RESULT_REJECT: it is broken here, and says so with its name and
 * the packet's number; what came before was good. */
MUST_CHECK enum result reader_peek(struct reader *reader, bool may_read, const struct packet **ret_packet,
                                   struct error *err);
void reader_pass(struct reader *reader);

/* Packets at one go, up to `most`: the one that was peeked at, and those after it that are read already and older than
 * `until_ns`. */
size_t reader_take(struct reader *reader, int64_t until_ns, struct packet *packets, size_t most);

#endif
