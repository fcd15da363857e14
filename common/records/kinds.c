/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of record: their tables as data. To add a field to a kind: a line in its table, a line in pavo.proto, and
 * the place that sets it. */
#include "common/records/kinds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/records/alert.h"
#include "common/records/binding.h"
#include "common/records/flow.h"
#include "common/records/hour.h"
#include "common/records/loss.h"
#include "common/records/status.h"
#include "common/records/verdict.h"
#include "pavo.pb-c.h"

/* ---- words */

#define WORDS(name, count, LIST) const char *const name[count] = {LIST(WORD)};
#define WORD(name, word, ...)    #word,
WORDS(verdict_words, VERDICT_COUNT, VERDICTS)
WORDS(verdict_method_words, METHOD_COUNT, VERDICT_METHODS)
static WORDS(side_words, VERDICT_SIDE_COUNT, VERDICT_SIDES) static WORDS(translation_words, TRANSLATED_COUNT, TRANSLATIONS) static WORDS(
    term_words, TERM_COUNT,
    VERDICT_TERMS) static WORDS(outcome_words, OUTCOME_COUNT,
                                VERDICT_OUTCOMES) static WORDS(witness_words, WITNESS_COUNT,
                                                               BINDING_WITNESSES) static WORDS(loss_words,
                                                                                               LOSS_KIND_COUNT,
                                                                                               LOSS_KINDS)

    static const char *const loss_texts[LOSS_KIND_COUNT][2] = {
#define X(name, word, text, unit) {text, unit},
        LOSS_KINDS(X)
#undef X
};

const char *loss_kind_text(unsigned kind)
{
    return loss_texts[kind < LOSS_KIND_COUNT ? kind : LOSS_UNKNOWN][0];
}

const char *loss_kind_unit(unsigned kind)
{
    return loss_texts[kind < LOSS_KIND_COUNT ? kind : LOSS_UNKNOWN][1];
}

/* ---- fields: the tokens of a table as initialisers */

#define ENUMERATED(words_)      KIND_WORD, .words = words_, .word_count = sizeof(words_) / sizeof(*(words_))
#define BITS(words_)            KIND_BITS, .words = words_, .word_count = sizeof(words_) / sizeof(*(words_))

#define FIELD_KIND_NUMBER       KIND_NUMBER
#define FIELD_KIND_COUNT        KIND_COUNT
#define FIELD_KIND_BYTES        KIND_BYTES
#define FIELD_KIND_OBSERVER     KIND_OBSERVER
#define FIELD_KIND_ADDRESS      KIND_ADDRESS
#define FIELD_KIND_LOWER        KIND_LOWER
#define FIELD_KIND_PORT         KIND_PORT
#define FIELD_KIND_PROTOCOL     KIND_PROTOCOL
#define FIELD_KIND_TIME         KIND_TIME
#define FIELD_KIND_NANOSECONDS  KIND_NANOSECONDS
#define FIELD_KIND_MICROSECONDS KIND_MICROSECONDS
#define FIELD_KIND_TEXT         KIND_TEXT
#define FIELD_KIND_MAC          KIND_MAC
#define FIELD_KIND_HEX          KIND_HEX
#define FIELD_KIND_TCP_FLAGS    KIND_TCP_FLAGS
#define FIELD_KIND_HISTORY      KIND_HISTORY
#define FIELD_KIND_FLAG         KIND_FLAG
#define FIELD_KIND_ODDS         KIND_ODDS
#define FIELD_KIND_LIST         KIND_LIST
#define FIELD_KIND_STATE        ENUMERATED(flow_state_words)
#define FIELD_KIND_END_REASON   ENUMERATED(flow_end_reason_words)
#define FIELD_KIND_DIRECTION    ENUMERATED(flow_direction_words)
#define FIELD_KIND_TUNNEL       ENUMERATED(flow_tunnel_words)
#define FIELD_KIND_EVIDENCE     BITS(flow_evidence_words)
#define FIELD_KIND_FRAGMENTS    BITS(flow_fragments_words)
#define FIELD_KIND_VERDICT      ENUMERATED(verdict_words)
#define FIELD_KIND_SIDE         ENUMERATED(side_words)
#define FIELD_KIND_METHOD       ENUMERATED(verdict_method_words)
#define FIELD_KIND_TRANSLATED   ENUMERATED(translation_words)
#define FIELD_KIND_TERM         ENUMERATED(term_words)
#define FIELD_KIND_OUTCOME      ENUMERATED(outcome_words)
#define FIELD_KIND_WITNESS      ENUMERATED(witness_words)
#define FIELD_KIND_LOSS         ENUMERATED(loss_words)

#define FIELD(row, list_, number_, name_, type_, kind_, merge_, guard_, doc_)                                          \
    {.name = #name_,                                                                                                   \
     .label = #name_,                                                                                                  \
     .doc = doc_,                                                                                                      \
     .number = number_,                                                                                                \
     .type = FIELD_##type_,                                                                                            \
     .kind = FIELD_KIND_##kind_,                                                                                       \
     .merge = MERGE_##merge_,                                                                                          \
     .guard = GUARD_##guard_,                                                                                          \
     .offset = offsetof(struct row, name_),                                                                            \
     .size = sizeof(((struct row *)0)->name_),                                                                         \
     .list = list_},
#define COMPUTED(name_, type_, kind_, doc_, derive_)                                                                   \
    {.name = #name_, .label = #name_, .doc = doc_, .type = FIELD_##type_, .kind = KIND_##kind_, .derive = derive_},

static bool verdict_confidence(const struct records *records, uint32_t row, uint64_t *ret_value, char *text)
{
    (void)text;
    const struct verdict_columns *v = verdict_columns(records);
    *ret_value = odds_share(v->odds[row]);
    return verdict_is_linked(v->verdict[row]);
}

static struct field fields_of_flow[] = {
#define X(...) FIELD(flow, 0, __VA_ARGS__)
    FLOW_TABLE(X)
#undef X
        COMPUTED(duration, I64, NANOSECONDS, "last_time - first_time", flow_duration)
            COMPUTED(community_id, TEXT, TEXT, "the published flow hash, version 1, seed 0", flow_community_id)};

static struct field fields_of_verdict[] = {
#define X(...) FIELD(verdict, 0, __VA_ARGS__)
    VERDICT_TABLE(X)
#undef X
#define X(...) FIELD(verdict_term, 1, __VA_ARGS__)
        VERDICT_TERM_TABLE(X)
#undef X
            COMPUTED(confidence, U16, SHARE, "the odds as a probability, rounded down, thousandths",
                     verdict_confidence)};

static struct field fields_of_binding[] = {
#define X(...) FIELD(binding, 0, __VA_ARGS__)
    BINDING_TABLE(X)
#undef X
};

static struct field fields_of_loss[] = {
#define X(...) FIELD(loss, 0, __VA_ARGS__)
    LOSS_TABLE(X)
#undef X
};

static struct field fields_of_status[] = {
#define X(...) FIELD(status, 0, __VA_ARGS__)
    STATUS_TABLE(X)
#undef X
#define X(...) FIELD(status_interface, 1, __VA_ARGS__)
        STATUS_INTERFACE_TABLE(X)
#undef X
#define X(...) FIELD(status_dropped, 2, __VA_ARGS__)
            STATUS_DROPPED_TABLE(X)
#undef X
};

static struct field fields_of_alert[] = {
#define X(...) FIELD(alert, 0, __VA_ARGS__)
    ALERT_TABLE(X)
#undef X
#define X(...) FIELD(alert_flow, 1, __VA_ARGS__)
        ALERT_FLOW_TABLE(X)
#undef X
};

static struct field fields_of_hour[] = {
#define X(...) FIELD(hour, 0, __VA_ARGS__)
    HOUR_TABLE(X)
#undef X
};

const struct field *const flow_fields = fields_of_flow;

/* ---- when a field says something, of the kinds but flow */

static void verdict_guard(const struct records *records, enum field_guard guard, uint32_t first, uint32_t count,
                          uint8_t *says)
{
    const struct verdict_columns *v = verdict_columns(records);
    for (uint32_t n = 0, i = first; n < count; n++, i++) {
        bool ports = protocol_has_ports(v->protocol[i]);
        says[n] = guard == GUARD_LINKED  ? verdict_is_linked(v->verdict[i])
                  : guard == GUARD_PORTS ? ports
                                         : ports || v->protocol[i] == 1 || v->protocol[i] == 58;
    }
}

static void binding_guard(const struct records *records, enum field_guard guard, uint32_t first, uint32_t count,
                          uint8_t *says)
{
    (void)guard;
    const struct binding_columns *b = binding_columns(records);
    for (uint32_t n = 0, i = first; n < count; n++, i++)
        says[n] = (b->peer_hi[i] | b->peer_lo[i]) != 0;
}

static void hour_guard(const struct records *records, enum field_guard guard, uint32_t first, uint32_t count,
                       uint8_t *says)
{
    (void)guard;
    for (uint32_t n = 0; n < count; n++)
        says[n] = protocol_has_ports(hour_columns(records)->protocol[first + n]);
}

static void status_guard(const struct records *records, enum field_guard guard, uint32_t first, uint32_t count,
                         uint8_t *says)
{
    (void)guard;
    for (uint32_t n = 0; n < count; n++)
        says[n] = status_columns(records)->clock_known[first + n] != 0;
}

/* ---- kinds */

static const struct record_list lists_of_verdict[] = {{.name = "terms",
                                                       .prefix = "term_",
                                                       .count = VERDICT_FIELD_terms,
                                                       .first = VERDICT_FIELD_term_kind,
                                                       .last = VERDICT_FIELD_term_weight,
                                                       .items_max = VERDICT_TERMS_MAX,
                                                       .size = sizeof(struct verdict_term)}};
static const struct record_list lists_of_status[] = {{.name = "interfaces",
                                                      .prefix = "interface_",
                                                      .count = STATUS_FIELD_interfaces,
                                                      .first = STATUS_FIELD_interface_name,
                                                      .last = STATUS_FIELD_interface_bytes,
                                                      .items_max = STATUS_INTERFACES_MAX,
                                                      .size = sizeof(struct status_interface)},
                                                     {.name = "dropped",
                                                      .prefix = "dropped_",
                                                      .count = STATUS_FIELD_dropped,
                                                      .first = STATUS_FIELD_dropped_interface,
                                                      .last = STATUS_FIELD_dropped_packets,
                                                      .items_max = STATUS_DROPPED_MAX,
                                                      .size = sizeof(struct status_dropped)}};
static const struct record_list lists_of_alert[] = {{.name = "flows",
                                                     .prefix = "flow_",
                                                     .count = ALERT_FIELD_flows,
                                                     .first = ALERT_FIELD_flow_observer,
                                                     .last = ALERT_FIELD_flow_number,
                                                     .items_max = ALERT_FLOWS_MAX,
                                                     .size = sizeof(struct alert_flow)}};

#define KIND(name_, NAME_, number_, message_, first_, last_, ...)                                                      \
    static const struct record_kind kind_##name_ = {.name = #name_,                                                    \
                                                    .fields = fields_of_##name_,                                       \
                                                    .field_count = sizeof(fields_of_##name_) / sizeof(struct field),   \
                                                    .stored_count = NAME_##_FIELD_COUNT,                               \
                                                    .row_size = sizeof(struct name_),                                  \
                                                    .number = number_,                                                 \
                                                    .message = message_,                                               \
                                                    .first_time = NAME_##_FIELD_##first_,                              \
                                                    .last_time = NAME_##_FIELD_##last_,                                \
                                                    .observer = NAME_##_FIELD_observer,                                \
                                                    __VA_ARGS__}
KIND(flow, FLOW, 10, &pavo__flow_columns__descriptor, first_time, last_time, .guard = flow_guard);
KIND(verdict, VERDICT, 11, &pavo__verdict_columns__descriptor, first_time, last_time, .guard = verdict_guard,
     .lists = lists_of_verdict, .list_count = 1);
KIND(binding, BINDING, 12, &pavo__binding_columns__descriptor, first_time, last_time, .guard = binding_guard);
KIND(loss, LOSS, 13, &pavo__loss_columns__descriptor, from_time, to_time, );
KIND(status, STATUS, 14, &pavo__status_columns__descriptor, time, time, .guard = status_guard, .lists = lists_of_status,
     .list_count = 2);
KIND(alert, ALERT, 15, &pavo__alert_columns__descriptor, time, time, .lists = lists_of_alert, .list_count = 1);

KIND(hour, HOUR, 16, NULL, time, time, .guard = hour_guard);

const struct record_kind *const record_kinds[STORED_KIND_COUNT] = {
    &kind_flow, &kind_verdict, &kind_binding, &kind_loss, &kind_status, &kind_alert, &kind_hour};

const struct record_kind *record_kind_by_name(const char *name)
{
    for (unsigned i = 0; i < RECORD_KIND_COUNT; i++) {
        if (strcmp(record_kinds[i]->name, name) == 0)
            return record_kinds[i];
    }
    return NULL;
}

enum record_kind_number record_kind_number(const struct record_kind *kind)
{
    return (enum record_kind_number)(kind->number - kind_flow.number);
}

bool record_kind_counts(const struct record_kind *kind)
{
    return kind != &kind_status && kind != &kind_loss && kind != &kind_hour;
}

/* ---- what follows from the tables: "src" for src_hi, and which fields are the two sides of one thing */

static char labels[16][24]; /* of the addresses: there are eleven */
static unsigned label_count;

static const char *label_of(const char *name)
{
    size_t length = strlen(name) - strlen("_hi");
    for (unsigned i = 0; i < label_count; i++) {
        if (strlen(labels[i]) == length && memcmp(labels[i], name, length) == 0)
            return labels[i];
    }
    if (label_count == sizeof(labels) / sizeof(*labels) || length >= sizeof(*labels))
        abort(); /* a table has more of them than there is room for: enlarge it */
    memcpy(labels[label_count], name, length);
    return labels[label_count++];
}

static void complete(struct field *fields, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        fields[i].twin = (uint16_t)i;
        if (fields[i].kind == KIND_ADDRESS)
            fields[i].label = label_of(fields[i].name);
    }
    for (unsigned i = 0; i < count; i++) {
        for (unsigned k = 0; strncmp(fields[i].name, "src_", 4) == 0 && k < count; k++) {
            if (strncmp(fields[k].name, "dst_", 4) == 0 && strcmp(fields[i].name + 4, fields[k].name + 4) == 0) {
                fields[i].twin = (uint16_t)k;
                fields[k].twin = (uint16_t)i;
            }
        }
    }
}

__attribute__((constructor)) static void complete_all(void)
{
#define COMPLETE(name) complete(fields_of_##name, sizeof(fields_of_##name) / sizeof(struct field))
    COMPLETE(flow);
    COMPLETE(verdict);
    COMPLETE(binding);
    COMPLETE(loss);
    COMPLETE(status);
    COMPLETE(alert);
    COMPLETE(hour);
}
