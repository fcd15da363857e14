/* SPDX-License-Identifier: Apache-2.0 */
/* Prints the tables of the kinds of record as a Python module: how the module `pavo` comes to know them. */
#include <stdio.h>
#include <stdlib.h>

#include "common/records/alert.h"
#include "common/records/binding.h"
#include "common/records/flow.h"
#include "common/records/json.h"
#include "common/records/loss.h"
#include "common/records/page.h"
#include "common/records/status.h"
#include "common/records/verdict.h"

/* Names of the guards, in the order of the fields. What they stand for is said in C and in Python (guards.py). */
#define GUARD_NAME(number, name, type, kind, merge, guard, doc) #guard,
#define GUARDS_OF(kind, NAME, ...)                                                                                     \
    static const char *const guards_of_##kind[] = {__VA_ARGS__};                                                       \
    _Static_assert(sizeof(guards_of_##kind) / sizeof(char *) == NAME##_FIELD_COUNT, "a guard a field");
GUARDS_OF(flow, FLOW, FLOW_TABLE(GUARD_NAME))
GUARDS_OF(verdict, VERDICT, VERDICT_TABLE(GUARD_NAME) VERDICT_TERM_TABLE(GUARD_NAME))
GUARDS_OF(binding, BINDING, BINDING_TABLE(GUARD_NAME))
GUARDS_OF(loss, LOSS, LOSS_TABLE(GUARD_NAME))
GUARDS_OF(status, STATUS, STATUS_TABLE(GUARD_NAME) STATUS_INTERFACE_TABLE(GUARD_NAME) STATUS_DROPPED_TABLE(GUARD_NAME))
GUARDS_OF(alert, ALERT, ALERT_TABLE(GUARD_NAME) ALERT_FLOW_TABLE(GUARD_NAME))

static const char *const *const guards[RECORD_KIND_COUNT] = {
    [RECORD_FLOW] = guards_of_flow, [RECORD_VERDICT] = guards_of_verdict, [RECORD_BINDING] = guards_of_binding,
    [RECORD_LOSS] = guards_of_loss, [RECORD_STATUS] = guards_of_status,   [RECORD_ALERT] = guards_of_alert,
};

static const char *const types[FIELD_TYPE_END] = {
#define X(name, number, row, column) [number] = #name,
    FIELD_TYPES(X)
#undef X
};

/* A JSON string is a Python string. */
static void add_field(struct json *out, const struct field *field, const char *guard)
{
    json_add(out, "            (%u, ", field->number);
    json_add_string(out, field->name);
    json_add(out, ", ");
    json_add_string(out, field->label);
    json_add(out, ", \"%s\", %d, \"%s\", %u, (", types[field->type], field->kind, guard, field->list);
    for (unsigned i = 0; i < field->word_count; i++) {
        json_add_string(out, field->words[i]);
        json_add(out, ", ");
    }
    json_add(out, "), ");
    json_add_string(out, field->doc);
    json_add(out, "),\n");
}

static void add_kind(struct json *out, const struct record_kind *kind, const char *const *guard)
{
    json_add(out, "    \"%s\": {\n        \"number\": %u,\n        \"fields\": [\n", kind->name, kind->number);
    for (unsigned f = 0; f < kind->field_count; f++)
        add_field(out, &kind->fields[f], f < kind->stored_count ? guard[f] : "COMPUTED");
    json_add(out, "        ],\n        \"lists\": [");
    for (unsigned l = 0; l < kind->list_count; l++)
        json_add(out, "(\"%s\", \"%s\"), ", kind->lists[l].name, kind->lists[l].prefix);
    json_add(out, "],\n    },\n");
}

int main(void)
{
    struct json out = {0};
    json_add(&out, "# SPDX-License-Identifier: Apache-2.0\n"
                   "\"\"\"The kinds of record, printed from common/records/KIND_table.h by describe.c.\n\n"
                   "A field is (number, name, label, type, kind, guard, list, words, what it is).\n\"\"\"\n\n"
                   "TYPES = {");
    for (unsigned type = 1; type < FIELD_TYPE_END; type++)
        json_add(&out, "%u: \"%s\", ", type, types[type]);
    json_add(&out,
             "}\n\n# Of one message or page: what is more is not taken.\n"
             "ROWS_MAX = %u\nITEMS_MAX = %u\nLISTS_MAX = %u\nCOLUMNS_MAX = %u\n\nKINDS = {\n",
             RECORDS_ROWS_MAX, RECORDS_ITEMS_MAX, RECORDS_LISTS_MAX, PAGE_COLUMNS_MAX);
    for (unsigned k = 0; k < RECORD_KIND_COUNT; k++)
        add_kind(&out, record_kinds[k], guards[k]);
    json_add(&out, "}\n");
    bool written = !out.failed && fputs(out.text, stdout) >= 0 && fflush(stdout) == 0;
    json_fini(&out);
    return written ? EXIT_SUCCESS : EXIT_FAILURE;
}
