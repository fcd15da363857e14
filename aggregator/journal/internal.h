/* SPDX-License-Identifier: Apache-2.0 */
/* What the journal's own files share. */
#ifndef PAVO_AGGREGATOR_JOURNAL_INTERNAL_H
#define PAVO_AGGREGATOR_JOURNAL_INTERNAL_H

#include <pthread.h>

#include "aggregator/journal/file.h"

struct journal {
    const struct journal_calls *calls;
    int folder; /* descriptor, locked: one process at a time */
    int note_fd;
    uint64_t file_bytes;
    bool read_only;

    pthread_mutex_t lock; /* over the table and what journal_sizes tells; the writer alone changes them */
    struct journal_file *files;
    size_t count, capacity;
    uint64_t last;    /* position */
    uint64_t dropped; /* through this position, on purpose */
    uint64_t torn, failed;
    struct journal_file spare; /* spare_fd < 0: none */
    int spare_fd;

    /* The writer's alone. */
    int fd;          /* of the newest file in the table, which is appended to; < 0: the next set begins a new one */
    uint64_t offset; /* where */
    uint64_t number; /* the highest given to a file */
    uint8_t *heads;  /* of the set that is being written */
    struct iovec *parts;
    size_t heads_capacity; /* in entries */
};

/* Finds the files and how far the stream goes. */
MUST_CHECK enum result journal_load(struct journal *journal, struct error *err);
/* Room for one more file in the table. RESULT_AGAIN: out of memory. */
MUST_CHECK enum result journal_table_reserve(struct journal *journal, struct error *err);
/* Says how far the stream goes to whoever opens the journal next. Never fails: it is a help, and no more. */
void journal_note(struct journal *journal);

#endif
