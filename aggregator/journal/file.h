/* SPDX-License-Identifier: Apache-2.0 */
/* One journal file: made, looked at, read by frames. */
#ifndef PAVO_AGGREGATOR_JOURNAL_FILE_H
#define PAVO_AGGREGATOR_JOURNAL_FILE_H

#include "aggregator/journal/calls.h"
#include "aggregator/journal/frame.h"

/* What is known of a file; a copy is as good. Its entries are those with after < position <= end: what it has beyond is
 * void, what it lacks is damage. */
struct journal_file {
    uint64_t number;
    uint64_t size;
    uint64_t salt;
    bool readable; /* it has its page, so that its frames can be checked */
    bool framed;   /* and a frame that says `after` */
    uint64_t after, end;
    int64_t received_ns; /* of the first entry that can be read; INT64_MAX: none */
    uint64_t gap_number; /* the file to name for positions that are missing at this one's end */
};

void file_name(uint64_t number, char name[static JOURNAL_FILE_MAX]);
/* False: not a journal file's name. */
bool file_number(const char *name, uint64_t *ret_number);

/* Makes and allocates a file of this size: on disk under its name when RESULT_OK, descriptor in *ret_fd (the caller's).
 * RESULT_AGAIN: it is not there. */
MUST_CHECK enum result file_make(const struct journal_calls *calls, int folder, uint64_t number, uint64_t size,
                                 struct journal_file *ret_file, int *ret_fd, struct error *err);

/* A file that is open for reading. */
struct file_reader {
    const struct journal_calls *calls;
    int fd;
    struct journal_file file;
    bool io_failed; /* some bytes could not be read for another reason than the file's end */
};
/* False, errno: not there, or cannot be opened. */
bool file_open(const struct journal_calls *calls, int folder, const struct journal_file *file, int flags,
               struct file_reader *ret_reader);
void file_close(struct file_reader *reader);

/* Bytes that could be read, up to `length`. */
size_t file_read(struct file_reader *reader, void *to, size_t length, uint64_t offset);
/* Reads page and first frame. RESULT_FATAL: of a newer version. */
MUST_CHECK enum result file_identify(struct file_reader *reader, struct error *err);

/* The frame whose head is at `offset`; false: no valid one. */
bool file_frame(struct file_reader *reader, uint64_t offset, struct frame *ret_frame);
/* The first valid one at or behind `offset`, which is a multiple of 8. */
bool file_scan(struct file_reader *reader, uint64_t offset, struct frame *ret_frame);
/* The frame's body, checked, in buffer->bytes. RESULT_REJECT: damaged or not all there; RESULT_FULL: out of memory. */
MUST_CHECK enum result file_body(struct file_reader *reader, const struct frame *frame, struct journal_buffer *buffer);
/* Is it as it was made from there on: zeros, and the page at its end? */
bool file_empty_from(struct file_reader *reader, uint64_t offset);

MUST_CHECK enum result buffer_reserve(struct journal_buffer *buffer, size_t length);

#endif
