/* SPDX-License-Identifier: Apache-2.0 */
/* One printer: table, JSON and CSV of the same rows. */
#include "aggregator/cli/print.h"
#include "command.h"
#include "fake_pavo.h"

static const struct fake_column columns[] = {
    {"sensor", "SENSOR", PAVO_KIND_TEXT, NULL}, {"packets", "PACKETS", PAVO_KIND_COUNT, NULL},
    {"src", "SOURCE", PAVO_KIND_ADDRESS, NULL}, {"src_port", NULL, PAVO_KIND_PORT, NULL},
    {"hidden", NULL, PAVO_KIND_TEXT, NULL},     {"drops", "DROPS", PAVO_KIND_LIST, NULL},
    {"drop", NULL, PAVO_KIND_TEXT, "drops"},    {"drop_packets", NULL, PAVO_KIND_COUNT, "drops"},
};
static const char *const cells[] = {
    "inner", "1234|1,234", "10.0.0.1", "80", "a,b",          "2", NULL, NULL, /* */
    "outer", "7",          NULL,       NULL, "say \"hi\"\n", "0", NULL, NULL,
};
static const char *const items[] = {
    NULL, NULL, NULL, NULL, NULL, NULL, "kernel", "3000|3,000", NULL, NULL, NULL, NULL, NULL, NULL, "card", "1",
};
static const pavo_columns page = {FAKE_COLUMNS(columns), .rows = 2, .cells = cells, .items = items};

static const struct fake_column timed[] = {{"first_time", "TIME", PAVO_KIND_TIME, NULL},
                                           {"name", "NAME", PAVO_KIND_TEXT, NULL}};
static const pavo_columns late = {FAKE_COLUMNS(timed), .rows = 2,
                                  .cells = (const char *const[]){"30|third", "c", "20|second", "b"}};
static const pavo_columns early = {FAKE_COLUMNS(timed), .rows = 3,
                                   .cells = (const char *const[]){"40|fourth", "d", "20|again", "e", "-10|first", "a"}};

static const struct fake_column plain[] = {{"batches_made", NULL, PAVO_KIND_COUNT, NULL},
                                           {"peer", NULL, PAVO_KIND_ADDRESS, NULL},
                                           {"peer_port", NULL, PAVO_KIND_PORT, NULL}};
static const pavo_columns without = {FAKE_COLUMNS(plain), .rows = 1,
                                     .cells = (const char *const[]){"5", "192.0.2.1", "53"}};

/* Which page; argv[0] says so, the options the form. */
static int print(struct cli *cli, int argc, char **argv)
{
    const struct options options = {.program = "print"};
    int first, code = cli_options(cli, &options, argc, argv, &first);
    if (code >= 0)
        return code;
    bool in_time = strcmp(argv[0], "timed") == 0, bare = strcmp(argv[0], "plain") == 0;
    struct printer *printer = printer_new(cli, in_time ? &late : bare ? &without : &page);
    assert_non_null(printer);
    if (in_time)
        printer_page(printer, &late);
    if (strcmp(argv[0], "empty") != 0)
        printer_page(printer, in_time ? &early : bare ? &without : &page);
    return printer_end(&printer) ? CLI_ANSWERED : CLI_UNREACHABLE;
}

static void test_table(void **state)
{
    (void)state;
    assert_int_equal(RUN(print, "page"), CLI_ANSWERED);
    assert_string_equal(printed, "SENSOR PACKETS SOURCE      DROPS\n"
                                 "inner    1,234 10.0.0.1:80 kernel 3,000, card 1\n"
                                 "outer        7\n"); /* no padding at the end */
    assert_int_equal(RUN(print, "empty"), CLI_ANSWERED);
    assert_string_equal(printed, "");
}

static void test_table_without_headings(void **state)
{
    (void)state;
    assert_int_equal(RUN(print, "plain"), CLI_ANSWERED);
    assert_string_equal(printed, "BATCHES MADE PEER\n"
                                 "           5 192.0.2.1:53\n");
}

/* Oldest first over all pages; of one time in the order they came. */
static void test_table_by_time(void **state)
{
    (void)state;
    assert_int_equal(RUN(print, "timed"), CLI_ANSWERED);
    assert_string_equal(printed, "TIME   NAME\n"
                                 "first  a\n"
                                 "second b\n"
                                 "again  e\n"
                                 "third  c\n"
                                 "fourth d\n");
    assert_int_equal(RUN(print, "timed", "--json"), CLI_ANSWERED); /* for programs as they come */
    assert_memory_equal(printed, "{\"first_time\":\"30\",\"name\":\"c\"}\n", 31);
}

static void test_json(void **state)
{
    (void)state;
    assert_int_equal(RUN(print, "page", "--json"), CLI_ANSWERED);
    assert_string_equal(printed,
                        "{\"sensor\":\"inner\",\"packets\":\"1234\",\"src\":\"10.0.0.1\",\"src_port\":\"80\","
                        "\"hidden\":\"a,b\",\"drops\":\"2\"}\n"
                        "{\"sensor\":\"outer\",\"packets\":\"7\",\"hidden\":\"say \"hi\"\n\",\"drops\":\"0\"}\n");
}

/* RFC 4180: every column, quoted where it must be; a list's items in one cell. */
static void test_csv(void **state)
{
    (void)state;
    assert_int_equal(RUN(print, "page", "--csv"), CLI_ANSWERED);
    assert_string_equal(printed, "sensor,packets,src,src_port,hidden,drops,drop,drop_packets\r\n"
                                 "inner,1234,10.0.0.1,80,\"a,b\",2,kernel;card,3000;1\r\n"
                                 "outer,7,,,\"say \"\"hi\"\"\n\",0,,\r\n");
    assert_int_equal(RUN(print, "empty", "--csv"), CLI_ANSWERED);
    assert_string_equal(printed, "sensor,packets,src,src_port,hidden,drops,drop,drop_packets\r\n");
}

static void test_one_form(void **state)
{
    (void)state;
    assert_int_equal(RUN(print, "page", "--csv", "--json"), CLI_USAGE);
    assert_non_null(strstr(said, "choose one"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),         cmocka_unit_test(test_table_without_headings),
        cmocka_unit_test(test_table_by_time), cmocka_unit_test(test_json),
        cmocka_unit_test(test_csv),           cmocka_unit_test(test_one_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
