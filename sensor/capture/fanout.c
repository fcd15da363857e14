/* SPDX-License-Identifier: Apache-2.0 */
/* Packets divided by addresses. Apart from live.c: pcap.h and linux/filter.h define the same names. */
#include "sensor/capture/fanout.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/socket.h>

enum {
    TAGS_MAX = 4,
    TAG_BYTES = 4,
    PPPOE_BYTES = 8, /* with the protocol of the PPP frame */
    PPP_IPV4 = 0x0021,
    PPP_IPV6 = 0x0057,
    PROGRAM_MAX = 900,
};

struct program {
    struct sock_filter code[PROGRAM_MAX];
    uint16_t length;
};

static void put(struct program *p, uint16_t code, uint32_t k)
{
    p->code[p->length++] = (struct sock_filter)BPF_STMT(code, k);
}

/* The way in to what is done only if A is `k`; put_otherwise ends it. */
static uint16_t put_if(struct program *p, uint32_t k)
{
    p->code[p->length] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k, 0, 0);
    return p->length++;
}

static void put_otherwise(struct program *p, uint16_t condition)
{
    p->code[condition].jf = (uint8_t)(p->length - condition - 1);
}

/* Ends with a number made of the `count` words at `at`, in whatever order they are. */
static void put_return(struct program *p, uint32_t at, unsigned count)
{
    put(p, BPF_LD | BPF_W | BPF_ABS, at);
    for (unsigned i = 1; i < count; i++) {
        put(p, BPF_MISC | BPF_TAX, 0);
        put(p, BPF_LD | BPF_W | BPF_ABS, at + i * 4);
        put(p, BPF_ALU | BPF_ADD | BPF_X, 0);
    }
    /* Of which the kernel takes the remainder by the number of sockets: every bit must have its part in the lowest. */
    put(p, BPF_ALU | BPF_MUL | BPF_K, 0x9e3779b1);
    put(p, BPF_ALU | BPF_RSH | BPF_K, 16);
    put(p, BPF_RET | BPF_A, 0);
}

static void put_addresses(struct program *p, uint32_t at, uint32_t ipv4, uint32_t ipv6)
{
    uint16_t condition = put_if(p, ipv4);
    put_return(p, at + 12, 2);
    put_otherwise(p, condition);
    condition = put_if(p, ipv6);
    put_return(p, at + 8, 8);
    put_otherwise(p, condition);
}

/* What stands at `at`, of the kind in A: IP, under some tags or in PPPoE. All else goes to the first socket. */
static void put_network(struct program *p, uint32_t at)
{
    for (unsigned tags = 0; tags <= TAGS_MAX; tags++, at += TAG_BYTES) {
        put_addresses(p, at, ETH_P_IP, ETH_P_IPV6);
        uint16_t condition = put_if(p, ETH_P_PPP_SES);
        put(p, BPF_LD | BPF_H | BPF_ABS, at + PPPOE_BYTES - 2);
        put_addresses(p, at + PPPOE_BYTES, PPP_IPV4, PPP_IPV6);
        put(p, BPF_RET | BPF_K, 0);
        put_otherwise(p, condition);
        static const uint16_t kinds[] = {ETH_P_8021Q, ETH_P_8021AD, ETH_P_QINQ1};
        for (unsigned i = 0; i < 3; i++)
            p->code[put_if(p, kinds[i])].jt = (uint8_t)(3 - i);
        put(p, BPF_RET | BPF_K, 0);
        put(p, BPF_LD | BPF_H | BPF_ABS, at + 2);
    }
    put(p, BPF_RET | BPF_K, 0);
}

static void put_load(struct program *p, int32_t what)
{
    put(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + what));
}

/* The kernel shows a packet that comes in from its network header on, one that goes out from its link header on. There are
 * places relative to the network header, too, but not in memory that is only attached, and under which tags of a packet
 * going out that header is depends on the card: last resort. */
static void program_make(struct program *p)
{
    p->length = 0;
    put_load(p, SKF_AD_PKTTYPE);
    p->code[put_if(p, PACKET_OUTGOING)].jf = 1;
    uint16_t outgoing = p->length;
    put(p, BPF_JMP | BPF_JA, 0);
    put_load(p, SKF_AD_PROTOCOL);
    put_network(p, 0);
    p->code[outgoing].k = p->length - outgoing - 1u;
    put_load(p, SKF_AD_HATYPE);
    p->code[put_if(p, ARPHRD_ETHER)].jt = 1;
    p->code[put_if(p, ARPHRD_LOOPBACK)].jf = 1;
    uint16_t ethernet = p->length;
    put(p, BPF_JMP | BPF_JA, 0);
    put_load(p, SKF_AD_PROTOCOL);
    put_addresses(p, (uint32_t)SKF_NET_OFF, ETH_P_IP, ETH_P_IPV6);
    put(p, BPF_RET | BPF_K, 0);
    p->code[ethernet].k = p->length - ethernet - 1u;
    put(p, BPF_LD | BPF_H | BPF_ABS, ETH_HLEN - 2);
    put_network(p, ETH_HLEN);
}

static enum result refused(struct error *err)
{
    return error_set(err, RESULT_REJECT, "the kernel does not share it among threads (%s); use --threads 1", strerror(errno));
}

enum result fanout_join(int fd, uint32_t *group, struct error *err)
{
    struct program program;
    uint32_t wanted = *group != 0 ? *group : (uint32_t)(PACKET_FANOUT_CBPF | PACKET_FANOUT_FLAG_UNIQUEID) << 16;
    socklen_t size = sizeof(*group);
    if (setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &wanted, sizeof(wanted)) != 0 ||
        getsockopt(fd, SOL_PACKET, PACKET_FANOUT, group, &size) != 0)
        return refused(err);
    program_make(&program);
    struct sock_fprog data = {.len = program.length, .filter = program.code};
    if (setsockopt(fd, SOL_PACKET, PACKET_FANOUT_DATA, &data, sizeof(data)) != 0)
        return refused(err);
    return RESULT_OK;
}
