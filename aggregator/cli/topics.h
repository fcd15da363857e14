/* SPDX-License-Identifier: Apache-2.0 */
/* Names of topics as they are typed, and what they select. */
#ifndef PAVO_AGGREGATOR_CLI_TOPICS_H
#define PAVO_AGGREGATOR_CLI_TOPICS_H

#include "aggregator/cli/cli.h"

struct topics {
    unsigned all;      /* bits of enum pavo_topic */
    unsigned filtered; /* of those, the ones a filter is for */
    unsigned count;
};

#define TOPICS_HELP                                                                                                    \
    "flow, verdict (what became of a flow at a boundary), binding (translations), loss, status (what sensors say of "  \
    "themselves), alert; may be given several times. Default: flow and loss, with the filter for flows alone"

/* Each item is a name or several with commas between them. -1; otherwise an exit code, the reason printed. */
int topics_parse(const struct option_list *names, struct topics *ret_topics);

/* Of a bit of enum pavo_topic. NULL: there is none. */
const char *topics_name(unsigned topic);

#endif
