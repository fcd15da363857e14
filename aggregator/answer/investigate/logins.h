/* SPDX-License-Identifier: Apache-2.0 */
/* Who came in before a moment: connections to the host that were answered and said something, by how much each stands
 * out. Points: LOGIN_FIRST for a peer that had not been seen with the host (shared with the others that came to that
 * port for the first time), LOGIN_FORCED after attempts by the same peer that resemble each other (by others one less),
 * one for a port that people log in to, one for what looks typed, and up to LOGIN_NEAR for having begun shortly before,
 * halved by the hour's e-th part: 2 * exp(-t / 1 h). The weights are guesses; the order of time is no cause. */
#ifndef PAVO_AGGREGATOR_ANSWER_INVESTIGATE_LOGINS_H
#define PAVO_AGGREGATOR_ANSWER_INVESTIGATE_LOGINS_H

#include "aggregator/answer/investigate/contact.h"

#define LOGIN_REACH_NS     (86400ll * 1000000000) /* looked back from the moment */
#define LOGIN_PAST_NS      (6ll * 3600 * 1000000000)
#define LOGIN_RUN_NS       (600ll * 1000000000)
#define LOGIN_RUN_MIN      10u /* attempts within LOGIN_RUN_NS */
#define LOGIN_RUN_ALIKE    0.1 /* dispersion of their bytes, each way */
#define LOGIN_AFTER_NS     (3600ll * 1000000000)
#define LOGIN_FIRST        3.0
#define LOGIN_FORCED       3.0
#define LOGIN_NEAR         2.0
#define LOGIN_SCORE_MIN    3.5 /* told */
#define LOGIN_SCORE_TRACED 5.0 /* followed further */

struct login {
    struct contact contact;
    bool first_time;
    bool past_known; /* the store reaches far enough back to say so */
    bool interactive;
    uint32_t attempts; /* alike, before it; 0: none */
    int64_t attempts_from, attempts_to;
    bool by_itself; /* the attempts were this peer's */
    double score;
};

/* Contacts in the order of their beginnings, reaching back to `known_ns`; logins that began in
 * [moment - LOGIN_REACH_NS, moment]. Of a peer and port the one that stands out most; the highest score first, at most
 * `most` of at least LOGIN_SCORE_MIN. Returns how many. Out of memory: none, and *ret_memory is false. */
size_t logins_find(const struct contact *contacts, size_t count, int64_t known_ns, int64_t moment_ns,
                   struct login *ret_logins, size_t most, bool *ret_memory);

bool login_port(unsigned port); /* one that people log in to */

#endif
