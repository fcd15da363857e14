/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments as text <-> values. */
#include "aggregator/answer/arguments.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/nearest.h"

/* ---- values, by type */

/* "+01:30" as nanoseconds; false: none. */
static bool take_zone(const char *text, int64_t *ret_ns)
{
    if ((text[0] != '+' && text[0] != '-') || !isdigit((unsigned char)text[1]) || !isdigit((unsigned char)text[2]) ||
        text[3] != ':' || !isdigit((unsigned char)text[4]) || !isdigit((unsigned char)text[5]) || text[6] != '\0')
        return false;
    int64_t minutes = ((text[1] - '0') * 10 + text[2] - '0') * 60 + (text[4] - '0') * 10 + text[5] - '0';
    *ret_ns = (text[0] == '-' ? -minutes : minutes) * 60 * NS_PER_S;
    return true;
}

/* RFC 3339: a date, T, a time and Z or an offset. What clock.h takes besides is relative to somebody's clock or zone.
 */
static bool take_rfc3339(const char *text, int64_t *ret_ns)
{
    char copy[64];
    int64_t zone = 0;
    size_t length = strlen(text);
    if (length < sizeof("2026-11-23T20:36:40Z") - 1 || length >= sizeof(copy) || text[10] != 'T')
        return false;
    memcpy(copy, text, length + 1);
    if (copy[length - 1] != 'Z') {
        if (!take_zone(copy + length - 6, &zone))
            return false;
        strcpy(copy + length - 6, "Z");
    }
    return time_parse(copy, 0, ret_ns, NULL) == RESULT_OK && !__builtin_sub_overflow(*ret_ns, zone, ret_ns);
}

static bool take_integer(const char *text, int64_t *ret_ns)
{
    size_t sign = text[0] == '-', digits = strspn(text + sign, "0123456789");
    if (digits == 0 || digits > 19 || text[sign + digits] != '\0')
        return false;
    uint64_t size = strtoull(text + sign, NULL, 10);
    if (size > (uint64_t)ARGUMENT_TIME_MAX)
        return false;
    *ret_ns = sign ? -(int64_t)size : (int64_t)size;
    return true;
}

static enum result parse_time(const struct parameter *p, const char *text, struct argument *ret, struct error *err)
{
    int64_t ns = 0;
    if ((!take_integer(text, &ns) && !take_rfc3339(text, &ns)) || ns > ARGUMENT_TIME_MAX || ns < -ARGUMENT_TIME_MAX)
        return error_set(err, RESULT_REJECT,
                         "%s: '%.64s' is no time; it is RFC 3339 (2026-11-23T20:36:40.5Z) or nanoseconds since 1970",
                         p->name, text);
    ret->time = ns == 0 ? 1 : ns; /* nanosecond 0 means "unbounded" further in */
    return RESULT_OK;
}

static enum result parse_span(const struct parameter *p, const char *text, struct argument *ret, struct error *err)
{
    int64_t ns;
    if (duration_parse(text, &ns, NULL) != RESULT_OK || ns > ARGUMENT_TIME_MAX)
        return error_set(err, RESULT_REJECT, "%s: '%.64s' is no duration; write 250ms, 5s, 2m, 1h or 3d", p->name,
                         text);
    ret->time = ns;
    return RESULT_OK;
}

static enum result parse_end(const struct parameter *p, const char *text, struct argument *ret, struct error *err)
{
    if (address_port_parse(text, &ret->end.address, &ret->end.port) != RESULT_OK)
        return error_set(err, RESULT_REJECT,
                         "%s: '%.64s' is not ADDR or ADDR:PORT ([ADDR]:PORT for IPv6), with a port up to 65535",
                         p->name, text);
    return RESULT_OK;
}

/* Digits alone, up to `most`. */
static bool take_number(const char *text, uint64_t most, uint64_t *ret_number)
{
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 20 || text[digits] != '\0')
        return false;
    uint64_t number = 0;
    for (size_t i = 0; i < digits; i++) {
        if (__builtin_mul_overflow(number, 10u, &number) ||
            __builtin_add_overflow(number, (unsigned)(text[i] - '0'), &number))
            return false;
    }
    if (number > most)
        return false;
    *ret_number = number;
    return true;
}

static enum result parse_number(const struct parameter *p, const char *text, struct argument *ret, struct error *err)
{
    if (!take_number(text, UINT64_MAX, &ret->number))
        return error_set(err, RESULT_REJECT, "%s: '%.64s' is no whole number", p->name, text);
    return RESULT_OK;
}

static enum result parse_protocol(const struct parameter *p, const char *text, struct argument *ret, struct error *err)
{
    int known = protocol_by_name(text);
    if (known > 0)
        ret->number = (uint64_t)known;
    else if (!take_number(text, UINT8_MAX, &ret->number) || ret->number == 0)
        return error_set(err, RESULT_REJECT,
                         "%s: '%.64s' is no protocol; it is tcp, udp, icmp, icmp6, sctp ... or a number from 1 to 255",
                         p->name, text);
    return RESULT_OK;
}

static enum result parse_flag(const struct parameter *p, const char *text, struct argument *ret, struct error *err)
{
    static const char *const words[2][4] = {{"no", "false", "off", "0"}, {"yes", "true", "on", "1"}};
    for (unsigned value = 0; value < 2; value++) {
        for (unsigned i = 0; i < 4; i++) {
            if (strcmp(text, words[value][i]) == 0) {
                ret->number = value;
                return RESULT_OK;
            }
        }
    }
    return error_set(err, RESULT_REJECT, "%s: '%.64s' is neither yes nor no", p->name, text);
}

/* One of `count` words, `word(i)` each; the sentence lists them, or names the nearest. */
static enum result choose(const struct parameter *p, const char *text, const char *const *words, unsigned count,
                          uint64_t *ret_number, struct error *err)
{
    struct nearest nearest = {.word = text};
    char list[256] = "";
    size_t used = 0;
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(words[i], text) == 0) {
            *ret_number = i;
            return RESULT_OK;
        }
        nearest_try(&nearest, words[i]);
        if (used < sizeof(list))
            used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", i == 0 ? "" : ", ", words[i]);
    }
    if (nearest.name != NULL)
        return error_set(err, RESULT_REJECT, "%s: there is no '%.64s'; did you mean %s?", p->name, text, nearest.name);
    return error_set(err, RESULT_REJECT, "%s: there is no '%.64s'; it is one of %s", p->name, text, list);
}

static enum result parse_word(const struct parameter *p, const char *text, struct argument *ret, struct error *err)
{
    return choose(p, text, p->words, p->word_count, &ret->number, err);
}

static enum result parse_topic(const struct parameter *p, const char *text, struct argument *ret, struct error *err)
{
    const char *names[RECORD_KIND_COUNT];
    for (unsigned i = 0; i < RECORD_KIND_COUNT; i++)
        names[i] = record_kinds[i]->name;
    return choose(p, text, names, RECORD_KIND_COUNT, &ret->number, err);
}

static enum result parse_text(const struct parameter *p, const char *text, struct argument *ret, struct error *err)
{
    (void)ret;
    if (!text_is_clean(text, strlen(text)))
        return error_set(err, RESULT_REJECT, "%s: it has control or direction characters, or is not UTF-8", p->name);
    return RESULT_OK;
}

/* Filters are parsed when the others are known: see parse_filters. */
static enum result parse_later(const struct parameter *p, const char *text, struct argument *ret, struct error *err)
{
    (void)p, (void)text, (void)ret, (void)err;
    return RESULT_OK;
}

static enum result (*const parsers[PARAMETER_TYPE_COUNT])(const struct parameter *, const char *, struct argument *,
                                                          struct error *) = {
    [PARAMETER_TEXT] = parse_text,     [PARAMETER_FILTER] = parse_later, [PARAMETER_TIME] = parse_time,
    [PARAMETER_SPAN] = parse_span,     [PARAMETER_END] = parse_end,      [PARAMETER_PROTOCOL] = parse_protocol,
    [PARAMETER_NUMBER] = parse_number, [PARAMETER_WORD] = parse_word,    [PARAMETER_FLAG] = parse_flag,
    [PARAMETER_TOPIC] = parse_topic};

/* ---- all of them */

static enum result blame(struct argument_error *ret_error, const char *parameter, size_t offset, enum result r)
{
    snprintf(ret_error->parameter, sizeof(ret_error->parameter), "%s", parameter);
    text_clean(ret_error->parameter);
    ret_error->offset = offset;
    return r;
}

static enum result unknown(const struct question *question, const char *name, struct argument_error *ret_error,
                           struct error *err)
{
    struct nearest nearest = {.word = name};
    for (unsigned i = 0; i < question->parameter_count; i++)
        nearest_try(&nearest, question->parameters[i].name);
    enum result r = nearest.name != NULL ? error_set(err, RESULT_REJECT, "%s takes no '%.64s'; did you mean '%s'?",
                                                     question->name, name, nearest.name)
                    : question->parameter_count == 0
                        ? error_set(err, RESULT_REJECT, "%s takes no arguments, not even '%.64s'", question->name, name)
                        : error_set(err, RESULT_REJECT, "%s takes no '%.64s'; pavo questions %s lists what it takes",
                                    question->name, name, question->name);
    return blame(ret_error, name, 0, r);
}

/* Each text to its parameter; no parsing yet. */
static enum result assign(struct arguments *a, Pavo__Argument *const *texts, size_t count,
                          struct argument_error *ret_error, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        const struct parameter *p = question_parameter(a->question, texts[i]->name);
        if (p == NULL)
            return unknown(a->question, texts[i]->name, ret_error, err);
        struct argument *value = &a->values[p - a->question->parameters];
        if (value->given)
            return blame(ret_error, p->name, 0,
                         error_set(err, RESULT_REJECT, "%s is given twice; it is taken once", p->name));
        value->given = true;
        value->text = texts[i]->value;
    }
    return RESULT_OK;
}

static enum result parse_values(struct arguments *a, struct argument_error *ret_error, struct error *err)
{
    for (unsigned i = 0; i < a->question->parameter_count; i++) {
        const struct parameter *p = &a->question->parameters[i];
        struct argument *value = &a->values[i];
        if (!value->given && p->required)
            return blame(ret_error, p->name, 0,
                         error_set(err, RESULT_REJECT, "%s needs '%s': %s", a->question->name, p->name, p->help));
        if (!value->given)
            value->text = p->fallback;
        enum result r = value->text == NULL ? RESULT_OK : parsers[p->type](p, value->text, value, err);
        if (r != RESULT_OK)
            return blame(ret_error, p->name, 0, r);
    }
    return RESULT_OK;
}

static enum result parse_filters(struct arguments *a, const struct filter_set *sets, size_t set_count,
                                 struct argument_error *ret_error, struct error *err)
{
    for (unsigned i = 0; i < a->question->parameter_count; i++) {
        const struct parameter *p = &a->question->parameters[i];
        if (p->type != PARAMETER_FILTER || a->values[i].text == NULL)
            continue;
        enum record_kind_number kind = p->kind;
        if (p->kind_from != NULL)
            kind = (enum record_kind_number)a
                       ->values[question_parameter(a->question, p->kind_from) - a->question->parameters]
                       .number;
        size_t offset = 0;
        enum result r = filter_parse_with(record_kinds[kind], a->values[i].text, sets, set_count, &a->values[i].filter,
                                          &offset, err);
        if (r != RESULT_OK)
            return blame(ret_error, p->name, offset, r);
    }
    return RESULT_OK;
}

enum result arguments_parse(const struct question *question, Pavo__Argument *const *texts, size_t count,
                            const struct filter_set *sets, size_t set_count, struct arguments *ret_arguments,
                            struct argument_error *ret_error, struct error *err)
{
    struct arguments made = {.question = question};
    enum result r = assign(&made, texts, count, ret_error, err);
    if (r == RESULT_OK)
        r = parse_values(&made, ret_error, err);
    if (r == RESULT_OK)
        r = parse_filters(&made, sets, set_count, ret_error, err);
    if (r == RESULT_OK)
        *ret_arguments = made;
    else
        arguments_fini(&made);
    return r;
}

void arguments_fini(struct arguments *arguments)
{
    for (unsigned i = 0; i < QUESTION_PARAMETERS_MAX; i++)
        filter_destroy(&arguments->values[i].filter);
}

/* ---- as a command line */

/* A word of a POSIX shell: as it is where nothing in it means anything there, else in single quotes. */
static void add_word(struct json *text, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.,:/+@%=";
    if (word[0] != '\0' && word[strspn(word, plain)] == '\0') {
        json_add(text, " %s", word);
        return;
    }
    json_add(text, " '");
    for (const char *at = word; *at != '\0'; at++) {
        if (*at == '\'')
            json_add(text, "'\\''");
        else
            json_add(text, "%c", *at);
    }
    json_add(text, "'");
}

static void add_value(struct json *text, const struct parameter *p, const struct argument *value)
{
    static const struct field as_time = {.type = FIELD_TIME, .kind = KIND_TIME};
    char scratch[FIELD_TEXT_MAX];
    if (p->type == PARAMETER_TIME)
        add_word(text, field_text(&as_time, &(struct value){.known = true, .number = (uint64_t)value->time},
                                  STYLE_PLAIN, scratch));
    else
        add_word(text, value->text);
}

void arguments_command(const struct arguments *arguments, struct json *text)
{
    const struct question *question = arguments->question;
    size_t from = text->length;
    json_add(text, "pavo %s", question->name);
    for (unsigned i = 0; i < question->parameter_count; i++) {
        const struct parameter *p = &question->parameters[i];
        if (!arguments->values[i].given || p->positional)
            continue;
        json_add(text, " --%s", p->name);
        add_value(text, p, &arguments->values[i]);
    }
    for (unsigned i = 0; i < question->parameter_count; i++) {
        const struct parameter *p = &question->parameters[i];
        if (!arguments->values[i].given || !p->positional)
            continue;
        if (arguments->values[i].text[0] == '-')
            json_add(text, " --");
        add_value(text, p, &arguments->values[i]);
    }
    if (!text->failed)
        text_clean(text->text + from);
}
