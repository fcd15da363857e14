/* SPDX-License-Identifier: Apache-2.0 */
/* Porter: how many may stand at the doors at once, whoever they are.
 *
 * Who connects to a door can make libzmq hold one message of the door's largest size before it has shown a key
 * (docs/decisions/0023). So connections are bounded: as many as are allowed, and the kernel drops the requests for more
 * at all TCP doors of the process; who asks goes on asking and comes in when others have gone. Those that are in notice
 * nothing. libzmq has no such limit, and no way to be told one: the porter's thread looks at the process's own sockets
 * every PORTER_TICK_MS, so that for one tick there may be more. */
#ifndef PAVO_AGGREGATOR_PORTER_H
#define PAVO_AGGREGATOR_PORTER_H

#include "common/result.h"

#define PORTER_TICK_MS             20
#define PORTER_CONNECTIONS_DEFAULT 512

struct porter;
/* `connections_max` 0: the default. */
MUST_CHECK enum result porter_start(unsigned connections_max, struct porter **ret_porter, struct error *err);
void porter_stop(struct porter **porter);

#endif
