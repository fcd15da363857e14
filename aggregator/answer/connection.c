/* SPDX-License-Identifier: Apache-2.0 */
/* Connections as a kind of record. */
#include "aggregator/answer/connection.h"

#include <pthread.h>
#include <string.h>

static const char *const side_words[] = {"unknown", "inside", "outside"};

/* Columns as records have them: the flow's first. */
struct connection_columns {
    RECORDS_HEAD;
#define X(number, name, type, kind, merge, guard, doc) COLUMN_##type *name;
    FLOW_TABLE(X)
#undef X
#define X(name, type, kind, guard, heading, doc) COLUMN_##type *name;
    CONNECTION_TABLE(X)
#undef X
};

static bool confidence(const struct records *records, uint32_t row, uint64_t *ret_value, char *text)
{
    (void)text;
    const struct connection_columns *c = (const struct connection_columns *)records;
    *ret_value = odds_share(c->odds[row]);
    return verdict_is_linked(c->verdict[row]);
}

static void guard(const struct records *records, enum field_guard which, uint32_t first, uint32_t count, uint8_t *says)
{
    if (which != GUARD_LINKED) {
        record_kinds[RECORD_FLOW]->guard(records, which, first, count, says);
        return;
    }
    const struct connection_columns *c = (const struct connection_columns *)records;
    for (uint32_t i = 0; i < count; i++)
        says[i] = verdict_is_linked(c->verdict[first + i]);
}

static struct field extras[] = {
#define X(...) ANSWER_COLUMN(connection, 0, __VA_ARGS__)
    CONNECTION_TABLE(X)
#undef X
};
#define EXTRA_COUNT (sizeof(extras) / sizeof(*extras))

enum { FIELD_COUNT = CONNECTION_FIELD_COUNT + 3 }; /* and what is computed: two of a flow, and the confidence */
_Static_assert(FIELD_COUNT < RECORDS_FIELDS_MAX, "it fits");
static struct field fields[FIELD_COUNT];
static uint16_t order[FIELD_COUNT];
static struct record_kind kind;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static const struct {
    const char *label, *heading;
} headings[] = {{"first_time", "TIME"},     {"duration", "DURATION"}, {"protocol", "PROTO"},
                {"src", "SOURCE"},          {"dst", "DESTINATION"},   {"state", "STATE"},
                {"src_packets", "PACKETS"}, {"dst_packets", "BACK"},  {"src_bytes", "BYTES"},
                {"dst_bytes", "BACK"},      {"verdict", "VERDICT"},   {"post_nat_src", "SOURCE OUTSIDE"},
                {"sensors", "SENSORS"}};
#define HEADING_COUNT (sizeof(headings) / sizeof(*headings))

/* What a verdict's field of the name says of itself. */
static void complete(struct field *field)
{
    const struct record_kind *verdict = record_kinds[RECORD_VERDICT];
    int known = kind_field(verdict, field->name);
    if (known >= 0) {
        field->label = verdict->fields[known].label;
        field->words = verdict->fields[known].words;
        field->word_count = verdict->fields[known].word_count;
        if (field->doc == NULL)
            field->doc = verdict->fields[known].doc;
    }
    if (strcmp(field->name, "side") == 0) {
        field->words = side_words;
        field->word_count = sizeof(side_words) / sizeof(*side_words);
    }
}

/* Those with a heading first, as a table has them; the others behind, as they stand. */
static void arrange(void)
{
    unsigned placed = 0;
    for (size_t h = 0; h < HEADING_COUNT; h++) {
        int f = kind_field(&kind, headings[h].label);
        fields[f].heading = headings[h].heading;
        order[placed++] = (uint16_t)f;
    }
    for (unsigned f = 0; f < FIELD_COUNT; f++) {
        if (fields[f].heading == NULL)
            order[placed++] = (uint16_t)f;
    }
}

static void make(void)
{
    const struct record_kind *flow = record_kinds[RECORD_FLOW];
    unsigned count = FLOW_FIELD_COUNT;
    memcpy(fields, flow->fields, FLOW_FIELD_COUNT * sizeof(*fields));
    for (size_t i = 0; i < EXTRA_COUNT; i++) {
        complete(&extras[i]);
        fields[count++] = extras[i];
    }
    for (unsigned f = flow->stored_count; f < flow->field_count && count < FIELD_COUNT - 1; f++)
        fields[count++] = flow->fields[f];
    fields[count++] = (struct field){.name = "confidence",
                                     .label = "confidence",
                                     .doc = "the odds as a probability, rounded down, thousandths",
                                     .type = FIELD_U16,
                                     .kind = KIND_SHARE,
                                     .derive = confidence};
    for (unsigned f = FLOW_FIELD_COUNT; f < count; f++) {
        fields[f].twin = (uint16_t)f;
        fields[f].heading = NULL;
    }
    kind = *flow;
    kind.name = "connection";
    kind.fields = fields;
    kind.field_count = count;
    kind.stored_count = CONNECTION_FIELD_COUNT;
    kind.row_size = sizeof(struct connection);
    kind.message = NULL;
    kind.guard = guard;
    arrange();
    kind.order = order;
    kind.order_count = count;
}

const struct record_kind *connection_columns(void)
{
    pthread_once(&once, make);
    return &kind;
}

void connection_rests(const struct record_kind *columns, bool *ret_fields)
{
    const struct record_kind *flow = record_kinds[RECORD_FLOW];
    for (unsigned i = 0; i < kind_places(columns); i++) {
        unsigned f = kind_in_place(columns, i);
        int of_flow = f < FLOW_FIELD_COUNT ? (int)f : kind_field(flow, columns->fields[f].name);
        if (of_flow >= 0)
            kind_rests(flow, (unsigned)of_flow, ret_fields);
    }
}

bool connection_tells(const struct record_kind *columns)
{
    for (unsigned i = 0; i < kind_places(columns); i++) {
        unsigned f = kind_in_place(columns, i);
        if (kind_field(record_kinds[RECORD_FLOW], columns->fields[f].name) < 0)
            return true;
    }
    return false;
}
