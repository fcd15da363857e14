/* SPDX-License-Identifier: Apache-2.0 */
/* Failure sentences. */
#include "common/result.h"

#include <stdarg.h>
#include <stdio.h>

enum result error_set(struct error *err, enum result result, const char *format, ...)
{
    if (err != NULL) {
        va_list args;
        va_start(args, format);
        vsnprintf(err->text, sizeof(err->text), format, args);
        va_end(args);
    }
    return result;
}
