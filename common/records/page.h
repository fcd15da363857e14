/* SPDX-License-Identifier: Apache-2.0 */
/* Records as an answer's head and pages, and back: columns that say themselves what they are, so that who asks needs to
 * know no table. Out of records of any kind; in as records of a kind made from the head.
 *
 * An observer's index goes out as two columns, "sensor" and "epoch" (of "partner_observer": "partner_sensor" and
 * "partner_epoch"); the two halves of an address as one; what is computed as if it were stored. Pure; any thread. */
#ifndef PAVO_COMMON_RECORDS_PAGE_H
#define PAVO_COMMON_RECORDS_PAGE_H

#include "common/records/records.h"
#include "pavo.pb-c.h"

/* Most columns of an answer that are taken. */
#define PAGE_COLUMNS_MAX 512u

struct page_memory; /* blocks that are freed together */

/* ---- out; the messages borrow from what they are made of */

struct page_head {
    Pavo__Head message;
    struct page_memory *memory; /* owned */
};
/* Texts are borrowed. RESULT_FATAL: out of memory. */
MUST_CHECK enum result page_head_init(struct page_head *head, const struct record_kind *kind, const char *question,
                                      const char *command, struct error *err);
void page_head_fini(struct page_head *head);

struct page_view {
    Pavo__Page message;
    struct page_memory *memory; /* owned */
};
/* Rows first .. first + count - 1. RESULT_FATAL: out of memory. */
MUST_CHECK enum result page_view_init(struct page_view *view, const struct records *records, uint32_t first,
                                      uint32_t count, struct error *err);
/* The same for a head that was made of another kind with the same fields: an answer's, which has an order and headings
 * of its own, and perhaps only some of the fields. */
MUST_CHECK enum result page_view_init_as(struct page_view *view, const struct record_kind *kind,
                                         const struct records *records, uint32_t first, uint32_t count,
                                         struct error *err);
void page_view_fini(struct page_view *view);

/* ---- in */

struct page_kind {
    struct record_kind kind;
    struct page_memory *memory; /* owned: fields, names, lists */
};
/* A kind of record made from a head; records of it must not outlive it. RESULT_REJECT with a sentence. */
MUST_CHECK enum result page_kind_read(const Pavo__Head *head, struct page_kind **ret_kind, struct error *err);
void page_kind_free(struct page_kind **kind);
/* RESULT_REJECT: columns that do not fit the kind or one another. Texts that are not clean are cleaned. */
MUST_CHECK enum result page_read(const struct page_kind *kind, const Pavo__Page *page, struct records **ret_records,
                                 struct error *err);

#endif
