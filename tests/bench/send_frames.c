/* SPDX-License-Identifier: Apache-2.0 */
/* send_frames: sends the packets of a capture on an interface, at a steady rate.
 *
 *   send_frames FILE IFACE RATE SECONDS
 *
 * RATE in packets/s, 0 for as fast as it goes. Loads at most FRAMES_MAX packets and begins again at the last. Frames go
 * out as captured (not padded to their wire length), past the queueing discipline, many to a system call.
 * Prints one JSON object: packets sent, seconds taken. */
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <pcap/pcap.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define FRAMES_MAX 1000000u
#define FRAME_MAX  1514u
#define BURST      32u

struct frames {
    struct iovec *at;
    size_t count;
};

static void die(const char *what)
{
    fprintf(stderr, "send_frames: %s: %s\n", what, strerror(errno));
    exit(1);
}

static struct frames frames_load(const char *file)
{
    char message[PCAP_ERRBUF_SIZE];
    pcap_t *pcap = pcap_open_offline(file, message);
    if (!pcap) {
        fprintf(stderr, "send_frames: %s\n", message);
        exit(1);
    }
    struct frames frames = {.at = malloc(FRAMES_MAX * sizeof *frames.at)};
    struct pcap_pkthdr *header;
    const u_char *data;
    while (frames.at && frames.count < FRAMES_MAX && pcap_next_ex(pcap, &header, &data) == 1) {
        size_t length = header->caplen < FRAME_MAX ? header->caplen : FRAME_MAX;
        void *copy = malloc(length);
        if (!copy)
            die("memory");
        frames.at[frames.count++] = (struct iovec){memcpy(copy, data, length), length};
    }
    pcap_close(pcap);
    if (frames.count < BURST) {
        fprintf(stderr, "send_frames: %s has too few packets\n", file);
        exit(1);
    }
    return frames;
}

static int socket_open(const char *interface)
{
    struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(interface)};
    int s = socket(AF_PACKET, SOCK_RAW, 0); /* protocol 0: receives nothing */
    int on = 1;
    if (s < 0 || setsockopt(s, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on) < 0 ||
        bind(s, (struct sockaddr *)&to, sizeof to) < 0)
        die(interface);
    return s;
}

static double seconds_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: send_frames FILE IFACE RATE SECONDS\n");
        return 2;
    }
    double rate = strtod(argv[3], NULL), length = strtod(argv[4], NULL);
    struct frames frames = frames_load(argv[1]);
    int s = socket_open(argv[2]);
    struct mmsghdr burst[BURST] = {0};
    uint64_t sent = 0;
    size_t next = 0;
    double start = seconds_now(), now = start;
    while (now - start < length) {
        if (rate > 0 && (double)sent > (now - start) * rate) {
            now = seconds_now();
            continue;
        }
        for (unsigned i = 0; i < BURST; i++)
            burst[i].msg_hdr = (struct msghdr){.msg_iov = &frames.at[(next + i) % frames.count], .msg_iovlen = 1};
        int n = sendmmsg(s, burst, BURST, 0);
        if (n < 0 && errno != ENOBUFS && errno != EAGAIN)
            die(argv[2]);
        if (n > 0) {
            sent += (uint64_t)n;
            next = (next + (size_t)n) % frames.count;
        }
        now = seconds_now();
    }
    printf("{\"packets\": %llu, \"seconds\": %.3f}\n", (unsigned long long)sent, now - start);
    return 0;
}
