/* SPDX-License-Identifier: Apache-2.0 */
/* The filter language's words. Every field of the kind is one, by its name, and every pair of fields by the name
 * without src_ and dst_; only what is more than that stands here. */
#include <stdio.h>
#include <string.h>

#include "common/filter/parser.h"
#include "common/nearest.h"

/* Of what is computed, texts: the others are words of their own, or nothing that anybody chooses by. */
static bool filterable(const struct field *field)
{
    return field->list == 0 && (field->derive == NULL || field->type == FIELD_TEXT) && field->kind != KIND_LIST &&
           field->kind != KIND_OBSERVER;
}

static void word_of_field(const struct record_kind *kind, unsigned f, struct filter_word *word)
{
    const struct field *field = &kind->fields[f];
    *word = (struct filter_word){
        .name = field->label,
        .info = field,
        .field = f,
        .twin = f,
        .unit = field->kind,
        .guard = filter_guard_of(field),
        .twin_guard = filter_guard_of(field),
        .alone = field->guard == GUARD_SET || field->kind == KIND_FLAG || field->kind == KIND_COUNT,
    };
}

/* `f` is the src side. */
static void word_of_pair(const struct record_kind *kind, unsigned f, struct filter_word *word)
{
    word_of_field(kind, f, word);
    word->name += strlen("src_");
    word->twin = word->info->twin;
    word->twin_guard = filter_guard_of(&kind->fields[word->twin]);
    word->plain = word->info->merge == MERGE_SUM ? FILTER_VALUE_SUM : FILTER_VALUE_FIELD;
    word->alone = false;
}

/* ---- words that are more than a field of their own name */

/* All fields of one kind, those of a tunnel left out: the first (with its twin) and those behind. */
static bool word_of_ends(const struct record_kind *kind, enum field_kind unit, struct filter_word *word)
{
    bool found = false;
    /* Of a connection the ends are those of its flow: where they came out is asked by name. */
    unsigned count = kind_is_flow(kind) ? record_kinds[RECORD_FLOW]->stored_count : kind->stored_count;
    for (unsigned f = 0; f < count; f++) {
        const struct field *field = &kind->fields[f];
        if (field->kind != unit || field->list != 0 || field->guard == GUARD_TUNNEL)
            continue;
        if (!found) {
            word_of_field(kind, f, word);
            word->twin = field->twin;
            word->twin_guard = filter_guard_of(&kind->fields[field->twin]);
        } else if (f != word->twin && word->more_count < FILTER_MORE_MAX) {
            word->more[word->more_count++] = (uint16_t)f;
        }
        found = true;
    }
    return found;
}

static bool make_host(const struct record_kind *kind, struct filter_word *word)
{
    bool found = word_of_ends(kind, KIND_ADDRESS, word);
    word->name = "host";
    word->host = true;
    return found;
}

static bool make_net(const struct record_kind *kind, struct filter_word *word)
{
    bool found = word_of_ends(kind, KIND_ADDRESS, word);
    word->name = "net";
    return found;
}

/* A port is a port: ICMP's identifier, kept in its place, is `icmp_id`. */
static bool make_port(const struct record_kind *kind, struct filter_word *word)
{
    bool found = word_of_ends(kind, KIND_PORT, word);
    word->name = "port";
    if (word->guard == GUARD_PORTS_OR_ICMP)
        word->guard = word->twin_guard = GUARD_PORTS;
    return found;
}

static bool make_sensor(const struct record_kind *kind, struct filter_word *word)
{
    bool found = word_of_ends(kind, KIND_OBSERVER, word);
    word->name = "sensor";
    return found;
}

static bool make_duration(const struct record_kind *kind, struct filter_word *word)
{
    if (kind->first_time < 0 || kind->first_time == kind->last_time)
        return false;
    word_of_field(kind, (unsigned)kind->first_time, word);
    word->name = "duration";
    word->twin = (unsigned)kind->last_time;
    word->plain = FILTER_VALUE_DURATION;
    word->unit = KIND_NANOSECONDS;
    return true;
}

static bool word_of_named(const struct record_kind *kind, const char *field, const char *name, struct filter_word *word)
{
    int f = kind_field(kind, field);
    if (f < 0)
        return false;
    word_of_field(kind, (unsigned)f, word);
    word->name = name;
    return true;
}

static bool make_confidence(const struct record_kind *kind, struct filter_word *word)
{
    bool found = kind_field(kind, "confidence") >= 0 && word_of_named(kind, "odds", "confidence", word);
    word->unit = KIND_SHARE;
    return found;
}

/* Of a view: has it a partner, and was an end of it translated? */
static bool make_linked(const struct record_kind *kind, struct filter_word *word)
{
    bool found = word_of_named(kind, "method", "linked", word) && word->guard == GUARD_LINKED;
    word->alone = true;
    return found;
}

static bool make_nat(const struct record_kind *kind, struct filter_word *word)
{
    bool found = word_of_named(kind, "translated", "nat", word) && word->guard == GUARD_LINKED;
    word->alone = true;
    return found;
}

static bool make_proto(const struct record_kind *kind, struct filter_word *word)
{
    return word_of_named(kind, "protocol", "proto", word);
}

static bool make_end(const struct record_kind *kind, struct filter_word *word)
{
    return word_of_named(kind, "end_reason", "end", word);
}

static bool make_flags(const struct record_kind *kind, struct filter_word *word)
{
    int f = kind_field(kind, "src_tcp_flags");
    if (f < 0)
        return false;
    word_of_pair(kind, (unsigned)f, word);
    word->name = "flags";
    return true;
}

static bool make_icmp_type(const struct record_kind *kind, struct filter_word *word)
{
    bool found = word_of_named(kind, "icmp_type_code", "icmp_type", word);
    word->mask = 0xff00;
    word->shift = 8;
    return found;
}

static bool make_icmp_code(const struct record_kind *kind, struct filter_word *word)
{
    bool found = word_of_named(kind, "icmp_type_code", "icmp_code", word);
    word->mask = 0xff;
    return found;
}

static bool make_icmp_id(const struct record_kind *kind, struct filter_word *word)
{
    bool found = word_of_named(kind, "src_port", "icmp_id", word) && word->guard == GUARD_PORTS_OR_ICMP;
    word->unit = KIND_NUMBER;
    word->guard = word->twin_guard = GUARD_ICMP;
    return found;
}

/* Packets or bytes for each packet or second. */
static bool word_of_rate(const struct record_kind *kind, const char *src, const char *over, const char *over_twin,
                         struct filter_word *word)
{
    int f = kind_field(kind, src), o = kind_field(kind, over), t = kind_field(kind, over_twin);
    if (f < 0 || o < 0 || t < 0)
        return false;
    word_of_pair(kind, (unsigned)f, word);
    word->plain = FILTER_VALUE_RATE;
    word->over = (unsigned)o;
    word->over_twin = (unsigned)t;
    return true;
}

static bool make_bps(const struct record_kind *kind, struct filter_word *word)
{
    bool found = word_of_rate(kind, "src_bytes", "first_time", "last_time", word);
    word->name = "bps";
    word->scale = 8 * 1000000000ull; /* bits a second, of bytes and nanoseconds */
    return found;
}

static bool make_pps(const struct record_kind *kind, struct filter_word *word)
{
    bool found = word_of_rate(kind, "src_packets", "first_time", "last_time", word);
    word->name = "pps";
    word->scale = 1000000000;
    return found;
}

static bool make_bpp(const struct record_kind *kind, struct filter_word *word)
{
    bool found = word_of_rate(kind, "src_bytes", "src_packets", "dst_packets", word);
    word->name = "bpp";
    word->scale = 1;
    return found;
}

/* Each makes the word for a kind that has what it is about; false for others. */
static const struct {
    const char *name;
    bool (*make)(const struct record_kind *kind, struct filter_word *word);
} specials[] = {
    {"host", make_host},
    {"net", make_net},
    {"port", make_port},
    {"portrange", make_port},
    {"sensor", make_sensor},
    {"proto", make_proto},
    {"end", make_end},
    {"flags", make_flags},
    {"duration", make_duration},
    {"confidence", make_confidence},
    {"linked", make_linked},
    {"nat", make_nat},
    {"icmp_type", make_icmp_type},
    {"icmp_code", make_icmp_code},
    {"icmp_id", make_icmp_id},
    {"bps", make_bps},
    {"pps", make_pps},
    {"bpp", make_bpp},
};
#define SPECIAL_COUNT (sizeof(specials) / sizeof(*specials))

static bool find_special(const struct record_kind *kind, const char *name, struct filter_word *ret_word)
{
    for (size_t i = 0; i < SPECIAL_COUNT; i++) {
        struct filter_word word = {0};
        if (strcmp(specials[i].name, name) != 0 || !specials[i].make(kind, &word))
            continue;
        *ret_word = word;
        return true;
    }
    return false;
}

/* ---- looking up */

/* Are the two a pair of numbers? Addresses are one as `host` and `net`. */
static bool field_is_paired(const struct record_kind *kind, unsigned f)
{
    const struct field *field = &kind->fields[f];
    return field->twin != f && field->kind != KIND_ADDRESS && field->kind != KIND_LOWER;
}

static bool find_field(const struct record_kind *kind, const char *name, struct filter_word *ret_word,
                       enum filter_side *ret_side)
{
    int f = kind_field(kind, name);
    if (f < 0 || !filterable(&kind->fields[f]))
        return false;
    bool dst = strncmp(name, "dst_", 4) == 0;
    if (field_is_paired(kind, (unsigned)f)) {
        word_of_pair(kind, dst ? kind->fields[f].twin : (unsigned)f, ret_word);
        *ret_side = dst ? FILTER_DST : FILTER_SRC;
        return true;
    }
    word_of_field(kind, (unsigned)f, ret_word);
    *ret_side = FILTER_EITHER;
    if (ret_word->unit == KIND_ADDRESS && strcmp(ret_word->info->name, name) == 0) { /* src_hi: as a number */
        ret_word->name = ret_word->info->name;
        ret_word->unit = KIND_LOWER;
    }
    return true;
}

/* "ttl" of src_ttl and dst_ttl. */
static bool find_pair(const struct record_kind *kind, const char *name, struct filter_word *ret_word)
{
    for (unsigned f = 0; f < kind->stored_count; f++) {
        const struct field *field = &kind->fields[f];
        if (strncmp(field->name, "src_", 4) != 0 || strcmp(field->name + 4, name) != 0 || !field_is_paired(kind, f) ||
            !filterable(field))
            continue;
        word_of_pair(kind, f, ret_word);
        return true;
    }
    return false;
}

/* By a name of our own. */
static bool find_own(const struct record_kind *kind, const char *name, struct filter_word *ret_word,
                     enum filter_side *ret_side)
{
    struct filter_word word;
    bool sided = strncmp(name, "src_", 4) == 0 || strncmp(name, "dst_", 4) == 0;
    enum filter_side side = FILTER_EITHER;
    bool found = find_special(kind, name, &word);
    /* src_port is `src port`, which has to come before the field of that name: its identifier of ICMP is no port. */
    if (!found && sided && find_special(kind, name + 4, &word) && filter_word_has_sides(&word) &&
        word.unit != KIND_ADDRESS) {
        side = name[0] == 's' ? FILTER_SRC : FILTER_DST;
        found = true;
    }
    found = found || find_field(kind, name, &word, &side) || find_pair(kind, name, &word);
    if (found) {
        *ret_word = word;
        *ret_side = side;
    }
    return found;
}

bool filter_word_find(const struct record_kind *kind, const char *name, struct filter_word *ret_word,
                      enum filter_side *ret_side)
{
    if (find_own(kind, name, ret_word, ret_side))
        return true;
    const struct borrowed *borrowed = borrowed_word(name);
    struct filter_word word;
    enum filter_side side;
    if (borrowed == NULL || !find_own(kind, borrowed->ours, &word, &side) ||
        (borrowed->side != FILTER_EITHER && !filter_word_has_sides(&word)))
        return false;
    *ret_word = word;
    *ret_side = borrowed->side;
    return true;
}

bool filter_word_is_ordered(const struct filter_word *word)
{
    switch (word->unit) {
    case KIND_ADDRESS:
    case KIND_OBSERVER:
    case KIND_TEXT:
    case KIND_MAC:
    case KIND_TCP_FLAGS:
    case KIND_HISTORY:
    case KIND_FLAG:
    case KIND_WORD:
    case KIND_BITS:
        return false;
    default:
        return word->mask == 0;
    }
}

/* ---- what is no word */

const char *filter_word_nearest(const struct record_kind *kind, const char *typed)
{
    struct nearest nearest = {.word = typed};
    for (size_t i = 0; i < SPECIAL_COUNT; i++) {
        struct filter_word word = {0};
        if (specials[i].make(kind, &word))
            nearest_try(&nearest, specials[i].name);
    }
    for (unsigned f = 0; f < kind->stored_count; f++) {
        const struct field *field = &kind->fields[f];
        if (!filterable(field) || field->kind == KIND_LOWER)
            continue;
        nearest_try(&nearest, field->label);
        if (field_is_paired(kind, f))
            nearest_try(&nearest, field->name + strlen("src_"));
    }
    return nearest.name;
}

const char *filter_article(const struct record_kind *kind)
{
    return strchr("aeiou", kind->name[0]) != NULL ? "an" : "a";
}

/* Another kind that has the word; NULL: none. */
static const struct record_kind *other_kind(const char *name)
{
    struct filter_word word;
    enum filter_side side;
    for (unsigned k = 0; k < RECORD_KIND_COUNT; k++) {
        if (filter_word_find(record_kinds[k], name, &word, &side))
            return record_kinds[k];
    }
    return NULL;
}

void filter_word_refuse(const struct record_kind *kind, const char *name, const char *typed, char *ret_sentence,
                        size_t size)
{
    int f = kind_field(kind, name);
    const char *instead = borrowed_refusal(name);
    const struct record_kind *other = f < 0 ? other_kind(name) : NULL;
    const char *meant = filter_word_nearest(kind, name);
    char hint[96] = "";
    if (meant != NULL)
        snprintf(hint, sizeof(hint), "; did you mean '%s'?", meant);
    if (f >= 0 && kind->fields[f].kind == KIND_OBSERVER && kind->fields[f].list == 0)
        snprintf(ret_sentence, size, "'%s' counts within one batch: use sensor NAME", name);
    else if (f >= 0 && kind->fields[f].derive != NULL)
        snprintf(ret_sentence, size, "'%s' is computed from other fields, and no filter can be on it", name);
    else if (f >= 0)
        snprintf(ret_sentence, size, "'%s' is a list's, of which %s %s has many: no filter can be on it", name,
                 filter_article(kind), kind->name);
    else if (kind_field(kind, "side") >= 0 && (strcmp(name, "inside") == 0 || strcmp(name, "outside") == 0))
        snprintf(ret_sentence, size, "'%s' is a side: side %s", name, name);
    else if (instead != NULL)
        snprintf(ret_sentence, size, "'%.64s' is no word here: %s", typed, instead);
    else if (other != NULL && kind == record_kinds[RECORD_FLOW])
        snprintf(ret_sentence, size, "a flow has no '%s' (%s %s has: ask `pavo %s%s`)%s", name, filter_article(other),
                 other->name, other->name, other->name[strlen(other->name) - 1] == 's' ? "es" : "s", hint);
    else if (other != NULL)
        snprintf(ret_sentence, size, "%s %s has no '%s' (%s %s has)%s", filter_article(kind), kind->name, name,
                 filter_article(other), other->name, hint);
    else if (filter_service_known(name))
        snprintf(ret_sentence, size, "'%.64s' is a service: port %.64s", typed, typed);
    else if (strchr(typed, '.') != NULL && strpbrk(typed, "/:") == NULL && strspn(typed, "0123456789.-") == 0)
        snprintf(ret_sentence, size, "'%.64s' is no field here: `pavo kinds` lists them", typed);
    else if (meant != NULL)
        snprintf(ret_sentence, size, "'%.64s' is no word of the filter language%s", typed, hint);
    else
        snprintf(ret_sentence, size, "'%.64s' is no word of the filter language, and no address", typed);
}
