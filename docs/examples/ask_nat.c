/* SPDX-License-Identifier: Apache-2.0 */
/* Who was behind an address and port of a NAT? ask_nat AGGREGATOR KEY-FILE ADDR:PORT [TIME] */
#include <pavo.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    char error[PAVO_ERROR_MAX] = "";
    const char *what[] = {"end", argc > 3 ? argv[3] : NULL, argc > 4 ? "at" : NULL, argc > 4 ? argv[4] : NULL, NULL};
    pavo_options *options = pavo_options_new();
    pavo_options_set_aggregator(options, argv[1]);
    pavo_options_set_key_file(options, argc > 2 ? argv[2] : NULL);
    pavo_asker *asker = pavo_asker_new(options, error);
    pavo_answer *answer = pavo_ask(asker, "nat", what, error);
    for (const pavo_columns *page; pavo_answer_next(answer, -1, &page) == PAVO_OK;)
        for (size_t row = 0; row < pavo_columns_rows(page); row++)
            puts(pavo_columns_text(page, row, pavo_columns_field(page, "answer")));
    int coverage = pavo_answer_coverage(answer);
    if (coverage != PAVO_COVERAGE_WHOLE)
        fprintf(stderr, "ask_nat: %s\n", answer == NULL ? error : "not all was seen");
    pavo_answer_destroy(&answer);
    pavo_asker_destroy(&asker);
    pavo_options_destroy(&options);
    return coverage;
}
