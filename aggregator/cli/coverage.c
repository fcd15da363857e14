/* SPDX-License-Identifier: Apache-2.0 */
/* What an answer rests on, as sentences and as JSON. */
#include "aggregator/cli/coverage.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/cli/ask.h"
#include "common/clock.h"

/* The greatest number that every reader of JSON holds exactly. */
#define JSON_NUMBER_MAX (UINT64_C(1) << 53)

/* A sensor that runs is behind by two status intervals at most, which are up to half an hour each. */
#define ENDED_NS         (5400 * NS_PER_S)

#define BEHIND_SHOWN_MAX 3 /* in one note */
#define NOT_YET          "a connection still open or just over may not be there yet"

/* ---------------------------------------------------------------- sentences */

/* A gap's fields. Texts are "" where nothing is known. */
struct gap {
    char kind[16], sensor[160], from[TIME_TEXT_MAX], to[TIME_TEXT_MAX], amount[64], unit[32], reason[640];
};

static void copy_text(const pavo_columns *gaps, size_t row, const char *name, bool people, bool utc, char *text,
                      size_t size)
{
    int field = pavo_columns_field(gaps, name);
    const char *value = people ? pavo_columns_show(gaps, row, field, utc) : pavo_columns_text(gaps, row, field);
    snprintf(text, size, "%s", value == NULL ? "" : value);
}

static void gap_read(const pavo_columns *gaps, size_t row, bool utc, struct gap *ret_gap)
{
    uint64_t at_most = 0;
    struct gap gap = {0};
    copy_text(gaps, row, "gap", false, utc, gap.kind, sizeof(gap.kind));
    copy_text(gaps, row, "sensor", false, utc, gap.sensor, sizeof(gap.sensor));
    copy_text(gaps, row, "from_time", true, utc, gap.from, sizeof(gap.from));
    copy_text(gaps, row, "to_time", true, utc, gap.to, sizeof(gap.to));
    copy_text(gaps, row, "unit", false, utc, gap.unit, sizeof(gap.unit));
    copy_text(gaps, row, "reason", false, utc, gap.reason, sizeof(gap.reason));
    if (pavo_columns_number(gaps, row, pavo_columns_field(gaps, "at_most"), &at_most) && at_most > 0)
        copy_text(gaps, row, "at_most", true, utc, gap.amount, sizeof(gap.amount));
    *ret_gap = gap;
}

/* " between A and B", as far as it is known. */
static void put_span(FILE *stream, const struct gap *gap)
{
    if (gap->from[0] != '\0' && gap->to[0] != '\0')
        fprintf(stream, " between %s and %s", gap->from, gap->to);
    else if (gap->from[0] != '\0')
        fprintf(stream, " since %s", gap->from);
    else if (gap->to[0] != '\0')
        fprintf(stream, " until %s", gap->to);
}

static void put_reason(FILE *stream, const struct gap *gap)
{
    if (gap->reason[0] != '\0')
        fprintf(stream, ": %s", gap->reason);
}

static void put_gap(FILE *stream, const struct gap *gap)
{
    const char *sensor = gap->sensor[0] == '\0' ? "" : "sensor ";
    if (strcmp(gap->kind, "loss") == 0) {
        fprintf(stream, "%s%s lost ", sensor, gap->sensor);
        if (gap->amount[0] != '\0')
            fprintf(stream, "at most %s ", gap->amount);
        fputs(gap->unit[0] == '\0' ? "something" : gap->unit, stream);
        put_span(stream, gap);
        put_reason(stream, gap);
    } else if (strcmp(gap->kind, "silent") == 0) {
        fprintf(stream, "%s%s said nothing", sensor, gap->sensor);
        put_span(stream, gap);
    } else if (strcmp(gap->kind, "limit") == 0) {
        fputs("cut off", stream);
        put_reason(stream, gap);
    } else {
        fprintf(stream, "%s%s%s%s", sensor, gap->sensor, sensor[0] == '\0' ? "" : ": ",
                gap->reason[0] != '\0' ? gap->reason : gap->kind);
        put_span(stream, gap);
    }
}

/* A sentence, which the coverage owns from then on. */
static void keep(struct coverage *coverage, struct coverage_sentences *sentences, char *sentence)
{
    for (size_t i = 0; sentence != NULL && i < sentences->count; i++) {
        if (strcmp(sentences->items[i], sentence) == 0) {
            free(sentence);
            return;
        }
    }
    char **grown = sentence == NULL ? NULL : realloc(sentences->items, (sentences->count + 1) * sizeof(*grown));
    if (grown == NULL) {
        free(sentence);
        coverage->failed = true;
        return;
    }
    sentences->items = grown;
    grown[sentences->count++] = sentence;
}

static void keep_gap(struct coverage *coverage, const struct gap *gap, bool is_note)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (stream != NULL) {
        if (is_note)
            fputs(gap->reason, stream);
        else
            put_gap(stream, gap);
        if (fclose(stream) == 0) {
            keep(coverage, is_note ? &coverage->notes : &coverage->gaps, text);
            return;
        }
        free(text);
    }
    coverage->failed = true;
}

/* From the best to the worst. */
static unsigned rank(int state)
{
    return state == PAVO_COVERAGE_WHOLE ? 0 : state == PAVO_COVERAGE_NONE ? 1 : 2;
}

void coverage_add(struct coverage *coverage, const struct cli *cli, const pavo_answer *answer)
{
    const pavo_columns *gaps = pavo_answer_gaps(answer);
    size_t rows = gaps == NULL ? 0 : pavo_columns_rows(gaps);
    int state = pavo_answer_coverage(answer);
    for (size_t row = 0; row < rows; row++) {
        struct gap gap;
        gap_read(gaps, row, cli->utc, &gap);
        keep_gap(coverage, &gap, state == PAVO_COVERAGE_WHOLE);
    }
    if (rank(state) > rank(coverage->state))
        coverage->state = state;
    if (pavo_answer_extent(answer, &coverage->oldest_ns, &coverage->newest_ns, NULL, NULL) == 0)
        coverage->has_extent = coverage->newest_ns != 0;
}

/* Is there something of the time before `end_ns` that the sensor is still to report? */
static bool is_behind(const pavo_columns *reaches, size_t row, int64_t end_ns, int64_t now_ns)
{
    int64_t through = 0;
    if (!pavo_columns_signed(reaches, row, pavo_columns_field(reaches, "through"), &through) || through == 0)
        return true;
    return through < end_ns && through > now_ns - ENDED_NS;
}

void coverage_behind(struct coverage *coverage, const struct cli *cli, const pavo_answer *answer, int64_t end_ns)
{
    const pavo_columns *reaches = pavo_answer_reaches(answer);
    size_t rows = reaches == NULL ? 0 : pavo_columns_rows(reaches);
    int64_t now = clock_wall_ns();
    for (size_t row = 0; row < rows; row++) {
        char *text = NULL, sensor[160], through[TIME_TEXT_MAX];
        if (!is_behind(reaches, row, end_ns == 0 ? now : end_ns, now))
            continue;
        copy_text(reaches, row, "sensor", false, cli->utc, sensor, sizeof(sensor));
        copy_text(reaches, row, "through", true, cli->utc, through, sizeof(through));
        int length = through[0] == '\0' ? asprintf(&text, "%s has not yet said through when it has reported", sensor)
                                        : asprintf(&text, "%s has reported what began before %s", sensor, through);
        keep(coverage, &coverage->behind, length < 0 ? NULL : text);
    }
}

static void sentences_free(struct coverage_sentences *sentences)
{
    for (size_t i = 0; i < sentences->count; i++)
        free(sentences->items[i]);
    free(sentences->items);
}

void coverage_free(struct coverage *coverage)
{
    sentences_free(&coverage->gaps);
    sentences_free(&coverage->notes);
    sentences_free(&coverage->behind);
    *coverage = (struct coverage){0};
}

static void put_lines(const struct coverage *coverage, const struct cli *cli, FILE *stream, const char *before)
{
    char oldest[TIME_TEXT_MAX], newest[TIME_TEXT_MAX];
    for (size_t i = 0; i < coverage->gaps.count; i++)
        fprintf(stream, "%s%s\n", before, coverage->gaps.items[i]);
    if (coverage->failed)
        fprintf(stream, "%smore than there is memory to say\n", before);
    if (coverage->state == PAVO_COVERAGE_NONE && !coverage->has_extent)
        fprintf(stream, "%snothing of that time is in the store, which is empty\n", before);
    else if (coverage->state == PAVO_COVERAGE_NONE)
        fprintf(stream, "%snothing of that time is in the store, which holds flows from %s to %s\n", before,
                time_text(coverage->oldest_ns, cli->utc, oldest), time_text(coverage->newest_ns, cli->utc, newest));
}

/* One note, whatever their number. */
static void note_behind(const struct coverage_sentences *behind)
{
    for (size_t i = 0; i < behind->count && i < BEHIND_SHOWN_MAX; i++)
        fprintf(stderr, "%s%s", i == 0 ? "pavo: " : ", ", behind->items[i]);
    if (behind->count > BEHIND_SHOWN_MAX)
        fprintf(stderr, ", and so on for %zu more", behind->count - BEHIND_SHOWN_MAX);
    if (behind->count > 0)
        fputs("; " NOT_YET "\n", stderr);
}

void coverage_note(const struct coverage *coverage, const struct cli *cli)
{
    fflush(stdout); /* what is said follows what it is about */
    put_lines(coverage, cli, stderr, "pavo: not seen: ");
    for (size_t i = 0; i < coverage->notes.count; i++)
        fprintf(stderr, "pavo: %s\n", coverage->notes.items[i]);
    note_behind(&coverage->behind);
}

void coverage_print(const struct coverage *coverage, const struct cli *cli)
{
    bool whole = coverage->state == PAVO_COVERAGE_WHOLE && coverage->gaps.count == 0 && coverage->behind.count == 0;
    puts(whole ? "Not seen: nothing is known to be missing in that time." : "Not seen:");
    put_lines(coverage, cli, stdout, "  ");
    for (size_t i = 0; i < coverage->notes.count; i++)
        printf("  %s\n", coverage->notes.items[i]);
    for (size_t i = 0; i < coverage->behind.count; i++)
        printf("  %s; " NOT_YET "\n", coverage->behind.items[i]);
}

void coverage_line(const struct coverage *coverage, FILE *stream)
{
    const struct coverage_sentences *gaps = &coverage->gaps, *behind = &coverage->behind;
    size_t more = (gaps->count > 0 ? gaps->count - 1 : 0) + behind->count;
    if (coverage->state == PAVO_COVERAGE_NONE)
        fputs("None: nothing of that time is in the store", stream);
    else if (gaps->count > 0)
        fprintf(stream, "Partial: %s", gaps->items[0]);
    else if (coverage->state != PAVO_COVERAGE_WHOLE)
        fputs("Partial", stream);
    else
        fputs("Whole: nothing is known to be missing", stream);
    if (gaps->count == 0 && behind->count > 0)
        fprintf(stream, "; %s", behind->items[0]);
    more -= gaps->count == 0 && behind->count > 0;
    if (more > 0)
        fprintf(stream, "; and %zu more", more);
}

/* ---------------------------------------------------------------- JSON */

static void put_string(const char *text)
{
    putchar('"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            putchar('\\');
        if ((unsigned char)*text < ' ')
            printf("\\u%04x", (unsigned char)*text);
        else
            putchar(*text);
    }
    putchar('"');
}

static void put_number(const char *name, uint64_t value)
{
    printf(value > JSON_NUMBER_MAX ? ",\"%s\":\"%" PRIu64 "\"" : ",\"%s\":%" PRIu64, name, value);
}

static void put_rows(const char *name, const pavo_columns *columns)
{
    size_t rows = columns == NULL ? 0 : pavo_columns_rows(columns);
    printf(",\"%s\":[", name);
    for (size_t row = 0; row < rows; row++) {
        const char *text = pavo_columns_json(columns, row);
        printf("%s%s", row == 0 ? "" : ",", text == NULL ? "{}" : text);
    }
    putchar(']');
}

void coverage_json(const pavo_answer *answer, size_t rows)
{
    int state = pavo_answer_coverage(answer);
    int64_t oldest = 0, newest = 0, elapsed = 0;
    uint64_t position = 0;
    char text[ASK_TIME_MAX];
    const char *command = pavo_answer_command(answer);
    printf("{\"coverage\":{\"state\":\"%s\"", state == PAVO_COVERAGE_WHOLE  ? "whole"
                                              : state == PAVO_COVERAGE_NONE ? "none"
                                                                            : "partial");
    put_number("rows", rows);
    if (command != NULL) {
        fputs(",\"command\":", stdout);
        put_string(command);
    }
    if (pavo_answer_extent(answer, &oldest, &newest, &position, &elapsed) == 0) {
        if (newest != 0)
            printf(",\"oldest\":\"%s\"", ask_time_text(oldest, text));
        if (newest != 0)
            printf(",\"newest\":\"%s\"", ask_time_text(newest, text));
        put_number("position", position);
        put_number("elapsed", elapsed < 0 ? 0 : (uint64_t)elapsed);
    }
    put_rows("gaps", pavo_answer_gaps(answer));
    put_rows("reaches", pavo_answer_reaches(answer));
    puts("}}");
}

int coverage_code(int state, size_t found)
{
    return state != PAVO_COVERAGE_WHOLE ? CLI_INCOMPLETE : found == 0 ? CLI_NOTHING : CLI_ANSWERED;
}
