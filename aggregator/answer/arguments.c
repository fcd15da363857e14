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
#include "common/when.h"

/* ---- values, by type */

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

/* Nobody knows here where and when the asker is: pavo has made local times absolute before. */
static enum result take_when(const struct parameter *p, const char *text, struct argument *ret, struct error *err)
{
    struct when when = {0};
    struct error why;
    enum result r = RESULT_OK;
    if (take_integer(text, &when.from_ns))
        when.to_ns = when.from_ns + 1;
    else if (p->type == PARAMETER_MOMENT)
        r = when_parse_span(text, NULL, &when, NULL, &why);
    else
        r = when_parse(text, NULL, &when, NULL, &why);
    if (r != RESULT_OK)
        return error_set(err, RESULT_REJECT, "%s: %s", p->name, why.text);
    if (when.from_ns < -ARGUMENT_TIME_MAX || when.to_ns > ARGUMENT_TIME_MAX + 1)
        return error_set(err, RESULT_REJECT, "%s: '%.64s' is too far from 1970", p->name, text);
    ret->time = when.from_ns == 0 ? 1 : when.from_ns; /* nanosecond 0 means "unbounded" further in */
    ret->time_end = when.to_ns;
    return RESULT_OK;
}

static enum result parse_span(const struct parameter *p, const char *text, struct argument *ret, struct error *err)
{
    int64_t ns;
    if (duration_parse(text, &ns, NULL) != RESULT_OK || ns > ARGUMENT_TIME_MAX)
        return error_set(err, RESULT_REJECT, "%s: '%.64s' is no duration; write 250ms, 5s, 2m, 1h30m or 3d", p->name,
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

/* Line ends and tabs become blanks, comments to the end of a line go, but in quotes. `to` has room for all of it. */
static void to_one_line(const char *text, char *to)
{
    char quote = '\0';
    for (const char *at = text; *at != '\0';) {
        if (quote == '\0' && at[0] == '-' && at[1] == '-') {
            at += strcspn(at, "\n");
            continue;
        }
        if (quote == '\0' && (*at == '\'' || *at == '"'))
            quote = *at;
        else if (*at == quote)
            quote = '\0';
        *to++ = quote == '\0' && strchr("\n\r\t", *at) != NULL ? ' ' : *at;
        at++;
    }
    *to = '\0';
}

static enum result parse_select(const struct parameter *p, const char *text, struct argument *ret, struct error *err)
{
    ret->line = malloc(strlen(text) + 1);
    if (ret->line == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    to_one_line(text, ret->line);
    ret->text = ret->line;
    return parse_text(p, ret->line, ret, err);
}

/* Filters and columns are parsed when the others are known: see parse_filters, parse_columns. */
static enum result parse_later(const struct parameter *p, const char *text, struct argument *ret, struct error *err)
{
    (void)p, (void)text, (void)ret, (void)err;
    return RESULT_OK;
}

static enum result (*const parsers[PARAMETER_TYPE_COUNT])(const struct parameter *, const char *, struct argument *,
                                                          struct error *) = {
    [PARAMETER_TEXT] = parse_text,         [PARAMETER_FILTER] = parse_later,  [PARAMETER_TIME] = take_when,
    [PARAMETER_MOMENT] = take_when,        [PARAMETER_SPAN] = parse_span,     [PARAMETER_END] = parse_end,
    [PARAMETER_PROTOCOL] = parse_protocol, [PARAMETER_NUMBER] = parse_number, [PARAMETER_WORD] = parse_word,
    [PARAMETER_FLAG] = parse_flag,         [PARAMETER_SELECT] = parse_select, [PARAMETER_TOPIC] = parse_topic,
    [PARAMETER_COLUMNS] = parse_later};

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

/* What is to lie after another does. */
static enum result check_order(const struct arguments *a, struct argument_error *ret_error, struct error *err)
{
    for (unsigned i = 0; i < a->question->parameter_count; i++) {
        const struct parameter *p = &a->question->parameters[i];
        const struct argument *value = &a->values[i];
        if (p->not_before == NULL || value->text == NULL)
            continue;
        const struct parameter *q = question_parameter(a->question, p->not_before);
        const struct argument *earlier = &a->values[q - a->question->parameters];
        if (earlier->text != NULL && earlier->time > value->time)
            return blame(ret_error, q->name, 0,
                         error_set(err, RESULT_REJECT, "--%s is after --%s: %.64s, and %.64s", q->name, p->name,
                                   earlier->text, value->text));
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
        const struct record_kind *kind = parameter_kind(p);
        if (p->kind_from != NULL)
            kind =
                record_kinds[a->values[question_parameter(a->question, p->kind_from) - a->question->parameters].number];
        size_t offset = 0;
        enum result r = filter_parse_with(kind, a->values[i].text, sets, set_count, &a->values[i].filter, &offset, err);
        if (r != RESULT_OK)
            return blame(ret_error, p->name, offset, r);
    }
    return RESULT_OK;
}

/* ---- columns */

static void add_column(struct arguments *a, int field)
{
    for (unsigned i = 0; i < a->order_count; i++) {
        if (a->order[i] == (unsigned)field)
            return;
    }
    if (field >= 0 && a->order_count < RECORDS_FIELDS_MAX)
        a->order[a->order_count++] = (uint16_t)field;
}

/* What a table has: columns with a heading, and the ports that stand in an address's. */
static void add_shown(struct arguments *a, const struct record_kind *kind)
{
    char port[64];
    for (unsigned i = 0; i < kind_places(kind); i++) {
        const struct field *field = &kind->fields[kind_in_place(kind, i)];
        if (field->heading == NULL)
            continue;
        add_column(a, (int)(field - kind->fields));
        snprintf(port, sizeof(port), "%s_port", field->label);
        if (field->kind == KIND_ADDRESS)
            add_column(a, kind_field(kind, port));
    }
}

/* A field as answers name it: an observer's is called after its sensor or epoch. -1: none. */
static int column_find(const struct record_kind *kind, const char *name)
{
    char observer[64];
    size_t length = strlen(name), stem = 0;
    if (length >= 6 && strcmp(name + length - 6, "sensor") == 0)
        stem = length - 6;
    else if (length >= 5 && strcmp(name + length - 5, "epoch") == 0)
        stem = length - 5;
    else
        return kind_field(kind, name);
    int found = kind_field(kind, name);
    snprintf(observer, sizeof(observer), "%.*sobserver", stem > 40 ? 40 : (int)stem, name);
    return found >= 0 ? found : kind_field(kind, observer);
}

static enum result no_column(const struct parameter *p, const struct record_kind *kind, const char *name,
                             struct error *err)
{
    struct nearest nearest = {.word = name};
    for (unsigned f = 0; f < kind->field_count; f++)
        nearest_try(&nearest, kind->fields[f].label);
    if (nearest.name != NULL)
        return error_set(err, RESULT_REJECT, "%s: there is no '%.64s'; did you mean %s?", p->name, name, nearest.name);
    return error_set(err, RESULT_REJECT, "%s: there is no '%.64s'; pavo questions lists what an answer has", p->name,
                     name);
}

static enum result parse_columns(struct arguments *a, const struct parameter *p, const char *text, size_t *ret_offset,
                                 struct error *err)
{
    const struct record_kind *kind = a->question->columns();
    if (strcmp(text, "shown") == 0) {
        add_shown(a, kind);
        return RESULT_OK;
    }
    for (const char *at = text;; at++) {
        char name[64];
        size_t length = strcspn(at, ",");
        snprintf(name, sizeof(name), "%.*s", length > 63 ? 63 : (int)length, at);
        int field = column_find(kind, name);
        *ret_offset = (size_t)(at - text);
        if (field < 0 || kind->fields[field].kind == KIND_LOWER)
            return no_column(p, kind, name, err);
        if (kind->fields[field].list != 0) /* who reads items must know how many there are */
            add_column(a, kind->lists[kind->fields[field].list - 1].count);
        add_column(a, field);
        at += length;
        if (*at == '\0')
            return RESULT_OK;
    }
}

static enum result parse_all_columns(struct arguments *a, struct argument_error *ret_error, struct error *err)
{
    for (unsigned i = 0; i < a->question->parameter_count; i++) {
        const struct parameter *p = &a->question->parameters[i];
        size_t offset = 0;
        if (p->type != PARAMETER_COLUMNS || a->values[i].text == NULL)
            continue;
        enum result r = parse_columns(a, p, a->values[i].text, &offset, err);
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
        r = check_order(&made, ret_error, err);
    if (r == RESULT_OK)
        r = parse_filters(&made, sets, set_count, ret_error, err);
    if (r == RESULT_OK)
        r = parse_all_columns(&made, ret_error, err);
    if (r == RESULT_OK)
        *ret_arguments = made;
    else
        arguments_fini(&made);
    return r;
}

void arguments_fini(struct arguments *arguments)
{
    for (unsigned i = 0; i < QUESTION_PARAMETERS_MAX; i++) {
        filter_destroy(&arguments->values[i].filter);
        free(arguments->values[i].line);
        arguments->values[i].line = NULL;
    }
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
    char scratch[FIELD_TEXT_MAX], moment[WHEN_TEXT_MAX];
    if (p->type == PARAMETER_TIME)
        add_word(text, field_text(&as_time, &(struct value){.known = true, .number = (uint64_t)value->time},
                                  STYLE_PLAIN, scratch));
    else if (p->type == PARAMETER_MOMENT)
        add_word(text, when_text(&(struct when){value->time, value->time_end}, moment));
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
