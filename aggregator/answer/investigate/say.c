/* SPDX-License-Identifier: Apache-2.0 */
/* investigate: findings as rows. A sentence says what was before and what after, and never that one made the other. */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/answer/columns.h"
#include "aggregator/answer/investigate/investigate.h"
#include "common/clock.h"

#define COVERAGE_MAX 640u

static const char *const step_words[STEP_COUNT] = {
#define X(name, doc) [STEP_##name] = #name,
    INVESTIGATE_STEPS(X)
#undef X
};

#define INVESTIGATE_TABLE(X)                                                                                           \
    X(time, TIME, TIME, SET, "TIME", "when it was")                                                                    \
    X(step, U8, WORD, NONE, "STEP",                                                                                    \
      "which part of the case: onset, past (before it), login, fetch, entry, spread, changed, callback, nothing")      \
    X(score, U32, NUMBER, NONE, "SCORE",                                                                               \
      "how much it stands out, in hundredths of its step's points: onset and changed have the natural logarithm of "   \
      "the likelihood ratio; logins, fetches and entries sums of points; callbacks a share of 1")                      \
    X(answer, TEXT, TEXT, NONE, "FINDING", "in a sentence: what was before what, not because of what")                 \
    X(command, TEXT, TEXT, NONE, NULL, "the command that shows it again")                                              \
    X(coverage, TEXT, TEXT, NONE, NULL,                                                                                \
      "what was not seen in that step's time; empty: nothing is known to be missing")                                  \
    X(host_hi, F64, ADDRESS, NONE, NULL, "whom it is about: the host asked about, or another inside")                  \
    X(host_lo, F64, LOWER, NONE, NULL, "")                                                                             \
    X(sensor, TEXT, TEXT, NONE, NULL, "who saw that other host")                                                       \
    X(peer_hi, F64, ADDRESS, NONE, NULL, "the other end")                                                              \
    X(peer_lo, F64, LOWER, NONE, NULL, "")                                                                             \
    X(protocol, U8, PROTOCOL, NONE, NULL, "of the service")                                                            \
    X(port, U16, PORT, NONE, NULL, "of the service")                                                                   \
    X(connections, U32, COUNT, NONE, NULL, "that the sentence is about")                                               \
    X(from_time, TIME, TIME, SET, NULL, "the step's time, whose coverage it is, begins")                               \
    X(to_time, TIME, TIME, SET, NULL, "and ends")

struct investigate_row {
    INVESTIGATE_TABLE(ANSWER_ROW_MEMBER)
};
enum { INVESTIGATE_TABLE(ANSWER_ENUM_MEMBER) };

const struct record_kind *investigate_columns(void)
{
    static struct field fields[] = {
#define X(...) ANSWER_COLUMN(investigate_row, 0, __VA_ARGS__)
        INVESTIGATE_TABLE(X)
#undef X
    };
    static struct answer_columns table = {.name = "investigate",
                                          .fields = fields,
                                          .count = sizeof(fields) / sizeof(*fields),
                                          .row_size = sizeof(struct investigate_row),
                                          .words = step_words,
                                          .word_count = STEP_COUNT};
    return answer_columns_kind(&table);
}

enum result finding_add(struct inquiry *q, const struct finding *f, struct error *err)
{
    if (q->findings == NULL && budget_take(&q->work->memory, FINDINGS_MAX * sizeof(*q->findings)))
        q->findings = calloc(FINDINGS_MAX, sizeof(*q->findings));
    if (q->findings == NULL)
        return budget_exceeded(err);
    q->cut = q->cut || q->finding_count == FINDINGS_MAX;
    if (q->finding_count < FINDINGS_MAX)
        q->findings[q->finding_count++] = *f;
    return RESULT_OK;
}

static int by_time(const void *left, const void *right)
{
    const struct finding *a = left, *b = right;
    if (a->time != b->time)
        return a->time < b->time ? -1 : 1;
    return (int)a->step - (int)b->step;
}

static enum result finding_send(struct inquiry *q, const struct finding *f, struct error *err)
{
    char coverage[COVERAGE_MAX];
    enum result r = coverage_sentence(q->work, f->from_ns, f->to_ns, coverage, sizeof(coverage), err);
    const struct investigate_row row = {.time = f->time,
                                        .step = (uint8_t)f->step,
                                        .score = (uint32_t)lround(f->score * 100),
                                        .answer = f->sentence,
                                        .command = f->command,
                                        .coverage = coverage,
                                        .host_hi = f->host.hi,
                                        .host_lo = f->host.lo,
                                        .sensor = f->sensor[0] == '\0' ? NULL : f->sensor,
                                        .peer_hi = f->peer.hi,
                                        .peer_lo = f->peer.lo,
                                        .protocol = f->protocol,
                                        .port = f->port,
                                        .connections = f->connections,
                                        .from_time = f->from_ns,
                                        .to_time = f->to_ns};
    if (r == RESULT_OK)
        r = work_add(q->work, &row, err);
    if (r == RESULT_OK && f->peer.hi == 0 && f->peer.lo == 0)
        r = work_unknown(q->work, COLUMN_peer_hi, err);
    if (r == RESULT_OK && f->protocol == 0)
        r = work_unknown(q->work, COLUMN_protocol, err);
    if (r == RESULT_OK && !protocol_has_ports(f->protocol))
        r = work_unknown(q->work, COLUMN_port, err);
    return r;
}

enum result findings_send(struct inquiry *q, struct error *err)
{
    enum result r = RESULT_OK;
    if (q->finding_count > 0)
        qsort(q->findings, q->finding_count, sizeof(*q->findings), by_time);
    for (size_t i = 0; i < q->finding_count && r == RESULT_OK; i++)
        r = finding_send(q, &q->findings[i], err);
    return r;
}

/* ---- words */

/* "8 s", "24 min", "2 h 05 min", "3 d". */
static const char *span_text(int64_t ns, char text[static 32])
{
    int64_t s = (ns < 0 ? -ns : ns) / NS_PER_S;
    if (s < 120)
        snprintf(text, 32, "%" PRId64 " s", s);
    else if (s < 7200)
        snprintf(text, 32, "%" PRId64 " min", s / 60);
    else if (s < 2 * 86400)
        snprintf(text, 32, "%" PRId64 " h %02" PRId64 " min", s / 3600, s / 60 % 60);
    else
        snprintf(text, 32, "%" PRId64 " d", s / 86400);
    return text;
}

static const char *bytes_words(uint64_t bytes, char text[static 32])
{
    if (bytes < 10000)
        snprintf(text, 32, "%" PRIu64 " bytes", bytes);
    else if (bytes < 10000000)
        snprintf(text, 32, "%" PRIu64 " kB", bytes / 1000);
    else
        snprintf(text, 32, "%" PRIu64 " MB", bytes / 1000000);
    return text;
}

/* "tcp port 22", "icmp". */
static const char *service_text(unsigned protocol, unsigned port, char text[static 32])
{
    char name[PROTOCOL_TEXT_MAX];
    const char *protocol_text = protocol_name(protocol, name);
    if (protocol_has_ports(protocol))
        snprintf(text, 32, "%s port %u", protocol_text, port);
    else
        snprintf(text, 32, "%s", protocol_text);
    return text;
}

/* "tcp and dst port 22", of a filter. */
static const char *service_filter(unsigned protocol, unsigned port, char text[static 48])
{
    if (protocol == 6 || protocol == 17)
        snprintf(text, 48, "%s and dst port %u", protocol == 6 ? "tcp" : "udp", port);
    else if (protocol_has_ports(protocol))
        snprintf(text, 48, "proto %u and dst port %u", protocol, port);
    else
        snprintf(text, 48, "proto %u", protocol);
    return text;
}

/* A whole second as RFC 3339 has it. */
static const char *second_text(int64_t ns, char text[static TIME_TEXT_MAX])
{
    time_text(floor_ns(ns, NS_PER_S), true, text);
    snprintf(text + strcspn(text, "."), 2, "Z");
    return text;
}

/* pavo find over [from, to]: whole seconds around it, as people write them. */
static void __attribute__((format(printf, 4, 5)))
command(struct finding *f, int64_t from_ns, int64_t to_ns, const char *filter, ...)
{
    char from[TIME_TEXT_MAX], to[TIME_TEXT_MAX];
    va_list arguments;
    second_text(from_ns, from);
    second_text(to_ns + NS_PER_S, to);
    int used = snprintf(f->command, sizeof(f->command), "pavo find --from %s --to %s '", from, to);
    va_start(arguments, filter);
    used += vsnprintf(f->command + used, sizeof(f->command) - (size_t)used, filter, arguments);
    va_end(arguments);
    snprintf(f->command + used, sizeof(f->command) - (size_t)used, "'");
}

#define SAY(f, ...) snprintf((f)->sentence, sizeof((f)->sentence), __VA_ARGS__)

/* ---- steps */

static void say_scan(struct finding *f, struct address host, const struct onset *o, const char *began)
{
    char a[ADDRESS_TEXT_MAX], p[ADDRESS_TEXT_MAX], s[32], t[32], filter[48];
    address_text(host, a);
    if (o->kind == ONSET_SWEEP) {
        SAY(f,
            "%s %s %s: %u hosts that it had not spoken with there, in %s; %u did not answer or refused, %u answered. "
            "That its rate changed then explains this e^%.0f times better than that it did not.",
            a, began, service_text(o->protocol, o->port, s), o->contacts, span_text(o->until - o->at, t), o->failed,
            o->answered, o->ratio);
        command(f, o->at, o->until, "src host %s and %s", a, service_filter(o->protocol, o->port, filter));
    } else {
        SAY(f,
            "%s %s the ports of %s: %u ports in %s; %u did not answer or refused, %u answered. That its rate changed "
            "then explains this e^%.0f times better than that it did not.",
            a, began, address_text(o->peer, p), o->contacts, span_text(o->until - o->at, t), o->failed, o->answered,
            o->ratio);
        command(f, o->at, o->until, "src host %s and dst host %s", a, address_text(o->peer, p));
        f->peer = o->peer;
    }
    f->time = o->at;
    f->score = o->ratio;
    f->host = host;
    f->protocol = o->protocol;
    f->port = o->kind == ONSET_SWEEP ? o->port : 0;
    f->connections = o->contacts;
    f->from_ns = o->at;
    f->to_ns = o->until + 1;
}

void say_onset(struct finding *f, struct address host, const struct onset *o)
{
    f->step = STEP_onset;
    say_scan(f, host, o, "began to scan");
}

void say_past(struct finding *f, struct address host, const struct onset *o, const struct past *past)
{
    char a[ADDRESS_TEXT_MAX], p[ADDRESS_TEXT_MAX], s[32], t[32], filter[48];
    f->step = STEP_past;
    f->time = past->from_ns;
    f->host = host;
    f->protocol = o->protocol;
    f->port = o->kind == ONSET_SWEEP ? o->port : 0;
    f->connections = o->before;
    f->from_ns = past->from_ns;
    f->to_ns = o->at;
    address_text(host, a);
    if (o->kind == ONSET_SWEEP)
        service_text(o->protocol, o->port, s);
    else
        snprintf(s, sizeof(s), "ports of it");
    span_text(o->at - past->from_ns, t);
    if (o->before == 0)
        SAY(f,
            "Never before in what is stored of it, which begins %s before the onset, did %s begin a connection to %s.",
            t, a, s);
    else
        SAY(f,
            "Before the onset, %s had spoken with %u there (%s) in the %s that are stored, with at most %u new ones in "
            "an hour.",
            a, o->before, s, t, o->before_hour);
    if (o->kind == ONSET_SWEEP)
        command(f, past->from_ns, o->at - NS_PER_S, "src host %s and %s", a,
                service_filter(o->protocol, o->port, filter));
    else
        command(f, past->from_ns, o->at - NS_PER_S, "src host %s and dst host %s", a, address_text(o->peer, p));
}

void say_login(struct finding *f, struct address host, const struct login *l, int64_t onset_ns)
{
    const struct contact *c = &l->contact;
    char a[ADDRESS_TEXT_MAX], p[ADDRESS_TEXT_MAX], s[32], t[32], u[32], v[32], filter[48], forced[160] = "";
    f->step = STEP_login;
    f->time = c->first;
    f->score = l->score;
    f->host = host;
    f->peer = c->peer;
    f->protocol = c->protocol;
    f->port = c->port;
    f->connections = 1 + l->attempts;
    f->from_ns = l->attempts > 0 && l->attempts_from < c->first ? l->attempts_from : c->first;
    f->to_ns = onset_ns;
    address_text(host, a);
    address_text(c->peer, p);
    if (l->attempts > 0)
        snprintf(forced, sizeof(forced), "; before it %u attempts that resemble each other%s, in %s", l->attempts,
                 l->by_itself ? " by the same address" : "", span_text(l->attempts_to - l->attempts_from, u));
    SAY(f, "%s before the onset, %s came in to %s at %s and stayed for %s%s%s%s.", span_text(onset_ns - c->first, t), p,
        a, service_text(c->protocol, c->port, s), span_text(c->last - c->first, v),
        l->first_time    ? "; it had not been seen with this host before that day"
        : !l->past_known ? "; too little is stored to say whether it had been there before"
                         : "; it had been there before",
        forced, l->interactive ? "; by its packets somebody typed" : "");
    command(f, f->from_ns, c->last, "src host %s and dst host %s and %s", p, a,
            service_filter(c->protocol, c->port, filter));
}

void say_fetch(struct finding *f, struct address host, const struct fetch *fetch, size_t known,
               const struct contact *login, int64_t onset_ns)
{
    char a[ADDRESS_TEXT_MAX], p[ADDRESS_TEXT_MAX], s[32], b[32], t[32], others[96], after[128];
    f->step = STEP_fetch;
    f->time = fetch->first;
    f->host = host;
    f->peer = fetch->peer;
    f->protocol = fetch->protocol;
    f->port = fetch->port;
    f->connections = fetch->connections;
    f->from_ns = fetch->first;
    f->to_ns = fetch->last + 1;
    if (known == 0)
        snprintf(others, sizeof(others), "nobody else here had");
    else
        snprintf(others, sizeof(others), "%zu other%s here had", known, known == 1 ? "" : "s");
    address_text(host, a);
    if (login != NULL)
        snprintf(after, sizeof(after), "%s after %s came in, %s the onset", span_text(fetch->first - login->first, t),
                 address_text(login->peer, p), fetch->first < onset_ns ? "before" : "after");
    else
        snprintf(after, sizeof(after), "%s %s the onset", span_text(fetch->first - onset_ns, t),
                 fetch->first < onset_ns ? "before" : "after");
    SAY(f, "%s, %s fetched %s from %s (%s), which it had never spoken with; %s.", after, a,
        bytes_words(fetch->received, b), address_text(fetch->peer, p), service_text(fetch->protocol, fetch->port, s),
        others);
    command(f, fetch->first, fetch->last, "src host %s and dst host %s", a, p);
}

void say_entry(struct finding *f, struct address host, const struct contact *c, const struct behind *behind)
{
    char a[ADDRESS_TEXT_MAX], p[ADDRESS_TEXT_MAX], e[ADDRESS_TEXT_MAX], s[32], b[32], filter[48], who[224] = "";
    f->step = STEP_entry;
    f->time = c->first;
    f->host = host;
    f->peer = c->peer;
    f->protocol = c->protocol;
    f->port = c->port;
    f->connections = 1;
    f->from_ns = c->first;
    f->to_ns = c->last + 1;
    if (behind->known)
        snprintf(who, sizeof(who), "; behind that address it was %s, as %s saw it across boundary %s",
                 address_port_text(behind->end.address, behind->end.port, e), behind->sensor, behind->boundary);
    SAY(f, "Within what it scanned, %s had an answer of %s from %s (%s), unlike the others%s.", address_text(host, a),
        bytes_words(c->received, b), address_text(c->peer, p), service_text(c->protocol, c->port, s), who);
    command(f, c->first, c->last, "src host %s and dst host %s and %s", a, p,
            service_filter(c->protocol, c->port, filter));
}

void say_spread(struct finding *f, struct address host, const struct spread *spread, const char *sensor)
{
    char a[ADDRESS_TEXT_MAX], h[ADDRESS_TEXT_MAX], r[ADDRESS_TEXT_MAX], s[32], b[32];
    f->step = STEP_spread;
    f->time = spread->first;
    f->score = 0;
    f->host = spread->host;
    f->peer = spread->remote;
    f->protocol = spread->protocol;
    f->port = spread->port;
    f->connections = spread->all;
    snprintf(f->sensor, sizeof(f->sensor), "%s", sensor);
    f->from_ns = spread->first;
    f->to_ns = spread->last + 1;
    address_text(spread->host, h);
    address_text(spread->remote, r);
    SAY(f,
        "Beside %s, also %s%s (seen by %s) was in touch with these remote addresses, first %s %s (%s); %u connections "
        "were answered, %s received.",
        address_text(host, a), h,
        spread->hidden ? ", an address that a NAT gave out; who was behind it is not known," : "", sensor,
        spread->outward ? "calling" : "called by", r, service_text(spread->protocol, spread->port, s), spread->answered,
        bytes_words(spread->received, b));
    command(f, spread->first, spread->last, "sensor %s and host %s and host %s", sensor, h, r);
}

void say_tried(struct finding *f, size_t tried, const struct address *remotes, size_t count, int64_t from_ns,
               int64_t to_ns)
{
    char filter[COMMAND_MAX - 96], a[ADDRESS_TEXT_MAX];
    size_t used = 0, said = 0;
    filter[0] = '\0';
    for (size_t i = 0; i < count && used + ADDRESS_TEXT_MAX + 10 < sizeof(filter); i++, said++)
        used += (size_t)snprintf(filter + used, sizeof(filter) - used, "%shost %s", i == 0 ? "" : " or ",
                                 address_text(remotes[i], a));
    f->step = STEP_spread;
    f->time = from_ns;
    f->from_ns = from_ns;
    f->to_ns = to_ns;
    f->peer = remotes[0];
    f->connections = (uint32_t)tried;
    SAY(f, "These remote addresses tried %zu other host%s that did not answer, or was not answered by them.", tried,
        tried == 1 ? "" : "s");
    command(f, from_ns, to_ns, "state S0 and (%s)", filter);
}

void say_changed(struct finding *f, struct address host, struct address from, const struct onset *o, int64_t touched_ns)
{
    char a[ADDRESS_TEXT_MAX], t[32], began[192];
    snprintf(began, sizeof(began), "began, %s after it was in touch with %s, to scan", span_text(o->at - touched_ns, t),
             address_text(from, a));
    say_scan(f, host, o, began);
    f->step = STEP_changed;
}

void say_callback(struct finding *f, struct address host, const struct callback *c, size_t known)
{
    char a[ADDRESS_TEXT_MAX], p[ADDRESS_TEXT_MAX], s[32], t[32], u[32], others[64] = "nobody else here knew it before";
    f->step = STEP_callback;
    f->time = c->first;
    f->score = c->score;
    f->host = host;
    f->peer = c->peer;
    f->protocol = c->protocol;
    f->port = c->port;
    f->connections = c->calls;
    f->from_ns = c->first;
    f->to_ns = c->last + 1;
    if (known > 0)
        snprintf(others, sizeof(others), "%zu other%s here knew it before", known, known == 1 ? "" : "s");
    SAY(f, "From then on %s called %s (%s) %u times in %s, mostly every %s; %.0f %% regular, and %s.",
        address_text(host, a), address_text(c->peer, p), service_text(c->protocol, c->port, s), c->calls,
        span_text(c->last - c->first, t), span_text(c->gap_ns, u), c->score * 100, others);
    command(f, c->first, c->last, "src host %s and dst host %s", a, p);
}

void say_nothing(struct finding *f, enum investigate_step of, struct address host, const struct past *past,
                 int64_t from_ns, int64_t to_ns)
{
    char a[ADDRESS_TEXT_MAX], t[32];
    address_text(host, a);
    span_text(to_ns - from_ns, t);
    f->step = STEP_nothing;
    f->time = from_ns;
    f->host = host;
    f->from_ns = from_ns;
    f->to_ns = to_ns;
    f->connections = (uint32_t)past->count;
    if (of == STEP_onset && past->count == 0)
        SAY(f,
            "No connection of %s is stored in the %s that were looked at: it says nothing about a host that no sensor "
            "sees.",
            a, t);
    else if (of == STEP_onset)
        SAY(f,
            "Nothing stands out: in the %zu connections of %s in %s there is no scan that its usual rate does not "
            "explain.",
            past->count, a, t);
    else if (of == STEP_login)
        SAY(f, "Nobody who stands out came in to %s within %s before the onset.", a, t);
    else
        SAY(f, "%s fetched nothing of size from an address that was new to it and rare here.", a);
    command(f, from_ns, to_ns, of == STEP_login ? "dst host %s" : of == STEP_fetch ? "src host %s" : "host %s", a);
}
