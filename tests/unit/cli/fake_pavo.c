/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of pavo.h that the command uses, on what a test wrote down. */
#include "fake_pavo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const struct fake_column fake_reach_columns[3] = {
    {"sensor", NULL, PAVO_KIND_TEXT, NULL},
    {"epoch", NULL, PAVO_KIND_EPOCH, NULL},
    {"through", NULL, PAVO_KIND_TIME, NULL},
};
const struct fake_column fake_gap_columns[7] = {
    {"gap", NULL, PAVO_KIND_WORD, NULL},       {"sensor", NULL, PAVO_KIND_TEXT, NULL},
    {"from_time", NULL, PAVO_KIND_TIME, NULL}, {"to_time", NULL, PAVO_KIND_TIME, NULL},
    {"at_most", NULL, PAVO_KIND_COUNT, NULL},  {"unit", NULL, PAVO_KIND_TEXT, NULL},
    {"reason", NULL, PAVO_KIND_TEXT, NULL},
};

const char *pavo_version(void)
{
    return "0";
}

/* ---------------------------------------------------------------- columns */

/* Rows of items are numbered behind this. */
#define ITEMS_FROM 1000000u

size_t pavo_columns_rows(const pavo_columns *c)
{
    return c->rows;
}

int pavo_columns_count(const pavo_columns *c)
{
    return c->count;
}

int pavo_columns_field(const pavo_columns *c, const char *name)
{
    for (int i = 0; i < c->count; i++) {
        if (strcmp(c->columns[i].name, name) == 0)
            return i;
    }
    return -1;
}

static const struct fake_column *column(const pavo_columns *c, int field)
{
    static const struct fake_column none;
    return field < 0 || field >= c->count ? &none : &c->columns[field];
}

const char *pavo_columns_name(const pavo_columns *c, int field)
{
    return column(c, field)->name;
}

const char *pavo_columns_heading(const pavo_columns *c, int field)
{
    return column(c, field)->heading;
}

const char *pavo_columns_list(const pavo_columns *c, int field)
{
    return column(c, field)->list;
}

int pavo_columns_kind(const pavo_columns *c, int field)
{
    return column(c, field)->kind;
}

static const char *cell(const pavo_columns *c, size_t row, int field)
{
    if (field < 0 || field >= c->count)
        return NULL;
    if (row >= ITEMS_FROM)
        return c->items[(row - ITEMS_FROM) * (size_t)c->count + (size_t)field];
    return row < c->rows ? c->cells[row * (size_t)c->count + (size_t)field] : NULL;
}

/* Texts live as long as pavo.h says: eight of them. */
static const char *part(const char *text, int people)
{
    static char texts[8][512];
    static unsigned next;
    const char *bar = text == NULL ? NULL : strchr(text, '|');
    if (bar == NULL)
        return text;
    char *to = texts[next++ % 8];
    snprintf(to, sizeof(texts[0]), "%.*s", people ? (int)strlen(bar + 1) : (int)(bar - text), people ? bar + 1 : text);
    return to;
}

const char *pavo_columns_text(const pavo_columns *c, size_t row, int field)
{
    return part(cell(c, row, field), 0);
}

const char *pavo_columns_show(const pavo_columns *c, size_t row, int field, int utc)
{
    (void)utc;
    return part(cell(c, row, field), 1);
}

int pavo_columns_number(const pavo_columns *c, size_t row, int field, uint64_t *value)
{
    const char *text = cell(c, row, field);
    char *end;
    if (text == NULL)
        return 0;
    uint64_t number = strtoull(text, &end, 10);
    if (end == text)
        return 0;
    *value = number;
    return 1;
}

int pavo_columns_signed(const pavo_columns *c, size_t row, int field, int64_t *value)
{
    const char *text = cell(c, row, field);
    if (text == NULL)
        return 0;
    *value = strtoll(text, NULL, 10);
    return 1;
}

size_t pavo_columns_items(const pavo_columns *c, size_t row, int field)
{
    uint64_t count = 0;
    return pavo_columns_number(c, row, field, &count) ? (size_t)count : 0;
}

size_t pavo_columns_item(const pavo_columns *c, size_t row, int field, size_t item)
{
    size_t before = 0;
    for (size_t i = 0; i < row; i++)
        before += pavo_columns_items(c, i, field);
    return ITEMS_FROM + before + item;
}

const char *pavo_columns_json(const pavo_columns *c, size_t row)
{
    static char text[4096];
    size_t used = (size_t)snprintf(text, sizeof(text), "{");
    for (int i = 0; i < c->count; i++) {
        const char *value = pavo_columns_text(c, row, i);
        if (value != NULL && c->columns[i].list == NULL)
            used += (size_t)snprintf(text + used, sizeof(text) - used, "%s\"%s\":\"%s\"", used == 1 ? "" : ",",
                                     c->columns[i].name, value);
    }
    snprintf(text + used, sizeof(text) - used, "}");
    return text;
}

/* ---------------------------------------------------------------- options */

static char subscribed[512];

struct pavo_options {
    unsigned topics;
    char filters[256];
    int wrong;
};

pavo_options *pavo_options_new(void)
{
    return calloc(1, sizeof(struct pavo_options));
}

void pavo_options_destroy(pavo_options **options)
{
    free(*options);
    *options = NULL;
}

void pavo_options_set_aggregator(pavo_options *options, const char *aggregator)
{
    (void)options;
    (void)aggregator;
}

void pavo_options_set_doors(pavo_options *options, const char *publish, const char *answer)
{
    (void)options;
    (void)publish;
    (void)answer;
}

void pavo_options_set_key_file(pavo_options *options, const char *path)
{
    (void)options;
    (void)path;
}

void pavo_options_allow_files(pavo_options *options)
{
    (void)options;
}

void pavo_options_set_timeout(pavo_options *options, unsigned milliseconds)
{
    (void)options;
    (void)milliseconds;
}

void pavo_options_set_topics(pavo_options *options, unsigned topics)
{
    options->topics = topics;
}

void pavo_options_set_filter(pavo_options *options, unsigned topics, const char *filter)
{
    options->wrong =
        strcmp(filter, "wrong") == 0 || (strcmp(filter, "of verdicts") == 0 && topics != PAVO_TOPIC_VERDICT);
    snprintf(options->filters, sizeof(options->filters), " filter(%u)=%s", topics, filter);
}

void pavo_options_set_start(pavo_options *options, unsigned topics, uint64_t position)
{
    (void)options;
    (void)topics;
    (void)position;
}

/* ---------------------------------------------------------------- asking */

static const struct pavo_answer *answers;
static size_t answer_count;
static char asked[512];
static unsigned asked_count;

struct pavo_asker {
    const struct pavo_answer *refused;
    struct pavo_answer *answer;
};

/* Behind the answer a test wrote down: how far it is taken. */
struct taken {
    struct pavo_answer answer;
    size_t pages;
};

void fake_answers(const struct pavo_answer *new_answers, size_t count)
{
    answers = new_answers;
    answer_count = count;
    asked[0] = '\0';
    asked_count = 0;
}

const char *fake_asked(void)
{
    return asked;
}

unsigned fake_asked_count(void)
{
    return asked_count;
}

pavo_asker *pavo_asker_new(const pavo_options *options, char error[PAVO_ERROR_MAX])
{
    (void)options;
    (void)error;
    return calloc(1, sizeof(struct pavo_asker));
}

void pavo_asker_destroy(pavo_asker **asker)
{
    free(*asker);
    *asker = NULL;
}

const char *pavo_asker_error(pavo_asker *asker)
{
    (void)asker;
    return NULL;
}

const char *pavo_asker_parameter(const pavo_asker *asker)
{
    return asker->refused == NULL ? NULL : asker->refused->parameter;
}

size_t pavo_asker_offset(const pavo_asker *asker)
{
    return asker->refused == NULL ? 0 : asker->refused->offset;
}

pavo_answer *pavo_ask(pavo_asker *asker, const char *question, const char *const arguments[],
                      char error[PAVO_ERROR_MAX])
{
    size_t used = (size_t)snprintf(asked, sizeof(asked), "%s", question);
    for (size_t i = 0; arguments != NULL && arguments[i] != NULL; i += 2)
        used += (size_t)snprintf(asked + used, sizeof(asked) - used, " %s=%s", arguments[i], arguments[i + 1]);
    asked_count++;
    asker->refused = NULL;
    for (size_t i = 0; i < answer_count; i++) {
        if (strcmp(answers[i].question, question) != 0)
            continue;
        if (answers[i].error == NULL) {
            struct taken *taken = calloc(1, sizeof(*taken));
            taken->answer = answers[i];
            return &taken->answer;
        }
        asker->refused = &answers[i];
        snprintf(error, PAVO_ERROR_MAX, "%s", answers[i].error);
        return NULL;
    }
    snprintf(error, PAVO_ERROR_MAX, "nobody answers '%s'", question);
    return NULL;
}

void pavo_answer_destroy(pavo_answer **answer)
{
    free(*answer);
    *answer = NULL;
}

int pavo_answer_next(pavo_answer *answer, int timeout_ms, const pavo_columns **page)
{
    struct taken *taken = (struct taken *)answer;
    (void)timeout_ms;
    if (taken->pages == answer->page_count)
        return answer->broken != NULL ? PAVO_FAILED : PAVO_END;
    *page = &answer->pages[taken->pages++];
    return PAVO_OK;
}

const char *pavo_answer_error(const pavo_answer *answer)
{
    return answer->broken;
}

const pavo_columns *pavo_answer_columns(const pavo_answer *answer)
{
    return &answer->pages[0];
}

const char *pavo_answer_command(const pavo_answer *answer)
{
    return answer->command;
}

int pavo_answer_coverage(const pavo_answer *answer)
{
    return answer->coverage;
}

const pavo_columns *pavo_answer_gaps(const pavo_answer *answer)
{
    return answer->gaps;
}

const pavo_columns *pavo_answer_reaches(const pavo_answer *answer)
{
    return answer->reaches;
}

int pavo_answer_extent(const pavo_answer *answer, int64_t *oldest_ns, int64_t *newest_ns, uint64_t *position,
                       int64_t *elapsed_ns)
{
    if (oldest_ns != NULL)
        *oldest_ns = answer->oldest_ns;
    if (newest_ns != NULL)
        *newest_ns = answer->newest_ns;
    if (position != NULL)
        *position = answer->position;
    if (elapsed_ns != NULL)
        *elapsed_ns = answer->elapsed_ns;
    return 0;
}

/* ---------------------------------------------------------------- subscribing */

static const struct pavo_event *events;
static size_t event_count;

struct pavo_subscriber {
    size_t given;
};

void fake_events(const struct pavo_event *new_events, size_t count)
{
    events = new_events;
    event_count = count;
    subscribed[0] = '\0';
}

const char *fake_subscribed(void)
{
    return subscribed;
}

pavo_subscriber *pavo_subscriber_new(const pavo_options *options, char error[PAVO_ERROR_MAX])
{
    if (options->wrong) {
        if (error != NULL)
            snprintf(error, PAVO_ERROR_MAX, "that is no filter");
        return NULL;
    }
    snprintf(subscribed, sizeof(subscribed), "topics=%u%s", options->topics, options->filters);
    return calloc(1, sizeof(struct pavo_subscriber));
}

void pavo_subscriber_destroy(pavo_subscriber **subscriber)
{
    free(*subscriber);
    *subscriber = NULL;
}

int pavo_subscriber_next(pavo_subscriber *subscriber, int timeout_ms, const pavo_event **event)
{
    if (subscriber->given == event_count)
        return PAVO_FAILED;
    *event = &events[subscriber->given++];
    if ((*event)->kind == FAKE_PAUSE) {
        (void)nanosleep(&(struct timespec){timeout_ms / 1000, timeout_ms % 1000 * 1000000l}, NULL);
        return PAVO_TIMEOUT;
    }
    return PAVO_OK;
}

const char *pavo_subscriber_error(pavo_subscriber *subscriber)
{
    return subscriber->given == event_count ? "there is no more" : NULL;
}

int pavo_event_kind(const pavo_event *event)
{
    return event->kind;
}

uint64_t pavo_event_position(const pavo_event *event)
{
    return event->position;
}

uint64_t pavo_event_gap_after(const pavo_event *event)
{
    return event->gap_after;
}

const char *pavo_event_gap_reason(const pavo_event *event)
{
    return event->gap_reason;
}

const pavo_columns *pavo_event_columns(const pavo_event *event, size_t *row)
{
    *row = event->row;
    return event->columns;
}

const char *pavo_event_text(const pavo_event *event, const char *field)
{
    return pavo_columns_text(event->columns, event->row, pavo_columns_field(event->columns, field));
}

const char *pavo_event_json(const pavo_event *event)
{
    return event->kind == PAVO_EVENT_GAP ? "{\"event\":\"gap\"}" : pavo_columns_json(event->columns, event->row);
}

/* ---------------------------------------------------------------- delegation */

int pavo_delegation_sign(const char *key_file, const char *challenge, unsigned seconds,
                         char signature[PAVO_SIGNATURE_MAX], char error[PAVO_ERROR_MAX])
{
    if (strcmp(challenge, "wrong") == 0) {
        snprintf(error, PAVO_ERROR_MAX, "that is no challenge");
        return 0;
    }
    snprintf(signature, PAVO_SIGNATURE_MAX, "%s signed for %u s with %s", challenge, seconds, key_file);
    return 1;
}
