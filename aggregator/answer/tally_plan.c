/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and measures: from texts to what is read and to columns. */
#include "aggregator/answer/tally_plan.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/answer/columns.h"
#include "common/clock.h"
#include "common/nearest.h"
#include "common/records/hour.h"

static const char *const role_words[TALLY_ROLE_COUNT] = {"uses", "offers", "unanswered"};

static void name_copy(char to[static TALLY_NAME_MAX], const char *name)
{
    snprintf(to, TALLY_NAME_MAX, "%.*s", (int)TALLY_NAME_MAX - 1, name);
}

static void name_add(char name[static TALLY_NAME_MAX], const char *more)
{
    size_t used = strlen(name);
    snprintf(name + used, TALLY_NAME_MAX - used, "%s", more);
}

/* "DST PORT" of dst_port. */
static void heading_of(char to[static TALLY_NAME_MAX], const char *label)
{
    const struct record_kind *shown = answer_columns_of(RECORD_FLOW);
    int f = kind_field(shown, label);
    if (f >= 0 && shown->fields[f].heading != NULL && shown->fields[f].merge != MERGE_SUM) {
        name_copy(to, shown->fields[f].heading);
        return;
    }
    name_copy(to, label);
    for (char *at = to; *at != '\0'; at++)
        *at = *at == '_' ? ' ' : (char)toupper((unsigned char)*at);
}

/* ---- keys */

static bool is_key_field(const struct field *field)
{
    return field->derive == NULL && field->list == 0 && field->merge != MERGE_SUM && field->kind != KIND_TIME &&
           field->kind != KIND_OBSERVER && field->kind != KIND_LOWER;
}

/* The length of a prefix behind a '/', in bits of the 128-bit form. */
static bool take_length(const char **at, unsigned most, unsigned *ret_length)
{
    size_t digits = strspn(*at, "0123456789");
    if (digits == 0 || digits > 3 || strtoul(*at, NULL, 10) > most)
        return false;
    *ret_length = (unsigned)strtoul(*at, NULL, 10);
    *at += digits;
    return true;
}

static bool take_lengths(struct tally_part *part, const char *at)
{
    unsigned length;
    part->is_net = true;
    part->length_ipv4 = 128;
    part->length_ipv6 = 64;
    if (!take_length(&at, 128, &length))
        return false;
    if (length > 32)
        part->length_ipv6 = length;
    else
        part->length_ipv4 = 96 + length;
    if (*at == '/' && (length > 32 || !(at++, take_length(&at, 128, &part->length_ipv6))))
        return false;
    return *at == '\0';
}

static enum result add_part(struct tally_plan *plan, const struct tally_part *part, struct error *err)
{
    if (plan->part_count == TALLY_PARTS_MAX)
        return error_set(err, RESULT_REJECT, "these are more keys than the %u that there may be", TALLY_PARTS_MAX);
    plan->parts[plan->part_count++] = *part;
    return RESULT_OK;
}

static enum result add_field(struct tally_plan *plan, const char *name, struct error *err)
{
    int f = kind_field(record_kinds[RECORD_FLOW], name);
    struct tally_part part = {.field = (uint16_t)f, .is_address = flow_fields[f].kind == KIND_ADDRESS};
    name_copy(part.label, flow_fields[f].label);
    heading_of(part.heading, part.label);
    return add_part(plan, &part, err);
}

static enum result unknown_key(const char *name, struct error *err)
{
    static const char *const others[] = {"host", "peer", "pair", "service", "country", "asn", "hour", "day", "sensor"};
    struct nearest nearest = {.word = name};
    int f = kind_field(record_kinds[RECORD_FLOW], name);
    if (f >= 0 && flow_fields[f].merge == MERGE_SUM)
        return error_set(err, RESULT_REJECT, "'%.40s' is summed up, and so no key; --sort takes it", name);
    if (f >= 0 && flow_fields[f].kind == KIND_TIME)
        return error_set(err, RESULT_REJECT, "'%.40s' differs nearly everywhere; by time are hour and day", name);
    if (f >= 0)
        return error_set(err, RESULT_REJECT, "'%.40s' is no key", name);
    for (unsigned i = 0; i < sizeof(others) / sizeof(*others); i++)
        nearest_try(&nearest, others[i]);
    for (unsigned i = 0; i < FLOW_FIELD_COUNT; i++) {
        if (is_key_field(&flow_fields[i]))
            nearest_try(&nearest, flow_fields[i].label);
    }
    if (nearest.name != NULL)
        return error_set(err, RESULT_REJECT, "there is no key '%.40s'; did you mean %s?", name, nearest.name);
    return error_set(err, RESULT_REJECT,
                     "there is no key '%.40s'; it is host, peer, src, dst, pair, service, country, asn, hour, day, "
                     "sensor or a field "
                     "of flows (pavo kinds flow)",
                     name);
}

/* "country" is the host's, "dst_asn" dst's. */
static bool find_geo(const char *name, enum tally_end *ret_end, enum geo_what *ret_what)
{
    static const struct {
        const char *begin;
        enum tally_end end;
    } ends[] = {{"src_", TALLY_END_SRC}, {"dst_", TALLY_END_DST}, {"peer_", TALLY_END_PEER}, {"", TALLY_END_HOST}};
    static const char *const words[GEO_WHAT_COUNT] = {"country", "asn"};
    for (unsigned e = 0; e < sizeof(ends) / sizeof(*ends); e++) {
        size_t length = strlen(ends[e].begin);
        for (unsigned w = 0; w < GEO_WHAT_COUNT; w++) {
            if (strncmp(name, ends[e].begin, length) == 0 && strcmp(name + length, words[w]) == 0) {
                *ret_end = ends[e].end;
                *ret_what = (enum geo_what)w;
                return true;
            }
        }
    }
    return false;
}

/* A word without its lengths. */
static enum result add_key_word(struct tally_plan *plan, const char *name, struct error *err)
{
    struct tally_part part = {0};
    name_copy(part.label, name);
    heading_of(part.heading, name);
    enum result r = RESULT_OK;
    int f = kind_field(record_kinds[RECORD_FLOW], name);
    if (strcmp(name, "sensor") == 0) /* it is part of every key */
        return RESULT_OK;
    if (strcmp(name, "service") == 0) {
        r = add_field(plan, "protocol", err);
        return r == RESULT_OK ? add_field(plan, "dst_port", err) : r;
    }
    if (strcmp(name, "pair") == 0) {
        r = add_field(plan, "src", err);
        return r == RESULT_OK ? add_field(plan, "dst", err) : r;
    }
    if (strcmp(name, "host") == 0 || strcmp(name, "peer") == 0) {
        part.what = name[0] == 'h' ? TALLY_HOST : TALLY_PEER;
        part.is_address = true;
        plan->both_ends = true;
        return add_part(plan, &part, err);
    }
    if (strcmp(name, "hour") == 0 || strcmp(name, "day") == 0) {
        part.what = TALLY_TIME;
        part.step_ns = name[0] == 'h' ? HOUR_NS : 24 * HOUR_NS;
        return add_part(plan, &part, err);
    }
    if (find_geo(name, &part.end, &part.geo)) {
        part.what = TALLY_GEO;
        plan->both_ends |= part.end == TALLY_END_HOST || part.end == TALLY_END_PEER;
        return geo_has(plan->geo, part.geo)
                   ? add_part(plan, &part, err)
                   : error_set(err, RESULT_REJECT,
                               "'%s': this aggregator has no file that says it; pavo-aggregator --geo names one", name);
    }
    if (strcmp(name, "role") == 0) {
        part.what = TALLY_ROLE;
        plan->both_ends = true;
        return add_part(plan, &part, err);
    }
    return f >= 0 && is_key_field(&flow_fields[f]) ? add_field(plan, name, err) : unknown_key(name, err);
}

static enum result add_key(struct tally_plan *plan, const char *text, struct error *err)
{
    char name[TALLY_NAME_MAX];
    unsigned from = plan->part_count;
    size_t length = strcspn(text, "/");
    if (length >= sizeof(name))
        return error_set(err, RESULT_REJECT, "there is no key '%.40s'", text);
    snprintf(name, sizeof(name), "%.*s", (int)length, text);
    enum result r = add_key_word(plan, name, err);
    for (unsigned i = from; r == RESULT_OK && i < plan->part_count && text[length] == '/'; i++) {
        struct tally_part *part = &plan->parts[i];
        if (!part->is_address)
            return error_set(err, RESULT_REJECT, "'%.40s': only an address has networks", text);
        if (!take_lengths(part, text + length + 1))
            return error_set(err, RESULT_REJECT,
                             "'%.40s': a network is written src/24, or src/24/64 with IPv6's length", text);
        name_add(part->heading, " NET");
        name_add(part->label, "_net");
    }
    return r;
}

/* ---- measures */

static int summed_field(const char *side, const char *name)
{
    char text[2 * TALLY_NAME_MAX];
    snprintf(text, sizeof(text), "%s%s", side, name);
    int f = kind_field(record_kinds[RECORD_FLOW], text);
    return f >= 0 && f < (int)FLOW_FIELD_COUNT && flow_fields[f].merge == MERGE_SUM ? f : -1;
}

static bool ends_with(const char *name, const char *end, char stem[static TALLY_NAME_MAX])
{
    size_t length = strlen(name), size = strlen(end);
    if (length <= size || length >= TALLY_NAME_MAX || strcmp(name + length - size, end) != 0)
        return false;
    snprintf(stem, TALLY_NAME_MAX, "%.*s", (int)(length - size), name);
    return true;
}

/* A sum by its name; false: there is none of it. */
static bool find_sum(const char *name, struct tally_measure *m)
{
    char stem[TALLY_NAME_MAX];
    int field = summed_field("", name), src = summed_field("src_", name), dst = summed_field("dst_", name);
    if (field >= 0) {
        m->field = m->more = m->turned = (unsigned)field;
    } else if (src >= 0 && dst >= 0) {
        m->field = m->turned = (unsigned)src;
        m->more = (unsigned)dst;
    } else if (ends_with(name, "_sent", stem) && (src = summed_field("src_", stem)) >= 0) {
        m->field = m->more = (unsigned)src;
        m->turned = flow_fields[src].twin;
    } else if (ends_with(name, "_received", stem) && (dst = summed_field("dst_", stem)) >= 0) {
        m->field = m->more = (unsigned)dst;
        m->turned = flow_fields[dst].twin;
    } else {
        return false;
    }
    m->what = TALLY_SUM;
    return true;
}

static int measure_find(const struct tally_plan *plan, const char *label)
{
    for (unsigned i = 0; i < plan->measure_count; i++) {
        if (strcmp(plan->measures[i].label, label) == 0)
            return (int)i;
    }
    return -1;
}

static enum result add_measure(struct tally_plan *plan, const char *name, bool hidden, unsigned *ret_at,
                               struct error *err);

static bool add_hidden(struct tally_plan *plan, const char *name, unsigned *ret_at)
{
    return add_measure(plan, name, true, ret_at, NULL) == RESULT_OK;
}

static bool find_rate(struct tally_plan *plan, const char *name, struct tally_measure *m)
{
    unsigned time;
    m->what = TALLY_RATE;
    m->over = TALLY_MEASURES_MAX;
    m->scale = 1;
    if (strcmp(name, "bpp") == 0)
        return add_hidden(plan, "bytes", &m->of) && add_hidden(plan, "packets", &m->over);
    if (!add_hidden(plan, "first_time", &time) || !add_hidden(plan, "last_time", &time))
        return false;
    if (strcmp(name, "bps") == 0)
        m->scale = 8;
    return add_hidden(plan, strcmp(name, "bps") == 0 ? "bytes" : "packets", &m->of);
}

static enum result unknown_measure(const char *name, struct error *err)
{
    static const char *const others[] = {"flows",     "records",    "duration",       "first_time",
                                         "last_time", "bytes_sent", "bytes_received", "bps",
                                         "pps",       "bpp",        "distinct"};
    struct nearest nearest = {.word = name};
    for (unsigned i = 0; i < sizeof(others) / sizeof(*others); i++)
        nearest_try(&nearest, others[i]);
    for (unsigned i = 0; i < FLOW_FIELD_COUNT; i++) {
        if (flow_fields[i].merge != MERGE_SUM)
            continue;
        nearest_try(&nearest, flow_fields[i].label);
        if (flow_fields[i].twin > i)
            nearest_try(&nearest, flow_fields[i].label + strlen("src_"));
    }
    if (nearest.name != NULL)
        return error_set(err, RESULT_REJECT, "there is no measure '%.40s'; did you mean %s?", name, nearest.name);
    return error_set(err, RESULT_REJECT,
                     "there is no measure '%.40s'; it is bytes, packets, flows, payload, bps, distinct KEY ...", name);
}

static enum result find_measure(struct tally_plan *plan, const char *name, struct tally_measure *m, struct error *err)
{
    static const struct {
        const char *name;
        enum tally_measure_kind what;
    } plain[] = {{"flows", TALLY_FLOWS},
                 {"records", TALLY_RECORDS},
                 {"duration", TALLY_DURATION},
                 {"first_time", TALLY_FIRST_TIME},
                 {"last_time", TALLY_LAST_TIME}};
    for (unsigned i = 0; i < sizeof(plain) / sizeof(*plain); i++) {
        if (strcmp(plain[i].name, name) == 0) {
            m->what = plain[i].what;
            return RESULT_OK;
        }
    }
    if (strncmp(name, "distinct ", strlen("distinct ")) == 0) {
        const char *key = name + strlen("distinct ");
        m->what = TALLY_DISTINCT;
        m->first = plan->part_count;
        enum result r = add_key(plan, key + strspn(key, " "), err);
        m->count = plan->part_count - m->first;
        return r == RESULT_OK && m->count == 0
                   ? error_set(err, RESULT_REJECT, "each row is of one sensor: there is nothing to count")
                   : r;
    }
    if (strcmp(name, "bps") == 0 || strcmp(name, "pps") == 0 || strcmp(name, "bpp") == 0)
        return find_rate(plan, name, m) ? RESULT_OK : error_set(err, RESULT_REJECT, "these are too many measures");
    return find_sum(name, m) ? RESULT_OK : unknown_measure(name, err);
}

/* Of one that is there already the place. */
static enum result add_measure(struct tally_plan *plan, const char *name, bool hidden, unsigned *ret_at,
                               struct error *err)
{
    struct tally_measure m = {.hidden = hidden};
    name_copy(m.label, name);
    for (char *at = m.label; *at != '\0'; at++)
        *at = *at == ' ' || *at == '/' ? '_' : *at;
    int there = measure_find(plan, m.label);
    if (there >= 0) {
        plan->measures[there].hidden &= hidden;
        *ret_at = (unsigned)there;
        return RESULT_OK;
    }
    enum result r = find_measure(plan, name, &m, err);
    if (r != RESULT_OK)
        return r;
    if (plan->measure_count == TALLY_MEASURES_MAX)
        return error_set(err, RESULT_REJECT, "these are more measures than the %u that there may be",
                         TALLY_MEASURES_MAX);
    heading_of(m.heading, m.label);
    *ret_at = plan->measure_count;
    plan->measures[plan->measure_count++] = m;
    return RESULT_OK;
}

/* ---- lists of them */

/* The next of a list with commas between, without the blanks around it. */
static bool next_word(const char *text, size_t *at, size_t *ret_from, char word[static TALLY_NAME_MAX], bool *ret_fits)
{
    if (text[*at] == '\0' && *at > 0)
        return false;
    size_t from = *at + (*at > 0 && text[*at] == ','), length = strcspn(text + from, ",");
    *at = from + length;
    from += strspn(text + from, " ");
    length = *at > from ? *at - from : 0;
    while (length > 0 && text[from + length - 1] == ' ')
        length--;
    *ret_from = from;
    *ret_fits = length > 0 && length < TALLY_NAME_MAX;
    snprintf(word, TALLY_NAME_MAX, "%.*s", length < TALLY_NAME_MAX ? (int)length : (int)TALLY_NAME_MAX - 1,
             text + from);
    return true;
}

static enum result read_keys(struct tally_plan *plan, const char *text, size_t *ret_offset, struct error *err)
{
    char word[TALLY_NAME_MAX];
    size_t at = 0;
    bool fits;
    while (next_word(text, &at, ret_offset, word, &fits)) {
        enum result r = fits ? add_key(plan, word, err) : error_set(err, RESULT_REJECT, "a key is missing");
        if (r != RESULT_OK)
            return r;
    }
    for (unsigned i = 0; i < plan->part_count; i++) {
        for (unsigned k = 0; k < i; k++) {
            if (strcmp(plan->parts[i].label, plan->parts[k].label) == 0)
                return error_set(err, RESULT_REJECT, "%s is there twice", plan->parts[i].label);
        }
    }
    plan->key_count = plan->part_count;
    return RESULT_OK;
}

/* What every answer has, in this order, behind what was asked for beside it. */
static const char *const always[] = {"flows", "packets", "bytes", "packets_sent", "bytes_sent", "bytes_received"};
#define ALWAYS_COUNT (sizeof(always) / sizeof(*always))

static bool is_always(const char *word)
{
    for (unsigned i = 0; i < ALWAYS_COUNT; i++) {
        if (strcmp(always[i], word) == 0)
            return true;
    }
    return false;
}

/* What was asked for beside those comes first. */
static void show(struct tally_plan *plan)
{
    for (unsigned i = 0; i < plan->measure_count; i++) {
        if (!plan->measures[i].hidden && !is_always(plan->measures[i].label))
            plan->shown[plan->shown_count++] = i;
    }
    for (unsigned i = 0; i < ALWAYS_COUNT; i++)
        plan->shown[plan->shown_count++] = (unsigned)measure_find(plan, always[i]);
}

static enum result read_measures(struct tally_plan *plan, const char *text, size_t *ret_offset, struct error *err)
{
    char word[TALLY_NAME_MAX], first[TALLY_NAME_MAX] = "";
    size_t at = 0;
    unsigned place;
    bool fits;
    enum result r = RESULT_OK;
    while (r == RESULT_OK && next_word(text, &at, ret_offset, word, &fits)) {
        if (first[0] == '\0')
            name_copy(first, word);
        if (!fits)
            r = error_set(err, RESULT_REJECT, "a measure is missing");
        else if (!is_always(word))
            r = add_measure(plan, word, false, &place, err);
    }
    for (unsigned i = 0; i < ALWAYS_COUNT && r == RESULT_OK; i++)
        r = add_measure(plan, always[i], false, &place, err);
    if (r == RESULT_OK)
        r = add_measure(plan, first, false, &plan->sort, err); /* it is there */
    if (r != RESULT_OK)
        return r;
    name_copy(plan->measures[measure_find(plan, "bytes_sent")].heading, "SENT");
    name_copy(plan->measures[measure_find(plan, "bytes_received")].heading, "RECEIVED");
    show(plan);
    if (strcmp(first, "packets_sent") != 0) /* a table has no room for it */
        plan->measures[measure_find(plan, "packets_sent")].heading[0] = '\0';
    return RESULT_OK;
}

/* ---- columns */

/* Where the values of a column stand in a row: every eight bytes one. */
static struct field *add_column(struct tally_plan *plan, const char *label, const char *heading)
{
    struct field *field = &plan->columns[plan->kind.field_count];
    *field = (struct field){.name = label,
                            .label = label,
                            .doc = "",
                            .type = FIELD_U64,
                            .kind = KIND_COUNT,
                            .offset = (uint16_t)(8 * plan->kind.field_count),
                            .size = 8,
                            .twin = (uint16_t)plan->kind.field_count,
                            .heading = heading == NULL || heading[0] == '\0' ? NULL : heading};
    plan->kind.field_count++;
    return field;
}

static void type_is(struct field *field, enum field_type type, enum field_kind kind)
{
    static const uint8_t sizes[FIELD_TYPE_END] = {
#define X(name, number, row, column) [FIELD_##name] = sizeof(row),
        FIELD_TYPES(X)
#undef X
    };
    field->type = type;
    field->kind = kind;
    field->size = sizes[type];
}

/* In a table a port stands behind its address. */
static bool stands_with_address(const struct tally_plan *plan, const char *label)
{
    char stem[TALLY_NAME_MAX];
    for (unsigned i = 0; i < plan->key_count && ends_with(label, "_port", stem); i++) {
        if (plan->parts[i].is_address && strcmp(plan->parts[i].label, stem) == 0)
            return true;
    }
    return false;
}

static void add_key_column(struct tally_plan *plan, const struct tally_part *part)
{
    struct field *field = add_column(plan, part->label, stands_with_address(plan, part->label) ? NULL : part->heading);
    const struct field *of = &flow_fields[part->field];
    if (part->is_net) {
        type_is(field, FIELD_TEXT, KIND_TEXT);
        field->doc = "a network";
    } else if (part->is_address) {
        type_is(field, FIELD_F64, KIND_ADDRESS);
        field->doc = part->what == TALLY_HOST   ? "an address, whichever end it is"
                     : part->what == TALLY_PEER ? "the other end"
                                                : of->doc;
        type_is(add_column(plan, part->label, NULL), FIELD_F64, KIND_LOWER);
    } else if (part->what == TALLY_TIME) {
        type_is(field, FIELD_TIME, KIND_TIME);
        field->doc = "when the interval begins";
    } else if (part->what == TALLY_GEO && part->geo == GEO_COUNTRY) {
        type_is(field, FIELD_TEXT, KIND_TEXT);
        field->doc = "ISO 3166: two letters";
    } else if (part->what == TALLY_GEO) {
        type_is(field, FIELD_U32, KIND_NUMBER);
        field->doc = "number of an autonomous system";
    } else if (part->what == TALLY_ROLE) {
        type_is(field, FIELD_U8, KIND_WORD);
        field->words = role_words;
        field->word_count = TALLY_ROLE_COUNT;
        field->doc = "what the host is to it";
    } else {
        type_is(field, of->type, of->kind);
        field->words = of->words;
        field->word_count = of->word_count;
        field->doc = of->doc;
    }
}

static void add_measure_column(struct tally_plan *plan, const struct tally_measure *m)
{
    struct field *field = add_column(plan, m->label, m->heading);
    switch (m->what) {
    case TALLY_SUM:
        field->kind = flow_fields[m->field].kind;
        field->doc = m->more != m->field     ? "both ways"
                     : m->turned != m->field ? "of the host, or without one of src"
                                             : flow_fields[m->field].doc;
        break;
    case TALLY_FLOWS:
        field->doc = "that began";
        break;
    case TALLY_RECORDS:
        field->doc = "records of flows";
        break;
    case TALLY_DURATION:
        type_is(field, FIELD_I64, KIND_NANOSECONDS);
        field->doc = "of all records together";
        break;
    case TALLY_FIRST_TIME:
    case TALLY_LAST_TIME:
        type_is(field, FIELD_TIME, KIND_TIME);
        field->doc = m->what == TALLY_FIRST_TIME ? "first packet" : "last packet";
        break;
    case TALLY_RATE:
        field->doc = m->over == TALLY_MEASURES_MAX ? "a second, from the first packet to the last" : "bytes a packet";
        break;
    case TALLY_DISTINCT:
        field->doc = "different ones";
        break;
    }
}

static void make_columns(struct tally_plan *plan, const char *question)
{
    plan->kind = (struct record_kind){
        .name = question, .fields = plan->columns, .first_time = -1, .last_time = -1, .observer = -1};
    if (plan->by_time)
        add_key_column(plan, &plan->parts[0]);
    struct field *sensor = add_column(plan, "sensor", "SENSOR");
    type_is(sensor, FIELD_TEXT, KIND_TEXT);
    sensor->doc = "who saw it";
    for (unsigned i = plan->by_time ? 1 : 0; i < plan->key_count; i++)
        add_key_column(plan, &plan->parts[i]);
    for (unsigned i = 0; i < plan->shown_count; i++)
        add_measure_column(plan, &plan->measures[plan->shown[i]]);
    plan->kind.stored_count = plan->kind.field_count;
    plan->kind.row_size = (uint16_t)(8 * plan->kind.field_count);
}

/* ---- the whole */

static void want(struct tally_plan *plan, unsigned field)
{
    kind_rests(record_kinds[RECORD_FLOW], field, plan->fields);
}

static void choose_fields(struct tally_plan *plan)
{
    want(plan, FLOW_FIELD_first_time);
    for (unsigned i = 0; i < plan->part_count; i++) {
        if (plan->parts[i].what == TALLY_FIELD)
            want(plan, plan->parts[i].field);
        if (plan->parts[i].what == TALLY_GEO) {
            want(plan, FLOW_FIELD_src_hi);
            want(plan, FLOW_FIELD_dst_hi);
        }
        if (plan->parts[i].what == TALLY_ROLE) {
            want(plan, FLOW_FIELD_state);
            want(plan, FLOW_FIELD_dst_packets);
        }
    }
    if (plan->both_ends) {
        want(plan, FLOW_FIELD_src_hi);
        want(plan, FLOW_FIELD_dst_hi);
    }
    memcpy(plan->key_fields, plan->fields, sizeof(plan->fields));
    for (unsigned i = 0; i < plan->measure_count; i++) {
        const struct tally_measure *m = &plan->measures[i];
        if (m->what == TALLY_SUM) {
            want(plan, m->field);
            want(plan, m->more);
            want(plan, m->turned);
        } else if (m->what == TALLY_FLOWS) {
            want(plan, FLOW_FIELD_report);
        } else if (m->what == TALLY_DURATION || m->what == TALLY_LAST_TIME) {
            want(plan, FLOW_FIELD_last_time);
        }
    }
}

/* Whose are "sent" and "received" where no key is either end? */
static bool is_from_dst(const struct tally_plan *plan)
{
    for (unsigned i = 0; i < plan->key_count; i++) {
        if (plan->parts[i].what == TALLY_GEO)
            return plan->parts[i].end == TALLY_END_DST;
        if (plan->parts[i].is_address && plan->parts[i].what == TALLY_FIELD)
            return plan->parts[i].field == FLOW_FIELD_dst_hi;
    }
    return false;
}

enum result tally_plan_init(struct tally_plan *plan, const struct tally_texts *texts, enum tally_text *ret_text,
                            size_t *ret_offset, struct error *err)
{
    *plan = (struct tally_plan){.by_time = texts->step_ns != 0, .geo = texts->geo};
    if (plan->by_time)
        plan->parts[plan->part_count++] =
            (struct tally_part){.what = TALLY_TIME, .step_ns = texts->step_ns, .label = "time", .heading = "TIME"};
    *ret_text = TALLY_TEXT_BY;
    enum result r = read_keys(plan, texts->by, ret_offset, err);
    if (r != RESULT_OK)
        return r;
    plan->from_dst = !plan->both_ends && is_from_dst(plan);
    *ret_text = TALLY_TEXT_SORT;
    bool ends = plan->both_ends;
    r = read_measures(plan, texts->sort, ret_offset, err);
    if (r == RESULT_OK && plan->both_ends && !ends)
        r = error_set(err, RESULT_REJECT, "whose? With host, peer or country among the keys this is known");
    if (r != RESULT_OK)
        return r;
    choose_fields(plan);
    make_columns(plan, texts->question);
    return RESULT_OK;
}

void tally_plan_offers_alone(struct tally_plan *plan)
{
    plan->offers_alone = true;
    plan->fields[FLOW_FIELD_state] = plan->fields[FLOW_FIELD_dst_packets] = true;
    plan->key_fields[FLOW_FIELD_state] = plan->key_fields[FLOW_FIELD_dst_packets] = true;
}

bool tally_plan_is_of_hours(const struct tally_plan *plan, bool key_alone)
{
    bool can = !plan->both_ends && !plan->offers_alone;
    for (unsigned i = 0; i < (key_alone ? plan->key_count : plan->part_count) && can; i++) {
        const struct tally_part *part = &plan->parts[i];
        can = part->what == TALLY_TIME ? part->step_ns % HOUR_NS == 0
                                       : part->what == TALLY_FIELD &&
                                             (part->field == FLOW_FIELD_protocol || part->field == FLOW_FIELD_dst_port);
    }
    for (unsigned i = 0; i < plan->measure_count && can && !key_alone; i++) {
        const struct tally_measure *m = &plan->measures[i];
        can = m->what == TALLY_FLOWS || m->what == TALLY_DISTINCT || m->what == TALLY_RATE ||
              (m->what == TALLY_SUM && m->field >= FLOW_FIELD_src_packets && m->field <= FLOW_FIELD_dst_bytes);
    }
    return can;
}
