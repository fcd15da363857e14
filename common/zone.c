/* SPDX-License-Identifier: Apache-2.0 */
/* Local time, by what the C library knows of zones. */
#include "common/zone.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DAY_S 86400

static int64_t offset_at(int64_t instant)
{
    time_t seconds = (time_t)instant;
    struct tm tm;
    return localtime_r(&seconds, &tm) == NULL ? 0 : tm.tm_gmtoff;
}

int64_t zone_local(int64_t instant)
{
    return instant + offset_at(instant);
}

/* Offsets are less than a day, and no zone changes its twice in two days: those of a day before and a day after are
 * all that can hold. */
unsigned zone_instants(int64_t local, int64_t ret_instants[static 2])
{
    int64_t before = local - offset_at(local - DAY_S), after = local - offset_at(local + DAY_S);
    unsigned count = 0;
    if (zone_local(before) == local)
        ret_instants[count++] = before;
    if (after != before && zone_local(after) == local)
        ret_instants[count++] = after;
    if (count == 2 && after < before) {
        ret_instants[0] = after;
        ret_instants[1] = before;
    }
    return count;
}

int64_t zone_jump(int64_t local)
{
    int64_t shown_less = local - DAY_S * 2, shown_more = local + DAY_S * 2;
    while (shown_more - shown_less > 1) {
        int64_t middle = shown_less + (shown_more - shown_less) / 2;
        if (zone_local(middle) < local)
            shown_less = middle;
        else
            shown_more = middle;
    }
    return shown_more;
}

int zone_name(int64_t instant, char name[static ZONE_NAME_MAX])
{
    time_t seconds = (time_t)instant;
    struct tm tm = {0};
    (void)localtime_r(&seconds, &tm);
    snprintf(name, ZONE_NAME_MAX, "%s", tm.tm_zone == NULL ? "" : tm.tm_zone);
    return (int)tm.tm_gmtoff;
}

/* The C library takes a name it does not know for UTC, without a word. */
static bool is_known(const char *name)
{
    const char *folder = getenv("TZDIR");
    char path[4096];
    size_t allowed = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-/");
    if (!isupper((unsigned char)name[0]) || name[allowed] != '\0')
        return false;
    int length = snprintf(path, sizeof(path), "%s/%s", folder == NULL ? "/usr/share/zoneinfo" : folder, name);
    FILE *file = length < (int)sizeof(path) ? fopen(path, "re") : NULL;
    char magic[4];
    bool known = file != NULL && fread(magic, 1, sizeof(magic), file) == sizeof(magic) &&
                 memcmp(magic, "TZif", sizeof(magic)) == 0; /* RFC 8536; a folder is none */
    if (file != NULL)
        fclose(file);
    return known;
}

bool zone_enter(const char *name, struct zone_before *ret_before)
{
    const char *tz = getenv("TZ");
    struct zone_before before = {.tz = tz == NULL ? NULL : strdup(tz)};
    if (!is_known(name) || (tz != NULL && before.tz == NULL) || setenv("TZ", name, 1) != 0) {
        free(before.tz);
        return false;
    }
    tzset();
    *ret_before = before;
    return true;
}

void zone_leave(struct zone_before *before)
{
    if (before->tz == NULL)
        unsetenv("TZ");
    else
        (void)setenv("TZ", before->tz, 1);
    tzset();
    free(before->tz);
    before->tz = NULL;
}
