/* SPDX-License-Identifier: Apache-2.0 */
/* Folders of capture files, for tests of reading them. */
#ifndef PAVO_TESTS_PLACES_H
#define PAVO_TESTS_PLACES_H

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

static inline int setup(void **state)
{
    static struct place place;
    place = (struct place){.folder = "/tmp/pavo-test-files-XXXXXX"};
    assert_non_null(mkdtemp(place.folder));
    *state = &place;
    return 0;
}

static inline int teardown(void **state)
{
    struct place *place = *state;
    char command[128];
    snprintf(command, sizeof(command), "rm -rf %s", place->folder);
    return system(command);
}

static inline void say(void *context, enum capture_say kind, const char *sentence)
{
    struct place *place = context;
    (void)kind;
    if (place->said_count < 4)
        snprintf(place->said[place->said_count++], sizeof(place->said[0]), "%s", sentence);
}

static inline const char *path_of(const struct place *place, const char *name)
{
    static char path[4][128];
    static unsigned turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof(path[turn]), "%s/%s", place->folder, name);
    return path[turn];
}

/* Packets at first, first + step ... microseconds, each a UDP datagram to `port`. Written by libpcap. */
static inline void write_file(const struct place *place, const char *name, unsigned count, unsigned first,
                              unsigned step, unsigned port)
{
    pcap_t *dead = pcap_open_dead(DLT_RAW, 65535);
    pcap_dumper_t *out = pcap_dump_open(dead, path_of(place, name));
    assert_non_null(out);
    for (unsigned i = 0; i < count; i++) {
        struct frame f = {0};
        put_ipv4(&f, 1, 2, 17, i, 0);
        put_udp(&f, 5000, port, 400);
        struct packet p = frame_packet(&f, LINK_RAW, 0);
        struct pcap_pkthdr header = {
            .ts = {1700000000, (int)(first + i * step)}, .caplen = p.captured, .len = p.length};
        pcap_dump((u_char *)out, &header, p.data);
    }
    pcap_dump_close(out);
    pcap_close(dead);
}

static inline struct capture *open_as(struct place *place, struct capture_options options, size_t count,
                                      const char *const *names)
{
    struct capture *capture;
    struct error err;
    options.names = names;
    options.name_count = count;
    options.say = say;
    options.context = place;
    if (capture_open_files(&options, &capture, &err) != RESULT_OK)
        fail_msg("%s", err.text);
    return capture;
}

static inline struct capture *open_files(struct place *place, const char *filter, size_t count,
                                         const char *const *names)
{
    return open_as(place, (struct capture_options){.filter = filter}, count, names);
}

/* Reads all; checks that time never goes back. */
static inline size_t drain(struct capture *capture, size_t per_source[static CAPTURE_SOURCES_MAX])
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

/* Asks until there were so many packets, or for a while in vain. */
static inline size_t take(struct capture *capture, size_t wanted)
{
    struct packet packets[CAPTURE_BATCH];
    size_t total = 0, count;
    for (unsigned tries = 0; total < wanted && tries < 3000; tries++) {
        if (capture_next(capture, 1, packets, &count) == RESULT_OK)
            total += count;
    }
    return total;
}

static inline void pump(int out, const struct place *place, const char *name, size_t from, size_t length)
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

#endif
