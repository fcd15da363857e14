/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target over the files of a folder (or the files named): past crashes are ordinary tests. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat st;
    if (file == NULL || fstat(fileno(file), &st) != 0) {
        perror(path);
        return -1;
    }
    /* An exact heap block, so that the sanitizer sees every byte read past the end. */
    uint8_t *data = malloc((size_t)st.st_size + (st.st_size == 0));
    size_t length = data == NULL ? 0 : fread(data, 1, (size_t)st.st_size, file);
    fclose(file);
    if (data == NULL || length != (size_t)st.st_size) {
        fprintf(stderr, "%s: cannot be read whole\n", path);
        free(data);
        return -1;
    }
    LLVMFuzzerTestOneInput(data, length);
    free(data);
    return 0;
}

int main(int argc, char **argv)
{
    unsigned replayed = 0;
    for (int i = 1; i < argc; i++) {
        struct dirent **names;
        int count = scandir(argv[i], &names, NULL, alphasort);
        if (count < 0) {
            perror(argv[i]);
            return 1;
        }
        for (int n = 0; n < count; n++) {
            char path[4096];
            snprintf(path, sizeof(path), "%s/%s", argv[i], names[n]->d_name);
            if (names[n]->d_name[0] != '.' && replay_file(path) != 0)
                return 1;
            replayed += names[n]->d_name[0] != '.';
            free(names[n]);
        }
        free(names);
    }
    printf("replayed %u inputs\n", replayed);
    return replayed == 0; /* an empty corpus tests nothing */
}
