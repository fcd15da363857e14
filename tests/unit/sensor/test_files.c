/* SPDX-License-Identifier: Apache-2.0 */
/* Captures from files: several at once in time order, folders, filters, and what is said of broken ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sensor/capture/capture.h"
#include "tests/unit/sensor/frames.h"

struct place {
    char folder[64];
    char said[4][512];
    unsigned said_count;
};

static int setup(void **state)
{
    static struct place place;
    place = (struct place){.folder = "/tmp/pavo-test-files-XXXXXX"};
    assert_non_null(mkdtemp(place.folder));
    *state = &place;
    return 0;
}

static int teardown(void **state)
{
    struct place *place = *state;
    char command[128];
    snprintf(command, sizeof(command), "rm -rf %s", place->folder);
    return system(command);
}

static void say(void *context, enum capture_say kind, const char *sentence)
{
    struct place *place = context;
    (void)kind;
    if (place->said_count < 4)
        snprintf(place->said[place->said_count++], sizeof(place->said[0]), "%s", sentence);
}

static const char *path_of(const struct place *place, const char *name)
{
    static char path[4][128];
    static unsigned turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof(path[turn]), "%s/%s", place->folder, name);
    return path[turn];
}

/* Packets at first, first + step ... microseconds, each a UDP datagram to `port`. Written by libpcap. */
static void write_file(const struct place *place, const char *name, unsigned count, unsigned first, unsigned step, unsigned port)
{
    pcap_t *dead = pcap_open_dead(DLT_RAW, 65535);
    pcap_dumper_t *out = pcap_dump_open(dead, path_of(place, name));
    assert_non_null(out);
    for (unsigned i = 0; i < count; i++) {
        struct frame f = {0};
        put_ipv4(&f, 1, 2, 17, i, 0);
        put_udp(&f, 5000, port, 400);
        struct packet p = frame_packet(&f, LINK_RAW, 0);
        struct pcap_pkthdr header = {.ts = {1700000000, (int)(first + i * step)}, .caplen = p.captured, .len = p.length};
        pcap_dump((u_char *)out, &header, p.data);
    }
    pcap_dump_close(out);
    pcap_close(dead);
}

static struct capture *open_files(struct place *place, const char *filter, size_t count, const char *const *names)
{
    struct capture *capture;
    struct error err;
    struct capture_options options = {.names = names, .name_count = count, .filter = filter, .say = say, .context = place};
    if (capture_open_files(&options, &capture, &err) != RESULT_OK)
        fail_msg("%s", err.text);
    return capture;
}

/* Reads all; checks that time never goes back. */
static size_t drain(struct capture *capture, size_t per_source[static CAPTURE_SOURCES_MAX])
{
    struct packet packets[CAPTURE_BATCH];
    size_t total = 0, count;
    int64_t last = 0;
    memset(per_source, 0, CAPTURE_SOURCES_MAX * sizeof(*per_source));
    while (capture_next(capture, 0, packets, &count) != RESULT_END) {
        for (size_t i = 0; i < count; i++) {
            assert_true(packets[i].time_ns >= last);
            last = packets[i].time_ns;
            per_source[packets[i].interface]++;
            assert_int_equal(packets[i].data[0], 0x45); /* still readable: all of the batch is */
        }
        total += count;
    }
    return total;
}

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

/* A folder that tcpdump -G or -C writes to: files grow, and others follow them. */
static void test_following_a_folder(void **state)
{
    struct place *place = *state;
    struct packet packets[CAPTURE_BATCH];
    size_t count, total = 0;
    write_file(place, "a", 10, 0, 1, 53);
    write_file(place, "b", 10, 100, 1, 53);
    /* The second one is not yet written whole. */
    char whole[8192];
    FILE *file = fopen(path_of(place, "b"), "r");
    assert_non_null(file);
    size_t length = fread(whole, 1, sizeof(whole), file);
    fclose(file);
    assert_int_equal(length, 24 + 10 * (16 + 428));
    assert_int_equal(truncate(path_of(place, "b"), 24 + 4 * (16 + 428) + 100), 0);
    const char *names[] = {place->folder};
    struct capture *capture;
    struct capture_options options = {.names = names, .name_count = 1, .follow = true, .say = say, .context = place};
    assert_int_equal(capture_open_files(&options, &capture, NULL), RESULT_OK);
    while (capture_next(capture, 1, packets, &count) == RESULT_OK)
        total += count;
    assert_int_equal(total, 14);
    file = fopen(path_of(place, "b"), "r+");
    assert_non_null(file);
    assert_int_equal(fwrite(whole, 1, length, file), length);
    fclose(file);
    for (unsigned tries = 0; total < 20 && tries < 1000; tries++) {
        if (capture_next(capture, 1, packets, &count) == RESULT_OK)
            total += count;
    }
    assert_int_equal(total, 20);
    write_file(place, "c", 5, 200, 1, 53);
    for (unsigned tries = 0; total < 25 && tries < 1000; tries++) {
        if (capture_next(capture, 1, packets, &count) == RESULT_OK)
            total += count;
    }
    assert_int_equal(total, 25);
    assert_int_equal(place->said_count, 0);
    assert_int_equal(capture_source_count(capture), 3);
    capture_close(&capture);
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

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(overlapping_files_are_merged), TEST(files_of_the_same_time), TEST(folder_with_a_broken_file), TEST(no_capture_file_at_all),
        TEST(missing_file_is_an_error_at_once), TEST(filter_expression), TEST(following_a_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
