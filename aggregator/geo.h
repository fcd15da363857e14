/* SPDX-License-Identifier: Apache-2.0 */
/* Where an address is, and whose: countries and AS numbers out of MaxMind's files (GeoLite2-Country, -City, -ASN and
 * files of that form), as they were when they were opened. Foreign bytes: what is damaged is not known. Any thread. */
#ifndef PAVO_AGGREGATOR_GEO_H
#define PAVO_AGGREGATOR_GEO_H

#include <stddef.h>

#include "common/address.h"
#include "common/result.h"

enum geo_what {
    GEO_COUNTRY, /* ISO 3166: two letters, 'D' << 8 | 'E' */
    GEO_ASN,     /* a number */
    GEO_WHAT_COUNT
};

struct geo;
/* Of the files one for each at most. RESULT_REJECT: one that cannot be read, is of another form, or says what another
 * says; the sentence names it. */
MUST_CHECK enum result geo_open(char *const *paths, size_t count, struct geo **ret_geo, struct error *err);
void geo_close(struct geo **geo);

/* Is there a file for it? NULL: of nothing. */
bool geo_has(const struct geo *geo, enum geo_what what);
/* False: it is not known. */
bool geo_find(const struct geo *geo, enum geo_what what, struct address address, uint32_t *ret_value);

#endif
