/* SPDX-License-Identifier: Apache-2.0 */
/* Nearest names by edit distance (insert, delete, replace). */
#include "common/nearest.h"

#include <string.h>

#define NEAREST_LENGTH_MAX 63 /* longer words are nobody's typing mistake */

static unsigned edit_distance(const char *a, const char *b, size_t b_length)
{
    unsigned row[NEAREST_LENGTH_MAX + 1];
    for (unsigned j = 0; j <= b_length; j++)
        row[j] = j;
    for (unsigned i = 1; a[i - 1] != '\0'; i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= b_length; j++) {
            unsigned best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[b_length];
}

void nearest_try(struct nearest *nearest, const char *name)
{
    size_t word_length = strlen(nearest->word), length = strlen(name);
    if (word_length > NEAREST_LENGTH_MAX || length > NEAREST_LENGTH_MAX)
        return;
    unsigned distance = edit_distance(nearest->word, name, length);
    if (distance <= 1 + length / 3 && distance < length && (nearest->name == NULL || distance < nearest->distance)) {
        nearest->name = name;
        nearest->distance = distance;
    }
}
