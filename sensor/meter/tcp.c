/* SPDX-License-Identifier: Apache-2.0 */
/* TCP connections: state, history, sequence numbers. */
#include "sensor/meter/tcp.h"

#include "common/records/flow.h"
#include "sensor/meter/entry.h"

bool tcp_starts_anew(const struct entry *e, const struct decoded *d, enum side_number from)
{
    if ((d->tcp_flags & (TCP_SYN | TCP_RST | TCP_FIN)) != TCP_SYN)
        return false;
    const struct side *me = &e->side[from], *peer = &e->side[!from];
    bool repeated = (me->bits & SIDE_ISN) && me->isn == d->sequence;
    if (repeated)
        return false;
    if (e->head.flags & ENTRY_CLOSED)
        return true;
    if (d->tcp_flags & TCP_ACK)
        return false; /* an answer; if another than before, of the same attempt */
    /* Both sides may open at once (RFC 9293, 3.5): a second SYN from the side that has not spoken. */
    bool simultaneous = e->head.endpoint[!from] == ENDPOINT_SYN_SENT && (peer->bits & SIDE_ISN);
    bool overtaken = e->head.endpoint[!from] == ENDPOINT_SYN_ACK_SENT; /* by its own answer */
    return (me->bits & SIDE_SEEN) || !(simultaneous || overtaken);
}

/* How much of the sequence space a segment takes. */
static uint32_t sequence_length(const struct decoded *d)
{
    return d->payload + ((d->tcp_flags & TCP_SYN) != 0) + ((d->tcp_flags & TCP_FIN) != 0);
}

static void say(struct cold *cold, struct side *side, enum side_number from, unsigned bit, char letter)
{
    if (side->history & bit)
        return;
    side->history |= (uint16_t)bit;
    cold->history = flow_history_add(cold->history, from == SIDE_SRC ? (char)(letter - 'a' + 'A') : letter);
}

static void tell_history(struct cold *cold, struct side *side, const struct decoded *d, enum side_number from)
{
    unsigned flags = d->tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST);
    switch (flags) {
    case 0:
        if (d->payload > 0)
            say(cold, side, from, HISTORY_D, 'd');
        else if (d->tcp_flags & TCP_ACK)
            say(cold, side, from, HISTORY_A, 'a');
        break;
    case TCP_SYN:
        if (d->tcp_flags & TCP_ACK)
            say(cold, side, from, HISTORY_H, 'h');
        else
            say(cold, side, from, HISTORY_S, 's');
        break;
    case TCP_FIN:
        say(cold, side, from, HISTORY_F, 'f');
        break;
    case TCP_RST:
        say(cold, side, from, HISTORY_R, 'r');
        break;
    case TCP_FIN | TCP_RST:
        say(cold, side, from, HISTORY_I, 'i');
        break;
    default: /* SYN with FIN or RST */
        say(cold, side, from, HISTORY_Q, 'q');
        break;
    }
}

/* As Zeek does; the end of a connection is told by the first FINs and RSTs. */
static void move_endpoints(struct entry *e, const struct decoded *d, enum side_number from)
{
    uint8_t *me = &e->head.endpoint[from], *peer = &e->head.endpoint[!from];
    if (*me == ENDPOINT_CLOSED && *peer == ENDPOINT_CLOSED)
        return; /* many hosts send a RST after FIN both ways: it ended well all the same */
    if (d->tcp_flags & TCP_RST) {
        *me = ENDPOINT_RESET;
    } else if (d->tcp_flags & TCP_SYN) {
        if (*me != ENDPOINT_INACTIVE && *me != ENDPOINT_SYN_SENT)
            return;
        bool answer = d->tcp_flags & TCP_ACK;
        if (*peer == (answer ? ENDPOINT_SYN_SENT : ENDPOINT_SYN_ACK_SENT)) /* the SYN may come after its answer */
            *me = *peer = ENDPOINT_ESTABLISHED;
        else
            *me = answer ? ENDPOINT_SYN_ACK_SENT : ENDPOINT_SYN_SENT;
    } else if (*me == ENDPOINT_INACTIVE || *me == ENDPOINT_PARTIAL) {
        if ((d->tcp_flags & TCP_ACK) && *peer == ENDPOINT_SYN_ACK_SENT) /* the SYN alone was missed */
            *me = *peer = ENDPOINT_ESTABLISHED;
        else
            *me = ENDPOINT_PARTIAL;
    }
    if ((d->tcp_flags & TCP_FIN) && *me != ENDPOINT_RESET) {
        bool first = *me != ENDPOINT_CLOSED;
        *me = ENDPOINT_CLOSED;
        if (first && *peer == ENDPOINT_RESET && (e->side[!from].history & HISTORY_F))
            *peer = ENDPOINT_CLOSED; /* FIN, RST, and the other's FIN */
    }
    if (*me == ENDPOINT_RESET || (*me == ENDPOINT_CLOSED && *peer == ENDPOINT_CLOSED))
        e->head.flags |= ENTRY_CLOSED;
}

static uint32_t round_trip(int64_t from, int64_t to)
{
    int64_t us = (to - from) / 1000;
    return us < 0 ? 0 : us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

/* The sensor stands between the two: SYN to SYN-ACK is the server's side of the round trip, SYN-ACK to ACK the
 * client's. */
static void time_handshake(struct entry *e, struct cold *cold, const struct decoded *d, enum side_number from)
{
    const struct side *src = &e->side[SIDE_SRC], *dst = &e->side[SIDE_DST];
    if (from == SIDE_DST) {
        uint32_t after_syn = src->isn + 1; /* data in the SYN (TCP Fast Open) may be acknowledged with it, or not */
        if ((d->tcp_flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK) && !(dst->bits & SIDE_SEEN) &&
            (src->bits & SIDE_ISN) && d->acknowledgement - after_syn <= src->next_sequence - after_syn) {
            cold->server_rtt = round_trip(e->head.last_time, d->time_ns);
            cold->evidence |= FLOW_HAS_SERVER_RTT;
        }
    } else if ((cold->evidence & (FLOW_HAS_SERVER_RTT | FLOW_HAS_CLIENT_RTT)) == FLOW_HAS_SERVER_RTT &&
               (dst->bits & SIDE_ISN) && d->acknowledgement == dst->isn + 1 && dst->packets > 0 &&
               !(src->history & (HISTORY_A | HISTORY_D | HISTORY_F | HISTORY_R)) &&
               !(dst->history & (HISTORY_A | HISTORY_D | HISTORY_F | HISTORY_R))) {
        /* Since the last SYN-ACK, not the last packet: a SYN sent again may have come in between. */
        cold->client_rtt = round_trip(side_last_time(e, dst), d->time_ns);
        cold->evidence |= FLOW_HAS_CLIENT_RTT;
    }
}

/* A segment behind the furthest one: new to us if it fills the known hole, else sent again. */
static void place_earlier(struct entry *e, struct cold *cold, struct side *side, const struct decoded *d,
                          enum side_number from, uint32_t length)
{
    bool keep_alive = d->sequence == side->next_sequence - 1 && d->payload <= 1 && length == d->payload;
    if (length == 0 || keep_alive)
        return;
    uint32_t into = d->sequence - side->hole_start;
    if (into < side->hole_length) {
        side->out_of_order++;
        if (into == 0) {
            uint32_t filled = length < side->hole_length ? length : side->hole_length;
            side->hole_start += filled;
            side->hole_length -= (uint16_t)filled;
        } else {
            side->hole_length = (uint16_t)into;
        }
    } else {
        side->retransmits++;
        say(cold, side, from, HISTORY_T, 't');
    }
    if (side->out_of_order >= UINT16_MAX - 1 || side->retransmits >= UINT16_MAX - 1)
        e->head.flags |= ENTRY_REPORT;
    uint32_t end = d->sequence + length;
    if ((int32_t)(end - side->next_sequence) > 0)
        side->next_sequence = end;
}

static void place_sequence(struct entry *e, struct cold *cold, struct side *side, const struct decoded *d,
                           enum side_number from)
{
    uint32_t length = sequence_length(d);
    if (!(side->bits & SIDE_SEQUENCE)) {
        side->next_sequence = d->sequence + length;
        side->bits |= SIDE_SEQUENCE;
        return;
    }
    int32_t ahead = (int32_t)(d->sequence - side->next_sequence);
    if (ahead == 0) {
        side->next_sequence += length;
    } else if (ahead > 0) {
        side->hole_start = side->next_sequence;
        side->hole_length = ahead < UINT16_MAX ? (uint16_t)ahead : UINT16_MAX;
        side->next_sequence = d->sequence + length;
    } else {
        place_earlier(e, cold, side, d, from, length);
    }
}

/* The same packet again, at a tap that sees it twice: a host would have given it another IP identification. Where there
 * is none, a host would have waited before it sent data again; of segments without data nothing tells. */
static bool is_duplicate(const struct entry *e, const struct side *side, const struct decoded *d)
{
    uint32_t length = sequence_length(d);
    if (d->sequence + length != side->next_sequence || !(side->bits & SIDE_SEQUENCE) || d->fragment)
        return false;
    bool same = d->has_ip_id && d->ip_id != 0 ? d->ip_id == side->last_ip_id : length > 0;
    return same && side_just_sent(e, side, d->time_ns);
}

/* Boring after a RST, and when the peer will send no more: Zeek's rule. */
static bool is_zero_window(const struct entry *e, const struct decoded *d, enum side_number from)
{
    return d->window == 0 && (d->tcp_flags & TCP_RST) == 0 && e->head.endpoint[from] != ENDPOINT_RESET &&
           e->head.endpoint[!from] != ENDPOINT_CLOSED;
}

void tcp_packet(struct entry *e, struct cold *cold, const struct decoded *d, enum side_number from)
{
    struct side *side = &e->side[from];
    unsigned said = d->payload > 0 ? HISTORY_D : HISTORY_A;
    bool usual = (d->tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST)) == 0 &&
                 e->head.endpoint[from] == ENDPOINT_ESTABLISHED && (side->history & said) && d->window != 0;
    if (!usual) {
        time_handshake(e, cold, d, from);
        move_endpoints(e, d, from);
        tell_history(cold, side, d, from);
        if (d->payload > 0)
            side->history |= HISTORY_DATA;
        if (is_zero_window(e, d, from)) {
            say(cold, side, from, HISTORY_W, 'w');
            if (++side->zero_windows == UINT8_MAX)
                e->head.flags |= ENTRY_REPORT;
        }
        /* A SYN-ACK is no conversation yet: whoever forges its sources gets one from every server. */
        if ((e->side[SIDE_SRC].history & HISTORY_BEYOND_SYN) && (e->side[!from].bits & SIDE_SEEN))
            e->head.flags |= ENTRY_ANSWERED;
        if ((d->tcp_flags & TCP_SYN) && !(side->bits & SIDE_ISN)) {
            side->isn = d->sequence;
            side->bits |= SIDE_ISN;
        }
    }
    if (is_duplicate(e, side, d)) {
        side->duplicates += side->duplicates < UINT8_MAX;
    } else if ((d->tcp_flags & TCP_RST) == 0) { /* the number in a RST is often made up */
        place_sequence(e, cold, side, d, from);
    }
}

enum flow_state tcp_state(const struct entry *e)
{
    enum tcp_endpoint src = e->head.endpoint[SIDE_SRC], dst = e->head.endpoint[SIDE_DST];
    bool src_inactive = src == ENDPOINT_INACTIVE || src == ENDPOINT_PARTIAL;
    bool dst_inactive = dst == ENDPOINT_INACTIVE || dst == ENDPOINT_PARTIAL;
    bool data = (e->side[SIDE_SRC].history | e->side[SIDE_DST].history) & HISTORY_DATA;
    if (dst == ENDPOINT_RESET) {
        if (src == ENDPOINT_SYN_SENT || src == ENDPOINT_SYN_ACK_SENT || (src == ENDPOINT_RESET && !data))
            return FLOW_STATE_REJ;
        return src_inactive ? FLOW_STATE_RSTRH : FLOW_STATE_RSTR;
    }
    if (src == ENDPOINT_RESET)
        return dst_inactive ? FLOW_STATE_RSTOS0 : FLOW_STATE_RSTO;
    if (src == ENDPOINT_CLOSED && dst == ENDPOINT_CLOSED)
        return FLOW_STATE_SF;
    if (src == ENDPOINT_CLOSED)
        return dst_inactive ? FLOW_STATE_SH : FLOW_STATE_S2;
    if (dst == ENDPOINT_CLOSED)
        return src_inactive ? FLOW_STATE_SHR : FLOW_STATE_S3;
    if (src == ENDPOINT_SYN_SENT && dst == ENDPOINT_INACTIVE)
        return FLOW_STATE_S0;
    if (src == ENDPOINT_ESTABLISHED && dst == ENDPOINT_ESTABLISHED)
        return FLOW_STATE_S1;
    return FLOW_STATE_OTH;
}
