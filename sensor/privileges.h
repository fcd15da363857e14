/* SPDX-License-Identifier: Apache-2.0 */
/* Giving up root once what needs it is open. */
#ifndef PAVO_SENSOR_PRIVILEGES_H
#define PAVO_SENSOR_PRIVILEGES_H

#include "common/result.h"

/* Becomes `user` with its group alone; then gives up every capability, the bounding set, the gaining of privileges and
 * the system calls of sensor/confine.c. For good, and before threads are started. Who is not root stays who it is.
 * RESULT_OK: done. RESULT_AGAIN: there is no such user, and it is still root, without capabilities; the sentence says
 * so and the way out. RESULT_FATAL: the kernel refused. */
MUST_CHECK enum result privileges_drop(const char *user, struct error *err);

/* Makes `directory`, if there is none, for `user` alone (or, without the right to give it away, for who we are): before
 * privileges_drop. RESULT_REJECT: it cannot be made. */
MUST_CHECK enum result privileges_directory(const char *user, const char *directory, struct error *err);

#endif
