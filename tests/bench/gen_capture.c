/* SPDX-License-Identifier: Apache-2.0 */
/* gen_capture: synthetic captures for the benchmarks, the same bytes on every machine.
 *
 *   gen_capture few|mix|mild|flood PACKETS FILE
 *
 *   few    1,000 TCP connections that last, at 1 M packets/s
 *   mix    20,000 flows at a time, of some 11 packets: TCP from handshake to FIN, DNS, ICMP echo, QUIC-like UDP;
 *          1,500 new ones a second
 *   mild   54,000 flows at a time, of some 20 packets, most of them TCP; 830 new ones a second
 *   flood  each packet a SYN from a random source to one server, at 1 M packets/s
 *
 * Snap length 96: IP lengths and the records' wire lengths are the whole packets'. IP checksums are right; TCP, UDP
 * and ICMP checksums are left out (0), since most of what they would cover is not in the file.
 * Prints one JSON object: what a meter should find. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SNAPLEN             96
#define RECORD_HEADER       16
#define ETHERNET            14
#define TCP_WITH_TIMESTAMPS 32
#define SEGMENT             1448 /* bytes of a full TCP segment */
#define DATAGRAM            1200
#define FLOWS_MAX           54000
#define START_SECOND        1700000000u
#define IPV6_PERCENT        10
#define FILE_BUFFER         (4u << 20)

enum { PROTOCOL_ICMP = 1, PROTOCOL_TCP = 6, PROTOCOL_UDP = 17, PROTOCOL_ICMPV6 = 58 };
enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };
enum side { CLIENT, SERVER };
enum script { SCRIPT_TCP, SCRIPT_REFUSED, SCRIPT_UNANSWERED, SCRIPT_DNS, SCRIPT_QUIC, SCRIPT_PING };

struct flow {
    uint8_t address[2][16]; /* enum side; IPv4: the first 4 bytes */
    uint8_t mac[2][6];
    uint16_t port[2];
    uint32_t sequence[2];
    uint32_t timestamp_origin[2];
    uint16_t ip_id[2];
    uint8_t ttl[2];
    uint8_t protocol;
    uint8_t script;
    bool ipv6;
    uint32_t step;
    uint32_t steps; /* packets it will have; 0: no end */
};

struct profile {
    const char *name;
    unsigned concurrent;
    unsigned gap_ns;         /* mean time between packets of the whole capture */
    unsigned tcp, dns, ping; /* percent of flows; the rest is QUIC */
    unsigned tcp_steps;      /* mean */
    bool endless;
};

static const struct profile profiles[] = {
    {"few", 1000, 1000, 100, 0, 0, 0, true},
    {"mix", 20000, 60000, 46, 38, 11, 20, false},
    {"mild", 54000, 60000, 80, 12, 3, 26, false},
};

struct output {
    int file;
    const char *name;
    uint8_t *buffer;
    size_t used;
};

struct totals {
    uint64_t packets, flows, ip_bytes;
};

static uint64_t random_state = 0x9e3779b97f4a7c15u;

/* splitmix64 */
static uint64_t random_next(void)
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint32_t random_below(uint32_t limit)
{
    return (uint32_t)(((random_next() >> 32) * limit) >> 32);
}

static void put16(uint8_t *p, unsigned value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

static void put32(uint8_t *p, uint32_t value)
{
    put16(p, value >> 16);
    put16(p + 2, value & 0xffff);
}

static void die(const char *what)
{
    fprintf(stderr, "gen_capture: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void output_flush(struct output *output)
{
    for (size_t done = 0; done < output->used;) {
        ssize_t n = write(output->file, output->buffer + done, output->used - done);
        if (n < 0)
            die(output->name);
        done += (size_t)n;
    }
    output->used = 0;
}

static void output_open(struct output *output, const char *name)
{
    *output = (struct output){
        .file = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644), .name = name, .buffer = malloc(FILE_BUFFER)};
    if (output->file < 0 || !output->buffer)
        die(name);
    /* In this machine's byte order, which the magic number tells. */
    const struct {
        uint32_t magic;
        uint16_t major, minor;
        uint32_t zone, accuracy, snaplen, link_type;
    } header = {.magic = 0xa1b2c3d4, .major = 2, .minor = 4, .snaplen = SNAPLEN, .link_type = 1};
    memcpy(output->buffer, &header, sizeof header);
    output->used = sizeof header;
}

/* Room for one record; its length is settled by record_end. */
static uint8_t *record_begin(struct output *output)
{
    if (output->used + RECORD_HEADER + SNAPLEN > FILE_BUFFER)
        output_flush(output);
    return output->buffer + output->used + RECORD_HEADER;
}

static void record_end(struct output *output, uint64_t time_ns, uint32_t wire)
{
    uint32_t captured = wire < SNAPLEN ? wire : SNAPLEN;
    const uint32_t header[4] = {START_SECOND + (uint32_t)(time_ns / 1000000000),
                                (uint32_t)(time_ns % 1000000000 / 1000), captured, wire};
    memcpy(output->buffer + output->used, header, sizeof header);
    output->used += sizeof header + captured;
}

static void make_addresses(struct flow *flow)
{
    uint32_t host = random_below(4000);
    /* Few servers have most of the clients. */
    uint32_t server = (uint32_t)((uint64_t)random_below(20000) * random_below(20000) / 20000);
    uint32_t scattered = server * 2654435761u;
    if (flow->ipv6) {
        static const uint8_t prefix[2][8] = {{0x20, 0x01, 0x0d, 0xb8, 0, 1}, {0x26, 0x06, 0x47, 0x00}};
        memcpy(flow->address[CLIENT], prefix[CLIENT], 8);
        memcpy(flow->address[SERVER], prefix[SERVER], 8);
        put32(flow->address[SERVER] + 4, scattered);
        put32(flow->address[CLIENT] + 8, host * 2246822519u);
        put32(flow->address[SERVER] + 8, 0);
        put32(flow->address[CLIENT] + 12, host + 16);
        put32(flow->address[SERVER] + 12, server);
    } else {
        put32(flow->address[CLIENT], 0x0a010000 + host + 16);
        put32(flow->address[SERVER], 0x17000000 + scattered % 0xa0000000u); /* 23.0.0.0 on */
    }
    const uint8_t mac[2][6] = {{0x3c, 0x52, 0x82, 0, (uint8_t)(host >> 8), (uint8_t)host},
                               {0x00, 0x1b, 0x17, 0x00, 0x01, 0x13}};
    memcpy(flow->mac, mac, sizeof mac);
    flow->ttl[CLIENT] = host % 3 == 0 ? 128 : 64;
    flow->ttl[SERVER] = (uint8_t)((server % 5 == 0 ? 128 : 64) - 5 - server % 18);
}

static void flow_make(struct flow *flow, const struct profile *profile)
{
    static const uint16_t servers[] = {443, 443, 443, 443, 443, 443, 80, 80, 993, 22, 25, 8080};
    *flow = (struct flow){.ipv6 = !profile->endless && random_below(100) < IPV6_PERCENT};
    make_addresses(flow);
    uint64_t draw = random_next();
    for (int side = 0; side < 2; side++) {
        flow->sequence[side] = (uint32_t)random_next();
        flow->timestamp_origin[side] = (uint32_t)random_next();
        flow->ip_id[side] = (uint16_t)(draw >> (16 * side));
    }
    flow->port[CLIENT] = (uint16_t)(32768 + random_below(28232));

    unsigned kind = random_below(100);
    if (kind < profile->tcp) {
        unsigned fate = profile->endless ? 100 : random_below(100);
        flow->script = fate < 4 ? SCRIPT_UNANSWERED : fate < 6 ? SCRIPT_REFUSED : SCRIPT_TCP;
        flow->protocol = PROTOCOL_TCP;
        flow->port[SERVER] = servers[random_below(sizeof servers / sizeof servers[0])];
        /* 8 for handshake, request, answer and end; the product of two draws has a mean of a quarter. */
        uint32_t spread = profile->tcp_steps > 8 ? 4 * (profile->tcp_steps - 8) : 1;
        if (flow->script == SCRIPT_UNANSWERED)
            flow->steps = 3;
        else if (flow->script == SCRIPT_REFUSED)
            flow->steps = 2;
        else if (!profile->endless)
            flow->steps = 8 + (uint32_t)((uint64_t)random_below(spread) * random_below(spread) / spread);
    } else if (kind < profile->tcp + profile->dns) {
        flow->script = SCRIPT_DNS;
        flow->protocol = PROTOCOL_UDP;
        flow->port[SERVER] = 53;
        flow->steps = 2;
    } else if (kind < profile->tcp + profile->dns + profile->ping) {
        flow->script = SCRIPT_PING;
        flow->protocol = flow->ipv6 ? PROTOCOL_ICMPV6 : PROTOCOL_ICMP;
        flow->steps = 2 + 2 * random_below(4);
    } else {
        flow->script = SCRIPT_QUIC;
        flow->protocol = PROTOCOL_UDP;
        flow->port[SERVER] = 443;
        flow->steps = 10 + random_below(60);
    }
}

/* Ethernet and IP headers of a packet with `above` bytes over IP. Returns the length of both. */
static unsigned write_ip(uint8_t *p, struct flow *flow, enum side from, unsigned above)
{
    memcpy(p, flow->mac[!from], 6);
    memcpy(p + 6, flow->mac[from], 6);
    uint8_t *ip = p + ETHERNET;
    if (flow->ipv6) {
        put16(p + 12, 0x86dd);
        put32(ip, 0x60000000);
        put16(ip + 4, above);
        ip[6] = flow->protocol;
        ip[7] = flow->ttl[from];
        memcpy(ip + 8, flow->address[from], 16);
        memcpy(ip + 24, flow->address[!from], 16);
        return ETHERNET + 40;
    }
    put16(p + 12, 0x0800);
    put16(ip, 0x4500);
    put16(ip + 2, 20 + above);
    put16(ip + 4, flow->ip_id[from]++);
    put16(ip + 6, 0x4000);
    ip[8] = flow->ttl[from];
    ip[9] = flow->protocol;
    put16(ip + 10, 0);
    memcpy(ip + 12, flow->address[from], 4);
    memcpy(ip + 16, flow->address[!from], 4);
    uint32_t sum = 0;
    for (int i = 0; i < 20; i += 2)
        sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
    sum = (sum & 0xffff) + (sum >> 16);
    put16(ip + 10, ~(sum + (sum >> 16)) & 0xffff);
    return ETHERNET + 20;
}

/* Payload up to the snap length: nobody reads it, but it is not all the same. */
static void write_payload(uint8_t *record, unsigned offset, unsigned length)
{
    uint64_t word = random_next();
    for (unsigned end = offset + length < SNAPLEN ? offset + length : SNAPLEN; offset < end; offset += 8)
        memcpy(record + offset, &word, end - offset < 8 ? end - offset : 8);
}

static unsigned write_tcp(uint8_t *p, struct flow *flow, uint64_t time_ns, enum side from, unsigned flags,
                          unsigned payload)
{
    unsigned options = flags & SYN ? 20 : 12;
    unsigned ip = write_ip(p, flow, from, 20 + options + payload);
    uint8_t *tcp = p + ip;
    uint8_t header[40];
    put16(header, flow->port[from]);
    put16(header + 2, flow->port[!from]);
    put32(header + 4, flow->sequence[from]);
    put32(header + 8, flags & ACK ? flow->sequence[!from] : 0);
    header[12] = (uint8_t)((20 + options) / 4 << 4);
    header[13] = (uint8_t)flags;
    put16(header + 14, flags & SYN ? 64240 : 501);
    put32(header + 16, 0);
    uint8_t *option = header + 20;
    if (flags & SYN) {
        static const uint8_t mss_sack[6] = {2, 4, 0x05, 0xb4, 4, 2};
        static const uint8_t scale[4] = {1, 3, 3, 7};
        memcpy(option, mss_sack, 6);
        memcpy(option + 16, scale, 4);
        option += 6;
    } else {
        option[0] = option[1] = 1;
        option += 2;
    }
    option[0] = 8;
    option[1] = 10;
    uint32_t milliseconds = (uint32_t)(time_ns / 1000000);
    put32(option + 2, flow->timestamp_origin[from] + milliseconds);
    put32(option + 6, flags & ACK ? flow->timestamp_origin[!from] + milliseconds : 0);

    unsigned room = SNAPLEN - ip, length = 20 + options;
    memcpy(tcp, header, length < room ? length : room);
    write_payload(p, ip + length, payload);
    flow->sequence[from] += payload + (flags & (SYN | FIN) ? 1 : 0);
    return ip + length + payload;
}

static unsigned write_udp(uint8_t *p, struct flow *flow, enum side from, unsigned payload)
{
    unsigned ip = write_ip(p, flow, from, 8 + payload);
    put16(p + ip, flow->port[from]);
    put16(p + ip + 2, flow->port[!from]);
    put16(p + ip + 4, 8 + payload);
    put16(p + ip + 6, 0);
    write_payload(p, ip + 8, payload);
    return ip + 8 + payload;
}

static unsigned write_ping(uint8_t *p, struct flow *flow, enum side from)
{
    unsigned payload = 56, ip = write_ip(p, flow, from, 8 + payload);
    static const uint8_t types[2][2] = {{8, 0}, {128, 129}};
    p[ip] = types[flow->ipv6][from];
    p[ip + 1] = 0;
    put16(p + ip + 2, 0);
    put16(p + ip + 4, flow->port[CLIENT]);
    put16(p + ip + 6, flow->step / 2 + 1);
    write_payload(p, ip + 8, payload);
    return ip + 8 + payload;
}

/* A request, then full segments from the server with an acknowledgement after every second. */
static unsigned write_tcp_data(uint8_t *p, struct flow *flow, uint64_t time_ns, uint32_t step)
{
    if (step == 0)
        return write_tcp(p, flow, time_ns, CLIENT, ACK | PSH, 200 + random_below(700));
    if (step % 3 == 0)
        return write_tcp(p, flow, time_ns, CLIENT, ACK, 0);
    if (step % 16 == 1)
        return write_tcp(p, flow, time_ns, SERVER, ACK | PSH, 1 + random_below(SEGMENT - 1));
    return write_tcp(p, flow, time_ns, SERVER, ACK, SEGMENT);
}

static unsigned write_tcp_step(uint8_t *p, struct flow *flow, uint64_t time_ns)
{
    uint32_t step = flow->step, left = flow->steps - step;
    if (step == 0)
        return write_tcp(p, flow, time_ns, CLIENT, SYN, 0);
    if (step == 1)
        return write_tcp(p, flow, time_ns, SERVER, SYN | ACK, 0);
    if (step == 2)
        return write_tcp(p, flow, time_ns, CLIENT, ACK, 0);
    if (flow->steps == 0 || left > 3)
        return write_tcp_data(p, flow, time_ns, step - 3);
    if (left == 3)
        return write_tcp(p, flow, time_ns, SERVER, FIN | ACK, 0);
    if (left == 2)
        return write_tcp(p, flow, time_ns, CLIENT, FIN | ACK, 0);
    return write_tcp(p, flow, time_ns, SERVER, ACK, 0);
}

/* The flow's next packet. Returns its length on the wire. */
static unsigned flow_step(uint8_t *p, struct flow *flow, uint64_t time_ns)
{
    switch (flow->script) {
    case SCRIPT_TCP:
        return write_tcp_step(p, flow, time_ns);
    case SCRIPT_REFUSED:
        return write_tcp(p, flow, time_ns, flow->step ? SERVER : CLIENT, flow->step ? RST | ACK : SYN, 0);
    case SCRIPT_UNANSWERED:
        flow->sequence[CLIENT] -= flow->step > 0; /* the same SYN again */
        return write_tcp(p, flow, time_ns, CLIENT, SYN, 0);
    case SCRIPT_DNS:
        return write_udp(p, flow, flow->step ? SERVER : CLIENT,
                         flow->step ? 60 + random_below(180) : 28 + random_below(30));
    case SCRIPT_QUIC:
        return flow->step % 4 == 0 ? write_udp(p, flow, CLIENT, 30 + random_below(200))
                                   : write_udp(p, flow, SERVER, DATAGRAM);
    default:
        return write_ping(p, flow, flow->step % 2 ? SERVER : CLIENT);
    }
}

/* Between its two FINs and the last ACK: these follow each other at once, as they do in life. */
static bool tcp_is_closing(const struct flow *flow)
{
    return flow->script == SCRIPT_TCP && flow->steps && flow->steps - flow->step < 3;
}

static void generate(struct output *output, const struct profile *profile, uint64_t packets, struct totals *totals)
{
    static struct flow flows[FLOWS_MAX];
    uint64_t time_ns = 0;
    for (unsigned i = 0; i < profile->concurrent; i++)
        flow_make(&flows[i], profile);
    struct flow *flow = NULL;
    for (uint64_t i = 0; i < packets; i++) {
        if (!flow || !tcp_is_closing(flow))
            flow = &flows[random_below(profile->concurrent)];
        if (flow->step == 0)
            totals->flows++;
        unsigned wire = flow_step(record_begin(output), flow, time_ns);
        record_end(output, time_ns, wire);
        totals->ip_bytes += wire - ETHERNET;
        if (++flow->step == flow->steps)
            flow_make(flow, profile);
        time_ns += 1 + random_below(2 * profile->gap_ns);
    }
}

static void generate_flood(struct output *output, uint64_t packets, struct totals *totals)
{
    struct flow flow = {.protocol = PROTOCOL_TCP,
                        .port = {0, 80},
                        .mac = {{0x00, 0x1b, 0x17, 0x00, 0x01, 0x13}, {0x3c, 0x52, 0x82, 0, 0, 80}}};
    put32(flow.address[SERVER], 0x0a010050);
    for (uint64_t i = 0; i < packets; i++) {
        uint64_t source = random_next();
        put32(flow.address[CLIENT], 0x01000000 + (uint32_t)(source >> 32) % 0xdf000000u);
        flow.port[CLIENT] = (uint16_t)(1024 + source % 64512);
        flow.sequence[CLIENT] = (uint32_t)random_next();
        flow.ip_id[CLIENT] = (uint16_t)(source >> 16);
        flow.ttl[CLIENT] = (uint8_t)(40 + source % 20);
        unsigned wire = write_tcp(record_begin(output), &flow, i * 1000, CLIENT, SYN, 0);
        record_end(output, i * 1000, wire);
        totals->ip_bytes += wire - ETHERNET;
        totals->flows++;
    }
}

int main(int argc, char **argv)
{
    char *end = NULL;
    unsigned long long packets = argc == 4 ? strtoull(argv[2], &end, 10) : 0;
    const struct profile *profile = NULL;
    bool flood = argc == 4 && strcmp(argv[1], "flood") == 0;
    for (size_t i = 0; argc == 4 && i < sizeof profiles / sizeof profiles[0]; i++)
        if (strcmp(argv[1], profiles[i].name) == 0)
            profile = &profiles[i];
    if (packets == 0 || *end || (!flood && !profile)) {
        fprintf(stderr, "usage: gen_capture few|mix|mild|flood PACKETS FILE\n");
        return 2;
    }
    struct output output;
    struct totals totals = {.packets = packets};
    output_open(&output, argv[3]);
    if (flood)
        generate_flood(&output, packets, &totals);
    else
        generate(&output, profile, packets, &totals);
    output_flush(&output);
    if (close(output.file) < 0)
        die(argv[3]);
    free(output.buffer);
    printf("{\"packets\": %llu, \"flows\": %llu, \"ip_bytes\": %llu}\n", (unsigned long long)totals.packets,
           (unsigned long long)totals.flows, (unsigned long long)totals.ip_bytes);
    return 0;
}
