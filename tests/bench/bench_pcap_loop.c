/* SPDX-License-Identifier: Apache-2.0 */
/* bench_pcap_loop: libpcap alone, the base that meters are compared with.
 *
 *   bench_pcap_loop FILE
 *
 * Reads the capture with pcap_dispatch and touches the first byte of each packet; nothing else is done with it. */
#include <pcap/pcap.h>
#include <stdint.h>
#include <stdio.h>

struct sums {
    uint64_t packets, bytes, touched;
};

static void count(u_char *user, const struct pcap_pkthdr *header, const u_char *bytes)
{
    struct sums *sums = (struct sums *)user;
    sums->packets++;
    sums->bytes += header->len;
    if (header->caplen)
        sums->touched += bytes[0];
}

int main(int argc, char **argv)
{
    char message[PCAP_ERRBUF_SIZE];
    pcap_t *pcap = argc == 2 ? pcap_open_offline(argv[1], message) : NULL;
    if (!pcap) {
        fprintf(stderr, "%s\n", argc == 2 ? message : "usage: bench_pcap_loop FILE");
        return 2;
    }
    struct sums sums = {0};
    int n;
    while ((n = pcap_dispatch(pcap, -1, count, (u_char *)&sums)) > 0)
        continue;
    if (n < 0)
        fprintf(stderr, "bench_pcap_loop: %s\n", pcap_geterr(pcap));
    pcap_close(pcap);
    printf("{\"packets\": %llu, \"bytes\": %llu, \"touched\": %llu}\n", (unsigned long long)sums.packets,
           (unsigned long long)sums.bytes, (unsigned long long)sums.touched);
    return n < 0;
}
