/* SPDX-License-Identifier: Apache-2.0 */
/* Values as people read them. */
#include "aggregator/cli/cell.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define NAME_SHOWN_MAX 64

int cell_port(const pavo_columns *columns, int field)
{
    char name[NAME_SHOWN_MAX + 8];
    if (pavo_columns_kind(columns, field) != PAVO_KIND_ADDRESS)
        return -1;
    snprintf(name, sizeof(name), "%.*s_port", NAME_SHOWN_MAX, pavo_columns_name(columns, field));
    return pavo_columns_field(columns, name);
}

bool cell_is_composed(const pavo_columns *columns, int field)
{
    return pavo_columns_kind(columns, field) == PAVO_KIND_LIST || cell_port(columns, field) >= 0;
}

/* ICMP's identifier is kept where others have a port, and would be taken for one. */
static bool has_no_ports(const pavo_columns *columns, size_t row)
{
    uint64_t protocol;
    return pavo_columns_number(columns, row, pavo_columns_field(columns, "protocol"), &protocol) &&
           (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6);
}

static bool put_end(FILE *stream, const pavo_columns *columns, size_t row, int field, int port_field)
{
    uint64_t port;
    const char *address = pavo_columns_text(columns, row, field);
    if (address == NULL)
        return false;
    if (!pavo_columns_number(columns, row, port_field, &port) || has_no_ports(columns, row))
        fputs(address, stream);
    else
        fprintf(stream, strchr(address, ':') == NULL ? "%s:%u" : "[%s]:%u", address, (unsigned)port);
    return true;
}

static void put_item(FILE *stream, const pavo_columns *columns, size_t item, const char *list, bool utc,
                     const char *before)
{
    for (int field = 0; field < pavo_columns_count(columns); field++) {
        const char *of = pavo_columns_list(columns, field);
        if (of == NULL || strcmp(of, list) != 0)
            continue;
        const char *text = pavo_columns_show(columns, item, field, utc);
        if (text == NULL)
            continue;
        fprintf(stream, "%s%s", before, text);
        before = " ";
    }
}

static bool put_items(FILE *stream, const pavo_columns *columns, size_t row, int list, bool utc)
{
    size_t items = pavo_columns_items(columns, row, list);
    for (size_t i = 0; i < items; i++)
        put_item(stream, columns, pavo_columns_item(columns, row, list, i), pavo_columns_name(columns, list), utc,
                 i == 0 ? "" : ", ");
    return items > 0;
}

bool cell_put(FILE *stream, const pavo_columns *columns, size_t row, int field, bool utc)
{
    int port = cell_port(columns, field);
    if (port >= 0)
        return put_end(stream, columns, row, field, port);
    if (pavo_columns_kind(columns, field) == PAVO_KIND_LIST)
        return put_items(stream, columns, row, field, utc);
    const char *text = pavo_columns_show(columns, row, field, utc);
    if (text != NULL)
        fputs(text, stream);
    return text != NULL;
}

/* {NAME} or {NAME:WIDTH}, without the braces. */
static void put_named(FILE *stream, const pavo_columns *columns, size_t row, bool utc, const char *at, size_t length)
{
    char name[NAME_SHOWN_MAX];
    size_t name_length = 0;
    while (name_length < length && at[name_length] != ':')
        name_length++;
    long width = name_length < length ? strtol(at + name_length + 1, NULL, 10) : 0;
    snprintf(name, sizeof(name), "%.*s", (int)name_length, at);
    long begin = ftell(stream);
    if (!cell_put(stream, columns, row, pavo_columns_field(columns, name), utc))
        fputc('?', stream);
    for (long wrote = ftell(stream) - begin; wrote < width; wrote++)
        fputc(' ', stream);
}

void cell_sentence(FILE *stream, const pavo_columns *columns, size_t row, bool utc, const char *sentence)
{
    while (*sentence != '\0') {
        size_t plain = strcspn(sentence, "{");
        fwrite(sentence, 1, plain, stream);
        sentence += plain;
        if (*sentence == '\0')
            return;
        size_t length = strcspn(sentence, "}");
        put_named(stream, columns, row, utc, sentence + 1, length - 1);
        sentence += length + (sentence[length] != '\0');
    }
}

const char *cell_text(const pavo_columns *columns, size_t row, const char *name)
{
    const char *text = pavo_columns_text(columns, row, pavo_columns_field(columns, name));
    return text == NULL ? "" : text;
}
