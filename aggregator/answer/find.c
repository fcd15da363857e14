/* SPDX-License-Identifier: Apache-2.0 */
/* find: flows. */
#include "aggregator/answer/stored.h"

static const struct parameter parameters[] = STORED_PARAMETERS(RECORD_FLOW, "flows");

static const struct record_kind *columns(void)
{
    return answer_columns_of(RECORD_FLOW);
}

const struct question question_find = {.name = "find",
                                       .summary = "Flow records: all fields of those that match a filter.",
                                       .parameters = parameters,
                                       .parameter_count = STORED_PARAMETER_COUNT,
                                       .basis = QUESTION_OF_TRAFFIC,
                                       .columns = columns,
                                       .run = stored_run};
