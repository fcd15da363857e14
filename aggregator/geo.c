/* SPDX-License-Identifier: Apache-2.0 */
/* MaxMind's files, by libmaxminddb. */
#include "aggregator/geo.h"

#include <errno.h>
#include <fcntl.h>
#include <maxminddb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_BYTES (1u << 24) /* at once */

struct geo {
    MMDB_s files[GEO_WHAT_COUNT];
    bool open[GEO_WHAT_COUNT];
};

/* What a file's type, as "GeoLite2-City", says that it has. */
static bool what_of_type(const char *type, enum geo_what *ret_what)
{
    static const struct {
        const char *word;
        enum geo_what what;
    } words[] = {{"ASN", GEO_ASN},
                 {"ISP", GEO_ASN},
                 {"Country", GEO_COUNTRY},
                 {"City", GEO_COUNTRY},
                 {"Enterprise", GEO_COUNTRY}};
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (strstr(type, words[i].word) != NULL) {
            *ret_what = words[i].what;
            return true;
        }
    }
    return false;
}

/* libmaxminddb maps what it opens, and a mapped file that another is written over ends the process (SIGBUS): so it is a
 * copy in memory that is opened. -1: errno says why. */
static int copy_to_memory(const char *path)
{
    struct stat st;
    int from = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC), to = -1;
    if (from < 0)
        return -1;
    if (fstat(from, &st) != 0 || (!S_ISREG(st.st_mode) && (errno = EINVAL) != 0))
        goto end;
    to = memfd_create("pavo-geo", MFD_CLOEXEC);
    for (ssize_t sent = 1; to >= 0 && sent != 0;) {
        sent = sendfile(to, from, NULL, COPY_BYTES);
        if (sent < 0 && errno != EINTR) {
            int why = errno;
            close(to);
            errno = why;
            to = -1;
        }
    }
end:;
    int why = errno;
    close(from);
    errno = why;
    return to;
}

static int open_copy(const char *path, MMDB_s *ret_file)
{
    char name[64];
    int copy = copy_to_memory(path);
    if (copy < 0)
        return MMDB_IO_ERROR;
    snprintf(name, sizeof(name), "/proc/self/fd/%d", copy);
    int status = MMDB_open(name, MMDB_MODE_MMAP, ret_file);
    int why = errno;
    close(copy);
    errno = why;
    return status;
}

static enum result open_file(struct geo *geo, const char *path, struct error *err)
{
    MMDB_s file;
    enum geo_what what;
    int status = open_copy(path, &file);
    if (status == MMDB_FILE_OPEN_ERROR || status == MMDB_IO_ERROR)
        return error_set(err, RESULT_REJECT, "%s: %s", path, strerror(errno));
    if (status != MMDB_SUCCESS)
        return error_set(err, RESULT_REJECT, "%s is no MaxMind file: %s", path, MMDB_strerror(status));
    const char *type = file.metadata.database_type;
    enum result r = RESULT_OK;
    if (type == NULL || !what_of_type(type, &what))
        r = error_set(
            err, RESULT_REJECT,
            "%s is of the type '%.60s': neither countries nor AS numbers; those of Country, City and ASN have them",
            path, type == NULL ? "" : type);
    else if (geo->open[what])
        r = error_set(err, RESULT_REJECT, "%s: another file has %s already", path,
                      what == GEO_COUNTRY ? "countries" : "AS numbers");
    if (r != RESULT_OK) {
        MMDB_close(&file);
        return r;
    }
    geo->files[what] = file;
    geo->open[what] = true;
    return RESULT_OK;
}

enum result geo_open(char *const *paths, size_t count, struct geo **ret_geo, struct error *err)
{
    struct geo *geo = calloc(1, sizeof(*geo));
    enum result r = geo == NULL ? error_set(err, RESULT_FATAL, "out of memory") : RESULT_OK;
    for (size_t i = 0; i < count && r == RESULT_OK; i++)
        r = open_file(geo, paths[i], err);
    if (r != RESULT_OK) {
        geo_close(&geo);
        return r;
    }
    *ret_geo = geo;
    return RESULT_OK;
}

void geo_close(struct geo **geo)
{
    if (*geo == NULL)
        return;
    for (unsigned i = 0; i < GEO_WHAT_COUNT; i++) {
        if ((*geo)->open[i])
            MMDB_close(&(*geo)->files[i]);
    }
    free(*geo);
    *geo = NULL;
}

bool geo_has(const struct geo *geo, enum geo_what what)
{
    return geo != NULL && geo->open[what];
}

static bool look_up(const MMDB_s *file, struct address address, MMDB_entry_s *ret_entry)
{
    struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl((uint32_t)address.lo)};
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6};
    bool is_ipv4 = address_is_ipv4(address);
    int error = MMDB_SUCCESS;
    if (!is_ipv4 && file->metadata.ip_version == 4)
        return false;
    address_to_bytes(address, ipv6.sin6_addr.s6_addr);
    const MMDB_lookup_result_s found =
        MMDB_lookup_sockaddr(file, is_ipv4 ? (const struct sockaddr *)&ipv4 : (const struct sockaddr *)&ipv6, &error);
    *ret_entry = found.entry;
    return error == MMDB_SUCCESS && found.found_entry;
}

static bool is_letter(char c)
{
    return c >= 'A' && c <= 'Z';
}

bool geo_find(const struct geo *geo, enum geo_what what, struct address address, uint32_t *ret_value)
{
    static const char *const paths[GEO_WHAT_COUNT][3] = {
        [GEO_COUNTRY] = {"country", "iso_code", NULL}, [GEO_ASN] = {"autonomous_system_number", NULL}};
    MMDB_entry_s entry;
    MMDB_entry_data_s data;
    if (!look_up(&geo->files[what], address, &entry) || MMDB_aget_value(&entry, &data, paths[what]) != MMDB_SUCCESS ||
        !data.has_data)
        return false;
    if (what == GEO_ASN) {
        *ret_value = data.type == MMDB_DATA_TYPE_UINT32 ? data.uint32 : 0;
        return data.type == MMDB_DATA_TYPE_UINT32;
    }
    if (data.type != MMDB_DATA_TYPE_UTF8_STRING || data.data_size != 2 || !is_letter(data.utf8_string[0]) ||
        !is_letter(data.utf8_string[1]))
        return false;
    *ret_value = (uint32_t)data.utf8_string[0] << 8 | (uint32_t)data.utf8_string[1];
    return true;
}
