/* SPDX-License-Identifier: Apache-2.0 */
/* Captures from interfaces, through libpcap. */
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "sensor/capture/backend.h"
#include "sensor/capture/fanout.h"
#include "sensor/capture/order.h"

/* The kernel hands over a block of packets when it is full, or so old. One of several interfaces has others wait for
 * it, with their packets in the kernel's buffer. */
enum { BLOCK_WAIT_MS = 100, BLOCK_WAIT_SEVERAL_MS = 10 };
/* What came so long ago has been handed over, also by a kernel whose clock ticks a hundred times a second. */
#define HANDED_OVER_NS ((BLOCK_WAIT_SEVERAL_MS + 30) * NS_PER_MS)
#define RETRY_NS       NS_PER_S /* an interface that went down is asked again so often */

struct interface {
    char *name;
    pcap_t *pcap;
    int fd;
    unsigned index; /* the kernel's; 0: of none that has one ("any") */
    uint16_t link_type;
    bool down;
    bool gone;             /* for good: what has its name now is another one */
    int64_t retry_at;      /* monotonic; while down */
    struct pcap_stat last; /* what libpcap counts has 32 bits, and wraps */
    uint64_t kernel_dropped, interface_dropped;
};

struct live {
    struct capture capture;
    struct capture_options options;
    struct interface interfaces[CAPTURE_SOURCES_MAX];
    size_t count;
    bool begun;
    int64_t begin_ns;           /* what is older goes by */
    struct order_queue *queues; /* of each interface, if there are several */
    uint8_t *copies; /* CAPTURE_BATCH * snaplen for each: a packet in the ring is ours only within libpcap's callback */
    /* While we are in the callback: */
    struct packet *packets; /* where they go */
    size_t packet_count;
    uint16_t source;
};

static void say(const struct live *l, enum capture_say kind, const char *name, const char *text)
{
    char sentence[512];
    snprintf(sentence, sizeof(sentence), "%.64s: %.400s", name, text);
    if (l->options.say != NULL && l->options.thread == 0) /* the others have the same to say */
        l->options.say(l->options.context, kind, sentence);
}

/* Among several threads: what came while not all were there yet went to one of them or to all, whosever it is now. */
static void begin(struct live *l)
{
    if (l->begun)
        return;
    l->begun = true;
    if (l->options.thread_count < 2)
        return;
    l->begin_ns = clock_wall_ns();
    for (size_t n = 0; n < l->count; n++) {
        if (pcap_stats(l->interfaces[n].pcap, &l->interfaces[n].last) != 0)
            l->interfaces[n].last = (struct pcap_stat){0};
    }
}

static void take(u_char *user, const struct pcap_pkthdr *header, const u_char *data)
{
    struct live *l = (struct live *)user;
    int64_t time_ns = (int64_t)header->ts.tv_sec * NS_PER_S + header->ts.tv_usec; /* nanoseconds: asked for */
    if (time_ns < l->begin_ns)
        return;
    uint8_t *copy = l->copies + (l->source * CAPTURE_BATCH + l->packet_count) * l->options.snaplen;
    uint32_t captured = header->caplen < l->options.snaplen ? header->caplen : l->options.snaplen;
    memcpy(copy, data, captured);
    l->packets[l->packet_count++] = (struct packet){
        .data = copy,
        .captured = captured,
        .length = header->len < captured ? captured : header->len,
        .time_ns = time_ns,
        .interface = l->source,
        .link_type = l->interfaces[l->source].link_type,
    };
}

/* The interface is down or gone. Down: the socket stays, and packets come again when it is up. */
static void lose(struct live *l, struct interface *i)
{
    if (if_nametoindex(i->name) != i->index) {
        i->gone = true;
        say(l, CAPTURE_SAY_WARNING, i->name, "is gone: nothing is captured from it any more");
    } else if (!i->down) {
        say(l, CAPTURE_SAY_WARNING, i->name, pcap_geterr(i->pcap));
    }
    i->down = true;
    i->retry_at = clock_monotonic_ns() + RETRY_NS;
}

static bool all_gone(const struct live *l)
{
    for (size_t n = 0; n < l->count; n++) {
        if (!l->interfaces[n].gone)
            return false;
    }
    return true;
}

/* Up to CAPTURE_BATCH packets of an interface, without waiting. Returns whether there may be more. */
static bool ask(struct live *l, size_t number, struct packet *packets)
{
    struct interface *i = &l->interfaces[number];
    l->source = (uint16_t)number;
    l->packets = packets;
    l->packet_count = 0;
    if (i->gone || (i->down && clock_monotonic_ns() < i->retry_at))
        return false;
    int got = pcap_dispatch(i->pcap, CAPTURE_BATCH, take, (u_char *)l);
    if (got < 0) {
        lose(l, i);
    } else if (i->down) {
        i->down = false;
        say(l, CAPTURE_SAY_NOTICE, i->name, "is back");
    }
    return got == CAPTURE_BATCH;
}

static size_t ask_all(struct live *l, struct packet *packets)
{
    if (l->queues == NULL) {
        ask(l, 0, packets);
        return l->packet_count;
    }
    for (size_t n = 0; n < l->count; n++) {
        struct order_queue *q = &l->queues[n];
        if (q->next < q->count)
            continue;
        int64_t asked_ns = clock_wall_ns();
        bool more = ask(l, n, q->packets);
        q->settled_ns = more ? INT64_MIN : asked_ns - HANDED_OVER_NS;
        q->open = !l->interfaces[n].down;
        q->count = l->packet_count;
        q->next = 0;
    }
    return order_take(l->queues, l->count, clock_wall_ns(), packets);
}

/* Until one of the interfaces that have nothing in their queue has something, or it is time for what waits in the
 * others'. */
static void wait_for_packets(const struct live *l, int wait_ms)
{
    struct pollfd fds[CAPTURE_SOURCES_MAX];
    nfds_t waiting = 0;
    for (size_t n = 0; n < l->count; n++) {
        bool has = l->queues != NULL && l->queues[n].next < l->queues[n].count;
        if (!l->interfaces[n].down && !has)
            fds[waiting++] = (struct pollfd){.fd = l->interfaces[n].fd, .events = POLLIN};
    }
    int64_t earliest_ns = l->queues != NULL ? order_earliest(l->queues, l->count) : INT64_MAX;
    if (earliest_ns != INT64_MAX) {
        int64_t left_ms = (earliest_ns + HANDED_OVER_NS - clock_wall_ns()) / NS_PER_MS + 1;
        wait_ms = left_ms < 0 ? 0 : left_ms < wait_ms ? (int)left_ms : wait_ms;
    }
    poll(fds, waiting, wait_ms);
}

static enum result live_next(struct capture *capture, int wait_ms, struct packet *packets, size_t *ret_count)
{
    struct live *l = (struct live *)capture;
    begin(l);
    *ret_count = ask_all(l, packets);
    if (*ret_count == 0 && wait_ms > 0) {
        wait_for_packets(l, wait_ms);
        *ret_count = ask_all(l, packets);
    }
    if (*ret_count > 0)
        return RESULT_OK;
    return all_gone(l) ? RESULT_END : RESULT_AGAIN;
}

static size_t live_source_count(const struct capture *capture)
{
    return ((const struct live *)capture)->count;
}

static void live_source_get(struct capture *capture, size_t number, struct capture_source *ret_source)
{
    struct live *l = (struct live *)capture;
    struct interface *i = &l->interfaces[number];
    struct pcap_stat now;
    begin(l);
    if (pcap_stats(i->pcap, &now) == 0) {
        i->kernel_dropped += now.ps_drop - i->last.ps_drop;
        i->interface_dropped += now.ps_ifdrop - i->last.ps_ifdrop;
        i->last = now;
    }
    *ret_source = (struct capture_source){
        .name = i->name,
        .kernel_dropped = i->kernel_dropped,
        .interface_dropped = i->interface_dropped,
        .broken = i->gone,
    };
    link_type_name(i->link_type, ret_source->link_type, sizeof(ret_source->link_type));
}

static void live_close(struct capture *capture)
{
    struct live *l = (struct live *)capture;
    for (size_t n = 0; n < l->count; n++) {
        if (l->interfaces[n].pcap != NULL)
            pcap_close(l->interfaces[n].pcap);
        free(l->interfaces[n].name);
    }
    free(l->queues);
    free(l->copies);
    free(l);
}

static const struct capture_ops live_ops = {
    .next = live_next,
    .source_count = live_source_count,
    .source_get = live_source_get,
    .close = live_close,
};

static enum result join_fanout(const struct live *l, const struct interface *i, size_t number, struct error *err)
{
    struct error why;
    if (l->options.thread_count < 2 || fanout_join(i->fd, &l->options.groups[number], &why) == RESULT_OK)
        return RESULT_OK;
    return error_set(err, RESULT_REJECT, "%s: %s", i->name, why.text);
}

static enum result activate(const struct live *l, struct interface *i, struct error *err)
{
    char reason[PCAP_ERRBUF_SIZE] = "";
    i->pcap = pcap_create(i->name, reason);
    if (i->pcap == NULL)
        return error_set(err, RESULT_REJECT, "%s: %s", i->name, reason);
    pcap_set_snaplen(i->pcap, (int)l->options.snaplen);
    pcap_set_promisc(i->pcap, 1);
    pcap_set_immediate_mode(i->pcap, 0); /* off: TPACKET_V3, a wake-up for a block of packets and not for each */
    pcap_set_timeout(i->pcap, l->options.name_count > 1 ? BLOCK_WAIT_SEVERAL_MS : BLOCK_WAIT_MS);
    pcap_set_buffer_size(i->pcap, (int)(l->options.buffer_size > INT32_MAX ? INT32_MAX : l->options.buffer_size));
    pcap_set_tstamp_precision(i->pcap, PCAP_TSTAMP_PRECISION_NANO);
    int status = pcap_activate(i->pcap);
    if (status < 0) {
        const char *way_out = status == PCAP_ERROR_PERM_DENIED      ? "; run as root or give it CAP_NET_RAW"
                              : status == PCAP_ERROR_NO_SUCH_DEVICE ? "; `ip link` lists the interfaces there are"
                                                                    : "";
        return error_set(err, RESULT_REJECT, "%s: %s (%s)%s", i->name, pcap_statustostr(status), pcap_geterr(i->pcap),
                         way_out);
    }
    if (status > 0)
        say(l, CAPTURE_SAY_WARNING, i->name,
            pcap_geterr(i->pcap)[0] != '\0' ? pcap_geterr(i->pcap) : pcap_statustostr(status));
    return RESULT_OK;
}

static enum result open_interface(const struct live *l, struct interface *i, size_t number, struct error *err)
{
    enum result result = activate(l, i, err);
    if (result != RESULT_OK)
        return result;
    char reason[PCAP_ERRBUF_SIZE] = "";
    i->index = if_nametoindex(i->name);
    i->link_type = link_type_of_dlt(pcap_datalink(i->pcap));
    if (l->options.filter != NULL) {
        struct bpf_program program;
        if (pcap_compile(i->pcap, &program, l->options.filter, 1, PCAP_NETMASK_UNKNOWN) != 0)
            return error_set(err, RESULT_REJECT, "capture filter \"%s\" on %s: %s (see pcap-filter(7))",
                             l->options.filter, i->name, pcap_geterr(i->pcap));
        int set = pcap_setfilter(i->pcap, &program);
        pcap_freecode(&program);
        if (set != 0)
            return error_set(err, RESULT_REJECT, "%s: %s", i->name, pcap_geterr(i->pcap));
    }
    i->fd = pcap_get_selectable_fd(i->pcap);
    if (i->fd < 0 || pcap_setnonblock(i->pcap, 1, reason) != 0)
        return error_set(err, RESULT_REJECT, "%s: cannot be waited for %s", i->name, reason);
    return join_fanout(l, i, number, err);
}

enum result capture_open_live(const struct capture_options *options, struct capture **ret_capture, struct error *err)
{
    if (options->name_count == 0 || options->name_count > CAPTURE_SOURCES_MAX)
        return error_set(err, RESULT_REJECT, "between 1 and %u interfaces can be captured from", CAPTURE_SOURCES_MAX);
    struct live *l = calloc(1, sizeof(*l));
    if (l == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    l->copies = malloc(options->name_count * CAPTURE_BATCH * options->snaplen);
    if (options->name_count > 1)
        l->queues = calloc(options->name_count, sizeof(*l->queues));
    if (l->copies == NULL || (options->name_count > 1 && l->queues == NULL)) {
        live_close(&l->capture);
        return error_set(err, RESULT_FATAL, "out of memory");
    }
    l->capture.ops = &live_ops;
    l->options = *options;
    enum result result = RESULT_OK;
    for (size_t n = 0; n < options->name_count && result == RESULT_OK; n++) {
        struct interface *i = &l->interfaces[n];
        l->count = n + 1;
        i->name = strdup(options->names[n]);
        result = i->name == NULL ? error_set(err, RESULT_FATAL, "out of memory") : open_interface(l, i, n, err);
    }
    if (result != RESULT_OK) {
        live_close(&l->capture);
        return result;
    }
    *ret_capture = &l->capture;
    return RESULT_OK;
}
