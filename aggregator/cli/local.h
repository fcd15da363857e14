/* SPDX-License-Identifier: Apache-2.0 */
/* --store DIR: what an aggregator kept, asked without one that runs. A pavo-aggregator of this command's own reads it
 * (--read-only), answers at a door that nobody else can open, and ends with the command. Key files, door and log lie in
 * a folder under TMPDIR, or /tmp, as long as the command runs. */
#ifndef PAVO_AGGREGATOR_CLI_LOCAL_H
#define PAVO_AGGREGATOR_CLI_LOCAL_H

#include "aggregator/cli/cli.h"

/* Starts it for cli->store, if that was not done yet, and waits until it answers. -1: it does, at *ret_answer, for whom
 * has the key file *ret_key (both borrowed until local_end); otherwise an exit code, the reason printed. */
int local_start(const struct cli *cli, const char **ret_answer, const char **ret_key);

/* Ends it and removes the folder; nothing to do if it was never started. Signal handlers may call it. */
void local_end(void);

#endif
