/* SPDX-License-Identifier: Apache-2.0 */
/* Giving up root once what needs it is open. */
#ifndef PAVO_SENSOR_PRIVILEGES_H
#define PAVO_SENSOR_PRIVILEGES_H

#include <stdbool.h>

#include "common/result.h"

/* Becomes `user` with its group alone and without capabilities, for good; before threads are started. With `read_files`
 * the one capability to read files is kept (CAP_DAC_READ_SEARCH), for captures that are opened one after the other.
 * RESULT_OK: done, or there was nothing to give up. RESULT_AGAIN: there is no such user, all is as before (the sentence
 * says so). RESULT_FATAL: the kernel refused. */
MUST_CHECK enum result privileges_drop(const char *user, bool read_files, struct error *err);

/* Makes `directory`, if there is none, for `user` alone (or, without the right to give it away, for who we are): before
 * privileges_drop. RESULT_REJECT: it cannot be made. */
MUST_CHECK enum result privileges_directory(const char *user, const char *directory, struct error *err);

#endif
