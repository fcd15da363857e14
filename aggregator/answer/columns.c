/* SPDX-License-Identifier: Apache-2.0 */
/* Columns of answers: what their tables leave to the kinds of record, and the headings of those. */
#include "aggregator/answer/columns.h"

#include <pthread.h>
#include <string.h>

#include "common/records/alert.h"
#include "common/records/binding.h"
#include "common/records/flow.h"
#include "common/records/loss.h"
#include "common/records/status.h"
#include "common/records/verdict.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* the making of any of them */

/* ---- columns of an answer's own */

/* The field of this name among the kinds', verdicts and flows first; of an item also without its list's prefix. */
static const struct field *namesake(const struct answer_columns *columns, const struct field *field)
{
    static const enum record_kind_number order[] = {RECORD_VERDICT, RECORD_FLOW, RECORD_STATUS,
                                                    RECORD_BINDING, RECORD_LOSS, RECORD_ALERT};
    const char *name = field->name;
    for (int pass = 0; pass < 2; pass++) {
        for (unsigned k = 0; k < sizeof(order) / sizeof(*order); k++) {
            const struct record_kind *kind = record_kinds[order[k]];
            int found = kind_field(kind, name);
            if (found >= 0 && kind->fields[found].kind == field->kind)
                return &kind->fields[found];
        }
        if (field->list == 0)
            break;
        name += strlen(columns->lists[field->list - 1].prefix);
    }
    return NULL;
}

static void complete(const struct answer_columns *columns, unsigned f)
{
    struct field *field = &columns->fields[f];
    const struct field *known = namesake(columns, field);
    field->twin = (uint16_t)f;
    if (field->name[0] == '_')
        field->label = field->name + 1;
    if (field->kind == KIND_ADDRESS) {
        char *label = strndup(field->name, strlen(field->name) - strlen("_hi")); /* as long as the table */
        field->label = label != NULL ? label : field->name;
    }
    if (field->doc == NULL)
        field->doc = known != NULL ? known->doc : "";
    if (field->kind == KIND_WORD && columns->words != NULL) {
        field->words = columns->words;
        field->word_count = columns->word_count;
    } else if ((field->kind == KIND_WORD || field->kind == KIND_BITS) && known != NULL) {
        field->words = known->words;
        field->word_count = known->word_count;
    }
}

const struct record_kind *answer_columns_kind(struct answer_columns *columns)
{
    pthread_mutex_lock(&lock);
    if (columns->kind.fields == NULL) {
        for (unsigned f = 0; f < columns->count; f++)
            complete(columns, f);
        columns->kind = (struct record_kind){.name = columns->name,
                                             .fields = columns->fields,
                                             .field_count = columns->count,
                                             .stored_count = columns->count,
                                             .row_size = (uint16_t)columns->row_size,
                                             .lists = columns->lists,
                                             .list_count = columns->list_count,
                                             .first_time = -1,
                                             .last_time = -1,
                                             .observer = -1};
    }
    pthread_mutex_unlock(&lock);
    return &columns->kind;
}

/* ---- records as they are */

struct heading {
    const char *label, *heading;
};

static const struct heading headings_of_flow[] = {
    {"first_time", "TIME"},  {"duration", "DURATION"}, {"observer", "SENSOR"}, {"protocol", "PROTO"},
    {"src", "SOURCE"},       {"dst", "DESTINATION"},   {"state", "STATE"},     {"src_packets", "PACKETS"},
    {"dst_packets", "BACK"}, {"src_bytes", "BYTES"},   {"dst_bytes", "BACK"},  {NULL, NULL}};
static const struct heading headings_of_verdict[] = {{"first_time", "TIME"},
                                                     {"boundary", "BOUNDARY"},
                                                     {"verdict", "VERDICT"},
                                                     {"protocol", "PROTO"},
                                                     {"src", "SOURCE"},
                                                     {"dst", "DESTINATION"},
                                                     {"post_nat_src", "SOURCE OUTSIDE"},
                                                     {"post_nat_dst", "DESTINATION OUTSIDE"},
                                                     {"translated", "TRANSLATED"},
                                                     {"confidence", "CONFIDENCE"},
                                                     {"method", "BY"},
                                                     {NULL, NULL}};
static const struct heading headings_of_binding[] = {
    {"first_time", "FROM"}, {"last_time", "TO"},  {"boundary", "BOUNDARY"}, {"witness", "WITNESS"},
    {"protocol", "PROTO"},  {"inside", "INSIDE"}, {"outside", "OUTSIDE"},   {"peer", "PEER"},
    {"observer", "BY"},     {NULL, NULL}};
static const struct heading headings_of_loss[] = {{"from_time", "FROM"}, {"to_time", "TO"},  {"observer", "SENSOR"},
                                                  {"loss", "LOST"},      {"count", "COUNT"}, {"interface", "INTERFACE"},
                                                  {"reason", "REASON"},  {NULL, NULL}};
static const struct heading headings_of_status[] = {{"time", "TIME"},
                                                    {"observer", "SENSOR"},
                                                    {"flows_made", "FLOWS"},
                                                    {"records_made", "MADE"},
                                                    {"records_acknowledged", "COMMITTED"},
                                                    {"records_lost", "LOST"},
                                                    {"records_held", "HELD"},
                                                    {"flows_active", "ACTIVE"},
                                                    {"capture_lag", "LAG"},
                                                    {"cpu", "CPU"},
                                                    {"rss", "MEMORY"},
                                                    {NULL, NULL}};
static const struct heading headings_of_alert[] = {{"time", "TIME"}, {"severity", "SEVERITY"}, {"subject", "SUBJECT"},
                                                   {"text", "TEXT"}, {"detector", "DETECTOR"}, {NULL, NULL}};

static const struct heading *const headings[RECORD_KIND_COUNT] = {
    [RECORD_FLOW] = headings_of_flow, [RECORD_VERDICT] = headings_of_verdict, [RECORD_BINDING] = headings_of_binding,
    [RECORD_LOSS] = headings_of_loss, [RECORD_STATUS] = headings_of_status,   [RECORD_ALERT] = headings_of_alert};

_Static_assert(FLOW_FIELD_COUNT + 8 < RECORDS_FIELDS_MAX, "the largest kind fits");

/* Those with a heading first, as a table has them; the others behind, as they stand. */
static void arrange(const struct record_kind *kind, enum record_kind_number number, uint16_t *order)
{
    unsigned placed = 0;
    for (const struct heading *h = headings[number]; h->label != NULL; h++) {
        int f = kind_field(kind, h->label);
        if (f >= 0)
            order[placed++] = (uint16_t)f;
    }
    for (unsigned f = 0; f < kind->field_count; f++) {
        if (kind->fields[f].heading == NULL)
            order[placed++] = (uint16_t)f;
    }
}

const struct record_kind *answer_columns_of(enum record_kind_number number)
{
    static struct field fields[RECORD_KIND_COUNT][RECORDS_FIELDS_MAX];
    static uint16_t orders[RECORD_KIND_COUNT][RECORDS_FIELDS_MAX];
    static struct record_kind kinds[RECORD_KIND_COUNT];
    const struct record_kind *of = record_kinds[number];
    pthread_mutex_lock(&lock);
    if (kinds[number].fields == NULL) {
        memcpy(fields[number], of->fields, of->field_count * sizeof(*of->fields));
        for (const struct heading *h = headings[number]; h->label != NULL; h++) {
            int f = kind_field(of, h->label);
            if (f >= 0)
                fields[number][f].heading = h->heading;
        }
        kinds[number] = *of;
        kinds[number].fields = fields[number];
        arrange(&kinds[number], number, orders[number]);
        kinds[number].order = orders[number];
        kinds[number].order_count = of->field_count;
    }
    pthread_mutex_unlock(&lock);
    return &kinds[number];
}
