/* SPDX-License-Identifier: Apache-2.0 */
/* "Did you mean ...?": the known name nearest to a mistyped one. Pure; any thread. */
#ifndef PAVO_COMMON_NEAREST_H
#define PAVO_COMMON_NEAREST_H

struct nearest {
    const char *word; /* as typed */
    const char *name; /* the best so far; NULL: none is near enough to be meant */
    unsigned distance;
};

/* Start with {.word = typed}, try every known name, read .name. At most a third of the letters may differ. */
void nearest_try(struct nearest *nearest, const char *name);

#endif
