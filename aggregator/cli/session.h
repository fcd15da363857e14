/* SPDX-License-Identifier: Apache-2.0 */
/* A sub-command's talk with the aggregator: find the key, connect, ask, take the replies. Says itself what went wrong.
 */
#ifndef PAVO_AGGREGATOR_CLI_SESSION_H
#define PAVO_AGGREGATOR_CLI_SESSION_H

#include "aggregator/cli/cli.h"
#include "common/libpavo/ask.h"

struct session {
    const struct cli *cli;
    struct keys keys;
    void *zmq;
    struct asker asker;
};

#define KEY_PATH_MAX 4096

/* The reader's key file: --key, PAVO_KEY, or the first of the usual places that exists. False: said what was looked at,
 * and how to make one. */
bool session_key_path(const struct cli *cli, char ret_path[static KEY_PATH_MAX]);

/* -1: open; otherwise an exit code, the reason printed. */
int session_open(const struct cli *cli, struct session *ret_session);
void session_close(struct session *session);

/* Takes one reply, which is freed afterwards unless it is kept by setting *reply NULL. False: enough, stop asking. */
typedef bool session_reply(void *context, Pavo__Reply **reply);

/* Asks and hands over the replies. -1: all came (or were enough); otherwise an exit code, the reason printed. A
 * filter's error is shown under the filter. */
int session_ask(struct session *session, Pavo__Query *query, const char *filter, session_reply *take, void *context);

/* Prints what an answer rests on and what was not seen, on standard error. True: it is incomplete. */
bool session_coverage(const struct cli *cli, const Pavo__Coverage *coverage);

#endif
