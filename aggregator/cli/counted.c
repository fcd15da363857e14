/* SPDX-License-Identifier: Apache-2.0 */
/* Counts by key: a tree of texts, each the values of a key with tabulators between. */
#include "aggregator/cli/counted.h"

#include <inttypes.h>
#include <libsmartcols.h>
#include <search.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/cli/axis.h"
#include "common/nearest.h"

#define FIELDS_MAX 2
#define NARROW     60 /* columns; below there are bytes alone */

/* A word and the fields it stands for. */
struct word {
    const char *name;
    const char *fields[FIELDS_MAX];
    const char *headings[FIELDS_MAX];
    bool either; /* the one field, and then the other: two keys */
};
static const struct word words[] = {
    {"sensor", {0}, {0}, false}, /* is always there */
    {"protocol", {"protocol"}, {"PROTO"}, false},
    {"service", {"protocol", "dst_port"}, {"PROTO", "PORT"}, false},
    {"host", {"src", "dst"}, {"HOST"}, true},
    {"src", {"src"}, {"SOURCE"}, false},
    {"dst", {"dst"}, {"DESTINATION"}, false},
    {"pair", {"src", "dst"}, {"SOURCE", "DESTINATION"}, false},
    {"src_port", {"src_port"}, {"SRC PORT"}, false},
    {"dst_port", {"dst_port"}, {"PORT"}, false},
    {"state", {"state"}, {"STATE"}, false},
    {"vlan", {"vlan"}, {"VLAN"}, false},
};
#define WORDS (sizeof(words) / sizeof(*words))

struct key {
    char *text; /* owned */
    uint64_t flows, packets, bytes;
};

struct counted {
    const struct word *words[COUNTED_WORDS_MAX];
    size_t word_count;
    struct key **keys; /* owned, as each is */
    size_t count, capacity, records, beyond;
    void *by_text; /* tsearch(3) of them */
    FILE *stream;  /* owned; for texts */
    char *text;
    size_t size;
};

/* ---------------------------------------------------------------- words */

static const struct word *find_word(const char *name, size_t length)
{
    for (size_t i = 0; i < WORDS; i++) {
        if (strlen(words[i].name) == length && strncmp(words[i].name, name, length) == 0)
            return &words[i];
    }
    return NULL;
}

static enum result unknown(const char *name, size_t length, struct error *err)
{
    char word[64];
    snprintf(word, sizeof(word), "%.*s", (int)length, name);
    struct nearest nearest = {.word = word};
    for (size_t i = 0; i < WORDS; i++)
        nearest_try(&nearest, words[i].name);
    if (nearest.name != NULL)
        return error_set(err, RESULT_REJECT, "nothing is counted by '%s'; did you mean '%s'?", word, nearest.name);
    return error_set(err, RESULT_REJECT, "nothing is counted by '%s', but by " COUNTED_WORDS, word);
}

static enum result read_words(struct counted *c, const char *text, struct error *err)
{
    for (const char *at = text;; at++) {
        size_t length = strcspn(at, ",");
        const struct word *word = find_word(at, length);
        if (word == NULL)
            return unknown(at, length, err);
        if (c->word_count == COUNTED_WORDS_MAX)
            return error_set(err, RESULT_REJECT, "a key has %d words at most", COUNTED_WORDS_MAX);
        c->words[c->word_count++] = word;
        at += length;
        if (*at == '\0')
            return RESULT_OK;
    }
}

enum result counted_new(const char *text, struct counted **ret_counted, struct error *err)
{
    struct counted *c = calloc(1, sizeof(*c));
    if (c == NULL || (c->stream = open_memstream(&c->text, &c->size)) == NULL) {
        free(c);
        return error_set(err, RESULT_AGAIN, "out of memory");
    }
    enum result r = read_words(c, text, err);
    if (r == RESULT_OK)
        *ret_counted = c;
    else
        counted_free(&c);
    return r;
}

void counted_free(struct counted **counted)
{
    if (*counted == NULL)
        return;
    counted_clear(*counted);
    fclose((*counted)->stream);
    free((*counted)->text);
    free((*counted)->keys);
    free(*counted);
    *counted = NULL;
}

/* ---------------------------------------------------------------- counting */

static int compare_texts(const void *a, const void *b)
{
    return strcmp(((const struct key *)a)->text, ((const struct key *)b)->text);
}

void counted_clear(struct counted *c)
{
    for (size_t i = 0; i < c->count; i++) {
        (void)tdelete(c->keys[i], &c->by_text, compare_texts);
        free(c->keys[i]->text);
        free(c->keys[i]);
    }
    c->count = c->records = c->beyond = 0;
}

size_t counted_records(const struct counted *c)
{
    return c->records;
}

static void put_value(struct counted *c, const pavo_columns *flows, size_t row, const char *field)
{
    const char *text = pavo_columns_text(flows, row, pavo_columns_field(flows, field));
    if (strcmp(field, "protocol") == 0 || strcmp(field, "state") == 0)
        text = pavo_columns_show(flows, row, pavo_columns_field(flows, field), 1);
    fprintf(c->stream, "\t%s", text == NULL ? "" : text);
}

/* The key's text; `second`: of words with two keys the other one. NULL: out of memory. */
static const char *text_of(struct counted *c, const pavo_columns *flows, size_t row, bool second)
{
    const char *sensor = pavo_columns_text(flows, row, pavo_columns_field(flows, "sensor"));
    rewind(c->stream);
    fputs(sensor == NULL ? "" : sensor, c->stream);
    for (size_t w = 0; w < c->word_count; w++) {
        const struct word *word = c->words[w];
        for (size_t f = 0; f < FIELDS_MAX && word->fields[f] != NULL; f++) {
            if (!word->either || f == (second ? 1 : 0))
                put_value(c, flows, row, word->fields[f]);
        }
    }
    fputc('\0', c->stream);
    return fflush(c->stream) == 0 ? c->text : NULL;
}

static struct key *add_key(struct counted *c, const char *text)
{
    if (c->count == c->capacity) {
        size_t capacity = c->capacity * 2 + 64;
        struct key **grown = realloc(c->keys, capacity * sizeof(struct key *));
        if (grown == NULL)
            return NULL;
        c->keys = grown;
        c->capacity = capacity;
    }
    struct key *key = calloc(1, sizeof(*key));
    if (key == NULL || (key->text = strdup(text)) == NULL || tsearch(key, &c->by_text, compare_texts) == NULL) {
        free(key == NULL ? NULL : key->text);
        free(key);
        return NULL;
    }
    c->keys[c->count++] = key;
    return key;
}

static uint64_t number_of(const pavo_columns *flows, size_t row, const char *field)
{
    uint64_t number = 0;
    (void)pavo_columns_number(flows, row, pavo_columns_field(flows, field), &number);
    return number;
}

static bool count_one(struct counted *c, const pavo_columns *flows, size_t row, bool second)
{
    struct key wanted = {.text = (char *)text_of(c, flows, row, second)}, *const * found;
    if (wanted.text == NULL)
        return false;
    found = tfind(&wanted, &c->by_text, compare_texts);
    if (found == NULL && c->count == COUNTED_KEYS_MAX) {
        c->beyond++;
        return true;
    }
    struct key *key = found != NULL ? *found : add_key(c, wanted.text);
    if (key == NULL)
        return false;
    key->flows += number_of(flows, row, "report") == 0; /* a long flow's others are no flow more */
    key->packets += number_of(flows, row, "src_packets") + number_of(flows, row, "dst_packets");
    key->bytes += number_of(flows, row, "src_bytes") + number_of(flows, row, "dst_bytes");
    return true;
}

bool counted_add(struct counted *c, const pavo_columns *flows, size_t row)
{
    bool either = false;
    for (size_t w = 0; w < c->word_count; w++)
        either |= c->words[w]->either;
    c->records++;
    return count_one(c, flows, row, false) && (!either || count_one(c, flows, row, true));
}

/* ---------------------------------------------------------------- printing */

static int by_bytes(const void *a, const void *b)
{
    const struct key *x = *(struct key *const *)a, *y = *(struct key *const *)b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return x->packets != y->packets ? (x->packets < y->packets ? 1 : -1) : strcmp(x->text, y->text);
}

static bool add_column(struct libscols_table *table, const char *heading, int flags)
{
    return scols_table_new_column(table, heading, 0, flags) != NULL;
}

static bool add_columns(const struct counted *c, struct libscols_table *table, bool narrow)
{
    bool done = add_column(table, "SENSOR", SCOLS_FL_TRUNC);
    for (size_t w = 0; w < c->word_count; w++) {
        for (size_t f = 0; f < FIELDS_MAX && c->words[w]->headings[f] != NULL; f++)
            done = done && add_column(table, c->words[w]->headings[f], SCOLS_FL_TRUNC);
    }
    if (!narrow)
        done = done && add_column(table, "FLOWS", SCOLS_FL_RIGHT) && add_column(table, "PACKETS", SCOLS_FL_RIGHT);
    return done && add_column(table, "BYTES", SCOLS_FL_RIGHT);
}

static bool add_line(struct libscols_table *table, const struct key *key, bool narrow)
{
    struct libscols_line *line = scols_table_new_line(table, NULL);
    char numbers[3][AXIS_TEXT_MAX], *copy = strdup(key->text), *rest = copy;
    size_t column = 0;
    bool done = line != NULL && copy != NULL;
    snprintf(numbers[0], AXIS_TEXT_MAX, "%" PRIu64, key->flows);
    snprintf(numbers[1], AXIS_TEXT_MAX, "%" PRIu64, key->packets);
    axis_number((double)key->bytes, true, numbers[2]);
    while (done && rest != NULL)
        done = scols_line_set_data(line, column++, strsep(&rest, "\t")) == 0;
    for (unsigned i = narrow ? 2 : 0; i < 3; i++)
        done = done && scols_line_set_data(line, column++, numbers[i]) == 0;
    free(copy);
    return done;
}

static bool print_table(const struct counted *c, FILE *stream, const struct counted_room *room)
{
    struct libscols_table *table = scols_new_table();
    bool narrow = room->width > 0 && room->width < NARROW, done = table != NULL && add_columns(c, table, narrow);
    for (size_t i = 0; i < c->count && i < room->rows && done; i++)
        done = add_line(table, c->keys[i], narrow);
    if (done) {
        scols_table_set_stream(table, stream);
        if (room->width > 0) {
            scols_table_set_termforce(table, SCOLS_TERMFORCE_ALWAYS);
            scols_table_set_termwidth(table, room->width);
        }
        done = scols_print_table(table) == 0;
    }
    scols_unref_table(table);
    return done;
}

bool counted_print(struct counted *c, FILE *stream, const struct counted_room *room)
{
    if (c->count > 0)
        qsort(c->keys, c->count, sizeof(struct key *), by_bytes);
    bool done = c->count == 0 || print_table(c, stream, room);
    if (c->count > room->rows)
        fprintf(stream, "and %zu more\n", c->count - room->rows);
    if (c->beyond > 0)
        fprintf(stream, "%zu records of keys beyond the first %d are not counted\n", c->beyond, COUNTED_KEYS_MAX);
    return done;
}
