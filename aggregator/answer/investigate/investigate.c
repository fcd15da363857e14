/* SPDX-License-Identifier: Apache-2.0 */
/* investigate: the case of a host, from the onset of a scan backwards and onwards. Each step looks at contacts that
 * were read before it (the host's, those of remote addresses, those of other hosts); what it says and where it is cut
 * is decided here. docs/decisions/0032. */
#include "aggregator/answer/investigate/investigate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

#define HOUR_NS        (3600ll * NS_PER_S)
#define NEAR_NS        HOUR_NS /* an onset is around a moment */
#define RARE_MAX       2u      /* others that know a peer that is rare */
#define LOGINS_MAX     3u
#define ONSETS_MAX     8u
#define FETCHES_MAX    16u
#define FETCHES_TOLD   3u
#define CALLBACKS_MAX  8u
#define CALLBACKS_TOLD 3u
#define SPREADS_MAX    8u
#define ENTRIES_MAX    4u

enum { ASK_HOST, ASK_AROUND, ASK_BACK, ASK_PARAMETER_COUNT };
static const struct parameter parameters[] = {
    [ASK_HOST] = {.name = "host",
                  .type = PARAMETER_END,
                  .help = "its address, as the sensors inside see it; with a port, as the sweep of that port alone is "
                          "looked for",
                  .positional = true,
                  .required = true},
    [ASK_AROUND] = {.name = "around",
                    .type = PARAMETER_MOMENT,
                    .help = "a moment within what it did, or up to an hour off; without one, the most unlikely of all"},
    [ASK_BACK] = {.name = "back",
                  .type = PARAMETER_SPAN,
                  .help = "how far back from there, or from the newest record, its past is read, and how far onwards",
                  .fallback = "30d"},
};

struct remotes {
    struct address all[INVESTIGATE_REMOTES_MAX];
    size_t count;
};

static void add_remote(struct remotes *remotes, struct address address)
{
    for (size_t i = 0; i < remotes->count; i++) {
        if (address_equal(remotes->all[i], address))
            return;
    }
    if (remotes->count < INVESTIGATE_REMOTES_MAX)
        remotes->all[remotes->count++] = address;
}

static enum result no_memory(bool memory, struct error *err)
{
    return memory ? RESULT_OK : budget_exceeded(err);
}

/* ---- step 1: the onset */

static bool is_asked(const struct work *work, const struct onset *o)
{
    const struct argument *around = work_argument(work, ASK_AROUND);
    uint16_t port = work_argument(work, ASK_HOST)->end.port;
    if (port != 0 && (o->kind != ONSET_SWEEP || o->port != port))
        return false;
    return !around->given || (o->at - NEAR_NS < around->time_end && o->until + NEAR_NS >= around->time);
}

/* RESULT_END: there is none, and that was said. */
static enum result tell_onset(struct inquiry *q, const struct past *past, struct onset *ret_onset, struct error *err)
{
    struct onset onsets[ONSETS_MAX];
    bool memory;
    size_t count = onsets_find(past->contacts, past->count, past->from_ns, past->to_ns, onsets, ONSETS_MAX, &memory),
           at;
    enum result r = no_memory(memory, err);
    for (at = 0; at < count && !is_asked(q->work, &onsets[at]);)
        at++;
    struct finding f = {0};
    if (r == RESULT_OK && at == count) {
        say_nothing(&f, STEP_onset, past->host, past, past->from_ns, past->to_ns);
        r = finding_add(q, &f, err);
        return r == RESULT_OK ? RESULT_END : r;
    }
    if (r != RESULT_OK)
        return r;
    *ret_onset = onsets[at];
    say_past(&f, past->host, ret_onset, past);
    r = finding_add(q, &f, err);
    f = (struct finding){0};
    say_onset(&f, past->host, ret_onset);
    return r == RESULT_OK ? finding_add(q, &f, err) : r;
}

/* ---- step 2: who came in */

/* *ret_login is the first of those that are traced, if there is any. */
static enum result tell_logins(struct inquiry *q, const struct past *past, int64_t onset_ns, struct remotes *remotes,
                               struct contact *ret_login, bool *ret_any, struct error *err)
{
    struct login logins[LOGINS_MAX];
    bool memory;
    size_t count = logins_find(past->contacts, past->count, past->from_ns, onset_ns, logins, LOGINS_MAX, &memory);
    enum result r = no_memory(memory, err);
    struct finding f = {0};
    *ret_any = false;
    if (r == RESULT_OK && count == 0) {
        int64_t from_ns = onset_ns - LOGIN_REACH_NS;
        say_nothing(&f, STEP_login, past->host, past, from_ns > past->from_ns ? from_ns : past->from_ns, onset_ns);
        return finding_add(q, &f, err);
    }
    for (size_t i = 0; i < count && r == RESULT_OK; i++) {
        f = (struct finding){0};
        say_login(&f, past->host, &logins[i], onset_ns);
        r = finding_add(q, &f, err);
        if (logins[i].score < LOGIN_SCORE_TRACED)
            continue;
        add_remote(remotes, logins[i].contact.peer);
        if (!*ret_any)
            *ret_login = logins[i].contact;
        *ret_any = true;
    }
    return r;
}

/* ---- steps 3 and 6: what it fetched, and calls since; both from peers that few know */

struct found {
    struct fetch fetches[FETCHES_MAX];
    struct callback callbacks[CALLBACKS_MAX];
    size_t fetch_count, callback_count;
    struct contact login;
    bool any_login;
    int64_t since_ns; /* its beginning, or an hour before the onset */
};

/* Those that many know within the hours about it are left out before their whole past is read. */
static enum result find_rare(struct inquiry *q, const struct past *past, int64_t onset_ns, struct found *found,
                             struct error *err)
{
    struct remotes remotes = {0};
    size_t fetches = 0, callbacks = 0;
    bool memory, more;
    found->fetch_count = fetches_find(past->contacts, past->count, found->since_ns, onset_ns + HOUR_NS, found->fetches,
                                      FETCHES_MAX, &memory);
    found->callback_count =
        callbacks_find(past->contacts, past->count, found->since_ns, found->callbacks, CALLBACKS_MAX, &more);
    enum result r = no_memory(memory && more, err);
    for (size_t i = 0; i < found->fetch_count; i++)
        add_remote(&remotes, found->fetches[i].peer);
    for (size_t i = 0; i < found->callback_count; i++)
        add_remote(&remotes, found->callbacks[i].peer);
    if (r == RESULT_OK)
        r = touches_read(q, remotes.all, remotes.count, found->since_ns - HOUR_NS, onset_ns + HOUR_NS, err);
    for (size_t i = 0; r == RESULT_OK && i < found->fetch_count; i++) {
        if (touches_known(q->touches, q->touch_count, found->fetches[i].peer, past->host, found->fetches[i].first) <=
            RARE_MAX)
            found->fetches[fetches++] = found->fetches[i];
    }
    for (size_t i = 0; r == RESULT_OK && i < found->callback_count; i++) {
        if (touches_known(q->touches, q->touch_count, found->callbacks[i].peer, past->host,
                          found->callbacks[i].first) <= RARE_MAX)
            found->callbacks[callbacks++] = found->callbacks[i];
    }
    found->fetch_count = fetches;
    found->callback_count = callbacks;
    return r;
}

/* All touches of the remotes are read: what is rare over the whole time is told. */
static enum result tell_rare(struct inquiry *q, const struct past *past, int64_t onset_ns, const struct found *found,
                             struct remotes *ret_remotes, struct error *err)
{
    enum result r = RESULT_OK;
    size_t told = 0;
    for (size_t i = 0; i < found->fetch_count && told < FETCHES_TOLD && r == RESULT_OK; i++) {
        const struct fetch *fetch = &found->fetches[i];
        size_t known = touches_known(q->touches, q->touch_count, fetch->peer, past->host, fetch->first);
        struct finding f = {0};
        if (known > RARE_MAX)
            continue;
        int64_t away = fetch->first - found->since_ns;
        f.score = 3 + (double)(RARE_MAX - known) + 2 * exp(-(double)away / HOUR_NS);
        say_fetch(&f, past->host, fetch, known, found->any_login ? &found->login : NULL, onset_ns);
        add_remote(ret_remotes, fetch->peer);
        told++;
        r = finding_add(q, &f, err);
    }
    if (r == RESULT_OK && told == 0) {
        struct finding f = {0};
        say_nothing(&f, STEP_fetch, past->host, past, found->since_ns, onset_ns + HOUR_NS);
        r = finding_add(q, &f, err);
    }
    told = 0;
    for (size_t i = 0; i < found->callback_count && told < CALLBACKS_TOLD && r == RESULT_OK; i++) {
        const struct callback *callback = &found->callbacks[i];
        size_t known = touches_known(q->touches, q->touch_count, callback->peer, past->host, callback->first);
        struct finding f = {0};
        if (known > RARE_MAX)
            continue;
        say_callback(&f, past->host, callback, known);
        add_remote(ret_remotes, callback->peer);
        told++;
        r = finding_add(q, &f, err);
    }
    return r;
}

/* ---- steps 4 and 5: where else, and what changed there */

/* Hosts that are looked at as the first was, and since when. */
struct others {
    struct address hosts[INVESTIGATE_HOSTS_MAX], from[INVESTIGATE_HOSTS_MAX];
    int64_t since_ns[INVESTIGATE_HOSTS_MAX];
    char sensors[INVESTIGATE_HOSTS_MAX][OBSERVER_NAME_MAX];
    size_t count;
};

static void add_other(struct others *others, struct address host, struct address from, int64_t since_ns,
                      const char *sensor)
{
    for (size_t i = 0; i < others->count; i++) {
        if (!address_equal(others->hosts[i], host))
            continue;
        if (since_ns < others->since_ns[i]) {
            others->since_ns[i] = since_ns;
            others->from[i] = from;
        }
        return;
    }
    if (others->count == INVESTIGATE_HOSTS_MAX)
        return;
    others->hosts[others->count] = host;
    others->from[others->count] = from;
    snprintf(others->sensors[others->count], OBSERVER_NAME_MAX, "%s", sensor);
    others->since_ns[others->count++] = since_ns;
}

static enum result tell_entries(struct inquiry *q, const struct past *past, const struct onset *onset,
                                struct others *others, struct error *err)
{
    struct contact entries[ENTRIES_MAX];
    enum result r = RESULT_OK;
    size_t count = onset->kind != ONSET_SWEEP ? 0
                                              : entries_find(past->contacts, past->count, onset->protocol, onset->port,
                                                             onset->at, entries, ENTRIES_MAX);
    for (size_t i = 0; i < count && r == RESULT_OK; i++) {
        struct behind behind = {0};
        struct finding f = {0};
        r = behind_find(q, &entries[i], &behind, err);
        if (r != RESULT_OK)
            break;
        say_entry(&f, past->host, &entries[i], &behind);
        r = finding_add(q, &f, err);
        add_other(others, behind.end.address, past->host, entries[i].first, behind.sensor);
    }
    return r;
}

static enum result tell_spread(struct inquiry *q, const struct past *past, const struct remotes *remotes,
                               int64_t from_ns, struct others *others, struct error *err)
{
    struct spread spreads[SPREADS_MAX];
    size_t hosts, tried, count;
    enum result r = RESULT_OK;
    /* Of remotes that turned out to be known to many nothing is said. */
    size_t kept = 0;
    for (size_t i = 0; i < q->touch_count; i++) {
        bool wanted = false;
        for (size_t k = 0; k < remotes->count && !wanted; k++)
            wanted = address_equal(remotes->all[k], q->touches[i].remote);
        if (wanted)
            q->touches[kept++] = q->touches[i];
    }
    q->touch_count = kept;
    count = spreads_find(q->touches, q->touch_count, past->host, spreads, SPREADS_MAX, &hosts, &tried);
    for (size_t i = 0; i < count && r == RESULT_OK; i++) {
        const char *sensor = q->observers[spreads[i].sensor].sensor;
        struct finding f = {0};
        if (spreads[i].answered == 0)
            break; /* and so are all behind it */
        say_spread(&f, past->host, &spreads[i], sensor);
        r = finding_add(q, &f, err);
        if (!spreads[i].hidden)
            add_other(others, spreads[i].host, spreads[i].remote, spreads[i].first, sensor);
    }
    if (r == RESULT_OK && tried > 0) {
        struct finding f = {.host = past->host};
        say_tried(&f, tried, remotes->all, remotes->count, from_ns, q->to_ns);
        r = finding_add(q, &f, err);
    }
    q->cut = q->cut || hosts > SPREADS_MAX + tried;
    return r;
}

static enum result tell_changes(struct inquiry *q, const struct others *others, struct error *err)
{
    enum result r = RESULT_OK;
    for (size_t i = 0; i < others->count && r == RESULT_OK; i++) {
        struct past past;
        struct onset onsets[ONSETS_MAX];
        bool memory;
        r = past_read(q, others->hosts[i], q->from_ns, q->to_ns, &past, err);
        if (r != RESULT_OK)
            break;
        size_t count = onsets_find(past.contacts, past.count, past.from_ns, past.to_ns, onsets, ONSETS_MAX, &memory);
        r = no_memory(memory, err);
        for (size_t k = 0; k < count && r == RESULT_OK; k++) {
            struct finding f = {0};
            snprintf(f.sensor, sizeof(f.sensor), "%s", others->sensors[i]);
            if (onsets[k].at < others->since_ns[i])
                continue;
            say_changed(&f, others->hosts[i], others->from[i], &onsets[k], others->since_ns[i]);
            r = finding_add(q, &f, err);
            break;
        }
        past_fini(q, &past);
    }
    return r;
}

/* ---- all of them */

static enum result tell(struct inquiry *q, const struct past *past, struct error *err)
{
    struct onset onset;
    struct remotes traced = {0}, all;
    struct others others = {0};
    struct found found = {0};
    enum result r = tell_onset(q, past, &onset, err);
    if (r != RESULT_OK)
        return r == RESULT_END ? RESULT_OK : r;
    r = tell_logins(q, past, onset.at, &traced, &found.login, &found.any_login, err);
    found.since_ns = found.any_login ? found.login.first : onset.at - HOUR_NS;
    if (r == RESULT_OK)
        r = find_rare(q, past, onset.at, &found, err);
    all = traced;
    for (size_t i = 0; i < found.fetch_count; i++)
        add_remote(&all, found.fetches[i].peer);
    for (size_t i = 0; i < found.callback_count; i++)
        add_remote(&all, found.callbacks[i].peer);
    if (r == RESULT_OK)
        r = touches_read(q, all.all, all.count, q->from_ns, q->to_ns, err);
    if (r == RESULT_OK)
        r = tell_rare(q, past, onset.at, &found, &traced, err);
    if (r == RESULT_OK)
        r = tell_entries(q, past, &onset, &others, err);
    if (r == RESULT_OK)
        r = tell_spread(q, past, &traced, found.since_ns, &others, err);
    return r == RESULT_OK ? tell_changes(q, &others, err) : r;
}

/* [around - back, around + back], within what the store holds. */
static void choose_time(struct inquiry *q)
{
    const struct argument *around = work_argument(q->work, ASK_AROUND);
    int64_t back_ns = work_argument(q->work, ASK_BACK)->time;
    struct store_summary summary;
    store_summarise(q->work->options->store, &summary);
    /* Times behind the receipt of the newest record are a wrong clock's. */
    int64_t newest_ns = summary.last_ns < summary.last_received_ns ? summary.last_ns : summary.last_received_ns;
    q->to_ns = around->given ? around->time_end + back_ns : newest_ns + 1;
    q->to_ns = q->to_ns > newest_ns + 1 ? newest_ns + 1 : q->to_ns;
    q->from_ns = (around->given ? around->time : q->to_ns) - back_ns;
    q->from_ns = q->from_ns < summary.first_ns ? summary.first_ns : q->from_ns;
    q->from_ns = q->from_ns == 0 ? 1 : q->from_ns;
}

static void tell_cut(struct work *work)
{
    struct coverage_gap gap = {.kind = PAVO__GAP__KIND__LIMIT, .unit = ""};
    snprintf(gap.reason, sizeof(gap.reason),
             "more is stored of these addresses than is looked at, which is %u records of a host and %u of all remote "
             "addresses, the newest: ask with a shorter --back, or nearer with --around",
             INVESTIGATE_RECORDS_MAX, INVESTIGATE_TOUCHES_MAX);
    coverage_gap(&work->coverage, &gap);
}

static enum result run(struct work *work, struct error *err)
{
    struct inquiry q = {.work = work};
    struct past past = {0};
    choose_time(&q);
    work->coverage.from_ns = q.from_ns;
    work->coverage.to_ns = q.to_ns > q.from_ns ? q.to_ns : q.from_ns + 1;
    if (q.to_ns <= q.from_ns)
        return RESULT_OK; /* the coverage says that nothing is stored of it */
    enum result r = past_read(&q, work_argument(work, ASK_HOST)->end.address, q.from_ns, q.to_ns, &past, err);
    if (r == RESULT_OK)
        r = tell(&q, &past, err);
    if (r == RESULT_OK)
        r = findings_send(&q, err);
    if (q.cut)
        tell_cut(work);
    past_fini(&q, &past);
    inquiry_fini(&q);
    return r;
}

const struct question question_investigate = {
    .name = "investigate",
    .summary =
        "The case of a host that scans: when it began, who came in before, what it fetched, where else, and what "
        "has happened since; a sentence each, with the command that shows it.",
    .parameters = parameters,
    .parameter_count = ASK_PARAMETER_COUNT,
    .basis = QUESTION_OF_TRAFFIC,
    .columns = investigate_columns,
    .run = run};
