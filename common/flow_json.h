/* SPDX-License-Identifier: Apache-2.0 */
/* A flow record as one JSON object: what `pavo find --json`, `pavo watch --json` and `pavo-sensor --print --json`
 * write.
 *
 * Names are those of common/flow_fields.h, with these differences for people's and programs' sake:
 *   src, dst, tunnel_src, tunnel_dst   addresses as text in place of the _hi and _lo halves
 *   first_time, last_time              RFC 3339 in UTC with nanoseconds
 *   state, end_reason, direction, tunnel, history, src_tcp_flags, dst_tcp_flags   names and letters
 *   src_mac, dst_mac                   "02:00:00:00:00:01"
 *   src_digest, dst_digest, src_tcp_options, dst_tcp_options   16 hexadecimal digits (a double cannot hold 64 bits)
 *   sensor, epoch                      in place of the observer's index
 *   community_id
 * Fields that are zero are left out, but for those that say what the flow is (flow, src, dst, ports with TCP and UDP,
 * protocol, times, packets, bytes, state, end_reason, direction) and evidence whose bit is set. Pure; any thread. */
#ifndef PAVO_COMMON_FLOW_JSON_H
#define PAVO_COMMON_FLOW_JSON_H

#include <stddef.h>

#include "common/flow.h"
#include "common/result.h"

/* A buffer of this size always suffices. */
#define FLOW_JSON_MAX 4096

/* One object, NUL-terminated, no newline. `observer` NULL leaves sensor and epoch out. RESULT_FULL: `size` does not do.
 */
MUST_CHECK enum result flow_json(const struct flow *flow, const struct observer *observer, char *text, size_t size);

#endif
