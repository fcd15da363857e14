/* SPDX-License-Identifier: Apache-2.0 */
/* The key that addresses are made others with: a file of 64 hexadecimal digits, of its owner alone. */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aggregator/cli/export.h"

#define DIGITS (2 * PAVO_ANONYMISE_KEY_SIZE)

static bool make_key(const char *path)
{
    uint8_t key[PAVO_ANONYMISE_KEY_SIZE];
    char line[DIGITS + 2];
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0) {
        cli_fail(CLI_UNREACHABLE, "--anonymise %s: %s", path, strerror(errno));
        return false;
    }
    randombytes_buf(key, sizeof(key));
    sodium_bin2hex(line, sizeof(line), key, sizeof(key));
    line[DIGITS] = '\n';
    bool written = write(file, line, DIGITS + 1) == DIGITS + 1 && fsync(file) == 0;
    sodium_memzero(line, sizeof(line));
    sodium_memzero(key, sizeof(key));
    close(file);
    if (written) {
        cli_note("%s is made: exports with this key have the same addresses for the same ones, and whoever has it can "
                 "find out whose they are",
                 path);
        return true;
    }
    cli_fail(CLI_UNREACHABLE, "--anonymise %s: %s", path, strerror(errno));
    unlink(path);
    return false;
}

static bool read_key(int file, const char *path, uint8_t ret_key[static PAVO_ANONYMISE_KEY_SIZE])
{
    struct stat st;
    char line[DIGITS + 2];
    size_t length = 0;
    if (fstat(file, &st) != 0 || !S_ISREG(st.st_mode)) {
        cli_fail(CLI_USAGE, "--anonymise %s: not a file", path);
        return false;
    }
    if ((st.st_mode & 0077) != 0) {
        cli_fail(CLI_USAGE, "key file %s is open to others (mode %04o); run: chmod 600 %s", path,
                 (unsigned)st.st_mode & 07777u, path);
        return false;
    }
    ssize_t got = read(file, line, sizeof(line));
    bool whole = (got == DIGITS || (got == DIGITS + 1 && line[DIGITS] == '\n')) &&
                 sodium_hex2bin(ret_key, PAVO_ANONYMISE_KEY_SIZE, line, DIGITS, NULL, &length, NULL) == 0 &&
                 length == PAVO_ANONYMISE_KEY_SIZE;
    sodium_memzero(line, sizeof(line));
    if (!whole)
        cli_fail(CLI_USAGE,
                 "--anonymise %s: this is no key, which is a line of %d hexadecimal digits; name a file that is not "
                 "there, and it is made",
                 path, DIGITS);
    return whole;
}

bool export_key(const char *path, uint8_t ret_key[static PAVO_ANONYMISE_KEY_SIZE])
{
    int file = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0 && errno == ENOENT && make_key(path))
        file = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    else if (file < 0 && errno != ENOENT)
        cli_fail(CLI_UNREACHABLE, "--anonymise %s: %s", path, strerror(errno));
    if (file < 0)
        return false;
    bool read = read_key(file, path, ret_key);
    close(file);
    return read;
}
