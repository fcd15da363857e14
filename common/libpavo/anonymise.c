/* SPDX-License-Identifier: Apache-2.0 */
/* Columns without what says who it was. */
#include "common/anonymise.h"

#include <stdlib.h>
#include <string.h>

#include "common/libpavo/columns.h"

_Static_assert(PAVO_ANONYMISE_KEY_SIZE == ANONYMISE_KEY_BYTES, "one key");

/* What a host can be known by, whatever its address. A Community ID is a hash of addresses that anybody can compute;
 * texts may quote them. */
static bool tells_who(const struct field *field)
{
    static const char *const names[] = {"isn", "timestamp_origin", "ip_id", "icmp_sequence", "evidence"};
    const char *name = field->name;
    size_t length = strlen(name);
    if (field->kind == KIND_MAC || field->kind == KIND_HEX)
        return true;
    if (field->type == FIELD_TEXT) /* of sensors and boundaries these are names that people gave */
        return (length < 6 || strcmp(name + length - 6, "sensor") != 0) && strcmp(name, "boundary") != 0;
    if (strncmp(name, "src_", 4) == 0 || strncmp(name, "dst_", 4) == 0)
        name += 4;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

static uint32_t values_of(const struct records *records, unsigned f)
{
    unsigned list = records->kind->fields[f].list;
    return list == 0 ? records->rows : records->items[list - 1];
}

static bool forget(struct records *records, unsigned f)
{
    bool wide = field_type_is_wide(records->kind->fields[f].type);
    uint32_t count = values_of(records, f);
    memset(records_column(records, f), 0, count * (wide ? sizeof(uint64_t) : sizeof(uint32_t)));
    for (uint32_t i = 0; i < count; i++) {
        if (records_set_unknown(records, i, f) != RESULT_OK)
            return false;
    }
    return true;
}

/* A column of addresses, and its lower halves behind it. What is not known stays so. */
static void replace(struct records *records, unsigned f, const struct anonymiser *anonymiser)
{
    uint64_t *upper = records_column(records, f), *lower = records_column(records, f + 1);
    for (uint32_t i = 0; i < values_of(records, f); i++) {
        struct address address = anonymise(anonymiser, (struct address){upper[i], lower[i]});
        upper[i] = address.hi;
        lower[i] = address.lo;
    }
}

pavo_columns *pavo_columns_anonymise(const pavo_columns *columns, const uint8_t key[PAVO_ANONYMISE_KEY_SIZE])
{
    pavo_columns *copy = pavo_columns_copy(columns);
    struct records *records =
        copy == NULL ? NULL : (struct records *)columns_records(copy); /* nobody else has it yet */
    struct anonymiser anonymiser;
    bool whole = true;
    anonymiser_init(&anonymiser, key);
    for (unsigned f = 0; records != NULL && f < records->kind->stored_count && whole; f++) {
        const struct field *field = &records->kind->fields[f];
        if (field->kind == KIND_ADDRESS)
            replace(records, f, &anonymiser);
        else if (tells_who(field))
            whole = forget(records, f);
    }
    if (!whole)
        pavo_columns_destroy(&copy);
    return copy;
}
