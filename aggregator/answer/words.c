/* SPDX-License-Identifier: Apache-2.0 */
/* Fields in words. */
#include "aggregator/answer/words.h"

#include <stdio.h>
#include <string.h>

const char *field_type_word(enum field_type type)
{
    static const char *const words[FIELD_TYPE_END] = {
        [FIELD_U8] = "u8",   [FIELD_U16] = "u16", [FIELD_U32] = "u32", [FIELD_U64] = "u64",   [FIELD_F32] = "f32",
        [FIELD_F64] = "f64", [FIELD_I32] = "i32", [FIELD_I64] = "i64", [FIELD_TIME] = "time", [FIELD_TEXT] = "text"};
    return words[type];
}

const char *field_kind_word(enum field_kind kind)
{
    static const char *const words[] = {[KIND_NUMBER] = "number",
                                        [KIND_COUNT] = "count",
                                        [KIND_BYTES] = "bytes",
                                        [KIND_OBSERVER] = "observer",
                                        [KIND_ADDRESS] = "address",
                                        [KIND_LOWER] = "lower",
                                        [KIND_PORT] = "port",
                                        [KIND_PROTOCOL] = "protocol",
                                        [KIND_TIME] = "time",
                                        [KIND_NANOSECONDS] = "nanoseconds",
                                        [KIND_MICROSECONDS] = "microseconds",
                                        [KIND_TEXT] = "text",
                                        [KIND_MAC] = "mac",
                                        [KIND_HEX] = "hex",
                                        [KIND_TCP_FLAGS] = "tcp_flags",
                                        [KIND_HISTORY] = "history",
                                        [KIND_FLAG] = "flag",
                                        [KIND_WORD] = "word",
                                        [KIND_BITS] = "bits",
                                        [KIND_ODDS] = "odds",
                                        [KIND_SHARE] = "share",
                                        [KIND_LIST] = "list",
                                        [KIND_EPOCH] = "epoch",
                                        [KIND_REAL] = "real"};
    return kind < sizeof(words) / sizeof(*words) ? words[kind] : NULL;
}

const char *field_merge_word(enum field_merge merge)
{
    static const char *const words[] = {
        [MERGE_SAME] = "same",   [MERGE_FIRST] = "first", [MERGE_LAST] = "last",  [MERGE_SUM] = "sum",
        [MERGE_LEAST] = "least", [MERGE_MOST] = "most",   [MERGE_UNION] = "union"};
    return words[merge];
}

const char *words_text(const char *const *words, unsigned count, char text[static WORDS_TEXT_MAX])
{
    size_t used = 0;
    text[0] = '\0';
    for (unsigned i = 0; i < count && used < WORDS_TEXT_MAX; i++)
        used += (size_t)snprintf(text + used, WORDS_TEXT_MAX - used, "%s%s", i == 0 ? "" : " ", words[i]);
    return text;
}

unsigned field_columns(const struct field *field, struct column_text ret_columns[static 2])
{
    if (field->kind == KIND_LOWER)
        return 0;
    ret_columns[0] = (struct column_text){.type = field->type, .kind = field->kind};
    snprintf(ret_columns[0].name, sizeof(ret_columns[0].name), "%s", field->label);
    if (field->kind != KIND_OBSERVER)
        return 1;
    int stem = (int)(strlen(field->name) - strlen("observer"));
    ret_columns[0] = (struct column_text){.type = FIELD_TEXT, .kind = KIND_TEXT};
    ret_columns[1] = (struct column_text){.type = FIELD_U64, .kind = KIND_EPOCH};
    snprintf(ret_columns[0].name, sizeof(ret_columns[0].name), "%.*ssensor", stem, field->name);
    snprintf(ret_columns[1].name, sizeof(ret_columns[1].name), "%.*sepoch", stem, field->name);
    return 2;
}
