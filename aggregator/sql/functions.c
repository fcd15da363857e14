/* SPDX-License-Identifier: Apache-2.0 */
/* The functions that a SELECT may call: those that compute from their arguments, and now(). Not on it is what tells of
 * the machine, the database or its settings, what reads or runs something, and what has effects. How much they compute
 * is bounded by the process. Operators are functions too, and are not listed: they are not made of letters. */
#include "aggregator/sql/check.h"

static const char *const functions[] = {
    /* aggregates */
    "any_value", "approx_count_distinct", "approx_quantile", "approx_top_k", "arbitrary", "arg_max", "arg_max_null",
    "arg_min", "arg_min_null", "argmax", "argmin", "array_agg", "avg", "bit_and", "bit_or", "bit_xor", "bool_and",
    "bool_or", "corr", "count", "count_if", "count_star", "countif", "covar_pop", "covar_samp", "entropy", "favg",
    "first", "fsum", "geomean", "geometric_mean", "group_concat", "histogram", "histogram_exact", "kahan_sum",
    "kurtosis", "kurtosis_pop", "last", "list", "listagg", "mad", "max", "max_by", "mean", "median", "min", "min_by",
    "mode", "product", "quantile", "quantile_cont", "quantile_disc", "regr_avgx", "regr_avgy", "regr_count",
    "regr_intercept", "regr_r2", "regr_slope", "regr_sxx", "regr_sxy", "regr_syy", "reservoir_quantile", "sem",
    "skewness", "stddev", "stddev_pop", "stddev_samp", "string_agg", "sum", "sum_no_overflow", "sumkahan", "var_pop",
    "var_samp", "variance", "wavg", "weighted_avg",
    /* windows */
    "cume_dist", "dense_rank", "first_value", "lag", "last_value", "lead", "nth_value", "ntile", "percent_rank", "rank",
    "rank_dense", "row_number", "fill",
    /* numbers */
    "abs", "acos", "add", "asin", "atan", "atan2", "bit_count", "cbrt", "ceil", "ceiling", "cos", "cot", "degrees",
    "divide", "even", "exp", "factorial", "fdiv", "floor", "fmod", "gcd", "greatest", "greatest_common_divisor",
    "isfinite", "isinf", "isnan", "lcm", "least", "least_common_multiple", "ln", "log", "log10", "log2", "mod",
    "multiply", "nextafter", "pi", "pow", "power", "radians", "round", "round_even", "roundbankers", "sign", "signbit",
    "sin", "sqrt", "subtract", "tan", "trunc", "xor",
    /* texts */
    "array_to_string", "ascii", "bar", "base64", "bin", "bit_length", "char_length", "character_length", "chr",
    "concat", "concat_ws", "contains", "damerau_levenshtein", "editdist3", "ends_with", "format",
    "formatReadableDecimalSize", "formatReadableSize", "formatreadabledecimalsize", "formatreadablesize",
    "format_bytes", "from_base64", "from_hex", "hamming", "hash", "hex", "ilike_escape", "instr", "jaccard",
    "jaro_similarity", "jaro_winkler_similarity", "lcase", "left", "len", "length", "levenshtein", "like_escape",
    "lower", "lpad", "ltrim", "md5", "mismatches", "not_ilike_escape", "not_like_escape", "octet_length", "ord",
    "position", "prefix", "printf", "regexp_escape", "regexp_extract", "regexp_extract_all", "regexp_full_match",
    "regexp_matches", "regexp_replace", "regexp_split_to_array", "repeat", "replace", "reverse", "right", "rpad",
    "rtrim", "sha1", "sha256", "split", "split_part", "starts_with", "str_split", "str_split_regex", "string_split",
    "string_split_regex", "string_to_array", "strip_accents", "strlen", "strpos", "substr", "substring", "suffix",
    "to_base", "to_base64", "to_binary", "to_hex", "translate", "trim", "ucase", "unhex", "unicode", "upper",
    "url_decode", "url_encode",
    /* times */
    "age", "century", "current_date", "current_localtimestamp", "date_add", "date_diff", "date_part", "date_sub",
    "date_trunc", "datediff", "datepart", "datesub", "datetrunc", "day", "dayname", "dayofmonth", "dayofweek",
    "dayofyear", "decade", "epoch", "epoch_ms", "epoch_ns", "epoch_us", "get_current_timestamp", "hour", "isodow",
    "isoyear", "julian", "last_day", "make_date", "make_time", "make_timestamp", "make_timestamp_ms",
    "make_timestamp_ns", "make_timestamptz", "microsecond", "millisecond", "minute", "month", "monthname", "nanosecond",
    "normalized_interval", "now", "quarter", "second", "strftime", "strptime", "time_bucket", "timezone", "to_days",
    "to_hours", "to_microseconds", "to_milliseconds", "to_minutes", "to_months", "to_seconds", "to_timestamp",
    "to_weeks", "to_years", "today", "transaction_timestamp", "try_strptime", "week", "weekday", "weekofyear", "year",
    "yearweek",
    /* lists, structs, maps */
    "aggregate", "apply", "array_aggr", "array_aggregate", "array_append", "array_apply", "array_cat", "array_concat",
    "array_contains", "array_distinct", "array_extract", "array_filter", "array_has", "array_has_all", "array_has_any",
    "array_indexof", "array_intersect", "array_length", "array_position", "array_prepend", "array_reduce",
    "array_reverse", "array_reverse_sort", "array_select", "array_slice", "array_sort", "array_transform",
    "array_unique", "array_value", "array_where", "array_zip", "cardinality", "element_at", "filter", "flatten",
    "generate_series", "generate_subscripts", "list_aggr", "list_aggregate", "list_any_value", "list_append",
    "list_apply", "list_avg", "list_cat", "list_concat", "list_contains", "list_count", "list_distinct", "list_element",
    "list_extract", "list_filter", "list_first", "list_has", "list_has_all", "list_has_any", "list_histogram",
    "list_indexof", "list_intersect", "list_last", "list_max", "list_median", "list_min", "list_mode", "list_pack",
    "list_position", "list_prepend", "list_product", "list_reduce", "list_reverse", "list_reverse_sort", "list_select",
    "list_slice", "list_sort", "list_string_agg", "list_sum", "list_transform", "list_unique", "list_value",
    "list_where", "list_zip", "map", "map_concat", "map_contains", "map_entries", "map_extract", "map_extract_value",
    "map_from_entries", "map_keys", "map_values", "range", "reduce", "row", "struct_concat", "struct_extract",
    "struct_extract_at", "struct_insert", "struct_pack", "unnest",
    /* others */
    "error", "nullif", "typeof"};

const char *check_function(unsigned number)
{
    return number < sizeof(functions) / sizeof(*functions) ? functions[number] : NULL;
}
