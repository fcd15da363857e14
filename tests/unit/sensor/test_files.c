/* SPDX-License-Identifier: Apache-2.0 */
/* Captures from files: several at once in time order, folders, filters, and what is said of broken ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "common/clock.h"
#include "sensor/capture/capture.h"
#include "tests/unit/sensor/capture_writer.h"
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

/* Asks until there were so many packets, or for a while in vain. */
static size_t take(struct capture *capture, size_t wanted)
{
    struct packet packets[CAPTURE_BATCH];
    size_t total = 0, count;
    for (unsigned tries = 0; total < wanted && tries < 3000; tries++) {
        if (capture_next(capture, 1, packets, &count) == RESULT_OK)
            total += count;
    }
    return total;
}

static struct capture *follow(struct place *place, size_t count, const char *const *names)
{
    struct capture *capture;
    struct error err;
    struct capture_options options = {.names = names, .name_count = count, .follow = true, .say = say, .context = place};
    if (capture_open_files(&options, &capture, &err) != RESULT_OK)
        fail_msg("%s", err.text);
    return capture;
}

static void write_nothing(const struct place *place, const char *name)
{
    FILE *file = fopen(path_of(place, name), "w");
    assert_non_null(file);
    fclose(file);
}

/* What tcpdump -w leaves until its first block of packets is full. */
static void test_following_files_that_are_empty_at_first(void **state)
{
    struct place *place = *state;
    write_file(place, "a", 10, 0, 1, 53);
    write_nothing(place, "b");
    write_nothing(place, "c");
    const char *names[] = {place->folder};
    struct capture *capture = follow(place, 1, names);
    assert_int_equal(take(capture, 10), 10);
    write_file(place, "c", 7, 100, 1, 53);
    assert_int_equal(take(capture, 7), 7);
    write_file(place, "b", 5, 200, 1, 53);
    assert_int_equal(take(capture, 5), 5);
    assert_int_equal(place->said_count, 0);
    capture_close(&capture);
}

/* tcpdump -C -W: the first file is written again when the last is full. */
static void test_following_a_ring_of_files(void **state)
{
    struct place *place = *state;
    write_file(place, "r0", 10, 0, 1, 53);
    write_file(place, "r1", 10, 100, 1, 53);
    const char *names[] = {place->folder};
    struct capture *capture = follow(place, 1, names);
    assert_int_equal(take(capture, 20), 20);
    write_file(place, "r0", 4, 200, 1, 53); /* the same file, shorter */
    assert_int_equal(take(capture, 4), 4);
    write_file(place, "next", 30, 300, 1, 53);
    assert_int_equal(rename(path_of(place, "next"), path_of(place, "r1")), 0); /* another file */
    assert_int_equal(take(capture, 30), 30);
    assert_int_equal(place->said_count, 0);
    capture_close(&capture);
}

static void pump(int out, const struct place *place, const char *name, size_t from, size_t length)
{
    uint8_t bytes[65536];
    FILE *file = fopen(path_of(place, name), "r");
    assert_non_null(file);
    size_t got = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    if (length > got - from)
        length = got - from;
    assert_int_equal(write(out, bytes + from, length), (ssize_t)length);
}

/* The same, faster than it is looked at: as long as before, in the same place. */
static void test_following_a_ring_that_is_as_long_as_before(void **state)
{
    struct place *place = *state;
    write_file(place, "r0", 10, 0, 1, 53);
    write_file(place, "r1", 10, 100, 1, 53);
    const char *names[] = {place->folder};
    struct capture *capture = follow(place, 1, names);
    assert_int_equal(take(capture, 20), 20);
    write_file(place, "r0", 10, 200, 1, 53);
    assert_int_equal(take(capture, 10), 10);
    write_file(place, "r1", 12, 300, 1, 53);
    assert_int_equal(take(capture, 12), 12);
    assert_int_equal(place->said_count, 0);
    capture_close(&capture);
}

/* A path is another file's while the one before is still being read. */
static void test_following_a_file_that_is_replaced(void **state)
{
    struct place *place = *state;
    struct packet packets[CAPTURE_BATCH];
    size_t count, total = 0;
    write_file(place, "a", 500, 0, 1, 53);
    const char *names[] = {place->folder};
    struct capture *capture = follow(place, 1, names);
    assert_int_equal(capture_next(capture, 1, packets, &count), RESULT_OK);
    write_file(place, ".next", 10, 1000, 1, 53);
    assert_int_equal(rename(path_of(place, ".next"), path_of(place, "a")), 0);
    for (unsigned turn = 0; turn < 3; turn++) {
        usleep(1100000); /* it is looked */
        assert_int_equal(capture_next(capture, 1, packets, &count), RESULT_OK);
        total += count;
    }
    while (capture_next(capture, 1500, packets, &count) == RESULT_OK)
        total += count;
    assert_int_equal(total, 500 - CAPTURE_BATCH + 10);
    assert_int_equal(place->said_count, 0);
    capture_close(&capture);
}

/* tcpdump -G in quiet nights: more files without packets than are read at once. */
static void test_following_many_files_without_packets(void **state)
{
    struct place *place = *state;
    const struct timespec old[2] = {{.tv_sec = 1699990000}, {.tv_sec = 1699990000}};
    char name[16];
    for (unsigned n = 0; n < CAPTURE_FILES_OPEN_MAX + 6; n++) {
        snprintf(name, sizeof(name), "a%03u", n);
        write_file(place, name, 0, 0, 1, 53);
        assert_int_equal(utimensat(AT_FDCWD, path_of(place, name), old, 0), 0);
    }
    write_file(place, "b", 10, 0, 1, 53);
    const char *names[] = {place->folder};
    struct capture *capture = follow(place, 1, names);
    assert_int_equal(take(capture, 11), 10);
    write_file(place, "b", 17, 0, 1, 53); /* it is the newest still, and grows */
    assert_int_equal(take(capture, 7), 7);
    write_file(place, "c", 5, 200, 1, 53);
    assert_int_equal(take(capture, 5), 5);
    write_file(place, "a069", 3, 300, 1, 53); /* late, but not lost */
    assert_int_equal(take(capture, 3), 3);
    assert_int_equal(place->said_count, 0);
    capture_close(&capture);
}

/* It is not looked for again, and its end is its end. */
static void test_following_a_pipe(void **state)
{
    struct place *place = *state;
    struct packet packets[CAPTURE_BATCH];
    size_t count;
    int ends[2];
    char path[32];
    write_file(place, "a", 10, 0, 1, 53);
    assert_int_equal(pipe(ends), 0);
    snprintf(path, sizeof(path), "/dev/fd/%d", ends[0]);
    const char *names[] = {path};
    struct capture *capture = follow(place, 1, names);
    pump(ends[1], place, "a", 0, 1000);
    assert_int_equal(take(capture, 2), 2);
    usleep(1100000); /* it is looked */
    assert_int_equal(capture_next(capture, 1, packets, &count), RESULT_AGAIN);
    pump(ends[1], place, "a", 1000, SIZE_MAX);
    close(ends[1]);
    assert_int_equal(take(capture, 8), 8);
    int64_t before = clock_monotonic_ns();
    assert_int_equal(capture_next(capture, 100, packets, &count), RESULT_AGAIN);
    assert_true(clock_monotonic_ns() - before >= 90 * NS_PER_MS); /* it waits, and does not ask in a circle */
    assert_int_equal(place->said_count, 0);
    capture_close(&capture);
    close(ends[0]);
}

static void test_named_pipe_that_nobody_writes_to_yet(void **state)
{
    struct place *place = *state;
    struct packet packets[CAPTURE_BATCH];
    size_t count;
    write_file(place, "a", 10, 0, 1, 53);
    assert_int_equal(mkfifo(path_of(place, "pipe"), 0600), 0);
    const char *names[] = {path_of(place, "pipe")};
    struct capture *capture = open_files(place, NULL, 1, names);
    alarm(5);
    assert_int_equal(capture_next(capture, 1, packets, &count), RESULT_AGAIN);
    alarm(0);
    int out = open(names[0], O_WRONLY);
    assert_true(out >= 0);
    assert_int_equal(capture_next(capture, 1, packets, &count), RESULT_AGAIN);
    pump(out, place, "a", 0, SIZE_MAX);
    close(out);
    assert_int_equal(take(capture, 10), 10);
    assert_int_equal(capture_next(capture, 1, packets, &count), RESULT_END);
    assert_int_equal(place->said_count, 0);
    capture_close(&capture);
}

/* Each has a file that grows. */
static void test_following_two_names(void **state)
{
    struct place *place = *state;
    assert_int_equal(mkdir(path_of(place, "one"), 0700), 0);
    assert_int_equal(mkdir(path_of(place, "two"), 0700), 0);
    write_file(place, "one/a", 10, 100, 1, 53);
    write_file(place, "two/a", 10, 0, 1, 53);
    const char *names[] = {path_of(place, "one"), path_of(place, "two")};
    struct capture *capture = follow(place, 2, names);
    assert_int_equal(take(capture, 20), 20);
    write_file(place, "one/a", 13, 100, 1, 53);
    write_file(place, "two/a", 14, 0, 1, 53);
    assert_int_equal(take(capture, 7), 7);
    capture_close(&capture);
}

static void test_quiet_pipe_is_asked_again(void **state)
{
    struct place *place = *state;
    struct packet packets[CAPTURE_BATCH];
    size_t count;
    int ends[2];
    char path[32];
    write_file(place, "a", 10, 0, 1, 53);
    assert_int_equal(pipe(ends), 0);
    snprintf(path, sizeof(path), "/dev/fd/%d", ends[0]);
    const char *names[] = {path};
    struct capture *capture = open_files(place, NULL, 1, names);
    assert_int_equal(capture_next(capture, 1, packets, &count), RESULT_AGAIN);
    pump(ends[1], place, "a", 0, 24 + 3 * (16 + 428) + 100);
    assert_int_equal(take(capture, 3), 3);
    assert_int_equal(capture_next(capture, 1, packets, &count), RESULT_AGAIN);
    assert_int_equal(count, 0);
    pump(ends[1], place, "a", 24 + 3 * (16 + 428) + 100, SIZE_MAX);
    assert_int_equal(take(capture, 7), 7);
    close(ends[1]);
    assert_int_equal(capture_next(capture, 1000, packets, &count), RESULT_END);
    assert_int_equal(place->said_count, 0);
    capture_close(&capture);
    close(ends[0]);
}

/* A quiet pipe holds the other up: what comes may be older. */
static void test_pipes_are_merged(void **state)
{
    struct place *place = *state;
    struct packet packets[CAPTURE_BATCH];
    size_t sources[CAPTURE_SOURCES_MAX], count;
    int ends[2][2];
    char path[2][32];
    write_file(place, "a", 20, 5, 10, 53);
    write_file(place, "b", 20, 0, 10, 53);
    for (unsigned n = 0; n < 2; n++) {
        assert_int_equal(pipe(ends[n]), 0);
        snprintf(path[n], sizeof(path[n]), "/dev/fd/%d", ends[n][0]);
    }
    const char *names[] = {path[0], path[1]};
    struct capture *capture = open_files(place, NULL, 2, names);
    pump(ends[0][1], place, "a", 0, SIZE_MAX);
    assert_int_equal(capture_next(capture, 1, packets, &count), RESULT_AGAIN);
    pump(ends[1][1], place, "b", 0, SIZE_MAX);
    close(ends[0][1]);
    close(ends[1][1]);
    assert_int_equal(drain(capture, sources), 40);
    assert_int_equal(place->said_count, 0);
    capture_close(&capture);
    close(ends[0][0]);
    close(ends[1][0]);
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
    snprintf(command, sizeof(command), "cd %s && head -c 5000 plain | gzip >a.gz && tail -c +5001 plain | gzip >>a.gz && rm plain",
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
        TEST(overlapping_files_are_merged), TEST(files_of_the_same_time), TEST(folder_with_a_broken_file), TEST(no_capture_file_at_all),
        TEST(missing_file_is_an_error_at_once), TEST(filter_expression), TEST(following_a_folder),
        TEST(following_files_that_are_empty_at_first), TEST(following_a_ring_of_files), TEST(following_two_names),
        TEST(following_a_ring_that_is_as_long_as_before), TEST(following_a_file_that_is_replaced),
        TEST(following_many_files_without_packets), TEST(following_a_pipe), TEST(named_pipe_that_nobody_writes_to_yet),
        TEST(quiet_pipe_is_asked_again), TEST(pipes_are_merged), TEST(gzip_in_files_and_pipes),
        TEST(gzip_of_several_members_and_cut_short), TEST(interfaces_of_a_file_are_sources), TEST(more_files_than_sources),
        TEST(filter_that_makes_no_sense_on_a_link_type), TEST(filter_that_leaves_nothing_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
