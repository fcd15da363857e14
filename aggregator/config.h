/* SPDX-License-Identifier: Apache-2.0 */
/* What pavo-aggregator is told: flags, the file's [aggregator] section, and a [boundary NAME] section each. */
#ifndef PAVO_AGGREGATOR_CONFIG_H
#define PAVO_AGGREGATOR_CONFIG_H

#include "aggregator/correlate/correlate.h"
#include "aggregator/store/store.h"
#include "common/options.h"
#include "common/result.h"

struct config {
    char *data, *keys;               /* directories */
    char *intake, *publish, *answer; /* endpoints */
    struct store_options store;      /* without directory and notice */
    uint64_t credit, connections;
    struct option_list geo; /* files */
    bool verbose;
    bool questions; /* print what can be asked, and end */
    struct option_list boundary_flags;
    struct boundary *boundaries; /* owned: of the file and of the flags; a flag replaces the file's of its name */
    size_t boundary_count;
};

/* Flags and file. RESULT_END: help or version was printed. RESULT_REJECT: the sentence is in err. */
MUST_CHECK enum result config_read(int argc, char **argv, struct config *ret_config, struct error *err);
void config_fini(struct config *config);

/* "NAME inside=SENSOR outside=SENSOR [window=120s] [tolerance=2s]" */
MUST_CHECK enum result config_boundary_parse(const char *text, struct boundary *ret_boundary, struct error *err);

#endif
