/* SPDX-License-Identifier: Apache-2.0 */
/* The reader's side of a delegation. */
#include "common/delegation.h"

#include <stdio.h>

#include "common/libpavo/pavo.h"

_Static_assert(PAVO_SIGNATURE_MAX >= DELEGATION_SIGNATURE_MAX, "a signature has room");

int pavo_delegation_sign(const char *key_file, const char *challenge, unsigned seconds,
                         char signature[PAVO_SIGNATURE_MAX], char error[PAVO_ERROR_MAX])
{
    struct error err = {""};
    struct keys keys;
    char text[DELEGATION_SIGNATURE_MAX];
    enum result result = RESULT_OK;
    if (key_file == NULL || challenge == NULL || signature == NULL)
        result = error_set(&err, RESULT_REJECT, "a key file and a challenge are needed");
    else
        result = keys_read(key_file, &keys, &err);
    if (result == RESULT_OK) {
        result = delegation_sign(&keys, challenge, seconds, text, &err);
        keys_clear(&keys);
    }
    if (result == RESULT_OK)
        snprintf(signature, PAVO_SIGNATURE_MAX, "%s", text);
    else if (error != NULL)
        snprintf(error, PAVO_ERROR_MAX, "%s", err.text);
    return result == RESULT_OK;
}
