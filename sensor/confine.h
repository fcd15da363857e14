/* SPDX-License-Identifier: Apache-2.0 */
/* What a sensor never does again, refused by the kernel (seccomp): for whoever takes it over by a packet. */
#ifndef PAVO_SENSOR_CONFINE_H
#define PAVO_SENSOR_CONFINE_H

#include "common/result.h"

/* For this thread and all that it starts, for good; needs no_new_privs. What is refused fails with EPERM, so that a
 * library that tries goes on without. RESULT_OK also where the kernel has no seccomp. */
MUST_CHECK enum result confine(struct error *err);

#endif
