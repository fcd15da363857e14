/* SPDX-License-Identifier: Apache-2.0 */
/* Pasted text to what it names. Words are what stands between blanks, brackets, quotes and the like; each is an
 * address, a part of a time, or a word that says what the next one is. */
#include "common/pasted.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/records/flow.h"

#define WORDS_MAX  512u
#define WORD_MAX   96u
#define TIME_WORDS 7u /* of one time at most: Wed 25 Nov 2026 20:36:40 +0100 CET */
#define FOUND_MAX  16u

/* Who is meant, by the word before. */
enum role { ROLE_NONE, ROLE_SOURCE, ROLE_DESTINATION, ROLE_PORT, ROLE_OTHER_PORT, ROLE_PROTOCOL, ROLE_TIME };

static const struct {
    const char *word;
    enum role role;
} roles[] = {
    {"source-ip", ROLE_SOURCE},
    {"src", ROLE_SOURCE},
    {"source", ROLE_SOURCE},
    {"src_ip", ROLE_SOURCE},
    {"srcip", ROLE_SOURCE},
    {"source_ip", ROLE_SOURCE},
    {"sourceip", ROLE_SOURCE},
    {"client", ROLE_SOURCE},
    {"rhost", ROLE_SOURCE},
    {"from", ROLE_SOURCE},
    {"attacker", ROLE_SOURCE},
    {"ban", ROLE_SOURCE},
    {"source-address", ROLE_SOURCE},
    {"saddr", ROLE_SOURCE},
    {"offender", ROLE_SOURCE},
    {"dst", ROLE_DESTINATION},
    {"destination", ROLE_DESTINATION},
    {"to", ROLE_DESTINATION},
    {"dst_ip", ROLE_DESTINATION},
    {"dstip", ROLE_DESTINATION},
    {"destination-ip", ROLE_DESTINATION},
    {"daddr", ROLE_DESTINATION},
    {"dest_ip", ROLE_DESTINATION},
    {"dest", ROLE_DESTINATION},
    {"dest_port", ROLE_OTHER_PORT},
    {"server", ROLE_DESTINATION},
    {"target", ROLE_DESTINATION},
    {"destinationip", ROLE_DESTINATION},
    {"destination_ip", ROLE_DESTINATION},
    {"reporter", ROLE_DESTINATION},
    {"reported-from", ROLE_DESTINATION},
    {"port", ROLE_PORT},
    {"sport", ROLE_PORT},
    {"spt", ROLE_PORT},
    {"source-port", ROLE_PORT},
    {"src_port", ROLE_PORT},
    {"srcport", ROLE_PORT},
    {"source_port", ROLE_PORT},
    {"sourceport", ROLE_PORT},
    {"dport", ROLE_OTHER_PORT},
    {"dpt", ROLE_OTHER_PORT},
    {"destination-port", ROLE_OTHER_PORT},
    {"dst_port", ROLE_OTHER_PORT},
    {"dstport", ROLE_OTHER_PORT},
    {"destination_port", ROLE_OTHER_PORT},
    {"proto", ROLE_PROTOCOL},
    {"protocol", ROLE_PROTOCOL},
    {"received-date", ROLE_TIME},
    {"arrival-date", ROLE_TIME},
    {"timestamp", ROLE_TIME},
    {"time", ROLE_TIME},
    {"at", ROLE_TIME},
    {"event-date", ROLE_TIME},
    {"incident-date", ROLE_TIME},
};

struct word {
    char text[WORD_MAX];
    enum role role;  /* of what follows it */
    bool taken;      /* by an address or a port: it is no part of a time */
    bool ends_line;  /* the next one stands on another line */
    bool ends_field; /* or in another field, as CSV has them */
};

struct found_address {
    struct address address;
    uint16_t port;
    size_t at;
    enum role role;
};

struct found_time {
    struct when when;
    enum role role;
    bool zoned;
    size_t at, end; /* words */
};

struct reading {
    struct word words[WORDS_MAX];
    size_t count;
    struct found_address addresses[FOUND_MAX];
    size_t address_count;
    struct found_time times[FOUND_MAX];
    size_t time_count;
};

/* ---- words */

static bool is_between(unsigned char c)
{
    return c <= ' ' || c == 0x7f || strchr("\"'()<>{}=|,;`\\", c) != NULL;
}

static enum role role_called(const char *text, size_t length)
{
    for (size_t i = 0; i < sizeof(roles) / sizeof(*roles); i++) {
        if (strlen(roles[i].word) == length && strncasecmp(text, roles[i].word, length) == 0)
            return roles[i].role;
    }
    return ROLE_NONE;
}

static void add_word(struct reading *r, const char *begin, size_t length)
{
    if (length == 0 || length >= WORD_MAX || r->count == WORDS_MAX)
        return;
    struct word *word = &r->words[r->count++];
    *word = (struct word){.role = role_called(begin, length)};
    memcpy(word->text, begin, length);
}

static bool is_bracketed_address(const char *begin, size_t length)
{
    char text[WORD_MAX];
    struct address address;
    uint16_t port;
    snprintf(text, sizeof(text), "%.*s", (int)(length < WORD_MAX ? length : WORD_MAX - 1), begin);
    return begin[0] == '[' && address_port_parse(text, &address, &port) == RESULT_OK;
}

/* What stands between blanks: one word, or several where it has brackets ("sshd[17]") or says what it is
 * ("src:203.0.113.5"). */
static void put_words(struct reading *r, const char *begin, size_t length)
{
    while (length > 0 && strchr(".,;:!?", begin[length - 1]) != NULL)
        length--;
    if (length > 1 && begin[0] == ':' && begin[1] != ':') { /* "src_port":40312 */
        begin++;
        length--;
    }
    if (length == 0 || is_bracketed_address(begin, length)) {
        add_word(r, begin, length);
        return;
    }
    size_t colon = 0;
    while (colon < length && begin[colon] != ':')
        colon++;
    if (colon < length && role_called(begin, colon) != ROLE_NONE) {
        add_word(r, begin, colon);
        put_words(r, begin + colon + 1, length - colon - 1);
        return;
    }
    for (size_t at = 0, end; at < length; at = end + 1) {
        for (end = at; end < length && begin[end] != '[' && begin[end] != ']';)
            end++;
        add_word(r, begin + at, end - at);
    }
}

static void split(struct reading *r, const char *text)
{
    while (*text != '\0') {
        size_t length = 0;
        for (; *text != '\0' && is_between((unsigned char)*text); text++) {
            if (r->count > 0) {
                r->words[r->count - 1].ends_line |= *text == '\n';
                r->words[r->count - 1].ends_field |= *text == ',' || *text == ';' || *text == '\t';
            }
        }
        while (text[length] != '\0' && !is_between((unsigned char)text[length]))
            length++;
        put_words(r, text, length);
        text += length;
    }
}

/* What the word is called: by the word before it, if that says so ("client" may stand one further off: "from client").
 */
static enum role role_of(const struct reading *r, size_t at)
{
    return at == 0 ? ROLE_NONE : r->words[at - 1].role;
}

/* ---- addresses, ports, protocols */

static void find_addresses(struct reading *r)
{
    for (size_t i = 0; i < r->count && r->address_count < FOUND_MAX; i++) {
        struct found_address found = {.at = i, .role = role_of(r, i)};
        const char *text = r->words[i].text;
        if (strpbrk(text, ".:") == NULL || address_port_parse(text, &found.address, &found.port) != RESULT_OK)
            continue;
        r->words[i].taken = true;
        size_t same = 0;
        while (same < r->address_count && !address_equal(r->addresses[same].address, found.address))
            same++;
        if (same == r->address_count) {
            r->addresses[r->address_count++] = found;
            continue;
        }
        struct found_address *known = &r->addresses[same]; /* again: it may say more */
        known->role = known->role == ROLE_NONE ? found.role : known->role;
        known->port = known->port == 0 ? found.port : known->port;
    }
}

static enum result choose_address(struct reading *r, struct found_address *ret, struct error *err)
{
    const struct found_address *chosen = NULL;
    char a[ADDRESS_TEXT_MAX], b[ADDRESS_TEXT_MAX];
    size_t sources = 0, others = 0;
    if (r->address_count == 0)
        return error_set(err, RESULT_REJECT, "no address in it; one was expected, as in 203.0.113.5 port 40312");
    for (size_t i = 0; i < r->address_count; i++) {
        sources += r->addresses[i].role == ROLE_SOURCE;
        others += r->addresses[i].role != ROLE_SOURCE && r->addresses[i].role != ROLE_DESTINATION;
    }
    for (size_t i = 0; i < r->address_count; i++) {
        enum role role = r->addresses[i].role;
        bool wanted = sources > 0 ? role == ROLE_SOURCE : others > 0 ? role != ROLE_DESTINATION : true;
        if (!wanted)
            continue;
        if (chosen != NULL)
            return error_set(err, RESULT_REJECT,
                             "it may be about %s or %s: nothing says which is the source; give the address itself",
                             address_port_text(chosen->address, chosen->port, a),
                             address_port_text(r->addresses[i].address, r->addresses[i].port, b));
        chosen = &r->addresses[i];
    }
    *ret = *chosen;
    return RESULT_OK;
}

/* A port that is called one. False: no number of a port. */
static bool take_port(struct word *word, uint16_t *ret_port)
{
    size_t digits = strspn(word->text, "0123456789");
    unsigned long port = 0;
    if (digits == 0 || digits > 5 || word->text[digits] != '\0')
        return false;
    for (size_t i = 0; i < digits; i++)
        port = port * 10 + (unsigned long)(word->text[i] - '0');
    if (port == 0 || port > UINT16_MAX)
        return false;
    *ret_port = (uint16_t)port;
    word->taken = true;
    return true;
}

/* What stands at the address, what is called a source port, or of CSV the number in the field behind the address. */
static enum result find_port(struct reading *r, const struct found_address *address, uint16_t *ret_port,
                             struct error *err)
{
    uint16_t port = address->port, other;
    for (size_t i = 1; i < r->count; i++) {
        enum role role = role_of(r, i);
        if (role != ROLE_PORT && role != ROLE_OTHER_PORT)
            continue;
        /* "destination port 22", "dst port 22" */
        bool of_other = role == ROLE_OTHER_PORT || (i >= 2 && r->words[i - 2].role == ROLE_DESTINATION);
        if (!take_port(&r->words[i], &other) || of_other)
            continue;
        if (port != 0 && port != other)
            return error_set(err, RESULT_REJECT, "its port may be %u or %u: nothing says which; give it as ADDR:PORT",
                             port, other);
        port = other;
    }
    if (port == 0 && address->at + 1 < r->count && r->words[address->at].ends_field &&
        take_port(&r->words[address->at + 1], &other))
        port = other;
    *ret_port = port;
    return RESULT_OK;
}

static uint8_t find_protocol(const struct reading *r)
{
    for (size_t i = 0; i < r->count; i++) {
        const char *text = r->words[i].text;
        char lower[16];
        size_t length = strlen(text);
        if (length >= sizeof(lower))
            continue;
        for (size_t k = 0; k <= length; k++)
            lower[k] = (char)tolower((unsigned char)text[k]);
        bool called = role_of(r, i) == ROLE_PROTOCOL;
        bool usual = strcmp(lower, "tcp") == 0 || strcmp(lower, "udp") == 0 || strcmp(lower, "icmp") == 0;
        int known = called || usual ? protocol_by_name(lower) : -1;
        if (known > 0)
            return (uint8_t)known;
        if (called && (strcmp(lower, "6") == 0 || strcmp(lower, "17") == 0))
            return lower[0] == '6' ? 6 : 17;
    }
    return 0;
}

/* ---- times */

/* Some words with blanks between; false: one of them is taken, or they are too long. */
static bool join(const struct reading *r, size_t at, size_t end, char *text, size_t size)
{
    size_t used = 0;
    for (size_t i = at; i < end; i++) {
        if (r->words[i].taken || (i + 1 < end && r->words[i].ends_line))
            return false;
        used +=
            (size_t)snprintf(text + used, used < size ? size - used : 0, "%s%s", i == at ? "" : " ", r->words[i].text);
        if (used >= size)
            return false;
    }
    return true;
}

/* A time of day or an epoch: a bare word or number is none. */
static bool may_be_time(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    if (digits >= 10 && (text[digits] == '\0' || text[digits] == '.'))
        return true;
    return strpbrk(text, "0123456789") != NULL && strchr(text, ':') != NULL;
}

static void find_times(struct reading *r, const struct when_here *here)
{
    char text[TIME_WORDS * WORD_MAX];
    for (size_t at = 0; at < r->count && r->time_count < FOUND_MAX; at++) {
        size_t most = r->count - at < TIME_WORDS ? r->count - at : TIME_WORDS;
        for (size_t some = most; some > 0; some--) {
            struct found_time found = {.role = role_of(r, at), .at = at, .end = at + some};
            struct when when;
            if (!join(r, at, at + some, text, sizeof(text)) || !may_be_time(text) ||
                when_parse(text, here, &found.when, NULL, NULL) != RESULT_OK)
                continue;
            found.zoned = when_parse(text, NULL, &when, NULL, NULL) == RESULT_OK;
            r->times[r->time_count++] = found;
            at += some - 1;
            break;
        }
    }
}

static bool contains(const struct when *outer, const struct when *inner)
{
    return outer->from_ns <= inner->from_ns && inner->to_ns <= outer->to_ns;
}

static enum result choose_time(const struct reading *r, struct pasted *ret, struct error *err)
{
    const struct found_time *chosen = NULL;
    bool called = false;
    char a[WHEN_TEXT_MAX], b[WHEN_TEXT_MAX];
    for (size_t i = 0; i < r->time_count; i++)
        called = called || r->times[i].role == ROLE_TIME;
    for (size_t i = 0; i < r->time_count; i++) {
        const struct found_time *time = &r->times[i];
        if (called && time->role != ROLE_TIME)
            continue;
        if (chosen == NULL || contains(&chosen->when, &time->when)) /* the same, more exactly */
            chosen = time;
        else if (!contains(&time->when, &chosen->when))
            return error_set(err, RESULT_REJECT, "it has two times, %s and %s: give the one that is meant with --at",
                             when_text(&chosen->when, a), when_text(&time->when, b));
    }
    if (chosen == NULL)
        return RESULT_OK;
    ret->timed = true;
    ret->zoned = chosen->zoned;
    ret->at = chosen->when;
    return RESULT_OK;
}

/* ---- all of it */

enum result pasted_parse(const char *text, const struct when_here *here, struct pasted *ret_pasted, struct error *err)
{
    struct reading r = {.count = 0};
    struct found_address address = {.port = 0};
    struct pasted pasted = {0};
    if (strlen(text) > PASTED_MAX)
        return error_set(err, RESULT_REJECT, "it is longer than %u bytes: paste the lines that matter", PASTED_MAX);
    split(&r, text);
    find_addresses(&r);
    enum result result = choose_address(&r, &address, err);
    if (result == RESULT_OK)
        result = find_port(&r, &address, &pasted.port, err);
    if (result != RESULT_OK)
        return result;
    pasted.address = address.address;
    pasted.protocol = find_protocol(&r);
    find_times(&r, here);
    result = choose_time(&r, &pasted, err);
    if (result == RESULT_OK)
        *ret_pasted = pasted;
    return result;
}

const char *pasted_text(const struct pasted *pasted, char text[static PASTED_TEXT_MAX])
{
    char address[ADDRESS_TEXT_MAX], when[WHEN_TEXT_MAX], protocol[PROTOCOL_TEXT_MAX];
    int used = snprintf(text, PASTED_TEXT_MAX, "%s", address_port_text(pasted->address, pasted->port, address));
    if (pasted->protocol != 0)
        used +=
            snprintf(text + used, PASTED_TEXT_MAX - (size_t)used, ", %s", protocol_name(pasted->protocol, protocol));
    if (pasted->timed)
        snprintf(text + used, PASTED_TEXT_MAX - (size_t)used, ", at %s%s", when_text(&pasted->at, when),
                 pasted->zoned ? "" : " (taken as local, for it says no zone)");
    return text;
}
