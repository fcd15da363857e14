/* SPDX-License-Identifier: Apache-2.0 */
/* Stored records of a kind, as they are. */
#include "aggregator/answer/stored.h"

#include <stdio.h>
#include <string.h>

#include "common/nearest.h"

uint64_t stored_limit(const struct work *work)
{
    uint64_t limit = work_argument(work, STORED_LIMIT)->number;
    return limit == 0 || limit > ANSWER_ROWS_MAX ? ANSWER_ROWS_MAX : limit;
}

void stored_cut(struct work *work, uint64_t limit)
{
    if (work_argument(work, STORED_LIMIT)->number == limit)
        coverage_limited(&work->coverage, limit);
    else
        coverage_cut(&work->coverage, limit);
}

struct store_query stored_query(struct work *work)
{
    work->coverage.from_ns = work_argument(work, STORED_FROM)->time;
    work->coverage.to_ns = work_argument(work, STORED_TO)->time;
    return (struct store_query){.kind = work->arguments.question->parameters[STORED_FILTER].kind,
                                .filter = work_argument(work, STORED_FILTER)->filter,
                                .from_ns = work->coverage.from_ns,
                                .to_ns = work->coverage.to_ns};
}

/* ---- sensors */

#define SENSORS_LISTED 8u

static bool is_known(const struct store_life *lives, size_t count, const char *name)
{
    bool known = false;
    for (size_t i = 0; i < count; i++)
        known = known || strcmp(lives[i].observer.sensor, name) == 0;
    return known;
}

/* The name that may be meant, or those that there are; a sensor has many lives. */
static void note_unknown(struct work *work, const struct store_life *lives, size_t count, const char *name)
{
    struct coverage_gap gap = {.kind = PAVO__GAP__KIND__STATE, .unit = "", .noted = true};
    struct nearest nearest = {.word = name};
    char list[SENSORS_LISTED * OBSERVER_NAME_MAX] = "";
    size_t used = 0;
    unsigned listed = 0;
    for (size_t i = 0; i < count; i++) {
        const char *sensor = lives[i].observer.sensor;
        nearest_try(&nearest, sensor);
        if (is_known(lives, i, sensor) || listed++ >= SENSORS_LISTED)
            continue;
        used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", used == 0 ? "" : ", ", sensor);
    }
    if (nearest.name != NULL)
        snprintf(gap.reason, sizeof(gap.reason), "no sensor '%.64s' is known; did you mean '%s'?", name, nearest.name);
    else if (listed == 0)
        snprintf(gap.reason, sizeof(gap.reason), "no sensor '%.64s' is known, nor any other", name);
    else
        snprintf(gap.reason, sizeof(gap.reason), "no sensor '%.64s' is known; there are %.200s%s", name, list,
                 listed > SENSORS_LISTED ? " ..." : "");
    coverage_gap(&work->coverage, &gap);
}

static bool names_sensors(const struct filter_node *node)
{
    return node != NULL && (node->op == FILTER_SENSOR || names_sensors(node->left) || names_sensors(node->right));
}

static void note_sensors(struct work *work, const struct store_life *lives, size_t count,
                         const struct filter_node *node)
{
    if (node == NULL)
        return;
    note_sensors(work, lives, count, node->left);
    note_sensors(work, lives, count, node->right);
    if (node->op == FILTER_SENSOR && !is_known(lives, count, node->text))
        note_unknown(work, lives, count, node->text);
}

enum result stored_sensors(struct work *work, struct error *err)
{
    const struct filter *filter = work_argument(work, STORED_FILTER)->filter;
    struct store_life *lives;
    size_t count;
    if (filter == NULL || !names_sensors(filter_root(filter)))
        return RESULT_OK;
    enum result r = store_lives(work->options->store, false, &lives, &count, err);
    if (r != RESULT_OK)
        return r;
    note_sensors(work, lives, count, filter_root(filter));
    store_lives_free(&lives, count);
    return RESULT_OK;
}

/* ---- the records */

/* One row more than the limit is asked for: it tells that there are some. */
enum result stored_run(struct work *work, struct error *err)
{
    struct store_query query = stored_query(work);
    uint64_t limit = stored_limit(work), left = limit;
    struct records *records;
    query.limit = limit + 1;
    query.fields = work->fields;
    enum result r = store_find(work->reader, &query, err);
    while (r == RESULT_OK && (r = store_next(work->reader, &records, NULL, err)) == RESULT_OK) {
        uint32_t rows = records->rows < left ? records->rows : (uint32_t)left;
        if (rows < records->rows)
            stored_cut(work, limit);
        left -= rows;
        r = work_send(work, records, rows, err);
        records_free(&records);
    }
    return r == RESULT_END ? stored_sensors(work, err) : r;
}
