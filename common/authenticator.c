/* SPDX-License-Identifier: Apache-2.0 */
/* The ZAP handler's thread and its list. */
#include "common/authenticator.h"

#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/address.h"
#include "common/clock.h"
#include "common/log.h"

#define ZAP_ENDPOINT       "inproc://zeromq.zap.01"
#define ZAP_FRAMES         7 /* version, request id, domain, address, routing id, mechanism, key */
#define ZAP_FRAME_MAX      256
#define ZAP_KEY_PROPERTY   "Pavo-Key"
#define REPORT_INTERVAL_NS (60 * NS_PER_S)
#define REPORTS_MAX        30 /* ... of all addresses together, of which a peer may have any number */
#define ADDRESS_MAX        64

struct address_gate {
    char address[ADDRESS_MAX];
    struct log_gate gate;
};

struct authenticator {
    void *socket; /* the thread's alone */
    int stop;     /* eventfd */
    pthread_t thread;
    authenticator_refused *refused;
    void *context;
    struct address_gate gates[AUTHENTICATOR_ADDRESSES]; /* the thread's alone */
    unsigned gate_count;
    int64_t reports_from; /* monotonic; the interval REPORTS_MAX is counted in */
    unsigned reports;
    uint64_t reports_kept_back;

    pthread_mutex_t lock; /* of what follows */
    struct enrolled *enrolled;
    struct authenticator_counts counts;
};

/* One question, its frames as NUL-terminated bytes. */
struct question {
    char frames[ZAP_FRAMES][ZAP_FRAME_MAX + 1];
    size_t lengths[ZAP_FRAMES];
    unsigned count; /* as came, also beyond ZAP_FRAMES */
    bool oversize;
};
enum { FRAME_VERSION, FRAME_REQUEST, FRAME_DOMAIN, FRAME_ADDRESS, FRAME_ROUTING, FRAME_MECHANISM, FRAME_KEY };

struct answer {
    const char *reason; /* of a refusal; NULL: let in */
    char name[SENSOR_NAME_MAX];
    char key[KEY_TEXT_SIZE];
};

/* False: interrupted or the context ends. */
static bool receive_question(void *socket, struct question *q)
{
    *q = (struct question){0};
    for (bool more = true; more; q->count++) {
        zmq_msg_t frame;
        zmq_msg_init(&frame);
        if (zmq_msg_recv(&frame, socket, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(&frame);
            return false;
        }
        size_t length = zmq_msg_size(&frame);
        if (length > ZAP_FRAME_MAX) {
            q->oversize = true;
        } else if (q->count < ZAP_FRAMES) {
            memcpy(q->frames[q->count], zmq_msg_data(&frame), length);
            q->lengths[q->count] = length;
        }
        more = zmq_msg_more(&frame);
        zmq_msg_close(&frame);
    }
    return true;
}

static void judge(struct authenticator *a, const struct question *q, struct answer *answer)
{
    enum key_door door;
    enum key_role role;
    const char *name;
    bool well_formed = q->count == ZAP_FRAMES && !q->oversize && strcmp(q->frames[FRAME_VERSION], "1.0") == 0 &&
                       strcmp(q->frames[FRAME_MECHANISM], "CURVE") == 0 && q->lengths[FRAME_KEY] == KEY_BYTES &&
                       key_door_parse(q->frames[FRAME_DOMAIN], &door) == RESULT_OK;
    const uint8_t *key = (const uint8_t *)q->frames[FRAME_KEY];
    pthread_mutex_lock(&a->lock);
    if (!well_formed) {
        answer->reason = "malformed request";
        a->counts.refused_malformed++;
    } else if (!enrolled_find(a->enrolled, key, &role, &name)) {
        answer->reason = "unknown key";
        a->counts.refused_unknown++;
    } else if (!key_role_may_enter(role, door)) {
        answer->reason = "key of another role";
        a->counts.refused_role++;
    } else {
        snprintf(answer->name, sizeof(answer->name), "%s", name);
        key_encode(key, answer->key);
        a->counts.accepted++;
    }
    pthread_mutex_unlock(&a->lock);
}

static void send_answer(void *socket, const struct question *q, const struct answer *answer)
{
    /* Status 300 ("temporary"): libzmq then closes without a word and the peer tries again; after a 400 it never would.
     */
    const char *status = answer->reason == NULL ? "200" : "300";
    uint8_t metadata[1 + sizeof(ZAP_KEY_PROPERTY) - 1 + 4 + KEY_TEXT_SIZE - 1];
    uint32_t value_length = htobe32(KEY_TEXT_SIZE - 1);
    uint8_t *at = metadata;
    *at++ = sizeof(ZAP_KEY_PROPERTY) - 1;
    at = mempcpy(at, ZAP_KEY_PROPERTY, sizeof(ZAP_KEY_PROPERTY) - 1);
    at = mempcpy(at, &value_length, sizeof(value_length));
    memcpy(at, answer->key, KEY_TEXT_SIZE - 1);
    const char *text = answer->reason == NULL ? "" : answer->reason;
    size_t metadata_length = answer->reason == NULL ? sizeof(metadata) : 0;
    if (zmq_send(socket, "1.0", 3, ZMQ_SNDMORE) < 0 ||
        zmq_send(socket, q->frames[FRAME_REQUEST], q->lengths[FRAME_REQUEST], ZMQ_SNDMORE) < 0 ||
        zmq_send(socket, status, 3, ZMQ_SNDMORE) < 0 || zmq_send(socket, text, strlen(text), ZMQ_SNDMORE) < 0 ||
        zmq_send(socket, answer->name, strlen(answer->name), ZMQ_SNDMORE) < 0 ||
        zmq_send(socket, metadata, metadata_length, 0) < 0)
        return; /* the asker is gone */
}

/* The gate of an address; when the table is full, that of the address silent longest is given over. */
static struct log_gate *gate_of(struct authenticator *a, const char *address)
{
    struct address_gate *oldest = &a->gates[0];
    for (unsigned i = 0; i < a->gate_count; i++) {
        struct address_gate *g = &a->gates[i];
        if (strcmp(g->address, address) == 0)
            return &g->gate;
        if (g->gate.last_ns < oldest->gate.last_ns)
            oldest = g;
    }
    struct address_gate *g = a->gate_count < AUTHENTICATOR_ADDRESSES ? &a->gates[a->gate_count++] : oldest;
    *g = (struct address_gate){0};
    snprintf(g->address, sizeof(g->address), "%s", address);
    return &g->gate;
}

/* True: one more line may be written; *suppressed grows by those that none were written of. */
static bool may_report(struct authenticator *a, int64_t now, uint64_t *suppressed)
{
    if (now - a->reports_from >= REPORT_INTERVAL_NS) {
        a->reports_from = now;
        a->reports = 0;
    }
    if (a->reports == REPORTS_MAX) {
        a->reports_kept_back += 1 + *suppressed;
        return false;
    }
    a->reports++;
    *suppressed += a->reports_kept_back;
    a->reports_kept_back = 0;
    return true;
}

static void report(struct authenticator *a, const struct question *q, const char *reason)
{
    uint64_t suppressed;
    int64_t now = clock_monotonic_ns();
    char address[ADDRESS_MAX];
    struct address parsed;
    if (address_parse(q->frames[FRAME_ADDRESS], &parsed) == RESULT_OK)
        address_text(parsed, address); /* IPv4 without the ::ffff: a dual-stack socket shows */
    else
        snprintf(address, sizeof(address), "%.63s", q->frames[FRAME_ADDRESS]);
    if (a->refused != NULL && log_gate_pass(gate_of(a, address), now, REPORT_INTERVAL_NS, &suppressed) &&
        may_report(a, now, &suppressed))
        a->refused(a->context, address, q->frames[FRAME_DOMAIN], reason, suppressed);
}

static void *run(void *argument)
{
    struct authenticator *a = argument;
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL); /* signals are the program's */
    zmq_pollitem_t items[] = {{.socket = a->socket, .events = ZMQ_POLLIN}, {.fd = a->stop, .events = ZMQ_POLLIN}};
    for (;;) {
        if (zmq_poll(items, 2, -1) < 0) {
            if (errno == EINTR)
                continue;
            break;
        }
        if (items[1].revents != 0)
            break;
        struct question q;
        struct answer answer = {0};
        if (!receive_question(a->socket, &q))
            continue;
        judge(a, &q, &answer);
        send_answer(a->socket, &q, &answer);
        if (answer.reason != NULL)
            report(a, &q, answer.reason);
    }
    zmq_close(a->socket);
    return NULL;
}

enum result authenticator_start(void *zmq_context, struct enrolled **enrolled, authenticator_refused *refused,
                                void *context, struct authenticator **ret_authenticator, struct error *err)
{
    struct authenticator *a = calloc(1, sizeof(*a));
    if (a == NULL)
        return error_set(err, RESULT_FATAL, "out of memory");
    a->refused = refused;
    a->context = context;
    a->enrolled = *enrolled;
    pthread_mutex_init(&a->lock, NULL);
    a->stop = eventfd(0, EFD_CLOEXEC);
    a->socket = zmq_socket(zmq_context, ZMQ_REP);
    int linger = 0;
    enum result r = RESULT_OK;
    if (a->stop < 0 || a->socket == NULL || zmq_setsockopt(a->socket, ZMQ_LINGER, &linger, sizeof(linger)) != 0 ||
        zmq_bind(a->socket, ZAP_ENDPOINT) != 0)
        r = error_set(err, RESULT_FATAL, "authenticator: %s", zmq_strerror(errno));
    int cause = r == RESULT_OK ? pthread_create(&a->thread, NULL, run, a) : 0;
    if (cause != 0)
        r = error_set(err, RESULT_FATAL, "authenticator: %s", strerror(cause));
    if (r != RESULT_OK) {
        if (a->socket != NULL)
            zmq_close(a->socket);
        if (a->stop >= 0)
            close(a->stop);
        pthread_mutex_destroy(&a->lock);
        free(a);
        return r;
    }
    *enrolled = NULL;
    *ret_authenticator = a;
    return RESULT_OK;
}

void authenticator_replace(struct authenticator *a, struct enrolled **enrolled)
{
    pthread_mutex_lock(&a->lock);
    struct enrolled *old = a->enrolled;
    a->enrolled = *enrolled;
    pthread_mutex_unlock(&a->lock);
    *enrolled = NULL;
    enrolled_destroy(&old);
}

void authenticator_counts_get(struct authenticator *a, struct authenticator_counts *ret_counts)
{
    pthread_mutex_lock(&a->lock);
    *ret_counts = a->counts;
    pthread_mutex_unlock(&a->lock);
}

bool authenticator_knows(struct authenticator *a, enum key_role role, const char *name)
{
    pthread_mutex_lock(&a->lock);
    bool known = enrolled_has(a->enrolled, role, name);
    pthread_mutex_unlock(&a->lock);
    return known;
}

const char *authenticator_key(zmq_msg_t *message)
{
    return zmq_msg_gets(message, ZAP_KEY_PROPERTY);
}

bool authenticator_admits_key(struct authenticator *a, enum key_door door, const char *user, const char *text,
                              enum key_role *ret_role)
{
    uint8_t key[KEY_BYTES];
    enum key_role role;
    const char *name;
    if (!key_decode(text, key))
        return false;
    pthread_mutex_lock(&a->lock);
    bool admitted =
        enrolled_find(a->enrolled, key, &role, &name) && key_role_may_enter(role, door) && strcmp(name, user) == 0;
    pthread_mutex_unlock(&a->lock);
    if (admitted)
        *ret_role = role;
    return admitted;
}

bool authenticator_admits(struct authenticator *a, enum key_door door, zmq_msg_t *message, enum key_role *ret_role)
{
    const char *user = zmq_msg_gets(message, "User-Id"), *key = authenticator_key(message);
    return user != NULL && key != NULL && authenticator_admits_key(a, door, user, key, ret_role);
}

bool authenticator_sign_key(struct authenticator *a, const char *reader, uint8_t ret_key[static KEY_BYTES])
{
    pthread_mutex_lock(&a->lock);
    bool found = enrolled_sign_key(a->enrolled, reader, ret_key);
    pthread_mutex_unlock(&a->lock);
    return found;
}

void authenticator_stop(struct authenticator **authenticator)
{
    struct authenticator *a = *authenticator;
    if (a == NULL)
        return;
    uint64_t one = 1;
    ssize_t written = write(a->stop, &one, sizeof(one));
    (void)written; /* an eventfd that is not full takes it */
    pthread_join(a->thread, NULL);
    close(a->stop);
    enrolled_destroy(&a->enrolled);
    pthread_mutex_destroy(&a->lock);
    free(a);
    *authenticator = NULL;
}
