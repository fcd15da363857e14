/* SPDX-License-Identifier: Apache-2.0 */
/* Packets divided by addresses: a program for the kernel's packet filter machine (Linux' classic BPF: a register A, an
 * index X, a few words of memory, jumps only onwards). Apart from live.c: pcap.h and linux/filter.h define the same
 * names. */
#include "sensor/capture/fanout.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

/* Offsets from the start of each header. */
enum {
    ETHER_KIND = 12,
    TAG_KIND = 2,
    TAG_BYTES = 4,
    PPPOE_KIND = 6, /* the PPP protocol */
    PPPOE_BYTES = 8,
    PPP_IPV4 = 0x0021,
    PPP_IPV6 = 0x0057,
    IPV4_FRAGMENT = 6, /* more to come, and the offset */
    IPV4_PROTOCOL = 9,
    IPV4_SRC = 12,
    IPV4_DST = 16,
    IPV6_NEXT = 6,
    IPV6_ADDRESSES = 8,
    IPV6_BYTES = 40,
    ICMP_QUOTE = 8,
    ICMPV6_INFORMS = 128, /* types below are errors */
    ICMPV6_ND_FIRST = 133,
    ICMPV6_ND_LAST = 137,
};

/* Words of the machine's memory. */
enum { KEEP, IP_AT, SUM }; /* SUM: of seven, to 8 */

/* Where jumps go. */
enum label {
    NEXT, /* the step below */
    SENT,
    SENT_ETHERNET,
    RECEIVED,
    PROTOCOL,
    TAG1,
    UNTAG1,
    TAG2,
    UNTAG2,
    TAG3,
    UNTAG3,
    TAG4,
    UNTAG4,
    UNTAGGED,
    PPPOE,
    IPV4,
    QUOTED_IPV4,
    ADDRESSES_IPV4,
    IPV6,
    IPV6_INFORMS,
    QUOTED_IPV6,
    ADDRESSES_IPV6,
    MIX,
    FIRST_SOCKET,
    LABEL_COUNT,
};

struct step {
    enum label here; /* NEXT: nobody jumps here */
    uint16_t code;
    uint32_t k;
    enum label yes, no; /* of the jumps */
};

#define LOAD(size, offset)   BPF_LD | BPF_##size | BPF_IND, offset /* from X on */
#define KERNEL(what)         BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_##what)
#define IF(test, k, yes, no) BPF_JMP | BPF_J##test | BPF_K, k, yes, no
#define GO(to)               BPF_JMP | BPF_JA, 0, to
#define ADD_TO_X(bytes)                                                                                                \
    {NEXT, BPF_MISC | BPF_TXA, 0}, {NEXT, BPF_ALU | BPF_ADD | BPF_K, bytes},                                           \
    {                                                                                                                  \
        NEXT, BPF_MISC | BPF_TAX, 0                                                                                    \
    }
#define KEEP_A(word)                                                                                                   \
    {                                                                                                                  \
        NEXT, BPF_ST, word                                                                                             \
    }
#define A_FROM(word)                                                                                                   \
    {                                                                                                                  \
        NEXT, BPF_LD | BPF_MEM, word                                                                                   \
    }
#define X_FROM(word)                                                                                                   \
    {                                                                                                                  \
        NEXT, BPF_LDX | BPF_MEM, word                                                                                  \
    }
#define ADD(word)                                                                                                      \
    X_FROM(word),                                                                                                      \
    {                                                                                                                  \
        NEXT, BPF_ALU | BPF_ADD | BPF_X, 0                                                                             \
    }

/* At `tag` A has what kind of header stands at X. Is it a VLAN tag, both move on behind it. */
#define PASS_TAG(tag, untag)                                                                                           \
    {tag, IF(EQ, ETH_P_8021Q, untag, NEXT)}, {NEXT, IF(EQ, ETH_P_8021AD, untag, NEXT)},                                \
        {NEXT, IF(EQ, ETH_P_QINQ1, untag, UNTAGGED)}, {untag, LOAD(H, TAG_KIND)}, KEEP_A(KEEP), ADD_TO_X(TAG_BYTES),   \
        A_FROM(KEEP)

/* A load beyond the packet's end ends the program with 0, the first socket. */
static const struct step steps[] = {
    /* The kernel shows a packet that came in from its network header on, one that goes out from its link header on; the
     * outermost tag may be taken off already. SKF_NET_OFF would do for both, but not in memory that is only attached,
     * and where tags of a packet going out stand depends on the card. So only for links without Ethernet headers. */
    {NEXT, KERNEL(PKTTYPE)},
    {NEXT, IF(EQ, PACKET_OUTGOING, SENT, RECEIVED)},
    {SENT, KERNEL(HATYPE)},
    {NEXT, IF(EQ, ARPHRD_ETHER, SENT_ETHERNET, NEXT)},
    {NEXT, IF(EQ, ARPHRD_LOOPBACK, SENT_ETHERNET, NEXT)},
    {NEXT, BPF_LDX | BPF_IMM, (uint32_t)SKF_NET_OFF},
    {NEXT, GO(PROTOCOL)},
    {SENT_ETHERNET, BPF_LDX | BPF_IMM, ETH_HLEN},
    {NEXT, BPF_LD | BPF_H | BPF_ABS, ETHER_KIND},
    {NEXT, GO(TAG1)},
    {RECEIVED, BPF_LDX | BPF_IMM, 0},
    {PROTOCOL, KERNEL(PROTOCOL)},
    PASS_TAG(TAG1, UNTAG1),
    PASS_TAG(TAG2, UNTAG2),
    PASS_TAG(TAG3, UNTAG3),
    PASS_TAG(TAG4, UNTAG4),
    {UNTAGGED, IF(EQ, ETH_P_IP, IPV4, NEXT)},
    {NEXT, IF(EQ, ETH_P_IPV6, IPV6, NEXT)},
    {NEXT, IF(EQ, ETH_P_PPP_SES, PPPOE, FIRST_SOCKET)},
    {PPPOE, LOAD(H, PPPOE_KIND)},
    KEEP_A(KEEP),
    ADD_TO_X(PPPOE_BYTES),
    A_FROM(KEEP),
    {NEXT, IF(EQ, PPP_IPV4, IPV4, NEXT)},
    {NEXT, IF(EQ, PPP_IPV6, IPV6, FIRST_SOCKET)},

    /* A whole ICMP error goes where the packet goes that it quotes. */
    {IPV4, BPF_STX, IP_AT},
    {NEXT, LOAD(B, IPV4_PROTOCOL)},
    {NEXT, IF(EQ, IPPROTO_ICMP, NEXT, ADDRESSES_IPV4)},
    {NEXT, LOAD(H, IPV4_FRAGMENT)},
    {NEXT, IF(SET, 0x3fff, ADDRESSES_IPV4, NEXT)},
    {NEXT, LOAD(B, 0)},
    {NEXT, BPF_ALU | BPF_AND | BPF_K, 0x0f}, /* the header's length in words */
    {NEXT, BPF_ALU | BPF_LSH | BPF_K, 2},
    {NEXT, BPF_ALU | BPF_ADD | BPF_X, 0},
    {NEXT, BPF_MISC | BPF_TAX, 0},
    {NEXT, LOAD(B, 0)},
    {NEXT, IF(EQ, 3, QUOTED_IPV4, NEXT)},
    {NEXT, IF(EQ, 4, QUOTED_IPV4, NEXT)},
    {NEXT, IF(EQ, 5, QUOTED_IPV4, NEXT)},
    {NEXT, IF(EQ, 11, QUOTED_IPV4, NEXT)},
    {NEXT, IF(EQ, 12, QUOTED_IPV4, NEXT)},
    X_FROM(IP_AT),
    {NEXT, GO(ADDRESSES_IPV4)},
    {QUOTED_IPV4, BPF_MISC | BPF_TXA, 0},
    {NEXT, BPF_ALU | BPF_ADD | BPF_K, ICMP_QUOTE},
    {NEXT, BPF_MISC | BPF_TAX, 0},
    {ADDRESSES_IPV4, LOAD(W, IPV4_SRC)},
    KEEP_A(SUM),
    {NEXT, LOAD(W, IPV4_DST)},
    ADD(SUM),
    {NEXT, GO(MIX)},

    /* Neighbour discovery is not split: questions go to addresses that do not answer. */
    {IPV6, LOAD(B, IPV6_NEXT)},
    {NEXT, IF(EQ, IPPROTO_ICMPV6, NEXT, ADDRESSES_IPV6)},
    {NEXT, LOAD(B, IPV6_BYTES)},
    {NEXT, IF(GE, ICMPV6_INFORMS, IPV6_INFORMS, QUOTED_IPV6)},
    {IPV6_INFORMS, IF(GT, ICMPV6_ND_LAST, ADDRESSES_IPV6, NEXT)},
    {NEXT, IF(GE, ICMPV6_ND_FIRST, FIRST_SOCKET, ADDRESSES_IPV6)},
    {QUOTED_IPV6, BPF_MISC | BPF_TXA, 0},
    {NEXT, BPF_ALU | BPF_ADD | BPF_K, IPV6_BYTES + ICMP_QUOTE},
    {NEXT, BPF_MISC | BPF_TAX, 0},
    {ADDRESSES_IPV6, LOAD(W, IPV6_ADDRESSES)},
    KEEP_A(SUM),
    {NEXT, LOAD(W, IPV6_ADDRESSES + 4)},
    KEEP_A(SUM + 1),
    {NEXT, LOAD(W, IPV6_ADDRESSES + 8)},
    KEEP_A(SUM + 2),
    {NEXT, LOAD(W, IPV6_ADDRESSES + 12)},
    KEEP_A(SUM + 3),
    {NEXT, LOAD(W, IPV6_ADDRESSES + 16)},
    KEEP_A(SUM + 4),
    {NEXT, LOAD(W, IPV6_ADDRESSES + 20)},
    KEEP_A(SUM + 5),
    {NEXT, LOAD(W, IPV6_ADDRESSES + 24)},
    KEEP_A(SUM + 6),
    {NEXT, LOAD(W, IPV6_ADDRESSES + 28)},
    ADD(SUM),
    ADD(SUM + 1),
    ADD(SUM + 2),
    ADD(SUM + 3),
    ADD(SUM + 4),
    ADD(SUM + 5),
    ADD(SUM + 6),

    /* Of the sum, which is the same both ways, the kernel takes the remainder by the number of sockets: every bit must
     * have its part in the lowest. */
    {MIX, BPF_ALU | BPF_MUL | BPF_K, 0x9e3779b1},
    {NEXT, BPF_ALU | BPF_RSH | BPF_K, 16},
    {NEXT, BPF_RET | BPF_A, 0},
    {FIRST_SOCKET, BPF_RET | BPF_K, 0},
};
enum { STEP_COUNT = sizeof(steps) / sizeof(*steps) };
_Static_assert(STEP_COUNT < 256, "a jump goes at most so far");

static void program_make(struct sock_filter program[static STEP_COUNT])
{
    size_t at[LABEL_COUNT] = {0};
    for (size_t n = 0; n < STEP_COUNT; n++)
        at[steps[n].here] = n;
    for (size_t n = 0; n < STEP_COUNT; n++) {
        const struct step *s = &steps[n];
        at[NEXT] = n + 1;
        program[n] = (struct sock_filter){.code = s->code, .k = s->k};
        if (s->code == (BPF_JMP | BPF_JA)) {
            program[n].k = (uint32_t)(at[s->yes] - n - 1);
        } else if (BPF_CLASS(s->code) == BPF_JMP) {
            program[n].jt = (uint8_t)(at[s->yes] - n - 1);
            program[n].jf = (uint8_t)(at[s->no] - n - 1);
        }
    }
}

static enum result refused(struct error *err)
{
    return error_set(err, RESULT_REJECT, "the kernel does not share it among threads (%s); use --threads 1",
                     strerror(errno));
}

enum result fanout_join(int fd, uint32_t *group, struct error *err)
{
    struct sock_filter program[STEP_COUNT];
    uint32_t wanted = *group != 0 ? *group : (uint32_t)(PACKET_FANOUT_CBPF | PACKET_FANOUT_FLAG_UNIQUEID) << 16;
    socklen_t size = sizeof(*group);
    if (setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &wanted, sizeof(wanted)) != 0 ||
        getsockopt(fd, SOL_PACKET, PACKET_FANOUT, group, &size) != 0)
        return refused(err);
    program_make(program);
    struct sock_fprog data = {.len = STEP_COUNT, .filter = program};
    if (setsockopt(fd, SOL_PACKET, PACKET_FANOUT_DATA, &data, sizeof(data)) != 0)
        return refused(err);
    return RESULT_OK;
}
