/* SPDX-License-Identifier: Apache-2.0 */
/* pavo sensors: what each sensor saw, sent and dropped, and whether the sums agree. For people with the interfaces, the
 * boundaries and the intake, which are questions of their own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/cli/cell.h"
#include "aggregator/cli/coverage.h"
#include "aggregator/cli/print.h"
#include "aggregator/cli/question.h"

#define NOTHING "no sensor has said anything yet"

/* "inner: packets offered (11) are not packets metered (7) + dropped (3)", a line for each sensor that is not well. */
static void put_troubles(FILE *stream, const pavo_columns *page)
{
    int sensor = pavo_columns_field(page, "sensor"), trouble = pavo_columns_field(page, "trouble");
    for (size_t row = 0; row < pavo_columns_rows(page); row++) {
        char name[128] = "?";
        const char *text = pavo_columns_text(page, row, sensor);
        if (text != NULL)
            snprintf(name, sizeof(name), "%s", text);
        text = pavo_columns_text(page, row, trouble);
        if (text != NULL && text[0] != '\0')
            fprintf(stream, "%s: %s\n", name, text);
    }
}

/* "connections accepted 11, batches received 4 ...": what is not zero, behind what is there already. */
static void put_counters(FILE *stream, const pavo_columns *page, bool utc)
{
    int value = pavo_columns_field(page, "value");
    for (size_t row = 0; row < pavo_columns_rows(page); row++) {
        uint64_t number = 0;
        if (pavo_columns_number(page, row, value, &number) && number != 0)
            cell_sentence(stream, page, row, utc,
                          ftell(stream) == 0 ? "Intake: {counter} {value}" : ", {counter} {value}");
    }
}

/* One table, with a blank line before it if it is not the first. -1, or an exit code. */
static int print_table(struct ask *ask, bool first)
{
    const pavo_columns *page;
    char *troubles = NULL;
    size_t size = 0;
    struct printer *printer = printer_new(ask->cli, pavo_answer_columns(ask->answer));
    if (printer == NULL)
        return CLI_UNREACHABLE;
    FILE *stream = open_memstream(&troubles, &size);
    while (ask_page(ask, &page)) {
        printer_page(printer, page);
        if (stream != NULL)
            put_troubles(stream, page);
    }
    if (!first && ask->rows > 0)
        putchar('\n');
    bool printed = printer_end(&printer) && stream != NULL;
    if (stream != NULL && fclose(stream) == 0)
        fputs(troubles, stdout);
    free(troubles);
    return ask->code >= 0 ? ask->code : printed ? -1 : CLI_UNREACHABLE;
}

/* The intake's counters in a line. -1, or an exit code. */
static int print_intake(struct ask *ask)
{
    const pavo_columns *page;
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (stream == NULL)
        return cli_fail(CLI_UNREACHABLE, "out of memory");
    while (ask_page(ask, &page))
        put_counters(stream, page, ask->cli->utc);
    if (fclose(stream) == 0 && size > 0) {
        putchar('\n');
        cli_wrap(text, 0);
    }
    free(text);
    return ask->code;
}

static int print_part(struct ask *ask, const char *question, bool first, struct coverage *coverage)
{
    int code = ask_begin(ask, question, NULL, 0);
    if (code < 0)
        code = strcmp(question, "intake") == 0 ? print_intake(ask) : print_table(ask, first);
    if (code < 0)
        coverage_add(coverage, ask->cli, ask->answer);
    return code;
}

static int print_people(struct cli *cli)
{
    static const char *const parts[] = {"sensors", "interfaces", "boundaries", "intake"};
    struct ask ask;
    struct coverage coverage = {0};
    size_t sensors = 0;
    int code = ask_open(cli, &ask);
    if (code >= 0)
        return code;
    for (unsigned i = 0; code < 0 && i < sizeof(parts) / sizeof(*parts); i++) {
        code = print_part(&ask, parts[i], i == 0, &coverage);
        sensors = i == 0 ? ask.rows : sensors;
    }
    ask_close(&ask);
    if (code < 0) {
        coverage_note(&coverage, cli);
        code = coverage_code(coverage.state, sensors);
    }
    coverage_free(&coverage);
    if (sensors == 0 && (code == CLI_NOTHING || code == CLI_INCOMPLETE))
        cli_note("%s", NOTHING);
    return code;
}

int cli_sensors(struct cli *cli, int argc, char **argv)
{
    static const struct options options = {
        .program = "pavo sensors",
        .usage = "[OPTION]...",
        .about =
            "Prints what each sensor saw, metered and dropped, and by which reason; the flow records it made, and of "
            "those the ones committed in the store, declared lost and still held; how far it fell behind at most "
            "before it last said so; and its clock against the aggregator's. The sums must agree (packets offered = "
            "metered + dropped; records made = acknowledged + lost + held): where they do not, a line says so. Then, "
            "for people, the interfaces, the boundaries and the intake, which for programs are questions of their own: "
            "pavo interfaces, pavo boundaries, pavo intake. Exit status 4: records were lost, a sum is broken, or the "
            "intake is paused.",
        .examples = "pavo sensors\n"
                    "pavo sensors --json | jq 'select(.lost > 0).sensor'",
    };
    int first, code = cli_options(cli, &options, argc, argv, &first);
    if (code >= 0)
        return code;
    if (first < argc)
        return cli_fail(CLI_USAGE, "pavo sensors takes no argument, not even '%s'", argv[first]);
    return cli->json || cli->csv ? question_run(cli, &(struct question){.name = "sensors", .nothing = NOTHING})
                                 : print_people(cli);
}
