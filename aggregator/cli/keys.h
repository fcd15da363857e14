/* SPDX-License-Identifier: Apache-2.0 */
/* pavo keys: makes, enrols and shows keys. Works on files alone; needs no aggregator and no key of its own. */
#ifndef PAVO_AGGREGATOR_CLI_KEYS_H
#define PAVO_AGGREGATOR_CLI_KEYS_H

struct cli;

/* argv[0] is "keys". Returns an exit code of pavo(1). */
int cli_keys(struct cli *cli, int argc, char **argv);

#endif
