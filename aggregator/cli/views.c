/* SPDX-License-Identifier: Apache-2.0 */
/* Reports of a flow summed into a view. */
#include "aggregator/cli/views.h"

#include <stdlib.h>
#include <string.h>

#include "proto/codec.h"

static struct view *find(const struct view_list *list, const char *sensor, uint64_t epoch, uint64_t flow)
{
    for (size_t i = 0; i < list->count; i++) {
        struct view *view = &list->views[i];
        if (view->flow.flow == flow && view->observer.epoch == epoch && strcmp(view->observer.sensor, sensor) == 0)
            return view;
    }
    return NULL;
}

struct view *view_list_find(const struct view_list *list, const Pavo__FlowName *name)
{
    return name == NULL ? NULL : find(list, name->sensor, name->epoch, name->flow);
}

static void add_report(struct view *view, const struct flow *report)
{
    struct flow *sum = &view->flow;
    if (report->report >= sum->report) {
        sum->report = report->report;
        sum->state = report->state;
        sum->end_reason = report->end_reason;
        sum->history = report->history;
    }
    if (report->first_time < sum->first_time)
        sum->first_time = report->first_time;
    if (report->last_time > sum->last_time)
        sum->last_time = report->last_time;
    sum->src_packets += report->src_packets;
    sum->dst_packets += report->dst_packets;
    sum->src_bytes += report->src_bytes;
    sum->dst_bytes += report->dst_bytes;
    sum->src_payload += report->src_payload;
    sum->dst_payload += report->dst_payload;
    sum->src_tcp_flags |= report->src_tcp_flags;
    sum->dst_tcp_flags |= report->dst_tcp_flags;
    sum->evidence |= report->evidence;
}

static bool add_row(struct view_list *list, const struct observer *observer, const struct flow *flow)
{
    struct view *view = find(list, observer->sensor, observer->epoch, flow->flow);
    if (view != NULL) {
        add_report(view, flow);
        return true;
    }
    struct view *grown = realloc(list->views, (list->count + 1) * sizeof(*grown));
    if (grown == NULL)
        return false;
    list->views = grown;
    grown[list->count++] = (struct view){.observer = *observer, .flow = *flow};
    return true;
}

enum result view_list_add(struct view_list *list, const Pavo__FlowColumns *message, struct error *err)
{
    struct flow_batch *batch;
    enum result result = flow_batch_from_message(message, &batch, err);
    if (result != RESULT_OK)
        return result;
    for (uint32_t row = 0; row < batch->rows && result == RESULT_OK; row++) {
        struct flow flow;
        flow_batch_get(batch, row, &flow);
        if (!add_row(list, &batch->observers[flow.observer], &flow))
            result = error_set(err, RESULT_FATAL, "out of memory");
    }
    flow_batch_destroy(&batch);
    return result;
}

void view_list_free(struct view_list *list)
{
    free(list->views);
    *list = (struct view_list){0};
}
