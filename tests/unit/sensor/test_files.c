/* SPDX-License-Identifier: Apache-2.0 */
/* Captures from files: several at once in time order, folders, gzip, filters, and what is said of broken ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <zlib.h>

#include "tests/unit/sensor/capture_writer.h"
#include "tests/unit/sensor/places.h"

static void test_overlapping_files_are_merged(void **state)
{
    struct place *place = *state;
    size_t sources[CAPTURE_SOURCES_MAX];
    write_file(place, "b", 5000, 0, 10, 53);
    write_file(place, "a", 3000, 10005, 10, 53);
    write_file(place, "c", 10, 900000, 10, 53);
    const char *names[] = {path_of(place, "c"), path_of(place, "a"), path_of(place, "b")};
    struct capture *capture = open_files(place, NULL, 3, names);
    assert_int_equal(drain(capture, sources), 8010);
    assert_int_equal(capture_source_count(capture), 3);
    struct capture_source source;
    capture_source_get(capture, 0, &source);
    assert_string_equal(source.name, path_of(place, "b")); /* numbered in the order of time */
    assert_string_equal(source.link_type, "RAW");
    assert_int_equal(sources[0], 5000);
    assert_int_equal(sources[1], 3000);
    assert_int_equal(sources[2], 10);
    capture_close(&capture);
}

static void test_files_of_the_same_time(void **state)
{
    struct place *place = *state;
    size_t sources[CAPTURE_SOURCES_MAX];
    write_file(place, "a", 3000, 0, 10, 53);
    write_file(place, "b", 3000, 0, 10, 53);
    const char *names[] = {path_of(place, "a"), path_of(place, "b")};
    struct capture *capture = open_files(place, NULL, 2, names);
    assert_int_equal(drain(capture, sources), 6000);
    assert_int_equal(sources[0], 3000);
    capture_close(&capture);
}

static void test_folder_with_a_broken_file(void **state)
{
    struct place *place = *state;
    size_t sources[CAPTURE_SOURCES_MAX];
    write_file(place, "first.pcap", 2000, 0, 1, 53);
    write_file(place, "second.pcap", 1000, 500000, 1, 53);
    assert_int_equal(truncate(path_of(place, "first.pcap"), 24 + 100 * (16 + 428) + 50), 0);
    const char *names[] = {place->folder};
    struct capture *capture = open_files(place, NULL, 1, names);
    assert_int_equal(drain(capture, sources), 1100);
    assert_int_equal(place->said_count, 1);
    assert_non_null(strstr(place->said[0], "first.pcap: broken at packet 101"));
    struct capture_source source;
    capture_source_get(capture, 0, &source);
    assert_true(source.broken);
    capture_source_get(capture, 1, &source);
    assert_false(source.broken);
    capture_close(&capture);
}

static void test_no_capture_file_at_all(void **state)
{
    struct place *place = *state;
    size_t sources[CAPTURE_SOURCES_MAX];
    FILE *out = fopen(path_of(place, "text"), "w");
    assert_non_null(out);
    fputs("these are not the packets you are looking for", out);
    fclose(out);
    const char *names[] = {path_of(place, "text")};
    struct capture *capture = open_files(place, NULL, 1, names);
    assert_int_equal(drain(capture, sources), 0);
    assert_non_null(strstr(place->said[0], "text: broken at packet 1: neither pcap nor pcapng"));
    capture_close(&capture);
}

static void test_missing_file_is_an_error_at_once(void **state)
{
    struct place *place = *state;
    const char *names[] = {path_of(place, "nowhere")};
    struct capture_options options = {.names = names, .name_count = 1};
    struct capture *capture;
    struct error err;
    assert_int_equal(capture_open_files(&options, &capture, &err), RESULT_REJECT);
    assert_non_null(strstr(err.text, "nowhere"));
}

static void zip(const struct place *place, const char *from, const char *to, const char *mode)
{
    uint8_t bytes[65536];
    FILE *file = fopen(path_of(place, from), "r");
    assert_non_null(file);
    size_t length = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    gzFile out = gzopen(path_of(place, to), mode);
    assert_non_null(out);
    assert_int_equal(gzwrite(out, bytes, (unsigned)length), (int)length);
    assert_int_equal(gzclose(out), Z_OK);
}

static void test_gzip_in_files_and_pipes(void **state)
{
    struct place *place = *state;
    size_t sources[CAPTURE_SOURCES_MAX];
    int ends[2];
    char path[32];
    write_file(place, "plain", 50, 0, 10, 53);
    zip(place, "plain", "a.gz", "wb");
    assert_int_equal(pipe(ends), 0);
    snprintf(path, sizeof(path), "/dev/fd/%d", ends[0]);
    const char *names[] = {path_of(place, "a.gz"), path};
    pump(ends[1], place, "a.gz", 0, SIZE_MAX);
    close(ends[1]);
    struct capture *capture = open_files(place, NULL, 2, names);
    assert_int_equal(drain(capture, sources), 100);
    assert_int_equal(sources[0], 50);
    assert_int_equal(place->said_count, 0);
    capture_close(&capture);
    close(ends[0]);
}

static void test_gzip_of_several_members_and_cut_short(void **state)
{
    struct place *place = *state;
    size_t sources[CAPTURE_SOURCES_MAX];
    struct stat st;
    char command[512];
    write_file(place, "plain", 50, 0, 10, 53);
    snprintf(command, sizeof(command),
             "cd %s && head -c 5000 plain | gzip >a.gz && tail -c +5001 plain | gzip >>a.gz && rm plain",
             place->folder);
    assert_int_equal(system(command), 0);
    const char *names[] = {path_of(place, "a.gz")};
    struct capture *capture = open_files(place, NULL, 1, names);
    assert_int_equal(drain(capture, sources), 50);
    assert_int_equal(place->said_count, 0);
    capture_close(&capture);
    assert_int_equal(stat(names[0], &st), 0);
    assert_int_equal(truncate(names[0], st.st_size - 12), 0);
    capture = open_files(place, NULL, 1, names);
    assert_in_range(drain(capture, sources), 11, 50);
    assert_int_equal(place->said_count, 1);
    assert_non_null(strstr(place->said[0], "a.gz: packet "));
    assert_non_null(strstr(place->said[0], "the compressed file ends early"));
    capture_close(&capture);
}

/* Two interfaces of one file: each is a source with a name, packets, and what the file says it lost. */
static void test_interfaces_of_a_file_are_sources(void **state)
{
    struct place *place = *state;
    struct packet packets[CAPTURE_BATCH];
    struct writer w = {0};
    struct capture_source source;
    size_t count;
    w_section(&w);
    w_interface(&w, LINK_RAW, 9, "eth1");
    w_interface(&w, LINK_RAW, 9, NULL);
    w_interface(&w, LINK_RAW, 9, "eth3");
    w_packet(&w, 1, 1700000000000000000, "E", 1);
    w_packet(&w, 0, 1700000000000000001, "E", 1);
    w_packet(&w, 1, 1700000000000000009, "E", 1);
    w_statistics(&w, 0, 42, 7);
    w_statistics(&w, 2, 0, 1);
    FILE *file = fopen(path_of(place, "two.pcapng"), "w");
    assert_non_null(file);
    assert_int_equal(fwrite(w.bytes, 1, w.length, file), w.length);
    fclose(file);
    const char *names[] = {path_of(place, "two.pcapng")};
    char wanted[160];
    struct capture *capture = open_files(place, NULL, 1, names);
    assert_int_equal(capture_next(capture, 0, packets, &count), RESULT_OK);
    assert_int_equal(count, 3);
    assert_int_equal(packets[0].interface, 0);
    assert_int_equal(packets[1].interface, 1);
    assert_int_equal(packets[2].interface, 0);
    assert_int_equal(capture_next(capture, 0, packets, &count), RESULT_END);
    assert_int_equal(capture_source_count(capture), 3);
    capture_source_get(capture, 0, &source);
    snprintf(wanted, sizeof(wanted), "%s:1", names[0]);
    assert_string_equal(source.name, wanted);
    assert_int_equal(source.kernel_dropped + source.interface_dropped, 0);
    capture_source_get(capture, 1, &source);
    snprintf(wanted, sizeof(wanted), "%s:eth1", names[0]);
    assert_string_equal(source.name, wanted);
    assert_int_equal(source.interface_dropped, 42);
    assert_int_equal(source.kernel_dropped, 7);
    assert_int_equal(source.dropped_from_ns, 1700000000000000000);
    assert_int_equal(source.dropped_to_ns, 1700000000000000009);
    capture_source_get(capture, 2, &source); /* not a packet of it came through */
    snprintf(wanted, sizeof(wanted), "%s:eth3", names[0]);
    assert_string_equal(source.name, wanted);
    assert_int_equal(source.kernel_dropped, 1);
    capture_close(&capture);
}

static void test_more_files_than_sources(void **state)
{
    struct place *place = *state;
    size_t sources[CAPTURE_SOURCES_MAX];
    struct capture_source source;
    for (unsigned n = 0; n < CAPTURE_SOURCES_MAX + 6; n++) {
        char name[16];
        snprintf(name, sizeof(name), "f%03u", n);
        write_file(place, name, 2, n * 100, 1, 53);
    }
    const char *names[] = {place->folder};
    struct capture *capture = open_files(place, NULL, 1, names);
    assert_int_equal(drain(capture, sources), 2 * (CAPTURE_SOURCES_MAX + 6));
    assert_int_equal(capture_source_count(capture), CAPTURE_SOURCES_MAX);
    assert_int_equal(sources[CAPTURE_SOURCES_MAX - 2], 2);
    assert_int_equal(sources[CAPTURE_SOURCES_MAX - 1], 14);
    capture_source_get(capture, CAPTURE_SOURCES_MAX - 1, &source);
    assert_string_equal(source.name, "further files");
    capture_close(&capture);
}

static void test_filter_that_makes_no_sense_on_a_link_type(void **state)
{
    struct place *place = *state;
    size_t sources[CAPTURE_SOURCES_MAX];
    write_file(place, "a", 100, 0, 10, 53);
    const char *names[] = {path_of(place, "a")};
    struct capture *capture = open_files(place, "ether host 02:00:00:00:00:01", 1, names);
    assert_int_equal(drain(capture, sources), 0);
    assert_int_equal(place->said_count, 1);
    assert_non_null(strstr(place->said[0], "makes no sense on packets of link type RAW"));
    capture_close(&capture);
    struct capture_options options = {.names = names, .name_count = 1, .filter = "wlan type mgt"};
    struct error err;
    assert_int_equal(capture_open_files(&options, &capture, &err), RESULT_REJECT);
}

static void test_filter_expression(void **state)
{
    struct place *place = *state;
    size_t sources[CAPTURE_SOURCES_MAX];
    write_file(place, "a", 100, 0, 10, 53);
    write_file(place, "b", 50, 5, 10, 80);
    const char *names[] = {path_of(place, "a"), path_of(place, "b")};
    struct capture *capture = open_files(place, "udp port 80", 2, names);
    assert_int_equal(drain(capture, sources), 50);
    capture_close(&capture);
    struct capture_options options = {.names = names, .name_count = 2, .filter = "udp prot 80"};
    struct error err;
    assert_int_equal(capture_open_files(&options, &capture, &err), RESULT_REJECT);
    assert_non_null(strstr(err.text, "udp prot 80"));
}

/* A sensor that reads for an hour what its filter leaves out can be told to stop meanwhile. */
static void test_filter_that_leaves_nothing_comes_back(void **state)
{
    struct place *place = *state;
    struct packet packets[CAPTURE_BATCH];
    size_t count, calls = 0;
    write_file(place, "a", 200000, 0, 1, 53);
    const char *names[] = {path_of(place, "a")};
    struct capture *capture = open_files(place, "udp port 80", 1, names);
    while (capture_next(capture, 0, packets, &count) == RESULT_OK) {
        assert_int_equal(count, 0);
        calls++;
    }
    assert_in_range(calls, 2, 10);
    capture_close(&capture);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(overlapping_files_are_merged),
        TEST(files_of_the_same_time),
        TEST(folder_with_a_broken_file),
        TEST(no_capture_file_at_all),
        TEST(missing_file_is_an_error_at_once),
        TEST(filter_expression),
        TEST(gzip_in_files_and_pipes),
        TEST(gzip_of_several_members_and_cut_short),
        TEST(interfaces_of_a_file_are_sources),
        TEST(more_files_than_sources),
        TEST(filter_that_makes_no_sense_on_a_link_type),
        TEST(filter_that_leaves_nothing_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
