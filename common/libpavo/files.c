/* SPDX-License-Identifier: Apache-2.0 */
/* Files of addresses. */
#include "common/libpavo/files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void name_found(void *context, const char *name)
{
    struct files *files = context;
    for (size_t i = 0; i < files->count; i++) {
        if (strcmp(files->sets[i].name, name) == 0)
            return;
    }
    if (files->count == FILTER_SETS_MAX) {
        files->too_many = true;
        return;
    }
    char *copy = strdup(name);
    if (copy == NULL)
        files->out_of_memory = true;
    else
        files->sets[files->count++] = (struct filter_set){.name = copy};
}

void files_gather(struct files *files, const char *text)
{
    filter_files(text, name_found, files);
}

static enum result read_one(struct filter_set *set, struct error *err)
{
    struct error why;
    FILE *file = fopen(set->name, "re");
    if (file == NULL)
        return error_set(err, RESULT_REJECT, "file '%.100s': %s", set->name, strerror(errno));
    enum result r = address_set_read(file, &set->set, &why);
    fclose(file);
    return r == RESULT_OK ? r : error_set(err, RESULT_REJECT, "file '%.100s': %s", set->name, why.text);
}

enum result files_read(struct files *files, struct error *err)
{
    enum result r = files->out_of_memory ? error_set(err, RESULT_FATAL, "out of memory")
                    : files->too_many
                        ? error_set(err, RESULT_REJECT, "filters name more than %u files", FILTER_SETS_MAX)
                        : RESULT_OK;
    for (size_t i = 0; r == RESULT_OK && i < files->count; i++)
        r = read_one(&files->sets[i], err);
    return r;
}

void files_drop(struct files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        free((char *)files->sets[i].name);
        address_set_unref(&files->sets[i].set);
    }
    *files = (struct files){.count = 0};
}
